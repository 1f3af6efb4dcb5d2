// SPDX-License-Identifier: Apache-2.0
// Sending. Frames wait in the worker's list until the burst that they came with is done; then each
// device gets its own in one call, in their order. Nothing of a port is looked at before that, so
// that a burst for many ports meets the lines of each once, and asks for all of them before it
// needs the first.
//
// A device with fewer tx queues than there are workers gives queue q to worker q; the others pass
// their frames through that worker's inbox. So queue q is worker q's alone, also while the number
// of queues changes.

#include "dp_worker.h"

static unsigned dp_tx_owner(const struct dp_port *port, const struct dp_worker *w)
{
	uint16_t n = __atomic_load_n(&port->n_txq, __ATOMIC_RELAXED);

	return w->id < n ? w->id : w->id % n;
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

// Frames of one port, one after the other.
struct dp_tx_run {
	struct dp_port *port;
	struct rte_mbuf **frame;
	struct dp_tenant **tenant;
	unsigned n;
};

// Drops what does not fit one segment.
static void dp_tx_flatten(struct dp_worker *w, struct dp_tx_run *r)
{
	unsigned kept = 0;

	for (unsigned i = 0; i < r->n; i++) {
		struct rte_mbuf *m = r->frame[i];

		if (m->nb_segs > 1 && !(m = dp_mbuf_flatten(m, w->dp->pool))) {
			dp_worker_drop(w, r->tenant[i], r->frame[i], WEFT_DROP_NO_BUFFER, NULL);
			continue;
		}
		r->frame[kept] = m;
		r->tenant[kept++] = r->tenant[i];
	}
	r->n = kept;
}

static inline void dp_tx_sent(
	struct dp_worker *w, const struct dp_tx_run *r, unsigned from, unsigned n)
{
	struct dp_tenant *const *tenant = r->tenant + from;

	if (r->port->role == DP_LOCAL) { // all of its tenant's
		dp_count(&dp_counters(w, *tenant)->sent, n);
		return;
	}
	for (unsigned i = 0, same; i < n; i += same) {
		for (same = 1; i + same < n && tenant[i + same] == tenant[i]; same++)
			;
		dp_count(&dp_counters(w, tenant[i])->sent, same);
	}
}

static void dp_tx_refused(
	struct dp_worker *w, const struct dp_tx_run *r, unsigned from, unsigned to)
{
	dp_count(&w->port_drops[r->port->index], to - from);
	for (unsigned i = from; i < to; i++)
		dp_worker_drop(w, r->tenant[i], r->frame[i], WEFT_DROP_TX_FULL, NULL);
}

static void dp_tx_send(struct dp_worker *w, const struct dp_tx_run *r)
{
	for (unsigned done = 0, n, sent; done < r->n; done += n) {
		n = r->n - done < DP_TX_BURST ? r->n - done : DP_TX_BURST;
		sent = dp_port_tx(r->port, (uint16_t)w->id, r->frame + done, (uint16_t)n);
		dp_tx_sent(w, r, done, sent);
		if (__builtin_expect(sent < n, 0))
			dp_tx_refused(w, r, done + sent, done + n);
	}
}

static void dp_tx_run(struct dp_worker *w, struct dp_tx_run *r)
{
	unsigned owner = w->tx.mine ? w->id : dp_tx_owner(r->port, w);

	if (__builtin_expect(r->port->one_segment, 0))
		dp_tx_flatten(w, r);
	if (__builtin_expect(owner == w->id, 1)) {
		dp_tx_send(w, r);
		return;
	}
	for (unsigned i = 0; i < r->n; i++)
		dp_tx_pass(w, r->tenant[i], r->frame[i], r->port, owner);
}

// ---- many ports

#define DP_TX_CROWD 8u  // frames a port, from which on a call for each port costs little
#define DP_TX_COUNTS 8u // frames a port, from which on ports are not told apart

// The frames of a list by port. A frame is its place in the list + 1, and a port its place among
// those that were met, + 1; 0: none.
struct dp_tx_chains {
	unsigned n;                     // ports
	uint16_t first[DP_TX_LIST + 1]; // frame of each
	uint16_t last[DP_TX_LIST + 1];
	uint16_t count[DP_TX_LIST + 1];
	uint16_t next[DP_TX_LIST + 1]; // frame of the same port's
	uint16_t order[DP_TX_LIST];    // of the ports: those of fewer frames first
};

static inline unsigned dp_tx_count(const struct dp_tx_chains *c, unsigned port)
{
	return c->count[port] < DP_TX_COUNTS ? c->count[port] : DP_TX_COUNTS;
}

// Without a branch on whether a port was met before: in a burst for many ports that is anybody's
// guess.
static void dp_tx_chain(struct dp_tx_list *l, struct dp_tx_chains *c)
{
	for (unsigned i = 0; i < l->n; i++)
		__builtin_prefetch(l->port[i]);
	c->n = 0;
	for (unsigned i = 0; i < l->n; i++) {
		uint16_t *met = &l->met[l->port[i]->index], frame = (uint16_t)(i + 1);
		bool fresh = !*met;
		unsigned k = fresh ? ++c->n : *met;

		*met = (uint16_t)k;
		c->first[fresh ? k : 0] = frame;
		c->next[fresh ? 0 : c->last[k]] = frame;
		c->count[k] = (uint16_t)(fresh ? 1 : c->count[k] + 1);
		c->last[k] = frame;
		c->next[frame] = 0;
	}
}

// Ports of as many frames are sent to one after the other: loops over frames, here and in the
// drivers, then end where the processor expects it. With ever other lengths it is wrong at each
// port, and then all that it has begun of the next ports, above all to ask for their lines, is
// lost.
static void dp_tx_order(struct dp_tx_list *l, struct dp_tx_chains *c)
{
	uint16_t at[DP_TX_COUNTS + 1] = {0};

	for (unsigned k = 1; k <= c->n; k++) {
		struct dp_port *port = l->port[c->first[k] - 1];

		__builtin_prefetch(&port->io->tx_pkt_burst);
		l->met[port->index] = 0;
		at[dp_tx_count(c, k)]++;
	}
	for (unsigned i = 0, before = 0; i <= DP_TX_COUNTS; i++) {
		unsigned these = at[i];

		at[i] = (uint16_t)before;
		before += these;
	}
	for (unsigned k = 1; k <= c->n; k++)
		c->order[at[dp_tx_count(c, k)]++] = (uint16_t)k;
}

static __attribute__((noinline)) void dp_tx_flush_ports(struct dp_worker *w)
{
	struct dp_tx_list *l = &w->tx;
	struct dp_tx_chains c;
	struct rte_mbuf *frame[DP_TX_LIST];
	struct dp_tenant *tenant[DP_TX_LIST];

	dp_tx_chain(l, &c);
	dp_tx_order(l, &c);
	l->spread = l->n < DP_TX_CROWD * c.n;
	for (unsigned i = 0; i < c.n; i++) {
		unsigned at = c.first[c.order[i]];
		struct dp_tx_run r = {l->port[at - 1], frame, tenant, 0};

		for (; at; at = c.next[at]) {
			frame[r.n] = l->frame[at - 1];
			tenant[r.n++] = l->tenant[at - 1];
		}
		dp_tx_run(w, &r);
	}
}

static inline bool dp_tx_is_one_port(const struct dp_tx_list *l)
{
	uintptr_t differ = 0;

	for (unsigned i = 1; i < l->n; i++)
		differ |= (uintptr_t)l->port[i] ^ (uintptr_t)l->port[0];
	return !differ;
}

void dp_tx_flush(struct dp_worker *w)
{
	struct dp_tx_list *l = &w->tx;

	if (!l->n)
		return;
	if (dp_tx_is_one_port(l)) {
		l->spread = false;
		dp_tx_run(w, &(struct dp_tx_run){l->port[0], l->frame, l->tenant, l->n});
	} else {
		dp_tx_flush_ports(w);
	}
	l->n = 0;
}

// ----

uint16_t dp_tx_at_once(struct dp_worker *w, struct dp_port *port, struct rte_mbuf *m[], uint16_t n)
{
	dp_tx_flush(w);
	return dp_port_tx(port, (uint16_t)w->id, m, n);
}

void dp_tx_inbox(struct dp_worker *w)
{
	struct rte_mbuf *m;

	dp_tx_flush(w);
	w->tx.mine = true;
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
			dp_tx(w, meta->tenant, m, meta->port);
	}
	dp_tx_flush(w);
	w->tx.mine = false;
}
