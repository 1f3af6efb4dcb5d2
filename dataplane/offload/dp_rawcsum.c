// SPDX-License-Identifier: Apache-2.0
#include "offload/dp_rawcsum.h"

#include <weft/checksum.h>
#include <weft/crc32c.h>

#include <netinet/in.h>

struct dp_rawcsum_l4 {
	uint8_t *data;
	uint32_t len;
	uint64_t pseudo;
	uint8_t proto;
};

static uint32_t dp_rawcsum_be16(const uint8_t *p)
{
	return (uint32_t)p[0] << 8 | p[1];
}

static bool dp_rawcsum_ipv4(uint8_t *ip, uint32_t len, struct dp_rawcsum_l4 *l4)
{
	uint32_t ihl, total;

	if (len < 20 || ip[0] >> 4 != 4)
		return false;
	ihl = (ip[0] & 15u) * 4;
	total = dp_rawcsum_be16(ip + 2);
	if (ihl < 20 || total < ihl || total > len || (dp_rawcsum_be16(ip + 6) & 0x3fff))
		return false;
	*l4 = (struct dp_rawcsum_l4){.data = ip + ihl, .len = total - ihl, .proto = ip[9]};
	l4->pseudo = weft_csum_partial(ip + 12, 8, (uint64_t)htonl(l4->len) + htons(l4->proto));
	return true;
}

static bool dp_rawcsum_ipv6(uint8_t *ip, uint32_t len, struct dp_rawcsum_l4 *l4)
{
	uint32_t payload;

	if (len < 40 || ip[0] >> 4 != 6)
		return false;
	payload = dp_rawcsum_be16(ip + 4);
	if (40 + payload > len)
		return false;
	*l4 = (struct dp_rawcsum_l4){.data = ip + 40, .len = payload, .proto = ip[6]};
	l4->pseudo = weft_csum_partial(ip + 8, 32, (uint64_t)htonl(payload) + htons(l4->proto));
	return true;
}

static bool dp_rawcsum_inet(struct dp_rawcsum_l4 *l4, uint32_t ofs, bool udp)
{
	weft_be16 field, whole;

	if (l4->len < ofs + 2)
		return false;
	memcpy(&field, l4->data + ofs, 2);
	if (field != weft_csum_fold(l4->pseudo))
		return false;
	memset(l4->data + ofs, 0, 2);
	l4->pseudo = weft_csum_partial(l4->data, l4->len, l4->pseudo);
	whole = udp ? weft_csum_finish_udp(l4->pseudo) : weft_csum_finish(l4->pseudo);
	memcpy(l4->data + ofs, &whole, 2);
	return true;
}

static bool dp_rawcsum_sctp(struct dp_rawcsum_l4 *l4)
{
	static const uint8_t none[4];

	if (l4->len < 12 || memcmp(l4->data + 8, none, 4))
		return false;
	weft_crc32c_store(l4->data + 8,
		weft_crc32c_finish(weft_crc32c_add(WEFT_CRC32C_INIT, l4->data, l4->len)));
	return true;
}

bool dp_rawcsum_fix(uint8_t *frame, uint32_t len)
{
	struct dp_rawcsum_l4 l4;
	uint32_t ofs = 12, type = 0;

	for (unsigned tags = 0; tags < 3 && ofs + 2 <= len; tags++, ofs += 4) {
		type = dp_rawcsum_be16(frame + ofs);
		if (type != 0x8100 && type != 0x88a8)
			break;
	}
	ofs += 2;
	if (ofs > len)
		return false;
	if (!(type == 0x0800 && dp_rawcsum_ipv4(frame + ofs, len - ofs, &l4)) &&
		!(type == 0x86dd && dp_rawcsum_ipv6(frame + ofs, len - ofs, &l4)))
		return false;
	if (l4.proto == IPPROTO_TCP)
		return dp_rawcsum_inet(&l4, 16, false);
	if (l4.proto == IPPROTO_UDP)
		return dp_rawcsum_inet(&l4, 6, true);
	return l4.proto == IPPROTO_SCTP && dp_rawcsum_sctp(&l4);
}
