# SPDX-License-Identifier: Apache-2.0
"""A comparison: for each scenario, round by round, the floor, Weft and Open vSwitch in turn."""
import contextlib
import os
import time

from . import turns
from .machine import BenchError
from .measure import median
from .ovs import OpenVSwitch
from .report import FLOOR, OVS, WEFT, Outcome, Result
from .source import Variants
from .testpmd import Testpmd
from .weft import Weft
from .weftbare import WeftBare

_ARRIVED_MIN = 0.97  # of the packets; counters of two places are never read at one instant
_SETTLE = 0.2  # seconds, after others had the core


class Beside:
    """The floor of a source on another core, by turns with a switch: what it costs to take packets from
    there is not the same from one minute to the next. Both are fed by generators of their own, of which
    one is stopped."""

    def __init__(self, floor, feed, others):
        self._floor, self._feed, self._others = floor, feed, others
        feed.pause()

    def sample(self, seconds):
        self._others.pause()
        self._feed.go_on()
        try:
            return self._floor.samples(seconds, 1)[0]
        finally:
            self._feed.pause()
            self._others.go_on()
            time.sleep(_SETTLE)


class Campaign:
    """`say` is told each step as it is done."""

    def __init__(self, options, workdir, root, hugepages, say):
        self._o, self._workdir, self._root, self._say = options, workdir, root, say
        self._hugepages = hugepages

    def measure(self, scenario, switches=None):
        """A Result of the floor and of the switches (by name; all of the options')."""
        inputs = scenario.build(self._o.seed, os.path.join(self._workdir, 'rx.pcap'), self._root)
        result = Result(scenario.name, scenario.title, inputs.source.packets, inputs.flows,
                        inputs.rule_count, inputs.notes)
        self._say(f'{scenario.name}: {inputs.rule_count:,} rules, {inputs.source.packets:,} packets')
        for number in range(self._o.rounds):
            for who in (FLOOR, *(self._o.switches if switches is None else switches)):
                self._round(result, who, inputs, number)
        return result

    def _round(self, result, who, inputs, number):
        outcome, floor = (result.of.setdefault(name, Outcome()) for name in (who, FLOOR))
        if outcome.failed or who == FLOOR and _is_fed(inputs):
            return
        try:
            took = time.monotonic()
            self._hugepages.ensure()
            text = self._floor(outcome, inputs) if who == FLOOR else self._switch(outcome, floor, who, inputs)
            self._say(f'  round {number + 1} {who}: {text} ({time.monotonic() - took:.0f} s)')
        except BenchError as error:
            outcome.failed = str(error)
            self._say(f'  round {number + 1} {who}: {error}')

    def _take(self, outcome, samples):
        cycles = [s.per_packet for s in samples]
        outcome.cycles += cycles
        outcome.rounds.append(median(cycles))
        outcome.rates += [s.mpps for s in samples]
        outcome.lost = max(outcome.lost, *(s.lost for s in samples))
        outcome.ghz.append(turns.spin(self._o.build, self._o.core, 0)['ghz'])
        return f'{median(cycles):,.1f} cycles a packet'

    @contextlib.contextmanager
    def _testpmd(self, source):
        """With packets coming in, and their generator."""
        floor = Testpmd(self._workdir, self._o.core, self._o.control_core, source)
        try:
            with self._feed(source) as feed:
                yield floor, feed
        finally:
            floor.stop()

    def _floor(self, outcome, inputs):
        with self._testpmd(inputs.source) as (floor, _):
            return self._take(outcome, floor.samples(self._o.seconds, self._o.windows))

    def _feed(self, source):
        return source.begin(self._o.build, self._o.control_core)

    def _start(self, who, inputs):
        where = (self._workdir, self._o.core, self._o.control_core, inputs)
        if who == OVS:
            return OpenVSwitch(*where)
        return (WeftBare if inputs.bare else Weft)(*where, self._o.build, self._o.flow_cache)

    def _switch(self, outcome, floor, who, inputs):
        switch = self._start(who, inputs)
        try:
            start = time.monotonic()
            switch.load(self._o.load_limit)
            outcome.load_seconds.append(time.monotonic() - start)
            switch.receive()
            with self._feed(inputs.source) as feed:
                if not _is_fed(inputs):
                    return self._take(outcome, self._best(outcome, switch, None)[0])
                with self._testpmd(inputs.source.apart('floor')) as (testpmd, other):
                    return self._take_pairs(outcome, floor, self._best(
                        outcome, switch, Beside(testpmd, other, feed)))
        finally:
            switch.stop()

    def _take_pairs(self, outcome, floor, pairs):
        samples, floors = pairs
        outcome.nets += [s.per_packet - f.per_packet for s, f in zip(samples, floors)]
        told = self._take(floor, floors)
        return f'{self._take(outcome, samples)}, the floor {told}'

    def _best(self, outcome, switch, beside):
        """Samples at the best setting, and of the floor beside it; in later rounds only the one that won the
        first."""
        settings = (outcome.setting,) if outcome.cycles else switch.settings(self._o.every_setting)
        tried = {setting: self._at(outcome, switch, setting, beside) for setting in settings}
        outcome.setting = min(tried, key=lambda s: median([x.per_packet for x in tried[s][0]]))
        return tried[outcome.setting]

    def _at(self, outcome, switch, setting, beside):
        switch.choose(setting)
        if not switch.warm(self._o.warm_limit):
            note = f'still not settled after {self._o.warm_limit} s'
            outcome.notes += [] if note in outcome.notes else [note]
        received, arrived = switch.counts()
        samples, floors = [], []
        for _ in range(self._o.windows):
            if beside:
                floors.append(beside.sample(self._o.seconds))
            samples += switch.samples(self._o.seconds, 1)
        received_after, arrived_after = switch.counts()
        part = (arrived_after - arrived) / max(1, received_after - received)
        if part < _ARRIVED_MIN:
            raise BenchError(f'only {100 * part:.1f} % of the packets arrived where they should')
        return samples, floors


def _is_fed(inputs):
    return isinstance(inputs.source, Variants)
