# SPDX-License-Identifier: Apache-2.0
"""TCP through the overlay at jumbo efficiency (docs/offload.md), by counts: what costs on the way through kernels and
switches is the message, not the byte, so ordinary frames are as good as jumbo frames where a message holds as many bytes.
Each interface on the way is asked for its bytes and messages; no time is measured, and nothing is asked of the machine.
"""
from typing import NamedTuple

import pytest

from lab import traffic
from lab.fabric import Fabric
from lab.linuxvx import LinuxVxlanHost
from lab.wait import wait_until
from lab.weft import WeftHost

MAC1, MAC2 = '02:00:00:00:00:01', '02:00:00:00:00:02'
LENGTH = 30_000_000
LEAST = 30_000  # bytes of a message: twenty ordinary frames
OF_JUMBO = 0.8


class Meter(NamedTuple):
    """One direction of one interface."""
    name: str
    ns: object
    device: str
    way: str

    def read(self):
        said = self.ns.run('cat', *(f'/sys/class/net/{self.device}/statistics/{self.way}_{what}'
                                    for what in ('bytes', 'packets')))
        return tuple(map(int, said.split()))


def pump(lab, source, sink, address, length=LENGTH):
    """So many bytes by one TCP connection, whose sender's kernel makes segments as big as it may however slow it takes the
    way to be."""
    source.run('sysctl', '-qw', 'net.ipv4.tcp_min_tso_segs=64')
    taking = lab.start(f'taking-{len(lab.processes)}', ['/usr/bin/python3', '-c', f'''
import socket
listener = socket.create_server(("{address}", 7777))
c, _ = listener.accept()
part, got = bytearray(1 << 20), 0
while n := c.recv_into(part):
    got += n
c.close()
assert got == {length}, got
'''], sink)
    taking.expected_end = True
    wait_until(lambda: taking.check_alive() and ':7777' in sink.run('ss', '-Hltn'), what='the sink listens')
    source.run('/usr/bin/python3', '-c', f'''
import socket
s = socket.create_connection(("{address}", 7777))
part = bytes(1 << 20)
for at in range(0, {length}, len(part)):
    s.sendall(part[:{length} - at])
s.shutdown(socket.SHUT_WR)
s.recv(1)
''', timeout=100)
    assert taking.wait(20) == 0, taking.output()


def per_message(meters, transfer, length=LENGTH):
    """{name: mean bytes of a message} while transfer() brought so many bytes."""
    before = [meter.read() for meter in meters]
    transfer()
    after = [meter.read() for meter in meters]
    means = {}
    for meter, (bytes0, packets0), (bytes1, packets1) in zip(meters, before, after):
        assert bytes1 - bytes0 > length, (meter.name, bytes1 - bytes0)
        means[meter.name] = (bytes1 - bytes0) / (packets1 - packets0)
    print({name: round(mean) for name, mean in means.items()})
    return means


def underlay(fabric, here, there):
    return [Meter('out of the sending host', here.ns, 'eth0', 'tx'),
            Meter('into the underlay', fabric.ns, fabric.cables[here.label], 'rx'),
            Meter('out of the underlay', fabric.ns, fabric.cables[there.label], 'tx'),
            Meter('into the receiving host', there.ns, 'eth0', 'rx')]


class Tap:
    """Both directions of a VM's interface."""

    def __init__(self, vm):
        self.sends = Meter('out of the sending machine', vm.ns, vm.device, 'tx')
        self.gets = Meter('into the receiving machine', vm.ns, vm.device, 'rx')


def narrow(fabric, hosts, mtu):
    """The underlay carries less from now on, and Weft knows."""
    for ns, device in [*((fabric.ns, cable) for cable in fabric.cables.values()), (fabric.ns, 'fabric'),
                       *((host.ns, 'eth0') for host in hosts)]:
        ns.ip('link', 'set', device, 'mtu', mtu)
    for host in hosts:
        wait_until(lambda host=host: {row['path'] for row in host.json('mtu') if 'vtep' in row} == {mtu}, what='the paths are known')


def test_with_linux(lab):
    """A Linux VXLAN device at the other end of an underlay of 1,500: what it is given, and what comes from it."""
    fabric = Fabric(lab, mtu=1500)
    linux, weft = LinuxVxlanHost(lab, fabric, 2, 5001, ['172.16.0.1']), WeftHost(lab, fabric, 1)
    weft.tenant('red', vni=5001, vteps=[linux.vtep])
    vm1 = weft.vm('red', 'vm1', 1, '10.0.0.1/24', MAC1, kind='tap')
    vm2 = linux.vm('vm2', '10.0.0.2/24', MAC2)
    weft.up()
    fabric.offloads_on(weft, linux)
    linux.offloads_on('vm2')
    vm2.offloads_on('eth0')
    traffic.wait_ping(vm1.ns, '10.0.0.2')
    for meters, way in (([Tap(vm1).sends, *underlay(fabric, weft, linux)], (vm1.ns, vm2, '10.0.0.2')),
                        ([*underlay(fabric, linux, weft), Tap(vm1).gets], (vm2, vm1.ns, '10.0.0.1'))):
        for name, mean in per_message(meters, lambda way=way: pump(lab, *way)).items():
            assert mean >= LEAST, (name, mean)
    weft.check_balance()


@pytest.mark.parametrize('kind', ['tap', 'af_packet'])
def test_ordinary_frames_are_as_good_as_jumbo_frames(lab, kind):
    """Two machines by frames of 9,000 bytes, then by frames of 1,500 over an underlay that carries no more, both ways."""
    fabric = Fabric(lab, mtu=9000)
    hosts = [WeftHost(lab, fabric, n, options=['--max-frame', 9100]) for n in (1, 2)]
    for n, host in enumerate(hosts):
        for tenant, vni, mtu in (('jumbo', 5001, 8950), ('ordinary', 5002, 1450)):
            host.tenant(tenant, vni=vni, vteps=[hosts[1 - n].vtep])
            vm = host.vm(tenant, f'{tenant}{n + 1}', 1, f'10.0.0.{n + 1}/24', (MAC1, MAC2)[n], kind=kind, mtu=mtu)
            if kind == 'af_packet':
                host.ns.offloads_on(f'p-{vm.label}')
                vm.ns.offloads_on(vm.device)
        host.up()
    fabric.offloads_on(*hosts)

    def means(tenant, here, there):
        source, sink = (hosts[n].vms[f'{tenant}{n + 1}'] for n in (here, there))
        traffic.wait_ping(source.ns, sink.ip)
        return per_message([Tap(source).sends, *underlay(fabric, hosts[here], hosts[there]), Tap(sink).gets],
                           lambda: pump(lab, source.ns, sink.ns, sink.ip))
    jumbo = means('jumbo', 0, 1)
    narrow(fabric, hosts, 1500)
    for way in ((0, 1), (1, 0)):
        for name, mean in means('ordinary', *way).items():
            # A TAP's machine is told how much fits one train, an AF_PACKET interface's is not: two messages hold it then.
            assert mean >= max(LEAST, OF_JUMBO * jumbo[name] if kind == 'tap' else 0), (name, mean, jumbo)
    for host in hosts:
        host.check_balance()
