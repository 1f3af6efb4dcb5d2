// SPDX-License-Identifier: Apache-2.0
// A key against all tuples of a classifier: not the best rule, but every chain that has one.
#include "flowtable/classifier/bin_scan.h"
#include "flowtable/classifier/conjunction.h"
#include "flowtable/classifier/lookup_key.h"

struct search {
	const struct weft_flow_key *key;
	const struct ft_rule **found;
	uint64_t version;
	unsigned n, max;
	int floor;
};

// In a small tuple the way of a hash comes by the same bin more than once.
static bool is_new(const struct search *s, const struct ft_rule *r)
{
	for (unsigned i = 0; i < s->n; i++)
		if (s->found[i]->shape == r->shape)
			return false;
	return true;
}

static void take_lanes(struct search *s, const struct ft_bin *b, uint32_t lanes)
{
	for (; lanes && s->n < s->max; lanes &= lanes - 1) {
		const struct ft_rule *r =
			atomic_load_explicit(&b->rule[__builtin_ctz(lanes)], memory_order_acquire);

		if (!ft_rule_matches(r, s->key))
			continue;
		r = ft_chain_visible(r, s->version);
		if (r && r->priority > s->floor && is_new(s, r))
			s->found[s->n++] = r;
	}
}

static void search_tuple(struct search *s, const struct ft_tuple *t)
{
	const struct ft_slots *slots = atomic_load_explicit(&t->slots, memory_order_acquire);
	uint32_t left = atomic_load_explicit(&slots->longest, memory_order_relaxed);
	uint64_t hash = ft_tuple_hash_key(t, t->words, s->key);
	struct ft_way way = ft_way_of(hash);
	struct ft_scan_key scan = {
		.sig = ft_sig(hash),
		.floor = (uint32_t)(s->floor + 1),
		.pass = ft_pass_bit(hash),
	};
	bool ends = false;

	if (!slots->bare) {
		scan.pieces = ft_key_piece(s->key, t->piece[0]) |
			      (uint32_t)ft_key_piece(s->key, t->piece[1]) << 16;
		scan.piece2 = ft_key_piece(s->key, t->piece[2]);
	}
	for (; left && !ends; left--, way.at += way.step) {
		const struct ft_bin *b = ft_way_bin(slots, way);

		take_lanes(s, b, ft_bin_scan(b, slots->bare, &scan, &ends));
	}
}

unsigned ft_classifier_matches(const struct ft_classifier *c, uint64_t version,
	const struct weft_flow_key *key, int floor, const struct ft_rule *found[], unsigned max)
{
	const struct ft_tuple_array *a = atomic_load_explicit(&c->published, memory_order_acquire);
	struct search s = {
		.key = key, .found = found, .version = version, .max = max, .floor = floor};

	for (uint32_t i = 0; a && floor < UINT16_MAX && i < a->n; i++) {
		if (a->at[i].max_priority <= floor)
			break;
		search_tuple(&s, a->at[i].tuple);
	}
	return s.n;
}
