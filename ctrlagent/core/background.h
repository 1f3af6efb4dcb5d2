// SPDX-License-Identifier: Apache-2.0
#pragma once
// Work that takes long and touches nothing of the agent's: reading a configuration of thousands of
// tenants, comparing it with what there is. A thread does it, so that the event loop goes on, and
// then the loop is told.

#include <event2/event.h>

struct background;

// `work` runs in a thread, and must touch nothing that anybody else does until `done` is called,
// once, from the loop.
struct background *background_start(
	struct event_base *base, void (*work)(void *arg), void (*done)(void *arg), void *arg);
// Waits until the work is over; `done` is not called any more. Not from within `done`, which is the
// end of it already.
void background_cancel(struct background *b);
