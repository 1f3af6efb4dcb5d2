// SPDX-License-Identifier: Apache-2.0
// How much a worker receives at once, and what it sends to many ports together.

#include "eal.h"

#include "flowtable/cache/commons.h"

#include "../rng.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

// Ports of many, whose devices note what they are given; the last one takes one frame in two calls.
#define PORTS 9u
struct noting {
	struct rte_eth_fp_ops io;
	void *queue;
	unsigned next; // number that its next frame must have, or a later one
	unsigned took, calls;
	bool lazy;
};

static uint16_t takes_notes(void *queue, struct rte_mbuf **m, uint16_t n)
{
	struct noting *d = queue;
	uint16_t takes = d->lazy && d->calls % 2 ? 0 : n;

	assert_in_range(n, 1, DP_TX_BURST);
	d->calls++;
	for (uint16_t i = 0; i < takes; i++) {
		unsigned number = *rte_pktmbuf_mtod(m[i], unsigned *);

		assert_true(number >= d->next);
		d->next = number + 1;
		rte_pktmbuf_free(m[i]);
	}
	d->took += takes;
	return takes;
}

// A queue that brings full bursts, each for another port; then nothing any more.
static struct {
	struct rte_eth_fp_ops io;
	void *queue;
	struct dp_port port, *peer;
	unsigned bursts, brought, number;
	uint64_t slow_ns; // that it takes to bring one
} source = {.queue = &source};

static uint16_t brings_bursts(void *queue, struct rte_mbuf **m, uint16_t n)
{
	uint64_t until = dp_now_ns() + source.slow_ns;

	if (source.brought == source.bursts)
		return 0;
	for (unsigned i = 0; i < n; i++) {
		m[i] = eal_frame(60, 60, 0);
		memcpy(rte_pktmbuf_mtod(m[i], void *), &source.number, sizeof(source.number));
		source.number++;
	}
	source.port.peer = &source.peer[source.brought++ % PORTS];
	while (dp_now_ns() < until)
		;
	return n;
}

static unsigned receive(bool spread, unsigned bursts, uint64_t slow_ns)
{
	struct dp_worker *w = eal_dp.worker[0];
	unsigned n;

	source.bursts = bursts;
	source.brought = 0;
	source.slow_ns = slow_ns;
	w->tx.spread = spread;
	n = dp_worker_receive(w, &source.port, 0, false);
	assert_int_equal(w->tx.n, 0); // nothing waits for the next turn
	return n;
}

static void devices_take_notes(struct noting device[PORTS], struct dp_port port[PORTS])
{
	for (unsigned i = 0; i < PORTS; i++) {
		device[i] = (struct noting){.queue = &device[i]};
		device[i].io.tx_pkt_burst = takes_notes;
		device[i].io.txq.data = &device[i].queue;
		port[i] = eal_port;
		port[i].io = &device[i].io;
		port[i].index = (uint16_t)i;
	}
}

// Whose latest frames went to many ports: whole bursts until the queue has no more, the list is
// full or time is over.
static void bursts_for_many_ports_are_gathered(void **state)
{
	static struct noting device[PORTS];
	struct dp_port port[PORTS];
	unsigned all = DP_TX_LIST / DP_RX_BURST, ever = 1000000;

	devices_take_notes(device, port);
	source.port = eal_port;
	source.port.role = DP_KERNEL;
	source.port.dev = DP_NO_DEV;
	source.port.io = &source.io;
	source.peer = port;
	source.io.rx_pkt_burst = brings_bursts;
	source.io.rxq.data = &source.queue;
	assert_int_equal(receive(false, ever, 0), DP_RX_BURST);
	assert_int_equal(receive(true, 2, 0), 2 * DP_RX_BURST);
	assert_in_range(receive(true, ever, 0), 1, all * DP_RX_BURST);
	assert_int_equal(receive(true, ever, 10 * DP_GATHER_NS), 2 * DP_RX_BURST);
	assert_int_equal(receive(true, 0, 0), 0);
}

// From a device of DPDK's: what the kernel gave as one stays together.
static void a_worker_that_was_away_begins_with_less(void **state)
{
	static struct noting device[PORTS];
	struct dp_worker *w = eal_dp.worker[0];
	struct dp_port port[PORTS];
	unsigned packets;

	devices_take_notes(device, port);
	source.port = eal_port;
	source.port.role = DP_KERNEL;
	source.port.io = &source.io;
	source.peer = port;
	source.io.rx_pkt_burst = brings_bursts;
	source.io.rxq.data = &source.queue;
	assert_int_equal(receive(false, 1000, 0), DP_RX_BURST);
	dp_worker_was_away(w);
	for (unsigned n = DP_RX_BURST_LATE; n < 2 * DP_RX_BURST; n *= 2) {
		assert_int_equal(receive(false, 1000, 0), n);
		dp_worker_once(w, rte_rdtsc(), &packets);
		assert_int_equal(packets, 0);
	}
	assert_int_equal(receive(false, 1000, 0), DP_RX_BURST);
	dp_worker_was_away(w);
	source.port.dev = DP_NO_DEV;
	assert_int_equal(receive(false, 1000, 0), DP_RX_BURST);
	w->burst = DP_RX_BURST;
}

// A quarter of one, or half if they change again and again, for then no burst would be a whole one.
static void a_worker_that_meets_changes_takes_less(void **state)
{
	static const bool changed[] = {true, false, false, true, true, true, false, false};
	static const unsigned burst[] = {16, 32, 64, 16, 32, 32, 64, 64};
	struct dp_worker *w = eal_dp.worker[0];
	unsigned packets;

	eal_dp.env.commons = ft_commons_new(1);
	for (unsigned i = 0; i < sizeof(burst) / sizeof(burst[0]); i++) {
		if (changed[i])
			ft_commons_change(eal_dp.env.commons);
		dp_worker_once(w, rte_rdtsc(), &packets);
		assert_int_equal(w->burst, RTE_MIN(2 * burst[i], DP_RX_BURST)); // and in the next
	}
	ft_commons_free(eal_dp.env.commons);
	eal_dp.env.commons = NULL;
}

static void a_burst_for_many_ports_goes_out_port_by_port(void **state)
{
	static struct noting device[PORTS];
	struct dp_worker *w = eal_dp.worker[0];
	struct dp_port port[PORTS];
	unsigned given[PORTS] = {0}, took = 0;
	struct weft_ipc_ledger l;

	devices_take_notes(device, port);
	device[PORTS - 1].lazy = true;
	for (unsigned i = 0; i < PORTS; i++) {
		port[i].index = (uint16_t)(100 * i);
		port[i].role = i % 2 ? DP_LOCAL : DP_UPLINK;
		w->port_drops[port[i].index] = 0;
	}
	for (unsigned number = 0, left = 0; number < 20000; number++) {
		unsigned to = rng() % (1 + number / 1000 % PORTS);
		struct rte_mbuf *m = eal_frame(60, 60, 0);

		memcpy(rte_pktmbuf_mtod(m, void *), &number, sizeof(number));
		dp_count(&eal_dp.nobody->counters[0].received, 1);
		dp_tx(w, eal_dp.nobody, m, &port[to]);
		given[to]++;
		if (left--)
			continue;
		dp_tx_flush(w);
		left = rng() % (number % 7 ? 40 : 700);
	}
	dp_tx_flush(w);
	for (unsigned i = 0; i < PORTS; i++) {
		assert_int_equal(device[i].took + w->port_drops[port[i].index], given[i]);
		took += device[i].took;
	}
	l = ledger_of(eal_dp.nobody);
	assert_int_equal(l.sent, took);
	assert_int_equal(l.drops[WEFT_DROP_TX_FULL], 20000 - took);
	assert_int_equal(dp_ledger_balance(&l), 0);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, eal_count_all, eal_has_buffers_and_wire)
	const struct CMUnitTest tests[] = {
		T(bursts_for_many_ports_are_gathered),
		T(a_worker_that_was_away_begins_with_less),
		T(a_worker_that_meets_changes_takes_less),
		T(a_burst_for_many_ports_goes_out_port_by_port),
	};

	rng_seed_from_env();
	return cmocka_run_group_tests(tests, eal_up, eal_down);
}
