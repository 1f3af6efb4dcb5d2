# SPDX-License-Identifier: Apache-2.0
"""A whole machine with a Linux of its own behind a vhost-user port: its TCP through the overlay, with what it may
leave to its card, and without."""
import hashlib

import pytest
from test_jumbo import Tap, per_message, underlay
from test_offload import MAC1, MAC2, VNI, listen, received, send

from lab import guest, traffic, tshark
from lab.wait import wait_until

pytestmark = pytest.mark.skipif(bool(guest.missing()), reason=f'no machine to start: {guest.missing()}')
NOTHING = 'csum=off,guest_csum=off,gso=off,host_tso4=off,guest_tso4=off,mrg_rxbuf=off'


class Inside:
    """One direction of the machine's own interface, as a meter."""

    def __init__(self, machine, way):
        self.name, self.machine, self.way = f'the machine, {way}', machine, way

    def read(self):
        return tuple(map(int, self.machine.run(f'cd /sys/class/net/eth0/statistics; cat {self.way}_bytes {self.way}_packets').split()))


def stays_together(lab, fabric, built, vm1, vm2):
    """Over cables that cut by themselves a message holds ten frames and more, all the way: with 1,500 bytes a frame the rest is
    what the kernels make of it (docs/offload.md)."""
    length = 6_000_000
    fabric.offloads_on(*built)
    vm2.ns.run('sysctl', '-qw', 'net.ipv4.tcp_min_tso_segs=64')
    vm1.run('echo 64 > /proc/sys/net/ipv4/tcp_min_tso_segs')

    def out():  # BusyBox' nc sends a page at a time, its httpd by sendfile()
        vm1.run(f'head -c {length} /dev/zero > /tmp/zeros; httpd -p 7778 -h /tmp')
        assert vm2.ns.run('/usr/bin/python3', '-c', 'import urllib.request as u; '
                          'print(len(u.urlopen("http://10.0.0.1:7778/zeros").read()))', timeout=60) == f'{length}\n'

    def back():
        vm1.run('nc -l -p 7777 > /tmp/in &')
        wait_until(lambda: ':7777 ' in vm1.run('netstat -ltn'), what='the machine listens')
        send(lab, vm2.ns, '10.0.0.1', bytes(length))
        assert int(vm1.run('wait; wc -c < /tmp/in')) == length
    for meters, transfer in (([Inside(vm1, 'tx'), *underlay(fabric, *built), Tap(vm2).gets], out),
                             ([Tap(vm2).sends, *underlay(fabric, *reversed(built)), Inside(vm1, 'rx')], back)):
        for name, mean in per_message(meters, transfer, length).items():
            assert mean > 14_000, (name, mean)


@pytest.mark.slow
@pytest.mark.parametrize('device', ['host_mtu=1400', 'mrg_rxbuf=off', NOTHING], ids=['all', 'large-buffers', 'nothing'])
def test_tcp_through_the_overlay(lab, fabric, hosts, device):
    """3 MB each way arrive as they were. Frames on the underlay are whole and small; the machine sees fewer, big
    ones if it takes them (the switch's counters tell how many they stood for), and none else."""
    built = [hosts(1), hosts(2)]
    path = lab.path('vm1.sock')
    for n, host in enumerate(built):
        host.tenant('red', vni=VNI, vteps=[built[1 - n].vtep])
    built[0].tenant_config('red')['ports'].append(
        {'name': 'vm1', 'number': 1, 'kind': 'vhost_user', 'device': path, 'mtu': 1450})
    vm2 = built[1].vm('red', 'vm2', 1, '10.0.0.2/24', MAC2, kind='tap')
    told = 'host_mtu' in device  # what QEMU tells a machine, by a feature that the switch must offer
    vm1 = guest.Guest(lab, built[0].ns, 'vm1', path, MAC1, '10.0.0.1/24', mtu=None if told else 1450, device=device)
    for host in built:
        host.up()
    vm1.booted()
    assert vm1.run('cat /sys/class/net/eth0/mtu').strip() == ('1400' if told else '1450')
    traffic.wait_ping(vm2.ns, '10.0.0.1')
    wire = fabric.capture('h1', 'wire')

    sinking = listen(lab, vm2.ns, '10.0.0.2')
    vm1.run('head -c 3000000 /dev/urandom > /tmp/out && nc 10.0.0.2 7777 < /tmp/out')
    assert hashlib.sha256(received(*sinking)).hexdigest() in vm1.run('sha256sum /tmp/out')
    data = hashlib.shake_256(b'vhost').digest(3_000_000)
    vm1.run('nc -l -p 7777 > /tmp/in &')
    wait_until(lambda: ':7777 ' in vm1.run('netstat -ltn'), what='the machine listens')
    send(lab, vm2.ns, '10.0.0.1', data)
    assert hashlib.sha256(data).hexdigest() in vm1.run('wait; sha256sum /tmp/in')

    rows = tshark.read(wire.stop(whole=False), 'vxlan && tcp.port == 7777 && tcp.len > 0', ('frame.len',))
    assert len(rows) > 2000 and max(int(r[0]) for r in rows) <= 1514 + 50

    def frames():
        """Of the machine, and of the switch, each way."""
        mine = dict(zip(('rx', 'tx'), map(int, vm1.run('cat /sys/class/net/eth0/statistics/[rt]x_packets').split())))
        port, = [p for p in built[0].json('port') if p['name'] == 'vm1']
        assert port['rx_dropped'] == 0 and port['tx_packets'] > 2000 and port['rx_packets'] > 2000
        return (mine['tx'], port['rx_packets']), (mine['rx'], port['tx_packets'])
    if device == NOTHING:
        wait_until(lambda: all(here == there for here, there in frames()), what='the same frames at both ends')
    else:
        assert all(here < there for here, there in frames()), frames()  # how many fewer is the machine's TCP's to say
    if told:
        hosts.check_captures()  # tshark takes what is one for the cables for one
        stays_together(lab, fabric, built, vm1, vm2)
