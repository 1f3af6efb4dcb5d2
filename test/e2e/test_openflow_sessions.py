# SPDX-License-Identifier: Apache-2.0
"""Sessions: how they begin and end, order, roles, and what a bad controller can and cannot do."""
import os
import random
import shutil
import socket
import ssl
import struct
import subprocess
import threading
import time

import pytest

from ofclient import Client, Closed, header, hello
from sessionserver import SessionServer, program


@pytest.fixture
def start(tmp_path):
    """Starts a server with these options, listening on a UNIX socket too."""
    started = []

    def make(*args):
        path = f'{tmp_path}/of.sock'
        s = SessionServer(f'punix:{path}', *args)
        s.target = f'unix:{path}'
        started.append(s)
        return s

    yield make
    for s in started:
        s.stop()


@pytest.fixture
def server(start):
    return start()


def free_port():
    with socket.socket() as s:
        s.bind(('127.0.0.1', 0))
        return s.getsockname()[1]


class Controller:
    """Something that listens; each accepted connection is a Client."""

    def __init__(self, port=0):
        self.sock = socket.socket()
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.sock.bind(('127.0.0.1', port))
        self.sock.listen()
        self.port = self.sock.getsockname()[1]

    def accept(self, timeout=5):
        self.sock.settimeout(timeout)
        sock = self.sock.accept()[0]
        return Client(sock)

    def close(self):
        self.sock.close()


def wait_for(what, timeout=5):
    deadline = time.monotonic() + timeout
    while not what():
        assert time.monotonic() < deadline, 'did not come about'
        time.sleep(0.02)


def sessions(server):
    return [x for x in server.describe()['controllers'] if x['state'] == 'connected']


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
    assert not sessions(server)


def test_something_else_before_hello(server):
    with Client.open(server.target) as c:
        c.send_raw(header(4, 5, 7))
        c.recv_raw()
        e = c.error()
        assert (e.type, e.code, e.xid) == (1, c.ofp.OFPBRC_BAD_TYPE, 7)
        c.wait_closed()


@pytest.mark.alone
def test_no_hello_at_all(start):
    server = start('--inactivity', 1)
    with Client.open(server.target) as c:
        started = time.monotonic()
        c.wait_closed()
        assert 0.5 < time.monotonic() - started < 7


# ---- keep-alive

def test_an_idle_session_is_probed_and_a_dead_one_closed(start):
    server = start('--inactivity', 1)
    with Client.connect(server.target) as c:
        for _ in range(2):
            raw = c.recv_raw(3)
            assert raw[1] == c.ofp.OFPT_ECHO_REQUEST
            c.send_raw(header(4, c.ofp.OFPT_ECHO_REPLY, 0, raw[8:]))
        assert c.recv_raw(3)[1] == c.ofp.OFPT_ECHO_REQUEST
        c.wait_closed(5)


@pytest.mark.alone
def test_who_stops_reading_a_long_answer_is_closed(start):
    server = start('--inactivity', 1)
    with Client.connect(server.target) as c:
        for i in range(400):
            c.send(c.flow(priority=i, actions=[c.output(1)] * 1000))
        c.barrier()
        c.send(c.parser.OFPFlowStatsRequest(c.dp, 0, c.ofp.OFPTT_ALL, c.ofp.OFPP_ANY,
                                            c.ofp.OFPG_ANY, 0, 0, c.parser.OFPMatch()))
        for _ in range(30):  # slow, yet reading
            time.sleep(0.1)
            c.recv_raw()
        assert sessions(server)
        wait_for(lambda: not sessions(server), 15)


@pytest.mark.alone
def test_a_busy_session_is_not_probed(start):
    server = start('--inactivity', 1)
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
        wait_for(lambda: server.describe()['controllers'][0]['state'] == 'backoff')
        assert 'refused' in server.describe()['controllers'][0]['last_error']
        # 1 s after the start comes the second attempt, 2 s after that the third
        time.sleep(1.3)
        controller = Controller(port)
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
    controller = Controller()
    with SessionServer('--backoff', 2, f'tcp:127.0.0.1:{controller.port}'):
        times = []
        for _ in range(4):
            c = controller.accept(10)
            times.append(time.monotonic())
            c.close()
        waits = [b - a for a, b in zip(times, times[1:])]
        assert 0.8 < waits[0] < 1.8 and all(1.8 < w < 3.2 for w in waits[1:]), waits
    controller.close()


def test_passive_tcp_and_unix(start):
    port = free_port()
    server = start(f'ptcp:{port}:127.0.0.1')
    with Client.connect(f'tcp:127.0.0.1:{port}') as a, Client.connect(server.target) as b:
        a.barrier(), b.barrier()
        assert {x['peer'].split(':')[0] for x in sessions(server)} == {'127.0.0.1', 'unix'}
    mode = os.stat(server.target.partition(':')[2]).st_mode & 0o777
    assert mode == 0o600


def test_an_address_in_use_is_tried_again(start):
    controller = Controller()
    server = start(f'ptcp:{controller.port}:127.0.0.1', '--backoff', 1)
    state = lambda: next(x for x in server.describe()['controllers'] if 'ptcp' in x['target'])
    wait_for(lambda: state()['state'] == 'backoff')
    assert 'in use' in state()['last_error']
    controller.close()
    wait_for(lambda: state()['state'] == 'listening')
    Client.connect(f'tcp:127.0.0.1:{controller.port}').close()


def test_sessions_are_limited(start):
    server = start()
    clients = [Client.connect(server.target) for _ in range(32)]
    for c in clients:
        c.barrier()
    with pytest.raises((Closed, BrokenPipeError, ConnectionError)):
        Client.connect(server.target)
    assert server.describe()['connections_refused'] == 1
    clients.pop().close()
    wait_for(lambda: len(sessions(server)) == 31)
    Client.connect(server.target).close()
    for c in clients:
        c.close()


def test_update_disturbs_only_what_changes(start):
    a, b = Controller(), Controller()
    server = start(f'tcp:127.0.0.1:{a.port}')
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
    assert len(sessions(server)) == 1
    a.close(), b.close()


@pytest.mark.parametrize('target', ['tcp:', 'tcp:1.2.3', 'tcp:1.2.3.4:0', 'tcp:1.2.3.4:99999',
                                    'tcp:host', 'ssl:1.2.3.4', 'ptcp:x', 'punix:', 'foo:1', '',
                                    'tcp:[::1', 'pssl:', 'unix:' + 'x' * 120])
def test_bad_targets_are_refused_with_a_sentence(target):
    from sessionserver import program
    r = subprocess.run([program(), target], capture_output=True, text=True, timeout=5)
    assert r.returncode == 1 and len(r.stderr) > 10


# ---- TLS

@pytest.fixture(scope='module')
def pki(tmp_path_factory):
    d = tmp_path_factory.mktemp('pki')

    def run(*args):
        subprocess.run(['openssl', *args], check=True, capture_output=True, cwd=d)

    for ca in ('ca', 'otherca'):
        run('req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-keyout', f'{ca}.key', '-out',
            f'{ca}.pem', '-days', '2', '-subj', f'/CN={ca}')
    for name, ca in (('switch', 'ca'), ('controller', 'ca'), ('stranger', 'otherca')):
        run('req', '-newkey', 'rsa:2048', '-nodes', '-keyout', f'{name}.key', '-out',
            f'{name}.csr', '-subj', f'/CN={name}')
        run('x509', '-req', '-in', f'{name}.csr', '-CA', f'{ca}.pem', '-CAkey', f'{ca}.key',
            '-CAcreateserial', '-out', f'{name}.pem', '-days', '2')
    return d


def context(pki, server=False, name='controller', ca='ca'):
    c = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER if server else ssl.PROTOCOL_TLS_CLIENT)
    c.check_hostname = False
    if ca:
        c.verify_mode = ssl.CERT_REQUIRED
        c.load_verify_locations(pki / f'{ca}.pem')
    if name:
        c.load_cert_chain(pki / f'{name}.pem', pki / f'{name}.key')
    return c


def tls_args(pki):
    return ['--key', pki / 'switch.key', '--cert', pki / 'switch.pem', '--ca', pki / 'ca.pem']


def test_tls_passive(start, pki):
    port = free_port()
    server = start(f'pssl:{port}:127.0.0.1', *tls_args(pki))
    with Client.connect(f'ssl:127.0.0.1:{port}', context(pki)) as c:
        assert c.sock.version() in ('TLSv1.2', 'TLSv1.3')
        c.send_raw(b''.join(c.encode(c.flow(priority=i)) for i in range(2000)))
        c.barrier()
        assert server('rules') == '2000' and len(c.flows()) == 2000


@pytest.mark.parametrize('name', [None, 'stranger'])
def test_tls_wants_a_certificate_from_its_ca(start, pki, name):
    port = free_port()
    server = start(f'pssl:{port}:127.0.0.1', *tls_args(pki))
    with pytest.raises((ssl.SSLError, Closed, ConnectionError)):
        Client.connect(f'ssl:127.0.0.1:{port}', context(pki, name=name))
    assert not sessions(server)


def test_tls_needs_a_ca(start, pki):
    """Without one a switch would not know whom it lets program it."""
    for target in ('pssl:1:127.0.0.1', 'ssl:127.0.0.1:1'):
        process = subprocess.run([program(), *tls_args(pki)[:4], target], capture_output=True,
                                 text=True, timeout=10)
        assert process.returncode == 1 and 'needs a CA bundle' in process.stderr


def test_tls_files_that_are_replaced_hold_for_the_next_session(start, pki, tmp_path):
    port = free_port()
    target = f'ssl:127.0.0.1:{port}'
    for name in ('switch.key', 'switch.pem', 'ca.pem'):
        shutil.copy(pki / name, tmp_path / name)
    server = start(f'pssl:{port}:127.0.0.1', *tls_args(tmp_path))

    def connects(name):
        try:
            Client.connect(target, context(pki, name=name)).close()
        except (ssl.SSLError, Closed, ConnectionError):
            return False
        return True

    def replace(name, content):
        (tmp_path / 'new').write_bytes(content)
        os.rename(tmp_path / 'new', tmp_path / name)
    with Client.connect(target, context(pki)) as old:
        assert connects('controller') and not connects('stranger')
        replace('ca.pem', (pki / 'otherca.pem').read_bytes())
        assert connects('stranger') and not connects('controller')
        old.barrier()  # goes on
        replace('ca.pem', b'no certificate')
        assert connects('stranger'), 'what cannot be used changes nothing'
        assert connects('stranger')
        assert len([line for line in server.log if 'cannot be used' in line]) == 1
        replace('ca.pem', (pki / 'ca.pem').read_bytes())
        assert connects('controller') and not connects('stranger')


def test_tls_1_1_is_refused(start, pki):
    port = free_port()
    start(f'pssl:{port}:127.0.0.1', *tls_args(pki))
    old = context(pki)
    old.set_ciphers('ALL:@SECLEVEL=0')
    old.minimum_version = old.maximum_version = ssl.TLSVersion.TLSv1_1
    with pytest.raises((ssl.SSLError, Closed, ConnectionError)):
        Client.connect(f'ssl:127.0.0.1:{port}', old)


def test_tls_plain_text_is_refused(start, pki):
    port = free_port()
    start(f'pssl:{port}:127.0.0.1', *tls_args(pki))
    with Client.open(f'tcp:127.0.0.1:{port}') as c:
        c.send_raw(hello())
        c.wait_closed()


def test_tls_half_open_connections_make_room(start, pki):
    port = free_port()
    server = start('--inactivity', 1, f'pssl:{port}:127.0.0.1', *tls_args(pki))
    idle = [Client.open(f'tcp:127.0.0.1:{port}') for _ in range(32)]  # all that a switch takes
    time.sleep(0.2)
    with Client.open(f'tcp:127.0.0.1:{port}') as one_more:
        one_more.wait_closed()
    for c in idle:
        c.wait_closed()
    with Client.connect(f'ssl:127.0.0.1:{port}', context(pki)) as c:
        c.barrier()
        assert len(sessions(server)) == 1


def test_tls_active_does_not_wait_for_ever(pki):
    controller = Controller()
    with SessionServer('--inactivity', 1, *tls_args(pki),
                       f'ssl:127.0.0.1:{controller.port}') as server:
        c = controller.accept()
        wait_for(lambda: server.describe()['controllers'][0]['state'] == 'backoff')
        assert 'in time' in server.describe()['controllers'][0]['last_error']
        c.close()


@pytest.mark.parametrize('name,good', [('controller', True), ('stranger', False)])
def test_tls_active(pki, name, good):
    controller = Controller()
    with SessionServer(*tls_args(pki), f'ssl:127.0.0.1:{controller.port}') as server:
        controller.sock.settimeout(5)
        raw = controller.sock.accept()[0]
        try:
            c = Client(context(pki, True, name=name).wrap_socket(raw, server_side=True))
            c.shake_hands()
            assert good
            c.barrier()
            c.close()
        except (ssl.SSLError, Closed, ConnectionError):
            assert not good
            wait_for(lambda: 'TLS' in server.describe()['controllers'][0].get('last_error', ''))
    controller.close()


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


@pytest.mark.alone
def test_a_barrier_holds_up_its_own_session_only(server):
    with Client.connect(server.target) as a, Client.connect(server.target) as b:
        server('delay 1000')
        a.send(a.parser.OFPBarrierRequest(a.dp))
        started = time.monotonic()
        b.request(b.parser.OFPEchoRequest(b.dp))
        assert time.monotonic() - started < 0.5
        a.recv()


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
    wait_for(lambda: server('rules') == '3000')


def test_back_pressure_of_the_data_plane(server):
    with Client.connect(server.target) as c:
        server('blocked 1')
        xids = [c.send(c.parser.OFPEchoRequest(c.dp)) for _ in range(3)]
        assert c.recv().xid == xids[0]  # the first one still goes through
        assert c.quiet()
        server('blocked 0')
        assert [c.recv().xid for _ in range(2)] == xids[1:]


# ---- the data plane is lost

def test_sessions_close_when_the_data_plane_goes_and_come_back(start):
    controller = Controller()
    server = start(f'tcp:127.0.0.1:{controller.port}')
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
def test_standalone_is_told_after_three_probes(start):
    server = start('--inactivity', 1)
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


# ---- roles and asynchronous messages

def role(c, what, generation=0):
    r = c.request(c.parser.OFPRoleRequest(c.dp, what, generation))
    return r.role, r.generation_id


def test_roles(server):
    a, b = Client.connect(server.target), Client.connect(server.target)
    o = a.ofp
    NOCHANGE, EQUAL, MASTER, SLAVE = range(4)
    STALE = (o.OFPET_ROLE_REQUEST_FAILED, o.OFPRRFC_STALE)
    assert role(a, NOCHANGE) == (EQUAL, (1 << 64) - 1)
    assert role(a, MASTER, 5) == (MASTER, 5)
    assert role(b, NOCHANGE) == (EQUAL, 5)
    b.fails(b.parser.OFPRoleRequest(b.dp, MASTER, 4), *STALE)
    b.fails(b.parser.OFPRoleRequest(b.dp, SLAVE, 4), *STALE)
    assert role(b, EQUAL, 4) == (EQUAL, 5)  # not looked at
    assert role(b, MASTER, 5) == (MASTER, 5)
    assert role(a, NOCHANGE) == (SLAVE, 5), 'the old master is demoted'
    b.fails(b.parser.OFPRoleRequest(b.dp, 9, 6), o.OFPET_ROLE_REQUEST_FAILED, o.OFPRRFC_BAD_ROLE)
    # half of the circle ahead is newer, more is stale
    assert role(a, MASTER, 5 + (1 << 63) - 1) == (MASTER, 5 + (1 << 63) - 1)
    b.fails(b.parser.OFPRoleRequest(b.dp, SLAVE, 3 + (1 << 63)), *STALE)
    assert role(b, SLAVE, 5 + (1 << 63)) == (SLAVE, 5 + (1 << 63))
    a.close(), b.close()


def test_generation_ids_wrap(server):
    with Client.connect(server.target) as c:
        top = (1 << 64) - 1
        assert role(c, 2, top) == (2, top)
        assert role(c, 2, 1) == (2, 1)
        c.fails(c.parser.OFPRoleRequest(c.dp, 2, top), c.ofp.OFPET_ROLE_REQUEST_FAILED,
                c.ofp.OFPRRFC_STALE)


def test_a_slave_may_only_read(server):
    with Client.connect(server.target) as c:
        p, o = c.parser, c.ofp
        assert role(c, 3, 1)[0] == 3
        E = (o.OFPET_BAD_REQUEST, o.OFPBRC_IS_SLAVE)
        c.fails(c.flow(), *E)
        c.fails(p.OFPGroupMod(c.dp, 0, 0, 1, []), *E)
        c.fails(p.OFPMeterMod(c.dp, 0, 1, 1, []), *E)
        c.fails(p.OFPPortMod(c.dp, 1, '02:00:00:00:00:01', 0, 0, 0), *E)
        c.fails(p.OFPTableMod(c.dp, 1, 0), *E)
        c.fails(p.OFPPacketOut(c.dp, o.OFP_NO_BUFFER, 1, [], b'\0' * 60), *E)
        c.fails(header(4, 18, 7, struct.pack('!HH4x', 12, 0) +
                       struct.pack('!HB5x32sQQII', 64, 1, b't', 0, 0, 0, 0)), *E)
        c.fails(p.OFPSetConfig(c.dp, o.OFPC_FRAG_DROP, 9), *E)
        assert c.flows() == [] and server('rules') == '0'
        assert len(c.multipart(p.OFPPortDescStatsRequest(c.dp, 0))) == 3
        c.barrier()


def test_async_defaults_by_role(server):
    with Client.connect(server.target) as c:
        p, o = c.parser, c.ofp
        a = c.request(p.OFPGetAsyncRequest(c.dp))
        assert (a.packet_in_mask, a.port_status_mask, a.flow_removed_mask) == \
            ([3, 0], [7, 7], [15, 0])
        role(c, 3, 1)
        server(f'punt 0 64 {0xffff} 1')
        server('port add 5')
        assert c.event(o.OFPT_PORT_STATUS).desc.port_no == 5
        assert c.quiet()
        role(c, 1)
        server(f'punt 0 64 {0xffff} 1')
        c.event(o.OFPT_PACKET_IN)


def test_async_masks(server):
    with Client.connect(server.target) as c, Client.connect(server.target) as other:
        p, o = c.parser, c.ofp
        c.send(p.OFPSetAsync(c.dp, [1 << o.OFPR_ACTION, 1 << o.OFPR_NO_MATCH],
                             [1 << o.OFPPR_DELETE, 0], [1 << o.OFPRR_HARD_TIMEOUT, 0]))
        a = c.request(p.OFPGetAsyncRequest(c.dp))
        assert (a.packet_in_mask, a.port_status_mask, a.flow_removed_mask) == \
            ([2, 1], [2, 0], [2, 0])
        server('punt 0 64 65535 1')
        server('punt 1 64 65535 1')
        server('punt 2 64 65535 1')
        server('port add 6')
        server('port delete 6')
        for reason in (0, 1):
            c.send(c.flow(flags=o.OFPFF_SEND_FLOW_REM))
            c.barrier()
            server(f'expire {reason}')
        assert c.event(o.OFPT_PACKET_IN).reason == o.OFPR_ACTION
        assert c.event(o.OFPT_PORT_STATUS).reason == o.OFPPR_DELETE
        assert c.event(o.OFPT_FLOW_REMOVED).reason == o.OFPRR_HARD_TIMEOUT
        assert c.quiet()
        # The other one has its own masks, and gets all.
        other.barrier()
        assert sorted(e.msg_type for e in other.events) == [10, 10, 11, 11, 12, 12]


def test_invalid_ttl_is_asked_for_while_somebody_wants_it(server):
    with Client.connect(server.target) as c, Client.connect(server.target) as other:
        p, o = c.parser, c.ofp
        assert server.event() == 'connected 1'

        def wants(client, master, slave=0):
            client.send(p.OFPSetAsync(client.dp, [master, slave], [7, 7], [15, 0]))
            client.barrier()

        wants(c, 1 << o.OFPR_INVALID_TTL)
        assert server.event() == 'ttl_packet_in 1'
        wants(other, 7)
        wants(c, 3)
        assert server.events.empty()
        role(other, 3, 1)  # as slave it does not want them
        assert server.event() == 'ttl_packet_in 0'
        wants(other, 0, 1 << o.OFPR_INVALID_TTL)
        assert server.event() == 'ttl_packet_in 1'
        server('punt 2 64 65535 1')
        assert other.event(o.OFPT_PACKET_IN).reason == o.OFPR_INVALID_TTL
        assert c.quiet()
    assert server.event() == 'ttl_packet_in 0'


# ---- bad controllers

def test_messages_in_pieces(server):
    with Client.connect(server.target) as c:
        raw = c.encode(c.flow(actions=[c.output(1)])) + \
            c.encode(c.parser.OFPBarrierRequest(c.dp), 9)
        for i in range(len(raw)):
            c.send_raw(raw[i:i + 1])
        assert c.recv().xid == 9 and server('rules') == '1'


def test_a_length_below_eight_ends_the_session(server):
    with Client.connect(server.target) as c:
        c.send_raw(b'\x04\x02\x00\x07\x00\x00\x00\x05' * 3)
        e = c.error()
        assert (e.type, e.code, e.xid) == (1, c.ofp.OFPBRC_BAD_LEN, 5)
        c.wait_closed()


def test_half_a_message_does_not_hold_others_up(server):
    with Client.connect(server.target) as a, Client.connect(server.target) as b:
        a.send_raw(header(4, 14, 1, b'\0' * 1000)[:700])
        b.barrier()


def test_garbage(server, seed):
    rng = random.Random(seed)
    with Client.connect(server.target) as good:
        for _ in range(200):
            c = Client.open(server.target)
            try:
                if rng.random() < 0.7:
                    c.shake_hands()
                for _ in range(rng.randrange(1, 6)):
                    body = rng.randbytes(rng.randrange(200))
                    c.send_raw(header(rng.choice((4, 4, 4, rng.randrange(256))),
                                      rng.randrange(32), rng.randrange(1 << 32), body)
                               if rng.random() < 0.8 else body)
            except (ConnectionError, Closed):
                pass
            c.close()
            good.barrier()
    assert server.process.poll() is None


def test_one_who_floods_and_one_who_does_not(server):
    """A controller that sends as fast as it can does not keep another from its answers."""
    flooder = Client.connect(server.target)
    stop = threading.Event()
    burst = b''.join(header(4, 2, i, b'x' * 8) for i in range(4000))

    def drain():
        try:
            while flooder.sock.recv(1 << 20):
                pass
        except OSError:
            pass

    def flood():
        try:
            while not stop.is_set():
                flooder.sock.sendall(burst)
        except OSError:
            pass

    flooder.sock.settimeout(None)
    threads = [threading.Thread(target=f, daemon=True) for f in (drain, flood)]
    for t in threads:
        t.start()
    with Client.connect(server.target) as c:
        slowest = 0
        for _ in range(100):
            started = time.monotonic()
            c.barrier()
            slowest = max(slowest, time.monotonic() - started)
    stop.set()
    received = max(x['received'] for x in sessions(server))
    flooder.sock.shutdown(socket.SHUT_RDWR)
    flooder.close()
    print(f'slowest barrier {slowest * 1000:.1f} ms beside {received} echo requests')
    assert received > 10000
    assert slowest < 1


def test_one_who_does_not_read_is_not_served_on(server):
    """It asks and asks and never reads: its questions wait, memory does not grow."""
    c = Client.connect(server.target)
    before = server.rss_kb()
    c.sock.setblocking(False)
    ask = header(4, 2, 1, b'x' * 60000)
    sent = 0
    quiet_since = time.monotonic()
    while time.monotonic() - quiet_since < 1:
        try:
            sent += c.sock.send(ask[sent % len(ask):])
            quiet_since = time.monotonic()
        except BlockingIOError:
            time.sleep(0.01)
    state, = sessions(server)
    assert state['backlog_bytes'] < 2 << 20 and server.rss_kb() - before < 16 << 10
    with Client.connect(server.target) as other:
        other.barrier()
    # When it reads again, it is served again, from where it stopped.
    c.sock.setblocking(True)
    whole = sent // len(ask)
    for _ in range(whole):
        assert len(c.recv_raw()) == len(ask)
    c.close()


def test_packet_ins_are_shed_for_one_who_does_not_read(server):
    c = Client.connect(server.target)
    before = server.rss_kb()
    for _ in range(20):
        server('punt 0 1500 65535 1000')
    state, = sessions(server)
    shed = server.describe()['packet_ins_shed']
    assert shed > 10000 and state['shed'] == shed
    assert server.rss_kb() - before < 16 << 10, 'of 30 MB'
    # What it gets when it reads are whole messages; the rest is what was counted.
    c.barrier()
    assert len(c.events) == 20000 - shed
    c.close()


def test_port_events_wait_for_one_who_reads_late(server):
    c = Client.connect(server.target)
    with Client.connect(server.target) as other:
        for i in range(1200):
            server('port add 9')
        other.barrier()
        assert len(other.events) == 1200
    c.barrier()
    assert len(c.events) == 1200
    c.close()
