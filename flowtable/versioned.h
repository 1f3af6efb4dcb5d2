// SPDX-License-Identifier: Apache-2.0
#pragma once
// What groups and meters have in common: objects with a number, found by it through an idmap, of
// which several versions may stand under one number at a time (version.h).
//
// The map has the newest version, which leads to the older ones. What outlives a modify, the
// counters of the whole and its age, is in a head that all versions share; the last of them frees
// it. One writer; workers call ft_versioned_find() alone.

#include <weft/flow.h>

#include "flowtable/idmap.h"
#include "flowtable/version.h"

struct ft_pkt_counter { // one worker's
	_Atomic uint64_t packets;
	_Atomic uint64_t bytes;
};

// The whole's counters lie a cache line apart, one a worker.
#define FT_HEAD_STRIDE (64 / sizeof(struct ft_pkt_counter))

struct ft_versioned_head {
	uint32_t id;
	uint32_t versions; // that point here
	uint32_t rules;    // writer: rules that name it, as staged
	uint32_t groups;   // writer: groups that forward to it, as staged
	uint64_t created_ns;
	uint64_t mark; // of the groups' loop check
	struct ft_pkt_counter *counters;
};

// The first member of struct ft_group and struct ft_meter.
struct ft_versioned {
	struct ft_life life;
	_Atomic(struct ft_versioned *) older;
	struct ft_versioned_head *head;
};

// Workers. The one at this version, NULL: none.
const struct ft_versioned *ft_versioned_find(
	const struct ft_idmap *, uint32_t id, uint64_t version);

// Writer: as staged; NULL: none.
struct ft_versioned *ft_versioned_staged(const struct ft_idmap *, uint32_t id);
// Of what stands under the number, alive or not: references are counted there, also while undoing.
struct ft_versioned_head *ft_versioned_head(const struct ft_idmap *, uint32_t id);
// Not linked yet. `head` NULL: a new one, created at now_ns. False: no memory, v->head may be NULL.
bool ft_versioned_init(struct ft_versioned *, uint64_t version, struct ft_versioned_head *head,
	uint32_t id, uint64_t now_ns, unsigned workers);
// Gives its part of the head back.
void ft_versioned_fini(struct ft_versioned *);
// On top of what stands under its number. Room in the map is reserved.
void ft_versioned_link(struct ft_idmap *, struct ft_versioned *);
void ft_versioned_unlink(struct ft_idmap *, struct ft_versioned *);
// The one that came right after it; NULL: it is the newest.
struct ft_versioned *ft_versioned_newer(const struct ft_idmap *, const struct ft_versioned *);

// Adds up one counter of `n` workers, `stride` apart.
struct weft_bucket_counters ft_pkt_counters_sum(
	const struct ft_pkt_counter *, unsigned n, size_t stride);
