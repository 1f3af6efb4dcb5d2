// SPDX-License-Identifier: Apache-2.0
#pragma once
// One number for all that a switch holds and shows: rules, groups, meters, what names them, and
// none of their counters. Switches that hold the same have the same, in whatever order it came.

#include "world.h"

static inline void digest_bytes(uint64_t *h, const void *data, size_t len)
{
	const uint8_t *p = data;

	for (size_t i = 0; i < len; i++)
		*h = (*h ^ p[i]) * 0x100000001b3ull;
}

static inline void digest_flow(void *sum, const struct weft_flow_stats *s,
	const struct weft_match *m, const struct weft_instructions *instr)
{
	uint64_t h = 0xcbf29ce484222325ull;

	digest_bytes(&h, &s->cookie, sizeof(s->cookie));
	digest_bytes(&h, &s->idle_timeout,
		offsetof(struct weft_flow_stats, reason) -
			offsetof(struct weft_flow_stats, idle_timeout));
	digest_bytes(&h, &m->map, sizeof(m->map));
	digest_bytes(&h, m->value, 8 * weft_match_words(m));
	digest_bytes(&h, m->mask, 8 * weft_match_words(m));
	digest_bytes(&h, instr, weft_instructions_bytes(instr));
	*(uint64_t *)sum += h;
}

static inline void digest_group(void *sum, const struct weft_group_stats *s, const void *buckets,
	const struct weft_bucket_counters *counters)
{
	uint64_t h = 0xcbf29ce484222325ull;

	digest_bytes(&h, &s->ref_count, sizeof(s->ref_count));
	digest_bytes(&h, &s->group.group, sizeof(s->group.group));
	digest_bytes(&h, &s->group.type, sizeof(s->group.type));
	digest_bytes(&h, buckets, s->buckets_len);
	*(uint64_t *)sum += h;
}

static inline void digest_meter(void *sum, const struct weft_meter_stats *s,
	const struct weft_band *bands, const struct weft_bucket_counters *counters)
{
	uint64_t h = 0xcbf29ce484222325ull;

	digest_bytes(&h, &s->flow_count, sizeof(s->flow_count));
	digest_bytes(&h, &s->meter.meter, sizeof(s->meter.meter));
	digest_bytes(&h, bands, s->meter.band_count * sizeof(*bands));
	*(uint64_t *)sum += h;
}

static inline uint64_t digest_of(struct ft_switch *sw)
{
	static const struct weft_match all;
	struct weft_flow_filter filter = filter_all();
	struct ft_flow_walk *walk = ft_flow_walk_new(sw, &filter, &all);
	uint64_t sum = 0;

	assert_non_null(walk);
	while (ft_flow_walk_next(walk, 100, digest_flow, &sum))
		;
	ft_flow_walk_free(walk);
	ft_groups(sw, WEFT_GROUP_ALL, digest_group, &sum);
	ft_meters(sw, WEFT_METER_ALL, digest_meter, &sum);
	return sum;
}
