// SPDX-License-Identifier: Apache-2.0
#pragma once
// From a remote VTEP's address to how its packets leave: a pure function of the view.
//
// Longest prefix of the main table, lowest metric; a dead end there is one. Of several hops those
// count whose interface is up and an uplink; the VTEP's address chooses among them, so that a VTEP
// stays on its path while the set of paths stays. The outer source is always the host's own VTEP
// address, for the far end knows us by it; the route's own source does not matter.

#include "underlay/view.h"

struct resolve_uplink {
	weft_port_id port;
	char name[IFNAMSIZ]; // the kernel's interface
};

struct resolve_config {
	struct weft_ip own4, own6; // the host's VTEP addresses; none: not set
	VEC(struct resolve_uplink) uplinks;
};

struct resolve_result {
	struct weft_ipc_nexthop nexthop;
	int link; // that the packets leave by; 0: none
	struct weft_ip
		gateway; // whom the neighbour table is asked for: gateway, or the VTEP itself
	bool stale;      // the neighbour is usable but not confirmed
	const char *why; // what is missing; NULL: resolved
};

void resolve(const struct view *v, const struct resolve_config *config, const struct weft_ip *vtep,
	struct resolve_result *result);
