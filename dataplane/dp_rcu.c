// SPDX-License-Identifier: Apache-2.0
#include "dp_rcu.h"

#include <rte_malloc.h>
#include <rte_rcu_qsbr.h>

#include <stdlib.h>
#include <unistd.h>

struct dp_rcu_item {
	struct dp_rcu_item *next;
	uint64_t token;
	dp_rcu_fn *fn;
	void *obj;
};

struct dp_rcu {
	struct rte_rcu_qsbr *qs;
	struct dp_rcu_item *head; // oldest first; tokens rise
	struct dp_rcu_item **tail;
	uint64_t began_ns; // of what is retired
	uint64_t pulse;    // a grace period; 0: none is under way
	uint64_t pulse_ns, pulsed_ns, rest_ns;
};

struct dp_rcu *dp_rcu_new(unsigned workers)
{
	struct dp_rcu *r = calloc(1, sizeof(*r));

	if (!r)
		return NULL;
	r->tail = &r->head;
	r->qs = rte_zmalloc("rcu", rte_rcu_qsbr_get_memsize(workers), RTE_CACHE_LINE_SIZE);
	if (!r->qs || rte_rcu_qsbr_init(r->qs, workers)) {
		rte_free(r->qs);
		free(r);
		return NULL;
	}
	return r;
}

void dp_rcu_free(struct dp_rcu *r)
{
	while (dp_rcu_poll(r))
		;
	rte_free(r->qs);
	free(r);
}

void dp_rcu_register(struct dp_rcu *r, unsigned worker)
{
	rte_rcu_qsbr_thread_register(r->qs, worker);
	rte_rcu_qsbr_thread_online(r->qs, worker);
}

void dp_rcu_unregister(struct dp_rcu *r, unsigned worker)
{
	rte_rcu_qsbr_thread_offline(r->qs, worker);
	rte_rcu_qsbr_thread_unregister(r->qs, worker);
}

uint64_t dp_rcu_asked(const struct dp_rcu *r)
{
	return __atomic_load_n(&r->qs->token, __ATOMIC_ACQUIRE);
}

void dp_rcu_quiescent(struct dp_rcu *r, unsigned worker)
{
	rte_rcu_qsbr_quiescent(r->qs, worker);
}

void dp_rcu_retire(struct dp_rcu *r, dp_rcu_fn *fn, void *obj)
{
	struct dp_rcu_item *item = malloc(sizeof(*item));

	if (!item) { // no memory to wait with, so wait here
		dp_rcu_synchronize(r);
		fn(obj);
		return;
	}
	*item = (struct dp_rcu_item){.token = r->qs->token + 1, .fn = fn, .obj = obj};
	*r->tail = item;
	r->tail = &item->next;
}

struct dp_rcu_again {
	struct dp_rcu *rcu;
	dp_rcu_fn *fn;
	void *obj;
};

static void dp_rcu_second(void *obj)
{
	struct dp_rcu_again *a = obj;

	dp_rcu_retire(a->rcu, a->fn, a->obj);
	free(a);
}

void dp_rcu_retire2(struct dp_rcu *r, dp_rcu_fn *fn, void *obj)
{
	struct dp_rcu_again *a = malloc(sizeof(*a));

	if (!a) {
		dp_rcu_synchronize2(r);
		fn(obj);
		return;
	}
	*a = (struct dp_rcu_again){.rcu = r, .fn = fn, .obj = obj};
	dp_rcu_retire(r, dp_rcu_second, a);
}

uint64_t dp_rcu_begin(struct dp_rcu *r)
{
	return rte_rcu_qsbr_start(r->qs);
}

static bool dp_rcu_is_due(struct dp_rcu *r)
{
	return r->head && r->head->token <= r->qs->token &&
	       rte_rcu_qsbr_check(r->qs, r->head->token, false);
}

// Does the latest wait for a grace period that has not begun?
static bool dp_rcu_gathers(const struct dp_rcu *r)
{
	const struct dp_rcu_item *latest;

	if (!r->head)
		return false;
	latest = (const void *)((const char *)r->tail - offsetof(struct dp_rcu_item, next));
	return latest->token > r->qs->token;
}

static void dp_rcu_end_first(struct dp_rcu *r)
{
	struct dp_rcu_item *item = r->head;

	r->head = item->next;
	if (!r->head)
		r->tail = &r->head;
	item->fn(item->obj); // may retire more
	free(item);
}

bool dp_rcu_poll(struct dp_rcu *r)
{
	while (dp_rcu_is_due(r))
		dp_rcu_end_first(r);
	if (dp_rcu_gathers(r))
		dp_rcu_begin(r);
	return r->head != NULL;
}

static bool dp_rcu_end_some(struct dp_rcu *r, uint64_t (*now_ns)(void))
{
	struct dp_rcu_item **end = r->tail;
	uint64_t until;

	if (!dp_rcu_is_due(r))
		return false;
	for (until = now_ns() + DP_RCU_NS; dp_rcu_is_due(r) && now_ns() < until;) {
		bool last = &r->head->next == end;

		dp_rcu_end_first(r);
		if (last)
			return false;
	}
	return dp_rcu_is_due(r);
}

bool dp_rcu_run(struct dp_rcu *r, uint64_t (*now_ns)(void))
{
	bool more = dp_rcu_end_some(r, now_ns);
	uint64_t now;

	if (!dp_rcu_gathers(r))
		return more;
	now = now_ns();
	if (now - r->began_ns >= DP_RCU_GATHER_NS) {
		r->began_ns = now;
		dp_rcu_begin(r);
	}
	return more;
}

bool dp_rcu_ended(const struct dp_rcu *r, uint64_t begun)
{
	return rte_rcu_qsbr_check(r->qs, begun, false);
}

void dp_rcu_synchronize(struct dp_rcu *r)
{
	uint64_t begun = dp_rcu_begin(r);

	while (!dp_rcu_ended(r, begun))
		usleep(20);
}

void dp_rcu_synchronize2(struct dp_rcu *r)
{
	dp_rcu_synchronize(r);
	dp_rcu_synchronize(r);
}

void dp_rcu_pulse(struct dp_rcu *r, uint64_t now_ns)
{
	if (r->pulse && dp_rcu_ended(r, r->pulse)) {
		r->pulsed_ns = r->pulse_ns;
		r->pulse = 0;
		r->rest_ns = DP_RCU_REST * (now_ns - r->pulse_ns);
		if (r->rest_ns > DP_RCU_REST_NS)
			r->rest_ns = DP_RCU_REST_NS;
	}
	if (r->pulse || now_ns - r->pulse_ns < DP_RCU_PULSE_NS + r->rest_ns)
		return;
	r->pulse_ns = now_ns;
	r->pulse = dp_rcu_begin(r);
}

uint64_t dp_rcu_pulsed_ns(const struct dp_rcu *r)
{
	return r->pulsed_ns;
}
