# SPDX-License-Identifier: Apache-2.0
"""Five-tuple filters with masks, flows that hit them, and a seeded generator of both.

A *shape* is what a filter looks at: the lengths of both prefixes, whether the protocol matters, and how
many leading bits of each port. A classifier that searches tuple by tuple pays for shapes, one that
caches wildcards pays for the combinations that traffic meets; so the generator promises how many
shapes there are.
"""
from dataclasses import dataclass
from itertools import product
from typing import NamedTuple

from .frames import TCP, UDP, Flow


class Shape(NamedTuple):
    src: int    # prefix length
    dst: int
    proto: bool
    sport: int  # leading bits that matter; any needs proto
    dport: int


@dataclass(frozen=True)
class Filter:
    """`ports` are (value, bits) each; bits that do not matter are zero."""
    src: int
    dst: int
    proto: int | None
    sport: int
    dport: int
    shape: Shape

    def matches(self, flow):
        s = self.shape
        return ((flow.src ^ self.src) & bits32(s.src) == 0
                and (flow.dst ^ self.dst) & bits32(s.dst) == 0
                and self.proto in (None, flow.proto)
                and (flow.sport ^ self.sport) & bits16(s.sport) == 0
                and (flow.dport ^ self.dport) & bits16(s.dport) == 0)


def bits32(length):
    return 0xffffffff << 32 - length & 0xffffffff


def bits16(length):
    return 0xffff << 16 - length & 0xffff


# As tenants write them: who from so large a network may reach this service of these machines.
_SRC, _DST = (0, *range(8, 33)), (0, 32)
_SPORT, _DPORT = (0,), (0, 16)
_NETWORKS, _MACHINES, _SERVICES = 64, 40, 48


class Site:
    """What rules and traffic of a tenant speak of: a few networks, machines and services.

    All values at random would be no tenant's rules; they would differ in more bits than any real set.
    """

    def __init__(self, rng, remote=0x0a000000, local=0xac100000):
        self.networks = [remote | rng.getrandbits(24) for _ in range(_NETWORKS)]
        subnets = [local | rng.getrandbits(8) << 8 for _ in range(4)]
        self.machines = [rng.choice(subnets) | rng.randrange(1, 255) for _ in range(_MACHINES)]
        self.services = [rng.randrange(1, 1024) if rng.random() < 0.5 else rng.randrange(1024, 32768)
                         for _ in range(_SERVICES)]


def shapes(rng, count):
    """`count` shapes, all different, none of them empty."""
    every = {Shape(src, dst, bool(proto or sport or dport), sport, dport)
             for src, dst, proto, sport, dport in product(_SRC, _DST, (0, 1), _SPORT, _DPORT)}
    every.discard(Shape(0, 0, False, 0, 0))
    if count > len(every):
        raise ValueError(f'{count} shapes wanted, only {len(every)} are possible')
    return rng.sample(sorted(every), count)


def _of_shape(rng, shape, site):
    return Filter(
        src=rng.choice(site.networks) & bits32(shape.src),
        dst=rng.choice(site.machines) & bits32(shape.dst),
        proto=rng.choice((TCP, UDP)) if shape.proto else None,
        sport=rng.choice(site.services) & bits16(shape.sport),
        dport=rng.choice(site.services) & bits16(shape.dport), shape=shape)


def generate(rng, count, shape_list, site):
    """`count` different filters of a site, every shape used.

    A shape that has no room for its share leaves it to the others.
    """
    found = {}
    failed = 0
    while len(found) < count:
        shape = shape_list[(len(found) + failed) % len(shape_list)]
        candidate = _of_shape(rng, shape, site)
        if candidate in found:
            failed += 1
            if failed > 100 * count + 1000:
                raise ValueError(f'no {count} different filters in these shapes')
            continue
        found[candidate] = None
    return list(found)


def hit(rng, f, site):
    """A flow that the filter matches: what the filter leaves open is the site's, or random."""
    s = f.shape
    src, dst = rng.choice(site.networks) ^ rng.getrandbits(16), rng.choice(site.machines)
    dport = rng.choice(site.services)
    return Flow(
        src=f.src | src & ~bits32(s.src), dst=f.dst | dst & ~bits32(s.dst),
        proto=f.proto if f.proto is not None else rng.choice((TCP, UDP)),
        sport=f.sport | rng.randrange(32768, 61000) & ~bits16(s.sport),
        dport=f.dport | dport & ~bits16(s.dport))


def open_bits(f, clients=True):
    """How many low bits of a hitting flow's source address (none, if clients do not change) and port may
    change: it still hits, and comes from the site's networks."""
    return min(16, 32 - f.shape.src) if clients else 0, 16 - f.shape.sport


def hits(rng, filter_list, count, site):
    """`count` different flows, each with the filter that it was made to hit.

    Filters are taken in random order, all of them if there is room.
    """
    found = {}
    order = list(filter_list)
    rng.shuffle(order)
    at = 0
    while len(found) < count:
        f = order[at % len(order)]
        found.setdefault(hit(rng, f, site), f)
        at += 1
        if at > 100 * count + 1000:
            raise ValueError(f'no {count} different flows hit these filters')
    return found


def flows_hitting(rng, filter_list, count, site):
    return list(hits(rng, filter_list, count, site))


def flows(rng, count, remote=0x0a000000, local=0xac100000):
    """`count` different flows, TCP and UDP, from `remote`/8 to `local`/16."""
    found = {}
    while len(found) < count:
        found[Flow(remote | rng.getrandbits(24), local | rng.getrandbits(16),
                   rng.choice((TCP, UDP)), rng.getrandbits(16), rng.getrandbits(16))] = None
    return list(found)
