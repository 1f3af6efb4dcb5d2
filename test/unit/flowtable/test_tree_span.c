// SPDX-License-Identifier: Apache-2.0
// Spans: the arithmetic of their pieces against an enumeration, and trees of rules that are pieces
// of ranges against a look at all rules.

#include "listed_rules.h"

#include "flowtable/classifier/lookup.h"
#include "flowtable/classifier/tree_lanes.h"

#define ROOM 12000u
#define SETS 700u // of rules of one priority
#define BURSTS 80u

struct range {
	uint32_t low, high;
};

// The fewest aligned blocks that a range falls into, ascending; returns how many.
static unsigned blocks_of(struct range r, struct range block[32])
{
	unsigned n = 0;

	while (r.low <= r.high) {
		uint32_t size = r.low ? r.low & -r.low : 0x10000;

		while (r.low + size - 1 > r.high)
			size /= 2;
		block[n++] = (struct range){r.low, r.low + size - 1};
		r.low += size;
	}
	return n;
}

static struct range random_range(void)
{
	uint32_t low = rng() % 4 ? rng() % 65536 : 0, room = 65536 - low;

	switch (rng() % 6) {
	case 0:
		return (struct range){1024, 65535};
	case 1:
		return (struct range){0, 65535};
	case 2:
		return (struct range){low, low};
	case 3:
		return (struct range){low, 65535};
	default:
		return (struct range){
			low, low + (uint32_t)rng() % (rng() % 2 ? room : 1 + room / 256)};
	}
}

static void pieces_are_those_of_an_enumeration(void **state)
{
	struct range block[32];

	for (unsigned round = 0; round < 20000; round++) {
		struct range r = random_range();
		unsigned n = blocks_of(r, block);

		for (unsigned i = 0; i < n; i++) {
			uint32_t size = block[i].high - block[i].low + 1;
			uint32_t asked[] = {
				block[i].low, block[i].high, block[i].low + (uint32_t)rng() % size};

			for (unsigned k = 0; k < 3; k++) {
				struct ft_piece p = ft_piece_of(r.low, r.high - r.low, asked[k]);

				assert_int_equal(p.behind, n - 1 - i);
				assert_int_equal(p.of, n);
			}
		}
	}
}

static void spans_of_masks(void **state)
{
	struct ft_span s;

	assert_true(ft_span_of_mask(htonl(0x00501f90), 0xffffffff, &s)); // source above, as sent
	assert_int_equal(s.low, 0x1f900050);
	assert_int_equal(s.size, 0);
	assert_true(ft_span_of_mask(0, 0, &s));
	assert_int_equal(s.size, UINT32_MAX);
	assert_true(ft_span_of_mask(htonl(0x04000000), htonl(0xfc000000), &s));
	assert_int_equal(s.size, 0xffff03ff);
	assert_false(ft_span_of_mask(0, htonl(0x00ff0000), &s));
	assert_false(ft_span_of_mask(0, htonl(0x0000fffe ^ 0x100), &s));
	assert_int_equal(ft_span_mask((struct ft_span){0x04000000, 0xfbff0000}), htonl(0xffff0000));
}

// ---- trees

static struct weft_match match[ROOM];
static uint16_t priority[ROOM]; // 0: it has gone
static uint32_t rules;
static bool odd;  // some rules have masks of ports that are no block's
static bool many; // sizes of ranges: tables of one port's and the other's, not of both

static void add(struct world *w, uint32_t i, uint8_t command)
{
	struct weft_flow_mod mod = flow_mod_of(command, 0, priority[i]);
	struct program p = program_out(1 + (uint32_t)(rng() % 100));

	assert_int_equal(ft_flow_mod(w->sw, &mod, &match[i], &p.instr), WEFT_E_NONE);
}

static struct weft_match match_of(
	uint32_t src, uint32_t dst, uint8_t proto, struct range sport, struct range dport)
{
	struct pattern p = {0};
	bool udp = proto == 17;

	pattern_exact(&p, WEFT_FIELD_ETH_TYPE, 0x0800);
	pattern_exact(&p, WEFT_FIELD_IP_PROTO, proto);
	pattern_masked(&p, WEFT_FIELD_IPV4_SRC, src, src ? 0xffffff00 : 0);
	pattern_masked(&p, WEFT_FIELD_IPV4_DST, dst, dst ? 0xffffffff : 0);
	pattern_masked(&p, udp ? WEFT_FIELD_UDP_SRC : WEFT_FIELD_TCP_SRC, sport.low,
		0xffff & ~(sport.high - sport.low));
	pattern_masked(&p, udp ? WEFT_FIELD_UDP_DST : WEFT_FIELD_TCP_DST, dport.low,
		0xffff & ~(dport.high - dport.low));
	return pattern_match(&p);
}

static void note(const struct weft_match *m, uint16_t at)
{
	assert_true(rules < ROOM);
	match[rules] = *m;
	priority[rules++] = at;
}

static struct range usual_range(void)
{
	static const uint32_t sizes[] = {1, 65536, 64512, 10, 1024, 51, 500, 5000, 64000, 2};
	uint32_t size = sizes[rng() % (many ? 10 : 4)];
	uint32_t low = rng() % 4 ? (uint32_t)rng() % (65537 - size) : 65536 - size;

	return (struct range){low, low + size - 1};
}

// Disjoint ranges of the target's ports, each with one of the source's; some a piece short.
static void note_ranges(uint16_t at, uint32_t src, uint32_t dst, uint8_t proto)
{
	struct range upper[32], lower[32], left = {0, 65535};
	unsigned ranges = 1 + rng() % 3;

	for (unsigned i = 0; i < ranges && left.low <= 65535; i++) {
		struct range r = usual_range(), s = usual_range();
		unsigned n, m;
		bool lacks = !many && rng() % 8 == 0;

		if (r.low < left.low || rules + 900 > ROOM)
			break;
		left.low = r.high + 1 + rng() % 2;
		n = blocks_of(r, upper);
		m = blocks_of(s, lower);
		for (unsigned k = 0; k < n * m; k++) {
			struct weft_match one =
				match_of(src, dst, proto, lower[k % m], upper[k / m]);

			if (!lacks || rng() % 4)
				note(&one, at);
		}
	}
}

static void note_odd(uint16_t at)
{
	struct pattern p = {0};
	struct weft_match m;

	pattern_exact(&p, WEFT_FIELD_ETH_TYPE, 0x0800);
	pattern_exact(&p, WEFT_FIELD_IP_PROTO, 17);
	pattern_masked(&p, WEFT_FIELD_IPV4_DST, 1 + rng() % 64, 0xffffffff);
	pattern_masked(&p, WEFT_FIELD_UDP_DST, rng(), 0x00f0 | rng() % 16);
	m = pattern_match(&p);
	note(&m, at);
}

// Sets of one priority whose rules don't overlap: of one address, or of two.
static void note_rules(void)
{
	rules = 0;
	for (uint16_t set = 1; set <= SETS && rules + 2000 < ROOM; set++) {
		uint32_t src = rng() % 4 ? 0x0a000000 + (rng() % 16 << 8) : 0;
		uint32_t dst = 1 + rng() % 64;
		uint8_t proto = rng() % 2 ? 6 : 17;

		if (odd && rng() % 8 == 0) {
			note_odd(set);
			continue;
		}
		note_ranges(set, src, rng() % 8 ? dst : 0, proto);
		if (rng() % 4 == 0)
			note_ranges(set, src, dst, proto ^ 6 ^ 17);
	}
}

static void add_in_any_order(struct world *w)
{
	for (uint32_t i = rules; i > 1; i--) {
		uint32_t k = (uint32_t)rng() % i;
		struct weft_match m = match[i - 1];
		uint16_t at = priority[i - 1];

		match[i - 1] = match[k];
		priority[i - 1] = priority[k];
		match[k] = m;
		priority[k] = at;
	}
	for (uint32_t i = 0; i < rules; i++)
		add(w, i, WEFT_FLOW_ADD);
}

// One that a rule takes, at times at the edge of a port's block or next to it.
static struct weft_flow_key random_key(void)
{
	const struct weft_match *m = &match[rng() % rules];
	struct weft_flow_key v, mask, key = {.eth_type = htons(0x0800)};
	uint16_t step = (uint16_t)(rng() % 3 - 1);

	weft_match_to_key(m, &v, &mask);
	key.ip_proto = v.ip_proto;
	key.ipv4_src = v.ipv4_src | ((uint32_t)rng() & ~mask.ipv4_src);
	key.ipv4_dst = v.ipv4_dst | (htonl(1 + rng() % 64) & ~mask.ipv4_dst);
	key.l4_src = v.l4_src | ((uint16_t)rng() & (uint16_t)~mask.l4_src);
	key.l4_dst = v.l4_dst | ((uint16_t)rng() & (uint16_t)~mask.l4_dst);
	if (rng() % 4 == 0)
		key.l4_src = htons((uint16_t)(ntohs(v.l4_src) + step));
	if (rng() % 4 == 0)
		key.l4_dst = htons((uint16_t)(ntohs(v.l4_dst | (uint16_t)~mask.l4_dst) + step));
	return key;
}

// Its number; `rules`: there is none.
static uint32_t best_rule(const struct weft_flow_key *key)
{
	return listed_best(match, priority, rules, key);
}

static void assert_found(const struct ft_rule *found, uint32_t want)
{
	struct weft_match m;

	assert_int_equal(found ? found->priority : 0, want < rules ? priority[want] : 0);
	if (!found)
		return;
	ft_rule_match(found, &m);
	assert_int_equal(m.map, match[want].map);
	for (int i = 0; i < __builtin_popcountll(m.map); i++) {
		assert_int_equal(m.value[i], match[want].value[i]);
		assert_int_equal(m.mask[i], match[want].mask[i]);
	}
}

static void check_burst(struct world *w)
{
	struct weft_flow_key key[FT_BURST];
	const struct weft_flow_key *keys[FT_BURST];
	const struct ft_rule *found[FT_BURST];
	uint32_t want[FT_BURST];
	unsigned n = 1 + rng() % FT_BURST;

	for (unsigned i = 0; i < n; i++) {
		key[i] = random_key();
		keys[i] = &key[i];
		want[i] = best_rule(&key[i]);
	}
	for (int isa = 0; isa < FT_ISA_MAX; isa++) {
		if (!ft_isa_use((enum ft_isa)isa))
			continue;
		ft_table_lookup_burst(w->sw, 0, ft_version(w->sw), keys, n, found);
		for (unsigned i = 0; i < n; i++)
			assert_found(found[i], want[i]);
	}
}

// Odd rules have a part by themselves; the lanes are fewer than the rules, although some are in
// several leaves.
static void assert_spans(const struct ft_tree *t, enum ft_lanes lanes)
{
	unsigned without = 0, brief = 0;

	assert_true(t->spans);
	for (uint32_t i = 0; i < t->parts; i++) {
		without += !t->part[i].spans;
		brief += t->part[i].brief;
	}
	assert_int_equal(without, odd);
	if (odd)
		assert_false(t->part[t->parts - 1].spans);
	assert_int_equal(brief, lanes == FT_LANES_BRIEF ? t->parts : 0);
}

// Too few for another tree.
static void delete_some(struct world *w)
{
	for (uint32_t n = rules / FT_TREE_WORN / 3; n; n--) {
		uint32_t i = (uint32_t)rng() % rules;

		if (!priority[i])
			continue;
		add(w, i, WEFT_FLOW_DELETE_STRICT);
		priority[i] = 0;
	}
}

// In the place of what is there.
static void replace_some(struct world *w)
{
	for (unsigned n = 0; n < 100; n++) {
		uint32_t i = (uint32_t)rng() % rules;

		if (priority[i])
			add(w, i, WEFT_FLOW_ADD);
	}
}

static void delete_all(struct world *w)
{
	for (uint32_t i = 0; i < rules; i++) {
		if (priority[i])
			add(w, i, WEFT_FLOW_DELETE_STRICT);
		priority[i] = 0;
	}
}

static void finds_what_all_rules_say(enum ft_lanes lanes)
{
	struct world *w = world_new(1, ROOM);

	ft_isa_use(FT_ISA_SCALAR);
	ft_trees_use(FT_TREES_ALWAYS);
	ft_lanes_use(lanes);
	note_rules();
	add_in_any_order(w);
	come_to_rest(w->sw);
	assert_non_null(tree_of(w));
	assert_spans(tree_of(w), lanes);
	for (unsigned i = 0; i < BURSTS; i++)
		check_burst(w);
	delete_some(w);
	replace_some(w);
	if (!tree_of(w)) // all rules were planned for anew
		come_to_rest(w->sw);
	assert_non_null(tree_of(w));
	for (unsigned i = 0; i < BURSTS; i++)
		check_burst(w);
	delete_all(w);
	check_burst(w);
	world_free(w);
}

static void find_ranges(bool many_sizes, bool odd_masks)
{
	many = many_sizes;
	odd = odd_masks;
	finds_what_all_rules_say(FT_LANES_BRIEF);
	finds_what_all_rules_say(FT_LANES_WHOLE);
}

static void ranges(void **state)
{
	find_ranges(false, false);
}

static void ranges_of_many_sizes(void **state)
{
	find_ranges(true, false);
}

static void ranges_beside_odd_masks(void **state)
{
	find_ranges(false, true);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pieces_are_those_of_an_enumeration),
		cmocka_unit_test(spans_of_masks),
		cmocka_unit_test(ranges),
		cmocka_unit_test(ranges_of_many_sizes),
		cmocka_unit_test(ranges_beside_odd_masks),
	};

	rng_seed_from_env();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
