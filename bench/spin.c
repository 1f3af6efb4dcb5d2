// SPDX-License-Identifier: Apache-2.0
// What a CPU takes away from a thread that wants nothing but to look at the clock: the gaps that a
// worker on it would have too, whatever it does. Of the real-time class, so that they are the
// kernel's own (ticks, interrupts and what follows from them) and the hypervisor's.
//
//	bench-spin CPU SECONDS       less than the second after which the kernel takes the CPU from
//	                             real-time threads
//
// One line of JSON: the longest gap in µs, and how many were longer than 10 and 50.
#include "witness.h"

#include <sched.h>
#include <stdio.h>
#include <stdlib.h>

static void settle(int cpu)
{
	const struct sched_param param = {.sched_priority = 1};
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	if (sched_setaffinity(0, sizeof(set), &set) || sched_setscheduler(0, SCHED_FIFO, &param)) {
		perror("bench-spin");
		exit(1);
	}
}

int main(int argc, char **argv)
{
	uint64_t longest = 0, over_10 = 0, over_50 = 0, last, until;

	if (argc != 3) {
		fprintf(stderr, "usage: bench-spin CPU SECONDS\n");
		return 2;
	}
	settle(atoi(argv[1]));
	last = witness_now_ns();
	until = last + (uint64_t)(atof(argv[2]) * 1e9);
	while (last < until) {
		uint64_t now = witness_now_ns(), gap = now - last;

		longest = gap > longest ? gap : longest;
		over_10 += gap > 10000;
		over_50 += gap > 50000;
		last = now;
	}
	printf("{\"longest_us\": %.1f, \"over_10\": %llu, \"over_50\": %llu}\n",
		(double)longest / 1e3, (unsigned long long)over_10, (unsigned long long)over_50);
	return 0;
}
