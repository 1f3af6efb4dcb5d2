// SPDX-License-Identifier: Apache-2.0
// ARP and neighbour discovery: what is read from frames, what is not believed, and the answers.

#include "tenants/dp_neigh_packet.h"

#include "../overlay/icmp_sum.h"
#include "../rng.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static const struct weft_mac asker = {{2, 0, 0, 0, 0, 1}}, owner = {{2, 0, 0, 0, 0, 2}};

static const uint8_t arp_request[] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2, 0, 0, 0, 0, 1, 8, 6, //
	0, 1, 8, 0, 6, 4, 0, 1, 2, 0, 0, 0, 0, 1, 10, 0, 0, 1, 0, 0, 0, 0, 0, 0, 10, 0, 0, 2};

struct frame {
	uint8_t b[128];
	uint32_t len;
};

static struct frame arp(void)
{
	struct frame f = {.len = sizeof(arp_request)};

	memcpy(f.b, arp_request, sizeof(arp_request));
	return f;
}

static void sum(struct frame *f)
{
	uint8_t *ip = f->b + 14;

	icmp6_sum(ip, ip + 40, f->len - 54);
}

// A solicitation of 2001:db8::2 by 2001:db8::1, or an advertisement of the latter.
static struct frame nd(uint8_t type)
{
	struct frame f = {.len = 14 + 40 + 32};
	uint8_t *ip = f.b + 14, *nd = ip + 40;

	memcpy(f.b, (uint8_t[]){0x33, 0x33, 0xff, 0, 0, 2}, 6);
	memcpy(f.b + 6, asker.b, 6);
	f.b[12] = 0x86, f.b[13] = 0xdd;
	ip[0] = 0x60, ip[5] = 32, ip[6] = 58, ip[7] = 255;
	memcpy(ip + 8, (uint8_t[16]){0x20, 1, 0xd, 0xb8, [15] = 1}, 16);
	memcpy(ip + 24, (uint8_t[16]){0xff, 2, [11] = 1, 0xff, [15] = 2}, 16);
	nd[0] = type;
	memcpy(nd + 8, (uint8_t[16]){0x20, 1, 0xd, 0xb8, [15] = type == 136 ? 1 : 2}, 16);
	nd[24] = type == 136 ? 2 : 1, nd[25] = 1;
	memcpy(nd + 26, asker.b, 6);
	sum(&f);
	return f;
}

static bool parse(const struct frame *f, struct dp_neigh_packet *q)
{
	uint8_t *exact = malloc(f->len ? f->len : 1); // so that a sanitizer sees its end
	bool ok;

	memcpy(exact, f->b, f->len);
	ok = dp_neigh_parse(exact, f->len, q);
	free(exact);
	return ok;
}

static void a_request_tells_and_asks(void **state)
{
	struct frame f = arp();
	struct dp_neigh_packet q;

	assert_true(parse(&f, &q));
	assert_true(q.tells && q.asks && !q.is_nd && !q.vlan);
	assert_int_equal(ntohl(weft_ip_v4(&q.ip)), 0x0a000001);
	assert_int_equal(ntohl(weft_ip_v4(&q.target)), 0x0a000002);
	assert_true(weft_mac_equal(&q.mac, &asker));
}

static void what_leaves_doubt_is_not_believed(void **state)
{
	struct dp_neigh_packet q;
	struct frame f = arp();

	f.b[22 + 5] ^= 1; // another's hardware address in the body
	assert_true(parse(&f, &q) && !q.tells && q.asks);
	f = arp(), memset(f.b + 28, 0, 4); // a probe: no address yet
	assert_true(parse(&f, &q) && !q.tells && q.asks);
	f = arp(), memcpy(f.b + 38, f.b + 28, 4); // an announcement
	assert_true(parse(&f, &q) && q.tells && !q.asks);
	f = arp(), f.b[0] = 2; // to one machine alone
	assert_true(parse(&f, &q) && q.tells && !q.asks);
	f = arp(), f.b[21] = 3; // RARP's, by the wrong EtherType
	assert_false(parse(&f, &q));
	f = arp(), f.b[19] = 16;
	assert_false(parse(&f, &q));
	f = nd(135), f.b[14 + 7] = 254; // from beyond a router
	assert_false(parse(&f, &q));
	f = nd(135), f.b[60] ^= 1; // checksum
	assert_false(parse(&f, &q));
	f = nd(135), f.b[14 + 40 + 25] = 0, sum(&f); // an option of no length
	assert_false(parse(&f, &q));
	f = nd(135), f.b[14 + 40 + 25] = 2, sum(&f); // one that is longer than the packet
	assert_false(parse(&f, &q));
	f = nd(135), f.b[14 + 40 + 1] = 1, sum(&f); // code
	assert_false(parse(&f, &q));
	f = nd(135), f.b[14 + 40 + 31] ^= 1, sum(&f); // another's address in the option
	assert_true(parse(&f, &q) && !q.tells && q.asks);
	f = nd(135), memset(f.b + 22, 0, 16), sum(&f); // duplicate address detection
	assert_true(parse(&f, &q) && !q.tells && q.asks);
}

static void neighbour_discovery_is_read(void **state)
{
	struct dp_neigh_packet q;
	struct frame f = nd(135);

	assert_true(parse(&f, &q) && q.tells && q.asks && q.is_nd);
	assert_int_equal(q.ip.b[15], 1);
	assert_int_equal(q.target.b[15], 2);
	f = nd(136);
	assert_true(parse(&f, &q) && q.tells && !q.asks && !q.router);
	assert_int_equal(q.ip.b[15], 1);
	f.b[58] = 0x80, sum(&f);
	assert_true(parse(&f, &q) && q.router);
}

static struct frame tagged(const struct frame *of, uint16_t type, uint16_t tci)
{
	struct frame f = *of;

	memmove(f.b + 16, f.b + 12, of->len - 12);
	memcpy(f.b + 12, (weft_be16[]){htons(type), htons(tci)}, 4);
	f.len += 4;
	return f;
}

// The answer is read back, and says what was asked for.
static void answered(const struct frame *ask, bool router)
{
	struct dp_neigh_packet q, a;
	struct frame out = {0};

	assert_true(parse(ask, &q) && q.asks);
	out.len = dp_neigh_answer(ask->b, &q, &owner, router, out.b);
	assert_true(out.len <= DP_NEIGH_ANSWER_MAX);
	assert_true(parse(&out, &a));
	assert_true(a.tells && !a.asks);
	assert_true(weft_ip_equal(&a.ip, &q.target) && weft_mac_equal(&a.mac, &owner));
	assert_int_equal(a.vlan, q.vlan);
	assert_int_equal(a.router, router && q.is_nd);
	if (q.tells || !q.is_nd)
		assert_memory_equal(out.b, asker.b, 6);
	else
		assert_memory_equal(out.b, ((uint8_t[]){0x33, 0x33, 0, 0, 0, 1}), 6);
}

static void answers_are_what_the_owner_would_say(void **state)
{
	struct frame f[] = {arp(), nd(135), nd(135)};

	memset(f[2].b + 22, 0, 16), sum(&f[2]);
	for (unsigned i = 0; i < 3; i++) {
		struct frame one = tagged(&f[i], 0x8100, 0x2064), two = tagged(&one, 0x88a8, 200);

		answered(&f[i], false);
		answered(&f[i], true);
		answered(&one, false);
		answered(&two, true);
	}
}

static void nothing_beyond_the_frame_is_read(void **state)
{
	struct dp_neigh_packet q;

	for (unsigned i = 0; i < 300000; i++) {
		struct frame f = rng() % 2 ? arp() : nd(rng() % 2 ? 135 : 136);

		for (unsigned k = rng() % 4; k; k--)
			f.b[rng() % f.len] = (uint8_t)rng();
		if (rng() % 2)
			f = tagged(&f, 0x8100, (uint16_t)rng());
		if (rng() % 2)
			f.len = rng() % (f.len + 1);
		if (parse(&f, &q) && q.asks) {
			uint8_t out[DP_NEIGH_ANSWER_MAX];

			assert_true(dp_neigh_answer(f.b, &q, &owner, false, out) <= sizeof(out));
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_request_tells_and_asks),
		cmocka_unit_test(what_leaves_doubt_is_not_believed),
		cmocka_unit_test(neighbour_discovery_is_read),
		cmocka_unit_test(answers_are_what_the_owner_would_say),
		cmocka_unit_test(nothing_beyond_the_frame_is_read),
	};

	rng_seed_from_env();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
