// SPDX-License-Identifier: Apache-2.0
#pragma once
// Where things are in a frame that bears a TCP segment, or a UDP datagram, over IPv4 or IPv6.

#include "overlay/checksum.h"

struct dp_tcp {
	uint32_t l3, l4; // offsets of the IP header and of TCP's or UDP's
	uint32_t data;   // of what follows that
	uint32_t len;    // of it; Ethernet's padding is not counted
	bool v6;
};

#define DP_TCP_FIN 0x01u
#define DP_TCP_PSH 0x08u
#define DP_TCP_ACK 0x10u
#define DP_TCP_CWR 0x80u
#define DP_TCP_HEAD_MAX 142u // Ethernet with two tags, IPv6 or IPv4 with options, TCP with options

// As far as `want`'s header, of which at least `least` bytes are there. Returns where the packet
// ends; 0: it is none (other protocol, fragment, IPv6 extension header, cut short). With `any_len`
// the lengths in the IP header are not looked at, and the packet is what is there.
static inline uint32_t dp_ip_parse(const uint8_t *frame, uint32_t len, bool any_len, uint8_t want,
	uint32_t least, struct dp_tcp *t)
{
	uint32_t at = 14, type, total, proto;

	if (len < 14 + 20) // Ethernet and an IP header, or tags
		return 0;
	type = overlay_get16(frame + 12);
	for (unsigned tags = 0; tags < 2 && (type == 0x8100 || type == 0x88a8); tags++, at += 4)
		type = overlay_get16(frame + at + 2);
	t->l3 = at;
	t->v6 = type == 0x86dd;
	if (at + (t->v6 ? 40 : 20) > len)
		return 0;
	if (t->v6) {
		total = 40 + overlay_get16(frame + at + 4);
		proto = frame[at] >> 4 == 6 ? frame[at + 6] : 0;
		t->l4 = at + 40;
	} else {
		if (type != 0x0800 || frame[at] >> 4 != 4 ||
			(overlay_get16(frame + at + 6) & 0x3fff))
			return 0;
		total = overlay_get16(frame + at + 2);
		proto = frame[at + 9];
		t->l4 = at + 4 * (frame[at] & 15u);
	}
	if (any_len)
		total = len - at;
	if (proto != want || t->l4 < at + 20 || t->l4 + least > at + total || at + total > len)
		return 0;
	return at + total;
}

static inline bool dp_tcp_parse(const uint8_t *frame, uint32_t len, bool any_len, struct dp_tcp *t)
{
	uint32_t end = dp_ip_parse(frame, len, any_len, OVERLAY_PROTO_TCP, 20, t);

	if (!end)
		return false;
	t->data = t->l4 + 4 * (frame[t->l4 + 12] >> 4u);
	if (t->data < t->l4 + 20 || t->data > end)
		return false;
	t->len = end - t->data;
	return true;
}

static inline bool dp_udp_parse(const uint8_t *frame, uint32_t len, bool any_len, struct dp_tcp *t)
{
	uint32_t end = dp_ip_parse(frame, len, any_len, OVERLAY_PROTO_UDP, 8, t);

	if (!end)
		return false;
	t->data = t->l4 + 8;
	t->len = end - t->data;
	return true;
}

// The pseudo header's sum, for `l4_len` bytes of a protocol's.
static inline uint64_t dp_ip_pseudo(
	const uint8_t *frame, const struct dp_tcp *t, uint8_t proto, uint32_t l4_len)
{
	const uint8_t *ip = frame + t->l3;

	return t->v6 ? overlay_pseudo_ipv6(ip, proto, l4_len)
		     : overlay_pseudo_ipv4(ip, proto, l4_len);
}

static inline uint64_t dp_tcp_pseudo(const uint8_t *frame, const struct dp_tcp *t, uint32_t l4_len)
{
	return dp_ip_pseudo(frame, t, OVERLAY_PROTO_TCP, l4_len);
}

// IPv4's header checksum; IPv6 has none.
static inline void dp_tcp_ip_csum(uint8_t *frame, const struct dp_tcp *t)
{
	if (!t->v6)
		overlay_ipv4_set_csum(frame + t->l3, t->l4 - t->l3);
}

// The length of the packet from the IP header on, and what follows from it in that header.
static inline void dp_ip_set_len(uint8_t *frame, const struct dp_tcp *t, uint32_t total)
{
	if (t->v6)
		overlay_put16(frame + t->l3 + 4, (uint16_t)(total - 40));
	else
		overlay_put16(frame + t->l3 + 2, (uint16_t)total);
	dp_tcp_ip_csum(frame, t);
}

// Whether two IP headers of equal length, in the same place, say the same but for length,
// identification and checksum.
static inline bool dp_ip_same(const uint8_t *a, const uint8_t *b, const struct dp_tcp *t)
{
	a += t->l3;
	b += t->l3;
	if (t->v6)
		return !memcmp(a, b, 4) && !memcmp(a + 6, b + 6, 34);
	return !memcmp(a, b, 2) && !memcmp(a + 6, b + 6, 4) && !memcmp(a + 12, b + 12, 8);
}
