// SPDX-License-Identifier: Apache-2.0
// IGMP and MLD: what is read from frames, what is not believed, and the questions that are written.

#include "overlay/membership.h"

#include "icmp_sum.h"
#include "../rng.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

struct frame {
	uint8_t b[512];
	uint32_t len;
};

static void sum4(struct frame *f)
{
	icmp_sum(f->b + 38, f->len - 38, 0);
}

// IGMP behind an IPv4 header with the router alert option.
static struct frame igmp(const uint8_t *payload, uint32_t len)
{
	struct frame f = {.len = 14 + 24 + len};
	uint8_t *ip = f.b + 14;

	memcpy(f.b, (uint8_t[]){1, 0, 0x5e, 0, 0, 22, 2, 0, 0, 0, 0, 1, 8, 0}, 14);
	ip[0] = 0x46, ip[3] = (uint8_t)(24 + len), ip[8] = 1, ip[9] = 2;
	memcpy(ip + 12, (uint8_t[]){10, 0, 0, 1, 224, 0, 0, 22, 0x94, 4}, 10);
	memcpy(ip + 24, payload, len);
	overlay_ipv4_set_csum(f.b + 14, 24);
	sum4(&f);
	return f;
}

static void sum6(struct frame *f)
{
	uint8_t *ip = f->b + 14;

	icmp6_sum(ip, ip + 48, f->len - 62);
}

static struct frame mld(const uint8_t *payload, uint32_t len)
{
	struct frame f = {.len = 14 + 48 + len};
	uint8_t *ip = f.b + 14;

	memcpy(f.b, (uint8_t[]){0x33, 0x33, 0, 0, 0, 22, 2, 0, 0, 0, 0, 1, 0x86, 0xdd}, 14);
	ip[0] = 0x60, ip[5] = (uint8_t)(8 + len), ip[7] = 1;
	ip[8] = 0xfe, ip[9] = 0x80, ip[23] = 1;
	ip[24] = 0xff, ip[25] = 2, ip[39] = 0x16;
	memcpy(ip + 40, (uint8_t[]){58, 0, 5, 2, 0, 0, 1, 0}, 8);
	memcpy(ip + 48, payload, len);
	sum6(&f);
	return f;
}

#define RECORDS 64

struct heard {
	enum overlay_membership_kind kind;
	struct weft_ip from;
	unsigned n;
	struct overlay_membership_record record[RECORDS];
};

static struct heard hear(const struct frame *f)
{
	uint8_t *exact = malloc(f->len ? f->len : 1); // so that a sanitizer sees its end
	struct heard h = {.n = 0};
	struct overlay_membership m;

	memcpy(exact, f->b, f->len);
	h.kind = overlay_membership_read(exact, f->len, &m);
	h.from = m.from;
	while (overlay_membership_next(&m, &h.record[h.n]))
		assert_true(++h.n < RECORDS);
	free(exact);
	return h;
}

// A report of these records and no other.
static void assert_report(const struct frame *f, unsigned n, const bool wants[])
{
	struct heard h = hear(f);

	assert_int_equal(h.kind, OVERLAY_MEMBERSHIP_REPORT);
	assert_int_equal(h.n, n);
	for (unsigned i = 0; i < n; i++) {
		assert_int_equal(h.record[i].wants, wants[i]);
		assert_int_equal(h.record[i].group.b[15], i + 1);
	}
}

static void assert_kind(const struct frame *f, enum overlay_membership_kind kind)
{
	assert_int_equal(hear(f).kind, kind);
}

static const uint8_t join2[] = {0x16, 0, 0, 0, 239, 1, 2, 1};
// EX{}, IN{}, IN{s}, TO_IN{} with auxiliary data, ALLOW{s}; what says nothing: BLOCK{s}, ALLOW{},
// one of the link, one that is no group, an unknown type.
static const uint8_t join3[] = {0x22, 0, 0, 0, 0, 0, 0, 10, //
	2, 0, 0, 0, 239, 0, 0, 1,                           //
	1, 0, 0, 0, 239, 0, 0, 2,                           //
	1, 0, 0, 1, 239, 0, 0, 3, 10, 0, 0, 9,              //
	3, 1, 0, 0, 239, 0, 0, 4, 1, 2, 3, 4,               //
	5, 0, 0, 1, 239, 0, 0, 5, 10, 0, 0, 9,              //
	6, 0, 0, 1, 239, 0, 0, 6, 10, 0, 0, 9,              //
	5, 0, 0, 0, 239, 0, 0, 7,                           //
	4, 0, 0, 0, 224, 0, 0, 251,                         //
	4, 0, 0, 0, 10, 0, 0, 8,                            //
	9, 0, 0, 0, 239, 0, 0, 9};
static const uint8_t v1_report[24] = {131, [8] = 0xff, 5, [23] = 1};

static void igmp_reports_are_read(void **state)
{
	struct frame f = igmp(join2, sizeof(join2));

	assert_report(&f, 1, (bool[]){true});
	assert_int_equal(ntohl(weft_ip_v4(&hear(&f).record[0].group)), 0xef010201);
	f.b[38] = 0x17, sum4(&f); // leave
	assert_report(&f, 1, (bool[]){false});
	f.b[38] = 0x12, sum4(&f); // version 1
	assert_report(&f, 1, (bool[]){true});
	f = igmp(join3, sizeof(join3));
	assert_report(&f, 5, (bool[]){true, false, true, false, true});
}

static void mld_reports_are_read(void **state)
{
	uint8_t v2[88] = {143, [7] = 4, // EX{} and TO_IN{} of ff0e::1 and ::2
		[8] = 4, [12] = 0xff, 0x0e, [27] = 1, [28] = 3, [32] = 0xff, 0x0e, [47] = 2,
		// of the link, and one of IPv4
		[48] = 4, [52] = 0xff, 2, [67] = 9, [68] = 4, [82] = 0xff, 0xff, 239, 1, 1, 1};
	struct frame f = mld(v1_report, sizeof(v1_report));

	assert_report(&f, 1, (bool[]){true});
	f.b[62] = 132, sum6(&f);
	assert_report(&f, 1, (bool[]){false});
	f = mld(v2, sizeof(v2));
	assert_report(&f, 2, (bool[]){true, false});
	memset(f.b + 22, 0, 16), sum6(&f); // a host that has no address yet: RFC 3590
	assert_report(&f, 2, (bool[]){true, false});
}

static void queries_and_hellos_tell_of_routers(void **state)
{
	static const uint8_t igmp_query[12] = {0x11, 100}, mld_query[28] = {130};
	struct frame f = igmp(igmp_query, 8);
	struct weft_ip from;

	assert_kind(&f, OVERLAY_MEMBERSHIP_QUERY);
	f = igmp(igmp_query, 12);
	assert_kind(&f, OVERLAY_MEMBERSHIP_QUERY);
	from = hear(&f).from;
	assert_int_equal(ntohl(weft_ip_v4(&from)), 0x0a000001);
	f = igmp(igmp_query, 10); // RFC 3376, 7.1
	assert_kind(&f, OVERLAY_MEMBERSHIP_UNSOUND);
	f = mld(mld_query, 24);
	assert_kind(&f, OVERLAY_MEMBERSHIP_QUERY);
	f = mld(mld_query, 28);
	assert_kind(&f, OVERLAY_MEMBERSHIP_QUERY);
	f = mld(mld_query, 26);
	assert_kind(&f, OVERLAY_MEMBERSHIP_UNSOUND);
	f = mld(mld_query, 28), memset(f.b + 22, 0, 16), sum6(&f); // nobody's
	assert_kind(&f, OVERLAY_MEMBERSHIP_UNSOUND);
}

static void pim_hellos_are_read(void **state)
{
	static const uint8_t hello[] = {0x20, 0, 0xdf, 0xff};
	struct frame f = igmp(hello, sizeof(hello));

	f.b[23] = 103, f.b[33] = 13, overlay_ipv4_set_csum(f.b + 14, 24);
	assert_kind(&f, OVERLAY_MEMBERSHIP_ROUTER);
	f.b[38] = 0x23; // a join, of another router perhaps
	assert_kind(&f, OVERLAY_MEMBERSHIP_UNSOUND);
	f = igmp(hello, sizeof(hello)), f.b[23] = 103,
	overlay_ipv4_set_csum(f.b + 14, 24); // to another group
	assert_kind(&f, OVERLAY_MEMBERSHIP_NONE);
}

static void what_is_not_sound_is_not_believed(void **state)
{
	struct frame f = igmp(join2, sizeof(join2));

	f.b[14 + 8] = 2, overlay_ipv4_set_csum(f.b + 14, 24); // from beyond a router
	assert_kind(&f, OVERLAY_MEMBERSHIP_UNSOUND);
	f = igmp(join2, sizeof(join2)), f.b[45] ^= 1; // checksum
	assert_kind(&f, OVERLAY_MEMBERSHIP_UNSOUND);
	f = igmp(join2, sizeof(join2)), f.b[29] ^= 1; // IP's
	assert_kind(&f, OVERLAY_MEMBERSHIP_UNSOUND);
	f = igmp(join3, sizeof(join3)), f.b[45] = 11, sum4(&f); // a record more than there is
	assert_kind(&f, OVERLAY_MEMBERSHIP_UNSOUND);
	f = igmp(join2, sizeof(join2)), f.b[38] = 0x42, sum4(&f); // unknown
	assert_kind(&f, OVERLAY_MEMBERSHIP_UNSOUND);
	f = igmp(join2, sizeof(join2)), f.b[20] = 0x20,
	overlay_ipv4_set_csum(f.b + 14, 24); // a fragment
	assert_kind(&f, OVERLAY_MEMBERSHIP_UNSOUND);
	f = igmp(join2, sizeof(join2)), f.b[0] = 2; // to one machine
	assert_kind(&f, OVERLAY_MEMBERSHIP_NONE);
	f = mld(v1_report, 24), f.b[14 + 8] = 0x20, sum6(&f); // not from the link
	assert_kind(&f, OVERLAY_MEMBERSHIP_UNSOUND);
	f = mld(v1_report, 24), f.b[70] ^= 1; // checksum
	assert_kind(&f, OVERLAY_MEMBERSHIP_UNSOUND);
	f = mld(v1_report, 24), f.b[14 + 42] = 1, f.b[14 + 43] = 4; // no router alert
	assert_kind(&f, OVERLAY_MEMBERSHIP_NONE);
	f = mld(v1_report, 24), f.b[14 + 7] = 64;
	assert_kind(&f, OVERLAY_MEMBERSHIP_NONE);
	f = mld((uint8_t[24]){135}, 24); // neighbour discovery
	assert_kind(&f, OVERLAY_MEMBERSHIP_NONE);
}

static void tags_are_passed_by(void **state)
{
	struct frame f = igmp(join2, sizeof(join2)), tagged = {.len = f.len + 4};

	memcpy(tagged.b, f.b, 12);
	memcpy(tagged.b + 12, (const uint8_t[]){0x88, 0xa8, 0, 7}, 4);
	memcpy(tagged.b + 16, f.b + 12, f.len - 12);
	assert_report(&tagged, 1, (bool[]){true});
}

// Which question, read as the oldest version and the newest would.
static void questions_are_written(void **state)
{
	struct overlay_membership_query q = {
		.group = weft_ip_from_v4(htonl(0xef810203)),
		.src = weft_ip_from_v4(htonl(0x0a0000fe)),
		.src_mac = {{2, 0, 0, 0, 0, 9}},
		.vlan = 7,
		.response_ds = 100,
		.interval_s = 125,
	};
	struct frame f;

	f.len = overlay_membership_query(&q, f.b);
	assert_kind(&f, OVERLAY_MEMBERSHIP_QUERY);
	assert_memory_equal(
		f.b, ((uint8_t[]){1, 0, 0x5e, 1, 2, 3, 2, 0, 0, 0, 0, 9, 0x81, 0, 0, 7, 8, 0}), 18);
	assert_memory_equal(f.b + 18 + 12, ((uint8_t[]){10, 0, 0, 254, 239, 129, 2, 3}), 8);
	assert_memory_equal(f.b + 18 + 24, ((uint8_t[]){0x11, 100}), 2);
	assert_memory_equal(f.b + 18 + 28, ((uint8_t[]){239, 129, 2, 3, 2, 125, 0, 0}), 8);
	q.group = weft_ip_from_v4(0), q.vlan = 0, q.interval_s = 1000;
	f.len = overlay_membership_query(&q, f.b);
	assert_kind(&f, OVERLAY_MEMBERSHIP_QUERY);
	assert_memory_equal(f.b, ((uint8_t[]){1, 0, 0x5e, 0, 0, 1}), 6);
	assert_int_equal(f.b[14 + 33], 0x80 | 2 << 4 | 15); // 31 << 5, not more than asked for
	q.group = (struct weft_ip){.b = {0xff, 0x0e, [15] = 7}};
	q.src = (struct weft_ip){.b = {0xfe, 0x80, [15] = 1}};
	f.len = overlay_membership_query(&q, f.b);
	assert_kind(&f, OVERLAY_MEMBERSHIP_QUERY);
	assert_memory_equal(f.b, ((uint8_t[]){0x33, 0x33, 0, 0, 0, 7}), 6);
	assert_memory_equal(f.b + 14 + 24, q.group.b, 16);
	assert_memory_equal(f.b + 62 + 4, ((uint8_t[]){0x27, 0x10}), 2); // milliseconds
	q.group = (struct weft_ip){.q = {0, 0}};
	f.len = overlay_membership_query(&q, f.b);
	assert_kind(&f, OVERLAY_MEMBERSHIP_QUERY);
	assert_memory_equal(f.b, ((uint8_t[]){0x33, 0x33, 0, 0, 0, 1}), 6);
}

static void nothing_beyond_the_frame_is_read(void **state)
{
	for (unsigned i = 0; i < 300000; i++) {
		struct frame f = rng() % 2 ? igmp(join3, sizeof(join3))
					   : mld((uint8_t[48]){143, [7] = 2, [8] = 4}, 48);
		bool v4 = f.b[12] == 8;
		struct heard h;

		for (unsigned k = rng() % 4; k; k--)
			f.b[14 + rng() % (f.len - 14)] = (uint8_t)rng();
		if (v4 && rng() % 3)
			overlay_ipv4_set_csum(f.b + 14, 24), sum4(&f);
		else if (rng() % 3)
			sum6(&f);
		if (rng() % 2)
			f.len = rng() % (f.len + 1);
		h = hear(&f);
		assert_true(h.kind == OVERLAY_MEMBERSHIP_REPORT || !h.n);
		for (unsigned k = 0; k < h.n; k++)
			assert_true(weft_ip_is_multicast(&h.record[k].group) &&
				    !overlay_membership_is_local(&h.record[k].group));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(igmp_reports_are_read),
		cmocka_unit_test(mld_reports_are_read),
		cmocka_unit_test(queries_and_hellos_tell_of_routers),
		cmocka_unit_test(pim_hellos_are_read),
		cmocka_unit_test(what_is_not_sound_is_not_believed),
		cmocka_unit_test(tags_are_passed_by),
		cmocka_unit_test(questions_are_written),
		cmocka_unit_test(nothing_beyond_the_frame_is_read),
	};

	rng_seed_from_env();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
