#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Each program and command of bench/ tells by --help how it is called, and refuses a call that is wrong.

Usage: test_help.py SOURCE_ROOT PROGRAM...
"""
import glob
import os
import subprocess
import sys
import tempfile
import unittest

ROOT, PROGRAMS = os.path.abspath(sys.argv[1]), [os.path.abspath(path) for path in sys.argv[2:]]
COMMANDS = [path for path in glob.glob(os.path.join(ROOT, 'bench', '*'))
            if os.path.isfile(path) and os.access(path, os.X_OK)]
WRONG = ['--no-such-option', 'x', 'y']
TAKES_ANY = {'bench-witness', 'bench-classbench'}  # files and sets, of which some may be missing


def run(path, *words):
    with tempfile.TemporaryDirectory() as folder:
        return subprocess.run([path, *words], cwd=folder, capture_output=True, text=True, timeout=60,
                              env={**os.environ, 'PYTHONDONTWRITEBYTECODE': '1'}, check=False)


class Help(unittest.TestCase):
    def test_there_is_something_to_ask(self):
        self.assertGreater(len(PROGRAMS), 8)
        self.assertGreater(len(COMMANDS), 10)

    def test_it_is_told(self):
        for path in PROGRAMS + COMMANDS:
            with self.subTest(path):
                done = run(path, '--help')
                self.assertEqual((done.returncode, done.stderr), (0, ''))
                self.assertTrue(done.stdout.startswith(f'usage: {os.path.basename(path)}'), done.stdout)
                self.assertGreater(len(done.stdout.splitlines()), 1)

    def test_a_wrong_call_is_refused(self):
        for path in PROGRAMS + COMMANDS:
            if os.path.basename(path) in TAKES_ANY:
                continue
            with self.subTest(path):
                done = run(path, *WRONG)
                self.assertEqual((done.returncode, done.stdout), (2, ''))
                self.assertNotEqual(done.stderr, '')


if __name__ == '__main__':
    unittest.main(argv=sys.argv[:1])
