# SPDX-License-Identifier: BSD-3-Clause
"""Life of the process: start, background, files, signals, end."""

import contextlib
import os
import re
import resource
import signal
import socket
import subprocess

import pytest

import lab
from lab import SHARED4, USER, WAIT_S, Netns, as_user, wait_for

NOBODY = 65534


def run(topology, binary, *args, user=USER, **kwargs):
    """Run pasta to its end. Return: CompletedProcess"""
    kwargs.setdefault('stdin', subprocess.DEVNULL)
    with topology.host:
        return subprocess.run([binary, *args], capture_output=True, text=True,
                              timeout=30, **as_user(user), **kwargs)


def is_alive(pid):
    """The process exists and is no zombie"""
    with contextlib.suppress(OSError):
        with open(f'/proc/{pid}/stat') as f:
            return f.read().rpartition(')')[2].split()[0] != 'Z'
    return False


class Target:
    """A network namespace, with a user namespace of its own, held by sleep"""

    def __init__(self, topology, user=USER):
        flags = '-Urn' if user else '-n'
        self.process = topology.host.popen(['unshare', flags, 'sleep', '600'],
                                           **as_user(user))
        self.pid = self.process.pid
        host = os.readlink('/proc/self/ns/net')
        with topology.host:
            host = os.readlink('/proc/thread-self/ns/net')
        self.path = f'/proc/{self.pid}/ns/net'

        def is_there():
            with open(f'/proc/{self.pid}/comm') as f:
                return os.readlink(self.path) != host and 'sleep' in f.read()
        wait_for(is_there, 'namespace')
        self.ns = Netns(self.path)

    def end(self):
        """End the process that holds it"""
        if self.ns:
            self.ns.delete()
            self.ns = None
        lab.kill(self.process)


@pytest.fixture
def target(topology):
    """A namespace to be joined"""
    t = Target(topology)
    yield t
    t.end()


@pytest.fixture
def background(topology, binary, scratch):
    """Function that starts pasta in the background. Return: its PID"""
    pids = []

    def begin(*args, user=USER):
        pid_file = f'{scratch}/pid'
        done = run(topology, binary, '--config-net', '-P', pid_file, *args,
                   user=user)
        assert done.returncode == 0, done.stderr
        with open(pid_file) as f:
            pid = int(f.read())
        assert is_alive(pid)
        pids.append(pid)
        return pid
    yield begin
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGTERM)
        wait_for(lambda pid=pid: not is_alive(pid), 'end of pasta')


def assert_connected(ns, topology):
    """A connection to the outside works at once"""
    with topology.remote1.tcp_listen(SHARED4) as server:
        ns.tcp_connect(SHARED4, server.getsockname()[1]).close()


def test_background_is_ready(background, target, topology):
    """The parent returns 0 when all is ready, and lets go of its outputs

    run() waits for the end of file on stdout and stderr: were they kept, it
    would not return.
    """
    background(str(target.pid))
    assert_connected(target.ns, topology)


def test_too_few_descriptors(topology, binary):
    """How many are needed at least is told in one line, and they are enough"""
    def start(count):
        def limit():
            resource.setrlimit(resource.RLIMIT_NOFILE, (count, count))
        return run(topology, binary, '--config-net', '--', 'true',
                   preexec_fn=limit)

    done = start(100)
    told = re.fullmatch(r'The limit of open files \(ulimit -Hn\) is 100, '
                        r'at least (\d+) are needed\n', done.stderr)
    assert done.returncode == 1 and told
    assert start(int(told[1]) - 1).returncode == 1
    done = start(int(told[1]))
    assert done.returncode == 0, done.stderr


def test_join_by_path(background, target, topology):
    """--netns PATH with --userns"""
    background('--userns', f'/proc/{target.pid}/ns/user', '--netns',
               target.path)
    assert_connected(target.ns, topology)


def test_join_by_name_as_root(background, topology):
    """--netns NAME means a file in /run/netns"""
    ns = Netns.new('target')
    background('--netns', ns.name, user=None)
    assert_connected(ns, topology)
    ns.delete()


def test_quits_when_process_ends(background, target):
    """Scenario 79: the process whose namespace it joined ends"""
    pid = background(str(target.pid))
    target.end()
    wait_for(lambda: not is_alive(pid), 'end of pasta')


def test_quits_when_name_goes(background, topology):
    """Scenario 79: the name of the namespace is unmounted and removed"""
    ns = Netns.new('target')
    pid = background('--netns', ns.path, user=None)
    ns.delete()
    wait_for(lambda: not is_alive(pid), 'end of pasta')


def test_quits_when_procfs_path_goes(background, target):
    """Scenario 79: the path is one in /proc, which inotify can't watch"""
    pid = background('--userns', f'/proc/{target.pid}/ns/user', '--netns',
                     target.path)
    target.end()
    wait_for(lambda: not is_alive(pid), 'end of pasta')


@pytest.fixture
def no_inotify():
    """Nobody gets a further inotify instance"""
    path = '/proc/sys/fs/inotify/max_user_instances'
    with open(path) as f:
        value = f.read()
    with open(path, 'w') as f:
        f.write('0')
    yield
    with open(path, 'w') as f:
        f.write(value)


def test_quits_without_inotify(no_inotify, background, topology):
    """Scenario 79: all inotify instances are taken"""
    ns = Netns.new('target')
    pid = background('--netns', ns.path, user=None)
    ns.delete()
    wait_for(lambda: not is_alive(pid), 'end of pasta')


def test_no_netns_quit(background, topology):
    """--no-netns-quit: stays after the name has gone"""
    ns = Netns.new('target')
    pid = background('--no-netns-quit', '--netns', ns.path, user=None)
    subprocess.run(['ip', 'netns', 'del', ns.name], check=True)
    with pytest.raises(TimeoutError):
        wait_for(lambda: not is_alive(pid), seconds=2)
    os.close(ns.fd)


def test_sigterm(background, target):
    """SIGTERM ends it"""
    pid = background(str(target.pid))
    os.kill(pid, signal.SIGTERM)
    wait_for(lambda: not is_alive(pid), 'end of pasta')


@pytest.mark.parametrize('status', [0, 1, 77, 255])
def test_exit_status(topology, binary, status):
    """pasta ends with the exit status of its command"""
    done = run(topology, binary, '--config-net', '--', 'sh', '-c',
               f'exit {status}')
    assert done.returncode == status


def test_command_killed_by_signal(topology, binary):
    """A command that a signal ends: 128 and the signal, as in a shell"""
    done = run(topology, binary, '--config-net', '--', 'sh', '-c',
               'sh -c \'kill -KILL $$\'; exit $?')
    assert done.returncode == 128 + signal.SIGKILL
    # Its own: PID 1 of a namespace ignores what it does not handle
    done = run(topology, binary, '--config-net', '--no-pidns', '--', 'sh',
               '-c', 'kill -KILL $$')
    assert done.returncode == 128 + signal.SIGKILL


@pytest.mark.parametrize('name', ['SIGTERM', 'SIGINT', 'SIGHUP'])
def test_signal_reaches_command(topology, binary, name):
    """A signal to pasta reaches the command"""
    process = topology.host.popen(
        [binary, '--config-net', '-q', '--', 'sh', '-c',
         f'trap "exit 9" {name[3:]}; echo ready; '
         'while :; do read -r line || sleep 0.1; done'],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True,
        start_new_session=True, **as_user(USER))
    try:
        assert process.stdout.readline() == 'ready\n'
        process.send_signal(getattr(signal, name))
        assert process.wait(WAIT_S) == 9
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        process.stdout.close()


@pytest.mark.parametrize('command, status', [
    (['sh', '-c', 'exit 5'], 5), (['/nonexistent/command'], 127)])
def test_nobody_reads_messages(topology, binary, command, status):
    """Its messages are lost then, and no more than that"""
    unread, stderr = os.pipe()
    os.close(unread)
    with topology.host:
        done = subprocess.run([binary, '--config-net', '--', *command],
                              stdin=subprocess.DEVNULL, stderr=stderr,
                              timeout=30, check=False, **as_user(USER))
    os.close(stderr)
    assert done.returncode == status


@pytest.mark.parametrize('is_ignored', [False, True])
def test_signals_of_command(topology, binary, is_ignored):
    """pasta does without SIGPIPE and SIGXFSZ, and leaves them to the command as
    they were"""
    command = ['sed', '-n', r's/^Sig\(Blk\|Ign\)://p', '/proc/self/status']
    # Python itself ignores it
    how = {'restore_signals': not is_ignored}
    done = run(topology, binary, '--config-net', '-q', '--', *command, **how)
    _, ignored = (int(mask, 16) for mask in done.stdout.split())
    for signo in signal.SIGPIPE, signal.SIGXFSZ:
        assert (ignored >> signo - 1) % 2 == is_ignored
    assert done.stdout == subprocess.run(command, capture_output=True,
                                         text=True, check=True, **how).stdout


def test_limit_of_file_size(topology, binary, scratch):
    """What doesn't fit into files for ulimit -f is lost, and no more than
    that"""
    log, pcap = f'{scratch}/log', f'{scratch}/pcap'
    with open(f'{scratch}/stderr', 'w') as stderr, topology.host:
        done = subprocess.run(
            [binary, '--config-net', '--trace', '-l', log, '-p', pcap, '--',
             'ping', '-c', '9', '-i', '0.01', '192.0.2.1'],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=stderr,
            timeout=30, check=False, **as_user(USER),
            preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE,
                                                  (300, 300)))
    assert done.returncode == 0
    for path in log, pcap, stderr.name:
        assert 100 < os.stat(path).st_size <= 300


def test_missing_command(topology, binary):
    """Scenario 78: a command that does not exist is an error, named"""
    done = run(topology, binary, '--config-net', '--', '/nonexistent/command')
    assert done.returncode not in (0, None)
    assert '/nonexistent/command' in done.stderr


def test_options_behind_pid(topology, binary):
    """A PID with words behind it is a command, which most likely isn't meant"""
    done = run(topology, binary, '-q', '4242', '--config-net')
    assert done.returncode == 127
    assert done.stderr == ("Can't run 4242 (options go before a PID): No such "
                           'file or directory\n')


def test_shell_by_default(topology, binary):
    """Without a command, $SHELL runs"""
    done = run(topology, binary, '--config-net', '-q', stdin=None,
               input='echo this is a $0; exit 5\n',
               env={**os.environ, 'SHELL': '/bin/sh'})
    assert 'this is a' in done.stdout
    assert done.returncode == 5


def test_pid_namespace(topology, binary):
    """The command has a PID namespace with a /proc of its own"""
    done = run(topology, binary, '--config-net', '-q', '--', 'sh', '-c',
               'readlink /proc/self; echo $$; ls -d /proc/[0-9]* | wc -l')
    self_, shell, processes = map(int, done.stdout.split())
    assert self_ < 10 and shell < 10 and processes < 10


def test_no_pidns(topology, binary):
    """--no-pidns: the command sees everybody's processes"""
    done = run(topology, binary, '--config-net', '-q', '--no-pidns', '--',
               'sh', '-c', f'kill -0 $$ && ls -d /proc/{os.getpid()}')
    assert done.returncode == 0, done.stderr


def test_no_pidns_leaves_processes(topology, binary):
    """--no-pidns: what the command leaves behind isn't ended with it"""
    done = run(topology, binary, '-q', '--no-pidns', '--', 'sh', '-c',
               'sleep 600 >&- 2>&- & echo $!')
    pid = int(done.stdout)
    assert is_alive(pid)
    # The PID is none of another namespace
    with open(f'/proc/{pid}/comm') as f:
        assert f.read() == 'sleep\n'
    os.kill(pid, signal.SIGKILL)


def test_quiet(background, topology, binary, target, scratch):
    """-q: not a word if all is well"""
    done = run(topology, binary, '--config-net', '-q', '-P', f'{scratch}/p',
               str(target.pid))
    assert (done.returncode, done.stdout, done.stderr) == (0, '', '')
    with open(f'{scratch}/p') as f:
        os.kill(int(f.read()), signal.SIGTERM)


def test_configuration_printed(topology, binary):
    """Without -q, the configuration is told on stderr"""
    done = run(topology, binary, '--config-net', '--', 'true')
    for word in ('eth0', '192.0.2.2', '192.0.2.1', '2001:db8:1::'):
        assert word in done.stderr
    assert done.stdout == ''


def test_pid_file(start, scratch):
    """-P: the PID and a newline, there before the command starts"""
    pasta = start('-P', f'{scratch}/pid')
    with open(f'{scratch}/pid') as f:
        assert f.read() == f'{pasta.process.pid}\n'


def test_pid_file_of_another(start, scratch, topology, binary):
    """-P: a start that fails leaves the file to the one that runs"""
    pasta = start('-P', f'{scratch}/pid')
    done = run(topology, binary, '-P', f'{scratch}/pid', '--netns',
               '/dev/null')
    assert done.returncode == 1 and '/dev/null' in done.stderr
    with open(f'{scratch}/pid') as f:
        assert f.read() == f'{pasta.process.pid}\n'


def test_pid_file_is_replaced(start, scratch):
    """-P: nothing remains of a longer text in the file"""
    path = f'{scratch}/pid'
    with open(path, 'w') as f:
        f.write('12345678\n' * 9)
    os.chmod(path, 0o666)
    pasta = start('-P', path)
    with open(path) as f:
        assert f.read() == f'{pasta.process.pid}\n'


def test_log_file(background, target, scratch):
    """-l: an existing log file is used, not replaced"""
    log = f'{scratch}/log'
    with open(log, 'w'):
        os.chmod(log, 0o666)
    before = os.stat(log).st_ino
    background('-l', log, str(target.pid))
    assert os.stat(log).st_ino == before
    with open(log) as f:
        assert 'eth0' in f.read()


def test_log_size(start, scratch):
    """--log-size: never more than that, with the last messages kept"""
    log = f'{scratch}/log'
    size = 32768
    pasta = start('-d', '-l', log, '--log-size', str(size))

    def fill(marker):
        for _ in range(300):
            with contextlib.suppress(OSError):
                pasta.ns.tcp_connect(SHARED4, marker)
            assert os.stat(log).st_size <= size
    fill(41)
    fill(42)
    with open(log) as f:
        text = f.read()
    assert ':42' in text or ' 42' in text


@pytest.mark.parametrize('trace', [[], ['--trace']])
def test_pcap(start, scratch, topology, trace):
    """-p: a capture that tcpdump reads, with what went over the interface"""
    pcap = f'{scratch}/pcap'
    pasta = start('-p', pcap, *trace)
    assert_connected(pasta.ns, topology)
    pasta.ns.run(f'ping -c 1 -W 5 {SHARED4}')
    pasta.stop()
    done = subprocess.run(['tcpdump', '-n', '-r', pcap], capture_output=True,
                          text=True)
    assert done.returncode == 0, done.stderr
    for what in ('Flags [S],', 'Flags [S.],', 'ICMP echo request',
                 'ICMP echo reply'):
        assert what in done.stdout
    assert 'bad' not in subprocess.run(
        ['tcpdump', '-nvv', '-r', pcap], capture_output=True,
        text=True).stdout


def test_stats(start, topology, scratch):
    """--stats: a table after something has happened"""
    pasta = start('--stats', '1')

    def is_shown():
        pasta.ns.run(f'ping -c 1 -W 5 {SHARED4}')
        return 'frames' in pasta.stderr() + pasta.log_text()
    wait_for(is_shown, 'table')


@pytest.mark.parametrize('closed', [[0], [1], [2], [0, 1, 2]])
def test_standard_streams_closed(topology, binary, target, scratch, closed):
    """Scenario 76: starts with standard streams closed"""
    closing = ' '.join(f'{fd}{"<" if fd == 0 else ">"}&-' for fd in closed)
    done = topology.host.run(
        ['sh', '-c', f'exec "$0" "$@" {closing}', binary, '--config-net',
         '-P', f'{scratch}/p', str(target.pid)], **as_user(USER))
    assert done.returncode == 0
    assert_connected(target.ns, topology)
    with open(f'{scratch}/p') as f:
        os.kill(int(f.read()), signal.SIGTERM)


def test_leaked_descriptors_closed(topology, binary, target, scratch):
    """Scenario 77: what the parent left open is closed"""
    here, there = socket.socketpair()
    with topology.host:
        subprocess.run([binary, '--config-net', '-P', f'{scratch}/p',
                        str(target.pid)], check=True, pass_fds=[there.fileno()],
                       stderr=subprocess.DEVNULL, **as_user(USER))
    there.close()
    here.settimeout(WAIT_S)
    assert here.recv(1) == b''
    here.close()
    with open(f'{scratch}/p') as f:
        os.kill(int(f.read()), signal.SIGTERM)


def test_command_gets_no_descriptors(topology, binary):
    """Scenario 78: the command inherits nothing but standard streams"""
    done = run(topology, binary, '--config-net', '-q', '--', 'ls',
               '/proc/self/fd')
    # The last is that of the directory ls reads
    assert done.stdout.split() == ['0', '1', '2', '3']


def ids(pid):
    """Effective user and group, supplementary groups"""
    with open(f'/proc/{pid}/status') as f:
        fields = dict(line.split(':', 1) for line in f)
    return (int(fields['Uid'].split()[1]), int(fields['Gid'].split()[1]),
            fields['Groups'].split())


def test_root_becomes_nobody(background, topology):
    """Started as root, it goes on as nobody, without further groups"""
    ns = Netns.new('target')
    pid = background('--netns', ns.path, user=None)
    assert ids(pid) == (NOBODY, NOBODY, [])
    assert_connected(ns, topology)
    ns.delete()


@pytest.mark.parametrize('spec, uid, gid', [
    ('1234', 1234, 1234), ('1234:5678', 1234, 5678),
    ('daemon', 1, 1), ('daemon:nogroup', 1, NOBODY)])
def test_runas(background, topology, spec, uid, gid):
    """--runas: another user"""
    ns = Netns.new('target')
    pid = background('--runas', spec, '--netns', ns.path, user=None)
    assert ids(pid) == (uid, gid, [])
    assert_connected(ns, topology)
    ns.delete()


def test_runas_in_user_namespace(topology, binary):
    """--runas: where there is but one user, the option is what is named"""
    done = run(topology, 'unshare', '-rU', binary, '-q', '--runas', '5:6',
               '--', 'true')
    assert done.returncode == 1
    assert done.stderr == (
        "option '--runas': can't drop supplementary groups to become UID 5, "
        'GID 6: Operation not permitted\n')


def test_root_with_command(start, topology):
    """Started as root with a command: it runs and is connected"""
    pasta = start(user=None)
    assert_connected(pasta.ns, topology)
    assert pasta.stop() == 0


def test_root_opens_files_first(background, topology, directory):
    """Started as root, it writes files where only root may"""
    path = f'{directory}/root-only'
    os.makedirs(path, mode=0o700, exist_ok=True)
    ns = Netns.new('target')
    background('-l', f'{path}/log', '-p', f'{path}/pcap', '--netns', ns.path,
               user=None)
    assert os.stat(f'{path}/log').st_size
    ns.delete()


def test_netns_only(topology, binary, target):
    """Scenario 85: --netns-only makes no user namespace"""
    ns = Netns.new('target')
    done = run(topology, binary, '--config-net', '--netns-only', '-q',
               '--runas', '0', '--', 'readlink', '/proc/self/ns/user',
               user=None)
    assert done.stdout.strip() == os.readlink('/proc/self/ns/user')
    ns.delete()


def test_interface_is_up_and_alone(guest):
    """lo and one more interface, both up"""
    links = guest.run('ip -o link').stdout.splitlines()
    assert len(links) == 2
    assert all('UP' in link for link in links)
