# SPDX-License-Identifier: BSD-3-Clause
"""Namespaces that pasta joins or makes, and the process that keeps its
command: what is not about carrying packets."""

import contextlib
import os
import pty
import select
import signal
import subprocess
import time

import pytest

import lab
from lab import USER, WAIT_S, Netns, as_user, wait_for

# Counts what arrives, tells after each, ends at the end of its input
COUNTER = '''
import os, signal, sys
def tell(number, frame):    # print() could be interrupted by itself
    os.write(1, signal.Signals(number).name.encode() + b'\\n')
for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1):
    signal.signal(number, tell)
os.write(1, b'ready\\n')
sys.stdin.read()
'''


def run(topology, binary, *args, user=USER, **kwargs):
    """Run pasta to its end. Return: CompletedProcess"""
    kwargs.setdefault('stdin', subprocess.DEVNULL)
    with topology.host:
        return subprocess.run([binary, '-q', *args], capture_output=True,
                              text=True, timeout=30, **as_user(user),
                              **kwargs)


@contextlib.contextmanager
def started(topology, binary, *args, user=USER, **kwargs):
    """A pasta with a command, killed with all it has left behind"""
    p = topology.host.popen([binary, '-q', '--config-net', *args],
                            stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                            text=True, start_new_session=True,
                            **as_user(user), **kwargs)
    try:
        yield p
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(p.pid, signal.SIGKILL)
        p.wait()
        p.stdin.close()
        p.stdout.close()


def read_lines(fd, count):
    """Text from a terminal or pipe, up to the end of that many lines"""
    text = ''
    end = time.monotonic() + WAIT_S
    while text.count('\n') < count:
        ready, _, _ = select.select([fd], [], [], end - time.monotonic())
        assert ready, f'got no more than {text!r}'
        text += os.read(fd, 1000).decode()
    return text


def read_until(fd, what):
    """Lines from a terminal, up to the one that contains @what"""
    text = ''
    while what not in text:
        text += read_lines(fd, 1)
    return text


def status(pid):
    """Fields of /proc/PID/status"""
    with open(f'/proc/{pid}/status') as f:
        return {k: v.strip() for k, v in (x.split(':', 1) for x in f)}


def is_gone(pid):
    """The process has ended, a zombie at most"""
    try:
        return status(pid)['State'].startswith(('Z', 'X'))
    except OSError:
        return True


@pytest.fixture
def target():
    """A namespace with a name"""
    ns = Netns.new('target')
    yield ns
    ns.delete()


@pytest.fixture
def join(topology, binary, scratch):
    """Function that has pasta join a namespace. Return: its PID"""
    pids = []

    def begin(*args, user=None, **kwargs):
        done = run(topology, binary, '--config-net', '-P', f'{scratch}/pid',
                   *args, user=user, **kwargs)
        assert done.returncode == 0, done.stderr
        with open(f'{scratch}/pid') as f:
            pids.append(int(f.read()))
        return pids[-1]
    yield begin
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGTERM)
        wait_for(lambda pid=pid: is_gone(pid), 'end of pasta')


@pytest.mark.parametrize('user', [USER, None])
@pytest.mark.parametrize('option', [[], ['--no-pidns']])
def test_command_ends_with_pasta(topology, binary, user, option):
    """Whatever ends pasta, its command is not left without a network"""
    with started(topology, binary, *option, '--', 'sh', '-c',
                 'readlink /proc/self/ns/net; exec sleep 600',
                 user=user) as p:
        net = p.stdout.readline().strip()
        pid, _ = lab.find_netns(net)
        p.kill()
        p.wait()

        def is_empty():
            with contextlib.suppress(AssertionError):
                lab.find_netns(net)
                return False
            return True
        wait_for(is_empty, 'end of the command')
        wait_for(lambda: is_gone(pid), 'end of the one that keeps it')


def test_processes_end_with_command(topology, binary):
    """What the command leaves behind ends with it, in its PID namespace"""
    done = run(topology, binary, '--', 'sh', '-c', 'sleep 600 >&- 2>&- & '
               'readlink /proc/self/ns/net')

    def is_empty():
        with contextlib.suppress(AssertionError):
            lab.find_netns(done.stdout.strip())
            return False
        return True
    # They were killed, and may be a moment about it
    wait_for(is_empty, 'end of what is in there')


def test_orphans_are_reaped(topology, binary):
    """A process whose parent has ended leaves no zombie"""
    done = run(topology, binary, '--', 'sh', '-c',
               '(sleep 0 & exec true); (sleep 0 & exec true); '
               'for i in $(seq 100); do sleep 0.02; '
               'grep -lw Z /proc/[0-9]*/stat || break; done; echo $i; exit 9')
    assert done.returncode == 9
    assert int(done.stdout.split()[-1]) < 100, done.stdout


def test_default_signal_action(topology, binary):
    """A command without handlers ends by a signal sent to pasta"""
    with started(topology, binary, '--', 'sh', '-c',
                 'echo ready; exec sleep 600') as p:
        assert p.stdout.readline() == 'ready\n'
        p.send_signal(signal.SIGTERM)
        assert p.wait(WAIT_S) == 128 + signal.SIGTERM


@pytest.mark.parametrize('user', [USER, None])
def test_signals_once(topology, binary, user):
    """Each signal to pasta arrives once, also if it runs as another user"""
    with started(topology, binary, '--', '/usr/bin/python3', '-c', COUNTER,
                 user=user) as p:
        assert p.stdout.readline() == 'ready\n'
        for name in 'SIGTERM', 'SIGHUP', 'SIGINT', 'SIGTERM':
            p.send_signal(getattr(signal, name))
            assert p.stdout.readline() == name + '\n'
        p.stdin.close()
        assert p.stdout.read() == ''
        assert p.wait(WAIT_S) == 0


def in_terminal():
    """Make stdin the controlling terminal of a session of our own"""
    import fcntl
    import termios
    os.setsid()
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)


def test_interrupt_from_terminal(topology, binary):
    """Ctrl-C reaches the command by its process group: once, not twice"""
    master, slave = pty.openpty()
    with topology.host:
        p = subprocess.Popen([binary, '-q', '--', '/usr/bin/python3', '-c',
                              COUNTER], stdin=slave, stdout=slave,
                             stderr=slave, preexec_fn=in_terminal,
                             **as_user(USER))
    os.close(slave)
    try:
        assert 'ready' in read_lines(master, 1)
        with open(f'/proc/{p.pid}/task/{p.pid}/children') as f:
            keeper = int(f.read().split()[0])
        # Signals merge if one comes while another is pending: keep apart
        os.kill(keeper, signal.SIGSTOP)
        os.write(master, b'\3')
        text = read_until(master, 'SIGINT')
        os.kill(keeper, signal.SIGCONT)
        p.send_signal(signal.SIGTERM)
        text += read_until(master, 'SIGTERM')
        assert text.count('SIGINT') == text.count('SIGTERM') == 1
        os.write(master, b'\4')
        assert p.wait(WAIT_S) == 0
    finally:
        p.kill()
        p.wait()
        os.close(master)


def test_interactive_shell(topology, binary):
    """A shell in a terminal has job control, Ctrl-C ends only its command"""
    master, slave = pty.openpty()
    env = {**os.environ, 'PS1': '', 'SHELL': '/bin/bash', 'HISTFILE': ''}
    with topology.host:
        p = subprocess.Popen([binary, '-q', '--', 'bash', '--norc',
                              '--noediting', '-i'],
                             stdin=slave, stdout=slave, stderr=slave, env=env,
                             preexec_fn=in_terminal, **as_user(USER))
    os.close(slave)
    try:
        os.write(master, b'stty -echo; PS1=; echo "flags""=$-"\n')
        text = read_until(master, 'flags=')
        assert 'm' in text.split('flags=')[1] and 'job control' not in text
        os.write(master, b'sh -c \'echo be"gin"; exec sleep 600\'\n')
        read_until(master, 'begin')
        os.write(master, b'\3')
        os.write(master, b'echo st"ill"\n')
        read_until(master, 'still')
        os.write(master, b'exit 3\n')
        assert p.wait(WAIT_S) == 3
    finally:
        p.kill()
        p.wait()
        os.close(master)


@pytest.mark.parametrize('option', ['-q', '--no-pidns'])
def test_status_of_shell(topology, binary, option):
    """The shell that runs by default ends as it is told, without a complaint
    about the terminal"""
    master, slave = pty.openpty()
    env = {**os.environ, 'PS1': '', 'SHELL': '/bin/sh'}
    with topology.host:
        p = subprocess.Popen([binary, '-q', option], stdin=slave, stdout=slave,
                             stderr=slave, env=env, preexec_fn=in_terminal,
                             **as_user(USER))
    os.close(slave)
    try:
        os.write(master, b'stty -echo; echo be"gin"\n')
        read_until(master, 'begin')
        os.write(master, b'exec 2>&1; trap "echo en""d" EXIT; exit 3\n')
        text = read_until(master, 'end')
        assert p.wait(WAIT_S) == 3
        assert 'tty' not in text
    finally:
        p.kill()
        p.wait()
        os.close(master)


@pytest.mark.parametrize('end', ['exit', 'kill -9 $$'])
def test_terminal_after_shell(topology, binary, end):
    """Who started pasta has the terminal again once the shell has ended"""
    master, slave = pty.openpty()
    env = {**os.environ, 'PS1': '', 'SHELL': '/bin/sh'}
    with topology.host:
        p = subprocess.Popen(['/bin/sh', '-c', f'{binary} -q; read x && '
                              'echo "re""ad=$x"'], stdin=slave, stdout=slave,
                             stderr=slave, env=env, preexec_fn=in_terminal,
                             **as_user(USER))
    os.close(slave)
    try:
        os.write(master, b'stty -echo; echo be"gin"\n')
        read_until(master, 'begin')
        os.write(master, f'{end}\nsomething\n'.encode())
        read_until(master, 'read=something')
        assert p.wait(WAIT_S) == 0
    finally:
        p.kill()
        p.wait()
        os.close(master)


@pytest.mark.parametrize('command, expected', [
    ('/nonexistent', 127), ('nonexistent-command', 127), ('/etc/passwd', 126)])
def test_command_that_cannot_run(topology, binary, command, expected):
    """Scenario 78: status and line as a shell would give, no waiting"""
    done = run(topology, binary, '--config-net', '--', command,
               env={'PATH': '/usr/bin:/bin'})
    assert done.returncode == expected
    assert command in done.stderr and len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize('kind, expected, why', [
    ('none', 127, 'No such file or directory'),
    ('directory', 127, 'No such file or directory'),
    ('data', 126, 'Permission denied'), ('program', 0, None)])
def test_search_of_command(topology, binary, scratch, kind, expected, why):
    """A directory of PATH that is closed to us hides no command"""
    os.makedirs(f'{scratch}/closed', mode=0o700)
    os.makedirs(f'{scratch}/open')
    if kind == 'directory':
        os.makedirs(f'{scratch}/open/a-command')
    elif kind != 'none':
        with open(f'{scratch}/open/a-command', 'w') as f:
            f.write('#!/bin/sh\nexit 0\n')
        os.chmod(f'{scratch}/open/a-command',
                 0o755 if kind == 'program' else 0o644)
    done = run(topology, binary, '--', 'a-command',
               env={'PATH': f'{scratch}/closed:/nonexistent:{scratch}/open'})
    assert done.returncode == expected
    assert done.stderr == (f"Can't run a-command: {why}\n" if why else '')


def test_signal_setting_of_command(topology, binary):
    """pasta blocks and ignores signals for itself, not for the command"""
    done = run(topology, binary, '--', 'grep', '-E', '^Sig(Blk|Ign)',
               '/proc/self/status')
    # make leaves two signals ignored that are libc's own, nobody can mend that
    masks = {line.split()[0]: int(line.split()[1], 16) & (1 << 31) - 1
             for line in done.stdout.splitlines()}
    assert masks == {'SigBlk:': 0, 'SigIgn:': 0}


@pytest.mark.parametrize('user', [USER, None])
def test_ids_of_command(topology, binary, user):
    """Root inside stands for who started pasta, with all capabilities"""
    done = run(topology, binary, '--', 'sh', '-c',
               'id -u; id -g; cat /proc/self/uid_map; '
               'grep CapEff /proc/self/status', user=user)
    uid, gid, mapped, caps = done.stdout.splitlines()
    assert (uid, gid) == ('0', '0')
    assert mapped.split() == ['0', str(user or 0), '1']
    assert int(caps.split()[1], 16) & 1 << 12       # CAP_NET_ADMIN


def test_unwritable_uid_map(topology, binary):
    """Scenario 85: IDs that can't be mapped don't keep it from starting"""
    done = topology.host.run([
        'unshare', '-m', 'sh', '-ec',
        'mount -o bind /proc /proc; mount -o remount,bind,ro /proc; '
        f'exec setpriv --reuid {USER} --regid {USER} --clear-groups "$@"',
        'sh', binary, '--config-net', '--', 'ip', 'route'])
    assert 'default via 192.0.2.1' in done.stdout
    assert "Can't map user IDs" in done.stdout


def test_chroot(topology, binary, scratch):
    """In a directory that is no mount, the command's /proc is seen by nobody
    else, as root without a user namespace"""
    root = f'{scratch}/root'
    os.mkdir(root)
    for name in os.listdir('/'):
        if os.path.islink(f'/{name}'):
            os.symlink(os.readlink(f'/{name}'), f'{root}/{name}')
    done = topology.host.run([
        'unshare', '-m', 'sh', '-ec',
        'mount --make-rshared /; cd "$1"; shift; mkdir dev proc; '
        'for d in usr bin sbin lib lib64; do '
        '[ ! -d /$d ] || [ -e $d ] || { mkdir $d; mount -o bind /$d $d; }; '
        'done; mount -o bind /dev dev; mount -o bind /dev/net dev/net; '
        'mount -o bind /dev/net/tun dev/net/tun; mount -t proc none proc; '
        'cp "$1" pasta; shift; chroot . /pasta "$@"; readlink proc/self',
        'sh', root, binary, '--config-net', '-q', '--chroot-fallback', '--',
        'readlink', '/proc/self'], check=False)
    inside, outside = done.stdout.split()   # None without such a process
    assert inside == '2' and int(outside) > 2


def test_netns_only_without_privileges(topology, binary):
    """Scenario 85: --netns-only takes them, and says so"""
    done = run(topology, binary, '--netns-only', '--', 'true')
    assert done.returncode == 1
    assert '--netns-only' in done.stderr


def test_netns_only_maps_nothing(topology, binary):
    """Scenario 85: --netns-only as root leaves the user namespace alone"""
    done = run(topology, binary, '--config-net', '--netns-only', '--', 'cat',
               '/proc/self/uid_map', user=None)
    assert done.stdout.split() == ['0', '0', '4294967295']


@pytest.mark.parametrize('netns', ['/nonexistent', 'no-such-name',
                                   '/etc/passwd', '/proc/self/ns/mnt'])
def test_no_network_namespace(topology, binary, netns):
    """What isn't one is an error that names it"""
    done = run(topology, binary, '--netns', netns, user=None)
    assert done.returncode == 1
    assert netns in done.stderr and 'network namespace' in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_no_user_namespace(topology, binary, target):
    """The same for --userns"""
    done = run(topology, binary, '--netns', target.path, '--userns',
               '/proc/self/ns/net', user=None)
    assert done.returncode == 1
    assert 'is no user namespace' in done.stderr


# What stands at /dev/net/tun, who starts pasta, and what is said
BAD_TUN = [
    ('nothing', USER, "Can't open /dev/net/tun (passt(1) tells how to have it)"
                      ': No such file or directory'),
    ('closed', USER, "Can't open /dev/net/tun (passt(1) tells how to have it)"
                     ': Permission denied'),
    ('file', None, "Can't use /dev/net/tun, it is no tun device: "
                   'Inappropriate ioctl for device'),
    ('null', None, "Can't use /dev/net/tun, it is no tun device: "
                   'Inappropriate ioctl for device'),
    ('random', USER, "Can't use /dev/net/tun, it is no tun device: "
                     'Invalid argument'),
]


@pytest.mark.parametrize('kind, user, said', BAD_TUN)
def test_bad_tun_device(topology, binary, scratch, kind, user, said):
    """The device is named, and what is wrong with it; no other hints"""
    script = {
        'nothing': 'mount -t tmpfs none /dev/net',
        'closed': f'mknod -m 600 {scratch}/tun c 10 200',
        'file': f'touch {scratch}/tun',
        'null': f'mknod -m 666 {scratch}/tun c 1 3',
        'random': f'mknod -m 666 {scratch}/tun c 1 9'}[kind]
    if kind != 'nothing':
        script += f'; mount -o bind {scratch}/tun /dev/net/tun'
    drop = f'setpriv --reuid {user} --regid {user} --clear-groups' \
        if user else ''
    done = topology.host.run(['unshare', '-m', 'sh', '-ec',
                              f'{script}; exec {drop} "$@"', 'sh', binary,
                              '-q', '--', 'true'], check=False)
    assert done.returncode == 1
    assert done.stdout == said + '\n'


def test_namespace_of_root(topology, binary, target):
    """One that root has made is for root to join, and has its name in the
    message as it was given"""
    done = run(topology, binary, '--netns', target.name)
    assert done.returncode == 1
    assert done.stderr == (
        f"Can't join network namespace {target.name} (made by root: run pasta "
        'as root): Operation not permitted\n')


def test_namespace_of_user_namespace(topology, binary):
    """One that belongs to a user namespace takes joining that first"""
    p = topology.host.popen(['unshare', '-Urn', 'sh', '-c',
                             'echo ready; exec sleep 600'],
                            stdout=subprocess.PIPE, **as_user(USER))
    try:
        assert p.stdout.readline() == b'ready\n'
        path = f'/proc/{p.pid}/ns/net'
        done = run(topology, binary, '--netns', path)
        assert done.returncode == 1
        assert f'{path} (it belongs to a user namespace: see --userns)' in \
            done.stderr
    finally:
        lab.kill(p)
        p.stdout.close()


def test_namespace_of_pasta_itself(topology, binary):
    """A process that is in no other namespace can't be connected to it"""
    p = topology.host.popen(['sleep', '600'], **as_user(USER))
    try:
        done = run(topology, binary, str(p.pid))
        assert done.returncode == 1
        assert f'of process {p.pid} (that is the one pasta is in itself)' in \
            done.stderr
    finally:
        lab.kill(p)


def test_process_of_root(topology, binary):
    """A process we may not look at is named by its PID as it was given"""
    done = run(topology, binary, str(os.getpid()))
    assert done.returncode == 1
    assert done.stderr.startswith(
        f"PID: invalid value '{os.getpid()}' (Permission denied), accepted: ")


def test_own_user_namespace(join, target):
    """--userns with the one pasta is in already"""
    join('--netns', target.path, '--userns', '/proc/self/ns/user')
    assert '192.0.2.2' in target.run('ip addr').stdout


def test_no_trace_in_joined_namespace(join, target):
    """After pasta, the interface is gone with its addresses and routes"""
    pid = join('--netns', target.path)
    os.kill(pid, signal.SIGTERM)
    wait_for(lambda: is_gone(pid), 'end of pasta')
    wait_for(lambda: 'eth0' not in target.run('ip link').stdout, 'no eth0')


def test_name_in_closed_directory(join, scratch, topology, binary):
    """Scenario 79: root's namespace in a directory of root's, watched by a
    pasta that has become nobody"""
    os.mkdir(f'{scratch}/closed', 0o700)
    path = f'{scratch}/closed/ns'
    open(path, 'w').close()
    subprocess.run(['unshare', f'--net={path}', 'true'], check=True)
    pid = join('--netns', path)
    assert not is_gone(pid)
    subprocess.run(['umount', path], check=True)
    os.unlink(path)
    wait_for(lambda: is_gone(pid), 'end of pasta')


def test_process_of_others(join, target):
    """Scenario 79: root joins by PID, and sees its end as nobody"""
    process = target.popen(['sleep', '600'])
    pid = join(str(process.pid))
    assert not is_gone(pid)
    lab.kill(process)
    wait_for(lambda: is_gone(pid), 'end of pasta')


def test_unmounted_name(join, scratch):
    """Scenario 79: the file stays, but is no namespace any more"""
    path = f'{scratch}/ns'
    open(path, 'w').close()
    subprocess.run(['unshare', f'--net={path}', 'true'], check=True)
    pid = join('--netns', path)
    assert not is_gone(pid)
    subprocess.run(['umount', path], check=True)
    wait_for(lambda: is_gone(pid), 'end of pasta')
    os.unlink(path)


def test_mount_namespace_of_its_own(join, target):
    """Nobody else is where the name is mounted: it is there all the same"""
    pid = join('--netns', target.path, preexec_fn=lambda: lab.check(
        lab.libc.unshare(lab.CLONE_NEWNS)))
    time.sleep(1.5)     # Longer than it takes to look
    assert not is_gone(pid)
    subprocess.run(['ip', 'netns', 'del', target.name], check=True)
    wait_for(lambda: is_gone(pid), 'end of pasta')


def test_other_names_are_ignored(join, target):
    """Another namespace's end in the same directory is none of ours"""
    pid = join('--netns', target.path)
    for _ in range(3):
        Netns.new('other').delete()
    time.sleep(1.5)     # Longer than it takes to look
    assert not is_gone(pid)


def test_pid_file_exists(join, scratch, target):
    """A PID file made before is written to, not replaced"""
    with open(f'{scratch}/pid', 'w') as f:
        f.write('something longer than a PID\n')
        before = os.fstat(f.fileno()).st_ino
    pid = join('--netns', target.path)
    assert os.stat(f'{scratch}/pid').st_ino == before
    with open(f'{scratch}/pid') as f:
        assert f.read() == f'{pid}\n'


def test_pid_file_impossible(topology, binary, target):
    """Nothing is started if the PID file can't be written"""
    done = run(topology, binary, '--netns', target.path, '-P',
               '/nonexistent/pid', user=None)
    assert done.returncode == 1
    assert '--pid' in done.stderr and '/nonexistent/pid' in done.stderr
    assert 'eth0' not in target.run('ip link').stdout


@pytest.mark.parametrize('options', [[], ['--runas', '0']])
def test_privileges_dropped(join, target, options):
    """Scenario 88: no groups, no capabilities, no way to get them back"""
    pid = join(*options, '--netns', target.path)
    s = status(pid)
    assert s['Groups'] == ''
    for name in 'CapInh', 'CapPrm', 'CapEff', 'CapBnd', 'CapAmb':
        assert int(s[name], 16) == 0
    assert s['NoNewPrivs'] == '1'


def test_rootless_privileges_dropped(start):
    """Scenario 88: the same for an ordinary user's pasta"""
    s = status(start().process.pid)
    assert s['NoNewPrivs'] == '1' and int(s['CapEff'], 16) == 0


def test_daemon_is_detached(join, target):
    """Session and standard streams of its own"""
    pid = join('--netns', target.path)
    assert os.getsid(pid) == pid
    assert {os.readlink(f'/proc/{pid}/fd/{fd}') for fd in range(3)} == \
        {'/dev/null'}
