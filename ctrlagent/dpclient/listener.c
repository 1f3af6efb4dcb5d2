// SPDX-License-Identifier: Apache-2.0
#include "internal.h"

#include <stdlib.h>

#include "mem.h"

static struct dpc_listener_list *bucket(struct dpc *dpc, weft_tenant_id tenant)
{
	return &dpc->listeners[tenant ? 1 + tenant % (DPC_LISTENER_BUCKETS - 1) : 0];
}

struct dpc_listener *dpc_listen(
	struct dpc *dpc, weft_tenant_id tenant, const struct dpc_listener_ops *ops, void *arg)
{
	struct dpc_listener *l = agent_zalloc(sizeof(*l));

	*l = (struct dpc_listener){.dpc = dpc, .tenant = tenant, .ops = ops, .arg = arg};
	LIST_INSERT_HEAD(bucket(dpc, tenant), l, link);
	return l;
}

static void sweep(struct dpc *dpc, bool all)
{
	for (unsigned i = 0; i < DPC_LISTENER_BUCKETS; i++) {
		struct dpc_listener *l = LIST_FIRST(&dpc->listeners[i]);
		while (l) {
			struct dpc_listener *next = LIST_NEXT(l, link);
			if (all || !l->ops) {
				LIST_REMOVE(l, link);
				free(l);
			}
			l = next;
		}
	}
	dpc->dead_listeners = false;
}

void dpc_listeners_free(struct dpc *dpc)
{
	sweep(dpc, true);
}

void dpc_unlisten(struct dpc_listener *l)
{
	if (!l)
		return;
	l->ops = NULL;
	if (l->dpc->walkers) {
		l->dpc->dead_listeners = true;
		return;
	}
	LIST_REMOVE(l, link);
	free(l);
}

static void leave(struct dpc *dpc)
{
	if (--dpc->walkers == 0 && dpc->dead_listeners)
		sweep(dpc, false);
}

// Calls member(l->arg, …) of all listeners in one bucket that listen to `id`.
#define TELL_BUCKET(dpc, list, id, member, ...)                                                    \
	do {                                                                                       \
		struct dpc_listener *l_;                                                           \
		LIST_FOREACH (l_, list, link)                                                      \
			if (l_->tenant == (id) && l_->ops && l_->ops->member)                      \
				l_->ops->member(l_->arg, ##__VA_ARGS__);                           \
	} while (0)

#define TELL_TENANT(dpc, id, member, ...)                                                          \
	do {                                                                                       \
		(dpc)->walkers++;                                                                  \
		TELL_BUCKET(dpc, bucket(dpc, 0), 0, member, ##__VA_ARGS__);                        \
		if (id)                                                                            \
			TELL_BUCKET(dpc, bucket(dpc, id), id, member, ##__VA_ARGS__);              \
		leave(dpc);                                                                        \
	} while (0)

#define TELL_EVERYBODY(dpc, member, ...)                                                           \
	do {                                                                                       \
		(dpc)->walkers++;                                                                  \
		for (unsigned i_ = 0; i_ < DPC_LISTENER_BUCKETS; i_++)                             \
			TELL_BUCKET(                                                               \
				dpc, &(dpc)->listeners[i_], l_->tenant, member, ##__VA_ARGS__);    \
		leave(dpc);                                                                        \
	} while (0)

void dpc_tell_up(struct dpc *dpc)
{
	TELL_EVERYBODY(dpc, up, dpc->epoch);
}

void dpc_tell_down(struct dpc *dpc, const char *why)
{
	TELL_EVERYBODY(dpc, down, why);
}

void dpc_tell_unblocked(struct dpc *dpc)
{
	TELL_EVERYBODY(dpc, unblocked);
}

void dpc_tell_flow_changed(struct dpc *dpc, weft_tenant_id tenant,
	const struct weft_ipc_flow_change *change, const struct dpc_flow *flow)
{
	TELL_TENANT(dpc, tenant, flow_changed, tenant, change, flow);
}

void dpc_tell_flow_triggered(struct dpc *dpc, weft_tenant_id tenant, const struct dpc_flow *flow)
{
	TELL_TENANT(dpc, tenant, flow_triggered, tenant, flow);
}

void dpc_tell_flow_removed(struct dpc *dpc, weft_tenant_id tenant, const struct dpc_flow *flow)
{
	TELL_TENANT(dpc, tenant, flow_removed, tenant, flow);
}

void dpc_tell_port_status(
	struct dpc *dpc, weft_tenant_id tenant, const struct weft_ipc_port_status *port)
{
	TELL_TENANT(dpc, tenant, port_status, tenant, port);
}

void dpc_tell_table_status(
	struct dpc *dpc, weft_tenant_id tenant, const struct weft_table_desc *table)
{
	TELL_TENANT(dpc, tenant, table_status, tenant, table);
}

void dpc_tell_busy(struct dpc *dpc, weft_tenant_id tenant, bool busy)
{
	TELL_TENANT(dpc, tenant, busy, tenant, busy);
}

void dpc_tell_neigh_wanted(struct dpc *dpc, const struct weft_ipc_nexthop *nexthop)
{
	TELL_TENANT(dpc, 0, neigh_wanted, nexthop);
}

void dpc_tell_vtep(
	struct dpc *dpc, weft_tenant_id tenant, const struct weft_ipc_vtep *vtep, bool wanted)
{
	TELL_TENANT(dpc, tenant, vtep, tenant, &vtep->ip, wanted);
}

void dpc_tell_punt(
	struct dpc *dpc, weft_tenant_id tenant, const struct weft_ipc_punt *punt, const void *frame)
{
	TELL_TENANT(dpc, tenant, punt, tenant, punt, frame);
}
