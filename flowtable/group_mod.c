// SPDX-License-Identifier: Apache-2.0
// OpenFlow's group-mod: 1.3.5, 6.5 and 7.3.4.2.
#include "flowtable/group_mod.h"

#include "flowtable/switch.h"
#include "flowtable/tables.h"

// Makes it, checks it, and stages it in place of `old`, if there is one.
static enum weft_error group_put(struct ft_switch *sw, const struct weft_group_mod *mod,
	const void *buckets, size_t len, struct ft_group *old)
{
	struct ft_group *g;
	enum weft_error error = ft_group_new(sw, mod, buckets, len, old ? old->head : NULL, &g);

	if (error)
		return error;
	error = ft_group_check(sw, g);
	if (!error && (!ft_txn_reserve(sw->txn, 2) || !ft_idmap_reserve(&sw->groups, &sw->garbage)))
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
	struct ft_switch *sw, const struct weft_group_mod *mod, const void *buckets, size_t len)
{
	if (ft_group_staged(sw, mod->group))
		return WEFT_E_GROUP_EXISTS;
	if (sw->group_count >= sw->limits.max_groups)
		return WEFT_E_GROUP_FULL;
	return group_put(sw, mod, buckets, len, NULL);
}

static enum weft_error group_modify(
	struct ft_switch *sw, const struct weft_group_mod *mod, const void *buckets, size_t len)
{
	struct ft_group *old = ft_group_staged(sw, mod->group);

	return old ? group_put(sw, mod, buckets, len, old) : WEFT_E_GROUP_UNKNOWN;
}

static enum weft_error group_remove(struct ft_switch *sw, struct ft_group *g)
{
	if (g->head->rules && !ft_stage_del_users(sw, FT_USERS_GROUP, g->head->id))
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
		if (ft_life_staged(&g->life))
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
	if (g->head->groups)
		return WEFT_E_GROUP_CHAINED;
	return group_remove(sw, g);
}

static enum weft_error group_mod(
	struct ft_switch *sw, const struct weft_group_mod *mod, const void *buckets, size_t len)
{
	bool deletes = mod->command == WEFT_GROUP_DELETE;

	if (mod->group > WEFT_GROUP_MAX && !(deletes && mod->group == WEFT_GROUP_ALL))
		return WEFT_E_GROUP_INVALID;
	switch (mod->command) {
	case WEFT_GROUP_ADD:
		return group_add(sw, mod, buckets, len);
	case WEFT_GROUP_MODIFY:
		return group_modify(sw, mod, buckets, len);
	case WEFT_GROUP_DELETE:
		return group_delete(sw, mod);
	default:
		return WEFT_E_GROUP_COMMAND;
	}
}

enum weft_error ft_group_mod(
	struct ft_switch *sw, const struct weft_group_mod *mod, const void *buckets, size_t len)
{
	size_t mark;

	if (!ft_request_begin(sw, &mark))
		return WEFT_E_NO_MEMORY;
	return ft_request_finish(sw, mark, group_mod(sw, mod, buckets, len));
}
