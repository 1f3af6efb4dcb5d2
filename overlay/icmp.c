// SPDX-License-Identifier: Apache-2.0
#include "overlay/icmp.h"

#include "overlay/checksum.h"
#include "overlay/wire.h"

#define PROTO_ICMP 1
#define PROTO_ICMPV6 58
#define MAX_TAGS 2u
#define ICMP_LEN 8u
#define ICMP_QUOTE_MAX 576u   // of the whole IPv4 packet (RFC 1812, 4.3.2.3)
#define ICMP6_QUOTE_MAX 1280u // of the whole IPv6 packet (RFC 4443, 3.2)
#define TTL 64

// A view of the frame's IP packet: what is there of it, without Ethernet's padding.
struct ip_view {
	const uint8_t *ip;
	uint32_t ofs; // of it in the frame
	uint32_t len; // readable bytes from `ip` on
	bool v6;
};

static bool view_ip(const uint8_t *frame, uint32_t len, struct ip_view *v)
{
	uint32_t at = OVERLAY_ETH_LEN, total;
	uint16_t type = 0;

	for (unsigned tags = 0; at <= len; tags++, at += OVERLAY_VLAN_LEN) {
		type = overlay_get16(frame + at - 2);
		if ((type != OVERLAY_ETHERTYPE_VLAN && type != OVERLAY_ETHERTYPE_SVLAN) ||
			tags == MAX_TAGS)
			break;
	}
	if (at > len)
		return false;
	*v = (struct ip_view){frame + at, at, len - at, type == OVERLAY_ETHERTYPE_IPV6};
	if (!v->v6 && type != OVERLAY_ETHERTYPE_IPV4)
		return false;
	if (v->len < (v->v6 ? OVERLAY_IPV6_LEN : OVERLAY_IPV4_LEN) ||
		v->ip[0] >> 4 != (v->v6 ? 6 : 4))
		return false;
	total = v->v6 ? OVERLAY_IPV6_LEN + overlay_get16(v->ip + 4) : overlay_get16(v->ip + 2);
	if (total < v->len)
		v->len = total;
	return true;
}

// ---- what may be answered

static bool is_host4(const uint8_t *addr)
{
	return addr[0] != 0 && addr[0] != 127 && addr[0] < 224;
}

static bool is_icmp_error(uint8_t type)
{
	return type == 3 || type == 4 || type == 5 || type == 11 || type == 12;
}

static enum overlay_oversize judge4(const struct ip_view *v)
{
	uint32_t hlen = 4 * (v->ip[0] & 15u), fragment = overlay_get16(v->ip + 6);

	if (hlen < OVERLAY_IPV4_LEN || v->len < hlen || !overlay_ipv4_csum_ok(v->ip, hlen))
		return OVERLAY_OVERSIZE_SILENT;
	if (!(fragment & OVERLAY_IPV4_DF))
		return OVERLAY_OVERSIZE_FRAGMENT;
	if ((fragment & OVERLAY_IPV4_OFFSET) || !is_host4(v->ip + 12) || !is_host4(v->ip + 16))
		return OVERLAY_OVERSIZE_SILENT;
	if (v->ip[9] == PROTO_ICMP && (v->len == hlen || is_icmp_error(v->ip[hlen])))
		return OVERLAY_OVERSIZE_SILENT;
	return OVERLAY_OVERSIZE_TELL;
}

static bool is_host6(const uint8_t *addr)
{
	static const uint8_t zero[15];

	return addr[0] != 0xff && (memcmp(addr, zero, 15) != 0 || addr[15] > 1);
}

// The type of the ICMPv6 message that a packet is, behind extension headers; -1: it is something
// else, or cannot be known.
static int icmp6_type(const struct ip_view *v)
{
	uint32_t at = OVERLAY_IPV6_LEN, len;
	uint8_t next = v->ip[6];

	for (unsigned i = 0; i < 8; i++) {
		if (next == PROTO_ICMPV6)
			return at < v->len ? v->ip[at] : -1;
		if ((next != OVERLAY_PROTO_HOPOPTS && next != OVERLAY_PROTO_ROUTING &&
			    next != OVERLAY_PROTO_DSTOPTS && next != OVERLAY_PROTO_FRAGMENT) ||
			at + 8 > v->len)
			return -1;
		if (next == OVERLAY_PROTO_FRAGMENT &&
			(overlay_get16(v->ip + at + 2) & OVERLAY_IPV6_FRAG_OFFSET))
			return 0; // of a later fragment nobody knows: as an error
		len = next == OVERLAY_PROTO_FRAGMENT ? 8 : 8 * (1u + v->ip[at + 1]);
		next = v->ip[at];
		at += len;
	}
	return 0;
}

static enum overlay_oversize judge6(const struct ip_view *v)
{
	int type = icmp6_type(v);

	if (!is_host6(v->ip + 8) || !is_host6(v->ip + 24) || (type >= 0 && type < 128))
		return OVERLAY_OVERSIZE_SILENT;
	return OVERLAY_OVERSIZE_TELL;
}

enum overlay_oversize overlay_oversize(const uint8_t *frame, uint32_t len)
{
	struct ip_view v;

	if (!view_ip(frame, len, &v) || ((frame[0] | frame[6]) & 1))
		return OVERLAY_OVERSIZE_SILENT;
	return v.v6 ? judge6(&v) : judge4(&v);
}

// ---- the answer

// Copies the quote behind the ICMP header at `icmp` and fills in the latter. Returns the length of
// both.
static uint32_t put_icmp(uint8_t *icmp, uint8_t type, uint8_t code, uint32_t mtu,
	const struct ip_view *v, uint32_t room)
{
	uint32_t quote = v->len < room - ICMP_LEN ? v->len : room - ICMP_LEN;

	icmp[0] = type;
	icmp[1] = code;
	overlay_put16(icmp + 2, 0);
	overlay_put32(icmp + 4, mtu);
	memcpy(icmp + ICMP_LEN, v->ip, quote);
	return ICMP_LEN + quote;
}

static uint32_t put_ipv4(uint8_t *ip, const struct ip_view *v, uint32_t mtu, uint32_t room)
{
	uint32_t most = room < ICMP_QUOTE_MAX ? room : ICMP_QUOTE_MAX, len;
	uint8_t *icmp = ip + OVERLAY_IPV4_LEN;
	weft_be16 csum;

	// RFC 1191, 4: the next hop's MTU in the lower 16 bits, the upper ones unused.
	len = put_icmp(icmp, 3, 4, mtu < 0xffff ? mtu : 0xffff, v, most - OVERLAY_IPV4_LEN);
	csum = weft_csum_finish(weft_csum_partial(icmp, len, 0));
	memcpy(icmp + 2, &csum, 2);
	memset(ip, 0, OVERLAY_IPV4_LEN);
	ip[0] = 0x45;
	ip[1] = 0xc0; // internetwork control (RFC 1812, 4.3.2.5)
	overlay_put16(ip + 2, (uint16_t)(OVERLAY_IPV4_LEN + len));
	overlay_put16(ip + 6, OVERLAY_IPV4_DF);
	ip[8] = TTL;
	ip[9] = PROTO_ICMP;
	memcpy(ip + 12, v->ip + 16, 4);
	memcpy(ip + 16, v->ip + 12, 4);
	csum = overlay_ipv4_csum(ip, OVERLAY_IPV4_LEN);
	memcpy(ip + 10, &csum, 2);
	return OVERLAY_IPV4_LEN + len;
}

static uint32_t put_ipv6(uint8_t *ip, const struct ip_view *v, uint32_t mtu, uint32_t room)
{
	uint32_t most = room < ICMP6_QUOTE_MAX ? room : ICMP6_QUOTE_MAX, len;
	uint8_t *icmp = ip + OVERLAY_IPV6_LEN;
	weft_be16 csum;

	len = put_icmp(icmp, 2, 0, mtu, v, most - OVERLAY_IPV6_LEN);
	overlay_put32(ip, 6u << 28 | 0xc0u << 20);
	overlay_put16(ip + 4, (uint16_t)len);
	ip[6] = PROTO_ICMPV6;
	ip[7] = TTL;
	memcpy(ip + 8, v->ip + 24, 16);
	memcpy(ip + 24, v->ip + 8, 16);
	csum = weft_csum_finish(
		weft_csum_partial(icmp, len, overlay_pseudo_ipv6(ip, PROTO_ICMPV6, len)));
	memcpy(icmp + 2, &csum, 2);
	return OVERLAY_IPV6_LEN + len;
}

uint32_t overlay_icmp_too_big(
	const uint8_t *frame, uint32_t len, uint32_t mtu, uint8_t out[OVERLAY_ICMP_MAX_LEN])
{
	uint32_t room = mtu > OVERLAY_ICMP_LEAST ? mtu : OVERLAY_ICMP_LEAST;
	struct ip_view v;

	if (!view_ip(frame, len, &v))
		return 0;
	memcpy(out, frame + 6, 6);
	memcpy(out + 6, frame, 6);
	memcpy(out + 12, frame + 12, v.ofs - 12);
	return v.ofs +
	       (v.v6 ? put_ipv6(out + v.ofs, &v, mtu, room) : put_ipv4(out + v.ofs, &v, mtu, room));
}
