# SPDX-License-Identifier: Apache-2.0
"""Whatever a host ran before, and however it came to its configuration: what it is then is what one that
starts with it is.

A host goes from one random configuration (confgen.py) to the next, by `weft apply` and by signal, with
wrong files between, with programs that are restarted, or killed in the middle. After each step all that
`weft` and OpenFlow tell of it is held against a second host that has just started with the same file, and
so is, whenever the agent is away, all that the data plane tells. WEFT_PAIRS says how many steps (30), WEFT_SEED which.

What may differ, and is left out: counters, ages and times; ids, which only go upwards; MAC addresses that the kernel
gives TAPs, or chance ports of other kinds; the MTU of a TAP that has none of its own, for it is made as wide as the
ways out are then, and stays so (docs/mtu.md); in which order controllers are listed, and whether one that nobody is
is being called just now; whether a switch with fail_mode standalone that has controllers learns already, for it begins
so, and is given some seconds to find a controller later on; a provider's VTEPs that were named and are not any more,
but lie in a prefix (confgen.py has none).
"""
import copy
import json
import os
import random
import signal
import socket
import struct
import time

import pytest
import yaml

import weftipc
from confgen import PEERS4, PEERS6, Devices, Generator
from lab.core import Lab
from lab.wait import wait_until
from lab.weft import program
from ofclient import Client

STEPS = int(os.environ.get('WEFT_PAIRS', '30'))
CHAIN = 8  # steps of one host
COUNTED = ('since_s', 'uptime_s', 'age_s', 'epoch', 'buffers_free', 'last_error', 'left_s', 'discriminator', 'sent',
           'actor_state')


class Refused(Exception):
    """What weft said."""


def standalone(config):
    """The tenants that learn until a controller is there."""
    return {t['name'] for t in config['tenants']
            if t.get('switch', {}).get('controllers') and t['switch'].get('fail_mode') == 'standalone'}


class Host:
    """A namespace whose devices are called what those of any other such host are, and the two programs."""

    def __init__(self, lab, label):
        self.lab, self.label = lab, label
        self.ns = lab.namespace(label)
        self.folder = lab.path(label)
        os.mkdir(self.folder)
        self.sockets = [f'{self.folder}/{end}' for end in ('dp', 'punt', 'agent')]
        self.file = f'{self.folder}/weft.yaml'
        self.dataplane = self.agent = None
        self.starts = 0
        interfaces, members = [f'v{n}' for n in range(4)], [f'm{n}' for n in range(4)]
        self.devices = Devices(interfaces, members, '@')
        for n, name in enumerate(['eth0', 'eth1'] + interfaces + members):
            self.ns.ip('link', 'add', name, 'address', f'02:aa:00:00:00:{n:02x}', 'type', 'veth', 'peer', 'name', f'{name}x')
            self.ns.ip('link', 'set', f'{name}x', 'up')
            self.ns.ip('link', 'set', name, 'up')
        self.ns.enable_ipv6('eth0')
        for address in ('172.16.0.1/24', '172.16.0.9/24', '2001:db8::1/64', '2001:db8::9/64'):
            self.ns.ip('addr', 'add', address, 'dev', 'eth0')
        for n, peer in enumerate(PEERS4 + PEERS6):
            self.ns.neighbour('eth0', peer, f'02:bb:00:00:00:{n:02x}')

    # ---- programs

    def write(self, config, path=None):
        """As a whole: who reads it meanwhile has what was there before."""
        text = config if isinstance(config, str) else yaml.safe_dump(config, sort_keys=False)
        with open(f'{self.file}.new', 'w', encoding='utf-8') as file:
            file.write(text.replace('@', self.folder))
        os.rename(f'{self.file}.new', path or self.file)

    def start_dataplane(self):
        self.starts += 1
        self.dataplane = self.lab.start(
            f'{self.label}-dataplane-{self.starts}',
            [program('weft-dataplane'), '--no-huge', '--mem', 128, '--mbufs', 2048, '--flow-cache', 0, '--idle-sleep', 1000,
             '--seed', 1, '--socket', self.sockets[0], '--punt-socket', self.sockets[1]], self.ns)

    def start_agent(self):
        self.starts += 1
        self.agent = self.lab.start(
            f'{self.label}-agent-{self.starts}',
            [program('weft-agent'), '--config', self.file, '--dataplane-socket', self.sockets[0], '--punt-socket',
             self.sockets[1], '--socket', self.sockets[2]], self.ns)

    def start(self, config):
        self.write(config)
        self.start_dataplane()
        self.start_agent()

    def stop_agent(self):
        self.agent.stop()

    def stop(self):
        for process in (self.agent, self.dataplane):
            if process:
                process.kill()
        for name in self.ns.devices():  # TAPs go with their process, in the kernel's time
            if name.startswith(('tap', 'neth', 'keth', 'up')):
                wait_until(lambda: name not in self.ns.devices(), 5, f'{name} goes')

    # ---- the command line

    def weft(self, *words, **options):
        """One command; its JSON."""
        with socket.socket(socket.AF_UNIX) as sock:
            sock.settimeout(20)
            sock.connect(self.sockets[2])
            sock.sendall(json.dumps({'cmd': words, 'args': {'json': True, **options}}).encode() + b'\n')
            out = ''
            with sock.makefile() as lines:
                for line in lines:
                    said = json.loads(line)
                    out += said.get('out', '')
                    if 'error' in said:
                        raise Refused(said['error'])
                    if 'status' in said:
                        return json.loads(out) if out else None
        raise Refused('the agent closed the connection')

    def ask(self, *words, **options):
        """None: nobody there answers, or not now."""
        try:
            return self.weft(*words, **options)
        except (OSError, Refused):
            return None

    def apply(self, config, **options):
        path = f'{self.folder}/applied.yaml'
        self.write(config, path)
        return self.weft('apply', path, **options)

    def difference(self):
        """Between what is and the file; None: not now."""
        said = self.ask('apply', self.file, **{'dry-run': True})
        return said and said['difference']

    def wait_ready(self):
        def ready():
            self.agent.check_alive()
            self.dataplane.check_alive()
            shown = self.ask('show')
            return shown and shown['state'] == 'ready'
        wait_until(ready, 20, f'{self.label} is ready')

    def wait_effect(self):
        """The file is in effect."""
        wait_until(lambda: self.difference() == '' and self.dataplane.alive(), 20,
                   f'the file of {self.label} is in effect')
        self.wait_ready()

    # ---- all that there is to tell

    def plain(self, thing):
        """Without what may differ."""
        if isinstance(thing, dict):
            made_up = {'mac', 'mtu'} if thing.get('kind') == 'tap' else {'mac'} if thing.get('kind') in weftipc.KINDS else ()
            return {key: self.plain(value) for key, value in thing.items()
                    if key not in COUNTED and not key.startswith(('rx_', 'tx_')) and key not in made_up}
        if isinstance(thing, list):
            return sorted((self.plain(item) for item in thing), key=lambda item: json.dumps(item, sort_keys=True))
        return thing.replace(self.folder, '@') if isinstance(thing, str) else thing

    def told(self, config):
        """What weft tells of everything."""
        state = {}
        for noun in ('show', 'tenant', 'switch', 'port', 'vtep', 'underlay', 'bfd', 'bond', 'mtu', 'fdb', 'neighbour',
                     'multicast'):
            words = [noun] if noun == 'show' else [noun, 'list']
            said = self.weft(*words)
            for row in said if noun == 'mtu' else ():
                row.pop('above', None)  # says how wide TAPs are
            state[noun] = self.plain(said)
        for tenant in config['tenants']:
            for noun in ('flow', 'group', 'meter'):
                state[noun, tenant['name']] = self.plain(self.weft(noun, 'list', tenant['name']))
        alone = standalone(config)
        for rows in (state['tenant'], state['show']['tenants']):
            for row in rows:
                if row['name'] in alone:
                    del row['standalone']
        for rows in (state['switch'], state['show']['switches']):
            for row in rows:
                for one in row['controllers']:
                    if not one['target'].startswith('p'):
                        one['state'] = 'away'
        return state

    def openflow(self, config):
        """What each switch tells a controller."""
        state = {}
        for tenant in config['tenants']:
            for target in tenant.get('switch', {}).get('controllers', []):
                if target.startswith('punix:'):
                    state[tenant['name']] = self.of_switch(target.replace('@', self.folder)[1:])
                    break
        return state

    def of_switch(self, target):
        with Client.connect(target) as c:
            features = c.request(c.parser.OFPFeaturesRequest(c.dp))
            desc = c.multipart(c.parser.OFPDescStatsRequest(c.dp))
            ports = c.multipart(c.parser.OFPPortDescStatsRequest(c.dp, 0))
            meters = c.multipart(c.parser.OFPMeterFeaturesStatsRequest(c.dp))
            groups = c.multipart(c.parser.OFPGroupFeaturesStatsRequest(c.dp))
            config = c.request(c.parser.OFPGetConfigRequest(c.dp))
        told = [part.to_jsondict() if hasattr(part, 'to_jsondict') else [x.to_jsondict() for x in part]
                for part in (features, desc, ports, meters, groups, config)]
        for port in told[2]:
            port['OFPPort'].pop('hw_addr')
        return json.loads(json.dumps(self.plain(told), default=repr))

    def held(self, config):
        """What the data plane tells; the agent is away."""
        dp = weftipc.Client(self.sockets[0])
        tenants = {0: None}
        state = {}
        alone = standalone(config)
        for number, body in dp.dump('DUMP_TENANTS', None):
            name = weftipc.TENANT.unpack(body)['name']
            tenants[number] = name
            raw = bytearray(body)
            flags, = struct.unpack_from('=I', raw, 72)
            struct.pack_into('=I', raw, 72, flags & ~weftipc.STANDALONE if name in alone else flags)
            state['tenant', name] = bytes(raw).hex()
        ports = {}
        for number, body in dp.dump('DUMP_PORTS', None):
            port = weftipc.PORT.unpack(body)
            after = weftipc.PORT_STATE.unpack(body[weftipc.PORT.size + weftipc.PORT_STATS.size:])
            ports[port.pop('id')] = port['name']
            asked = struct.unpack_from('=H', body, 22)[0]
            if port['kind'] == weftipc.KINDS.index('tap'):
                port.pop('mtu')
            state['port', tenants[number], port['ofport'], port['name']] = [
                self.plain(port), asked, after['state'], after['offloads']]
        state['host', ] = [body.hex() for _, body in dp.dump('DUMP_HOST', None)]
        for kind in ('VTEPS', 'PROVIDERS', 'NEIGHS'):
            for number, body in dp.dump(f'DUMP_{kind}', None):
                state[kind, tenants[number], body.hex()] = True
        for number, body in dp.dump('DUMP_FDB', None):
            entry = weftipc.FDB.unpack(body)
            entry.pop('age_s')
            state['fdb', tenants[number], entry['mac'], entry['vlan']] = entry
        for _, body in dp.dump('DUMP_NEXTHOPS', None):
            hop = weftipc.NEXTHOP.unpack(body)
            hop.pop('link')
            hop['port'] = ports.get(hop['port'])
            if hop['port'] is None or hop['port'].startswith('up'):
                hop.pop('src_mac')
            state['nexthop', hop['vtep'], hop['path']] = hop
        dp.close()
        return state


def differences(is_, should):
    """Lines."""
    def walk(one, two, at):
        if isinstance(one, dict) and isinstance(two, dict):
            for key in sorted(set(one) | set(two), key=repr):
                yield from walk(one.get(key), two.get(key), f'{at}/{key}')
        elif isinstance(one, list) and isinstance(two, list) and len(one) == len(two):
            for n, (a, b) in enumerate(zip(one, two)):
                name = '.'.join(str(a[key]) for key in ('tenant', 'name') if isinstance(a, dict) and key in a)
                yield from walk(a, b, f'{at}[{name or n}]')
        elif one != two and isinstance(one, list) and isinstance(two, list):
            yield f'{at}: is not {[x for x in one if x not in two]!r}, should be {[x for x in two if x not in one]!r}'
        elif one != two:
            yield f'{at}: is {one!r}, should be {two!r}'
    return list(walk(is_, should, ''))


def same(is_, should):
    lines = differences(is_, should)
    assert not lines, '\n'.join(lines)
    return True


class Pair:
    """The host that has a history, and the one that has none."""

    def __init__(self, lab, seed):
        self.random = random.Random(seed)
        self.old, self.new = Host(lab, f'old{seed}'), Host(lab, f'new{seed}')
        self.make = Generator(self.random, self.old.devices)
        self.configs = [self.make.config()]
        self.done = []

    @staticmethod
    def wait_listening(host, config):
        wanted = sum(target.startswith('p') for t in config['tenants']
                     for target in t.get('switch', {}).get('controllers', []))

        def listening():
            return wanted == sum(c['state'] == 'listening' for row in host.weft('switch', 'list') for c in row['controllers'])
        wait_until(listening, 10, f'{wanted} targets of {host.label} listen')

    def check(self, config, away):
        """Against a host that starts with it. Some things take them a second, such as multicast's routers."""
        self.new.start(config)
        for host in (self.old, self.new):
            host.wait_ready()
            self.wait_listening(host, config)
        assert self.old.difference() == ''
        wait_until(lambda: same(self.old.told(config), self.new.told(config)), 5, 'the same is told', .2)
        same(self.old.openflow(config), self.new.openflow(config))
        if away:
            self.check_held(config)
        self.new.stop()

    def check_held(self, config):
        for host in (self.old, self.new):
            host.stop_agent()
        try:
            same(self.old.held(config), self.new.held(config))
        finally:
            self.old.start_agent()
        self.old.wait_ready()
        assert 'holds the configuration as it is' in self.old.agent.output()

    # ---- ways from one configuration to another

    def by_apply(self, config):
        self.old.apply(config)
        self.old.write(config)

    def by_signal(self, config):
        self.old.write(config)
        self.old.agent.signal(signal.SIGHUP)

    def by_two_signals(self, config):
        self.by_signal(self.make.near(config))
        time.sleep(self.random.random() * .05)
        self.by_signal(config)

    def by_new_agent(self, config):
        self.old.write(config)
        self.old.stop_agent()
        self.old.start_agent()

    def by_killed_agent(self, config):
        """In the middle of it; the next one knows only the file."""
        self.by_signal(config)
        time.sleep(self.random.random() * .03)
        self.old.agent.kill()
        self.old.start_agent()

    def by_killed_dataplane(self, config):
        self.by_signal(config)
        time.sleep(self.random.random() * .03)
        self.old.dataplane.kill()
        self.old.start_dataplane()

    def by_new_dataplane(self, config):
        """It comes up while the agent still has the configuration before."""
        self.old.dataplane.kill()
        self.old.start_dataplane()
        self.by_signal(config)

    def by_both(self, config):
        self.old.stop()
        self.old.start(config)

    WAYS = (by_apply, by_apply, by_apply, by_apply, by_signal, by_signal, by_two_signals, by_new_agent, by_killed_agent,
            by_killed_dataplane, by_new_dataplane, by_both)

    # ---- what changes nothing

    def spoil(self, config):
        """The file with something wrong in it."""
        wrong = copy.deepcopy(config)
        lines = yaml.safe_dump(wrong, sort_keys=False).splitlines()
        values = [n for n, line in enumerate(lines) if ': ' in line]
        n = self.random.choice(values)
        key = lines[n].split(':')[0]
        how = self.random.randrange(3)
        if how == 0:
            lines[n] = f'{key}: {{what: is this}}'
        elif how == 1:
            lines[n] = f'{key}x: 1'
        else:
            lines[n] = f'{key}: [1'
        return '\n'.join(lines) + '\n'

    def impossible(self, config):
        """The file with a device that is not there."""
        wrong = copy.deepcopy(config)
        if not wrong['tenants']:
            wrong['tenants'].append({'name': 'late', 'ports': []})
        ports = self.random.choice(wrong['tenants'])['ports']
        ports.append({'name': 'ghost', 'number': 99, 'kind': 'af_packet', 'device': 'not-there'})
        return wrong

    def lasting(self, config):
        """What is told but for multicast's routers, whose ports are looked for once a second."""
        told = self.old.told(config)
        told.pop('multicast')
        return told

    def at_rest(self, config):
        """That, when links that were about to come up have."""
        def still():
            before = self.lasting(config)
            time.sleep(.3)
            return before if before == self.lasting(config) else None
        return wait_until(still, 5, 'a host at rest')

    def try_wrong(self, config):
        """Neither what is wrong nor what cannot be changes anything."""
        before = self.at_rest(self.configs[-1])
        other = self.make.near(config)
        wrong = self.spoil(other) if self.random.random() < .5 else self.impossible(other)
        with pytest.raises(Refused):
            self.old.apply(wrong)
        wait_until(lambda: same(self.lasting(self.configs[-1]), before), 3, 'as before')
        assert self.old.difference() == ''

    def step(self):
        config = self.random.choice(self.configs[-3:-1]) if len(self.configs) > 2 and self.random.random() < .2 else (
            self.make.config() if self.random.random() < .15 else self.make.near(self.configs[-1]))
        if self.random.random() < .3:
            self.done.append('wrong')
            self.try_wrong(config)
        way = self.random.choice(self.WAYS)
        self.done.append(way.__name__)
        self.configs.append(config)
        way(self, config)
        self.old.wait_effect()
        self.check(config, self.random.random() < .5)


def run_chain(seed, steps):
    """One host through so many configurations."""
    with Lab(name=f'weft{os.getpid()}-pairs-') as lab:
        pair = Pair(lab, seed)
        try:
            pair.old.start(pair.configs[0])
            pair.old.wait_ready()
            for _ in range(steps):
                pair.step()
        except BaseException:
            print(f'seed {seed}, after {pair.done}')
            for config in pair.configs[-2:]:
                print('---', yaml.safe_dump(config, sort_keys=False), sep='\n')
            for host in (pair.old, pair.new):
                for process in (host.agent, host.dataplane):
                    print('---', process.name, process.status, process.tail(40), sep='\n') if process else None
            raise


def test_what_was_before_makes_no_difference(seed):
    seed = int(os.environ.get('WEFT_SEED', seed))
    left, n = STEPS, 0
    while left > 0:
        run_chain(seed + n, min(CHAIN, left))
        left, n = left - CHAIN, n + 1
