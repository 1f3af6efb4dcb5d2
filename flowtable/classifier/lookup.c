// SPDX-License-Identifier: Apache-2.0
// The workers' side of the classifier: a burst against one tuple after the other, in stages, so
// that the cache misses of all keys overlap: hash and prefetch the bin; compare its lanes and
// prefetch the pointer; prefetch the rule; compare it.
//
// Compiled for each instruction set, with FT_LOOKUP as the name.
#include "flowtable/classifier/bin_scan.h"
#include "flowtable/flowtable.h"
#include "flowtable/classifier/lookup.h"
#include "flowtable/classifier/lookup_key.h"

struct probe {
	const struct ft_bin *bin;
	struct ft_way way; // to the bin
	struct ft_scan_key scan;
	uint8_t key; // its index
};

struct found {
	const struct ft_bin *bin;
	uint32_t lanes; // candidates
	uint8_t key;
};

struct burst {
	const struct weft_flow_key *const *keys;
	const struct ft_rule **rules;
	uint64_t version;
	uint8_t active[FT_BURST]; // keys that are still searching
	unsigned n;
	unsigned n_found;
	uint8_t at[FT_BURST]; // probes that are under way
	struct probe probe[FT_BURST];
	struct found found[FT_BURST];
};

static inline void prefetch_bin(const struct ft_bin *b, bool bare)
{
	__builtin_prefetch(FT_LINE(b->sig));
	if (bare)
		return;
	__builtin_prefetch(FT_LINE(b->value));
	__builtin_prefetch(FT_LINE(b->mask));
	__builtin_prefetch(FT_LINE(b->value2));
}

// Inlined with a constant number of words, where that is common.
static inline __attribute__((always_inline)) void stage_hash(
	struct burst *b, const struct ft_tuple *t, const struct ft_slots *slots, unsigned words)
{
	for (unsigned i = 0; i < b->n; i++) {
		struct probe *p = &b->probe[i];
		const struct weft_flow_key *key = b->keys[b->active[i]];
		const struct ft_rule *best = b->rules[b->active[i]];
		uint64_t hash = ft_tuple_hash_key(t, words, key);

		p->key = b->active[i];
		b->at[i] = (uint8_t)i;
		p->way = ft_way_of(hash);
		p->bin = ft_way_bin(slots, p->way);
		prefetch_bin(p->bin, slots->bare);
		p->scan.sig = ft_sig(hash);
		p->scan.pass = ft_pass_bit(hash);
		p->scan.floor = best ? best->priority + 1u : 0;
		if (!slots->bare) {
			p->scan.pieces = ft_key_piece(key, t->piece[0]) |
					 (uint32_t)ft_key_piece(key, t->piece[1]) << 16;
			p->scan.piece2 = ft_key_piece(key, t->piece[2]);
		}
	}
}

// Compares the lanes. Fills b->found with those that have a candidate, and keeps those of the n
// that have another bin to look at; returns how many these are.
static unsigned stage_scan(
	struct burst *b, const struct ft_tuple *t, const struct ft_slots *slots, unsigned n)
{
	unsigned left = 0;

	b->n_found = 0;
	for (unsigned i = 0; i < n; i++) {
		struct probe *p = &b->probe[b->at[i]];
		bool ends;
		uint32_t lanes = ft_bin_scan(p->bin, slots->bare, &p->scan, &ends);

		if (lanes) {
			__builtin_prefetch(FT_LINE(&p->bin->rule[__builtin_ctz(lanes)]));
			b->found[b->n_found++] = (struct found){p->bin, lanes, p->key};
		}
		if (ends)
			continue;
		p->way.at += p->way.step;
		p->bin = ft_way_bin(slots, p->way);
		prefetch_bin(p->bin, slots->bare);
		b->at[left++] = b->at[i];
	}
	return left;
}

static void stage_rule(const struct burst *b)
{
	for (unsigned i = 0; i < b->n_found; i++) {
		const struct found *f = &b->found[i];
		const struct ft_rule *r = atomic_load_explicit(
			&f->bin->rule[__builtin_ctz(f->lanes)], memory_order_acquire);

		__builtin_prefetch(r);
		__builtin_prefetch(r->value);
	}
}

static void stage_compare(const struct burst *b)
{
	for (unsigned i = 0; i < b->n_found; i++) {
		const struct found *f = &b->found[i];
		const struct ft_rule **best = &b->rules[f->key];

		for (uint32_t lanes = f->lanes; lanes; lanes &= lanes - 1) {
			unsigned lane = (unsigned)__builtin_ctz(lanes);
			const struct ft_rule *r;

			if (*best && (uint16_t)atomic_load_explicit(&f->bin->sig[lane],
					     memory_order_relaxed) <= (*best)->priority)
				continue;
			r = atomic_load_explicit(&f->bin->rule[lane], memory_order_acquire);
			if (!ft_rule_matches(r, b->keys[f->key]))
				continue;
			r = ft_chain_visible(r, b->version);
			if (r && (!*best || r->priority > (*best)->priority))
				*best = r;
		}
	}
}

static void search_tuple(struct burst *b, const struct ft_tuple *t)
{
	const struct ft_slots *slots = atomic_load_explicit(&t->slots, memory_order_acquire);
	uint32_t longest = atomic_load_explicit(&slots->longest, memory_order_relaxed);
	unsigned n = b->n;

	if (t->words == 1)
		stage_hash(b, t, slots, 1);
	else if (t->words == 2)
		stage_hash(b, t, slots, 2);
	else
		stage_hash(b, t, slots, t->words);
	for (uint32_t bins = 0; n && bins < longest; bins++) {
		n = stage_scan(b, t, slots, n);
		stage_rule(b);
		stage_compare(b);
	}
}

// Drops the keys that have a rule as good as any to come.
static void drop_done(struct burst *b, int max_priority)
{
	unsigned left = 0;

	for (unsigned i = 0; i < b->n; i++) {
		const struct ft_rule *best = b->rules[b->active[i]];

		if (!best || best->priority < max_priority)
			b->active[left++] = b->active[i];
	}
	b->n = left;
}

void FT_LOOKUP(const struct ft_tuple_array *a, enum ft_lookup_in in, uint64_t version,
	const struct weft_flow_key *const keys[], unsigned n, const struct ft_rule *rules[])
{
	struct burst b;

	b.keys = keys;
	b.rules = rules;
	b.version = version;
	b.n = n;
	for (unsigned i = 0; i < n; i++) {
		if (in == FT_LOOKUP_ALL)
			rules[i] = NULL;
		b.active[i] = (uint8_t)i;
	}
	for (uint32_t i = 0; i < a->n && b.n; i++) {
		if (in == FT_LOOKUP_SINCE && !a->at[i].since)
			continue;
		drop_done(&b, a->at[i].max_priority);
		search_tuple(&b, a->at[i].tuple);
	}
}
