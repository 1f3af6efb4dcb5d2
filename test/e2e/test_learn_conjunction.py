# SPDX-License-Identifier: Apache-2.0
"""learn and conjunction as ovs-actions(7) and ovs-fields(7) describe them, given by ovs-ofctl."""
import re
import struct

import pytest
from scapy.layers.inet import IP, TCP
from scapy.layers.l2 import Ether

from lab import traffic
from lab.wait import wait_until
from ofclient import Client
from test_ovs_ofctl import MAC1, MAC2, switch  # noqa: F401 (a fixture)


def learned(switch, table=10):  # noqa: F811
    return [line for line in switch.flows() if re.match(rf'cookie=\w+, table={table}, ', line)]


def packets_of(switch, match):  # noqa: F811
    line = next(line for line in switch('dump-flows').splitlines() if match in line)
    return int(re.search(r'n_packets=(\d+)', line)[1])


LEARN = ('table=0, actions=learn(table=10, {more}NXM_OF_VLAN_TCI[0..11],'
         ' NXM_OF_ETH_DST[]=NXM_OF_ETH_SRC[], load:NXM_OF_IN_PORT[]->NXM_NX_REG0[0..15]),'
         ' resubmit(,10), resubmit(,2)')


def learning_switch(switch, more=''):  # noqa: F811
    switch.add('table=2, priority=0, actions=output:NXM_NX_REG0[]')
    switch.add('table=2, priority=1, reg0=0, actions=FLOOD')
    switch.add(LEARN.format(more=more))


def is_echo(frame):
    return frame[12:14] == b'\x08\x00' and frame[23] == 1


def test_mac_learning(switch):  # noqa: F811
    """The manual's learning switch: flooded until learned, then to one port."""
    learning_switch(switch)
    assert 'learn(table=10,NXM_OF_VLAN_TCI[0..11],NXM_OF_ETH_DST[]=NXM_OF_ETH_SRC[],' \
        'load:NXM_OF_IN_PORT[]->NXM_NX_REG0[0..15])' in switch('dump-flows')
    vm1, vm2, vm3 = (switch.vms[f'vm{n}'] for n in (1, 2, 3))
    assert traffic.ping(vm1.ns, '10.0.0.2', count=5) == 5
    wait_until(lambda: len(learned(switch)) >= 2, 5, 'both addresses are learned')
    rules = '\n'.join(learned(switch))
    assert f'vlan_tci=0x0000/0x0fff,dl_dst={MAC1} actions=load:0x1->NXM_NX_REG0[0..15]' in rules
    assert f'vlan_tci=0x0000/0x0fff,dl_dst={MAC2} actions=load:0x2->NXM_NX_REG0[0..15]' in rules
    with vm3.raw() as third:
        assert traffic.ping(vm1.ns, '10.0.0.2', count=5) == 5
        assert not third.collect(0.3, is_echo)
    switch('del-flows', 'table=10')  # and learned again by the next packets
    assert traffic.ping(vm1.ns, '10.0.0.2', count=3) == 3
    wait_until(lambda: len(learned(switch)) >= 2, 5, 'both are learned again')


def test_learned_rules_time_out_and_are_renewed(switch):  # noqa: F811
    learning_switch(switch, 'hard_timeout=2, ')
    vm1 = switch.vms['vm1']
    assert traffic.ping(vm1.ns, '10.0.0.2', count=40, interval=0.1) == 40  # twice the timeout
    assert len(learned(switch)) >= 2
    wait_until(lambda: not [r for r in learned(switch) if MAC2 in r], 8, 'what nobody renews goes')


def test_limit_and_delete_learned(switch):  # noqa: F811
    learning_switch(switch, 'cookie=0x77, limit=1, delete_learned, ')
    for number in (1, 2, 3):
        traffic.ping(switch.vms[f'vm{number}'].ns, f'10.0.0.{number % 3 + 1}', count=2, timeout=0.5)
    wait_until(lambda: len(learned(switch)) == 1, 5, 'one is learned')
    assert 'cookie=0x77' in learned(switch)[0]
    added = next(line for line in switch.flows() if 'learn(' in line)
    for part in ('cookie=0x77', 'limit=1', 'delete_learned', 'NXM_OF_ETH_DST[]=NXM_OF_ETH_SRC[]'):
        assert part in added
    switch('del-flows', 'table=0')
    assert not learned(switch)


def test_learn_with_send_flow_rem_and_priority(switch):  # noqa: F811
    switch.add('arp, actions=FLOOD')
    switch.add('ip, actions=learn(table=11, priority=77, send_flow_rem, idle_timeout=30,'
               ' in_port=1, eth_type=0x800, NXM_OF_IP_DST[]=NXM_OF_IP_SRC[], output:NXM_OF_IN_PORT[]),'
               'FLOOD')
    traffic.ping(switch.vms['vm2'].ns, '10.0.0.1', count=2)
    want = 'idle_timeout=30, send_flow_rem priority=77,ip,in_port=1,nw_dst=10.0.0.2 actions=output:2'
    wait_until(lambda: any(want in rule for rule in learned(switch, 11)), 5, 'the rule')


def test_a_learned_rule_ends_with_its_connection(switch):  # noqa: F811
    switch.add('priority=1, actions=NORMAL')
    switch.add('tcp, actions=learn(table=9, idle_timeout=60, fin_idle_timeout=1, fin_hard_timeout=2, '
               'eth_type=0x800, nw_proto=6, NXM_OF_IP_SRC[], output:NXM_OF_IN_PORT[]), resubmit(,9), NORMAL')
    ip = Ether(src=MAC1, dst=MAC2) / IP(src='10.0.0.1', dst='10.0.0.2')
    start, end = (ip / TCP(sport=4000, dport=80, flags=flags) for flags in ('S', 'FA'))
    with switch.vms['vm1'].raw() as source:
        def lives(timeouts):
            return any(timeouts in rule and 'fin_timeout(idle_timeout=1,hard_timeout=2)' in rule
                       for rule in learned(switch, 9))
        source.send(start)
        wait_until(lambda: lives('idle_timeout=60'), 5, 'the rule')

        def ended():
            source.send(end)
            return not lives('idle_timeout=60')
        wait_until(ended, 5, 'shorter timeouts')


def test_a_packet_is_told_whether_there_was_room(switch):  # noqa: F811
    """limit and result_dst: two addresses are learned, and go on to port 2 from their first packet on."""
    switch.add('actions=learn(table=10, cookie=0x77, limit=2, result_dst=NXM_NX_REG0[3],'
               ' NXM_OF_ETH_DST[]=NXM_OF_ETH_SRC[], output:NXM_OF_IN_PORT[]), resubmit(,1)')
    assert 'cookie=0x77,limit=2,result_dst=NXM_NX_REG0[3],NXM_OF_ETH_DST[]' in switch('dump-flows')
    switch.add('table=1, reg0=8, actions=output:2')
    switch.add('table=1, reg0=0, actions=output:3')
    frames = [Ether(src=f'02:00:00:00:01:{n:02x}', dst=MAC2, type=0x1234) / bytes([n] * 46) for n in range(4)]
    with switch.vms['vm1'].raw() as source, switch.vms['vm2'].raw() as two, switch.vms['vm3'].raw() as three:
        for again in range(2):
            for n, frame in enumerate(frames):
                source.send(frame)
                (two if n < 2 else three).expect(lambda f: f == bytes(frame))
            wait_until(lambda: len(learned(switch)) == 2, 5, 'two are learned')
    rules = '\n'.join(learned(switch))
    assert 'dl_dst=02:00:00:00:01:00 actions=output:1' in rules and '01:01 actions=output:1' in rules
    with pytest.raises(OSError, match='OFPBAC_BAD_SET_TYPE|BAD_SET_TYPE|not writable|read-only'):
        switch.add('actions=learn(table=1, limit=1, result_dst=NXM_OF_ETH_TYPE[0], NXM_OF_ETH_DST[])')


def test_conjunction(switch):  # noqa: F811
    """Two sources times two destinations in four rules and one for the product."""
    switch.add('priority=1, arp, actions=FLOOD')
    switch.add('priority=2, ip, actions=drop')
    for source in ('10.0.0.1', '10.0.0.2'):
        switch.add(f'priority=100, ip, ip_src={source}, actions=conjunction(1234, 1/2)')
    for target in ('10.0.0.1', '10.0.0.2'):
        switch.add(f'priority=100, ip, ip_dst={target}, actions=conjunction(1234, 2/2)')
    switch.add('conj_id=1234, ip, actions=NORMAL')
    vm1, vm3 = switch.vms['vm1'], switch.vms['vm3']
    assert traffic.ping(vm1.ns, '10.0.0.2', count=5) == 5
    assert traffic.ping(vm1.ns, '10.0.0.3', count=2, timeout=0.3) == 0
    assert traffic.ping(vm3.ns, '10.0.0.1', count=2, timeout=0.3) == 0
    dump = '\n'.join(switch.flows())
    assert 'priority=100,ip,nw_src=10.0.0.1 actions=conjunction(1234,1/2)' in dump
    assert 'conj_id=1234,ip actions=NORMAL' in dump
    assert packets_of(switch, 'conj_id=1234') >= 10
    # A plain rule of the same priority comes first; without one dimension there is no product.
    switch.add('priority=100, ip, ip_src=10.0.0.1, ip_dst=10.0.0.2, actions=drop')
    assert traffic.ping(vm1.ns, '10.0.0.2', count=2, timeout=0.3) == 0
    switch('del-flows', 'ip,ip_src=10.0.0.1,ip_dst=10.0.0.2')
    assert traffic.ping(vm1.ns, '10.0.0.2', count=3) == 3
    switch('del-flows', 'ip,ip_dst=10.0.0.2')
    assert traffic.ping(vm1.ns, '10.0.0.2', count=2, timeout=0.3) == 0


def test_conjunction_stands_alone(switch):  # noqa: F811
    """ovs-ofctl would not send these: NXBAC_BAD_CONJUNCTION, in 1.0 by its own number (2, 526)."""
    nx = 0x2320
    for version in (1, 4, 6):
        with Client.connect(switch.target, version=version) as c:
            conjoin = c.parser.NXActionConjunction
            for actions in ([conjoin(0, 2, 1), c.output(1)], [c.output(1), conjoin(0, 2, 1)], [conjoin(2, 2, 1)],
                            [conjoin(0, 1, 1)], [conjoin(0, 65, 1)]):
                c.send(c.flow(actions=actions))
                e = c.error()
                if version == 1:
                    assert (e.type, struct.unpack_from('!IHH', e.data)) == (0xb0c2, (nx, 2, 526))
                else:
                    assert struct.unpack_from('!HHI', e.raw, 8) == (0xffff, 15, nx)
            c.send(c.flow(actions=[conjoin(0, 64, 1), c.parser.NXActionNote([1, 2])]))
            c.barrier()
            assert not c.errors
    assert len(switch.flows()) == 1
