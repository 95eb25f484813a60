# SPDX-License-Identifier: BSD-3-Clause
"""Scenario 58: the guest sees the MAC addresses of the host's neighbours."""

import json
import re

import pytest

from conftest import make_topology
from lab import SHARED4, SHARED6, WAIT_S, wait_for

OUR_MAC = '9a:55:9a:55:9a:55'
NEAR = {4: '192.0.2.9', 6: '2001:db8:1::9'}
GATEWAY = {4: '192.0.2.1', 6: '2001:db8:1::1'}
OTHER_LINK = {4: '198.51.100.1', 6: '2001:db8:2::1'}
FAR = {4: SHARED4, 6: SHARED6}
CHUNK = bytes(range(256)) * 256
TABLE = 2048                # NEIGH_MAX
VERSIONS = pytest.mark.parametrize('version', [4, 6])


def with_neighbour(topology):
    """Have remote1 be more than the gateway"""
    topology.remote1.ip(f'addr add {NEAR[4]}/24 dev up0',
                        f'addr add {NEAR[6]}/64 dev up0 nodad')
    # It tells if it gets another MAC address
    topology.remote1.sysctl(ipv4__conf__up0__arp_notify=1,
                            ipv6__conf__up0__ndisc_notify=1)
    return topology


@pytest.fixture(scope='module')
def topology(directory):
    """One for all tests that don't change the host"""
    t = with_neighbour(make_topology(directory))
    yield t
    t.delete()


def mac(ns, interface='up0'):
    """MAC address of an interface"""
    return json.loads(ns.run(f'ip -j link show {interface}').stdout)[0][
        'address']


def seen(ns, address, interface='eth0'):
    """MAC address that a namespace has for a neighbour, None for none"""
    out = ns.run(f'ip -j neigh show {address} dev {interface}').stdout
    return next((n.get('lladdr') for n in json.loads(out or '[]')), None)


def ping(ns, address):
    """Ask, and be answered"""
    ns.run(f'ping -c 1 -W 5 {address}')


def change_mac(topology, address):
    """Give the neighbour another MAC address, which the host learns"""
    topology.remote1.ip(f'link set up0 address {address}')
    for near in NEAR.values():
        ping(topology.host, near)
    wait_for(lambda: all(seen(topology.host, a) == address
                         for a in NEAR.values()), 'new address on the host')


def wait_seen(ns, address, expected, interface='eth0'):
    """Wait until a namespace has this MAC address for a neighbour"""
    wait_for(lambda: seen(ns, address, interface) == expected,
             f'{expected} as MAC address of {address}')


@VERSIONS
def test_scenario_58_known_from_the_first_packet(topology, start, version):
    """What the host knows when we start is what the guest is answered"""
    ping(topology.host, NEAR[version])
    guest = start().ns
    ping(guest, NEAR[version])
    assert seen(guest, NEAR[version]) == mac(topology.remote1)


@VERSIONS
def test_scenario_58_new_and_changed(topology, start, version):
    """What the host learns later, and whenever that changes"""
    topology.host.ip('neigh flush dev eth0')
    guest = start().ns
    ping(guest, NEAR[version])
    wait_seen(guest, NEAR[version], mac(topology.remote1))
    ping(guest, NEAR[version])
    for address in '02:00:00:00:58:01', '02:00:00:00:58:02':
        change_mac(topology, address)
        wait_seen(guest, NEAR[version], address)
        ping(guest, NEAR[version])
    # Forgotten, but not gone
    topology.host.ip('neigh flush dev eth0')
    guest.ip('neigh flush dev eth0')
    ping(guest, NEAR[version])
    assert seen(guest, NEAR[version]) == mac(topology.remote1)


@VERSIONS
@pytest.mark.parametrize('deaf', [False, True])
def test_scenario_58_connection_goes_on(topology, start, version, deaf):
    """While the neighbour changes its MAC address, even unheard by the guest
    """
    ping(topology.host, NEAR[version])
    guest = start().ns
    with topology.remote1.tcp_listen(NEAR[version]) as server, \
            guest.tcp_connect(*server.getsockname()[:2]) as client, \
            server.accept()[0] as peer:
        peer.settimeout(WAIT_S)
        before = mac(topology.remote1)
        if deaf:
            guest.ip(f'neigh replace {NEAR[version]} lladdr {before} dev eth0 '
                     'nud permanent')
        after = f'02:00:00:01:58:{version}{int(deaf)}'
        for address in None, after:
            if address:
                change_mac(topology, address)
            for a, b in (client, peer), (peer, client):
                a.sendall(CHUNK)
                with b.makefile('rb') as f:
                    assert f.read(len(CHUNK)) == CHUNK
        wait_seen(guest, NEAR[version], before if deaf else after)


def test_scenario_58_link_local(topology, start):
    """Neighbours have link-local addresses, too"""
    out = topology.remote1.run('ip -6 addr show up0 scope link').stdout
    address = re.search(r'inet6 (\S+)/', out).group(1)
    topology.host.run(f'ping -c 1 -W 5 {address}%eth0')
    guest = start().ns
    guest.run(f'ping -c 1 -W 5 {address}%eth0')
    wait_seen(guest, address, mac(topology.remote1))


@VERSIONS
def test_scenario_58_gateway(topology, start, version):
    """It has our MAC address if it means the host, or else its own"""
    ping(topology.host, GATEWAY[version])
    guest = start().ns
    for address in GATEWAY[version], FAR[version]:
        ping(guest, address)
        assert seen(guest, GATEWAY[version]) == OUR_MAC
    guest = start('--no-map-gw').ns
    for address in GATEWAY[version], FAR[version]:
        ping(guest, address)
        assert seen(guest, GATEWAY[version]) == mac(topology.remote1)


@pytest.mark.parametrize('options', [[], ['--no-map-gw']])
def test_link_local_gateway(own_topology, start_own, options):
    """It advertises itself by our MAC address, and has no other one"""
    host, remote = own_topology.host, own_topology.remote1
    out = remote.run('ip -6 addr show up0 scope link').stdout
    gateway = re.search(r'inet6 (\S+)/', out).group(1)
    host.ip(f'route replace default via {gateway} dev eth0')
    ping(host, SHARED6)
    assert seen(host, gateway) == mac(remote)
    guest = start_own(*options).ns
    # By an advertisement, then by its own question
    for _ in range(2):
        ping(guest, SHARED6)
        assert seen(guest, gateway) == OUR_MAC
        guest.ip('neigh flush dev eth0')


@VERSIONS
def test_mac_addr_is_for_all(topology, start, version):
    """-M: neighbours are seen by that, as everybody is"""
    ping(topology.host, NEAR[version])
    guest = start('-M', '02:00:00:00:58:99').ns
    ping(guest, NEAR[version])
    change_mac(topology, f'02:00:00:02:58:0{version}')
    ping(guest, NEAR[version])
    assert seen(guest, NEAR[version]) == '02:00:00:00:58:99'


@VERSIONS
def test_other_link(topology, start, version):
    """Neighbours of the host on another interface aren't the guest's"""
    ping(topology.host, OTHER_LINK[version])
    assert seen(topology.host, OTHER_LINK[version], 'eth1')
    guest = start().ns
    guest.ip(f'route add {OTHER_LINK[version]} dev eth0')
    ping(guest, OTHER_LINK[version])
    assert seen(guest, OTHER_LINK[version]) == OUR_MAC


def rss_kib(pid):
    """Resident memory of a process"""
    with open(f'/proc/{pid}/status') as f:
        return int(re.search(r'VmRSS:\s*(\d+)', f.read()).group(1))


@VERSIONS
def test_flood(own_topology, start_own, version):
    """More neighbours than there is room for, all at once"""
    host, remote = with_neighbour(own_topology).host, own_topology.remote1
    pasta = start_own()
    ping(pasta.ns, NEAR[version])
    wait_seen(pasta.ns, NEAR[version], mac(remote))
    before = rss_kib(pasta.process.pid)
    crowd = [(f'192.0.{i >> 8}.{i & 255}' if version == 4 else
              f'2001:db8:1:1::{i:x}', f'02:58:00:00:{i >> 8:02x}:{i & 255:02x}')
             for i in range(1024, 1024 + 2 * TABLE)]
    host.ip(*(f'neigh add {a} lladdr {m} dev eth0 nud permanent'
              for a, m in crowd))
    ping(pasta.ns, NEAR[version])
    assert seen(pasta.ns, NEAR[version]) == mac(remote)
    assert rss_kib(pasta.process.pid) < before + 256
    # Whoever there is no room for has our MAC address
    pasta.ns.ip(*(f'route add {a} dev eth0' for a, _ in crowd[::256]))
    shown = []
    for address, own in crowd[::256]:
        pasta.ns.run(f'ping -c 1 -W 0.1 {address}', check=False)
        shown.append(seen(pasta.ns, address) == own)
        assert shown[-1] or seen(pasta.ns, address) == OUR_MAC
    assert True in shown and False in shown

    # They make room for others
    host.ip(*(f'neigh del {a} dev eth0' for a, _ in crowd))
    new = NEAR[version][:-1] + '8'
    remote.ip(f'addr add {new}/{24 if version == 4 else 64} dev up0' +
              ('' if version == 4 else ' nodad'))
    ping(pasta.ns, new)
    wait_seen(pasta.ns, new, mac(remote))


@VERSIONS
def test_scenario_58_passt(topology, start_passt, start_vm, version):
    """A virtual machine sees the same"""
    topology.host.ip('neigh flush dev eth0')
    guest = start_vm(start_passt().connect()).up().ns
    ping(guest, NEAR[version])
    wait_seen(guest, NEAR[version], mac(topology.remote1))
    change_mac(topology, f'02:00:00:03:58:0{version}')
    wait_seen(guest, NEAR[version], f'02:00:00:03:58:0{version}')
    ping(guest, NEAR[version])
    ping(guest, FAR[4])
    assert seen(guest, GATEWAY[4]) == OUR_MAC
