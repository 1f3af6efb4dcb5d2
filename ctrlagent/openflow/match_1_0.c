// SPDX-License-Identifier: Apache-2.0
#include "openflow/match_1_0.h"

#include "openflow/oxm.h"

#define VLAN_NONE 0xffffu

struct wire {
	uint32_t wildcards;
	uint32_t in_port;
	struct weft_mac dl_src;
	struct weft_mac dl_dst;
	uint16_t dl_vlan;
	uint8_t dl_vlan_pcp;
	uint16_t dl_type;
	uint8_t nw_tos;
	uint8_t nw_proto;
	uint32_t nw_src;
	uint32_t nw_dst;
	uint16_t tp_src;
	uint16_t tp_dst;
};

// A bit of `wildcards` set: the field is not matched. nw_src and nw_dst have six bits each, the
// number of low bits that are not.
enum {
	W_IN_PORT = 1 << 0,
	W_DL_VLAN = 1 << 1,
	W_DL_SRC = 1 << 2,
	W_DL_DST = 1 << 3,
	W_DL_TYPE = 1 << 4,
	W_NW_PROTO = 1 << 5,
	W_TP_SRC = 1 << 6,
	W_TP_DST = 1 << 7,
	W_NW_SRC_SHIFT = 8,
	W_NW_DST_SHIFT = 14,
	W_DL_VLAN_PCP = 1 << 20,
	W_NW_TOS = 1 << 21,
	W_ALL = (1 << 22) - 1,
};

struct key_mask {
	struct weft_flow_key value;
	struct weft_flow_key mask;
};

static void get_wire(struct of_reader *r, struct wire *m)
{
	m->wildcards = of_get_u32(r);
	m->in_port = of_get_port(r);
	of_get_bytes(r, m->dl_src.b, 6);
	of_get_bytes(r, m->dl_dst.b, 6);
	m->dl_vlan = of_get_u16(r);
	m->dl_vlan_pcp = of_get_u8(r);
	of_take(r, 1);
	m->dl_type = of_get_u16(r);
	m->nw_tos = of_get_u8(r);
	m->nw_proto = of_get_u8(r);
	of_take(r, 2);
	m->nw_src = of_get_u32(r);
	m->nw_dst = of_get_u32(r);
	m->tp_src = of_get_u16(r);
	m->tp_dst = of_get_u16(r);
}

static void put_wire(struct of_writer *w, const struct wire *m)
{
	of_put_u32(w, m->wildcards);
	of_put_port(w, m->in_port);
	of_put_bytes(w, m->dl_src.b, 6);
	of_put_bytes(w, m->dl_dst.b, 6);
	of_put_u16(w, m->dl_vlan);
	of_put_u8(w, m->dl_vlan_pcp);
	of_put_zeros(w, 1);
	of_put_u16(w, m->dl_type);
	of_put_u8(w, m->nw_tos);
	of_put_u8(w, m->nw_proto);
	of_put_zeros(w, 2);
	of_put_u32(w, m->nw_src);
	of_put_u32(w, m->nw_dst);
	of_put_u16(w, m->tp_src);
	of_put_u16(w, m->tp_dst);
}

static uint32_t prefix_mask(uint32_t wildcards, unsigned shift)
{
	unsigned ignored = wildcards >> shift & 63;

	return ignored >= 32 ? 0 : UINT32_MAX << ignored;
}

// Whether a mask, not zero, is one of a prefix, and how many low bits it ignores.
static bool ignored_bits(weft_be32 mask_be, uint32_t *out)
{
	uint32_t mask = ntohl(mask_be);

	*out = (uint32_t)__builtin_ctz(mask);
	return mask == prefix_mask(*out, 0);
}

static void set(struct key_mask *k, enum weft_field f, uint32_t value)
{
	unsigned n = weft_field_infos[f].bytes;
	uint8_t *v = weft_key_field(&k->value, f), *m = weft_key_field(&k->mask, f);

	of_oxm_full_mask(f, m);
	while (n--) {
		v[n] = (uint8_t)value;
		value >>= 8;
	}
}

// No tag, or a tag with this VID, this PCP or both; a PCP alone wants a tag.
static int set_vlan(struct key_mask *k, const struct wire *m)
{
	bool vid = !(m->wildcards & W_DL_VLAN), pcp = !(m->wildcards & W_DL_VLAN_PCP);

	if (vid && m->dl_vlan == VLAN_NONE) {
		set(k, WEFT_FIELD_VLAN_VID, 0);
		return 0;
	}
	if ((vid && m->dl_vlan > 0xfff) || (pcp && m->dl_vlan_pcp > 7))
		return -EBADMSG;
	if (vid)
		set(k, WEFT_FIELD_VLAN_VID, WEFT_VLAN_PRESENT | m->dl_vlan);
	if (pcp)
		set(k, WEFT_FIELD_VLAN_PCP, m->dl_vlan_pcp);
	if (pcp && !vid)
		k->value.vlan_vid = k->mask.vlan_vid = htons(WEFT_VLAN_PRESENT);
	return 0;
}

static void set_l2(struct key_mask *k, const struct wire *m)
{
	if (!(m->wildcards & W_IN_PORT))
		set(k, WEFT_FIELD_IN_PORT, m->in_port);
	if (!(m->wildcards & W_DL_SRC)) {
		k->value.eth_src = m->dl_src;
		memset(&k->mask.eth_src, 0xff, 6);
	}
	if (!(m->wildcards & W_DL_DST)) {
		k->value.eth_dst = m->dl_dst;
		memset(&k->mask.eth_dst, 0xff, 6);
	}
	if (!(m->wildcards & W_DL_TYPE))
		set(k, WEFT_FIELD_ETH_TYPE, m->dl_type);
}

static void set_addresses(struct key_mask *k, const struct wire *m)
{
	k->mask.ipv4_src = htonl(prefix_mask(m->wildcards, W_NW_SRC_SHIFT));
	k->mask.ipv4_dst = htonl(prefix_mask(m->wildcards, W_NW_DST_SHIFT));
	k->value.ipv4_src = htonl(m->nw_src) & k->mask.ipv4_src;
	k->value.ipv4_dst = htonl(m->nw_dst) & k->mask.ipv4_dst;
}

// ICMP's type and code lie in the low bytes of the ports' containers.
static void set_l4(struct key_mask *k, const struct wire *m)
{
	bool icmp = m->nw_proto == 1;

	if (!(m->wildcards & W_TP_SRC))
		set(k, icmp ? WEFT_FIELD_ICMPV4_TYPE : WEFT_FIELD_TCP_SRC,
			icmp ? m->tp_src & 0xff : m->tp_src);
	if (!(m->wildcards & W_TP_DST))
		set(k, icmp ? WEFT_FIELD_ICMPV4_CODE : WEFT_FIELD_TCP_DST,
			icmp ? m->tp_dst & 0xff : m->tp_dst);
}

static bool has_ports(uint8_t proto)
{
	return proto == 1 || proto == 6 || proto == 17 || proto == 132;
}

static void set_l3(struct key_mask *k, const struct wire *m)
{
	bool proto = !(m->wildcards & W_NW_PROTO);

	if (m->wildcards & W_DL_TYPE || (m->dl_type != 0x0800 && m->dl_type != 0x0806))
		return;
	set_addresses(k, m);
	if (m->dl_type == 0x0806) {
		if (proto)
			set(k, WEFT_FIELD_ARP_OP, m->nw_proto);
		return;
	}
	if (proto)
		set(k, WEFT_FIELD_IP_PROTO, m->nw_proto);
	if (!(m->wildcards & W_NW_TOS))
		set(k, WEFT_FIELD_IP_DSCP, m->nw_tos >> 2);
	if (proto && has_ports(m->nw_proto))
		set_l4(k, m);
}

int of_match_1_0_read(struct of_span in, struct weft_match *out, struct of_error *error)
{
	struct of_reader r = of_list(in, 1);
	struct key_mask k;
	struct wire m;

	memset(&k, 0, sizeof(k));
	get_wire(&r, &m);
	if (r.failed || of_left(&r)) {
		*error = (struct of_error){OFPET_BAD_MATCH, OFPBMC_BAD_LEN, 0};
		return -EBADMSG;
	}
	if (set_vlan(&k, &m)) {
		*error = (struct of_error){OFPET_BAD_MATCH, OFPBMC_BAD_VALUE, 0};
		return -EBADMSG;
	}
	set_l2(&k, &m);
	set_l3(&k, &m);
	weft_match_from_key(out, &k.value, &k.mask);
	return 0;
}

static void get_l2(struct wire *m, const struct key_mask *k)
{
	static const uint8_t ones[6] = {255, 255, 255, 255, 255, 255};
	uint16_t vid_mask = ntohs(k->mask.vlan_vid), vid = ntohs(k->value.vlan_vid);

	if (k->mask.in_port == UINT32_MAX) {
		m->wildcards &= ~(uint32_t)W_IN_PORT;
		m->in_port = ntohl(k->value.in_port);
	}
	if (memcmp(&k->mask.eth_src, ones, 6) == 0) {
		m->wildcards &= ~(uint32_t)W_DL_SRC;
		m->dl_src = k->value.eth_src;
	}
	if (memcmp(&k->mask.eth_dst, ones, 6) == 0) {
		m->wildcards &= ~(uint32_t)W_DL_DST;
		m->dl_dst = k->value.eth_dst;
	}
	if (k->mask.eth_type == 0xffff) {
		m->wildcards &= ~(uint32_t)W_DL_TYPE;
		m->dl_type = ntohs(k->value.eth_type);
	}
	if (vid_mask == 0x1fff) {
		m->wildcards &= ~(uint32_t)W_DL_VLAN;
		m->dl_vlan = vid & WEFT_VLAN_PRESENT ? vid & 0xfff : VLAN_NONE;
	}
	if (k->mask.vlan_pcp == 7) {
		m->wildcards &= ~(uint32_t)W_DL_VLAN_PCP;
		m->dl_vlan_pcp = k->value.vlan_pcp;
	}
}

static void get_l3(struct wire *m, const struct key_mask *k)
{
	bool arp = m->dl_type == 0x0806;
	uint32_t src, dst;

	if (m->wildcards & W_DL_TYPE || (!arp && m->dl_type != 0x0800))
		return;
	if (k->mask.ipv4_src && ignored_bits(k->mask.ipv4_src, &src)) {
		m->wildcards = (m->wildcards & ~(63u << W_NW_SRC_SHIFT)) | src << W_NW_SRC_SHIFT;
		m->nw_src = ntohl(k->value.ipv4_src);
	}
	if (k->mask.ipv4_dst && ignored_bits(k->mask.ipv4_dst, &dst)) {
		m->wildcards = (m->wildcards & ~(63u << W_NW_DST_SHIFT)) | dst << W_NW_DST_SHIFT;
		m->nw_dst = ntohl(k->value.ipv4_dst);
	}
	if (arp ? k->mask.l4_src == 0xffff : k->mask.ip_proto == 0xff) {
		m->wildcards &= ~(uint32_t)W_NW_PROTO;
		m->nw_proto = arp ? (uint8_t)ntohs(k->value.l4_src) : k->value.ip_proto;
	}
	if (!arp && k->mask.ip_dscp == 0x3f) {
		m->wildcards &= ~(uint32_t)W_NW_TOS;
		m->nw_tos = (uint8_t)(k->value.ip_dscp << 2);
	}
	if (arp || m->wildcards & W_NW_PROTO || !has_ports(m->nw_proto))
		return;
	if (ntohs(k->mask.l4_src) == (m->nw_proto == 1 ? 0xff : 0xffff)) {
		m->wildcards &= ~(uint32_t)W_TP_SRC;
		m->tp_src = ntohs(k->value.l4_src);
	}
	if (ntohs(k->mask.l4_dst) == (m->nw_proto == 1 ? 0xff : 0xffff)) {
		m->wildcards &= ~(uint32_t)W_TP_DST;
		m->tp_dst = ntohs(k->value.l4_dst);
	}
}

int of_match_1_0_write(struct of_writer *w, const struct weft_match *in)
{
	struct wire m = {.wildcards = W_ALL};
	struct key_mask k;

	weft_match_to_key(in, &k.value, &k.mask);
	get_l2(&m, &k);
	get_l3(&m, &k);
	put_wire(w, &m);
	return w->error;
}
