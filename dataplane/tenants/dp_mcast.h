// SPDX-License-Identifier: Apache-2.0
#pragma once
// Multicast groups of the underlay, which tenants' broadcasts may be sent to.
//
// What is sent to a group is a remote like any other (dp_vtep.h): the agent says by which uplink,
// and the MAC address follows from the group (RFC 1112, 6.4; RFC 2464, 7). To receive, the host
// must be a member. That is the kernel's business, which speaks IGMP and MLD with the routers
// (IGMPv2 or v3 and MLDv2, as net.ipv4.conf.*.force_igmp_version and its like say) and tells the
// interface's filter: we hold a socket for each group that has joined on the interface by which the
// group is reached, and close it when no tenant has the group any more. The data plane's socket,
// not the agent's: while the agent is away, broadcasts go on being received.
//
// Control thread.

#include <weft/types.h>

struct dp;

struct dp_membership {
	struct weft_ip group;
	uint32_t link; // the kernel's interface
	int fd;
	bool wanted;
	struct dp_membership *next;
};

// Joins and leaves, and has decap take what comes for the groups, as tenants and next hops are now.
void dp_mcast_refresh(struct dp *dp);
void dp_mcast_free(struct dp *dp);
