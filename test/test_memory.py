# SPDX-License-Identifier: BSD-3-Clause
"""Nothing is allocated once the program runs, and no file opened.

The filters of system calls don't let it (test_sandbox.py); here strace watches
that it doesn't try either, with traffic of all kinds, and that it is what goes
on in there that is watched. By vhost-user, a machine's memory is mapped when it
connects, and nothing else ever.
"""

import collections
import contextlib
import re
import signal
import subprocess

import vm
from lab import WAIT_S, wait_for
from test_outbound import SHARED, VERSIONS
from test_vm import HOST, tcp_out
from traffic import OPTIONS

TRAFFIC_S = 3
# Besides %memory: brk, mmap, mprotect, and so on
FORBIDDEN = ('open,openat,openat2,creat,memfd_create,memfd_secret,execve,'
             'execveat,fork,vfork,clone,clone3,shmat,userfaultfd')
# Without an effect on the interface
DHCP = 'busybox udhcpc -q -n -f -i eth0 -s /bin/true'
USUAL = 'epoll_wait,sendmsg,recvmsg'
MIB = 1 << 20
# Memory that somebody else has made, and that is his as well
MAPPED = re.compile(r'mmap\(NULL, \d+, PROT_READ\|PROT_WRITE, '
                    r'MAP_SHARED(\|MAP_NORESERVE)?, \d+, ')


@contextlib.contextmanager
def watched(pid, path):
    """Have strace watch a process. Yields a function: calls by name so far"""
    def calls():
        with open(path) as f:
            return collections.Counter(re.findall(r'^\d+ +(\w+)\(', f.read(),
                                                  re.M))

    def tracer():
        with open(f'/proc/{pid}/status') as f:
            return re.search(r'^TracerPid:\s+(\d+)', f.read(), re.M)[1]
    process = subprocess.Popen(
        ['strace', '-f', '-o', path, '-e',
         f'trace=%memory,{FORBIDDEN},{USUAL}', '-p', str(pid)],
        stderr=subprocess.DEVNULL)
    try:
        wait_for(lambda: tracer() == str(process.pid), 'strace')
        yield calls
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(WAIT_S)
    # It lets go of it
    assert tracer() == '0'


def check(process, traffic, scratch, during):
    """Watch a process while there is traffic, and @during() is called"""
    with watched(process.pid, f'{scratch}/calls') as calls:
        wrong = traffic.run(TRAFFIC_S, during)
        counts = calls()
    print(dict(counts))
    assert not wrong
    assert process.poll() is None
    assert all(counts[name] > 100 for name in USUAL.split(','))
    assert set(counts) == set(USUAL.split(','))


def test_pasta(start, topology, traffic, scratch):
    """pasta: all traffic, ports that come and go, DHCP, pings, errors"""
    pasta = start(*OPTIONS)
    guest = pasta.ns

    def during():
        guest.run('ping -c 2 -i 0.2 192.0.2.1')
        guest.run(DHCP)
        guest.run('ping -c 1 -W 1 192.0.2.199', check=False)
        # Scanned once a second
        with guest.tcp_listen('0.0.0.0', 4321), \
                topology.host.tcp_listen('127.0.0.1', 4322):
            wait_for(lambda: ':4322' in guest.run('ss -tlnH').stdout, 'port')
    check(pasta.process, traffic(topology, pasta), scratch, during)


def test_passt(start_passt, start_vm, topology, traffic, scratch):
    """passt, by a stream: all traffic; its guest asks for its address again"""
    passt = start_passt(*OPTIONS)
    vm = start_vm(passt.connect()).up()
    # So that passt knows the address that it has chosen
    vm.ns.run('ping -c 1 2001:db8:1::1')

    def during():
        vm.ns.run('ping -c 2 -i 0.2 192.0.2.1')
        vm.ns.run(DHCP)
    check(passt.process, traffic(topology, vm), scratch, during)


def use(machine, topology):
    """Traffic of a virtual machine, both ways; its card is configured anew"""
    machine.configure(0)
    for version in VERSIONS:
        address = SHARED[version]
        tcp_out(machine, topology.remote1, address, 8 * MIB, 8 * MIB)
        with vm.VmNet(topology.remote1, f'udp-answer {address} 5000'):
            machine.run(f'vm_net udp-ask {address} 5000 0 1 1473 9000')
        machine.run(f'ping -{version} -c 2 -W 20 {address}')
        with machine.serving('tcp-listen :: 8001 1000 1000', 8001) as job:
            topology.remote1.run(f'{vm.BUILD}/vm_net tcp-connect '
                                 f'{HOST[version]} 8001 1000 1000')
            job.wait()
        with machine.serving('udp-answer :: 8001', 8001):
            topology.remote1.run(f'{vm.BUILD}/vm_net udp-ask {HOST[version]} '
                                 '8001 1 9000')
    machine.dhclient6(0)


def test_passt_vhost_user(topology, binary, vm_image, scratch):
    """passt, by vhost-user: a machine connects, starts, and starts again"""
    passt = vm.Passt(topology, binary, vm.VHOST_USER, '-t', '8001', '-u',
                     '8001')
    path = f'{scratch}/calls'
    usual = set(USUAL.split(','))
    try:
        with watched(passt.process.pid, path) as calls:
            machine = vm.Vm(topology, vm_image, [passt])
            try:
                for again in range(2):
                    if again:
                        machine.reset()
                    before = calls()
                    use(machine, topology)
                    counts = calls() - before
                    print(dict(before), dict(counts))
                    assert set(counts) == usual
                    assert all(n > 20 for n in counts.values())
            finally:
                machine.stop()
            wait_for(lambda: calls()['munmap'] == calls()['mmap'], 'unmapping')
            assert passt.process.poll() is None
            assert set(calls()) == usual | {'mmap', 'munmap'}
    finally:
        passt.stop()
    with open(path) as f:
        assert all(MAPPED.search(line) for line in f if 'mmap(' in line)
