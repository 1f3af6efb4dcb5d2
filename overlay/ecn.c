// SPDX-License-Identifier: Apache-2.0
#include "overlay/ecn.h"

#include <weft/checksum.h>

#include "overlay/wire.h"

#define MAX_TAGS 2u

int overlay_ecn_egress(uint8_t inner, uint8_t outer)
{
	// RFC 6040, figure 4; [inner][outer].
	static const int8_t out[4][4] = {
		[OVERLAY_ECN_NOT_ECT] = {OVERLAY_ECN_NOT_ECT, OVERLAY_ECN_NOT_ECT,
			OVERLAY_ECN_NOT_ECT, -1},
		[OVERLAY_ECN_ECT1] = {OVERLAY_ECN_ECT1, OVERLAY_ECN_ECT1, OVERLAY_ECN_ECT1,
			OVERLAY_ECN_CE},
		[OVERLAY_ECN_ECT0] = {OVERLAY_ECN_ECT0, OVERLAY_ECN_ECT1, OVERLAY_ECN_ECT0,
			OVERLAY_ECN_CE},
		[OVERLAY_ECN_CE] = {OVERLAY_ECN_CE, OVERLAY_ECN_CE, OVERLAY_ECN_CE, OVERLAY_ECN_CE},
	};

	return out[inner & OVERLAY_ECN_MASK][outer & OVERLAY_ECN_MASK];
}

// Where the frame's IP header begins; 0: it has none that can be read so far as the TOS byte.
static uint32_t find_ip(const uint8_t *frame, uint32_t len)
{
	uint32_t at = OVERLAY_ETH_LEN;

	for (unsigned tags = 0; at + 2 <= len; tags++, at += OVERLAY_VLAN_LEN) {
		uint16_t type = overlay_get16(frame + at - 2);

		if (type == OVERLAY_ETHERTYPE_IPV4)
			return frame[at] >> 4 == 4 ? at : 0;
		if (type == OVERLAY_ETHERTYPE_IPV6)
			return frame[at] >> 4 == 6 ? at : 0;
		if ((type != OVERLAY_ETHERTYPE_VLAN && type != OVERLAY_ETHERTYPE_SVLAN) ||
			tags == MAX_TAGS)
			return 0;
	}
	return 0;
}

static uint8_t tos_at(const uint8_t *ip)
{
	return ip[0] >> 4 == 4 ? ip[1] : (uint8_t)(overlay_get16(ip) >> 4);
}

int overlay_tos_get(const uint8_t *frame, uint32_t len)
{
	uint32_t at = find_ip(frame, len);

	return at ? tos_at(frame + at) : -1;
}

static void set_at(uint8_t *ip, uint8_t tos)
{
	weft_be16 old, new, csum;

	memcpy(&old, ip, 2);
	if (ip[0] >> 4 == 6) {
		overlay_put16(ip, (uint16_t)((ntohs(old) & 0xf00f) | tos << 4));
		return;
	}
	ip[1] = tos;
	memcpy(&new, ip, 2);
	memcpy(&csum, ip + 10, 2);
	csum = weft_csum_update16(csum, old, new);
	memcpy(ip + 10, &csum, 2);
}

void overlay_tos_set(uint8_t *frame, uint8_t tos)
{
	set_at(frame + find_ip(frame, OVERLAY_ETH_LEN + MAX_TAGS * OVERLAY_VLAN_LEN + 2), tos);
}

bool overlay_tos_egress(uint8_t *frame, uint32_t len, uint8_t outer, bool uniform)
{
	uint32_t at = find_ip(frame, len);
	uint8_t tos, dscp;
	int ecn;

	// An IPv4 header that is cut short inside: its checksum cannot be kept true.
	if (!at || (frame[at] >> 4 == 4 && at + OVERLAY_IPV4_LEN > len))
		return true;
	tos = tos_at(frame + at);
	ecn = overlay_ecn_egress(tos, outer);
	if (ecn < 0)
		return false;
	dscp = (uniform ? outer : tos) & OVERLAY_DSCP_MASK;
	if ((dscp | (uint8_t)ecn) != tos)
		set_at(frame + at, (uint8_t)(dscp | (uint8_t)ecn));
	return true;
}
