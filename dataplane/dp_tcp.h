// SPDX-License-Identifier: Apache-2.0
#pragma once
// Where things are in a frame that bears a TCP segment over IPv4 or IPv6.

#include "overlay/checksum.h"

struct dp_tcp {
	uint32_t l3, l4; // offsets of the IP and TCP headers
	uint32_t data;   // of what follows the TCP header
	uint32_t len;    // of it; Ethernet's padding is not counted
	bool v6;
};

#define DP_TCP_FIN 0x01u
#define DP_TCP_PSH 0x08u
#define DP_TCP_ACK 0x10u
#define DP_TCP_CWR 0x80u
#define DP_TCP_HEAD_MAX 142u // Ethernet with two tags, IPv6 or IPv4 with options, TCP with options

// False: the frame is none (other protocol, fragment, IPv6 extension header, cut short). With
// `any_len` the lengths in the IP header are not looked at, and the segment is what is there.
static inline bool dp_tcp_parse(const uint8_t *frame, uint32_t len, bool any_len, struct dp_tcp *t)
{
	uint32_t at = 14, type, total, proto;

	if (len < 14 + 40) // Ethernet and either IP header or IPv4 and TCP, whatever the tags
		return false;
	type = overlay_get16(frame + 12);
	for (unsigned tags = 0; tags < 2 && (type == 0x8100 || type == 0x88a8); tags++, at += 4)
		type = overlay_get16(frame + at + 2);
	t->l3 = at;
	t->v6 = type == 0x86dd;
	if (at + (t->v6 ? 40 : 20) > len)
		return false;
	if (t->v6) {
		total = 40 + overlay_get16(frame + at + 4);
		proto = frame[at] >> 4 == 6 ? frame[at + 6] : 0;
		t->l4 = at + 40;
	} else {
		if (type != 0x0800 || frame[at] >> 4 != 4 ||
			(overlay_get16(frame + at + 6) & 0x3fff))
			return false;
		total = overlay_get16(frame + at + 2);
		proto = frame[at + 9];
		t->l4 = at + 4 * (frame[at] & 15u);
	}
	if (any_len)
		total = len - at;
	if (proto != 6 || t->l4 < at + 20 || t->l4 + 20 > at + total || at + total > len)
		return false;
	t->data = t->l4 + 4 * (frame[t->l4 + 12] >> 4u);
	if (t->data < t->l4 + 20 || t->data > at + total)
		return false;
	t->len = at + total - t->data;
	return true;
}

// The pseudo header's sum, for a TCP segment of `l4_len` bytes.
static inline uint64_t dp_tcp_pseudo(const uint8_t *frame, const struct dp_tcp *t, uint32_t l4_len)
{
	const uint8_t *ip = frame + t->l3;

	return t->v6 ? overlay_pseudo_ipv6(ip, OVERLAY_PROTO_TCP, l4_len)
		     : overlay_pseudo_ipv4(ip, OVERLAY_PROTO_TCP, l4_len);
}

// IPv4's header checksum; IPv6 has none.
static inline void dp_tcp_ip_csum(uint8_t *frame, const struct dp_tcp *t)
{
	if (!t->v6)
		overlay_ipv4_set_csum(frame + t->l3, t->l4 - t->l3);
}
