# SPDX-License-Identifier: BSD-3-Clause
"""What the kernel refuses, takes away, or does by half.

Calls fail at random, by fault_shim.c, with traffic of all kinds: data is right
or its connection is reset, never cut short or changed. Once nothing fails any
more, all works as at first, no descriptor is lost and no CPU used for nothing.

Then, also under traffic: links that go down, a namespace and its name that go
away, a file system that is full, signals.
"""

import contextlib
import mmap
import os
import signal
import struct
import subprocess
import time

import pytest

import lab
import soak
from lab import WAIT_S, kill, wait_for
from ports import count_descriptors, cpu_ticks, receive
from traffic import OPTIONS, PATIENCE_S

SITES = ('socket bind connect listen accept4 setsockopt getsockopt '
         'getsockname epoll_ctl epoll_wait pipe2 sendmsg recvmsg recv '
         'sendmmsg recvmmsg splice read write send shutdown drop').split()
HEAD, SITE = struct.Struct('=IIII'), struct.Struct('=16sQQ')
SEED = 20260101
FAULTS_WANTED = 20          # Of each site that is called often enough
TRAFFIC_S = 3
IDLE_TICKS = 60             # Of a hundred: CPU with nothing to do


class Faults:
    """The file that the shim and we have in common"""

    def __init__(self, path):
        self.path = path
        with open(path, 'w+b') as f:
            f.truncate(mmap.PAGESIZE)
            self.memory = mmap.mmap(f.fileno(), mmap.PAGESIZE)
        os.chmod(path, 0o666)

    def inject(self, sites, every=1):
        """From now on, one of @every calls of @sites fails, others don't"""
        mask = sum(1 << SITES.index(site) for site in sites)
        loaded = HEAD.unpack_from(self.memory)[3]
        HEAD.pack_into(self.memory, 0, 0, every, SEED, loaded)
        HEAD.pack_into(self.memory, 0, mask, every, SEED, loaded)

    def is_loaded(self):
        """The program has the shim"""
        return HEAD.unpack_from(self.memory)[3]

    def counts(self):
        """Return: calls and faults by site"""
        rows = [SITE.unpack_from(self.memory, HEAD.size + i * SITE.size)
                for i in range(len(SITES))]
        return {name.rstrip(b'\0').decode(): (calls, faults)
                for name, calls, faults in rows}


@pytest.fixture(scope='module')
def shim(directory):
    """Path of the shim, compiled"""
    path = f'{directory}/fault.so'
    subprocess.run([os.environ.get('CC', 'cc'), '-D_GNU_SOURCE', '-std=gnu11',
                    '-O2', '-shared', '-fPIC', '-o', path,
                    f'{lab.TESTS}/fault_shim.c'], check=True)
    os.chmod(path, 0o755)
    return path


PORTS = (*OPTIONS, '-T', 'none', '-U', 'none')


def is_idle(pasta):
    """No CPU is used for nothing"""
    ticks = cpu_ticks(pasta.process.pid)
    time.sleep(1)
    return cpu_ticks(pasta.process.pid) - ticks < IDLE_TICKS


def check_rest(pasta, before):
    """Descriptors come back, but those of UDP flows; CPU is idle"""
    limit = before + soak.FDS_SLACK
    wait_for(lambda: count_descriptors(pasta.process.pid) <= limit,
             f'at most {limit} descriptors', 60)
    assert is_idle(pasta)
    assert pasta.process.poll() is None


# A reset that isn't written to the guest is lost for good, as on any wire: who
# waits for an answer waits on. So these have a row of their own.
LINK = 'read write'


@pytest.mark.parametrize('sites, every', [
    ('socket bind connect setsockopt getsockname epoll_ctl', 4),
    ('accept4 getsockname getsockopt pipe2', 3),
    ('shutdown drop', 5),
    ('sendmsg recvmsg recv send', 10),
    ('splice sendmmsg recvmmsg epoll_wait read', 4),
    (LINK, 12),
    (' '.join(s for s in SITES if s not in LINK.split()), 25),
], ids=lambda value: str(value).split()[0] if isinstance(value, str) else '')
def test_faults(start, topology, traffic, shim, scratch, sites, every):
    """Calls fail at random while all kinds of traffic are there"""
    sites = sites.split()
    faults = Faults(f'{scratch}/faults')
    pasta = start(*PORTS, env={**os.environ, 'LD_PRELOAD': shim,
                               'FAULT_FILE': faults.path})
    assert faults.is_loaded()
    t = traffic(topology, pasta)
    t.once()
    before = count_descriptors(pasta.process.pid)
    faults.inject(sites, every)
    wrong = t.run(TRAFFIC_S)
    faults.inject([])
    counts = faults.counts()
    print(', '.join(f'{site}: {counts[site][1]} of {counts[site][0]}'
                    for site in sites))
    assert not wrong
    assert pasta.process.poll() is None
    for site in sites:
        calls, injected = counts[site]
        assert injected or calls < every * FAULTS_WANTED, site
    wait_for(lambda: not t.wrong(), 'complaints')
    t.once()
    check_rest(pasta, before)


class Stream:
    """A connection from guest to remote that carries data all the time"""

    def __init__(self, guest, remote, address='192.0.2.1'):
        with remote.tcp_listen(address) as server:
            self.client = guest.tcp_connect(address, server.getsockname()[1])
            self.peer, _ = server.accept()
        self.client.settimeout(PATIENCE_S)
        self.peer.settimeout(PATIENCE_S)
        self.sent = self.got = 0

    def exchange(self, size=5000):
        """Some data each way: it has to be what is next"""
        for one, other in ((self.client, self.peer), (self.peer, self.client)):
            one.sendall(soak.piece(self.sent, size))
            assert receive(other, size) == soak.piece(self.sent, size)
        self.sent += size

    def close(self):
        """Both ends"""
        self.client.close()
        self.peer.close()


def test_short_read_is_no_end(start, topology, shim, scratch):
    """The host has closed, and data is read by halves: all of it comes"""
    faults = Faults(f'{scratch}/faults')
    pasta = start(*PORTS, env={**os.environ, 'LD_PRELOAD': shim,
                               'FAULT_FILE': faults.path})
    data = soak.piece(0, 150000)
    whole = 0
    faults.inject(['recvmsg'], 2)
    for _ in range(60):
        stream = Stream(pasta.ns, topology.remote1)
        # A failure may reset it, but an end is told behind all data only
        with contextlib.suppress(ConnectionResetError):
            stream.peer.sendall(data)
            stream.peer.close()
            assert receive(stream.client, len(data) + 1) == data
            whole += 1
        stream.close()
    assert whole


@contextlib.contextmanager
def pinging(ns, address):
    """Something that sends all the time"""
    process = ns.popen(['ping', '-i', '0.002', '-q', address],
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    yield
    kill(process)


def test_tap_down(start_own, own_topology):
    """The guest's interface is down for a while (EIO): nothing is lost"""
    pasta = start_own(*PORTS)
    guest, remote = pasta.ns, own_topology.remote1
    stream = Stream(guest, remote)
    stream.exchange()
    before = count_descriptors(pasta.process.pid)
    data = soak.piece(0, 200000)
    with pinging(remote, '192.0.2.2'):
        guest.ip('link set eth0 down')
        # What comes from the host can't be written
        stream.peer.sendall(data)
        assert is_idle(pasta)
        guest.ip('link set eth0 up', 'route add default via 192.0.2.1 dev eth0')
    assert receive(stream.client, len(data)) == data
    stream.exchange()
    stream.close()
    check_rest(pasta, before)


def test_host_interface_down(start_own, own_topology):
    """The host's interface goes and comes: old and new connections work"""
    pasta = start_own('--no-map-gw')
    host, remote = own_topology.host, own_topology.remote1
    stream = Stream(pasta.ns, remote)
    with remote.udp('192.0.2.1', 5555) as server, pasta.ns.udp() as client:
        before = count_descriptors(pasta.process.pid)
        for _ in range(2):
            host.ip('link set eth0 down')
            for _ in range(50):
                client.sendto(b'lost', ('192.0.2.1', 5555))
            data = soak.piece(0, 50000)
            stream.client.sendall(data)
            assert is_idle(pasta)
            host.ip('link set eth0 up',
                    'route add default via 192.0.2.1 dev eth0')
            assert receive(stream.peer, len(data)) == data
            stream.exchange()
            client.sendto(b'found', ('192.0.2.1', 5555))
            while server.recv(100) == b'lost':
                pass
    other = Stream(pasta.ns, remote)
    other.exchange()
    other.close()
    stream.close()
    check_rest(pasta, before)


def test_full_disk(start, topology, directory):
    """No room for log and capture: that is all that is lost"""
    path = f'{directory}/full'
    os.mkdir(path)
    lab.mount('none', path, 'tmpfs', 0, 'size=64k,mode=777')
    try:
        pasta = start('--no-map-gw', '--debug', '--log-file', f'{path}/log',
                      '--log-size', '10000000', '--pcap', f'{path}/pcap')
        stream = Stream(pasta.ns, topology.remote1)
        for _ in range(50):
            stream.exchange()
        stat = os.statvfs(path)
        assert not stat.f_bavail
        stream.close()
        # Room again: it goes on
        os.truncate(f'{path}/pcap', 0)
        stream = Stream(pasta.ns, topology.remote1)
        stream.exchange()
        stream.close()
        assert is_idle(pasta)
        assert pasta.stop() == 0
    finally:
        lab.check(lab.libc.umount2(path.encode(), 2))


def load(t, until):
    """Traffic of all kinds in the background, whatever comes of it"""
    pids = []
    for name, function in t.kinds():
        pid = os.fork()
        if not pid:
            lab.with_parent()
            with contextlib.suppress(Exception):
                t.work(name, function, lambda: time.monotonic() > until)
            os._exit(0)
        pids.append(pid)
    return pids


@pytest.mark.parametrize('delay_s', [0.1, 0.6])
def test_sigterm_under_load(start, topology, traffic, delay_s):
    """SIGTERM ends the command, and pasta, at once; connections are reset"""
    pasta = start(*PORTS)
    t = traffic(topology, pasta)
    pids = load(t, time.monotonic() + PATIENCE_S)
    time.sleep(delay_s)
    pasta.process.send_signal(signal.SIGTERM)
    assert pasta.process.wait(WAIT_S) == 128 + signal.SIGTERM
    for pid in pids:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)


def test_netns_removed_under_load(own_topology, binary):
    """The namespace ends while there is traffic: so does pasta"""
    host, remote = own_topology.host, own_topology.remote1
    guest = lab.Netns.new('guest')
    process = host.popen([binary, '--config-net', '-f', '--netns', guest.path,
                          '--no-map-gw'], stderr=subprocess.PIPE)
    try:
        wait_for(lambda: 'eth0' in guest.run('ip -br link').stdout, 'eth0')
        wait_for(lambda: 'default' in guest.run('ip route').stdout, 'route')
        stream = Stream(guest, remote)
        stream.exchange()
        with pinging(guest, '192.0.2.1'):
            guest.delete()
            assert process.wait(WAIT_S) == 0
        # Its connections end with it, one way or another
        with contextlib.suppress(ConnectionError):
            assert stream.peer.recv(1) == b''
        stream.close()
    finally:
        kill(process)
        process.stderr.close()
