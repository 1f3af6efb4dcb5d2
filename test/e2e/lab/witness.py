# SPDX-License-Identifier: Apache-2.0
"""What the machine took away from a test that asks how soon something happens (bench/witness.h): a CPU that another
program has, or that stands still, is no fault of the program under test. Times are time.monotonic()'s."""
import contextlib
import json
import pathlib

from .wait import wait_until
from .weft import BUILD


def threads(process, name=''):
    """What tells how long the kernel kept a program's threads waiting, those whose names have that in them."""
    for task in pathlib.Path(f'/proc/{process.pid}/task').iterdir():
        if name in (task / 'comm').read_text():
            yield task / 'schedstat'


def kernels():
    """The same of the kernel's own that work off what a CPU received."""
    for process in pathlib.Path('/proc').glob('[0-9]*'):
        with contextlib.suppress(OSError):  # it may be gone
            if (process / 'comm').read_text().startswith('ksoftirqd/'):
                yield process / 'schedstat'


def seconds(gaps):
    """From what a program of bench/ says."""
    return [(since / 1e9, to / 1e9) for since, to in gaps]


def taken(gaps, begin, end):
    """What was taken away of a time, by all accounts together."""
    total, done = 0.0, begin
    for since, to in sorted(gaps):
        since, to = max(since, done), min(to, end)
        if to > since:
            total += to - since
            done = to
    return total


class Witness:
    def __init__(self, lab, *watched):
        """watched: of threads() and kernels()."""
        self._process = lab.start(f'witness-{len(lab.processes)}', [f'{BUILD}/bench/bench-witness', *watched, *kernels()])
        wait_until(lambda: self._process.check_alive() and 'watching' in self._process.output(), what='witnesses watch')

    def stop(self):
        """[(since when, until when)]"""
        self._process.stop()
        return seconds(json.loads(self._process.output().splitlines()[-1]))


def without_a_way(lab, flow, programs, lose, known=lambda: True):
    """How long a flow (traffic.Stream) has no way after lose(), in seconds, but for what the machine took away: of the
    programs that see to it, of a CPU, of who sends. The flow ends when the loss is known and the flow goes on."""
    witness = Witness(lab, *(path for program in programs for path in threads(program)))
    lose()
    wait_until(known, 10, 'the loss is known')
    flow.wait_flowing(200)
    lost, twice = flow.stop()
    gaps = witness.stop() + flow.pauses()
    assert not twice
    if not lost:
        return 0.0
    begin, end = flow.outage(lost)
    away = taken(gaps, begin, end)
    print(f'{(end - begin) * 1000:.1f} ms without a way, {away * 1000:.1f} of them the machine\'s')
    return end - begin - away
