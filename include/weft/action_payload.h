// SPDX-License-Identifier: Apache-2.0
#pragma once
// The header of an action, and what follows it by type. See action.h for the types themselves.

#include <weft/fields.h>

struct weft_action {
	uint16_t type; // enum weft_action_type
	uint16_t len;  // bytes, header and padding included; a multiple of 8
	uint32_t arg;
};
static_assert(sizeof(struct weft_action) == 8, "travels");

struct weft_action_output {
	uint16_t
		max_len; // bytes of the packet to send, if the port is CONTROLLER; WEFT_MAX_LEN_ALL
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

// Bits of a field: `n_bits` of them, the lowest being bit `ofs` of it, counted from the low end.
struct weft_subfield {
	uint16_t field; // enum weft_field
	uint16_t ofs;
	uint16_t n_bits;
	uint16_t pad;
};
static_assert(sizeof(struct weft_subfield) == 8, "travels");

struct weft_action_move {
	struct weft_subfield src;
	struct weft_subfield dst; // as wide as src
};
static_assert(sizeof(struct weft_action_move) == 16, "travels");

#define WEFT_RESUBMIT_SAME_TABLE 0xffu
// The action's argument is the in_port to look up with; WEFT_OFPORT_IN_PORT: as it is.
struct weft_action_resubmit {
	uint8_t table; // or WEFT_RESUBMIT_SAME_TABLE
	uint8_t pad[7];
};
static_assert(sizeof(struct weft_action_resubmit) == 8, "travels");

struct weft_action_output_field {
	struct weft_subfield port;
	uint16_t max_len; // as in struct weft_action_output
	uint16_t pad[3];
};
static_assert(sizeof(struct weft_action_output_field) == 16, "travels");

struct weft_action_u32 {
	uint32_t value;
	uint32_t pad;
};
static_assert(sizeof(struct weft_action_u32) == 8, "travels");

#define WEFT_CONTROLLER_PAUSE 1u
struct weft_action_controller {
	uint16_t max_len;
	uint16_t controller_id;
	uint8_t reason;        // enum weft_packet_in_reason
	uint8_t flags;         // WEFT_CONTROLLER_*
	uint16_t userdata_len; // bytes that follow
	uint32_t meter_id;     // that the packet-in goes through; 0: none
	uint32_t pad;
};
static_assert(sizeof(struct weft_action_controller) == 16, "travels");

enum weft_learn_dst {
	WEFT_LEARN_MATCH,  // the new rule matches `dst`
	WEFT_LEARN_LOAD,   // it loads `dst`
	WEFT_LEARN_OUTPUT, // it outputs to the port that the source says
};

struct weft_learn_spec {
	uint8_t dst_type;  // enum weft_learn_dst
	uint8_t immediate; // the source is `value`, not `src`
	uint16_t pad[3];
	struct weft_subfield src;
	struct weft_subfield dst; // n_bits is that of the source, too
	uint8_t value[16];        // right-aligned number, network order
};
static_assert(sizeof(struct weft_learn_spec) == 40, "travels");

#define WEFT_LEARN_SEND_REMOVED 1u
#define WEFT_LEARN_DELETE 2u       // the learned rules go with the rule that learns
#define WEFT_LEARN_WRITE_RESULT 4u // to `result`, one bit: whether `limit` left room
#define WEFT_LEARN_FLAGS 7u
struct weft_action_learn {
	uint64_t cookie;
	uint16_t idle_timeout;
	uint16_t hard_timeout;
	uint16_t fin_idle_timeout;
	uint16_t fin_hard_timeout;
	uint16_t priority;
	uint16_t n_specs; // struct weft_learn_spec that follow
	uint8_t flags;    // WEFT_LEARN_*
	uint8_t table;
	uint16_t pad;
	uint32_t limit; // 0: none
	uint32_t pad2;
	struct weft_subfield result;
};
static_assert(sizeof(struct weft_action_learn) == 40, "travels");

// The packet waits to be told whether there was room, and there may be none.
static inline bool weft_learn_asks(const struct weft_action_learn *l)
{
	return l->flags & WEFT_LEARN_WRITE_RESULT && l->limit;
}

struct weft_action_conjunction {
	uint8_t clause; // from 0
	uint8_t n_clauses;
	uint8_t pad[6];
};
static_assert(sizeof(struct weft_action_conjunction) == 8, "travels");

// What is hashed, and how a link is chosen: numbers as in ovs-actions(7), bundle and multipath.
struct weft_action_bundle {
	uint16_t fields;
	uint16_t basis;
	uint16_t algorithm;
	uint16_t n_ports;         // uint32_t ports that follow
	struct weft_subfield dst; // n_bits 0: output, else the port's number goes here
};
static_assert(sizeof(struct weft_action_bundle) == 16, "travels");

struct weft_action_multipath {
	uint16_t fields;
	uint16_t basis;
	uint16_t algorithm;
	uint16_t max_link; // links 0 to this
	uint32_t arg;
	uint32_t pad;
	struct weft_subfield dst;
};
static_assert(sizeof(struct weft_action_multipath) == 24, "travels");

struct weft_action_fin_timeout {
	uint16_t idle_timeout;
	uint16_t hard_timeout;
	uint32_t pad;
};
static_assert(sizeof(struct weft_action_fin_timeout) == 8, "travels");
