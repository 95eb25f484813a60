# SPDX-License-Identifier: BSD-3-Clause
"""The sandbox, as seen from outside in /proc and by ptrace(2), and what happens
where parts of it aren't possible.

The filter itself is tested by test_seccomp.c: here it's about which one the
processes have. That what they do is allowed is tested by all other tests.
"""

import contextlib
import ctypes
import os
import re
import signal
import socket
import stat
import struct
import subprocess

import pytest

import lab
import lab_vm
from lab import SHARED4, USER, WAIT_S, Netns, wait_for
from test_process import assert_connected, background, is_alive, run, target

__all__ = ['background', 'target']      # Fixtures

NOBODY = 65534
BIND = 1 << 10              # CAP_NET_BIND_SERVICE
CAPS = ('CapInh', 'CapPrm', 'CapEff', 'CapBnd', 'CapAmb')

# See linux/seccomp.h, linux/ptrace.h
RET_ALLOW, RET_TRAP, RET_KILL = 0x7fff0000, 0x00030000, 0x80000000
PTRACE_DETACH, PTRACE_SEIZE, PTRACE_INTERRUPT = 17, 0x4206, 0x4207
PTRACE_SECCOMP_GET_FILTER = 0x420c
WALL = 0x40000000

# What must not be there: names that don't exist on this machine don't matter
FORBIDDEN = '''
    open openat openat2 creat open_by_handle_at name_to_handle_at
    brk mmap mmap2 mremap mprotect munmap madvise memfd_create
    execve execveat fork vfork clone clone3 kill tkill tgkill
    pidfd_send_signal ptrace process_vm_readv process_vm_writev
    mount umount2 pivot_root chroot fchdir chdir move_mount open_tree fsopen
    setns unshare setuid setresuid setgid setgroups capset prctl seccomp
    bpf perf_event_open userfaultfd io_uring_setup keyctl add_key
    rt_sigaction rt_sigreturn rt_sigprocmask ioctl unlink unlinkat rename
    mkdir link symlink chmod fchmod chown fchown truncate setrlimit prlimit64
    personality init_module kexec_load reboot dup2 dup3 socketpair sendfile
'''.split()


def status(pid):
    """/proc/PID/status as a dict"""
    with open(f'/proc/{pid}/status') as f:
        return {k: v.strip() for k, v in
                (line.split(':', 1) for line in f)}


def spaces(pid):
    """Namespaces of a process, by type"""
    return {kind: os.readlink(f'/proc/{pid}/ns/{kind}') for kind in
            ('user', 'mnt', 'ipc', 'uts', 'pid', 'net')}


def numbers():
    """Numbers of system calls by name, from the kernel's headers"""
    out = subprocess.run(['cc', '-E', '-dM', '-x', 'c', '-'], text=True,
                         input='#include <asm/unistd.h>\n',
                         stdout=subprocess.PIPE, check=True).stdout
    base = {'__NR_SYSCALL_BASE': 0}
    found = re.findall(r'#define __NR_([a-z]\w*) (.*)', out)
    return {name: eval(text, base) for name, text in found
            if not text.startswith('__NR_a')}


class Filter:
    """The one filter of a process"""

    def __init__(self, pid):
        libc = lab.libc
        libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p,
                                ctypes.c_void_p]
        lab.check(libc.ptrace(PTRACE_SEIZE, pid, None, None))
        try:
            lab.check(libc.ptrace(PTRACE_INTERRUPT, pid, None, None))
            os.waitpid(pid, WALL)
            count = lab.check(libc.ptrace(PTRACE_SECCOMP_GET_FILTER, pid, 0,
                                          None))
            buf = ctypes.create_string_buffer(count * 8)
            lab.check(libc.ptrace(PTRACE_SECCOMP_GET_FILTER, pid, 0, buf))
        finally:
            libc.ptrace(PTRACE_DETACH, pid, None, None)
        self.code = list(struct.iter_unpack('HBBI', buf.raw))
        assert self.code[1][0] == 0x15
        self.arch = self.code[1][3]

    def verdict(self, number, *args, arch=None):
        """Run it: only the instructions that there are in it are known"""
        data = struct.pack('iIQ6Q', number, self.arch if arch is None else arch,
                           0, *args, *[0] * (6 - len(args)))
        pc = a = 0
        while True:
            code, jt, jf, k = self.code[pc]
            pc += 1
            if code == 0x20:
                a = struct.unpack_from('I', data, k)[0]
            elif code == 0x15:
                pc += jt if a == k else jf
            elif code == 0x35:
                pc += jt if a >= k else jf
            else:
                assert code == 0x06
                return k


def agent_of(ns):
    """PID of the process that makes sockets in a namespace"""
    with ns:
        inside = os.readlink('/proc/thread-self/ns/net')
    for pid in filter(str.isdigit, os.listdir('/proc')):
        with contextlib.suppress(OSError):
            if os.readlink(f'/proc/{pid}/ns/net') == inside and \
                    status(pid)['Name'] in ('pasta', 'passt') and \
                    status(pid)['Seccomp'] == '2':
                return int(pid)
    raise AssertionError('no agent')


def assert_confined(pid, uid, caps=0, own_user=True):
    """All that doesn't depend on how it was started"""
    s = status(pid)
    assert s['Seccomp'] == '2' and s['Seccomp_filters'] == '1'
    assert s['NoNewPrivs'] == '1'
    for name in CAPS:
        expected = caps if name in ('CapPrm', 'CapEff') else 0
        if name == 'CapBnd' and not own_user:
            continue        # It can't be dropped then, and takes no effect
        assert int(s[name], 16) == expected, name
    assert s['Uid'].split() == [str(uid)] * 4
    assert s['Gid'].split() == [str(uid)] * 4
    # Files of a process that isn't dumpable belong to root, or in a user
    # namespace to its root
    assert os.stat(f'/proc/{pid}/environ').st_uid == 0 or not uid


def assert_detached(pid, new_pid):
    """Namespaces of its own, but for the network, and nothing to see"""
    own, ours = spaces(pid), spaces('self')
    for kind in 'user', 'mnt', 'ipc', 'uts':
        assert own[kind] != ours[kind], kind
    assert (own['pid'] != ours['pid']) == new_pid
    assert os.listdir(f'/proc/{pid}/root/') == []
    with open(f'/proc/{pid}/mountinfo') as f:
        mounts = f.read().splitlines()
    assert len(mounts) == 1
    fields = mounts[0].split()
    assert fields[4] == '/' and 'tmpfs' in fields and \
        fields[5].split(',')[:4] == ['ro', 'nosuid', 'nodev', 'noexec']


def test_foreground(start, topology):
    """Of an ordinary user: both processes are confined, the command isn't"""
    pasta = start()
    pid, agent = pasta.process.pid, agent_of(pasta.ns)
    # The capability is over what is the guest's, nothing else
    assert_confined(pid, USER)
    assert_confined(agent, USER, BIND)
    assert spaces(agent)['user'] == spaces(pasta.pid)['user']
    for p in pid, agent:
        assert_detached(p, False)
    assert spaces(pid)['net'] != spaces(agent)['net']
    with topology.host:
        assert spaces(pid)['net'] == os.readlink('/proc/thread-self/ns/net')
    s = status(pasta.pid)
    assert s['Seccomp'] == '0' and s['NoNewPrivs'] == '0'
    assert int(s['CapBnd'], 16)


def test_background(background, target, topology):
    """The same in the background, with a PID namespace besides"""
    pid = background(str(target.pid))
    assert_confined(pid, USER)
    assert_detached(pid, True)
    assert_connected(target.ns, topology)


def test_as_root(background, topology):
    """Started as root it is nobody, and otherwise the same"""
    ns = Netns.new('target')
    pid = background('--netns', ns.path, user=None)
    agent = agent_of(ns)
    assert_confined(pid, NOBODY)
    assert_detached(pid, True)
    assert_confined(agent, NOBODY)
    assert_detached(agent, False)
    assert status(pid)['Groups'] == '' and status(agent)['Groups'] == ''
    assert_connected(ns, topology)
    ns.delete()
    wait_for(lambda: not is_alive(pid), 'end of pasta')


def test_runas(background, topology):
    """--runas, as root"""
    ns = Netns.new('target')
    pid = background('--netns', ns.path, '--runas', '1234:1234', user=None)
    assert_confined(pid, 1234)
    assert_detached(pid, True)
    ns.delete()
    wait_for(lambda: not is_alive(pid), 'end of pasta')


def test_what_the_filters_allow(start):
    """No system call is allowed that opens files, allocates memory, or makes
    processes; no numbers of other architectures are"""
    known = numbers()
    pasta = start()
    f = Filter(pasta.process.pid)
    for name in filter(known.get, FORBIDDEN):
        assert f.verdict(known[name]) == RET_TRAP, name
    for name in 'recvmsg', 'sendmsg', 'write', 'exit_group', 'close':
        assert f.verdict(known[name]) == RET_ALLOW, name
    allowed = sum(f.verdict(n) == RET_ALLOW for n in known.values())
    assert allowed < 60
    for v in socket.AF_INET, socket.AF_INET6:
        assert f.verdict(known['socket'], v) == RET_ALLOW
    for v in socket.AF_UNIX, socket.AF_NETLINK, socket.AF_PACKET:
        assert f.verdict(known['socket'], v) == RET_TRAP
    assert f.verdict(known['write'] | 0x40000000) == RET_KILL
    assert f.verdict(known['write'], arch=0x40000003) == RET_KILL    # i386

    f = Filter(agent_of(pasta.ns))
    for name in FORBIDDEN + ['write', 'connect', 'setsockopt']:
        assert f.verdict(known.get(name, -1)) == RET_KILL, name
    few = sum(f.verdict(n) == RET_ALLOW for n in known.values())
    print(f'{allowed} system calls are allowed, {few} to the other process')
    assert few < 12
    assert f.verdict(known['socket'], socket.AF_INET) == RET_ALLOW
    assert f.verdict(known['socket'], socket.AF_UNIX) == RET_KILL


@pytest.mark.parametrize('user, uid', [(USER, USER), (None, NOBODY)],
                         ids=['user', 'root'])
def test_passt(topology, binary, user, uid):
    """passt likewise: it accepts guests, and that is the only difference"""
    known = numbers()
    passt = lab_vm.Passt(topology, binary, user=user)
    try:
        pid = passt.process.pid
        wait_for(lambda: status(pid)['Seccomp'] == '2', 'filter')
        assert_confined(pid, uid)
        assert_detached(pid, False)
        f = Filter(pid)
        for name in filter(known.get, FORBIDDEN):
            assert f.verdict(known[name]) == RET_TRAP, name
        for name in 'newfstatat', 'splice', 'pipe2', 'wait4':
            assert f.verdict(known.get(name, -1)) != RET_ALLOW, name
        with passt.connect():
            wait_for(lambda: 'Guest connected' in passt.log_text(), 'guest')
    finally:
        passt.stop()


def test_passt_vhost_user(topology, binary):
    """What it takes to map a guest's memory is allowed besides, no more"""
    known = numbers()
    passt = lab_vm.Passt(topology, binary, '--vhost-user')
    try:
        pid = passt.process.pid
        wait_for(lambda: status(pid)['Seccomp'] == '2', 'filter')
        assert_confined(pid, USER)
        assert_detached(pid, False)
        f = Filter(pid)
        for name in set(filter(known.get, FORBIDDEN)) - {'munmap'}:
            assert f.verdict(known[name]) == RET_TRAP, name
        assert f.verdict(known['munmap']) == RET_ALLOW
        # F_GETFL and F_SETFL, not F_SETOWN or F_DUPFD
        assert [f.verdict(known['fcntl'], 5, n) == RET_ALLOW for n in
                (3, 4, 8, 0)] == [True, True, False, False]
    finally:
        passt.stop()


def test_files_at_run_time(start, topology, scratch):
    """Log with its rotation, capture and counters go on in the sandbox, and
    nothing happens to memory"""
    log, pcap = f'{scratch}/log', f'{scratch}/pcap'
    pasta = start('--log-file', log, '--log-size', '4096', '--trace',
                  '--stats', '1', '--pcap', pcap)
    for _ in range(40):
        assert_connected(pasta.ns, topology)
    pasta.ns.run(f'ping -c 1 -W {WAIT_S} {SHARED4}')
    assert os.path.getsize(log) <= 4096
    assert os.path.getsize(pcap) > 40 * 3 * 60
    wait_for(lambda: 'wake-ups' in open(log).read() or
             assert_connected(pasta.ns, topology), 'counters')
    with open(log) as f:
        assert 'Sandbox' not in f.read()


def test_stop_and_continue(start, topology):
    """Being stopped, and traced, are interruptions like others"""
    pasta = start()
    for pid in pasta.process.pid, agent_of(pasta.ns):
        os.kill(pid, signal.SIGSTOP)
        wait_for(lambda pid=pid: status(pid)['State'][0] == 'T', 'stop')
        os.kill(pid, signal.SIGCONT)
        Filter(pid)
    assert_connected(pasta.ns, topology)


# -- Where parts aren't possible

def deny(name, error, arg=None, bits=0):
    """Function to be called in the child: have a system call fail, if its
    argument of index @arg has one of @bits set; as rules of containers do"""
    def install():
        jump = [(0x20, 0, 0, 16 + 8 * arg), (0x45, 0, 1, bits)] \
            if arg is not None else []
        code = [(0x20, 0, 0, 0), (0x15, 0, len(jump) + 1, numbers()[name]),
                *jump, (0x06, 0, 0, 0x00050000 | error),
                (0x06, 0, 0, RET_ALLOW)]
        text = ctypes.create_string_buffer(
            b''.join(struct.pack('HBBI', *line) for line in code))
        fprog = struct.pack('HxxxxxxP', len(code), ctypes.addressof(text))
        lab.check(lab.libc.prctl(38, 1, 0, 0, 0))
        lab.check(lab.libc.prctl(22, 2, fprog, 0, 0))
    return install


NEWUSER = deny('unshare', 1, 0, 0x10000000)         # EPERM
NEWNS = deny('unshare', 1, 0, lab.CLONE_NEWNS)
NEWIPC = deny('unshare', 22, 0, 0x08000000)         # EINVAL: not built in
MOUNT = deny('mount', 13)                           # EACCES: AppArmor
PIVOT = deny('pivot_root', 22)                      # EINVAL: initramfs
SECCOMP = deny('seccomp', 22)


@pytest.mark.skipif(os.uname().machine != 'x86_64', reason='x86-64 only')
@pytest.mark.parametrize('what, step', [
    (NEWUSER, 'create a user namespace, see user_namespaces(7)'),
    (NEWNS, 'create a mount namespace'),
    (NEWIPC, 'create an IPC namespace'),
    (MOUNT, 'make mounts private'),
    (PIVOT, 'pivot_root() to an empty directory, consider --chroot-fallback'),
    (SECCOMP, 'filter system calls'),
], ids=['user', 'mnt', 'ipc', 'mount', 'pivot', 'seccomp'])
def test_strict_names_the_step(topology, binary, target, scratch, what, step):
    """It doesn't start then, and says why, in one line, and nothing is left"""
    pcap = f'{scratch}/pcap'
    with open(pcap, 'w') as f:
        f.write('old')
    os.chmod(pcap, 0o666)
    done = run(topology, binary, '--config-net', '-q', '-P', f'{scratch}/pid',
               '-p', pcap, str(target.pid), preexec_fn=what)
    assert done.returncode == 1
    assert os.path.getsize(pcap) == len('old')
    assert done.stderr.startswith(f"Sandbox: can't {step} (--sandbox auto ")
    assert len(done.stderr.splitlines()) == 1
    with open(f'{scratch}/pid') as f:
        assert f.read() == ''
    wait_for(lambda: target.ns.run('ip -br link').stdout.count('\n') == 1,
             'end of all processes')


@pytest.mark.skipif(os.uname().machine != 'x86_64', reason='x86-64 only')
@pytest.mark.parametrize('args, said', [
    ([], "Can't create namespaces (see user_namespaces(7) for what may keep "
     'users from doing so)'),
    (['--netns-only'], "Can't create a network namespace: --netns-only takes "
     'privileges')], ids=['user', 'net'])
def test_no_namespace_for_the_command(topology, binary, args, said):
    """It doesn't start where users get none, and one line says what to read"""
    done = run(topology, binary, *args, '--', 'true',
               preexec_fn=deny('clone', 1, 0, 0x10000000))
    assert done.returncode == 1
    assert done.stderr == f'{said}: Operation not permitted\n'


@pytest.mark.skipif(os.uname().machine != 'x86_64', reason='x86-64 only')
@pytest.mark.parametrize('what, step', [
    (NEWUSER, "can't create a user namespace"),
    (NEWIPC, "can't create an IPC namespace"),
    (MOUNT, "can't make mounts private"),
    (SECCOMP, "can't filter system calls"),
], ids=['user', 'ipc', 'mount', 'seccomp'])
def test_auto_goes_on(start, topology, what, step):
    """It starts, and says what is missing; what is left is there"""
    pasta = start('-q', '--sandbox', 'auto', preexec_fn=what)
    assert_connected(pasta.ns, topology)
    assert f'Sandbox is incomplete: {step}' in pasta.stderr()
    s = status(pasta.process.pid)
    assert s['NoNewPrivs'] == '1' and int(s['CapEff'], 16) == 0
    if what is not SECCOMP:
        assert s['Seccomp'] == '2' and s['Seccomp_filters'] == '2'


@pytest.mark.skipif(os.uname().machine != 'x86_64', reason='x86-64 only')
@pytest.mark.parametrize('option', ['--chroot-fallback', '--sandbox=auto'])
def test_without_pivot_root(start, topology, option):
    """Scenario 86: as in an initramfs; an empty root without a warning"""
    pasta = start('-q', option, preexec_fn=PIVOT)
    assert_connected(pasta.ns, topology)
    assert pasta.stderr() == ''
    assert os.listdir(f'/proc/{pasta.process.pid}/root/') == []


def test_none(start, topology):
    """Without sandbox privileges are given up all the same"""
    pasta = start('--sandbox', 'none')
    assert_connected(pasta.ns, topology)
    s = status(pasta.process.pid)
    assert s['Seccomp'] == '0' and s['NoNewPrivs'] == '1'
    assert int(s['CapEff'], 16) == 0
    own = spaces(pasta.process.pid)
    assert own['mnt'] == spaces('self')['mnt']
    assert own['user'] == spaces('self')['user']


def make_chroot(binary, path):
    """A directory to be used as root: pasta, a shell, what they need"""
    for d in 'bin', 'dev/net', 'proc', 'etc', 'tmp':
        os.makedirs(f'{path}/{d}')
    os.mknod(f'{path}/dev/net/tun', stat.S_IFCHR | 0o666, os.makedev(10, 200))
    os.mknod(f'{path}/dev/null', stat.S_IFCHR | 0o666, os.makedev(1, 3))
    out = ''
    for program in binary, '/bin/busybox':
        out += subprocess.run(['ldd', program], text=True,
                              capture_output=True).stdout
        subprocess.run(['cp', '-L', program, f'{path}/bin/'], check=True)
    for lib in set(re.findall(r'(/\S+) \(0x', out)):
        os.makedirs(os.path.dirname(path + lib), exist_ok=True)
        subprocess.run(['cp', '-L', lib, path + lib], check=True)


def mounts():
    """What is mounted where, as this process sees it"""
    with open('/proc/self/mountinfo') as f:
        return [line.split()[4] for line in f]


def test_chroot(topology, binary, scratch):
    """In a chroot as root: it takes --chroot-fallback, else it says so, and
    nothing is mounted outside, not even where mounts are shared"""
    path = f'{scratch}/root'
    os.mkdir(path)
    lab.mount('none', path, 'tmpfs')
    lab.mount(None, path, None, 0x100000)       # MS_SHARED
    make_chroot(binary, f'{path}/sub')
    lab.mount('none', f'{path}/sub/proc', 'proc')
    before = mounts()
    command = ['chroot', f'{path}/sub', '/bin/pasta', '--config-net', '-q']
    inner = ['--', '/bin/busybox', 'sh', '-c',
             '/bin/busybox ip -o addr show dev eth0; /bin/busybox ls /bin']
    try:
        with topology.host:
            done = subprocess.run(command + inner, text=True,
                                  capture_output=True, timeout=WAIT_S)
            assert done.returncode == 1
            assert '--chroot-fallback' in done.stderr
            done = subprocess.run(command + ['--chroot-fallback'] + inner,
                                  text=True, capture_output=True,
                                  timeout=WAIT_S)
        assert done.returncode == 0, done.stderr
        assert '192.0.2.2/24' in done.stdout and 'busybox' in done.stdout
        assert mounts() == before
    finally:
        lab.check(lab.libc.umount2(path.encode(), 2))


# -- CAP_NET_BIND_SERVICE

def with_bind_capability():
    """Arguments before a command to run it as USER with that capability"""
    return ['setpriv', f'--reuid={USER}', f'--regid={USER}', '--clear-groups',
            '--inh-caps=+net_bind_service', '--ambient-caps=+net_bind_service']


@pytest.mark.parametrize('options, kept', [
    (['-t', 'auto', '-T', 'none', '-U', 'none'], True),
    (['-t', '81:80', '-u', 'none', '-T', 'none', '-U', 'none'], False),
], ids=['auto', 'bound'])
def test_bind_capability(topology, binary, scratch, options, kept):
    """Kept if it was granted, and if ports may be bound later on, by a process
    that does just that"""
    process = topology.host.popen(
        [*with_bind_capability(), binary, '--config-net', '-q', *options,
         '--', 'sh', '-c', 'readlink /proc/self/ns/net; exec cat'],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    try:
        link = process.stdout.readline().decode().strip()
        ns = Netns(lab.find_netns(link)[1])
        assert_confined(process.pid, USER)
        assert_detached(process.pid, False)
        with open(f'/proc/{process.pid}/task/{process.pid}/children') as f:
            others = [p for p in f.read().split()
                      if status(p)['CapEff'] == f'{BIND:016x}' and
                      spaces(p)['user'] == spaces('self')['user']]
        assert len(others) == kept
        for pid in others:
            assert_confined(pid, USER, BIND, False)
            assert len(os.listdir(f'/proc/{pid}/fd')) == 1
        port = 80 if kept else 81
        with ns.tcp_listen('0.0.0.0', 80) as server:
            def connect():
                with contextlib.suppress(ConnectionRefusedError):
                    topology.host.tcp_connect('192.0.2.2', port).close()
                    return True
                return False
            wait_for(connect, 'port forwarded')
            server.accept()[0].close()
        ns.delete()
    finally:
        process.stdin.close()
        process.wait(WAIT_S)
        process.stdout.close()
