# SPDX-License-Identifier: Apache-2.0
"""Devices that are not there when the data plane starts: what lacks them waits, all else works."""
import pytest

from lab import traffic
from lab.netns import veth
from lab.wait import wait_until

MAC1, MAC2 = '02:00:00:00:00:01', '02:00:00:00:00:02'


def state(host):
    return {p['name']: p['state'] for p in host.json('show')['ports']}


def start(host):
    """Starts both programs, and does not wait for ports that cannot come."""
    host.write_config()
    host.start_dataplane()
    host.start_agent()
    wait_until(lambda: host.json('show')['ready'], 20, 'the agent is ready')


@pytest.fixture
def two_hosts(hosts):
    """Two learning hosts, VXLAN between them; two VMs on the first."""
    built = [hosts(1), hosts(2)]
    for n, host in enumerate(built):
        host.tenant('red', vni=5001, vteps=[built[1 - n].vtep])
        host.vm('red', f'vm{n + 1}', n + 1, f'10.0.0.{n + 1}/24', f'02:00:00:00:00:0{n + 1}')
    built[0].vm('red', 'vm3', 3, '10.0.0.3/24', '02:00:00:00:00:03')
    for host in built:
        host.up()
    traffic.wait_ping(built[0].vms['vm1'].ns, '10.0.0.2', 15)
    return built


def test_a_port_whose_interface_comes_late(lab, hosts, controller, controller_target):
    """The rest of the host runs; the port is shown as failed with its reason; when the interface comes,
    the port does, and the controller is told."""
    host = hosts(1)
    red = host.tenant('red', vni=5001, vteps=['172.16.0.2'], dpid=1, controllers=[controller_target])
    host.tenant('blue')
    host.vm('blue', 'vm1', 1, '10.0.0.1/24', MAC1)
    host.vm('blue', 'vm2', 2, '10.0.0.2/24', MAC2)
    late = {'name': 'late', 'number': 7, 'kind': 'af_packet', 'device': 'p-late', 'mtu': 1450}
    red['ports'] += [late, {'name': 'wrong', 'number': 8, 'kind': 'pci', 'device': '0000:ff:1f.7'}]
    start(host)
    traffic.wait_ping(host.vms['vm1'].ns, '10.0.0.2')
    controller.wait_switch(1)
    assert state(host) == {'up0': 'up', 'vm1': 'up', 'vm2': 'up', 'late': 'failed', 'wrong': 'failed'}
    row = next(p for p in host.json('port', 'show', 'red') if p['name'] == 'late')
    assert 'p-late' in row['error'] and row['number'] == 7
    assert 'p-late' in host.weft('port') and 'p-late' in host.weft('show')
    assert 'nothing' in host.weft('apply')  # what is missing does not hold back an apply
    ghost = lab.namespace('late')
    veth(host.ns, 'p-late', ghost, 'eth0')
    told = controller.expect('OFPPortStatus', 1, 15, lambda m: m['desc']['OFPPort']['port_no'] == 7)
    assert told['reason'] == 0
    wait_until(lambda: state(host)['late'] == 'up', 10, 'the late port is up')
    assert state(host)['wrong'] == 'failed'
    assert host.agent.output().count('red/late failed') == 1


def test_a_data_plane_that_restarts_without_a_device(two_hosts):
    """It dies, an interface goes meanwhile, another data plane starts: the others are there again."""
    host = two_hosts[0]
    host.dataplane.kill()
    host.ns.ip('link', 'del', 'p-vm3')
    host.start_dataplane()
    traffic.wait_ping(host.vms['vm1'].ns, '10.0.0.2', 20)
    assert state(host) == {'up0': 'up', 'vm1': 'up', 'vm3': 'failed'}
    veth(host.ns, 'p-vm3', host.vms['vm3'].ns, 'eth0')
    host.vms['vm3'].configure()
    wait_until(lambda: state(host)['vm3'] == 'up', 15, 'vm3 is back')
    traffic.wait_ping(host.vms['vm3'].ns, '10.0.0.2', 15)


def test_a_host_whose_uplink_is_missing(lab, fabric, hosts):
    """Tenants work within the host; the overlay follows when the interface comes."""
    host, other = hosts(1, capture=False), hosts(2)
    for n, each in enumerate((host, other)):
        each.tenant('red', vni=5001, vteps=[(other, host)[n].vtep])
        each.vm('red', f'vm{n + 1}', n + 1, f'10.0.0.{n + 1}/24', f'02:00:00:00:00:0{n + 1}')
    host.vm('red', 'vm3', 3, '10.0.0.3/24', '02:00:00:00:00:03')
    other.up()
    host.ns.ip('link', 'set', 'eth0', 'down')
    host.ns.ip('link', 'set', 'eth0', 'name', 'away')
    start(host)
    traffic.wait_ping(host.vms['vm1'].ns, '10.0.0.3', 15)
    assert state(host)['up0'] == 'failed'
    host.ns.ip('link', 'set', 'away', 'name', 'eth0')
    host.ns.ip('link', 'set', 'eth0', 'up')
    wait_until(lambda: state(host)['up0'] == 'up', 15, 'the uplink is up')
    traffic.wait_ping(host.vms['vm1'].ns, '10.0.0.2', 20)


@pytest.mark.parametrize('workers', [1, 2])  # two share an interface by a fanout group
def test_interfaces_that_are_made_anew(fabric, hosts, workers):
    """A container's cable, an uplink whose driver was loaded again, a TAP that went with its machine's namespace: another
    interface by the same name is taken for the same port, by the data plane alone, and counted on."""
    host, other = hosts(1, capture=False, workers=workers), hosts(2)
    for n, each in enumerate((host, other)):
        each.tenant('red', vni=5001, vteps=[(other, host)[n].vtep])
        each.vm('red', f'vm{n + 1}', n + 1, f'10.0.0.{n + 1}/24', f'02:00:00:00:00:0{n + 1}')
    tap = host.vm('red', 'vm3', 3, '10.0.0.3/24', '02:00:00:00:00:03', kind='tap')
    for each in (host, other):
        each.up()
    vm = host.vms['vm1']
    for each in (vm, tap):
        traffic.wait_ping(each.ns, '10.0.0.2', 15)
    before = {p['name']: p for p in host.json('port')}
    host.agent.kill()

    host.ns.ip('link', 'del', 'p-vm1')
    veth(host.ns, 'p-vm1', vm.ns, 'eth0')
    vm.configure()
    traffic.wait_ping(vm.ns, '10.0.0.2', 15)

    tap.ns.ip('link', 'del', tap.device)
    wait_until(lambda: tap.device in host.ns.devices(), 15, 'the TAP is there again')
    host.hand_over_taps()
    traffic.wait_ping(tap.ns, '10.0.0.2', 15)

    host.start_agent()
    host.wait_ready()
    host.ns.ip('link', 'del', 'eth0')
    wait_until(lambda: state(host)['up0'] == 'down', 10, 'the uplink is down')
    fabric.attach(host.ns, 1)
    wait_until(lambda: state(host)['up0'] == 'up', 10, 'the uplink is up')
    traffic.wait_ping(vm.ns, '10.0.0.2', 15)
    after = {p['name']: p for p in host.json('port')}
    for name in ('up0', 'vm1', 'vm3'):
        assert after[name]['mac'] != before[name]['mac'] and after[name]['mtu'] == before[name]['mtu']
        for count in ('rx_packets', 'rx_bytes', 'tx_packets', 'tx_bytes'):
            assert after[name][count] > before[name][count]
