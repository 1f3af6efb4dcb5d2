# SPDX-License-Identifier: Apache-2.0
"""Processes that die: the agent, the data plane, the controller; at random moments, under traffic."""
import random
import time

import pytest

from lab import traffic
from lab.controller import OVERLAY, Controller, OpenFlowError, dp, of, overlay_output, proto
from lab.wait import wait_until

pytestmark = pytest.mark.alone

MAC1, MAC2 = '02:00:00:00:00:01', '02:00:00:00:00:02'


def build(hosts, target, **switch):
    """Two hosts, tenant red on VXLAN, a VM on each; dpids 1 and 2."""
    built = [hosts(1), hosts(2)]
    for n, host in enumerate(built):
        host.tenant('red', vni=5001, vteps=[built[1 - n].vtep], dpid=n + 1, controllers=[target],
                    **switch)
        host.vm('red', f'vm{n + 1}', n + 1, f'10.0.0.{n + 1}/24', f'02:00:00:00:00:0{n + 1}')
        host.up()
    return built


def program(controller, hosts_):
    for dpid, remote in ((1, hosts_[1].vtep), (2, hosts_[0].vtep)):
        controller.flow(dpid, of.OFPMatch(in_port=dpid), overlay_output(remote), cookie=0xe1)
        controller.flow(dpid, of.OFPMatch(in_port=OVERLAY), [of.OFPActionOutput(dpid)], cookie=0xe2)


@pytest.fixture
def two(hosts, controller, controller_target):
    built = build(hosts, controller_target)
    controller.wait_switch(1, 2)
    program(controller, built)
    traffic.wait_ping(built[0].vms['vm1'].ns, '10.0.0.2')
    return built


def stream_between(hosts_, source, sink, rate=500):
    a, b = hosts_[0].vms['vm1'], hosts_[1].vms['vm2']
    return traffic.Stream(source, sink, traffic.udp_frame(a.mac, b.mac, a.ip, b.ip), rate=rate)


def test_agent_killed_at_random_moments_loses_no_packet(two, controller, seed):
    """Five times kill -9 and a new agent; rules, counters and sessions are there again."""
    host = two[0]
    before = [(f['cookie'], f['priority'], f['match']) for f in controller.flows(1)]
    with host.vms['vm1'].raw() as source, two[1].vms['vm2'].raw() as sink:
        stream = stream_between(two, source, sink)
        for _ in range(5):
            time.sleep(random.uniform(0.05, 1.0))
            host.agent.kill()
            time.sleep(random.uniform(0.0, 0.5))
            host.start_agent()
            time.sleep(random.uniform(0.0, 1.0))
        host.wait_ready()
        controller.wait_switch(1, timeout=30)
        wait_until(lambda: controller.flows(1), what='the session answers')
        stream.wait_flowing()
        lost, twice = stream.stop()
    assert not lost and not twice
    assert [(f['cookie'], f['priority'], f['match']) for f in controller.flows(1)] == before
    counted = next(f for f in controller.flows(1) if f['cookie'] == 0xe1)['packet_count']
    assert counted >= stream.sent  # the counters were not begun anew
    controller.flow(1, of.OFPMatch(in_port=1), [], cookie=0xe1)  # and it can be changed
    assert traffic.ping(host.vms['vm1'].ns, '10.0.0.2', count=2, timeout=0.3) == 0


def test_agent_killed_between_flow_mods_leaves_no_half(two, controller, seed):
    """Killed while rules are being sent: each rule is there whole, or not at all, and traffic flows."""
    host = two[0]
    with host.vms['vm1'].raw() as source, two[1].vms['vm2'].raw() as sink:
        stream = stream_between(two, source, sink)
        sent = 0
        try:
            killing = time.monotonic() + random.uniform(0.2, 0.8)
            while time.monotonic() < killing:
                controller.send(1, *[of.OFPFlowMod(
                    dp, priority=5, cookie=0xbeef, match=of.OFPMatch(
                        eth_type=0x0800, ipv4_dst=f'10.1.{(sent + n) >> 8}.{(sent + n) & 255}'),
                    instructions=[of.OFPInstructionActions(
                        proto.OFPIT_APPLY_ACTIONS,
                        [of.OFPActionSetField(ip_dscp=10), of.OFPActionOutput(1)])])
                    for n in range(20)])
                sent += 20
            host.agent.kill()
        finally:
            host.start_agent()
        host.wait_ready()
        controller.wait_switch(1, timeout=30)
        lost, twice = stream.stop()
    assert not lost and not twice
    rules = [f for f in controller.flows(1) if f['cookie'] == 0xbeef]
    assert len(rules) == sent and sent > 0
    for rule in rules:
        actions = rule['instructions'][0]['OFPInstructionActions']['actions']
        assert [next(iter(action)) for action in actions] == ['OFPActionSetField', 'OFPActionOutput']


def test_data_plane_killed_at_random_moments_comes_back(two, controller, seed):
    """Three times kill -9: the agent gives the new one tenants, ports and VTEPs, the controller meets an
    empty switch and programs it, and traffic flows as before. Nothing wrong is sent meanwhile."""
    host = two[0]
    with host.vms['vm1'].raw() as source, two[1].vms['vm2'].raw() as sink:
        stream = stream_between(two, source, sink)
        for _ in range(3):
            stream.wait_flowing(50)
            time.sleep(random.uniform(0.0, 0.7))
            host.dataplane.kill()
            wait_until(lambda: 1 not in controller.switches(), 10, 'the session is closed')
            time.sleep(random.uniform(0.0, 0.5))
            host.start_dataplane()
            controller.wait_switch(1, timeout=30)
            assert controller.flows(1) == []
            program(controller, two)
        stream.wait_flowing(50)
        lost, twice = stream.stop()
    assert not twice
    assert len(stream.arrived) + len(lost) == stream.sent
    assert traffic.ping(host.vms['vm1'].ns, '10.0.0.2', count=5) == 5


def test_both_killed_and_started_in_either_order(two, controller):
    host = two[0]
    for first, second in ((host.start_dataplane, host.start_agent),
                          (host.start_agent, host.start_dataplane)):
        host.agent.kill()
        host.dataplane.kill()
        first()
        time.sleep(0.7)
        second()
        wait_until(lambda: host.wait_ready(2) is None, 20, 'the host is ready')
        controller.wait_switch(1, timeout=30)
        program(controller, two)
        assert traffic.ping(host.vms['vm1'].ns, '10.0.0.2', count=3) == 3


def test_fail_secure_keeps_the_rules(two, controller, fabric, lab):
    controller.process.kill()
    time.sleep(1)
    vm1 = two[0].vms['vm1']
    assert traffic.ping(vm1.ns, '10.0.0.2', count=10) == 10
    again = Controller(lab, fabric.ns, name='controller-2')
    again.wait_switch(1, 2, timeout=30)
    assert {f['cookie'] for f in again.flows(1)} == {0xe1, 0xe2}


def test_fail_standalone_learns_and_gives_way(lab, fabric, hosts, controller_target):
    """Without a controller a learning switch; with one, its rules and nothing else; and back."""
    built = build(hosts, controller_target, fail_mode='standalone', switch={'inactivity': 1})
    vm1 = built[0].vms['vm1']
    traffic.wait_ping(vm1.ns, '10.0.0.2', 15)
    controller = Controller(lab, fabric.ns)
    controller.wait_switch(1, 2, timeout=30)
    wait_until(lambda: traffic.ping(vm1.ns, '10.0.0.2', count=1, timeout=0.3) == 0, 10,
               'an empty switch with a controller forwards nothing')
    program(controller, built)
    assert traffic.ping(vm1.ns, '10.0.0.2', count=5) == 5
    for dpid in (1, 2):
        controller.delete_flows(dpid)
    assert traffic.ping(vm1.ns, '10.0.0.2', count=2, timeout=0.3) == 0
    controller.process.kill()
    traffic.wait_ping(vm1.ns, '10.0.0.2', 15)


def test_two_controllers_and_their_roles(lab, fabric, hosts):
    """Master, slave and generation ids, with two os-ken processes."""
    first, second = (Controller(lab, fabric.ns, port=port, name=f'controller-{port}')
                     for port in (6653, 6654))
    host = hosts(1)
    host.tenant('red', dpid=1, controllers=[f'tcp:{fabric.address}:6653',
                                            f'tcp:{fabric.address}:6654'])
    host.vm('red', 'vm1', 1, '10.0.0.1/24', MAC1)
    host.up()
    for each in (first, second):
        each.wait_switch(1, timeout=20)
    role(first, proto.OFPCR_ROLE_MASTER, 1)
    role(second, proto.OFPCR_ROLE_SLAVE, 1)
    first.flow(1, of.OFPMatch(in_port=1), [], cookie=1)
    with pytest.raises(OpenFlowError) as refused:
        second.flow(1, of.OFPMatch(in_port=1), [], cookie=2)
    assert refused.value.type_and_code == (proto.OFPET_BAD_REQUEST, proto.OFPBRC_IS_SLAVE)
    assert [f['cookie'] for f in second.flows(1)] == [1]  # a slave may read
    role(second, proto.OFPCR_ROLE_MASTER, 2)
    second.flow(1, of.OFPMatch(in_port=1), [], cookie=2)
    with pytest.raises(OpenFlowError):
        first.flow(1, of.OFPMatch(in_port=1), [], cookie=1)  # the old master has become a slave
    stale = first.request(1, of.OFPRoleRequest(dp, proto.OFPCR_ROLE_MASTER, 1))
    assert stale[0]['OFPErrorMsg']['type'] == proto.OFPET_ROLE_REQUEST_FAILED
    assert stale[0]['OFPErrorMsg']['code'] == proto.OFPRRFC_STALE


def role(controller, wanted, generation):
    answer = controller.request(1, of.OFPRoleRequest(dp, wanted, generation))
    assert answer[0]['OFPRoleReply']['role'] == wanted
