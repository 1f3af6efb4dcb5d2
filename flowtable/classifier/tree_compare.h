// SPDX-License-Identifier: Apache-2.0
#pragma once
// Which lanes of a block (tree_lanes.h) match a key, for tree_lookup.c; once for each instruction
// set; all must agree.

#include "flowtable/classifier/lookup_key.h"
#include "flowtable/classifier/tree_lanes.h"

#if defined(__AVX2__)
#include <immintrin.h>
#endif

// What there is of each word. Constants, where it is common.
struct ft_lanes_form {
	bool brief;
	uint32_t plain, split, narrow;
};

static inline __attribute__((always_inline)) uint32_t ft_form_wide(struct ft_lanes_form f)
{
	return f.plain + f.split;
}

static inline struct ft_lanes_form ft_form_of(const struct ft_tree_part *p)
{
	return (struct ft_lanes_form){
		p->brief, p->words - p->split - p->narrow, p->split, p->narrow};
}

static inline uint8_t ft_key_byte(const struct weft_flow_key *key, unsigned byte)
{
	return ((const uint8_t *)key)[byte];
}

#if defined(__AVX512BW__) && defined(__AVX512VL__)

// The part's tables: those of plain words, then two for each that is split.
struct ft_lanes_masks {
	__m512i low[2 * FT_TREE_WORDS], high[2 * FT_TREE_WORDS];
};

static inline __attribute__((always_inline)) void ft_lanes_masks(struct ft_lanes_masks *m,
	const struct ft_tree *t, const struct ft_tree_part *p, struct ft_lanes_form f)
{
	const uint32_t *table = t->lane + p->tables;

	for (unsigned i = 0; f.brief && i < f.plain + 2 * f.split; i++, table += FT_TREE_MASKS) {
		m->low[i] = _mm512_loadu_si512(table);
		m->high[i] = _mm512_loadu_si512(table + 16);
	}
}

static inline __attribute__((always_inline)) __m512i ft_masks_at(
	const struct ft_lanes_masks *m, unsigned table, const uint8_t *bytes)
{
	__m512i which = _mm512_cvtepu8_epi32(_mm_loadu_si128((const __m128i *)(const void *)bytes));

	return _mm512_permutex2var_epi32(m->low[table], which, m->high[table]);
}

static inline __attribute__((always_inline)) __m512i ft_lanes_differ(
	const uint32_t *lane, const struct weft_flow_key *key, unsigned word)
{
	return _mm512_xor_si512(
		_mm512_loadu_si512(lane), _mm512_set1_epi32((int)ft_tree_half(key, word)));
}

// What differs there and before.
static inline __attribute__((always_inline)) __m512i ft_differ_too(
	__m512i before, __m512i differ, __m512i mask)
{
	return _mm512_ternarylogic_epi32(before, differ, mask, 0xf8); // a | b & c
}

static inline __attribute__((always_inline)) __m128i ft_narrow_differs(__m128i before,
	const uint8_t *bytes, uint32_t n, const struct weft_flow_key *key, unsigned byte)
{
	__m128i value = _mm_loadu_si128((const __m128i *)(const void *)bytes);
	__m128i mask = _mm_loadu_si128((const __m128i *)(const void *)(bytes + n));
	__m128i differ = _mm_xor_si128(value, _mm_set1_epi8((char)ft_key_byte(key, byte)));

	return _mm_ternarylogic_epi32(before, differ, mask, 0xf8);
}

// What differs is gathered by words, and asked once whether it is nothing: each such question takes
// some six cycles.
static inline __attribute__((always_inline)) uint32_t ft_brief_fits(const struct ft_tree_part *p,
	struct ft_lanes_form f, const struct ft_lanes_masks *m, const uint32_t *lane, uint32_t n,
	const struct weft_flow_key *key)
{
	const uint8_t *bytes = (const uint8_t *)(lane + n * (ft_form_wide(f) + 1));
	__mmask16 fits = (__mmask16)_bzhi_u32(0xffff, n);
	__m512i differ = _mm512_setzero_si512();
	__m128i narrow = _mm_setzero_si128();
	unsigned i = 0;

	for (; i < f.plain; i++, lane += n, bytes += n)
		differ = ft_differ_too(
			differ, ft_lanes_differ(lane, key, p->word[i]), ft_masks_at(m, i, bytes));
	for (unsigned k = i; i < ft_form_wide(f); i++, k += 2, lane += n, bytes += 2 * n)
		differ = ft_differ_too(differ, ft_lanes_differ(lane, key, p->word[i]),
			_mm512_or_si512(
				ft_masks_at(m, k, bytes), ft_masks_at(m, k + 1, bytes + n)));
	for (; i < ft_form_wide(f) + f.narrow; i++, bytes += 2 * n)
		narrow = ft_narrow_differs(narrow, bytes, n, key, p->byte[i]);
	fits = _mm_mask_testn_epi8_mask(fits, narrow, narrow);
	return _mm512_mask_testn_epi32_mask(fits, differ, differ);
}

static inline __attribute__((always_inline)) uint32_t ft_whole_fits(const struct ft_tree_part *p,
	unsigned words, const uint32_t *lane, uint32_t n, const struct weft_flow_key *key)
{
	__m512i differ = _mm512_setzero_si512();

	for (unsigned i = 0; i < words; i++, lane += 2 * n)
		differ = ft_differ_too(differ, ft_lanes_differ(lane, key, p->word[i]),
			_mm512_loadu_si512(lane + n));
	return _mm512_mask_testn_epi32_mask((__mmask16)_bzhi_u32(0xffff, n), differ, differ);
}

#else

struct ft_lanes_masks {
	const uint32_t *table;
};

static inline void ft_lanes_masks(struct ft_lanes_masks *m, const struct ft_tree *t,
	const struct ft_tree_part *p, struct ft_lanes_form f)
{
	m->table = t->lane + (f.brief ? p->tables : 0);
}

static inline uint32_t ft_brief_lane_differs(const struct ft_tree_part *p, struct ft_lanes_form f,
	const uint32_t *table, const uint32_t *lane, uint32_t k, uint32_t n,
	const struct weft_flow_key *key)
{
	const uint8_t *bytes = (const uint8_t *)(lane + n * (ft_form_wide(f) + 1)) + k;
	uint32_t differ = 0, mask;
	unsigned i = 0;

	for (; i < ft_form_wide(f); i++, table += FT_TREE_MASKS, bytes += n) {
		mask = table[*bytes];
		if (i >= f.plain) {
			table += FT_TREE_MASKS;
			bytes += n;
			mask |= table[*bytes];
		}
		differ |= (lane[i * n + k] ^ ft_tree_half(key, p->word[i])) & mask;
	}
	for (; i < ft_form_wide(f) + f.narrow; i++, bytes += 2 * n)
		differ |= (bytes[0] ^ ft_key_byte(key, p->byte[i])) & bytes[n];
	return differ;
}

// Where trees are made so for tests alone.
static inline uint32_t ft_brief_fits(const struct ft_tree_part *p, struct ft_lanes_form f,
	const struct ft_lanes_masks *m, const uint32_t *lane, uint32_t n,
	const struct weft_flow_key *key)
{
	uint32_t fits = 0;

	for (uint32_t k = 0; k < n; k++)
		fits |= (uint32_t)!ft_brief_lane_differs(p, f, m->table, lane, k, n, key) << k;
	return fits;
}

#if defined(__AVX2__)

static inline __m256i ft_differ_of(const uint32_t *value, const uint32_t *mask, __m256i want)
{
	__m256i v = _mm256_loadu_si256((const __m256i *)(const void *)value);

	return _mm256_and_si256(
		_mm256_xor_si256(v, want), _mm256_loadu_si256((const __m256i *)(const void *)mask));
}

static inline uint32_t ft_zeros_of(__m256i v)
{
	__m256i zero = _mm256_cmpeq_epi32(v, _mm256_setzero_si256());

	return (uint32_t)_mm256_movemask_ps(_mm256_castsi256_ps(zero));
}

static inline __attribute__((always_inline)) uint32_t ft_whole_fits(const struct ft_tree_part *p,
	unsigned words, const uint32_t *lane, uint32_t n, const struct weft_flow_key *key)
{
	__m256i low = _mm256_setzero_si256(), high = low;

	for (unsigned i = 0; i < words; i++, lane += 2 * n) {
		__m256i want = _mm256_set1_epi32((int)ft_tree_half(key, p->word[i]));

		low = _mm256_or_si256(low, ft_differ_of(lane, lane + n, want));
		high = _mm256_or_si256(high, ft_differ_of(lane + 8, lane + n + 8, want));
	}
	return (ft_zeros_of(low) | ft_zeros_of(high) << 8) & ((1u << n) - 1);
}

#else

static inline __attribute__((always_inline)) uint32_t ft_whole_fits(const struct ft_tree_part *p,
	unsigned words, const uint32_t *lane, uint32_t n, const struct weft_flow_key *key)
{
	uint32_t fits = 0;

	for (uint32_t k = 0; k < n; k++) {
		uint32_t differ = 0;

		for (unsigned i = 0; i < words; i++)
			differ |= (lane[2 * n * i + k] ^ ft_tree_half(key, p->word[i])) &
				  lane[2 * n * i + n + k];
		fits |= (uint32_t)!differ << k;
	}
	return fits;
}

#endif

#endif

// One bit a lane that matches, of the first n.
static inline __attribute__((always_inline)) uint32_t ft_lanes_fit(const struct ft_tree_part *p,
	struct ft_lanes_form f, const struct ft_lanes_masks *m, const uint32_t *lane, uint32_t n,
	const struct weft_flow_key *key)
{
	return f.brief ? ft_brief_fits(p, f, m, lane, n, key)
		       : ft_whole_fits(p, f.plain, lane, n, key);
}
