// SPDX-License-Identifier: Apache-2.0
// Editing, by the promises of edit.h: the key stays in step with the bytes, true checksums stay
// true, and nothing but the named field changes.

#include "edit_subject.h"

#include <weft/match.h>

#include <stdlib.h>

static void check_key(const struct subject *s)
{
	struct weft_packet p = s->p;
	struct weft_flow_key k = s->k;

	ft_extract(&p, &k);
	assert_memory_equal(&k, &s->k, sizeof(k));
	assert_memory_equal(&p, &s->p, sizeof(p));
}

// Random values of the field's width.
static void random_value(enum weft_field f, uint8_t value[16], uint8_t mask[16])
{
	const struct weft_field_info *info = &weft_field_infos[f];

	memset(value, 0, 16);
	memset(mask, 0, 16);
	rng_fill(value, info->bytes);
	if (rng() % 2)
		rng_fill(mask, info->bytes);
	else
		memcpy(mask, ones, info->bytes);
	if (info->bits % 8) {
		value[0] &= (uint8_t)(0xff >> (8 - info->bits % 8));
		mask[0] &= (uint8_t)(0xff >> (8 - info->bits % 8));
	}
	for (unsigned i = 0; i < 16; i++)
		value[i] &= mask[i];
}

static enum weft_field random_field(void)
{
	return (enum weft_field)(rng() % WEFT_FIELD_MAX);
}

static bool is_settable_here(enum weft_field f)
{
	return (weft_field_infos[f].flags & WEFT_FIELD_S) || f == WEFT_FIELD_ETH_TYPE ||
	       f == WEFT_FIELD_METADATA;
}

// Those that make other fields come and go.
static bool is_structural(enum weft_field f)
{
	return f == WEFT_FIELD_ETH_TYPE || f == WEFT_FIELD_IP_PROTO ||
	       f == WEFT_FIELD_ICMPV6_TYPE || f == WEFT_FIELD_ICMPV6_CODE;
}

// In the key only the field has changed, and as value and mask say.
static void check_only_field(const struct weft_flow_key *before, const struct weft_flow_key *after,
	enum weft_field f, const uint8_t *value, const uint8_t *mask)
{
	struct weft_flow_key want = *before;
	uint8_t *field = weft_key_field(&want, f);

	for (unsigned i = 0; i < weft_field_infos[f].bytes; i++)
		field[i] = (uint8_t)((field[i] & ~mask[i]) | value[i]);
	if (f == WEFT_FIELD_VLAN_VID)
		field[0] |= 0x10;
	assert_memory_equal(&want, after, sizeof(want));
}

static void set_field_changes_that_field_alone(void **state)
{
	static struct subject s, t;
	unsigned done[WEFT_FIELD_MAX] = {0};
	uint8_t value[16], mask[16], old[16] = {0};

	for (int i = 0; i < 600000; i++) {
		enum weft_field f = random_field();

		make(&s);
		assert_true(frame_csums_ok(&s.p, &s.k));
		t = s;
		t.p.data = t.frame.bytes;
		random_value(f, value, mask);
		if (ft_set_field(&t.p, &t.k, f, value, mask) != FT_EDITED) {
			assert_memory_equal(&s.frame, &t.frame, sizeof(s.frame));
			assert_memory_equal(&s.k, &t.k, sizeof(s.k));
			continue;
		}
		assert_true(is_settable_here(f));
		check_key(&t);
		if (is_structural(f)) {
			done[f]++;
			continue;
		}
		assert_true(frame_csums_ok(&t.p, &t.k));
		if (memcmp(&s.k, &t.k, sizeof(s.k)) == 0) { // no such option, or the same value
			assert_memory_equal(&s.frame, &t.frame, sizeof(s.frame));
			continue;
		}
		check_only_field(&s.k, &t.k, f, value, mask);
		memcpy(old, weft_key_field(&s.k, f), weft_field_infos[f].bytes);
		assert_int_equal(ft_set_field(&t.p, &t.k, f, old, ones), FT_EDITED);
		assert_memory_equal(s.frame.bytes, t.frame.bytes, s.frame.len);
		done[f]++;
	}
	for (enum weft_field f = 0; f < WEFT_FIELD_MAX; f++)
		if (is_settable_here(f) && done[f] < 5)
			fail_msg("%s was set %u times only", weft_field_infos[f].name, done[f]);
}

// Those that change what is seen of the packet are in the key as they were set.
static void structural_fields(void **state)
{
	static const enum weft_field fields[] = {WEFT_FIELD_ETH_TYPE, WEFT_FIELD_IP_PROTO};
	static struct subject s, t;

	for (int i = 0; i < 50000; i++) {
		enum weft_field f = fields[rng() % 2];
		uint8_t value[16] = {0};

		make(&s);
		t = s;
		t.p.data = t.frame.bytes;
		rng_fill(value, 2);
		if (ft_set_field(&t.p, &t.k, f, value, ones) != FT_EDITED)
			continue;
		if (f == WEFT_FIELD_IP_PROTO)
			assert_true(t.k.ip_proto == value[0] || t.k.ipv6_exthdr);
		else
			assert_true(memcmp(&t.k.eth_type, value, 2) == 0 || value[0] < 6 ||
				    t.k.vlan_vid);
		check_key(&t);
	}
}

static void ttl(void **state)
{
	static struct subject s, t;
	unsigned low = 0, copied = 0;

	for (int i = 0; i < 200000; i++) {
		enum weft_drop why;
		bool ip, mpls;
		uint8_t set = (uint8_t)rng();

		make(&s);
		ip = s.p.l3_ofs && s.k.eth_type != htons(0x806);
		mpls = s.k.eth_type == htons(0x8847);
		if (ip && rng() % 4 == 0)
			ft_set_nw_ttl(&s.p, &s.k, rng() % 3);
		t = s;
		t.p.data = t.frame.bytes;

		why = ft_dec_nw_ttl(&t.p, &t.k);
		if (!ip)
			assert_int_equal(why, WEFT_DROP_ACTION_ERROR);
		else if (s.k.ip_ttl <= 1)
			assert_int_equal(why, WEFT_DROP_TTL), low++;
		else
			assert_int_equal(t.k.ip_ttl, s.k.ip_ttl - 1);
		check_key(&t);
		assert_true(frame_csums_ok(&t.p, &t.k));

		assert_int_equal(
			ft_set_nw_ttl(&t.p, &t.k, set), ip ? FT_EDITED : WEFT_DROP_ACTION_ERROR);
		if (ip)
			assert_int_equal(t.k.ip_ttl, set);
		check_key(&t);
		why = ft_dec_mpls_ttl(&t.p, &t.k);
		assert_int_equal(why, !mpls ? WEFT_DROP_ACTION_ERROR
				      : t.k.mpls_ttl <= 1 && s.k.mpls_ttl <= 1 ? WEFT_DROP_TTL
									       : FT_EDITED);
		assert_int_equal(ft_set_mpls_ttl(&t.p, &t.k, set),
			mpls ? FT_EDITED : WEFT_DROP_ACTION_ERROR);
		why = ft_copy_ttl_in(&t.p, &t.k);
		assert_int_equal(why, mpls ? FT_EDITED : WEFT_DROP_ACTION_ERROR);
		check_key(&t);
		if (!mpls)
			continue;
		// What lies below has the TTL now, and a header checksum that is right.
		ft_set_mpls_ttl(&t.p, &t.k, (uint8_t)~set);
		assert_int_equal(ft_copy_ttl_out(&t.p, &t.k), FT_EDITED);
		assert_int_equal(t.k.mpls_ttl, set);
		bool bos = t.k.mpls_bos;
		unsigned type = t.p.data[t.p.l2_len + 4] >> 4 == 4 ? 0x800 : 0x86dd;
		if (ft_pop_mpls(&t.p, &t.k, (uint16_t)(bos ? type : 0x8847)) != FT_EDITED) {
			assert_true(frame_get16(t.p.data + 12) < 0x600 || t.k.vlan_vid);
			continue; // SNAP
		}
		check_key(&t);
		assert_int_equal(bos ? t.k.ip_ttl : t.k.mpls_ttl, set);
		assert_true(frame_csums_ok(&t.p, &t.k));
		copied++;
	}
	assert_true(low > 100 && copied > 100);
}

// ---- tags, against bytes put together by hand

static void expect_bytes(const struct subject *s, const void *bytes, unsigned n)
{
	assert_int_equal(s->p.len, n);
	assert_int_equal(s->p.total_len, n);
	assert_memory_equal(s->p.data, bytes, n);
	check_key(s);
}

static void push_and_pop(void **state)
{
	static struct subject s;
	static uint8_t want[FRAME_MAX + 64];

	for (int i = 0; i < 50000; i++) {
		const uint8_t *in = s.frame.bytes;
		static uint8_t before[FRAME_MAX];
		unsigned n, l2, kind = rng() % 3;
		bool llc;

		make(&s);
		n = s.frame.len;
		l2 = s.p.l2_len;
		memcpy(before, in, n);
		llc = frame_get16(in + 12) < 0x600 || s.k.eth_type == htons(0x5ff) ||
		      (l2 >= 22 && memcmp(in + l2 - 8, (uint8_t[]){0xaa, 0xaa, 3}, 3) == 0);
		memcpy(want, before, 12);
		if (kind == 0) { // VID, PCP and DEI from the tag that was outermost
			memcpy(want + 12, (uint8_t[]){0x88, 0xa8, 0, 0}, 4);
			if (s.k.vlan_vid)
				memcpy(want + 14, before + 14, 2);
			memcpy(want + 16, before + 12, n - 12);
			assert_int_equal(ft_push_vlan(&s.p, &s.k, 0x88a8), FT_EDITED);
			expect_bytes(&s, want, n + 4);
			assert_int_equal(ft_pop_vlan(&s.p, &s.k), FT_EDITED);
		} else if (kind == 1) { // PCP from the VLAN tag, ISID from an I-TAG
			want[12] = 0x88;
			want[13] = 0xe7;
			want[14] = (uint8_t)(s.k.vlan_pcp << 5);
			memcpy(want + 15, (uint8_t *)&s.k.pbb_isid + 1, 3);
			memcpy(want + 18, before, n);
			assert_int_equal(ft_push_pbb(&s.p, &s.k, 0x88e7), FT_EDITED);
			expect_bytes(&s, want, n + 18);
			assert_int_equal(ft_pop_pbb(&s.p, &s.k), FT_EDITED);
		} else {
			uint16_t type = ntohs(s.k.eth_type);
			enum weft_drop why = ft_push_mpls(&s.p, &s.k, 0x8847);

			assert_int_equal(why, llc ? WEFT_DROP_ACTION_ERROR : FT_EDITED);
			if (why != FT_EDITED)
				continue;
			memcpy(want, before, l2 - 2);
			memcpy(want + l2 - 2, (uint8_t[]){0x88, 0x47, 0, 0, 1, 0}, 6);
			if (type == 0x8847) {
				memcpy(want + l2, before + l2, 4);
				want[l2 + 2] &= 0xfe;
			} else if (type == 0x800) {
				want[l2 + 3] = before[l2 + 8];
			} else if (type == 0x86dd) {
				want[l2 + 3] = before[l2 + 7];
			}
			memcpy(want + l2 + 4, before + l2, n - l2);
			expect_bytes(&s, want, n + 4);
			assert_int_equal(ft_pop_mpls(&s.p, &s.k, type), FT_EDITED);
		}
		expect_bytes(&s, before, n);
		assert_int_equal(s.p.headroom, FRAME_ROOM);
	}
}

// The tag as one number: it comes, changes and goes, and nothing else does.
static void whole_tag(void **state)
{
	static const uint8_t ones16[16] = {0xff, 0xff};
	static struct subject s, t;

	for (int i = 0; i < 50000; i++) {
		uint16_t tci = (uint16_t)rng(), want = tci & WEFT_VLAN_PRESENT ? tci : 0;
		unsigned was;

		make(&s);
		t = s;
		t.p.data = t.frame.bytes;
		was = ft_vlan_tci(&t.k) ? 4 : 0;
		if (ft_set_field(&t.p, &t.k, WEFT_FIELD_VLAN_TCI,
			    (uint8_t[16]){(uint8_t)(tci >> 8), (uint8_t)tci}, ones16) != FT_EDITED)
			continue; // no room
		check_key(&t);
		if (want) // else a tag of two that went shows the other
			assert_int_equal(ft_vlan_tci(&t.k), want);
		assert_int_equal(t.p.len + was, s.p.len + (want ? 4u : 0u));
		assert_memory_equal(t.p.data, s.p.data, 12);
		assert_memory_equal(t.p.data + (want ? 16 : 12), s.p.data + 12 + was, 2);
	}
}

// A backbone VLAN tag goes with the I-TAG.
static void pop_pbb_with_b_tag(void **state)
{
	static struct subject s;
	static uint8_t before[FRAME_MAX];

	for (int i = 0; i < 1000; i++) {
		unsigned n;

		make(&s);
		n = s.frame.len;
		memcpy(before, s.frame.bytes, n);
		ft_push_pbb(&s.p, &s.k, 0x88e7);
		ft_push_vlan(&s.p, &s.k, 0x88a8);
		assert_int_equal(ft_pop_pbb(&s.p, &s.k), FT_EDITED);
		expect_bytes(&s, before, n);
	}
}

static void no_headroom(void **state)
{
	static struct subject s, t;

	for (int i = 0; i < 1000; i++) {
		make(&s);
		s.p.headroom = rng() % 4;
		t = s;
		assert_int_equal(ft_push_vlan(&s.p, &s.k, 0x8100), WEFT_DROP_NO_HEADROOM);
		assert_int_equal(ft_push_pbb(&s.p, &s.k, 0x88e7), WEFT_DROP_NO_HEADROOM);
		assert_int_not_equal(ft_push_mpls(&s.p, &s.k, 0x8847), FT_EDITED);
		assert_memory_equal(&s, &t, sizeof(s));
	}
}

// While segments are left the checksum covers the last address, not the one in the header.
static void routing_header(void **state)
{
	for (int left = 0; left < 2; left++) {
		static struct subject s;
		uint8_t value[16], csum[2];

		s.frame.len = 0;
		frame_random(&s.frame, 12);
		frame_put16(&s.frame, 0x86dd);
		frame_random(&s.frame, 40 + 24 + 20);
		s.frame.bytes[14] = 0x60;
		frame_set16(&s.frame, 14 + 4, 44);
		s.frame.bytes[14 + 6] = 43;
		memcpy(s.frame.bytes + 54, (uint8_t[]){6, 2, 0, (uint8_t)left}, 4);
		extract(&s);
		assert_int_equal(s.p.l4_ofs, 78);
		memcpy(csum, s.p.data + 78 + 16, 2);
		memcpy(value, s.k.ipv6_dst, 16);
		value[3] ^= 0x55;
		assert_int_equal(
			ft_set_field(&s.p, &s.k, WEFT_FIELD_IPV6_DST, value, ones), FT_EDITED);
		assert_int_equal(memcmp(csum, s.p.data + 78 + 16, 2) == 0, left);
		memcpy(csum, s.p.data + 78 + 16, 2);
		value[9] = (uint8_t)~s.k.ipv6_src[9];
		ft_set_field(&s.p, &s.k, WEFT_FIELD_IPV6_SRC, value, ones);
		assert_memory_not_equal(csum, s.p.data + 78 + 16, 2);
	}
}

// Ports of later fragments are not there, which is no error; those of a first SCTP fragment can't
// be changed, since its CRC is over all of them.
static void fragments(void **state)
{
	static struct subject s, t;
	unsigned later = 0, sctp = 0;

	for (int i = 0; i < 300000; i++) {
		static const enum weft_field ports[3] = {
			WEFT_FIELD_TCP_DST, WEFT_FIELD_UDP_DST, WEFT_FIELD_SCTP_DST};
		uint8_t value[16] = {0};
		enum weft_field f;

		make(&s);
		if (!s.k.ip_frag ||
			(s.k.ip_proto != 6 && s.k.ip_proto != 17 && s.k.ip_proto != 132))
			continue;
		rng_fill(value, 2);
		f = ports[s.k.ip_proto == 6 ? 0 : s.k.ip_proto == 17 ? 1 : 2];
		t = s;
		t.p.data = t.frame.bytes;
		if (s.k.ip_frag & WEFT_FRAG_LATER) {
			assert_int_equal(ft_set_field(&t.p, &t.k, f, value, ones), FT_EDITED);
			assert_memory_equal(&s.frame, &t.frame, sizeof(s.frame));
			later++;
		} else if (s.k.ip_proto == 132 && s.p.l4_ofs) {
			assert_int_equal(
				ft_set_field(&t.p, &t.k, f, value, ones), WEFT_DROP_ACTION_ERROR);
			assert_memory_equal(&s.frame, &t.frame, sizeof(s.frame));
			sctp++;
		}
	}
	assert_true(later > 100 && sctp > 10);
}

static void remark(void **state)
{
	// AF11 to AF13 and AF41 to AF43; nothing beyond; others stay.
	static const uint8_t cases[][3] = {{10, 1, 12}, {10, 2, 14}, {12, 5, 14}, {14, 1, 14},
		{34, 1, 36}, {46, 1, 46}, {0, 1, 0}, {8, 1, 8}, {40, 2, 40}, {11, 1, 11}};
	static struct subject s;

	for (unsigned n = 0; n < sizeof(cases) / 3;) {
		uint8_t value[16] = {cases[n][0]};

		make(&s);
		if (ft_set_field(&s.p, &s.k, WEFT_FIELD_IP_DSCP, value, ones) != FT_EDITED)
			continue;
		ft_remark_dscp(&s.p, &s.k, cases[n][1]);
		assert_int_equal(s.k.ip_dscp, cases[n][2]);
		check_key(&s);
		assert_true(frame_csums_ok(&s.p, &s.k));
		n++;
	}
}

// ---- any edits in any order on any bytes: safe, and the key in step

static enum weft_drop random_edit(struct subject *s)
{
	static const uint16_t types[] = {
		0x800, 0x86dd, 0x806, 0x8847, 0x8848, 0x88e7, 0x8100, 0x88a8, 0, 46};
	struct weft_packet *p = &s->p;
	struct weft_flow_key *k = &s->k;
	uint16_t type = types[rng() % 10];
	uint8_t value[16], mask[16];

	switch (rng() % 16) {
	case 0:
		return ft_push_vlan(p, k, type);
	case 1:
		return ft_pop_vlan(p, k);
	case 2:
		return ft_push_mpls(p, k, type);
	case 3:
		return ft_pop_mpls(p, k, type);
	case 4:
		return ft_push_pbb(p, k, type);
	case 5:
		return ft_pop_pbb(p, k);
	case 6:
		return ft_copy_ttl_in(p, k);
	case 7:
		return ft_copy_ttl_out(p, k);
	case 8:
		return ft_dec_mpls_ttl(p, k);
	case 9:
		return ft_dec_nw_ttl(p, k);
	default:
		rng_fill(value, 16);
		rng_fill(mask, 16);
		return ft_set_field(p, k, random_field(), value, mask);
	}
}

static void anything_goes(void **state)
{
	static struct subject s;

	for (int i = 0; i < 60000; i++) {
		unsigned room = rng() % 64;
		uint8_t *exact;

		frame_make(&s.frame);
		if (rng() % 2)
			frame_spoil(&s.frame);
		exact = malloc(room + s.frame.len + 1);
		memcpy(exact + room, s.frame.bytes, s.frame.len);
		s.p = frame_packet(&s.frame);
		s.p.data = exact + room;
		s.p.headroom = (uint16_t)room;
		s.p.total_len += rng() % 4 ? 0 : rng() % 2000;
		memset(&s.k, 0, sizeof(s.k));
		ft_extract(&s.p, &s.k);
		for (unsigned n = rng() % 20; n; n--) {
			random_edit(&s);
			check_key(&s);
			assert_true(s.p.data >= exact && s.p.data - exact == s.p.headroom);
			assert_int_equal(s.p.headroom + s.p.len, room + s.frame.len);
		}
		free(exact);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(set_field_changes_that_field_alone),
		cmocka_unit_test(structural_fields),
		cmocka_unit_test(ttl),
		cmocka_unit_test(push_and_pop),
		cmocka_unit_test(whole_tag),
		cmocka_unit_test(pop_pbb_with_b_tag),
		cmocka_unit_test(no_headroom),
		cmocka_unit_test(routing_header),
		cmocka_unit_test(fragments),
		cmocka_unit_test(remark),
		cmocka_unit_test(anything_goes),
	};

	rng_seed_from_env();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
