// SPDX-License-Identifier: Apache-2.0
#include "tenants/dp_bucket.h"

void dp_bucket_fill(struct dp_bucket *b, uint32_t rate, uint32_t burst, uint64_t now_ns)
{
	uint64_t cap = (burst ? burst : 1) * DP_BUCKET_ONE, gone = now_ns - b->last_ns;

	if (!rate)
		return;
	// Time is bounded first, so that the product cannot overflow.
	if (!b->last_ns || gone > cap / rate)
		b->tokens = cap;
	else
		b->tokens += gone * rate;
	b->last_ns = now_ns;
	if (b->tokens > cap)
		b->tokens = cap;
}

bool dp_bucket_take(struct dp_bucket *b, uint32_t rate, uint32_t burst, uint64_t now_ns)
{
	dp_bucket_fill(b, rate, burst, now_ns);
	if (!rate || b->tokens < DP_BUCKET_ONE)
		return false;
	b->tokens -= DP_BUCKET_ONE;
	return true;
}
