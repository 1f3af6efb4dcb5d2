# SPDX-License-Identifier: Apache-2.0
"""Stat-trigger of OpenFlow 1.5 (7.2.5): a rule's counters are told unasked when they reach a threshold."""
import pytest
from scapy.layers.inet import IP, UDP
from scapy.layers.l2 import Ether

from lab.wait import wait_until
from ofclient import Client, Timeout

FRAME = Ether(src='02:00:00:00:00:01', dst='02:00:00:00:00:02') / IP(dst='10.0.0.2') / UDP(dport=9) / bytes(22)


@pytest.fixture
def switch(hosts):
    host = hosts(1)
    host.switch('red', vms=2, dpid=1)
    host.up()
    with Client.connect(host.target, version=6) as client, host.vms['vm1'].raw() as vm:
        client.vm, client.host = vm, host
        yield client


def add(c, flags=0, port=1, priority=10, **thresholds):
    p, o = c.parser, c.ofp
    trigger = p.OFPInstructionStatTrigger(flags, p.OFPStats(**thresholds))
    output = p.OFPInstructionActions(o.OFPIT_APPLY_ACTIONS, [p.OFPActionOutput(2)])
    c.send(c.flow(match=p.OFPMatch(in_port=port), priority=priority, instructions=[trigger, output]))
    c.barrier()
    assert not c.errors


def told(c, timeout=5):
    """The next event of a trigger: {statistic: value}, by the rule's priority."""
    m = c.recv(timeout)
    assert (m.msg_type, m.type, m.xid, m.flags) == (c.ofp.OFPT_MULTIPART_REPLY, c.ofp.OFPMP_FLOW_STATS, 0, 0)
    one, = m.body
    assert one.reason == c.ofp.OFPFSR_STAT_TRIGGER and one.table_id == 0
    return one.priority, dict(one.stats.items())


def counted(c):
    return {f.priority: f.stats['packet_count'] for f in c.flows()}


def test_thresholds_are_told(switch):
    c, o = switch, switch.ofp
    with Client.connect(c.host.target, version=6) as slave, Client.connect(c.host.target) as old:
        slave.request(slave.parser.OFPRoleRequest(slave.dp, o.OFPCR_ROLE_SLAVE, 0, 1))
        add(c, o.OFPSTF_PERIODIC, packet_count=3, byte_count=1000000)
        c.vm.send(FRAME)
        c.vm.send(FRAME)
        wait_until(lambda: counted(c) == {10: 2}, what='two packets counted')
        with pytest.raises(Timeout):
            told(c, 0.3)
        for expect, more in ((3, 1), (6, 3)):
            for _ in range(more):
                c.vm.send(FRAME)
            priority, stats = told(c)
            assert priority == 10 and stats['packet_count'] == expect
            assert stats['byte_count'] == expect * len(FRAME) and set(stats) == {
                'duration', 'idle_time', 'packet_count', 'byte_count'}
        rule, = c.flows()
        trigger = rule.instructions[0]
        assert (trigger.type, trigger.flags) == (o.OFPIT_STAT_TRIGGER, o.OFPSTF_PERIODIC)
        assert dict(trigger.thresholds.items()) == {'packet_count': 3, 'byte_count': 1000000}
        assert 'stat_trigger(packet_count=3,byte_count=1000000,periodic)' in c.host.weft('flow', 'list', 'red')
        assert [i.type for i in old.flows()[0].instructions] == [o.OFPIT_APPLY_ACTIONS]
        add(c, o.OFPSTF_ONLY_FIRST, port=2, priority=20, duration=(0, 300000000), idle_time=(0, 500000000))
        priority, stats = told(c)
        assert priority == 20 and (0, 300000000) <= tuple(stats['duration']) and stats['packet_count'] == 0
        with pytest.raises(Timeout):
            told(c, 0.6)  # the idle time would have come
        slave.barrier()  # what comes next is its reply: nothing was told
        old.barrier()
