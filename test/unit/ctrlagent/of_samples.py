# SPDX-License-Identifier: Apache-2.0
"""OpenFlow 1.3 messages as os-ken makes them: one or more of every kind that a controller sends."""
from os_ken.ofproto import ofproto_protocol
from os_ken.ofproto import ofproto_v1_3 as ofp
from os_ken.ofproto import ofproto_v1_3_parser as p

DP = ofproto_protocol.ProtocolDesc(version=ofp.OFP_VERSION)

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


def actions():
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


def instructions():
    return [
        p.OFPInstructionMeter(4), p.OFPInstructionActions(ofp.OFPIT_APPLY_ACTIONS, actions()),
        p.OFPInstructionActions(ofp.OFPIT_CLEAR_ACTIONS, []),
        p.OFPInstructionActions(ofp.OFPIT_WRITE_ACTIONS, [p.OFPActionOutput(1, 0)]),
        p.OFPInstructionWriteMetadata(0x1122334455667788, 0xff00ff00ff00ff00),
        p.OFPInstructionGotoTable(9),
    ]


def bands():
    return [p.OFPMeterBandDrop(1000, 64), p.OFPMeterBandDscpRemark(2000, 128, 1)]


def buckets():
    return [p.OFPBucket(50, ofp.OFPP_ANY, ofp.OFPG_ANY, actions()),
            p.OFPBucket(1, 2, 3, [p.OFPActionOutput(2)]), p.OFPBucket(0, 1, 0xffffffff, [])]


def table_features():
    ids = [p.OFPInstructionId(t) for t in (1, 2, 3, 4, 5, 6)]
    acts = [p.OFPActionId(t) for t in (0, 17, 18, 22, 25)]
    oxms = [p.OFPOxmId('in_port', False), p.OFPOxmId('eth_dst', True), p.OFPOxmId('tcp_flags', True)]
    return [p.OFPTableFeaturesStats(
        table_id=3, name=b'classify', metadata_match=0xff, metadata_write=0xf0, config=3,
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


def messages():
    match = p.OFPMatch(**MATCHES[6])
    flow_mods = [p.OFPFlowMod(DP, cookie=n, cookie_mask=~n & 0xff, table_id=n, command=n % 5,
                              idle_timeout=n + 1, hard_timeout=n + 2, priority=n + 3,
                              buffer_id=0xffffffff, out_port=n + 4, out_group=n + 5, flags=1 << n % 5,
                              match=p.OFPMatch(**m), instructions=instructions() if n % 2 else [])
                 for n, m in enumerate(MATCHES)]
    return flow_mods + [
        p.OFPHello(DP),
        p.OFPErrorMsg(DP, 4, 9, b'the offending bytes'), p.OFPEchoRequest(DP, b'ping'),
        p.OFPEchoReply(DP, b''), p.OFPExperimenter(DP, 0x2320, 77, b'data'),
        p.OFPFeaturesRequest(DP), p.OFPGetConfigRequest(DP), p.OFPSetConfig(DP, 1, 0xffff),
        p.OFPPacketOut(DP, ofp.OFP_NO_BUFFER, ofp.OFPP_CONTROLLER, actions(), b'\x01' * 60),
        p.OFPPacketOut(DP, 5, 2, [], None), p.OFPGroupMod(DP, 0, ofp.OFPGT_SELECT, 9, buckets()),
        p.OFPGroupMod(DP, ofp.OFPGC_DELETE, 0, ofp.OFPG_ALL, []),
        p.OFPPortMod(DP, 3, '02:00:00:00:00:05', 1, 0x65, 0x2820),
        p.OFPTableMod(DP, 255, 3), p.OFPBarrierRequest(DP), p.OFPQueueGetConfigRequest(DP, 6),
        p.OFPRoleRequest(DP, 2, 0x1122334455667788), p.OFPGetAsyncRequest(DP),
        p.OFPSetAsync(DP, [7, 3], [7, 0], [15, 8]), p.OFPMeterMod(DP, 0, 5, 4, bands()),
        p.OFPDescStatsRequest(DP, 0),
        p.OFPFlowStatsRequest(DP, 0, 1, 2, 3, 4, 5, match),
        p.OFPAggregateStatsRequest(DP, 0, 0xff, 0xffffffff, 0xffffffff, 6, 7, match),
        p.OFPTableStatsRequest(DP, 0), p.OFPPortStatsRequest(DP, 0, 9),
        p.OFPQueueStatsRequest(DP, 0, 8, 7), p.OFPGroupStatsRequest(DP, 0, 6),
        p.OFPGroupDescStatsRequest(DP, 0), p.OFPGroupFeaturesStatsRequest(DP, 0),
        p.OFPMeterStatsRequest(DP, 0, 5), p.OFPMeterConfigStatsRequest(DP, 0, 4),
        p.OFPMeterFeaturesStatsRequest(DP, 0), p.OFPPortDescStatsRequest(DP, 0),
        p.OFPTableFeaturesStatsRequest(DP, 0, table_features()),
        p.OFPTableFeaturesStatsRequest(DP, 1, []),
        p.OFPExperimenterStatsRequest(DP, 0, 0x2320, 5, b'bodybody'),
    ]


def serialized():
    """(name, message, bytes) of each."""
    for i, message in enumerate(messages()):
        message.xid = 0x1000 + i
        message.serialize()
        yield f'{i:02d}-{type(message).__name__}', message, bytes(message.buf)
