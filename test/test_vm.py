# SPDX-License-Identifier: BSD-3-Clause
"""A real virtual machine behind passt: what its kernel and programs get.

One machine for each way to attach it, with a network card for each set of
options; see vm.py. VM_TRANSFER_MIB in the environment changes the size of the
great transfers.
"""

import os
import re

import pytest

from lab import SHARED4, kill, start_dnsmasq
from test_outbound import (A0, A1, SHARED, VERSIONS, at_both_remotes,
                           echo_listener, first_ready, own_choice)
from vm import BUILD, MODES, Passt, Vm, VmNet

MIB = 1 << 20
TRANSFER_MIB = int(os.environ.get('VM_TRANSFER_MIB', 256))
DNS = '198.18.0.53'
HOST = {4: '192.0.2.2', 6: '2001:db8:1::2'}
REMOTE = {4: '::ffff:192.0.2.1', 6: '2001:db8:1::1'}    # As the guest sees it
GATEWAY = {4: '192.0.2.1', 6: 'fe80::1'}

# Options of passt for each network card
CARDS = {
    'default': ['-t', '8001,8002:22', '-u', '8001,8002:53', '-D', DNS,
                '--dns-forward', DNS, '--dns-host', SHARED4],
    'mtu1500': ['--mtu', '1500'],
    'address': ['-o', A0[4], '-o', A0[6]],
    'interface': ['--outbound-if4', 'eth1', '--outbound-if6', 'eth1'],
    'both': ['-o', A1[4], '--outbound-if4', 'eth1',
             '-o', A1[6], '--outbound-if6', 'eth1'],
}
# How the last ones leave the host; None: by the address it would take itself
LEAVES = {'address': (A0, 'eth0'), 'interface': (None, 'eth1'),
          'both': (A1, 'eth1')}
FORWARDED = [(8001, 8001), (8002, 22)]
FORWARDED_UDP = [(8001, 8001), (8002, 53)]


class Machine:
    """A machine with all cards, of which one is in use"""

    def __init__(self, topology, binary, image, mode):
        self.passts = []
        self.card = self.vm = None
        try:
            for options in CARDS.values():
                self.passts.append(Passt(topology, binary, mode, *options))
            self.vm = Vm(topology, image, self.passts)
        except BaseException:
            self.stop()
            raise

    def use(self, card):
        """Have this card configured, and no other one. Return: Vm"""
        if self.card != card:
            self.card = None
            self.vm.configure(self.number(card), quick=card != 'default')
            self.card = card
        return self.vm

    @staticmethod
    def number(card):
        """Which one it is"""
        return list(CARDS).index(card)

    def stop(self):
        """End all"""
        if self.vm:
            self.vm.stop()
        assert [p.stop() for p in self.passts] == [0] * len(self.passts)


@pytest.fixture(scope='module', params=MODES)
def machine(request, shared_topology, binary, vm_image):
    """The machine, once for each way to attach it"""
    m = Machine(shared_topology, binary, vm_image, request.param)
    yield m
    m.stop()


def test_dhcp(machine):
    """udhcpc gets address, mask, router, MTU and name server"""
    vm = machine.use('default')
    lease = vm.lease('bound')
    assert (lease['ip'], lease['mask']) == (HOST[4], '24')
    assert lease['router'] == '192.0.2.1'
    assert lease['mtu'] == '65520'
    assert lease['dns'] == DNS


def test_slaac(machine):
    """The kernel makes itself an address, for ever, and finds the router"""
    out = machine.use('default').run('/sbin/ip -6 addr show dev eth0 '
                                     'scope global; /sbin/ip -6 route')
    assert re.search(r'inet6 2001:db8:1:0:5054:ff:fe00:0/64 .*\n'
                     r' *valid_lft forever', out)
    assert re.search(r'^default via fe80::1 dev eth0', out, re.M)
    assert 'dadfailed' not in out


def test_dhcpv6(machine):
    """dhclient gets the host's address"""
    vm = machine.use('default')
    lease = vm.dhclient6(machine.number('default'))
    assert lease['new_ip6_address'] == HOST[6]


def test_frames_are_long_enough(machine, topology):
    """Scenario 57: no frame is shorter than Ethernet has them"""
    vm = machine.use('default')
    job = vm.begin('vm_net least-length eth0 20')
    with VmNet(topology.remote1, f'udp-answer {SHARED4} 5000'):
        vm.run(f'''
            while pidof vm_net; do
                arping -c 1 -w 5 -I eth0 192.0.2.1
                vm_net udp-ask {SHARED4} 5000 0 1 0 1 0 1 0 1 0 1
            done''')
    assert 'least 60\n' in job.wait()


@pytest.mark.parametrize('version', VERSIONS)
def test_ping(machine, version):
    """The remote beyond the gateway answers, to large packets too"""
    vm = machine.use('default')
    for size in 56, 8000:
        out = vm.run(f'ping -{version} -c 1 -W 20 -s {size} {SHARED[version]}')
        assert '1 packets received' in out


def test_dns(machine, topology, scratch):
    """nslookup asks who DHCP told it to, the server of --dns-host answers"""
    vm = machine.use('default')
    dnsmasq = start_dnsmasq(topology.remote1, SHARED4, scratch,
                            '203.0.113.17')
    try:
        out = vm.run('nslookup name.example')
    finally:
        kill(dnsmasq)
    assert re.search(rf'^Server:\s+{DNS}$', out, re.M)
    assert '203.0.113.17' in out and '2001:db8::17' in out


def tcp_out(vm, remote, address, up, down):
    """A connection from the machine: bytes each way. Return: seconds"""
    with VmNet(remote, f'tcp-listen {address} 5000 {down} {up}') as peer:
        out = vm.run(f'vm_net tcp-connect {address} 5000 {up} {down}')
        peer.finish()
    return float(out.split()[-1])


@pytest.mark.parametrize('version', VERSIONS)
def test_tcp_out(machine, topology, version):
    """Both ways at once"""
    tcp_out(machine.use('default'), topology.remote1, SHARED[version],
            10000003, 7000001)


@pytest.mark.parametrize('version', VERSIONS)
def test_udp_out(machine, topology, version):
    """Datagrams, from empty ones up to the largest, and their answers"""
    vm = machine.use('default')
    with VmNet(topology.remote1, f'udp-answer {SHARED[version]} 5000'):
        vm.run(f'vm_net udp-ask {SHARED[version]} 5000 0 1 1472 1473 65507')


@pytest.mark.parametrize('version', VERSIONS)
def test_tcp_in(machine, topology, version):
    """Ports of the host lead into the machine, to other numbers too"""
    vm = machine.use('default')
    for port, inside in FORWARDED:
        with vm.serving(f'tcp-listen :: {inside} 100000 200000',
                        inside) as job:
            topology.remote1.run(f'{BUILD}/vm_net tcp-connect {HOST[version]} '
                                 f'{port} 200000 100000')
            assert f'peer {REMOTE[version]} ' in job.wait()


@pytest.mark.parametrize('version', VERSIONS)
def test_udp_in(machine, topology, version):
    """The same for datagrams"""
    vm = machine.use('default')
    for port, inside in FORWARDED_UDP:
        with vm.serving(f'udp-answer :: {inside}', inside) as job:
            topology.remote1.run(f'{BUILD}/vm_net udp-ask {HOST[version]} '
                                 f'{port} 0 1 1472 1473 9000')
        assert f'peer {REMOTE[version]} ' in job.wait(check=False)[1]


@pytest.mark.parametrize('version', VERSIONS)
def test_pasta_on_initramfs(machine, topology, version):
    """Scenario 86: pasta runs where the root file system can't be replaced

    It says what is needed for that. Its guest reaches the remote through it,
    and then through passt.
    """
    vm = machine.use('default')
    address = SHARED[version]
    with VmNet(topology.remote1, f'tcp-listen {address} 5000 1000 2000') as s:
        status, output = vm.run('pasta --config-net true', check=False)
        assert status == 1 and '--chroot-fallback' in output
        vm.run('pasta --chroot-fallback --config-net '
               f'vm_net tcp-connect {address} 5000 2000 1000')
        s.finish()


@pytest.mark.parametrize('direction', ['up', 'down'])
@pytest.mark.parametrize('version', VERSIONS)
@pytest.mark.parametrize('card', ['default', 'mtu1500'])
def test_great_transfer(machine, topology, card, version, direction):
    """All of it arrives, and no timer runs out in the guest

    It is given a timer that a busy machine alone doesn't make run out.
    """
    vm = machine.use(card)
    vm.run(f'/sbin/ip route replace {SHARED[version]} via {GATEWAY[version]} '
           f'dev eth{machine.number(card)} rto_min 5s')
    before = vm.counter('TcpExtTCPTimeouts')
    size = TRANSFER_MIB * MIB
    seconds = tcp_out(vm, topology.remote1, SHARED[version],
                      *((size, 0) if direction == 'up' else (0, size)))
    print(f'{TRANSFER_MIB / seconds:.0f} MiB/s')
    assert vm.counter('TcpExtTCPTimeouts') == before


@pytest.mark.parametrize('version', VERSIONS)
def test_datagrams_beyond_mtu(machine, topology, version):
    """Fragments both ways, at the MTU of an Ethernet"""
    vm = machine.use('mtu1500')
    with VmNet(topology.remote1, f'udp-answer {SHARED[version]} 5000'):
        vm.run(f'vm_net udp-ask {SHARED[version]} 5000 1472 1473 9000 65507')


def leaves(topology, card, version):
    """How packets of a card leave. Return: remote, source address"""
    addresses, interface = LEAVES[card]
    remote = topology.remote1 if interface == 'eth0' else topology.remote2
    return remote, addresses[version] if addresses else own_choice(
        topology.host, version, interface)


@pytest.mark.parametrize('version', VERSIONS)
@pytest.mark.parametrize('card', LEAVES)
def test_outbound(machine, topology, card, version):
    """-o, --outbound-if4 and --outbound-if6, as seen by the remote"""
    vm = machine.use(card)
    remote, source = leaves(topology, card, version)
    address = SHARED[version]
    with VmNet(remote, f'tcp-listen {address} 5000 1000 1000') as peer:
        vm.run(f'vm_net tcp-connect {address} 5000 1000 1000')
        assert peer.expect('peer')[0] == source
    with VmNet(remote, f'udp-answer {address} 5000') as peer:
        vm.run(f'vm_net udp-ask {address} 5000 1000')
        assert peer.expect('peer')[0] == source
    with at_both_remotes(topology, echo_listener(version)) as sniffers:
        vm.run(f'ping -{version} -c 1 -W 20 {address}')
        sniffer = first_ready(sniffers)
        assert sniffers[sniffer] == LEAVES[card][1]
        assert sniffer.recvfrom(2000)[1][0] == source
