// SPDX-License-Identifier: Apache-2.0
#include "ports/dp_bond_lacp.h"

#include "dp.h"
#include "dp_log.h"
#include "ports/dp_bond.h"

#include <rte_eth_bond_8023ad.h>
#include <rte_malloc.h>

#include <arpa/inet.h>

// When a partner that is told every 30 seconds at worst has been, and has answered.
#define DP_BOND_LACP_TOLD_NS 32000000000ull
// When one that sends every second has sent.
#define DP_BOND_LACP_HEARD_NS 3000000000ull

static int dp_bond_lacp_timeout(const struct dp_port *p, uint32_t ms)
{
	struct rte_eth_bond_8023ad_conf conf;
	int rc = rte_eth_bond_8023ad_conf_get(p->dev, &conf);

	conf.long_timeout_ms = ms;
	// That of a partner that has expired; net_bond wants it to be the smaller one.
	conf.short_timeout_ms = DP_BOND_LACP_SHORT_MS - 1;
	rc = rc ? rc : rte_eth_bond_8023ad_setup(p->dev, &conf);
	if (rc)
		DP_LOG(ERR, "bond %s: LACP keeps its timeout", p->cfg.name);
	return rc;
}

static void dp_bond_lacp_ask(struct dp_port *p, bool fast)
{
	__atomic_store_n(&p->bond->lacp.asks, fast, __ATOMIC_RELAXED);
}

int dp_bond_lacp_start(struct dp_port *p, bool fast)
{
	p->bond->lacp.fast = fast;
	dp_bond_lacp_ask(p, fast);
	return fast ? dp_bond_lacp_timeout(p, DP_BOND_LACP_SHORT_MS) : 0;
}

void dp_bond_lacp_set(struct dp_port *p, bool fast)
{
	struct dp_bond_lacp *l = &p->bond->lacp;

	if (fast == l->fast)
		return;
	l->fast = fast;
	if (fast)
		dp_bond_lacp_ask(p, true);
	else
		dp_bond_lacp_timeout(p, DP_BOND_LACP_LONG_MS);
	l->settle_ns = dp_now_ns() + (fast ? DP_BOND_LACP_TOLD_NS : DP_BOND_LACP_HEARD_NS);
}

void dp_bond_lacp_watch(struct dp_port *p)
{
	struct dp_bond_lacp *l = &p->bond->lacp;

	if (!l->settle_ns || dp_now_ns() < l->settle_ns)
		return;
	l->settle_ns = 0;
	if (l->fast)
		dp_bond_lacp_timeout(p, DP_BOND_LACP_SHORT_MS);
	else
		dp_bond_lacp_ask(p, false);
}

// ---- workers

static uint16_t dp_bond_lacp_sent(
	uint16_t port, uint16_t queue, struct rte_mbuf *m[], uint16_t n, void *arg)
{
	const struct dp_bond_lacp *l = arg;
	struct lacpdu_header *h;

	if (n != 1 || m[0]->data_len < sizeof(*h) || !__atomic_load_n(&l->asks, __ATOMIC_RELAXED))
		return n;
	h = rte_pktmbuf_mtod(m[0], struct lacpdu_header *);
	if (h->eth_hdr.ether_type == htons(RTE_ETHER_TYPE_SLOW) &&
		h->lacpdu.subtype == SLOW_SUBTYPE_LACP)
		h->lacpdu.actor.state |= STATE_LACP_SHORT_TIMEOUT;
	return n;
}

void dp_bond_lacp_hook(struct dp_port *p, uint16_t member, const struct rte_eth_rxtx_callback *cb[])
{
	for (uint16_t q = 0; q < p->n_txq && q < DP_BOND_LACP_QUEUES; q++) {
		if (!cb[q])
			cb[q] = rte_eth_add_tx_callback(
				member, q, dp_bond_lacp_sent, &p->bond->lacp);
		if (!cb[q])
			DP_LOG(ERR, "bond %s: no memory: LACP asks for the long timeout",
				p->cfg.name);
	}
}

void dp_bond_lacp_unhook(uint16_t member, const struct rte_eth_rxtx_callback *cb[])
{
	for (uint16_t q = 0; q < DP_BOND_LACP_QUEUES; q++)
		if (cb[q] && rte_eth_remove_tx_callback(member, q, cb[q])) {
			DP_LOG(ERR, "device %u keeps its hook of LACP's", member);
			cb[q] = NULL; // a little memory, instead of a wild pointer
		}
}

void dp_bond_lacp_forget(const struct rte_eth_rxtx_callback *cb[])
{
	for (uint16_t q = 0; q < DP_BOND_LACP_QUEUES; q++) {
		rte_free((void *)(uintptr_t)cb[q]);
		cb[q] = NULL;
	}
}
