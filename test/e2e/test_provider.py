# SPDX-License-Identifier: Apache-2.0
"""A provider's switch: one bridge for many networks, whose rules set tun_id and tun_dst themselves."""
import base64

import pytest

from lab import traffic, tshark
from lab.controller import dp, of, proto
from lab.linuxvx import LinuxMetadataHost
from lab.ovs import OvsHost
from lab.wait import wait_until
from lab.weft import CommandError

VXLAN, NVGRE = 65001, 65002
MAC1, MAC2 = '02:00:00:00:00:01', '02:00:00:00:00:02'
IP1, IP2 = '10.0.0.1/24', '10.0.0.2/24'
CUSTOMERS = {'a': (1, 7001), 'b': (2, 7002)}  # port on either host, network


def customers(host, mac, address):
    """A VM of each customer, all with the same MAC and IP address."""
    return {name: host.vm('cloud', f'{name}{host.number}', port, address, mac)
            for name, (port, _) in CUSTOMERS.items()}


def connect(host, remote, tunnel=VXLAN, field='tun_dst', networks=CUSTOMERS):
    """Rules by which each customer's port and its network are one."""
    for port, network in networks.values():
        host.ofctl('cloud', 'add-flow', f'in_port={port},actions=set_field:{network}->tun_id,'
                   f'set_field:{remote}->{field},output:{tunnel}')
        host.ofctl('cloud', 'add-flow', f'in_port={tunnel},tun_id={network},actions=output:{port}')


def frame(text, to=MAC2):
    return traffic.udp_frame(MAC1, to, '10.0.0.1', '10.0.0.2') / text


def came(port, text, frames=1):
    """So many frames with the text, and no more."""
    for _ in range(frames):
        port.expect(lambda f: text in f, 5.0, f'{frames} times {text}')
    return not port.collect(0.1, lambda f: text in f)


def nothing(port, text):
    return not port.collect(0.1, lambda f: text in f)


def wait_drops(host, reason, packets, tenant='cloud'):
    wait_until(lambda: host.drops(tenant).get(reason, 0) == packets, 5,
               f'{packets} under {reason}: {host.drops(tenant)}')


@pytest.fixture
def two(hosts):
    """Two hosts, a provider on each, two customers with the same addresses."""
    built = [hosts(1), hosts(2)]
    for host in built:
        host.add_ipv6()
        host.provider('cloud', ['172.16.0.0/24', 'fd10:16::/64'], host.number, vnis=['7000-7999'],
                      vsids=['rest'])
    vms = customers(built[0], MAC1, IP1), customers(built[1], MAC2, IP2)
    for host in built:
        host.up()
    return (*built, *vms)


def test_customers_with_the_same_addresses_are_kept_apart_by_tun_id(two):
    h1, h2, here, there = two
    for tunnel, field in ((VXLAN, 'tun_dst'), (NVGRE, 'tun_dst'), (VXLAN, 'tun_ipv6_dst'),
                          (NVGRE, 'tun_ipv6_dst')):
        for host, peer in ((h1, h2), (h2, h1)):
            host.ofctl('cloud', 'del-flows')
            connect(host, peer.vtep6 if '6' in field else peer.vtep, tunnel, field)
        for name in CUSTOMERS:
            traffic.wait_ping(here[name].ns, '10.0.0.2')
            assert traffic.ping(here[name].ns, '10.0.0.2', count=5) == 5
        with here['a'].raw() as source, there['a'].raw() as mine, there['b'].raw() as others:
            for n in range(20):
                source.send(frame(f'of-a-{n:02}'))
            assert came(mine, b'of-a-', 20)
            assert nothing(others, b'of-a-')


def test_what_is_matched_moved_and_refused(two):
    """Fields as a controller uses them, and each way in which a packet can be the provider's no more."""
    h1, h2, here, there = two
    connect(h1, h2.vtep)
    connect(h2, h1.vtep)
    traffic.wait_ping(here['a'].ns, '10.0.0.2')
    # Another source, and masked networks; the network by way of registers, the VTEP by load.
    source_of_1 = f'tun_src={h1.vtep},tun_dst={h2.vtep}'
    h2.ofctl('cloud', 'add-flow', f'priority=40000,in_port={VXLAN},tun_id=0x1b58/0xfffff8,{source_of_1},'
             'actions=move:NXM_NX_TUN_ID[0..31]->NXM_NX_REG3[],resubmit(,7)')
    h2.ofctl('cloud', 'add-flow', 'table=7,reg3=7001,actions=output:1')
    h2.ofctl('cloud', 'add-flow', 'table=7,reg3=7002,actions=output:2')
    vtep2 = '0x' + ''.join(f'{int(part):02x}' for part in h2.vtep.split('.'))
    h1.ofctl('cloud', 'add-flow', 'priority=40000,in_port=1,actions=load:7001->NXM_NX_REG5[],'
             f'move:NXM_NX_REG5[]->NXM_NX_TUN_ID[0..31],load:{vtep2}->NXM_NX_TUN_IPV4_DST[],output:{VXLAN}')
    assert traffic.ping(here['a'].ns, '10.0.0.2', count=5) == 5
    assert traffic.ping(here['b'].ns, '10.0.0.2', count=5) == 5
    assert 'n_packets=0' not in h2.ofctl('cloud', 'dump-flows', 'table=7')
    # Not without a destination, not to strangers, not from another address, not into others' networks.
    refused = {'': 'no-tunnel-destination',
               f'set_field:{h1.vtep}->tun_dst,': 'no-tunnel-destination',
               'set_field:192.168.7.7->tun_dst,': 'foreign-vtep',
               f'set_field:{h2.vtep}->tun_dst,set_field:172.16.0.9->tun_src,': 'foreign-vtep',
               f'set_field:{h2.vtep}->tun_dst,set_field:6999->tun_id,': 'foreign-network',
               f'set_field:{h2.vtep}->tun_dst,set_field:0x1001b59->tun_id,': 'foreign-network'}
    before = h1.drops('cloud')
    capture = h1.fabric.capture('h1', 'refused')
    with here['a'].raw() as port:
        for setting in refused:
            h1.ofctl('cloud', 'add-flow', 'priority=50000,udp,in_port=1,actions=set_field:7001->tun_id,'
                     f'{setting}output:{VXLAN}')
            for _ in range(4):
                port.send(frame(b'never'))
            done = 4 * (list(refused).index(setting) + 1)
            wait_until(lambda: sum(h1.drops('cloud').get(reason, 0) - before.get(reason, 0)
                                   for reason in set(refused.values())) == done, 5, f'{done} refused')
    for reason in set(refused.values()):
        assert h1.drops('cloud').get(reason, 0) - before.get(reason, 0) == \
            4 * list(refused.values()).count(reason)
    assert tshark.count(capture.stop(), 'frame contains "never"') == 0
    # Back where it came from only by IN_PORT, and only to whom a rule has said.
    h2.ofctl('cloud', 'add-flow', f'priority=60000,udp,in_port={VXLAN},actions=output:{VXLAN}')
    h1.ofctl('cloud', 'add-flow', 'priority=50000,udp,in_port=1,actions=set_field:7001->tun_id,'
             f'set_field:{h2.vtep}->tun_dst,set_field:{h1.vtep}->tun_src,output:{VXLAN}')
    h1.ofctl('cloud', 'add-flow', f'priority=60000,udp,in_port={VXLAN},tun_id=7002,actions=output:2')
    with here['a'].raw() as port, here['b'].raw() as other:
        port.send(frame(b'there'))
        wait_drops(h2, 'input-port', 1)
        h2.ofctl('cloud', 'add-flow', f'priority=60000,udp,in_port={VXLAN},actions=set_field:7002->tun_id,'
                 f'set_field:{h1.vtep}->tun_dst,in_port')
        port.send(frame(b'and-back'))
        assert came(other, b'and-back')
    # NORMAL names no destination.
    h1.ofctl('cloud', 'add-flow', 'priority=60000,udp,in_port=1,actions=NORMAL')
    lost = h1.drops('cloud')['no-tunnel-destination']
    with here['a'].raw() as port, here['b'].raw() as other:
        port.send(frame(b'normal'))
        assert came(other, b'normal')
    wait_drops(h1, 'no-tunnel-destination', lost + 2)


def test_tenants_and_providers_are_apart(hosts):
    """Neither reaches the other's networks, whatever its rules say, and whatever comes from the wire."""
    h1, h2 = built = [hosts(1), hosts(2)]
    for host, peer in (built, reversed(built)):
        host.provider('cloud', ['any'], host.number, vnis=['rest'])
        host.tenant('red', vni=7001, vteps=[peer.vtep])
        host.switch('blue', vni=7003, vteps=[peer.vtep], dpid=0xb0 + host.number)
        host.vm('cloud', f'c{host.number}', 1, IP1 if host is h1 else IP2, MAC1 if host is h1 else MAC2)
        host.vm('red', f'r{host.number}', 1, IP1 if host is h1 else IP2, MAC1 if host is h1 else MAC2)
        host.vm('blue', f'b{host.number}', 1, IP1 if host is h1 else IP2, MAC1 if host is h1 else MAC2)
        host.up()
    c1, r2, c2, b1 = h1.vms['c1'], h2.vms['r2'], h2.vms['c2'], h1.vms['b1']
    networks = {'c': (1, 9000)}
    connect(h1, h2.vtep, networks=networks)
    connect(h2, h1.vtep, networks=networks)
    traffic.wait_ping(h1.vms['r1'].ns, '10.0.0.2')
    traffic.wait_ping(c1.ns, '10.0.0.2')
    # The provider into red's network: not even when red is away at the far end.
    h1.ofctl('cloud', 'add-flow', f'priority=40000,udp,in_port=1,actions=set_field:7001->tun_id,'
             f'set_field:{h2.vtep}->tun_dst,output:{VXLAN}')
    with c1.raw() as port, r2.raw() as red:
        for _ in range(6):
            port.send(frame(b'into-red'))
        wait_drops(h1, 'foreign-network', 6)
        assert nothing(red, b'into-red')
    # blue's rules into the provider's network: refused, as ever.
    for wrong in ('set_field:9000->tun_id', 'load:9000->NXM_NX_TUN_ID[]', 'set_field:1/1->tun_id',
                  'move:NXM_NX_REG0[]->NXM_NX_TUN_ID[0..31]'):
        with pytest.raises(RuntimeError, match='OFPBAC_EPERM'):
            h1.ofctl('blue', 'add-flow', f'in_port=1,actions={wrong},output:65000')
    h1.ofctl('blue', 'add-flow', f'in_port=1,actions=output:{VXLAN},output:{NVGRE}')
    with b1.raw() as port, c2.raw() as cloud:
        port.send(frame(b'from-blue'))
        wait_drops(h1, 'no-port', 1, 'blue')
        assert nothing(cloud, b'from-blue')
    # What the provider hears of red's network: nothing.
    h2.ofctl('cloud', 'add-flow', f'priority=50000,in_port={VXLAN},udp,actions=output:1')
    with h1.vms['r1'].raw() as port, c2.raw() as cloud, r2.raw() as red:
        port.send(frame(b'of-red'))
        assert came(red, b'of-red')
        assert nothing(cloud, b'of-red')
    # A new tenant takes a network out of the rest, at once and for the known ways of packets too.
    h1.ofctl('cloud', 'mod-flows', f'udp,in_port=1,actions=set_field:9500->tun_id,set_field:{h2.vtep}->tun_dst,'
             f'output:{VXLAN}')
    with c1.raw() as port, c2.raw() as cloud:
        for _ in range(6):
            port.send(frame(b'still-ours'))
        assert came(cloud, b'still-ours', 6)
        for host in (h1, h2):
            host.tenant('green', vni=9500, vteps=[])
            host.apply()
        for _ in range(6):
            port.send(frame(b'not-ours'))
        wait_drops(h1, 'foreign-network', 12)
        assert nothing(cloud, b'not-ours')
        h1.config['tenants'].pop()
        h1.apply()  # the network is the rest's again here, but green's there
        port.send(frame(b'one-sided'))
        wait_until(lambda: h2.drops('green').get('unknown-vtep') == 1, 5, 'green refuses the stranger')
        assert nothing(cloud, b'one-sided')


def test_open_vswitch_and_linux_are_peers(lab, fabric, hosts):
    """Open vSwitch's flow-based tunnel port, rules like ours; and Linux, whose routes say VNI and VTEP."""
    ovs, linux = OvsHost(lab, fabric, 2), LinuxMetadataHost(lab, fabric, 3)
    weft = hosts(1)
    weft.provider('cloud', [ovs.vtep, linux.vtep], 1, vnis=['7000-7009'])
    here = customers(weft, MAC1, IP1)
    third = weft.vm('cloud', 'c1', 3, IP1, MAC1)
    weft.up()
    there = {name: ovs.vm(f'{name}2', IP2, MAC2) for name in CUSTOMERS}
    ovs.vsctl('add-port', 'br-int', 'vx0', '--', 'set', 'interface', 'vx0', 'type=vxlan',
              'options:remote_ip=flow', 'options:key=flow', 'ofport_request=100')
    ovs.ofctl('del-flows', 'br-int')
    for name, (_, network) in CUSTOMERS.items():
        ovs.ofctl('add-flow', 'br-int', f'in_port=p-{name}2,actions=set_field:{network}->tun_id,'
                  f'set_field:{weft.vtep}->tun_dst,output:vx0')
        ovs.ofctl('add-flow', 'br-int', f'in_port=vx0,tun_id={network},tun_src={weft.vtep},'
                  f'actions=output:p-{name}2')
    connect(weft, ovs.vtep)
    connect(weft, linux.vtep, networks={'c': (3, 7003)})
    for name in CUSTOMERS:
        traffic.wait_ping(here[name].ns, '10.0.0.2', 15)
        assert traffic.ping(here[name].ns, '10.0.0.2', count=5) == 5
    with here['b'].raw() as source, there['b'].raw('eth0') as mine, there['a'].raw('eth0') as others:
        source.send(frame(b'of-b'))
        assert came(mine, b'of-b')
        assert nothing(others, b'of-b')
    linux.reach('10.0.0.1', MAC1, 7003, weft.vtep)
    third.ns.neighbour('eth0', linux.address, linux.mac)
    traffic.wait_ping(third.ns, linux.address)
    assert traffic.ping(third.ns, linux.address, count=5) == 5


def test_packets_to_and_from_the_controller(two, controller, controller_target):
    """Packet-ins say which tunnel it was, packet-outs which tunnel it shall be; for os-ken."""
    h1, h2, here, there = two
    h1.tenant_config('cloud')['switch']['controllers'].append(controller_target)
    h1.apply()
    controller.wait_switch(1)
    connect(h1, h2.vtep)
    connect(h2, h1.vtep)
    traffic.wait_ping(here['b'].ns, '10.0.0.2')
    controller.flow(1, of.OFPMatch(in_port=VXLAN, tunnel_id=7002, tun_ipv4_src=h2.vtep), [
        of.OFPActionOutput(proto.OFPP_CONTROLLER, proto.OFPCML_NO_BUFFER)], priority=50000)
    with there['b'].raw() as port:
        port.send(frame(b'to-whom-it-may-concern', MAC1))
    message = controller.expect('OFPPacketIn', 1,
                                wanted=lambda m: b'concern' in base64.b64decode(m['data']))
    fields = {tlv['OXMTlv']['field']: tlv['OXMTlv']['value']
              for tlv in message['match']['OFPMatch']['oxm_fields']}
    assert fields == {'in_port': VXLAN, 'tunnel_id': 7002, 'tun_ipv4_src': h2.vtep,
                      'tun_ipv4_dst': h1.vtep}
    out = of.OFPPacketOut(
        dp, proto.OFP_NO_BUFFER, proto.OFPP_CONTROLLER,
        [of.OFPActionSetField(tunnel_id=7002), of.OFPActionSetField(tun_ipv4_dst=h2.vtep),
         of.OFPActionOutput(VXLAN)], bytes(frame(b'from-the-controller')))
    with there['a'].raw() as other, there['b'].raw() as port:
        controller.send(1, out)
        assert came(port, b'from-the-controller')
        assert nothing(other, b'from-the-controller')


def test_what_is_forwarded_outlives_the_agent_and_changes_by_apply(two):
    h1, h2, here, _ = two
    for host, peer in ((h1, h2), (h2, h1)):
        connect(host, peer.vtep)
    traffic.wait_ping(here['a'].ns, '10.0.0.2')
    assert h2.vtep in h1.weft('vtep')
    assert next(row['headers'] for row in h1.json('mtu') if row.get('vtep') == h2.vtep) == 50
    with here['a'].raw() as source, two[3]['a'].raw() as sink:
        stream = traffic.Stream(source, sink, traffic.udp_frame(MAC1, MAC2, '10.0.0.1', '10.0.0.2'))
        stream.wait_flowing()
        h1.agent.kill()
        stream.wait_flowing()
        h1.start_agent()
        h1.wait_ready()
        stream.wait_flowing()
        lost, twice = stream.stop()
    assert not lost and not twice
    assert h2.vtep in h1.weft('vtep')
    # Networks and peers change while packets flow; what is refused, at whatever point, changes nothing.
    entry = h1.tenant_config('cloud')
    entry['vnis'] = ['7002']
    entry['ports'].append({'name': 'c1', 'number': 9, 'kind': 'af_packet', 'device': 'absent'})
    with pytest.raises(CommandError, match='c1'):
        h1.apply()
    entry['ports'].pop()
    assert traffic.ping(here['a'].ns, '10.0.0.2', count=3) == 3
    assert '~ provider cloud: vni 7002, vsid rest' in h1.apply()
    assert traffic.ping(here['b'].ns, '10.0.0.2', count=3) == 3
    refused = h1.drops('cloud').get('foreign-network', 0)
    assert traffic.ping(here['a'].ns, '10.0.0.2', count=2) == 0
    assert h1.drops('cloud')['foreign-network'] > refused
    entry['vnis'] = ['7000-7999']
    red = h1.tenant('red', vni=7001, vteps=[])
    with pytest.raises(CommandError, match=r"tenants\[0\]\.vnis\[0\]: 7001 is tenant red's"):
        h1.apply()
    h1.config['tenants'].remove(red)
    h1.apply()
    assert traffic.ping(here['a'].ns, '10.0.0.2', count=3) == 3
    # Who is no peer any more is neither heard nor sent to, and forgotten.
    entry['peers'] = ['172.16.0.128/25']
    assert f'- vtep cloud {h2.vtep}' in h1.apply()
    assert traffic.ping(here['a'].ns, '10.0.0.2', count=2) == 0
    assert h1.drops('cloud')['foreign-vtep'] > 0
    with two[3]['a'].raw() as port:
        port.send(frame(b'stranger', MAC1))
        wait_until(lambda: h1.drops('cloud').get('unknown-vtep', 0) > 0, 5, 'unknown-vtep')
    # And a VTEP that is not used for its age is forgotten, too, and found again.
    entry.update(peers=['172.16.0.0/24'], vtep_age=1)
    h1.apply()
    traffic.wait_ping(here['b'].ns, '10.0.0.2')
    assert h2.vtep in h1.weft('vtep')
    wait_until(lambda: h2.vtep not in h1.weft('vtep'), 20, 'the VTEP is forgotten')
    traffic.wait_ping(here['b'].ns, '10.0.0.2')
