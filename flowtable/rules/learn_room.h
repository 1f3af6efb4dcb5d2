// SPDX-License-Identifier: Apache-2.0
#pragma once
// Is there room for one more learned rule? Known to the packet that asks (ovs-actions(7), learn:
// limit and result_dst).
//
// A learned rule becomes one later, on another thread (learn.h), but the packet goes on at once and
// wants to be told. So for each table and cookie that such an action learns to there is a number
// that workers see: rules that are published, and places taken for rules on their way. A worker
// takes a place by an atomic increment that does not pass the limit, and hands the rule over with
// it; the writer turns the place into a rule, in the commit that publishes it, or gives it back if
// the rule was there already or was refused. So of all packets of all workers no more than `limit`
// are ever told that there was room.
//
// Who asks again before the writer has answered takes no second place, as each worker remembers
// what it has handed over. Only two workers that meet the same new flow in the same moment take one
// each, and the writer gives one back; and so does a worker that asks again when another rule has
// taken the slot of its memory; and a rule that another of its table hides from the very packets it
// was made for is taken for a new one each time. All may be told that there is no room while there
// is; the other way round cannot be.
//
// Rooms are few, one for each table and cookie. The writer makes one when the first rule that asks
// is staged and lets go of it, after a grace period, when the last one has gone.

#include "flowtable/txn.h"

#include <stdatomic.h>

struct ft_rule;

struct ft_learn_room {
	struct ft_garbage garbage; // first
	_Atomic(struct ft_learn_room *) next;
	_Atomic uint32_t used; // rules there are and places that are taken
	uint32_t serial;       // of no other room of the switch, and not 0
	uint64_t cookie;
	uint8_t table;
	// the writer's
	uint32_t askers; // actions of staged rules
	int32_t staged;  // rules that the open transaction adds, less those that it removes
	int32_t delta;   // places that come to their end
};

struct ft_learn_rooms {
	_Atomic(struct ft_learn_room *) first;
	uint32_t serial; // given out last
	bool idle;       // some may have no askers
};

// ---- workers

// The room's serial: a place is taken. 0: there is none, or no room any more.
uint32_t ft_learn_room_take(struct ft_switch *, const struct weft_action_learn *);
// And what came of it is not handed over.
void ft_learn_room_give_back(struct ft_switch *, const struct weft_action_learn *, uint32_t serial);

// ---- writer

// The action asks: makes its room unless that is there. False: no memory.
bool ft_learn_room_make(struct ft_switch *, const struct weft_action_learn *);
void ft_learn_room_refer(struct ft_switch *, const struct weft_action_learn *, int by);
// The room says so of the rule's table and cookie. False: there is no room, or place.
bool ft_learn_room_is_full(const struct ft_switch *, const struct ft_learned *);
// A place comes to its end: with the commit that turns it into a rule, else by ..._settled().
struct ft_learned;
void ft_learn_room_used(struct ft_switch *, const struct ft_learned *);
void ft_learn_room_settled(struct ft_switch *);
// A rule is staged (1), or not any more (-1).
void ft_learn_room_count(struct ft_switch *, const struct ft_rule *, int by);
static inline bool ft_learn_rooms_any(const struct ft_learn_rooms *all)
{
	return atomic_load_explicit(&all->first, memory_order_relaxed);
}
// The transaction is published.
void ft_learn_rooms_committed(struct ft_switch *);
void ft_learn_rooms_fini(struct ft_switch *);
