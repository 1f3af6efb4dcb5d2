// SPDX-License-Identifier: Apache-2.0
#pragma once
// ARP and neighbour-discovery suppression: a question whose answer is known does not cross the
// underlay to everybody.
//
// What is watched. Every ARP packet and neighbour solicitation or advertisement that enters the
// tenant's switch, from a local port or from the overlay, tells a binding of its sender
// (dp_neigh_packet.h); new ones go to the control thread, which keeps them in the tenant's
// dp_neigh. The configuration's bindings are there from the start and win. A learned binding lives
// as long as the FDB knows its MAC address.
//
// What is answered. Only a question that a local port sent and that the tables have decided to
// replicate into the overlay: rules of a controller come first, and machines of this host are asked
// and answer for themselves as ever. In its place the asker gets the answer, which is the same that
// the owner would give. A question about a binding that is not known, or whose MAC address the FDB
// has lost, is replicated. Nobody's question about himself (duplicate address detection, gratuitous
// ARP) is answered by his own binding.
//
// Ledger: the question ends as consumed ("answered"), the answer is a copy that was made.

#include "tenants/dp_tenant.h"

struct dp_worker;

static inline bool dp_suppress_is_on(const struct dp_tenant *t)
{
	return __atomic_load_n(&t->flags, __ATOMIC_RELAXED) & WEFT_TENANT_SUPPRESS;
}

// Worker: all of w->in, before the flow cache and the tables.
void dp_suppress_watch(struct dp_worker *w);

// Worker: `view` would be replicated to all VTEPs. True: it was answered, and its buffer is gone.
bool dp_suppress_answer(struct dp_worker *w, struct dp_tenant *t, const struct ft_packet *p,
	const struct weft_packet *view);

// Control thread, once a second: bindings whose MAC address is gone go; all learned ones where
// suppression is off.
void dp_suppress_age(struct dp *dp, struct dp_tenant *t);
