# SPDX-License-Identifier: BSD-3-Clause
"""Every form of a port specification, as clients near and far meet it.

Each case names what must be reachable, from all places that can get there, and
what must be refused. Host and guest share their addresses, so that a client on
the host that contacts one of them can't keep its own.
"""

import pytest

from lab import wait_for
from ports import (HOST4, HOST6, KINDS, LO4, LO6, PORT,
                   SECOND4, SECOND6, client_of, is_loopback, is_refused, reach,
                   run, serve)

LONG_IF = 'fifteen-letters'
EVERYWHERE = [LO4, LO6, SECOND4, SECOND6, HOST4, HOST6]
# Extra address of the guest
EXTRA4, EXTRA6 = '192.0.2.77', '2001:db8:1::77'


def at(addresses, port, to_port=None):
    """Addresses with a port, and the guest's port that this leads to"""
    return [(a, port, to_port or port) for a in addresses]


# Name: specifications, what is forwarded, what is not
CASES = {
    'single': (['8001'], at(EVERYWHERE, 8001), at([LO4, SECOND4, LO6], 8002)),
    'several': (['8001,8003'], at([LO4, LO6], 8001) + at([SECOND4], 8003),
                at([LO4, SECOND4], 8002)),
    'range': (['8001-8003'], at([LO4, LO6], 8001) + at([SECOND6], 8002) +
              at([LO4, SECOND4], 8003), at([LO4, SECOND4], 8004)),
    'remapped': (['8001:9001'], at(EVERYWHERE, 8001, 9001),
                 at([LO4, SECOND6], 9001)),
    'remapped range': (['8001-8003:9011-9013'],
                       at([LO4, SECOND6], 8001, 9011) +
                       at([LO6, SECOND4], 8003, 9013),
                       at([LO4, SECOND4], 9011)),
    'excluded': (['8001-8005,~8002-8003'],
                 at([LO4, SECOND4], 8001) + at([LO6], 8004),
                 at([LO4, SECOND4], 8002) + at([LO6], 8003)),
    'excluded first': (['~8002,8001-8003'], at([LO4], 8001) + at([LO6], 8003),
                       at([LO4, LO6], 8002)),
    'address': ([f'{SECOND4}/8001'], at([SECOND4], 8001),
                at([LO4, HOST4, SECOND6, LO6], 8001)),
    'address 6': ([f'{SECOND6}/8001'], at([SECOND6], 8001),
                  at([LO4, SECOND4, HOST6, LO6], 8001)),
    'address in brackets': ([f'[{SECOND6}]/8001'], at([SECOND6], 8001),
                            at([LO4, SECOND4, HOST6, LO6], 8001)),
    'loopback': (['127.0.0.1/8001'], at([LO4], 8001),
                 at([SECOND4, LO6], 8001)),
    'loopback 6': (['::1/8001'], at([LO6], 8001), at([LO4, SECOND6], 8001)),
    'loopback in brackets': (['[::1]/8001'], at([LO6], 8001),
                             at([LO4, SECOND6], 8001)),
    'other loopback': (['127.0.4.1/8001'], at(['127.0.4.1'], 8001),
                       at([LO4, LO6, SECOND4], 8001)),
    'any 4': (['0.0.0.0/8001'], at([LO4, SECOND4], 8001),
              at([LO6, SECOND6], 8001)),
    'any 6': (['[::]/8001'], at([LO6, SECOND6], 8001), []),
    'range at address': ([f'{SECOND4}/8001-8002:9001-9002'],
                         at([SECOND4], 8002, 9002), at([LO4], 8002)),
    'address and interface': ([f'{SECOND4}%eth0/8001'], at([SECOND4], 8001),
                              at([LO4, SECOND6], 8001)),
    'interface': (['%eth0/8001'], at([SECOND4, SECOND6, HOST4], 8001),
                  at([LO4, LO6], 8001)),
    'interface lo': (['%lo/8001'], at([LO4, LO6], 8001),
                     at([SECOND4, SECOND6], 8001)),
    # Each option adds to those before it
    'adding up': (['8001', '8003:9003', f'{SECOND4}/8005'],
                  at([LO4, SECOND6], 8001) + at([LO6, SECOND4], 8003, 9003) +
                  at([SECOND4], 8005), at([LO4], 8005)),
    'same twice': (['8001', '8001'], at([LO4, LO6, SECOND4], 8001), []),
    # What is covered is left out
    'podman, any and any 6': (['8001-8001:9001-9001', '::/8001-8001:9001-9001'],
                              at(EVERYWHERE, 8001, 9001), []),
    'any and loopback': (['8001', f'{LO4}/8001', f'{LO4}/8003',
                          '0.0.0.0/8003'],
                         at(EVERYWHERE, 8001) + at([LO4, SECOND4], 8003), []),
    'loopback and any': ([f'{LO4}/8001', '8001', '[::]/8003', '8003'],
                         at(EVERYWHERE, 8001) + at(EVERYWHERE, 8003), []),
    'interface and any 4': (['%eth0/8001', '0.0.0.0/8001'],
                            at([LO4, SECOND4, SECOND6, HOST4], 8001),
                            at([LO6], 8001)),
    'some, then none': (['8001', 'none'], at([LO4, LO6, SECOND4], 8001), []),
    'none, then some': (['none', '8001'], at([LO4, LO6, SECOND4], 8001), []),
    # What Podman says
    'podman': (['8001-8002:9001-9002', f'{SECOND6}/8003-8003:9003-9003',
                f'{LO4}/8004-8004:8004-8004'],
               at([LO4, SECOND6], 8001, 9001) + at([SECOND6], 8003, 9003) +
               at([LO4], 8004), at([LO4, SECOND4], 8003)),
    'podman, both families': (['0.0.0.0/8001-8001:9001-9001',
                               '[::]/8001-8001:9001-9001'],
                              at(EVERYWHERE, 8001, 9001), []),
}


# Neither covers the other, and the kernel doesn't give us both
OVERLAP = [
    ['8001:9001', '::/8001:9002'], ['8001', f'{LO4}/8001:9001'],
    ['%eth0/8001', f'{SECOND4}/8001'],
]


def options(option, specs):
    """Command line that forwards nothing but what is said"""
    for other in '-t', '-u', '-T', '-U':
        if other != option:
            yield from (other, 'none')
    for spec in specs:
        yield from (option, spec)


def origins(topology, address):
    """Who can contact an address of the host"""
    if is_loopback(address):
        return [topology.host]
    return [topology.host, topology.remote1]


def check(topology, guest, option, forwarded, refused):
    """See that a specification does what it says, and no more"""
    kind = KINDS[option]
    for address, port, to_port in forwarded:
        for ns in origins(topology, address):
            with serve(guest, kind, port=to_port) as server:
                reach(ns, address, port, server)
    for address, port, _ in refused:
        for ns in origins(topology, address):
            assert is_refused(ns, kind, address, port)


@pytest.mark.parametrize('option', KINDS)
@pytest.mark.parametrize('case', CASES)
def test_form(start, topology, option, case):
    """What is forwarded by one form is reached, nothing else is"""
    specs, forwarded, refused = CASES[case]
    check(topology, start(*options(option, specs)).ns, option, forwarded,
          refused)


@pytest.mark.parametrize('option', KINDS)
@pytest.mark.parametrize('specs', OVERLAP)
def test_overlap(topology, binary, option, specs):
    """Rules that can't both be served are refused before anything is bound"""
    for order in specs, specs[::-1]:
        done = run(topology, binary, *options(option, order), 'true')
        assert done.returncode == 1
        assert 'overlap' in done.stderr
        assert 'Failed to bind' not in done.stderr


@pytest.mark.parametrize('option', KINDS)
@pytest.mark.parametrize('address', ['192.0.2.1', '2001:db8:1::1'])
def test_form_from_guest(start, topology, option, address):
    """A port forwarded to the guest is also one it reaches by the gateway"""
    pasta = start(*options(option, ['8001:9001']))
    with serve(pasta.ns, KINDS[option], port=9001) as server:
        reach(pasta.ns, address, 8001, server)


@pytest.fixture
def long_name(own_topology):
    """The topology with a third wire, of the longest name there can be"""
    t = own_topology
    t.host.ip('link set eth1 down', f'link set eth1 name {LONG_IF}',
              f'link set {LONG_IF} up')
    # The kernel has taken IPv6 addresses away
    t.host.ip(f'addr replace 2001:db8:2::2/64 dev {LONG_IF} nodad')
    wait_for(lambda: 'LOWER_UP' in t.host.run(
        f'ip -6 addr show {LONG_IF} scope link').stdout, 'link-local address')
    return t


@pytest.mark.parametrize('option', KINDS)
@pytest.mark.parametrize('spec', ['%{}/8001', '198.51.100.2%{}/8001',
                                  '2001:db8:2::2%{}/8001',
                                  '[2001:db8:2::2]%{}/8001'])
def test_long_interface(long_name, launch, option, spec):
    """Scenario 68: 15 characters, here and as -I"""
    t = long_name
    pasta = launch(t, '--config-net', '-I', LONG_IF[::-1],
                   *options(option, [spec.format(LONG_IF)]))
    assert LONG_IF[::-1] in pasta.ns.run('ip link').stdout
    v6 = '2001' in spec
    address = '2001:db8:2::2' if v6 else '198.51.100.2'
    with serve(pasta.ns, KINDS[option]) as server:
        reach(t.remote2, address, PORT, server)
    for a in LO4, LO6, HOST4, HOST6:
        assert is_refused(t.host, KINDS[option], a, PORT)
    for a in HOST4, HOST6:
        assert is_refused(t.remote1, KINDS[option], a, PORT)


@pytest.mark.parametrize('option', KINDS)
@pytest.mark.parametrize('v', [4, 6])
@pytest.mark.parametrize('listen', ['', 'any'])
def test_target_address(start, topology, option, v, listen):
    """Of two addresses of the guest, the one that is named is contacted"""
    extra, lo, second = (EXTRA4, LO4, SECOND4) if v == 4 else \
        (EXTRA6, LO6, SECOND6)
    prefix = {'': '', 'any': '0.0.0.0/' if v == 4 else '[::]/'}[listen]
    to = f'[{extra}]' if v == 6 and not listen else extra
    pasta = start(*options(option, [f'{prefix}8001:{to}/9001',
                                    f'{prefix}8002:{to}']))
    pasta.ns.ip(f'addr add {extra}/{24 if v == 4 else 64} dev eth0 nodad')
    for port, to_port in (8001, 9001), (8002, 8002):
        with serve(pasta.ns, KINDS[option], extra, to_port) as server:
            reach(topology.host, lo, port, server)
            reach(topology.remote1, second, port, server)
    # Other IP versions have nowhere to go
    other = LO6 if v == 4 else LO4
    with serve(pasta.ns, KINDS[option], port=9001):
        assert is_turned_away(topology.host, KINDS[option], other, 8001)


def is_turned_away(ns, kind, address, port):
    """A client gets nowhere, whether or not somebody listens"""
    with client_of(ns, kind, address) as client:
        client.settimeout(0.5)
        try:
            client.connect((address, port))
            client.send(b'x')
            return client.recv(100) == b''
        except (ConnectionError, TimeoutError):
            return True


@pytest.fixture
def few_ports(own_topology):
    """The topology with fewer ports that `all` means: 1-15999, 65000-65535

    For all ports of a usual system, the limit of descriptors may be too low.
    """
    own_topology.host.sysctl(ipv4__ip_local_port_range='16000 64999')
    return own_topology


@pytest.mark.parametrize('option', KINDS)
@pytest.mark.parametrize('spec, excluded', [
    ('all', []), ('~15000,~15001', [15000, 15001]),
    ('all,~8000-8010', [8000, 8005, 8010]), ('~1-15001', [1024, 8001, 15000])])
def test_all(few_ports, start_own, option, spec, excluded):
    """Scenario 69: all ports except ephemeral, low and excluded ones"""
    kind = KINDS[option]
    host = few_ports.host
    pasta = start_own(*options(option, [spec]))
    for port in 15002, 15999, 65535:
        with serve(pasta.ns, kind, port=port) as server:
            reach(host, LO4, port, server)
            reach(few_ports.remote1, SECOND6, port, server)
    for port in 1, 80, 1023, 16000, 64999, *excluded:
        assert is_refused(host, kind, LO4, port)
    assert not {p for p in bound_ports(host, kind) if p < 1024 or
                16000 <= p <= 64999}


def bound_ports(ns, kind):
    """All ports that sockets in @ns are bound to"""
    flag = '-tlnH' if kind == KINDS['-t'] else '-ulnH'
    return {int(line.split()[3].rpartition(':')[2])
            for line in ns.run(f'ss {flag}').stdout.splitlines()}


@pytest.mark.parametrize('option', KINDS)
def test_all_to_address(few_ports, start_own, option):
    """All ports of one loopback address go to an address of their own"""
    pasta = start_own(*options(option, [f'127.0.0.6/all:{EXTRA4}']))
    pasta.ns.ip(f'addr add {EXTRA4}/24 dev eth0')
    with serve(pasta.ns, KINDS[option], EXTRA4) as server:
        reach(few_ports.host, '127.0.0.6', PORT, server)
    assert is_refused(few_ports.host, KINDS[option], LO4, PORT)


@pytest.mark.parametrize('option', KINDS)
def test_all_leaves_ports_in_use(few_ports, start_own, option):
    """What is in use stays with who uses it, and all else is forwarded"""
    kind = KINDS[option]
    with serve(few_ports.host, kind, LO4) as there:
        pasta = start_own(*options(option, [f'{LO4}/all']))
        reach(few_ports.host, LO4, PORT, there)
        with serve(pasta.ns, kind, port=PORT + 1) as server:
            reach(few_ports.host, LO4, PORT + 1, server)


@pytest.mark.parametrize('option', KINDS)
def test_all_but_nothing_bound(few_ports, binary, option):
    """If not a single port can be bound, that is an error"""
    done = run(few_ports, binary, *options(option, ['203.0.113.9/all']),
               'true')
    assert done.returncode == 1
    assert option in done.stderr and '203.0.113.9' in done.stderr


def test_after_dns_option(start, topology):
    """Scenario 71: a port option after -D counts, and so does -D"""
    pasta = start('-D', '198.51.100.9', '-t', '8001', '-D', '198.51.100.8',
                  '-t', '8003')
    for port in 8001, 8003:
        with serve(pasta.ns, KINDS['-t'], port=port) as server:
            reach(topology.host, LO4, port, server)
    assert '198.51.100.9' in pasta.stderr() + pasta.log_text()


def test_udp_implied(start, topology):
    """-t forwards UDP ports of the same numbers, without translation"""
    pasta = start('-t', '8001:9001')
    with serve(pasta.ns, KINDS['-u'], port=8001) as server:
        reach(topology.host, LO4, 8001, server)
        reach(topology.remote1, SECOND6, 8001, server)
    with serve(pasta.ns, KINDS['-t'], port=9001) as server:
        reach(topology.host, LO4, 8001, server)


@pytest.mark.parametrize('spec', ['none', '8002'])
def test_udp_not_implied(start, topology, spec):
    """-u overrides what -t implies"""
    pasta = start('-t', '8001', '-u', spec)
    assert is_refused(topology.host, KINDS['-u'], LO4, 8001)
    with serve(pasta.ns, KINDS['-t'], port=8001) as server:
        reach(topology.host, LO4, 8001, server)


@pytest.mark.parametrize('option', KINDS)
@pytest.mark.parametrize('address', ['203.0.113.77', '2001:db8:3::77'])
def test_freebind(own_topology, start_own, option, address):
    """Scenario 41: an address that the host gets later on"""
    t = own_topology
    pasta = start_own('--freebind', *options(option, [f'{address}/8001']))
    t.host.ip(f'addr add {address}/{128 if ":" in address else 32} dev lo')
    via = HOST6 if ':' in address else HOST4
    t.remote1.ip(f'route add {address} via {via}')
    with serve(pasta.ns, KINDS[option]) as server:
        reach(t.remote1, address, PORT, server)
        reach(t.host, address, PORT, server)


@pytest.mark.parametrize('option', KINDS)
@pytest.mark.parametrize('flag, there, elsewhere', [
    ('-4', [LO4, SECOND4], [LO6, SECOND6]),
    ('-6', [LO6, SECOND6], [LO4, SECOND4])])
def test_one_version(start, topology, option, flag, there, elsewhere):
    """-4 and -6 hold for ports, too"""
    pasta = start(flag, *options(option, ['8001']))
    with serve(pasta.ns, KINDS[option]) as server:
        for address in there:
            for ns in origins(topology, address):
                reach(ns, address, PORT, server)
        for address in elsewhere:
            for ns in origins(topology, address):
                assert is_refused(ns, KINDS[option], address, PORT)
