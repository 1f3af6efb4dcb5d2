# SPDX-License-Identifier: Apache-2.0
"""Frames on the underlay, made by hand: what RFC 7348 and RFC 7637 say of receipt, and what is refused.

A namespace plays the remote VTEP, so that every bit of what arrives can be chosen.
"""
import pytest
from scapy.layers.inet import IP, UDP
from scapy.layers.l2 import Dot1Q, Ether
from scapy.packet import Raw

from lab import traffic, tshark
from lab.wait import wait_until

MAC1, MAC2 = '02:00:00:00:00:01', '02:00:00:00:00:02'
VNI, VSID = 5001, 0xabcde


@pytest.fixture
def rig(lab, fabric, hosts):
    """A Weft host with tenants red (VXLAN) and blue (NVGRE), and a remote VTEP by hand."""
    peer = lab.namespace('peer')
    vtep = fabric.attach(peer, 2)
    host = hosts(1)
    host.tenant('red', vni=VNI, vteps=[vtep])
    host.tenant('blue', vsid=VSID, vteps=[vtep])
    red = host.vm('red', 'red1', 1, '10.0.0.1/24', MAC1)
    blue = host.vm('blue', 'blue1', 1, '10.0.0.1/24', MAC1)
    host.up()
    with peer.raw('eth0') as port:
        yield Rig(host, peer, port, vtep, {'red': red, 'blue': blue})


class Rig:
    def __init__(self, host, peer, port, vtep, vms):
        self.host, self.peer, self.port, self.vtep, self.vms = host, peer, port, vtep, vms

    def outer(self, **ip):
        return Ether(src=self.peer.mac('eth0'), dst=self.host.ns.mac('eth0')) / \
            IP(**{'src': self.vtep, 'dst': self.host.vtep, **ip})

    def vxlan(self, header, inner, **udp):
        return self.outer() / UDP(**{'sport': 50000, 'dport': 4789, 'chksum': 0, **udp}) / \
            Raw(header) / inner

    def nvgre(self, header, inner):
        return self.outer(proto=47) / Raw(header) / inner

    def delivered(self, frame, tenant, count=3):
        """Sends a frame `count` times; True if the tenant's VM got the inner one each time."""
        with self.vms[tenant].raw() as vm:
            for _ in range(count):
                self.port.send(bytes(frame))
            return len(vm.collect(0.6, lambda f: b'inner-payload' in f)) == count

    def dropped(self, frame, reason, tenant='red', count=3):
        """Sends a frame; asserts that it is dropped for a reason and does not arrive."""
        before = self.host.drops().get(reason, 0)
        assert not self.delivered(frame, tenant, count)
        assert self.host.drops().get(reason, 0) - before == count


def inner(vlan=None):
    head = Ether(src=MAC2, dst=MAC1)
    if vlan is not None:
        head /= Dot1Q(vlan=vlan)
    return head / IP(src='10.0.0.2', dst='10.0.0.1') / UDP(sport=1, dport=7) / b'inner-payload'


def vxlan_header(flags=0x08, reserved1=0, vni=VNI, reserved2=0):
    return bytes([flags]) + reserved1.to_bytes(3, 'big') + vni.to_bytes(3, 'big') + bytes([reserved2])


def gre_header(flags=0x2000, protocol=0x6558, vsid=VSID, flow_id=0):
    return flags.to_bytes(2, 'big') + protocol.to_bytes(2, 'big') + vsid.to_bytes(3, 'big') + \
        bytes([flow_id])


@pytest.mark.parametrize('header', [
    vxlan_header(), vxlan_header(flags=0x18), vxlan_header(flags=0xff),
    vxlan_header(reserved1=0xffffff), vxlan_header(reserved2=0xff),
], ids=['plain', 'flag 0x10', 'all flags', 'reserved 24 bits', 'reserved 8 bits'])
def test_vxlan_reserved_bits_are_ignored_on_receipt(rig, header):
    """RFC 7348, 5: reserved fields "MUST be set to zero on transmission and ignored on receipt"."""
    assert rig.delivered(rig.vxlan(header, inner()), 'red')


def test_vxlan_without_the_i_flag_is_dropped(rig):
    rig.dropped(rig.vxlan(vxlan_header(flags=0), inner()), 'vxlan-no-vni')
    rig.dropped(rig.vxlan(vxlan_header(flags=0xf7), inner()), 'vxlan-no-vni')


def test_unknown_network_and_unknown_vtep(rig):
    rig.dropped(rig.vxlan(vxlan_header(vni=VNI + 1), inner()), 'unknown-network')
    rig.dropped(rig.vxlan(vxlan_header(vni=VSID), inner()), 'unknown-network')  # blue is not VXLAN
    rig.dropped(rig.nvgre(gre_header(vsid=VNI), inner()), 'unknown-network', 'blue')
    stranger = rig.vxlan(vxlan_header(), inner())
    stranger[IP].src = '172.16.0.77'
    rig.dropped(stranger, 'unknown-vtep')
    told = [(d['tenant'], d['reason'], d['encap'], d['network'], d['vtep'], d['packets'])
            for d in rig.host.json('drops', '--rules') if 'vtep' in d]
    assert told == [(None, 'unknown-network', 'nvgre', VNI, rig.vtep, 9),  # the latest of all
                    ('red', 'unknown-vtep', 'vxlan', VNI, '172.16.0.77', 3)]
    row, = (line.split() for line in rig.host.weft('drops', '--rules').splitlines() if 'unknown-network' in line)
    assert row[:8] == ['-', 'unknown-network', 'up0', '-', '-', '-', '9', row[7]] and row[8:10] == [str(VNI), rig.vtep]


@pytest.mark.parametrize('checksum, arrives', [('zero', True), ('right', True), ('wrong', False)])
def test_outer_udp_checksum_on_receipt(rig, checksum, arrives):
    frame = rig.vxlan(vxlan_header(), inner())
    if checksum != 'zero':
        del frame[UDP].chksum
        frame = Ether(bytes(frame))
    if checksum == 'wrong':
        frame[UDP].chksum ^= 0x0101
        rig.dropped(frame, 'outer-bad-udp')
    else:
        assert rig.delivered(frame, 'red') == arrives


def test_malformed_outer_headers(rig):
    bad_ip = rig.vxlan(vxlan_header(), inner())
    bad_ip[IP].chksum = 0x1234
    short = rig.outer() / UDP(sport=50000, dport=4789, chksum=0) / Raw(vxlan_header() + b'\0' * 6)
    rig.dropped(short, 'vxlan-truncated')
    long = rig.vxlan(vxlan_header(), inner(), len=2000)
    rig.dropped(long, 'outer-bad-udp')
    before = rig.host.drops()
    rig.delivered(bad_ip, 'red')
    after = rig.host.drops()
    assert sum(after.values()) - sum(before.values()) == 3  # not passed on, and said so


def test_nvgre_flow_id_is_ignored_on_receipt(rig):
    for flow_id in (0, 1, 0xff):
        assert rig.delivered(rig.nvgre(gre_header(flow_id=flow_id), inner()), 'blue')


@pytest.mark.parametrize('flags', [0x0000, 0xa000, 0x3000, 0x2001],
                         ids=['no key', 'checksum', 'sequence', 'version 1'])
def test_nvgre_flags_are_held_to(rig, flags):
    """RFC 7637, 3.2: C and S bits zero, K bit one, version 0."""
    rig.dropped(rig.nvgre(gre_header(flags=flags), inner()), 'nvgre-bad-flags', 'blue')


@pytest.mark.parametrize('vsid', [0, 0xfff, 0xffffff])
def test_nvgre_reserved_vsids(rig, vsid):
    rig.dropped(rig.nvgre(gre_header(vsid=vsid), inner()), 'nvgre-reserved-vsid', 'blue')


@pytest.mark.parametrize('tenant', ['red', 'blue'])
def test_no_vlan_tag_inside(rig, tenant):
    """RFC 7348, 6.1 and RFC 7637, 3.3: a tagged inner frame is discarded unless configured."""
    frame = rig.vxlan(vxlan_header(), inner(vlan=5)) if tenant == 'red' else \
        rig.nvgre(gre_header(), inner(vlan=5))
    rig.dropped(frame, 'inner-vlan', tenant)
    rig.host.tenant_config(tenant)['inner_vlan'] = True
    rig.host.apply()
    assert rig.delivered(frame, tenant)


def test_no_vlan_tag_into_the_overlay(rig):
    """A tagged frame from a VM does not enter, and is counted."""
    frame = Ether(src=MAC1, dst=MAC2) / Dot1Q(vlan=5) / IP(src='10.0.0.1', dst='10.0.0.2') / \
        UDP(dport=7) / b'tagged'
    with rig.vms['red'].raw() as vm:
        for _ in range(3):
            vm.send(frame)
    wait_until(lambda: rig.host.drops('red').get('encap-vlan') == 3, what='3 under encap-vlan')


def test_fragments_of_the_outer_packet(rig):
    frame = rig.vxlan(vxlan_header(), inner())
    frame[IP].flags = 'MF'
    rig.dropped(frame, 'outer-fragment')


def test_outer_ip_options_are_passed_over(rig):
    frame = rig.vxlan(vxlan_header(), inner())
    frame[IP].options = [b'\x94\x04\x00\x00']  # router alert
    frame = Ether(bytes(frame))
    assert rig.delivered(frame, 'red')


def test_padding_of_short_ethernet_frames(rig):
    """A frame padded by its NIC: what lies behind the outer IP packet is no part of the inner frame."""
    tiny = Ether(src=MAC2, dst=MAC1, type=0x88b5) / b'inner-payload'
    frame = bytes(rig.vxlan(vxlan_header(), tiny)) + b'\xee' * 20
    with rig.vms['red'].raw() as vm:
        rig.port.send(frame)
        got = vm.expect(lambda f: b'inner-payload' in f)
    assert b'\xee' not in got


def test_broadcast_goes_to_every_vtep(lab, fabric, hosts):
    """Head-end replication: each remote VTEP gets exactly one copy, unicast."""
    peers = {n: lab.namespace(f'peer{n}') for n in (2, 3, 4)}
    vteps = {n: fabric.attach(ns, n) for n, ns in peers.items()}
    host = hosts(1)
    host.tenant('red', vni=VNI, vteps=list(vteps.values()))
    vm = host.vm('red', 'red1', 1, '10.0.0.1/24', MAC1)
    host.up()
    for n, ns in peers.items():  # next hops are resolved
        traffic.ping(host.ns, vteps[n], count=1)
    frame = traffic.udp_frame(MAC1, 'ff:ff:ff:ff:ff:ff', '10.0.0.1', '10.0.0.255') / b'everybody'

    def all_there():
        with peers[2].raw('eth0') as probe, vm.raw() as source:
            source.send(frame)
            return probe.collect(0.3, lambda f: b'everybody' in f)
    wait_until(all_there, 10, 'next hops are known')
    capture = fabric.capture('h1', 'bum')
    with vm.raw() as source:
        for _ in range(10):
            source.send(frame)
    rows = tshark.read(capture.stop(), 'vxlan && frame contains "everybody"', ('ip.dst', 'eth.dst'))
    for n, vtep in vteps.items():
        mine = [row for row in rows if row[0].split(',')[0] == vtep]
        assert len(mine) == 10 and all(row[1].split(',')[0] == peers[n].mac('eth0') for row in mine)
    assert len(rows) == 30
    ledger = [e for e in host.json('drops')['tenants'] if e['tenant'] == 'red'][0]
    assert ledger['copies'] >= 20


def test_split_horizon(lab, fabric, hosts):
    """What came from the overlay and is for nobody here does not go back into the overlay."""
    peers = {n: lab.namespace(f'peer{n}') for n in (2, 3)}
    vteps = [fabric.attach(ns, n) for n, ns in peers.items()]
    host = hosts(1)
    host.tenant('red', vni=VNI, vteps=vteps)
    vm = host.vm('red', 'red1', 1, '10.0.0.1/24', MAC1)
    host.up()
    with peers[2].raw('eth0') as port, peers[3].raw('eth0') as other, vm.raw() as inside:
        rig = Rig(host, peers[2], port, vteps[0], {'red': vm})
        frame = inner()
        frame[Ether].dst = 'ff:ff:ff:ff:ff:ff'
        port.send(bytes(rig.vxlan(vxlan_header(), frame)))
        inside.expect(lambda f: b'inner-payload' in f)
        assert not other.collect(0.5, lambda f: b'inner-payload' in f)
