# SPDX-License-Identifier: Apache-2.0
"""Results: what was measured, as a table for people and as JSON for the next comparison.

All figures are cycles of the time stamp counter per packet. *Net* is less the floor, measured with
the same capture on the same core; where packets come from another core each window has a floor of its
own, and the median of the differences counts. Mpps is what the core would carry if it did nothing else,
that is the counter's rate by the cycles: it is always busy, the capture has no end.
"""
from dataclasses import dataclass, field

from .measure import median

_CLOCK_STEADY = 0.02  # of the core, to be taken for the same
FLOOR, WEFT, OVS = 'floor', 'Weft', 'Open vSwitch'


@dataclass
class Outcome:
    """Of one scenario on one switch."""
    cycles: list = field(default_factory=list)    # per packet, one a window
    rounds: list = field(default_factory=list)    # the median of each round
    rates: list = field(default_factory=list)     # Mpps that came in, one a window
    nets: list = field(default_factory=list)      # where each window had a floor of its own
    lost: float = 0.0                             # the worst window's part taken by others
    load_seconds: list = field(default_factory=list)
    ghz: list = field(default_factory=list)       # of the core, after each round
    setting: str = ''                             # that won
    notes: list = field(default_factory=list)
    failed: str = ''

    @property
    def median(self):
        return median(self.cycles) if self.cycles else None

    @property
    def spread(self):
        """Half of how far the rounds' medians lie apart, of the median."""
        return (max(self.rounds) - min(self.rounds)) / 2 / self.median if self.rounds else None


@dataclass
class Result:
    """Of one scenario."""
    name: str
    title: str
    packets: int
    flows: int
    rules: int
    notes: list
    of: dict = field(default_factory=dict)  # FLOOR, WEFT, OVS -> Outcome

    def net(self, who):
        outcome, floor = self.of.get(who), self.of.get(FLOOR)
        if not outcome or outcome.median is None or not floor or floor.median is None:
            return None
        return median(outcome.nets) if outcome.nets else outcome.median - floor.median

    @property
    def ratio(self):
        """How many times Weft's net cost Open vSwitch has."""
        weft, ovs = self.net(WEFT), self.net(OVS)
        return ovs / weft if weft and ovs and weft > 0 else None


def _number(value, form='{:,.0f}'):
    return '–' if value is None else form.format(value)


def _cell(result, who):
    outcome = result.of.get(who)
    if not outcome:
        return '–'
    if outcome.failed:
        return 'failed'
    if outcome.median is None:
        return '–'
    return f'{outcome.median:,.0f} ±{100 * outcome.spread:.0f} %'


def _mpps(result, who, hz):
    outcome = result.of.get(who)
    if not outcome or not outcome.cycles or not hz:
        return '–'
    return f'{hz / outcome.median / 1e6:.2f}'


COLUMNS = ('scenario', 'rules', 'floor', 'Weft', 'net', 'Mpps', 'Open vSwitch', 'net', 'Mpps', 'setting',
           'OVS/Weft')


def rows(results, hz):
    for r in results:
        ovs = r.of.get(OVS)
        yield (r.title, f'{r.rules:,}', _cell(r, FLOOR), _cell(r, WEFT), _number(r.net(WEFT)),
               _mpps(r, WEFT, hz), _cell(r, OVS), _number(r.net(OVS)), _mpps(r, OVS, hz),
               ovs.setting if ovs and ovs.cycles else '–', _number(r.ratio, '{:.2f}'))


def table(results, hz):
    return aligned((COLUMNS, *rows(results, hz)))


def aligned(lines, texts=1):
    """Cells, the head's first, as a Markdown table that is aligned as text too. So many columns, the
    first ones, are texts; the others numbers."""
    widths = [max(len(line[i]) for line in lines) for i in range(len(lines[0]))]

    def line_text(line):
        cells = [cell.ljust(w) if i < texts else cell.rjust(w)
                 for i, (cell, w) in enumerate(zip(line, widths))]
        return '| ' + ' | '.join(cells) + ' |'
    rule = '|' + '|'.join('-' * (w + 2) if i < texts else '-' * (w + 1) + ':'
                          for i, w in enumerate(widths)) + '|'
    return '\n'.join([line_text(lines[0]), rule, *map(line_text, lines[1:])])


def remarks(results):
    """What a reader must know of single figures."""
    clock = max(_ghz(results), default=0)
    for r in results:
        for note in r.notes:
            yield f'{r.name}: {note}'
        for who, outcome in r.of.items():
            if outcome.failed:
                yield f'{r.name}, {who}: {outcome.failed}'
            for note in outcome.notes:
                yield f'{r.name}, {who}: {note}'
            if outcome.load_seconds and median(outcome.load_seconds) >= 1:
                yield (f'{r.name}, {who}: {r.rules:,} rules loaded in '
                       f'{median(outcome.load_seconds):.1f} s')
            if outcome.lost > 0.01:
                yield f'{r.name}, {who}: others had the core {100 * outcome.lost:.0f} % of a window'
            if outcome.ghz and median(outcome.ghz) < (1 - _CLOCK_STEADY) * clock:
                yield (f'{r.name}, {who}: the core ran at {median(outcome.ghz):.2f} GHz, with others at up '
                       f'to {clock:.2f}')


def _ghz(results):
    return [ghz for r in results for outcome in r.of.values() for ghz in outcome.ghz]


def clocks(results):
    """Of the core while it was measured, the slowest and the fastest."""
    ghz = _ghz(results)
    return f'{min(ghz):.2f} to {max(ghz):.2f} GHz' if ghz else 'an unknown clock'


def data(results, facts):
    """Every window's figure with the conditions, for JSON."""
    return {'conditions': facts, 'results': [
        {'name': r.name, 'title': r.title, 'packets': r.packets, 'flows': r.flows,
         'rules': r.rules, 'notes': r.notes, 'ratio': r.ratio,
         'of': {who: {**vars(o), 'median': o.median, 'spread': o.spread, 'net': r.net(who)}
                for who, o in r.of.items()}} for r in results]}
