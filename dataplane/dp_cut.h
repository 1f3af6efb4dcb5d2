// SPDX-License-Identifier: Apache-2.0
#pragma once
// Big segments into packet buffers.
//
// A segment of up to 64 KiB (dp_gso.h) lies in `big` while it is given out, one whole frame a
// buffer. A burst has room for so many frames only, and the pool may be empty: the rest waits, and
// nothing else comes in meanwhile. Belongs to one receive queue and its worker.

#include "dp_gso.h"

#include <stdbool.h>
#include <stdint.h>

#define DP_CUT_BIG 65568u // the longest that a kernel hands over: 64 KiB and headers

struct rte_mbuf;
struct rte_mempool;

struct dp_cut {
	struct rte_mempool *pool;
	uint32_t room; // of a buffer, for a frame
	bool busy;     // a segment is being given out
	struct dp_gso gso;
	uint8_t *big; // room + DP_CUT_BIG bytes; the worker's to fill while not busy
};

// False: no memory.
bool dp_cut_init(struct dp_cut *c, struct rte_mempool *pool, uint32_t room);
void dp_cut_free(struct dp_cut *c);

// The segment of `len` bytes that is in `big`. False: it is none, or no buffer would hold what it
// becomes.
bool dp_cut_begin(struct dp_cut *c, const struct virtio_net_hdr *h, uint32_t len);
// The next frame. NULL: that was all, or, if still busy, there is no buffer.
struct rte_mbuf *dp_cut_next(struct dp_cut *c);
