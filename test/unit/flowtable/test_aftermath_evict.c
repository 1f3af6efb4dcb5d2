// SPDX-License-Identifier: Apache-2.0
// A table that begins to evict has its rules put in order in steps, and evicts the least whatever
// comes in between; the heaps of what is evictable and what times out stay small.

#include "aftermath_kit.h"

static enum weft_error evicts(uint8_t table, uint8_t flags)
{
	return ft_table_mod(t.w->sw,
		&(struct weft_table_mod){
			.table = table, .set = WEFT_TABLE_SET_EVICTION, .eviction = flags});
}

static enum weft_error add_important(uint32_t n, uint16_t importance)
{
	struct weft_flow_mod mod = flow_mod_of(WEFT_FLOW_ADD, TABLE, 10);
	struct weft_match m = match_of(n);
	struct program p = program_out(1);

	mod.cookie = importance;
	mod.importance = importance;
	mod.flags = WEFT_FLOW_SEND_REMOVED;
	t.w->told_n = 0;
	return ft_flow_mod(t.w->sw, &mod, &m, &p.instr);
}

static void eviction_begins_in_steps(void **state)
{
	const uint32_t rules = 20000;
	unsigned least = UINT32_MAX;

	for (uint32_t i = 0; i < rules; i++)
		assert_int_equal(add_important(i, (uint16_t)(1 + rng() % 60000)), WEFT_E_NONE);
	ft_switch_set_limits(t.w->sw, &(struct ft_limits){rules, 10, 10, 10});
	assert_int_equal(add_important(rules, 60000), WEFT_E_TABLE_FULL);
	assert_int_equal(evicts(WEFT_TABLE_ALL, WEFT_EVICT_IMPORTANCE), WEFT_E_NONE);
	assert_int_equal(awaited, 1);
	assert_true(ft_aftermath_awaited(t.w->sw));
	assert_int_equal(ft_table_of(t.w->sw, TABLE)->evictable.n, 0);
	assert_in_range(run_all(), rules / 2048 - 1, rules / 2048 + 2);
	for (uint32_t i = 0; i < rules / 2; i++) {
		assert_int_equal(add_important(2 * rules + i, 60000), WEFT_E_NONE);
		assert_int_equal(t.w->told_n, 1);
		assert_true(!i || t.w->told[0].stats.cookie >= least);
		least = (unsigned)t.w->told[0].stats.cookie;
	}
	assert_in_range(least, 15000, 45000);
}

// An add that comes before the heap is whole takes the place of the least all the same: in steps
// where it may take several, else at once.
static void an_add_waits_for_the_order(void **state)
{
	const uint32_t rules = 20000;

	for (uint32_t i = 0; i < rules; i++) // the least are the last to enter
		assert_int_equal(add_important(i, (uint16_t)(30000 - i)), WEFT_E_NONE);
	ft_switch_set_limits(t.w->sw, &(struct ft_limits){rules, 10, 10, 10});
	for (unsigned at_once = 0; at_once < 2; at_once++) {
		struct weft_flow_mod mod = flow_mod_of(WEFT_FLOW_ADD, TABLE, 10);
		struct weft_match m = match_of(rules + at_once);
		struct ft_flow_steps steps = {0};
		enum weft_error error;
		unsigned calls = 1;

		assert_int_equal(evicts(TABLE, WEFT_EVICT_IMPORTANCE | at_once), WEFT_E_NONE);
		assert_true(ft_aftermath_awaited(t.w->sw));
		mod.importance = 15000;
		t.w->told_n = 0;
		if (at_once)
			error = ft_flow_mod(t.w->sw, &mod, &m, NULL);
		else
			while (ft_flow_mod_some(t.w->sw, &mod, &m, NULL, 4096, &steps, &error))
				calls++;
		assert_int_equal(error, WEFT_E_NONE);
		assert_int_equal(t.w->told_n, 1);
		assert_int_equal(t.w->told[0].stats.cookie, 30000 - rules + 1 + at_once);
		assert_int_equal(calls, at_once ? 1 : rules / 2048 + 2);
		assert_false(ft_aftermath_awaited(t.w->sw));
	}
}

static void delete_one(uint32_t n)
{
	struct weft_flow_mod mod = flow_mod_of(WEFT_FLOW_DELETE_STRICT, TABLE, 10);
	struct weft_match m = match_of(n);

	assert_int_equal(ft_flow_mod(t.w->sw, &mod, &m, NULL), WEFT_E_NONE);
}

// Where the least were deleted, the heap still has them: so many that an add passes them in steps.
static void an_add_passes_what_has_gone(void **state)
{
	const uint32_t half = 15000;
	struct weft_flow_mod mod = flow_mod_of(WEFT_FLOW_ADD, TABLE, 10);
	struct weft_match m = match_of(4 * half);
	struct ft_flow_steps steps = {0};
	enum weft_error error;
	unsigned calls = 1;

	assert_int_equal(evicts(TABLE, WEFT_EVICT_IMPORTANCE), WEFT_E_NONE);
	ft_switch_set_limits(t.w->sw, &(struct ft_limits){2 * half, 10, 10, 10});
	for (uint32_t i = 0; i < 2 * half; i++)
		assert_int_equal(add_important(i, (uint16_t)(1 + i)), WEFT_E_NONE);
	for (uint32_t i = 0; i < half; i++)
		delete_one(i);
	t.w->now++; // or those that have their numbers now would be taken for them
	for (uint32_t i = 0; i < half; i++)
		assert_int_equal(add_important(2 * half + i, 40000), WEFT_E_NONE);
	t.w->told_n = 0;
	mod.importance = 40000;
	while (ft_flow_mod_some(t.w->sw, &mod, &m, NULL, 4096, &steps, &error))
		calls++;
	assert_int_equal(error, WEFT_E_NONE);
	assert_int_equal(calls, half / 256 + 1);
	assert_int_equal(t.w->told_n, 1);
	assert_int_equal(t.w->told[0].stats.cookie, half + 1);
}

// Where all are dearer than they were, for they were used, an add does not look at all of them.
static void an_add_looks_at_few(void **state)
{
	const uint32_t rules = 1000;
	const struct ft_heap_entry *entry;
	const struct ft_heap *h;
	uint32_t looked_at = 0;

	assert_int_equal(evicts(TABLE, WEFT_EVICT_IMPORTANCE), WEFT_E_NONE);
	ft_switch_set_limits(t.w->sw, &(struct ft_limits){rules, 10, 10, 10});
	for (uint32_t i = 0; i < rules; i++)
		assert_int_equal(add_important(i, 7), WEFT_E_NONE);
	t.w->now += SECOND;
	for (uint32_t id = 0; id < rules; id++)
		ft_rule_count(t.w->sw, ft_ids_rule(t.w->sw, id), 0, 1, 100, t.w->now + id * SECOND);
	t.w->now += rules * SECOND;
	assert_int_equal(add_important(rules, 7), WEFT_E_NONE);
	assert_int_equal(t.w->told_n, 1);
	h = &ft_table_of(t.w->sw, TABLE)->evictable;
	assert_int_equal(h->pages.n, 1);
	entry = h->pages.at[0];
	for (uint32_t i = 0; i < h->n; i++)
		looked_at += entry[i].key != ft_heap_first(h)->key; // which is as it was
	assert_in_range(looked_at, 60, 70);
}

// What an aborted transaction had removed, and passed on its way to the least, is the least again.
static void what_comes_back_is_in_order(void **state)
{
	const uint32_t rules = 100;

	assert_int_equal(evicts(TABLE, WEFT_EVICT_IMPORTANCE), WEFT_E_NONE);
	ft_switch_set_limits(t.w->sw, &(struct ft_limits){rules, 10, 10, 10});
	for (uint32_t i = 0; i < rules; i++)
		assert_int_equal(add_important(i, (uint16_t)(1 + i)), WEFT_E_NONE);
	assert_true(ft_txn_begin(t.w->sw));
	delete_one(0);
	assert_int_equal(add_important(rules, 1000), WEFT_E_NONE);
	assert_int_equal(add_important(rules + 1, 1000), WEFT_E_NONE); // evicts
	ft_txn_abort(t.w->sw);
	for (uint32_t i = 0; i < rules; i++) {
		assert_int_equal(add_important(2 * rules + i, 1000), WEFT_E_NONE);
		assert_int_equal(t.w->told_n, 1);
		assert_int_equal(t.w->told[0].stats.cookie, 1 + i);
	}
}

// ---- heaps

static void replace(uint32_t n, uint16_t hard, uint8_t command)
{
	struct weft_flow_mod mod = flow_mod_of(command, TABLE, 10);
	struct weft_match m = match_of(n);
	struct program p = program_out(1 + rng() % 1000);

	mod.hard_timeout = hard;
	assert_int_equal(ft_flow_mod(t.w->sw, &mod, &m, &p.instr), WEFT_E_NONE);
}

// However often rules are made anew, the heaps have a few entries for each, and each is right.
static void heaps_stay_small(void **state)
{
	const struct ft_heap *timers = &t.w->sw->timers.heap, *evictable;

	assert_int_equal(evicts(TABLE, WEFT_EVICT_LIFETIME), WEFT_E_NONE);
	for (uint32_t i = 0; i < 1000; i++)
		replace(i, (uint16_t)(1000 + i), WEFT_FLOW_ADD);
	evictable = &ft_table_of(t.w->sw, TABLE)->evictable;
	for (uint32_t i = 0; i < 50000; i++)
		replace(rng() % 1000, 0, WEFT_FLOW_MODIFY_STRICT);
	assert_int_equal(timers->n, 1000);
	assert_int_equal(evictable->n, 1000);
	for (uint32_t i = 0; i < 50000; i++) {
		bool aborts = rng() % 64 == 0;
		uint32_t n = rng() % 1000;

		t.w->now++;
		assert_true(ft_txn_begin(t.w->sw));
		replace(n, (uint16_t)(1000 + n), WEFT_FLOW_ADD);
		replace(n, (uint16_t)(1000 + n), WEFT_FLOW_ADD);
		aborts ? ft_txn_abort(t.w->sw) : ft_txn_commit(t.w->sw);
		if (rng() % 16 == 0)
			ft_aftermath_run(t.w->sw);
		assert_true(timers->n <= 8192 && evictable->n <= 8192);
	}
	assert_int_equal(awaited, 0);
	assert_true(came);
	run_all();
	assert_int_equal(t.w->sw->rules, 1000);
	for (uint32_t i = 0; i < 1000; i++) {
		assert_int_equal(world_expire(t.w), 0);
		t.w->now += i ? SECOND : 1000 * SECOND;
		assert_int_equal(world_expire(t.w), 1);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(eviction_begins_in_steps),
		TEST(an_add_waits_for_the_order),
		TEST(an_add_passes_what_has_gone),
		TEST(an_add_looks_at_few),
		TEST(what_comes_back_is_in_order),
		TEST(heaps_stay_small),
	};

	rng_seed_from_env();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
