// SPDX-License-Identifier: Apache-2.0
// What an agent that is gone has left staged is undone, in steps.

#include "served.h"
#include "ipc/dp_ipc_txn.h"
#include "ipc/dp_stage.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define TENANTS 40u
#define MANY 20000u // rules: more than one step undoes

static void asks(weft_tenant_id tenant, unsigned type, const void *body, const struct weft_match *m)
{
	struct dp_ipc_request r = {.hdr = {.type = (uint16_t)type,
					   .flags = WEFT_IPC_STAGED,
					   .tenant = tenant,
					   .len = sizeof(struct weft_ipc_hdr)},
		.body = body};

	if (m)
		r.match = *m;
	dp_stage_serve(&eal_dp, &r);
}

static void stages(weft_tenant_id tenant, unsigned rules)
{
	struct weft_flow_mod mod = {.command = WEFT_FLOW_ADD,
		.priority = 1,
		.out_port = WEFT_OFPORT_ANY,
		.out_group = WEFT_GROUP_ANY};

	asks(tenant, WEFT_IPC_BEGIN, &(struct weft_ipc_begin){.flags = WEFT_TXN_ATOMIC}, NULL);
	for (uint32_t i = 0; i < rules; i++) {
		struct weft_flow_key value = {.eth_type = htons(0x800), .ipv4_src = htonl(i)};
		struct weft_flow_key mask = {.eth_type = 0xffff, .ipv4_src = 0xffffffff};
		struct weft_match match;

		weft_match_from_key(&match, &value, &mask);
		asks(tenant, WEFT_IPC_FLOW_MOD, &mod, &match);
	}
}

static unsigned staged(void)
{
	const struct dp_stage *last = TAILQ_LAST(&eal_dp.stages, dp_stages);
	unsigned n = 0;

	for (uint32_t id = 1; last && id <= TENANTS; id++)
		n += dp_tenant_find(&eal_dp, id)->stage != NULL;
	return n;
}

static unsigned rules_of(weft_tenant_id id)
{
	struct weft_table_stats stats[WEFT_TABLES];
	unsigned n = 0, tables = ft_table_stats(dp_tenant_find(&eal_dp, id)->sw, stats);

	for (unsigned i = 0; i < tables; i++)
		n += stats[i].active;
	return n;
}

// Until nothing is left to do.
static unsigned turns(void)
{
	unsigned n = 0;

	while (dp_stage_run(&eal_dp))
		n++;
	return n;
}

static void what_an_agent_leaves_is_undone_in_steps(void **state)
{
	stages(1, MANY);
	assert_int_equal(turns(), 0);
	assert_int_equal(staged(), 1);
	dp_stage_desert(&eal_dp);
	assert_true(dp_stage_any(&eal_dp));
	assert_in_range(turns(), MANY / 2048, MANY);
	assert_false(dp_stage_any(&eal_dp));
	assert_int_equal(staged(), 0);
	assert_int_equal(rules_of(1), 0);
	stages(1, 1); // it can begin anew
	assert_int_equal(staged(), 1);
	asks(1, WEFT_IPC_COMMIT, NULL, NULL);
	turns();
	assert_int_equal(rules_of(1), 1);
}

static void each_of_many_comes_to_its_turn(void **state)
{
	for (uint32_t id = 2; id <= TENANTS; id++)
		stages(id, MANY / TENANTS);
	assert_int_equal(staged(), TENANTS - 1);
	dp_stage_desert(&eal_dp);
	turns();
	assert_int_equal(staged(), 0);
	for (uint32_t id = 2; id <= TENANTS; id++)
		assert_int_equal(rules_of(id), 0);
}

static void one_that_goes_meanwhile_is_undone_at_once(void **state)
{
	stages(2, MANY);
	dp_stage_desert(&eal_dp);
	assert_true(dp_stage_run(&eal_dp));
	dp_tenant_del(&eal_dp, dp_tenant_find(&eal_dp, 2));
	assert_false(dp_stage_any(&eal_dp));
}

static void what_was_published_stays(void **state)
{
	stages(3, 10);
	asks(3, WEFT_IPC_COMMIT, NULL, NULL);
	dp_stage_desert(&eal_dp);
	turns();
	assert_int_equal(rules_of(3), 10);
	assert_false(dp_stage_any(&eal_dp));
}

static int up(void **state)
{
	char why[100];

	if (eal_up(state))
		return -1;
	eal_with_tenants(0, 1);
	if (!served_up())
		return -1;
	for (uint32_t id = 1; id <= TENANTS; id++)
		if (dp_tenant_add(&eal_dp, id,
			    &(struct weft_ipc_tenant){.name = "t", .max_rules = MANY}, why))
			return -1;
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_an_agent_leaves_is_undone_in_steps),
		cmocka_unit_test(each_of_many_comes_to_its_turn),
		cmocka_unit_test(one_that_goes_meanwhile_is_undone_at_once),
		cmocka_unit_test(what_was_published_stays),
	};

	return cmocka_run_group_tests(tests, up, served_down);
}
