// SPDX-License-Identifier: Apache-2.0
#include "flowtable/packet/edit_ip.h"
#include "flowtable/packet/extract.h"

#include <weft/checksum.h>

// ---- checksums, by difference

// Bytes [ofs, ofs + n) become `new`, the checksum at csum_ofs follows. ofs: even within what is
// summed.
static void write_summed(
	struct weft_packet *p, unsigned csum_ofs, unsigned ofs, const uint8_t *new, unsigned n)
{
	uint8_t *bytes = p->data + ofs;
	weft_be16 csum = weft_csum_update_bytes(weft_load16(p->data + csum_ofs), bytes, new, n);

	memcpy(p->data + csum_ofs, &csum, 2);
	memcpy(bytes, new, n);
}

void ft_l4_csum_update(struct weft_packet *p, const struct weft_flow_key *k, const void *old,
	const void *new, unsigned len)
{
	unsigned at = p->l4_ofs;
	weft_be16 csum;

	if (!at)
		return;
	if (k->ip_proto == FT_PROTO_TCP)
		at += 16;
	else if (k->ip_proto == FT_PROTO_UDP)
		at += 6;
	else if (k->ip_proto == FT_PROTO_ICMPV6)
		at += 2;
	else
		return;
	csum = weft_load16(p->data + at);
	if (k->ip_proto == FT_PROTO_UDP)
		csum = weft_csum_update_udp_bytes(csum, old, new, len);
	else
		csum = weft_csum_update_bytes(csum, old, new, len);
	memcpy(p->data + at, &csum, 2);
}

// ---- ARP (RFC 826, Ethernet over IPv4)

enum weft_drop ft_write_arp(struct weft_packet *p, enum weft_field f, const uint8_t *new)
{
	unsigned ofs = f == WEFT_FIELD_ARP_OP    ? 6
		       : f == WEFT_FIELD_ARP_SHA ? 8
		       : f == WEFT_FIELD_ARP_SPA ? 14
		       : f == WEFT_FIELD_ARP_THA ? 18
						 : 24;

	memcpy(p->data + p->l3_ofs + ofs, new, weft_field_infos[f].bytes);
	return FT_EDITED;
}

// ---- IP

// The traffic class, DSCP and ECN together.
static void write_tos(struct weft_packet *p, uint8_t tos)
{
	uint8_t *ip = p->data + p->l3_ofs, new[2];

	if (ip[0] >> 4 == 4) {
		new[0] = ip[0];
		new[1] = tos;
		write_summed(p, p->l3_ofs + 10u, p->l3_ofs, new, 2);
	} else {
		ip[0] = (uint8_t)(0x60 | tos >> 4);
		ip[1] = (uint8_t)((tos & 15) << 4 | (ip[1] & 15));
	}
}

static enum weft_drop write_proto(
	struct weft_packet *p, const struct weft_flow_key *k, uint8_t proto)
{
	uint8_t *ip = p->data + p->l3_ofs;
	uint8_t old_word[2] = {0, k->ip_proto}, new_word[2] = {0, proto};
	struct ft_ip6_walk walk;

	if (ip[0] >> 4 == 6 && (k->ip_frag & WEFT_FRAG_LATER))
		return WEFT_DROP_ACTION_ERROR; // the protocol is in the first fragment
	ft_l4_csum_update(p, k, old_word, new_word, 2);
	if (ip[0] >> 4 == 4) {
		uint8_t new[2] = {ip[8], proto};
		write_summed(p, p->l3_ofs + 10u, p->l3_ofs + 8u, new, 2);
	} else {
		ft_ip6_walk(p->data, p->l3_ofs, ft_ip_end(p, k), &walk);
		p->data[walk.proto_ofs] = proto;
	}
	return FT_EDITED;
}

static void write_ipv4_addr(
	struct weft_packet *p, const struct weft_flow_key *k, unsigned ofs, const uint8_t *new)
{
	ofs += p->l3_ofs;
	ft_l4_csum_update(p, k, p->data + ofs, new, 4);
	write_summed(p, p->l3_ofs + 10u, ofs, new, 4);
}

// While a routing header has segments left, the pseudo header has the last address, from there (RFC
// 8200, 8.1), and the checksum does not cover this one.
static bool summed_dst(const struct weft_packet *p, const struct weft_flow_key *k)
{
	struct ft_ip6_walk walk;

	if (!(k->ipv6_exthdr & htons(FT_EXTHDR_ROUTER)))
		return true;
	ft_ip6_walk(p->data, p->l3_ofs, ft_ip_end(p, k), &walk);
	return !walk.routing_left;
}

static void write_ipv6_addr(
	struct weft_packet *p, const struct weft_flow_key *k, unsigned ofs, const uint8_t *new)
{
	uint8_t *addr = p->data + p->l3_ofs + ofs;

	if (ofs != 24 || summed_dst(p, k))
		ft_l4_csum_update(p, k, addr, new, 16);
	memcpy(addr, new, 16);
}

static void write_flabel(struct weft_packet *p, const uint8_t *new)
{
	uint8_t *ip = p->data + p->l3_ofs;

	ip[1] = (uint8_t)((ip[1] & 0xf0) | (new[0] & 0x0f));
	memcpy(ip + 2, new + 1, 2);
}

enum weft_drop ft_write_ip(
	struct weft_packet *p, const struct weft_flow_key *k, enum weft_field f, const uint8_t *new)
{
	switch (f) {
	case WEFT_FIELD_IP_DSCP:
		write_tos(p, (uint8_t)(new[0] << 2 | k->ip_ecn));
		break;
	case WEFT_FIELD_IP_ECN:
		write_tos(p, (uint8_t)(k->ip_dscp << 2 | new[0]));
		break;
	case WEFT_FIELD_IP_PROTO:
		return write_proto(p, k, new[0]);
	case WEFT_FIELD_IPV4_SRC:
		write_ipv4_addr(p, k, 12, new);
		break;
	case WEFT_FIELD_IPV4_DST:
		write_ipv4_addr(p, k, 16, new);
		break;
	case WEFT_FIELD_IPV6_SRC:
		write_ipv6_addr(p, k, 8, new);
		break;
	case WEFT_FIELD_IPV6_DST:
		write_ipv6_addr(p, k, 24, new);
		break;
	case WEFT_FIELD_IPV6_FLABEL:
		write_flabel(p, new);
		break;
	default:
		return WEFT_DROP_ACTION_ERROR;
	}
	return FT_EDITED;
}
