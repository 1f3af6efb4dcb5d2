# SPDX-License-Identifier: Apache-2.0
"""test-session-server as a child process: a switch's sessions without a data plane."""
import json
import os
import queue
import socket
import subprocess
import threading
import time

from ofclient import Client

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def program():
    return os.path.join(os.environ.get('WEFT_BUILD') or os.path.join(ROOT, 'build'),
                        'test/unit/ctrlagent/test-session-server')


class SessionServer:
    def __init__(self, *args):
        self.process = subprocess.Popen(
            [program(), *map(str, args)], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, text=True)
        self.answers, self.events, self.log = queue.Queue(), queue.Queue(), []
        threading.Thread(target=self.read_out, daemon=True).start()
        threading.Thread(target=self.read_err, daemon=True).start()
        assert self.answers.get(timeout=5) == 'ok started', self.log
        while any(c['target'].startswith('p') and c['state'] == 'connecting'
                  for c in self.describe()['controllers']):
            time.sleep(0.01)

    def read_out(self):
        for line in self.process.stdout:
            line = line.rstrip('\n')
            if line.startswith('event '):
                self.events.put(line[6:])
            else:
                self.answers.put(line)

    def read_err(self):
        for line in self.process.stderr:
            self.log.append(line)

    def __call__(self, line):
        """Runs a command; what follows its "ok"."""
        self.process.stdin.write(line + '\n')
        self.process.stdin.flush()
        answer = self.answers.get(timeout=10)
        assert answer.startswith('ok'), answer
        return answer[3:]

    def describe(self):
        return json.loads(self('describe'))

    def sessions(self):
        return [c for c in self.describe()['controllers'] if c['state'] == 'connected']

    def event(self, timeout=5):
        return self.events.get(timeout=timeout)

    def rss_kb(self):
        with open(f'/proc/{self.process.pid}/status') as f:
            return next(int(line.split()[1]) for line in f if line.startswith('VmRSS'))

    def stop(self):
        """Ends it; it must have ended well (with a sanitizer: nothing found)."""
        self.process.stdin.close()
        try:
            status = self.process.wait(10)
        finally:
            self.process.kill()
        assert status == 0, (status, ''.join(self.log))

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        if kind:
            self.process.kill()
            print(''.join(self.log))
        else:
            self.stop()


def free_port():
    with socket.socket() as s:
        s.bind(('127.0.0.1', 0))
        return s.getsockname()[1]


class Listener:
    """A controller that listens; each accepted connection is a Client."""

    def __init__(self, port=0):
        self.sock = socket.socket()
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.sock.bind(('127.0.0.1', port))
        self.sock.listen()
        self.port = self.sock.getsockname()[1]

    def accept(self, timeout=5):
        self.sock.settimeout(timeout)
        sock = self.sock.accept()[0]
        return Client(sock)

    def close(self):
        self.sock.close()
