// SPDX-License-Identifier: Apache-2.0
#pragma once
// Random frames with right lengths and checksums, of every kind that the flow key knows, and a
// check that recomputes the checksums from scratch. For tests and the fuzzer's arithmetic, not for
// speed.

#include "flowtable/packet/extract.h"

#include <weft/checksum.h>
#include <weft/crc32c.h>

#include "../rng.h"

#define FRAME_MAX 2048
#define FRAME_ROOM 256 // headroom

struct frame {
	uint8_t room[FRAME_ROOM];
	uint8_t bytes[FRAME_MAX];
	unsigned len;
};

static inline void frame_put(struct frame *f, const void *bytes, unsigned n)
{
	memcpy(f->bytes + f->len, bytes, n);
	f->len += n;
}

static inline void frame_put16(struct frame *f, unsigned v)
{
	frame_put(f, (uint8_t[]){(uint8_t)(v >> 8), (uint8_t)v}, 2);
}

static inline void frame_random(struct frame *f, unsigned n)
{
	rng_fill(f->bytes + f->len, n);
	f->len += n;
}

static inline void frame_set16(struct frame *f, unsigned ofs, unsigned v)
{
	f->bytes[ofs] = (uint8_t)(v >> 8);
	f->bytes[ofs + 1] = (uint8_t)v;
}

static inline unsigned frame_get16(const uint8_t *p)
{
	return (unsigned)p[0] << 8 | p[1];
}

// RFC 1071, word by word, over a buffer and a number to start with.
static inline unsigned frame_sum(const uint8_t *p, unsigned n, unsigned sum)
{
	for (unsigned i = 0; i < n; i++) {
		sum += i & 1 ? p[i] : (unsigned)p[i] << 8;
		sum = (sum & 0xffff) + (sum >> 16);
	}
	return sum;
}

// Of TCP, UDP and ICMPv6: the pseudo header's part.
static inline unsigned frame_pseudo(const uint8_t *ip, unsigned proto, unsigned len)
{
	unsigned sum = ip[0] >> 4 == 4 ? frame_sum(ip + 12, 8, 0) : frame_sum(ip + 8, 32, 0);

	return frame_sum((uint8_t[]){0, (uint8_t)proto}, 2, sum) + len;
}

// Where the checksum of a protocol lies, 0: none.
static inline unsigned frame_csum_ofs(unsigned proto, bool v6)
{
	return proto == 6          ? 16
	       : proto == 17       ? 6
	       : proto == 1 && !v6 ? 2
	       : proto == 58 && v6 ? 2
				   : 0;
}

static inline void frame_l4_csum(struct frame *f, unsigned ip, unsigned l4, unsigned proto)
{
	bool v6 = f->bytes[ip] >> 4 == 6;
	unsigned len = f->len - l4, at = l4 + frame_csum_ofs(proto, v6), sum;

	if (proto == 132) {
		memset(f->bytes + l4 + 8, 0, 4);
		weft_crc32c_store(f->bytes + l4 + 8,
			weft_crc32c_finish(weft_crc32c_add(WEFT_CRC32C_INIT, f->bytes + l4, len)));
	}
	if (at == l4)
		return;
	frame_set16(f, at, 0);
	sum = proto == 1 ? 0 : frame_pseudo(f->bytes + ip, proto, len);
	sum = ~frame_sum(f->bytes + l4, len, sum);
	sum &= 0xffff;
	frame_set16(f, at, proto == 17 && !sum ? 0xffff : sum);
}

static const uint8_t frame_protos[] = {1, 6, 6, 17, 17, 58, 58, 58, 58, 132, 132, 47};

// The transport header and some payload.
static inline void frame_l4(struct frame *f, unsigned proto)
{
	unsigned at = f->len;

	if (proto == 6) {
		frame_random(f, 20);
		f->bytes[at + 12] = (uint8_t)(0x50 | (f->bytes[at + 12] & 15));
	} else if (proto == 17) {
		frame_random(f, 8);
	} else if (proto == 132) {
		frame_random(f, 12);
	} else if (proto == 1) {
		frame_random(f, 8);
	} else if (proto == 58 && rng() % 2) {
		bool solicit = rng() % 2;
		frame_put(f, (uint8_t[]){solicit ? 135 : 136, rng() % 8 == 0}, 2);
		frame_random(f, 22);
		for (unsigned n = rng() % 4; n; n--) {
			unsigned len = rng() % 16 ? 1 : rng() % 3;
			frame_put(f, (uint8_t[]){(uint8_t)(rng() % 3 + 1), (uint8_t)len}, 2);
			frame_random(f, len ? len * 8 - 2 : 6);
		}
		return;
	} else {
		frame_random(f, 8);
	}
	frame_random(f, rng() % 90);
}

static inline void frame_ipv4(struct frame *f)
{
	unsigned ip = f->len, proto = frame_protos[rng() % sizeof(frame_protos)];
	unsigned options = rng() % 4 ? 0 : rng() % 11, frag = rng() % 6, header = 20 + 4 * options;

	frame_random(f, header);
	f->bytes[ip] = (uint8_t)(0x40 | (5 + options));
	f->bytes[ip + 9] = (uint8_t)proto;
	frame_set16(f, ip + 6,
		frag == 0   ? 0x2000
		: frag == 1 ? rng() % 0x3fff
			    : rng() % 2 * 0x4000);
	frame_l4(f, proto);
	frame_l4_csum(f, ip, ip + header, proto);
	frame_set16(f, ip + 2, f->len - ip);
	frame_set16(f, ip + 10, 0);
	frame_set16(f, ip + 10, ~frame_sum(f->bytes + ip, header, 0));
}

// One extension header; its first byte is filled in with what follows.
static inline void frame_exthdr(struct frame *f, unsigned type)
{
	unsigned at = f->len, units = rng() % 3;

	frame_random(f, type == 44 ? 8 : type == 51 ? (units + 2) * 4 : (units + 1) * 8);
	f->bytes[at + 1] = (uint8_t)units;
	if (type == 44)
		frame_set16(f, at + 2, rng() % 3 == 0 ? 0 : rng() % 2 ? 1 : rng() % 0xffff);
	if (type == 43)
		f->bytes[at + 3] = rng() % 2;
}

static inline void frame_ipv6(struct frame *f)
{
	static const uint8_t types[] = {0, 43, 44, 51, 60};
	unsigned ip = f->len, next = ip + 6, proto = frame_protos[rng() % sizeof(frame_protos)];
	unsigned l4;

	frame_random(f, 40);
	f->bytes[ip] = (uint8_t)(0x60 | (f->bytes[ip] & 15));
	for (unsigned n = rng() % 3 ? 0 : rng() % 10; n; n--) {
		unsigned type = types[rng() % sizeof(types)];
		f->bytes[next] = (uint8_t)type;
		next = f->len;
		frame_exthdr(f, type);
	}
	if (rng() % 16 == 0)
		proto = rng() % 2 ? 50 : 59;
	f->bytes[next] = (uint8_t)proto;
	l4 = f->len;
	frame_l4(f, proto);
	frame_l4_csum(f, ip, l4, proto);
	frame_set16(f, ip + 4, f->len - ip - 40);
}

static inline void frame_arp(struct frame *f)
{
	frame_put(f, (uint8_t[]){0, 1, 8, 0, 6, 4}, 6);
	frame_random(f, 22);
}

static inline void frame_eth(struct frame *f, unsigned depth);

static inline void frame_payload(struct frame *f, unsigned type, unsigned depth)
{
	if (type == 0x800) {
		frame_ipv4(f);
	} else if (type == 0x86dd) {
		frame_ipv6(f);
	} else if (type == 0x806) {
		frame_arp(f);
	} else if (type == 0x8847) {
		unsigned n = rng() % 3 + 1;
		while (n--) {
			frame_random(f, 4);
			f->bytes[f->len - 2] = (uint8_t)((f->bytes[f->len - 2] & 0xfe) | !n);
		}
		frame_payload(f, rng() % 2 ? 0x800 : 0x86dd, depth);
	} else if (type == 0x88e7) {
		frame_random(f, 4);
		if (depth < 3)
			frame_eth(f, depth + 1);
	} else {
		frame_random(f, rng() % 60);
	}
}

static const uint16_t frame_types[] = {
	0x800, 0x800, 0x800, 0x86dd, 0x86dd, 0x806, 0x8847, 0x88e7, 0x1234, 46, 47};

static inline void frame_eth(struct frame *f, unsigned depth)
{
	unsigned type = frame_types[rng() % (sizeof(frame_types) / 2)], n = rng() % 3;

	frame_random(f, 12);
	if (rng() % 16 == 0)
		n = rng() % 11;
	for (n = rng() % 2 ? 0 : n; n; n--) {
		frame_put16(f, rng() % 2 ? 0x8100 : 0x88a8);
		frame_random(f, 2);
	}
	frame_put16(f, type);
	if (type == 47) { // any length will do
		type = frame_types[rng() % 8];
		frame_put(f, (uint8_t[]){0xaa, 0xaa, 3, 0, 0, 0}, 6);
		frame_put16(f, type);
	}
	frame_payload(f, type, depth);
}

static inline void frame_make(struct frame *f)
{
	f->len = 0;
	frame_eth(f, 0);
	if (rng() % 4 == 0)
		frame_random(f, rng() % 20); // padding
}

// Cuts, flips, overwrites.
static inline void frame_spoil(struct frame *f)
{
	for (unsigned n = rng() % 6; n && f->len; n--)
		f->bytes[rng() % f->len] = rng() % 3 ? (uint8_t)rng() : 0xff;
	if (rng() % 3 == 0)
		f->len = rng() % (f->len + 1);
}

static inline struct weft_packet frame_packet(struct frame *f)
{
	return (struct weft_packet){
		.data = f->bytes, .len = f->len, .total_len = f->len, .headroom = FRAME_ROOM};
}

// Whether every checksum of the outermost IP packet is right. True also where none can be checked.
static inline bool frame_csums_ok(const struct weft_packet *p, const struct weft_flow_key *k)
{
	const uint8_t *ip = p->data + p->l3_ofs, *l4 = p->data + p->l4_ofs;
	bool v6 = k->eth_type == htons(0x86dd);
	unsigned len, at;

	if (!p->l3_ofs || k->eth_type == htons(0x806))
		return true;
	if (!v6 && frame_sum(ip, (ip[0] & 15u) * 4, 0) != 0xffff)
		return false;
	// With a routing header the last address may be another.
	if (!p->l4_ofs || k->ip_frag || (k->ipv6_exthdr & htons(FT_EXTHDR_ROUTER)))
		return true;
	len = p->l3_ofs + (v6 ? 40 + frame_get16(ip + 4) : frame_get16(ip + 2)) - p->l4_ofs;
	if (k->ip_proto == 132) {
		uint32_t crc = weft_crc32c_add(WEFT_CRC32C_INIT, l4, 8);
		uint8_t want[4];
		crc = weft_crc32c_add(crc, (uint8_t[4]){0}, 4);
		weft_crc32c_store(
			want, weft_crc32c_finish(weft_crc32c_add(crc, l4 + 12, len - 12)));
		return memcmp(want, l4 + 8, 4) == 0;
	}
	at = frame_csum_ofs(k->ip_proto, v6);
	if (!at || (k->ip_proto == 17 && !frame_get16(l4 + at)))
		return true;
	return frame_sum(l4, len, k->ip_proto == 1 ? 0 : frame_pseudo(ip, k->ip_proto, len)) ==
	       0xffff;
}
