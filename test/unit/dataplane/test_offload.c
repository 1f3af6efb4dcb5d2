// SPDX-License-Identifier: Apache-2.0
// Cutting big segments and joining small ones: each against an oracle written the slow way, and one
// against the other, by random segments. The seed is printed.

#include "offload/dp_gro.h"
#include "offload/dp_gso.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "segment.h"

static void cut(void **state)
{
	struct seg *big = malloc(sizeof(*big)), *want = malloc(sizeof(*want));
	uint8_t *out = malloc(BIG);

	for (unsigned round = 0; round < 300; round++) {
		uint32_t payload = 1 + below(65000), mss = 1 + below(9000), k = 0, len;
		struct virtio_net_hdr h;
		struct dp_gso g;

		if (payload / mss > 100)
			mss = payload / 100 + 1;
		make(big, below(2), below(3), below(11), payload);
		big->b[big->l4 + 13] =
			(uint8_t)(DP_TCP_ACK | below(2) | below(2) << 3 | below(2) << 7);
		h = header(big, mss);
		assert_true(dp_gso_is(&h));
		assert_true(dp_gso_begin(&g, &h, big->b, big->len));
		while ((len = dp_gso_next(&g, out))) {
			slow_cut(big, mss, k++, want);
			assert_true(len <= dp_gso_longest(&g));
			assert_int_equal(len, want->len);
			assert_memory_equal(out, want->b, len);
		}
		assert_int_equal(k, (payload + mss - 1) / mss);
	}
	free(big);
	free(want);
	free(out);
}

// Datagrams that were sent as one (virtio 1.3, 5.1.6: GSO_UDP_L4).
static void cut_datagrams(void **state)
{
	struct seg *big = malloc(sizeof(*big)), *want = malloc(sizeof(*want));
	uint8_t *out = malloc(BIG);

	for (unsigned round = 0; round < 200; round++) {
		uint32_t payload = 1 + below(20000), mss = 200 + below(1400), k = 0, len;
		struct virtio_net_hdr h;
		struct dp_gso g;

		make_udp(big, below(2), below(3), payload);
		h = header_udp(big, mss);
		assert_true(dp_gso_begin(&g, &h, big->b, big->len));
		while ((len = dp_gso_next(&g, out))) {
			slow_datagram(big, mss, k++, want);
			assert_int_equal(len, want->len);
			assert_memory_equal(out, want->b, len);
		}
		assert_int_equal(k, (payload + mss - 1) / mss);
	}
	free(big);
	free(want);
	free(out);
}

// What was cut is joined again, and is then what it was.
static void cut_and_join(void **state)
{
	struct seg *big = malloc(sizeof(*big)), *small = malloc(sizeof(*small));

	for (unsigned round = 0; round < 300; round++) {
		uint32_t mss = 100 + below(1400), payload = mss + 1 + below(60 * mss), data, len;
		struct virtio_net_hdr h, wanted;
		struct dp_gro g = {0};
		uint32_t k = 1;

		make(big, below(2), below(3), below(11), payload < 65000 ? payload : 65000);
		big->b[big->l4 + 13] |= (uint8_t)(below(2) | below(2) << 3);
		finish(big);
		slow_cut(big, mss, 0, small);
		assert_true(dp_gro_begin(&g, small->b, small->len));
		for (uint32_t at = mss; at < big->len - big->data; at += mss) {
			slow_cut(big, mss, k++, small);
			assert_true(dp_gro_add(&g, small->b, small->len, &data, &len));
			assert_memory_equal(small->b + data, big->b + big->data + at, len);
		}
		assert_int_equal(g.n, k);
		assert_int_equal(g.bytes, big->len - big->data);
		dp_gro_end(&g, &h);
		wanted = header(big, mss);
		assert_memory_equal(&h, &wanted, sizeof(h));
		assert_memory_equal(g.head, big->b, big->l4 + 16);
		memcpy(small, big, sizeof(*small));
		memcpy(small->b, g.head, big->data);
		h.gso_type = 0;
		assert_true(dp_gso_csum(&h, small->b, small->len)); // the kernel's part
		assert_memory_equal(small->b, big->b, big->len);
	}
	free(big);
	free(small);
}

// Any bit of the second frame's headers, turned (and the checksums made right again): joined only
// if it is one that joining makes anew.
static void only_what_belongs_together(void **state)
{
	static struct seg big, first, next, other;

	for (unsigned i = 0; i < 12; i++) {
		struct dp_gro g = {0};
		uint32_t data, len;

		make(&big, i & 1, i % 3, 3, 3000);
		slow_cut(&big, 1000, 0, &first);
		slow_cut(&big, 1000, 1, &next);
		for (uint32_t bit = 0; bit < next.data * 8; bit++) {
			uint32_t at = bit / 8;
			bool df = big.v6 || big.b[big.l3 + 6] & 0x40, may = false;

			other = next;
			other.b[at] ^= (uint8_t)(1u << bit % 8);
			if (at == next.l4 + 12)
				continue; // the header's length: another frame altogether
			finish(&other);
			if (!memcmp(other.b, next.b, next.len))
				continue; // lengths and checksums
			if (at == next.l4 + 13)
				may = bit % 8 == 0 || bit % 8 == 3; // FIN, PSH
			if (!big.v6 && df && (at == next.l3 + 4 || at == next.l3 + 5))
				may = true;
			assert_true(dp_gro_begin(&g, first.b, first.len));
			assert_int_equal(dp_gro_add(&g, other.b, other.len, &data, &len), may);
		}
		// A bit that the checksum covers, and nobody repaired.
		for (uint32_t at = next.l4; at < next.len; at += 7) {
			other = next;
			other.b[at] ^= 0x10;
			assert_true(dp_gro_begin(&g, first.b, first.len));
			assert_false(dp_gro_add(&g, other.b, other.len, &data, &len));
			other = first;
			other.b[at < other.len ? at : other.l4] ^= 0x10;
			assert_false(dp_gro_begin(&g, other.b, other.len));
		}
	}
}

static void the_order_of_lengths(void **state)
{
	static struct seg big, s;
	struct dp_gro g = {0};
	uint32_t data, len;

	make(&big, false, 0, 0, 2500);
	slow_cut(&big, 1000, 0, &s);
	assert_true(dp_gro_begin(&g, s.b, s.len));
	slow_cut(&big, 1000, 2, &s); // a hole
	assert_false(dp_gro_add(&g, s.b, s.len, &data, &len));
	slow_cut(&big, 1000, 1, &s);
	assert_true(dp_gro_add(&g, s.b, s.len, &data, &len));
	assert_false(dp_gro_add(&g, s.b, s.len, &data, &len)); // twice
	slow_cut(&big, 1000, 2, &s);                           // 500 bytes: nothing after that
	assert_true(dp_gro_add(&g, s.b, s.len, &data, &len));
	assert_true(g.closed);
	make(&big, false, 0, 0, 3000);
	slow_cut(&big, 1000, 0, &s);
	assert_true(dp_gro_begin(&g, s.b, s.len));
	s = big; // longer than the first
	s.len = big.data + 1500;
	overlay_put32(s.b + s.l4 + 4, overlay_get32(big.b + big.l4 + 4) + 1000);
	finish(&s);
	assert_false(dp_gro_add(&g, s.b, s.len, &data, &len));
}

static void checksums_that_are_asked_for(void **state)
{
	static struct seg s;

	for (unsigned round = 0; round < 200; round++) {
		struct virtio_net_hdr h;
		uint8_t right[2];

		make(&s, below(2), below(3), below(11), below(1500));
		finish(&s);
		memcpy(right, s.b + s.l4 + 16, 2);
		h = header(&s, 0);
		h.gso_type = VIRTIO_NET_HDR_GSO_NONE;
		assert_false(dp_gso_is(&h));
		overlay_put16(s.b + s.l4 + 16, 0);
		overlay_put16(s.b + s.l4 + 16,
			slow_sum(s.b + s.l3 + (s.v6 ? 8 : 12), s.v6 ? 32 : 8, 6 + s.len - s.l4));
		assert_true(dp_gso_csum(&h, s.b, s.len));
		assert_memory_equal(s.b + s.l4 + 16, right, 2);
		h.csum_start = (uint16_t)(s.len - below(17));
		assert_false(dp_gso_csum(&h, s.b, s.len));
	}
}

// CRC32c bit by bit (RFC 9260, appendix A).
static uint32_t slow_crc(const uint8_t *p, uint32_t len)
{
	uint32_t crc = ~0u;

	for (uint32_t i = 0; i < len * 8; i++) {
		crc ^= p[i / 8] >> i % 8 & 1;
		crc = crc >> 1 ^ (crc & 1 ? 0x82f63b78u : 0);
	}
	return ~crc;
}

static void the_checksum_of_sctp(void **state)
{
	static struct seg s;

	for (unsigned round = 0; round < 100; round++) {
		struct virtio_net_hdr h;
		uint8_t *sctp, want[4];
		uint32_t crc;

		make(&s, below(2), below(3), 0, below(1400));
		sctp = s.b + s.l4;
		memset(sctp + 8, 0, 4);
		crc = slow_crc(sctp, s.len - s.l4);
		for (unsigned i = 0; i < 4; i++)
			want[i] = (uint8_t)(crc >> 8 * i);
		h = header(&s, 0);
		h.csum_offset = 8;
		assert_true(dp_gso_csum(&h, s.b, s.len));
		assert_memory_equal(sctp + 8, want, 4);
		h.csum_start = (uint16_t)(s.len - 11);
		assert_false(dp_gso_csum(&h, s.b, s.len));
	}
}

// Random headers and lengths: nothing is read or written outside, and what comes out is bounded.
static void nonsense(void **state)
{
	uint8_t *out = malloc(BIG);

	for (unsigned round = 0; round < 20000; round++) {
		static struct seg s;
		struct virtio_net_hdr h;
		uint32_t len, most, flips = below(4);
		uint8_t *frame;
		struct dp_gso g;
		struct dp_gro j = {0};

		make(&s, below(2), below(3), below(11), below(300));
		finish(&s);
		h = header(&s, below(400));
		while (flips--)
			s.b[below(s.data)] ^= (uint8_t)(1u << below(8));
		if (below(2))
			h.csum_start = (uint16_t)below(500);
		if (below(4) == 0) {
			h.gso_type = VIRTIO_NET_HDR_GSO_UDP_L4;
			s.b[s.l3 + (s.v6 ? 6 : 9)] = 17;
		}
		len = below(s.len + 1);
		frame = malloc(len ? len : 1);
		memcpy(frame, s.b, len);
		if (dp_gso_begin(&g, &h, frame, len)) {
			most = dp_gso_longest(&g);
			for (uint32_t n; (n = dp_gso_next(&g, out));)
				assert_true(n <= most);
		}
		dp_gro_begin(&j, frame, len);
		dp_gso_csum(&h, frame, len);
		free(frame);
	}
	free(out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(cut),
		cmocka_unit_test(cut_datagrams),
		cmocka_unit_test(cut_and_join),
		cmocka_unit_test(only_what_belongs_together),
		cmocka_unit_test(the_order_of_lengths),
		cmocka_unit_test(checksums_that_are_asked_for),
		cmocka_unit_test(the_checksum_of_sctp),
		cmocka_unit_test(nonsense),
	};

	rng_seed_from_env();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
