// SPDX-License-Identifier: Apache-2.0
// Trees of thousands of rules, whose roots are wide and whose keys go different ways, against a
// look at all rules. (test_oracle.c has small ones, with all that happens to rules meanwhile.)

#include "listed_rules.h"

#include "flowtable/classifier/lookup.h"

#define RULES 8000u
#define BURSTS 60u

// What rules ask of ports and addresses, and so what lanes have (tree_lanes.h).
static enum {
	FEW_MASKS, // plain words
	PORTS,     // prefixes of both ports: more masks than a table has, but not of each
	ANY_MASKS, // too many for anything but whole lanes
	APART,     // one half wants the target and beats the other, which wants the source
} kind;

static struct weft_match match[RULES];
static uint16_t priority[RULES]; // 0: it has gone

static uint32_t random_prefix(void)
{
	return rng() % 4 ? 0xffffffffu << rng() % 25 : 0;
}

static uint32_t random_mask(void)
{
	return random_prefix() | (kind == ANY_MASKS ? rng() & 0x7ff : 0);
}

// Nine, or 81 of both ports.
static uint16_t port_mask(void)
{
	return (uint16_t)(0xffffu << 2 * (rng() % 9));
}

static void random_ports(struct pattern *p)
{
	if (kind == FEW_MASKS) {
		pattern_exact(p, WEFT_FIELD_UDP_DST, rng() % 4);
		return;
	}
	pattern_masked(p, WEFT_FIELD_UDP_SRC, rng() % 65536, port_mask());
	pattern_masked(p, WEFT_FIELD_UDP_DST, rng() % 4, port_mask());
}

static void random_addresses(struct pattern *p, uint32_t i)
{
	if (kind != APART || i < RULES / 2)
		pattern_masked(p, WEFT_FIELD_IPV4_SRC, rng() & 0xffffffffu, random_mask());
	if (kind != APART || i >= RULES / 2)
		pattern_masked(p, WEFT_FIELD_IPV4_DST, rng() & 0xffffffffu,
			kind == APART ? 0xffffff00 : random_mask());
}

static struct weft_match random_match(uint32_t i)
{
	struct pattern p = {0};

	pattern_exact(&p, WEFT_FIELD_ETH_TYPE, 0x0800);
	random_addresses(&p, i);
	if (rng() % 2) {
		pattern_exact(&p, WEFT_FIELD_IP_PROTO, 17);
		if (rng() % 2)
			random_ports(&p);
	}
	return pattern_match(&p);
}

static void change(struct world *w, uint8_t command, uint32_t i, uint16_t at)
{
	struct weft_flow_mod mod = flow_mod_of(command, 0, at);
	struct program p = program_out(1 + (uint32_t)(rng() % 100));

	assert_int_equal(ft_flow_mod(w->sw, &mod, &match[i], &p.instr), WEFT_E_NONE);
}

static void add_rule(struct world *w, uint32_t i)
{
	match[i] = random_match(i);
	priority[i] = (uint16_t)(1 + 8 * i + rng() % 8); // no two the same
	change(w, WEFT_FLOW_ADD, i, priority[i]);
}

static struct world *world_of_rules(enum ft_lanes lanes)
{
	struct world *w = world_new(1, RULES);

	ft_isa_use(FT_ISA_SCALAR);
	ft_trees_use(FT_TREES_ALWAYS);
	ft_lanes_use(lanes);
	for (uint32_t i = 0; i < RULES; i++)
		add_rule(w, i);
	return w;
}

// One that fits a rule, by chance others, or none.
static struct weft_flow_key random_key(void)
{
	const struct weft_match *m = &match[rng() % RULES];
	struct weft_flow_key key = {.eth_type = htons(rng() % 32 ? 0x0800 : 0x86dd)};
	unsigned i = 0;

	key.ipv4_src = (uint32_t)rng();
	key.ipv4_dst = (uint32_t)rng();
	key.ip_proto = rng() % 2 ? 6 : 17;
	key.l4_dst = htons(rng() % 4);
	for (uint64_t map = m->map; map && rng() % 16; map &= map - 1, i++) {
		char *at = (char *)&key + 8 * __builtin_ctzll(map);
		uint64_t word;

		memcpy(&word, at, 8);
		word = (word & ~m->mask[i]) | m->value[i];
		memcpy(at, &word, 8);
	}
	return key;
}

// Its number; RULES: there is none.
static uint32_t best_rule(const struct weft_flow_key *key)
{
	return listed_best(match, priority, RULES, key);
}

static int best_of_all(const struct weft_flow_key *key)
{
	uint32_t i = best_rule(key);

	return i < RULES ? priority[i] : -1;
}

static void check_burst(struct world *w)
{
	struct weft_flow_key key[FT_BURST];
	const struct weft_flow_key *keys[FT_BURST];
	const struct ft_rule *found[FT_BURST];
	int want[FT_BURST];
	unsigned n = 1 + rng() % FT_BURST;

	for (unsigned i = 0; i < n; i++) {
		key[i] = random_key();
		keys[i] = &key[i];
		want[i] = best_of_all(&key[i]);
	}
	for (int isa = 0; isa < FT_ISA_MAX; isa++) {
		if (!ft_isa_use((enum ft_isa)isa))
			continue;
		ft_table_lookup_burst(w->sw, 0, ft_version(w->sw), keys, n, found);
		for (unsigned i = 0; i < n; i++)
			assert_int_equal(found[i] ? found[i]->priority : -1, want[i]);
	}
}

static unsigned most_bits(const struct ft_tree *t)
{
	unsigned most = 0, n;

	for (uint32_t i = 0; i < t->parts; i++) {
		n = (unsigned)__builtin_popcountll(t->part[i].bits);
		most = n > most ? n : most;
	}
	return most;
}

static void assert_form(const struct ft_tree *t)
{
	unsigned brief = 0, split = 0, narrow = 0;

	for (uint32_t i = 0; i < t->parts; i++) {
		brief += t->part[i].brief;
		split += t->part[i].split;
		narrow += t->part[i].narrow;
	}
	assert_true(kind == ANY_MASKS ? brief < t->parts : brief == t->parts);
	if (kind == PORTS)
		assert_true(split > 0);
	assert_true((brief > 0) == (narrow > 0));
}

// The second part is searched together with the first, but where the first's rules are better by
// far (tree_lookup.c). Both are met.
static void assert_order(const struct ft_tree *t)
{
	assert_true(t->parts > 1);
	assert_true((t->part[1].first > t->slots / 4) == (kind == APART));
}

// Too few for another tree: their slots have nothing.
static void delete_some(struct world *w)
{
	for (uint32_t n = RULES / FT_TREE_WORN / 2; n; n--) {
		uint32_t i = (uint32_t)rng() % RULES;

		if (priority[i])
			change(w, WEFT_FLOW_DELETE_STRICT, i, priority[i]);
		priority[i] = 0;
	}
}

static void finds_what_all_rules_say(enum ft_lanes lanes)
{
	struct world *w = world_of_rules(lanes);

	come_to_rest(w->sw);
	assert_non_null(tree_of(w));
	assert_true(kind == ANY_MASKS || most_bits(tree_of(w)) > FT_NODE_BITS);
	if (lanes == FT_LANES_BRIEF)
		assert_form(tree_of(w));
	assert_order(tree_of(w));
	for (unsigned i = 0; i < BURSTS; i++)
		check_burst(w);
	// As trees are that are much larger.
	assert_false(tree_of(w)->far);
	((struct ft_tree *)(uintptr_t)tree_of(w))->far = true;
	for (unsigned i = 0; i < BURSTS / 2; i++)
		check_burst(w);
	delete_some(w);
	for (unsigned i = 0; i < BURSTS / 2; i++)
		check_burst(w);
	world_free(w);
}

static void whole_lanes(void **state)
{
	kind = FEW_MASKS;
	finds_what_all_rules_say(FT_LANES_WHOLE);
}

static void brief_lanes(void **state)
{
	kind = FEW_MASKS;
	finds_what_all_rules_say(FT_LANES_BRIEF);
}

static void brief_lanes_of_ports(void **state)
{
	kind = PORTS;
	finds_what_all_rules_say(FT_LANES_BRIEF);
}

static void better_rules_in_the_first_part(void **state)
{
	kind = APART;
	finds_what_all_rules_say(FT_LANES_BRIEF);
	finds_what_all_rules_say(FT_LANES_WHOLE);
}

static void too_many_masks_for_brief_lanes(void **state)
{
	kind = ANY_MASKS;
	finds_what_all_rules_say(FT_LANES_BRIEF);
}

// ---- versions

#define ASKED 16u // keys, at versions that a reader may be at
#define PAST 4u

static struct {
	uint64_t version;
	int want[ASKED];
} past[PAST];
static unsigned n_past;
static struct weft_flow_key asked[ASKED];

static void note_version(struct world *w)
{
	assert_true(n_past < PAST);
	past[n_past].version = ft_version(w->sw);
	for (unsigned i = 0; i < ASKED; i++)
		past[n_past].want[i] = best_of_all(&asked[i]);
	n_past++;
}

static void check_versions(struct world *w)
{
	const struct weft_flow_key *keys[ASKED];
	const struct ft_rule *found[ASKED];

	for (unsigned i = 0; i < ASKED; i++)
		keys[i] = &asked[i];
	for (unsigned v = 0; v < n_past; v++) {
		ft_table_lookup_burst(w->sw, 0, past[v].version, keys, ASKED, found);
		for (unsigned i = 0; i < ASKED; i++)
			assert_int_equal(found[i] ? found[i]->priority : -1, past[v].want[i]);
	}
}

static bool is_calm(struct world *w)
{
	const struct ft_calm *c = &ft_table_of(w->sw, 0)->classifier.calm;

	return ft_calm_after(c, ft_calm_before(c), ft_version(w->sw));
}

// A rule that a key finds goes, and perhaps comes back.
static void change_one(struct world *w)
{
	uint32_t i = best_rule(&asked[rng() % ASKED]);
	uint16_t at;

	if (i == RULES)
		return;
	at = priority[i];
	if (rng() % 2) {
		change(w, WEFT_FLOW_DELETE_STRICT, i, at);
		priority[i] = 0;
		note_version(w);
		check_versions(w);
	}
	if (rng() % 2) {
		change(w, WEFT_FLOW_ADD, i, at);
		priority[i] = at;
	}
}

// What a reader of an older version finds stays as it was until it is gone.
static void versions_keep_theirs(void **state)
{
	struct world *w = world_of_rules(FT_LANES_BRIEF);
	unsigned calm = 0, not_calm = 0;

	come_to_rest(w->sw);
	for (int isa = 0; isa < FT_ISA_MAX; isa++)
		ft_isa_use((enum ft_isa)isa); // the best there is
	w->deferred = true;
	for (unsigned round = 0; round < 200; round++) {
		for (unsigned i = 0; i < ASKED; i++)
			asked[i] = random_key();
		n_past = 0;
		note_version(w);
		if (!tree_of(w)) // a rule of another priority in front of its chain ends it
			come_to_rest(w->sw);
		assert_non_null(tree_of(w));
		calm += is_calm(w);
		change_one(w);
		not_calm += !is_calm(w);
		note_version(w);
		check_versions(w);
		world_grace(w); // no reader is at the first any more
		memmove(past, past + 1, --n_past * sizeof(past[0]));
		check_versions(w);
		world_grace(w);
	}
	assert_true(calm && not_calm);
	world_free(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(whole_lanes),
		cmocka_unit_test(brief_lanes),
		cmocka_unit_test(brief_lanes_of_ports),
		cmocka_unit_test(too_many_masks_for_brief_lanes),
		cmocka_unit_test(better_rules_in_the_first_part),
		cmocka_unit_test(versions_keep_theirs),
	};

	rng_seed_from_env();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
