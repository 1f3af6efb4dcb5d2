// SPDX-License-Identifier: Apache-2.0
// Dumps: in order with what was asked before, paused, cancelled, cut off.
#include "client_world.h"

static unsigned flows_seen;

static void on_flow(void *arg, weft_tenant_id tenant, const struct dpc_flow *flow)
{
	assert_int_equal(tenant, 1);
	assert_int_equal(flow->stats->packets, 7);
	flows_seen++;
}

static void test_dump_sees_what_was_before(void **state)
{
	struct world *w = *state;
	struct weft_flow_filter all = {
		.table = WEFT_TABLE_ALL, .out_port = WEFT_OFPORT_ANY, .out_group = WEFT_GROUP_ANY};
	struct weft_match any = {0};

	flows_seen = 0;
	add_tenant(w, 1, "red", 1);
	add_flow(w, 1, 5, 2);
	add_flow(w, 1, 6, 3);
	dpc_dump_flows(w->dpc, 1, &all, &any, on_flow, done, (void *)4);
	run_until_answered(w, 4);
	assert_int_equal(flows_seen, 2);
	assert_int_equal(answers[4].error, WEFT_E_NONE);
}

static struct dpc_dump *the_dump;

static void on_flow_pause(void *arg, weft_tenant_id tenant, const struct dpc_flow *flow)
{
	if (++flows_seen == 10)
		dpc_dump_pause(the_dump);
}

// Starts a dump of `n` rules that pauses at the tenth.
static void start_long_dump(struct world *w, unsigned n, int answer)
{
	struct weft_flow_filter all = {
		.table = WEFT_TABLE_ALL, .out_port = WEFT_OFPORT_ANY, .out_group = WEFT_GROUP_ANY};
	struct weft_match any = {0};

	flows_seen = 0;
	add_tenant(w, 1, "red", 1);
	for (unsigned i = 0; i < n; i++)
		add_flow(w, 1, i, 2);
	dpc_barrier(w->dpc, done, (void *)3);
	run_until_answered(w, 3);
	the_dump = dpc_dump_flows(
		w->dpc, 1, &all, &any, on_flow_pause, done, (void *)(intptr_t)answer);
	AWAIT(w->base, flows_seen >= 10);
}

#define MANY_RULES 6000u // more than two windows

static void test_a_paused_dump_holds_up_nothing_else(void **state)
{
	struct world *w = *state;
	size_t sent;

	start_long_dump(w, MANY_RULES, 4);
	// More than the client lets wait, each round.
	for (unsigned round = 0; round < 3; round++) {
		for (unsigned i = 0; i < 20000; i++)
			add_flow(w, 1, 0, 5);
		dpc_barrier(w->dpc, done, (void *)(intptr_t)(10 + round));
		run_until_answered(w, 10 + (int)round);
	}
	assert_false(dpc_blocked(w->dpc));
	assert_int_equal(fake_dataplane_waiting(w->dp, &sent), 1);
	assert_in_range(sent, 1000, DPC_DUMP_WINDOW + 1000);
	assert_true(flows_seen < MANY_RULES);
	assert_int_equal(answers[4].calls, 0);
	dpc_dump_resume(the_dump);
	run_until_answered(w, 4);
	assert_int_equal(flows_seen, MANY_RULES);
	assert_int_equal(answers[4].error, WEFT_E_NONE);
	assert_int_equal(fake_dataplane_waiting(w->dp, &sent), 0);
}

static void test_a_cancelled_dump_ends(void **state)
{
	struct world *w = *state;
	unsigned seen;
	size_t sent;

	start_long_dump(w, MANY_RULES, 4);
	seen = flows_seen;
	dpc_dump_cancel(the_dump);
	dpc_dump_cancel(the_dump);
	assert_int_equal(answers[4].calls, 0);
	run_until_answered(w, 4);
	assert_int_equal(flows_seen, seen);
	assert_int_equal(fake_dataplane_waiting(w->dp, &sent), 0);
}

static void test_a_loss_fails_a_paused_dump(void **state)
{
	struct world *w = *state;

	start_long_dump(w, MANY_RULES, 4);
	fake_dataplane_hang_up(w->dp);
	AWAIT(w->base, w->downs);
	assert_int_equal(answers[4].error, WEFT_E_STATE);
	AWAIT(w->base, w->ups >= 2);
}

static void test_a_dump_while_down_fails_from_the_loop(void **state)
{
	struct world *w = *state;
	struct weft_flow_filter all = {.table = WEFT_TABLE_ALL};
	struct weft_match any = {0};

	fake_dataplane_hang_up(w->dp);
	AWAIT(w->base, w->downs);
	the_dump = dpc_dump_flows(w->dpc, 1, &all, &any, on_flow, done, (void *)5);
	dpc_dump_pause(the_dump);
	dpc_dump_resume(the_dump);
	dpc_dump_cancel(the_dump);
	assert_int_equal(answers[5].calls, 0);
	run_until_answered(w, 5);
	assert_int_equal(answers[5].error, WEFT_E_STATE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_dump_sees_what_was_before),
		TEST(test_a_paused_dump_holds_up_nothing_else),
		TEST(test_a_cancelled_dump_ends),
		TEST(test_a_loss_fails_a_paused_dump),
		TEST(test_a_dump_while_down_fails_from_the_loop),
	};

	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
