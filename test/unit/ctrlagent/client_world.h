// SPDX-License-Identifier: Apache-2.0
#pragma once
// The client of the data plane against the fake one, both on one event loop; what was answered to
// it, and what it was told.
#include "dpclient/dpclient.h"

#include "fake_place.h"
#include "log.h"

struct world {
	struct fake_place at;
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

static inline void done(void *arg, enum weft_error error, const char *text)
{
	intptr_t i = (intptr_t)arg;

	answers[i].calls++;
	answers[i].error = error;
	answers[i].order = ++answer_count;
	snprintf(answers[i].text, sizeof(answers[i].text), "%s", text);
}

static inline void on_up(void *arg, uint64_t epoch)
{
	struct world *w = arg;

	w->ups++;
	w->epoch = epoch;
}

static inline void on_down(void *arg, const char *why)
{
	((struct world *)arg)->downs++;
}

static inline void on_unblocked(void *arg)
{
	((struct world *)arg)->unblocked++;
}

static inline void on_punt(
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

static inline void on_flow_removed(void *arg, weft_tenant_id tenant, const struct dpc_flow *flow)
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

static inline void run_until_answered(struct world *w, int i)
{
	AWAIT(w->base, answers[i].calls);
}

static inline int setup(void **state)
{
	struct world *w = calloc(1, sizeof(*w));

	memset(answers, 0, sizeof(answers));
	answer_count = 0;
	agent_log_set_level(AGENT_LOG_ERROR);
	fake_place_make(&w->at);
	w->base = event_base_new();
	w->dp = fake_dataplane_new(w->base, w->at.control, w->at.punt);
	assert_non_null(w->dp);
	w->dpc = dpc_new(w->base, &(struct dpc_options){w->at.control, w->at.punt});
	w->listener = dpc_listen(w->dpc, 0, &ops, w);
	AWAIT(w->base, w->ups);
	*state = w;
	return 0;
}

static inline int teardown(void **state)
{
	struct world *w = *state;

	dpc_free(w->dpc);
	fake_dataplane_free(w->dp);
	event_base_free(w->base);
	fake_place_remove(&w->at);
	free(w);
	return 0;
}

static inline void add_tenant(struct world *w, weft_tenant_id id, const char *name, int answer)
{
	struct weft_ipc_tenant t = {.encap = WEFT_ENCAP_VXLAN, .vni = id};

	snprintf(t.name, sizeof(t.name), "%s", name);
	dpc_op(w->dpc, WEFT_IPC_TENANT_ADD, id, &t, sizeof(t), done, (void *)(intptr_t)answer);
}

static inline void add_flow(struct world *w, weft_tenant_id tenant, uint64_t cookie, int answer)
{
	struct weft_flow_mod mod = {.cookie = cookie, .priority = 1};
	struct weft_match any = {0};

	dpc_flow_mod(w->dpc, tenant, &mod, &any, NULL, done, (void *)(intptr_t)answer);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
