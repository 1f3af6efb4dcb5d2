// SPDX-License-Identifier: Apache-2.0
#pragma once
// tree_walk.h by vectors: eight keys a node further at once.
//
// The words of the burst's keys that the tree looks at are copied into columns first. Then a key on
// its way is one number: its best rank above, itself, and its node below. Eight nodes are fetched,
// then the word that each wants, and one instruction takes eight bits out of each of eight words:
// the eight children's numbers. Those in a leaf and those that go on are packed apart. So a node's
// misses are those of eight keys, and of the next eight too, for nothing waits for them before the
// next node.
//
// Nothing is fetched by a gather: one takes 17 cycles on a Zen 5, and on some older processors
// their microcode makes it dear. Loads that are put together are cheap everywhere.

#include "flowtable/classifier/tree_walk.h"

#if defined(__AVX512BITALG__)

#define FT_WALK_LANES 8u
#define FT_GOING_KEY_AT 32u
#define FT_GOING_NEXT_AT 38u
#define FT_GOING_BEST_AT 40u // ranks have 20 bits

static_assert(FT_BURST == 64, "a column is 64 words");
static_assert(FT_GOING_KEY_AT == FT_THERE_KEY_AT, "goes on as it is");

static inline __mmask8 ft_first_lanes(unsigned n)
{
	return (__mmask8)_bzhi_u32(0xff, n);
}

// The upper halves of sixteen words.
static inline __m512i ft_upper_halves(const uint64_t *word)
{
	__m512i which = _mm512_set_epi32(31, 29, 27, 25, 23, 21, 19, 17, 15, 13, 11, 9, 7, 5, 3, 1);

	return _mm512_permutex2var_epi32(
		_mm512_load_si512(word), which, _mm512_load_si512(word + 8));
}

static inline void ft_walk_begin_ports(struct ft_walk *w)
{
	for (unsigned i = 0; i < w->n; i += 16) {
		__m512i ports = ft_upper_halves(&w->column[w->tree->ports][i]);

		_mm512_store_si512(w->ports + i,
			_mm512_or_si512(_mm512_slli_epi16(ports, 8), _mm512_srli_epi16(ports, 8)));
	}
}

static inline void ft_walk_begin(struct ft_walk *w)
{
	const struct ft_tree *t = w->tree;

	for (unsigned j = 0; j < w->n; j++)
		for (uint32_t k = 0; k < t->n_words; k++)
			w->column[k][j] = ft_key_word(w->keys[j], t->word[k]);
	if (t->spans)
		ft_walk_begin_ports(w);
}

// Of each word the bits that the bytes say.
static inline __m512i ft_bits_of(__m512i word, __m512i bits)
{
	__mmask64 m = _mm512_bitshuffle_epi64_mask(word, bits);

	return _mm512_cvtepu8_epi64(_mm_cvtsi64_si128((long long)m));
}

// Appends the lanes of the mask to a list. Up to seven numbers behind it are written, too.
static inline unsigned ft_append(uint64_t *list, unsigned n, __mmask8 m, __m512i v)
{
	_mm512_storeu_si512(list + n, _mm512_maskz_compress_epi64(m, v));
	return n + (unsigned)__builtin_popcount(m);
}

// Those that have what all rules of the part want, and no rule that is as good as any of these: the
// root's children that they go to, as of the next part if `next`. They come behind n others;
// returns how many there are.
static inline unsigned ft_walk_leave_root(
	struct ft_walk *w, const struct ft_tree_part *p, uint64_t next, unsigned n)
{
	__m512i low = _mm512_set1_epi64(((const int64_t *)(const void *)p->bit)[0]);
	__m512i high = _mm512_set1_epi64(((const int64_t *)(const void *)p->bit)[1]);
	__m512i at = _mm512_set1_epi64(p->at), keep = _mm512_set1_epi64(p->keep);
	__m512i key = _mm512_slli_epi64(_mm512_setr_epi64(0, 1, 2, 3, 4, 5, 6, 7), FT_GOING_KEY_AT);
	__m512i first = _mm512_set1_epi64(p->first);

	key = _mm512_or_si512(key, _mm512_set1_epi64((long long)(next << FT_GOING_NEXT_AT)));
	for (unsigned j = 0; j < w->n; j += FT_WALK_LANES) {
		__m512i v = _mm512_load_si512(&w->column[p->root][j]), child;
		__m512i best = _mm512_srli_epi64(
			_mm512_load_si512(w->best + j), FT_BEST_LANE_AT + FT_LANE_RANK_AT);
		__mmask8 m = _mm512_mask_cmpgt_epu64_mask(ft_first_lanes(w->n - j), best, first);

		for (uint32_t k = 0; k < p->commons; k++)
			m = _mm512_mask_testn_epi64_mask(m,
				_mm512_xor_si512(_mm512_load_si512(&w->column[p->common[k]][j]),
					_mm512_set1_epi64((long long)p->common_value[k])),
				_mm512_set1_epi64((long long)p->common_mask[k]));
		child = _mm512_or_si512(
			ft_bits_of(v, low), _mm512_slli_epi64(ft_bits_of(v, high), 8));
		child = _mm512_add_epi64(_mm512_and_si512(child, keep), at);
		child = _mm512_or_si512(child, _mm512_slli_epi64(best, FT_GOING_BEST_AT));
		n = ft_append(w->going, n, m, _mm512_or_si512(child, key));
		key = _mm512_add_epi64(key, _mm512_set1_epi64(8ll << 32));
	}
	return n;
}

static inline __m128i ft_node_load(const struct ft_node *node, uint64_t at)
{
	return _mm_loadu_si128((const __m128i *)(const void *)(node + (uint32_t)at));
}

// Of nodes number 0, 2, 4 and 6 of these.
static inline __m512i ft_nodes_load(const struct ft_node *node, const uint64_t *at)
{
	__m256i low = _mm256_inserti128_si256(
		_mm256_castsi128_si256(ft_node_load(node, at[0])), ft_node_load(node, at[2]), 1);
	__m256i high = _mm256_inserti128_si256(
		_mm256_castsi128_si256(ft_node_load(node, at[4])), ft_node_load(node, at[6]), 1);

	return _mm512_inserti64x4(_mm512_castsi256_si512(low), high, 1);
}

static inline __m128i ft_words_load(const uint64_t *word, uint64_t a, uint64_t b)
{
	return _mm_insert_epi64(
		_mm_loadl_epi64((const __m128i *)(const void *)(word + a)), (long long)word[b], 1);
}

// As a gather.
static inline __m512i ft_words_at(const uint64_t *word, __m512i at)
{
	uint64_t i[FT_WALK_LANES] __attribute__((aligned(64)));
	__m256i low, high;

	_mm512_store_si512(i, at);
	low = _mm256_inserti128_si256(_mm256_castsi128_si256(ft_words_load(word, i[0], i[1])),
		ft_words_load(word, i[2], i[3]), 1);
	high = _mm256_inserti128_si256(_mm256_castsi128_si256(ft_words_load(word, i[4], i[5])),
		ft_words_load(word, i[6], i[7]), 1);
	return _mm512_inserti64x4(_mm512_castsi256_si512(low), high, 1);
}

// Where those in leaves are, of what nodes say in their upper half (ft_node.at and .about).
static inline __m512i ft_there_of(__m512i going, __m512i about)
{
	__m512i lanes =
		_mm512_set1_epi64((long long)((1ull << FT_NODE_LEAF_AT) - 1) << FT_THERE_LANES_AT);
	__m512i key = _mm512_set1_epi64((FT_BURST - 1ll) << FT_THERE_KEY_AT);
	__m512i at = _mm512_and_si512(about, _mm512_set1_epi64(UINT32_MAX));

	lanes = _mm512_and_si512(lanes, _mm512_slli_epi64(about, FT_THERE_LANES_AT - 32));
	return _mm512_or_si512(_mm512_or_si512(at, lanes), _mm512_and_si512(going, key));
}

// A node further. Those in leaves stay there, if a better rule may be in it, and others only go on
// if one may be below. Returns how many these are.
static inline __attribute__((always_inline)) unsigned ft_walk_go_on(
	struct ft_walk *w, unsigned n, bool two)
{
	const struct ft_node *node = w->tree->node;
	__m512i low32 = _mm512_set1_epi64(UINT32_MAX);
	unsigned left = 0;

	// What is behind the last is looked at, too, and goes nowhere.
	_mm512_storeu_si512(w->going + n, _mm512_setzero_si512());
	for (unsigned j = 0; j < n; j += FT_WALK_LANES) {
		__mmask8 m = ft_first_lanes(n - j), leaf, next;
		__m512i at = _mm512_load_si512(w->going + j);
		__m512i even = ft_nodes_load(node, w->going + j);
		__m512i odd = ft_nodes_load(node, w->going + j + 1);
		__m512i bits = _mm512_unpacklo_epi64(even, odd);
		__m512i about = _mm512_unpackhi_epi64(even, odd);
		__m512i best = _mm512_srli_epi64(at, FT_GOING_BEST_AT);
		__m512i first = _mm512_srli_epi64(about, 32 + FT_NODE_FIRST_AT);
		__m512i there = ft_there_of(at, about), child, w_at;

		m = _mm512_mask_cmplt_epu64_mask(m, first, best);
		leaf = _mm512_mask_test_epi64_mask(
			m, about, _mm512_set1_epi64(1ll << (32 + FT_NODE_LEAF_AT)));
		next = two ? _mm512_mask_test_epi64_mask(
				     leaf, at, _mm512_set1_epi64(1ll << FT_GOING_NEXT_AT))
			   : 0;
		w->n_there = ft_append(w->there, w->n_there, (__mmask8)(leaf & ~next), there);
		if (two) {
			ft_append(w->next_first, w->n_next, next, first);
			w->n_next = ft_append(w->next, w->n_next, next, there);
		}
		m = (__mmask8)(m & ~leaf);
		w_at = _mm512_and_si512(_mm512_srli_epi64(about, 32 - 6),
			_mm512_set1_epi64(((1 << FT_NODE_KEEP_AT) - 1) << 6));
		w_at = _mm512_or_si512(w_at, _mm512_and_si512(_mm512_srli_epi64(at, 32),
						     _mm512_set1_epi64(FT_BURST - 1)));
		child = _mm512_and_si512(ft_bits_of(ft_words_at(w->column[0], w_at), bits),
			_mm512_srli_epi64(about, 32 + FT_NODE_KEEP_AT));
		child = _mm512_add_epi64(child, _mm512_and_si512(about, low32));
		left = ft_append(
			w->going, left, m, _mm512_or_si512(child, _mm512_andnot_si512(low32, at)));
	}
	return left;
}

// Asked for before all leaves, which nothing waits for yet.
static inline void ft_walk_prefetch(const struct ft_walk *w, unsigned n)
{
	for (unsigned j = 0; w->tree->far && j < n; j++)
		__builtin_prefetch(&w->tree->node[(uint32_t)w->going[j]]);
}

static inline __attribute__((always_inline)) void ft_walk_to_leaves(
	struct ft_walk *w, unsigned n, bool two)
{
	unsigned from = 0;

	w->n_there = w->n_next = 0;
	ft_walk_prefetch(w, n);
	while (n) {
		n = ft_walk_go_on(w, n, two);
		ft_walk_prefetch(w, n);
		for (; from < w->n_there; from++)
			ft_leaf_prefetch(w->tree, w->there[from]);
	}
}

static void ft_walk_part(struct ft_walk *w, const struct ft_tree_part *p)
{
	ft_walk_to_leaves(w, ft_walk_leave_root(w, p, 0, 0), false);
}

// Likewise, and at the same time to all leaves of the next part; these are not asked for yet.
static void ft_walk_two(struct ft_walk *w, const struct ft_tree_part *p)
{
	unsigned n = ft_walk_leave_root(w, p, 0, 0);

	ft_walk_to_leaves(w, ft_walk_leave_root(w, p + 1, 1, n), true);
}

// What is left of the next part: the keys that may find something better in their leaf, which is
// asked for.
static void ft_walk_next(struct ft_walk *w)
{
	unsigned n = 0;

	for (unsigned j = 0; j < w->n_next; j++) {
		w->there[n] = w->next[j];
		n += w->next_first[j] < ft_best_rank(w->best[ft_there_key(w->next[j])]);
	}
	w->n_there = n;
	for (unsigned j = 0; j < n; j++)
		ft_leaf_prefetch(w->tree, w->there[j]);
}

#endif
