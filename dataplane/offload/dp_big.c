// SPDX-License-Identifier: Apache-2.0
#include "offload/dp_big.h"

#include "offload/dp_cut.h"
#include "offload/dp_gro.h"
#include "offload/dp_haul.h"
#include "offload/dp_offload.h"
#include "edge/dp_provider.h"
#include "tenants/dp_storm.h"
#include "dp_held.h"

#include "overlay/flow_hash.h"

#define DP_BIG_LOOKS 3u // the first frame, the last, those in the middle

struct dp_big {
	struct dp_worker *w;
	struct dp_port *port; // that it came by
	struct rte_mbuf *m;   // its headers
	struct dp_gso gso;
	uint32_t n; // frames that it stands for
};

// Where it goes, and how the frames get there.
struct dp_big_way {
	const struct dp_remote *remote;
	const struct ft_path *path;
	uint32_t hash;
	bool sums; // the card fills in checksums
};

static void dp_big_begin(
	struct dp_big *b, struct dp_worker *w, struct dp_port *port, struct rte_mbuf *m)
{
	*b = (struct dp_big){.w = w, .port = port, .m = m, .n = dp_cut_frames(m)};
	b->gso.payload = dp_meta(m)->payload;
	b->gso.frame = rte_pktmbuf_mtod(m, uint8_t *);
	b->gso.mss = m->tso_segsz;
	b->gso.tcp.l3 = m->l2_len;
	b->gso.tcp.l4 = b->gso.tcp.l3 + m->l3_len;
	b->gso.tcp.data = b->gso.tcp.l4 + m->l4_len;
	b->gso.tcp.len = m->pkt_len - b->gso.tcp.data;
	b->gso.tcp.v6 = RTE_ETH_IS_IPV6_HDR(m->packet_type);
}

// The next frame, in a buffer of its own. NULL: that was all, or there is no buffer.
static struct rte_mbuf *dp_big_next(struct dp_big *b)
{
	struct rte_mbuf *m;
	uint32_t data;
	uint8_t *to;

	if (!dp_gso_more(&b->gso, &data))
		return NULL;
	m = rte_pktmbuf_alloc(b->w->dp->pool);
	if (!m)
		return NULL;
	m->port = b->m->port;
	m->ol_flags = b->gso.unsummed ? 0 : RTE_MBUF_F_RX_L4_CKSUM_GOOD;
	m->data_len = (uint16_t)(b->gso.tcp.data + data);
	m->pkt_len = m->data_len;
	to = rte_pktmbuf_mtod(m, uint8_t *);
	memcpy(to + b->gso.tcp.data, b->gso.payload + b->gso.at, data);
	dp_gso_head(&b->gso, to, data);
	return m;
}

// The frames that there was no buffer, or no room in the device, for.
static void dp_big_lose(const struct dp_big *b, uint32_t n, enum weft_drop reason)
{
	struct dp_cause cause = {.in_port = b->port->ofport};

	while (n--)
		dp_worker_drop(b->w, b->port->tenant, NULL, reason, &cause);
}

// ---- through the tables

static void dp_big_cut(struct dp_big *b)
{
	struct rte_mbuf *frame[DP_RX_BURST];
	unsigned n;

	do {
		for (n = 0; n < DP_RX_BURST && (frame[n] = dp_big_next(b)); n++)
			;
		if (n)
			dp_rx_frames(b->w, b->port, frame, n);
	} while (n == DP_RX_BURST);
	if (b->gso.n < b->n) {
		dp_count(&dp_counters(b->w, b->port->tenant)->received, b->n - b->gso.n);
		dp_big_lose(b, b->n - b->gso.n, WEFT_DROP_NO_BUFFER);
	}
	rte_pktmbuf_free(b->m);
}

// ---- the way of all its frames

// TCP's flags as frame i of those looked at will have them: rules may match them.
static uint8_t dp_big_flags(const struct dp_big *b, unsigned i)
{
	static const uint8_t without[DP_BIG_LOOKS] = {
		DP_TCP_FIN | DP_TCP_PSH, DP_TCP_CWR, DP_TCP_FIN | DP_TCP_PSH | DP_TCP_CWR};
	uint8_t flags = b->gso.frame[b->gso.tcp.l4 + 13];

	return b->n == 1 ? flags : flags & (uint8_t)~without[i];
}

static void dp_big_look(const struct dp_big *b, unsigned n, uint8_t head[][DP_TCP_HEAD_MAX])
{
	const struct dp_tenant *t = b->port->tenant;
	struct dp_arrivals *in = &b->w->in;

	for (unsigned i = 0; i < n; i++) {
		memcpy(head[i], b->gso.frame, b->gso.tcp.data);
		head[i][b->gso.tcp.l4 + 13] = dp_big_flags(b, i);
		in->m[i] = b->m;
		in->tenant[i] = b->port->tenant;
		in->at[i] = (struct ft_arrival){
			.data = head[i],
			.front = ft_switch_front(t->sw),
			.len = b->gso.tcp.data,
			.total_len = b->m->pkt_len,
			.from = {.sw_number = ft_switch_number(t->sw), .in_port = b->port->ofport},
		};
	}
	in->n = n;
}

// A kernel that is not told of congestion's end (VIRTIO_NET_HDR_GSO_ECN) would say it in each
// frame; and one header must be able to say how long all of it is, which a machine's descriptors
// need not care for.
static bool dp_big_is_for_port(const struct dp_big *b, const struct dp_port *to)
{
	return b->n > 1 && !(b->gso.frame[b->gso.tcp.l4 + 13] & DP_TCP_CWR) &&
	       b->gso.tcp.data - b->gso.tcp.l3 + b->gso.tcp.len <= UINT16_MAX &&
	       dp_haul_takes(b->w, to);
}

static const struct ft_path *dp_big_path(const struct dp_big *b)
{
	const struct ft_path *path[DP_BIG_LOOKS] = {NULL};
	uint8_t head[DP_BIG_LOOKS][DP_TCP_HEAD_MAX] = {0};
	unsigned n = RTE_MIN(b->n, DP_BIG_LOOKS);
	const struct dp_remote *to;

	if (!b->w->cache || dp_storm_is_limited(b->port))
		return NULL;
	dp_big_look(b, n, head);
	ft_cache_lookup(b->w->cache, b->w->in.at, n, path);
	for (unsigned i = 0; i < n; i++)
		if (!path[i] || path[i] != path[0])
			return NULL;
	if (path[0]->end != FT_PATH_OUTPUT || !ft_path_only_writes(path[0]) ||
		dp_gso_longest(&b->gso) > path[0]->max_len)
		return NULL;
	if (path[0]->flags == DP_PATH_PORT)
		return dp_big_is_for_port(b, path[0]->target) ? path[0] : NULL;
	to = path[0]->target;
	return dp_vtep_is_down(to) || b->m->data_off < to->tmpl.len ? NULL : path[0];
}

// The outer header before an inner frame of `len` bytes. NULL: it is longer than IP can say.
static uint8_t *dp_big_outer(
	const struct dp_big *b, const struct dp_big_way *way, uint8_t *inner, uint32_t len)
{
	const struct overlay_template *t = &way->remote->tmpl;
	uint8_t *frame = overlay_encap(t, inner, len, way->hash, b->w->ip_id), flip;

	if (!frame)
		return NULL;
	flip = overlay_encap_tos_flip(t, inner, b->gso.tcp.data);
	if (flip)
		overlay_encap_flip_tos(t, frame, flip);
	if (t->any_network)
		overlay_encap_set_network(t, frame, way->path->network);
	return frame;
}

// The same before a buffer's. False: see above.
static bool dp_big_wrap(const struct dp_big *b, const struct dp_big_way *way, struct rte_mbuf *m)
{
	if (!dp_big_outer(b, way, rte_pktmbuf_mtod(m, uint8_t *), m->pkt_len))
		return false;
	b->w->ip_id = (uint16_t)(b->w->ip_id + (m == b->m ? b->n : 1));
	rte_pktmbuf_prepend(m, way->remote->tmpl.len);
	return true;
}

// `frames` that the device was given, of which it took so many.
static void dp_big_sent(
	const struct dp_big *b, const struct dp_port *uplink, uint32_t frames, uint32_t taken)
{
	dp_count(&dp_counters(b->w, b->port->tenant)->sent, taken);
	dp_count(&b->w->port_drops[uplink->index], frames - taken);
	dp_big_lose(b, frames - taken, WEFT_DROP_TX_FULL);
}

// The payload behind the headers, in as many buffers as it takes. False: it is as before.
static bool dp_big_fill(const struct dp_big *b, unsigned most)
{
	struct rte_mbuf *m = b->m, *at = m;

	for (uint32_t done = 0, part; done < b->gso.tcp.len; done += part) {
		part = RTE_MIN(rte_pktmbuf_tailroom(at), b->gso.tcp.len - done);
		memcpy(rte_pktmbuf_mtod_offset(at, uint8_t *, at->data_len), b->gso.payload + done,
			part);
		at->data_len = (uint16_t)(at->data_len + part);
		if (done + part == b->gso.tcp.len)
			break;
		at->next = !most || m->nb_segs < most ? rte_pktmbuf_alloc(m->pool) : NULL;
		if (!at->next)
			return false;
		at = at->next;
		m->nb_segs++;
	}
	return true;
}

static void dp_big_empty(const struct dp_big *b)
{
	rte_pktmbuf_free(b->m->next);
	b->m->next = NULL;
	b->m->nb_segs = 1;
	b->m->data_len = (uint16_t)b->gso.tcp.data;
}

// Prepared for the card, with the outer header. False: neither we nor the driver could.
static bool dp_big_prepare(const struct dp_big *b, const struct dp_big_way *way)
{
	const struct overlay_template *t = &way->remote->tmpl;
	const struct dp_port *uplink = way->remote->uplink;
	uint16_t ip_id = b->w->ip_id;
	struct rte_mbuf *m = b->m;

	if (!dp_big_wrap(b, way, m))
		return false;
	dp_offload_mark(m, uplink, t, &b->gso.tcp, b->gso.mss);
	if (dp_port_prepare(uplink, (uint16_t)b->w->id, &m, 1) == 1)
		return true;
	rte_pktmbuf_adj(m, t->len);
	m->ol_flags = 0;
	b->w->ip_id = ip_id;
	return false;
}

// All of it to the card. False: this one does not take it, and it is as before.
static bool dp_big_offload(const struct dp_big *b, const struct dp_big_way *way)
{
	struct dp_port *uplink = way->remote->uplink;
	struct rte_mbuf *m = b->m;
	bool taken;

	if (!dp_offload_cuts(uplink, &way->remote->tmpl))
		return false;
	if (!dp_big_fill(b, uplink->tx_segments) || !dp_big_prepare(b, way)) {
		dp_big_empty(b);
		return false;
	}
	taken = dp_tx_at_once(b->w, uplink, &m, 1);
	dp_big_sent(b, uplink, b->n, taken ? b->n : 0);
	if (!taken)
		rte_pktmbuf_free(m);
	return true;
}

// Frames whose checksums are the card's to fill in. What it does not want so is finished here.
static void dp_big_send(
	const struct dp_big *b, const struct dp_big_way *way, struct rte_mbuf *m[], uint16_t n)
{
	const struct dp_remote *r = way->remote;
	uint16_t queue = (uint16_t)b->w->id, ready = 0, sent;

	while (ready < n) {
		ready = (uint16_t)(ready + dp_port_prepare(r->uplink, queue, m + ready,
						   (uint16_t)(n - ready)));
		if (ready < n)
			dp_offload_finish(m[ready++], &r->tmpl, &b->gso.tcp);
	}
	sent = dp_tx_at_once(b->w, r->uplink, m, n);
	dp_big_sent(b, r->uplink, n, sent);
	rte_pktmbuf_free_bulk(m + sent, (unsigned)(n - sent));
}

// What of it an uplink of the kernel's takes as trains; the rest is for dp_big_spread().
static void dp_big_haul(struct dp_big *b, const struct dp_big_way *way)
{
	const struct dp_port *uplink = way->remote->uplink;
	uint32_t data, made, taken = 0;

	dp_tx_flush(b->w);
	while (dp_gso_more(&b->gso, &data)) {
		const uint8_t *outer = dp_big_outer(
			b, way, rte_pktmbuf_mtod(b->m, uint8_t *), b->gso.tcp.data + data);

		made = outer ? dp_haul_out(b->w, uplink, &b->gso, &way->remote->tmpl, outer, &taken)
			     : 0;
		if (!made)
			break;
		b->w->ip_id = (uint16_t)(b->w->ip_id + made);
		dp_big_sent(b, uplink, made, taken);
	}
}

// One after the other by its own header.
static void dp_big_spread(struct dp_big *b, const struct dp_big_way *way)
{
	const struct dp_remote *r = way->remote;
	struct rte_mbuf *frame[DP_TX_BURST], *m;
	uint16_t n = 0;

	b->gso.unsummed = way->sums;
	while ((m = dp_big_next(b))) {
		dp_big_wrap(b, way, m);
		if (!way->sums) {
			overlay_udp_csum(
				&r->tmpl, rte_pktmbuf_mtod(m, uint8_t *), m->pkt_len - r->tmpl.len);
			dp_tx(b->w, b->port->tenant, m, r->uplink);
			continue;
		}
		dp_offload_mark(m, r->uplink, &r->tmpl, &b->gso.tcp, 0);
		frame[n++] = m;
		if (n == DP_TX_BURST) {
			dp_big_send(b, way, frame, n);
			n = 0;
		}
	}
	if (n)
		dp_big_send(b, way, frame, n);
	dp_big_lose(b, b->n - b->gso.n, WEFT_DROP_NO_BUFFER);
	rte_pktmbuf_free(b->m);
}

// To another machine's kernel on this host, which takes it as it is.
static void dp_big_hand_over(struct dp_big *b, struct dp_port *to)
{
	struct dp_gro gro = {.tcp = b->gso.tcp, .mss = b->gso.mss, .bytes = b->gso.tcp.len};
	struct dp_haul_load load = {.gro = &gro, .frames = b->n, .payload = b->gso.payload};

	memcpy(gro.head, rte_pktmbuf_mtod(b->m, uint8_t *), gro.tcp.data);
	dp_tx_flush(b->w);
	dp_big_sent(b, to, b->n, dp_haul_in(b->w, to, &load));
	rte_pktmbuf_free(b->m);
}

// Into the overlay.
static void dp_big_leave(struct dp_big *b, const struct ft_path *path)
{
	struct dp_big_way way = {.path = path};
	const struct dp_remote *to = path->target;
	struct dp_port *uplink;
	bool mine;

	way.hash = overlay_flow_hash(b->gso.frame, b->gso.tcp.data, b->w->dp->seed);
	way.remote = dp_remote_way(to, way.hash);
	if (way.remote->tmpl.any_network)
		dp_remote_used(to);
	uplink = way.remote->uplink;
	mine = b->w->id < __atomic_load_n(&uplink->n_txq, __ATOMIC_RELAXED);
	if (mine && dp_big_offload(b, &way))
		return;
	way.sums = mine && dp_offload_sums(uplink, &way.remote->tmpl);
	if (mine && uplink->kdev)
		dp_big_haul(b, &way);
	dp_big_spread(b, &way);
}

static void dp_big_go(struct dp_big *b, const struct ft_path *path)
{
	ft_cache_count(b->w->cache, path, b->n, dp_cut_bytes(b->m), b->w->now_ns);
	dp_count(&b->w->stats.cache_hits, b->n);
	if (path->steps)
		dp_path_steps(b->w, path, 0);
	dp_encap_flush(b->w); // what came before it goes before it
	if (path->flags == DP_PATH_PORT)
		dp_big_hand_over(b, (struct dp_port *)(uintptr_t)path->target);
	else
		dp_big_leave(b, path);
}

static void dp_big_one(struct dp_worker *w, struct dp_port *port, struct rte_mbuf *m)
{
	const struct ft_path *path;
	struct dp_big b;

	dp_big_begin(&b, w, port, m);
	path = dp_big_path(&b);
	if (path)
		dp_big_go(&b, path);
	else
		dp_big_cut(&b);
}

void dp_big_burst(struct dp_worker *w, struct dp_port *port, struct rte_mbuf *m[], unsigned n)
{
	unsigned from = 0;

	for (unsigned i = 0; i < n; i++) {
		if (!(m[i]->ol_flags & RTE_MBUF_F_RX_LRO))
			continue;
		dp_held_allow(w, NULL, 0);
		if (i > from)
			dp_rx_frames(w, port, m + from, i - from);
		dp_big_one(w, port, m[i]);
		from = i + 1;
	}
	if (n > from)
		dp_rx_frames(w, port, m + from, n - from);
}
