# SPDX-License-Identifier: Apache-2.0
"""Runs the OpenFlow 1.3 certification vectors of the Ryu project against a Weft switch.

The vectors and the runner over os-ken's tester lie beside the checkout, in ../shared/conformance; where they
are missing the suite is skipped. The switch is test/conformance/weft-target. A vector that contradicts the
specification stands in test/conformance/exceptions.tsv, with the sentence that it contradicts: it may
fail, and is told if it does not.
"""
import collections
import os
import subprocess
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
RIG = os.path.join(ROOT, '..', 'shared', 'conformance', 'rig', 'ryu_switch_test.sh')
TARGET = os.path.join(ROOT, 'test', 'conformance', 'weft-target')
EXCEPTIONS = os.path.join(ROOT, 'test', 'conformance', 'exceptions.tsv')

Case = collections.namedtuple('Case', 'group file number result seconds description detail')


def available():
    return os.path.exists(RIG)


def run(every=1, only=''):
    """The cases: each `every`-th of those whose 'group/file#number description' matches `only`."""
    with tempfile.TemporaryDirectory(prefix='weft-conformance-') as folder:
        env = {**os.environ, 'FAIR': '1', 'EVERY': str(every), 'ONLY': only, 'BASE': folder,
               'IN_SUT': f'wc{os.getpid()}-sut', 'IN_TST': f'wc{os.getpid()}-tst',
               'BUILD': os.path.join(ROOT, 'build'), 'WEFT_RUN': os.path.join(folder, 'weft')}
        subprocess.run([RIG, f'cmd:{TARGET}', os.path.join(folder, 'results')], env=env,
                       stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, check=False)
        path = os.path.join(folder, 'results', 'results.tsv')
        if not os.path.exists(path):
            return []
        with open(path, encoding='utf-8') as file:
            return [Case(*line.rstrip('\n').split('\t')[:7]) for line in file]


def exceptions():
    """(group, file, number) -> the sentence of the specification."""
    found = {}
    with open(EXCEPTIONS, encoding='utf-8') as file:
        for line in file:
            if line.strip() and not line.startswith('#'):
                group, name, number, why = line.rstrip('\n').split('\t')
                found[group, name, number] = why
    return found


def table(cases):
    """Lines of a table by group."""
    count = collections.Counter((case.group, case.result) for case in cases)
    lines = [f'{"group":8} {"passed":>7} {"failed":>7}']
    for group in sorted({case.group for case in cases}):
        lines.append(f'{group:8} {count[group, "OK"]:7} {count[group, "ERROR"]:7}')
    passed = sum(case.result == 'OK' for case in cases)
    return lines + [f'{"all":8} {passed:7} {len(cases) - passed:7}']
