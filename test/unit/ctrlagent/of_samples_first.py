# SPDX-License-Identifier: Apache-2.0
"""Samples of OpenFlow 1.0, see of_samples.py."""
import of_samples

MATCHES = [
    {},
    {'in_port': 3, 'dl_src': b'\2\0\0\0\0\1', 'dl_dst': b'\2\0\0\0\0\2'},
    {'in_port': 0xfffe, 'dl_vlan': 0xffff},
    {'dl_vlan': 100, 'dl_vlan_pcp': 5},
    {'dl_type': 0x800, 'nw_src': 0x0a000001, 'nw_dst': 0x0a010000, 'nw_dst_mask': 16, 'nw_tos': 184},
    {'dl_type': 0x800, 'nw_proto': 6, 'tp_src': 80, 'tp_dst': 443},
    {'dl_type': 0x800, 'nw_proto': 17, 'tp_dst': 53},
    {'dl_type': 0x800, 'nw_proto': 1, 'tp_src': 8, 'tp_dst': 0},
    {'dl_type': 0x806, 'nw_proto': 2, 'nw_src': 0x0a000001},
]


class Version10(of_samples.Version):
    def __init__(self):
        super().__init__(1)

    def matches(self):
        return [self.p.OFPMatch(**m) for m in MATCHES]

    def actions(self):
        p = self.p
        return [p.OFPActionOutput(7, 128), p.OFPActionOutput(0xfffd, 0xffff), p.OFPActionVlanVid(100),
                p.OFPActionVlanPcp(3), p.OFPActionStripVlan(), p.OFPActionSetDlSrc('02:00:00:00:00:03'),
                p.OFPActionSetDlDst('02:00:00:00:00:04'), p.OFPActionSetNwSrc(0x0a000005),
                p.OFPActionSetNwDst(0x0a000006), p.OFPActionSetNwTos(184), p.OFPActionSetTpSrc(1024),
                p.OFPActionSetTpDst(2048), p.OFPActionEnqueue(4, 5)]

    def messages(self):
        p, dp, match = self.p, self.dp, self.matches()[5]
        return [p.OFPFlowMod(dp, m, 0x1122334455667788, n % 5, n + 1, n + 2, n + 3, 0xffffffff, n + 4, 1,
                             self.actions() if n % 2 else [])
                for n, m in enumerate(self.matches())] + [
            p.OFPHello(dp), p.OFPErrorMsg(dp, 3, 1, b'x' * 64), p.OFPEchoRequest(dp, b'ping'),
            p.OFPEchoReply(dp, b''), p.OFPFeaturesRequest(dp), p.OFPGetConfigRequest(dp),
            p.OFPSetConfig(dp, 1, 0xffff), p.OFPPacketOut(dp, 0xffffffff, 0xfff8, self.actions(), b'\1' * 60),
            p.OFPPortMod(dp, 3, '02:00:00:00:00:05', 1, 0x65, 0x20), p.OFPBarrierRequest(dp),
            p.OFPQueueGetConfigRequest(dp, 6), p.OFPDescStatsRequest(dp, 0),
            p.OFPFlowStatsRequest(dp, 0, match, 1, 0xffff), p.OFPAggregateStatsRequest(dp, 0, match, 255, 4),
            p.OFPTableStatsRequest(dp, 0), p.OFPPortStatsRequest(dp, 0, 0xffff),
            p.OFPQueueStatsRequest(dp, 0, 3, 0xffffffff), p.OFPVendorStatsRequest(dp, 0, 0x2320, b'12345678'),
        ]
