// SPDX-License-Identifier: Apache-2.0
// What a worker does for a bond beside receiving and sending.

#include "ports/dp_bond.h"

#include "dp_worker.h"

#include <rte_arp.h>
#include <rte_eth_bond.h>

#include <arpa/inet.h>

#define ETHER_MIN 60u

// What has come in by others than the active one.
static void dp_bond_drain(const struct dp_bond *b, uint16_t active, uint16_t queue)
{
	for (unsigned i = 0; i < WEFT_BOND_MEMBERS; i++) {
		uint16_t dev = __atomic_load_n(&b->drain[i], __ATOMIC_ACQUIRE), n;
		struct rte_mbuf *m[DP_RX_BURST];

		if (dev == DP_BOND_NO_DEV || dev == active)
			continue;
		n = rte_eth_rx_burst(dev, queue, m, DP_RX_BURST);
		if (n)
			rte_pktmbuf_free_bulk(m, n);
	}
}

// RFC 903: a request for one's own address. Nobody answers, and every switch learns.
static void dp_bond_announce(struct dp_worker *w, struct dp_port *p)
{
	struct rte_mbuf *m = rte_pktmbuf_alloc(w->dp->pool);
	struct {
		struct rte_ether_hdr eth;
		struct rte_arp_hdr arp;
	} frame = {
		.eth.dst_addr.addr_bytes = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff},
		.eth.ether_type = htons(RTE_ETHER_TYPE_RARP),
		.arp.arp_hardware = htons(RTE_ARP_HRD_ETHER),
		.arp.arp_protocol = htons(RTE_ETHER_TYPE_IPV4),
		.arp.arp_hlen = 6,
		.arp.arp_plen = 4,
		.arp.arp_opcode = htons(RTE_ARP_OP_REVREQUEST),
	};
	char *out;

	if (!m)
		return;
	memcpy(&frame.eth.src_addr, p->mac.b, 6);
	memcpy(&frame.arp.arp_data.arp_sha, p->mac.b, 6);
	memcpy(&frame.arp.arp_data.arp_tha, p->mac.b, 6);
	out = rte_pktmbuf_append(m, ETHER_MIN);
	memset(out, 0, ETHER_MIN);
	memcpy(out, &frame, sizeof(frame));
	dp_count(&dp_counters(w, w->dp->nobody)->copies, 1);
	dp_tx(w, w->dp->nobody, m, p);
}

// Which member a packet leaves by only net_bond knows, so each must find it right; what they write
// into it is the same. While members change none is known, and nothing is prepared.
uint16_t dp_bond_prepare(const struct dp_bond *b, uint16_t queue, struct rte_mbuf **m, uint16_t n)
{
	bool known = false;

	for (unsigned i = 0; i < WEFT_BOND_MEMBERS; i++) {
		uint16_t dev = __atomic_load_n(&b->drain[i], __ATOMIC_ACQUIRE);

		if (dev == DP_BOND_NO_DEV)
			continue;
		known = true;
		n = rte_eth_tx_prepare(dev, queue, m, n);
	}
	return known ? n : 0;
}

void dp_bond_tend(struct dp_worker *w, struct dp_port *p, uint16_t queue)
{
	struct dp_bond *b = p->bond;
	int active;

	if (b->mode == WEFT_BOND_LACP && w->id < p->n_txq)
		rte_eth_tx_burst(p->dev, (uint16_t)w->id, NULL, 0);
	if (b->mode != WEFT_BOND_ACTIVE_BACKUP)
		return;
	active = rte_eth_bond_primary_get(p->dev);
	if (active < 0)
		return;
	dp_bond_drain(b, (uint16_t)active, queue);
	if (queue)
		return;
	if (active != b->active) {
		b->active = (uint16_t)active;
		b->announce = DP_BOND_ANNOUNCEMENTS;
	}
	if (b->announce) {
		b->announce--;
		dp_bond_announce(w, p);
	}
}
