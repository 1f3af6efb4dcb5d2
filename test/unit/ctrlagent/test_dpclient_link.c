// SPDX-License-Identifier: Apache-2.0
// What the data plane tells by itself, and the connection to it, lost and found again.
#include "client_world.h"

static void tell_removed(struct world *w)
{
	struct {
		struct weft_flow_stats stats;
		struct weft_ipc_flow_tail tail;
	} removed = {.stats = {.cookie = 42}};

	fake_dataplane_event(w->dp, WEFT_IPC_FLOW_REMOVED, 1, &removed, sizeof(removed));
	AWAIT(w->base, w->flows_removed);
}

static void test_events(void **state)
{
	struct world *w = *state;

	tell_removed(w);
	fake_dataplane_punt(w->dp, 3, "hello", 5);
	AWAIT(w->base, w->punts);
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

	// Once this has come, the other socket is connected, too.
	tell_removed(w);
	fake_dataplane_punt_more(w->dp, 3, "hello", 5, &m, sizeof(m), sizeof(m) - 8); // said wrong
	fake_dataplane_punt_more(w->dp, 3, "hello", 5, &m, sizeof(m) - 8, sizeof(m) - 8);
	fake_dataplane_punt_more(w->dp, 3, "hello", 5, &m, 8, 8);
	fake_dataplane_punt_more(w->dp, 3, "hello", 5, NULL, 0, sizeof(m));
	bad.more.map = 1ull << 63 | 1u << 30; // no such word
	fake_dataplane_punt_more(w->dp, 3, "hello", 5, &bad, sizeof(bad), sizeof(bad));
	fake_dataplane_punt_more(w->dp, 3, "hello", 5, &m, sizeof(m), sizeof(m));
	AWAIT(w->base, w->punts);
	assert_int_equal(w->punts_with_more, 1);
}

static void test_a_loss_fails_what_waits(void **state)
{
	struct world *w = *state;

	add_tenant(w, 1, "red", 1);
	fake_dataplane_hang_up(w->dp);
	AWAIT(w->base, w->downs);
	run_until_answered(w, 1);
	assert_int_equal(answers[1].error, WEFT_E_STATE);
	add_tenant(w, 2, "blue", 2); // while it is down
	dpc_barrier(w->dpc, done, (void *)3);
	assert_int_equal(answers[2].calls, 0);
	run_until_answered(w, 3);
	assert_int_equal(answers[2].error, WEFT_E_STATE);
	assert_int_equal(answers[3].error, WEFT_E_STATE);
	AWAIT(w->base, w->ups >= 2);
	assert_int_equal(w->epoch, 1);
	add_tenant(w, 4, "green", 4);
	run_until_answered(w, 4);
	assert_int_equal(answers[4].error, WEFT_E_NONE);
}

static void test_a_restart_shows_in_the_epoch(void **state)
{
	struct world *w = *state;

	fake_dataplane_restart(w->dp);
	AWAIT(w->base, w->ups >= 2);
	assert_int_equal(w->epoch, 2);
	assert_int_equal(dpc_epoch(w->dpc), 2);
}

static void test_malformed_breaks_the_connection(void **state)
{
	struct world *w = *state;
	uint64_t junk = 0;

	fake_dataplane_event(w->dp, WEFT_IPC_PORT_STATUS, 1, &junk, sizeof(junk));
	AWAIT(w->base, w->downs);
	AWAIT(w->base, w->ups >= 2);
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
	AWAIT(w->base, w->ups >= 2);
	fake_dataplane_hang_up(w->dp);
	AWAIT(w->base, w->ups >= 3);
	assert_int_equal(other.downs, 1); // the first; then it was gone
	assert_null(victim);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_events),
		TEST(test_punts_with_more),
		TEST(test_a_loss_fails_what_waits),
		TEST(test_a_restart_shows_in_the_epoch),
		TEST(test_malformed_breaks_the_connection),
		TEST(test_unlisten_within_a_callback),
	};

	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
