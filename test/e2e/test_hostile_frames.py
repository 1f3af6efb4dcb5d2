# SPDX-License-Identifier: Apache-2.0
"""Tunnel packets that lie, from a VTEP that is known, over IPv4 and IPv6: outer and inner headers cut off, lengths,
options and extension headers that do not add up, GRE with bits that NVGRE forbids, fragments of nothing, BFD that is
none. Each is in the ledger once."""
import random
import struct

import pytest
from scapy.contrib.igmp import IGMP
from scapy.layers.inet import ICMP, IP, TCP, UDP, IPOption
from scapy.layers.inet6 import (ICMPv6MLQuery2, ICMPv6ND_NA, ICMPv6ND_NS, ICMPv6ND_RA, ICMPv6NDOptMTU,
                                ICMPv6NDOptSrcLLAddr, ICMPv6PacketTooBig, IPv6, IPv6ExtHdrDestOpt,
                                IPv6ExtHdrFragment, IPv6ExtHdrHopByHop, IPv6ExtHdrRouting, RouterAlert)
from scapy.layers.l2 import ARP, Dot1Q, Ether
from scapy.packet import Raw

from lab.wait import wait_until
from lab.weft import WeftHost

MAC1, MAC2 = '02:00:00:00:00:01', '02:00:00:00:00:02'
VNI, VSID, BFD_VNI = 5001, 0xabcde, 77
ROUNDS, BURST = 10, 30  # a burst fits the uplink's socket


def inner_frames():
    """As they should be; what the switch itself looks into among them."""
    head, ip, ip6 = Ether(src=MAC2, dst=MAC1), IP(src='10.0.0.2', dst='10.0.0.1'), IPv6(src='fe80::2', dst='fe80::1')
    group, group6 = Ether(src=MAC2, dst='01:00:5e:01:01:01'), Ether(src=MAC2, dst='33:33:00:00:00:01')
    nodes = IPv6(src='fe80::2', dst='ff02::1')
    alert = IPv6ExtHdrHopByHop(options=[RouterAlert()])
    return [bytes(f) for f in (
        head / ip / UDP(dport=7) / bytes(40), head / ip / TCP() / bytes(40), head / ip / ICMP() / bytes(40),
        Ether(src=MAC2, dst='ff:ff:ff:ff:ff:ff') / ARP(op=1, hwsrc=MAC2, psrc='10.0.0.2', pdst='10.0.0.1'),
        group6 / nodes / ICMPv6ND_NS(tgt='fe80::1') / ICMPv6NDOptSrcLLAddr(lladdr=MAC2),
        group6 / nodes / ICMPv6ND_NA(tgt='fe80::2'), group6 / nodes / ICMPv6ND_RA() / ICMPv6NDOptMTU(mtu=9999),
        group6 / IPv6(src='fe80::2', dst='ff02::1', hlim=1) / alert / ICMPv6MLQuery2(),
        group / IP(src='10.0.0.2', dst='239.1.1.1', ttl=1) / IGMP(type=0x16, gaddr='239.1.1.1'),
        head / IP(src='10.0.0.2', dst='10.0.0.1', flags='MF', frag=3) / bytes(40),
        head / ip6 / IPv6ExtHdrHopByHop() / IPv6ExtHdrDestOpt() / IPv6ExtHdrRouting() / IPv6ExtHdrFragment(m=1) / bytes(40),
        head / Dot1Q(vlan=5) / Dot1Q(vlan=6) / ip / UDP() / bytes(20))]


def spoil(rng, frame):
    """The same with up to three things wrong behind its Ethernet header."""
    b = bytearray(frame)
    for _ in range(rng.randrange(4)):
        at, how = rng.randrange(14, len(b)), rng.randrange(5)
        if how == 0 and at > 14:
            del b[at:]
        elif how == 1:
            b[at] ^= 1 << rng.randrange(8)
        elif how == 2 and at + 2 <= len(b):
            struct.pack_into('!H', b, at, rng.choice((0, 1, 7, 19, 21, 0x3fff, 0x8000, 0xffff, len(b))))
        elif how == 3:
            del b[at:at + rng.choice((1, 4, 20))]
        else:
            b += rng.randbytes(rng.choice((1, 40)))
        if len(b) < 16:
            break
    return bytes(b)


def in_vxlan(vni, inner):
    return UDP(sport=50000, dport=4789, chksum=0) / Raw(struct.pack('!II', 8 << 24, vni << 8) + inner)


def in_nvgre(flags, between, inner):
    return Raw(struct.pack('!HH', flags, 0x6558) + between + struct.pack('!I', VSID << 8) + inner)


def in_some(rng, inner):
    """(protocol, payload) of some encapsulation, or of what is nearly one."""
    return rng.choice((
        (17, in_vxlan(VNI, inner)), (17, in_vxlan(VNI, inner)), (17, in_vxlan(BFD_VNI, inner)), (47, in_nvgre(0x2000, b'', inner)),
        (47, in_nvgre(rng.choice((0xa000, 0x3000, 0x6000, 0x2001)), bytes(4), inner))))


def bfd(rng, dport):
    """A control packet (RFC 5880, 4.1), to a session that is perhaps not there."""
    state, yours = rng.randrange(4), rng.choice((0, rng.getrandbits(32)))
    return UDP(sport=49152, dport=dport) / Raw(struct.pack(
        '!BBBBIIIII', 0x20 | rng.randrange(32), state << 6 | rng.choice((0, 0x20, 0x10, 0x04, 0x3f)), rng.choice((0, 3)), 24,
        rng.choice((0, 7)), yours, 100000, rng.choice((0, 1, 100000)), 0))


class Over4:
    """What may come over IPv4."""

    def __init__(self, src, dst):
        self.src, self.dst = src, dst

    def ip(self, proto, **more):
        return IP(src=self.src, dst=self.dst, proto=proto, **more)

    def encapsulated(self, rng, inner):
        proto, payload = in_some(rng, inner)
        option = rng.choice((b'\x01', b'\x94\x04\0\0', b'\x83\x07\x04\1\2\3\4', b'\x07\xff\xff'))
        return rng.choice((
            {}, {}, {}, {'options': [IPOption(option)]},
            {'flags': 'MF', 'id': rng.randrange(4), 'frag': rng.choice((0, 2, 8000))})), proto, payload

    def frame(self, rng, inner):
        more, proto, payload = self.encapsulated(rng, inner)
        return rng.choice((
            self.ip(proto, **more) / payload, self.ip(proto, **more) / payload,
            self.ip(1) / ICMP(type=3, code=4, nexthopmtu=68) / inner[14:42],
            self.ip(17, ttl=255) / bfd(rng, rng.choice((3784, 4784)))))


class Over6:
    """And over IPv6."""

    def __init__(self, src, dst):
        self.src, self.dst = src, dst

    def ip(self, proto, ext=None):
        if ext is None:
            return IPv6(src=self.src, dst=self.dst, nh=proto, hlim=255)
        ext.lastlayer().nh = proto
        return IPv6(src=self.src, dst=self.dst) / ext

    def extensions(self, rng):
        return rng.choice((
            None, None, None, IPv6ExtHdrHopByHop(), IPv6ExtHdrHopByHop() / IPv6ExtHdrDestOpt(),
            IPv6ExtHdrRouting(addresses=[self.dst], segleft=rng.randrange(2)), IPv6ExtHdrFragment(id=1),
            IPv6ExtHdrFragment(m=1, id=rng.randrange(4), offset=rng.choice((0, 2, 8000))),
            IPv6ExtHdrFragment(m=0, id=rng.randrange(4), offset=rng.choice((1, 2, 8191))),
            IPv6ExtHdrDestOpt() / IPv6ExtHdrFragment(m=1, id=9)))

    def frame(self, rng, inner):
        proto, payload = in_some(rng, inner)
        return rng.choice((
            self.ip(proto, self.extensions(rng)) / payload, self.ip(proto, self.extensions(rng)) / payload,
            self.ip(58) / ICMPv6PacketTooBig(mtu=68) / (self.ip(proto) / payload),
            self.ip(17) / bfd(rng, rng.choice((3784, 4784)))))


def bfd_inside(rng):
    """As RFC 8971 has it."""
    return bytes(Ether(src=MAC2, dst='00:52:02:00:00:00') / IP(src='10.0.0.2', dst='127.0.0.1', ttl=255) / bfd(rng, 3784))


@pytest.mark.parametrize('family, mode', [(4, None), (4, 'vxlan'), (6, 'multihop'), (6, 'vxlan')])
def test_each_is_accounted_for(lab, fabric, family, mode):
    peer = lab.namespace('peer')
    vtep = fabric.attach(peer, 2)
    host = WeftHost(lab, fabric, 1)
    own = host.vtep
    if family == 6:
        vtep, own = fabric.attach6(peer, 2), host.add_ipv6(alone=True)
    host.config['host']['reassemble'] = 64
    if mode:
        host.config['host']['bfd'] = {'mode': mode, 'interval': 50, **({'vni': BFD_VNI} if mode == 'vxlan' else {})}
    host.tenant('red', vni=VNI, vteps=[vtep], suppress=True, inner_vlan=True, multicast={'snoop': True})
    host.tenant('blue', vsid=VSID, vteps=[vtep])
    for tenant in ('red', 'blue'):
        host.vm(tenant, tenant, 1, '10.0.0.1/24', MAC1)
    host.up()
    rng, sent, good = random.Random(1), 0, inner_frames()
    link, over = Ether(src=peer.mac('eth0'), dst=host.ns.mac('eth0')), (Over6 if family == 6 else Over4)(vtep, own)

    def inner():
        return spoil(rng, rng.choice((*good, bfd_inside(rng))))

    def received():
        return sum(t['received'] for t in host.json('drops')['tenants'])
    before = received()
    with peer.raw('eth0') as port:
        for _ in range(ROUNDS):
            for _ in range(BURST):
                port.send(spoil(rng, bytes(link / over.frame(rng, inner()))))
            sent += BURST
            wait_until(lambda: received() - before >= sent, what='every frame in the ledger')
    drops = host.drops()
    for reason in ('outer-bad-ip', 'outer-bad-udp', 'nvgre-bad-flags', 'unknown-network'):
        assert drops.get(reason), (reason, drops)
    assert all(s['state'] != 'up' for s in host.json('bfd'))
    host.check_balance()
