# SPDX-License-Identifier: BSD-3-Clause
"""Real servers behind forwarded ports: nginx, and iperf3 with its own rules."""

import hashlib
import json
import os
import socket
import subprocess

import pytest

from lab import kill, wait_for
from ports import (HOST4, HOST6, LO4, LO6, SECOND4, SECOND6, is_bound,
                   is_loopback)
from test_http_dns import NGINX, url

ADDRESSES = [LO4, LO6, HOST4, HOST6, SECOND4, SECOND6]
PAGE = os.urandom(1 << 20)
# Options, port of the host that leads to port 80
WEB = {
    'single': (['-t', '80'], 80),
    'remapped': (['-t', '8080:80'], 8080),
    'range': (['-t', '8080-8089:80-89'], 8080),
    'addresses': ([f'-t{a}/8080:80' for a in ADDRESSES], 8080),
    'all but a few': (['-t', '79-90,~81-89', '-u', 'none'], 80),
    'target': (['-t', f'0.0.0.0/8080:{HOST4}/80',
                '-t', f'[::]/8080:{HOST6}/80'], 8080),
    'auto': (['-t', 'auto'], 80),
    'no splice': (['-t', '80', '--no-splice'], 80),
}


@pytest.fixture
def low_ports(own_topology):
    """The topology, where ports of a web server are everybody's"""
    own_topology.host.sysctl(ipv4__ip_unprivileged_port_start=79)
    return own_topology


def start_nginx(ns, directory):
    """A web server in @ns with one page. Return: process"""
    os.makedirs(f'{directory}/www', exist_ok=True)
    with open(f'{directory}/www/page', 'wb') as f:
        f.write(PAGE)
    with open(f'{directory}/nginx.conf', 'w') as f:
        f.write(NGINX.format(dir=directory, v4='0.0.0.0', v6='::'))
    process = ns.popen(['nginx', '-p', directory, '-c',
                        f'{directory}/nginx.conf'], stderr=subprocess.DEVNULL)
    wait_for(lambda: is_bound(ns, socket.SOCK_STREAM, 80), 'nginx')
    return process


def fetch(ns, address, port, directory):
    """Get the page by curl. Return: whether it is whole"""
    base = url(address, '').rstrip('/')
    ns.run(['curl', '-sf', '--noproxy', '*', '-o', f'{directory}/got',
            f'{base}:{port}/page'])
    with open(f'{directory}/got', 'rb') as f:
        return hashlib.sha256(f.read()).digest() == \
            hashlib.sha256(PAGE).digest()


@pytest.mark.parametrize('case', WEB)
def test_nginx(low_ports, start_own, scratch, case):
    """Host, its loopback and another host get a page whole"""
    options, port = WEB[case]
    pasta = start_own(*options)
    nginx = start_nginx(pasta.ns, scratch)
    try:
        wait_for(lambda: is_bound(low_ports.host, socket.SOCK_STREAM, port),
                 'forwarded port')
        for address in ADDRESSES:
            assert fetch(low_ports.host, address, port, scratch)
            if not is_loopback(address):
                assert fetch(low_ports.remote1, address, port, scratch)
    finally:
        kill(nginx)


# How bytes go; arguments of the client. What buffers still hold when a client
# has sent all isn't counted by its server: up to 20 MiB a stream here, so that
# each amount is far more.
FLAVOURS = {
    'tcp': ['-n', '64M'], 'tcp reverse': ['-n', '64M', '-R'],
    'tcp parallel': ['-n', '512M', '-P', '8'],
    'udp': ['-n', '2M', '-u', '-b', '20M', '-l', '1400'],
    'udp reverse': ['-n', '2M', '-u', '-R', '-b', '20M', '-l', '1400'],
}


def iperf3(pasta, client, address, flavour):
    """A client's run against a server of its own: one that serves again isn't
    ready yet when its last client has left.

    Return: figures
    """
    server = pasta.ns.popen(['iperf3', '-s', '-1'], stdout=subprocess.DEVNULL)
    wait_for(lambda: is_bound(pasta.ns, socket.SOCK_STREAM, 5201), 'iperf3')
    out = client.run(['iperf3', '-J', '-c', address, *FLAVOURS[flavour]]).stdout
    kill(server)
    report = json.loads(out)
    assert 'error' not in report
    return report['end']


@pytest.mark.parametrize('flavour', FLAVOURS)
def test_iperf3(topology, start, flavour):
    """Bytes flow, by loopback, by the host's address, from another host"""
    pasta = start('-t', '5201')     # UDP is implied
    for ns, address in ((topology.host, LO4), (topology.host, LO6),
                        (topology.host, HOST4), (topology.remote1, SECOND4),
                        (topology.remote1, HOST6)):
        end = iperf3(pasta, ns, address, flavour)
        if 'udp' in flavour:
            assert end['sum']['packets'] > 1000
            assert end['sum']['lost_packets'] < end['sum']['packets'] / 10
        else:
            assert end['sum_received']['bytes'] >= 16 << 20
