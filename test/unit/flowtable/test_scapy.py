#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Key extraction and packet editing against scapy, which shares no code with them.

Random packets are built by scapy and given to key_tool (argument 1); the fields it reports must be those
that scapy put in. Then single edits: scapy builds the packet that must result, checksums and all.
WEFT_SEED=n runs a failure again. Exit 77: no scapy.
"""
import logging
import os
import random
import struct
import subprocess
import sys
import time

logging.getLogger('scapy').setLevel(logging.ERROR)
try:
    from scapy.all import (ARP, Dot1Q, Dot3, Ether, GRE, ICMP, IP, IPv6, LLC, Raw, SCTP, SNAP, TCP, UDP,
                           ICMPv6EchoRequest, ICMPv6ND_NA, ICMPv6ND_NS, ICMPv6NDOptDstLLAddr,
                           ICMPv6NDOptSrcLLAddr, IPv6ExtHdrDestOpt, IPv6ExtHdrFragment,
                           IPv6ExtHdrHopByHop, IPv6ExtHdrRouting, SCTPChunkData)
    from scapy.contrib.mpls import MPLS
    from scapy.layers.inet6 import PadN
except ImportError:
    sys.exit(77)

SEED = int(os.environ.get('WEFT_SEED') or time.time_ns() % 2**32)
rnd = random.Random(SEED)


def mac():
    return ':'.join('%02x' % rnd.randrange(256) for _ in range(6))


def ip4():
    return '.'.join(str(rnd.randrange(1, 255)) for _ in range(4))


def ip6():
    return ':'.join('%x' % rnd.randrange(1, 65536) for _ in range(8))


def hexmac(text):
    return text.replace(':', '')


def hex4(text):
    return ''.join('%02x' % int(b) for b in text.split('.'))


def hex6(text):
    return ''.join('%04x' % int(w, 16) for w in text.split(':'))


def payload():
    return Raw(rnd.randbytes(rnd.randrange(60)))


def transport(v6, want):
    """A layer 4 and what the key must say of it."""
    kind = rnd.choice(['tcp', 'udp', 'sctp', 'icmp', 'other'] + (['ns', 'na'] if v6 else []))
    src, dst = rnd.randrange(1, 65536), rnd.randrange(1, 65536)
    name = kind
    if kind == 'tcp':
        flags = rnd.randrange(0x1000)
        want['tcp_flags'] = '%04x' % flags
        layer = TCP(sport=src, dport=dst, flags=flags & 0x1ff, reserved=flags >> 9, seq=rnd.randrange(2**32),
                    options=rnd.choice([[], [('MSS', 1460)]])) / payload()
    elif kind == 'udp':
        layer = UDP(sport=src, dport=dst) / payload()
    elif kind == 'sctp':
        layer = SCTP(sport=src, dport=dst, tag=7) / SCTPChunkData(data=rnd.randbytes(rnd.randrange(40)))
    elif kind == 'icmp' and not v6:
        type_, code = rnd.randrange(1, 256), rnd.randrange(1, 256)
        want.update(ip_proto='01', icmpv4_type='%02x' % type_, icmpv4_code='%02x' % code)
        return ICMP(type=type_, code=code) / payload()
    elif kind == 'icmp':
        want.update(ip_proto='3a', icmpv6_type='80')
        return ICMPv6EchoRequest(data=rnd.randbytes(8))
    elif kind in ('ns', 'na'):
        target, ll = ip6(), mac()
        want.update(ip_proto='3a', icmpv6_type='87' if kind == 'ns' else '88', ipv6_nd_target=hex6(target))
        layer = ICMPv6ND_NS(tgt=target) if kind == 'ns' else ICMPv6ND_NA(tgt=target)
        if rnd.random() < .7:
            want['ipv6_nd_sll' if kind == 'ns' else 'ipv6_nd_tll'] = hexmac(ll)
            layer /= (ICMPv6NDOptSrcLLAddr if kind == 'ns' else ICMPv6NDOptDstLLAddr)(lladdr=ll)
        return layer
    else:
        want['ip_proto'] = '2f'
        return GRE() / payload()
    want['ip_proto'] = {'tcp': '06', 'udp': '11', 'sctp': '84'}[name]
    want[name + '_src'], want[name + '_dst'] = '%04x' % src, '%04x' % dst
    return layer


def ipv4(want):
    src, dst, tos, ttl = ip4(), ip4(), rnd.randrange(256), rnd.randrange(1, 256)
    want.update(eth_type='0800', ipv4_src=hex4(src), ipv4_dst=hex4(dst), ip_dscp='%02x' % (tos >> 2),
                ip_ecn='%02x' % (tos & 3), nw_ttl='%02x' % ttl)
    return IP(src=src, dst=dst, tos=tos, ttl=ttl, id=rnd.randrange(65536), flags=rnd.choice([0, 'DF']),
              options=rnd.choice([[], [], b'\x01' * 4])) / transport(False, want)


def ipv6(want):
    src, dst, tc, flow = ip6(), ip6(), rnd.randrange(256), rnd.randrange(2**20)
    hlim = rnd.randrange(1, 256)
    ext, bits = rnd.choice([
        (None, 0), (None, 0), (None, 0),
        (IPv6ExtHdrHopByHop(), 0x40),
        (IPv6ExtHdrDestOpt(), 0x08),
        (IPv6ExtHdrHopByHop() / IPv6ExtHdrDestOpt(options=[PadN(optdata=b'\0' * 12)]), 0x48),
        (IPv6ExtHdrDestOpt() / IPv6ExtHdrHopByHop(), 0x148),
        (IPv6ExtHdrHopByHop() / IPv6ExtHdrHopByHop(), 0xc0),
        (IPv6ExtHdrDestOpt() / IPv6ExtHdrRouting(segleft=0) / IPv6ExtHdrDestOpt(), 0x28),
        (IPv6ExtHdrFragment(offset=0, m=0), 0x10),
    ])
    want.update(eth_type='86dd', ipv6_src=hex6(src), ipv6_dst=hex6(dst), ip_dscp='%02x' % (tc >> 2),
                ip_ecn='%02x' % (tc & 3), ipv6_flabel='%06x' % flow, ipv6_exthdr='%04x' % bits,
                nw_ttl='%02x' % hlim)
    head = IPv6(src=src, dst=dst, tc=tc, fl=flow, hlim=hlim)
    return (head / ext if ext else head) / transport(True, want)


def arp(want):
    op, sha, tha, spa, tpa = rnd.randrange(1, 65536), mac(), mac(), ip4(), ip4()
    want.update(eth_type='0806', arp_op='%04x' % op, arp_sha=hexmac(sha), arp_tha=hexmac(tha),
                arp_spa=hex4(spa), arp_tpa=hex4(tpa))
    return ARP(op=op, hwsrc=sha, hwdst=tha, psrc=spa, pdst=tpa)


def mpls(want):
    label, tc, bos, ttl = rnd.randrange(2**20), rnd.randrange(8), rnd.randrange(2), rnd.randrange(256)
    want.update(eth_type='8847', mpls_label='%06x' % label, mpls_tc='%02x' % tc, mpls_bos='%02x' % bos,
                mpls_ttl='%02x' % ttl)
    layer = MPLS(label=label, cos=tc, s=bos, ttl=ttl)
    return layer / (IP() / UDP() if bos else MPLS(s=1) / IP() / UDP())


def pbb(want):
    isid, uca = rnd.randrange(2**24), rnd.randrange(2)
    want.update(eth_type='88e7', pbb_isid='%06x' % isid, pbb_uca='%02x' % uca)
    return Raw(struct.pack('!I', rnd.randrange(16) << 28 | uca << 27 | isid) +
               bytes(Ether(src=mac(), dst=mac()) / IP() / UDP()))


def frame(kinds=(ipv4, ipv4, ipv6, ipv6, arp, mpls, pbb), tags=2):
    """A random packet and the fields that it has."""
    want, dst, src = {}, mac(), mac()
    inner = rnd.choice(kinds)(want)
    types = [int(want['eth_type'], 16)]
    want.update(eth_dst=hexmac(dst), eth_src=hexmac(src))
    for _ in range(rnd.randrange(tags + 1)):
        vid, pcp = rnd.randrange(4096), rnd.randrange(8)
        want.update(vlan_vid='%04x' % (vid | 0x1000), vlan_pcp='%02x' % pcp)
        inner = Dot1Q(vlan=vid, prio=pcp, type=types[0]) / inner
        types.insert(0, rnd.choice([0x8100, 0x88a8]))
    if 'vlan_vid' not in want and tags and rnd.random() < .1:
        return Dot3(dst=dst, src=src) / LLC(dsap=0xaa, ssap=0xaa, ctrl=3) / SNAP(code=types[0]) / inner, want
    return Ether(dst=dst, src=src, type=types[0]) / inner, want


class Tool:
    def __init__(self, path):
        self.process = subprocess.Popen([path], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def ask(self, data, *edits):
        self.process.stdin.write(' '.join([data.hex(), *edits]) + '\n')
        self.process.stdin.flush()
        words = self.process.stdout.readline().split()
        return bytes.fromhex(words[0]), words[1], dict(w.split('=') for w in words[2:])


def check(what, got, want):
    if got != want:
        sys.exit('seed %d: %s\n got  %s\n want %s' % (SEED, what, got, want))


def check_extract(tool):
    pkt, want = frame()
    data = bytes(pkt)
    fields = tool.ask(data)[2]
    for name, value in want.items():
        if int(value, 16):
            check('%s of %s' % (name, pkt.summary()), fields.get(name), value)
    for name in fields.keys() - want.keys():
        shared = name in ('arp_op', 'arp_spa', 'arp_tpa', 'arp_sha', 'arp_tha') or \
            name[:4] in ('tcp_', 'udp_', 'sctp', 'icmp', 'ipv4') or name.startswith('ipv6_nd')
        if not shared and name not in ('frag', 'l3', 'l4'):
            check('%s of %s' % (name, pkt.summary()), fields[name], None)


def rebuilt(pkt):
    """The packet with lengths and checksums computed anew by scapy."""
    for layer, names in ((IP, ('chksum', 'len')), (TCP, ('chksum',)), (UDP, ('chksum', 'len')), (SCTP, ('chksum',)),
                         (ICMP, ('chksum',)), (ICMPv6EchoRequest, ('cksum',)), (ICMPv6ND_NS, ('cksum',)),
                         (ICMPv6ND_NA, ('cksum',))):
        if layer in pkt:
            for name in names:
                pkt[layer].delfieldvalue(name) if hasattr(pkt[layer], 'delfieldvalue') else None
                pkt[layer].fields.pop(name, None)
    return bytes(pkt)


def field_edits(pkt):
    """Pairs of a layer's attribute to set in scapy and the edit that must do the same."""
    if IP in pkt:
        a = ip4()
        yield IP, 'src', a, 'set:ipv4_src=' + hex4(a)
        yield IP, 'dst', a, 'set:ipv4_dst=' + hex4(a)
        yield IP, 'tos', pkt[IP].tos & 3 | 46 << 2, 'set:ip_dscp=2e'
        yield IP, 'tos', pkt[IP].tos & 0xfc | 1, 'set:ip_ecn=01'
        yield IP, 'ttl', 77, 'set_nw_ttl:4d'
    if IPv6 in pkt:
        a = ip6()
        yield IPv6, 'src', a, 'set:ipv6_src=' + hex6(a)
        if IPv6ExtHdrRouting not in pkt:
            yield IPv6, 'dst', a, 'set:ipv6_dst=' + hex6(a)
        yield IPv6, 'fl', 0xabcde, 'set:ipv6_flabel=0abcde'
        yield IPv6, 'tc', pkt[IPv6].tc & 3 | 46 << 2, 'set:ip_dscp=2e'
        yield IPv6, 'hlim', 77, 'set_nw_ttl:4d'
    for layer, name in ((TCP, 'tcp'), (UDP, 'udp'), (SCTP, 'sctp')):
        if layer in pkt:
            yield layer, 'sport', 4711, 'set:%s_src=1267' % name
            yield layer, 'dport', 4711, 'set:%s_dst=1267' % name
    if ICMP in pkt:
        yield ICMP, 'code', 5, 'set:icmpv4_code=05'
    for layer in (ICMPv6ND_NS, ICMPv6ND_NA):
        if layer in pkt:
            a = ip6()
            yield layer, 'tgt', a, 'set:ipv6_nd_target=' + hex6(a)
    for layer, name in ((ICMPv6NDOptSrcLLAddr, 'sll'), (ICMPv6NDOptDstLLAddr, 'tll')):
        if layer in pkt:
            a = mac()
            yield layer, 'lladdr', a, 'set:ipv6_nd_%s=%s' % (name, hexmac(a))
    if ARP in pkt:
        a, m = ip4(), mac()
        yield ARP, 'op', 2, 'set:arp_op=0002'
        yield ARP, 'psrc', a, 'set:arp_spa=' + hex4(a)
        yield ARP, 'pdst', a, 'set:arp_tpa=' + hex4(a)
        yield ARP, 'hwsrc', m, 'set:arp_sha=' + hexmac(m)
        yield ARP, 'hwdst', m, 'set:arp_tha=' + hexmac(m)
    if Dot1Q in pkt:
        yield Dot1Q, 'vlan', 203, 'set:vlan_vid=10cb'
        yield Dot1Q, 'prio', 6, 'set:vlan_pcp=06'
    a = mac()
    yield Ether, 'dst', a, 'set:eth_dst=' + hexmac(a)
    yield Ether, 'src', a, 'set:eth_src=' + hexmac(a)


def check_fields(tool):
    pkt, _ = frame(kinds=(ipv4, ipv6, arp))
    if Ether not in pkt:
        return
    for layer, attribute, value, edit in list(field_edits(pkt)):
        want = pkt.copy()
        setattr(want[layer], attribute, value)
        data, result, _ = tool.ask(bytes(pkt), edit)
        check('%s of %s' % (edit, pkt.summary()), (result, data), ('ok', rebuilt(want)))


def check_tags(tool):
    pkt, _ = frame(kinds=(ipv4, ipv6), tags=0)
    data, ip = bytes(pkt), pkt.payload
    head = dict(dst=pkt.dst, src=pkt.src)
    ttl = ip.ttl if IP in pkt else ip.hlim
    want = Ether(**head, type=0x8100) / Dot1Q(vlan=5, prio=3, type=pkt.type) / ip
    check('push_vlan', tool.ask(data, 'push_vlan:8100', 'set:vlan_vid=1005', 'set:vlan_pcp=03')[0], bytes(want))
    check('pop_vlan', tool.ask(bytes(want), 'pop_vlan')[0], data)
    twice = Ether(**head, type=0x88a8) / Dot1Q(vlan=5, prio=3, type=0x8100) / want[Dot1Q]
    check('push_vlan twice', tool.ask(bytes(want), 'push_vlan:88a8')[0], bytes(twice))
    one = Ether(**head, type=0x8847) / MPLS(label=0, s=1, ttl=ttl) / ip
    check('push_mpls', tool.ask(data, 'push_mpls:8847')[0], bytes(one))
    check('pop_mpls', tool.ask(bytes(one), 'pop_mpls:%04x' % pkt.type)[0], data)
    two = Ether(**head, type=0x8847) / MPLS(label=9, s=0, ttl=ttl) / MPLS(label=0, s=1, ttl=ttl) / ip
    check('push_mpls twice', tool.ask(bytes(one), 'push_mpls:8847', 'set:mpls_label=000009')[0], bytes(two))
    itag = Raw(struct.pack('!I', 0xabcdef) + data)
    check('push_pbb', tool.ask(data, 'push_pbb:88e7', 'set:pbb_isid=abcdef')[0],
          bytes(Ether(**head, type=0x88e7) / itag))
    check('pop_pbb', tool.ask(bytes(Ether(**head, type=0x88e7) / itag), 'pop_pbb')[0], data)
    if ttl > 1:
        less = pkt.copy()
        setattr(less.payload, 'ttl' if IP in pkt else 'hlim', ttl - 1)
        check('dec_nw_ttl', tool.ask(data, 'dec_nw_ttl')[0], rebuilt(less))
        inner = Ether(**head, type=0x8847) / MPLS(s=1, ttl=9) / less.payload
        check('copy_ttl_in', tool.ask(bytes(inner), 'set_mpls_ttl:%x' % ttl, 'copy_ttl_in',
                                      'pop_mpls:%04x' % pkt.type)[0], data)
        check('copy_ttl_out', tool.ask(bytes(inner), 'copy_ttl_out')[0][17], ttl - 1)
    else:
        check('dec_nw_ttl', tool.ask(data, 'dec_nw_ttl')[1], 'ttl')


def main():
    print('WEFT_SEED=%d' % SEED, flush=True)
    tool = Tool(sys.argv[1])
    for _ in range(400):
        check_extract(tool)
    for _ in range(100):
        check_fields(tool)
        check_tags(tool)


main()
