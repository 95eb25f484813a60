# SPDX-License-Identifier: BSD-3-Clause
"""Ports that can't be bound, in whole or in part, and what users are told."""

import errno
import os
import re
import signal
import socket
import time

import pytest

import lab
from lab import wait_for
from ports import (HOST4, HOST6, KINDS, LO4, LO6, PORT, SECOND4, is_bound,
                   is_refused, reach, run, serve)


def only(option, *specs):
    """Command line that forwards nothing else"""
    for other in '-t', '-u', '-T', '-U':
        if other != option:
            yield from (other, 'none')
    for spec in specs:
        yield from (option, spec)


@pytest.mark.parametrize('option', KINDS)
@pytest.mark.parametrize('start_port', [1024, 500])
def test_low_port(own_topology, binary, option, start_port):
    """The message names port, error, the sysctl that allows it, its value"""
    own_topology.host.sysctl(ipv4__ip_unprivileged_port_start=start_port)
    done = run(own_topology, binary, *only(option, '80'), 'true')
    assert done.returncode == 1
    for word in ('80', os.strerror(errno.EACCES), option,
                 'net.ipv4.ip_unprivileged_port_start', str(start_port)):
        assert re.search(rf'(?<!\w){re.escape(word)}(?!\w)', done.stderr)


@pytest.mark.parametrize('option', KINDS)
def test_low_port_allowed(own_topology, start_own, option):
    """With that sysctl set, it is like any other port"""
    own_topology.host.sysctl(ipv4__ip_unprivileged_port_start=80)
    pasta = start_own(*only(option, f'80:{PORT}'))
    with serve(pasta.ns, KINDS[option]) as server:
        reach(own_topology.host, LO4, 80, server)
        reach(own_topology.remote1, HOST6, 80, server)


@pytest.mark.parametrize('option', KINDS)
@pytest.mark.parametrize('spec', ['7990-8010', '[::1]/8001:9001'])
def test_port_in_use(topology, binary, option, spec):
    """The message names the port and the option; nothing is started

    The sysctl for low ports is not named where it does not help.
    """
    with serve(topology.host, KINDS[option]):
        done = run(topology, binary, *only(option, spec), 'echo', 'started')
    assert done.returncode == 1
    assert f'port {PORT} ' in done.stderr and option in done.stderr
    assert 'ip_unprivileged_port_start' not in done.stderr
    assert os.strerror(errno.EADDRINUSE) in done.stderr
    assert 'started' not in done.stdout


@pytest.mark.parametrize('option', KINDS)
@pytest.mark.parametrize('address', ['203.0.113.9', '2001:db8:3::9'])
def test_foreign_address(topology, binary, option, address):
    """An address that the host does not have is an error, without --freebind"""
    done = run(topology, binary, *only(option, f'{address}/8001'), 'true')
    assert done.returncode == 1
    assert '8001' in done.stderr and address in done.stderr
    assert os.strerror(errno.EADDRNOTAVAIL) in done.stderr


@pytest.mark.parametrize('option', KINDS)
@pytest.mark.parametrize('taken, there', [(LO4, LO6), (LO6, LO4)])
def test_one_version_is_success(topology, start, option, taken, there):
    """Scenario 70: in use for one IP version, forwarded for the other"""
    kind = KINDS[option]
    with serve(topology.host, kind, taken) as other:
        pasta = start(*only(option, str(PORT)))
        with serve(pasta.ns, kind) as server:
            reach(topology.host, there, PORT, server)
            # Who was there first has not lost anything
            reach(topology.host, taken, PORT, other)
        assert f'Port {PORT} is in use for one IP version' in pasta.log_text()


@pytest.mark.parametrize('option', KINDS)
@pytest.mark.parametrize('any_address', ['0.0.0.0', '::'])
def test_any_address_of_one_version(topology, start, option, any_address):
    """Scenario 70: also if it is any address that is taken"""
    kind = KINDS[option]
    there, elsewhere = (LO6, LO4) if any_address == '0.0.0.0' else (LO4, LO6)
    with serve_v6only(topology.host, kind, any_address) as other:
        pasta = start(*only(option, str(PORT)))
        with serve(pasta.ns, kind) as server:
            reach(topology.host, there, PORT, server)
            reach(topology.host, elsewhere, PORT, other)


def serve_v6only(ns, kind, address):
    """As serve(), for one IP version only"""
    if address != '::':
        return serve(ns, kind, address)
    s = ns.socket(socket.AF_INET6, kind)
    s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
    if kind == socket.SOCK_STREAM:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    s.bind((address, PORT))
    if kind == socket.SOCK_STREAM:
        s.listen()
    return s


@pytest.mark.parametrize('option', KINDS)
def test_same_port_twice(topology, start, binary, option):
    """Two instances can't have the same port: the second one says so"""
    pasta = start(*only(option, str(PORT)))
    done = run(topology, binary, *only(option, str(PORT)), 'true')
    assert done.returncode == 1 and f'port {PORT} ' in done.stderr
    with serve(pasta.ns, KINDS[option]) as server:
        reach(topology.host, LO4, PORT, server)


@pytest.mark.parametrize('option', KINDS)
def test_restart_at_once(topology, start, option):
    """Scenario 91: the port of one that has just ended is free again

    Its connections are in TIME_WAIT then.
    """
    for _ in range(3):
        pasta = start(*only(option, str(PORT)))
        with serve(pasta.ns, KINDS[option]) as server:
            reach(topology.host, LO4, PORT, server)
            reach(topology.remote1, HOST4, PORT, server)
            reach(topology.host, LO6, PORT, server)
        pasta.stop()


@pytest.mark.parametrize('option', KINDS)
def test_dying_twin(topology, start, option):
    """Scenario 91: a port that another one still holds is tried again"""
    first = start(*only(option, str(PORT)))
    os.kill(first.process.pid, signal.SIGSTOP)
    started = []
    # It holds the port until somebody lets it go on, which is to its end
    pid = os.fork()
    if not pid:
        time.sleep(0.7)
        os.kill(first.process.pid, signal.SIGKILL)
        os._exit(0)
    try:
        started.append(start(*only(option, str(PORT))))
    finally:
        os.waitpid(pid, 0)
    with serve(started[0].ns, KINDS[option]) as server:
        reach(topology.host, LO4, PORT, server)


@pytest.mark.parametrize('option', KINDS)
@pytest.mark.parametrize('spec', ['8001', '[::1]/8001', '[::]/8001'])
def test_no_ipv6_route(own_topology, start_own, option, spec):
    """A host without an IPv6 route has IPv6 ports all the same"""
    host = own_topology.host
    host.run('ip -6 route flush default')
    host.ip(f'addr del {HOST6}/64 dev eth0',
            'addr del 2001:db8:1::3/64 dev eth0',
            'addr del 2001:db8:2::2/64 dev eth1',
            'addr del 2001:db8:2::3/64 dev eth1')
    pasta = start_own('--host-lo-to-ns-lo', *only(option, spec))
    kind = KINDS[option]
    wait_for(lambda: is_bound(host, kind, PORT), 'port')
    with serve(pasta.ns, kind) as server:
        reach(host, LO6, PORT, server)
        if spec == '8001':
            reach(host, LO4, PORT, server)
            reach(own_topology.remote1, SECOND4, PORT, server)


@pytest.mark.parametrize('option', KINDS)
def test_no_ipv6_at_all(own_topology, start_own, option):
    """Where IPv6 is disabled, ports are forwarded for IPv4"""
    own_topology.host.sysctl(ipv6__conf__all__disable_ipv6=1)
    pasta = start_own(*only(option, str(PORT)))
    with serve(pasta.ns, KINDS[option], HOST4) as server:
        reach(own_topology.host, LO4, PORT, server)
        reach(own_topology.remote1, SECOND4, PORT, server)


@pytest.mark.parametrize('option', ['-T', '-U'])
def test_port_of_namespace_in_use(topology, binary, option):
    """Ports in the namespace: the same words"""
    kind = KINDS[option.lower()]
    process = topology.host.popen(['unshare', '-Urn', 'sleep', '600'],
                                  **lab.as_user(lab.USER))
    try:
        host = os.stat('/proc/self/ns/net').st_ino
        path = f'/proc/{process.pid}/ns/net'
        wait_for(lambda: os.path.exists(path) and comm(process.pid) == 'sleep',
                 'namespace')
        assert os.stat(path).st_ino != host
        ns = lab.Netns(path)
        ns.ip('link set lo up')
        with serve(ns, kind, '0.0.0.0'), serve(ns, kind, '::1'):
            done = run(topology, binary, *only(option, str(PORT)),
                       str(process.pid))
        ns.delete()
        assert done.returncode == 1
        assert f'port {PORT} ' in done.stderr and option in done.stderr
    finally:
        lab.kill(process)


def comm(pid):
    """Name of a process"""
    with open(f'/proc/{pid}/comm') as f:
        return f.read().strip()


@pytest.mark.parametrize('option', KINDS)
def test_weak_ports_do_not_fail(own_topology, start_own, option):
    """`all` passes over what is in use and what is not permitted"""
    host = own_topology.host
    host.sysctl(ipv4__ip_local_port_range='8010 64999')
    kind = KINDS[option]
    with serve(host, kind) as other:
        pasta = start_own(*only(option, 'all'))
        assert is_refused(host, kind, LO4, 80)
        reach(host, LO4, PORT, other)
        with serve(pasta.ns, kind, port=PORT + 1) as server:
            reach(host, LO4, PORT + 1, server)
