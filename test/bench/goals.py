# SPDX-License-Identifier: BSD-3-Clause
"""What the figures should be, as ratios, and whether they are.

Each goal is about the cells that name it, and is as good as the worst of them.
"""

from cells import median

PEERS = ['pasta-newest', 'pasta-release', 'slirp4netns']
OURS = 'pasta'
# Units of which less is better
LESS = {'CPU s/GB', 'CPU us', 'p50 us', 'p99 us', 'loss %', 'ramp ms'}

# key: what it is, unit, ratio to plain, ratio to the best peer: at least, or
# at most where less is better
GOALS = {
    'up 65520': ('up, MTU 65520', 'Gbit/s', 0.8, 3),
    'up 1500': ('up, MTU 1500', 'Gbit/s', 0.7, 8),
    'down 65520': ('down, MTU 65520', 'Gbit/s', 0.8, 1.1),
    'down 1500': ('down, MTU 1500', 'Gbit/s', 0.65, 5),
    'spliced': ('spliced loopback', 'Gbit/s', None, 1.15),
    'RTT 50': ('RTT 50 ms', 'Gbit/s', 0.9, None),
    'udp': ('datagrams of 1400 bytes', 'Gbit/s', None, 3),
    'crr tap': ('new connections, tap', '1/s', None, 1.5),
    'crr spliced': ('new connections, spliced', '1/s', None, 1.5),
    'rr tap': ('TCP latency, tap', 'p50 us', None, 0.9),
    'udp-rr tap': ('UDP latency, tap', 'p50 us', None, 0.9),
    'rr spliced': ('TCP latency, spliced', 'p50 us', None, 1),
    'udp-rr spliced': ('UDP latency, spliced', 'p50 us', None, 1),
}
LOSS_MAX = 0.1
GUEST_RATE, GUEST_COST = 1.3, 0.5
IDLE_MIB, FLOWS_MIB = 10, 40


def medians(row, unit):
    """Medians of a cell's row, by program"""
    return {name: median(units.get(unit, []))
            for name, units in row['values'].items()}


def best_peer(figures, unit):
    """The best figure of the peers' and whose it is, None without any"""
    found = [(figures[p], p) for p in PEERS if figures.get(p) is not None]
    if not found:
        return None, None
    return min(found) if unit in LESS else max(found)


def compare(row, unit):
    """Ratios of our figure to plain's and the best peer's, None if missing"""
    figures = medians(row, unit)
    ours, plain = figures.get(OURS), figures.get('plain')
    peer, _ = best_peer(figures, unit)
    return (ours / plain if ours and plain else None,
            ours / peer if ours and peer else None)


def throughput_goals(rows):
    """Lines of GOALS: what, which cell, ratio, bound, reached"""
    for key, (what, unit, to_plain, to_peer) in GOALS.items():
        mine = [row for row in rows if row['goal'] == key]
        for index, against, least in ((0, 'plain', to_plain),
                                      (1, 'best peer', to_peer)):
            found = [(compare(row, unit)[index], row['name']) for row in mine]
            found = [f for f in found if f[0] is not None]
            if not least or not found:
                continue
            if unit in LESS:
                ratio, name = max(found)
                reached, sign = ratio <= least, '<='
            else:
                ratio, name = min(found)
                reached, sign = ratio >= least, '>='
            yield (f'{what}: {against}', name, f'{ratio:.2f}',
                   f'{sign} {least}', reached)


def cost_goals(rows):
    """CPU per byte or request is the lowest of all in every row"""
    for unit in 'CPU s/GB', 'CPU us':
        found = [(compare(row, unit)[1], row['name']) for row in rows]
        found = [f for f in found if f[0] is not None]
        if found:
            ratio, name = max(found)
            yield (f'{unit}: best peer', name, f'{ratio:.2f}', '<= 1',
                   ratio <= 1)


def guest_goals(rows):
    """Virtual machines: faster, or half the cost where the machine is the limit

    Either of both is enough.
    """
    for row in rows:
        if row['goal'] != 'guest':
            continue
        _, rate = compare(row, 'Gbit/s')
        _, cost = compare(row, 'CPU s/GB')
        if rate and cost:
            yield ('guest: newest passt', row['name'],
                   f'{rate:.2f}, {cost:.2f}',
                   f'>= {GUEST_RATE}, <= {GUEST_COST}',
                   rate >= GUEST_RATE or cost <= GUEST_COST)


def count_goals(rows):
    """Time-outs, loss"""
    timeouts = [(sum(row['values'].get(OURS, {}).get('timeouts', [])),
                 row['name']) for row in rows]
    if timeouts:
        count, name = max(timeouts)
        yield 'TCP time-outs', name, str(count), '0', not count
    losses = [(medians(row, 'loss %')[OURS], row['name']) for row in rows
              if row['goal'] == 'udp' and OURS in row['values']]
    if losses:
        loss, name = max(losses)
        yield ('loss of datagrams, %', name, f'{loss:.3f}',
               f'< {LOSS_MAX}', loss < LOSS_MAX)


def single_goals(results):
    """Memory and start-up"""
    ours = results.get('memory', {}).get(OURS)
    if ours:
        idle = median(ours['idle'])
        yield ('RSS idle, MiB', 'memory', f'{idle:.1f}', f'<= {IDLE_MIB}',
               idle <= IDLE_MIB)
        if ours.get('loaded'):
            yield (f'RSS with {ours["flows"]} flows, MiB', 'memory',
                   f'{ours["loaded"]:.1f}', f'<= {FLOWS_MIB}',
                   ours['loaded'] <= FLOWS_MIB)
    start = {name: median(v) for name, v in results.get('start', {}).items()}
    if start.get(OURS) and start.get(PEERS[0]):
        ratio = start[OURS] / start[PEERS[0]]
        yield (f'start: {PEERS[0]}', 'pasta --config-net true',
               f'{ratio:.2f}', '<= 1', ratio <= 1)


def lines(results):
    """All goals there are figures for"""
    rows = results['cells']
    yield from throughput_goals(rows)
    yield from cost_goals(rows)
    yield from guest_goals(rows)
    yield from count_goals(rows)
    yield from single_goals(results)
