# SPDX-License-Identifier: Apache-2.0
"""Acts about what must work: reachability, throughput, encapsulation, changes under traffic."""
from lab import traffic, tshark
from stage import BLUE_VSID, RED_VNI, mac

EXPEDITED = 46  # DSCP (RFC 3246)
COOKIE_BLOCK = 0xb10c  # of the controller's blocking rules


def controller_programs(stage, report):
    report.chapter('A controller takes the switches', '''
        Each tenant has a virtual switch of its own on each host, with its own datapath id and its own
        OpenFlow 1.3 session. The controller, an os-ken application, listens on the underlay; it knows
        which switch is whose, and learns where VMs are from their first packets.''')
    stage.start_controller()
    stage.wait_switches()
    status = stage.ask('status')
    report.say(f'connected: {", ".join(f"{dpid:#x}" for dpid in status["switches"])}')
    report.claim('controller holds every tenant switch', len(status['switches']) == 4,
                 f'{len(status["switches"])} of 4 sessions')


def tenants_ping(stage, report):
    report.chapter('Each tenant reaches its own', '''
        The same addresses are in use twice: 10.0.0.1 and 10.0.0.2, with the same MAC addresses, are a
        red VM and a blue VM each. The first ping makes the VMs known to the controller.''')
    for tenant in ('red', 'blue'):
        a, b = stage.vms[f'{tenant}1'], stage.vms[f'{tenant}2']
        traffic.wait_ping(a.ns, b.ip, 20)
        there = traffic.ping(a.ns, b.ip, count=10)
        back = traffic.ping(b.ns, a.ip, count=10)
        report.claim(f'{tenant}: ping across hosts', there == back == 10,
                     f'{there}/10 there, {back}/10 back')
    a, b = stage.vms['red1'], stage.vms['red3']
    traffic.wait_ping(a.ns, b.ip, 10)
    traffic.wait_ping(stage.vms['blue1'].ns, stage.vms['blue4'].ip, 10)
    answered = traffic.ping(a.ns, b.ip, count=10)
    report.claim('red: ping inside one host', answered == 10, f'{answered}/10')


def tenants_iperf(stage, report):
    report.chapter('Throughput inside each tenant, across the hosts', '''
        TCP by iperf3 for three seconds. The figure says that it works, not how fast Weft can be: the
        frames go through the kernel's packet sockets, and all hosts, VMs, the controller and both
        switches share this machine's processors.''')
    for tenant in ('red', 'blue'):
        a, b = stage.vms[f'{tenant}1'], stage.vms[f'{tenant}2']
        mbits = traffic.mbits(traffic.iperf3(stage.lab, b.ns, a.ns, b.ip, seconds=3))
        report.claim(f'{tenant}: iperf3 across hosts', mbits > 1, f'{mbits:.0f} Mb/s')


def both_encapsulations(stage, report):
    report.chapter('Both encapsulations on the wire', '''
        What each host sends into the underlay is captured at the far end of its cable and read by
        tshark, with all checksums verified: red must be VXLAN (RFC 7348) and blue NVGRE (RFC 7637).''')
    captures = [stage.fabric.capture(host.label, f'both-{host.label}')
                for host in stage.hosts.values()]
    for tenant in ('red', 'blue'):
        traffic.ping(stage.vms[f'{tenant}1'].ns, stage.vms[f'{tenant}2'].ip, count=20)
    pcaps = [capture.stop() for capture in captures]
    red = sum(tshark.count(p, f'vxlan.vni == {RED_VNI} && icmp') for p in pcaps)
    blue = sum(tshark.count(p, f'gre.proto == 0x6558 && {nvgre_is(BLUE_VSID)} && icmp') for p in pcaps)
    other = sum(tshark.count(p, f'(vxlan && vxlan.vni != {RED_VNI}) || '
                                f'(gre && !({nvgre_is(BLUE_VSID)}))') for p in pcaps)
    frames = sum(tshark.count(p) for p in pcaps)
    report.claim('red travels in VXLAN', red == 40, f'{red} frames, VNI {RED_VNI}')
    report.claim('blue travels in NVGRE', blue == 40, f'{blue} frames, VSID {BLUE_VSID:#x}')
    report.claim('no other network on the wire', other == 0, f'{other} of {frames} frames')
    report.claim('nothing malformed', clean(pcaps), f'{frames} frames read by tshark')


def nvgre_is(vsid):
    """Display filter: the VSID is the upper 24 bits of the GRE key (RFC 7637, 3.2)."""
    return f'gre.key >= {vsid << 8:#x} && gre.key <= {vsid << 8 | 0xff:#x}'


def clean(pcaps):
    try:
        for pcap in pcaps:
            tshark.assert_clean(pcap)
    except AssertionError as error:
        print(error)
        return False
    return True


def flow_change(stage, report):
    report.chapter('The controller changes a flow while traffic runs', '''
        500 numbered packets a second go from red1 to red2. The controller modifies the rule that
        forwards them: from now on they are marked as expedited (DSCP 46). After the barrier's reply
        every packet must meet the new rule, and none may be lost at the change.''')
    capture = stage.fabric.capture('h1', 'mark')
    lost, twice, sent, at_change = _mark_under_traffic(stage)
    pcap = capture.stop()
    rows = tshark.read(pcap, f'vxlan.vni == {RED_VNI} && udp.dstport == 7', ('ip.dsfield.dscp',))
    marks = [int(row[0].split(',')[-1], 0) for row in rows]
    changes = sum(1 for before, after in zip(marks, marks[1:]) if before != after)
    before, after = marks.count(0), marks.count(EXPEDITED)
    report.say(f'{sent} packets; the barrier was answered when {at_change} had been sent')
    report.claim('changed under traffic: none lost', not lost and not twice and sent > 500,
                 f'{sent} sent, {len(lost)} lost, {len(twice)} twice')
    report.claim('changed at one moment', changes == 1 and before + after == len(marks) and
                 before <= at_change + 1, f'{before} unmarked, then {after} with DSCP {EXPEDITED}')


def _mark_under_traffic(stage):
    a, b = stage.vms['red1'], stage.vms['red2']
    with a.raw() as source, b.raw() as sink:
        stream = traffic.Stream(source, sink, traffic.udp_frame(a.mac, b.mac, a.ip, b.ip))
        stream.wait_flowing(300)
        stage.ask('mark', tenant='red', mac=mac(2), dscp=EXPEDITED)
        at_change = stream.sent
        stream.wait_flowing(300)
        lost, twice = stream.stop()
    return lost, twice, stream.sent, at_change


def policy(stage, report):
    report.chapter('A policy, and the drop report that names it', '''
        The controller forbids IPv4 from red1 to red3 by a rule without actions. Blue has a VM with the
        same addresses as red1, and does not notice.''')
    a, b = stage.vms['red1'], stage.vms['red3']
    before = stage.drops()
    stage.ask('block', tenant='red', **{'from': a.ip, 'to': b.ip})
    blocked = traffic.ping(a.ns, b.ip, count=5, timeout=0.5)
    blue = traffic.ping(stage.vms['blue1'].ns, stage.vms['blue2'].ip, count=5)
    after = stage.drops()
    stage.ask('unblock', tenant='red', **{'from': a.ip, 'to': b.ip})
    again = traffic.ping(a.ns, b.ip, count=5)
    counted = after.get(('h1', 'red', 'rule'), 0) - before.get(('h1', 'red', 'rule'), 0)
    report.say(stage.hosts[1].weft('drops', 'red', '--rules'))
    named = [row['packets'] for row in stage.hosts[1].json('drops', 'red', '--rules')
             if row.get('cookie') == hex(COOKIE_BLOCK)]
    report.claim('a rule blocks, and only red', blocked == 0 and blue == 5 and again == 5,
                 f'{blocked}/5, blue {blue}/5, {again}/5 when lifted')
    report.claim('the drop report counts each', counted == 5, f'5 probes, {counted} under "rule"')
    report.claim('and names the rule', named == [5], f'{named} by cookie {COOKIE_BLOCK:#x}')
