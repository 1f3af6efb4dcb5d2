# SPDX-License-Identifier: Apache-2.0
"""Uplinks that are bonds (docs/failover.md): LACP with Open vSwitch as the partner, active-backup and a static
aggregate on switches that know nothing of it; links that are lost, members that change while packets flow.

Host 1 has its VTEP address on the interface that Weft makes for the kernel, up0, and cables a0 and a1 to a
switch, behind which is a Linux VXLAN host:

    h1 up0 --- a0 --- b0 \\
                         switch --- fabric --- linux2
           --- a1 --- b1 /
"""
import re
import time

import pytest

from lab import traffic
from lab.bare import BareHost
from lab.linuxvx import LinuxVxlanHost
from lab.netns import veth
from lab.ovs import OvsHost
from lab.wait import wait_until
from lab.witness import without_a_way
from weftipc import Refused

MAC1, MAC2 = (f'02:00:00:00:00:{n:02x}' for n in (1, 2))


class Bonded:
    """switch: a namespace that has its cable to the fabric; plug(b0) makes that a port of the switch there."""

    def __init__(self, lab, fabric, hosts, switch, mode, members=('a0', 'a1'), cables=2):
        self.linux = LinuxVxlanHost(lab, fabric, 2, 5001, ['172.16.0.1'])
        self.switch = switch
        self.weft = hosts(1, capture=False, uplink='bond')
        self.weft.ns.ip('link', 'set', 'eth0', 'down')  # its own cable to the fabric
        for n in range(cables):
            veth(self.weft.ns, f'a{n}', switch, f'b{n}')
            self.weft.ns.ip('link', 'set', f'a{n}', 'mtu', 1600)
            switch.ip('link', 'set', f'b{n}', 'mtu', 1600)
        self.uplink = {'name': 'up0', 'kind': 'bond', 'mode': mode, 'members': list(members)}
        self.weft.config['uplinks'] = [self.uplink]
        self.weft.tenant('red', vni=5001, vteps=[self.linux.vtep])
        self.vm1 = self.weft.vm('red', 'vm1', 1, '10.0.0.1/24', MAC1)
        self.vm2 = self.linux.vm('vm2', '10.0.0.2/24', MAC2)

    def up(self):
        self.weft.up()
        self.weft.ns.address('up0', f'{self.weft.vtep}/24')

    def members(self):
        """{name: what is shown of it}"""
        return {row['member']: row for row in self.weft.json('bond')}

    def states(self):
        return {name: row['state'] for name, row in self.members().items()}

    def wait_states(self, timeout=30, **states):
        wait_until(lambda: self.states() == states, timeout, f'{states}')

    def carried(self, n):
        """Packets that this cable has brought to the switch."""
        return int(self.switch.run('cat', f'/sys/class/net/b{n}/statistics/rx_packets'))

    def carrier(self, n, state):
        """The far end of a cable goes down or up, and nobody tells host 1 anything else."""
        self.switch.ip('link', 'set', f'b{n}', state)

    def stream(self, rate=1000):
        source, sink = self.vm1.raw(), self.vm2.raw('eth0')
        frame = traffic.udp_frame(MAC1, MAC2, '10.0.0.1', '10.0.0.2', 40007)
        return traffic.Stream(source, sink, frame, rate)

    def lose(self, n):
        """Cable n is cut: the other one is taken within 50 ms of the loss of carrier. The figure is printed."""
        flow = self.stream()
        flow.wait_flowing(200)
        away = without_a_way(self.weft.lab, flow, [self.weft.dataplane], lambda: self.carrier(n, 'down'),
                             lambda: self.states()[f'a{n}'] == 'down')
        assert away < 0.05

    def ping(self):
        assert traffic.ping(self.vm1.ns, '10.0.0.2', count=5) == 5


def plain_switch(lab, fabric):
    """A bridge of the kernel; plug() the cables when they are there."""
    ns = lab.namespace('switch')
    fabric.attach(ns, 253, addressed=False)
    ns.ip('link', 'add', 'hub', 'type', 'bridge')
    ns.ip('link', 'set', 'hub', 'mtu', 1600, 'up')
    ns.ip('link', 'set', 'eth0', 'master', 'hub')
    return ns


def test_lacp_with_open_vswitch(lab, fabric, hosts):
    ovs = OvsHost(lab, fabric, 3)
    bonded = Bonded(lab, fabric, hosts, ovs.ns, 'lacp')
    ovs.vsctl('add-bond', 'br-phy', 'bond0', 'b0', 'b1', 'lacp=active', 'bond_mode=balance-tcp',
              'other_config:lacp-time=fast')
    bonded.up()
    weft = bonded.weft
    bonded.wait_states(a0='active', a1='active')
    for row in bonded.members().values():
        assert row['partner'] == ovs.appctl('lacp/show').split('sys_id: ')[1].split()[0]
        assert {'collecting', 'distributing'} <= set(row['actor_state']) & set(row['partner_state'])
        assert row['mode'] == 'lacp' and row['losses'] == 0
    assert len({row['partner_port'] for row in bonded.members().values()}) == 2
    wait_until(lambda: 'status: active negotiated' in ovs.appctl('lacp/show'), 10, 'OVS agrees')
    traffic.wait_ping(bonded.vm1.ns, '10.0.0.2', 15)

    before = {n: bonded.carried(n) for n in (0, 1)}
    with bonded.vm1.raw() as port:
        for flow in range(64):
            port.send(traffic.udp_frame(MAC1, MAC2, '10.0.0.1', '10.0.0.2', 1000 + flow) / b'x')
    wait_until(lambda: sum(bonded.carried(n) - before[n] for n in (0, 1)) >= 64, 5, 'flows are spread')
    assert all(bonded.carried(n) - before[n] >= 10 for n in (0, 1))

    flow = bonded.stream()
    before = {n: bonded.carried(n) for n in (0, 1)}
    flow.wait_flowing(200)
    used = max((0, 1), key=lambda n: bonded.carried(n) - before[n])
    flow.stop()
    bonded.lose(used)
    assert bonded.states() == {f'a{used}': 'down', f'a{1 - used}': 'active'}
    assert bonded.members()[f'a{used}']['losses'] == 1
    bonded.carrier(used, 'up')
    bonded.wait_states(a0='active', a1='active')
    bonded.ping()
    assert 'bond' in weft.weft('port') and 'PARTNER' in weft.weft('bond')

    # A partner that forgets about LACP is none: nothing may be sent there, and the uplink has no link.
    ovs.vsctl('set', 'port', 'bond0', 'lacp=off')
    ovs.vsctl('del-port', 'br-phy', 'bond0')
    for n in (0, 1):
        bonded.carrier(n, 'down')
    bonded.wait_states(a0='down', a1='down')
    port = next(p for p in weft.json('port') if p['name'] == 'up0')
    assert port['state'] == 'down'


def test_a_silent_partner_is_missed_after_three_seconds(lab, fabric, hosts):
    """lacp_rate: fast, with a partner that itself asks for the long timeout: all it does fast, we have asked for."""
    ovs = OvsHost(lab, fabric, 3)
    bonded = Bonded(lab, fabric, hosts, ovs.ns, 'lacp')
    bonded.uplink['lacp_rate'] = 'fast'
    ovs.vsctl('add-bond', 'br-phy', 'bond0', 'b0', 'b1', 'lacp=active', 'bond_mode=balance-tcp',
              'other_config:lacp-time=slow')
    bonded.up()
    bonded.wait_states(a0='active', a1='active')
    for row in bonded.members().values():
        assert 'short-timeout' in row['actor_state'] and 'short-timeout' not in row['partner_state']
    wait_until(lambda: len(re.findall(r'partner state:.* timeout', ovs.appctl('lacp/show'))) == 2, 10,
               'OVS has been asked')
    # Its links stay, and it says nothing any more.
    began = time.monotonic()
    ovs.pause()
    bonded.wait_states(a0='standby', a1='standby', timeout=60)
    print(f'missed after {time.monotonic() - began:.1f} s')
    assert all(row['link'] and row['losses'] == 0 for row in bonded.members().values())
    assert next(p for p in bonded.weft.json('port') if p['name'] == 'up0')['state'] == 'down'
    ovs.resume()
    bonded.wait_states(a0='active', a1='active')
    traffic.wait_ping(bonded.vm1.ns, '10.0.0.2', 15)

    flow = bonded.stream()
    flow.wait_flowing(200)
    del bonded.uplink['lacp_rate']
    assert 'uplink up0: lacp:fast,a0,a1 -> lacp,a0,a1' in bonded.weft.apply()
    wait_until(lambda: not re.search(r'partner state:.* timeout', ovs.appctl('lacp/show')), 60, 'OVS has heard')
    bonded.uplink['lacp_rate'] = 'fast'
    bonded.weft.apply()
    flow.wait_flowing(200)
    lost, twice = flow.stop()
    assert not lost and not twice, (lost[:3], twice[:3])
    assert bonded.states() == {'a0': 'active', 'a1': 'active'}


def test_active_backup(lab, fabric, hosts):
    """And other members, by `weft apply`, while packets flow."""
    switch = plain_switch(lab, fabric)
    bonded = Bonded(lab, fabric, hosts, switch, 'active_backup', cables=3)
    for n in range(3):
        switch.ip('link', 'set', f'b{n}', 'master', 'hub')
    bonded.up()
    bonded.wait_states(a0='active', a1='standby')
    traffic.wait_ping(bonded.vm1.ns, '10.0.0.2', 15)
    assert bonded.weft.ns.mac('up0') == bonded.weft.ns.mac('a0')
    mac = bonded.weft.ns.mac('up0')
    bonded.lose(0)
    assert bonded.states() == {'a0': 'down', 'a1': 'active'}
    # The switch has been told, though the host had nothing to say.
    wait_until(lambda: 'dev b1' in ''.join(line for line in switch.run('bridge', 'fdb', 'show', 'br', 'hub').splitlines()
                                           if line.startswith(mac)), 5, 'the address has moved')
    bonded.carrier(0, 'up')
    bonded.wait_states(a0='standby', a1='active')
    assert bonded.members()['a0']['losses'] == 1

    flow = bonded.stream()
    flow.wait_flowing(200)
    bonded.uplink['members'] = ['a1', 'a2']
    assert 'uplink up0: active_backup,a0,a1 -> active_backup,a1,a2' in bonded.weft.apply()
    bonded.wait_states(a1='active', a2='standby')
    flow.wait_flowing(200)
    lost, twice = flow.stop()
    assert not lost and not twice, (lost[:3], twice[:3])
    bonded.lose(1)
    assert bonded.states() == {'a1': 'down', 'a2': 'active'}
    before = next(p for p in bonded.weft.json('port') if p['name'] == 'up0')
    bonded.uplink['members'] = ['a2']
    bonded.weft.apply()
    assert bonded.states() == {'a2': 'active'}
    after = next(p for p in bonded.weft.json('port') if p['name'] == 'up0')
    assert after['tx_packets'] >= before['tx_packets'] > 0
    bonded.ping()

    bonded.uplink['members'] = ['a2', 'nosuch0']
    with pytest.raises(Exception, match='nosuch0'):
        bonded.weft.apply()
    bonded.uplink['members'] = ['a2']
    assert bonded.states() == {'a2': 'active'}
    bonded.ping()
    # Another mode is another bond: made anew under the same name, with the same TAP for the kernel.
    bonded.uplink['mode'] = 'balance'
    bonded.uplink['members'] = ['a2', 'a0']
    bonded.weft.apply()
    bonded.weft.ns.address('up0', f'{bonded.weft.vtep}/24')
    bonded.wait_states(a2='active', a0='active')


def test_a_killed_data_plane_leaves_no_member_muted(lab, fabric, hosts):
    """What is changed of the members' settings is put back by the next data plane of that socket."""
    switch = plain_switch(lab, fabric)
    bonded = Bonded(lab, fabric, hosts, switch, 'balance')
    weft = bonded.weft

    def settings():
        return [weft.ns.run('cat', *(f'/proc/sys/net/{path}' for path in (
            f'ipv4/conf/a{n}/arp_ignore', f'ipv4/conf/a{n}/rp_filter', f'ipv6/conf/a{n}/disable_ipv6'))).split()
            for n in (0, 1)]
    weft.ns.run('sysctl', '-qw', 'net.ipv4.conf.a0.rp_filter=2')
    before = settings()
    bonded.up()
    muted = ['8', '1', '1']
    assert settings() == [muted, muted] != before
    for process in (weft.agent, weft.dataplane):
        process.kill()
    assert settings() == [muted, muted]
    weft.ns.run('sysctl', '-qw', 'net.ipv4.conf.a1.arp_ignore=3')  # somebody else's from now on
    weft.start_dataplane()
    wait_until(lambda: settings() == [before[0], ['3', *before[1][1:]]], 10, 'what was muted is put back')
    weft.start_agent()
    weft.wait_ready()
    wait_until(lambda: settings() == [muted, muted], 10, 'they are members again')
    weft.down()
    assert settings() == [before[0], ['3', *before[1][1:]]]


@pytest.mark.slow
def test_lacp_without_memory_is_refused(lab, fabric):
    """net_bond ends the program when it gets no memory for a member. From too little to enough: refused or done."""
    answers = []
    for number, mem in enumerate(range(36, 60, 3), 10):
        switch = lab.namespace(f's{number}')
        try:
            host = BareHost(lab, fabric, number, workers=2, options=(
                '--mem', mem, '--mbufs', 8192, '--flow-cache', 0))
        except OSError:  # too little to start with
            lab.processes[-1].expected_end = True
            continue
        for n in range(4):
            veth(host.ns, f'a{n}', switch, f'b{n}')
        try:
            host.dp.port_add(0, 'bond', id=9, ofport=0, name='up9', device='lacp,a0,a1,a2,a3', queues=2)
            answers.append('done')
        except Refused as refused:
            answers.append('refused')
            assert 'LACP on 4 more members wants more --mem' in str(refused)
        time.sleep(0.3)  # it is some milliseconds until a member's link is looked at
        host.dp.echo()
        host.process.stop()
        if answers[-1] == 'done':
            break
    assert answers[-1] == 'done' and 'refused' in answers, answers


def test_what_comes_after_lacp_sends(lab, fabric):
    """Nothing of LACP's stays with the devices that were its members, or with those that have their numbers next."""
    host, peer = BareHost(lab, fabric, 1), lab.namespace('peer')
    for n in range(2):
        veth(host.ns, f'a{n}', peer, f'b{n}')
    with peer.raw('b0') as at_b0:
        for mode in ('lacp', 'active_backup', 'lacp', 'balance'):
            host.dp.port_add(0, 'bond', id=50, name='bond', device=f'{mode},a0,a1')
            if mode == 'lacp':
                at_b0.expect(lambda frame: frame[12:14] == b'\x88\x09', 5, 'LACPDU')
            else:
                host.ns.address('bond', '10.9.0.1/24')
                host.ns.neighbour('bond', '10.9.0.2', MAC2)
                wait_until(lambda: [p['state'] for p in host.dp.ports() if p['id'] == 50] == [0], what='a link')
                for port in range(9000, 9020):  # by either member, as its hash says
                    host.ns.run('bash', '-c', f'echo x > /dev/udp/10.9.0.2/{port}')
                at_b0.expect(lambda frame: frame[30:34] == b'\x0a\x09\x00\x02', 5, 'frame')
            host.dp.port_del(50)
