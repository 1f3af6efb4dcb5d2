// SPDX-License-Identifier: Apache-2.0
#pragma once
// The finest clock of the machine, for loops of some microseconds: UNIT says what it counts.

#include <stdint.h>
#include <time.h>

#if defined(__x86_64__)
#define UNIT "cycles"
static uint64_t now(void)
{
	unsigned aux;

	return __builtin_ia32_rdtscp(&aux);
}
#else
#define UNIT "ns"
static uint64_t now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}
#endif
