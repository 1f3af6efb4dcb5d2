# SPDX-License-Identifier: Apache-2.0
"""Packets whose TTL runs out: dropped and counted, or packet-ins for who asked for them."""
from lab import traffic
from lab.controller import dp, of, proto
from lab.wait import wait_until
from scapy.layers.inet import IP

MAC1, MAC2 = '02:00:00:00:00:01', '02:00:00:00:00:02'


def test_a_ttl_that_runs_out(hosts, controller, controller_target):
    host = hosts(1)
    host.tenant('red', dpid=1, controllers=[controller_target])
    vm = host.vm('red', 'vm1', 1, '10.0.0.1/24', MAC1)
    host.vm('red', 'vm2', 2, '10.0.0.2/24', MAC2)
    host.up()
    controller.wait_switch(1)
    controller.flow(1, of.OFPMatch(eth_type=0x0800), [of.OFPActionDecNwTtl(), of.OFPActionOutput(2)],
                    cookie=0x77)
    frame = traffic.udp_frame(MAC1, MAC2, '10.0.0.1', '10.0.0.2')
    frame[IP].ttl = 1

    def masks(packet_in):
        controller.send(1, of.OFPSetAsync(dp, [packet_in, 0], [7, 7], [15, 0]))

    def ttl_drops():
        return host.drops('red').get('ttl-exceeded', 0)

    with vm.raw() as port:
        port.send(frame)
        wait_until(lambda: ttl_drops() == 1, what='the drop')
        assert not controller.events('OFPPacketIn', 1)
        masks(7)
        port.send(frame)
        told = controller.expect('OFPPacketIn', 1, 5, lambda m: m['reason'] == proto.OFPR_INVALID_TTL)
        assert int(told['cookie']) == 0x77 and told['table_id'] == 0
        assert ttl_drops() == 1
        assert 'nothing' in host.weft('apply')  # what a session asked for is no difference
        masks(3)
        port.send(frame)
        wait_until(lambda: ttl_drops() == 2, what='the drop again')
