# SPDX-License-Identifier: Apache-2.0
"""Well-made messages with something wrong about them, to the whole switch: each is answered, and what is
refused changes nothing."""
import random
import struct

import pytest

import ofmutate
from lab.weft import WeftHost
from ofclient import NAMES, Client, header

COUNT = 250  # of each version; each is one more round trip or two
BARRIER = {1: (18, 19), 4: (20, 21), 5: (20, 21), 6: (20, 21)}
MARK = 0xba221e2


class Watch:
    """Another session, of 1.3, that sees what the switch holds and sets it up again."""

    def __init__(self, target):
        self.c = Client.connect(target)
        self.prepare()

    def prepare(self):
        c, p, o = self.c, self.c.parser, self.c.ofp
        c.send(c.flow(command=o.OFPFC_DELETE, table_id=o.OFPTT_ALL))
        c.send(p.OFPGroupMod(c.dp, o.OFPGC_DELETE, 0, o.OFPG_ALL))
        c.send(p.OFPMeterMod(c.dp, o.OFPMC_DELETE, 0, o.OFPM_ALL, []))
        for msg in ofmutate.prepare(c):
            c.send(msg)
        c.barrier()
        assert not c.errors
        self.held = self.state()

    def state(self):
        """Rules (without their counters), groups, meters."""
        c, p = self.c, self.c.parser
        flows = sorted((f.table_id, f.priority, f.cookie, str(f.match), str(f.instructions)) for f in c.flows())
        groups = str(c.multipart(p.OFPGroupDescStatsRequest(c.dp, 0)))
        return flows, groups, str(c.multipart(p.OFPMeterConfigStatsRequest(c.dp, 0)))

    def unchanged(self):
        return self.state() == self.held


def answer(c, raw):
    """The first error that a message draws, as bytes, or None. A barrier shows the end of it."""
    ask, reply = BARRIER[c.version]
    error = None
    c.send_raw(raw + header(c.version, ask, MARK))
    while True:
        got = c.recv_raw()
        if got[1] == 1:
            error = error or got
        elif got[1] == reply and struct.unpack_from('!I', got, 4)[0] == MARK:
            return error


def refused(error, raw):
    """The error is of this message."""
    return error is not None and error[4:8] == raw[4:8]


@pytest.fixture
def target(lab, fabric):
    host = WeftHost(lab, fabric, 1)
    host.switch('red', nulls=3, dpid=1, vni=5001)
    host.up()
    return host.target


def a_byte_off(target, version, watch):
    """No message may be a byte longer or shorter; these have no end that is anybody's data."""
    with Client.connect(target, version=version) as c:
        for name, raw in ofmutate.messages(c):
            wrong = [raw + b'\xa5', raw + bytes(7)] + [raw[:-1]] * (len(raw) > 8)
            for bad in map(ofmutate.measured, wrong):
                assert refused(answer(c, bad), bad), (NAMES[version], name, bad.hex())
            assert watch.unchanged(), (NAMES[version], name)


def at_random(target, version, watch, rng):
    c = Client.connect(target, version=version)
    good = ofmutate.messages(c)
    for _ in range(COUNT):
        name, raw = rng.choice(good)
        bad = ofmutate.mutate(rng, raw)
        error = answer(c, bad)
        if error:
            assert refused(error, bad) and watch.unchanged(), (NAMES[version], name, bad.hex(), error.hex())
        else:  # it was right, if unusual; whatever it did is undone
            c.close()
            c = Client.connect(target, version=version)
            watch.prepare()
    c.close()


def test_what_is_refused_changes_nothing(target):
    watch = Watch(target)
    for version in NAMES:
        with Client.connect(target, version=version) as c:
            for name, raw in ofmutate.messages(c):
                if not name.startswith('bundle'):  # which build on each other
                    watch.prepare()
                    assert answer(c, raw) is None, (NAMES[version], name)
        watch.prepare()
        a_byte_off(target, version, watch)
        at_random(target, version, watch, random.Random(version))
