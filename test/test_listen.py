# SPDX-License-Identifier: BSD-3-Clause
"""Listening sockets of forwarded ports: which are bound, and when."""

import os
import re
import resource
import signal
import socket
import subprocess

import pytest

import lab
from lab import USER, Netns, Pasta, as_user, wait_for

NONE = ('-t', 'none', '-u', 'none', '-T', 'none', '-U', 'none')


def only(option, spec, *more):
    """Options that forward ports one way only"""
    words = dict(zip(NONE[::2], NONE[1::2]))
    words[option] = spec
    return [w for pair in words.items() for w in pair] + list(more)


def bound(ns, proto='tcp'):
    """What is listening in a namespace: set of (local address, port)"""
    flag = '-ltnH' if proto == 'tcp' else '-lunH'
    pairs = set()
    for line in ns.run(['ss', flag]).stdout.splitlines():
        address, port = line.split()[3].rsplit(':', 1)
        pairs.add((address.split('%')[0].strip('[]'), int(port)))
    return pairs


def ports(ns, proto='tcp'):
    """Ports that are bound in a namespace"""
    return {port for _, port in bound(ns, proto)}


def fail(topology, binary, *options, **kwargs):
    """Start pasta, which has to fail. Return: what it says, one line"""
    kwargs = {**as_user(USER), **kwargs}
    p = topology.host.popen([binary, '--config-net', *options, '--', 'true'],
                            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                            stderr=subprocess.STDOUT, text=True, **kwargs)
    text, _ = p.communicate(timeout=lab.WAIT_S)
    assert p.returncode == 1, text
    lines = [l for l in text.splitlines() if 'Failed' in l]
    assert lines == text.splitlines(), text
    return lines[0]


@pytest.fixture
def occupy(topology):
    """Sockets of the test on the host, closed at its end"""
    sockets = []

    def take(address, port, kind=socket.SOCK_STREAM):
        s = topology.host.socket(lab.family(address), kind)
        if ':' in address:
            s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        s.bind((address, port))
        if kind == socket.SOCK_STREAM:
            s.listen()
        sockets.append(s)
        return s
    yield take
    for s in sockets:
        s.close()


@pytest.mark.parametrize('address', ['0.0.0.0', '::'])
def test_auto_follows_namespace(start, topology, address):
    """Ports are forwarded while somebody listens in the namespace"""
    p = start(*only('-t', 'auto'))
    assert not ports(topology.host)
    server = p.ns.tcp_listen(address, 7000)
    wait_for(lambda: 7000 in ports(topology.host), 'port forwarded')
    with topology.host.tcp_connect('127.0.0.1', 7000) as client:
        peer, _ = server.accept()
        server.close()
        wait_for(lambda: not ports(topology.host), 'port closed')
        client.sendall(b'x')
        assert peer.recv(2) == b'x'     # What is running goes on
        peer.close()


def test_auto_udp_follows_namespace(start, topology):
    """The same with UDP, as long as the socket isn't connected"""
    p = start(*only('-u', 'auto'))
    with p.ns.udp('0.0.0.0', 7000) as server:
        wait_for(lambda: 7000 in ports(topology.host, 'udp'), 'forwarded')
        with topology.host.udp(v6=False) as client:
            client.sendto(b'question', ('127.0.0.1', 7000))
            data, peer = server.recvfrom(100)
            assert data == b'question'
            server.sendto(b'answer', peer)
            assert client.recvfrom(100) == (b'answer', ('127.0.0.1', 7000))
        with p.ns.udp('0.0.0.0', 7001) as client:
            client.connect(('192.0.2.1', 9))
            with p.ns.udp('0.0.0.0', 7002):
                wait_for(lambda: 7002 in ports(topology.host, 'udp'), '7002')
            assert 7001 not in ports(topology.host, 'udp')
    wait_for(lambda: not ports(topology.host, 'udp'), 'ports closed')


def test_auto_restricted(start, topology):
    """-t 7000-7001,auto looks at no other ports"""
    p = start(*only('-t', '7000-7001,auto'))
    with p.ns.tcp_listen('0.0.0.0', 7002), p.ns.tcp_listen('0.0.0.0', 7001):
        wait_for(lambda: 7001 in ports(topology.host), 'port forwarded')
        assert ports(topology.host) == {7001}


@pytest.mark.parametrize('port', [80, 7000])
def test_auto_outbound_follows_host(start, topology, port):
    """-T auto: services on the host are on the namespace's loopback

    Low ports, too: the namespace is ours.
    """
    p = start(*only('-T', 'auto'))
    with topology.host.tcp_listen('127.0.0.1', port) as server:
        wait_for(lambda: port in ports(p.ns), 'port forwarded')
        with p.ns.tcp_connect('127.0.0.1', port) as client:
            peer, _ = server.accept()
            with peer:
                peer.sendall(b'hello')
                assert client.recv(10) == b'hello'
    wait_for(lambda: not ports(p.ns), 'port closed')


@pytest.mark.parametrize('proto', ['tcp', 'udp'])
def test_auto_both_ways(start, topology, proto):
    """Scenario 44: our own ports are not forwarded back, so that they close"""
    p = start('-t', 'auto', '-u', 'auto', '-T', 'auto', '-U', 'auto')
    kind = 'tcp_listen' if proto == 'tcp' else 'udp'
    inside = getattr(p.ns, kind)('0.0.0.0', 7000)
    outside = getattr(topology.host, kind)('0.0.0.0', 7001)
    wait_for(lambda: ports(topology.host, proto) == {7000, 7001}, 'inbound')
    wait_for(lambda: ports(p.ns, proto) == {7000, 7001}, 'outbound')
    inside.close()
    outside.close()
    wait_for(lambda: not ports(topology.host, proto), 'inbound closed')
    wait_for(lambda: not ports(p.ns, proto), 'outbound closed')


def test_auto_leaves_own_udp_sockets_alone(start, topology):
    """Scenario 44: ports of UDP flows of the guest are no servers"""
    p = start('-t', 'auto', '-u', 'auto', '-T', 'auto', '-U', 'auto')
    with p.ns.udp('0.0.0.0', 7000) as client, \
            topology.remote1.udp(lab.SHARED4, 9999) as server, \
            topology.host.udp('0.0.0.0', 7001):
        client.connect((lab.SHARED4, 9999))
        client.send(b'x')
        _, peer = server.recvfrom(10)
        wait_for(lambda: 7001 in ports(p.ns, 'udp'), 'scanned')
    wait_for(lambda: not ports(p.ns, 'udp'), 'closed')
    assert not ports(p.ns, 'udp')
    with p.ns.udp('0.0.0.0', 7000):     # Which is free again at once
        pass


def test_all_skips_what_is_in_use(start, topology, occupy):
    """`all` but for exclusions: the rest is bound, without a failure"""
    occupy('0.0.0.0', 8005)
    occupy('::', 8005)
    p = start(*only('-t', '~1-7999,~8010-65535'))
    assert ports(topology.host) == set(range(8000, 8010))
    assert p.stderr().count('ailed') == 0
    pids = topology.host.run(['ss', '-ltnpH']).stdout
    assert len(re.findall('"pasta"', pids)) == 9


def test_all_fails_if_nothing_is_left(topology, binary, occupy):
    """`all` with every port in use"""
    occupy('0.0.0.0', 8000)
    occupy('::', 8000)
    text = fail(topology, binary, *only('-t', '~1-7999,~8001-65535'))
    assert 'Failed to bind port 8000 (Address already in use)' in text


def test_low_port(topology, binary):
    """The text names port, error, the sysctl and its value, in one line"""
    text = fail(topology, binary, *only('-t', '80'))
    assert text == ("Failed to bind port 80 (Permission denied) for option "
                    "'-t 80', net.ipv4.ip_unprivileged_port_start is 1024")
    topology.host.sysctl(ipv4__ip_unprivileged_port_start=90)
    try:
        text = fail(topology, binary, *only('-u', '80-95:1080-1095'))
        assert 'port 80 (Permission' in text and text.endswith(' is 90')
        assert "'-u 80-95:1080-1095'" in text
    finally:
        topology.host.sysctl(ipv4__ip_unprivileged_port_start=1024)


def test_low_port_as_root(start, topology):
    """Root binds low ports before it becomes somebody else"""
    start(*only('-t', '80'), user=None)
    assert 80 in ports(topology.host)


def test_port_in_use(topology, binary, occupy):
    """The text known to other programs"""
    occupy('0.0.0.0', 8000)
    occupy('::', 8000)
    text = fail(topology, binary, *only('-t', '7999-8001'))
    assert text == ("Failed to bind port 8000 (Address already in use) for "
                    "option '-t 7999-8001'")


@pytest.mark.parametrize('address, other', [('0.0.0.0', '::1'),
                                            ('::', '127.0.0.1')])
def test_port_in_use_for_one_version(start, topology, occupy, address,
                                     other):
    """Scenario 70: a port bound for the other version is success"""
    with occupy(address, 8000):
        p = start(*only('-t', '8000', '--host-lo-to-ns-lo'))
        with p.ns.tcp_listen(other, 8000) as server, \
                topology.host.tcp_connect(other, 8000):
            server.accept()[0].close()


@pytest.mark.parametrize('option, proto', [('-t', 'tcp'), ('-u', 'udp')])
def test_twin_lets_go(start, topology, option, proto):
    """Scenario 91: a port that its last owner is about to release"""
    old = start(*only(option, '8000'))
    with subprocess.Popen(['sh', '-c',
                           f'sleep 0.5; kill {old.process.pid}']):
        start(*only(option, '8000'))
    old.process.wait()
    assert bound(topology.host, proto) == {('*', 8000)}


def test_restart_with_connections(start, topology):
    """Scenario 91: connections that linger don't keep the port"""
    for _ in range(3):
        p = start(*only('-t', '8000'))
        with p.ns.tcp_listen('0.0.0.0', 8000) as server, \
                topology.host.tcp_connect('127.0.0.1', 8000) as client:
            peer, _ = server.accept()
            peer.close()
            client.recv(1)
        p.process.send_signal(signal.SIGKILL)
        p.process.wait()


@pytest.mark.parametrize('version, other', [('-4', '::1'),
                                            ('-6', '127.0.0.1')])
def test_one_version_only(start, topology, version, other):
    """Scenario 74: -4 -t auto starts, and listens on nothing else"""
    p = start(version, *only('-t', 'auto', '--host-lo-to-ns-lo'))
    own = '127.0.0.1' if version == '-4' else '::1'
    with p.ns.tcp_listen(own, 7000) as server:
        wait_for(lambda: 7000 in ports(topology.host), 'port forwarded')
        with topology.host.tcp_connect(own, 7000):
            server.accept()[0].close()
        with pytest.raises(ConnectionRefusedError):
            topology.host.tcp_connect(other, 7000)


@pytest.fixture
def bare(scratch):
    """A host with nothing but lo"""
    class Bare:
        """As much of a topology as Pasta() wants"""
    bare = Bare()
    bare.directory = scratch
    bare.host = Netns.new('bare')
    yield bare
    bare.host.delete()


def test_loopback_of_host_without_network(bare, binary):
    """::, ::1 and 127.0.0.1 are bound without any route"""
    p = Pasta(bare, binary, '--config-net', '--host-lo-to-ns-lo',
              *only('-t', '[::]/8000', '-t', '[::1]/8001',
                    '-t', '127.0.0.1/8002', '-t', '8003'))
    try:
        assert bound(bare.host) == {('::', 8000), ('::1', 8001),
                                    ('127.0.0.1', 8002), ('*', 8003)}
        with p.ns.tcp_listen('::1', 8001) as server, \
                bare.host.tcp_connect('::1', 8001):
            server.accept()[0].close()
    finally:
        p.stop()


@pytest.mark.parametrize('option', ['-t', '-u'])
@pytest.mark.parametrize('address', ['198.18.0.1', '2001:db8:7::1'])
def test_freebind(start, own_topology, binary, option, address):
    """Scenario 41: an address that comes later, TCP and UDP"""
    t = own_topology
    text = fail(t, binary, *only(option, f'{address}/8000'))
    assert 'Cannot assign requested address' in text and address in text
    p = Pasta(t, binary, '--config-net', '--freebind',
              *only(option, f'{address}/8000'))
    try:
        t.host.ip(f'addr add {address} dev eth0' +
                  (' nodad' if ':' in address else ''))
        t.remote1.ip(f'route add {address} via ' +
                     ('2001:db8:1::2' if ':' in address else '192.0.2.2'))
        if option == '-t':
            with p.ns.tcp_listen('::' if ':' in address else '0.0.0.0',
                                 8000) as server, \
                    t.remote1.tcp_connect(address, 8000):
                server.accept()[0].close()
        else:
            with p.ns.udp('::' if ':' in address else '0.0.0.0',
                          8000) as server, \
                    t.remote1.udp(v6=':' in address) as client:
                client.sendto(b'x', (address, 8000))
                _, peer = server.recvfrom(10)
                server.sendto(b'y', peer)
                data, source = client.recvfrom(10)
                assert data == b'y' and source[0] == address
    finally:
        p.stop()


def test_interface(start, topology):
    """%eth1 is reached from behind eth1 only"""
    p = start(*only('-t', '%eth1/8000'))
    with p.ns.tcp_listen('0.0.0.0', 8000) as server:
        with topology.remote2.tcp_connect('198.51.100.2', 8000):
            server.accept()[0].close()
        with pytest.raises(ConnectionRefusedError):
            topology.remote1.tcp_connect('192.0.2.2', 8000)


def test_long_interface_name(own_topology, binary):
    """Scenario 68: 15 letters, and a name that nobody has"""
    t = own_topology
    t.host.ip('link add fifteen-letters type veth peer name peer-of-it')
    p = Pasta(t, binary, '--config-net', *only('-t', '%fifteen-letters/8000'))
    p.stop()
    text = fail(t, binary, *only('-t', '%sixteen-nothing/8000'))
    assert 'port 8000 (No such device)' in text
    assert "'-t %sixteen-nothing/8000'" in text


def test_out_of_descriptors(topology, binary):
    """What is needed is told, and what there is"""
    def limit():
        resource.setrlimit(resource.RLIMIT_NOFILE, (1024, 1024))
    text = fail(topology, binary, *only('-t', 'all'), preexec_fn=limit)
    needed = re.search(r'Too many open files.* (\d+) are needed .* 1024$',
                       text)
    assert needed and int(needed.group(1)) > 30000


def test_few_descriptors(topology, start):
    """A low limit leaves what pasta keeps in stock smaller, and works"""
    def limit():
        resource.setrlimit(resource.RLIMIT_NOFILE, (256, 256))
    start(*only('-t', '8000'), preexec_fn=limit)
    assert 8000 in ports(topology.host)


def test_memory_for_many_ports(start, topology):
    """Thousands of listening sockets cost us next to nothing resident"""
    p = start('-t', '10000-15999', '-u', '10000-15999', '-T', 'none', '-U',
              'none')
    assert len(ports(topology.host)) == 6000
    with open(f'/proc/{p.process.pid}/status') as f:
        rss_kb = int(re.search(r'VmRSS:\s+(\d+)', f.read()).group(1))
    assert rss_kb < 20 << 10


def test_agent_ends_with_us(start, binary):
    """The process that makes sockets in the namespace doesn't stay behind"""
    p = start()
    real = os.path.realpath(binary)

    def processes():
        found = set()
        for pid in filter(str.isdigit, os.listdir('/proc')):
            try:
                if os.readlink(f'/proc/{pid}/exe') == real:
                    found.add(int(pid))
            except OSError:
                pass
        return found
    mine = processes()
    assert len(mine) >= 3       # With the one that keeps the command
    p.process.send_signal(signal.SIGKILL)
    p.process.wait()
    wait_for(lambda: not mine & processes(), 'all processes ended')
