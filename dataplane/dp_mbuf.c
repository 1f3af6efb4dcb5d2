// SPDX-License-Identifier: Apache-2.0
#include "dp_mbuf.h"

void dp_mbuf_cut(struct rte_mbuf *m)
{
	uint32_t left = m->pkt_len;
	struct rte_mbuf *s = m, *rest;

	while (s->data_len < left && s->next) {
		left -= s->data_len;
		s = s->next;
	}
	if (s->data_len > left)
		s->data_len = (uint16_t)left;
	rest = s->next;
	if (!rest)
		return;
	s->next = NULL;
	m->nb_segs = 1;
	for (struct rte_mbuf *i = m; i != s; i = i->next)
		m->nb_segs++;
	rte_pktmbuf_free(rest); // frees along the chain
}

static struct rte_mbuf *dp_mbuf_rewrite(
	struct rte_mbuf *m, struct rte_mempool *pool, unsigned headroom)
{
	struct rte_mbuf *copy = rte_pktmbuf_alloc(pool);
	const void *from;

	if (!copy)
		return NULL;
	if (headroom + m->pkt_len > copy->buf_len) {
		rte_pktmbuf_free(copy);
		return NULL;
	}
	copy->data_off = (uint16_t)headroom;
	copy->data_len = (uint16_t)m->pkt_len;
	copy->pkt_len = m->pkt_len;
	copy->port = m->port;
	from = rte_pktmbuf_read(m, 0, m->pkt_len, rte_pktmbuf_mtod(copy, void *));
	if (from != rte_pktmbuf_mtod(copy, void *))
		memcpy(rte_pktmbuf_mtod(copy, void *), from, m->pkt_len);
	*dp_meta(copy) = *dp_meta(m);
	rte_pktmbuf_free(m);
	return copy;
}

struct rte_mbuf *dp_mbuf_flatten(struct rte_mbuf *m, struct rte_mempool *pool)
{
	if (m->nb_segs == 1)
		return m;
	return dp_mbuf_rewrite(m, pool, RTE_PKTMBUF_HEADROOM);
}

struct rte_mbuf *dp_mbuf_with_headroom(
	struct rte_mbuf *m, struct rte_mempool *pool, unsigned headroom)
{
	return dp_mbuf_rewrite(m, pool, headroom);
}

void dp_mbuf_sum_tail(const struct weft_packet *pkt, uint32_t len, struct weft_csum *acc)
{
	const struct rte_mbuf *m = pkt->owner;

	for (m = m->next; m && len; m = m->next) {
		uint32_t part = m->data_len < len ? m->data_len : len;

		weft_csum_add(acc, rte_pktmbuf_mtod(m, const void *), part);
		len -= part;
	}
}
