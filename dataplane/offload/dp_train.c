// SPDX-License-Identifier: Apache-2.0
#include "offload/dp_train.h"

#include "offload/dp_gso.h"

#define DP_TRAIN_UDP 8u

#define DP_TRAIN_BYTES (65535u - 20 - DP_TRAIN_UDP) // of payload, under an IPv4 header
#define DP_TRAIN_AROUND 30u                         // each packet: VXLAN, Ethernet, two tags
#define DP_TRAIN_WITHIN 52u  // IPv4, and TCP with time stamps: the rest of the MTU is payload
#define DP_TRAIN_KEPT 321u   // Linux keeps that of the size for headers (sk_dst_gso_max_size())
#define DP_TRAIN_MOST 65536u // what Linux gives out when nothing is said

static bool dp_train_csum_ok(const uint8_t *frame, const struct dp_tcp *t)
{
	uint32_t len = DP_TRAIN_UDP + t->len;
	const uint8_t *udp = frame + t->l4;

	if (!t->v6 && !overlay_ipv4_csum_ok(frame + t->l3, t->l4 - t->l3))
		return false;
	return !overlay_get16(udp + 6) ||
	       weft_csum_fold(weft_csum_partial(
		       udp, len, dp_ip_pseudo(frame, t, OVERLAY_PROTO_UDP, len))) == 0xffff;
}

static bool dp_train_fit(const uint8_t *frame, uint32_t len, struct dp_tcp *t)
{
	if (!dp_udp_parse(frame, len, false, t) || !t->len ||
		overlay_get16(frame + t->l4 + 4) != DP_TRAIN_UDP + t->len)
		return false;
	if (!t->v6 && (t->l4 != t->l3 + 20 || !(frame[t->l3 + 6] & 0x40)))
		return false;
	return dp_train_csum_ok(frame, t);
}

bool dp_train_begin(struct dp_gro *g, const uint8_t *frame, uint32_t len)
{
	if (!dp_train_fit(frame, len, &g->tcp))
		return false;
	memcpy(g->head, frame, g->tcp.data);
	g->mss = g->bytes = g->tcp.len;
	g->n = 1;
	g->closed = false;
	return true;
}

bool dp_train_add(
	struct dp_gro *g, const uint8_t *frame, uint32_t len, uint32_t *data, uint32_t *data_len)
{
	struct dp_tcp t;

	if (g->closed || g->n == DP_GRO_MAX || !dp_train_fit(frame, len, &t))
		return false;
	if (t.l3 != g->tcp.l3 || t.v6 != g->tcp.v6 || t.len > g->mss ||
		t.data - t.l3 + g->bytes + t.len > 65535 || memcmp(g->head, frame, t.l3) ||
		memcmp(g->head + t.l4, frame + t.l4, 4) || !dp_ip_same(g->head, frame, &t))
		return false;
	g->closed = t.len < g->mss;
	g->bytes += t.len;
	g->n++;
	*data = t.data;
	*data_len = t.len;
	return true;
}

void dp_train_end(struct dp_gro *g, struct virtio_net_hdr *h)
{
	uint32_t l4_len = DP_TRAIN_UDP + g->bytes;
	uint16_t pseudo;

	dp_ip_set_len(g->head, &g->tcp, g->tcp.data - g->tcp.l3 + g->bytes);
	overlay_put16(g->head + g->tcp.l4 + 4, (uint16_t)l4_len);
	pseudo = weft_csum_fold(dp_ip_pseudo(g->head, &g->tcp, OVERLAY_PROTO_UDP, l4_len));
	memcpy(g->head + g->tcp.l4 + 6, &pseudo, 2);
	*h = (struct virtio_net_hdr){
		.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM,
		.gso_type = VIRTIO_NET_HDR_GSO_UDP_L4,
		.hdr_len = (uint16_t)g->tcp.data,
		.gso_size = (uint16_t)g->mss,
		.csum_start = (uint16_t)g->tcp.l4,
		.csum_offset = 6,
	};
}

uint32_t dp_train_segment(uint32_t mtu)
{
	uint32_t frames = DP_TRAIN_BYTES / (mtu + DP_TRAIN_AROUND), bytes;

	if (frames > DP_GRO_MAX)
		frames = DP_GRO_MAX;
	if (!frames || mtu <= DP_TRAIN_WITHIN)
		return DP_TRAIN_MOST;
	bytes = frames * (mtu - DP_TRAIN_WITHIN) + DP_TRAIN_KEPT;
	return bytes < DP_TRAIN_MOST ? bytes : DP_TRAIN_MOST;
}
