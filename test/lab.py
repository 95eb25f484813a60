# SPDX-License-Identifier: BSD-3-Clause
"""The laboratory of the namespace ring: namespaces, wires, pasta itself.

A test never leaves this machine: it talks over veth pairs between network
namespaces that it made, with addresses set aside for documentation only.

    remote1 --- 192.0.2.0/24, 2001:db8:1::/64 ------ eth0
                                                         host <- pasta - guest
    remote2 --- 198.51.100.0/24, 2001:db8:2::/64 --- eth1

Both remotes own 203.0.113.1 and 2001:db8:3::1: which of them a packet to
these addresses reaches tells the interface it left by.

private_mounts() gives the test process a mount namespace of its own, in which
/run/netns, /dev/net/tun and /etc/resolv.conf are replaced. Whatever happens to
the test, the kernel takes all that away with the process.
"""

import contextlib
import ctypes
import fcntl
import heapq
import itertools
import mmap
import os
import random
import select
import shutil
import signal
import socket
import stat
import struct
import subprocess
import time

TESTS = os.path.dirname(os.path.abspath(__file__))
USER = 1000                 # Who runs pasta rootless; needs no passwd entry
# Bound of every wait for what is sure to come
WAIT_S = int(os.environ.get('LAB_WAIT', 30))

CLONE_NEWNS = 0x00020000
CLONE_NEWNET = 0x40000000
MS_BIND = 0x1000
MS_REC = 0x4000
MS_PRIVATE = 0x40000

SHARED4, SHARED6 = '203.0.113.1', '2001:db8:3::1'

libc = ctypes.CDLL(None, use_errno=True)
serial = itertools.count()


def check(result):
    """Raise OSError if a call into libc failed"""
    if result < 0:
        error = ctypes.get_errno()
        raise OSError(error, os.strerror(error))
    return result


def mount(source, target, kind=None, flags=0, data=None):
    """mount(2)"""
    check(libc.mount(source and source.encode(), target.encode(),
                     kind and kind.encode(), ctypes.c_ulong(flags),
                     data and data.encode()))


def private_mounts(directory):
    """Leave the machine's mounts alone from here on, see above

    @directory: for files of ours
    Return: path of what stands in for /etc/resolv.conf
    """
    check(libc.unshare(CLONE_NEWNS))
    mount(None, '/', None, MS_REC | MS_PRIVATE)
    os.makedirs('/run/netns', exist_ok=True)
    mount('none', '/run/netns', 'tmpfs', 0, 'mode=755')

    mount('none', directory, 'tmpfs', 0, 'mode=755')
    tun = f'{directory}/tun'
    if os.path.exists('/dev/net/tun'):
        os.mknod(tun, stat.S_IFCHR | 0o666, os.makedev(10, 200))
        os.chmod(tun, 0o666)
        mount(tun, '/dev/net/tun', None, MS_BIND)

    resolv = f'{directory}/resolv.conf'
    with open(resolv, 'w') as f:
        f.write('')
    mount(resolv, os.path.realpath('/etc/resolv.conf'), None, MS_BIND)
    return resolv


def forget_mounts(directory):
    """Remove the directory that private_mounts() was given"""
    os.chdir('/')
    check(libc.umount2(directory.encode(), 2))      # MNT_DETACH
    os.rmdir(directory)


def wait_for(condition, what='condition', seconds=WAIT_S):
    """Call @condition until it returns something true, which is returned"""
    end = time.monotonic() + seconds
    while True:
        result = condition()
        if result:
            return result
        if time.monotonic() > end:
            raise TimeoutError(f'{what}: not within {seconds} s')
        time.sleep(0.01)


def with_parent():
    """In a child: end when the test does, whatever becomes of that"""
    libc.prctl(1, signal.SIGKILL)       # PR_SET_PDEATHSIG


def fork(function):
    """Have a child of the test do something, silently. Return: process ID"""
    pid = os.fork()
    if not pid:
        try:
            with_parent()
            null = os.open(os.devnull, os.O_RDWR)
            os.dup2(null, 1)
            os.dup2(null, 2)
            function()
        finally:
            os._exit(1)
    return pid


def family(address):
    """Address family of a literal"""
    return socket.AF_INET6 if ':' in address else socket.AF_INET


def find_counter(lines, name):
    """A counter in the lines of /proc/net/netstat or snmp; None if not there"""
    for head, values in zip(lines[::2], lines[1::2]):
        group, names = head.split(':')
        for key, value in zip(names.split(), values.split(':')[1].split()):
            if group + key == name:
                return int(value)
    return None


class Netns:
    """A network namespace; inside `with ns:` the calling thread is in it"""

    def __init__(self, path):
        self.path = path
        self.fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        self.outside = []

    @classmethod
    def new(cls, name):
        """Make one with a name under /run/netns, lo up"""
        name = f'{name}-{os.getpid()}-{next(serial)}'
        subprocess.run(['ip', 'netns', 'add', name], check=True)
        ns = cls(f'/run/netns/{name}')
        ns.name = name
        ns.ip('link set lo up')
        return ns

    def delete(self):
        """Close, and remove the name if it has one"""
        os.close(self.fd)
        if hasattr(self, 'name') and os.path.exists(self.path):
            subprocess.run(['ip', 'netns', 'del', self.name], check=True)

    def __enter__(self):
        self.outside.append(os.open('/proc/thread-self/ns/net',
                                    os.O_RDONLY | os.O_CLOEXEC))
        check(libc.setns(self.fd, CLONE_NEWNET))
        return self

    def __exit__(self, *_):
        fd = self.outside.pop()
        check(libc.setns(fd, CLONE_NEWNET))
        os.close(fd)

    def popen(self, *args, **kwargs):
        """subprocess.Popen() in here"""
        with self:
            return subprocess.Popen(*args, **kwargs)

    def run(self, command, **kwargs):
        """Run a command given as one string or as a list, return output"""
        if isinstance(command, str):
            command = command.split()
        kwargs.setdefault('check', True)
        kwargs.setdefault('timeout', 30)
        with self:
            return subprocess.run(command, stdout=subprocess.PIPE,
                                  stderr=subprocess.STDOUT, text=True,
                                  stdin=subprocess.DEVNULL, **kwargs)

    def ip(self, *lines):
        """Commands of ip(8), one a line, without the `ip`"""
        with self:
            done = subprocess.run(['ip', '-batch', '-'], text=True,
                                  input='\n'.join(lines) + '\n',
                                  capture_output=True)
        assert done.returncode == 0, done.stderr

    def sysctl(self, **values):
        """Set sysctls of net; a double underscore stands for the slash"""
        with self:
            for name, value in values.items():
                path = '/proc/sys/net/' + name.replace('__', '/')
                with open(path, 'w') as f:
                    f.write(str(value))

    def socket(self, *args):
        """socket.socket() in here, which does not wait for ever"""
        with self:
            s = socket.socket(*args)
        s.settimeout(WAIT_S)
        return s

    def tcp_listen(self, address, port=0, backlog=128, **options):
        """A listening socket; options of SOL_SOCKET by name, set before"""
        s = self.socket(family(address), socket.SOCK_STREAM)
        for name, value in options.items():
            s.setsockopt(socket.SOL_SOCKET, getattr(socket, name), value)
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        s.bind((address, port))
        s.listen(backlog)
        return s

    def tcp_connect(self, address, port, timeout=WAIT_S):
        """A connected socket"""
        s = self.socket(family(address), socket.SOCK_STREAM)
        s.settimeout(timeout)
        try:
            s.connect((address, port))
        except BaseException:
            s.close()
            raise
        return s

    def udp(self, address=None, port=0, v6=False):
        """A datagram socket, bound if @address is given"""
        v6 = ':' in address if address else v6
        s = self.socket(socket.AF_INET6 if v6 else socket.AF_INET,
                        socket.SOCK_DGRAM)
        if address:
            s.bind((address, port))
        return s

    def udp_all_errors(self, address, port):
        """A connected datagram socket that hears of all ICMP errors"""
        s = self.udp(v6=':' in address)
        # IP_RECVERR, IPV6_RECVERR: else only a closed port is an error
        if ':' in address:
            s.setsockopt(socket.IPPROTO_IPV6, 25, 1)
        else:
            s.setsockopt(socket.IPPROTO_IP, 11, 1)
        s.connect((address, port))
        return s

    def counter(self, name):
        """A counter of netstat, snmp (as TcpExtTCPTimeouts) or snmp6"""
        with self:
            for path in ('netstat', 'snmp'):
                with open(f'/proc/thread-self/net/{path}') as f:
                    value = find_counter(f.read().splitlines(), name)
                if value is not None:
                    return value
            with open('/proc/thread-self/net/snmp6') as f:
                for line in f:
                    key, value = line.split()
                    if key == name:
                        return int(value)
        raise KeyError(name)


class Topology:
    """The namespaces of the drawing on top, guest excepted"""

    def __init__(self, directory):
        self.directory = directory
        self.host = Netns.new('host')
        self.remote1 = Netns.new('remote1')
        self.remote2 = Netns.new('remote2')
        self.all = [self.host, self.remote1, self.remote2]
        for ns in self.all:
            # New addresses are usable at once; replies may take another way;
            # every error is told
            ns.sysctl(ipv6__conf__all__accept_dad=0,
                      ipv6__conf__default__accept_dad=0,
                      ipv4__conf__all__rp_filter=0,
                      ipv4__conf__default__rp_filter=0,
                      ipv4__icmp_ratelimit=0, ipv6__icmp__ratelimit=0)
        self.host.sysctl(ipv4__ping_group_range='0 2147483647')
        self.wire(self.remote1, 'eth0', '192.0.2', '2001:db8:1:')
        self.wire(self.remote2, 'eth1', '198.51.100', '2001:db8:2:')
        self.host.ip('route add default via 192.0.2.1 dev eth0',
                     'route add default via 198.51.100.1 dev eth1 metric 200',
                     'route add default via 2001:db8:1::1 dev eth0',
                     'route add default via 2001:db8:2::1 dev eth1 '
                     'metric 2048')
        self.remote1.ip('route add 198.51.100.0/24 via 192.0.2.2',
                        'route add 2001:db8:2::/64 via 2001:db8:1::2')
        self.remote2.ip('route add 192.0.2.0/24 via 198.51.100.2',
                        'route add 2001:db8:1::/64 via 2001:db8:2::2')

    def wire(self, remote, interface, net4, net6):
        """Connect host and a remote; the host gets .2 and .3, the remote .1"""
        self.host.ip(f'link add {interface} type veth peer name up0 '
                     f'netns {remote.name}',
                     f'addr add {net4}.2/24 dev {interface}',
                     f'addr add {net4}.3/24 dev {interface}',
                     f'addr add {net6}:3/64 dev {interface} nodad',
                     f'addr add {net6}:2/64 dev {interface} nodad',
                     f'link set {interface} up')
        remote.ip(f'addr add {net4}.1/24 dev up0',
                  f'addr add {net6}:1/64 dev up0 nodad',
                  f'addr add {SHARED4}/32 dev lo',
                  f'addr add {SHARED6}/128 dev lo nodad',
                  'link set up0 up')
        for ns, name in (self.host, interface), (remote, 'up0'):
            wait_for(lambda: 'LOWER_UP' in ns.run(
                f'ip -6 addr show {name} scope link').stdout,
                'link-local address')

    def delete(self):
        """Take it all down: the wires go with the namespaces"""
        for ns in self.all:
            ns.delete()


class DelayLine:
    """A wire between two namespaces that delays, and loses what it is told to

    The first namespace has 198.18.0.2 and 2001:db8:4::2 on it, the second has
    198.18.0.1 and 2001:db8:4::1. A process carries packets between two tun
    devices, as not every kernel has netem. The devices carry TCP segments in
    bulk, with a header that says how to cut them: see tun.rst of the kernel.
    Not so if packets are lost or overtake each other: then one by one.

    @delay_s: of each packet
    @jitter_s: more delay, at random up to this
    @loss: share of packets that are lost, at random
    @seed: of the random numbers
    """
    NEAR, FAR = ('198.18.0.2', '2001:db8:4::2'), ('198.18.0.1', '2001:db8:4::1')

    def __init__(self, ns, far_ns, delay_s, jitter_s=0, loss=0, seed=1):
        self.delay_s, self.jitter_s, self.loss = delay_s, jitter_s, loss
        self.random = random.Random(seed)
        self.counts = mmap.mmap(-1, mmap.PAGESIZE)
        self.fds = []
        for where, (v4, v6) in (ns, self.NEAR), (far_ns, self.FAR):
            self.fds.append(self.open_tun(where, 'slow0', jitter_s or loss))
            where.ip('link set slow0 mtu 1500 txqueuelen 20000 up',
                     f'addr add {v4}/30 dev slow0',
                     f'addr add {v6}/64 dev slow0 nodad')
        self.pid = fork(self.carry)

    @staticmethod
    def open_tun(ns, name, singly):
        """Make a tun device. Return: descriptor"""
        with ns:
            fd = os.open('/dev/net/tun', os.O_RDWR | os.O_NONBLOCK)
            # IFF_TUN | IFF_NO_PI | IFF_VNET_HDR
            request = struct.pack('16sH22x', name.encode(), 0x5001)
            fcntl.ioctl(fd, 0x400454ca, request)    # TUNSETIFF
            # TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6
            fcntl.ioctl(fd, 0x400454d0, 1 if singly else 7)  # TUNSETOFFLOAD
        return fd

    def carry(self):
        """The process: read, keep, write when it is time"""
        other = dict(zip(self.fds, reversed(self.fds)))
        under_way = []
        carried = lost = 0
        while True:
            left = under_way[0][0] - time.monotonic() if under_way else None
            timeout = None if left is None else max(0, left)
            for fd in select.select(self.fds, [], [], timeout)[0]:
                due = time.monotonic() + self.delay_s
                with contextlib.suppress(BlockingIOError):
                    for _ in range(64):
                        packet = os.read(fd, 1 << 17)
                        carried += 1
                        if self.loss and self.random.random() < self.loss:
                            lost += 1
                            continue
                        more = self.jitter_s and \
                            self.random.random() * self.jitter_s
                        # The number keeps the order of those due together
                        heapq.heappush(under_way, (due + more, carried,
                                                   other[fd], packet))
            while under_way and under_way[0][0] <= time.monotonic():
                _, _, fd, packet = heapq.heappop(under_way)
                with contextlib.suppress(OSError):
                    os.write(fd, packet)
            self.counts[:16] = struct.pack('=QQ', carried, lost)

    def packets(self):
        """Return: how many packets came, how many of them were lost"""
        return struct.unpack('=QQ', self.counts[:16])

    def delete(self):
        """Cut the wire"""
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)
        for fd in self.fds:
            os.close(fd)


class Pasta:
    """A running pasta that spawned a namespace for a command that waits

    @ns:	the guest
    @log:	path of its log file
    @process:	Popen of pasta
    """

    def __init__(self, topology, binary, *options, user=USER, **kwargs):
        self.log = f'{topology.directory}/log-{next(serial)}'
        if not {'-l', '--log-file'} & set(options):
            options += ('--log-file', self.log)
        self.ns = None
        self.errors = open(f'{topology.directory}/stderr-{next(serial)}', 'w+')
        self.process = topology.host.popen(
            [binary, *options, '--', 'sh', '-c',
             'readlink /proc/self/ns/net; exec cat'],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=self.errors, **as_user(user), **kwargs)
        link = self.read_line(topology)
        self.pid, path = find_netns(link)
        self.ns = Netns(path)

    def read_line(self, topology):
        """The command's first words come when all is connected"""
        out = self.process.stdout
        ready, _, _ = select.select([out], [], [], WAIT_S)
        line = out.readline().decode().strip() if ready else ''
        if not line:
            self.stop()
            raise AssertionError(f'pasta does not start: {self.stderr()}')
        return line

    def stderr(self):
        """What it has printed so far"""
        with open(self.errors.name) as f:
            return f.read()

    def log_text(self):
        """What it has logged so far"""
        with open(self.log) as f:
            return f.read()

    def stop(self):
        """End the command, and pasta with it. Return: its exit status"""
        if self.ns:
            self.ns.delete()
            self.ns = None
        if self.process.stdin:
            self.process.stdin.close()
        try:
            status = self.process.wait(WAIT_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise
        finally:
            self.process.stdout.close()
            self.errors.close()
        return status


def as_user(user):
    """Arguments of Popen() to run as @user; None stays root, in some groups"""
    if user is None:
        return {'extra_groups': [0, 4]}
    return {'user': user, 'group': user, 'extra_groups': []}


def find_netns(link):
    """Find the namespace that readlink(1) gave as @link

    Return: a process in it, path of the namespace
    """
    for pid in filter(str.isdigit, os.listdir('/proc')):
        with contextlib.suppress(OSError):
            if os.readlink(f'/proc/{pid}/ns/net') == link:
                return int(pid), f'/proc/{pid}/ns/net'
    raise AssertionError(f'nobody is in {link}')


def kill(process):
    """End a process we started and wait for it"""
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(WAIT_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def install_binary(source, directory):
    """Copy pasta where every user can start it. Return: path"""
    shutil.copyfile(source, f'{directory}/passt')
    os.chmod(f'{directory}/passt', 0o755)
    os.symlink('passt', f'{directory}/pasta')
    return f'{directory}/pasta'


def is_listening(ns, port, kind='-tln'):
    """Some socket in @ns listens on @port"""
    return f':{port} ' in ns.run(f'ss {kind}').stdout


def start_dnsmasq(ns, address, scratch, answer):
    """A DNS server that knows one name. Return: process"""
    process = ns.popen(
        ['dnsmasq', '--keep-in-foreground', '--conf-file=/dev/null',
         '--no-resolv', '--no-hosts', '--bind-interfaces', '--user=root',
         f'--listen-address={address}', '--except-interface=none',
         f'--pid-file={scratch}/dnsmasq.pid',
         f'--host-record=name.example,{answer},2001:db8::17',
         '--txt-record=long.example,' + ','.join(['x' * 250] * 10)],
        stderr=subprocess.DEVNULL)
    wait_for(lambda: is_listening(ns, 53, '-tln') and
             is_listening(ns, 53, '-uln'), 'dnsmasq')
    return process
