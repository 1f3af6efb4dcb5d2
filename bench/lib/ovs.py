# SPDX-License-Identifier: Apache-2.0
"""Open vSwitch with its DPDK data path, as a private instance in a namespace of its own.

Two bridges, as an operator would have them: `phy` has the uplink and the VTEP's address, `int` the
tunnel port (65000) and the VMs' ports (from 1). One tenant's VNI is the tunnel port's own; the VNIs of
many are matched by rules (see rules.shared).
"""
import os
import re
import time
from dataclasses import replace

from . import measure, rules, scenarios
from .machine import BenchError, Core, Namespace, Program, run, threads, wait_until

_VSWITCHD = '/usr/lib/openvswitch-switch-dpdk/ovs-vswitchd-dpdk'
_SCHEMA = '/usr/share/openvswitch/vswitch.ovsschema'
_STAT = {key: re.compile(rf'^\s*{key}: *(\d+)', re.M)
         for key in ('packets received', 'processing cycles', 'miss with success upcall')}

# What an operator can choose; whichever wins is Open vSwitch's figure.
SETTINGS = {
    'default': {'emc-insert-inv-prob': '100', 'smc-enable': 'false'},
    'emc': {'emc-insert-inv-prob': '1', 'smc-enable': 'false'},
    'smc': {'emc-insert-inv-prob': '0', 'smc-enable': 'true'},
    'no cache': {'emc-insert-inv-prob': '0', 'smc-enable': 'false'},
}
LIKELY_SETTINGS = ('default', 'smc')  # to win


def version():
    return run(['ovs-vswitchd', '--version']).split('\n')[0].split()[-1]


class OpenVSwitch:
    name = 'Open vSwitch'

    def __init__(self, workdir, core, control_core, inputs):
        self._inputs = inputs
        self._ports = min(inputs.ports, scenarios.PORTS_MAX)
        self._run = os.path.join(workdir, 'ovs')
        self._cpu = control_core
        os.makedirs(self._run, exist_ok=True)
        self._env = {f'OVS_{which}DIR': self._run for which in ('RUN', 'DB', 'LOG', 'SYSCONF')}
        self._programs = []
        self._ns = Namespace('bench-ovs')
        try:
            self._start(core)
            self._bridges()
            self._tunnel()
            self._core_number = core
        except BaseException:
            self.stop()
            raise

    # ---- start

    def _program(self, name, command):
        program = Program(name, self._ns.command(*command), os.path.join(self._run, f'{name}.out'),
                          self._cpu, self._env)
        self._programs.append(program)
        return program

    def _start(self, core):
        database = os.path.join(self._run, 'conf.db')
        if os.path.exists(database):
            os.unlink(database)
        run(['ovsdb-tool', 'create', database, _SCHEMA])
        server = self._program('ovsdb-server', ['ovsdb-server', database,
                                                f'--remote=punix:{self._run}/db.sock'])
        wait_until(lambda: server.check() and os.path.exists(f'{self._run}/db.sock'), 10,
                   'ovsdb-server')
        self._vsctl('--no-wait', 'set', 'Open_vSwitch', '.', 'other_config:dpdk-init=true',
                    'other_config:dpdk-socket-mem=1024',
                    f'other_config:pmd-cpu-mask={1 << core:#x}',
                    f'other_config:dpdk-lcore-mask={1 << self._cpu:#x}',
                    'other_config:dpdk-extra="--in-memory --no-pci --no-telemetry"')
        self._switch = self._program('ovs-vswitchd', [_VSWITCHD, f'unix:{self._run}/db.sock',
                                                      f'--unixctl={self._run}/ctl'])
        wait_until(lambda: self._switch.check() and self._dpdk_is_up(), 30, 'ovs-vswitchd')

    def _dpdk_is_up(self):
        return 'true' in self._vsctl('--no-wait', 'get', 'Open_vSwitch', '.', 'dpdk_initialized')

    def _vsctl(self, *words):
        return run(['ovs-vsctl', '--timeout=30', f'--db=unix:{self._run}/db.sock', *words])

    def _appctl(self, *words):
        return run(['ovs-appctl', '-t', f'{self._run}/ctl', *words])

    def _ofctl(self, *words, timeout=600):
        return run(['ovs-ofctl', '-O', 'OpenFlow13', *words], timeout=timeout,
                   env={**os.environ, **self._env})

    def _bridges(self):
        for bridge in ('phy', 'int'):
            self._vsctl('add-br', bridge, '--', 'set', 'bridge', bridge, 'datapath_type=netdev',
                        'fail_mode=secure')
        self._vsctl('set', 'bridge', 'phy', f'other_config:hwaddr="{scenarios.UPLINK_MAC}"')
        self._ns.ip('address', 'add', f'{scenarios.VTEP}/{scenarios.PREFIX}', 'dev', 'phy')
        self._ns.ip('link', 'set', 'phy', 'up')
        wait_until(lambda: scenarios.VTEP in self._appctl('ovs/route/show'), 10, 'the route')
        self._ns.ip('route', 'add', scenarios.FAR_VTEPS, 'via', scenarios.REMOTE_VTEP)
        self._appctl('tnl/arp/set', 'phy', scenarios.REMOTE_VTEP, scenarios.REMOTE_MAC)
        self._ofctl('add-flow', 'phy', 'in_port=1,actions=LOCAL')
        self._ofctl('add-flow', 'phy', 'in_port=LOCAL,actions=output:1')

    # ---- devices

    def receive(self):
        """Traffic begins: after the rules, or their loading would be slowed by misses."""
        for source in filter(None, (self._inputs.source, self._inputs.second)):
            source.clean()
        receive = self._inputs.source.devargs()
        encap = self._inputs.direction == 'encap'
        self._dpdk('phy', 'uplink', 1, 'net_null0,no-rx=1' if encap else receive)
        if self._inputs.second:
            self._dpdk('phy', 'second', 2, self._inputs.second.devargs(1))
            self._ofctl('add-flow', 'phy', 'in_port=2,actions=LOCAL')
        for n in range(1, self._ports + 1):
            self._dpdk('int', f'vm{n}', n, receive if encap else f'net_null{n},no-rx=1')
        self.core = Core(self._pmd(self._core_number))

    def _dpdk(self, bridge, name, number, devargs):
        self._vsctl('add-port', bridge, name, '--', 'set', 'interface', name, 'type=dpdk',
                    f'options:dpdk-devargs="{devargs}"', f'ofport_request={number}')
        self._expect_port(name, number)

    def second(self, source):
        """What the second uplink receives from now on."""
        changes = source.devargs(1) != self._inputs.second.devargs(1)
        self._inputs = replace(self._inputs, second=source)
        if changes:
            self._vsctl('del-port', 'phy', 'second')
            source.clean()
            self._dpdk('phy', 'second', 2, source.devargs(1))

    def _tunnel(self):
        kind = {'vxlan': 'vxlan', 'nvgre': 'gre'}[self._inputs.encap]
        if self._shared():
            key = ('options:key=flow',)
        elif kind == 'vxlan':
            key = (f'options:key={self._inputs.tenants[0].vni}',)
        else:  # the FlowID is part of GRE's key, and may be anything
            key = ('options:in_key=flow', f'options:out_key={self._inputs.tenants[0].vni << 8}')
        self._vsctl('add-port', 'int', 'overlay', '--', 'set', 'interface', 'overlay', f'type={kind}',
                    'options:remote_ip=flow', f'ofport_request={rules.OVERLAY}', *key)
        self._expect_port('overlay', rules.OVERLAY)

    def _expect_port(self, name, number):
        got = self._vsctl('get', 'interface', name, 'ofport').strip()
        if got != str(number):
            why = self._vsctl('get', 'interface', name, 'error').strip()
            raise BenchError(f'Open vSwitch: port {name} has number {got}, not {number}: {why}')

    def _pmd(self, core):
        want = f'pmd-c{core:02d}/'
        return wait_until(lambda: next((tid for tid, name in threads(self._switch.pid)
                                        if name.startswith(want)), None), 10, 'the PMD thread')

    # ---- rules

    def _shared(self):
        return len(self._inputs.tenants) > 1

    def load(self, deadline):
        """All rules of all tenants, through ovs-ofctl; BenchError if that takes over `deadline` s."""
        end, path = time.monotonic() + deadline, os.path.join(self._run, 'rules')
        for options in rules.portions(path, rules.in_one_switch(self._inputs.tenants, self._ports)):
            self._ofctl(*options, 'add-flows', 'int', path, timeout=max(1, end - time.monotonic()))

    def feed(self, path, deadline):
        """The file's flow mods, over one session."""
        self._ofctl('add-flows', 'int', path, timeout=deadline)

    def socket(self):
        """OpenFlow, of the switch that feed() feeds."""
        return os.path.join(self._run, 'int.mgmt')

    def pids(self):
        return {'ovs-vswitchd': self._switch.pid}

    # ---- measurement

    def settings(self, every):
        return tuple(SETTINGS) if every else LIKELY_SETTINGS

    def choose(self, setting):
        self._vsctl('set', 'Open_vSwitch', '.',
                    *(f'other_config:{key}={value}' for key, value in SETTINGS[setting].items()))

    def warm(self, deadline):
        """Until hardly a packet needs the slow path. False: not within `deadline` seconds."""
        end, quiet = time.monotonic() + deadline, 0
        while quiet < 2:
            self.clear()
            time.sleep(0.5)
            values = self._values()
            settled = values['miss with success upcall'] * 10000 <= values['packets received']
            quiet = quiet + 1 if settled else 0
            if time.monotonic() > end:
                return False
        return True

    def samples(self, seconds, count):
        return measure.windows(self.core, self.clear, self.read, seconds, count)

    def clear(self):
        self._appctl('dpif-netdev/pmd-stats-clear')

    def _values(self):
        text = self._appctl('dpif-netdev/pmd-stats-show')
        text = text[text.index('pmd thread'):]
        return {key: int(m[1]) for key, pattern in _STAT.items() if (m := pattern.search(text))}

    def read(self):
        values = self._values()
        return values['packets received'], values['processing cycles']

    def counts(self):
        """Packets received, and packets that ended where the rules send them; both grow."""
        if self._inputs.drops:
            self._appctl('revalidator/wait')  # rules have their counts from these
            text = self._ofctl('dump-aggregate', 'int', f'table={self._inputs.tenants[0].rules[-1].table}')
            done = int(re.search(r'packet_count=(\d+)', text)[1])
        elif self._inputs.direction == 'encap':
            done = self._statistic('uplink', 'tx_packets')
        else:
            done = sum(self.delivered())
        received = self._statistic('vm1' if self._inputs.direction == 'encap' else 'uplink',
                                   'rx_packets')
        return received, done

    def delivered(self):
        """Packets sent by each tenant's port so far, in the tenants' order."""
        text = self._ofctl('--no-names', 'dump-ports', 'int')  # one for all: they count on meanwhile
        sent = {int(m[1]): int(m[2]) for m in re.finditer(r'port +(\d+): rx .*?tx pkts=(\d+)', text, re.S)}
        return [sent[n] for n in range(1, self._ports + 1)]

    def _statistic(self, port, key):
        text = self._ofctl('dump-ports', 'phy' if port == 'uplink' else 'int', port)
        return int(re.search(rf'{key[:2]} pkts=(\d+)', text)[1])

    def stop(self):
        for program in reversed(self._programs):
            program.stop()
        self._ns.remove()
