# SPDX-License-Identifier: BSD-3-Clause
"""README.md against the tree: files, options and targets it names exist.

So does what contrib/ is about.
"""

import glob
import os
import re
import shutil
import subprocess
import tempfile

TOP = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


def read(name):
    """Text of a file"""
    with open(os.path.join(TOP, name), encoding='utf-8') as f:
        return f.read()


def test_each_module_is_in_the_table():
    """Whoever looks for a module finds it, and finds none that isn't there"""
    modules = {os.path.basename(p) for p in glob.glob(f'{TOP}/*.c')}
    assert set(re.findall(r'`(\w+\.c)`', read('README.md'))) == modules


def test_options_exist():
    """Options of the examples are those of the manual page, and those that are
    told not to be there yet aren't"""
    known = set(re.findall(r'^\.It Fl .*?-([a-z][a-z0-9-]+)', read('passt.1'),
                           re.M))
    before, later, behind = re.split(r'^Not yet:$|^Not planned',
                                     read('README.md'), flags=re.M)
    option = re.compile(r'[\s`]--([a-z0-9-]+)')
    named = set(option.findall(before + behind))
    assert named and named <= known
    assert not set(option.findall(later)) & known


def test_targets_exist():
    """make knows what is named with it"""
    targets = set(re.findall(r'^([\w -]+):', read('Makefile'), re.M))
    known = {word for line in targets for word in line.split()}
    named = set(re.findall(r'(?:`|    )make ([\w-]+)', read('README.md')))
    assert {'check', 'unit', 'lint', 'install'} <= named <= known


def test_promises_have_tests():
    """Each test that the table of promises names is there"""
    table = read('README.md').split('| promise | test |')[1].split('\n\n')[0]
    rows = re.findall(r'^\| [^|]+\| ([^|]+) \|', table, re.M)
    assert len(rows) > 20
    for row in rows:
        text = ''
        names = re.findall('`([^`]+)`', row)
        assert names or row == 'same'
        for name in names:
            c = f'{TOP}/test/{name}.c'
            if name.endswith('.py') and '*' not in name:
                text = read(f'test/{name}')
            elif os.path.exists(c):
                text = read(f'test/{name}.c')
            elif not name.startswith('make ') and '*' not in name:
                assert re.search(rf'\b{name}\(', text), name


def test_paths_of_contrib_exist():
    """What contrib/README.md describes is all there is, besides itself"""
    named = set(re.findall(r'\* `(\S+)`', read('contrib/README.md')))
    found = {os.path.relpath(p, f'{TOP}/contrib')
             for p in glob.glob(f'{TOP}/contrib/*/*')}
    for path in {p for p in named if p.endswith('/')}:
        named |= {p for p in found if p.startswith(path)}
        named.remove(path)
    assert named == found
    assert '`contrib/`' in read('README.md')


def test_unit_of_systemd():
    """Its command line is one of pasta; systemd, if it is there, agrees"""
    unit = read('contrib/systemd/pasta@.service')
    program = os.path.join(TOP, 'pasta')
    command = re.search(r'^ExecStart=/usr/local/bin/pasta (.*)$', unit, re.M)[1]
    options = re.search(r'^Environment="PASTA_OPTIONS=(.*)"$', unit, re.M)[1]
    command = command.replace('--netns %i', '--netns /proc/self/ns/net')
    command = command.replace('%i', 'blue').replace('$PASTA_OPTIONS', options)
    assert '$' not in command and '%' not in command
    assert re.search(r'^PIDFile=(.*)$', unit, re.M)[1] in unit.split('--pid')[1]
    subprocess.run([program, *command.split(), '--version'], check=True,
                   timeout=30, stdout=subprocess.DEVNULL)

    if not shutil.which('systemd-analyze'):
        return
    with tempfile.TemporaryDirectory() as directory:
        path = os.path.join(directory, 'pasta@blue.service')
        with open(path, 'w', encoding='utf-8') as f:
            f.write(unit.replace('/usr/local/bin/pasta', program))
        done = subprocess.run(['systemd-analyze', 'verify', '--man=no', path],
                              capture_output=True, text=True, timeout=60,
                              check=False)
    assert 'pasta@' not in done.stderr


def complete(*words, program='pasta'):
    """What bash offers for the last one of the words"""
    script = ('. "$1"; shift; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1));'
              '_pasta "$1"; printf "%s\\n" "${COMPREPLY[@]}"')
    done = subprocess.run(
        ['bash', '-c', script, 'bash',
         os.path.join(TOP, 'contrib/bash-completion/pasta'),
         os.path.join(TOP, program), *words],
        capture_output=True, text=True, timeout=30, check=True)
    assert done.stderr == ''
    return done.stdout.split()


def test_completion_of_bash():
    """All options, those with a prefix, and values of some"""
    known = re.findall(r'^\.It Fl .*?-([a-z][a-z0-9-]+)', read('passt.1'), re.M)
    offered = {*complete('--'), *complete('--', program='passt')}
    assert offered == {f'--{name}' for name in known}
    assert '--socket' not in complete('--')
    assert complete('-q', '--map-g') == ['--map-guest-addr']
    for option in ['-i'], ['--outbound-if4', '=']:
        assert 'lo' in complete(*option, 'l')
    for option in '--pid', '--socket':
        assert complete(option, f'{TOP}/READM') == [f'{TOP}/README.md']
    assert 'true' in complete('-q', 'tru')
    named = re.findall(r'--([a-z0-9-]+)(?= \||\))',
                       read('contrib/bash-completion/pasta'))
    assert len(named) > 5 and set(named) <= set(known)
