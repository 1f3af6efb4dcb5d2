// SPDX-License-Identifier: Apache-2.0
#pragma once
// Whether who waits for the other program looks a little longer for its answer, or its next
// request, before he sleeps.
//
// A rule and a barrier, then the next: a controller, the agent and the data plane wait for each
// other in turn, none for more than some ten microseconds. To sleep so long takes longer than what
// they have to do: the core goes idle, and another one must wake it, which on virtual machines is
// dearest of all. So the control thread of the data plane, when it has just answered one that
// waits, looks for his next request before it sleeps; the agent, when a barrier waits, for the
// answer, and when it has replied, for the controller's next message.
//
// That is only done where it is going to be worth it:
//
//   - Who looks must not be in the way of him whom he waits for. Both say by which CPU they run
//     (weft_ipc_begin, weft_ipc_error); those that share one sleep, which lets the other in. A
//     third one, as a controller on the same host, may be woken by that CPU and would wait for as
//     long as it is looked for him: so whoever looks yields between two looks.
//   - What was waited for came soon, WEFT_LOOK_TRUST times in a row. Who sleeps is woken late, as
//     may be those who wait for him, so that for him three times as long is soon: else where it is
//     slow because all sleep nobody would ever begin to look. If it did not come although one
//     looked, more are wanted before the next look, twice as many each time, up to
//     WEFT_LOOK_DOUBT; so where it never pays hardly anybody looks.
//   - Who waits for nothing in particular does not look, so an idle program is idle.

#include <stdbool.h>
#include <stdint.h>

#define WEFT_LOOK_TRUST 4
#define WEFT_LOOK_DOUBT 256
#define WEFT_LOOK_ASLEEP 3u // so many times `ns` is soon for who sleeps

struct weft_look {         // begins as zeros, but for `ns`
	uint32_t ns;       // so long at most
	uint32_t beside;   // 1 + the CPU by which the other one ran last, 0: not known
	int trust;         // waits that were short, in a row; less than 0: so many more are wanted
	int doubt;         // how many were wanted the last time that looking did not pay
	bool looked;       // in this wait
	uint64_t since_ns; // waits since then; 0: for nothing in particular
};

// It is waited for from now on.
static inline void weft_look_begin(struct weft_look *l, uint64_t now_ns)
{
	l->since_ns = now_ns;
	l->looked = false;
}

// To be asked before each look. `cpu`: by which one runs.
static inline bool weft_look_on(struct weft_look *l, uint64_t now_ns, unsigned cpu)
{
	if (!l->since_ns || l->trust < WEFT_LOOK_TRUST || l->beside == cpu + 1 ||
		now_ns - l->since_ns >= l->ns)
		return false;
	l->looked = true;
	return true;
}

static inline void weft_look_failed(struct weft_look *l)
{
	l->doubt = l->doubt < WEFT_LOOK_DOUBT / 2 ? 2 * l->doubt + 1 : WEFT_LOOK_DOUBT;
	l->trust = -l->doubt;
}

// It has come.
static inline void weft_look_end(struct weft_look *l, uint64_t now_ns)
{
	bool soon = now_ns - l->since_ns < (l->looked ? 1 : WEFT_LOOK_ASLEEP) * (uint64_t)l->ns;

	if (!l->since_ns)
		return;
	l->since_ns = 0;
	if (soon && l->looked)
		l->doubt /= 2;
	else if (soon)
		l->trust += l->trust < WEFT_LOOK_TRUST;
	else if (l->looked)
		weft_look_failed(l);
	else if (l->trust > 0)
		l->trust = 0;
}
