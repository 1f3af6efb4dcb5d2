// SPDX-License-Identifier: Apache-2.0
#pragma once
// What is left of a burst when its turn has no more time (dp_pace.h): packets that are to go the
// full way, held by the worker until one of its next turns.
//
// In the meantime all else goes on. The other queues are polled, and what they bring may be held as
// well, DP_HELD bursts in all; then, no more than DP_PACE_FIRST packets are taken of a queue at
// once. The queue that a held packet came by is not asked for more, so what comes by one queue, a
// flow's packets among it, stays in order. A turn begins with what is held, the oldest first, and
// does at least one packet of it. Whoever is held again comes behind the others.
//
// A held packet enters its switch anew: its flow is looked for again, which another one may have
// made known meanwhile, and whether it may come in is asked again, as of any that waits for that
// (dp_admit.h). One that was asked before, at decapsulation, is not recorded for the flow cache: if
// its VTEP has gone since, nobody must take its flow for one that may enter.
//
// It is in no ledger yet, but it leads to its tenant and its port. So a worker that holds something
// is in no quiescent state. If it is asked for one and holds something for DP_HELD_TURNS turns on
// end, it holds nothing anew until it has said so, and receives in small bursts.
//
// What an interface of the kernel's or a machine behind vhost-user gave as one stays together if it
// can: their bursts are whole also when there is no room to hold them, and then go to their end.
// Nothing is held of a burst with big segments (dp_big.h, dp_haul.h), which comes in several, nor
// of one whose frames have very many buffers.

#include "dp_worker.h"

// The queue that is about to be received from: its packets may be held. NULL: not.
static inline void dp_held_allow(struct dp_worker *w, struct dp_port *port, uint16_t queue)
{
	w->held.port = port;
	w->held.queue = queue;
}

static inline bool dp_held_any(const struct dp_worker *w)
{
	return __builtin_expect(w->held.n, 0);
}

// Is there room for one more burst, and time until the next quiescent state?
static inline bool dp_held_has_room(const struct dp_worker *w)
{
	return w->held.n < DP_HELD && w->held.put_off < DP_HELD_TURNS;
}

// Do packets of this queue wait?
bool dp_held_has(const struct dp_worker *w, const struct dp_port *port, uint16_t queue);
// Holds those of w->in that `left` has a bit of. False: they must go on.
bool dp_held_put(struct dp_worker *w, uint64_t left);
// Once more, and on: at least one packet, and what there is time for. Returns how many bursts it
// was a part of.
unsigned dp_held_go_on(struct dp_worker *w);
// All of it, whatever time it takes: the worker ends.
void dp_held_finish(struct dp_worker *w);
