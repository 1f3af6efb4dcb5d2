// SPDX-License-Identifier: Apache-2.0
#include "dp_bucket.h"

bool dp_bucket_take(struct dp_bucket *b, uint32_t rate, uint32_t burst, uint64_t now_ns)
{
	const uint64_t one = 1000000000u;
	uint64_t cap = (burst ? burst : 1) * one, gone = now_ns - b->last_ns;

	if (!rate)
		return false;
	// Time is bounded first, so that the product cannot overflow.
	if (!b->last_ns || gone > cap / rate)
		b->tokens = cap;
	else
		b->tokens += gone * rate;
	b->last_ns = now_ns;
	if (b->tokens > cap)
		b->tokens = cap;
	if (b->tokens < one)
		return false;
	b->tokens -= one;
	return true;
}
