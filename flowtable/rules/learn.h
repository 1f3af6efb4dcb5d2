// SPDX-License-Identifier: Apache-2.0
#pragma once
// Rules that packets make: ovs-actions(7), learn.
//
// A learn action describes a rule with blanks, which each packet that runs it fills in. The worker
// fills them in (ft_learn_run()) and hands what comes of it, a whole flow-mod, to the sink, which
// passes it to the writer like a learned address: over a ring, bounded, and lost with a count when
// the ring is full or the tenant is over its rate. The writer makes it a transaction of its own
// (ft_learn_apply()): so a learned rule is checked, counted against the quota, published and
// removed as any other. Packets may meet the tables as they were until then.
//
// Again and again. Most packets would learn what is learned already. Each worker remembers for a
// while what it has handed over (struct ft_learn_memory) and does so again only after
// FT_LEARN_AGAIN_NS, or when the switch has had any transaction since: so a rule that was deleted
// comes back with the next packet. The writer, told of a rule that is there just so, only notes the
// time: the rule's timeouts, the hard one too, start anew. Only a rule that differs is replaced, as
// by an add: it keeps its counters.
//
// WEFT_LEARN_DELETE: the rules of the action's table and cookie go with the last rule that learns
// to there in this way (learn_orphans.h). `limit`: as many rules with the table
// and cookie may be there; what is over it is not learned. WEFT_LEARN_WRITE_RESULT: the packet's
// `result` is 1 if the rule is there or will be, 0 if there was no room or it could not be handed
// over; how that is known before the writer has seen it, learn_room.h says.

#include "flowtable/rules/learn_orphans.h"
#include "flowtable/rules/learn_room.h"

#include <stdatomic.h>

struct ft_burst;
struct ft_program;
struct ft_rule;
struct ft_run;

#define FT_LEARN_AGAIN_NS 500000000ull // half the least timeout
#define FT_LEARN_SLOTS 256u            // that a worker remembers

struct ft_learn_memory {
	struct {
		uint64_t print;   // of what was handed over
		uint64_t version; // plus what was dropped: grows with either
		uint64_t at_ns;
	} slot[FT_LEARN_SLOTS];
};
static_assert(sizeof(struct ft_learn_memory) % 64 == 0, "no line is shared by workers");

// ---- workers

// False: the rule is not there and will not be, as far as one can know.
bool ft_learn_run(struct ft_burst *, struct ft_run *, const struct weft_action *);

// ---- writer

// The action's own arguments. What comes of it is checked when it is learned.
enum weft_error ft_check_learn(const struct weft_action *);
// The first learn action in the list at or after `from`, lists within it included; NULL: none.
const struct weft_action *ft_learn_next(
	const void *actions, size_t len, const struct weft_action *from);

// Rules that learn with WEFT_LEARN_DELETE, counted by table and cookie.
struct ft_learn_owner {
	struct ft_learn_owner *next;
	uint64_t cookie;
	uint32_t rules; // as staged
	uint32_t went;  // that this transaction removes
	uint8_t table;
	// What was learned is going (learn_orphans.h).
	bool going;
	bool found;       // one, since the search began
	uint64_t stopped; // version of the transaction in which none was left
	uint32_t at;      // its number; FT_COOKIES_END: the search begins
	struct ft_learn_until {
		uint64_t version; // of the transaction that made it an orphan
		uint64_t ns;      // when that was
		uint64_t cause;
	} until, before; // that transaction: what it was going by already; version 0: it was not
};

struct ft_learners {
	_Atomic(struct ft_learn_memory *) memory; // one a worker; NULL: no rule ever learned
	struct ft_learn_owner *owners;            // few: one a distinct learn action
	bool orphans;                             // there may be some
	uint32_t going;                           // owners
	bool started;                             // one has begun to, in this transaction
	bool stepped;                             // since ft_aftermath_run() looked
	bool done;                                // some owners may not be needed any more
	struct ft_learn_rooms rooms;
	_Atomic uint64_t dropped; // ft_learn_drop()
};

// A rule with these instructions, which learn, is about to be staged: what it needs. False: no
// memory.
bool ft_learn_prepare(struct ft_switch *, const struct weft_instructions *);
// A rule with such a program is staged (1) or no longer (-1).
void ft_learn_refer(struct ft_switch *, const struct ft_program *, int by);
// Because it is to be removed (1), or is not any more (-1).
void ft_learn_went(struct ft_switch *, const struct ft_program *, int by);
void ft_learn_fini(struct ft_switch *);
