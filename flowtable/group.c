// SPDX-License-Identifier: Apache-2.0
// Groups in memory: made, found by version, linked, unlinked, freed.
#include "flowtable/group.h"

#include "flowtable/group_mod.h"
#include "flowtable/lines.h"
#include "flowtable/switch.h"

#define FT_LINE_COUNTERS (64 / sizeof(struct ft_pkt_counter))

static struct ft_group *older_of(const struct ft_group *g)
{
	return atomic_load_explicit(&g->older, memory_order_acquire);
}

const struct ft_group *ft_group_find(const struct ft_switch *sw, uint32_t id, uint64_t version)
{
	const struct ft_group *g = ft_idmap_find(&sw->groups, id);

	while (g && !ft_life_visible(&g->life, version))
		g = older_of(g);
	return g;
}

struct ft_group *ft_group_staged(const struct ft_switch *sw, uint32_t id)
{
	struct ft_group *g = ft_idmap_find(&sw->groups, id);

	return g && ft_life_staged(&g->life) ? g : NULL;
}

// Alive or not: references are counted at what stands under the number, also while undoing.
static struct ft_group_head *head_of(const struct ft_switch *sw, uint32_t id)
{
	const struct ft_group *g = ft_idmap_find(&sw->groups, id);

	return g ? g->head : NULL;
}

void ft_group_refer(struct ft_switch *sw, uint32_t id, int by)
{
	struct ft_group_head *head = head_of(sw, id);

	if (head)
		head->rules += (uint32_t)by;
}

// ---- making one

static struct ft_group_head *head_new(struct ft_switch *sw, uint32_t id)
{
	struct ft_group_head *head = calloc(1, sizeof(*head));

	if (!head)
		return NULL;
	head->id = id;
	head->created_ns = sw->env.now_ns(sw->env.ctx);
	head->counters = ft_alloc_lines(64 * (size_t)sw->env.workers);
	if (!head->counters) {
		free(head);
		return NULL;
	}
	return head;
}

static void head_put(struct ft_group_head *head)
{
	if (!head || --head->versions)
		return;
	free(head->counters);
	free(head);
}

// Copies the buckets and finds where each begins. False: not as weft_group_mod says.
static bool fill_buckets(struct ft_group *g, void *raw, const void *buckets, size_t len)
{
	const struct weft_bucket *spec = raw;
	size_t left = len;

	if (len)
		memcpy(raw, buckets, len);
	g->raw = raw;
	g->buckets_len = len;
	for (uint32_t i = 0; i < g->bucket_count; i++) {
		if (left < sizeof(*spec) || spec->actions_len > left - sizeof(*spec) ||
			!weft_actions_ok(spec + 1, spec->actions_len))
			return false;
		g->bucket[i].spec = spec;
		g->bucket[i].weight = spec->weight;
		g->total_weight += spec->weight;
		left -= sizeof(*spec) + spec->actions_len;
		spec = (const void *)((const char *)(spec + 1) + spec->actions_len);
	}
	return !left;
}

static bool alloc_counters(const struct ft_switch *sw, struct ft_group *g)
{
	g->bucket_stride =
		(g->bucket_count + FT_LINE_COUNTERS - 1) / FT_LINE_COUNTERS * FT_LINE_COUNTERS;
	g->bucket_counters =
		ft_alloc_lines(sw->env.workers * g->bucket_stride * sizeof(*g->bucket_counters));
	return g->bucket_counters;
}

enum weft_error ft_group_new(struct ft_switch *sw, const struct weft_group_mod *mod,
	const void *buckets, size_t len, struct ft_group_head *head, struct ft_group **out)
{
	size_t struct_size = sizeof(struct ft_group) + mod->bucket_count * sizeof(struct ft_bucket);
	struct ft_group *g;

	if (len > (size_t)mod->bucket_count * (sizeof(struct weft_bucket) + UINT16_MAX))
		return WEFT_E_MALFORMED;
	g = calloc(1, struct_size + len);
	if (!g)
		return WEFT_E_NO_MEMORY;
	g->type = mod->type;
	g->bucket_count = mod->bucket_count;
	atomic_init(&g->life.removed, FT_VERSION_NEVER);
	g->life.added = sw->txn->version;
	if (!fill_buckets(g, (char *)g + struct_size, buckets, len)) {
		free(g);
		return WEFT_E_MALFORMED;
	}
	g->head = head ? head : head_new(sw, mod->group);
	if (g->head)
		g->head->versions++;
	if (!g->head || !alloc_counters(sw, g)) {
		ft_group_free(sw, g);
		return WEFT_E_NO_MEMORY;
	}
	*out = g;
	return WEFT_E_NONE;
}

void ft_group_free(struct ft_switch *sw, struct ft_group *g)
{
	head_put(g->head);
	free(g->bucket_counters);
	free(g);
}

// ---- staging

// The groups that it forwards to: as many references as actions.
static void refer_targets(struct ft_switch *sw, const struct ft_group *g, int by)
{
	for (uint32_t i = 0; i < g->bucket_count; i++) {
		WEFT_ACTION_FOR_EACH(
			a, ft_bucket_actions(&g->bucket[i]), g->bucket[i].spec->actions_len)
		if (a->type == WEFT_ACTION_GROUP && head_of(sw, a->arg))
			head_of(sw, a->arg)->groups += (uint32_t)by;
	}
}

void ft_group_stage_add(struct ft_switch *sw, struct ft_group *g)
{
	uint32_t id = g->head->id;

	atomic_store_explicit(&g->older, ft_idmap_find(&sw->groups, id), memory_order_relaxed);
	ft_idmap_set(&sw->groups, id, g);
	refer_targets(sw, g, 1);
	sw->group_count++;
	ft_txn_log(sw->txn, FT_OP_GROUP_ADD, g, 0);
}

void ft_group_stage_del(struct ft_switch *sw, struct ft_group *g)
{
	atomic_store_explicit(&g->life.removed, sw->txn->version, memory_order_relaxed);
	refer_targets(sw, g, -1);
	sw->group_count--;
	ft_txn_log(sw->txn, FT_OP_GROUP_DEL, g, 0);
}

void ft_group_undo_add(struct ft_switch *sw, struct ft_group *g)
{
	refer_targets(sw, g, -1);
	sw->group_count--;
	ft_group_unlink(sw, g);
}

void ft_group_undo_del(struct ft_switch *sw, struct ft_group *g)
{
	atomic_store_explicit(&g->life.removed, FT_VERSION_NEVER, memory_order_relaxed);
	refer_targets(sw, g, 1);
	sw->group_count++;
}

void ft_group_unlink(struct ft_switch *sw, struct ft_group *g)
{
	struct ft_group *at = ft_idmap_find(&sw->groups, g->head->id), *older = older_of(g);

	if (at == g) {
		if (older)
			ft_idmap_set(&sw->groups, g->head->id, older);
		else
			ft_idmap_del(&sw->groups, g->head->id);
		return;
	}
	while (older_of(at) != g)
		at = older_of(at);
	atomic_store_explicit(&at->older, older, memory_order_release);
}

void ft_groups_fini(struct ft_switch *sw)
{
	struct ft_group *g;
	uint32_t pos = 0;

	while ((g = ft_idmap_next(&sw->groups, &pos)))
		ft_group_free(sw, g);
	ft_idmap_fini(&sw->groups);
}
