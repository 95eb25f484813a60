# SPDX-License-Identifier: BSD-3-Clause
"""passt with guests on its stream socket: what QEMU's stream netdev does."""

import hashlib
import threading

import pytest

import lab_vm
from lab import SHARED4, SHARED6, WAIT_S, wait_for

REMOTES = [SHARED4, SHARED6]
SIZE = 8 << 20


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


def digest_of(s, size):
    """Digest of what arrives until the end of the stream"""
    h = hashlib.sha256()
    left = size
    while left:
        piece = s.recv(1 << 20)
        assert piece, f'{left} bytes missing'
        h.update(piece)
        left -= len(piece)
    assert s.recv(1) == b''
    return h.hexdigest()


def transfer(sender, receiver, size=SIZE):
    """Send data one way. Both are connected sockets, closed after that"""
    data = hashlib.shake_128(b'passt').digest(1 << 20) * (size >> 20)

    def send():
        sender.sendall(data)
        sender.close()
    thread = threading.Thread(target=send)
    thread.start()
    got = digest_of(receiver, size)
    thread.join()
    receiver.close()
    assert got == hashlib.sha256(data).hexdigest()


def connect(client_ns, server_ns, address, port=0):
    """A connection. Return: the client's socket, the server's"""
    with server_ns.tcp_listen(address, port) as server:
        client = client_ns.tcp_connect(address, server.getsockname()[1])
        peer, _ = server.accept()
        peer.settimeout(WAIT_S)
        return client, peer


@pytest.fixture
def vm(start_passt, start_vm):
    """A guest that is up, with default settings"""
    return start_vm(start_passt().connect()).up()


@pytest.mark.parametrize('address', REMOTES)
def test_tcp_both_ways(vm, topology, address):
    """Data arrives as it was sent"""
    client, peer = connect(vm.ns, topology.remote1, address)
    transfer(client, peer)
    client, peer = connect(vm.ns, topology.remote1, address)
    transfer(peer, client)


@pytest.mark.parametrize('address', REMOTES)
def test_ping(vm, address):
    """Echo requests are answered"""
    out = vm.ns.run(f'ping -c 2 -i 0.2 -W {WAIT_S} {address}').stdout
    assert ' 0% packet loss' in out
