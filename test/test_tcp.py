# SPDX-License-Identifier: BSD-3-Clause
"""TCP connections that the namespace opens, seen from both ends."""

import contextlib
import os
import re
import socket
import struct
import threading
import time

import pytest

from lab import SHARED4, SHARED6, WAIT_S, wait_for

REMOTES = [SHARED4, SHARED6]
GATEWAYS = ['192.0.2.1', '2001:db8:1::1']
LOOPBACKS = ['127.0.0.1', '::1']
CHUNK = bytes(range(256)) * 4096


@contextlib.contextmanager
def connection(guest, server_ns, address, bound_to=None):
    """A connection from the guest. Yield: its socket, the server's"""
    with server_ns.tcp_listen(bound_to or address) as server:
        with guest.tcp_connect(address, server.getsockname()[1]) as client:
            peer, _ = server.accept()
            peer.settimeout(WAIT_S)
            with peer:
                yield client, peer


def receive(s, size):
    """Exactly @size bytes, or less at the end of the stream"""
    data = b''
    while len(data) < size:
        piece = s.recv(size - len(data))
        if not piece:
            break
        data += piece
    return data


@contextlib.contextmanager
def sending(s, data):
    """Send @data and close, while somebody else receives"""
    def send():
        s.sendall(data)
        s.close()
    thread = threading.Thread(target=send)
    thread.start()
    yield
    thread.join()


def is_echoing(client, peer):
    """One byte gets there and back"""
    client.sendall(b'?')
    peer.sendall(peer.recv(1))
    return client.recv(1) == b'?'


@pytest.mark.parametrize('address', REMOTES)
def test_server_speaks_first(guest, topology, address):
    """Scenario 1: a greeting arrives without a word from the client"""
    with connection(guest, topology.remote1, address) as (client, peer):
        peer.sendall(b'220 hello\r\n')
        assert client.recv(100) == b'220 hello\r\n'


@pytest.mark.parametrize('address', REMOTES)
def test_source_ports(guest, topology, address):
    """Connections leave from ports of both parities, so that none of them has
    to wait until all ports of one are found to be in use"""
    if tuple(map(int, re.findall(r'\d+', os.uname().release)[:2])) < (6, 8):
        pytest.skip('this kernel takes even ports first in any case')
    parities = set()
    with contextlib.ExitStack() as stack:
        for _ in range(40):
            _, peer = stack.enter_context(
                connection(guest, topology.remote1, address))
            parities.add(peer.getpeername()[1] % 2)
    assert parities == {0, 1}


@pytest.mark.parametrize('address', REMOTES)
def test_refused_by_remote(guest, address):
    """A port where nobody listens refuses, like without pasta"""
    with pytest.raises(ConnectionRefusedError):
        guest.tcp_connect(address, 9)


@pytest.mark.parametrize('gateway', GATEWAYS)
def test_refused_through_gateway_mapping(guest, topology, gateway):
    """Scenario 12: a closed port of the host resets, and pasta lives on"""
    with pytest.raises(ConnectionRefusedError):
        guest.tcp_connect(gateway, 9)
    with connection(guest, topology.remote1, SHARED4) as ends:
        assert is_echoing(*ends)


@pytest.mark.parametrize('address', REMOTES)
def test_port_zero(guest, topology, address):
    """Scenario 11: connecting to port 0 fails without harm"""
    with pytest.raises(OSError):
        guest.tcp_connect(address, 0, timeout=1)
    with connection(guest, topology.remote1, address) as ends:
        assert is_echoing(*ends)


@pytest.mark.parametrize('address', REMOTES)
def test_nonlocal_bind(own_topology, start_own, address):
    """Scenario 13: ip_nonlocal_bind on the host changes nothing"""
    own_topology.host.sysctl(ipv4__ip_nonlocal_bind=1,
                             ipv6__ip_nonlocal_bind=1)
    pasta = start_own()
    with connection(pasta.ns, own_topology.remote1, address) as ends:
        assert is_echoing(*ends)


@pytest.mark.parametrize('address', REMOTES)
def test_bulk_has_a_long_buffer(guest, topology, address):
    """A far sender needn't wait for window: the host's socket takes more at
    once than has come so far, and still tells of single bytes"""
    with connection(guest, topology.remote1, address) as (client, peer):
        def buffer_size():
            port = peer.getsockname()[1]
            info = topology.host.run(f'ss -tnmH dport = {port}').stdout
            return int(re.search(r',rb(\d+),', info)[1])
        peer.sendall(b'!')
        assert receive(client, 1) == b'!'
        at_first = buffer_size()
        for size in (30000, 30000):
            peer.sendall(CHUNK[:size])
            assert receive(client, size) == CHUNK[:size]
        wait_for(lambda: buffer_size() >= 8 * at_first, 'long buffer')
        assert is_echoing(client, peer) and is_echoing(peer, client)


@pytest.mark.parametrize('address', REMOTES)
def test_half_close_by_client(guest, topology, address):
    """The server may go on sending after it has seen the end of the request"""
    with connection(guest, topology.remote1, address) as (client, peer):
        client.sendall(b'request')
        client.shutdown(socket.SHUT_WR)
        assert receive(peer, 100) == b'request'
        with sending(peer, CHUNK):
            assert receive(client, len(CHUNK) + 1) == CHUNK


@pytest.mark.parametrize('address', REMOTES)
def test_half_close_by_server(guest, topology, address):
    """The client may go on sending after it has seen the server's end"""
    with connection(guest, topology.remote1, address) as (client, peer):
        peer.sendall(b'enough')
        peer.shutdown(socket.SHUT_WR)
        assert receive(client, 100) == b'enough'
        # Nothing of it stays in the host's memory
        port = peer.getsockname()[1]
        wait_for(lambda: topology.host.run(
            f'ss -tnH dport = {port}').stdout.split()[1] in '01', 'empty queue')
        with sending(client, CHUNK):
            assert receive(peer, len(CHUNK) + 1) == CHUNK


@pytest.mark.parametrize('address', REMOTES)
def test_close_with_data_in_flight(guest, topology, address):
    """All that was sent before close() arrives before the end"""
    with connection(guest, topology.remote1, address) as (client, peer):
        client.sendall(CHUNK[:100000])
        client.close()
        assert receive(peer, 100001) == CHUNK[:100000]


@pytest.mark.parametrize('address', REMOTES)
def test_urgent_data(guest, topology, address):
    """Urgent data of the server stays where it is in the stream"""
    with connection(guest, topology.remote1, address) as (client, peer):
        peer.send(b'ABC')
        peer.send(b'!', socket.MSG_OOB)
        peer.send(b'DEF')
        assert receive(client, 7) == b'ABC!DEF'
        peer.close()
        assert client.recv(1) == b''


def reset(s):
    """Close with a RST"""
    s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 0))
    s.close()


@pytest.mark.parametrize('address', REMOTES)
@pytest.mark.parametrize('pause_s', [0, 0.05])
def test_urgent_data_from_remote(guest, topology, address, pause_s):
    """Urgent data is data in its place: nothing is lost, doubled or late"""
    with connection(guest, topology.remote1, address) as (client, peer):
        for data, flags in ((b'ABC', 0), (b'!', socket.MSG_OOB), (b'DEF', 0),
                            (b'?', socket.MSG_OOB), (b'G', 0)):
            peer.send(data, flags)
            time.sleep(pause_s)
        assert receive(client, 9) == b'ABC!DEF?G'
        assert is_echoing(client, peer)
        peer.send(b'.', socket.MSG_OOB)
        peer.close()
        assert receive(client, 2) == b'.'


@pytest.mark.parametrize('address', REMOTES)
def test_reset_by_remote(guest, topology, address):
    """A reset reaches the namespace as a reset"""
    with connection(guest, topology.remote1, address) as (client, peer):
        assert is_echoing(client, peer)
        reset(peer)
        with pytest.raises(ConnectionResetError):
            client.recv(1)


@pytest.mark.parametrize('address', REMOTES)
def test_reset_by_client(guest, topology, address):
    """A reset reaches the server as a reset"""
    with connection(guest, topology.remote1, address) as (client, peer):
        assert is_echoing(client, peer)
        reset(client)
        with pytest.raises(ConnectionResetError):
            peer.recv(1)


@pytest.mark.parametrize('address', REMOTES)
def test_many_connections(guest, topology, address):
    """400 connections at a time, each with its own bytes"""
    with contextlib.ExitStack() as stack:
        server = stack.enter_context(topology.remote1.tcp_listen(address))
        port = server.getsockname()[1]
        pairs = {}
        for _ in range(400):
            client = stack.enter_context(guest.tcp_connect(address, port))
            peer, _ = server.accept()
            pairs[client] = stack.enter_context(peer)
        for i, client in enumerate(pairs):
            client.sendall(struct.pack('I', i))
        for i, peer in enumerate(pairs.values()):
            assert receive(peer, 4) == struct.pack('I', i)


@pytest.mark.parametrize('address', REMOTES)
def test_same_source_port_again(guest, topology, address):
    """Scenario 3: the same four-tuple may connect again after its end"""
    with topology.remote1.tcp_listen(address) as server:
        for round_ in range(5):
            client = guest.socket(server.family, socket.SOCK_STREAM)
            client.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            client.bind(('', 20000))
            client.connect((address, server.getsockname()[1]))
            peer, _ = server.accept()
            peer.sendall(bytes([round_]))
            peer.close()
            assert receive(client, 2) == bytes([round_])
            reset(client)


@pytest.mark.parametrize('gateway, loopback', zip(GATEWAYS, LOOPBACKS))
def test_gateway_means_host_loopback(guest, topology, gateway, loopback):
    """The gateway's address reaches what listens on the host's loopback"""
    with connection(guest, topology.host, gateway, loopback) as (client, peer):
        assert is_echoing(client, peer)
        assert peer.getpeername()[0] == loopback


@pytest.mark.parametrize('gateway', GATEWAYS)
def test_no_map_gw(start, topology, gateway):
    """--no-map-gw: the gateway's address is the gateway's"""
    guest = start('--no-map-gw').ns
    with connection(guest, topology.remote1, gateway) as ends:
        assert is_echoing(*ends)


@pytest.mark.parametrize('gateway', GATEWAYS)
def test_map_host_loopback_none(start, topology, gateway):
    """--map-host-loopback none does the same"""
    guest = start('--map-host-loopback', 'none').ns
    with connection(guest, topology.remote1, gateway) as ends:
        assert is_echoing(*ends)


@pytest.mark.parametrize('address, loopback', zip(
    ['198.18.0.1', '2001:db8:ffff::1'], LOOPBACKS))
def test_map_host_loopback(start, topology, address, loopback):
    """--map-host-loopback ADDR: that address, and not the gateway's"""
    guest = start('--map-host-loopback', address).ns
    with connection(guest, topology.host, address, loopback) as ends:
        assert is_echoing(*ends)
    gateway = GATEWAYS[LOOPBACKS.index(loopback)]
    with connection(guest, topology.remote1, gateway) as ends:
        assert is_echoing(*ends)


@pytest.mark.parametrize('address, own', zip(
    ['198.18.0.2', '2001:db8:ffff::2'], ['192.0.2.2', '2001:db8:1::2']))
def test_map_guest_addr(start, topology, address, own):
    """--map-guest-addr ADDR reaches the host at the address both share"""
    guest = start('--map-guest-addr', address).ns
    with connection(guest, topology.host, address, own) as ends:
        assert is_echoing(*ends)


def test_no_tcp(start):
    """--no-tcp: nobody answers at all"""
    with pytest.raises(TimeoutError):
        start('--no-tcp').ns.tcp_connect(SHARED4, 9, timeout=0.5)


def test_host_without_ipv6_route(own_topology, start_own):
    """IPv6 fails at once, not after minutes, if the host has none"""
    own_topology.host.sysctl(ipv6__conf__eth0__disable_ipv6=1,
                             ipv6__conf__eth1__disable_ipv6=1)
    pasta = start_own()
    with pytest.raises(OSError) as error:
        pasta.ns.tcp_connect(SHARED6, 80)
    assert not isinstance(error.value, TimeoutError)
    with connection(pasta.ns, own_topology.remote1, SHARED4) as ends:
        assert is_echoing(*ends)


def test_interface_down_and_up(guest, topology):
    """Scenario 80: the namespace may take its interface down for a while"""
    guest.ip('link set eth0 down')
    with pytest.raises(OSError):
        guest.tcp_connect(SHARED4, 9)
    guest.ip('link set eth0 up', 'route add default dev eth0')
    with connection(guest, topology.remote1, SHARED4) as ends:
        assert is_echoing(*ends)
