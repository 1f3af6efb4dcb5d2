// SPDX-License-Identifier: Apache-2.0
#include "tenants/dp_suppress.h"

#include "tenants/dp_neigh_packet.h"
#include "dp_worker.h"

#include <rte_ring_elem.h>

static bool dp_suppress_is_news(const struct dp_neigh *neighs, const struct dp_neigh_packet *q)
{
	const struct weft_ipc_neigh *have = dp_neigh_find(neighs, &q->ip, q->vlan);

	if (!have)
		return true;
	if (have->flags & WEFT_NEIGH_STATIC)
		return false;
	return !weft_mac_equal(&have->mac, &q->mac) ||
	       (q->router && !(have->flags & WEFT_NEIGH_ROUTER));
}

// Out of the same allowance as learned addresses.
static void dp_suppress_tell(
	struct dp_worker *w, struct dp_tenant *t, const struct dp_neigh_packet *q)
{
	struct dp_event e = {
		.type = WEFT_IPC_NEIGH_ADD,
		.tenant = t->id,
		.ip = q->ip,
		.mac = q->mac,
		.vlan = q->vlan,
		.flags = q->router ? WEFT_NEIGH_ROUTER : 0,
	};

	if (dp_bucket_take(&t->learns[w->id], DP_LEARN_RATE, DP_LEARN_BURST, w->now_ns))
		rte_ring_sp_enqueue_elem(w->events, &e, sizeof(e));
}

void dp_suppress_watch(struct dp_worker *w)
{
	struct dp_neigh_packet q;

	for (unsigned i = 0; i < w->in.n; i++) {
		struct dp_tenant *t = w->in.tenant[i];

		if (dp_suppress_is_on(t) && dp_neigh_parse(w->in.at[i].data, w->in.at[i].len, &q) &&
			q.tells && dp_suppress_is_news(t->neighs, &q))
			dp_suppress_tell(w, t, &q);
	}
}

// The binding to answer with; NULL: replicate.
static const struct weft_ipc_neigh *dp_suppress_known(
	const struct dp_tenant *t, const struct dp_neigh_packet *q, const struct weft_mac *asker)
{
	const struct weft_ipc_neigh *have = dp_neigh_find(t->neighs, &q->target, q->vlan);

	if (!have || weft_mac_equal(&have->mac, asker))
		return NULL;
	if (!(have->flags & WEFT_NEIGH_STATIC) && !ft_fdb_knows(t->sw, &have->mac, q->vlan))
		return NULL;
	return have;
}

bool dp_suppress_answer(struct dp_worker *w, struct dp_tenant *t, const struct ft_packet *p,
	const struct weft_packet *view)
{
	const struct dp_portmap *map = __atomic_load_n(&t->ports, __ATOMIC_ACQUIRE);
	struct dp_port *port = dp_portmap_get(map, ntohl(p->key.in_port));
	const struct weft_mac *asker = (const struct weft_mac *)(const void *)(view->data + 6);
	const struct weft_ipc_neigh *known;
	struct dp_neigh_packet q;
	struct rte_mbuf *m;
	uint16_t len;

	if (!port || !dp_neigh_parse(view->data, view->len, &q) || !q.asks)
		return false;
	known = dp_suppress_known(t, &q, asker);
	m = known ? rte_pktmbuf_alloc(w->dp->pool) : NULL;
	if (!m)
		return false;
	len = (uint16_t)dp_neigh_answer(view->data, &q, &known->mac,
		known->flags & WEFT_NEIGH_ROUTER,
		(uint8_t *)rte_pktmbuf_append(m, DP_NEIGH_ANSWER_MAX));
	rte_pktmbuf_trim(m, (uint16_t)(DP_NEIGH_ANSWER_MAX - len));
	dp_count(&dp_counters(w, t)->copies, 1);
	dp_count(&dp_counters(w, t)->consumed[WEFT_CONSUMED_ANSWERED], 1);
	rte_pktmbuf_free(view->owner);
	dp_tx(w, t, m, port);
	return true;
}

static bool dp_suppress_keep(void *arg, const struct weft_ipc_neigh *n)
{
	const struct dp_tenant *t = arg;

	return dp_suppress_is_on(t) && ft_fdb_knows(t->sw, &n->mac, n->vlan);
}

void dp_suppress_age(struct dp *dp, struct dp_tenant *t)
{
	dp_neigh_sweep(dp, t->neighs, dp_suppress_keep, t);
}
