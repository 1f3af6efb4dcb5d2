# SPDX-License-Identifier: Apache-2.0
"""Bundles of OpenFlow 1.5 that are committed at a time of day, and what the switch says it can do."""
import struct
import time

import pytest

from ofclient import Client, Timeout, header
from test_openflow_load import flow_add

OPEN, COMMIT, DISCARD = 0, 4, 6
BOTH, TIME = 3, 4
BUNDLE_IN_PROGRESS, SCHED_FUTURE, SCHED_PAST, BAD_FLAGS = 15, 17, 18, 7


@pytest.fixture
def c(server):
    return Client.connect(server.target, version=6)


def now():
    return time.clock_gettime(time.CLOCK_TAI)


def when(at):
    """The property of a time."""
    return struct.pack('!HH4xQI4x', 1, 24, int(at), int(at % 1 * 1e9))


def control(xid, kind, flags=BOTH, properties=b''):
    return header(6, 33, xid, struct.pack('!IHH', 7, kind, flags) + properties)


def add(xid, cookie):
    raw = bytearray(flow_add(xid, cookie))
    raw[0] = 6
    return header(6, 34, xid, struct.pack('!I2xH', 7, BOTH) + bytes(raw))


def answer(c, timeout=5):
    raw = c.recv_raw(timeout)
    while raw[1] == 35:  # the status of other controllers
        raw = c.recv_raw(timeout)
    if raw[1] == 33:
        return 'reply', struct.unpack_from('!H', raw, 12)[0]
    assert raw[1] == 1, raw
    return 'error', *struct.unpack_from('!HH', raw, 8)


def flows(server):
    with Client.connect(server.target) as other:
        return len(other.flows())


@pytest.mark.alone
def test_it_is_committed_at_its_time(server, c):
    at = now() + 0.6
    c.send_raw(add(2, 1) + add(3, 2) + control(4, COMMIT, BOTH | TIME, when(at)))
    c.barrier()  # is not held up by it
    assert flows(server) == 0
    assert answer(c) == ('reply', COMMIT + 1)
    late = now() - at
    assert -0.002 < late < 0.3, late
    assert flows(server) == 2


def test_until_then_nothing_but_a_discard(server, c):
    c.send_raw(add(2, 1) + control(4, COMMIT, BOTH | TIME, when(now() + 1)))
    for wrong in (add(5, 2), control(5, COMMIT), control(5, 2)):
        c.send_raw(wrong)
        assert answer(c) == ('error', 17, BUNDLE_IN_PROGRESS)
    c.send_raw(control(6, DISCARD))
    assert answer(c) == ('reply', DISCARD + 1)
    with pytest.raises(Timeout):
        c.recv_raw(1.3)
    assert flows(server) == 0


def test_times_that_cannot_be(server, c):
    for at, error in ((now() + 400_000, SCHED_FUTURE), (now() - 100, SCHED_PAST)):
        c.send_raw(add(2, 1) + control(4, COMMIT, BOTH | TIME, when(at)))
        assert answer(c) == ('error', 17, error)
    c.send_raw(add(2, 1) + control(4, COMMIT, BOTH | TIME))
    assert answer(c) == ('error', 17, BAD_FLAGS)  # no time is given
    c.send_raw(add(2, 1) + control(4, COMMIT, BOTH | TIME, when(now()) + when(now())))
    assert answer(c) == ('error', 14, 4)  # OFPBPC_DUP_TYPE
    c.send_raw(add(2, 1) + control(4, COMMIT, BOTH | TIME, struct.pack('!HH4xQI4x', 1, 24, 5, 2_000_000_000)))
    assert answer(c) == ('error', 14, 2)  # OFPBPC_BAD_VALUE
    assert flows(server) == 0
    c.send_raw(add(2, 1) + control(4, COMMIT, BOTH | TIME, when(now() - 0.1)))  # a little late will do
    assert answer(c) == ('reply', COMMIT + 1)
    assert flows(server) == 1


def features(c, flags=0, properties=b''):
    c.send_raw(header(6, 18, 9, struct.pack('!HH4xI4x', 19, 0, flags) + properties))
    raw = c.recv_raw()
    assert raw[1] == 19 and struct.unpack_from('!H', raw, 8)[0] == 19, raw
    assert struct.unpack_from('!H', raw, 16)[0] == BOTH | TIME
    times = struct.unpack_from('!QI4xQI4xQI4xQI4x', raw, 32)
    return [s + ns / 1e9 for s, ns in zip(times[::2], times[1::2])]


def test_features(server, c):
    accuracy, future, past, stamp = features(c)
    assert 0 < accuracy <= 0.1 and future == 24 * 3600 and past == 1
    assert abs(stamp - now()) < 1
    asked = struct.pack('!HH4xQI4xQI4xQI4xQI4x', 1, 72, 0, 0, 60, 0, 5, 0, 0, 0)
    assert features(c, 2, asked)[1:3] == [60, 5]
    c.send_raw(add(2, 1) + control(4, COMMIT, BOTH | TIME, when(now() + 61)))
    assert answer(c) == ('error', 17, SCHED_FUTURE)
    c.send_raw(add(2, 1) + control(4, COMMIT, BOTH | TIME, when(now() - 4)))
    assert answer(c) == ('reply', COMMIT + 1)


def test_who_became_a_slave_meanwhile(server, c):
    c.send_raw(add(2, 1) + control(4, COMMIT, BOTH | TIME, when(now() + 0.5)))
    c.send_raw(header(6, 24, 5, struct.pack('!IHxxQ', 3, 0, 1)))
    assert c.recv_raw()[1] == 25
    assert answer(c) == ('error', 1, 10)  # OFPBRC_IS_SLAVE
    assert flows(server) == 0
