// SPDX-License-Identifier: Apache-2.0
// What stands around the vhost library's burst functions, around those of a device of rings: big
// segments that come in as the driver gives them are cut as the oracle says, and what is sent is
// joined to what it was. The seed is printed; no packet buffer is lost.

#include "ports/dp_vhost.h"

#include "eal.h"
#include "segment.h"

#include <linux/virtio_net.h>
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define TAKES_BOTH                                                                                 \
	(1ull << VIRTIO_NET_F_GUEST_CSUM | 1ull << VIRTIO_NET_F_GUEST_TSO4 |                       \
		1ull << VIRTIO_NET_F_GUEST_TSO6)
#define PIECE 2048u

#define WAITING 256u // buffers that may wait

static struct dp_vhost *vhost;
static struct seg big, want, got;

static uint16_t from_wire(
	void *port, unsigned queue, struct rte_mempool *pool, struct rte_mbuf **m, uint16_t n)
{
	return rte_eth_rx_burst(((const struct dp_port *)port)->dev, (uint16_t)queue, m, n);
}

static uint16_t to_wire(void *port, unsigned queue, struct rte_mbuf **m, uint16_t n)
{
	return rte_eth_tx_burst(((const struct dp_port *)port)->dev, (uint16_t)queue, m, n);
}

static struct dp_vhost *open_vhost(unsigned workers)
{
	return dp_vhost_open(&(struct dp_vhost_conf){
		.queues = 1,
		.pool = eal_dp.pool,
		.max_frame = eal_dp.opt.max_frame,
		.workers = workers,
		.waiting = WAITING,
		.wire = {&eal_port, from_wire, to_wire},
	});
}

static int up(void **state)
{
	if (eal_up(state))
		return -1;
	vhost = open_vhost(1);
	if (!vhost)
		return -1;
	eal_port.io = dp_vhost_io(vhost);
	return 0;
}

static int down(void **state)
{
	rte_eth_dev_stop(eal_port.dev);
	dp_vhost_close(vhost);
	return eal_down(state);
}

static int before(void **state)
{
	dp_vhost_told(vhost, TAKES_BOTH);
	return eal_count_buffers(state);
}

// As the vhost library gives it: in as many buffers as it needs.
static struct rte_mbuf *chain(const struct seg *s)
{
	struct rte_mbuf *head = NULL;

	for (uint32_t at = 0; at < s->len; at += PIECE) {
		struct rte_mbuf *m = rte_pktmbuf_alloc(eal_dp.pool);
		uint16_t n = (uint16_t)RTE_MIN(PIECE, s->len - at);

		memcpy(rte_pktmbuf_append(m, n), s->b + at, n);
		if (head)
			rte_pktmbuf_chain(head, m);
		else
			head = m;
	}
	return head;
}

static void arrives(const struct seg *s, uint64_t flags, uint32_t mss)
{
	struct rte_mbuf *m = chain(s);

	m->ol_flags = flags;
	m->tso_segsz = (uint16_t)mss;
	m->packet_type = s->v6 ? RTE_PTYPE_L3_IPV6 : RTE_PTYPE_L3_IPV4;
	assert_int_equal(rte_ring_enqueue(eal_wire, m), 0);
}

static void assert_frame(const struct rte_mbuf *m, const struct seg *s)
{
	assert_int_equal(m->nb_segs, 1);
	assert_int_equal(m->pkt_len, s->len);
	assert_int_equal(m->data_len, s->len);
	assert_memory_equal(rte_pktmbuf_mtod(m, void *), s->b, s->len);
}

// All that there is, at most `most` in a burst.
static unsigned receive(struct rte_mbuf **m, unsigned most)
{
	unsigned n = 0, k;

	while ((k = dp_port_rx(&eal_port, 0, m + n, (uint16_t)most)))
		n += k;
	return n;
}

// A segment that cutting and joining leave as it is.
static void make_big(bool v6, uint32_t mss, uint32_t payload)
{
	make(&big, v6, below(3), below(11), payload);
	big.b[big.l4 + 13] |= (uint8_t)(below(2) << 3);
	finish(&big);
}

// What virtio wants of a joined segment: the headers with the pseudo header's sum, and in two
// pieces, or the vhost library would write another.
static void assert_joined(struct rte_mbuf *m, uint32_t mss)
{
	uint32_t heads = m->l2_len + m->l3_len + m->l4_len;
	struct virtio_net_hdr h;
	const void *at;

	assert_int_equal(m->pkt_len, big.len);
	assert_int_equal(m->tso_segsz, mss);
	assert_int_equal(m->l2_len, big.l3);
	assert_int_equal(heads, big.data);
	assert_true(m->data_len < heads);
	assert_int_equal(m->ol_flags,
		RTE_MBUF_F_TX_TCP_SEG | (big.v6 ? RTE_MBUF_F_TX_IPV6 : RTE_MBUF_F_TX_IPV4));
	rte_mbuf_sanity_check(m, 1);
	at = rte_pktmbuf_read(m, 0, m->pkt_len, got.b);
	assert_ptr_equal(at, got.b);
	h = header(&big, mss);
	h.gso_type = 0;
	assert_true(dp_gso_csum(&h, got.b, big.len)); // the machine's part
	assert_memory_equal(got.b, big.b, big.len);
}

static void cut_and_joined(void **state)
{
	for (unsigned round = 0; round < 100; round++) {
		uint32_t mss = 500 + below(1400), k = 2 + below(30);
		uint32_t payload = mss * (k - 1) + 1 + below(mss);
		struct rte_mbuf *m[DP_TX_BURST];

		make_big(below(2), mss, RTE_MIN(payload, 65000u));
		k = (big.len - big.data + mss - 1) / mss;
		arrives(&big, RTE_MBUF_F_RX_LRO | RTE_MBUF_F_RX_L4_CKSUM_NONE, mss);
		assert_int_equal(receive(m, 1 + below(32)), k);
		for (unsigned i = 0; i < k; i++) {
			slow_cut(&big, mss, i, &want);
			assert_frame(m[i], &want);
		}
		assert_int_equal(dp_port_tx(&eal_port, 0, m, (uint16_t)k), k);
		assert_int_equal(rte_ring_dequeue(eal_wire, (void **)&m[0]), 0);
		assert_true(rte_ring_empty(eal_wire));
		assert_joined(m[0], mss);
		rte_pktmbuf_free(m[0]);
	}
}

// Two segments, something between, a burst that ends in the middle.
static void one_after_the_other(void **state)
{
	struct rte_mbuf *m[DP_TX_BURST];

	make_big(false, 1000, 4500);
	arrives(&big, RTE_MBUF_F_RX_LRO | RTE_MBUF_F_RX_L4_CKSUM_NONE, 1000);
	rte_ring_enqueue(eal_wire, eal_frame(60, 60, 7));
	arrives(&big, RTE_MBUF_F_RX_LRO | RTE_MBUF_F_RX_L4_CKSUM_NONE, 1000);
	assert_int_equal(receive(m, 4), 11);
	assert_true(eal_frame_is(m[5], 60, 7));
	for (unsigned i = 0; i < 11; i++) {
		slow_cut(&big, 1000, i % 6, &want);
		if (i != 5)
			assert_frame(m[i], &want);
		rte_pktmbuf_free(m[i]);
	}
}

static void a_checksum_left_open(void **state)
{
	struct rte_mbuf *m;

	make(&big, true, 1, 0, 700);
	finish(&big);
	want = big;
	overlay_put16(big.b + big.l4 + 16,
		slow_sum(big.b + big.l3 + 8, 32, big.len - big.l4 + 6)); // the pseudo header's
	arrives(&big, RTE_MBUF_F_RX_L4_CKSUM_NONE, 0);
	assert_int_equal(receive(&m, 1), 1);
	assert_frame(m, &want);
	rte_pktmbuf_free(m);
}

// What says that it is to be cut, and is not TCP or has segments longer than a buffer.
static void what_cannot_be_cut(void **state)
{
	struct weft_port_stats before = {0}, s = {0};
	struct rte_mbuf *m[DP_RX_BURST];

	dp_vhost_stats(vhost, &before);
	make(&big, false, 0, 0, 5000);
	big.b[big.l3 + 9] = 17;
	arrives(&big, RTE_MBUF_F_RX_LRO, 1000);
	make(&big, false, 0, 0, 5000);
	arrives(&big, RTE_MBUF_F_RX_LRO, 4000);
	arrives(&big, RTE_MBUF_F_RX_LRO, 0);
	assert_int_equal(receive(m, DP_RX_BURST), 0);
	dp_vhost_stats(vhost, &s);
	assert_int_equal(s.rx_dropped - before.rx_dropped, 3);
}

// `n` frames that could be one.
static void frames_of_one(struct rte_mbuf **m, unsigned n, bool v6)
{
	make_big(v6, 1000, n * 1000 - 1);
	for (unsigned i = 0; i < n; i++) {
		slow_cut(&big, 1000, i, &want);
		m[i] = chain(&want);
	}
}

// A machine that takes one of the two versions, or does without checksums, gets what it takes.
static void only_what_is_taken(void **state)
{
	static const uint64_t csum = 1ull << VIRTIO_NET_F_GUEST_CSUM;
	const uint64_t says[] = {0, csum, TAKES_BOTH & ~csum,
		csum | 1ull << VIRTIO_NET_F_GUEST_TSO4, csum | 1ull << VIRTIO_NET_F_GUEST_TSO6};

	for (unsigned i = 0; i < 2 * RTE_DIM(says); i++) {
		unsigned told = i / 2, v6 = i % 2, joined = told == 3 + v6;
		struct rte_mbuf *m[4];

		dp_vhost_told(vhost, says[told]);
		frames_of_one(m, 4, v6);
		assert_int_equal(dp_port_tx(&eal_port, 0, m, 4), 4);
		assert_int_equal(rte_ring_count(eal_wire), joined ? 1 : 4);
		eal_has_buffers_and_wire(state);
	}
}

// The driver takes less than all: each frame that is left is the caller's, and one by itself.
static void a_queue_that_is_full(void **state)
{
	struct weft_port_stats before = {0}, s = {0};
	struct rte_mbuf *m[8];
	uint32_t bytes = 0;

	dp_vhost_stats(vhost, &before);
	for (unsigned i = 0; i < EAL_WIRE_SIZE - 2; i++)
		rte_ring_enqueue(eal_wire, eal_frame(60, 60, 0));
	frames_of_one(m, 4, false);
	for (unsigned i = 0; i < 4; i++)
		bytes += m[i]->pkt_len;
	frames_of_one(m + 4, 4, false);
	assert_int_equal(dp_port_tx(&eal_port, 0, m, 8), 4);
	for (unsigned i = 4; i < 8; i++) {
		slow_cut(&big, 1000, i - 4, &want);
		assert_int_equal(m[i]->nb_segs, 1);
		assert_null(m[i]->next);
		assert_int_equal(m[i]->pkt_len, want.len);
		assert_int_equal(m[i]->data_len, want.len);
		rte_pktmbuf_free(m[i]);
	}
	dp_vhost_stats(vhost, &s);
	assert_int_equal(s.tx_packets - before.tx_packets, 4);
	assert_int_equal(s.tx_bytes - before.tx_bytes, bytes);
}

// Segments that become ever so many frames, from one machine after the other.
static void what_waits_leaves_buffers_to_others(void **state)
{
	struct dp_vhost *v[3] = {open_vhost(2), open_vhost(1), open_vhost(1)};
	const unsigned most = 33, has = 30; // buffers of a segment
	unsigned left = 20, taken[3];
	struct rte_mbuf *m[DP_RX_BURST];

	make(&big, false, 0, 0, 60000);
	finish(&big);
	for (unsigned i = 0; i < left; i++)
		arrives(&big, RTE_MBUF_F_RX_LRO, 1);
	for (unsigned i = 0; i < 3; i++) {
		const struct rte_eth_fp_ops *io = dp_vhost_io(v[i]);

		assert_int_equal(io->rx_pkt_burst(io->rxq.data[0], m, DP_RX_BURST), DP_RX_BURST);
		rte_pktmbuf_free_bulk(m, DP_RX_BURST);
		taken[i] = left - rte_ring_count(eal_wire);
		left -= taken[i];
	}
	assert_int_equal(taken[0], 1 + WAITING / 2 / most); // a worker's share
	assert_int_equal(taken[1], 1 + (WAITING - (taken[0] - 1) * has) / most);
	assert_int_equal(taken[2], 1);
	for (unsigned i = 0; i < 3; i++)
		dp_vhost_close(v[i]);
	assert_int_equal(eal_has_buffers_and_wire(state), 0);
	for (unsigned i = 0; i < 10; i++) // none waits any more
		arrives(&big, RTE_MBUF_F_RX_LRO, 1000);
	for (unsigned n = 10 * 60; n; n -= taken[0]) {
		taken[0] = dp_port_rx(&eal_port, 0, m, DP_RX_BURST);
		assert_in_range(taken[0], 1, DP_RX_BURST);
		rte_pktmbuf_free_bulk(m, taken[0]);
		left = n == 10 * 60 ? rte_ring_count(eal_wire) : left;
	}
	assert_int_equal(left, 10 - (1 + WAITING / most));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(cut_and_joined, before, eal_has_buffers_and_wire),
		cmocka_unit_test_setup_teardown(
			one_after_the_other, before, eal_has_buffers_and_wire),
		cmocka_unit_test_setup_teardown(
			a_checksum_left_open, before, eal_has_buffers_and_wire),
		cmocka_unit_test_setup_teardown(
			what_cannot_be_cut, before, eal_has_buffers_and_wire),
		cmocka_unit_test_setup_teardown(
			only_what_is_taken, before, eal_has_buffers_and_wire),
		cmocka_unit_test_setup_teardown(
			a_queue_that_is_full, before, eal_has_buffers_and_wire),
		cmocka_unit_test_setup_teardown(
			what_waits_leaves_buffers_to_others, before, eal_has_buffers_and_wire),
	};

	rng_seed_from_env();
	return cmocka_run_group_tests(tests, up, down);
}
