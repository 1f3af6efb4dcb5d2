# SPDX-License-Identifier: Apache-2.0
"""Every kind of port that needs no hardware, carrying frames."""
import os

import pytest
import weftipc
from lab.bare import BareHost
from lab.fabric import Capture
from lab.netns import veth
from lab.traffic import ping, wait_ping
from lab.wait import wait_until
from scapy.layers.inet import IP, UDP
from scapy.layers.l2 import Ether
from scapy.utils import rdpcap, wrpcap

MAC1, MAC2 = '02:00:00:00:00:01', '02:00:00:00:00:02'
FRAMES = [Ether(dst=MAC2, src=MAC1) / IP(src='10.0.0.1', dst='10.0.0.2') / UDP(sport=7, dport=9) /
          (bytes([n]) * 50) for n in range(20)]


@pytest.fixture
def host(lab, fabric):
    made = BareHost(lab, fabric, 1)
    made.tenant(1, encap=weftipc.NONE, network=0)
    yield made
    made.check_balance()


def test_pcap(lab, host):
    wrpcap(lab.path('in.pcap'), FRAMES)
    host.dp.port_add(1, 'pcap', id=20, ofport=2, device=f'tx={lab.path("out.pcap")}')
    host.dp.port_add(1, 'null', id=22, ofport=4)
    host.dp.port_add(1, 'pcap', id=21, ofport=3, device=f'rx={lab.path("in.pcap")}')
    wait_until(lambda: host.dp.ledgers()[1]['sent'] == 40, what='all frames to both ports')
    host.dp.port_del(20)  # closes the file
    assert [bytes(p) for p in rdpcap(lab.path('out.pcap'))] == [bytes(p) for p in FRAMES]


def test_null_as_a_source(host):
    host.dp.port_add(1, 'null', id=20, ofport=2)
    host.dp.port_add(1, 'null', id=21, ofport=3, device='size=128')
    wait_until(lambda: host.dp.ledgers()[1]['sent'] > 10000, what='frames')
    host.dp.port_del(21)
    ledger = host.check_balance()[1]
    assert ledger['received'] == ledger['sent'] + sum(ledger['drops'].values())


def test_memif(lab, fabric, host):
    other = BareHost(lab, fabric, 2)
    other.tenant(1, encap=weftipc.NONE, network=0)
    vm1 = host.vm(1, 'vm1', 1, '10.0.0.1/24', MAC1)
    vm2 = other.vm(1, 'vm2', 1, '10.0.0.2/24', MAC2)
    path = lab.path('memif.sock')
    host.dp.port_add(1, 'memif', id=20, ofport=2, device=f'{path},role=server,id=3')
    other.dp.port_add(1, 'memif', id=20, ofport=2, device=f'{path},role=client,id=3')
    wait_ping(vm1, '10.0.0.2')
    assert ping(vm1, '10.0.0.2', count=20, interval=0.02, size=1300) == 20
    wait_until(lambda: not any(p['state'] for p in host.dp.ports(1)), what='links up')
    other.process.stop()  # the other end goes: the link is down, and comes back with it
    wait_until(lambda: [p['state'] for p in host.dp.ports(1) if p['ofport'] == 2] == [1], what='link down')
    assert host.dp.wait_events('PORT_STATUS')


def test_memif_after_a_crash(lab, fabric):
    """The socket that a killed data plane left does not keep the next one from serving it, nor are two ports at one
    socket in each other's way."""
    host = BareHost(lab, fabric, 3)
    devices = [f'{lab.path("left.sock")},role=server,id={n}' for n in range(2)]
    for _ in range(2):
        host.tenant(1, encap=weftipc.NONE, network=0)
        for n, device in enumerate(devices):
            host.dp.port_add(1, 'memif', id=20 + n, ofport=2 + n, device=device)
        for _ in range(8):  # DPDK ends the process if a connection to its socket ends at the wrong moment
            host.dp.port_del(21)
            host.dp.port_add(1, 'memif', id=21, ofport=3, device=devices[1])
        assert len(host.dp.ports(1)) == 2
        host.process.kill()
        host.start()


def test_af_xdp(lab, host):
    vm1 = host.vm(1, 'vm1', 1, '10.0.0.1/24', MAC1)
    vm2 = lab.namespace('vm2')
    veth(host.ns, 'xdp0', vm2, 'eth0')
    vm2.address('eth0', '10.0.0.2/24', mac=MAC2, mtu=1400)
    try:
        host.dp.port_add(1, 'af_xdp', id=20, ofport=2, device='xdp0')
    except weftipc.Refused as e:
        pytest.skip(f'no AF_XDP here: {e}')
    wait_ping(vm1, '10.0.0.2')
    assert ping(vm1, '10.0.0.2', count=20, interval=0.02, size=1000) == 20
    before, = (p for p in host.dp.ports(1) if p['ofport'] == 2)

    host.ns.ip('link', 'del', 'xdp0')  # a container's cable, plugged in again
    wait_until(lambda: [p['state'] for p in host.dp.ports(1) if p['ofport'] == 2] == [1], what='link down')
    veth(host.ns, 'xdp0', vm2, 'eth0')
    vm2.address('eth0', '10.0.0.2/24', mac=MAC2, mtu=1400)
    wait_ping(vm1, '10.0.0.2')
    after, = (p for p in host.dp.ports(1) if p['ofport'] == 2)
    assert after['state'] == 0 and after['mac'] != before['mac']
    for count in ('rx_packets', 'rx_bytes', 'tx_packets', 'tx_bytes'):
        assert after[count] > before[count]
    host.dp.port_del(20)


def test_af_packet_keeps_tags(lab, host):
    """The kernel takes a frame's outer tag off before a packet socket sees it; it comes back as it was."""
    vm1, vm2 = (host.vm(1, f'vm{n}', n, f'10.0.0.{n}/24', mac, kind='af_packet') for n, mac in ((1, MAC1), (2, MAC2)))
    frames = [bytes(f)[:12] + bytes.fromhex(tags) + bytes(f)[12:]
              for f, tags in zip(FRAMES, ('', '8100 2005', '88a8 e007', '88a8 0003 8100 0005', '8100 0000'))]
    capture = Capture(lab, vm2, 'eth0', 'tags')
    with vm1.raw('eth0') as here, vm2.raw('eth0') as there:
        for frame in frames:
            here.send(frame)
            there.expect(lambda got: got[-50:] == frame[-50:], what='the frame')
    assert [f for f in map(bytes, rdpcap(capture.stop())) if f[-50:] in [sent[-50:] for sent in frames]] == frames


def huge_pages():
    with open('/proc/meminfo') as f:
        return int(dict(line.split(':') for line in f)['HugePages_Free'])


# A hypervisor with a TAP of its own: its machine asks for an address once a second, and tells who answers.
HYPERVISOR = r"""
import fcntl, os, select, struct
fd = os.open('/dev/net/tun', os.O_RDWR)
fcntl.ioctl(fd, 0x400454ca, struct.pack('16sH', b'qemu0', 0x1002))  # TUNSETIFF: IFF_TAP, IFF_NO_PI
os.system('ip link set qemu0 up')
mac, ip, wanted = bytes.fromhex('020000000002'), bytes([10, 0, 0, 2]), bytes([10, 0, 0, 1])
ask = b'\xff' * 6 + mac + bytes.fromhex('08060001080006040001') + mac + ip + bytes(6) + wanted
print('here', flush=True)
while True:
    if not select.select([fd], [], [], 1)[0]:
        os.write(fd, ask.ljust(60, b'\0'))
        continue
    frame = os.read(fd, 2000)
    if frame[12:14] == b'\x08\x06' and frame[20:22] == b'\0\2':
        print('answered by', frame[22:28].hex(':'), flush=True)
"""


def test_a_hypervisors_tap(lab, host):
    hypervisor = lab.start('hypervisor', ['/usr/bin/python3', '-u', '-c', HYPERVISOR], host.ns)
    wait_until(lambda: 'here' in hypervisor.output(), what='the TAP')
    host.vm(1, 'vm1', 1, '10.0.0.1/24', MAC1)
    host.dp.port_add(1, 'af_packet', id=20, ofport=2, device='qemu0')
    wait_until(lambda: f'answered by {MAC1}' in hypervisor.output(), 15, 'an answer')


@pytest.mark.skipif(huge_pages() < 64, reason="the machine's memory can only be shared as 64 huge pages")
@pytest.mark.parametrize('workers', [1, 2])
def test_vhost_user(lab, fabric, workers):
    """testpmd's virtio_user is the machine: it sends back what it gets. It restarts; so do we. It has
    one queue, whatever workers there are."""
    host = BareHost(lab, fabric, 1, workers=workers)
    host.tenant(1, encap=weftipc.NONE, network=0)
    vm1 = host.vm(1, 'vm1', 1, '10.0.0.1/24', MAC1)
    path = lab.path('vhost.sock')

    def machine(name):
        return lab.start(name, [
            'dpdk-testpmd', '--in-memory', '--single-file-segments', '--no-pci', '-m', 100,
            '--lcores', '0@(0-1),1@(0-1)', f'--vdev=net_virtio_user0,path={path},server=1,queues=1',
            '--', '--forward-mode=macswap', '--total-num-mbufs=4096', '--auto-start',
            '--stats-period=1', '--nb-cores=1'], host.ns)

    def echoed():
        with vm1.raw('eth0') as raw:
            raw.send(bytes(FRAMES[0]))
            return raw.collect(0.3, lambda f: f[:12] == bytes(FRAMES[0])[6:12] + bytes(FRAMES[0])[:6])

    host.dp.port_add(1, 'vhost_user', id=20, ofport=2, device=path)
    first = machine('machine1')
    wait_until(echoed, timeout=20, what='an echo')
    before = host.dp.ledgers()[1]
    with vm1.raw('eth0') as raw:  # flows enough for every worker to have some
        for port in range(64):
            frame = FRAMES[0].copy()
            frame[UDP].sport = 1000 + port
            raw.send(bytes(frame))
    wait_until(lambda: host.dp.ledgers()[1]['sent'] >= before['sent'] + 128, what='echoes of all')
    assert host.dp.ledgers()[1]['drops'].get('tx-full') == before['drops'].get('tx-full')
    first.kill()
    os.unlink(path)  # as a hypervisor does before it listens
    machine('machine2')
    wait_until(echoed, timeout=20, what='an echo after the machine restarted')
    host.check_balance()


def test_uplink_that_the_kernel_does_not_see(lab, fabric):
    """A memif uplink between two hosts: tunnels over it, and the kernels meet through TAPs of their
    own, with the VTEPs' addresses on them."""
    a, b = BareHost(lab, fabric, 1), BareHost(lab, fabric, 2)
    path = lab.path('wire.sock')
    for host, role, last in ((a, 'server', 1), (b, 'client', 2)):
        host.dp.port_add(0, 'memif', id=10, ofport=0, name='wire', device=f'{path},role={role}')
        host.wire = f'172.31.0.{last}'
        host.ns.address('wire', f'{host.wire}/24')
        host.wire_mac = host.ns.mac('wire')
        assert host.wire_mac == [p['mac'] for p in host.dp.ports() if p['id'] == 10][0]
        host.dp.host_set(vtep4=host.wire)
    wait_ping(a.ns, b.wire)  # kernel to kernel: ARP and ICMP both ways
    for here, there in ((a, b), (b, a)):
        here.dp.nexthop_set(there.wire, src=here.wire, port=10, src_mac=here.wire_mac,
                            dst_mac=there.wire_mac)
        here.tenant(1, network=77, vteps=[there.wire])
    vm1 = a.vm(1, 'vm1', 1, '10.0.0.1/24', MAC1)
    b.vm(1, 'vm2', 1, '10.0.0.2/24', MAC2)
    wait_ping(vm1, '10.0.0.2')
    assert ping(vm1, '10.0.0.2', count=10, interval=0.02) == 10
    assert ping(a.ns, b.wire, count=5) == 5
    for host in (a, b):
        host.check_balance()
    a.dp.port_del(10)
    assert 'wire' not in a.ns.devices()
