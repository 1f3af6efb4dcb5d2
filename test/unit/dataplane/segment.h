// SPDX-License-Identifier: Apache-2.0
#pragma once
// Random TCP segments, and what they are cut into, written the slow way: the oracle of the tests of
// offloads.

#include "offload/dp_gso.h"

#include "../rng.h"

#define BIG 66000u

struct seg {
	uint8_t b[BIG];
	uint32_t len, l3, l4, data;
	bool v6;
};

static inline uint32_t below(uint32_t n)
{
	return rng() % n;
}

// A sum over 16-bit words by the book (RFC 1071, 4.1).
static inline uint16_t slow_sum(const uint8_t *p, uint32_t len, uint32_t sum)
{
	for (uint32_t i = 0; i < len; i++)
		sum += i & 1 ? p[i] : (uint32_t)p[i] << 8;
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)sum;
}

static inline uint16_t slow_tcp_sum(const struct seg *s)
{
	uint32_t len = s->len - s->l4, sum = len + 6;

	sum += slow_sum(s->b + s->l3 + (s->v6 ? 8 : 12), s->v6 ? 32 : 8, 0);
	// In pieces, for 32 bits hold no more than so many words.
	for (uint32_t at = 0; at < len; at += 1024)
		sum += slow_sum(s->b + s->l4 + at, len - at < 1024 ? len - at : 1024, 0);
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)sum;
}

static inline void finish(struct seg *s)
{
	uint8_t *ip = s->b + s->l3, *tcp = s->b + s->l4;

	if (s->v6) {
		overlay_put16(ip + 4, s->len - s->l3 - 40);
	} else {
		overlay_put16(ip + 2, s->len - s->l3);
		overlay_put16(ip + 10, 0);
		overlay_put16(ip + 10, (uint16_t)~slow_sum(ip, s->l4 - s->l3, 0));
	}
	overlay_put16(tcp + 16, 0);
	overlay_put16(tcp + 16, (uint16_t)~slow_tcp_sum(s));
}

// A TCP segment of `payload` random bytes, whole, but for lengths and checksums.
static inline void make(struct seg *s, bool v6, unsigned tags, unsigned options, uint32_t payload)
{
	uint8_t *ip, *tcp;

	for (uint32_t i = 0; i < 150 + payload && i < BIG; i++)
		s->b[i] = (uint8_t)rng();
	for (unsigned i = 0; i < tags; i++)
		overlay_put16(s->b + 12 + 4 * i, i ? 0x8100 : 0x88a8);
	overlay_put16(s->b + 12 + 4 * tags, v6 ? 0x86dd : 0x0800);
	s->v6 = v6;
	s->l3 = 14 + 4 * tags;
	s->l4 = s->l3 + (v6 ? 40 : 20);
	s->data = s->l4 + 20 + 4 * options;
	s->len = s->data + payload;
	ip = s->b + s->l3;
	tcp = s->b + s->l4;
	ip[0] = v6 ? 0x60 : 0x45;
	ip[v6 ? 6 : 9] = 6;
	if (!v6)
		overlay_put16(ip + 6, below(2) ? 0x4000 : 0);
	tcp[12] = (uint8_t)((5 + options) << 4);
	tcp[13] = DP_TCP_ACK;
}

static inline struct virtio_net_hdr header(const struct seg *s, uint32_t mss)
{
	return (struct virtio_net_hdr){.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM,
		.gso_type = s->v6 ? VIRTIO_NET_HDR_GSO_TCPV6 : VIRTIO_NET_HDR_GSO_TCPV4,
		.gso_size = (uint16_t)mss,
		.csum_start = (uint16_t)s->l4,
		.csum_offset = 16,
		.hdr_len = (uint16_t)s->data};
}

// The k-th segment, by the book.
static inline void slow_cut(const struct seg *big, uint32_t mss, uint32_t k, struct seg *out)
{
	uint32_t all = big->len - big->data, at = k * mss;
	uint32_t data = all - at < mss ? all - at : mss;

	*out = *big;
	out->len = big->data + data;
	memcpy(out->b + out->data, big->b + big->data + at, data);
	overlay_put32(out->b + out->l4 + 4, overlay_get32(big->b + big->l4 + 4) + at);
	if (!out->v6)
		overlay_put16(out->b + out->l3 + 4, overlay_get16(big->b + big->l3 + 4) + k);
	if (at + data < all)
		out->b[out->l4 + 13] &= 0xf6;
	if (k)
		out->b[out->l4 + 13] &= 0x7f;
	finish(out);
}

// The same as datagrams; `payload` bytes of them.
static inline void make_udp(struct seg *s, bool v6, unsigned tags, uint32_t payload)
{
	make(s, v6, tags, 0, payload);
	s->b[s->l3 + (v6 ? 6 : 9)] = 17;
	s->data = s->l4 + 8;
	s->len = s->data + payload;
}

static inline struct virtio_net_hdr header_udp(const struct seg *s, uint32_t mss)
{
	struct virtio_net_hdr h = header(s, mss);

	h.gso_type = VIRTIO_NET_HDR_GSO_UDP_L4;
	h.csum_offset = 6;
	return h;
}

// The k-th datagram, by the book: lengths, identification, and the sum with protocol 17.
static inline void slow_datagram(const struct seg *big, uint32_t mss, uint32_t k, struct seg *out)
{
	uint32_t all = big->len - big->data, at = k * mss;
	uint32_t data = all - at < mss ? all - at : mss;
	uint32_t sum;

	*out = *big;
	out->len = big->data + data;
	memcpy(out->b + out->data, big->b + big->data + at, data);
	if (!out->v6)
		overlay_put16(
			out->b + out->l3 + 4, (uint16_t)(overlay_get16(big->b + big->l3 + 4) + k));
	finish(out); // IP's; what it writes into the payload as TCP's is put back
	memcpy(out->b + out->l4, big->b + big->l4, 8);
	memcpy(out->b + out->data, big->b + big->data + at, data);
	overlay_put16(out->b + out->l4 + 4, (uint16_t)(8 + data));
	overlay_put16(out->b + out->l4 + 6, 0);
	sum = (uint32_t)slow_tcp_sum(out) + 17 - 6;
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	overlay_put16(out->b + out->l4 + 6, (uint16_t)(sum == 0xffff ? 0xffff : ~sum));
}
