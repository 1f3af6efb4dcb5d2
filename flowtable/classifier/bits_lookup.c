// SPDX-License-Identifier: Apache-2.0
// The workers' side of bit vectors. Compiled for each instruction set, with FT_BITS as the name.
//
// The vector loads are not atomic as C sees it; words are aligned, so that these processors load
// each of them whole, and a bit that a reader misses is of a rule that it must not see yet.
#include "flowtable/classifier/bits.h"

#include "flowtable/classifier/sieve_lookup.h"

#if defined(__AVX2__)
#include <immintrin.h>
#endif

// Words of a row, all ANDed: 512 bits.
struct block {
	uint64_t word[FT_BITS_BLOCK];
} __attribute__((aligned(64)));

// The rows that a key chooses: where they begin, in words.
struct chosen {
	uint32_t at[FT_BITS_COLUMNS];
} __attribute__((aligned(64)));

#if defined(__AVX512BW__)

// All columns at once.
static inline void choose_near(const struct ft_bits *b, const struct weft_flow_key *key,
	uint32_t words, struct chosen *chosen)
{
	const struct ft_columns *c = &ft_bits_full(b)->columns;
	__m512i stride = _mm512_set1_epi32((int)words), a, z;
	__m512i low = _mm512_loadu_si512(key), high = _mm512_loadu_si512((const char *)key + 64);
	__m512i v = _mm512_permutex2var_epi16(low, _mm512_load_si512(c->piece), high);

	v = _mm512_xor_si512(v, _mm512_load_si512(c->value));
	v = _mm512_and_si512(v, _mm512_load_si512(c->mask));
	v = _mm512_srlv_epi16(v, _mm512_load_si512(c->shift));
	v = _mm512_min_epu16(v, _mm512_load_si512(c->last));
	v = _mm512_add_epi16(v, _mm512_load_si512(c->row));
	a = _mm512_cvtepu16_epi32(_mm512_castsi512_si256(v));
	z = _mm512_cvtepu16_epi32(_mm512_extracti64x4_epi64(v, 1));
	_mm512_store_si512(chosen->at, _mm512_mullo_epi32(a, stride));
	_mm512_store_si512(chosen->at + 16, _mm512_mullo_epi32(z, stride));
}

#endif

// Of rows that have so many words.
static inline void choose(const struct ft_bits *b, const struct weft_flow_key *key, uint32_t words,
	struct chosen *chosen)
{
	const struct ft_columns *c = &ft_bits_full(b)->columns;

#if defined(__AVX512BW__)
	if (__builtin_expect(b->near, 1)) {
		choose_near(b, key, words, chosen);
		return;
	}
#endif
	for (uint32_t i = 0; i < b->n_columns; i++) {
		unsigned differ = (ft_key_piece(key, c->piece[i]) ^ c->value[i]) & c->mask[i];
		unsigned row = differ >> c->shift[i];

		chosen->at[i] = (c->row[i] + (row < c->last[i] ? row : c->last[i])) * words;
	}
}

// A block of all rows.
struct rows {
	const void *bits; // where the first row's begins
	uint32_t n;       // words: 1, 2, 4 or 8
};

#define AT(rows, chosen, i) ((const uint64_t *)(rows)->bits + (chosen)->at[i])
#define SO_MANY 8u // columns, and then a look whether anything is left

#if defined(__AVX512F__)

static inline __attribute__((always_inline)) uint32_t and_words(const struct ft_bits *b,
	const struct chosen *chosen, const struct rows *rows, __mmask8 m, struct block *out)
{
	__m512i all = _mm512_maskz_set1_epi64(m, -1);
	__mmask8 left = m;
	uint32_t i = 0;

	for (; left && i + SO_MANY <= b->n_columns; i += SO_MANY) {
#pragma GCC unroll 8
		for (uint32_t k = 0; k < SO_MANY; k++)
			all = _mm512_and_si512(
				all, _mm512_maskz_loadu_epi64(m, AT(rows, chosen, i + k)));
		left = _mm512_test_epi64_mask(all, all);
	}
	if (!left)
		return 0;
	for (; i < b->n_columns; i++)
		all = _mm512_and_si512(all, _mm512_maskz_loadu_epi64(m, AT(rows, chosen, i)));
	_mm512_store_si512(out, all);
	return _mm512_test_epi64_mask(all, all);
}

// Which of the words have a bit.
static inline uint32_t and_rows(const struct ft_bits *b, const struct chosen *chosen,
	const struct rows *rows, struct block *out)
{
	if (rows->n == FT_BITS_BLOCK)
		return and_words(b, chosen, rows, 0xff, out);
	return and_words(b, chosen, rows, (__mmask8)((1u << rows->n) - 1), out);
}

#elif defined(__AVX2__)

static inline uint32_t nonzero(__m256i v)
{
	__m256i zero = _mm256_cmpeq_epi64(v, _mm256_setzero_si256());

	return ~(uint32_t)_mm256_movemask_pd(_mm256_castsi256_pd(zero)) & 15;
}

static inline uint32_t and_rows(const struct ft_bits *b, const struct chosen *chosen,
	const struct rows *rows, struct block *out)
{
	__m256i m = _mm256_cmpgt_epi64(_mm256_set1_epi64x(rows->n), _mm256_setr_epi64x(0, 1, 2, 3));
	__m256i low = m, high = rows->n > 4 ? m : _mm256_setzero_si256(), any;
	uint32_t i = 0, end;

	do {
		end = i + SO_MANY < b->n_columns ? i + SO_MANY : b->n_columns;
		for (; i < end; i++) {
			const void *row = AT(rows, chosen, i);

			low = _mm256_and_si256(low, _mm256_maskload_epi64(row, m));
			if (rows->n > 4)
				high = _mm256_and_si256(
					high, _mm256_loadu_si256((const __m256i *)row + 1));
		}
		any = _mm256_or_si256(low, high);
		if (_mm256_testz_si256(any, any))
			return 0;
	} while (i < b->n_columns);
	_mm256_store_si256((__m256i *)(void *)out->word, low);
	_mm256_store_si256((__m256i *)(void *)(out->word + 4), high);
	return nonzero(low) | nonzero(high) << 4;
}

#else

static inline uint32_t and_rows(const struct ft_bits *b, const struct chosen *chosen,
	const struct rows *rows, struct block *out)
{
	uint32_t any = 0;

	for (uint32_t w = 0; w < rows->n; w++) {
		uint64_t all = UINT64_MAX;

		for (uint32_t i = 0; all && i < b->n_columns; i++)
			all &= __atomic_load_n(AT(rows, chosen, i) + w, __ATOMIC_RELAXED);
		out->word[w] = all;
		any |= (uint32_t)(all != 0) << w;
	}
	return any;
}

#endif

// The best of the slots of a word and of `best`. `ordered`: by priority.
static inline const struct ft_rule *best_of(const struct ft_bits *b, uint32_t first, uint64_t word,
	bool ordered, uint64_t version, const struct ft_rule *best)
{
	for (; word; word &= word - 1) {
		uint32_t slot = first + (uint32_t)__builtin_ctzll(word);
		const struct ft_rule *r =
			atomic_load_explicit(&ft_bits_full(b)->rule[slot], memory_order_acquire);

		if (!r || (best && best->priority >= ft_bits_full(b)->priority[slot]))
			continue;
		r = ft_chain_visible(r, version);
		if (!r || (best && best->priority >= r->priority))
			continue;
		best = r;
		if (ordered && r->priority == ft_bits_full(b)->priority[slot])
			break;
	}
	return best;
}

static inline uint32_t block_words(uint32_t words)
{
	return words < FT_BITS_BLOCK ? words : FT_BITS_BLOCK;
}

static inline const struct ft_rule *find_ordered(
	const struct ft_bits *b, uint64_t version, const struct chosen *chosen)
{
	struct rows rows = {ft_bits_rows(b), block_words(b->words)};
	const struct ft_rule *best = NULL;
	struct block block;

	for (uint32_t from = 0; 64 * from < b->n; from += rows.n) {
		if (best && best->priority >= ft_bits_full(b)->priority[64 * from])
			break;
		rows.bits = ft_bits_rows(b) + from;
		for (uint32_t some = and_rows(b, chosen, &rows, &block); some; some &= some - 1) {
			uint32_t w = (uint32_t)__builtin_ctz(some);

			best = best_of(b, 64 * (from + w), block.word[w], true, version, best);
		}
	}
	return best;
}

static inline const struct ft_rule *find_in_tail(const struct ft_bits *b, uint32_t tail,
	uint64_t version, const struct weft_flow_key *key, const struct ft_rule *best)
{
	struct rows rows = {NULL, block_words(b->tail_words)};
	struct chosen chosen;
	struct block block;

	choose(b, key, b->tail_words, &chosen);
	for (uint32_t from = 0; 64 * from < tail; from += rows.n) {
		rows.bits = (const uint64_t *)(uintptr_t)ft_bits_tail_rows(b) + from;
		for (uint32_t some = and_rows(b, &chosen, &rows, &block); some; some &= some - 1) {
			uint32_t w = (uint32_t)__builtin_ctz(some);

			best = best_of(b, b->first_tail + 64 * (from + w), block.word[w], false,
				version, best);
		}
	}
	return best;
}

#define NOWHERE UINT32_MAX

// The slot of the highest priority, or NOWHERE; nearly always that is the rule.
static inline uint32_t first_slot(const struct ft_bits *b, const struct chosen *chosen)
{
	struct rows rows = {ft_bits_rows(b), block_words(b->words)};
	struct block block;

	for (uint32_t from = 0; 64 * from < b->n; from += rows.n) {
		uint32_t some;

		rows.bits = ft_bits_rows(b) + from;
		some = and_rows(b, chosen, &rows, &block);
		if (some) {
			uint32_t w = (uint32_t)__builtin_ctz(some);

			return 64 * (from + w) + (uint32_t)__builtin_ctzll(block.word[w]);
		}
	}
	return NOWHERE;
}

// What the slot was made for, if that is there at this version.
static inline const struct ft_rule *rule_in(
	const struct ft_bits *b, uint32_t slot, uint64_t version)
{
	const struct ft_rule *r =
		atomic_load_explicit(&ft_bits_full(b)->rule[slot], memory_order_acquire);

	return r && ft_life_visible(&r->life, version) &&
			       r->priority == ft_bits_full(b)->priority[slot]
		       ? r
		       : NULL;
}

// Without the tail. In stages, so that the misses of all keys overlap: the slot; its rule's
// address; the rule.
static inline void find_all(const struct ft_bits *b, uint64_t version,
	const struct weft_flow_key *const keys[], unsigned n, const struct ft_rule *rules[])
{
	uint32_t slot[FT_BURST];
	struct chosen chosen;

	for (unsigned i = 0; i < n; i++) {
		choose(b, keys[i], b->words, &chosen);
		slot[i] = first_slot(b, &chosen);
		if (slot[i] != NOWHERE)
			__builtin_prefetch(
				(const void *)(uintptr_t)&ft_bits_full(b)->rule[slot[i]]);
	}
	for (unsigned i = 0; i < n; i++)
		if (slot[i] != NOWHERE)
			__builtin_prefetch(atomic_load_explicit(
				&ft_bits_full(b)->rule[slot[i]], memory_order_relaxed));
	for (unsigned i = 0; i < n; i++) {
		rules[i] = slot[i] != NOWHERE ? rule_in(b, slot[i], version) : NULL;
		if (__builtin_expect(!rules[i] && slot[i] != NOWHERE, 0)) {
			choose(b, keys[i], b->words, &chosen);
			rules[i] = find_ordered(b, version, &chosen);
		}
	}
}

// A table of one rule, or hardly more, is no table: they are compared one by one.
static inline void find_directly(const struct ft_bits *b, uint64_t version,
	const struct weft_flow_key *const keys[], unsigned n, const struct ft_rule *rules[])
{
	const struct ft_rule *rule[FT_BITS_DIRECT];
	unsigned n_rules = 0;

	for (uint32_t i = 0; i < b->n; i++) {
		rule[n_rules] = ft_chain_visible(
			atomic_load_explicit(&ft_bits_full(b)->rule[i], memory_order_acquire),
			version);
		n_rules += rule[n_rules] != NULL;
	}
	for (unsigned i = 0; i < n; i++) {
		rules[i] = NULL;
		for (unsigned k = 0; k < n_rules; k++)
			if (ft_rule_matches(rule[k], keys[i]) &&
				(!rules[i] || rule[k]->priority > rules[i]->priority))
				rules[i] = rule[k];
	}
}

// ---- guessing

// Nearly always the first half of each of the arrays will do.
static inline void prefetch_columns(const struct ft_bits *b)
{
	for (unsigned i = 0; i < sizeof(struct ft_columns); i += sizeof(uint16_t[FT_BITS_COLUMNS]))
		__builtin_prefetch((const char *)&ft_bits_full(b)->columns + i);
}

static inline void prefetch_rows(const struct ft_bits *b, const struct chosen *chosen)
{
	for (uint32_t i = 0; i < b->n_columns; i++)
		__builtin_prefetch(ft_bits_rows(b) + chosen->at[i]);
}

static inline void prefetch_slot(const struct ft_bits *b, uint32_t slot)
{
	__builtin_prefetch((const void *)(uintptr_t)&ft_bits_full(b)->rule[slot]);
	__builtin_prefetch(&ft_bits_full(b)->priority[slot]);
}

static inline bool is_full(const struct ft_bits *b)
{
	return b && !b->n_pieces;
}

static inline bool is_sieve(const struct ft_bits *b)
{
	return b && b->n_pieces;
}

// Of so few rules it takes the first.
static inline void guess_full(const struct ft_bits *const b[],
	const struct weft_flow_key *const keys[], unsigned n, const struct ft_rule *rules[])
{
	struct chosen chosen[FT_BURST];
	uint32_t slot[FT_BURST];

	for (unsigned i = 0; i < n; i++)
		if (is_full(b[i]) && !ft_bits_is_direct(b[i]))
			prefetch_columns(b[i]);
	for (unsigned i = 0; i < n; i++) {
		if (!is_full(b[i]) || ft_bits_is_direct(b[i]))
			continue;
		choose(b[i], keys[i], b[i]->words, &chosen[i]);
		prefetch_rows(b[i], &chosen[i]);
	}
	for (unsigned i = 0; i < n; i++) {
		slot[i] = NOWHERE;
		if (!is_full(b[i]))
			continue;
		slot[i] = ft_bits_is_direct(b[i]) ? 0 : first_slot(b[i], &chosen[i]);
		if (slot[i] != NOWHERE)
			prefetch_slot(b[i], slot[i]);
	}
	for (unsigned i = 0; i < n; i++) {
		if (slot[i] == NOWHERE)
			continue;
		rules[i] = atomic_load_explicit(
			&ft_bits_full(b[i])->rule[slot[i]], memory_order_acquire);
		ft_rule_prefetch(rules[i]);
	}
}

#define RECORDS_AHEAD 2u

static inline void prefetch_records(const struct ft_bits *b, struct ft_sieved s)
{
	for (unsigned i = 0; i < RECORDS_AHEAD; i++) {
		uint32_t slot = ft_sieved_next(&s);

		if (slot == FT_SIEVE_NOWHERE)
			return;
		__builtin_prefetch(ft_bits_record(b, slot));
	}
}

static inline void guess_sieve(const struct ft_bits *const b[],
	const struct weft_flow_key *const keys[], unsigned n, const struct ft_rule *rules[])
{
	struct ft_sieved sieved[FT_BURST];

	for (unsigned i = 0; i < n; i++)
		if (is_sieve(b[i]))
			ft_sieve_prefetch_rows(b[i], keys[i]);
	for (unsigned i = 0; i < n; i++) {
		if (!is_sieve(b[i]))
			continue;
		sieved[i] = ft_sieve_ordered(b[i], keys[i]);
		if (b[i]->n_columns)
			prefetch_records(b[i], sieved[i]);
	}
	for (unsigned i = 0; i < n; i++) {
		struct ft_sieve_key k;
		uint32_t slot;

		if (!is_sieve(b[i]))
			continue;
		ft_sieve_key(b[i], keys[i], &k);
		slot = ft_sieve_first(b[i], sieved[i], &k);
		if (slot == FT_SIEVE_NOWHERE)
			continue;
		rules[i] = atomic_load_explicit(
			&ft_bits_record(b[i], slot)->rule, memory_order_acquire);
		ft_rule_prefetch(rules[i]);
	}
}

void FT_BITS_GUESS(const struct ft_bits *const b[], const struct weft_flow_key *const keys[],
	unsigned n, const struct ft_rule *rules[])
{
	bool full = false, sieve = false;

	for (unsigned i = 0; i < n; i++) {
		rules[i] = NULL;
		full |= is_full(b[i]);
		sieve |= is_sieve(b[i]);
	}
	if (full)
		guess_full(b, keys, n, rules);
	if (sieve)
		guess_sieve(b, keys, n, rules);
}

void FT_BITS(const struct ft_bits *b, uint64_t version, const struct weft_flow_key *const keys[],
	unsigned n, const struct ft_rule *rules[])
{
	uint32_t tail = atomic_load_explicit(&b->tail, memory_order_acquire);

	if (b->n_pieces) {
		ft_sieve_lookup(b, version, keys, n, rules);
		return;
	}
	if (ft_bits_is_direct(b)) {
		find_directly(b, version, keys, n, rules);
		return;
	}
	find_all(b, version, keys, n, rules);
	for (unsigned i = 0; tail && i < n; i++)
		rules[i] = find_in_tail(b, tail, version, keys[i], rules[i]);
}
