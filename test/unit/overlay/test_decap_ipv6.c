// SPDX-License-Identifier: Apache-2.0
// The receive side over IPv6: extension headers, fragments, and the rules for UDP checksums.

#include "frames.h"

static void assert_inner(struct overlay_rx rx, enum weft_encap encap, uint32_t ofs)
{
	assert_int_equal(rx.verdict, OVERLAY_INNER);
	assert_int_equal(rx.encap, encap);
	assert_int_equal(rx.vni, 0x123456);
	assert_int_equal(rx.inner_ofs, ofs);
	assert_int_equal(rx.inner_len, INNER_LEN);
}

static void both_encapsulations(void **state)
{
	struct frame f = FRAME(vxlan6_bytes), g = FRAME(nvgre6_bytes);
	struct overlay_rx rx;

	put_be16(f.b + AT_IP, 0x6bb7); // traffic class bb, flow label from 7
	f.b[AT_IP + 7] = 9;
	rx = decap(&f);
	assert_inner(rx, WEFT_ENCAP_VXLAN, 70);
	assert_memory_equal(&rx.src, &remote6, 16);
	assert_memory_equal(&rx.dst, &local6, 16);
	assert_int_equal(rx.tos, 0xbb);
	assert_int_equal(rx.ttl, 9);
	rx = decap(&g);
	assert_inner(rx, WEFT_ENCAP_NVGRE, 62);
	assert_int_equal(rx.flow_id, 0x42);
}

// RFC 8200, 8.1 refuses a zero checksum; RFC 6935 and 6936 let a tunnel's port accept it.
static void zero_checksum(void **state)
{
	struct frame f = FRAME(vxlan6_bytes);
	struct overlay_vtep v = test_vtep();

	put_be16(f.b + AT_UDP6 + 6, 0);
	assert_dropped(decap(&f), WEFT_DROP_OUTER_BAD_UDP);
	v.udp6_zero_csum_ok = true;
	assert_inner(decap_exact(&v, f.b, f.len, f.len, 0, NULL), WEFT_ENCAP_VXLAN, 70);
	f.b[AT_UDP6 + 7] = 1; // any other is verified all the same
	assert_dropped(decap_exact(&v, f.b, f.len, f.len, 0, NULL), WEFT_DROP_OUTER_BAD_UDP);
}

static void checksum_covers_all(void **state)
{
	for (uint32_t i = AT_IP + 8; i < sizeof(vxlan6_bytes); i++) {
		struct frame f = FRAME(vxlan6_bytes);
		if (i >= AT_IP + 24 && i < AT_UDP6 + 6 && i != AT_UDP6)
			continue; // our address, the port, the length
		f.b[i] ^= 0x10;
		assert_dropped(decap(&f), WEFT_DROP_OUTER_BAD_UDP);
	}
}

static void payload_length(void **state)
{
	struct frame f = FRAME(vxlan6_bytes), g = FRAME(nvgre6_bytes);

	put_be16(f.b + AT_IP + 4, 59);
	assert_dropped(decap(&f), WEFT_DROP_OUTER_BAD_IP);
	put_be16(f.b + AT_IP + 4, 57);
	assert_dropped(decap(&f), WEFT_DROP_OUTER_BAD_UDP);
	put_be16(f.b + AT_IP + 4, 7);
	assert_dropped(decap(&f), WEFT_DROP_OUTER_BAD_UDP);
	f = FRAME(vxlan6_bytes);
	f.len += 20; // trailing bytes
	g.len += 20;
	assert_inner(decap(&f), WEFT_ENCAP_VXLAN, 70);
	assert_inner(decap(&g), WEFT_ENCAP_NVGRE, 62);
}

static void bad_ip(void **state)
{
	struct frame f = FRAME(vxlan6_bytes);

	f.b[AT_IP] = 0x40;
	assert_dropped(decap(&f), WEFT_DROP_OUTER_BAD_IP);
	f = FRAME(nvgre6_bytes); // ::ffff:198.51.100.1 would pass for the IPv4 peer
	memcpy(f.b + AT_IP + 8, "\0\0\0\0\0\0\0\0\0\0\xff\xff\xc6\x33\x64\x01", 16);
	assert_dropped(decap(&f), WEFT_DROP_OUTER_BAD_IP);
}

// Puts an extension header before whatever follows the IPv6 header.
static void extend(struct frame *f, uint8_t type, const uint8_t *ext, uint32_t len)
{
	uint8_t next = f->b[AT_IP + 6];

	frame_insert(f, AT_UDP6, ext, len);
	f->b[AT_IP + 6] = type;
	f->b[AT_UDP6] = next;
	put_be16(f->b + AT_IP + 4, (uint32_t)(f->b[AT_IP + 4] << 8 | f->b[AT_IP + 5]) + len);
}

static void extension_headers(void **state)
{
	static const uint8_t opts[16] = {0, 1, 1, 12}, used_up[8] = {0, 0, 2, 0},
			     leads_on[8] = {0, 0, 2, 1};
	struct frame f = FRAME(vxlan6_bytes);

	extend(&f, 60, opts, 16);
	extend(&f, 43, used_up, 8);
	extend(&f, 0, opts, 16);
	assert_inner(decap(&f), WEFT_ENCAP_VXLAN, 110);
	f = FRAME(nvgre6_bytes);
	extend(&f, 43, leads_on, 8);
	assert_int_equal(decap(&f).verdict, OVERLAY_FOREIGN);
	f = FRAME(nvgre6_bytes);
	extend(&f, 60, opts, 16);
	f.b[AT_UDP6 + 1] = 255; // longer than the packet
	assert_dropped(decap(&f), WEFT_DROP_OUTER_BAD_IP);
	f = FRAME(nvgre6_bytes); // and cut off before its length could be read
	f.b[AT_IP + 6] = 60;
	put_be16(f.b + AT_IP + 4, 7);
	assert_dropped(decap(&f), WEFT_DROP_OUTER_BAD_IP);
	f.len = AT_UDP6 + 7;
	assert_dropped(decap(&f), WEFT_DROP_OUTER_BAD_IP);
}

static void extension_headers_bounded(void **state)
{
	static const uint8_t opts[8] = {0, 0, 1, 4};
	struct frame f = FRAME(vxlan6_bytes);

	for (unsigned i = 0; i < OVERLAY_IPV6_EXT_MAX; i++)
		extend(&f, 60, opts, 8);
	assert_inner(decap(&f), WEFT_ENCAP_VXLAN, 70 + 8 * OVERLAY_IPV6_EXT_MAX);
	extend(&f, 60, opts, 8);
	assert_int_equal(decap(&f).verdict, OVERLAY_FOREIGN);
}

static void fragments(void **state)
{
	static const uint8_t atomic[8] = {0, 0xff, 0, 6}, first[8] = {0, 0, 0, 1},
			     later[8] = {0, 0, 0, 8};
	struct frame f = FRAME(vxlan6_bytes);

	extend(&f, 44, atomic, 8); // reserved byte and bits set: ignored (RFC 8200, 4.5)
	assert_inner(decap(&f), WEFT_ENCAP_VXLAN, 78);
	f = FRAME(vxlan6_bytes);
	extend(&f, 44, first, 8);
	assert_dropped(decap(&f), WEFT_DROP_OUTER_FRAGMENT);
	put_be16(f.b + AT_UDP6 + 8 + 2, 53);
	assert_int_equal(decap(&f).verdict, OVERLAY_FOREIGN);
	f = FRAME(vxlan6_bytes);
	extend(&f, 44, later, 8);
	assert_int_equal(decap(&f).verdict, OVERLAY_FOREIGN);
}

// Neighbour discovery, BGP, another port, another address, none of ours.
static void foreign(void **state)
{
	struct frame f = FRAME(vxlan6_bytes);
	struct overlay_vtep v = test_vtep();

	f.b[AT_IP + 6] = 58;
	assert_int_equal(decap(&f).verdict, OVERLAY_FOREIGN);
	f.b[AT_IP + 6] = 6;
	assert_int_equal(decap(&f).verdict, OVERLAY_FOREIGN);
	f = FRAME(vxlan6_bytes);
	put_be16(f.b + AT_UDP6 + 2, 547);
	assert_int_equal(decap(&f).verdict, OVERLAY_FOREIGN);
	f = FRAME(vxlan6_bytes);
	f.b[AT_IP + 39] = 3;
	assert_int_equal(decap(&f).verdict, OVERLAY_FOREIGN);
	f = FRAME(nvgre6_bytes);
	memset(&v.ipv6, 0, 16);
	assert_int_equal(decap_exact(&v, f.b, f.len, f.len, 0, NULL).verdict, OVERLAY_FOREIGN);
	memset(f.b + AT_IP + 24, 0, 16);
	assert_int_equal(decap_exact(&v, f.b, f.len, f.len, 0, NULL).verdict, OVERLAY_FOREIGN);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(both_encapsulations),
		cmocka_unit_test(zero_checksum),
		cmocka_unit_test(checksum_covers_all),
		cmocka_unit_test(payload_length),
		cmocka_unit_test(bad_ip),
		cmocka_unit_test(extension_headers),
		cmocka_unit_test(extension_headers_bounded),
		cmocka_unit_test(fragments),
		cmocka_unit_test(foreign),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
