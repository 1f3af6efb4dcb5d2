// SPDX-License-Identifier: Apache-2.0
// The workers' side of trees: a burst through one part after the other, in stages, so that the
// cache misses of all keys overlap. Which keys go on is kept in lists that grow by what a
// comparison says, without a branch: what one key does, the next does not, and a branch that is
// guessed wrong costs as much as a node.
//
// Compiled for each instruction set, with FT_TREE as the name.
#include "flowtable/tree.h"

#include "flowtable/flowtable.h"
#include "flowtable/lookup_key.h"

#if defined(__AVX2__)
#include <immintrin.h>
#endif

static_assert(FT_BURST <= 64, "a bit for each key");

struct walk {
	const struct ft_tree *tree;
	const struct weft_flow_key *const *keys;
	unsigned n;
	unsigned n_going, n_there;
	uint8_t going[FT_BURST + 1]; // keys, on their way
	uint8_t there[FT_BURST + 1]; // in a leaf
	const struct ft_node *at[FT_BURST];
	uint32_t best[FT_BURST]; // rank
};

static inline uint32_t key_word32(const struct weft_flow_key *key, unsigned word)
{
	uint32_t v;

	memcpy(&v, (const char *)key + 4 * word, 4);
	return v;
}

static inline const struct ft_node *child_of(
	const struct ft_tree *t, const struct ft_node *n, const struct weft_flow_key *key)
{
	return t->node + n->at + ft_tree_bits(ft_key_word(key, n->word), n->mask);
}

static inline const void *lanes_of(const struct ft_tree *t, const struct ft_node *leaf)
{
	return t->lane + leaf->at;
}

// ---- the way to a leaf

// Those that have what all rules of the part want, and no rule that is as good as any of these.
static inline void list_keys(struct walk *w, const struct ft_tree_part *p)
{
	unsigned n = 0;

	for (unsigned i = 0; i < w->n; i++) {
		uint32_t differ = 0;

		for (uint32_t k = 0; k < p->commons; k++)
			differ |= (key_word32(w->keys[i], p->common[k]) ^ p->common_value[k]) &
				  p->common_mask[k];
		w->going[n] = (uint8_t)i;
		n += (unsigned)!differ & (w->best[i] > p->first);
	}
	w->n_going = n;
	w->n_there = 0;
}

static inline void leave_root(struct walk *w, const struct ft_node *root)
{
	for (unsigned j = 0; j < w->n_going; j++) {
		unsigned i = w->going[j];

		w->at[i] = root->leaf ? root : child_of(w->tree, root, w->keys[i]);
		__builtin_prefetch(w->at[i]);
	}
}

static inline const void *either(bool first, const void *a, const void *b)
{
	uintptr_t mask = -(uintptr_t)first;

	return (const void *)(((uintptr_t)a & mask) | ((uintptr_t)b & ~mask));
}

// Where a node leads to: itself, if it is a leaf. What is needed there is asked for.
static inline __attribute__((always_inline)) const struct ft_node *next_of(
	const struct ft_tree *t, const struct ft_node *n, const struct weft_flow_key *key, bool far)
{
	const void *child;

	if (!far) {
		child = child_of(t, n, key);
		__builtin_prefetch(either(n->leaf, lanes_of(t, n), child));
		return either(n->leaf, n, child);
	}
	child = n->leaf ? n : child_of(t, n, key);
	__builtin_prefetch(n->leaf ? lanes_of(t, n) : child);
	return child;
}

// A node further. Those in leaves stay there, if a better rule may be in it. Where nodes are near a
// wrong guess is what costs most; where they are far a right one goes on without waiting for them.
static inline __attribute__((always_inline)) void go_on(struct walk *w, bool far)
{
	unsigned left = 0;

	for (unsigned j = 0; j < w->n_going; j++) {
		unsigned i = w->going[j];
		const struct ft_node *n = w->at[i];

		w->at[i] = next_of(w->tree, n, w->keys[i], far);
		w->there[w->n_there] = (uint8_t)i;
		w->n_there += (unsigned)n->leaf & (n->first < w->best[i]);
		w->going[left] = (uint8_t)i;
		left += (unsigned)!n->leaf;
	}
	w->n_going = left;
}

// The first line of each has been asked for.
static inline void prefetch_lanes(const struct walk *w)
{
	for (unsigned j = 0; j < w->n_there; j++) {
		const char *p = lanes_of(w->tree, w->at[w->there[j]]);

		for (unsigned line = 1; line < 6; line++)
			__builtin_prefetch(p + 64 * line);
	}
}

// ---- the lanes of a leaf

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
	struct walk *w, const struct ft_tree_part *p, unsigned words, uint32_t block)
{
	unsigned left = 0;

	for (unsigned j = 0; j < w->n_there; j++) {
		unsigned i = w->there[j];
		const struct ft_node *leaf = w->at[i];
		uint32_t lanes = leaf->lanes - FT_TREE_BLOCK * block;
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

static void search_part(struct walk *w, const struct ft_tree_part *p)
{
	list_keys(w, p);
	leave_root(w, &w->tree->node[p->root]);
	while (w->n_going) {
		if (w->tree->far)
			go_on(w, true);
		else
			go_on(w, false);
	}
	prefetch_lanes(w);
	for (uint32_t block = 0; w->n_there; block++) {
		if (p->words == 4)
			compare_blocks(w, p, 4, block);
		else
			compare_blocks(w, p, p->words, block);
	}
}

// ---- ranks to rules

static inline void prefetch_rules(const struct walk *w)
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
	struct walk w;

	w.tree = t;
	w.keys = keys;
	w.n = n;
	for (unsigned i = 0; i < n; i++)
		w.best[i] = FT_TREE_NONE;
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
