// SPDX-License-Identifier: Apache-2.0
// The writer's questions to a classifier that more than one rule may answer.
#include "flowtable/subtable.h"

// A match, laid over the words of one subtable: a rule's values must agree with `value` on
// `common`.
struct overlay {
	uint64_t value[WEFT_KEY_WORDS];
	uint64_t common[WEFT_KEY_WORDS];
	bool within; // the subtable's mask has all of the match's bits
	bool whole;  // the match has all of the subtable's bits: one chain at most
};

static void overlay_init(
	struct overlay *o, const struct ft_subtable *st, const struct weft_match *m)
{
	o->within = !(m->map & ~st->map);
	o->whole = true;
	for (unsigned i = 0; i < st->words; i++) {
		uint64_t bit = 1ull << st->word[i];
		unsigned at = (unsigned)__builtin_popcountll(m->map & (bit - 1));
		uint64_t mask = m->map & bit ? m->mask[at] : 0;

		o->common[i] = mask & st->mask[i];
		o->value[i] = mask ? m->value[at] & st->mask[i] : 0;
		o->within &= o->common[i] == mask;
		o->whole &= o->common[i] == st->mask[i];
	}
}

static bool overlay_agrees(
	const struct overlay *o, const struct ft_subtable *st, const struct ft_rule *r)
{
	uint64_t diff = 0;

	for (unsigned i = 0; i < st->words; i++)
		diff |= (r->value[i] ^ o->value[i]) & o->common[i];
	return !diff;
}

struct each {
	int priority; // -1: any
	ft_rule_fn *fn;
	void *arg;
};

static bool each_in_chain(const struct each *e, struct ft_rule *r)
{
	for (; r; r = atomic_load_explicit(&r->next, memory_order_relaxed))
		if ((e->priority < 0 || r->priority == e->priority) && !e->fn(e->arg, r))
			return false;
	return true;
}

static bool each_in_subtable(
	const struct each *e, const struct ft_subtable *st, const struct overlay *o)
{
	const struct ft_slots *slots = atomic_load_explicit(&st->slots, memory_order_relaxed);
	_Atomic uint64_t *at = o->whole ? ft_subtable_find(st, o->value) : NULL;

	if (o->whole)
		return !at || each_in_chain(e, ft_slot_rule(*at));
	for (uint32_t i = 0; slots && i <= slots->mask; i++) {
		uint64_t slot = atomic_load_explicit(&slots->slot[i], memory_order_relaxed);

		if (slot > FT_SLOT_GONE && overlay_agrees(o, st, ft_slot_rule(slot)) &&
			!each_in_chain(e, ft_slot_rule(slot)))
			return false;
	}
	return true;
}

bool ft_classifier_each_within(
	const struct ft_classifier *c, const struct weft_match *m, ft_rule_fn *fn, void *arg)
{
	const struct each e = {-1, fn, arg};
	struct overlay o;

	for (uint32_t i = 0; i < c->n; i++) {
		overlay_init(&o, c->subtable[i], m);
		if (o.within && !each_in_subtable(&e, c->subtable[i], &o))
			return false;
	}
	return true;
}

bool ft_classifier_each_overlap(const struct ft_classifier *c, const struct weft_match *m,
	uint16_t priority, ft_rule_fn *fn, void *arg)
{
	const struct each e = {priority, fn, arg};
	struct overlay o;

	for (uint32_t i = 0; i < c->n; i++) {
		if (!ft_prio_has(&c->subtable[i]->priorities, priority))
			continue;
		overlay_init(&o, c->subtable[i], m);
		if (!each_in_subtable(&e, c->subtable[i], &o))
			return false;
	}
	return true;
}

bool ft_rule_within(const struct ft_rule *r, const struct weft_match *m)
{
	struct overlay o;

	overlay_init(&o, r->subtable, m);
	return o.within && overlay_agrees(&o, r->subtable, r);
}
