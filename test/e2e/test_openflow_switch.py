# SPDX-License-Identifier: Apache-2.0
"""OpenFlow against the whole switch: weft-agent and weft-dataplane, with null ports."""
import subprocess
import time

import pytest

from lab.wait import wait_until
from lab.weft import WeftHost
from ofclient import Client

OVERLAY = 65000


@pytest.fixture
def host(lab, fabric):
    h = WeftHost(lab, fabric, 1)
    h.switch('red', nulls=3, vni=5001, dpid=0xabc)
    h.up()
    return h


@pytest.fixture
def c(host):
    with Client.connect(host.target) as client:
        yield client


def ofctl(host, command, *args, status=0):
    r = subprocess.run(['ovs-ofctl', '-O', 'OpenFlow13', command, host.target, *args],
                       capture_output=True, text=True, timeout=30)
    assert r.returncode == status, r.stderr
    return r.stdout + r.stderr


def test_reading(c):
    p, o = c.parser, c.ofp
    assert c.request(p.OFPFeaturesRequest(c.dp)).datapath_id == 0xabc
    ports = {x.port_no: x for x in c.multipart(p.OFPPortDescStatsRequest(c.dp, 0))}
    assert set(ports) == {1, 2, 3, OVERLAY} and ports[OVERLAY].name == b'overlay'
    stats = c.multipart(p.OFPPortStatsRequest(c.dp, 0, o.OFPP_ANY))
    assert {s.port_no for s in stats} == set(ports)
    assert [s.port_no for s in c.multipart(p.OFPPortStatsRequest(c.dp, 0, 2))] == [2]
    assert len(c.multipart(p.OFPTableStatsRequest(c.dp, 0))) == 255
    assert c.flows() == []
    assert c.multipart(p.OFPGroupStatsRequest(c.dp, 0, o.OFPG_ALL)) == []
    assert c.multipart(p.OFPGroupStatsRequest(c.dp, 0, 5)) == []
    assert c.multipart(p.OFPMeterConfigStatsRequest(c.dp, 0, o.OFPM_ALL)) == []
    c.fails(p.OFPMeterStatsRequest(c.dp, 0, 7), o.OFPET_METER_MOD_FAILED,
            o.OFPMMFC_UNKNOWN_METER)


def test_rules_groups_and_meters_are_read_back(c):
    p, o = c.parser, c.ofp
    c.send(p.OFPGroupMod(c.dp, o.OFPGC_ADD, o.OFPGT_SELECT, 7, [
        p.OFPBucket(weight=2, actions=[p.OFPActionPopVlan(), c.output(1)]),
        p.OFPBucket(weight=3, actions=[c.output(2)])]))
    c.send(p.OFPMeterMod(c.dp, o.OFPMC_ADD, o.OFPMF_KBPS | o.OFPMF_BURST, 3, [
        p.OFPMeterBandDrop(rate=1000, burst_size=10),
        p.OFPMeterBandDscpRemark(rate=500, burst_size=5, prec_level=1)]))
    c.send(c.flow(match=p.OFPMatch(eth_type=0x800, ipv4_dst=('10.0.0.0', '255.0.0.0')),
                  priority=9, cookie=0xabc, idle_timeout=30, instructions=[
                      p.OFPInstructionMeter(3),
                      p.OFPInstructionActions(o.OFPIT_APPLY_ACTIONS, [
                          p.OFPActionSetField(tunnel_id=5001), p.OFPActionGroup(7)]),
                      p.OFPInstructionWriteMetadata(5, 7), p.OFPInstructionGotoTable(9)]))
    c.barrier()
    assert not c.errors, c.errors
    f, = c.flows()
    assert (f.priority, f.cookie, f.idle_timeout) == (9, 0xabc, 30)
    assert f.match['ipv4_dst'] == ('10.0.0.0', '255.0.0.0')
    assert [i.type for i in f.instructions] == [o.OFPIT_METER, o.OFPIT_APPLY_ACTIONS,
                                                o.OFPIT_WRITE_METADATA, o.OFPIT_GOTO_TABLE]
    d, = c.multipart(p.OFPGroupDescStatsRequest(c.dp, 0))
    assert [(b.weight, len(b.actions)) for b in d.buckets] == [(2, 2), (3, 1)]
    s, = c.multipart(p.OFPGroupStatsRequest(c.dp, 0, 7))
    assert s.ref_count == 1 and len(s.bucket_stats) == 2
    m, = c.multipart(p.OFPMeterConfigStatsRequest(c.dp, 0, 3))
    assert [(b.type, b.rate) for b in m.bands] == [(1, 1000), (2, 500)]
    s, = c.multipart(p.OFPMeterStatsRequest(c.dp, 0, 3))
    assert s.flow_count == 1 and len(s.band_stats) == 2


def test_errors_of_the_data_plane(c):
    p, o = c.parser, c.ofp
    G, M, F = o.OFPET_GROUP_MOD_FAILED, o.OFPET_METER_MOD_FAILED, o.OFPET_FLOW_MOD_FAILED

    def apply(*actions):
        return [p.OFPInstructionActions(o.OFPIT_APPLY_ACTIONS, list(actions))]

    def group(command, number, *actions, kind=o.OFPGT_ALL, count=1):
        return p.OFPGroupMod(c.dp, command, kind, number,
                             [p.OFPBucket(watch_port=o.OFPP_ANY, actions=list(actions))] * count)

    c.fails(c.flow(instructions=apply(p.OFPActionGroup(99))), o.OFPET_BAD_ACTION,
            o.OFPBAC_BAD_OUT_GROUP)
    c.fails(c.flow(instructions=[p.OFPInstructionMeter(99)]), M, o.OFPMMFC_UNKNOWN_METER)
    c.fails(c.flow(table_id=5, instructions=[p.OFPInstructionGotoTable(5)]),
            o.OFPET_BAD_INSTRUCTION, o.OFPBIC_BAD_TABLE_ID)
    c.send(c.flow(match=p.OFPMatch(in_port=1), priority=4))
    c.fails(c.flow(priority=4, flags=o.OFPFF_CHECK_OVERLAP), F, o.OFPFMFC_OVERLAP)
    c.send(group(o.OFPGC_ADD, 1, c.output(1)))
    c.fails(group(o.OFPGC_ADD, 1, c.output(1)), G, o.OFPGMFC_GROUP_EXISTS)
    c.fails(group(o.OFPGC_MODIFY, 2), G, o.OFPGMFC_UNKNOWN_GROUP)
    c.fails(group(o.OFPGC_MODIFY, 1, p.OFPActionGroup(1)), G, o.OFPGMFC_LOOP)
    c.fails(group(o.OFPGC_ADD, 5, c.output(1), kind=o.OFPGT_INDIRECT, count=2), G,
            o.OFPGMFC_INVALID_GROUP)
    c.fails(c.flow(instructions=apply(p.OFPActionSetField(tunnel_id=77))), o.OFPET_BAD_ACTION,
            o.OFPBAC_EPERM)
    c.send(p.OFPMeterMod(c.dp, 0, 1, 1, [p.OFPMeterBandDrop(rate=1000)]))
    c.fails(p.OFPMeterMod(c.dp, 0, 1, 1, [p.OFPMeterBandDrop(rate=1000)]), M,
            o.OFPMMFC_METER_EXISTS)
    c.fails(p.OFPMeterMod(c.dp, o.OFPMC_MODIFY, 1, 2, [p.OFPMeterBandDrop(rate=1000)]), M,
            o.OFPMMFC_UNKNOWN_METER)
    c.barrier()
    assert len(c.flows()) == 1


def frame(n=60):
    return bytes.fromhex('ffffffffffff02000000000188b5') + bytes(n - 14)


def test_packet_out_to_packet_in(c):
    """Through the tables of the data plane and back."""
    p, o = c.parser, c.ofp
    c.send(c.flow(actions=[c.output(o.OFPP_CONTROLLER, 30)], priority=0, cookie=7))
    c.send(c.flow(match=p.OFPMatch(in_port=2), actions=[c.output(o.OFPP_CONTROLLER)], priority=5,
                  cookie=8))
    c.barrier()
    for port, reason, cookie, length in ((1, o.OFPR_NO_MATCH, 7, 30), (2, o.OFPR_ACTION, 8, 100)):
        c.send(p.OFPPacketOut(c.dp, o.OFP_NO_BUFFER, port, [c.output(o.OFPP_TABLE)], frame(100)))
        e = c.event(o.OFPT_PACKET_IN)
        assert (e.reason, e.cookie, e.table_id, e.match['in_port'], e.total_len) == \
            (reason, cookie, 0, port, 100)
        assert e.data == frame(100)[:length]
    f, = [f for f in c.flows() if f.priority == 5]
    wait_until(lambda: {f.cookie: f.packet_count for f in c.flows()} == {7: 1, 8: 1}, 5,
               'counters')


def test_flow_removed(c):
    p, o = c.parser, c.ofp
    c.send(c.flow(match=p.OFPMatch(in_port=1), hard_timeout=1, flags=o.OFPFF_SEND_FLOW_REM,
                  cookie=1))
    c.send(c.flow(match=p.OFPMatch(in_port=2), idle_timeout=2, flags=o.OFPFF_SEND_FLOW_REM,
                  cookie=2))
    c.send(c.flow(match=p.OFPMatch(in_port=3), flags=o.OFPFF_SEND_FLOW_REM, cookie=3))
    c.send(c.flow(o.OFPFC_DELETE, match=p.OFPMatch(in_port=3)))
    seen = [(e.cookie, e.reason) for e in (c.event(o.OFPT_FLOW_REMOVED, 8) for _ in range(3))]
    assert seen == [(3, o.OFPRR_DELETE), (1, o.OFPRR_HARD_TIMEOUT), (2, o.OFPRR_IDLE_TIMEOUT)]


def test_port_mod_and_status(c, host):
    p, o = c.parser, c.ofp
    port = next(x for x in c.multipart(p.OFPPortDescStatsRequest(c.dp, 0)) if x.port_no == 1)
    c.send(p.OFPPortMod(c.dp, 1, port.hw_addr, o.OFPPC_NO_FWD, o.OFPPC_NO_FWD, 0))
    e = c.event(o.OFPT_PORT_STATUS)
    assert (e.reason, e.desc.port_no, e.desc.config) == (o.OFPPR_MODIFY, 1, o.OFPPC_NO_FWD)
    host.tenant_config('red')['ports'].append({'name': 'null9', 'number': 9, 'kind': 'null'})
    host.apply()
    e = c.event(o.OFPT_PORT_STATUS)
    assert (e.reason, e.desc.port_no) == (o.OFPPR_ADD, 9)
    host.tenant_config('red')['ports'].pop()
    host.apply()
    e = c.event(o.OFPT_PORT_STATUS)
    assert (e.reason, e.desc.port_no) == (o.OFPPR_DELETE, 9)


def test_many_rules(host, c):
    p = c.parser
    n = 20000
    data = b''.join(c.encode(c.flow(
        match=p.OFPMatch(eth_type=0x800, ipv4_dst=f'10.{i >> 16}.{i >> 8 & 255}.{i & 255}'),
        priority=100, actions=[c.output(1)])) for i in range(n))
    c = Client.connect(host.target)  # that took so long that the first session may be given up
    started = time.monotonic()
    c.send_raw(data)
    c.sock.settimeout(60)
    c.barrier()
    took = time.monotonic() - started
    assert not c.errors
    started = time.monotonic()
    flows = c.flows()
    print(f'{n / took:.0f} flow-mods/s, dump {n / (time.monotonic() - started):.0f} rules/s')
    assert len({f.match['ipv4_dst'] for f in flows}) == n


def test_ovs_ofctl(host):
    assert 'dpid:0000000000000abc' in ofctl(host, 'show')
    ofctl(host, 'add-flow', 'priority=5,ip,nw_dst=10.0.0.0/8,actions=dec_ttl,output:2')
    ofctl(host, 'add-group', 'group_id=3,type=select,bucket=output:1,bucket=output:2')
    assert 'nw_dst=10.0.0.0/8 actions=dec_ttl,output:2' in ofctl(host, 'dump-flows')
    assert 'group_id=3,type=select' in ofctl(host, 'dump-groups')
    assert 'active=1' in ofctl(host, 'dump-tables')
    for command in ('dump-ports', 'dump-ports-desc', 'dump-desc', 'dump-group-stats',
                    'dump-aggregate', 'meter-features', 'dump-table-features', 'probe',
                    'queue-stats', 'get-frags'):
        ofctl(host, command)
    ofctl(host, 'set-frags', 'drop')
    assert 'drop' in ofctl(host, 'get-frags')
    ofctl(host, 'del-groups'), ofctl(host, 'del-flows')
    assert 'actions' not in ofctl(host, 'dump-flows')


def test_a_data_plane_that_dies_ends_sessions_until_it_is_back(c, host):
    c.send(c.flow(actions=[c.output(1)]))
    c.barrier()
    host.dataplane.kill()
    c.wait_closed()
    host.start_dataplane()
    host.wait_ready()
    with Client.connect(host.target) as again:
        assert again.flows() == [], 'a new data plane is empty'
        again.send(again.flow(actions=[again.output(1)]))
        again.barrier()
        assert len(again.flows()) == 1


def test_an_agent_that_dies_leaves_the_rules(c, host):
    p, o = c.parser, c.ofp
    c.send(c.flow(actions=[c.output(1)], cookie=5))
    c.send(p.OFPSetConfig(c.dp, o.OFPC_FRAG_DROP, 128))
    c.barrier()
    host.agent.kill()
    c.wait_closed()
    host.start_agent()
    host.wait_ready()
    with Client.connect(host.target) as again:
        assert [f.cookie for f in again.flows()] == [5]
        config = again.request(p.OFPGetConfigRequest(again.dp))
        assert config.flags == o.OFPC_FRAG_DROP, 'as it was left'
