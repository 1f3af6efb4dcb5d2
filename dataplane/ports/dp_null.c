// SPDX-License-Identifier: Apache-2.0
#include "ports/dp_null.h"

#include "dp_mbuf.h"
#include "tenants/dp_ledger.h"

#include <rte_ethdev.h>

#include <stdlib.h>
#include <string.h>

struct dp_null_queue {
	struct dp_null *d;
	uint64_t rx_packets, rx_bytes, tx_packets, tx_bytes; // relaxed
} __attribute__((aligned(64)));

struct dp_null {
	struct rte_eth_fp_ops io;
	struct rte_mempool *pool;
	uint16_t size;
	unsigned n;
	void **queue_of; // as DPDK wants them
	struct dp_null_queue queue[];
};

static uint16_t dp_null_rx(void *queue, struct rte_mbuf **m, uint16_t n)
{
	struct dp_null_queue *q = queue;
	uint16_t size = q->d->size;

	if (!size || rte_pktmbuf_alloc_bulk(q->d->pool, m, n))
		return 0;
	for (unsigned i = 0; i < n; i++)
		memset(rte_pktmbuf_append(m[i], size), 0, size);
	dp_count(&q->rx_packets, n);
	dp_count(&q->rx_bytes, (uint64_t)n * size);
	return n;
}

static uint16_t dp_null_tx(void *queue, struct rte_mbuf **m, uint16_t n)
{
	struct dp_null_queue *q = queue;
	uint64_t bytes = 0;

	for (unsigned i = 0; i < n; i++)
		bytes += m[i]->pkt_len;
	dp_mbuf_free_all(m, n);
	dp_count(&q->tx_packets, n);
	dp_count(&q->tx_bytes, bytes);
	return n;
}

struct dp_null *dp_null_open(unsigned queues, uint16_t size, struct rte_mempool *pool)
{
	size_t bytes = sizeof(struct dp_null) + queues * sizeof(struct dp_null_queue);
	struct dp_null *d = aligned_alloc(64, (bytes + 63) & ~(size_t)63);

	if (!d)
		return NULL;
	memset(d, 0, bytes);
	d->queue_of = calloc(queues, sizeof(*d->queue_of));
	if (!d->queue_of) {
		free(d);
		return NULL;
	}
	for (; d->n < queues; d->n++) {
		d->queue[d->n].d = d;
		d->queue_of[d->n] = &d->queue[d->n];
	}
	d->pool = pool;
	d->size = size;
	d->io.rxq.data = d->io.txq.data = d->queue_of;
	d->io.rx_pkt_burst = dp_null_rx;
	d->io.tx_pkt_burst = dp_null_tx;
	return d;
}

void dp_null_close(struct dp_null *d)
{
	if (!d)
		return;
	free(d->queue_of);
	free(d);
}

const struct rte_eth_fp_ops *dp_null_io(const struct dp_null *d)
{
	return &d->io;
}

void dp_null_stats(const struct dp_null *d, struct weft_port_stats *s)
{
	for (unsigned i = 0; i < d->n; i++) {
		const struct dp_null_queue *q = &d->queue[i];

		s->rx_packets += __atomic_load_n(&q->rx_packets, __ATOMIC_RELAXED);
		s->rx_bytes += __atomic_load_n(&q->rx_bytes, __ATOMIC_RELAXED);
		s->tx_packets += __atomic_load_n(&q->tx_packets, __ATOMIC_RELAXED);
		s->tx_bytes += __atomic_load_n(&q->tx_bytes, __ATOMIC_RELAXED);
	}
}
