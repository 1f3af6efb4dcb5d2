// SPDX-License-Identifier: Apache-2.0
#pragma once
// The command line. Plain options of our own; EAL never sees what the user typed, save through
// --eal.

#include <stdbool.h>
#include <stdint.h>

#define DP_MAX_WORKERS 32u

struct dp_options {
	const char *socket; // control socket
	const char *punt_socket;
	const char *huge_dir; // NULL: where EAL finds it
	const char *eal;      // more EAL arguments, split at blanks; NULL: none
	bool no_huge;
	bool pci;                            // probe PCI devices
	uint16_t worker_cpu[DP_MAX_WORKERS]; // if `pinned`
	bool pinned;                         // each worker on its own CPU
	unsigned workers;
	unsigned mem_mb;
	unsigned mbufs;
	unsigned max_frame;     // longest frame, in bytes, that fits one buffer
	unsigned idle_sleep_us; // 0: never sleep
	unsigned flow_cache;    // flows that a worker remembers; 0: none
	unsigned log_level;     // RTE_LOG_*
	uint64_t seed;          // 0: from the kernel's random numbers
};

// 0: go on; 1: all was said (--help, --version), exit 0; -1: an error was printed, exit 2. `o`
// points into argv.
int dp_options_parse(struct dp_options *o, int argc, char **argv);
