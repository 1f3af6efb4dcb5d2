// SPDX-License-Identifier: Apache-2.0
// weft/checksum.h, weft/crc32c.h and overlay/checksum.h against the RFCs' own examples and a
// bytewise oracle.

#include <weft/crc32c.h>

#include "overlay/checksum.h"

#include "frames.h"

static void rfc1071_example(void **state)
{
	// RFC 1071, 3: the sum of these is ddf2.
	static const uint8_t data[] = {0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7};

	assert_int_equal(ntohs(weft_csum_fold(weft_csum_partial(data, sizeof(data), 0))), 0xddf2);
	assert_int_equal(ntohs(weft_csum_finish(weft_csum_partial(data, sizeof(data), 0))), 0x220d);
}

static void rfc1624_example(void **state)
{
	// RFC 1624, 4: HC = dd2f, m = 5555, m' = 3285 gives 0000; equation 2 would give ffff.
	assert_int_equal(weft_csum_update16(htons(0xdd2f), htons(0x5555), htons(0x3285)), 0);
}

static void all_lengths_and_alignments(void **state)
{
	uint8_t buf[3 * WEFT_CSUM_WIDE]; // and by wide registers, where there are such

	rng_fill(buf, sizeof(buf));
	for (size_t ofs = 0; ofs < 9; ofs++)
		for (size_t len = 0; ofs + len <= sizeof(buf); len++)
			assert_int_equal(
				ntohs(weft_csum_fold(weft_csum_partial(buf + ofs, len, 0))),
				slow_sum(buf + ofs, len, 0));
}

// The largest packet of nothing but ones: no carry may get lost.
static void carries(void **state)
{
	size_t len = 1 << 20;
	uint8_t *ones = malloc(len);

	assert_non_null(ones);
	memset(ones, 0xff, len);
	assert_int_equal(weft_csum_fold(weft_csum_partial(ones, len, UINT64_MAX >> 1)),
		weft_csum_fold(weft_csum_partial(ones, len, 0x7fff)));
	assert_int_equal(weft_csum_fold(weft_csum_partial(ones, len, 0)), 0xffff);
	assert_int_equal(weft_csum_fold(UINT64_MAX), 0xffff);
	free(ones);
}

static void pieces_equal_whole(void **state)
{
	uint8_t buf[512];

	for (unsigned round = 0; round < 2000; round++) {
		size_t len = rng() % sizeof(buf), at = 0;
		struct weft_csum c = {0};

		rng_fill(buf, len);
		while (at < len) {
			size_t n = rng() % (len - at + 1);
			weft_csum_add(&c, buf + at, n);
			at += n;
		}
		assert_int_equal(ntohs(weft_csum_fold(c.sum)), slow_sum(buf, len, 0));
	}
}

// After any change, updating gives what summing again gives; 0 and ffff are the same number, and
// the RFC's equation chooses as the full sum does unless everything is zero.
static void updates_equal_recomputation(void **state)
{
	uint8_t buf[64], old[64];

	for (unsigned round = 0; round < 20000; round++) {
		size_t len = 2 * (1 + rng() % 16), ofs = 2 * (rng() % 16);
		weft_be16 before, after, o16, n16;

		rng_fill(buf, sizeof(buf));
		buf[63] = 1;
		before = weft_csum_finish(weft_csum_partial(buf, sizeof(buf), 0));
		memcpy(old, buf, sizeof(buf));
		rng_fill(buf + ofs, len - (rng() & 1));
		buf[63] = 1;
		after = weft_csum_finish(weft_csum_partial(buf, sizeof(buf), 0));
		assert_int_equal(weft_csum_update_bytes(before, old + ofs, buf + ofs, len), after);

		memcpy(&o16, old + ofs, 2);
		memcpy(&n16, buf + ofs, 2);
		memcpy(old + ofs, &n16, 2);
		assert_int_equal(weft_csum_update16(before, o16, n16),
			weft_csum_finish(weft_csum_partial(old, sizeof(old), 0)));
	}
}

static void udp_zero_means_none(void **state)
{
	static const uint8_t zero[2] = {0}, all[2] = {0xff, 0xff};
	uint16_t old = htons(0x5555), new = htons(0x3285);

	assert_int_equal(weft_csum_finish_udp(0xffff), 0xffff);
	assert_int_equal(weft_csum_finish(0xffff), 0);
	assert_int_equal(weft_csum_update_udp_bytes(0, zero, all, 2), 0);
	assert_int_equal(weft_csum_update_udp_bytes(htons(0xdd2f), &old, &new, 2), 0xffff);
}

static void ipv4_header(void **state)
{
	struct frame f = FRAME(vxlan4_bytes);
	uint8_t *ip = f.b + AT_IP;

	assert_true(overlay_ipv4_csum_ok(ip, 20));
	put_be16(ip + 10, 0);
	assert_false(overlay_ipv4_csum_ok(ip, 20));
	assert_int_equal(ntohs(overlay_ipv4_csum(ip, 20)), 0xd400);
	memset(f.b + AT_UDP, 1, 40); // options
	ip[0] = 0x4f;
	fix_ipv4(&f, AT_IP);
	assert_true(overlay_ipv4_csum_ok(ip, 60));
	f.b[AT_UDP + 39] ^= 1;
	assert_false(overlay_ipv4_csum_ok(ip, 60));
}

// The short sum against the bytewise one: right headers, those that miss by a little, and the two
// that sum to nothing.
static void plain_ipv4_headers(void **state)
{
	uint8_t ip[20] = {0};

	assert_false(overlay_ipv4_csum_ok(ip, 20));
	memset(ip, 0xff, sizeof(ip));
	assert_true(overlay_ipv4_csum_ok(ip, 20));
	for (unsigned round = 0; round < 100000; round++) {
		for (unsigned i = 0; i < sizeof(ip); i++)
			ip[i] = rng() % 4 ? (uint8_t)rng() : (uint8_t)(rng() % 2 ? 0 : 0xff);
		put_be16(ip + 10, 0);
		if (rng() % 8)
			put_be16(ip + 10, (uint16_t)(~slow_sum(ip, 20, 0) + rng() % 2));
		assert_int_equal(overlay_ipv4_csum_ok(ip, 20), slow_sum(ip, 20, 0) == 0xffff);
	}
}

// The datagrams in frames.h carry right checksums, so pseudo header and datagram sum to ones.
static void pseudo_headers(void **state)
{
	struct frame f = FRAME(vxlan4_csum_bytes), g = FRAME(vxlan6_bytes);
	uint64_t sum4 = overlay_pseudo_ipv4(f.b + AT_IP, 17, 58);
	uint64_t sum6 = overlay_pseudo_ipv6(g.b + AT_IP, 17, 58);

	assert_int_equal(weft_csum_fold(weft_csum_partial(f.b + AT_UDP, 58, sum4)), 0xffff);
	assert_int_equal(weft_csum_fold(weft_csum_partial(g.b + AT_UDP6, 58, sum6)), 0xffff);
}

static uint32_t crc_of(const void *p, size_t len)
{
	return weft_crc32c_finish(weft_crc32c_add(WEFT_CRC32C_INIT, p, len));
}

// RFC 3720, B.4 (bytes there are in transmission order, least significant first).
static void crc32c_vectors(void **state)
{
	uint8_t up[32], down[32], zeros[32] = {0}, ones[32], field[4];

	memset(ones, 0xff, sizeof(ones));
	for (uint8_t i = 0; i < 32; i++) {
		up[i] = i;
		down[i] = 31 - i;
	}
	assert_int_equal(crc_of(zeros, 32), 0x8a9136aa);
	assert_int_equal(crc_of(ones, 32), 0x62a8ab43);
	assert_int_equal(crc_of(up, 32), 0x46dd794e);
	assert_int_equal(crc_of(down, 32), 0x113fdb5c);
	assert_int_equal(crc_of("123456789", 9), 0xe3069283);
	weft_crc32c_store(field, crc_of(zeros, 32));
	assert_memory_equal(field, "\xaa\x36\x91\x8a", 4);
}

static void crc32c_in_pieces(void **state)
{
	uint8_t buf[100];

	rng_fill(buf, sizeof(buf));
	for (size_t cut = 0; cut <= sizeof(buf); cut++) {
		uint32_t crc = weft_crc32c_add(WEFT_CRC32C_INIT, buf, cut);
		crc = weft_crc32c_add(crc, buf + cut, sizeof(buf) - cut);
		assert_int_equal(weft_crc32c_finish(crc), crc_of(buf, sizeof(buf)));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rfc1071_example),
		cmocka_unit_test(rfc1624_example),
		cmocka_unit_test(all_lengths_and_alignments),
		cmocka_unit_test(carries),
		cmocka_unit_test(pieces_equal_whole),
		cmocka_unit_test(updates_equal_recomputation),
		cmocka_unit_test(udp_zero_means_none),
		cmocka_unit_test(ipv4_header),
		cmocka_unit_test(plain_ipv4_headers),
		cmocka_unit_test(pseudo_headers),
		cmocka_unit_test(crc32c_vectors),
		cmocka_unit_test(crc32c_in_pieces),
	};

	rng_seed_from_env();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
