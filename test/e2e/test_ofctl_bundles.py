# SPDX-License-Identifier: Apache-2.0
"""ovs-ofctl's bundles of every kind of message against a real data plane, in each version that has them."""
import os
import re
import subprocess

import pytest

from lab.wait import wait_until
from lab.weft import WeftHost

VERSIONS = ['OpenFlow13', 'OpenFlow14', 'OpenFlow15']


@pytest.fixture
def host(lab, fabric):
    h = WeftHost(lab, fabric, 1)
    h.switch('red', nulls=3, vni=5001, dpid=1)
    h.up()
    h.folder = os.path.dirname(h.target[5:])
    return h


def ofctl(host, version, *args, status=0, text=None):
    if text is not None:
        with open(f'{host.folder}/input', 'w', encoding='ascii') as f:
            f.write(text)
        args = [*args, f'{host.folder}/input']
    at = next(i for i, a in enumerate(args) if not a.startswith('-'))
    done = subprocess.run(['ovs-ofctl', '-O', version, *args[:at + 1], host.target, *args[at + 1:]], timeout=30,
                          capture_output=True, text=True)
    assert done.returncode == status, (args, done.stdout, done.stderr)
    return done.stdout + done.stderr


def count(host, version):
    return int(re.search(r'flow_count=(\d+)', ofctl(host, version, 'dump-aggregate'))[1])


@pytest.mark.parametrize('version', VERSIONS)
def test_each_kind_of_message(host, version):
    ofctl(host, version, 'bundle', text='''
group add group_id=3,type=select,bucket=weight:1,output:1,bucket=weight:2,output:2
flow add cookie=1,priority=5,in_port=1,actions=group:3
flow add cookie=2,priority=5,in_port=2,actions=output:1
flow modify cookie=2/-1,actions=output:3
flow delete cookie=9/-1
packet-out in_port=controller packet=ffffffffffff0200000000010806''' + '00' * 46 + ''' actions=output:3
''')
    flows = ofctl(host, version, 'dump-flows', '--no-stats', '--no-names')
    assert 'in_port=1 actions=group:3' in flows and 'in_port=2 actions=output:3' in flows
    assert 'group_id=3,type=select' in ofctl(host, version, 'dump-groups')
    wait_until(lambda: re.search(r'tx pkts=1,', ofctl(host, version, 'dump-ports', '3')), 3, 'the packet is out')


@pytest.mark.parametrize('version', VERSIONS)
def test_one_that_fails_takes_back_all(host, version):
    ofctl(host, version, 'add-flow', 'in_port=1,actions=output:2')
    said = ofctl(host, version, 'bundle', status=1, text='''
group add group_id=3,type=all,bucket=output:1
flow delete
flow add in_port=2,actions=group:3
flow add in_port=3,actions=group:4
flow add in_port=4,actions=output:1
''')
    assert 'OFPBAC_BAD_OUT_GROUP for: OFPT_FLOW_MOD' in said and 'OFPBFC_MSG_FAILED' in said
    assert count(host, version) == 1
    assert 'group_id' not in ofctl(host, version, 'dump-groups')


@pytest.mark.parametrize('version', VERSIONS)
def test_with_the_option(host, version):
    flows = [f'cookie={n},priority={n},in_port=1,actions=output:2\n' for n in range(1, 300)]
    ofctl(host, version, '--bundle', 'add-flows', text=''.join(flows))
    assert count(host, version) == 299
    ofctl(host, version, '--bundle', 'mod-flows', 'cookie=0x10/0x10,actions=output:3')
    assert ofctl(host, version, 'dump-flows', 'out_port=3').count('actions=') == 144
    ofctl(host, version, '--bundle', '--strict', 'del-flows', 'priority=7,in_port=1')
    ofctl(host, version, '--bundle', 'del-flows', 'cookie=0x20/0x20')
    left = count(host, version)
    assert 100 < left < 200
    ofctl(host, version, '--bundle', 'replace-flows', text=''.join(flows[:50]))
    assert count(host, version) == 50
    assert ofctl(host, version, 'diff-flows', text=''.join(flows[:50])) == ''
    ofctl(host, version, '--bundle', 'add-groups', text='group_id=1,type=all,bucket=output:1\n'
                                                        'group_id=2,type=indirect,bucket=output:2\n')
    ofctl(host, version, '--bundle', 'mod-group', 'group_id=2,type=all,bucket=output:3')
    assert ofctl(host, version, 'dump-groups').count('type=all') == 2
    ofctl(host, version, '--bundle', 'del-groups', 'group_id=1')
    assert ofctl(host, version, 'dump-groups').count('group_id=') == 1
    if version == 'OpenFlow15':
        ofctl(host, version, '--bundle', 'insert-buckets',
              'group_id=2,command_bucket_id=last,bucket=bucket_id:9,output:1')
        assert 'bucket_id:9' in ofctl(host, version, 'dump-groups')
        ofctl(host, version, '--bundle', 'remove-buckets', 'group_id=2,command_bucket_id=9')
        assert 'bucket_id:9' not in ofctl(host, version, 'dump-groups')


def test_composed_packets(host):
    """A packet that ovs-ofctl makes from a flow goes out, and comes back as such."""
    dump = subprocess.run(['ovs-ofctl', 'compose-packet', 'tcp,dl_src=02:00:00:00:00:01,dl_dst=02:00:00:00:00:02,'
                           'nw_src=10.0.0.1,nw_dst=10.0.0.2,nw_ttl=64,tp_src=9,tp_dst=80'],
                          capture_output=True, text=True, check=True).stdout
    made = ''.join(re.sub('[ -]', '', line[10:]) for line in dump.splitlines())
    watch = subprocess.Popen(['ovs-ofctl', '-O', 'OpenFlow13', '-P', 'nxt_packet_in2', 'monitor', host.target, '65535'],
                             stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                             env={**os.environ, 'OVS_RUNDIR': host.folder})
    wait_until(lambda: 'connected' in host.weft('show'), 5, 'a controller')
    subprocess.run(['sleep', '0.5'], check=True)
    ofctl(host, 'OpenFlow13', 'packet-out', f'in_port=2 packet={made} actions=controller')
    subprocess.run(['sleep', '0.5'], check=True)
    watch.terminate()
    said = watch.communicate(timeout=5)[0]
    assert 'NXT_PACKET_IN2' in said and 'in_port=2' in said and 'nw_dst=10.0.0.2' in said and 'tp_dst=80' in said


def test_speed_is_measured(host):
    said = ofctl(host, 'OpenFlow13', 'benchmark', '64', '300')
    assert re.search(r'Finished in [\d.]+ ms', said)
