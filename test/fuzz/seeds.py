#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""Write the hand-made part of the corpora: inputs a fuzzer begins with.

test/fuzz/seeds.py DIRECTORY

Each target's go to DIRECTORY/TARGET/seed-NAME. What the fuzzers found beyond
these is kept beside them, under the names they gave.
"""

import os
import struct
import sys

# As enum op in fuzz_stack.c has them
(CONNECT, SEGMENT, ACK, HOST_WRITE, HOST_END, HOST_ROOM, COMPLETE, TIME, UDP,
 HOST_UDP, ECHO, HOST_ECHO, CLIENT, LINK, PATCH, RAW, FRAG, FAIL, ICMP, ERROR,
 ARP) = range(21)
NO_TURN = 0x80

F_FIN, F_SYN, F_RST, F_PSH, F_ACK, F_URG = 1, 2, 4, 8, 16, 32
ACKED, SHAKE = bytes([ACK, 0x40]), bytes([CONNECT, 0, 5])
SEND = bytes([SEGMENT, 0, F_ACK, 0, 0, 200, 255])
FIN = bytes([SEGMENT, 0, F_ACK | F_FIN, 0, 0, 0, 255])
RST = bytes([SEGMENT, 0, F_ACK | F_RST, 0, 0, 0, 255])


def stack():
    """Yield (name, operations) to run under each of the circumstances"""
    up = SHAKE + ACKED
    yield "upload", up + SEND * 4 + FIN + bytes([HOST_END, 0]) + ACKED
    yield "download", (up + bytes([HOST_WRITE, 0, 255]) * 3 + ACKED * 3 +
                       bytes([HOST_END, 0]) + ACKED + FIN)
    yield "end_with_data", (up + bytes([HOST_WRITE | NO_TURN, 0, 255, HOST_END,
                                        0]) + ACKED * 2 + FIN)
    yield "short_look", (up + bytes([FAIL, 8, 0x0d, HOST_WRITE, 0, 255]) +
                         ACKED + bytes([HOST_END, 0]) + ACKED + FIN)
    yield "short_at_end", (up + bytes([FAIL, 8, 0x0d, HOST_WRITE | NO_TURN, 0,
                                       255, HOST_END, 0]) + ACKED * 2 + FIN)
    yield "reset", up + SEND + RST
    yield "host_reset", up + SEND + bytes([HOST_END, 0x10]) + ACKED
    yield "refused", bytes([CONNECT, 1 << 2, 5])
    yield "unreachable", bytes([CONNECT, 3 << 2, 5])
    yield "pending", (bytes([CONNECT, 2 << 2, 5, TIME, 90, COMPLETE, 0]) +
                      ACKED + SEND)
    yield "timeout", bytes([CONNECT, 2 << 2, 5, TIME, 255, COMPLETE, 0x20])
    yield "full", (up + bytes([HOST_ROOM, 0, 50]) + SEND * 3 +
                   bytes([TIME, 60, HOST_ROOM, 0x80, 0]) + SEND + FIN)
    yield "gso", (up + bytes([SEGMENT, 16, F_ACK, 0, 0, 250, 255]) * 2)
    yield "zero_window", (up + bytes([ACK, 0x80, HOST_WRITE, 0, 200, TIME, 120,
                                      TIME, 0x81]) + ACKED * 2)
    yield "retransmit", (up + bytes([HOST_WRITE, 0, 220, TIME, 100, TIME,
                                     127]) + ACKED + bytes([TIME, 0xff]))
    yield "dup_acks", (up + bytes([HOST_WRITE, 0, 255, LINK, 0x82]) +
                       bytes([SEGMENT, 0, F_ACK, 0, 0x80, 0, 255]) * 4 + ACKED)
    yield "overlap", (up + bytes([SEGMENT, 0, F_ACK, 5, 0, 90, 255]) + SEND +
                      bytes([SEGMENT, 0, F_ACK, 0xf0, 0, 90, 255]))
    yield "wrap", bytes([CONNECT, 0, 0x85]) + ACKED + SEND * 3
    yield "no_options", bytes([CONNECT, 0, 0]) + ACKED + SEND
    yield "client", (bytes([CLIENT, 0, SEGMENT, 0, F_SYN | F_ACK, 0xff, 0, 0,
                            255]) + ACKED + SEND + bytes([HOST_WRITE, 0, 90]) +
                     ACKED + FIN + bytes([HOST_END, 0]))
    yield "client_ignored", bytes([CLIENT, 0, TIME, 0x8a])
    yield "client_refused", bytes([CLIENT, 0]) + RST
    yield "link_full", (up + bytes([LINK, 1, HOST_WRITE, 0, 255, LINK, 0x40]) +
                        ACKED)
    yield "no_ports", bytes([FAIL, 0, 2]) + SHAKE
    yield "no_events", bytes([FAIL, 4, 2]) + SHAKE
    yield "patched", up + bytes([PATCH, 0x81, 46, 0x10]) + SEND
    yield "bad_vnet", bytes([PATCH, 2, 193, 1, 196, 3]) + SHAKE
    yield "udp", (bytes([UDP, 0, 0, 40, HOST_UDP, 0, 0, 60, 0, UDP, 4, 0, 40,
                         TIME, 0xff]))
    yield "udp_joined", bytes([UDP, 0, 0x42, 250, HOST_UDP, 0, 34, 255, 0])
    yield "udp_error", (bytes([UDP, 0, 0, 40, ERROR, 0, 0, 40, 0x30, 3, 0]) +
                        bytes([ERROR, 0, 0, 40, 2, 4, 9, UDP, 0, 0, 40]))
    yield "udp_lost", bytes([FAIL, 7, 0x03, UDP, 0, 0, 40, FAIL, 7, 7]) + bytes(
        [UDP, 0, 0x42, 250])
    yield "udp_group", bytes([UDP, 0, 2, 40, HOST_UDP, 0, 16, 60, 0])
    yield "udp_broadcast", bytes([UDP, 0, 6, 40, HOST_UDP, 0, 16, 60, 0])
    yield "udp_in", bytes([HOST_UDP, 0, 2, 60, 0, UDP, 0x80, 0, 40])
    yield "udp_nowhere", bytes([UDP, 0x83, 0, 40])
    yield "dhcp_port", bytes([UDP, 0x81, 0, 240, UDP, 0x82, 0, 60])
    yield "echo", (bytes([ECHO, 0, 60, 1, HOST_ECHO, 0, 0, 70, 1, ECHO, 0xc0,
                          60, 2, TIME, 0xff]))
    yield "echo_error", (bytes([ECHO, 8, 60, 1, ERROR, 0, 16, 60, 0xb0, 0, 0,
                                ERROR, 0x80, 0, 0, 1, 0, 0, ECHO, 0, 60, 2]))
    yield "fragments", bytes([FRAG, 1, 9, 0, 136, FRAG, 0, 9, 65, 100])
    yield "fragments_back", (bytes([FRAG, 0, 9, 65, 100, FRAG, 1, 9, 0, 136,
                                    FRAG, 1, 8, 0, 64, TIME, 0x90]))
    yield "icmp", bytes([ICMP, 0, 8, 3, 3, 0, 0, 0, 0, 0, 0])
    yield "arp", bytes([ARP, 1, ARP, 0x31])
    yield "raw", bytes([RAW, 7, 8]) + bytes(range(0x40, 0x48))
    yield "batch", (up + bytes([SEGMENT | NO_TURN, 0, F_ACK, 0, 0, 90, 255]) *
                    5 + SEND)


def dhcp():
    """Yield (name, message) of DHCP"""
    head = struct.pack(">BBBBIHH", 1, 1, 6, 0, 0x12345678, 0, 0x8000)
    head += bytes(16) + bytes([2, 0, 0, 0, 0, 2]) + bytes(10 + 64 + 128)
    head += b"\x63\x82\x53\x63"
    wish = b"\x37\x07\x01\x03\x06\x0c\x0f\x1a\x77"
    yield "discover", head + b"\x35\1\1" + wish + b"\xff"
    yield "request", (head + b"\x35\1\3\x36\4\xc0\0\2\1\x32\4\xc0\0\2\2" +
                      wish + b"\x0c\5guest\x3d\7\1\2\0\0\0\0\2\xff")
    yield "request_other", head + b"\x35\1\3\x32\4\xc0\0\2\x63\xff"
    yield "decline", head + b"\x35\1\4\x32\4\xc0\0\2\2\xff"
    yield "release", head + b"\x35\1\7\xff"
    yield "inform", head + b"\x35\1\x08" + wish + b"\xff"
    yield "rapid", head + b"\x35\1\1\x50\0\x39\2\2\x40\x51\3\0\0\0\xff"
    yield "overload", head + b"\x34\1\3\x35\1\1\0\0\xff"
    yield "bootp", head[:236] + bytes(64)


def option6(code, data=b""):
    return struct.pack(">HH", code, len(data)) + data


def dhcpv6():
    """Yield (name, message) of DHCPv6"""
    client = option6(1, b"\0\3\0\1\2\0\0\0\0\2")
    addr = bytes.fromhex("20010db8000000000000000000000002")
    iaaddr = option6(5, addr + bytes(8))
    ia_na = option6(3, b"\0\0\0\1" + bytes(8) + iaaddr)
    wish = option6(6, struct.pack(">HHHH", 23, 24, 39, 82))
    server = option6(2, b"\0\1\0\1\0\0\0\0\2\0\0\0\0\1")
    for kind, name in ((1, "solicit"), (3, "request"), (4, "confirm"),
                       (5, "renew"), (6, "rebind"), (8, "release"),
                       (9, "decline"), (11, "inform")):
        yield name, (bytes([kind, 1, 2, 3]) + client + ia_na + wish +
                     (server if kind in (3, 5, 8, 9) else b""))
    yield "rapid", bytes([1, 1, 2, 3]) + client + option6(14) + ia_na
    yield "ia_ta", bytes([1, 1, 2, 3]) + client + option6(4, b"\0\0\0\1")
    yield "ia_pd", bytes([1, 1, 2, 3]) + client + option6(25, bytes(12))
    yield "fqdn", (bytes([1, 1, 2, 3]) + client + ia_na +
                   option6(39, b"\1\5guest\0"))
    yield "relay", bytes([12, 0]) + bytes(32) + option6(9, b"\1\1\2\3")


def ndp():
    """Yield (name, messages) of neighbour discovery"""
    addr = bytes.fromhex("20010db8000000000000000000000001")
    our_ll = bytes.fromhex("fe800000000000000000000000000001")
    mac = b"\1\1\2\0\0\0\0\2"

    def message(how, body):
        return bytes([how, len(body)]) + body

    def solicit(target, options=mac):
        return b"\x87\0\0\0\0\0\0\0" + target + options

    yield "rs", message(8 | 1, b"\x85\0\0\0\0\0\0\0" + mac)
    yield "rs_unspecified", message(8 | 2, b"\x85\0\0\0\0\0\0\0")
    yield "ns", message(12, solicit(addr)) + message(1, solicit(our_ll))
    yield "dad", message(12 | 2, solicit(addr, b""))
    yield "na", message(1, b"\x88\0\0\0\x60\0\0\0" + addr + b"\2\1" + mac[2:])
    yield "ra", message(8, b"\x86\0\0\0\x40\0\0\0" + bytes(8) + mac)
    yield "redirect", message(0, b"\x89\0\0\0\0\0\0\0" + addr + our_ll)
    yield "mld", message(8 | 16, b"\x8f\0\0\0\0\0\0\1" + bytes(20))
    yield "echo", message(4, b"\x80\0\0\0\0\1\0\1abcd")
    yield "time", b"\xff\xff\xff\x40"


def tcp_opt():
    """Yield (name, options) of SYNs"""
    yield "linux", bytes.fromhex("020405b40402080a000000010000000001030307")
    yield "mss", bytes.fromhex("020405b4")
    yield "small", bytes.fromhex("02040001")
    yield "wscale", bytes.fromhex("0103030f")
    yield "ended", bytes.fromhex("00020405b4010303")
    yield "cut", bytes.fromhex("010102ff")
    yield "zero", bytes.fromhex("020405b4fd00010303070000")


def resolv():
    """Yield (name, text) of resolv.conf"""
    yield "usual", (b"# by hand\nnameserver 192.0.2.53\nnameserver 2001:db8::53"
                    b"\nsearch example.com example.org\noptions ndots:2\n")
    yield "zone", b"nameserver fe80::1%eth0\nnameserver 0.0.0.0\n"
    yield "blanks", b"\t nameserver\t 192.0.2.53 \r\nsearch \t a  b. \r\n"
    yield "domain", b"domain example.com\nsearch .\n"
    yield "long", b"search " + b"a.example.com " * 90 + b"\nnameserver ::1\n"
    yield "stub", b"; x\nnameserver 127.0.0.53\nnameserver ::ffff:192.0.2.1\n"


def ports():
    """Yield (name, options) that forward ports"""
    for i, lines in enumerate((
            "022\n08080:80\n120-25\n", "0all\n1auto\n", "0none\n2none\n",
            "0192.0.2.1/22\n0192.0.2.1%eth0/80-90:8080-8090\n",
            "0all,~25,~100-200\n", "0[2001:db8::1]/443\n", "0%lo/1-3,7:8\n",
            "21000:192.0.2.9/80\n0auto,~22\n", "0*/80,81,~81\n1*/53\n",
            "01-65535\n0::/80\n00.0.0.0/80\n", "080:0\n065535:1\n",
            "01-100:65500-65535\n3%eth0/auto\n")):
        yield f"spec{i}", lines.encode()


def attr(kind, data):
    out = struct.pack("=HH", len(data) + 4, kind) + data
    return out + bytes(-len(out) % 4)


def nl_message(kind, body, flags=0):
    return bytes([kind, flags, len(body)]) + body


def netlink():
    """Yield (name, answers) of rtnetlink"""
    done, acked = nl_message(3, bytes(4)), nl_message(4, bytes(20))
    addr, gw = bytes([192, 0, 2, 2]), bytes([192, 0, 2, 1])
    addr6 = bytes.fromhex("20010db8000000000000000000000002")
    index = struct.pack("=I", 2)
    route = bytes([2, 0, 0, 0, 254, 3, 0, 1, 0, 0, 0, 0])
    route6 = bytes([10, 0, 0, 0, 254, 3, 0, 1, 0, 0, 0, 0])
    net = bytes([2, 24, 0, 0, 254, 2, 253, 1, 0, 0, 0, 0])
    default = nl_message(0, route + attr(5, gw) + attr(4, index))
    default6 = nl_message(0, route6 + attr(5, addr6) + attr(4, index))
    hop = struct.pack("=HBBi", 16, 0, 0, 2) + attr(5, gw)
    many = nl_message(0, route + attr(9, hop + hop))
    local = nl_message(0, net + attr(1, bytes([192, 0, 2, 0])) +
                       attr(4, index) + attr(7, addr))
    new = nl_message(1, bytes([2, 24, 0x80, 0]) + index + attr(1, addr) +
                     attr(2, addr) + attr(4, bytes([192, 0, 2, 255])) +
                     attr(8, struct.pack("=I", 0x80)) + attr(3, b"eth0\0"))
    new6 = nl_message(1, bytes([10, 64, 0, 0]) + index + attr(1, addr6) +
                      attr(6, bytes(16)))
    link = nl_message(2, struct.pack("=BBHiII", 0, 0, 1, 2, 0x1043, 0) +
                      attr(1, bytes([2, 0, 0, 0, 0, 9])) + attr(3, b"eth0\0"))
    # A next hop object, a group of it, and a route by that: nexthop.h
    nexthop = bytes([2, 0, 0, 0, 0, 0, 0, 0])
    object7 = nl_message(6, nexthop + attr(1, b"\7\0\0\0") + attr(5, index) +
                         attr(6, gw))
    group = nl_message(6, nexthop + attr(1, b"\x08\0\0\0") +
                       attr(2, b"\7\0\0\0\0\0\0\0"))
    by_object = nl_message(0, route + attr(30, b"\x08\0\0\0"))
    rest = new + done + link
    # Neighbours: as ndmsg of neighbour.h
    near = bytes([2, 0, 0, 0]) + index + bytes([2, 0, 0, 1]) + attr(1, gw)
    near6 = (bytes([10, 0, 0, 0]) + index + bytes([4, 0, 0, 1]) +
             attr(1, addr6))
    mac, mac2 = (attr(2, bytes([2, 0, 0, 0, 0, i])) for i in range(2))
    learnt = nl_message(0xf0, near + mac) + nl_message(0xf0, near6 + mac)
    yield "neighbours", (bytes([0]) + learnt + done +
                         nl_message(0xf0, near + mac2) +
                         nl_message(0xf1, near) + nl_message(0xf0, near + mac))
    yield "neighbours_in_one", (bytes([0]) +
                                nl_message(0xf0, near + mac, 0x40) +
                                nl_message(0xf1, near6, 0x40) + done + learnt)
    yield "template", bytes([2]) + done + default + local + done + rest
    yield "template6", bytes([3]) + done + default6 + done + new6 + done + link
    yield "hops", bytes([2]) + done + many + done + rest
    yield "objects", (bytes([2]) + object7 + group + done + by_object + done +
                      rest)
    yield "routes_by_object", (bytes([4]) + object7 + group + done +
                               by_object + done + acked * 6)
    yield "routes", (bytes([4]) + done + local + default + many + done +
                     acked * 6)
    yield "routes6", bytes([5]) + done + default6 + done + acked * 3
    yield "addrs", bytes([8]) + new + done + acked * 3
    yield "first", bytes([16]) + new + done
    yield "mac", bytes([32]) + link + acked
    yield "up", bytes([64]) + acked * 2 + link + acked * 4
    yield "error", bytes([2]) + nl_message(4, struct.pack("=i", -95) +
                                           bytes(16))
    yield "joined", (bytes([2]) + done + bytes([0, 0x40]) + default[2:] +
                     bytes([0, 0x40]) + local[2:] + done)
    yield "raw", bytes([2, 0, 0x80, 20]) + bytes(20)


def virtq():
    """Yield (name, ring and operations)"""
    take, used, watch, more = 0, 4, 5, 6 | 8
    chain = bytes([0, 0, 12, 1, 1, 0, 100, 60, 0, 0])

    def ring(features, size, avail, descs, ops):
        entries = 1 << size
        return (bytes([features, size, 1, len(avail)]) +
                bytes(avail) + bytes(entries - len(avail)) + descs +
                bytes(5 * entries - len(descs)) + bytes(20) + bytes(ops))

    yield "plain", ring(0, 2, [0], chain, [take, used, watch, more, take])
    yield "read", ring(0, 2, [0], chain, [take | 8, used])
    yield "short", ring(0, 2, [0], chain, [take | 16, take | 32, take])
    yield "write", ring(4, 2, [0], bytes([0, 0, 99, 2, 0]), [take, used])
    yield "event", ring(1, 3, [0, 0], chain, [take, take, used, watch, used])
    yield "loop", ring(0, 1, [0], bytes([0, 0, 9, 1, 1, 0, 0, 9, 1, 0]),
                       [take])
    yield "beyond", ring(0, 1, [0], bytes([1, 60, 90, 0, 0]), [take])
    yield "indirect", (bytes([2, 0, 1, 1, 0]) + bytes([0, 0, 32, 4, 0]) +
                       bytes([2, 0, 99, 1, 1, 2, 9, 9, 0, 0]) + bytes(10) +
                       bytes([take, used]))


def vu():
    """Yield (name, program) of a front-end and its guest"""
    (setup, request, data, offer, poke, kick, frames, tick,
     again) = range(9)
    plain, merge, event, indirect = 2, 6, 10, 18

    def offered(how, *descs):
        return bytes([offer, how | len(descs) << 2]) + b"".join(
            map(bytes, descs))

    sent = offered(0x41, (0, 90, 0))
    room = offered(0x40, (0, 0x84, 0))
    small = b"".join(offered(0, (i << 3, 60, 0)) for i in range(9))
    yield "from_guest", bytes([setup, plain]) + sent * 3
    yield "to_guest", bytes([setup, plain]) + room * 2 + bytes([
        frames, 1, 100, 200, 0, 0])
    yield "merged", bytes([setup, merge]) + small + bytes([
        frames, 2, 200, 80, 130, 1, 0, 2])
    yield "taken_back", bytes([setup, plain]) + room * 3 + bytes([
        frames, 0x12, 100, 200, 90, 0, 1, 0])
    yield "event", bytes([setup, event]) + sent + room + bytes([
        frames, 0, 60, 0]) + sent
    yield "indirect", bytes([setup, indirect]) + offered(
        0x43, (0, 12, 0), (8, 90, 0)) + offered(0x42, (0, 0x90, 0))
    yield "chain", bytes([setup, plain]) + offered(
        0x41, (0, 1, 0), (8, 11, 0), (16, 90, 0))
    yield "polled", bytes([setup, 0x55]) + sent + bytes([tick]) + room + bytes(
        [frames, 0, 60, 0, tick])
    yield "loop", bytes([setup, plain]) + offered(0x41, (0, 9, 0x21, 0))
    yield "beyond", bytes([setup, plain]) + offered(0x41, (7, 90, 0))
    yield "split", bytes([setup, plain]) + offered(0x41, (0x49, 0x81, 0))
    yield "poked", bytes([setup, plain, poke, 0x50, 2, 9, kick, 1])
    yield "again", (bytes([setup, plain]) + sent + bytes([again, setup, plain])
                    + sent)
    acked = bytes([request, 16, 0, 1])
    for number in range(1, 39):
        yield f"request{number}", (bytes([setup, plain]) + acked + bytes(
            [request, number, 0x81, 0x24, 0, 1, 2, 3]) + sent)
    yield "memory", (bytes([setup, plain]) + acked + bytes(
        [request, 37, 0x81, 2, 0, request, 38, 0x80, 2, request, 5, 0x82, 0x22,
         0, 2, 0, 0]) + sent)
    yield "stopped", bytes([setup, plain]) + sent + bytes(
        [request, 11, 0, 1, request, 12, 1, 1, 2]) + sent
    yield "bytes", bytes([data, 5, 0]) + bytes(5) + bytes([data, 12, 0x81]) + (
        struct.pack("=III", 1, 1, 0))


def vu_msg():
    """Yield (name, parts) of vhost-user messages"""
    def part(data, fds=0):
        return bytes([len(data), fds]) + data

    def message(request, payload=b"", flags=1):
        return struct.pack("=III", request, flags, len(payload)) + payload

    number, region = bytes(8), struct.pack("=QQQQ", 0, 4096, 0, 0)
    yield "features", part(message(1)) + part(message(2, number)) + b"\0\0\0"
    yield "kick", part(message(12, number), 1) + part(message(13, number), 1)
    yield "table", part(message(5, struct.pack("=II", 1, 0) + region), 1)
    yield "cut", (part(message(2)[:5]) + b"\0\1" + part(message(2)[5:]) +
                  part(message(9, bytes(40))[:20]) + part(bytes(32)))
    yield "many", part(message(5, bytes(40)), 9) + part(message(1), 8)
    yield "long", part(struct.pack("=III", 5, 1, 0xffffffff) + bytes(60))
    yield "version", part(message(1, b"", 2)) + part(message(1))
    yield "reply", part(message(1, b"", 5)) + part(message(1))


TARGETS = {"dhcp": dhcp, "dhcpv6": dhcpv6, "ndp": ndp, "tcp_opt": tcp_opt,
           "resolv": resolv, "ports": ports, "netlink": netlink,
           "virtq": virtq, "vu": vu, "vu_msg": vu_msg}


def write(directory, target, name, data):
    """Write one seed"""
    path = os.path.join(directory, target)
    os.makedirs(path, exist_ok=True)
    with open(os.path.join(path, "seed-" + name), "wb") as f:
        f.write(data)


def main(directory):
    # Each program under another one of the eight circumstances, and both IP
    # versions
    for i, (name, data) in enumerate(stack()):
        variant = i // 2 * 2 % 8
        write(directory, "stack", name + "-v4", bytes([variant]) + data)
        write(directory, "stack", name + "-v6", bytes([variant + 1]) + data)
    for target, seeds in TARGETS.items():
        for name, data in seeds():
            how = b"" if target in ("resolv", "netlink", "virtq", "vu",
                                    "vu_msg") else b"\x1f"
            write(directory, target, name, how + data)


if __name__ == "__main__":
    main(sys.argv[1])
