# SPDX-License-Identifier: Apache-2.0
"""Network namespaces, veth pairs between them, and packet sockets inside them."""
import contextlib
import ctypes
import errno
import os
import select
import socket
import time

from .process import run

_libc = ctypes.CDLL(None, use_errno=True)
_CLONE_NEWNET = 0x40000000
_PACKET_OUTGOING = 4
_ETH_P_ALL = 0x0003


class Namespace:
    """One network namespace. `name` is the system's name for it, `label` the lab's."""

    def __init__(self, name, label):
        self.name = name
        self.label = label
        run(['ip', 'netns', 'add', name])
        # Nothing speaks unless a test makes it: no router solicitations, no duplicate detection.
        self.run('sysctl', '-qw', 'net.ipv6.conf.all.disable_ipv6=1',
                 'net.ipv6.conf.default.disable_ipv6=1')
        self.run('ip', 'link', 'set', 'lo', 'up')

    def remove(self):
        run(['ip', 'netns', 'del', self.name], check=False)

    def command(self, *args):
        """The argument list that runs `args` inside."""
        return ['ip', 'netns', 'exec', self.name, *map(str, args)]

    def run(self, *args, timeout=30, check=True, env=None):
        return run(self.command(*args), timeout=timeout, check=check, env=env)

    def ip(self, *args, check=True):
        return run(['ip', '-n', self.name, *map(str, args)], check=check)

    @contextlib.contextmanager
    def entered(self):
        """The calling thread is inside for the length of a with block; what it opens stays inside."""
        with open('/proc/thread-self/ns/net', 'rb') as before, \
                open(f'/run/netns/{self.name}', 'rb') as there:
            _setns(there.fileno())
            try:
                yield
            finally:
                _setns(before.fileno())

    def address(self, device, *addresses, mac=None, mtu=None):
        """Gives a device its addresses ("10.0.0.1/24") and brings it up."""
        if mac:
            self.ip('link', 'set', device, 'address', mac)
        if mtu:
            self.ip('link', 'set', device, 'mtu', mtu)
        for address in addresses:
            self.ip('addr', 'add', address, 'dev', device)
        self.ip('link', 'set', device, 'up')

    def enable_ipv6(self, device):
        """IPv6 on one device, with no router solicitations and no duplicate address detection."""
        self.run('sysctl', '-qw', f'net.ipv6.conf.{device}.accept_ra=0', f'net.ipv6.conf.{device}.accept_dad=0',
                 f'net.ipv6.conf.{device}.router_solicitations=0', f'net.ipv6.conf.{device}.disable_ipv6=0')

    def mac(self, device):
        return self.run('cat', f'/sys/class/net/{device}/address').strip()

    def devices(self):
        """Names of the devices inside."""
        return [line.split(':')[1].split('@')[0].strip()
                for line in self.ip('-o', 'link').splitlines()]

    def offloads_off(self, device):
        """So that checksums are in the packet and a packet is what was on the wire."""
        self.run('ethtool', '-K', device, 'rx', 'off', 'tx', 'off', 'sg', 'off', 'tso', 'off', 'gso',
                 'off', 'gro', 'off', check=False)

    def offloads_on(self, device):
        self.run('ethtool', '-K', device, 'tx', 'on', 'sg', 'on', 'tso', 'on', 'gso', 'on', 'gro', 'on', check=False)

    def neighbour(self, device, address, mac):
        self.ip('neigh', 'replace', address, 'lladdr', mac, 'dev', device, 'nud', 'permanent')

    def raw(self, device):
        return RawPort(self, device)


def _setns(descriptor):
    if _libc.setns(descriptor, _CLONE_NEWNET):
        raise OSError(ctypes.get_errno(), 'setns')


def veth(ns_a, name_a, ns_b, name_b):
    """A cable between two namespaces, with no offloads at either end; both ends are up."""
    run(['ip', 'link', 'add', name_a, 'netns', ns_a.name, 'type', 'veth', 'peer', 'name', name_b,
         'netns', ns_b.name])
    for ns, name in ((ns_a, name_a), (ns_b, name_b)):
        ns.offloads_off(name)
        ns.ip('link', 'set', name, 'up')


class RawPort:
    """A packet socket on a device: sends frames as they are, collects what arrives there."""

    def __init__(self, ns, device):
        self.device = device
        with ns.entered():
            self._socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(_ETH_P_ALL))
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
            self._socket.bind((device, _ETH_P_ALL))

    def fileno(self):
        """For select()."""
        return self._socket.fileno()

    def send(self, frame):
        self._socket.send(bytes(frame))

    def receive(self, timeout=1.0):
        """The next frame that came in from the network, or None; 0: one that is there already."""
        end = time.monotonic() + timeout
        while True:
            if not select.select([self._socket], [], [], max(end - time.monotonic(), 0))[0]:
                return None
            try:
                frame, where = self._socket.recvfrom(65536)
            except OSError as error:
                if error.errno != errno.ENETDOWN:
                    raise
                continue  # told once when the device goes down; it may come up again
            if where[2] != _PACKET_OUTGOING:
                return frame

    def collect(self, seconds, wanted=lambda frame: True):
        """All the frames that come in for so long."""
        end = time.monotonic() + seconds
        frames = []
        while (left := end - time.monotonic()) > 0:
            frame = self.receive(left)
            if frame is not None and wanted(frame):
                frames.append(frame)
        return frames

    def expect(self, wanted, timeout=3.0, what='frame'):
        """The next frame for which wanted(frame) is true."""
        end = time.monotonic() + timeout
        seen = 0
        while (left := end - time.monotonic()) > 0:
            frame = self.receive(left)
            if frame is not None:
                if wanted(frame):
                    return frame
                seen += 1
        raise AssertionError(f'no {what} on {self.device} within {timeout} s ({seen} other frames)')

    def drain(self):
        while self.receive(0) is not None:
            pass

    def close(self):
        self._socket.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def names_of_dead(prefix):
    """Namespaces of labs whose process is gone: PREFIX<pid>-…"""
    for name in os.listdir('/run/netns') if os.path.isdir('/run/netns') else ():
        if name.startswith(prefix):
            number = name[len(prefix):].split('-')[0]
            if number.isdigit() and not os.path.exists(f'/proc/{number}'):
                yield name
