# SPDX-License-Identifier: Apache-2.0
"""The configuration file: what is wrong changes nothing; what is right changes only the difference."""
import json

import pytest

from lab import traffic
from lab.wait import wait_until
from lab.weft import CommandError

MAC1, MAC2, MAC3 = (f'02:00:00:00:00:{n:02x}' for n in (1, 2, 3))


@pytest.fixture
def two(hosts):
    """Two learning hosts, tenant red, a VM on each, traffic flowing."""
    built = [hosts(1), hosts(2)]
    for n, host in enumerate(built):
        host.tenant('red', vni=5001, vteps=[built[1 - n].vtep])
        host.vm('red', f'vm{n + 1}', 1, f'10.0.0.{n + 1}/24', f'02:00:00:00:00:0{n + 1}')
        host.up()
    traffic.wait_ping(built[0].vms['vm1'].ns, '10.0.0.2', 15)
    return built


def state(host):
    """Everything that a configuration decides, as the host itself tells it."""
    ports = [{k: p.get(k) for k in ('tenant', 'name', 'number', 'kind', 'device')}
             for p in host.json('port', 'show')]
    return json.dumps([host.json('tenant', 'show'), ports, host.json('vtep', 'show')], sort_keys=True)


def wrong_value(config):
    config['tenants'][0]['vni'] = 'five thousand'


def wrong_field(config):
    config['tenants'][0]['vnni'] = 5


def two_of_a_name(config):
    config['tenants'].append(dict(config['tenants'][0]))


def reserved_vsid(config):
    config['tenants'].append({'name': 'blue', 'encap': 'nvgre', 'vsid': 0xfff, 'ports': []})


def bad_address(config):
    config['host']['vtep'] = '172.16.0.256'


def missing_name(config):
    del config['tenants'][0]['ports'][0]['name']


@pytest.mark.parametrize('spoil, expected', [
    (wrong_value, r'vni: expected a number'), (wrong_field, r'vnni'), (two_of_a_name, r'red'),
    (reserved_vsid, r'vsid: expected a number'), (bad_address, r'host\.vtep'),
    (missing_name, r'ports\[0\]\.name'),
], ids=lambda value: getattr(value, '__name__', ''))
def test_a_wrong_file_changes_nothing_and_says_where(hosts, spoil, expected):
    host = hosts(1)
    host.tenant('red', vni=5001, vteps=['172.16.0.2'])
    host.vm('red', 'vm1', 1, '10.0.0.1/24', MAC1)
    host.up()
    before = state(host)
    spoil(host.config)
    host.write_config()
    with pytest.raises(CommandError, match=rf'yaml:\d+:\d+: .*{expected}') as refused:
        host.weft('apply', host.config_path)
    assert refused.value.status != 0 and not refused.value.stdout
    assert state(host) == before


def test_not_yaml_at_all(hosts):
    host = hosts(1)
    host.tenant('red', vni=5001, vteps=['172.16.0.2'])
    host.vm('red', 'vm1', 1, '10.0.0.1/24', MAC1)
    host.up()
    before = state(host)
    for text in ('tenants: [\n', '\t- x', '', 'a: b: c', '\x00\xff'):
        with open(host.config_path, 'w', encoding='latin-1') as file:
            file.write(text)
        with pytest.raises(CommandError):
            host.weft('apply', host.config_path)
    assert state(host) == before


def test_a_device_that_cannot_be_opened_undoes_the_rest(two):
    """All or nothing: a new tenant is good, one of its ports is not; neither comes."""
    host = two[0]
    before = state(host)
    host.tenant('blue', vsid=0x5002, vteps=[two[1].vtep])['ports'] = [
        {'name': 'ghost', 'number': 1, 'kind': 'af_packet', 'device': 'not-there'}]
    host.write_config()
    with pytest.raises(CommandError, match='not-there'):
        host.weft('apply', host.config_path)
    assert state(host) == before
    assert traffic.ping(host.vms['vm1'].ns, '10.0.0.2', count=3) == 3


def test_apply_changes_only_the_difference_under_traffic(two):
    """A tenant, a port and a VTEP are added and taken away while packets run in another tenant: none is
    lost, and the difference is shown."""
    host, other = two
    with host.vms['vm1'].raw() as source, other.vms['vm2'].raw() as sink:
        stream = traffic.Stream(source, sink, traffic.udp_frame(MAC1, MAC2, '10.0.0.1', '10.0.0.2'))
        stream.wait_flowing()
        host.tenant('blue', vsid=0x5002, vteps=[other.vtep, '172.16.0.77'])
        host.vm('blue', 'blue1', 1, '10.0.0.1/24', MAC1)
        said = host.apply()
        assert 'blue' in said and 'blue1' in said and 'vm1' not in said
        host.vm('red', 'vm3', 3, '10.0.0.3/24', MAC3)
        said = host.apply()
        assert 'vm3' in said and 'blue' not in said
        traffic.wait_ping(host.vms['vm3'].ns, '10.0.0.2')
        host.config['tenants'] = [t for t in host.config['tenants'] if t['name'] != 'blue']
        said = host.apply()
        assert 'blue' in said
        assert [t['name'] for t in host.json('tenant', 'show')] == ['red']
        stream.wait_flowing()
        lost, twice = stream.stop()
    assert not lost and not twice


def test_apply_of_the_same_file_changes_nothing(two):
    host = two[0]
    before = state(host)
    host.apply()
    assert state(host) == before


def test_agent_does_not_start_with_a_wrong_file(lab, hosts):
    host = hosts(1)
    host.tenant('red', vni=5001, vteps=['172.16.0.2'])
    host.config['tenants'][0]['vni'] = 1 << 24
    host.write_config()
    host.start_dataplane()
    host.start_agent()
    assert host.agent.wait(10) != 0
    assert 'vni' in host.agent.output() and '16777215' in host.agent.output()


def test_command_line_speaks_json_everywhere(two):
    host = two[0]
    for command in (['show'], ['tenant', 'show'], ['switch', 'show'], ['port', 'show'],
                    ['vtep', 'show'], ['flow', 'show', 'red'], ['fdb', 'show'], ['drops']):
        assert host.json(*command) is not None
        assert host.weft(*command).strip()
    assert 'usage' in host.weft('--help').lower()


@pytest.mark.parametrize('args', [['frobnicate'], ['tenant', 'show', 'nobody'], ['flow', 'show'],
                                  ['apply', '/no/such/file'], ['--no-such-option']])
def test_command_line_errors(two, args):
    with pytest.raises(CommandError) as refused:
        two[0].weft(*args)
    assert refused.value.status in (1, 2)
    assert refused.value.stderr.startswith('weft: ') or 'usage' in refused.value.stderr.lower()
    assert not refused.value.stdout


def test_no_agent(lab, hosts):
    """A command without an agent says what it could not reach."""
    host = hosts(1, capture=False)
    with pytest.raises(CommandError) as refused:
        host.weft('show')
    assert refused.value.status == 1 and host.agent_socket in refused.value.stderr


def test_the_ledger_counts_by_tenant(two):
    """The same reason in two tenants is two counters; a tenant's packets are not another's."""
    host = two[0]
    host.tenant('green', dpid=9)
    host.vm('green', 'green1', 1, '10.0.0.1/24', MAC1)
    host.tenant_config('green')['switch']['controllers'] = [f'punix:{host.lab.path("green")}']
    host.tenant_config('green')['switch']['fail_mode'] = 'secure'
    host.apply()
    before = host.drops('green').get('table-miss', 0), host.drops('red').get('table-miss', 0)
    with host.vms['green1'].raw() as port:
        for _ in range(11):
            port.send(traffic.udp_frame(MAC1, MAC2, '10.0.0.1', '10.0.0.2') / b'missed')
    wait_until(lambda: host.drops('green').get('table-miss', 0) == before[0] + 11,
               what='11 under table-miss')
    assert host.drops('red').get('table-miss', 0) == before[1]
