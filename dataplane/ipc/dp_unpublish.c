// SPDX-License-Identifier: Apache-2.0
#include "ipc/dp_unpublish.h"

#include "dp.h"
#include "edge/dp_provider.h"
#include "tenants/dp_tenant.h"
#include "dp_worker.h"

void dp_unpublish_from_map(struct dp_port *p)
{
	struct dp_portmap *map = p->tenant->ports;

	for (uint32_t i = 0; i <= map->mask; i++)
		if (map->slot[i].port == p) // the slot stays, for those behind it
			__atomic_store_n(&map->slot[i].port, NULL, __ATOMIC_RELEASE);
	ft_switch_changed(p->tenant->sw);
}

void dp_unpublish_from_polls(struct dp *dp, const struct dp_port *p)
{
	for (unsigned w = 0; w < dp->opt.workers; w++) {
		struct dp_poll_list *list = dp->worker[w]->polls;

		for (unsigned i = 0; i < list->n; i++)
			if (list->poll[i].port == p || list->poll[i].port == p->peer)
				__atomic_store_n(&list->poll[i].port, NULL, __ATOMIC_RELEASE);
	}
}

static void dp_unpublish_remote(struct dp_remote *r, const struct dp_port *p)
{
	if (r->uplink == p && r->drop == DP_REMOTE_OK)
		__atomic_store_n(&r->drop, WEFT_DROP_NO_ROUTE, __ATOMIC_RELEASE);
}

static void dp_unpublish_from_set(struct dp_vtep_set *set, const struct dp_port *p)
{
	for (unsigned i = 0; i < set->n; i++) {
		struct dp_remote *r = &set->remote[i];

		dp_unpublish_remote(r, p);
		for (unsigned way = 0; r->ways > 1 && way < r->ways; way++)
			dp_unpublish_remote((struct dp_remote *)(uintptr_t)&r->way[way], p);
	}
}

void dp_unpublish_from_vteps(struct dp *dp, const struct dp_port *p)
{
	for (struct dp_tenant *t = dp->tenants; t; t = t->next) {
		if (!t->stale)
			continue; // it has a new set, without the port
		dp_unpublish_from_set(t->vteps, p);
		if (t->provider)
			dp_unpublish_from_set(t->provider->nvgre, p);
		ft_switch_changed(t->sw);
	}
}
