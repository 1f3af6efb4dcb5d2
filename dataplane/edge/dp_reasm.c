// SPDX-License-Identifier: Apache-2.0
#define ALLOW_EXPERIMENTAL_API // rte_ip_frag_table_del_expired_entries()
#include "edge/dp_reasm.h"

#include "dp_log.h"
#include "dp_worker.h"

#include <rte_cycles.h>
#include <rte_ip_frag.h>

#include <stdlib.h>

static_assert(RTE_LIBRTE_IP_FRAG_MAX_FRAG >= DP_REASM_FRAGMENTS, "pieces of a datagram");

struct dp_reasm {
	struct rte_ip_frag_tbl *table;
	struct rte_ip_frag_death_row dead;
	uint32_t waiting, most; // fragments in the table
	uint64_t swept_ns;
	struct dp *dp;
};

// What the table gave up.
static void dp_reasm_bury(struct dp_reasm *r, struct dp_drops *drops, struct dp_tenant *nobody)
{
	struct dp_cause cause = {0};

	for (uint32_t i = 0; i < r->dead.cnt; i++) {
		dp_count(&nobody->counters[drops->thread].unqueued, 1);
		dp_drop(drops, nobody, r->dead.row[i], WEFT_DROP_OUTER_REASSEMBLY, &cause);
	}
	r->waiting -= r->dead.cnt;
	r->dead.cnt = 0;
}

// Gives the fragment to the table. The lengths are sound: overlay_decap() has looked.
static struct rte_mbuf *dp_reasm_add(struct dp_reasm *r, struct rte_mbuf *m)
{
	uint8_t *frame = rte_pktmbuf_mtod(m, uint8_t *);
	struct rte_ipv6_hdr *ip6;

	m->l2_len = overlay_get16(frame + 12) == OVERLAY_ETHERTYPE_VLAN
			    ? OVERLAY_ETH_LEN + OVERLAY_VLAN_LEN
			    : OVERLAY_ETH_LEN;
	frame += m->l2_len;
	if (frame[0] >> 4 == 4) {
		m->l3_len = 4 * (frame[0] & 15u);
		return rte_ipv4_frag_reassemble_packet(
			r->table, &r->dead, m, rte_rdtsc(), (struct rte_ipv4_hdr *)(void *)frame);
	}
	ip6 = (struct rte_ipv6_hdr *)(void *)frame;
	m->l3_len = OVERLAY_IPV6_LEN + sizeof(struct rte_ipv6_fragment_ext);
	return rte_ipv6_frag_reassemble_packet(r->table, &r->dead, m, rte_rdtsc(), ip6,
		(struct rte_ipv6_fragment_ext *)(void *)(ip6 + 1));
}

static bool dp_reasm_no_table(
	struct dp_worker *w, struct dp_port *port, struct rte_mbuf *m, enum weft_drop reason)
{
	struct dp_cause cause = {.in_port = port->ofport};

	dp_worker_drop(w, port->tenant, m, reason, &cause);
	return false;
}

// The library leaves an IPv4 header without a checksum. Nobody need cut a datagram so that its
// first piece has the headers.
static void dp_reasm_whole(struct dp_worker *w, const struct overlay_vtep *vtep,
	struct weft_packet *p, struct overlay_rx *rx, struct rte_mbuf *m)
{
	struct rte_mbuf *whole = dp_mbuf_pullup(m, w->dp->pool);

	dp_packet_from_mbuf(p, whole ? whole : m);
	overlay_decap(vtep, p, OVERLAY_HINT_IP_GOOD, rx);
	if (rx->verdict == OVERLAY_PULLUP || rx->verdict == OVERLAY_FRAGMENT) {
		rx->verdict = OVERLAY_DROP;
		rx->drop = WEFT_DROP_OUTER_REASSEMBLY;
	}
}

bool dp_reasm_take(struct dp_worker *w, struct dp_port *port, const struct overlay_vtep *vtep,
	struct weft_packet *p, struct overlay_rx *rx)
{
	struct dp_reasm *r = __atomic_load_n(&w->reasm, __ATOMIC_ACQUIRE);
	struct dp_counters *c = dp_counters(w, port->tenant);
	struct rte_mbuf *m = dp_mbuf_flatten(p->owner, w->dp->pool);

	dp_count(&c->received, 1);
	if (!r || !m) // being taken away, or no buffer
		return dp_reasm_no_table(w, port, m ? m : p->owner,
			r ? WEFT_DROP_NO_BUFFER : WEFT_DROP_OUTER_FRAGMENT);
	if (r->waiting >= r->most)
		return dp_reasm_no_table(w, port, m, WEFT_DROP_OUTER_REASSEMBLY);
	dp_count(&c->queued, 1);
	r->waiting++;
	m = dp_reasm_add(r, m);
	dp_reasm_bury(r, &w->drops, w->dp->nobody);
	if (!m)
		return false;
	r->waiting -= m->nb_segs; // each was one fragment
	dp_count(&c->unqueued, m->nb_segs);
	dp_count(&c->consumed[WEFT_CONSUMED_REASSEMBLED], m->nb_segs);
	dp_reasm_whole(w, vtep, p, rx, m);
	return true;
}

void dp_reasm_sweep(struct dp_worker *w)
{
	struct dp_reasm *r = __atomic_load_n(&w->reasm, __ATOMIC_ACQUIRE);
	uint64_t now;

	if (!r || !r->waiting)
		return;
	now = dp_now_ns();
	if (now - r->swept_ns < DP_REASM_SWEEP_NS)
		return;
	r->swept_ns = now;
	rte_ip_frag_table_del_expired_entries(r->table, &r->dead, rte_rdtsc());
	dp_reasm_bury(r, &w->drops, w->dp->nobody);
}

// ---- control thread

static struct dp_reasm *dp_reasm_new(struct dp *dp, unsigned datagrams)
{
	struct dp_reasm *r = calloc(1, sizeof(*r));
	const unsigned ways = 4;
	uint32_t buckets = rte_align32pow2((datagrams + ways - 1) / ways) * 2;

	if (!r)
		return NULL;
	r->dp = dp;
	r->most = RTE_MAX(dp->opt.mbufs / DP_REASM_SHARE / dp->opt.workers, 1u);
	r->table = rte_ip_frag_table_create(buckets, ways, datagrams,
		rte_get_tsc_hz() / 1000 * DP_REASM_TIMEOUT_MS, SOCKET_ID_ANY);
	if (!r->table) {
		free(r);
		return NULL;
	}
	return r;
}

// Nobody uses it any more. What waited in it is dropped now, in the control thread's name.
static void dp_reasm_end(void *obj)
{
	struct dp_reasm *r = obj;
	struct dp_tenant *nobody = r->dp->nobody;
	struct dp_counters *c = &nobody->counters[dp_control(r->dp)];

	while (r->waiting) {
		uint32_t before = r->waiting;

		rte_ip_frag_table_del_expired_entries(r->table, &r->dead, UINT64_MAX);
		for (uint32_t i = 0; i < r->dead.cnt; i++) {
			dp_count(&c->unqueued, 1);
			dp_count(&c->drops[WEFT_DROP_OUTER_REASSEMBLY], 1);
			rte_pktmbuf_free(r->dead.row[i]);
		}
		r->waiting -= r->dead.cnt;
		r->dead.cnt = 0;
		if (r->waiting == before)
			break;
	}
	rte_ip_frag_table_destroy(r->table);
	free(r);
}

void dp_reasm_discard(struct dp_reasm *tables[static DP_MAX_WORKERS])
{
	for (unsigned i = 0; i < DP_MAX_WORKERS; i++)
		if (tables[i])
			dp_reasm_end(tables[i]);
}

bool dp_reasm_prepare(
	struct dp *dp, unsigned datagrams, struct dp_reasm *tables[static DP_MAX_WORKERS])
{
	memset(tables, 0, DP_MAX_WORKERS * sizeof(tables[0]));
	for (unsigned i = 0; datagrams && i < dp->opt.workers; i++) {
		tables[i] = dp_reasm_new(dp, datagrams);
		if (!tables[i]) {
			dp_reasm_discard(tables);
			return false;
		}
	}
	return true;
}

void dp_reasm_use(struct dp *dp, struct dp_reasm *tables[static DP_MAX_WORKERS])
{
	for (unsigned i = 0; i < dp->opt.workers && dp->worker[i]; i++) {
		struct dp_reasm *old = dp->worker[i]->reasm;

		__atomic_store_n(&dp->worker[i]->reasm, tables[i], __ATOMIC_RELEASE);
		if (old)
			dp_rcu_retire(dp->rcu, dp_reasm_end, old);
	}
}
