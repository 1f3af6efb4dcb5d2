# SPDX-License-Identifier: Apache-2.0
"""Big segments between a machine's kernel and Weft: cut on the way in, joined on the way out, right on the wire."""
import hashlib
import os
import re
import socket
import struct

import pytest
from scapy.layers.inet import IP, TCP
from scapy.layers.l2 import Ether
from scapy.utils import checksum, rdpcap

from lab import traffic, tshark
from lab.fabric import Capture
from lab.linuxvx import LinuxVxlanHost
from lab.wait import wait_until

MAC1, MAC2 = '02:00:00:00:00:01', '02:00:00:00:00:02'
VNI = 5001
VM1, VM2 = 'fd10:aa::1', 'fd10:aa::2'


def address6(vm, number):
    vm.ns.enable_ipv6(vm.device)
    vm.ns.ip('addr', 'add', f'{(VM1, VM2)[number - 1]}/64', 'dev', vm.device)


def pair(hosts, capture=True, workers=1, kind='tap', family=4, settings=None, **tenant):
    """A VM on each of two Weft hosts, behind a TAP or a cable (veth pair) whose both ends offload."""
    built = [hosts(n, capture=capture, workers=workers) for n in (1, 2)]
    vms = []
    for host in built:
        host.config['host'].update(settings or {})
        if family == 6:
            host.vtep = host.add_ipv6(alone=True)
    for n, host in enumerate(built):
        host.tenant('red', vni=VNI, vteps=[built[1 - n].vtep], **tenant)
        vms.append(host.vm('red', f'vm{n + 1}', 1, f'10.0.0.{n + 1}/24', (MAC1, MAC2)[n], kind=kind))
        if kind == 'af_packet':
            host.ns.offloads_on(f'p-vm{n + 1}')
            vms[n].ns.offloads_on(vms[n].device)
        host.up()
        address6(vms[n], n + 1)
    traffic.wait_ping(vms[0].ns, '10.0.0.2')
    traffic.wait_ping(vms[0].ns, VM2)
    return built, vms


def offloads(vm):
    said = vm.ns.run('ethtool', '-k', vm.device)
    return {line.split(':')[0].strip(): line.split(':')[1].split()[0] for line in said.splitlines()[1:]}


def listen(lab, sink, address):
    """A small Python program that takes what one TCP connection brings; it, and where that will be."""
    path = lab.path(f'received-{len(lab.processes)}')
    process = lab.start(f'sink-{len(lab.processes)}', ['/usr/bin/python3', '-c', f'''
import socket
s = socket.create_server(("{address}", 7777), family=socket.AF_INET6 if ":" in "{address}" else socket.AF_INET)
c, _ = s.accept()
with open("{path}", "wb") as out:
    while part := c.recv(65536):
        out.write(part)
'''], sink)
    process.expected_end = True
    wait_until(lambda: ':7777' in sink.run('ss', '-Hltn'), what='the sink listens')
    return process, path


def received(process, path):
    process.wait(20)
    with open(path, 'rb') as file:
        return file.read()


def send(lab, source, address, data):
    with open(lab.path('sent'), 'wb') as file:
        file.write(data)
    source.run('/usr/bin/python3', '-c', f'''
import socket
s = socket.create_connection(("{address}", 7777))
s.sendall(open("{lab.path("sent")}", "rb").read())
s.shutdown(socket.SHUT_WR)
s.recv(1)
''', timeout=60)


def transfer(lab, source, sink, address, data):
    """Sends bytes by TCP with a small Python program at each end; what arrived."""
    sinking = listen(lab, sink, address)
    send(lab, source, address, data)
    return received(*sinking)


def inside(lab, vm):
    """A capture of what the VM's kernel and its interface give each other."""
    return Capture(lab, vm.ns, vm.device, f'in-{vm.label}', direction=None)


@pytest.mark.parametrize('kind', ['tap', 'af_packet'])
@pytest.mark.parametrize('version', [4, 6])
def test_big_segments_through_the_overlay(lab, fabric, hosts, version, kind):
    """The sender's kernel hands over segments of tens of kilobytes and the receiver's gets such; between, each
    frame on the underlay is whole and small, and every byte arrives as it was."""
    built, vms = pair(hosts, kind=kind)
    for vm in vms:
        on = offloads(vm)
        assert on['tcp-segmentation-offload'] == 'on' and on['tx-checksumming'] == 'on', on
    data = hashlib.shake_256(b'weft').digest(3_000_000)
    wire = fabric.capture('h1', 'wire')
    sent, got = inside(lab, vms[0]), inside(lab, vms[1])
    assert transfer(lab, vms[0].ns, vms[1].ns, '10.0.0.2' if version == 4 else VM2, data) == data
    for capture, least in ((sent, 5000), (got, 2000)):
        lengths = [int(r[0]) for r in tshark.read(capture.stop(whole=False), 'tcp.dstport == 7777 && tcp.len > 0',
                                                  ('tcp.len',))]
        assert max(lengths) > least, max(lengths)
    pcap = wire.stop(whole=False)
    rows = tshark.read(pcap, 'vxlan && tcp.dstport == 7777 && tcp.len > 0', ('frame.len', 'udp.checksum.status'))
    assert len(rows) > 2000 and max(int(r[0]) for r in rows) <= 1514 + 50
    # Those that were one for the kernel have a checksum, which it makes; single ones have none.
    assert {r[1] for r in rows} <= {'1', '3'} and [r[1] for r in rows].count('1') > 100
    for vm, host, counter in zip(vms, built, ('rx_packets', 'tx_packets')):
        port, = [p for p in host.json('port') if p['name'] == vm.label]
        assert port[counter] > 2000 and port['rx_dropped'] == 0


@pytest.mark.parametrize('family, settings', [(4, {}), (4, {'udp_checksum': True, 'zero_checksum': 'refuse'}), (6, {})])
def test_trains_over_the_underlay(lab, fabric, hosts, family, settings):
    """Where cables cut and sum by themselves, tunnel packets stay together from host to host, uncut and unsummed; each
    is one in the books, and every byte arrives."""
    built, vms = pair(hosts, capture=False, family=family, settings=settings)
    fabric.offloads_on(*built)
    wire = fabric.capture('h1', 'trains')
    data = hashlib.shake_256(b'trains').digest(3_000_000)
    for source, sink, to in ((*vms, '10.0.0.2'), (*vms, VM2), (*reversed(vms), '10.0.0.1')):
        assert transfer(lab, source.ns, sink.ns, to, data) == data
    for vm in vms:  # segments that are one train each
        assert int(re.search(r' gso_max_size (\d+) ', vm.ns.ip('-d', 'link', 'show', vm.device))[1]) < 65536
    lengths = [int(r[0]) for r in tshark.read(wire.stop(whole=False), 'udp', ('frame.len',))]
    assert max(lengths) > 3000  # of an underlay whose MTU is 1600
    for host in built:
        uplink, = [p for p in host.json('port') if p['name'] == 'up0']
        assert min(uplink['tx_packets'], uplink['rx_packets']) > 2000, uplink
        assert 'outer-bad-udp' not in host.drops(), host.drops()


def test_machines_that_want_none_of_it(lab, hosts):
    """Offloads turned off in the VM: small frames with checksums, both ways; and one side only."""
    _, vms = pair(hosts)
    data = hashlib.shake_256(b'small').digest(500_000)
    for vm in vms:
        vm.ns.run('ethtool', '-K', vm.device, 'tx', 'off', 'tso', 'off', 'gso', 'off', 'gro', 'off')
        for here, there, to in ((vms[0], vms[1], '10.0.0.2'), (vms[1], vms[0], '10.0.0.1')):
            assert transfer(lab, here.ns, there.ns, to, data) == data


def test_with_linux_and_its_own_offloads(lab, fabric, hosts):
    linux = LinuxVxlanHost(lab, fabric, 2, VNI, ['172.16.0.1'])
    weft = hosts(1, capture=False)
    weft.tenant('red', vni=VNI, vteps=[linux.vtep])
    vm1 = weft.vm('red', 'vm1', 1, '10.0.0.1/24', MAC1, kind='tap')
    vm2 = linux.vm('vm2', '10.0.0.2/24', MAC2)
    weft.up()
    traffic.wait_ping(vm1.ns, '10.0.0.2')
    data = hashlib.shake_256(b'linux').digest(1_000_000)

    def there_and_back():
        assert transfer(lab, vm1.ns, vm2, '10.0.0.2', data) == data
        assert transfer(lab, vm2, vm1.ns, '10.0.0.1', data) == data

    wire = fabric.capture('h1', 'wire')
    there_and_back()
    tshark.assert_clean(wire.stop(whole=False), '!tcp || vxlan')
    fabric.offloads_on(weft, linux)  # tunnel packets stay together until Linux itself cuts them
    there_and_back()


@pytest.mark.parametrize('udp_csum', [False, True])
def test_what_linux_leaves_uncut_within_its_tunnel(lab, fabric, hosts, udp_csum):
    """Over cables that take it Linux' VXLAN device cuts nothing, and one frame stands for many tunnel packets: cut by the
    headers inside, both ways whole, and each counted."""
    linux = LinuxVxlanHost(lab, fabric, 2, VNI, ['172.16.0.1'], udp_csum=udp_csum)
    weft = hosts(1, capture=False)
    weft.tenant('red', vni=VNI, vteps=[linux.vtep])
    vm1 = weft.vm('red', 'vm1', 1, '10.0.0.1/24', MAC1, kind='tap')
    vm2 = linux.vm('vm2', '10.0.0.2/24', MAC2)
    weft.up()
    fabric.offloads_on(weft, linux)
    linux.offloads_on('vm2')
    vm2.offloads_on('eth0')
    traffic.wait_ping(vm1.ns, '10.0.0.2')
    data = hashlib.shake_256(b'uncut').digest(1_000_000)
    wire = fabric.capture('linux2', 'uncut')
    assert transfer(lab, vm1.ns, vm2, '10.0.0.2', data) == data
    assert transfer(lab, vm2, vm1.ns, '10.0.0.1', data) == data
    from_linux = tshark.read(wire.stop(whole=False), 'vxlan && ip.src == 172.16.0.2', ('frame.len',))
    assert max(int(row[0]) for row in from_linux) > 3000
    up, = [p for p in weft.json('port') if p['name'] == 'up0']
    assert up['rx_packets'] > 600 and up['rx_dropped'] == 0, up
    assert not {reason for reason in weft.drops() if reason.startswith('outer-')}, weft.drops()


def test_tagged_big_segment(lab, hosts):
    """A VM hands over a segment with a VLAN tag as for its card to cut; on one host, from a cable to a cable and a
    TAP. What comes out is whole and tagged."""
    host = hosts(1)
    host.tenant('red', vni=VNI, vteps=['172.16.0.9'])
    vms = [host.vm('red', f'vm{n}', n, f'10.0.0.{n}/24', mac, kind=kind)
           for n, mac, kind in ((1, MAC1, 'af_packet'), (2, MAC2, 'af_packet'), (3, '02:00:00:00:00:03', 'tap'))]
    vms[0].ns.offloads_on(vms[0].device)
    host.up()
    payload = hashlib.shake_256(b'tagged').digest(30_000)
    frame = bytearray(bytes(Ether(dst=b'\xff' * 6, src=MAC1) / IP(src='10.0.0.1', dst='10.0.0.9', flags='DF') /
                            TCP(sport=1, dport=2, flags='A', seq=1000) / payload))
    frame[50:52] = struct.pack('>H', 0xffff ^ checksum(bytes(frame[26:34]) + struct.pack('>HH', 6, len(frame) - 34)))
    frame[12:12] = bytes.fromhex('81002005')
    captures = [inside(lab, vm) for vm in vms[1:]]
    with vms[0].ns.raw(vms[0].device) as raw, vms[2].ns.raw(vms[2].device) as there:
        raw._socket.setsockopt(263, 15, 1)  # SOL_PACKET, PACKET_VNET_HDR
        raw.send(struct.pack('<BBHHHH', 1, 1, 58, 1000, 38, 16) + frame)  # virtio 1.1, 5.1.6: checksum, TCPv4
        there.expect(lambda got: payload[-1000:] in got, what='the last piece')
    cable, tap = (capture.stop() for capture in captures)
    rows = tshark.read(cable, 'vlan.id == 5 && vlan.priority == 1 && tcp.checksum.status == "Good"', ('tcp.len',))
    assert rows == [['1000']] * 30  # there the kernel cuts again what was joined
    for pcap in (cable, tap):
        assert b''.join(bytes(f)[58:] for f in rdpcap(pcap) if bytes(f)[12:16] == bytes(frame[12:16])) == payload


@pytest.mark.skipif(tuple(map(int, os.uname().release.split('.')[:2])) < (6, 2),
                    reason='the kernel cannot say that a frame stands for datagrams')
def test_datagrams_sent_as_one(lab, hosts):
    """UDP_SEGMENT over a cable that offloads: the far VM gets each datagram."""
    _, vms = pair(hosts, kind='af_packet')
    path = lab.path('datagrams')
    sink = lab.start('sink', ['/usr/bin/python3', '-c', f'''
import socket
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind(("10.0.0.2", 7777))
got = [s.recv(65536) for _ in range(12)]
open("{path}", "w").write(repr([(len(d), d[:1], len(set(d))) for d in got]))
'''], vms[1].ns)
    sink.expected_end = True
    wait_until(lambda: ':7777' in vms[1].ns.run('ss', '-Hlun'), what='the sink is bound')
    sent = inside(lab, vms[0])
    vms[0].ns.run('/usr/bin/python3', '-c', '''
import socket
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.setsockopt(socket.IPPROTO_UDP, 103, 1000)  # UDP_SEGMENT
s.sendto(b"".join(bytes([65 + n]) * 1000 for n in range(11)) + b"Z" * 10, ("10.0.0.2", 7777))
''')
    sink.wait(20)
    with open(path, encoding='ascii') as file:
        assert file.read() == repr([(1000, bytes([65 + n]), 1) for n in range(11)] + [(10, b'Z', 1)])
    assert [int(r[0]) > 11000 for r in tshark.read(sent.stop(), 'udp.dstport == 7777', ('frame.len',))] == [True]


@pytest.mark.parametrize('kind', ['tap', 'af_packet'])
def test_several_workers(lab, hosts, kind):
    """Two workers with a queue of the port each, and several connections at once: still every byte."""
    _, vms = pair(hosts, capture=False, workers=2, kind=kind)  # tshark takes iperf3's bytes for other protocols
    data = hashlib.shake_256(b'queues').digest(1_000_000)
    assert transfer(lab, vms[0].ns, vms[1].ns, '10.0.0.2', data) == data
    report = traffic.iperf3(lab, vms[1].ns, vms[0].ns, '10.0.0.2', seconds=1, options=['-P', 4])
    assert traffic.mbits(report) > 1


def test_a_path_that_narrows_under_big_segments(lab, hosts):
    """TCP with TSO meets the ICMP of the overlay's edge and goes on with smaller segments."""
    built, vms = pair(hosts)
    built[0].ns.ip('route', 'add', f'{built[1].vtep}/32', 'dev', 'eth0', 'mtu', 1300)
    wait_until(lambda: [r for r in built[0].json('mtu') if r.get('path') == 1300], what='the route is followed')
    data = hashlib.shake_256(b'narrow').digest(1_000_000)
    assert transfer(lab, vms[0].ns, vms[1].ns, '10.0.0.2', data) == data
    assert 'mtu 1250' in vms[0].ns.ip('route', 'get', '10.0.0.2')
