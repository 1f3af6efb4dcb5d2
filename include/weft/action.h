// SPDX-License-Identifier: Apache-2.0
#pragma once
// Actions and instructions, free of any OpenFlow version.
//
// A list of actions is a run of bytes: each action a header, then its payload, padded with zeros to
// a multiple of 8. The same bytes travel over IPC, lie in the rule, and are executed in place, so
// they are decoded once (by the agent) and checked once (by the data plane, weft_actions_ok() and
// then flowtable's own checks). A type that can be written here need not be one that the tables
// execute: those that they don't are refused there, with WEFT_E_ACTION_TYPE.

#include <weft/action_payload.h>
#include <weft/trigger.h>

// X(ID, name): append only, the number travels over IPC.
#define WEFT_ACTIONS(X)                                                                            \
	X(OUTPUT, output)       /* arg: port; payload: struct weft_action_output */                \
	X(GROUP, group)         /* arg: group id */                                                \
	X(SET_QUEUE, set_queue) /* arg: queue id */                                                \
	X(METER, meter)         /* arg: meter id (the action of OpenFlow 1.5) */                   \
	X(SET_FIELD, set_field) /* arg: WEFT_FIELD_*; payload: struct weft_action_set_field */     \
	X(PUSH_VLAN, push_vlan) /* arg: ethertype, host order */                                   \
	X(POP_VLAN, pop_vlan)                                                                      \
	X(PUSH_MPLS, push_mpls) /* arg: ethertype */                                               \
	X(POP_MPLS, pop_mpls)   /* arg: ethertype of what is below */                              \
	X(PUSH_PBB, push_pbb)   /* arg: ethertype */                                               \
	X(POP_PBB, pop_pbb)                                                                        \
	X(SET_MPLS_TTL, set_mpls_ttl) /* arg: TTL */                                               \
	X(DEC_MPLS_TTL, dec_mpls_ttl)                                                              \
	X(SET_NW_TTL, set_nw_ttl) /* arg: TTL or hop limit */                                      \
	X(DEC_NW_TTL, dec_nw_ttl)                                                                  \
	X(COPY_TTL_OUT, copy_ttl_out)                                                              \
	X(COPY_TTL_IN, copy_ttl_in)                                                                \
	/* OpenFlow 1.5 and Nicira's extensions, ovs-actions(7) */                                 \
	X(MOVE, move)                 /* payload: struct weft_action_move; also copy-field */      \
	X(LOAD, load)                 /* as SET_FIELD; the two are told apart in dumps only */     \
	X(RESUBMIT, resubmit)         /* arg: in_port; payload: struct weft_action_resubmit */     \
	X(OUTPUT_FIELD, output_field) /* payload: struct weft_action_output_field */               \
	X(OUTPUT_TRUNC, output_trunc) /* arg: port; payload: struct weft_action_u32, max. bytes */ \
	X(ENQUEUE, enqueue)           /* arg: port; payload: struct weft_action_u32, the queue */  \
	X(POP_QUEUE, pop_queue)                                                                    \
	X(CONTROLLER, controller)   /* payload: struct weft_action_controller, userdata */         \
	X(NOTE, note)               /* arg: bytes of payload; payload: anything */                 \
	X(LEARN, learn)             /* payload: struct weft_action_learn, weft_learn_spec */       \
	X(CONJUNCTION, conjunction) /* arg: id; payload: struct weft_action_conjunction */         \
	X(BUNDLE, bundle)           /* payload: struct weft_action_bundle, uint32_t ports */       \
	X(MULTIPATH, multipath)     /* payload: struct weft_action_multipath */                    \
	X(STACK_PUSH, stack_push)   /* payload: struct weft_subfield */                            \
	X(STACK_POP, stack_pop)     /* payload: struct weft_subfield */                            \
	X(CLONE, clone)             /* payload: a list of actions */                               \
	X(EXIT, exit)                                                                              \
	X(DEC_NW_TTL_IDS, dec_nw_ttl_ids) /* arg: how many; payload: uint16_t controller ids */    \
	X(FIN_TIMEOUT, fin_timeout)       /* payload: struct weft_action_fin_timeout */            \
	X(CHECK_PKT_LARGER, check_pkt_larger) /* arg: bytes; payload: struct weft_subfield */      \
	/* OpenFlow 1.0 */                                                                         \
	X(SET_VLAN_VID, set_vlan_vid) /* arg: VID; a packet without a tag gets one */              \
	X(SET_VLAN_PCP, set_vlan_pcp) /* arg: PCP; likewise */                                     \
	X(STRIP_VLAN, strip_vlan)     /* a packet without a tag stays as it is */                  \
	X(SET_L4_SRC, set_l4_src)     /* arg: port, of TCP, UDP or SCTP */                         \
	X(SET_L4_DST, set_l4_dst)     /* arg: port */                                              \
	X(SET_NW_SRC, set_nw_src)     /* arg: IPv4 address, host order; of IPv4 alone */           \
	X(SET_NW_DST, set_nw_dst)     /* arg: IPv4 address */                                      \
	X(SET_NW_TOS, set_nw_tos)     /* arg: DSCP */

enum weft_action_type {
#define WEFT_X(id, name) WEFT_ACTION_##id,
	WEFT_ACTIONS(WEFT_X)
#undef WEFT_X
	WEFT_ACTION_MAX
};

static inline const void *weft_action_payload(const struct weft_action *a)
{
	return a + 1;
}

static inline const struct weft_action *weft_action_next(const struct weft_action *a)
{
	return (const struct weft_action *)(const void *)((const char *)a + a->len);
}

#define WEFT_ACTION_FOR_EACH(a, list, bytes)                                                       \
	for (const struct weft_action *a = (const struct weft_action *)(const void *)(list);       \
		(const char *)a < (const char *)(list) + (bytes); a = weft_action_next(a))

// Bytes of a payload that follows a header of this type and argument, 0 if there is none. `p`: the
// payload, of which `room` bytes are there; more is returned if it needs more.
static inline size_t weft_action_payload_bytes(
	const struct weft_action *a, const void *p, size_t room)
{
	struct weft_action_controller c = {0};
	struct weft_action_bundle b = {0};
	struct weft_action_learn l = {0};

	switch ((enum weft_action_type)a->type) {
	case WEFT_ACTION_OUTPUT:
		return sizeof(struct weft_action_output);
	case WEFT_ACTION_SET_FIELD:
	case WEFT_ACTION_LOAD:
		return sizeof(struct weft_action_set_field);
	case WEFT_ACTION_MOVE:
		return sizeof(struct weft_action_move);
	case WEFT_ACTION_RESUBMIT:
		return sizeof(struct weft_action_resubmit);
	case WEFT_ACTION_OUTPUT_FIELD:
		return sizeof(struct weft_action_output_field);
	case WEFT_ACTION_OUTPUT_TRUNC:
	case WEFT_ACTION_ENQUEUE:
		return sizeof(struct weft_action_u32);
	case WEFT_ACTION_CONTROLLER:
		memcpy(&c, p, room < sizeof(c) ? room : sizeof(c));
		return sizeof(c) + c.userdata_len;
	case WEFT_ACTION_NOTE:
		return a->arg;
	case WEFT_ACTION_LEARN:
		memcpy(&l, p, room < sizeof(l) ? room : sizeof(l));
		return sizeof(l) + l.n_specs * sizeof(struct weft_learn_spec);
	case WEFT_ACTION_CONJUNCTION:
		return sizeof(struct weft_action_conjunction);
	case WEFT_ACTION_BUNDLE:
		memcpy(&b, p, room < sizeof(b) ? room : sizeof(b));
		return sizeof(b) + b.n_ports * sizeof(uint32_t);
	case WEFT_ACTION_MULTIPATH:
		return sizeof(struct weft_action_multipath);
	case WEFT_ACTION_STACK_PUSH:
	case WEFT_ACTION_STACK_POP:
	case WEFT_ACTION_CHECK_PKT_LARGER:
		return sizeof(struct weft_subfield);
	case WEFT_ACTION_CLONE:
		return a->len - sizeof(*a);
	case WEFT_ACTION_DEC_NW_TTL_IDS:
		return sizeof(uint16_t) * (size_t)a->arg;
	case WEFT_ACTION_FIN_TIMEOUT:
		return sizeof(struct weft_action_fin_timeout);
	default:
		return 0;
	}
}

// How deep lists may lie within lists.
#define WEFT_CLONE_DEPTH 8u

static inline bool weft_actions_ok_within(const void *list, size_t bytes, unsigned depth)
{
	const char *p = list;

	while (bytes) {
		struct weft_action a;
		size_t payload;

		if (bytes < sizeof(a))
			return false;
		memcpy(&a, p, sizeof(a));
		if (a.type >= WEFT_ACTION_MAX || a.len < sizeof(a) || a.len % 8 || a.len > bytes)
			return false;
		payload = weft_action_payload_bytes(&a, p + sizeof(a), a.len - sizeof(a));
		if (a.len != sizeof(a) + (payload + 7) / 8 * 8)
			return false;
		if (a.type == WEFT_ACTION_CLONE &&
			(!depth || !weft_actions_ok_within(p + sizeof(a), payload, depth - 1)))
			return false;
		p += a.len;
		bytes -= a.len;
	}
	return true;
}

// The shape alone: every action whole, of a known type, as long as its type says.
static inline bool weft_actions_ok(const void *list, size_t bytes)
{
	return weft_actions_ok_within(list, bytes, WEFT_CLONE_DEPTH);
}

// What a rule does. `apply_len` and `write_len` bytes of actions follow, in this order, then a
// struct weft_trigger if there is one.
struct weft_instructions {
	uint64_t metadata;      // as the key has it: network byte order
	uint64_t metadata_mask; // 0: no write-metadata
	uint32_t meter_id;      // 0: none
	uint16_t apply_len;
	uint16_t write_len;
	uint8_t goto_table; // if WEFT_INSTR_GOTO
	uint8_t flags;      // WEFT_INSTR_*; present even with an empty list, so that a dump says so
	uint8_t pad[6];
};
static_assert(sizeof(struct weft_instructions) == 32, "travels");

#define WEFT_INSTR_GOTO 1u
#define WEFT_INSTR_APPLY 2u
#define WEFT_INSTR_WRITE 4u
#define WEFT_INSTR_CLEAR 8u
#define WEFT_INSTR_TRIGGER 16u

static inline size_t weft_instructions_bytes(const struct weft_instructions *i)
{
	return sizeof(*i) + i->apply_len + i->write_len +
	       (i->flags & WEFT_INSTR_TRIGGER ? sizeof(struct weft_trigger) : 0);
}

static inline const void *weft_instructions_apply(const struct weft_instructions *i)
{
	return i + 1;
}

static inline const void *weft_instructions_write(const struct weft_instructions *i)
{
	return (const char *)(i + 1) + i->apply_len;
}

// NULL: none.
static inline const struct weft_trigger *weft_instructions_trigger(
	const struct weft_instructions *i)
{
	const void *at = (const char *)(i + 1) + i->apply_len + i->write_len;

	return i->flags & WEFT_INSTR_TRIGGER ? (const struct weft_trigger *)at : NULL;
}

// Ports with a meaning, numbered as in OpenFlow 1.3.5, 7.2.1 (ofp_port_no).
enum weft_ofport {
	WEFT_OFPORT_MAX = 0xffffff00u,   // ordinary ports are 1 to this
	WEFT_OFPORT_UNSET = 0xfffffff7u, // OpenFlow 1.5: actset_output without one
	WEFT_OFPORT_IN_PORT = 0xfffffff8u,
	WEFT_OFPORT_TABLE = 0xfffffff9u,
	WEFT_OFPORT_NORMAL = 0xfffffffau, // learn and forward on the overlay
	WEFT_OFPORT_FLOOD = 0xfffffffbu,
	WEFT_OFPORT_ALL = 0xfffffffcu,
	WEFT_OFPORT_CONTROLLER = 0xfffffffdu,
	WEFT_OFPORT_LOCAL = 0xfffffffeu,
	WEFT_OFPORT_ANY = 0xffffffffu,
};

// The port of a tenant's switch that is its overlay: what is output here is encapsulated, to
// tun_dst if an action set it, else to the VTEP that the FDB knows for the destination MAC, else to
// all VTEPs of the tenant (head-end replication). Below OpenFlow 1.0's limit of 0xff00.
#define WEFT_OFPORT_OVERLAY 65000u
// The tunnels of a provider's switch, one for each encapsulation: ordinary ports, but that what is
// output there goes to the VTEP tun_dst in the network tunnel_id, and nowhere without a tun_dst.
#define WEFT_OFPORT_VXLAN 65001u
#define WEFT_OFPORT_NVGRE 65002u

#define WEFT_GROUP_MAX 0xffffff00u
#define WEFT_GROUP_ALL 0xfffffffcu // delete, or dump, every group
#define WEFT_GROUP_ANY 0xffffffffu
#define WEFT_METER_MAX 0xffff0000u
#define WEFT_METER_SLOWPATH 0xfffffffdu
#define WEFT_METER_CONTROLLER 0xfffffffeu
#define WEFT_METER_ALL 0xffffffffu
#define WEFT_TABLES 255u // tables 0 to 254
#define WEFT_TABLE_ALL 0xffu
