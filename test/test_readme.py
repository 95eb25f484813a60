# SPDX-License-Identifier: BSD-3-Clause
"""README.md against the tree: files, options and targets it names exist."""

import glob
import os
import re

TOP = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


def read(name):
    """Text of a file"""
    with open(os.path.join(TOP, name), encoding='utf-8') as f:
        return f.read()


def test_each_module_is_in_the_table():
    """Whoever looks for a module finds it, and finds none that isn't there"""
    modules = {os.path.basename(p) for p in glob.glob(f'{TOP}/*.c')}
    assert set(re.findall(r'`(\w+\.c)`', read('README.md'))) == modules


def test_options_exist():
    """Options of the examples are those of the manual page"""
    known = set(re.findall(r'^\.It Fl .*?-([a-z][a-z0-9-]+)', read('passt.1'),
                           re.M))
    named = set(re.findall(r'[\s`]--([a-z0-9-]+)', read('README.md')))
    assert named and named <= known


def test_targets_exist():
    """make knows what is named with it"""
    targets = set(re.findall(r'^([\w ]+):', read('Makefile'), re.M))
    known = {word for line in targets for word in line.split()}
    named = set(re.findall(r'(?:`|    )make (\w+)', read('README.md')))
    assert {'check', 'unit', 'lint', 'install'} <= named <= known
