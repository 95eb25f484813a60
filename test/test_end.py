# SPDX-License-Identifier: BSD-3-Clause
"""What becomes of data that is on its way when pasta comes to its end.

What the guest has sent arrives, or its connection is reset: who reads it never
takes a part for all of it.
"""

import signal
import socket
import subprocess
import sys

import pytest

import lab
from lab import USER, WAIT_S, as_user, wait_for
from ports import LO4, PORT, connection, is_bound, receive

STATUS = 3
REMOTE = '192.0.2.1'
SIZE = 50000                # Of which the receiver takes a part unread
SMALL = {'SO_RCVBUF': 8192}
FIN_WAIT2 = 5               # Source: kernel, include/net/tcp_states.h

# Fills all buffers on the way to a server that doesn't read, and leaves
FILL = '''
import socket, sys
s = socket.create_connection((sys.argv[1], int(sys.argv[2])))
s.settimeout(0.5)
sent = 0
try:
    while True:
        sent += s.send(b'x' * 100000)
except TimeoutError:
    print(sent)
    sys.exit(int(sys.argv[3]))
'''


@pytest.fixture
def filler(request, topology, binary):
    """pasta whose command ends with data not sent. Yield: the process, how much
    data that was, and the server's end
    """
    status = getattr(request, 'param', STATUS)
    with topology.remote1.tcp_listen(REMOTE) as server:
        process = topology.host.popen(
            [binary, '--config-net', '--no-map-gw', '-t', str(PORT), '--',
             sys.executable, '-c', FILL, REMOTE,
             str(server.getsockname()[1]), str(status)],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, text=True, **as_user(USER))
        peer, _ = server.accept()
    peer.settimeout(WAIT_S)
    try:
        yield process, int(process.stdout.readline()), peer
    finally:
        peer.close()
        lab.kill(process)
        process.stdout.close()
        process.stderr.close()


def tells_of_waiting(process):
    """pasta tells what it waits for, after a while"""
    return any('data to send yet (1)' in line for line in process.stderr)


def test_command_leaves_data(topology, filler):
    """pasta goes on until the receiver has all, and then has the status"""
    process, sent, peer = filler
    assert tells_of_waiting(process)
    # The next one may have its ports
    assert not is_bound(topology.host, socket.SOCK_STREAM, PORT)
    assert len(receive(peer, sent + 1)) == sent
    assert process.wait(WAIT_S) == STATUS


def test_waiting_ends_by_signal(filler):
    """Then the receiver sees a reset, and the status is the command's"""
    process, sent, peer = filler
    assert tells_of_waiting(process)
    process.send_signal(signal.SIGTERM)
    assert process.wait(WAIT_S) == STATUS
    with pytest.raises(ConnectionResetError):
        receive(peer, sent)


INTERRUPTED = 128 + signal.SIGINT


@pytest.mark.parametrize('filler', [INTERRUPTED], indirect=True)
def test_interrupted_command_leaves_data(filler):
    """pasta doesn't wait then, as a shell tells that a signal ended it"""
    process, sent, peer = filler
    assert not tells_of_waiting(process)
    assert process.wait(WAIT_S) == INTERRUPTED
    with pytest.raises(ConnectionResetError):
        receive(peer, sent)


def times_told_gone(process):
    """How often pasta tells of the namespace's end, until it tells that it
    waits, or again and again
    """
    gone = 0
    for line in process.stderr:
        gone += 'Namespace is gone' in line
        if 'data to send yet (1)' in line or gone > 3:
            break
    return gone


def test_unmounted_namespace_leaves_data(topology, binary, scratch):
    """Nor does it end before that if only a look now and then tells of the
    namespace's end, and it is told once
    """
    path = f'{scratch}/left'
    open(path, 'w').close()
    subprocess.run(['unshare', f'--net={path}', 'true'], check=True)
    inside = ['nsenter', f'--net={path}']
    with topology.remote1.tcp_listen(REMOTE) as server:
        process = topology.host.popen(
            [binary, '--foreground', '--config-net', '--no-map-gw',
             '--netns', path], stderr=subprocess.PIPE, text=True)
        try:
            wait_for(lambda: 'default' in subprocess.run(
                [*inside, 'ip', 'route'], stdout=subprocess.PIPE, text=True,
                check=True).stdout, 'interface')
            fill = subprocess.run(
                [*inside, sys.executable, '-c', FILL, REMOTE,
                 str(server.getsockname()[1]), str(STATUS)],
                stdout=subprocess.PIPE, text=True, check=False)
            peer, _ = server.accept()
            subprocess.run(['umount', path], check=True)
            with peer:
                peer.settimeout(WAIT_S)
                assert times_told_gone(process) == 1
                assert len(receive(peer, int(fill.stdout) + 1)) == \
                    int(fill.stdout)
            assert process.wait(WAIT_S) == 0
        finally:
            lab.kill(process)
            process.stderr.close()


@pytest.fixture
def pair(request, start, topology):
    """Two ends of a connection: by the link, or spliced from or to the host"""
    options = {'tap': [], 'in': ['-t', str(PORT)], 'out': ['-T', str(PORT)]}
    pasta = start('--no-map-gw', *options[request.param])
    if request.param == 'tap':
        with topology.remote1.tcp_listen(REMOTE, **SMALL) as server:
            client = pasta.ns.tcp_connect(REMOTE, server.getsockname()[1])
            peer, _ = server.accept()
            with client, peer:
                yield pasta, client, peer
        return
    near, far = topology.host, pasta.ns
    if request.param == 'out':
        near, far = far, near
    with far.tcp_listen('::', PORT, **SMALL) as server:
        with connection(near, LO4, PORT, server) as (client, peer):
            yield pasta, client, peer


@pytest.mark.parametrize('pair', ['tap', 'in', 'out'], indirect=True)
def test_sigterm_resets(pair):
    """Ends of a connection that isn't at its end see a reset, no end"""
    pasta, client, peer = pair
    client.sendall(b'half of it')
    assert receive(peer, 10) == b'half of it'
    pasta.process.send_signal(signal.SIGTERM)
    for end in client, peer:
        end.settimeout(WAIT_S)
        with pytest.raises(ConnectionResetError):
            end.recv(1)


# Into the namespace, nothing arrives any more: its address has gone with us
@pytest.mark.parametrize('pair', ['tap', 'out'], indirect=True)
def test_sigterm_leaves_what_is_sent(pair):
    """A stream that has ended arrives, though nobody has read it yet"""
    pasta, client, peer = pair
    client.sendall(b'x' * SIZE)
    client.shutdown(socket.SHUT_WR)
    # Data in the other direction, never read, mustn't reset it
    peer.sendall(b'y')
    wait_for(lambda: client.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO,
                                       1)[0] == FIN_WAIT2, 'end taken')
    pasta.process.send_signal(signal.SIGTERM)
    pasta.process.wait(WAIT_S)
    peer.settimeout(WAIT_S)
    assert len(receive(peer, SIZE + 1)) == SIZE
