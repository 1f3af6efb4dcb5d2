// SPDX-License-Identifier: Apache-2.0
// Frames for the overlay: collected while the tables run, then encapsulated as one burst.

#include "dp_worker.h"

#include "edge/dp_oversize.h"

#include "overlay/flow_hash.h"

#include <rte_ring_elem.h>

#define DP_NEIGH_TELL_NS 100000000u // a VTEP is asked for at most so often by one worker

// The answer takes long compared to a packet.
void dp_encap_want(
	struct dp_worker *w, const struct dp_tenant *t, const struct weft_ip *ip, uint32_t what)
{
	struct dp_event e = {.type = what, .tenant = t->id, .ip = *ip};
	uint64_t *slot = what == WEFT_IPC_VTEP_WANTED ? w->vtep_told_ns : w->neigh_told_ns;
	uint64_t *told = &slot[dp_ip_hash(ip) % 64];

	if (*told && w->now_ns - *told < DP_NEIGH_TELL_NS)
		return;
	*told = w->now_ns;
	rte_ring_sp_enqueue_elem(w->events, &e, sizeof(e));
}

bool dp_encap_make_room(struct dp_worker *w, struct weft_packet *p, unsigned len)
{
	struct rte_mbuf *m;

	if (p->headroom >= len)
		return true;
	dp_packet_to_mbuf(p);
	m = dp_mbuf_with_headroom(p->owner, w->dp->pool, RTE_PKTMBUF_HEADROOM);
	if (!m)
		return false;
	dp_packet_from_mbuf(p, m);
	return true;
}

static enum weft_drop dp_encap_refuse(
	struct dp_worker *w, struct dp_tenant *t, const struct dp_remote *r, struct weft_packet *p)
{
	if (r->drop != DP_REMOTE_OK) {
		if (r->drop == WEFT_DROP_NO_NEIGHBOUR)
			dp_encap_want(w, t, &r->ip, WEFT_IPC_NEIGH_WANTED);
		return (enum weft_drop)r->drop;
	}
	if (dp_vtep_is_down(r))
		return WEFT_DROP_VTEP_DOWN;
	if (p->total_len + r->tmpl.len - r->tmpl.l3_ofs > r->max_len)
		return WEFT_DROP_TOO_BIG;
	if (dp_port_config(r->uplink) & (WEFT_PORT_DOWN | WEFT_PORT_NO_FWD))
		return WEFT_DROP_PORT_DOWN;
	if (!dp_encap_make_room(w, p, r->tmpl.len))
		return WEFT_DROP_NO_HEADROOM;
	return WEFT_DROP_MAX;
}

bool dp_encap_push(struct dp_worker *w, struct dp_tenant *t, const struct dp_remote *r,
	const struct weft_packet *p, const struct dp_cause *cause)
{
	struct dp_encap_queue *q = &w->encap;
	struct weft_packet *mine;
	enum weft_drop refusal;

	if (q->n == OVERLAY_BURST_MAX)
		dp_encap_flush(w);
	mine = &q->pkt[q->n];
	*mine = *p;
	if (r->ways > 1) {
		if (!mine->hash)
			mine->hash = overlay_flow_hash(mine->data, mine->len, w->dp->seed);
		r = dp_remote_way(r, mine->hash);
	}
	refusal = dp_encap_refuse(w, t, r, mine);
	if (refusal == WEFT_DROP_TOO_BIG && r->drop == DP_REMOTE_OK) {
		struct weft_packet big = *mine; // the queue may be flushed meanwhile

		dp_oversize_remote(w, t, r, &big, cause);
		return false;
	}
	if (refusal != WEFT_DROP_MAX) {
		dp_worker_drop(w, t, mine->owner, refusal, cause);
		return false;
	}
	if (!mine->hash)
		mine->hash = overlay_flow_hash(mine->data, mine->len, w->dp->seed);
	q->tenant[q->n] = t;
	q->remote[q->n] = r;
	q->cause[q->n] = *cause;
	q->n++;
	return true;
}

void dp_encap_flush(struct dp_worker *w)
{
	struct dp_encap_queue *q = &w->encap;
	const struct overlay_template *tmpl[OVERLAY_BURST_MAX];
	uint64_t done;

	if (!q->n)
		return;
	for (unsigned i = 0; i < q->n; i++)
		tmpl[i] = &q->remote[i]->tmpl;
	done = overlay_encap_burst(tmpl, q->pkt, q->n, w->ip_id, dp_mbuf_sum_tail);
	w->ip_id = (uint16_t)(w->ip_id + q->n);
	for (unsigned i = 0; i < q->n; i++) {
		struct weft_packet *p = &q->pkt[i];

		if (done >> i & 1) {
			dp_packet_to_mbuf(p);
			dp_tx(w, q->tenant[i], p->owner, q->remote[i]->uplink);
		} else {
			dp_worker_drop(w, q->tenant[i], p->owner, overlay_encap_refusal(tmpl[i], p),
				&q->cause[i]);
		}
	}
	q->n = 0;
}
