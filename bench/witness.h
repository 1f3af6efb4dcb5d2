// SPDX-License-Identifier: Apache-2.0
#pragma once
// What the machine took away from those who measure.
//
// A virtual CPU stands still, another program has it: what is late then is not the fault of the
// program under test, and no measurement on a shared machine can leave that out of account. So on
// each CPU a thread that is of the highest real-time class sleeps for half a millisecond at a time,
// and notes when it was away for longer than it had asked for. A thread of an ordinary class may be
// kept waiting although such a witness is not: of these the kernel itself tells how long they were
// runnable and did not run (/proc/PID/task/TID/schedstat, the second number, in nanoseconds).
// Who watches interfaces may have to wait for the kernel's lock, too, and so may one who asks for a
// link's state all the time.
//
// Times are of CLOCK_MONOTONIC, in nanoseconds.

#include <stdint.h>
#include <time.h>

#define WITNESS_LEAST_NS 2000000u // shorter absences are not noted

static inline uint64_t witness_now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

// Starts a witness on each CPU, which live as long as the program. `watched`: paths of schedstat
// files of `n` threads, which must stay; those that cannot be read are not watched. Ends the
// program with a message if it may not do that.
void witness_start(char *const watched[], unsigned n);
// Starts the one who asks for a link's state.
void witness_ask(void);
// The caller's own absence. Any thread. Short ones are left out.
void witness_note(uint64_t from_ns, uint64_t to_ns);
// All that was noted so far as JSON: [[from, to], …], in no order.
void witness_print(void);
