// SPDX-License-Identifier: Apache-2.0
// Pushing and popping VLAN, MPLS and PBB headers. What new headers start with: OpenFlow 1.3.5,
// table 6 ("existing fields that may be copied into new fields").

#include "flowtable/packet/edit.h"
#include "flowtable/packet/extract.h"

enum {
	MACS = 12,
	TAG = 4,
	MPLS_LSE = 4,
	PBB_HEADER = 18
};

static void put16(uint8_t *p, uint16_t host)
{
	weft_be16 v = htons(host);
	memcpy(p, &v, 2);
}

static void put32(uint8_t *p, uint32_t host)
{
	weft_be32 v = htonl(host);
	memcpy(p, &v, 4);
}

bool ft_grow(struct weft_packet *p, unsigned at, unsigned n)
{
	if (p->headroom < n)
		return false;
	p->data -= n;
	p->headroom = (uint16_t)(p->headroom - n);
	p->len += n;
	p->total_len += n;
	memmove(p->data, p->data + n, at);
	return true;
}

void ft_shrink(struct weft_packet *p, unsigned at, unsigned n)
{
	memmove(p->data + n, p->data, at);
	p->data += n;
	p->headroom = (uint16_t)(p->headroom + n);
	p->len -= n;
	p->total_len -= n;
}

enum weft_drop ft_push_vlan(struct weft_packet *p, struct weft_flow_key *k, uint16_t tpid)
{
	uint16_t tci = 0;

	if (p->len < 14)
		return WEFT_DROP_ACTION_ERROR;
	if (k->vlan_vid)
		tci = ntohs(weft_load16(p->data + 14));
	if (!ft_grow(p, MACS, TAG))
		return WEFT_DROP_NO_HEADROOM;
	put16(p->data + MACS, tpid);
	put16(p->data + MACS + 2, tci);
	ft_extract(p, k);
	return FT_EDITED;
}

enum weft_drop ft_pop_vlan(struct weft_packet *p, struct weft_flow_key *k)
{
	if (!k->vlan_vid)
		return WEFT_DROP_ACTION_ERROR;
	ft_shrink(p, MACS, TAG);
	ft_extract(p, k);
	return FT_EDITED;
}

uint16_t ft_vlan_tci(const struct weft_flow_key *k)
{
	return k->vlan_vid ? (uint16_t)(ntohs(k->vlan_vid) | k->vlan_pcp << 13) : 0;
}

enum weft_drop ft_set_vlan_tci(struct weft_packet *p, struct weft_flow_key *k, uint16_t tci)
{
	static const uint8_t ones[16] = {0xff, 0xff};
	const uint8_t vid[16] = {tci >> 8 & 0x1f, tci & 0xff}, pcp[16] = {(uint8_t)(tci >> 13)};
	enum weft_drop why = FT_EDITED;

	if (!(tci & WEFT_VLAN_PRESENT))
		return k->vlan_vid ? ft_pop_vlan(p, k) : FT_EDITED;
	if (!k->vlan_vid)
		why = ft_push_vlan(p, k, FT_ETH_VLAN);
	if (why == FT_EDITED)
		why = ft_set_field(p, k, WEFT_FIELD_VLAN_VID, vid, ones);
	return why == FT_EDITED ? ft_set_field(p, k, WEFT_FIELD_VLAN_PCP, pcp, ones) : why;
}

// ---- MPLS

// Whether the type at the end of l2_len is that of SNAP, inside an 802.3 length.
static bool has_llc(const struct weft_packet *p)
{
	return p->l2_len >= 22 && p->data[p->l2_len - 8] == 0xaa && p->data[p->l2_len - 6] == 3;
}

static bool takes_mpls(const struct weft_packet *p, const struct weft_flow_key *k)
{
	return p->l2_len >= 14 && k->eth_type != htons(FT_ETH_LLC) && !has_llc(p);
}

static bool has_label(const struct weft_packet *p, const struct weft_flow_key *k)
{
	return ft_eth_is_mpls(k->eth_type) && p->len >= p->l2_len + (unsigned)MPLS_LSE;
}

enum weft_drop ft_push_mpls(struct weft_packet *p, struct weft_flow_key *k, uint16_t eth_type)
{
	unsigned at = p->l2_len;
	uint32_t lse;

	if (!takes_mpls(p, k))
		return WEFT_DROP_ACTION_ERROR;
	if (has_label(p, k))
		lse = ntohl(weft_load32(p->data + at)) & ~0x100u;
	else
		lse = 0x100u | k->ip_ttl; // bottom of stack
	if (!ft_grow(p, at, MPLS_LSE))
		return WEFT_DROP_NO_HEADROOM;
	put16(p->data + at - 2, eth_type);
	put32(p->data + at, lse);
	ft_extract(p, k);
	return FT_EDITED;
}

enum weft_drop ft_pop_mpls(struct weft_packet *p, struct weft_flow_key *k, uint16_t eth_type)
{
	unsigned at = p->l2_len;

	if (!takes_mpls(p, k) || !has_label(p, k))
		return WEFT_DROP_ACTION_ERROR;
	ft_shrink(p, at, MPLS_LSE);
	put16(p->data + at - 2, eth_type);
	ft_extract(p, k);
	return FT_EDITED;
}

// ---- PBB (IEEE 802.1ah): B-DA, B-SA, the I-TAG with its TPID, and then the whole customer frame

enum weft_drop ft_push_pbb(struct weft_packet *p, struct weft_flow_key *k, uint16_t eth_type)
{
	uint32_t itag;

	if (p->len < 14)
		return WEFT_DROP_ACTION_ERROR;
	itag = (uint32_t)k->vlan_pcp << 29 | ntohl(k->pbb_isid);
	if (!ft_grow(p, 0, PBB_HEADER))
		return WEFT_DROP_NO_HEADROOM;
	memcpy(p->data, p->data + PBB_HEADER, MACS);
	put16(p->data + MACS, eth_type);
	put32(p->data + MACS + 2, itag);
	ft_extract(p, k);
	return FT_EDITED;
}

enum weft_drop ft_pop_pbb(struct weft_packet *p, struct weft_flow_key *k)
{
	unsigned header = p->l2_len + 4u;

	if (k->eth_type != htons(FT_ETH_PBB) || p->len < header + 14)
		return WEFT_DROP_ACTION_ERROR;
	ft_shrink(p, 0, header);
	ft_extract(p, k);
	return FT_EDITED;
}
