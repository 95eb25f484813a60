# SPDX-License-Identifier: BSD-3-Clause
"""Forwarded ports by the tap: who the guest sees, what clients get to see."""

import contextlib

import pytest

from lab import SHARED4, SHARED6, WAIT_S
from ports import (GATEWAY4, GATEWAY6, HOST4, HOST6, KINDS, LO4, LO6, PORT,
                   SECOND4, SECOND6, accept, carries, client_of, connection,
                   is_unheard, plain, reach, serve)

TCP, UDP = KINDS['-t'], KINDS['-u']
ADDRESSES = [HOST4, SECOND4, HOST6, SECOND6]


def forward(option, spec=str(PORT)):
    """Command line that forwards nothing else"""
    for other in '-t', '-u', '-T', '-U':
        yield from (other, spec if other == option else 'none')


def is_v6(address):
    """The literal is of IPv6"""
    return ':' in address


@pytest.mark.parametrize('option', KINDS)
@pytest.mark.parametrize('address', ADDRESSES)
def test_source_is_kept(start, topology, option, address):
    """The guest sees a remote client by its own address, each of several"""
    pasta = start(*forward(option))
    with serve(pasta.ns, KINDS[option]) as server:
        for source in (SHARED6, GATEWAY6) if is_v6(address) else \
                (SHARED4, GATEWAY4):
            assert reach(topology.remote1, address, PORT, server,
                         source) == source


def test_source_port_is_kept(start, topology):
    """The port, too"""
    pasta = start(*forward('-t'))
    with serve(pasta.ns, TCP) as server:
        for address in HOST4, HOST6:
            with connection(topology.remote1, address, PORT,
                            server) as (client, peer):
                assert peer.getpeername()[1] == client.getsockname()[1]


@pytest.mark.parametrize('option', KINDS)
@pytest.mark.parametrize('extra, seen4, seen6', [
    ([], GATEWAY4, GATEWAY6),
    (['-g', '192.0.2.9', '-g', '2001:db8:1::9'], '192.0.2.9',
     '2001:db8:1::9'),
    (['--map-host-loopback', '192.0.2.8', '--map-host-loopback',
      '2001:db8:1::8'], '192.0.2.8', '2001:db8:1::8'),
    (['-g', '192.0.2.9', '--map-host-loopback', '192.0.2.8'], '192.0.2.8',
     GATEWAY6)])
def test_loopback_source(start, topology, option, extra, seen4, seen6):
    """Loopback clients come as the gateway, or as options have it

    Scenario 75: of the addresses of -g, the one that the target can answer.
    """
    pasta = start('--no-splice', *forward(option), *extra)
    with serve(pasta.ns, KINDS[option]) as server:
        for address, seen in ((LO4, seen4), (LO6, seen6),
                              ('127.0.0.5', seen4)):
            assert reach(topology.host, address, PORT, server) == seen


@pytest.mark.parametrize('option', KINDS)
def test_gateway_of_matching_scope(start, topology, option):
    """Scenario 75: a link-local gateway of -g is a client's address, too"""
    pasta = start('--no-splice', *forward(option), '-g', 'fe80::77')
    with serve(pasta.ns, KINDS[option]) as server:
        seen = reach(topology.host, LO6, PORT, server)
        assert seen.partition('%')[0] == 'fe80::77'


@pytest.mark.parametrize('option', KINDS)
@pytest.mark.parametrize('address', [LO4, LO6])
def test_loopback_source_hidden(start, topology, option, address):
    """--no-map-gw: there is no address for loopback clients without splice"""
    pasta = start('--no-splice', '--no-map-gw', *forward(option))
    with serve(pasta.ns, KINDS[option]) as server:
        assert is_unheard(topology.host, address, server)
        own = SECOND6 if is_v6(address) else SECOND4
        reach(topology.remote1, own, PORT, server)


@pytest.mark.parametrize('address', ADDRESSES)
def test_refused_by_guest(start, topology, address):
    """Nobody listens in the guest: the client is reset, not left alone"""
    pasta = start(*forward('-t'))
    for _ in range(3):
        with client_of(topology.remote1, TCP, address) as client:
            with pytest.raises(ConnectionError):
                client.connect((address, PORT))
                client.recv(1)
                client.sendall(b'x')
                client.recv(1)
    with serve(pasta.ns, TCP) as server:
        reach(topology.remote1, address, PORT, server)


@pytest.mark.parametrize('address', [HOST4, HOST6])
def test_guest_is_not_up_yet(start, topology, address):
    """Connections begun while the guest is down complete once it is up"""
    pasta = start(*forward('-t'))
    pasta.ns.sysctl(ipv6__conf__eth0__keep_addr_on_down=1)
    routes = [line for line in pasta.ns.run(
        f'ip -{6 if is_v6(address) else 4} route show default').stdout
        .splitlines()]
    with serve(pasta.ns, TCP) as server:
        pasta.ns.ip('link set eth0 down')
        with client_of(topology.remote1, TCP, address) as client:
            client.connect((address, PORT))
            client.sendall(b'early')
            server.settimeout(1.5)
            with pytest.raises(TimeoutError):
                server.accept()
            pasta.ns.ip('link set eth0 up')
            for line in routes:
                # The kernel has taken it away
                pasta.ns.run(f'ip -{6 if is_v6(address) else 4} route '
                             f'replace {line}')
            server.settimeout(2 * WAIT_S)
            with accept(server) as peer:
                assert peer.recv(100) == b'early'
                assert carries(peer, client)


def test_client_gives_up(start, topology):
    """A client that goes away before the guest is up leaves nothing behind"""
    pasta = start(*forward('-t'))
    with serve(pasta.ns, TCP) as server:
        pasta.ns.ip('link set eth0 down')
        with client_of(topology.remote1, TCP, HOST4) as client:
            client.connect((HOST4, PORT))
        pasta.ns.ip('link set eth0 up')
        pasta.ns.run('ip route replace default via 192.0.2.1')
        reach_at_last(topology.remote1, HOST4, server)


def reach_at_last(ns, address, server):
    """A whole exchange works, if there were unfinished connections before"""
    with client_of(ns, TCP, address) as client:
        client.connect((address, PORT))
        port = client.getsockname()[1]
        while True:
            with accept(server) as peer:
                if peer.getpeername()[1] != port:
                    continue
                assert carries(client, peer) and carries(peer, client)
                return


@pytest.mark.parametrize('address', ADDRESSES)
def test_many_clients_at_once(start, topology, address):
    """50 connections through one port, mixed, each with its own data"""
    pasta = start(*forward('-t'))
    with contextlib.ExitStack() as stack:
        server = stack.enter_context(serve(pasta.ns, TCP))
        ends = [stack.enter_context(connection(topology.remote1, address,
                                               PORT, server))
                for _ in range(50)]
        for i, (client, _) in enumerate(ends):
            client.sendall(b'%d' % i)
        for i, (client, peer) in enumerate(ends):
            assert peer.recv(100) == b'%d' % i
            peer.sendall(b'answer %d' % i)
        for i, (client, _) in enumerate(ends):
            assert client.recv(100) == b'answer %d' % i


def bound_client(stack, ns, address, source=None):
    """A datagram client that lives as long as @stack"""
    return stack.enter_context(client_of(ns, UDP, address, source))


@pytest.mark.parametrize('address', ADDRESSES + [LO4, LO6])
@pytest.mark.parametrize('splice', [True, False])
def test_udp_batch_of_clients(start, topology, address, splice):
    """Scenario 35: clients that speak at the same time are kept apart

    The guest finds their datagrams in one batch, and answers in reverse.
    """
    pasta = start(*forward('-u'), *([] if splice else ['--no-splice']))
    ns = topology.host if address in (LO4, LO6) else topology.remote1
    with contextlib.ExitStack() as stack:
        server = stack.enter_context(serve(pasta.ns, UDP))
        clients = [bound_client(stack, ns, address) for _ in range(40)]
        for n in range(3):
            for i, client in enumerate(clients):
                client.sendto(b'%d %d' % (n, i), (address, PORT))
            got = [server.recvfrom(100) for _ in clients]
            assert len({peer for _, peer in got}) == len(clients)
            for data, peer in reversed(got):
                server.sendto(b'answer ' + data, peer)
            for i, client in enumerate(clients):
                data, (source, port, *_) = client.recvfrom(100)
                assert data == b'answer %d %d' % (n, i)
                assert (source, port) == (address, PORT)


@pytest.mark.parametrize('v', [4, 6])
def test_udp_batch_of_sources(start, topology, v):
    """Scenario 35: several addresses with the same port are several clients"""
    pasta = start(*forward('-u'))
    address = HOST4 if v == 4 else HOST6
    sources = (GATEWAY4, SHARED4) if v == 4 else (GATEWAY6, SHARED6)
    with contextlib.ExitStack() as stack:
        server = stack.enter_context(serve(pasta.ns, UDP))
        clients = {}
        for source in sources:
            clients[source] = topology.remote1.udp(source, 7000)
            stack.enter_context(clients[source])
        for source, client in clients.items():
            for i in range(10):
                client.sendto(f'{source} {i}'.encode(), (address, PORT))
        for _ in range(10 * len(sources)):
            data, peer = server.recvfrom(100)
            assert plain(peer) == data.decode().split()[0]
            assert peer[1] == 7000
            server.sendto(data, peer)
        for source, client in clients.items():
            assert {client.recv(100).decode() for _ in range(10)} == \
                {f'{source} {i}' for i in range(10)}


@pytest.mark.parametrize('ends', [(HOST4, SECOND4), (HOST6, SECOND6),
                                  (LO4, '127.0.0.5')])
@pytest.mark.parametrize('spec', ['8001', '8001:9001'])
def test_udp_answer_from_address_contacted(start, topology, ends, spec):
    """Scenarios 34, 38: by whatever address and port, it is who answers

    One client that talks to two addresses of the host knows them apart, also
    with another port behind.
    """
    pasta = start(*forward('-u', spec))
    port = int(spec.rpartition(':')[2])
    ns = topology.host if LO4 in ends else topology.remote1
    with serve(pasta.ns, UDP, port=port) as server, \
            client_of(ns, UDP, ends[0]) as client:
        for _ in range(3):
            for address in ends:
                client.sendto(address.encode(), (address, PORT))
                data, peer = server.recvfrom(100)
                server.sendto(data, peer)
                data, answerer = client.recvfrom(100)
                assert data == address.encode()
                assert answerer[:2] == (address, PORT)


@pytest.mark.parametrize('address', [HOST4, HOST6, LO4, LO6])
def test_udp_sizes(start, topology, address):
    """Nothing and the largest datagram, both ways"""
    pasta = start(*forward('-u'))
    ns = topology.host if address in (LO4, LO6) else topology.remote1
    with serve(pasta.ns, UDP) as server, \
            client_of(ns, UDP, address) as client:
        for size in 0, 1, 1472, 9000, 65507:
            data = bytes(i % 251 for i in range(size))
            client.sendto(data, (address, PORT))
            got, peer = server.recvfrom(70000)
            assert got == data
            server.sendto(data[::-1], peer)
            assert client.recv(70000) == data[::-1]


@pytest.mark.parametrize('option', KINDS)
def test_while_guest_talks(start, topology, option):
    """Flows from outside and from the guest between the same ends are two"""
    kind = KINDS[option]
    pasta = start(*forward(option))
    with serve(pasta.ns, kind) as server, \
            serve(topology.remote1, kind, SHARED4) as there:
        with contextlib.ExitStack() as stack:
            if kind == TCP:
                ends = stack.enter_context(connection(
                    topology.remote1, HOST4, PORT, server, SHARED4))
            assert reach(pasta.ns, SHARED4, PORT, there) == HOST4
            assert reach(topology.remote1, HOST4, PORT, server,
                         SHARED4) == SHARED4
            if kind == TCP:
                assert carries(*ends)
