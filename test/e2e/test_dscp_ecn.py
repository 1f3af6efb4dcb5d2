# SPDX-License-Identifier: Apache-2.0
"""DSCP and ECN across the tunnel: RFC 6040's table and RFC 2983's two models, on the wire."""
import itertools

import pytest
from scapy.layers.inet import IP, UDP
from scapy.layers.inet6 import IPv6
from scapy.layers.l2 import ARP, Ether
from scapy.packet import Raw

from lab import traffic, tshark
from lab.linuxvx import LinuxVxlanHost
from lab.middlebox import Middlebox

MAC1, MAC2 = '02:00:00:00:00:01', '02:00:00:00:00:02'
VNI, VSID = 5001, 0xabcde
N, ECT1, ECT0, CE = 0, 1, 2, 3
# RFC 6040, 4.2, figure 4: {(inner, outer): what comes out}, None: dropped.
FIGURE4 = {(N, N): N, (N, ECT0): N, (N, ECT1): N, (N, CE): None,
           (ECT0, N): ECT0, (ECT0, ECT0): ECT0, (ECT0, ECT1): ECT1, (ECT0, CE): CE,
           (ECT1, N): ECT1, (ECT1, ECT0): ECT1, (ECT1, ECT1): ECT1, (ECT1, CE): CE,
           (CE, N): CE, (CE, ECT0): CE, (CE, ECT1): CE, (CE, CE): CE}


@pytest.fixture(params=['ipv4', 'ipv6'])
def rig(request, lab, fabric, hosts):
    """A Weft host with a VXLAN and an NVGRE tenant, and a remote VTEP by hand, on either underlay."""
    peer = lab.namespace('peer')
    vtep = fabric.attach(peer, 2)
    host = hosts(1)
    if request.param == 'ipv6':
        vtep = fabric.attach6(peer, 2)
        host.add_ipv6(alone=True)
    host.tenant('red', vni=VNI, vteps=[vtep])
    host.tenant('blue', vsid=VSID, vteps=[vtep])
    red = host.vm('red', 'red1', 1, '10.0.0.1/24', MAC1)
    blue = host.vm('blue', 'blue1', 1, '10.0.0.1/24', MAC1)
    host.up()
    with peer.raw('eth0') as port:
        yield Rig(request.param, host, peer, port, vtep, {'red': red, 'blue': blue})


class Rig:
    def __init__(self, family, host, peer, port, vtep, vms):
        self.family, self.host, self.peer, self.port, self.vtep, self.vms = \
            family, host, peer, port, vtep, vms

    def configure(self, **settings):
        for tenant in ('red', 'blue'):
            self.host.tenant_config(tenant).update(settings)
        return self.host.apply()

    def outer(self, tenant, tos):
        """The outer header of a packet for that tenant."""
        head = Ether(src=self.peer.mac('eth0'), dst=self.host.ns.mac('eth0'))
        if self.family == 'ipv4':
            head /= IP(src=self.vtep, dst=self.host.vtep, tos=tos, proto=17 if tenant == 'red' else 47)
        else:
            head /= IPv6(src=self.vtep, dst=self.host.vtep6, tc=tos, nh=17 if tenant == 'red' else 47)
        if tenant == 'red':
            return head / UDP(sport=50000, dport=4789, chksum=0) / \
                Raw(b'\x08\0\0\0' + VNI.to_bytes(3, 'big') + b'\0')
        return head / Raw(b'\x20\0\x65\x58' + VSID.to_bytes(3, 'big') + b'\7')

    def arrives(self, tenant, outer_tos, inner):
        """The frame that the VM gets, or None: then one that was sent after it is there."""
        after = Ether(src=MAC2, dst=MAC1, type=0x88b5) / b'sent-after'
        got = []
        with self.vms[tenant].raw() as vm:
            self.port.send(self.outer(tenant, outer_tos) / inner)
            self.port.send(self.outer(tenant, 0) / after)
            while b'sent-after' not in (frame := vm.expect(lambda f: b'inner-payload' in f or b'sent-after' in f)):
                got.append(frame)
        assert len(got) < 2
        return Ether(got[0]) if got else None

    def leaves(self, tenant, inner):
        """The outer TOS byte that a frame of the VM's gets."""
        with self.vms[tenant].raw() as vm:
            self.port.drain()
            vm.send(inner)
            frame = Ether(self.port.expect(lambda f: b'inner-payload' in f))
        return frame[IP].tos if self.family == 'ipv4' else frame[IPv6].tc


def inner(version, tos, src=MAC2, dst=MAC1):
    head = IP(src='10.0.0.2', dst='10.0.0.1', tos=tos) if version == 4 else \
        IPv6(src='fd10:aa::2', dst='fd10:aa::1', tc=tos)
    return Ether(src=src, dst=dst) / head / UDP(sport=1, dport=7) / b'inner-payload'


def tos_of(frame):
    """Of a frame whose checksum is right, too."""
    if IPv6 in frame:
        return frame[IPv6].tc
    again = frame[IP].copy()
    del again.chksum
    assert frame[IP].chksum == IP(bytes(again)).chksum
    return frame[IP].tos


def test_ecn_on_the_way_out_of_the_tunnel(rig):
    """Every combination, of either encapsulation and inner family."""
    for tenant in ('red', 'blue'):
        for version, ((inside, outside), out) in itertools.product((4, 6), FIGURE4.items()):
            got = rig.arrives(tenant, 0x28 | outside, inner(version, 0x48 | inside))
            assert (got is None) == (out is None), (tenant, version, inside, outside)
            if got is not None:
                assert tos_of(got) == 0x48 | out, (tenant, version, inside, outside)
        drops = rig.host.drops(tenant)
        assert drops.get('ecn-congestion', 0) == 2 and len([n for n in drops.values() if n]) == 1


def test_what_is_not_ip_passes_with_any_mark(rig):
    arp = Ether(src=MAC2, dst=MAC1, type=0x88b5) / b'inner-payload'
    assert rig.arrives('red', CE, arp) is not None
    assert rig.leaves('red', Ether(src=MAC1, dst=MAC2, type=0x88b5) / b'inner-payload') == 0


def test_choices_on_the_way_in(rig):
    """Each choice live, by `weft apply`, of either encapsulation and inner family, every ECN."""
    def leaves(wanted):
        """wanted: of an ECN, when the DSCP is 46."""
        for tenant, version, ecn in itertools.product(('red', 'blue'), (4, 6), range(4)):
            assert rig.leaves(tenant, inner(version, 46 << 2 | ecn, MAC1, MAC2)) == wanted(ecn), (tenant, version, ecn)
    leaves(lambda ecn: ecn)  # pipe, DSCP 0; ECN as inside
    assert 'dscp 0 -> 10' in rig.configure(dscp=10)
    leaves(lambda ecn: 10 << 2 | ecn)
    assert 'dscp_uniform 0 -> 1' in rig.configure(dscp_mode='uniform')
    leaves(lambda ecn: 46 << 2 | ecn)
    for tenant in ('red', 'blue'):
        assert rig.leaves(tenant, Ether(src=MAC1, dst=MAC2, type=0x88b5) / b'inner-payload') == 10 << 2
    assert 'ecn 1 -> 0' in rig.configure(ecn=False)
    leaves(lambda ecn: 46 << 2)


def test_dscp_on_the_way_out(rig):
    for version in (4, 6):
        assert tos_of(rig.arrives('red', 46 << 2, inner(version, 10 << 2))) == 10 << 2
    rig.configure(dscp_mode='uniform')
    for version in (4, 6):
        assert tos_of(rig.arrives('red', 46 << 2 | CE, inner(version, 10 << 2 | ECT0))) == 46 << 2 | CE


def test_bad_values_change_nothing(rig):
    for setting in ({'dscp': 64}, {'dscp_mode': 'sometimes'}, {'ecn': 'perhaps'}):
        rig.host.tenant_config('red').update(setting)
        rig.host.write_config()
        with pytest.raises(Exception, match=next(iter(setting))):
            rig.host.weft('apply', rig.host.config_path)
        del rig.host.tenant_config('red')[next(iter(setting))]
    assert rig.leaves('red', inner(4, 0xbb, MAC1, MAC2)) == 3


def mark_congestion(frame, from_host):
    """As a congested router does (RFC 3168, 5): CE on what is capable, on the way to the host."""
    packet = Ether(frame)
    if not from_host and IP in packet and packet[IP].tos & 3 in (ECT0, ECT1):
        packet[IP].tos |= CE
        del packet[IP].chksum
        return [bytes(packet)]
    return [frame]


def test_linux_hears_a_mark_and_is_heard(lab, fabric, hosts):
    """With Linux' VXLAN device (RFC 6040, DSCP inherited): TCP negotiates ECN through the tunnel, a router
    of the underlay marks every packet CE, and the sender is told (ECE)."""
    linux = LinuxVxlanHost(lab, fabric, 2, VNI, ['172.16.0.1'], options=['tos', 'inherit'])
    weft = hosts(1)
    weft.tenant('red', vni=VNI, vteps=[linux.vtep], dscp_mode='uniform')
    vm1 = weft.vm('red', 'vm1', 1, '10.0.0.1/24', MAC1)
    vm2 = linux.vm('vm2', '10.0.0.2/24', MAC2)
    weft.up()
    for ns in (vm1.ns, vm2):
        ns.run('sysctl', '-qw', 'net.ipv4.tcp_ecn=1')
    traffic.wait_ping(vm1.ns, '10.0.0.2')
    assert traffic.ping(vm1.ns, '10.0.0.2', count=3, options=['-Q', hex(46 << 2)]) == 3
    capture = {label: fabric.capture(label, f'ecn-{label}') for label in ('h1', 'linux2')}
    with Middlebox(fabric, 'h1', mark_congestion):
        traffic.wait_ping(vm1.ns, '10.0.0.2')
        assert traffic.mbits(traffic.iperf3(lab, vm1.ns, vm2, '10.0.0.1', seconds=1)) > 0.1
    heard = tshark.count(capture['h1'].stop(), 'vxlan && tcp.flags.ece == 1 && tcp.flags.syn == 0')
    told = tshark.count(capture['linux2'].stop(), 'vxlan && tcp.flags.cwr == 1 && tcp.flags.syn == 0')
    assert heard > 5 and told > 1
    assert weft.drops('red').get('ecn-congestion', 0) == 0
