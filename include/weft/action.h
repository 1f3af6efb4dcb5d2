// SPDX-License-Identifier: Apache-2.0
#pragma once
// Actions and instructions, free of any OpenFlow version.
//
// A list of actions is a run of bytes: each action a header, then its payload, padded with zeros to
// a multiple of 8. The same bytes travel over IPC, lie in the rule, and are executed in place, so
// they are decoded once (by the agent) and checked once (by the data plane, weft_actions_ok() and
// then flowtable's own checks).

#include <weft/fields.h>

// X(ID, name): append only, the number travels over IPC.
#define WEFT_ACTIONS(X)                                                                            \
	X(OUTPUT, output)               /* arg: port; payload: struct weft_action_output */        \
	X(GROUP, group)                 /* arg: group id */                                        \
	X(SET_QUEUE, set_queue)         /* arg: queue id */                                        \
	X(METER, meter)                 /* arg: meter id (the action of OpenFlow 1.5) */           \
	X(SET_FIELD, set_field)         /* arg: WEFT_FIELD_*; payload: struct weft_action_set_field */ \
	X(PUSH_VLAN, push_vlan)         /* arg: ethertype, host order */                           \
	X(POP_VLAN, pop_vlan)                                                                      \
	X(PUSH_MPLS, push_mpls)         /* arg: ethertype */                                       \
	X(POP_MPLS, pop_mpls)           /* arg: ethertype of what is below */                      \
	X(PUSH_PBB, push_pbb)           /* arg: ethertype */                                       \
	X(POP_PBB, pop_pbb)                                                                        \
	X(SET_MPLS_TTL, set_mpls_ttl)   /* arg: TTL */                                             \
	X(DEC_MPLS_TTL, dec_mpls_ttl)                                                              \
	X(SET_NW_TTL, set_nw_ttl)       /* arg: TTL or hop limit */                                \
	X(DEC_NW_TTL, dec_nw_ttl)                                                                  \
	X(COPY_TTL_OUT, copy_ttl_out)                                                              \
	X(COPY_TTL_IN, copy_ttl_in)

enum weft_action_type {
#define WEFT_X(id, name) WEFT_ACTION_##id,
	WEFT_ACTIONS(WEFT_X)
#undef WEFT_X
		WEFT_ACTION_MAX
};

struct weft_action {
	uint16_t type; // enum weft_action_type
	uint16_t len;  // bytes, header and padding included; a multiple of 8
	uint32_t arg;
};
static_assert(sizeof(struct weft_action) == 8, "travels");

struct weft_action_output {
	uint16_t max_len; // bytes of the packet to send, if the port is CONTROLLER; WEFT_MAX_LEN_ALL
	uint16_t pad[3];
};
static_assert(sizeof(struct weft_action_output) == 8, "travels");
#define WEFT_MAX_LEN_ALL 0xffffu

// Value and mask in network order, left-aligned in their 16 bytes: the first
// weft_field_infos[field].bytes count, the rest is zero. Bits outside the mask stay as they were.
struct weft_action_set_field {
	uint8_t value[16];
	uint8_t mask[16];
};
static_assert(sizeof(struct weft_action_set_field) == 32, "travels");

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

// The shape alone: every action whole, of a known type, as long as its type says.
static inline bool weft_actions_ok(const void *list, size_t bytes)
{
	const char *p = list;

	while (bytes) {
		struct weft_action a;
		size_t want = sizeof(a);

		if (bytes < sizeof(a))
			return false;
		memcpy(&a, p, sizeof(a));
		if (a.type >= WEFT_ACTION_MAX)
			return false;
		if (a.type == WEFT_ACTION_OUTPUT)
			want += sizeof(struct weft_action_output);
		else if (a.type == WEFT_ACTION_SET_FIELD)
			want += sizeof(struct weft_action_set_field);
		if (a.len != want || a.len > bytes)
			return false;
		p += a.len;
		bytes -= a.len;
	}
	return true;
}

// What a rule does. `apply_len` and `write_len` bytes of actions follow, in this order.
struct weft_instructions {
	uint64_t metadata;      // as the key has it: network byte order
	uint64_t metadata_mask; // 0: no write-metadata
	uint32_t meter_id;      // 0: none
	uint16_t apply_len;
	uint16_t write_len;
	uint8_t goto_table;     // if WEFT_INSTR_GOTO
	uint8_t flags;          // WEFT_INSTR_*; present even with an empty list, so that a dump says so
	uint8_t pad[6];
};
static_assert(sizeof(struct weft_instructions) == 32, "travels");

#define WEFT_INSTR_GOTO 1u
#define WEFT_INSTR_APPLY 2u
#define WEFT_INSTR_WRITE 4u
#define WEFT_INSTR_CLEAR 8u

static inline size_t weft_instructions_bytes(const struct weft_instructions *i)
{
	return sizeof(*i) + i->apply_len + i->write_len;
}

static inline const void *weft_instructions_apply(const struct weft_instructions *i)
{
	return i + 1;
}

static inline const void *weft_instructions_write(const struct weft_instructions *i)
{
	return (const char *)(i + 1) + i->apply_len;
}

// Ports with a meaning, numbered as in OpenFlow 1.3.5, 7.2.1 (ofp_port_no).
enum weft_ofport {
	WEFT_OFPORT_MAX = 0xffffff00u, // ordinary ports are 1 to this
	WEFT_OFPORT_IN_PORT = 0xfffffff8u,
	WEFT_OFPORT_TABLE = 0xfffffff9u,
	WEFT_OFPORT_NORMAL = 0xfffffffau, // learn and forward on the overlay
	WEFT_OFPORT_FLOOD = 0xfffffffbu,
	WEFT_OFPORT_ALL = 0xfffffffcu,
	WEFT_OFPORT_CONTROLLER = 0xfffffffdu,
	WEFT_OFPORT_LOCAL = 0xfffffffeu,
	WEFT_OFPORT_ANY = 0xffffffffu,
};

// The port of a tenant's switch that is its overlay: what is output here is encapsulated, to tun_dst
// if an action set it, else to the VTEP that the FDB knows for the destination MAC, else to all VTEPs
// of the tenant (head-end replication). Below OpenFlow 1.0's limit of 0xff00.
#define WEFT_OFPORT_OVERLAY 65000u

#define WEFT_GROUP_MAX 0xffffff00u
#define WEFT_GROUP_ALL 0xfffffffcu // delete, or dump, every group
#define WEFT_GROUP_ANY 0xffffffffu
#define WEFT_METER_MAX 0xffff0000u
#define WEFT_METER_SLOWPATH 0xfffffffdu
#define WEFT_METER_CONTROLLER 0xfffffffeu
#define WEFT_METER_ALL 0xffffffffu
#define WEFT_TABLES 255u      // tables 0 to 254
#define WEFT_TABLE_ALL 0xffu
