# SPDX-License-Identifier: Apache-2.0
"""Messages of Nicira's, byte for byte as Open vSwitch 3.1 answered them when it was asked the same."""
import re
import struct
import subprocess

import pytest

from ofclient import Client, header

NX = 0x2320
FRAME = bytes.fromhex('ffffffffffff0200000000010806') + bytes(46)
STANDARD, NXT_PACKET_IN, NXT_PACKET_IN2 = range(3)


def nx(subtype, body=b'', version=4, xid=2):
    return header(version, 4, xid, struct.pack('!II', NX, subtype) + body)


def error(raw):
    """(type, code, experimenter) of an error of 1.2 or later."""
    assert raw[1] == 1, raw
    return struct.unpack_from('!HHI', raw, 8)


def to_controller(c, max_len=0xffff):
    """Sends a frame to the controller port by a packet-out; what comes back."""
    action = struct.pack('!HHIH6x', 0, 16, 0xfffffffd, max_len)
    c.send_raw(header(4, 13, 9, struct.pack('!IIH6x', 0xffffffff, 2, len(action)) + action + FRAME))
    return c.recv_raw()


FORMATS = {
    STANDARD: '040a006600000000ffffffff003c0100ffffffffffffffff0001000c8000000400000002000000000000',
    NXT_PACKET_IN: '0404006e000000000000232000000011ffffffff003c0100ffffffffffffffff0006000000000000'
                   '00000002000200000000',
}


@pytest.mark.parametrize('which', FORMATS)
def test_packet_in_formats(server, which):
    c = Client.connect(server.target)
    c.send_raw(nx(16, struct.pack('!I', which)))
    assert to_controller(c) == bytes.fromhex(FORMATS[which]) + FRAME


def test_packet_in2(server):
    c = Client.connect(server.target)
    c.send_raw(nx(16, struct.pack('!I', NXT_PACKET_IN2)))
    assert to_controller(c) == (
        bytes.fromhex('0404007000000000000023200000001e') + bytes.fromhex('00000040') + FRAME +
        bytes.fromhex('0003000500000000' '0005000501000000' '0006000c800000040000000200000000'))
    cut = to_controller(c, max_len=20)
    assert cut[16:44] == bytes.fromhex('00000018') + FRAME[:20] + bytes(0) + bytes.fromhex('00010008')
    assert cut[44:48] == struct.pack('!I', 60)  # the frame's own length


def test_a_format_that_is_none(server):
    c = Client.connect(server.target)
    c.send_raw(nx(16, struct.pack('!I', 3)))
    assert error(c.recv_raw())[:2] == (1, 5)


def tlv(option_class, option_type, length, index):
    return struct.pack('!HBBHxx', option_class, option_type, length, index)


def test_the_table_of_tunnel_options(server):
    c, other = Client.connect(server.target), Client.connect(server.target, version=6)

    def mod(command, *maps):
        raw = nx(24, struct.pack('!H6x', command) + b''.join(maps))
        c.send_raw(raw + header(4, 20, 7))
        answer = c.recv_raw()
        if answer[1] == 21:
            return None
        assert c.recv_raw()[1] == 21
        kind, code, whose = error(answer)
        assert (kind, whose) == (0xffff, NX) and answer[16:] == raw
        return code

    def told(who=c, version=4):
        who.send_raw(nx(25, version=version))
        raw = who.recv_raw()
        assert raw[12:16] == struct.pack('!I', 26) and raw[16:22] == struct.pack('!IH', 256, 64)
        return raw[32:]

    assert told() == b''
    assert mod(0, tlv(0xffff, 0, 4, 0)) is None
    assert told() == tlv(0xffff, 0, 4, 0)
    assert told(other, 6) == tlv(0xffff, 0, 4, 0)  # one table for all
    assert mod(0, tlv(0xffff, 0, 4, 1)) == 21  # NXTTMFC_DUP_ENTRY
    assert mod(0, tlv(0xfffe, 0, 4, 0)) == 20  # ALREADY_MAPPED
    assert mod(0, tlv(1, 0, 5, 3)) == 17  # BAD_OPT_LEN
    assert mod(0, tlv(1, 0, 0, 3)) == 17
    assert mod(0, tlv(1, 0, 128, 3)) == 17
    assert mod(0, tlv(1, 0, 4, 64)) == 18  # BAD_FIELD_IDX
    assert mod(3) == 16  # BAD_COMMAND
    assert mod(0, tlv(1, 1, 124, 4), tlv(1, 2, 124, 5), tlv(1, 3, 8, 6)) == 19  # TABLE_FULL
    assert told() == tlv(0xffff, 0, 4, 0)  # nothing of it
    assert mod(0, tlv(1, 1, 124, 4), tlv(1, 2, 124, 5)) is None
    assert mod(1, tlv(1, 1, 124, 4)) is None
    assert told() == tlv(0xffff, 0, 4, 0) + tlv(1, 2, 124, 5)
    assert mod(2) is None
    assert told() == b''


def test_ovs_ofctl_and_the_table_of_tunnel_options(server):
    def ofctl(command, *args):
        return subprocess.run(['ovs-ofctl', '-O', 'OpenFlow13', command, server.target, *args], check=True,
                              capture_output=True, text=True, timeout=20).stdout

    ofctl('add-tlv-map', '{class=0xffff,type=0x5,len=8}->tun_metadata3')
    assert re.search(r'0xffff +0x5 +8 +tun_metadata3', ofctl('dump-tlv-map'))
    ofctl('del-tlv-map')
    assert 'tun_metadata' not in ofctl('dump-tlv-map')


def test_what_never_stopped_does_not_go_on(server):
    c = Client.connect(server.target)
    packet = bytes.fromhex('00000012') + FRAME[:14] + bytes(6)
    for continuation in (b'', struct.pack('!HH44x', 8, 48), struct.pack('!HH60004x', 8, 60004)):
        c.send_raw(nx(28, packet + continuation))
        assert error(c.recv_raw()) == (0xffff, 35, NX)  # NXR_STALE


def test_only_a_whole_packet_goes_on(server):
    c = Client.connect(server.target)
    for properties in (b'', bytes.fromhex('00000011') + FRAME[:13] + bytes(7)):
        c.send_raw(nx(28, properties))
        assert error(c.recv_raw())[:2] == (1, 6)  # OFPBRC_BAD_LEN


def test_what_there_is_not(server):
    c = Client.connect(server.target)
    for subtype in (29, 31, 32, 33, 99):  # conntrack's flush among them
        c.send_raw(nx(subtype, bytes(8)))
        assert error(c.recv_raw())[:2] == (1, 4), subtype  # OFPBRC_BAD_EXP_TYPE
    c.send_raw(header(4, 4, 2, struct.pack('!II', 0x1234, 1)))
    assert error(c.recv_raw())[:2] == (1, 3)


def test_asynchronous_messages_by_properties(server):
    """NXT_SET_ASYNC_CONFIG2: properties as 1.4 has them, in a session of 1.3."""
    c = Client.connect(server.target)
    c.send_raw(nx(27, struct.pack('!HHI', 3, 8, 0)))  # port status as master: none
    c.barrier()
    server('port add 12')
    c.quiet()
    c.send_raw(nx(27, struct.pack('!HHI', 3, 8, 7)))
    c.barrier()
    server('port add 13')
    assert c.recv_raw()[1] == 12
    c.send_raw(nx(27, struct.pack('!HHI', 3, 8, 0x100)))
    assert error(c.recv_raw())[:2] == (15, 0)
