// SPDX-License-Identifier: Apache-2.0
#pragma once
// The kernel's view of the underlay, in plain data: interfaces, addresses, routes of the main
// table, neighbours. netlink.c fills it from the kernel, tests by hand; resolve.c only reads it.

#include <net/if.h>

#include <weft/ipc.h>

#include "finder.h"
#include "vec.h"

struct view_link {
	int index;
	char name[IFNAMSIZ];
	struct weft_mac mac;
	uint32_t mtu;
	bool up;       // administratively, and has carrier
	int parent;    // of a VLAN interface: what it lies on; else 0
	uint16_t vlan; // of a VLAN interface
};

struct view_address {
	int link;
	struct weft_ip ip;
};

#define VIEW_HOPS_MAX 16

struct view_hop {
	int link;
	struct weft_ip gateway; // none: on the link
	uint16_t weight;        // of several; 0: 1
};

struct view_route {
	struct weft_ip prefix;
	uint8_t prefix_len; // of the 128 bits of weft_ip: 96 + n for IPv4
	bool dead_end;      // unreachable, blackhole, prohibit
	uint32_t metric;
	uint32_t mtu; // 0: not limited
	uint8_t hop_count;
	struct view_hop hops[VIEW_HOPS_MAX];
};

struct view_neighbour {
	int link;
	struct weft_ip ip;
	struct weft_mac mac;
	bool usable; // the kernel would send to it, if only to ask again: STALE is
	bool stale;
};

struct view {
	VEC(struct view_link) links;
	VEC(struct view_address) addresses;
	VEC(struct view_route) routes;
	VEC(struct view_neighbour) neighbours; // by view_add_neighbour()
	struct finder neighbour_ips;
};

void view_free(struct view *v); // the contents
void view_add_neighbour(struct view *v, const struct view_neighbour *n);
const struct view_link *view_link_by_index(const struct view *v, int index);
const struct view_neighbour *view_neighbour_at(
	const struct view *v, int link, const struct weft_ip *ip);
bool view_has_address(const struct view *v, const struct weft_ip *ip);
