// SPDX-License-Identifier: Apache-2.0
#include "ipc/dp_unpublish.h"

#include "dp.h"
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
