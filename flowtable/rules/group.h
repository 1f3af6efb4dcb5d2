// SPDX-License-Identifier: Apache-2.0
#pragma once
// Groups: OpenFlow 1.3.5, 5.6. Storage and counters; choosing a bucket is group_exec.c's business.
//
// Versions as in versioned.h. A modify adds a version with buckets and bucket counters of its own,
// while the group's own counters and age live on in the shared head. Where single buckets are
// inserted or removed (OpenFlow 1.5.1, 6.7), those that stay go on counting: the new version
// carries what they had, and is told the last of it when no worker counts at the old one any more.

#include "flowtable/rules/rule.h"
#include "flowtable/txn.h"
#include "flowtable/versioned.h"

struct ft_bucket {
	const struct weft_bucket *spec; // its actions follow it
	uint32_t weight;
	struct weft_ip vtep; // that its actions set as tunnel destination; none: not one for all
};

static inline const void *ft_bucket_actions(const struct ft_bucket *b)
{
	return b->spec + 1;
}

struct ft_group {
	struct ft_versioned v;
	uint8_t type;   // enum weft_group_type
	uint8_t select; // enum weft_select
	uint64_t select_param;
	uint64_t hash_map;         // SELECT_HASH: words of the key, and
	const uint64_t *hash_mask; // what of them
	uint32_t bucket_count;
	uint64_t total_weight;
	size_t buckets_len;                     // bytes at `raw`
	const void *raw;                        // as in weft_group_mod
	struct weft_bucket_counters *carried;   // writer: of older versions; NULL: starts at zero
	struct ft_pkt_counter *bucket_counters; // bucket_stride a worker
	size_t bucket_stride;
	struct ft_bucket bucket[];
};

// Workers. The group at this version, NULL: none.
const struct ft_group *ft_group_find(const struct ft_switch *, uint32_t id, uint64_t version);

static inline void ft_group_count(const struct ft_group *g, unsigned worker, uint64_t bytes)
{
	struct ft_pkt_counter *c = g->v.head->counters + worker * FT_HEAD_STRIDE;

	ft_counter_bump(&c->packets, 1);
	ft_counter_bump(&c->bytes, bytes);
}

// `bucket` is its index in g->bucket.
static inline void ft_bucket_count(
	const struct ft_group *g, unsigned bucket, unsigned worker, uint64_t bytes)
{
	struct ft_pkt_counter *c = g->bucket_counters + worker * g->bucket_stride + bucket;

	ft_counter_bump(&c->packets, 1);
	ft_counter_bump(&c->bytes, bytes);
}

// ---- writer, for txn.c and program.c

// Rules that name it come (by 1) or go (by -1).
void ft_group_refer(struct ft_switch *, uint32_t id, int by);
// The group as staged; NULL: none.
struct ft_group *ft_group_staged(const struct ft_switch *, uint32_t id);
void ft_group_undo_add(struct ft_switch *, struct ft_group *);
void ft_group_undo_del(struct ft_switch *, struct ft_group *);
void ft_group_unlink(struct ft_switch *, struct ft_group *);
void ft_group_free(struct ft_switch *, struct ft_group *);
// What bucket `i` counted, in older versions too.
struct weft_bucket_counters ft_bucket_sum(
	const struct ft_switch *, const struct ft_group *, unsigned i);
void ft_groups_fini(struct ft_switch *);
