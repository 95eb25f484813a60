# SPDX-License-Identifier: BSD-3-Clause
"""What the benchmark measures: one Cell each, and the plans of full and quick.

A cell is measured with every program in turn, again and again, so that what
else the machine does hits all of them alike.
"""

import statistics

ALL = ['plain', 'pasta', 'pasta-newest', 'pasta-release', 'slirp4netns']
FEW = ['plain', 'pasta', 'pasta-newest']
RUNS = 5
START_MS = 150              # Time a run takes besides load itself
UDP_SIZE = 1400
UDP_WINDOW = 64             # Datagrams under way: a socket holds 92 of them


class Cell:
    """One measurement

    @group:	what a table has together
    @name:	what it is, unique
    @test:	options of load
    @place:	see Scene.way()
    @version:	of IP
    @mtu:	of the guest's interface
    @rtt_ms, @cc:	delay of the wire, congestion control, for place 'slow'
    @programs:	that are measured
    @goal:	key of a row in goals.py, may be None
    """

    def __init__(self, group, name, test, place='tap', version=4, **others):
        self.group, self.name, self.place = group, name, place
        self.version = version
        self.mtu = others.pop('mtu', 65520)
        self.rtt_ms = others.pop('rtt_ms', None)
        self.cc = others.pop('cc', None)
        self.programs = others.pop('programs', ALL)
        self.goal = others.pop('goal', None)
        self.time_ms = others.pop('time_ms', 500)
        self.warm_ms = others.pop('warm_ms', 100)
        self.runs = others.pop('runs', RUNS)
        assert not others
        self.test = [*test, '-t', str(self.time_ms), '-w', str(self.warm_ms)]

    def seconds(self):
        """How long it takes, about"""
        return self.runs * len(self.programs) * (
            self.time_ms + self.warm_ms + START_MS) / 1000

    def figures(self, result):
        """Figures of one run, by unit, of what load has printed"""
        seconds = result['ns'] / 1e9
        cpu = result['cpu_ns']
        kind = self.test[0]
        if kind == 'stream':
            return {'Gbit/s': result['bytes'] * 8 / result['ns'],
                    'CPU s/GB': ratio(cpu, result['bytes']),
                    'ramp ms': result['first_ns'] / 1e6}
        if kind == 'udp':
            # To be told apart from none: half a datagram
            lost = max(0, result['sent'] - result['received'])
            return {'Gbit/s': result['bytes'] * 8 / result['ns'],
                    'kpps': result['ops'] / seconds / 1000,
                    'loss %': 100 * ratio(lost, result['sent']),
                    'CPU s/GB': ratio(cpu, result['bytes'])}
        figures = {'1/s': result['ops'] / seconds,
                   'CPU us': ratio(cpu, result['ops']) / 1000}
        if kind != 'flows':
            figures['p50 us'] = result['p50_us']
            figures['p99 us'] = result['p99_us']
        return figures


def ratio(a, b):
    """A quotient, 0 if there is none"""
    return a / b if b else 0


def median(values):
    """Of those that are there, None without any"""
    values = [v for v in values if v is not None]
    return statistics.median(values) if values else None


def streams(versions, counts, mtus, **others):
    """Cells of throughput by the tap device"""
    for mtu in mtus:
        for way, option in ('up', []), ('down', ['-d']):
            for version in versions:
                for count in counts:
                    yield Cell('throughput', f'{way} v{version} MTU {mtu}, '
                               f'{count} stream' + 's' * (count > 1),
                               ['stream', '-n', str(count), *option],
                               version=version, mtu=mtu,
                               goal=f'{way} {mtu}' if count == 1 else None,
                               **others)


def spliced(versions, counts, places, **others):
    """Cells of throughput by loopback"""
    for place in places:
        for version in versions:
            for count in counts:
                yield Cell('throughput, spliced', f'{place} v{version}, '
                           f'{count} stream' + 's' * (count > 1),
                           ['stream', '-n', str(count)], place, version,
                           goal='spliced', **others)


def delayed(rtts, ccs, programs, long_ms=2000):
    """Cells of throughput by a wire with a delay"""
    for rtt in rtts:
        # Ramp-up and steady state in one: it takes a while
        time_ms = long_ms if rtt >= 10 else 500
        for cc in ccs:
            for way, option in ('up', []), ('down', ['-d']):
                yield Cell('throughput, delayed', f'{way} v4 RTT {rtt} ms, '
                           f'{cc}', ['stream', *option], 'slow',
                           rtt_ms=rtt, cc=cc, time_ms=time_ms, warm_ms=0,
                           programs=programs, goal=f'RTT {rtt}')


def requests(kinds, places, **others):
    """Cells of requests and answers"""
    for kind, what in kinds:
        for place, version in places:
            short = place.partition(' ')[0]
            yield Cell('requests', f'{what}, {place} v{version}', [kind],
                       place, version, goal=f'{kind} {short}', **others)


def datagrams(versions, variants, **others):
    """Cells of datagrams of 1400 bytes"""
    for what, options in variants:
        for way, option in ('up', []), ('down', ['-d']):
            for version in versions:
                yield Cell('datagrams', f'{way} v{version}, {what}',
                           ['udp', '-s', str(UDP_SIZE), *options, *option],
                           version=version, mtu=1500, **others)


SINGLE = ('sendmmsg', ['-n', str(UDP_WINDOW)])
JOINED = ('UDP_SEGMENT', ['-n', str(UDP_WINDOW), '-g'])
FLOOD = ('flood', ['-n', '0'])
RR = [('rr', 'TCP'), ('udp-rr', 'UDP')]
CRR = [('crr', 'connect')]
TAP, TAP6, SPLICED = ('tap', 4), ('tap', 6), ('spliced in', 4)
SPLICED6 = ('spliced in', 6)


def full(ccs):
    """Everything, what matters most first"""
    yield from streams([4], [1], [65520, 1500])
    yield from spliced([4, 6], [1], ['spliced in'])
    yield from requests(RR, [TAP, SPLICED], time_ms=300)
    yield from requests(CRR, [TAP, SPLICED])
    yield from datagrams([4], [SINGLE, JOINED], goal='udp')
    yield from delayed([50], ccs, FEW)
    yield from streams([6], [1], [65520, 1500])
    yield from streams([4, 6], [8], [65520, 1500])
    yield from delayed([1], ccs, FEW)
    yield from requests(RR, [TAP6, SPLICED6], time_ms=300)
    yield from requests(CRR, [TAP6, SPLICED6])
    yield from datagrams([6], [SINGLE, JOINED], goal='udp')
    yield from datagrams([4], [FLOOD])
    yield from spliced([4], [8], ['spliced in'])
    yield from spliced([4], [1, 8], ['spliced out'])


def quick(ccs):
    """The same in short: IPv4, one stream"""
    yield from streams([4], [1], [65520, 1500], time_ms=250)
    yield from spliced([4], [1], ['spliced in'], time_ms=250)
    yield from requests(RR, [TAP], time_ms=150)
    yield from requests(RR[:1], [SPLICED], time_ms=150)
    yield from requests(CRR, [TAP, SPLICED], time_ms=250)
    yield from datagrams([4], [SINGLE, JOINED], time_ms=250, goal='udp')
    yield from delayed([50], ccs[:1], FEW[:2], 1000)


def measure(scene, cell, wire_of):
    """Measure a cell

    @wire_of:	function that has a wire with a delay in place
    Return: figures by program, then unit: a list of runs; errors by program
    """
    values, errors = {}, {}
    if cell.rtt_ms:
        wire_of(cell.rtt_ms)
        scene.set_congestion_control(cell.cc)
    for _ in range(cell.runs):
        for name in cell.programs:
            daemon = scene.get(name, cell.mtu)
            if not daemon or not daemon.has(cell.place) or \
                    len(errors.get(name, [])) > 1:
                continue
            before = scene.timeouts(daemon)
            result, error = scene.load(
                cell.test, scene.way(cell.place, cell.version, daemon),
                daemon.pids)
            if error:
                errors.setdefault(name, []).append(error)
                continue
            figures = cell.figures(result)
            figures['timeouts'] = scene.timeouts(daemon) - before
            figures['softirq ticks'] = result['softirq_ticks']
            figures['user ticks'] = result['user_ticks']
            figures['sys ticks'] = result['sys_ticks']
            for unit, value in figures.items():
                values.setdefault(name, {}).setdefault(unit, []).append(value)
    return values, errors
