// SPDX-License-Identifier: Apache-2.0
// Tunnel packets joined for the kernel: against the datagrams that cutting makes, written the slow
// way, by random ones. The seed is printed.

#include "offload/dp_gso.h"
#include "offload/dp_rawcsum.h"
#include "offload/dp_train.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "segment.h"

#define DF 0x40

// What a VTEP makes: DF, and a checksum or none.
static void make_tunnel(struct seg *s, uint32_t payload)
{
	make_udp(s, below(2), below(3), payload);
	if (!s->v6)
		s->b[s->l3 + 6] = DF;
}

// The k-th packet before it is joined.
static void car(const struct seg *big, uint32_t mss, uint32_t k, bool summed, struct seg *out)
{
	slow_datagram(big, mss, k, out);
	if (!summed)
		overlay_put16(out->b + out->l4 + 6, 0);
}

// As the kernel, or a card: whatever was joined comes out as it was, with checksums.
static void assert_cut(const struct dp_gro *g, const struct seg *big, uint32_t mss)
{
	struct seg *super = malloc(sizeof(*super)), *want = malloc(sizeof(*want));
	uint8_t *out = malloc(BIG);
	struct virtio_net_hdr h, right = header_udp(big, mss);
	struct dp_gro done = *g;
	struct dp_gso cut;
	uint32_t k = 0, len;

	dp_train_end(&done, &h);
	assert_memory_equal(&h, &right, sizeof(h));
	*super = *big;
	memcpy(super->b, done.head, big->data);
	assert_true(dp_gso_begin(&cut, &h, super->b, super->len));
	while ((len = dp_gso_next(&cut, out))) {
		slow_datagram(big, mss, k++, want);
		assert_int_equal(len, want->len);
		assert_memory_equal(out, want->b, len);
	}
	assert_int_equal(k, g->n);
	free(super);
	free(want);
	free(out);
}

static void join_and_cut(void **state)
{
	struct seg *big = malloc(sizeof(*big)), *small = malloc(sizeof(*small));

	for (unsigned round = 0; round < 300; round++) {
		uint32_t mss = 100 + below(1400), payload = mss + 1 + below(60 * mss), data, len;
		uint32_t k = 1, summed = below(3);
		struct dp_gro g;

		make_tunnel(big, payload < 65000 ? payload : 65000);
		car(big, mss, 0, summed, small);
		assert_true(dp_train_begin(&g, small->b, small->len + below(2)));
		for (uint32_t at = mss; at < big->len - big->data; at += mss) {
			car(big, mss, k++, summed == 2 ? below(2) : summed, small);
			assert_true(dp_train_add(&g, small->b, small->len + below(2), &data, &len));
			assert_memory_equal(small->b + data, big->b + big->data + at, len);
		}
		assert_int_equal(g.bytes, big->len - big->data);
		assert_cut(&g, big, mss);
	}
	free(big);
	free(small);
}

// Any bit of the second packet's headers, turned, and the checksums made right again.
static void only_what_belongs_together(void **state)
{
	static struct seg big, first, next, other;

	for (unsigned i = 0; i < 12; i++) {
		struct dp_gro g;
		uint32_t data, len;

		make_tunnel(&big, 3000);
		car(&big, 1000, 0, false, &first);
		car(&big, 1000, 1, false, &next);
		for (uint32_t bit = 0; bit < next.data * 8; bit++) {
			uint32_t at = bit / 8;
			bool may = !big.v6 && (at == next.l3 + 4 || at == next.l3 + 5);

			other = next;
			other.b[at] ^= (uint8_t)(1u << bit % 8);
			if (!big.v6) { // IP's alone: without a checksum UDP's is none
				uint8_t *ip = other.b + other.l3;

				overlay_put16(ip + 10, 0);
				overlay_put16(ip + 10, (uint16_t)~slow_sum(ip, 20, 0));
			}
			if (!memcmp(other.b, next.b, next.len))
				continue;
			assert_true(dp_train_begin(&g, first.b, first.len));
			assert_int_equal(dp_train_add(&g, other.b, other.len, &data, &len), may);
		}
	}
}

// A wrong checksum is nobody's to repair, be it IP's or UDP's.
static void wrong_checksums_stay_alone(void **state)
{
	static struct seg big, s, next;

	for (unsigned i = 0; i < 20; i++) {
		struct dp_gro g;
		uint32_t data, len;

		make_tunnel(&big, 2000);
		car(&big, 1000, 0, true, &s);
		car(&big, 1000, 1, true, &next);
		assert_true(dp_train_begin(&g, s.b, s.len));
		next.b[next.data + below(1000)] ^= 4;
		assert_false(dp_train_add(&g, next.b, next.len, &data, &len));
		s.b[s.data + below(1000)] ^= 4;
		assert_false(dp_train_begin(&g, s.b, s.len));
		car(&big, 1000, 0, false, &s);
		s.b[s.l3 + 11] ^= 1;
		assert_int_equal(dp_train_begin(&g, s.b, s.len), s.v6);
	}
}

static void the_order_of_lengths(void **state)
{
	static struct seg big, s;
	struct dp_gro g;
	uint32_t data, len;

	make_tunnel(&big, 2500);
	car(&big, 1000, 2, false, &s);
	assert_true(dp_train_begin(&g, s.b, s.len)); // 500 bytes: nothing longer after that
	car(&big, 1000, 1, false, &s);
	assert_false(dp_train_add(&g, s.b, s.len, &data, &len));
	assert_true(dp_train_begin(&g, s.b, s.len));
	car(&big, 1000, 2, false, &s);
	assert_true(dp_train_add(&g, s.b, s.len, &data, &len));
	assert_true(g.closed);
	assert_false(dp_train_add(&g, s.b, s.len, &data, &len));
	car(&big, 1000, 0, false, &s);
	if (!s.v6) {
		s.b[s.l3 + 6] = 0; // an identification that says something
		overlay_put16(s.b + s.l3 + 10, 0);
		overlay_put16(s.b + s.l3 + 10, (uint16_t)~slow_sum(s.b + s.l3, 20, 0));
		assert_false(dp_train_begin(&g, s.b, s.len));
	}
}

// No more than DP_GRO_MAX, nor than IP's length can say.
static void limits(void **state)
{
	static struct seg big, s;

	for (uint32_t size = 8; size < 9000; size += 500) {
		struct dp_gro g;
		uint32_t data, len, n = 1;

		make_tunnel(&big, size);
		car(&big, size, 0, false, &s);
		assert_true(dp_train_begin(&g, s.b, s.len));
		while (dp_train_add(&g, s.b, s.len, &data, &len))
			n++;
		assert_int_equal(g.n, n);
		assert_true(n == DP_GRO_MAX || big.data - big.l3 + (n + 1) * size > 65535);
		assert_true(n <= DP_GRO_MAX && big.data - big.l3 + n * size <= 65535);
	}
}

// Datagrams that came joined and are known to be sound, cut without sums: whoever passes one on
// finishes it, and it is then what it would have been.
static void unsummed(void **state)
{
	struct seg *big = malloc(sizeof(*big)), *want = malloc(sizeof(*want));
	uint8_t *out = malloc(BIG);

	for (unsigned round = 0; round < 100; round++) {
		uint32_t payload = 1 + below(20000), mss = 200 + below(1400), k = 0, len;
		struct virtio_net_hdr h;
		struct dp_gso g;

		make_tunnel(big, payload);
		h = header_udp(big, mss);
		assert_true(dp_gso_begin(&g, &h, big->b, big->len));
		g.unsummed = true;
		while ((len = dp_gso_next(&g, out))) {
			slow_datagram(big, mss, k++, want);
			assert_int_equal(len, want->len);
			assert_true(dp_rawcsum_fix(out, len));
			assert_memory_equal(out, want->b, len);
		}
	}
	free(big);
	free(want);
	free(out);
}

// Which checksum the kernel leaves open: the datagram's own, or one of what is in it.
static void whose_checksum(void **state)
{
	static struct seg big, s;

	for (unsigned round = 0; round < 50; round++) {
		struct virtio_net_hdr h;

		make_tunnel(&big, 200 + below(1000));
		car(&big, 1200, 0, true, &s);
		h = header_udp(&s, 0);
		h.gso_type = VIRTIO_NET_HDR_GSO_NONE;
		assert_true(dp_gso_csum_is_udp(&h, s.b, s.len));
		h.csum_start = (uint16_t)(h.csum_start + 1 + below(100));
		assert_false(dp_gso_csum_is_udp(&h, s.b, s.len));
		h = header_udp(&s, 0);
		h.csum_offset = 16;
		assert_false(dp_gso_csum_is_udp(&h, s.b, s.len));
		h = header_udp(&s, 0);
		h.flags = 0;
		assert_false(dp_gso_csum_is_udp(&h, s.b, s.len));
	}
}

// Random bits turned, cut short anywhere: nothing outside is read.
static void nonsense(void **state)
{
	for (unsigned round = 0; round < 20000; round++) {
		static struct seg big, s;
		uint32_t len, flips = below(4), data, data_len;
		uint8_t *frame;
		struct dp_gro g;

		make_tunnel(&big, below(300));
		car(&big, 300, 0, below(2), &s);
		while (flips--)
			s.b[below(s.data)] ^= (uint8_t)(1u << below(8));
		len = below(s.len + 1);
		frame = malloc(len ? len : 1);
		memcpy(frame, s.b, len);
		if (dp_train_begin(&g, frame, len) &&
			dp_train_add(&g, frame, len, &data, &data_len))
			assert_true(data + data_len <= len);
		free(frame);
	}
}

// What a TAP's kernel is allowed to give as one (dp_train.h), as Linux counts: its frames fit one
// train, and it is nearly all that one can take.
static void a_segment_is_a_train(void **state)
{
	for (uint32_t mtu = 1280; mtu <= 9500; mtu++) {
		uint32_t most = dp_train_segment(mtu), packet = mtu + 14 + 8;
		// IPv4 and IPv6, with time stamps and without.
		for (unsigned i = 0; i < 4; i++) {
			uint32_t mss = mtu - 20 - (i & 1 ? 20 : 0) - 20 - (i & 2 ? 12 : 0);
			uint32_t frames = (most - 321) / mss;

			assert_true(frames * packet <= 65535 - 28);
			assert_true(frames + 2 >= (65535 - 28) / packet || frames == DP_GRO_MAX);
		}
	}
	for (uint32_t mtu = 0; mtu < 70000; mtu++)
		assert_in_range(dp_train_segment(mtu), 321, 65536);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(join_and_cut),
		cmocka_unit_test(only_what_belongs_together),
		cmocka_unit_test(wrong_checksums_stay_alone),
		cmocka_unit_test(the_order_of_lengths),
		cmocka_unit_test(limits),
		cmocka_unit_test(unsummed),
		cmocka_unit_test(whose_checksum),
		cmocka_unit_test(nonsense),
		cmocka_unit_test(a_segment_is_a_train),
	};

	rng_seed_from_env();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
