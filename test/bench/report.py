# SPDX-License-Identifier: BSD-3-Clause
"""The results as a table."""

import goals
from cells import ALL, median

# Units that have a line in the table; all are in the JSON
SHOWN = ['Gbit/s', 'kpps', '1/s', 'CPU s/GB', 'CPU us', 'p50 us', 'p99 us',
         'loss %', 'ramp ms']
WIDTH, COLUMN = 46, 14


def number(value):
    """Three digits or so"""
    if value is None:
        return '-'
    if value >= 100 or value == int(value):
        return f'{value:.0f}'
    return f'{value:.2f}' if value >= 1 else f'{value:.3f}'


def line(name, unit, figures, ratios):
    """One line: figures of all programs, then ratios"""
    return (f'{name:{WIDTH}}{unit:9}' +
            ''.join(f'{number(figures.get(p)):>{COLUMN}}' for p in ALL) +
            ''.join(f'{number(r):>9}' for r in ratios))


def head(title):
    """Heading of a group"""
    return (f'\n{title:{WIDTH + 9}}' +
            ''.join(f'{p:>{COLUMN}}' for p in ALL) + '  / plain  / peer')


def cell_lines(row, first):
    """Lines of one cell, with a heading if it is the first of its group"""
    if first:
        yield head(row['group'])
    name = row['name']
    units = {u for v in row['values'].values() for u in v}
    for unit in SHOWN:
        if unit in units:
            yield line(name, unit, goals.medians(row, unit),
                       goals.compare(row, unit))
            name = ''
    for program, errors in row['errors'].items():
        yield f'    {program}: {errors[0]}'


def single_lines(results):
    """Lines of memory and start-up"""
    if results.get('memory'):
        yield head('memory of all processes')
        rows = results['memory']
        yield line('RSS idle', 'MiB', {n: median(r['idle'])
                                       for n, r in rows.items()}, [])
        yield line('RSS with flows', 'MiB', {n: r.get('loaded')
                                             for n, r in rows.items()}, [])
        yield line('', 'flows', {n: r.get('flows') or 0
                                 for n, r in rows.items()}, [])
    if results.get('start'):
        yield head('start')
        yield line('pasta --config-net true; plain: unshare', 'ms',
                   {n: median(v) for n, v in results['start'].items()}, [])


def flow_lines(results):
    """Lines of the cost as the number of flows grows"""
    points = results.get('flows', [])
    if points:
        yield head('many flows')
    for flows, active in sorted({(p['asked'], p['active'] == 1)
                                 for p in points}):
        mine = [p for p in points if p['asked'] == flows and
                (p['active'] == 1) == active]
        what = 'one active' if active else 'a tenth active'
        for unit, key in ('1/s', 'per_s'), ('CPU us', 'cpu_us'):
            yield line(f'{flows} flows, {what}' if key == 'per_s' else '',
                       unit, {p['program']: p[key] for p in mine}, [])
        short = {p['program']: p['flows'] for p in mine
                 if p['flows'] < flows}
        if short:
            yield line('', 'reached', short, [])


def goal_lines(results):
    """The goals, and whether they are reached"""
    yield f'\n{"goal":44}{"worst cell":38}{"is":>10}  {"should be":16}'
    for what, cell, value, least, reached in goals.lines(results):
        yield (f'{what:44}{cell:38}{value:>10}  {least:16}'
               f'{"" if reached else "not reached"}')


def footer(results):
    """What is to be known of the figures"""
    machine = results['machine']
    yield ''
    for name, version in results['programs'].items():
        yield f'{name}: {version}'
    for name, why in results['missing'].items():
        yield f'missing: {name}: {why}'
    for name in results['left_out']:
        yield f'left out for lack of time: {name}'
    yield (f'{results["date"]}, {machine["cpus"]} x {machine["cpu"]}, Linux '
           f'{machine["kernel"]}, load before {machine["load_before"]}, after '
           f'{machine["load_after"]}; {results["seconds"]:.0f} s')
    for note in results['notes']:
        yield note
