// SPDX-License-Identifier: Apache-2.0
#pragma once
// For how long something has been so is not asked of the time of day, which is set: at a boot
// without a battery, by decades.

#include <stdint.h>
#include <time.h>

static inline uint64_t agent_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static inline time_t agent_seconds(void)
{
	return (time_t)(agent_ns() / 1000000000u);
}
