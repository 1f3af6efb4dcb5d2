// SPDX-License-Identifier: Apache-2.0
// Which rule goes when a new one needs its place: OpenFlow 1.5.1, 6.5 (eviction).
#include "flowtable/rules/aftermath.h"
#include "flowtable/switch.h"
#include "flowtable/rules/tables.h"

#include <limits.h>

#define FT_EVICT_LOOKS 64u
#define FT_EVICT_UNIT 20u // of time, 2^20 ns: about a millisecond
#define FT_EVICT_NEVER (1ull << 47)
#define FT_EVICT_STEP 2048u // rules looked at in a step
#define FT_EVICT_POPS 256u  // entries taken out in one, each of which moves some twenty

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
	sw->untidy |= ft_heap_untidy(h, t->rules);
	return ft_heap_reserve(h, 64);
}

bool ft_evict_sweep(struct ft_switch *sw, uint32_t max)
{
	bool more = false;

	for (unsigned i = 0; i < WEFT_TABLES && !more; i++) {
		struct ft_table *t = ft_table_of(sw, (uint8_t)i);

		more = t && ft_heap_sweep(sw, &t->evictable, t->rules, is_evictable, max);
	}
	return more;
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

// The first entry, which means no rule any more, or none that will be there after this transaction;
// one that is aborted may bring it back.
static void forget_first(struct ft_switch *sw, struct ft_table *t)
{
	struct ft_heap_entry e = ft_heap_pop(&t->evictable);
	const struct ft_rule *r = ft_ids_rule(sw, e.id);

	if (r && sw->txn &&
		atomic_load_explicit(&r->life.removed, memory_order_relaxed) == sw->txn->version)
		t->evict_forgot = sw->txn->version;
}

// Entries of rules that have gone, as far as they come first and at most `max`. True: more do.
static bool forget_gone(struct ft_switch *sw, struct ft_table *t, unsigned max)
{
	const struct ft_heap_entry *first;

	while ((first = ft_heap_first(&t->evictable)) && !ft_heap_rule(sw, first)) {
		if (!max--)
			return true;
		forget_first(sw, t);
	}
	return false;
}

// The least dear rule, out of the heap; NULL: none. One that is dearer than it was goes back there,
// but not if very much would have to be looked at then.
static struct ft_rule *least(struct ft_switch *sw, struct ft_table *t, unsigned flags)
{
	struct ft_heap *h = &t->evictable;
	struct ft_rule *r = NULL;

	for (unsigned looks = 1;; looks++) {
		struct ft_heap_entry e;
		uint64_t key;

		// At first all: who can wait has done so (ft_evict_step_for()).
		if (forget_gone(sw, t, r ? FT_EVICT_POPS : UINT_MAX))
			return r; // its entry stays, and means nothing any more
		if (!h->n)
			return NULL;
		e = ft_heap_pop(h);
		r = ft_heap_rule(sw, &e);
		key = worth(sw, r, flags);
		if (key <= e.key || looks == FT_EVICT_LOOKS)
			return r;
		ft_heap_push(h, r, key);
	}
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
	while (t->evict_grows)
		ft_evict_grow(sw); // who can wait has done so (ft_evict_step_for())
	r = least(sw, t, flags);
	if (!r)
		return WEFT_E_TABLE_FULL;
	if ((flags & WEFT_EVICT_IMPORTANCE) && r->program->importance > importance) {
		ft_evict_enter(sw, t, r); // where it was taken out
		return WEFT_E_TABLE_FULL;
	}
	ft_stage_del(sw, r, WEFT_REMOVED_EVICTION);
	return WEFT_E_NONE;
}

// ---- the heap of a table that has rules already

bool ft_evict_grows(const struct ft_switch *sw)
{
	return sw->evict.tables;
}

static void grown(struct ft_switch *sw)
{
	for (unsigned i = 0; i < WEFT_TABLES; i++) {
		struct ft_table *t = ft_table_of(sw, (uint8_t)i);

		if (t)
			t->evict_grows = false;
	}
	sw->evict.tables = 0;
}

void ft_evict_grow(struct ft_switch *sw)
{
	unsigned looks = FT_EVICT_STEP;

	for (; sw->evict.tables && sw->evict.next < sw->evict.end && looks; looks--) {
		const struct ft_rule *r = ft_ids_rule(sw, sw->evict.next++);
		struct ft_table *t = r ? ft_table_of(sw, r->table) : NULL;

		// What came later has entered by itself.
		if (t && t->evict_grows && ft_life_staged(&r->life) &&
			r->life.added <= sw->evict.version &&
			ft_heap_reserve(&t->evictable, 64)) // else it stays where it is
			ft_evict_enter(sw, t, r);
	}
	if (sw->evict.tables && sw->evict.next >= sw->evict.end)
		grown(sw);
}

bool ft_evict_step_for(struct ft_switch *sw, uint8_t table)
{
	struct ft_table *t = ft_table_of(sw, table);

	if (!t || sw->rules < sw->limits.max_rules)
		return false;
	if (!t->evict_grows)
		return forget_gone(sw, t, FT_EVICT_POPS);
	ft_evict_grow(sw);
	return true;
}

// All tables that are not done yet.
static void grow_anew(struct ft_switch *sw)
{
	for (unsigned i = 0; i < WEFT_TABLES; i++) {
		struct ft_table *t = ft_table_of(sw, (uint8_t)i);

		if (t && t->evict_grows)
			t->evictable.n = 0;
	}
	sw->evict.next = 0;
	sw->evict.end = sw->ids.count;
	sw->evict.version = sw->next_version - 1;
}

bool ft_evict_rebuild(struct ft_switch *sw, struct ft_table *t)
{
	ft_heap_fini(&t->evictable);
	sw->evict.tables -= t->evict_grows;
	t->evict_grows = false;
	if (!ft_table_config(sw, t->number)->eviction || !t->rules)
		return true;
	if (!ft_heap_reserve(&t->evictable, t->rules + 1))
		return false;
	t->evict_grows = true;
	sw->evict.tables++;
	grow_anew(sw);
	if (sw->evict.end <= FT_EVICT_STEP)
		ft_evict_grow(sw);
	else
		ft_aftermath_came(sw);
	return true;
}
