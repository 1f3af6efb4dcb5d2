// SPDX-License-Identifier: Apache-2.0
// Packets whose way is known: counted, edited, encapsulated and put into tx buffers from the frame
// as it came, without a key. What would need more (a frame longer than the way is wide, no
// headroom, checksums over the payload) goes through the tables, as if nothing were known.

#include "edge/dp_provider.h"
#include "dp_worker.h"

#include "flowtable/prefetched.h"
#include "overlay/flow_hash.h"

// Packets one after the other on the same path are counted together.
struct dp_run {
	const struct ft_path *path; // NULL: none
	unsigned n;
	uint64_t bytes;
};

// What a tenant's ledger says of packets on known ways, it is told later, as rules are
// (flowtable/cache/pending.h): that they came in, and where they ended if it was here. So a packet
// that a rule drops touches nothing of its tenant.
void dp_path_told(void *ctx, const struct ft_path *path, uint64_t packets, uint64_t used_ns)
{
	struct dp_cause cause = {.rule = path->target, .in_port = path->network};
	struct dp_worker *w = ctx;
	struct dp_tenant *t = ft_switch_ctx(path->sw);

	dp_count(&dp_counters(w, t)->received, packets);
	dp_count(&dp_counters(w, t)->cache_hits, packets);
	if (path->end == FT_PATH_DROP)
		dp_drop_count(&w->drops, t, (enum weft_drop)path->why, &cause, packets, used_ns);
}

static void dp_run_end(struct dp_worker *w, const struct dp_run *r)
{
	if (!r->n)
		return;
	ft_cache_count(w->cache, r->path, r->n, r->bytes, w->now_ns);
}

static inline void dp_run_add(
	struct dp_worker *w, struct dp_run *r, const struct ft_path *path, uint32_t bytes)
{
	if (path != r->path) {
		dp_run_end(w, r);
		*r = (struct dp_run){.path = path};
	}
	r->n++;
	r->bytes += bytes;
}

bool dp_path_steps(struct dp_worker *w, const struct ft_path *path, unsigned i)
{
	struct ft_packet *p = &w->rx[i];
	struct ft_arrival *a = &w->in.at[i];

	dp_rx_fill(w, p, i);
	w->copies[i] = 0;
	w->sink.tenant = w->in.tenant[i];
	if (!ft_path_run(path, w->id, w->now_ns, p, &w->sink.ft))
		return false;
	dp_packet_to_mbuf(&p->pkt);
	a->data = p->pkt.data;
	a->len = p->pkt.len;
	a->total_len = p->pkt.total_len;
	return true;
}

static void dp_path_encap(struct dp_worker *w, const struct ft_path *path, unsigned i)
{
	const struct dp_remote *to = path->target;
	const struct ft_arrival *a = &w->in.at[i];
	// What has a path is plain (flowtable/cache/cache_key.h), and edits leave it so, tags
	// aside.
	bool v4 = a->data[12] == 8 && !a->data[13];
	uint32_t hash = v4 ? overlay_flow_hash_plain(a->data, w->dp->seed)
			   : overlay_flow_hash(a->data, a->len, w->dp->seed);
	const struct dp_remote *r = dp_remote_way(to, hash);
	const struct overlay_template *t = &r->tmpl;
	struct rte_mbuf *m = w->in.m[i];
	uint8_t *frame =
		overlay_encap(t, rte_pktmbuf_mtod(m, uint8_t *), a->total_len, hash, w->ip_id++);
	uint8_t flip = v4 ? (a->data[15] ^ t->tos) & t->tos_mask
			  : overlay_encap_tos_flip(t, a->data, a->len);

	if (__builtin_expect(flip, 0))
		overlay_encap_flip_tos(t, frame, flip);
	if (__builtin_expect(t->any_network, 0)) {
		overlay_encap_set_network(t, frame, path->network);
		dp_remote_used(to);
	}
	m->data_off = (uint16_t)(m->data_off - t->len);
	m->data_len = (uint16_t)(m->data_len + t->len);
	m->pkt_len += t->len;
	dp_tx(w, w->in.tenant[i], m, r->uplink);
}

// Nor in that of its copies: where one VTEP of several is down, others may get the packet.
static __attribute__((noinline)) bool dp_path_steps_fit(
	const struct ft_path *path, const struct rte_mbuf *m)
{
	unsigned header = 0;

	if (path->end == FT_PATH_OUTPUT && path->flags == DP_PATH_OVERLAY)
		header = ((const struct dp_remote *)path->target)->tmpl.len;
	for (unsigned i = 0; i < path->steps; i++) {
		const struct ft_step *s = ft_path_step(path, i);

		if (s->type == FT_STEP_OUTPUT && s->flags == DP_PATH_OVERLAY &&
			dp_vtep_is_down(s->what))
			return false;
	}
	return m->data_off >= header && ft_path_fits(path, m->pkt_len, m->data_off - header);
}

// Whether nothing about this very packet stands in the way.
static inline bool dp_path_fits(
	const struct ft_path *path, const struct dp_arrivals *in, unsigned i)
{
	const struct dp_remote *r = path->target;

	if (in->at[i].total_len > path->max_len)
		return false;
	if (__builtin_expect(path->steps, 0) && !dp_path_steps_fit(path, in->m[i]))
		return false;
	return path->end == FT_PATH_DROP || path->flags == DP_PATH_PORT ||
	       (in->m[i]->data_off >= r->tmpl.len && !r->tmpl.udp_csum && !dp_vtep_is_down(r));
}

// A packet that a meter ended did not go all of its path.
static void dp_path_ended(struct dp_worker *w, struct dp_tenant *t)
{
	dp_count(&dp_counters(w, t)->received, 1);
	dp_count(&dp_counters(w, t)->cache_hits, 1);
}

// Packets that go different ways: each waits for what it will read of where it goes.
static inline void dp_path_look_ahead(const struct ft_path *const path[], unsigned n)
{
	const struct ft_path *last = NULL;

	if (path[0] == path[n / 2] && path[0] == path[n - 1])
		return; // most likely but one
	for (unsigned i = 0; i < n; i++) {
		if (path[i] == last || !path[i])
			continue;
		last = path[i];
		__builtin_prefetch(last->target);
		__builtin_prefetch((const char *)last->target + 64);
	}
	ft_prefetched();
}

uint64_t dp_path_go(struct dp_worker *w, const struct ft_path *const path[])
{
	struct dp_arrivals *in = &w->in;
	struct rte_mbuf *dropped[DP_RX_BURST];
	struct dp_run run = {0};
	unsigned n_dropped = 0;
	uint64_t left = 0;

	dp_path_look_ahead(path, in->n);
	for (unsigned i = 0; i < in->n; i++) {
		const struct ft_path *p = path[i];
		uint32_t bytes = in->at[i].total_len;

		if (!p || __builtin_expect(!dp_path_fits(p, in, i), 0)) {
			left |= 1ull << i;
			continue;
		}
		if (__builtin_expect(p->steps, 0) && !dp_path_steps(w, p, i)) {
			dp_path_ended(w, in->tenant[i]);
			continue;
		}
		dp_run_add(w, &run, p, bytes);
		if (p->end == FT_PATH_DROP)
			dropped[n_dropped++] = in->m[i];
		else if (p->flags == DP_PATH_PORT)
			dp_tx(w, in->tenant[i], in->m[i], (struct dp_port *)(uintptr_t)p->target);
		else
			dp_path_encap(w, p, i);
	}
	dp_run_end(w, &run);
	if (n_dropped)
		rte_pktmbuf_free_bulk(dropped, n_dropped);
	return left;
}
