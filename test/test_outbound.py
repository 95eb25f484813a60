# SPDX-License-Identifier: BSD-3-Clause
"""Source address and interface of what leaves the host.

The destination is an address that both remotes own: the one that gets the
packet tells the interface, and the packet itself tells the source address.
"""

import contextlib
import select
import socket

import pytest

from lab import (SHARED4, SHARED6, USER, WAIT_S, Pasta, as_user, family,
                 wait_for)

SHARED = {4: SHARED4, 6: SHARED6}
VERSIONS = [4, 6]
A0 = {4: '192.0.2.3', 6: '2001:db8:1::3'}       # Second addresses of eth0
A1 = {4: '198.51.100.3', 6: '2001:db8:2::3'}    # and of eth1

# What each set of options asks for: {version: (address, interface)}, None is
# what the host itself would take
CASES = {
    'nothing': ('', {}),
    'addr4': (f'-o {A0[4]}', {4: (A0[4], None)}),
    'addr6': (f'-o {A0[6]}', {6: (A0[6], None)}),
    'addr-both': (f'-o {A0[4]} --outbound {A0[6]}',
                  {4: (A0[4], None), 6: (A0[6], None)}),
    'addr-of-other-interface': (f'-o {A1[4]} -o {A1[6]}',
                                {4: (A1[4], None), 6: (A1[6], None)}),
    'if4': ('--outbound-if4 eth1', {4: (None, 'eth1')}),
    'if6': ('--outbound-if6 eth1', {6: (None, 'eth1')}),
    'if-both': ('--outbound-if4 eth1 --outbound-if6 eth1',
                {4: (None, 'eth1'), 6: (None, 'eth1')}),
    'all4': (f'-o {A1[4]} --outbound-if4 eth1', {4: (A1[4], 'eth1')}),
    'all6': (f'-o {A1[6]} --outbound-if6 eth1', {6: (A1[6], 'eth1')}),
    'all': (f'-o {A1[4]} --outbound-if4 eth1 -o {A1[6]} --outbound-if6 eth1',
            {4: (A1[4], 'eth1'), 6: (A1[6], 'eth1')}),
    'all-crossed': (f'-o {A0[4]} --outbound-if4 eth1 '
                    f'-o {A0[6]} --outbound-if6 eth1',
                    {4: (A0[4], 'eth1'), 6: (A0[6], 'eth1')}),
    'template-elsewhere': ('-i eth0 --outbound-if4 eth1 --outbound-if6 eth1',
                           {4: (None, 'eth1'), 6: (None, 'eth1')}),
}


@pytest.fixture(scope='module', params=CASES)
def case(request, shared_topology, binary):
    """pasta with one set of options. Yield: the guest, what to expect"""
    options, asked = CASES[request.param]
    pasta = Pasta(shared_topology, binary, '--config-net', *options.split())
    expected = {}
    for version in VERSIONS:
        address, interface = asked.get(version, (None, None))
        expected[version] = (
            address or own_choice(shared_topology.host, version, interface),
            interface or 'eth0')
    yield pasta.ns, expected


def own_choice(host, version, interface):
    """Source address the host's kernel takes, through @interface if given"""
    with host.udp(v6=version == 6) as s:
        if interface:
            s.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE,
                         interface.encode())
        s.connect((SHARED[version], 9))
        return s.getsockname()[0]


@contextlib.contextmanager
def at_both_remotes(topology, make):
    """Yield {socket: interface} of what @make makes in each remote"""
    with make(topology.remote1) as one, make(topology.remote2) as two:
        yield {one: 'eth0', two: 'eth1'}


def first_ready(sockets):
    """The first socket with something to take in"""
    ready, _, _ = select.select(list(sockets), [], [], WAIT_S)
    assert ready, 'nothing arrives'
    return ready[0]


@pytest.mark.parametrize('version', VERSIONS)
def test_tcp(case, topology, version):
    """A TCP connection leaves as asked for"""
    guest, expected = case
    with at_both_remotes(topology, lambda remote: remote.tcp_listen(
            SHARED[version], 2000)) as servers:
        with guest.tcp_connect(SHARED[version], 2000):
            server = first_ready(servers)
            peer, (source, *_) = server.accept()
            peer.close()
            assert (source, servers[server]) == expected[version]


@pytest.mark.parametrize('version', VERSIONS)
def test_udp(case, topology, version):
    """A datagram leaves as asked for, and the answer comes back"""
    guest, expected = case
    with at_both_remotes(topology, lambda remote: remote.udp(
            SHARED[version], 2000)) as servers:
        with guest.udp(v6=version == 6) as client:
            client.sendto(b'question', (SHARED[version], 2000))
            server = first_ready(servers)
            data, (source, port, *_) = server.recvfrom(100)
            assert data == b'question'
            assert (source, servers[server]) == expected[version]
            server.sendto(b'answer', (source, port))
            assert client.recv(100) == b'answer'


def echo_listener(version):
    """Function that opens a raw socket for echo requests in a namespace"""
    protocol = socket.IPPROTO_ICMP if version == 4 else socket.IPPROTO_ICMPV6

    def listen(ns):
        s = ns.socket(family(SHARED[version]), socket.SOCK_RAW, protocol)
        if version == 6:
            # ICMP6_FILTER: block all, let echo requests pass
            block = bytearray(b'\xff' * 32)
            block[128 // 8] &= 0xfe
            s.setsockopt(socket.IPPROTO_ICMPV6, 1, bytes(block))
        return s
    return listen


@pytest.mark.parametrize('version', VERSIONS)
def test_icmp(case, topology, version):
    """An echo request leaves as asked for, and the answer comes back"""
    guest, expected = case
    with at_both_remotes(topology, echo_listener(version)) as sniffers:
        guest.run(f'ping -c 1 -W 5 {SHARED[version]}')
        sniffer = first_ready(sniffers)
        _, (source, *_) = sniffer.recvfrom(2000)
        assert (source, sniffers[sniffer]) == expected[version]


@pytest.mark.parametrize('version, gateways, loopback', [
    (4, ['192.0.2.1', '198.51.100.1'], '127.0.0.1'),
    (6, ['2001:db8:1::1', '2001:db8:2::1'], '::1')])
def test_loopback_not_bound(case, topology, version, gateways, loopback):
    """The host's loopback stays reachable, whatever is asked for"""
    guest, _ = case
    routes = guest.run(f'ip -{version} route show default').stdout
    gateway = routes.split(' via ')[1].split()[0]
    assert gateway in gateways
    with topology.host.tcp_listen(loopback) as server:
        with guest.tcp_connect(gateway, server.getsockname()[1]):
            peer, (source, *_) = server.accept()
            peer.close()
            assert source == loopback
    with topology.host.udp(loopback) as server:
        with guest.udp(v6=version == 6) as client:
            client.sendto(b'x', (gateway, server.getsockname()[1]))
            _, (source, port, *_) = server.recvfrom(100)
            assert source == loopback
            server.sendto(b'y', (source, port))
            assert client.recv(100) == b'y'
    guest.run(f'ping -c 1 -W 5 {gateway}')


LINK_LOCAL = {4: ('169.254.10.2', '169.254.10.1'),
              6: ('fe80::aa:2', 'fe80::aa:1')}


@pytest.mark.parametrize('version', VERSIONS)
@pytest.mark.parametrize('options', ['', f'-o {A0[4]} -o {A0[6]}'])
def test_link_local_not_bound(own_topology, start_own, version, options):
    """Link-local destinations see a link-local source, not the one asked for"""
    topology = own_topology
    topology.host.ip('addr add 169.254.10.2/24 dev eth0')
    topology.remote1.ip('addr add 169.254.10.1/24 dev up0',
                        'addr add fe80::aa:1/64 dev up0 nodad')
    _, far = LINK_LOCAL[version]
    pasta = start_own(*options.split())
    with topology.remote1:
        index = socket.if_nametoindex('up0')
    with pasta.ns:
        guest_index = socket.if_nametoindex('eth0')
    with topology.remote1.socket(family(far), socket.SOCK_STREAM) as server:
        server.bind((far, 2000) if version == 4 else (far, 2000, 0, index))
        server.listen()
        with pasta.ns.socket(family(far), socket.SOCK_STREAM) as client:
            client.connect((far, 2000) if version == 4 else
                           (far, 2000, 0, guest_index))
            peer, (source, *_) = server.accept()
            peer.close()
    assert source.startswith('169.254.10.2' if version == 4 else 'fe80:')


def fails_at_once(guest, version):
    """All three protocols get an error instead of silence"""
    with pytest.raises(OSError) as error:
        guest.tcp_connect(SHARED[version], 2000)
    assert not isinstance(error.value, TimeoutError)
    with guest.udp_all_errors(SHARED[version], 2000) as client:
        client.send(b'x')
        with pytest.raises(OSError) as error:
            client.recv(100)
        assert not isinstance(error.value, TimeoutError)
    output = guest.run(f'ping -c 1 -W 5 {SHARED[version]}', check=False)
    assert 'nreachable' in output.stdout or 'prohibited' in output.stdout


def log_names(pasta, what):
    """The log has a line with all words of @what"""
    def line():
        return [line for line in pasta.log_text().splitlines()
                if all(word in line for word in what)]
    return wait_for(line, f'line with {what} in the log')


@pytest.mark.parametrize('version', VERSIONS)
def test_address_vanishes(own_topology, start_own, version):
    """An address the host loses: errors at once, and the log names it"""
    address = A0[version]
    pasta = start_own('-o', address)
    length = 24 if version == 4 else 64
    own_topology.host.ip(f'addr del {address}/{length} dev eth0')
    fails_at_once(pasta.ns, version)
    log_names(pasta, [address])


@pytest.mark.parametrize('version', VERSIONS)
def test_interface_vanishes(own_topology, start_own, version):
    """An interface the host loses: errors at once, and the log names it"""
    pasta = start_own(f'--outbound-if{version}', 'eth1')
    own_topology.host.ip('link del eth1')
    fails_at_once(pasta.ns, version)
    log_names(pasta, ['eth1', 'No such device'])


@pytest.mark.parametrize('version', VERSIONS)
def test_interface_goes_down(own_topology, start_own, version):
    """An interface that is down: errors at once"""
    pasta = start_own(f'--outbound-if{version}', 'eth1')
    own_topology.host.ip('link set eth1 down')
    fails_at_once(pasta.ns, version)


@pytest.mark.parametrize('options, word', [
    ('--outbound-if4 eth7', 'eth7'),
    ('--outbound-if6 eth7', 'eth7'),
])
def test_interface_unknown(topology, binary, options, word):
    """An interface that does not exist: a message, and nothing starts"""
    done = topology.host.run([binary, '--config-net', *options.split(),
                              'echo', 'started'], check=False, **as_user(USER))
    assert done.returncode == 1
    assert word in done.stdout
    assert 'started' not in done.stdout


def test_broadcast_address(topology, binary):
    """One of the host's subnet: a message, and nothing starts; one that the
    host knows nothing of may come up later"""
    def begin(address):
        return topology.host.run(
            [binary, '--config-net', '-o', address, 'echo', 'started'],
            check=False, **as_user(USER))
    done = begin('192.0.2.255')
    assert done.returncode == 1
    assert "'192.0.2.255'" in done.stdout and 'broadcast' in done.stdout
    assert 'started' not in done.stdout
    for address in '203.0.113.199', '203.0.113.255', '2001:db8:1::ff':
        done = begin(address)
        assert done.returncode == 0
        assert f"Can't bind to {address}" in done.stdout
        assert 'started' in done.stdout
