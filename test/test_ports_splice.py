# SPDX-License-Identifier: BSD-3-Clause
"""Forwarded connections that never see the tap: loopback to loopback.

Towards the namespace (-t, -u) they end at its own address, towards the host
(-T, -U) at the host's loopback.
"""

import contextlib
import fcntl
import functools
import os
import random
import select
import signal
import socket
import struct
import subprocess
import threading
import time

import pytest

from lab import WAIT_S, as_user, wait_for
from ports import (BLOCK, HOST4, HOST6, KINDS, LO4, LO6, PORT, accept, carries,
                   client_of, connection, cpu_ticks, is_refused, is_unheard,
                   reach, receive, sending, serve)
from test_transfer import Data
from test_transfer import receive as receive_digest

DIRECTIONS = ['in', 'out']
OPTION = {'in': '-t', 'out': '-T'}
LOOPBACKS = [LO4, LO6]
GREAT_MIB = 100
PIPES_KEPT = 8              # At most, those of another purpose among them
PIPE_SMALL = 64 * 1024      # As the kernel makes them
PIPE_LARGE = 1024 * 1024
NO_AUTO = ('-u', 'none', '-U', 'none')


class Path:
    """A spliced TCP port, from a client's side to a server's

    @pasta:	pasta that forwards it
    @near:	namespace of clients
    @far:	namespace of servers
    """

    def __init__(self, start, topology, direction, *extra):
        option = OPTION[direction]
        other = '-T' if option == '-t' else '-t'
        self.pasta = start(option, str(PORT), other, 'none', *NO_AUTO, *extra)
        self.near, self.far = topology.host, self.pasta.ns
        if direction == 'out':
            self.near, self.far = self.far, self.near
        self.server = None

    def connection(self, address=LO4, source=None):
        """A connection. Yield: the client's socket, the server's"""
        return connection(self.near, address, PORT, self.server, source)

    def is_alive(self):
        """It still takes connections, and carries data"""
        with self.connection() as (client, peer):
            return carries(client, peer, b'?') and carries(peer, client, b'!')


@pytest.fixture
def make_path(start, topology):
    """Function that makes a path, with a server at its end"""
    with contextlib.ExitStack() as stack:
        def begin(direction, *extra):
            path = Path(start, topology, direction, *extra)
            path.server = stack.enter_context(
                serve(path.far, socket.SOCK_STREAM))
            return path
        yield begin


@pytest.fixture(params=DIRECTIONS)
def path(request, make_path):
    """A path in each direction"""
    return make_path(request.param)


@pytest.fixture(scope='module')
def data():
    """Data for great transfers"""
    d = Data()
    yield d
    os.close(d.fd)


def fill(s):
    """Send until there is no room left on the way. Return: bytes"""
    total = 0
    s.setblocking(False)
    quiet_until = time.monotonic() + 0.2
    while time.monotonic() < quiet_until:
        with contextlib.suppress(BlockingIOError):
            total += s.send(BLOCK)
            quiet_until = time.monotonic() + 0.2
    s.settimeout(WAIT_S)
    return total


def drain(s, size):
    """Read @size bytes of what fill() has sent, check them"""
    text = receive(s, size)
    assert len(text) == size


def test_idle_takes_no_cpu(path):
    """Scenarios 21, 22: half-closed and full connections are left alone

    Under 1 % of a CPU over 5 s, for all of them together.
    """
    with contextlib.ExitStack() as stack:
        def opened(address=LO4):
            return stack.enter_context(path.connection(address))
        for address in LOOPBACKS:
            client, peer = opened(address)
            client.shutdown(socket.SHUT_WR)
            assert peer.recv(1) == b''
            client, peer = opened(address)
            peer.shutdown(socket.SHUT_WR)
            assert client.recv(1) == b''
            for sender in 0, 1:
                ends = opened(address)
                assert fill(ends[sender]) > len(BLOCK)
            # Half-closed, and full the other way
            client, peer = opened(address)
            client.shutdown(socket.SHUT_WR)
            fill(peer)
        before = cpu_ticks(path.pasta.process.pid)
        time.sleep(5)
        ticks = cpu_ticks(path.pasta.process.pid) - before
        assert ticks < 0.01 * 5 * os.sysconf('SC_CLK_TCK')
        assert path.is_alive()


@pytest.mark.parametrize('sender', ['client', 'server'])
def test_full_receiver_goes_on(path, sender):
    """Scenario 22: what was held up arrives once the receiver reads"""
    with path.connection() as ends:
        source, sink = ends if sender == 'client' else ends[::-1]
        for _ in range(2):
            size = fill(source)
            # The other direction is not held up
            assert carries(sink, source)
            drain(sink, size)
        source.shutdown(socket.SHUT_WR)
        assert sink.recv(1) == b''


def transfer(source, sink, data, slow=False):
    """Send much one way. Return: digest and size that arrived

    @slow: the receiver stops reading now and then, at first for long
    """
    for s in source, sink:
        # The kernel has to wait, not Python, for the sake of sendfile()
        s.settimeout(None)
        for option in socket.SO_RCVTIMEO, socket.SO_SNDTIMEO:
            s.setsockopt(socket.SOL_SOCKET, option,
                         struct.pack('ll', WAIT_S, 0))
    thread = threading.Thread(target=data.send, args=(source, GREAT_MIB),
                              daemon=True)
    thread.start()
    if slow:
        time.sleep(0.3)
        sink = Sleepy(sink)
    got = receive_digest(sink)
    thread.join(WAIT_S)
    return got


class Sleepy:
    """A receiver that reads odd sizes, and now and then nothing"""

    def __init__(self, s):
        self.s = s
        self.random = random.Random(1)

    def recv_into(self, room):
        """As that of a socket"""
        if self.random.random() < 0.02:
            time.sleep(0.01)
        size = self.random.choice([1, 4095, 65537, len(room)])
        return self.s.recv_into(memoryview(room)[:size])


def expected(data):
    """What transfer() returns if all is well"""
    return data.digest(GREAT_MIB), GREAT_MIB << 20


@pytest.mark.parametrize('address', LOOPBACKS)
def test_blocked_receiver(path, data, address):
    """Scenario 23: a receiver that blocks gets it all, both ways"""
    want = expected(data)
    with path.connection(address) as (client, peer):
        back = []
        thread = threading.Thread(target=lambda: back.append(
            transfer(peer, client, data, slow=True)))
        thread.start()
        assert transfer(client, peer, data, slow=True) == want
        thread.join(3 * WAIT_S)
        assert back == [want]


@contextlib.contextmanager
def interrupted(pid):
    """Stop a process and have it go on, again and again"""
    done = threading.Event()
    rounds = []

    def storm():
        while not done.wait(0.0005):
            os.kill(pid, signal.SIGSTOP)
            os.kill(pid, signal.SIGCONT)
            rounds.append(1)
    thread = threading.Thread(target=storm)
    thread.start()
    yield rounds
    done.set()
    thread.join()


def test_interrupted(path, data):
    """Scenario 24: signals interrupt system calls, and do no harm"""
    want = expected(data)
    with path.connection() as (client, peer):
        with interrupted(path.pasta.process.pid) as rounds:
            assert transfer(client, peer, data) == want
        assert len(rounds) > 10
    before = cpu_ticks(path.pasta.process.pid)
    time.sleep(0.5)
    assert cpu_ticks(path.pasta.process.pid) - before <= 2
    assert path.is_alive()


@pytest.mark.parametrize('address', LOOPBACKS)
@pytest.mark.parametrize('first', ['client', 'server'])
def test_short_exchange(path, address, first):
    """Scenario 25: a few bytes each way, then the end, on both sides"""
    for i in range(200):
        with path.connection(address) as ends:
            one, two = ends if first == 'client' else ends[::-1]
            one.sendall(b'ping')
            one.shutdown(socket.SHUT_WR)
            assert receive(two, 100) == b'ping'
            two.sendall(b'pong' * i)
            two.close()
            assert receive(one, 1000) == b'pong' * i


def test_closed_at_once(path):
    """Scenario 25: all that was sent before close() arrives before the end"""
    for size in 1, 1000, 100_000:
        for _ in range(50):
            with path.connection() as (client, peer):
                with sending(client, BLOCK[:size]):
                    assert receive(peer, size) == BLOCK[:size]
                client.close()
                assert peer.recv(1) == b''


def delayed_acks(path):
    """Acknowledgements sent late so far, on both sides"""
    return sum(ns.counter('TcpExtDelayedACKs')
               for ns in (path.near, path.far))


def test_no_delay(path):
    """Scenario 26: 2000 small requests in two pieces, answered in two

    Where a piece waits for the acknowledgement of the one before, that comes
    late, by a timer that the kernel counts. A few do so on a busy machine.
    """
    def answer(peer):
        with contextlib.suppress(OSError):
            while receive(peer, 10):
                peer.sendall(b'head')
                peer.sendall(b'answer')
    with path.connection() as (client, peer):
        for s in client, peer:
            s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        thread = threading.Thread(target=answer, args=(peer,))
        thread.start()
        before = delayed_acks(path)
        for i in range(2000):
            client.sendall(b'head')
            client.sendall(b'reques')
            assert receive(client, 10) == b'headanswer'
            if i % 100 == 99:
                assert delayed_acks(path) - before < 50
        client.shutdown(socket.SHUT_WR)
        thread.join(WAIT_S)


@pytest.mark.parametrize('direction, bound_to',
                         [('in', HOST4), ('out', LO4)])
@pytest.mark.parametrize('v4_only', [True, False])
def test_mapped_loopback(start, topology, direction, bound_to, v4_only):
    """Scenario 27: ::ffff:127.0.0.1 is spliced as 127.0.0.1 is"""
    path = Path(start, topology, direction)
    with serve(path.far, socket.SOCK_STREAM,
               bound_to if v4_only else '::') as path.server:
        with path.connection('::ffff:127.0.0.1') as (client, peer):
            assert carries(client, peer) and carries(peer, client)
            assert client.getpeername()[0] == '::ffff:127.0.0.1'


@pytest.mark.parametrize('direction', DIRECTIONS)
@pytest.mark.parametrize('address', LOOPBACKS)
def test_refused_target(start, topology, direction, address):
    """Scenario 28: the client is reset where nobody listens behind"""
    path = Path(start, topology, direction)
    for _ in range(20):
        with client_of(path.near, socket.SOCK_STREAM, address) as client:
            with pytest.raises(ConnectionError):
                client.connect((address, PORT))
                client.sendall(b'x')
                client.recv(1)
                client.recv(1)
    with serve(path.far, socket.SOCK_STREAM) as path.server:
        assert path.is_alive()


@pytest.mark.parametrize('address', LOOPBACKS)
def test_no_circle(start, topology, address):
    """A port forwarded both ways, with no server, isn't forwarded for ever"""
    pasta = start('--host-lo-to-ns-lo', '-t', str(PORT), '-T', str(PORT))
    fds = f'/proc/{pasta.process.pid}/fd'
    before = len(os.listdir(fds))
    with client_of(topology.host, socket.SOCK_STREAM, address) as client:
        with pytest.raises(ConnectionError):
            client.connect((address, PORT))
            client.sendall(b'x')
            client.recv(1)
            client.recv(1)
        # Sockets from the namespace are kept in stock
        assert len(os.listdir(fds)) < before + 100


@pytest.mark.parametrize('sender', ['client', 'server'])
def test_reset_is_passed_on(path, sender):
    """Scenario 28: a reset by one side reaches the other as one"""
    for _ in range(20):
        with path.connection() as ends:
            one, two = ends if sender == 'client' else ends[::-1]
            assert carries(one, two, b'x') and carries(two, one, b'x')
            one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                           struct.pack('ii', 1, 0))
            one.close()
            with pytest.raises(ConnectionResetError):
                two.recv(1)
    assert path.is_alive()


@pytest.mark.parametrize('sender', [0, 1])
def test_reset_behind_data(path, sender):
    """A sender that is reset while its receiver is full takes both along"""
    with path.connection() as ends:
        fill(ends[sender])
        ends[sender].setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                                struct.pack('ii', 1, 0))
        ends[sender].close()
        # Nothing is read before: only the reset can be told of
        poll = select.poll()
        poll.register(ends[not sender], 0)
        events = poll.poll(WAIT_S * 1000)
        assert events and events[0][1] & select.POLLERR
    assert path.is_alive()


@pytest.mark.parametrize('pause_s', [0, 0.05])
@pytest.mark.parametrize('sender', [0, 1])
def test_urgent_data(path, sender, pause_s):
    """Urgent data is data in its place, and ends nothing"""
    with path.connection() as ends:
        one, two = ends[sender], ends[not sender]
        for text, flags in ((b'ABC', 0), (b'!', socket.MSG_OOB), (b'DEF', 0),
                            (b'?', socket.MSG_OOB), (b'G', 0)):
            one.send(text, flags)
            time.sleep(pause_s)
        assert receive(two, 9) == b'ABC!DEF?G'
        assert carries(one, two, b'x') and carries(two, one, b'y')
        one.send(b'.', socket.MSG_OOB)
        one.shutdown(socket.SHUT_WR)
        assert receive(two, 2) == b'.'


def pipe_paths(pasta):
    """Ends of pipes that pasta has. Yield: path, name of the pipe"""
    directory = f'/proc/{pasta.process.pid}/fd'
    for fd in os.listdir(directory):
        path = f'{directory}/{fd}'
        with contextlib.suppress(FileNotFoundError):
            name = os.readlink(path)
            if name.startswith('pipe:'):
                yield path, name


def pipes(pasta):
    """Number of ends of pipes that pasta has"""
    return len(list(pipe_paths(pasta)))


def pipe_sizes(pasta):
    """What each pipe of pasta holds, bytes"""
    sizes = {}
    for path, name in pipe_paths(pasta):
        fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
        sizes[name] = fcntl.fcntl(fd, fcntl.F_GETPIPE_SZ)
        os.close(fd)
    return list(sizes.values())


def test_many_stalled(path):
    """More stalled connections than there are pipes stop nobody else"""
    with contextlib.ExitStack() as stack:
        for _ in range(150):
            fill_ends = stack.enter_context(path.connection())
            fill_ends[0].setblocking(False)
            with contextlib.suppress(BlockingIOError):
                while True:
                    fill_ends[0].send(BLOCK)
        assert path.is_alive()
        with path.connection() as (client, peer):
            with sending(client, BLOCK):
                assert receive(peer, len(BLOCK)) == BLOCK
        assert pipes(path.pasta) > 2 * PIPES_KEPT
    assert path.is_alive()
    wait_for(lambda: pipes(path.pasta) <= 2 * PIPES_KEPT, 'pipes closed')


def test_few_pipes(path):
    """A user's allowance of pipes isn't used up by what doesn't need them"""
    assert pipes(path.pasta) <= 2 * PIPES_KEPT
    with contextlib.ExitStack() as stack:
        for _ in range(50):
            client, peer = stack.enter_context(path.connection())
            assert carries(client, peer, b'?') and carries(peer, client, b'!')
        assert pipes(path.pasta) <= 2 * PIPES_KEPT


def test_small_until_used(path):
    """Nor by those that nothing was carried by yet"""
    assert sum(pipe_sizes(path.pasta)) <= PIPES_KEPT * PIPE_SMALL
    assert path.is_alive()
    sizes = pipe_sizes(path.pasta)
    assert max(sizes) == PIPE_LARGE
    assert sizes.count(PIPE_LARGE) <= 2


def echo(peer):
    """Send back all that comes, until the end of it"""
    with peer:
        peer.settimeout(WAIT_S)
        with contextlib.suppress(ConnectionError):
            while piece := peer.recv(65536):
                peer.sendall(piece)


def ask(ns, rnd):
    """A connection of random size and end. Return: whether all came back"""
    data = BLOCK[:rnd.choice([0, 1, 100, 10_000, 200_000])]
    address = rnd.choice(LOOPBACKS)
    with client_of(ns, socket.SOCK_STREAM, address) as client:
        client.connect((address, PORT))
        with sending(client, data):
            got = receive(client, len(data))
        if rnd.random() < 0.5:
            client.shutdown(socket.SHUT_WR)
            got += client.recv(1)
    return got == data


def test_random_connections(path):
    """Scenario 29: of 500, ten at a time, none is reset and none hangs"""
    results, echoes = [], []

    def serve_all():
        for _ in range(500):
            echoes.append(threading.Thread(target=echo,
                                           args=(accept(path.server),)))
            echoes[-1].start()
    server = threading.Thread(target=serve_all)
    server.start()

    def clients(seed):
        rnd = random.Random(seed)
        for _ in range(50):
            try:
                results.append(ask(path.near, rnd))
            except OSError as error:
                results.append(error)
    threads = [threading.Thread(target=clients, args=(i,)) for i in range(10)]
    for t in threads:
        t.start()
    for t in [*threads, server, *echoes]:
        t.join()
    assert [r for r in results if r is not True] == []
    assert len(results) == 500


@pytest.mark.parametrize('option', KINDS)
@pytest.mark.parametrize('address', [LO4, LO6, '127.0.0.5', '127.200.7.1'])
def test_loopback_address_kept(start, topology, option, address):
    """Scenarios 30, 31: --host-lo-to-ns-lo exposes each, at its own address"""
    pasta = start('--host-lo-to-ns-lo', option, str(PORT))
    with serve(pasta.ns, KINDS[option], address) as server:
        seen = reach(topology.host, address, PORT, server)
        assert seen == LO6 if address == LO6 else seen.startswith('127.')


@pytest.mark.parametrize('option', KINDS)
@pytest.mark.parametrize('address', LOOPBACKS)
def test_loopback_service_is_private(start, topology, option, address):
    """Scenario 31: what listens on loopback in the namespace is not exposed"""
    kind = KINDS[option]
    pasta = start(option, str(PORT))
    with serve(pasta.ns, kind, address) as server:
        assert is_unheard(topology.host, address, server)
    own = HOST6 if address == LO6 else HOST4
    with serve(pasta.ns, kind, own) as server:
        assert reach(topology.host, address, PORT, server) == own


@pytest.mark.parametrize('option, kind', [('-T', '-t'), ('-U', '-u')])
@pytest.mark.parametrize('flags', [(), ('-6',)])
def test_ipv6_only_outbound(start, topology, option, kind, flags):
    """Scenario 32: -T and -U work with IPv6 alone"""
    pasta = start(*flags, option, str(PORT))
    with serve(topology.host, KINDS[kind], LO6) as server:
        assert reach(pasta.ns, LO6, PORT, server) == LO6


def is_same(a, b):
    """Same address, but for loopback ones, where any will do"""
    return a == b or a.startswith('127.') and b.startswith('127.')


@pytest.mark.parametrize('option, kind', [('-T', '-t'), ('-U', '-u')])
@pytest.mark.parametrize('address', LOOPBACKS + ['127.0.0.5'])
def test_outbound(start, topology, option, kind, address):
    """A port of the namespace leads to the host's loopback, remapped, too"""
    pasta = start(option, f'{PORT}:{PORT + 1000}', option, str(PORT + 1))
    for port, to_port in (PORT, PORT + 1000), (PORT + 1, PORT + 1):
        with serve(topology.host, KINDS[kind], address, to_port) as server:
            assert is_same(reach(pasta.ns, address, port, server), address)


@pytest.mark.parametrize('option', KINDS)
def test_no_splice(start, topology, option):
    """--no-splice: loopback clients come by the tap, as the gateway"""
    kind = KINDS[option]
    pasta = start('--no-splice', option, str(PORT))
    before = tap_bytes(pasta.ns)
    with serve(pasta.ns, kind) as server:
        assert reach(topology.host, LO4, PORT, server) == '192.0.2.1'
        assert reach(topology.host, LO6, PORT, server) == '2001:db8:1::1'
    assert tap_bytes(pasta.ns) > before


def tap_bytes(ns):
    """Bytes that the namespace has received by the tap device so far"""
    with ns:
        with open('/proc/thread-self/net/dev') as f:
            eth0 = next(line for line in f if 'eth0:' in line)
    return int(eth0.partition(':')[2].split()[0])


@pytest.mark.parametrize('option', KINDS)
def test_spliced_bypasses_tap(start, topology, option):
    """By default, data of a loopback client is not seen at the tap"""
    pasta = start(option, str(PORT), '--no-ra')
    with serve(pasta.ns, KINDS[option]) as server:
        before = tap_bytes(pasta.ns)
        for address, own in (LO4, HOST4), (LO6, HOST6):
            assert reach(topology.host, address, PORT, server) == own
        assert tap_bytes(pasta.ns) - before < 1000


@pytest.mark.parametrize('option', KINDS)
def test_splice_only(start, topology, option):
    """--splice-only: ports are forwarded between loopbacks, and only those"""
    kind = KINDS[option]
    pasta = start('--splice-only', option, str(PORT), option.upper(),
                  str(PORT + 1))
    for address in LOOPBACKS:
        with serve(pasta.ns, kind, address) as server:
            reach(topology.host, address, PORT, server)
        with serve(topology.host, kind, address, PORT + 1) as server:
            reach(pasta.ns, address, PORT + 1, server)
    for address in HOST4, HOST6:
        assert is_refused(topology.remote1, kind, address, PORT)


def test_splice_only_makes_no_tap(start):
    """--splice-only: the namespace has lo, and nothing else"""
    links = start('--splice-only').ns.run('ip -o link').stdout.splitlines()
    assert len(links) == 1 and ' lo: ' in links[0]


POSTGRES = '''
listen_addresses = '{address}'
unix_socket_directories = '{dir}'
port = {port}
fsync = off
shared_buffers = 16MB
'''

NOBODY = 65534


def postgres_programs():
    """Directory of PostgreSQL's programs"""
    for top, _, files in os.walk('/usr/lib/postgresql'):
        if 'initdb' in files:
            return top
    pytest.skip('PostgreSQL is not installed')


@pytest.fixture
def postgres(scratch):
    """Function that starts a database server in a namespace"""
    programs = postgres_programs()
    started = []
    user = as_user(NOBODY)      # It refuses root, and UIDs without a name

    def begin(ns, address):
        run = functools.partial(subprocess.run, **user, check=True,
                                cwd=scratch, capture_output=True, timeout=60)
        run([f'{programs}/initdb', '-N', '-U', 'test', '-A', 'trust',
             '-D', f'{scratch}/db'])
        with open(f'{scratch}/db/postgresql.conf', 'w') as f:
            f.write(POSTGRES.format(address=address, dir=scratch, port=PORT))
        with open(f'{scratch}/db/pg_hba.conf', 'w') as f:
            f.write('host all all all trust\nlocal all all trust\n')
        started.append(ns.popen([f'{programs}/postgres', '-D',
                                 f'{scratch}/db'], cwd=scratch, **user,
                                stderr=subprocess.DEVNULL))
        wait_for(lambda: os.path.exists(f'{scratch}/.s.PGSQL.{PORT}'),
                 'PostgreSQL', 30)
    yield begin
    for process in started:
        process.send_signal(signal.SIGINT)
        process.wait(WAIT_S)


def test_postgresql(make_path, scratch, postgres):
    """Scenario 26: pgbench through a spliced port, 2000 transactions

    Each takes seven round trips of small messages.
    """
    path = make_path('in')
    path.server.close()
    postgres(path.far, HOST4)
    base = ['-h', LO4, '-p', str(PORT), '-U', 'test', 'postgres']
    wait_for(lambda: path.near.run(['pg_isready', *base[:4]],
                                   check=False).returncode == 0, 'PostgreSQL')
    path.near.run(['pgbench', '-i', '-q', *base])
    out = path.near.run(['pgbench', '-c', '2', '-t', '1000', *base]).stdout
    assert 'actually processed: 2000/2000' in out
    assert 'failed transactions: 0 ' in out


def agent_of(pasta):
    """PID of the process that makes sockets in the namespace

    It is the child with a single descriptor, as soon as it has no others.
    """
    found = []

    def look():
        top = pasta.process.pid
        with open(f'/proc/{top}/task/{top}/children') as f:
            found[:] = [p for p in map(int, f.read().split())
                        if len(os.listdir(f'/proc/{p}/fd')) == 1]
        return len(found) == 1
    wait_for(look, 'agent')
    return found[0]


@pytest.mark.parametrize('option', KINDS)
def test_agent_killed(start, topology, option):
    """Without the agent, local flows go by the interface, and it is told"""
    count = 80 if option == '-t' else 40    # More than are in stock
    other = '-u' if option == '-t' else '-t'
    pasta = start(option, str(PORT), other, 'none', '-T', 'none', '-U', 'none')
    with serve(pasta.ns, KINDS[option]) as server:
        reach(topology.host, LO4, PORT, server)
        os.kill(agent_of(pasta), signal.SIGKILL)
        wait_for(lambda: 'was killed' in pasta.log_text(), 'message')
        for i in range(count):
            reach(topology.host, LOOPBACKS[i % 2], PORT, server)
    assert pasta.log_text().count('was killed') == 1


def test_agent_stopped(start, topology):
    """An agent that doesn't answer is told of, and works again afterwards"""
    pasta = start('-t', str(PORT), '-T', 'none', *NO_AUTO)
    agent = agent_of(pasta)
    with serve(pasta.ns, socket.SOCK_STREAM) as server:
        os.kill(agent, signal.SIGSTOP)
        with contextlib.ExitStack() as stack:
            for _ in range(80):             # More than are in stock
                client = stack.enter_context(
                    client_of(topology.host, socket.SOCK_STREAM, LO4))
                client.connect((LO4, PORT))
            wait_for(lambda: 'No answer from the process' in pasta.log_text(),
                     'warning')
        os.kill(agent, signal.SIGCONT)
    with serve(pasta.ns, socket.SOCK_STREAM) as server:
        def is_back():
            """A connection isn't reset, once the answer is there"""
            with client_of(topology.host, socket.SOCK_STREAM, LO4) as client:
                client.settimeout(0.2)
                try:
                    client.connect((LO4, PORT))
                    return client.recv(1) is None
                except TimeoutError:
                    return True
                except ConnectionError:
                    return False
        wait_for(is_back, 'connections')
        server.accept()[0].close()
        reach(topology.host, LO4, PORT, server)
        assert len(pasta.log_text().split('No answer')) == 2


def test_agent_killed_without_interface(launch, topology):
    """With nothing to fall back to, it ends with an error"""
    pasta = launch(topology, '--splice-only', '-t', str(PORT), *NO_AUTO)
    os.kill(agent_of(pasta), signal.SIGKILL)
    assert pasta.process.wait(WAIT_S) == 1
    assert 'was killed' in pasta.log_text()
