# SPDX-License-Identifier: Apache-2.0
"""The control socket of a data plane: transactions that hold or leave nothing, and streams that go wrong."""
import os
import signal
import socket
import struct
import time

import pytest
import weftipc
from lab.bare import connect_vms, pair
from lab.traffic import wait_ping
from lab.wait import wait_until
from weftipc import NVGRE as NVGRE_ENCAP
from weftipc import Refused

MAC1, MAC2 = ('02:00:00:00:00:0%d' % i for i in (1, 2))


def test_atomic_all_or_nothing(two_bare):
    a, _ = two_bare
    a.tenant(1, network=1)
    a.dp.port_add(1, 'null', id=50, ofport=5, name='stays')
    a.dp.vtep_add(1, '172.16.0.50')
    a.dp.nexthop_set('172.16.0.50', port=1, src_mac=a.mac, dst_mac=MAC1)
    a.dp.fdb_add(1, MAC1, vtep='172.16.0.50')

    def state():
        dumps = ('TENANTS', weftipc.TENANT), ('NEXTHOPS', weftipc.NEXTHOP), ('FDB', weftipc.FDB)
        found = {k: sorted(str({**body, 'tenant': tenant, 'age_s': 0}) for tenant, body in a.dp.dump(f'DUMP_{k}', f))
                 for k, f in dumps}
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


def test_a_replaced_port_comes_back(two_bare):
    """A transaction that takes a device from one port for another, and then fails."""
    a, _ = two_bare
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


def test_a_changed_port_comes_back_as_it_was(two_bare):
    """Changed, removed, its device taken, all in one transaction that fails."""
    a, _ = two_bare
    a.tenant(1)
    a.dp.port_add(1, 'null', id=50, ofport=5, name='first')
    mac = a.dp.ports(1)[0]['mac']

    def change(dp):
        dp.port_mod(1, 5, 1, 1, mac)
        dp.port_del(50)
        dp.port_add(1, 'null', id=51, ofport=6, name='second')

    fails(a, change)
    assert [(p['id'], p['ofport'], p['config']) for p in a.dp.ports(1)] == [(50, 5, 0)]


def test_a_learned_address_comes_back(two_bare):
    a, b = two_bare
    pair(a, b)
    vm1, _ = connect_vms(a, b)
    wait_ping(vm1, '10.0.0.2')
    learned = wait_until(lambda: [e for e in a.dp.fdb(1) if e['mac'] == MAC1], what='the learned address')
    assert [(e['ofport'], e['flags']) for e in learned] == [(1, 0)]
    fails(a, lambda dp: dp.fdb_add(1, MAC1, ofport=1))
    assert [e['flags'] for e in a.dp.fdb(1) if e['mac'] == MAC1] == [0]
    fails(a, lambda dp: dp.fdb_del(1, MAC1))
    assert [e['flags'] for e in a.dp.fdb(1) if e['mac'] == MAC1] == [0]


def test_a_next_hop_through_a_removed_uplink_comes_back(two_bare):
    a, _ = two_bare
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


def messages(*words):
    """(kind, flags, xid, tenant, body) as they are sent."""
    return b''.join(weftipc.HDR.pack(len=16 + len(body), type=weftipc.TYPES[kind], flags=flags, xid=xid,
                                     tenant=tenant) + body for kind, flags, xid, tenant, body in words)


def test_dumps_are_not_without_number(shared):
    """Those that wait for DUMP_MORE stay; one tenant's keep no other from its own."""
    dp, limit = shared.dp, weftipc.DUMPS
    every = weftipc.FLOW_FILTER.pack(table=255, out_port=0xffffffff, out_group=0xffffffff) + weftipc.FLOW_TAIL.pack()
    dp.tenant_add(2, name='other')

    def ask(tenant, count=1):
        dp.xid += count
        xids = range(dp.xid - count + 1, dp.xid + 1)
        dp.sock.sendall(messages(*(('DUMP_FLOWS', weftipc.PACED, xid, tenant, every) for xid in xids)))
        return xids

    def more(xid, amount):
        dp.sock.sendall(messages(('DUMP_MORE', 0, xid, 0, struct.pack('=II', amount, 0))))

    waiting = ask(1, limit)
    hdr, body = dp.answer(*ask(1))
    assert hdr['flags'] & weftipc.ERROR and b'too many dumps of this tenant' in body
    other, = ask(2)
    more(other, 1000)
    assert not dp.answer(other)[0]['flags'] & weftipc.ERROR
    more(waiting[0], 0)
    assert not dp.answer(waiting[0])[0]['flags'] & weftipc.ERROR
    another, = ask(1)
    more(another, 1000)
    assert not dp.answer(another)[0]['flags'] & weftipc.ERROR
    for xid in waiting[1:]:
        more(xid, 0)
        dp.answer(xid)
    dp.tenant_del(2)


def fill(dp, count):
    with dp.txn():
        for n in range(1, count + 1):
            dp.send('FLOW_MOD', dp.flow_body({'in_port': n}, table=9, cookie=0xca5e + n % 2), 1)


@pytest.mark.parametrize('what', [
    {'command': 3, 'table': 255, 'priority': 0},                                # delete, loose
    {'command': 3, 'table': 9, 'cookie': 0xca5e, 'cookie_mask': 2**64 - 1},     # by a whole cookie
    {'command': 1, 'table': 255, 'instr': weftipc.instructions(apply=weftipc.output(7))},
])
def test_others_are_served_while_many_rules_change(shared, what):
    """Each answer is counted: the change looks at 20,000 rules, 2,048 a turn, and whoever asks meanwhile is
    answered before it."""
    dp = shared.dp
    fill(dp, 20000)
    dp.tenant_add(2, name='other')
    dp.xid += 10
    slow, echo, done, commit = range(dp.xid - 9, dp.xid - 5)
    dp.sock.sendall(messages(
        ('BEGIN', weftipc.STAGED, slow - 1, 1, bytes(8)),
        ('FLOW_MOD', weftipc.STAGED | weftipc.REPLY, slow, 1, dp.flow_body(None, **what)),
        ('ECHO', 0, echo, 0, b''),
        ('BEGIN', 0, done - 1, 0, bytes(8)),
        ('FLOW_MOD', 0, 0, 2, dp.flow_body({'in_port': 1})),
        ('COMMIT', 0, done, 0, b'')))
    order = [dp.receive()[0]['xid'] for _ in range(3)]
    assert order == [echo, done, slow]
    assert len(dp.flows(2)) == 1
    dp.sock.sendall(messages(('COMMIT', weftipc.STAGED, commit, 1, b'')))
    assert dp.answer(commit)[0]['flags'] == 0
    left = [f for f in dp.flows(1) if f['table'] == 9]
    assert len(left) == {1: 20000, 3: 0}[what['command']] if 'cookie' not in what else 10000
    dp.flow_del(1, table=9)
    dp.tenant_del(2)


def test_what_follows_a_commit_is_told_and_delays_nobody(shared):
    """Of 20,000 rules 2,048 a turn enter the heap of a table that begins to evict. The agent is told so before
    COMMIT is answered, and when it is done; dumps of the rules wait, others do not."""
    dp = shared.dp
    fill(dp, 20000)
    dp.events.clear()
    dp.xid += 10
    begin, commit, dump, echo = range(dp.xid - 9, dp.xid - 5)
    dp.sock.sendall(messages(
        ('BEGIN', 0, begin, 0, bytes(8)),
        ('TABLE_MOD', 0, 0, 1, struct.pack('=8B', 9, 1, 2, 0, 0, 0, 0, 0)),
        ('COMMIT', 0, commit, 0, b''),
        ('DUMP_AGGREGATE', 0, dump, 1, weftipc.FLOW_FILTER.pack(table=255, out_port=0xffffffff, out_group=0xffffffff)
         + weftipc.FLOW_TAIL.pack()),
        ('ECHO', 0, echo, 0, b'')))
    order = []
    while len(order) < 6:
        hdr, body = dp.receive()
        order.append((weftipc.TYPE_NAMES[hdr['type']], hdr['xid'], body[:1] if hdr['xid'] == 0 else b''))
    assert order == [('SWITCH_BUSY', 0, b'\1'), ('RESULT', commit, b''), ('ECHO', echo, b''),
                     ('SWITCH_BUSY', 0, b'\0'), ('DUMP_AGGREGATE', dump, b''), ('DUMP_AGGREGATE', dump, b'')]
    dp.flow_del(1, table=9)


def test_a_change_of_many_rules_can_be_given_up(shared):
    dp = shared.dp
    fill(dp, 20000)
    dp.xid += 10
    slow, abort = dp.xid - 9, dp.xid - 8
    dp.sock.sendall(messages(
        ('BEGIN', weftipc.STAGED, slow - 1, 1, bytes(8)),
        ('FLOW_MOD', weftipc.STAGED | weftipc.REPLY, slow, 1, dp.flow_body(None, command=3, table=255)),
        ('ABORT', weftipc.STAGED, abort, 1, b'')))
    hdr, _ = dp.receive()
    assert (hdr['xid'], hdr['flags']) == (slow, weftipc.ERROR)
    assert dp.receive()[0]['xid'] == abort
    assert sum(f['table'] == 9 for f in dp.flows(1)) == 20000
    dp.flow_del(1, table=9)


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


def test_a_second_agent_is_told_of_once(shared):
    """It tries again every second, for days."""
    def told():
        return shared.process.output().count('a second agent is turned away')
    before = told()  # perhaps already of this session of the first agent, by another test
    for _ in range(3):
        with socket.socket(socket.AF_UNIX) as second:
            second.connect(shared.dp.sock.getpeername())
            assert second.recv(100) == b''
    assert shared.dp.dump('DUMP_TENANTS', weftipc.TENANT)
    assert told() in (max(before, 1), before + 1)


def test_operations_want_a_transaction(shared):
    with pytest.raises(Refused, match='STATE'):
        shared.dp.call('FDB_FLUSH', tenant=1)
    with pytest.raises(Refused, match='STATE'):
        shared.dp.call('COMMIT')
    shared.dp.begin()
    with pytest.raises(Refused, match='STATE'):
        shared.dp.call('BEGIN', bytes(8))
    shared.dp.commit()
