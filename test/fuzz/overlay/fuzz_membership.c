// SPDX-License-Identifier: Apache-2.0
// Frames that may be IGMP, MLD or PIM. The first byte's low bit: the checksums of an untagged frame
// are made right, so that more than their check is met. Reads only the frame's bytes (ASan); tells
// only of groups that can be learned; and a question about any group is one to the same parser.

#include "overlay/membership.h"

#include "../../unit/overlay/icmp_sum.h"
#include "../require.h"

static void make_right(uint8_t *l4, uint32_t left, uint32_t len, uint64_t pseudo)
{
	if (len >= 4 && len <= left)
		icmp_sum(l4, len, pseudo);
}

static void make_sums_right(uint8_t *frame, uint32_t len)
{
	uint8_t *ip = frame + 14;
	uint32_t left = len - 14, head = (ip[0] & 15u) * 4u, payload;

	if (ip[0] >> 4 == 4 && head >= 20 && head <= left) {
		overlay_ipv4_set_csum(ip, head);
		make_right(ip + head, left - head, overlay_get16(ip + 2) - head, 0);
	} else if (ip[0] >> 4 == 6 && left >= 48) {
		head = ip[6] ? 40 : 48u + 8u * ip[41];
		payload = overlay_get16(ip + 4) - (head - 40);
		if (head <= left)
			make_right(ip + head, left - head, payload,
				overlay_pseudo_ipv6(ip, ip[6] ? ip[6] : 58, payload));
	}
}

static void ask(const struct weft_ip *group, bool v6)
{
	struct overlay_membership_query q = {
		.group = *group, .src = weft_ip_from_v4(0), .response_ds = 10, .interval_s = 125};
	struct overlay_membership read;
	uint8_t *out = malloc(OVERLAY_MEMBERSHIP_QUERY_MAX);
	uint32_t len;

	require(out);
	if (v6)
		q.src = (struct weft_ip){.b = {0xfe, 0x80, [15] = 1}};
	len = overlay_membership_query(&q, out);
	require(len <= OVERLAY_MEMBERSHIP_QUERY_MAX);
	require(overlay_membership_read(out, len, &read) == OVERLAY_MEMBERSHIP_QUERY);
	require(read.v6 == v6 && weft_ip_equal(&read.from, &q.src));
	free(out);
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size)
{
	struct overlay_membership_record r;
	struct overlay_membership m;
	unsigned records = 0;
	uint8_t *frame;
	uint32_t len;

	if (size < 1 || size > 65536)
		return 0;
	len = (uint32_t)size - 1;
	frame = copy_of(input + 1, len);
	if (input[0] & 1 && len >= 34)
		make_sums_right(frame, len);
	overlay_membership_read(frame, len, &m);
	while (overlay_membership_next(&m, &r)) {
		require(m.kind == OVERLAY_MEMBERSHIP_REPORT && ++records <= len / 8);
		require(weft_ip_is_multicast(&r.group) && weft_ip_is_v4(&r.group) == !m.v6);
		require(!overlay_membership_is_local(&r.group));
		ask(&r.group, m.v6);
	}
	free(frame);
	return 0;
}
