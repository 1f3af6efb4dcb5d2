// SPDX-License-Identifier: Apache-2.0
#pragma once
// What most packets from the underlay are, taken at one go: VXLAN or NVGRE over IPv4 with neither
// tag, option nor a checksum above IPv4's that is to be looked at, and nothing wrong.
//
// Inline, and with no more of a result than the next stage needs, for this is on every packet's
// way. All else, the slightest doubt included, is left to overlay_decap(), which says the same.

#include <weft/packet.h>

#include "overlay/checksum.h"
#include "overlay/decap.h"

enum {
	OVERLAY_PLAIN_IP = OVERLAY_ETH_LEN,
	OVERLAY_PLAIN_UDP = OVERLAY_PLAIN_IP + OVERLAY_IPV4_LEN,
	OVERLAY_PLAIN_GRE = OVERLAY_PLAIN_UDP,
	OVERLAY_PLAIN_VXLAN = OVERLAY_PLAIN_UDP + OVERLAY_UDP_LEN,
	// where the inner frame begins
	OVERLAY_PLAIN_IN_VXLAN = OVERLAY_PLAIN_VXLAN + OVERLAY_VXLAN_LEN,
	OVERLAY_PLAIN_IN_NVGRE = OVERLAY_PLAIN_GRE + OVERLAY_NVGRE_LEN,
};

// What a burst's packets are held against.
struct overlay_plain_vtep {
	weft_be32 own;
	weft_be16 port;
	bool vxlan, nvgre; // there is such a VTEP
	bool zero_csum_bad;
};

struct overlay_plain {
	weft_be32 src; // outer
	uint32_t vni;  // or VSID
	uint16_t inner_len;
	uint8_t inner_ofs; // as of struct overlay_rx, like the rest
	uint8_t encap;
	uint8_t flow_id;
	uint8_t tos, ttl;
	bool inner_vlan;
};

static inline struct overlay_plain_vtep overlay_plain_vtep(const struct overlay_vtep *vtep)
{
	return (struct overlay_plain_vtep){
		.own = weft_ip_v4(&vtep->ipv4),
		.port = htons(vtep->vxlan_port),
		.vxlan = weft_ip_is_v4(&vtep->ipv4) && vtep->vxlan_port,
		.nvgre = weft_ip_is_v4(&vtep->ipv4) && vtep->nvgre,
		.zero_csum_bad = vtep->udp4_zero_csum_bad,
	};
}

// Bits that are not as they should be, of what has but one right value: EtherType, version and
// header length, fragment offset and flag, protocol, destination;
static inline uint32_t overlay_plain_wrong_ip(
	const struct overlay_plain_vtep *vtep, const uint8_t *d, uint32_t proto)
{
	const uint8_t *ip = d + OVERLAY_PLAIN_IP;

	return ((weft_load32(ip - 2) ^ htonl(0x08004500)) & htonl(0xffffff00)) |
	       ((weft_load32(ip + 6) ^ htonl(proto)) & htonl(0x3fff00ff)) |
	       (weft_load32(ip + 16) ^ vtep->own);
}

// port and VXLAN's I;
static inline uint32_t overlay_plain_wrong_vxlan(
	const struct overlay_plain_vtep *vtep, const uint8_t *d)
{
	return overlay_plain_wrong_ip(vtep, d, OVERLAY_PROTO_UDP) |
	       (uint32_t)(weft_load16(d + OVERLAY_PLAIN_UDP + 2) ^ vtep->port) |
	       (~d[OVERLAY_PLAIN_VXLAN] & OVERLAY_VXLAN_I);
}

// GRE's flags and protocol.
static inline uint32_t overlay_plain_wrong_nvgre(
	const struct overlay_plain_vtep *vtep, const uint8_t *d)
{
	return overlay_plain_wrong_ip(vtep, d, OVERLAY_PROTO_GRE) |
	       (weft_load32(d + OVERLAY_PLAIN_GRE) ^
		       htonl(OVERLAY_GRE_K << 16 | OVERLAY_ETHERTYPE_TEB));
}

// The inner frame begins at `ofs`; false: the IP header is not sound.
static inline bool overlay_plain_found(const uint8_t *d, enum weft_encap encap, unsigned ofs,
	uint32_t key, uint32_t inner_len, struct overlay_plain *p)
{
	const uint8_t *ip = d + OVERLAY_PLAIN_IP;
	uint16_t type = overlay_get16(d + ofs + 12);

	*p = (struct overlay_plain){
		.src = weft_load32(ip + 12),
		.vni = key >> 8,
		.inner_len = (uint16_t)inner_len,
		.inner_ofs = (uint8_t)ofs,
		.encap = encap,
		.flow_id = encap == WEFT_ENCAP_NVGRE ? key & 0xff : 0,
		.tos = ip[1],
		.ttl = ip[8],
		.inner_vlan = type == OVERLAY_ETHERTYPE_VLAN || type == OVERLAY_ETHERTYPE_SVLAN,
	};
	return overlay_ipv4_csum_ok(ip, OVERLAY_IPV4_LEN);
}

static inline bool overlay_plain_vxlan(const struct overlay_plain_vtep *vtep, const uint8_t *d,
	uint32_t total_len, bool good, struct overlay_plain *p)
{
	const uint8_t *udp = d + OVERLAY_PLAIN_UDP;
	uint32_t ip_len = overlay_get16(d + OVERLAY_PLAIN_IP + 2), udp_len = overlay_get16(udp + 4);

	if ((ip_len > total_len - OVERLAY_PLAIN_IP) | (udp_len + OVERLAY_IPV4_LEN > ip_len) |
		(udp_len < OVERLAY_UDP_LEN + OVERLAY_VXLAN_LEN + OVERLAY_ETH_LEN))
		return false;
	if (weft_load16(udp + 6) ? !good : vtep->zero_csum_bad)
		return false;
	return overlay_plain_found(d, WEFT_ENCAP_VXLAN, OVERLAY_PLAIN_IN_VXLAN,
		overlay_get32(d + OVERLAY_PLAIN_VXLAN + 4) & 0xffffff00,
		udp_len - OVERLAY_UDP_LEN - OVERLAY_VXLAN_LEN, p);
}

static inline bool overlay_plain_nvgre(
	const uint8_t *d, uint32_t total_len, struct overlay_plain *p)
{
	const uint32_t outer = OVERLAY_IPV4_LEN + OVERLAY_NVGRE_LEN;
	uint32_t ip_len = overlay_get16(d + OVERLAY_PLAIN_IP + 2);
	uint32_t key = overlay_get32(d + OVERLAY_PLAIN_GRE + 4);

	if ((ip_len > total_len - OVERLAY_PLAIN_IP) | (ip_len < outer + OVERLAY_ETH_LEN) |
		(key >> 8 < WEFT_VSID_MIN) | (key >> 8 > WEFT_VSID_MAX))
		return false;
	return overlay_plain_found(
		d, WEFT_ENCAP_NVGRE, OVERLAY_PLAIN_IN_NVGRE, key, ip_len - outer, p);
}

// `total_len` bytes, of which `len` lie in one piece at `d`. `good`: the UDP checksum is known to
// be (OVERLAY_HINT_UDP_GOOD). False: it is for overlay_decap() to say.
static inline bool overlay_decap_plain(const struct overlay_plain_vtep *vtep, const uint8_t *d,
	uint32_t len, uint32_t total_len, bool good, struct overlay_plain *p)
{
	if (__builtin_expect(len < OVERLAY_PLAIN_IN_VXLAN + OVERLAY_ETH_LEN, 0))
		return false;
	if (__builtin_expect(vtep->vxlan && !overlay_plain_wrong_vxlan(vtep, d), 1))
		return overlay_plain_vxlan(vtep, d, total_len, good, p);
	if (vtep->nvgre && !overlay_plain_wrong_nvgre(vtep, d))
		return overlay_plain_nvgre(d, total_len, p);
	return false;
}

// All that overlay_decap() would have said of it; `own`: the VTEP's address.
static inline void overlay_plain_tell(
	const struct overlay_plain *p, const struct weft_ip *own, struct overlay_rx *rx)
{
	*rx = (struct overlay_rx){
		.src = weft_ip_from_v4(p->src),
		.dst = *own,
		.vni = p->vni,
		.inner_ofs = p->inner_ofs,
		.inner_len = p->inner_len,
		.verdict = OVERLAY_INNER,
		.encap = p->encap,
		.flow_id = p->flow_id,
		.tos = p->tos,
		.ttl = p->ttl,
		.inner_vlan = p->inner_vlan,
	};
}
