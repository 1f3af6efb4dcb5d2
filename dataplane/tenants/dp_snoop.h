// SPDX-License-Identifier: Apache-2.0
#pragma once
// IGMP and MLD snooping: multicast goes where it is wanted (RFC 4541).
//
// Where a packet goes that NORMAL would flood. Outputs that a controller names, FLOOD and ALL among
// them, are its own business.
//
//	reports               to the routers here, and into the overlay: the other hosts learn from
//	                      them of our listeners, and keep them from their machines
//	known groups          to those who listen, and to routers
//	other groups          everywhere; with WEFT_TENANT_SNOOP_STRICT to routers alone
//	queries, PIM, groups of the link itself, what is not IP, IGMP that is not sound,
//	and all of it on a link where nobody asks (dp_snoop_table.h): everywhere
//
// Into the overlay a packet goes to the VTEPs that listen or have a router; where the tenant has an
// underlay group, to that, once. What goes nowhere is dropped under "no-listener".
//
// What is learned: whatever NORMAL is given, so that rules of a controller come first. The worker
// tells the control thread through the ring of events, within an allowance of each tenant's; what
// is not told is counted. The switch's own questions (WEFT_TENANT_QUERIER) are packet-outs to all
// local ports.
//
// Frames that it decides on are not for the flow cache, whose prints do not tell groups apart.

#include "tenants/dp_snoop_table.h"

struct dp;
struct dp_event;
struct dp_tenant;
struct dp_worker;

// ---- workers

// As struct ft_sink's `listeners`.
bool dp_snoop_listeners(struct ft_sink *, struct ft_packet *, struct ft_listeners *);

// ---- control thread

// What one thread keeps of a tenant.
struct dp_snoop_own;

// The tenant's t->snoop and t->snoops. False: out of memory; dp_snoop_fini() may be called anyway.
bool dp_snoop_init(struct dp_tenant *t);
void dp_snoop_fini(struct dp_tenant *t);
// t->cfg has changed.
void dp_snoop_apply(struct dp_tenant *t);
void dp_snoop_told(struct dp *dp, const struct dp_event *e);
// Once a second.
void dp_snoop_second(struct dp_tenant *t);
void dp_snoop_each(const struct dp_tenant *t,
	void (*fn)(void *arg, const struct weft_ipc_listener *), void *arg);
void dp_snoop_sum(const struct dp_tenant *t, struct weft_ipc_snoop_stats *out);
