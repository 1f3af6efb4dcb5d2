// SPDX-License-Identifier: Apache-2.0
#include "ports/dp_vhost.h"

#include "offload/dp_cut.h"
#include "offload/dp_gro.h"
#include "dp_mbuf.h"
#include "offload/dp_rawcsum.h"
#include "ports/dp_vhost_sock.h"
#include "tenants/dp_ledger.h"

#include <rte_ethdev.h>
#include <rte_vhost.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define DP_VHOST_QUEUES 64u
#define DP_VHOST_BURST 32u
#define DP_VHOST_HEAD_REST 4u // of a joined frame's headers, in its second segment

struct dp_vhost_queue {
	struct dp_vhost *v;
	unsigned id;

	// Received, and not looked at yet: segments take their time.
	struct rte_mbuf *in[DP_VHOST_BURST];
	unsigned n_in, next_in;
	uint32_t waits; // buffers of these, as far as dp_vhost_waiting has them
	struct dp_cut cut;

	struct dp_gro gro;
	struct rte_mbuf *out[DP_VHOST_BURST]; // frames, and what was joined
	uint16_t frames[DP_VHOST_BURST];      // how many each is
	uint32_t bytes[DP_VHOST_BURST];       // that they had

	uint64_t rx_packets, rx_bytes, rx_dropped, tx_packets, tx_bytes; // relaxed
} __attribute__((aligned(64)));

struct dp_vhost {
	struct dp_vhost_sock *sock;
	struct dp_vhost_wire wire;
	bool takes_v4, takes_v6; // joined frames; atomic
	uint16_t *used;          // atomic
	uint32_t segment;        // buffers: of the longest one,
	uint32_t most, share;    // that may wait, and that one worker may add to them at once
	uint32_t at_once;        // frames, where none wait
	struct rte_eth_fp_ops io;
	unsigned n;
	void *queue_of[DP_VHOST_QUEUES]; // as DPDK wants them
	struct dp_vhost_queue queue[];
};

// ---- in

// The segment that `m` is, into q->cut. Takes the buffer.
static void dp_vhost_segment(struct dp_vhost_queue *q, struct rte_mbuf *m)
{
	uint32_t len = m->pkt_len;
	struct virtio_net_hdr h = {
		.gso_type = RTE_ETH_IS_IPV6_HDR(m->packet_type) ? VIRTIO_NET_HDR_GSO_TCPV6
								: VIRTIO_NET_HDR_GSO_TCPV4,
		.gso_size = m->tso_segsz,
	};
	const void *at = NULL;

	if (len <= q->cut.room + DP_CUT_BIG)
		at = rte_pktmbuf_read(m, 0, len, q->cut.big);
	if (at && at != q->cut.big)
		memcpy(q->cut.big, at, len);
	if (!at || !dp_cut_begin(&q->cut, &h, 0, len))
		dp_count(&q->rx_dropped, 1);
	rte_pktmbuf_free(m);
}

// A frame, complete. NULL: it waits in q->cut, or is lost.
static struct rte_mbuf *dp_vhost_take(struct dp_vhost_queue *q, struct rte_mbuf *m)
{
	struct rte_mbuf *flat;

	if (m->ol_flags & RTE_MBUF_F_RX_LRO) {
		dp_vhost_segment(q, m);
		return NULL;
	}
	if ((m->ol_flags & RTE_MBUF_F_RX_L4_CKSUM_MASK) != RTE_MBUF_F_RX_L4_CKSUM_NONE)
		return m;
	flat = dp_mbuf_flatten(m, q->cut.pool);
	if (!flat) {
		dp_count(&q->rx_dropped, 1);
		rte_pktmbuf_free(m);
		return NULL;
	}
	dp_rawcsum_fix(rte_pktmbuf_mtod(flat, uint8_t *), flat->data_len);
	return flat;
}

// Buffers that wait in all queues. A segment may have as many as 64 KiB need, and be cut into
// frames of a byte each: a machine with some queues could keep all buffers so that there are.
static uint32_t dp_vhost_waiting; // atomic

// So many frames that, be they all segments, others find buffers. The first of them does not wait.
static uint32_t dp_vhost_at_once(const struct dp_vhost *v, uint32_t waiting)
{
	uint32_t left = waiting < v->most ? v->most - waiting : 0;

	return 1 + RTE_MIN(left, v->share) / v->segment;
}

static bool dp_vhost_more(struct dp_vhost_queue *q, unsigned n)
{
	uint32_t waiting = __atomic_load_n(&dp_vhost_waiting, __ATOMIC_RELAXED);
	uint32_t most = waiting ? dp_vhost_at_once(q->v, waiting) : q->v->at_once;

	q->next_in = 0;
	q->n_in = q->v->wire.rx(q->v->wire.end, q->id, q->cut.pool, q->in,
		(uint16_t)RTE_MIN(RTE_MIN(n, DP_VHOST_BURST), most));
	return q->n_in;
}

// Tells dp_vhost_waiting of what is left of the queue's.
static void dp_vhost_wait(struct dp_vhost_queue *q)
{
	uint32_t waits = 0;

	for (unsigned i = q->next_in; i < q->n_in; i++)
		waits += q->in[i]->nb_segs;
	if (waits != q->waits)
		__atomic_fetch_add(&dp_vhost_waiting, waits - q->waits, __ATOMIC_RELAXED);
	q->waits = waits;
}

static bool dp_vhost_read(void *queue, unsigned n, struct rte_mbuf **m)
{
	struct dp_vhost_queue *q = queue;

	if (q->next_in == q->n_in && !dp_vhost_more(q, n))
		return false;
	*m = dp_vhost_take(q, q->in[q->next_in++]);
	return true;
}

static uint16_t dp_vhost_rx(void *queue, struct rte_mbuf **out, uint16_t n)
{
	struct dp_vhost_queue *q = queue;
	uint64_t packets, bytes;
	uint16_t got = dp_cut_rx(
		&q->cut, RTE_MBUF_PORT_INVALID, dp_vhost_read, q, out, n, &packets, &bytes);

	if (unlikely(q->next_in < q->n_in || q->waits))
		dp_vhost_wait(q);
	if (got) {
		dp_count(&q->rx_packets, packets);
		dp_count(&q->rx_bytes, bytes);
	}
	return got;
}

// ---- out

static bool dp_vhost_may_join(const struct dp_vhost *v, const struct dp_gro *g)
{
	return __atomic_load_n(g->tcp.v6 ? &v->takes_v6 : &v->takes_v4, __ATOMIC_RELAXED);
}

static bool dp_vhost_add(struct dp_vhost_queue *q, const struct rte_mbuf *m)
{
	uint32_t data, len;

	q->gro.sound = dp_mbuf_is_sound(m);
	return m->nb_segs == 1 &&
	       dp_gro_add(&q->gro, rte_pktmbuf_mtod(m, uint8_t *), m->data_len, &data, &len);
}

// How many frames become one, from m[0] on.
static unsigned dp_vhost_run(struct dp_vhost_queue *q, struct rte_mbuf *const *m, unsigned n)
{
	unsigned k = 1;

	q->gro.sound = dp_mbuf_is_sound(m[0]);
	if (n < 2 || m[0]->nb_segs > 1 ||
		!dp_gro_begin(&q->gro, rte_pktmbuf_mtod(m[0], uint8_t *), m[0]->data_len) ||
		!dp_vhost_may_join(q->v, &q->gro))
		return 1;
	while (k < n && dp_vhost_add(q, m[k]))
		k++;
	return k;
}

// The driver's library would put into the TCP header a checksum as network cards want it, without
// the length, if it found the headers in one piece; virtio wants it with the length, as dp_gro.h
// makes it (virtio 1.1, 5.1.6.4.2). So the last bytes of the headers go with the payload.
static void dp_vhost_head(const struct dp_gro *g, struct rte_mbuf *head, struct rte_mbuf *first)
{
	uint32_t here = g->tcp.data - DP_VHOST_HEAD_REST;

	memcpy(rte_pktmbuf_append(head, (uint16_t)here), g->head, here);
	memcpy(rte_pktmbuf_adj(first, (uint16_t)here), g->head + here, DP_VHOST_HEAD_REST);
	head->l2_len = g->tcp.l3;
	head->l3_len = g->tcp.l4 - g->tcp.l3;
	head->l4_len = g->tcp.data - g->tcp.l4;
	head->tso_segsz = (uint16_t)g->mss;
	head->ol_flags =
		RTE_MBUF_F_TX_TCP_SEG | (g->tcp.v6 ? RTE_MBUF_F_TX_IPV6 : RTE_MBUF_F_TX_IPV4);
}

// `k` frames that belong together as one, by a chain in the order of their payloads. NULL: no
// buffer, and the frames are as they were.
static struct rte_mbuf *dp_vhost_join(
	struct dp_vhost_queue *q, struct rte_mbuf *const *m, unsigned k)
{
	struct rte_mbuf *head = rte_pktmbuf_alloc(q->cut.pool);
	struct virtio_net_hdr h;

	if (!head)
		return NULL;
	dp_gro_end(&q->gro, &h);
	dp_vhost_head(&q->gro, head, m[0]);
	head->next = m[0];
	m[0]->data_len = (uint16_t)(DP_VHOST_HEAD_REST + q->gro.mss); // without Ethernet's padding
	for (unsigned i = 1; i < k; i++) {
		rte_pktmbuf_adj(m[i], (uint16_t)q->gro.tcp.data);
		m[i]->data_len = (uint16_t)q->gro.mss;
		m[i - 1]->next = m[i];
	}
	m[k - 1]->data_len = (uint16_t)(q->gro.bytes - (k - 1) * q->gro.mss);
	head->nb_segs = (uint16_t)(k + 1);
	head->pkt_len = q->gro.tcp.data + q->gro.bytes;
	return head;
}

// The frames of what was not taken, each its own again, for whoever drops them.
static void dp_vhost_part(struct rte_mbuf *const *m, unsigned k, struct rte_mbuf *head)
{
	uint32_t bytes = head->data_len + DP_VHOST_HEAD_REST;

	for (unsigned i = 0; i < k; i++) {
		m[i]->next = NULL;
		rte_pktmbuf_prepend(m[i], (uint16_t)(i ? bytes : head->data_len));
		m[i]->pkt_len = m[i]->data_len;
	}
	head->next = NULL;
	head->nb_segs = 1;
	rte_pktmbuf_free(head);
}

// Fills q->out from the first frames of m[]. Returns how many it holds then.
static unsigned dp_vhost_fill(struct dp_vhost_queue *q, struct rte_mbuf *const *m, unsigned n)
{
	unsigned out = 0;

	for (unsigned i = 0; i < n && out < DP_VHOST_BURST; i += q->frames[out++]) {
		unsigned k = dp_vhost_run(q, m + i, n - i);

		q->bytes[out] = 0;
		for (unsigned j = 0; j < k; j++)
			q->bytes[out] += m[i + j]->pkt_len;
		q->out[out] = k > 1 ? dp_vhost_join(q, m + i, k) : m[i];
		if (!q->out[out]) {
			q->out[out] = m[i];
			q->bytes[out] = m[i]->pkt_len;
			k = 1;
		}
		q->frames[out] = (uint16_t)k;
	}
	return out;
}

static uint16_t dp_vhost_tx(void *queue, struct rte_mbuf **m, uint16_t n)
{
	struct dp_vhost_queue *q = queue;
	const struct dp_vhost_wire *wire = &q->v->wire;
	unsigned out, went, sent = 0, from;
	uint64_t bytes = 0;

	do {
		out = dp_vhost_fill(q, m + sent, n - sent);
		went = wire->tx(wire->end, q->id, q->out, (uint16_t)out);
		for (unsigned i = 0; i < went; i++) {
			sent += q->frames[i];
			bytes += q->bytes[i];
		}
	} while (went == out && sent < n);
	from = sent;
	for (unsigned i = went; i < out; from += q->frames[i++])
		if (q->frames[i] > 1)
			dp_vhost_part(m + from, q->frames[i], q->out[i]);
	dp_count(&q->tx_packets, sent);
	dp_count(&q->tx_bytes, bytes);
	return (uint16_t)sent;
}

// ---- the vhost library's thread

void dp_vhost_told(void *vhost, uint64_t features)
{
	struct dp_vhost *v = vhost;
	bool csum = features >> VIRTIO_NET_F_GUEST_CSUM & 1;

	__atomic_store_n(
		&v->takes_v4, csum && (features >> VIRTIO_NET_F_GUEST_TSO4 & 1), __ATOMIC_RELAXED);
	__atomic_store_n(
		&v->takes_v6, csum && (features >> VIRTIO_NET_F_GUEST_TSO6 & 1), __ATOMIC_RELAXED);
}

static void dp_vhost_used(void *vhost, uint16_t queues)
{
	const struct dp_vhost *v = vhost;

	__atomic_store_n(v->used, queues, __ATOMIC_RELAXED);
}

// ---- control thread

static bool dp_vhost_connect(struct dp_vhost *v, const struct dp_vhost_conf *conf)
{
	const struct dp_vhost_events events = {v, dp_vhost_told, dp_vhost_used};

	v->wire = conf->wire;
	if (v->wire.end)
		return true;
	v->sock = dp_vhost_sock_open(conf->path, conf->queues, &events);
	v->wire = (struct dp_vhost_wire){v->sock, dp_vhost_sock_rx, dp_vhost_sock_tx};
	return v->sock;
}

struct dp_vhost *dp_vhost_open(const struct dp_vhost_conf *conf)
{
	size_t bytes = sizeof(struct dp_vhost) + conf->queues * sizeof(struct dp_vhost_queue);
	struct dp_vhost *v;
	bool ok = true;

	if (conf->queues > DP_VHOST_QUEUES) {
		errno = EINVAL;
		return NULL;
	}
	v = aligned_alloc(64, (bytes + 63) & ~(size_t)63);
	if (!v)
		return NULL;
	memset(v, 0, bytes);
	v->used = conf->used;
	v->most = conf->waiting;
	v->share = conf->waiting / conf->workers;
	v->segment = 1 + DP_CUT_BIG / conf->max_frame;
	v->at_once = dp_vhost_at_once(v, 0);
	v->io.rxq.data = v->io.txq.data = v->queue_of;
	v->io.rx_pkt_burst = dp_vhost_rx;
	v->io.tx_pkt_burst = dp_vhost_tx;
	for (; ok && v->n < conf->queues; v->n++) {
		struct dp_vhost_queue *q = &v->queue[v->n];

		v->queue_of[v->n] = q;
		q->v = v;
		q->id = v->n;
		ok = dp_cut_init(&q->cut, conf->pool, conf->max_frame);
		q->cut.whole = conf->keep_big;
	}
	if (ok && dp_vhost_connect(v, conf))
		return v;
	dp_vhost_close(v);
	return NULL;
}

void dp_vhost_close(struct dp_vhost *v)
{
	if (!v)
		return;
	dp_vhost_sock_close(v->sock);
	for (unsigned i = 0; i < v->n; i++) {
		struct dp_vhost_queue *q = &v->queue[i];

		while (q->next_in < q->n_in)
			rte_pktmbuf_free(q->in[q->next_in++]);
		dp_vhost_wait(q);
		dp_cut_free(&q->cut);
	}
	free(v);
}

const struct rte_eth_fp_ops *dp_vhost_io(const struct dp_vhost *v)
{
	return &v->io;
}

bool dp_vhost_link(const struct dp_vhost *v)
{
	return dp_vhost_sock_link(v->sock);
}

void dp_vhost_stats(const struct dp_vhost *v, struct weft_port_stats *s)
{
	for (unsigned i = 0; i < v->n; i++) {
		const struct dp_vhost_queue *q = &v->queue[i];

		s->rx_packets += __atomic_load_n(&q->rx_packets, __ATOMIC_RELAXED);
		s->rx_bytes += __atomic_load_n(&q->rx_bytes, __ATOMIC_RELAXED);
		s->rx_dropped += __atomic_load_n(&q->rx_dropped, __ATOMIC_RELAXED);
		s->tx_packets += __atomic_load_n(&q->tx_packets, __ATOMIC_RELAXED);
		s->tx_bytes += __atomic_load_n(&q->tx_bytes, __ATOMIC_RELAXED);
	}
}
