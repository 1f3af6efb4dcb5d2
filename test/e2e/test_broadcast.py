# SPDX-License-Identifier: Apache-2.0
"""Broadcast, unknown unicast and multicast (docs/broadcast.md): underlay multicast groups, with Linux's
VXLAN device in the same group and a fabric that delivers to members alone."""
import ipaddress
import time

import pytest

from lab import traffic, tshark
from lab.linuxvx import LinuxVxlanHost
from lab.wait import wait_until

MAC1, MAC2 = (f'02:00:00:00:00:{n:02x}' for n in (1, 2))
BROADCAST = 'ff:ff:ff:ff:ff:ff'
GROUPS = {4: ('239.1.1.1', '01:00:5e:01:01:01'), 6: ('ff05::239:1', '33:33:02:39:00:01')}


def members(ns, family, device='eth0'):
    """Groups that the kernel has joined on the device."""
    text = ns.ip('maddr', 'show', 'dev', device)
    word = 'inet6' if family == 6 else 'inet'
    return {line.split()[1] for line in text.splitlines() if line.split()[0] == word}


class InGroup:
    def __init__(self, lab, fabric, hosts, family):
        self.group, self.mac = GROUPS[family]
        # The fabric's bridge asks who wants what, and keeps to it.
        fabric.ns.ip('link', 'set', 'fabric', 'type', 'bridge', 'mcast_snooping', 1, 'mcast_querier', 1)
        self.linux = LinuxVxlanHost(lab, fabric, 2, 5001, [], ipv6=family == 6)
        self.linux.ns.ip('link', 'set', 'vx', 'type', 'vxlan', 'group', self.group, 'dev', 'eth0')
        self.weft = hosts(1)
        if family == 6:
            self.weft.add_ipv6(alone=True)
            self.weft.config['host']['udp6_checksum'] = True  # Linux wants them unless told otherwise
        self.red = self.weft.tenant('red', vni=5001, vteps=[self.linux.vtep], group=self.group)
        self.vm1 = self.weft.vm('red', 'vm1', 1, '10.0.0.1/24', MAC1, mtu=1400)
        self.vm2 = self.linux.vm('vm2', '10.0.0.2/24', MAC2, mtu=1400)
        self.weft.up()
        wait_until(lambda: self.group in members(self.weft.ns, family), 10, 'host 1 has joined')


@pytest.mark.parametrize('family', [4, 6])
def test_broadcasts_go_to_the_group(lab, fabric, hosts, family):
    both = InGroup(lab, fabric, hosts, family)
    traffic.wait_ping(both.vm1.ns, '10.0.0.2', 15)
    capture = fabric.capture('h1', 'group')
    assert traffic.ping(both.vm2, '10.0.0.1', count=5) == 5
    with both.vm1.raw() as port, both.vm2.raw('eth0') as there:
        there.drain()
        for _ in range(10):
            port.send(traffic.udp_frame(MAC1, BROADCAST, '10.0.0.1', '10.0.0.255') / b'to all')
        assert len(there.collect(0.5, lambda f: b'to all' in f)) == 10
    pcap = capture.stop()
    tshark.assert_clean(pcap, '!tcp || vxlan')
    field = 'ipv6.dst' if family == 6 else 'ip.dst'
    rows = tshark.read(pcap, 'vxlan && udp.dstport == 7', ('eth.dst', field))
    assert [(r[0].split(',')[0], r[1].split(',')[0]) for r in rows] == [(both.mac, both.group)] * 10
    # Known unicast goes to the VTEP.
    assert tshark.count(pcap, f'vxlan && icmp && {field} == {both.linux.vtep}') >= 1
    assert tshark.count(pcap, f'vxlan && icmp && {field} == {both.group}') == 0


@pytest.mark.parametrize('family, setting, at, report', [
    (4, 'net.ipv4.conf.eth0.force_igmp_version=2', 14 + 24, 0x16),
    (4, 'net.ipv4.conf.eth0.force_igmp_version=3', 14 + 24, 0x22),
    (6, 'net.ipv6.conf.eth0.force_mld_version=2', 14 + 40 + 8, 143)])
def test_the_kernel_joins_as_it_is_told(fabric, hosts, family, setting, at, report):
    """IGMPv2, IGMPv3 or MLDv2 on the wire when the tenant gets its group, and the group in it."""
    weft = hosts(1)
    if family == 6:
        weft.add_ipv6(alone=True)
    red = weft.tenant('red', vni=5001)
    weft.up()
    weft.ns.run('sysctl', '-qw', setting)
    red['group'] = GROUPS[family][0]
    group = ipaddress.ip_address(red['group']).packed
    with fabric.ns.raw(fabric.cables['h1']) as cable:
        weft.apply()
        cable.expect(lambda f: len(f) > at and f[at] == report and group in f[at:], 15, 'report')


def test_what_came_from_the_overlay_does_not_go_back(lab, fabric, hosts):
    """Whatever a rule says: else two hosts that replicate to each other would loop for ever."""
    linux = LinuxVxlanHost(lab, fabric, 2, 5001, ['172.16.0.1'])
    vm2 = linux.vm('vm2', '10.0.0.2/24', MAC2)
    weft = hosts(1)
    weft.switch('red', vms=1, vni=5001, vteps=[linux.vtep], dpid=1)
    weft.up()
    for kind, output in ((0x88b5, 'output:65000'), (0x88b6, 'in_port')):
        weft.ofctl('red', 'add-flow', f'in_port=65000,dl_type={kind},actions={output}')
    wait_until(lambda: weft.json('underlay')[0]['state'] == 'resolved', 10, 'the way to host 2')
    capture = fabric.capture('h1', 'back')
    with vm2.raw('eth0') as there:
        for n, kind in enumerate(('88b5', '88b6'), 1):
            there.send(bytes.fromhex('ffffffffffff' + MAC2.replace(':', '') + kind) + bytes(46))
            wait_until(lambda: weft.drops('red').get('split-horizon', 0) == n, 5, 'dropped')
    assert tshark.count(capture.stop(), 'vxlan && (eth.type == 0x88b5 || eth.type == 0x88b6)') == 0


def test_the_group_is_heard_while_the_agent_is_away(lab, fabric, hosts):
    both = InGroup(lab, fabric, hosts, 4)
    both.weft.agent.kill()
    assert both.group in members(both.weft.ns, 4)
    with both.vm1.raw() as here, both.vm2.raw('eth0') as there:
        here.drain()
        for _ in range(10):
            there.send(traffic.udp_frame(MAC2, BROADCAST, '10.0.0.2', '10.0.0.255') / b'from all')
        assert len(here.collect(0.7, lambda f: b'from all' in f)) == 10
    both.weft.start_agent()
    both.weft.wait_ready()


def test_another_tenants_group_is_not_ours(lab, fabric, hosts):
    """By its VNI a packet is red's, but it came to blue's group."""
    both = InGroup(lab, fabric, hosts, 4)
    both.weft.tenant('blue', vni=5002, vteps=[both.linux.vtep], group='239.1.1.2')
    both.weft.apply()
    wait_until(lambda: '239.1.1.2' in members(both.weft.ns, 4), 5, 'joined')
    both.linux.ns.ip('link', 'set', 'vx', 'type', 'vxlan', 'group', '239.1.1.2', 'dev', 'eth0')
    before = both.weft.drops().get('unknown-network', 0)
    with both.vm1.raw() as here, both.vm2.raw('eth0') as there:
        here.drain()
        for _ in range(5):
            there.send(traffic.udp_frame(MAC2, BROADCAST, '10.0.0.2', '10.0.0.255') / b'astray')
        assert not here.collect(0.5, lambda f: b'astray' in f)
    assert both.weft.drops().get('unknown-network', 0) == before + 5


def test_groups_change_live(lab, fabric, hosts):
    both = InGroup(lab, fabric, hosts, 4)
    traffic.wait_ping(both.vm1.ns, '10.0.0.2', 15)
    flow = traffic.Stream(both.vm1.raw(), both.vm2.raw('eth0'),
                          traffic.udp_frame(MAC1, MAC2, '10.0.0.1', '10.0.0.2'), 300)
    flow.wait_flowing()
    both.red['group'] = '239.1.1.9'
    assert 'group 239.1.1.1 -> 239.1.1.9' in both.weft.apply()
    wait_until(lambda: members(both.weft.ns, 4) >= {'239.1.1.9'} and
               '239.1.1.1' not in members(both.weft.ns, 4), 5, 'one is left, the other joined')
    del both.red['group']
    both.weft.apply()
    wait_until(lambda: '239.1.1.9' not in members(both.weft.ns, 4), 5, 'left')
    capture = fabric.capture('h1', 'headend')
    with both.vm1.raw() as port:
        port.send(traffic.udp_frame(MAC1, BROADCAST, '10.0.0.1', '10.0.0.255', dport=9) / b'x')
        time.sleep(0.2)
    rows = tshark.read(capture.stop(), 'vxlan && udp.dstport == 9', ('ip.dst',))
    assert [r[0].split(',')[0] for r in rows] == [both.linux.vtep]
    lost, twice = flow.stop()
    assert not lost and not twice  # unicast did not notice
