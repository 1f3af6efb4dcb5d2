// SPDX-License-Identifier: Apache-2.0
// The send side: exact bytes, random round trips through the receive side, and every refusal.

#include "overlay/encap.h"

#include <errno.h>

#include "frames.h"

static struct overlay_tunnel tunnel4(enum weft_encap encap)
{
	return (struct overlay_tunnel){
		.encap = encap,
		.vni = 0x123456,
		.local = weft_ip_from_v4(inet_addr("198.51.100.1")),
		.remote = weft_ip_from_v4(inet_addr("198.51.100.2")),
		.src_mac = {{2, 0, 0, 0, 0, 1}},
		.dst_mac = {{2, 0, 0, 0, 0, 2}},
	};
}

static struct overlay_tunnel tunnel6(enum weft_encap encap)
{
	struct overlay_tunnel u = tunnel4(encap);

	u.local = remote6;
	u.remote = local6;
	return u;
}

static struct overlay_template build(const struct overlay_tunnel *u)
{
	struct overlay_template t;
	const char *why = NULL;

	assert_int_equal(overlay_template_build(&t, u, &why), 0);
	assert_null(why);
	return t;
}

// Encapsulates the inner frame of `want` and expects `want`.
static void assert_encap(const struct overlay_tunnel *u, const struct frame *want, uint32_t hash)
{
	struct overlay_template t = build(u);
	struct frame f = *want;
	uint8_t *frame;

	memset(f.b, 0xa5, t.len);
	frame = overlay_encap(&t, f.b + t.len, f.len - t.len, hash, 0x1234);
	assert_ptr_equal(frame, f.b);
	overlay_udp_csum(&t, frame, f.len - t.len);
	assert_memory_equal(f.b, want->b, want->len);
}

static void exact_bytes(void **state)
{
	struct overlay_tunnel u = tunnel4(WEFT_ENCAP_VXLAN);
	struct frame want = FRAME(vxlan4_bytes);

	assert_encap(&u, &want, 0); // hash 0: the first port of the range, c000
	u.udp_csum = true;
	want = FRAME(vxlan4_csum_bytes);
	assert_encap(&u, &want, 0);
	u = tunnel4(WEFT_ENCAP_NVGRE);
	want = FRAME(nvgre4_bytes);
	assert_encap(&u, &want, 0x42000000);
}

static void exact_bytes_ipv6(void **state)
{
	struct overlay_tunnel u = tunnel6(WEFT_ENCAP_VXLAN);
	struct frame want = FRAME(vxlan6_bytes);

	u.udp_csum = true;
	want.b[AT_IP + 3] = 1; // a flow label is never zero; it is not part of the checksum
	assert_encap(&u, &want, 0);
	u = tunnel6(WEFT_ENCAP_NVGRE);
	want = FRAME(nvgre6_bytes);
	memcpy(want.b + AT_IP, "\x60\x04\x20\x00", 4);
	assert_encap(&u, &want, 0x42000000);
}

static void vlan_dscp_ttl_port(void **state)
{
	static const uint8_t tag[] = {0x81, 0x00, 0x60, 0x64}; // PCP 3, VID 100
	struct overlay_tunnel u = tunnel4(WEFT_ENCAP_VXLAN);
	struct frame want = FRAME(vxlan4_bytes);

	u.vlan = true;
	u.vlan_pcp = 3;
	u.vlan_vid = 100;
	u.dscp = 46;
	u.ttl = 200;
	u.udp_port = 8472;
	u.src_port_min = u.src_port_max = 5000;
	want.b[AT_IP + 1] = 46 << 2;
	want.b[AT_IP + 8] = 200;
	fix_ipv4(&want, AT_IP);
	put_be16(want.b + AT_UDP, 5000);
	put_be16(want.b + AT_UDP + 2, 8472);
	frame_insert(&want, 12, tag, 4);
	assert_encap(&u, &want, 0xffffffff);
	u = tunnel6(WEFT_ENCAP_NVGRE);
	u.dscp = 46;
	want = FRAME(nvgre6_bytes);
	memcpy(want.b + AT_IP, "\x6b\x84\x20\x00", 4);
	assert_encap(&u, &want, 0x42000000);
}

static struct overlay_tunnel random_tunnel(void)
{
	struct overlay_tunnel u = rng() & 1 ? tunnel4(0) : tunnel6(0);

	u.encap = rng() & 1 ? WEFT_ENCAP_VXLAN : WEFT_ENCAP_NVGRE;
	u.vni = WEFT_VSID_MIN + rng() % (WEFT_VSID_MAX - WEFT_VSID_MIN + 1);
	rng_fill(&u.local.b[13], 2);
	u.vlan = rng() & 1;
	u.vlan_vid = (uint16_t)(1 + rng() % 4094);
	u.ttl = (uint8_t)(1 + rng() % 255);
	u.dscp = rng() % 64;
	u.udp_csum = rng() & 1;
	if (rng() & 1) {
		u.src_port_min = (uint16_t)(1 + rng() % 65535);
		u.src_port_max = (uint16_t)(u.src_port_min + rng() % (65536 - u.src_port_min));
	}
	return u;
}

static void assert_entropy(
	const struct overlay_tunnel *u, const struct overlay_template *t, const uint8_t *frame)
{
	uint16_t port = (uint16_t)(frame[t->l4_ofs] << 8 | frame[t->l4_ofs + 1]);

	if (u->encap != WEFT_ENCAP_VXLAN)
		return;
	assert_in_range(port, u->src_port_min ? u->src_port_min : 49152,
		u->src_port_max ? u->src_port_max : 65535);
}

// Whatever is encapsulated comes out as it was, and no byte before the header is touched.
static void random_round_trips(void **state)
{
	enum {
		ROOM = 128,
		MAX = 9216
	};
	uint8_t *buf = malloc(ROOM + MAX), *inner = malloc(MAX);

	assert_true(buf && inner);
	for (unsigned round = 0; round < 3000; round++) {
		struct overlay_tunnel u = random_tunnel();
		struct overlay_template t = build(&u);
		struct overlay_vtep v = test_vtep();
		uint32_t len = 14 + rng() % (rng() & 1 ? 100 : MAX - 13), hash = rng();
		struct overlay_rx rx;
		uint8_t *frame;

		v.udp6_zero_csum_ok = true;
		rng_fill(buf, ROOM + len);
		memset(buf, 0x5a, ROOM);
		memcpy(inner, buf + ROOM, len);
		frame = overlay_encap(&t, buf + ROOM, len, hash, (uint16_t)rng());
		assert_ptr_equal(frame, buf + ROOM - t.len);
		overlay_udp_csum(&t, frame, len);
		for (uint32_t i = 0; i + t.len < ROOM; i++)
			assert_int_equal(buf[i], 0x5a);
		rx = decap_exact(&v, frame, t.len + len, t.len + len, 0, NULL);
		assert_int_equal(rx.verdict, OVERLAY_INNER);
		assert_int_equal(rx.encap, u.encap);
		assert_int_equal(rx.vni, u.vni);
		assert_int_equal(rx.inner_ofs, t.len);
		assert_int_equal(rx.inner_len, len);
		assert_int_equal(rx.tos, u.dscp << 2);
		assert_int_equal(rx.ttl, u.ttl);
		assert_int_equal(rx.outer_vid, u.vlan ? u.vlan_vid : 0);
		assert_int_equal(rx.flow_id, u.encap == WEFT_ENCAP_NVGRE ? hash >> 24 : 0);
		assert_memory_equal(&rx.src, &u.local, 16);
		assert_memory_equal(frame + rx.inner_ofs, inner, len);
		assert_entropy(&u, &t, frame);
	}
	free(buf);
	free(inner);
}

// All carries of the checksum that is finished per packet.
static void every_identification(void **state)
{
	struct overlay_tunnel u = tunnel4(WEFT_ENCAP_NVGRE);
	struct overlay_template t = build(&u);
	uint8_t buf[128];

	for (uint32_t id = 0; id < 65536; id++) {
		uint8_t *frame = overlay_encap(&t, buf + 64, 14 + id % 9000, 0, (uint16_t)id);
		assert_int_equal(slow_sum(frame + AT_IP, 20, 0), 0xffff);
	}
}

// RFC 768: a checksum that comes out as zero is sent as ones, since zero says "none".
static void udp_checksum_never_zero(void **state)
{
	struct overlay_tunnel u = tunnel4(WEFT_ENCAP_VXLAN);
	struct overlay_template t;
	uint8_t buf[128] = {0}, *inner = buf + 64, *frame;

	u.udp_csum = true;
	t = build(&u);
	frame = overlay_encap(&t, inner, 20, 0, 0);
	overlay_udp_csum(&t, frame, 20);
	memcpy(inner + 18, frame + AT_UDP + 6, 2);
	frame = overlay_encap(&t, inner, 20, 0, 0);
	overlay_udp_csum(&t, frame, 20);
	assert_memory_equal(frame + AT_UDP + 6, "\xff\xff", 2);
}

static void source_ports_fill_the_range(void **state)
{
	struct overlay_tunnel u = tunnel4(WEFT_ENCAP_VXLAN);
	struct overlay_template t = build(&u);
	uint8_t buf[128], *frame;

	frame = overlay_encap(&t, buf + 64, 14, 0, 0);
	assert_int_equal(frame[34] << 8 | frame[35], 49152);
	frame = overlay_encap(&t, buf + 64, 14, 0xffffffff, 0);
	assert_int_equal(frame[34] << 8 | frame[35], 65535);
}

// 65535 is the most that IP can say; the inner frame is not touched for what is refused.
static void longest_packet(void **state)
{
	struct overlay_tunnel u4 = tunnel4(WEFT_ENCAP_VXLAN), u6 = tunnel6(WEFT_ENCAP_NVGRE);
	struct overlay_template t4 = build(&u4), t6 = build(&u6);
	uint8_t buf[128] = {0}, *frame;

	frame = overlay_encap(&t4, buf + 100, 65535 - 36, 0, 0);
	assert_non_null(frame);
	assert_int_equal(frame[AT_IP + 2] << 8 | frame[AT_IP + 3], 65535);
	frame = overlay_encap(&t6, buf + 100, 65535 - 8, 0, 0);
	assert_non_null(frame);
	assert_int_equal(frame[AT_IP + 4] << 8 | frame[AT_IP + 5], 65535);
	memset(buf, 0, sizeof(buf));
	assert_null(overlay_encap(&t4, buf + 100, 65535 - 35, 0, 0));
	assert_null(overlay_encap(&t6, buf + 100, 65535 - 7, 0, 0));
	for (unsigned i = 0; i < sizeof(buf); i++)
		assert_int_equal(buf[i], 0);
}

// What build() refuses, by the word that its message must begin with.
static void refused_tunnels(void **state)
{
#define CASE(word, ...)                                                                            \
	do {                                                                                       \
		struct overlay_tunnel u = tunnel4(WEFT_ENCAP_VXLAN);                               \
		struct overlay_template t, before;                                                 \
		const char *why = NULL;                                                            \
		memset(&t, 0x77, sizeof(t));                                                       \
		before = t;                                                                        \
		__VA_ARGS__;                                                                       \
		assert_int_equal(overlay_template_build(&t, &u, &why), -EINVAL);                   \
		assert_non_null(why);                                                              \
		assert_memory_equal(why, word ":", sizeof(word));                                  \
		assert_memory_equal(&t, &before, sizeof(t));                                       \
		assert_int_equal(overlay_template_build(&t, &u, NULL), -EINVAL);                   \
	} while (0)

	CASE("encap", u.encap = WEFT_ENCAP_NONE);
	CASE("encap", u.encap = 3);
	CASE("vni", u.vni = 0x1000000);
	CASE("vni", u.encap = WEFT_ENCAP_NVGRE; u.vni = 0xfff);
	CASE("vni", u.encap = WEFT_ENCAP_NVGRE; u.vni = 0xffffff);
	CASE("local", memset(&u.local, 0, 16));
	CASE("local", u.local.b[12] = 224);
	CASE("local", u.local = (struct weft_ip){.b = {0xff, 2}}; u.remote = remote6);
	CASE("remote", memset(&u.remote, 0, 16));
	CASE("remote", u.remote = remote6);
	CASE("src_mac", memset(&u.src_mac, 0, 6));
	CASE("src_mac", u.src_mac.b[0] = 1);
	CASE("dst_mac", memset(&u.dst_mac, 0, 6));
	CASE("vlan", u.vlan = true);
	CASE("vlan", u.vlan = true; u.vlan_vid = 4095);
	CASE("vlan", u.vlan = true; u.vlan_vid = 1; u.vlan_pcp = 8);
	CASE("dscp", u.dscp = 64);
	CASE("src_port", u.src_port_min = 2; u.src_port_max = 1);
	CASE("src_port", u.src_port_max = 1);
#undef CASE
}

// The tail of a packet in the tests below: what follows its first piece in memory.
static void tail_in_memory(const struct weft_packet *pkt, uint32_t len, struct weft_csum *acc)
{
	const uint8_t *p = pkt->owner;

	while (len) { // in odd pieces
		uint32_t n = len < 7 ? len : 7;
		weft_csum_add(acc, p, n);
		p += n;
		len -= n;
	}
}

static void checksum_in_pieces(void **state)
{
	struct overlay_tunnel u = tunnel4(WEFT_ENCAP_VXLAN);
	struct overlay_template t;
	uint8_t whole[512], *frame;

	u.udp_csum = true;
	t = build(&u);
	for (uint32_t cut = 0; cut <= 201; cut++) {
		struct weft_csum c;
		rng_fill(whole, sizeof(whole));
		frame = overlay_encap(&t, whole + 100, 201, rng(), 0);
		c = overlay_udp_csum_begin(&t, frame);
		weft_csum_add(&c, whole + 100, cut);
		weft_csum_add(&c, whole + 100 + cut, 201 - cut);
		overlay_udp_csum_end(&t, frame, &c);
		assert_int_equal(slow_sum(frame + 34, 8 + 8 + 201,
					 slow_sum(frame + 26, 8, 17 + 8 + 8 + 201)),
			0xffff);
	}
}

struct slot {
	uint8_t b[512];
};

static void burst_equals_single(void **state)
{
	static struct slot burst[64], single[64];
	static struct overlay_template t[64];
	const struct overlay_template *tmpl[64];
	struct weft_packet pkts[64] = {0};

	for (unsigned round = 0; round < 50; round++) {
		unsigned n = rng() % 65;
		uint16_t id = (uint16_t)rng();
		uint64_t done, want = 0;

		for (unsigned i = 0; i < n; i++) {
			struct overlay_tunnel u = random_tunnel();
			t[i] = build(&u);
			tmpl[i] = &t[i];
			rng_fill(burst[i].b, sizeof(burst[i].b));
			single[i] = burst[i];
			pkts[i] = (struct weft_packet){.data = burst[i].b + 80,
				.total_len = 14 + rng() % 300,
				.headroom = rng() % 8 ? 80 : 41,
				.hash = rng()};
			pkts[i].len = rng() & 1 ? pkts[i].total_len : 14;
			pkts[i].owner = pkts[i].data + pkts[i].len;
			if (pkts[i].headroom < t[i].len)
				continue;
			want |= 1ull << i;
			overlay_encap(&t[i], single[i].b + 80, pkts[i].total_len, pkts[i].hash,
				(uint16_t)(id + i));
			overlay_udp_csum(&t[i], single[i].b + 80 - t[i].len, pkts[i].total_len);
		}
		done = overlay_encap_burst(tmpl, pkts, n, id, tail_in_memory);
		assert_true(done == want);
		for (unsigned i = 0; i < n; i++) {
			assert_memory_equal(burst[i].b, single[i].b, sizeof(burst[i].b));
			if (!(done >> i & 1))
				continue;
			assert_ptr_equal(pkts[i].data, burst[i].b + 80 - t[i].len);
			assert_int_equal(pkts[i].headroom, 80 - t[i].len);
			assert_int_equal(pkts[i].l3_ofs, t[i].l3_ofs);
			assert_int_equal(pkts[i].l2_len, t[i].l3_ofs);
			assert_int_equal(pkts[i].l4_ofs, t[i].l4_ofs);
			assert_true(pkts[i].data + pkts[i].len == (uint8_t *)pkts[i].owner);
		}
	}
}

// A template for any network makes of each packet what one for the packet's own network makes.
static void network_of_each_packet(void **state)
{
	for (unsigned i = 0; i < 2000; i++) {
		enum weft_encap encap = rng() % 2 ? WEFT_ENCAP_VXLAN : WEFT_ENCAP_NVGRE;
		struct overlay_tunnel u = rng() % 2 ? tunnel4(encap) : tunnel6(encap);
		struct overlay_template own, any;
		const struct overlay_template *tmpl;
		uint8_t a[256], b[256];
		struct weft_packet p = {.len = 60, .total_len = 60, .headroom = 128, .hash = rng()};

		u.udp_csum = rng() % 2;
		u.vni = WEFT_VSID_MIN + rng() % (WEFT_VSID_MAX - WEFT_VSID_MIN);
		p.network = u.vni;
		own = build(&u);
		u.vni = WEFT_VSID_MIN;
		u.any_network = true;
		any = build(&u);
		rng_fill(a, sizeof(a));
		memcpy(b, a, sizeof(b));
		p.data = a + 128;
		tmpl = &own;
		assert_int_equal(overlay_encap_burst(&tmpl, &p, 1, 7, NULL), 1);
		p = (struct weft_packet){.data = b + 128,
			.len = 60,
			.total_len = 60,
			.headroom = 128,
			.hash = p.hash,
			.network = p.network};
		tmpl = &any;
		assert_int_equal(overlay_encap_burst(&tmpl, &p, 1, 7, NULL), 1);
		assert_memory_equal(a, b, sizeof(a));
	}
}

static void burst_refusals(void **state)
{
	struct overlay_tunnel u = tunnel4(WEFT_ENCAP_VXLAN);
	struct overlay_template t = build(&u);
	const struct overlay_template *tmpl[3] = {&t, &t, &t};
	uint8_t buf[128] = {0};
	struct weft_packet p[3] = {
		{.data = buf + 49, .len = 20, .total_len = 20, .headroom = 49},
		{.data = buf + 50, .len = 20, .total_len = 65500, .headroom = 50},
		{.data = buf + 50, .len = 20, .total_len = 20, .headroom = 50},
	};

	assert_int_equal(overlay_encap_burst(tmpl, p, 3, 0, NULL), 4);
	assert_int_equal(overlay_encap_refusal(&t, &p[0]), WEFT_DROP_NO_HEADROOM);
	assert_int_equal(overlay_encap_refusal(&t, &p[1]), WEFT_DROP_TOO_BIG);
	assert_ptr_equal(p[0].data, buf + 49);
	assert_int_equal(p[1].total_len, 65500);
	assert_ptr_equal(p[2].data, buf);
}

static void strip_undoes_encap(void **state)
{
	struct overlay_tunnel u = tunnel4(WEFT_ENCAP_NVGRE);
	struct overlay_template t = build(&u);
	const struct overlay_template *tmpl[1] = {&t};
	struct overlay_vtep v = test_vtep();
	uint8_t buf[256] = {0};
	struct weft_packet p = {.data = buf + 64, .len = 60, .total_len = 60, .headroom = 64};
	struct overlay_rx rx;

	assert_int_equal(overlay_encap_burst(tmpl, &p, 1, 0, NULL), 1);
	p.len += 10; // trailing padding
	p.total_len += 10;
	assert_int_equal(overlay_decap(&v, &p, 0, &rx), OVERLAY_INNER);
	overlay_strip(&p, &rx);
	assert_ptr_equal(p.data, buf + 64);
	assert_int_equal(p.len, 60);
	assert_int_equal(p.total_len, 60);
	assert_int_equal(p.headroom, 64);
	assert_int_equal(p.l3_ofs, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(exact_bytes),
		cmocka_unit_test(exact_bytes_ipv6),
		cmocka_unit_test(vlan_dscp_ttl_port),
		cmocka_unit_test(random_round_trips),
		cmocka_unit_test(every_identification),
		cmocka_unit_test(udp_checksum_never_zero),
		cmocka_unit_test(source_ports_fill_the_range),
		cmocka_unit_test(longest_packet),
		cmocka_unit_test(refused_tunnels),
		cmocka_unit_test(checksum_in_pieces),
		cmocka_unit_test(burst_equals_single),
		cmocka_unit_test(network_of_each_packet),
		cmocka_unit_test(burst_refusals),
		cmocka_unit_test(strip_undoes_encap),
	};

	rng_seed_from_env();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
