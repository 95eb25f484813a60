# SPDX-License-Identifier: BSD-3-Clause
"""Throughput of virtual machines, by stream socket and by vhost-user.

One machine for each way to attach it, with a network card for each program and
MTU, used in turns. The processor is emulated, and vm_net checks each byte, so
that the machine is the limit; what counts is the processor time of passt.
"""

import os
import re
import subprocess
import time

import lab
import vm as vms

MIB = 1 << 20
SIZE = 48 * MIB
RUNS = 5
GROUP = 'virtual machines'
PORT = 5000
MTUS = [65520, 1500]
NAMES = {'pasta': 'ours/passt', 'pasta-newest': 'peers/passt-newest'}


class Passt(vms.Passt):
    """As in the tests, but any passt, which may log what it likes"""

    def is_listening(self):
        """Its socket is there, or it has failed"""
        assert self.process.poll() is None, self.stderr()
        return os.path.exists(self.path)


def find(scene):
    """Directories in which each program is named passt"""
    found = {}
    for name, path in NAMES.items():
        source = f'{scene.directory}/{path}'
        if not os.path.exists(source):
            continue
        place = f'{scene.directory}/guest-{name}'
        os.mkdir(place)
        with open(f'{place}/passt', 'w', encoding='ascii') as f:
            f.write(f'#!/bin/sh\nexec {source} "$@"\n')
        os.chmod(f'{place}/passt', 0o755)
        found[name] = f'{place}/passt'
    return found


def cpu_ns(pid):
    """Processor time of a process"""
    with open(f'/proc/{pid}/schedstat', encoding='ascii') as f:
        return int(f.read().split()[0])


def transfer(scene, machine, passt, up):
    """Carry data one way. Return: Gbit/s, s of processor time per GB"""
    sizes = (SIZE, 0) if up else (0, SIZE)
    before = cpu_ns(passt.process.pid)
    with vms.VmNet(scene.topology.remote1, f'tcp-listen {lab.SHARED4} {PORT} '
                   f'{sizes[1]} {sizes[0]}') as peer:
        out = machine.run(f'vm_net tcp-connect {lab.SHARED4} {PORT} '
                          f'{sizes[0]} {sizes[1]}', seconds=120)
        peer.finish()
    seconds = float(re.search(r'^done ([\d.]+)', out, re.M)[1])
    return (SIZE * 8 / seconds / 1e9,
            (cpu_ns(passt.process.pid) - before) / SIZE)


def note_transfer(row, name, *way):
    """Put the figures of a transfer, or how it failed, into a program's row

    One that has failed twice isn't asked again.
    """
    if len(row['errors'].get(name, [])) > 1:
        return
    try:
        figures = transfer(*way)
    except (AssertionError, OSError) as error:
        row['errors'].setdefault(name, []).append(str(error))
        return
    units = row['values'].setdefault(name, {'Gbit/s': [], 'CPU s/GB': []})
    for unit, figure in zip(units, figures):
        units[unit].append(figure)


def measure_mode(scene, mode, image, deadline):
    """All cards of one machine, as often as there is time. Return: as cells"""
    cards = [(name, mtu, Passt(scene.topology, path, mode, '--mtu', str(mtu)))
             for name, path in find_once(scene).items() for mtu in MTUS]
    machine = vms.Vm(scene.topology, image, [c[2] for c in cards])
    rows = {(way, mtu): {
        'group': GROUP, 'name': f'{mode} {way} v4 MTU {mtu}', 'test': [],
        'goal': 'guest' if mode == vms.VHOST_USER else None,
        'values': {}, 'errors': {}} for mtu in MTUS for way in ('up', 'down')}
    try:
        for _ in range(RUNS):
            for i, (name, mtu, passt) in enumerate(cards):
                machine.configure(i)
                for way in 'up', 'down':
                    note_transfer(rows[way, mtu], name, scene,
                                  machine, passt, way == 'up')
            if time.monotonic() > deadline:
                break
    finally:
        machine.stop()
        for card in cards:
            card[2].stop()
    return list(rows.values())


def find_once(scene):
    """find(), kept with the scene"""
    if not hasattr(scene, 'guest_programs'):
        scene.guest_programs = find(scene)
    return scene.guest_programs


def are_wanted(args):
    """Are machines part of what is to be measured?"""
    return not args.quick and (args.only or GROUP) in GROUP


def build():
    """Get what machines are made of. Return: what is missing by name, and why

    Later on, names can't be resolved: see lab.private_mounts().
    """
    try:
        vms.build()
    except subprocess.CalledProcessError as error:
        return {GROUP: str(error)}
    return {}


def measure(scene, missing, deadline):
    """Both ways to attach a machine. Return: rows as of cells"""
    rows = []
    if GROUP in missing:
        return rows
    image = f'{scene.directory}/image'
    vms.make_image(image)
    for left, mode in zip(range(len(vms.MODES), 0, -1), vms.MODES):
        now = time.monotonic()
        try:
            rows += measure_mode(scene, mode, image,
                                 now + (deadline - now) / left)
        except (OSError, AssertionError, TimeoutError, TypeError) as error:
            missing[f'virtual machines by {mode}'] = str(error)[:200]
    return rows
