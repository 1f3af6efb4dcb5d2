// SPDX-License-Identifier: Apache-2.0
#pragma once
// Who listens to which multicast group, in one tenant: ports of this host, and VTEPs behind whose
// hosts somebody does.
//
// There is an entry for each group and VLAN, and one for each VLAN and family of addresses itself,
// the link, which knows the routers there and when its hosts were asked last. Each entry has its
// members, each with its time, which are the control thread's, and a list, which workers read: the
// places that a packet goes to, those of the routers among them. A list never changes; it is
// replaced by another one, and goes after a grace period.
//
// Whether anything may be left out is a matter of somebody asking. Hosts tell of themselves when
// they begin to listen, and then only when they are asked; where nobody asks, who listens is
// forgotten while it still does. So a link on which nobody asks, or not for long enough that every
// host has answered, is treated as if nothing were snooped: everything is flooded.
//
// Who asks: a router that was heard (a query that has a source address), or, if it may and while
// none is heard, the switch itself. Its questions go to the ports of this host alone, whose answers
// all VTEPs hear; so there is nothing to elect, and another host that asks does not matter.
//
// Pure but for the hooks: no clock, no DPDK. Times are in seconds of any origin but 0.

#include "flowtable/flowtable.h"

struct dp_snoop;

struct dp_snoop_settings {
	bool on;      // off: everything is forgotten
	bool querier; // ask where nobody else does
	uint32_t age_s;
	uint32_t leave_s; // after a leave; 0: at once, where one machine is behind a port
	uint32_t max_groups;
	uint32_t max_port_groups;
	// Where routers are, whatever is heard: they are members of each link as long as the place
	// is.
	unsigned n_routers;
	struct ft_listener router[2 * WEFT_SNOOP_ROUTERS];
};

enum dp_snoop_what {
	DP_SNOOP_JOIN,
	DP_SNOOP_LEAVE,
	DP_SNOOP_QUERY,  // of a router
	DP_SNOOP_ROUTER, // one that was heard otherwise
};

struct dp_snoop_news {
	enum dp_snoop_what what;
	struct ft_listener at;
	struct weft_ip group; // of a query or router, dp_snoop_link_of()
	uint16_t vlan;
};

struct dp_snoop_question {
	struct weft_ip group; // or dp_snoop_link_of(): all
	uint16_t vlan;
	uint8_t response_ds; // answers are due within so many tenths of a second
	uint32_t interval_s;
};

struct dp_snoop_hooks {
	void *ctx;
	// Calls fn(obj) when no worker has a pointer to it any more.
	void (*retire)(void *ctx, void (*fn)(void *obj), void *obj);
	// To all ports of this host. False: not now.
	bool (*ask)(void *ctx, const struct dp_snoop_question *);
	// Whether there is such a port, or such a VTEP.
	bool (*there)(void *ctx, const struct ft_listener *);
};

// What workers read: ports first. Good until the worker's next quiescent state.
struct dp_snoop_list {
	unsigned n;
	unsigned ports; // of these
	struct ft_listener at[];
};

// The name of the VLAN's link in either family.
static inline struct weft_ip dp_snoop_link_of(bool v6)
{
	return v6 ? (struct weft_ip){.q = {0, 0}} : weft_ip_from_v4(0);
}

// ---- workers

// Where a packet to the group goes. NULL: everywhere. `strict`: where nobody has asked for the
// group, to the routers alone.
const struct dp_snoop_list *dp_snoop_data(
	const struct dp_snoop *, const struct weft_ip *group, uint16_t vlan, bool strict);
// The routers, for reports. NULL: nobody asks there, so everywhere.
const struct dp_snoop_list *dp_snoop_routers(const struct dp_snoop *, bool v6, uint16_t vlan);

// ---- control thread

struct dp_snoop *dp_snoop_new(uint64_t seed, const struct dp_snoop_hooks *); // NULL: no memory
void dp_snoop_free(struct dp_snoop *); // no readers left; NULL is fine
// Without effect on what is known already, but that it is all forgotten if it is off; routers come
// and go with the next second.
void dp_snoop_set(struct dp_snoop *, const struct dp_snoop_settings *);
void dp_snoop_heard(struct dp_snoop *, const struct dp_snoop_news *, uint32_t now_s);
// Once a second. `moved`: there are other ports than before, and their machines should be asked.
void dp_snoop_tick(struct dp_snoop *, uint32_t now_s, bool moved);

// Members; a router's group is dp_snoop_link_of().
void dp_snoop_walk(const struct dp_snoop *, uint32_t now_s,
	void (*fn)(void *arg, const struct weft_ipc_listener *), void *arg);
// All but what workers count.
void dp_snoop_stats(const struct dp_snoop *, struct weft_ipc_snoop_stats *out);
