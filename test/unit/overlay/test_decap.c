// SPDX-License-Identifier: Apache-2.0
// The receive side over IPv4 and Ethernet: every field, every reason to drop, every bit to ignore.

#include "frames.h"

static void assert_arp_inside(struct overlay_rx rx, const struct frame *f, enum weft_encap encap)
{
	static const uint8_t arp[] = {INNER_ARP};

	assert_int_equal(rx.verdict, OVERLAY_INNER);
	assert_int_equal(rx.encap, encap);
	assert_int_equal(rx.vni, 0x123456);
	assert_int_equal(rx.inner_len, INNER_LEN);
	assert_memory_equal(f->b + rx.inner_ofs, arp, sizeof(arp));
}

static void vxlan(void **state)
{
	struct frame f = FRAME(vxlan4_bytes);
	struct overlay_rx rx = decap(&f);

	assert_arp_inside(rx, &f, WEFT_ENCAP_VXLAN);
	assert_int_equal(rx.inner_ofs, 50);
	assert_int_equal(weft_ip_v4(&rx.src), inet_addr("198.51.100.1"));
	assert_int_equal(weft_ip_v4(&rx.dst), inet_addr("198.51.100.2"));
	assert_true(weft_ip_is_v4(&rx.src) && weft_ip_is_v4(&rx.dst));
	assert_int_equal(rx.ttl, 64);
	assert_int_equal(rx.outer_vid, 0);
	assert_false(rx.inner_vlan);
}

static void nvgre(void **state)
{
	struct frame f = FRAME(nvgre4_bytes);
	struct overlay_rx rx = decap(&f);

	assert_arp_inside(rx, &f, WEFT_ENCAP_NVGRE);
	assert_int_equal(rx.inner_ofs, 42);
	assert_int_equal(rx.flow_id, 0x42);
	assert_int_equal(weft_ip_v4(&rx.src), inet_addr("198.51.100.1"));
}

// RFC 7348, 5: R flags and both reserved fields are ignored on receipt.
static void vxlan_reserved_ignored(void **state)
{
	for (unsigned bit = 0; bit < 64; bit++) {
		struct frame f = FRAME(vxlan4_bytes);
		if (bit == 4 || (bit >= 32 && bit < 56))
			continue; // the I flag, the VNI
		f.b[AT_VXLAN + bit / 8] |= 0x80 >> bit % 8;
		assert_arp_inside(decap(&f), &f, WEFT_ENCAP_VXLAN);
	}
}

// RFC 7637, 3.2 draws Reserved0 as bits 4 to 12; see decap.h on bits 4 and 5.
static void nvgre_reserved_ignored(void **state)
{
	for (unsigned bit = 4; bit <= 12; bit++) {
		struct frame f = FRAME(nvgre4_bytes);
		f.b[AT_GRE + bit / 8] |= 0x80 >> bit % 8;
		assert_arp_inside(decap(&f), &f, WEFT_ENCAP_NVGRE);
	}
}

// The reserved bit of IPv4, DF, identification, TTL, any source port (RFC 7348 prescribes none).
static void outer_details_ignored(void **state)
{
	struct frame f = FRAME(vxlan4_bytes);

	f.b[AT_IP + 6] = 0x80;
	f.b[AT_IP + 8] = 1;
	put_be16(f.b + AT_IP + 4, 0);
	fix_ipv4(&f, AT_IP);
	put_be16(f.b + AT_UDP, 7);
	assert_arp_inside(decap(&f), &f, WEFT_ENCAP_VXLAN);
}

static void tos_and_ttl_reported(void **state)
{
	struct frame f = FRAME(nvgre4_bytes);
	struct overlay_rx rx;

	f.b[AT_IP + 1] = 46 << 2 | 3;
	f.b[AT_IP + 8] = 17;
	fix_ipv4(&f, AT_IP);
	rx = decap(&f);
	assert_int_equal(rx.tos, 46 << 2 | 3);
	assert_int_equal(rx.ttl, 17);
}

static void vxlan_without_vni(void **state)
{
	for (unsigned flags = 0; flags < 256; flags++) {
		struct frame f = FRAME(vxlan4_bytes);
		f.b[AT_VXLAN] = (uint8_t)flags;
		if (flags & 8)
			assert_arp_inside(decap(&f), &f, WEFT_ENCAP_VXLAN);
		else
			assert_dropped(decap(&f), WEFT_DROP_VXLAN_FLAGS);
	}
}

static void vxlan_truncated(void **state)
{
	for (uint32_t payload = 0; payload <= 8 + 14; payload++) {
		struct frame f = FRAME(vxlan4_bytes);
		put_be16(f.b + AT_UDP + 4, 8 + payload);
		if (payload < 8 + 14)
			assert_dropped(decap(&f), WEFT_DROP_VXLAN_TRUNCATED);
		else
			assert_int_equal(decap(&f).inner_len, 14);
	}
}

static void nvgre_truncated(void **state)
{
	for (uint32_t payload = 0; payload <= 8 + 14; payload++) {
		struct frame f = FRAME(nvgre4_bytes);
		put_be16(f.b + AT_IP + 2, 20 + payload);
		fix_ipv4(&f, AT_IP);
		if (payload < 8 + 14)
			assert_dropped(decap(&f), WEFT_DROP_NVGRE_TRUNCATED);
		else
			assert_int_equal(decap(&f).inner_len, 14);
	}
}

static void nvgre_flags(void **state)
{
	static const uint16_t bad[] = {0xa000, 0x6000, 0x3000, 0x0000, 0x2001, 0x2002, 0x2007};

	for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct frame f = FRAME(nvgre4_bytes);
		put_be16(f.b + AT_GRE, bad[i]);
		assert_dropped(decap(&f), WEFT_DROP_NVGRE_FLAGS);
	}
}

static void nvgre_reserved_vsids(void **state)
{
	static const struct {
		uint32_t vsid;
		bool ok;
	} cases[] = {{0, false}, {1, false}, {0xfff, false}, {0x1000, true}, {0xfffffe, true},
		{0xffffff, false}};

	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct frame f = FRAME(nvgre4_bytes);
		f.b[AT_GRE + 4] = (uint8_t)(cases[i].vsid >> 16);
		put_be16(f.b + AT_GRE + 5, cases[i].vsid);
		if (cases[i].ok)
			assert_int_equal(decap(&f).vni, cases[i].vsid);
		else
			assert_dropped(decap(&f), WEFT_DROP_NVGRE_VSID);
	}
}

static void bad_ip(void **state)
{
	static const struct {
		uint8_t at, value;
	} cases[] = {{0, 0x55}, {0, 0x44}, {2, 0x01}, {3, 19}, {11, 0x01}, {8, 63}, {1, 1}};

	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct frame v = FRAME(vxlan4_bytes), n = FRAME(nvgre4_bytes);
		v.b[AT_IP + cases[i].at] = n.b[AT_IP + cases[i].at] = cases[i].value;
		if (cases[i].at <= 3 && cases[i].at != 1) { // not because of its checksum
			fix_ipv4(&v, AT_IP);
			fix_ipv4(&n, AT_IP);
		}
		assert_dropped(decap(&v), WEFT_DROP_OUTER_BAD_IP);
		assert_dropped(decap(&n), WEFT_DROP_OUTER_BAD_IP);
	}
}

static void ip_hints(void **state)
{
	struct frame f = FRAME(vxlan4_bytes);
	struct overlay_vtep v = test_vtep();
	struct overlay_rx rx;

	rx = decap_exact(&v, f.b, f.len, f.len, OVERLAY_HINT_IP_BAD, NULL);
	assert_dropped(rx, WEFT_DROP_OUTER_BAD_IP);
	f.b[AT_IP + 10] ^= 1;
	rx = decap_exact(&v, f.b, f.len, f.len, OVERLAY_HINT_IP_GOOD, NULL);
	assert_arp_inside(rx, &f, WEFT_ENCAP_VXLAN);
}

// The first fragment says what it is; the later ones could be anybody's.
static void fragments(void **state)
{
	struct frame f = FRAME(vxlan4_bytes), g = FRAME(nvgre4_bytes);

	put_be16(f.b + AT_IP + 6, 0x2000);
	put_be16(g.b + AT_IP + 6, 0x2000);
	fix_ipv4(&f, AT_IP);
	fix_ipv4(&g, AT_IP);
	assert_dropped(decap(&f), WEFT_DROP_OUTER_FRAGMENT);
	assert_dropped(decap(&g), WEFT_DROP_OUTER_FRAGMENT);
	put_be16(f.b + AT_UDP + 2, 53);
	assert_int_equal(decap(&f).verdict, OVERLAY_FOREIGN);
	for (unsigned ofs = 1; ofs < 0x2000; ofs <<= 1) {
		f = FRAME(vxlan4_bytes);
		put_be16(f.b + AT_IP + 6, ofs);
		fix_ipv4(&f, AT_IP);
		assert_int_equal(decap(&f).verdict, OVERLAY_FOREIGN);
	}
}

// A wrong checksum makes the rest of the header hearsay, so it is told first; and both faults of
// the header are told before those of what follows it.
static void worst_fault_first(void **state)
{
	struct frame f = FRAME(vxlan4_bytes), g = FRAME(nvgre4_bytes);

	put_be16(f.b + AT_IP + 6, 0x2000);
	assert_dropped(decap(&f), WEFT_DROP_OUTER_BAD_IP);
	put_be16(f.b + AT_IP + 2, 27);
	put_be16(g.b + AT_IP + 2, 23);
	assert_dropped(decap(&f), WEFT_DROP_OUTER_BAD_IP);
	assert_dropped(decap(&g), WEFT_DROP_OUTER_BAD_IP);
	fix_ipv4(&f, AT_IP);
	assert_dropped(decap(&f), WEFT_DROP_OUTER_FRAGMENT);
}

static void udp_length(void **state)
{
	static const uint16_t bad[] = {0, 7, 59, 0xffff};
	struct frame f;

	for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		f = FRAME(vxlan4_bytes);
		put_be16(f.b + AT_UDP + 4, bad[i]);
		assert_dropped(decap(&f), WEFT_DROP_OUTER_BAD_UDP);
	}
	f = FRAME(vxlan4_bytes); // the IP packet ends within the UDP header
	put_be16(f.b + AT_IP + 2, 27);
	fix_ipv4(&f, AT_IP);
	assert_dropped(decap(&f), WEFT_DROP_OUTER_BAD_UDP);
	f = FRAME(vxlan4_bytes); // bytes between UDP's end and IP's are nobody's
	put_be16(f.b + AT_UDP + 4, 57);
	assert_int_equal(decap(&f).inner_len, INNER_LEN - 1);
}

static void udp_checksum(void **state)
{
	struct frame f = FRAME(vxlan4_csum_bytes);
	struct overlay_vtep v = test_vtep();
	struct overlay_rx rx;

	assert_arp_inside(decap(&f), &f, WEFT_ENCAP_VXLAN);
	for (uint32_t i = AT_UDP; i < f.len; i++) {
		if (i >= AT_UDP + 2 && i < AT_UDP + 6)
			continue; // port and length have verdicts of their own
		f = FRAME(vxlan4_csum_bytes);
		f.b[i] ^= 0x10;
		assert_dropped(decap(&f), WEFT_DROP_OUTER_BAD_UDP);
	}
	rx = decap_exact(&v, f.b, f.len, f.len, OVERLAY_HINT_UDP_GOOD, NULL);
	assert_int_equal(rx.verdict, OVERLAY_INNER);
	f = FRAME(vxlan4_csum_bytes);
	rx = decap_exact(&v, f.b, f.len, f.len, OVERLAY_HINT_UDP_BAD, NULL);
	assert_dropped(rx, WEFT_DROP_OUTER_BAD_UDP);
	f = FRAME(vxlan4_bytes);
	rx = decap_exact(&v, f.b, f.len, f.len, OVERLAY_HINT_UDP_BAD, NULL);
	assert_arp_inside(rx, &f, WEFT_ENCAP_VXLAN);
}

// A computed zero is sent as ffff (RFC 768), and must verify.
static void udp_checksum_ffff(void **state)
{
	struct frame f = FRAME(vxlan4_bytes);

	put_be16(f.b + f.len - 2, 0);
	fix_udp(&f, AT_UDP, 58, AT_IP + 12, 8);
	memcpy(f.b + f.len - 2, f.b + AT_UDP + 6, 2);
	fix_udp(&f, AT_UDP, 58, AT_IP + 12, 8);
	assert_int_equal(f.b[AT_UDP + 6] << 8 | f.b[AT_UDP + 7], 0xffff);
	assert_int_equal(decap(&f).verdict, OVERLAY_INNER);
}

static void ip_options_skipped(void **state)
{
	for (uint32_t words = 1; words <= 10; words++) {
		static const uint8_t nops[40] = {[0 ... 39] = 1};
		struct frame f = FRAME(vxlan4_csum_bytes);
		frame_insert(&f, AT_UDP, nops, 4 * words);
		f.b[AT_IP] = (uint8_t)(0x45 + words);
		put_be16(f.b + AT_IP + 2, 78 + 4 * words);
		fix_ipv4(&f, AT_IP);
		assert_arp_inside(decap(&f), &f, WEFT_ENCAP_VXLAN);
	}
}

static void ethernet_padding_trimmed(void **state)
{
	struct frame f = FRAME(vxlan4_csum_bytes), g = FRAME(nvgre4_bytes);

	memset(f.b + f.len, 0xee, 30);
	memset(g.b + g.len, 0xee, 30);
	f.len += 30;
	g.len += 30;
	assert_arp_inside(decap(&f), &f, WEFT_ENCAP_VXLAN);
	assert_arp_inside(decap(&g), &g, WEFT_ENCAP_NVGRE);
}

static void outer_vlan(void **state)
{
	static const uint8_t tag[] = {0x81, 0x00, 0xf0, 0x64}; // PCP 7, DEI 1, VID 100
	static const uint8_t stag[] = {0x88, 0xa8, 0x00, 0x64};
	struct frame f = FRAME(vxlan4_csum_bytes);
	struct overlay_rx rx;

	frame_insert(&f, 12, tag, 4);
	rx = decap(&f);
	assert_arp_inside(rx, &f, WEFT_ENCAP_VXLAN);
	assert_int_equal(rx.outer_vid, 100);
	frame_insert(&f, 12, tag, 4);
	assert_int_equal(decap(&f).verdict, OVERLAY_FOREIGN);
	f = FRAME(vxlan4_csum_bytes);
	frame_insert(&f, 12, stag, 4);
	assert_int_equal(decap(&f).verdict, OVERLAY_FOREIGN);
}

static void inner_vlan_reported(void **state)
{
	static const uint16_t types[] = {0x8100, 0x88a8};

	for (unsigned i = 0; i < 2; i++) {
		struct frame f = FRAME(vxlan4_bytes), g = FRAME(nvgre4_bytes);
		put_be16(f.b + 50 + 12, types[i]);
		put_be16(g.b + 42 + 12, types[i]);
		assert_true(decap(&f).inner_vlan);
		assert_true(decap(&g).inner_vlan);
		assert_int_equal(decap(&f).verdict, OVERLAY_INNER);
	}
}

static void foreign_by_ethertype(void **state)
{
	static const uint16_t types[] = {0x0806, 0x88cc, 0x8847, 0x0027, 0x8863};

	for (unsigned i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		struct frame f = FRAME(vxlan4_bytes);
		put_be16(f.b + 12, types[i]);
		assert_int_equal(decap(&f).verdict, OVERLAY_FOREIGN);
	}
}

// Not to us, TCP (BGP), ICMP, another port, GRE with something else than Ethernet: the kernel's,
// even if its IP checksum is wrong.
static void foreign_by_ip(void **state)
{
	static const struct {
		uint8_t at;
		uint16_t value;
	} cases[] = {{AT_IP + 18, 0x6403}, {AT_IP + 18, 0xffff}, {AT_IP + 8, 0x4006},
		{AT_IP + 8, 0x4001}, {AT_UDP + 2, 4788}, {AT_UDP + 2, 53}};
	static const uint16_t gre_types[] = {0x0800, 0x86dd, 0x88be, 0x880b, 0x8847, 0};

	for (unsigned i = 0; i < 2 * sizeof(cases) / sizeof(cases[0]); i++) {
		struct frame f = FRAME(vxlan4_bytes);
		put_be16(f.b + cases[i / 2].at, cases[i / 2].value);
		if (i & 1)
			fix_ipv4(&f, AT_IP);
		assert_int_equal(decap(&f).verdict, OVERLAY_FOREIGN);
	}
	for (unsigned i = 0; i < sizeof(gre_types) / sizeof(gre_types[0]); i++) {
		struct frame f = FRAME(nvgre4_bytes);
		put_be16(f.b + AT_GRE + 2, gre_types[i]);
		assert_int_equal(decap(&f).verdict, OVERLAY_FOREIGN);
	}
}

static void foreign_if_not_spoken(void **state)
{
	struct frame f = FRAME(vxlan4_bytes), g = FRAME(nvgre4_bytes);
	struct overlay_vtep v = test_vtep();

	v.vxlan_port = 0;
	assert_int_equal(decap_exact(&v, f.b, f.len, f.len, 0, NULL).verdict, OVERLAY_FOREIGN);
	assert_int_equal(decap_exact(&v, g.b, g.len, g.len, 0, NULL).verdict, OVERLAY_INNER);
	v = test_vtep();
	v.nvgre = false;
	assert_int_equal(decap_exact(&v, f.b, f.len, f.len, 0, NULL).verdict, OVERLAY_INNER);
	assert_int_equal(decap_exact(&v, g.b, g.len, g.len, 0, NULL).verdict, OVERLAY_FOREIGN);
	v = test_vtep();
	memset(&v.ipv4, 0, sizeof(v.ipv4));
	assert_int_equal(decap_exact(&v, f.b, f.len, f.len, 0, NULL).verdict, OVERLAY_FOREIGN);
	memset(f.b + AT_IP + 16, 0, 4); // no address of ours is not the address 0.0.0.0
	fix_ipv4(&f, AT_IP);
	assert_int_equal(decap_exact(&v, f.b, f.len, f.len, 0, NULL).verdict, OVERLAY_FOREIGN);
}

static void other_vxlan_port(void **state)
{
	struct frame f = FRAME(vxlan4_bytes);
	struct overlay_vtep v = test_vtep();

	v.vxlan_port = 8472;
	assert_int_equal(decap_exact(&v, f.b, f.len, f.len, 0, NULL).verdict, OVERLAY_FOREIGN);
	put_be16(f.b + AT_UDP + 2, 8472);
	assert_int_equal(decap_exact(&v, f.b, f.len, f.len, 0, NULL).verdict, OVERLAY_INNER);
}

static void short_frames(void **state)
{
	struct frame f = FRAME(vxlan4_bytes);

	for (f.len = 0; f.len < sizeof(vxlan4_bytes); f.len++) {
		struct overlay_rx rx = decap(&f);
		if (f.len < 14)
			assert_dropped(rx, WEFT_DROP_RX_TRUNCATED);
		else if (f.len < 34)
			assert_int_equal(rx.verdict, OVERLAY_FOREIGN);
		else
			assert_dropped(rx, WEFT_DROP_OUTER_BAD_IP);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(vxlan),
		cmocka_unit_test(nvgre),
		cmocka_unit_test(vxlan_reserved_ignored),
		cmocka_unit_test(nvgre_reserved_ignored),
		cmocka_unit_test(outer_details_ignored),
		cmocka_unit_test(tos_and_ttl_reported),
		cmocka_unit_test(vxlan_without_vni),
		cmocka_unit_test(vxlan_truncated),
		cmocka_unit_test(nvgre_truncated),
		cmocka_unit_test(nvgre_flags),
		cmocka_unit_test(nvgre_reserved_vsids),
		cmocka_unit_test(bad_ip),
		cmocka_unit_test(ip_hints),
		cmocka_unit_test(fragments),
		cmocka_unit_test(worst_fault_first),
		cmocka_unit_test(udp_length),
		cmocka_unit_test(udp_checksum),
		cmocka_unit_test(udp_checksum_ffff),
		cmocka_unit_test(ip_options_skipped),
		cmocka_unit_test(ethernet_padding_trimmed),
		cmocka_unit_test(outer_vlan),
		cmocka_unit_test(inner_vlan_reported),
		cmocka_unit_test(foreign_by_ethertype),
		cmocka_unit_test(foreign_by_ip),
		cmocka_unit_test(foreign_if_not_spoken),
		cmocka_unit_test(other_vxlan_port),
		cmocka_unit_test(short_frames),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
