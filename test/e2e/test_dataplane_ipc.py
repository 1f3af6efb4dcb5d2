# SPDX-License-Identifier: Apache-2.0
"""The data plane without an agent: driven over its control socket, held against Linux."""
import os
import re
import signal
import socket
import struct
import time

import pytest
import weftipc
from lab.bare import BareHost, pair
from lab.linuxvx import LinuxVxlanHost
from lab.traffic import Pinger, iperf3, mbits, ping, wait_ping
from lab.wait import wait_until
from scapy.layers.inet import ICMP, IP, TCP, UDP
from scapy.layers.l2 import ARP, Dot1Q, Ether, GRE
from scapy.layers.vxlan import VXLAN
from scapy.utils import rdpcap
from weftipc import NVGRE as NVGRE_ENCAP
from weftipc import VXLAN as VXLAN_ENCAP
from weftipc import Refused

MAC1, MAC2, MAC3 = ('02:00:00:00:00:0%d' % i for i in (1, 2, 3))
CONTROLLED = 0  # tenant flags: no standalone, no learning: rules alone


@pytest.fixture
def two(lab, fabric):
    a, b = BareHost(lab, fabric, 1), BareHost(lab, fabric, 2)
    yield a, b
    for host in (a, b):
        if host.process.alive():
            host.check_balance()


def lost(pinger):
    """Numbers of the echo requests that were never answered, but for the last, which may be under way
    when ping is stopped."""
    pinger.stop()
    seen = {int(n) for n in re.findall(r'icmp_seq=(\d+) ', pinger._process.output())}
    assert len(seen) > 50, 'no traffic to speak of'
    return sorted(set(range(1, max(seen))) - seen)


def connect_vms(a, b, tenant=1, kind='tap', prefix='vm'):
    vm1 = a.vm(tenant, f'{prefix}1', 1, '10.0.0.1/24', MAC1, kind)
    vm2 = b.vm(tenant, f'{prefix}2', 1, '10.0.0.2/24', MAC2, kind)
    return vm1, vm2


@pytest.mark.parametrize('kind', ['tap', 'af_packet'])
@pytest.mark.parametrize('encap', [VXLAN_ENCAP, NVGRE_ENCAP])
def test_two_hosts(lab, two, encap, kind):
    a, b = two
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


def test_tenants_do_not_meet(two):
    a, b = two
    pair(a, b, VXLAN_ENCAP, 7000, tenant=1)
    pair(a, b, NVGRE_ENCAP, 7000, tenant=2)
    red1 = a.vm(1, 'red1', 1, '10.0.0.1/24', MAC1)
    red2 = b.vm(1, 'red2', 1, '10.0.0.2/24', MAC2)
    blue1 = a.vm(2, 'blue1', 1, '10.0.0.1/24', MAC1)
    blue3 = b.vm(2, 'blue3', 1, '10.0.0.3/24', MAC3)
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


def overlay_frame(host, src, inner, vni=5000, src_mac='02:aa:00:00:00:01'):
    return (Ether(dst=host.mac, src=src_mac) / IP(src=src, dst=host.vtep) /
            UDP(sport=55555, dport=4789, chksum=0) / VXLAN(vni=vni, flags=8) / inner)


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
    drops = host.check_balance()[0]['drops']
    assert drops == {'unknown-network': 10}, drops
    host.process.kill()
    assert unreachables(mac), 'the silence outlives the data plane'


def test_agent_dies_under_traffic(lab, two):
    a, b = two
    pair(a, b)
    vm1, vm2 = connect_vms(a, b)
    wait_ping(vm1, '10.0.0.2')
    epoch, pinger = a.dp.epoch, Pinger(lab, vm1, '10.0.0.2')
    for half_done in (False, True):
        if half_done:  # in the middle of an atomic transaction: it must leave no trace
            a.dp.begin(atomic=True)
            a.dp.tenant_add(77, vni=77)
            a.dp.port_del(vm1.port_id)
        a.dp.close()
        time.sleep(0.5)
        a.connect()
        assert a.dp.epoch == epoch
        assert [t for t, _ in a.dp.dump('DUMP_TENANTS', weftipc.TENANT)] == [1]
    assert len(lost(pinger)) <= 4  # while the port was hidden
    assert a.dp.ports(1)[0]['name'] == 'vm1'


def test_agent_dies_and_nothing_is_lost(lab, two):
    a, b = two
    pair(a, b)
    vm1, _ = connect_vms(a, b)
    wait_ping(vm1, '10.0.0.2')
    pinger = Pinger(lab, vm1, '10.0.0.2')
    for _ in range(5):
        a.dp.close()
        b.dp.close()
        time.sleep(0.2)
        a.connect()
        b.connect()
    assert lost(pinger) == []


def test_ports_come_and_go_under_traffic(lab, two):
    a, b = two
    pair(a, b)
    vm1, _ = connect_vms(a, b)
    wait_ping(vm1, '10.0.0.2')
    pinger = Pinger(lab, vm1, '10.0.0.2')
    for i in range(40):
        port = 100 + i
        a.dp.port_add(1, 'tap', id=port, ofport=10 + i % 3, device='churn%d' % (i % 3))
        a.dp.port_add(1, 'null', id=200 + i, ofport=20)
        a.dp.port_del(port)
        a.dp.port_del(200 + i)
    assert lost(pinger) == []
    assert len(a.dp.ports(1)) == 1
    assert not a.ns.run('sh', '-c', 'ls /sys/class/net').count('churn')


def test_a_moved_tap_stays_up(two):
    a, b = two
    pair(a, b)
    vm1, _ = connect_vms(a, b)
    time.sleep(1.5)  # link states are looked at once a second
    assert [p['state'] for p in a.dp.ports(1)] == [0]
    a.dp.port_del(vm1.port_id)
    wait_until(lambda: 'eth0' not in vm1.devices(), what='the TAP goes, wherever it is')


# ---- transactions

def test_atomic_all_or_nothing(two):
    a, _ = two
    a.tenant(1, network=1)
    a.dp.port_add(1, 'null', id=50, ofport=5, name='stays')
    a.dp.vtep_add(1, '172.16.0.50')
    a.dp.nexthop_set('172.16.0.50', port=1, src_mac=a.mac, dst_mac=MAC1)
    a.dp.fdb_add(1, MAC1, vtep='172.16.0.50')

    def state():
        dumps = ('TENANTS', weftipc.TENANT), ('NEXTHOPS', weftipc.NEXTHOP), ('FDB', weftipc.FDB)
        found = {k: sorted(map(str, a.dp.dump(f'DUMP_{k}', f))) for k, f in dumps}
        found['vteps'] = sorted(a.dp.dump('DUMP_VTEPS', None))
        found['ports'] = sorted((p['id'], p['ofport'], p['name'], p['config']) for p in a.dp.ports())
        found['flows'] = len(a.dp.flows(1))
        return found

    before = state()
    mac = a.dp.ports(1)[0]['mac']
    with a.dp.txn(atomic=True):
        a.dp.host_set(vtep4='172.16.0.99')
        a.dp.tenant_add(2, vni=2)
        a.dp.port_add(2, 'null', id=60, ofport=1)
        a.dp.flow_add(1, {'in_port': 5}, weftipc.instructions(weftipc.output(7)))
        a.dp.port_mod(1, 5, 1, 1, mac)
        a.dp.tenant_add(1, op='TENANT_SET', vni=1, name='renamed')
        a.dp.vtep_add(1, '172.16.0.51')
        a.dp.vtep_del(1, '172.16.0.50')
        a.dp.nexthop_set('172.16.0.50', port=1, src_mac=a.mac, dst_mac=MAC2)
        a.dp.nexthop_set('172.16.0.51', port=1, src_mac=a.mac, dst_mac=MAC2)
        a.dp.fdb_add(1, MAC1, ofport=5)
        a.dp.fdb_add(1, MAC2, ofport=5)
        a.dp.port_del(50)
        a.dp.tenant_del(1)
        with pytest.raises(Refused, match='NO_TENANT'):
            a.dp.vtep_add(1, '172.16.0.52')
    assert state() == before


def test_a_replaced_port_comes_back(two):
    """A transaction that takes a device from one port for another, and then fails."""
    a, _ = two
    a.tenant(1)
    a.dp.port_add(1, 'tap', id=50, ofport=5, name='first', device='swap0')
    with a.dp.txn(atomic=True):
        a.dp.port_del(50)
        a.dp.port_add(1, 'tap', id=51, ofport=6, name='second', device='swap0')
        with pytest.raises(Refused):
            a.dp.port_del(9999)
    assert [(p['id'], p['ofport'], p['name']) for p in a.dp.ports(1)] == [(50, 5, 'first')]
    with a.dp.txn(atomic=True):
        a.dp.port_del(50)
        a.dp.port_add(1, 'tap', id=51, ofport=6, name='second', device='swap0')
    assert [(p['id'], p['ofport'], p['name']) for p in a.dp.ports(1)] == [(51, 6, 'second')]


def fails(host, change):
    """A transaction that does `change` and then fails."""
    with host.dp.txn(atomic=True):
        change(host.dp)
        with pytest.raises(Refused):
            host.dp.port_del(9999)


def test_a_changed_port_comes_back_as_it_was(two):
    """Changed, removed, its device taken, all in one transaction that fails."""
    a, _ = two
    a.tenant(1)
    a.dp.port_add(1, 'null', id=50, ofport=5, name='first')
    mac = a.dp.ports(1)[0]['mac']

    def change(dp):
        dp.port_mod(1, 5, 1, 1, mac)
        dp.port_del(50)
        dp.port_add(1, 'null', id=51, ofport=6, name='second')

    fails(a, change)
    assert [(p['id'], p['ofport'], p['config']) for p in a.dp.ports(1)] == [(50, 5, 0)]


def test_a_learned_address_comes_back(two):
    a, b = two
    pair(a, b)
    vm1, _ = connect_vms(a, b)
    wait_ping(vm1, '10.0.0.2')
    learned = [e for e in a.dp.fdb(1) if e['mac'] == MAC1]
    assert [(e['ofport'], e['flags']) for e in learned] == [(1, 0)]
    fails(a, lambda dp: dp.fdb_add(1, MAC1, ofport=1))
    assert [e['flags'] for e in a.dp.fdb(1) if e['mac'] == MAC1] == [0]
    fails(a, lambda dp: dp.fdb_del(1, MAC1))
    assert [e['flags'] for e in a.dp.fdb(1) if e['mac'] == MAC1] == [0]


def test_a_next_hop_through_a_removed_uplink_comes_back(two):
    a, _ = two
    a.dp.port_add(0, 'null', id=70, name='up2', kernel_if='up2')
    a.dp.nexthop_set('172.16.0.50', port=70, src_mac=a.mac, dst_mac=MAC1)
    a.dp.port_del(70)
    before = a.dp.dump('DUMP_NEXTHOPS', weftipc.NEXTHOP)
    fails(a, lambda dp: dp.nexthop_set('172.16.0.50', flags=weftipc.NO_ROUTE))
    assert a.dp.dump('DUMP_NEXTHOPS', weftipc.NEXTHOP) == before


@pytest.mark.parametrize('change, error', [
    (lambda dp: dp.tenant_add(2, vni=5000), 'EXISTS'),
    (lambda dp: dp.tenant_add(2, vni=1 << 24), 'MALFORMED'),
    (lambda dp: dp.tenant_add(2, encap=NVGRE_ENCAP, vni=0xfff), 'MALFORMED'),
    (lambda dp: dp.tenant_add(2, encap=NVGRE_ENCAP, vni=0xffffff), 'MALFORMED'),
    (lambda dp: dp.tenant_add(1, op='TENANT_SET', vni=5001), 'STATE'),
    (lambda dp: dp.tenant_del(9), 'NO_TENANT'),
    (lambda dp: dp.port_add(1, 'tap', id=1, ofport=3, device='x0'), 'EXISTS'),
    (lambda dp: dp.port_add(1, 'tap', id=9, ofport=65000, device='x0'), 'MALFORMED'),
    (lambda dp: dp.port_add(1, 'tap', id=9, ofport=3, device='x0,mac=fixed'), 'MALFORMED'),
    (lambda dp: dp.port_add(1, 'tap', id=9, ofport=3, device='eth0'), 'DEVICE'),
    (lambda dp: dp.port_add(1, 'af_packet', id=9, ofport=3, device='nosuch'), 'DEVICE'),
    (lambda dp: dp.port_add(1, 'pcap', id=9, ofport=3, device='rx=/nonexistent'), 'DEVICE'),
    (lambda dp: dp.port_add(1, 'pci', id=9, ofport=3, device='here'), 'MALFORMED'),
    (lambda dp: dp.port_add(1, 'null', id=9, ofport=3, config=2), 'MALFORMED'),
    (lambda dp: dp.port_del(9), 'NO_PORT'),
    (lambda dp: dp.port_mod(1, 9, 1, 1, MAC1), 'NO_PORT'),
    (lambda dp: dp.vtep_del(1, '172.16.0.77'), 'NOT_FOUND'),
    (lambda dp: dp.nexthop_set('172.16.0.77', port=99), 'NO_PORT'),
    (lambda dp: dp.flow_add(9), 'NO_TENANT'),
    (lambda dp: dp.host_set(vtep6='172.16.0.1'), 'MALFORMED'),
    (lambda dp: dp.dump('DUMP_FDB', weftipc.FDB, tenant=9), 'NO_TENANT'),
])
def test_refusals(shared, change, error):
    with pytest.raises(Refused) as refused:
        change(shared.dp)
    assert refused.value.error == error, refused.value


@pytest.fixture(scope='module')
def shared():
    from lab import Lab
    from lab.fabric import Fabric
    with Lab(name=f'weft{os.getpid()}-shared-') as lab:
        host = BareHost(lab, Fabric(lab), 1)
        host.tenant(1)
        yield host
        host.check_balance()


@pytest.mark.parametrize('message', [
    struct.pack('=IHHII', 12, 5, 0, 1, 0),
    struct.pack('=IHHII', 1 << 30, 5, 0, 1, 0),
    struct.pack('=IHHII', 16, 4, 0, 1, 0),
    struct.pack('=IHHII', 16, 999, 0, 1, 0),
    struct.pack('=IHHII', 24, 5, 0, 1, 0) + bytes(8),
    struct.pack('=IHHII', 24, 17, 0, 1, 1) + bytes(8),
    struct.pack('=IHHII', 32, 1, 0, 1, 0) + struct.pack('=IIQ', 2, 0, 0),
])
def test_a_broken_stream_is_closed(shared, message):
    shared.dp.sock.sendall(message)
    with pytest.raises(ConnectionError):
        while True:
            shared.dp.receive()
    shared.connect().echo()


def test_others_are_served_while_the_fdb_is_told(shared):
    dp = shared.dp
    macs = {f'02:00:00:00:{n >> 8:02x}:{n & 255:02x}' for n in range(600)}
    with dp.txn():
        for mac in macs:
            dp.fdb_add(1, mac, vtep='172.16.0.50')
    dump, echo = dp.xid + 1, dp.xid + 2
    dp.xid = echo
    dp.sock.sendall(b''.join(weftipc.HDR.pack(len=16, type=weftipc.TYPES[kind], flags=0, xid=xid, tenant=0)
                             for kind, xid in (('DUMP_FDB', dump), ('ECHO', echo))))  # in one go
    dp.answer(echo)  # before the first address
    told = []
    while (answer := dp.answer(dump))[0]['flags'] & weftipc.MORE:
        told.append(answer)
    assert all(hdr['tenant'] == 1 for hdr, _ in told)
    assert {weftipc.FDB.unpack(body)['mac'] for _, body in told} == macs
    assert len(told) == len(macs)
    with dp.txn():
        for mac in macs:
            dp.fdb_del(1, mac)
    assert dp.fdb(1) == []


def test_every_group_fits_its_dump(shared):
    """A group that can be made can be told of: its answer has counters besides."""
    def mod(command, buckets=0):
        head = struct.pack('=IBBHIB3xQQ', 7, command, 1, buckets, 0, 0, 0, 0)
        shared.dp.op('GROUP_MOD', head + b''.join(
            struct.pack('=IIIHH', n, *[2**32 - 1] * 2, 1, 0) for n in range(buckets)), 1)

    with pytest.raises(Refused, match='GROUP_BUCKETS'):
        mod(0, 12000)
    mod(0, 8000)
    (_, raw), = shared.dp.dump('DUMP_GROUPS', None, struct.pack('=II', 7, 0), 1)
    assert len(raw) == 64 + 8000 * 32
    mod(2)


def test_one_agent_at_a_time(shared):
    with pytest.raises(OSError):
        weftipc.Client(shared.sockets[0])
    shared.dp.echo()


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


@pytest.mark.parametrize('end', ['close', 'shutdown'])
def test_what_came_before_the_end_counts(shared, end):
    """However much it is: an agent may say its last words and go, with or without waiting for answers."""
    count = 1500
    words = [('BEGIN', bytes(8), 0), *(('FLOW_MOD', shared.dp.flow_body(
        {'in_port': n}, table=7, cookie=0xe0f), 1) for n in range(1, count + 1)), ('COMMIT', b'', 0)]
    os.kill(shared.process.pid, signal.SIGSTOP)  # so that it finds all of it together with the end
    try:
        shared.dp.sock.sendall(b''.join(weftipc.HDR.pack(
            len=16 + len(body), type=weftipc.TYPES[kind], xid=xid, tenant=tenant) + body
            for xid, (kind, body, tenant) in enumerate(words, 1)))
        shared.dp.sock.shutdown(socket.SHUT_WR)
        if end == 'close':
            shared.dp.close()
    finally:
        os.kill(shared.process.pid, signal.SIGCONT)
    if end == 'shutdown':
        assert shared.dp.answer(len(words))[0]['flags'] == 0
        with pytest.raises(ConnectionError):
            shared.dp.receive()
        shared.dp.close()
    shared.connect()
    assert sum(f['cookie'] == 0xe0f for f in shared.dp.flows(1)) == count
    shared.dp.flow_del(1, table=7)


def test_rules_expire_however_busy_the_agent_is(shared):
    """It has the next transaction open before the last one's turn has ended, always."""
    shared.dp.flow_add(1, {'in_port': 9}, table=8, cookie=0xdead, hard_timeout=1)
    shared.dp.begin()
    end = time.monotonic() + 4
    while time.monotonic() < end:
        shared.dp.sock.sendall(b''.join(weftipc.HDR.pack(len=16 + len(body), type=weftipc.TYPES[kind], xid=1)
                                        + body for kind, body in (('COMMIT', b''), ('BEGIN', bytes(8)))))
        shared.dp.answer(1)
        if not any(f['cookie'] == 0xdead for f in shared.dp.flows(1)):
            break
        time.sleep(0.02)
    shared.dp.commit()
    assert time.monotonic() < end, 'it is still there after four seconds'


def test_operations_want_a_transaction(shared):
    with pytest.raises(Refused, match='STATE'):
        shared.dp.call('FDB_FLUSH', tenant=1)
    with pytest.raises(Refused, match='STATE'):
        shared.dp.call('COMMIT')
    shared.dp.begin()
    with pytest.raises(Refused, match='STATE'):
        shared.dp.call('BEGIN', bytes(8))
    shared.dp.commit()


# ---- why packets die

@pytest.fixture
def probed(lab, fabric):
    """A host with one controlled tenant and a VM whose port sends what rules say."""
    host = BareHost(lab, fabric, 1)
    host.tenant(1, flags=CONTROLLED, punt_rate=50, punt_burst=10)
    vm = host.vm(1, 'vm1', 1, '10.0.0.1/24', MAC1)
    vm.run('sysctl', '-qw', 'net.ipv6.conf.all.disable_ipv6=1')
    yield host, vm
    host.check_balance()


def drops_of(host, tenant=1):
    return host.settled()[tenant]['drops']


def send_from(vm, frame, count=1):
    with vm.raw('eth0') as raw:
        for _ in range(count):
            raw.send(bytes(frame))
    time.sleep(0.2)


FRAME = Ether(dst=MAC2, src=MAC1) / IP(src='10.0.0.1', dst='10.0.0.2') / UDP(sport=7, dport=9) / (b'x' * 50)


def test_drops_have_names(probed):
    host, vm = probed
    out = weftipc.instructions(weftipc.output('overlay'))

    def dropped(reason, frame=FRAME):
        before = drops_of(host).get(reason, 0)
        send_from(vm, frame, 3)
        assert drops_of(host).get(reason, 0) == before + 3, (reason, drops_of(host))

    dropped('table-miss')
    host.dp.flow_add(1, {'in_port': 1}, out, cookie=0xabc)
    dropped('no-vtep')
    host.dp.vtep_add(1, '172.16.0.2')
    dropped('no-route')
    host.dp.nexthop_set('172.16.0.2', flags=weftipc.NO_ROUTE)
    dropped('no-route')
    host.dp.nexthop_set('172.16.0.2', port=1, flags=0)
    dropped('no-neighbour')
    assert host.dp.wait_events('NEIGH_WANTED'), 'nobody is told to resolve'
    host.dp.nexthop_set('172.16.0.2', port=1, src_mac=host.mac, dst_mac=MAC3, mtu=200)
    dropped('too-big', Ether(src=FRAME.src, dst=FRAME.dst, type=0x88b5) / (b'y' * 250))  # nobody to tell
    dropped('encap-vlan', Ether(dst=MAC2, src=MAC1) / Dot1Q(vlan=5) / FRAME[IP])
    host.dp.flow_add(1, {'in_port': 1}, weftipc.instructions(b''), cookie=0xdef)
    dropped('rule')
    rules = {(r['reason'], r['cookie']): r['packets'] for r in host.dp.drop_rules(1)}
    assert rules[('no-vtep', 0xabc)] == 3 and rules[('rule', 0xdef)] == 3
    mac = host.dp.ports(1)[0]['mac']
    host.dp.port_mod(1, 1, 4, 4, mac)  # NO_RECV
    dropped('rx-port-down')


def test_from_the_underlay(probed, fabric):
    host, vm = probed
    host.dp.flow_add(1, {}, weftipc.instructions(weftipc.output(1)))
    host.dp.vtep_add(1, '172.16.0.2')

    def arrives(frame):
        with vm.raw('eth0') as there, fabric.ns.raw('fabric') as raw:
            raw.send(bytes(frame))
            return bool(there.collect(0.3, lambda f: bytes(FRAME[UDP].payload) in f))

    good = overlay_frame(host, '172.16.0.2', FRAME)
    assert arrives(good)
    assert not arrives(overlay_frame(host, '172.16.0.3', FRAME))
    assert drops_of(host) == {'unknown-vtep': 1}
    tagged = Ether(dst=MAC2, src=MAC1) / Dot1Q(vlan=5) / FRAME[IP]
    assert not arrives(overlay_frame(host, '172.16.0.2', tagged))
    assert not arrives(overlay_frame(host, '172.16.0.2', FRAME, vni=5001))
    flagless = overlay_frame(host, '172.16.0.2', FRAME)
    flagless[VXLAN].flags = 0
    assert not arrives(flagless)
    assert drops_of(host) == {'unknown-vtep': 1, 'inner-vlan': 1}
    assert drops_of(host, 0) == {'unknown-network': 1, 'vxlan-no-vni': 1}
    host.dp.tenant_add(1, op='TENANT_SET', vni=5000, flags=weftipc.ANY_VTEP | weftipc.INNER_VLAN)
    assert arrives(overlay_frame(host, '172.16.0.3', tagged))


def test_packet_in_and_out(probed):
    host, vm = probed
    host.dp.flow_add(1, {'in_port': 1}, weftipc.instructions(weftipc.output('controller', 60)), cookie=5)
    send_from(vm, FRAME)
    (tenant, punt, frame), = host.dp.punts()
    assert tenant == 1 and punt['cookie'] == 5 and punt['in_port'] == 1 and punt['max_len'] == 60
    assert punt['total_len'] == len(FRAME) and frame == bytes(FRAME)[:60]
    with vm.raw('eth0') as raw:
        host.dp.packet_out(1, bytes(FRAME), weftipc.output(1))
        assert raw.expect(lambda f: f == bytes(FRAME))
    # the rate: 50 a second, 10 at once
    send_from(vm, FRAME, 300)
    told = len(host.dp.punts())
    assert 8 <= told <= 60, told
    ledger = host.check_balance()[1]
    assert ledger['consumed']['packet-in'] == told + 1
    assert ledger['drops']['punt-rate'] == 300 - told


def test_head_end_replication(probed, fabric):
    host, vm = probed
    for last in (2, 3, 4):
        host.dp.vtep_add(1, f'172.16.0.{last}')
        host.dp.nexthop_set(f'172.16.0.{last}', src=host.vtep, port=1, src_mac=host.mac,
                            dst_mac=f'02:bb:00:00:00:0{last}')
    host.dp.flow_add(1, {'in_port': 1}, weftipc.instructions(weftipc.output('overlay')))
    capture = fabric.capture(host.label)
    send_from(vm, FRAME, 4)
    sent = [p for p in rdpcap(capture.stop()) if VXLAN in p]
    assert sorted(p[IP].dst for p in sent) == sorted(['172.16.0.2', '172.16.0.3', '172.16.0.4'] * 4)
    for p in sent:
        assert p[VXLAN].vni == 5000 and p[Ether].dst == '02:bb:00:00:00:0' + p[IP].dst[-1]
        assert bytes(p[VXLAN].payload) == bytes(FRAME)
    assert len({p[UDP].sport for p in sent}) == 1 and sent[0][UDP].sport >= 49152
    ledger = host.check_balance()[1]
    assert ledger['copies'] == 8 and ledger['sent'] == 12


@pytest.mark.alone
@pytest.mark.parametrize('flags, rate', [(2, 200), (1, 400)])
def test_meter_keeps_its_rate(probed, flags, rate):
    """packets/s, then kb/s: over three seconds of twice the rate and more, within 5 %."""
    host, vm = probed
    host.dp.meter_add(1, 1, [(1, rate, 0)], flags=flags)
    host.dp.flow_add(1, {'in_port': 1}, weftipc.instructions(weftipc.output('in_port'), meter=1))
    frame = FRAME / (b'z' * (500 - len(FRAME)))
    per_second = rate if flags == 2 else rate * 125 / len(frame)
    with vm.raw('eth0') as raw:
        start, sent = time.monotonic(), 0
        while time.monotonic() - start < 3:
            raw.send(bytes(frame))
            sent += 1
            time.sleep(max(0.0, start + sent / (per_second * 4) - time.monotonic()))
        took = time.monotonic() - start
    time.sleep(0.3)
    ledger = host.check_balance()[1]
    passed = ledger['sent']
    burst = max(per_second / 10, 1)
    want = per_second * took + burst
    assert abs(passed - want) <= 0.05 * want, (passed, want, ledger)
    assert ledger['drops']['meter'] == ledger['received'] - passed


def test_removed_tenants_stay_in_the_sum(probed):
    host, vm = probed
    send_from(vm, FRAME, 5)
    before = host.settled()
    host.dp.port_del(vm.port_id)
    host.dp.tenant_del(1)
    wait_until(lambda: host.dp.ledgers()[0]['received'] >= before[1]['received'], what='folded')
    after = host.check_balance()
    assert 1 not in after
    assert after[0]['drops']['table-miss'] == before[1]['drops']['table-miss']
