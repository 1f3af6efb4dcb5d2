// SPDX-License-Identifier: Apache-2.0
#include "flowtable/rules/ids.h"

#include "flowtable/switch.h"

#include <stdlib.h>

#define FT_NO_ID UINT32_MAX

struct ft_counter_base {
	uint64_t packets;
	uint64_t bytes;
};

void ft_ids_init(struct ft_ids *ids, uint64_t seed)
{
	memset(ids, 0, sizeof(*ids));
	ids->free = FT_NO_ID;
	ft_idmap_init(&ids->bases, seed);
	ft_idmap_init(&ids->fresh, seed);
}

// The array of pages that the id's is in. NULL: no memory.
static ft_counter_page *pages_reserve(struct ft_counters *c, uint32_t id)
{
	ft_counter_page *more = atomic_load_explicit(&c->more, memory_order_relaxed);

	if (id < FT_COUNTER_FEW)
		return c->page;
	if (!more) {
		more = calloc(FT_COUNTER_MORE_PAGES, sizeof(*more));
		atomic_store_explicit(&c->more, more, memory_order_release);
	}
	return more;
}

// Large pages come zeroed and untouched, so that one costs memory only where workers count.
static bool counters_reserve(struct ft_switch *sw, uint32_t id)
{
	struct ft_counter_place p = ft_counter_place(id);
	ft_counter_page *page = pages_reserve(&sw->counters, id);
	struct ft_counter *c;

	if (!page || atomic_load_explicit(&page[p.page], memory_order_relaxed))
		return page;
	c = calloc((size_t)sw->env.workers * (p.ids + FT_COUNTER_GAP), sizeof(*c));
	atomic_store_explicit(&page[p.page], c, memory_order_release);
	return c;
}

static bool numbers_reserve(struct ft_ids *ids)
{
	uint32_t more = ids->room < FT_COUNTER_FEW ? ids->room : ids->room / 8;
	uint32_t room = ids->room ? ids->room + more : 8;
	struct ft_rule **rule = ids->rule;

	if (ids->count < ids->room)
		return true;
	rule = realloc(rule, room * sizeof(*rule));
	if (!rule)
		return false;
	ids->rule = rule;
	ids->room = room;
	return true;
}

bool ft_ids_reserve(struct ft_switch *sw)
{
	struct ft_ids *ids = &sw->ids;

	if (!ft_cookies_reserve(sw, ids->count + 1))
		return false;
	if (ids->free != FT_NO_ID)
		return true;
	if (ids->count == FT_NO_ID - 1)
		return false;
	return numbers_reserve(ids) && counters_reserve(sw, ids->count);
}

static void counters_zero(struct ft_switch *sw, uint32_t id)
{
	for (unsigned w = 0; w < sw->env.workers; w++) {
		struct ft_counter *c = ft_counter_at(&sw->counters, id, w);

		// A page that nobody wrote to stays untouched.
		if (!atomic_load_explicit(&c->packets, memory_order_relaxed))
			continue;
		atomic_store_explicit(&c->packets, 0, memory_order_relaxed);
		atomic_store_explicit(&c->bytes, 0, memory_order_relaxed);
		atomic_store_explicit(&c->used_ns, 0, memory_order_relaxed);
	}
}

void ft_ids_take(struct ft_switch *sw, struct ft_rule *r)
{
	struct ft_ids *ids = &sw->ids;

	if (ids->free != FT_NO_ID) {
		r->id = ids->free;
		ids->free = (uint32_t)((uintptr_t)ids->rule[r->id] >> 1);
		counters_zero(sw, r->id);
	} else {
		r->id = ids->count++;
	}
	ids->rule[r->id] = r;
	ft_cookies_move(sw, NULL, r);
}

void ft_ids_own(struct ft_switch *sw, struct ft_rule *r)
{
	ft_cookies_move(sw, ft_ids_rule(sw, r->id), r);
	sw->ids.rule[r->id] = r;
}

void ft_ids_release(struct ft_switch *sw, const struct ft_rule *r)
{
	struct ft_ids *ids = &sw->ids;

	if (ids->rule[r->id] != r)
		return;
	ft_cookies_move(sw, r, NULL);
	free(ft_idmap_find(&ids->bases, r->id));
	ft_idmap_del(&ids->bases, r->id);
	ft_triggers_drop(sw, r->id);
	free(ft_idmap_find(&ids->fresh, r->id));
	ft_idmap_del(&ids->fresh, r->id);
	ids->rule[r->id] = (struct ft_rule *)((uintptr_t)ids->free << 1 | 1);
	ids->free = r->id;
}

struct ft_rule *ft_ids_rule(const struct ft_switch *sw, uint32_t id)
{
	struct ft_rule *r = id < sw->ids.count ? sw->ids.rule[id] : NULL;

	return (uintptr_t)r & 1 ? NULL : r;
}

static struct ft_counter_sum counters_sum(const struct ft_switch *sw, uint32_t id)
{
	struct ft_counter_sum sum = {0};

	for (unsigned w = 0; w < sw->env.workers; w++) {
		const struct ft_counter *c = ft_counter_at(&sw->counters, id, w);
		uint64_t used = atomic_load_explicit(&c->used_ns, memory_order_relaxed);

		sum.packets += atomic_load_explicit(&c->packets, memory_order_relaxed);
		sum.bytes += atomic_load_explicit(&c->bytes, memory_order_relaxed);
		if (used > sum.used_ns)
			sum.used_ns = used;
	}
	return sum;
}

struct ft_counter_sum ft_ids_sum(const struct ft_switch *sw, const struct ft_rule *r)
{
	struct ft_counter_sum sum = counters_sum(sw, r->id);
	const struct ft_counter_base *base = NULL;

	if (r->flags & FT_RULE_COUNTER_BASE)
		base = ft_idmap_find(&sw->ids.bases, r->id);
	if (base) {
		sum.packets -= base->packets;
		sum.bytes -= base->bytes;
	}
	return sum;
}

bool ft_ids_reserve_reset(struct ft_switch *sw, uint32_t id)
{
	struct ft_counter_base *base;

	if (ft_idmap_find(&sw->ids.bases, id))
		return true;
	base = calloc(1, sizeof(*base));
	if (!base || !ft_idmap_reserve(&sw->ids.bases, &sw->garbage)) {
		free(base);
		return false;
	}
	ft_idmap_set(&sw->ids.bases, id, base);
	return true;
}

void ft_ids_reset(struct ft_switch *sw, const struct ft_rule *r)
{
	struct ft_counter_base *base = ft_idmap_find(&sw->ids.bases, r->id);
	struct ft_counter_sum sum = counters_sum(sw, r->id);

	base->packets = sum.packets;
	base->bytes = sum.bytes;
	ft_triggers_rearm(sw, r->id);
}

bool ft_ids_refresh(struct ft_switch *sw, const struct ft_rule *r)
{
	uint64_t *at = ft_idmap_find(&sw->ids.fresh, r->id);

	if (!at) {
		at = malloc(sizeof(*at));
		if (!at || !ft_idmap_reserve(&sw->ids.fresh, &sw->garbage)) {
			free(at);
			return false;
		}
		ft_idmap_set(&sw->ids.fresh, r->id, at);
	}
	*at = sw->env.now_ns(sw->env.ctx);
	return true;
}

uint64_t ft_ids_refreshed(const struct ft_switch *sw, const struct ft_rule *r)
{
	const uint64_t *at = sw->ids.fresh.live ? ft_idmap_find(&sw->ids.fresh, r->id) : NULL;

	return at ? *at : 0;
}

static void pages_free(ft_counter_page *page, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		free(atomic_load_explicit(&page[i], memory_order_relaxed));
}

static void counters_fini(struct ft_counters *c)
{
	ft_counter_page *more = atomic_load_explicit(&c->more, memory_order_relaxed);

	pages_free(c->page, FT_COUNTER_PAGES);
	if (more)
		pages_free(more, FT_COUNTER_MORE_PAGES);
	free(more);
}

void ft_ids_fini(struct ft_switch *sw)
{
	struct ft_counter_base *base;
	uint64_t *fresh;
	uint32_t pos = 0;

	counters_fini(&sw->counters);
	while ((base = ft_idmap_next(&sw->ids.bases, &pos)))
		free(base);
	ft_idmap_fini(&sw->ids.bases);
	for (pos = 0; (fresh = ft_idmap_next(&sw->ids.fresh, &pos));)
		free(fresh);
	ft_idmap_fini(&sw->ids.fresh);
	free(sw->ids.rule);
}
