#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""Soak: all kinds of traffic at once, for long, over a wire that loses packets.

    test/soak.py SECONDS [PASTA]

Bulk data both ways, short connections begun on either side, UDP both ways,
pings, local connections (spliced), and ports that come and go, over IPv4 and
IPv6 in turns. The wire delays each packet by 5 to 8 ms, so that they overtake
each other, and loses one of 200: see DelayLine in lab.py.

All data must be right. After the first minute (or the first half, if there is
less than two), resident memory must stay as it is, and at the end there must
be no more descriptors than at the beginning, but those of UDP flows that have
time left. A line each half minute tells how far it is. Needs root; everything
happens in namespaces made here.
"""

import collections
import contextlib
import errno
import itertools
import mmap
import os
import random
import re
import select
import signal
import socket
import struct
import sys
import tempfile
import time
import traceback

import lab
from lab import DelayLine, wait_for, with_parent
from ports import count_descriptors, cpu_ticks, receive

DELAY_S, JITTER_S, LOSS = 0.005, 0.003, 0.005
PATTERN = random.Random(7).randbytes(1 << 20) * 2
PATIENCE_S = 60             # Of a peer: losses may come in a row
# Without descriptors, flows make room for others: answers may come from
# another port then
ONE_PEER = True
UDP_PORTS = range(30000, 30020)
RSS_SLACK_KIB = 1024
FDS_SLACK = 4 * len(UDP_PORTS) + 8      # UDP flows and pings
TELL_S = 30
CHURN_PORTS = range(20000, 20100)
BULK_MAX = 8 << 20

# Servers of the remote and of the guest; -t and -u lead to the latter
ECHO, SINK, SOURCE = 5001, 5002, 5003
FORWARDED = 6001


def explain(e):
    """What was wrong, and which call of which has failed. Return: one line"""
    calls = [f'{frame.name}(): {frame.line}'
             for frame in traceback.extract_tb(e.__traceback__)[-2:]]
    return ' '.join(f'{e!r} from {", ".join(calls)}'.split())


def piece(offset, size):
    """What a stream has at @offset"""
    offset %= 1 << 20
    return PATTERN[offset:offset + size]


def must(condition, what):
    """Data is wrong: end this worker, which is told at the end"""
    if not condition:
        raise AssertionError(what)


def send_stream(s, size):
    """Send the first @size bytes of the pattern"""
    offset = 0
    while offset < size:
        chunk = piece(offset, min(1 << 16, size - offset))
        s.sendall(chunk)
        offset += len(chunk)


def check_stream(s, size=None):
    """Receive @size bytes of the pattern, or up to the end. Return: size"""
    offset = 0
    while size is None or offset < size:
        data = s.recv(min(1 << 16, 1 << 20 if size is None else size - offset))
        if not data:
            must(size is None, f'end after {offset} of {size} bytes')
            break
        must(data == piece(offset, len(data)), f'wrong data at {offset}')
        offset += len(data)
    return offset


def send_datagram(s, data, peer):
    """Send a datagram, or have it lost if the kernel knows too many neighbours

    There is one table of those for all namespaces of the machine, which tests
    that run besides may fill. IPv6 tells EINVAL then: see ip6_finish_output2()
    in the kernel's net/ipv6/ip6_output.c.
    """
    try:
        s.sendto(data, peer)
    except OSError as e:
        if e.errno not in (errno.EINVAL, errno.ENOBUFS):
            raise


def receive_size(s):
    """The length that a client begins with"""
    data = receive(s, 4)
    must(len(data) == 4, f'end after {len(data)} of 4 bytes')
    return struct.unpack('!I', data)[0]


def serve_echo(s):
    """Length and data, which goes back reversed"""
    size = receive_size(s)
    data = receive(s, size)
    must(len(data) == size, f'end after {len(data)} of {size} bytes')
    s.sendall(data[::-1])


def serve_sink(s):
    """Length and data up to its end, whose length goes back"""
    size = receive_size(s)
    must(check_stream(s) == size, 'less or more data than was said')
    s.sendall(struct.pack('!I', size))


def serve_source(s):
    """Length, that many bytes go back"""
    send_stream(s, receive_size(s))


SERVICES = {ECHO: serve_echo, SINK: serve_sink, SOURCE: serve_source,
            FORWARDED: serve_echo}


@contextlib.contextmanager
def connected(ns, address, port):
    """A connection, which is reset if what is done with it fails"""
    with ns.tcp_connect(address, port, PATIENCE_S) as s:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                     struct.pack('ii', 1, 0))
        yield s
        s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                     struct.pack('ii', 0, 0))


def serve(port, s, complaints):
    """Serve one connection; what it carries must be right, if not reset"""
    s.settimeout(PATIENCE_S)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 0))
    try:
        SERVICES[port](s)
        s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                     struct.pack('ii', 0, 0))
    except ConnectionError:
        pass
    except Exception as e:                  # pylint: disable=broad-except
        os.write(complaints, f'server of port {port}: {explain(e)}\n'.encode())


def run_servers(ns, complaints):
    """Serve all there is to serve, one process a connection: bulk is slow

    @complaints: descriptor to tell of what was wrong
    """
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    poll = select.poll()
    sockets = {}
    for port in SERVICES:
        for s in ns.tcp_listen('::', port), ns.udp('::', port):
            sockets[s.fileno()] = s, port
            poll.register(s, select.POLLIN)
    while True:
        for fd, _ in poll.poll():
            s, port = sockets[fd]
            if s.type == socket.SOCK_DGRAM:
                data, peer = s.recvfrom(70000)
                send_datagram(s, data[::-1], peer)
                continue
            peer, _ = s.accept()
            if not os.fork():
                with_parent()
                serve(port, peer, complaints)
                os._exit(0)
            peer.close()


def echo(ns, address, port, rng):
    """A short connection. Return: bytes"""
    data = piece(rng.randrange(1 << 20), rng.randrange(1, 20000))
    with connected(ns, address, port) as s:
        s.sendall(struct.pack('!I', len(data)) + data)
        must(receive(s, len(data)) == data[::-1], 'wrong echo')
        must(s.recv(1) == b'', 'more than the echo')
    return 2 * len(data)


def upload(ns, address, port, rng):
    """Send in bulk. Return: bytes"""
    size = rng.randrange(BULK_MAX)
    with connected(ns, address, port) as s:
        s.sendall(struct.pack('!I', size))
        send_stream(s, size)
        s.shutdown(socket.SHUT_WR)
        # What is in the buffers of both kernels has to get through before
        s.settimeout(5 * PATIENCE_S)
        must(receive(s, 4) == struct.pack('!I', size), 'wrong length')
    return size


def download(ns, address, port, rng):
    """Receive in bulk. Return: bytes"""
    size = rng.randrange(BULK_MAX)
    with connected(ns, address, port) as s:
        s.sendall(struct.pack('!I', size))
        must(check_stream(s, size) == size, 'wrong length')
        must(s.recv(1) == b'', 'more than was asked for')
    return size


def datagrams(ns, address, port, rng, shift=0):
    """Some datagrams; what comes back must be one of them. Return: bytes

    @shift: of ports, where another sender has those of its own
    """
    source = rng.choice(UDP_PORTS) + shift
    got = 0
    with ns.udp(v6=':' in address) as s:
        if ':' in address:
            # Late answers to the last one with this port may be of IPv4
            s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        s.bind(('', source))
        s.settimeout(0.2)
        sent = set()
        for _ in range(20):
            data = piece(rng.randrange(1 << 20), rng.randrange(1, 8000))
            sent.add(data[::-1])
            send_datagram(s, data, (address, port))
            with contextlib.suppress(TimeoutError, ConnectionRefusedError):
                data, peer = s.recvfrom(70000)
                must(peer[:2] == (address, port) or not ONE_PEER,
                     f'datagram from {peer}')
                # One of the last use of this port may come late
                must(data in sent or data in PATTERN[::-1], 'wrong datagram')
                got += 2 * len(data)
        time.sleep(0.1)
    return got


def ping(ns, address, _, rng):
    """A few pings, some of which may get lost. Return: bytes"""
    size = rng.randrange(56, 1400)
    out = ns.run(f'ping -c 5 -i 0.2 -W 1 -s {size} {address}', check=False)
    received = int(re.search(r'(\d+) received', out.stdout).group(1))
    must('DUP!' not in out.stdout and 'wrong data' not in out.stdout,
         out.stdout)
    return received * 2 * size


def port_churn(host, guest, rng):
    """A service of the guest's comes, is used from the host, and goes"""
    port = rng.choice(CHURN_PORTS)
    with guest.tcp_listen('::', port) as server:
        def connect():
            with contextlib.suppress(ConnectionRefusedError):
                return host.tcp_connect(rng.choice(['127.0.0.1', '::1']), port)
        with wait_for(connect, 'forwarded port', PATIENCE_S) as client:
            with server.accept()[0] as peer:
                client.sendall(PATTERN[:5000])
                must(receive(peer, 5000) == PATTERN[:5000], 'wrong data')
    return 5000


def workers(host, guest, remote):
    """Return: name and function, called over and over, of each worker"""
    far, near = itertools.cycle(DelayLine.FAR), itertools.cycle(DelayLine.NEAR)
    local = itertools.cycle(['127.0.0.1', '::1'])
    return [
        ('bulk to remote', lambda r: upload(guest, next(far), SINK, r)),
        ('bulk from remote', lambda r: download(guest, next(far), SOURCE, r)),
        ('short, to remote', lambda r: echo(guest, next(far), ECHO, r)),
        ('short, from remote', lambda r: echo(remote, next(near), FORWARDED,
                                              r)),
        ('local, spliced', lambda r: echo(host, next(local), FORWARDED, r)),
        ('UDP to remote', lambda r: datagrams(guest, next(far), ECHO, r)),
        ('UDP from remote', lambda r: datagrams(remote, next(near), FORWARDED,
                                                r)),
        ('ping', lambda r: ping(guest, next(far), 0, r)),
        ('ports that come and go', lambda r: port_churn(host, guest, r)),
    ]


def fork_child(function, *args):
    """Run a function in a process of its own, which ends with us"""
    pid = os.fork()
    if pid:
        return pid
    with_parent()
    try:
        function(*args)
    except BaseException as e:              # pylint: disable=broad-except
        print(f'{function.__name__}: {explain(e)}', file=sys.stderr)
    finally:
        os._exit(1)


class Tally:
    """How often each worker has done its work, and how many bytes that was

    In memory that all processes share.
    """

    def __init__(self, names):
        self.names = names
        self.all = memoryview(mmap.mmap(-1, 16 * len(names))).cast('Q')

    def of(self, name):
        """Return: times and bytes of a worker, for itself to change"""
        i = 2 * self.names.index(name)
        return self.all[i:i + 2]

    def __str__(self):
        size = sum(self.of(name)[1] for name in self.names)
        tcp = sum(self.of(name)[0] for name in self.names
                  if not name.startswith(('UDP', 'ping')))
        return f'{size / 1e9:.2f} GB, {tcp} connections'


def work(name, function, end, out, look, done):
    """Do something over and over, tell how much of it was done

    @look: namespaces whose connections are shown if one doesn't go on
    @done: see Tally
    """
    rng = random.Random(name)
    failure = ''
    try:
        while time.monotonic() < end:
            done[1] += function(rng)
            done[0] += 1
            # Else what is fastest gets all the CPU
            time.sleep(0.02)
    except Exception as e:                  # pylint: disable=broad-except
        failure = explain(e)
        if isinstance(e, TimeoutError):
            for ns in look:
                print(f'{name}: {failure}\n', ns.run('ss -tnoiOH').stdout,
                      file=sys.stderr)
    os.write(out, f'{name}\t{done[0]}\t{done[1]}\t{failure}\n'.encode())
    os._exit(0)


def rss_kib(pid):
    """Resident memory"""
    with open(f'/proc/{pid}/status') as f:
        return int(re.search(r'VmRSS:\s*(\d+)', f.read()).group(1))


def watch(pasta, start, seconds, pids, tally):
    """Look at memory and descriptors until all workers are done

    Return: figures, failures
    """
    pid = pasta.process.pid
    settled = start + min(60, seconds / 2)
    tell = start + TELL_S
    figures = collections.Counter()
    pids = set(pids)
    while pids:
        time.sleep(0.5)
        for child in list(pids):
            if os.waitpid(child, os.WNOHANG)[0]:
                pids.remove(child)
        if pasta.process.poll() is not None:
            return figures, [f'pasta ended: {pasta.process.returncode}']
        rss = rss_kib(pid)
        if time.monotonic() < settled:
            figures['settled'] = max(figures['settled'], rss)
        figures['rss'] = max(figures['rss'], rss)
        figures['fds'] = max(figures['fds'], count_descriptors(pid))
        if time.monotonic() >= tell:
            tell += TELL_S
            # At once, also into a file or a pipe
            print(f'{time.monotonic() - start:.0f} s of {seconds}: {tally}, '
                  f'resident memory {rss} KiB', flush=True)
    failures = []
    if figures['rss'] > figures['settled'] + RSS_SLACK_KIB:
        failures.append(f'memory grew from {figures["settled"]} KiB to '
                        f'{figures["rss"]} KiB')
    return figures, failures


def check_rest(pasta, before):
    """Nothing is left of the traffic. Return: failures"""
    pid = pasta.process.pid
    limit = before + FDS_SLACK
    try:
        wait_for(lambda: count_descriptors(pid) <= limit, '', PATIENCE_S)
    except TimeoutError:
        return [f'{count_descriptors(pid)} descriptors, {before} at first']
    ticks = cpu_ticks(pid)
    time.sleep(2)
    ticks = cpu_ticks(pid) - ticks
    return [f'{ticks} ticks of CPU with nothing to do'] if ticks > 100 else []


def soak(topology, binary, seconds):
    """Do it. Return: failures"""
    host, remote = topology.host, topology.remote1
    line = DelayLine(host, remote, DELAY_S, JITTER_S, LOSS)
    pasta = lab.Pasta(topology, binary, '--config-net', '-t', 'auto', '-u',
                      str(FORWARDED), '-T', 'none', '-U', 'none')
    guest = pasta.ns
    complaints, to_complain = os.pipe2(os.O_NONBLOCK)
    servers = [fork_child(run_servers, ns, to_complain)
               for ns in (guest, remote)]
    wait_for(lambda: str(FORWARDED) in host.run('ss -tlnH').stdout)
    wait_for(lambda: str(ECHO) in remote.run('ss -tlnH').stdout)
    before = count_descriptors(pasta.process.pid)

    start = time.monotonic()
    out, to_out = os.pipe()
    todo = workers(host, guest, remote)
    tally = Tally([name for name, _ in todo])
    pids = [fork_child(work, name, function, start + seconds, to_out,
                       (guest, host, remote), tally.of(name))
            for name, function in todo]
    os.close(to_out)
    figures, failures = watch(pasta, start, seconds, pids, tally)
    with open(out) as f:
        results = [row.rstrip('\n').split('\t') for row in f]
    failures += check_rest(pasta, before)
    with contextlib.suppress(BlockingIOError):
        failures += os.read(complaints, 10000).decode().splitlines()

    total = 0
    for name, count, size, failure in results:
        total += int(size)
        print(f'{name:24}{int(count):10} times{int(size) / 1e6:12.1f} MB')
        if failure or not int(size):
            failures.append(f'{name}: {failure or "nothing done"}')
    if len(results) != len(pids):
        failures.append(f'{len(pids) - len(results)} workers were lost')
    carried, lost = line.packets()
    print(f'{seconds} s, {total / 1e6:.1f} MB, {carried} packets on the wire, '
          f'{lost} of them lost\n'
          f'resident memory {figures["settled"]} KiB when settled, '
          f'{figures["rss"]} KiB at most; descriptors {before} at first, '
          f'{figures["fds"]} at most, '
          f'{count_descriptors(pasta.process.pid)} at the end')
    for pid in servers:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
    if pasta.stop():
        failures.append('pasta failed')
    line.delete()
    return failures


def main():
    """Set up the laboratory, as conftest.py does"""
    seconds = int(sys.argv[1])
    source = sys.argv[2] if len(sys.argv) > 2 else f'{lab.TESTS}/../pasta'
    directory = tempfile.mkdtemp(prefix='pasta-soak-')
    source = os.path.abspath(source)
    lab.private_mounts(directory)
    os.mkdir(f'{directory}/lab')
    os.chmod(f'{directory}/lab', 0o777)
    topology = lab.Topology(f'{directory}/lab')
    try:
        failures = soak(topology, lab.install_binary(source, directory),
                        seconds)
    finally:
        topology.delete()
        lab.forget_mounts(directory)
    for failure in failures:
        print(f'FAILED: {failure}')
    sys.exit(1 if failures else 0)


if __name__ == '__main__':
    main()
