# SPDX-License-Identifier: Apache-2.0
"""Frames as bytes: an inner Ethernet frame of a five-tuple, and VXLAN or NVGRE around it.

Written out by struct, not by a packet library, because a capture has 100,000 of them.
"""
import struct
from dataclasses import dataclass
from typing import NamedTuple

TCP, UDP = 6, 17
VXLAN_PORT = 4789
MIN_FRAME = 60  # without the frame check sequence: "64 bytes" on a wire


class Flow(NamedTuple):
    """A five-tuple; addresses are IPv4, as numbers."""
    src: int
    dst: int
    proto: int
    sport: int
    dport: int


@dataclass(frozen=True)
class Outer:
    """The ends of a tunnel in the underlay."""
    src_mac: bytes
    dst_mac: bytes
    src: int
    dst: int


def mac(text):
    return bytes.fromhex(text.replace(':', ''))


def ip(text):
    a, b, c, d = map(int, text.split('.'))
    return a << 24 | b << 16 | c << 8 | d


def ip_text(number):
    return '.'.join(str(number >> shift & 255) for shift in (24, 16, 8, 0))


def checksum(data):
    """The Internet checksum, RFC 1071."""
    if len(data) % 2:
        data += b'\0'
    # 2^16 is 1 modulo 65,535, so one big number's remainder is the folded sum of its 16-bit words.
    total = int.from_bytes(data, 'big')
    folded = total % 65535
    return 65535 - folded if folded or not total else 0


def _ipv4(src, dst, proto, length, ttl=64, ident=0):
    head = struct.pack('!BBHHHBBHII', 0x45, 0, 20 + length, ident, 0x4000, ttl, proto, 0, src, dst)
    return head[:10] + struct.pack('!H', checksum(head)) + head[12:]


def _l4(flow, room):
    """The layer-4 part, `room` bytes of it, checksummed."""
    if flow.proto == TCP:
        body = struct.pack('!HHIIBBHHH', flow.sport, flow.dport, 1, 1, 5 << 4, 0x10, 8192, 0, 0)
        at = 16
    elif flow.proto == UDP:
        body = struct.pack('!HHHH', flow.sport, flow.dport, room, 0)
        at = 6
    else:
        return bytes(room)
    body = body.ljust(room, b'\0')
    pseudo = struct.pack('!IIBBH', flow.src, flow.dst, 0, flow.proto, room)
    return body[:at] + struct.pack('!H', checksum(pseudo + body) or 0xffff) + body[at + 2:]


def inner(flow, src_mac, dst_mac, length=MIN_FRAME):
    """An Ethernet frame of `length` bytes that belongs to the flow."""
    room = length - 14 - 20
    return b''.join((dst_mac, src_mac, b'\x08\x00', _ipv4(flow.src, flow.dst, flow.proto, room),
                     _l4(flow, room)))


def entropy(flow):
    """What a sender may take as source port or FlowID: the same for a flow, spread over flows."""
    mixed = (flow.src * 0x9e3779b1 ^ flow.dst * 0x85ebca6b ^ flow.sport * 0xc2b2ae35
             ^ flow.dport * 0x27d4eb2f ^ flow.proto) & 0xffffffff
    return mixed ^ mixed >> 16


def vxlan(frame, vni, outer, spread):
    """RFC 7348, section 5, zero UDP checksum."""
    port = 0xc000 | spread & 0x3fff
    udp = struct.pack('!HHHH', port, VXLAN_PORT, 16 + len(frame), 0)
    return b''.join((outer.dst_mac, outer.src_mac, b'\x08\x00',
                     _ipv4(outer.src, outer.dst, UDP, 16 + len(frame)), udp,
                     struct.pack('!II', 0x08000000, vni << 8), frame))


def nvgre(frame, vsid, outer, spread):
    """RFC 7637, section 3.2: GRE with a key of VSID and FlowID."""
    gre = struct.pack('!HHI', 0x2000, 0x6558, vsid << 8 | spread & 255)
    return b''.join((outer.dst_mac, outer.src_mac, b'\x08\x00',
                     _ipv4(outer.src, outer.dst, 47, 8 + len(frame)), gre, frame))


ENCAPS = {'vxlan': vxlan, 'nvgre': nvgre}
