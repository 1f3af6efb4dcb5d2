// SPDX-License-Identifier: Apache-2.0
#include "openflow/match.h"

#include "openflow/match_1_0.h"
#include "openflow/oxm.h"

// What the fields read so far say; prerequisites are checked against it.
struct so_far {
	struct weft_flow_key value;
	struct weft_flow_key mask;
	bool seen[WEFT_FIELD_MAX];
};

static bool exact8(uint8_t value, uint8_t mask, uint8_t want)
{
	return mask == 0xff && value == want;
}

static bool eth_type_is(const struct so_far *m, uint16_t type)
{
	return m->mask.eth_type == 0xffff && m->value.eth_type == htons(type);
}

static bool ip_proto_is(const struct so_far *m, uint8_t proto)
{
	return (eth_type_is(m, 0x0800) || eth_type_is(m, 0x86dd)) &&
	       exact8(m->value.ip_proto, m->mask.ip_proto, proto);
}

// The type lies in the low byte of l4_src, see fields.h.
static bool icmpv6_type_is(const struct so_far *m, uint8_t type)
{
	const uint8_t *value = weft_key_field_const(&m->value, WEFT_FIELD_ICMPV6_TYPE);
	const uint8_t *mask = weft_key_field_const(&m->mask, WEFT_FIELD_ICMPV6_TYPE);

	return eth_type_is(m, 0x86dd) && ip_proto_is(m, 58) && exact8(*value, *mask, type);
}

// OpenFlow 1.3.5, table 12. ICMPv4 and v6 differ in the IP version besides the protocol.
static bool prereq_ok(const struct so_far *m, enum weft_prereq p)
{
	switch (p) {
	case WEFT_PREREQ_NONE:
		return true;
	case WEFT_PREREQ_IN_PORT:
		return m->mask.in_port == UINT32_MAX;
	case WEFT_PREREQ_VLAN:
		return (m->value.vlan_vid & m->mask.vlan_vid & htons(WEFT_VLAN_PRESENT)) != 0;
	case WEFT_PREREQ_IP:
		return eth_type_is(m, 0x0800) || eth_type_is(m, 0x86dd);
	case WEFT_PREREQ_IPV4:
		return eth_type_is(m, 0x0800);
	case WEFT_PREREQ_IPV6:
		return eth_type_is(m, 0x86dd);
	case WEFT_PREREQ_ARP:
		return eth_type_is(m, 0x0806);
	case WEFT_PREREQ_MPLS:
		return eth_type_is(m, 0x8847) || eth_type_is(m, 0x8848);
	case WEFT_PREREQ_PBB:
		return eth_type_is(m, 0x88e7);
	case WEFT_PREREQ_TCP:
		return ip_proto_is(m, 6);
	case WEFT_PREREQ_UDP:
		return ip_proto_is(m, 17);
	case WEFT_PREREQ_SCTP:
		return ip_proto_is(m, 132);
	case WEFT_PREREQ_ICMPV4:
		return eth_type_is(m, 0x0800) && ip_proto_is(m, 1);
	case WEFT_PREREQ_ICMPV6:
		return eth_type_is(m, 0x86dd) && ip_proto_is(m, 58);
	case WEFT_PREREQ_ND:
		return icmpv6_type_is(m, 135) || icmpv6_type_is(m, 136);
	case WEFT_PREREQ_ND_SOLICIT:
		return icmpv6_type_is(m, 135);
	case WEFT_PREREQ_ND_ADVERT:
		return icmpv6_type_is(m, 136);
	}
	return false;
}

// OpenFlow 1.3.5, 7.2.3.7, table 13: an id alone cannot be matched, it bears OFPVID_PRESENT.
static bool vlan_vid_ok(const uint8_t *value, const uint8_t *mask)
{
	bool exact = of_load16(mask) == 0x1fff;

	return !exact || !of_load16(value) || (value[0] & 0x10);
}

// A register is matched already by another width of it.
static bool is_seen_otherwise(const struct so_far *m, enum weft_field f)
{
	static const uint8_t zero[16];

	return f >= WEFT_FIELD_REG0 && f <= WEFT_FIELD_XXREG3 &&
	       memcmp(weft_key_field_const(&m->mask, f), zero, weft_field_infos[f].bytes) != 0;
}

// NXM_OF_VLAN_TCI is vlan_vid with OFPVID_PRESENT below, vlan_pcp above.
#define VLAN_TCI 4u

static bool is_vlan_tci(const struct of_oxm *o)
{
	return o->class_ == 0 && o->number == VLAN_TCI;
}

static int add_vlan_tci(struct so_far *m, const struct of_oxm *o)
{
	uint16_t value, mask;

	if (o->body.len != 2u << o->hasmask)
		return 1 + OFPBMC_BAD_LEN;
	if (m->seen[WEFT_FIELD_VLAN_VID] || m->seen[WEFT_FIELD_VLAN_PCP])
		return 1 + OFPBMC_DUP_FIELD;
	value = of_load16(o->body.p);
	mask = o->hasmask ? of_load16(o->body.p + 2) : 0xffff;
	if (value & ~mask)
		return 1 + OFPBMC_BAD_WILDCARDS;
	if (!(value & WEFT_VLAN_PRESENT)) { // no tag, and so no priority
		if (value)
			return 1 + OFPBMC_BAD_VALUE;
		mask &= 0x1fff;
	}
	m->seen[WEFT_FIELD_VLAN_VID] = m->seen[WEFT_FIELD_VLAN_PCP] = true;
	m->value.vlan_vid = htons(value & 0x1fff);
	m->mask.vlan_vid = htons(mask & 0x1fff);
	m->value.vlan_pcp = (uint8_t)(value >> 13);
	m->mask.vlan_pcp = (uint8_t)(mask >> 13);
	if (m->mask.vlan_pcp && m->mask.vlan_pcp != 7)
		return 1 + OFPBMC_BAD_MASK;
	return 0;
}

// NXM_OF_IP_TOS is ip_dscp where it lies in its octet; what ECN has of that must be zero.
#define TOS_OCTET 5u

static bool is_ip_tos(const struct of_oxm *o)
{
	return o->class_ == 0 && o->number == TOS_OCTET;
}

static int add_ip_tos(struct so_far *m, const struct of_oxm *o)
{
	if (o->hasmask)
		return 1 + OFPBMC_BAD_MASK;
	if (o->body.len != 1)
		return 1 + OFPBMC_BAD_LEN;
	if (m->seen[WEFT_FIELD_IP_DSCP])
		return 1 + OFPBMC_DUP_FIELD;
	if (o->body.p[0] & 3)
		return 1 + OFPBMC_BAD_VALUE;
	if (!prereq_ok(m, weft_field_infos[WEFT_FIELD_IP_DSCP].prereq))
		return 1 + OFPBMC_BAD_PREREQ;
	m->seen[WEFT_FIELD_IP_DSCP] = true;
	*weft_key_field(&m->value, WEFT_FIELD_IP_DSCP) = o->body.p[0] >> 2;
	*weft_key_field(&m->mask, WEFT_FIELD_IP_DSCP) = 0x3f;
	return 0;
}

// One field into `m`; 0 or the OFPBMC_* code plus one.
static int add_field(struct so_far *m, const struct of_oxm *o)
{
	const struct weft_field_info *info;
	uint8_t value[16], mask[16];

	if (is_ip_tos(o))
		return add_ip_tos(m, o);
	if (!o->form)
		return 1 + OFPBMC_BAD_FIELD;
	if (is_vlan_tci(o))
		return add_vlan_tci(m, o);
	info = &weft_field_infos[o->form->field];
	if (o->hasmask && !(info->flags & WEFT_FIELD_M))
		return 1 + OFPBMC_BAD_MASK;
	if (!of_oxm_len_ok(o))
		return 1 + OFPBMC_BAD_LEN;
	if (m->seen[o->form->field] || is_seen_otherwise(m, o->form->field))
		return 1 + OFPBMC_DUP_FIELD;
	if (!of_oxm_value(o->form, o->body.p, value))
		return 1 + OFPBMC_BAD_VALUE;
	of_oxm_mask(o, mask);
	if (!of_oxm_is_within(o->form->field, value, mask))
		return 1 + OFPBMC_BAD_WILDCARDS;
	if (o->form->field == WEFT_FIELD_VLAN_VID && !vlan_vid_ok(value, mask))
		return 1 + OFPBMC_BAD_VALUE;
	if (!prereq_ok(m, info->prereq))
		return 1 + OFPBMC_BAD_PREREQ;
	m->seen[o->form->field] = true;
	memcpy(weft_key_field(&m->value, o->form->field), value, info->bytes);
	memcpy(weft_key_field(&m->mask, o->form->field), mask, info->bytes);
	return 0;
}

int of_match_read(
	struct of_span oxm, uint8_t version, struct weft_match *out, struct of_error *error)
{
	return version == 1 ? of_match_1_0_read(oxm, out, error)
			    : of_nxm_read(oxm, version, out, error);
}

int of_nxm_read(struct of_span nxm, uint8_t version, struct weft_match *out, struct of_error *error)
{
	struct of_reader it = of_list(nxm, version);
	struct so_far m;
	struct of_oxm o;

	memset(&m, 0, sizeof(m));
	it.bad_len = (struct of_error){OFPET_BAD_MATCH, OFPBMC_BAD_LEN, 0};
	while (of_oxm_next(&it, &o)) {
		int code = add_field(&m, &o);

		if (code)
			of_fail(&it, OFPET_BAD_MATCH, (uint16_t)(code - 1));
	}
	if (it.failed) {
		*error = it.error;
		return -EBADMSG;
	}
	weft_match_from_key(out, &m.value, &m.mask);
	return 0;
}

// In NXM the tag is one field.
static void put_vlan_tci(struct of_writer *w, const struct so_far *m)
{
	uint16_t value = (uint16_t)(ntohs(m->value.vlan_vid) | m->value.vlan_pcp << 13);
	uint16_t mask = (uint16_t)(ntohs(m->mask.vlan_vid) | m->mask.vlan_pcp << 13);
	bool none = mask == 0x1fff && value == 0; // no tag, of whatever priority

	if (!mask)
		return;
	of_put_u16(w, 0);
	of_put_u8(w, VLAN_TCI << 1 | (mask != UINT16_MAX && !none));
	of_put_u8(w, mask == UINT16_MAX || none ? 2 : 4);
	of_put_u16(w, value);
	if (mask != UINT16_MAX && !none)
		of_put_u16(w, mask);
}

static void put_field(struct of_writer *w, const struct so_far *m, enum weft_field f)
{
	static const uint8_t zero[16];
	const struct weft_field_info *info = &weft_field_infos[f];
	const uint8_t *mask = weft_key_field_const(&m->mask, f);

	if (memcmp(mask, zero, info->bytes) == 0 || !prereq_ok(m, info->prereq))
		return;
	if (w->version == 1 && (f == WEFT_FIELD_VLAN_VID || f == WEFT_FIELD_VLAN_PCP)) {
		if (f == WEFT_FIELD_VLAN_VID)
			put_vlan_tci(w, m);
		return;
	}
	if (w->version == 1 && f == WEFT_FIELD_IP_DSCP) {
		of_put_u16(w, 0);
		of_put_u8(w, TOS_OCTET << 1);
		of_put_u8(w, 1);
		of_put_u8(w, (uint8_t)(*weft_key_field_const(&m->value, f) << 2));
		return;
	}
	of_oxm_write(w, f, weft_key_field_const(&m->value, f),
		of_oxm_is_full_mask(f, mask) ? NULL : mask);
}

// The numbers of the fields rise so that a prerequisite comes first; where fields share a
// container, only one of them has its prerequisite matched.
static int put_fields(struct of_writer *w, const struct so_far *m)
{
	for (unsigned f = 0; f < WEFT_FIELD_MAX; f++)
		if (!(weft_field_infos[f].flags & WEFT_FIELD_V))
			put_field(w, m, f);
	return w->error;
}

int of_match_write(struct of_writer *w, const struct weft_match *in)
{
	return w->version == 1 ? of_match_1_0_write(w, in) : of_nxm_write(w, in);
}

int of_nxm_write(struct of_writer *w, const struct weft_match *in)
{
	struct so_far m;

	weft_match_to_key(in, &m.value, &m.mask);
	return put_fields(w, &m);
}

// Pipeline fields that a packet-in tells where they are not zero, besides the ports.
bool of_packet_match_tells(unsigned f)
{
	return f == WEFT_FIELD_METADATA || f == WEFT_FIELD_TUNNEL_ID ||
	       (f >= WEFT_FIELD_TUN_SRC && f <= WEFT_FIELD_REG15) || f == WEFT_FIELD_PKT_MARK;
}

int of_packet_match_write(struct of_writer *w, const struct weft_flow_key *key)
{
	static const uint8_t zero[16];
	struct so_far m;

	memset(&m.mask, 0, sizeof(m.mask));
	m.value = *key;
	m.mask.in_port = UINT32_MAX;
	if (key->in_phy_port && key->in_phy_port != key->in_port)
		m.mask.in_phy_port = UINT32_MAX;
	for (unsigned f = 0; f < WEFT_FIELD_MAX; f++) {
		unsigned bytes = weft_field_infos[f].bytes;

		if (of_packet_match_tells(f) && memcmp(weft_key_field(&m.value, f), zero, bytes))
			memset(weft_key_field(&m.mask, f), 0xff, bytes);
	}
	return put_fields(w, &m);
}
