#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The whole data plane's speed, per direction: a pcap file played for ever at one end, nothing (a null
port) at the other, one worker.

    sudo bench/forward.py [--build DIR] [--seconds S] [--size BYTES]

Mpps is packets per second of the worker's CPU time, so that a shared machine does not show; cycles are
those of the time-stamp counter in the same time. What the pcap driver takes to copy each frame into a
buffer is part of it: "local" (port to port, no tunnel) shows about how much the rest is.
"""
import argparse
import os
import pathlib
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / 'test' / 'e2e'))

import weftipc  # noqa: E402
from scapy.layers.inet import IP, UDP  # noqa: E402
from scapy.layers.l2 import GRE, Ether  # noqa: E402
from scapy.layers.vxlan import VXLAN  # noqa: E402
from scapy.utils import wrpcap  # noqa: E402

NETWORK = 5000
HERE, THERE = '172.31.0.1', '172.31.0.2'
MAC1, MAC2 = '02:00:00:00:00:01', '02:00:00:00:00:02'
ENCAPS = {'vxlan': weftipc.VXLAN, 'nvgre': weftipc.NVGRE, 'none': weftipc.NONE}
RUNS = [('local', 'none')] + [(d, e) for d in ('encap', 'decap') for e in ('vxlan', 'nvgre')]


def inner(flow, size):
    frame = (Ether(src=MAC1, dst=MAC2) / IP(src=f'10.0.{flow >> 8}.{flow & 255}', dst='10.1.0.1') /
             UDP(sport=1024 + flow, dport=9))
    return frame / bytes(max(0, size - len(frame)))


def outer(encap, flow, frame):
    ip = Ether(src=MAC2, dst=MAC1) / IP(src=THERE, dst=HERE, flags='DF')
    if encap == 'vxlan':
        return ip / UDP(sport=49152 + flow, dport=4789, chksum=0) / VXLAN(vni=NETWORK, flags=8) / frame
    return ip / GRE(key_present=1, key=NETWORK << 8 | flow & 255, proto=0x6558) / frame


def write_frames(path, direction, encap, flows, size):
    frames = [inner(f, size) for f in range(flows)]
    if direction == 'decap':
        frames = [outer(encap, n, f) for n, f in enumerate(frames)]
    wrpcap(path, frames)


def configure(dp, direction, encap, path):
    """The source comes last: everything it meets is there."""
    source, sink = dict(kind='pcap', device=f'rx={path},infinite=1'), dict(kind='null')
    uplink = {'encap': sink, 'decap': source}.get(direction)
    ports = {'local': [(2, sink), (1, source)], 'encap': [(1, source)], 'decap': [(1, sink)]}[direction]
    come_from, go_to = {'local': (1, 2), 'encap': (1, 'overlay'), 'decap': (weftipc.OVERLAY, 1)}[direction]
    dp.host_set(vtep4=HERE)
    with dp.txn():
        dp.tenant_add(1, encap=ENCAPS[encap], vni=0 if encap == 'none' else NETWORK, flags=0)
        dp.vtep_add(1, THERE)
        dp.flow_add(1, {'in_port': come_from}, weftipc.instructions(weftipc.output(go_to)))
    late = []
    for ofport, kind in ports:
        late.append((1, dict(id=ofport, ofport=ofport, **kind)))
    if uplink:
        late.insert(0 if uplink is sink else len(late), (0, dict(id=10, ofport=0, name='up0', **uplink)))
    for tenant, port in late:
        dp.port_add(tenant, **port)
        if port['id'] == 10:
            dp.nexthop_set(THERE, src=HERE, port=10, src_mac=MAC1, dst_mac=MAC2)


def worker_seconds(pid):
    """CPU time of the worker's thread: the one that used most."""
    times = []
    for task in os.listdir(f'/proc/{pid}/task'):
        with open(f'/proc/{pid}/task/{task}/schedstat') as f:
            times.append(int(f.read().split()[0]) / 1e9)
    return max(times)


def tsc_hz():
    """Of the time-stamp counter, as the kernel measured it; else the clock that it names."""
    out = subprocess.run(['dmesg'], capture_output=True, text=True).stdout
    for line in reversed(out.splitlines()):
        if 'tsc:' in line and 'MHz' in line:
            words = line.split()
            return float(words[words.index('MHz') - 1]) * 1e6
    with open('/proc/cpuinfo') as f:
        return float(next(l for l in f if l.startswith('cpu MHz')).split(':')[1]) * 1e6


def measure(binary, direction, encap, flows, args):
    with tempfile.TemporaryDirectory(prefix='weft-bench-') as folder:
        path = f'{folder}/frames.pcap'
        write_frames(path, direction, encap, flows, args.size)
        process = subprocess.Popen(
            ['unshare', '-n', binary, '--no-huge', '--log-level', 'error', '--mem', '256', '--mbufs', '16384', '--socket',
             f'{folder}/s', '--punt-socket', f'{folder}/p'])
        try:
            dp = weftipc.Client(f'{folder}/s')
            configure(dp, direction, encap, path)
            time.sleep(0.3)
            before, cpu = dp.ledgers()[1], worker_seconds(process.pid)
            time.sleep(args.seconds)
            after, cpu = dp.ledgers()[1], worker_seconds(process.pid) - cpu
        finally:
            process.terminate()
            process.wait()
    sent = after['sent'] - before['sent']
    lost = sum(after['drops'].values()) - sum(before['drops'].values())
    assert sent and lost <= sent // 1000, f'{direction} {encap}: sent {sent}, dropped {after["drops"]}'
    return sent / cpu / 1e6, tsc_hz() * cpu / sent


def main():
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    parser.add_argument('--build', default=str(ROOT / 'build'))
    parser.add_argument('--seconds', type=float, default=2.0)
    parser.add_argument('--size', type=int, default=64, help='bytes of the inner frame, without FCS')
    args = parser.parse_args()
    print(f'{"direction":10} {"encap":6} {"flows":>6} {"Mpps":>8} {"cycles/packet":>14}')
    for direction, encap in RUNS:
        for flows in (1, 1000):
            mpps, cycles = measure(f'{args.build}/dataplane/weft-dataplane', direction, encap, flows, args)
            print(f'{direction:10} {encap:6} {flows:6} {mpps:8.2f} {cycles:14.0f}', flush=True)


if __name__ == '__main__':
    main()
