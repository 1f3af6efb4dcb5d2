// SPDX-License-Identifier: Apache-2.0
#include "flowtable/history.h"

#include "flowtable/alike.h"
#include "flowtable/cache.h"
#include "flowtable/shape.h"
#include "flowtable/switch.h"
#include "flowtable/tables.h"

// ---- the writer

static void put(_Atomic uint64_t *to, uint64_t v)
{
	atomic_store_explicit(to, v, memory_order_relaxed);
}

static bool fits(const struct ft_rule *r)
{
	return r->shape->words <= FT_HISTORY_WORDS;
}

static void log_rule(struct ft_switch *sw, const struct ft_rule *r, bool added, uint64_t epoch)
{
	struct ft_history *log = sw->cache.history;
	uint64_t n = atomic_load_explicit(&log->n, memory_order_relaxed);
	struct ft_past_change *c = &log->at[n % FT_HISTORY];
	const struct ft_shape *s = r->shape;

	put(&c->epoch, epoch);
	atomic_store_explicit(&c->rule, (uintptr_t)r, memory_order_relaxed);
	put(&c->what, r->priority | (uint64_t)r->table << 16 | (uint64_t)added << 24);
	put(&c->map, fits(r) ? s->map : UINT64_MAX);
	for (unsigned i = 0; fits(r) && i < s->words; i++) {
		put(&c->value[i], r->value[i]);
		put(&c->mask[i], s->mask[i]);
	}
	atomic_store_explicit(&log->n, n + 1, memory_order_release);
}

static bool changes_rule(const struct ft_op *op)
{
	return op->type == FT_OP_RULE_ADD || op->type == FT_OP_RULE_DEL;
}

bool ft_history_log(struct ft_switch *sw, const struct ft_txn *t, uint64_t epoch)
{
	size_t n = 0;

	for (size_t i = 0; i < t->n && n <= FT_HISTORY / 2; i++) {
		const struct ft_op *op = ft_txn_op(t, i);

		if (op->type >= FT_OP_GROUP_ADD && op->type <= FT_OP_METER_DEL)
			return false;
		n += changes_rule(op);
	}
	if (n > FT_HISTORY / 2)
		return false;
	for (size_t i = 0; i < t->n; i++) {
		const struct ft_op *op = ft_txn_op(t, i);

		if (changes_rule(op))
			log_rule(sw, op->obj, op->type == FT_OP_RULE_ADD, epoch);
	}
	return true;
}

// ---- workers

static uint64_t get(const _Atomic uint64_t *from)
{
	return atomic_load_explicit(from, memory_order_relaxed);
}

// Can no packet match both? Only words that both look at can tell.
static bool disjoint(const struct ft_past_change *c, const struct ft_rule *r)
{
	const struct ft_shape *s = r->shape;
	uint64_t map = get(&c->map), differ = 0;

	if (map == UINT64_MAX)
		return false;
	for (uint64_t both = map & s->map; both; both &= both - 1) {
		unsigned word = (unsigned)__builtin_ctzll(both);
		unsigned i = ft_map_index(map, word), k = ft_map_index(s->map, word);

		if (i >= FT_HISTORY_WORDS)
			return false;
		differ |= (get(&c->value[i]) ^ r->value[k]) & get(&c->mask[i]) & s->mask[k];
	}
	return differ;
}

// Does no packet of the path match it?
static bool elsewhere(const struct ft_past_change *c, const struct ft_alike *a)
{
	uint64_t map = get(&c->map), differ = 0;

	if (map == UINT64_MAX)
		return false;
	for (uint64_t left = map & ((1ull << FT_ALIKE_WORDS) - 1); left; left &= left - 1) {
		unsigned word = (unsigned)__builtin_ctzll(left);
		unsigned i = ft_map_index(map, word);

		if (i >= FT_HISTORY_WORDS)
			break;
		differ |= (get(&c->value[i]) ^ a->value[word]) & get(&c->mask[i]) & a->same[word];
	}
	return differ;
}

// Whether the change leaves the path's lookup alone, in which `r` was found (NULL: nothing was).
static bool spares(
	const struct ft_past_change *c, const struct ft_rule *r, const struct ft_alike *a)
{
	uint64_t what = get(&c->what);

	if (r ? (uint16_t)what < r->priority || disjoint(c, r) : !(what >> 24))
		return true;
	return elsewhere(c, a);
}

static bool is_one_of(const struct ft_past_change *c, const struct ft_path *p)
{
	uintptr_t rule = atomic_load_explicit(&c->rule, memory_order_relaxed);

	for (unsigned i = 0; i < p->rules; i++)
		if ((uintptr_t)*ft_path_rule(p, i) == rule)
			return true;
	return false;
}

// The changes since the path's epoch, from `*from` up to `to`; false: some are not there any more.
static bool since(
	const struct ft_history *log, const struct ft_path *p, uint64_t to, uint64_t *from)
{
	uint64_t oldest = to > FT_HISTORY ? to - FT_HISTORY : 0;

	for (*from = to; *from > oldest; --*from)
		if (get(&log->at[(*from - 1) % FT_HISTORY].epoch) <= p->epoch)
			return true;
	return !oldest;
}

bool ft_history_spares(
	const struct ft_switch *sw, const struct ft_path *p, const struct ft_alike *alike)
{
	const struct ft_history *log = sw->cache.history;
	uint64_t to = atomic_load_explicit(&log->n, memory_order_acquire), from;
	bool spared = since(log, p, to, &from);

	// First whether its own rules are still there: the others are compared with them.
	for (uint64_t i = from; spared && i < to; i++)
		spared = !is_one_of(&log->at[i % FT_HISTORY], p);
	atomic_thread_fence(memory_order_acquire);
	if (!spared || atomic_load_explicit(&log->n, memory_order_relaxed) + 1 - from > FT_HISTORY)
		return false;
	for (uint64_t i = from; spared && i < to; i++) {
		const struct ft_past_change *c = &log->at[i % FT_HISTORY];
		uint8_t table = (uint8_t)(get(&c->what) >> 16);

		// The rules of a conjunction decide together, at a priority that is not the
		// answer's.
		spared = !ft_table_has_soft(sw, table);
		for (unsigned k = 0; spared && k < p->tables; k++)
			if (*ft_path_table(p, k) == table)
				spared =
					spares(c, k < p->rules ? *ft_path_rule(p, k) : NULL, alike);
	}
	atomic_thread_fence(memory_order_acquire);
	return spared &&
	       atomic_load_explicit(&log->n, memory_order_relaxed) + 1 - from <= FT_HISTORY;
}
