// SPDX-License-Identifier: Apache-2.0
#pragma once
// How many packet-ins a switch may send, and whose.
//
// One token bucket holds for the whole switch. So that packets for one reason, or of a port that
// floods, do not take all of it, the lower half of the bucket is a reserve: of that each reason
// that was asked for lately has an equal share, in each window of a tenth of a second, and within
// it each port that asked. Who is alone has the whole rate; who asks for less than his share loses
// nothing, whatever the others do.
//
// Each worker grants the whole rate to what it sees; the control thread holds the switch to it over
// all workers. One owner, no lock. Pure.

#include "tenants/dp_bucket.h"

#include <weft/ipc.h>

#define DP_PUNT_SLOTS                                                                              \
	32u // ports by number; there are few, and those that share a slot share its share
#define DP_PUNT_WINDOW_NS 100000000u

// The ports that ask for one reason.
struct dp_punt_shares {
	uint32_t now, before; // which asked in this window and in the one before, a bit each
	uint32_t used[DP_PUNT_SLOTS];
};

struct dp_punt_limit {
	struct dp_bucket all;
	uint64_t window_ns; // it began
	struct dp_punt_shares reason[WEFT_PUNT_REASONS];
	uint64_t shed[WEFT_PUNT_REASONS]; // counted by the owner, read by anybody
} __attribute__((aligned(64)));

enum weft_punt_reason dp_punt_reason(unsigned reason); // of enum weft_packet_in_reason

// Whether one may go now. `rate` 0: none may.
bool dp_punt_limit_take(struct dp_punt_limit *l, uint32_t rate, uint32_t burst, uint32_t port,
	enum weft_punt_reason reason, uint64_t now_ns);

// Adds what `threads` limits have shed. Any thread.
void dp_punt_limit_shed(
	const struct dp_punt_limit *l, unsigned threads, uint64_t shed[WEFT_PUNT_REASONS]);
