# SPDX-License-Identifier: BSD-3-Clause
"""UDP between the namespace and the outside."""

import contextlib
import socket

import pytest

from lab import SHARED4, SHARED6, WAIT_S

REMOTES = [SHARED4, SHARED6]
LARGEST = 65507
PORT = 2000


def exchange(guest, remote, address, question, answer):
    """One datagram each way, byte for byte"""
    with remote.udp(address, PORT) as server, \
            guest.udp(v6=':' in address) as client:
        client.sendto(question, (address, PORT))
        data, peer = server.recvfrom(70000)
        assert data == question
        server.sendto(answer, peer)
        data, (source, port, *_) = client.recvfrom(70000)
        assert data == answer
        assert (source, port) == (address, PORT)


@pytest.mark.parametrize('address', REMOTES)
@pytest.mark.parametrize('size', [1, 2, 3, 1471, 1472, 1473, 8192])
def test_sizes(guest, topology, address, size):
    """Odd and even sizes, around what an Ethernet frame takes"""
    exchange(guest, topology.remote1, address, bytes(i % 251 for i in
                                                     range(size)), b'y' * size)


@pytest.mark.parametrize('address', REMOTES)
def test_zero_length(guest, topology, address):
    """Scenario 33: datagrams without a byte pass both ways"""
    exchange(guest, topology.remote1, address, b'', b'')


@pytest.mark.parametrize('address', REMOTES)
@pytest.mark.parametrize('mtu', [1500, 65520])
def test_largest(start, topology, address, mtu):
    """65507 bytes both ways, in fragments whatever the MTU"""
    block = bytes(i % 251 for i in range(LARGEST))
    exchange(start('--mtu', str(mtu)).ns, topology.remote1, address, block,
             block[::-1])


def test_leave_to_cut(guest, topology):
    """Routers may cut datagrams to fragments if the guest lets them"""
    with topology.remote1.socket(socket.AF_INET, socket.SOCK_RAW,
                                 socket.IPPROTO_UDP) as raw, \
            topology.remote1.udp(SHARED4, PORT), guest.udp() as client:
        raw.settimeout(WAIT_S)
        # IP_PMTUDISC_WANT, _DONT, _DO
        for i, how in enumerate((1, 0, 0, 2, 0)):
            # IP_MTU_DISCOVER
            client.setsockopt(socket.IPPROTO_IP, 10, how)
            client.sendto(b'%d' % i, (SHARED4, PORT))
            packet = raw.recv(100)
            assert packet[28:] == b'%d' % i
            assert bool(packet[6] & 0x40) == bool(how)


@contextlib.contextmanager
def another_address(ns, address, length):
    """One address more, gone afterwards: others would be sent from it"""
    ns.ip(f'addr add {address}/{length} dev up0 nodad')
    try:
        yield
    finally:
        ns.ip(f'addr del {address}/{length} dev up0')


@pytest.mark.parametrize('address', REMOTES)
def test_several_destinations_from_one_port(guest, topology, address):
    """Scenario 35: a socket that talks to two servers keeps them apart"""
    other = '192.0.2.9' if address == SHARED4 else '2001:db8:1::9'
    length = 32 if address == SHARED4 else 128
    with another_address(topology.remote1, other, length), \
            topology.remote1.udp(address, PORT) as one, \
            topology.remote1.udp(other, PORT) as two, \
            guest.udp(v6=':' in address) as client:
        servers = {address: one, other: two}
        for destination in servers:
            client.sendto(destination.encode(), (destination, PORT))
        for destination, server in servers.items():
            data, peer = server.recvfrom(100)
            assert data == destination.encode()
            server.sendto(data, peer)
        answers = set()
        for _ in servers:
            data, (source, *_) = client.recvfrom(100)
            answers.add((source, data.decode()))
        assert answers == {(a, a) for a in servers}


@pytest.mark.parametrize('address', REMOTES)
def test_many_datagrams(guest, topology, address):
    """A question and an answer at a time, a thousand times from one socket"""
    with topology.remote1.udp(address, PORT) as server, \
            guest.udp(v6=':' in address) as client:
        for i in range(1000):
            client.sendto(b'%d' % i, (address, PORT))
            data, peer = server.recvfrom(100)
            server.sendto(data, peer)
            assert client.recv(100) == b'%d' % i


@pytest.mark.parametrize('address', REMOTES)
def test_many_flows(guest, topology, address):
    """Scenario 43: 500 sockets at a time, then as many again"""
    with topology.remote1.udp(address, PORT) as server:
        for _ in range(2):
            clients = [guest.udp(v6=':' in address) for _ in range(500)]
            for i, client in enumerate(clients):
                client.sendto(b'%d' % i, (address, PORT))
                data, peer = server.recvfrom(100)
                server.sendto(data, peer)
            for i, client in enumerate(clients):
                assert client.recv(100) == b'%d' % i
                client.close()


@pytest.mark.parametrize('address', REMOTES)
def test_refused(guest, topology, address):
    """Scenario 37: an ICMP error reaches the sender, and only once"""
    with guest.udp(v6=':' in address) as client:
        client.connect((address, 9))
        client.send(b'x')
        with pytest.raises(ConnectionRefusedError):
            client.recv(100)
        client.settimeout(0.2)
        with pytest.raises(TimeoutError):
            client.recv(100)
    exchange(guest, topology.remote1, address, b'a', b'b')


@pytest.mark.parametrize('destination', ['192.0.2.255', '255.255.255.255'])
def test_broadcast(guest, topology, destination):
    """Scenario 36: broadcasts leave the host"""
    with topology.remote1.udp('0.0.0.0', PORT) as server, \
            guest.udp() as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
        client.sendto(b'anybody?', (destination, PORT))
        assert server.recv(100) == b'anybody?'


@pytest.mark.parametrize('group', ['239.255.255.250', 'ff05::c'])
def test_multicast(guest, topology, group):
    """Scenario 36: SSDP searches leave the host"""
    v6 = ':' in group
    with topology.remote1.udp('::' if v6 else '0.0.0.0', 1900) as server, \
            guest.udp(v6=v6) as client:
        if v6:
            with topology.remote1:
                index = socket.if_nametoindex('up0')
            server.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_JOIN_GROUP,
                              socket.inet_pton(socket.AF_INET6, group)
                              + index.to_bytes(4, 'little'))
        else:
            server.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP,
                              socket.inet_aton(group)
                              + socket.inet_aton('192.0.2.1'))
        client.sendto(b'M-SEARCH', (group, 1900))
        assert server.recv(100) == b'M-SEARCH'


@pytest.mark.parametrize('gateway, loopback', [
    ('192.0.2.1', '127.0.0.1'), ('2001:db8:1::1', '::1')])
def test_gateway_means_host_loopback(guest, topology, gateway, loopback):
    """The gateway's address reaches what is bound to the host's loopback"""
    with topology.host.udp(loopback, PORT) as server, \
            guest.udp(v6=':' in gateway) as client:
        client.sendto(b'x', (gateway, PORT))
        data, peer = server.recvfrom(100)
        assert peer[0] == loopback
        server.sendto(b'y', peer)
        data, peer = client.recvfrom(100)
        assert (data, peer[0]) == (b'y', gateway)


@pytest.mark.parametrize('gateway', ['192.0.2.1', '2001:db8:1::1'])
def test_no_map_gw(start, topology, gateway):
    """--no-map-gw: the gateway's address is the gateway's"""
    exchange(start('--no-map-gw').ns, topology.remote1, gateway, b'x', b'y')


def test_no_udp(start, topology):
    """--no-udp: nothing arrives"""
    guest = start('--no-udp').ns
    with topology.remote1.udp(SHARED4, PORT) as server, guest.udp() as client:
        client.sendto(b'x', (SHARED4, PORT))
        server.settimeout(0.3)
        with pytest.raises(TimeoutError):
            server.recv(100)
