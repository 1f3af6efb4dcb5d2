# SPDX-License-Identifier: Apache-2.0
"""Programs that a lab starts: their output kept in a file, ended by their own process number."""
import ctypes
import os
import signal
import subprocess

_libc = ctypes.CDLL(None, use_errno=True)
_PR_SET_PDEATHSIG = 1


def _die_with_parent():
    _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)


class Process:
    """A running program. `log` is the path of what it printed. Start from the main thread only: it dies
    with the thread that started it, unless `outlive`."""

    def __init__(self, name, args, log, env=None, outlive=False, cwd=None):
        self.name = name
        self.args = args
        self.log = log
        self.expected_end = False
        with open(log, 'ab') as out:
            self._popen = subprocess.Popen(
                args, stdin=subprocess.DEVNULL, stdout=out, stderr=out, cwd=cwd,
                env={**os.environ, **(env or {})}, start_new_session=True,
                preexec_fn=None if outlive else _die_with_parent)

    @property
    def pid(self):
        return self._popen.pid

    @property
    def status(self):
        """Exit status, negative for a signal; None while it runs."""
        return self._popen.poll()

    def alive(self):
        return self._popen.poll() is None

    def check_alive(self):
        if not self.alive():
            raise RuntimeError(f'{self.name} ended with status {self.status}:\n{self.tail()}')
        return True

    def signal(self, number):
        self._popen.send_signal(number)

    def kill(self):
        """kill -9, and wait until it is gone."""
        self.expected_end = True
        self._popen.kill()
        self._popen.wait()

    def stop(self, timeout=5.0):
        """SIGTERM, and SIGKILL if that does not help. Returns the exit status."""
        self.expected_end = True
        if self.alive():
            self._popen.terminate()
            try:
                self._popen.wait(timeout)
            except subprocess.TimeoutExpired:
                self._popen.kill()
                self._popen.wait()
        return self.status

    def wait(self, timeout):
        """Waits for the program's own end."""
        self.expected_end = True
        try:
            return self._popen.wait(timeout)
        except subprocess.TimeoutExpired:
            raise AssertionError(f'{self.name} still runs after {timeout} s:\n{self.tail()}')

    def output(self):
        with open(self.log, encoding='utf-8', errors='replace') as file:
            return file.read()

    def tail(self, lines=30):
        return '\n'.join(self.output().splitlines()[-lines:])


def cpu_seconds(pid):
    """User and system time that a process has used."""
    with open(f'/proc/{pid}/stat', encoding='ascii') as file:
        fields = file.read().rsplit(')', 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf('SC_CLK_TCK')


def first(pid):
    """Gives a program what there is of priority: among its session's threads, and for its session."""
    for task in os.listdir(f'/proc/{pid}/task'):
        run(['renice', '-n', '-20', '-p', task], check=False)
    session = f'/proc/{pid}/autogroup'
    if os.path.exists(session):
        with open(session, 'w', encoding='ascii') as file:
            file.write('-20')


def run(args, timeout=30, check=True, env=None):
    """A short command; its stdout as text. RuntimeError with all it said if it fails."""
    done = subprocess.run(args, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                          timeout=timeout, check=False, env={**os.environ, **(env or {})})
    if check and done.returncode:
        raise RuntimeError(f'{" ".join(map(str, args))}: status {done.returncode}\n'
                           f'{done.stdout}{done.stderr}')
    return done.stdout
