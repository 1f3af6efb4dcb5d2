// SPDX-License-Identifier: Apache-2.0
#pragma once
// From a remote VTEP's address to how its packets leave: a pure function of the view.
//
// Longest prefix of the main table, lowest metric; a dead end there is one. A route all of whose
// interfaces are down is passed by if another one leads there, as the kernel does with
// ignore_routes_with_linkdown: so a backup is a route of a higher metric. Of several hops of a
// route those count whose interface is up and an uplink: these are paths over which the data plane
// spreads flows equally. A hop of a greater weight is several of them, as near to the weights as
// WEFT_NEXTHOP_PATHS paths in all allow, one at least. The outer source is always the host's own
// VTEP address, for the far end knows us by it; the route's own source does not matter.

#include "underlay/view.h"

struct resolve_uplink {
	weft_port_id port;
	char name[IFNAMSIZ]; // the kernel's interface
	bool down;           // the data plane has lost its link; the kernel may tell a second later
};

struct resolve_config {
	struct weft_ip own4, own6; // the host's VTEP addresses; none: not set
	VEC(struct resolve_uplink) uplinks;
};

struct resolve_result {
	struct weft_ipc_nexthop nexthop;
	unsigned paths; // that there are; 0: none
	int link;       // that the packets leave by; 0: none
	int leads_to;   // that the route says, and that cannot be used; 0: none
	struct weft_ip
		gateway;    // whom the neighbour table is asked for: gateway, or the VTEP itself
	bool stale;         // the neighbour is usable but not confirmed
	uint32_t link_mtu;  // of the interface,
	uint32_t route_mtu; // of the route; 0: not limited. nexthop.mtu is the smaller
	uint32_t path_mtu;  // the caller's: what else is known of the path
	const char *why;    // what is missing; NULL: resolved
};

// A multicast group goes by its route's first way, or where no route says (as is usual) by the
// uplink that has the host's VTEP address, or by the first by name that has a link; its MAC address
// is its own.
//
// `path`: 0 is always told of, if only why there is no way; others while they are less than
// result->paths, which is at most WEFT_NEXTHOP_PATHS.
void resolve(const struct view *v, const struct resolve_config *config, const struct weft_ip *vtep,
	uint16_t path, struct resolve_result *result);
