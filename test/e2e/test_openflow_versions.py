# SPDX-License-Identifier: Apache-2.0
"""OpenFlow 1.0, 1.3, 1.4 and 1.5 on one switch at once: what is the same in each, and what is its own."""
import pytest

from ofclient import NAMES, Client, header, hello

ALL = pytest.mark.parametrize('version', list(NAMES), ids=list(NAMES.values()))
OVERLAY = 65000
FRAME = bytes(range(60))


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
        state, = server.sessions()
        assert state['version'] == NAMES[version]


def test_each_in_its_own_version_at_once(four, server):
    for c in four.values():
        c.barrier()
    assert {s['version'] for s in server.sessions()} == set(NAMES.values())


@ALL
def test_another_version_afterwards_is_an_error(connect, version):
    c = connect(version)
    for other in set(NAMES) - {version}:
        c.fails(header(other, c.ofp.OFPT_FEATURES_REQUEST, 9), 1, c.ofp.OFPBRC_BAD_VERSION)


# ---- the same rule, seen by each

def test_a_rule_of_each_is_seen_by_all(four):
    for version, c in four.items():
        p = c.parser
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
