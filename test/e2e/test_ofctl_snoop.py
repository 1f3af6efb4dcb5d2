# SPDX-License-Identifier: Apache-2.0
"""Looking on at a switch's sessions: ovs-ofctl snoop, and that no session pays for it."""
import os
import subprocess

import pytest

from lab.wait import wait_until
from ofclient import NAMES, Client, Closed
from sessionserver import SessionServer

SNOOPERS_MAX = 4


@pytest.fixture
def server(tmp_path):
    with SessionServer(f'punix:{tmp_path}/red.mgmt') as s:
        s.target, s.snoop, s.folder = f'unix:{tmp_path}/red.mgmt', f'unix:{tmp_path}/red.snoop', tmp_path
        yield s


def wait_snoopers(server, n):
    wait_until(lambda: server.describe()['snoopers'] == n, what=f'{n} onlookers')


def test_ovs_ofctl_sees_every_session(server):
    """By the switch's name, as of an Open vSwitch; 1.0 to 1.5, both ways."""
    command = ['ovs-ofctl', '--timeout=20', '-vANY:OFF', 'snoop', 'red']
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True,
                          env={**os.environ, 'OVS_RUNDIR': str(server.folder)}) as snoop:
        try:
            wait_snoopers(server, 1)
            for version in NAMES:
                with Client.connect(server.target, version=version) as c:
                    c.send(c.flow(actions=[c.output(2)], priority=version), xid=0x1000 + version)
                    c.request(c.parser.OFPBarrierRequest(c.dp))
            seen = []
            while sum('OFPT_BARRIER_REPLY' in line for line in seen) < len(NAMES):
                seen.append(snoop.stderr.readline())
                assert seen[-1], seen
        finally:
            snoop.terminate()
    for version, name in NAMES.items():
        said = '' if version == 1 else f' (OF{name})'
        assert any(line.startswith(f'OFPT_FLOW_MOD{said} (xid={0x1000 + version:#x}): ADD priority={version} ')
                   for line in seen), seen
        for kind in ('ECHO_REQUEST', 'ECHO_REPLY', 'BARRIER_REQUEST', 'BARRIER_REPLY'):
            assert sum(line.startswith(f'OFPT_{kind}{said} (xid') for line in seen) == 1, (kind, seen)
    wait_snoopers(server, 0)
    assert server.describe()['snoop_shed'] == 0


def test_who_does_not_read_holds_nobody_up(server):
    with Client.open(server.snoop) as deaf, Client.connect(server.target) as c:
        wait_snoopers(server, 1)
        for _ in range(100):
            c.request(c.parser.OFPEchoRequest(c.dp, data=bytes(60000)))
        assert server.describe()['snoop_shed'] > 50
        hello = deaf.recv_raw()
        assert hello[1] == 0 and deaf.recv_raw()[1] == c.ofp.OFPT_ECHO_REQUEST


def test_there_is_room_for_a_few(server):
    some = [Client.open(server.snoop) for _ in range(SNOOPERS_MAX)]
    for c in some:
        c.recv_raw()
    with Client.open(server.snoop) as late, pytest.raises(Closed):
        late.recv_raw()
    some.pop().close()
    wait_snoopers(server, SNOOPERS_MAX - 1)
    with Client.open(server.snoop) as late:
        late.recv_raw()
        assert os.stat(server.snoop[5:]).st_mode & 0o777 == 0o600
        # The socket goes with the one beside it, and a name without .mgmt gets it behind.
        server(f'update punix:{server.folder}/other')
        with pytest.raises(Closed):
            late.recv_raw()
        wait_until(lambda: sorted(os.listdir(server.folder)) == ['other', 'other.snoop'], what='the other sockets')
    for c in some:
        c.close()
