// SPDX-License-Identifier: Apache-2.0
#pragma once
// The workers' side of sieves (bits.h); for bits_lookup.c, which is compiled for each instruction
// set.

#include "flowtable/classifier/bits.h"
#include "flowtable/flowtable.h"
#include "flowtable/prefetched.h"
#include "flowtable/classifier/lookup_key.h"
#include "flowtable/classifier/sieve_set.h"

#if defined(__AVX512BW__) && defined(__AVX512VL__)
#include <immintrin.h>
#endif

#define FT_SIEVE_NOWHERE UINT32_MAX

// The pieces of a key that the records have.
struct ft_sieve_key {
	union {
		uint16_t piece[16];
		uint64_t word[4];
	};
} __attribute__((aligned(32)));
#define FT_RECORD_WORDS (FT_RECORD_PIECES / 4)
static_assert(FT_RECORD_PIECES % 4 == 0 && offsetof(struct ft_record, mask) == 24 &&
		      offsetof(struct ft_bits, piece) == 52,
	"loaded as words");

static inline void ft_sieve_key(
	const struct ft_bits *b, const struct weft_flow_key *key, struct ft_sieve_key *k)
{
#if defined(__AVX512BW__) && defined(__AVX512VL__)
	if (__builtin_expect(b->near, 1)) {
		__m512i low = _mm512_loadu_si512(key);
		__m512i high = _mm512_loadu_si512((const char *)key + 64);
		__m128i piece = _mm_load_si128((const __m128i *)(const void *)b + 3);
		__m512i at = _mm512_castsi256_si512(_mm256_cvtepu8_epi16(_mm_srli_si128(piece, 4)));

		_mm256_store_si256((__m256i *)(void *)k,
			_mm512_castsi512_si256(_mm512_permutex2var_epi16(low, at, high)));
		return;
	}
#endif
	for (unsigned i = 0; i < FT_RECORD_PIECES; i++)
		k->piece[i] = ft_key_piece(key, b->piece[i]);
}

static inline bool ft_record_fits(const struct ft_record *r, const struct ft_sieve_key *k)
{
#if defined(__AVX512BW__) && defined(__AVX512VL__)
	__m256i differ = _mm256_xor_si256(
		_mm256_load_si256((const void *)k), _mm256_loadu_si256((const void *)r->value));

	return !(_mm256_test_epi16_mask(differ, _mm256_loadu_si256((const void *)r->mask)) &
		 ((1u << FT_RECORD_PIECES) - 1));
#else
	uint64_t differ = 0;

	for (unsigned i = 0; i < FT_RECORD_WORDS; i++) {
		uint64_t value, mask;

		memcpy(&value, &r->value[4 * i], 8);
		memcpy(&mask, &r->mask[4 * i], 8);
		differ |= (k->word[i] ^ value) & mask;
	}
	return !differ;
#endif
}

// Where the row of the i-th column begins that the key chooses, in rows.
static inline uint32_t ft_sieve_row(
	const struct ft_bits *b, const struct weft_flow_key *key, uint32_t i)
{
	return 16 * i + (ft_key_piece(key, b->column[i].piece) >> b->column[i].shift & 15u);
}

static inline void ft_sieve_prefetch_rows(const struct ft_bits *b, const struct weft_flow_key *key)
{
	const uint64_t *rows = ft_bits_rows(b);

	for (uint32_t i = 0; i < b->n_columns; i++)
		__builtin_prefetch(rows + ft_sieve_row(b, key, i) * b->words);
	if (!b->n_columns)
		for (uint32_t i = 0; i < b->n; i++)
			__builtin_prefetch(ft_bits_record(b, i));
	ft_prefetched();
}

// Of n slots, `words` a row.
static inline struct ft_sieved ft_sieve(const struct ft_bits *b, const uint64_t *rows,
	uint32_t words, uint32_t n, const struct weft_flow_key *key)
{
	struct ft_sieved s = {{0}};

	for (uint32_t w = 0; w < words; w++)
		s.word[w] = ft_sieve_below((int)n - 64 * (int)w);
	for (uint32_t i = 0; i < b->n_columns; i++) {
		const uint64_t *row = rows + ft_sieve_row(b, key, i) * words;

		for (uint32_t w = 0; w < words; w++)
			s.word[w] &= __atomic_load_n(&row[w], __ATOMIC_RELAXED);
	}
	return s;
}

static inline struct ft_sieved ft_sieve_ordered(
	const struct ft_bits *b, const struct weft_flow_key *key)
{
	return ft_sieve(b, ft_bits_rows(b), b->words, b->n, key);
}

// The first of those that comes through; FT_SIEVE_NOWHERE: none. Takes it out.
static inline uint32_t ft_sieved_next(struct ft_sieved *s)
{
	for (uint32_t w = 0; w < FT_SIEVE_WORDS; w++)
		if (s->word[w]) {
			uint32_t slot = 64 * w + (uint32_t)__builtin_ctzll(s->word[w]);

			s->word[w] &= s->word[w] - 1;
			return slot;
		}
	return FT_SIEVE_NOWHERE;
}

// The first whose record fits and has a rule; nearly always that is the one.
static inline uint32_t ft_sieve_first(
	const struct ft_bits *b, struct ft_sieved s, const struct ft_sieve_key *k)
{
	uint32_t slot;

	while ((slot = ft_sieved_next(&s)) != FT_SIEVE_NOWHERE) {
		const struct ft_record *r = ft_bits_record(b, slot);

		if (atomic_load_explicit(&r->rule, memory_order_acquire) && ft_record_fits(r, k))
			return slot;
	}
	return FT_SIEVE_NOWHERE;
}

// The best of those that come through, from slot `first` on, and of `best`. `ordered`: by priority.
static inline const struct ft_rule *ft_sieve_best(const struct ft_bits *b, uint32_t first,
	struct ft_sieved s, const struct ft_sieve_key *k, bool ordered, uint64_t version,
	const struct ft_rule *best)
{
	uint32_t slot;

	while ((slot = ft_sieved_next(&s)) != FT_SIEVE_NOWHERE) {
		const struct ft_record *record = ft_bits_record(b, first + slot);
		const struct ft_rule *r = atomic_load_explicit(&record->rule, memory_order_acquire);

		if (!r || (best && best->priority >= record->priority) ||
			!ft_record_fits(record, k))
			continue;
		r = ft_chain_visible(r, version);
		if (!r || (best && best->priority >= r->priority))
			continue;
		best = r;
		if (ordered && r->priority == record->priority)
			break;
	}
	return best;
}

// What the slot was made for, if that is there at this version.
static inline const struct ft_rule *ft_sieve_rule(
	const struct ft_bits *b, uint32_t slot, uint64_t version)
{
	const struct ft_record *record = ft_bits_record(b, slot);
	const struct ft_rule *r = atomic_load_explicit(&record->rule, memory_order_acquire);

	return r && ft_life_visible(&r->life, version) && r->priority == record->priority ? r
											  : NULL;
}

static inline const struct ft_rule *ft_sieve_tail(const struct ft_bits *b, uint32_t tail,
	uint64_t version, const struct weft_flow_key *key, const struct ft_sieve_key *k,
	const struct ft_rule *best)
{
	const uint64_t *rows = (const uint64_t *)(uintptr_t)ft_bits_tail_rows(b);

	return ft_sieve_best(b, b->first_tail, ft_sieve(b, rows, b->tail_words, tail, key), k,
		false, version, best);
}

// In stages, so that the misses of all keys overlap: the first record; its rule; the rule.
static inline void ft_sieve_lookup(const struct ft_bits *b, uint64_t version,
	const struct weft_flow_key *const keys[], unsigned n, const struct ft_rule *rules[])
{
	uint32_t tail = atomic_load_explicit(&b->tail, memory_order_acquire);
	struct ft_sieve_key k[FT_BURST];
	uint32_t slot[FT_BURST];

	for (unsigned i = 0; i < n; i++) {
		ft_sieve_key(b, keys[i], &k[i]);
		slot[i] = ft_sieve_first(b, ft_sieve_ordered(b, keys[i]), &k[i]);
		if (slot[i] != FT_SIEVE_NOWHERE)
			__builtin_prefetch(atomic_load_explicit(
				&ft_bits_record(b, slot[i])->rule, memory_order_relaxed));
	}
	for (unsigned i = 0; i < n; i++) {
		rules[i] = NULL;
		if (slot[i] != FT_SIEVE_NOWHERE) {
			rules[i] = ft_sieve_rule(b, slot[i], version);
			if (__builtin_expect(!rules[i], 0))
				rules[i] = ft_sieve_best(b, 0, ft_sieve_ordered(b, keys[i]), &k[i],
					true, version, NULL);
		}
		if (tail)
			rules[i] = ft_sieve_tail(b, tail, version, keys[i], &k[i], rules[i]);
	}
}
