# SPDX-License-Identifier: Apache-2.0
"""The underlay: a bridge in a namespace of its own, one cable to each host, everything captured.

Captures are taken at the fabric's end of each cable, incoming frames only: exactly what that host sent,
each frame once.
"""
import os
import time

from .netns import veth
from .wait import wait_until

UNDERLAY = '172.16.0.{}'
PREFIX_LENGTH = 24
UNDERLAY6 = 'fd10:16::{:x}'
PREFIX_LENGTH6 = 64


class Fabric:
    """`mtu` is the underlay's; hosts are numbered by their address 172.16.0.N, and fd10:16::N for those
    that attach6() gave one."""

    def __init__(self, lab, mtu=1600, label='fabric'):
        self.lab = lab
        self.mtu = mtu
        self.ns = lab.namespace(label)
        self.ns.ip('link', 'add', 'fabric', 'type', 'bridge')
        self.ns.ip('link', 'set', 'fabric', 'mtu', mtu)
        self.ns.address('fabric', f'{UNDERLAY.format(254)}/{PREFIX_LENGTH}')
        self.ns.offloads_off('fabric')
        # Where bridges pass frames to a firewall, that drops wrong ones and puts fragments together.
        for call in ('iptables', 'ip6tables'):
            self.ns.run('sysctl', '-qw', f'net.bridge.bridge-nf-call-{call}=0', check=False)
        self.address = UNDERLAY.format(254)
        self.cables = {}

    def attach(self, ns, number, device='eth0', addressed=True):
        """Plugs a host in; its end is `device` with the address 172.16.0.number, which is returned."""
        cable = f'c{number}'
        veth(self.ns, cable, ns, device)
        self.ns.ip('link', 'set', cable, 'mtu', self.mtu)
        self.ns.ip('link', 'set', cable, 'master', 'fabric')
        address = UNDERLAY.format(number)
        ns.ip('link', 'set', device, 'mtu', self.mtu)
        if addressed:
            ns.address(device, f'{address}/{PREFIX_LENGTH}')
        self.cables[ns.label] = cable
        return address

    def attach6(self, ns, number, device='eth0'):
        """Gives a host that is attached its IPv6 address, which is returned."""
        ns.enable_ipv6(device)
        address = UNDERLAY6.format(number)
        ns.address(device, f'{address}/{PREFIX_LENGTH6}')
        return address

    def offloads_on(self, *hosts):
        """The cables do as network cards that cut and sum by themselves; `hosts` are at their other ends."""
        for ns, device in [*((host.ns, 'eth0') for host in hosts), *((self.ns, c) for c in self.cables.values()),
                           (self.ns, 'fabric')]:
            ns.offloads_on(device)

    def capture(self, label, name=None):
        """Starts to capture what a host sends."""
        return Capture(self.lab, self.ns, self.cables[label], name or f'from-{label}')

    def cut(self, label):
        self.ns.ip('link', 'set', self.cables[label], 'down')

    def mend(self, label):
        self.ns.ip('link', 'set', self.cables[label], 'up')


class Capture:
    """A running tcpdump; stop() gives the path of what it wrote."""

    def __init__(self, lab, ns, device, name, direction='in'):
        self.path = lab.path(f'{name}.pcap')
        args = ['tcpdump', '-i', device, '--immediate-mode', '-U', '-n', '-s', '0', '-B', '16384', '-Z', 'root', '-w',
                self.path]
        if direction:
            args += ['-Q', direction]
        self._process = lab.start(f'tcpdump-{name}', args, ns)
        wait_until(lambda: self._process.check_alive() and
                   'listening on' in self._process.output() and os.path.exists(self.path),
                   what='tcpdump listens')

    def stop(self, whole=True):
        """whole: that nothing escaped the capture is part of what is asked."""
        if self._process.alive():
            time.sleep(0.2)  # frames under way
            self._process.stop()
        said = self._process.output()
        assert not whole or '0 packets dropped by kernel' in said, f'the capture is not whole: {said}'
        return self.path
