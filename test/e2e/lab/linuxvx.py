# SPDX-License-Identifier: Apache-2.0
"""Linux's own VXLAN device as a tunnel end point on the fabric: a peer of Weft's."""
from .netns import veth


class LinuxVxlanHost:
    """One host, one VXLAN device `vx` behind a bridge `br0` with the VMs.

    Remote VTEPs get head-end replication by all-zero entries of the device's table; MAC addresses are
    learned from what is decapsulated unless `learning` is False.
    """

    def __init__(self, lab, fabric, number, vni, remotes, port=4789, learning=True, udp_csum=False,
                 ipv6=False, zero_csum6=False, options=(), mtu=1450):
        """ipv6: over an IPv6 underlay. zero_csum6: send no UDP checksum there, and take packets without."""
        self.lab = lab
        self.label = f'linux{number}'
        self.ns = lab.namespace(self.label)
        self.vtep = fabric.attach(self.ns, number)
        if ipv6:
            self.vtep = fabric.attach6(self.ns, number)
            options = [*options, *(('udp6zerocsumtx', 'udp6zerocsumrx') if zero_csum6 else
                                   ('noudp6zerocsumtx', 'noudp6zerocsumrx'))]
        if mtu <= fabric.mtu - 50:  # a device below limits what may be set
            options = ['dev', 'eth0', *options]
        self.ns.ip('link', 'add', 'vx', 'type', 'vxlan', 'id', vni, 'dstport', port, 'local', self.vtep,
                   'learning' if learning else 'nolearning',
                   'udpcsum' if udp_csum else 'noudpcsum', *options)
        # A bridge that snoops joins a group of its own (224.0.0.106), whenever it likes.
        self.ns.ip('link', 'add', 'br0', 'type', 'bridge', 'mcast_snooping', 0)
        for device in ('vx', 'br0'):
            self.ns.offloads_off(device)
        self.ns.ip('link', 'set', 'vx', 'master', 'br0')
        for device in ('vx', 'br0'):
            self.ns.ip('link', 'set', device, 'mtu', mtu)
            self.ns.ip('link', 'set', device, 'up')
        for remote in remotes:
            self.fdb('00:00:00:00:00:00', remote)

    def offloads_on(self, vm):
        """What it sends leaves it uncut, and so does what its VM of this label sends."""
        for device in ('vx', 'br0', f'p-{vm}'):
            self.ns.offloads_on(device)

    def fdb(self, mac, remote):
        """A static entry: this MAC (or, all zero, every unknown one) is behind that VTEP."""
        self.ns.run('bridge', 'fdb', 'append', mac, 'dev', 'vx', 'dst', remote)

    def entries(self):
        """The device's table, as `bridge fdb` prints it."""
        return self.ns.run('bridge', 'fdb', 'show', 'dev', 'vx')

    def vm(self, label, address, mac, mtu=1450):
        ns = self.lab.namespace(label)
        veth(self.ns, f'p-{label}', ns, 'eth0')
        self.ns.ip('link', 'set', f'p-{label}', 'master', 'br0')
        ns.address('eth0', address, mac=mac, mtu=mtu)
        return ns


class LinuxMetadataHost:
    """One host with a VXLAN device `vx` that takes VNI and remote VTEP from each route ("external"), and
    packets of any VNI. It has one address inside, and no VMs."""

    address, mac = '10.0.0.3', '02:00:00:00:00:03'

    def __init__(self, lab, fabric, number):
        self.label = f'linux{number}'
        self.ns = lab.namespace(self.label)
        self.vtep = fabric.attach(self.ns, number)
        self.ns.ip('link', 'add', 'vx', 'type', 'vxlan', 'external', 'dstport', 4789, 'noudpcsum')
        self.ns.offloads_off('vx')
        self.ns.address('vx', f'{self.address}/32', mac=self.mac, mtu=1450)

    def reach(self, address, mac, vni, remote):
        """What goes to this address goes into the network `vni`, to the VTEP `remote`."""
        self.ns.ip('route', 'replace', f'{address}/32', 'encap', 'ip', 'id', vni, 'src', self.vtep, 'dst',
                   remote, 'dev', 'vx')
        self.ns.neighbour('vx', address, mac)
