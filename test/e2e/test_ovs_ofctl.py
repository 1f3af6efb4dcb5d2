# SPDX-License-Identifier: Apache-2.0
"""ovs-ofctl as a controller: a second implementation of OpenFlow 1.3 talks to a tenant's switch."""
import re

import pytest

from lab import traffic
from lab.process import run

MAC1, MAC2, MAC3 = (f'02:00:00:00:00:{n:02x}' for n in (1, 2, 3))


@pytest.fixture
def switch(hosts):
    """One host, one tenant without overlay, three VMs, a switch that listens on a UNIX socket."""
    host = hosts(1)
    host.switch('red', vms=3, dpid=0xabc)
    host.up()
    return Ofctl(host)


class Ofctl:
    def __init__(self, host):
        self.host, self.target = host, host.target
        self.vms = host.vms

    def __call__(self, command, *args, check=True):
        try:
            return run(['ovs-ofctl', '-O', 'OpenFlow13', '--timeout=10', command, self.target,
                        *map(str, args)], check=check)
        except RuntimeError as error:
            raise OSError(str(error)) from error

    def add(self, flow):
        self('add-flow', flow)

    def flows(self):
        """The dump's lines without what changes by itself."""
        dump = self('dump-flows')
        return [re.sub(r'duration=[^,]*, |n_packets=[^,]*, |n_bytes=[^,]*, ', '', line).strip()
                for line in dump.splitlines() if 'table=' in line or 'cookie=' in line]

    def counters(self, cookie):
        line = next(line for line in self('dump-flows').splitlines() if f'cookie={cookie:#x},' in line)
        found = re.search(r'n_packets=(\d+), n_bytes=(\d+)', line)
        return int(found[1]), int(found[2])


def test_show_and_ports(switch):
    shown = switch('show')
    assert 'dpid:0000000000000abc' in shown and 'OFPT_FEATURES_REPLY (OF1.3)' in shown
    described = switch('dump-ports-desc')
    for number in (1, 2, 3):
        assert f'{number}(vm{number}):' in described
    assert re.search(r'^ *port +"?vm1"?: rx pkts=|^ *port +1: rx pkts=', switch('dump-ports'), re.M)


def test_forwarding_by_rules(switch):
    vm1, vm2 = switch.vms['vm1'], switch.vms['vm2']
    assert traffic.ping(vm1.ns, '10.0.0.2', count=2, timeout=0.3) == 0  # fail-secure and empty
    switch.add('cookie=0x1,in_port=1,actions=output:2')
    switch.add('cookie=0x2,in_port=2,actions=output:1')
    assert traffic.ping(vm1.ns, '10.0.0.2', count=5) == 5
    packets, count = switch.counters(1)
    assert packets >= 5 and count >= 5 * 98
    switch('del-flows', 'in_port=2')
    assert traffic.ping(vm1.ns, '10.0.0.2', count=2, timeout=0.3) == 0


def test_normal_learns_and_forwards(switch):
    switch.add('actions=NORMAL')
    vm1, vm2, vm3 = (switch.vms[f'vm{n}'] for n in (1, 2, 3))
    traffic.wait_ping(vm1.ns, '10.0.0.2')
    traffic.wait_ping(vm3.ns, '10.0.0.1')
    with vm3.raw() as third:
        assert traffic.ping(vm1.ns, '10.0.0.2', count=5) == 5
        assert not third.collect(0.3, lambda f: f[12:14] == b'\x08\x00')  # known MACs are not flooded


def test_a_dump_says_what_was_added(switch):
    wanted = [
        'cookie=0x11, table=0, priority=10,tcp,nw_dst=10.0.0.2,tp_dst=80 actions=output:2',
        'cookie=0x12, table=0, priority=20,arp,arp_tpa=10.0.0.0/24 actions=FLOOD',
        'cookie=0x13, table=0, priority=30,ipv6,ipv6_dst=2001:db8::/32 actions=goto_table:5',
        'cookie=0x14, table=5, priority=1,dl_dst=02:00:00:00:00:02 actions=set_field:02:00:00:00:00:03'
        '->eth_dst,output:3',
        'cookie=0x15, table=5, idle_timeout=60, hard_timeout=90, priority=2,udp actions=drop',
    ]
    for flow in wanted:
        switch.add(re.sub(r', ', ',', flow).replace(' actions', ',actions'))
    found = sorted(re.sub(r'"?vm(\d)"?', r'\1', line).replace('"', '') for line in switch.flows())
    plain = sorted(line.replace('"', '') for line in wanted)
    assert [normal(line) for line in found] == [normal(line) for line in plain]


def normal(line):
    """Tells the same flow the same way: ovs-ofctl prints fields in an order of its own."""
    return sorted(re.split(r'[, ]+', line.replace('reset_counts ', '')))


def test_modify_and_strict_delete(switch):
    switch.add('cookie=0x1,priority=10,in_port=1,actions=output:2')
    switch.add('cookie=0x2,priority=20,in_port=1,ip,actions=output:2')
    switch('mod-flows', 'in_port=1,actions=output:3')
    assert sum('3' in re.sub(r'.*actions=', '', line) for line in switch.flows()) == 2
    switch('del-flows', '--strict', 'priority=10,in_port=1')
    left = switch.flows()
    assert len(left) == 1 and 'cookie=0x2' in left[0]


def test_errors_are_told(switch):
    with pytest.raises(OSError, match='OFPBAC_BAD_OUT_GROUP'):
        switch.add('in_port=1,actions=group:77')
    assert switch.flows() == []
    switch('add-group', 'group_id=1,type=all,bucket=output:2')
    with pytest.raises(OSError, match='OFPGMFC_GROUP_EXISTS'):
        switch('add-group', 'group_id=1,type=all,bucket=output:2')


def test_groups(switch):
    vm1 = switch.vms['vm1']
    switch('add-group', 'group_id=1,type=all,bucket=output:2,bucket=output:3')
    switch.add('in_port=1,actions=group:1')
    frame = traffic.udp_frame(MAC1, 'ff:ff:ff:ff:ff:ff', '10.0.0.1', '10.0.0.255') / b'to-the-group'
    with vm1.raw() as source, switch.vms['vm2'].raw() as a, switch.vms['vm3'].raw() as b:
        for _ in range(5):
            source.send(frame)
        for port in (a, b):
            assert len(port.collect(0.7, lambda f: b'to-the-group' in f)) == 5
    dump = switch('dump-groups')
    assert 'group_id=1,type=all' in dump
    assert re.search(r'group_id=1,.*packet_count=([5-9]|\d\d)', switch('dump-group-stats'))
    switch('del-groups')
    assert 'group_id=1' not in switch('dump-groups')
    assert not switch.flows()  # rules that name a deleted group go with it (OpenFlow 1.3.5, 6.7)


def test_groups_in_1_0(switch):
    """Nicira's messages and action for them, and a bucket at a time."""
    def first(command, *args):
        return run(['ovs-ofctl', '-O', 'OpenFlow10', '--timeout=10', command, switch.target, *args])
    first('add-group', 'group_id=1,type=all,bucket=bucket_id:5,output:2')
    first('insert-buckets', 'group_id=1,command_bucket_id=last,bucket=bucket_id:7,output:3')
    first('add-flow', 'in_port=1,actions=group:1')
    assert 'actions=group:1' in first('dump-flows')
    want = 'group_id=1,type=all,bucket=bucket_id:5,actions=output:2,bucket=bucket_id:7,actions=output:3'
    assert want in first('dump-groups').replace('"', '').replace('vm', '')
    frame = traffic.udp_frame(MAC1, 'ff:ff:ff:ff:ff:ff', '10.0.0.1', '10.0.0.255') / b'to-the-group'
    with switch.vms['vm1'].raw() as source, switch.vms['vm2'].raw() as a, switch.vms['vm3'].raw() as b:
        source.send(frame)
        for port in (a, b):
            port.expect(lambda f: b'to-the-group' in f)
    assert re.search(r'group_id=1,.*packet_count=1,', first('dump-group-stats'))
    first('remove-buckets', 'group_id=1,command_bucket_id=5')
    assert 'bucket_id:5' not in first('dump-groups')
    assert 'max_groups=' in first('dump-group-features')
    for version in ('OpenFlow10', 'OpenFlow13'):  # in any version, though no standard has it
        run(['ovs-ofctl', '-O', version, '--may-create', 'mod-group', switch.target,
             'group_id=9,type=indirect,bucket=output:2'])
    first('del-groups', 'group_id=1')
    assert 'group_id=9,' in first('dump-groups') and 'group_id=1,' not in first('dump-groups')
    assert not switch.flows()


def test_meters(switch):
    vm1 = switch.vms['vm1']
    switch('add-meter', 'meter=1,pktps,burst,stats,bands=type=drop,rate=100,burst_size=10')
    switch.add('in_port=1,actions=meter:1,output:2')
    assert 'meter=1 pktps burst stats' in switch('dump-meters')
    frame = traffic.udp_frame(MAC1, MAC2, '10.0.0.1', '10.0.0.2') / b'metered'
    with vm1.raw() as source, switch.vms['vm2'].raw() as sink:
        for _ in range(400):
            source.send(frame)
        passed = len(sink.collect(0.7, lambda f: b'metered' in f))
    dropped = switch.host.drops('red').get('meter', 0)
    assert passed + dropped == 400
    assert 10 <= passed <= 200  # a burst of 10, then 100 a second


def test_packet_out(switch):
    frame = bytes(traffic.udp_frame(MAC1, MAC2, '10.0.0.1', '10.0.0.2') / b'from-ofctl')
    with switch.vms['vm2'].raw() as sink:
        switch('packet-out', f'in_port=controller,packet={frame.hex()},actions=output:2')
        assert sink.expect(lambda f: b'from-ofctl' in f) == frame


def test_port_mod(switch):
    switch.add('actions=NORMAL')
    traffic.wait_ping(switch.vms['vm1'].ns, '10.0.0.2')
    switch('mod-port', 2, 'down')
    assert 'PORT_DOWN' in switch('dump-ports-desc')
    assert traffic.ping(switch.vms['vm1'].ns, '10.0.0.2', count=2, timeout=0.3) == 0
    switch('mod-port', 2, 'up')
    traffic.wait_ping(switch.vms['vm1'].ns, '10.0.0.2')


def test_many_flows_by_a_file(switch, lab):
    """Two thousand rules in one go, replaced by others in one go."""
    path = lab.path('flows.txt')
    with open(path, 'w', encoding='ascii') as file:
        for n in range(2000):
            file.write(f'priority=7,ip,nw_dst=10.{n >> 8}.{n & 255}.1,actions=output:2\n')
    switch('add-flows', path)
    assert len(switch.flows()) == 2000
    with open(path, 'w', encoding='ascii') as file:
        for n in range(1000, 2500):
            file.write(f'priority=7,ip,nw_dst=10.{n >> 8}.{n & 255}.1,actions=output:3\n')
    switch('replace-flows', path)
    assert len(switch.flows()) == 1500
