// SPDX-License-Identifier: Apache-2.0
#pragma once
// VTEPs that are learned from what they send (RFC 7348, 4.2), in tenants whose broadcasts go to a
// multicast group of the underlay. There nobody needs to be listed: a broadcast reaches all, and
// who answers is known by his answer.
//
// A packet from a source that is not a VTEP of the tenant's is taken if the tenant may learn one
// more, and the agent is told (VTEP_WANTED, dp_provider.h has the same for provider's switches). It
// adds the VTEP (WEFT_VTEP_LEARNED), with next hops from the kernel's tables as for any other. So
// whatever is learned is a change in the stream, and is still there when the agent starts anew. One
// more than the tenant's `max_vteps` is refused (vteps-full), so that a forger of sources costs a
// bounded number of them. Who is learned in one tenant is nothing to another.
//
// Until the VTEP can be sent to, MAC addresses behind it are not learned: what is for them is
// flooded, and the group brings it there. So nothing is lost while it is resolved, nor while there
// is no agent.
//
// Forgetting. Workers mark the VTEPs that they hear, as those of providers that they send to: read
// always, written once an age. The age is that of MAC addresses (host.fdb_age); who was not heard
// for it, or up to twice that, is told of as idle, and the agent takes him out. His MAC addresses
// are gone by then.

#include "dp.h"
#include "tenants/dp_tenant.h"

#include "overlay/decap.h"

struct dp_event;
struct dp_worker;

#define DP_VTEPS_WANTED 256u // that the agent is told of in a second, for a tenant
#define DP_VTEPS_WANTED_BURST 512u

// ---- workers, inside a read-side section

// A packet of the tenant's from rx->src. Whether it may come in: WEFT_DROP_MAX, or why not. Only if
// set->max_learned.
enum weft_drop dp_vtep_heard(struct dp_worker *w, const struct dp_tenant *t,
	const struct dp_vtep_set *set, const struct overlay_rx *rx);

// Whether MAC addresses may be learned behind this VTEP.
static inline bool dp_vtep_takes_macs(const struct dp_tenant *t, const struct weft_ip *vtep)
{
	const struct dp_vtep_set *set = __atomic_load_n(&t->vteps, __ATOMIC_ACQUIRE);
	const struct dp_remote *r;

	if (!set->max_learned)
		return true;
	r = dp_vtep_find(set, vtep);
	return r && r->drop == DP_REMOTE_OK;
}

// ---- control thread

// The VTEPs of a new set that were in the old one keep their marks; a new one counts as used.
void dp_vtep_keep_marks(struct dp_vtep_set *set, const struct dp_vtep_set *old);
// Whether it has been used since this was last asked.
bool dp_vtep_was_used(struct dp_vtep_set *set, const struct weft_ip *vtep);
// Tells the agent what a worker wants, if that is still so.
void dp_vtep_wanted(struct dp *dp, const struct dp_event *e);
// Once a second: those that were not heard are told of.
void dp_vtep_age(struct dp *dp);
