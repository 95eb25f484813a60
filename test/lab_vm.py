# SPDX-License-Identifier: BSD-3-Clause
"""Guests of passt for the namespace ring, see lab.py: as QEMU, without QEMU.

Vm is a namespace with a tap device, whose frames a process of ours carries to
and from passt's socket, as QEMU does for a virtual machine. So the guest is a
real kernel, and real programs run in it. RawGuest is a socket to send and
receive frames by hand.
"""

import contextlib
import fcntl
import os
import select
import signal
import socket
import struct
import subprocess

import lab
from lab import WAIT_S, Netns, serial, wait_for

IF = 'eth0'
LENGTH = struct.Struct('!I')
# Called by udhcpc with what it learnt in the environment
SCRIPT = '''#!/bin/sh
[ "$1" = bound ] || exit 0
ip addr add "$ip/$mask" dev "$interface"
ip link set "$interface" mtu "${mtu:-1500}"
for r in $router; do
    ip route replace "$r" dev "$interface"
    ip route replace default via "$r" dev "$interface"
done
env > "$0.bound"
'''


class Passt:
    """A running passt

    @path:	path of its socket, None if there is none
    @log:	path of its log file
    @process:	Popen of passt, in the foreground
    """

    def __init__(self, topology, binary, *options, user=lab.USER, path='',
                 **kwargs):
        number = next(serial)
        self.log = f'{topology.directory}/log-{number}'
        self.errors = open(f'{topology.directory}/stderr-{number}', 'w+')
        self.path = path
        if path == '':
            self.path = f'{topology.directory}/socket-{number}'
        if self.path:
            options += ('--socket', self.path)
        self.process = topology.host.popen(
            [os.path.join(os.path.dirname(binary), 'passt'), '-f',
             '--log-file', self.log, *options], stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL, stderr=self.errors,
            **lab.as_user(user), **kwargs)
        if self.path:
            wait_for(self.is_listening, 'socket of passt')

    def is_listening(self):
        """Is it there, or did it fail?"""
        assert self.process.poll() is None, self.stderr()
        return 'Listening' in self.log_text()

    def stderr(self):
        """What it has printed so far"""
        with open(self.errors.name) as f:
            return f.read()

    def log_text(self):
        """What it has logged so far"""
        try:
            with open(self.log) as f:
                return f.read()
        except FileNotFoundError:
            return ''

    def connect(self):
        """A socket as of a guest"""
        s = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        s.settimeout(WAIT_S)
        s.connect(self.path)
        return s

    def stop(self):
        """End it. Return: its exit status"""
        lab.kill(self.process)
        self.errors.close()
        return self.process.returncode


class RawGuest:
    """The guest's end of a socket, to send and receive frames by hand"""

    def __init__(self, s):
        self.s = s
        self.data = b''

    def send(self, *frames):
        """Send frames, in one go"""
        self.s.sendall(b''.join(LENGTH.pack(len(f)) + f for f in frames))

    def receive(self):
        """The next frame, None once passt has closed the connection"""
        while True:
            if len(self.data) >= LENGTH.size:
                end = LENGTH.size + LENGTH.unpack_from(self.data)[0]
                if len(self.data) >= end:
                    frame = self.data[LENGTH.size:end]
                    self.data = self.data[end:]
                    return frame
            try:
                more = self.s.recv(1 << 16)
            except ConnectionResetError:
                return None
            if not more:
                return None
            self.data += more

    def is_dropped(self):
        """Wait for the end of the connection. Return: True"""
        while self.receive() is not None:
            pass
        return True


class Vm:
    """A namespace as guest of passt

    @ns:	the guest
    @dad:	whether it looks for duplicates of its IPv6 addresses
    """

    def __init__(self, topology, s, mac='52:54:00:12:34:56', dad=False):
        self.ns = Netns.new('vm')
        self.dir = f'{topology.directory}/vm-{next(serial)}'
        os.mkdir(self.dir)
        self.ns.sysctl(ipv6__conf__default__accept_dad=int(dad),
                       ipv6__conf__default__router_solicitation_delay=0,
                       ipv4__ping_group_range='0 2147483647')
        with self.ns:
            self.tap = os.open('/dev/net/tun', os.O_RDWR)
            # IFF_TAP | IFF_NO_PI
            request = struct.pack('16sH22x', IF.encode(), 0x1002)
            fcntl.ioctl(self.tap, 0x400454ca, request)      # TUNSETIFF
        self.ns.ip(f'link set {IF} address {mac} txqueuelen 10000')
        self.socket = s
        self.pid = lab.fork(self.carry)
        s.close()

    def carry(self):
        """The process: carry frames until passt closes the connection"""
        data = b''
        self.socket.settimeout(None)
        while True:
            ready, _, _ = select.select([self.tap, self.socket], [], [])
            if self.tap in ready:
                frame = os.read(self.tap, 1 << 17)
                self.socket.sendall(LENGTH.pack(len(frame)) + frame)
            if self.socket in ready:
                more = self.socket.recv(1 << 18)
                if not more:
                    return
                data = self.to_tap(data + more)

    def to_tap(self, data):
        """Pass on the frames in @data. Return: what is left"""
        start = 0
        while len(data) - start >= LENGTH.size:
            end = start + LENGTH.size + LENGTH.unpack_from(data, start)[0]
            if len(data) < end:
                break
            # Down, it takes nothing
            with contextlib.suppress(OSError):
                os.write(self.tap, data[start + LENGTH.size:end])
            start = end
        return data[start:]

    def up(self):
        """Have the kernel see to IPv6, and DHCP to IPv4"""
        script = f'{self.dir}/script'
        with open(script, 'w') as f:
            f.write(SCRIPT)
        os.chmod(script, 0o755)
        self.ns.ip(f'link set {IF} up')
        self.ns.run(['udhcpc', '-i', IF, '-f', '-n', '-q', '-t', '5', '-T',
                     '1', '-s', script])
        wait_for(lambda: 'default' in self.ns.run('ip -6 route').stdout,
                 'route by router advertisement')
        return self

    def dhcp(self):
        """What udhcpc learnt"""
        with open(f'{self.dir}/script.bound') as f:
            return dict(line.rstrip('\n').split('=', 1) for line in f
                        if '=' in line)

    def is_connected(self):
        """Does passt keep the connection?"""
        return os.waitpid(self.pid, os.WNOHANG) == (0, 0)

    def pause(self, pause):
        """Have it not read from passt, or go on"""
        os.kill(self.pid, signal.SIGSTOP if pause else signal.SIGCONT)
        if pause:
            os.waitpid(self.pid, os.WUNTRACED)

    def lose(self):
        """Cut the connection, as if QEMU was killed"""
        with contextlib.suppress(ProcessLookupError, ChildProcessError):
            os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)

    def delete(self):
        """Cut the connection, and remove the namespace"""
        self.lose()
        os.close(self.tap)
        self.ns.delete()
