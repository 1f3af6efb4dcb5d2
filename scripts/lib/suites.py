# SPDX-License-Identifier: Apache-2.0
"""Runs every test suite of Weft and counts over all of them; started by scripts/test.

A suite is a function that takes the options and returns a Tally. What a suite prints goes straight to
the terminal; its Tally says how many tests passed and failed and why any were skipped. A suite that
crashes, or cannot be built, counts as one failed test.
"""
import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
import xml.etree.ElementTree as ElementTree
from dataclasses import dataclass, field

import conformance

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
PYTHON = '/usr/bin/python3'
# Sanitizer runtimes of GCC 12 and clang 14 do not find their shadow under the address-space
# randomisation of newer kernels. Some containers forbid to turn that off, and mostly it goes well.
FIXED_ADDRESSES = ['setarch', '-R']
if subprocess.run([*FIXED_ADDRESSES, 'true'], stdin=subprocess.DEVNULL, capture_output=True, check=False).returncode:
    FIXED_ADDRESSES = []
SANITIZER_ENV = {
    'ASAN_OPTIONS': 'detect_leaks=1:strict_string_checks=1:detect_stack_use_after_return=1:'
                    'abort_on_error=1',
    'LSAN_OPTIONS': f'suppressions={ROOT}/test/lsan.supp:print_suppressions=0',
    'UBSAN_OPTIONS': 'halt_on_error=1:print_stacktrace=1',
    'TSAN_OPTIONS': 'halt_on_error=1:second_deadlock_stack=1',
}


@dataclass
class Tally:
    """What a suite came to."""
    passed: int = 0
    failed: int = 0
    skipped: list = field(default_factory=list)   # "what: why"
    failures: list = field(default_factory=list)  # names
    unsteady: list = field(default_factory=list)  # names: failed once, passed when run again

    def ok(self):
        self.passed += 1

    def fail(self, name):
        self.failed += 1
        self.failures.append(name)

    def add(self, other):
        self.passed += other.passed
        self.failed += other.failed
        self.skipped += other.skipped
        self.failures += other.failures
        self.unsteady += other.unsteady


def call(args, env=None):
    """Runs a command with its output on the terminal; its exit status."""
    return subprocess.run(args, cwd=ROOT, stdin=subprocess.DEVNULL, check=False,
                          env={**os.environ, **(env or {})}).returncode


def build(folder, *options, compiler=None):
    """Configures and builds a folder by scripts/build; True if it worked."""
    return call(['scripts/build', folder, *options], {'CC': compiler} if compiler else None) == 0


# ---- unit tests, by meson

TAP_SKIP = re.compile(r'(?:not )?ok \d+\b.*# SKIP ?(.*)')  # cmocka says "not ok" of these


def count_case(label, case, tally):
    """One executable of `meson test`: its cmocka cases, or itself if it tells none."""
    name = f'{label}: {case["name"]}'
    good = bad = 0
    for line in case.get('stdout', '').splitlines():
        if skipped := TAP_SKIP.match(line):
            tally.skipped.append(f'{name}: {skipped[1]}')
        elif line.startswith('not ok '):
            bad += 1
            tally.fail(f'{name}: {line[7:]}')
        elif line.startswith('ok '):
            good += 1
    tally.passed += good
    if case['result'] == 'SKIP':
        tally.skipped.append(f'{name}: said so itself')
    elif case['result'] not in ('OK', 'EXPECTEDFAIL') and not bad:
        tally.fail(f'{name}: {case["result"]}')  # a crash or a time-out
    elif not good and not bad:
        tally.ok()


def meson_tests(label, folder, sanitizer=False):
    """Runs the tests of a build folder."""
    tally = Tally()
    # meson names the log after the wrapper
    suffix = f'-{FIXED_ADDRESSES[0]}' if sanitizer and FIXED_ADDRESSES else ''
    log = os.path.join(ROOT, folder, 'meson-logs', f'testlog{suffix}.json')
    if os.path.exists(log):
        os.unlink(log)
    args = ['meson', 'test', '-C', folder, '--no-rebuild', '--print-errorlogs',
            '--num-processes', str(os.cpu_count() or 1),
            '--timeout-multiplier', '20' if sanitizer else '4']  # for what hangs, not for a busy machine
    if sanitizer:
        args += ['--suite', 'unit']
        args += ['--wrapper', ' '.join(FIXED_ADDRESSES)] if FIXED_ADDRESSES else []
    status = call(args, {**SANITIZER_ENV, 'CMOCKA_MESSAGE_OUTPUT': 'TAP'})
    if os.path.exists(log):
        with open(log, encoding='utf-8') as file:
            for line in file:
                count_case(label, json.loads(line), tally)
    if not tally.passed + tally.failed + len(tally.skipped):
        tally.fail(f'{label}: no test ran')
    elif status and not tally.failed:
        tally.fail(f'{label}: meson test ended with status {status}')
    return tally


def unit(_options):
    if not build('build'):
        return Tally(failed=1, failures=['build'])
    return meson_tests('unit', 'build')


def asan(_options):
    """All unit tests under AddressSanitizer and UndefinedBehaviorSanitizer."""
    if not build('build-asan', '-Db_sanitize=address,undefined', '-Db_lundef=false'):
        return Tally(failed=1, failures=['asan: build'])
    return meson_tests('asan+ubsan', 'build-asan', sanitizer=True)


def tsan(_options):
    """The flow tables, readers and writer at once, under ThreadSanitizer."""
    if not build('build-tsan', '-Db_sanitize=thread', '-Db_lundef=false', '-Ddataplane=false',
                 '-Dagent=false'):
        return Tally(failed=1, failures=['tsan: build'])
    return meson_tests('tsan', 'build-tsan', sanitizer=True)


def flips(_options):
    """A million bundles among readers: none sees rules of before and after one."""
    if not build('build'):
        return Tally(failed=1, failures=['flips: build'])
    tally = Tally()
    for test in ('cache_flip', 'gist_flip'):
        status = call([f'build/test/unit/flowtable/test_flowtable_{test}'], {'WEFT_FLIPS': '1000000'})
        if status:
            tally.fail(f'{test}: status {status}')
        else:
            tally.ok()
    return tally


# ---- fuzzing

def fuzz_targets(folder):
    """(name, path of the program, its seeds) of each fuzz target: meson knows them as tests."""
    out = subprocess.run(['meson', 'introspect', '--tests', folder], cwd=ROOT, check=True,
                         capture_output=True, text=True).stdout
    for test in json.loads(out):
        program = test['cmd'][0]
        if os.path.basename(program).startswith('fuzz_'):
            yield os.path.basename(program), program, test['cmd'][-1]


def fuzz(options):
    """Each target for some seconds, from its seeds. What it finds new is not kept."""
    tally = Tally()
    if not build('build-fuzz', '-Dfuzz=true', '-Ddataplane=false', '-Db_lundef=false',
                 compiler='clang'):
        tally.fail('fuzz: build')
        return tally
    seconds = 2 if options.quick else 10
    for name, program, corpus in sorted(fuzz_targets('build-fuzz')):
        if not os.path.isdir(corpus) or not os.listdir(corpus):
            tally.fail(f'fuzz: {name} has no seeds in {os.path.relpath(corpus, ROOT)}')
            continue
        with tempfile.TemporaryDirectory(prefix='weft-fuzz-') as fresh:
            print(f'fuzz: {name} for {seconds} s')
            log = os.path.join(fresh, 'log')
            os.mkdir(os.path.join(fresh, 'new'))
            with open(log, 'wb') as out:
                status = subprocess.run(
                    [*FIXED_ADDRESSES, program, f'-max_total_time={seconds}', '-timeout=10',
                     '-rss_limit_mb=2048', '-print_final_stats=1', f'-artifact_prefix={fresh}/',
                     fresh + '/new', corpus],
                    stdin=subprocess.DEVNULL, stdout=out, stderr=out, check=False,
                    env={**os.environ, **SANITIZER_ENV}).returncode
            if status:
                tally.fail(f'fuzz: {name}')
                keep_evidence(name, fresh)
            else:
                tally.ok()
    if not tally.passed + tally.failed:
        tally.fail('fuzz: no target')
    return tally


def keep_evidence(name, folder):
    """Shows what a fuzzer said and keeps the input that broke the target."""
    with open(os.path.join(folder, 'log'), encoding='utf-8', errors='replace') as file:
        print(''.join(file.readlines()[-40:]))
    where = os.path.join(ROOT, 'build-fuzz', 'found', name)
    os.makedirs(where, exist_ok=True)
    for item in os.listdir(folder):
        if item.startswith(('crash-', 'timeout-', 'oom-', 'leak-', 'slow-unit-')):
            shutil.copy(os.path.join(folder, item), where)
            print(f'fuzz: input kept as {where}/{item}')


# ---- end to end

NOTHING_CHOSEN = 5  # what pytest ends with
SECOND_LOOKS = 3    # how many failures are looked at once more, at most
E2E_NAME = re.compile(r'e2e: ([\w.]+)\.(\w+(?:\[.*\])?)')


def e2e(options):
    """Hosts and VMs as network namespaces; pytest."""
    tally = Tally()
    if os.geteuid():
        return Tally(failed=1, failures=['e2e: needs root, for network namespaces'])
    if not build('build'):
        return Tally(failed=1, failures=['e2e: build'])
    # Most of a test's time is waiting for programs that start: one more at once than there are CPUs.
    tally.add(pytest(options, 'side-by-side', '-m', 'not alone', '-n', str((os.cpu_count() or 1) + 1)))
    tally.add(pytest(options, 'alone', '-m', 'alone'))
    look_again(options, tally)
    if not tally.passed + tally.failed + len(tally.skipped):
        tally.fail('e2e: no test ran')
    return tally


def look_again(options, tally):
    """Runs the tests that failed once more, one at a time, if they are few.

    A machine that stands still for a second in the wrong moment fails a test that is not at fault. What
    passes the second time counts as passed, and is told aloud.
    """
    named = {failure: E2E_NAME.fullmatch(failure) for failure in tally.failures}
    if not 0 < len(named) <= SECOND_LOOKS or not all(named.values()):
        return
    print(f'==== e2e: again, one at a time: {len(named)} that failed')
    again = pytest(options, 'again', which=[f'{name[1].replace(".", "/")}.py::{name[2]}'
                                            for name in named.values()])
    if again.passed + again.failed == len(named):
        tally.failed, tally.failures = tally.failed - again.passed, again.failures
        tally.passed += again.passed
        tally.unsteady += [name for name in named if name not in again.failures]


def pytest(options, name, *args, which=None):
    """One run of pytest over the end-to-end tests that `args` choose, or over those of `which`."""
    tally = Tally()
    report = os.path.join(ROOT, 'build', f'e2e-{name}.xml')
    if os.path.exists(report):
        os.unlink(report)
    status = call([PYTHON, '-m', 'pytest', '-p', 'no:cacheprovider', f'--junitxml={report}', '-q', '-rs',
                   '--durations=15', *args, *(['--quick'] if options.quick else []),
                   *(which or options.e2e or ['test/e2e'])])
    if os.path.exists(report):
        for case in ElementTree.parse(report).getroot().iter('testcase'):
            test = f'e2e: {case.get("classname")}.{case.get("name")}'
            skipped = case.find('skipped')
            if case.find('failure') is not None or case.find('error') is not None:
                tally.fail(test)
            elif skipped is not None:
                tally.skipped.append(f'{test}: {skipped.get("message")}')
            else:
                tally.ok()
    if status not in (0, NOTHING_CHOSEN) and not tally.failed:
        tally.fail(f'e2e: pytest ended with status {status}')
    return tally


# ---- the certification vectors

def conform(options):
    """An even sample of the OpenFlow 1.3 certification vectors; all of them by --conformance."""
    if not conformance.available():
        return Tally(skipped=['conformance: the vectors are not there (../shared/conformance)'])
    if not build('build'):
        return Tally(failed=1, failures=['conformance: build'])
    tally = Tally()
    # The sample is of what is checked packet by packet: groups and meters take half a minute each.
    cases = conformance.run() if options.conformance else conformance.run(4, '^(action|match)/')
    excused = conformance.exceptions()
    for case in cases:
        name = f'conformance: {case.group}/{case.file}#{case.number}'
        why = excused.get((case.group, case.file, case.number))
        if case.result == 'OK':
            tally.ok()
        elif why:
            tally.skipped.append(f'{name}: {why}')
        else:
            tally.fail(f'{name}: {case.description}: {case.detail}')
    if not cases:
        tally.fail('conformance: no case ran')
    print('\n'.join(conformance.table(cases)))
    return tally


SUITES = {'unit': unit, 'asan': asan, 'tsan': tsan, 'fuzz': fuzz, 'conformance': conform,
          'e2e': e2e, 'flips': flips}
ON_REQUEST = {'flips'}  # alone: too long for every day


def parse(argv):
    parser = argparse.ArgumentParser(
        prog='scripts/test', description='Run every test of Weft.',
        epilog='Without an option that names suites, all run.')
    parser.add_argument('--quick', action='store_true',
                        help='unit and e2e tests without the slow ones, and 2 s a fuzz target')
    parser.add_argument('--unit', action='store_true', help='the unit tests alone, no sanitizers')
    parser.add_argument('--sanitizers', action='store_true',
                        help='the unit tests under ASan and UBSan, the flow tables under TSan')
    parser.add_argument('--fuzz', action='store_true', help='the fuzz targets')
    parser.add_argument('--conformance', action='store_true',
                        help='all OpenFlow 1.3 certification vectors (half an hour)')
    parser.add_argument('--flips', action='store_true',
                        help='a million bundles, of which no packet may see a part (minutes)')
    parser.add_argument('--e2e', nargs=argparse.REMAINDER, metavar='PYTEST-ARGUMENT',
                        help='the end-to-end tests; what follows goes to pytest')
    options = parser.parse_args(argv)
    chosen = [name for name, on in (
        ('unit', options.unit), ('asan', options.sanitizers), ('tsan', options.sanitizers),
        ('fuzz', options.fuzz), ('conformance', options.conformance), ('flips', options.flips),
        ('e2e', options.e2e is not None)) if on]
    if not chosen:
        chosen = ['unit', 'fuzz', 'e2e'] if options.quick else [name for name in SUITES if name not in ON_REQUEST]
    return options, chosen


def main(argv):
    options, chosen = parse(argv)
    total = Tally()
    times = []
    for name in chosen:
        print(f'==== {name}')
        began = time.monotonic()
        try:
            tally = SUITES[name](options)
        except Exception as error:  # whatever a suite does, the others still run
            tally = Tally(failed=1, failures=[f'{name}: {type(error).__name__}: {error}'])
        took = time.monotonic() - began
        times.append(f'{name}: {tally.passed} passed, {tally.failed} failed, '
                     f'{len(tally.skipped)} skipped in {took:.0f} s')
        total.add(tally)
    print('==== all')
    for line in times:
        print(f'suite {line}')
    for line in total.skipped:
        print(f'skipped: {line}')
    for line in total.unsteady:
        print(f'UNSTEADY: {line}: failed, and passed when it ran again by itself')
    for line in total.failures:
        print(f'FAILED: {line}')
    print(f'{total.passed} passed, {total.failed} failed')
    return 1 if total.failed else 0


if __name__ == '__main__':
    sys.exit(main(sys.argv[1:]))
