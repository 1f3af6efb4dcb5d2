// SPDX-License-Identifier: Apache-2.0
#pragma once
// When a rule's statistics are told unasked (OpenFlow 1.5.1, 5.5 and 7.2.5, OFPIT_STAT_TRIGGER).

#include <assert.h>
#include <weft/types.h>

#define WEFT_TRIGGER_PERIODIC 1u   // at each multiple of a threshold, too
#define WEFT_TRIGGER_ONLY_FIRST 2u // the one that is reached first, the others never

enum weft_stat {
	WEFT_STAT_DURATION, // nanoseconds since the rule was added
	WEFT_STAT_IDLE,     // nanoseconds since its last packet
	WEFT_STAT_FLOWS,    // of one rule: 1
	WEFT_STAT_PACKETS,
	WEFT_STAT_BYTES,
	WEFT_STATS
};

struct weft_trigger {
	uint32_t flags;          // WEFT_TRIGGER_*
	uint32_t present;        // bit n: a threshold of enum weft_stat n; at least one
	uint64_t at[WEFT_STATS]; // 0 where there is none
};
static_assert(sizeof(struct weft_trigger) == 48, "travels");

// The members agree with each other: there is a threshold, none where there is said to be none, and
// none whose multiples cannot be counted.
static inline bool weft_trigger_ok(const struct weft_trigger *t)
{
	if (t->flags & ~(WEFT_TRIGGER_PERIODIC | WEFT_TRIGGER_ONLY_FIRST) || !t->present ||
		t->present >> WEFT_STATS)
		return false;
	for (unsigned i = 0; i < WEFT_STATS; i++) {
		bool there = t->present >> i & 1;

		if ((!there && t->at[i]) ||
			(there && !t->at[i] && t->flags & WEFT_TRIGGER_PERIODIC))
			return false;
	}
	return true;
}
