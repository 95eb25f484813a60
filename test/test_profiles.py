# SPDX-License-Identifier: BSD-3-Clause
"""Profiles in contrib/ for AppArmor and SELinux: do their tools take them?

No more than that can be seen on a machine that uses neither.
"""

import glob
import os
import re
import shutil
import subprocess

import pytest

import lab

CONTRIB = os.path.join(lab.TESTS, '../contrib')
APPARMOR = f'{CONTRIB}/apparmor/passt'
POLICY = '/usr/share/selinux/devel/Makefile'
MODULES = ['passt', 'pasta']


def parse_apparmor(path):
    """Compile a profile. Return: what the parser returned"""
    return subprocess.run(['apparmor_parser', '-Q', '-K', path], text=True,
                          capture_output=True)


def test_apparmor(tmp_path):
    """The profile compiles; with a mistake it does not"""
    done = parse_apparmor(APPARMOR)
    assert done.returncode == 0, done.stderr
    broken = tmp_path / 'broken'
    with open(APPARMOR) as f:
        broken.write_text(f.read().replace('pivot_root,', 'pivot_route,'))
    assert parse_apparmor(broken).returncode


def build_selinux(directory, *modules):
    """Build policy packages. Return: what make returned"""
    return subprocess.run(['make', '-f', POLICY,
                           *(f'{m}.pp' for m in modules)], cwd=directory,
                          text=True, capture_output=True)


@pytest.fixture
def selinux(tmp_path):
    """A directory with our modules, and one that uses all they offer"""
    interfaces = []
    for path in glob.glob(f'{CONTRIB}/selinux/*'):
        shutil.copy(path, tmp_path)
        with open(path) as f:
            interfaces += re.findall(r"^interface\(`(\w+)'", f.read(), re.M)
    assert len(interfaces) == 6
    (tmp_path / 'caller.te').write_text(
        'policy_module(caller, 1.0.0)\ntype caller_t;\ntype caller_exec_t;\n'
        'application_domain(caller_t, caller_exec_t)\n' +
        ''.join(f'{name}(caller_t)\n' for name in interfaces))
    return tmp_path


def test_selinux(selinux):
    """The modules compile, with file contexts and interfaces"""
    done = build_selinux(selinux, *MODULES, 'caller')
    assert done.returncode == 0, done.stdout + done.stderr
    for name in MODULES:
        assert (selinux / f'{name}.pp').stat().st_size > 0


@pytest.mark.parametrize('name', MODULES)
def test_selinux_mistakes(selinux, name):
    """With a mistake they don't"""
    with open(selinux / f'{name}.te', 'a') as f:
        f.write(f'allow {name}_t self:capability no_such_thing;\n')
    assert build_selinux(selinux, name).returncode
