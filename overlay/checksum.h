// SPDX-License-Identifier: Apache-2.0
#pragma once
// The IPv4 header checksum and the pseudo headers, on the primitives of weft/checksum.h.
//
// The pseudo headers come as unfolded sums, to start weft_csum_partial() or struct weft_csum with.

#include <weft/checksum.h>

#include "overlay/wire.h"

// The field's value for a header of `len` bytes (20 to 60, options included) whose field is zero.
static inline weft_be16 overlay_ipv4_csum(const uint8_t *ip, uint32_t len)
{
	return weft_csum_finish(weft_csum_partial(ip, len, 0));
}

// Fills the field in, whatever is in it.
static inline void overlay_ipv4_set_csum(uint8_t *ip, uint32_t len)
{
	weft_be16 csum;

	memset(ip + 10, 0, 2);
	csum = overlay_ipv4_csum(ip, len);
	memcpy(ip + 10, &csum, 2);
}

// Of a header without options: its words summed with the carry brought round, which leaves the same
// remainder by 0xffff as any other order of adding them.
static inline bool overlay_ipv4_plain_csum_ok(const uint8_t *ip)
{
	uint64_t a = weft_load64(ip), sum = a + weft_load64(ip + 8);
	uint32_t c = weft_load32(ip + 16);

	sum += sum < a;
	sum += c;
	sum += sum < c;
	return sum && sum % 0xffff == 0;
}

// Whether a header as received is right (RFC 1071, 1: all of it sums to ones).
static inline bool overlay_ipv4_csum_ok(const uint8_t *ip, uint32_t len)
{
	if (len == OVERLAY_IPV4_LEN)
		return overlay_ipv4_plain_csum_ok(ip);
	return weft_csum_fold(weft_csum_partial(ip, len, 0)) == 0xffff;
}

// RFC 768 and RFC 9293, 3.1. `ip` is the IPv4 header, `l4_len` the bytes of header and payload of
// the upper layer in host order.
static inline uint64_t overlay_pseudo_ipv4(const uint8_t *ip, uint8_t proto, uint32_t l4_len)
{
	uint64_t sum = (uint64_t)htonl(l4_len) + htons(proto);

	return weft_csum_partial(ip + 12, 8, sum);
}

// RFC 8200, 8.1. `ip` is the IPv6 header; its destination is the final one (no routing header
// left).
static inline uint64_t overlay_pseudo_ipv6(const uint8_t *ip, uint8_t proto, uint32_t l4_len)
{
	uint64_t sum = (uint64_t)htonl(l4_len) + htons(proto);

	return weft_csum_partial(ip + 8, 32, sum);
}
