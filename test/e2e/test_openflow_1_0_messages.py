# SPDX-License-Identifier: Apache-2.0
"""What OpenFlow 1.0 has of its own, and Nicira's extension of it, beside the later versions."""
import struct

from ofclient import header


# ---- OpenFlow 1.0's own

def test_a_modify_of_1_0_that_finds_nothing_adds(connect, server):
    c = connect(1)
    o, p = c.ofp, c.parser
    c.send(c.flow(o.OFPFC_MODIFY, match=p.OFPMatch(in_port=1), actions=[c.output(2)], priority=3))
    c.send(c.flow(o.OFPFC_MODIFY_STRICT, match=p.OFPMatch(in_port=2), actions=[c.output(2)],
                  priority=3))
    c.send(c.flow(o.OFPFC_MODIFY, actions=[c.output(1)]))
    c.barrier()
    flows = c.flows()
    assert [[a.port for a in f.actions] for f in flows] == [[1], [1]] and not c.errors


def test_emergency_flows_of_1_0_are_refused(connect):
    c = connect(1)
    o = c.ofp
    F = o.OFPET_FLOW_MOD_FAILED
    c.fails(c.flow(flags=o.OFPFF_EMERG), F, o.OFPFMFC_ALL_TABLES_FULL)
    c.fails(c.flow(flags=o.OFPFF_EMERG, idle_timeout=5), F, o.OFPFMFC_BAD_EMERG_TIMEOUT)
    c.fails(c.flow(flags=0x80), F, o.OFPFMFC_UNSUPPORTED)
    c.fails(c.flow(command=9), F, o.OFPFMFC_BAD_COMMAND)


def test_overlap_in_1_0(connect):
    c = connect(1)
    o, p = c.ofp, c.parser
    c.send(c.flow(match=p.OFPMatch(in_port=1), priority=5))
    c.fails(c.flow(match=p.OFPMatch(dl_type=0x800), priority=5, flags=o.OFPFF_CHECK_OVERLAP),
            o.OFPET_FLOW_MOD_FAILED, o.OFPFMFC_OVERLAP)


# ---- Nicira's messages in 1.0

def nx(subtype, body=b'', version=1):
    return header(version, 4, 9, struct.pack('!II', 0x2320, subtype) + body)


def test_the_table_in_the_command(connect, server):
    c = connect(1)
    p = c.parser
    c.send_raw(nx(15, b'\x01' + bytes(7)))
    c.send(c.flow(command=5 << 8, match=p.OFPMatch(in_port=1), actions=[c.output(2)]))
    c.barrier()
    assert [f.table_id for f in c.flows()] == [5]
    c.send(c.flow(command=6 << 8 | 3))  # delete, in table 6
    c.barrier()
    assert server('rules') == '1'
    c.send(c.flow(command=0xff << 8 | 3))
    c.barrier()
    assert server('rules') == '0' and not c.errors


def test_nicira_flow_mod_and_format(four, server):
    c = four[1]
    nxm = bytes.fromhex('00000002 0001  00010204 000000ff')
    pad = bytes(-len(nxm) % 8)
    output = struct.pack('!HHHH', 0, 8, 2, 0xffff)
    body = struct.pack('!QHHHHIHHH6x', 0xabc, 0, 0, 0, 7, 0xffffffff, 0xffff, 1, len(nxm))
    c.send_raw(nx(12, struct.pack('!I', 2)))  # NXFF_NXM
    c.send_raw(nx(13, body + nxm + pad + output))
    c.barrier()
    assert not c.errors
    d = four[4]
    f, = d.flows()
    assert (f.priority, f.cookie, f.match['in_port']) == (7, 0xabc, 1)
    assert f.instructions[0].actions[0].port == 2
    c.send_raw(header(1, 16, 8, struct.pack('!HHII4xHHBxxx', 0xffff, 0, 0x2320, 0, 0xffff, 0, 0xff)))
    reply = c.recv_raw()
    assert reply[:2] == bytes([1, 17]) and reply[12:20] == struct.pack('!II', 0x2320, 0)
    rule = reply[24:]
    assert struct.unpack_from('!HB', rule) == (len(rule), 0)
    match_len, = struct.unpack_from('!H', rule, 18)
    assert rule[48:48 + match_len] == nxm
    assert rule[48 + (match_len + 7) // 8 * 8:] == output
    server('expire 1')
    raw = c.recv_raw()
    assert raw[1] == 4 and raw[8:16] == struct.pack('!II', 0x2320, 14)
    assert struct.unpack_from('!QHBB', raw, 16) == (0xabc, 7, 1, 1)
    c.fails(nx(12, struct.pack('!I', 1)), 1, c.ofp.OFPBRC_EPERM)


def test_roles_of_nicira_and_of_later_versions_are_the_same(four):
    a, b = four[1], four[6]
    a.send_raw(nx(10, struct.pack('!I', 1)))
    assert a.recv_raw()[8:] == struct.pack('!III', 0x2320, 11, 1)
    p, o = b.parser, b.ofp
    r = b.request(p.OFPRoleRequest(b.dp, o.OFPCR_ROLE_MASTER, 0, 5))
    assert (r.role, r.generation_id) == (o.OFPCR_ROLE_MASTER, 5)
    a.fails(a.flow(), 1, a.ofp.OFPBRC_EPERM)  # it is slave now
    a.send_raw(nx(10, struct.pack('!I', 0)))
    a.recv_raw()
    a.send(a.flow())
    a.barrier()
    assert not a.errors
