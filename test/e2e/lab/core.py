# SPDX-License-Identifier: Apache-2.0
"""The lab: makes namespaces, starts programs, and undoes all of it."""
import os
import shutil
import tempfile

from . import netns
from .process import Process, run

PREFIX = 'weft'


class Lab:
    """Owns what a test or the demo makes. Use as a context manager, or call close()."""

    def __init__(self, outlive=False, name=None):
        """outlive: programs go on when this process ends (the demo's --keep); its namespaces then need
        a name of their own, for those with a dead process' number are taken away by the next lab."""
        self.outlive = outlive
        self.prefix = name or f'{PREFIX}{os.getpid()}-'
        self.dir = tempfile.mkdtemp(prefix=f'{PREFIX}-lab-')
        self.namespaces = {}
        self.processes = []
        self.on_close = []  # called last in, first out, before programs are ended
        for stale in netns.names_of_dead(PREFIX):
            if not run(['ip', 'netns', 'pids', stale], check=False).strip():
                run(['ip', 'netns', 'del', stale], check=False)

    def namespace(self, label):
        ns = netns.Namespace(self.prefix + label, label)
        self.namespaces[label] = ns
        return ns

    def path(self, name):
        """A path in the lab's own folder, removed at the end."""
        return os.path.join(self.dir, name)

    def start(self, name, args, ns=None, env=None):
        """Starts a program, inside a namespace if one is given."""
        command = ns.command(*args) if ns else list(map(str, args))
        process = Process(name, command, self.path(f'{name}.log'), env, self.outlive, self.dir)
        self.processes.append(process)
        return process

    def ended_unexpectedly(self):
        """Programs that ended without being told to."""
        return [p for p in self.processes if not p.alive() and not p.expected_end]

    def close(self):
        while self.on_close:
            self.on_close.pop()()
        for process in reversed(self.processes):
            process.stop()
        for ns in self.namespaces.values():
            ns.remove()
        self.namespaces.clear()
        shutil.rmtree(self.dir, ignore_errors=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
