# SPDX-License-Identifier: Apache-2.0
"""The picture: net cycles per packet of both switches, scenario by scenario, as PNG and SVG."""
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
    axes.set_title(f'{conditions["cpu"].split(",")[0]}, {conditions["tsc_mhz"]} MHz, '
                   f'{conditions["time"][:10]}; bars: median, lines: all windows', fontsize=9)
    axes.grid(axis='x', which='both', linewidth=0.3)
    axes.set_axisbelow(True)
    axes.legend(frameon=False)
    paths = [os.path.join(directory, f'compare.{kind}') for kind in ('png', 'svg')]
    for path in paths:
        figure.savefig(path, dpi=150)
    plt.close(figure)
    return paths
