// SPDX-License-Identifier: Apache-2.0
#include "edge/dp_radix.h"

#include <errno.h>

int dp_radix_set(struct dp_radix *r, uint32_t id, void *value)
{
	struct dp_radix_page *page;

	if (id >> (2 * DP_RADIX_BITS))
		return -EINVAL;
	page = r->page[id >> DP_RADIX_BITS];
	if (!page) {
		if (!value)
			return 0;
		page = calloc(1, sizeof(*page));
		if (!page)
			return -ENOMEM;
		__atomic_store_n(&r->page[id >> DP_RADIX_BITS], page, __ATOMIC_RELEASE);
	}
	__atomic_store_n(&page->slot[id & (DP_RADIX_SLOTS - 1)], value, __ATOMIC_RELEASE);
	return 0;
}

void dp_radix_fini(struct dp_radix *r)
{
	for (unsigned i = 0; i < DP_RADIX_SLOTS; i++) {
		free(r->page[i]);
		r->page[i] = NULL;
	}
}
