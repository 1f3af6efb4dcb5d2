// SPDX-License-Identifier: Apache-2.0
// What the edge of the overlay reads besides tunnels: frames that are too big and are to be
// answered, ICMP errors about its own packets, and TOS bytes. The first byte is an MTU's low part;
// the rest is the frame. Reads only its bytes (ASan), answers only within bounds, and never answers
// an answer.

#include "overlay/ecn.h"
#include "overlay/icmp.h"
#include "overlay/pmtu.h"

#include "../require.h"

static void answer(const uint8_t *frame, uint32_t len, uint32_t mtu)
{
	uint8_t *out = malloc(OVERLAY_ICMP_MAX_LEN);
	uint32_t n;

	require(out);
	n = overlay_icmp_too_big(frame, len, mtu, out);
	require(n > 42 && n <= OVERLAY_ICMP_MAX_LEN);
	require(n <= 22 + (mtu > OVERLAY_ICMP_LEAST ? mtu : OVERLAY_ICMP_LEAST));
	require(overlay_oversize(out, n) == OVERLAY_OVERSIZE_SILENT);
	free(out);
}

static void hear(const uint8_t *frame, uint32_t len)
{
	struct overlay_vtep v = {.ipv6 = {.b = {0x20, 0x01, 0x0d, 0xb8, [15] = 2}},
		.vxlan_port = 4789,
		.nvgre = true};
	struct overlay_pmtu heard;

	v.ipv4 = weft_ip_from_v4(htonl(0xc6336402));
	if (overlay_pmtu_heard(&v, frame, len, &heard))
		require(heard.mtu >= OVERLAY_PMTU_MIN4 && !weft_ip_is_none(&heard.remote));
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size)
{
	uint32_t len, mtu;
	uint8_t *frame;

	if (size < 1 || size > 65536)
		return 0;
	len = (uint32_t)size - 1;
	mtu = input[0] * 8u;
	frame = copy_of(input + 1, len);
	if (overlay_oversize(frame, len) == OVERLAY_OVERSIZE_TELL)
		answer(frame, len, mtu);
	hear(frame, len);
	overlay_tos_egress(frame, len, input[0], input[0] & 4);
	free(frame);
	return 0;
}
