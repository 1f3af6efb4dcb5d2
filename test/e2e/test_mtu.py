# SPDX-License-Identifier: Apache-2.0
"""MTU: what follows from path and encapsulation, who is told of packets that are too big, and fragments."""
import hashlib

import pytest
from scapy.layers.inet import ICMP, IP, UDP
from scapy.layers.inet6 import ICMPv6PacketTooBig, IPv6
from scapy.layers.l2 import Dot1Q, Ether

from lab import traffic, tshark
from lab.linuxvx import LinuxVxlanHost
from lab.middlebox import Middlebox
from lab.wait import wait_until
from test_offload import transfer

MAC1, MAC2 = '02:00:00:00:00:01', '02:00:00:00:00:02'
VNI, VSID = 5001, 0xabcde
VM1, VM2 = 'fd10:aa::1', 'fd10:aa::2'
# Outer bytes before the inner IP header, from the outer one on.
HEADERS = {('vxlan', 4): 50, ('vxlan', 6): 70, ('nvgre', 4): 42, ('nvgre', 6): 62}


class Pair:
    """Two Weft hosts with a VM each, whose MTU is more than the fabric's 1600 leaves inside."""

    def __init__(self, hosts, encap='vxlan', family=4, vm_mtu=1600, settings=None, **tenant):
        self.a, self.b = hosts(1), hosts(2)
        self.vms = []
        vteps = [h.add_ipv6(alone=True) if family == 6 else h.vtep for h in (self.a, self.b)]
        for n, host in enumerate((self.a, self.b)):
            host.config['host'].update(settings or {})
            network = {'vni': VNI} if encap == 'vxlan' else {'vsid': VSID}
            host.tenant('red', vteps=[vteps[1 - n]], **network, **tenant)
            vm = host.vm('red', f'vm{n + 1}', 1, f'10.0.0.{n + 1}/24', (MAC1, MAC2)[n], mtu=vm_mtu)
            vm.ns.enable_ipv6('eth0')
            vm.ns.ip('addr', 'add', f'{(VM1, VM2)[n]}/64', 'dev', 'eth0')
            self.vms.append(vm)
            host.up()
        self.inner = 1600 - HEADERS[encap, family]
        traffic.wait_ping(self.vms[0].ns, '10.0.0.2')
        traffic.wait_ping(self.vms[0].ns, VM2)

    def largest(self, to, size, **options):
        """Of pings with DF whose packet has `size` bytes: how many of 3 are answered."""
        head = 48 if ':' in to else 28
        return traffic.ping(self.vms[0].ns, to, count=3, size=size - head, **{'options': ['-M', 'do'], **options})

    def times_told(self):
        return self.a.json('drops')['tenants'][-1]['consumed'].get('too-big-told', 0)


def no_black_hole(lab, pair):
    """TCP is the first to find out, by the edge's word alone: the VMs agree on segments that no tunnel bears."""
    data = hashlib.shake_256(b'mtu').digest(400_000)
    for vm in pair.vms:
        vm.ns.run('sysctl', '-qw', 'net.ipv4.tcp_mtu_probing=0')
    for to in ('10.0.0.2', VM2):
        before = pair.times_told()
        assert transfer(lab, pair.vms[0].ns, pair.vms[1].ns, to, data) == data
        assert pair.times_told() > before
        route = pair.vms[0].ns.ip('route', 'get', to)
        assert f'mtu {pair.inner}' in route, route


@pytest.mark.parametrize('encap, family', HEADERS)
def test_path_mtu_discovery_through_the_overlay(lab, hosts, encap, family):
    """The VM's kernel is told the very number, believes it, and TCP and big pings go through."""
    pair = Pair(hosts, encap, family)
    no_black_hole(lab, pair)
    for to in ('10.0.0.2', VM2):
        assert pair.largest(to, pair.inner) == 3
        pair.largest(to, pair.inner + 1)
        route = pair.vms[0].ns.ip('route', 'get', to)
        assert f'mtu {pair.inner}' in route, route
        assert pair.largest(to, pair.inner) == 3
    assert pair.times_told() >= 2
    shown = {row['vtep']: row for row in pair.a.json('mtu') if 'vtep' in row}
    row, = shown.values()
    assert (row['path'], row['headers'], row['mtu'], row['by']) == \
        (1600, HEADERS[encap, family], pair.inner, 'the interface')
    total = [row for row in pair.a.json('mtu') if 'vtep' not in row][0]
    assert total['mtu'] == pair.inner and total['by'] == 'the smallest path' and 'vm1 (1600)' in total['above']


@pytest.fixture
def rig(hosts):
    return Pair(hosts)


def udp(version, size, tags=0, **ip):
    """A frame whose IP packet has `size` bytes."""
    head = IP(**{'src': '10.0.0.1', 'dst': '10.0.0.2', 'flags': 'DF', **ip}) if version == 4 else \
        IPv6(**{'src': VM1, 'dst': VM2, **ip})
    frame = Ether(src=MAC1, dst=MAC2)
    for _ in range(tags):
        frame /= Dot1Q(vlan=7)
    frame = frame / head / UDP(sport=1000, dport=7)
    return frame / bytes(size - len(frame) + 14 + 4 * tags)


def told(rig, frame, seconds=0.4):
    """The messages "too big" that VM 1 gets for a frame."""
    with rig.vms[0].raw() as port:
        port.send(frame)
        got = [Ether(f) for f in port.collect(seconds)]
    return [f for f in got if (ICMP in f and (f[ICMP].type, f[ICMP].code) == (3, 4)) or ICMPv6PacketTooBig in f]


def test_what_the_message_says(rig):
    """RFC 1191, RFC 4443: sourced from whom the packet was for, quoting it, with the MTU; nothing else."""
    message, = told(rig, udp(4, 1560, tos=0x28))
    assert (message.src, message.dst) == (MAC2, MAC1)
    assert (message[IP].src, message[IP].dst, message[IP].len) == ('10.0.0.2', '10.0.0.1', 576)
    assert (message[ICMP].code, message[ICMP].nexthopmtu) == (4, 1550)
    assert bytes(message[ICMP].payload)[:28] == bytes(udp(4, 1560, tos=0x28)[IP])[:28]
    message, = told(rig, udp(6, 1551))
    assert (message[IPv6].src, message[IPv6].dst) == (VM2, VM1) and message[ICMPv6PacketTooBig].mtu == 1550
    assert len(message[IPv6]) == 1280
    for frame in (udp(4, 1550), udp(6, 1550)):
        assert not told(rig, frame)


def test_nobody_is_told_of_what_may_not_be_answered(rig):
    before = rig.a.drops('red').get('too-big', 0)
    error = Ether(src=MAC1, dst=MAC2) / IP(src='10.0.0.1', dst='10.0.0.2', flags='DF') / ICMP(type=3) / bytes(1532)
    frames = [error, udp(4, 1560, frag=4), udp(4, 1560, src='224.0.0.1'), udp(4, 1560, dst='255.255.255.255'),
              udp(6, 1560, dst='ff02::1'), udp(6, 1560, src='::')]
    multicast = udp(4, 1560)
    multicast[Ether].dst = 'ff:ff:ff:ff:ff:ff'
    for frame in (*frames, multicast, Ether(src=MAC1, dst=MAC2, type=0x88b5) / bytes(1590)):
        assert not told(rig, frame, 0.2), frame.summary()
    assert rig.a.drops('red')['too-big'] - before == len(frames) + 2


def test_telling_is_limited(rig):
    """A VM that sends nothing but giants gets some answers, not one each; the rest is counted."""
    giant = bytes(udp(4, 1560))
    with rig.vms[0].raw() as port:
        for _ in range(4000):
            port.send(giant)
        got = port.collect(0.5, lambda f: ICMP in Ether(f))
    said = rig.a.json('drops')['tenants'][-1]
    assert 100 <= len(got) < 3990 and said['drops']['too-big'] > 0
    vm1, = [p for p in rig.a.json('port') if p['name'] == 'vm1']  # 4,000 at once may be more than its ring holds
    assert said['consumed']['too-big-told'] + said['drops']['too-big'] + vm1['rx_dropped'] >= 4000


def test_ipv4_that_allows_it_is_fragmented_inside(rig, fabric):
    """RFC 791: no DF, no ICMP; fragments that fit, and the far VM's kernel puts them together."""
    capture = fabric.capture('h1', 'inner-fragments')
    vm = rig.vms[0].ns
    vm.run('sysctl', '-qw', 'net.ipv4.ip_no_pmtu_disc=1')
    assert traffic.ping(vm, '10.0.0.2', count=5, size=1570, options=['-M', 'dont']) == 5
    assert traffic.ping(vm, '10.0.0.2', count=5, size=4000, options=['-M', 'dont']) == 5
    rows = tshark.read(capture.stop(), 'vxlan && ip.proto == 1', ('ip.flags.mf', 'ip.frag_offset', 'ip.len'))
    assert any(row[0].split(',')[1] in ('1', 'True') for row in rows)
    assert all(row[0].split(',')[0] in ('0', 'False') and int(row[2].split(',')[0]) <= 1600 for row in rows)


def test_drop_means_silence(rig):
    rig.a.tenant_config('red')['too_big'] = 'drop'
    assert 'too_big icmp -> drop' in rig.a.apply()
    assert not told(rig, udp(4, 1560)) and not told(rig, udp(6, 1560)) and not told(rig, udp(4, 1560, flags=0))
    assert rig.a.drops('red')['too-big'] == 3


def test_the_tenants_own_mtu(rig):
    """A limit of the tenant's holds everywhere, tags aside, and changes live."""
    rig.a.tenant_config('red').update(mtu=1400, inner_vlan=True)
    assert 'mtu 0 -> 1400' in rig.a.apply()
    message, = told(rig, udp(4, 1401))
    assert message[ICMP].nexthopmtu == 1400 and not told(rig, udp(4, 1400))
    message, = told(rig, udp(6, 1401, tags=1))
    assert message[ICMPv6PacketTooBig].mtu == 1400  # the kernel took its tag off
    total = [row for row in rig.a.json('mtu') if 'vtep' not in row][0]
    assert total['mtu'] == 1400 and total['by'] == 'the configuration'


def test_from_the_overlay_to_a_port_that_is_too_small(lab, fabric, hosts):
    """Linux sends what fits the path; the VM's port does not take it: the answer goes back by the tunnel."""
    linux = LinuxVxlanHost(lab, fabric, 2, VNI, ['172.16.0.1'], mtu=1550)
    weft = hosts(1)
    weft.tenant('red', vni=VNI, vteps=[linux.vtep])
    vm1 = weft.vm('red', 'vm1', 1, '10.0.0.1/24', MAC1, mtu=1400)
    vm2 = linux.vm('vm2', '10.0.0.2/24', MAC2, mtu=1550)
    linux.ns.ip('link', 'set', 'p-vm2', 'mtu', 1550)
    weft.up()
    traffic.wait_ping(vm1.ns, '10.0.0.2')
    traffic.ping(vm2, '10.0.0.1', count=2, size=1500 - 28, options=['-M', 'do'])
    assert 'mtu 1400' in vm2.ip('route', 'get', '10.0.0.1')
    assert traffic.ping(vm2, '10.0.0.1', count=3, size=1400 - 28, options=['-M', 'do']) == 3


def test_a_tap_has_the_mtu_that_follows(hosts):
    """Without an `mtu` of its own a TAP gets what the tenant's paths leave inside, and the machine sees it."""
    host = hosts(1)
    host.config['uplinks'][0]['mtu'] = 1500
    host.add_ipv6()
    wanted = {'red': ({'vni': VNI, 'vteps': ['172.16.0.2']}, 1450),
              'blue': ({'vni': VNI + 1, 'vteps': ['172.16.0.2', 'fd10:16::2']}, 1430),
              'green': ({'vsid': VSID, 'vteps': ['172.16.0.2']}, 1458), 'local': ({}, 1500),
              'small': ({'vsid': VSID + 1, 'vteps': ['172.16.0.2'], 'mtu': 1300}, 1300)}
    for name, (network, _) in wanted.items():
        host.tenant(name, **network)
        host.tenant_config(name)['ports'] = [{'name': 'vm', 'number': 1, 'kind': 'tap', 'device': f't-{name}'}]
    host.up()
    for name, (_, mtu) in wanted.items():
        assert f'mtu {mtu} ' in host.ns.ip('link', 'show', f't-{name}')
    shown = {p['tenant']: p['mtu'] for p in host.json('port') if p['tenant']}
    assert shown == {name: mtu for name, (_, mtu) in wanted.items()}
    assert host.apply().startswith('nothing') or 'port' not in host.apply()


# ---- outer fragments

@pytest.mark.parametrize('encap, family', HEADERS)
def test_outer_fragments_between_weft_hosts(fabric, hosts, encap, family):
    """too_big: fragment, and the far end reassembles: the VM's 2,000 bytes pass a path of 1,600."""
    pair = Pair(hosts, encap, family, vm_mtu=1900, settings={'reassemble': 64}, too_big='fragment')
    capture = fabric.capture('h1', 'outer')
    for to in ('10.0.0.2', VM2):
        for size in (1900, pair.inner + 1, 1580):
            assert pair.largest(to, size) == 3
    assert pair.b.json('drops')['tenants'][0]['consumed']['reassembled'] >= 36
    shown = 'ip.flags.mf == 1' if family == 4 else 'ipv6.fraghdr.more == 1'
    pcap = capture.stop()
    assert tshark.count(pcap, shown) >= 18
    field = 'ip.id' if family == 4 else 'ipv6.fraghdr.ident'
    of_first = [row[0] for row in tshark.read(pcap, shown, (field,), ['-o', 'ip.defragment:FALSE', '-o',
                                                                     'ipv6.defragment:FALSE'])]
    assert len(set(of_first)) == len(of_first)


@pytest.mark.parametrize('family', [4, 6])
def test_outer_fragments_with_linux(lab, fabric, hosts, family):
    """Linux puts ours together; and its own, when told to make them, we do."""
    linux = LinuxVxlanHost(lab, fabric, 2, VNI, [], mtu=1900, ipv6=family == 6, zero_csum6=True,
                           options=['df', 'unset'])
    weft = hosts(1)
    vtep = weft.add_ipv6(alone=True) if family == 6 else weft.vtep
    linux.fdb('00:00:00:00:00:00', vtep)
    weft.config['host']['reassemble'] = 16
    weft.tenant('red', vni=VNI, vteps=[linux.vtep], too_big='fragment')
    vm1 = weft.vm('red', 'vm1', 1, '10.0.0.1/24', MAC1, mtu=1900)
    vm2 = linux.vm('vm2', '10.0.0.2/24', MAC2, mtu=1900)
    linux.ns.ip('link', 'set', 'p-vm2', 'mtu', 1900)
    weft.up()
    traffic.wait_ping(vm1.ns, '10.0.0.2')
    with vm2.raw('eth0') as inside:
        traffic.ping(vm1.ns, '10.0.0.2', count=5, size=1900 - 28, options=['-M', 'do'])
        assert len(inside.collect(0.3, lambda f: len(f) == 1914)) == 5
    if family == 6:
        return  # Linux' VXLAN device fragments over IPv4 alone
    # Linux tells a sender that forbids fragments, as we would, instead of making its own.
    for ns, to, df in ((vm1.ns, '10.0.0.2', 'do'), (vm2, '10.0.0.1', 'dont')):
        assert traffic.ping(ns, to, count=5, size=1900 - 28, options=['-M', df]) == 5
    assert weft.json('drops')['tenants'][0]['consumed']['reassembled'] >= 20


def test_fragments_that_never_become_whole(lab, fabric, hosts):
    """Bounded and ended by time: what waited is dropped by name, and the next datagram finds room."""
    pair = Pair(lambda number: hosts(number, capture=False), vm_mtu=1900, settings={'reassemble': 8},
                too_big='fragment')
    b = pair.b
    alone = Ether(src=pair.a.ns.mac('eth0'), dst=b.ns.mac('eth0')) / \
        IP(src=pair.a.vtep, dst=b.vtep, proto=17, flags='MF') / bytes(800)
    with pair.a.ns.raw('eth0') as port:
        for number in range(200):
            alone[IP].id = number
            port.send(bytes(alone))
    wait_until(lambda: b.drops().get('outer-reassembly', 0) == 200, 10, 'all 200 dropped by name')
    assert pair.largest('10.0.0.2', 1900) == 3
    with pair.a.ns.raw('eth0') as port:  # some wait when the tables go
        port.send(bytes(alone))
    b.config['host']['reassemble'] = 0
    assert 'reassemble 0' in b.apply()
    assert pair.largest('10.0.0.2', 1900) == 0
    assert b.drops()['outer-fragment'] >= 3


# ---- learning what the path carries

def narrow(mtu, box):
    """What a router of the underlay does with packets longer than `mtu`: drop, and tell (RFC 1191, RFC 8201)."""
    def change(frame, from_host):
        packet = Ether(frame)
        if not from_host or len(frame) - 14 <= mtu or not (IP in packet or IPv6 in packet):
            return [frame]
        if packet.type == 0x0800:
            answer = IP(src='172.16.0.254', dst=packet[IP].src) / ICMP(type=3, code=4, nexthopmtu=mtu) / \
                bytes(packet[IP])[:28 + 8]
        else:
            answer = IPv6(src='fd10:16::fe', dst=packet[IPv6].src) / ICMPv6PacketTooBig(mtu=mtu) / \
                bytes(packet[IPv6])[:1200]
        box[0].answer(bytes(Ether(src=packet.dst, dst=packet.src) / answer))
        return []
    return change


@pytest.mark.parametrize('encap, family', HEADERS)
def test_a_routers_word_is_heard(fabric, hosts, encap, family):
    """The underlay narrows behind the next hop: outer packets die, a router says so, and the VM is told."""
    pair = Pair(hosts, encap, family, settings={'path_mtu_age': 4})
    box, inner = [], 1450 - HEADERS[encap, family]
    with Middlebox(fabric, 'h1', narrow(1450, box)) as made:
        box.append(made)
        traffic.wait_ping(pair.vms[0].ns, '10.0.0.2')
        assert pair.largest('10.0.0.2', inner) == 3
        pair.largest('10.0.0.2', pair.inner)
        row = wait_until(lambda: [r for r in pair.a.json('mtu') if r.get('icmp')], what='the path is learned')[0]
        assert (row['icmp'], row['path'], row['mtu']) == (1450, 1450, inner)
        # The kernel hears of NVGRE's too, by the socket that keeps it quiet (dataplane/edge/kernel_guard.h).
        assert row['by'] == 'a router, by ICMP' or (encap == 'nvgre' and row['kernel'] == 1450)
        pair.largest('10.0.0.2', pair.inner)
        assert f'mtu {inner}' in pair.vms[0].ns.ip('route', 'get', '10.0.0.2')
    wait_until(lambda: not [r for r in pair.a.json('mtu') if r.get('icmp')], 10, 'it is forgotten')


@pytest.mark.parametrize('family', [4, 6])
def test_a_linux_router_narrows_the_path(lab, fabric, hosts, family):
    """No word by hand: the way to Linux' VXLAN device leads through a router whose way onwards carries 1,400 bytes. TCP
    that knows of 1,500 finds no black hole, and the path is known by the router's word."""
    linux = LinuxVxlanHost(lab, fabric, 2, VNI, [], ipv6=family == 6, zero_csum6=True, mtu=1500)
    router, weft = lab.namespace('router'), hosts(1)
    gateway, bits = fabric.attach(router, 253), 128 if family == 6 else 32
    if family == 6:
        weft.add_ipv6(alone=True)
        gateway = fabric.attach6(router, 253)
        router.run('sysctl', '-qw', 'net.ipv6.conf.all.forwarding=1', 'net.ipv6.conf.eth0.forwarding=1')
        weft.ns.run('sysctl', '-qw', 'net.ipv6.conf.eth0.accept_redirects=0')
    else:
        router.run('sysctl', '-qw', 'net.ipv4.ip_forward=1', 'net.ipv4.conf.all.send_redirects=0',
                   'net.ipv4.conf.eth0.send_redirects=0')
    linux.fdb('00:00:00:00:00:00', weft.config['host']['vtep'])
    router.ip('route', 'add', f'{linux.vtep}/{bits}', 'dev', 'eth0', 'mtu', 'lock', 1400)
    weft.ns.ip('route', 'add', f'{linux.vtep}/{bits}', 'via', gateway, 'dev', 'eth0')
    weft.tenant('red', vni=VNI, vteps=[linux.vtep])
    vm1 = weft.vm('red', 'vm1', 1, '10.0.0.1/24', MAC1, mtu=1500)
    vm2 = linux.vm('vm2', '10.0.0.2/24', MAC2, mtu=1500)
    linux.ns.ip('link', 'set', 'p-vm2', 'mtu', 1500)
    weft.up()
    traffic.wait_ping(vm1.ns, '10.0.0.2')
    vm1.ns.run('sysctl', '-qw', 'net.ipv4.tcp_mtu_probing=0')
    data = hashlib.shake_256(b'router').digest(400_000)
    assert transfer(lab, vm1.ns, vm2, '10.0.0.2', data) == data
    inner = 1400 - HEADERS['vxlan', family]
    row, = [row for row in weft.json('mtu') if row.get('vtep')]
    assert (row['path'], row['mtu'], row['icmp']) == (1400, inner, 1400), row
    assert f'mtu {inner}' in vm1.ns.ip('route', 'get', '10.0.0.2')
    assert traffic.ping(vm1.ns, '10.0.0.2', count=3, size=inner - 28, options=['-M', 'do']) == 3


def test_forged_words_are_not_believed(fabric, hosts):
    """Not for our packets, not for our VTEPs, not right, not smaller: nothing changes."""
    pair = Pair(hosts)
    a, b = pair.a, pair.b
    ours = IP(src=a.vtep, dst=b.vtep, len=1600) / UDP(sport=50000, dport=4789)
    outer = Ether(src='02:00:00:00:00:99', dst=a.ns.mac('eth0')) / IP(src='172.16.0.254', dst=a.vtep)
    too_big = ICMP(type=3, code=4, nexthopmtu=1000)
    wrong_sum = outer / ICMP(type=3, code=4, nexthopmtu=1000, chksum=1) / ours
    forged = [outer / too_big / IP(src=a.vtep, dst='172.16.0.77', len=1600) / UDP(sport=50000, dport=4789),
              outer / too_big / IP(src=a.vtep, dst=b.vtep, len=1600) / UDP(sport=50000, dport=53),
              outer / too_big / IP(src=a.vtep, dst=b.vtep, len=1600) / UDP(sport=1000, dport=4789),
              outer / too_big / IP(src=b.vtep, dst=b.vtep, len=1600) / UDP(sport=50000, dport=4789),
              outer / ICMP(type=3, code=4, nexthopmtu=1700) / ours, outer / ICMP(type=3, code=3) / ours, wrong_sum]
    with fabric.ns.raw(fabric.cables['h1']) as port:
        for frame in forged:
            port.send(bytes(frame))
        assert pair.largest('10.0.0.2', pair.inner) == 3
        assert not [r for r in a.json('mtu') if r.get('icmp')]
        port.send(bytes(outer / too_big / ours))
        wait_until(lambda: [r for r in a.json('mtu') if r.get('icmp') == 1000], what='the true word is heard')


def test_routes_and_the_kernels_own_discovery(hosts):
    """A route's MTU at once; what the kernel's own traffic found out, within a second or two."""
    pair = Pair(hosts)
    pair.a.ns.ip('route', 'add', f'{pair.b.vtep}/32', 'dev', 'eth0', 'mtu', 1500)
    wait_until(lambda: [r for r in pair.a.json('mtu') if r.get('route') == 1500 and r['by'] == 'the route'],
               what='the route is followed')
    traffic.ping(pair.vms[0].ns, '10.0.0.2', count=1, size=1460, options=['-M', 'do'])
    assert 'mtu 1450' in pair.vms[0].ns.ip('route', 'get', '10.0.0.2')
    pair.a.ns.ip('route', 'del', f'{pair.b.vtep}/32')
    wait_until(lambda: [r for r in pair.a.json('mtu') if r.get('path') == 1600], what='the route is gone')
    # An interface that carries more than it did when its uplink was opened, and then as before.
    for mtu in (2000, 1600):
        pair.a.ns.ip('link', 'set', 'eth0', 'mtu', mtu)
        wait_until(lambda mtu=mtu: [r for r in pair.a.json('mtu') if r.get('path') == mtu], what="the interface's own is followed")
    assert pair.largest('10.0.0.2', 1400) == 3  # as the machine's kernel knows by now
    # The kernel's ping is told by a router that its packets are too big.
    box = []
    with Middlebox(pair.a.fabric, 'h1', narrow(1300, box)) as made:
        box.append(made)
        traffic.ping(pair.a.ns, pair.b.vtep, count=2, size=1400, options=['-M', 'do'])
        wait_until(lambda: [r for r in pair.a.json('mtu') if r.get('kernel') == 1300 and r['path'] == 1300],
                   what="the kernel's exception is followed")
