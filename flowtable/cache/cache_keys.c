// SPDX-License-Identifier: Apache-2.0
#include "flowtable/cache/cache_key.h"

#include "flowtable/hash.h"

static void fill(uint64_t *words, unsigned n, uint64_t *state)
{
	for (unsigned i = 0; i < n; i++) {
		*state += 0x9e3779b97f4a7c15u;
		words[i] = ft_hash_word(ft_hash_end(*state), i, *state);
	}
}

void ft_print_keys_init(struct ft_print_keys *k, uint64_t seed)
{
	fill(&k->round[0][0], 4 * 8, &seed);
	fill(&k->from[0][0], 4 * 2, &seed);
	fill(&k->tunnel[0][0], 12 * 2, &seed);
}
