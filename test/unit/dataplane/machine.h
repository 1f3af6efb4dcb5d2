// SPDX-License-Identifier: Apache-2.0
#pragma once
// A worker that does not run, with an uplink and a machine's port: big segments come in whole, or
// as the frames that an oracle cuts them into (segment.h), through tables and flow cache of one
// tenant at a time; and what the books say afterwards. For tests of what is kept in one.

#include "eal.h"
#include "segment.h"

#include "../flowtable/world.h"
#include "offload/dp_cut.h"
#include "offload/dp_offload.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static struct dp_port vm_port;
static struct seg big, want;

static inline int machine_up(void **state)
{
	if (eal_up(state))
		return -1;
	eal_with_tenants(1024, rng());
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
	return eal_dp.worker[0] ? 0 : -1;
}

static inline int machine_down(void **state)
{
	eal_dp.ports.head = NULL;
	return eal_down(state);
}

static inline struct weft_ip outer_ip(bool v6, uint8_t last)
{
	struct weft_ip ip = {.b = {0xfd, 0x10, [15] = last}};

	return v6 ? ip : weft_ip_from_v4(htonl(0xac100000u + last));
}

static inline void a_next_hop(bool v6, uint16_t mtu)
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

// TCP of the version of `big`, from this port or, 0, any, goes to that one, perhaps changed.
static inline void a_rule(struct ft_switch *sw, uint32_t in_port, uint32_t out_port, bool edits)
{
	struct weft_flow_mod mod = flow_mod_of(WEFT_FLOW_ADD, 0, in_port ? 3 : 1);
	struct pattern tcp = {0};
	struct program p = {0};
	struct weft_match match;

	pattern_exact(&tcp, WEFT_FIELD_ETH_TYPE, big.v6 ? 0x86dd : 0x0800);
	pattern_exact(&tcp, WEFT_FIELD_IP_PROTO, 6);
	if (in_port)
		pattern_exact(&tcp, WEFT_FIELD_IN_PORT, in_port);
	match = pattern_match(&tcp);
	if (edits) {
		program_set(&p, false, WEFT_FIELD_ETH_DST, 0x020000000099);
		program_set(&p, false, WEFT_FIELD_TCP_DST, 4711);
		program_add(&p, false, WEFT_ACTION_DEC_NW_TTL, 0);
	}
	program_add(&p, false, WEFT_ACTION_OUTPUT, out_port);
	assert_int_equal(ft_flow_mod(sw, &mod, &match, &p.instr), WEFT_E_NONE);
}

// Another one each time, and all frames of the machine's port are its.
static inline struct dp_tenant *a_tenant(
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
	a_rule(t->sw, 0, WEFT_OFPORT_OVERLAY, edits);
	a_next_hop(v6, mtu);
	assert_int_equal(dp_tenant_vtep_add(t, &(struct weft_ipc_vtep){.ip = remote}), WEFT_E_NONE);
	dp_tenants_refresh(&eal_dp);
	return t;
}

// ---- segments

// With a TTL that lets it pass, and lets the cache know it.
static inline void make_big(bool v6, unsigned tags, unsigned options, uint32_t payload)
{
	make(&big, v6, tags, options, payload);
	big.b[big.l3 + (big.v6 ? 7 : 8)] = 64;
}

static inline struct rte_mbuf *frame_of(const struct seg *s)
{
	struct rte_mbuf *m = rte_pktmbuf_alloc(eal_dp.pool);

	memcpy(rte_pktmbuf_append(m, (uint16_t)s->len), s->b, s->len);
	return m;
}

// As a port gives what comes with this header.
static inline struct rte_mbuf *kept(
	const struct seg *s, const struct virtio_net_hdr *h, bool tunnels)
{
	static const bool yes = true;
	static struct dp_cut c;
	struct rte_mbuf *m;

	dp_cut_free(&c); // the former's payload
	assert_true(dp_cut_init(&c, eal_dp.pool, 2048));
	c.whole = &yes;
	c.tunnels = tunnels;
	memcpy(c.big, s->b, s->len);
	assert_true(dp_cut_begin(&c, h, 0, s->len));
	m = dp_cut_next(&c);
	assert_non_null(m);
	assert_false(c.busy);
	return m;
}

static inline struct rte_mbuf *whole(const struct seg *s, uint32_t mss)
{
	struct virtio_net_hdr h = header(s, mss);

	return kept(s, &h, false);
}

static inline void comes_by(struct dp_port *port, struct rte_mbuf **m, unsigned n)
{
	struct dp_worker *w = eal_dp.worker[0];

	w->now_ns = w->drops.now_ns = dp_now_ns();
	dp_rx_burst(w, port, m, n);
	dp_encap_flush(w);
	dp_tx_flush(w);
}

static inline void comes(struct rte_mbuf **m, unsigned n)
{
	comes_by(&vm_port, m, n);
}

// The k frames that it stands for, as an oracle cuts them.
static inline void comes_in_frames(uint32_t mss, uint32_t k)
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

static inline void cache_gets_to_know_it(uint32_t mss, uint32_t k)
{
	for (unsigned i = 0; i < 3; i++)
		comes_in_frames(mss, k);
}

// ---- the books

static inline struct weft_aggregate rules_of(const struct dp_tenant *t)
{
	struct weft_flow_filter all = filter_all();
	struct weft_match any = {0};
	struct weft_aggregate sum;

	eal_fold();
	ft_aggregate(t->sw, &all, &any, &sum);
	return sum;
}

// What the books say of some packets.
struct account {
	uint64_t received, sent, dropped;
	uint64_t packets, bytes; // of rules
	uint64_t looked;         // in the flow cache
};

static inline struct account account_of(const struct dp_tenant *t)
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

static inline void assert_same_account(
	const struct account *b0, const struct account *b1, const struct account *b2)
{
	const uint64_t *x0 = &b0->received, *x1 = &b1->received, *x2 = &b2->received;

	for (unsigned i = 0; i < sizeof(*b0) / sizeof(uint64_t); i++)
		assert_int_equal(x1[i] - x0[i], x2[i] - x1[i]);
}
