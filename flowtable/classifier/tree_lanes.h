// SPDX-License-Identifier: Apache-2.0
#pragma once
// How the lanes of a leaf (tree.h) lie. A lane is a rule: what it wants of the words that the
// rules of its part look at, and its rank. Lanes lie in blocks of FT_TREE_BLOCK, or what is left,
// n, in one of two forms.
//
//   whole   of each word n values, n masks; then n ranks. Four words: 36 bytes a lane.
//   brief   n values of each word; n ranks; then bytes, n at a time. 20 to 22 bytes.
//
// Rules are many but their masks are few: of an address the lengths of prefixes. So in the brief
// form a part has a table of the masks of a word, and a lane a byte that says which: two vectors
// of 16 masks each stay in registers while a burst's leaves are compared, and one instruction
// fetches sixteen. A word of more than FT_TREE_MASKS masks may have them put together from those of
// its lower and its upper half, where ports lie: then it has two tables, and a lane two bytes. A
// word of which all rules look at the same byte alone, as that of the protocol, is narrow: its
// value and its mask are a byte each.
//
// A word of ports that are spans (tree_span.h) has `low` in the place of values, and in the whole
// form `size` in that of masks. In both the numbers of its sizes are in the lowest bits of a lane's
// rank: so they need no byte, and who finds a lane knows them.
//
// Words are in the order of those with one table, with two, that of spans, narrow ones. What does
// not fit, or is for a processor without such an instruction, is whole: all words count as having
// one table.

#include "flowtable/classifier/tree.h"
#include "flowtable/classifier/tree_span.h"

#define FT_TREE_MASKS 32u // of a table

// Words of the part that are not narrow.
static inline uint32_t ft_tree_wide(const struct ft_tree_part *p)
{
	return p->words - p->narrow;
}

// Words of 32 bits in a block of n lanes.
static inline uint32_t ft_tree_block_words(const struct ft_tree_part *p, uint32_t n)
{
	uint32_t wide = ft_tree_wide(p);

	if (!p->brief)
		return n * (2 * wide + 1);
	return n * (wide + 1) + (n * (wide - p->spans + p->split + 2 * p->narrow) + 3) / 4;
}

// In all blocks of so many lanes.
static inline uint32_t ft_tree_leaf_words(const struct ft_tree_part *p, uint32_t lanes)
{
	return lanes / FT_TREE_BLOCK * ft_tree_block_words(p, FT_TREE_BLOCK) +
	       ft_tree_block_words(p, lanes % FT_TREE_BLOCK);
}

// Where in a block of n lanes the ranks begin.
static inline uint32_t ft_tree_ranks_at(const struct ft_tree_part *p, uint32_t n)
{
	return n * ft_tree_wide(p) * (p->brief ? 1 : 2);
}

// Where the `low` begin, in a part with spans.
static inline uint32_t ft_tree_lows_at(const struct ft_tree_part *p, uint32_t n)
{
	return n * (ft_tree_wide(p) - 1) * (p->brief ? 1 : 2);
}

// A lane's rank above the numbers of its sizes, and the upper port's above the lower one's.
#define FT_LANE_RANK_AT 10u
#define FT_LANE_SIZE_AT 5u
#define FT_LANE_ALL (16u << FT_LANE_SIZE_AT | 16u) // of FT_SPAN_ALL
static_assert(FT_TREE_RULES_MAX < UINT32_MAX >> FT_LANE_RANK_AT, "ranks fit");
static_assert(FT_SPAN_SIZES == 1u << FT_LANE_SIZE_AT, "and numbers");

static inline uint32_t ft_lane_rank(uint32_t word)
{
	return word >> FT_LANE_RANK_AT;
}

static inline uint32_t ft_lane_size(const struct ft_tree *t, uint32_t word)
{
	uint32_t lower = word % FT_SPAN_SIZES, upper = (word >> FT_LANE_SIZE_AT) % FT_SPAN_SIZES;

	return t->size[lower] | (uint32_t)t->size[upper] << 16;
}
