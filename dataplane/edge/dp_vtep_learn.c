// SPDX-License-Identifier: Apache-2.0
#include "edge/dp_vtep_learn.h"

#include "edge/dp_provider.h"
#include "ipc/dp_event.h"
#include "dp_worker.h"

// ---- workers

// Nobody else's word is needed to know that this is no VTEP.
static bool dp_vtep_can_be(const struct dp *dp, const struct weft_ip *ip)
{
	const struct overlay_vtep *own = __atomic_load_n(&dp->vtep, __ATOMIC_ACQUIRE);
	weft_be32 v4 = weft_ip_is_v4(ip) ? weft_ip_v4(ip) : 0;

	return !weft_ip_is_none(ip) && !weft_ip_is_multicast(ip) && v4 != UINT32_MAX &&
	       !weft_ip_equal(ip, &own->ipv4) && !weft_ip_equal(ip, &own->ipv6);
}

enum weft_drop dp_vtep_heard(struct dp_worker *w, const struct dp_tenant *t,
	const struct dp_vtep_set *set, const struct overlay_rx *rx)
{
	const struct dp_remote *from = dp_vtep_find(set, &rx->src);
	bool any = __atomic_load_n(&t->flags, __ATOMIC_RELAXED) & WEFT_TENANT_ANY_VTEP;

	if (from) {
		dp_remote_used(from);
		return WEFT_DROP_MAX;
	}
	if (!dp_vtep_can_be(w->dp, &rx->src))
		return any ? WEFT_DROP_MAX : WEFT_DROP_UNKNOWN_VTEP;
	if (set->learned >= set->max_learned)
		return any ? WEFT_DROP_MAX : WEFT_DROP_VTEPS_FULL;
	dp_encap_want(w, t, &rx->src, WEFT_IPC_VTEP_WANTED);
	return WEFT_DROP_MAX;
}

// ---- control thread

void dp_vtep_keep_marks(struct dp_vtep_set *set, const struct dp_vtep_set *old)
{
	for (unsigned i = 0; i < set->n; i++) {
		const struct dp_remote *was = dp_vtep_find(old, &set->remote[i].ip);

		set->remote[i].used = !was || __atomic_load_n(&was->used, __ATOMIC_RELAXED);
	}
}

bool dp_vtep_was_used(struct dp_vtep_set *set, const struct weft_ip *vtep)
{
	struct dp_remote *r = (struct dp_remote *)(uintptr_t)dp_vtep_find(set, vtep);

	return !r || __atomic_exchange_n(&r->used, 0, __ATOMIC_RELAXED);
}

void dp_vtep_wanted(struct dp *dp, const struct dp_event *e)
{
	struct dp_tenant *t = dp_tenant_find(dp, e->tenant);
	struct weft_ipc_vtep body = {.ip = e->ip, .flags = WEFT_VTEP_LEARNED};

	if (t && t->provider)
		dp_provider_wanted(dp, e);
	if (!t || t->hidden || dp_tenant_has_vtep(t, &e->ip) ||
		t->n_vteps - t->n_fixed >= t->cfg.max_vteps)
		return;
	if (dp_bucket_take(&t->vteps_wanted, DP_VTEPS_WANTED, DP_VTEPS_WANTED_BURST, dp_now_ns()))
		dp_event_send(dp, WEFT_IPC_VTEP_WANTED, t->id, &body, sizeof(body));
}

static void dp_vtep_round(struct dp *dp, const struct dp_tenant *t)
{
	for (unsigned i = t->n_fixed; i < t->n_vteps; i++) {
		struct weft_ipc_vtep v = {.ip = t->vtep_list[i], .flags = WEFT_VTEP_LEARNED};

		if (!dp_vtep_was_used(t->vteps, &v.ip))
			dp_event_send(dp, WEFT_IPC_VTEP_IDLE, t->id, &v, sizeof(v));
	}
}

void dp_vtep_age(struct dp *dp)
{
	uint64_t now = dp_now_ns(), age = dp->host.fdb_age_s * 1000000000ull;

	for (struct dp_tenant *t = dp->tenants; age && t; t = t->next) {
		if (t->hidden || t->n_vteps == t->n_fixed || now - t->vteps_round_ns < age)
			continue;
		t->vteps_round_ns = now;
		dp_vtep_round(dp, t);
	}
}
