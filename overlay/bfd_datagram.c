// SPDX-License-Identifier: Apache-2.0
#include "overlay/bfd_datagram.h"

#include "overlay/checksum.h"

#define TTL 255u
#define TOS_CS6 0xc0u

const struct weft_mac overlay_bfd_vxlan_mac = {{0x00, 0x00, 0x5e, 0x00, 0x52, 0x02}};

const struct weft_ip overlay_bfd_vxlan_ip = {.b = {[10] = 0xff, 0xff, 127, 0, 0, 1}};

static bool is_bfd_port(uint16_t port)
{
	return port == OVERLAY_BFD_PORT || port == OVERLAY_BFD_PORT_MULTIHOP;
}

// `pseudo`: of the header before it.
static bool read_udp(
	const uint8_t *udp, uint32_t left, uint64_t pseudo, struct overlay_bfd_datagram *out)
{
	uint32_t len = overlay_get16(udp + 4);
	bool summed = overlay_get16(udp + 6);

	if (!is_bfd_port(overlay_get16(udp + 2)) || len < OVERLAY_UDP_LEN || len > left)
		return false;
	if (summed && weft_csum_fold(weft_csum_partial(udp, len, pseudo)) != 0xffff)
		return false;
	out->src_port = overlay_get16(udp);
	out->dst_port = overlay_get16(udp + 2);
	out->payload = udp + OVERLAY_UDP_LEN;
	out->payload_len = len - OVERLAY_UDP_LEN;
	return summed || weft_ip_is_v4(&out->src);
}

static bool read_ipv4(const uint8_t *ip, uint32_t len, struct overlay_bfd_datagram *out)
{
	uint32_t head = (ip[0] & 15u) * 4u, total = overlay_get16(ip + 2);
	weft_be32 v4;

	if (head < OVERLAY_IPV4_LEN || total < head + OVERLAY_UDP_LEN || total > len ||
		ip[9] != OVERLAY_PROTO_UDP || !overlay_ipv4_csum_ok(ip, head) ||
		overlay_get16(ip + 6) & (OVERLAY_IPV4_MF | OVERLAY_IPV4_OFFSET))
		return false;
	memcpy(&v4, ip + 12, 4);
	out->src = weft_ip_from_v4(v4);
	memcpy(&v4, ip + 16, 4);
	out->dst = weft_ip_from_v4(v4);
	out->ttl = ip[8];
	return read_udp(ip + head, total - head,
		overlay_pseudo_ipv4(ip, OVERLAY_PROTO_UDP, overlay_get16(ip + head + 4)), out);
}

static bool read_ipv6(const uint8_t *ip, uint32_t len, struct overlay_bfd_datagram *out)
{
	uint32_t payload = overlay_get16(ip + 4);

	if (len < OVERLAY_IPV6_LEN + OVERLAY_UDP_LEN || payload < OVERLAY_UDP_LEN ||
		payload > len - OVERLAY_IPV6_LEN || ip[6] != OVERLAY_PROTO_UDP)
		return false;
	memcpy(out->src.b, ip + 8, 16);
	memcpy(out->dst.b, ip + 24, 16);
	out->ttl = ip[7];
	return !weft_ip_is_v4(&out->src) &&
	       read_udp(ip + OVERLAY_IPV6_LEN, payload,
		       overlay_pseudo_ipv6(
			       ip, OVERLAY_PROTO_UDP, overlay_get16(ip + OVERLAY_IPV6_LEN + 4)),
		       out);
}

bool overlay_bfd_datagram_read(const uint8_t *ip, uint32_t len, struct overlay_bfd_datagram *out)
{
	*out = (struct overlay_bfd_datagram){0};
	if (len < OVERLAY_IPV4_LEN + OVERLAY_UDP_LEN)
		return false;
	if (ip[0] >> 4 == 4)
		return read_ipv4(ip, len, out);
	return ip[0] >> 4 == 6 && read_ipv6(ip, len, out);
}

static void write_udp(
	uint8_t *udp, const struct overlay_bfd_datagram *d, const uint8_t *control, uint64_t pseudo)
{
	const uint32_t len = OVERLAY_UDP_LEN + OVERLAY_BFD_LEN;
	weft_be16 csum;

	overlay_put16(udp, d->src_port);
	overlay_put16(udp + 2, d->dst_port);
	overlay_put16(udp + 4, (uint16_t)len);
	overlay_put16(udp + 6, 0);
	memcpy(udp + OVERLAY_UDP_LEN, control, OVERLAY_BFD_LEN);
	csum = weft_csum_finish_udp(weft_csum_partial(udp, len, pseudo));
	memcpy(udp + 6, &csum, 2);
}

static uint32_t write_ipv4(
	uint8_t *ip, const struct overlay_bfd_datagram *d, const uint8_t *control)
{
	const uint32_t len = OVERLAY_IPV4_LEN + OVERLAY_UDP_LEN + OVERLAY_BFD_LEN;
	weft_be16 csum;

	memset(ip, 0, OVERLAY_IPV4_LEN);
	ip[0] = 0x45;
	ip[1] = TOS_CS6;
	overlay_put16(ip + 2, (uint16_t)len);
	overlay_put16(ip + 6, OVERLAY_IPV4_DF);
	ip[8] = d->ttl ? d->ttl : TTL;
	ip[9] = OVERLAY_PROTO_UDP;
	memcpy(ip + 12, &d->src.b[12], 4);
	memcpy(ip + 16, &d->dst.b[12], 4);
	csum = overlay_ipv4_csum(ip, OVERLAY_IPV4_LEN);
	memcpy(ip + 10, &csum, 2);
	write_udp(ip + OVERLAY_IPV4_LEN, d, control,
		overlay_pseudo_ipv4(ip, OVERLAY_PROTO_UDP, len - OVERLAY_IPV4_LEN));
	return len;
}

static uint32_t write_ipv6(
	uint8_t *ip, const struct overlay_bfd_datagram *d, const uint8_t *control)
{
	const uint32_t payload = OVERLAY_UDP_LEN + OVERLAY_BFD_LEN;

	memset(ip, 0, OVERLAY_IPV6_LEN);
	overlay_put32(ip, 6u << 28 | TOS_CS6 << 20);
	overlay_put16(ip + 4, (uint16_t)payload);
	ip[6] = OVERLAY_PROTO_UDP;
	ip[7] = d->ttl ? d->ttl : TTL;
	memcpy(ip + 8, d->src.b, 16);
	memcpy(ip + 24, d->dst.b, 16); // a mapped address is written as one: RFC 8971 wants it
	write_udp(ip + OVERLAY_IPV6_LEN, d, control,
		overlay_pseudo_ipv6(ip, OVERLAY_PROTO_UDP, payload));
	return OVERLAY_IPV6_LEN + payload;
}

uint32_t overlay_bfd_datagram_write(const struct overlay_bfd_datagram *d,
	const uint8_t control[static OVERLAY_BFD_LEN], uint8_t out[static OVERLAY_BFD_DATAGRAM_MAX])
{
	if (weft_ip_is_v4(&d->src))
		return write_ipv4(out, d, control);
	return write_ipv6(out, d, control);
}
