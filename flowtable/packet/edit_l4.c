// SPDX-License-Identifier: Apache-2.0
// Ports, ICMP and neighbour discovery.

#include "flowtable/packet/edit_ip.h"
#include "flowtable/packet/extract.h"

#include <weft/checksum.h>
#include <weft/crc32c.h>

// A CRC is linear: what flips at `ofs` flips in the CRC what those bits alone, followed by zeros to
// the end of the packet, would give. So the payload need not be in one piece, nor be right.
static enum weft_drop sctp_update(struct weft_packet *p, const struct weft_flow_key *k,
	unsigned ofs, const uint8_t *old, const uint8_t *new, unsigned n)
{
	static const uint8_t zeros[64];
	const uint8_t *ip = p->data + p->l3_ofs;
	unsigned size =
		ip[0] >> 4 == 4 ? ntohs(weft_load16(ip + 2)) : 40u + ntohs(weft_load16(ip + 4));
	unsigned left = p->l3_ofs + size - (ofs + n);
	uint8_t *csum = p->data + p->l4_ofs + 8, diff[4];
	uint32_t crc;

	if (!weft_load32(csum))
		return FT_EDITED;
	if (k->ip_frag) // the CRC covers fragments that are not here
		return WEFT_DROP_ACTION_ERROR;
	for (unsigned i = 0; i < n; i++)
		diff[i] = old[i] ^ new[i];
	for (crc = weft_crc32c_add(0, diff, n); left > sizeof(zeros); left -= sizeof(zeros))
		crc = weft_crc32c_add(crc, zeros, sizeof(zeros));
	crc = weft_crc32c_add(crc, zeros, left);
	for (unsigned i = 0; i < 4; i++)
		csum[i] ^= (uint8_t)(crc >> 8 * i);
	return FT_EDITED;
}

static enum weft_drop write_port(
	struct weft_packet *p, const struct weft_flow_key *k, unsigned ofs, const uint8_t *new)
{
	uint8_t *port = p->data + ofs;
	enum weft_drop why = FT_EDITED;

	if (k->ip_proto == FT_PROTO_SCTP)
		why = sctp_update(p, k, ofs, port, new, 2);
	else
		ft_l4_csum_update(p, k, port, new, 2);
	if (why == FT_EDITED)
		memcpy(port, new, 2);
	return why;
}

// ICMP and ICMPv6 both have type, code, checksum.
static void write_icmp(struct weft_packet *p, unsigned byte, uint8_t value)
{
	uint8_t *icmp = p->data + p->l4_ofs, word[2] = {icmp[0], icmp[1]};
	weft_be16 csum;

	word[byte] = value;
	csum = weft_csum_update_bytes(weft_load16(icmp + 2), icmp, word, 2);
	memcpy(icmp, word, 2);
	memcpy(icmp + 2, &csum, 2);
}

enum weft_drop ft_write_l4(
	struct weft_packet *p, const struct weft_flow_key *k, enum weft_field f, const uint8_t *new)
{
	switch (f) {
	case WEFT_FIELD_TCP_SRC:
	case WEFT_FIELD_UDP_SRC:
	case WEFT_FIELD_SCTP_SRC:
		return write_port(p, k, p->l4_ofs, new);
	case WEFT_FIELD_TCP_DST:
	case WEFT_FIELD_UDP_DST:
	case WEFT_FIELD_SCTP_DST:
		return write_port(p, k, p->l4_ofs + 2u, new);
	case WEFT_FIELD_ICMPV4_TYPE:
	case WEFT_FIELD_ICMPV6_TYPE:
		write_icmp(p, 0, new[0]);
		return FT_EDITED;
	case WEFT_FIELD_ICMPV4_CODE:
	case WEFT_FIELD_ICMPV6_CODE:
		write_icmp(p, 1, new[0]);
		return FT_EDITED;
	default:
		return WEFT_DROP_ACTION_ERROR;
	}
}

enum weft_drop ft_write_nd(
	struct weft_packet *p, const struct weft_flow_key *k, enum weft_field f, const uint8_t *new)
{
	unsigned ofs, n = weft_field_infos[f].bytes;
	struct ft_nd nd;

	if (!ft_nd_find(p->data, p->l4_ofs, ft_ip_end(p, k), &nd))
		return WEFT_DROP_ACTION_ERROR;
	ofs = f == WEFT_FIELD_IPV6_ND_TARGET ? nd.target
	      : f == WEFT_FIELD_IPV6_ND_SLL  ? nd.sll
					     : nd.tll;
	if (!ofs)
		return FT_EDITED; // no such option
	ft_l4_csum_update(p, k, p->data + ofs, new, n);
	memcpy(p->data + ofs, new, n);
	return FT_EDITED;
}
