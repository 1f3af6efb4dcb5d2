// SPDX-License-Identifier: Apache-2.0
#pragma once
// A token bucket: so many packets a second, and so many at once.
//
// Each has one owner, a worker or the control thread, and a cache line of its own: nobody locks.
// What is to hold for a tenant or a port as a whole, each worker therefore grants on its own; who
// uses a bucket says what that makes of the limit.

#include <stdbool.h>
#include <stdint.h>

#define DP_BUCKET_ONE 1000000000ull // a packet

struct dp_bucket {
	uint64_t last_ns;
	uint64_t tokens; // DP_BUCKET_ONE each
} __attribute__((aligned(64)));

// What has become due since it was filled last. `rate` 0: nothing.
void dp_bucket_fill(struct dp_bucket *b, uint32_t rate, uint32_t burst, uint64_t now_ns);

// Takes what is due from a bucket. `rate` 0: never.
bool dp_bucket_take(struct dp_bucket *b, uint32_t rate, uint32_t burst, uint64_t now_ns);
