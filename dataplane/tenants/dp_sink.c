// SPDX-License-Identifier: Apache-2.0
// What flow tables decide about a packet, done: see struct ft_sink for the contract.
//
// A packet is a struct ft_packet and the buffer in its pkt.owner. Those that came in lie in w->rx
// and live for the burst; those that clone() makes are lent from w->clones and come back with their
// last call.

#include "dp_worker.h"

#include "edge/dp_oversize.h"
#include "edge/dp_provider.h"
#include "edge/dp_vtep_learn.h"
#include "tenants/dp_punt.h"
#include "tenants/dp_suppress.h"

#include "flowtable/cache/trace.h"

#include <rte_ring_elem.h>

static struct dp_sink *dp_sink(struct ft_sink *s)
{
	return (struct dp_sink *)(void *)s;
}

static struct dp_cause dp_sink_cause(const struct ft_packet *p)
{
	return (struct dp_cause){.rule = p->rule, .in_port = ntohl(p->key.in_port)};
}

// The view is not needed any more; its buffer has gone another way.
static void dp_sink_done(struct dp_worker *w, struct ft_packet *p)
{
	if (p >= w->clones && p < w->clones + DP_CLONES)
		w->clone_free[w->n_clone_free++] = p;
}

// Which packet of the burst it is, or is a copy of.
static uint16_t dp_sink_root(const struct dp_worker *w, const struct ft_packet *p)
{
	if (p >= w->clones && p < w->clones + DP_CLONES)
		return w->clone_of[p - w->clones];
	return (uint16_t)(p - w->rx);
}

// A copy that is due does not come to be.
static bool dp_sink_no_copy(
	struct dp_worker *w, struct dp_tenant *t, const struct ft_packet *p, enum weft_drop reason)
{
	struct dp_cause cause = dp_sink_cause(p);

	dp_worker_drop(w, t, NULL, reason, &cause);
	return false;
}

// A copy of `from`, which is the packet as it is now, in `copy` (all but the key). False: none, and
// that is counted.
static bool dp_sink_copy(struct dp_worker *w, struct dp_tenant *t, const struct ft_packet *p,
	const struct weft_packet *from, uint32_t max_len, struct weft_packet *copy)
{
	uint16_t *made = &w->copies[dp_sink_root(w, p)];
	struct rte_mbuf *m;

	dp_count(&dp_counters(w, t)->copies, 1);
	if (*made == DP_COPIES)
		return dp_sink_no_copy(w, t, p, WEFT_DROP_COPIES);
	++*made;
	dp_packet_to_mbuf(from);
	m = rte_pktmbuf_copy(from->owner, w->dp->pool, 0, max_len);
	if (!m)
		return dp_sink_no_copy(w, t, p, WEFT_DROP_NO_BUFFER);
	*copy = *from;
	copy->data = rte_pktmbuf_mtod(m, uint8_t *);
	copy->len = m->data_len;
	copy->total_len = m->pkt_len;
	copy->headroom = rte_pktmbuf_headroom(m);
	copy->owner = m;
	return true;
}

static bool dp_sink_too_big(const struct dp_tenant *t, const struct weft_packet *p, uint32_t l2_len)
{
	uint32_t mtu = __atomic_load_n(&t->mtu, __ATOMIC_RELAXED);

	return mtu && p->total_len > mtu + l2_len;
}

// The longest frame of the tenant's, l2_len included, that leaves where frames of `most` bytes do.
static uint32_t dp_sink_longest(const struct dp_tenant *t, uint32_t most, uint32_t l2_len)
{
	uint32_t mtu = __atomic_load_n(&t->mtu, __ATOMIC_RELAXED);

	return mtu && mtu + l2_len < most ? mtu + l2_len : most;
}

// The smaller of the two MTUs that a frame for a port must keep to.
static uint32_t dp_sink_mtu(const struct dp_tenant *t, uint32_t port)
{
	uint32_t mtu = __atomic_load_n(&t->mtu, __ATOMIC_RELAXED);

	return mtu && mtu < port ? mtu : port;
}

static void dp_sink_from(const struct weft_flow_key *key, struct weft_ip *ip)
{
	if (key->tun_src)
		*ip = weft_ip_from_v4(key->tun_src);
	else
		memcpy(ip->b, key->tun_ipv6_src, sizeof(ip->b));
}

// Too big for a port or its tenant. Takes the buffer in `p`.
static void dp_sink_oversize(struct dp_sink *s, const struct ft_packet *of,
	const struct weft_packet *p, struct dp_port *port, uint32_t mtu,
	const struct dp_cause *cause)
{
	struct weft_packet frag[DP_FRAGS_MAX];
	struct weft_ip from;
	unsigned n;

	dp_sink_from(&of->key, &from);
	n = dp_oversize(s->worker, s->tenant, p, mtu, &from, cause, frag);
	for (unsigned i = 0; i < n; i++)
		dp_tx(s->worker, s->tenant, frag[i].owner, port);
}

// To a local port. Takes the buffer in `p`, which is `of`'s or a copy of it.
static void dp_sink_to_port(struct dp_sink *s, const struct ft_packet *of,
	const struct weft_packet *p, uint32_t ofport, const struct dp_cause *cause)
{
	const struct dp_portmap *map = __atomic_load_n(&s->tenant->ports, __ATOMIC_ACQUIRE);
	struct dp_port *port = dp_portmap_get(map, ofport);
	enum weft_drop reason;
	bool tagged;
	uint32_t l2 = dp_l2_len(p, &tagged);

	if (!port)
		reason = WEFT_DROP_NO_PORT;
	else if (dp_port_config(port) & (WEFT_PORT_DOWN | WEFT_PORT_NO_FWD))
		reason = WEFT_DROP_PORT_DOWN;
	else if (p->total_len > dp_port_mtu(port) + l2 || dp_sink_too_big(s->tenant, p, l2)) {
		dp_sink_oversize(s, of, p, port, dp_sink_mtu(s->tenant, dp_port_mtu(port)), cause);
		return;
	} else {
		ft_trace_target(of, port, dp_sink_longest(s->tenant, dp_port_mtu(port) + l2, l2),
			DP_PATH_PORT);
		dp_packet_to_mbuf(p);
		dp_tx(s->worker, s->tenant, p->owner, port);
		return;
	}
	dp_worker_drop(s->worker, s->tenant, p->owner, reason, cause);
}

static bool dp_sink_tunnel_dst(const struct weft_flow_key *key, struct weft_ip *ip)
{
	if (key->tun_dst) {
		*ip = weft_ip_from_v4(key->tun_dst);
		return true;
	}
	memcpy(ip->b, key->tun_ipv6_dst, sizeof(ip->b));
	return !weft_ip_is_none(ip);
}

static uint32_t dp_sink_most(
	const struct dp_sink *s, const struct weft_packet *view, const struct dp_remote *r)
{
	uint32_t most = r->max_len - (r->tmpl.len - r->tmpl.l3_ofs);
	bool tagged;

	return dp_sink_longest(s->tenant, r->tmpl.max_inner < most ? r->tmpl.max_inner : most,
		dp_l2_len(view, &tagged));
}

// To one VTEP.
static void dp_sink_to_one(struct dp_sink *s, const struct ft_packet *p,
	const struct weft_packet *view, const struct dp_remote *r, const struct dp_cause *cause)
{
	uint32_t most = __builtin_expect(p->trace != NULL, 0) ? dp_sink_most(s, view, r) : 0;

	if (dp_encap_push(s->worker, s->tenant, r, view, cause))
		ft_trace_target(p, r, most, DP_PATH_OVERLAY);
}

// To one of several, with more to come.
static void dp_sink_to_next(struct dp_sink *s, struct ft_packet *p, const struct weft_packet *view,
	const struct dp_remote *r, const struct dp_cause *cause)
{
	uint32_t most = __builtin_expect(p->trace != NULL, 0) ? dp_sink_most(s, view, r) : 0;
	struct weft_packet copy;

	if (dp_sink_copy(s->worker, s->tenant, p, view, UINT32_MAX, &copy) &&
		dp_encap_push(s->worker, s->tenant, r, &copy, cause))
		ft_trace_copy(p, r, most, DP_PATH_OVERLAY);
	else
		ft_trace_spoil(p);
}

// Head-end replication: to every VTEP of the tenant that is not down, the last one getting the
// buffer itself. What one packet may not become any more counts as one copy that died, however
// many VTEPs are left.
static void dp_sink_to_all(struct dp_sink *s, struct ft_packet *p, const struct weft_packet *view,
	const struct dp_vtep_set *set, const struct dp_cause *cause)
{
	const uint16_t *made = &s->worker->copies[dp_sink_root(s->worker, p)];
	const struct dp_remote *last = NULL;
	bool more = true;

	for (unsigned i = 0; more && i < set->n; i++) {
		if (dp_vtep_is_down(&set->remote[i])) {
			ft_trace_spoil(p); // it may come back any time
			continue;
		}
		more = !last || *made < DP_COPIES;
		if (last)
			dp_sink_to_next(s, p, view, last, cause);
		last = &set->remote[i];
	}
	if (last)
		dp_sink_to_one(s, p, view, last, cause);
	else
		dp_worker_drop(s->worker, s->tenant, view->owner, WEFT_DROP_VTEP_DOWN, cause);
}

static void dp_sink_to_tunnel(struct dp_sink *s, struct ft_packet *p,
	const struct weft_packet *view, uint32_t ofport, const struct dp_cause *cause);

// Longer than the tenant's MTU: its fragments, if it may have any, are not.
static void dp_sink_tunnel_oversize(struct dp_sink *s, struct ft_packet *p,
	const struct weft_packet *view, uint32_t ofport, const struct dp_cause *cause)
{
	uint32_t mtu = __atomic_load_n(&s->tenant->mtu, __ATOMIC_RELAXED);
	struct weft_packet frag[DP_FRAGS_MAX];
	static const struct weft_ip nowhere; // what comes from the overlay never goes there
	unsigned n = dp_oversize(s->worker, s->tenant, view, mtu, &nowhere, cause, frag);

	ft_trace_spoil(p); // a shorter one is one
	for (unsigned i = 0; i < n; i++)
		dp_sink_to_tunnel(s, p, &frag[i], ofport, cause);
}

// Where all that is flooded goes, if that is one place: the tenant's multicast group, or its only
// VTEP. NULL: it is not.
static const struct dp_remote *dp_sink_only_one(const struct dp_vtep_set *set)
{
	if (set->group)
		return set->group;
	return set->n == 1 && !dp_vtep_is_down(&set->remote[0]) ? &set->remote[0] : NULL;
}

// To the overlay. Takes the buffer in `view`, which is p's or a copy of it.
static void dp_sink_to_overlay(struct dp_sink *s, struct ft_packet *p,
	const struct weft_packet *view, const struct dp_cause *cause)
{
	const struct dp_vtep_set *set = __atomic_load_n(&s->tenant->vteps, __ATOMIC_ACQUIRE);
	const struct dp_remote *remote = NULL;
	enum weft_drop reason;
	struct weft_ip ip;
	bool tagged, one = dp_sink_tunnel_dst(&p->key, &ip);
	uint32_t l2 = dp_l2_len(view, &tagged);

	if (!one && dp_suppress_is_on(s->tenant)) {
		ft_trace_spoil(p); // a later question of this flow may be answered
		if (dp_suppress_answer(s->worker, s->tenant, p, view))
			return;
	}
	if (tagged &&
		!(__atomic_load_n(&s->tenant->flags, __ATOMIC_RELAXED) & WEFT_TENANT_INNER_VLAN))
		reason = WEFT_DROP_ENCAP_VLAN;
	else if (dp_sink_too_big(s->tenant, view, l2)) {
		dp_sink_tunnel_oversize(s, p, view, WEFT_OFPORT_OVERLAY, cause);
		return;
	} else if (!set->n && (one || !set->group))
		reason = WEFT_DROP_NO_VTEP;
	else if (one && !(remote = dp_vtep_find(set, &ip)))
		reason = WEFT_DROP_FOREIGN_VTEP;
	else {
		if (!one)
			remote = dp_sink_only_one(set);
		if (remote)
			dp_sink_to_one(s, p, view, remote, cause);
		else
			dp_sink_to_all(s, p, view, set, cause);
		return;
	}
	dp_worker_drop(s->worker, s->tenant, view->owner, reason, cause);
}

// To a tunnel of a provider's. Takes the buffer in `view`, likewise.
static void dp_sink_to_provider(struct dp_sink *s, struct ft_packet *p,
	const struct weft_packet *view, uint32_t ofport, const struct dp_cause *cause)
{
	struct weft_packet mine = *view;
	const struct dp_remote *remote;
	enum weft_drop reason;
	bool tagged;
	uint32_t l2 = dp_l2_len(view, &tagged);

	if (tagged &&
		!(__atomic_load_n(&s->tenant->flags, __ATOMIC_RELAXED) & WEFT_TENANT_INNER_VLAN)) {
		reason = WEFT_DROP_ENCAP_VLAN;
	} else if (dp_sink_too_big(s->tenant, view, l2)) {
		dp_sink_tunnel_oversize(s, p, view, ofport, cause);
		return;
	} else {
		reason = dp_provider_route(s->worker, s->tenant, p, ofport, &remote, &mine.network);
	}
	if (reason != WEFT_DROP_MAX) {
		dp_worker_drop(s->worker, s->tenant, view->owner, reason, cause);
		return;
	}
	ft_trace_network(p, mine.network);
	dp_sink_to_one(s, p, &mine, remote, cause);
}

static void dp_sink_to_tunnel(struct dp_sink *s, struct ft_packet *p,
	const struct weft_packet *view, uint32_t ofport, const struct dp_cause *cause)
{
	if (ofport == WEFT_OFPORT_OVERLAY)
		dp_sink_to_overlay(s, p, view, cause);
	else
		dp_sink_to_provider(s, p, view, ofport, cause);
}

static void dp_sink_output(
	struct ft_sink *sink, struct ft_packet *p, uint32_t ofport, unsigned flags)
{
	struct dp_sink *s = dp_sink(sink);
	struct dp_cause cause = dp_sink_cause(p);
	struct weft_packet view = p->pkt;

	if ((flags & FT_KEEP) && !dp_sink_copy(s->worker, s->tenant, p, &p->pkt, UINT32_MAX, &view))
		return;
	if (ofport == WEFT_OFPORT_OVERLAY || (s->tenant->provider && ofport > WEFT_OFPORT_OVERLAY))
		dp_sink_to_tunnel(s, p, &view, ofport, &cause);
	else
		dp_sink_to_port(s, p, &view, ofport, &cause);
	if (!(flags & FT_KEEP))
		dp_sink_done(s->worker, p);
}

// Once more to where a packet like it went: what there was to ask has been asked.
static void dp_sink_again(
	struct ft_sink *sink, struct ft_packet *p, const struct ft_step *step, unsigned flags)
{
	struct dp_sink *s = dp_sink(sink);
	struct dp_cause cause = dp_sink_cause(p);
	struct weft_packet view = p->pkt;

	if ((flags & FT_KEEP) && !dp_sink_copy(s->worker, s->tenant, p, &p->pkt, UINT32_MAX, &view))
		return;
	if (step->flags == DP_PATH_PORT) {
		dp_packet_to_mbuf(&view);
		dp_tx(s->worker, s->tenant, view.owner, (struct dp_port *)(uintptr_t)step->what);
	} else {
		const struct dp_remote *r = step->what;

		view.network = step->network;
		if (r->tmpl.any_network)
			dp_remote_used(r);
		dp_encap_push(s->worker, s->tenant, r, &view, &cause);
	}
	if (!(flags & FT_KEEP))
		dp_sink_done(s->worker, p);
}

// Over the rate. A copy is entered as if it had been made, and is spared.
static void dp_sink_shed(
	struct dp_sink *s, struct ft_packet *p, const struct dp_cause *cause, unsigned flags)
{
	bool keep = flags & FT_KEEP;

	if (keep)
		dp_count(&dp_counters(s->worker, s->tenant)->copies, 1);
	dp_worker_drop(
		s->worker, s->tenant, keep ? NULL : p->pkt.owner, WEFT_DROP_PUNT_RATE, cause);
	if (!keep)
		dp_sink_done(s->worker, p);
}

static void dp_sink_packet_in(
	struct ft_sink *sink, struct ft_packet *p, const struct ft_packet_in *in, unsigned flags)
{
	struct dp_sink *s = dp_sink(sink);
	struct dp_cause cause = dp_sink_cause(p);
	struct weft_packet view = p->pkt;
	uint32_t total_len = p->pkt.total_len;

	if (!dp_punt_may(s->worker, s->tenant, &p->key, in)) {
		dp_sink_shed(s, p, &cause, flags);
		return;
	}
	if ((flags & FT_KEEP) &&
		!dp_sink_copy(s->worker, s->tenant, p, &p->pkt, in->max_len, &view))
		return;
	dp_packet_to_mbuf(&view);
	dp_punt_from_worker(s->worker, s->tenant, &p->key, view.owner, total_len, in, &cause);
	if (!(flags & FT_KEEP))
		dp_sink_done(s->worker, p);
}

static void dp_sink_drop(struct ft_sink *sink, struct ft_packet *p, enum weft_drop reason)
{
	struct dp_sink *s = dp_sink(sink);
	struct dp_cause cause = dp_sink_cause(p);

	dp_worker_drop(s->worker, s->tenant, p->pkt.owner, reason, &cause);
	dp_sink_done(s->worker, p);
}

static struct ft_packet *dp_sink_clone(struct ft_sink *sink, const struct ft_packet *p)
{
	struct dp_sink *s = dp_sink(sink);
	struct dp_worker *w = s->worker;
	struct ft_packet *copy;

	if (!w->n_clone_free) {
		dp_count(&dp_counters(w, s->tenant)->copies, 1);
		dp_sink_no_copy(w, s->tenant, p, WEFT_DROP_NO_BUFFER);
		return NULL;
	}
	copy = w->clone_free[w->n_clone_free - 1];
	if (!dp_sink_copy(w, s->tenant, p, &p->pkt, UINT32_MAX, &copy->pkt))
		return NULL;
	w->n_clone_free--;
	w->clone_of[copy - w->clones] = dp_sink_root(w, p);
	copy->key = p->key;
	copy->rule = p->rule;
	copy->table = p->table;
	return copy;
}

// A tenant that sends from ever new addresses must not keep others' from being learned. What is not
// told now is at the address' next packet.
static void dp_sink_learn(struct ft_sink *sink, const struct ft_packet *p)
{
	struct dp_sink *s = dp_sink(sink);
	struct dp_bucket *allowance = &s->tenant->learns[s->worker->id];
	struct dp_event e = {
		.type = WEFT_IPC_FDB_ADD,
		.tenant = s->tenant->id,
		.mac = p->key.eth_src,
		.vlan = ntohs(p->key.vlan_vid) & 0xfff,
		.ofport = ntohl(p->key.in_port),
	};

	if (e.ofport ==
		WEFT_OFPORT_OVERLAY) // of a provider's tunnels the port is all that is learned
		dp_sink_from(&p->key, &e.ip);
	if (e.ofport == WEFT_OFPORT_OVERLAY && !dp_vtep_takes_macs(s->tenant, &e.ip))
		return;
	if (!dp_bucket_take(allowance, DP_LEARN_RATE, DP_LEARN_BURST, s->worker->now_ns))
		return;
	rte_ring_sp_enqueue_elem(s->worker->events, &e, sizeof(e));
}

static bool dp_sink_learn_rule(struct ft_sink *sink, const struct ft_learned *l)
{
	return dp_learn_tell(dp_sink(sink), l);
}

void dp_sink_init(struct dp_worker *w)
{
	w->sink = (struct dp_sink){
		.ft =
			{
				.output = dp_sink_output,
				.packet_in = dp_sink_packet_in,
				.drop = dp_sink_drop,
				.clone = dp_sink_clone,
				.learn = dp_sink_learn,
				.learn_rule = dp_sink_learn_rule,
				.again = dp_sink_again,
				.listeners = dp_snoop_listeners,
			},
		.worker = w,
	};
}
