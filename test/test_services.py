# SPDX-License-Identifier: BSD-3-Clause
"""What configures a guest: ARP, NDP, DHCP and DHCPv6, asked by real clients.

The guest has an interface and nothing else; clients hand what they learn to a
script of ours that only writes it down, unless a test has it configured.
"""

import contextlib
import os
import re
import signal
import socket
import subprocess

import pytest

import lab
from lab import wait_for

OUR_MAC = '9a:55:9a:55:9a:55'
IF = 'tap0'
SERVERS = ('-D', '192.0.2.53', '-D', '198.51.100.53', '-D', '2001:db8:1::53',
           '-D', '2001:db8:2::53', '--dhcp-dns')
SEARCH = ('-S', 'example.org a.example', '--dhcp-search')
NAMES = ('-H', 'gt', '--fqdn', 'gt.example.org')

# $1 is the event for udhcpc, $reason for the others
SCRIPT = '''#!/bin/sh
env > {dir}/new-$$ && mv {dir}/new-$$ {dir}/event-${{reason:-$1}}
'''


class Guest:
    """A guest with an interface that is up, and the clients in it"""

    def __init__(self, pasta, directory, dad=False, kernel_ra=False):
        self.pasta = pasta
        self.ns = pasta.ns
        self.dir = directory
        self.script = f'{directory}/script'
        with open(self.script, 'w') as f:
            f.write(SCRIPT.format(dir=directory))
        os.chmod(self.script, 0o755)
        self.ns.sysctl(**{f'ipv6__conf__{IF}__accept_dad': int(dad),
                          f'ipv6__conf__{IF}__accept_ra': int(kernel_ra)})
        self.ns.ip(f'link set {IF} up')
        wait_for(lambda: self.addresses('link', '-tentative'),
                 'link-local address')

    def addresses(self, scope, flags=''):
        """IPv6 addresses of the interface"""
        out = self.ns.run(f'ip -6 addr show dev {IF} scope {scope} '
                          f'{flags}').stdout
        return re.findall(r'inet6 (\S+)/', out)

    def event(self, name):
        """What the script was told, once it was told of an event"""
        path = f'{self.dir}/event-{name}'
        wait_for(lambda: os.path.exists(path), f'event {name}')
        with open(path) as f:
            return dict(line.rstrip('\n').split('=', 1) for line in f
                        if '=' in line)

    def udhcpc(self, *options):
        """Have udhcpc get a lease. Return: what it learnt"""
        self.ns.run(['udhcpc', '-i', IF, '-f', '-n', '-q', '-t', '3', '-T',
                     '2', '-s', self.script, *options])
        return self.event('bound')

    @contextlib.contextmanager
    def daemon(self, *command, **kwargs):
        """Run a client that stays, in the foreground"""
        process = self.ns.popen(command, stdin=subprocess.DEVNULL,
                                stdout=subprocess.DEVNULL,
                                stderr=subprocess.DEVNULL, **kwargs)
        try:
            yield
        finally:
            lab.kill(process)

    def dhclient(self, *options, config='', leases=''):
        """Run dhclient"""
        for name, text in (('conf', config), ('leases', leases)):
            with open(f'{self.dir}/{name}', 'w') as f:
                f.write(text)
        return self.daemon('dhclient', '-d', '-1', '-sf', self.script, '-cf',
                           f'{self.dir}/conf', '-lf', f'{self.dir}/leases',
                           '-pf', f'{self.dir}/pid', *options, IF)

    @contextlib.contextmanager
    def dhcpcd(self, *options, config=''):
        """Run dhcpcd, which has its own ideas of where its files are"""
        places = '/run/dhcpcd', '/var/lib/dhcpcd'
        for place in places:
            os.makedirs(place, exist_ok=True)
            lab.mount('none', place, 'tmpfs', 0, 'mode=755')
        with open(f'{self.dir}/conf', 'w') as f:
            f.write('duid\nslaac hwaddr\n' + config)
        process = self.ns.popen(['dhcpcd', '-B', '--noconfigure', '-f',
                                 f'{self.dir}/conf', '-c', self.script,
                                 *options, IF],
                                stdin=subprocess.DEVNULL,
                                stdout=subprocess.DEVNULL,
                                stderr=subprocess.DEVNULL,
                                start_new_session=True)
        try:
            yield
        finally:
            # It separates its privileges, so there is a group of it, and now
            # and then it misses to end: that isn't what is tested here
            lab.kill(process)
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            for place in places:
                lab.check(lab.libc.umount2(place.encode(), 2))


@pytest.fixture
def connect(topology, launch, scratch):
    """Function that starts pasta with options. Return: the guest"""
    def begin(*options, **kwargs):
        pasta = launch(topology, '-I', IF, '-d', *options)
        return Guest(pasta, scratch, **kwargs)
    return begin


@pytest.fixture
def silent(topology, launch, scratch):
    """As connect, without any of the services"""
    pasta = launch(topology, '-I', IF, '-d', '--no-dhcp', '--no-dhcpv6',
                   '--no-ndp')
    return Guest(pasta, scratch)


def reach(topology, guest, address):
    """A connection from the guest to the near remote, and back"""
    with topology.remote1.tcp_listen(address) as server:
        with guest.ns.tcp_connect(address, server.getsockname()[1]):
            server.accept()[0].close()


def test_udhcpc(connect, topology):
    """All options that udhcpc asks for; scenario 53, type first"""
    guest = connect('-m', '1400', *SERVERS, *SEARCH, *NAMES)
    got = guest.udhcpc('-O', 'search', '-O', 'mtu', '-O', 'hostname',
                       '-O', '81')
    assert got['ip'] == '192.0.2.2'
    assert got['subnet'] == '255.255.255.0'
    assert got['router'] == got['serverid'] == '192.0.2.1'
    assert got['dns'] == '192.0.2.53 198.51.100.53'
    assert got['search'] == 'example.org a.example'
    assert got['hostname'] == 'gt'
    assert got['mtu'] == '1400'
    assert int(got['lease']) == 0xffffffff
    assert 'staticroutes' not in got

    guest.ns.ip(f'addr add 192.0.2.2/24 dev {IF}',
                'route add default via 192.0.2.1')
    reach(topology, guest, lab.SHARED4)


def test_udhcpc_told_no_more_than_configured(connect):
    """Without options: neither names nor servers nor, with -m 0, an MTU"""
    guest = connect('-m', '0', '-S', 'example.org', '-D', '192.0.2.53')
    got = guest.udhcpc('-O', 'search', '-O', 'mtu', '-O', 'hostname')
    assert got['ip'] == '192.0.2.2'
    assert not {'dns', 'search', 'mtu', 'hostname'} & set(got)


def test_search_list_needs_name_servers(connect):
    """Scenario 56: no search list without name servers, by any protocol"""
    guest = connect('-D', 'none', '--dhcp-dns', *SEARCH)
    got = guest.udhcpc('-O', 'search')
    assert not {'dns', 'search'} & set(got)

    advertisement = guest.ns.run(f'rdisc6 -1 {IF}').stdout
    assert 'Router lifetime' in advertisement
    assert 'DNS' not in advertisement

    with guest.dhclient('-6'):
        assert 'new_dhcp6_domain_search' not in guest.event('BOUND6')


def test_udhcpc_host_route(connect):
    """Scenario 54: the whole mask, and a way to a gateway outside of it"""
    guest = connect('-a', '192.0.2.2/32', '-g', '192.0.2.1')
    got = guest.udhcpc('-O', 'staticroutes')
    assert got['subnet'] == '255.255.255.255'
    assert got['router'] == '192.0.2.1'
    assert got['staticroutes'] == ('192.0.2.1/32 0.0.0.0 '
                                   '0.0.0.0/0 192.0.2.1')


def test_udhcpc_broadcast(connect):
    """Scenario 50: the client asks for broadcast replies"""
    guest = connect()
    with guest.ns:
        listener = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM)
    with listener:
        listener.bind((IF, 0x0800))
        listener.settimeout(lab.WAIT_S)
        assert guest.udhcpc('-B')['ip'] == '192.0.2.2'
        reply = listener.recv(2048)
    assert reply[16:20] == b'\xff\xff\xff\xff'
    assert reply[20:24] == b'\0\103\0\104'


def test_dhclient(connect):
    """A lease for dhclient, with name servers, search list and names"""
    guest = connect(*SERVERS, *SEARCH, *NAMES)
    config = ('request subnet-mask, routers, domain-name-servers, host-name,'
              'domain-search, interface-mtu, fqdn.fqdn;\n')
    with guest.dhclient('-4', config=config):
        got = guest.event('BOUND')
    assert got['new_ip_address'] == '192.0.2.2'
    assert got['new_subnet_mask'] == '255.255.255.0'
    assert got['new_routers'] == '192.0.2.1'
    assert got['new_domain_name_servers'] == '192.0.2.53 198.51.100.53'
    assert got['new_domain_search'] == 'example.org. a.example.'
    assert got['new_host_name'] == 'gt'
    assert got['new_interface_mtu'] == '65520'
    assert got['new_fqdn_fqdn'] == 'gt.example.org'


def test_dhclient_comes_from_elsewhere(connect):
    """A client with a lease of another network starts over at once"""
    guest = connect()
    leases = ('lease {\n  interface "' + IF + '";\n'
              '  fixed-address 198.51.100.77;\n'
              '  option subnet-mask 255.255.255.0;\n'
              '  option dhcp-server-identifier 198.51.100.1;\n'
              '  renew never;\n  rebind never;\n  expire never;\n}\n')
    with guest.dhclient('-4', leases=leases):
        got = guest.event('BOUND')
    assert got['new_ip_address'] == '192.0.2.2'
    assert 'DHCP: REQUEST from guest, refused' in guest.pasta.log_text()


@pytest.mark.parametrize('rapid', [True, False])
def test_dhcpcd(connect, rapid):
    """Scenario 51: two messages with Rapid Commit, four without

    In the second case dhcpcd looks for duplicates, too: scenario 46.
    """
    guest = connect(*SERVERS, *SEARCH)
    config = ('option domain_name_servers, domain_search, interface_mtu\n'
              'nodelay\n')
    config += 'option rapid_commit\nnoarp\n' if rapid else ''
    with guest.dhcpcd('-4', config=config):
        got = guest.event('BOUND')
    assert got['new_ip_address'] == '192.0.2.2'
    assert got['new_domain_name_servers'] == '192.0.2.53 198.51.100.53'
    assert got['new_domain_search'] == 'example.org a.example'
    assert got['new_interface_mtu'] == '65520'
    log = guest.pasta.log_text()
    assert 'DHCP: DISCOVER' in log
    assert ('DHCP: REQUEST' in log) == (not rapid)


def test_dhclient_v6(connect, topology):
    """Scenario 55: address, servers, several search domains, name"""
    guest = connect(*SERVERS, *SEARCH, *NAMES)
    config = 'also request dhcp6.fqdn;\n'
    with guest.dhclient('-6', config=config):
        got = guest.event('BOUND6')
    assert got['new_ip6_address'] == '2001:db8:1::2'
    assert got['new_dhcp6_name_servers'] == '2001:db8:1::53 2001:db8:2::53'
    assert got['new_dhcp6_domain_search'] == 'example.org. a.example.'
    assert got['new_fqdn_fqdn'] == 'gt.example.org'
    assert int(got['new_max_life']) == 0xffffffff

    guest.ns.ip(f'addr add 2001:db8:1::2/64 dev {IF} nodad',
                f'route add default via fe80::1 dev {IF}')
    reach(topology, guest, lab.SHARED6)


def test_dhclient_v6_stateless(connect):
    """Information-request: all but an address"""
    guest = connect(*SERVERS, *SEARCH)
    with guest.dhclient('-6', '-S'):
        got = guest.event('RENEW6')
    assert got['new_dhcp6_name_servers'] == '2001:db8:1::53 2001:db8:2::53'
    assert 'new_ip6_address' not in got


def test_dhcpcd_v6(connect):
    """dhcpcd follows the advertisement to our server"""
    guest = connect(*SERVERS, *SEARCH)
    config = ('option dhcp6_name_servers, dhcp6_domain_search, rapid_commit\n'
              'ipv6rs\nia_na 1\n')
    with guest.dhcpcd('-6', config=config):
        advertised = guest.event('ROUTERADVERT')
        got = guest.event('BOUND6')
    assert advertised['nd1_from'] == 'fe80::1'
    assert advertised['nd1_prefix_information1_prefix'] == '2001:db8:1::'
    assert advertised['nd1_mtu'] == '65520'
    assert got['new_dhcp6_ia_na1_ia_addr1'] == '2001:db8:1::2'
    assert got['new_dhcp6_name_servers'] == '2001:db8:1::53 2001:db8:2::53'
    assert got['new_dhcp6_domain_search'] == 'example.org a.example'


def test_rdisc6(connect):
    """Scenario 49: an advertisement with the greatest lifetimes"""
    guest = connect('-m', '1400', *SERVERS, *SEARCH)
    out = guest.ns.run(f'rdisc6 -1 {IF}').stdout
    for line in (r'Hop limit +: +255 ',
                 r'Stateful address conf. +: +Yes',
                 r'Router lifetime +: +65535 ',
                 r' Prefix +: 2001:db8:1::/64',
                 r'  On-link +: +Yes',
                 r'  Autonomous address conf.: +Yes',
                 r'  Valid time +: +infinite',
                 r'  Pref. time +: +infinite',
                 r' Source link-layer address: 9A:55:9A:55:9A:55',
                 r' MTU +: +1400 ',
                 r' Recursive DNS server +: 2001:db8:1::53',
                 r' DNS search list +: example.org a.example',
                 r'  DNS search list lifetime: +infinite',
                 r' from fe80::1$'):
        assert re.search('^' + line, out, re.M), f'{line} not in {out}'


def test_kernel_configures_itself(connect, topology):
    """Nothing but router advertisements: address and route that never end"""
    guest = connect(kernel_ra=True)
    address = wait_for(lambda: guest.addresses('global', '-tentative'),
                       'address from advertisement')
    assert address[0].startswith('2001:db8:1:')
    assert 'valid_lft forever' in guest.ns.run(
        f'ip -6 addr show dev {IF} scope global').stdout
    assert 'via fe80::1 ' in guest.ns.run('ip -6 route show default').stdout
    reach(topology, guest, lab.SHARED6)


def test_duplicates_are_not_seen(connect):
    """Scenario 46: probes go unanswered, the addresses are usable"""
    guest = connect(dad=True)
    guest.ns.ip(f'addr add 2001:db8:1::2/64 dev {IF}',
                f'addr add 2001:db8:1::77/64 dev {IF}')
    wait_for(lambda: len(guest.addresses('global', '-tentative')) == 2,
             'addresses past duplicate detection')
    assert 'dadfailed' not in guest.ns.run('ip addr').stdout

    for address in '192.0.2.2', '192.0.2.77':
        out = guest.ns.run(f'busybox arping -D -c 1 -w 1 -I {IF} '
                           f'{address}').stdout
        assert 'Received 0 response' in out


def test_neighbours(connect):
    """Whoever the guest asks for is us, by the address we were given"""
    guest = connect('-M', '02:00:5e:00:53:01')
    guest.ns.ip(f'addr add 192.0.2.2/24 dev {IF}',
                f'addr add 2001:db8:1::2/64 dev {IF} nodad')
    for address in '192.0.2.1', '192.0.2.200':
        out = guest.ns.run(f'busybox arping -c 1 -w 5 -I {IF} '
                           f'{address}').stdout
        assert '02:00:5e:00:53:01' in out.lower()
    for address in 'fe80::1', '2001:db8:1::1', '2001:db8:1::200':
        out = guest.ns.run(f'ndisc6 -1 {address} {IF}').stdout
        assert '02:00:5E:00:53:01' in out


def test_periodic_advertisements(connect):
    """Scenario 48: unasked, soon after the start"""
    guest = connect(kernel_ra=True)
    guest.ns.sysctl(**{f'ipv6__conf__{IF}__router_solicitations': 0})
    guest.ns.ip(f'link set {IF} down', f'link set {IF} up')
    wait_for(lambda: 'via fe80::1 ' in guest.ns.run(
        'ip -6 route show default').stdout, 'advertisement')


def test_switched_off(silent):
    """Scenario 48 too: no answers with --no-dhcp, --no-dhcpv6, --no-ndp"""
    ns = silent.ns
    assert ns.run(f'udhcpc -i {IF} -f -n -q -t 1 -T 1 -s {silent.script}',
                  check=False).returncode == 1
    assert ns.run(f'rdisc6 -1 -r 1 -w 500 {IF}', check=False).returncode
    assert ns.run(f'ndisc6 -1 -r 1 -w 500 fe80::1 {IF}',
                  check=False).returncode
    with silent.dhclient('-6', '-S'):
        with pytest.raises(TimeoutError):
            wait_for(lambda: os.path.exists(f'{silent.dir}/event-RENEW6'),
                     seconds=2)


def test_no_router_advertisements(connect):
    """--no-ra: neighbours are still answered for"""
    guest = connect('--no-ra')
    assert guest.ns.run(f'rdisc6 -1 -r 1 -w 500 {IF}', check=False).returncode
    assert '9A:55:9A:55:9A:55' in guest.ns.run(
        f'ndisc6 -1 fe80::1 {IF}').stdout
