// SPDX-License-Identifier: Apache-2.0
#pragma once
// Scalars that every folder agrees on: wire-order integers, MAC and IP addresses, identifiers.
//
// Nothing here allocates or locks; everything is plain data and may be copied by assignment.

#include <arpa/inet.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

// Integers in network byte order. The name is the warning: convert before arithmetic.
typedef uint16_t weft_be16;
typedef uint32_t weft_be32;
typedef uint64_t weft_be64;

// Unaligned reads, as the bytes lie there.
static inline weft_be16 weft_load16(const uint8_t *p)
{
	weft_be16 v;

	memcpy(&v, p, 2);
	return v;
}

static inline weft_be32 weft_load32(const uint8_t *p)
{
	weft_be32 v;

	memcpy(&v, p, 4);
	return v;
}

static inline weft_be64 weft_load64(const uint8_t *p)
{
	weft_be64 v;

	memcpy(&v, p, 8);
	return v;
}

static inline weft_be64 weft_htonll(uint64_t v)
{
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
	return __builtin_bswap64(v);
#else
	return v;
#endif
}

static inline uint64_t weft_ntohll(weft_be64 v)
{
	return weft_htonll(v);
}

struct weft_mac {
	uint8_t b[6];
};

static inline bool weft_mac_is_multicast(const struct weft_mac *m)
{
	return m->b[0] & 1; // broadcast included
}

static inline bool weft_mac_equal(const struct weft_mac *a, const struct weft_mac *b)
{
	return memcmp(a->b, b->b, 6) == 0;
}

// An IPv4 or IPv6 address; IPv4 is held as the mapped address ::ffff:a.b.c.d (RFC 4291, 2.5.5.2),
// so that comparing and hashing need no family. All zero means "none".
struct weft_ip {
	union {
		uint8_t b[16];
		uint64_t q[2];
	};
};

static inline struct weft_ip weft_ip_from_v4(weft_be32 v4)
{
	struct weft_ip ip = {.b = {[10] = 0xff, [11] = 0xff}};
	memcpy(&ip.b[12], &v4, 4);
	return ip;
}

static inline bool weft_ip_is_v4(const struct weft_ip *ip)
{
	static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};
	return memcmp(ip->b, mapped, 12) == 0;
}

static inline weft_be32 weft_ip_v4(const struct weft_ip *ip)
{
	weft_be32 v4;
	memcpy(&v4, &ip->b[12], 4);
	return v4;
}

static inline bool weft_ip_is_none(const struct weft_ip *ip)
{
	return (ip->q[0] | ip->q[1]) == 0;
}

static inline bool weft_ip_equal(const struct weft_ip *a, const struct weft_ip *b)
{
	return a->q[0] == b->q[0] && a->q[1] == b->q[1];
}

static inline bool weft_ip_is_multicast(const struct weft_ip *ip)
{
	return weft_ip_is_v4(ip) ? ip->b[12] >> 4 == 0xe : ip->b[0] == 0xff;
}

// Addresses that begin with the same `len` of 128 bits: an IPv4 prefix has 96 more than one writes.
struct weft_prefix {
	struct weft_ip ip;
	uint32_t len;
	uint32_t pad;
};

// ::/0 and others that reach beyond ::ffff:0:0/96 are IPv6's alone.
static inline bool weft_prefix_covers(const struct weft_prefix *p, const struct weft_ip *ip)
{
	unsigned bytes = p->len / 8, bits = p->len % 8;

	if (p->len < 96 && weft_ip_is_v4(ip))
		return false;
	if (memcmp(p->ip.b, ip->b, bytes) != 0)
		return false;
	return !bits || (p->ip.b[bytes] ^ ip->b[bytes]) >> (8 - bits) == 0;
}

#define WEFT_NAME_MAX 63 // characters of a tenant's or port's name, without the final NUL

// Identifiers are given by the agent, are never 0, and are not used again while the data plane
// runs: a stale one fails instead of naming somebody else.
typedef uint32_t weft_tenant_id;
typedef uint32_t weft_port_id;

// How a tenant's frames travel between hosts.
enum weft_encap {
	WEFT_ENCAP_NONE = 0,  // a switch of this host alone
	WEFT_ENCAP_VXLAN = 1, // RFC 7348
	WEFT_ENCAP_NVGRE = 2, // RFC 7637
};

#define WEFT_VNI_MAX 0xffffffu
#define WEFT_VSID_MIN 0x001000u // RFC 7637, 3.2: 0 to 0xfff are reserved,
#define WEFT_VSID_MAX 0xfffffeu // and so is 0xffffff

// The least and the highest network of an encapsulation.
static inline uint32_t weft_network_min(enum weft_encap encap)
{
	return encap == WEFT_ENCAP_NVGRE ? WEFT_VSID_MIN : 0;
}

static inline uint32_t weft_network_max(enum weft_encap encap)
{
	return encap == WEFT_ENCAP_NVGRE ? WEFT_VSID_MAX : WEFT_VNI_MAX;
}
