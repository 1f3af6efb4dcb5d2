// SPDX-License-Identifier: Apache-2.0
// A machine's big segments on their way to an uplink with a card on paper (card.h), through the
// tables and the flow cache of a worker that does not run. Whatever the card is asked to do, it
// finds nothing wrong with how it is asked, and what leaves it is byte for byte what leaves when
// the same segment comes in as the frames that an oracle cuts it into, and no card does anything.
// The ledger says the same, too, and no packet buffer is lost. The seed is printed.

#include "eal.h"
#include "segment.h"

#include "../flowtable/world.h"
#include "offload/dp_cut.h"
#include "offload/dp_offload.h"

#include "card.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define WIRE_FRAMES 512u
#define TSO_ALL (WEFT_OFFLOAD_TSO_VXLAN | WEFT_OFFLOAD_TSO_NVGRE)
#define CAPA_TSO                                                                                   \
	(RTE_ETH_TX_OFFLOAD_TCP_TSO | RTE_ETH_TX_OFFLOAD_VXLAN_TNL_TSO |                           \
		RTE_ETH_TX_OFFLOAD_GRE_TNL_TSO)
#define CAPA_SUMS (RTE_ETH_TX_OFFLOAD_IPV4_CKSUM | RTE_ETH_TX_OFFLOAD_TCP_CKSUM)
#define CAPA_OUTER (RTE_ETH_TX_OFFLOAD_OUTER_IPV4_CKSUM | RTE_ETH_TX_OFFLOAD_OUTER_UDP_CKSUM)
#define CAPA_ALL (CAPA_TSO | CAPA_SUMS | CAPA_OUTER | RTE_ETH_TX_OFFLOAD_MULTI_SEGS)

static struct dp_port vm_port;
static struct seg big, want;

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

// ---- the switch around it

static void retire(void *ctx, void (*fn)(void *obj), void *obj)
{
	dp_rcu_retire(eal_dp.rcu, fn, obj);
}

static uint64_t now_ns(void *ctx)
{
	return dp_now_ns();
}

static int up(void **state)
{
	if (eal_up(state))
		return -1;
	dp_worker_free(eal_dp.worker[0]);
	eal_dp.opt.flow_cache = 1024;
	eal_dp.seed = rng();
	eal_dp.env = (struct ft_env){.retire = retire, .now_ns = now_ns, .workers = 1, .seed = 7};
	eal_dp.worker[0] = dp_worker_new(&eal_dp, 0);
	eal_dp.host.vxlan_port = 4789;
	eal_dp.kept_big = true;
	eal_port.role = DP_UPLINK;
	eal_port.cfg.id = 1;
	eal_port.link_up = true;
	eal_port.mtu = 9000;
	eal_port.next = &vm_port;
	eal_dp.ports.head = &eal_port;
	vm_port = (struct dp_port){.role = DP_LOCAL, .ofport = 1, .mtu = 9000, .link_up = true};
	vm_port.cfg.id = 2;
	vm_port.dev = DP_NO_DEV;
	vm_port.index = (uint16_t)(eal_port.index + 1);
	rte_eth_fp_ops[eal_port.dev].tx_pkt_burst = card_takes;
	rte_eth_fp_ops[eal_port.dev].tx_pkt_prepare = card_prepares;
	return eal_dp.worker[0] ? 0 : -1;
}

static int down(void **state)
{
	eal_dp.ports.head = NULL;
	return eal_down(state);
}

static struct weft_ip outer_ip(bool v6, uint8_t last)
{
	struct weft_ip ip = {.b = {0xfd, 0x10, [15] = last}};

	return v6 ? ip : weft_ip_from_v4(htonl(0xac100000u + last));
}

static void a_next_hop(bool v6, uint16_t mtu)
{
	struct weft_ipc_nexthop hop = {.vtep = outer_ip(v6, 2),
		.src = outer_ip(v6, 1),
		.port = 1,
		.flags = WEFT_NEXTHOP_RESOLVED,
		.src_mac = {{2, 1}},
		.dst_mac = {{2, 2}},
		.vlan = (uint16_t)(below(2) * 77),
		.mtu = mtu};
	char why[100];

	assert_int_equal(dp_nexthop_set(&eal_dp, &hop, why), WEFT_E_NONE);
}

// TCP of the version of `big` goes into the overlay, perhaps changed.
static void a_rule(struct ft_switch *sw, bool edits)
{
	struct weft_flow_mod mod = flow_mod_of(WEFT_FLOW_ADD, 0, 1);
	struct pattern tcp = {0};
	struct program p = {0};
	struct weft_match match;

	pattern_exact(&tcp, WEFT_FIELD_ETH_TYPE, big.v6 ? 0x86dd : 0x0800);
	pattern_exact(&tcp, WEFT_FIELD_IP_PROTO, 6);
	match = pattern_match(&tcp);
	if (edits) {
		program_set(&p, false, WEFT_FIELD_ETH_DST, 0x020000000099);
		program_set(&p, false, WEFT_FIELD_TCP_DST, 4711);
		program_add(&p, false, WEFT_ACTION_DEC_NW_TTL, 0);
	}
	program_add(&p, false, WEFT_ACTION_OUTPUT, WEFT_OFPORT_OVERLAY);
	assert_int_equal(ft_flow_mod(sw, &mod, &match, &p.instr), WEFT_E_NONE);
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

// Another one each time, and all frames of the machine's port are its.
static struct dp_tenant *a_tenant(
	enum weft_encap encap, bool v6, uint32_t flags, bool edits, uint16_t mtu)
{
	static unsigned id;
	struct weft_ipc_tenant cfg = {.name = "red",
		.encap = encap,
		.vni = 5000 + id,
		.max_rules = 10,
		.max_fdb = 10,
		.too_big = WEFT_TOO_BIG_DROP,
		.flags = flags};
	struct weft_ip remote = outer_ip(v6, 2);
	struct dp_tenant *t;
	char why[100];

	assert_int_equal(dp_tenant_add(&eal_dp, ++id, &cfg, why), WEFT_E_NONE);
	t = dp_tenant_find(&eal_dp, id);
	vm_port.tenant = t;
	assert_true(dp_tenant_map_ports(&eal_dp, t));
	ft_port_set(t->sw, &(struct ft_port){.ofport = 1, .live = true});
	a_rule(t->sw, edits);
	a_next_hop(v6, mtu);
	assert_int_equal(dp_tenant_vtep_add(t, &(struct weft_ipc_vtep){.ip = remote}), WEFT_E_NONE);
	dp_tenants_refresh(&eal_dp);
	return t;
}

// ---- segments

// With a TTL that lets it pass, and lets the cache know it.
static void make_big(bool v6, unsigned tags, unsigned options, uint32_t payload)
{
	make(&big, v6, tags, options, payload);
	big.b[big.l3 + (big.v6 ? 7 : 8)] = 64;
}

static struct rte_mbuf *frame_of(const struct seg *s)
{
	struct rte_mbuf *m = rte_pktmbuf_alloc(eal_dp.pool);

	memcpy(rte_pktmbuf_append(m, (uint16_t)s->len), s->b, s->len);
	return m;
}

// As a port gives it.
static struct rte_mbuf *whole(const struct seg *s, uint32_t mss)
{
	static const bool yes = true;
	static struct dp_cut c;
	struct virtio_net_hdr h = header(s, mss);
	struct rte_mbuf *m;

	dp_cut_free(&c); // the former's payload
	assert_true(dp_cut_init(&c, eal_dp.pool, 2048));
	c.whole = &yes;
	memcpy(c.big, s->b, s->len);
	assert_true(dp_cut_begin(&c, &h, s->len));
	m = dp_cut_next(&c);
	assert_non_null(m);
	assert_false(c.busy);
	return m;
}

static void comes(struct rte_mbuf **m, unsigned n)
{
	struct dp_worker *w = eal_dp.worker[0];

	w->now_ns = w->drops.now_ns = dp_now_ns();
	dp_rx_burst(w, &vm_port, m, n);
	dp_encap_flush(w);
	dp_tx_flush(w);
}

static void nothing_said(void)
{
	wire.n = packets = 0;
	eal_dp.worker[0]->ip_id = 77;
}

// The k frames that it stands for, as an oracle cuts them.
static void comes_in_frames(uint32_t mss, uint32_t k)
{
	struct rte_mbuf *m[DP_RX_BURST];
	unsigned n = 0;

	for (uint32_t i = 0; i < k; i++) {
		slow_cut(&big, mss, i, &want);
		m[n++] = frame_of(&want);
		if (n == DP_RX_BURST || i + 1 == k) {
			comes(m, n);
			n = 0;
		}
	}
}

static void cache_gets_to_know_it(uint32_t mss, uint32_t k)
{
	for (unsigned i = 0; i < 3; i++)
		comes_in_frames(mss, k);
}

static void assert_same_wire(void)
{
	assert_int_equal(wire.n, software.n);
	for (unsigned i = 0; i < wire.n; i++) {
		assert_int_equal(wire.len[i], software.len[i]);
		assert_memory_equal(wire.frame[i], software.frame[i], wire.len[i]);
	}
}

static struct weft_ipc_ledger ledger_of(const struct dp_tenant *t)
{
	struct weft_ipc_ledger l;

	dp_ledger_sum(t->counters, 2, &l);
	return l;
}

static struct weft_aggregate rules_of(const struct dp_tenant *t)
{
	struct weft_flow_filter all = filter_all();
	struct weft_match any = {0};
	struct weft_aggregate sum;

	while (ft_cache_fold(eal_dp.worker[0]->cache))
		;
	ft_aggregate(t->sw, &all, &any, &sum);
	return sum;
}

// What the books say of some packets.
struct account {
	uint64_t received, sent, dropped;
	uint64_t packets, bytes; // of rules
	uint64_t looked;         // in the flow cache
};

static struct account account_of(const struct dp_tenant *t)
{
	struct weft_ipc_ledger l = ledger_of(t);
	struct weft_aggregate sum = rules_of(t);
	struct account a = {
		l.received, l.sent, 0, sum.packets, sum.bytes, l.cache_hits + l.cache_misses};

	assert_int_equal(dp_ledger_balance(&l), 0);
	for (unsigned i = 0; i < WEFT_DROP_MAX; i++)
		a.dropped += l.drops[i];
	return a;
}

static void assert_same_account(
	const struct account *b0, const struct account *b1, const struct account *b2)
{
	const uint64_t *x0 = &b0->received, *x1 = &b1->received, *x2 = &b2->received;

	for (unsigned i = 0; i < sizeof(*b0) / sizeof(uint64_t); i++)
		assert_int_equal(x1[i] - x0[i], x2[i] - x1[i]);
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

static int before(void **state)
{
	*state = (void *)(uintptr_t)rte_mempool_avail_count(eal_dp.pool);
	return 0;
}

static int after(void **state)
{
	return rte_mempool_avail_count(eal_dp.pool) == (uintptr_t)*state ? 0 : -1;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(as_without_a_card, before, after),
		cmocka_unit_test_setup_teardown(one_segment_is_one_packet, before, after),
		cmocka_unit_test_setup_teardown(frames_that_rules_tell_apart, before, after),
		cmocka_unit_test_setup_teardown(
			what_the_driver_refuses_is_done_here, before, after),
		cmocka_unit_test_setup_teardown(
			what_the_device_has_no_room_for_is_dropped, before, after),
	};

	rng_seed_from_env();
	return cmocka_run_group_tests(tests, up, down);
}
