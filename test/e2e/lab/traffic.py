# SPDX-License-Identifier: Apache-2.0
"""Traffic between VMs: ping, iperf3, and streams of numbered probes that tell what was lost."""
import json
import re
import struct
import threading
import time

from scapy.layers.inet import IP, UDP
from scapy.layers.l2 import Ether

from .wait import wait_until


def ping(ns, address, count=3, interval=0.1, timeout=1, size=56, options=()):
    """How many of `count` echo requests were answered."""
    out = ns.run('ping', '-n', '-c', count, '-i', interval, '-W', timeout, '-s', size, *options,
                 address, check=False, timeout=count * (interval + timeout) + 10)
    found = re.search(r'(\d+) packets transmitted, (\d+) received', out)
    assert found and int(found[1]) == count, f'ping did not run: {out}'
    return int(found[2])


def wait_ping(ns, address, timeout=10.0):
    """Waits until one echo request is answered."""
    wait_until(lambda: ping(ns, address, count=1) == 1, timeout, f'ping {ns.label} -> {address}')


class Pinger:
    """A ping that runs in the background; stop() tells (sent, received)."""

    def __init__(self, lab, ns, address, interval=0.01):
        self._process = lab.start(f'ping-{ns.label}-{len(lab.processes)}',
                                  ['ping', '-n', '-i', interval, '-W', 2, address], ns)

    def stop(self):
        import signal
        time.sleep(0.5)  # answers under way
        self._process.signal(signal.SIGINT)
        self._process.wait(5)
        found = re.search(r'(\d+) packets transmitted, (\d+) received', self._process.output())
        assert found, self._process.output()
        return int(found[1]), int(found[2])


def iperf3(lab, server, client, address, seconds=3, udp=False, options=()):
    """Runs iperf3 between two VMs; the client's report as a dict."""
    serving = lab.start(f'iperf3-server-{server.label}-{len(lab.processes)}',
                        ['iperf3', '-s', '-1', '-p', 5201], server)
    wait_until(lambda: serving.check_alive() and ':5201' in server.run('ss', '-Hltn'),
               what='iperf3 listens')
    args = ['iperf3', '-c', address, '-p', 5201, '-t', seconds, '-J', *options]
    if udp:
        args += ['-u']
    out = client.run(*args, timeout=seconds + 20, check=False)
    serving.stop()
    report = json.loads(out)
    assert 'error' not in report, f'iperf3: {report.get("error")}'
    return report


def mbits(report):
    """What the receiver got, in Mb/s."""
    end = report['end']
    return (end.get('sum_received') or end['sum'])['bits_per_second'] / 1e6


class Stream:
    """Numbered UDP frames from one packet socket to another, at a steady rate, in the background.

    Each frame is sent by its number once; stop() waits for those under way and tells which never came
    and which came twice.
    """
    MAGIC = b'weftprobe'

    def __init__(self, source, sink, frame, rate=500):
        """source, sink: RawPort; frame: a scapy packet up to UDP, to which the probe is added."""
        self._source, self._sink = source, sink
        self._rate = rate
        self._tag = struct.pack('!Q', time.monotonic_ns())
        self._frame = bytes(frame / (self.MAGIC + self._tag + b'\0\0\0\0\0\0\0\0'))
        self._head = self._frame[:-8]
        self.sent = 0
        self.errors = 0
        self.times = []  # when each was sent
        self.arrived = {}  # number -> (times seen, when first)
        self._sending = self._receiving = True
        self._threads = [threading.Thread(target=self._send, daemon=True),
                         threading.Thread(target=self._receive, daemon=True)]
        for thread in reversed(self._threads):
            thread.start()

    def _send(self):
        began = time.monotonic()
        while self._sending:
            due = int((time.monotonic() - began) * self._rate)
            while self.sent < due and self._sending:
                try:
                    self._source.send(self._head + struct.pack('!Q', self.sent))
                    self.times.append(time.monotonic())
                    self.sent += 1
                except OSError:
                    self.errors += 1
                    due -= 1
                    time.sleep(0.01)
            time.sleep(0.002)

    def _receive(self):
        mark = self.MAGIC + self._tag
        while self._receiving:
            frame = self._sink.receive(0.1)
            if frame is None or mark not in frame:
                continue
            at = frame.index(mark) + len(mark)
            number, = struct.unpack_from('!Q', frame, at)
            seen, first = self.arrived.get(number, (0, time.monotonic()))
            self.arrived[number] = (seen + 1, first)

    def wait_flowing(self, count=20, timeout=10.0):
        """Waits until `count` more probes have arrived."""
        start = len(self.arrived)
        wait_until(lambda: len(self.arrived) >= start + count, timeout, 'probes arrive')

    def stop(self, settle=2.0):
        """(numbers lost, numbers that came more than once)"""
        self._sending = False
        self._threads[0].join()
        end = time.monotonic() + settle
        while len(self.arrived) < self.sent and time.monotonic() < end:
            time.sleep(0.05)
        time.sleep(0.1)
        self._receiving = False
        self._threads[1].join()
        lost = [n for n in range(self.sent) if n not in self.arrived]
        twice = [n for n, (seen, _) in self.arrived.items() if seen > 1]
        return lost, twice

    def outage(self, lost):
        """When the first one that was lost was sent, and the first one after them all."""
        return self.times[lost[0]], self.times[min(lost[-1] + 1, self.sent - 1)]

    def pauses(self):
        """Times in which nothing was sent that should have been, as those of lab.witness."""
        return [(before, after) for before, after in zip(self.times, self.times[1:]) if after - before > 0.005]


def udp_frame(src_mac, dst_mac, src, dst, sport=40000, dport=7):
    """The head of a probe: a UDP frame without a checksum (the probe's number changes)."""
    return Ether(src=src_mac, dst=dst_mac) / IP(src=src, dst=dst) / \
        UDP(sport=sport, dport=dport, chksum=0)
