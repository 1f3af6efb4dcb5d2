# SPDX-License-Identifier: Apache-2.0
"""Where packets come from, as the devices of each program that receives them.

A `Capture` is handed out without end by DPDK's pcap driver on the measured core itself. It keeps a
buffer for each packet, so more than some 100,000 packets would spoil the caches and use up the
buffers. `Variants` are made of a capture by bench-generate on another core (see bench/variants.h), as
many flows as wanted, and come in through memif.
"""
import os
import signal
from dataclasses import dataclass, replace

from .machine import BenchError, Program, wait_until

_BUFFERS = 4096  # of a switch's, under way from memif


@dataclass(frozen=True)
class Capture:
    path: str
    packets: int
    rate = 0  # as fast as they are taken

    @property
    def buffers(self):
        """That the device keeps."""
        return self.packets

    def weft_port(self):
        """The keys of a port in Weft's configuration file."""
        return {'kind': 'pcap', 'device': f'rx={self.path},infinite=1'}

    def devargs(self, number=0):
        """DPDK's words for the device."""
        return f'net_pcap{number},rx_pcap={self.path},infinite_rx=1'

    def begin(self, _build, _cpu):
        """With the device open: packets come for as long as the block lasts."""
        return _Nothing()

    def clean(self):
        """Before a program opens the device."""


class _Nothing:
    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass


class Generator(Program):
    def pause(self):
        os.kill(self.pid, signal.SIGSTOP)

    def go_on(self):
        os.kill(self.pid, signal.SIGCONT)

    def stop(self):
        self.go_on()
        super().stop()


@dataclass(frozen=True)
class Variants(Capture):
    """`flows` of 0: every packet is a new one. `rate` of 0: as fast as they are taken."""
    encap: str = 'vxlan'  # or nvgre, plain
    flows: int = 0
    rate: float = 0
    seed: int = 1
    name: str = 'source'  # of the socket: sources of one name can take each other's place

    @property
    def open_path(self):
        return f'{self.path}.open'

    @property
    def socket(self):
        return os.path.join(os.path.dirname(self.path), f'{self.name}.memif')

    @property
    def buffers(self):
        return _BUFFERS

    def weft_port(self):
        return {'kind': 'memif', 'device': f'{self.socket},role=server'}

    def devargs(self, number=0):
        return f'net_memif{number},role=server,id=0,socket={self.socket},socket-abstract=no,bsize=2048'

    def frames(self):
        """As they are in the capture, and without end."""
        return Capture(self.path, self.packets)

    def apart(self, name):
        """The same with another socket."""
        return replace(self, name=name)

    def at(self, rate):
        return replace(self, rate=rate)

    def silent(self):
        """The same device, and nothing comes in."""
        return Silence(self.path, self.packets, name=self.name)

    def begin(self, build, cpu):
        program = os.path.join(build, 'bench', 'bench-generate')
        if not os.path.exists(program):
            raise BenchError(f'{program}: not there; build it first (scripts/build)')
        log = f'{self.path}.{self.name}.log'
        if os.path.exists(log):
            os.unlink(log)
        generator = Generator('bench-generate', [
            program, '--capture', self.path, '--open', self.open_path, '--encap', self.encap,
            '--flows', self.flows, '--rate', self.rate, '--seed', self.seed, '--cpu', cpu,
            self.socket], log, cpu)
        try:
            wait_until(lambda: generator.check() and 'sending' in generator.said(), 20, 'bench-generate')
        except BaseException:
            generator.stop()
            raise
        return generator

    def clean(self):
        if os.path.exists(self.socket):
            os.unlink(self.socket)


class Silence(Variants):
    def begin(self, _build, _cpu):
        return _Nothing()


def write_open_bits(path, bits):
    """How many low bits of the inner source address and port may change, for each frame in order."""
    with open(f'{path}.open', 'wb') as file:
        file.write(bytes(n for pair in bits for n in pair))
