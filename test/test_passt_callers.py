# SPDX-License-Identifier: BSD-3-Clause
"""Command lines of those who start passt, and what they rely on."""

import contextlib
import fcntl
import os
import signal
import socket
import stat
import struct
import subprocess

import pytest

import lab
import lab_vm
from lab import USER, WAIT_S, wait_for

LIBVIRT = ('--one-off --socket {s} --pid {p} --mtu 1400 --interface eth0 '
           '--log-file {l} --hostname gt --fqdn gt.example.org '
           '--address 192.0.2.9 --netmask 24 --address 2001:db8:1::9 '
           '--tcp-ports 192.0.2.2%eth0/2022:22,3000-3010,~3005 '
           '--udp-ports 5353:53')
LIBGUESTFS = ('--one-off --socket {s} --pid {p} --address 169.254.2.15 '
              '--netmask 16 --mac-addr 52:56:00:00:00:02 '
              '--gateway 169.254.2.2')
KUBEVIRT = ('--one-off --socket {s} --pid {p} --log-file {l} '
            '--address 192.0.2.9 --tcp-ports 2022:22 --udp-ports 5353:53')
QEMUS = ('-4 -a 192.0.2.9 -g 192.0.2.1 -n 255.255.255.0 -m 1500 '
         '-t 2022:22 -H gt -M 9a:aa:aa:aa:aa:aa -P {p} -s {s} -l {l} -q')
# Behind these comes the number of the socket
QEMU = '--quiet --mtu 1400 --dns-forward 192.0.2.53 --pid {p} --fd'
# With -t all -u all in truth, which takes more descriptors than we may have
CRUN = '-t 3000-3999 -u 3000-3999 --no-dhcp-dns --no-map-gw --fd'
MUVM = '-q -f -t 2022:22 --fd'


@pytest.fixture
def run(topology, binary):
    """Function that runs passt to its end. Return: what became of it"""
    def begin(command, user=USER, **kwargs):
        passt = os.path.join(os.path.dirname(binary), 'passt')
        with topology.host:
            return subprocess.run(
                [passt, *command.split()], stdin=subprocess.DEVNULL, text=True,
                stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                timeout=3 * WAIT_S, check=False, **lab.as_user(user),
                **kwargs)
    return begin


class Files:
    """What callers name: paths, and files made beforehand"""

    def __init__(self, directory):
        self.dir = directory
        self.names = {x: f'{directory}/{x}' for x in 'spl'}
        self.inode = {}
        for name in self.names['p'], self.names['l']:
            with open(name, 'w') as f:
                f.write('12345678901234567890\n' if name[-1] == 'p' else '')
            os.chown(name, USER, USER)
            self.inode[name] = os.stat(name).st_ino

    def are_the_same(self):
        """None of them was replaced: they may carry a label"""
        return all(os.stat(n).st_ino == i for n, i in self.inode.items())

    def pid(self):
        """Of the running passt: read right after its parent's end"""
        with open(self.names['p']) as f:
            text = f.read()
        assert text.endswith('\n')
        return int(text)


@pytest.fixture
def files(scratch):
    """Files of a caller; what their process ID tells is ended with the test"""
    f = Files(scratch)
    yield f
    pid = f.pid()
    if pid < 1 << 30 and is_alive(pid):
        os.kill(pid, signal.SIGTERM)
        wait_for(lambda: not is_alive(pid), 'end of passt')


def is_alive(pid):
    """Is there such a process, not waiting to be buried?"""
    try:
        with open(f'/proc/{pid}/stat') as f:
            return f.read().rsplit(')', 1)[1].split()[0] != 'Z'
    except FileNotFoundError:
        return False


def connect(path):
    """A guest on a socket"""
    s = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    s.settimeout(WAIT_S)
    s.connect(path)
    return s


@pytest.mark.parametrize('command', [LIBVIRT, LIBGUESTFS, KUBEVIRT, QEMUS])
def test_socket_is_ready_with_the_parents_end(run, files, command):
    """The socket and the process ID are there when the parent ends, silently
    with --quiet; the end of the guest is the end of passt with --one-off"""
    done = run(command.format(**files.names))
    assert done.returncode == 0, done.stdout
    if '-q' in command.split():
        assert done.stdout == ''
    assert files.are_the_same()
    pid = files.pid()
    assert is_alive(pid)
    with connect(files.names['s']) as s:
        assert lab_vm.RawGuest(s).receive()
        assert is_alive(pid)
    if '--one-off' in command:
        wait_for(lambda: not is_alive(pid), 'end of passt')
    else:
        connect(files.names['s']).close()
        assert is_alive(pid)


@pytest.mark.parametrize('command, what', [
    (LIBVIRT + ' --tcp-ports 203.0.113.99/80', '203.0.113.99'),
    (LIBVIRT + ' --interface nothing', 'nothing'),
    (LIBVIRT + ' --pid /nowhere/pid', '/nowhere/pid'),
    (LIBVIRT + ' --socket /nowhere/socket', '/nowhere/socket'),
    (LIBVIRT + ' --log-file /nowhere/log', '/nowhere/log'),
    (LIBVIRT + ' --fd 0', '--fd'), (LIBVIRT + ' --foo', '--foo')])
def test_failure_is_told(run, files, command, what):
    """One line on stderr, status 1, and the files of another one are kept"""
    done = run(command.format(**files.names))
    assert done.returncode == 1
    assert what in done.stdout.splitlines()[-1]
    assert files.are_the_same() and files.pid() == 12345678901234567890


def run_with(theirs, run, command):
    """Run a command that ends with the number of a socket, which is closed"""
    number = theirs.fileno()
    done = run(f'{command} {number}', pass_fds=[number])
    theirs.close()
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize('command', [QEMU, CRUN])
def test_fd(run, files, command):
    """The parent ends when the guest can be served, who is there already"""
    ours, theirs = socket.socketpair()
    ours.settimeout(WAIT_S)
    with ours, theirs:
        run_with(theirs, run, command.format(**files.names))
        assert files.are_the_same()
        assert lab_vm.RawGuest(ours).receive()
        pid = files.pid() if command == QEMU else peer_pid(ours)
        assert is_alive(pid)
    wait_for(lambda: not is_alive(pid), 'end of passt')


def vhost_user(request, payload=b''):
    """A message of a hypervisor"""
    return struct.pack('=III', request, 1, len(payload)) + payload


def test_fd_by_vhost_user(run, files):
    """The same for QEMU's own -netdev passt with vhost-user=on"""
    ours, theirs = socket.socketpair()
    ours.settimeout(WAIT_S)
    with ours, theirs:
        run_with(theirs, run, f'--vhost-user {QEMU.format(**files.names)}')
        assert files.are_the_same() and is_alive(files.pid())
        ours.sendall(vhost_user(1))              # VHOST_USER_GET_FEATURES
        reply = struct.unpack('=IIIQ', ours.recv(99))
        # VIRTIO_F_VERSION_1
        assert reply[:3] == (1, 5, 8) and reply[3] >> 32 & 1
    wait_for(lambda: not is_alive(files.pid()), 'end of passt')


def peer_pid(s):
    """The process that has descriptors of this machine's end of @s"""
    want = os.stat(f'/proc/self/fd/{s.fileno()}').st_ino + 1
    for pid in filter(str.isdigit, os.listdir('/proc')):
        try:
            for fd in os.listdir(f'/proc/{pid}/fd'):
                if os.readlink(f'/proc/{pid}/fd/{fd}') == f'socket:[{want}]':
                    return int(pid)
        except OSError:
            continue
    raise AssertionError('nobody has it')


@pytest.mark.parametrize('front', [True, False])
def test_scenario_77_descriptors(start_passt, front):
    """The one of --fd is kept, wherever that stands, and no other"""
    ours, theirs = socket.socketpair()
    leaked = os.open('/dev/null', os.O_RDONLY)
    number = theirs.fileno()
    options = ('--fd', str(number))
    more = ('-m', '1400', '-t', 'none')
    passt = start_passt(*(options + more if front else more + options),
                        path=None, pass_fds=[number, leaked])
    theirs.close()
    ours.settimeout(WAIT_S)
    with ours:
        assert lab_vm.RawGuest(ours).receive()
        fds = f'/proc/{passt.process.pid}/fd'
        assert os.readlink(f'{fds}/{number}').startswith('socket:')
        assert '/dev/null' not in [os.readlink(f'{fds}/{fd}')
                                   for fd in os.listdir(fds) if int(fd) > 2]
    os.close(leaked)
    assert passt.process.wait(WAIT_S) == 0


def test_muvm(start_passt, start_vm):
    """In the foreground, with a guest that is there already"""
    ours, theirs = socket.socketpair()
    number = theirs.fileno()
    passt = start_passt(*MUVM.split(), str(number), path=None,
                        pass_fds=[number])
    theirs.close()
    start_vm(ours).up().ns.run(f'ping -c 1 -W {WAIT_S} {lab.SHARED4}')
    assert passt.process.poll() is None


def test_fd_that_is_no_guest(run):
    """Files, datagram sockets, and sockets that aren't connected"""
    with open('/dev/null') as f, socket.socket(socket.AF_UNIX) as loose:
        datagram = socket.socketpair(type=socket.SOCK_DGRAM)
        for it in f, loose, datagram[0]:
            done = run(f'-f --fd {it.fileno()}', pass_fds=[it.fileno()])
            assert done.returncode == 1
            assert done.stdout.startswith("option '--fd': invalid value")
        for s in datagram:
            s.close()
    with socket.socket() as s:
        done = run(f'-f --fd {s.fileno()} -s /tmp/s', pass_fds=[s.fileno()])
    assert done.returncode == 1 and 'with --socket' in done.stdout


def test_scenario_87_directory_of_another_user(start_passt, scratch):
    """Root's passt changes its IDs, but only once the socket is there; whose
    directory it is can connect, and nobody else"""
    os.chown(scratch, USER, USER)
    os.chmod(scratch, 0o700)
    passt = start_passt(path=f'{scratch}/s', user=None)
    st = os.stat(passt.path)
    assert st.st_uid == USER and not st.st_mode & stat.S_IWOTH

    def is_nobody():
        with open(f'/proc/{passt.process.pid}/status') as f:
            return 'Uid:\t65534\t65534' in f.read()
    wait_for(is_nobody, 'change of IDs')
    subprocess.run(['/usr/bin/python3', '-c', 'import socket, sys\n'
                    's = socket.socket(socket.AF_UNIX)\n'
                    's.connect(sys.argv[1])\n'
                    'assert s.recv(1)', passt.path],
                   check=True, timeout=WAIT_S, **lab.as_user(USER))


def test_path_is_taken(run, start_passt, scratch):
    """By another passt, or by what is no socket at all: nothing is removed;
    what a dead one has left is replaced"""
    first = start_passt(path=f'{scratch}/s')
    done = run(f'-f -s {first.path}')
    assert done.returncode == 1 and 'Address already in use' in done.stdout
    with first.connect() as s:
        assert lab_vm.RawGuest(s).receive()
    first.process.kill()
    first.process.wait()
    with start_passt(path=first.path).connect() as s:
        assert lab_vm.RawGuest(s).receive()

    with open(f'{scratch}/file', 'w') as f:
        f.write('precious')
    done = run(f'-f -s {scratch}/file')
    assert done.returncode == 1 and f'{scratch}/file' in done.stdout
    with open(f'{scratch}/file') as f:
        assert f.read() == 'precious'


@contextlib.contextmanager
def locked(path):
    """Lock a directory, as passt does until it listens in there"""
    fd = os.open(path, os.O_RDONLY)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX)
        yield
    finally:
        os.close(fd)


def test_socket_not_listened_on_yet(topology, binary, scratch):
    """Another passt has made it, and is about to listen: it isn't replaced"""
    path = f'{scratch}/s'
    with socket.socket(socket.AF_UNIX) as s:
        with locked(scratch):
            s.bind(path)
            os.chmod(path, 0o777)
            process = topology.host.popen(
                [os.path.join(os.path.dirname(binary), 'passt'), '-f', '-s',
                 path], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE, text=True,
                preexec_fn=lab.with_parent, **lab.as_user(USER))
            fds = f'/proc/{process.pid}/fd'

            def looks():
                with contextlib.suppress(FileNotFoundError):
                    return scratch in [os.readlink(f'{fds}/{fd}')
                                       for fd in os.listdir(fds)]
                return False
            wait_for(lambda: looks() or process.poll() is not None, 'passt')
            s.listen()
        _, errors = process.communicate(timeout=WAIT_S)
        assert process.returncode == 1 and 'already in use' in errors
        connect(path).close()


def test_directory_locked_for_good(start_passt, scratch):
    """By somebody else: that doesn't keep passt from its start"""
    with locked(scratch):
        start_passt(path=f'{scratch}/s').connect().close()


@pytest.fixture
def in_own_tmp(topology, binary):
    """Function that runs a bash script with a /tmp of its own, in which passt
    is the one under test, in the foreground. Yield: file of its output"""
    @contextlib.contextmanager
    def run_script(script):
        fd = os.open(binary, os.O_RDONLY)
        process = topology.host.popen(
            ['unshare', '--mount', '--pid', '--fork', '--kill-child',
             'bash', '-c', 'mount -t tmpfs -o mode=1777 none /tmp || exit 9;'
             f'passt() {{ (exec -a passt /proc/self/fd/{fd} -f); }};'
             f'{script}'], text=True, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, pass_fds=[fd])
        os.close(fd)
        try:
            yield process.stdout
        finally:
            process.kill()
            process.communicate()
    return run_script


# The first of the default paths in use, up to that of a number
TAKE = '''
/usr/bin/python3 -c '
import socket, time
sockets = [socket.socket(socket.AF_UNIX) for _ in range(%d)]
for i, s in enumerate(sockets, 1):
    s.bind(f"/tmp/passt_{i}.socket")
    s.listen()
open("/tmp/taken", "w").close()
time.sleep(1000)' &
until [ -e /tmp/taken ]; do sleep 0.1; done
'''


def lines_to(output, text):
    """Lines up to the one that has @text in it"""
    lines = []
    while not lines or text not in lines[-1]:
        lines.append(output.readline())
        assert lines[-1], lines
    return lines


def test_default_path(in_own_tmp):
    """The first that is free, or that a dead one has left"""
    leave = ('/usr/bin/python3 -c "import socket;'
             'socket.socket(socket.AF_UNIX).bind(\'/tmp/passt_2.socket\')"')
    with in_own_tmp(leave + TAKE % 1 + 'passt') as output:
        lines = lines_to(output, '-netdev')
        assert 'Listening on /tmp/passt_2.socket' in lines[-2], lines
        assert lines[-1].endswith('-netdev stream,id=s,server=off,'
                                  'addr.type=unix,'
                                  'addr.path=/tmp/passt_2.socket\n')


def test_default_paths_all_taken(in_own_tmp):
    """A line says so, and nothing is replaced"""
    with in_own_tmp(TAKE % 64 + 'passt; echo status $?') as output:
        assert lines_to(output, 'status')[-2:] == [
            "Can't listen on any of /tmp/passt_1.socket to "
            '/tmp/passt_64.socket, see --socket: Address already in use\n',
            'status 1\n']


def test_default_paths_at_once(in_own_tmp):
    """Each of those that start together gets one of its own"""
    count = 6
    script = 'for i in {1..%d}; do passt & done; wait' % count
    with in_own_tmp(script) as output:
        paths = [lines_to(output, 'Listening on ')[-1].split()[2].rstrip(',')
                 for _ in range(count)]
    assert sorted(paths) == [f'/tmp/passt_{i}.socket'
                             for i in range(1, count + 1)]


def test_too_many_descriptors(start_passt):
    """A hypervisor that sends them is told of, not our limit of open files"""
    passt = start_passt('--vhost-user')
    with passt.connect() as s:
        socket.send_fds(s, [vhost_user(3)], [0] * 9)    # VHOST_USER_SET_OWNER
        assert lab_vm.RawGuest(s).is_dropped()
    wait_for(lambda: 'it has too many descriptors' in passt.log_text(),
             'message')
    passt.connect().close()


def test_memory_that_is_not_shared(start_passt):
    """One who forgot it, and whose hypervisor doesn't mind, is told"""
    passt = start_passt('--vhost-user')
    with passt.connect() as s:
        # VHOST_USER_SET_VRING_NUM, _ADDR and _KICK, without a descriptor
        s.sendall(vhost_user(8, struct.pack('=II', 0, 256)) +
                  vhost_user(9, struct.pack('=IIQQQQ', 0, 0, 1 << 20, 2 << 20,
                                            3 << 20, 0)) +
                  vhost_user(12, struct.pack('=Q', 1 << 8)))
        wait_for(lambda: 'No memory of the machine is shared' in
                 passt.log_text(), 'message')


@pytest.mark.parametrize('options, data', [
    ([], vhost_user(1)), (['--vhost-user'], lab_vm.LENGTH.pack(60) + bytes(60))
])
def test_wrong_kind_of_socket(start_passt, options, data):
    """Who mixes up stream and vhost-user gets a hint"""
    passt = start_passt(*options)
    with passt.connect() as s:
        s.sendall(data)
        assert lab_vm.RawGuest(s).is_dropped()
    wait_for(lambda: '--vhost-user?' in passt.log_text(), 'hint')
