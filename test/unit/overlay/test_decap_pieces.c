// SPDX-License-Identifier: Apache-2.0
// The receive side on frames that do not lie in one piece, and on noise.

#include "overlay/decap_plain.h"

#include "frames.h"

static void sum_tail(const struct weft_packet *pkt, uint32_t len, struct weft_csum *acc)
{
	const uint8_t *p = pkt->owner;
	uint32_t n;

	assert_true(len <= pkt->total_len - pkt->len);
	for (; len; len -= n, p += n) {
		n = 1 + rng() % len;
		weft_csum_add(acc, p, n);
	}
}

static const struct {
	const uint8_t *bytes;
	uint32_t len;
	uint32_t headers; // up to and with the inner Ethernet header
} whole[] = {
	{vxlan4_bytes, sizeof(vxlan4_bytes), 64},
	{vxlan4_csum_bytes, sizeof(vxlan4_csum_bytes), 64},
	{nvgre4_bytes, sizeof(nvgre4_bytes), 56},
	{vxlan6_bytes, sizeof(vxlan6_bytes), 84},
	{nvgre6_bytes, sizeof(nvgre6_bytes), 76},
};
#define WHOLE (sizeof(whole) / sizeof(whole[0]))

// Cut anywhere: with all headers in the first piece the result is that of the whole frame, else the
// caller is told to pull up.
static void assert_every_cut(const struct frame *f, uint32_t headers)
{
	struct overlay_vtep v = test_vtep();
	struct overlay_rx want;

	v.tail = sum_tail;
	want = decap_exact(&v, f->b, f->len, f->len, 0, NULL);
	assert_int_equal(want.verdict, OVERLAY_INNER);
	for (uint32_t cut = 0; cut <= f->len; cut++) {
		struct overlay_rx rx = decap_exact(&v, f->b, cut, f->len, 0, f->b + cut);
		if (cut < headers)
			assert_int_equal(rx.verdict, OVERLAY_PULLUP);
		else
			assert_memory_equal(&rx, &want, sizeof(rx));
	}
}

static void every_cut(void **state)
{
	for (unsigned i = 0; i < WHOLE; i++) {
		struct frame f = frame_of(whole[i].bytes, whole[i].len);
		assert_every_cut(&f, whole[i].headers);
	}
}

static void every_cut_of_longer_headers(void **state)
{
	static const uint8_t tag[] = {0x81, 0, 0, 7}, nops[12] = {[0 ... 11] = 1},
			     ext[16] = {17, 1, 1, 12};
	struct frame f = FRAME(vxlan4_csum_bytes);

	frame_insert(&f, AT_UDP, nops, 12);
	f.b[AT_IP] = 0x48;
	put_be16(f.b + AT_IP + 2, 78 + 12);
	fix_ipv4(&f, AT_IP);
	frame_insert(&f, 12, tag, 4);
	assert_every_cut(&f, 64 + 12 + 4);
	f = FRAME(vxlan6_bytes);
	frame_insert(&f, AT_UDP6, ext, 16);
	f.b[AT_IP + 6] = 60;
	put_be16(f.b + AT_IP + 4, 58 + 16);
	assert_every_cut(&f, 84 + 16);
}

static void corrupt_tail(void **state)
{
	struct frame f = FRAME(vxlan4_csum_bytes);
	struct overlay_vtep v = test_vtep();

	f.b[f.len - 3] ^= 1;
	v.tail = sum_tail;
	for (uint32_t cut = 64; cut <= f.len; cut++)
		assert_dropped(
			decap_exact(&v, f.b, cut, f.len, 0, f.b + cut), WEFT_DROP_OUTER_BAD_UDP);
	v.tail = NULL; // RFC 7348, 5: "MAY choose to verify"
	for (uint32_t cut = 64; cut < f.len; cut++)
		assert_int_equal(decap_exact(&v, f.b, cut, f.len, 0, NULL).verdict, OVERLAY_INNER);
	assert_dropped(decap_exact(&v, f.b, f.len, f.len, 0, NULL), WEFT_DROP_OUTER_BAD_UDP);
}

// Padding behind the datagram lies in the tail too, and is not summed.
static void padding_in_tail(void **state)
{
	struct frame f = FRAME(vxlan4_csum_bytes);
	struct overlay_vtep v = test_vtep();
	struct overlay_rx rx;

	memset(f.b + f.len, 0xee, 31);
	f.len += 31;
	v.tail = sum_tail;
	for (uint32_t cut = 64; cut <= f.len; cut++) {
		rx = decap_exact(&v, f.b, cut, f.len, 0, f.b + cut);
		assert_int_equal(rx.verdict, OVERLAY_INNER);
		assert_int_equal(rx.inner_len, INNER_LEN);
	}
}

static void strip_in_pieces(void **state)
{
	struct frame f = FRAME(nvgre4_bytes);
	struct weft_packet p = {.data = f.b, .len = 60, .total_len = f.len + 9, .headroom = 7};
	struct overlay_vtep v = test_vtep();
	struct overlay_rx rx;

	assert_int_equal(overlay_decap(&v, &p, 0, &rx), OVERLAY_INNER);
	overlay_strip(&p, &rx);
	assert_ptr_equal(p.data, f.b + 42);
	assert_int_equal(p.len, 18);
	assert_int_equal(p.total_len, INNER_LEN);
	assert_int_equal(p.headroom, 49);
}

// A valid frame with some bytes changed and some lengths lied about.
static void mangle(struct frame *f)
{
	unsigned i = rng() % WHOLE;

	*f = frame_of(whole[i].bytes, whole[i].len);
	for (unsigned n = rng() % 4; n; n--)
		f->b[rng() % f->len] = (uint8_t)rng();
	if (rng() & 1 && f->b[12] == 8)
		fix_ipv4(f, AT_IP);
	if (rng() % 4 == 0)
		f->len = rng() % (f->len + 40);
}

// The short way against the long one, which a hint about the IP header's checksum makes
// overlay_decap() go; the hint is from an oracle.
static void plain_frames_are_what_the_walk_says(void **state)
{
	unsigned plain[WEFT_ENCAP_NVGRE + 1] = {0}, inner[WEFT_ENCAP_NVGRE + 1] = {0};

	for (unsigned round = 0; round < 300000; round++) {
		struct overlay_vtep v = test_vtep();
		struct overlay_plain_vtep against;
		unsigned hints = rng() & OVERLAY_HINT_UDP_GOOD, ip_hint;
		struct overlay_rx walked, told;
		struct overlay_plain p;
		struct frame f;
		uint8_t *copy;

		mangle(&f);
		v.udp4_zero_csum_bad = rng() % 8 == 0;
		v.vxlan_port = rng() % 16 ? 4789 : 0;
		v.nvgre = rng() % 16;
		against = overlay_plain_vtep(&v);
		ip_hint = f.len >= AT_UDP && slow_sum(f.b + AT_IP, 20, 0) == 0xffff
				  ? OVERLAY_HINT_IP_GOOD
				  : OVERLAY_HINT_IP_BAD;
		walked = decap_exact(&v, f.b, f.len, f.len, hints | ip_hint, NULL);
		copy = malloc(f.len + !f.len);
		memcpy(copy, f.b, f.len);
		if (walked.verdict == OVERLAY_INNER)
			inner[walked.encap]++;
		if (overlay_decap_plain(&against, copy, f.len, f.len, hints, &p)) {
			overlay_plain_tell(&p, &v.ipv4, &told);
			assert_memory_equal(&told, &walked, sizeof(told));
			plain[p.encap]++;
		}
		free(copy);
	}
	for (unsigned e = WEFT_ENCAP_VXLAN; e <= WEFT_ENCAP_NVGRE; e++)
		assert_in_range(plain[e], 1000, inner[e]);
}

// Whatever comes in, an inner frame lies within it, and a drop has an overlay's reason.
static void noise(void **state)
{
	struct overlay_vtep v = test_vtep();
	unsigned seen[4] = {0};

	for (unsigned round = 0; round < 200000; round++) {
		struct frame f;
		struct overlay_rx rx;
		mangle(&f);
		rx = decap_exact(&v, f.b, f.len, f.len, 0, NULL);
		seen[rx.verdict]++;
		if (rx.verdict == OVERLAY_INNER)
			assert_true(rx.inner_len >= 14 && rx.inner_ofs + rx.inner_len <= f.len);
		if (rx.verdict == OVERLAY_DROP)
			assert_true(rx.drop == WEFT_DROP_RX_TRUNCATED ||
				    (rx.drop >= WEFT_DROP_OUTER_BAD_IP &&
					    rx.drop <= WEFT_DROP_NVGRE_VSID));
	}
	assert_true(seen[OVERLAY_INNER] && seen[OVERLAY_DROP] && seen[OVERLAY_FOREIGN]);
	assert_int_equal(seen[OVERLAY_PULLUP], 0); // all of it was there
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_cut),
		cmocka_unit_test(every_cut_of_longer_headers),
		cmocka_unit_test(corrupt_tail),
		cmocka_unit_test(padding_in_tail),
		cmocka_unit_test(strip_in_pieces),
		cmocka_unit_test(plain_frames_are_what_the_walk_says),
		cmocka_unit_test(noise),
	};

	rng_seed_from_env();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
