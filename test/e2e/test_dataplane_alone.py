# SPDX-License-Identifier: Apache-2.0
"""The data plane without an agent: driven over its control socket, held against Linux."""
import os
import re
import subprocess
import time

import pytest
import weftipc
from lab.bare import BareHost, connect_vms, pair
from lab.linuxvx import LinuxVxlanHost
from lab.traffic import Pinger, iperf3, mbits, ping, wait_ping
from lab.wait import wait_until
from lab.weft import program
from scapy.layers.inet import ICMP, IP, UDP
from scapy.layers.l2 import Ether, GRE
from scapy.layers.vxlan import VXLAN
from scapy.utils import rdpcap
from weftipc import NVGRE as NVGRE_ENCAP
from weftipc import VXLAN as VXLAN_ENCAP

MAC1, MAC2, MAC3 = ('02:00:00:00:00:0%d' % i for i in (1, 2, 3))


def lost(pinger):
    """Numbers of the echo requests that were never answered, but for the last, which may be under way
    when ping is stopped."""
    pinger.stop()
    seen = {int(n) for n in re.findall(r'icmp_seq=(\d+) ', pinger._process.output())}
    assert len(seen) > 50, 'no traffic to speak of'
    return sorted(set(range(1, max(seen))) - seen)


@pytest.mark.parametrize('options, why', [([], 'packet buffers'), (['--mbufs', '4096', '--workers', '32'], 'out of memory'),
                                          (['--mem', '1048576'], 'this machine has')])
def test_too_little_memory_is_told(tmp_path, options, why):
    """By the last line, and with status 1: what was made until then is taken down again."""
    args = ['--no-huge', '--idle-sleep', '100', '--mem', '32', '--socket', tmp_path / 's', '--punt-socket', tmp_path / 'p']
    done = subprocess.run([program('weft-dataplane'), *args, *options], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1 and why in done.stderr.splitlines()[-1], done


def test_a_folder_that_cannot_be_made_is_told(tmp_path):
    """As /run/weft by a user: not that there is no such file."""
    args = ['--no-huge', '--mem', '64', '--mbufs', '2048', '--socket', tmp_path / 's', '--punt-socket', '/sys/weft/p']
    done = subprocess.run([program('weft-dataplane'), *args], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == 'weft-dataplane: socket /sys/weft/p: Operation not permitted'


@pytest.mark.parametrize('kind', ['tap', 'af_packet'])
@pytest.mark.parametrize('encap', [VXLAN_ENCAP, NVGRE_ENCAP])
def test_two_hosts(lab, two_bare, encap, kind):
    a, b = two_bare
    pair(a, b, encap)
    vm1, vm2 = connect_vms(a, b, kind=kind)
    wait_ping(vm1, '10.0.0.2')
    assert ping(vm1, '10.0.0.2', count=20, interval=0.02, size=1000) == 20
    # TCP: a sender that leaves checksums to its hardware must be understood (af_packet).
    assert mbits(iperf3(lab, vm2, vm1, '10.0.0.2', seconds=1)) > 10
    assert {e['mac']: e['ofport'] for e in a.dp.fdb(1)} == {MAC1: 1, MAC2: weftipc.OVERLAY}


def test_two_workers(lab, fabric):
    a, b = (BareHost(lab, fabric, n, workers=2) for n in (1, 2))
    pair(a, b)
    vm1, vm2 = connect_vms(a, b)
    wait_ping(vm1, '10.0.0.2')
    assert mbits(iperf3(lab, vm2, vm1, '10.0.0.2', seconds=1, options=['-P', 4])) > 10
    for host in (a, b):
        host.check_balance()
        for what in ('cache_hits', 'cache_misses', 'cache_inserts'):  # as told by worker and by tenant
            wait_until(lambda host=host, what=what: sum(w[what] for w in host.dp.workers()) == sum(
                t[what] for t in host.dp.ledgers().values()) > 0, what=what)
        known = [(w['cache_flows'], w['cache_room']) for w in host.dp.workers()]
        assert 0 < sum(flows for flows, _ in known) and all(flows <= room for flows, room in known)


def test_tenants_do_not_meet(two_bare):
    a, b = two_bare
    pair(a, b, VXLAN_ENCAP, 7000, tenant=1)
    pair(a, b, NVGRE_ENCAP, 7000, tenant=2)
    red1 = a.vm(1, 'red1', 1, '10.0.0.1/24', MAC1)
    b.vm(1, 'red2', 1, '10.0.0.2/24', MAC2)
    blue1 = a.vm(2, 'blue1', 1, '10.0.0.1/24', MAC1)
    b.vm(2, 'blue3', 1, '10.0.0.3/24', MAC3)
    wait_ping(red1, '10.0.0.2')
    wait_ping(blue1, '10.0.0.3')
    assert ping(red1, '10.0.0.3', count=3) == 0
    assert ping(blue1, '10.0.0.2', count=3) == 0
    assert ping(red1, '10.0.0.2') == 3 and ping(blue1, '10.0.0.3') == 3


def test_linux_vxlan_device(lab, fabric):
    """Linux sends with and without outer checksums, unfinished inner ones included."""
    a = BareHost(lab, fabric, 1)
    for number, udp_csum in ((3, False), (4, True)):
        linux = LinuxVxlanHost(lab, fabric, number, 5000 + number, [a.vtep], udp_csum=udp_csum)
        linux.mac = linux.ns.mac('eth0')
        vm = linux.vm(f'lvm{number}', '10.0.0.9/24', MAC3)
        a.reaches(linux)
        a.tenant(number, network=5000 + number, vteps=[linux.vtep])
        mine = a.vm(number, f'wvm{number}', 1, '10.0.0.1/24', MAC1)
        wait_ping(mine, '10.0.0.9')
        assert ping(vm, '10.0.0.1', count=10, interval=0.02) == 10
        assert mbits(iperf3(lab, vm, mine, '10.0.0.9', seconds=1)) > 10
    a.check_balance()


def test_kernel_stays_silent(lab, fabric):
    """No ICMP unreachable for encapsulated packets while the data plane lives; the kernel itself, asked
    before, would have sent one."""
    ns = lab.namespace('h9')
    vtep = fabric.attach(ns, 9)
    ns.run('sysctl', '-qw', 'net.ipv4.icmp_ratelimit=0')
    inner = Ether(dst=MAC1, src=MAC2) / IP(src='10.0.0.2', dst='10.0.0.1') / UDP() / b'x'

    def unreachables(mac):
        capture = fabric.capture('h9', f'silent-{time.time_ns()}')
        with fabric.ns.raw('fabric') as raw:
            me = fabric.ns.mac('fabric')
            outer = Ether(dst=mac, src=me) / IP(src=fabric.address, dst=vtep)
            for _ in range(5):
                raw.send(bytes(outer / UDP(sport=5, dport=4789, chksum=0) / VXLAN(vni=5, flags=8) / inner))
                raw.send(bytes(outer / GRE(key_present=1, key=5000 << 8, proto=0x6558) / inner))
            time.sleep(0.3)
        return [p for p in rdpcap(capture.stop(whole=False)) if ICMP in p]

    mac = ns.mac('eth0')
    assert unreachables(mac), 'the kernel answers nobody: this test shows nothing'

    class Taken(BareHost):
        def __init__(self):  # a data plane in the namespace that is there
            self.lab, self.fabric, self.label, self.ns = lab, fabric, 'b9', ns
            self.vtep, self.mac, self.workers, self.options = vtep, mac, 1, ()
            self.start()

    host = Taken()
    assert unreachables(mac) == []
    wait_until(lambda: host.check_balance()[0]['drops'] == {'unknown-network': 10}, what='all are refused')
    host.process.kill()
    assert unreachables(mac), 'the silence outlives the data plane'


@pytest.fixture
def traffic(lab, two_bare):
    """Two hosts, a VM on each, and echo requests from the first to the second: both hosts, the first VM, the pinger."""
    a, b = two_bare
    pair(a, b)
    vm1, _ = connect_vms(a, b)
    wait_ping(vm1, '10.0.0.2')
    return a, b, vm1, Pinger(lab, vm1, '10.0.0.2')


def test_agent_dies_under_traffic(traffic):
    a, _, vm1, pinger = traffic
    epoch = a.dp.epoch
    for half_done in (False, True):
        if half_done:  # in the middle of an atomic transaction: it must leave no trace
            a.dp.begin(atomic=True)
            a.dp.tenant_add(77, vni=77)
            since = time.monotonic()
            a.dp.port_del(vm1.port_id)
        a.dp.close()
        hidden = time.monotonic() - since if half_done else 0
        time.sleep(0.5)
        a.connect()
        assert a.dp.epoch == epoch
        assert [t for t, _ in a.dp.dump('DUMP_TENANTS', weftipc.TENANT)] == [1]
    assert len(lost(pinger)) <= 4 + hidden * 100  # one each 10 ms while the port was hidden
    assert a.dp.ports(1)[0]['name'] == 'vm1'


def test_agent_dies_and_nothing_is_lost(traffic):
    a, b, _, pinger = traffic
    for _ in range(5):
        a.dp.close()
        b.dp.close()
        time.sleep(0.2)
        a.connect()
        b.connect()
    assert lost(pinger) == []


def test_ports_come_and_go_under_traffic(traffic):
    a, _, _, pinger = traffic
    for i in range(40):
        port = 100 + i
        a.dp.port_add(1, 'tap', id=port, ofport=10 + i % 3, device='churn%d' % (i % 3))
        a.dp.port_add(1, 'null', id=200 + i, ofport=20)
        a.dp.port_del(port)
        a.dp.port_del(200 + i)
    assert lost(pinger) == []
    assert len(a.dp.ports(1)) == 1
    assert not a.ns.run('sh', '-c', 'ls /sys/class/net').count('churn')


def test_a_moved_tap_stays_up(two_bare):
    a, b = two_bare
    pair(a, b)
    vm1, _ = connect_vms(a, b)
    time.sleep(1.5)  # link states are looked at once a second
    assert [p['state'] for p in a.dp.ports(1)] == [0]
    a.dp.port_del(vm1.port_id)
    wait_until(lambda: 'eth0' not in vm1.devices(), what='the TAP goes, wherever it is')


def test_what_keeps_the_kernel_quiet_is_kept(lab, fabric):
    """Setting the host anew leaves the kernel no moment in which it would answer tunnel packets."""
    host = BareHost(lab, fabric, 1)

    def sockets():
        folder = f'/proc/{host.process.pid}/fd'
        links = [os.readlink(f'{folder}/{fd}') for fd in os.listdir(folder)]
        return {link for link in links if link.startswith('socket:')}

    before = sockets()
    host.dp.host_set(vtep4=host.vtep, ttl=63)
    assert sockets() == before
    host.dp.host_set(vtep4=host.vtep, vxlan_port=4790)
    assert len(before - sockets()) == len(sockets() - before) == 2  # UDP over IPv4 and IPv6
