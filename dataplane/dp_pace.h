// SPDX-License-Identifier: Apache-2.0
#pragma once
// How many packets go the full way at once, so that no turn of a worker's loop lasts long.
//
// A packet whose way is known costs some ten nanoseconds. One that goes the full way, through the
// tables, costs a hundred to three hundred where these are near; where they are far away, because
// nobody has met them for long or another core has just written them, it is a microsecond, and up
// to ten. A burst of 64 such packets is between seven and six hundred microseconds, and which of
// these nobody knows beforehand. So they go in parts: a few at first, and then, by the time that
// these took, as many as are going to be done DP_PACE_NS after the turn began, but never more than
// twice as many as went together lately. Where packets of the full way come all the time and cost
// little, each part is a whole burst, and nothing is lost. What is left of a burst at that time is
// held (dp_held.h), and the turn goes on to its end: the other queues, what is to be sent, the
// quiescent state.
//
// So a turn is as long as it takes to find out whose way is known, DP_PACE_NS, and at most a part
// that was longer than expected: a few packets, if nothing was known of what they cost.
//
// A worker's own. All zeros: nothing is known.

#include <rte_cycles.h>

#include <stdbool.h>
#include <stdint.h>

#define DP_PACE_NS 15000u
#define DP_PACE_FIRST 4u      // packets, where nobody knows what they cost
#define DP_PACE_OLD_NS 50000u // what they cost so long ago says nothing

struct dp_pace {
	uint64_t until;       // of the time stamp counter: when this turn has no time for more
	uint64_t at;          // when the latest part had gone
	uint64_t each;        // cycles that a packet of it took
	unsigned most;        // packets that went together lately; 0: nothing is known
	uint32_t span, fresh; // cycles: DP_PACE_NS, DP_PACE_OLD_NS
	// Says what time it is instead of the counter, where turns are to be played again as they
	// were; NULL: the counter.
	uint64_t (*clock)(void);
};

// `hz`: of the counter.
static inline void dp_pace_init(struct dp_pace *p, uint64_t hz)
{
	*p = (struct dp_pace){
		.span = (uint32_t)(hz * DP_PACE_NS / 1000000000u),
		.fresh = (uint32_t)(hz * DP_PACE_OLD_NS / 1000000000u),
	};
}

static inline uint64_t dp_pace_now(const struct dp_pace *p)
{
	return __builtin_expect(p->clock != NULL, 0) ? p->clock() : rte_rdtsc();
}

static inline bool dp_pace_has_time(const struct dp_pace *p)
{
	return dp_pace_now(p) < p->until;
}

static inline void dp_pace_turn(struct dp_pace *p, uint64_t now)
{
	p->until = now + p->span;
}

// What packets cost is another matter now: rules have changed, or the worker was away.
static inline void dp_pace_forget(struct dp_pace *p)
{
	p->most = 0;
}

// How many of `left` packets may go; 0: there is no time. `must`: one at least.
static inline unsigned dp_pace_part(struct dp_pace *p, uint64_t now, unsigned left, bool must)
{
	uint64_t most;

	if (now >= p->until && !must)
		return 0;
	if (now - p->at > p->fresh)
		p->most = 0;
	if (!p->most)
		return left < DP_PACE_FIRST ? left : DP_PACE_FIRST;
	most = now < p->until ? (p->until - now) / (p->each | 1) : 0;
	if (most > 2u * p->most)
		most = 2u * p->most;
	if (most >= left)
		return left;
	return most ? (unsigned)most : must;
}

// n packets have gone since `began`.
static inline void dp_pace_took(struct dp_pace *p, uint64_t began, uint64_t now, unsigned n)
{
	p->each = (now - began) / n;
	p->most = n > p->most ? n : p->most;
	p->at = now;
}
