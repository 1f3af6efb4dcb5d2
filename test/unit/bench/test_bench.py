#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The generators of bench/compare: the same from the same seed, and what they promise.

Expects the project's root as the only argument. Prints the seed; WEFT_SEED=… repeats a run.
"""
import os
import random
import sys
import tempfile
import unittest

ROOT = sys.argv.pop()
sys.path.insert(0, os.path.join(ROOT, 'bench'))
sys.dont_write_bytecode = True

from lib import classbench, filters, frames, pcapfile, report, rules, scenarios  # noqa: E402

SEED = int(os.environ.get('WEFT_SEED') or random.SystemRandom().getrandbits(32))


class Bench(unittest.TestCase):
    def setUp(self):
        self.rng = random.Random(SEED)
        self.dir = tempfile.TemporaryDirectory()
        self.addCleanup(self.dir.cleanup)

    def path(self, name):
        return os.path.join(self.dir.name, name)


class Frames(Bench):
    def test_checksum_against_the_sum_word_by_word(self):
        for _ in range(300):
            data = self.rng.randbytes(self.rng.randrange(0, 80))
            padded = data + b'\0' * (len(data) % 2)
            total = sum(int.from_bytes(padded[i:i + 2], 'big') for i in range(0, len(padded), 2))
            while total >> 16:
                total = (total & 0xffff) + (total >> 16)
            self.assertEqual(frames.checksum(data), ~total & 0xffff, data.hex())
        self.assertEqual(frames.checksum(b'\xff\xff'), 0)

    def test_inner_frames_have_the_length_and_sound_checksums(self):
        for flow in filters.flows(self.rng, 200):
            frame = frames.inner(flow, b'\2' * 6, b'\4' * 6)
            self.assertEqual(len(frame), frames.MIN_FRAME)
            self.assertEqual(frames.checksum(frame[14:34]), 0)
            pseudo = frame[26:34] + bytes([0, flow.proto]) + (len(frame) - 34).to_bytes(2, 'big')
            self.assertIn(frames.checksum(pseudo + frame[34:]), (0, 0xffff))

    def test_tunnels_say_the_network_and_carry_the_frame(self):
        outer = frames.Outer(b'\2' * 6, b'\4' * 6, 1, 2)
        for vni in (1, 5001, 0xfffffe):
            vx = frames.vxlan(b'inner frame', vni, outer, 0x12345)
            self.assertEqual(vx[42:50], b'\x08\0\0\0' + vni.to_bytes(3, 'big') + b'\0')
            nv = frames.nvgre(b'inner frame', vni, outer, 0x12345)
            self.assertEqual(nv[34:42], b'\x20\0\x65\x58' + vni.to_bytes(3, 'big') + b'\x45')
            for frame in (vx, nv):
                self.assertTrue(frame.endswith(b'inner frame'))
                self.assertEqual(frames.checksum(frame[14:34]), 0)
                self.assertEqual(int.from_bytes(frame[16:18], 'big'), len(frame) - 14)

    def test_captures_read_back(self):
        wrote = [self.rng.randbytes(self.rng.randrange(60, 200)) for _ in range(50)]
        self.assertEqual(pcapfile.write(self.path('a'), wrote), 50)
        self.assertEqual(list(pcapfile.read(self.path('a'))), wrote)


class Filters(Bench):
    def test_as_many_filters_and_shapes_as_promised(self):
        site = filters.Site(self.rng)
        shapes = filters.shapes(self.rng, 90)
        self.assertEqual(len(set(shapes)), 90)
        made = filters.generate(self.rng, 1000, shapes, site)
        self.assertEqual(len(set(made)), 1000)
        self.assertEqual({f.shape for f in made}, set(shapes))
        self.assertEqual(len({rules.match(f) for f in made}), 1000)

    def test_flows_hit_and_differ(self):
        site = filters.Site(self.rng)
        made = filters.generate(self.rng, 200, filters.shapes(self.rng, 40), site)
        flows = filters.flows_hitting(self.rng, made, 3000, site)
        self.assertEqual(len(set(flows)), 3000)
        for flow in flows:
            self.assertTrue(any(f.matches(flow) for f in made), flow)

    def test_a_filter_can_miss(self):
        site = filters.Site(self.rng)
        for f in filters.generate(self.rng, 50, filters.shapes(self.rng, 40), site):
            flow = filters.hit(self.rng, f, site)
            self.assertTrue(f.matches(flow))
            if f.shape.src:
                self.assertFalse(f.matches(flow._replace(src=flow.src ^ 1 << 31)))
            if f.shape.dport:
                self.assertFalse(f.matches(flow._replace(dport=flow.dport ^ 0x8000)))

    def test_too_much_is_refused(self):
        with self.assertRaises(ValueError):
            filters.shapes(self.rng, 10000)
        with self.assertRaises(ValueError):
            filters.generate(self.rng, 10, [filters.Shape(8, 0, False, 0, 0)],
                             filters.Site(self.rng))


class ClassBench(Bench):
    def test_ranges_become_the_fewest_prefixes(self):
        self.assertEqual(classbench.prefixes(0, 65535), [(0, 0)])
        self.assertEqual(len(classbench.prefixes(1024, 65535)), 6)
        self.assertEqual(len(classbench.prefixes(1, 65534)), 30)
        for _ in range(200):
            low, high = sorted((self.rng.getrandbits(16), self.rng.getrandbits(16)))
            covered = sorted((v, v + (1 << 16 - b) - 1) for v, b in classbench.prefixes(low, high))
            self.assertEqual((covered[0][0], covered[-1][1]), (low, high))
            for (_, end), (start, _) in zip(covered, covered[1:]):
                self.assertEqual(start, end + 1)

    def test_a_filter_line(self):
        line = '@10.1.2.3/16\t0.0.0.0/0\t0 : 65535\t1024 : 65535\t0x06/0xFF\t0x1000/0x1000\n'
        made = classbench.parse_filter(line)
        self.assertEqual(len(made), 6)
        self.assertEqual({(f.src, f.proto, f.shape.src, f.shape.dst) for f in made},
                         {(frames.ip('10.1.0.0'), 6, 16, 0)})

    def test_ports_of_any_protocol_are_those_of_tcp_and_udp(self):
        made = classbench.parse_filter('@1.1.1.1/32\t2.2.2.2/32\t0 : 65535\t80 : 80\t0x00/0x00\t0/0\n')
        self.assertEqual({f.proto for f in made}, {6, 17})

    def test_nonsense_is_refused(self):
        for line in ('', '@1.2.3.4', '@1.2.3.4/32 1.2.3.4/32 0 : 1 0 : 1 0x01/0xFF 0/0'):
            with self.assertRaises(ValueError):
                classbench.parse_filter(line)


class Rules(Bench):
    def test_text(self):
        f = filters.Filter(frames.ip('10.0.0.0'), 0, 6, 0, 0x1400, filters.Shape(8, 0, True, 0, 6))
        self.assertEqual(rules.Rule(1, 7, rules.match(f), ('goto_table:2',)).text(),
                         'table=1,priority=7,tcp,nw_src=10.0.0.0/8,tp_dst=0x1400/0xfc00,'
                         'actions=goto_table:2')
        self.assertEqual(rules.Rule(1, 0).text(), 'table=1,priority=0,actions=drop')

    def test_tenants_of_one_switch_do_not_meet(self):
        own = rules.pipeline(self.rng, [], '02:00:00:00:00:01')
        texts = [rules.shared(r, 9, 5009).text() for r in own]
        self.assertIn('tun_id=5009', texts[0])
        self.assertIn('write_metadata:9,goto_table:1', texts[0])
        for text in texts[1:]:
            self.assertIn('metadata=9', text)

    def test_tenants_and_their_vteps_in_one_switch(self):
        tenant = scenarios.Tenant(1, 5001, rules.to_port(), ('198.19.0.1', '198.19.0.2'))
        other = scenarios.Tenant(2, 5002, rules.to_port())
        port = f'table=0,priority=1,in_port={rules.OVERLAY}'
        self.assertEqual([r.text() for r in rules.in_one_switch([tenant], 1)],
                         [f'{port},tun_src=198.19.0.{n},actions=output:1' for n in (1, 2)])
        self.assertEqual([r.text() for r in rules.in_one_switch([tenant, other], 2)],
                         [f'{port},tun_id=5001,tun_src=198.19.0.{n},actions=output:1' for n in (1, 2)]
                         + [f'{port},tun_id=5002,actions=output:2'])

    def test_more_tenants_than_ports_share_them(self):
        tenants = [scenarios.Tenant(n, 5000 + n, rules.to_port()) for n in (1, 2, 3)]
        self.assertEqual([r.actions for r in rules.in_one_switch(tenants, 2)],
                         [('output:1',), ('output:2',), ('output:1',)])

    def test_many_rules_come_in_bundles_and_all_of_them(self):
        for count, bundles in ((0, []), (5, [()]), (200001, [('--bundle',)] * 3)):
            made, options = [rules.Rule(0, n % 100) for n in range(count)], []
            read = []
            for option in rules.portions(self.path('r'), made):
                options.append(option)
                with open(self.path('r'), encoding='ascii') as file:
                    read += file.read().splitlines()
            self.assertEqual((options, read), (bundles, [r.text() for r in made]))

    def test_more_rules_than_priorities(self):
        made = filters.generate(self.rng, 200, filters.shapes(self.rng, 10), filters.Site(self.rng))
        priorities = {r.priority for r in rules.pipeline(self.rng, made * 330, '02:00:00:00:00:01')}
        self.assertEqual((min(priorities), max(priorities)), (0, 65009))

    def test_the_first_filter_has_the_highest_priority(self):
        made = filters.generate(self.rng, 20, filters.shapes(self.rng, 10), filters.Site(self.rng))
        priorities = [r.priority for r in rules.access_list([[f] for f in made])]
        self.assertEqual(priorities, sorted(priorities, reverse=True))
        self.assertEqual(len(set(priorities)), 20)


class Scenarios(Bench):
    def build(self, scenario, seed, name):
        inputs = scenario.build(seed, self.path(name), ROOT)
        return inputs, [r.text() for t in inputs.tenants for r in t.rules]

    def small(self):
        return scenarios.Scenario('small', '', scenarios.pipeline(4, 100, 90, 800))

    def test_the_seed_says_all(self):
        one, one_rules = self.build(self.small(), SEED, 'a')
        two, two_rules = self.build(self.small(), SEED, 'b')
        other, other_rules = self.build(self.small(), SEED + 1, 'c')
        first, second, third = (list(pcapfile.read(x.source.path)) for x in (one, two, other))
        self.assertEqual(first, second)
        self.assertNotEqual(first, third)
        self.assertEqual(one_rules, two_rules)
        self.assertNotEqual(one_rules, other_rules)

    def test_counts(self):
        inputs, texts = self.build(self.small(), SEED, 'a')
        self.assertEqual(inputs.rule_count, 4 * 103)
        self.assertEqual(len(texts), 4 * 103)
        self.assertEqual(len(list(pcapfile.read(inputs.source.path))), inputs.source.packets)
        self.assertEqual(len(set(pcapfile.read(inputs.source.path))), 800)

    def test_directions(self):
        for make, at in ((scenarios.encapsulation(10), 0), (scenarios.decapsulation(10), 50)):
            inputs, _ = self.build(scenarios.Scenario('x', '', make), SEED, 'a')
            for frame in pcapfile.read(inputs.source.path):
                self.assertEqual(len(frame), at + frames.MIN_FRAME)
            self.assertGreaterEqual(inputs.source.packets, 256)

    def test_the_attack_misses_and_the_harmless_hit(self):
        inputs, harmless = scenarios.attack_beside(100).build(SEED, self.path('a'), ROOT)
        kinds = {}
        for kind, source in (('attack', inputs.second), ('harmless', harmless)):
            frames_of = list(pcapfile.read(source.path))
            self.assertEqual(len(set(frames_of)), 32 * 16 * 16)
            kinds[kind] = {frame[86:88] == rules.TSE_DPORT.to_bytes(2, 'big') for frame in frames_of}
        self.assertEqual(kinds, {'attack': {False}, 'harmless': {True}})
        self.assertEqual(inputs.second.socket, harmless.socket)

    def test_two_ports_hand_out_the_same_frames(self):
        inputs, texts = self.build(scenarios.Scenario('x', '', scenarios.two_ports(500, 100)), SEED, 'a')
        one, two = (sorted(pcapfile.read(s.path)) for s in (inputs.source, inputs.second))
        self.assertEqual(one, two)
        self.assertEqual((len(set(one)), len(texts)), (500, 102))

    def test_names_differ(self):
        self.assertEqual(len({s.name for s in scenarios.SCENARIOS}), len(scenarios.SCENARIOS))


class Report(Bench):
    def result(self, weft, ovs):
        r = report.Result('x', 'a scenario', 100, 10, 1, [])
        for who, cycles in ((report.FLOOR, [40.0]), (report.WEFT, weft), (report.OVS, ovs)):
            r.of[who] = report.Outcome(cycles=cycles, rounds=cycles)
        return r

    def test_net_ratio_and_spread(self):
        r = self.result([90.0, 100.0, 110.0], [160.0])
        self.assertEqual(r.net(report.WEFT), 60)
        self.assertEqual(r.ratio, 2)
        self.assertEqual(r.of[report.WEFT].spread, 0.1)
        self.assertIn('2.00', report.table([r], 2e9))
        self.assertIn('20.00', report.table([r], 2e9))  # Mpps at 100 cycles

    def test_windows_with_floors_of_their_own(self):
        r = self.result([90.0, 100.0, 190.0], [160.0])
        r.of[report.WEFT].nets = [55.0, 50.0, 60.0]
        self.assertEqual(r.net(report.WEFT), 55)
        self.assertEqual(r.net(report.OVS), 120)

    def test_what_failed_has_no_figures(self):
        r = self.result([90.0], [160.0])
        r.of[report.OVS] = report.Outcome(failed='it did')
        self.assertIsNone(r.ratio)
        self.assertIn('failed', report.table([r], 2e9))
        r.of[report.FLOOR] = report.Outcome()
        self.assertIn('failed', report.table([r], 2e9))
        self.assertTrue(any('it did' in remark for remark in report.remarks([r])))


if __name__ == '__main__':
    print(f'WEFT_SEED={SEED}')
    unittest.main()
