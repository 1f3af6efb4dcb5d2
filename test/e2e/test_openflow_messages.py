# SPDX-License-Identifier: Apache-2.0
"""Each OpenFlow 1.3 message by its handler: replies, and errors of the exact type and code."""
import struct

import pytest

from ofclient import Client, header

OVERLAY = 65000


@pytest.fixture
def c(server):
    with Client.connect(server.target) as client:
        yield client


def test_features(c):
    f = c.request(c.parser.OFPFeaturesRequest(c.dp))
    assert f.datapath_id == 0x123456789abcdef0
    assert (f.n_buffers, f.n_tables, f.auxiliary_id) == (0, 255, 0)
    o = c.ofp
    assert f.capabilities == (o.OFPC_FLOW_STATS | o.OFPC_TABLE_STATS | o.OFPC_PORT_STATS |
                              o.OFPC_GROUP_STATS)


def test_echo_returns_the_data(c):
    r = c.request(c.parser.OFPEchoRequest(c.dp, data=b'x' * 1000))
    assert r.data == b'x' * 1000


def test_config(c, server):
    o, p = c.ofp, c.parser
    r = c.request(p.OFPGetConfigRequest(c.dp))
    assert (r.flags, r.miss_send_len) == (o.OFPC_FRAG_NORMAL, 128)
    c.send(p.OFPSetConfig(c.dp, o.OFPC_FRAG_DROP, 333))
    r = c.request(p.OFPGetConfigRequest(c.dp))
    assert (r.flags, r.miss_send_len) == (o.OFPC_FRAG_DROP, 333)
    assert server.event() == 'connected 1'
    assert server.event() == 'frag_drop 1'
    c.fails(p.OFPSetConfig(c.dp, o.OFPC_FRAG_REASM, 1), o.OFPET_SWITCH_CONFIG_FAILED,
            o.OFPSCFC_BAD_FLAGS)


def test_config_of_one_session_is_not_anothers(c, server):
    c.send(c.parser.OFPSetConfig(c.dp, 0, 7))
    c.barrier()
    with Client.connect(server.target) as other:
        assert other.request(other.parser.OFPGetConfigRequest(other.dp)).miss_send_len == 128


def test_flow_mod_and_dump(c, server):
    p, o = c.parser, c.ofp
    c.send(c.flow(match=p.OFPMatch(eth_type=0x800, ipv4_dst=('10.0.0.0', '255.0.0.0')),
                  actions=[p.OFPActionSetField(tunnel_id=5), c.output(2)], priority=9,
                  cookie=0xabc, idle_timeout=3, hard_timeout=4, table_id=1,
                  flags=o.OFPFF_SEND_FLOW_REM))
    c.send(c.flow(actions=[c.output(o.OFPP_CONTROLLER, 100)], priority=0))
    c.barrier()
    flows = c.flows()
    assert not c.errors and len(flows) == 2
    f = next(f for f in flows if f.table_id == 1)
    assert (f.priority, f.cookie, f.idle_timeout, f.hard_timeout, f.flags) == \
        (9, 0xabc, 3, 4, o.OFPFF_SEND_FLOW_REM)
    assert (f.duration_sec, f.duration_nsec) == (4, 6)
    assert f.match['ipv4_dst'] == ('10.0.0.0', '255.0.0.0') and f.match['eth_type'] == 0x800
    actions = f.instructions[0].actions
    assert actions[0].key == 'tunnel_id' and actions[0].value == 5 and actions[1].port == 2
    assert len(c.flows(table_id=1)) == 1
    assert len(c.flows(cookie=0xabc, cookie_mask=0xfff)) == 1
    assert len(c.flows(out_port=2)) == 1
    assert len(c.flows(out_port=77)) == 0
    assert len(c.flows(match=p.OFPMatch(eth_type=0x800))) == 1
    assert server('rules') == '2'


def test_flow_delete(c, server):
    p, o = c.parser, c.ofp
    for port in (1, 2, 3):
        c.send(c.flow(match=p.OFPMatch(in_port=port), actions=[c.output(port)], priority=port))
    c.send(c.flow(o.OFPFC_DELETE_STRICT, match=p.OFPMatch(in_port=1), priority=2))
    c.barrier()
    assert server('rules') == '3'
    c.send(c.flow(o.OFPFC_DELETE_STRICT, match=p.OFPMatch(in_port=1), priority=1))
    c.send(c.flow(o.OFPFC_DELETE, table_id=o.OFPTT_ALL, out_port=3))
    c.barrier()
    assert server('rules') == '1' and not c.errors
    # A buffer id is ignored on deletes.
    c.send(c.flow(o.OFPFC_DELETE, table_id=o.OFPTT_ALL, buffer_id=5))
    c.barrier()
    assert server('rules') == '0' and not c.errors


def test_flow_modify_changes_actions_only(c):
    p, o = c.parser, c.ofp
    c.send(c.flow(match=p.OFPMatch(in_port=1), actions=[c.output(1)], cookie=5))
    c.send(c.flow(o.OFPFC_MODIFY, actions=[c.output(9)], cookie=6))
    c.barrier()
    f, = c.flows()
    assert f.cookie == 5 and f.instructions[0].actions[0].port == 9


def flow_errors(c):
    p, o = c.parser, c.ofp
    F, A, I, M = (o.OFPET_FLOW_MOD_FAILED, o.OFPET_BAD_ACTION, o.OFPET_BAD_INSTRUCTION,
                  o.OFPET_BAD_MATCH)

    def apply(*actions):
        return [p.OFPInstructionActions(o.OFPIT_APPLY_ACTIONS, list(actions))]

    def fm(**kw):
        return c.flow(**kw)

    return {
        'bad command': (fm(command=9), F, o.OFPFMFC_BAD_COMMAND),
        'table 255 to add': (fm(table_id=255), F, o.OFPFMFC_BAD_TABLE_ID),
        'unknown flags': (fm(flags=0x100), F, o.OFPFMFC_BAD_FLAGS),
        'buffer': (fm(buffer_id=3), o.OFPET_BAD_REQUEST, o.OFPBRC_BUFFER_UNKNOWN),
        'goto back': (fm(table_id=5, instructions=[p.OFPInstructionGotoTable(5)]), I,
                      o.OFPBIC_BAD_TABLE_ID),
        'unknown group': (fm(instructions=apply(p.OFPActionGroup(99))), A,
                          o.OFPBAC_BAD_OUT_GROUP),
        'unknown meter': (fm(instructions=[p.OFPInstructionMeter(99)]),
                          o.OFPET_METER_MOD_FAILED, o.OFPMMFC_UNKNOWN_METER),
        'prerequisite': (fm(match=p.OFPMatch(ipv4_dst='1.2.3.4')), M, o.OFPBMC_BAD_PREREQ),
        'output to nowhere': (fm(instructions=apply(p.OFPActionOutput(0))), A,
                              o.OFPBAC_BAD_OUT_PORT),
        'output to any': (fm(instructions=apply(p.OFPActionOutput(o.OFPP_ANY))), A,
                          o.OFPBAC_BAD_OUT_PORT),
        'output to table': (fm(instructions=apply(p.OFPActionOutput(o.OFPP_TABLE))), A,
                            o.OFPBAC_BAD_OUT_PORT),
        'experimenter action': (fm(instructions=apply(p.OFPActionExperimenterUnknown(
            0x12345678, b'\0' * 8))), A, o.OFPBAC_BAD_EXPERIMENTER),
        'push nonsense': (fm(instructions=apply(p.OFPActionPushVlan(0x1234))), A,
                          None),
    }


@pytest.mark.parametrize('name', [
    'bad command', 'table 255 to add', 'unknown flags', 'buffer', 'goto back', 'unknown group',
    'unknown meter', 'prerequisite', 'output to nowhere', 'output to any', 'output to table',
    'experimenter action'])
def test_flow_mod_errors(c, server, name):
    msg, kind, code = flow_errors(c)[name]
    c.fails(msg, kind, code)
    c.barrier()
    assert server('rules') == '0' and not c.errors


def test_flow_mod_errors_that_the_data_plane_finds(c, server):
    p, o = c.parser, c.ofp
    server('max_rules 1')
    c.send(c.flow(match=p.OFPMatch(in_port=1), priority=1))
    c.fails(c.flow(match=p.OFPMatch(in_port=2), priority=1), o.OFPET_FLOW_MOD_FAILED,
            o.OFPFMFC_TABLE_FULL)
    server('max_rules 9')
    c.fails(c.flow(priority=1, flags=o.OFPFF_CHECK_OVERLAP), o.OFPET_FLOW_MOD_FAILED,
            o.OFPFMFC_OVERLAP)
    c.barrier()
    assert server('rules') == '1'


def weft_errors():
    """Every error of <weft/error.h> and its OpenFlow name."""
    import os
    import re
    from sessionserver import ROOT
    text = open(os.path.join(ROOT, 'include/weft/error.h')).read()
    found = re.findall(r'X\((\w+), "[^"]*", "(\w*)"\)', text)
    return [(n, name, of) for n, (name, of) in enumerate(found) if n and of]


@pytest.mark.parametrize('number,name,of', weft_errors())
def test_each_error_of_the_data_plane_is_the_one_it_names(c, server, number, name, of):
    kinds = {'OFPBRC': 1, 'OFPBAC': 2, 'OFPBIC': 3, 'OFPBMC': 4, 'OFPFMFC': 5, 'OFPGMFC': 6,
             'OFPPMFC': 7, 'OFPTMFC': 8, 'OFPMMFC': 12}
    if not hasattr(c.ofp, of):
        pytest.skip('a later version has it: test_openflow_errors.py')
    server(f'fail {number}')
    c.fails(c.flow(cookie=number), kinds[of.split('_')[0]], getattr(c.ofp, of))


def test_groups(c):
    p, o = c.parser, c.ofp
    buckets = [p.OFPBucket(weight=2, watch_port=o.OFPP_ANY, watch_group=o.OFPG_ANY,
                           actions=[p.OFPActionPopVlan(), c.output(1)]),
               p.OFPBucket(weight=3, watch_port=2, watch_group=o.OFPG_ANY,
                           actions=[c.output(2)])]
    c.send(p.OFPGroupMod(c.dp, o.OFPGC_ADD, o.OFPGT_SELECT, 7, buckets))
    c.send(p.OFPGroupMod(c.dp, o.OFPGC_ADD, o.OFPGT_ALL, 8, []))
    c.barrier()
    assert not c.errors
    descs = {d.group_id: d for d in c.multipart(p.OFPGroupDescStatsRequest(c.dp, 0))}
    assert set(descs) == {7, 8} and descs[7].type == o.OFPGT_SELECT
    assert [(b.weight, b.watch_port, len(b.actions)) for b in descs[7].buckets] == \
        [(2, o.OFPP_ANY, 2), (3, 2, 1)]
    s, = c.multipart(p.OFPGroupStatsRequest(c.dp, 0, 7))
    assert (s.group_id, s.packet_count, s.byte_count, len(s.bucket_stats)) == (7, 5, 500, 2)
    assert (s.duration_sec, s.duration_nsec) == (2, 1)
    assert len(c.multipart(p.OFPGroupStatsRequest(c.dp, 0, o.OFPG_ALL))) == 2
    assert c.multipart(p.OFPGroupStatsRequest(c.dp, 0, 1234)) == []
    c.send(p.OFPGroupMod(c.dp, o.OFPGC_DELETE, 0, o.OFPG_ALL))
    c.barrier()
    assert c.multipart(p.OFPGroupDescStatsRequest(c.dp, 0)) == []


def test_group_errors(c):
    p, o = c.parser, c.ofp
    G = o.OFPET_GROUP_MOD_FAILED
    c.fails(p.OFPGroupMod(c.dp, 9, 0, 1, []), G, o.OFPGMFC_BAD_COMMAND)
    c.fails(p.OFPGroupMod(c.dp, o.OFPGC_ADD, 9, 1, []), G, o.OFPGMFC_BAD_TYPE)
    c.fails(p.OFPGroupMod(c.dp, o.OFPGC_ADD, 0, o.OFPG_ALL, []), G, o.OFPGMFC_INVALID_GROUP)
    c.fails(p.OFPGroupMod(c.dp, o.OFPGC_MODIFY, 0, 1, []), G, o.OFPGMFC_UNKNOWN_GROUP)
    c.send(p.OFPGroupMod(c.dp, o.OFPGC_ADD, 0, 1, []))
    c.fails(p.OFPGroupMod(c.dp, o.OFPGC_ADD, 0, 1, []), G, o.OFPGMFC_GROUP_EXISTS)
    bad = p.OFPBucket(actions=[p.OFPActionOutput(0)])
    c.fails(p.OFPGroupMod(c.dp, o.OFPGC_ADD, 0, 2, [bad]), o.OFPET_BAD_ACTION,
            o.OFPBAC_BAD_OUT_PORT)


def test_group_features(c):
    o = c.ofp
    f = c.multipart(c.parser.OFPGroupFeaturesStatsRequest(c.dp, 0))
    assert f.types == 0xf and f.max_groups == [1000] * 4
    assert f.capabilities == 0xf
    assert all(a >> o.OFPAT_OUTPUT & 1 and a >> o.OFPAT_GROUP & 1 for a in f.actions)


def test_meters(c):
    p, o = c.parser, c.ofp
    bands = [p.OFPMeterBandDrop(rate=1000, burst_size=10),
             p.OFPMeterBandDscpRemark(rate=500, burst_size=5, prec_level=1)]
    c.send(p.OFPMeterMod(c.dp, o.OFPMC_ADD, o.OFPMF_KBPS | o.OFPMF_BURST, 3, bands))
    c.barrier()
    assert not c.errors
    m, = c.multipart(p.OFPMeterConfigStatsRequest(c.dp, 0, o.OFPM_ALL))
    assert (m.meter_id, m.flags) == (3, o.OFPMF_KBPS | o.OFPMF_BURST)
    assert [(b.type, b.rate, b.burst_size) for b in m.bands] == [(1, 1000, 10), (2, 500, 5)]
    assert m.bands[1].prec_level == 1
    s, = c.multipart(p.OFPMeterStatsRequest(c.dp, 0, 3))
    assert (s.meter_id, s.packet_in_count, s.byte_in_count, len(s.band_stats)) == (3, 9, 900, 2)
    f, = c.multipart(p.OFPMeterFeaturesStatsRequest(c.dp, 0))
    assert (f.max_meter, f.band_types, f.capabilities) == (500, 6, 15)


def test_meter_errors(c):
    p, o = c.parser, c.ofp
    M = o.OFPET_METER_MOD_FAILED

    def mod(command=0, flags=1, meter=1, bands=()):
        return p.OFPMeterMod(c.dp, command, flags, meter, list(bands))

    c.fails(mod(command=7), M, o.OFPMMFC_BAD_COMMAND)
    c.fails(mod(flags=0x100), M, o.OFPMMFC_BAD_FLAGS)
    c.fails(mod(flags=3), M, o.OFPMMFC_BAD_FLAGS)
    c.fails(mod(meter=0), M, o.OFPMMFC_INVALID_METER)
    c.fails(mod(meter=o.OFPM_CONTROLLER), M, o.OFPMMFC_INVALID_METER)
    c.fails(mod(command=o.OFPMC_MODIFY), M, o.OFPMMFC_UNKNOWN_METER)
    c.send(mod())
    c.fails(mod(), M, o.OFPMMFC_METER_EXISTS)
    c.fails(p.OFPMeterStatsRequest(c.dp, 0, 55), M, o.OFPMMFC_UNKNOWN_METER)
    band = struct.pack('!HHIII', 99, 16, 1, 1, 0)
    c.fails(header(4, o.OFPT_METER_MOD, 5, struct.pack('!HHI', 0, 1, 2) + band), M,
            o.OFPMMFC_BAD_BAND)


def test_ports(c):
    p, o = c.parser, c.ofp
    ports = {x.port_no: x for x in c.multipart(p.OFPPortDescStatsRequest(c.dp, 0))}
    assert set(ports) == {1, 2, OVERLAY}
    assert ports[1].name == b'vm1' and ports[1].hw_addr == '02:00:00:00:00:01'
    assert ports[OVERLAY].name == b'overlay'
    assert ports[1].curr == o.OFPPF_10GB_FD and ports[1].curr_speed == 10000000
    assert ports[1].state == o.OFPPS_LIVE
    stats = {x.port_no: x for x in c.multipart(p.OFPPortStatsRequest(c.dp, 0, o.OFPP_ANY))}
    assert set(stats) == {1, 2, OVERLAY}
    assert (stats[1].rx_packets, stats[1].tx_packets, stats[1].duration_sec) == (10, 20, 5)
    assert stats[1].rx_crc_err == (1 << 64) - 1
    assert len(c.multipart(p.OFPPortStatsRequest(c.dp, 0, 2))) == 1
    c.fails(p.OFPPortStatsRequest(c.dp, 0, 77), o.OFPET_BAD_REQUEST, o.OFPBRC_BAD_PORT)


def test_port_mod(c):
    p, o = c.parser, c.ofp

    def mod(port=1, mac='02:00:00:00:00:01', config=0, mask=0, advertise=0):
        return p.OFPPortMod(c.dp, port, mac, config, mask, advertise)

    c.send(mod(config=o.OFPPC_NO_FWD, mask=o.OFPPC_NO_FWD))
    e = c.event(o.OFPT_PORT_STATUS)
    assert e.reason == o.OFPPR_MODIFY and e.desc.config == o.OFPPC_NO_FWD
    P = o.OFPET_PORT_MOD_FAILED
    c.fails(mod(port=77), P, o.OFPPMFC_BAD_PORT)
    c.fails(mod(mac='02:00:00:00:00:99'), P, o.OFPPMFC_BAD_HW_ADDR)
    c.fails(mod(config=0x80, mask=0x80), P, o.OFPPMFC_BAD_CONFIG)
    c.fails(mod(advertise=1), P, o.OFPPMFC_BAD_ADVERTISE)


def test_port_status(c, server):
    o = c.ofp
    server('port add 9')
    e = c.event(o.OFPT_PORT_STATUS)
    assert (e.reason, e.desc.port_no, e.desc.name) == (o.OFPPR_ADD, 9, b'vm9')
    server('port delete 9')
    e = c.event(o.OFPT_PORT_STATUS)
    assert (e.reason, e.desc.port_no) == (o.OFPPR_DELETE, 9)


def test_table_mod(c):
    p, o = c.parser, c.ofp
    c.send(p.OFPTableMod(c.dp, 3, 3))
    c.barrier()
    assert not c.errors
    c.fails(p.OFPTableMod(c.dp, 3, 4), o.OFPET_TABLE_MOD_FAILED, o.OFPTMFC_BAD_CONFIG)


def test_tables(c):
    p = c.parser
    c.send(c.flow(table_id=4, priority=1))
    c.barrier()
    stats = c.multipart(p.OFPTableStatsRequest(c.dp, 0))
    assert [s.table_id for s in stats] == list(range(255))
    assert [s.table_id for s in stats if s.active_count] == [4]


def test_table_features_tell_of_every_table(c):
    p, o = c.parser, c.ofp
    tables = c.multipart(p.OFPTableFeaturesStatsRequest(c.dp, 0, []))
    assert [t.table_id for t in tables] == list(range(255))
    assert len(c.parts) > 1, 'more than 64 KB must come in parts'
    assert all(len(part.raw) <= 65535 for part in c.parts)
    props = {prop.type: prop for prop in tables[250].properties}
    assert props[o.OFPTFPT_NEXT_TABLES].table_ids == [251, 252, 253, 254]
    kinds = {i.type for i in props[o.OFPTFPT_INSTRUCTIONS].instruction_ids}
    assert kinds == {1, 2, 3, 4, 5, 6}
    last = {prop.type: prop for prop in tables[254].properties}
    assert last[o.OFPTFPT_NEXT_TABLES].table_ids == []
    assert 1 not in {i.type for i in last[o.OFPTFPT_INSTRUCTIONS].instruction_ids}
    fields = {x.type: x.hasmask for x in props[o.OFPTFPT_MATCH].oxm_ids}
    assert fields['ipv4_src'] and fields['metadata'] and not fields['in_port']
    settable = {x.type for x in props[o.OFPTFPT_APPLY_SETFIELD].oxm_ids}
    assert 'ipv4_src' in settable and 'in_phy_port' not in settable


def test_table_features_cannot_be_set(c):
    o = c.ofp
    T = o.OFPET_TABLE_FEATURES_FAILED

    def feature(table):
        return struct.pack('!HB5x32sQQII', 64, table, b't', 0, 0, 0, 0)

    def request(*tables):
        body = struct.pack('!HH4x', o.OFPMP_TABLE_FEATURES, 0) + b''.join(tables)
        return header(4, o.OFPT_MULTIPART_REQUEST, 77, body)

    c.fails(request(feature(1)), T, o.OFPTFFC_EPERM)
    c.fails(request(feature(255)), T, o.OFPTFFC_BAD_TABLE)
    c.fails(request(struct.pack('!HB5x32sQQII', 60, 1, b't', 0, 0, 0, 0)), T, o.OFPTFFC_BAD_LEN)


def test_aggregate(c):
    p, o = c.parser, c.ofp
    for i in range(3):
        c.send(c.flow(match=p.OFPMatch(in_port=i + 1)))
    a = c.multipart(p.OFPAggregateStatsRequest(c.dp, 0, o.OFPTT_ALL, o.OFPP_ANY, o.OFPG_ANY, 0, 0,
                                               p.OFPMatch()))
    assert (a.flow_count, a.packet_count, a.byte_count) == (3, 33, 3300)


def test_queues_there_are_none(c):
    p, o = c.parser, c.ofp
    assert c.request(p.OFPQueueGetConfigRequest(c.dp, 1)).queues == []
    assert c.multipart(p.OFPQueueStatsRequest(c.dp, 0, o.OFPP_ANY, o.OFPQ_ALL)) == []
    Q = o.OFPET_QUEUE_OP_FAILED
    c.fails(p.OFPQueueGetConfigRequest(c.dp, 77), Q, o.OFPQOFC_BAD_PORT)
    c.fails(p.OFPQueueStatsRequest(c.dp, 0, 77, o.OFPQ_ALL), Q, o.OFPQOFC_BAD_PORT)
    c.fails(p.OFPQueueStatsRequest(c.dp, 0, 1, 5), Q, o.OFPQOFC_BAD_QUEUE)


def test_desc(c):
    d = c.multipart(c.parser.OFPDescStatsRequest(c.dp, 0))
    assert d.mfr_desc == b'Weft' and d.dp_desc == b'tenant red on host host1'


def test_packet_out_and_in(c):
    p, o = c.parser, c.ofp
    frame = bytes(range(100))
    c.send(p.OFPPacketOut(c.dp, o.OFP_NO_BUFFER, 1, [c.output(o.OFPP_CONTROLLER, 40)], frame))
    e = c.event(o.OFPT_PACKET_IN)
    assert (e.buffer_id, e.reason, e.total_len, e.data) == \
        (o.OFP_NO_BUFFER, o.OFPR_ACTION, 100, frame[:40])
    assert e.match['in_port'] == 1 and e.cookie == (1 << 64) - 1


def test_packet_out_errors(c):
    p, o = c.parser, c.ofp
    R, frame = o.OFPET_BAD_REQUEST, b'\0' * 60

    def out(buffer_id=o.OFP_NO_BUFFER, in_port=o.OFPP_CONTROLLER, actions=(), data=frame):
        return p.OFPPacketOut(c.dp, buffer_id, in_port, list(actions), data)

    c.fails(out(buffer_id=5, data=None), R, o.OFPBRC_BUFFER_UNKNOWN)
    for port in (0, 77, o.OFPP_ANY, o.OFPP_TABLE, o.OFPP_FLOOD):
        c.fails(out(in_port=port), R, o.OFPBRC_BAD_PORT)
    c.fails(out(data=b'\0' * 13), R, 12)  # OFPBRC_BAD_PACKET, which os-ken does not name
    c.fails(out(actions=[p.OFPActionOutput(0)]), o.OFPET_BAD_ACTION, o.OFPBAC_BAD_OUT_PORT)
    c.send(out(actions=[p.OFPActionOutput(o.OFPP_TABLE)], in_port=OVERLAY))
    c.barrier()
    assert not c.errors


def test_packet_in_fields_and_lengths(c, server):
    p, o = c.parser, c.ofp
    server(f'punt 0 200 {0xffff} 1')
    e = c.event(o.OFPT_PACKET_IN)
    assert (e.reason, e.total_len, len(e.data), e.table_id, e.cookie) == \
        (o.OFPR_NO_MATCH, 200, 200, 3, 0x1234)
    assert e.match['in_port'] == 1 and e.match['metadata'] == 0x55
    assert e.match['tunnel_id'] == 77 and 'in_phy_port' not in e.match
    server('punt 1 200 0 1')
    e = c.event(o.OFPT_PACKET_IN)
    assert (e.reason, e.total_len, e.data or b'') == (o.OFPR_ACTION, 200, b'')
    c.send(p.OFPSetConfig(c.dp, 0, 50))
    # Invalid TTLs are told to who asks for them.
    c.send(p.OFPSetAsync(c.dp, [7, 0], [7, 7], [15, 0]))
    c.barrier()
    server(f'punt 2 200 {0xffff} 1')
    e = c.event(o.OFPT_PACKET_IN)
    assert (e.reason, len(e.data)) == (o.OFPR_INVALID_TTL, 50)
    server(f'punt 1 65000 {0xffff} 1')
    assert len(c.event(o.OFPT_PACKET_IN).data) == 65000


@pytest.mark.parametrize('reason', range(6))
def test_flow_removed(c, server, reason):
    p, o = c.parser, c.ofp
    c.send(c.flow(match=p.OFPMatch(in_port=4), priority=3, cookie=8, idle_timeout=5,
                  hard_timeout=6, table_id=2, flags=o.OFPFF_SEND_FLOW_REM))
    c.send(c.flow(priority=1))
    c.barrier()
    server(f'expire {reason}')
    e = c.event(o.OFPT_FLOW_REMOVED)
    assert e.reason == (reason if reason <= 3 else o.OFPRR_DELETE)
    assert (e.priority, e.cookie, e.idle_timeout, e.hard_timeout, e.table_id) == (3, 8, 5, 6, 2)
    assert (e.packet_count, e.byte_count, e.duration_sec, e.duration_nsec) == (7, 700, 3, 5)
    assert e.match['in_port'] == 4
    assert c.quiet(), 'the rule without the flag is not told of'


def test_experimenters(c):
    p, o = c.parser, c.ofp
    R = o.OFPET_BAD_REQUEST
    c.fails(p.OFPExperimenter(c.dp, 0x2321, 10, b'\0' * 8), R, o.OFPBRC_BAD_EXPERIMENTER)
    c.fails(header(4, 18, 9, struct.pack('!HH4xII', 0xffff, 0, 0x2321, 1)), R,
            o.OFPBRC_BAD_EXPERIMENTER)
    c.fails(p.OFPExperimenter(c.dp, 0x2320, 9999, b'\0' * 8), R, o.OFPBRC_BAD_EXP_TYPE)
    c.fails(header(4, 18, 9, struct.pack('!HH4xII', 0xffff, 0, 0x2320, 9999)), R,
            o.OFPBRC_BAD_EXP_TYPE)
    c.fails(header(4, 18, 9, struct.pack('!HH4x', 0xffff, 0)), R, o.OFPBRC_BAD_LEN)
    # Nicira's flow mods are for 1.0.
    c.fails(p.OFPExperimenter(c.dp, 0x2320, 13, b'\0' * 32), R, o.OFPBRC_BAD_EXP_TYPE)


def test_what_no_controller_sends(c):
    R = c.ofp.OFPET_BAD_REQUEST
    for kind in (30, 33, 99, 255):
        c.fails(header(4, kind, 9), R, c.ofp.OFPBRC_BAD_TYPE)
    c.fails(header(4, c.ofp.OFPT_BARRIER_REPLY, 9), R, c.ofp.OFPBRC_BAD_TYPE)
    c.fails(header(4, c.ofp.OFPT_FEATURES_REPLY, 9, b'\0' * 24), R, c.ofp.OFPBRC_BAD_TYPE)
    c.fails(header(4, 18, 9, struct.pack('!HH4x', 14, 0)), R, c.ofp.OFPBRC_BAD_MULTIPART)
    for version in (0, 1, 2, 3, 5, 6, 200):
        c.fails(header(version, c.ofp.OFPT_FEATURES_REQUEST, 9), R, c.ofp.OFPBRC_BAD_VERSION)
    c.barrier()


def test_lengths_are_exact(c):
    o = c.ofp
    R, LEN = o.OFPET_BAD_REQUEST, o.OFPBRC_BAD_LEN
    c.fails(header(4, o.OFPT_FEATURES_REQUEST, 9, b'\0'), R, LEN)
    c.fails(header(4, o.OFPT_BARRIER_REQUEST, 9, b'\0' * 8), R, LEN)
    c.fails(header(4, o.OFPT_SET_CONFIG, 9, b'\0' * 3), R, LEN)
    c.fails(header(4, o.OFPT_FLOW_MOD, 9, b'\0' * 30), R, LEN)
    c.fails(header(4, o.OFPT_ROLE_REQUEST, 9), R, LEN)
    c.fails(header(4, 18, 9, b'\0\0'), R, LEN)
    c.fails(header(4, 18, 9, struct.pack('!HH4x', o.OFPMP_FLOW, 0)), R, LEN)
    c.barrier()


def test_errors_and_hellos_are_not_answered(c):
    c.send_raw(header(4, c.ofp.OFPT_ERROR, 9, struct.pack('!HH', 1, 1) + b'x' * 8))
    c.send_raw(header(4, c.ofp.OFPT_ERROR, 9))
    c.send_raw(header(6, c.ofp.OFPT_HELLO, 9))
    c.send_raw(header(4, c.ofp.OFPT_ECHO_REPLY, 9, b'abc'))
    assert c.quiet()
    c.barrier()


def more(xid, kind, body=b'', flag=1):
    return header(4, 18, xid, struct.pack('!HH4x', kind, flag) + body)


def test_multipart_request_in_parts(c):
    o = c.ofp
    body = struct.pack('!B3xIIxxxxQQ', 255, o.OFPP_ANY, o.OFPG_ANY, 0, 0)
    match = struct.pack('!HHxxxx', 1, 4)
    c.send_raw(more(9, o.OFPMP_FLOW, body))
    assert c.quiet()
    c.send_raw(more(9, o.OFPMP_FLOW, match, 0))
    reply = c.recv()
    assert reply.xid == 9 and reply.body == []


def test_multipart_parts_are_bounded(c):
    o = c.ofp
    big = b'\0' * 60000
    c.send_raw(more(9, o.OFPMP_TABLE_FEATURES, big))
    c.fails(more(9, o.OFPMP_TABLE_FEATURES, big), o.OFPET_BAD_REQUEST,
            o.OFPBRC_MULTIPART_BUFFER_OVERFLOW)
    c.send_raw(more(10, o.OFPMP_TABLE_FEATURES, big))
    c.fails(more(11, o.OFPMP_TABLE_FEATURES, b''), o.OFPET_BAD_REQUEST,
            o.OFPBRC_MULTIPART_BUFFER_OVERFLOW)
    # Nothing of it is left over, and other requests are not disturbed by an unfinished one.
    c.send_raw(more(12, o.OFPMP_TABLE_FEATURES, big))
    assert c.multipart(c.parser.OFPDescStatsRequest(c.dp, 0)).mfr_desc == b'Weft'


def test_a_dump_of_many_rules_comes_in_parts(c):
    p = c.parser
    n = 3000
    c.send_raw(b''.join(
        c.encode(c.flow(match=p.OFPMatch(in_port=1 + i), priority=i % 7, actions=[c.output(1)]))
        for i in range(n)))
    flows = c.flows()
    assert len(flows) == n and len(c.parts) > 2
    assert all(part.flags == 1 for part in c.parts[:-1]) and c.parts[-1].flags == 0
    assert {f.match['in_port'] for f in flows} == set(range(1, n + 1))


def test_a_dump_that_fails_is_an_error(c, server):
    server('fail 3')
    c.fails(c.parser.OFPTableStatsRequest(c.dp, 0), c.ofp.OFPET_FLOW_MOD_FAILED, 0)
    c.barrier()
