// SPDX-License-Identifier: Apache-2.0
#include "edge/dp_frag.h"

#include "dp_worker.h"

#include "overlay/checksum.h"
#include "overlay/flow_hash.h"

#include <rte_ip_frag.h>

#define DP_FRAG_L2_MAX 22u // Ethernet with two tags

static void dp_frag_free(struct rte_mbuf *m[], unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		rte_pktmbuf_free(m[i]);
}

// Puts the Ethernet header before each fragment. False: no room, which a fresh buffer has.
static bool dp_frag_head(struct rte_mbuf *m[], unsigned n, const uint8_t *l2, uint32_t l2_len)
{
	for (unsigned i = 0; i < n; i++) {
		char *at = rte_pktmbuf_prepend(m[i], (uint16_t)l2_len);

		if (!at)
			return false;
		memcpy(at, l2, l2_len);
	}
	return true;
}

unsigned dp_frag_inner(struct dp_worker *w, const struct weft_packet *p, uint32_t l2, uint32_t mtu,
	struct weft_packet out[DP_FRAGS_MAX])
{
	struct rte_mbuf *in = p->owner, *m[DP_FRAGS_MAX];
	uint32_t total = overlay_get16(p->data + l2 + 2);
	uint8_t head[DP_FRAG_L2_MAX];
	int n;

	if (l2 > sizeof(head) || total + l2 > p->total_len)
		return 0;
	memcpy(head, p->data, l2);
	dp_packet_to_mbuf(p);
	rte_pktmbuf_adj(in, (uint16_t)l2);
	if (in->pkt_len > total) { // Ethernet's padding, or a device's
		in->pkt_len = total;
		dp_mbuf_cut(in);
	}
	n = rte_ipv4_fragment_packet(
		in, m, DP_FRAGS_MAX, (uint16_t)RTE_MIN(mtu, 65535u), w->dp->pool, w->dp->pool);
	if (n > 0 && !dp_frag_head(m, (unsigned)n, head, l2)) {
		dp_frag_free(m, (unsigned)n);
		n = 0;
	}
	if (n <= 0) {
		rte_pktmbuf_prepend(in, (uint16_t)l2); // adj() moved nothing
		return 0;
	}
	for (int i = 0; i < n; i++) {
		uint8_t *ip = rte_pktmbuf_mtod_offset(m[i], uint8_t *, l2);

		overlay_ipv4_set_csum(ip, 4 * (ip[0] & 15u));
		dp_packet_from_mbuf(&out[i], m[i]);
	}
	rte_pktmbuf_free(in);
	return (unsigned)n;
}

// ---- the outer packet

static uint32_t dp_frag_id(struct dp *dp)
{
	return __atomic_add_fetch(&dp->frag_id, 1, __ATOMIC_RELAXED);
}

// The buffer's data begin at the outer IP header. Returns how many fragments.
static int dp_frag_split(
	struct dp_worker *w, struct rte_mbuf *in, bool v6, uint32_t mtu, struct rte_mbuf *m[])
{
	struct rte_mempool *pool = w->dp->pool;
	uint8_t *ip = rte_pktmbuf_mtod(in, uint8_t *);
	uint32_t id = dp_frag_id(w->dp);
	uint16_t most = (uint16_t)RTE_MIN(mtu, 65535u);
	int n;

	if (!v6) {
		overlay_put16(ip + 4, (uint16_t)id);
		overlay_put16(ip + 6, 0); // DF
	}
	n = v6 ? rte_ipv6_fragment_packet(in, m, DP_FRAGS_MAX, most, pool, pool)
	       : rte_ipv4_fragment_packet(in, m, DP_FRAGS_MAX, most, pool, pool);
	for (int i = 0; i < n; i++) {
		ip = rte_pktmbuf_mtod(m[i], uint8_t *);
		if (v6)
			overlay_put32(ip + OVERLAY_IPV6_LEN + 4, id);
		else
			overlay_ipv4_set_csum(ip, 4 * (ip[0] & 15u));
	}
	return n;
}

static uint64_t dp_frag_encap(struct dp_worker *w, const struct dp_remote *r, struct weft_packet *p)
{
	const struct overlay_template *tmpl = &r->tmpl;

	if (!p->hash)
		p->hash = overlay_flow_hash(p->data, p->len, w->dp->seed);
	return overlay_encap_burst(&tmpl, p, 1, 0, dp_mbuf_sum_tail);
}

void dp_frag_outer(struct dp_worker *w, struct dp_tenant *t, const struct dp_remote *r,
	const struct weft_packet *p, const struct dp_cause *cause)
{
	struct rte_mbuf *m[DP_FRAGS_MAX], *in;
	uint8_t head[DP_FRAG_L2_MAX];
	struct weft_packet outer = *p;
	uint32_t l2 = r->tmpl.l3_ofs;
	int n;

	dp_encap_flush(w); // of the same flow, some may wait there
	if (!dp_encap_make_room(w, &outer, r->tmpl.len) || !dp_frag_encap(w, r, &outer)) {
		dp_worker_drop(w, t, outer.owner, overlay_encap_refusal(&r->tmpl, &outer), cause);
		return;
	}
	memcpy(head, outer.data, l2);
	dp_packet_to_mbuf(&outer);
	in = outer.owner;
	rte_pktmbuf_adj(in, (uint16_t)l2);
	n = dp_frag_split(w, in, r->tmpl.v6, r->max_len, m);
	if (n <= 0 || !dp_frag_head(m, (unsigned)n, head, l2)) {
		dp_frag_free(m, n > 0 ? (unsigned)n : 0);
		dp_worker_drop(
			w, t, in, n == -ENOMEM ? WEFT_DROP_NO_BUFFER : WEFT_DROP_TOO_BIG, cause);
		return;
	}
	rte_pktmbuf_free(in);
	dp_count(&dp_counters(w, t)->copies, (unsigned)n - 1);
	for (int i = 0; i < n; i++)
		dp_tx(w, t, m[i], r->uplink);
}
