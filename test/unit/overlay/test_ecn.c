// SPDX-License-Identifier: Apache-2.0
// DSCP and ECN: RFC 6040's tables in full, both IP versions, every tag depth, every length.

#include "overlay/ecn.h"

#include "overlay/checksum.h"
#include "overlay/encap.h"

#include "frames.h"

enum {
	N = OVERLAY_ECN_NOT_ECT,
	ECT0 = OVERLAY_ECN_ECT0,
	ECT1 = OVERLAY_ECN_ECT1,
	CE = OVERLAY_ECN_CE,
	DROP = -1,
};

// RFC 6040, 4.2, figure 4, read off the page row by row.
static const struct {
	uint8_t inner, outer;
	int out;
} figure4[16] = {
	{N, N, N},
	{N, ECT0, N},
	{N, ECT1, N},
	{N, CE, DROP},
	{ECT0, N, ECT0},
	{ECT0, ECT0, ECT0},
	{ECT0, ECT1, ECT1},
	{ECT0, CE, CE},
	{ECT1, N, ECT1},
	{ECT1, ECT0, ECT1},
	{ECT1, ECT1, ECT1},
	{ECT1, CE, CE},
	{CE, N, CE},
	{CE, ECT0, CE},
	{CE, ECT1, CE},
	{CE, CE, CE},
};

static const uint8_t addresses[12] = {2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2};

// An Ethernet frame with `tags` VLAN tags and an IP header of this version and TOS byte.
static struct frame ip_frame(unsigned tags, unsigned version, uint8_t tos)
{
	static const uint8_t tag[2][4] = {{0x81, 0x00, 0x60, 0x05}, {0x88, 0xa8, 0x00, 0x07}};
	struct frame f = frame_of(addresses, sizeof(addresses));
	uint8_t *ip;

	for (unsigned i = tags; i--; f.len += 4)
		memcpy(f.b + f.len, tag[i & 1], 4);
	put_be16(f.b + f.len, version == 4 ? 0x0800 : 0x86dd);
	ip = f.b + f.len + 2;
	memset(ip, 0x11, 60);
	f.len += 2 + 60;
	if (version == 6) {
		ip[0] = (uint8_t)(0x60 | tos >> 4);
		ip[1] = (uint8_t)(tos << 4 | 0x0d); // of the flow label
		return f;
	}
	ip[0] = 0x45;
	ip[1] = tos;
	put_be16(ip + 10, 0);
	memcpy(ip + 10, &(weft_be16){overlay_ipv4_csum(ip, 20)}, 2);
	return f;
}

static void each_frame(void (*check)(unsigned tags, unsigned version))
{
	for (unsigned tags = 0; tags <= 2; tags++) {
		check(tags, 4);
		check(tags, 6);
	}
}

static void figure_four(void **state)
{
	for (unsigned i = 0; i < 16; i++)
		for (unsigned dscp = 0; dscp < 256; dscp += 4)
			assert_int_equal(overlay_ecn_egress((uint8_t)(dscp | figure4[i].inner),
						 (uint8_t)(252 - dscp + figure4[i].outer)),
				figure4[i].out);
}

// All inner bytes against all outer bytes, whole frames: nothing but the TOS byte and IPv4's
// checksum changes, and that is right.
static void check_egress(unsigned tags, unsigned version)
{
	for (unsigned inner = 0; inner < 256; inner++)
		for (unsigned i = 0; i < 256; i++) {
			uint8_t outer = (uint8_t)i, dscp[2] = {inner & 0xfc, outer & 0xfc};
			int ecn = overlay_ecn_egress((uint8_t)inner, outer);

			for (unsigned uniform = 0; uniform < 2; uniform++) {
				struct frame f = ip_frame(tags, version, (uint8_t)inner), want = f;
				bool kept = overlay_tos_egress(f.b, f.len, outer, uniform);

				assert_int_equal(kept, ecn >= 0);
				if (kept)
					want = ip_frame(
						tags, version, (uint8_t)(dscp[uniform] | ecn));
				assert_memory_equal(f.b, want.b, want.len);
				if (!overlay_tos_egress_matters(outer, uniform))
					assert_int_equal(overlay_tos_get(f.b, f.len), inner);
			}
		}
}

static void egress(void **state)
{
	each_frame(check_egress);
}

static void check_get_set(unsigned tags, unsigned version)
{
	for (unsigned tos = 0; tos < 256; tos++) {
		struct frame f = ip_frame(tags, version, 0x5a);
		struct frame want = ip_frame(tags, version, (uint8_t)tos);

		overlay_tos_set(f.b, (uint8_t)tos);
		assert_memory_equal(f.b, want.b, want.len);
		assert_int_equal(overlay_tos_get(f.b, f.len), (int)tos);
	}
}

static void get_and_set(void **state)
{
	each_frame(check_get_set);
}

// Whatever is no IP, or is cut short, has no TOS byte, and nothing is read behind its end.
static void check_short(unsigned tags, unsigned version)
{
	struct frame f = ip_frame(tags, version, 0xff);

	for (uint32_t len = 0; len < f.len; len++) {
		uint8_t *copy = malloc(len ? len : 1);
		int tos = len >= 16 + 4 * tags ? 0xff : -1;

		memcpy(copy, f.b, len);
		assert_int_equal(overlay_tos_get(copy, len), tos);
		assert_true(overlay_tos_egress(copy, len, CE, true));
		free(copy);
	}
}

static void not_ip(void **state)
{
	struct frame f = ip_frame(3, 4, 0xff); // a tag too many

	each_frame(check_short);
	assert_int_equal(overlay_tos_get(f.b, f.len), -1);
	f = ip_frame(0, 4, 0xff);
	f.b[14] = 0x65; // IPv6 by its version, IPv4 by its EtherType
	assert_int_equal(overlay_tos_get(f.b, f.len), -1);
	f.b[13] = 6; // ARP
	assert_int_equal(overlay_tos_get(f.b, f.len), -1);
	assert_true(overlay_tos_egress(f.b, f.len, CE, true));
}

// RFC 6040, 4.1 and RFC 2983 on the way in: every inner byte, every choice, through the burst.
static void check_ingress(unsigned tags, unsigned version)
{
	struct overlay_tunnel u = {
		.encap = WEFT_ENCAP_VXLAN,
		.local = version == 4 ? weft_ip_from_v4(inet_addr("198.51.100.1")) : remote6,
		.remote = version == 4 ? weft_ip_from_v4(inet_addr("198.51.100.2")) : local6,
		.src_mac = {{2, 0, 0, 0, 0, 1}},
		.dst_mac = {{2, 0, 0, 0, 0, 2}},
		.dscp = 46,
	};

	for (unsigned choice = 0; choice < 4; choice++) {
		struct overlay_template t;
		const struct overlay_template *tmpl = &t;

		u.dscp_uniform = choice & 1;
		u.ecn = choice & 2;
		assert_int_equal(overlay_template_build(&t, &u, NULL), 0);
		for (unsigned tos = 0; tos < 256; tos++) {
			struct frame f = ip_frame(tags, version, (uint8_t)tos);
			uint8_t want = (uint8_t)((u.dscp_uniform ? tos & 0xfc : 46 << 2) |
						 (u.ecn ? tos & 3 : 0));
			struct weft_packet p = {.headroom = 80, .hash = 1};
			uint8_t ip;

			frame_insert(&f, 0, (uint8_t[80]){0}, 80);
			p.data = f.b + 80;
			p.len = p.total_len = f.len - 80;
			assert_int_equal(overlay_encap_burst(&tmpl, &p, 1, 7, NULL), 1);
			assert_int_equal(overlay_tos_get(p.data, p.len), want);
			ip = p.data[14];
			if (ip == 0x45)
				assert_true(overlay_ipv4_csum_ok(p.data + 14, 20));
			assert_int_equal(overlay_tos_get(p.data + t.len, p.len - t.len), (int)tos);
		}
	}
}

static void ingress(void **state)
{
	each_frame(check_ingress);
}

static void ingress_of_no_ip(void **state)
{
	struct frame f = FRAME(vxlan4_bytes);
	struct overlay_template t = {.tos = 46 << 2, .tos_mask = 0xff};

	assert_int_equal(overlay_encap_tos_flip(&t, f.b + f.len - INNER_LEN, INNER_LEN), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(figure_four),
		cmocka_unit_test(egress),
		cmocka_unit_test(get_and_set),
		cmocka_unit_test(not_ip),
		cmocka_unit_test(ingress),
		cmocka_unit_test(ingress_of_no_ip),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
