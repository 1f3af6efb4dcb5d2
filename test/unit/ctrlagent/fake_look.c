// SPDX-License-Identifier: Apache-2.0
#include "fake_dataplane_inside.h"

#include <string.h>

void fake_dataplane_devices_come(struct fake_dataplane *dp)
{
	dp->devices = true;
}

unsigned fake_dataplane_count(const struct fake_dataplane *dp, enum weft_ipc_type type)
{
	return dp->counts[type];
}

unsigned fake_dataplane_waiting(const struct fake_dataplane *dp, size_t *sent)
{
	*sent = dp->paced_bytes;
	return dp->paced_count;
}

void fake_dataplane_fail_next(
	struct fake_dataplane *dp, enum weft_ipc_type type, enum weft_error error)
{
	dp->fail_type = type;
	dp->fail_error = error;
}

static const void *by_name(const struct fake_dataplane *dp, uint16_t dump, size_t offset,
	const char *name, weft_tenant_id *tenant)
{
	for (size_t i = 0; i < dp->state.count; i++) {
		const struct record *r = &dp->state.records[i];
		if (r->dump != dump || strcmp((const char *)r->bytes + offset, name) != 0)
			continue;
		if (tenant)
			*tenant = r->tenant;
		return r->bytes;
	}
	return NULL;
}

const struct weft_ipc_tenant *fake_dataplane_tenant(
	const struct fake_dataplane *dp, const char *name, weft_tenant_id *id)
{
	return by_name(dp, WEFT_IPC_DUMP_TENANTS, offsetof(struct weft_ipc_tenant, name), name, id);
}

const struct weft_ipc_port *fake_dataplane_port(
	const struct fake_dataplane *dp, const char *name, weft_tenant_id *tenant)
{
	return by_name(dp, WEFT_IPC_DUMP_PORTS, offsetof(struct weft_ipc_port, name), name, tenant);
}

void fake_dataplane_lose_port(struct fake_dataplane *dp, const char *name)
{
	weft_tenant_id tenant;
	const struct weft_ipc_port *port = fake_dataplane_port(dp, name, &tenant);

	store_erase(&dp->state,
		store_find(&dp->state, WEFT_IPC_DUMP_PORTS, tenant, port, sizeof(port->id)));
}

const struct weft_ipc_nexthop *fake_dataplane_nexthop(
	const struct fake_dataplane *dp, const struct weft_ip *vtep)
{
	const struct record *r =
		store_find(&dp->state, WEFT_IPC_DUMP_NEXTHOPS, 0, vtep, sizeof(*vtep));

	return r ? (const void *)r->bytes : NULL;
}

bool fake_dataplane_has_vtep(
	const struct fake_dataplane *dp, weft_tenant_id tenant, const struct weft_ip *vtep)
{
	return store_find(&dp->state, WEFT_IPC_DUMP_VTEPS, tenant, vtep, sizeof(*vtep));
}

const struct weft_ipc_host *fake_dataplane_host(const struct fake_dataplane *dp)
{
	return &dp->state.host;
}

size_t fake_dataplane_records(const struct fake_dataplane *dp)
{
	return dp->state.count;
}
