# SPDX-License-Identifier: Apache-2.0
"""Many controllers of one switch, each in its own version of OpenFlow."""
import pytest

from lab import traffic
from lab.wait import wait_until
from ofclient import NAMES, Client, Closed

MAC1, MAC2 = '02:00:00:00:00:01', '02:00:00:00:00:02'
ROLES = {'equal': 1, 'master': 2, 'slave': 3}
SLAVE_ERROR = (1, 10)  # OFPBRC_IS_SLAVE


@pytest.fixture
def switch(hosts):
    host = hosts(1)
    host.switch('red', vms=2, dpid=1)
    host.up()
    return host


def role(c, name, generation):
    args = [0] if c.version == 6 else []  # 1.5 has a short id
    return c.request(c.parser.OFPRoleRequest(c.dp, ROLES[name], *args, generation))


def forward(c, cookie):
    """One rule, the same for all who send it but for its cookie."""
    c.send(c.flow(match=c.parser.OFPMatch(in_port=1), actions=[c.output(2)], priority=5, cookie=cookie))
    c.barrier()


def test_failover_under_traffic_loses_no_packet(switch):
    """The master dies, the slave takes its place and renews the rule, and a new slave comes: ten times,
    through the versions that have roles. Every frame of the stream arrives once."""
    versions = [4, 5, 6, 5, 4, 6, 4, 6, 5, 4, 5]
    master = Client.connect(switch.target, version=versions[0])
    role(master, 'master', 0)
    forward(master, 1)
    with switch.vms['vm1'].raw() as source, switch.vms['vm2'].raw() as sink:
        stream = traffic.Stream(source, sink, traffic.udp_frame(MAC1, MAC2, '10.0.0.1', '10.0.0.2'))
        for generation, version in enumerate(versions[1:], 1):
            standby = Client.connect(switch.target, version=version)
            role(standby, 'slave', generation - 1)
            standby.fails(standby.flow(), *SLAVE_ERROR)
            stream.wait_flowing()
            if generation % 2:
                master.close()  # dies
                assert role(standby, 'master', generation).role == ROLES['master']
            else:
                assert role(standby, 'master', generation).role == ROLES['master']  # is deposed
                forward(standby, 100 + generation)
                master.fails(master.flow(), *SLAVE_ERROR)
                master.close()
            forward(standby, 100 + generation)
            master = standby
        stream.wait_flowing()
        lost, twice = stream.stop()
    assert not lost and not twice
    flow, = master.flows()
    assert flow.cookie == 100 + len(versions) - 1
    master.close()


def test_sixteen_sessions_of_mixed_versions(switch):
    """Each programs its own rule and sees all; a port's change reaches all; one of them is master."""
    sessions = [Client.connect(switch.target, version=v) for v in 4 * list(NAMES)]
    for n, c in enumerate(sessions):
        c.send(c.flow(match=c.parser.OFPMatch(in_port=1), priority=100 + n, cookie=n,
                      actions=[c.output(2)]))
    for c in sessions:
        c.barrier()
        assert not c.errors
    for c in sessions:
        assert sorted(f.cookie for f in c.flows()) == list(range(16))
    switch.ns.ip('link', 'set', 'p-vm2', 'down')
    for c in sessions:
        status = c.event(c.ofp.OFPT_PORT_STATUS)
        assert status.desc.port_no == 2 and status.desc.state & c.ofp.OFPPS_LINK_DOWN
    late = [c for c in sessions if c.version > 1]
    for generation, c in enumerate(late):
        role(c, 'master', generation)
    told = [x for x in switch.json('switch', 'show')[0]['controllers'] if x['state'] == 'connected']
    assert len(told) == 16
    assert sorted(x['role'] for x in told) == ['equal'] * 4 + ['master'] + ['slave'] * 11
    for c in late[:-1]:
        c.fails(c.flow(), *SLAVE_ERROR)
    for c in sessions:
        c.close()
    wait_until(lambda: not [x for x in switch.json('switch', 'show')[0]['controllers']
                            if x['state'] == 'connected'], 5, 'they are gone')


def test_what_slaves_do_not_hear(switch):
    """A slave hears of ports, and not of packets and rules (1.3.5, 6.3.4), until it asks for them."""
    master, slave = (Client.connect(switch.target, version=v) for v in (6, 4))
    role(slave, 'slave', 1)
    role(master, 'master', 1)
    p, o = master.parser, master.ofp
    master.send(master.flow(match=p.OFPMatch(in_port=1), priority=1,
                            actions=[master.output(o.OFPP_CONTROLLER)], flags=o.OFPFF_SEND_FLOW_REM))
    master.barrier()
    frame = bytes(traffic.udp_frame(MAC1, MAC2, '10.0.0.1', '10.0.0.2') / b'to-the-master')

    def packet_in(c):
        with switch.vms['vm1'].raw() as source:
            source.send(frame)
            assert bytes(c.event(10).data) == frame
    packet_in(master)
    slave.barrier()
    assert not slave.events
    masks = {'packet_in_mask': [3, 3], 'port_status_mask': [7, 7], 'flow_removed_mask': [15, 15]}
    names = ('packet_in_mask', 'port_status_mask', 'flow_removed_mask')
    args = [part for name in names for part in masks[name]]
    slave.send(slave.parser.OFPSetAsync(slave.dp, *[args[i:i + 2] for i in (0, 2, 4)]))
    slave.barrier()
    packet_in(slave)
    master.send(master.flow(o.OFPFC_DELETE, table_id=255))
    assert slave.event(11).priority == 1
    master.close()
    slave.close()
    with pytest.raises((Closed, OSError)):
        master.recv_raw()
