# SPDX-License-Identifier: BSD-3-Clause
"""Which address clients of forwarded ports have towards the guest."""

import pytest

from ports import (GATEWAY4, GATEWAY6, HOST4, HOST6, KINDS, LO4, LO6, PORT,
                   SECOND4, SECOND6, client_of, reach, serve)

STAND_IN = '192.0.2.200'


def options(option, *more):
    """Command line that forwards one port"""
    none = [w for o in ('-t', '-u', '-T', '-U') if o != option
            for w in (o, 'none')]
    return [*none, option, str(PORT), *more]


def gets_nowhere(ns, kind, address):
    """A client is turned away, or not answered"""
    with client_of(ns, kind, address) as client:
        client.settimeout(0.5)
        try:
            client.connect((address, PORT))
            client.send(b'x')
            return client.recv(100) == b''
        except (ConnectionError, TimeoutError):
            return True


@pytest.mark.parametrize('option', KINDS)
@pytest.mark.parametrize('address', [HOST4, HOST6, SECOND4, SECOND6])
def test_own_address_without_gateway(start, topology, option, address):
    """The host's own address, which is the guest's, works as Podman has it"""
    pasta = start(*options(option, '--no-map-gw', '--map-guest-addr', STAND_IN))
    with serve(pasta.ns, KINDS[option]) as server:
        seen = reach(topology.host, address, PORT, server)
    assert seen == (GATEWAY6 if ':' in address else STAND_IN)


@pytest.mark.parametrize('option', KINDS)
def test_own_address(start, topology, option):
    """Without an address for that, the gateway stands for the host"""
    pasta = start(*options(option))
    with serve(pasta.ns, KINDS[option]) as server:
        assert reach(topology.host, HOST4, PORT, server) == GATEWAY4


@pytest.mark.parametrize('option', KINDS)
def test_loopback_without_gateway(start, topology, option):
    """--no-map-gw: by the tap, loopback clients are turned away"""
    pasta = start(*options(option, '--no-splice', '--no-map-gw'))
    with serve(pasta.ns, KINDS[option]) as server:
        for address in LO4, LO6:
            assert gets_nowhere(topology.host, KINDS[option], address)
        reach(topology.host, HOST4, PORT, server)
