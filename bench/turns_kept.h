// SPDX-License-Identifier: Apache-2.0
#pragma once
// What bench-turns keeps of the turns of its storms, from one run to the next.

#include <stdbool.h>
#include <stdint.h>

enum {
	TURNS = 50000, // of each storm, at most
	STORMS = 8,
	TOLD = 4000000,
};

struct turn {
	uint32_t cycles; // the shortest time so far
	uint8_t packets, unknown, learned;
	uint8_t waits; // somebody waits for a quiescent state, which comes later
};

// What the workers' clock said to what a turn decides by time (dataplane/dp_pace.h), in order, in
// the first run. It says so again in all others, so that their turns are the same.
struct turns_clock {
	uint64_t n;
	uint64_t said[TOLD];
};

// Of the first run, from the file; with n 0 if there is none yet, to be filled. NULL: the file is
// not one of these.
struct turns_clock *turns_clock(const char *path);
// Puts this run's turns beside those in the file, which are of runs before, or makes the file; hz
// is of the cycles. Prints a line of JSON for each storm. Returns what went wrong; NULL: nothing.
const char *turns_keep(const char *path, struct turn run[STORMS][TURNS],
	const char *const names[STORMS], uint64_t hz);
