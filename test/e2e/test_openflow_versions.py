# SPDX-License-Identifier: Apache-2.0
"""OpenFlow 1.0, 1.3, 1.4 and 1.5 on one switch at once: what is the same in each, and what is its own."""
import struct

import pytest

from ofclient import NAMES, Client, header, hello
from sessionserver import SessionServer

ALL = pytest.mark.parametrize('version', list(NAMES), ids=list(NAMES.values()))
OVERLAY = 65000
FRAME = bytes(range(60))


@pytest.fixture
def server(tmp_path):
    target = f'{tmp_path}/of.sock'
    with SessionServer(f'punix:{target}') as s:
        s.target = f'unix:{target}'
        yield s


@pytest.fixture
def connect(server):
    made = []

    def connect(version):
        made.append(Client.connect(server.target, version=version))
        return made[-1]
    yield connect
    for client in made:
        client.close()


@pytest.fixture
def four(connect):
    return {version: connect(version) for version in NAMES}


def sessions(server):
    return [s for s in server.describe()['controllers'] if s['state'] == 'connected']


# ---- agreeing

@pytest.mark.parametrize('raw, version', [
    (hello(1, None), 1), (hello(4, None), 4), (hello(5, None), 5), (hello(6, None), 6),
    (hello(9, None), 6), (hello(6, (1, 4)), 4), (hello(6, (1, 5)), 5), (hello(1, (1, 6)), 6),
    (hello(6, (1, 2, 3)), 1), (hello(4, (4, 5, 6, 7)), 6)])
def test_the_highest_common_version_is_it(server, raw, version):
    with Client.open(server.target, version=version) as c:
        c.send_raw(raw)
        assert c.recv_raw()[1] == 0
        c.barrier()
        state, = sessions(server)
        assert state['version'] == NAMES[version]


def test_each_in_its_own_version_at_once(four, server):
    for c in four.values():
        c.barrier()
    assert {s['version'] for s in sessions(server)} == set(NAMES.values())


@ALL
def test_another_version_afterwards_is_an_error(connect, version):
    c = connect(version)
    for other in set(NAMES) - {version}:
        c.fails(header(other, c.ofp.OFPT_FEATURES_REQUEST, 9), 1, c.ofp.OFPBRC_BAD_VERSION)


# ---- the same rule, seen by each

def test_a_rule_of_each_is_seen_by_all(four):
    for version, c in four.items():
        o, p = c.ofp, c.parser
        match = p.OFPMatch(in_port=version, dl_type=0x800) if version == 1 else \
            p.OFPMatch(in_port=version, eth_type=0x800)
        c.send(c.flow(match=match, actions=[c.output(2)], priority=version, cookie=version,
                      idle_timeout=10 * version))
        c.barrier()
        assert not c.errors
    for version, c in four.items():
        flows = {f.priority: f for f in c.flows()}
        assert set(flows) == set(NAMES)
        for added, f in flows.items():
            assert (f.cookie, f.idle_timeout, f.table_id) == (added, 10 * added, 0)
            if version == 1:
                assert (f.match.in_port, f.match.dl_type) == (added, 0x800)
                assert [a.port for a in f.actions] == [2]
            else:
                assert (f.match['in_port'], f.match['eth_type']) == (added, 0x800)
                assert [a.port for a in f.instructions[0].actions] == [2]


@ALL
def test_a_packet_out_comes_back_as_packet_in(connect, version):
    c = connect(version)
    c.send(c.packet_out(FRAME, [c.output(c.ofp.OFPP_CONTROLLER)], in_port=1))
    e = c.event(c.ofp.OFPT_PACKET_IN)
    assert bytes(e.data) == FRAME and e.total_len == 60
    assert e.reason == (c.ofp.OFPR_ACTION if version < 5 else c.ofp.OFPR_PACKET_OUT)
    assert (e.in_port if version == 1 else e.match['in_port']) == 1


@ALL
def test_desc_config_and_echo(connect, version):
    c = connect(version)
    p = c.parser
    d = c.multipart(p.OFPDescStatsRequest(c.dp, 0))
    assert (d.mfr_desc, d.serial_num) in ((b'Weft', b'none'), ('Weft', 'none'))
    c.send(p.OFPSetConfig(c.dp, 0, 77))
    assert c.request(p.OFPGetConfigRequest(c.dp)).miss_send_len == 77
    assert c.request(p.OFPEchoRequest(c.dp, data=b'abc')).data == b'abc'


# ---- features and ports

def test_features(four):
    for version, c in four.items():
        f = c.request(c.parser.OFPFeaturesRequest(c.dp))
        assert f.datapath_id == 0x123456789abcdef0 and f.n_tables == 255 and f.n_buffers == 0
        assert f.capabilities & 7 == 7
        if version == 1:
            assert f.capabilities & ~7 == c.ofp.OFPC_ARP_MATCH_IP
            assert f.actions == 0x7ff
            assert set(f.ports) == {1, 2, OVERLAY} and f.ports[1].name == b'vm1'
        else:
            assert f.capabilities & c.ofp.OFPC_GROUP_STATS


@ALL
def test_port_stats(connect, version):
    c = connect(version)
    anyport = c.ofp.OFPP_NONE if version == 1 else c.ofp.OFPP_ANY
    stats = {s.port_no: s for s in c.multipart(c.parser.OFPPortStatsRequest(c.dp, 0, anyport))}
    assert set(stats) == {1, 2, OVERLAY}
    assert (stats[1].rx_packets, stats[1].tx_packets) == (10, 20)
    one, = c.multipart(c.parser.OFPPortStatsRequest(c.dp, 0, 2))
    assert one.port_no == 2
    if version == 1:
        assert one.collisions == 2**64 - 1
        return
    assert (one.duration_sec, one.duration_nsec) == (5, 7)
    ethernet = one if version == 4 else one.properties[0]
    assert ethernet.rx_crc_err == 2**64 - 1
    c.fails(c.parser.OFPPortStatsRequest(c.dp, 0, 9), 1, c.ofp.OFPBRC_BAD_PORT)


@pytest.mark.parametrize('version', [4, 5, 6])
def test_port_descriptions(connect, version):
    c = connect(version)
    ports = {p.port_no: p for p in c.multipart(c.parser.OFPPortDescStatsRequest(c.dp, 0))}
    assert set(ports) == {1, 2, OVERLAY} and ports[1].name == b'vm1'
    assert ports[1].hw_addr == '02:00:00:00:00:01' and ports[1].state == c.ofp.OFPPS_LIVE
    speed = ports[1] if version == 4 else ports[1].properties[0]
    assert (speed.curr, speed.curr_speed) == (c.ofp.OFPPF_10GB_FD, 10_000_000)
    if version == 6:
        one, = c.multipart(c.parser.OFPPortDescStatsRequest(c.dp, 0, port_no=2))
        assert one.port_no == 2
        c.fails(c.parser.OFPPortDescStatsRequest(c.dp, 0, port_no=9), 1, c.ofp.OFPBRC_BAD_PORT)


def test_a_port_that_1_0_cannot_name_is_not_shown_to_it(four, server):
    server('port add 65300')
    for version, c in four.items():
        if version > 1:
            assert c.event(c.ofp.OFPT_PORT_STATUS).desc.port_no == 65300
    assert four[1].quiet()
    c = four[1]
    assert 65300 not in c.request(c.parser.OFPFeaturesRequest(c.dp)).ports
    stats = c.multipart(c.parser.OFPPortStatsRequest(c.dp, 0, c.ofp.OFPP_NONE))
    assert {s.port_no for s in stats} == {1, 2, OVERLAY}
    four[4].send(four[4].flow(actions=[four[4].output(65300), four[4].output(2)]))
    four[4].barrier()
    flow, = c.flows()
    assert [a.port for a in flow.actions] == [2], 'the rest is told'


def test_port_mod_reaches_all(four):
    mac = '02:00:00:00:00:02'
    for version, c in four.items():
        o, p = c.ofp, c.parser
        down = o.OFPPC_PORT_DOWN if version % 2 else 0
        args = [c.dp, 2, mac, down, o.OFPPC_PORT_DOWN]
        args.append([p.OFPPortModPropEthernet(o.OFPPMPT_ETHERNET, advertise=0)] if version > 4 else 0)
        c.send(p.OFPPortMod(*args))
        for d in four.values():
            assert d.event(12).desc.config == down


def test_port_mod_of_1_0_knows_no_flood(four):
    c = four[1]
    o, p = c.ofp, c.parser
    c.send(p.OFPPortMod(c.dp, 1, '02:00:00:00:00:01', o.OFPPC_NO_FLOOD | o.OFPPC_NO_STP,
                        o.OFPPC_NO_FLOOD | o.OFPPC_NO_STP, 0))
    assert c.event(12).desc.config == o.OFPPC_NO_FLOOD
    assert four[4].event(12).desc.config == 0
    c.fails(p.OFPPortMod(c.dp, 9, '02:00:00:00:00:01', 0, 0, 0), o.OFPET_PORT_MOD_FAILED,
            o.OFPPMFC_BAD_PORT)
    c.fails(p.OFPPortMod(c.dp, 1, '02:00:00:00:00:09', 0, 0, 0), o.OFPET_PORT_MOD_FAILED,
            o.OFPPMFC_BAD_HW_ADDR)


@pytest.mark.parametrize('version', [5, 6])
def test_port_mod_properties(connect, version):
    c = connect(version)
    o, p = c.ofp, c.parser
    mac = '02:00:00:00:00:01'

    def mod(*properties):
        return p.OFPPortMod(c.dp, 1, mac, 0, 0, list(properties))

    def ethernet(advertise):
        return p.OFPPortModPropEthernet(o.OFPPMPT_ETHERNET, advertise=advertise)
    P = o.OFPET_BAD_PROPERTY
    c.fails(mod(ethernet(1)), o.OFPET_PORT_MOD_FAILED, o.OFPPMFC_BAD_ADVERTISE)
    c.fails(mod(ethernet(0), ethernet(0)), P, o.OFPBPC_DUP_TYPE)
    optical = p.OFPPortModPropOptical(o.OFPPMPT_OPTICAL, None, 1, 0, 0, 0, 0)
    c.fails(mod(optical), P, o.OFPBPC_BAD_TYPE)
    c.fails(mod(p.OFPPortModPropExperimenter(0xffff, None, 7, 1)), P, o.OFPBPC_BAD_EXPERIMENTER)


@ALL
def test_queues_are_none(connect, version):
    c = connect(version)
    o, p = c.ofp, c.parser
    everywhere = o.OFPP_ALL if version == 1 else o.OFPP_ANY
    assert c.multipart(p.OFPQueueStatsRequest(c.dp, 0, everywhere, o.OFPQ_ALL)) == []
    c.fails(p.OFPQueueStatsRequest(c.dp, 0, 9, o.OFPQ_ALL), o.OFPET_QUEUE_OP_FAILED,
            o.OFPQOFC_BAD_PORT)
    c.fails(p.OFPQueueStatsRequest(c.dp, 0, 1, 3), o.OFPET_QUEUE_OP_FAILED, o.OFPQOFC_BAD_QUEUE)
    if version < 5:
        assert c.request(p.OFPQueueGetConfigRequest(c.dp, 1)).queues == []
    else:
        assert c.multipart(p.OFPQueueDescStatsRequest(c.dp, 0, o.OFPP_ANY, o.OFPQ_ALL)) == []
        c.fails(p.OFPQueueDescStatsRequest(c.dp, 0, 1, 3), o.OFPET_QUEUE_OP_FAILED,
                o.OFPQOFC_BAD_QUEUE)


# ---- statistics

def test_table_stats(four):
    for version, c in four.items():
        tables = c.multipart(c.parser.OFPTableStatsRequest(c.dp, 0))
        assert [t.table_id for t in tables] == list(range(255))
        if version == 1:
            assert tables[3].name == b'table3' and tables[3].max_entries == 1000000
            assert tables[3].wildcards == c.ofp.OFPFW_ALL


def test_aggregates(four):
    for c in four.values():
        c.send(c.flow(priority=c.version, actions=[c.output(1)]))
        c.barrier()
    for version, c in four.items():
        o, p = c.ofp, c.parser
        if version == 1:
            a, = c.multipart(p.OFPAggregateStatsRequest(c.dp, 0, p.OFPMatch(), 0xff, o.OFPP_NONE))
        else:
            a = c.multipart(p.OFPAggregateStatsRequest(c.dp, 0, o.OFPTT_ALL, o.OFPP_ANY, o.OFPG_ANY,
                                                       0, 0, p.OFPMatch()))
        if version == 6:
            assert dict(a.stats.items()) == {'flow_count': 4, 'packet_count': 44, 'byte_count': 4400}
        else:
            assert (a.flow_count, a.packet_count, a.byte_count) == (4, 44, 4400)


def test_statistics_of_1_5_are_oxs(connect):
    c = connect(6)
    o, p = c.ofp, c.parser
    c.send(c.flow(match=p.OFPMatch(in_port=1), actions=[c.output(2)], priority=5,
                  flags=o.OFPFF_SEND_FLOW_REM))
    c.barrier()
    desc, = c.flows()
    assert desc.stats['duration'] == (4, 6) and desc.stats['packet_count'] == 0
    ask = p.OFPFlowStatsRequest(c.dp, 0, o.OFPTT_ALL, o.OFPP_ANY, o.OFPG_ANY, 0, 0, p.OFPMatch())
    counts, = c.multipart(ask)
    assert (counts.priority, counts.reason, counts.match['in_port']) == (5, 0, 1)
    assert counts.stats['duration'] == (4, 6)
    c.send(c.flow(o.OFPFC_DELETE, table_id=o.OFPTT_ALL))
    e = c.event(o.OFPT_FLOW_REMOVED)
    assert (e.priority, e.reason, e.match['in_port']) == (5, o.OFPRR_DELETE, 1)
    assert dict(e.stats.items()) == {'duration': (3, 5), 'idle_time': (0, 0), 'packet_count': 7,
                                     'byte_count': 700}


REMOVED = {  # WEFT_REMOVED_*: as 1.0, 1.3, 1.4 and 1.5 say it
    0: (0, 0, 0, 0), 1: (1, 1, 1, 1), 2: (2, 2, 2, 2), 3: (2, 3, 3, 3), 4: (2, 2, 4, 4),
    5: (2, 2, 5, 5)}


@pytest.mark.parametrize('reason', REMOVED)
def test_why_a_rule_went(four, server, reason):
    c = four[4]
    c.send(c.flow(match=c.parser.OFPMatch(in_port=3), flags=c.ofp.OFPFF_SEND_FLOW_REM, cookie=9))
    c.barrier()
    server(f'expire {reason}')
    said = []
    for c in four.values():
        e = c.event(c.ofp.OFPT_FLOW_REMOVED)
        assert e.cookie == 9
        said.append(e.reason)
    assert tuple(said) == REMOVED[reason]


PACKET_IN = {  # WEFT_PACKET_IN_*; None: not told
    0: (0, 0, 0, 0), 1: (1, 1, 1, 1), 3: (1, 1, 3, 3), 4: (1, 1, 4, 4), 5: (1, 1, 5, 5),
    6: (0, None, None, None)}


@pytest.mark.parametrize('reason', PACKET_IN)
def test_why_a_packet_comes(four, server, reason):
    server(f'punt {reason} 64 65535 1')
    said = []
    for c, want in zip(four.values(), PACKET_IN[reason]):
        if want is None:
            said.append(None)
            c.barrier()
            assert not [e for e in c.events if e.msg_type == c.ofp.OFPT_PACKET_IN]
        else:
            said.append(c.event(c.ofp.OFPT_PACKET_IN).reason)
    assert tuple(said) == PACKET_IN[reason]


def test_misses_are_asked_of_the_data_plane_for_1_0(server):
    with Client.connect(server.target, version=4):
        assert server.event() == 'connected 1'
        with Client.connect(server.target, version=1):
            assert server.event() == 'miss_packet_in 1'
        assert server.event() == 'miss_packet_in 0'


# ---- groups and meters

@pytest.mark.parametrize('version', [4, 5, 6])
def test_groups_are_read_back_in_each(four, version):
    c = four[version]
    o, p = c.ofp, c.parser
    if version == 6:
        buckets = [p.OFPBucket(bucket_id=n, actions=[c.output(n)], properties=[
            p.OFPGroupBucketPropWeight(weight=n, type_=o.OFPGBPT_WEIGHT)]) for n in (1, 2)]
        c.send(p.OFPGroupMod(c.dp, o.OFPGC_ADD, o.OFPGT_SELECT, 7, o.OFPG_BUCKET_ALL, buckets))
    else:
        buckets = [p.OFPBucket(weight=n, watch_port=o.OFPP_ANY, watch_group=o.OFPG_ANY,
                               actions=[c.output(n)]) for n in (1, 2)]
        c.send(p.OFPGroupMod(c.dp, o.OFPGC_ADD, o.OFPGT_SELECT, 7, buckets))
    c.barrier()
    assert not c.errors
    for d in (four[4], four[5]):
        g, = d.multipart(d.parser.OFPGroupDescStatsRequest(d.dp, 0))
        assert (g.group_id, g.type) == (7, d.ofp.OFPGT_SELECT)
        assert [(b.weight, b.watch_port, b.actions[0].port) for b in g.buckets] == \
            [(1, d.ofp.OFPP_ANY, 1), (2, d.ofp.OFPP_ANY, 2)]
    d = four[6]
    g, = d.multipart(d.parser.OFPGroupDescStatsRequest(d.dp, 0, 7))
    assert [(b.properties[0].weight, b.actions[0].port) for b in g.buckets] == [(1, 1), (2, 2)]
    assert [b.bucket_id for b in g.buckets] == ([1, 2] if version == 6 else [0, 1])
    assert d.multipart(d.parser.OFPGroupDescStatsRequest(d.dp, 0, 8)) == []
    s, = d.multipart(d.parser.OFPGroupStatsRequest(d.dp, 0, 7))
    assert s.packet_count == 5 and len(s.bucket_stats) == 2


def test_bucket_ids_and_properties_of_1_5(connect):
    c = connect(6)
    o, p = c.ofp, c.parser

    def mod(*buckets):
        return p.OFPGroupMod(c.dp, o.OFPGC_ADD, o.OFPGT_ALL, 7, o.OFPG_BUCKET_ALL, list(buckets))

    def bucket(n, *properties):
        return p.OFPBucket(bucket_id=n, actions=[c.output(1)], properties=list(properties))
    G, P = o.OFPET_GROUP_MOD_FAILED, o.OFPET_BAD_PROPERTY
    weight = p.OFPGroupBucketPropWeight(weight=1, type_=o.OFPGBPT_WEIGHT)
    c.fails(mod(bucket(0xffffff01)), G, o.OFPGMFC_BAD_BUCKET)
    c.fails(mod(bucket(1, weight, weight)), P, o.OFPBPC_DUP_TYPE)
    c.fails(mod(bucket(1, p.OFPGroupBucketPropExperimenter(experimenter=7, exp_type=0,
                                                          type_=0xffff))), P,
            o.OFPBPC_BAD_EXPERIMENTER)


@pytest.mark.parametrize('version', [4, 5, 6])
def test_meters(four, version):
    c = four[version]
    o, p = c.ofp, c.parser
    c.send(p.OFPMeterMod(c.dp, o.OFPMC_ADD, o.OFPMF_KBPS, 3, [p.OFPMeterBandDrop(1000, 0)]))
    c.barrier()
    assert not c.errors
    for d in (four[4], four[5], four[6]):
        ask = 'OFPMeterDescStatsRequest' if d.version == 6 else 'OFPMeterConfigStatsRequest'
        m, = d.multipart(getattr(d.parser, ask)(d.dp, 0, d.ofp.OFPM_ALL))
        assert (m.meter_id, m.bands[0].rate) == (3, 1000)
    f = c.multipart(p.OFPMeterFeaturesStatsRequest(c.dp, 0))
    f = f[0] if isinstance(f, list) else f
    assert f.max_meter == 500
    if version == 6:
        assert f.features == o.OFPMFF_ANY_POSITION | o.OFPMFF_MULTI_LIST


def test_a_meter_is_an_instruction_before_1_5_and_an_action_then(four):
    c = four[6]
    o, p = c.ofp, c.parser
    c.send(p.OFPMeterMod(c.dp, o.OFPMC_ADD, o.OFPMF_KBPS, 3, [p.OFPMeterBandDrop(1000, 0)]))
    c.send(c.flow(actions=[p.OFPActionMeter(3), c.output(2)]))
    c.barrier()
    assert not c.errors
    f, = c.flows()
    assert [a.type for a in f.instructions[0].actions] == [o.OFPAT_METER, o.OFPAT_OUTPUT]
    for d in (four[4], four[5]):
        f, = d.flows()
        assert [i.type for i in f.instructions] == [d.ofp.OFPIT_METER, d.ofp.OFPIT_APPLY_ACTIONS]
    f, = four[1].flows()
    assert [a.port for a in f.actions] == [2]


# ---- OpenFlow 1.0's own

def test_a_modify_of_1_0_that_finds_nothing_adds(connect, server):
    c = connect(1)
    o, p = c.ofp, c.parser
    c.send(c.flow(o.OFPFC_MODIFY, match=p.OFPMatch(in_port=1), actions=[c.output(2)], priority=3))
    c.send(c.flow(o.OFPFC_MODIFY_STRICT, match=p.OFPMatch(in_port=2), actions=[c.output(2)],
                  priority=3))
    c.send(c.flow(o.OFPFC_MODIFY, actions=[c.output(1)]))
    c.barrier()
    flows = c.flows()
    assert [[a.port for a in f.actions] for f in flows] == [[1], [1]] and not c.errors


def test_emergency_flows_of_1_0_are_refused(connect):
    c = connect(1)
    o = c.ofp
    F = o.OFPET_FLOW_MOD_FAILED
    c.fails(c.flow(flags=o.OFPFF_EMERG), F, o.OFPFMFC_ALL_TABLES_FULL)
    c.fails(c.flow(flags=o.OFPFF_EMERG, idle_timeout=5), F, o.OFPFMFC_BAD_EMERG_TIMEOUT)
    c.fails(c.flow(flags=0x80), F, o.OFPFMFC_UNSUPPORTED)
    c.fails(c.flow(command=9), F, o.OFPFMFC_BAD_COMMAND)


def test_overlap_in_1_0(connect):
    c = connect(1)
    o, p = c.ofp, c.parser
    c.send(c.flow(match=p.OFPMatch(in_port=1), priority=5))
    c.fails(c.flow(match=p.OFPMatch(dl_type=0x800), priority=5, flags=o.OFPFF_CHECK_OVERLAP),
            o.OFPET_FLOW_MOD_FAILED, o.OFPFMFC_OVERLAP)


# ---- Nicira's messages in 1.0

def nx(subtype, body=b'', version=1):
    return header(version, 4, 9, struct.pack('!II', 0x2320, subtype) + body)


def test_the_table_in_the_command(connect, server):
    c = connect(1)
    p = c.parser
    c.send_raw(nx(15, b'\x01' + bytes(7)))
    c.send(c.flow(command=5 << 8, match=p.OFPMatch(in_port=1), actions=[c.output(2)]))
    c.barrier()
    assert [f.table_id for f in c.flows()] == [5]
    c.send(c.flow(command=6 << 8 | 3))  # delete, in table 6
    c.barrier()
    assert server('rules') == '1'
    c.send(c.flow(command=0xff << 8 | 3))
    c.barrier()
    assert server('rules') == '0' and not c.errors


def test_nicira_flow_mod_and_format(four, server):
    c = four[1]
    nxm = bytes.fromhex('00000002 0001  00010204 000000ff')
    pad = bytes(-len(nxm) % 8)
    output = struct.pack('!HHHH', 0, 8, 2, 0xffff)
    body = struct.pack('!QHHHHIHHH6x', 0xabc, 0, 0, 0, 7, 0xffffffff, 0xffff, 1, len(nxm))
    c.send_raw(nx(12, struct.pack('!I', 2)))  # NXFF_NXM
    c.send_raw(nx(13, body + nxm + pad + output))
    c.barrier()
    assert not c.errors
    d = four[4]
    f, = d.flows()
    assert (f.priority, f.cookie, f.match['in_port']) == (7, 0xabc, 1)
    assert f.instructions[0].actions[0].port == 2
    c.send_raw(header(1, 16, 8, struct.pack('!HHII4xHHBxxx', 0xffff, 0, 0x2320, 0, 0xffff, 0, 0xff)))
    reply = c.recv_raw()
    assert reply[:2] == bytes([1, 17]) and reply[12:20] == struct.pack('!II', 0x2320, 0)
    rule = reply[24:]
    assert struct.unpack_from('!HB', rule) == (len(rule), 0)
    match_len, = struct.unpack_from('!H', rule, 18)
    assert rule[48:48 + match_len] == nxm
    assert rule[48 + (match_len + 7) // 8 * 8:] == output
    server('expire 1')
    raw = c.recv_raw()
    assert raw[1] == 4 and raw[8:16] == struct.pack('!II', 0x2320, 14)
    assert struct.unpack_from('!QHBB', raw, 16) == (0xabc, 7, 1, 1)
    c.fails(nx(12, struct.pack('!I', 1)), 1, c.ofp.OFPBRC_EPERM)


def test_roles_of_nicira_and_of_later_versions_are_the_same(four):
    a, b = four[1], four[6]
    a.send_raw(nx(10, struct.pack('!I', 1)))
    assert a.recv_raw()[8:] == struct.pack('!III', 0x2320, 11, 1)
    p, o = b.parser, b.ofp
    r = b.request(p.OFPRoleRequest(b.dp, o.OFPCR_ROLE_MASTER, 0, 5))
    assert (r.role, r.generation_id) == (o.OFPCR_ROLE_MASTER, 5)
    a.fails(a.flow(), 1, a.ofp.OFPBRC_EPERM)  # it is slave now
    a.send_raw(nx(10, struct.pack('!I', 0)))
    a.recv_raw()
    a.send(a.flow())
    a.barrier()
    assert not a.errors


# ---- packet-out of 1.5

def test_packet_out_of_1_5_takes_pipeline_fields(connect):
    c = connect(6)
    o, p = c.ofp, c.parser
    R = o.OFPET_BAD_REQUEST

    def out(**match):
        return p.OFPPacketOut(c.dp, o.OFP_NO_BUFFER, p.OFPMatch(**match),
                              [c.output(o.OFPP_CONTROLLER)], FRAME)
    c.send(out(in_port=1))
    assert c.event(o.OFPT_PACKET_IN).match['in_port'] == 1
    c.fails(out(in_port=1, eth_type=0x800), R, 17)  # OFPBRC_PIPELINE_FIELDS_ONLY
    c.fails(out(in_port=9), R, o.OFPBRC_BAD_PORT)
    nothing = struct.pack('!IHxxHH4x', o.OFP_NO_BUFFER, 16, 1, 4)  # an empty match
    output = struct.pack('!HHIH6x', 0, 16, o.OFPP_CONTROLLER, 0xffff)
    c.fails(header(6, o.OFPT_PACKET_OUT, 9, nothing + output + FRAME), R, o.OFPBRC_BAD_PORT)


# ---- what controllers are told of one another, and of the tables

def test_role_status(four):
    a, b = four[5], four[6]
    for generation, (winner, loser) in enumerate(((a, b), (b, a), (a, b))):
        o, p = winner.ofp, winner.parser
        args = [winner.dp, o.OFPCR_ROLE_MASTER] + ([0] if winner.version == 6 else [])
        assert winner.request(p.OFPRoleRequest(*args, generation)).role == o.OFPCR_ROLE_MASTER
        if generation:
            e = loser.event(o.OFPT_ROLE_STATUS)
            assert (e.role, e.reason, e.generation_id) == \
                (o.OFPCR_ROLE_SLAVE, o.OFPCRR_MASTER_REQUEST, generation)
    # 1.3 is told nothing: it has no such message
    four[4].barrier()
    assert not four[4].events


def test_generations_are_the_switchs(four):
    for generation, c in ((7, four[4]), (8, four[5]), (9, four[6])):
        args = [c.dp, c.ofp.OFPCR_ROLE_SLAVE] + ([0] if c.version == 6 else [])
        assert c.request(c.parser.OFPRoleRequest(*args, generation)).generation_id == generation
        c.fails(c.parser.OFPRoleRequest(*args, generation - 1), c.ofp.OFPET_ROLE_REQUEST_FAILED,
                c.ofp.OFPRRFC_STALE)


def test_short_ids_of_1_5(connect):
    a, b = connect(6), connect(6)
    o, p = a.ofp, a.parser
    assert a.request(p.OFPRoleRequest(a.dp, o.OFPCR_ROLE_NOCHANGE, 77, 0)).short_id == 77
    b.fails(p.OFPRoleRequest(b.dp, o.OFPCR_ROLE_NOCHANGE, 77, 0), o.OFPET_ROLE_REQUEST_FAILED,
            o.OFPRRFC_ID_IN_USE)
    e = b.event(35)
    while e.status.reason != o.OFPCSR_SHORT_ID:
        e = b.event(35)
    assert e.status.short_id == 77
    a.close()
    e = b.event(35)
    assert (e.status.reason, e.status.channel_status, e.status.short_id) == \
        (o.OFPCSR_CHANNEL_STATUS, o.OFPCT_STATUS_DOWN, 77)
    assert b.request(p.OFPRoleRequest(b.dp, o.OFPCR_ROLE_NOCHANGE, 77, 0)).short_id == 77


def test_controller_status_of_1_5(server, connect):
    c = connect(6)
    o, p = c.ofp, c.parser

    def ask():
        return c.multipart(p.OFPControllerStatusStatsRequest(c.dp, 0))
    one, = ask()
    assert (one.role, one.reason, one.channel_status) == \
        (o.OFPCR_ROLE_EQUAL, o.OFPCSR_REQUEST, o.OFPCT_STATUS_UP)
    server(f'update p{server.target} tcp:127.0.0.1:1')
    e = c.event(35).status
    assert (e.reason, e.channel_status) == (o.OFPCSR_CONTROLLER_ADDED, o.OFPCT_STATUS_DOWN)
    assert bytes(e.properties[0].uri).rstrip(b'\0') == b'tcp:127.0.0.1:1'
    other = connect(4)
    e = c.event(35).status
    assert (e.reason, e.channel_status, e.role) == \
        (o.OFPCSR_CHANNEL_STATUS, o.OFPCT_STATUS_UP, o.OFPCR_ROLE_EQUAL)
    other.request(other.parser.OFPRoleRequest(other.dp, o.OFPCR_ROLE_MASTER, 1))
    e = c.event(35).status
    assert (e.reason, e.role) == (o.OFPCSR_ROLE, o.OFPCR_ROLE_MASTER)
    assert sorted((x.channel_status, x.role) for x in ask()) == [
        (o.OFPCT_STATUS_UP, o.OFPCR_ROLE_EQUAL), (o.OFPCT_STATUS_UP, o.OFPCR_ROLE_MASTER),
        (o.OFPCT_STATUS_DOWN, o.OFPCR_ROLE_NOCHANGE)]
    server(f'update p{server.target}')
    assert c.event(35).status.reason == o.OFPCSR_CONTROLLER_REMOVED


def set_async(c, **masks):
    """Sets masks by the names of their properties, and 1.4's and 1.5's form of them."""
    o, p = c.ofp, c.parser
    return p.OFPSetAsync(c.dp, [p.OFPAsyncConfigPropReasons(getattr(o, f'OFPACPT_{name}'), 8, mask)
                                for name, mask in masks.items()])


@pytest.mark.parametrize('version', [5, 6])
def test_async_configuration_by_properties(connect, version):
    c = connect(version)
    o, p = c.ofp, c.parser

    def masks():
        reply = c.request(p.OFPGetAsyncRequest(c.dp))
        # os-ken does not know those of 1.5's own
        return {x.type: x.mask if hasattr(x, 'mask') else struct.unpack('!I', bytes(x.buf)[-4:])[0]
                for x in reply.properties}
    first = masks()
    assert set(first) == set(range(16 if version == 6 else 12))
    assert first[o.OFPACPT_PACKET_IN_MASTER] == 0x3b and first[o.OFPACPT_PACKET_IN_SLAVE] == 0
    assert first[o.OFPACPT_PORT_STATUS_SLAVE] == 7 and first[o.OFPACPT_REQUESTFORWARD_MASTER] == 0
    c.send(set_async(c, PACKET_IN_MASTER=4, TABLE_STATUS_SLAVE=8))
    assert masks() == {**first, o.OFPACPT_PACKET_IN_MASTER: 4, o.OFPACPT_TABLE_STATUS_SLAVE: 8}
    A, P = o.OFPET_ASYNC_CONFIG_FAILED, o.OFPET_BAD_PROPERTY
    c.fails(set_async(c, PACKET_IN_MASTER=1, PORT_STATUS_MASTER=8), A, o.OFPACFC_INVALID)
    assert masks()[o.OFPACPT_PACKET_IN_MASTER] == 4, 'all of it or nothing'
    twice = [p.OFPAsyncConfigPropReasons(0, 8, 1)] * 2
    c.fails(p.OFPSetAsync(c.dp, twice), P, o.OFPBPC_DUP_TYPE)
    prop = struct.pack('!HHIII', 0xffff, 16, 7, 1, 0)
    c.fails(header(version, 28, 9, prop), P, o.OFPBPC_BAD_EXPERIMENTER)
    c.fails(header(version, 28, 9, struct.pack('!HHI', 99, 8, 0)), P, o.OFPBPC_BAD_TYPE)


def test_requests_are_forwarded(four):
    """Group and meter mods that succeed, to who asked for it, each in its version."""
    a, b, c = four[4], four[5], four[6]
    for d in (b, c):
        d.send(set_async(d, REQUESTFORWARD_MASTER=3))
        d.barrier()
    o, p = a.ofp, a.parser
    a.send(p.OFPGroupMod(a.dp, o.OFPGC_ADD, o.OFPGT_SELECT, 7, [
        p.OFPBucket(weight=3, actions=[a.output(2)])]), xid=0x77)
    a.send(p.OFPMeterMod(a.dp, o.OFPMC_ADD, o.OFPMF_KBPS, 3, [p.OFPMeterBandDrop(1000, 0)]))
    a.fails(p.OFPGroupMod(a.dp, o.OFPGC_ADD, o.OFPGT_SELECT, 7, []), o.OFPET_GROUP_MOD_FAILED,
            o.OFPGMFC_GROUP_EXISTS)
    a.barrier()
    for d in (b, c):
        group = d.event(d.ofp.OFPT_REQUESTFORWARD).request
        assert (group.version, group.xid, group.msg_type) == (d.version, 0x77, d.ofp.OFPT_GROUP_MOD)
        assert (group.command, group.group_id, group.type) == (0, 7, d.ofp.OFPGT_SELECT)
        bucket, = group.buckets
        assert bucket.actions[0].port == 2
        assert (bucket.properties[0] if d is c else bucket).weight == 3
        meter = d.event(d.ofp.OFPT_REQUESTFORWARD).request
        assert (meter.msg_type, meter.meter_id, meter.bands[0].rate) == (d.ofp.OFPT_METER_MOD, 3, 1000)
        d.barrier()
        assert not [e for e in d.events if e.msg_type == d.ofp.OFPT_REQUESTFORWARD]
    b.send(b.parser.OFPGroupMod(b.dp, o.OFPGC_DELETE, o.OFPGT_SELECT, 7, []))
    b.barrier()
    assert c.event(c.ofp.OFPT_REQUESTFORWARD).request.command == c.ofp.OFPGC_DELETE
    assert not [e for e in b.events if e.msg_type == b.ofp.OFPT_REQUESTFORWARD]


@pytest.mark.parametrize('version', [5, 6])
def test_table_mod_and_desc(four, version):
    c = four[version]
    o, p = c.ofp, c.parser
    eviction = p.OFPTableModPropEviction(o.OFPTMPT_EVICTION, flags=o.OFPTMPEF_LIFETIME)
    vacancy = p.OFPTableModPropVacancy(o.OFPTMPT_VACANCY, vacancy_down=20, vacancy_up=40, vacancy=0)
    both = o.OFPTC_EVICTION | o.OFPTC_VACANCY_EVENTS

    def mod(config, *properties, table=3):
        return p.OFPTableMod(c.dp, table, config, list(properties))
    c.send(mod(both, eviction, vacancy))
    c.barrier()
    assert not c.errors
    for d in (four[5], four[6]):
        tables = {t.table_id: t for t in d.multipart(d.parser.OFPTableDescStatsRequest(d.dp, 0))}
        assert set(tables) == set(range(255)) and tables[4].config == 0
        assert tables[3].config == both
        e, v = tables[3].properties
        assert e.flags == o.OFPTMPEF_LIFETIME
        assert (v.vacancy_down, v.vacancy_up, v.vacancy) == (20, 40, 90)
    T, P = o.OFPET_TABLE_MOD_FAILED, o.OFPET_BAD_PROPERTY
    c.fails(mod(0x10), T, o.OFPTMFC_BAD_CONFIG)
    c.fails(mod(o.OFPTC_VACANCY_EVENTS), T, o.OFPTMFC_BAD_CONFIG)
    c.fails(mod(both, eviction, eviction), P, o.OFPBPC_DUP_TYPE)
    vacancy.vacancy_down = 41
    c.fails(mod(both, vacancy), P, o.OFPBPC_BAD_VALUE)
    eviction.flags = 8
    c.fails(mod(both, eviction), P, o.OFPBPC_BAD_VALUE)
    c.fails(mod(0, p.OFPTableModPropExperimenter(0xffff, None, 7, 1)), P, o.OFPBPC_BAD_EXPERIMENTER)
    c.send(mod(0, table=255))
    assert not any(t.config for t in c.multipart(p.OFPTableDescStatsRequest(c.dp, 0)))


def test_table_status(four, server):
    server('vacancy 5 3')
    for d in (four[5], four[6]):
        e = d.event(31)
        assert e.reason == d.ofp.OFPTR_VACANCY_DOWN and e.table.table_id == 5
        assert e.table.properties[0].vacancy == 10
    four[4].barrier()
    assert not four[4].events


@pytest.mark.parametrize('version', [4, 5, 6])
def test_table_features_tell_the_truth(connect, version):
    c = connect(version)
    o, p = c.ofp, c.parser
    tables = c.multipart(p.OFPTableFeaturesStatsRequest(c.dp, 0, []))
    assert [t.table_id for t in tables] == list(range(255))
    t = tables[0]
    props = {x.type: x for x in t.properties}
    instructions = {i.type for i in props[o.OFPTFPT_INSTRUCTIONS].instruction_ids}
    assert (6 in instructions) == (version < 6), 'meter: an instruction before 1.5'
    assert t.max_entries == 1000000
    if version > 4:
        assert (t.capabilities if version == 6 else t.config) == \
            o.OFPTC_EVICTION | o.OFPTC_VACANCY_EVENTS
    if version == 6:
        assert t.features == o.OFPTFF_INGRESS_TABLE and o.OFPTFPT_PACKET_TYPES in props
        for where in ('WRITE', 'APPLY'):
            can = {a.type for a in props[getattr(o, f'OFPTFPT_{where}_ACTIONS')].action_ids}
            assert {o.OFPAT_COPY_FIELD, o.OFPAT_METER} <= can
            copied = {x.type for x in props[getattr(o, f'OFPTFPT_{where}_COPYFIELD')].oxm_ids}
            assert 'eth_dst' in copied and 'in_phy_port' not in copied


def test_table_features_of_1_5_are_refused_by_name(connect):
    c = connect(6)
    o, p = c.ofp, c.parser
    F = o.OFPET_TABLE_FEATURES_FAILED

    def ask(table=0, command=0, features=1, capabilities=0, max_entries=1000):
        return header(6, 18, 9, struct.pack('!HH4x', 12, 0) + struct.pack(
            '!HBBI32sQQII', 64, table, command, features, b'x', 0, 0, capabilities, max_entries))
    c.fails(ask(), F, o.OFPTFFC_EPERM)
    c.fails(ask(table=255), F, o.OFPTFFC_BAD_TABLE)
    c.fails(ask(command=9), F, o.OFPTFFC_BAD_COMMAND)
    c.fails(ask(features=0x100), F, o.OFPTFFC_BAD_FEATURES)
    c.fails(ask(capabilities=0x100), F, o.OFPTFFC_BAD_CAP)
    c.fails(ask(max_entries=2000000), F, o.OFPTFFC_BAD_MAX_ENT)


def test_egress_tables_of_1_5(connect):
    """One table's features, modified or enabled, make it the first egress table, or end that."""
    c = connect(6)
    o, p = c.ofp, c.parser
    F = o.OFPET_TABLE_FEATURES_FAILED

    def tables():
        return {t.table_id: t for t in c.multipart(p.OFPTableFeaturesStatsRequest(c.dp, 0, []))}

    def ask(table, features, command=o.OFPTFC_MODIFY, count=1):
        body = struct.pack('!HBBI32sQQII', 64, table, command, features, b'', 0, 0, 0, 0)
        return header(6, 18, 9, struct.pack('!HH4x', 12, 0) + count * body)

    def grant(table, features):
        c.send_raw(ask(table, features))
        flags = 1
        while flags & o.OFPMPF_REPLY_MORE:
            reply = c.recv()
            assert reply.xid == 9
            flags = reply.flags
        return tables()
    first = o.OFPTFF_EGRESS_TABLE | o.OFPTFF_FIRST_EGRESS
    got = grant(10, first)
    assert [got[n].features for n in (9, 10, 11)] == [o.OFPTFF_INGRESS_TABLE, first,
                                                      o.OFPTFF_EGRESS_TABLE]
    prop = {n: {x.type: x for x in t.properties} for n, t in got.items()}
    assert list(prop[8][o.OFPTFPT_NEXT_TABLES].table_ids) == [9]
    assert list(prop[9][o.OFPTFPT_NEXT_TABLES].table_ids) == []
    assert list(prop[10][o.OFPTFPT_NEXT_TABLES].table_ids) == list(range(11, 255))
    writes = {n: {a.type for a in prop[n][o.OFPTFPT_WRITE_ACTIONS].action_ids} for n in (9, 10)}
    assert writes[9] - writes[10] == {o.OFPAT_OUTPUT, o.OFPAT_GROUP}
    c.fails(ask(0, first), F, o.OFPTFFC_BAD_FEATURES)
    c.fails(ask(20, first, o.OFPTFC_REPLACE), F, o.OFPTFFC_EPERM)
    c.fails(ask(20, first, o.OFPTFC_DISABLE), F, o.OFPTFFC_EPERM)
    c.fails(ask(20, first, count=2), F, o.OFPTFFC_EPERM)
    got = grant(10, o.OFPTFF_INGRESS_TABLE)
    assert all(t.features == o.OFPTFF_INGRESS_TABLE for t in got.values())
