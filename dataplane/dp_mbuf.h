// SPDX-License-Identifier: Apache-2.0
#pragma once
// What we keep beside a packet buffer, and how a buffer and its view (struct weft_packet) agree.
//
// The PMDs give RTE_PKTMBUF_HEADROOM (128) bytes before a frame. The longest outer header, VXLAN
// over IPv6 under a VLAN, needs 74, so 54 remain for what rules push. Whoever needs more moves the
// frame to a fresh buffer that has it (dp_mbuf_with_headroom()).

#include <weft/checksum.h>
#include <weft/packet.h>

#include <rte_mbuf.h>

struct dp_tenant;
struct dp_port;

// Lies in the buffer's private area, and lives as long as the buffer. Valid while the buffer is in
// a ring between workers, or stands for a big segment.
struct dp_meta {
	union {
		struct dp_tenant *tenant; // whose ledger the packet stands in
		const uint8_t *payload;   // of a big segment (dp_cut.h)
	};
	struct dp_port *port; // where it goes
};

static inline struct dp_meta *dp_meta(struct rte_mbuf *m)
{
	return (struct dp_meta *)rte_mbuf_to_priv(m);
}

static inline void dp_packet_from_mbuf(struct weft_packet *p, struct rte_mbuf *m)
{
	p->data = rte_pktmbuf_mtod(m, uint8_t *);
	p->len = m->data_len;
	p->total_len = m->pkt_len;
	p->headroom = rte_pktmbuf_headroom(m);
	p->l2_len = 0;
	p->l3_ofs = 0;
	p->l4_ofs = 0;
	p->hash = 0;
	p->network = 0;
	p->owner = m;
}

// Makes the buffer say what the view says: edits moved the start and changed the lengths of the
// first segment; the total may have become shorter at the end.
static inline void dp_packet_to_mbuf(const struct weft_packet *p)
{
	struct rte_mbuf *m = (struct rte_mbuf *)p->owner;

	m->data_off = (uint16_t)(p->data - (uint8_t *)m->buf_addr);
	m->data_len = (uint16_t)p->len;
	m->pkt_len = p->total_len;
}

// Whether the checksum of the TCP or UDP inside is known to be right, be it changed since: edits
// keep it so.
static inline bool dp_mbuf_is_sound(const struct rte_mbuf *m)
{
	return (m->ol_flags & RTE_MBUF_F_RX_L4_CKSUM_MASK) == RTE_MBUF_F_RX_L4_CKSUM_GOOD;
}

// Frees them; what most are, whole buffers of one pool that nobody else has, in one go.
static inline void dp_mbuf_free_all(struct rte_mbuf *const m[], unsigned n)
{
	struct rte_mempool *pool = n ? m[0]->pool : NULL;
	struct rte_mbuf *whole[64];
	unsigned k = 0;

	for (unsigned i = 0; i < n; i++) {
		if (__builtin_expect(k == 64 || m[i]->pool != pool || m[i]->next ||
					     rte_mbuf_refcnt_read(m[i]) != 1 ||
					     !RTE_MBUF_DIRECT(m[i]),
			    0))
			rte_pktmbuf_free(m[i]);
		else
			whole[k++] = m[i];
	}
	if (k)
		rte_mempool_put_bulk(pool, (void *const *)whole, k);
}

// Cuts a chain of segments to its pkt_len, after that was lowered.
void dp_mbuf_cut(struct rte_mbuf *m);

// The whole frame in one segment: `m` itself, or a fresh buffer, `m` being freed. NULL: no buffer
// or too long for one; `m` is as before.
struct rte_mbuf *dp_mbuf_flatten(struct rte_mbuf *m, struct rte_mempool *pool);

#define DP_MBUF_HEADERS 256u // all that anybody looks at lies in so many bytes

// The frame with all its headers in the first segment: flattened if that is too short. As above.
static inline struct rte_mbuf *dp_mbuf_pullup(struct rte_mbuf *m, struct rte_mempool *pool)
{
	return m->nb_segs > 1 && m->data_len < DP_MBUF_HEADERS ? dp_mbuf_flatten(m, pool) : m;
}

// The frame with at least `headroom` bytes before it, by a copy of all of it: `m` is freed. NULL as
// above.
struct rte_mbuf *dp_mbuf_with_headroom(
	struct rte_mbuf *m, struct rte_mempool *pool, unsigned headroom);

// An overlay_tail_fn: adds the bytes behind the first segment to a checksum.
void dp_mbuf_sum_tail(const struct weft_packet *pkt, uint32_t len, struct weft_csum *acc);
