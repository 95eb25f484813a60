# SPDX-License-Identifier: BSD-3-Clause
"""What the tests of forwarded ports share: servers, clients, measurements."""

import contextlib
import hashlib
import os
import socket
import subprocess
import threading

from lab import WAIT_S, family, wait_for

PORT = 8001
LO4, LO6 = '127.0.0.1', '::1'
# Addresses of the host, the first is the guest's as well
HOST4, SECOND4 = '192.0.2.2', '192.0.2.3'
HOST6, SECOND6 = '2001:db8:1::2', '2001:db8:1::3'
GATEWAY4, GATEWAY6 = '192.0.2.1', '2001:db8:1::1'
BLOCK = os.urandom(200_000)
KINDS = {'-t': socket.SOCK_STREAM, '-u': socket.SOCK_DGRAM}


def is_loopback(address):
    """The literal is of a loopback address"""
    return address.startswith('127.') or address == LO6


def plain(address):
    """Address of a socket address, IPv4 in its own form"""
    return address[0].removeprefix('::ffff:')


def digest(data):
    """SHA-256, so that a failure does not print all the data"""
    return hashlib.sha256(data).hexdigest()


def receive(s, size):
    """Exactly @size bytes, or less at the end of the stream"""
    data = bytearray()
    while len(data) < size:
        piece = s.recv(size - len(data))
        if not piece:
            break
        data += piece
    return bytes(data)


def client_of(ns, kind, address, source=None):
    """A socket in @ns, bound to an address if @source is given"""
    s = ns.socket(family(address), kind)
    if source:
        s.bind((source, 0))
    return s


def is_settled(ns):
    """The kernel has the routes of all IPv6 addresses: it takes its time"""
    with ns:
        with open('/proc/thread-self/net/if_inet6') as f:
            addresses = {line.split()[0] for line in f}
        with open('/proc/thread-self/net/ipv6_route') as f:
            routes = {line.split()[0] for line in f
                      if line.split()[1] == '80'}
    return addresses <= routes


def serve(ns, kind, address='::', port=PORT):
    """A socket that listens in @ns, for both IP versions if it can"""
    wait_for(lambda: is_settled(ns), 'routes of addresses')
    if kind == socket.SOCK_STREAM:
        return ns.tcp_listen(address, port)
    return ns.udp(address, port)


def accept(server):
    """A connection that does not wait for ever"""
    peer, _ = server.accept()
    peer.settimeout(WAIT_S)
    return peer


@contextlib.contextmanager
def sending(s, data):
    """Send @data while somebody receives"""
    thread = threading.Thread(target=s.sendall, args=(data,))
    thread.start()
    yield
    thread.join()


def carries(sender, receiver, data=BLOCK):
    """All bytes get from one socket to the other"""
    with sending(sender, data):
        return digest(receive(receiver, len(data))) == digest(data)


@contextlib.contextmanager
def connection(ns, address, port, server, source=None):
    """A forwarded connection. Yield: the client's socket, the server's"""
    with client_of(ns, socket.SOCK_STREAM, address, source) as client:
        client.connect((address, port))
        with accept(server) as peer:
            yield client, peer


def reach_tcp(ns, address, port, server, source=None):
    """Carry data both ways by a connection to a forwarded port

    Return: address the server sees its client by
    """
    with connection(ns, address, port, server, source) as (client, peer):
        assert carries(client, peer)
        assert carries(peer, client, BLOCK[::-1])
        return plain(peer.getpeername())


def reach_udp(ns, address, port, server, source=None):
    """Carry a datagram each way, the answer from where the question went

    Return: address the server sees its client by
    """
    with client_of(ns, socket.SOCK_DGRAM, address, source) as client:
        for size in 1, 0, 1200:
            client.sendto(BLOCK[:size], (address, port))
            data, peer = server.recvfrom(70000)
            assert data == BLOCK[:size]
            server.sendto(data[::-1], peer)
            data, answerer = client.recvfrom(70000)
            assert data == BLOCK[:size][::-1]
            assert answerer[:2] == (address, port)
        return plain(peer)


def reach(ns, address, port, server, source=None):
    """reach_tcp() or reach_udp(), whatever the server is for"""
    way = reach_tcp if server.type == socket.SOCK_STREAM else reach_udp
    return way(ns, address, port, server, source)


def is_unheard(ns, address, server):
    """What a client sends to a forwarded port does not arrive at @server"""
    with client_of(ns, server.type, address) as client:
        client.settimeout(0.5)
        with contextlib.suppress(OSError):
            client.connect((address, PORT))
            client.send(b'x')
            client.recv(1)
    server.settimeout(0)
    with contextlib.suppress(BlockingIOError):
        server.recv(1) if server.type == socket.SOCK_DGRAM else accept(server)
        return False
    server.settimeout(WAIT_S)
    return True


def is_refused(ns, kind, address, port):
    """Nobody listens there, and the client is told"""
    with client_of(ns, kind, address) as client:
        try:
            client.connect((address, port))
            if kind == socket.SOCK_DGRAM:
                client.send(b'x')
                client.recv(100)
        except ConnectionRefusedError:
            return True
        return False


def is_bound(ns, kind, port, address=''):
    """Some socket in @ns is bound to @port, of @address as ss(8) shows it"""
    flag = '-tlnH' if kind == socket.SOCK_STREAM else '-ulnH'
    return f'{address}:{port} ' in ns.run(f'ss {flag}').stdout


def run(topology, binary, *args, **kwargs):
    """Run pasta to its end in the host. Return: CompletedProcess"""
    kwargs.setdefault('user', 1000)
    kwargs.setdefault('group', 1000)
    kwargs.setdefault('extra_groups', [])
    with topology.host:
        return subprocess.run([binary, '--config-net', *args], text=True,
                              stdin=subprocess.DEVNULL, capture_output=True,
                              timeout=30, check=False, **kwargs)


def cpu_ticks(pid):
    """CPU time of a process so far, in ticks of sysconf(_SC_CLK_TCK)"""
    with open(f'/proc/{pid}/stat') as f:
        fields = f.read().rpartition(')')[2].split()
    return int(fields[11]) + int(fields[12])


def count_descriptors(pid):
    """Descriptors that a process has open"""
    return len(os.listdir(f'/proc/{pid}/fd'))
