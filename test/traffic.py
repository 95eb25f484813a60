# SPDX-License-Identifier: BSD-3-Clause
"""Traffic of all kinds at once, while something else is looked at."""

import contextlib
import errno
import os
import random
import signal
import time

import lab
import soak
from lab import wait_for

SHIFT = 1000                # The guest's ports are pasta's on the host
PATIENCE_S = 20             # What is lost is sent again after seconds
REMOTE = '192.0.2.1', '2001:db8:1::1'
TOLERATED = {errno.ECONNRESET, errno.ECONNREFUSED, errno.EPIPE,
             errno.ENETUNREACH, errno.EHOSTUNREACH, errno.ECONNABORTED,
             errno.ENOTCONN}
# Options that it takes: the remote is the gateway
OPTIONS = ('--no-map-gw', '-o', '192.0.2.3', '-o', '2001:db8:1::3',
           '-t', f'{soak.ECHO},{soak.SINK},{soak.SOURCE},{soak.FORWARDED}',
           '-u', str(soak.FORWARDED))


class Traffic:
    """Servers, and clients that tolerate resets, but no wrong data"""

    def __init__(self, topology, pasta):
        soak.PATIENCE_S, soak.BULK_MAX = PATIENCE_S, 1 << 20
        soak.ONE_PEER = False
        self.host, self.guest = topology.host, pasta.ns
        self.remote = topology.remote1
        self.out, self.complaints = os.pipe2(os.O_NONBLOCK)
        self.pids = [soak.fork_child(soak.run_servers, ns, self.complaints)
                     for ns in (self.guest, self.remote)]
        for ns in self.guest, self.remote:
            wait_for(lambda: str(soak.FORWARDED) in ns.run('ss -ulnH').stdout)

    def kinds(self):
        """Return: name and function of each kind"""
        g, h, r = self.guest, self.host, self.remote
        pick = random.Random(1).choice
        far, near = REMOTE, ('192.0.2.2', '2001:db8:1::2')
        local = '127.0.0.1', '::1'
        return [
            ('up', lambda x: soak.upload(g, pick(far), soak.SINK, x)),
            ('down', lambda x: soak.download(g, pick(far), soak.SOURCE, x)),
            ('echo', lambda x: soak.echo(g, pick(far), soak.ECHO, x)),
            ('inbound', lambda x: soak.echo(r, pick(near), soak.FORWARDED, x)),
            ('spliced', lambda x: soak.echo(h, pick(local), soak.FORWARDED,
                                            x)),
            ('spliced up', lambda x: soak.upload(h, pick(local), soak.SINK,
                                                 x)),
            ('UDP', lambda x: soak.datagrams(g, pick(far), soak.ECHO, x)),
            ('UDP inbound', lambda x: soak.datagrams(
                r, pick(near), soak.FORWARDED, x)),
            ('UDP spliced', lambda x: soak.datagrams(
                h, pick(local), soak.FORWARDED, x, SHIFT)),
        ]

    def work(self, name, function, end):
        """Do something over and over, until @end() says so"""
        rng = random.Random(name)
        resets = count = 0
        try:
            while not end():
                try:
                    function(rng)
                except OSError as e:
                    if e.errno not in TOLERATED:
                        raise
                    resets += 1
                count += 1
                time.sleep(0.01)
        except Exception as e:              # pylint: disable=broad-except
            os.write(self.complaints, f'{name}: {e!r}\n'.encode())
        os._exit(0)

    def run(self, seconds, during=lambda: None):
        """Traffic of all kinds for a while. Return: what was wrong"""
        until = time.monotonic() + seconds
        pids = []
        for name, function in self.kinds():
            pid = os.fork()
            if not pid:
                lab.with_parent()
                self.work(name, function, lambda: time.monotonic() > until)
            pids.append(pid)
        during()
        for pid in pids:
            os.waitpid(pid, 0)
        return self.wrong()

    def wrong(self):
        """Return: complaints"""
        with contextlib.suppress(BlockingIOError):
            return os.read(self.out, 10000).decode()
        return ''

    def once(self):
        """Each kind once, and none may fail"""
        for name, function in self.kinds():
            try:
                assert function(random.Random(2))
            except Exception as e:
                raise AssertionError(f'afterwards, {name}: {e!r}') from e

    def stop(self):
        """End the servers"""
        for pid in self.pids:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
        os.close(self.out)
        os.close(self.complaints)
