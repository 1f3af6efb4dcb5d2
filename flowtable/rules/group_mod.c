// SPDX-License-Identifier: Apache-2.0
// OpenFlow's group-mod: 1.3.5, 6.5 and 7.3.4.2; 1.5.1, 6.7.
#include "flowtable/rules/group_mod.h"

#include "flowtable/switch.h"
#include "flowtable/rules/tables.h"

#include <stdlib.h>

// A request's buckets and masks.
struct content {
	const void *buckets;
	size_t len;
	bool keeps; // buckets that were there before go on counting
};

// A dump tells of a group in one message.
static bool fits(const struct weft_group_mod *mod, size_t len)
{
	return sizeof(struct weft_ipc_hdr) + sizeof(struct weft_group_stats) + len +
		       mod->bucket_count * sizeof(struct weft_bucket_counters) <=
	       WEFT_IPC_MAX_LEN;
}

// Makes it, checks it, and stages it in place of `old`, if there is one.
static enum weft_error group_put(struct ft_switch *sw, const struct weft_group_mod *mod,
	const struct content *content, struct ft_group *old)
{
	struct ft_group *g;
	enum weft_error error;

	if (!fits(mod, content->len))
		return WEFT_E_GROUP_BUCKETS;
	error = ft_group_new(sw, mod, content->buckets, content->len, old ? old->v.head : NULL, &g);
	if (error)
		return error;
	error = ft_group_check(sw, g);
	if (!error && (!ft_txn_reserve(sw->txn, 2) || !ft_idmap_reserve(&sw->groups, &sw->garbage)))
		error = WEFT_E_NO_MEMORY;
	if (!error && content->keeps && !ft_group_carry(sw, g, old))
		error = WEFT_E_NO_MEMORY;
	if (error) {
		ft_group_free(sw, g);
		return error;
	}
	if (old)
		ft_group_stage_del(sw, old);
	ft_group_stage_add(sw, g);
	return WEFT_E_NONE;
}

static enum weft_error group_add(
	struct ft_switch *sw, const struct weft_group_mod *mod, const struct content *content)
{
	if (ft_group_staged(sw, mod->group))
		return WEFT_E_GROUP_EXISTS;
	if (sw->group_count >= sw->limits.max_groups)
		return WEFT_E_GROUP_FULL;
	return group_put(sw, mod, content, NULL);
}

static enum weft_error group_modify(
	struct ft_switch *sw, const struct weft_group_mod *mod, const struct content *content)
{
	struct ft_group *old = ft_group_staged(sw, mod->group);

	if (!old && mod->command == WEFT_GROUP_ADD_OR_MODIFY)
		return group_add(sw, mod, content);
	return old ? group_put(sw, mod, content, old) : WEFT_E_GROUP_UNKNOWN;
}

// ---- single buckets (OpenFlow 1.5.1, 6.7)

// Where the bucket is; bucket_count: nowhere.
static uint32_t find_bucket(const struct ft_group *g, uint32_t id)
{
	uint32_t i = 0;

	if (id == WEFT_BUCKET_FIRST)
		return 0;
	if (id == WEFT_BUCKET_LAST)
		return g->bucket_count ? g->bucket_count - 1 : 0;
	while (i < g->bucket_count && g->bucket[i].spec->bucket_id != id)
		i++;
	return i;
}

// Of bucket `i` in the group's buckets; of bucket_count: their end.
static size_t bucket_offset(const struct ft_group *g, uint32_t i)
{
	return i < g->bucket_count
		       ? (size_t)((const char *)g->bucket[i].spec - (const char *)g->raw)
		       : g->buckets_len;
}

static enum weft_error check_new_ids(
	const struct ft_group *g, const struct weft_group_mod *mod, const struct content *content)
{
	const char *at = content->buckets, *end = at + content->len;

	for (unsigned i = 0; i < mod->bucket_count; i++) {
		const struct weft_bucket *b = (const void *)at;

		if ((size_t)(end - at) < sizeof(*b) ||
			(size_t)(end - at) - sizeof(*b) < b->actions_len)
			return WEFT_E_MALFORMED;
		if (b->bucket_id > WEFT_BUCKET_MAX)
			return WEFT_E_GROUP_BUCKET;
		if (find_bucket(g, b->bucket_id) < g->bucket_count)
			return WEFT_E_GROUP_BUCKET_EXISTS;
		at += sizeof(*b) + b->actions_len;
	}
	return at == end ? WEFT_E_NONE : WEFT_E_MALFORMED;
}

// The group's own buckets with those from byte `from` to `to` replaced by the content.
static enum weft_error splice(struct ft_switch *sw, struct ft_group *g, uint32_t count, size_t from,
	size_t to, const struct content *content)
{
	size_t masks = 8 * (size_t)__builtin_popcountll(g->hash_map), tail = g->buckets_len - to;
	struct content all = {.len = from + content->len + tail + masks, .keeps = true};
	struct weft_group_mod mod = {
		.group = g->v.head->id,
		.type = g->type,
		.bucket_count = (uint16_t)count,
		.select = g->select,
		.select_param = g->select_param,
		.hash_map = g->hash_map,
	};
	enum weft_error error;
	char *bytes;

	if (count > UINT16_MAX)
		return WEFT_E_GROUP_BUCKETS;
	bytes = malloc(all.len + 1);
	if (!bytes)
		return WEFT_E_NO_MEMORY;
	memcpy(bytes, g->raw, from);
	if (content->len)
		memcpy(bytes + from, content->buckets, content->len);
	memcpy(bytes + from + content->len, (const char *)g->raw + to, tail);
	memcpy(bytes + from + content->len + tail, g->hash_mask, masks);
	all.buckets = bytes;
	error = group_put(sw, &mod, &all, g);
	free(bytes);
	return error;
}

static enum weft_error bucket_insert(
	struct ft_switch *sw, const struct weft_group_mod *mod, const struct content *content)
{
	struct ft_group *g = ft_group_staged(sw, mod->group);
	enum weft_error error;
	uint32_t at;
	size_t ofs;

	if (!g)
		return WEFT_E_GROUP_UNKNOWN;
	if (mod->bucket > WEFT_BUCKET_MAX && mod->bucket != WEFT_BUCKET_FIRST &&
		mod->bucket != WEFT_BUCKET_LAST)
		return WEFT_E_GROUP_BUCKET;
	error = check_new_ids(g, mod, content);
	if (error)
		return error;
	at = find_bucket(g, mod->bucket);
	if (mod->bucket <= WEFT_BUCKET_MAX && at == g->bucket_count)
		return WEFT_E_GROUP_BUCKET_UNKNOWN;
	ofs = bucket_offset(g, mod->bucket == WEFT_BUCKET_FIRST ? 0 : at + 1);
	return splice(sw, g, g->bucket_count + mod->bucket_count, ofs, ofs, content);
}

static enum weft_error bucket_remove(struct ft_switch *sw, const struct weft_group_mod *mod)
{
	struct ft_group *g = ft_group_staged(sw, mod->group);
	const struct content none = {0};
	uint32_t at;

	if (!g)
		return WEFT_E_GROUP_UNKNOWN;
	if (mod->bucket == WEFT_BUCKET_ALL)
		return splice(sw, g, 0, 0, g->buckets_len, &none);
	at = find_bucket(g, mod->bucket);
	if (at >= g->bucket_count)
		return WEFT_E_GROUP_BUCKET_UNKNOWN;
	return splice(
		sw, g, g->bucket_count - 1, bucket_offset(g, at), bucket_offset(g, at + 1), &none);
}

// ---- away

static enum weft_error group_remove(struct ft_switch *sw, struct ft_group *g)
{
	if (g->v.head->rules && !ft_stage_del_users(sw, FT_USERS_GROUP, g->v.head->id))
		return WEFT_E_NO_MEMORY;
	if (!ft_txn_reserve(sw->txn, 1))
		return WEFT_E_NO_MEMORY;
	ft_group_stage_del(sw, g);
	return WEFT_E_NONE;
}

static enum weft_error group_remove_all(struct ft_switch *sw)
{
	enum weft_error error = WEFT_E_NONE;
	struct ft_group *g;
	uint32_t pos = 0;

	while (!error && (g = ft_idmap_next(&sw->groups, &pos)))
		if (ft_life_staged(&g->v.life))
			error = group_remove(sw, g);
	return error;
}

static enum weft_error group_delete(struct ft_switch *sw, const struct weft_group_mod *mod)
{
	struct ft_group *g;

	if (mod->group == WEFT_GROUP_ALL)
		return group_remove_all(sw);
	g = ft_group_staged(sw, mod->group);
	if (!g)
		return WEFT_E_NONE; // 6.5: no error
	if (g->v.head->groups)
		return WEFT_E_GROUP_CHAINED;
	return group_remove(sw, g);
}

static enum weft_error group_mod(
	struct ft_switch *sw, const struct weft_group_mod *mod, const struct content *content)
{
	bool deletes = mod->command == WEFT_GROUP_DELETE;

	if (mod->group > WEFT_GROUP_MAX && !(deletes && mod->group == WEFT_GROUP_ALL))
		return WEFT_E_GROUP_INVALID;
	switch ((enum weft_group_command)mod->command) {
	case WEFT_GROUP_ADD:
		return group_add(sw, mod, content);
	case WEFT_GROUP_MODIFY:
	case WEFT_GROUP_ADD_OR_MODIFY:
		return group_modify(sw, mod, content);
	case WEFT_GROUP_DELETE:
		return group_delete(sw, mod);
	case WEFT_GROUP_INSERT_BUCKET:
		return bucket_insert(sw, mod, content);
	case WEFT_GROUP_REMOVE_BUCKET:
		return bucket_remove(sw, mod);
	}
	return WEFT_E_GROUP_COMMAND;
}

enum weft_error ft_group_mod(
	struct ft_switch *sw, const struct weft_group_mod *mod, const void *buckets, size_t len)
{
	const struct content content = {.buckets = buckets, .len = len};
	size_t mark;

	if (!ft_request_begin(sw, &mark))
		return WEFT_E_NO_MEMORY;
	return ft_request_finish(sw, mark, group_mod(sw, mod, &content));
}
