// SPDX-License-Identifier: Apache-2.0
#pragma once
// Storm limits: how many broadcasts, multicasts and unicasts to unknown addresses a local port may
// send a second (and, at once, as many as in a second).
//
// Each of these may become a copy for every port and every VTEP, so a machine that loops or
// misbehaves is stopped where it comes in, before anything is looked up. "Unknown" is what the FDB
// does not have; where a controller does without learning, that is everything.
//
// Each worker has buckets of its own and grants its share of the rate: the rate, divided by the
// receive queues of the port. So the port as a whole never gets more than the limit, and a port
// whose frames all come by one of several queues gets that queue's share.

#include "ports/dp_port.h"

#include "tenants/dp_bucket.h"

struct dp_worker;

struct dp_storm_buckets {
	struct dp_bucket kind[WEFT_STORM_MAX];
};

struct dp_storm {
	uint32_t rate[WEFT_STORM_MAX];    // a worker's share; 0: no limit; atomic
	bool any;                         // atomic
	struct dp_storm_buckets worker[]; // its own
};

static inline bool dp_storm_is_limited(const struct dp_port *p)
{
	const struct dp_storm *s = __atomic_load_n(&p->storm, __ATOMIC_ACQUIRE);

	return s && __atomic_load_n(&s->any, __ATOMIC_RELAXED);
}

// Worker. Enters in the ledger and drops what is over the port's limits; returns how many are left
// in m[].
unsigned dp_storm_admit(
	struct dp_worker *w, struct dp_port *port, struct rte_mbuf *m[], unsigned n);

// Control thread. WEFT_E_NO_MEMORY.
enum weft_error dp_storm_set(
	struct dp *dp, struct dp_port *p, const struct weft_port_limits *limits);
