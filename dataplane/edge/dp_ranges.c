// SPDX-License-Identifier: Apache-2.0
#include "edge/dp_ranges.h"

#include <stdlib.h>
#include <string.h>

static int dp_range_by_first(const void *va, const void *vb)
{
	const struct dp_range *a = va, *b = vb;

	return (a->first > b->first) - (a->first < b->first);
}

// Cuts off what the one before has; returns how many are left.
static uint32_t dp_ranges_clip(struct dp_range *at, uint32_t n)
{
	uint32_t kept = 0;

	for (uint32_t i = 0; i < n; i++) {
		struct dp_range r = at[i];

		if (kept && r.first <= at[kept - 1].last) {
			if (r.last <= at[kept - 1].last)
				continue;
			r.first = at[kept - 1].last + 1;
		}
		if (r.first <= r.last)
			at[kept++] = r;
	}
	return kept;
}

struct dp_ranges *dp_ranges_new(const struct dp_range *ranges, uint32_t n)
{
	struct dp_ranges *r = calloc(1, sizeof(*r) + n * sizeof(r->at[0]));

	if (!r)
		return NULL;
	r->highest = r->except = UINT32_MAX;
	if (n) {
		memcpy(r->at, ranges, n * sizeof(*ranges));
		qsort(r->at, n, sizeof(r->at[0]), dp_range_by_first);
	}
	r->n = dp_ranges_clip(r->at, n);
	return r;
}

void dp_ranges_forget(struct dp_ranges *r, const void *owner)
{
	for (uint32_t i = 0; r && i < r->n; i++)
		if (r->at[i].owner == owner)
			__atomic_store_n(&r->at[i].owner, NULL, __ATOMIC_RELEASE);
	if (r && r->rest == owner)
		__atomic_store_n(&r->rest, NULL, __ATOMIC_RELEASE);
}
