// SPDX-License-Identifier: Apache-2.0
#pragma once
// From a burst's spans (tree_span.h) to the pieces that its keys are in, for tree_lookup.c: the
// last stage of a lookup, for there is but one span a key then. By vectors it is arithmetic for
// sixteen keys at once; otherwise most keys are found to have a rule that is no piece of anything.

#include "flowtable/classifier/tree_compare.h"
#include "flowtable/classifier/tree_walk512.h"

#if defined(__AVX512BITALG__)

struct ft_pieces {
	__m512i behind, of;
};

static inline __m512i ft_bits_below_first(__m512i v)
{
	return _mm512_srlv_epi32(
		_mm512_set1_epi32(INT32_MAX), _mm512_lzcnt_epi32(v)); // the first is not its own
}

// As ft_piece_of().
static inline struct ft_pieces ft_pieces_of(__m512i low, __m512i size, __m512i port)
{
	__m512i one = _mm512_set1_epi32(1);
	__m512i before = _mm512_add_epi32(low, _mm512_set1_epi32(0xffff));
	__m512i after = _mm512_add_epi32(_mm512_add_epi32(low, size), _mm512_set1_epi32(0x10001));
	__m512i is = _mm512_add_epi32(port, _mm512_set1_epi32(0x10000));
	__m512i below = ft_bits_below_first(_mm512_xor_si512(before, after));
	__m512i rising = _mm512_andnot_si512(before, below);
	__m512i falling = _mm512_and_si512(after, below);
	__mmask16 falls = _mm512_test_epi32_mask(is, _mm512_add_epi32(below, one));
	__m512i beneath = ft_bits_below_first(
		_mm512_xor_si512(is, _mm512_mask_blend_epi32(falls, before, after)));
	__m512i fallen = _mm512_popcnt_epi32(falling), counted, behind;

	counted = _mm512_andnot_si512(_mm512_add_epi32(_mm512_slli_epi32(beneath, 1), one), rising);
	counted = _mm512_mask_and_epi32(counted, falls, falling, beneath);
	behind = _mm512_popcnt_epi32(counted);
	return (struct ft_pieces){
		.behind = _mm512_mask_add_epi32(behind, _knot_mask16(falls), behind, fallen),
		.of = _mm512_add_epi32(_mm512_popcnt_epi32(rising), fallen),
	};
}

static inline __m512i ft_lower_halves(const uint64_t *word)
{
	return _mm512_inserti64x4(
		_mm512_castsi256_si512(_mm512_cvtepi64_epi32(_mm512_load_si512(word))),
		_mm512_cvtepi64_epi32(_mm512_load_si512(word + 8)), 1);
}

static inline void ft_walk_to_pieces(struct ft_walk *w)
{
	__m512i low16 = _mm512_set1_epi32(0xffff), sizes = _mm512_loadu_si512(w->tree->size);

	for (unsigned i = 0; i < w->n; i += 16) {
		__m512i low = ft_lower_halves(w->best + i), lane = ft_upper_halves(w->best + i);
		__m512i ports = _mm512_load_si512(w->ports + i), size = ft_sizes_at(sizes, lane);
		struct ft_pieces lower = ft_pieces_of(_mm512_and_si512(low, low16),
			_mm512_and_si512(size, low16), _mm512_and_si512(ports, low16));
		struct ft_pieces upper = ft_pieces_of(_mm512_srli_epi32(low, 16),
			_mm512_srli_epi32(size, 16), _mm512_srli_epi32(ports, 16));
		__m512i behind =
			_mm512_add_epi32(_mm512_mullo_epi16(upper.behind, lower.of), lower.behind);

		_mm512_store_si512(w->rank + i,
			_mm512_sub_epi32(_mm512_srli_epi32(lane, FT_LANE_RANK_AT), behind));
	}
}

#else

// Of both ports.
static inline bool ft_are_blocks(uint32_t size)
{
	uint64_t apart = (size & 0xffff) | (uint64_t)(size >> 16) << 32;

	return !(apart & (apart + 0x100000001u));
}

static inline void ft_walk_to_pieces(struct ft_walk *w)
{
	for (unsigned i = 0; i < w->n; i++) {
		uint32_t lane = (uint32_t)(w->best[i] >> FT_BEST_LANE_AT);
		struct ft_span s = {(uint32_t)w->best[i], ft_lane_size(w->tree, lane)};

		w->rank[i] = ft_lane_rank(lane);
		if (!ft_are_blocks(s.size) || (s.low & s.size))
			w->rank[i] -= ft_span_piece(s, w->ports[i]).behind;
	}
}

#endif
