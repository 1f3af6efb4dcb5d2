// SPDX-License-Identifier: Apache-2.0
// Which rule goes when a new one needs its place: OpenFlow 1.5.1, 6.5 (eviction).
#include "flowtable/switch.h"
#include "flowtable/rules/tables.h"

#define FT_EVICT_LOOKS 64u
#define FT_EVICT_UNIT 20u // of time, 2^20 ns: about a millisecond
#define FT_EVICT_NEVER (1ull << 47)

static bool is_evictable(const struct ft_rule *r)
{
	return !ft_rule_hidden(r);
}

// How dear the rule is; never less than it was. Rules that time out go before those that don't.
static uint64_t worth(const struct ft_switch *sw, const struct ft_rule *r, unsigned flags)
{
	uint64_t used = ft_ids_sum(sw, r).used_ns, key = 0, due = UINT64_MAX;

	if (flags & WEFT_EVICT_IMPORTANCE)
		key = (uint64_t)r->program->importance << 48;
	if (flags & WEFT_EVICT_LIFETIME)
		due = ft_rule_due_ns(sw, r, used);
	if (due != UINT64_MAX)
		return key | (due >> FT_EVICT_UNIT);
	return key | FT_EVICT_NEVER |
	       (used > r->created_ns ? used : r->created_ns) >> FT_EVICT_UNIT;
}

bool ft_evict_reserve(struct ft_switch *sw, struct ft_table *t)
{
	struct ft_heap *h = &t->evictable;

	if (!ft_table_config(sw, t->number)->eviction)
		return true;
	// As in program.c: an abort may bring back what is gone for now.
	if (h->n == h->room && h->n > 2 * t->rules + 1024 && !sw->txn->removals)
		ft_heap_sweep(sw, h, is_evictable);
	return ft_heap_reserve(h, 64);
}

void ft_evict_enter(struct ft_switch *sw, struct ft_table *t, const struct ft_rule *r)
{
	unsigned flags = ft_table_config(sw, t->number)->eviction;

	if (flags && is_evictable(r))
		ft_heap_push(&t->evictable, r, worth(sw, r, flags));
}

void ft_evict_reenter(struct ft_switch *sw, struct ft_table *t, const struct ft_rule *r)
{
	if (ft_table_config(sw, t->number)->eviction && ft_heap_reserve(&t->evictable, 64))
		ft_evict_enter(sw, t, r);
}

// The least dear rule, out of the heap; NULL: none.
static struct ft_rule *least(struct ft_switch *sw, struct ft_heap *h, unsigned flags)
{
	for (unsigned looks = 1; h->n; looks++) {
		struct ft_heap_entry e = ft_heap_pop(h);
		struct ft_rule *r = ft_heap_rule(sw, &e);
		uint64_t key;

		if (!r)
			continue;
		key = worth(sw, r, flags);
		if (key <= e.key || looks >= FT_EVICT_LOOKS)
			return r;
		ft_heap_push(h, r, key);
	}
	return NULL;
}

enum weft_error ft_evict(struct ft_switch *sw, uint8_t table, uint16_t importance)
{
	unsigned flags = ft_table_config(sw, table)->eviction;
	struct ft_table *t = ft_table_of(sw, table);
	struct ft_rule *r;

	if (!flags || !t)
		return WEFT_E_TABLE_FULL;
	if (!ft_txn_reserve(sw->txn, 1))
		return WEFT_E_NO_MEMORY;
	r = least(sw, &t->evictable, flags);
	if (!r)
		return WEFT_E_TABLE_FULL;
	if ((flags & WEFT_EVICT_IMPORTANCE) && r->program->importance > importance) {
		ft_evict_enter(sw, t, r); // where it was taken out
		return WEFT_E_TABLE_FULL;
	}
	ft_stage_del(sw, r, WEFT_REMOVED_EVICTION);
	return WEFT_E_NONE;
}

struct builder {
	struct ft_switch *sw;
	struct ft_table *t;
	bool failed;
};

static bool build(void *arg, struct ft_rule *r)
{
	struct builder *b = arg;

	if (!ft_life_staged(&r->life))
		return true;
	b->failed = !ft_heap_reserve(&b->t->evictable, b->t->rules + 1);
	if (!b->failed)
		ft_evict_enter(b->sw, b->t, r);
	return !b->failed;
}

bool ft_evict_rebuild(struct ft_switch *sw, struct ft_table *t)
{
	static const struct weft_match all;
	struct builder b = {.sw = sw, .t = t};

	ft_heap_fini(&t->evictable);
	if (ft_table_config(sw, t->number)->eviction)
		ft_table_each_within(t, &all, build, &b);
	return !b.failed;
}
