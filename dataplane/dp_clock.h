// SPDX-License-Identifier: Apache-2.0
#pragma once
// The time, once a burst, for little more than a look at the processor's counter.
//
// dp_now_ns() asks the kernel's clock, in its own terms of seconds and nanoseconds; that takes
// three times as long as the counter alone, some two cycles of each packet. So a worker asks it
// every 100 microseconds, and in between adds what the counter says has passed, a hundredth less,
// for its rate is known to half of that only: the time may be a few microseconds behind the
// kernel's, is never before it, and never goes back.
//
// A worker's own.

#include "dp.h"

#include <rte_cycles.h>

#define DP_CLOCK_BITS 22u  // of the fraction of `rate`
#define DP_CLOCK_HZ 10000u // so often the kernel is asked

struct dp_clock {
	uint64_t tsc, ns; // when it was asked last, and what it said
	uint64_t span;    // cycles that may be added
	uint64_t rate;    // nanoseconds a cycle
};

// `hz`: of the counter.
static inline void dp_clock_init(struct dp_clock *c, uint64_t hz)
{
	*c = (struct dp_clock){
		.span = hz / DP_CLOCK_HZ,
		.rate = (uint64_t)((1000000000ull << DP_CLOCK_BITS) / (double)hz * 0.99),
	};
}

// The counter right after the kernel's clock: who is interrupted in between tries again, or would
// be far behind until the next time.
static __attribute__((noinline, unused)) uint64_t dp_clock_ask(struct dp_clock *c)
{
	uint64_t before;

	for (unsigned tries = 0; tries < 8; tries++) {
		before = rte_rdtsc();
		c->ns = dp_now_ns();
		c->tsc = rte_rdtsc();
		if (c->tsc - before < c->span / 100)
			break;
	}
	return c->ns;
}

static inline uint64_t dp_clock_ns(struct dp_clock *c)
{
	uint64_t passed = rte_rdtsc() - c->tsc;

	if (__builtin_expect(passed > c->span, 0))
		return dp_clock_ask(c);
	return c->ns + (passed * c->rate >> DP_CLOCK_BITS);
}
