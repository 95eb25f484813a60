# SPDX-License-Identifier: BSD-3-Clause
"""Real servers outside, real clients in the namespace."""

import concurrent.futures
import hashlib
import os
import subprocess

import pytest

from lab import (SHARED4, SHARED6, is_listening, kill, start_dnsmasq,
                 wait_for)

REMOTES = [SHARED4, SHARED6]
PARALLEL = 100
PAGE = os.urandom(1 << 20)

NGINX = '''
daemon off;
master_process off;
pid {dir}/nginx.pid;
error_log {dir}/nginx-error.log;
events {{ worker_connections 1024; }}
http {{
    access_log off;
    client_body_temp_path {dir}/body;
    proxy_temp_path {dir}/proxy;
    fastcgi_temp_path {dir}/fastcgi;
    uwsgi_temp_path {dir}/uwsgi;
    scgi_temp_path {dir}/scgi;
    server {{
        listen {v4}:80;
        listen [{v6}]:80;
        root {dir}/www;
    }}
}}
'''


@pytest.fixture
def nginx(topology, scratch):
    """A web server at remote1. Yield: where it finds its pages"""
    www = f'{scratch}/www'
    os.mkdir(www)
    with open(f'{scratch}/nginx.conf', 'w') as f:
        f.write(NGINX.format(dir=scratch, v4=SHARED4, v6=SHARED6))
    process = topology.remote1.popen(
        ['nginx', '-p', scratch, '-c', f'{scratch}/nginx.conf'],
        stderr=subprocess.DEVNULL)
    wait_for(lambda: is_listening(topology.remote1, 80), 'nginx')
    yield www
    kill(process)


def url(address, page):
    """URL of a page at a literal address"""
    return f'http://[{address}]/{page}' if ':' in address else \
        f'http://{address}/{page}'


@pytest.mark.parametrize('address', REMOTES)
def test_http(guest, nginx, scratch, address):
    """curl gets a page, whole"""
    with open(f'{nginx}/page', 'wb') as f:
        f.write(PAGE)
    guest.run(['curl', '-sf', '--noproxy', '*', '-o', f'{scratch}/got',
               url(address, 'page')])
    with open(f'{scratch}/got', 'rb') as f:
        assert hashlib.sha256(f.read()).digest() == \
            hashlib.sha256(PAGE).digest()


@pytest.mark.parametrize('address', REMOTES)
def test_http_parallel(guest, nginx, address):
    """A hundred requests at a time, each by a connection of its own"""
    for i in range(PARALLEL):
        with open(f'{nginx}/{i}', 'w') as f:
            f.write(f'page {i}\n' * 1000)

    def get(i):
        return subprocess.run(
            ['curl', '-sf', '--noproxy', '*', url(address, i)],
            capture_output=True, text=True, timeout=30)
    with guest, concurrent.futures.ThreadPoolExecutor(20) as pool:
        for i, done in enumerate(pool.map(get, range(PARALLEL))):
            assert done.returncode == 0, done.stderr
            assert done.stdout == f'page {i}\n' * 1000


@pytest.fixture
def dns_server(topology, scratch):
    """Function that starts a DNS server; all are ended with the test"""
    running = []

    def begin(ns, address, answer='203.0.113.17'):
        running.append(start_dnsmasq(ns, address, scratch, answer))
    yield begin
    for process in running:
        kill(process)


def dig(guest, server, *args):
    """What dig +short says, lines"""
    return guest.run(['dig', '+short', '+tries=1', '+time=5', f'@{server}',
                      *args]).stdout.split('\n')[:-1]


def assert_resolves(guest, server, answer='203.0.113.17'):
    """UDP and TCP queries, short and long answers"""
    for transport in '+notcp', '+tcp':
        assert dig(guest, server, transport, 'name.example') == [answer]
        assert dig(guest, server, transport, '-t', 'AAAA',
                   'name.example') == ['2001:db8::17']
    # Too long for UDP: dig asks again by TCP
    assert len(dig(guest, server, '+bufsize=512', '-t', 'TXT',
                   'long.example')[-1]) > 2000


@pytest.mark.parametrize('forward, resolver', [
    ('198.18.0.53', SHARED4), ('2001:db8:53::53', SHARED6)])
def test_dns_forward(start, topology, dns_server, resolv_conf, forward,
                     resolver):
    """--dns-forward: an address that means the host's name server"""
    dns_server(topology.remote1, resolver)
    resolv_conf(f'nameserver {resolver}\n')
    assert_resolves(start('--dns-forward', forward).ns, forward)


@pytest.mark.parametrize('forward, resolver', [
    ('198.18.0.53', SHARED4), ('2001:db8:53::53', SHARED6)])
def test_dns_host(start, topology, dns_server, resolv_conf, forward, resolver):
    """--dns-host: another name server than the first of resolv.conf"""
    dns_server(topology.remote1, resolver)
    resolv_conf('nameserver 198.51.100.1\nnameserver 2001:db8:2::1\n')
    guest = start('--dns-forward', forward, '--dns-host', resolver).ns
    assert_resolves(guest, forward)


def test_dns_forward_other_ports(start, topology, resolv_conf):
    """--dns-forward maps only the ports of DNS"""
    resolv_conf(f'nameserver {SHARED4}\n')
    guest = start('--dns-forward', '198.18.0.53').ns
    with topology.remote1.udp(SHARED4, 5353) as server, guest.udp() as client:
        client.sendto(b'x', ('198.18.0.53', 5353))
        server.settimeout(0.3)
        with pytest.raises(TimeoutError):
            server.recv(100)


@pytest.mark.parametrize('options', [(), ('--no-map-gw',)])
@pytest.mark.parametrize('resolver', ['127.0.0.53', '127.0.0.1'])
def test_dns_resolver_on_loopback(start, topology, dns_server, resolv_conf,
                                  options, resolver):
    """Scenario 72: a resolver on the host's loopback is of use, by itself

    With --no-map-gw only what --dns-forward maps may reach the loopback.
    """
    dns_server(topology.host, resolver)
    resolv_conf(f'nameserver {resolver}\n')
    if options:
        guest = start(*options, '--dns-forward', '198.18.0.53').ns
        assert_resolves(guest, '198.18.0.53')
    else:
        assert_resolves(start(*options).ns, '192.0.2.1')
