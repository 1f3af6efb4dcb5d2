// SPDX-License-Identifier: Apache-2.0
// Frames that may be ARP or neighbour discovery. The first byte's low bit: the ICMPv6 checksum is
// made right, so that more than its check is met. Reads only the frame's bytes (ASan); who asks
// gets an answer that is sound by the same parser, and tells what was asked for.

#include "tenants/dp_neigh_packet.h"

#include "../../unit/overlay/icmp_sum.h"
#include "../require.h"

// Of an untagged frame; a tagged one comes through in the seeds.
static void make_sum_right(uint8_t *frame, uint32_t len)
{
	uint8_t *ip6 = frame + 14;
	uint32_t nd_len;

	if (len < 14 + 40 + 4)
		return;
	nd_len = (uint32_t)ip6[4] << 8 | ip6[5];
	if (nd_len < 4 || nd_len > len - 54)
		return;
	icmp6_sum(ip6, ip6 + 40, nd_len);
}

static void answer(const uint8_t *frame, const struct dp_neigh_packet *q)
{
	static const struct weft_mac owner = {{2, 0, 0, 0, 0, 9}};
	uint8_t *out = malloc(DP_NEIGH_ANSWER_MAX);
	struct dp_neigh_packet told;
	uint32_t len;

	require(out);
	len = dp_neigh_answer(frame, q, &owner, false, out);
	require(len <= DP_NEIGH_ANSWER_MAX);
	require(dp_neigh_parse(out, len, &told));
	require(!told.asks && told.is_nd == q->is_nd && told.vlan == q->vlan);
	require(weft_ip_equal(&told.ip, &q->target) && weft_mac_equal(&told.mac, &owner));
	require(told.tells || weft_ip_is_none(&q->target));
	free(out);
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size)
{
	struct dp_neigh_packet q;
	uint8_t *frame;
	uint32_t len;

	if (size < 1 || size > 65536)
		return 0;
	len = (uint32_t)size - 1;
	frame = copy_of(input + 1, len);
	if (input[0] & 1)
		make_sum_right(frame, len);
	if (dp_neigh_parse(frame, len, &q)) {
		require(q.l3_ofs >= 14 && q.l3_ofs + 28u <= len && q.vlan <= 0xfff);
		require(!q.tells || (!weft_mac_is_multicast(&q.mac) && !weft_ip_is_none(&q.ip)));
		if (q.asks)
			answer(frame, &q);
	}
	free(frame);
	return 0;
}
