// SPDX-License-Identifier: Apache-2.0
#pragma once
// From bytes of the control socket to a request that can be trusted in its shape.
//
// Checked here: the message is one that an agent may send; every fixed part and tail is there,
// whole, of exactly the length that its counts say, and nothing follows; strings end; matches are
// canonical (weft_match_ok()); lists of actions and continuations are well formed
// (weft_actions_ok(), weft_continuation_ok()). Not checked here: whether what is asked for makes
// sense (tenants, ports, rules): that is for who carries it out.
//
// Pure: no allocation, no state, no DPDK; the fuzzer's target.

#include <weft/continuation.h>
#include <weft/ipc.h>

struct dp_ipc_request {
	struct weft_ipc_hdr hdr;
	const void *body; // the fixed part, in the message; of the type that WEFT_IPC_TYPES names
	// tails, as far as the type has them
	struct weft_match match;
	const struct weft_instructions *instructions; // NULL: none
	const void *tail;                             // buckets, bands or actions
	uint32_t tail_len;
	const struct weft_continuation *continuation; // NULL: it is a packet-out
	uint32_t continuation_len;
	const uint8_t *frame;
	uint32_t frame_len;
};

// How many bytes the message at `buf` has, of which at least sizeof(struct weft_ipc_hdr) are there;
// 0: a length that no message can have.
uint32_t dp_ipc_length(const void *buf);

// `msg`: 8-byte aligned, `len` == dp_ipc_length() bytes; `r` points into it. True, or false with
// `*why` a constant text: the stream cannot be trusted any more.
bool dp_ipc_decode(const void *msg, uint32_t len, struct dp_ipc_request *r, const char **why);

// For the log and errors; "unknown" if it is none.
const char *dp_ipc_type_name(unsigned type);
