// SPDX-License-Identifier: Apache-2.0
#include "offload/dp_gso_tunnel.h"

#include "offload/dp_gso.h"

#define DP_GRE_PROTO 47u
#define DP_GRE_KEY 0x20u // the one flag of its first byte that may be set

// What carries, and how long its header is at least.
static const struct {
	uint8_t proto, least;
} dp_gso_carriers[] = {
	{OVERLAY_PROTO_UDP, 8}, {DP_GRE_PROTO, 4}, {4, 0}, // IPv4 (RFC 2003)
	{41, 0},                                           // IPv6 (RFC 2473, RFC 4213)
};

static bool dp_gso_outer(struct dp_gso *g, const uint8_t *frame, uint32_t len)
{
	for (unsigned i = 0; i < sizeof(dp_gso_carriers) / sizeof(dp_gso_carriers[0]); i++) {
		uint8_t proto = dp_gso_carriers[i].proto, least = dp_gso_carriers[i].least;

		if (!dp_ip_parse(frame, len, true, proto, least, &g->outer))
			continue;
		g->outer_udp = proto == OVERLAY_PROTO_UDP;
		g->outer.data = g->outer.l4 + least;
		return proto != DP_GRE_PROTO || !(frame[g->outer.l4] & ~DP_GRE_KEY);
	}
	return false;
}

// Whether an IP header of `ihl` bytes ends where TCP or UDP begins, and its packet with the frame.
static bool dp_gso_is_inner(const struct dp_gso *g, const uint8_t *frame, uint32_t len, uint32_t l4,
	uint32_t ihl, bool v6)
{
	uint8_t proto = g->udp ? OVERLAY_PROTO_UDP : OVERLAY_PROTO_TCP;
	const uint8_t *ip = frame + l4 - ihl;

	if (l4 < g->outer.data + ihl)
		return false;
	if (v6)
		return ip[0] >> 4 == 6 && ip[6] == proto && overlay_get16(ip + 4) == len - l4;
	return ip[0] == (0x40 | ihl / 4) && ip[9] == proto &&
	       overlay_get16(ip + 2) == len - l4 + ihl;
}

static bool dp_gso_inner_ip(struct dp_gso *g, const uint8_t *frame, uint32_t len, uint32_t l4)
{
	g->tcp.l4 = l4;
	g->tcp.v6 = dp_gso_is_inner(g, frame, len, l4, 40, true);
	if (g->tcp.v6) {
		g->tcp.l3 = l4 - 40;
		return true;
	}
	for (uint32_t ihl = 20; ihl <= 60; ihl += 4) {
		g->tcp.l3 = l4 - ihl;
		if (dp_gso_is_inner(g, frame, len, l4, ihl, false))
			return true;
	}
	return false;
}

bool dp_gso_tunnel_begin(
	struct dp_gso *g, const struct virtio_net_hdr *h, const uint8_t *frame, uint32_t len)
{
	uint32_t l4 = h->csum_start;

	if (!(h->flags & VIRTIO_NET_HDR_F_NEEDS_CSUM) || h->csum_offset != (g->udp ? 6 : 16) ||
		l4 + (g->udp ? 8 : 20) > len || !dp_gso_outer(g, frame, len) ||
		!dp_gso_inner_ip(g, frame, len, l4))
		return false;
	g->tcp.data = l4 + (g->udp ? 8 : 4 * (frame[l4 + 12] >> 4u));
	if (g->tcp.data > len || (!g->udp && g->tcp.data < l4 + 20))
		return false;
	g->tcp.len = len - g->tcp.data;
	g->tunnel = true;
	return true;
}

// A sum over TCP or UDP whose checksum is right comes to ones if its pseudo header is added.
static uint64_t dp_gso_known_sum(const struct dp_gso *g, const uint8_t *out, uint32_t len)
{
	uint8_t proto = g->udp ? OVERLAY_PROTO_UDP : OVERLAY_PROTO_TCP;

	return (uint16_t)~weft_csum_fold(dp_ip_pseudo(out, &g->tcp, proto, len - g->tcp.l4));
}

static void dp_gso_outer_udp(const struct dp_gso *g, uint8_t *out, uint32_t len)
{
	uint32_t l4_len = len - g->outer.l4;
	uint8_t *udp = out + g->outer.l4;
	bool summed = overlay_get16(udp + 6);
	weft_be16 csum;
	uint64_t sum;

	overlay_put16(udp + 4, (uint16_t)l4_len);
	if (!summed)
		return;
	overlay_put16(udp + 6, 0);
	sum = dp_ip_pseudo(out, &g->outer, OVERLAY_PROTO_UDP, l4_len);
	sum = weft_csum_partial(udp, g->tcp.l4 - g->outer.l4, sum);
	csum = weft_csum_finish_udp(sum + dp_gso_known_sum(g, out, len));
	memcpy(udp + 6, &csum, 2);
}

void dp_gso_tunnel_head(const struct dp_gso *g, uint8_t *out, uint32_t len)
{
	uint8_t *ip = out + g->outer.l3;

	if (!g->outer.v6)
		overlay_put16(ip + 4, (uint16_t)(overlay_get16(ip + 4) + g->n));
	dp_ip_set_len(out, &g->outer, len - g->outer.l3);
	if (g->outer_udp)
		dp_gso_outer_udp(g, out, len);
}
