# SPDX-License-Identifier: Apache-2.0
"""Weft against Linux's own VXLAN device, an implementation of RFC 7348 that is not ours."""
import pytest

from lab import traffic, tshark
from lab.linuxvx import LinuxVxlanHost
from lab.wait import wait_until

MAC1, MAC2, MAC3 = (f'02:00:00:00:00:{n:02x}' for n in (1, 2, 3))


@pytest.fixture
def pair(lab, fabric, hosts):
    """A learning tenant on a Weft host, and a Linux host in the same VXLAN; a VM on each."""
    linux = LinuxVxlanHost(lab, fabric, 2, 5001, ['172.16.0.1'])
    weft = hosts(1)
    weft.tenant('red', vni=5001, vteps=[linux.vtep])
    vm1 = weft.vm('red', 'vm1', 1, '10.0.0.1/24', MAC1)
    vm2 = linux.vm('vm2', '10.0.0.2/24', MAC2)
    weft.up()
    return weft, linux, vm1, vm2


def test_ping_both_ways(pair):
    _, _, vm1, vm2 = pair
    traffic.wait_ping(vm1.ns, '10.0.0.2')
    assert traffic.ping(vm1.ns, '10.0.0.2', count=10) == 10
    assert traffic.ping(vm2, '10.0.0.1', count=10) == 10


@pytest.mark.parametrize('size', [0, 1, 1000, 1421, 1422])
def test_ping_of_every_size(pair, size):
    """1422 + 28 is the VM's MTU of 1450; odd lengths meet odd checksums."""
    _, _, vm1, _ = pair
    traffic.wait_ping(vm1.ns, '10.0.0.2')
    assert traffic.ping(vm1.ns, '10.0.0.2', count=5, size=size, options=['-M', 'do']) == 5


def test_fragments_of_the_tenant_pass(pair):
    _, _, vm1, vm2 = pair
    traffic.wait_ping(vm1.ns, '10.0.0.2')
    assert traffic.ping(vm1.ns, '10.0.0.2', count=5, size=4000, options=['-M', 'dont']) == 5
    assert traffic.ping(vm2, '10.0.0.1', count=5, size=4000, options=['-M', 'dont']) == 5


def test_each_side_learns_where_the_other_is(pair):
    weft, linux, vm1, _ = pair
    traffic.wait_ping(vm1.ns, '10.0.0.2')
    assert f'{MAC1} dst 172.16.0.1' in linux.entries()
    wait_until(lambda: any(e['mac'] == MAC2 and e.get('vtep') == linux.vtep
                           for e in weft.json('fdb', 'show', 'red')), what='Weft learns vm2')


def test_tcp_by_iperf3(lab, fabric, hosts):
    linux = LinuxVxlanHost(lab, fabric, 2, 5001, ['172.16.0.1'])
    weft = hosts(1, capture=False)
    weft.tenant('red', vni=5001, vteps=[linux.vtep])
    vm1 = weft.vm('red', 'vm1', 1, '10.0.0.1/24', MAC1)
    vm2 = linux.vm('vm2', '10.0.0.2/24', MAC2)
    weft.up()
    traffic.wait_ping(vm1.ns, '10.0.0.2')
    assert traffic.mbits(traffic.iperf3(lab, vm2, vm1.ns, '10.0.0.2', seconds=2)) > 1
    assert traffic.mbits(traffic.iperf3(lab, vm1.ns, vm2, '10.0.0.1', seconds=2)) > 1


@pytest.mark.parametrize('weft_sums, linux_sums', [(False, True), (True, False), (True, True)])
def test_outer_udp_checksums(lab, fabric, hosts, weft_sums, linux_sums):
    """Zero and non-zero outer checksums are taken from either side (RFC 7348, 4.1)."""
    linux = LinuxVxlanHost(lab, fabric, 2, 5001, ['172.16.0.1'], udp_csum=linux_sums)
    weft = hosts(1)
    weft.config['host']['udp_checksum'] = weft_sums
    weft.tenant('red', vni=5001, vteps=[linux.vtep])
    vm1 = weft.vm('red', 'vm1', 1, '10.0.0.1/24', MAC1)
    linux.vm('vm2', '10.0.0.2/24', MAC2)
    weft.up()
    captures = {'h1': fabric.capture('h1', 'sums-h1'), 'linux2': fabric.capture('linux2', 'sums-l')}
    traffic.wait_ping(vm1.ns, '10.0.0.2')
    assert traffic.ping(vm1.ns, '10.0.0.2', count=5, size=101) == 5
    for label, sums in (('h1', weft_sums), ('linux2', linux_sums)):
        pcap = captures[label].stop()
        tshark.assert_clean(pcap)
        # The first occurrence of the field is the outer header's.
        outer = [row[0].split(',')[0] for row in tshark.read(pcap, 'vxlan', ('udp.checksum',))]
        assert outer and all((int(value, 0) != 0) == sums for value in outer), (label, outer)


def test_another_udp_port(lab, fabric, hosts):
    linux = LinuxVxlanHost(lab, fabric, 2, 5001, ['172.16.0.1'], port=8472)
    weft = hosts(1)
    weft.config['host']['vxlan_port'] = 8472
    weft.tenant('red', vni=5001, vteps=[linux.vtep])
    vm1 = weft.vm('red', 'vm1', 1, '10.0.0.1/24', MAC1)
    linux.vm('vm2', '10.0.0.2/24', MAC2)
    weft.up()
    traffic.wait_ping(vm1.ns, '10.0.0.2')


def test_static_entry_instead_of_learning(lab, fabric, hosts):
    linux = LinuxVxlanHost(lab, fabric, 2, 5001, ['172.16.0.1'])
    weft = hosts(1)
    weft.tenant('red', vni=5001, vteps=[linux.vtep], learn=False,
                fdb=[{'mac': MAC2, 'vtep': linux.vtep}, {'mac': MAC1, 'port': 'vm1'}])
    vm1 = weft.vm('red', 'vm1', 1, '10.0.0.1/24', MAC1)
    linux.vm('vm2', '10.0.0.2/24', MAC2)
    weft.up()
    vm1.ns.neighbour('eth0', '10.0.0.2', MAC2)  # so that nothing but unicast is sent
    traffic.wait_ping(vm1.ns, '10.0.0.2')
    assert {e['mac'] for e in weft.json('fdb', 'show', 'red')} == {MAC1, MAC2}


def test_wire_form_of_vxlan(pair, fabric):
    """RFC 7348, 5: destination port 4789; source port 49152 to 65535, one for a flow, many for many."""
    _, _, vm1, vm2 = pair
    traffic.wait_ping(vm1.ns, '10.0.0.2')
    capture = fabric.capture('h1', 'form')
    with vm1.raw() as port:
        for flow in range(64):
            for _ in range(3):
                port.send(traffic.udp_frame(MAC1, MAC2, '10.0.0.1', '10.0.0.2', 1000 + flow) / b'x')
    rows = tshark.read(capture.stop(), 'vxlan && udp.dstport == 7',
                       ('udp.srcport', 'udp.dstport', 'ip.ttl', 'ip.flags.df', 'ip.src', 'ip.dst',
                        'vxlan.vni'))
    assert len(rows) == 64 * 3
    of_flow = {}
    for sports, dports, ttls, _, sources, destinations, vni in rows:
        outer, inner = map(int, sports.split(','))
        assert 49152 <= outer <= 65535
        assert dports.split(',')[0] == '4789' and vni == '5001' and ttls.split(',')[0] == '64'
        assert sources.split(',')[0] == '172.16.0.1' and destinations.split(',')[0] == '172.16.0.2'
        of_flow.setdefault(inner, set()).add(outer)
    assert all(len(ports) == 1 for ports in of_flow.values())
    assert len({min(ports) for ports in of_flow.values()}) > 32
