// SPDX-License-Identifier: Apache-2.0
#pragma once
// Which tenants does a VTEP concern?
//
// A VTEP is a host, and a host may have thousands of tenants, all of which send to the same hosts.
// When the way to one changes, those that use it need new outer headers, and nobody shall go over
// all VTEPs of all tenants to find out who these are. So each tenant's wish for a VTEP, or for an
// underlay group, is a user here, found by its address (whoever has it) and by tenant and address
// (where in the tenant's list it is).
//
// The control thread's alone.

#include <weft/types.h>

#include <sys/queue.h>

struct dp_tenant;

struct dp_vtep_user {
	LIST_ENTRY(dp_vtep_user) by_ip, by_both;
	struct weft_ip ip;
	struct dp_tenant *tenant;
	unsigned at; // of the tenant's list; DP_VTEP_UNLISTED: its group
};
#define DP_VTEP_UNLISTED UINT32_MAX

LIST_HEAD(dp_vtep_bucket, dp_vtep_user);

struct dp_vtep_users {
	struct dp_vtep_bucket *by_ip, *by_both; // `size` of each, a power of two; 0: none yet
	unsigned size, n;
};

// Fills in and adds; the memory is the caller's. False: no memory for the table.
bool dp_vtep_user_add(struct dp_vtep_users *, struct dp_vtep_user *, struct dp_tenant *,
	const struct weft_ip *ip, unsigned at);
void dp_vtep_user_remove(struct dp_vtep_users *, struct dp_vtep_user *);
void dp_vtep_users_fini(struct dp_vtep_users *); // nobody is left

// In the tenant's list; NULL: it is not.
struct dp_vtep_user *dp_vtep_user_find(
	const struct dp_vtep_users *, const struct dp_tenant *, const struct weft_ip *ip);
// Whoever uses it, one after the other; the first: after NULL.
struct dp_vtep_user *dp_vtep_user_next(
	const struct dp_vtep_users *, const struct weft_ip *ip, const struct dp_vtep_user *after);
