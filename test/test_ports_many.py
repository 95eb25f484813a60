# SPDX-License-Identifier: BSD-3-Clause
"""Thousands of connections at once by forwarded ports, and thousands of ports.

How many there are is bounded by the limit of descriptors that we may have: a
spliced connection takes two of them.
"""

import contextlib
import resource
import subprocess
import sys

import pytest

from lab import WAIT_S, kill, wait_for
from ports import (HOST4, KINDS, LO4, LO6, PORT, count_descriptors, is_bound,
                   reach, serve)

CONNECTIONS = 10_000
HARD_LIMIT = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
SPARE = 500             # Descriptors for all else
RSS_KIB_MAX = 100 * 1024
PATIENCE_S = 60         # Bound of what takes its time on a busy machine

# Echoes whatever comes, on any number of connections
SERVER = '''
import resource, select, socket, sys
hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
server = socket.socket(socket.AF_INET6, socket.SOCK_STREAM)
server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
server.bind(('::', int(sys.argv[1])))
server.listen(4096)
print('ready', flush=True)
poll = select.epoll()
poll.register(server, select.EPOLLIN)
peers = {}
while True:
    for fd, _ in poll.poll():
        if fd == server.fileno():
            peer, _ = server.accept()
            peers[peer.fileno()] = peer
            poll.register(peer, select.EPOLLIN)
            continue
        data = peers[fd].recv(1000)
        if data:
            peers[fd].sendall(data)
        else:
            peers.pop(fd).close()
'''

# Opens connections, has each echo a text of its own, and tells; closes them
# once there is something to read, and tells that, too
CLIENT = '''
import resource, socket, sys
hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
count, port, addresses = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3:]
clients = []
def echo(first):
    for i, client in enumerate(clients[first:], first):
        client.sendall(b'%6d' % i)
    for i, client in enumerate(clients[first:], first):
        assert client.recv(6) == b'%6d' % i
# No more at a time than the server may have waiting
while len(clients) < count:
    first = len(clients)
    for i in range(first, min(first + 500, count)):
        address = addresses[i % len(addresses)]
        clients.append(socket.create_connection((address, port), 30))
    echo(first)
echo(0)
print('open', flush=True)
sys.stdin.readline()
for client in clients:
    client.shutdown(socket.SHUT_WR)
for client in clients:
    assert client.recv(1) == b''
    client.close()
print('closed', flush=True)
'''


@contextlib.contextmanager
def program(ns, text, *args):
    """A Python program in @ns, ended by force at the end"""
    process = ns.popen([sys.executable, '-c', text, *map(str, args)],
                       stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                       text=True)
    try:
        yield process
    finally:
        kill(process)
        process.stdin.close()
        process.stdout.close()


def rest(pasta):
    """Descriptors that pasta has open, once they don't change any more"""
    seen = []

    def is_stable():
        seen.append(count_descriptors(pasta.process.pid))
        return len(seen) > 20 and len(set(seen[-20:])) == 1
    wait_for(is_stable, 'constant number of descriptors')
    return seen[-1]


@pytest.mark.parametrize('way, addresses, each', [
    ('spliced', [LO4, LO6], 2), ('tap', [HOST4, '2001:db8:1::2'], 1)])
def test_many_connections(start, topology, way, addresses, each):
    """10,000 connections are open at once, echo, and leave nothing behind"""
    count = min(CONNECTIONS, (HARD_LIMIT - SPARE) // each)
    ns = topology.host if way == 'spliced' else topology.remote1
    pasta = start('-t', str(PORT), '-u', 'none', '-T', 'none', '-U', 'none')
    pid = pasta.process.pid
    with serve(pasta.ns, KINDS['-t']) as server:
        for address in addresses:
            reach(ns, address, PORT, server)
    before = rest(pasta)
    with program(pasta.ns, SERVER, PORT) as server:
        assert server.stdout.readline() == 'ready\n'
        # Flows that were not freed would be missing in the second round
        for _ in range(2):
            with program(ns, CLIENT, count, PORT, *addresses) as client:
                assert client.stdout.readline() == 'open\n'
                assert count_descriptors(pid) >= each * count
                client.stdin.write('\n')
                client.stdin.flush()
                assert client.stdout.readline() == 'closed\n'
                assert client.wait(WAIT_S) == 0
            wait_for(lambda: count_descriptors(pid) <= before,
                     'descriptors as before', PATIENCE_S)
            # Less, if not all of the sockets in stock have been replaced yet
            assert rest(pasta) <= before
    with serve(pasta.ns, KINDS['-t']) as server:
        for address in addresses:
            reach(ns, address, PORT, server)


def rss_kib(pid):
    """Resident memory of a process"""
    with open(f'/proc/{pid}/status') as f:
        line = next(line for line in f if line.startswith('VmRSS'))
    return int(line.split()[1])


def test_memory_of_all_ports(own_topology, start_own):
    """-t all -u all take less than 100 MiB of our own memory"""
    host = own_topology.host
    # As many as there may be descriptors for: by default, some 37000 of each
    last = min(32767, (HARD_LIMIT - SPARE) // 2 - 4536)
    host.sysctl(ipv4__ip_local_port_range=f'{last + 1} 60999')
    pasta = start_own('-t', 'all', '-u', 'all', '-T', 'none', '-U', 'none')
    for kind in KINDS.values():
        for port in 1024, last, 61000, 65535:
            assert is_bound(host, kind, port)
    assert rss_kib(pasta.process.pid) < RSS_KIB_MAX
    print(f'{count_descriptors(pasta.process.pid)} descriptors, '
          f'{rss_kib(pasta.process.pid)} KiB')
