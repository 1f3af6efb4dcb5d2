// SPDX-License-Identifier: Apache-2.0
#pragma once
// Rules in a list, beside the tree that a table has of them once it has come to rest: the oracle is
// a look at all of the list.

#include "world.h"

#include "flowtable/classifier/tree.h"
#include "flowtable/classifier/tuple.h"
#include "flowtable/rules/tables.h"

static inline const struct ft_tree *tree_of(struct world *w)
{
	const struct ft_tuple_array *a = atomic_load(&ft_table_of(w->sw, 0)->classifier.published);

	return a->tree;
}

static inline bool listed_fits(const struct weft_match *m, const struct weft_flow_key *key)
{
	uint64_t differ = 0, word;
	unsigned i = 0;

	for (uint64_t map = m->map; map; map &= map - 1, i++) {
		memcpy(&word, (const char *)key + 8 * __builtin_ctzll(map), 8);
		differ |= (word ^ m->value[i]) & m->mask[i];
	}
	return !differ;
}

// The number of the best of n rules that a key meets; n: there is none. Priority 0: it has gone.
static inline uint32_t listed_best(const struct weft_match match[], const uint16_t priority[],
	uint32_t n, const struct weft_flow_key *key)
{
	uint32_t best = n;
	uint16_t highest = 0;

	for (uint32_t i = 0; i < n; i++) {
		if (priority[i] <= highest || !listed_fits(&match[i], key))
			continue;
		best = i;
		highest = priority[i];
	}
	return best;
}
