// SPDX-License-Identifier: Apache-2.0
#include "overlay/decap.h"

#include "overlay/checksum.h"
#include "overlay/decap_plain.h"
#include "overlay/wire.h"

// A walk down the outer headers: `at` is where the next one begins, `end` where the enclosing one
// says that its payload ends; both count from the frame's first byte, and end <= total_len.
struct walk {
	const struct overlay_vtep *vtep;
	const struct weft_packet *pkt;
	struct overlay_rx *rx;
	unsigned hints;
	uint32_t at;
	uint32_t end;
	const uint8_t *ip;
	bool v6;
	// Something is wrong with the IP header, but it counts only once the packet is known to be
	// ours.
	bool faulty;
	enum weft_drop fault;
};

static enum overlay_verdict drop(const struct walk *w, enum weft_drop reason)
{
	w->rx->drop = (uint8_t)reason;
	return OVERLAY_DROP;
}

static inline bool readable(const struct walk *w, uint32_t end)
{
	return end <= w->pkt->len;
}

// A header up to `end` is not readable: because the frame ends before, or only its first piece?
static enum overlay_verdict unreadable(const struct walk *w, uint32_t end)
{
	return end <= w->pkt->total_len ? OVERLAY_PULLUP : OVERLAY_FOREIGN;
}

static inline void set_fault(struct walk *w, enum weft_drop reason)
{
	w->faulty = true;
	w->fault = reason;
}

static enum overlay_verdict found_inner(const struct walk *w)
{
	struct overlay_rx *rx = w->rx;
	uint16_t type = overlay_get16(w->pkt->data + w->at + 12);

	rx->inner_ofs = w->at;
	rx->inner_len = w->end - w->at;
	rx->inner_vlan = type == OVERLAY_ETHERTYPE_VLAN || type == OVERLAY_ETHERTYPE_SVLAN;
	return OVERLAY_INNER;
}

static enum overlay_verdict parse_vxlan(struct walk *w)
{
	const uint8_t *vxlan = w->pkt->data + w->at;

	if (w->end - w->at < OVERLAY_VXLAN_LEN + OVERLAY_ETH_LEN)
		return drop(w, WEFT_DROP_VXLAN_TRUNCATED);
	if (!readable(w, w->at + OVERLAY_VXLAN_LEN + OVERLAY_ETH_LEN))
		return OVERLAY_PULLUP;
	if (!(vxlan[0] & OVERLAY_VXLAN_I))
		return drop(w, WEFT_DROP_VXLAN_FLAGS);
	w->rx->vni = overlay_get32(vxlan + 4) >> 8;
	w->at += OVERLAY_VXLAN_LEN;
	return found_inner(w);
}

// The sum over pseudo header and all of the datagram; true also if it cannot be known.
static bool udp_sum_ok(const struct walk *w, uint32_t len)
{
	const struct weft_packet *pkt = w->pkt;
	struct weft_csum c = {0};
	uint32_t here;

	c.sum = w->v6 ? overlay_pseudo_ipv6(w->ip, OVERLAY_PROTO_UDP, len)
		      : overlay_pseudo_ipv4(w->ip, OVERLAY_PROTO_UDP, len);
	here = pkt->len - w->at < len ? pkt->len - w->at : len;
	if (here < len && !w->vtep->tail)
		return true;
	weft_csum_add(&c, pkt->data + w->at, here);
	if (here < len)
		w->vtep->tail(pkt, len - here, &c);
	return weft_csum_fold(c.sum) == 0xffff;
}

static bool udp_csum_ok(const struct walk *w, const uint8_t *udp, uint32_t len)
{
	if (!(udp[6] | udp[7]))
		return w->v6 ? w->vtep->udp6_zero_csum_ok : !w->vtep->udp4_zero_csum_bad;
	if (w->hints & OVERLAY_HINT_UDP_BAD)
		return false;
	return w->hints & OVERLAY_HINT_UDP_GOOD || udp_sum_ok(w, len);
}

static enum overlay_verdict parse_udp(struct walk *w)
{
	const uint8_t *udp = w->pkt->data + w->at;
	uint32_t len;

	if (w->end - w->at < OVERLAY_UDP_LEN)
		return drop(w, w->faulty ? w->fault : WEFT_DROP_OUTER_BAD_UDP);
	if (!readable(w, w->at + OVERLAY_UDP_LEN))
		return OVERLAY_PULLUP;
	if (overlay_get16(udp + 2) != w->vtep->vxlan_port)
		return OVERLAY_FOREIGN;
	w->rx->encap = WEFT_ENCAP_VXLAN;
	if (w->faulty)
		return drop(w, w->fault);
	len = overlay_get16(udp + 4);
	if (len < OVERLAY_UDP_LEN || len > w->end - w->at || !udp_csum_ok(w, udp, len))
		return drop(w, WEFT_DROP_OUTER_BAD_UDP);
	w->end = w->at + len;
	w->at += OVERLAY_UDP_LEN;
	return parse_vxlan(w);
}

static enum overlay_verdict parse_nvgre(struct walk *w, uint16_t flags)
{
	const uint16_t fixed =
		OVERLAY_GRE_C | OVERLAY_GRE_R | OVERLAY_GRE_K | OVERLAY_GRE_S | OVERLAY_GRE_VERSION;
	uint32_t key;

	if ((flags & fixed) != OVERLAY_GRE_K)
		return drop(w, WEFT_DROP_NVGRE_FLAGS);
	if (w->end - w->at < OVERLAY_NVGRE_LEN + OVERLAY_ETH_LEN)
		return drop(w, WEFT_DROP_NVGRE_TRUNCATED);
	if (!readable(w, w->at + OVERLAY_NVGRE_LEN + OVERLAY_ETH_LEN))
		return OVERLAY_PULLUP;
	key = overlay_get32(w->pkt->data + w->at + 4);
	w->rx->vni = key >> 8;
	w->rx->flow_id = key & 0xff;
	if (w->rx->vni < WEFT_VSID_MIN || w->rx->vni > WEFT_VSID_MAX)
		return drop(w, WEFT_DROP_NVGRE_VSID);
	w->at += OVERLAY_NVGRE_LEN;
	return found_inner(w);
}

static enum overlay_verdict parse_gre(struct walk *w)
{
	const uint8_t *gre = w->pkt->data + w->at;

	if (w->end - w->at < OVERLAY_GRE_LEN)
		return drop(w, w->faulty ? w->fault : WEFT_DROP_NVGRE_TRUNCATED);
	if (!readable(w, w->at + OVERLAY_GRE_LEN))
		return OVERLAY_PULLUP;
	if (overlay_get16(gre + 2) != OVERLAY_ETHERTYPE_TEB)
		return OVERLAY_FOREIGN;
	w->rx->encap = WEFT_ENCAP_NVGRE;
	if (w->faulty)
		return drop(w, w->fault);
	return parse_nvgre(w, overlay_get16(gre));
}

static bool carries_overlay(const struct overlay_vtep *vtep, uint8_t proto)
{
	return (proto == OVERLAY_PROTO_UDP && vtep->vxlan_port) ||
	       (proto == OVERLAY_PROTO_GRE && vtep->nvgre);
}

static enum overlay_verdict parse_l4(struct walk *w, uint8_t proto)
{
	return proto == OVERLAY_PROTO_UDP ? parse_udp(w) : parse_gre(w);
}

static bool ipv4_csum_ok(const struct walk *w, uint32_t hlen)
{
	if (w->hints & (OVERLAY_HINT_IP_GOOD | OVERLAY_HINT_IP_BAD))
		return !(w->hints & OVERLAY_HINT_IP_BAD);
	return overlay_ipv4_csum_ok(w->ip, hlen);
}

// `len` bytes at `ofs` of a datagram whose header has `header` bytes; only the last piece's length
// may be odd to eights.
static enum overlay_verdict fragment(
	const struct walk *w, uint32_t ofs, uint32_t len, uint32_t header, bool more)
{
	if (!len || header + ofs + len > 65535 || (more && len % 8))
		return drop(w, WEFT_DROP_OUTER_BAD_IP);
	return OVERLAY_FRAGMENT;
}

static enum overlay_verdict fragment4(
	const struct walk *w, uint32_t flags, uint32_t hlen, uint32_t total)
{
	if (!ipv4_csum_ok(w, hlen))
		return drop(w, WEFT_DROP_OUTER_BAD_IP);
	return fragment(
		w, 8 * (flags & OVERLAY_IPV4_OFFSET), total - hlen, hlen, flags & OVERLAY_IPV4_MF);
}

static bool is_group(const struct weft_ip *dst, const struct overlay_vtep *vtep)
{
	uint32_t lo = 0, hi = vtep->group_count;

	while (lo < hi && weft_ip_is_multicast(dst)) {
		uint32_t mid = lo + (hi - lo) / 2;
		int order = memcmp(dst->b, vtep->groups[mid].b, sizeof(dst->b));

		if (!order)
			return true;
		if (order < 0)
			hi = mid;
		else
			lo = mid + 1;
	}
	return false;
}

static bool is_ours(
	const struct weft_ip *dst, const struct weft_ip *own, const struct overlay_vtep *vtep)
{
	return weft_ip_equal(dst, own) || (vtep->group_count && is_group(dst, vtep));
}

static enum overlay_verdict parse_ipv4(struct walk *w)
{
	const uint8_t *ip = w->ip = w->pkt->data + w->at;
	struct overlay_rx *rx = w->rx;
	uint32_t hlen, total, flags;
	weft_be32 addr;

	if (!readable(w, w->at + OVERLAY_IPV4_LEN))
		return unreadable(w, w->at + OVERLAY_IPV4_LEN);
	memcpy(&addr, ip + 16, 4);
	rx->dst = weft_ip_from_v4(addr);
	if (!is_ours(&rx->dst, &w->vtep->ipv4, w->vtep) || !carries_overlay(w->vtep, ip[9]))
		return OVERLAY_FOREIGN;
	memcpy(&addr, ip + 12, 4);
	rx->src = weft_ip_from_v4(addr);
	rx->tos = ip[1];
	rx->ttl = ip[8];
	hlen = 4 * (ip[0] & 15u);
	total = overlay_get16(ip + 2);
	if (ip[0] >> 4 != 4 || hlen < OVERLAY_IPV4_LEN || total < hlen ||
		total > w->pkt->total_len - w->at)
		return drop(w, WEFT_DROP_OUTER_BAD_IP);
	if (!readable(w, w->at + hlen))
		return OVERLAY_PULLUP;
	flags = overlay_get16(ip + 6);
	if ((flags & (OVERLAY_IPV4_OFFSET | OVERLAY_IPV4_MF)) && w->vtep->reassemble)
		return fragment4(w, flags, hlen, total);
	if (flags & OVERLAY_IPV4_OFFSET)
		return OVERLAY_FOREIGN;
	if (!ipv4_csum_ok(w, hlen))
		set_fault(w, WEFT_DROP_OUTER_BAD_IP);
	else if (flags & OVERLAY_IPV4_MF)
		set_fault(w, WEFT_DROP_OUTER_FRAGMENT);
	w->end = w->at + total;
	w->at += hlen;
	return parse_l4(w, ip[9]);
}

// Steps over one extension header, `next` being its type and becoming the next one's. OVERLAY_INNER
// stands for "go on".
static enum overlay_verdict skip_extension(struct walk *w, uint8_t *next)
{
	const uint8_t *ext = w->pkt->data + w->at;
	uint32_t len, offset_more;

	if (w->end - w->at < 8)
		return drop(w, WEFT_DROP_OUTER_BAD_IP);
	if (!readable(w, w->at + 8))
		return OVERLAY_PULLUP;
	len = 8;
	if (*next == OVERLAY_PROTO_FRAGMENT) {
		offset_more = overlay_get16(ext + 2);
		if (offset_more & OVERLAY_IPV6_FRAG_OFFSET)
			return OVERLAY_FOREIGN;
		if (offset_more & OVERLAY_IPV6_FRAG_MORE)
			set_fault(w, WEFT_DROP_OUTER_FRAGMENT);
	} else {
		len = 8 * (1u + ext[1]);
		if (*next == OVERLAY_PROTO_ROUTING && ext[3])
			return OVERLAY_FOREIGN;
	}
	if (w->end - w->at < len)
		return drop(w, WEFT_DROP_OUTER_BAD_IP);
	w->at += len;
	*next = ext[0];
	return OVERLAY_INNER;
}

// A fragment header right behind the IPv6 header. OVERLAY_INNER: none to be put together.
static enum overlay_verdict fragment6(const struct walk *w)
{
	const uint8_t *ext = w->pkt->data + w->at;
	uint32_t ofs_more;

	if (w->end - w->at < 8 || !readable(w, w->at + 8))
		return OVERLAY_INNER; // skip_extension() says what of it
	ofs_more = overlay_get16(ext + 2);
	if (!carries_overlay(w->vtep, ext[0]) ||
		!(ofs_more & (OVERLAY_IPV6_FRAG_OFFSET | OVERLAY_IPV6_FRAG_MORE)))
		return OVERLAY_INNER;
	return fragment(w, ofs_more & OVERLAY_IPV6_FRAG_OFFSET, w->end - w->at - 8, 0,
		ofs_more & OVERLAY_IPV6_FRAG_MORE);
}

static bool is_extension(uint8_t next)
{
	return next == OVERLAY_PROTO_HOPOPTS || next == OVERLAY_PROTO_ROUTING ||
	       next == OVERLAY_PROTO_FRAGMENT || next == OVERLAY_PROTO_DSTOPTS;
}

static enum overlay_verdict parse_ipv6(struct walk *w)
{
	const uint8_t *ip = w->ip = w->pkt->data + w->at;
	const struct overlay_vtep *vtep = w->vtep;
	struct overlay_rx *rx = w->rx;
	uint8_t next;

	if (!readable(w, w->at + OVERLAY_IPV6_LEN))
		return unreadable(w, w->at + OVERLAY_IPV6_LEN);
	memcpy(rx->dst.b, ip + 24, 16);
	if (!is_ours(&rx->dst, &vtep->ipv6, vtep) || weft_ip_is_none(&vtep->ipv6))
		return OVERLAY_FOREIGN;
	memcpy(rx->src.b, ip + 8, 16);
	rx->tos = (uint8_t)(overlay_get16(ip) >> 4);
	rx->ttl = ip[7];
	w->v6 = true;
	next = ip[6];
	w->end = w->at + OVERLAY_IPV6_LEN + overlay_get16(ip + 4);
	if (!carries_overlay(vtep, next) && !is_extension(next))
		return OVERLAY_FOREIGN;
	if (ip[0] >> 4 != 6 || w->end > w->pkt->total_len)
		return drop(w, WEFT_DROP_OUTER_BAD_IP);
	if (weft_ip_is_v4(&rx->src))
		set_fault(w, WEFT_DROP_OUTER_BAD_IP);
	w->at += OVERLAY_IPV6_LEN;
	if (next == OVERLAY_PROTO_FRAGMENT && vtep->reassemble) {
		enum overlay_verdict v = fragment6(w);
		if (v != OVERLAY_INNER)
			return v;
	}
	for (unsigned i = 0; is_extension(next); i++) {
		enum overlay_verdict v;
		if (i == OVERLAY_IPV6_EXT_MAX)
			return OVERLAY_FOREIGN;
		v = skip_extension(w, &next);
		if (v != OVERLAY_INNER)
			return v;
	}
	return carries_overlay(vtep, next) ? parse_l4(w, next) : OVERLAY_FOREIGN;
}

static enum overlay_verdict parse_ethernet(struct walk *w)
{
	const struct weft_packet *pkt = w->pkt;
	uint16_t type;

	if (pkt->total_len < OVERLAY_ETH_LEN)
		return drop(w, WEFT_DROP_RX_TRUNCATED);
	if (!readable(w, OVERLAY_ETH_LEN))
		return OVERLAY_PULLUP;
	w->at = OVERLAY_ETH_LEN;
	type = overlay_get16(pkt->data + 12);
	if (type == OVERLAY_ETHERTYPE_VLAN) {
		w->at += OVERLAY_VLAN_LEN;
		if (!readable(w, w->at))
			return unreadable(w, w->at);
		w->rx->outer_vid = overlay_get16(pkt->data + 14) & 0xfff;
		type = overlay_get16(pkt->data + 16);
	}
	if (type == OVERLAY_ETHERTYPE_IPV4)
		return parse_ipv4(w);
	return type == OVERLAY_ETHERTYPE_IPV6 ? parse_ipv6(w) : OVERLAY_FOREIGN;
}

static inline bool is_plain(const struct overlay_vtep *vtep, const struct weft_packet *pkt,
	unsigned hints, struct overlay_rx *rx)
{
	struct overlay_plain_vtep against = overlay_plain_vtep(vtep);
	struct overlay_plain plain;

	if (!overlay_decap_plain(&against, pkt->data, pkt->len, pkt->total_len, hints, &plain))
		return false;
	overlay_plain_tell(&plain, &vtep->ipv4, rx);
	return true;
}

static enum overlay_verdict walk_down(const struct overlay_vtep *vtep,
	const struct weft_packet *pkt, unsigned hints, struct overlay_rx *rx)
{
	struct walk w = {.vtep = vtep, .pkt = pkt, .rx = rx, .hints = hints};
	enum overlay_verdict verdict;

	memset(rx, 0, sizeof(*rx));
	verdict = parse_ethernet(&w);
	rx->verdict = (uint8_t)verdict;
	return verdict;
}

enum overlay_verdict overlay_decap(const struct overlay_vtep *vtep, const struct weft_packet *pkt,
	unsigned hints, struct overlay_rx *rx)
{
	if (!(hints & ~OVERLAY_HINT_UDP_GOOD) &&
		__builtin_expect(is_plain(vtep, pkt, hints, rx), 1))
		return OVERLAY_INNER;
	return walk_down(vtep, pkt, hints, rx);
}
