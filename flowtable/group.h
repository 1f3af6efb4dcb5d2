// SPDX-License-Identifier: Apache-2.0
#pragma once
// Groups: OpenFlow 1.3.5, 5.6. Storage and counters; choosing a bucket is group_exec.h's business.
//
// A group is found by number through an idmap to its newest version, which leads to the older ones.
// A modify adds a version with buckets and bucket counters of its own, while the group's own
// counters and age live on in the shared head.

#include "flowtable/idmap.h"
#include "flowtable/rule.h"
#include "flowtable/txn.h"

struct ft_bucket {
	const struct weft_bucket *spec; // its actions follow it
	uint32_t weight;
};

static inline const void *ft_bucket_actions(const struct ft_bucket *b)
{
	return b->spec + 1;
}

struct ft_pkt_counter { // one worker's
	_Atomic uint64_t packets;
	_Atomic uint64_t bytes;
};

// What outlives a modify. Freed with the last version.
struct ft_group_head {
	uint32_t id;
	uint32_t versions; // ft_group that point here
	uint32_t rules;    // writer: rules that name it, as staged
	uint32_t groups;   // writer: groups that forward to it, as staged
	uint64_t created_ns;
	uint64_t mark;                   // of the loop check
	struct ft_pkt_counter *counters; // a cache line each worker; ft_group_count()
};

struct ft_group {
	struct ft_garbage garbage;
	struct ft_life life;
	struct ft_group_head *head;
	_Atomic(struct ft_group *) older;
	uint8_t type; // enum weft_group_type
	uint32_t bucket_count;
	uint64_t total_weight;
	size_t buckets_len;                     // bytes at `raw`
	const void *raw;                        // as in weft_group_mod
	struct ft_pkt_counter *bucket_counters; // bucket_stride a worker
	size_t bucket_stride;
	struct ft_bucket bucket[];
};

// Workers. The group at this version, NULL: none.
const struct ft_group *ft_group_find(const struct ft_switch *, uint32_t id, uint64_t version);

static inline void ft_group_count(const struct ft_group *g, unsigned worker, uint64_t bytes)
{
	struct ft_pkt_counter *c = g->head->counters + worker * (64 / sizeof(*c));

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
void ft_groups_fini(struct ft_switch *);
