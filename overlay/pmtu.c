// SPDX-License-Identifier: Apache-2.0
#include "overlay/pmtu.h"

#include "overlay/checksum.h"
#include "overlay/wire.h"

#define PROTO_ICMP 1
#define PROTO_ICMPV6 58
#define ICMP_LEN 8u
#define LEAST_SOURCE_PORT 49152u // encap.h: the default range of source ports

// Whether the quoted upper layer, of which `len` bytes are there, is an encapsulation of ours.
static bool is_ours(const struct overlay_vtep *vtep, uint8_t proto, const uint8_t *l4, uint32_t len)
{
	if (proto == OVERLAY_PROTO_UDP)
		return vtep->vxlan_port && len >= 4 && overlay_get16(l4) >= LEAST_SOURCE_PORT &&
		       overlay_get16(l4 + 2) == vtep->vxlan_port;
	return proto == OVERLAY_PROTO_GRE && vtep->nvgre && len >= 4 &&
	       overlay_get16(l4) == OVERLAY_GRE_K && overlay_get16(l4 + 2) == OVERLAY_ETHERTYPE_TEB;
}

// RFC 1191, 7: a router that knows nothing of path MTU discovery says 0. The next plateau below
// the packet's length is the guess.
static uint32_t plateau(uint32_t total_len)
{
	static const uint16_t plateaus[] = {32000, 17914, 8166, 4352, 2002, 1492, 1006};

	for (unsigned i = 0; i < sizeof(plateaus) / sizeof(plateaus[0]); i++)
		if (plateaus[i] < total_len)
			return plateaus[i];
	return OVERLAY_PMTU_MIN4;
}

// `icmp` has `len` bytes, all that the IP header says there are.
static bool heard4(const struct overlay_vtep *vtep, const uint8_t *icmp, uint32_t len,
	struct overlay_pmtu *out)
{
	const uint8_t *ip = icmp + ICMP_LEN;
	uint32_t quoted = len - ICMP_LEN, hlen;
	weft_be32 src, dst;

	if (len < ICMP_LEN + OVERLAY_IPV4_LEN || icmp[0] != 3 || icmp[1] != 4 ||
		weft_csum_fold(weft_csum_partial(icmp, len, 0)) != 0xffff)
		return false;
	hlen = 4 * (ip[0] & 15u);
	memcpy(&src, ip + 12, 4);
	memcpy(&dst, ip + 16, 4);
	if (ip[0] >> 4 != 4 || hlen < OVERLAY_IPV4_LEN || hlen > quoted ||
		src != weft_ip_v4(&vtep->ipv4) || !is_ours(vtep, ip[9], ip + hlen, quoted - hlen))
		return false;
	out->remote = weft_ip_from_v4(dst);
	out->mtu = overlay_get16(icmp + 6);
	if (!out->mtu)
		out->mtu = plateau(overlay_get16(ip + 2));
	if (out->mtu < OVERLAY_PMTU_MIN4)
		out->mtu = OVERLAY_PMTU_MIN4;
	return true;
}

static bool heard6(const struct overlay_vtep *vtep, const uint8_t *outer, const uint8_t *icmp,
	uint32_t len, struct overlay_pmtu *out)
{
	const uint8_t *ip = icmp + ICMP_LEN;
	uint64_t pseudo = overlay_pseudo_ipv6(outer, PROTO_ICMPV6, len);

	if (len < ICMP_LEN + OVERLAY_IPV6_LEN || icmp[0] != 2 ||
		weft_csum_fold(weft_csum_partial(icmp, len, pseudo)) != 0xffff)
		return false;
	if (ip[0] >> 4 != 6 || memcmp(ip + 8, vtep->ipv6.b, 16) != 0 ||
		!is_ours(vtep, ip[6], ip + OVERLAY_IPV6_LEN, len - ICMP_LEN - OVERLAY_IPV6_LEN))
		return false;
	memcpy(out->remote.b, ip + 24, 16);
	out->mtu = overlay_get32(icmp + 4);
	if (out->mtu < OVERLAY_PMTU_MIN6)
		out->mtu = OVERLAY_PMTU_MIN6;
	return true;
}

static bool parse4(
	const struct overlay_vtep *vtep, const uint8_t *ip, uint32_t len, struct overlay_pmtu *out)
{
	uint32_t hlen, total;
	weft_be32 dst;

	if (len < OVERLAY_IPV4_LEN || ip[9] != PROTO_ICMP)
		return false;
	hlen = 4 * (ip[0] & 15u);
	total = overlay_get16(ip + 2);
	memcpy(&dst, ip + 16, 4);
	if (hlen < OVERLAY_IPV4_LEN || total < hlen || total > len ||
		(overlay_get16(ip + 6) & (OVERLAY_IPV4_MF | OVERLAY_IPV4_OFFSET)) ||
		!weft_ip_is_v4(&vtep->ipv4) || dst != weft_ip_v4(&vtep->ipv4))
		return false;
	return heard4(vtep, ip + hlen, total - hlen, out);
}

static bool parse6(
	const struct overlay_vtep *vtep, const uint8_t *ip, uint32_t len, struct overlay_pmtu *out)
{
	uint32_t payload;

	if (len < OVERLAY_IPV6_LEN || ip[6] != PROTO_ICMPV6)
		return false;
	payload = overlay_get16(ip + 4);
	if (payload > len - OVERLAY_IPV6_LEN || weft_ip_is_none(&vtep->ipv6) ||
		memcmp(ip + 24, vtep->ipv6.b, 16) != 0)
		return false;
	return heard6(vtep, ip, ip + OVERLAY_IPV6_LEN, payload, out);
}

bool overlay_pmtu_heard(const struct overlay_vtep *vtep, const uint8_t *frame, uint32_t len,
	struct overlay_pmtu *out)
{
	uint32_t at = OVERLAY_ETH_LEN;
	uint16_t type;

	if (len < OVERLAY_ETH_LEN + OVERLAY_VLAN_LEN)
		return false;
	type = overlay_get16(frame + 12);
	if (type == OVERLAY_ETHERTYPE_VLAN) {
		type = overlay_get16(frame + 16);
		at += OVERLAY_VLAN_LEN;
	}
	if (type == OVERLAY_ETHERTYPE_IPV4)
		return parse4(vtep, frame + at, len - at, out);
	return type == OVERLAY_ETHERTYPE_IPV6 && parse6(vtep, frame + at, len - at, out);
}
