// SPDX-License-Identifier: Apache-2.0
#pragma once
// Outer frames written out byte by byte from RFC 7348, 5 and RFC 7637, 3.2, and what a test needs
// to change them: offsets, insertion, and checksums summed the slow way, not by the code under
// test.

#include "overlay/decap.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "../rng.h"

// Offsets in the untagged frames below.
#define AT_IP 14u
#define AT_UDP 34u // over IPv4
#define AT_VXLAN 42u
#define AT_GRE 34u
#define AT_UDP6 54u // over IPv6
#define INNER_LEN 42u

// clang-format off
#define ETH(hi, lo) 0x02, 0, 0, 0, 0, 0x02,  0x02, 0, 0, 0, 0, 0x01,  hi, lo
#define IPV4(len, proto, hi, lo) 0x45, 0, 0, len,  0x12, 0x34, 0x40, 0,  64, proto, hi, lo, \
	198, 51, 100, 1,  198, 51, 100, 2
#define IPV6(len, proto) 0x60, 0, 0, 0,  0, len, proto, 64, \
	0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, \
	0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2
#define UDP(hi, lo) 0xc0, 0x00, 0x12, 0xb5,  0, 58, hi, lo
#define VXLAN 0x08, 0, 0, 0,  0x12, 0x34, 0x56, 0
#define NVGRE 0x20, 0x00, 0x65, 0x58,  0x12, 0x34, 0x56, 0x42
#define INNER_ARP 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,  0x02, 0xaa, 0, 0, 0, 0x01,  0x08, 0x06, \
	0, 1, 0x08, 0, 6, 4, 0, 1,  0x02, 0xaa, 0, 0, 0, 0x01,  10, 0, 0, 1,  0, 0, 0, 0, 0, 0,  10, 0, 0, 2

static const uint8_t vxlan4_bytes[] = {
	ETH(0x08, 0x00), IPV4(78, 17, 0xd4, 0x00), UDP(0, 0), VXLAN, INNER_ARP};
static const uint8_t vxlan4_csum_bytes[] = {
	ETH(0x08, 0x00), IPV4(78, 17, 0xd4, 0x00), UDP(0x38, 0xc0), VXLAN, INNER_ARP};
static const uint8_t nvgre4_bytes[] = {
	ETH(0x08, 0x00), IPV4(70, 47, 0xd3, 0xea), NVGRE, INNER_ARP};
static const uint8_t vxlan6_bytes[] = {
	ETH(0x86, 0xdd), IPV6(58, 17), UDP(0x31, 0xb6), VXLAN, INNER_ARP};
static const uint8_t nvgre6_bytes[] = {
	ETH(0x86, 0xdd), IPV6(50, 47), NVGRE, INNER_ARP};
// clang-format on

struct frame {
	uint8_t b[512];
	uint32_t len;
};

#define FRAME(bytes) frame_of(bytes, sizeof(bytes))

static inline struct frame frame_of(const uint8_t *bytes, uint32_t len)
{
	struct frame f = {.len = len};

	memcpy(f.b, bytes, len);
	return f;
}

static inline void frame_insert(struct frame *f, uint32_t at, const void *bytes, uint32_t n)
{
	memmove(f->b + at + n, f->b + at, f->len - at);
	memcpy(f->b + at, bytes, n);
	f->len += n;
}

static inline void put_be16(uint8_t *p, uint32_t v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

// RFC 1071, 1, word by word.
static inline uint16_t slow_sum(const uint8_t *p, size_t len, uint32_t sum)
{
	for (size_t i = 0; i < len; i++) {
		sum += i & 1 ? p[i] : (uint32_t)p[i] << 8;
		sum = (sum & 0xffff) + (sum >> 16);
	}
	return (uint16_t)sum;
}

// After a change to the IPv4 header at `at`.
static inline void fix_ipv4(struct frame *f, uint32_t at)
{
	uint8_t *ip = f->b + at;

	put_be16(ip + 10, 0);
	put_be16(ip + 10, (uint16_t)~slow_sum(ip, 4 * (ip[0] & 15u), 0));
}

// Fills in the UDP checksum over `len` bytes at `at`; `addrs` of `addr_len` bytes both.
static inline void fix_udp(
	struct frame *f, uint32_t at, uint32_t len, uint32_t addrs, uint32_t addr_len)
{
	uint32_t sum = slow_sum(f->b + addrs, addr_len, 17 + len);

	put_be16(f->b + at + 6, 0);
	sum = (uint16_t)~slow_sum(f->b + at, len, sum);
	put_be16(f->b + at + 6, sum ? sum : 0xffff);
}

static const struct weft_ip local6 = {.b = {0x20, 0x01, 0x0d, 0xb8, [15] = 2}};
static const struct weft_ip remote6 = {.b = {0x20, 0x01, 0x0d, 0xb8, [15] = 1}};

static inline struct overlay_vtep test_vtep(void)
{
	struct overlay_vtep v = {.ipv6 = local6, .vxlan_port = 4789, .nvgre = true};

	v.ipv4 = weft_ip_from_v4(inet_addr("198.51.100.2"));
	return v;
}

// Decapsulates a copy of exactly `len` readable bytes, so that the address sanitizer sees any byte
// read beyond them.
static inline struct overlay_rx decap_exact(const struct overlay_vtep *vtep, const uint8_t *bytes,
	uint32_t len, uint32_t total_len, unsigned hints, const void *owner)
{
	uint8_t *copy = malloc(len ? len : 1);
	struct weft_packet pkt = {.len = len, .total_len = total_len};
	enum overlay_verdict verdict;
	struct overlay_rx rx;

	assert_non_null(copy);
	memcpy(copy, bytes, len);
	pkt.data = copy;
	memcpy(&pkt.owner, &owner, sizeof(owner));
	verdict = overlay_decap(vtep, &pkt, hints, &rx);
	assert_int_equal(verdict, rx.verdict);
	free(copy);
	return rx;
}

static inline struct overlay_rx decap(const struct frame *f)
{
	struct overlay_vtep v = test_vtep();

	return decap_exact(&v, f->b, f->len, f->len, 0, NULL);
}

static inline void assert_dropped(struct overlay_rx rx, enum weft_drop reason)
{
	assert_int_equal(rx.verdict, OVERLAY_DROP);
	assert_int_equal(rx.drop, reason);
}
