// SPDX-License-Identifier: Apache-2.0
#pragma once
// Random numbers for tests: xorshift64*, seeded from WEFT_SEED or the clock, the seed printed, so
// that a failure can be run again. One generator per program.

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static uint64_t rng_state = 1;

static inline void rng_seed_from_env(void)
{
	const char *env = getenv("WEFT_SEED");

	rng_state = env ? strtoull(env, NULL, 0) : (uint64_t)time(NULL) * 0x9e3779b97f4a7c15u;
	rng_state += !rng_state;
	printf("WEFT_SEED=%llu\n", (unsigned long long)rng_state);
	fflush(stdout);
}

static inline uint32_t rng(void)
{
	rng_state ^= rng_state >> 12;
	rng_state ^= rng_state << 25;
	rng_state ^= rng_state >> 27;
	return (uint32_t)(rng_state * 0x2545f4914f6cdd1du >> 32);
}

static inline void rng_fill(void *buf, size_t len)
{
	for (uint8_t *p = buf; len; len--)
		*p++ = (uint8_t)rng();
}
