// SPDX-License-Identifier: Apache-2.0
#include "edge/dp_admit.h"

#include "edge/dp_provider.h"
#include "edge/dp_vtep_learn.h"

enum weft_drop dp_admit(struct dp_worker *w, const struct dp_tenant *t, const struct overlay_rx *rx)
{
	const struct dp_vtep_set *set = __atomic_load_n(&t->vteps, __ATOMIC_ACQUIRE);
	uint32_t flags = __atomic_load_n(&t->flags, __ATOMIC_RELAXED);
	bool learns = set->max_learned;

	if (!(flags & WEFT_TENANT_ANY_VTEP) && !learns && !dp_vtep_has(set, &rx->src) &&
		!(t->provider && !weft_ip_equal(&rx->src, &rx->dst) &&
			dp_provider_takes(t->provider, &rx->src)))
		return WEFT_DROP_UNKNOWN_VTEP;
	if (weft_ip_is_multicast(&rx->dst) &&
		!(set->group && weft_ip_equal(&set->group->ip, &rx->dst)))
		return WEFT_DROP_UNKNOWN_VNI; // another tenant's group
	if (rx->inner_vlan && !(flags & WEFT_TENANT_INNER_VLAN))
		return WEFT_DROP_INNER_VLAN;
	return learns ? dp_vtep_heard(w, t, set, rx) : WEFT_DROP_MAX;
}

// New flows of many tenants, or of many VTEPs: what is read of them is asked for first.
static void dp_admit_look_ahead(const struct dp_worker *w, uint64_t which)
{
	const struct dp_arrivals *in = &w->in;

	for (uint64_t left = which; left; left &= left - 1)
		__builtin_prefetch(in->tenant[__builtin_ctzll(left)]);
	for (uint64_t left = which; left; left &= left - 1) {
		const struct dp_tenant *t = in->tenant[__builtin_ctzll(left)];

		__builtin_prefetch(t->vteps);
		__builtin_prefetch(&t->counters[w->id], 1);
	}
	for (uint64_t left = which; left; left &= left - 1) {
		unsigned i = (unsigned)__builtin_ctzll(left);
		const struct dp_vtep_set *set =
			__atomic_load_n(&in->tenant[i]->vteps, __ATOMIC_ACQUIRE);
		struct weft_ip src = weft_ip_from_v4(in->at[i].from.tun_src);

		__builtin_prefetch(&set->slot[dp_ip_hash(&src) & set->mask]);
	}
}

static void dp_admit_refuse(struct dp_worker *w, unsigned i)
{
	const struct dp_arrivals *in = &w->in;
	const struct ft_from *by = &in->at[i].from;
	struct dp_tenant *t = in->tenant[i];
	struct dp_cause cause = {.in_port = by->in_port};
	struct dp_origin from = {
		.vtep = weft_ip_from_v4(by->tun_src),
		.network = t->network,
		.encap = (uint8_t)t->cfg.encap, // for good
	};

	dp_count(&dp_counters(w, t)->received, 1);
	dp_drop_from(&w->drops, t, in->m[i], WEFT_DROP_UNKNOWN_VTEP, &cause, &from);
}

uint64_t dp_admit_rest(struct dp_worker *w, uint64_t left)
{
	const struct dp_arrivals *in = &w->in;
	uint64_t which = left & in->waits;

	if (which & (which - 1))
		dp_admit_look_ahead(w, which);
	for (; which; which &= which - 1) {
		unsigned i = (unsigned)__builtin_ctzll(which);
		if (dp_admit_listed(in->tenant[i], in->at[i].from.tun_src))
			continue;
		dp_admit_refuse(w, i);
		left &= ~(1ull << i);
	}
	return left;
}
