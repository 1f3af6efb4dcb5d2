// SPDX-License-Identifier: Apache-2.0
#include "offload/dp_gro.h"

static bool dp_gro_csum_ok(const uint8_t *frame, const struct dp_tcp *t, bool sound)
{
	uint32_t len = t->data - t->l4 + t->len;

	if (!t->v6 && !overlay_ipv4_csum_ok(frame + t->l3, t->l4 - t->l3))
		return false;
	return sound || weft_csum_fold(weft_csum_partial(
				frame + t->l4, len, dp_tcp_pseudo(frame, t, len))) == 0xffff;
}

// A frame that could be part of something.
static bool dp_gro_fit(const uint8_t *frame, uint32_t len, struct dp_tcp *t, bool sound)
{
	if (!dp_tcp_parse(frame, len, false, t) || !t->len || (!t->v6 && t->l4 != t->l3 + 20))
		return false;
	return (frame[t->l4 + 13] & ~(DP_TCP_PSH | DP_TCP_FIN)) == DP_TCP_ACK &&
	       !(frame[t->l4 + 12] & 0x0f) && dp_gro_csum_ok(frame, t, sound);
}

static uint32_t dp_gro_id(const uint8_t *frame, const struct dp_tcp *t)
{
	return t->v6 ? 0 : overlay_get16(frame + t->l3 + 4);
}

static bool dp_gro_is_last(const uint8_t *frame, const struct dp_tcp *t)
{
	return frame[t->l4 + 13] & (DP_TCP_PSH | DP_TCP_FIN);
}

bool dp_gro_begin(struct dp_gro *g, const uint8_t *frame, uint32_t len)
{
	if (!dp_gro_fit(frame, len, &g->tcp, g->sound) || dp_gro_is_last(frame, &g->tcp))
		return false;
	memcpy(g->head, frame, g->tcp.data);
	g->mss = g->bytes = g->tcp.len;
	g->ip_id = dp_gro_id(frame, &g->tcp);
	g->n = 1;
	g->closed = false;
	return true;
}

// Everything but IP's length, identification and checksum, and TCP's sequence number, flags and
// checksum.
static bool dp_gro_same_flow(const struct dp_gro *g, const uint8_t *f)
{
	const uint8_t *h = g->head;
	uint32_t l4 = g->tcp.l4;

	return !memcmp(h, f, g->tcp.l3) && !memcmp(h + l4, f + l4, 4) &&
	       !memcmp(h + l4 + 8, f + l4 + 8, 5) && !memcmp(h + l4 + 14, f + l4 + 14, 2) &&
	       !memcmp(h + l4 + 18, f + l4 + 18, g->tcp.data - l4 - 18) &&
	       dp_ip_same(h, f, &g->tcp);
}

// RFC 6864: with DF the identification says nothing; else it must go on, for it is made anew.
static bool dp_gro_id_follows(const struct dp_gro *g, const uint8_t *frame, const struct dp_tcp *t)
{
	return t->v6 || (frame[t->l3 + 6] & 0x40) ||
	       dp_gro_id(frame, t) == ((g->ip_id + 1) & 0xffff);
}

bool dp_gro_add(
	struct dp_gro *g, const uint8_t *frame, uint32_t len, uint32_t *data, uint32_t *data_len)
{
	struct dp_tcp t;

	if (g->closed || g->n == DP_GRO_MAX || !dp_gro_fit(frame, len, &t, g->sound))
		return false;
	if (t.l3 != g->tcp.l3 || t.l4 != g->tcp.l4 || t.data != g->tcp.data || t.v6 != g->tcp.v6 ||
		t.len > g->mss || t.data - t.l3 + g->bytes + t.len > 65535 ||
		overlay_get32(frame + t.l4 + 4) != overlay_get32(g->head + t.l4 + 4) + g->bytes ||
		!dp_gro_same_flow(g, frame) || !dp_gro_id_follows(g, frame, &t))
		return false;
	g->closed = t.len < g->mss || dp_gro_is_last(frame, &t);
	g->head[t.l4 + 13] |= frame[t.l4 + 13] & (DP_TCP_PSH | DP_TCP_FIN);
	g->ip_id = dp_gro_id(frame, &t);
	g->bytes += t.len;
	g->n++;
	*data = t.data;
	*data_len = t.len;
	return true;
}

void dp_gro_end(struct dp_gro *g, struct virtio_net_hdr *h)
{
	uint16_t pseudo;

	dp_ip_set_len(g->head, &g->tcp, g->tcp.data - g->tcp.l3 + g->bytes);
	// The sum over the pseudo header, not inverted: the kernel goes on from there.
	pseudo =
		weft_csum_fold(dp_tcp_pseudo(g->head, &g->tcp, g->tcp.data - g->tcp.l4 + g->bytes));
	memcpy(g->head + g->tcp.l4 + 16, &pseudo, 2);
	*h = (struct virtio_net_hdr){
		.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM,
		.gso_type = g->tcp.v6 ? VIRTIO_NET_HDR_GSO_TCPV6 : VIRTIO_NET_HDR_GSO_TCPV4,
		.hdr_len = (uint16_t)g->tcp.data,
		.gso_size = (uint16_t)g->mss,
		.csum_start = (uint16_t)g->tcp.l4,
		.csum_offset = 16,
	};
}
