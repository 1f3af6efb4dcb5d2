// SPDX-License-Identifier: Apache-2.0
#pragma once
// The way of a burst's keys to the leaves of one part of a tree (tree.h), for tree_lookup.c; in
// this form for processors of any kind. Which keys go on is kept in lists that grow by what a
// comparison says, without a branch: what one key does, the next does not, and a branch that is
// guessed wrong costs as much as a node. tree_walk512.h goes the same way by vectors.

#include "flowtable/flowtable.h"
#include "flowtable/classifier/tree.h"
#include "flowtable/classifier/tree_lanes.h"

#if defined(__AVX2__)
#include <immintrin.h>
#endif

static_assert(FT_BURST == 64, "six bits for a key");

// A key in a leaf, from below: where in ft_tree.lane what is left of its lanes begins, in 32 bits;
// which key, in 6; how many lanes.
#define FT_THERE_KEY_AT 32u
#define FT_THERE_LANES_AT 38u

struct ft_walk {
	const struct ft_tree *tree;
	const struct weft_flow_key *const *keys;
	unsigned n;
	unsigned n_there; // keys that are in leaves of a part; seven numbers behind them may be
			  // written
	uint64_t there[FT_BURST + 8] __attribute__((aligned(64)));
	// From below: where the span begins that was found; the rank and the sizes, as in a lane.
	uint64_t best[FT_BURST] __attribute__((aligned(64)));
	// Where there are spans: the ports of a key as numbers,
	uint32_t ports[FT_BURST] __attribute__((aligned(64)));
	uint32_t rank[FT_BURST] __attribute__((aligned(64))); // and in the end its rule's
#if defined(__AVX512BITALG__)
	// Likewise of the next part, which is gone through at the same time; the lowest rank there.
	unsigned n_next;
	uint64_t next[FT_BURST + 8] __attribute__((aligned(64)));
	uint64_t next_first[FT_BURST + 8] __attribute__((aligned(64)));
	// From below: 32 bits of a node, 6 of a key, one for the next part; from bit 40 on the
	// key's best rank.
	uint64_t going[2 * FT_BURST + 8] __attribute__((aligned(64)));
	uint64_t column[FT_TREE_KEY_WORDS][FT_BURST] __attribute__((aligned(64)));
#else
	unsigned n_going;
	uint8_t going[FT_BURST + 1];          // keys, on their way
	const struct ft_node *node[FT_BURST]; // by key: where it is
#endif
};

static inline unsigned ft_there_key(uint64_t there)
{
	return (unsigned)(there >> FT_THERE_KEY_AT) % FT_BURST;
}

static inline uint32_t ft_there_lanes(uint64_t there)
{
	return (uint32_t)(there >> FT_THERE_LANES_AT);
}

#define FT_BEST_LANE_AT 32u

static inline uint32_t ft_best_rank(uint64_t best)
{
	return (uint32_t)(best >> (FT_BEST_LANE_AT + FT_LANE_RANK_AT));
}

// tree_lookup.c. All that is looked at there is asked for.
static inline void ft_leaf_prefetch(const struct ft_tree *, uint64_t there);

#if !defined(__AVX512BITALG__)

static inline void ft_walk_begin(struct ft_walk *w)
{
	for (unsigned i = 0; w->tree->spans && i < w->n; i++)
		w->ports[i] = ft_ports_swap(ft_tree_half(w->keys[i], FT_PORTS_HALF));
}

#if defined(__AVX2__)

static inline uint32_t ft_walk_child(const struct ft_node *n, uint64_t word)
{
	__m128i bit = _mm_loadl_epi64((const __m128i *)(const void *)n->bit);
	__m256i v = _mm256_set1_epi64x((long long)word), low, high;

	// Each bit to the top.
	bit = _mm_xor_si128(bit, _mm_set1_epi8(63));
	low = _mm256_sllv_epi64(v, _mm256_cvtepu8_epi64(bit));
	high = _mm256_sllv_epi64(v, _mm256_cvtepu8_epi64(_mm_srli_si128(bit, 4)));
	return ((uint32_t)_mm256_movemask_pd(_mm256_castsi256_pd(low)) |
		       (uint32_t)_mm256_movemask_pd(_mm256_castsi256_pd(high)) << 4) &
	       ft_node_keep(n);
}

#else

static inline uint32_t ft_walk_child(const struct ft_node *n, uint64_t word)
{
	return ft_node_child(n, word);
}

#endif

// Those that have what all rules of the part want, and no rule that is as good as any of these.
static inline void ft_walk_list(struct ft_walk *w, const struct ft_tree_part *p)
{
	unsigned n = 0;

	for (unsigned i = 0; i < w->n; i++) {
		uint64_t differ = 0;

		for (uint32_t k = 0; k < p->commons; k++)
			differ |= (ft_key_word(w->keys[i], w->tree->word[p->common[k]]) ^
					  p->common_value[k]) &
				  p->common_mask[k];
		w->going[n] = (uint8_t)i;
		n += (unsigned)!differ & (ft_best_rank(w->best[i]) > p->first);
	}
	w->n_going = n;
}

static inline void ft_walk_leave_root(struct ft_walk *w, const struct ft_tree_part *p)
{
	unsigned word = w->tree->word[p->root];

	for (unsigned j = 0; j < w->n_going; j++) {
		unsigned i = w->going[j];

		w->node[i] = w->tree->node + p->at +
			     ft_tree_bits(ft_key_word(w->keys[i], word), p->bits);
		__builtin_prefetch(w->node[i]);
	}
}

static inline uint64_t ft_there(const struct ft_node *leaf, unsigned key)
{
	return leaf->at | (uint64_t)key << FT_THERE_KEY_AT |
	       (uint64_t)ft_node_lanes(leaf) << FT_THERE_LANES_AT;
}

static inline const void *ft_either(bool first, const void *a, const void *b)
{
	uintptr_t mask = -(uintptr_t)first;

	return (const void *)(((uintptr_t)a & mask) | ((uintptr_t)b & ~mask));
}

// Where a node leads to: itself, if it is a leaf.
static inline __attribute__((always_inline)) const struct ft_node *ft_walk_next(
	const struct ft_tree *t, const struct ft_node *n, const struct weft_flow_key *key, bool far)
{
	const struct ft_node *child;
	bool leaf = ft_node_is_leaf(n);

	if (far && leaf)
		return n;
	child = t->node + n->at + ft_walk_child(n, ft_key_word(key, t->word[ft_node_word(n)]));
	return far ? child : ft_either(leaf, n, child);
}

// A node further. Those in leaves stay there, if a better rule may be in it. Where nodes are near a
// wrong guess is what costs most; where they are far a right one goes on without waiting for them.
static inline __attribute__((always_inline)) void ft_walk_go_on(struct ft_walk *w, bool far)
{
	unsigned left = 0;

	for (unsigned j = 0; j < w->n_going; j++) {
		unsigned i = w->going[j];
		const struct ft_node *n = w->node[i];
		bool leaf = ft_node_is_leaf(n);

		w->node[i] = ft_walk_next(w->tree, n, w->keys[i], far);
		if (far && !leaf)
			__builtin_prefetch(w->node[i]);
		w->there[w->n_there] = ft_there(n, i);
		w->n_there += (unsigned)leaf & (ft_node_first(n) < ft_best_rank(w->best[i]));
		w->going[left] = (uint8_t)i;
		left += (unsigned)!leaf;
	}
	w->n_going = left;
}

// To the leaves of the part in which there may be better rules than the keys have.
static inline void ft_walk_part(struct ft_walk *w, const struct ft_tree_part *p)
{
	w->n_there = 0;
	ft_walk_list(w, p);
	ft_walk_leave_root(w, p);
	while (w->n_going) {
		if (w->tree->far)
			ft_walk_go_on(w, true);
		else
			ft_walk_go_on(w, false);
	}
	for (unsigned j = 0; j < w->n_there; j++)
		ft_leaf_prefetch(w->tree, w->there[j]);
}

#endif
