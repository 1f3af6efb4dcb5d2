// SPDX-License-Identifier: Apache-2.0
#pragma once
// Whether a packet from the underlay may enter its tenant's switch: is its source a VTEP there?
//
// That is asked of each packet, but mostly not of the tenant's set of VTEPs, in which another line
// waits for each source. Of a tenant whose VTEPs are listed, and that is all (dp_admit_can_wait()),
// the question waits until the flow cache was asked. What the cache knows has entered before:
// its flows are told apart by their source (struct ft_from), and of a change of the VTEPs or of
// what else is asked here the switch's epoch is told (dp_tenants_refresh(), dp_tenant_apply()), by
// which nothing is known any more. So a known packet costs the same, however many VTEPs there are.
// What is not known is asked about before it meets the tables (dp_admit_rest()), by the set as it
// is after the epoch was read, so what is learned of it ends with the set.
//
// Nothing waits where somebody else looks at packets before the flow cache does: with bindings
// being watched (dp_suppress.h), where VTEPs are learned from what they send (dp_vtep_learn.h),
// with provider's switches, and where the outer header's ECN or DSCP is about to change a packet.
//
// Workers, inside a read-side section.

#include "dp_worker.h"

#include "overlay/decap.h"

// Of any packet: WEFT_DROP_MAX, or why it may not enter.
enum weft_drop dp_admit(
	struct dp_worker *w, const struct dp_tenant *t, const struct overlay_rx *rx);

// What the front of the tenant's switch says of the tenant: DP_FRONT_*.
static inline unsigned dp_front_says(const struct ft_front *front)
{
	return atomic_load_explicit(&front->flags, memory_order_relaxed);
}

// Whether the tenant's packets can wait, now.
static inline bool dp_admit_can_wait(const struct ft_front *front)
{
	return dp_front_says(front) & DP_FRONT_LISTED;
}

// The same as dp_admit() of an untagged IPv4 frame to the host's own address that can wait.
static inline bool dp_admit_listed(const struct dp_tenant *t, weft_be32 src)
{
	const struct dp_vtep_set *set = __atomic_load_n(&t->vteps, __ATOMIC_ACQUIRE);
	struct weft_ip ip = weft_ip_from_v4(src);

	return __atomic_load_n(&t->flags, __ATOMIC_RELAXED) & WEFT_TENANT_ANY_VTEP ||
	       dp_vtep_has(set, &ip);
}

// Drops those packets of w->in that `left` has a bit of, that have waited (w->in.waits) and may not
// enter. Returns the bits of the others.
uint64_t dp_admit_rest(struct dp_worker *w, uint64_t left);
