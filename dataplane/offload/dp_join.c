// SPDX-License-Identifier: Apache-2.0
#include "offload/dp_join.h"

#include "dp_mbuf.h"
#include "offload/dp_train.h"

static const struct dp_join_way {
	bool (*begin)(struct dp_gro *g, const uint8_t *frame, uint32_t len);
	bool (*add)(struct dp_gro *g, const uint8_t *frame, uint32_t len, uint32_t *data,
		uint32_t *data_len);
	void (*end)(struct dp_gro *g, struct virtio_net_hdr *h);
} dp_join_ways[] = {
	[DP_JOIN_TCP] = {dp_gro_begin, dp_gro_add, dp_gro_end},
	[DP_JOIN_TUNNELS] = {dp_train_begin, dp_train_add, dp_train_end},
};

static void dp_join_alone(struct dp_join *j, const struct rte_mbuf *m)
{
	for (unsigned i = 0; m && i < DP_JOIN_SEGMENTS; i++, m = m->next)
		dp_join_piece(j, rte_pktmbuf_mtod(m, void *), m->data_len);
}

// How many of the frames are one from the first on; 1: it stays alone. If more, their pieces stand
// in the message.
static unsigned dp_join_run(
	struct dp_join *j, struct dp_join_msg *msg, struct rte_mbuf *const *m, unsigned n)
{
	const struct dp_join_way *way = &dp_join_ways[j->what];
	uint8_t *frame = rte_pktmbuf_mtod(m[0], uint8_t *);
	unsigned before = j->n_iov, k = 1;
	uint32_t data, len;

	j->gro.sound = dp_mbuf_is_sound(m[0]);
	if (n < 2 || j->what == DP_JOIN_NOTHING || m[0]->nb_segs > 1 ||
		!way->begin(&j->gro, frame, m[0]->data_len))
		return 1;
	dp_join_piece(j, msg->head, j->gro.tcp.data);
	dp_join_piece(j, frame + j->gro.tcp.data, j->gro.tcp.len);
	for (; k < n && m[k]->nb_segs == 1; k++) {
		frame = rte_pktmbuf_mtod(m[k], uint8_t *);
		j->gro.sound = dp_mbuf_is_sound(m[k]);
		if (!way->add(&j->gro, frame, m[k]->data_len, &data, &len))
			break;
		dp_join_piece(j, frame + data, len);
	}
	if (k == 1) {
		j->n_iov = before;
		return 1;
	}
	way->end(&j->gro, &msg->h);
	memcpy(msg->head, j->gro.head, j->gro.tcp.data);
	return k;
}

void dp_join_burst(struct dp_join *j, struct rte_mbuf *const *m, unsigned n)
{
	if (n > DP_JOIN_FRAMES)
		n = DP_JOIN_FRAMES;
	j->n = j->n_iov = 0;
	for (unsigned i = 0; i < n;) {
		struct dp_join_msg *msg = &j->msg[j->n++];

		msg->h = (struct virtio_net_hdr){0};
		msg->iov = &j->iov[j->n_iov];
		dp_join_piece(j, &msg->h, sizeof(msg->h));
		msg->frames = dp_join_run(j, msg, m + i, n - i);
		if (msg->frames == 1)
			dp_join_alone(j, m[i]);
		msg->n_iov = (unsigned)(&j->iov[j->n_iov] - msg->iov);
		i += msg->frames;
	}
}
