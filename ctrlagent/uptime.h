// SPDX-License-Identifier: Apache-2.0
#pragma once
// For how long something has been so is not asked of the time of day, which is set: at a boot
// without a battery, by decades.

#include <time.h>

static inline time_t agent_seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec;
}
