# SPDX-License-Identifier: Apache-2.0
"""A comparison: for each scenario, round by round, the floor, Weft and Open vSwitch in turn."""
import os
import time

from . import turns
from .machine import BenchError
from .measure import median
from .ovs import OpenVSwitch
from .report import FLOOR, OVS, WEFT, Outcome, Result
from .testpmd import Testpmd
from .weft import Weft
from .weftbare import WeftBare

_ARRIVED_MIN = 0.97  # of the packets; counters of two places are never read at one instant


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
                self._round(result.of.setdefault(who, Outcome()), who, inputs, number)
        return result

    def _round(self, outcome, who, inputs, number):
        if outcome.failed:
            return
        try:
            took = time.monotonic()
            self._hugepages.ensure()
            text = self._floor(outcome, inputs) if who == FLOOR else self._switch(outcome, who, inputs)
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

    def _floor(self, outcome, inputs):
        floor = Testpmd(self._workdir, self._o.core, self._o.control_core, inputs.source)
        try:
            with self._feed(inputs):
                return self._take(outcome, floor.samples(self._o.seconds, self._o.windows))
        finally:
            floor.stop()

    def _feed(self, inputs):
        return inputs.source.begin(self._o.build, self._o.control_core)

    def _start(self, who, inputs):
        where = (self._workdir, self._o.core, self._o.control_core, inputs)
        if who == OVS:
            return OpenVSwitch(*where)
        return (WeftBare if inputs.bare else Weft)(*where, self._o.build, self._o.flow_cache)

    def _switch(self, outcome, who, inputs):
        switch = self._start(who, inputs)
        try:
            start = time.monotonic()
            switch.load(self._o.load_limit)
            outcome.load_seconds.append(time.monotonic() - start)
            switch.receive()
            with self._feed(inputs):
                return self._take(outcome, self._best(outcome, switch))
        finally:
            switch.stop()

    def _best(self, outcome, switch):
        """Samples at the best setting; in later rounds only the one that won the first."""
        settings = (outcome.setting,) if outcome.cycles else switch.settings(self._o.every_setting)
        tried = {setting: self._at(outcome, switch, setting) for setting in settings}
        outcome.setting = min(tried, key=lambda s: median([x.per_packet for x in tried[s]]))
        return tried[outcome.setting]

    def _at(self, outcome, switch, setting):
        switch.choose(setting)
        if not switch.warm(self._o.warm_limit):
            note = f'still not settled after {self._o.warm_limit} s'
            outcome.notes += [] if note in outcome.notes else [note]
        received, arrived = switch.counts()
        samples = switch.samples(self._o.seconds, self._o.windows)
        received_after, arrived_after = switch.counts()
        part = (arrived_after - arrived) / max(1, received_after - received)
        if part < _ARRIVED_MIN:
            raise BenchError(f'only {100 * part:.1f} % of the packets arrived where they should')
        return samples
