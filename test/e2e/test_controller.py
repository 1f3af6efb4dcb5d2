# SPDX-License-Identifier: Apache-2.0
"""os-ken as the controller of tenants on two hosts: rules, packet-in and -out, timeouts, groups, meters."""
import base64
import time

import pytest

from lab import traffic
from lab.controller import OVERLAY, OpenFlowError, dp, of, overlay_output, proto
from lab.wait import wait_until

MAC1, MAC2, MAC3 = (f'02:00:00:00:00:{n:02x}' for n in (1, 2, 3))


@pytest.fixture
def two(hosts, controller, controller_target):
    """Two hosts, tenant red on VXLAN: vm1 and vm3 on host 1, vm2 on host 2; dpids 1 and 2."""
    built = [hosts(1), hosts(2)]
    for n, host in enumerate(built):
        host.tenant('red', vni=5001, vteps=[built[1 - n].vtep], dpid=n + 1,
                    controllers=[controller_target])
    built[0].vm('red', 'vm1', 1, '10.0.0.1/24', MAC1)
    built[0].vm('red', 'vm3', 3, '10.0.0.3/24', MAC3)
    built[1].vm('red', 'vm2', 2, '10.0.0.2/24', MAC2)
    for host in built:
        host.up()
    controller.wait_switch(1, 2)
    return built


def connect(controller, hosts_):
    """Rules by which vm1 and vm2 reach each other, ARP included, and nothing else."""
    for dpid, port, remote in ((1, 1, hosts_[1].vtep), (2, 2, hosts_[0].vtep)):
        controller.flow(dpid, of.OFPMatch(in_port=port), overlay_output(remote), cookie=0xe1)
        controller.flow(dpid, of.OFPMatch(in_port=OVERLAY), [of.OFPActionOutput(port)], cookie=0xe2)


def test_tunnel_destination_by_rule(two, controller):
    connect(controller, two)
    vm1, vm2 = two[0].vms['vm1'], two[1].vms['vm2']
    traffic.wait_ping(vm1.ns, vm2.ip)
    assert traffic.ping(vm1.ns, vm2.ip, count=10) == 10
    stats = {f['cookie']: f['packet_count'] for f in controller.flows(1)}
    assert stats[0xe1] >= 11 and stats[0xe2] >= 11


def test_tunnel_fields_can_be_matched(two, controller):
    """tunnel_id and tun_ipv4_src say which network and which VTEP a packet came from."""
    connect(controller, two)
    vm1, vm2 = two[0].vms['vm1'], two[1].vms['vm2']
    controller.flow(1, of.OFPMatch(in_port=OVERLAY, tunnel_id=5001, tun_ipv4_src=two[1].vtep),
                    [of.OFPActionOutput(1)], priority=200, cookie=0x7)
    controller.flow(1, of.OFPMatch(in_port=OVERLAY), [], priority=150)
    traffic.wait_ping(vm1.ns, vm2.ip)
    assert next(f for f in controller.flows(1) if f['cookie'] == 7)['packet_count'] > 0


def test_a_tenant_cannot_name_another_network(two, controller):
    with pytest.raises(OpenFlowError) as refused:
        controller.flow(1, of.OFPMatch(in_port=1), [of.OFPActionSetField(tunnel_id=5002),
                                                    of.OFPActionOutput(OVERLAY)])
    assert refused.value.type_and_code[0] == proto.OFPET_BAD_ACTION
    assert controller.flows(1) == []


def test_foreign_vtep_is_not_sent_to(two, controller):
    """A tunnel destination that is no VTEP of the tenant: dropped, counted, nothing on the wire."""
    controller.flow(1, of.OFPMatch(in_port=1), overlay_output('172.16.0.99'))
    vm1 = two[0].vms['vm1']
    with vm1.raw() as port:
        for _ in range(7):
            port.send(traffic.udp_frame(MAC1, MAC2, '10.0.0.1', '10.0.0.2') / b'astray')
    wait_until(lambda: two[0].drops('red').get('foreign-vtep') == 7, what='7 under foreign-vtep')


def test_packet_in_carries_the_whole_packet(two, controller):
    controller.flow(1, of.OFPMatch(in_port=1), [
        of.OFPActionOutput(proto.OFPP_CONTROLLER, proto.OFPCML_NO_BUFFER)], cookie=0xc0de)
    frame = bytes(traffic.udp_frame(MAC1, MAC2, '10.0.0.1', '10.0.0.2') / (b'look-at-me' + b'.' * 1300))
    with two[0].vms['vm1'].raw() as port:
        port.send(frame)
    message = controller.expect('OFPPacketIn', 1)
    assert base64.b64decode(message['data']) == frame
    assert message['total_len'] == len(frame) and message['cookie'] == 0xc0de
    assert message['reason'] == proto.OFPR_ACTION and message['table_id'] == 0
    fields = {tlv['OXMTlv']['field']: tlv['OXMTlv']['value']
              for tlv in message['match']['OFPMatch']['oxm_fields']}
    assert fields['in_port'] == 1


def test_packet_in_is_cut_to_max_len(two, controller):
    controller.flow(1, None, [of.OFPActionOutput(proto.OFPP_CONTROLLER, 64)], priority=0)
    frame = bytes(traffic.udp_frame(MAC1, MAC2, '10.0.0.1', '10.0.0.2') / (b'x' * 500))
    with two[0].vms['vm1'].raw() as port:
        port.send(frame)
    message = controller.expect('OFPPacketIn', 1)
    assert base64.b64decode(message['data']) == frame[:64] and message['total_len'] == len(frame)
    assert message['reason'] == proto.OFPR_NO_MATCH  # a table-miss rule


def test_packet_out_to_port_table_and_overlay(two, controller):
    connect(controller, two)
    frame = bytes(traffic.udp_frame(MAC1, MAC2, '10.0.0.1', '10.0.0.2') / b'packet-out')
    vm2 = two[1].vms['vm2']
    for actions, in_port in (([of.OFPActionOutput(proto.OFPP_TABLE)], 1),
                             (overlay_output(two[1].vtep), proto.OFPP_CONTROLLER)):
        with vm2.raw() as sink:
            controller.send(1, of.OFPPacketOut(dp, proto.OFP_NO_BUFFER, in_port, actions, frame))
            assert sink.expect(lambda f: b'packet-out' in f) == frame


def test_idle_and_hard_timeout_tell_the_controller(two, controller):
    vm1 = two[0].vms['vm1']
    controller.flow(1, of.OFPMatch(in_port=1, eth_type=0x0800, ip_proto=17, udp_dst=7),
                    [of.OFPActionOutput(3)], idle_timeout=2, flags=proto.OFPFF_SEND_FLOW_REM,
                    cookie=0x1d1e)
    controller.flow(1, of.OFPMatch(in_port=3), [of.OFPActionOutput(1)], hard_timeout=3,
                    flags=proto.OFPFF_SEND_FLOW_REM, cookie=0x4a4d)
    began = time.monotonic()
    with vm1.raw() as port:
        while time.monotonic() - began < 3.5:  # the idle one is kept alive by packets
            port.send(traffic.udp_frame(MAC1, MAC2, '10.0.0.1', '10.0.0.2') / b'awake')
            time.sleep(0.1)
    hard = controller.expect('OFPFlowRemoved', 1, wanted=lambda m: m['cookie'] == 0x4a4d)
    assert hard['reason'] == proto.OFPRR_HARD_TIMEOUT
    assert not [e for e in controller.events('OFPFlowRemoved')
                if e['message']['OFPFlowRemoved']['cookie'] == 0x1d1e]
    idle = controller.expect('OFPFlowRemoved', 1, 8, lambda m: m['cookie'] == 0x1d1e)
    assert idle['reason'] == proto.OFPRR_IDLE_TIMEOUT and idle['packet_count'] >= 20
    assert controller.flows(1) == []


def test_select_group_spreads_flows_and_keeps_each(two, controller):
    """Flows go over both buckets; the packets of one stay together."""
    controller.send(1, of.OFPGroupMod(dp, proto.OFPGC_ADD, proto.OFPGT_SELECT, 7, [
        of.OFPBucket(weight=1, watch_port=proto.OFPP_ANY, watch_group=proto.OFPG_ANY, actions=actions)
        for actions in ([of.OFPActionOutput(3)], overlay_output(two[1].vtep))]))
    controller.flow(1, of.OFPMatch(in_port=1), [of.OFPActionGroup(7)])
    controller.flow(2, of.OFPMatch(in_port=OVERLAY), [of.OFPActionOutput(2)])
    vm1, vm3, vm2 = two[0].vms['vm1'], two[0].vms['vm3'], two[1].vms['vm2']
    with vm1.raw() as source, vm3.raw() as here, vm2.raw() as there:
        for flow in range(40):
            for _ in range(5):
                source.send(traffic.udp_frame(MAC1, MAC2, '10.0.0.1', '10.0.0.2', 2000 + flow) /
                            b'select')
        got = {name: [f[34:36] for f in port.collect(1.0, lambda f: b'select' in f)]
               for name, port in (('here', here), ('there', there))}
    assert len(got['here']) + len(got['there']) == 200
    assert not set(got['here']) & set(got['there'])
    assert 5 <= len(set(got['here'])) <= 35


def test_fast_failover_takes_the_living_bucket(two, controller):
    controller.send(1, of.OFPGroupMod(dp, proto.OFPGC_ADD, proto.OFPGT_FF, 8, [
        of.OFPBucket(watch_port=3, watch_group=proto.OFPG_ANY, actions=[of.OFPActionOutput(3)]),
        of.OFPBucket(watch_port=OVERLAY, watch_group=proto.OFPG_ANY,
                     actions=overlay_output(two[1].vtep))]))
    controller.flow(1, of.OFPMatch(in_port=1), [of.OFPActionGroup(8)])
    controller.flow(2, of.OFPMatch(in_port=OVERLAY), [of.OFPActionOutput(2)])
    vm1, vm3, vm2 = two[0].vms['vm1'], two[0].vms['vm3'], two[1].vms['vm2']
    frame = traffic.udp_frame(MAC1, MAC2, '10.0.0.1', '10.0.0.2') / b'failover'
    with vm1.raw() as source, vm3.raw() as here, vm2.raw() as there:
        source.send(frame)
        here.expect(lambda f: b'failover' in f)
        vm3.ns.ip('link', 'set', 'eth0', 'down')

        def moved():
            source.send(frame)
            return there.collect(0.2, lambda f: b'failover' in f)
        wait_until(moved, 10, 'traffic moves to the second bucket')


def test_meter_holds_a_rate_across_hosts(two, controller):
    connect(controller, two)
    controller.send(1, of.OFPMeterMod(dp, proto.OFPMC_ADD, proto.OFPMF_PKTPS | proto.OFPMF_STATS, 5, [
        of.OFPMeterBandDrop(rate=100, burst_size=0)]))
    controller.flow(1, of.OFPMatch(in_port=1), priority=300, instructions=[
        of.OFPInstructionMeter(5, proto.OFPIT_METER),
        of.OFPInstructionActions(proto.OFPIT_APPLY_ACTIONS, overlay_output(two[1].vtep))])
    vm1, vm2 = two[0].vms['vm1'], two[1].vms['vm2']
    with vm1.raw() as source, vm2.raw() as sink:
        stream = traffic.Stream(source, sink, traffic.udp_frame(MAC1, MAC2, vm1.ip, vm2.ip), rate=400)
        time.sleep(3)
        stream.stop(settle=0.5)
    rate = len(stream.arrived) / 3
    assert 80 <= rate <= 170, rate
    dropped = two[0].drops('red')['meter']
    assert len(stream.arrived) + dropped == stream.sent
    stats = controller.request(1, of.OFPMeterStatsRequest(dp, 0, 5))[0]['OFPMeterStatsReply']['body'][0]
    assert stats['OFPMeterStats']['packet_in_count'] >= stream.sent


def test_rules_change_under_traffic_without_loss(two, controller):
    """The same rule is modified a hundred times while packets run; a barrier after each."""
    connect(controller, two)
    vm1, vm2 = two[0].vms['vm1'], two[1].vms['vm2']
    with vm1.raw() as source, vm2.raw() as sink:
        stream = traffic.Stream(source, sink, traffic.udp_frame(MAC1, MAC2, vm1.ip, vm2.ip), rate=1000)
        stream.wait_flowing()
        for n in range(100):
            marked = [of.OFPActionSetField(ip_dscp=n % 64), *overlay_output(two[1].vtep)]
            controller.flow(1, of.OFPMatch(in_port=1, eth_type=0x0800), marked, priority=200)
            if n % 20 == 0:
                stream.wait_flowing()
        lost, twice = stream.stop()
    assert not lost and not twice


def test_port_status_is_told(two, controller):
    host = two[0]
    host.vm('red', 'vm4', 4, '10.0.0.4/24', '02:00:00:00:00:04')
    host.apply()
    added = controller.expect('OFPPortStatus', 1, wanted=lambda m: m['reason'] == proto.OFPPR_ADD)
    assert added['desc']['OFPPort']['port_no'] == 4
    host.tenant_config('red')['ports'] = [p for p in host.tenant_config('red')['ports']
                                          if p['name'] != 'vm4']
    host.apply()
    gone = controller.expect('OFPPortStatus', 1, wanted=lambda m: m['reason'] == proto.OFPPR_DELETE)
    assert gone['desc']['OFPPort']['port_no'] == 4
