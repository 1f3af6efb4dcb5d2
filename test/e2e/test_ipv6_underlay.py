# SPDX-License-Identifier: Apache-2.0
"""The overlay over an IPv6 underlay: VXLAN with Linux and OVS, NVGRE with OVS, both families on one host."""
import pytest
from scapy.layers.inet import IP, UDP
from scapy.layers.inet6 import IPv6
from scapy.layers.l2 import Ether
from scapy.packet import Raw

from lab import traffic, tshark
from lab.linuxvx import LinuxVxlanHost
from lab.ovs import OvsHost
from lab.wait import wait_until

MAC1, MAC2, MAC3 = (f'02:00:00:00:00:{n:02x}' for n in (1, 2, 3))
VNI, VSID = 5001, 0xabcde
VM4 = {1: '10.0.0.1', 2: '10.0.0.2', 3: '10.0.0.3'}
VM6 = {n: f'fd10:aa::{n}' for n in VM4}
# IPv6 40, UDP 8, VXLAN 8 (or GRE 8), Ethernet 14: of the fabric's 1600 remains more than this.
MTU = 1400


def dual(ns, device, number):
    """Gives a VM an IPv6 address beside its IPv4 one."""
    ns.enable_ipv6(device)
    ns.ip('addr', 'add', f'{VM6[number]}/64', 'dev', device)


def weft_vm(weft, tenant, number, mac, label=None):
    vm = weft.vm(tenant, label or f'vm{number}', 1, f'{VM4[number]}/24', mac, mtu=MTU)
    dual(vm.ns, vm.device, number)
    return vm


def check_both_families(here, there, from_number, to_number):
    """Inner IPv4 and IPv6, of every kind of size, both ways."""
    traffic.wait_ping(here, VM4[to_number], 15)
    traffic.wait_ping(here, VM6[to_number], 15)
    for to in (VM4[to_number], VM6[to_number]):
        assert traffic.ping(here, to, count=5) == 5
        for size in (1, 1001, MTU - 48):
            assert traffic.ping(here, to, count=2, size=size) == 2
    for back in (VM4[from_number], VM6[from_number]):
        assert traffic.ping(there, back, count=5) == 5


@pytest.mark.parametrize('weft_sums, linux_sums', [(False, False), (True, True), (False, True)])
def test_vxlan_with_linux(lab, fabric, hosts, weft_sums, linux_sums):
    """Zero and non-zero outer checksums over IPv6 (RFC 6935, RFC 6936). Linux, told to send sums, refuses
    packets without: then ours must have one."""
    weft_sums = weft_sums or linux_sums
    linux = LinuxVxlanHost(lab, fabric, 2, VNI, [], ipv6=True, zero_csum6=not linux_sums)
    weft = hosts(1)
    linux.fdb('00:00:00:00:00:00', weft.add_ipv6(alone=True))
    weft.config['host']['udp6_checksum'] = weft_sums
    weft.tenant('red', vni=VNI, vteps=[linux.vtep])
    vm1 = weft_vm(weft, 'red', 1, MAC1)
    vm2 = linux.vm('vm2', f'{VM4[2]}/24', MAC2, mtu=MTU)
    dual(vm2, 'eth0', 2)
    weft.up()
    captures = {'h1': fabric.capture('h1', 'sums-h1'), 'linux2': fabric.capture('linux2', 'sums-l')}
    check_both_families(vm1.ns, vm2, 1, 2)
    for label, sums in (('h1', weft_sums), ('linux2', linux_sums)):
        pcap = captures[label].stop()
        rows = tshark.read(pcap, 'vxlan', ('udp.checksum', 'ipv6.dst', 'ipv6.flow', 'eth.type'))
        assert rows and all(row[3].split(',')[0] == '0x86dd' for row in rows)
        assert all((int(row[0].split(',')[0], 0) != 0) == sums for row in rows), label
        if label == 'h1':  # RFC 6438: the flow label has the entropy too
            assert all(int(row[2].split(',')[0], 0) for row in rows)
    assert weft.drops().get('outer-bad-udp', 0) == 0


def test_linux_takes_no_zero_checksum(lab, fabric, hosts):
    """The counter-proof: a peer that wants checksums does not get our packets while we send none, and
    does as soon as `weft apply` says so."""
    linux = LinuxVxlanHost(lab, fabric, 2, VNI, [], ipv6=True, zero_csum6=False)
    weft = hosts(1)
    linux.fdb('00:00:00:00:00:00', weft.add_ipv6(alone=True))
    weft.tenant('red', vni=VNI, vteps=[linux.vtep])
    vm1 = weft_vm(weft, 'red', 1, MAC1)
    linux.vm('vm2', f'{VM4[2]}/24', MAC2, mtu=MTU)
    weft.up()
    wait_until(lambda: 'resolved' in weft.weft('underlay').split(), what='the next hop')
    assert traffic.ping(vm1.ns, VM4[2], count=10) == 0
    weft.config['host']['udp6_checksum'] = True
    assert 'over IPv6 on' in weft.apply()
    traffic.wait_ping(vm1.ns, VM4[2])


@pytest.mark.parametrize('encap', ['vxlan', 'nvgre'])
def test_with_ovs(lab, fabric, hosts, encap):
    ovs = OvsHost(lab, fabric, 2, ipv6=True)
    weft = hosts(1)
    weft.add_ipv6(alone=True)
    network = {'vni': VNI} if encap == 'vxlan' else {'vsid': VSID}
    weft.tenant('red', vteps=[ovs.vtep6], **network)
    vm1 = weft_vm(weft, 'red', 1, MAC1)
    weft.up()
    vm2 = ovs.vm('vm2', f'{VM4[2]}/24', MAC2, mtu=MTU)
    dual(vm2, 'eth0', 2)
    if encap == 'vxlan':
        ovs.vxlan('vx0', VNI, weft.vtep6)
    else:
        ovs.nvgre('nv0', VSID, weft.vtep6)
    from_weft, from_ovs = fabric.capture('h1', 'w'), fabric.capture(ovs.label, 'o')
    check_both_families(vm1.ns, vm2, 1, 2)
    shown = f'ipv6 && vxlan.vni == {VNI}' if encap == 'vxlan' else 'ipv6 && gre.proto == 0x6558'
    for capture in (from_weft, from_ovs):
        assert tshark.count(capture.stop(), shown) >= 32


def test_both_families_on_one_host(lab, fabric, hosts):
    """One tenant with a VTEP of either family, and another of its own encapsulation: all reach all."""
    weft, six, four = hosts(1), hosts(2), hosts(3)
    for host in (weft, six):
        host.add_ipv6()
    weft.tenant('red', vni=VNI, vteps=[six.vtep6, four.vtep])
    six.tenant('red', vni=VNI, vteps=[weft.vtep6])
    four.tenant('red', vni=VNI, vteps=[weft.vtep])
    weft.tenant('blue', vsid=VSID, vteps=[six.vtep6])
    six.tenant('blue', vsid=VSID, vteps=[weft.vtep6])
    red = [weft_vm(host, 'red', n + 1, mac) for n, (host, mac) in
           enumerate(((weft, MAC1), (six, MAC2), (four, MAC3)))]
    blue = [weft_vm(weft, 'blue', 1, MAC1, 'blue1'), weft_vm(six, 'blue', 2, MAC2, 'blue2')]
    for host in (weft, six, four):
        host.up()
    check_both_families(red[0].ns, red[1].ns, 1, 2)
    check_both_families(red[0].ns, red[2].ns, 1, 3)
    check_both_families(blue[0].ns, blue[1].ns, 1, 2)
    capture = fabric.capture('h1', 'broadcast')
    with red[0].raw() as source, red[1].raw() as a, red[2].raw() as b:
        source.send(traffic.udp_frame(MAC1, 'ff:ff:ff:ff:ff:ff', VM4[1], '10.0.0.255') / b'to-everybody')
        for port in (a, b):
            assert len(port.collect(1.0, lambda f: b'to-everybody' in f)) == 1
    pcap = capture.stop()
    for outer in (f'ipv6.dst == {six.vtep6}', f'ip.dst == {four.vtep}'):
        assert tshark.count(pcap, f'vxlan && {outer} && frame contains "to-everybody"') == 1


@pytest.mark.parametrize('policy, takes', [('accept', {'ipv4', 'ipv6'}), ('ipv4', {'ipv4'}), ('refuse', set())])
def test_zero_checksum_on_receipt(lab, fabric, hosts, policy, takes):
    """zero_checksum says which packets may come without; a wrong sum is never taken, a right one always."""
    peer = lab.namespace('peer')
    vteps = {'ipv4': fabric.attach(peer, 2), 'ipv6': fabric.attach6(peer, 2)}
    weft = hosts(1)
    weft.add_ipv6()
    weft.tenant('red', vni=VNI, vteps=list(vteps.values()))
    vm = weft_vm(weft, 'red', 1, MAC1)
    weft.up()
    weft.config['host']['zero_checksum'] = policy
    weft.apply()
    inner = traffic.udp_frame(MAC2, MAC1, VM4[2], VM4[1]) / b'inner-payload'
    outer = {'ipv4': IP(src=vteps['ipv4'], dst=weft.vtep), 'ipv6': IPv6(src=vteps['ipv6'], dst=weft.vtep6)}
    for family in ('ipv4', 'ipv6'):
        for kind in ('zero', 'right', 'wrong'):
            frame = Ether(src=peer.mac('eth0'), dst=weft.ns.mac('eth0')) / outer[family] / \
                UDP(sport=50000, dport=4789) / Raw(b'\x08\0\0\0' + VNI.to_bytes(3, 'big') + b'\0') / inner
            if kind == 'zero':
                frame[UDP].chksum = 0
            elif kind == 'wrong':
                frame = Ether(bytes(frame))
                frame[UDP].chksum ^= 0x0101
            taken = kind == 'right' or (kind == 'zero' and family in takes)
            before = weft.drops().get('outer-bad-udp', 0)
            with peer.raw('eth0') as port, vm.raw() as inside:
                for _ in range(3):
                    port.send(frame)
                got = len(inside.collect(0.6, lambda f: b'inner-payload' in f))
            assert got == (3 if taken else 0), (family, kind)
            assert weft.drops().get('outer-bad-udp', 0) - before == (0 if taken else 3), (family, kind)
