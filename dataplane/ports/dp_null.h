// SPDX-License-Identifier: Apache-2.0
#pragma once
// A port with nothing behind it: what is sent by it is gone, and what comes in is frames of zeros
// without end, or nothing. For measurements and trials. DPDK's net_null does the same, and takes
// one of DPDK's few places for devices.

#include <weft/flow.h>

#include <stdint.h>

struct dp_null;
struct rte_eth_fp_ops;
struct rte_mempool;

// ---- control thread

// `size`: bytes of a frame that comes in; 0: none does. NULL: no memory.
struct dp_null *dp_null_open(unsigned queues, uint16_t size, struct rte_mempool *pool);
void dp_null_close(struct dp_null *d); // no worker will come any more
// Good until it is closed.
const struct rte_eth_fp_ops *dp_null_io(const struct dp_null *d);
void dp_null_stats(const struct dp_null *d, struct weft_port_stats *s);
