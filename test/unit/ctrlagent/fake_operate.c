// SPDX-License-Identifier: Apache-2.0
#include "fake_dataplane_inside.h"

#include <stdlib.h>
#include <string.h>

static enum weft_error tenant_add(struct fake_dataplane *dp, weft_tenant_id id, const void *body)
{
	const struct weft_ipc_tenant *t = body;

	if (store_tenant(&dp->state, id) || fake_dataplane_tenant(dp, t->name, NULL))
		return WEFT_E_EXISTS;
	store_put(&dp->state, WEFT_IPC_DUMP_TENANTS, id, sizeof(t->name), body, sizeof(*t));
	return WEFT_E_NONE;
}

static enum weft_error tenant_set(struct fake_dataplane *dp, weft_tenant_id id, const void *body)
{
	const struct weft_ipc_tenant *t = body;
	struct record *r = store_tenant(&dp->state, id);

	if (!r)
		return WEFT_E_NO_TENANT;
	const struct weft_ipc_tenant *old = (const void *)r->bytes;
	if (old->encap != t->encap || old->vni != t->vni || old->kind != t->kind)
		return WEFT_E_STATE;
	memcpy(r->bytes, body, sizeof(*t));
	return WEFT_E_NONE;
}

static enum weft_error tenant_del(struct fake_dataplane *dp, weft_tenant_id id)
{
	struct record *t = store_tenant(&dp->state, id);

	if (!t)
		return WEFT_E_NO_TENANT;
	for (size_t i = 0; i < dp->state.count; i++)
		if (dp->state.records[i].dump == WEFT_IPC_DUMP_PORTS &&
			dp->state.records[i].tenant == id)
			return WEFT_E_IN_USE;
	store_erase(&dp->state, t);
	for (size_t i = dp->state.count; i-- > 0;)
		if (dp->state.records[i].tenant == id)
			store_erase(&dp->state, &dp->state.records[i]);
	return WEFT_E_NONE;
}

static enum weft_error port_add(struct fake_dataplane *dp, weft_tenant_id tenant, const void *body)
{
	struct weft_ipc_port_status status = {.port = *(const struct weft_ipc_port *)body,
		.mac = {{2, 0, 0, 0, 0, (uint8_t) * (const uint32_t *)body}}};

	if (tenant && !store_tenant(&dp->state, tenant))
		return WEFT_E_NO_TENANT;
	if (strncmp(status.port.device, "absent", 6) == 0 && !dp->devices)
		return WEFT_E_DEVICE;
	status.port.mtu_asked = (uint16_t)status.port.mtu;
	if (!status.port.mtu || status.port.mtu > 1500)
		status.port.mtu = 1500; // the device's own
	if (store_find(&dp->state, WEFT_IPC_DUMP_PORTS, tenant, &status.port.id, 4))
		return WEFT_E_EXISTS;
	store_put(&dp->state, WEFT_IPC_DUMP_PORTS, tenant, 4, &status, sizeof(status));
	return WEFT_E_NONE;
}

static enum weft_error port_set(struct fake_dataplane *dp, weft_tenant_id tenant, const void *body)
{
	const struct weft_ipc_port_set *set = body;
	struct record *r = store_find(&dp->state, WEFT_IPC_DUMP_PORTS, tenant, &set->id, 4);

	if (!r)
		return WEFT_E_NO_PORT;
	((struct weft_ipc_port_status *)(void *)r->bytes)->port.limits = set->limits;
	return WEFT_E_NONE;
}

// A thing that is no more than its key.
static enum weft_error add(struct fake_dataplane *dp, uint16_t dump, weft_tenant_id tenant,
	size_t key, const void *body, size_t len)
{
	if (tenant && !store_tenant(&dp->state, tenant))
		return WEFT_E_NO_TENANT;
	if (store_find(&dp->state, dump, tenant, body, key))
		return WEFT_E_EXISTS;
	store_put(&dp->state, dump, tenant, key, body, len);
	return WEFT_E_NONE;
}

static enum weft_error del(struct fake_dataplane *dp, uint16_t dump, weft_tenant_id tenant,
	size_t key, const void *body)
{
	struct record *r = store_find(&dp->state, dump, tenant, body, key);

	if (!r)
		return WEFT_E_NOT_FOUND;
	store_erase(&dp->state, r);
	return WEFT_E_NONE;
}

static bool has_place(
	const struct fake_dataplane *dp, weft_tenant_id tenant, const struct weft_ipc_fdb *entry)
{
	for (size_t i = 0; i < dp->state.count; i++) {
		const struct record *r = &dp->state.records[i];
		if (r->dump == WEFT_IPC_DUMP_PORTS && r->tenant == tenant &&
			((const struct weft_ipc_port_status *)(const void *)r->bytes)
					->port.ofport == entry->ofport)
			return true;
	}
	return entry->ofport == WEFT_OFPORT_OVERLAY;
}

// A rule is stored as a dump shows it; equal cookies are the same rule, which is enough here.
static enum weft_error flow_mod(
	struct fake_dataplane *dp, weft_tenant_id tenant, const void *body, size_t len)
{
	const struct weft_flow_mod *mod = body;
	uint8_t bytes[4096];
	struct weft_flow_stats stats = {.cookie = mod->cookie,
		.priority = mod->priority,
		.table = mod->table,
		.flags = mod->flags,
		.packets = 7,
		.bytes = 700,
		.duration_ns = 1500000000};

	if (!store_tenant(&dp->state, tenant))
		return WEFT_E_NO_TENANT;
	if (mod->command >= WEFT_FLOW_DELETE) {
		del(dp, WEFT_IPC_DUMP_FLOWS, tenant, 8, &mod->cookie);
		return WEFT_E_NONE;
	}
	memcpy(bytes, &stats, sizeof(stats));
	memcpy(bytes + sizeof(stats), mod + 1, len - sizeof(*mod));
	store_put(&dp->state, WEFT_IPC_DUMP_FLOWS, tenant, 8, bytes,
		sizeof(stats) + len - sizeof(*mod));
	return WEFT_E_NONE;
}

enum weft_error fake_operate(
	struct fake_dataplane *dp, const struct weft_ipc_hdr *h, const void *body, size_t len)
{
	switch (h->type) {
	case WEFT_IPC_HOST_SET:
		memcpy(&dp->state.host, body, sizeof(dp->state.host));
		return WEFT_E_NONE;
	case WEFT_IPC_TENANT_ADD:
		return tenant_add(dp, h->tenant, body);
	case WEFT_IPC_TENANT_SET:
		return tenant_set(dp, h->tenant, body);
	case WEFT_IPC_TENANT_DEL:
		return tenant_del(dp, h->tenant);
	case WEFT_IPC_PORT_ADD:
		return port_add(dp, h->tenant, body);
	case WEFT_IPC_PORT_DEL:
		return del(dp, WEFT_IPC_DUMP_PORTS, h->tenant, 4, body);
	case WEFT_IPC_PORT_SET:
		return port_set(dp, h->tenant, body);
	case WEFT_IPC_NEIGH_ADD:
		return add(dp, WEFT_IPC_DUMP_NEIGHS, h->tenant, 18, body, len);
	case WEFT_IPC_NEIGH_DEL:
		return del(dp, WEFT_IPC_DUMP_NEIGHS, h->tenant, 18, body);
	case WEFT_IPC_VTEP_ADD:
		return add(dp, WEFT_IPC_DUMP_VTEPS, h->tenant, 16, body, len);
	case WEFT_IPC_VTEP_DEL:
		return del(dp, WEFT_IPC_DUMP_VTEPS, h->tenant, 16, body);
	case WEFT_IPC_PROVIDER_SET:
		store_put(&dp->state, WEFT_IPC_DUMP_PROVIDERS, h->tenant, 0, body, len);
		return WEFT_E_NONE;
	case WEFT_IPC_NEXTHOP_SET:
		store_put(&dp->state, WEFT_IPC_DUMP_NEXTHOPS, 0, 18, body, len);
		return WEFT_E_NONE;
	case WEFT_IPC_NEXTHOP_DEL:
		return del(dp, WEFT_IPC_DUMP_NEXTHOPS, 0, 18, body);
	case WEFT_IPC_FDB_ADD:
		if (!has_place(dp, h->tenant, body))
			return WEFT_E_NO_PORT;
		store_put(&dp->state, WEFT_IPC_DUMP_FDB, h->tenant, 8, body, len);
		return WEFT_E_NONE;
	case WEFT_IPC_FDB_DEL:
		return del(dp, WEFT_IPC_DUMP_FDB, h->tenant, 8, body);
	case WEFT_IPC_FDB_FLUSH:
		return WEFT_E_NONE;
	case WEFT_IPC_FLOW_MOD:
		return flow_mod(dp, h->tenant, body, len);
	default:
		return WEFT_E_UNSUPPORTED;
	}
}
