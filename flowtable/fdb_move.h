// SPDX-License-Identifier: Apache-2.0
#pragma once
// When does an address that changes its place do so too often?
//
// A VM that migrates moves once. An address that two machines have, or that comes back over a loop,
// moves with nearly every packet, and each move turns all that is sent to it around. So moves are
// counted in a window that starts with the first of them (RFC 7432, 15.1 has the same for EVPN,
// with 5 moves in 180 seconds): one too many, and the address is a duplicate, which is held where
// it is until its time is up.
//
// Writer's thread; times are whole seconds of env's clock.

#include <stdbool.h>
#include <stdint.h>

struct ft_fdb_moves {
	uint32_t total;        // since the address was learned
	uint32_t n;            // in the window
	uint32_t since_s;      // when it began
	uint32_t held_until_s; // meaningful while it is held
};

struct ft_fdb_move_limits {
	uint32_t moves; // more than so many in the window; 0: never held
	uint32_t within_s;
	uint32_t hold_s;
};

// The address is seen elsewhere at `now_s`. False: that is one move too many, and it is to be held
// until m->held_until_s.
static inline bool ft_fdb_moved(
	struct ft_fdb_moves *m, const struct ft_fdb_move_limits *limits, uint32_t now_s)
{
	if (!m->n || now_s - m->since_s >= limits->within_s) {
		m->n = 0;
		m->since_s = now_s;
	}
	m->total++;
	m->n++;
	if (!limits->moves || m->n <= limits->moves)
		return true;
	m->n = 0;
	m->held_until_s = now_s + limits->hold_s;
	return false;
}

// The hold has ended.
static inline bool ft_fdb_hold_over(const struct ft_fdb_moves *m, uint32_t now_s)
{
	return (int32_t)(now_s - m->held_until_s) >= 0;
}
