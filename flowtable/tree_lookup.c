// SPDX-License-Identifier: Apache-2.0
// The workers' side of trees: a burst through one part after the other, in stages, so that the
// cache misses of all keys overlap.
//
// Compiled for each instruction set, with FT_TREE as the name.
#include "flowtable/lookup_key.h"
#include "flowtable/tree_walk.h"
#include "flowtable/tree_walk512.h"

static inline uint32_t key_word32(const struct weft_flow_key *key, unsigned word)
{
	uint32_t v;

	memcpy(&v, (const char *)key + 4 * word, 4);
	return v;
}

// ---- the lanes of a leaf

static inline void ft_leaf_prefetch(const struct ft_tree *t, const struct ft_node *leaf)
{
	const uint32_t *p = t->lane + leaf->at;

	for (unsigned line = 0; line < 6; line++)
		__builtin_prefetch(p + 16 * line);
}

#if defined(__AVX512BW__)

// Which of the n lanes of a block match.
static inline __attribute__((always_inline)) uint32_t block_fits(const struct ft_tree_part *p,
	unsigned words, const uint32_t *lane, uint32_t n, const struct weft_flow_key *key)
{
	__mmask16 fits = (__mmask16)_bzhi_u32(0xffff, n);

	for (unsigned i = 0; i < words; i++, lane += 2 * n) {
		__m512i want = _mm512_set1_epi32((int)key_word32(key, p->word[i]));
		__m512i differ = _mm512_xor_si512(_mm512_loadu_si512(lane), want);

		fits = _mm512_mask_testn_epi32_mask(fits, differ, _mm512_loadu_si512(lane + n));
	}
	return fits;
}

#elif defined(__AVX2__)

static inline __m256i differ_of(const uint32_t *value, const uint32_t *mask, __m256i want)
{
	__m256i v = _mm256_loadu_si256((const __m256i *)(const void *)value);

	return _mm256_and_si256(
		_mm256_xor_si256(v, want), _mm256_loadu_si256((const __m256i *)(const void *)mask));
}

static inline uint32_t zeros_of(__m256i v)
{
	__m256i zero = _mm256_cmpeq_epi32(v, _mm256_setzero_si256());

	return (uint32_t)_mm256_movemask_ps(_mm256_castsi256_ps(zero));
}

static inline __attribute__((always_inline)) uint32_t block_fits(const struct ft_tree_part *p,
	unsigned words, const uint32_t *lane, uint32_t n, const struct weft_flow_key *key)
{
	__m256i low = _mm256_setzero_si256(), high = low;

	for (unsigned i = 0; i < words; i++, lane += 2 * n) {
		__m256i want = _mm256_set1_epi32((int)key_word32(key, p->word[i]));

		low = _mm256_or_si256(low, differ_of(lane, lane + n, want));
		high = _mm256_or_si256(high, differ_of(lane + 8, lane + n + 8, want));
	}
	return (zeros_of(low) | zeros_of(high) << 8) & ((1u << n) - 1);
}

#else

static inline __attribute__((always_inline)) uint32_t block_fits(const struct ft_tree_part *p,
	unsigned words, const uint32_t *lane, uint32_t n, const struct weft_flow_key *key)
{
	uint32_t fits = 0;

	for (uint32_t k = 0; k < n; k++) {
		uint32_t differ = 0;

		for (unsigned i = 0; i < words; i++)
			differ |= (lane[2 * n * i + k] ^ key_word32(key, p->word[i])) &
				  lane[2 * n * i + n + k];
		fits |= (uint32_t)!differ << k;
	}
	return fits;
}

#endif

static inline uint32_t min32(uint32_t a, uint32_t b)
{
	return a < b ? a : b;
}

// The blocks number `block` of the leaves. Lanes are in the order of their ranks, so the first that
// fits is the leaf's; those that have none, and more blocks, stay.
static inline __attribute__((always_inline)) void compare_blocks(
	struct ft_walk *w, const struct ft_tree_part *p, unsigned words, uint32_t block)
{
	unsigned left = 0;

	for (unsigned j = 0; j < w->n_there; j++) {
		unsigned i = w->there[j];
		const struct ft_node *leaf = w->at[i];
		uint32_t lanes = ft_node_lanes(leaf) - FT_TREE_BLOCK * block;
		uint32_t n = min32(lanes, FT_TREE_BLOCK);
		const uint32_t *lane =
			w->tree->lane + leaf->at + block * FT_TREE_BLOCK * (2 * words + 1);
		uint32_t fits = block_fits(p, words, lane, n, w->keys[i]);
		uint32_t rank = lane[2 * n * words + (uint32_t)__builtin_ctz(fits | 1u << (n - 1))];

		w->best[i] = min32(w->best[i], fits ? rank : FT_TREE_NONE);
		w->there[left] = (uint8_t)i;
		left += (unsigned)!fits & (lanes > FT_TREE_BLOCK);
	}
	w->n_there = left;
}

static void search_part(struct ft_walk *w, const struct ft_tree_part *p)
{
	ft_walk_part(w, p);
	for (uint32_t block = 0; w->n_there; block++) {
		if (p->words == 4)
			compare_blocks(w, p, 4, block);
		else
			compare_blocks(w, p, p->words, block);
	}
}

// ---- ranks to rules

static inline void prefetch_rules(const struct ft_walk *w)
{
	const struct ft_tree *t = w->tree;

	for (unsigned i = 0; i < w->n; i++)
		if (w->best[i] != FT_TREE_NONE)
			__builtin_prefetch((const void *)(uintptr_t)&t->rule[w->best[i]]);
	for (unsigned i = 0; i < w->n; i++)
		if (w->best[i] != FT_TREE_NONE)
			__builtin_prefetch(
				atomic_load_explicit(&t->rule[w->best[i]], memory_order_relaxed));
}

// What the slot was made for, if that is there at this version.
static inline const struct ft_rule *rule_in(
	const struct ft_tree *t, uint32_t slot, uint64_t version)
{
	const struct ft_rule *head = atomic_load_explicit(&t->rule[slot], memory_order_acquire);
	const struct ft_rule *r = ft_chain_visible(head, version);

	return r && r->priority == head->priority ? r : NULL;
}

uint64_t FT_TREE(const struct ft_tree *t, uint64_t version,
	const struct weft_flow_key *const keys[], unsigned n, const struct ft_rule *rules[])
{
	uint64_t ask = 0;
	struct ft_walk w;

	w.tree = t;
	w.keys = keys;
	w.n = n;
	for (unsigned i = 0; i < n; i++)
		w.best[i] = FT_TREE_NONE;
	ft_walk_begin(&w);
	for (uint32_t i = 0; i < t->parts; i++)
		search_part(&w, &t->part[i]);
	prefetch_rules(&w);
	for (unsigned i = 0; i < n; i++) {
		rules[i] = NULL;
		if (w.best[i] == FT_TREE_NONE)
			continue;
		rules[i] = rule_in(t, w.best[i], version);
		ask |= (uint64_t)!rules[i] << i;
	}
	return ask;
}
