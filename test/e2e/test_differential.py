# SPDX-License-Identifier: Apache-2.0
"""The same random rules and packets to Weft and to Open vSwitch's userspace switch: same packets out,
same counters, same dumps. A second implementation, by others, is the oracle.

--seed repeats a run; without it every run is another.
"""
import collections
import random
import re
import select
import struct
import time

import pytest

from flowgen import MARK, FlowGen
from lab.ovs import OvsHost
from lab.process import run
from lab.wait import wait_until

PORTS = [1, 2, 3, 4]
QUIET = 0.5  # seconds without a frame: all have come


class Side:
    """One of the two switches: four ports, and ovs-ofctl to it."""

    def __init__(self, name, namespaces, target, rules_path, appctl=lambda *args: None):
        self.name, self.target, self._appctl = name, target, appctl
        self._rules_path = rules_path
        self.ports = {number: ns.raw('eth0') for number, ns in zip(PORTS, namespaces)}

    def ofctl(self, command, *args):
        return run(['ovs-ofctl', '-O', 'OpenFlow13', '--timeout=30', command, self.target, *args])

    def change_flows(self, lines):
        try:
            self._add_flows(lines)
        except RuntimeError:
            for line in lines:  # which one is it?
                try:
                    self._add_flows([line])
                except RuntimeError as error:
                    raise AssertionError(f'{self.name} refuses: {line}\n{error}') from None
            raise

    def _add_flows(self, lines):
        with open(self._rules_path, 'w', encoding='ascii') as file:
            file.write('\n'.join(lines) + '\n')
        self.ofctl('add-flows', self._rules_path)

    def trace(self, in_port, frame):
        """Open vSwitch's own account of what it does with a frame."""
        return self._appctl('ofproto/trace', 'br-int', f'in_port={in_port}', frame.hex())

    def flows(self):
        """The dump, counters included. No bytes: what a tag counts for after it was pushed or popped is the
        switch's choice."""
        self._appctl('revalidator/purge')
        return sorted(re.sub(r'\s*(duration|idle_age|hard_age|n_bytes)=[^,]*,', '', line).strip()
                      for line in self.ofctl('dump-flows').splitlines() if 'cookie=' in line)


@pytest.fixture
def sides(lab, fabric, hosts):
    """Weft and Open vSwitch with four VMs each."""
    weft = hosts(1, capture=False)
    weft.switch('red', dpid=1)
    ovs = OvsHost(lab, fabric, 2)
    ovs.ofctl('del-flows', 'br-int')
    others = []
    for number in PORTS:
        weft.vm('red', f'w{number}', number, f'10.9.0.{number}/24', f'02:00:00:00:00:0{number}')
        others.append(ovs.vm(f'o{number}', f'10.9.0.{number}/24', f'02:00:00:00:00:0{number}'))
        ovs.vsctl('set', 'interface', f'p-o{number}', f'ofport_request={number}')
    weft.up()
    made = [Side('weft', [weft.vms[f'w{n}'].ns for n in PORTS], weft.target, lab.path('rules')),
            Side('ovs', others, f'unix:{ovs.bridge_socket}', lab.path('rules'),
                 ovs.appctl)]
    for side in made:
        wait_until(lambda side=side: sorted(int(n) for n in re.findall(
            r'^ (\d+)\(', side.ofctl('show'), re.M)) == PORTS, 10, f'the ports of {side.name}')
    return made


def exchange(sides, frames):
    """Sends the frames into both; {number: [(port, frame)]} of each side."""
    poll = {port: (side, number) for side in sides for number, port in side.ports.items()}
    seen = {side.name: collections.defaultdict(list) for side in sides}

    def gather(timeout):
        came = False
        for port in select.select(list(poll), [], [], timeout)[0]:
            side, number = poll[port]
            frame = port.receive(0)
            if frame and (tag := struct.unpack('!Q', frame[-8:])[0]) & MARK == MARK:
                seen[side.name][tag & ~MARK].append((number, frame))
                came = True
        return came

    for in_port, frame in frames:
        for side in sides:
            side.ports[in_port].send(frame)
        while gather(0):
            pass
    end = time.monotonic() + QUIET
    while time.monotonic() < end:
        if gather(0.05):
            end = time.monotonic() + QUIET
    return [seen[side.name] for side in sides]


def compare_packets(sides, frames):
    """How many frames came out, of each side alike."""
    came = exchange(sides, frames)
    for number, (in_port, frame) in enumerate(frames):
        ours, theirs = (sorted(side[number]) for side in came)
        if ours != theirs:
            pytest.fail(explain(sides, in_port, frame, ours, theirs), pytrace=False)
    return sum(map(len, came[0].values()))


def explain(sides, in_port, frame, ours, theirs):
    lines = [f'packet into port {in_port}: {frame.hex()}']
    for side, came in zip(sides, (ours, theirs)):
        lines += [f'  {side.name} port {port}: {out.hex()}' for port, out in came] or [f'  {side.name}: nothing']
    return '\n'.join(lines + [sides[1].trace(in_port, frame)])


def same(what, ours, theirs):
    only = [f'  only {name}: {line}' for name, a, b in (('weft', ours, theirs), ('ovs', theirs, ours))
            for line in a if line not in b]
    assert ours == theirs, '\n'.join([f'{what} differ:', *only])


@pytest.mark.parametrize('turn', range(2))
@pytest.mark.parametrize('nicira', [False, True], ids=['standard', 'nicira'])
def test_same_rules_same_packets(sides, seed, nicira, turn):
    gen = FlowGen(random.Random(f'{seed} {turn}'), PORTS, nicira)
    for line in gen.groups():
        for side in sides:
            side.ofctl('add-group', line)
    came = 0
    for _ in range(4):
        rules = gen.rules(60)
        for side in sides:
            side.change_flows(rules)
        same('rules', *(side.flows() for side in sides))
        frames = [gen.frame(number) for number in range(250)]
        came += compare_packets(sides, frames)
        same('counters', *(side.flows() for side in sides))
    assert came > 100, 'the rules let hardly anything through: nothing was compared'
