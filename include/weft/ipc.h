// SPDX-License-Identifier: Apache-2.0
#pragma once
// The protocol between weft-agent and weft-dataplane; both must speak the same WEFT_IPC_VERSION.
//
// Two UNIX sockets, both served by the data plane, peer credentials (SO_PEERCRED) checked: root or
// the data plane's own user.
//
//   control   SOCK_STREAM. Requests, replies and events. One agent at a time.
//   punt      SOCK_SEQPACKET. Packet-ins, one datagram each, data plane to agent only. What the
//             socket does not take at once is dropped and counted (punt-full).
//
// Every message is a header and a body of exactly hdr.len - 16 bytes: fixed part, then tails, each
// length checked exactly; a message that does not fit is answered by an error and the connection is
// closed, for the stream cannot be trusted any more. Integers are in host order: both ends are on
// one host. Strings are NUL-padded arrays. Everything is 8-byte aligned, len is a multiple of 8.
//
// Changes. State changes only in a transaction: BEGIN, operations, COMMIT.
//   - WEFT_TXN_ATOMIC: all or nothing. The first operation that fails ends it: that one is answered
//     with its error, the rest are passed over, and COMMIT is answered with WEFT_E_STATE.
//   - without: each operation stands alone; one that fails changes nothing and is answered.
// Operations that succeed are not answered, unless WEFT_IPC_REPLY is set in their header. The
// answer to COMMIT means: published; every packet received from now on meets the new state. The
// order of messages is the order of effects. A dump sees everything before it, committed.
//
// What follows. Rules that go may take with them a hundred thousand that they have learned, and a
// table that is to evict from now on may have as many to put in order. Of what takes long the rest
// is done after COMMIT, in steps between which everybody else is served: SWITCH_BUSY says so before
// the COMMIT is answered that left it, and once more when all of it is done, of that switch. It is
// not lost. Dumps of the switch's rules stand still meanwhile. Of an atomic transaction all rules
// go with COMMIT. And another way to a VTEP (NEXTHOP_*, uplinks) that thousands of tenants share
// is theirs one after the other; COMMIT waits for those that hdr.tenant of its operations names.
//
// Staged transactions. A bundle of OpenFlow may have a hundred thousand operations, and nobody else
// shall wait for them. So each tenant's switch may have a transaction beside the stream's: messages
// with WEFT_IPC_STAGED belong to the one of hdr.tenant, and whatever other tenants ask for may come
// between them.
//   - BEGIN opens it. It is atomic, and may hold FLOW_MOD, GROUP_MOD, METER_MOD, PORT_MOD and
//     PACKET_OUT; these two are checked when they come and done when it is published.
//   - A FLOW_MOD, GROUP_MOD or METER_MOD with WEFT_IPC_REPLY may take long, for it may be about
//     very many rules: it is answered as COMMIT, and until then nothing but ABORT may follow.
//   - COMMIT is answered as a dump without items: at once or later, whatever else is answered in
//     between; with WEFT_E_STATE if an operation had failed. ABORT likewise.
//   - Until then the switch takes no other FLOW_MOD, GROUP_MOD or METER_MOD (WEFT_E_IN_USE), dumps
//     of its rules stand still, and other dumps of it tell of what is staged.
// The configuration may be thousands of tenants, and is staged likewise: of tenant 0, with BEGIN,
// COMMIT or ABORT. It may hold HOST_SET, TENANT_*, PORT_ADD, PORT_DEL, PORT_SET, PORT_MEMBERS,
// VTEP_*, NEXTHOP_*, FDB_ADD, FDB_DEL, NEIGH_* and PROVIDER_SET (hdr.tenant is theirs), atomic or
// not. Each is done when it comes, as in the stream. Meanwhile the stream has no atomic
// transaction, and the first of these up to PORT_MEMBERS and PROVIDER_SET are refused there
// (WEFT_E_IN_USE). An agent that goes away aborts what it had staged.
//
// Dumps. A request, then zero or more replies of the same type with WEFT_IPC_MORE, then one without
// a body and without MORE. Other replies may come in between; xid tells them apart. What is asked
// of all tenants (hdr.tenant is 0) is told some of them at a time: each as it is when its turn
// comes, which is before a later change or after it, and none that came meanwhile. A DUMP_FLOWS
// with WEFT_IPC_PACED is sent only as far as the agent asks: it waits, and nothing else with it,
// until a DUMP_MORE with its xid says how many bytes more may come. So who reads a million rules
// slowly holds up neither other dumps nor rules, and nobody has to keep the rules for him. Of one
// tenant, and of all together, WEFT_IPC_DUMPS may be under way; one more is refused (STATE).

#include <weft/ipc_flow.h>
#include <weft/ipc_host.h>
#include <weft/ipc_overlay.h>
#include <weft/ipc_port.h>
#include <weft/ipc_status.h>

#define WEFT_IPC_VERSION 14u
#define WEFT_IPC_MAX_LEN (256u * 1024u) // of one message; a larger length closes the connection
#define WEFT_IPC_DUMPS 512u             // three times what the agent comes to
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

#define WEFT_IPC_MORE 1u    // another reply to this xid follows
#define WEFT_IPC_REPLY 2u   // answer even if it succeeds
#define WEFT_IPC_ERROR 4u   // this is an error reply: the body is struct weft_ipc_error
#define WEFT_IPC_PACED 8u   // DUMP_FLOWS: wait for DUMP_MORE, at first and when it is used up
#define WEFT_IPC_STAGED 16u // of the tenant's own transaction, or the configuration's

// X(ID, number, body)
#define WEFT_IPC_TYPES(X)                                                                          \
	X(HELLO, 1, weft_ipc_hello) /* first message each way */                                   \
	X(BEGIN, 2, weft_ipc_begin)                                                                \
	X(COMMIT, 3, none)                                                                         \
	X(RESULT, 4, weft_ipc_error) /* answer to an operation */                                  \
	X(ECHO, 5, none)             /* answered in order */                                       \
	X(ABORT, 6, none)            /* staged: as if nothing had been asked */                    \
	/* operations */                                                                           \
	X(HOST_SET, 16, weft_ipc_host)                                                             \
	X(TENANT_ADD, 17, weft_ipc_tenant)                                                         \
	X(TENANT_SET, 18, weft_ipc_tenant) /* all but encap and vni may change */                  \
	X(TENANT_DEL, 19, none)            /* its ports must be gone */                            \
	X(PORT_ADD, 20, weft_ipc_port)                                                             \
	X(PORT_DEL, 21, weft_ipc_port_ref)                                                         \
	X(PORT_MOD, 22, weft_ipc_port_mod) /* OpenFlow port-mod */                                 \
	X(VTEP_ADD, 23, weft_ipc_vtep)     /* a remote VTEP of the tenant */                       \
	X(VTEP_DEL, 24, weft_ipc_vtep)                                                             \
	X(NEXTHOP_SET, 25, weft_ipc_nexthop) /* how to reach a remote VTEP */                      \
	X(NEXTHOP_DEL, 26, weft_ipc_nexthop)                                                       \
	X(FDB_ADD, 27, weft_ipc_fdb) /* a static entry */                                          \
	X(FDB_DEL, 28, weft_ipc_fdb)                                                               \
	X(FDB_FLUSH, 29, none)             /* learned entries only */                              \
	X(PORT_SET, 30, weft_ipc_port_set) /* of a port that is there */                           \
	X(NEIGH_ADD, 31, weft_ipc_neigh)   /* a static binding */                                  \
	X(FLOW_MOD, 32, weft_flow_mod)     /* match, instructions: see weft_ipc_flow_tail */       \
	X(GROUP_MOD, 33, weft_group_mod)   /* buckets, masks of hash_map */                        \
	X(METER_MOD, 34, weft_meter_mod)   /* bands */                                             \
	X(NEIGH_DEL, 35, weft_ipc_neigh)                                                           \
	X(TABLE_MOD, 36, weft_table_mod)                                                           \
	X(CAUSE, 37, weft_ipc_cause)         /* of the tenant's changes after it, until COMMIT */  \
	X(MONITOR_SET, 38, weft_ipc_monitor) /* match; in place of what the slot had */            \
	X(MONITOR_DEL, 39, weft_ipc_id)      /* its slot */                                        \
	X(PROVIDER_SET, 42, weft_ipc_provider) /* of a provider's switch; what it had goes */      \
	X(PORT_MEMBERS, 44, weft_ipc_port_members)                                                 \
	/* not a change of state, and not within a transaction's fate unless staged */             \
	X(PACKET_OUT, 40, weft_ipc_packet_out) /* actions, then the frame, then padding */         \
	X(RESUME, 41, weft_ipc_resume)         /* continuation, actions, frame, padding */         \
	/* dumps: the request's body, and below the reply's */                                     \
	X(DUMP_STATUS, 48, none)                /* weft_ipc_status */                              \
	X(DUMP_TENANTS, 49, none)               /* weft_ipc_tenant */                              \
	X(DUMP_PORTS, 50, none)                 /* weft_ipc_port_status */                         \
	X(DUMP_VTEPS, 51, none)                 /* weft_ipc_vtep, of hdr.tenant or of all */       \
	X(DUMP_NEXTHOPS, 52, none)              /* weft_ipc_nexthop */                             \
	X(DUMP_FDB, 53, none)                   /* weft_ipc_fdb, of hdr.tenant or of all */        \
	X(DUMP_FLOWS, 54, weft_flow_filter)     /* match; weft_flow_stats, match, instructions */  \
	X(DUMP_AGGREGATE, 55, weft_flow_filter) /* match; weft_aggregate */                        \
	X(DUMP_TABLES, 56, none)                /* weft_table_stats, tables in use or looked up */ \
	X(DUMP_GROUPS, 57, weft_ipc_id)         /* weft_group_stats */                             \
	X(DUMP_METERS, 58, weft_ipc_id)         /* weft_meter_stats */                             \
	X(DUMP_DROPS, 59, none)      /* weft_ipc_ledger, one a tenant, 0 for no tenant's */        \
	X(DUMP_DROP_RULES, 60, none) /* weft_ipc_drop_rule: the latest drops with their rule */    \
	X(DUMP_WORKERS, 61, none)    /* weft_ipc_worker, one a worker */                           \
	X(DUMP_MORE, 62, weft_ipc_dump_more) /* has the xid of a dump; not answered */             \
	X(DUMP_HOST, 63, none)               /* weft_ipc_host; no name: it was never set */        \
	X(DUMP_NEIGHS, 64, none)             /* weft_ipc_neigh, of hdr.tenant or of all */         \
	X(DUMP_FDB_STATS, 65, none)          /* weft_ipc_fdb_stats, one a tenant */                \
	X(DUMP_TABLE_DESC, 66, none)         /* weft_table_desc, every table */                    \
	X(DUMP_BFD, 67, none)                /* weft_ipc_bfd, one a session */                     \
	X(DUMP_PROVIDERS, 68, none)          /* weft_ipc_provider, one a provider's switch */      \
	X(DUMP_LISTENERS, 70, none)          /* weft_ipc_listener, of hdr.tenant or of all */      \
	X(DUMP_SNOOP_STATS, 71, none)        /* weft_ipc_snoop_stats, one a tenant */              \
	X(DUMP_BONDS, 72, none)              /* weft_ipc_bond, one a member */                     \
	/* events */                                                                               \
	X(FLOW_REMOVED, 80, weft_flow_stats) /* match, instructions */                             \
	X(PORT_STATUS, 81, weft_ipc_port_status)                                                   \
	X(NEIGH_WANTED, 82, weft_ipc_nexthop)     /* packets wait for this VTEP's next hop */      \
	X(TABLE_STATUS, 83, weft_table_desc)      /* vacancy went below or above its threshold */  \
	X(FLOW_CHANGED, 84, weft_ipc_flow_change) /* match, instructions */                        \
	X(VTEP_WANTED, 85, weft_ipc_vtep)      /* a packet names it, or comes from it: VTEP_ADD */ \
	X(VTEP_IDLE, 86, weft_ipc_vtep)        /* of these, unused for its age: VTEP_DEL */        \
	X(FLOW_TRIGGERED, 87, weft_flow_stats) /* a threshold; match, instructions */              \
	X(SWITCH_BUSY, 88, weft_ipc_switch_busy) /* with what it was asked for, or no more */      \
	/* the punt socket */                                                                      \
	X(PUNT, 96, weft_ipc_punt) /* the frame's first bytes, padding; weft_ipc_punt_more */

enum weft_ipc_type {
#define WEFT_X(id, number, body) WEFT_IPC_##id = number,
	WEFT_IPC_TYPES(WEFT_X)
#undef WEFT_X
};

struct weft_ipc_hello {
	uint32_t version; // WEFT_IPC_VERSION; another one is refused
	uint32_t pid;
	uint64_t epoch; // of the data plane: differs after each start; the agent sends 0
};
static_assert(sizeof(struct weft_ipc_hello) == 16, "travels");

#define WEFT_TXN_ATOMIC 1u
struct weft_ipc_begin {
	uint32_t flags; // WEFT_TXN_*
	uint32_t cpu;   // 1 + the one by which the agent runs, 0: not told (weft/look.h)
};

struct weft_ipc_error {
	uint32_t error; // enum weft_error
	uint32_t cpu;   // 1 + the one by which the control thread runs, 0: not told (weft/look.h)
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
