# SPDX-License-Identifier: BSD-3-Clause
"""passt with guests on its stream socket: what QEMU's stream netdev does."""

import contextlib
import hashlib
import os
import re
import socket
import struct
import threading
import time

import pytest

import frames
import lab
import lab_vm
from lab import SHARED4, SHARED6, WAIT_S, wait_for
from ports import cpu_ticks

REMOTES = [SHARED4, SHARED6]
SIZE = 8 << 20


def digest_of(s, size):
    """Digest of what arrives until the end of the stream"""
    h = hashlib.sha256()
    left = size
    while left:
        piece = s.recv(1 << 20)
        assert piece, f'{left} bytes missing'
        h.update(piece)
        left -= len(piece)
    assert s.recv(1) == b''
    return h.hexdigest()


def transfer(sender, receiver, size=SIZE):
    """Send data one way. Both are connected sockets, closed after that"""
    data = hashlib.shake_128(b'passt').digest(1 << 20) * (size >> 20)

    def send():
        sender.sendall(data)
        sender.close()
    thread = threading.Thread(target=send)
    thread.start()
    got = digest_of(receiver, size)
    thread.join()
    receiver.close()
    assert got == hashlib.sha256(data).hexdigest()


def connect(client_ns, server_ns, address, port=0):
    """A connection. Return: the client's socket, the server's"""
    with server_ns.tcp_listen(address, port) as server:
        client = client_ns.tcp_connect(address, server.getsockname()[1])
        peer, _ = server.accept()
        peer.settimeout(WAIT_S)
        return client, peer


@pytest.fixture
def vm(start_passt, start_vm):
    """A guest that is up, with default settings"""
    return start_vm(start_passt().connect()).up()


@pytest.mark.parametrize('address', REMOTES)
def test_tcp_both_ways(vm, topology, address):
    """Data arrives as it was sent"""
    client, peer = connect(vm.ns, topology.remote1, address)
    transfer(client, peer)
    client, peer = connect(vm.ns, topology.remote1, address)
    transfer(peer, client)


@pytest.mark.parametrize('address', REMOTES)
def test_ping(vm, address):
    """Echo requests are answered"""
    out = vm.ns.run(f'ping -c 2 -i 0.2 -W {WAIT_S} {address}').stdout
    assert ' 0% packet loss' in out


@pytest.mark.parametrize('address', REMOTES)
def test_udp(vm, topology, address):
    """Datagrams get there and back, whatever their size"""
    with topology.remote1.udp(address) as server:
        with vm.ns.udp(v6=':' in address) as client:
            client.connect(server.getsockname()[:2])
            for size in 0, 1, 1200, 9000, 65507:
                client.send(bytes(size))
                data, peer = server.recvfrom(1 << 16)
                assert data == bytes(size)
                server.sendto(data, peer)
                assert client.recv(1 << 16) == data


def test_configuration(start_passt, start_vm):
    """Name servers are told by default, unlike to a namespace"""
    passt = start_passt('-D', '192.0.2.53', '-S', 'example.org', '-H', 'gt',
                        '-m', '1400')
    vm = start_vm(passt.connect()).up()
    lease = vm.dhcp()
    assert lease['ip'] == '192.0.2.2' and lease['router'] == '192.0.2.1'
    assert lease['dns'] == '192.0.2.53' and lease['search'] == 'example.org'
    assert lease['mtu'] == '1400' and lease['hostname'] == 'gt'
    assert ('2001:db8:1:' in
            vm.ns.run(f'ip -6 addr show dev {lab_vm.IF} scope global').stdout)


@pytest.mark.parametrize('address', ['192.0.2.2', '2001:db8:1::2'])
def test_forwarded_ports(start_passt, start_vm, topology, address):
    """Remotes reach what listens in the guest"""
    passt = start_passt('-t', '8080:80', '-u', '5353:53')
    # It has sent nothing from an address by SLAAC but when it looked for others
    ns = start_vm(passt.connect(), dad=True).up().ns
    wait_for(lambda: re.search(
        'inet6 2001:db8:1:(?!.*tentative)',
        ns.run(f'ip -6 addr show dev {lab_vm.IF}').stdout), 'address by SLAAC')
    any_address = '::' if ':' in address else '0.0.0.0'
    with ns.tcp_listen(any_address, 80) as server:
        client = topology.remote1.tcp_connect(address, 8080)
        peer, (source, *_) = server.accept()
        assert source == topology.remote1.run(
            f'ip -o route get {address}').stdout.split('src ')[1].split()[0]
        transfer(client, peer)
        client = topology.remote1.tcp_connect(address, 8080)
        peer, _ = server.accept()
        transfer(peer, client)
    with ns.udp(any_address, 53) as server:
        with topology.remote1.udp(v6=':' in address) as client:
            client.connect((address, 5353))
            client.send(b'question')
            _, peer = server.recvfrom(100)
            server.sendto(b'answer', peer)
            assert client.recv(100) == b'answer'


OUTBOUND = {
    '': ('192.0.2.2', '2001:db8:1::2', 'remote1'),
    '-o 192.0.2.3 -o 2001:db8:1::3':
        ('192.0.2.3', '2001:db8:1::3', 'remote1'),
    '--outbound-if4 eth1 --outbound-if6 eth1':
        ('198.51.100.2', '2001:db8:2::2', 'remote2'),
    '-o 198.51.100.3 --outbound-if4 eth1 -o 2001:db8:2::3 '
    '--outbound-if6 eth1': ('198.51.100.3', '2001:db8:2::3', 'remote2'),
}


@pytest.mark.parametrize('options', OUTBOUND)
def test_outbound(start_passt, start_vm, topology, options):
    """Connections and datagrams leave as asked for, by the remotes' word"""
    ns = start_vm(start_passt(*options.split()).connect()).up().ns
    *sources, remote = OUTBOUND[options]
    remote = getattr(topology, remote)
    for address, expected in zip(REMOTES, sources):
        with remote.tcp_listen(address) as server:
            ns.tcp_connect(address, server.getsockname()[1]).close()
            peer, (source, *_) = server.accept()
            peer.close()
            assert source == expected
        with remote.udp(address) as server:
            with ns.udp(v6=':' in address) as client:
                client.sendto(b'?', server.getsockname()[:2])
                assert server.recvfrom(9)[1][0] == expected


def test_guests_come_and_go(start_passt, start_vm, topology):
    """Connections end with the guest; the next one gets its own"""
    passt = start_passt('-t', '8080')
    for mac in '52:54:00:00:00:01', '52:54:00:00:00:02':
        vm = start_vm(passt.connect(), mac=mac).up()
        client, peer = connect(vm.ns, topology.remote1, SHARED4)
        with vm.ns.tcp_listen('0.0.0.0', 8080) as server:
            inbound = topology.remote1.tcp_connect('192.0.2.2', 8080)
            server.accept()[0].close()
        with client, peer, inbound:
            client.sendall(b'?')
            assert peer.recv(9) == b'?'
            vm.lose()
            with pytest.raises(ConnectionResetError):
                peer.recv(9)
    assert passt.process.poll() is None
    assert passt.log_text().count('Guest connected') == 2
    assert passt.log_text().count('Guest disconnected') == 2


def test_second_guest_is_refused(start_passt, start_vm):
    """The first one doesn't notice"""
    passt = start_passt()
    vm = start_vm(passt.connect()).up()
    for _ in range(3):
        with passt.connect() as s:
            assert lab_vm.RawGuest(s).is_dropped()
    vm.ns.run(f'ping -c 1 -W {WAIT_S} {SHARED4}')
    assert vm.is_connected()
    assert passt.log_text().count('Another guest refused') == 1


def test_one_off(start_passt):
    """The program ends with the guest"""
    passt = start_passt('--one-off')
    with passt.connect() as s:
        assert lab_vm.RawGuest(s).receive()
        with passt.connect() as other:
            assert lab_vm.RawGuest(other).is_dropped()
        assert passt.process.poll() is None
    assert passt.process.wait(WAIT_S) == 0


@pytest.mark.parametrize('length', [0, 13, 65550, 0x7fffffff, 0xffffffff])
def test_scenario_82_bad_length(start_passt, start_vm, length):
    """The connection is dropped, the next one is as good as ever"""
    passt = start_passt()
    with passt.connect() as s:
        s.sendall(lab_vm.LENGTH.pack(length) + bytes(100))
        assert lab_vm.RawGuest(s).is_dropped()
    vm = start_vm(passt.connect()).up()
    vm.ns.run(f'ping -c 1 -W {WAIT_S} {SHARED6}')
    assert f'announced a frame of {length} bytes' in passt.log_text()


MAC = bytes.fromhex('525400123456')


def from_guest(kind, packet):
    """A frame of the guest"""
    return frames.BROADCAST_MAC + MAC + struct.pack('!H', kind) + packet


def arp_reply(guest):
    """Ask for the gateway. Return: frames up to the answer, before which passt
    has handled all that was sent earlier"""
    guest.send(from_guest(frames.ARP, frames.arp(
        1, MAC, '192.0.2.2', bytes(6), '192.0.2.1')))
    got = [guest.receive()]
    while got[-1][12:14] != b'\x08\x06' or got[-1][20:22] != b'\0\2':
        got.append(guest.receive())
    return got


def leave(passt, guest):
    """Have the guest hang up, wait until passt knows"""
    guest.s.close()
    wait_for(lambda: passt.log_text().endswith('Guest disconnected\n'),
             'end of the connection')


def test_scenario_57_frames_are_padded(start_passt):
    """None is shorter than Ethernet allows"""
    with start_passt().connect() as s:
        *others, reply = arp_reply(lab_vm.RawGuest(s))
        assert all(len(frame) >= 60 for frame in others)
        assert len(reply) == 60 and reply[:6] == MAC


def test_scenario_48_advertisements(start_passt, scratch):
    """Each guest gets one as soon as it is connected, and nobody gets any
    before"""
    pcap = f'{scratch}/pcap'
    passt = start_passt('--pcap', pcap)
    wait_for(lambda: os.stat(pcap).st_size, 'start of the capture')
    for _ in range(2):
        before = os.stat(pcap).st_size
        time.sleep(0.1)
        assert os.stat(pcap).st_size == before
        guest = lab_vm.RawGuest(passt.connect())
        while True:
            p = frames.Packet(guest.receive())
            if (p.kind, p.proto, p.dport) == (6, frames.ICMP6, 134):
                break
        leave(passt, guest)


def test_guest_learnt_anew(start_passt, topology):
    """The next guest is found where it has looked for duplicates, though the
    one before had sent from an address of its own"""
    net = '2001:db8:1::'
    passt = start_passt('-t', '8080')
    guest = lab_vm.RawGuest(passt.connect())
    with topology.remote1.udp(SHARED6) as server:
        port = server.getsockname()[1]
        guest.send(from_guest(frames.IP6, frames.ip6(
            f'{net}a', SHARED6, frames.UDP,
            frames.udp(f'{net}a', SHARED6, 5000, port, b'!'))))
        assert server.recv(9) == b'!'
    leave(passt, guest)

    guest = lab_vm.RawGuest(passt.connect())
    to = 'ff02::1:ff00:b'
    guest.send(from_guest(frames.IP6, frames.ip6(
        '::', to, frames.ICMP6, frames.icmp(
            '::', to, 135, rest=bytes(4) + frames.packed(f'{net}b')),
        hops=255)))
    arp_reply(guest)
    with topology.remote1.socket(socket.AF_INET6, socket.SOCK_STREAM) as s:
        s.setblocking(False)
        with contextlib.suppress(BlockingIOError):
            s.connect((f'{net}2', 8080))
        packet = frames.Packet(guest.receive())
        while packet.proto != frames.TCP:
            packet = frames.Packet(guest.receive())
        assert packet.target == f'{net}b'
    leave(passt, guest)


def test_fragments_go_with_the_guest(start_passt, topology):
    """Those of the next one aren't put together with what it had sent"""
    passt = start_passt()
    ours = '192.0.2.2'
    guest = lab_vm.RawGuest(passt.connect())
    with topology.remote1.udp(SHARED4) as server:
        port = server.getsockname()[1]

        def packet(data, start=0, end=None, **wrong):
            udp = frames.udp(ours, SHARED4, 5000, port, data)
            return from_guest(frames.IP4, frames.ip4(
                ours, SHARED4, frames.UDP, udp[start:end], ident=7, **wrong))
        first = packet(b'x' * 16, 0, 16, frag=frames.MF)
        last = packet(b'x' * 16, 16, frag=16 // 8)
        guest.send(first, last, first, packet(b'whole'))
        assert server.recv(99) == b'x' * 16
        assert server.recv(99) == b'whole'
        leave(passt, guest)
        guest = lab_vm.RawGuest(passt.connect())
        guest.send(last, packet(b'whole'))
        assert server.recv(99) == b'whole'
    leave(passt, guest)


def test_scenario_59_announcements(start_passt):
    """The guest is told of us and asked where it is, before it says a word"""
    with start_passt().connect() as s:
        guest = lab_vm.RawGuest(s)
        asked = set()
        while asked != {'ARP', 'NS', 'RA'}:
            frame = guest.receive()
            if frame[12:14] == b'\x08\x06':
                # Who has 192.0.2.2, tell 192.0.2.1
                assert frame[20:22] == b'\0\1'
                assert socket.inet_ntoa(frame[28:32]) == '192.0.2.1'
                assert socket.inet_ntoa(frame[38:42]) == '192.0.2.2'
                asked.add('ARP')
            elif frame[12:14] == b'\x86\xdd' and frame[20] == 58:
                asked.add({134: 'RA', 135: 'NS'}[frame[54]])
        # As long as it is silent
        frame = guest.receive()
        while frame[12:14] != b'\x08\x06':
            frame = guest.receive()


def test_scenario_17_and_19_guest_not_there_yet(start_passt, start_vm,
                                                topology):
    """Connections wait for the guest, as long as it takes to boot"""
    passt = start_passt('-t', '8080')
    client = topology.remote1.tcp_connect('192.0.2.2', 8080)
    client.sendall(b'early')
    vm = start_vm(passt.connect())
    with client, vm.ns.tcp_listen('0.0.0.0', 8080) as server:
        server.settimeout(3 * WAIT_S)
        vm.up()
        peer, _ = server.accept()
        with peer:
            assert peer.recv(9) == b'early'


def test_guest_that_never_reads(start_passt, topology):
    """What it sends goes on, what is for it costs neither time nor memory"""
    passt = start_passt('-u', '8080')
    guest = lab_vm.RawGuest(passt.connect())
    ours = '192.0.2.2'

    def memory():
        with open(f'/proc/{passt.process.pid}/statm') as f:
            return int(f.read().split()[1])

    with topology.remote1.udp(SHARED4) as server, topology.remote1.udp() as s:
        port = server.getsockname()[1]

        def exchange(i):
            """A datagram of the guest, many answers, and what others send"""
            guest.send(from_guest(frames.IP4, frames.ip4(
                ours, SHARED4, frames.UDP,
                frames.udp(ours, SHARED4, 5000 + i % 50, port, b'?'))))
            data, peer = server.recvfrom(9)
            assert data == b'?'
            for _ in range(20):
                server.sendto(bytes(1400), peer)
                s.sendto(bytes(1400), (ours, 8080))
        for i in range(200):
            exchange(i)
        before = memory()
        for i in range(200):
            exchange(i)
        assert memory() - before < 100
        before = cpu_ticks(passt.process.pid)
        time.sleep(1)
        assert cpu_ticks(passt.process.pid) - before < 25


def test_scenario_7_guest_that_does_not_read(start_passt, start_vm, topology):
    """Data waits for it, and all of it arrives"""
    vm = start_vm(start_passt().connect()).up()
    client, peer = connect(vm.ns, topology.remote1, SHARED4)
    data = hashlib.shake_128(b'7').digest(SIZE)
    peer.setblocking(False)
    sent = 0
    vm.pause(True)

    def send_some():
        nonlocal sent
        with contextlib.suppress(BlockingIOError):
            while sent < SIZE:
                sent += peer.send(data[sent:sent + (1 << 16)])
            return False
        return True
    # Until each of the buffers on the way is full
    for _ in range(20):
        wait_for(lambda: send_some() or sent == SIZE, 'a full socket')
        time.sleep(0.01)
    vm.pause(False)
    peer.settimeout(WAIT_S)

    def send_rest():
        peer.sendall(data[sent:])
        peer.close()
    thread = threading.Thread(target=send_rest)
    thread.start()
    assert digest_of(client, SIZE) == hashlib.sha256(data).hexdigest()
    thread.join()
    client.close()
