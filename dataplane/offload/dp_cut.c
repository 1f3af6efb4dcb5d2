// SPDX-License-Identifier: Apache-2.0
#include "offload/dp_cut.h"

#include "dp_mbuf.h"

#include <rte_mbuf_ptype.h>

#include <stdlib.h>

bool dp_cut_init(struct dp_cut *c, struct rte_mempool *pool, uint32_t room)
{
	*c = (struct dp_cut){.pool = pool, .room = room, .big = malloc(room + DP_CUT_BIG)};
	return c->big;
}

void dp_cut_free(struct dp_cut *c)
{
	free(c->big);
	c->big = NULL;
}

bool dp_cut_begin(struct dp_cut *c, const struct virtio_net_hdr *h, uint32_t at, uint32_t len)
{
	c->busy = dp_gso_begin(&c->gso, h, c->big + at, len) && dp_gso_longest(&c->gso) <= c->room;
	c->gso.unsummed = c->tunnels && c->gso.udp && !c->gso.tunnel;
	c->keep = c->whole && __atomic_load_n(c->whole, __ATOMIC_RELAXED) &&
		  c->gso.udp == c->tunnels && !c->gso.tunnel &&
		  c->gso.tcp.len <= DP_CUT_WHOLE * c->gso.mss;
	return c->busy;
}

uint32_t dp_cut_frames(const struct rte_mbuf *big)
{
	uint32_t data = big->pkt_len - (big->l2_len + big->l3_len + big->l4_len);

	return data ? (data + big->tso_segsz - 1) / big->tso_segsz : 1;
}

uint32_t dp_cut_bytes(const struct rte_mbuf *big)
{
	uint32_t head = big->l2_len + big->l3_len + big->l4_len;

	return big->pkt_len + (dp_cut_frames(big) - 1) * head;
}

// What stands for all of the segment. NULL: there is no buffer.
static struct rte_mbuf *dp_cut_keep(struct dp_cut *c)
{
	const struct dp_tcp *t = &c->gso.tcp;
	struct rte_mbuf *m = rte_pktmbuf_alloc(c->pool);

	if (!m)
		return NULL;
	memcpy(rte_pktmbuf_mtod(m, uint8_t *), c->gso.frame, t->data);
	m->data_len = (uint16_t)t->data;
	m->pkt_len = t->data + t->len;
	m->ol_flags = RTE_MBUF_F_RX_LRO | RTE_MBUF_F_RX_L4_CKSUM_NONE;
	m->packet_type = t->v6 ? RTE_PTYPE_L3_IPV6 : RTE_PTYPE_L3_IPV4;
	m->tx_offload =
		rte_mbuf_tx_offload(t->l3, t->l4 - t->l3, t->data - t->l4, c->gso.mss, 0, 0, 0);
	dp_meta(m)->payload = c->gso.payload;
	c->busy = false;
	return m;
}

struct rte_mbuf *dp_cut_next(struct dp_cut *c)
{
	struct rte_mbuf *m;
	uint32_t len;

	if (c->keep)
		return dp_cut_keep(c);
	m = rte_pktmbuf_alloc(c->pool);
	if (!m)
		return NULL;
	len = dp_gso_next(&c->gso, rte_pktmbuf_mtod(m, uint8_t *));
	if (!len) {
		c->busy = false;
		rte_pktmbuf_free(m);
		return NULL;
	}
	m->data_len = (uint16_t)len;
	m->pkt_len = len;
	m->ol_flags |= c->gso.unsummed ? RTE_MBUF_F_RX_L4_CKSUM_NONE : RTE_MBUF_F_RX_L4_CKSUM_GOOD;
	return m;
}
