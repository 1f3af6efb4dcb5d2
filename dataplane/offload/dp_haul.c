// SPDX-License-Identifier: Apache-2.0
#include "offload/dp_haul.h"

#include "dp_held.h"
#include "edge/dp_admit.h"
#include "edge/dp_provider.h"
#include "offload/dp_cut.h"
#include "offload/dp_join.h"
#include "offload/dp_train.h"
#include "ports/dp_kdev.h"

#include "overlay/ecn.h"

#define DP_HAUL_DATAGRAM 8u // UDP's header
#define DP_HAUL_HEAD 160u   // VXLAN's and the inner headers
#define DP_HAUL_LOOKS 3u    // the first frame, the last, one between
#define DP_HAUL_TUNNEL 142u // outer headers: of an IPv4 or IPv6 that may have options

// ---- out: a machine's segment to an uplink

// How many frames one train holds.
static uint32_t dp_haul_most(const struct dp_gro *train)
{
	uint32_t most = (65535 - (train->tcp.data - train->tcp.l3)) / train->mss;

	return RTE_MIN(most, DP_GRO_MAX);
}

// The headers of all frames, and between them the payload of each from where it lies.
static uint32_t dp_haul_frames(struct dp_join *j, struct dp_gro *train, struct dp_gso *g,
	const uint8_t *vxlan, uint8_t head[][DP_HAUL_HEAD])
{
	uint32_t most = dp_haul_most(train), n = 0, data;

	for (; n < most && dp_gso_more(g, &data); n++) {
		const uint8_t *payload = g->payload + g->at;

		memcpy(head[n], vxlan, OVERLAY_VXLAN_LEN);
		dp_gso_head(g, head[n] + OVERLAY_VXLAN_LEN, data);
		dp_join_piece(j, head[n], OVERLAY_VXLAN_LEN + g->tcp.data);
		dp_join_piece(j, payload, data);
		train->bytes += OVERLAY_VXLAN_LEN + g->tcp.data + data;
	}
	return n;
}

static bool dp_haul_is_train(const struct dp_worker *w, const struct dp_kdev *uplink,
	const struct dp_gso *g, const struct overlay_template *t)
{
	static_assert(OVERLAY_VXLAN_LEN + DP_TCP_HEAD_MAX <= DP_HAUL_HEAD, "fits");
	return uplink && dp_kdev_takes_trains(uplink, w->id) && t->encap == WEFT_ENCAP_VXLAN &&
	       g->tcp.len - g->at > g->mss;
}

uint32_t dp_haul_out(const struct dp_worker *w, const struct dp_port *uplink, struct dp_gso *g,
	const struct overlay_template *t, const uint8_t *outer, uint32_t *taken)
{
	uint8_t head[DP_GRO_MAX][DP_HAUL_HEAD];
	struct dp_gro train = {.mss = OVERLAY_VXLAN_LEN + g->tcp.data + g->mss};
	struct dp_kdev *kdev = dp_port_kdev(uplink);
	const struct dp_gso was = *g;
	struct dp_join_msg *msg;
	struct dp_join *j;
	uint32_t n;
	int went;

	if (!dp_haul_is_train(w, kdev, g, t))
		return 0;
	train.tcp = (struct dp_tcp){.l3 = t->l3_ofs,
		.l4 = t->l4_ofs,
		.data = t->l4_ofs + DP_HAUL_DATAGRAM,
		.v6 = t->v6};
	if (dp_haul_most(&train) < 2)
		return 0;
	memcpy(train.head, outer, train.tcp.data);
	j = dp_kdev_join(kdev, w->id);
	msg = dp_join_begin(j);
	dp_join_piece(j, msg->head, train.tcp.data);
	n = dp_haul_frames(j, &train, g, outer + train.tcp.data, head);
	dp_train_end(&train, &msg->h);
	memcpy(msg->head, train.head, train.tcp.data);
	dp_join_end(j, n);
	went = dp_kdev_put(kdev, w->id, train.bytes + (uint64_t)n * train.tcp.data);
	if (went < 0) {
		*g = was;
		return 0;
	}
	*taken = (uint32_t)went;
	return n;
}

// ---- in: joined frames to a machine

bool dp_haul_takes(const struct dp_worker *w, const struct dp_port *port)
{
	return port->role == DP_LOCAL && port->kdev &&
	       w->id < __atomic_load_n(&port->n_txq, __ATOMIC_RELAXED);
}

uint32_t dp_haul_in(
	const struct dp_worker *w, const struct dp_port *port, const struct dp_haul_load *load)
{
	struct dp_kdev *kdev = dp_port_kdev(port);
	struct dp_join *j = dp_kdev_join(kdev, w->id);
	struct dp_join_msg *msg = dp_join_begin(j);
	struct dp_gro *g = load->gro;
	uint32_t left = g->bytes;

	dp_join_piece(j, msg->head, g->tcp.data);
	for (uint32_t i = 0; left && load->stride; i++) {
		uint32_t part = RTE_MIN(left, g->mss);

		dp_join_piece(j, load->payload + (size_t)i * load->stride, part);
		left -= part;
	}
	if (left)
		dp_join_piece(j, load->payload, left);
	dp_gro_end(g, &msg->h);
	memcpy(msg->head, g->head, g->tcp.data);
	dp_join_end(j, load->frames);
	return (uint32_t)RTE_MAX(
		dp_kdev_put(kdev, w->id, g->bytes + (uint64_t)load->frames * g->tcp.data), 0);
}

// ---- in: an uplink's train

struct dp_haul {
	struct dp_worker *w;
	struct dp_port *port; // that it came by
	struct rte_mbuf *m;   // of the first frame, as far as its inner headers
	struct dp_gso gso;    // the train
	uint32_t n;           // frames
	uint32_t inner;       // where in a datagram's payload the inner frame begins
	struct overlay_rx rx;
	struct ft_from from;
	struct dp_tenant *tenant;
	struct dp_gro gro;
};

static void dp_haul_begin(
	struct dp_haul *h, struct dp_worker *w, struct dp_port *port, struct rte_mbuf *m)
{
	*h = (struct dp_haul){.w = w, .port = port, .m = m, .n = dp_cut_frames(m)};
	h->gso.udp = h->gso.unsummed = true;
	h->gso.mss = m->tso_segsz;
	h->gso.tcp.l3 = m->l2_len;
	h->gso.tcp.l4 = h->gso.tcp.l3 + m->l3_len;
	h->gso.tcp.data = h->gso.tcp.l4 + m->l4_len;
	h->gso.tcp.len = m->pkt_len - h->gso.tcp.data;
	h->gso.tcp.v6 = RTE_ETH_IS_IPV6_HDR(m->packet_type);
	h->gso.payload = dp_meta(m)->payload;
	h->gso.frame = h->gso.payload - h->gso.tcp.data;
}

// Datagram i's payload, and how long it is.
static const uint8_t *dp_haul_datagram(const struct dp_haul *h, uint32_t i, uint32_t *len)
{
	uint32_t at = i * h->gso.mss;

	*len = RTE_MIN(h->gso.tcp.len - at, h->gso.mss);
	return h->gso.payload + at;
}

// The first frame as far as its inner headers go, in its buffer.
static void dp_haul_first(struct dp_haul *h)
{
	uint8_t *to = rte_pktmbuf_mtod(h->m, uint8_t *);
	struct dp_gso first = h->gso;
	uint32_t data, least;

	dp_gso_more(&first, &data);
	least = RTE_MIN(data, DP_HAUL_HEAD);
	dp_gso_head(&first, to, data);
	memcpy(to + first.tcp.data, first.payload, least);
	h->m->data_len = (uint16_t)(first.tcp.data + least);
	h->m->pkt_len = first.tcp.data + data;
}

// Whose it is, and as what it arrives. False: nobody's who may have it.
static bool dp_haul_admit(struct dp_haul *h)
{
	const struct overlay_rx *rx = &h->rx;
	enum weft_encap encap = (enum weft_encap)rx->encap;
	struct dp_tenant *t = dp_networks_owner(h->w->dp, encap, rx->vni);

	if (!t || dp_admit(h->w, t, rx) != WEFT_DROP_MAX)
		return false;
	h->tenant = t;
	h->from = (struct ft_from){
		.sw_number = t->sw_number, .in_port = dp_tenant_tunnel_port(t, encap)};
	if (weft_ip_is_v4(&rx->src)) {
		h->from.tun_src = weft_ip_v4(&rx->src);
		h->from.tun_dst = weft_ip_v4(&rx->dst);
	}
	return true;
}

// Out of its tunnel. False: not to be decided for all of them at once.
static bool dp_haul_decap(struct dp_haul *h)
{
	const struct overlay_vtep *vtep = __atomic_load_n(&h->w->dp->vtep, __ATOMIC_ACQUIRE);
	struct weft_packet view;

	if (h->n < 2 || h->gso.tcp.data > DP_HAUL_TUNNEL ||
		dp_port_config(h->port) & (WEFT_PORT_DOWN | WEFT_PORT_NO_RECV))
		return false;
	dp_haul_first(h);
	dp_packet_from_mbuf(&view, h->m);
	if (overlay_decap(vtep, &view, OVERLAY_HINT_UDP_GOOD, &h->rx) != OVERLAY_INNER ||
		h->rx.inner_ofs != h->gso.tcp.data + OVERLAY_VXLAN_LEN)
		return false;
	h->inner = OVERLAY_VXLAN_LEN;
	if (!dp_haul_admit(h) ||
		overlay_tos_egress_matters(
			h->rx.tos, __atomic_load_n(&h->tenant->dscp_uniform, __ATOMIC_RELAXED)))
		return false;
	overlay_strip(&view, &h->rx);
	dp_packet_to_mbuf(&view);
	return true;
}

static void dp_haul_look(struct dp_haul *h, unsigned n)
{
	struct dp_arrivals *in = &h->w->in;

	for (unsigned i = 0; i < n; i++) {
		uint32_t len;
		const uint8_t *frame =
			dp_haul_datagram(h, i + 1 < n ? i : h->n - 1, &len) + h->inner;

		in->m[i] = h->m;
		in->tenant[i] = h->tenant;
		in->at[i] = (struct ft_arrival){
			.data = i ? frame : rte_pktmbuf_mtod(h->m, uint8_t *),
			.front = ft_switch_front(h->tenant->sw),
			.len = i ? len - h->inner : h->m->data_len,
			.total_len = len - h->inner,
			.from = h->from,
		};
		if (h->from.tun_src && h->from.in_port == WEFT_OFPORT_OVERLAY)
			continue;
		in->tunnel[i] = (struct ft_tunnel){h->rx.src, h->rx.dst, weft_htonll(h->rx.vni), 0};
		in->at[i].tunnel = &in->tunnel[i];
	}
	in->n = n;
}

// The one path of all frames, to a port that takes them joined. NULL: there is none.
static const struct ft_path *dp_haul_path(struct dp_haul *h)
{
	const struct ft_path *path[DP_HAUL_LOOKS] = {NULL};
	unsigned n = RTE_MIN(h->n, DP_HAUL_LOOKS);

	if (!h->w->cache || h->gso.tcp.len <= (h->n - 1) * h->gso.mss + h->inner)
		return NULL;
	dp_haul_look(h, n);
	ft_cache_lookup(h->w->cache, h->w->in.at, n, path);
	for (unsigned i = 0; i < n; i++)
		if (!path[i] || path[i] != path[0])
			return NULL;
	if (path[0]->end != FT_PATH_OUTPUT || path[0]->flags != DP_PATH_PORT ||
		!ft_path_only_writes(path[0]) || h->gso.mss - h->inner > path[0]->max_len ||
		!dp_haul_takes(h->w, path[0]->target))
		return NULL;
	return path[0];
}

// Whether all of them are one segment, each with the right checksum.
static bool dp_haul_join(struct dp_haul *h)
{
	uint32_t len, data, data_len;
	const uint8_t *first = dp_haul_datagram(h, 0, &len);

	if (!dp_gro_begin(&h->gro, first + h->inner, len - h->inner))
		return false;
	for (uint32_t i = 1; i < h->n; i++) {
		const uint8_t *at = dp_haul_datagram(h, i, &len);

		if (memcmp(at, first, h->inner) ||
			!dp_gro_add(&h->gro, at + h->inner, len - h->inner, &data, &data_len))
			return false;
	}
	return true;
}

// Edits are made on the first frame's headers; TCP's flags are of all.
static void dp_haul_edit(struct dp_haul *h, const struct ft_path *path)
{
	uint8_t *flags = &h->gro.head[h->gro.tcp.l4 + 13], all = *flags;

	if (!path->steps)
		return;
	dp_path_steps(h->w, path, 0);
	memcpy(h->gro.head, h->w->in.at[0].data, h->gro.tcp.data);
	*flags = all;
}

static void dp_haul_go(struct dp_haul *h, const struct ft_path *path)
{
	struct dp_port *to = (struct dp_port *)(uintptr_t)path->target;
	struct dp_counters *c = dp_counters(h->w, h->tenant);
	struct dp_haul_load load = {
		&h->gro, h->n, h->gso.payload + h->inner + h->gro.tcp.data, h->gso.mss};
	struct dp_cause cause = {.in_port = h->from.in_port};
	uint32_t went;

	ft_cache_count(
		h->w->cache, path, h->n, h->gso.tcp.len - (uint64_t)h->n * h->inner, h->w->now_ns);
	dp_count(&h->w->stats.cache_hits, h->n);
	dp_haul_edit(h, path);
	dp_tx_flush(h->w); // what came before it goes before it
	went = dp_haul_in(h->w, to, &load);
	dp_count(&c->sent, went);
	dp_count(&h->w->port_drops[to->index], h->n - went);
	for (uint32_t i = went; i < h->n; i++)
		dp_worker_drop(h->w, h->tenant, NULL, WEFT_DROP_TX_FULL, &cause);
	rte_pktmbuf_free(h->m);
}

static struct rte_mbuf *dp_haul_next(struct dp_haul *h)
{
	struct rte_mbuf *m;
	uint32_t data;

	if (!dp_gso_more(&h->gso, &data))
		return NULL;
	m = rte_pktmbuf_alloc(h->w->dp->pool);
	if (!m)
		return NULL;
	m->port = h->m->port;
	m->ol_flags = RTE_MBUF_F_RX_L4_CKSUM_NONE;
	m->data_len = (uint16_t)dp_gso_next(&h->gso, rte_pktmbuf_mtod(m, uint8_t *));
	m->pkt_len = m->data_len;
	return m;
}

// As if they had come one by one.
static void dp_haul_cut(struct dp_haul *h)
{
	struct dp_tenant *nobody = h->port->tenant;
	struct rte_mbuf *frame[DP_RX_BURST];
	unsigned n;

	do {
		for (n = 0; n < DP_RX_BURST && (frame[n] = dp_haul_next(h)); n++)
			;
		if (n)
			dp_rx_uplink(h->w, h->port, frame, n);
	} while (n == DP_RX_BURST);
	dp_count(&dp_counters(h->w, nobody)->received, h->n - h->gso.n);
	for (uint32_t i = h->gso.n; i < h->n; i++)
		dp_worker_drop(h->w, nobody, NULL, WEFT_DROP_NO_BUFFER, NULL);
	rte_pktmbuf_free(h->m);
}

static void dp_haul_one(struct dp_worker *w, struct dp_port *port, struct rte_mbuf *m)
{
	const struct ft_path *path = NULL;
	struct dp_haul h;

	dp_haul_begin(&h, w, port, m);
	if (dp_haul_decap(&h))
		path = dp_haul_path(&h);
	if (path && dp_haul_join(&h))
		dp_haul_go(&h, path);
	else
		dp_haul_cut(&h);
}

void dp_haul_burst(struct dp_worker *w, struct dp_port *port, struct rte_mbuf *m[], unsigned n)
{
	unsigned from = 0;

	for (unsigned i = 0; i < n; i++) {
		if (!(m[i]->ol_flags & RTE_MBUF_F_RX_LRO))
			continue;
		dp_held_allow(w, NULL, 0);
		if (i > from)
			dp_rx_uplink(w, port, m + from, i - from);
		dp_haul_one(w, port, m[i]);
		from = i + 1;
	}
	if (n > from)
		dp_rx_uplink(w, port, m + from, n - from);
}
