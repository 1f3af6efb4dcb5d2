// SPDX-License-Identifier: Apache-2.0
// Frames that follow each other in a burst, each with its length (two bytes) before it. The first
// byte's low bit: IP's and TCP's checksums are made right, so that more than their check is met.
// Reads only the frames' bytes (ASan). What was joined is cut again by its own header, and must
// then be what it was, byte by byte.

#include "offload/dp_gro.h"
#include "offload/dp_gso.h"

#include "../require.h"

struct frame {
	uint8_t *b;
	uint32_t len;
};

static void make_sums_right(uint8_t *frame, const struct dp_tcp *t)
{
	uint32_t len = t->data - t->l4 + t->len;
	weft_be16 csum;

	dp_tcp_ip_csum(frame, t);
	memset(frame + t->l4 + 16, 0, 2);
	csum = weft_csum_finish(
		weft_csum_partial(frame + t->l4, len, dp_tcp_pseudo(frame, t, len)));
	memcpy(frame + t->l4 + 16, &csum, 2);
}

// With DF the identification means nothing, and is made anew in what is cut.
static void number(uint8_t *frame, const struct dp_tcp *t, uint32_t id)
{
	if (t->v6 || !(frame[t->l3 + 6] & 0x40))
		return;
	overlay_put16(frame + t->l3 + 4, (uint16_t)id);
	dp_tcp_ip_csum(frame, t);
}

// Without Ethernet's padding.
static uint32_t whole(const struct dp_tcp *t)
{
	return t->data + t->len;
}

static void cut_again(struct dp_gro *g, struct frame *of, const uint8_t *payload)
{
	uint32_t big_len = g->tcp.data + g->bytes, len, n = 0, id;
	uint8_t *big = malloc(big_len), *out = malloc(g->tcp.data + g->mss);
	struct virtio_net_hdr h;
	struct dp_gso cut;
	struct dp_tcp t;

	require(big && out);
	id = g->tcp.v6 ? 0 : overlay_get16(of[0].b + g->tcp.l3 + 4);
	dp_gro_end(g, &h);
	memcpy(big, g->head, g->tcp.data);
	memcpy(big + g->tcp.data, payload, g->bytes);
	require(dp_gso_is(&h) && dp_gso_begin(&cut, &h, big, big_len));
	while ((len = dp_gso_next(&cut, out))) {
		require(n < g->n && dp_tcp_parse(of[n].b, of[n].len, false, &t));
		number(of[n].b, &t, id + n);
		require(len == whole(&t) && memcmp(out, of[n].b, len) == 0);
		n++;
	}
	require(n == g->n);
	free(big);
	free(out);
}

// As many of the frames as join the first. Returns how many were used up.
static unsigned join(struct frame *f, unsigned n)
{
	uint8_t *payload = malloc(65536);
	uint32_t data, data_len;
	struct dp_gro g = {0};

	require(payload);
	if (dp_gro_begin(&g, f[0].b, f[0].len)) {
		require(g.tcp.data <= sizeof(g.head) && whole(&g.tcp) <= f[0].len);
		memcpy(payload, f[0].b + g.tcp.data, g.tcp.len);
		while (g.n < n && dp_gro_add(&g, f[g.n].b, f[g.n].len, &data, &data_len)) {
			require(data + data_len <= f[g.n - 1].len && g.bytes <= 65535);
			memcpy(payload + g.bytes - data_len, f[g.n - 1].b + data, data_len);
		}
		n = g.n;
		if (g.n > 1)
			cut_again(&g, f, payload);
	} else {
		n = 1;
	}
	free(payload);
	return n;
}

static struct frame take(const uint8_t **at, const uint8_t *end, bool sums)
{
	struct frame f = {.len = overlay_get16(*at)};
	struct dp_tcp t;

	*at += 2;
	if (f.len > end - *at)
		f.len = (uint32_t)(end - *at);
	f.b = copy_of(*at, f.len);
	*at += f.len;
	if (dp_tcp_parse(f.b, f.len, false, &t)) {
		require(whole(&t) <= f.len && t.l3 < t.l4 && t.l4 < t.data);
		if (sums)
			make_sums_right(f.b, &t);
	}
	return f;
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size)
{
	const uint8_t *at = input + 1, *end = input + size;
	struct frame f[DP_GRO_MAX + 2];
	unsigned n = 0;

	if (!size)
		return 0;
	while (end - at >= 2 && n < DP_GRO_MAX + 2)
		f[n++] = take(&at, end, input[0] & 1);
	for (unsigned i = 0; i < n;)
		i += join(f + i, n - i);
	for (unsigned i = 0; i < n; i++)
		free(f[i].b);
	return 0;
}
