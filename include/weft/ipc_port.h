// SPDX-License-Identifier: Apache-2.0
#pragma once
// Bodies of the messages about ports (weft/ipc.h).

#include <weft/flow.h>

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
// the kernel or PCI addresses; lacp:fast is lacp with the short timeout. X(ID, name)
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

// What an uplink's device may do for us; what it does not is done in software.
// X(ID, bit, name)
// clang-format off
#define WEFT_OFFLOADS(X)                                                                           \
	X(RX_OUTER, 0, rx-outer-csum)                                                              \
	X(RX_INNER, 1, rx-csum)                                                                    \
	X(TX_OUTER, 2, tx-outer-csum)                                                              \
	X(TX_INNER, 3, tx-csum)                                                                    \
	X(TSO_VXLAN, 4, tso-vxlan)                                                                 \
	X(TSO_NVGRE, 5, tso-nvgre)
// clang-format on

enum weft_offload {
#define WEFT_X(id, bit, name) WEFT_OFFLOAD_##id = 1 << (bit),
	WEFT_OFFLOADS(WEFT_X)
#undef WEFT_X
};

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
	uint32_t id;        // weft_port_id, chosen by the agent
	uint32_t ofport;    // 0: an uplink
	uint32_t kind;      // enum weft_port_kind
	uint32_t config;    // WEFT_PORT_* (DOWN, NO_RECV, …)
	uint32_t mtu;       // 0: the device's own
	uint16_t queues;    // receive queues, 0: one a worker where the device can
	uint16_t mtu_asked; // `mtu` as PORT_ADD said it, where a reply's `mtu` is what came of it
	char name[WEFT_NAME_MAX + 1];
	char device[WEFT_DEVICE_MAX + 1];
	char kernel_if[16]; // uplinks: the kernel's interface with the VTEP address. "":
			    // AF_PACKET's own, else a TAP is made under the port's name
	struct weft_port_limits limits;
	uint32_t no_offload; // WEFT_OFFLOAD_* that the device is not to be asked for
	uint32_t pad;
};
static_assert(sizeof(struct weft_ipc_port) == 256, "travels");

// Other members of a bond that is there; its mode and their kind stay, LACP's timeout may change.
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

enum weft_port_reason { // as ofp_port_reason
	WEFT_PORT_ADDED = 0,
	WEFT_PORT_DELETED = 1,
	WEFT_PORT_MODIFIED = 2,
};

struct weft_ipc_port_status {
	struct weft_ipc_port port;
	struct weft_port_stats stats;
	uint32_t state;      // WEFT_PORT_LINK_DOWN
	uint32_t speed_mbps; // 0: unknown
	uint32_t reason;     // of an event: enum weft_port_reason
	struct weft_mac mac;
	uint16_t offloads; // WEFT_OFFLOAD_* that the device does
	uint8_t pad[4];
};
static_assert(sizeof(struct weft_ipc_port_status) == 256 + 72 + 24, "travels");
