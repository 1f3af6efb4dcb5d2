// SPDX-License-Identifier: Apache-2.0
// Outer frames. The first byte is the NIC's hints (4 bits) and options of the VTEP (2), the
// second how much of the frame lies in the first piece; the rest is the frame. Reads only its bytes
// (ASan), gives an inner frame only within it, and gives the same for the whole as for the pieces
// and in a burst.

#include "overlay/decap.h"

#include "../require.h"

static void sum_tail(const struct weft_packet *pkt, uint32_t len, struct weft_csum *acc)
{
	require(len <= pkt->total_len - pkt->len);
	weft_csum_add(acc, pkt->owner, len);
}

static struct overlay_vtep vtep_of(unsigned options)
{
	struct overlay_vtep v = {.ipv6 = {.b = {0x20, 0x01, 0x0d, 0xb8, [15] = 2}},
		.vxlan_port = 4789,
		.nvgre = true,
		.udp6_zero_csum_ok = options & 1,
		.reassemble = options & 2,
		.tail = sum_tail};

	v.ipv4 = weft_ip_from_v4(htonl(0xc6336402));
	return v;
}

static void check(const struct overlay_rx *rx, uint32_t total)
{
	require(rx->verdict <= OVERLAY_FRAGMENT);
	if (rx->verdict == OVERLAY_INNER)
		require(rx->inner_len >= 14 && rx->inner_len <= total &&
			rx->inner_ofs <= total - rx->inner_len && rx->vni <= 0xffffff);
	if (rx->verdict == OVERLAY_DROP)
		require(rx->drop < WEFT_DROP_MAX);
}

// Each piece in memory of its own, so that a read across the cut is seen.
static void decap_cut(const struct overlay_vtep *v, unsigned hints, const uint8_t *frame,
	uint32_t total, uint32_t cut, const struct overlay_rx *whole)
{
	uint8_t *first = copy_of(frame, cut), *rest = copy_of(frame + cut, total - cut);
	struct weft_packet pkt = {.len = cut, .total_len = total};
	struct overlay_rx rx;

	pkt.data = first;
	pkt.owner = rest;
	overlay_decap(v, &pkt, hints, &rx);
	check(&rx, total);
	require(rx.verdict == OVERLAY_PULLUP || memcmp(&rx, whole, sizeof(rx)) == 0);
	free(first);
	free(rest);
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size)
{
	struct overlay_vtep v;
	struct weft_packet pkt = {0};
	struct overlay_rx rx;
	uint8_t hints;
	uint32_t total;

	if (size < 2 || size > 65536)
		return 0;
	v = vtep_of(input[0] >> 4);
	hints = input[0] & 15;
	total = (uint32_t)size - 2;
	pkt.data = copy_of(input + 2, total);
	pkt.len = pkt.total_len = total;
	overlay_decap(&v, &pkt, hints, &rx);
	check(&rx, total);
	require(rx.verdict != OVERLAY_PULLUP);
	decap_cut(&v, hints, pkt.data, total, input[1] < total ? input[1] : total, &rx);
	free(pkt.data);
	return 0;
}
