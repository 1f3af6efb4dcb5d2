// SPDX-License-Identifier: Apache-2.0
#pragma once
// The protocol between weft-agent and weft-dataplane, version 4.
//
// Two UNIX sockets, both served by the data plane, peer credentials (SO_PEERCRED) checked: root or the
// data plane's own user.
//
//   control   SOCK_STREAM. Requests, replies and events. One agent at a time.
//   punt      SOCK_SEQPACKET. Packet-ins, one datagram each, data plane to agent only. What the socket
//             does not take at once is dropped and counted (punt-full).
//
// Every message is a header and a body of exactly hdr.len - 16 bytes: fixed part, then tails, each
// length checked exactly; a message that does not fit is answered by an error and the connection is
// closed, for the stream cannot be trusted any more. Integers are in host order: both ends are on one
// host. Strings are NUL-padded arrays. Everything is 8-byte aligned, len is a multiple of 8.
//
// Changes. State changes only in a transaction: BEGIN, operations, COMMIT.
//   - WEFT_TXN_ATOMIC: all or nothing. The first operation that fails ends it: that one is answered
//     with its error, the rest are passed over, and COMMIT is answered with WEFT_E_STATE.
//   - without: each operation stands alone; one that fails changes nothing and is answered.
// Operations that succeed are not answered, unless WEFT_IPC_REPLY is set in their header. The answer to COMMIT
// means: published; every packet received from now on meets the new state.
// The order of messages is the order of effects. A dump sees everything before it, committed.
//
// Staged transactions. A bundle of OpenFlow may have a hundred thousand operations, and nobody else
// shall wait for them. So each tenant's switch may have a transaction beside the stream's: messages
// with WEFT_IPC_STAGED belong to the one of hdr.tenant, and whatever other tenants ask for may come
// between them.
//   - BEGIN opens it. It is atomic, and may hold FLOW_MOD, GROUP_MOD, METER_MOD, PORT_MOD and
//     PACKET_OUT; these two are checked when they come and done when it is published.
//   - COMMIT is answered as a dump without items: at once or later, whatever else is answered in
//     between; with WEFT_E_STATE if an operation had failed. ABORT likewise.
//   - Until then the switch takes no other FLOW_MOD, GROUP_MOD or METER_MOD (WEFT_E_IN_USE), dumps
//     of its rules stand still, and other dumps of it tell of what is staged.
// An agent that goes away aborts what it had staged.
//
// Dumps. A request, then zero or more replies of the same type with WEFT_IPC_MORE, then one without
// a body and without MORE. Other replies may come in between; xid tells them apart. A DUMP_FLOWS
// with WEFT_IPC_PACED is sent only as far as the agent asks: it waits, and nothing else with it,
// until a DUMP_MORE with its xid says how many bytes more may come. So who reads a million rules
// slowly holds up neither other dumps nor rules, and nobody has to keep the rules for him.

#include <weft/drop.h>
#include <weft/flow.h>

#define WEFT_IPC_VERSION 4u
#define WEFT_IPC_MAX_LEN (256u * 1024u) // of one message; a larger length closes the connection
#define WEFT_IPC_CONTROL_SOCKET "/run/weft/dataplane.sock"
#define WEFT_IPC_PUNT_SOCKET "/run/weft/dataplane.punt.sock"

struct weft_ipc_hdr {
	uint32_t len;    // bytes, this header included
	uint16_t type;   // enum weft_ipc_type
	uint16_t flags;  // WEFT_IPC_*
	uint32_t xid;    // chosen by the agent; replies repeat it, events have 0
	uint32_t tenant; // weft_tenant_id, 0 where it does not apply
};
static_assert(sizeof(struct weft_ipc_hdr) == 16, "travels");

#define WEFT_IPC_MORE 1u  // another reply to this xid follows
#define WEFT_IPC_REPLY 2u // answer even if it succeeds
#define WEFT_IPC_ERROR 4u // this is an error reply: the body is struct weft_ipc_error
#define WEFT_IPC_PACED 8u // DUMP_FLOWS: wait for DUMP_MORE, at first and when it is used up
#define WEFT_IPC_STAGED 16u // of the tenant's own transaction

// X(ID, number, body)
#define WEFT_IPC_TYPES(X)                                                                          \
	X(HELLO, 1, weft_ipc_hello)           /* first message each way */                         \
	X(BEGIN, 2, weft_ipc_begin)                                                                \
	X(COMMIT, 3, none)                                                                         \
	X(RESULT, 4, weft_ipc_error)          /* answer to an operation */                         \
	X(ECHO, 5, none)                      /* answered in order */                              \
	X(ABORT, 6, none)                     /* staged: as if nothing had been asked */           \
	/* operations */                                                                           \
	X(HOST_SET, 16, weft_ipc_host)                                                             \
	X(TENANT_ADD, 17, weft_ipc_tenant)                                                         \
	X(TENANT_SET, 18, weft_ipc_tenant)    /* all but encap and vni may change */               \
	X(TENANT_DEL, 19, none)               /* its ports must be gone */                         \
	X(PORT_ADD, 20, weft_ipc_port)                                                             \
	X(PORT_DEL, 21, weft_ipc_port_ref)                                                         \
	X(PORT_MOD, 22, weft_ipc_port_mod)    /* OpenFlow port-mod */                              \
	X(VTEP_ADD, 23, weft_ipc_vtep)        /* a remote VTEP of the tenant */                    \
	X(VTEP_DEL, 24, weft_ipc_vtep)                                                             \
	X(NEXTHOP_SET, 25, weft_ipc_nexthop)  /* how to reach a remote VTEP */                     \
	X(NEXTHOP_DEL, 26, weft_ipc_nexthop)                                                       \
	X(FDB_ADD, 27, weft_ipc_fdb)          /* a static entry */                                 \
	X(FDB_DEL, 28, weft_ipc_fdb)                                                               \
	X(FDB_FLUSH, 29, none)                /* learned entries only */                           \
	X(PORT_SET, 30, weft_ipc_port_set)    /* of a port that is there */                        \
	X(NEIGH_ADD, 31, weft_ipc_neigh)      /* a static binding */                               \
	X(FLOW_MOD, 32, weft_flow_mod)        /* match, instructions: see weft_ipc_flow_tail */    \
	X(GROUP_MOD, 33, weft_group_mod)      /* buckets, masks of hash_map */                     \
	X(METER_MOD, 34, weft_meter_mod)      /* bands */                                          \
	X(NEIGH_DEL, 35, weft_ipc_neigh)                                                           \
	X(TABLE_MOD, 36, weft_table_mod)                                                           \
	X(CAUSE, 37, weft_ipc_cause)          /* of the tenant's changes after it, until COMMIT */ \
	X(MONITOR_SET, 38, weft_ipc_monitor)  /* match; in place of what the slot had */           \
	X(MONITOR_DEL, 39, weft_ipc_id)       /* its slot */                                       \
	X(PROVIDER_SET, 42, weft_ipc_provider) /* of a provider's switch; what it had goes */      \
	X(PORT_MEMBERS, 44, weft_ipc_port_members)                                                 \
	/* not a change of state, and not within a transaction's fate unless staged */            \
	X(PACKET_OUT, 40, weft_ipc_packet_out) /* actions, then the frame, then padding */         \
	X(RESUME, 41, weft_ipc_resume)        /* continuation, actions, frame, padding */          \
	/* dumps: the request's body, and below the reply's */                                     \
	X(DUMP_STATUS, 48, none)              /* weft_ipc_status */                                \
	X(DUMP_TENANTS, 49, none)             /* weft_ipc_tenant */                                \
	X(DUMP_PORTS, 50, none)               /* weft_ipc_port_status */                           \
	X(DUMP_VTEPS, 51, none)               /* weft_ipc_vtep, of hdr.tenant or of all */         \
	X(DUMP_NEXTHOPS, 52, none)            /* weft_ipc_nexthop */                               \
	X(DUMP_FDB, 53, none)                 /* weft_ipc_fdb, of hdr.tenant or of all */          \
	X(DUMP_FLOWS, 54, weft_flow_filter)   /* match; reply weft_flow_stats, match, instructions */ \
	X(DUMP_AGGREGATE, 55, weft_flow_filter) /* match; reply weft_aggregate */                  \
	X(DUMP_TABLES, 56, none)              /* weft_table_stats, tables in use or looked up */   \
	X(DUMP_GROUPS, 57, weft_ipc_id)       /* weft_group_stats */                               \
	X(DUMP_METERS, 58, weft_ipc_id)       /* weft_meter_stats */                               \
	X(DUMP_DROPS, 59, none)               /* weft_ipc_ledger, one a tenant, 0 for no tenant's */ \
	X(DUMP_DROP_RULES, 60, none)          /* weft_ipc_drop_rule: the latest drops with their rule */ \
	X(DUMP_WORKERS, 61, none)             /* weft_ipc_worker, one a worker */                  \
	X(DUMP_MORE, 62, weft_ipc_dump_more)  /* has the xid of a dump; not answered */            \
	X(DUMP_HOST, 63, none)                /* weft_ipc_host; no name: it was never set */       \
	X(DUMP_NEIGHS, 64, none)              /* weft_ipc_neigh, of hdr.tenant or of all */        \
	X(DUMP_FDB_STATS, 65, none)           /* weft_ipc_fdb_stats, one a tenant */               \
	X(DUMP_TABLE_DESC, 66, none)          /* weft_table_desc, every table */                   \
	X(DUMP_BFD, 67, none)                 /* weft_ipc_bfd, one a session */                    \
	X(DUMP_PROVIDERS, 68, none)           /* weft_ipc_provider, one a provider's switch */     \
	X(DUMP_LISTENERS, 70, none)           /* weft_ipc_listener, of hdr.tenant or of all */     \
	X(DUMP_SNOOP_STATS, 71, none)         /* weft_ipc_snoop_stats, one a tenant */             \
	X(DUMP_BONDS, 72, none)               /* weft_ipc_bond, one a member */                    \
	/* events */                                                                               \
	X(FLOW_REMOVED, 80, weft_flow_stats)  /* match, instructions */                            \
	X(PORT_STATUS, 81, weft_ipc_port_status)                                                   \
	X(NEIGH_WANTED, 82, weft_ipc_nexthop) /* packets wait for this VTEP's next hop */          \
	X(TABLE_STATUS, 83, weft_table_desc)  /* vacancy went below or above its threshold */      \
	X(FLOW_CHANGED, 84, weft_ipc_flow_change) /* match, instructions */                        \
	X(VTEP_WANTED, 85, weft_ipc_vtep)     /* a provider's packets name it: VTEP_ADD */         \
	X(VTEP_IDLE, 86, weft_ipc_vtep)       /* of a provider's, unused for its age: VTEP_DEL */  \
	/* the punt socket */                                                                      \
	X(PUNT, 96, weft_ipc_punt)            /* the frame's first bytes, padding; weft_ipc_punt_more */

enum weft_ipc_type {
#define WEFT_X(id, number, body) WEFT_IPC_##id = number,
	WEFT_IPC_TYPES(WEFT_X)
#undef WEFT_X
};

struct weft_ipc_hello {
	uint32_t version; // WEFT_IPC_VERSION; another one is refused
	uint32_t pid;
	uint64_t epoch;   // of the data plane: differs after each start; the agent sends 0
};
static_assert(sizeof(struct weft_ipc_hello) == 16, "travels");

#define WEFT_TXN_ATOMIC 1u
struct weft_ipc_begin {
	uint32_t flags; // WEFT_TXN_*
	uint32_t pad;
};

struct weft_ipc_error {
	uint32_t error; // enum weft_error
	uint32_t pad;
	char text[112]; // for people: what exactly; may be empty
};
static_assert(sizeof(struct weft_ipc_error) == 120, "travels");

struct weft_ipc_id {
	uint32_t id; // a group or meter, or WEFT_GROUP_ALL, WEFT_METER_ALL
	uint32_t pad;
};

struct weft_ipc_dump_more {
	uint32_t bytes; // that may come in addition, give or take a few rules; 0: end the dump now
	uint32_t pad;
};

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
	uint8_t pad[2];
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

// Of WEFT_TENANT_SNOOP.
struct weft_snoop_settings {
	uint32_t age_s;   // listeners and routers that are not heard again are forgotten; at least 5
	uint32_t leave_s; // and those that have left, after so long; 0: at once
	uint32_t max_groups;
	uint32_t max_port_groups; // that one port listens to
	weft_be32 querier;        // IPv4 source of the switch's own questions; 0 is one as well
	uint32_t pad;
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
};
static_assert(sizeof(struct weft_ipc_tenant) == 160, "travels");

// A provider's switch has no network of its own (WEFT_ENCAP_NONE) but what PROVIDER_SET says, a port
// for each encapsulation, and the networks and VTEPs that its rules set for each packet.
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

// X(ID, name, what `device` says)
#define WEFT_PORT_KINDS(X)                                                                         \
	X(AF_PACKET, af_packet, "network interface of the kernel")                                 \
	X(AF_XDP, af_xdp, "network interface of the kernel")                                       \
	X(TAP, tap, "name of the TAP interface to make")                                           \
	X(VHOST_USER, vhost_user, "socket path; the switch is the client")                         \
	X(MEMIF, memif, "socket path, with an optional ,id=N and ,role=server|client")             \
	X(PCAP, pcap, "rx=FILE and/or tx=FILE, with an optional ,infinite=1; or iface=NAME")       \
	X(NULL, null, "nothing; an optional size=BYTES")                                           \
	X(PCI, pci, "PCI address")                                                                 \
	X(BOND, bond, "mode and members")

enum weft_port_kind {
#define WEFT_X(id, name, text) WEFT_PORT_KIND_##id,
	WEFT_PORT_KINDS(WEFT_X)
#undef WEFT_X
		WEFT_PORT_KIND_MAX
};

#define WEFT_DEVICE_MAX 127

// An uplink whose members are several devices. Its `device` is MODE,MEMBER[,MEMBER…]: interfaces of
// the kernel or PCI addresses. X(ID, name)
#define WEFT_BOND_MODES(X)                                                                         \
	X(LACP, lacp)                                                                              \
	X(ACTIVE_BACKUP, active_backup)                                                            \
	X(BALANCE, balance)

enum weft_bond_mode {
#define WEFT_X(id, name) WEFT_BOND_##id,
	WEFT_BOND_MODES(WEFT_X)
#undef WEFT_X
		WEFT_BOND_MODE_MAX
};

#define WEFT_BOND_MEMBERS 7u
#define WEFT_BOND_MEMBER_MAX 15u // characters

// Kinds of frames that a storm may be made of.
enum weft_storm {
	WEFT_STORM_BROADCAST,
	WEFT_STORM_MULTICAST,
	WEFT_STORM_UNKNOWN, // unicast, to an address that the FDB does not have
	WEFT_STORM_MAX
};

// What may change of a port while it lives.
struct weft_port_limits {
	uint32_t max_macs;              // that may be learned there; 0: no limit but the tenant's
	uint32_t storm[WEFT_STORM_MAX]; // packets a second that may come in; 0: any number
};

struct weft_ipc_port_set {
	uint32_t id;
	uint32_t pad;
	struct weft_port_limits limits;
};
static_assert(sizeof(struct weft_ipc_port_set) == 24, "travels");

struct weft_ipc_port {
	uint32_t id;      // weft_port_id, chosen by the agent
	uint32_t ofport;  // 0: an uplink
	uint32_t kind;    // enum weft_port_kind
	uint32_t config;  // WEFT_PORT_* (DOWN, NO_RECV, …)
	uint32_t mtu;     // 0: the device's own
	uint16_t queues;  // receive queues, 0: one a worker where the device can
	uint16_t mtu_asked; // `mtu` as PORT_ADD said it, where a reply's `mtu` is what came of it
	char name[WEFT_NAME_MAX + 1];
	char device[WEFT_DEVICE_MAX + 1];
	char kernel_if[16]; // uplinks: the kernel's interface with the VTEP address. "": AF_PACKET's own,
			    // else a TAP is made under the port's name
	struct weft_port_limits limits;
};
static_assert(sizeof(struct weft_ipc_port) == 248, "travels");

// Other members of a bond that is there; its mode and their kind stay.
struct weft_ipc_port_members {
	uint32_t id;
	uint32_t pad;
	char device[WEFT_DEVICE_MAX + 1];
};
static_assert(sizeof(struct weft_ipc_port_members) == 136, "travels");

#define WEFT_BOND_LINK 1u     // the member has a link
#define WEFT_BOND_ACTIVE 2u   // packets are sent by it
#define WEFT_BOND_HAS_LACP 4u // what follows about LACP holds
// A member of a bond. States as in IEEE 802.1AX, 6.4.2.3: bit 0 is activity, 7 expired.
struct weft_ipc_bond {
	uint32_t port; // weft_port_id of the uplink
	uint8_t mode;  // enum weft_bond_mode
	uint8_t flags; // WEFT_BOND_*
	uint8_t actor_state;
	uint8_t partner_state;
	char uplink[WEFT_NAME_MAX + 1];
	char member[WEFT_BOND_MEMBER_MAX + 1];
	struct weft_mac partner; // its system
	uint16_t partner_priority;
	uint16_t partner_key;
	uint16_t partner_port;
	uint32_t losses; // times that the link was lost
	struct weft_port_stats stats;
};
static_assert(sizeof(struct weft_ipc_bond) == 104 + 72, "travels");

struct weft_ipc_port_ref {
	uint32_t id;
	uint32_t pad;
};

struct weft_ipc_port_mod {
	uint32_t ofport;
	uint32_t config;
	uint32_t mask;
	uint32_t pad;
	struct weft_mac mac; // must be the port's own
	uint8_t pad2[2];
};
static_assert(sizeof(struct weft_ipc_port_mod) == 24, "travels");

struct weft_ipc_port_status {
	struct weft_ipc_port port;
	struct weft_port_stats stats;
	uint32_t state;      // WEFT_PORT_LINK_DOWN
	uint32_t speed_mbps; // 0: unknown
	uint32_t reason;     // event: 0 added, 1 deleted, 2 modified (as ofp_port_reason)
	struct weft_mac mac;
	uint8_t pad[6];
};
static_assert(sizeof(struct weft_ipc_port_status) == 248 + 72 + 24, "travels");

struct weft_ipc_vtep {
	struct weft_ip ip;
};

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

// The tail of FLOW_MOD, FLOW_REMOVED, DUMP_FLOWS (request: match only): `match_words` words of
// value and as many of mask, then the instructions.
struct weft_ipc_flow_tail {
	uint64_t match_map;
	uint32_t match_words; // popcount(match_map)
	uint32_t instr_len;   // bytes; 0: none
};
static_assert(sizeof(struct weft_ipc_flow_tail) == 16, "travels");

// Flow monitors. The changes of a transaction that is committed are told one by one, each once, with
// a bit for each monitor that wants it: before COMMIT is answered, unless it has more than some
// thousand, which are told as fast as the agent reads. COMMIT of a staged transaction is always
// answered after its changes. Monitors are gone with the connection, and do not belong to a
// transaction's fate.
#define WEFT_MONITORS 64u // of a tenant: slots 0 to 63

struct weft_ipc_monitor {
	struct weft_flow_filter filter; // `since` has no meaning
	uint32_t slot;
	uint32_t kinds; // bit n: enum weft_change n
};
static_assert(sizeof(struct weft_ipc_monitor) == 48, "travels");

struct weft_ipc_cause {
	uint64_t cause; // given back with each change; 0: nobody's
};

struct weft_ipc_flow_change {
	uint64_t monitors; // bit n: slot n
	uint64_t cause;
	uint64_t version;  // of the transaction
	uint64_t time_ns;  // when it was committed, CLOCK_MONOTONIC
	uint32_t kind;     // enum weft_change
	uint32_t pad;
	struct weft_flow_stats stats;
};
static_assert(sizeof(struct weft_ipc_flow_change) == 40 + 56, "travels");

struct weft_ipc_packet_out {
	uint32_t in_port;
	uint32_t actions_len; // bytes, a multiple of 8
	uint32_t frame_len;   // bytes, padded to a multiple of 8
	uint32_t pad;
};
static_assert(sizeof(struct weft_ipc_packet_out) == 16, "travels");

// A packet that had stopped goes on (weft/continuation.h); the actions are done to it before.
struct weft_ipc_resume {
	uint32_t continuation_len; // bytes
	uint32_t actions_len;      // bytes, a multiple of 8
	uint32_t frame_len;        // bytes, padded to a multiple of 8
	uint32_t pad;
};
static_assert(sizeof(struct weft_ipc_resume) == 16, "travels");

struct weft_ipc_punt {
	uint64_t cookie;
	uint32_t total_len;
	uint32_t data_len;  // bytes of the frame that follow
	uint32_t in_port;
	uint32_t in_phy_port;
	uint64_t metadata;  // network order
	uint64_t tunnel_id; // network order
	uint32_t tun_src;   // network order
	uint32_t tun_dst;
	uint8_t table;
	uint8_t reason;     // enum weft_packet_in_reason
	uint16_t max_len;   // that the action asked for; the agent cuts to it
	uint16_t controller_id;
	uint16_t more_len;  // bytes of weft_ipc_punt_more and its tails, behind the padded frame; 0: none
};
static_assert(sizeof(struct weft_ipc_punt) == 56, "travels");

// What few packet-ins have. Tails: popcount(map) words of the flow key, those that are not zero (of the
// fields that no frame says, and that struct weft_ipc_punt has no member for); then the userdata of
// the action, padded to a multiple of 8; then, if the packet has stopped, a struct weft_continuation.
struct weft_ipc_punt_more {
	uint64_t map; // bit i: word i of struct weft_flow_key
	uint16_t userdata_len;
	uint16_t continuation_len; // 0: it has not stopped
	uint16_t pad[2];
};
static_assert(sizeof(struct weft_ipc_punt_more) == 16, "travels");

// NULL: none. The message's lengths must have been checked.
static inline const struct weft_ipc_punt_more *weft_ipc_punt_more(const struct weft_ipc_punt *p)
{
	const char *frame = (const char *)(p + 1);

	return p->more_len ? (const void *)(frame + ((p->data_len + 7) & ~7u)) : NULL;
}

static inline const void *weft_ipc_punt_userdata(const struct weft_ipc_punt_more *m)
{
	return (const uint64_t *)(const void *)(m + 1) + __builtin_popcountll(m->map);
}

// continuation_len bytes, of a shape that was not checked.
static inline const void *weft_ipc_punt_continuation(const struct weft_ipc_punt_more *m)
{
	return (const char *)weft_ipc_punt_userdata(m) + (m->userdata_len + 7u) / 8 * 8;
}

static inline size_t weft_ipc_punt_more_bytes(const struct weft_ipc_punt_more *m)
{
	return sizeof(*m) + 8u * (unsigned)__builtin_popcountll(m->map) +
		(m->userdata_len + 7u) / 8 * 8 + m->continuation_len;
}

struct weft_ipc_status {
	uint64_t epoch;
	uint64_t uptime_ns;
	uint32_t workers;
	uint32_t pad;
	uint64_t mbufs_free, mbufs_total;
	char version[32];
};
static_assert(sizeof(struct weft_ipc_status) == 72, "travels");

// What a worker did since it started. Cycles are of the time stamp counter; a turn is one run through
// all its queues and rings. busy + idle is all its time, sleep and other processes on its CPU included.
struct weft_ipc_worker {
	uint64_t packets;     // received from devices
	uint64_t bursts;      // in so many
	uint64_t busy_cycles; // of turns that found something to do
	uint64_t idle_cycles;
	uint64_t cycles_hz;
	uint32_t id;          // from 0
	uint32_t thread;      // of the kernel
	uint64_t longest_cycles; // of one busy turn, since somebody asked last
};
static_assert(sizeof(struct weft_ipc_worker) == 56, "travels");

enum weft_punt_reason { // why packets go to controllers, as far as their rate is shared
	WEFT_PUNT_MISS,
	WEFT_PUNT_ACTION,
	WEFT_PUNT_TTL,
	WEFT_PUNT_REASONS,
};

// received + copies == sent + consumed[*] + drops[*], exactly, when no packet is under way.
struct weft_ipc_ledger {
	uint64_t received; // from devices, from the kernel and by packet-out
	uint64_t copies;
	uint64_t sent;
	uint64_t in_flight; // held by rings between workers at this moment
	uint64_t consumed[WEFT_CONSUMED_MAX];
	uint64_t drops[WEFT_DROP_MAX];
	// Not packets, and not part of the sum: what learn actions asked for.
	uint64_t learns;       // handed to the control thread
	uint64_t learns_lost;  // not: over the tenant's rate, or the ring was full
	uint64_t learns_failed; // refused by the tables: no room, or an illegal rule
	uint64_t punts_shed[WEFT_PUNT_REASONS]; // of drops[punt-rate], by what they were for
};

struct weft_ipc_drop_rule {
	uint64_t cookie;
	uint64_t packets;  // dropped for this reason at this rule, since the counter began
	uint32_t reason;   // enum weft_drop
	uint16_t priority;
	uint8_t table;
	uint8_t has_rule;
	uint32_t in_port;
	uint32_t pad;
	uint64_t last_ns;  // since the latest one
};
static_assert(sizeof(struct weft_ipc_drop_rule) == 40, "travels");
