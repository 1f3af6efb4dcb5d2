// SPDX-License-Identifier: Apache-2.0
#pragma once
// The distinct masks of a word, as rules of a part have them, for the tables of brief lanes
// (tree_lanes.h). A mask is found by its hash: there is one for each word of each rule.

#include "flowtable/classifier/tree_lanes.h"

#define FT_TREE_KINDS 255u // masks; more are too many
#define FT_TREE_KINDS_AT 512u

struct ft_tree_kinds {
	uint32_t n;
	uint32_t mask[FT_TREE_KINDS];
	uint8_t at[FT_TREE_KINDS_AT]; // by hash: the number of the mask, and one; 0: none
	bool too_many;
	// ft_tree_kinds_end()
	uint8_t tables;               // that they are in: 1, or 2; 0: they fit in no two
	uint8_t in[2][FT_TREE_KINDS]; // of each mask: where in each table
	uint32_t table[2][FT_TREE_MASKS];
};

// The mask's number; it is added if it is a new one. FT_TREE_KINDS: too many.
static inline uint32_t ft_tree_kind(struct ft_tree_kinds *k, uint32_t mask)
{
	uint32_t at = ft_hash_end(mask) % FT_TREE_KINDS_AT;

	for (; k->at[at]; at = (at + 1) % FT_TREE_KINDS_AT)
		if (k->mask[k->at[at] - 1] == mask)
			return k->at[at] - 1u;
	if (k->n == FT_TREE_KINDS) {
		k->too_many = true;
		return FT_TREE_KINDS;
	}
	k->mask[k->n] = mask;
	k->at[at] = (uint8_t)++k->n;
	return k->n - 1;
}

// All are known: makes the tables.
void ft_tree_kinds_end(struct ft_tree_kinds *);
