// SPDX-License-Identifier: Apache-2.0
// A burst that came in, stage by stage.
//
//	uplink: sound? -> decap burst -> network to tenant, source known? -> strip -> tables
//	local:  sound? -> tables
//	kernel: to the uplink
//
// A packet whose way is known does not see the tables (dp_path.c).
//
// A packet is entered in the ledger (received) when it is known whose it is: at once on a local
// port, after decap on an uplink.

#include "dp_worker.h"

#include "offload/dp_big.h"
#include "offload/dp_offload.h"
#include "edge/dp_pmtu.h"
#include "edge/dp_provider.h"
#include "offload/dp_rawcsum.h"
#include "edge/dp_reasm.h"
#include "edge/dp_vtep_learn.h"
#include "tenants/dp_storm.h"
#include "tenants/dp_suppress.h"

#include "overlay/ecn.h"

#define DP_RX_FIRST_SEGMENT 256u // headers lie in so many bytes, or the frame is flattened

static void dp_rx_refuse(struct dp_worker *w, struct dp_port *port, struct dp_tenant *t,
	struct rte_mbuf *m, enum weft_drop reason)
{
	struct dp_cause cause = {.in_port = port->ofport};

	dp_count(&w->rx_drops[port->index], 1);
	dp_worker_drop(w, t, m, reason, &cause);
}

// Drops what cannot be handled, and makes the headers contiguous. Returns how many are left in m[].
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

void dp_rx_fill(struct dp_worker *w, struct ft_packet *p, unsigned i)
{
	const struct ft_arrival *a = &w->in.at[i];
	struct weft_flow_key *key = &p->key;

	dp_packet_from_mbuf(&p->pkt, w->in.m[i]);
	dp_rx_key(key, a->from.in_port);
	p->rule = NULL;
	p->table = 0;
	if (a->from.in_port < WEFT_OFPORT_OVERLAY)
		return;
	key->tunnel_id = weft_htonll(w->in.tenant[i]->network);
	key->tun_src = a->from.tun_src;
	key->tun_dst = a->from.tun_dst;
	if (!a->tunnel)
		return;
	key->tunnel_id = a->tunnel->id;
	if (!key->tun_src) {
		memcpy(key->tun_ipv6_src, a->tunnel->src.b, 16);
		memcpy(key->tun_ipv6_dst, a->tunnel->dst.b, 16);
	}
}

// The cache did not know these n packets; what the tables did with them it may learn.
static void dp_rx_learn(struct dp_worker *w, struct dp_tenant *t, unsigned n)
{
	unsigned learned = ft_cache_learn(w->cache);

	dp_count(&dp_counters(w, t)->cache_misses, n);
	dp_count(&w->stats.cache_misses, n);
	if (!learned)
		return;
	dp_count(&dp_counters(w, t)->cache_inserts, learned);
	dp_count(&w->stats.cache_inserts, learned);
}

// Those of w->in that `left` has a bit of and that belong to the same tenant as the first one,
// through its tables. Returns the bits of the others.
static uint64_t dp_rx_tables(struct dp_worker *w, uint64_t left)
{
	struct dp_tenant *t = w->in.tenant[__builtin_ctzll(left)];
	struct ft_trace *trace[DP_RX_BURST];
	struct ft_packet *p[DP_RX_BURST];
	uint64_t others = 0;
	unsigned n = 0;

	for (; left; left &= left - 1) {
		unsigned i = (unsigned)__builtin_ctzll(left);

		if (w->in.tenant[i] != t) {
			others |= left & -left;
			continue;
		}
		p[n] = &w->rx[i];
		dp_rx_fill(w, p[n], i);
		w->copies[i] = 0;
		trace[n++] = w->cache ? ft_cache_trace(w->cache, i) : NULL;
	}
	w->sink.tenant = t;
	ft_switch_process_traced(t->sw, w->id, w->now_ns, p, trace, n, &w->sink.ft);
	if (w->cache)
		dp_rx_learn(w, t, n);
	return others;
}

// The packets' keys are filled in again afterwards.
static void dp_rx_look_ahead(struct dp_worker *w, uint64_t left)
{
	struct ft_switch *sw[DP_RX_BURST];
	struct ft_packet *p[DP_RX_BURST];
	unsigned n = 0;

	for (; left; left &= left - 1, n++) {
		unsigned i = (unsigned)__builtin_ctzll(left);

		sw[n] = w->in.at[i].sw;
		p[n] = &w->rx[i];
		dp_rx_fill(w, p[n], i);
	}
	ft_look_ahead(sw, p, n, w->id);
}

// All of w->in: those whose way is known first, the others through the tables of their tenants.
static void dp_rx_enter(struct dp_worker *w)
{
	const struct ft_path *path[DP_RX_BURST] = {NULL};
	uint64_t left = 0;

	if (__atomic_load_n(&w->dp->suppressing, __ATOMIC_RELAXED))
		dp_suppress_watch(w);
	if (w->cache) {
		ft_cache_lookup(w->cache, w->in.at, w->in.n, path);
		dp_path_go(w, path);
	}
	for (unsigned i = 0; i < w->in.n; i++)
		left |= (uint64_t)!path[i] << i;
	if (w->cache)
		dp_count(&w->stats.cache_hits, w->in.n - (unsigned)__builtin_popcountll(left));
	if (!left)
		return;
	if (ft_ahead_pays(&w->ahead, w->in.at, left))
		dp_rx_look_ahead(w, left);
	while (left)
		left = dp_rx_tables(w, left);
}

void dp_rx_frames(struct dp_worker *w, struct dp_port *port, struct rte_mbuf *m[], unsigned n)
{
	struct dp_arrivals *in = &w->in;
	struct ft_from from = {.sw_number = port->tenant->sw_number, .in_port = port->ofport};

	if (dp_storm_is_limited(port))
		n = dp_storm_admit(w, port, m, n);
	for (unsigned i = 0; i < n; i++) {
		if (port->raw_csum && m[i]->nb_segs == 1)
			dp_rawcsum_fix(rte_pktmbuf_mtod(m[i], uint8_t *), m[i]->data_len);
		in->m[i] = m[i];
		in->tenant[i] = port->tenant;
		in->at[i] = (struct ft_arrival){
			.data = rte_pktmbuf_mtod(m[i], uint8_t *),
			.sw = port->tenant->sw,
			.len = m[i]->data_len,
			.total_len = m[i]->pkt_len,
			.from = from,
		};
	}
	in->n = n;
	dp_count(&dp_counters(w, port->tenant)->received, n);
	dp_rx_enter(w);
}

static void dp_rx_local(struct dp_worker *w, struct dp_port *port, struct rte_mbuf *m[], unsigned n)
{
	if (__builtin_expect(__atomic_load_n(&w->dp->kept_big, __ATOMIC_ACQUIRE), 0))
		dp_big_burst(w, port, m, n);
	else
		dp_rx_frames(w, port, m, n);
}

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

// From the tunnel into the tenant's switch: why not? WEFT_DROP_MAX: it may.
static enum weft_drop dp_rx_admit(
	struct dp_worker *w, const struct dp_tenant *t, const struct overlay_rx *rx)
{
	const struct dp_vtep_set *set = __atomic_load_n(&t->vteps, __ATOMIC_ACQUIRE);
	uint32_t flags = __atomic_load_n(&t->flags, __ATOMIC_RELAXED);
	bool learns = set->max_learned;

	if (!(flags & WEFT_TENANT_ANY_VTEP) && !learns && !dp_vtep_has(set, &rx->src) &&
		!(t->provider && !weft_ip_equal(&rx->src, &rx->dst) &&
			dp_provider_takes(t->provider, &rx->src)))
		return WEFT_DROP_UNKNOWN_VTEP;
	if (weft_ip_is_multicast(&rx->dst) &&
		!(set->group && weft_ip_equal(&set->group->ip, &rx->dst)))
		return WEFT_DROP_UNKNOWN_VNI; // another tenant's group
	if (rx->inner_vlan && !(flags & WEFT_TENANT_INNER_VLAN))
		return WEFT_DROP_INNER_VLAN;
	return learns ? dp_vtep_heard(w, t, set, rx) : WEFT_DROP_MAX;
}

// Where the latest inner frame came from: the next one's tenant need not be looked for if it came
// from there too.
struct dp_rx_tunnel {
	struct dp_tenant *tenant; // NULL: no frame yet
	unsigned received;        // not in its ledger yet
	uint32_t vni;
	uint8_t encap;
	struct weft_ip src, dst;
	struct ft_from from;
};

static void dp_rx_received(struct dp_worker *w, struct dp_rx_tunnel *last)
{
	if (last->tenant)
		dp_count(&dp_counters(w, last->tenant)->received, last->received);
	last->tenant = NULL;
	last->received = 0;
}

static inline bool dp_rx_is_from(const struct dp_rx_tunnel *last, const struct overlay_rx *rx)
{
	return last->tenant && last->vni == rx->vni && last->encap == rx->encap &&
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
	enum weft_drop reason = t ? dp_rx_admit(w, t, rx) : WEFT_DROP_UNKNOWN_VNI;

	dp_rx_received(w, last);
	if (!t)
		t = port->tenant;
	if (reason != WEFT_DROP_MAX) {
		dp_count(&dp_counters(w, t)->received, 1);
		if (reason != WEFT_DROP_UNKNOWN_VNI || !dp_bfd_take_inner(w, m, rx))
			dp_worker_drop(w, t, m, reason, &cause);
		return NULL;
	}
	*last = (struct dp_rx_tunnel){
		.tenant = t,
		.vni = rx->vni,
		.encap = rx->encap,
		.src = rx->src,
		.dst = rx->dst,
		.from = {t->sw_number, in_port, 0, 0},
	};
	if (weft_ip_is_v4(&rx->src)) {
		last->from.tun_src = weft_ip_v4(&rx->src);
		last->from.tun_dst = weft_ip_v4(&rx->dst);
	}
	return t;
}

static inline void dp_rx_arrive(struct dp_worker *w, const struct dp_rx_tunnel *last,
	const struct weft_packet *p, const struct overlay_rx *rx)
{
	struct dp_arrivals *in = &w->in;
	unsigned i = in->n++;

	in->m[i] = p->owner;
	in->tenant[i] = last->tenant;
	in->at[i] = (struct ft_arrival){
		.data = p->data,
		.sw = last->tenant->sw,
		.len = p->len,
		.total_len = p->total_len,
		.from = last->from,
	};
	if (__builtin_expect(last->from.tun_src && last->from.in_port == WEFT_OFPORT_OVERLAY, 1))
		return;
	in->tunnel[i] = (struct ft_tunnel){rx->src, rx->dst, weft_htonll(rx->vni), 0};
	in->at[i].tunnel = &in->tunnel[i];
}

// An inner frame: into its tenant's switch, or it ends here.
static inline void dp_rx_inner(struct dp_worker *w, struct dp_port *port, struct weft_packet *p,
	const struct overlay_rx *rx, struct dp_rx_tunnel *last)
{
	struct rte_mbuf *m = p->owner;
	bool uniform;

	if (__builtin_expect(!dp_rx_is_from(last, rx), 0) && !dp_rx_whose(w, port, m, rx, last))
		return;
	last->received++;
	overlay_strip(p, rx);
	uniform = __atomic_load_n(&last->tenant->dscp_uniform, __ATOMIC_RELAXED);
	if (overlay_tos_egress_matters(rx->tos, uniform) &&
		!overlay_tos_egress(p->data, p->len, rx->tos, uniform)) {
		struct dp_cause cause = {.in_port = last->from.in_port};

		dp_worker_drop(w, last->tenant, m, WEFT_DROP_ECN, &cause);
		return;
	}
	dp_packet_to_mbuf(p);
	if (m->nb_segs > 1)
		dp_mbuf_cut(m);
	else if (port->raw_csum)
		dp_rawcsum_fix(p->data, p->len);
	dp_rx_arrive(w, last, p, rx);
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

// The frames are of ever other tenants: each step asks for what the next one needs of all of them,
// and nobody waits. What is not in the map is left to be found missing.
static __attribute__((noinline)) void dp_rx_look_ahead_tenants(
	const struct dp_worker *w, const struct overlay_rx rx[], unsigned n)
{
	const struct dp_radix *map;
	const struct dp_tenant *t[DP_RX_BURST];

	for (unsigned i = 0; i < n; i++) {
		map = rx[i].encap == WEFT_ENCAP_VXLAN ? &w->dp->vxlan : &w->dp->nvgre;
		t[i] = dp_radix_get(map, rx[i].vni);
		__builtin_prefetch(t[i]);
	}
	for (unsigned i = 0; i < n; i++) {
		if (!t[i])
			continue;
		__builtin_prefetch(t[i]->vteps);
		__builtin_prefetch(&t[i]->counters[w->id], 1);
		ft_cache_prefetch(t[i]->sw);
	}
}

// Whether a quarter of the frames are another network's than the one before.
static inline bool dp_rx_are_mixed(const struct overlay_rx rx[], unsigned n)
{
	unsigned changes = 0;

	for (unsigned i = 1; i < n; i++)
		changes += rx[i].vni != rx[i - 1].vni;
	return changes > n / 4;
}

static void dp_rx_uplink(
	struct dp_worker *w, struct dp_port *port, struct rte_mbuf *m[], unsigned n)
{
	const struct overlay_vtep *vtep = __atomic_load_n(&w->dp->vtep, __ATOMIC_ACQUIRE);
	struct weft_packet *view = w->outer;
	struct overlay_rx rx[DP_RX_BURST];
	uint8_t hints[DP_RX_BURST] = {0};
	struct dp_rx_tunnel last = {.tenant = NULL};

	w->in.n = 0;
	for (unsigned i = 0; i < n; i++) {
		if (port->raw_csum && m[i]->nb_segs == 1)
			dp_rawcsum_fix(rte_pktmbuf_mtod(m[i], uint8_t *), m[i]->data_len);
		dp_packet_from_mbuf(&view[i], m[i]);
		hints[i] =
			dp_rx_l4(m[i]) == RTE_MBUF_F_RX_L4_CKSUM_NONE ? OVERLAY_HINT_UDP_GOOD : 0;
	}
	if (__builtin_expect(port->offloads & DP_OFFLOAD_RX, 0))
		dp_offload_hints(m, n, hints);
	overlay_decap_burst(vtep, view, hints, rx, n);
	if (dp_rx_are_mixed(rx, n))
		dp_rx_look_ahead_tenants(w, rx, n);
	for (unsigned i = 0; i < n; i++) {
		if (rx[i].verdict == OVERLAY_PULLUP)
			dp_rx_pullup(w, vtep, &view[i], &rx[i]);
		if (rx[i].verdict == OVERLAY_FRAGMENT &&
			!dp_reasm_take(w, port, vtep, &view[i], &rx[i]))
			continue;
		if (rx[i].verdict == OVERLAY_INNER) {
			dp_rx_inner(w, port, &view[i], &rx[i], &last);
		} else if (rx[i].verdict == OVERLAY_FOREIGN) {
			dp_rx_foreign(w, port, view[i].owner);
		} else {
			dp_count(&dp_counters(w, port->tenant)->received, 1);
			dp_rx_refuse(w, port, port->tenant, view[i].owner, rx[i].drop);
		}
	}
	dp_rx_received(w, &last);
	if (w->in.n)
		dp_rx_enter(w);
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

static void dp_rx_resume(struct dp_worker *w, const struct dp_packet_out *po, struct ft_packet *p)
{
	const struct ft_resumption r = {
		.continuation = (const void *)((const char *)po->tail + po->actions_len),
		.continuation_len = po->continuation_len,
		.actions = po->tail,
		.actions_len = po->actions_len,
	};

	p->key.in_port = 0;
	ft_switch_resume(po->tenant->sw, w->id, w->now_ns, p, &r, &w->sink.ft);
}

void dp_rx_packet_out(struct dp_worker *w, struct dp_packet_out *po)
{
	struct ft_packet *p = &w->rx[0];

	dp_count(&dp_counters(w, po->tenant)->unqueued, 1);
	if (unlikely(__atomic_load_n(&po->tenant->hidden, __ATOMIC_RELAXED))) {
		dp_worker_drop(w, po->tenant, po->frame, WEFT_DROP_TENANT_GONE, NULL);
		return;
	}
	dp_packet_from_mbuf(&p->pkt, po->frame);
	memset(&p->key, 0, sizeof(p->key));
	p->key.in_port = htonl(po->in_port);
	p->rule = NULL;
	p->table = 0;
	w->sink.tenant = po->tenant;
	w->copies[0] = 0;
	if (po->continuation_len)
		dp_rx_resume(w, po, p);
	else
		ft_switch_packet_out(po->tenant->sw, w->id, w->now_ns, p, po->tail, po->actions_len,
			&w->sink.ft);
}
