// SPDX-License-Identifier: Apache-2.0
#include "overlay/encap.h"

#include "overlay/checksum.h"
#include "overlay/ecn.h"

// Headers are 42 to 74 bytes: two moves of a fixed size, overlapping in the middle, copy any length
// of a class without a loop and without a byte too many before the frame.
static inline void copy_header(uint8_t *to, const struct overlay_template *t)
{
	uint32_t len = t->len;

	if (__builtin_expect(len <= 64, 1)) {
		memcpy(to, t->header, 32);
		memcpy(to + len - 32, t->header + len - 32, 32);
	} else {
		memcpy(to, t->header, 64);
		memcpy(to + len - 64, t->header + len - 64, 64);
	}
}

static inline void patch_ipv4(
	uint8_t *ip, const struct overlay_template *t, uint32_t inner_len, uint16_t ip_id)
{
	weft_be16 len = htons((uint16_t)(inner_len + t->len - t->l3_ofs));
	weft_be16 id = htons(ip_id);
	weft_be16 csum;
	uint32_t sum = t->ip_sum + len + id;

	sum = (sum >> 16) + (sum & 0xffff);
	csum = (weft_be16) ~((sum >> 16) + sum);
	memcpy(ip + 2, &len, 2);
	memcpy(ip + 4, &id, 2);
	memcpy(ip + 10, &csum, 2);
}

static inline void patch_ipv6(
	uint8_t *ip, const struct overlay_template *t, uint32_t inner_len, uint32_t flow_hash)
{
	// The label's 20 bits; zero would say "no label" (RFC 6437, 2).
	uint32_t label = flow_hash >> 12 ? flow_hash >> 12 : 1;

	overlay_put32(ip, overlay_get32(t->header + t->l3_ofs) | label);
	overlay_put16(ip + 4, (uint16_t)(inner_len + t->len - t->l4_ofs));
}

uint8_t *overlay_encap(const struct overlay_template *t, uint8_t *inner, uint32_t inner_len,
	uint32_t flow_hash, uint16_t ip_id)
{
	uint8_t *frame = inner - t->len;
	uint8_t *l4 = frame + t->l4_ofs;

	if (__builtin_expect(inner_len > t->max_inner, 0))
		return NULL;
	copy_header(frame, t);
	if (__builtin_expect(t->v6, 0))
		patch_ipv6(frame + t->l3_ofs, t, inner_len, flow_hash);
	else
		patch_ipv4(frame + t->l3_ofs, t, inner_len, ip_id);
	if (t->encap == WEFT_ENCAP_VXLAN) {
		uint32_t port = (uint32_t)((uint64_t)flow_hash * t->port_count >> 32);
		overlay_put16(l4, (uint16_t)(t->port_base + port));
		overlay_put16(l4 + 4, (uint16_t)(inner_len + t->len - t->l4_ofs));
	} else {
		l4[7] = (uint8_t)(flow_hash >> 24);
	}
	return frame;
}

uint8_t overlay_encap_tos_flip(const struct overlay_template *t, const uint8_t *inner, uint32_t len)
{
	int tos = overlay_tos_get(inner, len);

	return tos < 0 ? 0 : ((uint8_t)tos ^ t->tos) & t->tos_mask;
}

void overlay_encap_flip_tos(const struct overlay_template *t, uint8_t *frame, uint8_t flip)
{
	overlay_tos_set(frame, t->tos ^ flip);
}

struct weft_csum overlay_udp_csum_begin(const struct overlay_template *t, const uint8_t *frame)
{
	const uint8_t *ip = frame + t->l3_ofs, *udp = frame + t->l4_ofs;
	uint32_t len = overlay_get16(udp + 4);
	struct weft_csum c = {0};

	c.sum = t->v6 ? overlay_pseudo_ipv6(ip, OVERLAY_PROTO_UDP, len)
		      : overlay_pseudo_ipv4(ip, OVERLAY_PROTO_UDP, len);
	c.sum = weft_csum_partial(udp, OVERLAY_UDP_LEN + OVERLAY_VXLAN_LEN, c.sum);
	return c;
}

void overlay_udp_csum_end(
	const struct overlay_template *t, uint8_t *frame, const struct weft_csum *csum)
{
	weft_be16 field = weft_csum_finish_udp(csum->sum);

	memcpy(frame + t->l4_ofs + 6, &field, 2);
}

void overlay_udp_csum(const struct overlay_template *t, uint8_t *frame, uint32_t inner_len)
{
	struct weft_csum c;

	if (!t->udp_csum)
		return;
	c = overlay_udp_csum_begin(t, frame);
	weft_csum_add(&c, frame + t->len, inner_len);
	overlay_udp_csum_end(t, frame, &c);
}

static inline bool fits(const struct overlay_template *t, const struct weft_packet *pkt)
{
	return pkt->headroom >= t->len && pkt->total_len <= t->max_inner;
}

// `inner` is the packet as it was: its tail is what it was asked for.
static void burst_csum(const struct overlay_template *t, uint8_t *frame,
	const struct weft_packet *inner, overlay_tail_fn *tail)
{
	struct weft_csum c = overlay_udp_csum_begin(t, frame);

	weft_csum_add(&c, inner->data, inner->len);
	if (inner->total_len > inner->len)
		tail(inner, inner->total_len - inner->len, &c);
	overlay_udp_csum_end(t, frame, &c);
}

static inline void move_to_outer(
	struct weft_packet *pkt, const struct overlay_template *t, uint8_t *frame)
{
	pkt->data = frame;
	pkt->len += t->len;
	pkt->total_len += t->len;
	pkt->headroom = (uint16_t)(pkt->headroom - t->len);
	pkt->l2_len = t->l3_ofs;
	pkt->l3_ofs = t->l3_ofs;
	pkt->l4_ofs = t->l4_ofs;
}

uint64_t overlay_encap_burst(const struct overlay_template *const tmpl[], struct weft_packet *pkts,
	unsigned n, uint16_t ip_id, overlay_tail_fn *tail)
{
	enum {
		AHEAD = 4
	};
	uint64_t done = 0;

	for (unsigned i = 0; i < n; i++) {
		const struct overlay_template *t = tmpl[i];
		struct weft_packet *pkt = &pkts[i];
		uint8_t *frame, flip;

		// The headroom is written, and nobody has touched it yet.
		if (i + AHEAD < n)
			__builtin_prefetch(pkts[i + AHEAD].data - 64, 1);
		if (__builtin_expect(!fits(t, pkt), 0))
			continue;
		frame = overlay_encap(
			t, pkt->data, pkt->total_len, pkt->hash, (uint16_t)(ip_id + i));
		if (__builtin_expect(t->any_network, 0))
			overlay_encap_set_network(t, frame, pkt->network);
		flip = t->tos_mask ? overlay_encap_tos_flip(t, pkt->data, pkt->len) : 0;
		if (__builtin_expect(flip, 0))
			overlay_encap_flip_tos(t, frame, flip);
		if (__builtin_expect(t->udp_csum, 0))
			burst_csum(t, frame, pkt, tail);
		move_to_outer(pkt, t, frame);
		done |= 1ull << i;
	}
	return done;
}

enum weft_drop overlay_encap_refusal(
	const struct overlay_template *t, const struct weft_packet *pkt)
{
	return pkt->headroom < t->len ? WEFT_DROP_NO_HEADROOM : WEFT_DROP_TOO_BIG;
}
