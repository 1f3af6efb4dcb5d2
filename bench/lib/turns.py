# SPDX-License-Identifier: Apache-2.0
"""A worker's longest turns, and what of them was not its own doing.

In each window of measurement the switch says how long its worker's longest turn took, by the clock. Of
that the kernel can say how often it took the core away or had a page to find; what interrupts and the
hypervisor take, a thread that only looks at the clock sees as well, on the same core before all begins.
"""
import json
import os
import statistics
import time
from dataclasses import dataclass, field

from . import measure
from .machine import BenchError, run

_SPINS, _SPIN_SECONDS, _REST = 5, 0.3, 0.1  # of a real-time thread the kernel lets nobody have it all


def spin(build, core, seconds):
    """What bench-spin says of the core."""
    program = os.path.join(build, 'bench', 'bench-spin')
    if not os.path.exists(program):
        raise BenchError(f'{program}: not there; build it first (scripts/build)')
    return json.loads(run([program, core, seconds]))


def alone(build, core):
    """What a thread that does nothing else on the core misses: the longest gap in µs of each window, and gaps a
    second that are longer than 10 and 50 µs."""
    windows = []
    for _ in range(_SPINS):
        time.sleep(_REST)
        windows.append(spin(build, core, _SPIN_SECONDS))
    a_second = {us: sum(w[f'over_{us}'] for w in windows) / (_SPINS * _SPIN_SECONDS) for us in (10, 50)}
    return [w['longest_us'] for w in windows], a_second


def _read(path):
    with open(path, encoding='ascii') as file:
        return file.read()


def disturbed(tid):
    """How often the thread was taken off its core, and how many pages it had to wait for."""
    status = dict(line.split(':', 1) for line in _read(f'/proc/{tid}/status').splitlines())
    faults = _read(f'/proc/{tid}/stat').rsplit(')', 1)[1].split()
    return int(status['nonvoluntary_ctxt_switches']), int(faults[7]) + int(faults[9])


def spread(us):
    """Of the windows' longest: the middle one and the longest of all."""
    return f'{statistics.median(us):.0f}, {max(us):.0f} µs' if us else '–'


def often(a_second):
    """How many are longer than 10 and 50 µs, a second."""
    return f'{a_second[10]:,.0f}, {a_second[50]:,.1f}' if a_second else '–'


@dataclass
class Phase:
    """Windows of one kind: cycles a packet, longest turns, and what disturbed them.

    Turns are those of windows in which the kernel took nothing from the worker, if there are any.
    """
    cycles: list = field(default_factory=list)
    switches: int = 0
    faults: int = 0
    _turns: list = field(default_factory=list)  # (longest in µs, disturbed) of each window
    _long: dict = field(default_factory=dict)  # turns, by the µs that they took at least
    _seconds: float = 0
    _before: tuple = ()

    def measure(self, switch, seconds, windows):
        tid = switch.core.tid

        def clear():
            switch.clear()
            self._before = disturbed(tid)

        def read():
            switches, faults = (now - then for now, then in zip(disturbed(tid), self._before))
            counts = switch.read()
            self.switches += switches
            self.faults += faults
            if hasattr(switch, 'longest_us'):
                self._turns.append((switch.longest_us, switches + faults))
                self._long = {us: n + self._long.get(us, 0) for us, n in switch.long_turns.items()}
                self._seconds += seconds
            return counts

        for _ in range(windows):
            time.sleep(_REST)
            self.cycles.append(measure.window(switch.core, clear, read, seconds).per_packet)
        return self

    @property
    def longest_us(self):
        return [us for us, disturbed_ in self._turns if not disturbed_] or [us for us, _ in self._turns]

    @property
    def long_a_second(self):
        """Turns of more than 10 and 50 µs, of all windows."""
        return {us: n / self._seconds for us, n in self._long.items()}

    @property
    def per_packet(self):
        return statistics.median(self.cycles)
