// SPDX-License-Identifier: Apache-2.0
#pragma once
// Which bits of a frame the rules of a switch may look at: the union of the masks of all rules in
// all tables, and of what select groups hash, as masks over the frame's first 64 bytes. For the
// flow cache (cache_key.h).
//
// The writer changes it in place, word by word, while workers read. That is enough: whatever mix of
// an older and a newer mask a worker sees lies between the two, and both, the older because the new
// rules cannot be seen yet, the newer because those that went cannot be seen any more, hold all
// that the rules of its version look at.

#include "flowtable/alike.h"

#include <stdatomic.h>
#include <weft/flow_key.h>

// Frames whose fields lie at fixed places.
enum ft_frame_kind {
	FT_FRAME_TCP4,
	FT_FRAME_UDP4,
	FT_FRAME_ICMP4,
	FT_FRAME_TCP6,
	FT_FRAME_UDP6,
	FT_FRAME_TAGGED, // and the same five behind a VLAN tag
	FT_FRAME_ARP = 2 * FT_FRAME_TAGGED,
	FT_FRAME_KINDS,
	FT_FRAME_OTHER = FT_FRAME_KINDS
};

struct ft_relevance {
	_Alignas(64) _Atomic uint64_t mask[FT_FRAME_KINDS][8];
	bool all_tcp6; // rules look at what lies beyond 64 bytes: TCP flags over IPv6
	_Atomic uint64_t word[FT_ALIKE_WORDS]; // the same as words of the key
	// the writer's
	struct weft_flow_key fields;
};

struct ft_group;
struct ft_shape;
struct ft_switch;

// Workers. Whether the turn still is the one that ft_relevance_turn() told before any mask was
// read, so that words[] is what those masks are made of.
bool ft_relevance_words(const struct ft_switch *, uint64_t turn, uint64_t words[FT_ALIKE_WORDS]);

void ft_relevance_init(struct ft_switch *);
// A rule of this shape is about to be published.
void ft_relevance_grow(struct ft_switch *, const struct ft_shape *);
// A group is about to be published: one that chooses by a hash looks at what it hashes.
void ft_relevance_group(struct ft_switch *, const struct ft_group *);
// Shapes or groups have gone, and no worker sees any more what was of them: from what is left.
void ft_relevance_shrink(struct ft_switch *);
