# SPDX-License-Identifier: BSD-3-Clause
"""The laboratory itself: if these fail, no other test here means much."""

import socket

import pytest

import lab


@pytest.mark.parametrize('address', [lab.SHARED4, lab.SHARED6])
@pytest.mark.parametrize('interface, remote', [('eth0', 'remote1'),
                                               ('eth1', 'remote2')])
def test_shared_address_behind_both_interfaces(topology, address, interface,
                                               remote):
    """Bound to an interface, the host reaches the remote at its end"""
    with getattr(topology, remote).tcp_listen(address) as server:
        with topology.host.socket(lab.family(address),
                                  socket.SOCK_STREAM) as client:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE,
                              interface.encode())
            client.connect((address, server.getsockname()[1]))


@pytest.mark.parametrize('source, address, interface', [
    ('198.51.100.3', lab.SHARED4, 'eth0'),
    ('192.0.2.3', lab.SHARED4, 'eth1'),
    ('2001:db8:2::3', lab.SHARED6, 'eth0'),
    ('2001:db8:1::3', lab.SHARED6, 'eth1'),
])
def test_other_interface_address_has_way_back(topology, source, address,
                                              interface):
    """A source address of the other interface works, too"""
    remote = topology.remote1 if interface == 'eth0' else topology.remote2
    with remote.tcp_listen(address) as server:
        with topology.host.socket(lab.family(address),
                                  socket.SOCK_STREAM) as client:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE,
                              interface.encode())
            client.bind((source, 0))
            client.connect((address, server.getsockname()[1]))
            peer, (seen, *_) = server.accept()
            peer.close()
            assert seen == source
