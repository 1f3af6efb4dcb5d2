// SPDX-License-Identifier: Apache-2.0
// ICMP that the edge of the overlay sends and hears, and outer fragments on receipt.

#include "overlay/icmp.h"
#include "overlay/pmtu.h"

#include "overlay/checksum.h"
#include "overlay/wire.h"

#include "frames.h"

static const uint8_t macs[12] = {2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1};

struct big {
	uint8_t b[2048];
	uint32_t len, ip; // where the IP header is
};

// A frame with `tags` tags and an IP packet of `total` bytes with this protocol and DF, from
// 10.0.0.1 (fd00::1) to 10.0.0.2 (fd00::2).
static struct big big_frame(unsigned tags, bool v6, uint32_t total, uint8_t proto)
{
	struct big f = {.len = 12};
	uint8_t *ip;

	memcpy(f.b, macs, 12);
	for (unsigned i = 0; i < tags; i++, f.len += 4)
		memcpy(f.b + f.len, i ? "\x81\x00\x00\x07" : "\x88\xa8\x20\x05", 4);
	memcpy(f.b + f.len, v6 ? "\x86\xdd" : "\x08\x00", 2);
	f.ip = f.len + 2;
	f.len = f.ip + total;
	ip = f.b + f.ip;
	for (uint32_t i = 0; i < total; i++)
		ip[i] = (uint8_t)(i * 7 + 1);
	if (v6) {
		memcpy(ip, "\x60\0\0\0", 4);
		put_be16(ip + 4, total - 40);
		ip[6] = proto;
		memset(ip + 8, 0, 32);
		ip[8] = ip[24] = 0xfd;
		ip[23] = 1;
		ip[39] = 2;
		return f;
	}
	memcpy(ip, "\x45\0\0\0\0\0\x40\0\x40\0\0\0\x0a\0\0\1\x0a\0\0\2", 20);
	put_be16(ip + 2, total);
	ip[9] = proto;
	memcpy(ip + 10, &(weft_be16){overlay_ipv4_csum(ip, 20)}, 2);
	return f;
}

static void fix_csum(struct big *f)
{
	uint8_t *ip = f->b + f->ip;

	memset(ip + 10, 0, 2);
	memcpy(ip + 10, &(weft_be16){overlay_ipv4_csum(ip, 20)}, 2);
}

static enum overlay_oversize judge(const struct big *f)
{
	return overlay_oversize(f->b, f->len);
}

static void check_answer(unsigned tags, bool v6, uint32_t total, uint32_t mtu)
{
	struct big f = big_frame(tags, v6, total, 17);
	uint8_t out[OVERLAY_ICMP_MAX_LEN], *ip = out + f.ip, *icmp = ip + (v6 ? 40 : 20);
	uint32_t n = overlay_icmp_too_big(f.b, f.len, mtu, out), most = v6 ? 1280 : 576, len;

	assert_int_equal(judge(&f), OVERLAY_OVERSIZE_TELL);
	if (mtu < most)
		most = mtu < OVERLAY_ICMP_LEAST ? OVERLAY_ICMP_LEAST : mtu;
	len = total + (v6 ? 48 : 28) < most ? total + (v6 ? 48 : 28) : most;
	assert_int_equal(n, f.ip + len);
	assert_memory_equal(out, macs + 6, 6);
	assert_memory_equal(out + 6, macs, 6);
	assert_memory_equal(out + 12, f.b + 12, f.ip - 12); // the same tags
	assert_memory_equal(icmp + 8, f.b + f.ip, n - (uint32_t)(icmp + 8 - out));
	assert_int_equal(overlay_get32(icmp + 4), mtu);
	if (v6) {
		assert_memory_equal(ip + 8, f.b + f.ip + 24, 16);
		assert_memory_equal(ip + 24, f.b + f.ip + 8, 16);
		assert_int_equal(icmp[0] << 8 | icmp[1], 0x0200);
		assert_int_equal(weft_csum_fold(weft_csum_partial(
					 icmp, len - 40, overlay_pseudo_ipv6(ip, 58, len - 40))),
			0xffff);
	} else {
		assert_memory_equal(ip + 12, f.b + f.ip + 16, 4);
		assert_memory_equal(ip + 16, f.b + f.ip + 12, 4);
		assert_true(overlay_ipv4_csum_ok(ip, 20));
		assert_int_equal(icmp[0] << 8 | icmp[1], 0x0304);
		assert_int_equal(weft_csum_fold(weft_csum_partial(icmp, len - 20, 0)), 0xffff);
	}
	assert_int_equal(overlay_oversize(out, n), OVERLAY_OVERSIZE_SILENT);
}

static void answers(void **state)
{
	static const uint32_t mtus[] = {20, 68, 96, 97, 575, 576, 1279, 1280, 1450, 65535};

	for (unsigned tags = 0; tags <= 2; tags++)
		for (unsigned i = 0; i < sizeof(mtus) / sizeof(mtus[0]); i++)
			for (uint32_t total = 64; total < 1600; total += 61) {
				check_answer(tags, false, total, mtus[i]);
				check_answer(tags, true, total, mtus[i]);
			}
}

static void who_may_be_told_ipv4(void **state)
{
	static const uint8_t errors[] = {3, 4, 5, 11, 12};
	static const uint8_t not_hosts[] = {0, 127, 224, 239, 240, 255};
	struct big f;

	for (unsigned i = 0; i < sizeof(errors); i++) {
		f = big_frame(0, false, 1500, 1);
		f.b[f.ip + 20] = errors[i];
		assert_int_equal(judge(&f), OVERLAY_OVERSIZE_SILENT);
		f.b[f.ip + 20] = 8; // an echo request is no error
		assert_int_equal(judge(&f), OVERLAY_OVERSIZE_TELL);
	}
	for (unsigned i = 0; i < sizeof(not_hosts); i++)
		for (unsigned at = 12; at <= 16; at += 4) {
			f = big_frame(0, false, 1500, 17);
			f.b[f.ip + at] = not_hosts[i];
			fix_csum(&f);
			assert_int_equal(judge(&f), OVERLAY_OVERSIZE_SILENT);
		}
	f = big_frame(0, false, 1500, 17);
	f.b[f.ip + 7] = 1; // a later fragment
	fix_csum(&f);
	assert_int_equal(judge(&f), OVERLAY_OVERSIZE_SILENT);
	f.b[f.ip + 6] = 0; // that may be cut once more
	fix_csum(&f);
	assert_int_equal(judge(&f), OVERLAY_OVERSIZE_FRAGMENT);
	f.b[f.ip + 10] ^= 1;
	assert_int_equal(judge(&f), OVERLAY_OVERSIZE_SILENT);
}

static void who_may_be_told_ipv6(void **state)
{
	struct big f = big_frame(0, true, 1500, 58);

	for (unsigned type = 0; type < 256; type++) {
		f.b[f.ip + 40] = (uint8_t)type;
		assert_int_equal(
			judge(&f), type < 128 ? OVERLAY_OVERSIZE_SILENT : OVERLAY_OVERSIZE_TELL);
	}
	// Behind a hop-by-hop header of 16 bytes and a fragment header.
	f = big_frame(0, true, 1500, 0);
	f.b[f.ip + 40] = 44;
	f.b[f.ip + 41] = 1;
	memset(f.b + f.ip + 56, 0, 8);
	f.b[f.ip + 56] = 58;
	for (unsigned type = 0; type < 256; type++) {
		f.b[f.ip + 64] = (uint8_t)type;
		assert_int_equal(
			judge(&f), type < 128 ? OVERLAY_OVERSIZE_SILENT : OVERLAY_OVERSIZE_TELL);
	}
	f.b[f.ip + 59] = 8; // not the first fragment
	assert_int_equal(judge(&f), OVERLAY_OVERSIZE_SILENT);
	f = big_frame(0, true, 1500, 17);
	f.b[f.ip + 24] = 0xff;
	assert_int_equal(judge(&f), OVERLAY_OVERSIZE_SILENT);
	f = big_frame(0, true, 1500, 17);
	memset(f.b + f.ip + 8, 0, 16); // the unspecified address
	assert_int_equal(judge(&f), OVERLAY_OVERSIZE_SILENT);
}

static void not_on_the_link_either(void **state)
{
	struct big f = big_frame(0, false, 1500, 17);

	f.b[0] = 0xff;
	assert_int_equal(judge(&f), OVERLAY_OVERSIZE_SILENT);
	f = big_frame(0, false, 1500, 17);
	for (f.len = 0; f.len < 34; f.len++)
		assert_int_equal(judge(&f), OVERLAY_OVERSIZE_SILENT);
	f = big_frame(0, false, 1500, 17);
	f.b[13] = 6;
	assert_int_equal(judge(&f), OVERLAY_OVERSIZE_SILENT);
}

// ---- hearing

static const struct overlay_vtep vtep = {
	.ipv4 = {.b = {[10] = 0xff, 0xff, 198, 51, 100, 1}},
	.ipv6 = {.b = {0xfd, 1, [15] = 1}},
	.vxlan_port = 4789,
	.nvgre = true,
};

// A router's message to the VTEP about an outer packet of 1,600 bytes to 198.51.100.2 (fd01::2).
static struct big word(bool v6, bool nvgre, uint32_t mtu)
{
	uint32_t quote = v6 ? 60 : 40, head = v6 ? 40 : 20, len = 8 + quote;
	struct big f = big_frame(0, v6, head + len, v6 ? 58 : 1);
	uint8_t *ip = f.b + f.ip, *icmp = ip + head, *q = icmp + 8;
	uint64_t sum = 0;

	memset(icmp, 0, len);
	memcpy(icmp, v6 ? "\2\0" : "\3\4", 2);
	overlay_put32(icmp + 4, mtu);
	q[0] = v6 ? 0x60 : 0x45;
	if (v6) {
		put_be16(q + 4, 1560);
		q[6] = nvgre ? 47 : 17;
		memcpy(ip + 24, vtep.ipv6.b, 16);
		memcpy(q + 8, vtep.ipv6.b, 16);
		memcpy(q + 24, vtep.ipv6.b, 16);
		q[39] = 2;
		sum = overlay_pseudo_ipv6(ip, 58, len);
	} else {
		put_be16(q + 2, 1600);
		q[9] = nvgre ? 47 : 17;
		memcpy(ip + 16, vtep.ipv4.b + 12, 4);
		memcpy(q + 12, vtep.ipv4.b + 12, 4);
		memcpy(q + 16, "\xc6\x33\x64\2", 4);
		fix_csum(&f);
	}
	memcpy(q + head, nvgre ? "\x20\x00\x65\x58" : "\xc0\x01\x12\xb5", 4);
	memcpy(icmp + 2, &(weft_be16){weft_csum_finish(weft_csum_partial(icmp, len, sum))}, 2);
	return f;
}

static void words(void **state)
{
	for (unsigned i = 0; i < 4; i++) {
		bool v6 = i & 1;
		struct big f = word(v6, i & 2, 1400);
		struct overlay_pmtu heard;

		assert_true(overlay_pmtu_heard(&vtep, f.b, f.len, &heard));
		assert_int_equal(heard.mtu, 1400);
		assert_int_equal(heard.remote.b[15], 2);
		assert_int_equal(weft_ip_is_v4(&heard.remote), !v6);
		f = word(v6, i & 2, 100); // less than IP guarantees
		assert_true(overlay_pmtu_heard(&vtep, f.b, f.len, &heard));
		assert_int_equal(heard.mtu, v6 ? 1280 : OVERLAY_PMTU_MIN4);
		f = word(v6, i & 2, 0);
		assert_true(overlay_pmtu_heard(&vtep, f.b, f.len, &heard));
		assert_int_equal(heard.mtu, v6 ? 1280 : 1492); // the plateau below 1,600
	}
}

// Any bit of what makes it ours, turned: not believed. (Unused and MTU bits spoil the checksum.)
static void every_bit_counts(void **state)
{
	for (unsigned i = 0; i < 4; i++) {
		bool v6 = i & 1;
		struct big good = word(v6, i & 2, 1400);
		uint32_t from = good.ip + (v6 ? 24 : 16);

		for (uint32_t at = from; at < good.len; at++)
			for (unsigned bit = 0; bit < 8; bit++) {
				struct big f = good;
				struct overlay_pmtu heard;

				f.b[at] ^= (uint8_t)(1u << bit);
				assert_false(overlay_pmtu_heard(&vtep, f.b, f.len, &heard));
			}
		for (uint32_t len = 0; len < good.len; len++) {
			uint8_t *cut = malloc(len ? len : 1);
			struct overlay_pmtu heard;

			memcpy(cut, good.b, len);
			assert_false(overlay_pmtu_heard(&vtep, cut, len, &heard));
			free(cut);
		}
	}
}

// ---- fragments

static enum overlay_verdict decap_one(const struct frame *f, bool reassemble, struct overlay_rx *rx)
{
	struct overlay_vtep v = {.ipv6 = local6,
		.vxlan_port = 4789,
		.nvgre = true,
		.udp6_zero_csum_ok = true,
		.reassemble = reassemble};
	struct weft_packet pkt = {
		.data = (uint8_t *)(uintptr_t)f->b, .len = f->len, .total_len = f->len};

	v.ipv4 = weft_ip_from_v4(inet_addr("198.51.100.2"));
	return overlay_decap(&v, &pkt, OVERLAY_HINT_IP_GOOD, rx);
}

static void fragments_ipv4(void **state)
{
	static const struct {
		uint16_t flags;
		enum overlay_verdict with, without;
	} cases[] = {
		{0x4000, OVERLAY_INNER, OVERLAY_INNER},      // DF
		{0x2000, OVERLAY_DROP, OVERLAY_DROP},        // 58 bytes are no multiple of 8
		{0x0001, OVERLAY_FRAGMENT, OVERLAY_FOREIGN}, // the last one
		{0x1ff0, OVERLAY_FRAGMENT, OVERLAY_FOREIGN},
		{0x1fff, OVERLAY_DROP, OVERLAY_FOREIGN}, // beyond 65,535
	};
	struct overlay_rx rx;

	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct frame f = FRAME(vxlan4_bytes);

		put_be16(f.b + AT_IP + 6, cases[i].flags);
		assert_int_equal(decap_one(&f, true, &rx), cases[i].with);
		assert_int_equal(decap_one(&f, false, &rx), cases[i].without);
	}
	struct frame f = FRAME(vxlan4_bytes);
	put_be16(f.b + AT_IP + 2, 76); // 56 bytes
	put_be16(f.b + AT_IP + 6, 0x2000);
	assert_int_equal(decap_one(&f, true, &rx), OVERLAY_FRAGMENT);
	assert_int_equal(weft_ip_v4(&rx.src), inet_addr("198.51.100.1"));
	f.b[AT_IP + 9] = 6; // TCP is none of ours
	assert_int_equal(decap_one(&f, true, &rx), OVERLAY_FOREIGN);
}

static void fragments_ipv6(void **state)
{
	static const uint8_t head[8] = {17, 0, 0, 1, 0, 0, 0, 9};
	struct frame f = FRAME(vxlan6_bytes);
	struct overlay_rx rx;

	frame_insert(&f, AT_UDP6, head, 8);
	f.b[AT_IP + 6] = 44;
	put_be16(f.b + AT_IP + 4, 8 + 56);
	assert_int_equal(decap_one(&f, true, &rx), OVERLAY_FRAGMENT);
	assert_int_equal(decap_one(&f, false, &rx), OVERLAY_DROP);
	f.b[AT_UDP6 + 3] = 8; // the last one, at 8
	assert_int_equal(decap_one(&f, true, &rx), OVERLAY_FRAGMENT);
	assert_int_equal(decap_one(&f, false, &rx), OVERLAY_FOREIGN);
	f.b[AT_UDP6] = 6;
	assert_int_equal(decap_one(&f, true, &rx), OVERLAY_FOREIGN);
	f.b[AT_UDP6] = 17;
	f.b[AT_UDP6 + 3] = 0; // atomic (RFC 6946): whole
	put_be16(f.b + AT_IP + 4, 8 + 58);
	put_be16(f.b + AT_UDP6 + 8 + 6, 0);
	assert_int_equal(decap_one(&f, true, &rx), OVERLAY_INNER);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(answers),
		cmocka_unit_test(who_may_be_told_ipv4),
		cmocka_unit_test(who_may_be_told_ipv6),
		cmocka_unit_test(not_on_the_link_either),
		cmocka_unit_test(words),
		cmocka_unit_test(every_bit_counts),
		cmocka_unit_test(fragments_ipv4),
		cmocka_unit_test(fragments_ipv6),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
