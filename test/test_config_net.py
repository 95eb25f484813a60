# SPDX-License-Identifier: BSD-3-Clause
"""--config-net: choice of the host's interface, copies of its addresses and
routes, for all the shapes a host's network comes in."""

import ctypes
import json
import os
import struct
import subprocess
import tempfile

import pytest

import lab
from lab import USER, Netns, as_user


class Host:
    """A host by itself, without any interface at first"""

    def __init__(self, directory):
        self.directory = tempfile.mkdtemp(dir=directory)
        os.chmod(self.directory, 0o777)
        self.host = Netns.new('host')
        self.host.sysctl(ipv6__conf__all__accept_dad=0,
                         ipv6__conf__default__accept_dad=0)

    def add(self, name, *lines):
        """Add an interface whose other end is up, then commands on it"""
        self.host.ip(f'link add {name} type veth peer name {name[:12]}-up',
                     f'link set {name[:12]}-up up addrgenmode none',
                     f'link set {name} up addrgenmode none',
                     *(line.format(name) for line in lines))


@pytest.fixture
def topology(directory):
    """What the fixture `start` takes for the laboratory"""
    h = Host(directory)
    yield h
    h.host.delete()


@pytest.fixture
def host(topology):
    """Namespace of the host"""
    return topology.host


def objects(ns, command):
    """Output of ip(8) for a command"""
    with ns:
        out = subprocess.run(['ip', '-N', '-j', *command.split()], check=True,
                             stdout=subprocess.PIPE).stdout
    return json.loads(out or '[]')


def routes(ns, v, dev=None):
    """Lines of the main table, sorted, without those each interface has"""
    command = f'ip -{v} route show' + (f' dev {dev}' if dev else '')
    lines = ns.run(command).stdout.splitlines()
    return sorted(line.strip() for line in lines
                  if not line.startswith(('fe80::', 'multicast')))


def addresses(ns, v, dev):
    """Entries of an interface's global addresses"""
    return [a for link in objects(ns, f'-{v} addr show dev {dev} scope global')
            for a in link.get('addr_info', []) if a]


def local(ns, v, dev):
    """The same as text: address/prefix"""
    return [f"{a['local']}/{a['prefixlen']}" for a in addresses(ns, v, dev)]


def guest_interface(ns):
    """Name of the only interface besides lo"""
    names = [link['ifname'] for link in objects(ns, 'link show')]
    assert len(names) == 2
    return names[1]


NET4 = ('addr add 192.0.2.2/24 dev {0}',)
NET6 = ('addr add 2001:db8:1::2/64 dev {0} nodad',)
OTHER4 = ('addr add 198.51.100.2/24 dev {0}',)
OTHER6 = ('addr add 2001:db8:2::2/64 dev {0} nodad',)
DEFAULT4 = ('route add default via 192.0.2.1 dev {0}',)
DEFAULT6 = ('route add default via 2001:db8:1::1 dev {0}',)


def test_lowest_metric_is_template(topology, start):
    """The default route that the host itself would take decides"""
    topology.add('far', *OTHER4, *OTHER6,
                 'route add default via 198.51.100.1 dev {0} metric 50',
                 'route add default via 2001:db8:2::1 dev {0} metric 50')
    topology.add('near', *NET4, *NET6,
                 'route add default via 192.0.2.1 dev {0} metric 20',
                 'route add default via 2001:db8:1::1 dev {0} metric 20')
    pasta = start()
    assert local(pasta.ns, 4, 'near') == ['192.0.2.2/24']
    assert local(pasta.ns, 6, 'near') == ['2001:db8:1::2/64']
    assert pasta.log_text().count('near is one of several interfaces with '
                                  'default routes: see --interface') == 1
    assert 'several' not in start('-i', 'near').log_text()


def test_template_by_version(topology, start):
    """IPv4 and IPv6 may have their default routes by different interfaces"""
    topology.add('six', *NET6, *DEFAULT6)
    topology.add('four', *NET4, *DEFAULT4)
    ns = start().ns
    assert guest_interface(ns) == 'four'
    assert routes(ns, 4, 'four') == routes(topology.host, 4, 'four')
    assert local(ns, 6, 'four') == ['2001:db8:1::2/64']
    assert routes(ns, 6, 'four') == routes(topology.host, 6, 'six')


def test_given_interface_without_address(topology, start):
    """If -i has nothing to take over, it is told; one IP version is enough"""
    topology.add('good', *NET4, *DEFAULT4)
    topology.add('bare')
    pasta = start('-i', 'bare')
    assert local(pasta.ns, 4, guest_interface(pasta.ns)) == ['169.254.2.1/16']
    assert 'bare, given by --interface, has no address' in pasta.log_text()
    assert 'no address' not in start('-i', 'good').log_text()


def test_given_interface(topology, start):
    """-i takes another interface than the one of the default route"""
    topology.add('one', *NET4, *DEFAULT4, *NET6, *DEFAULT6)
    topology.add('two', *OTHER4, *OTHER6)
    ns = start('-i', 'two').ns
    assert local(ns, 4, 'two') == ['198.51.100.2/24']
    assert local(ns, 6, 'two') == ['2001:db8:2::2/64']
    assert not [r for r in routes(ns, 4) + routes(ns, 6) if 'default' in r]


def test_no_default_route(topology, start):
    """Scenario 61: no default route, the interface with a route is taken"""
    topology.add('only', *NET4, *NET6,
                 'route add 203.0.113.0/24 via 192.0.2.1')
    ns = start().ns
    assert routes(ns, 4, 'only') == routes(topology.host, 4, 'only')
    assert len(routes(ns, 4)) == 2
    assert routes(ns, 6, 'only') == routes(topology.host, 6, 'only')


def test_several_interfaces_no_default_route(topology, start):
    """Scenario 61: several interfaces without a default route"""
    topology.add('first', *NET4, *NET6)
    topology.add('second', *OTHER4, *OTHER6)
    ns = start().ns
    assert local(ns, 4, 'first') == ['192.0.2.2/24']
    assert local(ns, 6, 'first') == ['2001:db8:1::2/64']


def test_default_route_without_gateway(topology, start):
    """Scenario 61: default route straight to the interface"""
    topology.add('ppp', *NET4, *NET6, 'route add default dev {0}',
                 'route add default dev {0} metric 1000')
    ns = start().ns
    assert routes(ns, 4, 'ppp') == routes(topology.host, 4, 'ppp')
    assert 'default scope link' in routes(ns, 4, 'ppp')


def test_template_without_mac(topology, start):
    """Scenario 61: a tun device, as of a VPN, has no MAC address"""
    topology.host.ip('tuntap add dev vpn mode tun',
                     'link set vpn up',
                     'addr add 192.0.2.2/32 dev vpn',
                     'addr add 2001:db8:1::2/128 dev vpn',
                     'route add default dev vpn',
                     'route add default dev vpn metric 9')
    ns = start().ns
    assert local(ns, 4, 'vpn') == ['192.0.2.2/32']
    assert local(ns, 6, 'vpn') == ['2001:db8:1::2/128']


def test_wireguard_template(topology, start):
    """Scenario 61: the same with WireGuard, if this kernel has it"""
    if topology.host.run('ip link add wg0 type wireguard',
                         check=False).returncode:
        pytest.skip('no WireGuard in this kernel')
    topology.host.ip('link set wg0 up', 'addr add 192.0.2.2/32 dev wg0',
                     'route add default dev wg0')
    assert local(start().ns, 4, 'wg0') == ['192.0.2.2/32']


def test_unnumbered_template(topology, start):
    """The address belongs to lo, the default route names it as source"""
    topology.add('eth', 'addr add 192.0.2.2/32 dev lo',
                 'route add default via 192.0.2.1 dev {0} onlink '
                 'src 192.0.2.2')
    ns = start().ns
    assert local(ns, 4, 'eth') == ['192.0.2.2/32']
    assert [r for r in routes(ns, 4) if r.startswith('default via 192.0.2.1')]


@pytest.mark.parametrize('weights, expected', [
    ((3, 7), 'eth1'), ((7, 3), 'eth0'), ((5, 5), 'eth0')])
def test_multipath_heaviest_hop(topology, start, weights, expected):
    """Scenario 62: a multipath default route, the heaviest hop decides"""
    topology.add('eth0', *NET4, *NET6)
    topology.add('eth1', *OTHER4, *OTHER6)
    topology.host.ip(
        'route add default nexthop via 192.0.2.1 dev eth0 weight {} '
        'nexthop via 198.51.100.1 dev eth1 weight {}'.format(*weights),
        'route add default nexthop via 2001:db8:1::1 dev eth0 weight {} '
        'nexthop via 2001:db8:2::1 dev eth1 weight {}'.format(*weights))
    ns = start().ns
    assert guest_interface(ns) == expected
    gateway4 = {'eth0': '192.0.2.1', 'eth1': '198.51.100.1'}[expected]
    gateway6 = {'eth0': '2001:db8:1::1', 'eth1': '2001:db8:2::1'}[expected]
    for v, gateway in (4, gateway4), (6, gateway6):
        found = [r for r in routes(ns, v) if 'default' in r]
        assert len(found) == 1 and f'via {gateway} ' in found[0]


def test_multipath_hops_of_one_interface(topology, start):
    """Scenario 62: of three hops, the two by the template are copied"""
    topology.add('eth0', *NET4, *NET6)
    topology.add('eth1', *OTHER4, *OTHER6)
    topology.host.ip(
        'route add default nexthop via 192.0.2.1 dev eth0 weight 5 '
        'nexthop via 198.51.100.1 dev eth1 '
        'nexthop via 192.0.2.9 dev eth0 weight 2',
        'route add default nexthop via 2001:db8:1::1 dev eth0 weight 5 '
        'nexthop via 2001:db8:2::1 dev eth1 '
        'nexthop via 2001:db8:1::9 dev eth0 weight 2')
    ns = start().ns
    for v, near, far in ((4, '192.0.2.1', '192.0.2.9'),
                         (6, '2001:db8:1::1', '2001:db8:1::9')):
        r, = objects(ns, f'-{v} route show default')
        hops = {(h['gateway'], h['dev'], h['weight']) for h in r['nexthops']}
        assert hops == {(near, 'eth0', 5), (far, 'eth0', 2)}


@pytest.mark.parametrize('compat', [1, 0])
def test_nexthop_objects(topology, start, compat):
    """Routes by next hop objects are copied as plain ones, also if the kernel
    names the object only"""
    topology.add('eth0', *NET4, *NET6)
    topology.host.sysctl(ipv4__nexthop_compat_mode=compat)
    topology.host.ip('nexthop add id 7 via 192.0.2.1 dev eth0',
                     'route add default nhid 7',
                     'nexthop add id 8 via 2001:db8:1::1 dev eth0',
                     'route add ::/0 nhid 8')
    ns = start().ns
    for v, gateway in (4, '192.0.2.1'), (6, '2001:db8:1::1'):
        assert [r for r in routes(ns, v)
                if r.startswith(f'default via {gateway} ')]


@pytest.mark.parametrize('compat', [1, 0])
def test_nexthop_group(topology, start, compat):
    """The heaviest one of a group decides, and those by its interface are
    copied"""
    topology.add('eth0', *NET4)
    topology.add('eth1', *OTHER4)
    topology.host.sysctl(ipv4__nexthop_compat_mode=compat)
    topology.host.ip('nexthop add id 1 via 192.0.2.1 dev eth0',
                     'nexthop add id 2 via 198.51.100.1 dev eth1',
                     'nexthop add id 3 via 198.51.100.9 dev eth1',
                     'nexthop add id 4 group 1,2/2,5/3,2',
                     'route add default nhid 4')
    ns = start().ns
    assert guest_interface(ns) == 'eth1'
    r, = objects(ns, '-4 route show default')
    hops = {(h['gateway'], h['dev'], h['weight']) for h in r['nexthops']}
    assert hops == {('198.51.100.1', 'eth1', 5), ('198.51.100.9', 'eth1', 2)}


def test_noprefixroute(topology, start):
    """Scenario 63: no prefix route appears that the host hasn't"""
    topology.add('eth', 'addr add 192.0.2.2/24 dev {0} noprefixroute',
                 'addr add 2001:db8:1::2/64 dev {0} nodad noprefixroute',
                 'route add 192.0.2.0/25 dev {0} metric 100 proto dhcp',
                 'route add default via 192.0.2.1 dev {0} proto dhcp',
                 'route add 2001:db8:1::/64 dev {0} metric 100 proto ra',
                 'route add default via 2001:db8:1::1 dev {0} proto ra')
    ns = start().ns
    for v in 4, 6:
        assert routes(ns, v, 'eth') == routes(topology.host, v, 'eth')


def test_metric_of_prefix_route(topology, start):
    """The prefix route comes with the metric it has on the host, once"""
    topology.add('eth', 'addr add 192.0.2.2/24 dev {0} metric 100',
                 'addr add 2001:db8:1::2/64 dev {0} nodad metric 100',
                 *DEFAULT4, *DEFAULT6)
    ns = start().ns
    for v in 4, 6:
        assert routes(ns, v, 'eth') == routes(topology.host, v, 'eth')


def test_routes_of_daemons(topology, start):
    """Scenario 63: routes set by OSPF and others, with all they carry"""
    topology.add('eth', *NET4, *NET6, *DEFAULT4, *DEFAULT6,
                 'route add 203.0.113.0/24 via 192.0.2.9 proto ospf metric 20',
                 'route add 203.0.113.0/25 via 192.0.2.8 proto bird mtu 1300 '
                 'advmss 1200',
                 'route add 203.0.113.128/25 via 192.0.2.8 src 192.0.2.2 '
                 'tos 0x10',
                 'route add 2001:db8:3::/64 via 2001:db8:1::9 proto ospf '
                 'metric 20 mtu 1300',
                 'route add 2001:db8:4::/64 dev {0} pref high')
    ns = start().ns
    for v in 4, 6:
        assert routes(ns, v, 'eth') == routes(topology.host, v, 'eth')
    assert len(routes(ns, 4)) == 5


def test_linkdown_routes(topology, start):
    """Scenario 63: routes are copied while the link has no carrier"""
    topology.add('eth', *NET4, *DEFAULT4)
    topology.host.ip('link set eth-up down')
    assert 'linkdown' in routes(topology.host, 4, 'eth')[0]
    ns = start().ns
    assert routes(ns, 4, 'eth') == [
        r.replace(' linkdown', '') for r in routes(topology.host, 4, 'eth')]


def test_routes_that_depend_on_each_other(topology, start):
    """A gateway is reached by a route that the kernel lists later"""
    topology.add('eth', 'addr add 192.0.2.2/32 dev {0}',
                 'addr add 2001:db8:1::2/128 dev {0} nodad',
                 'route add 203.0.113.200 dev {0}',
                 'route add 203.0.113.100 via 203.0.113.200 onlink dev {0}',
                 'route add 192.0.2.1 dev {0}',
                 'route add default via 192.0.2.1 dev {0}',
                 'route add 2001:db8:9::1 dev {0}',
                 'route add default via 2001:db8:9::1 dev {0}',
                 'route add 2001:db8:2::/64 via 2001:db8:9::1 dev {0}')
    ns = start().ns
    for v in 4, 6:
        assert routes(ns, v, 'eth') == routes(topology.host, v, 'eth')


def test_link_local_gateway(topology, start):
    """IPv6 routers go by link-local addresses; IPv4 may have such a gateway"""
    topology.add('eth', *NET4, *NET6, 'route add default via fe80::1 dev {0}')
    topology.host.run('ip -4 route add default via inet6 fe80::1 dev eth')
    ns = start().ns
    assert 'default via inet6 fe80::1' in ' '.join(routes(ns, 4))
    for v in 4, 6:
        assert routes(ns, v, 'eth') == routes(topology.host, v, 'eth')


def test_two_routers(topology, start):
    """Two default routes by the template with different metrics: both"""
    topology.add('eth', *NET4, *DEFAULT4,
                 'route add default via 192.0.2.9 dev {0} metric 700')
    pasta = start()
    assert routes(pasta.ns, 4, 'eth') == routes(topology.host, 4, 'eth')
    assert 'several' not in pasta.log_text()


def test_other_tables_and_interfaces_stay(topology, start):
    """Only the main table's routes by the template are copied"""
    topology.add('eth', *NET4, *DEFAULT4,
                 'route add 203.0.113.0/24 dev {0} table 77',
                 'route add blackhole 198.18.0.0/15')
    topology.add('other', *OTHER4,
                 'route add 203.0.113.0/24 via 198.51.100.1')
    ns = start().ns
    assert routes(ns, 4, 'eth') == routes(topology.host, 4, 'eth')
    assert not [r for r in ns.run('ip route show table all').stdout.split()
                if r.startswith(('198.18.', '198.51.', '203.0.'))]


def test_thousand_routes(topology, start):
    """More routes than fit a datagram of the kernel's"""
    topology.add('eth', *NET4, *DEFAULT4,
                 *(f'route add 198.18.{i // 64}.{i % 64 * 4}/30 via 192.0.2.1'
                   for i in range(1000)))
    ns = start().ns
    assert routes(ns, 4, 'eth') == routes(topology.host, 4, 'eth')


def test_address_of_other_length(topology, start):
    """-a replaces the address: sources that aren't there any more are gone"""
    topology.add('eth', *NET4, *DEFAULT4,
                 'route add 203.0.113.0/24 via 192.0.2.1 src 192.0.2.2')
    ns = start('-a', '192.0.2.77', '-n', '24').ns
    assert local(ns, 4, 'eth') == ['192.0.2.77/24']
    assert routes(ns, 4, 'eth') == [
        '192.0.2.0/24 proto kernel scope link src 192.0.2.77',
        '203.0.113.0/24 via 192.0.2.1',
        'default via 192.0.2.1']


def test_gateway_outside_prefix(topology, start):
    """-g with a gateway that no prefix covers is reached on the link"""
    topology.add('eth', *NET4, *DEFAULT4, *NET6, *DEFAULT6)
    ns = start('-a', '198.51.100.5', '-n', '32', '-g', '203.0.113.1',
               '-g', '2001:db8:7::1').ns
    assert routes(ns, 4) == ['default via 203.0.113.1 dev eth onlink']
    found = [r for r in routes(ns, 6) if 'default' in r]
    assert len(found) == 1 and 'via 2001:db8:7::1 dev eth' in found[0]


def test_no_copy_routes(topology, start):
    """--no-copy-routes: the prefix and the default route, nothing else"""
    topology.add('eth', *NET4, *DEFAULT4, *NET6, *DEFAULT6,
                 'route add 203.0.113.0/24 via 192.0.2.1')
    ns = start('--no-copy-routes').ns
    assert [r.split()[0] for r in routes(ns, 4)] == ['192.0.2.0/24', 'default']
    assert len([r for r in routes(ns, 6) if r.startswith('default')]) == 1


def test_addresses_copied(topology, start):
    """All global ones, in the same order, with peer and broadcast address"""
    topology.add('eth', 'addr add 192.0.2.2/24 brd + dev {0}',
                 'addr add 192.0.2.3/24 dev {0}',
                 'addr add 198.51.100.2 peer 198.51.100.9/32 dev {0}',
                 'addr add 169.254.7.7/16 dev {0} scope link',
                 'addr add 2001:db8:1::2/64 dev {0} nodad',
                 'addr add 2001:db8:1::3/80 dev {0} nodad',
                 'addr add fe80::77/64 dev {0} nodad', *DEFAULT4, *DEFAULT6)
    ns = start().ns
    for v in 4, 6:
        assert local(ns, v, 'eth') == local(topology.host, v, 'eth')
    text = ns.run('ip addr show dev eth').stdout
    assert 'inet 198.51.100.2 peer 198.51.100.9/32' in text
    assert '192.0.2.2/24 brd 192.0.2.255' in text
    assert '169.254.' not in text and 'fe80::77' not in text


def test_addresses_do_not_expire(topology, start):
    """Scenario 64: lifetimes of the host's addresses are not copied"""
    topology.add('eth', 'addr add 192.0.2.2/24 dev {0} valid_lft 1000 '
                 'preferred_lft 500',
                 'addr add 2001:db8:1::2/64 dev {0} nodad valid_lft 1000 '
                 'preferred_lft 500', *DEFAULT4, *DEFAULT6)
    ns = start().ns
    for v in 4, 6:
        found, = addresses(ns, v, 'eth')
        assert found['valid_life_time'] == 0xffffffff
        assert found['preferred_life_time'] == 0xffffffff
        assert 'dynamic' not in found


def test_lasting_address_is_preferred(topology, start):
    """A deprecated or temporary address is not the one to present"""
    topology.add('eth', *NET6, 'addr add 2001:db8:1::dead/64 dev {0} nodad '
                 'valid_lft 1000 preferred_lft 0', *DEFAULT6)
    ns = start('--no-copy-addrs').ns
    assert local(ns, 6, 'eth') == ['2001:db8:1::2/64']


def deprecated(ns, v, dev):
    """Addresses that new connections should not come from"""
    return [a['local'] for a in addresses(ns, v, dev) if a.get('deprecated')]


def test_deprecated_addresses_are_left_out(topology, start):
    """What is on its way out on the host doesn't become a lasting address"""
    topology.add('eth', *NET4, *NET6, *DEFAULT4, *DEFAULT6,
                 'addr add 198.51.100.7/24 dev {0} valid_lft 1000 '
                 'preferred_lft 0',
                 'addr add 2001:db8:1::dead/64 dev {0} nodad valid_lft 1000 '
                 'preferred_lft 0',
                 'addr add 2001:db8:1::3/64 dev {0} nodad')
    assert deprecated(topology.host, 4, 'eth') == ['198.51.100.7']
    assert deprecated(topology.host, 6, 'eth') == ['2001:db8:1::dead']
    ns = start().ns
    assert local(ns, 4, 'eth') == ['192.0.2.2/24']
    assert sorted(local(ns, 6, 'eth')) == \
        ['2001:db8:1::2/64', '2001:db8:1::3/64']


def test_nothing_but_deprecated_addresses(topology, start):
    """Then they are better than none"""
    topology.add('eth', *(line + ' valid_lft 1000 preferred_lft 0'
                          for line in NET4 + NET6), *DEFAULT4, *DEFAULT6)
    assert deprecated(topology.host, 4, 'eth') == ['192.0.2.2']
    ns = start().ns
    assert local(ns, 4, 'eth') == ['192.0.2.2/24']
    assert local(ns, 6, 'eth') == ['2001:db8:1::2/64']


def test_no_network_at_all(topology, start):
    """Scenario 66: without any network, local mode for both versions"""
    ns = start().ns
    assert guest_interface(ns) == 'tap0'
    assert local(ns, 4, 'tap0') == ['169.254.2.1/16']
    for v, gateway in (4, '169.254.2.2'), (6, 'fe80::1'):
        assert [r for r in routes(ns, v)
                if r.startswith(f'default via {gateway} ')]


@pytest.mark.parametrize('lines, up, down', [
    (NET4 + DEFAULT4, 4, 6), (NET6 + DEFAULT6, 6, 4)])
def test_local_mode_by_version(topology, start, lines, up, down):
    """Scenario 66: one version has a network, the other goes local"""
    topology.add('eth', *lines)
    ns = start().ns
    assert guest_interface(ns) == 'eth'
    assert local(ns, up, 'eth') == local(topology.host, up, 'eth')
    gateway = {4: '169.254.2.2', 6: 'fe80::1'}[down]
    assert [r for r in routes(ns, down)
            if r.startswith(f'default via {gateway} ')]


def test_only_link_local_on_host(topology, start):
    """Scenario 66: IPv6 with nothing but link-local addresses on the host"""
    topology.add('eth', *NET4, *DEFAULT4, 'addr add fe80::5/64 dev {0} nodad')
    ns = start().ns
    assert [r for r in routes(ns, 6) if r.startswith('default via fe80::1 ')]


def test_link_local_makes_no_template(topology, start):
    """Scenario 66: an interface with nothing else is no network"""
    topology.add('eth', 'addr add fe80::5/64 dev {0} nodad')
    assert guest_interface(start().ns) == 'tap0'


def test_link_local_routes(topology, start):
    """The kernel has made its own, the host's stay where they are"""
    topology.add('eth', *NET6, 'route add fe80::/64 dev {0} metric 999')
    assert 'metric 999' not in start().ns.run('ip -6 route').stdout


def test_no_dad(topology, start):
    """Scenario 67: copied and link-local addresses are not tentative"""
    topology.add('eth', *NET6, *DEFAULT6)
    with start().ns:
        with open('/proc/thread-self/net/if_inet6') as f:
            flags = {line.split()[0]: int(line.split()[4], 16) for line in f
                     if line.split()[5] == 'eth'}
    assert len(flags) == 2
    assert not [a for a, value in flags.items() if value & 0x40]


def test_usable_at_once(topology, binary):
    """Scenario 67: the first thing the command does is to bind to them"""
    topology.add('eth', *NET6, *DEFAULT6)
    script = ('import socket;'
              's = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM);'
              's.bind(("2001:db8:1::2", 0))')
    with topology.host:
        subprocess.run([binary, '--config-net', '--', '/usr/bin/python3', '-c',
                        script], check=True, timeout=30, **as_user(USER))


def test_long_interface_name(topology, start):
    """Scenario 68: names of 15 characters, of the host and for -I"""
    topology.add('fifteen-letters', *NET4, *DEFAULT4)
    assert guest_interface(start().ns) == 'fifteen-letters'
    assert guest_interface(start('-I', 'abcdefghijklmno').ns) == \
        'abcdefghijklmno'


def test_mac_mtu_queue(topology, start):
    """MAC address and MTU as asked for, a queue that takes bursts"""
    topology.add('eth', *NET4, *DEFAULT4)
    link = objects(start('--ns-mac-addr', '02:00:00:12:34:56',
                         '-m', '1280').ns, 'link show dev eth')[0]
    assert link['address'] == '02:00:00:12:34:56'
    assert link['mtu'] == 1280
    assert link['txqlen'] == 10000


def test_without_config_net(topology, binary):
    """Down and without addresses, so that a DHCP client finds it so"""
    topology.add('eth', *NET4, *DEFAULT4)
    with topology.host:
        out = subprocess.run([binary, '--', 'ip', '-j', 'addr', 'show'],
                             check=True, timeout=30, stdout=subprocess.PIPE,
                             **as_user(USER)).stdout
    lo, eth = json.loads(out)
    assert 'UP' in lo['flags']
    assert eth['ifname'] == 'eth' and 'UP' not in eth['flags']
    assert eth['addr_info'] == [] and eth['mtu'] == 65520


def without_ipv6():
    """Have socket(2) fail for AF_INET6, as in a kernel without IPv6"""
    code = [(0x20, 0, 0, 0),                    # Load system call's number
            (0x15, 0, 3, 41),                   # socket(2) on x86-64?
            (0x20, 0, 0, 16),                   # Load first argument
            (0x15, 0, 1, 10),                   # AF_INET6?
            (0x06, 0, 0, 0x00050000 | 97),      # Fail with EAFNOSUPPORT
            (0x06, 0, 0, 0x7fff0000)]           # Go on
    program = ctypes.create_string_buffer(
        b''.join(struct.pack('HBBI', *line) for line in code))
    fprog = struct.pack('HxxxxxxP', len(code), ctypes.addressof(program))
    lab.check(lab.libc.prctl(38, 1, 0, 0, 0))
    lab.check(lab.libc.prctl(22, 2, fprog, 0, 0))


@pytest.mark.skipif(os.uname().machine != 'x86_64', reason='x86-64 only')
def test_kernel_without_ipv6(topology, start):
    """Scenario 60: starts and connects IPv4 where IPv6 can't be had"""
    topology.add('eth', *NET4, *DEFAULT4)
    ns = start(preexec_fn=without_ipv6).ns
    assert local(ns, 4, 'eth') == ['192.0.2.2/24']


def test_ipv6_disabled_in_namespace(topology, binary):
    """Scenario 60: a namespace where IPv6 is disabled gets IPv4 only"""
    topology.add('eth', *NET4, *DEFAULT4, *NET6, *DEFAULT6)
    ns = Netns.new('target')
    ns.sysctl(ipv6__conf__all__disable_ipv6=1,
              ipv6__conf__default__disable_ipv6=1)
    try:
        with topology.host:
            done = subprocess.run([binary, '--config-net', '--netns', ns.path],
                                  text=True, timeout=30, capture_output=True)
        assert done.returncode == 0, done.stderr
        assert local(ns, 4, 'eth') == ['192.0.2.2/24']
        assert 'IPv6' in done.stderr
    finally:
        ns.delete()


def test_interface_exists_already(topology, binary):
    """A name that the namespace has already is a clear error"""
    ns = Netns.new('target')
    ns.ip('tuntap add dev tap0 mode tap')
    try:
        with topology.host:
            done = subprocess.run([binary, '--config-net', '--netns', ns.path],
                                  text=True, timeout=30, capture_output=True)
        assert done.returncode == 1
        assert 'already has an interface tap0' in done.stderr
        assert '--ns-ifname' in done.stderr
        assert len(done.stderr.splitlines()) == 1
    finally:
        ns.delete()
