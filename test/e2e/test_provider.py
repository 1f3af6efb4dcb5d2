# SPDX-License-Identifier: Apache-2.0
"""A provider's switch: one bridge for many networks, whose rules set tun_id and tun_dst themselves."""
import pytest

from lab import traffic, tshark
from lab.wait import wait_until

VXLAN, NVGRE = 65001, 65002
MAC1, MAC2 = '02:00:00:00:00:01', '02:00:00:00:00:02'
IP1, IP2 = '10.0.0.1/24', '10.0.0.2/24'
CUSTOMERS = {'a': (1, 7001), 'b': (2, 7002)}  # port on either host, network


def customers(host, mac, address):
    """A VM of each customer, all with the same MAC and IP address."""
    return {name: host.vm('cloud', f'{name}{host.number}', port, address, mac)
            for name, (port, _) in CUSTOMERS.items()}


def connect(host, remote, tunnel=VXLAN, field='tun_dst'):
    """Rules by which each customer's port and its network are one."""
    for port, network in CUSTOMERS.values():
        host.ofctl('cloud', 'add-flow', f'in_port={port},actions=set_field:{network}->tun_id,'
                   f'set_field:{remote}->{field},output:{tunnel}')
        host.ofctl('cloud', 'add-flow', f'in_port={tunnel},tun_id={network},actions=output:{port}')


@pytest.fixture
def two(hosts):
    """Two hosts, a provider on each, two customers with the same addresses."""
    built = [hosts(1), hosts(2)]
    for host in built:
        host.provider('cloud', ['172.16.0.0/24'], host.number, vnis=['7000-7999'], vsids=['rest'])
    vms = customers(built[0], MAC1, IP1), customers(built[1], MAC2, IP2)
    for host in built:
        host.up()
    return (*built, *vms)


@pytest.mark.parametrize('tunnel', [VXLAN, NVGRE])
def test_customers_with_the_same_addresses_are_kept_apart_by_tun_id(two, tunnel):
    h1, h2, here, there = two
    connect(h1, h2.vtep, tunnel)
    connect(h2, h1.vtep, tunnel)
    for name in CUSTOMERS:
        traffic.wait_ping(here[name].ns, '10.0.0.2')
        assert traffic.ping(here[name].ns, '10.0.0.2', count=10) == 10
    with here['a'].raw() as source, there['a'].raw() as mine, there['b'].raw() as others:
        for n in range(20):
            source.send(traffic.udp_frame(MAC1, MAC2, '10.0.0.1', '10.0.0.2') / f'of-a-{n:02}')
        assert len(mine.collect(1.0, lambda f: b'of-a-' in f)) == 20
        assert not others.collect(0.3, lambda f: b'of-a-' in f)
