# SPDX-License-Identifier: Apache-2.0
"""Flow monitors: what ovs-ofctl shows of them in each version, and on the wire what is a session's
own, what is paused, and what is refused."""
import os
import re
import struct
import subprocess
import time

import pytest

from lab.weft import WeftHost
from ofclient import Client, Timeout, header
from test_bundles import BOTH, COMMIT, add, control
from test_openflow_load import flow_add

INITIAL, ADD, REMOVED, MODIFY, INSTRUCTIONS, NO_ABBREV, ONLY_OWN = (1 << n for n in range(7))
ALL = INITIAL | ADD | REMOVED | MODIFY | INSTRUCTIONS
ANY = 0xffffffff
ANY_MATCH = struct.pack('!HH4x', 1, 4)
EVENTS = ['initial', 'added', 'removed', 'modified', 'abbrev', 'paused', 'resumed']


@pytest.fixture
def host(lab, fabric):
    h = WeftHost(lab, fabric, 1)
    h.switch('red', nulls=3, vni=5001, dpid=1, quotas={'rules': 1_000_000})
    h.up()
    return h


def ofctl(host, command, *args, version='OpenFlow13'):
    subprocess.run(['ovs-ofctl', '-O', version, command, host.target, *args], check=True, timeout=20,
                   capture_output=True)


class Watch:
    """ovs-ofctl monitor, and the updates that it prints."""

    def __init__(self, host, version, spec):
        self.process = subprocess.Popen(['ovs-ofctl', '-O', version, 'monitor', host.target, spec],
                                        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                                        env={**os.environ, 'OVS_RUNDIR': os.path.dirname(host.target[5:])})

    def end(self):
        time.sleep(0.3)
        self.process.terminate()
        lines = self.process.communicate(timeout=10)[0].splitlines()
        return sorted(re.sub('=INITIAL', '=ADDED', line.strip()) for line in lines if line.startswith(' '))


@pytest.mark.parametrize('version', ['OpenFlow10', 'OpenFlow13', 'OpenFlow14', 'OpenFlow15'])
def test_what_ovs_ofctl_shows(host, version):
    late = version in ('OpenFlow14', 'OpenFlow15')
    # Its default asks 1.4 for its own changes only, as the specification reads that bit.
    watches = [Watch(host, version, spec) for spec in (
        'watch:!own', 'watch:!own,table=1,!delete', 'watch:!own,out_port=3', 'watch:!initial,!actions,!own,!add',
        'watch:!own,ip,nw_dst=10.0.0.0/8')]
    time.sleep(0.5)
    ofctl(host, 'add-flow', 'cookie=5,priority=7,ip,nw_dst=10.1.0.0/16,actions=output:2')
    ofctl(host, 'add-flow', 'table=1,in_port=1,actions=output:1')
    ofctl(host, 'add-flow', 'table=1,in_port=1,actions=output:3')
    ofctl(host, 'mod-flows', 'table=1,actions=drop')
    ofctl(host, 'mod-flows', 'table=1,actions=drop')
    ofctl(host, 'add-flow', 'table=2,idle_timeout=9,tcp,nw_dst=10.0.0.0/8,actions=dec_ttl,output:2')
    initial = Watch(host, version, 'watch:!own')
    time.sleep(0.5)
    ofctl(host, 'del-flows', 'table=1')
    ofctl(host, 'del-flows')
    everything, one_table, one_port, terse, one_net = (w.end() for w in watches)
    cookie, tcp = 'cookie=0x5 ip,nw_dst=10.1.0.0/16', 'table=2 idle_timeout=9 cookie=0 tcp,nw_dst=10.0.0.0/8'
    with_tcp = ' actions=dec_ttl,output:2'
    assert everything == sorted([
        f'event=ADDED table=0 {cookie} actions=output:2',
        'event=ADDED table=1 cookie=0 in_port=1 actions=output:1',
        'event=ADDED table=1 cookie=0 in_port=1 actions=output:3',
        'event=MODIFIED table=1 cookie=0 in_port=1',
        f'event=ADDED {tcp}{with_tcp}',
        'event=DELETED reason=delete table=1 cookie=0 in_port=1',
        f'event=DELETED reason=delete table=0 {cookie} actions=output:2',
        f'event=DELETED reason=delete {tcp}{with_tcp}'])
    assert one_table == sorted([
        'event=ADDED table=1 cookie=0 in_port=1 actions=output:1',
        'event=ADDED table=1 cookie=0 in_port=1 actions=output:3',
        'event=MODIFIED table=1 cookie=0 in_port=1'])
    assert one_port == sorted([
        'event=ADDED table=1 cookie=0 in_port=1 actions=output:3',
        'event=MODIFIED table=1 cookie=0 in_port=1'])  # it went there before
    assert terse == sorted([
        'event=MODIFIED table=1 cookie=0 in_port=1',
        'event=DELETED reason=delete table=1 cookie=0 in_port=1',
        f'event=DELETED reason=delete table=0 {cookie}',
        f'event=DELETED reason=delete {tcp}'])
    assert one_net == sorted([
        f'event=ADDED table=0 {cookie} actions=output:2', f'event=ADDED {tcp}{with_tcp}',
        f'event=DELETED reason=delete table=0 {cookie} actions=output:2',
        f'event=DELETED reason=delete {tcp}{with_tcp}'])
    assert len(initial.end()) == 6 and late in (True, False)


class Monitor:
    """A session of 1.4 with one monitor."""

    def __init__(self, host, flags=ALL, number=1, version=5):
        self.c = Client.connect(host.target, version=version)
        self.version = version
        self.told = []
        self.ask(number, flags)
        while not self.take():
            pass

    def ask(self, number, flags, command=0, port=ANY, table=0xff):
        body = struct.pack('!HH4xIIIHBB', 16, 0, number, port, ANY, flags, table, command) + ANY_MATCH
        self.c.send_raw(header(self.version, 18, 9, body))

    def take(self, timeout=5):
        """Reads one message; whether it was the end of a reply."""
        raw = self.c.recv_raw(timeout)
        if raw[1] == 1:
            self.told.append(('error', *struct.unpack_from('!HH', raw, 8)))
            return True
        if raw[1] != 19:
            self.told.append(('other', raw[1], struct.unpack_from('!I', raw, 4)[0]))
            return False
        at = 16
        while at < len(raw):
            length, event = struct.unpack_from('!HH', raw, at)
            if event <= 3:
                self.told.append((EVENTS[event], struct.unpack_from('!Q', raw, at + 16)[0]))
            elif event == 4:
                self.told.append(('abbrev', struct.unpack_from('!I', raw, at + 4)[0]))
            else:
                self.told.append((EVENTS[event],))
            at += length
        return struct.unpack_from('!I', raw, 4)[0] == 9 and not struct.unpack_from('!H', raw, 10)[0] & 1

    def all(self, quiet=0.4):
        try:
            while True:
                self.take(quiet)
        except Timeout:
            told, self.told = self.told, []
            return told

    def flow(self, cookie, xid=1):
        """flow_add() of another version: the later ones have `importance` for padding."""
        raw = bytearray(flow_add(xid, cookie))
        raw[0] = self.version
        return bytes(raw)


def add_others(host, *cookies):
    with Client.connect(host.target) as c:
        for n in cookies:
            c.send_raw(flow_add(1, n))
        c.barrier()
        assert not c.errors


def test_a_sessions_own_changes_are_abbreviated(host):
    short, full, own = Monitor(host), Monitor(host, ALL | NO_ABBREV), Monitor(host, ALL | ONLY_OWN)
    for m in (short, full, own):
        m.c.send_raw(m.flow(short.c.sock.fileno() * 100 + m.c.sock.fileno(), xid=77) + header(5, 20, 78))
        time.sleep(0.2)
    add_others(host, 5)
    first, second, third = (short.c.sock.fileno() * 100 + m.c.sock.fileno() for m in (short, full, own))
    assert short.all() == [('abbrev', 77), ('other', 21, 78), ('added', second), ('added', third), ('added', 5)]
    assert full.all() == [('added', first), ('added', second), ('other', 21, 78), ('added', third), ('added', 5)]
    assert own.all() == [('added', third), ('other', 21, 78)]


def test_a_bundle_is_told_before_it_is_answered(host):
    m = Monitor(host)
    with Client.connect(host.target) as c:
        c.send_raw(b''.join(add(n, 7, flow_add(n, n), BOTH) for n in range(3000)) + control(1, 7, COMMIT))
        assert c.recv_raw(10)[1] == 4
        c.send_raw(flow_add(2, 5000))
        c.barrier()
    assert m.all() == [('added', n) for n in range(3000)] + [('added', 5000)]


def test_own_bundle_by_its_messages(host):
    m = Monitor(host)
    for n in (1, 2, 3):
        inner = m.flow(n, xid=n)
        m.c.send_raw(header(5, 34, n, struct.pack('!I2xH', 7, BOTH) + inner))
    m.c.send_raw(header(5, 33, 9, struct.pack('!IHH', 7, COMMIT, BOTH)))
    assert m.all() == [('abbrev', 1), ('abbrev', 2), ('abbrev', 3), ('other', 33, 9)]


def test_many_that_go_at_once(host):
    add_others(host, *range(5000))
    m = Monitor(host)
    assert sorted(m.told) == [('initial', n) for n in range(5000)]
    m.told = []
    ofctl(host, 'del-flows')
    assert sorted(m.all()) == [('removed', n) for n in range(5000)]


def test_changed_and_deleted(host):
    m = Monitor(host, ADD)
    m.ask(1, REMOVED, command=1)
    add_others(host, 1)
    ofctl(host, 'del-flows')
    assert m.all() == [('removed', 1)]
    m.ask(1, 0, command=2)
    add_others(host, 2)
    assert m.all() == []


def test_what_is_refused(host):
    m = Monitor(host)
    for asked, code in (((1, ALL), 1), ((9, ALL, 1), 3), ((9, 0, 2), 3), ((9, ALL, 3), 4), ((9, 0x80 | ALL), 5),
                        ((9, INSTRUCTIONS), 5), ((9, ALL, 0, 0xffffff01), 7)):
        m.ask(*asked)
        assert m.all(0.1) == [('error', 16, code)], asked
    for n in range(2, 65):
        m.ask(n, ADD)
    assert m.all() == []
    m.ask(65, ADD)
    assert m.all() == [('error', 16, 0)]  # there are 64 for a switch
    m.ask(64, 0, command=2)
    m.ask(65, ADD)
    assert m.all() == []
    m.c.close()
    time.sleep(0.3)
    again = Monitor(host)
    for n in range(2, 65):
        again.ask(n, ADD)
    assert again.all() == []


def test_refused_before_1_4(host):
    c = Client.connect(host.target)

    def ask(number, flags):
        return header(4, 18, 9, struct.pack('!HH4xIIIHHIB3x', 0xffff, 0, 0x4f4e4600, 1870, number, flags, 4, ANY,
                                            0xff) + ANY_MATCH)

    c.send_raw(ask(1, ADD))
    assert c.recv_raw()[1] == 19
    for raw, code in ((ask(1, ADD), 6), (ask(2, 0x40), 7), (header(4, 4, 9, struct.pack('!III', 0x4f4e4600, 1870, 5)), 8)):
        c.send_raw(raw)
        error = c.recv_raw()
        assert error[1] == 1 and struct.unpack_from('!HHI', error, 8) == (0xffff, code, 0x2320)
    c = Client.connect(host.target, version=1)
    c.send_raw(header(1, 4, 9, struct.pack('!III', 0x2320, 21, 5)))
    error = c.recv_raw()
    assert error[1] == 1 and struct.unpack_from('!HHIHH', error, 8) == (0xb0c2, 0, 0x2320, 1, 519)


@pytest.mark.slow
@pytest.mark.parametrize('version', [5, 6])
def test_who_reads_too_slowly_is_paused_and_then_told_what_he_missed(host, version):
    """A mirror of the rules, kept by the updates alone, is right in the end."""
    count = 60_000
    m = Monitor(host, version=version)
    ids = list(range(count))
    with Client.connect(host.target) as c:
        for at in range(0, count, 2000):
            c.send_raw(b''.join(flow_add(1, n) for n in ids[at:at + 2000]))
        c.barrier()
        c.send_raw(header(4, 14, 1, struct.pack('!QQBBHHHIIIH2x', 0, 1, 0, 3, 0, 0, 0, ANY, ANY, ANY, 0) + ANY_MATCH))
        c.barrier()  # every other one is gone
        c.send_raw(flow_add(1, 70_000))
        c.barrier()
        left = c.flows()
    told = m.all(1.5)
    paused, resumed = told.index(('paused',)), told.index(('resumed',))
    assert 0 < paused < resumed
    rules = set()
    for event, *cookie in told:
        if event in ('added', 'modified', 'initial'):
            rules.add(cookie[0])
        elif event == 'removed':
            rules.discard(cookie[0])
    assert rules == {f.cookie for f in left} and 0 < len(rules) < count
