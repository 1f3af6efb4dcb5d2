// SPDX-License-Identifier: Apache-2.0
#pragma once
// EAL in ordinary memory, one pool, one worker that does not run, and a device made of rings, so
// that a test sees what was sent. For test programs with one group of tests.

#include "dp.h"
#include "dp_eal.h"
#include "dp_log.h"
#include "dp_worker.h"

#include <rte_eal.h>
#include <rte_eth_ring.h>

#define EAL_WIRE_SIZE 64u // frames that the device takes, less one

static struct dp eal_dp;
static struct dp_port eal_port;
static struct rte_ring *eal_wire;

static inline int eal_up(void **state)
{
	struct dp *dp = &eal_dp;
	struct rte_eth_conf conf = {0};
	int dev;

	dp->opt = (struct dp_options){.no_huge = true,
		.workers = 1,
		.mem_mb = 64,
		.mbufs = 1024,
		.max_frame = 2048,
		.idle_sleep_us = 100,
		.log_level = RTE_LOG_ERR};
	TAILQ_INIT(&dp->tenants_stale);
	TAILQ_INIT(&dp->stages);
	if (dp_eal_init(&dp->opt))
		return -1;
	dp->pool = dp_eal_pool(&dp->opt);
	dp->rcu = dp_rcu_new(1);
	dp->nobody = dp_tenant_nobody(dp);
	dp->worker[0] = dp_worker_new(dp, 0);
	eal_wire = rte_ring_create("wire", EAL_WIRE_SIZE, SOCKET_ID_ANY, 0);
	dev = rte_eth_from_ring(eal_wire);
	if (dev < 0 || rte_eth_dev_configure((uint16_t)dev, 1, 1, &conf) ||
		rte_eth_rx_queue_setup((uint16_t)dev, 0, 64, SOCKET_ID_ANY, NULL, dp->pool) ||
		rte_eth_tx_queue_setup((uint16_t)dev, 0, 64, SOCKET_ID_ANY, NULL) ||
		rte_eth_dev_start((uint16_t)dev))
		return -1;
	eal_port = (struct dp_port){.dev = (uint16_t)dev,
		.io = &rte_eth_fp_ops[dev],
		.n_rxq = 1,
		.n_txq = 1,
		.mtu = 1500};
	eal_port.tenant = dp->nobody;
	return 0;
}

static inline int eal_down(void **state)
{
	rte_eth_dev_stop(eal_port.dev);
	dp_worker_free(eal_dp.worker[0]);
	dp_rcu_free(eal_dp.rcu);
	return rte_eal_cleanup();
}

static inline void eal_retire(void *ctx, void (*fn)(void *obj), void *obj)
{
	dp_rcu_retire(eal_dp.rcu, fn, obj);
}

static inline uint64_t eal_now_ns(void *ctx)
{
	return dp_now_ns();
}

// For tests with tenants: what their switches are made with, and another worker, with a flow cache.
static inline void eal_with_tenants(unsigned flows, uint64_t seed)
{
	dp_worker_free(eal_dp.worker[0]);
	eal_dp.opt.flow_cache = flows;
	eal_dp.seed = seed;
	eal_dp.env = (struct ft_env){
		.retire = eal_retire, .now_ns = eal_now_ns, .workers = 1, .seed = 7};
	eal_dp.worker[0] = dp_worker_new(&eal_dp, 0);
}

// Before and after a test that is to lose no packet buffer.
static inline int eal_count_buffers(void **state)
{
	*state = (void *)(uintptr_t)rte_mempool_avail_count(eal_dp.pool);
	return 0;
}

static inline int eal_has_buffers(void **state)
{
	return rte_mempool_avail_count(eal_dp.pool) == (uintptr_t)*state ? 0 : -1;
}

// After one whose frames lie on the wire.
static inline int eal_has_buffers_and_wire(void **state)
{
	struct rte_mbuf *m;

	while (!rte_ring_dequeue(eal_wire, (void **)&m))
		rte_pktmbuf_free(m);
	return eal_has_buffers(state);
}

// What the worker's packets on known ways have counted is in the counters, the ledgers' too.
static inline void eal_fold(void)
{
	while (eal_dp.worker[0]->cache && ft_cache_fold(eal_dp.worker[0]->cache))
		;
}

static inline struct weft_ipc_ledger ledger_of(const struct dp_tenant *t)
{
	struct weft_ipc_ledger l;

	eal_fold();
	dp_ledger_sum(t->counters, 2, &l);
	return l;
}

// As eal_count_buffers(), with nothing in nobody's ledger yet.
static inline int eal_count_all(void **state)
{
	memset(eal_dp.nobody->counters, 0, 2 * sizeof(struct dp_counters));
	return eal_count_buffers(state);
}

// A frame whose bytes count up from `first`, in segments of `piece` bytes.
static inline struct rte_mbuf *eal_frame(uint32_t len, uint32_t piece, uint8_t first)
{
	struct rte_mbuf *head = NULL;

	for (uint32_t done = 0; done < len;) {
		uint32_t n = len - done < piece ? len - done : piece;
		struct rte_mbuf *m = rte_pktmbuf_alloc(eal_dp.pool);
		uint8_t *p = (uint8_t *)rte_pktmbuf_append(m, (uint16_t)n);

		for (uint32_t i = 0; i < n; i++)
			p[i] = (uint8_t)(first + done + i);
		if (!head)
			head = m;
		else
			rte_pktmbuf_chain(head, m);
		done += n;
	}
	return head;
}

static inline bool eal_frame_is(const struct rte_mbuf *m, uint32_t len, uint8_t first)
{
	uint8_t buf[8192];
	const uint8_t *p = rte_pktmbuf_read(m, 0, len, buf);

	if (m->pkt_len != len || !p)
		return false;
	for (uint32_t i = 0; i < len; i++)
		if (p[i] != (uint8_t)(first + i))
			return false;
	return true;
}
