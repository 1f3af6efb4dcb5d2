// SPDX-License-Identifier: Apache-2.0
// A burst from the underlay: each frame out of its tunnel and to whose it is.
//
// Most frames are plain (overlay/decap_plain.h) and of a network that the burst has had already, so
// that is the short way. All else goes the long one: a frame at a time through overlay_decap().

#include "dp_worker.h"

#include "edge/dp_admit.h"
#include "offload/dp_offload.h"
#include "edge/dp_pmtu.h"
#include "edge/dp_provider.h"
#include "offload/dp_rawcsum.h"
#include "edge/dp_reasm.h"

#include "overlay/decap_plain.h"
#include "overlay/ecn.h"

#define DP_RX_AHEAD 4u // frames

// What is known of the outer UDP checksum; _NONE: nobody calculated it, for the datagram is sound.
static inline uint64_t dp_rx_l4(const struct rte_mbuf *m)
{
	return m->ol_flags & RTE_MBUF_F_RX_L4_CKSUM_MASK;
}

// Not overlay: the kernel's.
static void dp_rx_foreign(struct dp_worker *w, struct dp_port *port, struct rte_mbuf *m)
{
	struct dp_tenant *nobody = port->tenant;

	dp_count(&dp_counters(w, nobody)->received, 1);
	if (dp_bfd_take_plain(w, m))
		return;
	dp_pmtu_listen(w, m);
	if (port->kernel_copy) {
		dp_count(&dp_counters(w, nobody)->consumed[WEFT_CONSUMED_KERNEL], 1);
		rte_pktmbuf_free(m);
	} else if (port->peer) {
		if (dp_rx_l4(m) == RTE_MBUF_F_RX_L4_CKSUM_NONE)
			dp_rawcsum_fix(rte_pktmbuf_mtod(m, uint8_t *), m->data_len);
		dp_tx(w, nobody, m, port->peer);
	} else {
		dp_rx_refuse(w, port, nobody, m, WEFT_DROP_NOT_OURS);
	}
}

// Where the latest inner frame came from: the next one's tenant need not be looked for if it came
// from there too.
struct dp_rx_tunnel {
	const struct ft_front *front; // its tenant's switch's; NULL: no frame yet
	bool may_wait;                // sources that can be asked about later (dp_admit.h) are
	bool waits; // and so is this one, if the flow cache does not know the packet
	uint32_t vni;
	uint8_t encap;
	struct weft_ip src, dst;
	uint64_t plain; // dp_rx_plain_way() of a plain frame from there; DP_RX_NO_WAY: not known
	struct ft_from from;
};
#define DP_RX_NO_WAY UINT64_MAX

static inline bool dp_rx_is_from(const struct dp_rx_tunnel *last, const struct overlay_rx *rx)
{
	return last->front && last->vni == rx->vni && last->encap == rx->encap &&
	       weft_ip_equal(&last->src, &rx->src) && weft_ip_equal(&last->dst, &rx->dst) &&
	       !rx->inner_vlan;
}

// Whose frame it is; NULL: nobody's who may have it, and it is gone.
static struct dp_tenant *dp_rx_whose(struct dp_worker *w, struct dp_port *port, struct rte_mbuf *m,
	const struct overlay_rx *rx, struct dp_rx_tunnel *last)
{
	struct dp_tenant *t = dp_networks_owner(w->dp, (enum weft_encap)rx->encap, rx->vni);
	uint32_t in_port = t ? dp_tenant_tunnel_port(t, (enum weft_encap)rx->encap) : 0;
	struct dp_cause cause = {.in_port = in_port};
	struct dp_origin from = {.vtep = rx->src, .network = rx->vni, .encap = rx->encap};
	enum weft_drop reason = t ? dp_admit(w, t, rx) : WEFT_DROP_UNKNOWN_VNI;

	last->front = NULL;
	last->plain = DP_RX_NO_WAY;
	if (!t)
		t = port->tenant;
	if (reason != WEFT_DROP_MAX) {
		dp_count(&dp_counters(w, t)->received, 1);
		if (reason != WEFT_DROP_UNKNOWN_VNI || !dp_bfd_take_inner(w, m, rx))
			dp_drop_from(&w->drops, t, m, reason, &cause, &from);
		return NULL;
	}
	*last = (struct dp_rx_tunnel){
		.front = ft_switch_front(t->sw),
		.may_wait = last->may_wait,
		.vni = rx->vni,
		.encap = rx->encap,
		.src = rx->src,
		.dst = rx->dst,
		.plain = DP_RX_NO_WAY,
		.from = {t->sw_number, in_port, 0, 0},
	};
	if (weft_ip_is_v4(&rx->src)) {
		// Asked again where the flow cache does not know it: the epoch was read after this.
		last->waits = last->may_wait && dp_admit_can_wait(last->front);
		last->from.tun_src = weft_ip_v4(&rx->src);
		last->from.tun_dst = weft_ip_v4(&rx->dst);
	}
	return t;
}

static inline struct ft_arrival *dp_rx_arrive(struct dp_worker *w, const struct dp_rx_tunnel *last,
	struct rte_mbuf *m, const uint8_t *data)
{
	struct dp_arrivals *in = &w->in;
	unsigned i = in->n++;

	in->m[i] = m;
	in->tenant[i] = last->front->ctx;
	in->waits |= (uint64_t)last->waits << i;
	in->at[i] = (struct ft_arrival){
		.data = data,
		.front = last->front,
		.len = m->data_len,
		.total_len = m->pkt_len,
		.from = last->from,
	};
	return &in->at[i];
}

// What `from` can't say of it.
static inline void dp_rx_arrive_by(
	struct dp_worker *w, const struct dp_rx_tunnel *last, struct ft_arrival *a, uint32_t vni)
{
	struct ft_tunnel *tunnel = &w->in.tunnel[a - w->in.at];

	if (__builtin_expect(last->from.tun_src && last->from.in_port == WEFT_OFPORT_OVERLAY, 1))
		return;
	*tunnel = (struct ft_tunnel){last->src, last->dst, weft_htonll(vni), 0};
	a->tunnel = tunnel;
}

static inline bool dp_rx_tos_matters(const struct ft_front *front, uint8_t tos)
{
	bool uniform = dp_front_says(front) & DP_FRONT_UNIFORM;

	return overlay_tos_egress_matters(tos, uniform);
}

// The outer DSCP and ECN go into the inner header, where they matter. False: dropped.
static inline bool dp_rx_tos(struct dp_worker *w, const struct dp_rx_tunnel *last,
	struct rte_mbuf *m, uint8_t *data, uint32_t len, uint8_t tos)
{
	bool uniform = dp_front_says(last->front) & DP_FRONT_UNIFORM;
	struct dp_cause cause = {.in_port = last->from.in_port};
	struct dp_tenant *t = last->front->ctx;

	if (overlay_tos_egress(data, len, tos, uniform))
		return true;
	dp_count(&dp_counters(w, t)->received, 1);
	dp_worker_drop(w, t, m, WEFT_DROP_ECN, &cause);
	return false;
}

// An inner frame in segments, of which those before it are gone: the headers that rules look at lie
// in the first one again, or it is dropped.
static bool dp_rx_inner_pullup(
	struct dp_worker *w, struct weft_packet *p, const struct dp_rx_tunnel *last)
{
	struct dp_cause cause = {.in_port = last->from.in_port};
	struct dp_tenant *t = last->front->ctx;
	struct rte_mbuf *m = p->owner;

	dp_packet_to_mbuf(p);
	dp_mbuf_cut(m);
	m = dp_mbuf_pullup(m, w->dp->pool);
	if (m) {
		dp_packet_from_mbuf(p, m);
		return true;
	}
	dp_count(&dp_counters(w, t)->received, 1);
	dp_worker_drop(w, t, p->owner, WEFT_DROP_RX_OVERSIZED, &cause);
	return false;
}

// An inner frame: into its tenant's switch, or it ends here.
static inline void dp_rx_inner(struct dp_worker *w, struct dp_port *port, struct weft_packet *p,
	const struct overlay_rx *rx, struct dp_rx_tunnel *last)
{
	struct rte_mbuf *m = p->owner;

	if (__builtin_expect(!dp_rx_is_from(last, rx), 0) && !dp_rx_whose(w, port, m, rx, last))
		return;
	overlay_strip(p, rx);
	if (m->nb_segs > 1) {
		if (!dp_rx_inner_pullup(w, p, last))
			return;
		m = p->owner;
	}
	if (dp_rx_tos_matters(last->front, rx->tos) &&
		!dp_rx_tos(w, last, m, p->data, p->len, rx->tos))
		return;
	dp_packet_to_mbuf(p);
	if (m->nb_segs == 1 && port->raw_csum)
		dp_rawcsum_fix(p->data, p->len);
	dp_rx_arrive_by(w, last, dp_rx_arrive(w, last, m, p->data), rx->vni);
}

// Parsing met the end of the first segment: once more with all of it in one piece.
static void dp_rx_pullup(struct dp_worker *w, const struct overlay_vtep *vtep,
	struct weft_packet *p, struct overlay_rx *rx)
{
	struct rte_mbuf *flat = dp_mbuf_flatten(p->owner, w->dp->pool);

	if (flat) {
		dp_packet_from_mbuf(p, flat);
		overlay_decap(vtep, p, 0, rx);
	}
	if (rx->verdict == OVERLAY_PULLUP) {
		rx->verdict = OVERLAY_DROP;
		rx->drop = WEFT_DROP_RX_OVERSIZED;
	}
}

// A frame as it came, by the long way.
static void dp_rx_one(struct dp_worker *w, struct dp_port *port, const struct overlay_vtep *vtep,
	struct rte_mbuf *m, struct dp_rx_tunnel *last)
{
	struct weft_packet view;
	struct overlay_rx rx;
	uint8_t hints;

	if (!dp_rx_sound(w, port, &m, 1))
		return;
	if (port->raw_csum && m->nb_segs == 1)
		dp_rawcsum_fix(rte_pktmbuf_mtod(m, uint8_t *), m->data_len);
	dp_packet_from_mbuf(&view, m);
	hints = dp_rx_l4(m) == RTE_MBUF_F_RX_L4_CKSUM_NONE ? OVERLAY_HINT_UDP_GOOD : 0;
	if (__builtin_expect(port->offloads & DP_OFFLOAD_RX, 0))
		hints = dp_offload_hints(m);
	if (overlay_decap(vtep, &view, hints, &rx) == OVERLAY_PULLUP)
		dp_rx_pullup(w, vtep, &view, &rx);
	if (rx.verdict == OVERLAY_FRAGMENT && !dp_reasm_take(w, port, vtep, &view, &rx))
		return;
	if (rx.verdict == OVERLAY_INNER) {
		dp_rx_inner(w, port, &view, &rx, last);
	} else if (rx.verdict == OVERLAY_FOREIGN) {
		dp_rx_foreign(w, port, view.owner);
	} else {
		dp_count(&dp_counters(w, port->tenant)->received, 1);
		dp_rx_refuse(w, port, port->tenant, view.owner, rx.drop);
	}
}

// ---- the short way

// Encapsulation, network and source in one word.
static inline uint64_t dp_rx_plain_way(const struct overlay_plain *p)
{
	return (uint64_t)p->encap << 56 | (uint64_t)p->vni << 32 | p->src;
}

// Fills plain[] for those that are. Returns a bit for each; *one: all are of one network.
static inline uint64_t dp_rx_plain_burst(const struct dp_port *port,
	const struct overlay_vtep *vtep, struct rte_mbuf *m[], unsigned n,
	struct overlay_plain plain[], bool *one)
{
	struct overlay_plain_vtep against = overlay_plain_vtep(vtep);
	uint32_t in_some = 0, in_all = UINT32_MAX; // bits of their networks
	uint64_t are = 0;

	*one = true;
	if (port->raw_csum || port->offloads & DP_OFFLOAD_RX ||
		dp_port_config(port) & (WEFT_PORT_DOWN | WEFT_PORT_NO_RECV))
		return 0;
	for (unsigned i = 0; i < n; i++) {
		bool good = dp_rx_l4(m[i]) == RTE_MBUF_F_RX_L4_CKSUM_NONE;

		if (i + DP_RX_AHEAD < n)
			__builtin_prefetch(rte_pktmbuf_mtod(m[i + DP_RX_AHEAD], void *));
		if (__builtin_expect(m[i]->nb_segs == 1, 1) &&
			overlay_decap_plain(&against, rte_pktmbuf_mtod(m[i], uint8_t *),
				m[i]->data_len, m[i]->pkt_len, good, &plain[i])) {
			uint32_t network = (uint32_t)plain[i].encap << 24 | plain[i].vni;

			in_some |= network;
			in_all &= network;
			are |= 1ull << i;
		}
	}
	*one = in_some == in_all;
	return are;
}

static __attribute__((noinline)) bool dp_rx_plain_whose(struct dp_worker *w, struct dp_port *port,
	const struct overlay_vtep *vtep, struct rte_mbuf *m, const struct overlay_plain *p,
	struct dp_rx_tunnel *last)
{
	struct overlay_rx rx;

	overlay_plain_tell(p, &vtep->ipv4, &rx);
	if (!dp_rx_whose(w, port, m, &rx, last))
		return false;
	last->plain = dp_rx_plain_way(p);
	return true;
}

// Without its tunnel; the inner frame.
static inline uint8_t *dp_rx_plain_strip(struct rte_mbuf *m, const struct overlay_plain *p)
{
	m->data_off = (uint16_t)(m->data_off + p->inner_ofs);
	m->data_len = p->inner_len;
	m->pkt_len = p->inner_len;
	return rte_pktmbuf_mtod(m, uint8_t *);
}

// Whether it can go into the switch of its network as it is, and be asked about later.
static inline bool dp_rx_plain_waits(const struct ft_front *front, const struct overlay_plain *p)
{
	return __builtin_expect(front != NULL, 1) && dp_admit_can_wait(front) && !p->inner_vlan &&
	       p->src && __builtin_expect(!dp_rx_tos_matters(front, p->tos), 1);
}

// One that does. In a burst of several tenants each packet's is anybody's guess, so nothing here
// depends on whose the one before was.
static inline void dp_rx_plain_enter(struct dp_worker *w, const struct overlay_vtep *vtep,
	const struct ft_front *front, struct rte_mbuf *m, const struct overlay_plain *p)
{
	struct dp_arrivals *in = &w->in;
	unsigned i = in->n++;

	in->m[i] = m;
	in->tenant[i] = front->ctx;
	in->waits |= 1ull << i;
	in->at[i] = (struct ft_arrival){
		.data = dp_rx_plain_strip(m, p),
		.front = front,
		.len = p->inner_len,
		.total_len = p->inner_len,
		.from = {front->number, WEFT_OFPORT_OVERLAY, p->src, weft_ip_v4(&vtep->ipv4)},
	};
}

// The others.
static inline void dp_rx_plain(struct dp_worker *w, struct dp_port *port,
	const struct overlay_vtep *vtep, struct rte_mbuf *m, const struct overlay_plain *p,
	struct dp_rx_tunnel *last)
{
	uint8_t *data = rte_pktmbuf_mtod_offset(m, uint8_t *, p->inner_ofs);
	struct ft_arrival *a;

	if ((dp_rx_plain_way(p) != last->plain || p->inner_vlan) &&
		!dp_rx_plain_whose(w, port, vtep, m, p, last))
		return;
	if (__builtin_expect(dp_rx_tos_matters(last->front, p->tos), 0) &&
		!dp_rx_tos(w, last, m, data, p->inner_len, p->tos))
		return;
	a = dp_rx_arrive(w, last, m, dp_rx_plain_strip(m, p));
	dp_rx_arrive_by(w, last, a, p->vni);
}

// The fronts of plain frames that may wait, all asked for before the first is read. NULL: the
// network is no tenant's. `one`: it is the same for all.
static inline void dp_rx_plain_fronts(const struct dp_worker *w, bool one,
	const struct overlay_plain plain[], uint64_t which, const struct ft_front *front[])
{
	for (; which; which &= which - 1) {
		unsigned i = (unsigned)__builtin_ctzll(which);

		front[i] = dp_networks_front(w->dp, (enum weft_encap)plain[i].encap, plain[i].vni);
		__builtin_prefetch(front[i]);
		if (!one)
			continue;
		for (unsigned k = i + 1; k < DP_RX_BURST; k++)
			front[k] = front[i];
		return;
	}
}

void dp_rx_uplink(struct dp_worker *w, struct dp_port *port, struct rte_mbuf *m[], unsigned n)
{
	const struct overlay_vtep *vtep = __atomic_load_n(&w->dp->vtep, __ATOMIC_ACQUIRE);
	struct overlay_plain plain[DP_RX_BURST];
	const struct ft_front *front[DP_RX_BURST] = {NULL};
	bool one;
	uint64_t are_plain = dp_rx_plain_burst(port, vtep, m, n, plain, &one);
	struct dp_rx_tunnel last = {.plain = DP_RX_NO_WAY};

	last.may_wait = w->cache && !__atomic_load_n(&w->dp->suppressing, __ATOMIC_RELAXED);
	w->in.n = 0;
	w->in.waits = 0;
	if (last.may_wait)
		dp_rx_plain_fronts(w, one, plain, are_plain, front);
	for (unsigned i = 0; i < n; i++) {
		if (__builtin_expect(!(are_plain >> i & 1), 0))
			dp_rx_one(w, port, vtep, m[i], &last);
		else if (__builtin_expect(dp_rx_plain_waits(front[i], &plain[i]), 1))
			dp_rx_plain_enter(w, vtep, front[i], m[i], &plain[i]);
		else
			dp_rx_plain(w, port, vtep, m[i], &plain[i], &last);
	}
	if (w->in.n)
		dp_rx_enter(w);
	w->in.waits = 0;
}
