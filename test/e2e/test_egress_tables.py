# SPDX-License-Identifier: Apache-2.0
"""Egress tables of OpenFlow 1.5 (5.1, 5.12) on packets: a controller of 1.5 says where egress begins, rules of
those tables see where each copy is about to go, change it, or keep it here."""
import struct

import pytest
from scapy.layers.inet import IP, UDP
from scapy.layers.l2 import Ether

from ofclient import Client, header

MAC1, MAC2, MARK = '02:00:00:00:00:01', '02:00:00:00:00:02', '02:ee:00:00:00:ee'
EGRESS = 10
FIRST_EGRESS, EGRESS_TABLE, INGRESS_TABLE = 16, 2, 1  # OFPTFF_*


@pytest.fixture
def switch(hosts):
    host = hosts(1)
    host.switch('red', vms=3, dpid=1)
    host.up()
    with Client.connect(host.target, version=6) as client:
        client.vms = [host.vms[f'vm{n}'].raw() for n in (1, 2, 3)]
        client.host = host
        yield client
        for vm in client.vms:
            vm.close()


def egress_request(table):
    entry = struct.pack('!HBBI32sQQII', 64, table, 1, FIRST_EGRESS | EGRESS_TABLE, b'', 0, 0, 0, 0)
    return header(6, 18, 9, struct.pack('!HH4x', 12, 0) + entry)


def begin_egress(c, table):
    c.send_raw(egress_request(table))
    while c.recv().flags & c.ofp.OFPMPF_REPLY_MORE:
        pass


def features(c):
    """{table: OFPTFF_*}"""
    return {t.table_id: t.features for t in c.multipart(c.parser.OFPTableFeaturesStatsRequest(c.dp, 0, []))}


def add(c, table, match, instructions, priority=10):
    c.send(c.parser.OFPFlowMod(c.dp, table_id=table, priority=priority, match=c.parser.OFPMatch(**match),
                               instructions=instructions))


def test_each_copy_passes_egress(switch):
    c, p, o = switch, switch.parser, switch.ofp
    begin_egress(c, EGRESS)
    told = features(c)
    assert [told[n] for n in (EGRESS - 1, EGRESS, EGRESS + 1)] == [
        INGRESS_TABLE, FIRST_EGRESS | EGRESS_TABLE, EGRESS_TABLE]
    apply = lambda *actions: p.OFPInstructionActions(o.OFPIT_APPLY_ACTIONS, list(actions))
    add(c, 0, {'in_port': 1}, [apply(p.OFPActionOutput(2), p.OFPActionOutput(3))])
    add(c, EGRESS, {'actset_output': 2}, [apply(p.OFPActionSetField(eth_src=MARK)),
                                          p.OFPInstructionGotoTable(EGRESS + 1)])
    add(c, EGRESS, {'actset_output': 3}, [p.OFPInstructionActions(o.OFPIT_CLEAR_ACTIONS, [])])
    add(c, EGRESS + 1, {}, [], priority=0)
    c.barrier()
    assert not c.errors
    one, two, three = c.vms
    frame = Ether(src=MAC1, dst=MAC2) / IP(src='10.0.0.1', dst='10.0.0.2') / UDP(dport=9) / b'through egress'
    one.send(frame)
    came = Ether(two.expect(lambda f: b'through egress' in f))
    assert came.src == MARK and came.dst == MAC2
    assert not three.collect(0.3, lambda f: b'through egress' in f)
    counts = {(f.table_id, f.match.get('actset_output')): f.stats['packet_count'] for f in c.multipart(
        p.OFPFlowDescStatsRequest(c.dp, 0, o.OFPTT_ALL, o.OFPP_ANY, o.OFPG_ANY, 0, 0, p.OFPMatch()))}
    assert counts == {(0, None): 1, (EGRESS, 2): 1, (EGRESS, 3): 1, (EGRESS + 1, None): 1}


def test_rules_keep_to_their_side(switch):
    c, p, o = switch, switch.parser, switch.ofp
    begin_egress(c, EGRESS)
    mod = lambda table, *instructions: p.OFPFlowMod(c.dp, table_id=table, instructions=list(instructions))
    c.fails(mod(0, p.OFPInstructionGotoTable(EGRESS)), o.OFPET_BAD_INSTRUCTION, o.OFPBIC_BAD_TABLE_ID)
    c.fails(mod(EGRESS, p.OFPInstructionActions(o.OFPIT_WRITE_ACTIONS, [p.OFPActionOutput(2)])),
            o.OFPET_BAD_ACTION, o.OFPBAC_BAD_OUT_PORT)
    add(c, EGRESS, {}, [])
    c.barrier()
    # A rule would change sides.
    c.fails(egress_request(EGRESS + 5), o.OFPET_TABLE_FEATURES_FAILED, o.OFPTFFC_BAD_FEATURES)
    assert features(c)[EGRESS] & FIRST_EGRESS
