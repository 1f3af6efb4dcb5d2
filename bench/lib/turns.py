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


def alone(build, core):
    """The longest gap in µs of each window in which a thread did nothing else on the core."""
    program = os.path.join(build, 'bench', 'bench-spin')
    if not os.path.exists(program):
        raise BenchError(f'{program}: not there; build it first (scripts/build)')
    gaps = []
    for _ in range(_SPINS):
        time.sleep(_REST)
        gaps.append(json.loads(run([program, core, _SPIN_SECONDS]))['longest_us'])
    return gaps


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


@dataclass
class Phase:
    """Windows of one kind: cycles a packet, longest turns, and what disturbed them."""
    cycles: list = field(default_factory=list)
    longest_us: list = field(default_factory=list)
    switches: int = 0
    faults: int = 0
    _before: tuple = ()

    def measure(self, switch, seconds, windows):
        tid = switch.core.tid

        def clear():
            switch.clear()
            self._before = disturbed(tid)

        def read():
            after = disturbed(tid)
            self.switches += after[0] - self._before[0]
            self.faults += after[1] - self._before[1]
            return switch.read()

        for _ in range(windows):
            self.cycles.append(measure.window(switch.core, clear, read, seconds).per_packet)
            if hasattr(switch, 'longest_us'):
                self.longest_us.append(switch.longest_us)
        return self

    @property
    def per_packet(self):
        return statistics.median(self.cycles)
