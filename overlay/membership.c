// SPDX-License-Identifier: Apache-2.0
#include "overlay/membership.h"

#include "overlay/checksum.h"

#define PROTO_IGMP 2u
#define PROTO_ICMPV6 58u
#define PROTO_PIM 103u
#define PIM_HELLO 0x20u // version 2, type 0
#define IGMP_QUERY 0x11u
#define IGMP_REPORT_1 0x12u
#define IGMP_REPORT_2 0x16u
#define IGMP_LEAVE 0x17u
#define IGMP_REPORT_3 0x22u
#define IGMP_LEN 8u
#define IGMP_QUERY_3_LEN 12u
#define MLD_QUERY 130u
#define MLD_REPORT_1 131u
#define MLD_DONE 132u
#define MLD_REPORT_2 143u
#define MLD_LEN 24u
#define MLD_QUERY_2_LEN 28u
#define HOPOPTS_LEN 8u // with the router alert alone
#define OPT_ROUTER_ALERT 5u
// Types of records: RFC 3376, 4.2.12; RFC 3810, 5.2.12.
#define IS_INCLUDE 1u
#define TO_INCLUDE 3u
#define ALLOW 5u
#define BLOCK 6u

static const uint8_t none[16];

bool overlay_membership_is_local(const struct weft_ip *group)
{
	if (weft_ip_is_v4(group))
		return group->b[12] == 224 && !group->b[13] && !group->b[14];
	return group->b[0] == 0xff && (group->b[1] & 15) <= 2;
}

static struct weft_ip get_ip(const uint8_t *p, bool v6)
{
	struct weft_ip ip;
	weft_be32 v4;

	if (v6) {
		memcpy(ip.b, p, 16);
		return ip;
	}
	memcpy(&v4, p, 4);
	return weft_ip_from_v4(v4);
}

static bool sum_is_right(const uint8_t *p, uint32_t len, uint64_t pseudo)
{
	return weft_csum_fold(weft_csum_partial(p, len, pseudo)) == 0xffff;
}

static enum overlay_membership_kind single(
	struct overlay_membership *m, const uint8_t *group, bool wants)
{
	m->single = true;
	m->first = (struct overlay_membership_record){get_ip(group, m->v6), wants};
	return OVERLAY_MEMBERSHIP_REPORT;
}

static uint32_t record_bytes(const uint8_t *p, bool v6)
{
	uint32_t addr = v6 ? 16 : 4;

	return 4 + addr + overlay_get16(p + 2) * addr + 4u * p[1];
}

// A report of IGMPv3 or MLDv2, which have the same form but for the addresses: whole?
static enum overlay_membership_kind many(
	struct overlay_membership *m, const uint8_t *p, uint32_t len)
{
	uint32_t head = m->v6 ? 20 : 8;

	m->records = overlay_get16(p + 6);
	m->at = p += 8;
	len -= 8;
	for (unsigned i = 0; i < m->records; i++) {
		uint32_t size = len < head ? len + 1 : record_bytes(p, m->v6);

		if (size > len)
			return OVERLAY_MEMBERSHIP_UNSOUND;
		p += size;
		len -= size;
	}
	return OVERLAY_MEMBERSHIP_REPORT;
}

static enum overlay_membership_kind read_igmp(
	struct overlay_membership *m, const uint8_t *igmp, uint32_t len)
{
	if (len < IGMP_LEN || !sum_is_right(igmp, len, 0))
		return OVERLAY_MEMBERSHIP_UNSOUND;
	switch (igmp[0]) {
	case IGMP_QUERY: // RFC 3376, 7.1: lengths between are no version's
		return len == IGMP_LEN || len >= IGMP_QUERY_3_LEN ? OVERLAY_MEMBERSHIP_QUERY
								  : OVERLAY_MEMBERSHIP_UNSOUND;
	case IGMP_REPORT_1:
	case IGMP_REPORT_2:
	case IGMP_LEAVE:
		return single(m, igmp + 4, igmp[0] != IGMP_LEAVE);
	case IGMP_REPORT_3:
		return many(m, igmp, len);
	default:
		return OVERLAY_MEMBERSHIP_UNSOUND;
	}
}

static enum overlay_membership_kind read_pim(const uint8_t *pim, uint32_t len, uint64_t pseudo)
{
	return len >= 4 && pim[0] == PIM_HELLO && sum_is_right(pim, len, pseudo)
		       ? OVERLAY_MEMBERSHIP_ROUTER
		       : OVERLAY_MEMBERSHIP_UNSOUND;
}

static enum overlay_membership_kind read_ipv4(
	struct overlay_membership *m, const uint8_t *ip, uint32_t left)
{
	static const uint8_t all_pim_routers[4] = {224, 0, 0, 13};
	uint32_t head, total;

	if (left < OVERLAY_IPV4_LEN || (ip[9] != PROTO_IGMP && ip[9] != PROTO_PIM))
		return OVERLAY_MEMBERSHIP_NONE;
	head = (ip[0] & 15u) * 4u;
	total = overlay_get16(ip + 2);
	if (ip[0] >> 4 != 4 || head < OVERLAY_IPV4_LEN || total < head || total > left ||
		overlay_get16(ip + 6) & (OVERLAY_IPV4_MF | OVERLAY_IPV4_OFFSET) || ip[8] != 1 ||
		!overlay_ipv4_csum_ok(ip, head))
		return OVERLAY_MEMBERSHIP_UNSOUND;
	m->from = get_ip(ip + 12, false);
	if (ip[9] == PROTO_IGMP)
		return read_igmp(m, ip + head, total - head);
	if (memcmp(ip + 16, all_pim_routers, 4) != 0)
		return OVERLAY_MEMBERSHIP_NONE;
	return read_pim(ip + head, total - head, 0);
}

// A hop-by-hop header before ICMPv6, with the router alert option (RFC 2711); its length, 0: none.
static uint32_t router_alert(const uint8_t *p, uint32_t len)
{
	uint32_t size = len < 8 ? 0 : 8u * p[1] + 8u, at = 2;

	if (!size || size > len || p[0] != PROTO_ICMPV6)
		return 0;
	while (at + 1 < size) {
		if (p[at] == OPT_ROUTER_ALERT && p[at + 1] == 2)
			return size;
		at += p[at] ? p[at + 1] + 2u : 1;
	}
	return 0;
}

static enum overlay_membership_kind read_mld(
	struct overlay_membership *m, const uint8_t *mld, uint32_t len)
{
	bool anonymous = weft_ip_is_none(&m->from);

	if (!anonymous && (m->from.b[0] != 0xfe || (m->from.b[1] & 0xc0) != 0x80))
		return OVERLAY_MEMBERSHIP_UNSOUND;
	if (mld[0] == MLD_REPORT_2)
		return many(m, mld, len);
	if (len < MLD_LEN || (anonymous && mld[0] == MLD_QUERY))
		return OVERLAY_MEMBERSHIP_UNSOUND;
	if (mld[0] == MLD_QUERY) // RFC 3810, 8.1
		return len == MLD_LEN || len >= MLD_QUERY_2_LEN ? OVERLAY_MEMBERSHIP_QUERY
								: OVERLAY_MEMBERSHIP_UNSOUND;
	return single(m, mld + 8, mld[0] == MLD_REPORT_1);
}

static bool is_mld(uint8_t type)
{
	return (type >= MLD_QUERY && type <= MLD_DONE) || type == MLD_REPORT_2;
}

static enum overlay_membership_kind read_ipv6_pim(const uint8_t *ip, uint32_t len)
{
	static const uint8_t all_pim_routers[16] = {0xff, 2, [15] = 13};

	if (memcmp(ip + 24, all_pim_routers, 16) != 0)
		return OVERLAY_MEMBERSHIP_NONE;
	return read_pim(ip + OVERLAY_IPV6_LEN, len, overlay_pseudo_ipv6(ip, PROTO_PIM, len));
}

static enum overlay_membership_kind read_ipv6(
	struct overlay_membership *m, const uint8_t *ip, uint32_t left)
{
	uint32_t payload, alert, len;
	const uint8_t *mld;

	if (left < OVERLAY_IPV6_LEN || ip[0] >> 4 != 6 || ip[7] != 1)
		return OVERLAY_MEMBERSHIP_NONE;
	payload = overlay_get16(ip + 4);
	m->from = get_ip(ip + 8, true);
	if (payload > left - OVERLAY_IPV6_LEN)
		return OVERLAY_MEMBERSHIP_NONE;
	if (ip[6] == PROTO_PIM)
		return read_ipv6_pim(ip, payload);
	alert = ip[6] ? 0 : router_alert(ip + OVERLAY_IPV6_LEN, payload);
	if (!alert || payload - alert < 8)
		return OVERLAY_MEMBERSHIP_NONE;
	len = payload - alert;
	mld = ip + OVERLAY_IPV6_LEN + alert;
	if (!is_mld(mld[0]))
		return OVERLAY_MEMBERSHIP_NONE;
	if (!sum_is_right(mld, len, overlay_pseudo_ipv6(ip, PROTO_ICMPV6, len)))
		return OVERLAY_MEMBERSHIP_UNSOUND;
	return read_mld(m, mld, len);
}

enum overlay_membership_kind overlay_membership_read(
	const uint8_t *frame, uint32_t len, struct overlay_membership *out)
{
	uint32_t at = OVERLAY_ETH_LEN;
	uint16_t type;

	*out = (struct overlay_membership){.kind = OVERLAY_MEMBERSHIP_NONE};
	if (len < at || !(frame[0] & 1))
		return out->kind;
	type = overlay_get16(frame + 12);
	for (unsigned tags = 0;
		tags < 2 && (type == OVERLAY_ETHERTYPE_VLAN || type == OVERLAY_ETHERTYPE_SVLAN);
		tags++, at += OVERLAY_VLAN_LEN) {
		if (len < at + OVERLAY_VLAN_LEN)
			return out->kind;
		type = overlay_get16(frame + at + 2);
	}
	out->v6 = type == OVERLAY_ETHERTYPE_IPV6;
	if (out->v6)
		out->kind = read_ipv6(out, frame + at, len - at);
	else if (type == OVERLAY_ETHERTYPE_IPV4)
		out->kind = read_ipv4(out, frame + at, len - at);
	return out->kind;
}

// What a record says of the group. False: nothing.
static bool says(const uint8_t *p, bool v6, struct overlay_membership_record *r)
{
	unsigned type = p[0], sources = overlay_get16(p + 2);

	if (type < IS_INCLUDE || type >= BLOCK || (type == ALLOW && !sources))
		return false;
	r->group = get_ip(p + 4, v6);
	r->wants = (type != IS_INCLUDE && type != TO_INCLUDE) || sources;
	return true;
}

// A mapped IPv4 address in MLD is no group of IPv4's.
static bool is_learnable(const struct weft_ip *group, bool v6)
{
	return weft_ip_is_multicast(group) && weft_ip_is_v4(group) == !v6 &&
	       !overlay_membership_is_local(group);
}

bool overlay_membership_next(struct overlay_membership *m, struct overlay_membership_record *out)
{
	if (m->kind != OVERLAY_MEMBERSHIP_REPORT)
		return false;
	if (m->single) {
		m->single = false;
		*out = m->first;
		return is_learnable(&out->group, m->v6);
	}
	while (m->records) {
		const uint8_t *p = m->at;

		m->records--;
		m->at += record_bytes(p, m->v6);
		if (says(p, m->v6, out) && is_learnable(&out->group, m->v6))
			return true;
	}
	return false;
}

// ---- questions

// RFC 3376, 4.1.7: from 128 on, a mantissa of four bits and an exponent.
static uint8_t interval_code(uint32_t s)
{
	uint32_t exponent = 0;

	if (s < 128)
		return (uint8_t)s;
	while (exponent < 7 && s >> (exponent + 3) > 31)
		exponent++;
	s >>= exponent + 3;
	return (uint8_t)(0x80 | exponent << 4 | (s > 31 ? 15 : s & 15));
}

static void write_igmp(const struct overlay_membership_query *q, uint8_t *ip)
{
	static const uint8_t all_hosts[4] = {224, 0, 0, 1};
	bool general = memcmp(&q->group.b[12], none, 4) == 0;
	uint8_t *igmp = ip + 24;
	weft_be16 csum;

	memset(ip, 0, 24 + IGMP_QUERY_3_LEN);
	ip[0] = 0x46;
	ip[1] = 0xc0; // internetwork control, as routers do
	ip[3] = 24 + IGMP_QUERY_3_LEN;
	ip[8] = 1;
	ip[9] = PROTO_IGMP;
	memcpy(ip + 12, &q->src.b[12], 4);
	memcpy(ip + 16, general ? all_hosts : &q->group.b[12], 4);
	memcpy(ip + 20, (const uint8_t[]){0x94, 4, 0, 0}, 4); // router alert: RFC 2113
	overlay_ipv4_set_csum(ip, 24);
	igmp[0] = IGMP_QUERY;
	igmp[1] = q->response_ds;
	memcpy(igmp + 4, &q->group.b[12], 4);
	igmp[8] = 2; // robustness
	igmp[9] = interval_code(q->interval_s);
	csum = weft_csum_finish(weft_csum_partial(igmp, IGMP_QUERY_3_LEN, 0));
	memcpy(igmp + 2, &csum, 2);
}

static void write_mld(const struct overlay_membership_query *q, uint8_t *ip)
{
	static const uint8_t all_nodes[16] = {0xff, 2, [15] = 1};
	uint8_t *alert = ip + OVERLAY_IPV6_LEN, *mld = alert + HOPOPTS_LEN;
	weft_be16 csum;

	memset(ip, 0, OVERLAY_IPV6_LEN + HOPOPTS_LEN + MLD_QUERY_2_LEN);
	ip[0] = 0x60;
	ip[5] = HOPOPTS_LEN + MLD_QUERY_2_LEN;
	ip[7] = 1;
	memcpy(ip + 8, q->src.b, 16);
	memcpy(ip + 24, weft_ip_is_none(&q->group) ? all_nodes : q->group.b, 16);
	memcpy(alert, (const uint8_t[]){PROTO_ICMPV6, 0, OPT_ROUTER_ALERT, 2, 0, 0, 1, 0}, 8);
	mld[0] = MLD_QUERY;
	overlay_put16(mld + 4, (uint16_t)(q->response_ds * 100u));
	memcpy(mld + 8, q->group.b, 16);
	mld[24] = 2; // robustness
	mld[25] = interval_code(q->interval_s);
	csum = weft_csum_finish(weft_csum_partial(
		mld, MLD_QUERY_2_LEN, overlay_pseudo_ipv6(ip, PROTO_ICMPV6, MLD_QUERY_2_LEN)));
	memcpy(mld + 2, &csum, 2);
}

uint32_t overlay_membership_query(
	const struct overlay_membership_query *q, uint8_t out[static OVERLAY_MEMBERSHIP_QUERY_MAX])
{
	bool v6 = !weft_ip_is_v4(&q->group);
	uint32_t at = OVERLAY_ETH_LEN;

	memcpy(out + 6, q->src_mac.b, 6);
	if (q->vlan) {
		overlay_put16(out + 12, OVERLAY_ETHERTYPE_VLAN);
		overlay_put16(out + 14, q->vlan);
		at += OVERLAY_VLAN_LEN;
	}
	overlay_put16(out + at - 2, v6 ? OVERLAY_ETHERTYPE_IPV6 : OVERLAY_ETHERTYPE_IPV4);
	if (v6) {
		write_mld(q, out + at);
		memcpy(out, (const uint8_t[]){0x33, 0x33}, 2);
		memcpy(out + 2, out + at + 36, 4); // RFC 2464, 7
		return at + OVERLAY_IPV6_LEN + HOPOPTS_LEN + MLD_QUERY_2_LEN;
	}
	write_igmp(q, out + at);
	memcpy(out, (const uint8_t[]){1, 0, 0x5e}, 3); // RFC 1112, 6.4
	memcpy(out + 3, out + at + 17, 3);
	out[3] &= 0x7f;
	return at + 24 + IGMP_QUERY_3_LEN;
}
