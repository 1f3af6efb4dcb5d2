# SPDX-License-Identifier: Apache-2.0
"""Several uplinks as one (docs/failover.md): equal routes, a backup route, and a link that is lost.

Host 1 has its VTEP address on the loopback interface and two cables to a router, behind which is a Linux
VXLAN host:

    h1 --- a0 10.1.0.0/24 ---\
                              router --- fabric --- linux2
    h1 --- a1 10.2.0.0/24 ---/
"""
import pytest

from lab import traffic, tshark
from lab.fabric import Capture
from lab.linuxvx import LinuxVxlanHost
from lab.netns import veth
from lab.wait import wait_until
from lab.witness import without_a_way

pytestmark = pytest.mark.alone

MAC1, MAC2 = (f'02:00:00:00:00:{n:02x}' for n in (1, 2))
VTEP = '172.20.0.1'


class TwoCables:
    def __init__(self, lab, fabric, hosts, routes):
        """routes: of host 1 to linux2, as `ip route add` wants them."""
        self.lab = lab
        self.linux = LinuxVxlanHost(lab, fabric, 2, 5001, [VTEP])
        self.router = lab.namespace('router')
        fabric.attach(self.router, 253)
        self.weft = hosts(1, capture=False)
        for n, name in ((1, 'a0'), (2, 'a1')):
            veth(self.weft.ns, name, self.router, f'r{name}')
            self.weft.ns.ip('link', 'set', name, 'mtu', 1600)
            self.router.ip('link', 'set', f'r{name}', 'mtu', 1600)
            self.weft.ns.ip('addr', 'add', f'10.{n}.0.1/24', 'dev', name)
            self.router.ip('addr', 'add', f'10.{n}.0.254/24', 'dev', f'r{name}')
            for ns in (self.weft.ns, self.router):
                ns.run('sysctl', '-qw', 'net.ipv4.conf.all.rp_filter=0',
                       f'net.ipv4.conf.{name if ns is self.weft.ns else "r" + name}.rp_filter=0')
        self.router.run('sysctl', '-qw', 'net.ipv4.ip_forward=1')
        self.router.ip('route', 'add', f'{VTEP}/32', 'nexthop', 'via', '10.1.0.1', 'nexthop', 'via', '10.2.0.1')
        self.linux.ns.ip('route', 'add', f'{VTEP}/32', 'via', '172.16.0.253')
        self.weft.ns.ip('addr', 'add', f'{VTEP}/32', 'dev', 'lo')
        for route in routes:
            self.weft.ns.ip('route', 'add', f'{self.linux.vtep}/32', *route.split())
        self.weft.config['host']['vtep'] = VTEP
        self.weft.config['uplinks'] = [{'name': name, 'kind': 'af_packet', 'device': device}
                                       for name, device in (('up0', 'a0'), ('up1', 'a1'))]
        self.weft.tenant('red', vni=5001, vteps=[self.linux.vtep])
        self.vm1 = self.weft.vm('red', 'vm1', 1, '10.0.0.1/24', MAC1)
        self.vm2 = self.linux.vm('vm2', '10.0.0.2/24', MAC2)
        self.weft.up()

    def resolved(self):
        return [w for w in self.weft.json('underlay') if w['state'] == 'resolved']

    def carried(self, name):
        """Packets that this cable has brought to the router."""
        return int(self.router.run('cat', f'/sys/class/net/r{name}/statistics/rx_packets'))

    def cut(self, name):
        """The far end goes down: host 1 loses carrier, and nobody tells it anything else."""
        self.router.ip('link', 'set', f'r{name}', 'down')

    def lose(self, name, flow, known):
        """Another way is taken within 50 ms of the loss of carrier. The figure is printed."""
        programs = [p for p in (self.weft.dataplane, self.weft.agent) if p.alive()]
        assert without_a_way(self.lab, flow, programs, lambda: self.cut(name), known) < 0.05

    def mend(self, name):
        self.router.ip('link', 'set', f'r{name}', 'up')


EQUAL = ['nexthop via 10.1.0.254 dev a0 nexthop via 10.2.0.254 dev a1']
BACKUP = ['via 10.1.0.254 dev a0 metric 100', 'via 10.2.0.254 dev a1 metric 200']


def stream(cables, sport, rate=1000):
    source, sink = cables.vm1.raw(), cables.vm2.raw('eth0')
    return traffic.Stream(source, sink, traffic.udp_frame(MAC1, MAC2, '10.0.0.1', '10.0.0.2', sport), rate)


def test_flows_are_spread_over_equal_routes(lab, fabric, hosts):
    cables = TwoCables(lab, fabric, hosts, EQUAL)
    wait_until(lambda: len(cables.resolved()) == 2, 10, 'both paths are resolved')
    assert {w['uplink'] for w in cables.resolved()} == {'up0', 'up1'}
    traffic.wait_ping(cables.vm1.ns, '10.0.0.2', 15)
    captures = {name: Capture(lab, cables.router, f'r{name}', name) for name in ('a0', 'a1')}
    with cables.vm1.raw() as port:
        for flow in range(64):
            for _ in range(4):
                port.send(traffic.udp_frame(MAC1, MAC2, '10.0.0.1', '10.0.0.2', 1000 + flow) / b'x')
    seen = {}
    for name, capture in captures.items():
        pcap = capture.stop()
        tshark.assert_clean(pcap)
        rows = tshark.read(pcap, 'vxlan && udp.dstport == 7', ('udp.srcport', 'ip.src'))
        for ports, sources in rows:
            assert sources.split(',')[0] == VTEP
            seen.setdefault(int(ports.split(',')[1]), []).append(name)
    assert len(seen) == 64 and all(len(names) == 4 and len(set(names)) == 1 for names in seen.values())
    on_first = sum(names[0] == 'a0' for names in seen.values())
    assert 16 <= on_first <= 48, on_first
    assert traffic.ping(cables.vm1.ns, '10.0.0.2', count=10) == 10

    weighted = EQUAL[0].replace('dev a0', 'dev a0 weight 3')
    cables.weft.ns.ip('route', 'replace', f'{cables.linux.vtep}/32', *weighted.split())
    wait_until(lambda: sorted(w['uplink'] for w in cables.resolved()) == ['up0', 'up0', 'up0', 'up1'], 10,
               'three paths of four by the first')
    assert traffic.ping(cables.vm1.ns, '10.0.0.2', count=5) == 5


@pytest.mark.parametrize('agent', ['with the agent', 'without'])
def test_a_lost_link_is_left_at_once(lab, fabric, hosts, agent):
    """What was on it goes the other way."""
    cables = TwoCables(lab, fabric, hosts, EQUAL)
    wait_until(lambda: len(cables.resolved()) == 2, 10, 'both paths are resolved')
    traffic.wait_ping(cables.vm1.ns, '10.0.0.2', 15)
    before = {name: cables.carried(name) for name in ('a0', 'a1')}
    flow = stream(cables, 40007)
    flow.wait_flowing(200)
    used = max(before, key=lambda name: cables.carried(name) - before[name])
    if agent == 'without':
        cables.weft.agent.kill()
    cables.lose(used, flow, lambda: agent == 'without' or len(cables.resolved()) == 1)
    if agent == 'without':
        cables.weft.start_agent()
        cables.weft.wait_ready()
    cables.mend(used)
    wait_until(lambda: len(cables.resolved()) == 2, 15, 'both paths again')
    assert traffic.ping(cables.vm1.ns, '10.0.0.2', count=5) == 5


def test_a_backup_route_takes_over_and_gives_back(lab, fabric, hosts):
    cables = TwoCables(lab, fabric, hosts, BACKUP)
    wait_until(cables.resolved, 10, 'resolved')
    assert [w['uplink'] for w in cables.resolved()] == ['up0']
    traffic.wait_ping(cables.vm1.ns, '10.0.0.2', 15)
    # So that the backup's next hop is known when it is wanted, as it is where traffic flows both ways.
    cables.weft.ns.run('ping', '-c', 1, '-W', 1, '10.2.0.254')
    flow = stream(cables, 40007)
    flow.wait_flowing(100)
    cables.lose('a0', flow, lambda: [w['uplink'] for w in cables.resolved()] == ['up1'])
    cables.mend('a0')
    wait_until(lambda: [w['uplink'] for w in cables.resolved()] == ['up0'], 15, 'back on the first')
