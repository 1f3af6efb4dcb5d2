// SPDX-License-Identifier: Apache-2.0
// The workers' side of the classifier: a burst against one subtable after the other, in three
// stages so that the cache misses of all keys overlap: hash and prefetch the slot; read it and
// prefetch the rule; compare.
#include "flowtable/subtable.h"
#include "flowtable/table.h"

struct probe {
	uint8_t key; // its index
	uint32_t at; // slot to look at next
	uint64_t hash;
	struct ft_rule *rule; // candidate: its signature fits
};

struct burst {
	const struct weft_flow_key *const *keys;
	const struct ft_rule **rules;
	uint64_t version;
};

// Moves on to the next slot whose signature fits; rule NULL: there is none.
static void probe_advance(const struct ft_slots *slots, struct probe *p)
{
	for (;; p->at++) {
		uint64_t slot = atomic_load_explicit(
			&slots->slot[p->at & slots->mask], memory_order_acquire);

		if (slot == FT_SLOT_FREE) {
			p->rule = NULL;
			return;
		}
		if (ft_slot_may_be(slot, p->hash)) {
			p->rule = ft_slot_rule(slot);
			p->at++;
			return;
		}
	}
}

static bool rule_matches(
	const struct ft_subtable *st, const struct ft_rule *r, const struct weft_flow_key *key)
{
	uint64_t diff = 0;

	for (unsigned i = 0; i < st->words; i++)
		diff |= (ft_key_word(key, st->word[i]) & st->mask[i]) ^ r->value[i];
	return !diff;
}

// The first of the chain that is there at this version has the highest priority of those.
static const struct ft_rule *chain_visible(const struct ft_rule *r, uint64_t version)
{
	while (r && !ft_life_visible(&r->life, version))
		r = atomic_load_explicit(&r->next, memory_order_acquire);
	return r;
}

static void probe_finish(const struct burst *b, const struct ft_subtable *st,
	const struct ft_slots *slots, struct probe *p)
{
	const struct ft_rule **best = &b->rules[p->key], *r;

	while (p->rule && !rule_matches(st, p->rule, b->keys[p->key]))
		probe_advance(slots, p);
	r = chain_visible(p->rule, b->version);
	if (r && (!*best || r->priority > (*best)->priority))
		*best = r;
}

static void search_subtable(
	const struct burst *b, const struct ft_subtable *st, struct probe *probes, unsigned n)
{
	const struct ft_slots *slots = atomic_load_explicit(&st->slots, memory_order_acquire);

	if (!slots)
		return;
	for (unsigned i = 0; i < n; i++) {
		struct probe *p = &probes[i];

		p->hash = ft_subtable_hash_key(st, b->keys[p->key]);
		p->at = (uint32_t)p->hash;
		__builtin_prefetch((void *)(uintptr_t)&slots->slot[p->at & slots->mask]);
	}
	for (unsigned i = 0; i < n; i++) {
		probe_advance(slots, &probes[i]);
		__builtin_prefetch(probes[i].rule);
		__builtin_prefetch(probes[i].rule ? probes[i].rule->value : NULL);
	}
	for (unsigned i = 0; i < n; i++)
		probe_finish(b, st, slots, &probes[i]);
}

// Drops the keys that have a rule as good as any to come.
static unsigned still_searching(
	const struct burst *b, struct probe *probes, unsigned n, int max_priority)
{
	unsigned left = 0;

	for (unsigned i = 0; i < n; i++) {
		const struct ft_rule *best = b->rules[probes[i].key];

		if (!best || best->priority < max_priority)
			probes[left++].key = probes[i].key;
	}
	return left;
}

void ft_classifier_lookup(const struct ft_classifier *c, uint64_t version,
	const struct weft_flow_key *const keys[], unsigned n, const struct ft_rule *rules[])
{
	const struct ft_subtable_array *a =
		atomic_load_explicit(&c->published, memory_order_acquire);
	const struct burst b = {keys, rules, version};
	struct probe probes[FT_BURST];

	for (unsigned i = 0; i < n; i++) {
		rules[i] = NULL;
		probes[i].key = (uint8_t)i;
	}
	for (uint32_t i = 0; a && i < a->n; i++) {
		n = still_searching(&b, probes, n, a->at[i].max_priority);
		if (!n)
			return;
		search_subtable(&b, a->at[i].subtable, probes, n);
	}
}

bool ft_rule_is_miss(const struct ft_rule *rule)
{
	return !rule->priority && !rule->subtable->words;
}
