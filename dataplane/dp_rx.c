// SPDX-License-Identifier: Apache-2.0
// A burst that came in, stage by stage.
//
//	uplink: sound? -> decap burst -> network to tenant, source known? -> strip -> tables
//	local:  sound? -> tables
//	kernel: to the uplink
//
// A packet is entered in the ledger (received) when it is known whose it is: at once on a local
// port, after decap on an uplink.

#include "dp_worker.h"

#include "dp_rawcsum.h"
#include "dp_storm.h"
#include "dp_suppress.h"

#include "overlay/ecn.h"

#define DP_RX_FIRST_SEGMENT 256u // headers lie in so many bytes, or the frame is flattened

static void dp_rx_refuse(struct dp_worker *w, struct dp_port *port, struct dp_tenant *t,
	struct rte_mbuf *m, enum weft_drop reason)
{
	struct dp_cause cause = {.in_port = port->ofport};

	dp_count(&w->rx_drops[port->dev], 1);
	dp_worker_drop(w, t, m, reason, &cause);
}

// Drops what cannot be handled, puts back a tag that the device took off, and makes the headers
// contiguous. Returns how many are left in m[].
static unsigned dp_rx_sound(
	struct dp_worker *w, struct dp_port *port, struct rte_mbuf *m[], unsigned n)
{
	uint32_t config = dp_port_config(port);
	unsigned kept = 0;

	for (unsigned i = 0; i < n; i++) {
		enum weft_drop reason = WEFT_DROP_MAX;

		if (config & (WEFT_PORT_DOWN | WEFT_PORT_NO_RECV))
			reason = WEFT_DROP_RX_PORT_DOWN;
		else if (m[i]->pkt_len < RTE_ETHER_HDR_LEN)
			reason = WEFT_DROP_RX_TRUNCATED;
		else if (port->cut_len && m[i]->pkt_len >= port->cut_len)
			reason = WEFT_DROP_RX_OVERSIZED;
		else if ((m[i]->ol_flags & RTE_MBUF_F_RX_VLAN_STRIPPED) && !dp_mbuf_retag(m[i]))
			reason = WEFT_DROP_NO_HEADROOM;
		else if (m[i]->nb_segs > 1 && m[i]->data_len < DP_RX_FIRST_SEGMENT) {
			struct rte_mbuf *flat = dp_mbuf_flatten(m[i], w->dp->pool);

			if (flat)
				m[i] = flat;
			else
				reason = WEFT_DROP_RX_OVERSIZED;
		}
		if (reason == WEFT_DROP_MAX) {
			m[kept++] = m[i];
			continue;
		}
		dp_count(&dp_counters(w, port->tenant)->received, 1);
		dp_rx_refuse(w, port, port->tenant, m[i], reason);
	}
	return kept;
}

// A key of nothing but its port: what extraction does not write is cleared, the rest is left to it.
static void dp_rx_key(struct weft_flow_key *key, uint32_t ofport)
{
	memset(key, 0, offsetof(struct weft_flow_key, eth_dst));
	memset(&key->tun_src, 0, sizeof(*key) - offsetof(struct weft_flow_key, tun_src));
	key->in_port = key->in_phy_port = htonl(ofport);
}

static void dp_rx_process(
	struct dp_worker *w, struct dp_tenant *t, struct ft_packet *p[], unsigned n)
{
	w->sink.tenant = t;
	memset(w->copies, 0, sizeof(w->copies));
	if (dp_suppress_is_on(t))
		dp_suppress_watch(w, t, p, n);
	ft_switch_process(t->sw, w->id, w->now_ns, p, n, &w->sink.ft);
}

static void dp_rx_local(struct dp_worker *w, struct dp_port *port, struct rte_mbuf *m[], unsigned n)
{
	struct ft_packet *p[DP_RX_BURST];

	if (dp_storm_is_limited(port))
		n = dp_storm_admit(w, port, m, n);
	for (unsigned i = 0; i < n; i++) {
		p[i] = &w->rx[i];
		if (port->raw_csum && m[i]->nb_segs == 1)
			dp_rawcsum_fix(rte_pktmbuf_mtod(m[i], uint8_t *), m[i]->data_len);
		dp_packet_from_mbuf(&p[i]->pkt, m[i]);
		dp_rx_key(&p[i]->key, port->ofport);
		p[i]->rule = NULL;
		p[i]->table = 0;
	}
	dp_count(&dp_counters(w, port->tenant)->received, n);
	dp_rx_process(w, port->tenant, p, n);
}

// Not overlay: the kernel's.
static void dp_rx_foreign(struct dp_worker *w, struct dp_port *port, struct rte_mbuf *m)
{
	struct dp_tenant *nobody = port->tenant;

	dp_count(&dp_counters(w, nobody)->received, 1);
	if (port->kernel_copy) {
		dp_count(&dp_counters(w, nobody)->consumed[WEFT_CONSUMED_KERNEL], 1);
		rte_pktmbuf_free(m);
	} else if (port->peer) {
		dp_tx(w, nobody, m, port->peer);
	} else {
		dp_rx_refuse(w, port, nobody, m, WEFT_DROP_NOT_OURS);
	}
}

// From the tunnel into the tenant's switch: why not? WEFT_DROP_MAX: it may.
static enum weft_drop dp_rx_admit(const struct dp_tenant *t, const struct overlay_rx *rx)
{
	const struct dp_vtep_set *set = __atomic_load_n(&t->vteps, __ATOMIC_ACQUIRE);
	uint32_t flags = __atomic_load_n(&t->flags, __ATOMIC_RELAXED);

	if (!(flags & WEFT_TENANT_ANY_VTEP) && !dp_vtep_find(set, &rx->src))
		return WEFT_DROP_UNKNOWN_VTEP;
	if (rx->inner_vlan && !(flags & WEFT_TENANT_INNER_VLAN))
		return WEFT_DROP_INNER_VLAN;
	return WEFT_DROP_MAX;
}

static void dp_rx_tunnel_key(struct weft_flow_key *key, const struct overlay_rx *rx)
{
	dp_rx_key(key, WEFT_OFPORT_OVERLAY);
	key->tunnel_id = weft_htonll(rx->vni);
	if (weft_ip_is_v4(&rx->src)) {
		key->tun_src = weft_ip_v4(&rx->src);
		key->tun_dst = weft_ip_v4(&rx->dst);
	} else {
		memcpy(key->tun_ipv6_src, rx->src.b, 16);
		memcpy(key->tun_ipv6_dst, rx->dst.b, 16);
	}
}

// An inner frame: to its tenant, who is returned; NULL: the frame has ended here.
static struct dp_tenant *dp_rx_inner(
	struct dp_worker *w, struct dp_port *port, struct ft_packet *p, const struct overlay_rx *rx)
{
	struct dp *dp = w->dp;
	struct rte_mbuf *m = p->pkt.owner;
	struct dp_tenant *t =
		dp_radix_get(rx->encap == WEFT_ENCAP_VXLAN ? &dp->vxlan : &dp->nvgre, rx->vni);
	struct dp_cause cause = {.in_port = t ? WEFT_OFPORT_OVERLAY : 0};
	enum weft_drop reason = t ? dp_rx_admit(t, rx) : WEFT_DROP_UNKNOWN_VNI;
	bool uniform;

	if (!t)
		t = port->tenant;
	dp_count(&dp_counters(w, t)->received, 1);
	if (reason != WEFT_DROP_MAX) {
		dp_worker_drop(w, t, m, reason, &cause);
		return NULL;
	}
	overlay_strip(&p->pkt, rx);
	uniform = __atomic_load_n(&t->dscp_uniform, __ATOMIC_RELAXED);
	if (overlay_tos_egress_matters(rx->tos, uniform) &&
		!overlay_tos_egress(p->pkt.data, p->pkt.len, rx->tos, uniform)) {
		dp_worker_drop(w, t, m, WEFT_DROP_ECN, &cause);
		return NULL;
	}
	dp_packet_to_mbuf(&p->pkt);
	if (m->nb_segs > 1)
		dp_mbuf_cut(m);
	else if (port->raw_csum)
		dp_rawcsum_fix(p->pkt.data, p->pkt.len);
	dp_rx_tunnel_key(&p->key, rx);
	p->rule = NULL;
	p->table = 0;
	return t;
}

// Gives each tenant its packets of the burst, in order, in one call.
static void dp_rx_by_tenant(
	struct dp_worker *w, struct dp_tenant *t[], struct ft_packet *p[], unsigned n)
{
	struct ft_packet *mine[FT_BURST];

	for (unsigned i = 0; i < n; i++) {
		struct dp_tenant *owner = t[i];
		unsigned k = 0;

		if (!owner)
			continue;
		for (unsigned j = i; j < n; j++)
			if (t[j] == owner) {
				mine[k++] = p[j];
				t[j] = NULL;
			}
		dp_rx_process(w, owner, mine, k);
	}
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

static void dp_rx_uplink(
	struct dp_worker *w, struct dp_port *port, struct rte_mbuf *m[], unsigned n)
{
	const struct overlay_vtep *vtep = __atomic_load_n(&w->dp->vtep, __ATOMIC_ACQUIRE);
	struct weft_packet *view = w->outer;
	struct overlay_rx rx[DP_RX_BURST];
	struct dp_tenant *tenant[DP_RX_BURST];
	struct ft_packet *p[DP_RX_BURST];
	unsigned k = 0;

	for (unsigned i = 0; i < n; i++) {
		if (port->raw_csum && m[i]->nb_segs == 1)
			dp_rawcsum_fix(rte_pktmbuf_mtod(m[i], uint8_t *), m[i]->data_len);
		dp_packet_from_mbuf(&view[i], m[i]);
	}
	overlay_decap_burst(vtep, view, NULL, rx, n);
	for (unsigned i = 0; i < n; i++) {
		if (rx[i].verdict == OVERLAY_PULLUP)
			dp_rx_pullup(w, vtep, &view[i], &rx[i]);
		if (rx[i].verdict == OVERLAY_FOREIGN) {
			dp_rx_foreign(w, port, view[i].owner);
		} else if (rx[i].verdict == OVERLAY_DROP) {
			dp_count(&dp_counters(w, port->tenant)->received, 1);
			dp_rx_refuse(w, port, port->tenant, view[i].owner, rx[i].drop);
		} else {
			p[k] = &w->rx[k];
			p[k]->pkt = view[i];
			tenant[k] = dp_rx_inner(w, port, p[k], &rx[i]);
			if (tenant[k])
				k++;
		}
	}
	dp_rx_by_tenant(w, tenant, p, k);
}

static void dp_rx_kernel(
	struct dp_worker *w, struct dp_port *port, struct rte_mbuf *m[], unsigned n)
{
	dp_count(&dp_counters(w, port->tenant)->received, n);
	for (unsigned i = 0; i < n; i++)
		dp_tx(w, port->tenant, m[i], port->peer);
}

void dp_rx_burst(struct dp_worker *w, struct dp_port *port, struct rte_mbuf *m[], unsigned n)
{
	static_assert(DP_RX_BURST <= FT_BURST && DP_RX_BURST <= OVERLAY_BURST_MAX, "one burst");
	n = dp_rx_sound(w, port, m, n);
	if (!n)
		return;
	if (port->role == DP_LOCAL)
		dp_rx_local(w, port, m, n);
	else if (port->role == DP_UPLINK)
		dp_rx_uplink(w, port, m, n);
	else
		dp_rx_kernel(w, port, m, n);
}

void dp_rx_packet_out(struct dp_worker *w, struct dp_packet_out *po)
{
	struct ft_packet *p = &w->rx[0];

	dp_count(&dp_counters(w, po->tenant)->unqueued, 1);
	dp_packet_from_mbuf(&p->pkt, po->frame);
	memset(&p->key, 0, sizeof(p->key));
	p->key.in_port = htonl(po->in_port);
	p->rule = NULL;
	p->table = 0;
	w->sink.tenant = po->tenant;
	w->copies[0] = 0;
	ft_switch_packet_out(
		po->tenant->sw, w->id, w->now_ns, p, po->actions, po->actions_len, &w->sink.ft);
}
