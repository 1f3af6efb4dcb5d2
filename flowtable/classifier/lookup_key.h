// SPDX-License-Identifier: Apache-2.0
#pragma once
// How a key meets a tuple and a rule; for the files that search tuples on the workers' side.
// Inline: lookup.c is compiled for several instruction sets.

#include "flowtable/classifier/tuple.h"

static inline uint16_t ft_key_piece(const struct weft_flow_key *key, unsigned piece)
{
	uint16_t v;

	memcpy(&v, (const char *)key + 2 * piece, 2);
	return v;
}

// `words` is t->words, or a constant equal to it.
static inline uint64_t ft_tuple_hash_key(
	const struct ft_tuple *t, unsigned words, const struct weft_flow_key *key)
{
	uint64_t h = t->seed;

	for (unsigned i = 0; i < words; i++)
		h = ft_tuple_hash_step(t, h, ft_key_word(key, t->word[i]) & t->mask[i]);
	return ft_hash_end(h);
}

static inline bool ft_rule_matches(const struct ft_rule *r, const struct weft_flow_key *key)
{
	const struct ft_shape *s = r->shape;
	uint64_t diff = 0;

	for (unsigned i = 0; i < s->words; i++)
		diff |= (ft_key_word(key, s->word[i]) & s->mask[i]) ^ r->value[i];
	return !diff;
}

// The first of the chain that is there at this version has the highest priority of those.
static inline const struct ft_rule *ft_chain_visible(const struct ft_rule *r, uint64_t version)
{
	while (r && !ft_life_visible(&r->life, version))
		r = atomic_load_explicit(&r->next, memory_order_acquire);
	return r;
}
