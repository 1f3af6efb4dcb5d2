# SPDX-License-Identifier: Apache-2.0
"""A host that runs weft-dataplane alone; the test itself is the agent, through weftipc."""
import weftipc

from .wait import wait_until
from .weft import program


class BareHost:
    """Port 1 is the uplink `eth0` on the fabric (kind af_packet), or a veth pair's end for other kinds."""

    def __init__(self, lab, fabric, number, workers=1, options=(), uplink='af_packet'):
        self.lab, self.fabric, self.number = lab, fabric, number
        self.label = f'b{number}'
        self.ns = lab.namespace(self.label)
        self.vtep = fabric.attach(self.ns, number)
        self.mac = self.ns.mac('eth0')
        self.workers, self.options = workers, options
        self.next_port = 2
        self.dp = self.process = None
        self.start()

    def start(self):
        """Starts the data plane, connects, and sets host and uplink."""
        self.sockets = [self.lab.path(f'{self.label}{end}') for end in ('.sock', '.punt')]
        self.process = self.lab.start(f'weft-dataplane-{self.label}', [
            program('weft-dataplane'), '--no-huge', '--mem', 256, '--mbufs', 16384, '--idle-sleep', 100,
            '--workers', self.workers, '--socket', self.sockets[0], '--punt-socket', self.sockets[1],
            *self.options], self.ns)
        self.connect()
        with self.dp.txn():
            self.dp.host_set(vtep4=self.vtep)
            self.dp.port_add(0, 'af_packet', id=1, ofport=0, name='up0', device='eth0')

    def connect(self):
        self.dp = weftipc.Client(*self.sockets)
        return self.dp

    def reaches(self, *others):
        """Next hops to other hosts: anything with .vtep and a MAC on the fabric (.mac)."""
        for other in others:
            self.dp.nexthop_set(other.vtep, src=self.vtep, port=1, src_mac=self.mac, dst_mac=other.mac)

    def tenant(self, number, encap=weftipc.VXLAN, network=5000, vteps=(),
               flags=weftipc.STANDALONE | weftipc.LEARN, **more):
        with self.dp.txn():
            self.dp.tenant_add(number, encap=encap, vni=network, flags=flags, **more)
            for vtep in vteps:
                self.dp.vtep_add(number, vtep)

    def vm(self, tenant, label, ofport, address, mac, kind='tap', mtu=1400):
        """A namespace behind a TAP, or behind a veth pair on AF_PACKET with its offloads left on."""
        ns = self.lab.namespace(label)
        device = f't-{label}'[:15]
        port, self.next_port = self.next_port, self.next_port + 1
        if kind == 'tap':
            self.dp.port_add(tenant, 'tap', id=port, ofport=ofport, name=label, device=device)
            self.ns.ip('link', 'set', device, 'netns', ns.name, 'name', 'eth0')
        else:
            self.ns.ip('link', 'add', device, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', ns.name)
            ns.run('ethtool', '-K', 'eth0', 'tso', 'off', 'gso', 'off')
            self.ns.ip('link', 'set', device, 'up')
            self.dp.port_add(tenant, 'af_packet', id=port, ofport=ofport, name=label, device=device)
        ns.address('eth0', address, mac=mac, mtu=mtu)
        ns.port_id = port
        return ns

    def settled(self):
        """The ledgers when nothing is under way."""
        def still():
            before = self.dp.ledgers()
            return before if before == self.dp.ledgers() else None
        return wait_until(still, what='ledgers at rest')

    def check_balance(self):
        """The ledgers, each of which balances; a worker that has lost its CPU may hold a burst for a while."""
        def balanced():
            ledgers = self.settled()
            for tenant, ledger in ledgers.items():
                assert weftipc.balance(ledger) == 0 and ledger['in_flight'] == 0, (tenant, ledger)
            return ledgers
        return wait_until(balanced, 5, f'the balance of {self.label}')


def pair(a, b, encap=weftipc.VXLAN, network=5000, tenant=1, **more):
    """The same tenant on two hosts that know each other."""
    for here, there in ((a, b), (b, a)):
        here.reaches(there)
        here.tenant(tenant, encap, network, [there.vtep], **more)


def connect_vms(a, b, tenant=1, kind='tap', prefix='vm'):
    """A VM of the tenant on each of two hosts: 10.0.0.1 and 10.0.0.2."""
    vm1 = a.vm(tenant, f'{prefix}1', 1, '10.0.0.1/24', '02:00:00:00:00:01', kind)
    vm2 = b.vm(tenant, f'{prefix}2', 1, '10.0.0.2/24', '02:00:00:00:00:02', kind)
    return vm1, vm2
