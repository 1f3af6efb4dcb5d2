// SPDX-License-Identifier: Apache-2.0
#pragma once
// What a benchmark of the flow tables alone gives them as surroundings: struct ft_env's clock, and
// memory that is freed at once.

#include <stdint.h>
#include <time.h>

static inline uint64_t now_ns(void *ctx)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

// Of this process.
static inline double cpu_s(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static inline void retire(void *ctx, void (*fn)(void *), void *obj)
{
	fn(obj); // no reader runs meanwhile
}
