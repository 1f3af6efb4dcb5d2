// SPDX-License-Identifier: Apache-2.0
// Quicker forms of tables are made for one tenant after the other, and who is being changed gives
// way.

#include "machine.h"
#include "tenants/dp_expiry.h"

#include "flowtable/classifier/lookup.h"

#define RULES 1500u

static struct dp_tenant *with_rules(unsigned id)
{
	struct weft_ipc_tenant cfg = {.name = "red", .max_rules = RULES, .max_fdb = 10};
	struct dp_tenant *t;
	char why[100];

	assert_int_equal(dp_tenant_add(&eal_dp, id, &cfg, why), WEFT_E_NONE);
	t = dp_tenant_find(&eal_dp, id);
	for (unsigned i = 0; i < RULES; i++) {
		struct weft_flow_mod mod = flow_mod_of(WEFT_FLOW_ADD, 0, (uint16_t)(1 + i % 900));
		struct pattern p = {0};
		struct program drop = {0};
		struct weft_match match;

		pattern_exact(&p, WEFT_FIELD_ETH_TYPE, 0x0800);
		pattern_masked(
			&p, WEFT_FIELD_IPV4_SRC, 0x0a000000 + (i << 8), UINT32_MAX << below(9));
		pattern_masked(&p, WEFT_FIELD_IPV4_DST, 0x0a000000 + i, UINT32_MAX << below(20));
		match = pattern_match(&p);
		assert_int_equal(ft_flow_mod(t->sw, &mod, &match, &drop.instr), WEFT_E_NONE);
	}
	for (unsigned i = 0; i < 4 && !ft_settle_has_more(t->sw); i++)
		ft_settle(t->sw);
	assert_true(ft_settle_has_more(t->sw));
	return t;
}

// True: nothing is left to do.
static bool turns(unsigned n)
{
	bool more = true;

	while (more && n--) {
		dp_expiry_turn(&eal_dp);
		more = dp_expiry_run(&eal_dp);
	}
	return !more;
}

static void one_that_is_changed_holds_up_nobody(void **state)
{
	struct dp_tenant *first, *second;

	ft_trees_use(FT_TREES_ALWAYS);
	second = with_rules(1);
	first = with_rules(2);
	assert_ptr_equal(first->next, second);
	eal_dp.expiry.growing = first;
	first->stage = (struct dp_stage *)first; // whatever it is
	assert_true(turns(10000));
	assert_false(ft_settle_has_more(second->sw));
	assert_true(ft_settle_has_more(first->sw));
	first->stage = NULL;
	dp_expiry_second(&eal_dp);
	assert_true(turns(10000));
	assert_false(ft_settle_has_more(first->sw));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_that_is_changed_holds_up_nobody),
	};

	rng_seed_from_env();
	return cmocka_run_group_tests(tests, machine_up, machine_down);
}
