# SPDX-License-Identifier: Apache-2.0
"""Tables that evict and that tell of vacancy, and buckets one by one, on the whole switch."""
import pytest

from lab.weft import WeftHost
from ofclient import Client

RULES = 10
LATE = pytest.mark.parametrize('version', [5, 6], ids=['1.4', '1.5'])


@pytest.fixture
def host(lab, fabric):
    h = WeftHost(lab, fabric, 1)
    h.switch('red', nulls=3, dpid=0xabc, quotas={'rules': RULES})
    h.up()
    return h


def add(c, n, importance=0):
    c.send(c.flow(match=c.parser.OFPMatch(in_port=1), priority=n, cookie=n, importance=importance,
                  flags=c.ofp.OFPFF_SEND_FLOW_REM))


@LATE
def test_a_full_table_evicts_the_least_important(host, version):
    with Client.connect(host.target, version=version) as c:
        o, p = c.ofp, c.parser
        for n in range(1, RULES + 1):
            add(c, n, importance=n)
        c.fails(c.flow(priority=99, importance=50), o.OFPET_FLOW_MOD_FAILED, o.OFPFMFC_TABLE_FULL)
        c.send(p.OFPTableMod(c.dp, 0, o.OFPTC_EVICTION, [
            p.OFPTableModPropEviction(o.OFPTMPT_EVICTION, flags=o.OFPTMPEF_IMPORTANCE)]))
        add(c, 50, importance=50)
        gone = c.event(o.OFPT_FLOW_REMOVED)
        assert (gone.cookie, gone.reason) == (1, o.OFPRR_EVICTION)
        assert sorted((f.cookie, f.importance) for f in c.flows()) == \
            [(n, n) for n in (*range(2, RULES + 1), 50)]
        c.fails(c.flow(priority=98, importance=1), o.OFPET_FLOW_MOD_FAILED, o.OFPFMFC_TABLE_FULL)
        with Client.connect(host.target, version=1) as old:
            old.send(old.flow(match=old.parser.OFPMatch(in_port=1), priority=2,
                              command=old.ofp.OFPFC_DELETE_STRICT))
            assert old.event(11).reason == old.ofp.OFPRR_DELETE


@LATE
def test_vacancy_is_told_at_each_border_once(host, version):
    with Client.connect(host.target, version=version) as c:
        o, p = c.ofp, c.parser
        c.send(p.OFPTableMod(c.dp, 3, o.OFPTC_VACANCY_EVENTS, [
            p.OFPTableModPropVacancy(o.OFPTMPT_VACANCY, vacancy_down=30, vacancy_up=60, vacancy=0)]))
        for n in range(1, 9):  # 80 % used
            add(c, n)
        e = c.event(o.OFPT_TABLE_STATUS)
        assert (e.reason, e.table.table_id) == (o.OFPTR_VACANCY_DOWN, 3)
        v, = [x for x in e.table.properties if x.type == o.OFPTMPT_VACANCY]
        assert (v.vacancy_down, v.vacancy_up) == (30, 60) and v.vacancy < 30
        c.send(c.flow(o.OFPFC_DELETE, table_id=255))
        e = c.event(o.OFPT_TABLE_STATUS)
        assert e.reason == o.OFPTR_VACANCY_UP
        c.barrier()
        assert not [x for x in c.events if x.msg_type == o.OFPT_TABLE_STATUS]
        table = c.multipart(p.OFPTableDescStatsRequest(c.dp, 0))[3]
        assert table.config == o.OFPTC_VACANCY_EVENTS and table.properties[0].vacancy == 100


def test_buckets_one_by_one(host):
    """Inserted at the front, at the end and behind one; removed by id and all; seen by 1.3 as a whole."""
    with Client.connect(host.target, version=6) as c, Client.connect(host.target) as old:
        o, p = c.ofp, c.parser

        def mod(command, which, *ids):
            buckets = [p.OFPBucket(bucket_id=n, actions=[c.output(1 + n % 3)]) for n in ids]
            c.send(p.OFPGroupMod(c.dp, command, o.OFPGT_ALL, 1, which, buckets))
            c.barrier()
            assert not c.errors, c.errors

        def there():
            group, = c.multipart(p.OFPGroupDescStatsRequest(c.dp, 0, 1))
            seen, = old.multipart(old.parser.OFPGroupDescStatsRequest(old.dp, 0))
            assert [b.actions[0].port for b in seen.buckets] == \
                [b.actions[0].port for b in group.buckets]
            return [b.bucket_id for b in group.buckets]
        mod(o.OFPGC_ADD, o.OFPG_BUCKET_ALL, 10, 20)
        mod(o.OFPGC_INSERT_BUCKET, o.OFPG_BUCKET_FIRST, 5)
        mod(o.OFPGC_INSERT_BUCKET, o.OFPG_BUCKET_LAST, 30, 31)
        mod(o.OFPGC_INSERT_BUCKET, 10, 15)
        assert there() == [5, 10, 15, 20, 30, 31]
        mod(o.OFPGC_REMOVE_BUCKET, 20)
        mod(o.OFPGC_REMOVE_BUCKET, o.OFPG_BUCKET_FIRST)
        mod(o.OFPGC_REMOVE_BUCKET, o.OFPG_BUCKET_LAST)
        assert there() == [10, 15, 30]
        mod(o.OFPGC_REMOVE_BUCKET, o.OFPG_BUCKET_ALL)
        assert there() == []


def test_meters_as_actions_of_1_5(host):
    with Client.connect(host.target, version=6) as c:
        o, p = c.ofp, c.parser
        c.fails(c.flow(actions=[p.OFPActionMeter(7)]), o.OFPET_BAD_ACTION, 17)  # OFPBAC_BAD_METER
        c.send(p.OFPMeterMod(c.dp, o.OFPMC_ADD, o.OFPMF_KBPS, 7, [p.OFPMeterBandDrop(1000, 0)]))
        c.send(c.flow(actions=[p.OFPActionMeter(7), c.output(1)]))
        c.barrier()
        assert not c.errors
        stats, = c.multipart(p.OFPMeterStatsRequest(c.dp, 0, 7))
        assert (getattr(stats, 'ref_count', None) or getattr(stats, 'flow_count', 0)) == 1
        c.send(p.OFPMeterMod(c.dp, o.OFPMC_DELETE, o.OFPMF_KBPS, 7, []))
        c.barrier()
        assert c.flows() == [], 'rules go with their meter (1.5.1, 6.8)'


def test_pipeline_fields_of_a_packet_out(host):
    """What a packet-out of 1.5 lists besides its port is what the tables match and a packet-in tells."""
    with Client.connect(host.target, version=6) as c:
        o, p = c.ofp, c.parser
        c.send(c.flow(match=p.OFPMatch(in_port=2, metadata=0x77, tunnel_id=5), priority=9,
                      actions=[c.output(o.OFPP_CONTROLLER)]))
        for metadata in (0x66, 0x77):
            c.send(p.OFPPacketOut(c.dp, o.OFP_NO_BUFFER,
                                  p.OFPMatch(in_port=2, metadata=metadata, tunnel_id=5),
                                  [c.output(o.OFPP_TABLE)], bytes(60)))
        c.barrier()
        assert not c.errors
        e = c.event(o.OFPT_PACKET_IN)
        assert (e.match['in_port'], e.match['metadata'], e.match['tunnel_id']) == (2, 0x77, 5)
        c.barrier()
        assert not [x for x in c.events if x.msg_type == o.OFPT_PACKET_IN]
