// SPDX-License-Identifier: Apache-2.0
#pragma once
// tree_walk.h by vectors: eight keys a node further at once.
//
// The words of the burst's keys that the tree looks at are copied into columns first. Then a key on
// its way is one number, itself above and its node below. A node is fetched in two gathers, the
// word that it wants in a third, and one instruction takes eight bits out of each of eight words:
// the eight children's numbers. Those in a leaf and those that go on are packed apart. So a node's
// misses are those of eight keys, and of the next eight too, for nothing waits for them before the
// next node.

#include "flowtable/classifier/tree_walk.h"

#if defined(__AVX512BITALG__)

#define FT_WALK_LANES 8u

static inline __mmask8 ft_first_lanes(unsigned n)
{
	return (__mmask8)_bzhi_u32(0xff, n);
}

static inline void ft_walk_begin(struct ft_walk *w)
{
	const struct ft_tree *t = w->tree;

	for (unsigned j = 0; j < w->n; j += FT_WALK_LANES) {
		__mmask8 m = ft_first_lanes(w->n - j);
		__m512i key = _mm512_maskz_loadu_epi64(m, w->keys + j);

		for (uint32_t k = 0; k < t->n_words; k++) {
			__m512i at = _mm512_add_epi64(key, _mm512_set1_epi64(8 * t->word[k]));

			_mm512_store_si512(
				&w->column[k][j], _mm512_mask_i64gather_epi64(
							  _mm512_setzero_si512(), m, at, NULL, 1));
		}
	}
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
// root's children that they go to. Returns how many.
static inline unsigned ft_walk_leave_root(struct ft_walk *w, const struct ft_tree_part *p)
{
	__m512i low = _mm512_set1_epi64(((const int64_t *)(const void *)p->bit)[0]);
	__m512i high = _mm512_set1_epi64(((const int64_t *)(const void *)p->bit)[1]);
	__m512i at = _mm512_set1_epi64(p->at), keep = _mm512_set1_epi64(p->keep);
	__m512i key = _mm512_slli_epi64(_mm512_setr_epi64(0, 1, 2, 3, 4, 5, 6, 7), 32);
	__m256i first = _mm256_set1_epi32((int)p->first);
	unsigned n = 0;

	for (unsigned j = 0; j < w->n; j += FT_WALK_LANES) {
		__m512i v = _mm512_load_si512(&w->column[p->root][j]), child;
		__mmask8 m = _mm256_mask_cmpgt_epu32_mask(ft_first_lanes(w->n - j),
			_mm256_loadu_si256((const void *)(w->best + j)), first);

		for (uint32_t k = 0; k < p->commons; k++)
			m = _mm512_mask_testn_epi64_mask(m,
				_mm512_xor_si512(_mm512_load_si512(&w->column[p->common[k]][j]),
					_mm512_set1_epi64((long long)p->common_value[k])),
				_mm512_set1_epi64((long long)p->common_mask[k]));
		child = _mm512_or_si512(
			ft_bits_of(v, low), _mm512_slli_epi64(ft_bits_of(v, high), 8));
		child = _mm512_add_epi64(_mm512_and_si512(child, keep), at);
		n = ft_append(w->going, n, m, _mm512_or_si512(child, key));
		key = _mm512_add_epi64(key, _mm512_set1_epi64(8ll << 32));
	}
	return n;
}

// A node further. Those in leaves stay there, if a better rule may be in it, and others only go on
// if one may be below. Returns how many these are.
static inline unsigned ft_walk_go_on(struct ft_walk *w, unsigned n)
{
	const struct ft_node *node = w->tree->node;
	__m512i low32 = _mm512_set1_epi64(UINT32_MAX);
	unsigned left = 0;

	for (unsigned j = 0; j < n; j += FT_WALK_LANES) {
		__mmask8 m = ft_first_lanes(n - j), leaf;
		__m512i at = _mm512_load_si512(w->going + j);
		__m512i key = _mm512_srli_epi64(at, 32);
		__m512i i = _mm512_slli_epi64(_mm512_and_si512(at, low32), 1);
		__m512i zero = _mm512_setzero_si512(), bits, about, word, child, w_at;
		__m256i best;

		bits = _mm512_mask_i64gather_epi64(zero, m, i, node->bit, 8);
		about = _mm512_mask_i64gather_epi64(zero, m, i, &node->at, 8);
		best = _mm512_mask_i64gather_epi32(_mm256_setzero_si256(), m, key, w->best, 4);
		m = _mm512_mask_cmplt_epu64_mask(m, _mm512_srli_epi64(about, 32 + FT_NODE_FIRST_AT),
			_mm512_cvtepu32_epi64(best));
		leaf = _mm512_mask_test_epi64_mask(
			m, about, _mm512_set1_epi64(1ll << (32 + FT_NODE_LEAF_AT)));
		w->n_there = ft_append(w->arrived, w->n_there, leaf, at);
		m = (__mmask8)(m & ~leaf);
		w_at = _mm512_and_si512(_mm512_srli_epi64(about, 32),
			_mm512_set1_epi64((1 << FT_NODE_KEEP_AT) - 1));
		w_at = _mm512_add_epi64(_mm512_slli_epi64(w_at, 6), key);
		word = _mm512_mask_i64gather_epi64(zero, m, w_at, w->column, 8);
		child = _mm512_and_si512(
			ft_bits_of(word, bits), _mm512_srli_epi64(about, 32 + FT_NODE_KEEP_AT));
		child = _mm512_add_epi64(child, _mm512_and_si512(about, low32));
		left = ft_append(
			w->going, left, m, _mm512_or_si512(child, _mm512_andnot_si512(low32, at)));
	}
	return left;
}

// From numbers to addresses.
static inline void ft_walk_arrive(struct ft_walk *w, unsigned from)
{
	for (unsigned j = from; j < w->n_there; j++) {
		unsigned key = (unsigned)(w->arrived[j] >> 32);

		w->there[j] = (uint8_t)key;
		w->at[key] = &w->tree->node[(uint32_t)w->arrived[j]];
		ft_leaf_prefetch(w->tree, w->at[key]);
	}
}

static inline void ft_walk_part(struct ft_walk *w, const struct ft_tree_part *p)
{
	unsigned n = ft_walk_leave_root(w, p), from = 0;

	w->n_there = 0;
	while (n) {
		n = ft_walk_go_on(w, n);
		ft_walk_arrive(w, from);
		from = w->n_there;
	}
}

#endif
