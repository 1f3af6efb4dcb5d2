// SPDX-License-Identifier: Apache-2.0
#include "variants.h"

#include <arpa/inet.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PCAP_MAGIC 0xa1b2c3d4u
#define IP_CSUM 10u
#define IP_SRC 12u
#define SRC_BITS_MAX 24u
#define PORT_BITS_MAX 16u

// ---- bytes

static uint16_t get16(const uint8_t *at)
{
	return (uint16_t)(at[0] << 8 | at[1]);
}

static void put16(uint8_t *at, uint16_t value)
{
	value = htons(value);
	memcpy(at, &value, 2);
}

// The checksum at `at`, after words that were 0 have become ones whose sum is `more`: RFC 1624, 3.
static void csum_add(uint8_t *at, uint32_t more)
{
	uint32_t sum = (uint16_t)~get16(at) + more;

	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	put16(at, (uint16_t)~sum);
}

// The other way round.
static void csum_remove(uint8_t *at, uint16_t word)
{
	csum_add(at, (uint16_t)~word);
}

// ---- which value

// A permutation of the numbers of `bits` bits: each step can be undone.
static uint64_t permuted(uint64_t v, unsigned bits, uint64_t seed)
{
	uint64_t mask = (1ull << bits) - 1;
	unsigned half = bits / 2 ? bits / 2 : 1;

	v = (v + seed) & mask;
	v = (v * 0x9e3779b97f4a7c15u) & mask;
	v ^= v >> half;
	return (v * 0xd6e8feb86659fd93u) & mask;
}

static uint32_t spread(uint64_t flow, size_t frame)
{
	return (uint32_t)((flow * 0x9e3779b97f4a7c15u ^ frame * 0xd6e8feb86659fd93u) >> 40);
}

static void set_outer(const struct variants *s, uint8_t *frame, uint32_t entropy)
{
	if (s->encap == VARIANTS_VXLAN)
		put16(frame + 34, (uint16_t)(0xc000 | (entropy & 0x3fff)));
	else if (s->encap == VARIANTS_NVGRE)
		frame[41] = (uint8_t)entropy;
}

uint16_t variants_write(const struct variants *s, size_t number, uint64_t v, void *to)
{
	const struct variants_frame *f = &s->frame[number];
	uint8_t *ip = (uint8_t *)to + s->inner_at + 14, *l4 = ip + 20;
	uint64_t value = permuted(v * f->sharers + f->share, f->src_bits + f->port_bits, s->seed);
	uint16_t port = (uint16_t)(value & ((1u << f->port_bits) - 1));
	uint32_t src = (uint32_t)(value >> f->port_bits);

	memcpy(to, f->bytes, sizeof(f->bytes));
	set_outer(s, to, spread(value, number));
	// The open bits are 0 in the frame, so adding is setting.
	put16(ip + IP_SRC, (uint16_t)(get16(ip + IP_SRC) + (src >> 16)));
	put16(ip + IP_SRC + 2, (uint16_t)(get16(ip + IP_SRC + 2) + (src & 0xffff)));
	put16(l4, (uint16_t)(get16(l4) + port));
	csum_add(ip + IP_CSUM, (src >> 16) + (src & 0xffff));
	csum_add((uint8_t *)to + f->csum_at, (src >> 16) + (src & 0xffff) + port);
	return f->len;
}

// ---- files

static bool complain(const char *path, const char *what)
{
	fprintf(stderr, "%s: %s\n", path, what);
	return false;
}

// Sets a word's open bits to 0 and takes them out of the checksums.
static void clear_word(struct variants_frame *f, uint8_t *word, uint16_t mask, uint8_t *ip)
{
	uint16_t open = get16(word) & mask;

	put16(word, (uint16_t)(get16(word) & ~mask));
	csum_remove(f->bytes + f->csum_at, open);
	if (ip)
		csum_remove(ip + IP_CSUM, open);
}

static void clear_open_bits(struct variants_frame *f, uint8_t *ip)
{
	uint32_t mask = (1u << f->src_bits) - 1;

	clear_word(f, ip + IP_SRC, (uint16_t)(mask >> 16), ip);
	clear_word(f, ip + IP_SRC + 2, (uint16_t)mask, ip);
	clear_word(f, ip + 20, (uint16_t)((1u << f->port_bits) - 1), NULL);
}

static bool prepare(const struct variants *s, struct variants_frame *f)
{
	uint8_t *ip = f->bytes + s->inner_at + 14;

	if (f->len < s->inner_at + 54 || ip[-2] != 8 || ip[-1] || ip[0] != 0x45 ||
		(ip[9] != 6 && ip[9] != 17) || f->src_bits > SRC_BITS_MAX ||
		f->port_bits > PORT_BITS_MAX)
		return false;
	f->csum_at = (uint16_t)(s->inner_at + 34 + (ip[9] == 6 ? 16 : 6));
	clear_open_bits(f, ip);
	return true;
}

static struct variants_frame *another(struct variants *s)
{
	size_t n = s->frames;

	if (!(n & (n - 1))) {
		size_t room = (n ? 2 * n : 1) * sizeof(s->frame[0]);
		struct variants_frame *more = aligned_alloc(64, room);

		if (!more)
			return NULL;
		if (n)
			memcpy(more, s->frame, n * sizeof(s->frame[0]));
		free(s->frame);
		s->frame = more;
	}
	memset(&s->frame[n], 0, sizeof(s->frame[0]));
	return &s->frame[s->frames++];
}

static bool read_frames(struct variants *s, FILE *capture, FILE *open_bits, const char *path)
{
	uint32_t head[6], record[4];

	if (fread(head, sizeof(head), 1, capture) != 1 || head[0] != PCAP_MAGIC)
		return complain(path, "not a capture file of this machine's byte order");
	while (fread(record, sizeof(record), 1, capture) == 1) {
		struct variants_frame *f = another(s);
		uint8_t bits[2];

		if (!f)
			return complain(path, "no memory");
		f->len = (uint16_t)record[2];
		if (record[2] > sizeof(f->bytes) || fread(f->bytes, record[2], 1, capture) != 1)
			return complain(path, "a frame is cut, or too long");
		if (fread(bits, sizeof(bits), 1, open_bits) != 1)
			return complain(path, "there are more frames than open bits");
		f->src_bits = bits[0];
		f->port_bits = bits[1];
		if (!prepare(s, f))
			return complain(path, "a frame that cannot be varied");
	}
	return s->frames || complain(path, "no frames");
}

static bool alike(
	const struct variants *s, const struct variants_frame *a, const struct variants_frame *b)
{
	size_t at = s->inner_at;

	return a->src_bits == b->src_bits && a->port_bits == b->port_bits &&
	       !memcmp(a->bytes + at, b->bytes + at, sizeof(a->bytes) - at);
}

static int by_inner(const void *a, const void *b, void *variants)
{
	const struct variants *s = variants;
	const struct variants_frame *x = *(struct variants_frame *const *)a;
	const struct variants_frame *y = *(struct variants_frame *const *)b;
	size_t at = s->inner_at;
	int differ = memcmp(x->bytes + at, y->bytes + at, sizeof(x->bytes) - at);

	if (!differ)
		differ = x->src_bits - y->src_bits;
	return differ ? differ : x->port_bits - y->port_bits;
}

static bool share_out(struct variants *s)
{
	struct variants_frame **order = calloc(s->frames, sizeof(order[0]));

	if (!order)
		return false;
	for (size_t i = 0; i < s->frames; i++)
		order[i] = &s->frame[i];
	qsort_r(order, s->frames, sizeof(order[0]), by_inner, s);
	for (size_t from = 0, to; from < s->frames; from = to) {
		for (to = from; to < s->frames && alike(s, order[from], order[to]); to++)
			order[to]->share = (uint32_t)(to - from);
		for (size_t i = from; i < to; i++)
			order[i]->sharers = (uint32_t)(to - from);
	}
	free(order);
	return true;
}

struct variants *variants_open(
	const char *capture, const char *open_bits, enum variants_encap encap, uint64_t seed)
{
	static const uint16_t inner_at[] = {0, 50, 42};
	struct variants *s = calloc(1, sizeof(*s));
	FILE *frames = fopen(capture, "rb"), *bits = fopen(open_bits, "rb");
	bool done = false;

	if (s) {
		s->seed = seed;
		s->encap = encap;
		s->inner_at = inner_at[encap];
		done = !frames ? complain(capture, "cannot be read")
		       : !bits ? complain(open_bits, "cannot be read")
			       : read_frames(s, frames, bits, capture) &&
					 (share_out(s) || complain(capture, "no memory"));
	}
	if (frames)
		fclose(frames);
	if (bits)
		fclose(bits);
	if (done)
		return s;
	variants_close(s);
	return NULL;
}

void variants_close(struct variants *s)
{
	if (s)
		free(s->frame);
	free(s);
}

size_t variants_frames(const struct variants *s)
{
	return s->frames;
}

uint64_t variants_of_each(const struct variants *s)
{
	uint64_t least = UINT64_MAX;

	for (size_t i = 0; i < s->frames; i++) {
		const struct variants_frame *f = &s->frame[i];
		uint64_t has = (1ull << (f->src_bits + f->port_bits)) / f->sharers;

		least = has < least ? has : least;
	}
	return least;
}
