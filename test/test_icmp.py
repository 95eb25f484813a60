# SPDX-License-Identifier: BSD-3-Clause
"""ICMP and ICMPv6 echo, and errors about the namespace's packets."""

import os
import socket
import struct
import subprocess

import pytest

from lab import SHARED4, SHARED6, wait_for

REMOTES = [SHARED4, SHARED6]


@pytest.mark.parametrize('address', REMOTES)
def test_ping(guest, address):
    """Three requests, three answers, none doubled"""
    output = guest.run(f'ping -c 3 -i 0.2 -W 5 {address}').stdout
    assert '3 received, 0% packet loss' in output
    assert 'DUP' not in output


@pytest.mark.parametrize('address', REMOTES)
@pytest.mark.parametrize('mtu', [1500, 65520])
@pytest.mark.parametrize('size', [0, 1, 1473, 60000])
def test_ping_sizes(start, address, mtu, size):
    """From nothing to many fragments"""
    guest = start('--mtu', str(mtu)).ns
    output = guest.run(f'ping -c 1 -W 5 -s {size} {address}').stdout
    assert '1 received, 0% packet loss' in output


def checksum(data):
    """RFC 1071"""
    words = struct.unpack(f'!{len(data) // 2}H', data)
    total = sum(words)
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return ~total & 0xffff


@pytest.mark.parametrize('address', REMOTES)
@pytest.mark.parametrize('identifier', [0, 1, 32767, 65535])
@pytest.mark.parametrize('sequence', [0, 65535])
def test_identifiers(guest, address, identifier, sequence):
    """Scenario 45: any identifier, any sequence number, both come back"""
    v6 = ':' in address
    request, reply = (128, 129) if v6 else (8, 0)
    payload = os.urandom(16)
    packet = struct.pack('!BBHHH', request, 0, 0, identifier, sequence)
    if not v6:
        packet = struct.pack('!BBHHH', request, 0, checksum(packet + payload),
                             identifier, sequence)
    with guest.socket(socket.AF_INET6 if v6 else socket.AF_INET,
                      socket.SOCK_RAW, socket.IPPROTO_ICMPV6 if v6
                      else socket.IPPROTO_ICMP) as s:
        s.sendto(packet + payload, (address, 0))
        while True:
            answer = s.recv(2000)
            answer = answer if v6 else answer[20:]
            if answer[0] == reply:
                break
        assert struct.unpack('!HH', answer[4:8]) == (identifier, sequence)
        assert answer[8:] == payload


@pytest.mark.parametrize('address', REMOTES)
def test_two_pings_at_once(guest, address):
    """Two identifiers do not mix"""
    command = ['ping', '-c', '5', '-i', '0.1', '-W', '5', address]
    pings = [guest.popen(command, stdout=subprocess.PIPE, text=True)
             for _ in range(2)]
    for ping in pings:
        output, _ = ping.communicate(timeout=30)
        assert '5 received, 0% packet loss' in output
        assert 'DUP' not in output


@pytest.mark.parametrize('gateway', ['192.0.2.1', '2001:db8:1::1'])
def test_ping_gateway(guest, gateway):
    """The gateway's address answers, too"""
    assert '1 received' in guest.run(f'ping -c 1 -W 5 {gateway}').stdout


def test_no_icmp(start):
    """--no-icmp: no answer"""
    output = start('--no-icmp').ns.run(f'ping -c 1 -W 1 {SHARED4}',
                                       check=False).stdout
    assert '0 received' in output


@pytest.mark.parametrize('address', REMOTES)
def test_ping_group_range_forbids(own_topology, start_own, address):
    """A message names the sysctl if the kernel forbids ping sockets; once"""
    own_topology.host.sysctl(ipv4__ping_group_range='1 0')
    pasta = start_own()
    output = pasta.ns.run(f'ping -c 2 -i 0.2 -W 1 {address}',
                          check=False).stdout
    assert '0 received' in output
    wait_for(lambda: 'ping_group_range' in pasta.log_text(), 'message')
    assert pasta.log_text().count('ping_group_range') == 1


@pytest.fixture
def router(own_topology):
    """A destination one hop behind remote1, in remote2 by a wire of its own"""
    own_topology.remote1.ip(
        f'link add hop type veth peer name hop netns '
        f'{own_topology.remote2.name}',
        'addr add 203.0.113.129/30 dev hop', 'link set hop up',
        'addr add 2001:db8:5::1/64 dev hop nodad')
    own_topology.remote1.sysctl(ipv4__ip_forward=1,
                                ipv6__conf__all__forwarding=1)
    own_topology.remote2.ip(
        'addr add 203.0.113.130/30 dev hop', 'link set hop up',
        'addr add 2001:db8:5::2/64 dev hop nodad',
        'route del 192.0.2.0/24', 'route add 192.0.2.0/24 via 203.0.113.129',
        'route del 2001:db8:1::/64',
        'route add 2001:db8:1::/64 via 2001:db8:5::1')
    return own_topology


@pytest.mark.parametrize('version, first, last', [
    (4, '192.0.2.1', '203.0.113.130'), (6, '2001:db8:1::1', '2001:db8:5::2')])
@pytest.mark.parametrize('method', ['', '-I'])
def test_traceroute(router, start_own, version, first, last, method):
    """Scenario 37: traceroute sees the router and the destination"""
    pasta = start_own('--no-map-gw')
    output = pasta.ns.run(f'traceroute -n -{version} {method} -q 1 -N 1 -m 4 '
                          f'-w 2 {last}').stdout
    hops = [line.split()[1] for line in output.splitlines()[1:]]
    assert first in hops
    assert hops[-1] == last


@pytest.mark.parametrize('address', ['203.0.113.200', '2001:db8:ffff::1'])
def test_unreachable(router, start_own, address):
    """Scenario 37: what the router reports reaches the sender"""
    router.remote1.ip('route add unreachable 203.0.113.200/32',
                      'route add unreachable 2001:db8:ffff::/64')
    pasta = start_own()
    with pasta.ns.udp_all_errors(address, 9) as client:
        client.send(b'x')
        with pytest.raises(OSError) as error:
            client.recv(100)
        assert not isinstance(error.value, TimeoutError)
