// SPDX-License-Identifier: Apache-2.0
// What a card says of received checksums (card.h) against what is found by summing: the same
// packets are taken, and dropped for the same reasons; and what it says of inner TCP is known from
// then on, of the inner TCP alone. The seed is printed.

#include "eal.h"
#include "segment.h"

#include "offload/dp_join.h"
#include "offload/dp_offload.h"

#include "card.h"

#include "overlay/decap.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static struct seg inner;
static const struct card card = {.vxlan_port = 4789};
static unsigned said_good, said_bad; // what was seen of the card

static struct weft_ip outer_ip(bool v6, uint8_t last)
{
	struct weft_ip ip = {.b = {0xfd, 0x10, [15] = last}};

	return v6 ? ip : weft_ip_from_v4(htonl(0xac100000u + last));
}

static struct overlay_template a_template(void)
{
	bool v6 = below(2);
	struct overlay_tunnel tunnel = {
		.encap = below(3) ? WEFT_ENCAP_VXLAN : WEFT_ENCAP_NVGRE,
		.vni = 5000,
		.local = outer_ip(v6, 2),
		.remote = outer_ip(v6, 1),
		.src_mac = {{2, 1}},
		.dst_mac = {{2, 2}},
		.vlan = below(2),
		.vlan_vid = 7,
		.udp_csum = below(2),
	};
	struct overlay_template t;

	assert_int_equal(overlay_template_build(&t, &tunnel, NULL), 0);
	return t;
}

static struct rte_mbuf *a_packet(const struct overlay_template *t)
{
	struct rte_mbuf *m = rte_pktmbuf_alloc(eal_dp.pool);
	uint8_t *frame;

	make(&inner, below(2), below(3), below(11), 1 + below(1000));
	finish(&inner);
	memcpy(rte_pktmbuf_append(m, (uint16_t)inner.len), inner.b, inner.len);
	frame = overlay_encap(t, rte_pktmbuf_mtod(m, uint8_t *), inner.len, rng(), 7);
	overlay_udp_csum(t, frame, inner.len);
	rte_pktmbuf_prepend(m, t->len);
	return m;
}

// One bit is wrong: anywhere behind the outer MAC addresses, or in a checksum.
static void harm(struct rte_mbuf *m, const struct overlay_template *t)
{
	uint32_t at[] = {12 + below(m->pkt_len - 12), t->l3_ofs + 10u, t->l4_ofs + 6u,
		t->len + inner.l4 + 16};

	rte_pktmbuf_mtod(m, uint8_t *)[at[below(4)]] ^= (uint8_t)(1 << below(8));
}

static struct overlay_rx verdict(struct rte_mbuf *m, uint8_t hints)
{
	const struct overlay_vtep vtep = {.ipv4 = outer_ip(false, 1),
		.ipv6 = outer_ip(true, 1),
		.vxlan_port = 4789,
		.nvgre = true,
		.udp6_zero_csum_ok = true};
	struct weft_packet p;
	struct overlay_rx rx;

	dp_packet_from_mbuf(&p, m);
	overlay_decap(&vtep, &p, hints, &rx);
	return rx;
}

// Or is nothing that would be joined.
static bool inner_is_sound(struct rte_mbuf *m, const struct overlay_rx *rx)
{
	const uint8_t *frame = rte_pktmbuf_mtod_offset(m, uint8_t *, rx->inner_ofs);
	struct dp_tcp t;
	uint32_t len;

	if (!dp_tcp_parse(frame, rx->inner_len, false, &t))
		return true;
	len = t.data - t.l4 + t.len;
	return weft_csum_fold(weft_csum_partial(
		       frame + t.l4, len, dp_tcp_pseudo(frame, &t, len))) == 0xffff;
}

static void assert_judged(struct rte_mbuf *m)
{
	struct overlay_rx by_hand = verdict(m, 0), by_card;
	uint8_t hint;

	card_judge(&card, m);
	hint = dp_offload_hints(m);
	said_good += !!(hint & OVERLAY_HINT_UDP_GOOD);
	said_bad += !!(hint & OVERLAY_HINT_UDP_BAD);
	by_card = verdict(m, hint);
	assert_int_equal(by_card.verdict, by_hand.verdict);
	assert_int_equal(by_card.drop, by_hand.drop);
	assert_int_equal(by_card.inner_ofs, by_hand.inner_ofs);
	if (by_hand.verdict != OVERLAY_INNER)
		return;
	if (dp_mbuf_is_sound(m))
		assert_true(inner_is_sound(m, &by_hand));
}

static void as_summed_by_hand(void **state)
{
	unsigned sound = 0;

	for (unsigned round = 0; round < 20000; round++) {
		struct overlay_template t = a_template();
		struct rte_mbuf *m = a_packet(&t);
		bool harmed = below(2);

		if (harmed)
			harm(m, &t);
		assert_judged(m);
		sound += dp_mbuf_is_sound(m);
		if (!harmed)
			assert_true(dp_mbuf_is_sound(m));
		rte_pktmbuf_free(m);
	}
	assert_true(sound >= 9000 && said_good > 1000 && said_bad > 100);
}

// A card that does not look into tunnels says nothing of what is inside.
static void a_card_that_sees_udp_alone(void **state)
{
	for (unsigned i = 0; i < 4; i++) {
		static const uint64_t says[] = {0, RTE_MBUF_F_RX_L4_CKSUM_GOOD,
			RTE_MBUF_F_RX_L4_CKSUM_BAD, RTE_MBUF_F_RX_L4_CKSUM_NONE};
		static const uint8_t hints[] = {0, OVERLAY_HINT_UDP_GOOD, OVERLAY_HINT_UDP_BAD, 0};
		struct rte_mbuf *m = eal_frame(100, 100, 0);

		m->ol_flags = says[i];
		m->packet_type = RTE_PTYPE_L3_IPV4 | RTE_PTYPE_L4_UDP;
		assert_int_equal(dp_offload_hints(m), hints[i]);
		assert_int_equal(m->ol_flags & RTE_MBUF_F_RX_L4_CKSUM_MASK, 0);
		m->ol_flags = says[i];
		m->packet_type = 0; // nor says what it saw
		assert_int_equal(dp_offload_hints(m), 0);
		assert_int_equal(m->ol_flags & RTE_MBUF_F_RX_L4_CKSUM_MASK, 0);
		rte_pktmbuf_free(m);
	}
}

// Frames for a machine are joined without a look at their sums if they are known to be right.
static void known_to_be_right(void **state)
{
	static struct dp_join join = {.what = DP_JOIN_TCP};
	static struct seg big, one;

	for (unsigned known = 0; known < 8; known++) {
		struct rte_mbuf *m[3];

		make(&big, known & 1, 0, 3, 3000);
		big.b[big.l4 + 13] = DP_TCP_ACK;
		finish(&big);
		for (unsigned i = 0; i < 3; i++) {
			slow_cut(&big, 1000, i, &one);
			one.b[one.l4 + 16] ^= 1; // no sum would find it right
			m[i] = rte_pktmbuf_alloc(eal_dp.pool);
			memcpy(rte_pktmbuf_append(m[i], (uint16_t)one.len), one.b, one.len);
			if (i < known >> 1)
				m[i]->ol_flags = RTE_MBUF_F_RX_L4_CKSUM_GOOD;
		}
		dp_join_burst(&join, m, 3);
		assert_int_equal(join.n, known >> 1 < 2 ? 3 : 4 - (known >> 1));
		rte_pktmbuf_free_bulk(m, 3);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(as_summed_by_hand),
		cmocka_unit_test(a_card_that_sees_udp_alone),
		cmocka_unit_test(known_to_be_right),
	};

	rng_seed_from_env();
	return cmocka_run_group_tests(tests, eal_up, eal_down);
}
