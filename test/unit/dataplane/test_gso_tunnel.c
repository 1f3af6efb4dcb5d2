// SPDX-License-Identifier: Apache-2.0
// Segments inside tunnels, cut: each frame must be what the oracle cuts of the inner one, behind
// outer headers that are written the slow way. The seed is printed.

#include "offload/dp_gso.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "segment.h"

enum carrier {
	VXLAN,
	VXLAN_SUMMED,
	GRE,
	IP_IN_IP,
	CARRIERS
};

static struct {
	struct seg in; // the inner frame; of IP in IP only from its IP header on
	uint8_t head[200];
	uint32_t head_len, l3, l4, id;
	bool v6;
	enum carrier carrier;
	uint8_t frame[BIG + 200];
	uint32_t len;
} t;

static uint8_t proto_of(void)
{
	if (t.carrier == IP_IN_IP)
		return t.in.v6 ? 41 : 4;
	return t.carrier == GRE ? 47 : 17;
}

static const uint8_t *inner(const struct seg *s, uint32_t *len)
{
	uint32_t skip = t.carrier == IP_IN_IP ? s->l3 : 0;

	*len = s->len - skip;
	return s->b + skip;
}

static void make_head(void)
{
	uint8_t *h = t.head;

	for (uint32_t i = 0; i < sizeof(t.head); i++)
		h[i] = (uint8_t)rng();
	t.l3 = 14;
	t.l4 = t.l3 + (t.v6 ? 40 : 20);
	overlay_put16(h + 12, t.v6 ? 0x86dd : 0x0800);
	h[t.l3] = t.v6 ? 0x60 : 0x45;
	h[t.l3 + (t.v6 ? 6 : 9)] = proto_of();
	if (!t.v6)
		overlay_put16(h + t.l3 + 6, 0x4000);
	t.id = overlay_get16(h + t.l3 + 4);
	t.head_len = t.l4;
	if (t.carrier == GRE) {
		overlay_put32(h + t.l4, 0x20006558);
		t.head_len += 8;
	} else if (t.carrier != IP_IN_IP) {
		overlay_put16(h + t.l4 + 6, t.carrier == VXLAN_SUMMED ? 1 + below(65535) : 0);
		t.head_len += 16;
	}
}

// The outer headers before `s`, by the book; the k-th frame's.
static uint32_t wrap(const struct seg *s, uint32_t k, uint8_t *out)
{
	uint32_t in_len, sum;
	const uint8_t *in = inner(s, &in_len);
	uint32_t len = t.head_len + in_len, l4_len = len - t.l4;
	uint8_t *ip = out + t.l3, *udp = out + t.l4;

	memcpy(out, t.head, t.head_len);
	memcpy(out + t.head_len, in, in_len);
	if (t.v6) {
		overlay_put16(ip + 4, (uint16_t)l4_len);
	} else {
		overlay_put16(ip + 2, (uint16_t)(len - t.l3));
		overlay_put16(ip + 4, (uint16_t)(t.id + k));
		overlay_put16(ip + 10, 0);
		overlay_put16(ip + 10, (uint16_t)~slow_sum(ip, 20, 0));
	}
	if (proto_of() == 17)
		overlay_put16(udp + 4, (uint16_t)l4_len);
	if (t.carrier != VXLAN_SUMMED)
		return len;
	overlay_put16(udp + 6, 0);
	sum = slow_sum(ip + (t.v6 ? 8 : 12), t.v6 ? 32 : 8, l4_len + 17);
	for (uint32_t at = 0; at < l4_len; at += 1024)
		sum = slow_sum(udp + at, l4_len - at < 1024 ? l4_len - at : 1024, sum);
	overlay_put16(udp + 6, (uint16_t)~sum ? (uint16_t)~sum : 0xffff);
	return len;
}

static struct virtio_net_hdr make_tunnel(bool udp, uint32_t payload, uint32_t mss)
{
	struct virtio_net_hdr h;
	uint32_t len;

	t.v6 = below(2);
	t.carrier = (enum carrier)below(CARRIERS);
	if (udp)
		make_udp(&t.in, below(2), below(2), payload);
	else
		make(&t.in, below(2), below(2), below(11), payload);
	finish(&t.in);
	make_head();
	t.len = wrap(&t.in, 0, t.frame);
	h = udp ? header_udp(&t.in, mss) : header(&t.in, mss);
	h.csum_start =
		(uint16_t)(h.csum_start + t.head_len - (t.in.len - (inner(&t.in, &len), len)));
	return h;
}

static void cut(void **state)
{
	static uint8_t out[BIG + 200], want[BIG + 200];
	static struct seg s;

	for (unsigned round = 0; round < 200; round++) {
		uint32_t payload = 1 + below(60000), mss = 600 + below(1400), k = 0, len;
		bool udp = !below(4);
		struct virtio_net_hdr h = make_tunnel(udp, payload, mss);
		struct dp_gso g;

		assert_true(dp_gso_begin(&g, &h, t.frame, t.len));
		assert_true(g.tunnel);
		while ((len = dp_gso_next(&g, out))) {
			if (udp)
				slow_datagram(&t.in, mss, k, &s);
			else
				slow_cut(&t.in, mss, k, &s);
			assert_int_equal(len, wrap(&s, k++, want));
			assert_true(len <= dp_gso_longest(&g));
			assert_memory_equal(out, want, len);
		}
		assert_int_equal(k, (payload + mss - 1) / mss);
	}
}

// What says something else than it is.
static void refused(void **state)
{
	struct dp_gso g;

	for (unsigned round = 0; round < 100; round++) {
		struct virtio_net_hdr h = make_tunnel(false, 3000, 1000), wrong = h;

		wrong.flags = 0; // nobody knows where TCP is
		assert_false(dp_gso_begin(&g, &wrong, t.frame, t.len));
		wrong = h;
		wrong.csum_start = (uint16_t)(h.csum_start + 2);
		assert_false(dp_gso_begin(&g, &wrong, t.frame, t.len));
		wrong = h;
		wrong.gso_type ^= VIRTIO_NET_HDR_GSO_TCPV4 ^ VIRTIO_NET_HDR_GSO_TCPV6;
		assert_false(dp_gso_begin(&g, &wrong, t.frame, t.len));
		if (t.carrier == GRE) {
			t.frame[t.l4] |= 0x80; // a checksum
			assert_false(dp_gso_begin(&g, &h, t.frame, t.len));
		}
	}
}

// However little each frame bears: what one segment becomes is bounded.
static void bounded(void **state)
{
	unsigned taken = 0;

	for (unsigned round = 0; round < 300; round++) {
		uint32_t payload = 1 + below(60000), mss = 1 + below(30), frames, made = 0;
		struct virtio_net_hdr h = make_tunnel(!below(4), payload, mss);
		static uint8_t out[BIG + 200];
		struct dp_gso g;

		frames = (payload + mss - 1) / mss;
		if (!dp_gso_begin(&g, &h, t.frame, t.len)) {
			assert_true((t.head_len + 142) * (frames + 1) > DP_GSO_HEADERS_MAX);
			continue;
		}
		while (dp_gso_next(&g, out))
			made++;
		assert_int_equal(made, frames);
		assert_true(made * g.tcp.data <= DP_GSO_HEADERS_MAX);
		taken++;
	}
	assert_in_range(taken, 50, 290);
}

// Random bits turned, cut short anywhere: nothing outside is read.
static void nonsense(void **state)
{
	for (unsigned round = 0; round < 5000; round++) {
		struct virtio_net_hdr h = make_tunnel(!below(4), below(300), 100);
		uint32_t len = below(t.len + 1), flips = below(4);
		uint8_t *frame = malloc(len ? len : 1);
		struct dp_gso g;

		while (flips--)
			t.frame[below(t.head_len + 60)] ^= (uint8_t)(1u << below(8));
		h.csum_start = (uint16_t)(h.csum_start + (below(4) ? 0 : below(70000)));
		memcpy(frame, t.frame, len);
		if (dp_gso_begin(&g, &h, frame, len))
			assert_true(g.tcp.data + g.tcp.len <= len);
		free(frame);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(cut),
		cmocka_unit_test(refused),
		cmocka_unit_test(bounded),
		cmocka_unit_test(nonsense),
	};

	rng_seed_from_env();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
