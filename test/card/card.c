// SPDX-License-Identifier: Apache-2.0
#include "card.h"

#include <rte_ethdev.h>

#include <string.h>

// ---- headers

struct card_ip {
	uint32_t at, len, total; // header, and all of it as the header says
	uint8_t proto;
	bool v6;
};

struct headers {
	struct card_ip outer, inner; // .len 0: there is none
	uint32_t tunnel; // bytes between the outer IP header and the inner Ethernet header
	bool vxlan;
	uint32_t l4, l4_len; // of the innermost IP packet, if TCP or UDP
};

static uint32_t get16(const uint8_t *p)
{
	return (uint32_t)(p[0] << 8 | p[1]);
}

static void put16(uint8_t *p, uint32_t v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

static uint32_t get32(const uint8_t *p)
{
	return get16(p) << 16 | get16(p + 2);
}

// The IP header of the Ethernet frame at `at`, behind its tags.
static bool find_ip(const uint8_t *f, uint32_t len, uint32_t at, struct card_ip *ip)
{
	at += 12;
	while (at + 6 <= len && (get16(f + at) == 0x8100 || get16(f + at) == 0x88a8))
		at += 4;
	if (at + 2 + 40 > len || (get16(f + at) != 0x0800 && get16(f + at) != 0x86dd))
		return false;
	ip->v6 = get16(f + at) == 0x86dd;
	ip->at = at + 2;
	f += ip->at;
	ip->len = ip->v6 ? 40 : (f[0] & 15u) * 4;
	ip->total = ip->v6 ? 40 + get16(f + 4) : get16(f + 2);
	ip->proto = ip->v6 ? f[6] : f[9];
	return true;
}

static bool find(const struct card *c, const uint8_t *f, uint32_t len, struct headers *h)
{
	const struct card_ip *last;
	uint32_t l4;

	memset(h, 0, sizeof(*h));
	if (!find_ip(f, len, 0, &h->outer))
		return false;
	l4 = h->outer.at + h->outer.len;
	h->vxlan = h->outer.proto == 17 && get16(f + l4 + 2) == c->vxlan_port;
	if (h->vxlan)
		h->tunnel = 16;
	else if (h->outer.proto == 47 && get32(f + l4) == 0x20006558)
		h->tunnel = 8;
	if (h->tunnel && !find_ip(f, len, l4 + h->tunnel, &h->inner))
		h->inner.len = 0;
	last = h->tunnel ? &h->inner : &h->outer;
	if (last->len && (last->proto == 6 || last->proto == 17)) {
		h->l4 = last->at + last->len;
		h->l4_len = last->proto == 6 ? (uint32_t)(f[h->l4 + 12] >> 4) * 4 : 8;
	}
	return true;
}

// ---- sums, by the book (RFC 1071, 4.1)

static uint32_t sum(const uint8_t *p, uint32_t len, uint32_t s)
{
	for (uint32_t i = 0; i < len; i++) {
		s += i & 1 ? p[i] : (uint32_t)p[i] << 8;
		s = (s & 0xffff) + (s >> 16);
	}
	return s;
}

static uint32_t pseudo(const uint8_t *f, const struct card_ip *ip, uint32_t l4_len)
{
	uint32_t s = sum(f + ip->at + (ip->v6 ? 8 : 12), ip->v6 ? 32 : 8, 0);

	return sum((uint8_t[]){(uint8_t)(l4_len >> 8), (uint8_t)l4_len, 0, ip->proto}, 4, s);
}

static void fill_ip(uint8_t *f, const struct card_ip *ip)
{
	put16(f + ip->at + 10, 0);
	put16(f + ip->at + 10, ~sum(f + ip->at, ip->len, 0));
}

// TCP's or UDP's checksum, of a packet that says how long it is.
static uint32_t l4_sum(const uint8_t *f, const struct card_ip *ip)
{
	uint32_t l4 = ip->at + ip->len, l4_len = ip->total - ip->len;

	return sum(f + l4, l4_len, pseudo(f, ip, l4_len));
}

static void fill_l4(uint8_t *f, const struct card_ip *ip)
{
	uint32_t field = ip->at + ip->len + (ip->proto == 6 ? 16 : 6), s;

	put16(f + field, 0);
	s = ~l4_sum(f, ip) & 0xffff;
	put16(f + field, s || ip->proto == 6 ? s : 0xffff);
}

// ---- what may be asked

static const struct {
	uint64_t mask, flag, needs;
} asks[] = {
	{RTE_MBUF_F_TX_IP_CKSUM, RTE_MBUF_F_TX_IP_CKSUM, RTE_ETH_TX_OFFLOAD_IPV4_CKSUM},
	{RTE_MBUF_F_TX_L4_MASK, RTE_MBUF_F_TX_TCP_CKSUM, RTE_ETH_TX_OFFLOAD_TCP_CKSUM},
	{RTE_MBUF_F_TX_L4_MASK, RTE_MBUF_F_TX_UDP_CKSUM, RTE_ETH_TX_OFFLOAD_UDP_CKSUM},
	{RTE_MBUF_F_TX_L4_MASK, RTE_MBUF_F_TX_SCTP_CKSUM, RTE_ETH_TX_OFFLOAD_SCTP_CKSUM},
	{RTE_MBUF_F_TX_OUTER_IP_CKSUM, RTE_MBUF_F_TX_OUTER_IP_CKSUM,
		RTE_ETH_TX_OFFLOAD_OUTER_IPV4_CKSUM},
	{RTE_MBUF_F_TX_OUTER_UDP_CKSUM, RTE_MBUF_F_TX_OUTER_UDP_CKSUM,
		RTE_ETH_TX_OFFLOAD_OUTER_UDP_CKSUM},
	{RTE_MBUF_F_TX_TCP_SEG, RTE_MBUF_F_TX_TCP_SEG, RTE_ETH_TX_OFFLOAD_TCP_TSO},
	{RTE_MBUF_F_TX_TCP_SEG | RTE_MBUF_F_TX_TUNNEL_MASK,
		RTE_MBUF_F_TX_TCP_SEG | RTE_MBUF_F_TX_TUNNEL_VXLAN,
		RTE_ETH_TX_OFFLOAD_VXLAN_TNL_TSO},
	{RTE_MBUF_F_TX_TCP_SEG | RTE_MBUF_F_TX_TUNNEL_MASK,
		RTE_MBUF_F_TX_TCP_SEG | RTE_MBUF_F_TX_TUNNEL_GRE, RTE_ETH_TX_OFFLOAD_GRE_TNL_TSO},
	{RTE_MBUF_F_TX_TCP_SEG | RTE_MBUF_F_TX_TUNNEL_MASK,
		RTE_MBUF_F_TX_TCP_SEG | RTE_MBUF_F_TX_TUNNEL_IP, RTE_ETH_TX_OFFLOAD_IP_TNL_TSO},
	{RTE_MBUF_F_TX_TCP_SEG | RTE_MBUF_F_TX_TUNNEL_MASK,
		RTE_MBUF_F_TX_TCP_SEG | RTE_MBUF_F_TX_TUNNEL_UDP, RTE_ETH_TX_OFFLOAD_UDP_TNL_TSO},
};

#define KNOWN                                                                                      \
	(RTE_MBUF_F_TX_IP_CKSUM | RTE_MBUF_F_TX_L4_MASK | RTE_MBUF_F_TX_IPV4 |                     \
		RTE_MBUF_F_TX_IPV6 | RTE_MBUF_F_TX_OUTER_IP_CKSUM |                                \
		RTE_MBUF_F_TX_OUTER_UDP_CKSUM | RTE_MBUF_F_TX_OUTER_IPV4 |                         \
		RTE_MBUF_F_TX_OUTER_IPV6 | RTE_MBUF_F_TX_TCP_SEG | RTE_MBUF_F_TX_TUNNEL_MASK)

static const char *bad_chain(const struct card *c, const struct rte_mbuf *m)
{
	unsigned n = 0;
	uint32_t len = 0;

	for (const struct rte_mbuf *s = m; s; s = s->next, n++) {
		len += s->data_len;
		if (!s->data_len)
			return "an empty segment";
	}
	if (n != m->nb_segs || len != m->pkt_len)
		return "segments or length do not add up";
	if (n > 1 && !(c->tx & RTE_ETH_TX_OFFLOAD_MULTI_SEGS))
		return "several segments, not asked for";
	return c->segments && n > c->segments ? "too many segments" : NULL;
}

static const char *bad_flags(const struct card *c, uint64_t f)
{
	uint64_t outer = f & (RTE_MBUF_F_TX_OUTER_IPV4 | RTE_MBUF_F_TX_OUTER_IPV6);
	uint64_t tunnel = f & RTE_MBUF_F_TX_TUNNEL_MASK;

	if (f & RTE_MBUF_F_TX_OFFLOAD_MASK & ~KNOWN)
		return "a flag of no use here";
	for (unsigned i = 0; i < RTE_DIM(asks); i++)
		if ((f & asks[i].mask) == asks[i].flag && !(c->tx & asks[i].needs))
			return "an offload that it was not configured with";
	if (!(f & RTE_MBUF_F_TX_IPV4) == !(f & RTE_MBUF_F_TX_IPV6))
		return "neither or both versions of IP";
	if (!tunnel != !outer || outer == (RTE_MBUF_F_TX_OUTER_IPV4 | RTE_MBUF_F_TX_OUTER_IPV6))
		return "the outer header's version and the tunnel's name go together";
	return NULL;
}

static bool names(uint64_t f, const struct headers *h)
{
	switch (f & RTE_MBUF_F_TX_TUNNEL_MASK) {
	case RTE_MBUF_F_TX_TUNNEL_VXLAN:
	case RTE_MBUF_F_TX_TUNNEL_UDP:
		return h->vxlan;
	case RTE_MBUF_F_TX_TUNNEL_GRE:
	case RTE_MBUF_F_TX_TUNNEL_IP:
		return h->tunnel == 8;
	default:
		return false;
	}
}

static const char *bad_lengths(const struct rte_mbuf *m, const struct headers *h)
{
	const struct card_ip *in = h->tunnel ? &h->inner : &h->outer;
	uint32_t outer = 0;

	if (m->ol_flags & RTE_MBUF_F_TX_TUNNEL_MASK) {
		outer = h->outer.at + h->outer.len;
		if (!names(m->ol_flags, h))
			return "another tunnel than it says";
		if (m->outer_l2_len != h->outer.at || m->outer_l3_len != h->outer.len)
			return "outer lengths";
		if (h->outer.v6 != !!(m->ol_flags & RTE_MBUF_F_TX_OUTER_IPV6))
			return "outer version";
	} else if (m->outer_l2_len || m->outer_l3_len) {
		return "outer lengths without a tunnel";
	}
	if (m->l2_len != in->at - outer || m->l3_len != in->len)
		return "inner lengths";
	if (in->v6 != !!(m->ol_flags & RTE_MBUF_F_TX_IPV6))
		return "inner version";
	if (!h->l4 || m->data_len < h->l4 + h->l4_len)
		return "headers are not in the first segment";
	return m->l4_len == h->l4_len ? NULL : "l4_len";
}

// IP says how long it is, in both places.
static const char *bad_totals(const struct rte_mbuf *m, const struct headers *h, const uint8_t *f)
{
	if (h->outer.at + h->outer.total != m->pkt_len)
		return "the outer IP header's length";
	if (h->inner.at + h->inner.total != m->pkt_len)
		return "the inner IP header's length";
	if (h->vxlan && get16(f + h->outer.at + h->outer.len + 4) != h->outer.total - h->outer.len)
		return "the outer UDP header's length";
	return NULL;
}

static const char *bad_sums(const struct rte_mbuf *m, const struct headers *h, const uint8_t *f)
{
	const struct card_ip *in = h->tunnel ? &h->inner : &h->outer;
	bool cut = m->ol_flags & RTE_MBUF_F_TX_TCP_SEG;
	uint32_t udp = h->outer.at + h->outer.len + 6;

	if (m->ol_flags & RTE_MBUF_F_TX_IP_CKSUM && get16(f + in->at + 10))
		return "the inner IPv4 checksum is to be zero";
	if (m->ol_flags & RTE_MBUF_F_TX_OUTER_IP_CKSUM && get16(f + h->outer.at + 10))
		return "the outer IPv4 checksum is to be zero";
	if (m->ol_flags & RTE_MBUF_F_TX_TCP_CKSUM &&
		get16(f + h->l4 + 16) != pseudo(f, in, cut ? 0 : in->total - in->len))
		return "TCP's checksum is to be its pseudo header's sum";
	if (m->ol_flags & RTE_MBUF_F_TX_OUTER_UDP_CKSUM &&
		get16(f + udp) != pseudo(f, &h->outer, cut ? 0 : h->outer.total - h->outer.len))
		return "the outer UDP checksum is to be its pseudo header's sum";
	if (h->vxlan && !(m->ol_flags & RTE_MBUF_F_TX_OUTER_UDP_CKSUM) && get16(f + udp))
		return "an outer UDP checksum over what will change";
	return NULL;
}

const char *card_refuses(const struct card *c, const struct rte_mbuf *m)
{
	static _Thread_local uint8_t room[CARD_FRAME];
	const char *why = bad_chain(c, m);
	const uint8_t *f;
	struct headers h;

	if (why || !(m->ol_flags & RTE_MBUF_F_TX_OFFLOAD_MASK))
		return why;
	if (rte_validate_tx_offload(m))
		return "rte_validate_tx_offload()";
	why = bad_flags(c, m->ol_flags);
	f = m->pkt_len <= CARD_FRAME ? rte_pktmbuf_read(m, 0, m->pkt_len, room) : NULL;
	if (!why && (!f || !find(c, f, m->pkt_len, &h)))
		why = "no packet that it knows";
	if (!why)
		why = bad_lengths(m, &h);
	if (!why && h.tunnel)
		why = bad_totals(m, &h, f);
	return why ? why : bad_sums(m, &h, f);
}

// ---- what becomes of it

static void ip_grows(uint8_t *f, struct card_ip *ip, uint32_t total, uint32_t id)
{
	ip->total = total;
	if (ip->v6) {
		put16(f + ip->at + 4, total - 40);
		return;
	}
	put16(f + ip->at + 2, total);
	put16(f + ip->at + 4, get16(f + ip->at + 4) + id);
}

static void outer_is(uint8_t *f, struct headers *h, uint64_t flags, uint32_t len, uint32_t k)
{
	uint32_t udp = h->outer.at + h->outer.len;

	ip_grows(f, &h->outer, len - h->outer.at, k);
	if (flags & RTE_MBUF_F_TX_OUTER_IP_CKSUM)
		fill_ip(f, &h->outer);
	if (h->vxlan)
		put16(f + udp + 4, len - udp);
	if (flags & RTE_MBUF_F_TX_OUTER_UDP_CKSUM)
		fill_l4(f, &h->outer);
}

// Segment k, of the `data` bytes that lie behind the headers.
static void inner_is(uint8_t *f, struct headers *h, uint64_t flags, uint32_t len, uint32_t k,
	uint32_t at, bool last)
{
	struct card_ip *in = h->tunnel ? &h->inner : &h->outer;
	uint8_t *tcp = f + h->l4;

	ip_grows(f, in, len - in->at, k);
	if (flags & RTE_MBUF_F_TX_TCP_SEG) {
		uint32_t seq = get32(tcp + 4) + at;

		put16(tcp + 4, seq >> 16);
		put16(tcp + 6, seq);
		tcp[13] &= (uint8_t)(last ? 0xff : ~9u); // FIN and PSH come last,
		tcp[13] &= (uint8_t)(k ? ~0x80u : 0xff); // CWR first
	}
	if (flags & RTE_MBUF_F_TX_IP_CKSUM)
		fill_ip(f, in);
	if (flags & RTE_MBUF_F_TX_L4_MASK)
		fill_l4(f, in);
}

unsigned card_send(const struct card *c, const struct rte_mbuf *m, card_wire_fn *wire, void *arg)
{
	static _Thread_local uint8_t whole[CARD_FRAME], frame[CARD_FRAME];
	const uint8_t *f = rte_pktmbuf_read(m, 0, m->pkt_len, whole);
	uint64_t flags = m->ol_flags & RTE_MBUF_F_TX_OFFLOAD_MASK;
	struct headers h, mine;
	uint32_t head, mss, at = 0, k = 0;

	if (!flags || !find(c, f, m->pkt_len, &h)) {
		wire(arg, f, m->pkt_len);
		return 1;
	}
	head = h.l4 + h.l4_len;
	mss = flags & RTE_MBUF_F_TX_TCP_SEG ? m->tso_segsz : m->pkt_len;
	do {
		uint32_t data = RTE_MIN(mss, m->pkt_len - head - at);

		mine = h;
		memcpy(frame, f, head);
		memcpy(frame + head, f + head + at, data);
		inner_is(frame, &mine, flags, head + data, k, at, head + at + data == m->pkt_len);
		if (flags & RTE_MBUF_F_TX_TUNNEL_MASK)
			outer_is(frame, &mine, flags, head + data, k);
		wire(arg, frame, head + data);
		at += data;
		k++;
	} while (head + at < m->pkt_len);
	return k;
}

// ---- received

static bool ip_good(const uint8_t *f, const struct card_ip *ip)
{
	return ip->v6 || sum(f + ip->at, ip->len, 0) == 0xffff;
}

// Of a packet that is not all there nothing is said.
static uint64_t judge_l4(
	const uint8_t *f, uint32_t len, const struct card_ip *ip, uint64_t good, uint64_t bad)
{
	uint32_t l4 = ip->at + ip->len;

	if (ip->len < 20 || ip->total < ip->len + 8 || ip->at + ip->total > len)
		return 0;
	if (ip->proto != 6 && (ip->proto != 17 || !get16(f + l4 + 6)))
		return 0;
	return l4_sum(f, ip) == 0xffff ? good : bad;
}

void card_judge(const struct card *c, struct rte_mbuf *m)
{
	static _Thread_local uint8_t room[CARD_FRAME];
	const uint8_t *f = rte_pktmbuf_read(m, 0, m->pkt_len, room);
	const struct card_ip *in;
	struct headers h;

	m->ol_flags &= ~(RTE_MBUF_F_RX_L4_CKSUM_MASK | RTE_MBUF_F_RX_IP_CKSUM_MASK);
	m->packet_type = 0;
	if (!f || !find(c, f, m->pkt_len, &h))
		return;
	in = h.tunnel && h.inner.len ? &h.inner : &h.outer;
	m->packet_type = (h.outer.v6 ? RTE_PTYPE_L3_IPV6 : RTE_PTYPE_L3_IPV4) |
			 (h.outer.proto == 17 ? RTE_PTYPE_L4_UDP : 0);
	if (in == &h.inner) {
		m->packet_type |= h.vxlan ? RTE_PTYPE_TUNNEL_VXLAN : RTE_PTYPE_TUNNEL_NVGRE;
		if (!ip_good(f, &h.outer))
			m->ol_flags |= RTE_MBUF_F_RX_OUTER_IP_CKSUM_BAD;
		if (h.vxlan)
			m->ol_flags |=
				judge_l4(f, m->pkt_len, &h.outer, RTE_MBUF_F_RX_OUTER_L4_CKSUM_GOOD,
					RTE_MBUF_F_RX_OUTER_L4_CKSUM_BAD);
	}
	m->ol_flags |= ip_good(f, in) ? RTE_MBUF_F_RX_IP_CKSUM_GOOD : RTE_MBUF_F_RX_IP_CKSUM_BAD;
	m->ol_flags |= judge_l4(
		f, m->pkt_len, in, RTE_MBUF_F_RX_L4_CKSUM_GOOD, RTE_MBUF_F_RX_L4_CKSUM_BAD);
}
