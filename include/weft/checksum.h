// SPDX-License-Identifier: Apache-2.0
#pragma once
// The Internet checksum (RFC 1071) and its incremental update (RFC 1624).
//
// A sum is kept unfolded in 64 bits, over the bytes as they lie in memory: RFC 1071, 2 (B) shows
// that the byte order does not matter as long as it is one. So nothing here swaps, every weft_be16
// that goes in or comes out is what lies in the packet, and host-order arithmetic has no place.
//
//	whole:       csum = weft_csum_finish(weft_csum_partial(p, len, 0)), field zeroed before
//	verify:      weft_csum_fold(weft_csum_partial(p, len, pseudo)) == 0xffff
//	in pieces:   struct weft_csum c = {0}; weft_csum_add(&c, p, n); any piece may be odd
//	one change:  csum = weft_csum_update16(csum, old, new)
//
// A sum stays exact over 8 GiB, more than any packet. Pure functions; any thread, any alignment.

#include <weft/checksum_wide.h>

// `sum` plus the 16-bit words of `len` bytes; an odd last byte counts as if a zero followed, so
// only the last piece may be odd (struct weft_csum lifts that).
static inline uint64_t weft_csum_partial(const void *data, size_t len, uint64_t sum)
{
	const uint8_t *p = data;
	uint64_t lo = sum, hi = 0, word;
	uint32_t word4;
	uint16_t word2;

	if (len >= WEFT_CSUM_WIDE && weft_csum_is_wide()) {
		size_t left = weft_csum_wide(p, len, &lo);

		p += len - left;
		len = left;
	}
	// The halves are summed apart, so no carry is ever lost or chased; compilers vectorise
	// this.
	for (; len >= 8; len -= 8, p += 8) {
		memcpy(&word, p, 8);
		lo += (uint32_t)word;
		hi += word >> 32;
	}
	if (len & 4) {
		memcpy(&word4, p, 4);
		lo += word4;
		p += 4;
	}
	if (len & 2) {
		memcpy(&word2, p, 2);
		lo += word2;
		p += 2;
	}
	if (len & 1) {
		word2 = 0;
		memcpy(&word2, p, 1);
		lo += word2;
	}
	return lo + hi;
}

// The 16-bit ones' complement sum. 0 only if all that was summed was zero.
static inline uint16_t weft_csum_fold(uint64_t sum)
{
	sum = (sum >> 32) + (uint32_t)sum;
	sum = (sum >> 32) + (uint32_t)sum;
	sum = (sum >> 16) + (sum & 0xffff);
	sum = (sum >> 16) + (sum & 0xffff);
	return (uint16_t)sum;
}

// What goes into a checksum field.
static inline weft_be16 weft_csum_finish(uint64_t sum)
{
	return (weft_be16)~weft_csum_fold(sum);
}

// What goes into a UDP checksum field, where zero means "none": RFC 768. Not for TCP or ICMP.
static inline weft_be16 weft_csum_finish_udp(uint64_t sum)
{
	weft_be16 csum = weft_csum_finish(sum);

	return csum ? csum : 0xffff;
}

// A sum over pieces of any length, as of a packet in segments. Starts as {.sum = pseudo header}.
struct weft_csum {
	uint64_t sum;
	bool odd; // an odd number of bytes so far: the next piece counts with its bytes swapped
};

static inline void weft_csum_add(struct weft_csum *c, const void *data, size_t len)
{
	uint16_t part = weft_csum_fold(weft_csum_partial(data, len, 0));

	c->sum += c->odd ? __builtin_bswap16(part) : part;
	c->odd ^= len & 1;
}

// The checksum `csum` after a 16-bit word that it covers went from `old` to `new` (RFC 1624, eqn.
// 3). A UDP checksum of zero means "none" and must not be updated; use weft_csum_update_udp*.
static inline weft_be16 weft_csum_update16(weft_be16 csum, weft_be16 old, weft_be16 new)
{
	return weft_csum_finish((uint64_t)(uint16_t)~csum + (uint16_t)~old + new);
}

// The same for `len` bytes that begin at an even offset of what the checksum covers (an address, a
// MAC, the word in which a TTL lies). `old` and `new` may be unaligned; they must not be NULL.
static inline weft_be16 weft_csum_update_bytes(
	weft_be16 csum, const void *old, const void *new, size_t len)
{
	uint16_t gone = weft_csum_fold(weft_csum_partial(old, len, 0));

	return weft_csum_finish(
		weft_csum_partial(new, len, (uint64_t)(uint16_t)~csum + (uint16_t)~gone));
}

// The same for a UDP checksum: zero stays zero ("none"), and nothing else becomes zero.
static inline weft_be16 weft_csum_update_udp_bytes(
	weft_be16 csum, const void *old, const void *new, size_t len)
{
	if (!csum)
		return 0;
	csum = weft_csum_update_bytes(csum, old, new, len);
	return csum ? csum : 0xffff;
}
