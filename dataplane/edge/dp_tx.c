// SPDX-License-Identifier: Apache-2.0
// Sending. A frame waits in its port's buffer until the burst it came with is done, then goes to
// the device in one call. A device with fewer tx queues than there are workers gives queue q to
// worker q; the others pass their frames through that worker's inbox. So queue q is worker q's
// alone, also while the number of queues changes.

#include "dp_worker.h"

static unsigned dp_tx_owner(const struct dp_port *port, const struct dp_worker *w)
{
	uint16_t n = __atomic_load_n(&port->n_txq, __ATOMIC_RELAXED);

	return w->id < n ? w->id : w->id % n;
}

static void dp_tx_refused(struct dp_worker *w, const struct dp_tx_buffer *b, unsigned i)
{
	dp_count(&w->port_drops[b->port->index], 1);
	dp_worker_drop(w, b->tenant[i], b->frame[i], WEFT_DROP_TX_FULL, NULL);
}

static void dp_tx_flush_port(struct dp_worker *w, struct dp_tx_buffer *b)
{
	unsigned n = b->n, sent;

	sent = dp_port_tx(b->port, (uint16_t)w->id, b->frame, (uint16_t)n);
	for (unsigned i = 0, same; i < sent; i += same) {
		for (same = 1; i + same < sent && b->tenant[i + same] == b->tenant[i]; same++)
			;
		dp_count(&dp_counters(w, b->tenant[i])->sent, same);
	}
	for (unsigned i = sent; i < n; i++)
		dp_tx_refused(w, b, i);
	b->n = 0;
}

uint16_t dp_tx_at_once(struct dp_worker *w, struct dp_port *port, struct rte_mbuf *m[], uint16_t n)
{
	struct dp_tx_buffer *b = &w->tx[port->index];

	if (b->n)
		dp_tx_flush(w);
	return dp_port_tx(port, (uint16_t)w->id, m, n);
}

void dp_tx_flush(struct dp_worker *w)
{
	for (unsigned i = 0; i < w->n_tx_used; i++)
		dp_tx_flush_port(w, &w->tx[w->tx_used[i]]);
	w->n_tx_used = 0;
}

static void dp_tx_buffer(
	struct dp_worker *w, struct dp_tenant *t, struct rte_mbuf *m, struct dp_port *port)
{
	struct dp_tx_buffer *b = &w->tx[port->index];

	if (b->n == DP_TX_BURST)
		dp_tx_flush(w);
	dp_tx_put(w, b, t, m, port);
}

static void dp_tx_pass(struct dp_worker *w, struct dp_tenant *t, struct rte_mbuf *m,
	struct dp_port *port, unsigned owner)
{
	*dp_meta(m) = (struct dp_meta){.tenant = t, .port = port};
	// Counted first: the owner may have it out of the ring before we go on.
	dp_count(&dp_counters(w, t)->queued, 1);
	if (rte_ring_mp_enqueue(w->dp->worker[owner]->inbox, m)) {
		dp_count(&dp_counters(w, t)->unqueued, 1);
		dp_worker_drop(w, t, m, WEFT_DROP_TX_RING_FULL, NULL);
	}
}

void dp_tx_slowly(
	struct dp_worker *w, struct dp_tenant *t, struct rte_mbuf *m, struct dp_port *port)
{
	unsigned owner = dp_tx_owner(port, w);

	if (port->one_segment && m->nb_segs > 1) {
		struct rte_mbuf *flat = dp_mbuf_flatten(m, w->dp->pool);

		if (!flat) {
			dp_worker_drop(w, t, m, WEFT_DROP_NO_BUFFER, NULL);
			return;
		}
		m = flat;
	}
	if (owner == w->id)
		dp_tx_buffer(w, t, m, port);
	else
		dp_tx_pass(w, t, m, port, owner);
}

void dp_tx_inbox(struct dp_worker *w)
{
	struct rte_mbuf *m;

	// All that is there now: a grace period relies on that (dp_rcu.h). What others put in
	// meanwhile waits, or a worker whose device is slower than they are would never leave.
	for (unsigned n = rte_ring_count(w->inbox); n; n--) {
		struct dp_meta *meta;

		if (rte_ring_sc_dequeue(w->inbox, (void **)&m))
			break;
		meta = dp_meta(m);

		dp_count(&dp_counters(w, meta->tenant)->unqueued, 1);
		if (unlikely(__atomic_load_n(&meta->port->hidden, __ATOMIC_RELAXED)))
			dp_worker_drop(w, meta->tenant, m, WEFT_DROP_TENANT_GONE, NULL);
		else
			dp_tx_buffer(w, meta->tenant, m, meta->port);
	}
}
