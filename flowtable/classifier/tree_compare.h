// SPDX-License-Identifier: Apache-2.0
#pragma once
// Which lanes of a block (tree_lanes.h) match a key, for tree_lookup.c; once for each instruction
// set; all must agree.

#include "flowtable/classifier/lookup_key.h"
#include "flowtable/classifier/tree_lanes.h"
#include "flowtable/classifier/tree_walk.h"

#if defined(__AVX2__)
#include <immintrin.h>
#endif

// What there is of each word. Constants, where it is common.
struct ft_lanes_form {
	bool brief;
	uint32_t plain, split, narrow;
	bool spans; // the next has them
};

static inline __attribute__((always_inline)) uint32_t ft_form_wide(struct ft_lanes_form f)
{
	return f.plain + f.split + f.spans;
}

static inline struct ft_lanes_form ft_form_of(const struct ft_tree_part *p)
{
	return (struct ft_lanes_form){
		.brief = p->brief,
		.plain = p->words - p->split - p->narrow - p->spans,
		.split = p->split,
		.narrow = p->narrow,
		.spans = p->spans,
	};
}

#if defined(__AVX512BITALG__)

// What lanes are held against: of each word the keys' column, from the half or the byte on that
// counts; the part's tables, those of plain words, then two for each that is split.
struct ft_against {
	const struct ft_walk *walk;
	const char *word[FT_TREE_WORDS];
	__m512i low[2 * FT_TREE_WORDS], high[2 * FT_TREE_WORDS];
	__m512i sizes;
};

static inline __attribute__((always_inline)) void ft_against(struct ft_against *a,
	const struct ft_walk *w, const struct ft_tree_part *p, struct ft_lanes_form f)
{
	const uint32_t *table = w->tree->lane + p->tables;

	a->walk = w;
	for (unsigned i = 0; f.brief && i < f.plain + 2 * f.split; i++, table += FT_TREE_MASKS) {
		a->low[i] = _mm512_loadu_si512(table);
		a->high[i] = _mm512_loadu_si512(table + 16);
	}
	a->sizes = _mm512_loadu_si512(w->tree->size);
	for (unsigned i = 0; i < ft_form_wide(f) + f.narrow; i++)
		a->word[i] = (const char *)w->column[p->half[i] / 2] + 4 * (p->half[i] % 2) +
			     (i < ft_form_wide(f) ? 0 : p->byte[i] % 4);
}

static inline __attribute__((always_inline)) __m512i ft_masks_at(
	const struct ft_against *a, unsigned table, const uint8_t *bytes)
{
	__m512i which = _mm512_cvtepu8_epi32(_mm_loadu_si128((const __m128i *)(const void *)bytes));

	return _mm512_permutex2var_epi32(a->low[table], which, a->high[table]);
}

static inline __attribute__((always_inline)) __m512i ft_lanes_differ(
	const struct ft_against *a, const uint32_t *lane, unsigned word, size_t key)
{
	uint32_t v;

	memcpy(&v, a->word[word] + sizeof(uint64_t) * key, sizeof(v));
	return _mm512_xor_si512(_mm512_loadu_si512(lane), _mm512_set1_epi32((int)v));
}

// What differs there and before.
static inline __attribute__((always_inline)) __m512i ft_differ_too(
	__m512i before, __m512i differ, __m512i mask)
{
	return _mm512_ternarylogic_epi32(before, differ, mask, 0xf8); // a | b & c
}

// Sizes by their numbers: of each 16 bits the lowest five count.
static inline __attribute__((always_inline)) __m512i ft_sizes_at(__m512i sizes, __m512i ranks)
{
	__m512i upper = _mm512_slli_epi32(ranks, 16 - FT_LANE_SIZE_AT);

	return _mm512_permutexvar_epi16(_mm512_mask_blend_epi16(0xaaaaaaaa, ranks, upper), sizes);
}
static_assert(sizeof(((struct ft_tree *)0)->size) == 64, "one vector");

// What is not nothing is ports outside of the span.
static inline __attribute__((always_inline)) __m512i ft_spans_differ(
	__m512i before, __m512i low, __m512i size, uint32_t ports)
{
	__m512i above = _mm512_sub_epi16(_mm512_set1_epi32((int)ports), low);

	return _mm512_or_si512(before, _mm512_subs_epu16(above, size));
}

static inline __attribute__((always_inline)) __m128i ft_narrow_differs(
	__m128i before, const uint8_t *bytes, size_t n, char is)
{
	__m128i value = _mm_loadu_si128((const __m128i *)(const void *)bytes);
	__m128i mask = _mm_loadu_si128((const __m128i *)(const void *)(bytes + n));
	__m128i differ = _mm_xor_si128(value, _mm_set1_epi8(is));

	return _mm_ternarylogic_epi32(before, differ, mask, 0xf8);
}

// What differs is gathered by words, and asked once whether it is nothing: each such question takes
// some six cycles.
static inline __attribute__((always_inline)) uint32_t ft_brief_fits(struct ft_lanes_form f,
	const struct ft_against *a, const uint32_t *lane, size_t n, size_t key)
{
	const uint8_t *bytes = (const uint8_t *)(lane + n * (ft_form_wide(f) + 1));
	__mmask16 fits = (__mmask16)_bzhi_u64(0xffff, n);
	__m512i differ = _mm512_setzero_si512();
	__m128i narrow = _mm_setzero_si128();
	unsigned i = 0;

	for (; i < f.plain; i++, lane += n, bytes += n)
		differ = ft_differ_too(
			differ, ft_lanes_differ(a, lane, i, key), ft_masks_at(a, i, bytes));
	for (unsigned k = i; i < f.plain + f.split; i++, k += 2, lane += n, bytes += 2 * n)
		differ = ft_differ_too(differ, ft_lanes_differ(a, lane, i, key),
			_mm512_or_si512(
				ft_masks_at(a, k, bytes), ft_masks_at(a, k + 1, bytes + n)));
	if (f.spans) {
		differ = ft_spans_differ(differ, _mm512_loadu_si512(lane),
			ft_sizes_at(a->sizes, _mm512_loadu_si512(lane + n)), a->walk->ports[key]);
		i++;
	}
	for (; i < ft_form_wide(f) + f.narrow; i++, bytes += 2 * n)
		narrow = ft_narrow_differs(narrow, bytes, n, a->word[i][sizeof(uint64_t) * key]);
	fits = _mm_mask_testn_epi8_mask(fits, narrow, narrow);
	return _mm512_mask_testn_epi32_mask(fits, differ, differ);
}

static inline __attribute__((always_inline)) uint32_t ft_whole_fits(struct ft_lanes_form f,
	const struct ft_against *a, const uint32_t *lane, size_t n, size_t key)
{
	__m512i differ = _mm512_setzero_si512();

	for (unsigned i = 0; i < f.plain; i++, lane += 2 * n)
		differ = ft_differ_too(
			differ, ft_lanes_differ(a, lane, i, key), _mm512_loadu_si512(lane + n));
	if (f.spans)
		differ = ft_spans_differ(differ, _mm512_loadu_si512(lane),
			_mm512_loadu_si512(lane + n), a->walk->ports[key]);
	return _mm512_mask_testn_epi32_mask((__mmask16)_bzhi_u64(0xffff, n), differ, differ);
}

#else

// What lanes are held against.
struct ft_against {
	const struct ft_walk *walk;
	const struct ft_tree_part *part;
};

static inline void ft_against(struct ft_against *a, const struct ft_walk *w,
	const struct ft_tree_part *p, struct ft_lanes_form f)
{
	a->walk = w;
	a->part = p;
}

static inline uint32_t ft_asked_half(const struct ft_against *a, unsigned word, size_t key)
{
	return ft_tree_half(a->walk->keys[key], a->part->word[word]);
}

static inline uint8_t ft_asked_byte(const struct ft_against *a, unsigned word, size_t key)
{
	return ((const uint8_t *)a->walk->keys[key])[a->part->byte[word]];
}

static inline uint32_t ft_span_differs(uint32_t low, uint32_t size, uint32_t ports)
{
	return !ft_span_has((struct ft_span){low, size}, ports);
}

static inline uint32_t ft_brief_lane_differs(struct ft_lanes_form f, const struct ft_against *a,
	const uint32_t *lane, size_t k, size_t n, size_t key)
{
	const struct ft_tree *t = a->walk->tree;
	const uint8_t *bytes = (const uint8_t *)(lane + n * (ft_form_wide(f) + 1)) + k;
	const uint32_t *table = t->lane + a->part->tables;
	uint32_t differ = 0, mask;
	unsigned i = 0;

	for (; i < f.plain + f.split; i++, table += FT_TREE_MASKS, bytes += n) {
		mask = table[*bytes];
		if (i >= f.plain) {
			table += FT_TREE_MASKS;
			bytes += n;
			mask |= table[*bytes];
		}
		differ |= (lane[i * n + k] ^ ft_asked_half(a, i, key)) & mask;
	}
	if (f.spans) {
		differ |= ft_span_differs(lane[i * n + k], ft_lane_size(t, lane[(i + 1) * n + k]),
			a->walk->ports[key]);
		i++;
	}
	for (; i < ft_form_wide(f) + f.narrow; i++, bytes += 2 * n)
		differ |= (bytes[0] ^ ft_asked_byte(a, i, key)) & bytes[n];
	return differ;
}

// Where trees are made so for tests alone.
static inline uint32_t ft_brief_fits(struct ft_lanes_form f, const struct ft_against *a,
	const uint32_t *lane, size_t n, size_t key)
{
	uint32_t fits = 0;

	for (size_t k = 0; k < n; k++)
		fits |= (uint32_t)!ft_brief_lane_differs(f, a, lane, k, n, key) << k;
	return fits;
}

#if defined(__AVX2__)

static inline __m256i ft_lanes_load(const uint32_t *at)
{
	return _mm256_loadu_si256((const __m256i *)(const void *)at);
}

static inline __m256i ft_differ_of(const uint32_t *value, const uint32_t *mask, __m256i want)
{
	return _mm256_and_si256(_mm256_xor_si256(ft_lanes_load(value), want), ft_lanes_load(mask));
}

static inline __m256i ft_outside_of(const uint32_t *low, const uint32_t *size, __m256i ports)
{
	return _mm256_subs_epu16(_mm256_sub_epi16(ports, ft_lanes_load(low)), ft_lanes_load(size));
}

static inline uint32_t ft_zeros_of(__m256i v)
{
	__m256i zero = _mm256_cmpeq_epi32(v, _mm256_setzero_si256());

	return (uint32_t)_mm256_movemask_ps(_mm256_castsi256_ps(zero));
}

static inline __attribute__((always_inline)) uint32_t ft_whole_fits(struct ft_lanes_form f,
	const struct ft_against *a, const uint32_t *lane, size_t n, size_t key)
{
	__m256i low = _mm256_setzero_si256(), high = low, want;

	for (unsigned i = 0; i < f.plain; i++, lane += 2 * n) {
		want = _mm256_set1_epi32((int)ft_asked_half(a, i, key));
		low = _mm256_or_si256(low, ft_differ_of(lane, lane + n, want));
		high = _mm256_or_si256(high, ft_differ_of(lane + 8, lane + n + 8, want));
	}
	if (f.spans) {
		want = _mm256_set1_epi32((int)a->walk->ports[key]);
		low = _mm256_or_si256(low, ft_outside_of(lane, lane + n, want));
		high = _mm256_or_si256(high, ft_outside_of(lane + 8, lane + n + 8, want));
	}
	return (ft_zeros_of(low) | ft_zeros_of(high) << 8) & ((1u << n) - 1);
}

#else

static inline __attribute__((always_inline)) uint32_t ft_whole_fits(struct ft_lanes_form f,
	const struct ft_against *a, const uint32_t *lane, size_t n, size_t key)
{
	uint32_t fits = 0;

	for (size_t k = 0; k < n; k++) {
		uint32_t differ = 0;

		for (unsigned i = 0; i < f.plain; i++)
			differ |= (lane[2 * n * i + k] ^ ft_asked_half(a, i, key)) &
				  lane[2 * n * i + n + k];
		if (f.spans)
			differ |= ft_span_differs(lane[2 * n * f.plain + k],
				lane[2 * n * f.plain + n + k], a->walk->ports[key]);
		fits |= (uint32_t)!differ << k;
	}
	return fits;
}

#endif

#endif

// One bit a lane that matches, of the first n.
static inline __attribute__((always_inline)) uint32_t ft_lanes_fit(struct ft_lanes_form f,
	const struct ft_against *a, const uint32_t *lane, size_t n, size_t key)
{
	return f.brief ? ft_brief_fits(f, a, lane, n, key) : ft_whole_fits(f, a, lane, n, key);
}
