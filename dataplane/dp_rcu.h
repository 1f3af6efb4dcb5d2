// SPDX-License-Identifier: Apache-2.0
#pragma once
// Grace periods: when may memory go that a worker might still be looking at? And when has all been
// counted that a worker keeps back (flowtable/cache/pending.h)?
//
// Each worker is in a quiescent state at the end of its loop, where it holds no pointer to anything
// shared, once it has nothing pending either; it reports one (rte_rcu_qsbr) when it is asked for.
// What the control thread has unpublished it hands to dp_rcu_retire(); some loops
// later dp_rcu_poll() calls the function, on the control thread. Nothing is ever freed by a worker.
//
// What is retired within DP_RCU_GATHER_NS waits for one grace period together: a worker that is
// asked for a quiescent state has work to do for it, once for each way that packets went since, and
// with a rule removed every 80 microseconds it would be at that all the time.
//
// Frames that travel in rings between workers carry pointers to their port and tenant. In each loop
// a worker takes out of its rings what is there when it looks, so what such a pointer leads to is
// freed after two grace periods: after the first nobody puts a new one in, after the second all
// have come out (dp_rcu_retire2()).

#include <stdbool.h>
#include <stdint.h>

struct dp_rcu;

typedef void dp_rcu_fn(void *obj);

// For `workers` readers, numbered from 0. NULL: out of memory.
struct dp_rcu *dp_rcu_new(unsigned workers);
void dp_rcu_free(struct dp_rcu *); // no readers left; runs all that waits

// Worker. Online from register to unregister. Once per loop it looks whether dp_rcu_asked() is
// another number than before its latest quiescent state; if so, it is to get into one and say so.
void dp_rcu_register(struct dp_rcu *, unsigned worker);
void dp_rcu_unregister(struct dp_rcu *, unsigned worker);
uint64_t dp_rcu_asked(const struct dp_rcu *);
void dp_rcu_quiescent(struct dp_rcu *, unsigned worker);

// Control thread. The grace period begins with the next poll, or a run that is not too soon after
// the one that began the latest.
void dp_rcu_retire(struct dp_rcu *, dp_rcu_fn *fn, void *obj);
void dp_rcu_retire2(struct dp_rcu *, dp_rcu_fn *fn, void *obj);
// Runs what is due; true: something still waits.
bool dp_rcu_poll(struct dp_rcu *);
// The same for a turn of a loop that serves others: what is added meanwhile waits, and after
// DP_RCU_NS by this clock the rest does, too. True: some of it is due, go on at once.
#define DP_RCU_NS 500000u
#define DP_RCU_GATHER_NS 1000000u
bool dp_rcu_run(struct dp_rcu *, uint64_t (*now_ns)(void));
// A grace period begins, or has ended.
uint64_t dp_rcu_begin(struct dp_rcu *);
bool dp_rcu_ended(const struct dp_rcu *, uint64_t begun);
// Waits for one grace period: as long as the slowest worker's loop, its idle sleep included.
void dp_rcu_synchronize(struct dp_rcu *);
void dp_rcu_synchronize2(struct dp_rcu *); // for two, one after the other
// Begins one every DP_RCU_PULSE_NS, as long as it is called often, and more seldom where they last
// long because very much is pending: workers are to be busy with that a tenth of the time; when the
// latest of them to have ended had begun, by the caller's clock. What workers counted before is in
// the counters.
#define DP_RCU_PULSE_NS 50000000u
#define DP_RCU_REST 10u            // times as long as the latest one took,
#define DP_RCU_REST_NS 1000000000u // at most
void dp_rcu_pulse(struct dp_rcu *, uint64_t now_ns);
uint64_t dp_rcu_pulsed_ns(const struct dp_rcu *);
