// SPDX-License-Identifier: Apache-2.0
// Editing, and the checksums of TCP and UDP that are not like others: none, zero, and wrong ones.

#include "edit_subject.h"

// RFC 768: no checksum stays none, and a computed zero is sent as ones.
static void udp_checksum_zero(void **state)
{
	static struct subject s;
	unsigned none = 0, ones_seen = 0;

	for (int i = 0; i < 200000; i++) {
		uint8_t value[16] = {0}, *csum;

		make(&s);
		if (!s.p.l4_ofs || s.k.ip_proto != 17 || s.k.ip_frag ||
			s.k.eth_type != htons(0x800))
			continue;
		csum = s.p.data + s.p.l4_ofs + 6;
		if (rng() % 2) {
			memset(csum, 0, 2);
			rng_fill(value, 4);
			ft_set_field(&s.p, &s.k, WEFT_FIELD_IPV4_DST, value, ones);
			ft_set_field(&s.p, &s.k, WEFT_FIELD_UDP_DST, value, ones);
			assert_int_equal(frame_get16(csum), 0);
			none++;
			continue;
		}
		// The source port that makes the sum of everything ffff, so the checksum 0.
		unsigned port = frame_get16(s.p.data + s.p.l4_ofs), want = port + frame_get16(csum);
		want = (want & 0xffff) + (want >> 16);
		value[0] = (uint8_t)(want >> 8);
		value[1] = (uint8_t)want;
		ft_set_field(&s.p, &s.k, WEFT_FIELD_UDP_SRC, value, ones);
		assert_int_not_equal(frame_get16(csum), 0);
		assert_true(frame_csums_ok(&s.p, &s.k));
		ones_seen += frame_get16(csum) == 0xffff;
	}
	assert_true(none > 100 && ones_seen > 100);
}

// TCP's stays zero: ffff equals it, and is not what the sum over all gives (RFC 1624, 3).
static void tcp_checksum_zero(void **state)
{
	static struct subject s;
	unsigned n = 0;

	for (int i = 0; i < 200000; i++) {
		uint8_t value[16] = {0}, was[16] = {0}, *csum;
		unsigned port, want;

		make(&s);
		if (!s.p.l4_ofs || s.k.ip_proto != 6 || s.k.ip_frag)
			continue;
		csum = s.p.data + s.p.l4_ofs + 16;
		port = frame_get16(s.p.data + s.p.l4_ofs);
		want = port + frame_get16(csum);
		want = (want & 0xffff) + (want >> 16);
		value[0] = (uint8_t)(want >> 8);
		value[1] = (uint8_t)want;
		ft_set_field(&s.p, &s.k, WEFT_FIELD_TCP_SRC, value, ones);
		assert_int_equal(frame_get16(csum), 0);
		// From zero to anything else and back, by the other port.
		memcpy(was, s.p.data + s.p.l4_ofs + 2, 2);
		rng_fill(value, 2);
		ft_set_field(&s.p, &s.k, WEFT_FIELD_TCP_DST, value, ones);
		assert_int_not_equal(frame_get16(csum), 0xffff);
		ft_set_field(&s.p, &s.k, WEFT_FIELD_TCP_DST, was, ones);
		assert_int_equal(frame_get16(csum), 0);
		n++;
	}
	assert_true(n > 1000);
}

// A wrong checksum must not be made right, or a broken payload reaches an application.
static void damage_stays_visible(void **state)
{
	static struct subject s;
	unsigned n = 0;

	for (int i = 0; i < 100000; i++) {
		uint8_t value[16];

		make(&s);
		if (!s.p.l4_ofs || s.k.ip_frag || !s.k.ip_proto || s.k.ip_proto == 1)
			continue;
		if (s.k.ip_proto == 17 && !frame_get16(s.p.data + s.p.l4_ofs + 6))
			continue;
		s.p.data[s.p.l4_ofs + 5] ^= 0x10; // in UDP the length, in the others data
		if (frame_csums_ok(&s.p, &s.k))
			continue; // not checked: a routing header
		rng_fill(value, 16);
		ft_set_field(&s.p, &s.k, WEFT_FIELD_IPV4_SRC, value, ones);
		ft_set_field(&s.p, &s.k, WEFT_FIELD_IPV6_SRC, value, ones);
		ft_set_field(&s.p, &s.k, WEFT_FIELD_TCP_DST, value, ones);
		ft_set_field(&s.p, &s.k, WEFT_FIELD_UDP_DST, value, ones);
		ft_set_field(&s.p, &s.k, WEFT_FIELD_SCTP_DST, value, ones);
		assert_false(frame_csums_ok(&s.p, &s.k));
		n++;
	}
	assert_true(n > 1000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(udp_checksum_zero),
		cmocka_unit_test(tcp_checksum_zero),
		cmocka_unit_test(damage_stays_visible),
	};

	rng_seed_from_env();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
