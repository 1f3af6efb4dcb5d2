// SPDX-License-Identifier: Apache-2.0
// What is asked of the data plane, and when it is answered: transactions, barriers, back pressure.
#include "client_world.h"

#include "dpclient/pending.h"

static void stage_tenant(struct world *w, weft_tenant_id id, const char *name, int answer)
{
	struct weft_ipc_tenant t = {.encap = WEFT_ENCAP_VXLAN, .vni = id};

	snprintf(t.name, sizeof(t.name), "%s", name);
	dpc_stage_op(
		w->dpc, WEFT_IPC_TENANT_ADD, id, &t, sizeof(t), done, (void *)(intptr_t)answer);
}

static void test_atomic_commits(void **state)
{
	struct world *w = *state;

	dpc_stage_host(w->dpc, WEFT_TXN_ATOMIC, done, (void *)1);
	stage_tenant(w, 1, "red", 2);
	stage_tenant(w, 2, "blue", 3);
	dpc_stage_commit(w->dpc, 0, done, (void *)4);
	assert_int_equal(answer_count, 0); // never from within the call
	run_until_answered(w, 4);
	assert_int_equal(answers[4].error, WEFT_E_NONE);
	dpc_barrier(w->dpc, done, (void *)5);
	run_until_answered(w, 5);
	for (int i = 1; i <= 5; i++) {
		assert_int_equal(answers[i].calls, 1);
		assert_int_equal(answers[i].error, WEFT_E_NONE);
	}
	assert_int_equal(fake_dataplane_records(w->dp), 2);
}

static void test_atomic_fails_whole(void **state)
{
	struct world *w = *state;

	dpc_stage_host(w->dpc, WEFT_TXN_ATOMIC, done, (void *)1);
	stage_tenant(w, 1, "red", 2);
	stage_tenant(w, 1, "green", 3); // same id
	stage_tenant(w, 3, "blue", 4);
	dpc_stage_commit(w->dpc, 0, done, (void *)5);
	run_until_answered(w, 5);
	assert_int_equal(answers[3].error, WEFT_E_EXISTS);
	assert_int_equal(answers[3].order, 1);
	assert_string_equal(answers[3].text, "fake");
	assert_int_equal(answers[5].error, WEFT_E_STATE);
	assert_int_equal(answers[5].calls, 1);
	assert_int_equal(fake_dataplane_records(w->dp), 0);
}

static void test_oversized_is_refused(void **state)
{
	struct world *w = *state;
	static uint64_t big[WEFT_IPC_MAX_LEN / 8];
	struct weft_group_mod mod = {.group = 1};

	add_tenant(w, 1, "red", 1);
	dpc_group_mod(w->dpc, 1, &mod, big, sizeof(big), done, (void *)2);
	dpc_barrier(w->dpc, done, (void *)3);
	assert_int_equal(answer_count, 0);
	run_until_answered(w, 3);
	assert_int_equal(answers[1].error, WEFT_E_NONE);
	assert_int_equal(answers[2].error, WEFT_E_MALFORMED);
	assert_int_equal(answers[2].calls, 1);
	assert_int_equal(answers[3].error, WEFT_E_NONE);
	assert_int_equal(fake_dataplane_records(w->dp), 1);
}

static void test_implicit_is_batched(void **state)
{
	struct world *w = *state;

	add_tenant(w, 1, "red", 1);
	for (int i = 0; i < 10; i++)
		add_flow(w, i == 4 ? 9 : 1, 100 + (uint64_t)i, 10 + i);
	dpc_barrier(w->dpc, done, (void *)30);
	run_until_answered(w, 30);
	assert_int_equal(answers[30].order, 12);
	assert_int_equal(answers[30].error, WEFT_E_NONE);
	for (int i = 0; i < 10; i++)
		assert_int_equal(answers[10 + i].error, i == 4 ? WEFT_E_NO_TENANT : WEFT_E_NONE);
	assert_int_equal(fake_dataplane_count(w->dp, WEFT_IPC_BEGIN), 1);
	assert_int_equal(fake_dataplane_count(w->dp, WEFT_IPC_COMMIT), 1);
	assert_int_equal(fake_dataplane_records(w->dp), 1 + 9);
}

static void test_implicit_ends_by_itself(void **state)
{
	struct world *w = *state;

	add_tenant(w, 1, "red", 1);
	run_until_answered(w, 1);
	assert_int_equal(answers[1].error, WEFT_E_NONE);
	assert_int_equal(fake_dataplane_count(w->dp, WEFT_IPC_COMMIT), 1);
}

static void test_packet_out_settles(void **state)
{
	struct world *w = *state;

	add_tenant(w, 1, "red", 1);
	dpc_packet_out(w->dpc, 1, 1, NULL, 0, "frame", 5, done, (void *)2);
	dpc_packet_out(w->dpc, 8, 1, NULL, 0, "frame", 5, done, (void *)3);
	run_until_answered(w, 2);
	assert_int_equal(answers[2].error, WEFT_E_NONE);
	assert_int_equal(answers[3].error, WEFT_E_NO_TENANT);
	assert_int_equal(answers[1].order, 1);
}

// Who asks for a barrier when the answer that says so is due already does not ask again.
static void test_a_barrier_rides_on_a_commit(void **state)
{
	struct world *w = *state;
	uint32_t place = dpc_place(w->dpc);

	assert_true(dpc_is_through(w->dpc, place));
	add_tenant(w, 1, "red", 1);
	event_base_loop(w->base, EVLOOP_ONCE); // the commit is under way
	assert_true(dpc_is_through(w->dpc, place));
	place = dpc_place(w->dpc);
	assert_false(dpc_is_through(w->dpc, place));
	dpc_barrier(w->dpc, done, (void *)2);
	dpc_barrier(w->dpc, done, (void *)3);
	assert_int_equal(answer_count, 0);
	run_until_answered(w, 3);
	for (int i = 1; i <= 3; i++) {
		assert_int_equal(answers[i].error, WEFT_E_NONE);
		assert_int_equal(answers[i].order, i);
	}
	assert_true(dpc_is_through(w->dpc, place));
	assert_int_equal(fake_dataplane_count(w->dp, WEFT_IPC_COMMIT), 1);
	assert_int_equal(fake_dataplane_count(w->dp, WEFT_IPC_ECHO), 0);
	dpc_barrier(w->dpc, done, (void *)4); // nothing to ride on
	run_until_answered(w, 4);
	assert_int_equal(fake_dataplane_count(w->dp, WEFT_IPC_ECHO), 1);
}

// What was asked for behind the commit is not in its answer.
static void test_a_barrier_rides_on_no_commit_before_a_request(void **state)
{
	struct world *w = *state;

	add_tenant(w, 1, "red", 1);
	event_base_loop(w->base, EVLOOP_ONCE);
	dpc_packet_out(w->dpc, 1, 1, NULL, 0, "frame", 5, done, (void *)2);
	dpc_barrier(w->dpc, done, (void *)3);
	run_until_answered(w, 3);
	assert_int_equal(answers[2].order, 2);
	assert_int_equal(answers[3].order, 3);
	assert_int_equal(fake_dataplane_count(w->dp, WEFT_IPC_ECHO), 1);
}

static void test_a_loss_fails_who_rides(void **state)
{
	struct world *w = *state;

	add_tenant(w, 1, "red", 1);
	event_base_loop(w->base, EVLOOP_ONCE);
	dpc_barrier(w->dpc, done, (void *)2);
	fake_dataplane_hang_up(w->dp);
	AWAIT(w->base, w->downs);
	run_until_answered(w, 2);
	assert_int_equal(answers[2].error, WEFT_E_STATE);
	assert_int_equal(answers[2].calls, 1);
	dpc_barrier(w->dpc, done, (void *)3); // there is no commit any more
	run_until_answered(w, 3);
	assert_int_equal(answers[3].error, WEFT_E_STATE);
}

// One barrier. True: its answer was looked for.
static bool barrier_looks(struct world *w)
{
	bool looks;

	answers[1].calls = 0;
	dpc_barrier(w->dpc, done, (void *)1);
	looks = dpc_looks(w->dpc);
	run_until_answered(w, 1);
	assert_false(dpc_looks(w->dpc)); // nothing is waited for
	return looks;
}

// Once answers have come soon, which on a busy machine may take a while.
static void test_looks_for_what_a_barrier_waits_for(void **state)
{
	struct world *w = *state;
	unsigned tries = 10000;

	assert_false(barrier_looks(w));
	while (!barrier_looks(w))
		assert_true(tries--);
	add_tenant(w, 1, "red", 2);
	assert_false(dpc_looks(w->dpc)); // nobody waits for that
	run_until_answered(w, 2);
}

static void test_looks_for_the_next_message(void **state)
{
	struct world *w = *state;
	unsigned tries = 10000;
	bool looks;

	dpc_asked(w->dpc); // of one to whom nobody has replied
	do {
		dpc_replied(w->dpc);
		looks = dpc_looks(w->dpc);
		dpc_asked(w->dpc);
		assert_false(dpc_looks(w->dpc));
		assert_true(tries--);
	} while (!looks);
	dpc_replied(w->dpc);
	fake_dataplane_hang_up(w->dp);
	AWAIT(w->base, w->downs);
	assert_false(dpc_looks(w->dpc)); // there is nothing to hurry to
}

// Ids begin anew behind 31 bits, and pass over 0.
static void test_riders_where_ids_begin_anew(void **state)
{
	struct pending_ring ring;
	struct pending p = {.kind = PENDING_CHECKPOINT, .done = done, .arg = (void *)1};
	uint32_t xid;

	memset(answers, 0, sizeof(answers));
	answer_count = 0;
	pending_init(&ring);
	ring.head = PENDING_XID_MASK - 1;
	xid = pending_add(&ring, &p);
	for (intptr_t i = 2; i <= 5; i++) {
		p = (struct pending){.kind = PENDING_RIDER, .done = done, .arg = (void *)i};
		assert_int_not_equal(pending_add(&ring, &p), 0);
	}
	p = (struct pending){.kind = PENDING_OP, .done = done, .arg = (void *)6};
	pending_add(&ring, &p);
	p = (struct pending){.kind = PENDING_RIDER, .done = done, .arg = (void *)7};
	pending_add(&ring, &p);
	pending_checkpoint(&ring, xid, WEFT_E_NONE, "");
	for (int i = 1; i <= 5; i++)
		assert_int_equal(answers[i].order, i);
	assert_int_equal(answer_count, 5);
	pending_fail_all(&ring, WEFT_E_STATE, "");
	assert_int_equal(answer_count, 7);
	pending_free(&ring);
}

static void test_back_pressure(void **state)
{
	struct world *w = *state;
	int many = 40000;

	add_tenant(w, 1, "red", 1);
	for (int i = 0; i < many; i++)
		add_flow(w, 1, 0, 2);
	assert_true(dpc_blocked(w->dpc));
	AWAIT(w->base, w->unblocked);
	assert_false(dpc_blocked(w->dpc));
	dpc_barrier(w->dpc, done, (void *)3);
	run_until_answered(w, 3);
	assert_int_equal(answers[2].calls, many);
	assert_int_equal(fake_dataplane_count(w->dp, WEFT_IPC_FLOW_MOD), many);
	assert_true(fake_dataplane_count(w->dp, WEFT_IPC_COMMIT) >= (unsigned)many / DPC_BATCH);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_atomic_commits),
		TEST(test_atomic_fails_whole),
		TEST(test_oversized_is_refused),
		TEST(test_implicit_is_batched),
		TEST(test_implicit_ends_by_itself),
		TEST(test_packet_out_settles),
		TEST(test_a_barrier_rides_on_a_commit),
		TEST(test_a_barrier_rides_on_no_commit_before_a_request),
		TEST(test_a_loss_fails_who_rides),
		TEST(test_looks_for_what_a_barrier_waits_for),
		TEST(test_looks_for_the_next_message),
		cmocka_unit_test(test_riders_where_ids_begin_anew),
		TEST(test_back_pressure),
	};

	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
