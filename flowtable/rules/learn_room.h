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
// Who asks again takes no second place, whichever worker it is: a room has the prints of rules that
// were handed over and of those that the writer has found there or added, so that one is known even
// if another rule of its table hides it from the very packets it was made for. The worker that has
// a place writes the print before it hands the rule over, and says afterwards that it has; the
// writer answers by saying that it is there, or by taking the print out. When a rule of the room's
// goes, all that are there are forgotten, as any of them may be meant. A print that finds no place
// among eight is not kept, and two workers that meet the same new flow within the same hundred
// nanoseconds do not see each other's: then there is a second place, until the writer gives it
// back. Who asks meanwhile for the last one may be told that there is no room while there is; the
// other way round cannot be.
//
// Rooms are few, one for each table and cookie. The writer makes one when the first rule that asks
// is staged and lets go of it, after a grace period, when the last one has gone.

#include "flowtable/txn.h"

#include <stdatomic.h>

struct ft_rule;

#define FT_LEARN_ASKED 1024u // prints
#define FT_LEARN_WINDOW 8u   // places where one may be

struct ft_learn_room {
	struct ft_garbage garbage; // first
	_Atomic(struct ft_learn_room *) next;
	_Atomic uint32_t used; // rules there are and places that are taken
	uint32_t serial;       // of no other room of the switch, and not 0
	uint64_t cookie;
	uint8_t table;
	_Atomic uint64_t asked[FT_LEARN_ASKED + FT_LEARN_WINDOW]; // prints and their states
	// the writer's
	bool went;       // rules have, in this transaction
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

// It is there or on its way: a packet that would learn the same need take no place.
bool ft_learn_room_knows(
	const struct ft_switch *, const struct weft_action_learn *, uint64_t print);
// The room's serial: a place is taken. 0: there is none, or no room any more.
uint32_t ft_learn_room_take(struct ft_switch *, const struct weft_action_learn *, uint64_t print);
// And what came of it is handed over, or is not.
void ft_learn_room_handed(struct ft_switch *, const struct weft_action_learn *, uint64_t print);
void ft_learn_room_give_back(
	struct ft_switch *, const struct weft_action_learn *, uint32_t serial, uint64_t print);

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
// What a place was taken for is there now, or is not and will not be.
void ft_learn_room_answer(struct ft_switch *, const struct ft_learned *, bool there);
// The transaction is published.
void ft_learn_rooms_committed(struct ft_switch *);
void ft_learn_rooms_fini(struct ft_switch *);
