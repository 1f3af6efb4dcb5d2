// SPDX-License-Identifier: Apache-2.0
#pragma once
// Starts DPDK's environment from our own options: no shared configuration, no second process, no
// PCI unless asked, so that any number of data planes can run on one host.

#include "dp_options.h"

struct rte_mempool;

// lcore 0 is the control thread and floats over the CPUs that the process may use; lcores 1 to
// o->workers are the workers, each on its CPU if o->pinned or if every one can have its own, else
// floating too. 0, or -1 after a message.
int dp_eal_init(const struct dp_options *o);

// The one pool of packet buffers. A buffer's private area holds struct dp_meta. NULL after a
// message.
struct rte_mempool *dp_eal_pool(const struct dp_options *o);
