// SPDX-License-Identifier: Apache-2.0
#pragma once
// Which bits of a frame the rules of a switch may look at: the union of the masks of all rules in
// all tables, and of what select groups hash, as masks over the frame's first 64 bytes. For the
// flow cache (cache_key.h).
//
// The writer replaces the masks whole, while workers read. Older ones and newer ones are both good
// for a worker, the older because the new rules cannot be seen yet, the newer because those that
// went cannot be seen any more: both hold all that the rules of its version look at. Masks that are
// alike are one for all switches of the writer (commons.h).

#include "flowtable/cache/alike.h"

#include "flowtable/txn.h"

#include <stdatomic.h>
#include <weft/flow_key.h>

// Frames whose fields lie at fixed places.
enum ft_frame_kind {
	FT_FRAME_TCP4,
	FT_FRAME_UDP4, // and SCTP
	FT_FRAME_ICMP4,
	FT_FRAME_BARE4, // any other protocol: the key has nothing of what is behind the IP header
	FT_FRAME_TCP6,
	FT_FRAME_UDP6, // and SCTP
	FT_FRAME_ICMP6,
	FT_FRAME_BARE6,
	FT_FRAME_TAGGED, // and the same eight behind a VLAN tag
	FT_FRAME_ARP = 2 * FT_FRAME_TAGGED,
	FT_FRAME_KINDS,
	FT_FRAME_OTHER = FT_FRAME_KINDS
};

// Never changes while workers may see it.
struct ft_masks {
	_Alignas(64) uint64_t mask[FT_FRAME_KINDS][8];
	uint64_t word[FT_ALIKE_WORDS]; // the same as words of the key
	uint64_t all_tcp6; // not 0: rules look at what lies beyond 64 bytes: TCP flags over IPv6
	// the writer's: commons.h
	uint64_t hash;
	uint32_t users;
	struct ft_masks *next;
	struct ft_garbage garbage;
};
#define FT_MASKS_SAY offsetof(struct ft_masks, hash)

struct ft_group;
struct ft_shape;
struct ft_switch;

void ft_relevance_init(struct ft_switch *);
void ft_relevance_fini(struct ft_switch *); // with no worker left
// A rule of this shape is about to be published.
void ft_relevance_grow(struct ft_switch *, const struct ft_shape *);
// A group is about to be published: one that chooses by a hash looks at what it hashes.
void ft_relevance_group(struct ft_switch *, const struct ft_group *);
// Shapes or groups have gone, and no worker sees any more what was of them: from what is left.
void ft_relevance_shrink(struct ft_switch *);
