// SPDX-License-Identifier: Apache-2.0
// A machine's big segments on their way to an uplink with a card on paper (card.h), through the
// tables and the flow cache of a worker that does not run. Whatever the card is asked to do, it
// finds nothing wrong with how it is asked, and what leaves it is byte for byte what leaves when
// the same segment comes in as the frames that an oracle cuts it into, and no card does anything.
// The ledger says the same, too, and no packet buffer is lost. The seed is printed.

#include "machine.h"

#include "card.h"

#define WIRE_FRAMES 512u
#define TSO_ALL (WEFT_OFFLOAD_TSO_VXLAN | WEFT_OFFLOAD_TSO_NVGRE)
#define CAPA_TSO                                                                                   \
	(RTE_ETH_TX_OFFLOAD_TCP_TSO | RTE_ETH_TX_OFFLOAD_VXLAN_TNL_TSO |                           \
		RTE_ETH_TX_OFFLOAD_GRE_TNL_TSO)
#define CAPA_SUMS (RTE_ETH_TX_OFFLOAD_IPV4_CKSUM | RTE_ETH_TX_OFFLOAD_TCP_CKSUM)
#define CAPA_OUTER (RTE_ETH_TX_OFFLOAD_OUTER_IPV4_CKSUM | RTE_ETH_TX_OFFLOAD_OUTER_UDP_CKSUM)
#define CAPA_ALL (CAPA_TSO | CAPA_SUMS | CAPA_OUTER | RTE_ETH_TX_OFFLOAD_MULTI_SEGS)

// ---- the card

static struct card card = {.vxlan_port = 4789};

static struct wire {
	unsigned n;
	uint32_t len[WIRE_FRAMES];
	uint8_t frame[WIRE_FRAMES][2200];
} wire, software;

static unsigned packets, refusals; // that the card was given; that tx_prepare is to refuse
static uint16_t room = UINT16_MAX; // of the card, for packets; this many: for all

static void on_the_wire(void *arg, const uint8_t *frame, uint32_t len)
{
	assert_true(wire.n < WIRE_FRAMES && len <= sizeof(wire.frame[0]));
	wire.len[wire.n] = len;
	memcpy(wire.frame[wire.n++], frame, len);
}

static uint16_t card_prepares(void *queue, struct rte_mbuf **m, uint16_t n)
{
	for (uint16_t i = 0; i < n; i++)
		if (refusals && m[i]->ol_flags & RTE_MBUF_F_TX_OFFLOAD_MASK && refusals--)
			return i;
	return n;
}

static uint16_t card_takes(void *queue, struct rte_mbuf **m, uint16_t n)
{
	if (room != UINT16_MAX) {
		n = RTE_MIN(n, room);
		room = (uint16_t)(room - n);
	}
	for (uint16_t i = 0; i < n; i++, packets++) {
		const char *why = card_refuses(&card, m[i]);

		if (why)
			fail_msg("the card refuses: %s", why);
		card_send(&card, m[i], on_the_wire, NULL);
	}
	rte_pktmbuf_free_bulk(m, n);
	return n;
}

static int up(void **state)
{
	if (machine_up(state))
		return -1;
	rte_eth_fp_ops[eal_port.dev].tx_pkt_burst = card_takes;
	rte_eth_fp_ops[eal_port.dev].tx_pkt_prepare = card_prepares;
	return 0;
}

// Frames with one of TCP's flags go to another address inside.
static void a_rule_for_flags(struct ft_switch *sw, uint16_t flag)
{
	struct weft_flow_mod mod = flow_mod_of(WEFT_FLOW_ADD, 0, 2);
	struct pattern tcp = {0};
	struct program p = {0};
	struct weft_match match;

	pattern_exact(&tcp, WEFT_FIELD_ETH_TYPE, big.v6 ? 0x86dd : 0x0800);
	pattern_exact(&tcp, WEFT_FIELD_IP_PROTO, 6);
	pattern_masked(&tcp, WEFT_FIELD_TCP_FLAGS, flag, flag);
	match = pattern_match(&tcp);
	program_set(&p, false, WEFT_FIELD_ETH_DST, 0x020000000055);
	program_add(&p, false, WEFT_ACTION_OUTPUT, WEFT_OFPORT_OVERLAY);
	assert_int_equal(ft_flow_mod(sw, &mod, &match, &p.instr), WEFT_E_NONE);
}

static void nothing_said(void)
{
	wire.n = packets = 0;
	eal_dp.worker[0]->ip_id = 77;
}

static void assert_same_wire(void)
{
	assert_int_equal(wire.n, software.n);
	for (unsigned i = 0; i < wire.n; i++) {
		assert_int_equal(wire.len[i], software.len[i]);
		assert_memory_equal(wire.frame[i], software.frame[i], wire.len[i]);
	}
}

// A segment that stands for `k` frames comes twice: as without any card? `given`: packets for the
// card, 0: any number.
static void assert_same(
	const struct dp_tenant *t, uint32_t mss, uint32_t k, uint16_t offloads, unsigned given)
{
	struct account was, between, is;
	struct rte_mbuf *m;

	eal_port.offloads = 0;
	cache_gets_to_know_it(mss, k);
	nothing_said();
	was = account_of(t);
	for (unsigned i = 0; i < 2; i++)
		comes_in_frames(mss, k);
	software = wire;
	between = account_of(t);
	assert_int_equal(between.received - was.received, 2 * k);
	nothing_said();
	eal_port.offloads = offloads;
	for (unsigned i = 0; i < 2; i++) {
		m = whole(&big, mss);
		comes(&m, 1);
	}
	is = account_of(t);
	assert_same_wire();
	assert_same_account(&was, &between, &is);
	if (given)
		assert_int_equal(packets, 2 * given);
}

// What the port may be told that its device can, and what was asked for then.
static uint16_t ask(uint64_t capa, uint16_t segments)
{
	struct rte_eth_dev_info info = {.tx_offload_capa = capa, .rx_offload_capa = 0};
	struct rte_eth_conf conf = {0};

	info.tx_desc_lim.nb_seg_max = segments;
	dp_offload_ask(&eal_port, &info, &conf);
	card.tx = conf.txmode.offloads | (capa & RTE_ETH_TX_OFFLOAD_MULTI_SEGS);
	card.segments = segments;
	assert_int_equal(conf.txmode.offloads & ~capa, 0);
	return eal_port.offloads;
}

static uint64_t a_capability(void)
{
	static const uint64_t some[] = {CAPA_ALL, CAPA_ALL & ~RTE_ETH_TX_OFFLOAD_OUTER_UDP_CKSUM,
		CAPA_SUMS | RTE_ETH_TX_OFFLOAD_MULTI_SEGS,
		CAPA_SUMS | CAPA_OUTER | RTE_ETH_TX_OFFLOAD_MULTI_SEGS,
		CAPA_SUMS | CAPA_OUTER | RTE_ETH_TX_OFFLOAD_TCP_TSO |
			RTE_ETH_TX_OFFLOAD_MULTI_SEGS | RTE_ETH_TX_OFFLOAD_UDP_TNL_TSO |
			RTE_ETH_TX_OFFLOAD_IP_TNL_TSO,
		RTE_ETH_TX_OFFLOAD_MULTI_SEGS, 0};

	return some[below(RTE_DIM(some))];
}

static void as_without_a_card(void **state)
{
	for (unsigned round = 0; round < 300; round++) {
		enum weft_encap encap = below(2) ? WEFT_ENCAP_VXLAN : WEFT_ENCAP_NVGRE;
		uint32_t mss = 100 + below(1800), k, tags = below(8) == 0;
		bool outer6 = below(2), sums = below(2);
		struct dp_tenant *t;
		uint16_t offloads;

		eal_dp.host.udp_csum = eal_dp.host.udp6_csum = sums;
		offloads = ask(a_capability(), below(4) ? 0 : (uint16_t)(1 + below(40)));
		make_big(below(2), tags, below(11), 1 + below(RTE_MIN(65000u, 100 * mss)));
		big.b[big.l4 + 13] |= (uint8_t)(below(2) << 3 | below(2) << 7);
		finish(&big);
		t = a_tenant(encap, outer6, tags ? WEFT_TENANT_INNER_VLAN : 0, below(2),
			below(4) ? 2200 : 1000);
		k = (big.len - big.data + mss - 1) / mss;
		assert_same(t, mss, k, offloads, 0);
	}
}

// One packet for the card, not many: that it does what it is there for.
static void one_segment_is_one_packet(void **state)
{
	for (unsigned i = 0; i < 16; i++) {
		struct dp_tenant *t;

		eal_dp.host.udp_csum = eal_dp.host.udp6_csum = i >> 3 & 1;
		make_big(i >> 2 & 1, 0, 3, 64000);
		finish(&big);
		t = a_tenant(
			i & 1 ? WEFT_ENCAP_VXLAN : WEFT_ENCAP_NVGRE, i >> 1 & 1, 0, true, 2100);
		assert_int_equal(ask(CAPA_ALL, 0) & TSO_ALL, TSO_ALL);
		assert_same(t, 1400, 46, eal_port.offloads, 1);
		assert_int_equal(ask(CAPA_ALL, 20) & TSO_ALL, TSO_ALL); // too few segments
		assert_same(t, 1400, 46, eal_port.offloads, 46);
	}
	eal_dp.host.udp_csum = eal_dp.host.udp6_csum = 0;
}

// Rules that tell the first frame, or the last one, from the others: no frame goes another's way.
static void frames_that_rules_tell_apart(void **state)
{
	for (unsigned i = 0; i < 16; i++) {
		static const uint8_t flags[] = {DP_TCP_FIN, DP_TCP_PSH, DP_TCP_CWR, DP_TCP_ACK};
		// Of IPv6 the cache knows nothing any more, if rules look so far into a frame.
		bool apart = (i >> 2 & 3) != 3 || i & 1;
		struct dp_tenant *t;

		make_big(i & 1, 0, 0, i & 2 ? 14000 : 2800);
		big.b[big.l4 + 13] |= DP_TCP_FIN | DP_TCP_PSH | DP_TCP_CWR;
		finish(&big);
		t = a_tenant(WEFT_ENCAP_VXLAN, false, 0, false, 2100);
		a_rule_for_flags(t->sw, flags[i >> 2 & 3]);
		ask(CAPA_ALL, 0);
		assert_same(t, 1400, i & 2 ? 10 : 2, eal_port.offloads, apart ? i & 2 ? 10 : 2 : 1);
	}
}

// A driver that finds fault with something: with the whole, with one of the frames, with all.
static void what_the_driver_refuses_is_done_here(void **state)
{
	struct dp_tenant *t;

	make_big(false, 0, 0, 14000);
	finish(&big);
	t = a_tenant(WEFT_ENCAP_VXLAN, false, 0, false, 2100);
	for (unsigned n = 1; n < 13; n++) {
		ask(CAPA_ALL, 0);
		refusals = n;
		assert_same(t, 1400, 10, eal_port.offloads, 0);
		assert_int_equal(packets, n < 12 ? 10 + 1 : 10 + 10);
		refusals = 0;
	}
}

static void what_the_device_has_no_room_for_is_dropped(void **state)
{
	struct dp_tenant *t;

	make_big(false, 0, 0, 14000);
	finish(&big);
	t = a_tenant(WEFT_ENCAP_VXLAN, false, 0, false, 2100);
	for (unsigned i = 0; i < 3; i++) {
		static const uint64_t capa[] = {CAPA_ALL, CAPA_SUMS, 0};
		static const unsigned lost[] = {10, 7, 7};
		struct weft_ipc_ledger before, after;
		struct rte_mbuf *m;

		eal_port.offloads = 0;
		cache_gets_to_know_it(1400, 10);
		before = ledger_of(t);
		ask(capa[i] | RTE_ETH_TX_OFFLOAD_MULTI_SEGS, 0);
		m = whole(&big, 1400);
		room = i ? 3 : 0;
		comes(&m, 1);
		room = UINT16_MAX;
		after = ledger_of(t);
		assert_int_equal(
			after.drops[WEFT_DROP_TX_FULL] - before.drops[WEFT_DROP_TX_FULL], lost[i]);
		assert_int_equal(after.sent - before.sent, 10 - lost[i]);
		assert_int_equal(dp_ledger_balance(&after), 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			as_without_a_card, eal_count_buffers, eal_has_buffers),
		cmocka_unit_test_setup_teardown(
			one_segment_is_one_packet, eal_count_buffers, eal_has_buffers),
		cmocka_unit_test_setup_teardown(
			frames_that_rules_tell_apart, eal_count_buffers, eal_has_buffers),
		cmocka_unit_test_setup_teardown(
			what_the_driver_refuses_is_done_here, eal_count_buffers, eal_has_buffers),
		cmocka_unit_test_setup_teardown(what_the_device_has_no_room_for_is_dropped,
			eal_count_buffers, eal_has_buffers),
	};

	rng_seed_from_env();
	return cmocka_run_group_tests(tests, up, machine_down);
}
