# SPDX-License-Identifier: Apache-2.0
"""Tunnel packets that lie, from a VTEP that is known: outer and inner headers cut off, lengths and options that
do not add up, GRE with bits that NVGRE forbids, fragments of nothing. Each is in the ledger once."""
import random
import struct

from scapy.contrib.igmp import IGMP
from scapy.layers.inet import ICMP, IP, TCP, UDP, IPOption
from scapy.layers.inet6 import (ICMPv6MLQuery2, ICMPv6ND_NA, ICMPv6ND_NS, ICMPv6ND_RA, ICMPv6NDOptMTU,
                                ICMPv6NDOptSrcLLAddr, IPv6, IPv6ExtHdrDestOpt, IPv6ExtHdrFragment,
                                IPv6ExtHdrHopByHop, IPv6ExtHdrRouting, RouterAlert)
from scapy.layers.l2 import ARP, Dot1Q, Ether
from scapy.packet import Raw

from lab.wait import wait_until
from lab.weft import WeftHost

MAC1, MAC2 = '02:00:00:00:00:01', '02:00:00:00:00:02'
VNI, VSID = 5001, 0xabcde
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


def outer_frame(rng, to, inner):
    """`inner` in some encapsulation, or in what is nearly one."""
    def vxlan(**ip):
        return to(**ip) / UDP(sport=50000, dport=4789, chksum=0) / Raw(struct.pack('!II', 8 << 24, VNI << 8) + inner)

    def nvgre(flags, between=b''):
        return to(proto=47) / Raw(struct.pack('!HH', flags, 0x6558) + between + struct.pack('!I', VSID << 8) + inner)
    options = rng.choice((b'\x01', b'\x94\x04\0\0', b'\x83\x07\x04\1\2\3\4', b'\x07\xff\xff'))
    return rng.choice((
        vxlan, vxlan, lambda: nvgre(0x2000), lambda: nvgre(rng.choice((0xa000, 0x3000, 0x6000, 0x2001)), bytes(4)),
        lambda: vxlan(options=[IPOption(options)]),
        lambda: vxlan(flags='MF', id=rng.randrange(4), frag=rng.choice((0, 2, 8000))),
        lambda: to() / ICMP(type=3, code=4, nexthopmtu=68) / inner[14:42]))()


def test_each_is_accounted_for(lab, fabric):
    peer = lab.namespace('peer')
    vtep = fabric.attach(peer, 2)
    host = WeftHost(lab, fabric, 1)
    host.config['host']['reassemble'] = 64
    host.tenant('red', vni=VNI, vteps=[vtep], suppress=True, inner_vlan=True, multicast={'snoop': True})
    host.tenant('blue', vsid=VSID, vteps=[vtep])
    for tenant in ('red', 'blue'):
        host.vm(tenant, tenant, 1, '10.0.0.1/24', MAC1)
    host.up()
    rng, sent, good = random.Random(1), 0, inner_frames()
    link = Ether(src=peer.mac('eth0'), dst=host.ns.mac('eth0'))

    def to(**ip):
        return link / IP(src=vtep, dst=host.vtep, **ip)

    def received():
        return sum(t['received'] for t in host.json('drops')['tenants'])
    before = received()
    with peer.raw('eth0') as port:
        for _ in range(ROUNDS):
            for _ in range(BURST):
                port.send(spoil(rng, bytes(outer_frame(rng, to, spoil(rng, rng.choice(good))))))
            sent += BURST
            wait_until(lambda: received() - before >= sent, what='every frame in the ledger')
    drops = host.drops()
    for reason in ('outer-bad-ip', 'outer-bad-udp', 'nvgre-bad-flags', 'unknown-network'):
        assert drops.get(reason), (reason, drops)
    host.check_balance()
