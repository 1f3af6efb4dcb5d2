# SPDX-License-Identifier: Apache-2.0
"""os-ken as the controller in OpenFlow 1.0, 1.3, 1.4 and 1.5: four controllers at once on one switch,
each of which programs it, gets its packets, reads its counters and hears of rules that went."""
import base64

import pytest
from os_ken.ofproto import ofproto_protocol

from lab import traffic
from lab.controller import Controller
from lab.wait import wait_until

NAMES = {1: '1.0', 4: '1.3', 5: '1.4', 6: '1.5'}
MACS = [None, *(f'02:00:00:00:00:{n:02x}' for n in (1, 2, 3))]


class Speaker:
    """A controller of one version, and what of a test's requests differs by version."""

    def __init__(self, lab, fabric, version):
        self.version = version
        self.dp = ofproto_protocol.ProtocolDesc(version=version)
        self.o, self.p = self.dp.ofproto, self.dp.ofproto_parser
        self.port = 6650 + version
        self.target = f'tcp:{fabric.address}:{self.port}'
        self.controller = Controller(lab, fabric.ns, self.port, name=f'controller-{NAMES[version]}',
                                     version=version)
        self.send = lambda *messages: self.controller.send(1, *messages)

    def match(self, **fields):
        if self.version == 1:
            names = {'eth_type': 'dl_type', 'ip_proto': 'nw_proto', 'udp_dst': 'tp_dst'}
            fields = {names.get(k, k): v for k, v in fields.items()}
        return self.p.OFPMatch(**fields)

    def udp(self, port):
        return self.match(eth_type=0x0800, ip_proto=17, udp_dst=port)

    def flow(self, match, out, command=0, **kw):
        actions = [self.p.OFPActionOutput(port, 0xffff) for port in out]
        if self.version == 1:
            kw.setdefault('cookie', 0)
            self.send(self.p.OFPFlowMod(self.dp, match, command=command, actions=actions, **kw))
            return
        apply = [self.p.OFPInstructionActions(self.o.OFPIT_APPLY_ACTIONS, actions)]
        self.send(self.p.OFPFlowMod(self.dp, match=match, command=command, instructions=apply,
                                    out_port=self.o.OFPP_ANY, out_group=self.o.OFPG_ANY, **kw))

    def packet_out(self, frame, port):
        actions = [self.p.OFPActionOutput(port, 0)]
        if self.version == 1:
            message = self.p.OFPPacketOut(self.dp, 0xffffffff, self.o.OFPP_NONE, actions, frame)
        elif self.version == 6:
            message = self.p.OFPPacketOut(self.dp, self.o.OFP_NO_BUFFER,
                                          self.p.OFPMatch(in_port=self.o.OFPP_CONTROLLER), actions,
                                          frame)
        else:
            message = self.p.OFPPacketOut(self.dp, self.o.OFP_NO_BUFFER, self.o.OFPP_CONTROLLER,
                                          actions, frame)
        self.send(message)

    def flows(self):
        """{cookie: (packets, bytes)}"""
        o, p = self.o, self.p
        if self.version == 1:
            ask = p.OFPFlowStatsRequest(self.dp, 0, p.OFPMatch(), 0xff, o.OFPP_NONE)
        else:
            kind = p.OFPFlowDescStatsRequest if self.version == 6 else p.OFPFlowStatsRequest
            ask = kind(self.dp, 0, o.OFPTT_ALL, o.OFPP_ANY, o.OFPG_ANY, 0, 0, p.OFPMatch())
        found = {}
        for reply in self.controller.request(1, ask):
            (body,) = reply.values()
            for (stats,) in (entry.values() for entry in body['body']):
                found[stats['cookie']] = self.counters(stats)
        return found

    def counters(self, stats):
        if self.version < 6:
            return stats['packet_count'], stats['byte_count']
        fields = {f['OXSTlv']['field']: f['OXSTlv']['value']
                  for f in stats['stats']['OFPStats']['oxs_fields']}
        return fields['packet_count'], fields['byte_count']

    def packet_in(self, text):
        return self.controller.expect(
            'OFPPacketIn', 1, wanted=lambda m: text in base64.b64decode(m['data']))


@pytest.fixture
def speakers(lab, fabric):
    return {version: Speaker(lab, fabric, version) for version in NAMES}


@pytest.fixture
def switch(hosts, speakers):
    host = hosts(1)
    host.tenant('red', dpid=1, controllers=[s.target for s in speakers.values()])
    for number in (1, 2, 3):
        host.vm('red', f'vm{number}', number, f'10.0.0.{number}/24', MACS[number])
    host.up()
    for speaker in speakers.values():
        speaker.controller.wait_switch(1)
    return host


def controllers(switch):
    """The sessions of the one switch, as the command line tells of them."""
    shown = switch.json('switch', 'show')
    return [c for c in shown[0]['controllers'] if c['state'] == 'connected']


def datagram(text, port=9):
    return bytes(traffic.udp_frame(MACS[1], MACS[2], '10.0.0.1', '10.0.0.2', dport=port) / text)


def test_each_controller_in_its_own_version(switch, speakers):
    """Each version forwards a datagram port of its own from vm1 to vm2, and sends another to itself."""
    vm1, vm2 = switch.vms['vm1'], switch.vms['vm2']
    assert {c['version'] for c in controllers(switch)} == set(NAMES.values())
    for version, s in speakers.items():
        s.flow(s.udp(version), [2], cookie=version, priority=20,
               flags=s.o.OFPFF_SEND_FLOW_REM)
        s.flow(s.udp(100 + version), [s.o.OFPP_CONTROLLER], cookie=100 + version, priority=20)
    # packets forwarded by the rule of each, and counted
    with vm1.raw() as source, vm2.raw() as sink:
        for version in speakers:
            frame = datagram(f'forwarded-{version}'.encode(), version)
            for _ in range(3):
                source.send(frame)
            assert len(sink.collect(0.5, lambda f, v=version: f'forwarded-{v}'.encode() in f)) == 3
    size = len(datagram(b'forwarded-1', 1))
    for version, s in speakers.items():
        counted = s.flows()
        assert set(counted) == {*speakers, *(100 + v for v in speakers)}, NAMES[version]
        assert all(counted[v] == (3, 3 * size) for v in speakers), NAMES[version]
    # packet-ins, to all; and packet-outs
    with vm1.raw() as source:
        for version in speakers:
            source.send(datagram(b'to-%d.' % version, 100 + version))
    for version, s in speakers.items():
        for other in speakers:
            message = s.packet_in(b'to-%d.' % other)
            assert base64.b64decode(message['data']) == datagram(b'to-%d.' % other, 100 + other)
    with vm2.raw() as sink:
        for version, s in speakers.items():
            frame = datagram(b'out-%d.' % version)
            s.packet_out(frame, 2)
            assert sink.expect(lambda f, v=version: b'out-%d.' % v in f) == frame
    # a rule that goes is told to all, with its counters
    for version, s in speakers.items():
        s.flow(s.udp(version), [], command=s.o.OFPFC_DELETE)
        for other in speakers.values():
            gone = other.controller.expect('OFPFlowRemoved', 1,
                                           wanted=lambda m, v=version: m['cookie'] == v)
            assert gone['reason'] == other.o.OFPRR_DELETE
            assert other.counters(gone) == (3, 3 * size)


def test_a_controller_of_1_0_is_told_of_misses(switch, speakers):
    """A switch without rules: to OpenFlow 1.0 every packet comes, whole; to later versions none."""
    with switch.vms['vm1'].raw() as source:
        source.send(datagram(b'nobody-knows' + b'.' * 600))
    message = speakers[1].packet_in(b'nobody-knows')
    assert message['reason'] == speakers[1].o.OFPR_NO_MATCH and message['in_port'] == 1
    assert len(base64.b64decode(message['data'])) == message['total_len']
    for version in (4, 5, 6):
        assert not [e for e in speakers[version].controller.events('OFPPacketIn')]


def test_timeouts_and_ports(switch, speakers):
    for version, s in speakers.items():
        s.flow(s.udp(version), [2], cookie=version, hard_timeout=1, priority=9,
               flags=s.o.OFPFF_SEND_FLOW_REM)
    for s in speakers.values():
        for version in speakers:
            gone = s.controller.expect('OFPFlowRemoved', 1,
                                       wanted=lambda m, v=version: m['cookie'] == v)
            assert gone['reason'] == s.o.OFPRR_HARD_TIMEOUT
    del switch.tenant_config('red')['ports'][2]
    switch.apply()
    for s in speakers.values():
        status = s.controller.expect('OFPPortStatus', 1,
                                     wanted=lambda m, s=s: m['reason'] == s.o.OFPPR_DELETE)
        desc = status['desc'].get('OFPPort') or status['desc'].get('OFPPhyPort')
        assert desc['port_no'] == 3


def test_one_master_for_all_versions(switch, speakers):
    """Whoever is master, of whatever version, the others are slaves and may not write."""
    def role(s, generation):
        args = [0] if s.version == 6 else []
        return s.p.OFPRoleRequest(s.dp, s.o.OFPCR_ROLE_MASTER, *args, generation)
    late = [speakers[v] for v in (4, 5, 6)]
    for s in late:
        others = [x for x in late if x is not s]
        for x in others:
            x.controller.request(1, x.p.OFPRoleRequest(
                x.dp, x.o.OFPCR_ROLE_SLAVE, *([0] if x.version == 6 else []), 10 * s.version))
        s.controller.request(1, role(s, 10 * s.version + 1))
        s.flow(s.udp(50), [2], cookie=s.version)
        roles = {c['version']: c['role'] for c in controllers(switch)}
        assert roles == {'1.0': 'equal', **{NAMES[x.version]: 'slave' for x in others},
                         NAMES[s.version]: 'master'}
        for x in others:
            with pytest.raises(Exception, match='OFPErrorMsg|type'):
                x.flow(x.udp(60), [2], cookie=99)
    assert 99 not in speakers[4].flows()
    wait_until(lambda: speakers[1].flows().keys() == {6}, 5, 'the rule of the last one')
