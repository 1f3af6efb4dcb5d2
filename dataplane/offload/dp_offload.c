// SPDX-License-Identifier: Apache-2.0
#include "offload/dp_offload.h"

#include "dp.h"
#include "dp_log.h"
#include "ports/dp_bond.h"

#include <errno.h>

// ---- what is asked for

#define DP_TX_SUMS (RTE_ETH_TX_OFFLOAD_IPV4_CKSUM | RTE_ETH_TX_OFFLOAD_TCP_CKSUM)
#define DP_TX_CUTS                                                                                 \
	(DP_TX_SUMS | RTE_ETH_TX_OFFLOAD_OUTER_IPV4_CKSUM | RTE_ETH_TX_OFFLOAD_TCP_TSO |           \
		RTE_ETH_TX_OFFLOAD_MULTI_SEGS)
#define DP_RX_INNER                                                                                \
	(RTE_ETH_RX_OFFLOAD_IPV4_CKSUM | RTE_ETH_RX_OFFLOAD_TCP_CKSUM |                            \
		RTE_ETH_RX_OFFLOAD_UDP_CKSUM)

// Each is asked for if the device has all of `need` and, where `one_of` is not zero, any of that:
// the first that it has.
static const struct {
	uint16_t what;
	bool rx;
	uint64_t need, one_of[2];
} dp_offload_wants[] = {
	{WEFT_OFFLOAD_RX_OUTER, true, RTE_ETH_RX_OFFLOAD_OUTER_UDP_CKSUM, {0}},
	{WEFT_OFFLOAD_RX_INNER, true, DP_RX_INNER, {0}},
	{WEFT_OFFLOAD_TX_OUTER, false, RTE_ETH_TX_OFFLOAD_OUTER_UDP_CKSUM, {0}},
	{WEFT_OFFLOAD_TX_INNER, false, DP_TX_SUMS, {0}},
	{WEFT_OFFLOAD_TSO_VXLAN, false, DP_TX_CUTS,
		{RTE_ETH_TX_OFFLOAD_VXLAN_TNL_TSO, RTE_ETH_TX_OFFLOAD_UDP_TNL_TSO}},
	{WEFT_OFFLOAD_TSO_NVGRE, false, DP_TX_CUTS,
		{RTE_ETH_TX_OFFLOAD_GRE_TNL_TSO, RTE_ETH_TX_OFFLOAD_IP_TNL_TSO}},
};

static uint64_t dp_offload_bits(unsigned i, uint64_t capa)
{
	uint64_t need = dp_offload_wants[i].need;

	if ((capa & need) != need)
		return 0;
	if (!dp_offload_wants[i].one_of[0])
		return need;
	for (unsigned k = 0; k < 2; k++)
		if (capa & dp_offload_wants[i].one_of[k])
			return need | dp_offload_wants[i].one_of[k];
	return 0;
}

void dp_offload_ask(
	struct dp_port *p, const struct rte_eth_dev_info *info, struct rte_eth_conf *conf)
{
	p->offloads = 0;
	p->tx_offloads = p->rx_offloads = 0;
	p->tx_segments = p->bond ? dp_bond_tx_segments(p) : info->tx_desc_lim.nb_seg_max;
	// A kernel's interface has ways of its own (dp_kdev.h). A bond's members are asked by it,
	// for what all of them have.
	if (p->role != DP_UPLINK || p->kernel_copy)
		return;
	for (unsigned i = 0; i < RTE_DIM(dp_offload_wants); i++) {
		bool rx = dp_offload_wants[i].rx;
		uint64_t bits =
			dp_offload_bits(i, rx ? info->rx_offload_capa : info->tx_offload_capa);

		if (!bits || p->cfg.no_offload & dp_offload_wants[i].what)
			continue;
		p->offloads |= dp_offload_wants[i].what;
		if (rx)
			p->rx_offloads |= bits;
		else
			p->tx_offloads |= bits;
	}
	// Sums over an outer header are the business of cards that look behind it.
	if (p->offloads & WEFT_OFFLOAD_TX_INNER)
		p->tx_offloads |= info->tx_offload_capa & RTE_ETH_TX_OFFLOAD_OUTER_IPV4_CKSUM;
	conf->txmode.offloads |= p->tx_offloads;
	conf->rxmode.offloads |= p->rx_offloads;
}

static void dp_offload_dev_vxlan_is(const struct dp_port *p, uint16_t dev, uint16_t port, bool is)
{
	struct rte_eth_udp_tunnel tunnel = {
		.udp_port = port, .prot_type = RTE_ETH_TUNNEL_TYPE_VXLAN};
	int rc = is ? rte_eth_dev_udp_tunnel_port_add(dev, &tunnel)
		    : rte_eth_dev_udp_tunnel_port_delete(dev, &tunnel);

	// Many know 4789 by themselves, or do not have to know.
	if (rc && rc != -ENOTSUP)
		DP_LOG(WARNING, "port %s: device refuses UDP port %u for VXLAN: %s", p->cfg.name,
			port, rte_strerror(-rc));
}

// net_bond passes on no such word.
static void dp_offload_vxlan_is(const struct dp_port *p, uint16_t port, bool is)
{
	if (!p->bond)
		dp_offload_dev_vxlan_is(p, p->dev, port, is);
	for (unsigned i = 0; p->bond && i < p->bond->n; i++)
		dp_offload_dev_vxlan_is(p, p->bond->member[i]->dev->dev, port, is);
}

void dp_offload_tell_device(const struct dp *dp, const struct dp_port *p, uint16_t dev)
{
	if (p->offloads)
		dp_offload_dev_vxlan_is(p, dev, dp->host.vxlan_port, true);
}

void dp_offload_tell_port(const struct dp *dp, const struct dp_port *p)
{
	if (p->offloads)
		dp_offload_vxlan_is(p, dp->host.vxlan_port, true);
}

void dp_offload_change_port(const struct dp *dp, uint16_t old)
{
	for (const struct dp_port *p = dp->ports.head; p && old != dp->host.vxlan_port;
		p = p->next) {
		if (!p->offloads)
			continue;
		dp_offload_vxlan_is(p, old, false);
		dp_offload_vxlan_is(p, dp->host.vxlan_port, true);
	}
}

void dp_offload_refresh(struct dp *dp)
{
	bool keep = false;

	for (const struct dp_port *p = dp->ports.head; p && dp->opt.flow_cache; p = p->next)
		keep |= !p->hidden &&
			(p->offloads & (WEFT_OFFLOAD_TX_INNER | WEFT_OFFLOAD_TSO_VXLAN |
					       WEFT_OFFLOAD_TSO_NVGRE) ||
				(p->role == DP_UPLINK && p->kdev));
	if (keep)
		__atomic_store_n(&dp->kept_big, true, __ATOMIC_RELEASE);
	__atomic_store_n(&dp->keep_big, keep, __ATOMIC_RELEASE);
}

// ---- received

static uint8_t dp_offload_hint_l4(uint64_t says, uint64_t good, uint64_t bad)
{
	return says == good ? OVERLAY_HINT_UDP_GOOD : says == bad ? OVERLAY_HINT_UDP_BAD : 0;
}

static uint8_t dp_offload_hint_ip(uint64_t says)
{
	return says == RTE_MBUF_F_RX_IP_CKSUM_GOOD  ? OVERLAY_HINT_IP_GOOD
	       : says == RTE_MBUF_F_RX_IP_CKSUM_BAD ? OVERLAY_HINT_IP_BAD
						    : 0;
}

uint8_t dp_offload_hints(struct rte_mbuf *m)
{
	uint64_t f = m->ol_flags;
	uint8_t hint = dp_offload_hint_l4(f & RTE_MBUF_F_RX_OUTER_L4_CKSUM_MASK,
		RTE_MBUF_F_RX_OUTER_L4_CKSUM_GOOD, RTE_MBUF_F_RX_OUTER_L4_CKSUM_BAD);

	if (f & RTE_MBUF_F_RX_OUTER_IP_CKSUM_BAD)
		hint |= OVERLAY_HINT_IP_BAD;
	if (m->packet_type & RTE_PTYPE_TUNNEL_MASK)
		return hint; // all else is said of the inner packet
	m->ol_flags &= ~RTE_MBUF_F_RX_L4_CKSUM_MASK;
	if (!(m->packet_type & RTE_PTYPE_L4_MASK))
		return hint;
	if (!(hint & (OVERLAY_HINT_UDP_GOOD | OVERLAY_HINT_UDP_BAD)))
		hint |= dp_offload_hint_l4(f & RTE_MBUF_F_RX_L4_CKSUM_MASK,
			RTE_MBUF_F_RX_L4_CKSUM_GOOD, RTE_MBUF_F_RX_L4_CKSUM_BAD);
	return hint | dp_offload_hint_ip(f & RTE_MBUF_F_RX_IP_CKSUM_MASK);
}

// ---- sent

// Knows of tunnels, or sees one Ethernet header of great length.
static bool dp_offload_sees_tunnels(const struct dp_port *port)
{
	return port->tx_offloads & RTE_ETH_TX_OFFLOAD_OUTER_IPV4_CKSUM;
}

static bool dp_offload_outer(const struct dp_port *port, const struct overlay_template *t)
{
	return !t->udp_csum ||
	       (port->offloads & WEFT_OFFLOAD_TX_OUTER && dp_offload_sees_tunnels(port));
}

bool dp_offload_cuts(const struct dp_port *port, const struct overlay_template *t)
{
	uint16_t bit =
		t->encap == WEFT_ENCAP_VXLAN ? WEFT_OFFLOAD_TSO_VXLAN : WEFT_OFFLOAD_TSO_NVGRE;

	return port->offloads & bit && dp_offload_outer(port, t);
}

bool dp_offload_sums(const struct dp_port *port, const struct overlay_template *t)
{
	return port->offloads & WEFT_OFFLOAD_TX_INNER && dp_offload_outer(port, t);
}

// The name of the tunnel by which it was asked for: the generic one if the device has no other.
static uint64_t dp_offload_tunnel(const struct dp_port *port, const struct overlay_template *t)
{
	if (t->encap == WEFT_ENCAP_VXLAN)
		return port->tx_offloads & RTE_ETH_TX_OFFLOAD_UDP_TNL_TSO
			       ? RTE_MBUF_F_TX_TUNNEL_UDP
			       : RTE_MBUF_F_TX_TUNNEL_VXLAN;
	return port->tx_offloads & RTE_ETH_TX_OFFLOAD_IP_TNL_TSO ? RTE_MBUF_F_TX_TUNNEL_IP
								 : RTE_MBUF_F_TX_TUNNEL_GRE;
}

// The pseudo header's sum, not inverted: whoever sums goes on from there.
static void dp_offload_pseudo(
	uint8_t *frame, const struct dp_tcp *t, uint8_t proto, uint32_t l4_len, uint32_t field)
{
	uint16_t sum = weft_csum_fold(dp_ip_pseudo(frame, t, proto, l4_len));

	memcpy(frame + t->l4 + field, &sum, 2);
}

static void dp_offload_mark_outer(struct rte_mbuf *m, const struct dp_port *port,
	const struct overlay_template *t, uint32_t mss)
{
	uint8_t *frame = rte_pktmbuf_mtod(m, uint8_t *);
	struct dp_tcp outer = {.l3 = t->l3_ofs, .l4 = t->l4_ofs, .v6 = t->v6};

	m->outer_l2_len = t->l3_ofs;
	m->outer_l3_len = (uint64_t)(t->l4_ofs - t->l3_ofs);
	m->ol_flags |= dp_offload_tunnel(port, t);
	if (t->v6) {
		m->ol_flags |= RTE_MBUF_F_TX_OUTER_IPV6;
	} else {
		m->ol_flags |= RTE_MBUF_F_TX_OUTER_IPV4 | RTE_MBUF_F_TX_OUTER_IP_CKSUM;
		overlay_put16(frame + t->l3_ofs + 10, 0);
	}
	if (!t->udp_csum)
		return;
	m->ol_flags |= RTE_MBUF_F_TX_OUTER_UDP_CKSUM;
	dp_offload_pseudo(frame, &outer, OVERLAY_PROTO_UDP, mss ? 0 : m->pkt_len - t->l4_ofs, 6);
}

void dp_offload_mark(struct rte_mbuf *m, const struct dp_port *port,
	const struct overlay_template *t, const struct dp_tcp *in, uint32_t mss)
{
	uint8_t *frame = rte_pktmbuf_mtod(m, uint8_t *) + t->len;
	bool tunnel = dp_offload_sees_tunnels(port);

	m->ol_flags = in->v6 ? RTE_MBUF_F_TX_IPV6 : RTE_MBUF_F_TX_IPV4 | RTE_MBUF_F_TX_IP_CKSUM;
	m->ol_flags |=
		mss ? RTE_MBUF_F_TX_TCP_SEG | RTE_MBUF_F_TX_TCP_CKSUM : RTE_MBUF_F_TX_TCP_CKSUM;
	m->tx_offload = rte_mbuf_tx_offload((tunnel ? t->len - t->l4_ofs : t->len) + in->l3,
		in->l4 - in->l3, in->data - in->l4, mss, 0, 0, 0);
	if (tunnel)
		dp_offload_mark_outer(m, port, t, mss);
	if (!in->v6)
		overlay_put16(frame + in->l3 + 10, 0);
	dp_offload_pseudo(frame, in, OVERLAY_PROTO_TCP, mss ? 0 : m->pkt_len - t->len - in->l4, 16);
}

void dp_offload_finish(
	struct rte_mbuf *m, const struct overlay_template *t, const struct dp_tcp *in)
{
	uint8_t *frame = rte_pktmbuf_mtod(m, uint8_t *), *inner = frame + t->len;
	uint32_t len = m->pkt_len - t->len, l4_len = len - in->l4;
	weft_be16 csum;

	m->ol_flags = 0;
	m->tx_offload = 0;
	if (!t->v6)
		overlay_ipv4_set_csum(frame + t->l3_ofs, OVERLAY_IPV4_LEN);
	dp_tcp_ip_csum(inner, in);
	overlay_put16(inner + in->l4 + 16, 0);
	csum = weft_csum_finish(
		weft_csum_partial(inner + in->l4, l4_len, dp_tcp_pseudo(inner, in, l4_len)));
	memcpy(inner + in->l4 + 16, &csum, 2);
	if (t->udp_csum)
		overlay_put16(frame + t->l4_ofs + 6, 0);
	overlay_udp_csum(t, frame, len);
}
