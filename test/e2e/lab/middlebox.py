# SPDX-License-Identifier: Apache-2.0
"""A box on a host's cable that changes, drops or answers what passes: a router of the underlay that this
kernel has no module for (marking ECN, a smaller MTU)."""
import select
import threading

from .netns import RawPort, veth


class Middlebox:
    """change(frame, from_host) gives the frames to pass on in its place: a list, of bytes.

    Frames pass through a thread of the test's, some thousand a second at best.
    """

    def __init__(self, fabric, label, change):
        cable = fabric.cables[label]
        self._change = change
        fabric.ns.ip('link', 'set', cable, 'nomaster')
        inner, outer = f'm-{cable}', f'o-{cable}'
        veth(fabric.ns, inner, fabric.ns, outer)
        for device in (inner, outer):
            fabric.ns.ip('link', 'set', device, 'mtu', fabric.mtu)
        fabric.ns.ip('link', 'set', outer, 'master', 'fabric')
        self._host, self._net = RawPort(fabric.ns, cable), RawPort(fabric.ns, inner)
        self._running = True
        self._thread = threading.Thread(target=self._pass, daemon=True)
        self._thread.start()

    def _pass(self):
        ways = {self._host: (self._net, True), self._net: (self._host, False)}
        while self._running:
            for port in select.select(list(ways), [], [], 0.1)[0]:
                to, from_host = ways[port]
                while (frame := port.receive(0)) is not None:
                    for out in self._change(frame, from_host):
                        to.send(out)

    def answer(self, frame, to_host=True):
        """Sends a frame of the box's own."""
        (self._host if to_host else self._net).send(frame)

    def close(self):
        self._running = False
        self._thread.join()
        self._host.close()
        self._net.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
