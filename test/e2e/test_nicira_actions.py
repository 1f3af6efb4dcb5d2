# SPDX-License-Identifier: Apache-2.0
"""Nicira's actions and fields, as ovs-ofctl sends them: the text comes back, and packets obey it."""
import re
import struct

import pytest

from lab import traffic
from ofclient import Client, header
from test_ovs_ofctl import MAC1, MAC2, switch  # noqa: F401 (a fixture)

TEXTS = [
    'tcp,tp_src=0x50/0xfff0 actions=output:2',
    'udp,tp_dst=0x8000/0x8000 actions=drop',
    'reg0=0x5,reg3=0x10/0xf0,metadata=0x1/0x1 actions=drop',
    'pkt_mark=0x7,tun_id=0x5 actions=drop',
    'ip,nw_ttl=64,nw_frag=no actions=drop',
    'ip actions=resubmit(,1),output:3',
    'ip actions=resubmit(2,7),resubmit:3',
    'ip actions=move:NXM_OF_ETH_SRC[]->NXM_OF_ETH_DST[],move:NXM_NX_REG0[0..15]->NXM_NX_REG1[16..31]',
    'ip actions=load:0x5->NXM_NX_REG0[4..7],set_field:0x10->reg3,load:0x1->OXM_OF_METADATA[]',
    'ip actions=push:NXM_NX_REG0[],pop:NXM_NX_REG1[0..7]',
    'ip actions=clone(set_field:02:00:00:00:00:09->eth_dst,output:2),output:3',
    'ip actions=output:NXM_NX_REG0[0..15]',
    'ip actions=output(port=2,max_len=100),exit',
    'ip actions=note:01.02.03.00.00.00,dec_ttl(1,2),check_pkt_larger(1000)->NXM_NX_REG0[3]',
    'ip actions=controller(max_len=100,id=5,userdata=01.02.03)',
    'ip actions=controller(userdata=01.02.03,pause),output:2',
    'tcp actions=fin_timeout(idle_timeout=1,hard_timeout=3),output:2',
    'ip actions=multipath(eth_src,50,hrw,12,0,NXM_NX_REG0[0..15])',
    'ip actions=bundle(symmetric_l4,60,hrw,ofport,members:2,3)',
    'ip actions=bundle_load(eth_src,0,active_backup,ofport,NXM_NX_REG0[],members:2,3)',
    'ip actions=set_field:1->in_port,write_actions(move:NXM_NX_REG0[]->NXM_NX_REG1[],output:2)',
]

def told(line):
    """What a flow says, without what differs by no meaning: port names, reset_counts."""
    line = re.sub(r'"?vm(\d)"?', r'\1', line.replace('reset_counts ', ''))
    return re.sub(r'^cookie=0x0, table=0, (priority=\d+,)?', '', line)


def test_text_comes_back(switch):
    for text in TEXTS:
        switch('del-flows')
        switch.add('priority=7,' + text.replace(' actions', ',actions'))
        assert told(switch.flows()[0]) == text


def exchange(switch, flows, frame, ports=(2, 3)):
    """What leaves each port when the frame comes in at port 1."""
    for flow in flows:
        switch.add(flow)
    mark = b'nicira'
    with switch.vms['vm1'].raw() as source:
        sinks = [switch.vms[f'vm{n}'].raw() for n in ports]
        with sinks[0] as a, sinks[1] as b:
            source.send(frame / mark)
            return [s.collect(0.5, lambda f: mark in f) for s in (a, b)]


def frame():
    return traffic.udp_frame(MAC1, MAC2, '10.0.0.1', '10.0.0.2')


def test_registers_lead_through_tables(switch):
    a, b = exchange(switch, [
        'table=0,ip,actions=load:3->NXM_NX_REG0[0..15],resubmit(,1),output:2',
        'table=1,ip,reg0=3,actions=set_field:02:00:00:00:00:aa->eth_src,resubmit(,2)',
        'table=2,ip,actions=output:NXM_NX_REG0[0..15]'], frame())
    assert len(a) == len(b) == 1
    assert a[0][6:12] == b[0][6:12] == bytes.fromhex('0200000000aa')  # the edit stays


def test_clones_leave_the_packet_alone(switch):
    a, b = exchange(switch, [
        'ip,actions=clone(set_field:02:00:00:00:00:bb->eth_src,output:2),output:3'], frame())
    assert a[0][6:12] == bytes.fromhex('0200000000bb') and b[0][6:12] == bytes.fromhex('020000000001')


def test_move_and_truncate(switch):
    a, b = exchange(switch, [
        'ip,actions=move:NXM_OF_ETH_DST[]->NXM_OF_ETH_SRC[],output(port=2,max_len=30),output:3'],
        frame() / bytes(100))
    assert not a  # the mark is behind its 30 bytes
    assert b[0][6:12] == b[0][0:6]


def test_a_loop_is_counted(switch):
    a, _ = exchange(switch, ['ip,actions=output:2,resubmit(,0)'], frame())
    assert len(a) >= 60
    assert switch.host.drops('red').get('recursion', 0) == 1


def test_masked_ports(switch):
    a, b = exchange(switch, ['priority=9,udp,tp_dst=0/0x8000,actions=output:2',
                             'priority=8,udp,actions=output:3'], frame())
    assert bool(a) != bool(b)


def listener(switch, controller_id):
    """A session that takes packet-ins for this id, in Nicira's second format."""
    client = Client.connect(switch.target)
    for subtype, body in ((16, struct.pack('!I', 2)), (20, struct.pack('!6xH', controller_id))):
        client.send_raw(header(4, 4, 1, struct.pack('!II', 0x2320, subtype) + body))
    client.send_raw(header(4, 20, 2))
    assert client.recv_raw()[1] == 21  # a barrier: both were taken
    return client


def test_userdata_and_registers_come_with_a_packet_in(switch):
    wanted, other = listener(switch, 5), listener(switch, 6)
    switch.add('ip,actions=set_field:0x77->reg3,controller(id=5,userdata=01.02.ff,max_len=64)')
    with switch.vms['vm1'].raw() as source:
        source.send(frame() / b'for five')
    message = wanted.recv_raw()
    assert message[1] == 4 and message[12:16] == struct.pack('!I', 30)  # NXT_PACKET_IN2
    assert bytes.fromhex('00070007' '0102ff' '00') in message  # userdata
    assert bytes.fromhex('00010604' '00000077') in message     # NXM_NX_REG3
    other.send_raw(header(4, 20, 3))
    assert other.recv_raw()[1] == 21  # nothing came before the barrier's answer
