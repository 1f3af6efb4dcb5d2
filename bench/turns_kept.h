// SPDX-License-Identifier: Apache-2.0
#pragma once
// What bench-turns keeps of the turns of its storms, from one run to the next.

#include <stdbool.h>
#include <stdint.h>

enum {
	TURNS = 50000, // of each storm, at most
	STORMS = 8,
};

struct turn {
	uint32_t cycles; // the shortest time so far
	uint8_t packets, unknown, learned;
	uint8_t waits; // somebody waits for a quiescent state, which comes later
};

// Puts this run's turns beside those in the file, which are of runs before, or makes the file; hz
// is of the cycles. Prints a line of JSON for each storm. Returns what went wrong; NULL: nothing.
const char *turns_keep(const char *path, struct turn run[STORMS][TURNS],
	const char *const names[STORMS], uint64_t hz);
