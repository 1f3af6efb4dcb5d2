// SPDX-License-Identifier: Apache-2.0
#pragma once
// Threads of DPDK's that take turns, of whatever scheduling class, also where all have one CPU.

#include <sched.h>
#include <stdbool.h>

// The scheduling class that we were called with. While EAL starts, it is the ordinary one: that
// waits for each of its threads by sleeps of a microsecond, after which a real-time thread goes on
// before the kernel has let in another of its CPU, for ever.
static struct {
	int policy;
	struct sched_param param;
} called;

static inline void be_ordinary(void)
{
	called.policy = sched_getscheduler(0);
	sched_getparam(0, &called.param);
	sched_setscheduler(0, SCHED_OTHER, &(struct sched_param){0});
}

static inline void be_as_called(void)
{
	sched_setscheduler(0, called.policy, &called.param);
}

// Who waits for the other one. On one CPU it has to let that in: a real-time thread would wait for
// ever, and another for the end of its time slice. On two it stays awake, and nobody's turn begins
// with a core that has slept.
static bool one_cpu;

static inline void wait(void)
{
	if (one_cpu)
		sched_yield();
}
