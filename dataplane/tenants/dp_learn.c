// SPDX-License-Identifier: Apache-2.0
#include "tenants/dp_learn.h"

#include "dp.h"
#include "tenants/dp_tenant.h"
#include "dp_worker.h"

#include <rte_ring_elem.h>

#include <stdlib.h>

struct dp_learn {
	unsigned n;
	struct dp_learned_rule waiting[DP_LEARN_WAITING]; // oldest first
};

bool dp_learn_tell(struct dp_sink *s, const struct ft_learned *l)
{
	struct dp_worker *w = s->worker;
	struct dp_counters *c = dp_counters(w, s->tenant);
	struct dp_learned_rule e;

	if (dp_bucket_take(&s->tenant->rules[w->id], DP_RULE_RATE, DP_RULE_BURST, w->now_ns)) {
		e.tenant = s->tenant->id;
		e.pad = 0;
		memcpy(e.learned, l, l->size);
		memset((char *)e.learned + l->size, 0, sizeof(e.learned) - l->size);
		if (!rte_ring_sp_enqueue_elem(w->rules, &e, sizeof(e))) {
			dp_count(&c->learns, 1);
			return true;
		}
	}
	dp_count(&c->learns_lost, 1);
	return false;
}

// False: not now.
static bool dp_learn_one(struct dp *dp, const struct dp_learned_rule *e)
{
	struct dp_tenant *t = dp_tenant_find(dp, e->tenant);
	enum weft_error error;

	if (!t)
		return true;
	error = ft_learn_apply(t->sw, (const struct ft_learned *)e->learned);
	if (error == WEFT_E_STATE)
		return false;
	if (error)
		dp_count(&t->counters[dp_control(dp)].learns_failed, 1);
	return true;
}

static void dp_learn_lose(struct dp *dp, struct dp_tenant *t, const struct dp_learned_rule *e)
{
	ft_learn_drop(t->sw, (const struct ft_learned *)e->learned);
	dp_count(&t->counters[dp_control(dp)].learns_lost, 1);
}

static void dp_learn_wait(struct dp *dp, const struct dp_learned_rule *e)
{
	struct dp_tenant *t = dp_tenant_find(dp, e->tenant);

	if (dp->learn->n < DP_LEARN_WAITING)
		dp->learn->waiting[dp->learn->n++] = *e;
	else if (t)
		dp_learn_lose(dp, t, e);
}

static void dp_learn_again(struct dp *dp)
{
	struct dp_learn *l = dp->learn;
	unsigned left = 0;

	for (unsigned i = 0; i < l->n; i++)
		if (!dp_learn_one(dp, &l->waiting[i]))
			l->waiting[left++] = l->waiting[i];
	l->n = left;
}

void dp_learn_poll(struct dp *dp)
{
	struct dp_learned_rule e;

	if (dp->learn->n)
		dp_learn_again(dp);
	for (unsigned i = 0; i < dp->opt.workers; i++) {
		// Bounded by the ring's size: workers may be filling it meanwhile.
		for (unsigned n = 0; n < DP_RULES_SIZE; n++) {
			if (rte_ring_sc_dequeue_elem(dp->worker[i]->rules, &e, sizeof(e)))
				break;
			if (!dp_learn_one(dp, &e))
				dp_learn_wait(dp, &e);
		}
	}
}

struct dp_learn *dp_learn_new(void)
{
	return calloc(1, sizeof(struct dp_learn));
}

void dp_learn_free(struct dp_learn *l)
{
	free(l);
}
