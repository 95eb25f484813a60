# SPDX-License-Identifier: BSD-3-Clause
"""TCP when a guest makes things run short."""

import contextlib
import json
import os
import resource
import socket
import struct

import pytest

import frames
from lab import SHARED4, WAIT_S, wait_for

FLOOD = 100000
BATCH = 200                 # Fits the queue of the interface
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


def syns(guest):
    """Frames of FLOOD attempts to connect, each from or to another port"""
    mac = json.loads(guest.run('ip -j link show eth0').stdout)[0]['address']
    gateway = json.loads(guest.run('ip -j neigh show dev eth0').stdout)
    macs = [bytes.fromhex(m.replace(':', '')) for m in
            (next(n['lladdr'] for n in gateway if n['dst'] == '192.0.2.1'),
             mac)]
    for port in 80, 81:
        # Source port and sequence number add up to the same each time, so the
        # checksum remains right
        segment = frames.tcp('192.0.2.2', SILENT, 0, port, frames.SYN, 0xffff)
        frame = bytearray(b''.join(macs) + struct.pack('!H', frames.IP4) +
                          frames.ip4('192.0.2.2', SILENT, frames.TCP, segment))
        for source in range(1024, 1024 + FLOOD // 2):
            struct.pack_into('!H', frame, 34, source)
            struct.pack_into('!H', frame, 40, 0xffff - source)
            yield frame


def sent_and_dropped(guest):
    """Frames that pasta took from the guest's interface, and those lost"""
    stats = json.loads(guest.run('ip -s -j link show eth0').stdout)[0]
    return stats['stats64']['tx']['packets'], stats['stats64']['tx']['dropped']


def test_syn_flood(start_own, own_topology):
    """100,000 attempts at an address that is silent harm nobody else"""
    # The kernel gives up after seconds, not minutes
    own_topology.host.sysctl(ipv4__tcp_syn_retries=1)
    pasta = start_own()
    guest = pasta.ns
    with echo_pair(guest, own_topology.remote1) as ends, \
            guest.socket(socket.AF_PACKET, socket.SOCK_RAW) as raw:
        echo(*ends)
        raw.bind(('eth0', 0))
        before = descriptors(pasta)
        sent, lost = sent_and_dropped(guest)
        # No neighbour is found there, which takes the kernel a while to tell
        most = 0
        for i, frame in enumerate(syns(guest)):
            raw.send(frame)
            # What is in front of it in the queue was taken then
            if i % BATCH == 0:
                echo(*ends)
                most = max(most, descriptors(pasta) - before)
        echo(*ends)
        taken, dropped = sent_and_dropped(guest)
        print(f'{taken - sent} frames taken, {most} attempts kept')
        assert taken - sent >= FLOOD and dropped == lost
        assert 1000 < most < 2100
        with echo_pair(guest, own_topology.remote1) as others:
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
