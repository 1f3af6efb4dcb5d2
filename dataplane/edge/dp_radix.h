// SPDX-License-Identifier: Apache-2.0
#pragma once
// A map from 24-bit network identifiers (VNI, VSID) to pointers, read by workers without a lock.
//
// Two levels of 4096: the high 12 bits name a page, the low 12 a slot of it. A lookup is two loads,
// whatever tenants there are and whatever an attacker sends. A page is made when its first slot is
// set and stays until the map goes: pages are never freed under a reader, and an operator who uses
// n identifiers pays for at most n pages of 32 KiB, for neighbouring identifiers far fewer.
//
// One writer (control thread); what a removed pointer points to must live on for a grace period.

#include <stdint.h>
#include <stdlib.h>

#define DP_RADIX_BITS 12u
#define DP_RADIX_SLOTS (1u << DP_RADIX_BITS)

struct dp_radix_page {
	void *slot[DP_RADIX_SLOTS];
};

struct dp_radix {
	struct dp_radix_page *page[DP_RADIX_SLOTS];
};

// Any thread. `id` above 24 bits finds nothing.
static inline void *dp_radix_get(const struct dp_radix *r, uint32_t id)
{
	const struct dp_radix_page *page;

	if (id >> (2 * DP_RADIX_BITS))
		return NULL;
	page = __atomic_load_n(&r->page[id >> DP_RADIX_BITS], __ATOMIC_ACQUIRE);
	if (!page)
		return NULL;
	return __atomic_load_n(&page->slot[id & (DP_RADIX_SLOTS - 1)], __ATOMIC_ACQUIRE);
}

// Writer. `value` NULL removes. 0, -EINVAL (more than 24 bits) or -ENOMEM.
int dp_radix_set(struct dp_radix *r, uint32_t id, void *value);

// Writer, when there are no readers any more. Frees the pages, not what they point to.
void dp_radix_fini(struct dp_radix *r);
