// SPDX-License-Identifier: Apache-2.0
#pragma once
// Rules that packets ask for (flowtable/rules/learn.h): from the workers to the control thread, who
// makes each a transaction of its own.
//
// A ring a worker, like that of events. What does not fit, or is over DP_RULE_RATE for one tenant,
// is lost and counted (learns_lost). While a transaction of the agent's is open at a tenant's
// switch, what is learned there waits in a list of DP_LEARN_WAITING, and is lost when that is full.

#include "flowtable/flowtable.h"

struct dp;
struct dp_learn;
struct dp_sink;

#define DP_RULES_SIZE 128u    // of a worker's ring
#define DP_RULE_RATE 10000u   // a second that a worker tells for one tenant
#define DP_RULE_BURST 32u     // of the ring, which others share
#define DP_LEARN_WAITING 256u // while transactions are open, of all tenants

// An element of the ring.
struct dp_learned_rule {
	uint32_t tenant;
	uint32_t pad;
	uint64_t learned[FT_LEARN_BYTES / 8]; // struct ft_learned
};
static_assert(sizeof(struct dp_learned_rule) % 4 == 0, "an element of an rte_ring");

// Worker: struct ft_sink's learn_rule.
bool dp_learn_tell(struct dp_sink *, const struct ft_learned *);

// ---- control thread

struct dp_learn *dp_learn_new(void); // NULL: out of memory
void dp_learn_free(struct dp_learn *);
// Takes what has come, and what waited.
void dp_learn_poll(struct dp *dp);
