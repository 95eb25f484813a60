# SPDX-License-Identifier: BSD-3-Clause
"""Frames byte by byte, right by default and wrong wherever an argument says.

Addresses are literals, lengths and checksums are computed unless given.
"""

import socket
import struct

IP4, IP6, ARP = 0x0800, 0x86dd, 0x0806
TCP, UDP, ICMP, ICMP6 = 6, 17, 1, 58
FIN, SYN, RST, PSH, ACK, URG = 1, 2, 4, 8, 16, 32
BROADCAST_MAC = b'\xff' * 6
DF, MF = 0x4000, 0x2000


def checksum(data):
    """Internet checksum: RFC 1071"""
    if len(data) % 2:
        data += b'\0'
    total = sum(struct.unpack(f'!{len(data) // 2}H', data))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return ~total & 0xffff


def packed(address):
    """Bytes of an address"""
    return socket.inet_pton(socket.AF_INET6 if ':' in address else
                            socket.AF_INET, address)


def with_checksum(source, target, proto, data, at, wrong=False):
    """Put the checksum of an upper layer where it belongs"""
    head = packed(source) + packed(target)
    if len(head) == 8:
        head += struct.pack('!HH', proto, len(data))
    else:
        head += struct.pack('!II', len(data), proto)
    if proto == ICMP:
        head = b''
    value = checksum(head + data) ^ (0x5555 if wrong else 0)
    return data[:at] + struct.pack('!H', value or 0xffff) + data[at + 2:]


def ip4(source, target, proto, data, **wrong):
    """IPv4 packet. @wrong: version, ihl, length, frag, ident, ttl, options,
    csum"""
    options = wrong.get('options', b'')
    ihl = wrong.get('ihl', 5 + len(options) // 4)
    head = struct.pack('!BBHHHBBH', wrong.get('version', 4) << 4 | ihl, 0,
                       wrong.get('length', 20 + len(options) + len(data)),
                       wrong.get('ident', 1), wrong.get('frag', 0),
                       wrong.get('ttl', 64), proto, 0)
    head += packed(source) + packed(target) + options
    csum = wrong.get('csum', checksum(head[:max(20, ihl * 4)]))
    return head[:10] + struct.pack('!H', csum) + head[12:] + data


def ip6(source, target, proto, data, **wrong):
    """IPv6 packet. @wrong: version, length, hops"""
    return (struct.pack('!IHBB', wrong.get('version', 6) << 28,
                        wrong.get('length', len(data)), proto,
                        wrong.get('hops', 64)) +
            packed(source) + packed(target) + data)


def udp(source, target, sport, dport, data=b'', **wrong):
    """UDP datagram. @wrong: length, bad_csum, no_csum"""
    d = struct.pack('!HHHH', sport, dport, wrong.get('length', 8 + len(data)),
                    0) + data
    if wrong.get('no_csum'):
        return d
    return with_checksum(source, target, UDP, d, 6, wrong.get('bad_csum'))


def tcp(source, target, sport, dport, flags, seq=0, ack=0, **wrong):
    """TCP segment. @wrong: offset, window, options, data, urgent, bad_csum"""
    options = wrong.get('options', b'')
    d = struct.pack('!HHIIBBHHH', sport, dport, seq & 0xffffffff,
                    ack & 0xffffffff,
                    wrong.get('offset', 5 + len(options) // 4) << 4, flags,
                    wrong.get('window', 65535), 0, wrong.get('urgent', 0))
    d += options + wrong.get('data', b'')
    return with_checksum(source, target, TCP, d, 16, wrong.get('bad_csum'))


def icmp(source, target, kind, code=0, rest=bytes(4), bad_csum=False):
    """ICMP or ICMPv6 message, after the version of the addresses"""
    proto = ICMP6 if ':' in source else ICMP
    return with_checksum(source, target, proto,
                         struct.pack('!BBH', kind, code, 0) + rest, 2,
                         bad_csum)


def arp(op, sender_mac, sender, target_mac, target, **wrong):
    """ARP packet. @wrong: hardware, hlen, plen"""
    return struct.pack('!HHBBH', wrong.get('hardware', 1), IP4,
                       wrong.get('hlen', 6), wrong.get('plen', 4), op) + \
        sender_mac + packed(sender) + target_mac + packed(target)


def ext(proto, data=bytes(6), units=None):
    """IPv6 extension header. @units: length field"""
    return bytes([proto, len(data) // 8 if units is None else units]) + data


def frag6(proto, offset, more, ident):
    """IPv6 fragment header"""
    return struct.pack('!BBHI', proto, 0, offset | more, ident)


class Packet:
    """A packet on the wire, taken apart as far as it is well-formed

    @kind: 'arp', 4, 6, or the number of an unknown type
    """

    def __init__(self, frame):
        self.frame = frame
        self.kind, = struct.unpack('!H', frame[12:14])
        self.proto = self.sport = self.dport = self.flags = None
        self.source = self.target = None
        self.strange = False
        data = frame[14:]
        if self.kind == ARP:
            self.kind = 'arp'
            self.source = socket.inet_ntoa(data[14:18])
        elif self.kind == IP4:
            self.kind, self.proto = 4, data[9]
            self.source = socket.inet_ntoa(data[12:16])
            self.target = socket.inet_ntoa(data[16:20])
            # Options, fragments; IGMP comes with an option from the kernel
            frag, = struct.unpack('!H', data[6:8])
            self.strange = bool(frag & 0x3fff) or \
                (data[0] != 0x45 and self.proto != 2)
            self.upper(data[(data[0] & 15) * 4:])
        elif self.kind == IP6:
            self.kind, self.proto = 6, data[6]
            self.source = socket.inet_ntop(socket.AF_INET6, data[8:24])
            self.target = socket.inet_ntop(socket.AF_INET6, data[24:40])
            # Reports to multicast routers have a header with an option
            if not self.proto and data[40] == ICMP6:
                self.proto, data = ICMP6, data[8:]
            self.strange = self.proto not in (TCP, UDP, ICMP6)
            self.upper(data[40:])

    def upper(self, data):
        """Ports, or type of ICMP as @dport"""
        if self.proto in (TCP, UDP):
            self.sport, self.dport = struct.unpack('!HH', data[:4])
            if self.proto == TCP:
                self.flags = data[13]
        elif self.proto in (ICMP, ICMP6):
            self.dport = data[0]

    def __repr__(self):
        return (f'{self.source}:{self.sport} > {self.target}:{self.dport} '
                f'proto {self.proto} flags {self.flags}: {self.frame.hex()}')
