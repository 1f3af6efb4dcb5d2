# SPDX-License-Identifier: Apache-2.0
"""OpenFlow 1.0 with traffic: a controller that learns, as they were written for it, and its actions."""
import threading

import pytest
from scapy.layers.inet import IP, TCP
from scapy.layers.l2 import Ether

from lab import traffic
from lab.wait import wait_until
from ofclient import Client, Closed, Timeout

MAC1, MAC2 = '02:00:00:00:00:01', '02:00:00:00:00:02'


@pytest.fixture
def switch(hosts):
    host = hosts(1)
    host.switch('red', vms=3, dpid=1)
    host.up()
    return host


class LearningSwitch(threading.Thread):
    """Learns from packet-ins, floods what it does not know, and adds a rule for what it does. It never
    asked for packets: in 1.0 those that no rule matches come by themselves."""

    def __init__(self, target):
        super().__init__(daemon=True)
        self.c = Client.connect(target, version=1)
        self.learned, self.packet_ins, self.running = {}, 0, True
        self.start()

    def run(self):
        while self.running:
            try:
                self.packet_in(self.c.event(10, timeout=0.2))
            except Timeout:
                pass
            except (Closed, OSError):
                return

    def packet_in(self, message):
        c, p, o = self.c, self.c.parser, self.c.ofp
        data = bytes(message.data)
        self.packet_ins += 1
        dst, src = data[:6], data[6:12]
        self.learned[src] = message.in_port
        out = self.learned.get(dst, o.OFPP_FLOOD)
        if out != o.OFPP_FLOOD:
            c.send(c.flow(match=p.OFPMatch(in_port=message.in_port, dl_dst=dst, dl_src=src),
                          actions=[c.output(out)], priority=1, flags=o.OFPFF_SEND_FLOW_REM))
        c.send(c.packet_out(data, [c.output(out)], in_port=message.in_port))

    def stop(self):
        self.running = False
        self.join()
        self.c.close()


def test_a_learning_controller(switch):
    app = LearningSwitch(switch.target)
    vm1, vm2 = switch.vms['vm1'], switch.vms['vm2']
    traffic.wait_ping(vm1.ns, '10.0.0.2')
    traffic.wait_ping(vm2.ns, '10.0.0.3')
    assert traffic.ping(vm1.ns, '10.0.0.2', count=5, size=1200) == 5
    told = app.packet_ins
    assert traffic.ping(vm1.ns, '10.0.0.2', count=5) == 5
    assert app.packet_ins == told, 'what has a rule does not come any more'
    app.stop()
    # With its controller gone nobody asks for misses, and what has no rule is dropped.
    switch.vms['vm3'].ns.run('ip', 'neigh', 'flush', 'all')
    assert traffic.ping(switch.vms['vm3'].ns, '10.0.0.1', count=1, timeout=0.3) == 0
    wait_until(lambda: switch.drops('red').get('table-miss', 0) > 0, what='table-miss')


def test_the_actions_of_1_0(switch):
    """Each on a packet whose kind no rule says, and three in one list. (A kernel takes VLAN tags off before a
    packet socket sees them: those actions are in test_nx.c.)"""
    tcp = Ether(src=MAC1, dst=MAC2) / IP(src='10.0.0.1', dst='10.0.0.2', tos=0) / \
        TCP(sport=1000, dport=80) / b'changed-by-1.0'
    other = Ether(src=MAC1, dst=MAC2, type=0x88b5) / (b'changed-by-1.0' + bytes(60))
    with Client.connect(switch.target, version=1) as c, switch.vms['vm1'].raw() as source, \
            switch.vms['vm2'].raw() as sink:
        p = c.parser
        lists = {
            'dl_src': ([p.OFPActionSetDlSrc(bytes.fromhex('020000000009'))], tcp,
                       lambda f: f.src == '02:00:00:00:00:09'),
            'dl_dst': ([p.OFPActionSetDlDst(bytes.fromhex('020000000009'))], tcp,
                       lambda f: f.dst == '02:00:00:00:00:09'),
            'nw_src': ([p.OFPActionSetNwSrc('10.9.9.9')], tcp, lambda f: f[IP].src == '10.9.9.9'),
            'nw_dst': ([p.OFPActionSetNwDst('10.9.9.9')], tcp, lambda f: f[IP].dst == '10.9.9.9'),
            'nw_tos': ([p.OFPActionSetNwTos(0x20)], tcp, lambda f: f[IP].tos == 0x20),
            'tp_src': ([p.OFPActionSetTpSrc(7)], tcp, lambda f: f[TCP].sport == 7),
            'tp_dst': ([p.OFPActionSetTpDst(7)], tcp, lambda f: f[TCP].dport == 7),
            'nw_src of what is not IPv4': ([p.OFPActionSetNwSrc('10.9.9.9')], other,
                                           lambda f: bytes(f) == bytes(other)),
            'tp_dst of what has no ports': ([p.OFPActionSetTpDst(7)], other,
                                            lambda f: bytes(f) == bytes(other)),
            'many': ([p.OFPActionSetNwSrc('10.9.9.9'), p.OFPActionSetTpDst(7),
                      p.OFPActionSetNwTos(0x20)], tcp,
                     lambda f: (f[IP].src, f[TCP].dport, f[IP].tos) == ('10.9.9.9', 7, 0x20)),
        }
        for name, (actions, packet, changed) in lists.items():
            c.send(c.flow(match=p.OFPMatch(in_port=1), actions=[*actions, c.output(2)]))
            c.barrier()
            assert not c.errors, name
            source.send(bytes(packet))
            frame = Ether(sink.expect(lambda f: b'changed-by-1.0' in f))
            assert changed(frame), (name, frame)
            whole = Ether(bytes(frame))
            if IP in whole and TCP in whole:  # the checksums are those of what it is now
                given = whole[TCP].chksum
                del whole[TCP].chksum
                assert Ether(bytes(whole))[TCP].chksum == given, name
            told, = c.flows()
            assert [type(a) for a in told.actions] == [type(a) for a in (*actions, c.output(2))]
