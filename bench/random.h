// SPDX-License-Identifier: Apache-2.0
#pragma once
// Numbers that are the same in every run: xorshift64*. Whoever wants to begin anew sets the state.

#include <stdint.h>

static uint64_t random_state = 42;

static inline uint32_t random32(void)
{
	random_state ^= random_state >> 12;
	random_state ^= random_state << 25;
	random_state ^= random_state >> 27;
	return (uint32_t)(random_state * 0x2545f4914f6cdd1du >> 32);
}
