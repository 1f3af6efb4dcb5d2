// SPDX-License-Identifier: Apache-2.0
// A tenant's list of VTEPs, and who has which (edge/dp_vtep_users.h).
#include "tenants/dp_tenant.h"

#include "dp.h"

#include "flowtable/vector.h"

#include <stdlib.h>

#define DP_VTEPS_FIRST 4u

bool dp_tenant_has_vtep(const struct dp_tenant *t, const struct weft_ip *ip)
{
	return dp_vtep_user_find(&t->dp->vtep_users, t, ip);
}

struct weft_ipc_vtep dp_tenant_vtep(const struct dp_tenant *t, unsigned i)
{
	return (struct weft_ipc_vtep){
		.ip = t->vtep_list[i], .flags = i < t->n_fixed ? 0 : WEFT_VTEP_LEARNED};
}

static bool dp_tenant_vteps_room(struct dp_tenant *t)
{
	uint32_t room = t->vtep_room; // of the list, until both have more
	struct dp_vtep_user **users;
	struct weft_ip *list;

	list = ft_vector_reserve(t->vtep_list, t->n_vteps, &room, DP_VTEPS_FIRST, sizeof(*list));
	if (!list)
		return false;
	t->vtep_list = list;
	users = ft_vector_reserve(t->vtep_user, t->n_vteps, &t->vtep_room, DP_VTEPS_FIRST,
		sizeof(struct dp_vtep_user *));
	if (!users)
		return false;
	t->vtep_user = users;
	return true;
}

static void dp_tenant_vtep_put(struct dp_tenant *t, struct dp_vtep_user *user, unsigned at)
{
	t->vtep_list[at] = user->ip;
	t->vtep_user[at] = user;
	user->at = at;
}

enum weft_error dp_tenant_vtep_add(struct dp_tenant *t, const struct weft_ipc_vtep *v)
{
	bool learned = v->flags & WEFT_VTEP_LEARNED;
	struct dp_vtep_user *user;

	if (weft_ip_is_none(&v->ip) || v->flags & ~WEFT_VTEP_LEARNED)
		return WEFT_E_MALFORMED;
	if (dp_tenant_has_vtep(t, &v->ip))
		return WEFT_E_EXISTS;
	if (t->n_vteps == DP_VTEPS_MAX || (learned && t->n_vteps - t->n_fixed >= t->cfg.max_vteps))
		return WEFT_E_TABLE_FULL;
	user = malloc(sizeof(*user));
	if (!user || !dp_tenant_vteps_room(t) ||
		!dp_vtep_user_add(&t->dp->vtep_users, user, t, &v->ip, 0)) {
		free(user);
		return WEFT_E_NO_MEMORY;
	}
	if (!learned && t->n_fixed < t->n_vteps) // before those that are
		dp_tenant_vtep_put(t, t->vtep_user[t->n_fixed], t->n_vteps);
	dp_tenant_vtep_put(t, user, learned ? t->n_vteps : t->n_fixed);
	t->n_fixed += !learned;
	t->n_vteps++;
	dp_tenant_stale(t);
	return WEFT_E_NONE;
}

enum weft_error dp_tenant_vtep_del(
	struct dp_tenant *t, const struct weft_ip *ip, struct weft_ipc_vtep *was)
{
	struct dp_vtep_user *user = dp_vtep_user_find(&t->dp->vtep_users, t, ip);
	unsigned i;

	if (!user)
		return WEFT_E_NOT_FOUND;
	i = user->at;
	if (was)
		*was = dp_tenant_vtep(t, i);
	if (i < t->n_fixed) {
		dp_tenant_vtep_put(t, t->vtep_user[--t->n_fixed], i);
		i = t->n_fixed;
	}
	if (--t->n_vteps != i) // else what lay there has moved already
		dp_tenant_vtep_put(t, t->vtep_user[t->n_vteps], i);
	dp_vtep_user_remove(&t->dp->vtep_users, user);
	free(user);
	dp_tenant_stale(t);
	return WEFT_E_NONE;
}

void dp_tenant_use_group(struct dp_tenant *t, const struct weft_ip *group)
{
	struct dp_vtep_user *user = &t->group_user;

	if (weft_ip_equal(&user->ip, group))
		return;
	if (user->tenant)
		dp_vtep_user_remove(&t->dp->vtep_users, user);
	*user = (struct dp_vtep_user){.tenant = NULL};
	if (!weft_ip_is_none(group))
		dp_vtep_user_add(&t->dp->vtep_users, user, t, group, DP_VTEP_UNLISTED);
}

void dp_tenant_vteps_fini(struct dp_tenant *t)
{
	static const struct weft_ip none;

	dp_tenant_use_group(t, &none);
	for (unsigned i = 0; i < t->n_vteps; i++) {
		dp_vtep_user_remove(&t->dp->vtep_users, t->vtep_user[i]);
		free(t->vtep_user[i]);
	}
	free(t->vtep_list);
	free(t->vtep_user);
	t->vtep_list = NULL;
	t->vtep_user = NULL;
	t->n_vteps = t->n_fixed = t->vtep_room = 0;
}

void dp_tenants_stale(struct dp *dp, const struct weft_ip *ip)
{
	if (ip) {
		for (struct dp_vtep_user *u = NULL;
			(u = dp_vtep_user_next(&dp->vtep_users, ip, u));)
			dp_tenant_stale(u->tenant);
		return;
	}
	for (struct dp_tenant *t = dp->tenants; t; t = t->next)
		dp_tenant_stale(t);
}
