# SPDX-License-Identifier: Apache-2.0
"""Learning and its limits, moves, suppression of ARP and neighbour discovery, storm limits
(docs/learning.md). The far end is Linux's own VXLAN device; frames that nobody's stack would send are
scapy's."""
import time

import pytest
from scapy.layers.inet6 import (ICMPv6ND_NA, ICMPv6ND_NS, ICMPv6NDOptDstLLAddr, ICMPv6NDOptSrcLLAddr,
                                IPv6, in6_getnsma, in6_getnsmac)
from scapy.layers.l2 import ARP, Dot1Q, Ether
from scapy.utils6 import inet_pton, socket

from lab import traffic, tshark
from lab.linuxvx import LinuxVxlanHost
from lab.wait import wait_until

MAC1, MAC2, MAC3, MAC9 = (f'02:00:00:00:00:{n:02x}' for n in (1, 2, 3, 9))
BROADCAST = 'ff:ff:ff:ff:ff:ff'


def rarp(mac, vlan=None):
    """What a hypervisor sends in the name of a machine that has just arrived (RFC 903)."""
    frame = Ether(src=mac, dst=BROADCAST, type=0x8035)
    if vlan is not None:
        frame = Ether(src=mac, dst=BROADCAST) / Dot1Q(vlan=vlan, type=0x8035)
    return frame / ARP(op=3, hwsrc=mac, psrc='0.0.0.0', hwdst=mac, pdst='0.0.0.0')


def garp(mac, ip):
    return Ether(src=mac, dst=BROADCAST) / ARP(op=1, hwsrc=mac, psrc=ip, pdst=ip)


def who_has(mac, ip, target):
    return Ether(src=mac, dst=BROADCAST) / ARP(op=1, hwsrc=mac, psrc=ip, pdst=target)


def place(host, mac):
    """Where the FDB has the address: a VTEP, a port's name, or None."""
    for entry in host.json('fdb', 'show', 'red'):
        if entry['mac'] == mac:
            return entry['vtep'] or entry['port']
    return None


def stats(host):
    return host.json('fdb', 'stats', 'red')[0]


class Pair:
    """A Weft host with two VMs, and a Linux host in the same VXLAN with a third."""

    def __init__(self, lab, fabric, hosts, **tenant):
        self.linux = LinuxVxlanHost(lab, fabric, 2, 5001, ['172.16.0.1'])
        self.weft = hosts(1)
        self.red = self.weft.tenant('red', vni=5001, vteps=[self.linux.vtep], **tenant)
        self.vm1 = self.weft.vm('red', 'vm1', 1, '10.0.0.1/24', MAC1)
        self.vm2 = self.weft.vm('red', 'vm2', 2, '10.0.0.2/24', MAC2)
        self.far = self.linux.vm('vm3', '10.0.0.3/24', MAC3)
        self.weft.up()


def test_gratuitous_arp_and_rarp_move_an_address_at_once(lab, fabric, hosts):
    pair = Pair(lab, fabric, hosts)
    traffic.wait_ping(pair.vm1.ns, '10.0.0.3')
    with pair.vm1.raw() as here, pair.far.raw('eth0') as there:
        for port, frame, expected in ((here, rarp(MAC9), 'vm1'), (there, rarp(MAC9), pair.linux.vtep),
                                      (here, garp(MAC9, '10.0.0.9'), 'vm1'),
                                      (there, garp(MAC9, '10.0.0.9'), pair.linux.vtep)):
            port.send(frame)
            wait_until(lambda: place(pair.weft, MAC9) == expected, 5, f'{MAC9} at {expected}')
    assert stats(pair.weft)['moves'] == 3
    # And what is sent to it follows, at once: no copy for anyone else.
    with pair.vm1.raw() as here, pair.vm2.raw() as other, pair.far.raw('eth0') as there:
        other.drain()
        here.send(traffic.udp_frame(MAC1, MAC9, '10.0.0.1', '10.0.0.9') / b'follows')
        there.expect(lambda f: b'follows' in f)
        assert not other.collect(0.3, lambda f: b'follows' in f)
    # An address that is not heard again is forgotten, and what is sent to it floods; one that is heard stays.
    pair.weft.config['host']['fdb_age'] = 1
    assert 'fdb age 1 s' in pair.weft.apply()
    pinger = traffic.Pinger(lab, pair.vm1.ns, '10.0.0.3', interval=0.2)
    wait_until(lambda: place(pair.weft, MAC9) is None, 10, 'it is forgotten')
    with pair.vm1.raw() as here, pair.vm2.raw() as other:
        here.send(traffic.udp_frame(MAC1, MAC9, '10.0.0.1', '10.0.0.9') / b'floods')
        other.expect(lambda f: b'floods' in f)
    wait_until(lambda: place(pair.weft, MAC1) == 'vm1' and place(pair.weft, MAC3) == pair.linux.vtep, 10, 'they talk')
    pinger.stop()


def test_a_flapping_address_is_held_and_let_go(lab, fabric, hosts):
    pair = Pair(lab, fabric, hosts, moves={'most': 3, 'within': 60, 'hold': 2})
    with pair.vm1.raw() as one, pair.vm2.raw() as two:
        for turn in range(10):
            (one, two)[turn % 2].send(garp(MAC9, '10.0.0.9'))
            time.sleep(0.05)
        entry = next(e for e in pair.weft.json('fdb', 'show', 'red') if e['mac'] == MAC9)
        assert entry['kind'] == 'held' and entry['moves'] == 4 and entry['port'] == 'vm2', entry
        seen = stats(pair.weft)
        assert seen['held'] == 1 and seen['held_now'] == 1 and seen['conflicts'] == 2, seen
        # Held: what is sent to it goes there alone, and its packets from elsewhere pass.
        two.drain()
        one.send(traffic.udp_frame(MAC1, MAC9, '10.0.0.1', '10.0.0.9') / b'held')
        two.expect(lambda f: b'held' in f)
        wait_until(lambda: stats(pair.weft)['held_now'] == 0, 10, 'it is let go')
        one.send(garp(MAC9, '10.0.0.9'))
        wait_until(lambda: place(pair.weft, MAC9) == 'vm1', 5, 'it moves again')


def test_a_static_entry_is_not_moved(lab, fabric, hosts):
    pair = Pair(lab, fabric, hosts, fdb=[{'mac': MAC9, 'port': 'vm2'}])
    with pair.vm1.raw() as one:
        for _ in range(5):
            one.send(garp(MAC9, '10.0.0.9'))
    wait_until(lambda: stats(pair.weft)['conflicts'] == 5, 5, 'conflicts are counted')
    assert place(pair.weft, MAC9) == 'vm2' and stats(pair.weft)['moves'] == 0


def test_addresses_of_a_port_are_limited_and_the_limit_changes_live(lab, fabric, hosts):
    pair = Pair(lab, fabric, hosts)
    pair.red['ports'][0]['macs'] = 3
    assert 'port red/vm1: macs 3' in pair.weft.apply()
    with pair.vm1.raw() as one:
        def speak(first, count):
            for n in range(first, first + count):
                one.send(rarp(f'02:00:00:00:01:{n:02x}'))
        speak(1, 10)
        wait_until(lambda: stats(pair.weft)['over_port'] == 7, 5, 'seven are refused')
        at_vm1 = [e for e in pair.weft.json('fdb', 'show', 'red') if e['port'] == 'vm1']
        assert len(at_vm1) == 3
        pair.red['ports'][0]['macs'] = 8
        pair.weft.apply()
        speak(1, 10)
        wait_until(lambda: len([e for e in pair.weft.json('fdb', 'show', 'red')
                                if e['port'] == 'vm1']) == 8, 5, 'eight are known')


def test_addresses_of_a_tenant_are_limited(lab, fabric, hosts):
    pair = Pair(lab, fabric, hosts, quotas={'macs': 5})
    with pair.vm1.raw() as one, pair.far.raw('eth0') as there:
        there.drain()
        for n in range(20):
            one.send(rarp(f'02:00:00:00:01:{n:02x}'))
        wait_until(lambda: stats(pair.weft)['over_tenant'] >= 15, 5, 'the quota is met')
        # Nobody is cut off by that.
        assert len(there.collect(1, lambda f: f[12:14] == b'\x80\x35')) == 20
    assert stats(pair.weft)['entries'] == 5


# ---- suppression

def questions_on_the_wire(path):
    return len(tshark.read(path, 'vxlan && arp.opcode == 1', ('frame.number',)))


def test_arp_is_answered_from_what_is_known(lab, fabric, hosts):
    pair = Pair(lab, fabric, hosts, suppress=True)
    with pair.vm1.raw() as one:
        one.send(who_has(MAC1, '10.0.0.1', '10.0.0.3'))
        reply = Ether(one.expect(lambda f: f[12:14] == b'\x08\x06' and f[21] == 2))
        assert reply[ARP].hwsrc == MAC3
        wait_until(lambda: any(n['ip'] == '10.0.0.3' for n in pair.weft.json('neighbour', 'show', 'red')),
                   5, 'the reply has told a binding')
        capture = fabric.capture('h1', 'arp')
        for _ in range(5):
            one.drain()
            one.send(who_has(MAC1, '10.0.0.1', '10.0.0.3'))
            reply = Ether(one.expect(lambda f: f[12:14] == b'\x08\x06' and f[21] == 2))
            assert (reply.src, reply.dst) == (MAC3, MAC1)
            assert (reply[ARP].hwsrc, reply[ARP].psrc) == (MAC3, '10.0.0.3')
            assert (reply[ARP].hwdst, reply[ARP].pdst) == (MAC1, '10.0.0.1')
        one.send(who_has(MAC1, '10.0.0.1', '10.0.0.77'))  # nobody: the question must go out
        time.sleep(0.3)
    assert questions_on_the_wire(capture.stop()) == 1
    answered = sum(t['consumed'].get('answered', 0) for t in pair.weft.json('drops')['tenants'])
    assert answered == 5
    # The real stack takes such an answer, and the answer is right.
    pair.vm1.ns.ip('neigh', 'flush', 'all')
    assert traffic.ping(pair.vm1.ns, '10.0.0.3', count=3) == 3


def test_arp_by_the_configuration_and_live_changes(lab, fabric, hosts):
    pair = Pair(lab, fabric, hosts, suppress=True, neighbours=[{'ip': '10.0.0.50', 'mac': MAC9}])

    def asked(target):
        """The answer to that, told apart from none by that to a later question."""
        with pair.vm1.raw() as one:
            one.send(who_has(MAC1, '10.0.0.1', target))
            one.send(who_has(MAC1, '10.0.0.1', '10.0.0.2'))
            answers = []
            while not answers or answers[-1].psrc != '10.0.0.2':
                answers.append(Ether(one.expect(
                    lambda f: f[12:14] == b'\x08\x06' and f[21] == 2 and Ether(f).dst == MAC1))[ARP])
        return [a.hwsrc for a in answers if a.psrc == target]
    assert asked('10.0.0.50') == [MAC9]
    # What is configured is not overruled by what somebody says.
    with pair.vm2.raw() as two:
        two.send(garp(MAC2, '10.0.0.50'))
    assert asked('10.0.0.50') == [MAC9]
    pair.red['neighbours'] = [{'ip': '10.0.0.51', 'mac': MAC9}]
    said = pair.weft.apply()
    assert '- neighbour red 10.0.0.50' in said and f'+ neighbour red 10.0.0.51 at {MAC9}' in said
    assert asked('10.0.0.51') == [MAC9] and asked('10.0.0.50') == []
    pair.red['suppress'] = False
    pair.weft.apply()
    assert asked('10.0.0.51') == []


def test_a_binding_goes_with_its_mac_address(lab, fabric, hosts):
    pair = Pair(lab, fabric, hosts, suppress=True)
    with pair.far.raw('eth0') as there:
        there.send(garp(MAC9, '10.0.0.9'))

    def known():
        return [n['ip'] for n in pair.weft.json('neighbour', 'show', 'red')]
    wait_until(lambda: '10.0.0.9' in known(), 5, 'a binding from the overlay')
    pair.weft.weft('fdb', 'del', 'red', MAC9)
    wait_until(lambda: '10.0.0.9' not in known(), 5, 'it is gone')


def solicit(mac, source, target, dst=None):
    """RFC 4861, 4.3; without a source: duplicate address detection."""
    group = in6_getnsma(inet_pton(socket.AF_INET6, target))
    frame = Ether(src=mac, dst=dst or in6_getnsmac(group)) / \
        IPv6(src=source or '::', dst=socket.inet_ntop(socket.AF_INET6, group), hlim=255) / \
        ICMPv6ND_NS(tgt=target)
    return frame / ICMPv6NDOptSrcLLAddr(lladdr=mac) if source else frame


def test_neighbour_discovery_is_answered(lab, fabric, hosts):
    pair = Pair(lab, fabric, hosts, suppress=True)
    advert = Ether(src=MAC3, dst='33:33:00:00:00:01') / \
        IPv6(src='2001:db8::3', dst='ff02::1', hlim=255) / \
        ICMPv6ND_NA(tgt='2001:db8::3', R=1, S=0, O=1) / ICMPv6NDOptDstLLAddr(lladdr=MAC3)
    with pair.far.raw('eth0') as there, pair.vm1.raw() as one:
        there.send(advert)
        wait_until(lambda: any(n['ip'] == '2001:db8::3' and n['router']
                               for n in pair.weft.json('neighbour', 'show', 'red')), 5, 'a router')
        time.sleep(0.2)  # the advertisement itself reaches vm1
        there.drain()
        one.drain()
        one.send(solicit(MAC1, '2001:db8::1', '2001:db8::3'))
        na = Ether(one.expect(lambda f: f[12:14] == b'\x86\xdd' and f[54] == 136))
        assert (na.src, na.dst, na[IPv6].src, na[IPv6].dst) == (MAC3, MAC1, '2001:db8::3', '2001:db8::1')
        assert (na[ICMPv6ND_NA].R, na[ICMPv6ND_NA].S, na[ICMPv6ND_NA].O) == (1, 1, 1)
        assert na[ICMPv6ND_NA].tgt == '2001:db8::3' and na[IPv6].hlim == 255
        assert na[ICMPv6NDOptDstLLAddr].lladdr == MAC3
        checksum = na[ICMPv6ND_NA].cksum
        del na[ICMPv6ND_NA].cksum
        assert Ether(bytes(na))[ICMPv6ND_NA].cksum == checksum
        one.send(solicit(MAC1, None, '2001:db8::3'))  # may I have this address?
        na = Ether(one.expect(lambda f: f[12:14] == b'\x86\xdd' and f[54] == 136))
        assert (na.dst, na[IPv6].dst, na[ICMPv6ND_NA].S) == ('33:33:00:00:00:01', 'ff02::1', 0)
        one.send(solicit(MAC1, '2001:db8::1', '2001:db8::77'))
        there.expect(lambda f: f[12:14] == b'\x86\xdd' and f[54] == 135 and f[77] == 0x77)
        assert not there.collect(0.3, lambda f: f[12:14] == b'\x86\xdd' and f[54] == 135)


# ---- storms

@pytest.mark.parametrize('kind, dst', [('broadcast', BROADCAST), ('multicast', '01:00:5e:01:02:03'),
                                       ('unknown', '02:00:00:00:07:77')])
def test_storms_are_limited_and_only_they(lab, fabric, hosts, kind, dst):
    pair = Pair(lab, fabric, hosts)
    traffic.wait_ping(pair.vm1.ns, '10.0.0.3')
    pair.red['ports'][0]['storm'] = {kind: 50}
    pair.red['ports'][1]['storm'] = {kind: 1000}
    assert f'{kind} 50/s' in pair.weft.apply()
    with pair.vm1.raw() as one, pair.vm2.raw() as two, pair.far.raw('eth0') as there:
        there.drain()
        frame = bytes(traffic.udp_frame(MAC1, dst, '10.0.0.1', '10.0.0.9') / b'stormy')
        others = bytes(traffic.udp_frame(MAC2, dst, '10.0.0.2', '10.0.0.9') / b'port 2')
        calm = bytes(traffic.udp_frame(MAC1, MAC3, '10.0.0.1', '10.0.0.3') / b'calm')
        began = time.monotonic()
        for n in range(600):
            one.send(frame)
            one.send(calm)
            if n % 3 == 0:
                two.send(others)
            time.sleep(0.002)
        took = time.monotonic() - began
        frames = there.collect(1, lambda f: b'stormy' in f or b'calm' in f or b'port 2' in f)
    assert sum(b'port 2' in f for f in frames) == 200  # each port has its own limit, which they do not meet
    frames = [f for f in frames if b'port 2' not in f]
    stormy = sum(b'stormy' in f for f in frames)
    assert 50 <= stormy <= 50 + 50 * (took + 0.5), (stormy, took)
    assert len(frames) - stormy == 600
    assert pair.weft.drops('red')[f'storm-{kind}'] == 600 - stormy
    del pair.red['ports'][0]['storm']
    pair.weft.apply()
    with pair.vm1.raw() as one, pair.far.raw('eth0') as there:
        for _ in range(200):
            one.send(frame)
            time.sleep(0.001)
        assert len(there.collect(1, lambda f: b'stormy' in f)) == 200
