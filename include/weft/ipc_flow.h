// SPDX-License-Identifier: Apache-2.0
#pragma once
// Bodies of the messages about rules and packets (weft/ipc.h).

#include <weft/flow.h>

// The tail of FLOW_MOD, FLOW_REMOVED, DUMP_FLOWS (request: match only): `match_words` words of
// value and as many of mask, then the instructions.
struct weft_ipc_flow_tail {
	uint64_t match_map;
	uint32_t match_words; // popcount(match_map)
	uint32_t instr_len;   // bytes; 0: none
};
static_assert(sizeof(struct weft_ipc_flow_tail) == 16, "travels");

// Flow monitors. The changes of a transaction that is committed are told one by one, each once,
// with a bit for each monitor that wants it: before COMMIT is answered, unless it has more than
// some thousand, which are told as fast as the agent reads. COMMIT of a staged transaction is
// always answered after its changes. Monitors are gone with the connection, and do not belong to a
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
	uint64_t version; // of the transaction
	uint64_t time_ns; // when it was committed, CLOCK_MONOTONIC
	uint32_t kind;    // enum weft_change
	uint32_t pad;
	struct weft_flow_stats stats;
};
static_assert(sizeof(struct weft_ipc_flow_change) == 40 + 56, "travels");

// Something is left to be done of what was committed; 0: nothing is any more (weft/ipc.h).
struct weft_ipc_switch_busy {
	uint32_t busy;
	uint32_t pad;
};
static_assert(sizeof(struct weft_ipc_switch_busy) == 8, "travels");

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
	uint32_t data_len; // bytes of the frame that follow
	uint32_t in_port;
	uint32_t in_phy_port;
	uint64_t metadata;  // network order
	uint64_t tunnel_id; // network order
	uint32_t tun_src;   // network order
	uint32_t tun_dst;
	uint8_t table;
	uint8_t reason;   // enum weft_packet_in_reason
	uint16_t max_len; // that the action asked for; the agent cuts to it
	uint16_t controller_id;
	uint16_t more_len; // bytes of weft_ipc_punt_more and its tails, behind the padded frame; 0:
			   // none
};
static_assert(sizeof(struct weft_ipc_punt) == 56, "travels");

// What few packet-ins have. Tails: popcount(map) words of the flow key, those that are not zero (of
// the fields that no frame says, and that struct weft_ipc_punt has no member for); then the
// userdata of the action, padded to a multiple of 8; then, if the packet has stopped, a struct
// weft_continuation.
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
