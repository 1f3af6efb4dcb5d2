// SPDX-License-Identifier: Apache-2.0
// What is left of a burst when its turn has no more time: it waits, stays in order and goes on, by
// a worker's turns over queues that bring frames of many flows. The seed is printed.

#include "eal.h"
#include "segment.h"

#include "../flowtable/world.h"
#include "dp_held.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define PORTS 3u
#define QUEUES (2 * PORTS) // two a port, more than may be held of
#define FLOWS 40u
#define LEN 60u

static_assert(QUEUES > DP_HELD, "not all can be held");

// A queue that brings frames, numbered flow by flow.
static struct queue {
	unsigned id, left, asked, most; // most: that it was asked for at once
	bool chains;                    // each frame has buffers behind it
	uint32_t brought[FLOWS], came_out[FLOWS];
} queue[QUEUES];

static struct dp_port in[PORTS], out;
static struct rte_eth_fp_ops in_io[PORTS], out_io;
static void *in_queue[PORTS][2], *out_queue;
static struct dp_tenant *tenant;
static uint64_t came_out, brought;

struct label {
	uint32_t queue, flow, number;
};

static struct rte_mbuf *frame_of(struct queue *q)
{
	struct label l = {.queue = q->id, .flow = below(FLOWS)};
	struct rte_mbuf *m = rte_pktmbuf_alloc(eal_dp.pool);
	uint8_t *b;

	assert_non_null(m);
	b = rte_pktmbuf_mtod(m, uint8_t *);
	m->data_len = LEN;
	m->pkt_len = LEN;
	l.number = q->brought[l.flow]++;
	memset(b, 0, LEN);
	memcpy(b, (uint8_t[]){2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 8, 0, 0x45, 0, 0, LEN - 14}, 18);
	b[22] = 64; // TTL
	b[23] = 17;
	b[26] = b[30] = 10;
	b[29] = (uint8_t)q->id;
	b[33] = (uint8_t)l.flow;
	b[39] = LEN - 34;
	memcpy(b + 42, &l, sizeof(l));
	if (q->chains)
		rte_pktmbuf_append(m, DP_MBUF_HEADERS);
	for (unsigned i = 0; q->chains && i < 3; i++) {
		struct rte_mbuf *more = rte_pktmbuf_alloc(eal_dp.pool);

		assert_non_null(more);
		rte_pktmbuf_append(more, 40);
		assert_int_equal(rte_pktmbuf_chain(m, more), 0);
	}
	brought++;
	return m;
}

static uint16_t brings(void *arg, struct rte_mbuf **m, uint16_t n)
{
	struct queue *q = arg;

	q->asked++;
	q->most = n;
	n = RTE_MIN(n, q->left);
	for (unsigned i = 0; i < n; i++)
		m[i] = frame_of(q);
	q->left -= n;
	return n;
}

static uint16_t takes(void *arg, struct rte_mbuf **m, uint16_t n)
{
	for (uint16_t i = 0; i < n; i++) {
		struct label l;

		memcpy(&l, rte_pktmbuf_mtod_offset(m[i], void *, 42), sizeof(l));
		assert_int_equal(l.number, queue[l.queue].came_out[l.flow]++);
		rte_pktmbuf_free(m[i]);
		came_out++;
	}
	return n;
}

static int up(void **state)
{
	struct weft_ipc_tenant cfg = {.name = "red",
		.encap = WEFT_ENCAP_VXLAN,
		.vni = 5000,
		.max_rules = 10,
		.max_fdb = 10};
	struct weft_flow_mod mod = flow_mod_of(WEFT_FLOW_ADD, 0, 1);
	struct pattern any = {0};
	struct program p = {0};
	struct weft_match match = pattern_match(&any);
	char why[100];

	if (eal_up(state))
		return -1;
	eal_with_tenants(1024, rng());
	assert_int_equal(dp_tenant_add(&eal_dp, 1, &cfg, why), WEFT_E_NONE);
	tenant = dp_tenant_find(&eal_dp, 1);
	out = eal_port;
	out.role = DP_LOCAL;
	out.ofport = 20;
	out.n_rxq = 0;
	out.tenant = tenant;
	out.io = &out_io;
	out_io = (struct rte_eth_fp_ops){.tx_pkt_burst = takes, .txq.data = &out_queue};
	eal_dp.ports.head = &out;
	for (unsigned i = 0; i < PORTS; i++) {
		in[i] = out;
		in[i].ofport = i + 1;
		in[i].n_rxq = 2;
		in[i].io = &in_io[i];
		in[i].index = (uint16_t)(out.index + 1 + i);
		in[i].next = eal_dp.ports.head;
		eal_dp.ports.head = &in[i];
		in_io[i] = (struct rte_eth_fp_ops){.rx_pkt_burst = brings, .rxq.data = in_queue[i]};
		in_queue[i][0] = &queue[2 * i];
		in_queue[i][1] = &queue[2 * i + 1];
	}
	assert_true(dp_tenant_map_ports(&eal_dp, tenant));
	ft_port_set(tenant->sw, &(struct ft_port){.ofport = 20, .live = true});
	program_add(&p, false, WEFT_ACTION_OUTPUT, 20);
	assert_int_equal(ft_flow_mod(tenant->sw, &mod, &match, &p.instr), WEFT_E_NONE);
	dp_tenants_refresh(&eal_dp);
	assert_true(dp_workers_spread(&eal_dp));
	dp_rcu_register(eal_dp.rcu, 0);
	return 0;
}

static int down(void **state)
{
	dp_rcu_unregister(eal_dp.rcu, 0);
	eal_dp.ports.head = NULL;
	return eal_down(state);
}

static unsigned a_turn(uint32_t span)
{
	struct dp_worker *w = eal_dp.worker[0];
	unsigned packets;

	w->pace.span = span;
	w->burst = DP_RX_BURST;
	return dp_worker_once(w, rte_rdtsc(), &packets);
}

static int begin(void **state)
{
	for (unsigned i = 0; i < QUEUES; i++)
		queue[i] = (struct queue){.id = i};
	came_out = brought = 0;
	for (unsigned i = 0; i < PORTS; i++)
		in[i].dev = eal_port.dev;
	a_turn(UINT32_MAX); // idle, after which all queues are asked
	for (unsigned i = 0; i < QUEUES; i++)
		queue[i].asked = 0;
	ft_switch_changed(tenant->sw);
	return eal_count_buffers(state);
}

// All that was brought has left, and is in the books.
static int end(void **state)
{
	struct weft_ipc_ledger l = ledger_of(tenant);
	static uint64_t before;

	assert_int_equal(came_out, brought);
	assert_int_equal(l.received - before, brought);
	assert_int_equal(l.cache_hits + l.cache_misses, l.received);
	assert_int_equal(dp_ledger_balance(&l), 0);
	assert_int_equal(eal_dp.worker[0]->held.n, 0);
	before = l.received;
	return eal_has_buffers(state);
}

static void turns_until_all_is_done(void)
{
	while (eal_dp.worker[0]->held.n)
		a_turn(UINT32_MAX);
}

static void flows_stay_in_order(void **state)
{
	struct dp_worker *w = eal_dp.worker[0];
	unsigned held = 0, full = 0;

	for (unsigned turn = 0; turn < 20000; turn++) {
		for (unsigned i = 0; i < QUEUES; i++)
			if (!below(8))
				queue[i].left += below(2 * DP_RX_BURST);
		in[below(PORTS)].dev = below(2) ? DP_NO_DEV : eal_port.dev;
		if (!below(6))
			ft_switch_changed(tenant->sw); // nothing is known any more
		if (!below(50))
			dp_rcu_begin(eal_dp.rcu);
		a_turn(below(3) ? below(20) * w->pace.fresh / 100 : 0);
		held += w->held.n > 0;
		full += w->held.n == DP_HELD;
	}
	assert_in_range(held, 1000, 19000);
	assert_in_range(full, 100, 10000);
	for (unsigned i = 0; i < QUEUES; i++)
		while (queue[i].left)
			a_turn(UINT32_MAX);
	turns_until_all_is_done();
}

static void other_queues_are_asked_meanwhile(void **state)
{
	struct dp_worker *w = eal_dp.worker[0];
	unsigned full = 0, less = 0, asked[QUEUES];

	for (unsigned i = 0; i < QUEUES; i++)
		queue[i].left = 1000;
	a_turn(0);
	assert_int_equal(w->held.n, DP_HELD);
	for (unsigned i = 0; i < QUEUES; i++) {
		assert_int_equal(queue[i].asked, 1);
		full += queue[i].most == DP_RX_BURST;
		less += queue[i].most == DP_PACE_FIRST;
		asked[i] = 1;
	}
	assert_int_equal(full, DP_HELD);
	assert_int_equal(less, QUEUES - DP_HELD);
	assert_int_equal(came_out, less * DP_PACE_FIRST);
	a_turn(0);
	assert_int_equal(w->held.n, DP_HELD);
	for (unsigned i = 0; i < QUEUES; i++)
		assert_int_equal(queue[i].asked, asked[i] + (queue[i].most != DP_RX_BURST));
	for (unsigned i = 0; i < QUEUES; i++)
		queue[i].left = 0;
	turns_until_all_is_done();
}

// Each turn does something of the oldest burst.
static void whoever_waits_goes_on(void **state)
{
	unsigned asked;

	queue[0].left = DP_RX_BURST;
	a_turn(0);
	asked = queue[0].asked;
	assert_int_equal(came_out, 0);
	for (unsigned turn = 0; came_out < DP_RX_BURST; turn++) {
		uint64_t before = came_out;

		ft_switch_changed(tenant->sw);
		assert_true(a_turn(0) > 0);
		assert_in_range(came_out - before, 1, DP_PACE_FIRST);
		assert_int_equal(queue[0].asked, asked + (came_out == DP_RX_BURST));
	}
	assert_int_equal(eal_dp.worker[0]->held.n, 0);
}

// However much comes, and nothing is ever known.
static void a_quiescent_state_comes(void **state)
{
	// It holds nothing anew, one packet a turn goes on, and then the counters are told, in a
	// few steps.
	unsigned most = DP_HELD_TURNS + DP_HELD * DP_RX_BURST + 4 * DP_LATE_TURNS;

	for (unsigned round = 0; round < 20; round++) {
		uint64_t begun;
		unsigned turns = 0;

		for (unsigned i = 0; i < QUEUES; i++)
			queue[i].left = 1000000;
		a_turn(0);
		begun = dp_rcu_begin(eal_dp.rcu);
		for (; !dp_rcu_ended(eal_dp.rcu, begun); turns++) {
			ft_switch_changed(tenant->sw);
			a_turn(0);
			assert_in_range(turns, 0, most);
		}
		assert_in_range(turns, DP_HELD_TURNS, UINT32_MAX); // not while anything was held
	}
	for (unsigned i = 0; i < QUEUES; i++)
		queue[i].left = 0;
	turns_until_all_is_done();
}

// Its queue is nobody's any more, but it still leads there.
static void a_port_that_goes_waits_for_its_packets(void **state)
{
	struct dp_port *gone = &in[PORTS - 1];
	uint64_t begun;

	queue[QUEUES - 1].left = 2 * DP_RX_BURST;
	a_turn(0);
	assert_int_equal(eal_dp.worker[0]->held.n, 1);
	gone->hidden = true;
	assert_true(dp_workers_spread(&eal_dp));
	begun = dp_rcu_begin(eal_dp.rcu);
	while (!dp_rcu_ended(eal_dp.rcu, begun)) {
		assert_in_range(came_out, 0, DP_RX_BURST);
		a_turn(0);
	}
	assert_int_equal(came_out, DP_RX_BURST);
	assert_int_equal(queue[QUEUES - 1].left, DP_RX_BURST);
	gone->hidden = false;
	assert_true(dp_workers_spread(&eal_dp));
	queue[QUEUES - 1].left = 0;
}

static void a_worker_that_ends_holds_nothing_back(void **state)
{
	for (unsigned i = 0; i < QUEUES; i++)
		queue[i].left = DP_RX_BURST;
	a_turn(0);
	assert_int_equal(eal_dp.worker[0]->held.n, DP_HELD);
	dp_held_finish(eal_dp.worker[0]);
	assert_int_equal(eal_dp.worker[0]->held.n, 0);
	for (unsigned i = 0; i < QUEUES; i++)
		queue[i].left = 0;
}

// What is asked of a device of ours is always a whole burst, for the kernel gives segments: what
// there is no room for goes on.
static void devices_of_ours_bring_whole_bursts(void **state)
{
	struct dp_worker *w = eal_dp.worker[0];

	for (unsigned i = 0; i < PORTS; i++)
		in[i].dev = DP_NO_DEV;
	for (unsigned i = 0; i < QUEUES; i++)
		queue[i].left = DP_RX_BURST;
	a_turn(0);
	assert_int_equal(w->held.n, DP_HELD);
	for (unsigned i = 0; i < QUEUES; i++)
		assert_int_equal(queue[i].left, 0);
	assert_int_equal(came_out, (QUEUES - DP_HELD) * DP_RX_BURST);
	turns_until_all_is_done();
}

static void what_has_very_many_buffers_goes_on(void **state)
{
	struct dp_worker *w = eal_dp.worker[0];

	for (unsigned n = 16; n <= DP_RX_BURST; n *= 2) {
		ft_switch_changed(tenant->sw);
		queue[0].chains = true;
		queue[0].left = n;
		a_turn(0);
		assert_int_equal(w->held.n, n <= DP_HELD_BUFFERS / 4);
		turns_until_all_is_done();
	}
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, begin, end)
	const struct CMUnitTest tests[] = {
		T(flows_stay_in_order),
		T(other_queues_are_asked_meanwhile),
		T(whoever_waits_goes_on),
		T(a_quiescent_state_comes),
		T(a_port_that_goes_waits_for_its_packets),
		T(a_worker_that_ends_holds_nothing_back),
		T(devices_of_ours_bring_whole_bursts),
		T(what_has_very_many_buffers_goes_on),
	};

	rng_seed_from_env();
	return cmocka_run_group_tests(tests, up, down);
}
