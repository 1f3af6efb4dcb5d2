// SPDX-License-Identifier: Apache-2.0
// What the oracle does not reach: hidden rules, walks under changes, transactions of any size,
// memory that runs out, the end of a switch.

#include "world.h"

#include "../oom.h"

#include <time.h>

// ---- helpers

static enum weft_error put(
	struct world *w, uint8_t command, uint32_t i, uint16_t flags, uint32_t out)
{
	struct weft_flow_mod mod = flow_mod_of(command, 0, 5);
	struct weft_match m = match_port(i);
	struct program p = program_out(out);

	mod.cookie = i;
	mod.flags = flags;
	return ft_flow_mod(w->sw, &mod, &m, &p.instr);
}

static enum weft_error delete_all(struct world *w, uint16_t flags)
{
	static const struct weft_match all;
	struct weft_flow_mod mod = flow_mod_of(WEFT_FLOW_DELETE, WEFT_TABLE_ALL, 0);

	mod.flags = flags;
	return ft_flow_mod(w->sw, &mod, &all, NULL);
}

static uint32_t out_of(struct world *w, uint32_t in_port)
{
	struct weft_flow_key key = {.in_port = htonl(in_port)};
	const struct ft_rule *r = world_lookup(w, 0, &key);

	return r ? instr_first_out(ft_rule_instructions(r)) : 0;
}

// ---- tests

static void hidden_rules(void **state)
{
	static const struct weft_match all;
	struct world *w = world_new(1, 100);

	assert_int_equal(put(w, WEFT_FLOW_ADD, 1, WEFT_FLOW_HIDDEN, 7), WEFT_E_NONE);
	assert_int_equal(put(w, WEFT_FLOW_ADD, 2, 0, 8), WEFT_E_NONE);
	assert_int_equal(world_count(w, WEFT_TABLE_ALL, &all), 1);
	assert_int_equal(put(w, WEFT_FLOW_MODIFY_STRICT, 1, 0, 9), WEFT_E_NONE);
	assert_int_equal(out_of(w, 1), 7);
	assert_int_equal(delete_all(w, 0), WEFT_E_NONE);
	assert_int_equal(out_of(w, 1), 7);
	assert_int_equal(out_of(w, 2), 0);
	assert_int_equal(delete_all(w, WEFT_FLOW_HIDDEN), WEFT_E_NONE);
	assert_int_equal(out_of(w, 1), 0);
	world_free(w);
}

struct tally {
	unsigned seen[2000];
};

static void tally(void *arg, const struct weft_flow_stats *s, const struct weft_match *m,
	const struct weft_instructions *i)
{
	((struct tally *)arg)->seen[s->cookie]++;
}

// Rules 0 to 499 stay, are modified and have their counters reset; others come and go.
static void walk_under_changes(void **state)
{
	for (unsigned round = 0; round < 20; round++) {
		static const struct weft_match all;
		struct world *w = world_new(1, 10000);
		struct weft_flow_filter filter = filter_all();
		struct tally t = {0};
		struct ft_flow_walk *walk;

		w->deferred = round & 1;
		for (uint32_t i = 0; i < 1000; i++)
			assert_int_equal(put(w, WEFT_FLOW_ADD, i, 0, 1), WEFT_E_NONE);
		walk = ft_flow_walk_new(w->sw, &filter, &all);
		assert_non_null(walk);
		while (ft_flow_walk_next(walk, 1 + rng() % 30, tally, &t)) {
			put(w, WEFT_FLOW_MODIFY_STRICT, rng() % 500,
				rng() % 2 ? WEFT_FLOW_RESET_COUNTS : 0, rng() % 9 + 1);
			put(w, WEFT_FLOW_DELETE_STRICT, 500 + rng() % 500, 0, 1);
			put(w, WEFT_FLOW_ADD, 1000 + rng() % 1000, 0, 1);
			if (rng() % 4 == 0)
				world_grace(w);
		}
		ft_flow_walk_free(walk);
		for (uint32_t i = 0; i < 500; i++)
			assert_int_equal(t.seen[i], 1);
		world_free(w);
	}
}

static double seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

// 100,000 changes in one transaction: invisible, undone, then visible at once; and in linear time.
static void large_transaction(void **state)
{
	const uint32_t n = 100000;
	struct world *w = world_new(1, n);
	double start = seconds();

	assert_true(ft_txn_begin(w->sw));
	assert_false(ft_txn_begin(w->sw));
	for (uint32_t i = 1; i <= n; i++)
		assert_int_equal(put(w, WEFT_FLOW_ADD, i, 0, 1), WEFT_E_NONE);
	assert_int_equal(put(w, WEFT_FLOW_ADD, n + 1, 0, 1), WEFT_E_TABLE_FULL);
	assert_int_equal(out_of(w, 77), 0);
	ft_txn_abort(w->sw);
	assert_int_equal(w->sw->rules, 0);
	assert_true(ft_txn_begin(w->sw));
	for (uint32_t i = 1; i <= n; i++)
		assert_int_equal(put(w, WEFT_FLOW_ADD, i, 0, 2), WEFT_E_NONE);
	assert_int_equal(out_of(w, 77), 0);
	ft_txn_commit(w->sw);
	for (uint32_t i = 1; i <= n; i += 97)
		assert_int_equal(out_of(w, i), 2);
	assert_true(ft_txn_begin(w->sw));
	assert_int_equal(delete_all(w, 0), WEFT_E_NONE);
	assert_int_equal(out_of(w, n), 2);
	ft_txn_commit(w->sw);
	assert_int_equal(out_of(w, n), 0);
	// Quadratic would be minutes.
	assert_true(seconds() - start < 20);
	world_free(w);
}

// Undone and unlinked in steps, each of which is bounded; nothing is left over.
static void large_transaction_in_steps(void **state)
{
	const uint32_t n = 10000;
	struct world *w = world_new(1, n);
	unsigned steps = 0;

	w->deferred = true;
	assert_int_equal(put(w, WEFT_FLOW_ADD, n, 0, 1), WEFT_E_NONE);
	assert_true(ft_txn_begin(w->sw));
	for (uint32_t i = 1; i <= n; i++) // one replaces
		assert_int_equal(put(w, WEFT_FLOW_ADD, i, 0, 2), WEFT_E_NONE);
	while (ft_txn_abort_some(w->sw, 100)) {
		assert_int_equal(out_of(w, n), 1);
		steps++;
	}
	assert_int_equal(steps, 100);
	assert_int_equal(w->sw->rules, 1);
	assert_false(ft_txn_abort_some(w->sw, 100));
	for (uint32_t i = 1; i <= n; i++)
		assert_int_equal(put(w, WEFT_FLOW_ADD, i, WEFT_FLOW_SEND_REMOVED, 3), WEFT_E_NONE);
	world_drain(w);
	assert_int_equal(delete_all(w, 0), WEFT_E_NONE);
	for (size_t told = w->told_n; told < n; told = w->told_n) {
		world_grace(w);
		assert_in_range(w->told_n - told, 1, FT_RECLAIM_STEP);
	}
	world_free(w);
}

// As many masks and priorities as there may be, up and down.
static void many_masks(void **state)
{
	struct world *w = world_new(1, 100000);
	struct weft_flow_key key = {.metadata = ~0ull};

	for (unsigned i = 1; i < 4000; i++) {
		struct weft_flow_mod mod = flow_mod_of(WEFT_FLOW_ADD, 0, (uint16_t)(i * 16));
		struct program p = program_out(i);
		struct pattern pattern = {0};
		struct weft_match m;

		pattern_masked(&pattern, WEFT_FIELD_METADATA, i, i);
		m = pattern_match(&pattern);
		assert_int_equal(ft_flow_mod(w->sw, &mod, &m, &p.instr), WEFT_E_NONE);
		assert_int_equal(world_lookup(w, 0, &key)->priority, (uint16_t)(i * 16));
	}
	for (unsigned i = 3999; i > 0; i--) {
		struct weft_flow_mod mod =
			flow_mod_of(WEFT_FLOW_DELETE_STRICT, 0, (uint16_t)(i * 16));
		struct pattern pattern = {0};
		struct weft_match m;

		assert_int_equal(world_lookup(w, 0, &key)->priority, (uint16_t)(i * 16));
		pattern_masked(&pattern, WEFT_FIELD_METADATA, i, i);
		m = pattern_match(&pattern);
		assert_int_equal(ft_flow_mod(w->sw, &mod, &m, NULL), WEFT_E_NONE);
	}
	assert_null(world_lookup(w, 0, &key));
	world_free(w);
}

static void one_priority_each(void **state)
{
	struct world *w = world_new(1, 100000);

	for (unsigned i = 0; i < 65536; i++) {
		struct weft_flow_mod mod = flow_mod_of(WEFT_FLOW_ADD, 0, (uint16_t)(i * 40503u));
		struct weft_match m = match_port(1 + i);
		struct program p = program_out(1);

		assert_int_equal(ft_flow_mod(w->sw, &mod, &m, &p.instr), WEFT_E_NONE);
	}
	for (unsigned i = 0; i < 65536; i += 7)
		assert_int_equal(out_of(w, 1 + i), 1);
	assert_int_equal(delete_all(w, 0), WEFT_E_NONE);
	assert_int_equal(out_of(w, 1), 0);
	world_free(w);
}

// Each allocation of each request fails once. What was refused has changed nothing; what was not
// holds.
static void no_memory(void **state)
{
	for (unsigned txn = 0; txn < 2; txn++) {
		struct world *w = world_new(2, 100000);
		unsigned refused = 0;

		for (uint32_t i = 1; i < 400; i++) {
			struct weft_flow_mod mod =
				flow_mod_of(i % 5 == 4 ? WEFT_FLOW_MODIFY : WEFT_FLOW_ADD,
					(uint8_t)(i % 3), (uint16_t)i);
			struct weft_match m = match_port(i / 3);
			struct program p = program_out(i);
			bool done = false;

			mod.idle_timeout = i % 2;
			if (i % 10 == 4)
				mod.flags = WEFT_FLOW_RESET_COUNTS;
			for (long left = 0; !done; left++) {
				uint32_t rules = w->sw->rules;
				enum weft_error error;

				if (txn && !w->sw->txn)
					assert_true(ft_txn_begin(w->sw));
				allocations_left = left;
				error = ft_flow_mod(w->sw, &mod, &m, &p.instr);
				allocations_left = -1;
				done = error == WEFT_E_NONE;
				refused += !done;
				if (!done) {
					assert_int_equal(error, WEFT_E_NO_MEMORY);
					assert_int_equal(w->sw->rules, rules);
				}
			}
			if (i % 20 == 0 && txn) {
				allocations_left = 0; // commit and abort need none
				if (i % 40)
					ft_txn_commit(w->sw);
				else
					ft_txn_abort(w->sw);
				allocations_left = -1;
			}
		}
		assert_true(refused > 400);
		ft_txn_commit(w->sw);
		assert_int_equal(delete_all(w, 0), WEFT_E_NONE);
		assert_int_equal(w->sw->rules, 0);
		world_free(w);
	}
}

static void no_memory_for_a_switch(void **state)
{
	struct world *w = world_new(1, 10);
	struct ft_limits limits = {10, 10, 10, 10};
	struct ft_switch *sw = NULL;

	for (long left = 0; !sw; left++) {
		allocations_left = left;
		sw = ft_switch_new(&w->env, &limits, w);
		allocations_left = -1;
	}
	ft_switch_free(sw);
	ft_switch_free(NULL);
	world_free(w);
}

// With a transaction open and removals not yet unlinked.
static void free_in_the_midst(void **state)
{
	struct world *w = world_new(1, 100);

	w->deferred = true;
	for (uint32_t i = 1; i < 50; i++)
		assert_int_equal(put(w, WEFT_FLOW_ADD, i, WEFT_FLOW_SEND_REMOVED, 1), WEFT_E_NONE);
	assert_int_equal(put(w, WEFT_FLOW_DELETE_STRICT, 3, 0, 1), WEFT_E_NONE);
	assert_true(ft_txn_begin(w->sw));
	assert_int_equal(put(w, WEFT_FLOW_ADD, 60, 0, 1), WEFT_E_NONE);
	assert_int_equal(put(w, WEFT_FLOW_DELETE_STRICT, 4, 0, 1), WEFT_E_NONE);
	world_free(w);
}

// OpenFlow 1.0's modify, in every table: those that match, or one more, in table 0.
static void modify_or_add(void **state)
{
	static const uint8_t commands[] = {WEFT_FLOW_MODIFY, WEFT_FLOW_MODIFY_STRICT};

	for (unsigned i = 0; i < 2; i++) {
		struct weft_flow_mod mod = flow_mod_of(commands[i], WEFT_TABLE_ALL, 5);
		struct weft_table_stats stats[WEFT_TABLES];
		struct world *w = world_new(1, 100);
		struct weft_match m = match_port(1);
		struct program p = program_out(1);

		assert_int_equal(ft_flow_mod(w->sw, &mod, &m, &p.instr), WEFT_E_NONE);
		assert_int_equal(ft_table_stats(w->sw, stats), 0);
		mod.flags = WEFT_FLOW_OR_ADD;
		assert_int_equal(ft_flow_mod(w->sw, &mod, &m, &p.instr), WEFT_E_NONE);
		assert_int_equal(ft_flow_mod(w->sw, &mod, &m, &p.instr), WEFT_E_NONE);
		assert_int_equal(ft_table_stats(w->sw, stats), 1);
		assert_int_equal(stats[0].active, 1);
		assert_int_equal(stats[0].table, 0);
		mod.table = 7;
		assert_int_equal(ft_flow_mod(w->sw, &mod, &m, &p.instr), WEFT_E_NONE);
		mod.table = WEFT_TABLE_ALL; // both are there now
		assert_int_equal(ft_flow_mod(w->sw, &mod, &m, &p.instr), WEFT_E_NONE);
		assert_int_equal(ft_table_stats(w->sw, stats), 2);
		assert_int_equal(stats[0].active + stats[1].active, 2);
		assert_int_equal(stats[1].table, 7);
		world_free(w);
	}
}

static void table_stats(void **state)
{
	struct weft_table_stats stats[WEFT_TABLES];
	struct world *w = world_new(2, 100);

	assert_int_equal(ft_table_stats(w->sw, stats), 0);
	assert_int_equal(put(w, WEFT_FLOW_ADD, 1, 0, 1), WEFT_E_NONE);
	ft_table_count(w->sw, 0, 9, 10, 4);
	ft_table_count(w->sw, 1, 9, 5, 5);
	assert_int_equal(ft_table_stats(w->sw, stats), 2);
	assert_int_equal(stats[0].table, 0);
	assert_int_equal(stats[0].active, 1);
	assert_int_equal(stats[0].max, 100);
	assert_int_equal(stats[1].table, 9);
	assert_int_equal(stats[1].lookups, 15);
	assert_int_equal(stats[1].matched, 9);
	world_free(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(hidden_rules),
		cmocka_unit_test(walk_under_changes),
		cmocka_unit_test(large_transaction),
		cmocka_unit_test(large_transaction_in_steps),
		cmocka_unit_test(many_masks),
		cmocka_unit_test(one_priority_each),
		cmocka_unit_test(no_memory),
		cmocka_unit_test(no_memory_for_a_switch),
		cmocka_unit_test(free_in_the_midst),
		cmocka_unit_test(modify_or_add),
		cmocka_unit_test(table_stats),
	};

	rng_seed_from_env();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
