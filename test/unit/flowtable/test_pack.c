// SPDX-License-Identifier: Apache-2.0
// Tuples behind a tree: packed when the table rests, in steps, refitted by what changes when they
// are asked again, and right at each moment of both. Counted is work, not time.

#include "world.h"

#include "flowtable/classifier/bits.h"
#include "flowtable/classifier/lookup.h"
#include "flowtable/classifier/lookup_key.h"
#include "flowtable/rules/tables.h"
#include "flowtable/classifier/tree.h"
#include "flowtable/classifier/tree_plan.h"
#include "flowtable/classifier/tuple.h"

#define RULES 6000u
#define KEYS 400u

static struct weft_match match_of(uint32_t n)
{
	struct pattern p = {0};

	pattern_exact(&p, WEFT_FIELD_ETH_TYPE, 0x800);
	pattern_masked(&p, WEFT_FIELD_IPV4_SRC, n * 2654435761u, 0xffffffffu << n % 16);
	pattern_masked(&p, WEFT_FIELD_IPV4_DST, n, 0xffffffffu << n % 5);
	if (n % 3)
		pattern_exact(&p, WEFT_FIELD_IP_PROTO, n % 2 ? 6 : 17);
	return pattern_match(&p);
}

static void change(struct world *w, uint8_t command, uint32_t n, uint16_t priority)
{
	struct weft_flow_mod mod = flow_mod_of(command, 0, priority);
	struct weft_match m = match_of(n);
	struct program p = program_out(1);

	assert_int_equal(ft_flow_mod(w->sw, &mod, &m, &p.instr), WEFT_E_NONE);
}

static struct weft_flow_key key_of(uint32_t n)
{
	return (struct weft_flow_key){
		.ipv4_src = htonl(n * 2654435761u),
		.ipv4_dst = htonl(n),
		.eth_type = htons(0x800),
		.ip_proto = n % 2 ? 6 : 17,
	};
}

static const struct ft_classifier *classifier(const struct world *w)
{
	return &ft_table_of(w->sw, 0)->classifier;
}

static const struct ft_slots *slots(const struct world *w, uint32_t i)
{
	return atomic_load(&classifier(w)->tuple[i]->slots);
}

static uint32_t packed(const struct world *w)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < classifier(w)->n; i++)
		n += slots(w, i)->packed;
	return n;
}

// By any instruction set tuples find what the rules say.
static void check(struct world *w)
{
	for (uint32_t i = 0; i < KEYS; i++) {
		struct weft_flow_key key = key_of(rng() % (2 * RULES));
		const struct weft_flow_key *keys[] = {&key};
		const struct ft_rule *r, *want = NULL;

		for (uint32_t id = 0; id < w->sw->ids.count; id++) {
			r = ft_ids_rule(w->sw, id);
			if (r && ft_rule_matches(r, &key) &&
				(!want || r->priority > want->priority))
				want = r;
		}
		assert_true(ft_isa_use((enum ft_isa)(i % FT_ISA_MAX)) || i % FT_ISA_MAX);
		ft_table_lookup_burst(w->sw, 0, ft_version(w->sw), keys, 1, &r);
		assert_int_equal(r ? r->priority : -1, want ? want->priority : -1);
	}
}

static void add_all(struct world *w)
{
	for (uint32_t i = 0; i < RULES; i++)
		change(w, WEFT_FLOW_ADD, i, (uint16_t)(100 + i % 5000));
}

// Returns the most bins that a call copied of tuples that are being packed.
static uint32_t pack_all(struct world *w)
{
	uint32_t most = 0;

	ft_trees_use(FT_TREES_ALWAYS);
	for (unsigned i = 0; i < 3; i++)
		ft_settle(w->sw);
	for (bool more = true; more;) {
		uint32_t at = classifier(w)->packed, was = 0, now = 0;

		if (at < classifier(w)->n)
			was = classifier(w)->tuple[at]->copied;
		more = ft_settle_more(w->sw);
		if (at < classifier(w)->n && classifier(w)->packed == at)
			now = classifier(w)->tuple[at]->copied;
		if (now > was)
			most = now - was > most ? now - was : most;
	}
	assert_non_null(classifier(w)->tree);
	return most;
}

// One that has no pieces anyhow, and is full, stays as it is.
static void assert_packed(struct world *w)
{
	for (uint32_t i = 0; i < classifier(w)->n; i++) {
		uint32_t heads = classifier(w)->tuple[i]->heads, bins = slots(w, i)->bins;

		assert_true(slots(w, i)->bare);
		assert_in_range(bins, 1, 2 + heads * 32 / 28 / FT_RULE_LANES + bins / 16);
	}
	assert_true(packed(w) > 0);
}

static void packs_at_rest(void **state)
{
	struct world *w = world_new(1, 2 * RULES);

	add_all(w);
	assert_int_equal(packed(w), 0);
	assert_in_range(pack_all(w), 1, FT_TREE_STEP / FT_RULE_LANES);
	assert_packed(w);
	check(w);
	ft_trees_use(FT_TREES_NEVER); // tuples alone
	check(w);
	world_free(w);
}

// A chain that gets a higher priority ends the tree; each change then refits some bins.
static void refits_by_changes(void **state)
{
	struct world *w = world_new(1, 2 * RULES);
	uint32_t changes = 0;

	add_all(w);
	pack_all(w);
	ft_trees_use(FT_TREES_NEVER);
	change(w, WEFT_FLOW_ADD, 7, 60000);
	assert_null(classifier(w)->tree);
	for (; packed(w) && changes < RULES; changes++) {
		uint32_t n = rng() % (RULES + RULES / 4);

		change(w, rng() % 3 ? WEFT_FLOW_ADD : WEFT_FLOW_DELETE_STRICT, n,
			(uint16_t)(100 + n % 5000));
		if (changes % 64 == 0)
			check(w);
	}
	assert_in_range(changes, 10, RULES / 4);
	for (uint32_t i = 0; i < classifier(w)->n; i++)
		assert_true(slots(w, i)->bare == classifier(w)->tuple[i]->exact);
	check(w);
	pack_all(w);
	assert_packed(w);
	check(w);
	world_free(w);
}

// Tuples that are being packed take rules and lose them.
static void changes_while_packing(void **state)
{
	struct world *w = world_new(1, 2 * RULES);

	add_all(w);
	pack_all(w);
	for (unsigned round = 0; round < 60; round++) {
		for (unsigned i = rng() % 20; i; i--) {
			uint32_t n = rng() % (RULES + RULES / 4);

			change(w, rng() % 2 ? WEFT_FLOW_ADD : WEFT_FLOW_DELETE_STRICT, n,
				(uint16_t)(100 + n % 5000 + (rng() % 16 == 0)));
		}
		for (unsigned i = 0; round % 3 == 0 && i < 3; i++)
			ft_settle(w->sw);
		for (unsigned i = rng() % 40; i; i--)
			ft_settle_more(w->sw);
		ft_trees_use(round % 2 ? FT_TREES_ALWAYS : FT_TREES_NEVER);
		if (round % 4 == 0)
			check(w);
		ft_trees_use(FT_TREES_ALWAYS);
	}
	check(w);
	world_free(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(packs_at_rest),
		cmocka_unit_test(refits_by_changes),
		cmocka_unit_test(changes_while_packing),
	};

	rng_seed_from_env();
	ft_bits_use(false);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
