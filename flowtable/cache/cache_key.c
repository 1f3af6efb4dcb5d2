// SPDX-License-Identifier: Apache-2.0
// Prints of a burst. Compiled for each instruction set, with FT_PRINTS as the name.
#include "flowtable/cache/cache_key.h"

#include "flowtable/packet/extract.h"
#include "flowtable/cache/frame_ipv4.h"
#include "flowtable/hash.h"

#if defined(__AES__)
#include <immintrin.h>
#endif

#define IPV6_L4 (14u + 40)
#define ARP_MIN (14u + 28)
#define TAG_BYTES 4u
#define LOOKED_AT 64u

// Extension headers that extraction walks over: hop by hop, routing, fragment, authentication,
// destination. What lies behind ESP nobody sees.
static inline bool is_walked_over(uint8_t proto)
{
	return proto < 64 &&
	       (1ull << proto & (1ull | 1ull << 43 | 1ull << 44 | 1ull << 51 | 1ull << 60));
}

// Messages of neighbour discovery have fields beyond what is looked at.
static __attribute__((noinline)) struct ft_behind_ip behind_ipv6_unusual(const uint8_t *d)
{
	switch (d[20]) {
	case FT_PROTO_ICMPV6:
		if (d[IPV6_L4] == FT_ND_SOLICIT || d[IPV6_L4] == FT_ND_ADVERT)
			return (struct ft_behind_ip){FT_FRAME_OTHER, 0};
		return (struct ft_behind_ip){FT_FRAME_ICMP6, 4};
	case FT_PROTO_SCTP:
		return (struct ft_behind_ip){FT_FRAME_UDP6, 12};
	default:
		return (struct ft_behind_ip){
			is_walked_over(d[20]) ? FT_FRAME_OTHER : FT_FRAME_BARE6, 0};
	}
}

static inline struct ft_behind_ip behind_ipv6(const uint8_t *d, const struct ft_masks *masks)
{
	if (d[20] == FT_PROTO_TCP)
		return (struct ft_behind_ip){
			masks->all_tcp6 ? FT_FRAME_OTHER : FT_FRAME_TCP6, FT_TCP_BYTES};
	if (d[20] == FT_PROTO_UDP)
		return (struct ft_behind_ip){FT_FRAME_UDP6, 8};
	return behind_ipv6_unusual(d);
}

static inline enum ft_frame_kind kind_ipv6(
	const struct ft_arrival *a, const struct ft_masks *masks, unsigned tag)
{
	const uint8_t *d = a->data + tag;
	unsigned payload, end;
	struct ft_behind_ip b;

	if (a->len < LOOKED_AT || d[14] >> 4 != 6 || d[21] < 2)
		return FT_FRAME_OTHER;
	payload = ft_length_at(d + 18);
	b = behind_ipv6(d, masks);
	end = IPV6_L4 + tag;
	if (payload < b.bytes || a->len < end + b.bytes || end + payload > a->total_len)
		return FT_FRAME_OTHER;
	return b.kind;
}

static bool is_arp(const struct ft_arrival *a)
{
	static const uint8_t ethernet_ipv4[] = {8, 6, 0, 1, 8, 0, 6, 4};

	return a->len >= ARP_MIN && !memcmp(a->data + 12, ethernet_ipv4, sizeof(ethernet_ipv4));
}

static enum ft_frame_kind kind_tagged(const struct ft_arrival *a, const struct ft_masks *masks)
{
	weft_be16 type = weft_load16(a->data + 12 + TAG_BYTES);
	enum ft_frame_kind kind = FT_FRAME_OTHER;

	if (a->len < FT_IPV4_MIN + TAG_BYTES)
		return FT_FRAME_OTHER;
	if (type == htons(0x0800))
		kind = ft_frame_ipv4(a, TAG_BYTES);
	else if (type == htons(0x86dd))
		kind = kind_ipv6(a, masks, TAG_BYTES);
	return kind == FT_FRAME_OTHER ? kind : FT_FRAME_TAGGED + kind;
}

static __attribute__((noinline)) enum ft_frame_kind kind_unusual(
	const struct ft_arrival *a, const struct ft_masks *masks)
{
	weft_be16 type;

	if (a->len < ARP_MIN)
		return FT_FRAME_OTHER;
	type = weft_load16(a->data + 12);
	if (type == htons(0x8100) || type == htons(0x88a8))
		return kind_tagged(a, masks);
	return is_arp(a) ? FT_FRAME_ARP : FT_FRAME_OTHER;
}

static inline enum ft_frame_kind kind_of(const struct ft_arrival *a, const struct ft_masks *masks)
{
	if (__builtin_expect(a->len < FT_IPV4_MIN, 0))
		return kind_unusual(a, masks);
	if (__builtin_expect(weft_load16(a->data + 12) == htons(0x0800), 1))
		return ft_frame_ipv4(a, 0);
	return weft_load16(a->data + 12) == htons(0x86dd) ? kind_ipv6(a, masks, 0)
							  : kind_unusual(a, masks);
}

// What the masks reach into, zeros behind the frame's end.
static inline const uint8_t *reach(
	const struct ft_arrival *a, enum ft_frame_kind kind, uint8_t room[LOOKED_AT])
{
	if (__builtin_expect(kind < FT_FRAME_TAGGED, 1) || a->len >= LOOKED_AT)
		return a->data;
	memset(room, 0, LOOKED_AT);
	memcpy(room, a->data, a->len);
	return room;
}

// How many of a frame's 16-byte parts the masks of its kind reach into.
static inline unsigned parts_of(enum ft_frame_kind kind)
{
	return kind <= FT_FRAME_BARE4 ? 3 : 4;
}

#if defined(__AES__)

static inline __m128i load(const void *p)
{
	return _mm_loadu_si128(p);
}

static inline const void *mask_part(
	const struct ft_masks *masks, enum ft_frame_kind kind, unsigned part)
{
	return &masks->mask[kind][2 * part];
}

static inline __m128i four_rounds(
	__m128i v, const uint64_t *r0, const uint64_t *r1, const uint64_t *r2, const uint64_t *r3)
{
	v = _mm_aesenc_si128(_mm_xor_si128(v, load(r0)), load(r1));
	v = _mm_aesenc_si128(v, load(r2));
	v = _mm_aesenc_si128(v, load(r3));
	return _mm_aesenc_si128(v, _mm_setzero_si128());
}

static inline __m128i hash_from(const struct ft_print_keys *k, const struct ft_arrival *a)
{
	return four_rounds(load(&a->from), k->from[0], k->from[1], k->from[2], k->from[3]);
}

static __m128i hash_tunnel(const struct ft_print_keys *k, const struct ft_arrival *a)
{
	__m128i h = _mm_setzero_si128();

	for (unsigned i = 0; i < sizeof(*a->tunnel) / 16; i++) {
		const uint64_t(*t)[2] = &k->tunnel[4 * i];
		const char *part = (const char *)a->tunnel + 16 * i;

		h = _mm_xor_si128(h, four_rounds(load(part), t[0], t[1], t[2], t[3]));
	}
	return h;
}

#if defined(__VAES__)

// The fourth part of IPv4 is free: where the frame comes from takes it.
static inline __m128i hash_frame(const struct ft_print_keys *k, const struct ft_arrival *a,
	const struct ft_masks *masks, const uint8_t *data, enum ft_frame_kind kind)
{
	bool v4 = parts_of(kind) == 3;
	__m512i v = _mm512_maskz_loadu_epi64(v4 ? 0x3f : 0xff, data);
	__m256i half;
	__m128i h;

	v = _mm512_and_si512(v, _mm512_load_si512(mask_part(masks, kind, 0)));
	if (v4)
		v = _mm512_inserti32x4(v, load(&a->from), 3);
	v = _mm512_xor_si512(v, _mm512_load_si512(k->round[0]));
	v = _mm512_aesenc_epi128(v, _mm512_load_si512(k->round[1]));
	v = _mm512_aesenc_epi128(v, _mm512_load_si512(k->round[2]));
	v = _mm512_aesenc_epi128(v, _mm512_load_si512(k->round[3]));
	v = _mm512_aesenc_epi128(v, _mm512_setzero_si512());
	half = _mm256_xor_si256(_mm512_castsi512_si256(v), _mm512_extracti64x4_epi64(v, 1));
	h = _mm_xor_si128(_mm256_castsi256_si128(half), _mm256_extracti128_si256(half, 1));
	return v4 ? h : _mm_xor_si128(h, hash_from(k, a));
}

#else

static inline __m128i hash_frame(const struct ft_print_keys *k, const struct ft_arrival *a,
	const struct ft_masks *masks, const uint8_t *data, enum ft_frame_kind kind)
{
	__m128i h = hash_from(k, a);

	for (unsigned i = 0, n = parts_of(kind); i < n; i++) {
		__m128i v = _mm_and_si128(load(data + 16 * i), load(mask_part(masks, kind, i)));

		h = _mm_xor_si128(h, four_rounds(v, &k->round[0][2 * i], &k->round[1][2 * i],
					     &k->round[2][2 * i], &k->round[3][2 * i]));
	}
	return h;
}

#endif

static inline struct ft_print print_of(const struct ft_print_keys *k, const struct ft_arrival *a,
	const struct ft_masks *masks, enum ft_frame_kind kind)
{
	uint8_t room[LOOKED_AT];
	__m128i h = hash_frame(k, a, masks, reach(a, kind, room), kind);
	struct ft_print p;

	if (__builtin_expect(a->tunnel != NULL, 0))
		h = _mm_xor_si128(h, hash_tunnel(k, a));
	_mm_storeu_si128((__m128i *)(void *)&p, h);
	return p;
}

#else

static inline struct ft_print print_of(const struct ft_print_keys *k, const struct ft_arrival *a,
	const struct ft_masks *masks, enum ft_frame_kind kind)
{
	const uint64_t *mask = masks->mask[kind];
	uint64_t word[2 + 8 + sizeof(struct ft_tunnel) / 8];
	uint8_t room[LOOKED_AT];
	const uint8_t *data = reach(a, kind, room);
	unsigned n = 2;

	memcpy(word, &a->from, sizeof(a->from));
	for (unsigned i = 0, words = 2 * parts_of(kind); i < words; i++, n++) {
		memcpy(&word[n], data + 8 * i, 8);
		word[n] &= mask[i];
	}
	if (a->tunnel) {
		memcpy(&word[n], a->tunnel, sizeof(*a->tunnel));
		n += sizeof(*a->tunnel) / 8;
	}
	return (struct ft_print){
		ft_hash_bytes(word, 8 * n, k->from[0][0]),
		ft_hash_bytes(word, 8 * n, k->from[0][1]),
	};
}

#endif

uint64_t FT_PRINTS(const struct ft_print_keys *k, const struct ft_arrival a[],
	const struct ft_masks *const masks[], unsigned n, struct ft_print_lines lines,
	struct ft_print prints[])
{
	uint64_t have = 0;

	for (unsigned i = 0; i < n; i++) {
		enum ft_frame_kind kind = kind_of(&a[i], masks[i]);

		if (__builtin_expect(kind == FT_FRAME_OTHER, 0))
			continue;
		prints[i] = print_of(k, &a[i], masks[i], kind);
		__builtin_prefetch(lines.line + 64 * (size_t)((uint32_t)prints[i].lo & lines.mask));
		have |= 1ull << i;
	}
	return have;
}
