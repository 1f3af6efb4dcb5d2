// SPDX-License-Identifier: Apache-2.0
#pragma once
// Starts DPDK's environment from our own options: no shared configuration, no second process, no
// PCI unless asked, so that any number of data planes can run on one host.

#include "dp_options.h"

#include <sched.h>

struct rte_mempool;

// lcore 0 is the control thread; lcores 1 to o->workers are the workers, each on its CPU if
// o->pinned or if every one can have its own of those that the process may use and one is left, the
// last ones then; else they float over all of these. The control thread floats over those that
// workers have not for themselves, if there are any: the kernel would give it its part of a
// worker's. 0, or -1 after a message.
int dp_eal_init(const struct dp_options *o);

// That as EAL's --lcores, for a process that may use `cpus`. For dp_eal_init() and tests.
void dp_eal_lcores(const struct dp_options *o, const cpu_set_t *cpus, char *buf, size_t size);

// The one pool of packet buffers. A buffer's private area holds struct dp_meta. NULL after a
// message.
struct rte_mempool *dp_eal_pool(const struct dp_options *o);
