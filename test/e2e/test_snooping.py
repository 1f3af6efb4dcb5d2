# SPDX-License-Identifier: Apache-2.0
"""IGMP and MLD snooping in tenants (docs/multicast.md). The listeners are Linux's own stack, which joins and
leaves for real; routers and messages that are wrong are scapy's."""
import contextlib
import itertools
import socket
import struct

from scapy.contrib.igmp import IGMP
from scapy.contrib.igmpv3 import IGMPv3, IGMPv3gr, IGMPv3mr
from scapy.layers.inet import IP, UDP
from scapy.layers.inet6 import IPv6
from scapy.layers.l2 import Dot1Q, Ether
from scapy.packet import Raw
from scapy.utils import checksum

from lab import traffic, tshark
from lab.wait import wait_until
from test_broadcast import InGroup

GROUP, OTHER, GROUP6 = '239.9.8.7', '239.9.8.6', 'ff0e::9:8'
OWN_QUERY = bytes([0x94, 4, 0, 0, 0x11])  # the router alert option, which scapy's have not
BROADCAST = 'ff:ff:ff:ff:ff:ff'


def mac(number):
    return f'02:00:00:00:00:{number:02x}'


def group_mac(group):
    if ':' in group:
        return '33:33:' + socket.inet_pton(socket.AF_INET6, group)[-4:].hex(':')
    low = socket.inet_aton(group)
    return '01:00:5e:%02x:%02x:%02x' % (low[1] & 0x7f, low[2], low[3])


def data(sender, group, text):
    """A UDP packet of VM number `sender` to the group."""
    frame = Ether(src=mac(sender), dst=group_mac(group))
    if ':' in group:
        return frame / IPv6(src=f'fd10:aa::{sender}', dst=group, hlim=4) / UDP(sport=5000, dport=5001) / text
    return frame / IP(src=f'10.0.0.{sender}', dst=group, ttl=4) / UDP(sport=5000, dport=5001) / text


def query(number, source):
    """A general query of IGMPv2."""
    return Ether(src=mac(number), dst=group_mac('224.0.0.1')) / \
        IP(src=source, dst='224.0.0.1', ttl=1) / IGMP(type=0x11, mrcode=100, gaddr='0.0.0.0')


def pim_hello(number):
    body = bytes([0x20, 0, 0, 0, 0, 1, 0, 2, 0, 105])
    body = body[:2] + struct.pack('>H', checksum(body)) + body[4:]
    return Ether(src=mac(number), dst=group_mac('224.0.0.13')) / \
        IP(src=f'10.0.0.{number}', dst='224.0.0.13', ttl=1, proto=103) / Raw(body)


def reports(number, groups, vlan=None, rtype=4):
    """IGMPv3: wants all of the groups; with rtype 3, none of them."""
    frame = Ether(src=mac(number), dst=group_mac('224.0.0.22'))
    if vlan is not None:
        frame /= Dot1Q(vlan=vlan)
    return frame / IP(src=f'10.0.0.{number}', dst='224.0.0.22', ttl=1) / IGMPv3(type=0x22) / \
        IGMPv3mr(records=[IGMPv3gr(rtype=rtype, maddr=group) for group in groups])


def is_igmp(frame):
    return frame[12:14] == b'\x08\x00' and frame[23] == 2


class Member:
    """A socket in a VM that has joined a group; the VM's kernel speaks IGMP or MLD for it."""

    def __init__(self, ns, group):
        with ns.entered():
            index = socket.if_nametoindex('eth0')
            if ':' in group:
                self._socket = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
                self._socket.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_JOIN_GROUP,
                                        socket.inet_pton(socket.AF_INET6, group) + struct.pack('=I', index))
            else:
                self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
                self._socket.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP,
                                        socket.inet_aton(group) + struct.pack('=4si', bytes(4), index))

    def leave(self):
        self._socket.close()


class Net:
    """Hosts 1 to n with VMs of the tenant red, by their numbers; `where`: host of each."""

    def __init__(self, hosts, where, ipv6=False, **multicast):
        self.hosts = [hosts(n) for n in range(1, max(where.values()) + 1)]
        self.texts = (f'text-{n:059}'.encode() for n in itertools.count())  # long enough for the flow cache
        for host in self.hosts:
            others = [other.vtep for other in self.hosts if other is not host]
            overlay = {'vni': 5001, 'vteps': others} if others else {}
            host.tenant('red', **overlay, multicast={'snoop': True, **multicast})
        self.vms, self.ports = {}, {}
        for n, at in where.items():
            self.vms[n] = self.hosts[at - 1].vm('red', f'vm{n}', n, f'10.0.0.{n}/24', mac(n))
            if ipv6:
                self.vms[n].ns.enable_ipv6('eth0')
                self.vms[n].ns.ip('addr', 'add', f'fd10:aa::{n}/64', 'dev', 'eth0')
            self.ports[n] = self.vms[n].raw()
        for host in self.hosts:
            host.up()
        first = [next(self.vms[n] for n in where if where[n] == at) for at in range(1, len(self.hosts) + 1)]
        for one, other in itertools.combinations(first, 2):  # the underlay's next hops are known
            traffic.wait_ping(one.ns, other.ip, 15)
        self.wait_for('ipv4', 'snooped')
        self.wait_for('ipv6', 'snooped')

    def __getitem__(self, number):
        return self.hosts[number - 1]

    def stats(self, host=1):
        return self[host].json('multicast', 'stats', 'red')[0]

    def wait_for(self, key, value, hosts=None):
        for n in hosts or range(1, len(self.hosts) + 1):
            wait_until(lambda n=n: self.stats(n)[key] == value, 30, f'{key} is {value} on host {n}')

    def change(self, only=None, **multicast):
        """Live, on all hosts or one; what the first one's command said."""
        said = []
        for host in [self[only]] if only else self.hosts:
            host.tenant_config('red')['multicast'].update(multicast)
            said.append(host.apply())
        return said[0]

    def places(self, host, group, kinds=('listener', 'leaving')):
        """Ports and VTEPs of who listens to the group; None: routers."""
        return {entry['vtep'] or entry['port'] for entry in self[host].json('multicast', 'show', 'red')
                if entry['group'] == group and entry['kind'] in kinds}

    def groups(self):
        """Of host 1."""
        return {entry['group'] for entry in self[1].json('multicast', 'show', 'red')}

    def kinds(self, host):
        return [entry['kind'] for entry in self[host].json('multicast', 'show', 'red')]

    def wait_places(self, host, group, wanted, **more):
        wait_until(lambda: self.places(host, group, **more) == wanted, 30, f'{group} on host {host}: {wanted}')

    def check(self, group, wanted, sender=1):
        """A packet to the group reaches just these VMs: it is there, or a broadcast that was sent after it."""
        text, after = next(self.texts), next(self.texts)
        for port in self.ports.values():
            port.drain()
        self.ports[sender].send(data(sender, group, text))
        for n in wanted:
            self.ports[n].expect(lambda f: text in f, 10, what=f'{group} at vm{n}')
        self.ports[sender].send(Ether(src=mac(sender), dst=BROADCAST, type=0x88b5) / after)
        for n in self.ports.keys() - {sender}:
            while after not in (frame := self.ports[n].expect(lambda f: text in f or after in f, 10)):
                assert n in wanted, f'{group} at vm{n}, wanted {wanted}'
                assert frame.count(text) == 1
        return text


def sent_to(path, text):
    """VTEPs to which a packet with this text went."""
    rows = tshark.read(path, f'vxlan && frame contains "{text.decode()}"', ('ip.dst',))
    return sorted(row[0].split(',')[0] for row in rows)


def test_multicast_goes_to_its_listeners(hosts, fabric):
    """Three hosts; listeners on two of them, of IGMPv2 and v3, and of MLD."""
    net = Net(hosts, {1: 1, 2: 1, 3: 1, 4: 2, 5: 2, 6: 3}, ipv6=True, leave=4)
    net.vms[4].ns.run('sysctl', '-qw', 'net.ipv4.conf.eth0.force_igmp_version=2')
    vtep1, vtep2 = net[1].vtep, net[2].vtep
    net.check(GROUP, {2, 3, 4, 5, 6})  # nobody has asked for it: everywhere
    with contextlib.ExitStack() as stack:
        members = {n: Member(net.vms[n].ns, GROUP) for n in (2, 4, 5)}
        member6 = Member(net.vms[5].ns, GROUP6)
        for member in (*members.values(), member6):
            stack.callback(member.leave)
        net.wait_places(1, GROUP, {'vm2', vtep2})
        net.wait_places(2, GROUP, {'vm4', 'vm5', vtep1})
        net.wait_places(3, GROUP, {vtep1, vtep2})
        net.wait_places(1, GROUP6, {vtep2})
        capture = fabric.capture('h1', 'to-listeners')
        known = net.check(GROUP, {2, 4, 5})
        other = net.check(OTHER, {2, 3, 4, 5, 6})
        known6 = net.check(GROUP6, {5})
        path = capture.stop()
        assert sent_to(path, known) == [vtep2]
        assert sent_to(path, known6) == [vtep2]
        assert sent_to(path, other) == sorted([vtep2, net[3].vtep])
        net.check(GROUP, {2, 4, 5}, sender=6)
        # What is of the link itself reaches all, whoever listens.
        net.check('224.0.0.251', {2, 3, 4, 5, 6})
        net.check('ff02::fb', {2, 3, 4, 5, 6})
        # Groups that nobody wants go to routers, of which there are none.
        assert 'multicast.routers_only 0 -> 1' in net.change(unregistered='routers')
        before = net[1].drops('red').get('no-listener', 0)
        net.check(OTHER, set())
        assert net[1].drops('red')['no-listener'] > before
        net.check(GROUP, {2, 4, 5})
        # One leaves, and another one behind the same VTEP stays: the others hear so when they are asked.
        members[4].leave()
        member6.leave()
        net.wait_places(2, GROUP, {'vm5', vtep1})
        net.wait_places(1, GROUP, {'vm2', vtep2}, kinds=('listener',))
        net.check(GROUP, {2, 5})
        net.wait_places(1, GROUP6, set())
        net.check(GROUP6, set())
        members[5].leave()
        net.wait_places(1, GROUP, {'vm2'})
        net.check(GROUP, {2})
        net.change(snoop=False)
        net.check(GROUP, {2, 3, 4, 5, 6})
        assert net.places(1, GROUP) == set()


def test_routers(hosts):
    """A router is where a query or PIM's hello came from. It gets all reports and all groups."""
    net = Net(hosts, {1: 1, 2: 1, 3: 1, 4: 2, 5: 2}, unregistered='routers', age=60)
    routers = {'kinds': ('querier', 'router')}
    net.ports[5].send(query(5, '0.0.0.0'))  # a switch's, not a router's (RFC 4541, 2.1.1)
    net.check(OTHER, set())
    assert net.places(1, None, **routers) == set()
    net.ports[5].send(query(5, '10.0.0.5'))
    net.wait_places(1, None, {net[2].vtep}, kinds=('querier',))
    net.wait_places(2, None, {'vm5'}, kinds=('querier',))
    net.check(OTHER, {5})
    net.ports[3].drain()
    member = Member(net.vms[2].ns, GROUP)
    try:
        net.ports[5].expect(is_igmp, 10, what='report at the router')
        net.wait_places(1, GROUP, {'vm2'})
        net.check(GROUP, {2, 5})
        assert not [f for f in iter(lambda: net.ports[3].receive(0), None) if is_igmp(f) and f[38] != 0x11]
        # It is not heard again: the switch asks in its place, and the listener goes on being one.
        net.change(age=10)
        net.ports[5].send(query(5, '10.0.0.5'))
        wait_until(lambda: 'querier' not in net.kinds(1), 30, 'the router is forgotten')
        net.ports[3].expect(lambda f: is_igmp(f) and f[34:39] == OWN_QUERY, 30, what='question')
        net.check(GROUP, {2})
    finally:
        member.leave()
    net.ports[3].send(pim_hello(3))
    net.wait_places(1, None, {'vm3'}, kinds=('router',))
    net.check(OTHER, {3})
    # A router that says nothing is configured: on its host, and on the other one.
    assert 'multicast.routers none -> 4' in net.change(2, router_ports=['vm4'])
    assert f'multicast.routers none -> {net[2].vtep}' in net.change(1, router_vteps=[net[2].vtep])
    net.wait_places(2, None, {'vm4'}, kinds=('static',))
    net.wait_places(1, None, {net[2].vtep}, kinds=('static',))
    net.check(OTHER, {3, 4})
    net.ports[4].drain()
    member = Member(net.vms[2].ns, GROUP)
    try:
        net.ports[4].expect(lambda f: is_igmp(f) and f[38] != 0x11, 10, what='report at the silent router')
        net.wait_places(1, GROUP, {'vm2'})
        net.check(GROUP, {2, 3, 4})
    finally:
        member.leave()
    net.change(2, router_ports=[])
    net.change(1, router_vteps=[])
    net.wait_places(1, None, set(), kinds=('static',))
    net.wait_places(2, None, set(), kinds=('static',))
    net.check(OTHER, {3})


def test_what_is_too_much_or_wrong_and_who_asks(hosts):
    """One host with no overlay."""
    net = Net(hosts, {1: 1, 2: 1, 3: 1}, groups=12, port_groups=8, age=120, leave=0)
    many = [f'239.1.1.{n}' for n in range(1, 21)]
    # A VLAN is a network of its own.
    net.ports[2].send(reports(2, [GROUP], vlan=7))
    net.wait_places(1, GROUP, {'vm2'})
    net.check(GROUP, {2, 3})
    member = Member(net.vms[3].ns, GROUP)
    try:
        net.wait_places(1, GROUP, {'vm2', 'vm3'})
        net.check(OTHER, {1, 3}, sender=2)
        for _ in range(5):
            net.check(GROUP, {3})
        # A way that many packets went is not gone on with when there are others who listen.
        net.ports[2].send(reports(2, [GROUP]))
        wait_until(lambda: net.stats()['members'] == 3, 10, 'vm2 has joined, without a tag')
        net.check(GROUP, {2, 3})
    finally:
        member.leave()
    net.ports[2].send(reports(2, [GROUP], vlan=7, rtype=3))
    net.ports[2].send(reports(2, [GROUP], rtype=3))
    wait_until(lambda: net.stats()['groups'] == 0, 30, 'all have left')
    # Limits.
    net.ports[2].send(reports(2, many))
    wait_until(lambda: net.stats()['over_port'] == 12, 10, 'a port listens to 8')
    net.ports[3].send(reports(3, many[10:]))
    wait_until(lambda: net.stats()['over_tenant'] == 6, 10, 'the tenant has 12')
    assert net.stats()['groups'] == 12
    net.check(many[0], {2})
    net.check(many[10], {3})
    net.check(many[19], {2, 3})
    wrong = bytearray(bytes(reports(3, [many[0]])))
    wrong[36] ^= 1
    net.ports[3].send(wrong)
    wait_until(lambda: net.stats()['unsound'] == 1, 10, 'it was not believed')
    assert net.places(1, many[0]) == {'vm2'}
    # Where nobody asks nobody is left out, and who does not say so again is forgotten.
    net.change(querier=False, age=5)
    net.wait_for('ipv4', 'flooded')
    net.check(many[0], {2, 3})
    net.ports[2].send(reports(2, many[:8]))
    wait_until(lambda: not {f'239.1.1.{n}' for n in range(1, 9)} & net.groups(), 30, 'they are forgotten')
    assert net.groups() == {f'239.1.1.{n}' for n in range(11, 15)}


def test_underlay_group(lab, fabric, hosts):
    """One copy goes to the underlay's group if anybody listens behind it, here on a Linux host, and else none."""
    both = InGroup(lab, fabric, hosts, 4)
    both.red['multicast'] = {'snoop': True, 'unregistered': 'routers'}
    both.weft.apply()
    traffic.wait_ping(both.vm1.ns, '10.0.0.2', 15)

    def stats():
        return both.weft.json('multicast', 'stats', 'red')[0]
    wait_until(lambda: stats()['ipv4'] == 'snooped', 30, 'IPv4 is snooped')
    member = Member(both.vm2, GROUP)
    capture = fabric.capture('h1', 'once')
    try:
        wait_until(lambda: stats()['members'] == 1, 30, 'vm2 has joined')
        with both.vm1.raw() as here, both.vm2.raw('eth0') as there:
            here.send(data(1, OTHER, b'for nobody'))
            here.send(data(1, GROUP, b'wanted'))
            there.expect(lambda f: b'wanted' in f, 10)
    finally:
        member.leave()
    path = capture.stop()
    assert sent_to(path, b'wanted') == [both.group]
    assert sent_to(path, b'for nobody') == []
