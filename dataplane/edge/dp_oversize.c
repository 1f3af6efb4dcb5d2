// SPDX-License-Identifier: Apache-2.0
#include "edge/dp_oversize.h"

#include "edge/dp_frag.h"
#include "dp_worker.h"

#include "overlay/icmp.h"

// Back to where the packet came from. Takes the buffer.
static void dp_oversize_send(struct dp_worker *w, struct dp_tenant *t, struct rte_mbuf *m,
	const struct weft_ip *from, const struct dp_cause *cause)
{
	struct dp_cause own = {.in_port = cause->in_port};
	const struct dp_remote *r;
	struct weft_packet p;
	struct dp_port *port;

	if (cause->in_port == WEFT_OFPORT_OVERLAY) {
		r = dp_vtep_find(__atomic_load_n(&t->vteps, __ATOMIC_ACQUIRE), from);
		dp_packet_from_mbuf(&p, m);
		if (r && p.total_len + r->tmpl.len - r->tmpl.l3_ofs <= r->max_len)
			dp_encap_push(w, t, r, &p, &own);
		else
			dp_worker_drop(
				w, t, m, r ? WEFT_DROP_TOO_BIG : WEFT_DROP_FOREIGN_VTEP, &own);
		return;
	}
	port = dp_portmap_get(__atomic_load_n(&t->ports, __ATOMIC_ACQUIRE), cause->in_port);
	if (port && !(dp_port_config(port) & (WEFT_PORT_DOWN | WEFT_PORT_NO_FWD)))
		dp_tx(w, t, m, port);
	else
		dp_worker_drop(w, t, m, port ? WEFT_DROP_PORT_DOWN : WEFT_DROP_NO_PORT, &own);
}

// False: it was not told, for now.
static bool dp_oversize_tell(struct dp_worker *w, struct dp_tenant *t, const struct weft_packet *p,
	uint32_t mtu, const struct weft_ip *from, const struct dp_cause *cause)
{
	struct rte_mbuf *m;
	uint32_t len;
	char *at;

	if (!dp_bucket_take(&t->tells[w->id], DP_OVERSIZE_RATE, DP_OVERSIZE_BURST, w->now_ns))
		return false;
	m = rte_pktmbuf_alloc(w->dp->pool);
	if (!m)
		return false;
	at = rte_pktmbuf_append(m, OVERLAY_ICMP_MAX_LEN); // --max-frame is 2048 at least
	len = overlay_icmp_too_big(p->data, p->len, mtu, (uint8_t *)at);
	rte_pktmbuf_trim(m, (uint16_t)(OVERLAY_ICMP_MAX_LEN - len));
	dp_count(&dp_counters(w, t)->copies, 1);
	dp_oversize_send(w, t, m, from, cause);
	return true;
}

unsigned dp_oversize(struct dp_worker *w, struct dp_tenant *t, const struct weft_packet *p,
	uint32_t mtu, const struct weft_ip *from, const struct dp_cause *cause,
	struct weft_packet out[DP_FRAGS_MAX])
{
	enum overlay_oversize what = overlay_oversize(p->data, p->len);
	uint8_t policy = __atomic_load_n(&t->too_big, __ATOMIC_RELAXED);
	bool tagged;
	unsigned n;

	// From a provider's tunnel: there is nobody to tell, for the network is not known any more.
	if (what == OVERLAY_OVERSIZE_TELL && t->provider && cause->in_port > WEFT_OFPORT_OVERLAY)
		policy = WEFT_TOO_BIG_DROP;
	if (policy != WEFT_TOO_BIG_DROP && what == OVERLAY_OVERSIZE_FRAGMENT) {
		n = dp_frag_inner(w, p, dp_l2_len(p, &tagged), mtu, out);
		if (n) {
			dp_count(&dp_counters(w, t)->copies, n - 1);
			return n;
		}
	} else if (policy != WEFT_TOO_BIG_DROP && what == OVERLAY_OVERSIZE_TELL &&
		   dp_oversize_tell(w, t, p, mtu, from, cause)) {
		dp_count(&dp_counters(w, t)->consumed[WEFT_CONSUMED_TOO_BIG_TOLD], 1);
		rte_pktmbuf_free(p->owner);
		return 0;
	}
	dp_worker_drop(w, t, p->owner, WEFT_DROP_TOO_BIG, cause);
	return 0;
}

void dp_oversize_remote(struct dp_worker *w, struct dp_tenant *t, const struct dp_remote *r,
	const struct weft_packet *p, const struct dp_cause *cause)
{
	static const struct weft_ip nowhere; // what comes from the overlay never goes there
	struct weft_packet frag[DP_FRAGS_MAX];
	uint32_t around = r->tmpl.len - r->tmpl.l3_ofs, l2, n;
	bool tagged;

	if (__atomic_load_n(&t->too_big, __ATOMIC_RELAXED) == WEFT_TOO_BIG_FRAGMENT) {
		dp_frag_outer(w, t, r, p, cause);
		return;
	}
	l2 = dp_l2_len(p, &tagged);
	if (r->max_len <= around + l2) {
		dp_worker_drop(w, t, p->owner, WEFT_DROP_TOO_BIG, cause);
		return;
	}
	n = dp_oversize(w, t, p, r->max_len - around - l2, &nowhere, cause, frag);
	for (unsigned i = 0; i < n; i++)
		dp_encap_push(w, t, r, &frag[i], cause);
}
