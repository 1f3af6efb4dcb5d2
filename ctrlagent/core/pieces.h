// SPDX-License-Identifier: Apache-2.0
#pragma once
// Work over very many things that only the event loop may do, for it looks at what the agent has:
// some of them in each of the loop's turns, for PIECES_NS, so that nobody waits longer for that.
// Works take turns.
//
// What is gone through changes meanwhile. So whoever begins takes down first what it is about, in
// an array of his own, and looks for each of it anew when its turn comes; some have gone then.

#include <event2/event.h>
#include <stddef.h>

#define PIECES_NS 2000000u

struct pieces;

// Calls one(arg, 0) to one(arg, n - 1) and then done(arg), from the loop. Neither of them cancels
// it.
struct pieces *pieces_start(struct event_base *base, size_t n, void (*one)(void *arg, size_t i),
	void (*done)(void *arg), void *arg);
// Before `done` was called, which is not called any more.
void pieces_cancel(struct pieces *p);
