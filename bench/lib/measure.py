# SPDX-License-Identifier: Apache-2.0
"""Windows of measurement, and which of them count.

A switch says, of the time since it was last asked, how many packets it received and how many cycles
its thread was busy with them. A window in which the kernel gave the core to others for more than a
hundredth of the time tells about the others: it is measured again.
"""
import statistics
import time
from dataclasses import dataclass

from .machine import BenchError

_LOST_MAX = 0.01
_TRIES = 6
_SETTLE = 0.05  # seconds, for the caches to be the thread's own


@dataclass(frozen=True)
class Sample:
    packets: int
    cycles: float   # of the thread, while it had packets
    seconds: float
    lost: float     # the part of the time in which others had the core

    @property
    def per_packet(self):
        return self.cycles / self.packets

    @property
    def mpps(self):
        return self.packets / self.seconds / 1e6


def window(core, clear, read, seconds):
    """One Sample: clear(), wait, read() -> (packets, cycles)."""
    best = None
    for _ in range(_TRIES):
        sample = _once(core, clear, read, seconds)
        if best is None or sample.lost < best.lost:
            best = sample
        if sample.lost <= _LOST_MAX:
            break
    return best


def _once(core, clear, read, seconds):
    with core:
        time.sleep(_SETTLE)
        waited = core.waited_ns()
        clear()
        start = time.monotonic()
        time.sleep(seconds)
        packets, cycles = read()
        took = time.monotonic() - start
        lost = (core.waited_ns() - waited) / took / 1e9
    if not packets:
        raise BenchError('no packet was received')
    return Sample(packets, cycles, took, lost)


def windows(core, clear, read, seconds, count):
    return [window(core, clear, read, seconds) for _ in range(count)]


def median(values):
    return statistics.median(values)
