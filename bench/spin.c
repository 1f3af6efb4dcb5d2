// SPDX-License-Identifier: Apache-2.0
// What a CPU is worth just now.
//
// What it takes away from a thread that wants nothing but to look at the clock: the gaps that a
// worker on it would have too, whatever it does. Of the real-time class, so that they are the
// kernel's own (ticks, interrupts and what follows from them) and the hypervisor's.
//
// And how fast it is: a processor clocks itself by what its neighbours do, of whom a virtual
// machine knows nothing, while the time stamp counter goes on at its own rate. So what takes a
// hundred cycles of that counter today takes a hundred and ten tomorrow.
//
// One line of JSON: the longest gap in µs, how many were longer than 10 and 50, the clock in GHz.
#include "help.h"
#include "witness.h"

#include <sched.h>
#include <stdio.h>
#include <stdlib.h>

static const char usage[] =
	"usage: bench-spin CPU SECONDS\n"
	"What a CPU takes away from a real-time thread, and how fast it is, as JSON.\n"
	"\n"
	"  SECONDS  less than the one after which the kernel takes the CPU from such threads;\n"
	"           0: how fast alone\n";

#define CHAIN 10000u
#define CHAINS 30u
#define LATENCY 3u // cycles of a multiplication, which each has to wait for

// Cycles a nanosecond, by the quickest of some chains: none was interrupted in that one.
static double clock_ghz(void)
{
	uint64_t x = 3, best = UINT64_MAX;

	for (unsigned i = 0; i < CHAINS; i++) {
		uint64_t start = witness_now_ns(), took;

		for (unsigned k = 0; k < CHAIN; k++) {
			x *= 0x9e3779b97f4a7c15u;
			__asm__ volatile("" : "+r"(x));
		}
		took = witness_now_ns() - start;
		best = took < best ? took : best;
	}
	return (double)CHAIN * LATENCY / (double)best;
}

static void settle(int cpu)
{
	const struct sched_param param = {.sched_priority = 2}; // before who is measured
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
	double ghz;

	help_if_asked(argc, argv, usage);
	if (argc != 3)
		wrong_call(usage);
	settle(atoi(argv[1]));
	ghz = clock_ghz();
	last = witness_now_ns();
	until = last + (uint64_t)(atof(argv[2]) * 1e9);
	while (last < until) {
		uint64_t now = witness_now_ns(), gap = now - last;

		longest = gap > longest ? gap : longest;
		over_10 += gap > 10000;
		over_50 += gap > 50000;
		last = now;
	}
	printf("{\"longest_us\": %.1f, \"over_10\": %llu, \"over_50\": %llu, \"ghz\": %.2f}\n",
		(double)longest / 1e3, (unsigned long long)over_10, (unsigned long long)over_50,
		ghz);
	return 0;
}
