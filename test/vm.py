# SPDX-License-Identifier: BSD-3-Clause
"""Virtual machines for the tests: a kernel of Debian's, and what a test needs.

QEMU emulates the processor too, so that the tests do the same everywhere:
hardware support is not used even where it is there. What starts in the machine
is vm-init, out of an image in memory that Image makes; it runs the commands
that Vm.run() and Vm.begin() send by a serial port.

A machine has one or more network cards, each attached to a passt of its own,
which runs in the host namespace of lab.py's drawing. As a boot takes some
seconds, tests share a machine, and use one card after the other.
"""

import base64
import contextlib
import functools
import glob
import itertools
import json
import lzma
import os
import re
import select
import shutil
import socket
import stat
import subprocess
import time

import lab
import lab_vm
from lab import WAIT_S, kill, with_parent

# Everything takes its time where a processor is emulated
BOOT_S = 6 * WAIT_S
COMMAND_S = 3 * WAIT_S
BUILD = f'{lab.TESTS}/build/vm'
MEMORY_MIB = 256
MODULES = ['virtio_pci', 'virtio_net', 'tun']

# Ways to attach a machine
MODES = STREAM, VHOST_USER = 'stream', 'vhost-user'

KERNEL_OPTIONS = ('console=ttyS0 quiet mitigations=off no5lvl '
                  'no_timer_check tsc=reliable cryptomgr.notests')

serial = itertools.count()


class Image:
    """A file system in memory: writes an archive as cpio(5) calls newc"""

    def __init__(self):
        self.entries = {}

    def add(self, path, mode, content=b''):
        """Add a file of any type, and the directories it is in"""
        path = path.strip('/')
        parent = os.path.dirname(path)
        if parent and parent not in self.entries:
            self.add(parent, stat.S_IFDIR | 0o755)
        self.entries[path] = mode, content

    def add_file(self, path, source, mode=0o755):
        """Add a file with what is in @source"""
        with open(source, 'rb') as f:
            self.add(path, stat.S_IFREG | mode, f.read())

    def add_program(self, path, source):
        """Add a program and the shared objects it is linked with"""
        self.add_file(path, source)
        found = subprocess.run(['ldd', source], capture_output=True, text=True,
                               check=False)
        for library in re.findall(r'(/\S+) \(0x', found.stdout):
            self.add_file(library, os.path.realpath(library))

    def add_modules(self, root, names):
        """Add modules of the kernel, those they depend on first, and a list"""
        directory, = glob.glob(f'{root}/lib/modules/*')
        paths = {os.path.basename(p).split('.')[0].replace('-', '_'): p
                 for p in glob.glob(f'{directory}/kernel/**/*.ko*',
                                    recursive=True)}
        order = []

        def visit(name):
            if name in order or name not in paths:
                return
            with open(paths[name], 'rb') as f:
                module = f.read()
            if paths[name].endswith('.xz'):
                module = lzma.decompress(module)
            needs = re.search(rb'\0depends=([^\0]*)\0', module)[1].decode()
            for other in filter(None, needs.split(',')):
                visit(other.replace('-', '_'))
            self.add(f'/modules/{name}.ko', stat.S_IFREG | 0o644, module)
            order.append(name)

        for name in names:
            visit(name)
        self.add('/modules/order', stat.S_IFREG | 0o644,
                 ''.join(f'{name}\n' for name in order).encode())

    def write(self, path):
        """Write the archive"""
        trailer = {'TRAILER!!!': (0, b'')}
        with open(path, 'wb') as f:
            for i, (name, (mode, content)) in enumerate(
                    (self.entries | trailer).items()):
                name = name.encode() + b'\0'
                fields = [i + 1, mode, 0, 0, 1, 0, len(content), 0, 0, 0, 0,
                          len(name), 0]
                head = b'070701' + b''.join(b'%08X' % n for n in fields) + name
                for part in head, content:
                    f.write(part + b'\0' * (-len(part) % 4))


def build():
    """Have make fetch and compile what machines are made of

    It takes the real /etc/resolv.conf: call it before lab.private_mounts().
    """
    subprocess.run(['make', '-s', '-C', lab.TESTS, 'vm'], check=True)


def make_image(path, files=()):
    """Write the image that machines start with

    @path:	of the image
    @files:	further programs, as pairs of name in there, name out here
    """
    image = Image()
    for directory in ('/proc', '/sys', '/dev', '/tmp', '/root', '/run',
                      '/var/run', '/var/lib/dhcp'):
        image.add(directory, stat.S_IFDIR | 0o755)
    image.add('/dev/console', stat.S_IFCHR | 0o600)
    image.add_file('/init', f'{lab.TESTS}/vm-init')
    image.add_file('/bin/lease', f'{lab.TESTS}/vm-lease')
    image.add_file('/bin/busybox', f'{BUILD}/root/bin/busybox')
    image.add_file('/bin/vm_net', f'{BUILD}/vm_net')
    for program in 'ip', 'dhclient':
        image.add_program(f'/sbin/{program}', shutil.which(program))
    for name, source in files:
        image.add_program(name, source)
    image.add('/etc/passwd', stat.S_IFREG | 0o644,
              b'root:x:0:0:root:/root:/bin/sh\n')
    image.add_modules(f'{BUILD}/root', MODULES)
    image.write(path)


@functools.cache
def reconnect():
    """Option by which QEMU connects again a second after it has lost passt"""
    version = subprocess.run(['qemu-system-x86_64', '--version'],
                             capture_output=True, text=True, check=True).stdout
    major = int(re.search(r'version (\d+)', version)[1])
    # 7.2 has only the first, 11.1 only the second
    return 'reconnect=1' if major < 10 else 'reconnect-ms=1000'


class Passt(lab_vm.Passt):
    """A running passt, for one network card

    @mode:	STREAM or VHOST_USER
    """

    def __init__(self, topology, binary, mode, *options, **kwargs):
        self.mode = mode
        if mode == VHOST_USER:
            options += ('--vhost-user',)
        super().__init__(topology, binary, *options, preexec_fn=with_parent,
                         **kwargs)

    def card(self, i):
        """Options of QEMU for card @i"""
        mac = f'mac=52:54:00:00:00:{i:02x},romfile='
        if self.mode == STREAM:
            return ['-netdev', f'stream,id=net{i},server=off,addr.type=unix,'
                    f'addr.path={self.path}',
                    '-device', f'virtio-net-pci,netdev=net{i},{mac}']
        # QEMU 7.2 can't pass on interrupts of a ring without KVM
        return ['-chardev',
                f'socket,id=passt{i},path={self.path},{reconnect()}',
                '-netdev', f'vhost-user,id=net{i},chardev=passt{i}',
                '-device', f'virtio-net-pci,netdev=net{i},{mac},vectors=0']


class VmNet:
    """vm_net at the other end: in a namespace outside the machine

    @command:	its arguments; begins to serve as soon as this is made
    """

    def __init__(self, ns, command):
        self.process = ns.popen([f'{BUILD}/vm_net', *command.split()],
                                stdin=subprocess.DEVNULL, text=True,
                                stdout=subprocess.PIPE, bufsize=1)
        self.expect('ready')

    def expect(self, word):
        """Wait for a line that begins so. Return: the words behind"""
        line = self.process.stdout.readline()
        assert line.split()[:1] == [word], line
        return line.split()[1:]

    def finish(self):
        """Wait for its end. Return: what it has told since"""
        out, _ = self.process.communicate(timeout=COMMAND_S)
        assert self.process.returncode == 0, out
        return out

    def __enter__(self):
        return self

    def __exit__(self, *_):
        kill(self.process)
        self.process.stdout.close()


class Job:
    """A script under way in a machine"""

    def __init__(self, vm, name, script):
        self.vm, self.name, self.script = vm, name, script

    def wait(self, seconds=COMMAND_S, check=True):
        """Wait for its end. Return: its output, or with it the exit status"""
        try:
            status, output = self.vm.result(self.name, seconds)
        except TimeoutError:
            so_far = self.vm.run(f'cat /tmp/{self.name}.out; ps')
            raise TimeoutError(f'{self.script}: not done, but:\n{so_far}\n'
                               f'{self.vm.passt_messages()}') from None
        if not check:
            return status, output
        assert status == 0, (f'{self.script}: status {status}\n{output}\n'
                             f'{self.vm.passt_messages()}')
        return output


class Vm:
    """A running virtual machine

    @passts:	those its network cards are attached to: eth0 is that of the
		first one, and so on
    @paused:	begin with a processor that doesn't run: see resume()
    """

    def __init__(self, topology, image, passts=(), paused=False):
        self.topology = topology
        self.passts = list(passts)
        self.results = {}
        self.pending = b''
        name = f'{topology.directory}/vm-{next(serial)}'
        self.console = f'{name}.console'
        self.control, control = socket.socketpair()
        self.monitor, monitor = socket.socketpair()
        kernel, = glob.glob(f'{BUILD}/root/boot/vmlinuz-*')
        with open(f'{name}.stderr', 'w') as errors:
            self.errors = errors.name
            self.process = topology.host.popen(
                ['qemu-system-x86_64', '-nodefaults', '-no-user-config',
                 '-display', 'none', '-machine', 'q35,memory-backend=memory',
                 # Memory for translated code: QEMU takes long to forget that
                 # of a kernel when another one is started. Without the two
                 # features, kernel and libc don't copy by string instructions,
                 # which QEMU emulates byte by byte. Where there can only be one
                 # processor, QEMU before 8.1 leaves out the guest's memory
                 # barriers, which a ring needs that another process looks at.
                 '-accel', 'tcg,tb-size=64', '-cpu', 'max,-erms,-fsrm',
                 '-smp', '1,maxcpus=2',
                 '-m', str(MEMORY_MIB),
                 '-object', f'memory-backend-memfd,id=memory,share=on,'
                 f'size={MEMORY_MIB}M',
                 '-kernel', kernel, '-initrd', image,
                 '-append', KERNEL_OPTIONS,
                 '-serial', f'file:{self.console}',
                 '-chardev', f'socket,id=control,fd={control.fileno()}',
                 '-serial', 'chardev:control',
                 '-chardev', f'socket,id=monitor,fd={monitor.fileno()}',
                 '-mon', 'chardev=monitor,mode=control',
                 *itertools.chain.from_iterable(
                     p.card(i) for i, p in enumerate(self.passts)),
                 *['-S'] * paused],
                stdin=subprocess.DEVNULL, stdout=errors, stderr=errors,
                pass_fds=[control.fileno(), monitor.fileno()],
                preexec_fn=with_parent)
        control.close()
        monitor.close()
        self.monitor.settimeout(WAIT_S)
        self.replies = self.monitor.makefile('r')
        try:
            self.qmp('qmp_capabilities')
            if not paused:
                self.result('ready', BOOT_S)
        except BaseException:
            self.stop()
            raise

    def messages(self):
        """What QEMU and the kernel have said so far"""
        text = ''
        for path in self.errors, self.console:
            if os.path.exists(path):
                with open(path, errors='replace') as f:
                    text += f.read()[-4000:]
        return text

    def passt_messages(self):
        """What each passt has said so far, and whether it is there"""
        return '\n'.join(f'passt {i}, status {p.process.poll()}: {p.stderr()}'
                         for i, p in enumerate(self.passts))

    def result(self, name, seconds):
        """Wait for a line from vm-init. Return: exit status, output"""
        end = time.monotonic() + seconds
        while name not in self.results:
            left = end - time.monotonic()
            ready, _, _ = select.select([self.control], [], [], max(0, left))
            data = self.control.recv(1 << 16) if ready else b''
            if not data:
                raise TimeoutError(f'no {name} from the machine; QEMU and '
                                   f'the kernel said:\n{self.messages()}')
            *lines, self.pending = (self.pending + data).split(b'\n')
            for line in lines:
                key, status, output = (line + b' 0 ').split(b' ')[:3]
                self.results[key.decode()] = (
                    int(status),
                    base64.b64decode(output).decode(errors='replace'))
        return self.results.pop(name)

    def begin(self, script):
        """Start a shell script. Return: Job"""
        name = f'job{next(serial)}'
        code = base64.b64encode(script.encode())
        self.control.sendall(name.encode() + b' ' + code + b'\n')
        return Job(self, name, script)

    def run(self, script, seconds=COMMAND_S, check=True):
        """Run a shell script, see Job.wait()"""
        return self.begin(script).wait(seconds, check)

    def qmp(self, command, **arguments):
        """Have QEMU's monitor execute a command. Return: what it returns"""
        self.monitor.sendall(json.dumps(
            {'execute': command, 'arguments': arguments}).encode())
        while True:
            reply = json.loads(self.replies.readline() or '{"error": "ended"}')
            if 'error' in reply:
                raise RuntimeError(f'{reply}\n{self.messages()}')
            if 'return' in reply:
                return reply['return']

    def resume(self):
        """Let the processor run that was paused from the beginning"""
        self.qmp('cont')
        self.result('ready', BOOT_S)

    def reset(self):
        """Push the reset button, wait until it has booted again"""
        self.results.clear()
        self.pending = b''
        self.qmp('system_reset')
        self.result('ready', BOOT_S)

    def configure(self, i, quick=True):
        """Have card @i configured, and all others down

        @quick:	don't wait for what isn't there, as others on the link
        """
        script = f'''
            for path in /sys/class/net/eth*; do
                /sbin/ip link set ${{path##*/}} down
                /sbin/ip addr flush dev ${{path##*/}}
            done
            rm -f /tmp/lease-*
            if [ {int(quick)} = 1 ]; then
                cd /proc/sys/net/ipv6/conf/eth{i}
                echo 0 > accept_dad
                echo 0 > router_solicitation_delay
            fi
            /sbin/ip link set eth{i} up
            udhcpc -i eth{i} -f -n -q -t 10 -T 1 -s /bin/lease
            until /sbin/ip -6 addr show dev eth{i} scope global |
                  grep -q inet6 &&
                  ! /sbin/ip -6 addr show dev eth{i} tentative |
                  grep -q inet6; do
                sleep 0.1
            done'''
        self.run(script)

    def lease(self, event):
        """What a DHCP client has learnt, by vm-lease"""
        return dict(line.split('=', 1) for line in
                    self.run(f'cat /tmp/lease-{event}').splitlines()
                    if '=' in line)

    def dhclient6(self, i):
        """Have dhclient get an IPv6 lease for card @i. Return: see lease()"""
        self.run(f'''
            dhclient -6 -d -sf /bin/lease -lf /tmp/leases eth{i} &
            while kill -0 $! && ! [ -e /tmp/lease-BOUND6 ]; do
                sleep 0.1
            done
            kill $!''')
        return self.lease('BOUND6')

    @contextlib.contextmanager
    def serving(self, command, port):
        """vm_net listens in here. Yield: Job"""
        job = self.begin(f'vm_net {command}')
        try:
            self.run(f'until netstat -ltun | grep -q ":{port} "; '
                     'do sleep 0.1; done')
            yield job
        finally:
            self.run('killall -q vm_net', check=False)

    def counter(self, name):
        """A counter of netstat or snmp, as TcpExtTCPTimeouts"""
        text = self.run('cat /proc/net/netstat /proc/net/snmp')
        return lab.find_counter(text.splitlines(), name)

    def stop(self):
        """Pull the plug"""
        self.process.kill()
        self.process.wait()
        self.replies.close()
        for s in self.control, self.monitor:
            s.close()
