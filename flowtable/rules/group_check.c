// SPDX-License-Identifier: Apache-2.0
// Is a group legal? OpenFlow 1.3.5, 5.6.1 and 6.5.
#include "flowtable/rules/check.h"
#include "flowtable/rules/group_mod.h"
#include "flowtable/switch.h"
#include "flowtable/vector.h"

#include <stdlib.h>

static enum weft_error check_watch(
	const struct ft_switch *sw, const struct ft_group *g, const struct weft_bucket *b)
{
	bool port = b->watch_port != WEFT_OFPORT_ANY, group = b->watch_group != WEFT_GROUP_ANY;

	if (g->type != WEFT_GROUP_TYPE_FF)
		return WEFT_E_NONE; // optional there, and without meaning
	if (!port && !group)
		return WEFT_E_GROUP_INVALID;
	if (port && !ft_port_find(sw, b->watch_port))
		return WEFT_E_GROUP_WATCH_BAD;
	if (group && b->watch_group == g->v.head->id)
		return WEFT_E_GROUP_LOOP;
	if (group && !ft_group_staged(sw, b->watch_group))
		return WEFT_E_GROUP_WATCH_BAD;
	return WEFT_E_NONE;
}

static enum weft_error check_bucket(
	const struct ft_switch *sw, const struct ft_group *g, const struct ft_bucket *b)
{
	struct ft_known known = ft_known_open;
	enum weft_error error = check_watch(sw, g, b->spec);

	if (error)
		return error;
	// 6.5: fields that are undefined for the group's type make it invalid.
	if (b->weight && g->type != WEFT_GROUP_TYPE_SELECT)
		return WEFT_E_GROUP_INVALID;
	WEFT_ACTION_FOR_EACH (a, ft_bucket_actions(b), b->spec->actions_len)
		if (a->type == WEFT_ACTION_GROUP && a->arg == g->v.head->id)
			return WEFT_E_GROUP_LOOP;
	return ft_check_actions(
		sw, &known, FT_ACTIONS_SET, ft_bucket_actions(b), b->spec->actions_len);
}

// ---- loops

// Groups still to be visited. Chains may be long: no recursion.
struct todo {
	const struct ft_group **v;
	uint32_t n, room;
	uint64_t mark; // heads that bear it were found
	bool failed;
};

static void todo_add(const struct ft_switch *sw, struct todo *todo, uint32_t id)
{
	struct ft_group *g = ft_group_staged(sw, id);
	const struct ft_group **v;

	if (!g || g->v.head->mark == todo->mark)
		return;
	v = ft_vector_reserve(todo->v, todo->n, &todo->room, 16, sizeof(*v));
	if (!v) {
		todo->failed = true;
		return;
	}
	todo->v = v;
	g->v.head->mark = todo->mark;
	todo->v[todo->n++] = g;
}

// Adds what the group forwards to or watches.
static void todo_targets(const struct ft_switch *sw, struct todo *todo, const struct ft_group *g)
{
	for (uint32_t i = 0; i < g->bucket_count; i++) {
		const struct weft_bucket *spec = g->bucket[i].spec;

		if (g->type == WEFT_GROUP_TYPE_FF && spec->watch_group != WEFT_GROUP_ANY)
			todo_add(sw, todo, spec->watch_group);
		WEFT_ACTION_FOR_EACH (a, spec + 1, spec->actions_len)
			if (a->type == WEFT_ACTION_GROUP)
				todo_add(sw, todo, a->arg);
	}
}

// Does anything that `g` leads to lead back to its number?
static enum weft_error check_loop(struct ft_switch *sw, const struct ft_group *g)
{
	struct todo todo = {.mark = ++sw->group_mark};
	bool loop = false;

	todo_targets(sw, &todo, g);
	while (todo.n && !loop && !todo.failed) {
		const struct ft_group *next = todo.v[--todo.n];

		loop = next->v.head->id == g->v.head->id;
		todo_targets(sw, &todo, next);
	}
	free(todo.v);
	if (loop)
		return WEFT_E_GROUP_LOOP;
	return todo.failed ? WEFT_E_NO_MEMORY : WEFT_E_NONE;
}

// ---- what is said once of a group

static enum weft_error check_select(const struct ft_group *g)
{
	if (g->select >= WEFT_SELECT_MAX || (g->select && g->type != WEFT_GROUP_TYPE_SELECT) ||
		(g->hash_map && g->select != WEFT_SELECT_HASH) || g->hash_map >> WEFT_KEY_WORDS)
		return WEFT_E_GROUP_INVALID;
	for (int i = 0; i < __builtin_popcountll(g->hash_map); i++)
		if (!g->hash_mask[i])
			return WEFT_E_GROUP_INVALID;
	return WEFT_E_NONE;
}

static int by_number(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

static enum weft_error check_bucket_ids(const struct ft_group *g)
{
	uint32_t *ids = malloc((g->bucket_count + 1) * sizeof(*ids));
	enum weft_error error = WEFT_E_NONE;

	if (!ids)
		return WEFT_E_NO_MEMORY;
	for (uint32_t i = 0; i < g->bucket_count; i++)
		ids[i] = g->bucket[i].spec->bucket_id;
	qsort(ids, g->bucket_count, sizeof(*ids), by_number);
	for (uint32_t i = 0; i < g->bucket_count && !error; i++)
		if (ids[i] > WEFT_BUCKET_MAX)
			error = WEFT_E_GROUP_BUCKET;
		else if (i && ids[i] == ids[i - 1])
			error = WEFT_E_GROUP_BUCKET_EXISTS;
	free(ids);
	return error;
}

enum weft_error ft_group_check(struct ft_switch *sw, const struct ft_group *g)
{
	enum weft_error error;

	if (g->type > WEFT_GROUP_TYPE_FF)
		return WEFT_E_GROUP_TYPE;
	error = check_select(g);
	if (!error)
		error = check_bucket_ids(g);
	if (g->type == WEFT_GROUP_TYPE_INDIRECT && g->bucket_count != 1)
		return WEFT_E_GROUP_INVALID;
	for (uint32_t i = 0; i < g->bucket_count && !error; i++)
		error = check_bucket(sw, g, &g->bucket[i]);
	return error ? error : check_loop(sw, g);
}
