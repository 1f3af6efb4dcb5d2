# SPDX-License-Identifier: Apache-2.0
"""Weft against Open vSwitch in userspace: by VXLAN, and as NVGRE by GRE with key = VSID << 8."""
import pytest

from lab import traffic, tshark
from lab.ovs import OvsHost

MAC1, MAC2, MAC3, MAC4 = (f'02:00:00:00:00:{n:02x}' for n in (1, 2, 3, 4))
VSID = 0xabcde


def build(lab, fabric, hosts, encap, capture=True):
    """A Weft host and an OVS host in one tenant network of the given encapsulation; a VM on each."""
    ovs = OvsHost(lab, fabric, 2)
    weft = hosts(1, capture=capture)
    if encap == 'vxlan':
        weft.tenant('red', vni=5001, vteps=[ovs.vtep])
    else:
        weft.tenant('red', vsid=VSID, vteps=[ovs.vtep])
    vm1 = weft.vm('red', 'vm1', 1, '10.0.0.1/24', MAC1)
    weft.up()
    vm2 = ovs.vm('vm2', '10.0.0.2/24', MAC2)
    if encap == 'vxlan':
        ovs.vxlan('vx0', 5001, weft.vtep)
    else:
        ovs.nvgre('nv0', VSID, weft.vtep)
    return weft, ovs, vm1, vm2


@pytest.mark.parametrize('encap', ['vxlan', 'nvgre'])
def test_ping_both_ways(lab, fabric, hosts, encap):
    _, ovs, vm1, vm2 = build(lab, fabric, hosts, encap)
    for number, ns in ((1, vm1.ns), (2, vm2)):
        ns.enable_ipv6('eth0')
        ns.ip('addr', 'add', f'fd10:aa::{number}/64', 'dev', 'eth0')
    from_ovs = fabric.capture(ovs.label)
    traffic.wait_ping(vm1.ns, '10.0.0.2', 15)
    assert traffic.ping(vm1.ns, '10.0.0.2', count=10) == 10
    assert traffic.ping(vm2, '10.0.0.1', count=10) == 10
    traffic.wait_ping(vm1.ns, 'fd10:aa::2', 15)
    for size in (1, 1000, 1400):
        for to in ('10.0.0.2', 'fd10:aa::2'):
            assert traffic.ping(vm1.ns, to, count=3, size=size) == 3
    shown = 'vxlan.vni == 5001 && icmp' if encap == 'vxlan' else 'gre.proto == 0x6558 && icmp'
    assert tshark.count(from_ovs.stop(), shown) >= 29


@pytest.mark.parametrize('encap', ['vxlan', 'nvgre'])
def test_tcp_by_iperf3(lab, fabric, hosts, encap):
    _, _, vm1, vm2 = build(lab, fabric, hosts, encap, capture=False)
    traffic.wait_ping(vm1.ns, '10.0.0.2', 15)
    assert traffic.mbits(traffic.iperf3(lab, vm2, vm1.ns, '10.0.0.2', seconds=2)) > 1


def test_wire_form_of_nvgre(lab, fabric, hosts):
    """RFC 7637, 3.2: key bit alone, protocol 0x6558, VSID in the upper 24 bits, FlowID one for a flow."""
    _, _, vm1, _ = build(lab, fabric, hosts, 'nvgre')
    traffic.wait_ping(vm1.ns, '10.0.0.2', 15)
    capture = fabric.capture('h1', 'form')
    with vm1.raw() as port:
        for flow in range(64):
            for _ in range(3):
                port.send(traffic.udp_frame(MAC1, MAC2, '10.0.0.1', '10.0.0.2', 1000 + flow) / b'x')
    rows = tshark.read(capture.stop(), 'gre && udp.dstport == 7',
                       ('gre.flags_and_version', 'gre.proto', 'gre.key', 'udp.srcport', 'ip.proto'))
    assert len(rows) == 64 * 3
    of_flow = {}
    for flags, protocol, key, sport, protocols in rows:
        assert int(flags, 0) == 0x2000 and int(protocol, 0) == 0x6558
        assert protocols.split(',')[0] == '47' and int(key, 0) >> 8 == VSID
        of_flow.setdefault(sport, set()).add(int(key, 0) & 0xff)
    assert all(len(ids) == 1 for ids in of_flow.values())
    assert len({min(ids) for ids in of_flow.values()}) > 16


def test_ovs_vms_and_weft_vms_share_broadcasts(lab, fabric, hosts):
    """ARP of either side reaches every VM of the other, once."""
    weft, ovs, vm1, vm2 = build(lab, fabric, hosts, 'vxlan')
    vm4 = ovs.vm('vm4', '10.0.0.4/24', MAC4)
    traffic.wait_ping(vm1.ns, '10.0.0.2', 15)
    frame = traffic.udp_frame(MAC1, 'ff:ff:ff:ff:ff:ff', '10.0.0.1', '10.0.0.255') / b'to-everybody'
    with vm1.raw() as source, vm2.raw('eth0') as a, vm4.raw('eth0') as b:
        source.send(frame)
        for port in (a, b):
            assert len(port.collect(1.0, lambda f: b'to-everybody' in f)) == 1
    assert weft.drops().get('unknown-vtep', 0) == 0
