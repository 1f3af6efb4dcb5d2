# SPDX-License-Identifier: Apache-2.0
"""Samples of what OpenFlow 1.4 and 1.5 have anew, see of_samples.py."""
import of_samples


class Version14(of_samples.Version):
    def __init__(self, wire=5):
        super().__init__(wire)

    def bundled(self):
        return self.p.OFPGroupMod(self.dp, 0, self.ofp.OFPGT_ALL, 7, buckets=self.buckets())

    def packet_outs(self):
        p, dp = self.p, self.dp
        return [p.OFPPacketOut(dp, self.ofp.OFP_NO_BUFFER, 2, self.actions(), b'\x01' * 60),
                p.OFPPacketOut(dp, 5, 2, [], None)]

    def roles(self):
        return [self.p.OFPRoleRequest(self.dp, 2, 0x1122334455667788)]

    def meter_requests(self):
        return [self.p.OFPMeterConfigStatsRequest(self.dp, 0, 4)]

    def messages(self):
        p, ofp, dp = self.p, self.ofp, self.dp
        experiment = [p.OFPBundlePropExperimenter(ofp.OFPBPT_EXPERIMENTER, 12, 0x2320, 9, b'')]
        return (self.symmetric() + self.packet_outs() + self.roles() + self.meter_requests() + [
            p.OFPPortMod(dp, 3, '02:00:00:00:00:05', 1, 0x65, [
                p.OFPPortModPropEthernet(0, 8, 0x2820), p.OFPPortModPropOptical(1, 24, 1, 2, 3, 4, 5)]),
            p.OFPTableMod(dp, 255, 12, [p.OFPTableModPropEviction(2, 8, 3),
                                        p.OFPTableModPropVacancy(3, 8, 10, 90, 50)]),
            p.OFPSetAsync(dp, [p.OFPAsyncConfigPropReasons(kind, 8, 0x3f >> kind % 4)
                               for kind in range(12 if self.wire == 5 else 16)]),
            p.OFPTableDescStatsRequest(dp, 0), p.OFPQueueDescStatsRequest(dp, 0, 3, 4),
            p.OFPFlowMonitorRequest(dp, 0, 11, 22, 33, 0x4f, 5, ofp.OFPFMC_MODIFY, self.matches()[6]),
            p.OFPBundleCtrlMsg(dp, 8, ofp.OFPBCT_COMMIT_REQUEST, 3, []),
            p.OFPBundleCtrlMsg(dp, 8, ofp.OFPBCT_OPEN_REQUEST, 1, experiment),
            p.OFPBundleAddMsg(dp, 8, 3, self.bundled(), []),
        ] + self.newest())

    def newest(self):
        return []


class Version15(Version14):
    def __init__(self):
        super().__init__(6)

    def actions(self):
        p = self.p
        return super().actions() + [
            p.OFPActionMeter(6), p.OFPActionSetField(ipv4_dst=('10.0.0.0', '255.0.0.0')),
            p.OFPActionCopyField(16, 3, 5, [p.OFPOxmId('eth_src'), p.OFPOxmId('metadata')]),
        ]

    def instructions(self):
        return super().instructions() + [self.p.OFPInstructionStatTrigger(
            1, self.p.OFPStats(packet_count=100, duration=(1, 2)))]

    def buckets(self):
        p = self.p
        props = [p.OFPGroupBucketPropWeight(0, 8, 50), p.OFPGroupBucketPropWatch(1, 8, 9),
                 p.OFPGroupBucketPropWatch(2, 8, 10)]
        return [p.OFPBucket(1, self.actions(), props), p.OFPBucket(2, [], [])]

    def packet_outs(self):
        p, dp, match = self.p, self.dp, self.p.OFPMatch(in_port=2)
        return [p.OFPPacketOut(dp, self.ofp.OFP_NO_BUFFER, match, self.actions(), b'\x01' * 60),
                p.OFPPacketOut(dp, 5, match, [], None)]

    def roles(self):
        return [self.p.OFPRoleRequest(self.dp, 2, 7, 0x1122334455667788)]

    def meter_requests(self):
        return [self.p.OFPMeterDescStatsRequest(self.dp, 0, 4)]

    def newest(self):
        p, dp = self.p, self.dp
        when = p.OFPTime(1000, 2000)
        return [
            p.OFPGroupMod(dp, 3, 1, 9, 0xfffffffd, self.buckets(), []),
            p.OFPFlowDescStatsRequest(dp, 0, 1, 2, 3, 4, 5, self.matches()[6]),
            p.OFPControllerStatusStatsRequest(dp, 0),
            p.OFPBundleFeaturesStatsRequest(dp, 0, 3, [p.OFPBundleFeaturesPropTime(1, 72, when, when, when, when)]),
            p.OFPBundleCtrlMsg(dp, 8, 4, 7, [p.OFPBundlePropTime(1, 24, when)]),
        ]


def version(wire):
    return {4: of_samples.Version, 5: Version14, 6: lambda _: Version15()}[wire](wire)
