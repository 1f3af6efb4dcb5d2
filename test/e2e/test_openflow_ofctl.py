# SPDX-License-Identifier: Apache-2.0
"""ovs-ofctl as the controller of a switch, over a UNIX socket and over TCP."""
import os
import re
import signal
import subprocess
import time

import pytest

from sessionserver import SessionServer


@pytest.fixture(params=['unix', 'tcp'])
def server(tmp_path, request):
    path = f'{tmp_path}/of.sock'
    args = [f'punix:{path}'] if request.param == 'unix' else ['ptcp:16699:127.0.0.1']
    with SessionServer(*args) as s:
        s.target = f'unix:{path}' if request.param == 'unix' else 'tcp:127.0.0.1:16699'
        yield s


@pytest.fixture
def ofctl(server):
    def run(command, *args, status=0, stdin=None):
        r = subprocess.run(['ovs-ofctl', '-O', 'OpenFlow13', command, server.target, *args],
                           capture_output=True, text=True, timeout=20, input=stdin)
        assert r.returncode == status, r.stderr
        return r.stdout + r.stderr
    return run


def test_show(ofctl):
    out = ofctl('show')
    assert 'dpid:123456789abcdef0' in out and 'n_tables:255, n_buffers:0' in out
    assert '65000(overlay): addr:02:00:00:00:fd:e8' in out
    assert 'frags=normal miss_send_len=128' in out


def test_flows(ofctl):
    flows = ['table=0,priority=5,ip,nw_dst=10.0.0.0/8,actions=dec_ttl,output:2',
             'table=0,priority=0,actions=CONTROLLER:65535',
             'table=3,priority=7,tcp,in_port=1,tp_dst=80,actions=write_metadata:0x5,goto_table:4',
             'table=4,priority=1,dl_vlan=9,actions=pop_vlan,output:65000',
             'table=4,priority=2,icmp6,ipv6_src=fe80::/64,icmp_type=135,actions=drop']
    ofctl('add-flow', flows[0])
    ofctl('add-flows', '-', stdin='\n'.join(flows[1:]))
    out = ofctl('dump-flows', '--no-stats')
    # text that goes in comes out the same
    for f in flows:
        match, actions = f.replace('table=0,', '').split(',actions=')
        assert any(line.endswith(' actions=' + actions) and
                   set(match.split(',')) <= set(re.split('[ ,]+', line))
                   for line in out.splitlines()), (f, out)
    assert out.count('actions=') == 5
    ofctl('mod-flows', 'table=0,ip,actions=output:1')
    assert 'actions=output:1' in ofctl('dump-flows', 'ip')
    ofctl('del-flows', 'table=4')
    assert 'table=4' not in ofctl('dump-flows')
    assert 'flow_count=3' in ofctl('dump-aggregate')
    ofctl('del-flows')
    assert 'actions' not in ofctl('dump-flows')


def test_replace_and_diff(ofctl, tmp_path):
    f = tmp_path / 'flows'
    f.write_text(''.join(f'priority={i},in_port={i},actions=output:{i + 1}\n'
                         for i in range(1, 50)))
    ofctl('add-flow', 'priority=99,actions=drop')
    ofctl('replace-flows', str(f))
    out = ofctl('dump-flows', '--no-stats')
    assert out.count('actions=') == 49 and 'drop' not in out
    assert ofctl('diff-flows', str(f)) == ''


def test_errors_are_shown(ofctl):
    assert 'OFPBAC_BAD_OUT_GROUP' in ofctl('add-flow', 'actions=group:5', status=1)
    assert 'OFPMMFC_UNKNOWN_METER' in ofctl('add-flow', 'actions=meter:5,output:1', status=1)
    # os-ken and ovs agree: an unknown port in a statistics request is a bad port
    assert 'BAD_PORT' in ofctl('dump-ports', '77', status=0)


def test_groups_and_meters(ofctl):
    ofctl('add-group', 'group_id=3,type=select,bucket=weight:2,output:1,bucket=weight:3,output:2')
    out = ofctl('dump-groups')
    assert 'group_id=3,type=select,bucket=weight:2,actions=output:1,' \
           'bucket=weight:3,actions=output:2' in out
    assert 'group_id=3' in ofctl('dump-group-stats')
    ofctl('mod-group', 'group_id=3,type=all,bucket=output:2')
    assert 'type=all' in ofctl('dump-groups')
    assert 'max_groups=0x3e8' in ofctl('dump-group-features')
    ofctl('del-groups')
    assert 'group_id' not in ofctl('dump-groups')
    ofctl('add-meter', 'meter=1,kbps,burst,band=type=drop,rate=1000,burst_size=100')
    assert 'type=drop rate=1000 burst_size=100' in ofctl('dump-meters')
    assert 'meter:1' in ofctl('meter-stats')
    assert 'max_meter:500' in ofctl('meter-features')
    ofctl('del-meters')
    assert 'rate' not in ofctl('dump-meters')


def test_reading(ofctl):
    assert 'active=0' in ofctl('dump-tables')
    assert '1...254: ditto' in ofctl('dump-tables')
    assert 'port  1: rx pkts=10' in ofctl('dump-ports')
    assert '65000(overlay)' in ofctl('dump-ports-desc')
    assert 'Manufacturer: Weft' in ofctl('dump-desc')
    assert 'max_entries=1000000' in ofctl('dump-table-features')
    assert '0 queues' in ofctl('queue-stats')
    assert ofctl('probe') == ''


def test_mod_port(ofctl, server):
    ofctl('mod-port', 'vm1', 'no-forward')
    assert 'NO_FWD' in ofctl('show')
    ofctl('mod-port', '1', 'forward')
    assert 'NO_FWD' not in ofctl('show')


def test_set_frags(ofctl):
    assert ofctl('get-frags').strip() == 'normal'
    ofctl('set-frags', 'drop')
    assert ofctl('get-frags').strip() == 'drop'


def test_ping(server):
    p = subprocess.Popen(['ovs-ofctl', '-O', 'OpenFlow13', 'ping', server.target, '500'],
                         stdout=subprocess.PIPE, text=True)
    assert '500 bytes from' in p.stdout.readline()
    p.kill()
    p.wait()


def test_monitor_and_packet_out(ofctl, server, tmp_path):
    p = subprocess.Popen(['ovs-ofctl', '-O', 'OpenFlow13', 'monitor', server.target, '65535'],
                         stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                         env={**os.environ, 'OVS_RUNDIR': str(tmp_path)})
    try:
        time.sleep(0.5)
        frame = 'ffffffffffff0200000000010806' + '00' * 46
        ofctl('packet-out', f'in_port=1,packet={frame},actions=controller')
        server('port add 12')
        time.sleep(0.3)
    finally:
        p.send_signal(signal.SIGTERM)
        out = p.communicate(timeout=5)[0]
    # ovs-ofctl asks for Nicira's newest form of them first.
    assert 'NXT_PACKET_IN2' in out and 'in_port=1 (via action)' in out, out
    assert 'OFPT_PORT_STATUS' in out and '12(vm12)' in out


def test_versions_that_are_not_spoken_are_told(server):
    r = subprocess.run(['ovs-ofctl', '-O', 'OpenFlow11,OpenFlow12', 'show', server.target],
                       capture_output=True, text=True, timeout=10)
    assert r.returncode != 0 and 'version' in r.stderr
