// SPDX-License-Identifier: Apache-2.0
#pragma once
// What all packets that go one path have in common, wherever they were looked up.
//
// A rule that comes or goes may concern a path only if a packet of it can match the rule. The
// packets are too many to be asked, but mostly they are much alike: one protocol, two networks, a
// machine. So what is kept is each bit of the key that was the same in all of them, and a rule that
// wants it otherwise leaves the path alone (history.h).
//
// Only bits that the packets' prints are made of (relevance.h) may be counted on: other packets of
// the same print may have others.
//
// A worker's own. All zeros: nothing is known.

#include <weft/flow_key.h>

#define FT_ALIKE_WORDS 16u // of the key, from its beginning: all that a frame with a print has

struct ft_alike {
	uint64_t value[FT_ALIKE_WORDS];
	uint64_t same[FT_ALIKE_WORDS]; // bits of `value` that hold
} __attribute__((aligned(64)));
static_assert(offsetof(struct weft_flow_key, nd_target) <= 8 * FT_ALIKE_WORDS, "addresses too");

static inline void ft_alike_first(struct ft_alike *a, const struct weft_flow_key *key)
{
	memcpy(a->value, key, sizeof(a->value));
	memset(a->same, 0xff, sizeof(a->same));
}

static inline void ft_alike_also(struct ft_alike *a, const struct weft_flow_key *key)
{
	uint64_t word[FT_ALIKE_WORDS];

	memcpy(word, key, sizeof(word));
	for (unsigned i = 0; i < FT_ALIKE_WORDS; i++)
		a->same[i] &= ~(a->value[i] ^ word[i]);
}

static inline void ft_alike_merge(struct ft_alike *a, const struct ft_alike *b)
{
	for (unsigned i = 0; i < FT_ALIKE_WORDS; i++)
		a->same[i] &= b->same[i] & ~(a->value[i] ^ b->value[i]);
}

// Counts on no other bits than these.
static inline void ft_alike_limit(struct ft_alike *a, const uint64_t bits[FT_ALIKE_WORDS])
{
	for (unsigned i = 0; i < FT_ALIKE_WORDS; i++)
		a->same[i] &= bits[i];
}
