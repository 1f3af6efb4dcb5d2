// SPDX-License-Identifier: Apache-2.0
// What a queue of a kernel device (dp_kqueue.h) does with a burst of tunnel packets, before a
// kernel that is played here. The seed is printed; no packet buffer is lost.

#include "ports/dp_kqueue.h"

#include "eal.h"
#include "segment.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define MSS 1000u

static struct dp_kqueue queue;
static struct seg big;

// The kernel: how much it takes at once, whether it knows trains, what it was told.
static struct {
	bool old;
	unsigned most, messages, trains, refused;
	uint32_t bytes;
} kernel;

static int kernel_write(struct dp_kqueue *q, unsigned first)
{
	int taken = 0;

	for (unsigned i = first; i < q->join.n && (unsigned)taken < kernel.most; i++, taken++) {
		const struct dp_join_msg *msg = &q->join.msg[i];
		bool train = msg->h.gso_type == VIRTIO_NET_HDR_GSO_UDP_L4;

		if (train && kernel.old) {
			kernel.refused++;
			return taken ? taken : -1;
		}
		kernel.messages++;
		kernel.trains += train;
		for (unsigned k = 1; k < msg->n_iov; k++)
			kernel.bytes += (uint32_t)msg->iov[k].iov_len;
	}
	return taken;
}

static int before(void **state)
{
	memset(&kernel, 0, sizeof(kernel));
	kernel.most = DP_JOIN_FRAMES;
	memset(&queue, 0, sizeof(queue));
	queue.join.what = DP_JOIN_TUNNELS;
	return eal_count_buffers(state);
}

// A train of `n` packets without checksums; the last one is shorter.
static unsigned fill(struct rte_mbuf **m, unsigned n, uint64_t *bytes)
{
	static struct seg s;

	make_udp(&big, below(2), 0, (n - 1) * MSS + 1 + below(MSS));
	if (!big.v6)
		big.b[big.l3 + 6] = 0x40;
	for (unsigned k = 0; k < n; k++) {
		slow_datagram(&big, MSS, k, &s);
		overlay_put16(s.b + s.l4 + 6, 0);
		m[k] = rte_pktmbuf_alloc(eal_dp.pool);
		memcpy(rte_pktmbuf_append(m[k], (uint16_t)s.len), s.b, s.len);
		*bytes += s.len;
	}
	return n;
}

static void burst(struct rte_mbuf **m, unsigned n, unsigned expected)
{
	unsigned sent = dp_kqueue_tx(&queue, m, (uint16_t)n, kernel_write);

	assert_int_equal(sent, expected);
	for (unsigned i = sent; i < n; i++)
		rte_pktmbuf_free(m[i]);
}

static void a_burst_of_trains(void **state)
{
	struct rte_mbuf *m[DP_JOIN_FRAMES];
	uint64_t bytes = 0;
	unsigned n = fill(m, 32, &bytes);
	uint64_t first = big.data;

	n += fill(m + n, 1, &bytes);
	n += fill(m + n, 10, &bytes);
	burst(m, n, n);
	assert_int_equal(kernel.messages, 3);
	assert_int_equal(kernel.trains, 2);
	// Each train has its head once.
	assert_int_equal(kernel.bytes, bytes - 31 * first - 9 * (uint64_t)big.data);
	assert_int_equal(queue.tx_packets, n);
	assert_int_equal(queue.tx_bytes, bytes);
}

// The first train is refused and nothing is lost; later ones are not tried.
static void a_kernel_that_knows_no_trains(void **state)
{
	struct rte_mbuf *m[DP_JOIN_FRAMES];
	uint64_t bytes = 0;
	unsigned n;

	kernel.old = true;
	n = fill(m, 1, &bytes);
	n += fill(m + n, 20, &bytes);
	n += fill(m + n, 20, &bytes);
	burst(m, n, n);
	assert_int_equal(kernel.refused, 2); // behind the single one, and then by itself
	assert_int_equal(kernel.messages, n);
	assert_int_equal(kernel.bytes, bytes);
	n += fill(m, 20, &bytes);
	burst(m, 20, 20);
	assert_int_equal(kernel.refused, 2);
	assert_int_equal(queue.tx_packets, n);
	assert_int_equal(queue.tx_errors, 0);
}

// What it does not take now, train or not, is the caller's.
static void a_kernel_that_is_full(void **state)
{
	struct rte_mbuf *m[DP_JOIN_FRAMES];
	uint64_t bytes = 0;
	unsigned n = fill(m, 20, &bytes);

	kernel.most = 0;
	burst(m, n, 0);
	assert_int_equal(queue.tx_packets, 0);
	assert_int_equal(queue.tx_errors, 0);
	assert_int_equal(queue.join.what, DP_JOIN_TUNNELS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_burst_of_trains, before, eal_has_buffers),
		cmocka_unit_test_setup_teardown(
			a_kernel_that_knows_no_trains, before, eal_has_buffers),
		cmocka_unit_test_setup_teardown(a_kernel_that_is_full, before, eal_has_buffers),
	};

	rng_seed_from_env();
	return cmocka_run_group_tests(tests, eal_up, eal_down);
}
