// SPDX-License-Identifier: Apache-2.0
#include "dp_cut.h"

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

bool dp_cut_begin(struct dp_cut *c, const struct virtio_net_hdr *h, uint32_t len)
{
	c->busy = dp_gso_begin(&c->gso, h, c->big, len) && dp_gso_longest(&c->gso) <= c->room;
	c->gso.unsummed = c->tunnels && c->gso.udp;
	return c->busy;
}

struct rte_mbuf *dp_cut_next(struct dp_cut *c)
{
	struct rte_mbuf *m = rte_pktmbuf_alloc(c->pool);
	uint32_t len;

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
	if (c->gso.unsummed)
		m->ol_flags |= RTE_MBUF_F_RX_L4_CKSUM_NONE;
	return m;
}
