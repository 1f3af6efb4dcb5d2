# SPDX-License-Identifier: Apache-2.0
"""What is asked of a switch's control plane. Each scenario is run on one switch and yields figures
(name, value); a figure's name says its unit. One that a switch cannot do is a BenchError."""
import os
import time

from .flowload import Meter, Sender, ofctl, resident
from .machine import BenchError

_LOAD = 300_000        # flow-mods a second: what is to be sustained
_SHAPES = 90


def five_tuple_rules(path, count):
    """Text for ovs-ofctl; rules of one shape that differ in all fields."""
    with open(path, 'w', encoding='ascii') as file:
        for n in range(count):
            m = n * 2654435761 & 0xffffffff
            file.write(f'priority=200,tcp,nw_src=10.{m >> 28}.{m >> 20 & 255}.{m >> 12 & 255},'
                       f'nw_dst=172.{16 + (m >> 20 & 15)}.{m >> 12 & 255}.{m >> 4 & 255},'
                       f'tp_src={1024 + (m & 0xfff)},tp_dst={1 + (m >> 16 & 0xfff)},actions=output:1\n')


def shaped_rules(path, count):
    """Rules of 90 mask shapes: prefixes of both addresses, with a port or none."""
    lengths = [(s, d) for s in (0, 8, 16, 24, 32) for d in (8, 14, 16, 18, 20, 24, 28, 30, 32)]
    with open(path, 'w', encoding='ascii') as file:
        for n in range(count):
            (src, dst), port = lengths[n % 45], n // 45 % 2
            # Distinct within the shape, as long as the shorter prefix has room; the priority does the rest.
            a, k = n * 2654435761 & 0xffffffff, n // _SHAPES
            b = k * 40503 << (32 - dst) & 0xffffffff
            quad = [f'{v >> 24 & 255}.{v >> 16 & 255}.{v >> 8 & 255}.{v & 255}' for v in (a, b)]
            match = ['tcp'] + ([f'nw_src={quad[0]}/{src}'] if src else []) + [f'nw_dst={quad[1]}/{dst}']
            match += [f'tp_dst={1 + k % 60000}'] if port else []
            file.write(f'priority={1 + n % 60000},{",".join(match)},actions=output:1\n')


class Scenarios:
    """On one switch after the other; `say` is told each step."""

    def __init__(self, options, workdir, say):
        self._o, self._dir, self._say = options, workdir, say
        self._sender = Sender(options.build)

    def one_session(self, switch):
        """Add, modify, read back and delete, as fast as one session can; and what the rules weigh."""
        count, before = self._o.rules, resident(switch.pids())
        added = self._sender.send(switch, count=count)
        yield 'add, thousand flow-mods a second', added.rate / 1e3
        yield 'add, CPU µs a flow-mod', added.cpu_us
        yield 'resident bytes a rule', (resident(switch.pids()) - before) / count
        modified = self._sender.send(switch, count=count, op='modify')
        yield 'modify, thousand flow-mods a second', modified.rate / 1e3
        yield 'modify, CPU µs a flow-mod', modified.cpu_us
        dumped = self._sender.send(switch, dump=True)
        if dumped.flows != count:
            raise BenchError(f'{switch.name} has {dumped.flows} rules, not {count}')
        yield 'dump, thousand rules a second', dumped.flow_rate / 1e3
        yield 'dump, CPU µs a rule', dumped.cpu_us
        deleted = self._sender.send(switch, count=count, op='delete')
        yield 'delete, thousand flow-mods a second', deleted.rate / 1e3
        yield 'delete, CPU µs a flow-mod', deleted.cpu_us

    def bundles(self, switch):
        """In bundles of 100,000, ordered and atomic."""
        count = self._o.rules // 2
        for op in ('add', 'delete'):
            sent = self._sender.send(switch, count=count, op=op, bundle=min(count, 100_000))
            yield f'bundled {op}, thousand flow-mods a second', sent.rate / 1e3

    def barriers(self, switch):
        """What a barrier takes while rules come: on the same session, and on another one."""
        batch = self._sender.send(switch, count=self._o.some, barrier=100, window=1)
        yield '100 flow-mods and a barrier, median µs', batch.p50_us
        yield '100 flow-mods and a barrier, p99 µs', batch.p99_us
        single = self._sender.send(switch, count=self._o.some // 10, barrier=1, window=1)
        yield 'one flow-mod and a barrier, median µs', single.p50_us
        for share in (2, 1):
            rate = _LOAD // share
            paced = self._sender.send(switch, count=rate * 2, rate=rate, barrier=rate // 1000)
            yield f'barrier a ms among {rate // 1000},000 flow-mods/s, median µs', paced.p50_us
            yield f'barrier a ms among {rate // 1000},000 flow-mods/s, p99 µs', paced.p99_us
            yield f'of {rate // 1000},000 flow-mods/s, thousand done', paced.rate / 1e3
        probe = self._sender.probe(switch.sockets[0], 1000)
        flood = self._sender.send(switch, count=self._o.rules)
        probe = probe.stop()
        yield "another session's barrier in a flood, median µs", probe.p50_us
        yield "another session's barrier in a flood, p99 µs", probe.p99_us
        yield 'that flood, thousand flow-mods a second', flood.rate / 1e3
        self._sender.send(switch, count=max(self._o.rules, _LOAD * 2), op='delete')

    def sessions(self, switch):
        """16 sessions at once on one switch, each with rules of its own."""
        each = self._o.some // 4
        sent = self._sender.send(switch, switch.sockets[:1] * 16, count=each, spread=True)
        yield '16 sessions, thousand flow-mods a second', sent.rate / 1e3
        self._sender.send(switch, switch.sockets[:1] * 16, count=each, spread=True, op='delete')

    def ofctl(self, switch):
        """The same text to both, through ovs-ofctl."""
        path = os.path.join(self._dir, 'rules')
        five_tuple_rules(path, self._o.ofctl_rules)
        cost = ofctl(switch, 'add-flows', path)
        yield 'ovs-ofctl add-flows, thousand rules a second', self._o.ofctl_rules / cost.wall / 1e3
        shaped_rules(path, self._o.ofctl_bundled)
        cost = ofctl(switch, 'replace-flows', path, options=('--bundle',))
        yield (f'ovs-ofctl --bundle replace-flows, {self._o.ofctl_bundled:,} rules of 90 shapes, seconds',
               cost.wall)
        cost = ofctl(switch, 'dump-flows')
        yield 'ovs-ofctl dump-flows of them, seconds', cost.wall

    def many(self, switch):
        """As many switches as sessions; `switch` has them all."""
        n, each = len(switch.sockets), self._o.many_rules
        yield 'to start them, seconds', switch.start_seconds
        before = resident(switch.pids())
        yield 'resident MB without rules', before / 1e6
        with Meter(switch.pids()) as idle:
            time.sleep(3)
        yield 'idle, % of a CPU', sum(idle.cost.cpu.values()) / idle.cost.wall * 100
        sent = self._sender.send(switch, switch.sockets, count=each)
        yield 'to greet all and add, thousand flow-mods a second', sent.rate / 1e3
        yield 'resident MB with rules', resident(switch.pids()) / 1e6
        probe = self._sender.probe(switch.sockets[0], 1000)
        self._sender.send(switch, switch.sockets[n // 2:n // 2 + 1], count=self._o.some)
        probe = probe.stop()
        yield "a barrier while another switch's session floods, median µs", probe.p50_us
        yield "a barrier while another switch's session floods, p99 µs", probe.p99_us
