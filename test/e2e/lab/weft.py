# SPDX-License-Identifier: Apache-2.0
"""A host that runs Weft: a namespace with an uplink, a weft-dataplane and a weft-agent.

    host = WeftHost(lab, fabric, 1)
    host.tenant('red', vni=5001, vteps=['172.16.0.2'], dpid=1, controllers=['tcp:172.16.0.254:6653'])
    vm = host.vm('red', 'vm1', 1, '10.0.0.1/24', '02:00:00:00:00:01')
    host.up()

`config` is the configuration as a dict, written by write_config(); change it and call apply().
"""
import json
import os
import subprocess

import yaml

from .netns import veth
from .process import run
from .wait import wait_until

BUILD = os.environ.get('WEFT_BUILD') or os.path.join(
    os.path.dirname(os.path.abspath(__file__)), '..', '..', '..', 'build')


def program(name):
    """Path of a program of ours in the build folder."""
    folder = {'weft-dataplane': 'dataplane', 'weft-agent': 'ctrlagent', 'weft': 'ctrlagent'}[name]
    return os.path.realpath(os.path.join(BUILD, folder, name))


class CommandError(Exception):
    """weft ended with a status that is not 0."""

    def __init__(self, args, status, stdout, stderr):
        super().__init__(f'weft {" ".join(args)}: status {status}\n{stdout}{stderr}')
        self.status = status
        self.stdout = stdout
        self.stderr = stderr


class Vm:
    """A VM is a namespace with one interface, cabled or TAPped to a port of a tenant's switch."""

    def __init__(self, ns, device, tenant, number, address, mac, mtu, kind):
        self.ns, self.device, self.tenant, self.number = ns, device, tenant, number
        self.address, self.mac, self.mtu, self.kind = address, mac, mtu, kind
        self.ip = address.split('/')[0]

    @property
    def label(self):
        return self.ns.label

    def configure(self):
        """Addresses the interface."""
        self.ns.address(self.device, self.address, mac=self.mac, mtu=self.mtu)

    def raw(self):
        return self.ns.raw(self.device)


class WeftHost:
    def __init__(self, lab, fabric, number, uplink='af_packet', workers=1, idle_sleep=100, options=()):
        """uplink 'tap': as with a NIC that the kernel does not see. The uplink is a TAP bridged to the
        cable, and the VTEP's address is on up0, the interface that Weft makes for the kernel. `options`:
        more of weft-dataplane's."""
        self.lab, self.fabric, self.number = lab, fabric, number
        self.label = f'h{number}'
        self.ns = lab.namespace(self.label)
        self.vtep = fabric.attach(self.ns, number, addressed=uplink == 'af_packet')
        self.vms, self.targets = {}, {}
        self.config = {
            'host': {'name': self.label, 'vtep': self.vtep},
            'uplinks': [{'name': 'up0', 'kind': uplink,
                         'device': 'eth0' if uplink == 'af_packet' else 'nic0'}],
            'tenants': [],
        }
        self.workers, self.idle_sleep, self.options = workers, idle_sleep, options
        self.environment = {}  # more of weft-dataplane's
        self.dataplane = self.agent = None
        self._starts = 0
        self._dp_socket = lab.path(f'{self.label}.dp.sock')
        self._punt_socket = lab.path(f'{self.label}.punt.sock')
        self.agent_socket = lab.path(f'{self.label}.agent.sock')
        self.config_path = lab.path(f'{self.label}.yaml')

    # ---- what the configuration says

    def add_ipv6(self, alone=False):
        """Gives the host an IPv6 VTEP address beside its IPv4 one, or instead of it."""
        self.vtep6 = self.fabric.attach6(self.ns, self.number)
        self.config['host']['vtep' if alone else 'vtep6'] = self.vtep6
        return self.vtep6

    def tenant(self, name, vni=None, vsid=None, vteps=(), dpid=None, controllers=(),
               fail_mode='secure', switch=None, **more):
        """Adds a tenant; returns its part of the configuration."""
        entry = {'name': name}
        if vni is not None:
            entry.update(encap='vxlan', vni=vni)
        elif vsid is not None:
            entry.update(encap='nvgre', vsid=vsid)
        else:
            entry.update(encap='none')
        if vteps:
            entry['vteps'] = list(vteps)
        if dpid is not None:
            entry['switch'] = {'dpid': f'{dpid:016x}', 'controllers': list(controllers),
                               'fail_mode': fail_mode, **(switch or {})}
        entry['ports'] = []
        entry.update(more)
        self.config['tenants'].append(entry)
        return entry

    def switch(self, name, nulls=0, vms=0, **more):
        """A tenant, as by tenant(), whose switch listens on the UNIX socket targets[name] once the host is
        up. It has null ports or VMs at its ports from 1 on; VM n is 10.0.0.n, 02:00:00:00:00:0n."""
        path = self.lab.path(f'{name}.sock')
        self.targets[name] = f'unix:{path}'
        entry = self.tenant(name, controllers=[f'punix:{path}'], **more)
        entry['ports'] = [{'name': f'{name}{n}', 'number': n, 'kind': 'null'} for n in range(1, nulls + 1)]
        for n in range(1, vms + 1):
            self.vm(name, f'vm{n}', n, f'10.0.0.{n}/24', f'02:00:00:00:00:{n:02x}')
        return entry

    @property
    def target(self):
        """Of the only switch()."""
        target, = self.targets.values()
        return target

    def provider(self, name, peers, dpid, controllers=(), **more):
        """Adds a provider's switch (its networks are vnis= and vsids=), which listens as that of switch()
        does. Returns its part of the configuration."""
        path = self.lab.path(f'{self.label}-{name}.sock')
        self.targets[name] = f'unix:{path}'
        entry = {'name': name, 'kind': 'provider', 'peers': list(peers), 'ports': [],
                 'switch': {'dpid': f'{dpid:016x}', 'fail_mode': 'secure',
                            'controllers': [f'punix:{path}', *controllers]}, **more}
        self.config['tenants'].append(entry)
        return entry

    def ofctl(self, name, command, *args, version='OpenFlow13'):
        """ovs-ofctl with the switch of switch() or provider(); what it said."""
        return run(['ovs-ofctl', '-O', version, '--timeout=10', command, self.targets[name], *map(str, args)])

    def tenant_config(self, name):
        return next(t for t in self.config['tenants'] if t['name'] == name)

    def vm(self, tenant, label, number, address, mac, kind='af_packet', mtu=1450):
        """Adds a VM at port `number` of the tenant's switch. Before up(), or before apply()."""
        ns = self.lab.namespace(label)
        device = f't-{label}' if kind == 'tap' else f'p-{label}'
        if kind == 'af_packet':
            veth(self.ns, device, ns, 'eth0')
            self.ns.ip('link', 'set', device, 'mtu', mtu)
        vm = Vm(ns, device if kind == 'tap' else 'eth0', tenant, number, address, mac, mtu, kind)
        self.tenant_config(tenant)['ports'].append(
            {'name': label, 'number': number, 'kind': kind, 'device': device, 'mtu': mtu})
        self.vms[label] = vm
        if kind == 'af_packet':
            vm.configure()
        return vm

    def write_config(self):
        with open(self.config_path, 'w', encoding='utf-8') as file:
            yaml.safe_dump(self.config, file, sort_keys=False)

    # ---- programs

    def up(self):
        """Starts both programs and waits until the configuration is in effect."""
        self.write_config()
        self.start_dataplane()
        self.start_agent()
        self.wait_ready()
        self.wait_listening()
        if self.config['uplinks'][0]['kind'] == 'tap':
            self._cable_the_tap()

    def _cable_the_tap(self):
        # A bridge keeps what is for its own ports' addresses, and the NIC's is to pass.
        self.ns.ip('link', 'set', 'nic0', 'address', f'02:ee:00:00:00:{self.number:02x}')
        self.ns.ip('link', 'add', 'wire', 'type', 'bridge')
        for device in ('nic0', 'eth0'):
            self.ns.ip('link', 'set', device, 'master', 'wire')
        # Nor may the bridge itself answer for an address that the kernel has on another interface.
        self.ns.ip('link', 'set', 'wire', 'arp', 'off', 'up')
        self.ns.address('up0', f'{self.vtep}/24')

    def start_dataplane(self):
        self._starts += 1
        self.dataplane = self.lab.start(
            f'{self.label}-dataplane-{self._starts}',
            ['env', *(f'{name}={value}' for name, value in self.environment.items()),
             program('weft-dataplane'), '--no-huge', '--mem', 256, '--mbufs', 8192, '--socket', self._dp_socket,
             '--punt-socket', self._punt_socket, '--workers', self.workers,
             '--idle-sleep', self.idle_sleep, '--seed', self.number, *self.options], self.ns)
        wait_until(lambda: self.dataplane.check_alive() and os.path.exists(self._dp_socket), 20,
                   'weft-dataplane listens')

    def start_agent(self):
        self._starts += 1
        self.agent = self.lab.start(
            f'{self.label}-agent-{self._starts}',
            [program('weft-agent'), '--config', self.config_path, '--dataplane-socket',
             self._dp_socket, '--punt-socket', self._punt_socket, '--socket', self.agent_socket], self.ns)

    def wait_ready(self, timeout=20.0):
        """Waits until the configuration is in effect, and hands TAPs to their VMs."""
        wanted = {(t['name'], port['name']) for t in self.config['tenants'] for port in t['ports']}

        def there():
            self.agent.check_alive()
            self.dataplane.check_alive()
            shown = self.json('show')
            return shown['ready'] and wanted == {(p['tenant'], p['name']) for p in shown['ports']
                                                 if p['tenant']}
        wait_until(there, timeout, f'the ports of {self.label}')
        self.hand_over_taps()

    def wait_listening(self):
        """Waits until each switch() has its socket."""
        wait_until(lambda: all(os.path.exists(target[5:]) for target in self.targets.values()), 10,
                   'the switches listen')

    def hand_over_taps(self):
        """A TAP is made in the host's namespace; its VM's is where it belongs."""
        here = self.ns.devices()
        for vm in self.vms.values():
            if vm.kind == 'tap' and vm.device in here:
                self.ns.ip('link', 'set', vm.device, 'netns', vm.ns.name)
                vm.configure()

    def apply(self):
        """Writes the configuration and applies it; what the command said."""
        self.write_config()
        said = self.weft('apply', self.config_path)
        self.wait_ready()
        return said

    def alive(self):
        return all(p is not None and p.alive() for p in (self.agent, self.dataplane))

    def down(self):
        for process in (self.agent, self.dataplane):
            if process:
                process.stop()

    # ---- the command line

    def weft_command(self, *args):
        """The argument list of a weft command on this host."""
        return self.ns.command(program('weft'), '--socket', self.agent_socket, *args)

    def weft(self, *args, timeout=20):
        """Runs the command line; its standard output. CommandError if it fails."""
        args = [str(a) for a in args]
        done = subprocess.run(
            self.weft_command(*args), stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=timeout, check=False)
        if done.returncode:
            raise CommandError(args, done.returncode, done.stdout, done.stderr)
        return done.stdout

    def json(self, *args):
        try:
            return json.loads(self.weft('--json', *args))
        except CommandError as error:
            raise OSError(str(error)) from error

    def drop_rows(self):
        """(tenant or None, reason, packets) of the ledger."""
        for entry in self.json('drops')['tenants']:
            for reason, packets in entry['drops'].items():
                yield entry['tenant'], reason, packets

    def drops(self, tenant=None):
        """{reason: packets} of the ledger, over all tenants or of one."""
        total = {}
        for name, reason, packets in self.drop_rows():
            if tenant is None or name == tenant:
                total[reason] = total.get(reason, 0) + packets
        return total

    def check_balance(self):
        """Every packet is accounted for: weft drops --check says so itself. Packets may be under way."""
        wait_until(lambda: self.weft_ok('drops', '--check'), 5, f'the balance of {self.label}')

    def weft_ok(self, *args):
        try:
            return self.weft(*args) is not None
        except CommandError as error:
            raise AssertionError(str(error)) from error
