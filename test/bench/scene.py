# SPDX-License-Identifier: BSD-3-Clause
"""Where the benchmark takes place: namespaces, wires, and daemons in them.

The wiring is that of lab.py: host, remote1 behind it, and one guest namespace
for each daemon and MTU, owned by an ordinary user, as the daemon is. All of
them are there from the beginning, so that measurements can take turns.

Measurements by `load` happen between two namespaces by an address: Way tells
which.
"""

import collections
import itertools
import json
import os
import shutil
import subprocess
import time

import lab

BENCH = os.path.dirname(os.path.abspath(__file__))
USER = lab.as_user(lab.USER)
USERS = itertools.count(lab.USER + 100000)
PORT = 5301                 # Of servers that nobody forwards
PORTS = itertools.count(6001)
ADDRESSES = {4: lab.SHARED4, 6: lab.SHARED6}
LOOPBACK = {4: '127.0.0.1', 6: '::1'}
ANY = {4: '0.0.0.0', 6: '::'}
SLOW = {4: '198.18.0.1', 6: '2001:db8:4::1'}
SLOW_HOST = {4: '198.18.0.2', 6: '2001:db8:4::2'}
SOURCES = {
    'load': ['load.c', 'load_stream.c', 'load_request.c', 'load_udp.c',
             'load_flows.c'],
    'wire': ['wire.c'],
}

Way = collections.namedtuple('Way', 'server client address port bind')
Way.__doc__ = """From where to where load goes

@server, @client:	paths of their namespaces
@address, @port:	what the client contacts
@bind:	what the server binds to; the port is the same
"""


def build(directory):
    """Compile the tools in C"""
    for name, sources in SOURCES.items():
        subprocess.run(['cc', '-O2', '-D_GNU_SOURCE', '-o',
                        f'{directory}/{name}',
                        *(f'{BENCH}/{s}' for s in sources)], check=True)


def descendants(pid):
    """Processes that a process has started, and so on, itself included"""
    pids = [pid]
    try:
        with open(f'/proc/{pid}/task/{pid}/children', encoding='ascii') as f:
            children = f.read().split()
    except OSError:
        children = []
    for child in children:
        pids += descendants(int(child))
    return pids


def memory(pids):
    """KiB by name, of /proc/PID/smaps_rollup, all processes together"""
    total = collections.Counter()
    for pid in pids:
        with open(f'/proc/{pid}/smaps_rollup', encoding='ascii') as f:
            for line in f.readlines()[1:]:
                name, value = line.split()[:2]
                total[name.rstrip(':')] += int(value)
    return total


class Plain:
    """No daemon: the host itself is the client, by the wire or by loopback"""
    name = 'plain'
    pids = ()
    mtu = None

    def __init__(self, scene):
        self.scene = scene
        self.ns = scene.topology.host
        self.path = self.ns.path
        self.ports = {'in': PORT, 'out': PORT}

    def has(self, _):
        """There is nothing that the host can't do"""
        return True

    def stop(self):
        """Nothing to do"""


class Daemon:
    """A guest namespace and the daemon that connects it

    @program:	a Program
    @path:	path of the guest's namespace

    Each has a user of its own: pipes for spliced connections are an allowance
    of the user's (pipe(7), pipe-user-pages-soft), and those of one program
    would leave the next one with small ones.
    """

    def __init__(self, scene, program, mtu):
        self.scene, self.program, self.mtu = scene, program, mtu
        self.name = program.name
        self.ports = {'in': next(PORTS), 'out': next(PORTS)}
        host = scene.topology.host
        user = lab.as_user(next(USERS))
        self.holder = host.popen(['unshare', '-rUn', 'sh', '-c',
                                  'echo; exec cat'], stdin=subprocess.PIPE,
                                 stdout=subprocess.PIPE, **user)
        self.holder.stdout.readline()
        self.path = f'/proc/{self.holder.pid}/ns/net'
        self.ns = lab.Netns(self.path)
        self.ns.ip('link set lo up')
        with self.ns:
            with open('/proc/sys/net/ipv6/conf/default/accept_dad', 'w',
                      encoding='ascii') as f:
                f.write('0')
        self.errors = f'{scene.directory}/stderr-{self.ports["in"]}'
        with open(self.errors, 'w', encoding='utf-8') as errors:
            self.process = host.popen(
                program.command(self.holder.pid, mtu, self.ports),
                stdin=subprocess.DEVNULL, stdout=errors, stderr=errors, **user)
        lab.wait_for(self.is_ready, program.name)

    @property
    def pids(self):
        """Processes of the daemon as of now"""
        return descendants(self.process.pid)

    def is_ready(self):
        """The guest has addresses and routes of both IP versions"""
        if self.process.poll() is not None:
            with open(self.errors, encoding='utf-8') as f:
                raise RuntimeError(f'{self.name} does not start: {f.read()}')
        return all('default' in self.ns.run(f'ip -{v} route').stdout and
                   'global' in self.ns.run(f'ip -{v} -o addr').stdout
                   for v in (4, 6))

    def has(self, place):
        """Does it offer what a cell is about?"""
        return place not in ('spliced in', 'spliced out') or \
            self.program.splices

    def stop(self):
        """End it, and the guest with it"""
        lab.kill(self.process)
        self.ns.delete()
        self.holder.stdin.close()
        self.holder.wait()
        self.holder.stdout.close()


class Program:
    """A program that connects a namespace

    @name:	in tables
    @path:	to start it by
    @splices:	it forwards ports of loopback from socket to socket
    """

    def __init__(self, name, path, splices=True):
        self.name, self.path, self.splices = name, path, splices

    def command(self, pid, mtu, ports):
        """How to connect the namespace of a process"""
        if not self.splices:
            return [self.path, '--configure', f'--mtu={mtu}', '--enable-ipv6',
                    str(pid), 'tap0']
        return [self.path, '--config-net', '--foreground', '--mtu', str(mtu),
                '-t', str(ports['in']), '-u', str(ports['in']),
                '-T', str(ports['out']), '-U', str(ports['out']), str(pid)]

    def version(self):
        """What it says of itself"""
        out = subprocess.run([self.path, '--version'], text=True, check=False,
                             stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                             timeout=10).stdout
        return (out.splitlines() or ['?'])[0]


class Wire:
    """A wire from host to remote1 with a delay: netem if there is, else ours"""

    def __init__(self, scene, rtt_ms):
        host, remote = scene.topology.host, scene.topology.remote1
        half_us = int(rtt_ms * 500)
        self.process = None
        self.means = 'netem'
        self.ends = [(host, SLOW_HOST), (remote, SLOW)]
        with host:
            done = subprocess.run(
                ['tc', 'qdisc', 'add', 'dev', 'lo', 'root', 'netem', 'delay',
                 '1ms'], capture_output=True, check=False)
        if done.returncode:
            self.means = 'wire.c'
            self.process = subprocess.Popen(
                [f'{scene.directory}/wire', str(half_us), 'slow0', host.path,
                 remote.path], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
            assert self.process.stdout.readline() == b'ready\n'
        else:
            host.run('tc qdisc del dev lo root')
            host.ip(f'link add slow0 type veth peer slow0 netns {remote.name}')
        for ns, addresses in self.ends:
            ns.ip('link set slow0 mtu 1500 txqueuelen 20000 up',
                  f'addr add {addresses[4]}/30 dev slow0',
                  f'addr add {addresses[6]}/64 dev slow0 nodad')
            if not self.process:
                ns.run(f'tc qdisc add dev slow0 root netem limit 100000 '
                       f'delay {half_us}us')

    def delete(self):
        """Cut it"""
        if self.process:
            self.process.stdin.close()
            self.process.wait()
            self.process.stdout.close()
        else:
            self.ends[0][0].ip('link del slow0')


class Scene:
    """All that is there while the benchmark runs

    @daemons:	by (name, MTU); the MTU of plain is None
    @missing:	what isn't there, by name: why
    """

    def __init__(self, directory, programs, mtus):
        self.directory = directory
        self.programs = programs
        self.mtus = mtus
        self.topology = lab.Topology(directory)
        self.daemons = {('plain', None): Plain(self)}
        self.missing = {}
        for program in programs:
            for mtu in mtus:
                try:
                    self.daemons[program.name, mtu] = \
                        Daemon(self, program, mtu)
                except (RuntimeError, TimeoutError) as error:
                    self.missing[f'{program.name}, MTU {mtu}'] = \
                        str(error).strip()

    def get(self, name, mtu):
        """A daemon, or Plain. Return: None if it is missing"""
        return self.daemons.get((name, None if name == 'plain' else mtu))

    def way(self, place, version, daemon):
        """Where the load of a cell goes"""
        remote = self.topology.remote1.path
        host = self.topology.host.path
        if place == 'slow':
            return Way(remote, daemon.path, SLOW[version], PORT, SLOW[version])
        if place == 'spliced in':
            return Way(daemon.path, host, LOOPBACK[version],
                       daemon.ports['in'], ANY[version])
        if place == 'spliced out':
            return Way(host, daemon.path, LOOPBACK[version],
                       daemon.ports['out'], ANY[version])
        return Way(remote, daemon.path, ADDRESSES[version], PORT,
                   ADDRESSES[version])

    def load_command(self, test, way, pids=()):
        """Command of load, to which more options may be added"""
        command = [f'{self.directory}/load', *test, '-a', way.address, '-p',
                   str(way.port), '-b', way.bind]
        if pids:
            command += ['-i', ','.join(map(str, pids))]
        return command, [way.server, way.client]

    def load(self, test, way, pids=(), timeout=60):
        """Run load. Return: its figures, or None and why there are none"""
        options, namespaces = self.load_command(test, way, pids)
        try:
            done = subprocess.run(options + namespaces, capture_output=True,
                                  text=True, timeout=timeout, check=False)
        except subprocess.TimeoutExpired:
            return None, f'not within {timeout} s'
        if done.returncode:
            return None, done.stderr.strip() or f'exit {done.returncode}'
        # Ends are closed: have that reach the daemon before the next one
        time.sleep(0.02)
        result = json.loads(done.stdout)
        if not result['bytes'] and not result['ops']:
            return None, 'nothing goes through'
        return result, None

    def set_congestion_control(self, name):
        """For all connections to come, wherever"""
        for ns in {self.topology.host, self.topology.remote1} | \
                {d.ns for d in self.daemons.values()}:
            ns.sysctl(ipv4__tcp_congestion_control=name)

    def timeouts(self, daemon):
        """Retransmission timers that ran out at either end"""
        return sum(ns.counter('TcpExtTCPTimeouts') for ns in
                   {daemon.ns, self.topology.host, self.topology.remote1})

    def delete(self):
        """Take it all down"""
        for daemon in self.daemons.values():
            daemon.stop()
        self.topology.delete()


def find_programs(directory, ours, peers):
    """Copy the programs to where every user can start them

    @ours:	path of our passt
    @peers:	directory that get-peers filled, may be incomplete
    Return: programs, and what is missing by name
    """
    place = f'{directory}/ours'
    os.mkdir(place)
    programs = [Program('pasta', lab.install_binary(ours, place))]
    missing = {}
    names = {'pasta-newest': True, 'pasta-release': True, 'slirp4netns': False}
    if os.path.isdir(peers):
        shutil.copytree(peers, f'{directory}/peers', symlinks=True,
                        ignore=shutil.ignore_patterns('*.deb'))
    for name, splices in names.items():
        path = f'{directory}/peers/{name}'
        if os.access(path, os.X_OK):
            programs.append(Program(name, path, splices))
        else:
            missing[name] = 'get-peers did not get it'
    return programs, missing
