// SPDX-License-Identifier: Apache-2.0
#include "dp_join.h"

#include <rte_mbuf.h>

static void dp_join_piece(struct dp_join *j, void *data, size_t len)
{
	j->iov[j->n_iov++] = (struct iovec){data, len};
}

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
	uint8_t *frame = rte_pktmbuf_mtod(m[0], uint8_t *);
	unsigned before = j->n_iov, k = 1;
	uint32_t data, len;

	if (n < 2 || m[0]->nb_segs > 1 || !dp_gro_begin(&j->gro, frame, m[0]->data_len))
		return 1;
	dp_join_piece(j, msg->head, j->gro.tcp.data);
	dp_join_piece(j, frame + j->gro.tcp.data, j->gro.tcp.len);
	for (; k < n && m[k]->nb_segs == 1; k++) {
		frame = rte_pktmbuf_mtod(m[k], uint8_t *);
		if (!dp_gro_add(&j->gro, frame, m[k]->data_len, &data, &len))
			break;
		dp_join_piece(j, frame + data, len);
	}
	if (k == 1) {
		j->n_iov = before;
		return 1;
	}
	dp_gro_end(&j->gro, &msg->h);
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
