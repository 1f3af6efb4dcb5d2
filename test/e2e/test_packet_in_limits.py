# SPDX-License-Identifier: Apache-2.0
"""The rate of packet-ins: a port that floods does not silence the others, and what is shed is counted."""
import struct
import threading
import time

import pytest

from lab import traffic
from lab.wait import wait_until
from ofclient import Client, Timeout

pytestmark = pytest.mark.alone

RATE = 200
MACS = [f'02:00:00:00:00:{n:02x}' for n in (1, 2, 3)]


@pytest.fixture
def host(hosts):
    host = hosts(1)
    host.switch('red', vms=3, dpid=0xabc, quotas={'packet_in': RATE, 'packet_in_burst': 100})
    host.up()
    host.controller = Client.connect(host.target)
    return host


def flood(vm, stop):
    frame = traffic.udp_frame(MACS[0], MACS[2], '10.0.0.1', '10.0.0.3') / b'flood'
    with vm.raw() as raw:
        while not stop.is_set():
            for _ in range(20):
                raw.send(frame)
            time.sleep(0.001)


def test_a_port_that_floods_leaves_the_others_their_share(host):
    c = host.controller
    c.send(c.flow(actions=[c.parser.OFPActionOutput(c.ofp.OFPP_CONTROLLER, 128),
                           c.parser.OFPActionOutput(3)], priority=1))
    c.barrier()
    stop = threading.Event()
    thread = threading.Thread(target=flood, args=(host.vms['vm1'], stop))
    thread.start()
    try:
        time.sleep(1.5)
        with host.vms['vm2'].raw() as raw:
            for n in range(90):  # thirty a second, far below half the rate
                raw.send(traffic.udp_frame(MACS[1], MACS[2], '10.0.0.2', '10.0.0.3') / struct.pack('!5sH', b'quiet', n))
                time.sleep(0.033)
    finally:
        stop.set()
        thread.join()
    seen, flooded = set(), 0
    try:
        while True:
            raw = c.recv_raw(1)
            at = raw.find(b'quiet')
            if at >= 0:
                seen.add(struct.unpack_from('!H', raw, at + 5)[0])
            flooded += b'flood' in raw
    except Timeout:
        pass
    assert seen == set(range(90))
    assert RATE < flooded < 8 * RATE
    shed, = host.json('show')['packet_ins_shed']
    assert shed['tenant'] == 'red' and shed['action'] > 100 and shed['miss'] == shed['invalid_ttl'] == 0
    assert shed['action'] == host.drops('red')['punt-rate']
    assert 'packet-ins over the rate' in host.weft('show')
    wait_until(lambda: host.check_balance() is None, 5, 'every packet is accounted for')
