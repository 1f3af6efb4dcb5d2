# SPDX-License-Identifier: Apache-2.0
"""More ports than DPDK has room for devices: forty tenants with the same addresses on one host."""
import pytest
import weftipc
from lab.bare import BareHost
from lab.wait import wait_until
from scapy.layers.inet import IP, UDP
from scapy.layers.l2 import Ether

TENANTS = range(1, 41)


def frame(tenant):
    return bytes(Ether(dst='02:00:00:00:00:02', src='02:00:00:00:00:01') / IP(src='10.0.0.1', dst='10.0.0.2') /
                 UDP(sport=7, dport=9) / f'of tenant {tenant:5}'.encode() / bytes(40))


def received(port):
    """What is there now, but for what the kernel says of itself on a new interface."""
    frames = []
    while (got := port.receive(0)) is not None:
        if b'of tenant' in got:
            frames.append(got)
    return frames


def test_forty_tenants_on_one_host(lab, fabric):
    host = BareHost(lab, fabric, 1)
    ports = {}
    for tenant in TENANTS:
        host.tenant(tenant, encap=weftipc.NONE, network=0)
        for end in (1, 2):
            host.dp.port_add(tenant, 'tap', id=2 * tenant + end, ofport=end, device=f't{tenant}-{end}')
            ports[tenant, end] = host.ns.raw(f't{tenant}-{end}')
    assert len(host.dp.ports()) == 2 * len(TENANTS) + 1
    got = {tenant: [] for tenant in TENANTS}

    def all_there():
        for tenant in TENANTS:
            got[tenant] += received(ports[tenant, 2])
        return all(len(frames) >= 3 for frames in got.values())

    for tenant in TENANTS:
        for _ in range(3):
            ports[tenant, 1].send(frame(tenant))
    wait_until(all_there, 20, 'three frames at each tenant')
    host.check_balance()
    assert all_there() and all(frames == 3 * [frame(tenant)] for tenant, frames in got.items())
    for tenant in TENANTS[1:]:
        host.dp.port_del(2 * tenant + 2)
    assert len(host.dp.ports()) == len(TENANTS) + 2
    ports[1, 1].send(frame(1))  # who stays goes on, and a port may take a place that is free again
    wait_until(lambda: received(ports[1, 2]) == [frame(1)], what='the frame of the tenant that stayed')
    for n in range(40):  # no machine is there yet
        host.dp.port_add(3, 'vhost_user', id=1000 + n, ofport=10 + n, device=lab.path(f'vhost{n}.sock'))
    assert [p['state'] for p in host.dp.ports(3) if p['ofport'] >= 10] == 40 * [1]
    for n in range(5):
        host.dp.port_del(1000 + n)
    host.dp.port_add(2, 'tap', id=6, ofport=2, device='t2-2')
    again = host.ns.raw('t2-2')
    ports[2, 1].send(frame(2))
    wait_until(lambda: received(again) == [frame(2)], what='the frame at the new port')
    host.check_balance()


def test_nine_hundred_ports_are_replaced_at_once(lab, fabric):
    """Those that go make room for those that come, though they are shown again if the transaction fails."""
    host = BareHost(lab, fabric, 1)
    host.tenant(1, encap=weftipc.NONE, network=0)

    def replace(old, new, last_ofport):
        with host.dp.txn(atomic=True):
            for n in old:
                host.dp.port_del(n)
            for n in new:
                host.dp.port_add(1, 'null', id=n, ofport=n)
            host.dp.port_add(1, 'null', id=5000, ofport=last_ofport)

    def numbers():
        return sorted(p['ofport'] for p in host.dp.ports(1))

    replace([], range(100, 1000), 5000)
    with pytest.raises(weftipc.Refused):
        replace(range(100, 1000), range(1000, 1900), 1000)  # which is taken
    assert numbers() == [*range(100, 1000), 5000]
    replace([5000, *range(100, 1000)], range(1000, 1900), 5000)
    assert numbers() == [*range(1000, 1900), 5000]
    host.check_balance()
