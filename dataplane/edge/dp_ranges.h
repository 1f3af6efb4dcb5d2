// SPDX-License-Identifier: Apache-2.0
#pragma once
// Ranges of network identifiers and whose they are, for providers, who own thousands at a time.
//
// A range lies in one place of a sorted list and is found by bisection; the identifiers of tenants
// are elsewhere (dp_radix.h) and are asked for first, so that a range never takes what a tenant
// has. Each identifier has one owner: where two ranges overlap, the lower one keeps what it has.
// `rest` owns what is in no range.
//
// Made whole and replaced whole; what may be done to one that workers read is to take an owner out.

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct dp_range {
	uint32_t first, last; // both included
	void *owner;          // atomic; NULL: nobody
};

struct dp_ranges {
	uint32_t lowest, highest; // identifiers that the rest may be
	uint32_t except;          // one that is nobody's; UINT32_MAX: there is none
	uint32_t n;
	void *rest; // atomic; NULL: nobody
	struct dp_range at[];
};

// Whose it is; NULL: nobody's. Any thread.
static inline void *dp_ranges_find(const struct dp_ranges *r, uint32_t id)
{
	uint32_t low = 0, high = r->n;

	if (id == r->except)
		return NULL;
	while (low < high) {
		uint32_t mid = (low + high) / 2;

		if (id > r->at[mid].last)
			low = mid + 1;
		else
			high = mid;
	}
	if (low < r->n && id >= r->at[low].first)
		return __atomic_load_n(&r->at[low].owner, __ATOMIC_ACQUIRE);
	return id >= r->lowest && id <= r->highest ? __atomic_load_n(&r->rest, __ATOMIC_ACQUIRE)
						   : NULL;
}

// From `n` ranges in any order; `rest`, `lowest`, `highest` and `except` are the caller's to set
// (at first: nobody, everything, none). To be freed by free(). NULL: out of memory.
struct dp_ranges *dp_ranges_new(const struct dp_range *ranges, uint32_t n);

// The owner has nothing any more. Workers may be reading.
void dp_ranges_forget(struct dp_ranges *r, const void *owner);
