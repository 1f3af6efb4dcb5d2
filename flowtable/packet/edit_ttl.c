// SPDX-License-Identifier: Apache-2.0
// TTLs of MPLS and IP, and copying them between layers. IPv6's hop limit is a TTL.

#include "flowtable/packet/edit.h"
#include "flowtable/packet/extract.h"

#include <weft/checksum.h>

void ft_ip_set_ttl(struct weft_packet *p, unsigned l3, uint8_t ttl)
{
	uint8_t *ip = p->data + l3, old[2], csum[2];
	weft_be16 updated;

	if (ip[0] >> 4 != 4) {
		ip[7] = ttl;
		return;
	}
	memcpy(old, ip + 8, 2);
	memcpy(csum, ip + 10, 2);
	ip[8] = ttl;
	updated = weft_csum_update_bytes(weft_load16(csum), old, ip + 8, 2);
	memcpy(ip + 10, &updated, 2);
}

static bool has_label(const struct weft_packet *p, const struct weft_flow_key *k)
{
	return ft_eth_is_mpls(k->eth_type) && p->len >= p->l2_len + 4u;
}

static bool has_ip(const struct weft_packet *p, const struct weft_flow_key *k)
{
	return p->l3_ofs && k->eth_type != htons(FT_ETH_ARP);
}

enum weft_drop ft_set_mpls_ttl(struct weft_packet *p, struct weft_flow_key *k, uint8_t ttl)
{
	if (!has_label(p, k))
		return WEFT_DROP_ACTION_ERROR;
	p->data[p->l2_len + 3] = ttl;
	k->mpls_ttl = ttl;
	return FT_EDITED;
}

enum weft_drop ft_dec_mpls_ttl(struct weft_packet *p, struct weft_flow_key *k)
{
	if (!has_label(p, k))
		return WEFT_DROP_ACTION_ERROR;
	if (k->mpls_ttl <= 1)
		return WEFT_DROP_TTL;
	return ft_set_mpls_ttl(p, k, (uint8_t)(k->mpls_ttl - 1));
}

enum weft_drop ft_set_nw_ttl(struct weft_packet *p, struct weft_flow_key *k, uint8_t ttl)
{
	if (!has_ip(p, k))
		return WEFT_DROP_ACTION_ERROR;
	ft_ip_set_ttl(p, p->l3_ofs, ttl);
	k->ip_ttl = ttl;
	return FT_EDITED;
}

enum weft_drop ft_dec_nw_ttl(struct weft_packet *p, struct weft_flow_key *k)
{
	if (!has_ip(p, k))
		return WEFT_DROP_ACTION_ERROR;
	if (k->ip_ttl <= 1)
		return WEFT_DROP_TTL;
	return ft_set_nw_ttl(p, k, (uint8_t)(k->ip_ttl - 1));
}

// ---- between a label and what is below it

enum below {
	BELOW_NOTHING,
	BELOW_LABEL,
	BELOW_IPV4,
	BELOW_IPV6
};

// What lies below the outermost label, at l2_len + 4. MPLS does not say what it carries; the first
// nibble does, as everywhere (RFC 4928, 3).
static enum below below_label(const struct weft_packet *p, const struct weft_flow_key *k)
{
	unsigned ofs = p->l2_len + 4u, left;

	if (!has_label(p, k))
		return BELOW_NOTHING;
	left = p->len - ofs;
	if (!k->mpls_bos)
		return left >= 4 ? BELOW_LABEL : BELOW_NOTHING;
	if (left >= 20 && p->data[ofs] >> 4 == 4)
		return BELOW_IPV4;
	if (left >= 40 && p->data[ofs] >> 4 == 6)
		return BELOW_IPV6;
	return BELOW_NOTHING;
}

enum weft_drop ft_copy_ttl_out(struct weft_packet *p, struct weft_flow_key *k)
{
	const uint8_t *inner = p->data + p->l2_len + 4;

	switch (below_label(p, k)) {
	case BELOW_LABEL:
		return ft_set_mpls_ttl(p, k, inner[3]);
	case BELOW_IPV4:
		return ft_set_mpls_ttl(p, k, inner[8]);
	case BELOW_IPV6:
		return ft_set_mpls_ttl(p, k, inner[7]);
	case BELOW_NOTHING:
		break;
	}
	return WEFT_DROP_ACTION_ERROR;
}

enum weft_drop ft_copy_ttl_in(struct weft_packet *p, struct weft_flow_key *k)
{
	unsigned ofs = p->l2_len + 4u;

	switch (below_label(p, k)) {
	case BELOW_LABEL:
		p->data[ofs + 3] = k->mpls_ttl;
		return FT_EDITED;
	case BELOW_IPV4:
	case BELOW_IPV6:
		ft_ip_set_ttl(p, ofs, k->mpls_ttl);
		return FT_EDITED;
	case BELOW_NOTHING:
		break;
	}
	return WEFT_DROP_ACTION_ERROR;
}
