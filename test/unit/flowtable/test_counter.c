// SPDX-License-Identifier: Apache-2.0
// Counters of rules by number: each number has a place of its own, and each worker a counter there.

#include "world.h"

#include "flowtable/rules/tables.h"

#define RULES 3000u
#define WORKERS 3u

static void assert_follows(uint32_t id)
{
	struct ft_counter_place p = ft_counter_place(id), next = ft_counter_place(id + 1);
	bool same = next.page == p.page;

	assert_true(p.at < p.ids);
	if (id + 1 == FT_COUNTER_FEW) { // pages begin anew
		assert_int_equal(p.page, FT_COUNTER_PAGES - 1);
		assert_int_equal(next.page, 0);
	} else {
		assert_int_equal(next.page, same ? p.page : p.page + 1);
	}
	assert_int_equal(next.at, same ? p.at + 1 : 0);
	if (!same)
		assert_int_equal(p.at, p.ids - 1);
	else
		assert_int_equal(next.ids, p.ids);
}

static void places_follow_each_other(void **state)
{
	assert_int_equal(ft_counter_place(0).page, 0);
	assert_int_equal(ft_counter_place(0).at, 0);
	for (uint32_t id = 0; id < 1u << 20; id++)
		assert_follows(id);
	for (unsigned bit = 20; bit < 32; bit++)
		for (uint32_t eighth = 0; eighth < 8; eighth++)
			assert_follows((1u << bit) + (eighth << (bit - 3)) - 1);
	assert_int_equal(ft_counter_place(UINT32_MAX).page, FT_COUNTER_MORE_PAGES - 1);
}

static struct ft_rule *add(struct world *w, uint32_t i)
{
	struct weft_flow_mod mod = flow_mod_of(WEFT_FLOW_ADD, 0, 5);
	struct weft_match m = match_port(i + 1);
	struct program p = program_out(1);

	assert_int_equal(ft_flow_mod(w->sw, &mod, &m, &p.instr), WEFT_E_NONE);
	return ft_classifier_find(&ft_table_of(w->sw, 0)->classifier, &m);
}

// What a worker counts is seen whole, and nobody else's.
static void counters_are_ones_own(void **state)
{
	struct world *w = world_new(WORKERS, RULES);
	static const struct ft_rule *rule[RULES];

	for (uint32_t i = 0; i < RULES; i++)
		rule[i] = add(w, i);
	for (uint32_t i = 0; i < RULES; i++)
		for (unsigned k = 0; k < WORKERS; k++)
			ft_rule_count(w->sw, rule[i], k, i + 1, 100ull * k, 1000 + k);
	for (uint32_t i = 0; i < RULES; i++) {
		struct ft_counter_sum sum = ft_ids_sum(w->sw, rule[i]);

		assert_int_equal(sum.packets, WORKERS * (i + 1));
		assert_int_equal(sum.bytes, 300);
		assert_int_equal(sum.used_ns, 1002);
	}
	world_free(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(places_follow_each_other),
		cmocka_unit_test(counters_are_ones_own),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
