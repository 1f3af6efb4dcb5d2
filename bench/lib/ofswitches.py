# SPDX-License-Identifier: Apache-2.0
"""Switches to program, not to forward with: Weft and Open vSwitch as private instances with OpenFlow
sockets, and no port that receives anything. No hugepages, no pinning: what is measured is two control
planes beside their clients, on all CPUs there are.

Both have: name, sockets (one a switch), pids() (process name to id), start_seconds, stop().
"""
import json
import os
import time

from .machine import BenchError, Namespace, Program, run, wait_until

_SCHEMA = '/usr/share/openvswitch/vswitch.ovsschema'
_ALL_CPUS = f'0-{(os.cpu_count() or 1) - 1}'


class _Switches:
    name = ''

    def __init__(self, workdir, count, label):
        self._run = os.path.join(workdir, f'{label}-{count}')
        os.makedirs(self._run, exist_ok=True)
        self._ns = Namespace(f'bench-of-{label}')
        self._programs = {}
        self.start_seconds = 0.0

    def _path(self, name):
        return os.path.join(self._run, name)

    def _program(self, name, command, env=None):
        self._programs[name] = Program(name, self._ns.command(*command), self._path(f'{name}.log'),
                                       _ALL_CPUS, env)
        return self._programs[name]

    def pids(self):
        return {name: program.pid for name, program in self._programs.items()
                if name in self._measured and program.check()}

    def stop(self):
        for program in reversed(self._programs.values()):
            program.stop()
        self._ns.remove()


class WeftSwitches(_Switches):
    name = 'Weft'
    _measured = ('weft-dataplane', 'weft-agent')

    def __init__(self, workdir, count, build):
        super().__init__(workdir, count, 'weft')
        self._build = build
        self.sockets = [self._path(f't{n}') for n in range(1, count + 1)]
        try:
            self._start_dataplane()
            self._start_agent(count)
        except BaseException:
            self.stop()
            raise

    def _start_dataplane(self):
        program = self._program('weft-dataplane', [
            os.path.join(self._build, 'dataplane', 'weft-dataplane'), '--no-huge', '--idle-sleep', 100,
            '--mem', 128, '--mbufs', 4096, '--socket', self._path('dp'), '--punt-socket',
            self._path('punt')])
        wait_until(lambda: program.check() and os.path.exists(self._path('dp')), 30, 'weft-dataplane')

    def _start_agent(self, count):
        with open(self._path('weft.yaml'), 'w', encoding='ascii') as file:
            json.dump(self._config(count), file)  # JSON is YAML
        start = time.monotonic()
        agent = self._program('weft-agent', [
            os.path.join(self._build, 'ctrlagent', 'weft-agent'), '--config', self._path('weft.yaml'),
            '--socket', self._path('agent'), '--dataplane-socket', self._path('dp'),
            '--punt-socket', self._path('punt')])
        wait_until(lambda: agent.check() and all(map(os.path.exists, self.sockets)), 120,
                   f'{count} OpenFlow sockets')
        self.start_seconds = time.monotonic() - start

    def _config(self, count):
        return {'host': {'name': 'bench', 'vtep': '172.16.0.1'},
                'uplinks': [{'name': 'uplink', 'kind': 'null'}],
                'tenants': [self._tenant(n) for n in range(1, count + 1)]}

    def _tenant(self, n):
        return {'name': f't{n}', 'encap': 'vxlan', 'vni': n, 'vteps': ['172.16.0.2'],
                'quotas': {'rules': 1000000},
                'switch': {'controllers': [f'punix:{self.sockets[n - 1]}'], 'fail_mode': 'secure',
                           'dpid': f'{n:016x}'}}


class OvsSwitches(_Switches):
    name = 'Open vSwitch'
    _measured = ('ovs-vswitchd',)

    def __init__(self, workdir, count):
        super().__init__(workdir, count, 'ovs')
        self._env = {f'OVS_{which}DIR': self._run for which in ('RUN', 'DB', 'LOG', 'SYSCONF')}
        self.sockets = [self._path(f'b{n}.mgmt') for n in range(1, count + 1)]
        try:
            self._start()
            self._bridges(count)
        except BaseException:
            self.stop()
            raise

    def _start(self):
        run(['ovsdb-tool', 'create', self._path('conf.db'), _SCHEMA])
        server = self._program('ovsdb-server', [
            'ovsdb-server', self._path('conf.db'), f'--remote=punix:{self._path("db")}'], self._env)
        wait_until(lambda: server.check() and os.path.exists(self._path('db')), 10, 'ovsdb-server')
        run(['ovs-vsctl', f'--db=unix:{self._path("db")}', '--no-wait', 'init'])
        self._program('ovs-vswitchd', [
            '/usr/sbin/ovs-vswitchd', f'unix:{self._path("db")}', f'--unixctl={self._path("ctl")}'],
            self._env)

    def _bridges(self, count):
        words = []
        for n in range(1, count + 1):
            words += ['--', 'add-br', f'b{n}', '--', 'set', 'bridge', f'b{n}',
                      'datapath_type=netdev', 'fail_mode=secure']
        start = time.monotonic()
        run(['ovs-vsctl', '--timeout=600', f'--db=unix:{self._path("db")}', *words], timeout=600)
        wait_until(lambda: all(map(os.path.exists, self.sockets)), 120, 'the bridges')
        self.start_seconds = time.monotonic() - start
