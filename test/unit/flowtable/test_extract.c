// SPDX-License-Identifier: Apache-2.0
// ft_extract() against a slow extractor written from the specifications, and on broken frames.

#include "flowtable/packet/extract.h"

#include <weft/fields.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "frames.h"

// ---- the slow extractor: numbers are read one at a time, -1 where there is no byte

struct reader {
	const uint8_t *bytes;
	unsigned end;
};

static long long num(const struct reader *r, unsigned ofs, unsigned n)
{
	long long v = 0;

	if (ofs + n > r->end)
		return -1;
	for (unsigned i = 0; i < n; i++)
		v = v << 8 | r->bytes[ofs + i];
	return v;
}

static void put(void *field, const struct reader *r, unsigned ofs, unsigned n)
{
	memcpy(field, r->bytes + ofs, n);
}

static void ref_nd(struct reader *r, unsigned l4, struct weft_flow_key *k)
{
	struct weft_flow_key with = *k;
	unsigned ofs = l4 + 24, sll = 0, tll = 0;

	if (ofs > r->end)
		return;
	put(with.nd_target, r, l4 + 8, 16);
	for (int n = 0; n < FT_MAX_ND_OPTIONS; n++) {
		long long type = num(r, ofs, 1), units = num(r, ofs + 1, 1);

		if (ofs + 8 > r->end)
			break;
		if (units == 0 || ofs + units * 8 > r->end)
			return;
		if (type == 1 && units == 1 && k->l4_src == htons(135)) {
			if (sll++)
				return;
			put(&with.arp_sha, r, ofs + 2, 6);
		}
		if (type == 2 && units == 1 && k->l4_src == htons(136)) {
			if (tll++)
				return;
			put(&with.arp_tha, r, ofs + 2, 6);
		}
		ofs += (unsigned)units * 8;
	}
	*k = with;
}

static void ref_l4(
	struct reader *r, unsigned l4, bool v6, struct weft_packet *p, struct weft_flow_key *k)
{
	static const struct {
		uint8_t proto, min, v4, v6, ports;
	} kinds[] = {{6, 20, 1, 1, 1}, {17, 8, 1, 1, 1}, {132, 12, 1, 1, 1}, {1, 8, 1, 0, 0},
		{58, 4, 0, 1, 0}};

	for (unsigned i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		if (kinds[i].proto != k->ip_proto || !(v6 ? kinds[i].v6 : kinds[i].v4) ||
			l4 + kinds[i].min > r->end)
			continue;
		p->l4_ofs = (uint16_t)l4;
		if (kinds[i].ports) {
			put(&k->l4_src, r, l4, 2);
			put(&k->l4_dst, r, l4 + 2, 2);
		} else {
			k->l4_src = htons((uint16_t)num(r, l4, 1));
			k->l4_dst = htons((uint16_t)num(r, l4 + 1, 1));
		}
		if (k->ip_proto == 6)
			k->tcp_flags = htons((uint16_t)(num(r, l4 + 12, 2) & 0xfff));
		if (k->ip_proto == 58 && num(r, l4 + 1, 1) == 0 &&
			(num(r, l4, 1) == 135 || num(r, l4, 1) == 136))
			ref_nd(r, l4, k);
	}
}

static void ref_ipv4(struct reader *r, unsigned l3, struct weft_packet *p, struct weft_flow_key *k)
{
	long long first = num(r, l3, 1), total = num(r, l3 + 2, 2), frag = num(r, l3 + 6, 2);
	unsigned header = (unsigned)(first & 15) * 4;

	if (l3 + 20 > r->end || first >> 4 != 4 || header < 20 || l3 + header > r->end ||
		total < header || l3 + total > p->total_len)
		return;
	p->l3_ofs = (uint16_t)l3;
	k->ip_dscp = (uint8_t)(num(r, l3 + 1, 1) / 4);
	k->ip_ecn = (uint8_t)(num(r, l3 + 1, 1) % 4);
	k->ip_ttl = (uint8_t)num(r, l3 + 8, 1);
	k->ip_proto = (uint8_t)num(r, l3 + 9, 1);
	put(&k->ipv4_src, r, l3 + 12, 4);
	put(&k->ipv4_dst, r, l3 + 16, 4);
	if (l3 + total < r->end)
		r->end = l3 + (unsigned)total;
	if (frag & 0x1fff)
		k->ip_frag = 3;
	else if (frag & 0x2000)
		k->ip_frag = 1;
	if (!(frag & 0x1fff))
		ref_l4(r, l3 + header, false, p, k);
}

// The headers of RFC 8200, 4.1 in a list first, the flags from the list.
static unsigned ref_exthdr_flags(const uint8_t *list, const bool *known_next, unsigned n)
{
	unsigned flags = 0, place[FT_MAX_EXTHDRS + 1] = {0};

	for (unsigned i = 0; i < n; i++) {
		bool before_routing = known_next[i] && list[i + 1] == 43;
		switch (list[i]) {
		case 0:
			flags |= 0x40;
			place[i] = 1;
			break;
		case 60:
			flags |= 0x08;
			place[i] = before_routing ? 2 : 7;
			break;
		case 43:
			flags |= 0x20;
			place[i] = 3;
			break;
		case 44:
			flags |= 0x10;
			place[i] = 4;
			break;
		case 51:
			flags |= 0x04;
			place[i] = 5;
			break;
		case 50:
			flags |= 0x02;
			place[i] = 6;
			break;
		case 59:
			flags |= 0x01;
			place[i] = 8;
			break;
		}
		for (unsigned j = 0; j < i; j++) {
			if (place[j] == place[i])
				flags |= 0x80;
			if (place[j] > place[i])
				flags |= 0x100;
		}
	}
	return flags;
}

static void ref_ipv6(struct reader *r, unsigned l3, struct weft_packet *p, struct weft_flow_key *k)
{
	long long word = num(r, l3, 4), plen = num(r, l3 + 4, 2), proto = num(r, l3 + 6, 1);
	uint8_t list[FT_MAX_EXTHDRS + 2] = {0};
	bool known_next[FT_MAX_EXTHDRS + 1] = {0}, open = true;
	unsigned ofs = l3 + 40, n = 0;

	if (l3 + 40 > r->end || word >> 28 != 6 || l3 + 40 + plen > p->total_len)
		return;
	p->l3_ofs = (uint16_t)l3;
	k->ipv6_flabel = htonl((uint32_t)(word & 0xfffff));
	k->ip_dscp = (uint8_t)(word >> 22 & 0x3f);
	k->ip_ecn = (uint8_t)(word >> 20 & 3);
	k->ip_ttl = (uint8_t)num(r, l3 + 7, 1);
	put(k->ipv6_src, r, l3 + 8, 16);
	put(k->ipv6_dst, r, l3 + 24, 16);
	if (l3 + 40 + plen < r->end)
		r->end = l3 + 40 + (unsigned)plen;

	while (open && n < FT_MAX_EXTHDRS &&
		(proto == 0 || proto == 43 || proto == 44 || proto == 50 || proto == 51 ||
			proto == 59 || proto == 60)) {
		long long next = num(r, ofs, 1), units = num(r, ofs + 1, 1), len, frag;

		list[n] = (uint8_t)proto;
		len = proto == 44 ? 8 : proto == 51 ? 4 * (units + 2) : 8 * (units + 1);
		n++;
		if (proto == 50 || proto == 59 || ofs + 8 > r->end || ofs + len > r->end)
			break;
		list[n] = (uint8_t)next;
		known_next[n - 1] = true;
		frag = proto == 44 ? num(r, ofs + 2, 2) : 0;
		if (frag & 0xfff9)
			k->ip_frag = 1;
		if (frag & 0xfff8) {
			k->ip_frag = 3;
			break;
		}
		proto = next;
		ofs += (unsigned)len;
	}
	k->ipv6_exthdr = htons((uint16_t)ref_exthdr_flags(list, known_next, n));
	k->ip_proto = (uint8_t)proto;
	if (!(k->ip_frag & 2))
		ref_l4(r, ofs, true, p, k);
}

static void ref_arp(struct reader *r, unsigned l3, struct weft_packet *p, struct weft_flow_key *k)
{
	if (l3 + 28 > r->end || num(r, l3, 2) != 1 || num(r, l3 + 2, 2) != 0x800 ||
		num(r, l3 + 4, 1) != 6 || num(r, l3 + 5, 1) != 4)
		return;
	p->l3_ofs = (uint16_t)l3;
	put(&k->l4_src, r, l3 + 6, 2);
	put(&k->arp_sha, r, l3 + 8, 6);
	put(&k->ipv4_src, r, l3 + 14, 4);
	put(&k->arp_tha, r, l3 + 18, 6);
	put(&k->ipv4_dst, r, l3 + 24, 4);
}

static void ref_extract(struct weft_packet *p, struct weft_flow_key *k)
{
	struct reader r = {p->data, p->len};
	unsigned ofs = 12, tags = 0;
	long long type, word;

	memset(k, 0, sizeof(*k));
	p->l2_len = p->l3_ofs = p->l4_ofs = 0;
	if (r.end < 14)
		return;
	put(&k->eth_dst, &r, 0, 6);
	put(&k->eth_src, &r, 6, 6);
	while (((type = num(&r, ofs, 2)) == 0x8100 || type == 0x88a8) && ofs + 6 <= r.end &&
		tags < FT_MAX_VLANS) {
		word = num(&r, ofs + 2, 2);
		if (!tags++) {
			k->vlan_vid = htons((uint16_t)(0x1000 | (word & 0xfff)));
			k->vlan_pcp = (uint8_t)(word >> 13);
		}
		ofs += 4;
	}
	ofs += 2;
	if (type < 0x600) {
		bool snap = num(&r, ofs, 3) == 0xaaaa03 && num(&r, ofs + 3, 3) == 0 &&
			    num(&r, ofs + 6, 2) >= 0x600;
		type = snap ? num(&r, ofs + 6, 2) : 0x5ff;
		ofs += snap ? 8 : 0;
	}
	k->eth_type = htons((uint16_t)type);
	p->l2_len = (uint16_t)ofs;
	word = num(&r, ofs, 4);
	if (type == 0x800)
		ref_ipv4(&r, ofs, p, k);
	if (type == 0x86dd)
		ref_ipv6(&r, ofs, p, k);
	if (type == 0x806)
		ref_arp(&r, ofs, p, k);
	if ((type == 0x8847 || type == 0x8848) && word >= 0) {
		k->mpls_label = htonl((uint32_t)(word >> 12));
		k->mpls_tc = (uint8_t)(word >> 9 & 7);
		k->mpls_bos = (uint8_t)(word >> 8 & 1);
		k->mpls_ttl = (uint8_t)word;
	}
	if (type == 0x88e7 && word >= 0) {
		k->pbb_isid = htonl((uint32_t)(word & 0xffffff));
		k->pbb_uca = (uint8_t)(word >> 27 & 1);
	}
}

// ---- tests

static void check(struct frame *f)
{
	// In memory of its own, so that the address sanitizer sees every byte read too far.
	uint8_t *exact = malloc(f->len ? f->len : 1);
	struct weft_packet a = frame_packet(f), b;
	struct weft_flow_key ka, kb;

	memcpy(exact, f->bytes, f->len);
	a.data = exact;
	if (rng() % 8 == 0)
		a.total_len += rng() % 2000; // the rest is in other segments
	b = a;
	memset(&ka, 0, sizeof(ka));
	ft_extract(&a, &ka);
	ref_extract(&b, &kb);
	assert_memory_equal(&ka, &kb, sizeof(ka));
	assert_memory_equal(&a, &b, sizeof(a));
	free(exact);
}

static void whole_frames(void **state)
{
	struct frame f;

	for (int i = 0; i < 100000; i++) {
		frame_make(&f);
		check(&f);
	}
}

static void broken_frames(void **state)
{
	struct frame f;

	for (int i = 0; i < 200000; i++) {
		frame_make(&f);
		frame_spoil(&f);
		check(&f);
	}
}

static void every_length(void **state)
{
	struct frame f;

	for (int i = 0; i < 1500; i++) {
		frame_make(&f);
		for (unsigned len = f.len; f.len; f.len--)
			if (len < 400 || rng() % 8 == 0)
				check(&f);
	}
}

// What is not the packet's stays as it was.
static void leaves_the_rest_alone(void **state)
{
	struct weft_flow_key k, before;
	struct weft_packet p;
	struct frame f;

	for (int i = 0; i < 1000; i++) {
		rng_fill(&k, sizeof(k));
		before = k;
		frame_make(&f);
		p = frame_packet(&f);
		ft_extract(&p, &k);
		assert_memory_equal(&k, &before, offsetof(struct weft_flow_key, eth_dst));
		assert_memory_equal(&k.tun_src, &before.tun_src,
			sizeof(k) - offsetof(struct weft_flow_key, tun_src));
	}
}

// Random frames must reach every branch that the key can show, or the tests above prove little.
static void frames_cover_the_key(void **state)
{
	struct weft_flow_key all = {0}, k;
	struct weft_packet p;
	struct frame f;

	for (int i = 0; i < 50000; i++) {
		memset(&k, 0, sizeof(k));
		frame_make(&f);
		p = frame_packet(&f);
		ft_extract(&p, &k);
		for (size_t b = 0; b < sizeof(k); b++)
			((uint8_t *)&all)[b] |= ((uint8_t *)&k)[b];
	}
	for (enum weft_field fi = WEFT_FIELD_ETH_DST; fi <= WEFT_FIELD_TCP_FLAGS; fi++) {
		const struct weft_field_info *info = &weft_field_infos[fi];
		const uint8_t *bytes = (const uint8_t *)&all + info->offset;

		if (fi == WEFT_FIELD_TUNNEL_ID || fi == WEFT_FIELD_ETH_TYPE ||
			fi == WEFT_FIELD_IP_PROTO)
			continue;
		for (unsigned bit = 0; bit < info->bits; bit++)
			if (!(bytes[info->bytes - 1 - bit / 8] >> bit % 8 & 1))
				fail_msg("%s: bit %u never seen", info->name, bit);
	}
	assert_int_equal(all.ip_frag, 3);
}

static void hash_is_per_flow(void **state)
{
	struct weft_flow_key a, b;
	struct weft_packet p;
	struct frame f;

	for (int i = 0; i < 20000; i++) {
		memset(&a, 0, sizeof(a));
		frame_make(&f);
		p = frame_packet(&f);
		ft_extract(&p, &a);
		b = a;
		b.ip_ttl ^= 1;
		b.tcp_flags ^= 0xff;
		assert_int_equal(ft_flow_hash(&a, 7), ft_flow_hash(&b, 7));
		assert_int_not_equal(ft_flow_hash(&a, 7), 0);
		if (p.l4_ofs && !a.ip_frag) {
			b.l4_src ^= 0x0100;
			assert_int_not_equal(ft_flow_hash(&a, 7), ft_flow_hash(&b, 7));
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(whole_frames),
		cmocka_unit_test(broken_frames),
		cmocka_unit_test(every_length),
		cmocka_unit_test(leaves_the_rest_alone),
		cmocka_unit_test(frames_cover_the_key),
		cmocka_unit_test(hash_is_per_flow),
	};

	rng_seed_from_env();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
