// SPDX-License-Identifier: Apache-2.0
// A burst that came in, stage by stage.
//
//	uplink: sound? -> decap -> network to tenant, source known? -> strip -> tables (dp_uplink.c)
//	local:  sound? -> tables
//	kernel: to the uplink
//
// A packet whose way is known does not see the tables (dp_path.c).
//
// A packet is entered in the ledger (received) when it enters the tables, or is refused; on a known
// way with all others that went it (dp_path_told()).

#include "dp_worker.h"

#include "dp_held.h"
#include "edge/dp_admit.h"
#include "offload/dp_big.h"
#include "offload/dp_haul.h"
#include "offload/dp_rawcsum.h"
#include "tenants/dp_storm.h"
#include "tenants/dp_suppress.h"

#include "flowtable/lines.h"
#include "flowtable/packet/extract.h"

void dp_rx_refuse(struct dp_worker *w, struct dp_port *port, struct dp_tenant *t,
	struct rte_mbuf *m, enum weft_drop reason)
{
	struct dp_cause cause = {.in_port = port->ofport};

	dp_count(&w->rx_drops[port->index], 1);
	dp_worker_drop(w, t, m, reason, &cause);
}

unsigned dp_rx_sound(struct dp_worker *w, struct dp_port *port, struct rte_mbuf *m[], unsigned n)
{
	uint32_t config = dp_port_config(port);
	unsigned kept = 0;

	for (unsigned i = 0; i < n; i++) {
		enum weft_drop reason = WEFT_DROP_MAX;
		struct rte_mbuf *whole = NULL;

		if (config & (WEFT_PORT_DOWN | WEFT_PORT_NO_RECV))
			reason = WEFT_DROP_RX_PORT_DOWN;
		else if (m[i]->pkt_len < RTE_ETHER_HDR_LEN)
			reason = WEFT_DROP_RX_TRUNCATED;
		else if (!(whole = dp_mbuf_pullup(m[i], w->dp->pool)))
			reason = WEFT_DROP_RX_OVERSIZED;
		if (reason == WEFT_DROP_MAX) {
			m[kept++] = whole;
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
	w->learned += learned;
}

// Those of w->in that `left` has a bit of and that belong to the same tenant as the first one,
// through its tables. `extracted`: their keys are there. Returns the bits of the others.
static uint64_t dp_rx_tables(struct dp_worker *w, uint64_t left, bool extracted, bool traced)
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
		if (!extracted)
			dp_rx_fill(w, p[n], i);
		w->copies[i] = 0;
		trace[n++] = traced ? ft_cache_trace(w->cache, i) : NULL;
	}
	w->sink.tenant = t;
	dp_count(&dp_counters(w, t)->received, n);
	ft_switch_process_traced(t->sw, w->id, w->now_ns, p, trace, n, extracted, &w->sink.ft);
	if (w->cache)
		dp_rx_learn(w, t, n);
	return others;
}

static void dp_rx_look_ahead(struct dp_worker *w, uint64_t left, bool extracted)
{
	struct ft_switch *sw[DP_RX_BURST];
	struct ft_packet *p[DP_RX_BURST];
	unsigned n = 0;

	for (; left; left &= left - 1, n++) {
		unsigned i = (unsigned)__builtin_ctzll(left);

		sw[n] = w->in.at[i].front->sw;
		p[n] = &w->rx[i];
		if (!extracted)
			dp_rx_fill(w, p[n], i);
	}
	ft_look_ahead(sw, p, n, w->id, extracted);
}

static void dp_rx_taken_in(struct dp_worker *w, uint64_t which)
{
	for (; which; which &= which - 1) {
		dp_count(&dp_counters(w, w->in.tenant[__builtin_ctzll(which)])->cache_inserts, 1);
		dp_count(&w->stats.cache_inserts, 1);
	}
}

static struct ft_packet *dp_rx_filled(void *ctx, unsigned i)
{
	struct dp_worker *w = ctx;

	dp_rx_fill(w, &w->rx[i], i);
	return &w->rx[i];
}

// New flows on the ways of others. Returns the bits of the packets that are left still; whether
// their keys are there is said.
static uint64_t dp_rx_derive(
	struct dp_worker *w, uint64_t left, const struct ft_path *path[], bool *extracted)
{
	struct ft_derived d =
		ft_cache_derive(w->cache, w->in.at, w->in.n, left, dp_rx_filled, w, path);

	dp_rx_taken_in(w, d.taken_in);
	left &= dp_path_go(w, path);
	*extracted = d.filled & left;
	if (!*extracted)
		return left;
	for (uint64_t to = left & ~d.filled; to; to &= to - 1) {
		struct ft_packet *p = dp_rx_filled(w, (unsigned)__builtin_ctzll(to));

		ft_extract(&p->pkt, &p->key);
	}
	return left;
}

// What these packets are written to on the full way: where a worker has long had known ones alone
// all of it is far away, some twenty lines a packet.
static void dp_rx_expect(struct dp_worker *w, uint64_t which)
{
	if (w->cache)
		ft_cache_expect(w->cache, which);
	for (; which; which &= which - 1)
		ft_prefetch_lines(&w->rx[__builtin_ctzll(which)], sizeof(w->rx[0]));
}

// A part of them.
static void dp_rx_some(struct dp_worker *w, uint64_t which, bool extracted, bool traced)
{
	dp_rx_expect(w, which);
	if (ft_ahead_pays(&w->ahead, w->in.at, which)) {
		dp_rx_look_ahead(w, which, extracted);
		extracted = true;
	}
	while (which)
		which = dp_rx_tables(w, which, extracted, traced);
}

// The first n.
static uint64_t dp_rx_first(uint64_t left, unsigned n)
{
	uint64_t rest = left;

	while (n--)
		rest &= rest - 1;
	return left & ~rest;
}

// Part by part (dp_pace.h), as long as there is time, unless none may be held. `must`: one packet
// at least.
static void dp_rx_full_way(
	struct dp_worker *w, uint64_t left, bool extracted, bool must, bool traced)
{
	uint64_t now = dp_pace_now(&w->pace);

	while (left) {
		unsigned all = (unsigned)__builtin_popcountll(left), n = all;
		uint64_t began = now, which;

		if (w->held.port)
			n = dp_pace_part(&w->pace, now, all, must);
		if (!n && dp_held_put(w, left))
			return;
		if (!n)
			n = all;
		which = n == all ? left : dp_rx_first(left, n);
		dp_rx_some(w, which, extracted, traced);
		now = dp_pace_now(&w->pace);
		dp_pace_took(&w->pace, began, now, n);
		left &= ~which;
		must = false;
	}
}

static void dp_rx_look_up(struct dp_worker *w, bool held)
{
	const struct ft_path *path[DP_RX_BURST];
	uint64_t left = ~0ull >> (64 - w->in.n);
	bool extracted = false;

	if (w->cache) {
		ft_cache_find(w->cache, w->in.at, w->in.n, path);
		left = dp_path_go(w, path);
		if (left && ft_cache_may_derive(w->in.at, left))
			left = dp_rx_derive(w, left, path, &extracted);
		dp_count(&w->stats.cache_hits, w->in.n - (unsigned)__builtin_popcountll(left));
	}
	left = dp_admit_rest(w, left);
	if (!left)
		return;
	dp_rx_full_way(w, left, extracted, held, w->cache);
}

void dp_rx_enter(struct dp_worker *w)
{
	// What waits to be let in is watched from the next burst on.
	if (!w->in.waits && __atomic_load_n(&w->dp->suppressing, __ATOMIC_RELAXED))
		dp_suppress_watch(w);
	dp_rx_look_up(w, false);
}

void dp_rx_enter_held(struct dp_worker *w, bool asked)
{
	if (asked)
		dp_rx_full_way(w, ~0ull >> (64 - w->in.n), false, true, false);
	else
		dp_rx_look_up(w, true);
}

void dp_rx_frames(struct dp_worker *w, struct dp_port *port, struct rte_mbuf *m[], unsigned n)
{
	struct dp_arrivals *in = &w->in;
	const struct ft_front *front = ft_switch_front(port->tenant->sw);
	struct ft_from from = {.sw_number = front->number, .in_port = port->ofport};

	if (dp_storm_is_limited(port))
		n = dp_storm_admit(w, port, m, n);
	for (unsigned i = 0; i < n; i++) {
		if (port->raw_csum && m[i]->nb_segs == 1)
			dp_rawcsum_fix(rte_pktmbuf_mtod(m[i], uint8_t *), m[i]->data_len);
		in->m[i] = m[i];
		in->tenant[i] = port->tenant;
		in->at[i] = (struct ft_arrival){
			.data = rte_pktmbuf_mtod(m[i], uint8_t *),
			.front = front,
			.len = m[i]->data_len,
			.total_len = m[i]->pkt_len,
			.from = from,
		};
	}
	in->n = n;
	if (n)
		dp_rx_enter(w);
}

static void dp_rx_local(struct dp_worker *w, struct dp_port *port, struct rte_mbuf *m[], unsigned n)
{
	if (__builtin_expect(__atomic_load_n(&w->dp->kept_big, __ATOMIC_ACQUIRE), 0))
		dp_big_burst(w, port, m, n);
	else
		dp_rx_frames(w, port, m, n);
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
	static_assert(DP_RX_BURST <= FT_BURST, "one burst");
	if (port->role == DP_UPLINK) {
		if (port->kdev)
			dp_haul_burst(w, port, m, n);
		else
			dp_rx_uplink(w, port, m, n);
		return;
	}
	n = dp_rx_sound(w, port, m, n);
	if (!n)
		return;
	if (port->role == DP_LOCAL)
		dp_rx_local(w, port, m, n);
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
