// SPDX-License-Identifier: Apache-2.0
// Tunnel packets in pieces: whatever a stranger has cut them into, rules see all of their headers.

#include "eal.h"
#include "segment.h"

#include "../flowtable/world.h"
#include "edge/dp_reasm.h"
#include "overlay/encap.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define OUTER 34u          // Ethernet and IPv4, where the pieces begin
#define HEADERS (16u + 42) // UDP, VXLAN; Ethernet, IPv4, UDP
#define FORBIDDEN 22u      // port
#define DATAGRAMS 200u     // that a worker may put together

static struct dp_tenant *tenant;
static struct dp_port vm;
static struct rte_eth_fp_ops vm_io;
static void *vm_queue;
static struct overlay_vtep own;
static uint8_t frame[4200];
static uint32_t len, inner; // of the frame, and of what it bears
static unsigned came;

static uint16_t vm_takes(void *queue, struct rte_mbuf **m, uint16_t n)
{
	uint8_t buf[sizeof(frame)];

	for (uint16_t i = 0; i < n; i++) {
		const void *is = rte_pktmbuf_read(m[i], 0, inner, buf);

		assert_int_equal(m[i]->pkt_len, inner);
		assert_memory_equal(is, frame + len - inner, inner);
		rte_pktmbuf_free(m[i]);
		came++;
	}
	return n;
}

static void add_rule(struct ft_switch *sw, uint16_t priority, bool forbids)
{
	struct weft_flow_mod mod = flow_mod_of(WEFT_FLOW_ADD, 0, priority);
	struct pattern which = {0};
	struct program p = {0};
	struct weft_match match;

	if (forbids) {
		pattern_exact(&which, WEFT_FIELD_ETH_TYPE, 0x0800);
		pattern_exact(&which, WEFT_FIELD_IP_PROTO, 17);
		pattern_exact(&which, WEFT_FIELD_UDP_DST, FORBIDDEN);
	} else {
		program_add(&p, false, WEFT_ACTION_OUTPUT, 1);
	}
	match = pattern_match(&which);
	assert_int_equal(ft_flow_mod(sw, &mod, &match, &p.instr), WEFT_E_NONE);
}

static int up(void **state)
{
	struct weft_ipc_tenant cfg = {.name = "red",
		.encap = WEFT_ENCAP_VXLAN,
		.vni = 5000,
		.max_rules = 10,
		.max_fdb = 10,
		.flags = WEFT_TENANT_ANY_VTEP};
	struct dp_reasm *tables[DP_MAX_WORKERS];
	char why[100];

	if (eal_up(state))
		return -1;
	eal_with_tenants(1024, rng());
	own = (struct overlay_vtep){
		.ipv4 = weft_ip_from_v4(htonl(0xac100001)), .vxlan_port = 4789, .reassemble = true};
	eal_dp.vtep = &own;
	eal_port.role = DP_UPLINK;
	vm_io = (struct rte_eth_fp_ops){.tx_pkt_burst = vm_takes, .txq.data = &vm_queue};
	vm = (struct dp_port){.role = DP_LOCAL,
		.ofport = 1,
		.mtu = 9000,
		.io = &vm_io,
		.n_txq = 1,
		.dev = DP_NO_DEV,
		.index = (uint16_t)(eal_port.index + 1)};
	eal_dp.ports.head = &vm;
	assert_int_equal(dp_tenant_add(&eal_dp, 1, &cfg, why), WEFT_E_NONE);
	vm.tenant = tenant = dp_tenant_find(&eal_dp, 1);
	assert_true(dp_tenant_map_ports(&eal_dp, tenant));
	ft_port_set(tenant->sw, &(struct ft_port){.ofport = 1, .live = true});
	add_rule(tenant->sw, 1, false);
	add_rule(tenant->sw, 2, true);
	dp_tenants_refresh(&eal_dp);
	assert_true(dp_reasm_prepare(&eal_dp, DATAGRAMS, tables));
	dp_reasm_use(&eal_dp, tables);
	return 0;
}

static int down(void **state)
{
	struct dp_reasm *none[DP_MAX_WORKERS] = {NULL};

	dp_reasm_use(&eal_dp, none);
	eal_dp.ports.head = NULL;
	return eal_down(state);
}

// A datagram to this port of a machine's, with so many bytes of payload.
static void make_frame(uint16_t port, uint32_t payload)
{
	struct overlay_tunnel tunnel = {.encap = WEFT_ENCAP_VXLAN,
		.vni = 5000,
		.local = weft_ip_from_v4(htonl(0xac100002)),
		.remote = own.ipv4,
		.src_mac = {{2, 2}},
		.dst_mac = {{2, 1}}};
	uint8_t *at = frame + OUTER + 16, *ip = at + 14;
	struct overlay_template t;

	inner = 42 + payload;
	memset(frame, 0, sizeof(frame));
	for (uint32_t i = 42; i < inner; i++)
		at[i] = (uint8_t)rng();
	memcpy(at, (uint8_t[]){2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 8, 0, 0x45}, 15);
	overlay_put16(ip + 2, inner - 14);
	ip[8] = 64;
	ip[9] = 17;
	overlay_put32(ip + 12, 0x0a000002);
	overlay_put32(ip + 16, 0x0a000001);
	overlay_ipv4_set_csum(ip, 20);
	overlay_put16(ip + 22, port);
	overlay_put16(ip + 24, 8 + payload);
	assert_int_equal(overlay_template_build(&t, &tunnel, NULL), 0);
	assert_int_equal(t.len, OUTER + 16);
	overlay_encap(&t, at, inner, 1 + rng(), 0);
	len = t.len + inner;
}

// The bytes from here to there of the outer datagram's, behind its header.
static struct rte_mbuf *piece(uint16_t id, uint32_t from, uint32_t to)
{
	struct rte_mbuf *m = rte_pktmbuf_alloc(eal_dp.pool);
	uint8_t *at = (uint8_t *)rte_pktmbuf_append(m, (uint16_t)(OUTER + to - from));

	assert_non_null(at);
	memcpy(at, frame, OUTER);
	memcpy(at + OUTER, frame + OUTER + from, to - from);
	overlay_put16(at + 16, 20 + to - from);
	overlay_put16(at + 18, id);
	overlay_put16(at + 20, from / 8 | (to < len - OUTER ? 0x2000 : 0));
	overlay_ipv4_set_csum(at + 14, 20);
	return m;
}

// The frame in pieces, the first of `first` bytes and the others of `rest`, backwards or not.
static void comes_in_pieces(uint32_t first, uint32_t rest, bool backwards)
{
	struct dp_worker *w = eal_dp.worker[0];
	struct rte_mbuf *m[DP_REASM_FRAGMENTS];
	static uint16_t id;
	unsigned n = 0;

	id++;
	for (uint32_t from = 0, to = first; from < len - OUTER; from = to, to += rest) {
		assert_true(n < DP_REASM_FRAGMENTS);
		m[n++] = piece(id, from, RTE_MIN(to, len - OUTER));
	}
	w->now_ns = w->drops.now_ns = dp_now_ns();
	for (unsigned i = 0; i < n; i++)
		dp_rx_burst(w, &eal_port, &m[backwards ? n - 1 - i : i], 1);
	dp_tx_flush(w);
}

// Datagrams of so many bytes, half of them forbidden, the first piece of each of `from` to `to`
// bytes: how many there were, and what became of them.
static unsigned come(
	uint32_t payload, uint32_t from, uint32_t to, uint32_t rest, struct weft_ipc_ledger *l)
{
	struct weft_ipc_ledger before = ledger_of(tenant);
	unsigned datagrams = 0;

	came = 0;
	for (uint32_t first = from; first < to; first += 8)
		for (unsigned i = 0; i < 4; i++, datagrams++) {
			make_frame(i & 1 ? FORBIDDEN : FORBIDDEN + 1, payload);
			comes_in_pieces(first, rest, i & 2);
		}
	*l = ledger_of(tenant);
	assert_int_equal(dp_ledger_balance(l), 0);
	l->received -= before.received;
	for (unsigned i = 0; i < WEFT_DROP_MAX; i++)
		l->drops[i] -= before.drops[i];
	return datagrams;
}

static void rules_see_headers_in_pieces(void **state)
{
	struct weft_ipc_ledger l;
	unsigned n = come(300, 8, 360, 200, &l);

	assert_int_equal(l.received, n);
	assert_int_equal(came, n / 2);
	assert_int_equal(l.drops[WEFT_DROP_RULE], n / 2);
}

// What no buffer has room for stays in pieces, if the first one has the headers.
static void long_ones_too(void **state)
{
	struct weft_ipc_ledger l, none = ledger_of(eal_dp.nobody), nobody;
	unsigned n = come(3900, 400, 1400, 1200, &l);

	assert_int_equal(l.received, n);
	assert_int_equal(came, n / 2);
	assert_int_equal(l.drops[WEFT_DROP_RULE], n / 2);
	n = come(3900, 8, 256, 1200, &l);
	nobody = ledger_of(eal_dp.nobody);
	assert_int_equal(came, 0);
	assert_int_equal(l.drops[WEFT_DROP_RX_OVERSIZED], l.received);
	assert_int_equal(n - l.received,
		nobody.drops[WEFT_DROP_OUTER_REASSEMBLY] - none.drops[WEFT_DROP_OUTER_REASSEMBLY]);
	assert_int_equal(dp_ledger_balance(&nobody), 0);
}

// As many datagrams as there may be, of which nobody sends the last piece: others find buffers.
static void fragments_leave_buffers_to_others(void **state)
{
	unsigned all = rte_mempool_avail_count(eal_dp.pool), sent = 0;
	struct weft_ipc_ledger before = ledger_of(eal_dp.nobody), l;
	struct dp_worker *w = eal_dp.worker[0];

	make_frame(FORBIDDEN + 1, 300);
	w->now_ns = w->drops.now_ns = dp_now_ns();
	for (uint16_t id = 1000; id < 1000 + DATAGRAMS; id++)
		for (unsigned i = 0; i + 1 < DP_REASM_FRAGMENTS; i++, sent++) {
			struct rte_mbuf *m = piece(id, 8 * i, 8 * i + 8);

			dp_rx_burst(w, &eal_port, &m, 1);
		}
	assert_true(sent > all);
	assert_in_range(rte_mempool_avail_count(eal_dp.pool), all / 2, all - all / 8);
	l = ledger_of(eal_dp.nobody);
	assert_int_equal(dp_ledger_balance(&l), 0);
	assert_int_equal(l.received - before.received, sent);
	dp_reasm_use(&eal_dp, (struct dp_reasm *[DP_MAX_WORKERS]){NULL});
	while (dp_rcu_poll(eal_dp.rcu)) // nobody is in it
		;
	l = ledger_of(eal_dp.nobody);
	assert_int_equal(dp_ledger_balance(&l), 0);
	assert_int_equal(
		l.drops[WEFT_DROP_OUTER_REASSEMBLY] - before.drops[WEFT_DROP_OUTER_REASSEMBLY],
		sent);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			rules_see_headers_in_pieces, eal_count_buffers, eal_has_buffers),
		cmocka_unit_test_setup_teardown(long_ones_too, eal_count_buffers, eal_has_buffers),
		cmocka_unit_test_setup_teardown(
			fragments_leave_buffers_to_others, eal_count_buffers, eal_has_buffers),
	};

	rng_seed_from_env();
	return cmocka_run_group_tests(tests, up, down);
}
