# SPDX-License-Identifier: BSD-3-Clause
"""What the tests of the namespace ring share: see lab.py for the laboratory.

The environment variable PASTA names another binary than ../pasta to test.
"""

import os
import signal
import tempfile

import pytest

import lab
import lab_vm
import vm
from traffic import Traffic


def pytest_configure():
    """Have signals do what they do by default

    Who started us may ignore some of them, such as nohup: programs that inherit
    this can't take them.
    """
    for number in signal.SIGHUP, signal.SIGQUIT:
        signal.signal(number, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_finish(session):
    """Have what machines are made of, if one is to run

    Now, as fetching it takes the real /etc/resolv.conf.
    """
    if not session.config.option.collectonly and any(
            'vm_image' in item.fixturenames for item in session.items):
        vm.build()


@pytest.fixture(scope='session')
def directory():
    """A directory that every user may enter, gone with the test process"""
    if os.geteuid() != 0:
        pytest.skip('the namespace ring needs root')
    path = tempfile.mkdtemp(prefix='pasta-test-')
    path_of_resolv_conf['path'] = lab.private_mounts(path)
    yield path
    lab.forget_mounts(path)


path_of_resolv_conf = {}


@pytest.fixture(scope='session')
def binary(directory):
    """Path of the pasta under test"""
    source = os.environ.get('PASTA', os.path.join(lab.TESTS, '../pasta'))
    return lab.install_binary(source, directory)


@pytest.fixture
def resolv_conf(directory):
    """Function that fills /etc/resolv.conf as this test sees it"""
    def fill(text):
        with open(path_of_resolv_conf['path'], 'w') as f:
            f.write(text)
    yield fill
    fill('')


@pytest.fixture
def scratch(directory):
    """A directory that every user may write to"""
    path = tempfile.mkdtemp(dir=directory)
    os.chmod(path, 0o777)
    return path


def make_topology(directory):
    """A topology whose files anyone may write"""
    path = tempfile.mkdtemp(dir=directory)
    os.chmod(path, 0o777)
    return lab.Topology(path)


@pytest.fixture(scope='session')
def shared_topology(directory):
    """One topology for all tests that leave it as it is"""
    t = make_topology(directory)
    yield t
    t.delete()


@pytest.fixture
def own_topology(directory):
    """A topology to take apart"""
    t = make_topology(directory)
    yield t
    t.delete()


@pytest.fixture
def topology(shared_topology):
    """The topology of this test; a file may override this by its own"""
    return shared_topology


@pytest.fixture
def launch(binary):
    """Function that starts pasta in a topology; all end with the test"""
    running = []

    def begin(topology, *options, **kwargs):
        running.append(lab.Pasta(topology, binary, *options, **kwargs))
        return running[-1]
    yield begin
    for pasta in running:
        if pasta.ns:
            pasta.stop()


@pytest.fixture
def start(topology, launch):
    """Function that starts pasta with options and a namespace of its own"""
    def begin(*options, **kwargs):
        return launch(topology, '--config-net', *options, **kwargs)
    return begin


@pytest.fixture
def start_own(own_topology, launch):
    """As start, in the topology to take apart"""
    def begin(*options, **kwargs):
        return launch(own_topology, '--config-net', *options, **kwargs)
    return begin


@pytest.fixture
def guest(start):
    """Namespace that pasta connects with default settings, rootless"""
    return start().ns


@pytest.fixture
def start_passt(topology, binary):
    """Function that starts passt with options; all end with the test"""
    running = []

    def begin(*options, **kwargs):
        running.append(lab_vm.Passt(topology, binary, *options, **kwargs))
        return running[-1]
    yield begin
    for passt in running:
        passt.stop()


@pytest.fixture
def start_vm(topology):
    """Function that connects a namespace as guest; all end with the test"""
    running = []

    def begin(s, **kwargs):
        running.append(lab_vm.Vm(topology, s, **kwargs))
        return running[-1]
    yield begin
    for vm in running:
        vm.delete()


@pytest.fixture
def traffic():
    """Function that makes Traffic, which ends with the test"""
    made = []

    def make(topology, pasta):
        made.append(Traffic(topology, pasta))
        return made[-1]
    yield make
    for t in made:
        t.stop()


@pytest.fixture(scope='session')
def vm_image(directory, binary):
    """Path of the image that virtual machines start with

    In there, the program under test is /bin/passt and /bin/pasta.
    """
    path = f'{directory}/vm-image'
    vm.make_image(path, [('/bin/passt', binary), ('/bin/pasta', binary)])
    return path
