# SPDX-License-Identifier: Apache-2.0
"""The floor: what these devices cost with nothing between them, dpdk-testpmd forwarding in io mode."""
import os
import re
import subprocess
import time

from . import measure
from .machine import BenchError, Core, threads, wait_until

# Cycles of iterations with packets, when built with them recorded; see `show fwd stats all`.
_CYCLES = re.compile(r'CPU cycles/packet=([\d.]+) \(total cycles=(\d+) / total \w+ packets=(\d+)\)')


class Testpmd:
    """Receives from the source on one core, and throws it away at a null device."""

    def __init__(self, workdir, core, control_core, source):
        self._log = os.path.join(workdir, 'testpmd.log')
        buffers = max(32768, 2 * source.buffers)
        command = [
            'stdbuf', '-oL', 'dpdk-testpmd', '--lcores', f'0@{control_core},1@{core}',
            '--main-lcore', '0', '--in-memory', '--no-pci', '--no-telemetry', '-m', str(max(256, buffers // 200)),
            '--vdev', source.devargs(), '--vdev', 'net_null0,no-rx=1',
            '--', '-i', '--forward-mode=io', '--record-core-cycles', '--burst=32', '--nb-cores=1',
            '--no-flush-rx', '--portmask=0x3', '--mbuf-size=2176',
            f'--total-num-mbufs={buffers}']
        source.clean()
        with open(self._log, 'wb') as out:
            self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=out,
                                             stderr=subprocess.STDOUT, text=True)
        try:
            wait_until(lambda: self._process.poll() is not None or 'testpmd>' in self._said(), 60,
                       'dpdk-testpmd')
            self._core = Core(self._worker())
        except (BenchError, StopIteration, OSError):
            self.stop()
            raise BenchError('dpdk-testpmd: ' + ' | '.join(self._said().splitlines()[-3:])) from None

    def _said(self):
        with open(self._log, encoding='utf-8', errors='replace') as file:
            return file.read()

    def _worker(self):
        return next(tid for tid, name in threads(self._process.pid)
                    if name in ('rte-worker-1', 'lcore-worker-1'))

    def _tell(self, word):
        self._process.stdin.write(word + '\n')
        self._process.stdin.flush()

    def _start(self):
        self._seen = len(self._said())
        self._tell('start')

    def _stop(self):
        self._tell('stop')
        wait_until(lambda: 'Done.' in self._said()[self._seen:], 10, 'dpdk-testpmd')
        m = _CYCLES.search(self._said(), self._seen)
        if not m:
            raise BenchError('dpdk-testpmd does not say its cycles a packet')
        return int(m[3]), int(m[2])

    def samples(self, seconds, count):
        self._start()
        time.sleep(0.2)
        self._stop()
        return measure.windows(self._core, self._start, self._stop, seconds, count)

    def stop(self):
        try:
            self._tell('quit')
            self._process.wait(10)
        except (OSError, subprocess.TimeoutExpired):
            self._process.kill()
            self._process.wait()
