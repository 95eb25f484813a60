#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""Measure pasta, others of its kind, and the plain path, side by side.

test/bench/bench.py [--quick] [--only TEXT] [--json FILE] [--peers DIRECTORY]
                    [--program FILE] [--runs N] [--nice N]

README.md beside this file tells what the figures mean. The plan is left as it
is when time is out: what is left out is named.
"""

import argparse
import contextlib
import datetime
import glob
import json
import os
import platform
import subprocess
import sys
import tempfile
import time

BENCH = os.path.dirname(os.path.abspath(__file__))
TESTS = os.path.dirname(BENCH)
sys.path[:0] = [BENCH, TESTS]

import cells  # noqa: E402
import guests  # noqa: E402
import lab  # noqa: E402
import report  # noqa: E402
import scene as scenes  # noqa: E402
import single  # noqa: E402

BUDGET_S = {'full': 19 * 60, 'quick': 165}
# Of these, for what single.py does, and for virtual machines
SINGLE_S = {'full': 250, 'quick': 20}
GUESTS_S = {'full': 180, 'quick': 0}


def options():
    """Read the command line"""
    parser = argparse.ArgumentParser()
    parser.add_argument('--quick', action='store_true')
    parser.add_argument('--only', help='cells whose name contains this')
    parser.add_argument('--json', default=f'{TESTS}/build/bench.json')
    parser.add_argument('--peers', default=f'{TESTS}/build/peers')
    parser.add_argument('--program', default=f'{TESTS}/../passt')
    parser.add_argument('--runs', type=int)
    parser.add_argument('--nice', type=int, default=0,
                        help='priority of all that is measured')
    return parser.parse_args()


def machine():
    """What the figures depend on"""
    with open('/proc/cpuinfo', encoding='utf-8') as f:
        names = [line.partition(':')[2].strip() for line in f
                 if line.startswith('model name')]
    return {'cpu': names[0] if names else platform.machine(),
            'cpus': os.cpu_count(), 'kernel': platform.release(),
            'load_before': load_average()}


def load_average():
    """As in /proc/loadavg"""
    return ' '.join(f'{a:.2f}' for a in os.getloadavg())


def sysctl_tcp(name):
    """Read a sysctl of TCP. Return: its words"""
    with open(f'/proc/sys/net/ipv4/tcp_{name}', encoding='ascii') as f:
        return f.read().split()


@contextlib.contextmanager
def congestion_controls():
    """Those of cubic and bbr that namespaces can use

    A namespace may only use what the machine allows: that is set for the time
    of the benchmark.
    """
    path = '/proc/sys/net/ipv4/tcp_allowed_congestion_control'
    before = sysctl_tcp('allowed_congestion_control')
    names = [cc for cc in ('cubic', 'bbr')
             if cc in sysctl_tcp('available_congestion_control')]
    try:
        with open(path, 'w', encoding='ascii') as f:
            f.write(' '.join({*before, *names}))
    except OSError:
        names = [cc for cc in names if cc in before]
    yield names
    with contextlib.suppress(OSError):
        with open(path, 'w', encoding='ascii') as f:
            f.write(' '.join(before))


def set_priority(nice):
    """Have all that is measured come before, or behind, what else runs

    Source: sched(7), the autogroup feature: nice values hold within a session
    """
    os.nice(nice)
    if os.getsid(0) != os.getpid():
        with contextlib.suppress(OSError):
            os.setsid()
    with contextlib.suppress(OSError):
        with open('/proc/self/autogroup', 'w', encoding='ascii') as f:
            f.write(str(nice))


class Bench:
    """One run of the benchmark"""

    def __init__(self, args, directory, ccs):
        self.args = args
        self.plan = cells.quick(ccs) if args.quick else cells.full(ccs)
        self.begin = time.monotonic()
        self.kind = 'quick' if args.quick else 'full'
        self.deadline = self.begin + BUDGET_S[self.kind]
        scenes.build(directory)
        programs, missing = scenes.find_programs(directory, args.program,
                                                 args.peers)
        self.scene = scenes.Scene(directory, programs, [65520, 1500])
        self.wire = None
        self.group = None
        missing.update(self.scene.missing)
        self.results = {
            'date': datetime.datetime.now().isoformat(' ', 'minutes'),
            'kind': self.kind, 'machine': machine(),
            'programs': {p.name: p.version() for p in programs},
            'missing': missing, 'left_out': [], 'notes': [], 'cells': [],
        }
        if args.nice:
            self.results['notes'].append(
                f'everything measured had priority {args.nice} (nice)')

    def wire_of(self, rtt_ms):
        """Have a wire with a delay in place"""
        if self.wire and self.wire[0] == rtt_ms:
            return
        if self.wire:
            self.wire[1].delete()
        self.wire = rtt_ms, scenes.Wire(self.scene, rtt_ms)
        note = f'delay by {self.wire[1].means}'
        if note not in self.results['notes']:
            self.results['notes'].append(note)

    def show(self, lines):
        """Print at once"""
        for line in lines:
            print(line, flush=True)

    def measure_cells(self, deadline):
        """All cells of the plan for which there is time"""
        for cell in self.plan:
            if self.args.only and self.args.only not in \
                    f'{cell.group}: {cell.name}':
                continue
            if self.args.runs:
                cell.runs = self.args.runs
            if time.monotonic() + cell.seconds() > deadline:
                self.results['left_out'].append(f'{cell.group}: {cell.name}')
                continue
            values, errors = cells.measure(self.scene, cell, self.wire_of)
            row = {'group': cell.group, 'name': cell.name, 'goal': cell.goal,
                   'test': cell.test, 'values': values, 'errors': errors}
            self.results['cells'].append(row)
            self.show(report.cell_lines(row, cell.group != self.group))
            self.group = cell.group

    def run(self):
        """Measure everything, print it on the way"""
        results = self.results
        full = not self.args.quick
        single_at = self.deadline - SINGLE_S[self.kind]
        self.measure_cells(single_at - GUESTS_S[self.kind])
        if guests.are_wanted(self.args):
            rows = guests.measure(self.scene, results['missing'], single_at)
            results['cells'] += rows
            for i, row in enumerate(rows):
                self.show(report.cell_lines(row, not i))
        if not self.args.only:
            results['start'] = single.measure_start(self.scene)
            if full:
                results['memory'] = single.measure_memory(
                    self.scene, results['missing'])
                results['flows'] = single.measure_flows(
                    self.scene, cells.FEW, single.FLOW_COUNTS, self.deadline)
            self.show(report.single_lines(results))
            self.show(report.flow_lines(results))
        results['machine']['load_after'] = load_average()
        results['seconds'] = time.monotonic() - self.begin
        self.show(report.goal_lines(results))
        self.show(report.footer(results))

    def finish(self):
        """Take all down, keep the results"""
        if self.wire:
            self.wire[1].delete()
        self.scene.delete()
        os.makedirs(os.path.dirname(os.path.abspath(self.args.json)),
                    exist_ok=True)
        with open(self.args.json, 'w', encoding='utf-8') as f:
            json.dump(self.results, f, indent=1)


def main():
    """Get what is needed, measure, print, write JSON"""
    args = options()
    if os.geteuid():
        sys.exit('bench.py: namespaces are made by root')
    if not glob.glob(f'{args.peers}/*-newest'):
        subprocess.run([f'{BENCH}/get-peers', args.peers], check=False)
    if args.nice:
        set_priority(args.nice)
    missing = guests.build() if guests.are_wanted(args) else {}
    directory = tempfile.mkdtemp(prefix='pasta-bench-')
    lab.private_mounts(directory)
    os.chmod(directory, 0o777)
    with congestion_controls() as ccs:
        bench = Bench(args, directory, ccs)
        bench.results['missing'].update(missing)
        try:
            bench.run()
        finally:
            bench.finish()
            lab.forget_mounts(directory)


if __name__ == '__main__':
    main()
