// SPDX-License-Identifier: Apache-2.0
#pragma once
// Sets of a sieve's slots (bits.h), a bit each; and chance, by which sieves are tried before one is
// chosen, the same each time.

#include "flowtable/classifier/bits.h"

#define FT_SIEVE_WORDS (FT_SIEVE_RULES / 64)

// Slots that may match.
struct ft_sieved {
	uint64_t word[FT_SIEVE_WORDS];
};

// Bits below n of a word.
static inline uint64_t ft_sieve_below(int n)
{
	return n <= 0 ? 0 : n >= 64 ? UINT64_MAX : (1ull << n) - 1;
}

// Slots up to and without n.
static inline struct ft_sieved ft_sieved_below(uint32_t n)
{
	struct ft_sieved s;

	for (unsigned w = 0; w < FT_SIEVE_WORDS; w++)
		s.word[w] = ft_sieve_below((int)n - 64 * (int)w);
	return s;
}

// How many are in both.
static inline unsigned ft_sieved_count(const struct ft_sieved *a, const struct ft_sieved *b)
{
	unsigned n = 0;

	for (unsigned w = 0; w < FT_SIEVE_WORDS; w++)
		n += (unsigned)__builtin_popcountll(a->word[w] & b->word[w]);
	return n;
}

// Leaves those that are in both.
static inline void ft_sieved_keep(struct ft_sieved *s, const struct ft_sieved *of)
{
	for (unsigned w = 0; w < FT_SIEVE_WORDS; w++)
		s->word[w] &= of->word[w];
}

static inline uint32_t ft_sieve_chance(uint64_t *state)
{
	*state = *state * 6364136223846793005u + 1442695040888963407u;
	return (uint32_t)(*state >> 33);
}
