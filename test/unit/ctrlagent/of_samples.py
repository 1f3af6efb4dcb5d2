# SPDX-License-Identifier: Apache-2.0
"""OpenFlow messages as os-ken makes them: one or more of every kind that a controller sends."""
import importlib

from os_ken.ofproto import ofproto_protocol

VERSIONS = {1: '1_0', 4: '1_3', 5: '1_4', 6: '1_5'}

MATCHES = [
    {},
    {'in_port': 1, 'in_phy_port': 2, 'metadata': (0x1200, 0xff00)},
    {'eth_dst': ('01:00:00:00:00:00', '01:00:00:00:00:00'), 'eth_src': '02:00:00:00:00:01'},
    {'vlan_vid': 0x1064, 'vlan_pcp': 5},
    {'vlan_vid': (0x1000, 0x1000)},
    {'vlan_vid': 0},
    {'eth_type': 0x800, 'ip_dscp': 46, 'ip_ecn': 2, 'ip_proto': 6, 'ipv4_src': '10.0.0.1',
     'ipv4_dst': ('10.1.0.0', '255.255.0.0'), 'tcp_src': 80, 'tcp_dst': 443, 'tcp_flags': (2, 0x12)},
    {'eth_type': 0x800, 'ip_proto': 17, 'udp_src': 53, 'udp_dst': 4789},
    {'eth_type': 0x86dd, 'ip_proto': 132, 'sctp_src': 1, 'sctp_dst': 2, 'ipv6_src': 'fe80::1',
     'ipv6_dst': ('ff02::', 'ffff::'), 'ipv6_flabel': 0xbeef5, 'ipv6_exthdr': (1, 0x1ff & 3)},
    {'eth_type': 0x800, 'ip_proto': 1, 'icmpv4_type': 8, 'icmpv4_code': 0},
    {'eth_type': 0x806, 'arp_op': 2, 'arp_spa': '10.0.0.1', 'arp_tpa': '10.0.0.2',
     'arp_sha': '02:00:00:00:00:01', 'arp_tha': '02:00:00:00:00:02'},
    {'eth_type': 0x86dd, 'ip_proto': 58, 'icmpv6_type': 135, 'icmpv6_code': 0,
     'ipv6_nd_target': 'fe80::2', 'ipv6_nd_sll': '02:00:00:00:00:03'},
    {'eth_type': 0x86dd, 'ip_proto': 58, 'icmpv6_type': 136, 'ipv6_nd_tll': '02:00:00:00:00:04'},
    {'eth_type': 0x8847, 'mpls_label': 0xabcde, 'mpls_tc': 3, 'mpls_bos': 1},
    {'eth_type': 0x88e7, 'pbb_isid': (0x123456, 0xffffff)},
    {'tunnel_id': 5000, 'tun_ipv4_src': '192.168.1.1', 'tun_ipv4_dst': '192.168.1.2'},
    {'tun_ipv6_src': '2001:db8::1', 'tun_ipv6_dst': '2001:db8::2', 'actset_output': 3},
]


class Version:
    """os-ken's constants (ofp), classes (p) and a datapath of one version; and the samples of 1.3."""

    def __init__(self, wire):
        self.wire = wire
        self.ofp = importlib.import_module(f'os_ken.ofproto.ofproto_v{VERSIONS[wire]}')
        self.p = importlib.import_module(f'os_ken.ofproto.ofproto_v{VERSIONS[wire]}_parser')
        self.dp = ofproto_protocol.ProtocolDesc(version=wire)

    def match_bytes(self, match):
        """As the codec's `match` command takes it."""
        buf = bytearray()
        match.serialize(buf, 0)
        return bytes(buf[4:int.from_bytes(buf[2:4], 'big')])

    def matches(self):
        return [self.p.OFPMatch(**m) for m in MATCHES]

    def actions(self):
        p, ofp = self.p, self.ofp
        return [
            p.OFPActionOutput(ofp.OFPP_CONTROLLER, 128), p.OFPActionOutput(7, 0),
            p.OFPActionCopyTtlOut(), p.OFPActionCopyTtlIn(), p.OFPActionSetMplsTtl(64),
            p.OFPActionDecMplsTtl(), p.OFPActionPushVlan(0x88a8), p.OFPActionPopVlan(),
            p.OFPActionPushMpls(0x8847), p.OFPActionPopMpls(0x800), p.OFPActionSetQueue(3),
            p.OFPActionGroup(9), p.OFPActionSetNwTtl(5), p.OFPActionDecNwTtl(),
            p.OFPActionPushPbb(0x88e7), p.OFPActionPopPbb(),
            p.OFPActionSetField(vlan_vid=0x1005), p.OFPActionSetField(ipv6_dst='fe80::7'),
            p.OFPActionSetField(eth_src='02:00:00:00:00:09'), p.OFPActionSetField(tunnel_id=77),
            p.OFPActionSetField(tun_ipv4_dst='192.168.1.2'), p.OFPActionSetField(ip_dscp=10),
            p.OFPActionSetField(mpls_label=0x12345), p.OFPActionSetField(pbb_isid=0x123456),
        ]

    def instructions(self):
        p, ofp = self.p, self.ofp
        return ([p.OFPInstructionMeter(4)] if self.wire < 6 else []) + [
            p.OFPInstructionActions(ofp.OFPIT_APPLY_ACTIONS, self.actions()),
            p.OFPInstructionActions(ofp.OFPIT_CLEAR_ACTIONS, []),
            p.OFPInstructionActions(ofp.OFPIT_WRITE_ACTIONS, [p.OFPActionOutput(1, 0)]),
            p.OFPInstructionWriteMetadata(0x1122334455667788, 0xff00ff00ff00ff00),
            p.OFPInstructionGotoTable(9),
        ]

    def bands(self):
        p = self.p
        return [p.OFPMeterBandDrop(1000, 64), p.OFPMeterBandDscpRemark(2000, 128, 1)]

    def buckets(self):
        p, ofp = self.p, self.ofp
        return [p.OFPBucket(50, ofp.OFPP_ANY, ofp.OFPG_ANY, self.actions()),
                p.OFPBucket(1, 2, 3, [p.OFPActionOutput(2)]), p.OFPBucket(0, 1, 0xffffffff, [])]

    def table_features(self):
        p, ofp = self.p, self.ofp
        ids = [p.OFPInstructionId(t) for t in (1, 2, 3, 4, 5, 6)]
        acts = [p.OFPActionId(t) for t in (0, 17, 18, 22, 25)]
        oxms = [p.OFPOxmId('in_port', False), p.OFPOxmId('eth_dst', True), p.OFPOxmId('tcp_flags', True)]
        own = {'config': 3} if self.wire < 6 else {'capabilities': 12}
        if self.wire > 5:
            own.update(command=0, features=1)
        return [p.OFPTableFeaturesStats(
            table_id=3, name=b'classify', metadata_match=0xff, metadata_write=0xf0, **own,
            max_entries=1000000, properties=[
                p.OFPTableFeaturePropInstructions(ofp.OFPTFPT_INSTRUCTIONS, ids),
                p.OFPTableFeaturePropInstructions(ofp.OFPTFPT_INSTRUCTIONS_MISS, ids[:1]),
                p.OFPTableFeaturePropNextTables(ofp.OFPTFPT_NEXT_TABLES, [4, 5, 6]),
                p.OFPTableFeaturePropNextTables(ofp.OFPTFPT_NEXT_TABLES_MISS, []),
                p.OFPTableFeaturePropActions(ofp.OFPTFPT_WRITE_ACTIONS, acts),
                p.OFPTableFeaturePropActions(ofp.OFPTFPT_APPLY_ACTIONS_MISS, acts[:2]),
                p.OFPTableFeaturePropOxm(ofp.OFPTFPT_MATCH, oxms),
                p.OFPTableFeaturePropOxm(ofp.OFPTFPT_WILDCARDS, oxms[:1]),
                p.OFPTableFeaturePropOxm(ofp.OFPTFPT_APPLY_SETFIELD, oxms[1:2])])]

    def flow_mods(self):
        p = self.p
        return [p.OFPFlowMod(self.dp, cookie=n, cookie_mask=~n & 0xff, table_id=n, command=n % 5,
                             idle_timeout=n + 1, hard_timeout=n + 2, priority=n + 3,
                             buffer_id=0xffffffff, out_port=n + 4, out_group=n + 5, flags=1 << n % 5,
                             match=m, instructions=self.instructions() if n % 2 else [])
                for n, m in enumerate(self.matches())]

    def symmetric(self):
        """The same in 1.3 to 1.5."""
        p, ofp, dp, match = self.p, self.ofp, self.dp, self.matches()[6]
        return self.flow_mods() + [
            p.OFPHello(dp),
            p.OFPErrorMsg(dp, 4, 9, b'the offending bytes'), p.OFPEchoRequest(dp, b'ping'),
            p.OFPEchoReply(dp, b''), p.OFPExperimenter(dp, 0x2320, 77, b'data'),
            p.OFPFeaturesRequest(dp), p.OFPGetConfigRequest(dp), p.OFPSetConfig(dp, 1, 0xffff),
            p.OFPBarrierRequest(dp), p.OFPGetAsyncRequest(dp), p.OFPMeterMod(dp, 0, 5, 4, self.bands()),
            p.OFPGroupMod(dp, 0, ofp.OFPGT_SELECT, 9, buckets=self.buckets()),
            p.OFPGroupMod(dp, ofp.OFPGC_DELETE, 0, ofp.OFPG_ALL, buckets=[]),
            p.OFPDescStatsRequest(dp, 0),
            p.OFPFlowStatsRequest(dp, 0, 1, 2, 3, 4, 5, match),
            p.OFPAggregateStatsRequest(dp, 0, 0xff, 0xffffffff, 0xffffffff, 6, 7, match),
            p.OFPTableStatsRequest(dp, 0), p.OFPPortStatsRequest(dp, 0, 9),
            p.OFPQueueStatsRequest(dp, 0, 8, 7), p.OFPGroupStatsRequest(dp, 0, 6),
            p.OFPGroupDescStatsRequest(dp, 0), p.OFPGroupFeaturesStatsRequest(dp, 0),
            p.OFPMeterStatsRequest(dp, 0, 5),
            p.OFPMeterFeaturesStatsRequest(dp, 0), p.OFPPortDescStatsRequest(dp, 0),
            p.OFPTableFeaturesStatsRequest(dp, 0, self.table_features()),
            p.OFPTableFeaturesStatsRequest(dp, 1, []),
            p.OFPExperimenterStatsRequest(dp, 0, 0x2320, 5, b'bodybody'),
        ]

    def messages(self):
        p, ofp, dp = self.p, self.ofp, self.dp
        return self.symmetric() + [
            p.OFPPacketOut(dp, ofp.OFP_NO_BUFFER, ofp.OFPP_CONTROLLER, self.actions(), b'\x01' * 60),
            p.OFPPacketOut(dp, 5, 2, [], None),
            p.OFPPortMod(dp, 3, '02:00:00:00:00:05', 1, 0x65, 0x2820), p.OFPTableMod(dp, 255, 3),
            p.OFPQueueGetConfigRequest(dp, 6), p.OFPRoleRequest(dp, 2, 0x1122334455667788),
            p.OFPSetAsync(dp, [7, 3], [7, 0], [15, 8]), p.OFPMeterConfigStatsRequest(dp, 0, 4),
        ]

    def serialized(self):
        """(name, message, bytes) of each."""
        for i, message in enumerate(self.messages()):
            message.xid = 0x1000 + i
            message.serialize()
            yield f'{i:02d}-{type(message).__name__}', message, bytes(message.buf)
