// SPDX-License-Identifier: Apache-2.0
#pragma once
// Sixteen lanes of a bin against one key: which have its signature, a priority of `floor` or
// more, and pieces that fit. For lookup.c, once for each instruction set; all must agree.
//
// The vector loads are not atomic as C sees it. They are aligned, so that each lane is read whole
// on the processors that have them, and they come in program order: signatures first.

#include "flowtable/classifier/tuple.h"

#if defined(__AVX2__)
#include <immintrin.h>
#endif

struct ft_scan_key {
	uint32_t sig;   // as by ft_sig()
	uint32_t floor; // 0 to 0xffff
	uint32_t pass;  // bit, as by ft_pass_bit()
	uint32_t pieces;
	uint16_t piece2;
};

// One bit a lane with a rule. *ends: the search ends in this bin.
#define FT_RULES_MASK ((1u << FT_RULE_LANES) - 1)

#if defined(__AVX512BW__) && defined(__AVX512VL__)

static inline uint32_t ft_bin_scan(
	const struct ft_bin *b, bool bare, const struct ft_scan_key *k, bool *ends)
{
	__m512i sig = _mm512_load_si512(FT_LINE(b->sig));
	__m512i above = _mm512_sub_epi32(sig, _mm512_set1_epi32((int)(k->sig | k->floor)));
	__mmask16 m = _mm512_cmple_epu32_mask(above, _mm512_set1_epi32((int)(0xffffu - k->floor)));
	__m512i differ;
	__m256i differ2;

	*ends = !(atomic_load_explicit(&b->sig[FT_LANE_PASSED], memory_order_relaxed) & k->pass);
	m &= FT_RULES_MASK;
	if (bare || !m)
		return m;
	differ = _mm512_xor_si512(
		_mm512_load_si512(FT_LINE(b->value)), _mm512_set1_epi32((int)k->pieces));
	differ2 = _mm256_xor_si256(
		_mm256_load_si256(FT_LINE(b->value2)), _mm256_set1_epi16((short)k->piece2));
	m = _mm512_mask_testn_epi32_mask(m, differ, _mm512_load_si512(FT_LINE(b->mask)));
	return _mm256_mask_testn_epi16_mask(m, differ2, _mm256_load_si256(FT_LINE(b->mask2)));
}

#elif defined(__AVX2__)

static inline uint32_t ft_scan_half(
	const struct ft_bin *b, unsigned at, bool bare, const struct ft_scan_key *k)
{
	__m256i sig = _mm256_load_si256(FT_LINE(b->sig + at));
	__m256i above = _mm256_sub_epi32(sig, _mm256_set1_epi32((int)(k->sig | k->floor)));
	__m256i limit = _mm256_set1_epi32((int)(0xffffu - k->floor));
	__m256i fits = _mm256_cmpeq_epi32(_mm256_min_epu32(above, limit), above);
	__m256i zero = _mm256_setzero_si256();
	__m256i differ;

	if (!bare) {
		differ = _mm256_xor_si256(_mm256_load_si256(FT_LINE(b->value + at)),
			_mm256_set1_epi32((int)k->pieces));
		differ = _mm256_and_si256(differ, _mm256_load_si256(FT_LINE(b->mask + at)));
		fits = _mm256_and_si256(fits, _mm256_cmpeq_epi32(differ, zero));
	}
	return (uint32_t)_mm256_movemask_ps(_mm256_castsi256_ps(fits)) << at;
}

static inline uint32_t ft_scan_piece2(const struct ft_bin *b, const struct ft_scan_key *k)
{
	__m256i differ = _mm256_xor_si256(
		_mm256_load_si256(FT_LINE(b->value2)), _mm256_set1_epi16((short)k->piece2));
	__m256i fits;

	differ = _mm256_and_si256(differ, _mm256_load_si256(FT_LINE(b->mask2)));
	fits = _mm256_cmpeq_epi16(differ, _mm256_setzero_si256());
	return (uint32_t)_mm_movemask_epi8(
		_mm_packs_epi16(_mm256_castsi256_si128(fits), _mm256_extracti128_si256(fits, 1)));
}

static inline uint32_t ft_bin_scan(
	const struct ft_bin *b, bool bare, const struct ft_scan_key *k, bool *ends)
{
	uint32_t m;

	*ends = !(atomic_load_explicit(&b->sig[FT_LANE_PASSED], memory_order_relaxed) & k->pass);
	m = (ft_scan_half(b, 0, bare, k) | ft_scan_half(b, 8, bare, k)) & FT_RULES_MASK;
	return bare || !m ? m : m & ft_scan_piece2(b, k);
}

#else

static inline uint32_t ft_bin_scan(
	const struct ft_bin *b, bool bare, const struct ft_scan_key *k, bool *ends)
{
	uint32_t m = 0;

	*ends = !(atomic_load_explicit(&b->sig[FT_LANE_PASSED], memory_order_acquire) & k->pass);
	for (unsigned i = 0; i < FT_RULE_LANES; i++) {
		uint32_t sig = atomic_load_explicit(&b->sig[i], memory_order_acquire);

		m |= (uint32_t)(sig - (k->sig | k->floor) <= 0xffffu - k->floor) << i;
	}
	for (uint32_t left = bare ? 0 : m; left; left &= left - 1) {
		unsigned i = (unsigned)__builtin_ctz(left);
		uint32_t differ =
			(atomic_load_explicit(&b->value[i], memory_order_relaxed) ^ k->pieces) &
			atomic_load_explicit(&b->mask[i], memory_order_relaxed);
		uint16_t differ2 =
			(atomic_load_explicit(&b->value2[i], memory_order_relaxed) ^ k->piece2) &
			atomic_load_explicit(&b->mask2[i], memory_order_relaxed);

		if (differ || differ2)
			m &= ~(1u << i);
	}
	return m;
}

#endif
