# SPDX-License-Identifier: Apache-2.0
"""What the commands of bench/ have in common: options, conditions, and how they end.

However one ends, by itself, by an error, Ctrl-C or SIGTERM, it ends by an exception: so each `with` and
`finally` gives back hugepages and namespaces and stops what was started.
"""
import argparse
import json
import os
import signal
import subprocess
import sys

from . import ovs, weft
from .machine import ROOT, BenchError, conditions
from .report import OVS, WEFT

def parser(doc, quick, **more):
    p = argparse.ArgumentParser(description=doc, formatter_class=argparse.RawDescriptionHelpFormatter,
                                **more)
    p.add_argument('--quick', action='store_true', help=quick)
    p.add_argument('--only', choices=('weft', 'ovs'), help='one switch alone')
    p.add_argument('--build', default=os.path.join(ROOT, 'build'), help="Weft's build folder (build)")
    p.add_argument('--out', help="folder for table, figures and plots (BUILD/ and the command's name)")
    return p


def add_measuring(p):
    """The options of what forwards packets on a core of its own."""
    p.add_argument('--seed', type=int, default=1, help='of captures and rules (1)')
    p.add_argument('--core', type=int, default=1, help='that is measured (1)')
    p.add_argument('--control-core', type=int, default=0, help='for all other threads (0)')
    p.add_argument('--windows', type=int, help='measurements a round (5; --quick: 3)')
    p.add_argument('--seconds', type=float, default=0.4, help='of a measurement, under 0.8 (0.4)')
    p.add_argument('--flow-cache', type=int, metavar='FLOWS', help="of Weft's workers; 0: none")
    p.add_argument('--load-limit', type=int, default=300, help='seconds to load rules in (300)')
    p.add_argument('--warm-limit', type=int, help='seconds to settle in (120; --quick: 15)')


def parse(p):
    """The options, those that --quick decides filled in, `switches` as names."""
    o = p.parse_args()
    o.name = os.path.basename(sys.argv[0])
    o.out = o.out or os.path.join(o.build, o.name)
    o.switches = {'weft': (WEFT,), 'ovs': (OVS,), None: (WEFT, OVS)}[o.only]
    if hasattr(o, 'seconds'):
        if not 0 < o.seconds < 0.8:
            p.error('--seconds: the kernel takes the core from a real-time thread for some of each second')
        o.every_setting = not o.quick
        o.windows = o.windows or (3 if o.quick else 5)
        o.warm_limit = o.warm_limit or (15 if o.quick else 120)
    return o


def check(o):
    """Whether this machine will do."""
    if os.geteuid():
        raise BenchError('needs root: hugepages, network namespaces, real-time threads')
    if hasattr(o, 'core') and (o.core == o.control_core
                               or max(o.core, o.control_core) >= os.cpu_count()):
        raise BenchError(f'--core {o.core} and --control-core {o.control_core}: want two of '
                         f'{os.cpu_count()} CPUs')
    if WEFT in o.switches and not os.path.exists(f'{o.build}/dataplane/weft-dataplane'):
        raise BenchError(f'{o.build}: no weft-dataplane there; build it first (scripts/build)')


def commit():
    return subprocess.run(['git', '-C', ROOT, 'describe', '--always', '--dirty'], text=True,
                          capture_output=True, check=False).stdout.strip()


def describe(o, **more):
    """What a reader must know of the run."""
    facts = {**conditions(), 'load_average': round(os.getloadavg()[0], 1), **more, 'commit': commit(),
             'weft': weft.version(o.build) if WEFT in o.switches else None,
             'ovs': ovs.version() if OVS in o.switches else None}
    return {key: value for key, value in facts.items() if value is not None}


def facts_text(facts):
    return '\n'.join(f'- {key}: {value}' for key, value in facts.items())


def publish(o, text, data):
    """As NAME.md and NAME.json in the folder, and printed."""
    os.makedirs(o.out, exist_ok=True)
    with open(os.path.join(o.out, f'{o.name}.json'), 'w', encoding='utf-8') as file:
        json.dump(data, file, indent=1)
        file.write('\n')
    with open(os.path.join(o.out, f'{o.name}.md'), 'w', encoding='utf-8') as file:
        file.write(text + '\n')
    print(f'\n{text}', flush=True)


def say(text):
    print(text, file=sys.stderr, flush=True)


def _interrupt(*_):
    """Once: what gives back and stops is not to be interrupted in turn."""
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    raise KeyboardInterrupt


def run(main):
    """Ends the process with what main() returns."""
    name = os.path.basename(sys.argv[0])
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, _interrupt)
    try:
        sys.exit(main())
    except BenchError as failure:
        sys.exit(f'bench/{name}: {failure}')
    except KeyboardInterrupt:
        sys.exit(f'bench/{name}: interrupted')
