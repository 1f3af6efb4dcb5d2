#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""bench-generate makes of each frame what the filters still permit, sound and never the same twice.

Expects the project's root and the program. Prints the seed; WEFT_SEED=… repeats a run.
"""
import os
import random
import subprocess
import sys
import tempfile
import unittest

PROGRAM = sys.argv.pop()
ROOT = sys.argv.pop()
sys.path.insert(0, os.path.join(ROOT, 'bench'))
sys.dont_write_bytecode = True

from lib import filters, frames, pcapfile, source  # noqa: E402

SEED = int(os.environ.get('WEFT_SEED') or random.SystemRandom().getrandbits(32))
FRAMES, AT = 200, {'plain': 0, 'vxlan': 50, 'nvgre': 42}
OUTER = frames.Outer(b'\2' * 6, b'\4' * 6, frames.ip('198.18.0.2'), frames.ip('198.18.0.1'))


def flow_of(inner):
    def number(at, size):
        return int.from_bytes(inner[at:at + size], 'big')
    return frames.Flow(number(26, 4), number(30, 4), inner[23], number(34, 2), number(36, 2))


class Variants(unittest.TestCase):
    def setUp(self):
        self.rng = random.Random(SEED)
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.path = os.path.join(folder.name, 'frames')

    def write(self, encap, bits=None):
        """Frames of filters' flows; returns the filters in the frames' order."""
        site = filters.Site(self.rng)
        policy = filters.generate(self.rng, 50, filters.shapes(self.rng, 30), site)
        hits = filters.hits(self.rng, policy, FRAMES, site)
        made = []
        for flow in hits:
            inner = frames.inner(flow, b'\2' * 6, b'\4' * 6)
            around = frames.ENCAPS.get(encap)
            made.append(around(inner, 5001, OUTER, frames.entropy(flow)) if around else inner)
        pcapfile.write(self.path, made)
        source.write_open_bits(self.path, bits or [filters.open_bits(f) for f in hits.values()])
        return list(hits.values())

    def generate(self, encap, flows, count, seed=1):
        done = subprocess.run(
            [PROGRAM, '--capture', self.path, '--open', f'{self.path}.open', '--encap', encap, '--flows',
             str(flows), '--write', str(count), '--seed', str(seed), f'{self.path}.out'],
            stderr=subprocess.PIPE, text=True, timeout=60, check=False)
        return done, list(pcapfile.read(f'{self.path}.out')) if not done.returncode else []

    def sound(self, frame, encap):
        inner = frame[AT[encap]:]
        self.assertEqual(frames.checksum(inner[14:34]), 0)
        pseudo = inner[26:34] + bytes([0, inner[23]]) + (len(inner) - 34).to_bytes(2, 'big')
        self.assertIn(frames.checksum(pseudo + inner[34:]), (0, 0xffff))
        if encap != 'plain':
            self.assertEqual(frames.checksum(frame[14:34]), 0)
        return flow_of(inner)

    def test_sound_and_permitted(self):
        for encap in AT:
            policy = self.write(encap)
            _, made = self.generate(encap, 0, 8 * FRAMES)
            flows = [self.sound(frame, encap) for frame in made]
            for n, flow in enumerate(flows):
                self.assertTrue(policy[n % FRAMES].matches(flow), (policy[n % FRAMES], flow))
            # Frames of unlike open bits may meet, by chance.
            self.assertGreater(len(set(flows)), 0.99 * 8 * FRAMES)

    def test_as_many_flows_as_wanted_again_and_again(self):
        self.write('vxlan', [(0, 16)] * FRAMES)
        _, made = self.generate('vxlan', 8 * FRAMES, 16 * FRAMES)
        self.assertEqual(len({self.sound(frame, 'vxlan') for frame in made}), 8 * FRAMES)
        self.assertEqual(made[:8 * FRAMES], made[8 * FRAMES:])

    def test_new_for_ever(self):
        self.write('vxlan', [(0, 16)] * FRAMES)
        _, made = self.generate('vxlan', 0, 100 * FRAMES)
        self.assertEqual(len({self.sound(frame, 'vxlan') for frame in made}), 100 * FRAMES)

    def test_all_variants_of_few_bits(self):
        """Frames that are alike but for open bits share them, and make each of them."""
        self.write('vxlan', [(0, 10)] * FRAMES)
        _, made = self.generate('vxlan', 0, 1024 * FRAMES)
        flows = [flow_of(frame[50:]) for frame in made]
        alike = {}
        for n in range(FRAMES):
            alike.setdefault(flows[n]._replace(sport=flows[n].sport & 0xfc00), []).append(n)
        for frames_alike in alike.values():
            self.assertEqual(len({flow for n in frames_alike for flow in flows[n::FRAMES]}), 1024)

    def test_the_outer_header_tells_flows_apart(self):
        for encap, at, size in (('vxlan', 34, 2), ('nvgre', 41, 1)):
            self.write(encap)
            _, made = self.generate(encap, 8 * FRAMES, 8 * FRAMES)
            entropy = {int.from_bytes(frame[at:at + size], 'big') for frame in made}
            self.assertGreater(len(entropy), FRAMES if size == 2 else 200)
            if size == 2:
                self.assertTrue(all(port >= 0xc000 for port in entropy))

    def test_the_seed_says_which(self):
        self.write('vxlan')
        one, two, other = (self.generate('vxlan', 0, 1000, seed)[1] for seed in (7, 7, 8))
        self.assertEqual(one, two)
        self.assertNotEqual(one, other)

    def test_nonsense_is_refused(self):
        self.write('vxlan', [(1, 1)] * FRAMES)
        for flows in (FRAMES + 1, 5 * FRAMES):
            done, _ = self.generate('vxlan', flows, 10)
            self.assertEqual(done.returncode, 1)
            self.assertIn('--flows', done.stderr)
        done, _ = self.generate('nvgre', 0, 10)
        self.assertIn('cannot be varied', done.stderr)
        self.write('vxlan', [(1, 1)])
        done, _ = self.generate('vxlan', 0, 10)
        self.assertIn('more frames than open bits', done.stderr)
        with open(self.path, 'wb') as file:
            file.write(b'no capture at all, but long enough')
        done, _ = self.generate('vxlan', 0, 10)
        self.assertIn('not a capture', done.stderr)


if __name__ == '__main__':
    print(f'WEFT_SEED={SEED}')
    unittest.main()
