# SPDX-License-Identifier: Apache-2.0
"""Pictures as PNG and SVG: net cycles per packet of both switches, by scenario, or over a number."""
import os

from .machine import BenchError
from .report import OVS, WEFT

_COLOURS = {WEFT: '#0b6e8a', OVS: '#c9822b'}


def _load():
    try:
        import matplotlib
    except ImportError as error:
        raise BenchError('no plot: python3-matplotlib is not installed; '
                         'try scripts/deps bench') from error
    matplotlib.use('Agg')
    matplotlib.rcParams['svg.fonttype'] = 'none'
    import matplotlib.pyplot as plt
    return plt


def _bars(axes, results, who, offset):
    shown = [(i, r) for i, r in enumerate(results) if r.net(who) is not None]
    heights = [r.net(who) for _, r in shown]
    error = [[h - (min(r.of[who].cycles) - r.of['floor'].median) for h, (_, r) in zip(heights, shown)],
             [max(r.of[who].cycles) - r.of['floor'].median - h for h, (_, r) in zip(heights, shown)]]
    places = [i + offset for i, _ in shown]
    axes.barh(places, heights, 0.38, label=who, color=_COLOURS[who], xerr=error,
              error_kw={'elinewidth': 0.8, 'capsize': 2, 'ecolor': '#333333'})
    for place, height, over in zip(places, heights, error[1]):
        axes.annotate(f'{height:,.0f}', (height + over, place), xytext=(5, 0), fontsize=8,
                      textcoords='offset points', va='center')


def draw(directory, results, conditions):
    """Writes compare.png and compare.svg; returns their paths. BenchError without matplotlib."""
    plt = _load()
    figure, axes = plt.subplots(figsize=(10, 1.2 + 0.62 * len(results)), layout='constrained')
    _bars(axes, results, WEFT, -0.2)
    _bars(axes, results, OVS, 0.2)
    axes.set_yticks(range(len(results)), [r.title for r in results], fontsize=8)
    axes.invert_yaxis()
    axes.set_xscale('log')
    axes.xaxis.set_major_formatter('{x:,.0f}')
    axes.set_xlim(left=10)
    axes.margins(x=0.12)
    axes.set_xlabel('cycles a packet, less the floor of the devices (one core; less is better)')
    axes.set_title(f'{_machine(conditions)}; bars: median, lines: all windows', fontsize=9)
    axes.grid(axis='x', which='both', linewidth=0.3)
    axes.set_axisbelow(True)
    axes.legend(frameon=False)
    return _save(plt, figure, os.path.join(directory, 'compare'))


def draw_curves(directory, curves, conditions):
    """Of {name: [(number, Result)]}; one picture beside the other in curves.png and curves.svg."""
    plt = _load()
    figure, row = plt.subplots(1, len(curves), figsize=(1 + 3.6 * len(curves), 3.8), squeeze=False,
                               layout='constrained')
    for axes, (name, results) in zip(row[0], curves.items()):
        for who, colour in _COLOURS.items():
            shown = [(n, r.net(who)) for n, r in results if r.net(who) is not None]
            if shown:
                axes.plot(*zip(*shown), 'o-', label=who, color=colour, markersize=4)
        axes.set_xscale('log')
        axes.set_yscale('log')
        axes.set_ylim(bottom=10)
        axes.yaxis.set_major_formatter('{x:,.0f}')
        axes.set_xlabel({'vnis': 'VNIs', 'vteps': 'VTEPs', 'targets': 'VTEPs sent to'}.get(name, name))
        axes.grid(which='both', linewidth=0.3)
    row[0][0].set_ylabel('cycles a packet, less the floor')
    row[0][0].legend(frameon=False)
    figure.suptitle(_machine(conditions), fontsize=9)
    return _save(plt, figure, os.path.join(directory, 'curves'))


def _machine(conditions):
    return f'{conditions["cpu"].split(",")[0]}, {conditions["tsc_mhz"]} MHz, {conditions["time"][:10]}'


def _save(plt, figure, path):
    paths = [f'{path}.{kind}' for kind in ('png', 'svg')]
    for one in paths:
        figure.savefig(one, dpi=150)
    plt.close(figure)
    return paths
