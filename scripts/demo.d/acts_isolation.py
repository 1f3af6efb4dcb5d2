# SPDX-License-Identifier: Apache-2.0
"""Acts about what must not work: red never reaches blue, nor does the underlay reach either."""
import os

from scapy.layers.inet import IP, UDP
from scapy.layers.l2 import ARP, GRE, Ether
from scapy.layers.vxlan import VXLAN

from acts_traffic import nvgre_is
from lab import tshark, traffic
from stage import BLUE_VSID, RED_VNI, mac

PROBES = 20
BROADCAST = 'ff:ff:ff:ff:ff:ff'


def probes_of(source, tag):
    """Every way to knock at an address that the tenant does not have: .4 is blue's alone, .3 red's."""
    foreign = 4 if source.tenant == 'red' else 3
    ip = f'10.0.0.{foreign}'
    arp = Ether(src=source.mac, dst=BROADCAST) / \
        ARP(op=1, hwsrc=source.mac, psrc=source.ip, pdst=ip) / tag
    unicast = Ether(src=source.mac, dst=mac(foreign)) / IP(src=source.ip, dst=ip) / \
        UDP(sport=1, dport=7, chksum=0) / tag
    multicast = Ether(src=source.mac, dst='01:00:5e:00:00:fb') / IP(src=source.ip, dst='224.0.0.251') / \
        UDP(sport=1, dport=7, chksum=0) / tag
    # A frame that is itself VXLAN or NVGRE for the other tenant's network: only payload to the switch.
    nested = Ether(src=source.mac, dst=mac(2)) / IP(src=source.ip, dst='10.0.0.2')
    if source.tenant == 'red':
        nested /= GRE(proto=0x6558, key_present=1, key=BLUE_VSID << 8) / unicast
    else:
        nested /= UDP(sport=1, dport=4789, chksum=0) / VXLAN(vni=RED_VNI, flags=8) / unicast
    return [arp, unicast, multicast, nested]


def red_never_reaches_blue(stage, report):
    report.chapter('Red never reaches blue', f'''
        From each tenant, {PROBES} probes of each kind: ARP for an address that only the other has,
        unicast to a MAC that only the other has, multicast, and frames that are themselves
        encapsulated for the other's network. Each bears a secret; every VM of the other tenant
        listens, and the underlay is captured.''')
    captures = [stage.fabric.capture(host.label, f'isolation-{host.label}')
                for host in stage.hosts.values()]
    secrets, pings = {}, {}
    for tenant, foreign in (('red', '10.0.0.4'), ('blue', '10.0.0.3')):
        pings[tenant] = traffic.ping(stage.vms[f'{tenant}1'].ns, foreign, count=3, timeout=0.5)
        secrets[tenant] = _knock(stage, report, tenant)
    pcaps = [capture.stop() for capture in captures]
    report.claim('ping to the other tenant', not any(pings.values()),
                 f'{pings["red"]}/3 from red, {pings["blue"]}/3 from blue')
    _read_underlay(report, pcaps, secrets)
    answer = stage.ask('trespass', tenant='red', tunnel_id=BLUE_VSID)
    report.claim("a controller cannot name another's network", len(answer['refused']) == 2,
                 f'{len(answer["refused"])} of {answer["asked"]} switches refused')


def _knock(stage, report, tenant):
    """Sends the probes of one tenant; returns their secret."""
    source = stage.vms[f'{tenant}1']
    secret = b'weft-secret-' + os.urandom(8).hex().encode()
    strangers = [vm.raw() for vm in stage.vms.values() if vm.tenant != tenant]
    friends = [vm.raw() for vm in stage.vms.values() if vm.tenant == tenant and vm is not source]
    before = stage.drops()
    with source.raw() as port:
        for probe in probes_of(source, secret):
            for _ in range(PROBES):
                port.send(probe)
    seen_by_friends = sum(len(p.collect(0.5, lambda f: secret in f)) for p in friends)
    seen_by_strangers = sum(len(p.collect(0.3, lambda f: secret in f)) for p in strangers)
    for port in strangers + friends:
        port.close()
    died = stage.drops().get(('h1', tenant, 'rule'), 0) - before.get(('h1', tenant, 'rule'), 0)
    other = 'blue' if tenant == 'red' else 'red'
    sent = PROBES * len(probes_of(source, secret))
    report.claim(f'{tenant} never reaches {other}', seen_by_strangers == 0 and seen_by_friends > 0,
                 f'{sent} probes, {seen_by_strangers} arrived')
    # ARP and multicast reach the tenant's own VMs, nested ones their addressee; the unicast died.
    report.claim(f'{tenant}: the dead are explained', died == PROBES,
                 f'{PROBES} to a MAC unknown in {tenant}, {died} under "rule"')
    return secret


def _read_underlay(report, pcaps, secrets):
    wrong = right = 0
    for pcap in pcaps:
        for tenant, secret in secrets.items():
            own = f'vxlan.vni == {RED_VNI}' if tenant == 'red' else nvgre_is(BLUE_VSID)
            has = f'frame contains "{secret.decode()}"'
            right += tshark.count(pcap, f'{has} && ({own})')
            wrong += tshark.count(pcap, f'{has} && !({own})')
    report.claim('the underlay, read by tshark', wrong == 0 and right > 0,
                 f'{right} probes in their own network, {wrong} elsewhere')


def underlay_intruder(stage, report):
    report.chapter('An intruder on the underlay', f'''
        A machine of the underlay that is no VTEP sends encapsulated frames to h1: {PROBES} with red's
        VNI, {PROBES} with a VNI that nobody has, {PROBES} without the I flag. None may reach a VM, and
        the drop report must tell them apart.''')
    target, host = stage.vms['red1'], stage.hosts[1]
    inner = Ether(src=mac(2), dst=target.mac) / IP(src='10.0.0.2', dst=target.ip) / \
        UDP(sport=1, dport=7, chksum=0) / b'weft-intruder'
    outer = Ether(src=stage.fabric.ns.mac('fabric'), dst=host.ns.mac('eth0')) / \
        IP(src=stage.fabric.address, dst=host.vtep) / UDP(sport=50000, dport=4789, chksum=0)
    frames = {'unknown-vtep': outer / VXLAN(vni=RED_VNI, flags=8) / inner,
              'unknown-network': outer / VXLAN(vni=0xabcdef, flags=8) / inner,
              'vxlan-no-vni': outer / VXLAN(vni=RED_VNI, flags=0) / inner}
    before = _by_reason(stage)
    with stage.fabric.ns.raw('fabric') as port, target.raw() as victim:
        for frame in frames.values():
            for _ in range(PROBES):
                port.send(frame)
        arrived = len(victim.collect(0.7, lambda f: b'weft-intruder' in f))
    after = _by_reason(stage)
    report.claim('an intruder reaches nobody', arrived == 0, f'{arrived} of {3 * PROBES} arrived')
    for reason in frames:
        counted = after.get(reason, 0) - before.get(reason, 0)
        report.claim(f'the report says {reason}', counted == PROBES, f'{PROBES} sent, {counted} counted')


def _by_reason(stage):
    """{reason: packets} on host h1, over all tenants and none."""
    total = {}
    for (host, _, reason), packets in stage.drops().items():
        if host == 'h1':
            total[reason] = total.get(reason, 0) + packets
    return total
