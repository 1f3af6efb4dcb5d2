// SPDX-License-Identifier: Apache-2.0
#pragma once
// The sum of checksum.h over long runs of bytes, in registers of 64 bytes where the CPU has them.
//
// Weft is built for any x86-64, whose compilers vectorise checksum.h's loop with 16 bytes. What is
// long is a payload that a kernel has just written, and comes from the second cache: wider loads
// get it sooner. (32 bytes at a time gained nothing.) Whether the CPU can is asked each time; the
// answer is a bit in memory.
//
// Pure; any thread, any alignment.

#include <weft/types.h>

#define WEFT_CSUM_WIDE 256u // bytes from which on it pays

#if defined(__x86_64__)
static inline bool weft_csum_is_wide(void)
{
	return __builtin_cpu_supports("avx512f");
}

// Adds to `sum` all but the returned number of bytes, which are the last; even, if `len` is. Halves
// of words are added apart: no carry is lost in 8 GiB. Only if weft_csum_is_wide().
static __attribute__((target("avx512f"), noinline, unused)) size_t weft_csum_wide(
	const uint8_t *p, size_t len, uint64_t *sum)
{
	typedef uint64_t lanes __attribute__((vector_size(64)));
	typedef lanes loose __attribute__((aligned(1), may_alias));
	lanes lo = {0}, hi = {0};

	for (; len >= 2 * sizeof(lanes); len -= 2 * sizeof(lanes), p += 2 * sizeof(lanes)) {
		lanes a = *(const loose *)(const void *)p;
		lanes b = *(const loose *)(const void *)(p + sizeof(lanes));

		lo += (a & 0xffffffff) + (b & 0xffffffff);
		hi += (a >> 32) + (b >> 32);
	}
	lo += hi;
	for (unsigned i = 0; i < 8; i++)
		*sum += lo[i];
	return len;
}
#else
static inline bool weft_csum_is_wide(void)
{
	return false;
}

static inline size_t weft_csum_wide(const uint8_t *p, size_t len, uint64_t *sum)
{
	return len;
}
#endif
