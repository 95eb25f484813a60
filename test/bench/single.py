# SPDX-License-Identifier: BSD-3-Clause
"""Measurements that need a daemon of their own: memory, start-up, many flows.
"""

import json
import subprocess
import time

import lab
from cells import RUNS, median
from scene import USER, Daemon, Plain, memory

FLOWS = 10000
STARTS = 7
START_COMMANDS = ['--config-net', 'true']
# Both ends of a connection are descriptors, of which a process may have 20,000
# on many a machine
FLOW_COUNTS = [1, 1000, 10000, 19000, 100000]


def attempt(scene, program, mtu, missing):
    """Start a daemon. Return: None if that fails"""
    try:
        return Daemon(scene, program, mtu)
    except (RuntimeError, TimeoutError) as error:
        missing[program.name] = str(error)
        return None


def with_flows(scene, daemon, count):
    """Memory while there are many connections. Return: KiB by name, flows"""
    way = scene.way('tap', 4, daemon)
    options, namespaces = scene.load_command(
        ['flows', '-n', str(count), '-A', '0', '-t', '0'], way)
    with subprocess.Popen(options + namespaces, stdin=subprocess.PIPE,
                          stdout=subprocess.PIPE, text=True) as process:
        line = process.stdout.readline()
        if not line:
            return None, 0
        used = memory(daemon.pids)
        process.stdin.close()
    return used, json.loads(line)['flows']


def measure_memory(scene, missing):
    """RSS of daemons without and with flows

    Return: by program: MiB idle, with flows, and how many those were
    """
    results = {}
    for i in range(RUNS):
        for program in scene.programs:
            daemon = attempt(scene, program, 65520, missing)
            if not daemon:
                continue
            row = results.setdefault(program.name, {'idle': []})
            row['idle'].append(memory(daemon.pids)['Rss'] / 1024)
            if not i:
                used, flows = with_flows(scene, daemon, FLOWS)
                row['flows'] = flows
                row['loaded'] = used['Rss'] / 1024 if used else None
            daemon.stop()
    return results


def measure_start(scene):
    """Whole time of `pasta --config-net true`, and of unshare for comparison

    Return: by program: ms
    """
    commands = {p.name: [p.path, *START_COMMANDS] for p in scene.programs
                if p.splices}
    commands['plain'] = ['unshare', '-rUn', 'true']
    results = {name: [] for name in commands}
    for _ in range(STARTS):
        for name, command in commands.items():
            with scene.topology.host:
                begin = time.monotonic()
                done = subprocess.run(command, stdout=subprocess.DEVNULL,
                                      stderr=subprocess.DEVNULL, timeout=30,
                                      stdin=subprocess.DEVNULL, check=False,
                                      **USER)
                if not done.returncode:
                    results[name].append((time.monotonic() - begin) * 1000)
    return results


def measure_flows(scene, names, counts, deadline):
    """Cost of a request while there are many flows

    Once with one active flow, once with a tenth of them.
    Return: list of points
    """
    points = []
    programs = {p.name: p for p in scene.programs}
    for count in counts:
        for name in names:
            if time.monotonic() > deadline:
                return points
            daemon = Plain(scene) if name == 'plain' else \
                attempt(scene, programs[name], 65520, {})
            if not daemon:
                continue
            for active in sorted({1, max(1, count // 10)}):
                point = measure_point(scene, daemon, count, active)
                if point:
                    points.append(point)
            daemon.stop()
    return points


def measure_point(scene, daemon, count, active):
    """One point of the figure. Return: None if there is no figure"""
    lab.wait_for(lambda: not is_busy(daemon), 'end of connections', 30)
    result, _ = scene.load(
        ['flows', '-n', str(count), '-A', str(active), '-t', '500', '-w',
         '300'], scene.way('tap', 4, daemon), daemon.pids, timeout=90)
    if not result or not result['ops']:
        return None
    return {'program': daemon.name, 'asked': count, 'flows': result['flows'],
            'active': min(active, result['flows']),
            'per_s': result['ops'] / result['ns'] * 1e9,
            'cpu_us': result['cpu_ns'] / result['ops'] / 1000}


def is_busy(daemon):
    """Its guest still has connections"""
    return daemon.ns.run('ss -tnH state established').stdout.count('\n') > 1


def summary(results):
    """Medians of lists"""
    return {name: median(values) for name, values in results.items()}
