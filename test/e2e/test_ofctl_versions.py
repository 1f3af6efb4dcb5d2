# SPDX-License-Identifier: Apache-2.0
"""ovs-ofctl in each version that it shares with us, and without -O: each command, and what it must say."""
import re
import subprocess

import pytest

VERSIONS = {None: '1.0', 'OpenFlow10': '1.0', 'OpenFlow13': '1.3', 'OpenFlow14': '1.4',
            'OpenFlow15': '1.5'}
ALL, LATE, TABLES, LAST = ('1.0', '1.3', '1.4', '1.5'), ('1.3', '1.4', '1.5'), ('1.4', '1.5'), ('1.5',)

# (versions, command, arguments, what its output must match; '': nothing is said). In order.
COMMANDS = [
    (ALL, 'probe', [], ''),
    (ALL, 'show', [], r'dpid:123456789abcdef0[\s\S]*1\(vm1\): addr:02:00:00:00:00:01'),
    (ALL, 'dump-desc', [], r'Manufacturer: Weft'),
    (ALL, 'dump-ports', [], r'port +"?(vm)?1"?: rx pkts=10[\s\S]*tx pkts=20'),
    (ALL, 'dump-ports', ['2'], r'1 ports'),
    (ALL, 'dump-ports-desc', [], r'65000\(overlay\): addr:02:00:00:00:fd:e8'),
    (ALL, 'dump-tables', [], r'table 0'),
    (LATE, 'dump-table-features', [], r'table 0 \("table0"\)[\s\S]*max_entries=1000000'),
    (TABLES, 'dump-table-desc', [], r'table 254'),
    (TABLES, 'mod-table', ['2', 'evict'], ''),
    (TABLES, 'dump-table-desc', [], r'table 2:\n +eviction=on'),
    (TABLES, 'mod-table', ['2', 'vacancy:20,40'], ''),
    (TABLES, 'dump-table-desc', [], r'table 2:\n.*\n +vacancy=on vacancy_down=20% vacancy_up=40%'),
    (ALL, 'mod-port', ['2', 'down'], ''),
    (ALL, 'dump-ports-desc', [], r'2\(vm2\)[^\n]*\n +config: +PORT_DOWN'),
    (ALL, 'mod-port', ['2', 'up'], ''),
    (ALL, 'get-frags', [], r'normal'),
    (ALL, 'set-frags', ['drop'], ''),
    (ALL, 'get-frags', [], r'drop'),
    (ALL, 'set-frags', ['normal'], ''),
    (ALL, 'queue-stats', [], r'0 queues'),
    (ALL, 'queue-get-config', ['1'], r'(?i)queue'),
    (ALL, 'packet-out', [f'in_port=1 packet={"00" * 20} actions=output:2'], ''),
    (LATE, 'add-group', ['group_id=1,type=select,bucket=weight:5,output:1'], ''),
    (LATE, 'dump-groups', [], r'group_id=1,type=select,bucket=.*weight:5,actions=output:"?(vm)?1'),
    (LATE, 'dump-group-stats', [], r'group_id=1,duration=2.000000001s,.*packet_count=5,byte_count=500'),
    (LATE, 'dump-group-features', [], r'select group:\n +max_groups=0x3e8'),
    (LATE, 'del-groups', ['group_id=1'], ''),
    (LATE, 'add-meter', ['meter=3,kbps,burst,bands=type=drop,rate=100,burst_size=7'], ''),
    (LATE, 'dump-meters', [], r'meter=3 kbps burst bands=\ntype=drop rate=100 burst_size=7'),
    (LATE, 'dump-meter', ['meter=3'], r'meter=3 kbps'),
    (LATE, 'meter-stats', ['meter=3'], r'meter:3 .*packet_in_count:9 byte_in_count:900'),
    # ovs-ofctl 3.1 does not know that the reply of 1.5 is longer (1.5.1, 7.3.5.15)
    (('1.3', '1.4'), 'meter-features', [], r'max_meter:500 max_bands:16'),
    (LATE, 'add-flow', ['priority=9,in_port=1,actions=meter:3,output:2'], ''),
    (LATE, 'dump-flows', ['in_port=1'], r'actions=meter:3,output:"?(vm)?2'),
    (LATE, 'del-meter', ['meter=3'], ''),
    (ALL, 'del-flows', [], ''),
]

# Text that goes in comes out the same, in the words of each version.
FLOWS = {
    ALL: ['priority=5,ip,nw_dst=10.0.0.0/8 actions=output:2',
          'priority=8,dl_vlan=5,dl_vlan_pcp=3 actions=output:1',
          'priority=9,arp,arp_tpa=10.0.0.1 actions=CONTROLLER:128',
          'idle_timeout=60, hard_timeout=90, priority=10,tcp,tp_dst=80 actions=drop',
          'priority=11,reg0=0x5 actions=resubmit(,3)',
          'priority=12,ipv6,ipv6_dst=2001:db8::/32 actions=NORMAL'],
    ('1.0',): ['table=3, priority=7,dl_vlan=5 actions=strip_vlan,output:1',
               'priority=20,tcp actions=mod_tp_dst:81,mod_nw_tos:32,output:2'],
    LATE: ['table=3, priority=7,dl_vlan=5 actions=pop_vlan,output:1',
           'priority=20,udp actions=goto_table:4',
           'priority=21,tcp actions=set_field:81->tcp_dst,output:2'],
    TABLES: ['importance=7, priority=22 actions=output:1'],
}


def ofctl(server, option, command, *args, status=0, stdin=None):
    done = subprocess.run(['ovs-ofctl', *(['-O', option] if option else []), command, server.target,
                           *args], capture_output=True, text=True, timeout=20, input=stdin)
    assert done.returncode == status, (command, args, done.stdout, done.stderr)
    return done.stdout + done.stderr


@pytest.mark.parametrize('option', VERSIONS, ids=lambda o: o or 'default')
def test_each_command(server, option):
    for versions, command, args, want in COMMANDS:
        if VERSIONS[option] not in versions:
            continue
        said = ofctl(server, option, command, *args)
        assert re.search(want, said) if want else said == '', (command, args, said)


def words(line):
    return sorted(re.split('[, ]+', line.strip().replace('reset_counts', '').replace('"', '')))


@pytest.mark.parametrize('option', VERSIONS, ids=lambda o: o or 'default')
def test_text_comes_out_as_it_went_in(server, option):
    flows = [f for versions, some in FLOWS.items() if VERSIONS[option] in versions for f in some]
    ofctl(server, option, 'add-flows', '-',
          stdin='\n'.join(f.replace(', ', ',').replace(' actions', ',actions') for f in flows))
    dump = [line for line in ofctl(server, option, 'dump-flows', '--no-stats').splitlines()
            if 'actions=' in line]
    assert sorted(map(words, dump)) == sorted(map(words, flows))
    path_free = ofctl(server, option, 'dump-flows', '--no-stats', 'table=3')
    assert path_free.count('actions=') == 1
    assert f'flow_count={len(flows)}' in ofctl(server, option, 'dump-aggregate')
    ofctl(server, option, 'mod-flows', 'ip,actions=output:1')
    ofctl(server, option, 'del-flows', '--strict', 'priority=5,ip,nw_dst=10.0.0.0/8')
    assert f'flow_count={len(flows) - 1}' in ofctl(server, option, 'dump-aggregate')
    assert 'OFPBAC_BAD_OUT_PORT' in ofctl(
        server, option, 'add-flow', 'priority=1,actions=output:0', status=1) or option is None


def test_a_modify_without_o_adds(server):
    """OpenFlow 1.0's modify, as ovs-ofctl sends it by default."""
    ofctl(server, None, 'mod-flows', 'in_port=1,actions=output:2')
    assert 'in_port=1' in ofctl(server, None, 'dump-flows')
    ofctl(server, 'OpenFlow13', 'mod-flows', 'in_port=2,actions=output:1')
    assert 'in_port=2' not in ofctl(server, None, 'dump-flows').replace('"', '')
