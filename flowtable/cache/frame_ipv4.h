// SPDX-License-Identifier: Apache-2.0
#pragma once
// Which frames are plainly IPv4, with their fields at fixed places: for prints (cache_key.c), and
// for gists' keys of frames that nobody has made a print of (cache_derive.c). Workers.

#include "flowtable/cache/cache.h"
#include "flowtable/packet/extract.h"
#include "flowtable/cache/relevance.h"

#define FT_TCP_BYTES 20u
#define FT_IPV4_MIN (14u + 20 + FT_TCP_BYTES)

static inline unsigned ft_length_at(const uint8_t *p)
{
	return ntohs(weft_load16(p));
}

// What a protocol's frames are, and how much behind the IP header extraction wants to be there for
// its fields: with less the key has none of them, and the frame no print.
struct ft_behind_ip {
	enum ft_frame_kind kind;
	unsigned bytes;
};

// From a table, not by branches: where flows of TCP and UDP come mixed, which of them the next one
// is cannot be guessed, and a wrong guess costs more than all else that is done here.
static inline struct ft_behind_ip ft_behind_ipv4(uint8_t proto)
{
#define SAYS(kind, bytes) (FT_FRAME_BARE4 - (kind) + ((bytes) << 2))
	static const uint8_t says[256] = {
		[FT_PROTO_TCP] = SAYS(FT_FRAME_TCP4, FT_TCP_BYTES),
		[FT_PROTO_UDP] = SAYS(FT_FRAME_UDP4, 8),
		[FT_PROTO_ICMP] = SAYS(FT_FRAME_ICMP4, 8),
		[FT_PROTO_SCTP] = SAYS(FT_FRAME_UDP4, 12),
	};
#undef SAYS
	uint8_t it = says[proto];

	static_assert(FT_FRAME_BARE4 == 3, "the last of IPv4, and two bits");
	return (struct ft_behind_ip){(enum ft_frame_kind)(FT_FRAME_BARE4 - (it & 3)), it >> 2};
}

// Behind an Ethernet header and `tag` bytes, with FT_IPV4_MIN more to look at: an IPv4 header
// without options, no fragment, a TTL that can be decremented, and after it what extraction takes
// for a header of this protocol.
static inline enum ft_frame_kind ft_frame_ipv4(const struct ft_arrival *a, unsigned tag)
{
	const uint8_t *d = a->data + tag;
	unsigned total = ft_length_at(d + 16);
	struct ft_behind_ip b = ft_behind_ipv4(d[23]);

	if (d[14] != 0x45 || (weft_load16(d + 20) & htons(0x3fff)) || d[22] < 2 ||
		total < 20 + b.bytes || 14 + tag + total > a->total_len)
		return FT_FRAME_OTHER;
	return b.kind;
}
