# SPDX-License-Identifier: Apache-2.0
"""Load on a switch's OpenFlow sessions: our own raw sender and ovs-ofctl, and what the load costs.

The sender is bench-flowsend (bench/flowsend.c): its messages cost it some hundred nanoseconds each, so
what is seen is the switch. ovs-ofctl parses text and, without --bundle, waits for a barrier after each
rule; it is what people use.
"""
import json
import os
import subprocess
import time
from dataclasses import dataclass, field

from .machine import BenchError, run


@dataclass
class Cost:
    """What the processes of a switch spent on something."""
    wall: float
    cpu: dict       # process -> seconds of all its threads that are not packet workers
    waited: float   # seconds that these wanted to run while others did


@dataclass
class Sent:
    """What bench-flowsend said, and the cost."""
    said: dict = field(default_factory=dict)
    cost: Cost = None

    def __getattr__(self, name):
        try:
            return self.said[name]
        except KeyError as error:
            raise AttributeError(name) from error

    @property
    def cpu_us(self):
        """Microseconds of the switch's CPU time a flow-mod (or rule dumped)."""
        done = self.said['flow_mods'] or self.said['flows'] or 1
        return sum(self.cost.cpu.values()) / done * 1e6


def _threads(pid):
    for tid in os.listdir(f'/proc/{pid}/task'):
        try:
            with open(f'/proc/{pid}/task/{tid}/comm', encoding='ascii') as file:
                name = file.read().strip()
            with open(f'/proc/{pid}/task/{tid}/schedstat', encoding='ascii') as file:
                ran, waited, _ = map(int, file.read().split())
        except FileNotFoundError:
            continue
        if not name.startswith(('rte-worker', 'pmd')):
            yield tid, ran, waited


def _ran(pids):
    return {name: {tid: (ran, waited) for tid, ran, waited in _threads(pid)}
            for name, pid in pids.items()}


class Meter:
    """with Meter(switch.pids()) as meter: …; meter.cost then."""

    def __init__(self, pids):
        self._pids, self.cost = pids, None

    def __enter__(self):
        self._before, self._start = _ran(self._pids), time.monotonic()
        return self

    def __exit__(self, *_):
        wall, after = time.monotonic() - self._start, _ran(self._pids)
        cpu, waited = {}, 0
        for name, tids in after.items():
            before = self._before[name]
            spent = [(ran - before.get(tid, (0, 0))[0], late - before.get(tid, (0, 0))[1])
                     for tid, (ran, late) in tids.items()]
            cpu[name] = sum(ran for ran, _ in spent) / 1e9
            waited += sum(late for _, late in spent) / 1e9
        self.cost = Cost(wall, cpu, waited)


def resident(pids, what='Rss'):
    """Bytes of resident memory of all processes together, counted page by page; 'AnonHugePages': those in
    huge pages (files in huge pages, as DPDK has them, are in neither)."""
    total = 0
    for pid in pids.values():
        with open(f'/proc/{pid}/smaps_rollup', encoding='ascii') as file:
            total += sum(int(line.split()[1]) for line in file if line.startswith(f'{what}:'))
    return total << 10


class Sender:
    """bench-flowsend of this build."""

    def __init__(self, build):
        self._program = os.path.join(build, 'bench', 'bench-flowsend')
        if not os.path.exists(self._program):
            raise BenchError(f'{self._program}: not there; build it first (scripts/build)')

    def command(self, sockets, options):
        words = [self._program]
        for name, value in options.items():
            words += [f'--{name}'] if value is True else [f'--{name}', str(value)]
        return [*words, *sockets]

    def send(self, switch, sockets=None, timeout=600, **options):
        """Runs it to its end; Sent. BenchError if the switch refused anything."""
        with Meter(switch.pids()) as meter:
            text = run(self.command(sockets or switch.sockets[:1], options), timeout=timeout)
        sent = Sent(json.loads(text), meter.cost)
        if sent.errors:
            raise BenchError(f'{switch.name} refused {sent.errors} of {sent.flow_mods} flow-mods, first '
                             f'with error type {sent.error[0]} code {sent.error[1]}')
        return sent

    def probe(self, socket, interval_us):
        """Starts barriers on a session of its own; stop() says what they took."""
        return Probe(self.command([socket], {'probe': interval_us}))


class Probe:
    def __init__(self, command):
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)

    def stop(self):
        self._process.terminate()
        text, _ = self._process.communicate(timeout=30)
        return Sent(json.loads(text))


def ofctl(switch, verb, *arguments, options=(), timeout=600):
    """ovs-ofctl on the switch's first session; the Cost."""
    command = ['ovs-ofctl', '-O', 'OpenFlow13', *options, verb, f'unix:{switch.sockets[0]}', *arguments]
    with Meter(switch.pids()) as meter:
        run(command, timeout=timeout)
    return meter.cost
