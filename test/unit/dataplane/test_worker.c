// SPDX-License-Identifier: Apache-2.0
// A worker's pieces on a device of rings: buffers, sending, dropping, uplink traffic; no packet
// buffer is lost by any of it. (Bursts: test_bursts.c.)

#include "eal.h"

#include "ports/dp_null.h"
#include "tenants/dp_storm.h"

#include "../rng.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void segments_are_cut(void **state)
{
	for (unsigned i = 0; i < 500; i++) {
		uint32_t len = 1 + rng() % 3000, piece = 10 + rng() % 700, keep;
		struct rte_mbuf *m = eal_frame(len, piece, (uint8_t)i);

		keep = 1 + rng() % len;
		m->pkt_len = keep;
		dp_mbuf_cut(m);
		assert_true(eal_frame_is(m, keep, (uint8_t)i));
		assert_int_equal(m->nb_segs, (keep + piece - 1) / piece);
		rte_mbuf_sanity_check(m, 1);
		rte_pktmbuf_free(m);
	}
}

static void segments_become_one(void **state)
{
	struct rte_mbuf *m = eal_frame(1500, 100, 3);

	m = dp_mbuf_flatten(m, eal_dp.pool);
	assert_non_null(m);
	assert_int_equal(m->nb_segs, 1);
	assert_true(eal_frame_is(m, 1500, 3));
	m = dp_mbuf_with_headroom(m, eal_dp.pool, 400);
	assert_non_null(m);
	assert_int_equal(rte_pktmbuf_headroom(m), 400);
	assert_true(eal_frame_is(m, 1500, 3));
	rte_pktmbuf_free(m);
	m = eal_frame(3000, 1000, 3); // too long for one buffer: stays as it was
	assert_null(dp_mbuf_flatten(m, eal_dp.pool));
	assert_true(eal_frame_is(m, 3000, 3));
	rte_pktmbuf_free(m);
}

static void what_the_device_does_not_take_is_dropped(void **state)
{
	struct dp_worker *w = eal_dp.worker[0];
	struct weft_ipc_ledger l;

	for (unsigned i = 0; i < 200; i++) {
		dp_count(&eal_dp.nobody->counters[0].received, 1);
		dp_tx(w, eal_dp.nobody, eal_frame(60, 60, 0), &eal_port);
	}
	dp_tx_flush(w);
	l = ledger_of(eal_dp.nobody);
	assert_int_equal(l.sent, EAL_WIRE_SIZE - 1);
	assert_int_equal(l.drops[WEFT_DROP_TX_FULL], 200 - l.sent);
	assert_int_equal(w->port_drops[eal_port.dev], 200 - l.sent);
	assert_int_equal(dp_ledger_balance(&l), 0);
	assert_int_equal(rte_ring_count(eal_wire), l.sent);
}

static void frames_are_sent_in_order(void **state)
{
	struct rte_mbuf *m = NULL;

	for (unsigned i = 0; i < 40; i++)
		dp_tx(eal_dp.worker[0], eal_dp.nobody, eal_frame(60, 60, (uint8_t)i), &eal_port);
	assert_int_equal(rte_ring_count(eal_wire), 0); // they wait for the end of the burst
	dp_tx_flush(eal_dp.worker[0]);
	for (unsigned i = 0; i < 40; i++) {
		assert_int_equal(rte_ring_dequeue(eal_wire, (void **)&m), 0);
		assert_true(eal_frame_is(m, 60, (uint8_t)i));
		rte_pktmbuf_free(m);
	}
}

// One of all kinds: in one segment or more, held by another, too (told by `held`), of `other`.
static struct rte_mbuf *any_frame(struct rte_mempool *other, struct rte_mbuf **held)
{
	unsigned kind = rng() % 8;
	struct rte_mbuf *m =
		kind == 1 ? rte_pktmbuf_alloc(other) : eal_frame(60, kind ? 60 : 20, 0);

	assert_non_null(m);
	*held = kind == 2 ? m : NULL;
	rte_mbuf_refcnt_update(m, kind == 2);
	return m;
}

static void a_null_port_gives_back_all_buffers(void **state)
{
	struct rte_mempool *other = rte_pktmbuf_pool_create("other", 255, 0, 0, 512, SOCKET_ID_ANY);
	struct dp_null *d = dp_null_open(1, 0, eal_dp.pool);
	const struct rte_eth_fp_ops *io = dp_null_io(d);
	struct rte_mbuf *m[DP_TX_BURST], *held[DP_TX_BURST];
	struct weft_port_stats stats = {0};
	uint64_t sent = 0;

	for (unsigned round = 0; round < 1000; round++) {
		uint16_t n = (uint16_t)(rng() % (round % 4 ? 5 : DP_TX_BURST + 1));

		for (unsigned i = 0; i < n; i++)
			m[i] = any_frame(other, &held[i]);
		assert_int_equal(io->tx_pkt_burst(io->txq.data[0], m, n), n);
		for (unsigned i = 0; i < n; i++) {
			assert_true(!held[i] || rte_mbuf_refcnt_read(held[i]) == 1);
			rte_pktmbuf_free(held[i]);
		}
		assert_int_equal(rte_mempool_avail_count(other), 255);
		sent += n;
	}
	dp_null_stats(d, &stats);
	assert_int_equal(stats.tx_packets, sent);
	dp_null_close(d);
	rte_mempool_free(other);
}

static struct ft_packet *received(struct dp_worker *w, uint32_t len)
{
	struct ft_packet *p = &w->rx[0];

	memset(p, 0, sizeof(*p));
	dp_packet_from_mbuf(&p->pkt, eal_frame(len, len, 0));
	dp_count(&eal_dp.nobody->counters[0].received, 1);
	w->copies[0] = 0;
	w->sink.tenant = eal_dp.nobody;
	return p;
}

static void segments_are_joined_for_a_device_that_knows_none(void **state)
{
	struct dp_port port = eal_port;
	struct rte_mbuf *m = NULL;

	port.one_segment = true;
	dp_tx(eal_dp.worker[0], eal_dp.nobody, eal_frame(1500, 400, 5), &port);
	dp_tx(eal_dp.worker[0], eal_dp.nobody, eal_frame(3000, 1000, 5), &port);
	dp_tx_flush(eal_dp.worker[0]);
	assert_int_equal(rte_ring_count(eal_wire), 1);
	rte_ring_dequeue(eal_wire, (void **)&m);
	assert_int_equal(m->nb_segs, 1);
	assert_true(eal_frame_is(m, 1500, 5));
	rte_pktmbuf_free(m);
	assert_int_equal(ledger_of(eal_dp.nobody).drops[WEFT_DROP_NO_BUFFER], 1);
}

// A tag or two are beyond the MTU; a tower of them is payload.
static void tags_are_not_counted_without_end(void **state)
{
	struct dp_worker *w = eal_dp.worker[0];
	struct dp_portmap *none = eal_dp.nobody->ports;

	eal_dp.nobody->ports = dp_portmap_new(1);
	dp_portmap_put(eal_dp.nobody->ports, 7, &eal_port);
	for (unsigned tags = 0; tags < 20; tags++) {
		struct ft_packet *p = received(w, 1514 + 4 * tags);

		for (unsigned i = 0; i <= tags; i++)
			memcpy(p->pkt.data + 12 + 4 * i, i < tags ? "\x81\0\0\x1" : "\x8\0\0\0", 4);
		w->sink.ft.output(&w->sink.ft, p, 7, 0);
	}
	dp_tx_flush(w);
	free(eal_dp.nobody->ports);
	eal_dp.nobody->ports = none;
	assert_int_equal(ledger_of(eal_dp.nobody).sent, 3);
	assert_int_equal(ledger_of(eal_dp.nobody).drops[WEFT_DROP_TOO_BIG], 17);
}

static void frames_come_through_the_inbox(void **state)
{
	struct dp_worker *w = eal_dp.worker[0];
	struct weft_ipc_ledger l;

	for (unsigned i = 0; i < 10; i++) {
		struct rte_mbuf *m = eal_frame(60, 60, 0);

		*dp_meta(m) = (struct dp_meta){.tenant = eal_dp.nobody, .port = &eal_port};
		dp_count(&eal_dp.nobody->counters[1].received, 1);
		dp_count(&eal_dp.nobody->counters[1].queued, 1);
		rte_ring_mp_enqueue(w->inbox, m);
	}
	l = ledger_of(eal_dp.nobody);
	assert_int_equal(l.in_flight, 10);
	assert_int_equal(dp_ledger_balance(&l), 0);
	dp_tx_inbox(w);
	dp_tx_flush(w);
	l = ledger_of(eal_dp.nobody);
	assert_int_equal(l.in_flight, 0);
	assert_int_equal(l.sent, 10);
	assert_int_equal(dp_ledger_balance(&l), 0);
}

static void into_the_inbox(struct dp_worker *w, struct rte_mbuf *m)
{
	*dp_meta(m) = (struct dp_meta){.tenant = eal_dp.nobody, .port = &eal_port};
	rte_ring_mp_enqueue(w->inbox, m);
}

// Stands for another worker that is faster than the device: whenever frames go out, as many are in
// the inbox again.
static unsigned came;
static uint16_t comes_again(void *queue, struct rte_mbuf **m, uint16_t n)
{
	for (uint16_t i = 0; i < n && ++came < 10000; i++)
		into_the_inbox(eal_dp.worker[0], eal_frame(60, 60, 0));
	return rte_eth_fp_ops[eal_port.dev].tx_pkt_burst(queue, m, n);
}

static void an_inbox_that_fills_up_again_does_not_hold_the_worker(void **state)
{
	struct dp_worker *w = eal_dp.worker[0];
	struct rte_eth_fp_ops faster = *eal_port.io;

	came = 0;
	faster.tx_pkt_burst = comes_again;
	eal_port.io = &faster;
	for (unsigned i = 0; i < 2 * DP_TX_BURST; i++)
		into_the_inbox(w, eal_frame(60, 60, 0));
	dp_tx_inbox(w);
	dp_tx_flush(w);
	eal_port.io = &rte_eth_fp_ops[eal_port.dev];
	assert_int_equal(came, 2 * DP_TX_BURST);
	dp_tx_inbox(w); // what came meanwhile
	dp_tx_flush(w);
	assert_true(rte_ring_empty(w->inbox));
}

static void bad_frames_are_named(void **state)
{
	struct dp_worker *w = eal_dp.worker[0];
	struct dp_port uplink = eal_port;
	struct rte_mbuf *m[2] = {eal_frame(13, 60, 0), eal_frame(60, 60, 0)};
	struct weft_ipc_ledger l;

	uplink.role = DP_UPLINK;
	eal_dp.vtep = &(struct overlay_vtep){.vxlan_port = 4789};
	dp_rx_burst(w, &uplink, m, 2);
	l = ledger_of(eal_dp.nobody);
	assert_int_equal(l.received, 2);
	assert_int_equal(l.drops[WEFT_DROP_RX_TRUNCATED], 1);
	assert_int_equal(l.drops[WEFT_DROP_NOT_OURS], 1); // no kernel behind this uplink
	assert_int_equal(dp_ledger_balance(&l), 0);
}

static void foreign_frames_reach_the_kernel(void **state)
{
	struct dp_worker *w = eal_dp.worker[0];
	struct dp_port uplink = eal_port, kernel = eal_port;
	struct rte_mbuf *m[1] = {eal_frame(60, 60, 7)};
	struct weft_ipc_ledger l;

	uplink.role = DP_UPLINK;
	uplink.peer = &kernel;
	kernel.role = DP_KERNEL;
	kernel.peer = &uplink;
	eal_dp.vtep = &(struct overlay_vtep){.vxlan_port = 4789};
	dp_rx_burst(w, &uplink, m, 1);
	dp_tx_flush(w);
	assert_int_equal(rte_ring_count(eal_wire), 1);
	m[0] = eal_frame(60, 60, 8);
	dp_rx_burst(w, &kernel, m, 1);
	dp_tx_flush(w);
	assert_int_equal(rte_ring_count(eal_wire), 2);
	uplink.peer = NULL;
	uplink.kernel_copy = true;
	m[0] = eal_frame(60, 60, 9);
	dp_rx_burst(w, &uplink, m, 1);
	l = ledger_of(eal_dp.nobody);
	assert_int_equal(l.consumed[WEFT_CONSUMED_KERNEL], 1);
	assert_int_equal(l.sent, 2);
	assert_int_equal(dp_ledger_balance(&l), 0);
}

// As many groups and floods as there may be: copies of a packet, and copies of those, count as one
// packet's.
static void copies_of_a_packet_have_an_end(void **state)
{
	struct dp_worker *w = eal_dp.worker[0];
	struct ft_sink *sink = &w->sink.ft;
	struct ft_packet *p = received(w, 60), *clone, *again;
	struct weft_ipc_ledger l;

	for (unsigned i = 0; i < DP_COPIES / 2; i++) {
		clone = sink->clone(sink, p);
		again = sink->clone(sink, clone);
		assert_true(clone && again);
		sink->output(sink, again, 7, 0); // no such port: dropped
		sink->output(sink, clone, 7, 0);
	}
	clone = sink->clone(sink, p);
	assert_null(clone);
	sink->output(sink, p, 7, FT_KEEP);
	sink->drop(sink, p, WEFT_DROP_RULE);
	l = ledger_of(eal_dp.nobody);
	assert_int_equal(l.copies, DP_COPIES + 2);
	assert_int_equal(l.drops[WEFT_DROP_NO_PORT], DP_COPIES);
	assert_int_equal(l.drops[WEFT_DROP_COPIES], 2);
	assert_int_equal(dp_ledger_balance(&l), 0);
	p = received(w, 60); // the next one has its own
	clone = sink->clone(sink, p);
	assert_non_null(clone);
	sink->drop(sink, clone, WEFT_DROP_RULE);
	sink->drop(sink, p, WEFT_DROP_RULE);
}

static void a_tenant_cannot_keep_others_from_learning(void **state)
{
	struct dp_worker *w = eal_dp.worker[0];
	static struct dp_tenant *other; // the leak checker finds it here
	struct ft_packet *p = received(w, 60);
	unsigned before;

	other = dp_tenant_nobody(&eal_dp);
	w->now_ns = dp_now_ns();
	for (unsigned i = 0; i < 2 * DP_EVENTS_SIZE; i++) {
		memcpy(p->key.eth_src.b, &i, 4);
		w->sink.ft.learn(&w->sink.ft, p);
	}
	before = rte_ring_count(w->events);
	assert_in_range(before, DP_LEARN_BURST, DP_EVENTS_SIZE / 4);
	w->sink.tenant = other;
	w->sink.ft.learn(&w->sink.ft, p);
	assert_int_equal(rte_ring_count(w->events), before + 1);
	w->sink.ft.drop(&w->sink.ft, p, WEFT_DROP_RULE);
	rte_ring_reset(w->events);
}

static struct rte_mbuf *frame_to(uint8_t first)
{
	struct rte_mbuf *m = eal_frame(60, 60, 0);

	memset(rte_pktmbuf_mtod(m, void *), first, 6);
	memset(rte_pktmbuf_mtod_offset(m, void *, 12), 0, 2);
	return m;
}

// Ten seconds at a hundred frames a second against limits of 20 and 30.
static void storms_are_limited_by_kind(void **state)
{
	struct dp_worker *w = eal_dp.worker[0];
	struct weft_port_limits limits = {.storm = {20, 30, 0}};
	struct dp_port port = eal_port;
	unsigned passed[2] = {0, 0};
	struct weft_ipc_ledger l;

	assert_int_equal(dp_storm_set(&eal_dp, &port, &limits), WEFT_E_NONE);
	assert_true(dp_storm_is_limited(&port));
	for (unsigned i = 0; i < 1000; i++) {
		struct rte_mbuf *m[3] = {frame_to(0xff), frame_to(0x33), frame_to(0x02)};

		w->now_ns = 1000000000ull + i * 10000000ull;
		for (unsigned n = dp_storm_admit(w, &port, m, 3); n; n--) {
			uint8_t first = *rte_pktmbuf_mtod(m[n - 1], uint8_t *);

			passed[0] += first == 0xff;
			passed[1] += first == 0x33;
			rte_pktmbuf_free(m[n - 1]);
		}
	}
	// What 9.99 seconds bring, and the first second's worth.
	assert_in_range(passed[0], 218, 220);
	assert_in_range(passed[1], 328, 330);
	l = ledger_of(eal_dp.nobody);
	assert_int_equal(l.drops[WEFT_DROP_STORM_BROADCAST], 1000 - passed[0]);
	assert_int_equal(l.drops[WEFT_DROP_STORM_MULTICAST], 1000 - passed[1]);
	assert_int_equal(l.drops[WEFT_DROP_STORM_UNKNOWN], 0);
	assert_int_equal(dp_ledger_balance(&l), 0);
	assert_int_equal(dp_storm_set(&eal_dp, &port, &(struct weft_port_limits){0}), 0);
	assert_false(dp_storm_is_limited(&port));
	free(port.storm);
}

static void drops_are_noted_with_their_port(void **state)
{
	struct weft_ipc_drop_rule notes[DP_DROP_NOTES];
	struct dp_drops *d = &eal_dp.worker[0]->drops;
	uint64_t packets = 0;
	unsigned n;

	memset(d->note, 0, sizeof(d->note));
	for (unsigned i = 0; i < 1000; i++)
		dp_drop(d, eal_dp.nobody, NULL, i % 7, &(struct dp_cause){.in_port = i % 5});
	n = dp_drop_notes(d, 0, dp_now_ns(), notes, DP_DROP_NOTES);
	assert_in_range(n, 1, 35);
	for (unsigned i = 0; i < n; i++) {
		assert_true(notes[i].reason < 7 && notes[i].in_port < 5 && !notes[i].has_rule);
		packets += notes[i].packets;
	}
	assert_true(packets <= 1000);
	assert_int_equal(dp_drop_notes(d, 5, dp_now_ns(), notes, DP_DROP_NOTES), 0);
}

// Whatever one of many tenants drops.
static void drops_of_many_tenants_are_noted(void **state)
{
	struct weft_ipc_drop_rule notes[DP_DROP_NOTES];
	struct dp_drops *d = &eal_dp.worker[0]->drops;
	struct dp_tenant *t = eal_dp.nobody;
	unsigned noted = 0;

	memset(d->note, 0, sizeof(d->note));
	for (t->id = 1; t->id <= 100; t->id++)
		dp_drop(d, t, NULL, WEFT_DROP_TABLE_MISS, &(struct dp_cause){.in_port = 1});
	for (unsigned id = 1; id <= 100; id++)
		noted += dp_drop_notes(d, id, dp_now_ns(), notes, DP_DROP_NOTES);
	t->id = 0;
	assert_in_range(noted, 60, 100); // of 256 places
}

// What is nobody's may say that it is of any network, and from anywhere.
static void strangers_have_one_note(void **state)
{
	struct weft_ipc_drop_rule notes[DP_DROP_NOTES];
	struct dp_drops *d = &eal_dp.worker[0]->drops;
	struct dp_origin from = {.encap = WEFT_ENCAP_NVGRE};

	memset(d->note, 0, sizeof(d->note));
	for (uint32_t i = 1; i <= 1000; i++) {
		from.vtep = weft_ip_from_v4(htonl(i));
		from.network = 5000 + i;
		dp_drop_from(d, eal_dp.nobody, NULL, WEFT_DROP_UNKNOWN_VNI,
			&(struct dp_cause){.in_port = 0}, &from);
	}
	assert_int_equal(dp_drop_notes(d, 0, dp_now_ns(), notes, DP_DROP_NOTES), 1);
	assert_int_equal(notes[0].packets, 1000);
	assert_int_equal(notes[0].network, 6000); // the latest
	assert_int_equal(notes[0].encap, WEFT_ENCAP_NVGRE);
	assert_true(weft_ip_equal(&notes[0].vtep, &from.vtep));
	assert_int_equal(ledger_of(eal_dp.nobody).drops[WEFT_DROP_UNKNOWN_VNI], 1000);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, eal_count_all, eal_has_buffers_and_wire)
	const struct CMUnitTest tests[] = {
		T(segments_are_cut),
		T(segments_become_one),
		T(what_the_device_does_not_take_is_dropped),
		T(frames_are_sent_in_order),
		T(a_null_port_gives_back_all_buffers),
		T(segments_are_joined_for_a_device_that_knows_none),
		T(tags_are_not_counted_without_end),
		T(frames_come_through_the_inbox),
		T(an_inbox_that_fills_up_again_does_not_hold_the_worker),
		T(bad_frames_are_named),
		T(foreign_frames_reach_the_kernel),
		T(copies_of_a_packet_have_an_end),
		T(a_tenant_cannot_keep_others_from_learning),
		T(storms_are_limited_by_kind),
		T(drops_are_noted_with_their_port),
		T(drops_of_many_tenants_are_noted),
		T(strangers_have_one_note),
	};

	rng_seed_from_env();
	return cmocka_run_group_tests(tests, eal_up, eal_down);
}
