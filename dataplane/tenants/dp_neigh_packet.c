// SPDX-License-Identifier: Apache-2.0
#include "tenants/dp_neigh_packet.h"

#include "overlay/wire.h"

#include <weft/checksum.h>

#define ETH_ARP 0x0806u
#define ETH_IPV6 0x86ddu
#define ARP_LEN 28u
#define IPV6_LEN 40u
#define ND_LEN 24u // of a solicitation or advertisement, without options
#define ND_SOLICIT 135u
#define ND_ADVERT 136u
#define OPT_SOURCE 1u
#define OPT_TARGET 2u
#define ADVERT_ROUTER 0x80u
#define ADVERT_SOLICITED 0x40u
#define ADVERT_OVERRIDE 0x20u
#define TAGS_MAX 2u

static struct weft_ip get_ip4(const uint8_t *p)
{
	weft_be32 v4;

	memcpy(&v4, p, 4);
	return weft_ip_from_v4(v4);
}

static struct weft_ip get_ip6(const uint8_t *p)
{
	struct weft_ip ip;

	memcpy(ip.b, p, 16);
	return ip;
}

static bool is_source(const uint8_t *frame, const struct weft_mac *mac)
{
	return memcmp(frame + 6, mac->b, 6) == 0 && !weft_mac_is_multicast(mac);
}

// RFC 826, and RFC 5227 for probes (no sender address) and announcements.
static bool parse_arp(const uint8_t *frame, uint32_t len, struct dp_neigh_packet *q)
{
	static const uint8_t head[] = {0, 1, 8, 0, 6, 4, 0};
	const uint8_t *arp = frame + q->l3_ofs;
	uint16_t op;

	if (len < q->l3_ofs + ARP_LEN || memcmp(arp, head, sizeof(head)) != 0)
		return false;
	op = arp[7];
	if (op != 1 && op != 2)
		return false;
	memcpy(q->mac.b, arp + 8, 6);
	q->ip = get_ip4(arp + 14);
	q->target = get_ip4(arp + 24);
	q->tells = weft_ip_v4(&q->ip) && is_source(frame, &q->mac);
	q->asks = op == 1 && frame[0] & 1 && weft_ip_v4(&q->target) &&
		  !weft_ip_equal(&q->ip, &q->target);
	return true;
}

static uint64_t pseudo6(const uint8_t *ip6, uint32_t len)
{
	weft_be32 words[2] = {htonl(len), htonl(58)};

	return weft_csum_partial(words, sizeof(words), weft_csum_partial(ip6 + 8, 32, 0));
}

// The link-layer address of an option of this type into *mac. False: options are not whole.
static bool find_option(
	const uint8_t *opt, uint32_t len, uint8_t type, struct weft_mac *mac, bool *found)
{
	*found = false;
	while (len) {
		uint32_t size = len < 8 ? 0 : opt[1] * 8u;

		if (!size || size > len)
			return false;
		if (opt[0] == type && !*found) {
			memcpy(mac->b, opt + 2, 6);
			*found = true;
		}
		opt += size;
		len -= size;
	}
	return true;
}

static bool nd_is_sound(const uint8_t *ip6, uint32_t left, uint32_t *nd_len)
{
	*nd_len = overlay_get16(ip6 + 4);
	if (ip6[0] >> 4 != 6 || ip6[6] != 58 || ip6[7] != 255 || *nd_len < ND_LEN ||
		*nd_len > left - IPV6_LEN)
		return false;
	if ((ip6[40] != ND_SOLICIT && ip6[40] != ND_ADVERT) || ip6[41] || ip6[48] == 0xff)
		return false;
	return weft_csum_fold(weft_csum_partial(ip6 + 40, *nd_len, pseudo6(ip6, *nd_len))) ==
	       0xffff;
}

static bool parse_nd(const uint8_t *frame, uint32_t len, struct dp_neigh_packet *q)
{
	const uint8_t *ip6 = frame + q->l3_ofs, *nd = ip6 + IPV6_LEN;
	bool advert, lladdr;
	uint32_t nd_len;

	if (len < q->l3_ofs + IPV6_LEN + ND_LEN || !nd_is_sound(ip6, len - q->l3_ofs, &nd_len))
		return false;
	advert = nd[0] == ND_ADVERT;
	if (!find_option(nd + ND_LEN, nd_len - ND_LEN, advert ? OPT_TARGET : OPT_SOURCE, &q->mac,
		    &lladdr))
		return false;
	q->is_nd = true;
	q->target = get_ip6(nd + 8);
	q->ip = advert ? q->target : get_ip6(ip6 + 8);
	q->router = advert && nd[4] & ADVERT_ROUTER;
	q->tells = lladdr && !weft_ip_is_none(&q->ip) && is_source(frame, &q->mac);
	q->asks = !advert && frame[0] & 1 && !weft_ip_equal(&q->ip, &q->target);
	return true;
}

bool dp_neigh_parse(const uint8_t *frame, uint32_t len, struct dp_neigh_packet *q)
{
	uint16_t type;

	if (len < 14)
		return false;
	type = overlay_get16(frame + 12);
	if (type != ETH_ARP && type != ETH_IPV6 && type != 0x8100 && type != 0x88a8)
		return false;
	*q = (struct dp_neigh_packet){.l3_ofs = 14};
	for (unsigned i = 0; i < TAGS_MAX && (type == 0x8100 || type == 0x88a8); i++) {
		if (len < q->l3_ofs + 4u)
			return false;
		if (!i)
			q->vlan = overlay_get16(frame + q->l3_ofs) & 0xfff;
		type = overlay_get16(frame + q->l3_ofs + 2);
		q->l3_ofs += 4;
	}
	if (type == ETH_ARP)
		return parse_arp(frame, len, q);
	return type == ETH_IPV6 && parse_nd(frame, len, q);
}

// ---- answers

static void answer_arp(const uint8_t *ask, const struct weft_mac *mac, uint8_t *arp)
{
	memcpy(arp, ask, ARP_LEN);
	arp[7] = 2;
	memcpy(arp + 8, mac->b, 6);
	memcpy(arp + 14, ask + 24, 4);
	memcpy(arp + 18, ask + 8, 10);
}

// To the asker, or to all nodes if he has no address yet (RFC 4861, 7.2.4).
static void answer_nd(
	const uint8_t *ask, const struct weft_mac *mac, bool router, uint8_t *ip6, bool *to_all)
{
	static const uint8_t all_nodes[16] = {0xff, 2, [15] = 1}, none[16];
	const uint32_t nd_len = ND_LEN + 8;
	uint8_t *nd = ip6 + IPV6_LEN;
	weft_be16 csum;

	*to_all = memcmp(ask + 8, none, 16) == 0;
	memset(ip6, 0, IPV6_LEN + nd_len);
	ip6[0] = 0x60;
	ip6[5] = (uint8_t)nd_len;
	ip6[6] = 58;
	ip6[7] = 255;
	memcpy(ip6 + 8, ask + 48, 16);
	memcpy(ip6 + 24, *to_all ? all_nodes : ask + 8, 16);
	nd[0] = ND_ADVERT;
	nd[4] = (uint8_t)(ADVERT_OVERRIDE | (router ? ADVERT_ROUTER : 0) |
			  (*to_all ? 0 : ADVERT_SOLICITED));
	memcpy(nd + 8, ask + 48, 16);
	nd[24] = OPT_TARGET;
	nd[25] = 1;
	memcpy(nd + 26, mac->b, 6);
	csum = weft_csum_finish(weft_csum_partial(nd, nd_len, pseudo6(ip6, nd_len)));
	memcpy(nd + 2, &csum, 2);
}

uint32_t dp_neigh_answer(const uint8_t *request, const struct dp_neigh_packet *q,
	const struct weft_mac *mac, bool router, uint8_t out[static DP_NEIGH_ANSWER_MAX])
{
	static const uint8_t all_nodes[6] = {0x33, 0x33, 0, 0, 0, 1};
	bool to_all = false;

	memcpy(out, request, q->l3_ofs);
	memcpy(out + 6, mac->b, 6);
	if (q->is_nd)
		answer_nd(request + q->l3_ofs, mac, router, out + q->l3_ofs, &to_all);
	else
		answer_arp(request + q->l3_ofs, mac, out + q->l3_ofs);
	memcpy(out, to_all ? all_nodes : request + 6, 6);
	return q->l3_ofs + (q->is_nd ? IPV6_LEN + ND_LEN + 8 : ARP_LEN);
}
