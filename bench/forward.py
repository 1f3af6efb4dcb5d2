#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The whole data plane's speed, per direction: a pcap file played for ever at one end, nothing (a null
port) at the other, one worker.

Mpps is packets per second of the worker's CPU time, so that a shared machine does not show; cycles are
those of the time-stamp counter in the same time. What the pcap driver takes to copy each frame into a
buffer is part of it: "local" (port to port, no tunnel) shows about how much the rest is.
"""
import argparse
import os
import pathlib
import struct
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / 'test' / 'e2e'))

import weftipc  # noqa: E402
from scapy.layers.inet import IP, UDP  # noqa: E402
from scapy.layers.l2 import ARP, GRE, Dot1Q, Ether  # noqa: E402
from scapy.layers.vxlan import VXLAN  # noqa: E402
from scapy.utils import wrpcap  # noqa: E402

NETWORK = 5000
HERE, THERE = '172.31.0.1', '172.31.0.2'
MAC1, MAC2 = '02:00:00:00:00:01', '02:00:00:00:00:02'
ENCAPS = {'vxlan': weftipc.VXLAN, 'nvgre': weftipc.NVGRE, 'none': weftipc.NONE}
RUNS = [('local', 'none')] + [(d, e) for d in ('encap', 'decap') for e in ('vxlan', 'nvgre')]
ACTION = weftipc.ACTIONS.index
SET_VLAN_VID = struct.pack('=HHI16s16s', ACTION('SET_FIELD'), 40, weftipc.FIELDS.index('VLAN_VID'),
                           (0x1000 | 7).to_bytes(2, 'big'), b'\x1f\xff')
# What a rule may do but send to one port, from port to port: its instructions, and how often each frame is sent.
WAYS = {
    'mirror': (weftipc.instructions(weftipc.output(2) + weftipc.output(3)), 2),
    'flood': (weftipc.instructions(weftipc.output('flood')), 4),
    'select': (weftipc.instructions(weftipc.group(1)), 1),
    'all': (weftipc.instructions(weftipc.group(2)), 2),
    'meter': (weftipc.instructions(weftipc.output(2), meter=1), 1),
    'push': (weftipc.instructions(struct.pack('=HHI', ACTION('PUSH_VLAN'), 8, 0x8100) + SET_VLAN_VID
                                  + weftipc.output(2)), 1),
    'tagged': (weftipc.instructions(weftipc.output(2)), 1),
    'pop': (weftipc.instructions(struct.pack('=HHI', ACTION('POP_VLAN'), 8, 0) + weftipc.output(2)), 1),
    'arp': (weftipc.instructions(weftipc.output(2)), 1),
}


def inner(direction, flow, size):
    if direction == 'arp':
        return Ether(src=MAC1, dst=MAC2) / ARP(op=2, psrc=f'10.0.{flow >> 8}.{flow & 255}', pdst='10.1.0.1')
    frame = plain(flow, size)
    if direction in ('tagged', 'pop'):
        frame = Ether(src=MAC1, dst=MAC2, type=0x8100) / Dot1Q(vlan=7) / frame.payload
    return frame


def plain(flow, size):
    frame = (Ether(src=MAC1, dst=MAC2) / IP(src=f'10.0.{flow >> 8}.{flow & 255}', dst='10.1.0.1') /
             UDP(sport=1024 + flow, dport=9))
    return frame / bytes(max(0, size - len(frame)))


def outer(encap, flow, frame):
    ip = Ether(src=MAC2, dst=MAC1) / IP(src=THERE, dst=HERE, flags='DF')
    if encap == 'vxlan':
        return ip / UDP(sport=49152 + flow, dport=4789, chksum=0) / VXLAN(vni=NETWORK, flags=8) / frame
    return ip / GRE(key_present=1, key=NETWORK << 8 | flow & 255, proto=0x6558) / frame


def write_frames(path, direction, encap, flows, size):
    frames = [inner(direction, f, size) for f in range(flows)]
    if direction == 'decap':
        frames = [outer(encap, n, f) for n, f in enumerate(frames)]
    wrpcap(path, frames)


def add_group(dp, number, kind, ports, weight):
    """Of a bucket for each port."""
    buckets = b''.join(struct.pack('=IIIHH', i, weftipc.OFPORT['any'], weftipc.OFPORT['any'], weight, 16)
                       + weftipc.output(port) for i, port in enumerate(ports))
    dp.op('GROUP_MOD', struct.pack('=IBBHIB3xQQ', number, 0, kind, len(ports), 0, 0, 0, 0) + buckets, 1)


def configure_way(dp, way, path):
    """Port 1 receives, 2 to 5 lead nowhere."""
    with dp.txn():
        dp.tenant_add(1, encap=weftipc.NONE, vni=0, flags=0)
        add_group(dp, 1, 1, (2, 3), 1)
        add_group(dp, 2, 0, (2, 3), 0)
        dp.meter_add(1, 1, [(1, 2**32 - 1, 2**32 - 1)])
        tagged = {'vlan_vid': 0x1007} if way == 'pop' else {}  # or the rule is refused
        dp.flow_add(1, {'in_port': 1, **tagged}, WAYS[way][0])
    for port in range(2, 6):
        dp.port_add(1, id=port, ofport=port, kind='null')
    dp.port_add(1, id=1, ofport=1, kind='pcap', device=f'rx={path},infinite=1')


def configure(dp, direction, encap, path):
    """The source comes last: everything it meets is there."""
    if direction in WAYS:
        configure_way(dp, direction, path)
        return
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


def measure(binary, direction, encap, flows, args, *options):
    times = WAYS[direction][1] if direction in WAYS else 1
    with tempfile.TemporaryDirectory(prefix='weft-bench-') as folder:
        path = f'{folder}/frames.pcap'
        write_frames(path, direction, encap, flows, args.size)
        process = subprocess.Popen(
            ['unshare', '-n', binary, '--no-huge', '--log-level', 'error', '--mem', '256', '--mbufs', '16384', '--socket',
             f'{folder}/s', '--punt-socket', f'{folder}/p', *options])
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
    sent = (after['sent'] - before['sent']) / times
    lost = sum(after['drops'].values()) - sum(before['drops'].values())
    assert sent and lost <= sent / 1000, f'{direction} {encap}: sent {sent}, dropped {after["drops"]}'
    return sent / cpu / 1e6, tsc_hz() * cpu / sent


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--build', default=str(ROOT / 'build'), help="Weft's build folder (build)")
    parser.add_argument('--seconds', type=float, default=2.0, help='of each measurement (2)')
    parser.add_argument('--size', type=int, default=64, help='bytes of the inner frame, without FCS')
    args = parser.parse_args()
    print(f'{"direction":10} {"encap":6} {"flows":>6} {"Mpps":>8} {"cycles/packet":>14}')
    for direction, encap in RUNS:
        for flows in (1, 1000):
            mpps, cycles = measure(f'{args.build}/dataplane/weft-dataplane', direction, encap, flows, args)
            print(f'{direction:10} {encap:6} {flows:6} {mpps:8.2f} {cycles:14.0f}', flush=True)
    for way in WAYS:
        for options in ((), ('--flow-cache', '0')):
            mpps, cycles = measure(f'{args.build}/dataplane/weft-dataplane', way, 'none', 1000, args, *options)
            print(f'{way:10} {"no cache" if options else "":13} {mpps:8.2f} {cycles:14.0f}', flush=True)


if __name__ == '__main__':
    main()
