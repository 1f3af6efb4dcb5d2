// SPDX-License-Identifier: Apache-2.0
// The workers' side of gists. Compiled for each instruction set, with FT_GIST as the name.
//
// In stages, so that the misses of all keys overlap: the part; the rows that a key chooses; the
// records that come through; what they say.
#include "flowtable/cache/gist.h"

#include "flowtable/cache/gist_split.h"
#include "flowtable/flowtable.h"
#include "flowtable/prefetched.h"
#include "flowtable/classifier/sieve_lookup.h"

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

#define ASKED 2u // records of a table

// ---- parts

static inline void find_parts(const struct ft_gist *const g[],
	const struct weft_flow_key *const keys[], unsigned n, const struct ft_gist *part[])
{
	for (unsigned i = 0; i < n; i++) {
		part[i] = g[i];
		if (__builtin_expect(!g[i]->parts, 1))
			continue;
		part[i] += 1 + ft_gist_part(&g[i]->split, keys[i]);
		ft_gist_prefetch(part[i]);
	}
}

// ---- rows

struct rows {
	const uint64_t *at[FT_GIST_ROWS];
};

static inline const uint64_t *row_of(
	const struct ft_gist *g, const struct weft_flow_key *key, unsigned i)
{
	unsigned half = g->row_half[i];
	uint64_t word = ft_key_word(key, half / 2) >> 32 * (half % 2);
	uint32_t row = g->row_at[i] + ft_tree_bits(word, g->sieve.row_bits[i]);

	return ft_bits_rows(&g->sieve) + row * g->sieve.words;
}

static inline void prefetch_rows(
	const struct ft_gist *g, const struct weft_flow_key *key, struct rows *r)
{
	for (unsigned i = 0, n = g->rows; i < n; i++) {
		r->at[i] = row_of(g, key, i);
		__builtin_prefetch(r->at[i]);
	}
	if (!g->rows)
		for (uint32_t i = 0; i < g->sieve.n; i++)
			__builtin_prefetch(ft_gist_record(g, i));
}

// A row has one word or two; there is nothing in the second word if it has one.
static inline struct ft_sieved sieve(const struct ft_gist *g, const struct rows *r)
{
	int n = (int)g->sieve.n;
	struct ft_sieved s = {{ft_sieve_below(n), ft_sieve_below(n - 64)}};

	static_assert(FT_SIEVE_WORDS == 2, "both");
	for (unsigned i = 0, rows = g->rows; i < rows; i++) {
		s.word[0] &= r->at[i][0];
		s.word[1] &= r->at[i][g->sieve.words - 1];
	}
	return s;
}

// ---- records

// The pieces of a key that records have, as they have them.
struct pieces {
	uint16_t of[2][FT_GIST_PIECES + 1];
} __attribute__((aligned(32)));

static inline void find_pieces(
	const struct ft_gist *g, const struct weft_flow_key *key, struct pieces *k)
{
#if defined(__AVX512BW__) && defined(__AVX512VL__)
	if (__builtin_expect(g->sieve.near, 1)) {
		__m128i order =
			_mm_setr_epi8(4, 5, 6, 7, 8, 9, 10, -1, 11, 12, 13, 14, 15, -1, -1, -1);
		__m128i piece = _mm_load_si128((const __m128i *)(const void *)&g->sieve + 3);
		__m512i at = _mm512_castsi256_si512(
			_mm256_cvtepu8_epi16(_mm_shuffle_epi8(piece, order)));
		__m512i low = _mm512_loadu_si512(key);
		__m512i high = _mm512_loadu_si512((const char *)key + 64);

		_mm256_store_si256((__m256i *)(void *)k,
			_mm512_castsi512_si256(_mm512_permutex2var_epi16(low, at, high)));
		return;
	}
#endif
	for (unsigned i = 0; i < FT_RECORD_PIECES; i++)
		k->of[i / FT_GIST_PIECES][i % FT_GIST_PIECES] =
			ft_key_piece(key, g->sieve.piece[i]);
}

static inline bool fits(const struct ft_gist_record *r, const uint16_t piece[FT_GIST_PIECES + 1])
{
#if defined(__SSE2__)
	__m128i differ = _mm_and_si128(_mm_xor_si128(_mm_load_si128((const void *)piece),
					       _mm_load_si128((const void *)r->value)),
		_mm_load_si128((const void *)r->mask));
	unsigned same = (unsigned)_mm_movemask_epi8(_mm_cmpeq_epi16(differ, _mm_setzero_si128()));

	return !(~same & ((1u << 2 * FT_GIST_PIECES) - 1));
#else
	unsigned differ = 0;

	for (unsigned i = 0; i < FT_GIST_PIECES; i++)
		differ |= (unsigned)(piece[i] ^ r->value[i]) & r->mask[i];
	return !differ;
#endif
}

static inline bool fits_both(const struct ft_gist_record r[2], const struct pieces *k)
{
	return fits(&r[0], k->of[0]) && fits(&r[1], k->of[1]);
}

// What comes through of the slots from `first` to `end`.
static inline struct ft_sieved part_of(const struct ft_sieved *s, unsigned first, unsigned end)
{
	struct ft_sieved part;

	for (int w = 0; w < (int)FT_SIEVE_WORDS; w++)
		part.word[w] = s->word[w] & ft_sieve_below((int)end - 64 * w) &
			       ~ft_sieve_below((int)first - 64 * w);
	return part;
}

// Of each table the first ones: one that was not asked for takes longer than all else here.
static inline void prefetch_records(const struct ft_gist *g, const struct ft_sieved *s)
{
	for (unsigned left = ((1u << g->tables) - 1) & ~(unsigned)g->lone; left; left &= left - 1) {
		unsigned t = (unsigned)__builtin_ctz(left);
		struct ft_sieved part = part_of(s, g->first[t], g->first[t + 1]);

		for (unsigned n = 0; n < ASKED; n++) {
			uint32_t slot = ft_sieved_next(&part);

			if (slot == FT_SIEVE_NOWHERE)
				break;
			__builtin_prefetch(ft_gist_record(g, slot));
		}
	}
	ft_prefetched();
}

// One that differs from what all lone tables want. Of two rules the second wants nothing.
static __attribute__((noinline)) uint32_t meets_lone(
	const struct ft_gist *g, unsigned table, const struct pieces *k)
{
	const struct ft_gist_record *r = ft_gist_lone(g, table);
	uint32_t slot = g->first[table] + !fits_both(r, k);

	return slot < g->first[table + 1] ? slot : FT_SIEVE_NOWHERE;
}

static inline uint32_t meets(
	const struct ft_gist *g, unsigned table, const struct ft_sieved *s, const struct pieces *k)
{
	struct ft_sieved part = part_of(s, g->first[table], g->first[table + 1]);
	uint32_t slot;

	if (__builtin_expect(g->lone >> table & 1, 0))
		return meets_lone(g, table, k);
	while ((slot = ft_sieved_next(&part)) != FT_SIEVE_NOWHERE) {
		const struct ft_gist_record *r = ft_gist_record(g, slot);

		if (fits(r, k->of[0]) && (!g->wide || fits(r + 1, k->of[1])))
			break;
	}
	return slot;
}

static inline uint64_t walk(
	const struct ft_gist *g, const struct ft_sieved *s, const struct weft_flow_key *key)
{
	struct pieces k;
	unsigned next = 0, lone;
	uint64_t way = 0;

	find_pieces(g, key, &k);
	lone = fits_both(g->lone_want, &k) ? g->lone : 0;
	do {
		unsigned table = next;
		uint64_t number = FT_GIST_MET;

		if (lone >> table & 1) {
			next = g->lone_next[table];
		} else {
			uint32_t slot = meets(g, table, s, &k);
			const struct ft_gist_record *r;

			if (slot == FT_SIEVE_NOWHERE)
				return way | (uint64_t)FT_GIST_MISS << g->shift[table];
			r = ft_gist_record(g, slot);
			number += r->number;
			next = r->next;
		}
		way |= number << g->shift[table];
		if (next == FT_GIST_OPEN)
			return FT_GIST_NO_WAY;
	} while (next != FT_GIST_END);
	return way;
}

void FT_GIST(const struct ft_gist *const g[], const struct weft_flow_key *const keys[], unsigned n,
	uint64_t ways[])
{
	const struct ft_gist *part[FT_BURST];
	struct ft_sieved sieved[FT_BURST];
	struct rows rows[FT_BURST];

	find_parts(g, keys, n, part);
	for (unsigned i = 0; i < n; i++)
		prefetch_rows(part[i], keys[i], &rows[i]);
	for (unsigned i = 0; i < n; i++) {
		sieved[i] = sieve(part[i], &rows[i]);
		prefetch_records(part[i], &sieved[i]);
	}
	for (unsigned i = 0; i < n; i++)
		ways[i] = walk(part[i], &sieved[i], keys[i]);
}
