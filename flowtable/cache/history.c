// SPDX-License-Identifier: Apache-2.0
#include "flowtable/cache/history.h"

#include "flowtable/cache/alike.h"
#include "flowtable/cache/cache.h"
#include "flowtable/cache/herd.h"
#include "flowtable/lines.h"
#include "flowtable/classifier/shape.h"
#include "flowtable/switch.h"
#include "flowtable/rules/tables.h"

// ---- the writer

// Who reads what was written over another change reads a number of changes that tells.
static void put(_Atomic uint64_t *to, uint64_t v)
{
	atomic_store_explicit(to, v, memory_order_release);
}

#define ADDED (1ull << 24)
#define ANY UINT64_MAX // of a map: overlaps with all

// A change, or several of one table.
struct change {
	const struct ft_rule *rule; // NULL: several
	uint64_t what;
	uint64_t map;
	uint64_t value[FT_HISTORY_WORDS], mask[FT_HISTORY_WORDS];
};

static struct change change_of(const struct ft_rule *r, bool added)
{
	const struct ft_shape *s = r->shape;
	bool fits = s->words <= FT_HISTORY_WORDS;
	struct change c = {
		.rule = r,
		.what = r->priority | (uint64_t)r->table << 16 | (added ? ADDED : 0),
		.map = fits ? s->map : ANY,
	};

	for (unsigned i = 0; fits && i < s->words; i++) {
		c.value[i] = r->value[i];
		c.mask[i] = s->mask[i];
	}
	return c;
}

static void put_change(struct ft_history *log, const struct change *from, uint64_t epoch)
{
	uint64_t n = atomic_load_explicit(&log->n, memory_order_relaxed);
	struct ft_past_change *c = &log->at[n % FT_HISTORY];

	put(&c->epoch, epoch);
	atomic_store_explicit(&c->rule, (uintptr_t)from->rule, memory_order_release);
	put(&c->what, from->what);
	put(&c->map, from->map);
	for (unsigned i = 0; i < FT_HISTORY_WORDS; i++) {
		put(&c->value[i], from->value[i]);
		put(&c->mask[i], from->mask[i]);
	}
	atomic_store_explicit(&log->n, n + 1, memory_order_release);
}

// The bits of a word that a rule wants one way.
static uint64_t wanted(const struct ft_rule *r, unsigned word, uint64_t *value)
{
	const struct ft_shape *s = r->shape;
	unsigned k;

	if (!(s->map >> word & 1))
		return 0;
	k = ft_map_index(s->map, word);
	*value = r->value[k];
	return s->mask[k];
}

// The rule is one of them, too.
static void change_also(struct change *c, const struct ft_rule *r)
{
	uint64_t priority = c->what & 0xffff, value = 0, left = c->map == ANY ? 0 : c->map;

	c->rule = NULL;
	if (priority < r->priority)
		c->what += r->priority - priority;
	for (unsigned i = 0; left; left &= left - 1, i++) {
		uint64_t mask = wanted(r, (unsigned)__builtin_ctzll(left), &value);

		c->mask[i] &= mask & ~(c->value[i] ^ value);
		c->value[i] &= c->mask[i];
	}
}

static bool changes_rule(const struct ft_op *op)
{
	return op->type == FT_OP_RULE_ADD || op->type == FT_OP_RULE_DEL;
}

// What the transaction changes as so many changes at most. More: they are too many.
static unsigned sum_up(const struct ft_txn *t, struct change sum[FT_HISTORY_SUMS], bool together)
{
	unsigned n = 0;

	for (size_t i = 0; i < t->n; i++) {
		const struct ft_op *op = ft_txn_op(t, i);
		struct change c;
		unsigned k = 0;

		if (!changes_rule(op))
			continue;
		c = change_of(op->obj, op->type == FT_OP_RULE_ADD);
		while (k < n && (!together || (sum[k].what ^ c.what) >> 16))
			k++;
		if (k < n)
			change_also(&sum[k], op->obj);
		else if (n == FT_HISTORY_SUMS)
			return n + 1;
		else
			sum[n++] = c;
	}
	return n;
}

static bool changes_no_rule(const struct ft_op *op)
{
	return op->type >= FT_OP_GROUP_ADD && op->type <= FT_OP_METER_DEL;
}

static struct ft_history *ring_of(const struct ft_switch *sw)
{
	return atomic_load_explicit(&sw->cache.history, memory_order_acquire);
}

// NULL: nobody has asked for it, or no memory.
static struct ft_history *ring_made(struct ft_switch *sw)
{
	struct ft_history *log = ring_of(sw);

	if (!log && atomic_load_explicit(&sw->cache.asked, memory_order_relaxed)) {
		log = ft_alloc_lines(sizeof(*log));
		atomic_store_explicit(&sw->cache.history, log, memory_order_release);
	}
	return log;
}

bool ft_history_log(struct ft_switch *sw, const struct ft_txn *t, uint64_t epoch)
{
	struct ft_history *log = ring_made(sw);
	struct change sum[FT_HISTORY_SUMS];
	unsigned n;

	static_assert(FT_HISTORY_EACH <= FT_HISTORY_SUMS, "room for each");
	if (!log || t->n > FT_HISTORY_MOST)
		return false;
	for (size_t i = 0; i < t->n; i++)
		if (changes_no_rule(ft_txn_op(t, i)))
			return false;
	n = sum_up(t, sum, t->n > FT_HISTORY_EACH);
	if (n > FT_HISTORY_SUMS)
		return false;
	for (unsigned i = 0; i < n; i++)
		put_change(log, &sum[i], epoch);
	return true;
}

// ---- workers

void ft_history_ask(struct ft_switch *sw)
{
	if (!ring_of(sw) && !atomic_load_explicit(&sw->cache.asked, memory_order_relaxed))
		atomic_store_explicit(&sw->cache.asked, true, memory_order_relaxed);
}

static uint64_t get(const _Atomic uint64_t *from)
{
	return atomic_load_explicit(from, memory_order_acquire);
}

// Can no packet match both? Only words that both look at can tell.
static bool disjoint(const struct ft_past_change *c, const struct ft_rule *r)
{
	const struct ft_shape *s = r->shape;
	uint64_t map = get(&c->map), differ = 0;

	if (map == ANY)
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

	if (map == ANY)
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

	if (r ? (uint16_t)what < r->priority || disjoint(c, r) : !(what & ADDED))
		return true;
	return elsewhere(c, a);
}

static bool looks_at(const struct ft_path *p, uint8_t table)
{
	for (unsigned k = 0; k < p->tables; k++)
		if (*ft_path_table(p, k) == table)
			return true;
	return false;
}

// May one of the path's rules have gone by the change?
static bool takes_away(
	const struct ft_past_change *c, const struct ft_path *p, const struct ft_alike *a)
{
	uintptr_t rule = atomic_load_explicit(&c->rule, memory_order_acquire);
	uint64_t what = get(&c->what);

	if (!rule)
		return !(what & ADDED) && looks_at(p, (uint8_t)(what >> 16)) && !elsewhere(c, a);
	for (unsigned i = 0; i < p->rules; i++)
		if ((uintptr_t)*ft_path_rule(p, i) == rule)
			return true;
	return false;
}

// The changes since that epoch, from `*from` up to `to`; false: some are not there any more.
static bool since(const struct ft_history *log, uint64_t epoch, uint64_t to, uint64_t *from)
{
	uint64_t oldest = to > FT_HISTORY ? to - FT_HISTORY : 0;

	for (*from = to; *from > oldest; --*from)
		if (get(&log->at[(*from - 1) % FT_HISTORY].epoch) <= epoch)
			return true;
	return !oldest;
}

// Has nothing been written meanwhile over what was read, from that change on?
static bool is_intact(const struct ft_history *log, uint64_t from)
{
	return atomic_load_explicit(&log->n, memory_order_relaxed) + 1 - from <= FT_HISTORY;
}

bool ft_history_spares(
	const struct ft_switch *sw, const struct ft_path *p, const struct ft_alike *alike)
{
	const struct ft_history *log = ring_of(sw); // there was no change that is not in it
	uint64_t to = log ? atomic_load_explicit(&log->n, memory_order_acquire) : 0, from = 0;
	bool spared = log && since(log, p->epoch, to, &from);

	// First whether its own rules are still there: the others are compared with them.
	for (uint64_t i = from; spared && i < to; i++)
		spared = !takes_away(&log->at[i % FT_HISTORY], p, alike);
	if (!spared || !is_intact(log, from))
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
	return spared && is_intact(log, from);
}

// Does it leave all paths of the herd alone?
static bool spares_all(
	const struct ft_past_change *c, const struct ft_switch *sw, const struct ft_herd *h)
{
	uint64_t what = get(&c->what);
	uint8_t table = (uint8_t)(what >> 16);
	uint32_t lowest = h->lowest[table % FT_HERD_TABLES];

	if (lowest == FT_HERD_NONE)
		return true;
	return !ft_table_has_soft(sw, table) &&
	       ((uint16_t)what < lowest || elsewhere(c, &h->alike));
}

bool ft_history_spares_herd(const struct ft_switch *sw, const struct ft_herd *h)
{
	const struct ft_history *log = ring_of(sw);
	uint64_t to = log ? atomic_load_explicit(&log->n, memory_order_acquire) : 0, from = 0;
	bool spared = log && since(log, h->until, to, &from);

	for (uint64_t i = from; spared && i < to; i++)
		spared = spares_all(&log->at[i % FT_HISTORY], sw, h);
	return spared && is_intact(log, from);
}
