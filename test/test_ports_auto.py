# SPDX-License-Identifier: BSD-3-Clause
"""Ports that are forwarded as long as somebody has them bound behind."""

import contextlib

import pytest

from lab import wait_for
from ports import (GATEWAY4, GATEWAY6, HOST4, HOST6, KINDS, LO4, LO6, PORT,
                   SECOND4, SECOND6, is_bound, is_loopback, is_refused, reach,
                   serve)

ALL_OPTIONS = ['-t', '-u', '-T', '-U']


def only(option, spec='auto'):
    """Command line that has one option follow ports, none the others"""
    for other in ALL_OPTIONS:
        yield from (other, spec if other == option else 'none')


def kind_of(option):
    """Type of socket that an option is about"""
    return KINDS[option.lower()]


@pytest.fixture
def sides(start, topology):
    """Function that starts pasta with one option

    Return: where ports are forwarded, where they lead to
    """
    def begin(option, *args):
        pasta = start(*(args or only(option)))
        both = topology.host, pasta.ns
        return both if option in KINDS else both[::-1]
    return begin


def wait_bound(ns, kind, port):
    """A port gets forwarded"""
    wait_for(lambda: is_bound(ns, kind, port), 'forwarded port')


def wait_unbound(ns, kind, port):
    """A port isn't forwarded any more"""
    wait_for(lambda: not is_bound(ns, kind, port), 'port not forwarded')


@pytest.mark.parametrize('option', ALL_OPTIONS)
def test_appears_and_vanishes(sides, topology, option):
    """A port is there once it is bound behind, and only as long as it is"""
    near, far = sides(option)
    kind = kind_of(option)
    assert is_refused(near, kind, LO4, PORT)
    with serve(far, kind) as server:
        wait_bound(near, kind, PORT)
        for address in LO4, LO6:
            reach(near, address, PORT, server)
        if option in KINDS:
            for address in HOST4, SECOND4, HOST6, SECOND6:
                reach(topology.remote1, address, PORT, server)
    wait_unbound(near, kind, PORT)
    assert is_refused(near, kind, LO4, PORT)


@pytest.mark.parametrize('option', ALL_OPTIONS)
def test_one_version_is_enough(sides, option):
    """A port that is bound for one IP version only is forwarded, too"""
    near, far = sides(option)
    own4, own6 = (HOST4, HOST6) if option in KINDS else (LO4, LO6)
    with serve(far, kind_of(option), own4, PORT) as server4, \
            serve(far, kind_of(option), own6, PORT + 1) as server6:
        for port in PORT, PORT + 1:
            wait_bound(near, kind_of(option), port)
        reach(near, LO4, PORT, server4)
        reach(near, LO6, PORT + 1, server6)


@pytest.mark.parametrize('flags, there, elsewhere', [
    (['-q'], [LO4, LO6], []), (['-4'], [LO4], [LO6]), (['-6'], [LO6], [LO4])])
def test_default(start, topology, flags, there, elsewhere):
    """Scenario 74: auto is the default of all four, also with -4 or -6"""
    host, guest = topology.host, start(*flags).ns
    with contextlib.ExitStack() as stack:
        ways = []
        for port, option in enumerate(ALL_OPTIONS, PORT):
            near, far = (host, guest) if option in KINDS else (guest, host)
            server = stack.enter_context(serve(far, kind_of(option),
                                               port=port))
            ways.append((near, kind_of(option), port, server))
        for near, kind, port, server in ways:
            wait_bound(near, kind, port)
            for address in there:
                reach(near, address, port, server)
            for address in elsewhere:
                assert is_refused(near, kind, address, port)


@pytest.mark.parametrize('option', ['-T', '-U'])
def test_present_at_start(topology, start, option):
    """What the host has bound before the start is forwarded at once"""
    kind = kind_of(option)
    with serve(topology.host, kind) as server:
        pasta = start(*only(option))
        assert is_bound(pasta.ns, kind, PORT)
        reach(pasta.ns, LO4, PORT, server)


@pytest.mark.parametrize('option', KINDS)
def test_set(sides, option):
    """8000-8010,auto is about a set of ports only"""
    near, far = sides(option, *only(option, '8000-8010,auto'))
    kind = KINDS[option]
    with serve(far, kind, port=8011), serve(far, kind, port=8010) as server:
        wait_bound(near, kind, 8010)
        reach(near, LO4, 8010, server)
        assert is_refused(near, kind, LO4, 8011)
        assert is_refused(near, kind, LO4, 8000)


@pytest.mark.parametrize('option', KINDS)
@pytest.mark.parametrize('spec, there, elsewhere', [
    ('::1/auto', LO6, [LO4, SECOND6]), (f'{SECOND4}/auto', SECOND4, [LO4]),
    ('%lo/auto', LO4, [SECOND4])])
def test_at_address(sides, topology, option, spec, there, elsewhere):
    """Only at the address or interface asked for"""
    near, far = sides(option, *only(option, spec))
    kind = KINDS[option]
    with serve(far, kind) as server:
        wait_bound(near, kind, PORT)
        ns = near if is_loopback(there) else topology.remote1
        reach(ns, there, PORT, server)
        for address in elsewhere:
            assert is_refused(near, kind, address, PORT)


def wait_scans(near, far):
    """Let two more looks at bound ports go by, whatever the clock says

    A port that comes and goes takes two.
    """
    with serve(far, KINDS['-t'], port=PORT + 100):
        wait_bound(near, KINDS['-t'], PORT + 100)
    wait_unbound(near, KINDS['-t'], PORT + 100)


def bound(ns):
    """Addresses and ports of all sockets that wait for somebody"""
    return sorted(line.split()[4] for line in
                  ns.run('ss -tulnH').stdout.splitlines())


def test_no_loop(start, topology):
    """Scenario 44: our own listeners are not forwarded back

    Else two options would keep a port alive that nobody has bound any more.
    """
    pasta = start()
    host, guest = topology.host, pasta.ns
    with contextlib.ExitStack() as stack:
        for port, kind in enumerate(KINDS.values(), PORT):
            stack.enter_context(serve(host, kind, LO4, port))
            stack.enter_context(serve(guest, kind, HOST4, port + 10))
        for port, kind in enumerate(KINDS.values(), PORT):
            wait_bound(guest, kind, port)
            wait_bound(host, kind, port + 10)
        wait_scans(host, guest)
        before = bound(host), bound(guest)
        wait_scans(host, guest)
        assert (bound(host), bound(guest)) == before
    wait_for(lambda: bound(host) == bound(guest) == [], 'ports not forwarded')
    wait_scans(host, guest)
    assert bound(host) == bound(guest) == []


def test_remapped_is_no_loop(start, topology):
    """Nor does a port come back by another number"""
    pasta = start('-t', '8001:9001', '-T', 'auto', '-u', 'none', '-U', 'none')
    wait_scans(pasta.ns, topology.host)
    assert bound(pasta.ns) == []


@pytest.mark.parametrize('option', ALL_OPTIONS)
def test_none(sides, option):
    """none forwards nothing, whatever the others do"""
    args = [a for o in ALL_OPTIONS
            for a in (o, 'none' if o == option else 'auto')]
    near, far = sides(option, *args)
    kind = kind_of(option)
    other = KINDS['-u' if option.lower() == '-t' else '-t']
    with serve(far, kind), serve(far, other, port=PORT + 2):
        wait_bound(near, other, PORT + 2)
        assert not is_bound(near, kind, PORT)


@pytest.mark.parametrize('option', ['-T', '-U'])
def test_loopback_of_namespace_only(sides, option):
    """Ports of the host are at the namespace's loopback, by all its names"""
    near, far = sides(option)
    kind = kind_of(option)
    with serve(far, kind) as server:
        wait_bound(near, kind, PORT)
        for address in LO4, LO6:
            reach(near, address, PORT, server)
        # This is the host itself, without a forwarded port
        for address in GATEWAY4, GATEWAY6:
            reach(near, address, PORT, server)


def test_ports_in_use_are_tried_again(start, topology):
    """Who has the port on the host keeps it: we get it once he ends"""
    kind = KINDS['-t']
    other = serve(topology.host, kind)
    pasta = start('-t', 'auto', '-T', 'none', '-u', 'none', '-U', 'none')
    with serve(pasta.ns, kind, HOST4) as server:
        wait_scans(topology.host, pasta.ns)
        reach(topology.host, LO4, PORT, other)
        other.close()

        def arrives():
            try:
                reach(topology.host, LO4, PORT, server)
            except ConnectionRefusedError:
                return False
            return True
        wait_for(arrives, 'forwarded port')
