// SPDX-License-Identifier: Apache-2.0
#include "overlay/flow_hash.h"

#include "overlay/wire.h"

#define VLAN_TAGS_MAX 2u
#define IPV6_EXT_MAX 8u

// Odd constants without structure: the first fractional digits of pi and e.
#define K0 0x243f6a8885a308d3u
#define K1 0xb7e151628aed2a6bu

__extension__ typedef unsigned __int128 uint128;

// Where the parser stands: `p` to `end` is left; `h` is what was hashed so far.
struct cursor {
	const uint8_t *p;
	const uint8_t *end;
	uint64_t h;
};

// Full 128-bit product, halves folded: each input bit reaches every output bit.
static inline uint64_t multiply_fold(uint64_t a, uint64_t b)
{
	uint128 product = (uint128)a * b;

	return (uint64_t)product ^ (uint64_t)(product >> 64);
}

static inline void mix(struct cursor *c, uint64_t a, uint64_t b)
{
	c->h = multiply_fold(a ^ c->h ^ K0, b ^ K1);
}

static inline bool has(const struct cursor *c, uint32_t bytes)
{
	return (size_t)(c->end - c->p) >= bytes;
}

// All of these begin with source and destination port.
static inline bool has_ports(uint8_t proto)
{
	return proto == OVERLAY_PROTO_TCP || proto == OVERLAY_PROTO_UDP ||
	       proto == OVERLAY_PROTO_SCTP || proto == OVERLAY_PROTO_DCCP ||
	       proto == OVERLAY_PROTO_UDPLITE;
}

static inline uint32_t ports(const struct cursor *c, uint8_t proto)
{
	return has_ports(proto) && has(c, 4) ? weft_load32(c->p) : 0;
}

static void hash_ipv4(struct cursor *c)
{
	const uint8_t *ip = c->p;
	uint32_t hlen, l4 = 0;

	if (!has(c, OVERLAY_IPV4_LEN))
		return;
	hlen = 4 * (ip[0] & 15u);
	if (!(overlay_get16(ip + 6) & (OVERLAY_IPV4_MF | OVERLAY_IPV4_OFFSET)) &&
		hlen >= OVERLAY_IPV4_LEN && has(c, hlen)) {
		c->p += hlen;
		l4 = ports(c, ip[9]);
	}
	mix(c, weft_load64(ip + 12), (uint64_t)ip[9] << 32 | l4);
}

static inline bool is_extension(uint8_t next)
{
	return next == OVERLAY_PROTO_HOPOPTS || next == OVERLAY_PROTO_ROUTING ||
	       next == OVERLAY_PROTO_FRAGMENT || next == OVERLAY_PROTO_DSTOPTS;
}

static inline bool is_fragment(const uint8_t *ext)
{
	return overlay_get16(ext + 2) & (OVERLAY_IPV6_FRAG_OFFSET | OVERLAY_IPV6_FRAG_MORE);
}

// Moves to the upper layer and returns its protocol; `ports_follow` says whether it may be read.
static uint8_t skip_extensions(struct cursor *c, uint8_t next, bool *ports_follow)
{
	*ports_follow = true;
	for (unsigned i = 0; i < IPV6_EXT_MAX && is_extension(next) && has(c, 8); i++) {
		const uint8_t *ext = c->p;
		uint32_t len = next == OVERLAY_PROTO_FRAGMENT ? 8 : 8 * (1u + ext[1]);

		if (next == OVERLAY_PROTO_FRAGMENT && is_fragment(ext)) {
			*ports_follow = false;
			return ext[0];
		}
		next = ext[0];
		if (!has(c, len)) {
			*ports_follow = false;
			return next;
		}
		c->p += len;
	}
	return next;
}

static void hash_ipv6(struct cursor *c)
{
	const uint8_t *ip = c->p;
	bool ports_follow;
	uint8_t proto;
	uint32_t l4;

	if (!has(c, OVERLAY_IPV6_LEN))
		return;
	c->p += OVERLAY_IPV6_LEN;
	proto = skip_extensions(c, ip[6], &ports_follow);
	l4 = ports_follow ? ports(c, proto) : 0;
	mix(c, weft_load64(ip + 8), weft_load64(ip + 16));
	mix(c, weft_load64(ip + 24), weft_load64(ip + 32));
	mix(c, proto, l4);
}

// The EtherType behind the tags, whose VLAN IDs are hashed with the addresses.
static uint16_t hash_ethernet(struct cursor *c)
{
	const uint8_t *eth = c->p;
	uint16_t type = overlay_get16(eth + 12);
	uint64_t vids = 0;

	c->p += OVERLAY_ETH_LEN;
	for (unsigned i = 0; i < VLAN_TAGS_MAX && has(c, OVERLAY_VLAN_LEN); i++) {
		if (type != OVERLAY_ETHERTYPE_VLAN && type != OVERLAY_ETHERTYPE_SVLAN)
			break;
		vids = vids << 12 | (overlay_get16(c->p) & 0xfff);
		type = overlay_get16(c->p + 2);
		c->p += OVERLAY_VLAN_LEN;
	}
	mix(c, weft_load64(eth), (uint64_t)weft_load32(eth + 8) << 32 | vids << 8);
	c->h ^= type;
	return type;
}

static inline uint32_t finish(const struct cursor *c)
{
	uint32_t hash = (uint32_t)(multiply_fold(c->h ^ K1, K0) >> 32);

	return hash ? hash : 1;
}

uint32_t overlay_flow_hash_plain(const uint8_t *frame, uint64_t seed)
{
	const uint8_t *ip = frame + OVERLAY_ETH_LEN;
	struct cursor c = {.h = seed};
	uint32_t l4 = has_ports(ip[9]) ? weft_load32(ip + OVERLAY_IPV4_LEN) : 0;

	mix(&c, weft_load64(frame), (uint64_t)weft_load32(frame + 8) << 32);
	c.h ^= OVERLAY_ETHERTYPE_IPV4;
	mix(&c, weft_load64(ip + 12), (uint64_t)ip[9] << 32 | l4);
	return finish(&c);
}

uint32_t overlay_flow_hash(const uint8_t *frame, uint32_t len, uint64_t seed)
{
	struct cursor c = {.p = frame, .end = frame + len, .h = seed};

	if (len >= OVERLAY_ETH_LEN) {
		uint16_t type = hash_ethernet(&c);
		if (type == OVERLAY_ETHERTYPE_IPV4)
			hash_ipv4(&c);
		else if (type == OVERLAY_ETHERTYPE_IPV6)
			hash_ipv6(&c);
	}
	return finish(&c);
}
