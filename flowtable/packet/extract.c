// SPDX-License-Identifier: Apache-2.0
#include "flowtable/packet/extract.h"

static_assert(offsetof(struct weft_flow_key, eth_dst) % 8 == 0, "cleared by words");

static unsigned min_u(unsigned a, unsigned b)
{
	return a < b ? a : b;
}

// ---- layer 4; `end` bounds what may be read

static void extract_ports(struct weft_packet *p, struct weft_flow_key *k, unsigned ofs)
{
	p->l4_ofs = (uint16_t)ofs;
	k->l4_src = weft_load16(p->data + ofs);
	k->l4_dst = weft_load16(p->data + ofs + 2);
}

static void extract_icmp(struct weft_packet *p, struct weft_flow_key *k, unsigned ofs)
{
	p->l4_ofs = (uint16_t)ofs;
	k->l4_src = htons(p->data[ofs]);
	k->l4_dst = htons(p->data[ofs + 1]);
}

static void extract_nd(const struct weft_packet *p, struct weft_flow_key *k, unsigned end)
{
	struct ft_nd nd;

	if (!ft_nd_find(p->data, p->l4_ofs, end, &nd))
		return;
	memcpy(k->nd_target, p->data + nd.target, 16);
	if (nd.sll)
		memcpy(&k->arp_sha, p->data + nd.sll, 6);
	if (nd.tll)
		memcpy(&k->arp_tha, p->data + nd.tll, 6);
}

static void extract_icmpv6(
	struct weft_packet *p, struct weft_flow_key *k, unsigned ofs, unsigned end)
{
	extract_icmp(p, k, ofs);
	if ((p->data[ofs] == FT_ND_SOLICIT || p->data[ofs] == FT_ND_ADVERT) && !k->l4_dst)
		extract_nd(p, k, end);
}

static void extract_l4(
	struct weft_packet *p, struct weft_flow_key *k, unsigned ofs, unsigned end, bool v6)
{
	unsigned left = end - ofs;

	switch (k->ip_proto) {
	case FT_PROTO_TCP:
		if (left < 20)
			break;
		extract_ports(p, k, ofs);
		k->tcp_flags = weft_load16(p->data + ofs + 12) & htons(0x0fff);
		break;
	case FT_PROTO_UDP:
		if (left >= 8)
			extract_ports(p, k, ofs);
		break;
	case FT_PROTO_SCTP:
		if (left >= 12)
			extract_ports(p, k, ofs);
		break;
	case FT_PROTO_ICMP:
		if (!v6 && left >= 8)
			extract_icmp(p, k, ofs);
		break;
	case FT_PROTO_ICMPV6:
		if (v6 && left >= 4)
			extract_icmpv6(p, k, ofs, end);
		break;
	}
}

// ---- layer 3

unsigned ft_ip_end(const struct weft_packet *p, const struct weft_flow_key *k)
{
	const uint8_t *ip = p->data + p->l3_ofs;
	unsigned len = k->eth_type == htons(FT_ETH_IPV4) ? ntohs(weft_load16(ip + 2))
							 : 40u + ntohs(weft_load16(ip + 4));

	return min_u(p->l3_ofs + len, p->len);
}

static void extract_ipv4(struct weft_packet *p, struct weft_flow_key *k, unsigned ofs)
{
	const uint8_t *ip = p->data + ofs;
	unsigned header, total, frag;

	if (p->len < ofs + 20)
		return;
	header = (ip[0] & 15u) * 4;
	total = ntohs(weft_load16(ip + 2));
	if (ip[0] >> 4 != 4 || header < 20 || total < header || ofs + header > p->len ||
		ofs + total > p->total_len)
		return;

	p->l3_ofs = (uint16_t)ofs;
	memcpy(&k->ipv4_src, ip + 12, 8); // and ipv4_dst
	k->ip_proto = ip[9];
	k->ip_dscp = ip[1] >> 2;
	k->ip_ecn = ip[1] & 3;
	k->ip_ttl = ip[8];
	frag = ntohs(weft_load16(ip + 6));
	if (frag & 0x3fff)
		k->ip_frag = frag & 0x1fff ? WEFT_FRAG_ANY | WEFT_FRAG_LATER : WEFT_FRAG_ANY;
	if (!(frag & 0x1fff))
		extract_l4(p, k, ofs + header, min_u(ofs + total, p->len), false);
}

static void extract_ipv6(struct weft_packet *p, struct weft_flow_key *k, unsigned ofs)
{
	const uint8_t *ip = p->data + ofs;
	struct ft_ip6_walk walk;
	unsigned total, end;
	uint32_t first;

	if (p->len < ofs + 40)
		return;
	total = 40u + ntohs(weft_load16(ip + 4));
	if (ip[0] >> 4 != 6 || ofs + total > p->total_len)
		return;

	p->l3_ofs = (uint16_t)ofs;
	first = ntohl(weft_load32(ip));
	k->ipv6_flabel = htonl(first & 0xfffff);
	k->ip_dscp = (uint8_t)(first >> 22 & 63);
	k->ip_ecn = (uint8_t)(first >> 20 & 3);
	k->ip_ttl = ip[7];
	memcpy(k->ipv6_src, ip + 8, 32); // and ipv6_dst

	end = min_u(ofs + total, p->len);
	ft_ip6_walk(p->data, ofs, end, &walk);
	k->ip_proto = walk.proto;
	k->ipv6_exthdr = htons(walk.exthdr);
	k->ip_frag = walk.frag;
	if (!(walk.frag & WEFT_FRAG_LATER))
		extract_l4(p, k, walk.end_ofs, end, true);
}

static void extract_arp(struct weft_packet *p, struct weft_flow_key *k, unsigned ofs)
{
	static const uint8_t ethernet_ipv4[6] = {0, 1, 8, 0, 6, 4};
	const uint8_t *arp = p->data + ofs;

	if (p->len < ofs + 28 || memcmp(arp, ethernet_ipv4, 6) != 0)
		return;
	p->l3_ofs = (uint16_t)ofs;
	k->l4_src = weft_load16(arp + 6);
	memcpy(&k->arp_sha, arp + 8, 6);
	k->ipv4_src = weft_load32(arp + 14);
	memcpy(&k->arp_tha, arp + 18, 6);
	k->ipv4_dst = weft_load32(arp + 24);
}

// ---- tags

static void extract_mpls(const struct weft_packet *p, struct weft_flow_key *k, unsigned ofs)
{
	uint32_t lse;

	if (p->len < ofs + 4)
		return;
	lse = ntohl(weft_load32(p->data + ofs));
	k->mpls_label = htonl(lse >> 12);
	k->mpls_tc = lse >> 9 & 7;
	k->mpls_bos = lse >> 8 & 1;
	k->mpls_ttl = (uint8_t)lse;
}

static void extract_pbb(const struct weft_packet *p, struct weft_flow_key *k, unsigned ofs)
{
	uint32_t itag;

	if (p->len < ofs + 4)
		return;
	itag = ntohl(weft_load32(p->data + ofs));
	k->pbb_isid = htonl(itag & 0xffffff);
	k->pbb_uca = itag >> 27 & 1;
}

// `ofs` is behind a TPID. Returns the type behind the tags and moves `ofs` behind that.
static weft_be16 extract_vlans(
	const struct weft_packet *p, struct weft_flow_key *k, weft_be16 type, unsigned *ofs)
{
	for (unsigned n = 0; n < FT_MAX_VLANS && ft_eth_is_vlan(type); n++) {
		if (p->len < *ofs + 4)
			break;
		if (n == 0) {
			unsigned tci = ntohs(weft_load16(p->data + *ofs));
			k->vlan_vid = htons((uint16_t)((tci & 0xfff) | WEFT_VLAN_PRESENT));
			k->vlan_pcp = (uint8_t)(tci >> 13);
		}
		type = weft_load16(p->data + *ofs + 2);
		*ofs += 4;
	}
	return type;
}

// `ofs` is behind an 802.3 length.
static weft_be16 extract_llc(const struct weft_packet *p, unsigned *ofs)
{
	static const uint8_t snap[6] = {0xaa, 0xaa, 3, 0, 0, 0};
	weft_be16 type;

	if (p->len < *ofs + 8 || memcmp(p->data + *ofs, snap, 6) != 0)
		return htons(FT_ETH_LLC);
	type = weft_load16(p->data + *ofs + 6);
	if (ntohs(type) < FT_ETH_MIN)
		return htons(FT_ETH_LLC);
	*ofs += 8;
	return type;
}

void ft_extract(struct weft_packet *p, struct weft_flow_key *k)
{
	unsigned ofs = 14;
	weft_be16 type;

	memset(&k->eth_dst, 0, WEFT_KEY_PACKET_BYTES - offsetof(struct weft_flow_key, eth_dst));
	p->l2_len = p->l3_ofs = p->l4_ofs = 0;
	if (p->len < 14)
		return;

	memcpy(&k->eth_dst, p->data, 6);
	memcpy(&k->eth_src, p->data + 6, 6);
	type = weft_load16(p->data + 12);
	if (ft_eth_is_vlan(type))
		type = extract_vlans(p, k, type, &ofs);
	if (ntohs(type) < FT_ETH_MIN)
		type = extract_llc(p, &ofs);
	k->eth_type = type;
	p->l2_len = (uint16_t)ofs;

	switch (ntohs(type)) {
	case FT_ETH_IPV4:
		extract_ipv4(p, k, ofs);
		break;
	case FT_ETH_IPV6:
		extract_ipv6(p, k, ofs);
		break;
	case FT_ETH_ARP:
		extract_arp(p, k, ofs);
		break;
	case FT_ETH_MPLS:
	case FT_ETH_MPLS_MC:
		extract_mpls(p, k, ofs);
		break;
	case FT_ETH_PBB:
		extract_pbb(p, k, ofs);
		break;
	}
}

// ---- the flow's hash

static uint64_t mix(uint64_t h, uint64_t v)
{
	h = (h ^ v) * 0x9e3779b97f4a7c15u;
	return h ^ h >> 32;
}

static uint64_t mix_bytes(uint64_t h, const void *bytes, unsigned words)
{
	uint64_t v;

	for (unsigned i = 0; i < words; i++) {
		memcpy(&v, (const char *)bytes + 8 * i, 8);
		h = mix(h, v);
	}
	return h;
}

uint32_t ft_flow_hash(const struct weft_flow_key *k, uint64_t seed)
{
	uint64_t h = mix_bytes(seed, &k->eth_dst, 2); // and the EtherType and VLAN
	uint64_t l4 = 0;

	// The first fragment has ports, the others do not: leave them out for all.
	if (!k->ip_frag)
		memcpy(&l4, &k->l4_src, 4);
	if (k->eth_type == htons(FT_ETH_IPV4))
		h = mix_bytes(mix(h, l4 << 8 | k->ip_proto), &k->ipv4_src, 1);
	else if (k->eth_type == htons(FT_ETH_IPV6))
		h = mix_bytes(mix(h, l4 << 8 | (k->ip_frag ? 0 : k->ip_proto)), k->ipv6_src, 4);
	else // the addresses of ARP
		h = mix(mix_bytes(h, &k->ipv4_src, 1), k->mpls_label);
	h = mix(h, h >> 29);
	return (uint32_t)(h >> 16) ? (uint32_t)(h >> 16) : 1;
}
