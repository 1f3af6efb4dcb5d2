// SPDX-License-Identifier: Apache-2.0
#pragma once
// Where a function does nothing but prefetch, it ends with this. To GCC (12) such a function has no
// effect, and calls to it that were not inlined early, as those with a loop, are left out.

static inline void ft_prefetched(void)
{
	__asm__ volatile("");
}
