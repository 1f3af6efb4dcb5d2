# SPDX-License-Identifier: Apache-2.0
"""Weft as a user runs it: data plane, agent, a configuration file, rules by ovs-ofctl."""
import json
import os
import time
from dataclasses import replace

from . import measure, rules, scenarios
from .machine import BenchError, Core, Namespace, Program, run, wait_until


def version(build):
    return run([os.path.join(build, 'dataplane', 'weft-dataplane'), '--version']).split()[-1]


class Weft:
    name = 'Weft'

    def __init__(self, workdir, cores, control_core, inputs, build, flow_cache=None):
        """`cores`: of one worker each; of one worker, if a number."""
        cores = [cores] if isinstance(cores, int) else cores
        self._inputs, self._build, self._cpu = inputs, build, control_core
        self._options = [] if flow_cache is None else ['--flow-cache', flow_cache]
        self._run = os.path.join(workdir, 'weft')
        os.makedirs(self._run, exist_ok=True)
        self._programs = []
        self._ns = Namespace('bench-weft')
        try:
            self._start_dataplane(cores)
            self._start_agent()
            self._reach_remote()
            self.core = Core(self._worker()['thread'])
        except BaseException:
            self.stop()
            raise

    # ---- start

    def _path(self, name):
        return os.path.join(self._run, name)

    def _tool(self, folder, name):
        return os.path.join(self._build, folder, name)

    def _program(self, name, command):
        program = Program(name, self._ns.command(*command), self._path(f'{name}.log'), self._cpu)
        self._programs.append(program)
        return program

    def _sockets(self):
        return ('--socket', self._path('dataplane.sock'), '--punt-socket', self._path('punt.sock'))

    def _start_dataplane(self, cores):
        for source in self._sources():
            source.clean()
        # Buffers for what the driver keeps, and for what is under way; 3 KB each.
        buffers = sum(source.buffers for source in self._sources()) + 32768
        program = self._program('weft-dataplane', [
            self._tool('dataplane', 'weft-dataplane'), *self._sockets(), '--workers', ','.join(f'{core}-{core}' for core in sorted(cores)),
            '--mbufs', buffers, '--mem', max(512, buffers * 3 // 1024 + 256), *self._options])
        wait_until(lambda: program.check() and os.path.exists(self._path('dataplane.sock')), 30,
                   'weft-dataplane')

    def _write_config(self):
        with open(self._path('weft.yaml'), 'w', encoding='ascii') as file:
            json.dump(self._config(), file)  # JSON is YAML

    def _start_agent(self):
        self._write_config()
        agent = self._program('weft-agent', [
            self._tool('ctrlagent', 'weft-agent'), '--config', self._path('weft.yaml'),
            '--socket', self._path('agent.sock'), '--dataplane-socket', self._path('dataplane.sock'),
            '--punt-socket', self._path('punt.sock')])
        wait_until(lambda: agent.check() and os.path.exists(self._path('agent.sock')), 30,
                   'weft-agent')
        wait_until(lambda: all(os.path.exists(self._switch(t)) for t in self._inputs.tenants), 60,
                   'the OpenFlow sockets')

    def _config(self):
        encap = self._inputs.direction == 'encap'
        receive = self._inputs.source.weft_port()
        uplink = {'kind': 'null'} if encap else receive
        return {
            'host': {'name': 'bench', 'vtep': scenarios.VTEP},
            'uplinks': [{'name': 'uplink', **uplink}, *self._second()],
            'tenants': [self._tenant(t, receive if encap else {'kind': 'null'})
                        for t in self._inputs.tenants],
        }

    def _sources(self):
        return [source for source in (self._inputs.source, self._inputs.second) if source]

    def _second(self):
        decap = self._inputs.second and self._inputs.direction == 'decap'
        return [{'name': 'second', **self._inputs.second.weft_port()}] if decap else []

    def _tenant(self, tenant, device):
        ports = [{'name': 'vm', 'number': 1, **device}] if tenant.number <= self._inputs.ports else []
        if self._inputs.second and self._inputs.direction == 'encap':
            ports.append({'name': 'second', 'number': 2, **self._inputs.second.weft_port()})
        return {
            'name': f't{tenant.number}', 'encap': self._inputs.encap,
            {'vxlan': 'vni', 'nvgre': 'vsid'}[self._inputs.encap]: tenant.vni,
            'learn': False, 'vteps': list(tenant.vteps or self._inputs.vteps),
            'quotas': {'rules': 1100000},  # a million, and those that forward
            'switch': {'controllers': [f'punix:{self._switch(tenant)}'], 'fail_mode': 'secure',
                       'dpid': f'{tenant.number:016x}'},
            'ports': ports,
        }

    def _switch(self, tenant):
        return self._path(f't{tenant.number}.sock')

    def _reach_remote(self):
        """The uplink's kernel side gets the VTEP's address, and knows its neighbour."""
        wait_until(lambda: 'uplink' in self._ns.ip('-o', 'link'), 10, "the uplink's interface")
        if self._second():
            self._raise_second()
        self._ns.ip('address', 'add', f'{scenarios.VTEP}/{scenarios.PREFIX}', 'dev', 'uplink')
        self._ns.ip('link', 'set', 'uplink', 'up')
        self._ns.ip('neighbour', 'replace', scenarios.REMOTE_VTEP, 'lladdr', scenarios.REMOTE_MAC,
                    'dev', 'uplink', 'nud', 'permanent')
        self._ns.ip('route', 'add', scenarios.FAR_VTEPS, 'via', scenarios.REMOTE_VTEP)

    def _raise_second(self):
        wait_until(lambda: 'second' in self._ns.ip('-o', 'link'), 10, 'the second uplink')
        self._ns.ip('link', 'set', 'second', 'up')

    # ---- rules

    def load(self, deadline):
        """All rules of all tenants, each through ovs-ofctl; BenchError if it takes over `deadline`."""
        end = time.monotonic() + deadline
        path = self._path('rules')
        for tenant in self._inputs.tenants:
            for options in rules.portions(path, tenant.rules):
                run(['ovs-ofctl', '-O', 'OpenFlow13', *options, 'add-flows',
                     f'unix:{self._switch(tenant)}', path], timeout=max(1, end - time.monotonic()))

    def feed(self, path, deadline):
        """The file's flow mods, over one session of the first tenant's."""
        run(['ovs-ofctl', '-O', 'OpenFlow13', 'add-flows',
             f'unix:{self.socket()}', path], timeout=deadline)

    def socket(self):
        """OpenFlow, of the first tenant's switch."""
        return self._switch(self._inputs.tenants[0])

    def receive(self):
        """Traffic runs from the start."""

    def second(self, source):
        """What the second uplink receives from now on."""
        changes = source.weft_port() != self._inputs.second.weft_port()
        self._inputs = replace(self._inputs, second=source)
        if changes:
            source.clean()
            self._write_config()
            run([self._tool('ctrlagent', 'weft'), '--socket', self._path('agent.sock'), 'apply'])
            self._raise_second()

    def pids(self):
        return {program.name: program.pid for program in self._programs}

    # ---- measurement

    def settings(self, _every):
        return ('',)

    def choose(self, setting):
        pass

    def warm(self, deadline):
        """Until a window takes no less than the one before: the flow cache has learned the flows."""
        end, last = time.monotonic() + deadline, float('inf')
        while time.monotonic() < end:
            self.clear()
            time.sleep(0.5)
            packets, cycles = self.read()
            if packets and cycles / packets > 0.97 * last:
                return True
            last = cycles / max(1, packets)
        return False

    def samples(self, seconds, count):
        return measure.windows(self.core, self.clear, self.read, seconds, count)

    def clear(self):
        self._before = self._worker()

    def read(self):
        """Packets that the first worker received since, and its cycles while it had some."""
        now = self._worker()
        self.longest_us = now['longest_us']  # turn since clear()
        self.long_turns = {us: now[f'turns_over_{us}us'] - self._before[f'turns_over_{us}us'] for us in (10, 50)}
        return (now['packets'] - self._before['packets'],
                now['busy_cycles'] - self._before['busy_cycles'])

    def _weft(self, *words):
        return json.loads(run([self._tool('ctrlagent', 'weft'), '--json', '--socket',
                               self._path('agent.sock'), *words], timeout=300))

    def workers(self):
        """Counters of each."""
        return self._weft('worker', 'list')

    def _worker(self):
        return self.workers()[0]

    def counts(self):
        """Packets received, and packets that ended where the rules send them; both grow."""
        worker = self._worker()
        if self._inputs.drops:
            drops = self._weft('drops')['tenants']
            return worker['packets'], sum(t['drops'].get('rule', 0) for t in drops)
        return worker['packets'], sum(t['sent'] for t in self._weft('drops')['tenants'])

    def delivered(self):
        """Packets sent by each tenant's ports so far, in the tenants' order."""
        sent = {t['tenant']: t['sent'] for t in self._weft('drops')['tenants']}
        return [sent[f't{t.number}'] for t in self._inputs.tenants]

    def stop(self):
        for program in reversed(self._programs):
            program.stop()
        self._ns.remove()
