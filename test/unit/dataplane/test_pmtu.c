// SPDX-License-Identifier: Apache-2.0
// What routers say of paths, as the control thread is told of it: not as often as somebody says it.

#include "eal.h"

#include "edge/dp_pmtu.h"

#include "overlay/checksum.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static const struct weft_ip own = {.b = {[10] = 0xff, 0xff, 172, 16, 0, 1}};
static struct overlay_vtep vtep;

// "Fragmentation needed" about a VXLAN packet to 172.16.1.`remote`.
static struct rte_mbuf *word(uint8_t remote, uint16_t mtu)
{
	struct rte_mbuf *m = rte_pktmbuf_alloc(eal_dp.pool);
	uint8_t *p = (uint8_t *)rte_pktmbuf_append(m, 14 + 20 + 8 + 20 + 8);
	uint8_t *ip = p + 14, *icmp = ip + 20, *quoted = icmp + 8;
	weft_be16 csum;

	memset(p, 0, m->data_len);
	overlay_put16(p + 12, OVERLAY_ETHERTYPE_IPV4);
	ip[0] = quoted[0] = 0x45;
	overlay_put16(ip + 2, 56);
	ip[9] = 1;
	memcpy(ip + 16, &own.b[12], 4);
	icmp[0] = 3;
	icmp[1] = 4;
	overlay_put16(icmp + 6, mtu);
	overlay_put16(quoted + 2, 1550);
	quoted[9] = OVERLAY_PROTO_UDP;
	memcpy(quoted + 12, &own.b[12], 4);
	memcpy(quoted + 16, (const uint8_t[]){172, 16, 1, remote}, 4);
	overlay_put16(quoted + 20, 50000);
	overlay_put16(quoted + 22, 4789);
	csum = weft_csum_finish(weft_csum_partial(icmp, 36, 0));
	memcpy(icmp + 2, &csum, 2);
	return m;
}

static void hear(uint8_t remote, uint16_t mtu)
{
	struct rte_mbuf *m = word(remote, mtu);

	dp_pmtu_listen(eal_dp.worker[0], m);
	rte_pktmbuf_free(m);
}

static void who_says_it_often_is_told_of_once(void **state)
{
	struct dp_worker *w = eal_dp.worker[0];

	w->now_ns = 1000000000;
	for (unsigned i = 0; i < 2000; i++) // more than the ring holds
		hear(2, (uint16_t)(1400 - i % 800));
	assert_int_equal(rte_ring_count(w->events), 1);
	hear(3, 1400); // another path is heard of meanwhile
	assert_int_equal(rte_ring_count(w->events), 2);
	w->now_ns += 10000000;
	hear(2, 1300);
	assert_int_equal(rte_ring_count(w->events), 3);
}

// Is it told of right after a flood of words on another?
static bool is_heard_beside(uint8_t remote, uint8_t flood)
{
	struct dp_worker *w = eal_dp.worker[0];
	struct dp_event told[8];
	unsigned n;

	hear(flood, 1400);
	hear(remote, 1400);
	n = rte_ring_sc_dequeue_burst_elem(w->events, told, sizeof(*told), 8, NULL);
	return n && weft_ip_v4(&told[n - 1].ip) == htonl(0xac100100u | remote);
}

// With 200 others beside 64 places each has one to share it with, but not for ever.
static void nobody_is_kept_silent(void **state)
{
	struct dp_worker *w = eal_dp.worker[0];
	unsigned shared = 0;

	for (uint8_t remote = 1; remote <= 200; remote++) {
		unsigned seconds = 1;

		w->now_ns = 1000000000ull * 100 * remote;
		while (!is_heard_beside(remote, 250) && seconds < 10) {
			w->now_ns += 1100000000;
			seconds++;
		}
		assert_true(seconds < 10);
		shared += seconds > 1;
	}
	assert_in_range(shared, 1, 20);
}

static int up(void **state)
{
	if (eal_up(state))
		return -1;
	vtep = (struct overlay_vtep){.ipv4 = own, .vxlan_port = 4789};
	eal_dp.vtep = &vtep;
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			who_says_it_often_is_told_of_once, eal_count_buffers, eal_has_buffers),
		cmocka_unit_test_setup_teardown(
			nobody_is_kept_silent, eal_count_buffers, eal_has_buffers),
	};

	return cmocka_run_group_tests(tests, up, eal_down);
}
