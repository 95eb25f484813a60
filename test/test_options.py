# SPDX-License-Identifier: BSD-3-Clause
"""Options as a user meets them: messages, exit status, help and manual page.

No root and no namespaces are needed: what starts nothing can be tested as is.
"""

import json
import os
import re
import subprocess

import pytest

TESTS = os.path.dirname(os.path.abspath(__file__))
TOP = os.path.dirname(TESTS)
BINARY = os.path.realpath(os.environ.get('PASTA', os.path.join(TOP, 'pasta')))
NO_IF = 'no-such-if'
LONG = 'sixteencharacter'


@pytest.fixture(scope='module')
def run(tmp_path_factory):
    """Function that runs the binary under the name of a program"""
    directory = tmp_path_factory.mktemp('bin')
    for name in 'passt', 'pasta':
        os.symlink(BINARY, directory / name)

    def call(program, *args):
        return subprocess.run(
            [directory / program, *args], stdin=subprocess.DEVNULL,
            capture_output=True, text=True, timeout=30, check=False)
    return call


# Command line, then what the one line of the message has to have besides the
# word "accepted": the option, the value, and what would be right
ADDRESS = 'unicast address'
IF = 'name of an interface of this host'
BAD = [
    # outbound address
    *[(['-o', a], ["'-o'", f"'{a}'", ADDRESS, 'of this host'])
      for a in ('127.0.0.1', '127.8.9.1', '::1', '0.0.0.0', '::', '224.0.0.1',
                '239.255.255.255', 'ff02::1', '255.255.255.255',
                '::ffff:192.0.2.1', '::ffff:c000:201', 'fe80::1',
                'fe80::1%lo', '192.0.2.1/24', '192.0.2', '192.0.2.256',
                'localhost', 'eth0', '', ' 192.0.2.1', '192.0.2.1 ', 'none')],
    (['--outbound', '127.0.0.1'], ["'--outbound'", "'127.0.0.1'"]),
    (['--outbound=::1'], ["'--outbound'", "'::1'"]),
    (['-o::1'], ["'-o'", "'::1'"]),
    (['-o', '192.0.2.1', '-o', '192.0.2.2'],
     ["'-o'", "'192.0.2.2'", 'one address of each IP version']),
    (['-o', '192.0.2.1', '--outbound', '192.0.2.1'],
     ["'--outbound'", "'192.0.2.1'", 'one address of each IP version']),
    (['-o', '2001:db8::1', '-o', '192.0.2.1', '-o', '2001:db8::2'],
     ["'-o'", "'2001:db8::2'", 'one address of each IP version']),
    (['-o'], ["'-o'", 'value missing', ADDRESS]),
    # interfaces of the host: --outbound-if4, --outbound-if6, -i
    *[([option, name], [f"'{option}'", f"'{name}'", IF])
      for option in ('--outbound-if4', '--outbound-if6', '-i', '--interface')
      for name in (NO_IF, LONG, LONG * 4, '', 'a/b', 'lo ', ' lo', 'l o', '.',
                   '..', 'lo:1', '192.0.2.1')],
    (['--outbound-if4'], ["'--outbound-if4'", 'value missing', IF]),
    (['-i'], ["'-i'", 'value missing', IF]),
    *[([option, 'lo'], [f"'{option}'", "'lo'", 'not the loopback interface'])
      for option in ('--outbound-if4', '--outbound-if6')],
    # addresses of the guest
    *[(['-a', a], ["'-a'", f"'{a}'", ADDRESS])
      for a in ('', '127.0.0.1', '::1', '0.0.0.0', '::', 'ff02::1',
                '224.0.0.1', '255.255.255.255', '192.0.2.1/33', 'x',
                '192.0.2.1/', '192.0.2.1/x', '2001:db8::1/129',
                '::ffff:192.0.2.1', 'fe80::5', 'fe80::5/64')],
    (['-a', '192.0.2.1/24', '-n', '24'],
     ["'--netmask'", "'24'", '--address', '/24']),
    (['--netmask', '255.255.0.0', '--address', '192.0.2.1/24'],
     ["'--netmask'", "'16'", '--address', '/24']),
    *[(['-n', n], ["'-n'", f"'{n}'", 'IPv4 netmask', '0 to 32'])
      for n in ('', '33', '-1', '255.0.255.0', 'x', '0.0.0.255', 'ffff::')],
    *[([option, a], [f"'{option}'", f"'{a}'", ADDRESS])
      for option in ('-g', '--dns-forward', '--map-host-loopback',
                     '--map-guest-addr')
      for a in ('', 'x', '127.0.0.1', '::1', '0.0.0.0', 'ff02::1',
                '255.255.255.255', '192.0.2.1/24', '::ffff:192.0.2.1')],
    *[(['-a', a, option, a], [f"'{option}'", f"'{a}'", '--address'])
      for option in ('--dns-forward', '--map-host-loopback',
                     '--map-guest-addr')
      for a in ('192.0.2.9', '2001:db8::9')],
    (['--map-guest-addr=192.0.2.9', '--map-host-loopback=192.0.2.9'],
     ["'--map-guest-addr'", "'192.0.2.9'", '--map-host-loopback']),
    (['-g', 'none'], ["'-g'", "'none'"]),
    (['--dns-forward', 'none'], ["'--dns-forward'", "'none'"]),
    *[([option, a], [f"'{option}'", f"'{a}'", 'unicast address'])
      for option in ('-D', '--dns-host')
      for a in ('', 'x', '0.0.0.0', 'ff02::1', '192.0.2.1:53')],
    (['-D192.0.2.1'] * 9, ["'-D'", "'192.0.2.1'", 'at most 8']),
    # numbers
    *[(['-m', m], ["'-m'", f"'{m}'", '68 to 65521'])
      for m in ('', '67', '65522', '-1', '1500x', '1e3', '0x500', '=1500',
                '99999999999999999999')],
    *[(['--log-size', s], ["'--log-size'", f"'{s}'", '4096 to 2147483648'])
      for s in ('', '0', '4095', '2147483649', '1M')],
    *[(['--stats', s], ["'--stats'", f"'{s}'", '1 to 86400'])
      for s in ('', '0', '86401', '-1', '1.5')],
    # MAC addresses
    *[([option, m], [f"'{option}'", f"'{m}'", 'unicast MAC address'])
      for option in ('-M', '--mac-addr', '--ns-mac-addr')
      for m in ('', 'x', '01:00:5e:00:00:01', 'ff:ff:ff:ff:ff:ff',
                '00:00:00:00:00:00', '9a:55:9a:55:9a', '9a:55:9a:55:9a:55:')],
    (['--ns-mac-addr', '9A:55:9a:55:9a:55', 'true'],
     ["'--ns-mac-addr'", "'9a:55:9a:55:9a:55'", '--mac-addr']),
    (['--ns-mac-addr=02:00:00:00:00:01', '-M02:00:00:00:00:01'],
     ["'--ns-mac-addr'", "'02:00:00:00:00:01'", '--mac-addr']),
    # names
    *[([option, n], [f"'{option}'", f"'{n}'", 'domain name'])
      for option in ('-H', '--fqdn', '-S')
      for n in ('', '-a', 'a..b', 'a,b', '.', 'x' * 64, 'a/b')],
    *[([option, 'x' * 64], [f"'{option}'", 'at most 63', 'underscores'])
      for option in ('-H', '--fqdn')],
    (['-S', 'a ..'], ["'-S'", "'a ..'"]),
    (['-S', ' '], ["'-S'", "' '"]),
    (['-S', ('x' * 60 + ' ') * 20], ["'-S'", 'at most 1023']),
    *[(['-I', n], ["'-I'", f"'{n}'", 'at most 15 characters'])
      for n in ('', LONG, 'a/b', 'a b', '..', 'tap%d', 'all', 'default')],
    # files and users
    *[([option, ''], [f"'{option}'", "''", 'path'])
      for option in ('-l', '--log-file', '-p', '--pcap', '-P', '--pid')],
    (['-p', 'x' * 4096], ["'-p'", 'path']),
    *[([option, '/no/such/file', 'true'],
       [f"'{option}'", "'/no/such/file'", 'No such file', 'a file to write to'])
      for option in ('--log-file', '--pcap', '--pid')],
    *[(['--runas', r], ["'--runas'", f"'{r}'", 'UID:GID', 'LOGIN:GROUP'])
      for r in ('', ':', '1:', ':1', 'no-such-user', 'root:no-such-group',
                '4294967295', '-1', '1:2:3')],
    # port forwarding
    *[([option, spec], [f"'{option}'", f"'{spec}'", right])
      for option in ('-t', '--tcp-ports', '-u', '-T', '-U')
      for spec, right in (('', 'ports, all, auto or none'),
                          ('None', 'PORT, FIRST-LAST'),
                          ('auto,none', 'none without anything besides'),
                          ('0', 'port numbers from 1 to 65535'),
                          ('22-80:32', 'as many target ports'))],
    (['-t'], ["'-t'", 'value missing', 'PORTS']),
    (['-t', '22', '-t', '20-30:2020-2030'],
     ["'--tcp-ports'", "'20-30:2020-2030'", 'one target for each port']),
    (['-U%lo/53', '-U%lo/53:5353'],
     ["'--udp-ns'", "'%lo/53:5353'", 'one target for each port']),
    (['--no-splice', '--host-lo-to-ns-lo'],
     ["'--host-lo-to-ns-lo'", '--no-splice']),
    (['--splice-only', '--no-splice'], ["'--splice-only'", '--no-splice']),
    # flags with values, missing values
    (['--quiet=1'], ["'--quiet'", "'1'", 'none']),
    (['--config-net='], ["'--config-net'", "''", 'none']),
    (['--mtu'], ["'--mtu'", 'value missing', '68 to 65521']),
    (['-qm'], ["'-m'", 'value missing', '68 to 65521']),
    (['--netns'], ["'--netns'", 'value missing', '/run/netns/']),
    # combinations
    (['-4', '-6'], ["'-6'", '--ipv4-only']),
    (['--ipv6-only', '--ipv4-only'], ["'--ipv4-only'", '--ipv6-only']),
    (['--no-copy-routes'], ["'--no-copy-routes'", '--config-net']),
    (['--no-copy-addrs', 'true'], ["'--no-copy-addrs'", '--config-net']),
    # what to connect
    (['0'], ['PID', "'0'", 'running process']),
    (['4194303'], ['PID', "'4194303'", 'running process']),
    (['99999999999999999999'], ['PID', "'99999999999999999999'"]),
    (['--netns', 'no-such-name'],
     ["'--netns'", "'no-such-name'", 'No such file', '/run/netns/']),
    (['--netns', '/no/such/path'],
     ["'--netns'", "'/no/such/path'", 'No such file']),
    (['--netns', '/dev/null/net'],
     ["'--netns'", "'/dev/null/net'", 'Not a directory']),
    (['--netns', ''], ["'--netns'", "''"]),
    (['--netns', '/dev/null', 'true'], ["'--netns'", "'true'"]),
    (['--netns', '/dev/null', str(os.getpid())],
     ["'--netns'", f"'{os.getpid()}'"]),
    (['--userns', '/no/such/path'],
     ["'--userns'", "'/no/such/path'", 'No such file']),
    (['--userns', '/proc/self/ns/user', 'true'],
     ["'--userns'", '--netns', 'PID']),
    (['--userns', '/proc/self/ns/user', '--netns-only', '--netns',
      '/proc/self/ns/net'], ["'--userns'", '--netns-only']),
    (['--no-pidns', '--netns', '/proc/self/ns/net'],
     ["'--no-pidns'", 'command']),
    (['--no-pidns', str(os.getpid())],
     ["'--no-pidns'", 'command', f'of process {os.getpid()}']),
]

# Options there are not, and what is said of them
UNKNOWN = ['--foo', '--foo=bar', '-x', '-qx', '--mt', '--configne', '--Quiet',
           '--quiett', '---quiet', '-\N{SECTION SIGN}', '--no-such option']


def line_of(result):
    """The one line of a failed start"""
    assert result.returncode == 1, result
    assert result.stdout == ''
    assert result.stderr.endswith('\n')
    lines = result.stderr.splitlines()
    assert len(lines) == 1, lines
    return lines[0]


@pytest.mark.parametrize(
    'args, parts', BAD, ids=[' '.join(a)[:60] or "''" for a, _ in BAD])
def test_bad_command_line(run, tmp_path, args, parts):
    """One line names the option, the value and what is accepted"""
    if not args[-1].startswith('-'):
        args = ['--pid', tmp_path / 'pid', *args]
    line = line_of(run('pasta', *args))
    for part in [*parts, 'accepted']:
        assert part[:80] in line
    pid = tmp_path / 'pid'
    assert not pid.exists() or pid.read_text() == ''


@pytest.mark.parametrize('error', [
    ['--no-copy-addrs'], ['--no-splice', '--splice-only'], ['-t1', '-t1:2'],
    ['--map-guest-addr', '2001:db8::9'], ['-n', '24', '-a', '192.0.2.9/24'],
    ['99999999']])
def test_error_stands_alone(run, error):
    """Nothing is said about options without effect besides"""
    line_of(run('pasta', '--log-size', '4096', '--stats', '5', '-q', '-a',
                '2001:db8::9/48', *error))


def test_failed_start_keeps_files(run, tmp_path):
    """They may be those of another one, that runs"""
    for name in 'pid', 'pcap', 'log':
        (tmp_path / name).write_text('of another one\n')
    line = line_of(run('passt', '-P', tmp_path / 'pid', '-p', tmp_path / 'pcap',
                       '-l', tmp_path / 'log', '-s', '/no/such/dir/socket'))
    assert "'--socket'" in line
    for name in 'pid', 'pcap':
        assert (tmp_path / name).read_text() == 'of another one\n'
    log = (tmp_path / 'log').read_text()
    assert log.startswith('of another one\n') and line in log


def test_enough_bad_command_lines():
    """The table above is no small sample"""
    assert len(BAD) > 100


@pytest.mark.parametrize('word', UNKNOWN)
def test_unknown_option(run, word):
    """Unknown options are named, in words that callers look for"""
    result = run('pasta', word, 'true')
    option = word if word.startswith('--') else '-' + word[-1]
    if not word.isascii():
        option = '-?'
    assert f"unrecognized option '{option}'" in line_of(result)


def test_options_of_the_other_program(run):
    """What only pasta has isn't passt's"""
    for option in '-I', '--config-net', '--netns', '-T', '--userns':
        line = line_of(run('passt', option))
        assert f"unrecognized option '{option}'" in line


    for option in '-s', '--socket', '--socket-path', '-F', '--fd', '-1':
        line = line_of(run('pasta', option, '3'))
        assert f"unrecognized option '{option}': it is for passt only" == line


@pytest.mark.parametrize('program, word, what', [
    ('passt', '--migrate-exit', "machines can't be migrated"),
    ('passt', '--migrate-no-linger', "machines can't be migrated"),
    *[(program, word, 'ports remain as options say') for program, word in (
        ('passt', '--conf-path=/tmp/c'), ('pasta', '--conf-path'),
        ('pasta', '-c'), ('passt', '-qc/tmp/c'))]])
def test_options_not_there_yet(run, program, word, what):
    """They aren't misspelt, but there is nothing to do with them yet"""
    line = line_of(run(program, word))
    name = word.split('=')[0] if word.startswith('--') else '-c'
    assert line == f"option '{name}': isn't there yet: {what}"


def test_repair_path(run):
    """No socket for passt-repair is what there is, and may be asked for"""
    assert run('passt', '--repair-path', 'none', '--help').returncode == 0
    line = line_of(run('passt', '--repair-path', '/tmp/x'))
    assert line == ("option '--repair-path': invalid value '/tmp/x', accepted: "
                    "none, as machines can't be migrated yet")


def test_print_capabilities(run):
    """As QEMU's vhost-user.json has it; whatever else is there"""
    for args in [], ['--vhost-user'], ['-s', '/nowhere/socket', '-q']:
        done = run('passt', *args, '--print-capabilities')
        assert (done.returncode, done.stderr) == (0, '')
        assert json.loads(done.stdout) == {'type': 'net', 'features': []}


@pytest.mark.parametrize('args, name', [
    (['--fd', '2'], '--fd'), (['-F', '99'], '-F'), (['--fd=x'], '--fd'),
    (['--fd', '-1'], '--fd'), (['-s', ''], '-s'), (['-s', 'x' * 108], '-s'),
    (['--socket-path', 'x' * 200], '--socket-path')])
def test_bad_sockets(run, args, name):
    """What can't be a virtual machine's socket"""
    assert f"option '{name}': invalid value" in line_of(run('passt', *args))


def test_no_options_on_virtual_machines(run):
    """Behind the end of options, of pasta, or just alike"""
    assert 'unrecognized' in line_of(run('pasta', '-s', '/tmp/s'))
    assert "unrecognized option '--sock'" in line_of(run('passt', '--sock'))
    assert "'-s'" in line_of(run('passt', '-f', '--', '-s'))
    assert run('passt', '--stats', '5', '--version').returncode == 0
    assert run('passt', '-l', '-s', '-P--fd', '--version').returncode == 0


def test_help_has_sections(run):
    """Each option is in one, and those of pasta are not shown for passt"""
    sections = {}
    for program in 'passt', 'pasta':
        text = run(program, '--help').stdout
        sections[program] = re.findall(r'^(\w.*):\n  (.*)', text, re.M)
    assert sections['pasta'][:-1] == sections['passt'][:-1]
    assert sections['passt'][-1][0] == 'Virtual machines'
    assert [s[0] for s in sections['pasta']] == [
        'Messages and the process', 'Addresses and names of the guest',
        'What is carried', 'Namespaces and their ports']
    assert sections['pasta'][1][1].startswith('-4, --ipv4-only')


def test_passt_takes_no_words(run):
    """passt has no command"""
    line = line_of(run('passt', '-f', 'word'))
    assert "'word'" in line and 'accepted: options' in line


def test_passt_ports(run):
    """Without a namespace, auto isn't possible"""
    for spec in 'auto', '::1/auto', '8000-8010,auto':
        line = line_of(run('passt', '-t', spec))
        assert "'-t'" in line and f"'{spec}'" in line
        assert line.endswith('auto is for pasta only')


@pytest.mark.parametrize('args', [
    ['-4', '-a', '2001:db8::9', '--map-guest-addr', '2001:db8::9'],
    ['-a192.0.2.9', '-a192.0.2.8', '--map-guest-addr', '192.0.2.9'],
    ['--dns-forward', '192.0.2.9', '--map-guest-addr', '192.0.2.9'],
    ['--dns-forward', '192.0.2.9', '--map-host-loopback', '192.0.2.9'],
    ['--map-host-loopback', 'none', '--map-guest-addr', 'none']])
def test_same_address_twice(run, args):
    """Without contradiction, for another IP version, or overridden: the error
    is only about the word behind"""
    assert "'word'" in line_of(run('passt', *args, 'word'))


def test_foreign_text_stays_on_its_line(run):
    """Line ends and escapes of a value don't get into the message"""
    line = line_of(run('pasta', '-m', '1\n2\x1b[31m\r3'))
    assert "'1?2?[31m?3'" in line


@pytest.mark.parametrize('program', ['passt', 'pasta'])
@pytest.mark.parametrize('args', [['--version'], ['-q', '--version', '--foo'],
                                  ['-4', '--version', 'word']])
def test_version(run, program, args):
    """The version goes to standard output"""
    result = run(program, *args)
    assert result.returncode == 0
    assert re.fullmatch(rf'{program} \S+\n', result.stdout)
    assert result.stderr == ''


@pytest.mark.parametrize('option', [
    '--host-lo-to-ns-lo', '--config-net', '-e', '--stderr', '--chroot-fallback',
    '--map-guest-addr=169.254.1.2', '-tnone', '-Tauto', '--no-map-gw',
    '--no-splice', '--splice-only', '--freebind', '-t22', '-u[::]/53:fc00::2'])
def test_probes_of_callers(run, option):
    """Callers find out by --version whether an option is known"""
    assert run('pasta', option, '--version').returncode == 0


def test_runas_of_a_user():
    """Another user than oneself takes privileges, and the message says so"""
    if os.geteuid():
        pytest.skip('needs root to become a user')
    with open(BINARY, 'rb') as f:
        result = subprocess.run(
            [f'/proc/self/fd/{f.fileno()}', '--runas', 'daemon', '--version'],
            pass_fds=[f.fileno()], user=1000, group=1000, extra_groups=[],
            capture_output=True, text=True, timeout=30, check=False)
    line = line_of(result)
    assert "'--runas': invalid value 'daemon', accepted: " in line
    assert 'only with privileges' in line


def test_full_standard_output(run):
    """Help that doesn't get out is no success"""
    with open('/dev/full', 'w', encoding='ascii') as full:
        result = subprocess.run([BINARY, '--help'], stdout=full, check=False,
                                stderr=subprocess.PIPE, timeout=30)
    assert result.returncode == 1
    assert result.stderr.count(b'\n') == 1


def test_unread_standard_output():
    """Help that nobody reads to its end needs no message"""
    unread, stdout = os.pipe()
    os.close(unread)
    result = subprocess.run([BINARY, '--help'], stdout=stdout, check=False,
                            stderr=subprocess.PIPE, timeout=30)
    os.close(stdout)
    assert (result.returncode, result.stderr) == (1, b'')


def options_in_help(run, program):
    """Options that --help tells: names to letter ('' if none), and argument"""
    result = run(program, '--help')
    assert result.returncode == 0
    assert result.stderr == ''
    assert result.stdout.startswith(f'Usage: {program} ')
    assert all(len(line) <= 80 for line in result.stdout.splitlines())
    found = re.findall(r'^  (?:-(.), |    )--([a-z0-9-]+)( \S+)?',
                       result.stdout, re.M)
    return {name: (letter, bool(arg)) for letter, name, arg in found}


def options_in_manual():
    """Options that passt.1 describes: those of both, passt only, pasta only"""
    both, passt, pasta = {}, {}, {}
    target = both
    with open(os.path.join(TOP, 'passt.1'), encoding='utf-8') as f:
        for line in f:
            if line.startswith('.Ss '):
                target = (pasta if 'of pasta only' in line else
                          passt if 'of passt only' in line else both)
            m = re.match(r'\.It Fl (?:(\w) , )?-([a-z0-9-]+)( Ar .*)?$', line)
            assert m or not line.startswith('.It Fl')
            if m:
                assert m[2] not in {*both, *passt, *pasta}
                target[m[2]] = m[1] or '', bool(m[3])
    return both, passt, pasta


def test_manual_and_help_agree(run):
    """Each option of the table is in the manual page, and the other way round,
    with the same letter and with or without an argument in both"""
    both, passt, pasta = options_in_manual()
    assert len(both) > 40 and len(passt) > 3 and len(pasta) > 10
    assert options_in_help(run, 'passt') == {**both, **passt}
    assert options_in_help(run, 'pasta') == {**both, **pasta}


def test_manual_refers_to_options_there_are():
    """What the text of the manual page mentions exists"""
    both, passt, pasta = options_in_manual()
    with open(os.path.join(TOP, 'passt.1'), encoding='utf-8') as f:
        text = f.read()
    names = {*both, *passt, *pasta}
    assert set(re.findall(r'Fl -([a-z0-9-]+)', text)) <= names
    shown = re.findall(r'(?<=\s)--([a-z0-9-]+)', text)
    assert shown and set(shown) <= names


def test_manual_examples_of_ports(run):
    """Each specification shown is accepted, by all options that take one"""
    with open(os.path.join(TOP, 'passt.1'), encoding='utf-8') as f:
        specs = re.findall(r'^\.It Cm \\-t (\S+)$', f.read(), re.M)
    assert len(specs) == 18
    for spec in specs:
        for option in '-t', '-u', '-T', '-U':
            assert run('pasta', option, spec, '--version').returncode == 0


def test_manual_is_well_formed():
    """mandoc has nothing to say that matters"""
    try:
        result = subprocess.run(
            ['mandoc', '-T', 'lint', '-W', 'warning', 'passt.1'], cwd=TOP,
            capture_output=True, text=True, timeout=60, check=False)
    except FileNotFoundError:
        pytest.skip('mandoc is not installed')
    assert result.stdout == ''
    assert result.returncode == 0
