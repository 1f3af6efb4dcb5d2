// SPDX-License-Identifier: Apache-2.0
// Segments that stay in one between interfaces of a kernel that is played here, and that cuts by an
// oracle what it is given: what comes out is byte for byte what comes out when each frame has gone
// by itself, and the books say the same. The seed is printed; no packet buffer is lost.

#include "machine.h"

#include "dp_held.h"
#include "offload/dp_train.h"
#include "ports/dp_kdev.h"
#include "ports/dp_kqueue.h"

#include <stdio.h>

#define GOT 512u
#define DF 0x40

static struct dp_port neighbour; // another machine of the host's
static struct overlay_vtep own;

// ---- the kernel

static struct kernel {
	struct dp_kdev *dev;
	bool old;  // knows no trains
	bool full; // takes nothing
	unsigned messages, refused;
	unsigned n; // frames that came out
	uint32_t len[GOT];
	uint8_t frame[GOT][2200];
} kernels[2], first;

enum {
	OUTSIDE, // of the uplink
	INSIDE,  // of a machine
};

static void kernel_gets(struct kernel *k, const struct seg *s)
{
	assert_true(k->n < GOT && s->len <= sizeof(k->frame[0]));
	k->len[k->n] = s->len;
	memcpy(k->frame[k->n++], s->b, s->len);
}

static uint16_t slow_pseudo(const struct seg *s, uint8_t proto)
{
	uint32_t sum = s->len - s->l4 + proto;

	sum += slow_sum(s->b + s->l3 + (s->v6 ? 8 : 12), s->v6 ? 32 : 8, 0);
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)sum;
}

static void kernel_cuts(struct kernel *k, struct seg *s, const struct virtio_net_hdr *h)
{
	static struct seg one;
	bool udp = h->gso_type == VIRTIO_NET_HDR_GSO_UDP_L4;
	struct virtio_net_hdr right;

	s->l4 = h->csum_start;
	s->data = h->hdr_len;
	s->v6 = s->l4 >= 54 && overlay_get16(s->b + s->l4 - 42) == 0x86dd;
	s->l3 = s->l4 - (s->v6 ? 40 : 20);
	right = udp ? header_udp(s, h->gso_size) : header(s, h->gso_size);
	assert_memory_equal(h, &right, sizeof(right));
	assert_int_equal(
		overlay_get16(s->b + s->l4 + h->csum_offset), slow_pseudo(s, udp ? 17 : 6));
	for (uint32_t i = 0; i * h->gso_size < s->len - s->data; i++) {
		(udp ? slow_datagram : slow_cut)(s, h->gso_size, i, &one);
		kernel_gets(k, &one);
	}
}

static int kernel_write(struct dp_kqueue *q, unsigned at)
{
	const struct dp_join_msg *msg = &q->join.msg[at];
	struct kernel *k = &kernels[q->fd];
	static struct seg s;

	if (k->full)
		return 0;
	if (k->old && msg->h.gso_type == VIRTIO_NET_HDR_GSO_UDP_L4) {
		k->refused++;
		return -1;
	}
	s.len = 0;
	for (unsigned i = 1; i < msg->n_iov; i++) {
		assert_true(s.len + msg->iov[i].iov_len <= sizeof(s.b));
		memcpy(s.b + s.len, msg->iov[i].iov_base, msg->iov[i].iov_len);
		s.len += (uint32_t)msg->iov[i].iov_len;
	}
	k->messages++;
	if (msg->h.gso_type)
		kernel_cuts(k, &s, &msg->h);
	else
		kernel_gets(k, &s);
	return 1;
}

static int kernel_open(
	struct dp_kqueue *q, const struct dp_kqueue *of, const struct dp_kdev_conf *conf)
{
	q->fd = conf->tunnels ? OUTSIDE : INSIDE;
	return 0;
}

static void kernel_close(struct dp_kqueue *q)
{
}

static uint16_t kernel_sends(void *queue, struct rte_mbuf **m, uint16_t n)
{
	return dp_kqueue_tx(queue, m, n, kernel_write);
}

static const struct dp_kops kernel_ops = {
	.open = kernel_open, .close = kernel_close, .tx = kernel_sends, .write = kernel_write};

static void plug(struct dp_port *port, unsigned which)
{
	kernels[which].dev = dp_kdev_open(&(struct dp_kdev_conf){.queues = 1,
		.pool = eal_dp.pool,
		.max_frame = 2048,
		.tunnels = which == OUTSIDE,
		.ops = &kernel_ops});
	assert_non_null(kernels[which].dev);
	port->io = dp_kdev_io(kernels[which].dev);
	port->n_txq = 1;
}

static int up(void **state)
{
	if (machine_up(state))
		return -1;
	neighbour = vm_port;
	neighbour.ofport = neighbour.cfg.id = 3;
	neighbour.index = (uint16_t)(vm_port.index + 1);
	vm_port.next = &neighbour;
	plug(&eal_port, OUTSIDE);
	plug(&vm_port, INSIDE);
	neighbour.io = vm_port.io;
	neighbour.n_txq = 1;
	own = (struct overlay_vtep){.ipv4 = outer_ip(false, 1),
		.ipv6 = outer_ip(true, 1),
		.vxlan_port = 4789,
		.nvgre = true,
		.udp6_zero_csum_ok = true,
		.tail = dp_mbuf_sum_tail};
	eal_dp.vtep = &own;
	return 0;
}

static int down(void **state)
{
	dp_kdev_close(kernels[OUTSIDE].dev);
	dp_kdev_close(kernels[INSIDE].dev);
	return machine_down(state);
}

// ---- what both ways have in common

static void kernel_forgets(unsigned which)
{
	struct kernel *k = &kernels[which];

	k->n = k->messages = k->refused = 0;
	k->full = k->old = false;
	dp_kdev_join(k->dev, 0)->what = which == OUTSIDE ? DP_JOIN_TUNNELS : DP_JOIN_TCP;
	eal_dp.worker[0]->ip_id = 77;
}

// From now on each frame goes by itself, or segments in one.
static void haul(bool yes)
{
	eal_port.kdev = yes ? kernels[OUTSIDE].dev : NULL;
	vm_port.kdev = neighbour.kdev = yes ? kernels[INSIDE].dev : NULL;
}

// What one train of datagrams had got a checksum for, which single ones have not.
static void forget_outer_sum(uint8_t *frame, uint32_t len)
{
	struct dp_tcp t;

	if (dp_udp_parse(frame, len, false, &t))
		memset(frame + t.l4 + 6, 0, 2);
}

static void assert_same_frames(struct kernel *is, struct kernel *was, bool sums)
{
	assert_int_equal(is->n, was->n);
	for (unsigned i = 0; i < is->n; i++) {
		assert_int_equal(is->len[i], was->len[i]);
		if (!sums) {
			forget_outer_sum(is->frame[i], is->len[i]);
			forget_outer_sum(was->frame[i], was->len[i]);
		}
		assert_memory_equal(is->frame[i], was->frame[i], is->len[i]);
	}
}

static uint32_t frames_of(const struct seg *s, uint32_t mss)
{
	return (s->len - s->data + mss - 1) / mss;
}

static uint32_t a_big(uint32_t mss)
{
	make_big(below(2), 0, below(11), 1 + below(RTE_MIN(65000u, 100 * mss)));
	big.b[big.l4 + 13] |= (uint8_t)(below(2) << 3 | below(2) << 7 | (below(8) == 0));
	finish(&big);
	return frames_of(&big, mss);
}

// A segment of a machine's comes twice: what `which` kernel gets, and the books, are the same.
static void assert_same(
	const struct dp_tenant *t, uint32_t mss, unsigned which, bool old, bool sums)
{
	uint32_t k = frames_of(&big, mss);
	struct account was, between, is;
	struct rte_mbuf *m;

	haul(false);
	cache_gets_to_know_it(mss, k);
	kernel_forgets(which);
	kernels[which].old = true;
	was = account_of(t);
	for (unsigned i = 0; i < 2; i++)
		comes_in_frames(mss, k);
	first = kernels[which];
	between = account_of(t);
	assert_int_equal(between.received - was.received, 2 * k);
	kernel_forgets(which);
	kernels[which].old = old;
	haul(true);
	for (unsigned i = 0; i < 2; i++) {
		m = whole(&big, mss);
		comes(&m, 1);
	}
	is = account_of(t);
	assert_same_frames(&kernels[which], &first, sums);
	assert_same_account(&was, &between, &is);
}

// ---- out

static void out_as_frame_by_frame(void **state)
{
	for (unsigned round = 0; round < 200; round++) {
		enum weft_encap encap = below(8) ? WEFT_ENCAP_VXLAN : WEFT_ENCAP_NVGRE;
		bool outer6 = below(2), sums = below(4) == 0;
		uint32_t mss = 100 + below(1800);
		struct dp_tenant *t;

		eal_dp.host.udp_csum = eal_dp.host.udp6_csum = sums;
		a_big(mss);
		t = a_tenant(encap, outer6, 0, below(2), below(8) ? 2200 : 1000);
		assert_same(t, mss, OUTSIDE, below(8) == 0, sums || encap == WEFT_ENCAP_NVGRE);
	}
	eal_dp.host.udp_csum = eal_dp.host.udp6_csum = false;
}

// What one train holds is one message, what is over is another, and one frame alone is no train.
static void as_few_messages_as_can_be(void **state)
{
	static const uint32_t frames[] = {1, 2, 44, 45, 46, 64};
	static const unsigned messages[] = {1, 1, 1, 2, 2, 2};

	for (unsigned i = 0; i < RTE_DIM(frames); i++) {
		uint32_t mss = frames[i] > 46 ? 1000 : 1400; // with 66 bytes around, and 8
		struct dp_tenant *t;

		make_big(false, 0, 0, frames[i] * mss);
		finish(&big);
		t = a_tenant(WEFT_ENCAP_VXLAN, false, 0, false, 2100);
		assert_same(t, mss, OUTSIDE, false, false);
		assert_int_equal(kernels[OUTSIDE].messages, 2 * messages[i]);
		assert_same(t, mss, OUTSIDE, true, false);
		assert_int_equal(kernels[OUTSIDE].messages, 2 * frames[i]);
		assert_int_equal(kernels[OUTSIDE].refused, frames[i] > 1);
	}
}

static void what_the_kernel_has_no_room_for_is_dropped(void **state)
{
	struct weft_ipc_ledger before, after;
	struct dp_tenant *t;
	struct rte_mbuf *m;

	make_big(false, 0, 0, 46 * 1400);
	finish(&big);
	t = a_tenant(WEFT_ENCAP_VXLAN, false, 0, false, 2100);
	assert_same(t, 1400, OUTSIDE, false, false);
	kernel_forgets(OUTSIDE);
	kernels[OUTSIDE].full = true;
	before = ledger_of(t);
	m = whole(&big, 1400);
	comes(&m, 1);
	after = ledger_of(t);
	assert_int_equal(after.drops[WEFT_DROP_TX_FULL] - before.drops[WEFT_DROP_TX_FULL], 46);
	assert_int_equal(after.sent, before.sent);
	assert_int_equal(dp_ledger_balance(&after), 0);
	kernel_forgets(OUTSIDE);
}

// ---- to a machine of the same host

static struct dp_tenant *a_tenant_of_neighbours(void)
{
	struct dp_tenant *t = a_tenant(WEFT_ENCAP_VXLAN, false, 0, false, 2200);

	neighbour.tenant = t;
	assert_true(dp_tenant_map_ports(&eal_dp, t));
	ft_port_set(t->sw, &(struct ft_port){.ofport = 3, .live = true});
	a_rule(t->sw, 1, 3, below(2));
	return t;
}

static void next_door_as_frame_by_frame(void **state)
{
	unsigned messages = 0;

	for (unsigned round = 0; round < 100; round++) {
		uint32_t mss = 100 + below(1800);

		a_big(mss);
		assert_same(a_tenant_of_neighbours(), mss, INSIDE, false, true);
		messages += kernels[INSIDE].messages == 2;
	}
	assert_true(messages > 30); // half of them say that they saw congestion, and are cut
}

// A machine's descriptors hold more than an IP header can say: that goes frame by frame, and none
// is told a length that has wrapped.
static void next_door_what_is_too_long_for_one(void **state)
{
	for (unsigned i = 0; i < 4; i++) {
		uint32_t head = 40 + (i & 1) * 20, payload = 65535 - head + (i >> 1);

		make_big(i & 1, 0, 0, payload);
		assert_same(a_tenant_of_neighbours(), 1400, INSIDE, false, true);
		assert_int_equal(kernels[INSIDE].messages == 2, !(i >> 1));
	}
}

// ---- in

static struct seg train;
static uint32_t stride; // of its datagrams

// A train of the other VTEP's, of `n` inner frames of one length but for the last one.
static void begin_train(const struct dp_tenant *t, bool v6)
{
	struct weft_ip src = outer_ip(v6, 2), dst = outer_ip(v6, 1);
	uint8_t *ip;

	make_udp(&train, v6, 0, 0);
	ip = train.b + train.l3;
	ip[1] = 0; // else the inner frames may have to be told of congestion
	if (v6) {
		overlay_put32(ip, 0x60000000);
		memcpy(ip + 8, src.b, 16);
		memcpy(ip + 24, dst.b, 16);
	} else {
		ip[6] = DF;
		ip[8] = 64;
		memcpy(ip + 12, src.b + 12, 4);
		memcpy(ip + 16, dst.b + 12, 4);
	}
	overlay_put16(train.b + train.l4, 50000);
	overlay_put16(train.b + train.l4 + 2, 4789);
	stride = 0;
}

static void add_to_train(const struct dp_tenant *t, const struct seg *inner)
{
	uint8_t *vxlan = train.b + train.len;

	overlay_put32(vxlan, 0x08000000);
	overlay_put32(vxlan + 4, t->network << 8);
	memcpy(vxlan + 8, inner->b, inner->len);
	train.len += 8 + inner->len;
	if (!stride)
		stride = 8 + inner->len;
}

static void train_comes_in_frames(void)
{
	uint32_t k = frames_of(&train, stride);
	struct rte_mbuf *m[DP_RX_BURST];

	for (uint32_t i = 0; i < k; i++) {
		slow_datagram(&train, stride, i, &want);
		m[i % DP_RX_BURST] = frame_of(&want);
		if ((i + 1) % DP_RX_BURST == 0 || i + 1 == k)
			comes_by(&eal_port, m, i % DP_RX_BURST + 1);
	}
}

static void assert_same_in(const struct dp_tenant *t)
{
	struct virtio_net_hdr h = header_udp(&train, stride);
	struct account was, between, is;
	struct rte_mbuf *m;

	haul(false);
	for (unsigned i = 0; i < 3; i++)
		train_comes_in_frames();
	kernel_forgets(INSIDE);
	was = account_of(t);
	train_comes_in_frames();
	between = account_of(t);
	first = kernels[INSIDE];
	kernel_forgets(INSIDE);
	haul(true);
	m = kept(&train, &h, true);
	comes_by(&eal_port, &m, 1);
	is = account_of(t);
	assert_same_frames(&kernels[INSIDE], &first, true);
	assert_same_account(&was, &between, &is);
}

static struct dp_tenant *a_tenant_that_gets(bool v6, bool edits)
{
	struct dp_tenant *t = a_tenant(WEFT_ENCAP_VXLAN, v6, 0, false, 2200);

	a_rule(t->sw, WEFT_OFPORT_OVERLAY, 1, edits);
	return t;
}

static void in_as_frame_by_frame(void **state)
{
	static struct seg one;
	unsigned whole_ones = 0, of = 0;

	for (unsigned round = 0; round < 200; round++) {
		uint32_t mss = 100 + below(1300), k, most;
		bool v6 = below(2);
		struct dp_tenant *t;

		do
			k = a_big(mss);
		while (k < 2);
		big.b[big.l4 + 13] &= 0x7f;
		finish(&big);
		t = a_tenant_that_gets(v6, below(2));
		begin_train(t, v6);
		most = 64000 / (8 + big.data + mss);
		for (uint32_t i = 0; i < k && i < most; i++) {
			slow_cut(&big, mss, i, &one);
			add_to_train(t, &one);
		}
		assert_same_in(t);
		of += RTE_MIN(k, most) <= DP_GRO_MAX;
		whole_ones += kernels[INSIDE].messages == 1;
	}
	assert_int_equal(whole_ones, of);
}

// One of the frames is not what it should be: a turned bit, a checksum of it made right or not, a
// flag that ends a segment, a frame of another train, one twice, one that is no TCP at all.
static void disturb(struct seg *s, uint32_t mss, uint32_t i)
{
	uint32_t bit = below((s->len - s->l4) * 8), way = below(6);

	if (way < 2)
		s->b[s->l4 + bit / 8] ^= (uint8_t)(1u << bit % 8);
	else if (way == 2)
		s->b[s->l4 + 13] |= DP_TCP_PSH;
	else if (way == 3)
		slow_cut(&big, mss, i ? i - 1 : 1, s);
	else if (way == 4)
		s->b[s->l3 + (s->v6 ? 6 : 9)] = 17;
	else
		overlay_put16(s->b + s->l4 + 4, (uint16_t)rng());
	if (way && way != 3)
		finish(s);
}

static void what_does_not_belong_together(void **state)
{
	static struct seg one;

	for (unsigned round = 0; round < 200; round++) {
		uint32_t mss = 100 + below(1300), k = 2 + below(30), odd = below(k);
		bool v6 = below(2);
		struct dp_tenant *t;

		make_big(below(2), 0, below(11), k * mss);
		finish(&big);
		t = a_tenant_that_gets(v6, below(2));
		begin_train(t, v6);
		for (uint32_t i = 0; i < k; i++) {
			slow_cut(&big, mss, i, &one);
			if (i == odd)
				disturb(&one, mss, i);
			add_to_train(t, &one);
		}
		if (below(8) == 0) // nobody's
			train.b[train.data + odd * stride + 4] ^= 0x80;
		assert_same_in(t);
	}
}

// A frame that nobody knows, a segment behind it, and no time: what is behind must not overtake it.
static unsigned held_of(struct dp_port *port, struct rte_mbuf *frame, struct rte_mbuf *segment)
{
	struct dp_worker *w = eal_dp.worker[0];
	struct rte_mbuf *m[2] = {frame, segment};
	unsigned held;

	w->pace.until = 0;
	dp_held_allow(w, port, 0);
	comes_by(port, m, segment ? 2 : 1);
	held = w->held.n;
	dp_held_finish(w);
	return held;
}

static void what_comes_with_a_segment_does_not_wait(void **state)
{
	for (unsigned with = 0; with < 2; with++) {
		struct virtio_net_hdr h;
		struct dp_tenant *t;

		make_big(false, 0, 0, 2800);
		finish(&big);
		haul(true);
		t = a_tenant(WEFT_ENCAP_VXLAN, false, 0, false, 2200);
		slow_cut(&big, 1400, 0, &want);
		assert_int_equal(
			held_of(&vm_port, frame_of(&want), with ? whole(&big, 1400) : NULL), !with);
		t = a_tenant_that_gets(false, false);
		begin_train(t, false);
		for (uint32_t i = 0; i < 2; i++) {
			slow_cut(&big, 1400, i, &want);
			add_to_train(t, &want);
		}
		h = header_udp(&train, stride);
		slow_datagram(&train, stride, 0, &want);
		assert_int_equal(
			held_of(&eal_port, frame_of(&want), with ? kept(&train, &h, true) : NULL),
			!with);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			out_as_frame_by_frame, eal_count_buffers, eal_has_buffers),
		cmocka_unit_test_setup_teardown(
			as_few_messages_as_can_be, eal_count_buffers, eal_has_buffers),
		cmocka_unit_test_setup_teardown(what_the_kernel_has_no_room_for_is_dropped,
			eal_count_buffers, eal_has_buffers),
		cmocka_unit_test_setup_teardown(
			next_door_as_frame_by_frame, eal_count_buffers, eal_has_buffers),
		cmocka_unit_test_setup_teardown(
			next_door_what_is_too_long_for_one, eal_count_buffers, eal_has_buffers),
		cmocka_unit_test_setup_teardown(
			in_as_frame_by_frame, eal_count_buffers, eal_has_buffers),
		cmocka_unit_test_setup_teardown(
			what_does_not_belong_together, eal_count_buffers, eal_has_buffers),
		cmocka_unit_test_setup_teardown(what_comes_with_a_segment_does_not_wait,
			eal_count_buffers, eal_has_buffers),
	};

	rng_seed_from_env();
	return cmocka_run_group_tests(tests, up, down);
}
