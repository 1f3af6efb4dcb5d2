# SPDX-License-Identifier: Apache-2.0
"""controller(pause): a packet waits with its controller, and goes on as it was, or as it was changed."""
import contextlib
import os
import struct
import subprocess

import pytest

from lab.wait import wait_until
from test_nicira_actions import frame, listener
from test_ovs_ofctl import switch  # noqa: F401 (a fixture)

MARK = b'stopped here'
PACKET, METADATA, CONTINUATION = 0, 6, 8
RULES = ['table=0,ip,actions=set_field:2->reg0,set_field:0x1234->pkt_mark,push:NXM_NX_REG0[],resubmit(,1),'
         'pop:NXM_NX_REG2[],output:NXM_NX_REG2[]',
         'table=1,ip,actions=set_field:3->reg0,controller(id=5,userdata=01,pause),write_metadata:0x7,goto_table:2',
         'table=2,ip,actions=resubmit(,3)',
         'table=3,ip,metadata=7,actions=output:NXM_NX_REG0[]']


def properties(message):
    """[type, value] of an NXT_PACKET_IN2, in order."""
    found, at = [], 16
    while at + 4 <= len(message):
        kind, length = struct.unpack_from('!HH', message, at)
        found.append([kind, message[at + 4:at + length]])
        at += (length + 7) // 8 * 8
    return found


def resume(client, said):
    body = b''
    for kind, value in said:
        body += struct.pack('!HH', kind, 4 + len(value)) + value + bytes(-(4 + len(value)) % 8)
    client.send_raw(struct.pack('!BBHIII', 4, 4, 16 + len(body), 77, 0x2320, 28) + body)


class Rig:
    """The rules above, a frame that stopped there, and who waits behind ports 2 and 3."""

    def __init__(self, switch, source, two, three):
        self.switch, self.client = switch, listener(switch, 5)
        self.source, self.two, self.three = source, two, three
        for rule in RULES:
            switch.add(rule)

    def stop(self):
        self.source.send(frame() / MARK)
        message = self.client.recv_raw()
        assert message[12:16] == struct.pack('!I', 30), message
        return properties(message)

    def error(self):
        message = self.client.recv_raw()
        assert message[1] == 1, message
        return struct.unpack_from('!HHI', message, 8)


@pytest.fixture
def rig(switch):
    with contextlib.ExitStack() as sockets:
        yield Rig(switch, *(sockets.enter_context(switch.vms[f'vm{n}'].raw()) for n in (1, 2, 3)))


def has(mark):
    return lambda frame: mark in frame


def changed(said, kind, change):
    return [[k, change(v) if k == kind else v] for k, v in said]


def test_a_packet_goes_on_when_told(rig):
    said = rig.stop()
    assert [kind for kind, _ in said] == [0, 3, 4, 5, 6, 7, 8]
    resume(rig.client, said)
    rig.three.expect(has(MARK))
    rig.two.expect(has(MARK))

    # As it was changed: the frame, and a register that leads it to port 2 twice.
    said = changed(rig.stop(), PACKET, lambda v: v.replace(MARK, b'altered that'))
    said = changed(said, METADATA, lambda v: v.replace(bytes.fromhex('00010004' '00000003'),
                                                       bytes.fromhex('00010004' '00000002')))
    resume(rig.client, said)
    rig.two.expect(has(b'altered that'))
    rig.two.expect(has(b'altered that'))

    # Not as somebody would have it.
    good = rig.stop()
    for at in range(4, len(dict(good)[CONTINUATION]), 37):
        def forge(value):
            return value[:at] + bytes([value[at] ^ 1]) + value[at + 1:]
        resume(rig.client, changed(good, CONTINUATION, forge))
        assert rig.error() == (0xffff, 35, 0x2320)  # NXR_STALE
    resume(rig.client, changed(good, METADATA, lambda v: v + bytes.fromhex('80000a02' '0800')))  # an EtherType
    assert rig.error()[:2] == (4, 6)  # OFPBMC_BAD_FIELD

    # The rules go: what they would still have done is done, and what they led to is not there.
    rig.switch('del-flows')
    resume(rig.client, good[:1] + good[-1:])
    rig.two.expect(has(MARK))


def test_ovs_ofctl_sends_packets_on(switch, tmp_path):
    switch.add('ip,actions=set_field:0x5->reg1,controller(pause),move:NXM_NX_REG1[0..7]->NXM_OF_ETH_SRC[0..7],'
               'output:2')
    watch = subprocess.Popen(['ovs-ofctl', '-O', 'OpenFlow13', '-P', 'nxt_packet_in2', 'monitor', switch.target,
                              '65535', 'resume'], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                             env={**os.environ, 'OVS_RUNDIR': str(tmp_path)})
    try:
        with switch.vms['vm1'].raw() as source, switch.vms['vm2'].raw() as sink:
            def came():
                source.send(frame() / MARK)
                return sink.expect(has(MARK), 0.3)
            got = wait_until(came, 10, 'a packet that ovs-ofctl sent on')
        assert got[11] == 5
    finally:
        watch.terminate()
        watch.wait(5)
