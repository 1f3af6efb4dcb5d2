# SPDX-License-Identifier: Apache-2.0
"""The way to the other VTEPs: the kernel's routes and neighbours are followed, and the kernel stays quiet."""
from lab import traffic, tshark
from lab.netns import veth
from lab.wait import wait_until

MAC1, MAC2 = '02:00:00:00:00:01', '02:00:00:00:00:02'
VNI = 5001


def one_host(hosts, vtep, **tenant):
    host = hosts(1)
    host.tenant('red', vni=VNI, vteps=[vtep], **tenant)
    host.vm('red', 'vm1', 1, '10.0.0.1/24', MAC1)
    host.up()
    return host


def frame(mark, dst=MAC2):
    return traffic.udp_frame(MAC1, dst, '10.0.0.1', '10.0.0.2') / mark


def send(host, mark, count, dst=MAC2):
    with host.vms['vm1'].raw() as port:
        for _ in range(count):
            port.send(frame(mark, dst))


def test_kernel_answers_nothing_of_its_own(lab, fabric, hosts):
    """The kernel of a host with an AF_PACKET uplink sees every tunnel packet too. It knows no socket for
    them, but must not say so: neither ICMP port unreachable nor protocol unreachable."""
    built = [hosts(1), hosts(2)]
    for n, host in enumerate(built):
        host.tenant('red', vni=VNI, vteps=[built[1 - n].vtep])
        host.tenant('blue', vsid=0x5002, vteps=[built[1 - n].vtep])
        for tenant in ('red', 'blue'):
            host.vm(tenant, f'{tenant}{n + 1}', 1, f'10.0.0.{n + 1}/24', f'02:00:00:00:00:0{n + 1}')
        host.up()
    captures = [fabric.capture(host.label, f'quiet-{host.label}') for host in built]
    for tenant in ('red', 'blue'):
        traffic.wait_ping(built[0].vms[f'{tenant}1'].ns, '10.0.0.2', 15)
        assert traffic.ping(built[0].vms[f'{tenant}1'].ns, '10.0.0.2', count=20) == 20
    for capture in captures:
        pcap = capture.stop()
        assert tshark.count(pcap, 'vxlan') >= 20 and tshark.count(pcap, 'gre') >= 20
        assert tshark.count(pcap, 'icmp.type == 3') == 0


def test_kernel_keeps_its_own_traffic(lab, fabric, hosts):
    """ARP, ping and TCP to the VTEP's address are the kernel's, while Weft runs."""
    host = one_host(hosts, '172.16.0.2')
    assert traffic.ping(fabric.ns, host.vtep, count=10) == 10
    assert traffic.ping(host.ns, fabric.address, count=10) == 10
    assert traffic.mbits(traffic.iperf3(lab, host.ns, fabric.ns, host.vtep, seconds=1)) > 1


def test_uplink_that_the_kernel_does_not_see(lab, fabric, hosts):
    """As with a NIC that DPDK owns: the kernel keeps the VTEP's address on an interface that Weft makes,
    and its traffic passes through the data plane; tunnels work by the kernel's neighbours all the same."""
    nic, other = hosts(1, uplink='tap'), hosts(2)
    for host, remote in ((nic, other), (other, nic)):
        host.tenant('red', vni=VNI, vteps=[remote.vtep])
        n = host.number
        host.vm('red', f'vm{n}', 1, f'10.0.0.{n}/24', f'02:00:00:00:00:0{n}')
        host.up()
    wait_until(lambda: traffic.ping(fabric.ns, nic.vtep, count=1) == 1, 10, 'the kernel answers')
    assert traffic.ping(fabric.ns, nic.vtep, count=10) == 10
    assert traffic.ping(nic.ns, fabric.address, count=10, size=1400) == 10
    traffic.wait_ping(nic.vms['vm1'].ns, '10.0.0.2', 15)
    assert traffic.ping(nic.vms['vm1'].ns, '10.0.0.2', count=10) == 10
    assert traffic.ping(other.vms['vm2'].ns, '10.0.0.1', count=10) == 10


def test_unresolved_next_hop_is_counted_then_resolved(lab, fabric, hosts):
    """A VTEP whose next hop does not answer yet: packets are counted under no-neighbour; the neighbour is
    asked for; when it is there, packets flow without anybody's help."""
    peer = lab.namespace('peer')
    vtep = fabric.attach(peer, 2)
    fabric.cut('peer')
    host = one_host(hosts, vtep, learn=False, fdb=[{'mac': MAC2, 'vtep': vtep}])
    capture = fabric.capture('h1', 'asked')
    send(host, b'too-early', 5)
    wait_until(lambda: host.drops('red').get('no-neighbour', 0) == 5, what='5 under no-neighbour')
    wait_until(lambda: tshark.count(capture.path, f'arp.opcode == 1 && arp.dst.proto_ipv4 == {vtep}'),
               what='the next hop is asked for')
    fabric.mend('peer')
    with peer.raw('eth0') as port:
        def arrives():
            send(host, b'in-time', 1)
            return port.collect(0.2, lambda f: b'in-time' in f)
        wait_until(arrives, 15, 'packets flow once the next hop answers')
    capture.stop()


def test_no_route_is_counted_and_healed(lab, fabric, hosts):
    """A VTEP beyond a router: no route, then a route by a gateway; the outer MAC is the gateway's."""
    router, far = lab.namespace('router'), lab.namespace('far')
    gateway = fabric.attach(router, 3)
    veth(router, 'eth1', far, 'eth0')
    router.address('eth1', '172.17.0.1/24', mtu=1600)
    far.address('eth0', '172.17.0.9/24', mtu=1600)
    router.run('sysctl', '-qw', 'net.ipv4.ip_forward=1')
    far.ip('route', 'add', 'default', 'via', '172.17.0.1')
    host = one_host(hosts, '172.17.0.9', learn=False, fdb=[{'mac': MAC2, 'vtep': '172.17.0.9'}])
    send(host, b'no-route-yet', 4)
    wait_until(lambda: host.drops('red').get('no-route', 0) == 4, what='4 under no-route')
    host.ns.ip('route', 'add', '172.17.0.0/24', 'via', gateway)
    with far.raw('eth0') as port:
        def arrives():
            send(host, b'routed', 1)
            return port.collect(0.2, lambda f: b'routed' in f)
        wait_until(arrives, 15, 'packets follow the new route')
        host.ns.ip('route', 'del', '172.17.0.0/24')
        before = wait_until(lambda: host.drops('red'), what='drops')

        def gone():
            send(host, b'gone-again', 1)
            return host.drops('red').get('no-route', 0) > before.get('no-route', 0)
        wait_until(gone, 10, 'the route is given up with the kernel')


def test_next_hop_changes_its_mac(lab, fabric, hosts):
    """The neighbour's MAC changes (a failover of the peer); the outer header follows."""
    peer = lab.namespace('peer')
    vtep = fabric.attach(peer, 2)
    host = one_host(hosts, vtep, learn=False, fdb=[{'mac': MAC2, 'vtep': vtep}])
    with peer.raw('eth0') as port:
        def arrives(mark):
            send(host, mark, 1)
            return port.collect(0.2, lambda f: mark in f)
        wait_until(lambda: arrives(b'old-mac'), 15, 'packets flow')
        host.ns.ip('neigh', 'replace', vtep, 'lladdr', '02:99:99:99:99:99', 'dev', 'eth0', 'nud',
                   'permanent')

        def followed():
            found = arrives(b'new-mac')
            return found and found[-1][:6] == bytes.fromhex('029999999999')
        wait_until(followed, 10, 'the outer destination MAC follows')


def test_several_workers_keep_the_order_of_a_flow(lab, fabric, hosts):
    """Two workers on each host; no packet of a flow is lost, doubled or overtakes another."""
    built = [hosts(1, workers=2), hosts(2, workers=2)]
    for n, host in enumerate(built):
        host.tenant('red', vni=VNI, vteps=[built[1 - n].vtep])
        host.vm('red', f'vm{n + 1}', 1, f'10.0.0.{n + 1}/24', f'02:00:00:00:00:0{n + 1}')
        host.up()
    a, b = built[0].vms['vm1'], built[1].vms['vm2']
    traffic.wait_ping(a.ns, b.ip, 15)
    with a.raw() as source, b.raw() as sink:
        stream = traffic.Stream(source, sink, traffic.udp_frame(MAC1, MAC2, a.ip, b.ip), rate=1000)
        stream.wait_flowing(1500)
        lost, twice = stream.stop()
    assert not lost and not twice
    assert list(stream.arrived) == sorted(stream.arrived)  # a dict keeps the order of arrival


def test_too_big_for_the_underlay_is_counted(lab, fabric, hosts):
    """A frame that does not fit the underlay's MTU once encapsulated dies under a name of its own."""
    peer = lab.namespace('peer')
    vtep = fabric.attach(peer, 2)
    host = hosts(1)
    host.tenant('red', vni=VNI, vteps=[vtep], learn=False, fdb=[{'mac': MAC2, 'vtep': vtep}], too_big='drop')
    host.vm('red', 'vm1', 1, '10.0.0.1/24', MAC1, mtu=1590)
    host.up()
    with peer.raw('eth0') as port:
        def arrives():
            send(host, b'small', 1)
            return port.collect(0.2, lambda f: b'small' in f)
        wait_until(arrives, 15, 'packets flow')
        with host.vms['vm1'].raw() as vm:
            for _ in range(3):
                vm.send(frame(b'big' + b'.' * 1555))
        wait_until(lambda: host.drops('red').get('too-big', 0) == 3, what='3 under too-big')
        assert not port.collect(0.3, lambda f: b'big...' in f)
