# SPDX-License-Identifier: Apache-2.0
"""The command line against a real data plane: addresses by hand, long lists, lists for people."""
import os
import re
import signal
import subprocess
import time

import pytest
from scapy.utils import wrpcap

from lab import traffic
from lab.controller import OVERLAY, dp, of, proto
from lab.wait import wait_until
from lab.weft import CommandError

MAC1, MAC2 = '02:00:00:00:00:01', '02:00:00:00:00:02'


def addresses(host):
    return {row['mac']: row for row in host.json('fdb', 'list', 'red')}


@pytest.fixture
def host(hosts):
    made = hosts(1)
    made.tenant('red', vni=5001, vteps=['172.16.0.2'],
                fdb=[{'mac': '02:00:00:00:00:0a', 'vtep': '172.16.0.2'}])
    made.vm('red', 'vm1', 1, '10.0.0.1/24', MAC1)
    made.vm('red', 'vm2', 2, '10.0.0.2/24', MAC2)
    made.up()
    traffic.wait_ping(made.vms['vm1'].ns, '10.0.0.2')
    return made


def test_addresses_by_hand(host):
    """A learned one is forgotten and learned again; one by hand outlives an apply; one of the file comes back."""
    assert addresses(host)[MAC2]['kind'] == 'learned' and addresses(host)[MAC2]['port'] == 'vm2'
    host.weft('fdb', 'del', 'red', MAC2)
    assert MAC2 not in addresses(host)
    traffic.wait_ping(host.vms['vm1'].ns, '10.0.0.2')
    assert addresses(host)[MAC2]['kind'] == 'learned'
    host.weft('fdb', 'add', 'red', '02:00:00:00:00:77', '--port', 'vm2')
    assert host.weft('apply') == 'nothing to change\n'
    assert addresses(host)['02:00:00:00:00:77']['from'] == 'command'
    assert addresses(host)['02:00:00:00:00:0a']['from'] == 'configuration'
    host.weft('fdb', 'del', 'red', '02:00:00:00:00:0a')
    assert host.weft('apply') == '+ fdb red 02:00:00:00:00:0a at 172.16.0.2\n'
    host.weft('fdb', 'del', 'red', '02:00:00:00:00:77')
    with pytest.raises(CommandError, match='no such MAC address'):
        host.weft('fdb', 'del', 'red', '02:00:00:00:00:77')
    assert set(addresses(host)) >= {'02:00:00:00:00:0a', MAC1}


def test_a_long_list_is_whole(hosts, controller, controller_target):
    host = hosts(1)
    host.tenant('red', dpid=1, controllers=[controller_target])
    host.up()
    controller.wait_switch(1)
    for first in range(0, 1500, 500):
        controller.send(1, *[of.OFPFlowMod(dp, cookie=n + 1, priority=n, table_id=n % 3, instructions=[])
                             for n in range(first, first + 500)])
    lines = host.weft('flow', 'list', 'red').splitlines()
    cookies = [int(line.split(',')[0].strip().removeprefix('cookie='), 16) for line in lines]
    assert sorted(cookies) == list(range(1, 1501))
    assert len(host.json('flow', 'list', 'red')) == 1500
    assert len(host.json('flow', 'list', 'red', '--table', '2')) == 500
    controller.delete_flows(1)
    assert host.weft('flow', 'list', 'red') == 'no rules\n'


MATCHES = [
    dict(in_port=1, eth_type=0x800, ip_proto=6, ipv4_src=('10.0.0.0', '255.0.0.0'), tcp_dst=80),
    dict(vlan_vid=0x1005), dict(vlan_vid=(0x1000, 0x1000)), dict(vlan_vid=0), dict(metadata=(5, 7)),
    dict(eth_dst=('01:00:00:00:00:00', '01:00:00:00:00:00')), dict(eth_type=0x88cc),
    dict(eth_type=0x806, arp_op=1, arp_tpa='10.0.0.9', arp_sha=MAC1),
    dict(eth_type=0x86dd, ip_proto=58, icmpv6_type=135, ipv6_nd_target='fe80::1', ipv6_nd_sll=MAC1),
    dict(eth_type=0x86dd, ip_proto=17, ipv6_src=('2001:db8::', 'ffff:ffff::'), udp_src=53),
    dict(eth_type=0x86dd, ipv6_flabel=7), dict(eth_type=0x800, ip_proto=1, icmpv4_type=8, icmpv4_code=0),
    dict(eth_type=0x800, ip_dscp=46, ip_ecn=1, ip_proto=89), dict(eth_type=0x8847, mpls_label=5, mpls_bos=1),
    dict(tunnel_id=5), dict(in_port=OVERLAY),
]
A = of  # its actions
ACTIONS = [
    [A.OFPActionSetField(eth_src=MAC2), A.OFPActionOutput(proto.OFPP_IN_PORT)],
    [A.OFPActionPushVlan(0x8100), A.OFPActionSetField(vlan_vid=0x1007), A.OFPActionOutput(proto.OFPP_FLOOD)],
    [A.OFPActionPushMpls(0x8847), A.OFPActionSetField(mpls_label=9), A.OFPActionOutput(proto.OFPP_ALL)],
    [A.OFPActionSetField(tunnel_id=5001), A.OFPActionOutput(proto.OFPP_CONTROLLER, 128), A.OFPActionOutput(1)],
    [A.OFPActionOutput(proto.OFPP_NORMAL), A.OFPActionGroup(7)],
    [],
]


def test_rules_are_listed_as_ovs_ofctl_reads_them(hosts, controller, controller_target):
    """Each line is a rule that ovs-ofctl understands; of one it is known what it must say."""
    host = hosts(1)
    host.tenant('red', vni=5001, vteps=['172.16.0.2'], dpid=1, controllers=[controller_target])
    host.vm('red', 'vm1', 1, '10.0.0.1/24', MAC1)
    host.up()
    controller.wait_switch(1)
    controller.send(1, of.OFPMeterMod(dp, proto.OFPMC_ADD, proto.OFPMF_KBPS, 3,
                                      [of.OFPMeterBandDrop(rate=1000, burst_size=0)]),
                    of.OFPGroupMod(dp, proto.OFPGC_ADD, proto.OFPGT_ALL, 7,
                                   [of.OFPBucket(actions=[of.OFPActionOutput(1)])]))
    for n, fields in enumerate(MATCHES):
        controller.flow(1, of.OFPMatch(**fields), ACTIONS[n % len(ACTIONS)], priority=n + 1)
    controller.flow(1, of.OFPMatch(vlan_vid=0x1009), [of.OFPActionPopVlan(), of.OFPActionOutput(1)])
    controller.flow(1, of.OFPMatch(eth_type=0x800, ipv4_dst='1.2.3.4'), priority=99, instructions=[
        of.OFPInstructionMeter(3),
        of.OFPInstructionActions(proto.OFPIT_APPLY_ACTIONS, [
            of.OFPActionSetField(ipv4_dst='4.3.2.1'), of.OFPActionDecNwTtl(), of.OFPActionSetNwTtl(9)]),
        of.OFPInstructionActions(proto.OFPIT_WRITE_ACTIONS, [of.OFPActionOutput(1)]),
        of.OFPInstructionWriteMetadata(5, 7), of.OFPInstructionGotoTable(9)])
    lines = host.weft('flow', 'list', 'red').splitlines()
    assert len(lines) == len(MATCHES) + 2
    for line in lines:
        rule = line[line.index('priority='):].replace('vm1', '1').replace('overlay', str(OVERLAY))
        assert re.match(r' ?cookie=0x0, duration=[\d.]+s, table=0, n_packets=\d+, n_bytes=\d+, idle_age', line)
        read = subprocess.run(['ovs-ofctl', '-O', 'OpenFlow13', 'parse-flow', rule], capture_output=True,
                              text=True, timeout=20, check=False)
        assert read.returncode == 0, f'{rule}: {read.stderr}'
    assert any(line.endswith(
        'priority=99,ip,nw_dst=1.2.3.4 actions=meter:3,set_field:4.3.2.1->nw_dst,dec_ttl,mod_nw_ttl:9,'
        'write_actions(output:vm1),write_metadata:0x5/0x7,goto_table:9') for line in lines), lines


def test_long_turns_are_counted(lab, hosts):
    """A worker that is stopped for 60 ms while it forwards without end was away for that long."""
    host = hosts(1, capture=False)
    load = lab.path('load.pcap')
    wrpcap(load, [traffic.udp_frame(MAC1, MAC2, '10.0.0.1', '10.0.0.2')])
    host.tenant('load', ports=[{'name': 'in', 'number': 1, 'kind': 'pcap', 'device': f'rx={load},infinite=1'},
                               {'name': 'out', 'number': 2, 'kind': 'null'}])
    host.up()
    wait_until(lambda: host.json('worker')[0]['packets'] > 1000, what='packets')
    before, seen = host.json('worker')[0], []
    os.kill(host.dataplane.pid, signal.SIGSTOP)
    time.sleep(0.06)
    os.kill(host.dataplane.pid, signal.SIGCONT)

    def counted():
        seen.append(host.json('worker')[0])
        return seen[-1]['turns_over_50us'] > before['turns_over_50us'] and max(w['longest_us'] for w in seen) >= 60000
    wait_until(counted, what='the long turn')
    assert seen[-1]['turns_over_10us'] - before['turns_over_10us'] >= seen[-1]['turns_over_50us'] - before['turns_over_50us']
    assert 'OVER 50 US' in host.weft('worker', 'list')
    host.config['tenants'].pop()  # the books are settled when nothing is under way
    host.apply()
