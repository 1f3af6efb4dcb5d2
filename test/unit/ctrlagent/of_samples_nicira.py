# SPDX-License-Identifier: Apache-2.0
"""Nicira's actions as os-ken makes them, one or more of each that the codec translates."""


def nbits(low, high):
    return low << 6 | (high - low)


def actions(p):
    """With os-ken's classes of any version, in the form that the codec writes, too."""
    hashed = {'fields': 1, 'basis': 50}
    return [
        p.NXActionResubmit(7), p.NXActionResubmit(0xfff8), p.NXActionResubmitTable(0xfff8, 4),
        p.NXActionPopQueue(), p.NXActionExit(), p.NXActionConjunction(1, 3, 0x77),
        p.NXActionRegMove(src_field='reg1', dst_field='reg2', n_bits=16, src_ofs=3, dst_ofs=8),
        p.NXActionRegLoad(nbits(4, 31), 'reg5', 0x1234567), p.NXActionRegLoad(nbits(0, 31), 'reg0', 5),
        p.NXActionNote([1, 2, 3, 4, 5, 6]), p.NXActionOutputReg(nbits(0, 15), 'reg7', 128),
        p.NXActionFinTimeout(10, 20), p.NXActionController(100, 7, 2),
        p.NXActionDecTtlCntIds([1, 2, 3]),
        p.NXActionMultipath(max_link=3, algorithm=2, arg=9, ofs_nbits=nbits(0, 15), dst='reg3', **hashed),
        p.NXActionBundle(algorithm=1, slave_type=2, n_slaves=3, ofs_nbits=0, dst=0, slaves=[1, 2, 3], **hashed),
        p.NXActionBundleLoad(algorithm=1, slave_type=2, n_slaves=2, ofs_nbits=nbits(0, 31), dst='reg4',
                             slaves=[4, 0xfffe], **hashed),
        p.NXActionStackPush('reg2', 0, 32), p.NXActionStackPop('reg3', 16, 16),
        p.NXActionLearn(table_id=5, idle_timeout=1, hard_timeout=2, priority=3, cookie=0x1122334455667788,
                        flags=3, fin_idle_timeout=4, fin_hard_timeout=6, specs=[
                            p.NXFlowSpecMatch(src=('reg1', 0), dst=('reg2', 0), n_bits=32),
                            p.NXFlowSpecMatch(src=0x800, dst=('reg3', 0), n_bits=16),
                            p.NXFlowSpecLoad(src=('reg4', 8), dst=('reg5', 16), n_bits=8),
                            p.NXFlowSpecOutput(src=('reg6', 0), dst='', n_bits=16)]),
    ]
