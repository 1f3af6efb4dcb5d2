// SPDX-License-Identifier: Apache-2.0
// Groups in memory: made, found by version, linked, unlinked, freed.
#include "flowtable/rules/group.h"

#include "flowtable/rules/group_mod.h"
#include "flowtable/lines.h"
#include "flowtable/switch.h"

#define FT_LINE_COUNTERS (64 / sizeof(struct ft_pkt_counter))

const struct ft_group *ft_group_find(const struct ft_switch *sw, uint32_t id, uint64_t version)
{
	return (const struct ft_group *)ft_versioned_find(&sw->groups, id, version);
}

struct ft_group *ft_group_staged(const struct ft_switch *sw, uint32_t id)
{
	return (struct ft_group *)ft_versioned_staged(&sw->groups, id);
}

void ft_group_refer(struct ft_switch *sw, uint32_t id, int by)
{
	struct ft_versioned_head *head = ft_versioned_head(&sw->groups, id);

	if (head)
		head->rules += (uint32_t)by;
}

// ---- making one

static bool masks_all(uint32_t field, const uint8_t *mask)
{
	unsigned bytes = field == WEFT_FIELD_TUN_DST ? 4 : 16;

	while (bytes && mask[bytes - 1] == 0xff)
		bytes--;
	return !bytes;
}

// The VTEP that a set-field names whole; the last one of several wins.
static struct weft_ip tunnel_destination(const struct weft_bucket *spec)
{
	const char *at = (const char *)(spec + 1), *end = at + spec->actions_len;
	struct weft_ip ip = {.q = {0, 0}};

	for (; at < end; at += ((const struct weft_action *)(const void *)at)->len) {
		const struct weft_action *a = (const void *)at;
		const struct weft_action_set_field *set = (const void *)(a + 1);
		weft_be32 v4;

		if (a->type != WEFT_ACTION_SET_FIELD || !masks_all(a->arg, set->mask))
			continue;
		if (a->arg == WEFT_FIELD_TUN_DST) {
			memcpy(&v4, set->value, 4);
			ip = weft_ip_from_v4(v4);
		} else if (a->arg == WEFT_FIELD_TUN_IPV6_DST) {
			memcpy(ip.b, set->value, 16);
		}
	}
	return ip;
}

// Copies the buckets and finds where each begins. False: not as weft_group_mod says.
static bool fill_buckets(struct ft_group *g, void *raw, const void *buckets, size_t len)
{
	const struct weft_bucket *spec = raw;
	size_t left = len;

	if (len)
		memcpy(raw, buckets, len);
	g->raw = raw;
	for (uint32_t i = 0; i < g->bucket_count; i++) {
		if (left < sizeof(*spec) || spec->actions_len > left - sizeof(*spec) ||
			!weft_actions_ok(spec + 1, spec->actions_len))
			return false;
		g->bucket[i].spec = spec;
		g->bucket[i].weight = spec->weight;
		g->bucket[i].vtep = tunnel_destination(spec);
		g->total_weight += spec->weight;
		left -= sizeof(*spec) + spec->actions_len;
		spec = (const void *)((const char *)(spec + 1) + spec->actions_len);
	}
	g->buckets_len = len - left;
	g->hash_mask = (const uint64_t *)(const void *)spec;
	return left == 8 * (size_t)__builtin_popcountll(g->hash_map);
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
	const void *buckets, size_t len, struct ft_versioned_head *head, struct ft_group **out)
{
	size_t struct_size = sizeof(struct ft_group) + mod->bucket_count * sizeof(struct ft_bucket);
	struct ft_group *g;

	if (len > (size_t)mod->bucket_count * (sizeof(struct weft_bucket) + UINT16_MAX) +
			  8 * WEFT_KEY_WORDS)
		return WEFT_E_MALFORMED;
	g = calloc(1, struct_size + len);
	if (!g)
		return WEFT_E_NO_MEMORY;
	g->type = mod->type;
	g->select = mod->select;
	g->select_param = mod->select_param;
	g->hash_map = mod->hash_map;
	g->bucket_count = mod->bucket_count;
	if (!fill_buckets(g, (char *)g + struct_size, buckets, len)) {
		free(g);
		return WEFT_E_MALFORMED;
	}
	if (!ft_versioned_init(&g->v, sw->txn->version, head, mod->group,
		    sw->env.now_ns(sw->env.ctx), sw->env.workers) ||
		!alloc_counters(sw, g)) {
		ft_group_free(sw, g);
		return WEFT_E_NO_MEMORY;
	}
	*out = g;
	return WEFT_E_NONE;
}

void ft_group_free(struct ft_switch *sw, struct ft_group *g)
{
	ft_versioned_fini(&g->v);
	free(g->bucket_counters);
	free(g->carried);
	free(g);
}

// ---- staging

// The groups that it forwards to: as many references as actions.
static void refer_targets(struct ft_switch *sw, const struct ft_group *g, int by)
{
	for (uint32_t i = 0; i < g->bucket_count; i++) {
		WEFT_ACTION_FOR_EACH (
			a, ft_bucket_actions(&g->bucket[i]), g->bucket[i].spec->actions_len)
			if (a->type == WEFT_ACTION_GROUP && ft_versioned_head(&sw->groups, a->arg))
				ft_versioned_head(&sw->groups, a->arg)->groups += (uint32_t)by;
	}
}

void ft_group_stage_add(struct ft_switch *sw, struct ft_group *g)
{
	ft_versioned_link(&sw->groups, &g->v);
	refer_targets(sw, g, 1);
	ft_relevance_group(sw, g);
	sw->group_count++;
	ft_txn_log(sw->txn, FT_OP_GROUP_ADD, g, 0);
}

void ft_group_stage_del(struct ft_switch *sw, struct ft_group *g)
{
	atomic_store_explicit(&g->v.life.removed, sw->txn->version, memory_order_relaxed);
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
	atomic_store_explicit(&g->v.life.removed, FT_VERSION_NEVER, memory_order_relaxed);
	refer_targets(sw, g, 1);
	sw->group_count++;
}

// ---- counters of buckets that stay

struct weft_bucket_counters ft_bucket_sum(
	const struct ft_switch *sw, const struct ft_group *g, unsigned i)
{
	struct weft_bucket_counters s =
		ft_pkt_counters_sum(g->bucket_counters + i, sw->env.workers, g->bucket_stride);

	if (g->carried) {
		s.packets += g->carried[i].packets;
		s.bytes += g->carried[i].bytes;
	}
	return s;
}

// Both keep the order of the buckets that they share.
static void carry_over(const struct ft_switch *sw, struct ft_group *to, const struct ft_group *from)
{
	for (unsigned i = 0, next = 0; i < from->bucket_count; i++) {
		uint32_t id = from->bucket[i].spec->bucket_id;
		unsigned at = next;

		while (at < to->bucket_count && to->bucket[at].spec->bucket_id != id)
			at++;
		if (at == to->bucket_count)
			continue; // removed
		to->carried[at] = ft_bucket_sum(sw, from, i);
		next = at + 1;
	}
}

bool ft_group_carry(struct ft_switch *sw, struct ft_group *to, const struct ft_group *from)
{
	to->carried = calloc(to->bucket_count + 1, sizeof(*to->carried));
	if (to->carried)
		carry_over(sw, to, from);
	return to->carried;
}

void ft_group_unlink(struct ft_switch *sw, struct ft_group *g)
{
	struct ft_group *newer = (struct ft_group *)ft_versioned_newer(&sw->groups, &g->v);

	if (newer && newer->carried)
		carry_over(sw, newer, g); // nobody counts there any more
	ft_versioned_unlink(&sw->groups, &g->v);
	sw->shapes_went |= g->type == WEFT_GROUP_TYPE_SELECT;
}

void ft_groups_fini(struct ft_switch *sw)
{
	struct ft_group *g;
	uint32_t pos = 0;

	while ((g = ft_idmap_next(&sw->groups, &pos)))
		ft_group_free(sw, g);
	ft_idmap_fini(&sw->groups);
}
