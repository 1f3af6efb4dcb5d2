# SPDX-License-Identifier: Apache-2.0
"""What OpenFlow 1.4 and 1.5 have of their own: status messages, forwarded requests, the tables' state."""
import struct

import pytest

from ofclient import header

FRAME = bytes(range(60))


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
        return {x.type: x.mask if hasattr(x, 'mask') else struct.unpack_from('!I', x.buf, 4)[0]
                for x in reply.properties}
    first = masks()
    assert set(first) == set(range(16 if version == 6 else 12))
    assert first[o.OFPACPT_PACKET_IN_MASTER] == 0x3b and first[o.OFPACPT_PACKET_IN_SLAVE] == 0
    if version == 6:  # OFPACPT_FLOW_STATS_SLAVE and _MASTER
        assert (first[12], first[13]) == (0, 3)
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
    assert (7 in instructions) == (version == 6), 'stat-trigger: from 1.5 on'
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
    o = c.ofp
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
