#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""Throughput by TCP: the wire between two namespaces alone, then with pasta.

test/bench/bench.py [SECONDS [PROGRAM...]]

Each PROGRAM is a pasta to measure, ../pasta by default. The wire without pasta
is measured in the same minute, as only ratios mean something: absolute figures
change with the machine and with what else it does.
"""

import json
import os
import subprocess
import sys
import tempfile

BENCH = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.dirname(BENCH))

import lab  # noqa: E402

ADDRESSES = {4: lab.SHARED4, 6: lab.SHARED6}
PORT = '5201'
MTUS = ['1500', '65520']


def measure(ns, remote, address, reverse, seconds):
    """Run iperf3 between two namespaces. Return: Gbit/s received"""
    server = remote.popen(['iperf3', '-s', '-1', '-p', PORT],
                          stdout=subprocess.DEVNULL)
    lab.wait_for(lambda: f':{PORT} ' in remote.run('ss -tln').stdout, 'iperf3')
    out = ns.run(['iperf3', '-J', '-c', address, '-p', PORT, '-t',
                  str(seconds), *(['-R'] if reverse else [])],
                 timeout=seconds + 30).stdout
    server.wait(lab.WAIT_S)
    return json.loads(out)['end']['sum_received']['bits_per_second'] / 1e9


def row(name, ns, remote, seconds):
    """Measure both directions and versions, print a line"""
    figures = [measure(ns, remote, ADDRESSES[v], reverse, seconds)
               for v in (4, 6) for reverse in (False, True)]
    print(f'{name:42}' + ''.join(f'{f:9.2f}' for f in figures), flush=True)


def main(seconds='5', *programs):
    """Measure the wire, then each program with each MTU"""
    seconds = int(seconds)
    programs = programs or [f'{lab.TESTS}/../pasta']
    directory = tempfile.mkdtemp(prefix='pasta-bench-')
    lab.private_mounts(directory)
    os.chmod(directory, 0o777)
    topology = lab.Topology(directory)

    print('Gbit/s'.ljust(42) + '    up v4  down v4    up v6  down v6')
    row('wire alone', topology.host, topology.remote1, seconds)
    for i, program in enumerate(programs):
        place = f'{directory}/{i}'
        os.mkdir(place)
        binary = lab.install_binary(program, place)
        for mtu in MTUS:
            pasta = lab.Pasta(topology, binary, '--config-net', '-m', mtu)
            row(f'{os.path.relpath(program)}, MTU {mtu}', pasta.ns,
                topology.remote1, seconds)
            pasta.stop()
    topology.delete()
    lab.forget_mounts(directory)


if __name__ == '__main__':
    main(*sys.argv[1:])
