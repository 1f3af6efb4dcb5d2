# SPDX-License-Identifier: Apache-2.0
"""Sessions: how they begin and end, and in what order they are answered."""
import os
import random
import select
import struct
import subprocess
import time

import pytest

from lab.wait import wait_until
from ofclient import Client, Closed, header, hello
from sessionserver import Listener, SessionServer, free_port, program


# ---- hello

def test_our_hello_has_a_version_bitmap(server):
    with Client.open(server.target) as c:
        raw = c.recv_raw()
        assert raw[:2] == bytes([6, 0])
        assert raw[8:] == struct.pack('!HHI', 1, 8, 1 << 1 | 1 << 4 | 1 << 5 | 1 << 6)


@pytest.mark.parametrize('raw', [
    hello(4, (4,)), hello(6, (3, 4, 7)), hello(4, None), hello(1, (1, 4)),
    header(4, 0, 1, struct.pack('!HHI', 9, 8, 7) + struct.pack('!HHI', 1, 8, 1 << 4)),
    header(4, 0, 1, b'\x00\x09\x00\x05\xaa\0\0\0'),  # an unknown element, padded
    header(4, 0, 1, b'\0\1\0\3'),                    # a malformed one
])
def test_hellos_that_agree_on_1_3(server, raw):
    with Client.open(server.target) as c:
        c.send_raw(raw)
        assert c.recv_raw()[1] == 0
        assert c.request(c.parser.OFPFeaturesRequest(c.dp)).n_tables == 255


@pytest.mark.parametrize('raw', [
    hello(2, None), hello(3, None), hello(6, (2, 3)), hello(4, (7,)), hello(0, None)])
def test_hellos_without_common_version_fail(server, raw):
    with Client.open(server.target) as c:
        c.send_raw(raw)
        assert c.recv_raw()[1] == 0
        e = c.error()
        assert (e.type, e.code) == (c.ofp.OFPET_HELLO_FAILED, c.ofp.OFPHFC_INCOMPATIBLE)
        assert b'no common version' in bytes(e.data)
        c.wait_closed()
    assert not server.sessions()


def test_something_else_before_hello(server):
    with Client.open(server.target) as c:
        c.send_raw(header(4, 5, 7))
        c.recv_raw()
        e = c.error()
        assert (e.type, e.code, e.xid) == (1, c.ofp.OFPBRC_BAD_TYPE, 7)
        c.wait_closed()


@pytest.mark.alone
def test_no_hello_at_all(start_server):
    server = start_server('--inactivity', 1)
    with Client.open(server.target) as c:
        started = time.monotonic()
        c.wait_closed()
        assert 0.5 < time.monotonic() - started < 7


# ---- keep-alive

def test_an_idle_session_is_probed_and_a_dead_one_closed(start_server):
    server = start_server('--inactivity', 1)
    with Client.connect(server.target) as c:
        for _ in range(2):
            raw = c.recv_raw(3)
            assert raw[1] == c.ofp.OFPT_ECHO_REQUEST
            c.send_raw(header(4, c.ofp.OFPT_ECHO_REPLY, 0, raw[8:]))
        assert c.recv_raw(3)[1] == c.ofp.OFPT_ECHO_REQUEST
        c.wait_closed(5)


@pytest.mark.alone
def test_who_stops_reading_a_long_answer_is_closed(start_server):
    server = start_server('--inactivity', 1)
    with Client.connect(server.target) as c:
        for i in range(400):
            c.send(c.flow(priority=i, actions=[c.output(1)] * 1000))
        c.barrier()
        c.send(c.parser.OFPFlowStatsRequest(c.dp, 0, c.ofp.OFPTT_ALL, c.ofp.OFPP_ANY,
                                            c.ofp.OFPG_ANY, 0, 0, c.parser.OFPMatch()))
        for _ in range(30):  # slow, yet reading
            time.sleep(0.1)
            c.recv_raw()
        assert server.sessions()
        wait_until(lambda: not server.sessions(), timeout=15)


@pytest.mark.alone
def test_a_busy_session_is_not_probed(start_server):
    server = start_server('--inactivity', 1)
    with Client.connect(server.target) as c:
        for _ in range(15):
            c.barrier()
            time.sleep(0.2)
        assert c.quiet(0.1)


# ---- connecting

@pytest.mark.alone
def test_active_connection_backs_off_and_comes_again():
    port = free_port()
    with SessionServer('--backoff', 4, f'tcp:127.0.0.1:{port}') as server:
        wait_until(lambda: server.describe()['controllers'][0]['state'] == 'backoff')
        assert 'refused' in server.describe()['controllers'][0]['last_error']
        # 1 s after the start comes the second attempt, 2 s after that the third
        time.sleep(1.3)
        controller = Listener(port)
        started = time.monotonic()
        c = controller.accept().shake_hands()
        assert 1.0 < time.monotonic() - started < 3.0
        assert server.event() == 'connected 1'
        state = server.describe()['controllers'][0]
        assert (state['state'], state['role'], state['version']) == ('connected', 'equal', '1.3')
        # after a hello the waiting begins anew with 1 s
        c.close()
        started = time.monotonic()
        controller.accept().shake_hands().close()
        assert 0.8 < time.monotonic() - started < 2
        controller.close()


@pytest.mark.alone
def test_back_off_doubles_to_its_maximum():
    controller = Listener()
    with SessionServer('--backoff', 2, f'tcp:127.0.0.1:{controller.port}'):
        times = []
        for _ in range(4):
            c = controller.accept(10)
            times.append(time.monotonic())
            c.close()
        waits = [b - a for a, b in zip(times, times[1:])]
        assert 0.8 < waits[0] < 1.8 and all(1.8 < w < 3.2 for w in waits[1:]), waits
    controller.close()


def test_passive_tcp_and_unix(start_server):
    port = free_port()
    server = start_server(f'ptcp:{port}:127.0.0.1')
    with Client.connect(f'tcp:127.0.0.1:{port}') as a, Client.connect(server.target) as b:
        a.barrier(), b.barrier()
        assert {x['peer'].split(':')[0] for x in server.sessions()} == {'127.0.0.1', 'unix'}
    mode = os.stat(server.target.partition(':')[2]).st_mode & 0o777
    assert mode == 0o600


def test_an_address_in_use_is_tried_again(start_server):
    controller = Listener()
    server = start_server(f'ptcp:{controller.port}:127.0.0.1', '--backoff', 1)
    state = lambda: next(x for x in server.describe()['controllers'] if 'ptcp' in x['target'])
    wait_until(lambda: state()['state'] == 'backoff')
    assert 'in use' in state()['last_error']
    controller.close()
    wait_until(lambda: state()['state'] == 'listening')
    Client.connect(f'tcp:127.0.0.1:{controller.port}').close()


def test_sessions_are_limited(start_server):
    server = start_server()
    clients = [Client.connect(server.target) for _ in range(32)]
    for c in clients:
        c.barrier()
    with pytest.raises((Closed, BrokenPipeError, ConnectionError)):
        Client.connect(server.target)
    assert server.describe()['connections_refused'] == 1
    clients.pop().close()
    wait_until(lambda: len(server.sessions()) == 31)
    Client.connect(server.target).close()
    for c in clients:
        c.close()


def test_update_disturbs_only_what_changes(start_server):
    a, b = Listener(), Listener()
    server = start_server(f'tcp:127.0.0.1:{a.port}')
    first = a.accept().shake_hands()
    punix = server.target.replace('unix', 'punix')
    server(f'update {punix} tcp:127.0.0.1:{a.port} tcp:127.0.0.1:{b.port}')
    second = b.accept().shake_hands()
    first.barrier()
    server(f'update {punix} tcp:127.0.0.1:{b.port}')
    first.wait_closed()
    with pytest.raises(AssertionError, match='expected tcp:'):
        server('update nonsense:1')
    second.barrier()
    assert len(server.sessions()) == 1
    a.close(), b.close()


@pytest.mark.parametrize('target', ['tcp:', 'tcp:1.2.3', 'tcp:1.2.3.4:0', 'tcp:1.2.3.4:99999',
                                    'tcp:host', 'ssl:1.2.3.4', 'ptcp:x', 'punix:', 'foo:1', '',
                                    'tcp:[::1', 'pssl:', 'unix:' + 'x' * 120])
def test_bad_targets_are_refused_with_a_sentence(target):
    r = subprocess.run([program(), target], capture_output=True, text=True, timeout=5)
    assert r.returncode == 1 and len(r.stderr) > 10


# ---- order

def test_barrier_waits_for_the_data_plane(server):
    server('delay 300')
    with Client.connect(server.target) as c:
        bad = c.encode(c.flow(table_id=5, instructions=[c.parser.OFPInstructionGotoTable(1)]))
        started = time.monotonic()
        c.send_raw(c.encode(c.flow()) + bad + c.encode(c.parser.OFPBarrierRequest(c.dp), 50) +
                   c.encode(c.parser.OFPEchoRequest(c.dp), 51))
        kinds = [c.recv_raw()[1] for _ in range(3)]
        assert time.monotonic() - started >= 0.25
        # the error before the barrier's reply, and nothing after it before that
        assert kinds == [c.ofp.OFPT_ERROR, c.ofp.OFPT_BARRIER_REPLY, c.ofp.OFPT_ECHO_REPLY]


def test_a_barrier_holds_up_its_own_session_only(server):
    with Client.connect(server.target) as a, Client.connect(server.target) as b:
        server('delay 5000')
        a.send(a.flow())
        a.send(a.parser.OFPBarrierRequest(a.dp))
        a.send(a.parser.OFPEchoRequest(a.dp))
        b.request(b.parser.OFPEchoRequest(b.dp))
        b.barrier()  # of what it has asked for itself all is done
        assert not select.select([a.sock], [], [], 0)[0]
        b.send(b.flow())
        b.send(b.parser.OFPBarrierRequest(b.dp))
        assert b.quiet()


def test_who_has_nothing_under_way_does_not_wait_for_a_search(server):
    """A loose delete may be about very many rules. Its own session waits for it, and so does what another one
    asks to change; that one's echo and barrier need not."""
    with Client.connect(server.target) as a, Client.connect(server.target) as b:
        server('delay 600')
        a.send_raw(a.encode(a.flow(a.ofp.OFPFC_DELETE, table_id=255), 50) +
                   a.encode(a.parser.OFPBarrierRequest(a.dp), 51))
        b.send_raw(b.encode(b.parser.OFPEchoRequest(b.dp), 60) + b.encode(b.parser.OFPBarrierRequest(b.dp), 61) +
                   b.encode(b.flow(priority=7), 62) + b.encode(b.parser.OFPBarrierRequest(b.dp), 63))
        assert [b.recv().xid for _ in range(2)] == [60, 61]
        assert not select.select([a.sock], [], [], 0)[0]
        assert a.recv().xid == 51
        assert b.recv().xid == 63
        assert [f.priority for f in b.flows()] == [7]  # it came behind the delete


def test_a_search_draws_its_own_error(server):
    with Client.connect(server.target) as c:
        c.send_raw(c.encode(c.flow(c.ofp.OFPFC_MODIFY, actions=[c.parser.OFPActionGroup(77)]), 50) +
                   c.encode(c.parser.OFPBarrierRequest(c.dp), 51))
        assert [c.recv_raw()[1] for _ in range(2)] == [c.ofp.OFPT_ERROR, c.ofp.OFPT_BARRIER_REPLY]


def test_replies_come_in_the_order_of_requests(server, seed):
    server('delay 5')
    rng = random.Random(seed)
    with Client.connect(server.target) as c:
        p, o = c.parser, c.ofp
        kinds = [
            lambda: p.OFPEchoRequest(c.dp), lambda: p.OFPBarrierRequest(c.dp),
            lambda: p.OFPDescStatsRequest(c.dp, 0), lambda: p.OFPFeaturesRequest(c.dp),
            lambda: p.OFPTableStatsRequest(c.dp, 0), lambda: p.OFPRoleRequest(c.dp, 0, 0),
            lambda: p.OFPMeterStatsRequest(c.dp, 0, o.OFPM_ALL)]
        xids = list(range(1000, 1200))
        c.send_raw(b''.join(c.encode(rng.choice(kinds)(), x) for x in xids))
        assert [c.recv().xid for _ in xids] == xids


def test_the_last_rules_of_one_who_leaves_count(server):
    c = Client.connect(server.target)
    c.send_raw(b''.join(c.encode(c.flow(priority=i)) for i in range(3000)))
    c.close()
    wait_until(lambda: server('rules') == '3000')


def test_back_pressure_of_the_data_plane(server):
    with Client.connect(server.target) as c:
        server('blocked 1')
        xids = [c.send(c.parser.OFPEchoRequest(c.dp)) for _ in range(3)]
        assert c.recv().xid == xids[0]  # the first one still goes through
        assert c.quiet()
        server('blocked 0')
        assert [c.recv().xid for _ in range(2)] == xids[1:]


# ---- the data plane is lost

def test_sessions_close_when_the_data_plane_goes_and_come_back(start_server):
    controller = Listener()
    server = start_server(f'tcp:127.0.0.1:{controller.port}')
    active, passive = controller.accept().shake_hands(), Client.connect(server.target)
    server('delay 5000')
    active.send(active.flow())
    active.send(active.parser.OFPBarrierRequest(active.dp))
    time.sleep(0.1)
    server('lose')
    server('ready 0')
    for c in (active, passive):
        seen = c.wait_closed()
        assert all(raw[1] != c.ofp.OFPT_BARRIER_REPLY for raw in seen), 'nothing was done'
    with pytest.raises(OSError):
        Client.open(server.target, timeout=0)
    assert [x['state'] for x in server.describe()['controllers']] == ['idle', 'idle']
    server('delay 0')
    server('ready 1')
    controller.accept().shake_hands().barrier()
    Client.connect(server.target).barrier()
    controller.close()


@pytest.mark.alone
def test_standalone_is_told_after_three_probes(start_server):
    server = start_server('--inactivity', 1)
    started = time.monotonic()
    assert server.event(6) == 'connected 0'
    assert 2.8 < time.monotonic() - started < 4.5
    c = Client.connect(server.target)
    assert server.event() == 'connected 1'
    c.close()
    started = time.monotonic()
    assert server.event(6) == 'connected 0'
    assert 2.5 < time.monotonic() - started < 4.5
    # A controller that is back in time changes nothing.
    Client.connect(server.target).close()
    assert server.event() == 'connected 1'
    time.sleep(1)
    with Client.connect(server.target) as c:
        for _ in range(30):
            c.barrier()
            time.sleep(0.1)
        assert server.events.empty()
