# SPDX-License-Identifier: Apache-2.0
"""The command line against a real data plane: addresses by hand, long lists, lists for people."""
import pytest

from lab import traffic
from lab.controller import dp, of
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
