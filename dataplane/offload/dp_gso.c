// SPDX-License-Identifier: Apache-2.0
#include "offload/dp_gso.h"

#include "offload/dp_gso_tunnel.h"

#include <weft/crc32c.h>

#define DP_GSO_SCTP 8u // where the checksum is; of all that leave theirs to the hardware it alone

// Another sum, without a pseudo header, over a field of zero (RFC 9260, 6.8).
static bool dp_gso_csum_sctp(uint8_t *sctp, uint32_t len)
{
	if (len < DP_GSO_SCTP + 4)
		return false;
	memset(sctp + DP_GSO_SCTP, 0, 4);
	weft_crc32c_store(sctp + DP_GSO_SCTP,
		weft_crc32c_finish(weft_crc32c_add(WEFT_CRC32C_INIT, sctp, len)));
	return true;
}

bool dp_gso_csum(const struct virtio_net_hdr *h, uint8_t *frame, uint32_t len)
{
	uint32_t start = h->csum_start, at = start + h->csum_offset;
	weft_be16 csum;
	uint64_t sum;

	if (!(h->flags & VIRTIO_NET_HDR_F_NEEDS_CSUM))
		return true;
	if (start >= len || at + 2 > len)
		return false;
	if (h->csum_offset == DP_GSO_SCTP)
		return dp_gso_csum_sctp(frame + start, len - start);
	// The field holds the pseudo header's sum, and is summed with the rest.
	sum = weft_csum_partial(frame + start, len - start, 0);
	csum = h->csum_offset == 6 ? weft_csum_finish_udp(sum) : weft_csum_finish(sum);
	memcpy(frame + at, &csum, 2);
	return true;
}

bool dp_gso_csum_is_udp(const struct virtio_net_hdr *h, const uint8_t *frame, uint32_t len)
{
	struct dp_tcp t;

	return h->flags & VIRTIO_NET_HDR_F_NEEDS_CSUM && h->csum_offset == 6 &&
	       dp_udp_parse(frame, len, false, &t) && h->csum_start == t.l4;
}

// Whether what is to be cut begins behind this TCP or UDP header, and not within what it bears.
static bool dp_gso_is_outermost(const struct dp_gso *g, const struct virtio_net_hdr *h)
{
	return !(h->flags & VIRTIO_NET_HDR_F_NEEDS_CSUM) || h->csum_start <= g->tcp.l4;
}

static bool dp_gso_begin_tcp(
	struct dp_gso *g, const struct virtio_net_hdr *h, const uint8_t *frame, uint32_t len)
{
	bool v6 = (h->gso_type & ~VIRTIO_NET_HDR_GSO_ECN) == VIRTIO_NET_HDR_GSO_TCPV6;

	if (dp_tcp_parse(frame, len, true, &g->tcp))
		return dp_gso_is_outermost(g, h) && g->tcp.v6 == v6 &&
		       g->tcp.data <= DP_TCP_HEAD_MAX;
	return dp_gso_tunnel_begin(g, h, frame, len) && g->tcp.v6 == v6;
}

static bool dp_gso_begin_udp(
	struct dp_gso *g, const struct virtio_net_hdr *h, const uint8_t *frame, uint32_t len)
{
	g->udp = true;
	if (dp_udp_parse(frame, len, true, &g->tcp) && dp_gso_is_outermost(g, h))
		return true;
	return dp_gso_tunnel_begin(g, h, frame, len);
}

static bool dp_gso_is_bounded(const struct dp_gso *g)
{
	return !g->tunnel ||
	       (uint64_t)g->tcp.data * (g->tcp.len / g->mss + 1) <= DP_GSO_HEADERS_MAX;
}

bool dp_gso_begin(
	struct dp_gso *g, const struct virtio_net_hdr *h, const uint8_t *frame, uint32_t len)
{
	unsigned type = h->gso_type & ~VIRTIO_NET_HDR_GSO_ECN;
	bool udp = type == VIRTIO_NET_HDR_GSO_UDP_L4;

	*g = (struct dp_gso){.frame = frame, .mss = h->gso_size};
	if (!g->mss ||
		(!udp && type != VIRTIO_NET_HDR_GSO_TCPV4 && type != VIRTIO_NET_HDR_GSO_TCPV6) ||
		!(udp ? dp_gso_begin_udp : dp_gso_begin_tcp)(g, h, frame, len) ||
		!dp_gso_is_bounded(g))
		return false;
	g->payload = frame + g->tcp.data;
	return true;
}

static void dp_gso_ip(const struct dp_gso *g, uint8_t *out, uint32_t total)
{
	uint8_t *ip = out + g->tcp.l3;

	if (g->tcp.v6) {
		overlay_put16(ip + 4, (uint16_t)(total - 40));
		return;
	}
	overlay_put16(ip + 2, (uint16_t)total);
	overlay_put16(ip + 4, (uint16_t)(overlay_get16(ip + 4) + g->n));
	dp_tcp_ip_csum(out, &g->tcp);
}

// The TCP or UDP header, which is of an even length, and the payload, where that lies.
static uint64_t dp_gso_sum(
	const struct dp_gso *g, const uint8_t *out, uint32_t data, uint64_t pseudo)
{
	pseudo = weft_csum_partial(out + g->tcp.l4, g->tcp.data - g->tcp.l4, pseudo);
	return weft_csum_partial(g->payload + g->at, data, pseudo);
}

static void dp_gso_tcp(const struct dp_gso *g, uint8_t *out, uint32_t data, bool last)
{
	uint32_t l4_len = g->tcp.data - g->tcp.l4 + data;
	uint8_t *tcp = out + g->tcp.l4;
	uint64_t pseudo = dp_tcp_pseudo(out, &g->tcp, l4_len);
	weft_be16 csum;

	overlay_put32(tcp + 4, overlay_get32(tcp + 4) + g->at);
	if (!last)
		tcp[13] &= (uint8_t) ~(DP_TCP_FIN | DP_TCP_PSH);
	if (g->n)
		tcp[13] &= (uint8_t)~DP_TCP_CWR; // RFC 3168, 6.1.2: once
	overlay_put16(tcp + 16, 0);
	csum = g->unsummed ? weft_csum_fold(pseudo)
			   : weft_csum_finish(dp_gso_sum(g, out, data, pseudo));
	memcpy(tcp + 16, &csum, 2);
}

static void dp_gso_udp(const struct dp_gso *g, uint8_t *out, uint32_t data)
{
	uint32_t l4_len = 8 + data;
	uint8_t *udp = out + g->tcp.l4;
	uint64_t pseudo = dp_ip_pseudo(out, &g->tcp, OVERLAY_PROTO_UDP, l4_len);
	weft_be16 csum;

	overlay_put16(udp + 4, (uint16_t)l4_len);
	overlay_put16(udp + 6, 0);
	csum = g->unsummed ? weft_csum_fold(pseudo)
			   : weft_csum_finish_udp(dp_gso_sum(g, out, data, pseudo));
	memcpy(udp + 6, &csum, 2);
}

bool dp_gso_more(const struct dp_gso *g, uint32_t *data)
{
	uint32_t left = g->tcp.len - g->at;

	*data = left < g->mss ? left : g->mss;
	return *data || !g->n;
}

void dp_gso_head(struct dp_gso *g, uint8_t *out, uint32_t data)
{
	memcpy(out, g->frame, g->tcp.data);
	dp_gso_ip(g, out, g->tcp.data - g->tcp.l3 + data);
	if (g->udp)
		dp_gso_udp(g, out, data);
	else
		dp_gso_tcp(g, out, data, g->at + data == g->tcp.len);
	if (g->tunnel)
		dp_gso_tunnel_head(g, out, g->tcp.data + data);
	g->at += data;
	g->n++;
}

uint32_t dp_gso_next(struct dp_gso *g, uint8_t *out)
{
	uint32_t data;

	if (!dp_gso_more(g, &data))
		return 0;
	memcpy(out + g->tcp.data, g->payload + g->at, data);
	dp_gso_head(g, out, data);
	return g->tcp.data + data;
}
