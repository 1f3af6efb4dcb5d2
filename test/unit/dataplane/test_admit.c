// SPDX-License-Identifier: Apache-2.0
// Who may enter from the underlay, by a worker with a flow cache that does not run: frames from
// VTEPs that come and go, for tenants whose flags change, held against an oracle that asks about
// each frame anew. What the cache knows must never enter for longer than it may. The seed is
// printed.

#include "eal.h"
#include "dp_held.h"
#include "segment.h"

#include "../flowtable/world.h"
#include "overlay/checksum.h"
#include "overlay/encap.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define TENANTS 3u
#define SOURCES 24u
#define BURST 32u
#define BURSTS 4000u
#define FLAGS (WEFT_TENANT_ANY_VTEP | WEFT_TENANT_INNER_VLAN)

struct model {
	struct dp_tenant *t;
	struct weft_ipc_tenant cfg;
	bool listed[SOURCES];
	struct weft_ipc_ledger want;
} model[TENANTS];

static struct dp_port vm_port[TENANTS];
static struct rte_eth_fp_ops vm_io;
static void *vm_queue;
static struct overlay_vtep own;
static uint32_t sent[BURST], expected[BURST]; // numbers of frames
static unsigned n_sent, n_expected, held;

// ---- around the worker

static uint16_t vm_takes(void *queue, struct rte_mbuf **m, uint16_t n)
{
	for (uint16_t i = 0; i < n; i++) {
		memcpy(&sent[n_sent++], rte_pktmbuf_mtod_offset(m[i], void *, m[i]->data_len - 4),
			4);
		rte_pktmbuf_free(m[i]);
	}
	return n;
}

static void set_up_tenant(unsigned i)
{
	struct model *o = &model[i];
	struct weft_flow_mod mod = flow_mod_of(WEFT_FLOW_ADD, 0, 1);
	struct pattern any = {0};
	struct program p = {0};
	struct weft_match match = pattern_match(&any);
	char why[100];

	o->cfg = (struct weft_ipc_tenant){.name = "red",
		.encap = WEFT_ENCAP_VXLAN,
		.vni = 5000 + i,
		.max_rules = 10,
		.max_fdb = 10};
	assert_int_equal(dp_tenant_add(&eal_dp, i + 1, &o->cfg, why), WEFT_E_NONE);
	o->t = dp_tenant_find(&eal_dp, i + 1);
	vm_port[i].tenant = o->t;
	assert_true(dp_tenant_map_ports(&eal_dp, o->t));
	ft_port_set(o->t->sw, &(struct ft_port){.ofport = 1, .live = true});
	program_add(&p, false, WEFT_ACTION_OUTPUT, 1);
	assert_int_equal(ft_flow_mod(o->t->sw, &mod, &match, &p.instr), WEFT_E_NONE);
}

static int up(void **state)
{
	if (eal_up(state))
		return -1;
	eal_with_tenants(1024, rng());
	own = (struct overlay_vtep){.ipv4 = weft_ip_from_v4(htonl(0xac100001)), .vxlan_port = 4789};
	eal_dp.vtep = &own;
	eal_port.role = DP_UPLINK;
	vm_io = (struct rte_eth_fp_ops){.tx_pkt_burst = vm_takes, .txq.data = &vm_queue};
	for (unsigned i = 0; i < TENANTS; i++)
		vm_port[i] = (struct dp_port){.role = DP_LOCAL,
			.ofport = 1,
			.mtu = 1500,
			.io = &vm_io,
			.n_txq = 1,
			.dev = DP_NO_DEV,
			.index = (uint16_t)(eal_port.index + 1 + i),
			.next = i + 1 < TENANTS ? &vm_port[i + 1] : NULL};
	eal_dp.ports.head = vm_port;
	for (unsigned i = 0; i < TENANTS; i++)
		set_up_tenant(i);
	dp_tenants_refresh(&eal_dp);
	return 0;
}

static int down(void **state)
{
	eal_dp.ports.head = NULL;
	return eal_down(state);
}

// ---- frames

struct kind {
	unsigned tenant, source; // source 0: 0.0.0.0, which nobody lists
	bool outer_vlan;         // by the long way
	bool inner_vlan;
	uint8_t outer_ecn, inner_ecn;
	uint16_t flow;
};

static struct weft_ip source_ip(unsigned source)
{
	return weft_ip_from_v4(htonl(0xac100100u + source));
}

static struct rte_mbuf *frame_of(const struct kind *k, uint32_t number)
{
	struct overlay_tunnel tunnel = {.encap = WEFT_ENCAP_VXLAN,
		.vni = 5000 + k->tenant,
		.local = source_ip(k->source),
		.remote = own.ipv4,
		.src_mac = {{2, 2}},
		.dst_mac = {{2, 1}},
		.vlan = k->outer_vlan,
		.vlan_vid = 7};
	uint8_t inner[68] = {2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2}, *ip = inner + 12, *frame;
	struct rte_mbuf *m = rte_pktmbuf_alloc(eal_dp.pool);
	struct overlay_template t;
	uint16_t sum = 0;

	if (k->inner_vlan) {
		overlay_put32(ip, 0x81000005);
		ip += 4;
	}
	overlay_put16(ip, 0x0800);
	ip += 2;
	memcpy(ip, (uint8_t[]){0x45, k->inner_ecn, 0, 46, 0, 0, 0, 0, 64, 17}, 10);
	overlay_put32(ip + 12, 0x0a000001);
	overlay_put32(ip + 16, 0x0a000002u + k->flow);
	sum = weft_csum_finish(weft_csum_partial(ip, 20, 0));
	memcpy(ip + 10, &sum, 2);
	overlay_put16(ip + 20, 1000);
	overlay_put16(ip + 22, 2000);
	overlay_put16(ip + 24, 26);
	memcpy(inner + 64, &number, 4);
	assert_int_equal(overlay_template_build(&t, &tunnel, NULL), 0);
	memcpy(rte_pktmbuf_append(m, sizeof(inner)), inner, sizeof(inner));
	frame = overlay_encap(&t, rte_pktmbuf_mtod(m, uint8_t *), sizeof(inner), 1 + rng(), 0);
	overlay_encap_flip_tos(&t, frame, k->outer_ecn);
	rte_pktmbuf_prepend(m, t.len);
	if (!k->source) {
		ip = frame + t.l3_ofs;
		memset(ip + 10, 0, 6);
		sum = weft_csum_finish(weft_csum_partial(ip, 20, 0));
		memcpy(ip + 10, &sum, 2);
	}
	return m;
}

static struct kind any_kind(void)
{
	return (struct kind){
		.tenant = below(20) ? below(TENANTS) : TENANTS, // nobody's
		.source = below(SOURCES),
		.outer_vlan = !below(16),
		.inner_vlan = !below(16),
		.outer_ecn = below(8) ? 0 : (uint8_t)below(4),
		.inner_ecn = below(2) ? 0 : 2,
		.flow = (uint16_t)below(3),
	};
}

// ---- the oracle

static void expect(const struct kind *k, uint32_t number)
{
	struct model *o = &model[k->tenant];

	if (k->tenant == TENANTS)
		return;
	o->want.received++;
	if (!(o->cfg.flags & WEFT_TENANT_ANY_VTEP) && !o->listed[k->source])
		o->want.drops[WEFT_DROP_UNKNOWN_VTEP]++;
	else if (k->inner_vlan && !(o->cfg.flags & WEFT_TENANT_INNER_VLAN))
		o->want.drops[WEFT_DROP_INNER_VLAN]++;
	else if (k->outer_ecn == 3 && !k->inner_ecn)
		o->want.drops[WEFT_DROP_ECN]++;
	else {
		o->want.sent++;
		expected[n_expected++] = number;
	}
}

static int by_number(const void *a, const void *b)
{
	return memcmp(a, b, 4);
}

static void same_frames(void)
{
	assert_int_equal(n_sent, n_expected);
	qsort(sent, n_sent, 4, by_number);
	qsort(expected, n_expected, 4, by_number);
	assert_memory_equal(sent, expected, 4 * n_sent);
}

static void same_ledger(const struct model *o)
{
	struct weft_ipc_ledger l = ledger_of(o->t);

	assert_int_equal(l.received, o->want.received);
	assert_int_equal(l.sent, o->want.sent);
	for (unsigned i = 0; i < WEFT_DROP_MAX; i++)
		assert_int_equal(l.drops[i], o->want.drops[i]);
	assert_int_equal(dp_ledger_balance(&l), 0);
}

// Each note of who may not enter is of a network and a source that there were.
static void same_notes(void)
{
	struct weft_ipc_drop_rule notes[DP_DROP_NOTES];
	unsigned origins = 0;

	for (unsigned t = 0; t <= TENANTS; t++) {
		uint32_t id = t < TENANTS ? model[t].t->id : 0, source;
		unsigned n = dp_drop_notes(
			&eal_dp.worker[0]->drops, id, dp_now_ns(), notes, DP_DROP_NOTES);

		for (unsigned i = 0; i < n; i++) {
			assert_true(notes[i].reason != WEFT_DROP_UNKNOWN_VNI || !id);
			if (weft_ip_is_none(&notes[i].vtep)) {
				assert_true(notes[i].reason == WEFT_DROP_ECN);
				continue;
			}
			source = ntohl(weft_ip_v4(&notes[i].vtep));
			assert_true(!source || source - 0xac100100u < SOURCES);
			assert_int_equal(notes[i].network, 5000 + t);
			assert_int_equal(notes[i].encap, WEFT_ENCAP_VXLAN);
			origins++;
		}
	}
	assert_in_range(origins, 1 + TENANTS, 1 + 2 * TENANTS); // one by reason, not by source
}

// ---- changes

static void something_changes(void)
{
	struct model *o = &model[below(TENANTS)];
	unsigned source = 1 + below(SOURCES - 1);
	struct weft_ipc_vtep v = {.ip = source_ip(source)};
	char why[100];

	if (below(4)) {
		if (o->listed[source])
			assert_int_equal(dp_tenant_vtep_del(o->t, &v.ip, NULL), WEFT_E_NONE);
		else
			assert_int_equal(dp_tenant_vtep_add(o->t, &v), WEFT_E_NONE);
		o->listed[source] = !o->listed[source];
	} else {
		o->cfg.flags = below(3)   ? o->cfg.flags ^ WEFT_TENANT_INNER_VLAN
			       : below(4) ? 0
					  : FLAGS;
		o->cfg.tos = below(2) ? WEFT_TOS_UNIFORM : 0;
		assert_int_equal(dp_tenant_set(&eal_dp, o->t, &o->cfg, why), WEFT_E_NONE);
	}
	if (!below(8))
		eal_dp.suppressing = !eal_dp.suppressing;
	dp_tenants_refresh(&eal_dp);
}

static void a_burst(uint32_t number)
{
	struct dp_worker *w = eal_dp.worker[0];
	unsigned n = 1 + below(BURST), tenant = below(2) ? below(TENANTS) : TENANTS;
	struct rte_mbuf *m[BURST];

	n_sent = n_expected = 0;
	for (unsigned i = 0; i < n; i++) {
		struct kind k = any_kind();

		if (tenant < TENANTS) // all one tenant's
			k.tenant = tenant;
		m[i] = frame_of(&k, number + i);
		expect(&k, number + i);
	}
	w->now_ns = w->drops.now_ns = dp_now_ns();
	dp_rx_burst(w, &eal_port, m, n);
	dp_tx_flush(w);
	same_frames();
}

// Something changes while the burst is held, which may or may not have been asked before. Neither
// way may the cache know more of it than it should in bursts to come.
static void a_burst_that_is_held(uint32_t number)
{
	struct dp_worker *w = eal_dp.worker[0];
	struct rte_mbuf *m[BURST];

	for (unsigned i = 0; i < BURST; i++) {
		struct kind k = any_kind();

		m[i] = frame_of(&k, number + i);
	}
	w->now_ns = w->drops.now_ns = dp_now_ns();
	w->pace.until = n_sent = 0;
	dp_held_allow(w, &eal_port, 0);
	dp_rx_burst(w, &eal_port, m, BURST);
	dp_tx_flush(w);
	something_changes();
	held += w->held.n;
	dp_held_finish(w);
	dp_held_allow(w, NULL, 0);
	for (unsigned t = 0; t < TENANTS; t++) {
		model[t].want = ledger_of(model[t].t);
		assert_int_equal(dp_ledger_balance(&model[t].want), 0);
	}
}

static void nobody_enters_for_longer_than_he_may(void **state)
{
	unsigned free_buffers = rte_mempool_avail_count(eal_dp.pool);
	struct weft_ipc_ledger l;

	for (uint32_t i = 0; i < BURSTS; i++) {
		if (below(8))
			a_burst(i * BURST);
		else
			a_burst_that_is_held(i * BURST);
		if (!below(6))
			something_changes();
		for (unsigned t = 0; t < TENANTS; t++)
			same_ledger(&model[t]);
	}
	for (unsigned t = 0; t < TENANTS; t++) {
		dp_ledger_sum(model[t].t->counters, 2, &l);
		assert_true(l.cache_hits > 0); // or this has tested little
		assert_true(l.drops[WEFT_DROP_UNKNOWN_VTEP] > 0);
	}
	assert_in_range(held, BURSTS / 16, BURSTS / 4);
	same_notes();
	assert_int_equal(rte_mempool_avail_count(eal_dp.pool), free_buffers);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nobody_enters_for_longer_than_he_may),
	};

	rng_seed_from_env();
	return cmocka_run_group_tests(tests, up, down);
}
