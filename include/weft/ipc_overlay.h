// SPDX-License-Identifier: Apache-2.0
#pragma once
// Bodies of the messages about what lies behind ports and tunnels (weft/ipc.h): VTEPs, next hops,
// MAC addresses, bindings, listeners, BFD.

#include <assert.h>
#include <weft/types.h>

// A tenant's at most.
#define WEFT_TENANT_VTEPS 4096u

#define WEFT_VTEP_LEARNED 1u // from what it sent, not named by the configuration
struct weft_ipc_vtep {
	struct weft_ip ip;
	uint32_t flags; // WEFT_VTEP_*; VTEP_DEL does not look at them
	uint32_t pad;
};
static_assert(sizeof(struct weft_ipc_vtep) == 24, "travels");

#define WEFT_NEXTHOP_RESOLVED 1u // dst_mac is known
#define WEFT_NEXTHOP_NO_ROUTE 2u

#define WEFT_NEXTHOP_PATHS 8u // to one VTEP, over which flows are spread
struct weft_ipc_nexthop {
	struct weft_ip vtep;  // the remote VTEP, or a multicast group
	uint16_t path;        // of several equal ones, from 0; with `vtep` the next hop's name
	uint16_t learned_mtu; // replies: what a router said the path's MTU is; 0: nothing
	uint32_t link;        // the kernel's interface that it leaves by; 0: not told
	struct weft_ip src;   // the outer source address
	uint32_t port;        // weft_port_id of the uplink
	uint32_t flags;       // WEFT_NEXTHOP_*
	struct weft_mac src_mac;
	struct weft_mac dst_mac;
	uint16_t vlan;        // outer VLAN, 0: none
	uint16_t mtu;         // of the path, IP bytes
};
static_assert(sizeof(struct weft_ipc_nexthop) == 64, "travels");

#define WEFT_FDB_STATIC 1u
#define WEFT_FDB_CONFIG 2u // static, and of the configuration's: kept and told, of no other meaning
#define WEFT_FDB_HELD 4u   // replies: it moved too often, and stays here for a while
struct weft_ipc_fdb {
	struct weft_mac mac;
	uint16_t vlan;       // 0: untagged
	uint32_t ofport;     // WEFT_OFPORT_OVERLAY: behind `vtep`
	uint32_t flags;      // WEFT_FDB_*
	uint32_t age_s;      // replies: seconds since the last packet
	uint32_t moves;      // replies: how often it was learned elsewhere
	struct weft_ip vtep;
};
static_assert(sizeof(struct weft_ipc_fdb) == 40, "travels");

// What became of learning in one tenant since it was made.
struct weft_ipc_fdb_stats {
	uint64_t moves;       // addresses learned at another place than before
	uint64_t held;        // times that one moved too often
	uint64_t conflicts;   // packets from elsewhere than a static or held entry says
	uint64_t over_port;   // times that a port had as many addresses as it may
	uint64_t over_tenant; // times that the tenant had
	uint32_t entries;     // now
	uint32_t held_now;
	uint32_t neighbours;  // bindings known now
	uint32_t pad;
};
static_assert(sizeof(struct weft_ipc_fdb_stats) == 56, "travels");

// A binding of an IP address to a MAC address, from which the switch answers ARP and neighbour
// solicitations itself (WEFT_TENANT_SUPPRESS).
#define WEFT_NEIGH_STATIC 1u // of the configuration
#define WEFT_NEIGH_ROUTER 2u // IPv6: a router, by its advertisement (RFC 4861, 4.4)
struct weft_ipc_neigh {
	struct weft_ip ip;
	uint16_t vlan; // 0: untagged
	struct weft_mac mac;
	uint32_t flags; // WEFT_NEIGH_*
	uint32_t pad;
};
static_assert(sizeof(struct weft_ipc_neigh) == 32, "travels");

// Somebody who listens to a multicast group, or a router, whose group is 0.0.0.0 or ::, as it
// speaks IGMP or MLD.
#define WEFT_LISTENER_ROUTER 1u
#define WEFT_LISTENER_QUERIER 2u // a router that asks
#define WEFT_LISTENER_LEAVING 4u
#define WEFT_LISTENER_STATIC 8u // a router that is configured, and is not forgotten
struct weft_ipc_listener {
	struct weft_ip group;
	struct weft_ip vtep; // behind the overlay
	uint32_t ofport;
	uint16_t vlan;  // 0: untagged
	uint16_t flags; // WEFT_LISTENER_*
	uint32_t left_s; // until it is forgotten
	uint32_t pad;
};
static_assert(sizeof(struct weft_ipc_listener) == 48, "travels");

// What became of snooping in one tenant since it was made.
struct weft_ipc_snoop_stats {
	uint64_t joins;       // groups that reports wanted,
	uint64_t leaves;      // or not any more
	uint64_t queries;     // heard from routers
	uint64_t asked;       // by the switch itself
	uint64_t over_port;   // times that a port listened to as many groups as it may
	uint64_t over_tenant; // times that the tenant did
	uint64_t lost;        // groups that workers could not tell of: too many at once
	uint64_t unsound;     // messages that were not believed
	uint32_t groups;      // now, as the following
	uint32_t members;
	uint32_t routers;
	uint32_t links;       // VLANs, twice if of both families
	uint32_t asked4;      // 1: in the untagged network it is known who listens
	uint32_t asked6;
};
static_assert(sizeof(struct weft_ipc_snoop_stats) == 88, "travels");

// A BFD session. States and diagnostics by their numbers in RFC 5880, 4.1.
struct weft_ipc_bfd {
	struct weft_ip vtep;
	uint8_t state;
	uint8_t diag;
	uint8_t remote_state;
	uint8_t remote_diag;
	uint8_t down; // 1: nothing is sent to the VTEP
	uint8_t mult;
	uint8_t remote_mult;
	uint8_t mode; // enum weft_bfd_mode
	uint32_t discr;
	uint32_t remote_discr;
	uint32_t tx_us; // between packets sent, without jitter; 0: none
	uint32_t downs; // times that it was up and went down
	uint64_t detection_us;
	uint64_t sent;
	uint64_t received;
	uint64_t discarded; // as RFC 5880, 6.8.6 says
	uint64_t since_ns;  // in this state for so long
};
static_assert(sizeof(struct weft_ipc_bfd) == 80, "travels");
