// SPDX-License-Identifier: Apache-2.0
#include "edge/dp_vtep_users.h"

#include "edge/dp_vtep.h"

#include <stdlib.h>

#define DP_VTEP_USERS_FIRST 64u

static struct dp_vtep_bucket *dp_vtep_users_of(
	const struct dp_vtep_users *u, const struct weft_ip *ip)
{
	return &u->by_ip[dp_ip_hash(ip) & (u->size - 1)];
}

// Tenants lie on lines of their own.
static struct dp_vtep_bucket *dp_vtep_users_both(
	const struct dp_vtep_users *u, const struct dp_tenant *t, const struct weft_ip *ip)
{
	uint64_t h = dp_ip_hash(ip) ^ ((uintptr_t)t >> 6) * 0x9e3779b97f4a7c15ull;

	return &u->by_both[(h ^ h >> 32) & (u->size - 1)];
}

static void dp_vtep_user_link(struct dp_vtep_users *u, struct dp_vtep_user *user)
{
	LIST_INSERT_HEAD(dp_vtep_users_of(u, &user->ip), user, by_ip);
	if (user->at != DP_VTEP_UNLISTED)
		LIST_INSERT_HEAD(dp_vtep_users_both(u, user->tenant, &user->ip), user, by_both);
}

static bool dp_vtep_users_grow(struct dp_vtep_users *u)
{
	unsigned size = u->size ? 2 * u->size : DP_VTEP_USERS_FIRST;
	struct dp_vtep_users bigger = {.size = size, .n = u->n};
	struct dp_vtep_user *user;

	bigger.by_ip = calloc(size, sizeof(*bigger.by_ip));
	bigger.by_both = calloc(size, sizeof(*bigger.by_both));
	if (!bigger.by_ip || !bigger.by_both) {
		dp_vtep_users_fini(&bigger);
		return false;
	}
	for (unsigned i = 0; i < u->size; i++)
		while ((user = LIST_FIRST(&u->by_ip[i]))) {
			LIST_REMOVE(user, by_ip);
			dp_vtep_user_link(&bigger, user);
		}
	dp_vtep_users_fini(u);
	*u = bigger;
	return true;
}

bool dp_vtep_user_add(struct dp_vtep_users *u, struct dp_vtep_user *user, struct dp_tenant *t,
	const struct weft_ip *ip, unsigned at)
{
	// Too full is slow, and no worse than that.
	if (u->n >= u->size && !dp_vtep_users_grow(u) && !u->size)
		return false;
	*user = (struct dp_vtep_user){.ip = *ip, .tenant = t, .at = at};
	dp_vtep_user_link(u, user);
	u->n++;
	return true;
}

void dp_vtep_user_remove(struct dp_vtep_users *u, struct dp_vtep_user *user)
{
	LIST_REMOVE(user, by_ip);
	if (user->at != DP_VTEP_UNLISTED)
		LIST_REMOVE(user, by_both);
	u->n--;
}

void dp_vtep_users_fini(struct dp_vtep_users *u)
{
	free(u->by_ip);
	free(u->by_both);
	*u = (struct dp_vtep_users){0};
}

struct dp_vtep_user *dp_vtep_user_find(
	const struct dp_vtep_users *u, const struct dp_tenant *t, const struct weft_ip *ip)
{
	struct dp_vtep_user *user = u->size ? LIST_FIRST(dp_vtep_users_both(u, t, ip)) : NULL;

	while (user && !(user->tenant == t && weft_ip_equal(&user->ip, ip)))
		user = LIST_NEXT(user, by_both);
	return user;
}

struct dp_vtep_user *dp_vtep_user_next(
	const struct dp_vtep_users *u, const struct weft_ip *ip, const struct dp_vtep_user *after)
{
	struct dp_vtep_user *user = after     ? LIST_NEXT(after, by_ip)
				    : u->size ? LIST_FIRST(dp_vtep_users_of(u, ip))
					      : NULL;

	while (user && !weft_ip_equal(&user->ip, ip))
		user = LIST_NEXT(user, by_ip);
	return user;
}
