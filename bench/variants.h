// SPDX-License-Identifier: Apache-2.0
#pragma once
// Many flows out of few frames.
//
// A capture of a million flows does not fit into a driver's buffers, so a generator takes a
// capture of some and changes what the rules leave open: the low bits of the inner source address
// and of the inner source port. How many of each may change is said for each frame, by two bytes
// in a file of its own (see lib/frames.py), because a filter may match a part of them. What follows
// from the flow changes with it: checksums of the inner packet (RFC 1624), the outer UDP source
// port (RFC 7348, section 5) or the FlowID (RFC 7637, section 3.2).
//
// Variant v of a frame differs from its other variants, up to as many as it has open bits for; then
// they come again. Frames that differ in nothing but open bits, and have as many of them, share
// these variants out among themselves. The order of the values follows from the seed; it is a
// permutation, so nothing needs remembering. Used by one thread.

#include <stddef.h>
#include <stdint.h>

#define VARIANTS_ROOM 192u // bytes of the longest frame

enum variants_encap {
	VARIANTS_PLAIN,
	VARIANTS_VXLAN,
	VARIANTS_NVGRE,
};

struct variants;

// Reads the capture and the open bits. NULL: it has written to stderr why. Frames must be Ethernet,
// IPv4 without options, TCP or UDP; with VXLAN or NVGRE over IPv4 around that, as `encap` says.
struct variants *variants_open(
	const char *capture, const char *open_bits, enum variants_encap encap, uint64_t seed);
void variants_close(struct variants *);

size_t variants_frames(const struct variants *);
// So many variants every frame has at least.
uint64_t variants_of_each(const struct variants *);
// Writes variant `v` of a frame, VARIANTS_ROOM bytes of room; returns its length.
uint16_t variants_write(const struct variants *, size_t frame, uint64_t v, void *to);
// That the frame is needed soon; one beyond the last is the first.
static inline void variants_prefetch(const struct variants *, size_t frame);

// ---- what is inside, for the sake of speed

struct variants_frame {
	uint8_t bytes[VARIANTS_ROOM]; // open bits are 0, checksums are of that
	uint16_t len;
	uint8_t src_bits, port_bits;
	uint16_t csum_at;        // of TCP or UDP
	uint32_t sharers, share; // frames that this one shares its variants with, and which it is
} __attribute__((aligned(64)));

struct variants {
	struct variants_frame *frame;
	size_t frames;
	uint64_t seed;
	uint16_t inner_at;
	enum variants_encap encap;
};

static inline void variants_prefetch(const struct variants *s, size_t frame)
{
	const struct variants_frame *f = &s->frame[frame < s->frames ? frame : 0];

	__builtin_prefetch(f->bytes);
	__builtin_prefetch(f->bytes + 64);
	__builtin_prefetch(f->bytes + VARIANTS_ROOM);
}
