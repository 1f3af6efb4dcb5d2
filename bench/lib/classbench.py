# SPDX-License-Identifier: Apache-2.0
"""ClassBench filter sets and traces (Taylor and Turner, INFOCOM 2005), and a stand-in.

A filter is a line `@src/len dst/len lo : hi lo : hi proto/mask flags/mask`; a packet of a trace is
`src dst sport dport proto flags filter`. OpenFlow has no ranges, so a port range becomes the fewest
prefixes that cover it, and a filter becomes their product; they all keep the filter's place in the
order. The flags are left out: OpenFlow 1.3 has no such field.
"""
import gzip
import os
import re
from dataclasses import dataclass

from . import filters
from .frames import TCP, UDP, Flow
from .filters import Filter, Shape

_LINE = re.compile(r'@(\S+)/(\d+)\s+(\S+)/(\d+)\s+(\d+) : (\d+)\s+(\d+) : (\d+)\s+'
                   r'0x([0-9a-fA-F]+)/0x([0-9a-fA-F]+)')


@dataclass(frozen=True)
class FilterSet:
    name: str
    source: str      # where it is from, for the report
    filters: list    # of lists: the prefixes that one filter became, in the filters' order
    trace: list      # of Flow


def prefixes(low, high):
    """The fewest (value, leading bits) of 16-bit numbers that cover low..high."""
    found = []
    while low <= high:
        size = low & -low or 1 << 16
        while low + size - 1 > high:
            size >>= 1
        found.append((low, 16 - size.bit_length() + 1))
        low += size
    return found


def _address(text):
    a, b, c, d = map(int, text.split('.'))
    return a << 24 | b << 16 | c << 8 | d


def parse_filter(line):
    """The filters without ranges that the line's filter is."""
    m = _LINE.match(line)
    if not m:
        raise ValueError(f'not a ClassBench filter: {line!r}')
    src, dst = _address(m[1]), _address(m[3])
    src_len, dst_len = int(m[2]), int(m[4])
    sports, dports = prefixes(int(m[5]), int(m[6])), prefixes(int(m[7]), int(m[8]))
    proto = int(m[9], 16) if int(m[10], 16) else None
    ports_matter = sports != [(0, 0)] or dports != [(0, 0)]
    # OpenFlow can ask for ports only where it knows which protocol's.
    protos = (TCP, UDP) if ports_matter and proto is None else (proto,)
    if ports_matter and not {TCP, UDP}.issuperset(protos):
        raise ValueError(f'ports of protocol {proto}: {line!r}')
    return [Filter(src & filters.bits32(src_len), dst & filters.bits32(dst_len), p, sp, dp,
                   Shape(src_len, dst_len, p is not None, sb, db))
            for p in protos for sp, sb in sports for dp, db in dports]


def parse_flow(line):
    src, dst, sport, dport, proto = map(int, line.split()[:5])
    return Flow(src, dst, proto, sport, dport)


def _lines(path):
    with gzip.open(path, 'rt', encoding='ascii') as file:
        return [line for line in file if line.strip()]


def load(directory, family, size):
    """Reads FAMILY_SIZE.gz and its trace."""
    path = os.path.join(directory, f'{family}_{size}.gz')
    trace = os.path.join(directory, f'{family}_{size}_trace.gz')
    return FilterSet(family, path, [parse_filter(line) for line in _lines(path)],
                     [parse_flow(line) for line in _lines(trace)])


def stand_in(rng, family, count):
    """As many filters and flows from our own generator, where the files are missing."""
    site = filters.Site(rng)
    made = filters.generate(rng, count, filters.shapes(rng, 80), site)
    return FilterSet(family, 'generated', [[f] for f in made],
                     filters.flows_hitting(rng, made, count, site))


def directory(root):
    """Where the files lie: $CLASSBENCH, or ../shared/classbench beside the project; None: nowhere."""
    for path in (os.environ.get('CLASSBENCH'), os.path.join(root, '..', 'shared', 'classbench'),
                 os.path.join(root, '..', '..', 'shared', 'classbench')):
        if path and os.path.isdir(path):
            return os.path.abspath(path)
    return None
