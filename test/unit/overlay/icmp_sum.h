// SPDX-License-Identifier: Apache-2.0
#pragma once
// Checksums of what tests write: ICMPv6 and IGMP have theirs in the same place.

#include "overlay/checksum.h"

// Of `len` bytes at `l4`, whose field is in the third byte; `pseudo`: the pseudo header's sum, 0
// for IGMP.
static inline void icmp_sum(uint8_t *l4, uint32_t len, uint64_t pseudo)
{
	weft_be16 csum;

	memset(l4 + 2, 0, 2);
	csum = weft_csum_finish(weft_csum_partial(l4, len, pseudo));
	memcpy(l4 + 2, &csum, 2);
}

// Of ICMPv6 behind the IPv6 header `ip`, perhaps with extensions between them.
static inline void icmp6_sum(const uint8_t *ip, uint8_t *l4, uint32_t len)
{
	icmp_sum(l4, len, overlay_pseudo_ipv6(ip, 58, len));
}
