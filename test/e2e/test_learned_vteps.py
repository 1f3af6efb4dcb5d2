# SPDX-License-Identifier: Apache-2.0
"""VTEPs that are learned (docs/broadcast.md): a tenant with an underlay group and no list of VTEPs, with two of
Linux's VXLAN devices in the same group. Nobody names anybody else's address."""
import pytest
from scapy.layers.inet import IP, UDP
from scapy.layers.inet6 import IPv6
from scapy.layers.l2 import Ether
from scapy.layers.vxlan import VXLAN

from lab import traffic, tshark
from lab.linuxvx import LinuxVxlanHost
from lab.wait import wait_until

MAC1, MAC2, MAC3 = (f'02:00:00:00:00:{n:02x}' for n in (1, 2, 3))
GROUPS = {4: '239.1.1.1', 6: 'ff05::239:1'}


def address(family, n):
    return f'fd10:16::{n:x}' if family == 6 else f'172.16.0.{n}'


class Learning:
    """Weft's host 1 has red (VNI 5001) and blue (5002), which learn, and green (5003), which has one VTEP."""

    def __init__(self, lab, fabric, hosts, family):
        self.family, self.fabric = family, fabric
        self.group = GROUPS[family]
        fabric.ns.ip('link', 'set', 'fabric', 'type', 'bridge', 'mcast_snooping', 1, 'mcast_querier', 1)
        self.linux = {}
        for n in (2, 3):
            host = LinuxVxlanHost(lab, fabric, n, 5001, [], ipv6=family == 6)
            host.ns.ip('link', 'set', 'vx', 'type', 'vxlan', 'group', self.group, 'dev', 'eth0')
            self.linux[n] = host
        self.weft = hosts(1)
        if family == 6:
            self.weft.add_ipv6(alone=True)
            self.weft.config['host']['udp6_checksum'] = True  # Linux wants them unless told otherwise
        self.red = self.weft.tenant('red', vni=5001, group=self.group, learn_vteps=2)
        self.weft.tenant('blue', vni=5002, group=self.group)
        self.weft.tenant('green', vni=5003, vteps=[address(family, 99)])
        self.vm1 = self.weft.vm('red', 'vm1', 1, '10.0.0.1/24', MAC1, mtu=1400)
        self.vm = {n: self.linux[n].vm(f'vm{n}', f'10.0.0.{n}/24', mac, mtu=1400)
                   for n, mac in ((2, MAC2), (3, MAC3))}
        self.weft.up()
        wait_until(lambda: self.members() >= 3, 30, 'all have joined')

    def members(self):
        """Cables of the fabric that want the group."""
        return sum(f'grp {self.group} ' in line for line in
                   self.fabric.ns.run('bridge', 'mdb', 'show', 'dev', 'fabric').splitlines())

    def vteps(self, tenant='red'):
        return {row['vtep']: row['kind'] for row in self.weft.json('vtep') if row['tenant'] == tenant}

    def known(self, *hosts, kind='learned'):
        return {self.linux[n].vtep: kind for n in hosts}

    def resolved(self):
        """VTEPs that can be sent to, with their kinds."""
        return {row['vtep']: row['kind'] for row in self.weft.json('underlay') if row['state'] == 'resolved'}

    def forge(self, vni, source, inner_source='02:00:00:00:00:77'):
        """A packet of this network from any source, as some machine of the underlay could send it."""
        ip = IPv6(src=source, dst=self.weft.vtep6) if self.family == 6 else IP(src=source, dst=self.weft.vtep)
        frame = (Ether(src='02:ee:00:00:00:77', dst=self.weft.ns.mac('eth0')) / ip /
                 UDP(sport=50000, dport=4789) / VXLAN(vni=vni, flags=8) /
                 Ether(src=inner_source, dst='ff:ff:ff:ff:ff:ff', type=0x88b5) / bytes(46))
        with self.linux[2].ns.raw('eth0') as port:
            port.send(frame)

    def wait_drop(self, tenant, reason, before):
        wait_until(lambda: self.weft.drops(tenant).get(reason, 0) == before + 1, 5, f'{reason} of {tenant}')


@pytest.mark.parametrize('family', [4, 6])
def test_who_is_heard_is_known(lab, fabric, hosts, family):
    here = Learning(lab, fabric, hosts, family)
    weft = here.weft
    assert here.vteps() == {}

    # The first that is ever heard is an answer, by unicast; nothing is lost while its VTEP is learned.
    assert traffic.ping(here.vm1.ns, '10.0.0.2', count=5, timeout=5) == 5
    wait_until(lambda: here.vteps() == here.known(2), 5, 'host 2 is learned')
    assert traffic.ping(here.vm[3], '10.0.0.1', count=5, timeout=5) == 5
    wait_until(lambda: here.vteps() == here.known(2, 3), 5, 'host 3 is learned')
    wait_until(lambda: here.known(2, 3).items() <= here.resolved().items(), 10, 'both are resolved')
    assert here.resolved()[here.group] == 'group'
    traffic.wait_ping(here.vm1.ns, '10.0.0.2')
    traffic.wait_ping(here.vm1.ns, '10.0.0.3')
    wait_until(lambda: {(row['mac'], row['vtep']) for row in weft.json('fdb') if row['vtep']} ==
               {(MAC2, here.linux[2].vtep), (MAC3, here.linux[3].vtep)}, 10, 'both machines are known')

    # What is known goes there alone.
    capture = fabric.capture('h1', 'unicast')
    assert traffic.ping(here.vm1.ns, '10.0.0.2', count=5) == 5
    field = 'ipv6.dst' if family == 6 else 'ip.dst'
    pcap = capture.stop()
    assert tshark.count(pcap, f'vxlan && icmp && {field} == {here.linux[2].vtep}') == 5
    assert tshark.count(pcap, f'vxlan && icmp && {field} != {here.linux[2].vtep}') == 0

    # One more than red may learn is refused, and who is known to red is nobody to the others.
    full, unknown = weft.drops('red').get('vteps-full', 0), weft.drops('green').get('unknown-vtep', 0)
    here.forge(5001, address(family, 77))
    here.wait_drop('red', 'vteps-full', full)
    here.forge(5003, here.linux[2].vtep)
    here.wait_drop('green', 'unknown-vtep', unknown)
    here.forge(5002, address(family, 77))
    wait_until(lambda: here.vteps('blue') == {address(family, 77): 'learned'}, 5, 'blue learns its own')
    assert here.vteps() == here.known(2, 3) and here.vteps('green') == {address(family, 99): 'configured'}

    # What was learned outlives the agent, and so does learning what is new.
    weft.agent.kill()
    assert traffic.ping(here.vm1.ns, '10.0.0.3', count=5) == 5
    weft.start_agent()
    weft.wait_ready()
    assert here.vteps() == here.known(2, 3)
    assert traffic.ping(here.vm1.ns, '10.0.0.2', count=5) == 5


def test_nvgre(fabric, hosts):
    """Two Weft hosts, each with nothing but the group."""
    fabric.ns.ip('link', 'set', 'fabric', 'type', 'bridge', 'mcast_snooping', 1, 'mcast_querier', 1)
    a, b = hosts(1), hosts(2)
    for host, mac in ((a, MAC1), (b, MAC2)):
        host.tenant('red', vsid=5001, group='239.1.1.7')
        host.vm('red', f'vm{host.number}', 1, f'10.0.0.{host.number}/24', mac)
        host.up()
    traffic.wait_ping(a.vms['vm1'].ns, '10.0.0.2', 15)
    for host, other in ((a, b), (b, a)):
        wait_until(lambda: [(row['vtep'], row['kind']) for row in host.json('vtep')] == [(other.vtep, 'learned')], 5,
                   f'{host.label} has learned')
    assert traffic.ping(a.vms['vm1'].ns, '10.0.0.2', count=5) == 5


def test_learning_changes_live(lab, fabric, hosts):
    here = Learning(lab, fabric, hosts, 4)
    weft = here.weft
    for n in (2, 3):
        traffic.wait_ping(here.vm[n], '10.0.0.1')
    wait_until(lambda: here.vteps() == here.known(2, 3), 5, 'both are learned')

    # BFD is for those that somebody has named, unless it is asked for with all.
    two, three = here.linux[2].vtep, here.linux[3].vtep
    weft.config['host']['bfd'] = {'mode': 'multihop', 'interval': 1000}
    here.red['vteps'] = [two]
    said = weft.apply()
    assert f'- vtep red {two}' in said and f'+ vtep red {two}' in said and three not in said
    assert here.vteps() == {**here.known(2, kind='configured'), **here.known(3)}
    assert two in {row['vtep'] for row in weft.json('bfd')} and three not in {row['vtep'] for row in weft.json('bfd')}
    weft.config['host']['bfd']['learned'] = True
    weft.apply()
    assert {two, three} <= {row['vtep'] for row in weft.json('bfd')}
    del weft.config['host']['bfd']
    for n in (2, 3):
        assert traffic.ping(here.vm1.ns, f'10.0.0.{n}', count=3, timeout=5) == 3

    # A closed list again: who is not in it is nobody.
    del here.red['learn_vteps']
    assert 'learn_vteps 2 -> 0' in weft.apply()
    assert here.vteps() == here.known(2, kind='configured')
    before = weft.drops('red').get('unknown-vtep', 0)
    assert traffic.ping(here.vm[3], '10.0.0.1', count=1) == 0
    assert weft.drops('red').get('unknown-vtep', 0) > before

    # Without a list all are learned; who falls silent is forgotten as his machines are.
    del here.red['vteps']
    weft.config['host']['fdb_age'] = 1
    assert 'learn_vteps 0 -> 256' in weft.apply()
    assert traffic.ping(here.vm[3], '10.0.0.1', count=3, timeout=5) == 3
    here.linux[3].ns.ip('link', 'set', 'vx', 'down')
    wait_until(lambda: three not in here.vteps(), 30, 'host 3 is forgotten')
    assert not any(row['vtep'] == three for row in weft.json('fdb'))
    assert three not in here.resolved()
