// SPDX-License-Identifier: Apache-2.0
// Readers and a writer at once. Run it under the thread sanitizer:
//   meson setup build-tsan -Db_sanitize=thread -Ddataplane=false -Dagent=false
//
// The writer flips all rules of a table from one generation to the next, each flip one transaction,
// by every means there is (add over, modify, delete and add, with aborts between), while it also
// grows and shrinks other tables, and lets tables come to rest, so that second forms come and go.
// Each reader looks up a burst and must find every rule, and all of
// one generation, also in the group, which flips along.

#include "qsbr.h"

#include "flowtable/classifier/lookup.h"
#include "flowtable/rules/tables.h"

#include <pthread.h>
#include <stdio.h>

#define READERS QSBR_READERS
#define KEYS 16u
#define FLIPS 3000u

static _Atomic bool stop;

// ---- readers

struct reader {
	pthread_t thread;
	struct ft_switch *sw;
	unsigned worker;
	uint64_t bursts, wrong;
};

static void look(struct reader *r, const struct weft_flow_key *const keys[])
{
	const struct ft_rule *rules[KEYS];
	uint64_t version = ft_version(r->sw);
	const struct ft_group *g = ft_group_find(r->sw, 1, version);
	uint32_t generation = 0;

	if (!g) {
		r->wrong++;
		return;
	}
	generation = g->bucket[0].spec->weight;
	ft_table_lookup_burst(r->sw, 0, version, keys, KEYS, rules);
	for (unsigned i = 0; i < KEYS; i++) {
		if (!rules[i] || instr_first_out(ft_rule_instructions(rules[i])) != generation) {
			r->wrong++;
			continue;
		}
		ft_rule_count(r->sw, rules[i], r->worker, 1, 64, 1);
	}
	ft_table_lookup_burst(r->sw, 1, version, keys, KEYS, rules);
	r->bursts++;
}

static void *reader_main(void *arg)
{
	struct reader *r = arg;
	struct weft_flow_key key[KEYS];
	const struct weft_flow_key *keys[KEYS];

	for (unsigned i = 0; i < KEYS; i++) {
		struct pattern p = {0};

		pattern_exact(&p, WEFT_FIELD_IN_PORT, 1 + i);
		pattern_exact(&p, WEFT_FIELD_METADATA, i);
		key[i] = p.value;
		keys[i] = &key[i];
	}
	while (!atomic_load(&stop)) {
		look(r, keys);
		qsbr_quiescent(r->worker);
	}
	qsbr_leave(r->worker);
	return NULL;
}

// ---- the writer

// Two shapes of mask, so that a flip spans subtables; with other priorities as they come.
static struct weft_match match_of(unsigned i, unsigned shape)
{
	struct pattern p = {0};

	pattern_exact(&p, WEFT_FIELD_IN_PORT, 1 + i);
	if ((i + shape) & 1)
		pattern_exact(&p, WEFT_FIELD_METADATA, i);
	return pattern_match(&p);
}

static void put(struct ft_switch *sw, uint8_t command, unsigned i, unsigned shape,
	uint16_t priority, uint32_t generation)
{
	struct weft_match m = match_of(i, shape);
	struct weft_flow_mod mod = flow_mod_of(command, 0, priority);
	struct program p = program_out(generation);

	assert_int_equal(ft_flow_mod(sw, &mod, &m, &p.instr), WEFT_E_NONE);
}

static void put_group(struct ft_switch *sw, uint8_t command, uint32_t generation)
{
	struct weft_bucket b = {.watch_port = WEFT_OFPORT_ANY,
		.watch_group = WEFT_GROUP_ANY,
		.weight = (uint16_t)generation};
	struct weft_group_mod mod = {
		.group = 1, .command = command, .type = WEFT_GROUP_TYPE_SELECT, .bucket_count = 1};

	assert_int_equal(ft_group_mod(sw, &mod, &b, sizeof(b)), WEFT_E_NONE);
}

static void stage_generation(
	struct ft_switch *sw, unsigned how, unsigned shape, uint32_t generation)
{
	static const struct weft_match all;
	struct weft_flow_mod del = flow_mod_of(WEFT_FLOW_DELETE, 0, 0);
	struct weft_flow_mod mod = flow_mod_of(WEFT_FLOW_MODIFY, 0, 0);
	struct program p = program_out(generation);

	if (how == 0) { // everything goes, and comes again in other subtables and priorities
		assert_int_equal(ft_flow_mod(sw, &del, &all, NULL), WEFT_E_NONE);
		for (unsigned i = 0; i < KEYS; i++)
			put(sw, WEFT_FLOW_ADD, i, shape, (uint16_t)(generation % 7), generation);
	} else if (how == 1) { // one modify for all
		assert_int_equal(ft_flow_mod(sw, &mod, &all, &p.instr), WEFT_E_NONE);
	} else { // a higher priority on top, then the lower ones go
		for (unsigned i = 0; i < KEYS; i++)
			put(sw, WEFT_FLOW_ADD, i, shape, (uint16_t)(100 + generation % 9),
				generation);
		assert_int_equal(ft_flow_mod(sw, &mod, &all, &p.instr), WEFT_E_NONE);
	}
	put_group(sw, WEFT_GROUP_MODIFY, generation);
}

// Growth, shrinking, new subtables: nothing that readers of table 0 may notice.
static void noise(struct ft_switch *sw, unsigned round)
{
	static const struct weft_match all;
	struct weft_flow_mod add = flow_mod_of(WEFT_FLOW_ADD, 1, (uint16_t)(rng() % 100));
	struct weft_flow_mod del = flow_mod_of(WEFT_FLOW_DELETE, 1, 0);
	struct program p = program_out(1);

	for (unsigned i = 0; i < 4; i++) {
		struct pattern pattern = {0};
		struct weft_match m;

		pattern_masked(
			&pattern, WEFT_FIELD_METADATA, rng(), 1ull << rng() % 8 | rng() % 256);
		pattern_exact(&pattern, WEFT_FIELD_IN_PORT, 1 + rng() % KEYS);
		m = pattern_match(&pattern);
		assert_int_equal(ft_flow_mod(sw, &add, &m, &p.instr), WEFT_E_NONE);
	}
	if (round % 64 == 63)
		assert_int_equal(ft_flow_mod(sw, &del, &all, NULL), WEFT_E_NONE);
}

// Two of the first make a table that was left alone begin a tree; perhaps it is whole at the end.
static void rest(struct ft_switch *sw)
{
	for (unsigned n = 1 + rng() % 4; n; n--)
		ft_settle(sw);
	for (unsigned n = rng() % 32; n && ft_settle_more(sw); n--)
		;
}

static bool has_tree(struct ft_switch *sw)
{
	return ft_table_of(sw, 0)->classifier.tree;
}

static void flips(void **state)
{
	struct world *w = world_new(READERS, 10000);
	struct reader reader[READERS] = {0};
	struct ft_limits limits = {100000, 16, 16, 16};
	struct ft_switch *sw;
	unsigned trees = 0;

	ft_trees_use(FT_TREES_ALWAYS);
	sw = qsbr_switch_new(w, &limits);
	assert_true(ft_txn_begin(sw));
	put_group(sw, WEFT_GROUP_ADD, 1);
	stage_generation(sw, 0, 0, 1);
	ft_txn_commit(sw);
	for (unsigned i = 0; i < READERS; i++) {
		reader[i] = (struct reader){.sw = sw, .worker = i};
		qsbr_quiescent(i);
		assert_int_equal(
			pthread_create(&reader[i].thread, NULL, reader_main, &reader[i]), 0);
	}
	for (unsigned g = 2; g < FLIPS; g++) {
		assert_true(ft_txn_begin(sw));
		stage_generation(sw, rng() % 3, rng() % 2, g);
		if (rng() % 4 == 0) {
			ft_txn_abort(sw);
			assert_true(ft_txn_begin(sw));
			stage_generation(sw, rng() % 3, rng() % 2, g);
		}
		ft_txn_commit(sw);
		noise(sw, g);
		if (rng() % 16 == 0)
			rest(sw);
		trees += has_tree(sw);
		qsbr_keep_up();
	}
	assert_true(trees > 0);
	atomic_store(&stop, true);
	for (unsigned i = 0; i < READERS; i++) {
		pthread_join(reader[i].thread, NULL);
		printf("reader %u: %llu bursts\n", i, (unsigned long long)reader[i].bursts);
		assert_int_equal(reader[i].wrong, 0);
		assert_true(reader[i].bursts > 0);
	}
	ft_switch_free(sw);
	qsbr_drain();
	world_free(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(flips)};

	rng_seed_from_env();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
