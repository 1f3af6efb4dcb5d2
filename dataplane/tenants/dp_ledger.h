// SPDX-License-Identifier: Apache-2.0
#pragma once
// The ledger: every packet that comes in or is copied is entered, and so is its end.
//
//	received + copies == sent + consumed[*] + drops[*]        when nothing is under way
//
// A tenant has one set of counters for each worker and one for the control thread. Each set has one
// writer, so that counting is a plain add to a line nobody else writes; the control thread sums
// them when somebody asks. What belongs to no tenant (frames for the kernel, outer headers that
// name no network) is entered under the tenant "nobody", and so is what a removed tenant had
// counted: the sums over all never go back.
//
// A packet that waits in a ring between threads has been received but has not ended. Who puts it
// there counts `queued`, who takes it out `unqueued`; the difference, over all threads, is what
// weft_ipc_ledger calls in_flight.

#include <weft/ipc.h>

struct dp_counters {
	uint64_t received;
	uint64_t copies;
	uint64_t sent;
	uint64_t queued;
	uint64_t unqueued;
	uint64_t cache_hits; // as in weft_ipc_ledger, like all up to `consumed`
	uint64_t cache_misses;
	uint64_t cache_inserts;
	uint64_t learns;
	uint64_t learns_lost;
	uint64_t learns_failed;
	uint64_t consumed[WEFT_CONSUMED_MAX];
	uint64_t drops[WEFT_DROP_MAX];
} __attribute__((aligned(64)));

// The one way to count. Owner of the counter only; another thread may read it at any time.
static inline void dp_count(uint64_t *counter, uint64_t n)
{
	__atomic_store_n(counter, *counter + n, __ATOMIC_RELAXED);
}

// Sums `threads` sets into `out`. Any thread. Sets are read while they move, so the balance is
// exact only at rest.
void dp_ledger_sum(const struct dp_counters *sets, unsigned threads, struct weft_ipc_ledger *out);

// Adds all of `from`'s sets to `into`, one set, which the caller owns. The owners of `from` are
// gone.
void dp_ledger_fold(const struct dp_counters *from, unsigned threads, struct dp_counters *into);

// received + copies - sent - consumed - drops - in_flight: 0 at rest, else a packet is lost or was
// counted twice.
int64_t dp_ledger_balance(const struct weft_ipc_ledger *);
