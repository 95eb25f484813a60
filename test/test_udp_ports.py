# SPDX-License-Identifier: BSD-3-Clause
"""UDP by forwarded ports: from remotes and from the host to the namespace, and
from the namespace to the host's loopback.

What every kind has to do is run for three ways: through the guest's link, and
between sockets in either direction.
"""

import contextlib
import json
import socket
import threading

import pytest

from lab import WAIT_S, kill, wait_for

PORT, TO_PORT = 7001, 9001
LARGEST = 65507
NONE = ('-t', 'none', '-T', 'none')
LINK4, LINK6 = ('192.0.2.2', '198.51.100.2'), ('2001:db8:1::2',
                                               '2001:db8:2::2')
LO4, LO6 = ('127.0.0.1', '127.0.0.5'), ('::1',)


# How clients reach a server: options of pasta, addresses that they contact
WAYS = {
    'link': (('-u', f'{PORT}:{TO_PORT}', '-U', 'none'), LINK4, LINK6),
    'to namespace': (('-u', f'{PORT}:{TO_PORT}', '-U', 'none',
                      '--host-lo-to-ns-lo'), LO4, LO6),
    'to host': (('-U', f'{PORT}:{TO_PORT}', '-u', 'none'), LO4, LO6),
}


class Setup:
    """A running pasta: client(), server() and the addresses to contact"""

    def __init__(self, topology, start, name, v6):
        options, contact4, contact6 = WAYS[name]
        self.v6, self.any = v6, '::' if v6 else '0.0.0.0'
        self.contact = contact6 if v6 else contact4
        self.pasta = start(*NONE, *options)
        guest = self.pasta.ns
        self.near, self.there = {
            'link': (topology.remote1, guest),
            'to namespace': (topology.host, guest),
            'to host': (guest, topology.host)}[name]
        self.stack = contextlib.ExitStack()

    def server(self, address=None):
        """Socket of a server, at any address unless one is given"""
        return self.stack.enter_context(self.there.udp(address or self.any,
                                                       TO_PORT))

    def client(self):
        """Socket of a client"""
        return self.stack.enter_context(self.near.udp(v6=self.v6))


@pytest.fixture(params=[(w, v6) for w in WAYS for v6 in (False, True)],
                ids=lambda p: f'{p[0]} {"v6" if p[1] else "v4"}')
def way(request, topology, start):
    """Each way, with each IP version"""
    setup = Setup(topology, start, *request.param)
    with setup.stack:
        yield setup


def test_sizes(way):
    """Scenario 33: datagrams without a byte, and the longest, both ways"""
    server, client = way.server(), way.client()
    for size in 0, 1, 1472, 1473, 0, 8191, LARGEST, 0:
        question = bytes(i % 251 for i in range(size))
        client.sendto(question, (way.contact[0], PORT))
        data, peer = server.recvfrom(70000)
        assert data == question
        server.sendto(question[::-1], peer)
        data, (address, port, *_) = client.recvfrom(70000)
        # Scenario 34: it comes from where the question went
        assert (data, address, port) == (question[::-1], way.contact[0], PORT)


def test_several_clients(way):
    """Scenario 35: clients of one port are kept apart"""
    server = way.server()
    clients = [way.client() for _ in range(50)]
    for i, client in enumerate(clients):
        client.sendto(b'%d' % i, (way.contact[0], PORT))
    peers = {}
    for _ in clients:
        data, peer = server.recvfrom(100)
        assert peer not in peers.values()
        peers[data] = peer
    for data in reversed(peers):
        server.sendto(data, peers[data])
    for i, client in enumerate(clients):
        assert client.recv(100) == b'%d' % i


def test_contacted_address(way):
    """Scenario 38: one client, several addresses, each answers for itself;
    scenario 30: 127.0.0.5 is another server's
    """
    client = way.client()
    if way.contact in (LO4, LO6):
        servers = {address: way.server(address) for address in way.contact}
    else:
        servers = dict.fromkeys(way.contact, way.server())
    peers = {}
    for address, server in servers.items():
        client.sendto(address.encode(), (address, PORT))
        data, peer = server.recvfrom(100)
        assert data == address.encode() and peer not in peers.values()
        peers[address] = peer
    for address in reversed(way.contact):
        servers[address].sendto(address.encode(), peers[address])
        data, (source, port, *_) = client.recvfrom(100)
        assert (data.decode(), source, port) == (address, address, PORT)


def test_client_stays_itself(way):
    """What a client sends later comes from the same peer"""
    server, client = way.server(), way.client()
    seen = set()
    for i in range(20):
        client.sendto(b'%d' % i, (way.contact[0], PORT))
        data, peer = server.recvfrom(100)
        assert data == b'%d' % i
        seen.add(peer)
    assert len(seen) == 1


def counters(*namespaces):
    """Datagrams sent so far"""
    return [ns.counter(name) for ns in namespaces
            for name in ('UdpOutDatagrams', 'Udp6OutDatagrams')]


def test_no_server(way):
    """Scenario 37: nobody there is no reason for a storm, nor for giving up"""
    client = way.client()
    for i in range(50):
        client.sendto(b'%d' % i, (way.contact[0], PORT))
    server = way.server()
    client.sendto(b'there', (way.contact[0], PORT))
    data = b''
    while data != b'there':
        data, peer = server.recvfrom(100)
    server.sendto(b'yes', peer)
    assert client.recv(100) == b'yes'


def test_many_datagrams(way):
    """A question and an answer at a time, a thousand times"""
    server, client = way.server(), way.client()
    client.connect((way.contact[0], PORT))
    for i in range(1000):
        client.send(b'%d' % i)
        data, peer = server.recvfrom(100)
        server.sendto(data, peer)
        assert client.recv(100) == b'%d' % i


def test_joined(way):
    """Datagrams that the kernel carries as one arrive as they were sent"""
    server, client = way.server(), way.client()
    client.setsockopt(socket.IPPROTO_UDP, 103, 1000)    # UDP_SEGMENT
    block = bytes(i % 251 for i in range(20500))
    client.sendto(block, (way.contact[0], PORT))
    for off in range(0, len(block), 1000):
        data, peer = server.recvfrom(70000)
        assert data == block[off:off + 1000]
    server.setsockopt(socket.IPPROTO_UDP, 103, 700)
    server.sendto(block, peer)
    for off in range(0, len(block), 700):
        assert client.recv(70000) == block[off:off + 700]


def test_port_is_free_afterwards(topology, start):
    """A listener keeps its port from others as long as pasta runs"""
    pasta = start(*NONE, '-u', str(PORT), '-U', 'none')
    with pytest.raises(OSError):
        topology.host.udp('0.0.0.0', PORT)
    pasta.stop()
    topology.host.udp('0.0.0.0', PORT).close()


@pytest.mark.parametrize('address', ['127.0.0.1', '::1'])
def test_ports_in_a_circle(topology, start, address):
    """Ports that lead to each other: a datagram ends, it isn't a storm"""
    guest = start(*NONE, '-u', str(PORT), '-U', str(PORT),
                  '--host-lo-to-ns-lo').ns
    with topology.host.udp(v6=':' in address) as client:
        client.sendto(b'x', (address, PORT))
        client.settimeout(0.2)
        with pytest.raises(TimeoutError):
            client.recv(100)
        before = counters(topology.host, guest)
        with pytest.raises(TimeoutError):
            client.recv(100)
        assert counters(topology.host, guest) == before


@pytest.mark.parametrize('address', ['192.0.2.3', '2001:db8:1::3'])
def test_gone_client(topology, start, address):
    """Scenario 37: the server learns that its client is gone"""
    guest = start(*NONE, '-u', str(PORT), '-U', 'none').ns
    v6 = ':' in address
    remote = topology.remote1
    with guest.udp('::' if v6 else '0.0.0.0', PORT) as server:
        with remote.udp(v6=v6) as client:
            client.sendto(b'x', (address, PORT))
            data, peer = server.recvfrom(100)
        server.connect(peer)
        server.send(b'y')
        with pytest.raises(ConnectionRefusedError):
            server.recv(100)


def test_link_local_client(topology, start):
    """A client that has but a link-local address, and contacts such a one"""
    guest = start(*NONE, '-u', str(PORT), '-U', 'none').ns

    def link_local(ns, interface):
        out = json.loads(ns.run(f'ip -j -6 addr show {interface}').stdout)
        return next(a['local'] for a in out[0]['addr_info']
                    if a['scope'] == 'link')
    remote = topology.remote1
    there = link_local(topology.host, 'eth0')
    with remote:
        index = socket.if_nametoindex('up0')
    with guest.udp('::', PORT) as server, remote.udp(v6=True) as client:
        client.bind((link_local(remote, 'up0'), 0, 0, index))
        client.sendto(b'x', (there, PORT, 0, index))
        data, peer = server.recvfrom(100)
        assert data == b'x'
        server.sendto(b'y', peer)
        data, (address, *_) = client.recvfrom(100)
        assert (data, address.split('%')[0]) == (b'y', there)


@pytest.mark.parametrize('address', ['192.0.2.2', '2001:db8:1::2',
                                     '127.0.0.1', '::1'])
def test_iperf3(topology, start, address):
    """iperf3 by UDP through a forwarded port: what it sends arrives

    But for what the kernel drops from a full buffer while a loaded machine
    runs something else.
    """
    # The data's port is the control connection's
    guest = start('-t', str(PORT), '-u', str(PORT), '-T', 'none', '-U',
                  'none').ns
    client = (topology.remote1 if address.startswith(('192', '2001'))
              else topology.host)
    server = guest.popen(['iperf3', '-s', '-1', '-p', str(PORT)],
                         stdout=-3, stderr=-3)
    try:
        wait_for(lambda: f':{PORT} ' in guest.run('ss -Htln').stdout,
                 'iperf3 server')
        out = client.run(['iperf3', '-c', address, '-p', str(PORT), '-u', '-b',
                          '20M', '-n', '4M', '-l', '1400', '-J'])
        result = json.loads(out.stdout)['end']['sum']
        assert result['packets'] > 2500
        assert result['lost_packets'] < result['packets'] / 10
    finally:
        kill(server)


def test_all_at_once(topology, start):
    """Remotes, the host and the guest itself use one forwarded port"""
    guest = start(*NONE, '-u', str(PORT), '-U', 'none').ns
    with guest.udp('0.0.0.0', PORT) as server:
        def echo():
            with contextlib.suppress(OSError):
                while True:
                    data, peer = server.recvfrom(2000)
                    if data == b'end':
                        return
                    server.sendto(data, peer)
        thread = threading.Thread(target=echo, daemon=True)
        thread.start()
        places = [(topology.remote1, '192.0.2.2'),
                  (topology.host, '127.0.0.1'), (topology.host, '192.0.2.3'),
                  (topology.host, '198.51.100.2'), (guest, '192.0.2.1')]
        with contextlib.ExitStack() as stack:
            clients = [(stack.enter_context(ns.udp()), (address, PORT))
                       for ns, address in places for _ in range(4)]
            for i in range(30):
                for k, (client, to) in enumerate(clients):
                    client.sendto(b'%d %d' % (i, k), to)
                for k, (client, to) in enumerate(clients):
                    assert client.recvfrom(100) == (b'%d %d' % (i, k), to)
        with guest.udp() as last:
            last.sendto(b'end', ('127.0.0.1', PORT))
        thread.join(WAIT_S)
        assert not thread.is_alive()
