// SPDX-License-Identifier: Apache-2.0
// BFD's packets: sent and judged by worker 0, received by any.

#include "edge/dp_bfd.h"
#include "dp_worker.h"

#include <rte_cycles.h>
#include <rte_ring_elem.h>

struct dp_bfd_received {
	struct weft_ip remote;
	uint8_t control[OVERLAY_BFD_LEN];
};
static_assert(sizeof(struct dp_bfd_received) % 4 == 0, "an element of an rte_ring");

#define INNER_ETH 14u
#define GTSM_TTL 255u // RFC 5881, 5; RFC 8971, 4

static struct dp_bfd_session *dp_bfd_find(const struct dp_bfd_table *t, const struct weft_ip *ip)
{
	for (uint32_t i = dp_ip_hash(ip);; i++) {
		uint16_t at = t->slot[i & t->mask];

		if (!at)
			return NULL;
		if (weft_ip_equal(&t->link[at - 1].s->remote, ip))
			return t->link[at - 1].s;
	}
}

// ---- worker 0: state

// The session's count before the one of all, so that who sees this sees that.
static void dp_bfd_tell(struct dp_bfd *b, struct dp_bfd_session *s)
{
	__atomic_store_n(&s->state, s->m.state, __ATOMIC_RELAXED);
	__atomic_store_n(&s->changes, s->changes + 1, __ATOMIC_RELEASE);
	__atomic_store_n(&b->changes, b->changes + 1, __ATOMIC_RELEASE);
}

// The machine was in `before`.
static void dp_bfd_follow(struct dp_worker *w, struct dp_bfd_session *s, uint8_t before)
{
	const struct overlay_bfd *m = &s->m;

	if (m->state == before)
		return;
	if (m->state == OVERLAY_BFD_UP || m->state == OVERLAY_BFD_ADMIN_DOWN)
		__atomic_store_n(&s->down, 0, __ATOMIC_RELAXED);
	else if (before == OVERLAY_BFD_UP)
		__atomic_store_n(&s->down,
			m->diag == OVERLAY_BFD_DIAG_EXPIRED ||
				m->remote_state != OVERLAY_BFD_ADMIN_DOWN,
			__ATOMIC_RELAXED);
	dp_bfd_tell(&w->dp->bfd, s);
}

static void dp_bfd_judge(
	struct dp_worker *w, struct dp_bfd_session *s, const uint8_t *control, uint64_t now)
{
	struct overlay_bfd_packet p;
	uint8_t before = s->m.state;

	if (!s->m.discr)
		return; // not begun yet
	if (!overlay_bfd_parse(control, OVERLAY_BFD_LEN, &p)) {
		s->m.discarded++;
		return;
	}
	overlay_bfd_receive(&s->m, &p, now);
	dp_bfd_follow(w, s, before);
}

// ---- worker 0: sending

static uint32_t dp_bfd_write(const struct dp_bfd_table *t, const struct dp_bfd_link *l,
	const uint8_t *control, uint8_t *out)
{
	struct overlay_bfd_datagram d = {
		.src = l->local,
		.dst = t->mode == WEFT_BFD_VXLAN ? overlay_bfd_vxlan_ip : l->s->remote,
		.src_port = l->s->src_port,
		.dst_port =
			t->mode == WEFT_BFD_MULTIHOP ? OVERLAY_BFD_PORT_MULTIHOP : OVERLAY_BFD_PORT,
	};

	return overlay_bfd_datagram_write(&d, control, out);
}

static uint32_t dp_bfd_write_plain(const struct dp_bfd_table *t, const struct dp_bfd_link *l,
	const uint8_t *control, uint8_t *out)
{
	memcpy(out, l->eth, l->eth_len);
	return l->eth_len + dp_bfd_write(t, l, control, out + l->eth_len);
}

static uint32_t dp_bfd_write_inner(const struct dp_bfd_table *t, const struct dp_bfd_link *l,
	const uint8_t *control, uint8_t *out)
{
	memcpy(out, overlay_bfd_vxlan_mac.b, 6);
	memcpy(out + 6, l->eth + 6, 6);
	memcpy(out + 12, l->eth + l->eth_len - 2, 2);
	return INNER_ETH + dp_bfd_write(t, l, control, out + INNER_ETH);
}

static void dp_bfd_wrap(struct dp_worker *w, const struct dp_bfd_link *l, struct rte_mbuf *m)
{
	uint32_t len = m->data_len;
	uint8_t *frame = overlay_encap(&l->tunnel, rte_pktmbuf_mtod(m, uint8_t *), len,
		l->s->discr * 2654435761u, w->ip_id++);

	overlay_udp_csum(&l->tunnel, frame, len);
	rte_pktmbuf_prepend(m, l->tunnel.len);
}

static void dp_bfd_send(struct dp_worker *w, const struct dp_bfd_table *t,
	const struct dp_bfd_link *l, const uint8_t *control)
{
	static_assert(RTE_PKTMBUF_HEADROOM >= OVERLAY_ENCAP_MAX_LEN, "room for the outer header");
	uint8_t bytes[sizeof(l->eth) + OVERLAY_BFD_DATAGRAM_MAX];
	struct dp_port *uplink = __atomic_load_n(&l->uplink, __ATOMIC_ACQUIRE);
	bool inner = t->mode == WEFT_BFD_VXLAN;
	struct rte_mbuf *m;
	uint32_t len;

	if (!uplink || dp_port_config(uplink) & (WEFT_PORT_DOWN | WEFT_PORT_NO_FWD))
		return;
	m = rte_pktmbuf_alloc(w->dp->pool);
	if (!m)
		return;
	len = inner ? dp_bfd_write_inner(t, l, control, bytes)
		    : dp_bfd_write_plain(t, l, control, bytes);
	memcpy(rte_pktmbuf_append(m, (uint16_t)len), bytes, len);
	if (inner)
		dp_bfd_wrap(w, l, m);
	dp_count(&dp_counters(w, w->dp->nobody)->copies, 1);
	dp_tx(w, w->dp->nobody, m, uplink);
}

// ---- worker 0: time

static void dp_bfd_adopt_link(struct dp_worker *w, const struct dp_bfd_table *t,
	const struct dp_bfd_link *l, uint64_t now)
{
	struct dp_bfd_session *s = l->s;
	uint8_t before = s->m.state;

	if (!s->m.discr) {
		overlay_bfd_init(&s->m, &t->settings, s->discr, now);
		before = s->m.state;
	}
	overlay_bfd_admin(&s->m, l->leaving, now);
	overlay_bfd_set(&s->m, &t->settings, now);
	dp_bfd_follow(w, s, before);
}

static void dp_bfd_adopt(struct dp_worker *w, const struct dp_bfd_table *t, uint64_t now)
{
	w->dp->bfd.adopted = t;
	w->dp->bfd.next_ns = 0;
	for (unsigned i = 0; i < t->n; i++)
		dp_bfd_adopt_link(w, t, &t->link[i], now);
}

static void dp_bfd_drain(struct dp_worker *w, const struct dp_bfd_table *t, uint64_t now)
{
	struct dp_bfd_received r;

	for (unsigned n = 0; n < DP_BFD_RING; n++) {
		struct dp_bfd_session *s;

		if (rte_ring_sc_dequeue_elem(w->dp->bfd.received, &r, sizeof(r)))
			return;
		s = dp_bfd_find(t, &r.remote);
		if (s)
			dp_bfd_judge(w, s, r.control, now);
		w->dp->bfd.next_ns = 0;
	}
}

static void dp_bfd_tick(struct dp_worker *w, const struct dp_bfd_table *t,
	const struct dp_bfd_link *l, uint64_t now)
{
	uint8_t control[OVERLAY_BFD_LEN], before = l->s->m.state;

	while (overlay_bfd_run(&l->s->m, now, control))
		dp_bfd_send(w, t, l, control);
	dp_bfd_follow(w, l->s, before);
}

void dp_bfd_run(struct dp_worker *w, const struct dp_bfd_table *t)
{
	struct dp_bfd *b = &w->dp->bfd;
	uint64_t now = dp_now_ns(), gap = now - b->last_ns, next = UINT64_MAX;

	if (t != b->adopted)
		dp_bfd_adopt(w, t, now);
	dp_bfd_drain(w, t, now);
	if (b->last_ns && gap > DP_BFD_GAP_NS)
		for (unsigned i = 0; i < t->n; i++)
			overlay_bfd_excuse(&t->link[i].s->m, gap);
	b->last_ns = now;
	if (now < b->next_ns)
		return;
	w->now_ns = w->drops.now_ns = now;
	for (unsigned i = 0; i < t->n; i++) {
		struct overlay_bfd *m = &t->link[i].s->m;

		if (overlay_bfd_next(m) <= now)
			dp_bfd_tick(w, t, &t->link[i], now);
		if (overlay_bfd_next(m) < next)
			next = overlay_bfd_next(m);
	}
	b->next_ns = next;
	dp_tx_flush(w);
}

void dp_bfd_farewell(struct dp_worker *w)
{
	const struct dp_bfd_table *t = __atomic_load_n(&w->dp->bfd.table, __ATOMIC_ACQUIRE);
	uint8_t control[OVERLAY_BFD_LEN];

	for (unsigned n = 0; t && n < DP_BFD_FAREWELLS; n++) {
		for (unsigned i = 0; i < t->n; i++) {
			struct overlay_bfd *m = &t->link[i].s->m;

			if (!m->discr)
				continue; // not begun yet
			overlay_bfd_admin(m, true, dp_now_ns());
			overlay_bfd_say(m, dp_now_ns(), control);
			dp_bfd_send(w, t, &t->link[i], control);
		}
		dp_tx_flush(w);
		rte_delay_us_sleep(2000);
	}
}

// ---- any worker: receiving

static bool dp_bfd_deliver(struct dp_worker *w, const struct dp_bfd_table *t,
	const struct weft_ip *remote, const struct overlay_bfd_datagram *d, struct rte_mbuf *m)
{
	struct dp_bfd_session *s = dp_bfd_find(t, remote);
	struct dp_bfd_received r = {.remote = *remote};

	if (!s || d->payload_len < OVERLAY_BFD_LEN)
		return false;
	if (w->id == 0) {
		dp_bfd_judge(w, s, d->payload, w->now_ns);
		w->dp->bfd.next_ns = 0;
	} else {
		memcpy(r.control, d->payload, OVERLAY_BFD_LEN);
		rte_ring_mp_enqueue_elem(w->dp->bfd.received, &r, sizeof(r)); // full: as if lost
	}
	dp_count(&dp_counters(w, w->dp->nobody)->consumed[WEFT_CONSUMED_BFD], 1);
	rte_pktmbuf_free(m);
	return true;
}

static const uint8_t *dp_bfd_ip(const struct rte_mbuf *m, uint32_t *len)
{
	const uint8_t *p = rte_pktmbuf_mtod(m, const uint8_t *);
	uint32_t ofs = 14;

	if (m->data_len > 18 && p[12] == 0x81 && p[13] == 0)
		ofs = 18;
	if (m->data_len <= ofs)
		return NULL;
	*len = m->data_len - ofs;
	return p + ofs;
}

static bool dp_bfd_is_ours(const struct dp *dp, const struct weft_ip *dst)
{
	const struct overlay_vtep *own = __atomic_load_n(&dp->vtep, __ATOMIC_ACQUIRE);

	return weft_ip_equal(dst, &own->ipv4) || weft_ip_equal(dst, &own->ipv6);
}

bool dp_bfd_take_plain(struct dp_worker *w, struct rte_mbuf *m)
{
	const struct dp_bfd_table *t = __atomic_load_n(&w->dp->bfd.table, __ATOMIC_ACQUIRE);
	struct overlay_bfd_datagram d;
	const uint8_t *ip;
	uint32_t len;

	if (!t || t->mode == WEFT_BFD_VXLAN)
		return false;
	ip = dp_bfd_ip(m, &len);
	if (!ip || !overlay_bfd_datagram_read(ip, len, &d) || !dp_bfd_is_ours(w->dp, &d.dst))
		return false;
	if (t->mode == WEFT_BFD_SINGLE_HOP ? d.dst_port != OVERLAY_BFD_PORT || d.ttl != GTSM_TTL
					   : d.dst_port != OVERLAY_BFD_PORT_MULTIHOP)
		return false;
	return dp_bfd_deliver(w, t, &d.src, &d, m);
}

// The inner addresses are not looked at: Open vSwitch has others than RFC 8971. The outer source is
// the peer's, and no tenant can send in this network.
bool dp_bfd_take_inner(struct dp_worker *w, struct rte_mbuf *m, const struct overlay_rx *rx)
{
	const struct dp_bfd_table *t = __atomic_load_n(&w->dp->bfd.table, __ATOMIC_ACQUIRE);
	const uint8_t *inner = rte_pktmbuf_mtod(m, const uint8_t *) + rx->inner_ofs;
	struct overlay_bfd_datagram d;

	if (!t || t->mode != WEFT_BFD_VXLAN || rx->encap != WEFT_ENCAP_VXLAN || rx->vni != t->vni ||
		rx->inner_ofs + rx->inner_len > m->data_len || rx->inner_len <= INNER_ETH)
		return false;
	if (!overlay_bfd_datagram_read(inner + INNER_ETH, rx->inner_len - INNER_ETH, &d) ||
		d.dst_port != OVERLAY_BFD_PORT || d.ttl != GTSM_TTL)
		return false;
	return dp_bfd_deliver(w, t, &rx->src, &d, m);
}
