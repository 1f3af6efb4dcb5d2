// SPDX-License-Identifier: Apache-2.0
// The client of the data plane against the fake one, both on one event loop.
#include "dpclient/dpclient.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "dpclient/pending.h"
#include "fake_dataplane.h"
#include "log.h"

struct world {
	char dir[64];
	struct event_base *base;
	struct fake_dataplane *dp;
	struct dpc *dpc;
	struct dpc_listener *listener;
	unsigned ups, downs, punts, punts_with_more, flows_removed, unblocked;
	uint64_t epoch;
};

// What was answered, in order: the argument of each `done` is its place in here.
static struct {
	int calls;
	enum weft_error error;
	int order;
	char text[64];
} answers[64];
static int answer_count;

static void done(void *arg, enum weft_error error, const char *text)
{
	intptr_t i = (intptr_t)arg;

	answers[i].calls++;
	answers[i].error = error;
	answers[i].order = ++answer_count;
	snprintf(answers[i].text, sizeof(answers[i].text), "%s", text);
}

static void on_up(void *arg, uint64_t epoch)
{
	struct world *w = arg;

	w->ups++;
	w->epoch = epoch;
}

static void on_down(void *arg, const char *why)
{
	((struct world *)arg)->downs++;
}

static void on_unblocked(void *arg)
{
	((struct world *)arg)->unblocked++;
}

static void on_punt(
	void *arg, weft_tenant_id tenant, const struct weft_ipc_punt *punt, const void *frame)
{
	assert_int_equal(tenant, 3);
	assert_int_equal(punt->data_len, 5);
	assert_memory_equal(frame, "hello", 5);
	if (punt->more_len) {
		const struct weft_ipc_punt_more *more = weft_ipc_punt_more(punt);

		assert_int_equal(more->map, 1u << 20 | 1u << 30);
		assert_int_equal(((const uint64_t *)(const void *)(more + 1))[1], 77);
		assert_int_equal(more->userdata_len, 3);
		assert_memory_equal(weft_ipc_punt_userdata(more), "abc", 3);
		((struct world *)arg)->punts_with_more++;
	}
	((struct world *)arg)->punts++;
}

static void on_flow_removed(void *arg, weft_tenant_id tenant, const struct dpc_flow *flow)
{
	assert_int_equal(flow->stats->cookie, 42);
	assert_int_equal(weft_match_words(&flow->match), 0);
	assert_null(flow->instructions);
	((struct world *)arg)->flows_removed++;
}

static const struct dpc_listener_ops ops = {.up = on_up,
	.down = on_down,
	.punt = on_punt,
	.flow_removed = on_flow_removed,
	.unblocked = on_unblocked};

static void on_late(evutil_socket_t fd, short what, void *arg)
{
	*(bool *)arg = true;
}

// Runs the loop until *n >= want; fails after twenty seconds, for a machine may be busy.
static void run_until(struct world *w, const unsigned *n, unsigned want)
{
	bool late = false;
	struct timeval limit = {.tv_sec = 20};
	struct event *timer = evtimer_new(w->base, on_late, &late);

	evtimer_add(timer, &limit);
	while (*n < want && !late)
		event_base_loop(w->base, EVLOOP_ONCE);
	event_free(timer);
	assert_false(late);
}

static void run_until_answered(struct world *w, int i)
{
	run_until(w, (const unsigned *)&answers[i].calls, 1);
}

static int setup(void **state)
{
	struct world *w = calloc(1, sizeof(*w));
	char control[80], punt[80];

	memset(answers, 0, sizeof(answers));
	answer_count = 0;
	agent_log_set_level(AGENT_LOG_ERROR);
	strcpy(w->dir, "/tmp/weft-dpclient-XXXXXX");
	assert_non_null(mkdtemp(w->dir));
	snprintf(control, sizeof(control), "%s/control", w->dir);
	snprintf(punt, sizeof(punt), "%s/punt", w->dir);
	w->base = event_base_new();
	w->dp = fake_dataplane_new(w->base, control, punt);
	assert_non_null(w->dp);
	w->dpc = dpc_new(w->base, &(struct dpc_options){control, punt});
	w->listener = dpc_listen(w->dpc, 0, &ops, w);
	run_until(w, &w->ups, 1);
	*state = w;
	return 0;
}

static int teardown(void **state)
{
	struct world *w = *state;

	dpc_free(w->dpc);
	fake_dataplane_free(w->dp);
	event_base_free(w->base);
	rmdir(w->dir);
	free(w);
	return 0;
}

static void add_tenant(struct world *w, weft_tenant_id id, const char *name, int answer)
{
	struct weft_ipc_tenant t = {.encap = WEFT_ENCAP_VXLAN, .vni = id};

	snprintf(t.name, sizeof(t.name), "%s", name);
	dpc_op(w->dpc, WEFT_IPC_TENANT_ADD, id, &t, sizeof(t), done, (void *)(intptr_t)answer);
}

static void add_flow(struct world *w, weft_tenant_id tenant, uint64_t cookie, int answer)
{
	struct weft_flow_mod mod = {.cookie = cookie, .priority = 1};
	struct weft_match any = {0};

	dpc_flow_mod(w->dpc, tenant, &mod, &any, NULL, done, (void *)(intptr_t)answer);
}

// ---- the tests

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
	run_until(w, &w->downs, 1);
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
	run_until(w, &w->downs, 1);
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
	run_until(w, &flows_seen, 10);
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
	run_until(w, &w->downs, 1);
	assert_int_equal(answers[4].error, WEFT_E_STATE);
	run_until(w, &w->ups, 2);
}

static void test_a_dump_while_down_fails_from_the_loop(void **state)
{
	struct world *w = *state;
	struct weft_flow_filter all = {.table = WEFT_TABLE_ALL};
	struct weft_match any = {0};

	fake_dataplane_hang_up(w->dp);
	run_until(w, &w->downs, 1);
	the_dump = dpc_dump_flows(w->dpc, 1, &all, &any, on_flow, done, (void *)5);
	dpc_dump_pause(the_dump);
	dpc_dump_resume(the_dump);
	dpc_dump_cancel(the_dump);
	assert_int_equal(answers[5].calls, 0);
	run_until_answered(w, 5);
	assert_int_equal(answers[5].error, WEFT_E_STATE);
}

static void test_events(void **state)
{
	struct world *w = *state;
	struct {
		struct weft_flow_stats stats;
		struct weft_ipc_flow_tail tail;
	} removed = {.stats = {.cookie = 42}};

	fake_dataplane_event(w->dp, WEFT_IPC_FLOW_REMOVED, 1, &removed, sizeof(removed));
	run_until(w, &w->flows_removed, 1);
	fake_dataplane_punt(w->dp, 3, "hello", 5);
	run_until(w, &w->punts, 1);
}

// What lies behind the frame is taken whole or not at all.
static void test_punts_with_more(void **state)
{
	struct world *w = *state;
	struct {
		struct weft_ipc_punt_more more;
		uint64_t word[2];
		char userdata[8];
	} m = {{.map = 1u << 20 | 1u << 30, .userdata_len = 3}, {5, 77}, "abc"}, bad = m;
	struct {
		struct weft_flow_stats stats;
		struct weft_ipc_flow_tail tail;
	} removed = {.stats = {.cookie = 42}};

	// Once this has come, the other socket is connected, too.
	fake_dataplane_event(w->dp, WEFT_IPC_FLOW_REMOVED, 1, &removed, sizeof(removed));
	run_until(w, &w->flows_removed, 1);
	fake_dataplane_punt_more(w->dp, 3, "hello", 5, &m, sizeof(m), sizeof(m) - 8); // said wrong
	fake_dataplane_punt_more(w->dp, 3, "hello", 5, &m, sizeof(m) - 8, sizeof(m) - 8);
	fake_dataplane_punt_more(w->dp, 3, "hello", 5, &m, 8, 8);
	fake_dataplane_punt_more(w->dp, 3, "hello", 5, NULL, 0, sizeof(m));
	bad.more.map = 1ull << 63 | 1u << 30; // no such word
	fake_dataplane_punt_more(w->dp, 3, "hello", 5, &bad, sizeof(bad), sizeof(bad));
	fake_dataplane_punt_more(w->dp, 3, "hello", 5, &m, sizeof(m), sizeof(m));
	run_until(w, &w->punts, 1);
	assert_int_equal(w->punts_with_more, 1);
}

static void test_a_loss_fails_what_waits(void **state)
{
	struct world *w = *state;

	add_tenant(w, 1, "red", 1);
	fake_dataplane_hang_up(w->dp);
	run_until(w, &w->downs, 1);
	run_until_answered(w, 1);
	assert_int_equal(answers[1].error, WEFT_E_STATE);
	add_tenant(w, 2, "blue", 2); // while it is down
	dpc_barrier(w->dpc, done, (void *)3);
	assert_int_equal(answers[2].calls, 0);
	run_until_answered(w, 3);
	assert_int_equal(answers[2].error, WEFT_E_STATE);
	assert_int_equal(answers[3].error, WEFT_E_STATE);
	run_until(w, &w->ups, 2);
	assert_int_equal(w->epoch, 1);
	add_tenant(w, 4, "green", 4);
	run_until_answered(w, 4);
	assert_int_equal(answers[4].error, WEFT_E_NONE);
}

static void test_a_restart_shows_in_the_epoch(void **state)
{
	struct world *w = *state;

	fake_dataplane_restart(w->dp);
	run_until(w, &w->ups, 2);
	assert_int_equal(w->epoch, 2);
	assert_int_equal(dpc_epoch(w->dpc), 2);
}

static void test_malformed_breaks_the_connection(void **state)
{
	struct world *w = *state;
	uint64_t junk = 0;

	fake_dataplane_event(w->dp, WEFT_IPC_PORT_STATUS, 1, &junk, sizeof(junk));
	run_until(w, &w->downs, 1);
	run_until(w, &w->ups, 2);
}

static void test_back_pressure(void **state)
{
	struct world *w = *state;
	int many = 40000;

	add_tenant(w, 1, "red", 1);
	for (int i = 0; i < many; i++)
		add_flow(w, 1, 0, 2);
	assert_true(dpc_blocked(w->dpc));
	run_until(w, &w->unblocked, 1);
	assert_false(dpc_blocked(w->dpc));
	dpc_barrier(w->dpc, done, (void *)3);
	run_until_answered(w, 3);
	assert_int_equal(answers[2].calls, many);
	assert_int_equal(fake_dataplane_count(w->dp, WEFT_IPC_FLOW_MOD), many);
	assert_true(fake_dataplane_count(w->dp, WEFT_IPC_COMMIT) >= (unsigned)many / DPC_BATCH);
}

static struct dpc_listener *victim;

static void on_up_unlisten(void *arg, uint64_t epoch)
{
	dpc_unlisten(victim);
	victim = NULL;
}

static void test_unlisten_within_a_callback(void **state)
{
	struct world *w = *state;
	static const struct dpc_listener_ops remover = {.up = on_up_unlisten};
	struct world other = {0};

	victim = dpc_listen(w->dpc, 7, &ops, &other);
	dpc_listen(w->dpc, 0, &remover, NULL);
	fake_dataplane_hang_up(w->dp);
	run_until(w, &w->ups, 2);
	fake_dataplane_hang_up(w->dp);
	run_until(w, &w->ups, 3);
	assert_int_equal(other.downs, 1); // the first; then it was gone
	assert_null(victim);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
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
		TEST(test_dump_sees_what_was_before),
		TEST(test_a_paused_dump_holds_up_nothing_else),
		TEST(test_a_cancelled_dump_ends),
		TEST(test_a_loss_fails_a_paused_dump),
		TEST(test_a_dump_while_down_fails_from_the_loop),
		TEST(test_events),
		TEST(test_punts_with_more),
		TEST(test_a_loss_fails_what_waits),
		TEST(test_a_restart_shows_in_the_epoch),
		TEST(test_malformed_breaks_the_connection),
		TEST(test_back_pressure),
		TEST(test_unlisten_within_a_callback),
	};

	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
