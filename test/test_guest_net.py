# SPDX-License-Identifier: BSD-3-Clause
"""What the namespace looks like to programs in it, options included."""

import contextlib
import json
import select
import socket
import subprocess

import pytest

from lab import SHARED4, USER, Netns, as_user, wait_for
from ports import (GATEWAY4, GATEWAY6, HOST4, HOST6, KINDS, PORT, reach,
                   receive, serve)


def ip_json(ns, command):
    """Output of ip -j"""
    return json.loads(ns.run(f'ip -j {command}').stdout or '[]')


def addresses(ns, interface='eth0'):
    """(address, prefix length) of an interface, link-local ones excepted

    Fails if one is listed twice, expires or is still being probed for.
    """
    found = []
    for link in ip_json(ns, f'addr show dev {interface} scope global'):
        for a in link.get('addr_info', []):
            if not a:
                continue
            assert a['valid_life_time'] == 0xffffffff
            assert a['preferred_life_time'] == 0xffffffff
            assert not a.get('tentative') and not a.get('dadfailed')
            found.append((a['local'], a['prefixlen']))
    assert len(found) == len(set(found))
    return set(found)


def routes(ns, version, interface='eth0'):
    """{destination: gateway} of an interface; fails on duplicates

    Left out are those that each interface has.
    """
    found = {}
    for r in ip_json(ns, f'-{version} route show dev {interface}'):
        if r['dst'] not in ('fe80::/64', 'multicast', 'ff00::/8'):
            assert r['dst'] not in found
            found[r['dst']] = r.get('gateway')
    return found


def test_everything_copied(guest, topology):
    """All addresses and routes of the template, without duplicates"""
    assert addresses(guest) == {
        ('192.0.2.2', 24), ('192.0.2.3', 24),
        ('2001:db8:1::2', 64), ('2001:db8:1::3', 64)}
    for version in 4, 6:
        assert routes(guest, version) == routes(topology.host, version)


@pytest.mark.parametrize('prefix, gateway', [
    (15, '198.18.0.1'), (30, '198.18.0.1'), (31, '198.18.0.3'),
    (32, '198.18.0.3')])
def test_prefix_lengths(own_topology, start_own, prefix, gateway):
    """Scenario 54: any prefix length, /32 with a gateway on the link too"""
    own_topology.host.ip('addr flush dev eth0',
                         f'addr add 198.18.0.2/{prefix} dev eth0',
                         f'route add {gateway} dev eth0',
                         f'route add default via {gateway}')
    guest = start_own().ns
    assert addresses(guest) >= {('198.18.0.2', prefix)}
    assert routes(guest, 4) == routes(own_topology.host, 4)


def test_address_and_gateway(topology, start):
    """-a and -g: only these, not the host's, for that family only"""
    guest = start('-a', '198.18.7.7/24', '-g', '198.18.7.1').ns
    assert {(a, p) for a, p in addresses(guest) if ':' not in a} == \
        {('198.18.7.7', 24)}
    assert routes(guest, 4) == {'default': '198.18.7.1',
                                '198.18.7.0/24': None}
    assert routes(guest, 6) == routes(topology.host, 6)
    with topology.remote1.tcp_listen(SHARED4) as server:
        guest.tcp_connect(SHARED4, server.getsockname()[1]).close()


def test_no_copy(start):
    """--no-copy-addrs and --no-copy-routes: one address, a default route"""
    guest = start('--no-copy-addrs', '--no-copy-routes').ns
    assert len([a for a, _ in addresses(guest) if ':' not in a]) == 1
    assert routes(guest, 4) == {'default': '192.0.2.1', '192.0.2.0/24': None}


@pytest.mark.parametrize('option, gone', [('-4', 6), ('-6', 4)])
def test_one_family_only(start, option, gone):
    """-4 and -6: nothing of the other family is set up"""
    guest = start(option).ns
    assert addresses(guest)
    assert not [a for a, _ in addresses(guest) if (':' in a) == (gone == 6)]
    assert not routes(guest, gone)


@pytest.mark.parametrize('options, mtu', [
    ([], 65520), (['-m', '1500'], 1500), (['--mtu', '1280'], 1280)])
def test_mtu(start, options, mtu):
    """The MTU of the interface"""
    assert ip_json(start(*options).ns, 'link show dev eth0')[0]['mtu'] == mtu


def test_mac_addresses(start):
    """--ns-mac-addr is the guest's, -M the one it sees as its gateway's"""
    guest = start('--ns-mac-addr', '02:00:00:00:00:07',
                  '-M', '02:00:00:00:00:08').ns
    link = ip_json(guest, 'link show dev eth0')[0]
    assert link['address'] == '02:00:00:00:00:07'
    guest.run('ping -c 1 -W 5 192.0.2.1')
    guest.run('ping -c 1 -W 5 2001:db8:1::1')
    for version in 4, 6:
        neighbours = ip_json(guest, f'-{version} neigh show dev eth0')
        assert '02:00:00:00:00:08' in {n.get('lladdr') for n in neighbours}


def test_existing_namespace(topology, binary):
    """A joined namespace gets the same, and its lo comes up"""
    holder = topology.host.popen(['unshare', '-Urn', 'cat'],
                                 stdin=subprocess.PIPE, **as_user(USER))
    with open(f'/proc/{holder.pid}/comm') as f:
        wait_for(lambda: f.seek(0) == 0 and f.read() == 'cat\n', 'namespace')
    ns = Netns(f'/proc/{holder.pid}/ns/net')
    topology.host.run([binary, '--config-net', str(holder.pid)],
                      **as_user(USER))
    assert ('192.0.2.2', 24) in addresses(ns)
    assert 'UP' in ip_json(ns, 'link show dev lo')[0]['flags']
    ns.delete()
    holder.stdin.close()
    holder.wait()


@pytest.mark.parametrize('gateway, loopback', [
    ('169.254.2.2', '127.0.0.1'), ('fe80::1', '::1')])
def test_local_mode_reaches_host(own_topology, start_own, gateway, loopback):
    """Scenario 66: without any network, the gateway still means the host"""
    own_topology.host.ip('link del eth0', 'link del eth1')
    guest = start_own().ns
    with guest:
        index = socket.if_nametoindex('tap0')
    with own_topology.host.tcp_listen(loopback) as server, \
            guest.socket(server.family, socket.SOCK_STREAM) as client:
        port = server.getsockname()[1]
        client.connect((gateway, port, 0, index) if ':' in gateway else
                       (gateway, port))


@contextlib.contextmanager
def machine_behind(guest, address, gateway, name='behind'):
    """A namespace on the guest's link, with a MAC address of its own"""
    ns = Netns.new(name)
    try:
        guest.ip(f'link add link eth0 name mv0 netns {ns.name} type macvlan '
                 'mode bridge')
        ns.ip(f'addr add {address} dev mv0 nodad', 'link set mv0 up',
              f'route add default via {gateway}')
        yield ns
    finally:
        ns.delete()


def test_machines_behind_guest(topology, guest):
    """Two machines on the link take turns: each gets what is its own"""
    with machine_behind(guest, '192.0.2.77/24', '192.0.2.1') as other, \
            topology.remote1.tcp_listen(SHARED4) as server, \
            topology.remote1.udp(SHARED4, 7777) as udp:
        clients = [(ns.tcp_connect(SHARED4, server.getsockname()[1]),
                    server.accept()[0], ns.udp()) for ns in (guest, other)]
        for i in range(20):
            # What is in flight to the first one mustn't go to the second
            for _, peer, asker in clients:
                peer.sendall(bytes([i]) * 5000)
                asker.sendto(bytes([i]), (SHARED4, 7777))
            for client, _, asker in clients:
                udp.sendto(*udp.recvfrom(100))
                assert receive(client, 5000) == bytes([i]) * 5000
            for _, _, asker in clients:
                assert asker.recv(100) == bytes([i])
        for sockets in clients:
            for s in sockets:
                s.close()


@pytest.mark.parametrize('one, two, gateway', [
    ('192.0.2.77/24', '192.0.2.78/24', GATEWAY4),
    ('2001:db8:1::77/64', '2001:db8:1::78/64', GATEWAY6)])
def test_machines_reach_each_other(guest, one, two, gateway):
    """Two machines on the link ask for each other's MAC addresses: what we
    answer, too, isn't what counts
    """
    with machine_behind(guest, one, gateway) as asker, \
            machine_behind(guest, two, gateway, 'behind2') as answerer:
        address = two.partition('/')[0]
        for ns in asker, answerer:
            wait_for(lambda ns=ns: 'tentative' not in ns.run('ip a').stdout,
                     'addresses')
        done = asker.run(f'ping -c 3 -i 0.3 -W 1 {address}', check=False)
        assert ' 3 received' in done.stdout


def is_received(client, address, server):
    """A datagram gets to a server, unless it is lost"""
    client.sendto(b'', (address, PORT))
    return select.select([server], [], [], 0.1)[0] and not server.recv(1)


@pytest.mark.parametrize('kind', KINDS.values())
@pytest.mark.parametrize('address, other', [
    (HOST4, GATEWAY6), (HOST6, GATEWAY4)])
def test_server_changes_mac_address(start, topology, kind, address, other):
    """A server that only ever answers is found by its new MAC address, though
    that was heard with an address of the other IP version only
    """
    guest = start('-t', str(PORT), '-u', str(PORT)).ns
    with serve(guest, kind) as server:
        reach(topology.remote1, address, PORT, server)
        guest.ip('link set eth0 address 02:00:00:00:00:77')
        with guest.udp(v6=':' in other) as s:
            s.sendto(b'', (other, 9))
        if kind == socket.SOCK_STREAM:
            reach(topology.remote1, address, PORT, server)
            return
        with topology.remote1.udp(v6=':' in address) as client:
            wait_for(lambda: is_received(client, address, server), 'datagram')
