// SPDX-License-Identifier: Apache-2.0
// Reading back tables, groups and meters; sums over the workers.
#include "flowtable/switch.h"
#include "flowtable/rules/tables.h"

#include <stdlib.h>

static struct weft_table_stats table_stats(const struct ft_switch *sw, uint8_t number)
{
	const struct ft_table *t = ft_table_of(sw, number);
	struct weft_table_stats s = {
		.active = t ? t->rules : 0,
		.max = sw->limits.max_rules,
		.table = number,
	};

	for (unsigned w = 0; w < sw->env.workers; w++) {
		const struct ft_table_counter *c = ft_table_counter(sw, w, number);

		s.lookups += atomic_load_explicit(&c->lookups, memory_order_relaxed);
		s.matched += atomic_load_explicit(&c->matched, memory_order_relaxed);
	}
	return s;
}

unsigned ft_table_stats(struct ft_switch *sw, struct weft_table_stats out[WEFT_TABLES])
{
	unsigned n = 0;

	for (unsigned i = 0; i < WEFT_TABLES; i++) {
		out[n] = table_stats(sw, (uint8_t)i);
		n += out[n].active || out[n].lookups;
	}
	return n;
}

// ---- all of a map, by number

static int by_number(const void *a, const void *b)
{
	uint32_t x = (*(struct ft_versioned *const *)a)->head->id;
	uint32_t y = (*(struct ft_versioned *const *)b)->head->id;

	return (x > y) - (x < y);
}

// NULL: no memory.
static void **sorted(const struct ft_idmap *map, uint32_t *n)
{
	void **v = malloc((map->live + 1) * sizeof(*v)), *p;
	uint32_t pos = 0;

	*n = 0;
	while (v && (p = ft_idmap_next(map, &pos)))
		v[(*n)++] = p;
	if (v)
		qsort(v, *n, sizeof(*v), by_number);
	return v;
}

static uint32_t *numbers(const struct ft_idmap *map, uint32_t *n)
{
	struct ft_versioned **v = (struct ft_versioned **)sorted(map, n);
	uint32_t *ids = v ? malloc((*n + 1) * sizeof(*ids)) : NULL;

	for (uint32_t i = 0; ids && i < *n; i++)
		ids[i] = v[i]->head->id;
	free(v);
	return ids;
}

uint32_t *ft_group_numbers(const struct ft_switch *sw, uint32_t *n)
{
	return numbers(&sw->groups, n);
}

uint32_t *ft_meter_numbers(const struct ft_switch *sw, uint32_t *n)
{
	return numbers(&sw->meters, n);
}

// ---- groups

static bool tell_group(
	const struct ft_switch *sw, const struct ft_group *g, ft_group_fn *fn, void *arg)
{
	struct weft_bucket_counters *buckets = calloc(g->bucket_count + 1, sizeof(*buckets));
	struct weft_bucket_counters all =
		ft_pkt_counters_sum(g->v.head->counters, sw->env.workers, FT_HEAD_STRIDE);
	struct weft_group_stats stats = {
		.packets = all.packets,
		.bytes = all.bytes,
		.duration_ns = sw->env.now_ns(sw->env.ctx) - g->v.head->created_ns,
		.ref_count = g->v.head->rules + g->v.head->groups,
		.buckets_len = (uint32_t)g->buckets_len,
		.group = {.group = g->v.head->id,
			.type = g->type,
			.bucket_count = (uint16_t)g->bucket_count,
			.select = g->select,
			.select_param = g->select_param,
			.hash_map = g->hash_map},
	};

	if (!buckets)
		return false;
	for (uint32_t i = 0; i < g->bucket_count; i++)
		buckets[i] = ft_bucket_sum(sw, g, i);
	fn(arg, &stats, g->raw, buckets);
	free(buckets);
	return true;
}

enum weft_error ft_groups(struct ft_switch *sw, uint32_t id, ft_group_fn *fn, void *arg)
{
	bool all = id == WEFT_GROUP_ALL, told = true;
	const struct ft_group *one = ft_group_staged(sw, id);
	struct ft_group **v;
	uint32_t n;

	if (!all && !one)
		return WEFT_E_GROUP_UNKNOWN;
	if (!all)
		return tell_group(sw, one, fn, arg) ? WEFT_E_NONE : WEFT_E_NO_MEMORY;
	v = (struct ft_group **)sorted(&sw->groups, &n);
	for (uint32_t i = 0; v && i < n && told; i++)
		if (ft_life_staged(&v[i]->v.life))
			told = tell_group(sw, v[i], fn, arg);
	free(v);
	return v && told ? WEFT_E_NONE : WEFT_E_NO_MEMORY;
}

// ---- meters

static void tell_meter(
	const struct ft_switch *sw, const struct ft_meter *m, ft_meter_fn *fn, void *arg)
{
	struct weft_bucket_counters all =
		ft_pkt_counters_sum(m->v.head->counters, sw->env.workers, FT_HEAD_STRIDE);
	struct weft_bucket_counters bands[FT_MAX_BANDS];
	struct weft_meter_stats stats = {
		.packets = all.packets,
		.bytes = all.bytes,
		.duration_ns = sw->env.now_ns(sw->env.ctx) - m->v.head->created_ns,
		.flow_count = m->v.head->rules,
		.meter = {.meter = m->v.head->id, .flags = m->flags, .band_count = m->band_count},
	};

	for (unsigned i = 0; i < m->band_count; i++)
		bands[i] = ft_pkt_counters_sum(m->band_counters + i, sw->env.workers, FT_MAX_BANDS);
	fn(arg, &stats, m->band, bands);
}

enum weft_error ft_meters(struct ft_switch *sw, uint32_t id, ft_meter_fn *fn, void *arg)
{
	bool all = id == WEFT_METER_ALL;
	const struct ft_meter *one = ft_meter_staged(sw, id);
	struct ft_meter **v;
	uint32_t n;

	if (!all && !one)
		return WEFT_E_METER_UNKNOWN;
	if (!all) {
		tell_meter(sw, one, fn, arg);
		return WEFT_E_NONE;
	}
	v = (struct ft_meter **)sorted(&sw->meters, &n);
	for (uint32_t i = 0; v && i < n; i++)
		if (ft_life_staged(&v[i]->v.life))
			tell_meter(sw, v[i], fn, arg);
	free(v);
	return v ? WEFT_E_NONE : WEFT_E_NO_MEMORY;
}
