// SPDX-License-Identifier: Apache-2.0
#pragma once
// Whether the control thread looks a little longer for the agent's next request before it sleeps.
//
// A rule and a barrier, then the next: a controller, the agent and the data plane wait for each
// other in turn, none for more than some ten microseconds. To sleep so long takes longer than what
// they have to do: the core goes idle, and another one must wake it. So who has just answered one
// that waits goes on looking for his next request for DP_LOOK_NS before he sleeps; what else
// wants the core is let in by the kernel as ever.
//
// That is only done where it is going to be worth it: what was waited for came that soon,
// DP_LOOK_TRUST times in a row. If it did not although one looked, more are wanted before the next
// look, twice as many each time, up to DP_LOOK_DOUBT; so where it never pays, as where all have
// but one core, hardly anybody looks. Who has answered nobody does not, so an idle program is idle.
//
// Only one of the two that wait for each other should look: where the kernel has put both on one
// core they would take it from each other. The data plane does; with the agent as well, rounds took
// 20 microseconds or 80, as it happened.

#include <stdbool.h>
#include <stdint.h>

#define DP_LOOK_NS 100000u
#define DP_LOOK_TRUST 4
#define DP_LOOK_DOUBT 256

struct dp_look {           // begins as zeros
	int trust;         // waits that were short, in a row; less than 0: so many more are wanted
	int doubt;         // how many were wanted the last time that looking did not pay
	uint64_t since_ns; // waits since then; 0: for nothing in particular
};

// It is waited for from now on.
static inline void dp_look_begin(struct dp_look *l, uint64_t now_ns)
{
	l->since_ns = now_ns;
}

// To be asked before each look.
static inline bool dp_look_on(const struct dp_look *l, uint64_t now_ns)
{
	return l->since_ns && l->trust >= DP_LOOK_TRUST && now_ns - l->since_ns < DP_LOOK_NS;
}

static inline void dp_look_failed(struct dp_look *l)
{
	l->doubt = l->doubt < DP_LOOK_DOUBT / 2 ? 2 * l->doubt + 1 : DP_LOOK_DOUBT;
	l->trust = -l->doubt;
}

// It has come.
static inline void dp_look_end(struct dp_look *l, uint64_t now_ns)
{
	bool soon = now_ns - l->since_ns < DP_LOOK_NS, looked = l->trust >= DP_LOOK_TRUST;

	if (!l->since_ns)
		return;
	l->since_ns = 0;
	if (soon && looked)
		l->doubt /= 2;
	else if (soon)
		l->trust++;
	else if (looked)
		dp_look_failed(l);
	else if (l->trust > 0)
		l->trust = 0;
}
