# SPDX-License-Identifier: Apache-2.0
"""The configuration's staged transaction: thousands of tenants come and go beside the stream, all or nothing."""
import struct

import pytest
import weftipc
from weftipc import ATOMIC, REPLY, STAGED, Refused

FIRST, MANY = 1000, 1000


@pytest.fixture
def staged(shared):
    shared.dp.send('BEGIN', begin(), flags=STAGED)
    return shared.dp


def begin(atomic=True):
    return struct.pack('=II', ATOMIC if atomic else 0, 0)


def tenant(n):
    return weftipc.TENANT.pack(name=f't{n}', encap=weftipc.VXLAN, vni=5000 + n, max_rules=9, max_fdb=9)


def add(dp, numbers):
    for n in numbers:
        dp.send('TENANT_ADD', tenant(n), n, STAGED)
        dp.send('VTEP_ADD', weftipc.ip_bytes(f'10.0.{n % 8}.{1 + n % 200}') + bytes(8), n, STAGED)


def end(dp, kind='COMMIT'):
    """The answer's flags; errors of operations before it are passed over."""
    xid = dp.send(kind, flags=STAGED)
    while (answer := dp.receive()[0])['xid'] != xid:
        assert answer['flags'] & weftipc.ERROR or not answer['xid']
    return answer['flags']


def answers(dp, count):
    """Their xids, in the order in which they come."""
    found = []
    while len(found) < count:
        xid = dp.receive()[0]['xid']
        found += [xid] if xid else []
    return found


def tenants(dp):
    return {n for n, _ in dp.dump('DUMP_TENANTS', None)}


def test_others_come_between(staged):
    """An echo is answered before a commit that was asked for first, for that has turns of its own."""
    dp, before = staged, tenants(staged)
    many = range(FIRST, FIRST + MANY)
    add(dp, many)
    dp.flow_add(1, {'in_port': 3}, table=5)  # the stream's
    commit, echo = dp.xid + 1, dp.xid + 2
    dp.xid = echo
    dp.sock.sendall(b''.join(weftipc.HDR.pack(len=16, type=weftipc.TYPES[kind], flags=flags, xid=xid) for kind, flags, xid in (
        ('COMMIT', STAGED, commit), ('ECHO', 0, echo))))
    assert answers(dp, 2) == [echo, commit]
    assert tenants(dp) == before | set(many)
    assert len(dp.dump('DUMP_VTEPS', None, tenant=FIRST)) == 1
    dp.send('BEGIN', begin(), flags=STAGED)
    for n in many:
        dp.send('TENANT_DEL', b'', n, STAGED)
    assert tenants(dp) == before  # hidden
    assert end(dp, 'ABORT') == 0
    assert tenants(dp) == before | set(many)
    dp.send('BEGIN', begin(), flags=STAGED)
    for n in many:
        dp.send('TENANT_DEL', b'', n, STAGED)
    assert end(dp) == 0
    assert tenants(dp) == before
    add_again = dp.send('BEGIN', begin(), flags=STAGED | REPLY)
    assert dp.answer(add_again)[0]['flags'] == 0
    add(dp, many[:10])  # the same networks and numbers
    assert end(dp) == 0
    dp.send('BEGIN', begin(), flags=STAGED)
    for n in many[:10]:
        dp.send('TENANT_DEL', b'', n, STAGED)
    assert end(dp) == 0
    dp.flow_del(1, table=5)


def test_one_that_fails_leaves_nothing(staged):
    dp, before = staged, tenants(staged)
    add(dp, range(FIRST, FIRST + MANY))
    failing = dp.send('TENANT_ADD', tenant(FIRST), FIRST + MANY, STAGED)  # has its network
    add(dp, range(FIRST + MANY + 1, FIRST + MANY + 9))
    commit = dp.send('COMMIT', flags=STAGED)
    hdr, body = dp.receive()
    assert hdr['xid'] == failing and weftipc.ERRORS[weftipc.ERR.unpack(body)['error']] == 'EXISTS'
    hdr, body = dp.receive()
    assert hdr['xid'] == commit and weftipc.ERRORS[weftipc.ERR.unpack(body)['error']] == 'STATE'
    assert tenants(dp) == before


def test_each_stands_alone_where_not_all_or_nothing(shared):
    dp, before = shared.dp, tenants(shared.dp)
    dp.send('BEGIN', begin(atomic=False), flags=STAGED)
    add(dp, (FIRST, FIRST, FIRST + 1))
    assert end(dp) == 0
    assert tenants(dp) == before | {FIRST, FIRST + 1}
    for n in (FIRST, FIRST + 1):
        dp.tenant_del(n)


def test_nobody_else_adds_or_removes_meanwhile(staged):
    dp = staged
    add(dp, [FIRST])
    with pytest.raises(Refused, match='IN_USE'):
        dp.tenant_add(FIRST + 1, vni=77)
    with pytest.raises(Refused, match='IN_USE'):
        dp.tenant_del(FIRST)
    with pytest.raises(Refused, match='IN_USE'):
        dp.port_del(1)
    with pytest.raises(Refused, match='IN_USE'):
        dp.begin(atomic=True)
    again = dp.send('BEGIN', begin(), flags=STAGED)
    hdr, body = dp.answer(again)
    assert weftipc.ERRORS[weftipc.ERR.unpack(body)['error']] == 'IN_USE'
    dp.flow_add(1, {'in_port': 3}, table=5)
    dp.flow_del(1, table=5)
    dp.vtep_add(1, '172.16.9.9')
    dp.vtep_del(1, '172.16.9.9')
    assert end(dp, 'ABORT') == 0
    assert FIRST not in tenants(dp)
    assert end(dp) & weftipc.ERROR  # nothing is staged


def test_rules_under_way_end_with_their_tenant(shared):
    """A transaction of the stream has staged rules of a tenant that the configuration removes."""
    dp = shared.dp
    dp.tenant_add(FIRST, vni=77)
    dp.begin()
    dp.flow_add(FIRST, {'in_port': 3})
    dp.send('BEGIN', begin(), flags=STAGED)
    dp.send('TENANT_DEL', b'', FIRST, STAGED)
    assert end(dp) == 0
    with pytest.raises(Refused, match='NO_TENANT'):
        dp.flow_add(FIRST, {'in_port': 4})
    dp.commit()
    assert FIRST not in tenants(dp)


def test_a_bundle_outlives_its_tenant_being_hidden(shared):
    """The configuration is about to remove the tenant of an open bundle, and then does not."""
    dp = shared.dp
    dp.tenant_add(FIRST, vni=77)
    dp.send('BEGIN', begin(), FIRST, STAGED)
    dp.send('FLOW_MOD', dp.flow_body({'in_port': 3}), FIRST, STAGED)
    dp.send('BEGIN', begin(), flags=STAGED)
    dp.send('TENANT_DEL', b'', FIRST, STAGED)
    dp.send('FLOW_MOD', dp.flow_body({'in_port': 4}), FIRST, STAGED)
    commit = dp.send('COMMIT', b'', FIRST, STAGED)
    assert dp.answer(commit)[0]['flags'] == 0
    assert end(dp, 'ABORT') == 0
    assert len(dp.flows(FIRST)) == 2
    dp.flow_add(FIRST, {'in_port': 5})
    dp.tenant_del(FIRST)


def test_a_bundle_is_answered_though_its_tenant_goes(shared):
    dp = shared.dp
    dp.tenant_add(FIRST, vni=77)
    dp.send('BEGIN', begin(), FIRST, STAGED)
    dp.send('FLOW_MOD', dp.flow_body({'in_port': 3}), FIRST, STAGED)
    xids = range(dp.xid + 1, dp.xid + 5)
    dp.xid += 4
    dp.sock.sendall(b''.join(weftipc.HDR.pack(
        len=16 + len(body), type=weftipc.TYPES[kind], flags=flags, xid=xid, tenant=n) + body for xid, (kind, body, n, flags) in zip(
            xids, (('COMMIT', b'', FIRST, STAGED), ('BEGIN', begin(atomic=False), 0, 0), ('TENANT_DEL', b'', FIRST, 0),
                   ('COMMIT', b'', 0, 0)))))
    assert set(answers(dp, 2)) == {xids[0], xids[3]}
    assert FIRST not in tenants(dp)


def uplinks(dp):
    return {p['name']: p['id'] for p in dp.ports() if not p['ofport'] and p['id'] in range(50, 60)}


def replace_two(dp, kind, old, new):
    """Two uplinks go, and one comes that needs what both have."""
    for n in old:
        dp.send('PORT_DEL', struct.pack('=II', n, 0), flags=STAGED)
    dp.send('PORT_ADD', weftipc.PORT.pack(kind=weftipc.KINDS.index(kind), **new), flags=STAGED)


@pytest.mark.parametrize('kind', ('tap', 'null'))
def test_one_port_takes_the_place_of_two(shared, kind):
    """The TAP to the kernel of one, the device of the other."""
    dp = shared.dp
    devices = ('', '') if kind == 'null' else ('dev-a', 'dev-b')
    dp.port_add(0, kind, 'up-a', id=50, device=devices[0], kernel_if='kern0')
    dp.port_add(0, kind, 'up-b', id=51, device=devices[1])
    for ends in ('ABORT', 'COMMIT'):
        dp.send('BEGIN', begin(), flags=STAGED)
        replace_two(dp, kind, (50, 51), dict(name='up-c', id=52, device=devices[1], kernel_if='kern0', mtu=1400))
        assert end(dp, ends) == 0
        assert uplinks(dp) == ({'up-a': 50, 'up-b': 51} if ends == 'ABORT' else {'up-c': 52})
    dp.port_del(52)


def test_what_went_by_itself_is_removed(shared):
    """What others have removed while it is staged is no error in it, and is not back when it is undone."""
    dp, mac, vtep = shared.dp, '02:00:00:00:00:0a', '10.0.9.9'
    for ends in ('COMMIT', 'ABORT'):
        dp.tenant_add(FIRST, vni=9)
        dp.vtep_add(FIRST, vtep)
        dp.nexthop_set(vtep, port=1)
        dp.fdb_add(FIRST, mac, vtep=vtep)
        dp.send('BEGIN', begin(), flags=STAGED)
        dp.fdb_del(FIRST, mac)
        dp.op('NEXTHOP_DEL', weftipc.NEXTHOP.pack(vtep=weftipc.ip_bytes(vtep)))
        dp.vtep_del(FIRST, vtep)
        dp.send('FDB_DEL', weftipc.FDB.pack(mac=weftipc.mac_bytes(mac)), FIRST, STAGED)
        dp.send('NEXTHOP_DEL', weftipc.NEXTHOP.pack(vtep=weftipc.ip_bytes(vtep)), flags=STAGED)
        dp.send('VTEP_DEL', weftipc.ip_bytes(vtep) + bytes(8), FIRST, STAGED)
        assert end(dp, ends) == 0
        assert not dp.fdb(FIRST) and not dp.dump('DUMP_NEXTHOPS', None)
        dp.tenant_del(FIRST)


def test_an_uplink_that_goes_says_no_mtu(shared):
    """A TAP that is made in the transaction in which a narrow uplink is taken away is as wide as the others allow."""
    dp = shared.dp
    dp.port_add(0, 'null', 'narrow', id=50, mtu=1000)
    dp.send('BEGIN', begin(), flags=STAGED)
    dp.send('PORT_DEL', struct.pack('=II', 50, 0), flags=STAGED)
    add(dp, [FIRST])
    dp.send('PORT_ADD', weftipc.PORT.pack(kind=weftipc.KINDS.index('tap'), name='t', id=51, ofport=1, device='mtu-tap'),
            FIRST, STAGED)
    assert end(dp) == 0
    others = min(p['mtu'] for p in dp.ports() if not p['ofport'])
    assert [p['mtu'] for p in dp.ports(FIRST)] == [min(1500, others - 50)]
    dp.port_del(51)
    dp.vtep_del(FIRST, f'10.0.{FIRST % 8}.{1 + FIRST % 200}')
    dp.tenant_del(FIRST)


def test_an_agent_that_goes_away_leaves_nothing(shared):
    before = tenants(shared.dp)
    shared.dp.send('BEGIN', begin(), flags=STAGED)
    add(shared.dp, range(FIRST, FIRST + MANY))
    shared.dp.close()
    shared.connect()  # once that is undone
    assert tenants(shared.dp) == before
