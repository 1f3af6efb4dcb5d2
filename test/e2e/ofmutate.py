# SPDX-License-Identifier: Apache-2.0
"""What a controller may send, and the same with something wrong about it.

    for name, raw in messages(c): ...       # each is accepted by a switch that `prepare` was sent to
    wrong = mutate(random.Random(7), raw)   # its header says the length that it has
"""
import struct

from ofclient import header

pack = struct.pack
XID = 7
NONE = 0xffffffff
ONF, NICIRA = 0x4f4e4600, 0x2320
MAC = '02:00:00:00:00:09'


def multipart(c, kind, body=b''):
    if c.version == 1:
        return header(1, 16, XID, pack('!HH', kind, 0) + body)
    return header(c.version, 18, XID, pack('!HH4x', kind, 0) + body)


def prepare(c):
    """Rule, group and meter 1 that the messages speak of, from a client of 1.3."""
    p, o, dp = c.parser, c.ofp, c.dp
    return [p.OFPMeterMod(dp, o.OFPMC_ADD, o.OFPMF_KBPS | o.OFPMF_BURST, 1, [p.OFPMeterBandDrop(100, 10)]),
            p.OFPGroupMod(dp, o.OFPGC_ADD, o.OFPGT_SELECT, 1, [p.OFPBucket(1, NONE, NONE, [c.output(1)])]),
            c.flow(match=p.OFPMatch(in_port=1), actions=[c.output(2)], priority=1, cookie=77)]


def flow_parts(c):
    """A match and what goes with it: instructions, in 1.0 actions."""
    p, o = c.parser, c.ofp
    if c.version == 1:
        return {'match': p.OFPMatch(dl_type=0x800, nw_proto=6, tp_dst=443),
                'actions': [p.OFPActionVlanVid(100), p.OFPActionSetDlSrc(MAC), p.OFPActionSetTpSrc(1024), c.output(2)]}
    actions = [p.OFPActionPushVlan(0x8100), p.OFPActionSetField(vlan_vid=0x1005), p.OFPActionSetField(eth_src=MAC),
               p.OFPActionGroup(1), p.OFPActionSetQueue(0), c.output(2)]
    learn = p.NXActionLearn(table_id=5, specs=[
        p.NXFlowSpecMatch(src=('eth_src_nxm', 0), dst=('eth_dst_nxm', 0), n_bits=48),
        p.NXFlowSpecOutput(src=('in_port_nxm', 0), dst='', n_bits=16)], priority=3)
    meter = [p.OFPInstructionMeter(1)] if c.version < 6 else []
    return {'match': p.OFPMatch(in_port=1, eth_type=0x800, ip_proto=6, ipv4_src=('10.0.0.0', '255.0.0.0'), tcp_dst=443),
            'instructions': meter + [
                p.OFPInstructionActions(o.OFPIT_APPLY_ACTIONS, [*actions, learn]),
                p.OFPInstructionActions(o.OFPIT_CLEAR_ACTIONS, []),
                p.OFPInstructionActions(o.OFPIT_WRITE_ACTIONS, [c.output(1)]),
                p.OFPInstructionWriteMetadata(0x11, 0xff), p.OFPInstructionGotoTable(9)]}


def flow_mods(c):
    for command in range(5):
        yield f'flow mod {command}', c.flow(command=command, priority=3, **flow_parts(c))


def buckets(c, numbers=(1, 2)):
    p = c.parser
    actions = [p.OFPActionSetField(eth_src=MAC), c.output(2)]
    if c.version == 6:
        return [p.OFPBucket(n, actions, [p.OFPGroupBucketPropWeight(0, 8, 1)]) for n in numbers]
    return [p.OFPBucket(1, NONE, NONE, actions) for _ in numbers]


def group_and_meter_mods(c):
    p, o, dp = c.parser, c.ofp, c.dp

    def group(command, number, own, last=NONE):
        late = [last, own, []] if c.version == 6 else [own]
        return f'group mod {command}', p.OFPGroupMod(dp, command, o.OFPGT_SELECT, number, *late)
    yield group(o.OFPGC_ADD, 2, buckets(c))
    yield group(o.OFPGC_MODIFY, 1, buckets(c))
    yield group(o.OFPGC_DELETE, 1, [])
    if c.version == 6:
        yield group(o.OFPGC_INSERT_BUCKET, 1, buckets(c, (9,)), o.OFPG_BUCKET_LAST)
        yield group(o.OFPGC_REMOVE_BUCKET, 1, [], 0)
    for command, number in ((o.OFPMC_ADD, 2), (o.OFPMC_MODIFY, 1), (o.OFPMC_DELETE, 1)):
        yield f'meter mod {command}', p.OFPMeterMod(
            dp, command, o.OFPMF_KBPS | o.OFPMF_BURST, number,
            [p.OFPMeterBandDrop(1000, 64), p.OFPMeterBandDscpRemark(2000, 128, 1)])


def bundles(c, inner):
    """Raw."""
    for kind in (0, 2, 4, 6):
        body = pack('!IHH', 1, kind, 3)
        yield f'bundle control {kind}', header(4, 4, XID, pack('!II', ONF, 2300) + body) if c.version == 4 else \
            header(c.version, 33, XID, body)
    body = pack('!IHH', 1, 0, 3) + inner
    yield 'bundle add', header(4, 4, XID, pack('!II', ONF, 2301) + body) if c.version == 4 else \
        header(c.version, 34, XID, body)


def requests(c):
    """Raw: multipart requests that have a body, and what else is of fixed length."""
    match = pack('!HH4x', 1, 4)
    if c.version == 1:
        one = pack('!I36xBxH', 0x3fffff, 255, 0xffff)
        bodies = {1: one, 2: one, 4: pack('!H6x', 1), 5: pack('!HxxI', 1, NONE)}
    else:
        every = pack('!B3xII4xQQ', 255, NONE, NONE, 0, 0) + match
        bodies = {1: every, 2: every, 4: pack('!I4x', 1), 5: pack('!II', 1, NONE), 6: pack('!I4x', 1),
                  9: pack('!I4x', 1), 10: pack('!I4x', 1)}
        if c.version > 4:
            bodies[16] = pack('!IIIHBB', 1, NONE, NONE, 2, 255, 0) + match
            bodies[15] = pack('!II', 1, NONE)
    for kind, body in bodies.items():
        yield f'multipart {kind}', multipart(c, kind, body)
    for kind in (0, 3):
        yield f'multipart {kind}', multipart(c, kind)
    for kind, body in {5: b'', 7: b'', 9: pack('!HH', 0, 128)}.items():
        yield f'message {kind}', header(c.version, kind, XID, body)
    for kind, body in {12: pack('!I', 2), 15: pack('!B7x', 1), 16: pack('!I', 0), 20: pack('!6xH', 7)}.items():
        yield f'nicira {kind}', header(c.version, 4, XID, pack('!II', NICIRA, kind) + body)
    if c.version > 1:
        yield 'role', header(c.version, 24, XID, pack('!I4xQ', 1, 0))
        yield 'table mod', header(c.version, 17, XID, pack('!B3xI', 3, 0))
        yield 'asynchronous', header(c.version, 28, XID, bytes(24) if c.version == 4 else pack('!HHI', 0, 8, 1))


def messages(c):
    """(name, bytes) of each."""
    made = [*flow_mods(c), *(group_and_meter_mods(c) if c.version > 1 else ())]
    raw = [(name, c.encode(msg, XID)) for name, msg in made]
    return raw + [*requests(c), *(bundles(c, raw[0][1]) if c.version > 1 else ())]


# ---- wrong ones

LENGTHS = (0, 1, 2, 3, 4, 7, 8, 9, 12, 16, 24, 40, 0x7fff, 0x8000, 0xfffe, 0xffff)


def measured(raw):
    """With its own length in the header."""
    return raw[:2] + pack('!H', len(raw)) + raw[4:]


def mutate(rng, raw):
    """A number changed, a bit, bytes taken out or put in, the end cut off or made longer; or two of these."""
    b = bytearray(raw)
    for _ in range(rng.choice((1, 1, 2))):
        at, how = rng.randrange(8, len(b) + 1), rng.randrange(6)
        if how < 2 and at + 2 <= len(b):
            old, = struct.unpack_from('!H', b, at & ~1)
            near = [(old + d) & 0xffff for d in (-8, -1, 1, 8)]
            struct.pack_into('!H', b, at & ~1, rng.choice([*LENGTHS, *near]))
        elif how == 2 and at < len(b):
            b[at] ^= 1 << rng.randrange(8)
        elif how == 3:
            del b[at:]
        elif how == 4:
            del b[at:at + rng.choice((1, 4, 8))]
        else:
            b[at:at] = rng.randbytes(rng.choice((1, 4, 8, 64)))
    return measured(bytes(b))
