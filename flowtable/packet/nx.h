// SPDX-License-Identifier: Apache-2.0
#pragma once
// The actions of Nicira's extensions, of OpenFlow 1.5 and of OpenFlow 1.0 alone: WEFT_ACTION_MOVE
// and what follows it. ovs-actions(7) says what each does; where it leaves a question open, Open
// vSwitch answers it.
//
//   nx.c        one action, by its type
//   resubmit.c  resubmit and clone: what runs other rules, or a list of its own, in between
//   link.c      multipath and bundle: hashes, and what they choose
//   subfield.c  bits of fields
//   fin.c       fin_timeout
//
// resubmit is a call: the rule found there runs with its instructions, goto-table included, and
// then the list goes on, on the packet as it has become. What is written to the action set stays
// there. exit ends all lists, but not the action set (so the manual; Open
// vSwitch 3.1 then forgets the set). A clone runs on a copy, with copies of the
// stack and of the action set, which it executes at its end. An invalid TTL ends the list that has
// the action, and its caller goes on.
//
// Bounds for one packet, besides those of exec.h: FT_MAX_RESUBMITS resubmits, FT_MAX_DEPTH of them
// at a time to the same table or an earlier one, FT_MAX_NESTING at a time in all (a chain through
// all tables fits), FT_STACK_VALUES values on the stack. Who comes to a bound is dropped
// (WEFT_DROP_RECURSION); what was output before has gone out. A pop from an empty stack does
// nothing.
//
// None of this is in the way of packets that don't use it: the lists' loop tests for it with one
// comparison, and the state is touched by these actions only.

#include "flowtable/packet/exec.h"
#include "flowtable/packet/subfield.h"

#define FT_MAX_RESUBMITS 4096u
#define FT_MAX_DEPTH 64u
#define FT_MAX_NESTING 320u
#define FT_STACK_VALUES 64u
#define FT_SOFT_STEPS 256u    // that a resubmit to a table with conjunctions costs
#define FT_MAX_USERDATA 1024u // bytes of a controller action

struct ft_stack {
	uint32_t n;
	struct ft_value at[FT_STACK_VALUES];
};

// True for the types of this file.
static inline bool ft_is_nx(const struct weft_action *a)
{
	return __builtin_expect(a->type >= WEFT_ACTION_MOVE, 0);
}

// Runs it. `last`: it is the last that uses the packet. False: the list is at its end; run->why
// says why, unless run->exit.
bool ft_nx_run(struct ft_burst *, struct ft_run *, const struct weft_action *, bool last);

// ---- resubmit.c

bool ft_resubmit(struct ft_burst *, struct ft_run *, const struct weft_action *, bool last);
bool ft_clone(struct ft_burst *, struct ft_run *, const struct weft_action *, bool last);

// ---- link.c

#define FT_MULTIPATH_STEPS 16u // what one may cost
// The link, 0 to a->max_link.
uint16_t ft_multipath_link(
	const struct weft_flow_key *, const struct weft_action_multipath *, uint64_t seed);
// The port, or WEFT_OFPORT_ANY: none is alive.
uint32_t ft_bundle_port(
	const struct ft_switch *, const struct weft_flow_key *, const struct weft_action_bundle *);

// As numbered in the actions; what is above is refused.
enum ft_hash_fields {
	FT_HASH_ETH_SRC,
	FT_HASH_SYMMETRIC_L4,
	FT_HASH_SYMMETRIC_L3L4,
	FT_HASH_SYMMETRIC_L3L4_UDP,
	FT_HASH_NW_SRC,
	FT_HASH_NW_DST,
	FT_HASH_SYMMETRIC_L3,
	FT_HASH_FIELDS_MAX
};

enum ft_multipath_algorithm {
	FT_MULTIPATH_MODULO_N,
	FT_MULTIPATH_HASH_THRESHOLD,
	FT_MULTIPATH_HRW,
	FT_MULTIPATH_ITER_HASH,
	FT_MULTIPATH_MAX
};

enum ft_bundle_algorithm {
	FT_BUNDLE_ACTIVE_BACKUP,
	FT_BUNDLE_HRW,
	FT_BUNDLE_MAX
};
