# SPDX-License-Identifier: Apache-2.0
"""What a bad controller can and cannot do: messages in pieces, garbage, floods, and who never reads."""
import random
import socket
import threading
import time

from ofclient import Client, Closed, header


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
    received = max(x['received'] for x in server.sessions())
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
    state, = server.sessions()
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
    state, = server.sessions()
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
