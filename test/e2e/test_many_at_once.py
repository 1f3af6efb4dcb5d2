# SPDX-License-Identifier: Apache-2.0
"""What one small request asks of very many rules: a barrier comes when all of it is done, and not before."""
import struct
import subprocess

import pytest

from lab.weft import WeftHost
from ofclient import Client, header

MANY = 20_000
COOKIE = 0x77


@pytest.fixture
def host(lab, fabric):
    h = WeftHost(lab, fabric, 1)
    for number, name in enumerate(('red', 'blue')):
        h.switch(name, nulls=2, vni=5001 + number, dpid=1 + number, quotas={'rules': MANY + 10})
    h.up()
    return h


def ofctl(host, verb, *words, text=None):
    result = subprocess.run(['ovs-ofctl', '-O', 'OpenFlow14', verb, host.targets['red'], *words],
                            input=text, capture_output=True, text=True, timeout=60, check=False)
    assert result.returncode == 0, result.stderr
    return result.stdout


def oxm(field, value, fmt):
    return struct.pack('!HBB' + fmt, 0x8000, field << 1, struct.calcsize('!' + fmt), value)


def flow_add(number, table=1, cookie=COOKIE, importance=0, version=4):
    """An OFPT_FLOW_MOD for one destination, as bytes."""
    fields = oxm(5, 0x800, 'H') + oxm(12, number, 'I')
    match = struct.pack('!HH', 1, 4 + len(fields)) + fields
    match += bytes(-len(match) % 8)
    instruction = struct.pack('!HH4xHHIH6x', 4, 24, 0, 16, 2, 0)
    fixed = struct.pack('!QQBBHHHIIIHH', cookie, 0, table, 0, 0, 0, 100, 0xffffffff, 0xffffffff, 0xffffffff,
                        0, importance)
    return header(version, 14, 1, fixed + match + instruction)


def fill(c, **kind):
    for start in range(0, MANY, 2000):
        c.send_raw(b''.join(flow_add(n, version=c.version, **kind) for n in range(start, start + 2000)))
    c.barrier()
    assert not c.errors


def active(c, table=1):
    """Rules of the table, as its counter says at this moment."""
    return {t.table_id: t.active_count for t in c.multipart(c.parser.OFPTableStatsRequest(c.dp, 0))}[table]


LEARN = 'learn(table=1,cookie=0x77,delete_learned,NXM_OF_ETH_DST[]=NXM_OF_ETH_SRC[],output:NXM_OF_IN_PORT[])'


def remove_learner(c):
    match = c.parser.OFPMatch(in_port=1)
    return c.flow(c.ofp.OFPFC_DELETE_STRICT, match=match, table_id=0, priority=5)


@pytest.mark.parametrize('bundle', [False, True], ids=['alone', 'bundle'])
def test_twenty_thousand_rules_go_with_their_learner(host, bundle):
    with Client.connect(host.targets['red']) as c, Client.connect(host.targets['red']) as other, \
            Client.connect(host.targets['blue']) as blue:
        ofctl(host, 'add-flow', f'table=0,priority=5,in_port=1,actions={LEARN}')
        fill(c)
        c.send_raw(flow_add(1, table=2))
        c.barrier()
        assert active(c) == MANY and active(c, 2) == 1
        if bundle:
            ofctl(host, 'bundle', '-', text='flow delete_strict table=0,priority=5,in_port=1\n')
            assert active(other) == 0
        else:
            c.send(remove_learner(c))
            c.request(c.parser.OFPEchoRequest(c.dp))  # so that they do not share a transaction
            c.send_raw(flow_add(7))  # comes after, and stays
            other.barrier()
            blue.barrier()
            c.barrier()
            assert active(other) == 1
        assert not c.errors and not other.errors
        assert active(other, 2) == 1 and active(other, 0) == 0
        assert [f.cookie for f in other.flows()] == [COOKIE] * (1 if bundle else 2)
        # And once more, told one by one.
        if not bundle:
            ofctl(host, 'add-flow', f'table=0,priority=5,in_port=1,actions={LEARN}')
            c.send(c.flow(match=c.parser.OFPMatch(in_port=2), table_id=1, cookie=COOKIE,
                          flags=c.ofp.OFPFF_SEND_FLOW_REM))
            fill(c)
            c.send(remove_learner(c))
            gone = c.event(c.ofp.OFPT_FLOW_REMOVED)
            assert (gone.cookie, gone.reason, gone.table_id) == (COOKIE, c.ofp.OFPRR_DELETE, 1)
            assert other.flows(table_id=1) == []  # a dump sees all that came before it


def test_a_large_table_evicts_the_least_after_a_barrier(host):
    with Client.connect(host.targets['red'], version=5) as c:
        o, p = c.ofp, c.parser
        for start in range(0, MANY + 10, 2000):
            c.send_raw(b''.join(flow_add(n, importance=1000 + n, cookie=n, version=5)
                                for n in range(start, min(start + 2000, MANY + 10))))
        c.barrier()
        c.fails(c.flow(table_id=1, importance=50000), o.OFPET_FLOW_MOD_FAILED, o.OFPFMFC_TABLE_FULL)
        c.send(p.OFPTableMod(c.dp, 1, o.OFPTC_EVICTION, [
            p.OFPTableModPropEviction(o.OFPTMPT_EVICTION, flags=o.OFPTMPEF_IMPORTANCE)]))
        c.barrier()
        for n in range(20):
            c.send_raw(flow_add(MANY + 100 + n, importance=50000, cookie=1 << 40, version=5))
        c.barrier()
        assert not c.errors
        left = {f.cookie for f in c.flows(table_id=1)}
        assert left == set(range(20, MANY + 10)) | {1 << 40}
