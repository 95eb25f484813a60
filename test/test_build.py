# SPDX-License-Identifier: BSD-3-Clause
"""The Makefile, with two small files in place of the sources: which version is
built in, and what is built anew for another one."""

import os
import shutil
import subprocess

import pytest

TOP = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


@pytest.fixture
def tree(tmp_path):
    """Function that runs make in a small tree. Return: its output"""
    shutil.copy(f'{TOP}/Makefile', tmp_path)
    (tmp_path / 'conf.c').write_text(
        '#include <stdio.h>\nint main(void) { puts(VERSION); }\n')
    (tmp_path / 'other.c').write_text('extern int nothing;\n')

    def make(*args):
        env = {k: v for k, v in os.environ.items()
               if not k.startswith(('MAKE', 'MFLAGS', 'VERSION'))}
        return subprocess.run(['make', '-C', tmp_path, *args], check=True,
                              timeout=60, stdout=subprocess.PIPE, env=env,
                              text=True).stdout
    make.path = tmp_path
    return make


def version(tree, name='pasta'):
    """What the program says"""
    return subprocess.run([tree.path / name], stdout=subprocess.PIPE,
                          check=True, text=True).stdout.strip()


def git(tree, *args):
    """Run git in the tree"""
    subprocess.run(['git', '-C', tree.path, '-c', 'user.name=x',
                    '-c', 'user.email=x@example.com', *args], check=True,
                   timeout=30, stdout=subprocess.DEVNULL)


def test_version_without_git(tree):
    """A tree from an archive doesn't know its version"""
    tree()
    assert version(tree) == 'unknown'


def test_version_not_of_tree_around(tree):
    """The repository of a tree around this one tells nothing"""
    git(tree, 'init', '-q')
    git(tree, 'commit', '-q', '--allow-empty', '-m', 'around')
    inner = tree.path / 'inner'
    inner.mkdir()
    for name in 'Makefile', 'conf.c', 'other.c':
        shutil.copy(tree.path / name, inner)
    tree('-C', 'inner')
    assert version(tree, 'inner/pasta') == 'unknown'


def test_version_follows_git(tree):
    """A commit or tag later, make notices; other files are not compiled"""
    git(tree, 'init', '-q')
    git(tree, 'add', 'Makefile', 'conf.c', 'other.c')
    git(tree, 'commit', '-q', '-m', 'one')
    git(tree, 'tag', 'v1')
    tree()
    assert version(tree) == 'v1'
    git(tree, 'commit', '-q', '--allow-empty', '-m', 'two')
    git(tree, 'tag', 'v2')
    out = tree()
    assert version(tree) == 'v2'
    assert 'conf.o' in out and 'other.o other.c' not in out
    (tree.path / 'other.c').open('a').write('\n')
    tree()
    assert version(tree) == 'v2-dirty'


def test_nothing_to_do(tree):
    """The same version again compiles nothing"""
    tree('VERSION=7')
    assert version(tree) == '7'
    assert ' -c ' not in tree('VERSION=7')


def test_version_of_static_program(tree):
    """make static takes the version, too"""
    tree('static', 'VERSION=1')
    tree('static', 'VERSION=2')
    assert version(tree, 'passt.static') == '2'
