# SPDX-License-Identifier: BSD-3-Clause
"""What a hostile guest may send: a table of attacks for test_pentest.py.

Each row has a name, the counter of --stats that has to tell of each frame (or
None), what may leave by the host's interfaces because of it, and a function
that yields the frames, given a struct of the victim's addresses:

mac, peer_mac	the guest's and pasta's
v4, v6		the guest's addresses
far4, far6	a remote's
conn		ends of a connection of a bystander: source, target, sport,
		dport, seq (next of the guest), ack (next from the remote)
"""

import collections
import itertools
import random
import struct

from frames import (ACK, ARP, BROADCAST_MAC, FIN, ICMP, ICMP6, IP4, IP6, MF,
                    PSH, RST, SYN, TCP, UDP, URG, arp, ext, frag6, icmp, ip4,
                    ip6, packed, tcp, udp, with_checksum)

SINK = 9                    # Port that nothing gets to but where it says so
CLOSED = 10                 # Port of the remote that refuses
SILENT = '192.0.2.77'       # Address that nobody has
FLOOD = 2000

MALFORMED = 'malformed frames dropped'
CSUM = 'frames with wrong checksum dropped'
SOURCE = 'frames with bad source dropped'
NOT_OURS = 'frames for other machines dropped'
NO_HANDLER = 'frames of no known protocol dropped'
FRAGMENT = 'fragments dropped'
WITHHELD = 'answers withheld, too many'

Attack = collections.namedtuple('Attack', 'name counter leaves frames')
ATTACKS = []
rng = random.Random(4)


def attack(counter=None, leaves=None):
    """Decorator: enter a function in the table, its text is the name"""
    def enter(function):
        ATTACKS.append(Attack(function.__doc__, counter, leaves, function))
        return function
    return enter


def udp_to_sink(p):
    """May leave: the payload itself, as a datagram of the host's own"""
    return p.proto == UDP and p.dport == SINK


def syn_to(*ports):
    """May leave: attempts of the host's own to connect, and what ends them"""
    return lambda p: p.proto == TCP and p.dport in ports and \
        p.flags & ~(ACK | PSH) in (SYN, RST, FIN, 0)


def eth(w, kind, data, **wrong):
    """Frame from the guest. @wrong: source, target"""
    return (wrong.get('target', w.peer_mac) + wrong.get('source', w.mac) +
            struct.pack('!H', kind) + data)


def f4(w, proto, data, **wrong):
    """Frame with an IPv4 packet. @wrong: of ip4(), source, target"""
    return eth(w, IP4, ip4(wrong.pop('source', w.v4),
                           wrong.pop('target', w.far4), proto, data, **wrong))


def f6(w, proto, data, **wrong):
    """Frame with an IPv6 packet. @wrong: of ip6(), source, target"""
    return eth(w, IP6, ip6(wrong.pop('source', w.v6),
                           wrong.pop('target', w.far6), proto, data, **wrong))


def good4(w, **wrong):
    """UDP to the sink, wrong only where it says so"""
    return f4(w, UDP, udp(wrong.get('source', w.v4),
                          wrong.get('target', w.far4), 999, SINK, b'leaked'),
              **wrong)


def good6(w, **wrong):
    """As good4()"""
    return f6(w, UDP, udp(wrong.get('source', w.v6),
                          wrong.get('target', w.far6), 999, SINK, b'leaked'),
              **wrong)


def syn4(w, **wrong):
    """A SYN to the sink"""
    return f4(w, TCP, tcp(wrong.get('source', w.v4),
                          wrong.get('target', w.far4), 999, SINK, SYN),
              **wrong)


def syn6(w, **wrong):
    """A SYN to the sink"""
    return f6(w, TCP, tcp(wrong.get('source', w.v6),
                          wrong.get('target', w.far6), 999, SINK, SYN),
              **wrong)


def fc(w, flags, seq=0, ack=0, **wrong):
    """Frame with a segment of the bystander, numbers relative to the right"""
    c = w.conn
    make = f6 if ':' in c.source else f4
    return make(w, TCP, tcp(c.source, c.target, c.sport, c.dport, flags,
                            c.seq + seq, c.ack + ack, **wrong))


def outside():
    """Sequence numbers, relative, all over the space but in the window"""
    return [(i << 25) + 0x2000000 for i in range(126)] + [-1, -2, -1000]


# Ethernet and ARP


@attack(MALFORMED)
def cut_ip(w):
    """IP headers cut short"""
    for n in range(20):
        yield eth(w, IP4, good4(w)[14:14 + n])
    for n in range(40):
        yield eth(w, IP6, good6(w)[14:14 + n])


@attack(NO_HANDLER)
def ether_types(w):
    """Unknown types of frames, VLAN tags, 802.3 lengths"""
    for kind in 0, 46, 1500, 0x8100, 0x88a8, 0x8863, 0x88cc, 0x8906, 0xffff:
        yield eth(w, kind, good4(w)[14:])


@attack(SOURCE)
def group_mac(w):
    """A group's MAC address as source"""
    for mac in BROADCAST_MAC, b'\x01\0\x5e\0\0\x01', b'\x33\x33\0\0\0\x01':
        yield eth(w, IP4, good4(w)[14:], source=mac)
        yield eth(w, IP6, good6(w)[14:], source=mac)
        yield eth(w, ARP, arp(1, mac, w.v4, bytes(6), w.far4), source=mac)


@attack(SOURCE)
def own_mac(w):
    """The MAC address of pasta as source, and none"""
    for mac in w.peer_mac, bytes(6):
        yield eth(w, IP4, good4(w)[14:], source=mac)
        yield eth(w, ARP, arp(2, mac, w.far4, mac, w.v4), source=mac)


@attack(NOT_OURS)
def other_mac(w):
    """Frames for somebody else"""
    for mac in w.mac, bytes(6), b'\x02\x11\x22\x33\x44\x55':
        yield eth(w, IP4, good4(w)[14:], target=mac)
        yield eth(w, IP6, good6(w)[14:], target=mac)


@attack(MALFORMED)
def bad_arp(w):
    """ARP with wrong types and lengths, and cut short"""
    good = arp(1, w.mac, w.v4, bytes(6), w.far4)
    for n in range(len(good)):
        yield eth(w, ARP, good[:n])
    for wrong in {'hardware': 6}, {'hlen': 0}, {'hlen': 255}, {'plen': 16}:
        yield eth(w, ARP, arp(1, w.mac, w.v4, bytes(6), w.far4, **wrong))


@attack(SOURCE)
def arp_senders(w):
    """ARP from groups, loopback, none, pasta itself: it would answer there"""
    for mac in BROADCAST_MAC, b'\x01\0\x5e\0\0\x01', bytes(6), w.peer_mac:
        yield eth(w, ARP, arp(1, mac, w.v4, bytes(6), w.far4))
    for a in '127.0.0.1', '224.0.0.1', '255.255.255.255':
        yield eth(w, ARP, arp(1, w.mac, a, bytes(6), w.far4))


@attack()
def arp_storm(w):
    """ARP for every address there is"""
    for i in range(FLOOD):
        yield eth(w, ARP, arp(1, w.mac, w.v4, bytes(6),
                              f'10.{i >> 8}.{i & 255}.1'),
                  target=BROADCAST_MAC)


@attack()
def arp_poison(w):
    """ARP that claims the gateway's address, asked and unasked"""
    for op, target in itertools.product((1, 2), (w.gateway4, w.far4)):
        yield eth(w, ARP, arp(op, w.mac, target, BROADCAST_MAC, target),
                  target=BROADCAST_MAC)


# IPv4


@attack(MALFORMED)
def version4(w):
    """IPv4 with other versions"""
    for version in (*range(4), *range(5, 16)):
        yield good4(w, version=version)


@attack(MALFORMED)
def ihl4(w):
    """IPv4 header lengths that are too short, or longer than the packet"""
    for ihl in 0, 1, 4, 15:
        yield good4(w, ihl=ihl)


@attack(MALFORMED)
def length4(w):
    """IPv4 lengths less than the header, and beyond the frame"""
    for length in 0, 1, 19, 35, 1500, 65535:
        yield good4(w, length=length)


@attack(MALFORMED)
def csum4(w):
    """IPv4 header checksums that are wrong"""
    for csum in 0, 1, 0xffff, 0x1234:
        yield good4(w, csum=csum)


@attack(SOURCE)
def loopback4(w):
    """IPv4 from loopback addresses"""
    for source in '127.0.0.1', '127.255.255.254', '127.1.2.3':
        yield good4(w, source=source)
        yield syn4(w, source=source)


@attack(SOURCE)
def group4(w):
    """IPv4 from groups and from the broadcast address"""
    for source in '224.0.0.1', '239.1.2.3', '255.255.255.255':
        yield good4(w, source=source)
        yield syn4(w, source=source)


@attack(SOURCE)
def unspecified4(w):
    """TCP and echo requests from 0.0.0.0"""
    yield syn4(w, source='0.0.0.0')
    yield f4(w, ICMP, icmp('0.0.0.0', w.far4, 8), source='0.0.0.0')


@attack(SOURCE)
def land4(w):
    """LAND: IPv4 from the address it is for"""
    for a in w.v4, w.far4, w.gateway4:
        yield f4(w, TCP, tcp(a, a, SINK, SINK, SYN), source=a, target=a)
        yield good4(w, source=a, target=a)


@attack()
def to_loopback4(w):
    """IPv4 to loopback addresses, and to none"""
    for target in '127.0.0.1', '127.9.9.9', '0.0.0.0':
        yield good4(w, target=target)
        yield syn4(w, target=target)
        yield f4(w, ICMP, icmp(w.v4, target, 8), target=target)


@attack()
def tcp_to_group(w):
    """TCP to groups and broadcast"""
    for target in '224.0.0.1', '255.255.255.255', '239.9.9.9':
        yield syn4(w, target=target)
    yield syn6(w, target='ff02::1')
    yield syn6(w, target='ff0e::1')


@attack(leaves=udp_to_sink)
def third_party(w):
    """From addresses of others: what leaves has the host's own as source"""
    for source in '8.8.8.8', '192.0.2.1', '10.1.2.3', '240.0.0.1':
        yield good4(w, source=source)
    yield good6(w, source='2001:db8:9::9')


@attack(leaves=udp_to_sink)
def options4(w):
    """IPv4 options: loops, overlong, source routes; none of them leaves"""
    for options in (b'\x07\0\x04\0', b'\x07\1\x04\0', b'\x44\xff\x05\0',
                    b'\x83\x0b\x04\x7f\0\0\1\x7f\0\0\1\0', b'\x89\x07\x04'
                    b'\xc0\0\2\1\0', b'\x01' * 40, b'\x94\x04\0\0',
                    b'\xff' * 40):
        yield good4(w, options=options)


@attack(NO_HANDLER)
def protocols4(w):
    """IPv4 protocols that nobody handles"""
    for proto in 0, 2, 4, 41, 43, 44, 47, 50, 51, 58, 60, 89, 132, 255:
        yield f4(w, proto, bytes(40))


# Fragments


@attack(FRAGMENT)
def teardrop(w):
    """Teardrop: fragments that overlap, inside and at the end"""
    data = udp(w.v4, w.far4, 999, SINK, bytes(100))
    for ident, (at, size) in enumerate(((24, 4), (3, 80), (0, 64), (7, 8))):
        yield f4(w, UDP, data[:64], frag=MF, ident=ident)
        yield f4(w, UDP, data[at:at + size], frag=at // 8, ident=ident)


@attack(FRAGMENT)
def ping_of_death(w):
    """Ping of death: fragments beyond the longest packet"""
    for ident, offset in enumerate((8189, 8190, 8191)):
        yield f4(w, ICMP, bytes(1000), frag=offset, ident=100 + ident)


@attack()
def tiny_fragments(w):
    """A TCP header in pieces of eight bytes, without its end"""
    data = tcp(w.v4, w.far4, 999, SINK, SYN)
    yield f4(w, TCP, data[:8], frag=MF, ident=200)
    yield f4(w, TCP, data[8:16], frag=MF | 1, ident=200)


@attack()
def fragment_flood(w):
    """Fragments of packets that never get whole"""
    for ident in range(FLOOD):
        yield f4(w, UDP, bytes(64), frag=MF | ident % 50, ident=ident)


@attack(FRAGMENT)
def fragment_contradiction(w):
    """Two last fragments, fragments behind the last, of no length, odd"""
    for ident, second in ((300, 4), (301, 20)):
        yield f4(w, UDP, bytes(64), frag=8, ident=ident)
        yield f4(w, UDP, bytes(64), frag=second | MF * (ident == 301),
                 ident=ident)
    yield f4(w, UDP, b'', frag=MF, ident=302)
    yield f4(w, UDP, bytes(13), frag=MF, ident=303)


@attack()
def fragment_many(w):
    """A packet in more fragments than there may be"""
    data = udp(w.v4, w.far4, 999, SINK, bytes(2000))
    for at in range(0, len(data), 8):
        yield f4(w, UDP, data[at:at + 8], ident=304,
                 frag=at // 8 | MF * (at + 8 < len(data)))


@attack(FRAGMENT)
def overlap6(w):
    """IPv6 fragments that overlap"""
    data = udp(w.v6, w.far6, 999, SINK, bytes(100))
    for ident, at in enumerate((8, 32, 56)):
        yield f6(w, 44, frag6(UDP, 0, 1, ident) + data[:64])
        yield f6(w, 44, frag6(UDP, at, 0, ident) + data[at:])


@attack()
def header_behind_fragments(w):
    """Whole again, the packet begins with an extension header"""
    data = ext(UDP) + udp(w.v6, w.far6, 999, SINK, bytes(24))
    yield f6(w, 44, frag6(60, 0, 1, 77) + data[:16])
    yield f6(w, 44, frag6(60, 16, 0, 77) + data[16:])


# IPv6


@attack(MALFORMED)
def version6(w):
    """IPv6 with other versions"""
    for version in 0, 1, 4, 5, 7, 15:
        yield good6(w, version=version)


@attack(MALFORMED)
def length6(w):
    """IPv6 payload lengths beyond the frame"""
    for length in 100, 1500, 65535:
        yield good6(w, length=length)


@attack(MALFORMED)
def jumbo(w):
    """A jumbogram: RFC 2675"""
    yield f6(w, 0, ext(UDP, b'\xc2\x04' + struct.pack('!I', 1 << 16)) +
             bytes(200), length=0)


@attack(MALFORMED)
def chain6(w):
    """A chain of extension headers"""
    for kind in 0, 60, 43:
        yield f6(w, kind, ext(kind) * 20 + ext(UDP) +
                 udp(w.v6, w.far6, 999, SINK))


@attack(MALFORMED)
def ext6(w):
    """Extension headers longer than the packet, and cut short"""
    for kind in 0, 43, 60:
        yield f6(w, kind, ext(UDP, units=255) + bytes(64))
        yield f6(w, kind, b'')
        yield f6(w, kind, b'\x11')
    yield f6(w, 44, bytes(7))


@attack(MALFORMED)
def routing6(w):
    """Routing headers with a stop ahead: RFC 5095"""
    for kind in 0, 2, 4, 255:
        yield f6(w, 43, ext(UDP, bytes([kind, 1]) + bytes(4) +
                            packed('2001:db8:2::1')) +
                 udp(w.v6, w.far6, 999, SINK))


@attack(SOURCE)
def source6(w):
    """IPv6 from loopback, groups, and itself"""
    for source in '::1', 'ff02::1', 'ff0e::5', w.far6:
        yield good6(w, source=source)
        yield syn6(w, source=source)


@attack(SOURCE)
def unspecified6(w):
    """TCP, UDP and echo requests from ::"""
    yield syn6(w, source='::')
    yield good6(w, source='::')
    yield f6(w, ICMP6, icmp('::', w.far6, 128), source='::')


@attack(MALFORMED)
def mapped6(w):
    """IPv4 addresses in IPv6 form, on either side"""
    for a in '::ffff:127.0.0.1', '::ffff:192.0.2.2', '::ffff:0.0.0.0':
        yield good6(w, source=a)
        yield syn6(w, target=a)


@attack()
def to_loopback6(w):
    """IPv6 to loopback, and to none"""
    for target in '::1', '::':
        yield good6(w, target=target)
        yield syn6(w, target=target)
        yield f6(w, ICMP6, icmp(w.v6, target, 128), target=target)


@attack(NO_HANDLER)
def protocols6(w):
    """IPv6 protocols that nobody handles, and no next header"""
    for proto in 1, 4, 41, 47, 50, 51, 59, 89, 132, 135, 255:
        yield f6(w, proto, bytes(40))


# UDP


@attack(MALFORMED)
def udp_length(w):
    """UDP lengths less than the header, and beyond the packet"""
    for length in 0, 1, 7, 100, 65535:
        yield f4(w, UDP, udp(w.v4, w.far4, 999, SINK, bytes(20),
                             length=length))
        yield f6(w, UDP, udp(w.v6, w.far6, 999, SINK, bytes(20),
                             length=length))


@attack(MALFORMED)
def udp_cut(w):
    """UDP headers cut short"""
    for n in range(8):
        yield f4(w, UDP, udp(w.v4, w.far4, 999, SINK)[:n])
        yield f6(w, UDP, udp(w.v6, w.far6, 999, SINK)[:n])


@attack(CSUM)
def udp_csum(w):
    """UDP with wrong checksums, and without one over IPv6"""
    yield f4(w, UDP, udp(w.v4, w.far4, 999, SINK, b'x', bad_csum=True))
    yield f6(w, UDP, udp(w.v6, w.far6, 999, SINK, b'x', bad_csum=True))
    yield f6(w, UDP, udp(w.v6, w.far6, 999, SINK, b'x', no_csum=True))


@attack(MALFORMED)
def udp_port_0(w):
    """UDP to port 0"""
    yield f4(w, UDP, udp(w.v4, w.far4, 999, 0, b'x'))
    yield f6(w, UDP, udp(w.v6, w.far6, 0, 0, b'x'))


# TCP


@attack(MALFORMED)
def tcp_offset(w):
    """TCP data offsets in the header, and beyond the segment"""
    for offset in 0, 1, 4, 6, 15:
        for flags in SYN, ACK, RST:
            yield fc(w, flags, offset=offset)


@attack(MALFORMED)
def tcp_cut(w):
    """TCP headers cut short"""
    c = w.conn
    make = f6 if ':' in c.source else f4
    for n in range(20):
        yield make(w, TCP, tcp(c.source, c.target, c.sport, c.dport, RST,
                               c.seq)[:n])


@attack(CSUM)
def tcp_csum(w):
    """A right RST, FIN and data but for the checksum, a SYN"""
    for flags in RST, RST | ACK, FIN | ACK, SYN:
        yield fc(w, flags, bad_csum=True)
    yield fc(w, ACK, data=b'wrong', bad_csum=True)


@attack(leaves=syn_to(CLOSED))
def tcp_options(w):
    """TCP options of a SYN: loops, overlong, absurd values"""
    for i, options in enumerate((b'\x02\0\0\0', b'\x02\1\0\0', b'\x08\xff\0\0',
                                 b'\x02\x04\0\0', b'\x03\x03\xff\0',
                                 b'\x01' * 40, b'\x05\x22' + b'\xff' * 38,
                                 b'\x02\x04\xff\xff\x03\x03\x0e\0')):
        yield f4(w, TCP, tcp(w.v4, w.far4, 2000 + i, CLOSED, SYN,
                             options=options))


@attack(leaves=syn_to(CLOSED))
def tcp_flags(w):
    """All combinations of flags, of no connection"""
    for flags in range(256):
        yield f4(w, TCP, tcp(w.v4, w.far4, 3000 + flags, CLOSED, flags))


@attack()
def tcp_port_0(w):
    """TCP from port 0"""
    yield f4(w, TCP, tcp(w.v4, w.far4, 0, SINK, SYN))
    yield f6(w, TCP, tcp(w.v6, w.far6, 0, SINK, SYN))


@attack()
def stray(w):
    """Segments of connections that don't exist"""
    for i in range(FLOOD):
        yield f4(w, TCP, tcp(w.v4, w.far4, 1024 + i, SINK,
                             (ACK, RST, FIN | ACK, SYN | ACK)[i % 4], i, i))


@attack()
def rst_outside(w):
    """RST guesses outside the window of the bystander"""
    for seq in outside():
        yield fc(w, RST, seq=seq)
        yield fc(w, RST | ACK, seq=seq)


@attack(WITHHELD)
def rst_inside(w):
    """RST guesses inside the window, but for the exact number"""
    for seq in range(1, 60000, 600):
        yield fc(w, RST, seq=seq)


@attack()
def fin_outside(w):
    """FIN guesses outside the window"""
    for seq in outside():
        yield fc(w, FIN | ACK, seq=seq)


@attack(WITHHELD)
def blind_syn(w):
    """SYN and SYN,ACK on the bystander's connection, in and out of window"""
    for seq in (*range(0, 60000, 1000), *outside()):
        yield fc(w, SYN, seq=seq)
        yield fc(w, SYN | ACK, seq=seq)


@attack(WITHHELD)
def ack_ahead(w):
    """Acknowledgements of what was never sent"""
    for ack in range(1, 1 << 31, 1 << 24):
        yield fc(w, ACK, ack=ack)


@attack()
def ack_behind(w):
    """Acknowledgements of long ago, and storms of the present one"""
    for ack in range(1, 1 << 30, 1 << 23):
        yield fc(w, ACK, ack=-ack)
    for _ in range(200):
        yield fc(w, ACK)


@attack()
def data_outside(w):
    """Data outside the window"""
    for seq in outside():
        yield fc(w, ACK | PSH, seq=seq if seq > 0 else seq - 2000,
                 data=b'wrong')


@attack()
def data_without_ack(w):
    """Data, urgent data and FIN in the window, without ACK"""
    yield fc(w, 0, data=b'wrong')
    yield fc(w, PSH | URG, data=b'wrong', urgent=65535)
    yield fc(w, FIN)


@attack(leaves=syn_to(SINK))
def syn_flood(w):
    """SYN flood to an address that doesn't answer"""
    for i in range(FLOOD * 3):
        yield f4(w, TCP, tcp(w.v4, SILENT, 1024 + i, SINK, SYN, i),
                 target=SILENT)


@attack(leaves=syn_to(CLOSED))
def syn_refused(w):
    """SYN flood to a closed port, from addresses of others, too"""
    for i in range(FLOOD // 4):
        source = f'198.18.7.{i % 250 + 1}' if i % 2 else w.v4
        yield f4(w, TCP, tcp(source, w.far4, 5000 + i, CLOSED, SYN),
                 source=source)


# ICMP


@attack(MALFORMED)
def icmp_cut(w):
    """Echo requests cut short"""
    for n in range(8):
        yield f4(w, ICMP, icmp(w.v4, w.far4, 8)[:n])
    for n in range(4, 8):
        yield f6(w, ICMP6, icmp(w.v6, w.far6, 128)[:n])


@attack(CSUM)
def icmp_csum(w):
    """Echo requests with wrong checksums"""
    yield f4(w, ICMP, icmp(w.v4, w.far4, 8, bad_csum=True))
    yield f6(w, ICMP6, icmp(w.v6, w.far6, 128, bad_csum=True))


@attack()
def icmp_types(w):
    """All types of ICMP and ICMPv6 but echo requests, redirects among them"""
    for kind in range(256):
        if kind != 8:
            yield f4(w, ICMP, icmp(w.v4, w.far4, kind, rest=packed(w.v4)))
        if kind != 128:
            yield f6(w, ICMP6, icmp(w.v6, w.far6, kind, rest=bytes(28)),
                     hops=255)


@attack()
def icmp_errors(w):
    """Errors about the bystander's connection: unreachable, too big"""
    c = w.conn
    segment = tcp(c.target, c.source, c.dport, c.sport, ACK, c.ack, c.seq)
    if ':' in c.source:
        quote = ip6(c.target, c.source, TCP, segment)
        for kind, value in (1, 0), (2, 100), (2, 1280), (3, 0), (4, 0):
            yield f6(w, ICMP6, icmp(c.source, c.target, kind, rest=struct.pack(
                '!I', value) + quote))
        return
    quote = ip4(c.target, c.source, TCP, segment)
    for kind, code, value in ((3, 0, 0), (3, 1, 0), (3, 2, 0), (3, 3, 0),
                              (3, 4, 68), (4, 0, 0), (5, 1, 0x7f000001),
                              (11, 0, 0), (12, 0, 0)):
        yield f4(w, ICMP, icmp(c.source, c.target, kind, code,
                               struct.pack('!I', value) + quote))


# Neighbour discovery


def nd(w, kind, rest, **wrong):
    """Frame with a message of neighbour discovery"""
    source, target = wrong.get('source', w.v6), wrong.get('target', w.far6)
    return f6(w, ICMP6, icmp(source, target, kind, wrong.get('code', 0), rest),
              source=source, target=target, hops=wrong.get('hops', 255))


@attack(MALFORMED)
def nd_options(w):
    """Solicitations with options of no length, and too long ones"""
    for options in b'\1\0' + bytes(6), b'\1\xff' + bytes(6), b'\1', b'\0\0':
        yield nd(w, 135, bytes(4) + packed(w.far6) + options)
        yield nd(w, 133, bytes(4) + options)


@attack(MALFORMED)
def nd_rules(w):
    """Solicitations from afar, of groups, with codes, cut short"""
    good = bytes(4) + packed(w.far6)
    for wrong in {'hops': 254}, {'hops': 0}, {'code': 1}:
        yield nd(w, 135, good, **wrong)
        yield nd(w, 133, bytes(4), **wrong)
    yield nd(w, 135, bytes(4) + packed('ff02::1'))
    for n in range(4, 20):
        yield nd(w, 135, good[:n])
    yield nd(w, 133, bytes(4) + b'\1\1' + w.mac, source='::',
             target='ff02::2')


@attack()
def ns_flood(w):
    """Neighbour solicitations for every address there is"""
    for i in range(FLOOD):
        yield nd(w, 135, bytes(4) + packed(f'2001:db8:{i:x}::1') + b'\1\1' +
                 w.mac, target='ff02::1:ff00:1')


@attack()
def rs_flood(w):
    """Router solicitations"""
    for _ in range(FLOOD // 4):
        yield nd(w, 133, bytes(4) + b'\1\1' + w.mac, target='ff02::2')


@attack()
def nd_poison(w):
    """Advertisements of the router's address, of a router, and redirects"""
    for a in w.far6, w.gateway6, 'fe80::1':
        yield nd(w, 136, b'\xe0\0\0\0' + packed(a) + b'\2\1' + w.mac,
                 target='ff02::1')
        yield nd(w, 137, bytes(4) + packed(w.v6) + packed(a))
    yield nd(w, 134, b'\x40\xc0\xff\xff' + bytes(8) + b'\3\4\x40\xc0' +
             b'\xff' * 8 + bytes(4) + packed('2001:db8:666::'),
             source='fe80::666', target='ff02::1')


# Configuration


def dhcp(w, options, mac=None, **wrong):
    """Frame with a DHCP message

    @wrong: op, hlen, magic, size, source, addresses (ciaddr and so on)
    """
    mac = mac or w.mac
    source = wrong.get('source', '0.0.0.0')
    m = struct.pack('!BBBBIHH', wrong.get('op', 1), 1, wrong.get('hlen', 6), 0,
                    7, 0, 0)
    m += wrong.get('addresses', bytes(16)) + mac + bytes(202)
    m += wrong.get('magic', b'\x63\x82\x53\x63') + options
    m = m[:wrong.get('size', len(m))]
    return eth(w, IP4, ip4(source, '255.255.255.255', UDP, udp(
        source, '255.255.255.255', 68, 67, m)), target=BROADCAST_MAC)


@attack()
def dhcp_starvation(w):
    """DHCP starvation: discoveries and requests of a thousand clients"""
    for i in range(FLOOD // 4):
        mac = b'\x02' + rng.randbytes(5)
        yield dhcp(w, b'\x35\1\1\xff', mac)
        yield dhcp(w, b'\x35\1\3\x32\4' + packed(f'10.9.{i >> 8}.{i & 255}') +
                   b'\xff', mac)


@attack()
def dhcp_bad(w):
    """DHCP malformed: options overlong, empty, looping, messages cut short"""
    for options in (b'\x35\xff\1', b'\x35\0\xff', b'\x35', b'\x35\1', b'\xff',
                    b'', b'\x35\1\1\x52\xff', b'\x35\1\1\x34\1\3\xff',
                    b'\0' * 300, b'\x37\xff' + b'\1' * 300,
                    b'\x35\1\1\x37\xff' + b'\1' * 255 + b'\xff',
                    b'\x35\1\1\x39\2\0\0\xff', b'\x35\1\xc8\xff'):
        yield dhcp(w, options)
    for wrong in {'op': 2}, {'op': 0}, {'hlen': 0}, {'hlen': 255}, \
            {'magic': bytes(4)}, {'source': '10.0.0.1'}:
        yield dhcp(w, b'\x35\1\1\xff', **wrong)
    for size in range(0, 244, 4):
        yield dhcp(w, b'\x35\1\1\xff', size=size)


@attack(MALFORMED)
def dhcp_destinations(w):
    """DHCP clients and relays at groups and loopback, which it would answer"""
    for a in '127.0.0.1', '224.0.0.1', '255.255.255.255':
        for addresses in packed(a) + bytes(12), bytes(12) + packed(a):
            yield dhcp(w, b'\x35\1\x08\xff', addresses=addresses)


def dhcp6(w, message, source='fe80::77'):
    """Frame with a DHCPv6 message"""
    return f6(w, UDP, udp(source, 'ff02::1:2', 546, 547, message),
              source=source, target='ff02::1:2')


@attack()
def dhcp6_bad(w):
    """DHCPv6 malformed: options overlong, nested, of no length, cut short"""
    duid = b'\0\1\0\x0a\0\3\0\1' + w.mac
    ia = b'\0\3\0\x0c' + bytes(12)
    good = b'\1\0\0\1' + duid + ia
    for n in range(len(good)):
        yield dhcp6(w, good[:n])
    for kind in range(256):
        yield dhcp6(w, bytes([kind]) + good[1:])
    for options in (b'\0\1\0\0', b'\0\1\xff\xff', b'\0\3\0\0', b'\0\3\0\x0b' +
                    bytes(11), b'\0\3\0\x10' + bytes(12) + b'\0\5\xff\xff',
                    duid * 50, ia * 50, b'\0\6\0\1\0', b'\0\x27\xff\xff',
                    b'\0\3\0\x28' + bytes(12) + b'\0\5\0\x18' + bytes(24)):
        yield dhcp6(w, b'\1\0\0\1' + options)
        yield dhcp6(w, b'\3\0\0\1' + duid + options)


@attack()
def dhcp6_relay(w):
    """DHCPv6 relayed by relays of relays"""
    m = b'\1\0\0\1' + b'\0\1\0\x0a\0\3\0\1' + w.mac
    for hops in range(40):
        m = bytes([12, hops]) + bytes(32) + struct.pack('!HH', 9, len(m)) + m
        yield dhcp6(w, m)


@attack()
def dhcp6_flood(w):
    """DHCPv6 solicitations of a thousand clients"""
    for _ in range(FLOOD // 2):
        yield dhcp6(w, b'\1\0\0\1' + b'\0\1\0\x0a\0\3\0\1' + rng.randbytes(6) +
                    b'\0\3\0\x0c' + bytes(12))


# Offload headers: each frame comes with a header of struct virtio_net_hdr

NEEDS_CSUM, DATA_VALID = 1, 2
TCPV4, GSO_UDP, TCPV6, UDP_L4 = 1, 3, 4, 5
VNET_ATTACKS = []


def vnet(flags=0, kind=0, hdr_len=0, size=0, start=0, offset=0):
    """Offload header, in the byte order of the machine"""
    return struct.pack('=BBHHHH', flags, kind, hdr_len, size, start, offset)


def vnet_attack(function):
    """Decorator: enter a function in the other table"""
    VNET_ATTACKS.append(Attack(function.__doc__, None, udp_to_sink, function))
    return function


def offloaded(w, size=1400):
    """A datagram with a partial checksum"""
    d = udp(w.v4, w.far4, 999, SINK, bytes(size), no_csum=True)
    return f4(w, UDP, d)


@vnet_attack
def vnet_gso_size(w):
    """Segments of no bytes, of one, of more than there are"""
    for kind in TCPV4, GSO_UDP, TCPV6, UDP_L4, 0x80 | TCPV4, 77:
        for size in 0, 1, 7, 65535:
            yield vnet(NEEDS_CSUM, kind, 42, size, 34, 6) + offloaded(w)


@vnet_attack
def vnet_csum_start(w):
    """Checksums that begin or lie beyond the frame, or in other headers"""
    for start, offset in ((0, 0), (14, 10), (34, 65535), (65535, 6),
                          (1441, 6), (1442, 0), (34, 1406), (33, 6)):
        yield vnet(NEEDS_CSUM, 0, 0, 0, start, offset) + offloaded(w)
        yield vnet(NEEDS_CSUM, UDP_L4, 42, 1000, start, offset) + offloaded(w)


@vnet_attack
def vnet_hdr_len(w):
    """Header lengths that are none, too short, and beyond the frame"""
    for hdr_len in 0, 1, 14, 33, 41, 43, 1442, 65535:
        yield vnet(NEEDS_CSUM, UDP_L4, hdr_len, 1000, 34, 6) + offloaded(w)


@vnet_attack
def vnet_tcp(w):
    """GSO frames outside the bystander's window, of many segments"""
    for size in 1, 8, 1000:
        yield vnet(NEEDS_CSUM, TCPV4, 54, size, 34, 16) + fc(
            w, ACK, seq=-9000, data=bytes(8000))


@vnet_attack
def vnet_flags(w):
    """Unknown flags, and a vow that a wrong checksum is right"""
    for flags in DATA_VALID, 4, 8, 0xfc, 0xff:
        yield vnet(flags, 0, 0, 0, 34, 6) + f4(w, UDP, udp(
            w.v4, w.far4, 999, SINK, b'x', bad_csum=True))
