// SPDX-License-Identifier: Apache-2.0
#pragma once
// Keeps the data plane's next hops true to the kernel's routing.
//
// For each remote VTEP that a tenant has, the kernel's tables are resolved into next hops, one for
// each of several equal paths, and what differs from what the data plane holds is sent
// (NEXTHOP_SET, NEXTHOP_DEL). That happens when the set of VTEPs or uplinks changes and whenever
// the kernel's tables do. A next hop without a MAC address is asked for: at once when packets wait
// for it (NEIGH_WANTED), else once a second. One that is stale is confirmed every
// UNDERLAY_CONFIRM_S, for the kernel does not see the packets that use it. The MTU of a path is the
// interface's, the route's, or what the kernel's own traffic found out, whichever is smallest; for
// the last one the kernel is asked every second.

#include "dpclient/dpclient.h"
#include "reconcile/model.h"
#include "underlay/resolve.h"

#define UNDERLAY_CONFIRM_S 10u
#define UNDERLAY_PATHS_A_TICK 32u // that the kernel is asked about in a second, in turn

struct underlay;

// NULL: *error says why. `dpc` must outlive it.
struct underlay *underlay_new(struct event_base *base, struct dpc *dpc, const char **error);
void underlay_free(struct underlay *u);

// What the data plane holds now, after each apply and reconnection: own addresses, uplinks, VTEPs
// and next hops are taken from it. The first call starts the work; underlay_stop() pauses it while
// the data plane is away.
void underlay_set(struct underlay *u, const struct model *m);
void underlay_stop(struct underlay *u);
// One VTEP more, or one less, since then.
void underlay_want(struct underlay *u, const struct weft_ip *vtep, bool wanted);
// An uplink has lost its link or has it again, as the data plane says.
void underlay_link(struct underlay *u, weft_port_id uplink, bool up);

// This VTEP address of ours is not one of the host's, as the kernel says: nothing will come back.
// False while the work is paused.
bool underlay_is_foreign(const struct underlay *u, const struct weft_ip *own);

// How every VTEP resolves at this moment, for `weft underlay`.
typedef void (*underlay_each_fn)(
	void *arg, const struct resolve_result *result, const char *interface);
void underlay_each(const struct underlay *u, underlay_each_fn each, void *arg);
