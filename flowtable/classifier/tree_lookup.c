// SPDX-License-Identifier: Apache-2.0
// The workers' side of trees: a burst through one part after the other, in stages, so that the
// cache misses of all keys overlap.
//
// Compiled for each instruction set, with FT_TREE as the name.
#include "flowtable/classifier/tree_compare.h"
#include "flowtable/classifier/tree_walk.h"
#include "flowtable/classifier/tree_walk512.h"

// ---- the lanes of a leaf

// More than most leaves have.
#if defined(__AVX512BW__)
#define FT_LEAF_LINES 4u // of brief lanes
#else
#define FT_LEAF_LINES 6u
#endif

static inline void ft_leaf_prefetch(const struct ft_tree *t, const struct ft_node *leaf)
{
	const uint32_t *p = t->lane + leaf->at;

	for (unsigned line = 0; line < FT_LEAF_LINES; line++)
		__builtin_prefetch(p + 16 * line);
}

static inline uint32_t min32(uint32_t a, uint32_t b)
{
	return a < b ? a : b;
}

// The blocks number `block` of the leaves. Lanes are in the order of their ranks, so the first that
// fits is the leaf's; those that have none, and more blocks, stay.
static inline __attribute__((always_inline)) void compare_blocks(
	struct ft_walk *w, const struct ft_tree_part *p, struct ft_lanes_form form, uint32_t block)
{
	uint32_t at = block * ft_tree_block_words(p, FT_TREE_BLOCK);
	uint32_t ranks = ft_form_wide(form) * (form.brief ? 1 : 2);
	struct ft_lanes_masks masks;
	unsigned left = 0;

	ft_lanes_masks(&masks, w->tree, p, form);
	for (unsigned j = 0; j < w->n_there; j++) {
		unsigned i = w->there[j];
		const struct ft_node *leaf = w->at[i];
		uint32_t lanes = ft_node_lanes(leaf) - FT_TREE_BLOCK * block;
		uint32_t n = min32(lanes, FT_TREE_BLOCK);
		const uint32_t *lane = w->tree->lane + leaf->at + at;
		uint32_t fits = ft_lanes_fit(p, form, &masks, lane, n, w->keys[i]);
		uint32_t rank = lane[ranks * n + (uint32_t)__builtin_ctz(fits | 1u << (n - 1))];

		w->best[i] = min32(w->best[i], fits ? rank : FT_NODE_NONE);
		w->there[left] = (uint8_t)i;
		left += (unsigned)!fits & (lanes > FT_TREE_BLOCK);
	}
	w->n_there = left;
}

#define IS_FORM(f, brief_, plain_, split_, narrow_)                                                \
	((f).brief == (brief_) && (f).plain == (plain_) && (f).split == (split_) &&                \
		(f).narrow == (narrow_))

// Of five-tuples, addresses and ports are plain words, ports may be split; protocols are narrow.
static void compare(struct ft_walk *w, const struct ft_tree_part *p, uint32_t block)
{
	const struct ft_lanes_form plain = {true, 3, 0, 1}, split = {true, 2, 1, 1};
	const struct ft_lanes_form whole = {false, 4, 0, 0}, form = ft_form_of(p);

	if (IS_FORM(form, true, 3, 0, 1))
		compare_blocks(w, p, plain, block);
	else if (IS_FORM(form, true, 2, 1, 1))
		compare_blocks(w, p, split, block);
	else if (IS_FORM(form, false, 4, 0, 0))
		compare_blocks(w, p, whole, block);
	else
		compare_blocks(w, p, form, block);
}

static void search_part(struct ft_walk *w, const struct ft_tree_part *p)
{
	ft_walk_part(w, p);
	for (uint32_t block = 0; w->n_there; block++)
		compare(w, p, block);
}

// ---- ranks to rules

// The chain that the slot was made for. NULL: it has gone, or nothing was found, and no keys wait
// for each other's slots.
static inline struct ft_rule *head_of(const struct ft_tree *t, uint32_t rank)
{
	return atomic_load_explicit(
		&t->rule[rank == FT_NODE_NONE ? t->slots : rank], memory_order_acquire);
}

uint64_t FT_TREE(const struct ft_tree *t, const struct weft_flow_key *const keys[], unsigned n,
	const struct ft_rule *rules[])
{
	uint64_t ask = 0;
	struct ft_walk w;

	w.tree = t;
	w.keys = keys;
	w.n = n;
	for (unsigned i = 0; i < n; i++)
		w.best[i] = FT_NODE_NONE;
	ft_walk_begin(&w);
	for (uint32_t i = 0; i < t->parts; i++)
		search_part(&w, &t->part[i]);
	for (unsigned i = 0; i < n; i++) {
		rules[i] = head_of(t, w.best[i]);
		ask |= (uint64_t)(!rules[i] & (w.best[i] != FT_NODE_NONE)) << i;
	}
	return ask;
}
