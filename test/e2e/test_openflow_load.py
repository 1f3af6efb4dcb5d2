# SPDX-License-Identifier: Apache-2.0
"""Many rules, and a controller that reads them slowly: nobody else may notice."""
import contextlib
import os
import struct
import time

import pytest

from lab.weft import WeftHost
from ofclient import Client, header
from sessionserver import SessionServer

RULES = 200_000


def oxm(field, value, fmt):
    return struct.pack('!HBB' + fmt, 0x8000, field << 1, struct.calcsize('!' + fmt), value)


FIXED_MATCH = (oxm(0, 1, 'I') + oxm(5, 0x800, 'H') + oxm(10, 6, 'B') + oxm(11, 0x0a000001, 'I') +
               oxm(14, 80, 'H'))


def flow_add(xid, number):
    """An OFPT_FLOW_MOD for one TCP connection, its address and port from `number`, as bytes."""
    fields = FIXED_MATCH + oxm(12, 0x0b000000 + (number >> 12), 'I') + oxm(13, number & 0xfff, 'H')
    match = struct.pack('!HH', 1, 4 + len(fields)) + fields
    match += bytes(-len(match) % 8)
    instruction = struct.pack('!HH4xHHIH6x', 4, 24, 0, 16, 2, 0)
    fixed = struct.pack('!QQBBHHHIIIH2x', number, 0, 0, 0, 0, 0, 100, 0xffffffff, 0xffffffff,
                        0xffffffff, 0)
    return header(4, 14, xid, fixed + match + instruction)


def rss(process):
    """Bytes."""
    with open(f'/proc/{process.pid}/statm', encoding='ascii') as f:
        return int(f.read().split()[1]) * os.sysconf('SC_PAGE_SIZE')


@pytest.fixture
def host(lab, fabric):
    h = WeftHost(lab, fabric, 1)
    for number, name in enumerate(('red', 'blue')):
        h.switch(name, nulls=2, vni=5001 + number, dpid=1 + number, quotas={'rules': 1_000_000})
    h.up()
    return h


def fill(c, count):
    """Adds rules; flow-mods a second, the barrier included."""
    step = 2000
    blocks = [b''.join(flow_add(1, n) for n in range(start, min(start + step, count)))
              for start in range(0, count, step)]
    began = time.monotonic()
    for block in blocks:
        c.send_raw(block)
    c.send_raw(header(4, 20, 2))
    assert struct.unpack_from('!BBHI', c.recv_raw(120))[1::2] == (21, 2)
    return count / (time.monotonic() - began)


ALL_FLOWS = header(4, 18, 9, struct.pack('!HH4xB3xII4xQQHH4x', 1, 0, 255, 0xffffffff, 0xffffffff,
                                         0, 0, 1, 4))


def read_flows(c):
    """Reads a whole reply to ALL_FLOWS; how many rules."""
    n = 0
    while True:
        raw = c.recv_raw(30)
        assert raw[1] == 19, raw[:80]
        at = 16
        while at < len(raw):
            at += struct.unpack_from('!H', raw, at)[0]
            n += 1
        if not raw[11] & 1:
            return n


@pytest.mark.alone
@pytest.mark.slow
def test_a_slow_reader_of_many_rules_delays_nobody(host):
    with Client.connect(host.targets['red']) as red, Client.connect(host.targets['blue']) as blue:
        rate = fill(red, RULES)
        print(f'{rate:.0f} flow-mods/s, agent {rss(host.agent) >> 20} MB, data plane '
              f'{rss(host.dataplane) >> 20} MB')
        before = rss(host.agent)
        slow = [Client.connect(host.targets['red']) for _ in range(4)]
        for c in slow:
            c.send_raw(ALL_FLOWS)
        worst, count = 0, 0
        deadline = time.monotonic() + 3
        while time.monotonic() < deadline:
            blue.send_raw(flow_add(5, count))
            began = time.monotonic()
            blue.barrier()
            worst = max(worst, time.monotonic() - began)
            count += 1
        print(f'worst barrier of {count}: {worst * 1e3:.1f} ms, agent {rss(host.agent) >> 20} MB')
        assert worst < 1
        assert rss(host.agent) - before < 64 << 20
        assert len(blue.flows()) == count
        # Far more than an agent keeps unanswered, past dumps that stand still.
        fill(blue, 100_000)
        for c in slow[2:]:
            c.close()
        assert read_flows(slow[0]) == RULES
        red.send(red.flow(red.ofp.OFPFC_DELETE))
        red.barrier()
        # What is left of a dump whose rules have gone is its end.
        assert 0 < read_flows(slow[1]) < RULES
        assert slow[1].flows() == []


def loose_delete(number):
    """A flow-mod that looks at every rule of the table and finds none."""
    fixed = struct.pack('!QQBBHHHIIIH2x', number, (1 << 64) - 1, 0, 3, 0, 0, 0, 0xffffffff,
                        0xffffffff, 0xffffffff, 0)
    return header(4, 14, 3, fixed + struct.pack('!HH4x', 1, 4))


@pytest.mark.alone
@pytest.mark.slow
@pytest.mark.parametrize('flood', ['add', 'search'])
def test_a_flood_of_one_tenant_leaves_the_other_its_turn(host, flood):
    with Client.connect(host.targets['red']) as red, Client.connect(host.targets['blue']) as blue:
        fill(red, 100_000)
        block = b''.join(flow_add(1, n) if flood == 'add' else loose_delete((1 << 40) + n)
                         for n in range(2000))
        stop = time.monotonic() + 4
        red.sock.settimeout(0)
        worst = count = sent = 0
        while time.monotonic() < stop:
            with contextlib.suppress(BlockingIOError):
                while True:
                    sent += red.sock.send(block[sent % len(block):])
            began = time.monotonic()
            blue.request(blue.parser.OFPBarrierRequest(blue.dp))
            worst, count = max(worst, time.monotonic() - began), count + 1
        print(f'{sent // len(block) * 2000} messages of the flood, {count} barriers, the worst '
              f'{worst * 1e3:.0f} ms')
        assert worst < 0.5


def test_sessions_that_do_not_read_are_bounded_together(tmp_path):
    """Thirty-one sessions that never read: what waits for them is bounded for the switch, they lose
    their sessions and not the one that reads."""
    with SessionServer(f'punix:{tmp_path}/of.sock') as server:
        target = f'unix:{tmp_path}/of.sock'
        deaf = [Client.connect(target) for _ in range(31)]
        before = server.rss_kb()
        with Client.connect(target) as c:
            o = c.ofp
            c.send(c.flow(flags=o.OFPFF_SEND_FLOW_REM))
            c.barrier()
            for _ in range(6):
                server('removed 0 15000')
                assert all(c.recv_raw()[1] == o.OFPT_FLOW_REMOVED for _ in range(15000))
                assert server.rss_kb() - before < 200 * 1024
            left = [x for x in server.describe()['controllers'] if x['state'] == 'connected']
            assert len(left) == 1
        for d in deaf:
            d.close()
