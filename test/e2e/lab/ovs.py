# SPDX-License-Identifier: Apache-2.0
"""Open vSwitch with its userspace data path, as a tunnel end point on the fabric: a peer of Weft's.

The instance is private: own database, own sockets, in a namespace of its own. `br-phy` holds the
underlay's device and its address, `br-int` the VMs and tunnels, as an operator would set it up.
"""
import signal

from .netns import veth
from .process import run
from .wait import wait_until

DAEMONS = '/usr/sbin'
SCHEMA = '/usr/share/openvswitch/vswitch.ovsschema'


class OvsHost:
    def __init__(self, lab, fabric, number, ipv6=False):
        """ipv6: br-phy has an IPv6 address too, vtep6."""
        self.lab = lab
        self.label = f'ovs{number}'
        self.ns = lab.namespace(self.label)
        self.vtep = fabric.attach(self.ns, number, addressed=False)
        self._number = number
        self._rundir = lab.path(self.label)
        self._env = {f'OVS_{which}DIR': self._rundir for which in ('RUN', 'DB', 'LOG')}
        self.bridge_socket = f'{self._rundir}/br-int.mgmt'  # where ovs-ofctl finds the VMs' bridge
        self._start()
        self._bridges()
        self.vtep6 = fabric.attach6(self.ns, number, 'br-phy') if ipv6 else None

    def _start(self):
        run(['mkdir', '-p', self._rundir])
        run(['ovsdb-tool', 'create', f'{self._rundir}/conf.db', SCHEMA])
        self._database = self.lab.start(
            f'{self.label}-ovsdb', [f'{DAEMONS}/ovsdb-server', f'{self._rundir}/conf.db',
                                    f'--remote=punix:{self._rundir}/db.sock'], self.ns, self._env)
        wait_until(lambda: self.vsctl('--no-wait', 'init') == '', what='ovsdb-server')
        self._switch = self.lab.start(
            f'{self.label}-vswitchd', [f'{DAEMONS}/ovs-vswitchd', f'--unixctl={self._rundir}/ctl',
                                        f'unix:{self._rundir}/db.sock'], self.ns, self._env)

    def _bridges(self):
        mac = self.ns.mac('eth0')
        self.vsctl('add-br', 'br-phy', '--', 'set', 'bridge', 'br-phy', 'datapath_type=netdev',
                   f'other_config:hwaddr={mac}', '--', 'add-port', 'br-phy', 'eth0', '--',
                   'add-br', 'br-int', '--', 'set', 'bridge', 'br-int', 'datapath_type=netdev',
                   'fail_mode=secure')
        self.ns.address('br-phy', f'{self.vtep}/24')
        self.ofctl('add-flow', 'br-int', 'priority=0,actions=NORMAL')

    def pause(self):
        """The switch stands still; its interfaces keep their links."""
        self._switch.signal(signal.SIGSTOP)

    def resume(self):
        self._switch.signal(signal.SIGCONT)

    def vsctl(self, *args):
        """ovs-vsctl; OSError while the database is not there yet."""
        try:
            return run(['ovs-vsctl', '--timeout=10', f'--db=unix:{self._rundir}/db.sock',
                        *map(str, args)], env=self._env)
        except RuntimeError as error:
            raise OSError(str(error)) from error

    def ofctl(self, *args):
        return run(['ovs-ofctl', '-O', 'OpenFlow13', *map(str, args)], env=self._env)

    def appctl(self, *args):
        return run(['ovs-appctl', f'--target={self._rundir}/ctl', *map(str, args)], env=self._env)

    def vxlan(self, name, vni, remote, *options):
        """A VXLAN port of br-int towards one remote VTEP."""
        self.vsctl('add-port', 'br-int', name, '--', 'set', 'interface', name, 'type=vxlan',
                   f'options:remote_ip={remote}', f'options:key={vni}', *options)
        return self._ready(name)

    def nvgre(self, name, vsid, remote):
        """A GRE port that speaks NVGRE (RFC 7637): key = VSID << 8 | FlowID, any FlowID accepted."""
        self.vsctl('add-port', 'br-int', name, '--', 'set', 'interface', name, 'type=gre',
                   f'options:remote_ip={remote}', 'options:in_key=flow',
                   f'options:out_key={vsid << 8}')
        port = self._ready(name)
        self.ofctl('add-flow', 'br-int', f'priority=100,in_port={port},actions=drop')
        self.ofctl('add-flow', 'br-int', f'priority=200,in_port={port},'
                   f'tun_id={vsid << 8:#x}/0xffffffffffffff00,actions=NORMAL')
        return port

    def vm(self, label, address, mac, mtu=1450):
        """A VM: a namespace on a veth pair whose other end is a port of br-int."""
        ns = self.lab.namespace(label)
        tap = f'p-{label}'
        veth(self.ns, tap, ns, 'eth0')
        ns.address('eth0', address, mac=mac, mtu=mtu)
        self.vsctl('add-port', 'br-int', tap)
        self._ready(tap)
        return ns

    def _ready(self, port):
        def number():
            text = self.vsctl('get', 'interface', port, 'ofport', 'error').split()
            assert text[1] == '[]', text
            return int(text[0]) if text[0].isdigit() and int(text[0]) > 0 else 0
        return wait_until(number, what=f'OVS port {port}')
