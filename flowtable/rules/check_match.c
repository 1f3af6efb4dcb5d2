// SPDX-License-Identifier: Apache-2.0
// Matches: every masked bit must belong to a field whose prerequisites hold.
//
// Containers are shared (fields.h), so the fields are found by the prerequisites: each that holds
// claims its bits, and what nobody claims decides the error.
#include "flowtable/rules/check.h"

#define ETH_IPV4 0x0800
#define ETH_ARP 0x0806
#define ETH_IPV6 0x86dd
#define ETH_MPLS 0x8847
#define ETH_MPLS_MC 0x8848
#define ETH_PBB 0x88e7

const struct ft_known ft_known_open = {
	.open = true,
	.vlan = FT_TAG_OPEN,
};

static bool exact(const struct weft_flow_key *mask, enum weft_field f)
{
	const uint8_t *m = weft_key_field_const(mask, f);

	for (unsigned i = 0; i < weft_field_infos[f].bytes; i++)
		if (m[i] != 0xff)
			return false;
	return true;
}

struct ft_known ft_known_from(const struct weft_flow_key *value, const struct weft_flow_key *mask)
{
	const weft_be16 present = htons(WEFT_VLAN_PRESENT);
	struct ft_known k = {0};

	k.in_port = exact(mask, WEFT_FIELD_IN_PORT);
	k.has_eth_type = exact(mask, WEFT_FIELD_ETH_TYPE);
	k.eth_type = ntohs(value->eth_type);
	if (mask->vlan_vid & value->vlan_vid & present)
		k.vlan = FT_TAG_PRESENT;
	k.has_ip_proto = exact(mask, WEFT_FIELD_IP_PROTO);
	k.ip_proto = value->ip_proto;
	k.has_icmp_type = exact(mask, WEFT_FIELD_ICMPV6_TYPE);
	k.icmp_type = *weft_key_field_const(value, WEFT_FIELD_ICMPV6_TYPE);
	return k;
}

static bool is_eth(const struct ft_known *k, uint16_t eth_type)
{
	return k->has_eth_type && k->eth_type == eth_type;
}

static bool is_ip(const struct ft_known *k)
{
	return is_eth(k, ETH_IPV4) || is_eth(k, ETH_IPV6);
}

static bool is_proto(const struct ft_known *k, uint8_t proto)
{
	return is_ip(k) && k->has_ip_proto && k->ip_proto == proto;
}

static bool is_nd(const struct ft_known *k, uint8_t type)
{
	return is_eth(k, ETH_IPV6) && is_proto(k, 58) && k->has_icmp_type && k->icmp_type == type;
}

bool ft_known_allows(const struct ft_known *k, enum weft_prereq prereq)
{
	if (prereq == WEFT_PREREQ_VLAN)
		return k->vlan != FT_TAG_ABSENT;
	if (k->open)
		return true;
	switch (prereq) {
	case WEFT_PREREQ_NONE:
	case WEFT_PREREQ_VLAN:
		return true;
	case WEFT_PREREQ_IN_PORT:
		return k->in_port;
	case WEFT_PREREQ_IP:
		return is_ip(k);
	case WEFT_PREREQ_IPV4:
		return is_eth(k, ETH_IPV4);
	case WEFT_PREREQ_IPV6:
		return is_eth(k, ETH_IPV6);
	case WEFT_PREREQ_ARP:
		return is_eth(k, ETH_ARP);
	case WEFT_PREREQ_MPLS:
		return is_eth(k, ETH_MPLS) || is_eth(k, ETH_MPLS_MC);
	case WEFT_PREREQ_PBB:
		return is_eth(k, ETH_PBB);
	case WEFT_PREREQ_TCP:
		return is_proto(k, 6);
	case WEFT_PREREQ_UDP:
		return is_proto(k, 17);
	case WEFT_PREREQ_SCTP:
		return is_proto(k, 132);
	case WEFT_PREREQ_ICMPV4:
		return is_eth(k, ETH_IPV4) && is_proto(k, 1);
	case WEFT_PREREQ_ICMPV6:
		return is_eth(k, ETH_IPV6) && is_proto(k, 58);
	case WEFT_PREREQ_ND:
		return is_nd(k, 135) || is_nd(k, 136);
	case WEFT_PREREQ_ND_SOLICIT:
		return is_nd(k, 135);
	case WEFT_PREREQ_ND_ADVERT:
		return is_nd(k, 136);
	}
	return false;
}

// ---- the fields

// The bits that a field may use of its first byte.
static uint8_t top_byte(const struct weft_field_info *f)
{
	return (uint8_t)(0xff >> (8 * f->bytes - f->bits));
}

static bool any_bit(const uint8_t *p, size_t n)
{
	uint8_t any = 0;

	while (n--)
		any |= *p++;
	return any;
}

// A field without WEFT_FIELD_M is matched whole or not at all. A full mask may, but need not, cover
// the container's bits above the field: those must be zero then.
static enum weft_error check_field(
	const struct weft_field_info *f, const uint8_t *value, const uint8_t *mask)
{
	uint8_t top = top_byte(f);

	if (value[0] & ~top)
		return WEFT_E_MATCH_VALUE;
	if (f->flags & WEFT_FIELD_M)
		return WEFT_E_NONE;
	if ((mask[0] & top) != top)
		return WEFT_E_MATCH_MASK;
	for (unsigned i = 1; i < f->bytes; i++)
		if (mask[i] != 0xff)
			return WEFT_E_MATCH_MASK;
	return WEFT_E_NONE;
}

// A VID without the bit that says there is a tag can't be (OpenFlow 1.3.5, 7.2.3.7).
static enum weft_error check_vlan(
	const struct weft_flow_key *value, const struct weft_flow_key *mask)
{
	uint16_t vid = ntohs(value->vlan_vid), bits = ntohs(mask->vlan_vid);

	if ((bits & WEFT_VLAN_PRESENT) && !(vid & WEFT_VLAN_PRESENT) && vid)
		return WEFT_E_MATCH_VALUE;
	return WEFT_E_NONE;
}

// The frames of an Ethernet switch are of one packet type (OpenFlow 1.5.1, 7.2.3.11).
static enum weft_error check_packet_type(const struct weft_flow_key *value)
{
	return value->packet_type ? WEFT_E_MATCH_VALUE : WEFT_E_NONE;
}

// Some field's bits, or padding, or what no field names?
static enum weft_error unclaimed(const struct weft_flow_key *left)
{
	for (unsigned f = 0; f < WEFT_FIELD_MAX; f++)
		if (any_bit(weft_key_field_const(left, f), weft_field_infos[f].bytes))
			return WEFT_E_MATCH_PREREQ;
	return WEFT_E_MALFORMED;
}

// Which fields lie in which word of the key: a match uses three or four of some fifty words, and
// only their fields are looked at.
struct fields {
	uint64_t bit[(WEFT_FIELD_MAX + 63) / 64];
};
static struct fields fields_at[WEFT_KEY_WORDS];

__attribute__((constructor)) static void fields_at_init(void)
{
	for (unsigned f = 0; f < WEFT_FIELD_MAX; f++) {
		const struct weft_field_info *info = &weft_field_infos[f];

		for (unsigned at = info->offset; at < info->offset + info->bytes; at++)
			fields_at[at / 8].bit[f / 64] |= 1ull << f % 64;
	}
}

static struct fields fields_in(uint64_t map)
{
	struct fields all = {0};

	for (; map; map &= map - 1)
		for (unsigned i = 0; i < sizeof(all.bit) / sizeof(all.bit[0]); i++)
			all.bit[i] |= fields_at[__builtin_ctzll(map)].bit[i];
	return all;
}

struct checked {
	const struct weft_flow_key *value, *mask;
	struct weft_flow_key *left; // of the mask: what no field has claimed yet
	struct ft_known known;
};

static enum weft_error claim(struct checked *c, enum weft_field field)
{
	const struct weft_field_info *f = &weft_field_infos[field];
	const uint8_t *bits = weft_key_field_const(c->mask, field);
	enum weft_error error;

	if (!any_bit(bits, f->bytes) || !ft_known_allows(&c->known, f->prereq))
		return WEFT_E_NONE;
	error = check_field(f, weft_key_field_const(c->value, field), bits);
	if (!error)
		memset(weft_key_field(c->left, field), 0, f->bytes);
	return error;
}

enum weft_error ft_check_match(const struct weft_match *m)
{
	struct weft_flow_key value, mask, left;
	struct checked c = {.value = &value, .mask = &mask, .left = &left};
	struct fields fields;

	if (!weft_match_ok(m))
		return WEFT_E_MALFORMED;
	weft_match_to_key(m, &value, &mask);
	c.known = ft_known_from(&value, &mask);
	left = mask;
	fields = fields_in(m->map);
	for (unsigned i = 0; i < sizeof(fields.bit) / sizeof(fields.bit[0]); i++) {
		for (uint64_t set = fields.bit[i]; set; set &= set - 1) {
			enum weft_error error = claim(&c, 64 * i + (unsigned)__builtin_ctzll(set));

			if (error)
				return error;
		}
	}
	if (any_bit((const uint8_t *)&left, sizeof(left)))
		return unclaimed(&left);
	if (check_packet_type(&value))
		return WEFT_E_MATCH_VALUE;
	return check_vlan(&value, &mask);
}
