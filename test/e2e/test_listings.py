# SPDX-License-Identifier: Apache-2.0
"""What all tenants have is told some tenants at a time: others come between, and what goes meanwhile is no trouble."""
import struct

import pytest
import weftipc
from weftipc import HDR, MORE, STAGED, TYPES

FIRST, MANY = 1000, 4000
LISTINGS = ('DUMP_TENANTS', 'DUMP_VTEPS', 'DUMP_FDB', 'DUMP_FDB_STATS', 'DUMP_SNOOP_STATS')
MAC = '02:00:00:00:00:07'


def tenant(n):
    return weftipc.TENANT.pack(name=f't{n}', encap=weftipc.VXLAN, vni=5000 + n, max_rules=9, max_fdb=9)


def change(dp, kind, numbers):
    """In the configuration's staged transaction."""
    dp.send('BEGIN', struct.pack('=II', 0, 0), flags=STAGED)
    for n in numbers:
        dp.send(kind, tenant(n) if kind == 'TENANT_ADD' else b'', n, STAGED)
        if kind == 'TENANT_ADD':
            dp.send('VTEP_ADD', weftipc.ip_bytes('10.0.0.9') + bytes(8), n, STAGED)
            dp.send('FDB_ADD', weftipc.FDB.pack(mac=weftipc.mac_bytes(MAC), ofport=weftipc.OVERLAY,
                                                vtep=weftipc.ip_bytes('10.0.0.9')), n, STAGED)
    xid = dp.send('COMMIT', flags=STAGED)
    assert dp.answer(xid)[0]['flags'] == 0


@pytest.fixture(scope='module')
def many(shared):
    dp = shared.dp
    change(dp, 'TENANT_ADD', range(FIRST, FIRST + MANY))
    yield dp
    left = {n for n, _ in dp.dump('DUMP_TENANTS', None)}
    change(dp, 'TENANT_DEL', sorted(left & set(range(FIRST, FIRST + 2 * MANY))))


def send_together(dp, *kinds):
    """In one piece, so that the data plane reads them together; their xids."""
    first = dp.xid + 1
    dp.xid += len(kinds)
    dp.sock.sendall(b''.join(HDR.pack(len=16, type=TYPES[kind], xid=first + i) for i, kind in enumerate(kinds)))
    return range(first, dp.xid + 1)


def read_listing(dp, xid, others=()):
    """Its tenants, and how many of them were told before each of the other answers."""
    told, before = [], {}
    while True:
        hdr, body = dp.receive()
        if hdr['xid'] == xid and not hdr['flags'] & MORE:
            return told, before
        if hdr['xid'] == xid:
            told.append(hdr['tenant'])
        elif hdr['xid']:
            before[hdr['xid']] = len(told)
            assert hdr['xid'] in others and not hdr['flags'] & weftipc.ERROR, body


@pytest.mark.parametrize('kind', LISTINGS)
def test_who_asks_later_is_answered_before_the_end(many, kind):
    listing, echo = send_together(many, kind, 'ECHO')
    told, before = read_listing(many, listing, [echo])
    assert set(range(FIRST, FIRST + MANY)) <= set(told) and len(told) == len(set(told))
    assert before[echo] < len(told)


@pytest.mark.parametrize('kind', ('DUMP_DROPS', 'DUMP_TENANTS'))
def test_one_that_nobody_reads_stands_still(many, kind):
    """More than a socket holds: what is asked after that, with nothing read, comes in the midst of it."""
    listing = many.send(kind)
    many.sock.settimeout(60)
    hdr, _ = many.receive()  # it has begun
    assert hdr['xid'] == listing and hdr['flags'] & MORE
    echo = many.send('ECHO')
    told, before = read_listing(many, listing, [echo])
    assert len(told) >= MANY - 1
    assert before[echo] < len(told)


def test_tables_of_all_tenants(many):
    many.flow_add(FIRST, {'in_port': 3}, table=7)
    tables = many.dump('DUMP_TABLES', None)
    assert [body[24] for tenant, body in tables if tenant == FIRST] == [7]
    assert many.dump('DUMP_TABLES', None, tenant=FIRST) == [t for t in tables if t[0] == FIRST]
    many.flow_del(FIRST, table=7)


def test_tenants_come_and_go_meanwhile(many):
    """All but a few go while a listing stands still, the one among them whose turn is next."""
    stay = set(range(FIRST, FIRST + MANY, 500))
    listing = many.send('DUMP_DROPS')
    hdr, _ = many.receive()
    assert hdr['xid'] == listing
    first = many.send('BEGIN', struct.pack('=II', 0, 0))
    for n in sorted(set(range(FIRST, FIRST + MANY)) - stay):
        many.send('TENANT_DEL', b'', n)
    for n in range(FIRST + MANY, FIRST + MANY + 9):
        many.send('TENANT_ADD', tenant(n), n)
    commit = many.send('COMMIT')
    told, before = read_listing(many, listing, range(first, commit + 1))
    if commit not in before:
        many.answer(commit)
    assert stay <= set(told) and len(told) == len(set(told)) < MANY
    assert not set(told) & set(range(FIRST + MANY, FIRST + 2 * MANY))
    assert {n for n, _ in many.dump('DUMP_TENANTS', None)} >= stay | {FIRST + MANY}
