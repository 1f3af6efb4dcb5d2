# SPDX-License-Identifier: Apache-2.0
"""The machine that is measured on: what we borrow from it, and who else was on the core meanwhile."""
import os
import subprocess
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))  # the project's
_HUGE = '/sys/kernel/mm/hugepages/hugepages-2048kB'


class BenchError(Exception):
    """Something that the user should be told in one line."""


def run(command, timeout=60, **kwargs):
    """The command's output; BenchError with its words if it fails."""
    try:
        done = subprocess.run(list(map(str, command)), stdin=subprocess.DEVNULL, text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=timeout,
                              check=False, **kwargs)
    except FileNotFoundError as error:
        raise BenchError(f'{command[0]}: not installed; try scripts/deps bench') from error
    except subprocess.TimeoutExpired as error:
        raise BenchError(f'{" ".join(map(str, command[:4]))} …: not done after {timeout} s') from error
    if done.returncode:
        words = (done.stderr or done.stdout).strip().splitlines() or ['no output']
        raise BenchError(f'{" ".join(map(str, command[:6]))}: {words[-1]}')
    return done.stdout


def wait_until(test, seconds, what):
    """Asks again and again until it is true, and returns what it said."""
    end = time.monotonic() + seconds
    while True:
        said = test()
        if said:
            return said
        if time.monotonic() > end:
            raise BenchError(f'{what}: not within {seconds} s')
        time.sleep(0.05)


def _read(path):
    with open(path, encoding='ascii', errors='replace') as file:
        return file.read()


class Hugepages:
    """So many MB of free 2 MB pages; what was added is taken away again when the block ends.

    Others may add and take away meanwhile, so ensure() is called before each use.
    """

    def __init__(self, megabytes):
        self._pages = megabytes // 2
        self._added = 0

    def __enter__(self):
        try:
            self.ensure()
        except BenchError:
            self.__exit__()
            raise
        return self

    def ensure(self):
        want, before = self._pages - self._count('free'), self._count('nr')
        if want > 0:
            self._set(before + want)
            self._added += self._count('nr') - before
        free = self._count('free')
        if free < self._pages:
            raise BenchError(f'{self._pages} hugepages of 2 MB needed, only {free} to be had')

    def __exit__(self, *_):
        self._set(max(0, self._count('nr') - self._added))

    @staticmethod
    def _count(which):
        return int(_read(f'{_HUGE}/{which}_hugepages'))

    @staticmethod
    def _set(pages):
        with open(f'{_HUGE}/nr_hugepages', 'w', encoding='ascii') as file:
            file.write(str(pages))


class Namespace:
    """A network namespace. A program in it sees no network but its own."""

    def __init__(self, name):
        self.name = f'{name}-{os.getpid()}'
        run(['ip', 'netns', 'add', self.name])
        run(['ip', '-n', self.name, 'link', 'set', 'lo', 'up'])

    def command(self, *words):
        return ['ip', 'netns', 'exec', self.name, *words]

    def ip(self, *words):
        return run(['ip', '-n', self.name, *words])

    def remove(self):
        subprocess.run(['ip', 'netns', 'del', self.name], check=False)


class Program:
    """A process of ours, with its words in a file; ended by terminate, then kill."""

    def __init__(self, name, command, log, cpu, env=None):
        self.name, self._log = name, log
        with open(log, 'ab') as out:
            self._process = subprocess.Popen(
                ['taskset', '-c', str(cpu), *map(str, command)], stdin=subprocess.DEVNULL,
                stdout=out, stderr=out, env={**os.environ, **(env or {})})

    @property
    def pid(self):
        return self._process.pid

    def check(self):
        """BenchError with the last of its words if it has ended."""
        if self._process.poll() is not None:
            words = self.said().strip().splitlines()[-3:]
            raise BenchError(f'{self.name} ended with status {self._process.returncode}: '
                             + ' | '.join(words))
        return True

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()

    def said(self):
        return _read(self._log)

    def stop(self):
        if self._process.poll() is None:
            self._process.terminate()
            try:
                self._process.wait(10)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()


def threads(pid):
    """Thread id and name of each thread."""
    for tid in os.listdir(f'/proc/{pid}/task'):
        try:
            yield int(tid), _read(f'/proc/{pid}/task/{tid}/comm').strip()
        except FileNotFoundError:
            pass


def cpu_ns(tid):
    """How long the thread has run."""
    return int(_read(f'/proc/{tid}/schedstat').split()[0])


class Core:
    """The one thread that is measured; for as long as the block runs, before all others on its core.

    A real-time thread: a nice one would still share with other sessions. Blocks are to be shorter than
    the second after which the kernel takes the core from a real-time thread.
    """

    def __init__(self, tid):
        self.tid = tid
        self._stat = f'/proc/{tid}/schedstat'

    def __enter__(self):
        os.sched_setscheduler(self.tid, os.SCHED_FIFO, os.sched_param(1))

    def __exit__(self, *_):
        try:
            os.sched_setscheduler(self.tid, os.SCHED_OTHER, os.sched_param(0))
        except ProcessLookupError:
            pass  # ended meanwhile; why is for others to say

    def waited_ns(self):
        """How long the thread has wanted to run while others did."""
        return int(_read(self._stat).split()[1])


def tsc_hz():
    """The rate of the time stamp counter as the kernel found it; None where it does not say."""
    for line in _read('/proc/cpuinfo').splitlines():
        if line.startswith('bogomips'):
            return float(line.split(':')[1]) * 1e6 / 2
    return None


def conditions():
    """What a reader must know of the machine."""
    info = dict(line.split(':', 1) for line in _read('/proc/cpuinfo').splitlines() if ':' in line)
    info = {key.strip(): value.strip() for key, value in info.items()}
    return {
        'cpu': info.get('model name', 'unknown') + f', family {info.get("cpu family", "?")}'
               f' model {info.get("model", "?")}',
        'cpus': os.cpu_count(),
        'tsc_mhz': round((tsc_hz() or 0) / 1e6),
        'virtual': 'hypervisor' in info.get('flags', ''),
        'kernel': os.uname().release,
        'time': time.strftime('%Y-%m-%d %H:%M:%S UTC', time.gmtime()),
    }
