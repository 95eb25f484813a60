# SPDX-License-Identifier: BSD-3-Clause
"""TCP when a guest makes things run short."""

import contextlib
import os
import resource
import socket
import struct
import time

import pytest

from lab import SHARED4, WAIT_S, wait_for

FLOOD = 100000
FLOOD_S = 10                # At most, whatever got sent by then
SILENT = '192.0.2.77'       # Nobody answers for it
FEW_FDS = 132               # Pasta itself has most of them open


@contextlib.contextmanager
def echo_pair(guest, remote, address=SHARED4):
    """A connection. Yield: its ends"""
    with remote.tcp_listen(address) as server:
        with guest.tcp_connect(address, server.getsockname()[1]) as client:
            peer, _ = server.accept()
            peer.settimeout(WAIT_S)
            with peer:
                yield client, peer


def echo(client, peer):
    """A byte there and back"""
    client.sendall(b'?')
    assert peer.recv(1) == b'?'
    peer.sendall(b'!')
    assert client.recv(1) == b'!'


def descriptors(pasta):
    """How many descriptors has it got?"""
    return len(os.listdir(f'/proc/{pasta.process.pid}/fd'))


def checksum(data):
    """Internet checksum"""
    total = sum(struct.unpack(f'!{len(data) // 2}H', data))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return ~total & 0xffff


def syn(source, target, port, number):
    """A SYN as a raw socket sends it, the header of IPv4 excepted"""
    head = struct.pack('!HHIIBBHHH', port, 80, number, 0, 5 << 4, 2, 65535,
                       0, 0)
    pseudo = (socket.inet_aton(source) + socket.inet_aton(target) +
              struct.pack('!HH', socket.IPPROTO_TCP, len(head)))
    return head[:16] + struct.pack('!H', checksum(pseudo + head)) + head[18:]


def test_syn_flood(start_own, own_topology):
    """100,000 attempts at an address that is silent harm nobody else"""
    # The kernel gives up after seconds, not minutes
    own_topology.host.sysctl(ipv4__tcp_syn_retries=1)
    pasta = start_own()
    with echo_pair(pasta.ns, own_topology.remote1) as ends:
        echo(*ends)
        before = descriptors(pasta)
        # No neighbour is found there, which takes the kernel a while to tell
        with pasta.ns.socket(socket.AF_INET, socket.SOCK_RAW,
                             socket.IPPROTO_TCP) as raw:
            end = time.monotonic() + FLOOD_S
            most = 0
            for i in range(FLOOD):
                if time.monotonic() > end:
                    break
                raw.sendto(syn('192.0.2.2', SILENT, 1024 + i % 60000, i),
                           (SILENT, 0))
                if i % 1000 == 0:
                    echo(*ends)
                    most = max(most, descriptors(pasta) - before)
        assert i > 10000
        assert 1000 < most < 2100
        echo(*ends)
        with echo_pair(pasta.ns, own_topology.remote1) as others:
            echo(*others)
        wait_for(lambda: descriptors(pasta) <= before + 5, 'descriptors', 30)
        echo(*ends)


def test_few_descriptors(start, topology):
    """New connections, UDP flows and pings work, the oldest make room"""
    def limit():
        resource.setrlimit(resource.RLIMIT_NOFILE, (FEW_FDS, FEW_FDS))
    pasta = start(preexec_fn=limit)
    guest, remote = pasta.ns, topology.remote1
    with contextlib.ExitStack() as stack:
        server = stack.enter_context(remote.tcp_listen(SHARED4, backlog=1000))
        udp = stack.enter_context(remote.udp(SHARED4, 5555))
        pairs = []
        for _ in range(FEW_FDS):
            client = stack.enter_context(
                guest.tcp_connect(SHARED4, server.getsockname()[1]))
            peer = stack.enter_context(server.accept()[0])
            peer.settimeout(WAIT_S)
            pairs.append((client, peer))
            echo(*pairs[-1])
        assert descriptors(pasta) <= FEW_FDS
        with pytest.raises(ConnectionResetError):
            pairs[0][0].recv(1)
        echo(*pairs[-2])

        for i in range(20):
            s = stack.enter_context(guest.udp())
            s.sendto(b'%d' % i, (SHARED4, 5555))
            data, source = udp.recvfrom(100)
            udp.sendto(data, source)
            assert s.recv(100) == b'%d' % i
        guest.run(f'ping -c 1 -W {WAIT_S} {SHARED4}')
