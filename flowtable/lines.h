// SPDX-License-Identifier: Apache-2.0
#pragma once
// Zeroed memory in whole cache lines, for what workers write: no line of it is anybody else's.

#include <stdlib.h>
#include <string.h>

static inline void *ft_alloc_lines(size_t bytes)
{
	size_t size = (bytes + 63) & ~(size_t)63;
	void *p = aligned_alloc(64, size ? size : 64);

	if (p)
		memset(p, 0, size ? size : 64);
	return p;
}
