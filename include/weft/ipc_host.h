// SPDX-License-Identifier: Apache-2.0
#pragma once
// Bodies of the messages about a host and its tenants (weft/ipc.h): settings, and the networks of
// a provider's switch.

#include <assert.h>
#include <weft/types.h>

// Whether received VXLAN packets may do without a UDP checksum.
enum weft_zero_csum {
	WEFT_ZERO_CSUM_ACCEPT = 0, // over IPv4 and IPv6 (RFC 7348, 5; RFC 6935)
	WEFT_ZERO_CSUM_IPV4 = 1,   // over IPv4 alone (RFC 8200, 8.1)
	WEFT_ZERO_CSUM_REFUSE = 2,
};

// BFD with the remote VTEPs (RFC 5880).
enum weft_bfd_mode {
	WEFT_BFD_NONE = 0,
	WEFT_BFD_SINGLE_HOP = 1, // RFC 5881
	WEFT_BFD_MULTIHOP = 2,   // RFC 5883
	WEFT_BFD_VXLAN = 3,      // RFC 8971
};

struct weft_bfd_settings {
	uint8_t mode; // enum weft_bfd_mode
	uint8_t mult; // silence of so many intervals is an alarm
	uint8_t learned; // 1: with VTEPs that were learned, too
	uint8_t pad;
	uint32_t interval_us; // to send at, and to receive at, at most
	uint32_t vni;         // WEFT_BFD_VXLAN: the network, of no tenant
	uint32_t pad2;
};

// What is true of the whole host.
struct weft_ipc_host {
	struct weft_ip vtep4; // this host's own VTEP addresses; none: not set
	struct weft_ip vtep6;
	uint16_t vxlan_port;  // UDP destination port, 4789
	uint8_t udp_csum;     // 1: send outer UDP checksums over IPv4
	uint8_t ttl;          // of outer headers
	uint32_t fdb_age_s;   // learned entries expire after so long without a packet
	char name[WEFT_NAME_MAX + 1];
	uint8_t udp6_csum;    // 1: send outer UDP checksums over IPv6
	uint8_t zero_csum;    // enum weft_zero_csum
	uint16_t reassemble;  // outer datagrams that a worker puts together at once; 0: none
	uint32_t path_mtu_age_s; // what routers said of a path's MTU is forgotten; 0: after 600 s
	struct weft_bfd_settings bfd;
};
static_assert(sizeof(struct weft_ipc_host) == 128, "travels");

#define WEFT_TENANT_INNER_VLAN 1u // VLAN tags may enter and leave the overlay
#define WEFT_TENANT_LEARN 2u      // learn MAC addresses from packets
#define WEFT_TENANT_ANY_VTEP 4u   // accept encapsulated packets from sources that are no known VTEP
#define WEFT_TENANT_STANDALONE 8u // no controller, fail-standalone: act as a learning switch
#define WEFT_TENANT_FRAG_DROP 16u // OFPC_FRAG_DROP
#define WEFT_TENANT_TTL_PACKET_IN 32u // a controller asked for packets with an invalid TTL
#define WEFT_TENANT_SUPPRESS 64u // answer ARP and neighbour solicitations from known bindings
#define WEFT_TENANT_MISS_PACKET_IN 128u // a controller gets packets that no rule matches (OpenFlow 1.0)
#define WEFT_TENANT_SNOOP 256u // IGMP and MLD are read: multicast goes to its listeners
#define WEFT_TENANT_SNOOP_STRICT 512u // and to routers alone where there are none
#define WEFT_TENANT_QUERIER 1024u // the switch asks for listeners where no router does
#define WEFT_TENANT_FLAGS 2047u   // all of them

#define WEFT_SNOOP_ROUTERS 4u // that are configured, of each sort

// Of WEFT_TENANT_SNOOP.
struct weft_snoop_settings {
	uint32_t age_s;   // listeners and routers that are not heard again are forgotten; at least 5
	uint32_t leave_s; // and those that have left, after so long; 0: at once
	uint32_t max_groups;
	uint32_t max_port_groups; // that one port listens to
	weft_be32 querier;        // IPv4 source of the switch's own questions; 0 is one as well
	uint32_t pad;
	// Where multicast routers are, whatever is heard from there; 0 and none: nowhere.
	uint32_t router_port[WEFT_SNOOP_ROUTERS]; // OpenFlow's numbers
	struct weft_ip router_vtep[WEFT_SNOOP_ROUTERS];
};

struct weft_ipc_tenant {
	char name[WEFT_NAME_MAX + 1];
	uint32_t encap; // enum weft_encap
	uint32_t vni;   // or VSID
	uint32_t flags; // WEFT_TENANT_*
	uint32_t max_rules;
	uint32_t max_groups;
	uint32_t max_meters;
	uint32_t max_fdb;
	uint32_t punt_rate;  // packet-ins a second; 0: none
	uint32_t punt_burst;
	uint32_t mtu;        // of the tenant's frames (IP bytes); 0: not limited here
	uint32_t max_moves;  // of a MAC in move_within_s, or it is held for move_hold_s; 0: never
	uint32_t move_within_s;
	uint32_t move_hold_s;
	uint8_t dscp;        // of outer headers, 0 to 63; if uniform, of frames that are not IP
	uint8_t tos;         // WEFT_TOS_*
	uint8_t too_big;     // enum weft_too_big
	uint8_t kind;        // enum weft_tenant_kind; cannot change
	struct weft_ip group; // underlay multicast group of its broadcasts; none: to each VTEP
	struct weft_snoop_settings snoop;
	uint32_t max_vteps; // that may be learned from what comes; 0: none
	uint32_t pad;
};
static_assert(sizeof(struct weft_ipc_tenant) == 248, "travels");

// A provider's switch has no network of its own (WEFT_ENCAP_NONE) but what PROVIDER_SET says, a
// port for each encapsulation, and the networks and VTEPs that its rules set for each packet.
enum weft_tenant_kind {
	WEFT_TENANT_KIND_TENANT = 0,
	WEFT_TENANT_KIND_PROVIDER = 1,
};

#define WEFT_PROVIDER_ENCAPS 2u    // by enum weft_encap - 1
#define WEFT_PROVIDER_RANGES 64u   // of networks, of each encapsulation
#define WEFT_PROVIDER_PREFIXES 64u // of VTEPs

struct weft_networks {
	uint32_t first, last;
};

// The networks of a provider's switch, by encapsulation, and whom it exchanges packets with. What a
// tenant has is never the provider's, whatever is said here; what two providers say is one's.
struct weft_ipc_provider {
	uint32_t age_s; // VTEP_IDLE: no packet was sent there for so long, or up to twice that; 0: never
	uint8_t ranges[WEFT_PROVIDER_ENCAPS];
	uint8_t rest;     // bit: encapsulation; all that nobody else has, too
	uint8_t prefixes; // of VTEPs, which are its VTEPs (VTEP_ADD) when they are wanted
	struct weft_networks range[WEFT_PROVIDER_ENCAPS][WEFT_PROVIDER_RANGES];
	struct weft_prefix prefix[WEFT_PROVIDER_PREFIXES];
};
static_assert(sizeof(struct weft_ipc_provider) == 8 + 1024 + 1536, "travels");

// The switch has a port for this encapsulation.
static inline bool weft_provider_has(const struct weft_ipc_provider *p, enum weft_encap encap)
{
	return p->ranges[encap - 1] || p->rest & 1u << (encap - 1);
}

// What is done about a packet that is too big for its way.
enum weft_too_big {
	WEFT_TOO_BIG_ICMP = 0,     // tell the sender; fragment IPv4 that does not forbid it
	WEFT_TOO_BIG_FRAGMENT = 1, // into the overlay: fragment the outer packet
	WEFT_TOO_BIG_DROP = 2,
};

// overlay/ecn.h has the models. 0: DSCP by the pipe model, ECN by RFC 6040's normal mode.
#define WEFT_TOS_UNIFORM 1u // DSCP: the outer value is the inner one, both ways
#define WEFT_TOS_NO_ECN 2u  // outer headers are Not-ECT
