# SPDX-License-Identifier: Apache-2.0
"""The laboratory itself, without Weft: peers, captures and checks must be right before they judge."""
import os
import struct
import time

import pytest
from scapy.layers.inet import IP, TCP, UDP
from scapy.layers.l2 import Ether
from scapy.layers.vxlan import VXLAN
from scapy.utils import checksum

from lab import Lab, traffic, tshark
from lab.fabric import Capture
from lab.linuxvx import LinuxVxlanHost
from lab.netns import veth
from lab.ovs import OvsHost
from lab.process import run

MAC1, MAC2 = '02:00:00:00:00:01', '02:00:00:00:00:02'


def test_linux_vxlan_device_and_ovs_understand_each_other(lab, fabric):
    linux = LinuxVxlanHost(lab, fabric, 1, 5001, ['172.16.0.2'])
    ovs = OvsHost(lab, fabric, 2)
    vm1 = linux.vm('vm1', '10.0.0.1/24', MAC1)
    vm2 = ovs.vm('vm2', '10.0.0.2/24', MAC2)
    ovs.vxlan('vx0', 5001, linux.vtep)
    captures = [fabric.capture(host.label) for host in (linux, ovs)]
    traffic.wait_ping(vm1, '10.0.0.2')
    assert traffic.ping(vm1, '10.0.0.2', count=5) == 5
    for pcap in [capture.stop() for capture in captures]:
        tshark.assert_clean(pcap)
        assert tshark.count(pcap, 'vxlan.vni == 5001 && icmp') >= 5


def test_ovs_speaks_nvgre_by_its_gre_key(lab, fabric):
    left, right = OvsHost(lab, fabric, 1), OvsHost(lab, fabric, 2)
    vm1 = left.vm('vm1', '10.0.0.1/24', MAC1)
    vm2 = right.vm('vm2', '10.0.0.2/24', MAC2)
    left.nvgre('nv0', 0x123456, right.vtep)
    right.nvgre('nv0', 0x123456, left.vtep)
    capture = fabric.capture(left.label)
    traffic.wait_ping(vm1, '10.0.0.2')
    assert traffic.ping(vm1, '10.0.0.2', count=5) == 5
    assert traffic.ping(vm2, '10.0.0.1', count=5) == 5
    pcap = capture.stop()
    tshark.assert_clean(pcap)
    keys = {row[0] for row in tshark.read(pcap, 'gre && icmp', ('gre.key',))}
    assert {int(key, 0) for key in keys} == {0x12345600}


@pytest.mark.parametrize('_fault, edit', [
    ('first VXLAN reserved field', lambda p: p[:43] + b'\x01' + p[44:]),
    ('second VXLAN reserved field', lambda p: p[:49] + b'\x01' + p[50:]),
    ('inner IP checksum', lambda p: p[:74] + bytes([p[74] ^ 1]) + p[75:]),
    ('outer UDP length', lambda p: p[:38] + b'\xff\xff' + p[40:]),
    ('outer IP checksum', lambda p: p[:24] + bytes([p[24] ^ 1]) + p[25:]),
])
def test_a_bad_frame_does_not_pass_as_clean(lab, fabric, _fault, edit):
    host = lab.namespace('host')
    fabric.attach(host, 1)
    good = bytes(Ether(src=MAC1, dst=MAC2) / IP(src='172.16.0.1', dst='172.16.0.2') /
                 UDP(sport=50000, dport=4789, chksum=0) / VXLAN(vni=5001, flags=8) /
                 Ether(src=MAC1, dst=MAC2) / IP(src='10.0.0.1', dst='10.0.0.2') /
                 UDP(sport=1, dport=2) / b'payload of a probe')
    with host.raw('eth0') as port:
        capture = fabric.capture('host', 'good')
        port.send(good)
        pcap = capture.stop()
        assert tshark.count(pcap, 'vxlan.vni == 5001 && udp.port == 2') == 1
        tshark.assert_clean(pcap)
        capture = fabric.capture('host', 'bad')
        port.send(edit(good))
        with pytest.raises(AssertionError, match='1 bad frames'):
            tshark.assert_clean(capture.stop())


def test_ones_for_a_sum_of_zero_are_the_kernels(lab):
    """What a VM's kernel makes of a TCP checksum that comes to zero, no Weft near: passed over, if all else is right."""
    a, b = lab.namespace('a'), lab.namespace('b')
    veth(a, 'eth0', b, 'eth0')
    frame = bytearray(bytes(Ether(src=MAC1, dst=MAC2) / IP(src='10.0.0.1', dst='10.0.0.2') / TCP(flags='A', chksum=0)))
    pseudo = bytes(frame[26:34]) + struct.pack('>HH', 6, 20)
    frame[50:52] = struct.pack('>H', 0xffff ^ checksum(pseudo))  # for a card to finish (virtio 1.1, 5.1.6)
    frame[38:40] = struct.pack('>H', checksum(bytes(frame[34:])))  # the sequence number makes the sum ones

    wrong = []
    for field in (0x0001, 0xfffe, 0xffff, 0xffff):
        wrong.append(bytearray(frame))
        wrong[-1][50:52] = struct.pack('>H', field)
    wrong[2][24] ^= 1  # IP's own as well
    wrong[3][46] = 0x40  # a header that is too short
    capture = Capture(lab, b, 'eth0', 'sums')
    with a.raw('eth0') as port:
        for each in wrong:
            port.send(each)
        port._socket.setsockopt(263, 15, 1)  # SOL_PACKET, PACKET_VNET_HDR
        port.send(struct.pack('<BBHHHH', 1, 0, 0, 0, 34, 16) + frame)
    pcap = capture.stop()
    assert tshark.read(pcap, 'frame.number == 5', ('tcp.checksum',)) == [['0xffff']]
    assert tshark.read(pcap, tshark.WRONG) == [['1'], ['2'], ['3'], ['4']]


def test_stream_tells_what_was_lost(lab):
    a, b = lab.namespace('a'), lab.namespace('b')
    veth(a, 'eth0', b, 'eth0')
    frame = traffic.udp_frame(MAC1, MAC2, '10.0.0.1', '10.0.0.2')
    with a.raw('eth0') as source, b.raw('eth0') as sink:
        stream = traffic.Stream(source, sink, frame, rate=500)
        stream.wait_flowing()
        assert stream.stop() == ([], [])
        stream = traffic.Stream(source, sink, frame, rate=500)
        stream.wait_flowing()
        a.ip('link', 'set', 'eth0', 'down')
        a.ip('link', 'set', 'eth0', 'up')
        b.ip('link', 'set', 'eth0', 'down')
        time.sleep(0.2)
        b.ip('link', 'set', 'eth0', 'up')
        stream.wait_flowing()
        lost, twice = stream.stop()
        assert lost or stream.errors
        assert not twice


def test_nothing_of_a_lab_is_left():
    made = Lab()
    ns = made.namespace('x')
    process = made.start('sleep', ['sleep', '1000'], ns)
    folder = made.dir
    made.close()
    assert not process.alive()
    assert ns.name not in run(['ip', 'netns', 'list'])
    assert not os.path.exists(folder)
