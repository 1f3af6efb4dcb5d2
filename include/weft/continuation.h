// SPDX-License-Identifier: Apache-2.0
#pragma once
// A packet that a controller action stopped (WEFT_CONTROLLER_PAUSE), but for its bytes: all that it
// takes to carry it on where it stood. The data plane writes it down, hands it out with the
// packet-in and forgets it; the agent seals it and takes it back; the data plane carries on.
//
// What remains to be done is written out, not named: the rules may be others by then, and those
// that the packet was in are carried on as they were. Each rule that was under way is a struct
// weft_paused_rule, that which the packet stood in first, then the one that had resubmitted to it,
// and so on; its instructions are those that remain, its apply-actions those behind the pause.
//
//   struct weft_continuation, then
//   struct weft_egress_pass, if it stopped in egress tables (WEFT_PAUSED_EGRESS)
//   popcount(map) words   of the flow key, those that no frame says and that are not zero
//   n_stack values        of 16 bytes, the lowest of the stack first
//   set_len bytes         the action set as a list of actions, which write-actions would make it
//   n_rules times         struct weft_paused_rule, struct weft_instructions, its actions
//
// Everything is 8-byte aligned, in host order but for the key's words and the stack's values.

#include <weft/action.h>
#include <weft/flow_key.h>

#define WEFT_PAUSE_BYTES 1920u // as long as one may be
#define WEFT_PAUSE_STACK 64u

#define WEFT_PAUSED_SET_DONE 1u   // the action set was being executed: nobody will do it again
#define WEFT_PAUSED_PACKET_OUT 2u // in the actions of a packet-out, which may output to TABLE
#define WEFT_PAUSED_SET_MISS 4u   // the action set's output is a table-miss rule's
#define WEFT_PAUSED_EGRESS 8u     // in egress tables, on its way to a port
#define WEFT_PAUSED_FLAGS 15u

struct weft_continuation {
	uint64_t map; // bit i: word i of struct weft_flow_key
	uint16_t n_stack;
	uint16_t set_len;
	uint16_t n_rules;
	uint8_t flags; // WEFT_PAUSED_*
	uint8_t pad;
};
static_assert(sizeof(struct weft_continuation) == 16, "travels");

// A packet, or copy, in egress tables (OpenFlow 1.5.1, 5.1): where it leaves.
struct weft_egress_pass {
	uint32_t port; // WEFT_OFPORT_OVERLAY, or one of this host
	uint32_t pad;
	struct weft_ip vtep; // of the overlay; none: as the key says
};
static_assert(sizeof(struct weft_egress_pass) == 24, "travels");

#define WEFT_PAUSED_CALLED 1u // by a resubmit: after its goto-table its caller goes on
#define WEFT_PAUSED_LIST 2u   // no rule, but a list of actions: its apply-actions
struct weft_paused_rule {
	uint8_t table;
	uint8_t reason; // enum weft_packet_in_reason of its outputs to the controller
	uint8_t flags;  // WEFT_PAUSED_CALLED, WEFT_PAUSED_LIST
	uint8_t pad[5];
};
static_assert(sizeof(struct weft_paused_rule) == 8, "travels");

// Words that extracting the frame does not fill.
static inline uint64_t weft_pause_words(void)
{
	const unsigned first = offsetof(struct weft_flow_key, eth_dst) / 8,
		       end = WEFT_KEY_PACKET_BYTES / 8;
	const uint64_t all = UINT64_MAX >> (64 - WEFT_KEY_WORDS);

	static_assert(offsetof(struct weft_flow_key, eth_dst) % 8 == 0, "begins a word");
	static_assert(WEFT_KEY_PACKET_BYTES % 8 == 0, "ends a word");
	return all & ~((1ull << end) - (1ull << first));
}

static inline size_t weft_paused_pass_bytes(const struct weft_continuation *c)
{
	return c->flags & WEFT_PAUSED_EGRESS ? sizeof(struct weft_egress_pass) : 0;
}

// NULL: it did not stop in egress tables.
static inline const struct weft_egress_pass *weft_paused_pass(const struct weft_continuation *c)
{
	return c->flags & WEFT_PAUSED_EGRESS ? (const void *)(c + 1) : NULL;
}

static inline const uint64_t *weft_paused_words(const struct weft_continuation *c)
{
	const char *pass = (const char *)(c + 1);

	return (const void *)(pass + weft_paused_pass_bytes(c));
}

static inline const void *weft_paused_stack(const struct weft_continuation *c)
{
	return weft_paused_words(c) + __builtin_popcountll(c->map);
}

static inline const void *weft_paused_set(const struct weft_continuation *c)
{
	return (const char *)weft_paused_stack(c) + 16u * c->n_stack;
}

// The first rule; those behind it by weft_paused_next().
static inline const struct weft_paused_rule *weft_paused_rules(const struct weft_continuation *c)
{
	return (const void *)((const char *)weft_paused_set(c) + c->set_len);
}

static inline const struct weft_instructions *weft_paused_instructions(
	const struct weft_paused_rule *r)
{
	return (const void *)(r + 1);
}

static inline const struct weft_paused_rule *weft_paused_next(const struct weft_paused_rule *r)
{
	const struct weft_instructions *i = weft_paused_instructions(r);

	return (const void *)((const char *)i + weft_instructions_bytes(i));
}

// Bytes of the rule at `p`, of which `room` are there; 0: it is not whole.
static inline size_t weft_paused_rule_bytes(const char *p, size_t room)
{
	struct weft_instructions i;
	const size_t head = sizeof(struct weft_paused_rule) + sizeof(i);

	if (room < head)
		return 0;
	memcpy(&i, p + sizeof(struct weft_paused_rule), sizeof(i));
	if (room - head < (size_t)i.apply_len + i.write_len || i.apply_len % 8 || i.write_len % 8 ||
		i.flags & WEFT_INSTR_TRIGGER || // nothing that is still to be done
		!weft_actions_ok(p + head, i.apply_len) ||
		!weft_actions_ok(p + head + i.apply_len, i.write_len))
		return 0;
	return head + i.apply_len + i.write_len;
}

// The shape alone: every part whole, as long as it says, and nothing behind. `p` is aligned to 8.
static inline bool weft_continuation_ok(const void *p, size_t len)
{
	const struct weft_continuation *c = p;
	const char *at, *end = (const char *)p + len;
	size_t fixed, n;

	if (len < sizeof(*c) || len > WEFT_PAUSE_BYTES || len % 8)
		return false;
	fixed = sizeof(*c) + weft_paused_pass_bytes(c) +
		8u * (unsigned)__builtin_popcountll(c->map) + 16u * c->n_stack + c->set_len;
	if (c->flags & ~WEFT_PAUSED_FLAGS || c->map & ~weft_pause_words() ||
		c->n_stack > WEFT_PAUSE_STACK || c->set_len % 8 || fixed > len ||
		!weft_actions_ok(weft_paused_set(c), c->set_len))
		return false;
	at = (const char *)p + fixed;
	for (unsigned i = 0; i < c->n_rules; i++, at += n)
		if (!(n = weft_paused_rule_bytes(at, (size_t)(end - at))))
			return false;
	return at == end;
}
