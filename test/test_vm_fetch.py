# SPDX-License-Identifier: BSD-3-Clause
"""vm-fetch, with stand-ins for the programs that it fetches packages by."""

import os
import subprocess

import pytest

TESTS = os.path.dirname(os.path.abspath(__file__))
KERNEL = 'linux-image-6.1.0-9-cloud-amd64'
TRIES = 3

# Downloads fail as often as a file says, with something left over
APT_GET = """#!/bin/sh
echo "$1" >>"$FAKE/calls"
[ "$1" = download ] || exit 0
read -r left <"$FAKE/failures"
echo $((left - 1)) >"$FAKE/failures"
[ "$left" -gt 0 ] || exec touch "$3.deb" "$4.deb"
touch old-kernel.deb
printf '%s\\n' 'W: whatever' 'E: mirror is down' 'E: and more' >&2
exit 100
"""
APT_CACHE = f'#!/bin/sh\necho "  Depends: {KERNEL}"\n'
DPKG = """#!/bin/sh
[ ! -e "$FAKE/full" ] || { echo 'dpkg: disk is full' >&2; exit 2; }
touch "${2%.deb}"
"""
NOTHING = '#!/bin/sh\n'


@pytest.fixture
def fake(tmp_path):
    """Where the stand-ins are"""
    path = tmp_path / 'fake'
    path.mkdir()
    for name, text in (('apt-get', APT_GET), ('apt-cache', APT_CACHE),
                       ('dpkg', DPKG), ('sleep', NOTHING)):
        (path / name).write_text(text)
        (path / name).chmod(0o755)
    return path


@pytest.fixture
def fetch(fake, tmp_path):
    """Function that runs vm-fetch with so many downloads that fail

    Return: exit status, what it told, names of the files it has got
    """
    def run(failures):
        (fake / 'failures').write_text(f'{failures}\n')
        done = subprocess.run(
            [f'{TESTS}/vm-fetch', tmp_path / 'root'], stderr=subprocess.PIPE,
            env={'PATH': f'{fake}:{os.environ["PATH"]}', 'FAKE': str(fake)},
            text=True, timeout=30, check=False)
        got = os.listdir(tmp_path / 'root') if done.returncode == 0 else []
        return done.returncode, done.stderr.splitlines(), set(got)
    return run


@pytest.mark.parametrize('failures', range(TRIES))
def test_tries_again(fetch, fake, failures):
    """Nothing remains of a try that failed"""
    status, told, got = fetch(failures)
    assert status == 0 and got == {KERNEL, 'busybox-static'}
    assert len(told) == failures
    assert (fake / 'calls').read_text().split() == \
        ['download', 'update'] * failures + ['download']


def test_gives_up(fetch, fake):
    """The last line tells what failed and why; nothing is there then"""
    status, told, _ = fetch(99)
    assert status == 1 and len(told) == TRIES
    assert told[-1] == (f'vm-fetch: apt-get download -q {KERNEL} '
                        'busybox-static failed: E: mirror is down')
    assert (fake / 'calls').read_text().split().count('download') == TRIES
    assert not (fake.parent / 'root').exists()


def test_unpacking_fails(fetch, fake):
    """Another try would be of no use"""
    (fake / 'full').touch()
    status, told, _ = fetch(0)
    assert status == 1 and len(told) == 1
    assert told[0].endswith(' failed: dpkg: disk is full')
    assert not (fake.parent / 'root').exists()
