// SPDX-License-Identifier: Apache-2.0
// Sums that come to zero. UDP's is sent as ffff, for there zero means "none" (RFC 768); TCP's is
// sent as 0000, which ffff equals and is not (RFC 1624, 3): whatever finishes a checksum must tell
// them apart. By chance one packet in 65536 is such; here each is made to be one, by a word of it.

#include "offload/dp_rawcsum.h"

#include "segment.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#define ROUNDS 2000u

// Adds to the word at `p`, in ones' complement.
static void add16(uint8_t *p, uint16_t more)
{
	uint32_t sum = (uint32_t)overlay_get16(p) + more;

	overlay_put16(p, (uint16_t)((sum & 0xffff) + (sum >> 16)));
}

static uint32_t field_of(const struct seg *s, bool udp)
{
	return s->l4 + (udp ? 6 : 16);
}

// One frame, whole, and its checksum one of zero; as `s` what its kernel would hand over: the field
// is the pseudo header's sum.
static void one(struct seg *s, struct seg *want, bool udp)
{
	uint32_t at = s->l4 + (udp ? 0 : 4), pseudo; // a port, half a sequence number

	(udp ? slow_datagram : slow_cut)(s, BIG, 0, want);
	add16(want->b + at, overlay_get16(want->b + field_of(s, udp)));
	overlay_put16(want->b + field_of(s, udp), udp ? 0xffff : 0);
	pseudo = want->len - want->l4 + (udp ? 17 : 6);
	pseudo += slow_sum(want->b + s->l3 + (s->v6 ? 8 : 12), s->v6 ? 32 : 8, 0);
	pseudo = (pseudo & 0xffff) + (pseudo >> 16);
	*s = *want;
	overlay_put16(s->b + field_of(s, udp), (uint16_t)((pseudo & 0xffff) + (pseudo >> 16)));
}

static void left_to_the_hardware(void **state)
{
	static struct seg s, want, again;

	for (unsigned i = 0; i < ROUNDS; i++) {
		bool udp = below(2);
		struct virtio_net_hdr h;

		if (udp)
			make_udp(&s, below(2), below(3), below(300));
		else
			make(&s, below(2), below(3), below(11), below(300));
		one(&s, &want, udp);
		again = s;
		h = udp ? header_udp(&s, 0) : header(&s, 0);
		assert_true(dp_gso_csum(&h, s.b, s.len));
		assert_memory_equal(s.b, want.b, want.len);
		assert_true(dp_rawcsum_fix(again.b, again.len));
		assert_memory_equal(again.b, want.b, want.len);
		dp_rawcsum_fix(again.b, again.len); // it is finished: nothing, or the same again
		assert_memory_equal(again.b, want.b, want.len);
	}
}

// Each frame of a segment.
static void cut(void **state)
{
	static struct seg big, want;
	static uint8_t out[BIG];

	for (unsigned i = 0; i < ROUNDS / 10; i++) {
		uint32_t mss = 2 * (200 + below(500)), n = 2 + below(6), len;
		bool udp = below(2);
		struct virtio_net_hdr h;
		struct dp_gso g;

		if (udp)
			make_udp(&big, below(2), below(3), n * mss);
		else
			make(&big, below(2), below(3), below(11), n * mss);
		finish(&big);
		h = udp ? header_udp(&big, mss) : header(&big, mss);
		for (uint32_t k = 0; k < n; k++) {
			(udp ? slow_datagram : slow_cut)(&big, mss, k, &want);
			add16(big.b + big.data + k * mss,
				overlay_get16(want.b + field_of(&want, udp)));
		}
		assert_true(dp_gso_begin(&g, &h, big.b, big.len));
		for (uint32_t k = 0; k < n; k++) {
			len = dp_gso_next(&g, out);
			assert_int_equal(
				overlay_get16(out + field_of(&big, udp)), udp ? 0xffff : 0);
			(udp ? slow_datagram : slow_cut)(&big, mss, k, &want);
			assert_int_equal(len, want.len);
			assert_memory_equal(out, want.b, len);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(left_to_the_hardware),
		cmocka_unit_test(cut),
	};

	rng_seed_from_env();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
