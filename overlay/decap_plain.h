// SPDX-License-Identifier: Apache-2.0
#pragma once
// What most packets from the underlay are, taken at one go: VXLAN over IPv4 with neither tag,
// option nor a UDP checksum that is to be looked at, and nothing wrong.
//
// Inline, and with no more of a result than the next stage needs, for this is on every packet's
// way. All else, the slightest doubt included, is left to overlay_decap(), which says the same.

#include <weft/packet.h>

#include "overlay/checksum.h"
#include "overlay/decap.h"

enum {
	OVERLAY_PLAIN_IP = OVERLAY_ETH_LEN,
	OVERLAY_PLAIN_UDP = OVERLAY_PLAIN_IP + OVERLAY_IPV4_LEN,
	OVERLAY_PLAIN_VXLAN = OVERLAY_PLAIN_UDP + OVERLAY_UDP_LEN,
	OVERLAY_PLAIN_INNER =
		OVERLAY_PLAIN_VXLAN + OVERLAY_VXLAN_LEN // where the inner frame begins
};

// What a burst's packets are held against.
struct overlay_plain_vtep {
	weft_be32 own;
	weft_be16 port;
	bool usable; // there is such a VTEP
	bool zero_csum_bad;
};

struct overlay_plain {
	weft_be32 src; // outer
	uint32_t vni;
	uint32_t inner_len; // as of struct overlay_rx, like the rest
	uint8_t tos, ttl;
	bool inner_vlan;
	uint8_t pad;
};

static inline struct overlay_plain_vtep overlay_plain_vtep(const struct overlay_vtep *vtep)
{
	return (struct overlay_plain_vtep){
		.own = weft_ip_v4(&vtep->ipv4),
		.port = htons(vtep->vxlan_port),
		.usable = weft_ip_is_v4(&vtep->ipv4) && vtep->vxlan_port,
		.zero_csum_bad = vtep->udp4_zero_csum_bad,
	};
}

static inline uint32_t overlay_plain_load32(const uint8_t *p)
{
	uint32_t v;

	memcpy(&v, p, 4);
	return v;
}

static inline uint16_t overlay_plain_load16(const uint8_t *p)
{
	uint16_t v;

	memcpy(&v, p, 2);
	return v;
}

// Bits that are not as they should be, of what has but one right value: EtherType, version and
// header length, fragment offset and flag, protocol, destination, port, VXLAN's I.
static inline uint32_t overlay_plain_wrong(const struct overlay_plain_vtep *vtep, const uint8_t *d)
{
	const uint8_t *ip = d + OVERLAY_PLAIN_IP, *udp = d + OVERLAY_PLAIN_UDP;

	return ((overlay_plain_load32(ip - 2) ^ htonl(0x08004500)) & htonl(0xffffff00)) |
	       ((overlay_plain_load32(ip + 6) ^ htonl(OVERLAY_PROTO_UDP)) & htonl(0x3fff00ff)) |
	       (overlay_plain_load32(ip + 16) ^ vtep->own) |
	       (uint32_t)(overlay_plain_load16(udp + 2) ^ vtep->port) |
	       (~d[OVERLAY_PLAIN_VXLAN] & OVERLAY_VXLAN_I);
}

// `total_len` bytes, of which `len` lie in one piece at `d`. `good`: the UDP checksum is known to
// be (OVERLAY_HINT_UDP_GOOD). False: it is for overlay_decap() to say.
static inline bool overlay_decap_plain(const struct overlay_plain_vtep *vtep, const uint8_t *d,
	uint32_t len, uint32_t total_len, bool good, struct overlay_plain *p)
{
	const uint8_t *ip = d + OVERLAY_PLAIN_IP, *udp = d + OVERLAY_PLAIN_UDP;
	uint32_t ip_len, udp_len;
	uint16_t type;

	if (!vtep->usable || len < OVERLAY_PLAIN_INNER + OVERLAY_ETH_LEN ||
		overlay_plain_wrong(vtep, d))
		return false;
	ip_len = overlay_get16(ip + 2);
	udp_len = overlay_get16(udp + 4);
	if ((ip_len > total_len - OVERLAY_PLAIN_IP) | (udp_len + OVERLAY_IPV4_LEN > ip_len) |
		(udp_len < OVERLAY_UDP_LEN + OVERLAY_VXLAN_LEN + OVERLAY_ETH_LEN))
		return false;
	if ((overlay_plain_load16(udp + 6) ? !good : vtep->zero_csum_bad) ||
		!overlay_ipv4_csum_ok(ip, OVERLAY_IPV4_LEN))
		return false;
	type = overlay_get16(d + OVERLAY_PLAIN_INNER + 12);
	*p = (struct overlay_plain){
		.src = overlay_plain_load32(ip + 12),
		.vni = overlay_get32(d + OVERLAY_PLAIN_VXLAN + 4) >> 8,
		.inner_len = udp_len - OVERLAY_UDP_LEN - OVERLAY_VXLAN_LEN,
		.tos = ip[1],
		.ttl = ip[8],
		.inner_vlan = type == OVERLAY_ETHERTYPE_VLAN || type == OVERLAY_ETHERTYPE_SVLAN,
	};
	return true;
}

// All that overlay_decap() would have said of it; `own`: the VTEP's address.
static inline void overlay_plain_tell(
	const struct overlay_plain *p, const struct weft_ip *own, struct overlay_rx *rx)
{
	*rx = (struct overlay_rx){
		.src = weft_ip_from_v4(p->src),
		.dst = *own,
		.vni = p->vni,
		.inner_ofs = OVERLAY_PLAIN_INNER,
		.inner_len = p->inner_len,
		.verdict = OVERLAY_INNER,
		.encap = WEFT_ENCAP_VXLAN,
		.tos = p->tos,
		.ttl = p->ttl,
		.inner_vlan = p->inner_vlan,
	};
}
