// SPDX-License-Identifier: Apache-2.0
// Segments that come in by bursts (dp_cut.h): every frame of them, each once, in order and as the
// oracle cuts it, whatever the bursts' sizes; and none is torn apart that a burst has room for. The
// seed is printed; no packet buffer is lost.

#include "offload/dp_cut.h"

#include "eal.h"
#include "segment.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define SEGMENTS 24u // that come, a few of them ordinary frames

// The device, and what it was seen to give.
static struct {
	struct dp_cut cut;
	struct seg seg[SEGMENTS];
	uint32_t mss[SEGMENTS]; // 0: an ordinary frame
	unsigned next;
} dev;

static uint32_t frames_of(unsigned i)
{
	uint32_t payload = dev.seg[i].len - dev.seg[i].data;

	return dev.mss[i] ? (payload + dev.mss[i] - 1) / dev.mss[i] : 1;
}

static bool dev_read(void *queue, unsigned room, struct rte_mbuf **m)
{
	struct seg *s = &dev.seg[dev.next];
	struct virtio_net_hdr h;

	if (dev.next == SEGMENTS)
		return false;
	*m = NULL;
	h = header(s, dev.mss[dev.next]);
	if (dev.mss[dev.next++]) {
		memcpy(dev.cut.big, s->b, s->len);
		assert_true(dp_cut_begin(&dev.cut, &h, 0, s->len));
		return true;
	}
	*m = rte_pktmbuf_alloc(eal_dp.pool);
	memcpy(rte_pktmbuf_append(*m, (uint16_t)s->len), s->b, s->len);
	return true;
}

static void fill(void)
{
	dev.next = 0;
	assert_true(dp_cut_init(&dev.cut, eal_dp.pool, 2048));
	for (unsigned i = 0; i < SEGMENTS; i++) {
		uint32_t mss = 500 + below(1300), payload = 1 + below(64000);

		dev.mss[i] = below(5) ? mss : 0;
		make(&dev.seg[i], below(2), below(3), below(11), dev.mss[i] ? payload : 100);
		finish(&dev.seg[i]);
	}
}

static void assert_frame(const struct rte_mbuf *m, unsigned i, uint32_t k)
{
	static struct seg want;

	slow_cut(&dev.seg[i], dev.mss[i] ? dev.mss[i] : 100, k, &want);
	assert_int_equal(m->pkt_len, want.len);
	assert_memory_equal(rte_pktmbuf_mtod(m, uint8_t *), want.b, want.len);
}

// A burst of `n` frames at most; *i and *k: the segment that comes next, and which frame of it.
static unsigned burst(unsigned n, unsigned *i, uint32_t *k)
{
	struct rte_mbuf *m[64];
	uint64_t packets, bytes;
	unsigned got = dp_cut_rx(&dev.cut, 0, dev_read, NULL, m, (uint16_t)n, &packets, &bytes);

	for (unsigned at = 0; at < got; at++) {
		assert_true(*i < SEGMENTS);
		// Where it does not begin the burst, a segment that does is in it as a whole.
		assert_true(!at || *k || got - at >= frames_of(*i));
		assert_frame(m[at], *i, *k);
		if (++*k == frames_of(*i)) {
			++*i;
			*k = 0;
		}
	}
	assert_int_equal(packets, got);
	rte_pktmbuf_free_bulk(m, got);
	return got;
}

static void bursts(void **state)
{
	unsigned before = rte_mempool_avail_count(eal_dp.pool);

	for (unsigned round = 0; round < 40; round++) {
		unsigned i = 0;
		uint32_t k = 0;

		fill();
		while (burst(1 + below(64), &i, &k))
			;
		assert_int_equal(i, SEGMENTS);
		dp_cut_free(&dev.cut);
	}
	assert_int_equal(rte_mempool_avail_count(eal_dp.pool), before);
}

// One buffer stands for a segment as long as it is of few frames. What a machine says to be many is
// given out burst by burst, for nobody shall have to go through all of it in one turn.
static void few_frames_stay_in_one(void **state)
{
	static const bool whole = true;
	static const uint32_t mss[] = {500, 499, 1};
	struct rte_mbuf *m[DP_CUT_WHOLE];

	for (unsigned i = 0; i < RTE_DIM(mss); i++) {
		struct seg *s = &dev.seg[0];
		uint64_t packets, bytes;
		unsigned got;

		assert_true(dp_cut_init(&dev.cut, eal_dp.pool, 2048));
		dev.cut.whole = &whole;
		make(s, false, 0, 0, 500 * DP_CUT_WHOLE);
		finish(s);
		dev.next = SEGMENTS - 1;
		dev.seg[dev.next] = *s;
		dev.mss[dev.next] = mss[i];
		got = dp_cut_rx(&dev.cut, 0, dev_read, NULL, m, 32, &packets, &bytes);
		assert_int_equal(got, i ? 32 : 1);
		assert_int_equal(packets, i ? 32 : DP_CUT_WHOLE);
		assert_int_equal(m[0]->ol_flags & RTE_MBUF_F_RX_LRO, i ? 0 : RTE_MBUF_F_RX_LRO);
		rte_pktmbuf_free_bulk(m, got);
		dp_cut_free(&dev.cut);
	}
}

static bool garbage(void *arg, unsigned room, struct rte_mbuf **m)
{
	unsigned *left = arg;

	*m = NULL;
	return *left && (*left)--;
}

// However much comes that is thrown away: who waits for another queue waits for a burst.
static void garbage_has_an_end(void **state)
{
	unsigned left = 10000;
	uint64_t packets, bytes;
	struct rte_mbuf *m[64];

	assert_true(dp_cut_init(&dev.cut, eal_dp.pool, 2048));
	assert_int_equal(dp_cut_rx(&dev.cut, 0, garbage, &left, m, 64, &packets, &bytes), 0);
	assert_int_equal(left, 10000 - 64);
	dp_cut_free(&dev.cut);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bursts),
		cmocka_unit_test(few_frames_stay_in_one),
		cmocka_unit_test(garbage_has_an_end),
	};

	rng_seed_from_env();
	return cmocka_run_group_tests(tests, eal_up, eal_down);
}
