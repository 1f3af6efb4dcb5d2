#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""bench-turns plays the same storms in each run, and what it says of them adds up. How long they take is nobody's
promise.

Expects the program. It enters each packet's end in a ledger, and fails if one is missing.
"""
import json
import os
import subprocess
import sys
import tempfile
import unittest

PROGRAM = sys.argv.pop()
TURNS, BURST = 2000, 64
HELD = 4 * BURST  # packets that came in earlier turns (dataplane/dp_held.h)
STORMS = ['quiet', 'apart', 'among', 'flood', 'bundles', 'onto', 'away', 'between']


class Turns(unittest.TestCase):
    def setUp(self):
        self.cpus = sorted(os.sched_getaffinity(0))
        if len(self.cpus) < 2:
            self.skipTest('worker and writer want a CPU each')
        folder = tempfile.TemporaryDirectory(prefix='weft-turns-')
        self.addCleanup(folder.cleanup)
        self.file = os.path.join(folder.name, 'turns')

    def run_once(self, scenario, turns=TURNS, cpus=None, before=()):
        worker, writer = cpus or (self.cpus[1], self.cpus[0])
        args = [*before, PROGRAM, self.file, scenario, str(worker), str(writer), 'small', str(turns)]
        return subprocess.run(args, capture_output=True, text=True, timeout=240, check=False)

    def lines(self, scenario):
        done = self.run_once(scenario)
        self.assertEqual(done.returncode, 0, done.stderr)
        said = [json.loads(line) for line in done.stdout.splitlines()]
        self.assertEqual([line['storm'] for line in said], STORMS)
        return {line['storm']: line for line in said}

    def check_sums(self, s):
        self.assertGreaterEqual(s['turns'], TURNS / 2)
        self.assertLessEqual(s['turns'], TURNS)
        self.assertLessEqual(s['over_50us'], s['over_10us'])
        self.assertLessEqual(s['over_10us'], s['turns'])
        self.assertLessEqual(s['mean_us'], s['own_us'] + 0.1)
        self.assertLess(s['at'], TURNS)
        self.assertLessEqual(s['packets'], BURST)
        self.assertLessEqual(s['unknown'], s['packets'] + HELD)
        self.assertLessEqual(s['all_packets'], s['turns'] * BURST)
        self.assertLessEqual(s['all_unknown'], s['all_packets'] + HELD)
        self.assertGreaterEqual(s['all_unknown'], s['unknown'])

    def check_storms(self, said):
        self.assertEqual(said['quiet']['all_packets'], said['quiet']['turns'] * BURST)
        self.assertEqual(said['quiet']['all_unknown'], 0)
        for storm in 'onto', 'away', 'between':
            self.assertGreater(said[storm]['all_unknown'], 0, storm)
        self.assertGreater(said['onto']['all_learned'], 0)
        self.assertLess(said['among']['all_packets'], said['quiet']['all_packets'])  # bursts are shorter

    def check_scenario(self, scenario):
        first, second = self.lines(scenario), self.lines(scenario)
        for storm in STORMS:
            self.check_sums(first[storm])
            self.assertEqual((first[storm]['runs'], second[storm]['runs']), (1, 2))
            self.assertEqual(first[storm]['own_us'], first[storm]['clock_us'])
            self.assertLessEqual(second[storm]['own_us'], first[storm]['own_us'])
            self.assertEqual(second[storm]['differ'], 0, storm)
            for what in 'turns', 'all_packets', 'all_unknown', 'all_learned':
                self.assertEqual(first[storm][what], second[storm][what], (storm, what))
        self.check_storms(first)

    def test_encap_is_played_the_same_again(self):
        self.check_scenario('encap')

    def test_three_tables_are_played_the_same_again(self):
        self.check_scenario('tables')

    def test_a_real_time_thread_lets_the_other_in(self):
        cpu = self.cpus[-1]
        real_time = ['taskset', '-c', str(cpu), 'chrt', '-f', '1']
        if subprocess.run([*real_time, 'true'], capture_output=True, check=False).returncode:
            self.skipTest('may not start a thread of the real-time class')
        done = self.run_once('encap', cpus=(cpu, cpu), before=real_time)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(len(done.stdout.splitlines()), len(STORMS))

    def test_what_it_does_not_understand_is_refused(self):
        self.assertEqual(self.run_once('encap', 10).returncode, 2)
        with open(self.file, 'wb') as file:
            file.write(b'something else')
        done = self.run_once('encap')
        self.assertNotEqual(done.returncode, 0)
        self.assertIn('FILE is not one of these', done.stderr)


if __name__ == '__main__':
    unittest.main()
