// SPDX-License-Identifier: Apache-2.0
// What a large table costs the writer in one go. Counted is work (bins, rules, versions), not time.

#include "world.h"

#include "flowtable/rules/tables.h"
#include "flowtable/classifier/tuple.h"

#define RULES 40000u // of one table: enough for copies that are made in pieces

// ---- helpers

static struct weft_match match_of(uint32_t n)
{
	struct pattern p = {0};

	pattern_exact(&p, WEFT_FIELD_ETH_TYPE, 0x800);
	pattern_exact(&p, WEFT_FIELD_IPV4_SRC, n * 2654435761u);
	pattern_exact(&p, WEFT_FIELD_IPV4_DST, n);
	return pattern_match(&p);
}

static enum weft_error change(
	struct world *w, uint8_t command, uint32_t n, uint16_t priority, uint32_t out)
{
	struct weft_flow_mod mod = flow_mod_of(command, 0, priority);
	struct weft_match m = match_of(n);
	struct program p = program_out(out);

	return ft_flow_mod(w->sw, &mod, &m, &p.instr);
}

static uint32_t out_of(struct world *w, uint32_t n)
{
	struct weft_flow_key key = {
		.ipv4_src = htonl(n * 2654435761u), .ipv4_dst = htonl(n), .eth_type = htons(0x800)};
	const struct ft_rule *r = world_lookup(w, 0, &key);

	return r ? instr_first_out(ft_rule_instructions(r)) : 0;
}

static const struct ft_tuple *tuple(const struct world *w)
{
	const struct ft_classifier *c = &ft_table_of(w->sw, 0)->classifier;

	assert_int_equal(c->n, 1);
	return c->tuple[0];
}

static uint32_t bins(const struct ft_tuple *t)
{
	return atomic_load_explicit(&t->slots, memory_order_relaxed)->bins;
}

// ---- slots that grow

// What each number has, at the two priorities that it may have: the output, 0: no rule.
static uint32_t has[RULES][2];

static void random_change(struct world *w, uint32_t n)
{
	unsigned high = rng() % 2;
	uint16_t priority = high ? 20 : 10;

	if (has[n][high] && rng() % 3 == 0) {
		assert_int_equal(change(w, WEFT_FLOW_DELETE_STRICT, n, priority, 0), WEFT_E_NONE);
		has[n][high] = 0;
		return;
	}
	has[n][high] = 1 + rng() % 1000;
	assert_int_equal(change(w, WEFT_FLOW_ADD, n, priority, has[n][high]), WEFT_E_NONE);
}

static void check_one(struct world *w, uint32_t n)
{
	assert_int_equal(out_of(w, n), has[n][1] ? has[n][1] : has[n][0]);
}

// A rule that comes copies some bins, whatever the size of the table, and the table is right at
// every moment of the copy.
static void grows_in_pieces(void **state)
{
	struct world *w = world_new(1, 2 * RULES);
	unsigned copies = 0, during = 0;

	memset(has, 0, sizeof(has));
	for (uint32_t i = 0; i < RULES; i++) {
		uint32_t pace = i ? tuple(w)->copy_pace : 0, copied = i ? tuple(w)->copied : 0;
		bool was = i && tuple(w)->copy;

		has[i][0] = 1;
		assert_int_equal(change(w, WEFT_FLOW_ADD, i, 10, 1), WEFT_E_NONE);
		if (was && tuple(w)->copy) {
			assert_in_range(tuple(w)->copied - copied, 1, pace);
			assert_in_range(pace, 1, 2 * FT_COPY_BINS);
			during++;
		}
		copies += was && !tuple(w)->copy;
		for (unsigned k = 0; tuple(w)->copy && k < 4; k++) {
			uint32_t n = rng() % (i + 1);

			random_change(w, n);
			check_one(w, n);
		}
	}
	assert_true(copies >= 4 && during > 1000);
	for (uint32_t i = 0; i < RULES; i++)
		check_one(w, i);
	world_free(w);
}

// Of many rules few are left, and then many come again: the copy that is due for what went has
// room for what comes while it is made.
static void shrinks_and_grows(void **state)
{
	struct world *w = world_new(1, RULES);

	for (unsigned round = 0; round < 3; round++) {
		for (uint32_t i = 0; i < RULES; i++)
			assert_int_equal(change(w, WEFT_FLOW_ADD, i, 10, 1 + i), WEFT_E_NONE);
		for (uint32_t i = 0; i < RULES; i++)
			assert_int_equal(out_of(w, i), 1 + i);
		for (uint32_t i = 50 * round; i < RULES; i++)
			assert_int_equal(change(w, WEFT_FLOW_DELETE_STRICT, i, 10, 0), WEFT_E_NONE);
		for (uint32_t i = 0; i < RULES; i += 97)
			assert_int_equal(out_of(w, i), i < 50 * round ? 1 + i : 0);
	}
	world_free(w);
}

// A rule that goes looks at some bins for the highest priority that is left, and in the end it is
// found.
static void priorities_settle(void **state)
{
	struct world *w = world_new(1, RULES);
	uint32_t settled;

	for (uint32_t i = 0; i < RULES; i++)
		assert_int_equal(change(w, WEFT_FLOW_ADD, i, i % 2 ? 20 : 10, 1), WEFT_E_NONE);
	assert_int_equal(tuple(w)->max_priority, 20);
	for (uint32_t i = 1; i < RULES; i += 2) {
		settled = tuple(w)->settled;
		assert_int_equal(change(w, WEFT_FLOW_DELETE_STRICT, i, 20, 0), WEFT_E_NONE);
		if (tuple(w)->settling && tuple(w)->settled > settled)
			assert_in_range(tuple(w)->settled - settled, 1, 1 + FT_SETTLE_BINS);
	}
	for (uint32_t i = 0; i <= 3 * bins(tuple(w)); i++)
		assert_int_equal(change(w, WEFT_FLOW_DELETE_STRICT, 2 * i, 10, 0), WEFT_E_NONE);
	assert_int_equal(tuple(w)->max_priority, 10);
	world_free(w);
}

// ---- timeouts

static void add_timed(struct world *w, uint32_t n, uint16_t hard)
{
	struct weft_flow_mod mod = flow_mod_of(WEFT_FLOW_ADD, 0, 10);
	struct weft_match m = match_of(n);

	mod.hard_timeout = hard;
	assert_int_equal(ft_flow_mod(w->sw, &mod, &m, NULL), WEFT_E_NONE);
}

// Where nothing is due, nothing is committed; where much is, as many are looked at as may be.
static void expiry_in_steps(void **state)
{
	struct world *w = world_new(1, 5000);
	unsigned looks = 100, steps = 0;
	uint64_t version;

	for (uint32_t i = 0; i < 1000; i++)
		add_timed(w, i, 10);
	version = ft_version(w->sw);
	for (unsigned i = 0; i < 9; i++) {
		w->now += SECOND;
		assert_int_equal(ft_expire(w->sw, &looks), 0);
	}
	assert_int_equal(looks, 100);
	assert_true(ft_version(w->sw) == version);
	w->now += SECOND;
	for (uint32_t left = 1000; left; left -= 100, steps++) {
		looks = 100;
		assert_int_equal(ft_expire(w->sw, &looks), 100);
		assert_int_equal(looks, 0);
		assert_int_equal(w->sw->rules, left - 100);
	}
	assert_true(ft_version(w->sw) == version + steps);
	looks = 100;
	assert_int_equal(ft_expire(w->sw, &looks), 0);
	assert_true(ft_version(w->sw) == version + steps);
	world_free(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(grows_in_pieces),
		cmocka_unit_test(shrinks_and_grows),
		cmocka_unit_test(priorities_settle),
		cmocka_unit_test(expiry_in_steps),
	};

	rng_seed_from_env();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
