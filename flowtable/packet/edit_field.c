// SPDX-License-Identifier: Apache-2.0
// set-field: is the field there, what does it become, who writes it.

#include "flowtable/packet/edit_ip.h"
#include "flowtable/packet/extract.h"

#include <weft/match.h>

enum presence {
	PRESENT,
	ABSENT,
	IGNORED
};

static enum presence present_if(bool yes)
{
	return yes ? PRESENT : ABSENT;
}

static bool has_ip(const struct weft_packet *p, const struct weft_flow_key *k, unsigned type)
{
	return k->eth_type == htons((uint16_t)type) && p->l3_ofs;
}

static enum presence l4_present(
	const struct weft_packet *p, const struct weft_flow_key *k, uint8_t proto)
{
	if (k->ip_proto != proto || (!has_ip(p, k, FT_ETH_IPV4) && !has_ip(p, k, FT_ETH_IPV6)))
		return ABSENT;
	if (k->ip_frag & WEFT_FRAG_LATER)
		return IGNORED;
	return present_if(p->l4_ofs);
}

static enum presence nd_present(
	const struct weft_packet *p, const struct weft_flow_key *k, bool solicit, bool advert)
{
	weft_be16 type = k->l4_src;

	if (l4_present(p, k, FT_PROTO_ICMPV6) != PRESENT || k->l4_dst)
		return ABSENT;
	return present_if((solicit && type == htons(FT_ND_SOLICIT)) ||
			  (advert && type == htons(FT_ND_ADVERT)));
}

static enum presence icmp_present(
	const struct weft_packet *p, const struct weft_flow_key *k, unsigned type, uint8_t proto)
{
	return has_ip(p, k, type) ? l4_present(p, k, proto) : ABSENT;
}

static enum presence prereq_met(
	const struct weft_packet *p, const struct weft_flow_key *k, enum weft_prereq prereq)
{
	switch (prereq) {
	case WEFT_PREREQ_NONE:
	case WEFT_PREREQ_IN_PORT:
		return PRESENT;
	case WEFT_PREREQ_VLAN:
		return present_if(k->vlan_vid);
	case WEFT_PREREQ_IP:
		return present_if(has_ip(p, k, FT_ETH_IPV4) || has_ip(p, k, FT_ETH_IPV6));
	case WEFT_PREREQ_IPV4:
		return present_if(has_ip(p, k, FT_ETH_IPV4));
	case WEFT_PREREQ_IPV6:
		return present_if(has_ip(p, k, FT_ETH_IPV6));
	case WEFT_PREREQ_ARP:
		return present_if(has_ip(p, k, FT_ETH_ARP));
	case WEFT_PREREQ_MPLS:
		return present_if(ft_eth_is_mpls(k->eth_type) && p->len >= p->l2_len + 4u);
	case WEFT_PREREQ_PBB:
		return present_if(k->eth_type == htons(FT_ETH_PBB) && p->len >= p->l2_len + 4u);
	case WEFT_PREREQ_TCP:
		return l4_present(p, k, FT_PROTO_TCP);
	case WEFT_PREREQ_UDP:
		return l4_present(p, k, FT_PROTO_UDP);
	case WEFT_PREREQ_SCTP:
		return l4_present(p, k, FT_PROTO_SCTP);
	case WEFT_PREREQ_ICMPV4:
		return icmp_present(p, k, FT_ETH_IPV4, FT_PROTO_ICMP);
	case WEFT_PREREQ_ICMPV6:
		return icmp_present(p, k, FT_ETH_IPV6, FT_PROTO_ICMPV6);
	case WEFT_PREREQ_ND:
		return nd_present(p, k, true, true);
	case WEFT_PREREQ_ND_SOLICIT:
		return nd_present(p, k, true, false);
	case WEFT_PREREQ_ND_ADVERT:
		return nd_present(p, k, false, true);
	}
	return ABSENT;
}

static enum presence field_present(
	const struct weft_packet *p, const struct weft_flow_key *k, enum weft_field f)
{
	switch (f) {
	case WEFT_FIELD_IN_PHY_PORT:
	case WEFT_FIELD_IPV6_EXTHDR:
	case WEFT_FIELD_TCP_FLAGS:
	case WEFT_FIELD_ACTSET_OUTPUT:
	case WEFT_FIELD_PACKET_TYPE:
	case WEFT_FIELD_IP_FRAG:
	case WEFT_FIELD_CT_STATE:
	case WEFT_FIELD_CT_ZONE:
	case WEFT_FIELD_CT_MARK:
	case WEFT_FIELD_CT_LABEL:
	case WEFT_FIELD_CONJ_ID:
		return ABSENT; // facts
	case WEFT_FIELD_ETH_DST:
	case WEFT_FIELD_ETH_SRC:
		return present_if(p->len >= 14);
	case WEFT_FIELD_ETH_TYPE:
		return present_if(p->l2_len && k->eth_type != htons(FT_ETH_LLC));
	case WEFT_FIELD_VLAN_VID:
		return present_if(k->vlan_vid);
	default:
		return prereq_met(p, k, (enum weft_prereq)weft_field_infos[f].prereq);
	}
}

// ---- writers of layer 2

static void write_vlan(
	struct weft_packet *p, const struct weft_flow_key *k, unsigned vid, unsigned pcp)
{
	unsigned dei = ntohs(weft_load16(p->data + 14)) & 0x1000u;
	weft_be16 tci = htons((uint16_t)(pcp << 13 | dei | (vid & 0xfff)));

	memcpy(p->data + 14, &tci, 2);
}

static void write_word(struct weft_packet *p, uint32_t mask, uint32_t bits)
{
	uint32_t word = ntohl(weft_load32(p->data + p->l2_len));
	weft_be32 out = htonl((word & ~mask) | bits);

	memcpy(p->data + p->l2_len, &out, 4);
}

static uint32_t number(const uint8_t *bytes, unsigned n)
{
	uint32_t v = 0;

	for (unsigned i = 0; i < n; i++)
		v = v << 8 | bytes[i];
	return v;
}

static enum weft_drop write_field(
	struct weft_packet *p, const struct weft_flow_key *k, enum weft_field f, const uint8_t *new)
{
	switch (f) {
	case WEFT_FIELD_ETH_DST:
		memcpy(p->data, new, 6);
		return FT_EDITED;
	case WEFT_FIELD_ETH_SRC:
		memcpy(p->data + 6, new, 6);
		return FT_EDITED;
	case WEFT_FIELD_ETH_TYPE:
		memcpy(p->data + p->l2_len - 2, new, 2);
		return FT_EDITED;
	case WEFT_FIELD_VLAN_VID:
		write_vlan(p, k, number(new, 2), k->vlan_pcp);
		return FT_EDITED;
	case WEFT_FIELD_VLAN_PCP:
		write_vlan(p, k, ntohs(k->vlan_vid), new[0]);
		return FT_EDITED;
	case WEFT_FIELD_MPLS_LABEL:
		write_word(p, 0xfffff000, number(new, 3) << 12);
		return FT_EDITED;
	case WEFT_FIELD_MPLS_TC:
		write_word(p, 0xe00, (uint32_t) new[0] << 9);
		return FT_EDITED;
	case WEFT_FIELD_MPLS_BOS:
		write_word(p, 0x100, (uint32_t) new[0] << 8);
		return FT_EDITED;
	case WEFT_FIELD_PBB_ISID:
		write_word(p, 0xffffff, number(new, 3));
		return FT_EDITED;
	case WEFT_FIELD_PBB_UCA:
		write_word(p, 1u << 27, (uint32_t) new[0] << 27);
		return FT_EDITED;
	case WEFT_FIELD_ARP_OP:
	case WEFT_FIELD_ARP_SPA:
	case WEFT_FIELD_ARP_TPA:
	case WEFT_FIELD_ARP_SHA:
	case WEFT_FIELD_ARP_THA:
		return ft_write_arp(p, f, new);
	case WEFT_FIELD_IP_DSCP:
	case WEFT_FIELD_IP_ECN:
	case WEFT_FIELD_IP_PROTO:
	case WEFT_FIELD_IPV4_SRC:
	case WEFT_FIELD_IPV4_DST:
	case WEFT_FIELD_IPV6_SRC:
	case WEFT_FIELD_IPV6_DST:
	case WEFT_FIELD_IPV6_FLABEL:
		return ft_write_ip(p, k, f, new);
	case WEFT_FIELD_IPV6_ND_TARGET:
	case WEFT_FIELD_IPV6_ND_SLL:
	case WEFT_FIELD_IPV6_ND_TLL:
		return ft_write_nd(p, k, f, new);
	case WEFT_FIELD_NW_TTL:
		ft_ip_set_ttl(p, p->l3_ofs, new[0]);
		return FT_EDITED;
	case WEFT_FIELD_MPLS_TTL:
		write_word(p, 0xff, new[0]);
		return FT_EDITED;
	default:
		if (ft_field_is_pipeline(f))
			return FT_EDITED; // of the key alone
		return ft_write_l4(p, k, f, new);
	}
}

bool ft_field_is_pipeline(enum weft_field f)
{
	unsigned at = weft_field_infos[f].offset;

	return at < offsetof(struct weft_flow_key, eth_dst) || at >= WEFT_KEY_PACKET_BYTES;
}

// Whether other fields may have come or gone with this one.
static bool changes_layers(enum weft_field f)
{
	switch (f) {
	case WEFT_FIELD_ETH_TYPE:
	case WEFT_FIELD_IP_PROTO:
	case WEFT_FIELD_ICMPV6_TYPE:
	case WEFT_FIELD_ICMPV6_CODE:
	case WEFT_FIELD_IPV6_ND_TARGET:
	case WEFT_FIELD_IPV6_ND_SLL:
	case WEFT_FIELD_IPV6_ND_TLL:
		return true;
	default:
		return false;
	}
}

enum weft_drop ft_set_field(struct weft_packet *p, struct weft_flow_key *k, enum weft_field f,
	const uint8_t value[16], const uint8_t mask[16])
{
	const struct weft_field_info *info = &weft_field_infos[f];
	uint8_t *field = weft_key_field(k, f), new[16];
	enum presence there;
	enum weft_drop why;

	if (__builtin_expect(f == WEFT_FIELD_VLAN_TCI, 0))
		return ft_set_vlan_tci(p, k,
			(uint16_t)((ft_vlan_tci(k) & ~number(mask, 2)) |
				   (number(value, 2) & number(mask, 2))));
	there = field_present(p, k, f);
	if (there != PRESENT)
		return there == IGNORED ? FT_EDITED : WEFT_DROP_ACTION_ERROR;
	for (unsigned i = 0; i < info->bytes; i++)
		new[i] = (uint8_t)((field[i] & ~mask[i]) | (value[i] & mask[i]));
	if (info->bits % 8)
		new[0] &= (uint8_t)(0xff >> (8 - info->bits % 8));
	if (f == WEFT_FIELD_VLAN_VID)
		new[0] |= WEFT_VLAN_PRESENT >> 8; // with or without the bit, the tag stays

	why = write_field(p, k, f, new);
	if (why != FT_EDITED)
		return why;
	if (changes_layers(f))
		ft_extract(p, k);
	else
		memcpy(field, new, info->bytes);
	return FT_EDITED;
}

void ft_remark_dscp(struct weft_packet *p, struct weft_flow_key *k, unsigned levels)
{
	static const uint8_t mask[16] = {0x3f};
	unsigned dscp = k->ip_dscp, class = dscp >> 3, prec = dscp >> 1 & 3;
	uint8_t value[16] = {0};

	if (class < 1 || class > 4 || (dscp & 1) || !prec)
		return;
	prec = levels > 3 - prec ? 3 : prec + levels;
	value[0] = (uint8_t)(class << 3 | prec << 1);
	ft_set_field(p, k, WEFT_FIELD_IP_DSCP, value, mask);
}
