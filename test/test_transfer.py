# SPDX-License-Identifier: BSD-3-Clause
"""Much data by TCP, whole and unharmed, over good and bad paths.

TRANSFER_MIB in the environment changes the size of the great transfers.

None of the paths here loses a packet, hence the kernel in the namespace never
has a reason to wait for its retransmission timer: that it never does is what
each test checks besides the data.
"""

import functools
import hashlib
import os
import select
import socket
import threading
import time

import pytest

from lab import SHARED4, SHARED6, WAIT_S, DelayLine

MIB = 1 << 20
GREAT_MIB = int(os.environ.get('TRANSFER_MIB', 1024))
CONNECTIONS = 200
REMOTES = [SHARED4, SHARED6]
DIRECTIONS = ['up', 'down']


def with_patience(begin):
    """What starts pasta, with a guest that waits longer for acknowledgements

    The kernel takes 200 ms of silence for a loss, and a busy machine may well
    keep a program from running for that long. A segment that really got lost
    runs into the longer timer just as well.
    """
    def begin_patiently(*options, **kwargs):
        pasta = begin(*options, **kwargs)
        for version in 4, 6:
            route = pasta.ns.run(f'ip -{version} route show default').stdout
            pasta.ns.run(f'ip -{version} route replace {route.strip()} '
                         'rto_min 5s')
        return pasta
    return begin_patiently


@pytest.fixture
def start(start):
    """As usual, with patience"""
    return with_patience(start)


@pytest.fixture
def start_own(start_own):
    """As usual, with patience"""
    return with_patience(start_own)


class Data:
    """A stream without repetition at any distance that a bug would produce

    Chunk i is a MiB of a random block of 64 MiB, at an offset that depends on
    i, so that chunks that are lost, doubled or swapped change the sum.
    """
    BLOCK = 64 * MIB

    def __init__(self):
        self.fd = os.memfd_create('data')
        self.block = os.urandom(self.BLOCK)
        os.write(self.fd, self.block)

    def offset(self, i):
        """Where chunk @i is in the block"""
        return i * 7919 * 1009 % (self.BLOCK - MIB)

    @functools.cache
    def digest(self, mib):
        """SHA-256 of the first @mib chunks"""
        digest = hashlib.sha256()
        view = memoryview(self.block)
        for i in range(mib):
            digest.update(view[self.offset(i):self.offset(i) + MIB])
        return digest.hexdigest()

    def send(self, s, mib):
        """Send @mib chunks and the end of the stream"""
        for i in range(mib):
            start = self.offset(i)
            left = MIB
            while left:
                sent = os.sendfile(s.fileno(), self.fd, start, left)
                start += sent
                left -= sent
        s.shutdown(socket.SHUT_WR)


@pytest.fixture(scope='module')
def data():
    """The stream"""
    d = Data()
    yield d
    os.close(d.fd)


CLUES = ['TcpRetransSegs', 'TcpExtTCPLossProbes', 'TcpExtTCPSynRetrans',
         'TcpExtTCPSlowStartRetrans', 'TcpExtTCPToZeroWindowAdv',
         'TcpExtTCPBacklogDrop', 'TcpExtTCPRcvQDrop', 'TcpExtTCPDSACKRecv']


def assert_no_timeout(guest, before=0):
    """No retransmission timer has run out in the guest"""
    clues = ', '.join(f'{name} {guest.counter(name)}' for name in CLUES)
    assert guest.counter('TcpExtTCPTimeouts') == before, clues


def receive(s):
    """Return: SHA-256 of all that comes until the end, length"""
    digest = hashlib.sha256()
    room = bytearray(MIB)
    view = memoryview(room)
    total = 0
    while True:
        size = s.recv_into(room)
        if not size:
            return digest.hexdigest(), total
        digest.update(view[:size])
        total += size


class Transfer:
    """A transfer between guest and remote, in the background

    @sender, @receiver:	the sockets at both ends
    """

    def __init__(self, guest, remote, address, direction, **options):
        with remote.tcp_listen(address, **options) as server:
            client = guest.tcp_connect(address, server.getsockname()[1])
            peer, _ = server.accept()
        self.sender, self.receiver = \
            (client, peer) if direction == 'up' else (peer, client)
        for s in client, peer:
            # sendfile() is not Python's: the kernel has to do the waiting
            s.settimeout(None)
        self.thread = None
        self.error = None

    def start(self, data, mib):
        """Begin to send"""
        def send():
            try:
                data.send(self.sender, mib)
            except OSError as error:
                self.error = error
        self.thread = threading.Thread(target=send, daemon=True)
        self.thread.start()

    def finish(self):
        """Receive all there is. Return: its SHA-256, its length"""
        # A stall must not hold up everything: no byte in this time is an error
        self.receiver.settimeout(WAIT_S)
        try:
            return receive(self.receiver)
        finally:
            self.receiver.close()
            self.thread.join(WAIT_S)
            self.sender.close()
            assert self.error is None


def transfer(guest, remote, address, direction, data, mib):
    """Transfer @mib, check what arrives and that no timer ran out"""
    before = guest.counter('TcpExtTCPTimeouts')
    t = Transfer(guest, remote, address, direction)
    t.start(data, mib)
    assert t.finish() == (data.digest(mib), mib * MIB)
    assert_no_timeout(guest, before)


@pytest.mark.parametrize('address', REMOTES)
@pytest.mark.parametrize('direction', DIRECTIONS)
def test_great_transfer_and_connections(guest, topology, data, direction,
                                        address):
    """1 GiB arrives while 200 further connections open and close

    Scenario 9: one more that nobody writes to is still there at the end.
    """
    expected = data.digest(GREAT_MIB)
    with topology.remote1.tcp_listen(address) as server:
        port = server.getsockname()[1]
        idle = guest.tcp_connect(address, port)
        idle_peer, _ = server.accept()
        t = Transfer(guest, topology.remote1, address, direction)
        result = []
        t.start(data, GREAT_MIB)
        receiver = threading.Thread(target=lambda: result.append(t.finish()))
        receiver.start()
        for i in range(CONNECTIONS):
            with guest.tcp_connect(address, port) as client:
                peer, _ = server.accept()
                with peer:
                    client.sendall(b'%d' % i)
                    assert peer.recv(10) == b'%d' % i
        receiver.join()
        assert result == [(expected, GREAT_MIB * MIB)]
        idle_peer.sendall(b'still here')
        assert idle.recv(10) == b'still here'
        idle.close()
        idle_peer.close()
    assert_no_timeout(guest)


@pytest.mark.parametrize('direction', DIRECTIONS)
@pytest.mark.parametrize('mtu', [1280, 1500, 9000])
def test_mtu(start, topology, data, direction, mtu):
    """Smaller MTUs than the default"""
    guest = start('--mtu', str(mtu)).ns
    for address in REMOTES:
        transfer(guest, topology.remote1, address, direction, data, 64)


@pytest.mark.parametrize('direction', DIRECTIONS)
@pytest.mark.parametrize('mtu', [1500, 65520])
@pytest.mark.parametrize('buffers', ['4096 4096 4096', '4096 16384 65536'])
def test_small_host_buffers(own_topology, start_own, data, direction, mtu,
                            buffers):
    """Scenarios 8 and 16: socket buffers below the size of a segment"""
    own_topology.host.sysctl(ipv4__tcp_rmem=buffers, ipv4__tcp_wmem=buffers)
    pasta = start_own('--mtu', str(mtu))
    for address in REMOTES:
        transfer(pasta.ns, own_topology.remote1, address, direction, data, 2)


@pytest.mark.parametrize('direction', DIRECTIONS)
def test_small_guest_buffers(guest, topology, data, direction):
    """Scenario 6: a guest whose window closes again and again"""
    guest.sysctl(ipv4__tcp_rmem='4096 4096 8192',
                 ipv4__tcp_wmem='4096 4096 8192')
    for address in REMOTES:
        transfer(guest, topology.remote1, address, direction, data, 2)


@pytest.fixture(params=[0.0001, 0.001, 0.05], ids=['0.1ms', '1ms', '50ms'])
def delay_line(request, own_topology):
    """A wire from host to remote1 with a delay each way"""
    line = DelayLine(own_topology.host, own_topology.remote1, request.param)
    yield line
    line.delete()


@pytest.mark.parametrize('direction', DIRECTIONS)
def test_latency(own_topology, start_own, data, direction, delay_line):
    """Scenarios 18 and 20: a path with a delay, full of data under way"""
    pasta = start_own()
    for address in delay_line.FAR:
        transfer(pasta.ns, own_topology.remote1, address, direction, data,
                 8 if delay_line.delay_s > 0.01 else 32)


@pytest.mark.parametrize('address', REMOTES)
@pytest.mark.parametrize('direction', DIRECTIONS)
def test_slow_reader(guest, topology, data, direction, address):
    """Scenarios 6 and 8: nobody reads until the sender is stuck

    All buffers on the way are full then. Once the reader reads, all goes on.
    """
    before = guest.counter('TcpExtTCPTimeouts')
    t = Transfer(guest, topology.remote1, address, direction, SO_RCVBUF=16384)
    t.start(data, 64)
    while select.select([], [t.sender], [], 1)[1]:
        pass
    assert t.finish() == (data.digest(64), 64 * MIB)
    assert_no_timeout(guest, before)


@pytest.mark.parametrize('address', REMOTES)
def test_both_ways_at_once(guest, topology, data, address):
    """Two streams in one connection, each its own way"""
    with topology.remote1.tcp_listen(address) as server:
        client = guest.tcp_connect(address, server.getsockname()[1])
        peer, _ = server.accept()
    for s in client, peer:
        s.settimeout(None)
    senders = [threading.Thread(target=data.send, args=(s, 64), daemon=True)
               for s in (client, peer)]
    results = []
    receivers = [threading.Thread(target=lambda s=s: results.append(
        receive(s)), daemon=True) for s in (client, peer)]
    for thread in senders + receivers:
        thread.start()
    end = time.monotonic() + 3 * WAIT_S
    for thread in senders + receivers:
        thread.join(max(0, end - time.monotonic()))
    client.close()
    peer.close()
    assert results == [(data.digest(64), 64 * MIB)] * 2
    assert_no_timeout(guest)
