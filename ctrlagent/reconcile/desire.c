// SPDX-License-Identifier: Apache-2.0
#include <stdio.h>
#include <time.h>

#include "reconcile/learned.h"
#include "reconcile/provider.h"
#include "reconcile/snoop.h"
#include "text/names.h"

// What of a tenant is not said by the configuration, but by what controllers do.
#define RUNTIME_FLAGS                                                                              \
	(WEFT_TENANT_STANDALONE | WEFT_TENANT_FRAG_DROP | WEFT_TENANT_TTL_PACKET_IN |              \
		WEFT_TENANT_MISS_PACKET_IN)

static void raise_ids(struct model_ids *ids, const struct model *current)
{
	struct timespec up;

	clock_gettime(CLOCK_BOOTTIME, &up);
	if (ids->next_tenant == 0)
		ids->next_tenant = ids->next_port = (uint32_t)up.tv_sec + 1;
	VEC_FOR_EACH (t, &current->tenants)
		if (t->id >= ids->next_tenant)
			ids->next_tenant = t->id + 1;
	VEC_FOR_EACH (p, &current->ports)
		if (p->status.port.id >= ids->next_port)
			ids->next_port = p->status.port.id + 1;
}

static void copy_name(char out[WEFT_NAME_MAX + 1], const char *name)
{
	snprintf(out, WEFT_NAME_MAX + 1, "%s", name);
}

static void desire_host(const struct config_host *h, struct model *desired)
{
	struct weft_ipc_host *out = &desired->host;
	bool v4 = weft_ip_is_v4(&h->vtep);

	if (v4)
		out->vtep4 = h->vtep;
	out->vtep6 = v4 ? h->vtep6 : h->vtep;
	out->vxlan_port = (uint16_t)h->vxlan_port;
	out->udp_csum = h->udp_checksum;
	out->udp6_csum = h->udp_checksum || h->udp6_checksum;
	out->zero_csum = (uint8_t)h->zero_checksum;
	out->reassemble = (uint16_t)h->reassemble;
	out->path_mtu_age_s = h->path_mtu_age_s;
	out->ttl = (uint8_t)h->ttl;
	out->fdb_age_s = h->fdb_age_s;
	if (h->bfd.mode != WEFT_BFD_NONE)
		out->bfd = (struct weft_bfd_settings){
			.mode = (uint8_t)h->bfd.mode,
			.mult = (uint8_t)h->bfd.multiplier,
			.interval_us = h->bfd.interval_ms * 1000,
			.vni = h->bfd.mode == WEFT_BFD_VXLAN ? h->bfd.vni : 0,
			.learned = h->bfd.learned,
		};
	copy_name(out->name, h->name);
}

// A bond's mode comes first; other members, and another timeout of LACP's, it may have while it
// lives.
static bool is_same_device(const struct weft_ipc_port *want, const struct weft_ipc_port *have)
{
	size_t n = strcspn(want->device, ",:");

	if (want->kind != WEFT_PORT_KIND_BOND)
		return strncmp(want->device, have->device, sizeof(want->device)) == 0;
	return n == strcspn(have->device, ",:") && strncmp(want->device, have->device, n) == 0;
}

// As it was asked for, not as it came out: what a device made of an MTU, or of none, is no
// difference.
static bool is_same_port(const struct weft_ipc_port *want, const struct weft_ipc_port *have)
{
	return want->kind == have->kind && want->ofport == have->ofport &&
	       want->mtu == have->mtu_asked && want->queues == have->queues &&
	       want->no_offload == have->no_offload && is_same_device(want, have) &&
	       strcmp(want->kernel_if, have->kernel_if) == 0;
}

// A port that is as it was keeps its id; one that differs must be made anew, under a new id.
static void desire_port(const struct model *current, struct model_ids *ids, struct model *desired,
	weft_tenant_id tenant, struct weft_ipc_port port)
{
	const struct model_port *old = model_port_named(current, tenant, port.name);

	if (old && is_same_port(&port, &old->status.port)) {
		struct weft_ipc_port now = old->status.port;
		now.limits = port.limits;
		memcpy(now.device, port.device, sizeof(now.device));
		port = now;
	} else
		port.id = ids->next_port++;
	model_add_port(desired, &(struct model_port){tenant, {.port = port}});
}

static void bond_device(const struct config_uplink *u, char out[WEFT_DEVICE_MAX + 1])
{
	bool fast = u->mode == WEFT_BOND_LACP && u->lacp_rate == CONFIG_LACP_FAST;
	size_t n = (size_t)snprintf(
		out, WEFT_DEVICE_MAX + 1, "%s%s", bond_mode_name(u->mode), fast ? ":fast" : "");

	for (size_t i = 0; i < u->member_count; i++)
		n += (size_t)snprintf(out + n, WEFT_DEVICE_MAX + 1 - n, ",%s", u->members[i].name);
}

static void desire_uplink(const struct config_uplink *u, const struct model *current,
	struct model_ids *ids, struct model *desired)
{
	struct weft_ipc_port port = {.kind = u->kind,
		.mtu = u->mtu,
		.mtu_asked = (uint16_t)u->mtu,
		.queues = (uint16_t)u->queues,
		.no_offload = u->offload == CONFIG_OFFLOAD_OFF ? UINT32_MAX : 0};

	copy_name(port.name, u->name);
	if (u->kind == WEFT_PORT_KIND_BOND)
		bond_device(u, port.device);
	else
		snprintf(port.device, sizeof(port.device), "%s", u->device);
	snprintf(port.kernel_if, sizeof(port.kernel_if), "%.15s", u->kernel_interface);
	desire_port(current, ids, desired, 0, port);
}

static void desire_tenant_port(const struct config_port *p, const struct model *current,
	struct model_ids *ids, struct model *desired, weft_tenant_id tenant)
{
	struct weft_ipc_port port = {.ofport = p->number,
		.kind = p->kind,
		.mtu = p->mtu,
		.mtu_asked = (uint16_t)p->mtu,
		.queues = (uint16_t)p->queues,
		.limits = {p->macs, {p->storm.broadcast, p->storm.multicast, p->storm.unknown}}};

	copy_name(port.name, p->name);
	snprintf(port.device, sizeof(port.device), "%s", p->device);
	desire_port(current, ids, desired, tenant, port);
}

static void desire_fdb(const struct config_tenant *t, const struct config_fdb *f,
	struct model *desired, weft_tenant_id tenant)
{
	struct weft_ipc_fdb entry = {.mac = f->mac,
		.vlan = (uint16_t)f->vlan,
		.flags = WEFT_FDB_STATIC | WEFT_FDB_CONFIG,
		.vtep = f->vtep,
		.ofport = WEFT_OFPORT_OVERLAY};

	if (f->port[0])
		entry.ofport = config_port_named(t, f->port)->number;
	model_add_fdb(desired, &(struct model_fdb){tenant, entry});
}

static void desire_neighbour(
	const struct config_neighbour *n, struct model *desired, weft_tenant_id tenant)
{
	struct weft_ipc_neigh entry = {
		.ip = n->ip,
		.vlan = (uint16_t)n->vlan,
		.mac = n->mac,
		.flags = WEFT_NEIGH_STATIC,
	};

	model_add_neigh(desired, &(struct model_neigh){tenant, entry});
}

static struct weft_ipc_tenant tenant_settings(const struct config_tenant *t)
{
	struct weft_ipc_tenant set = {
		.encap = t->encap,
		.kind = (uint8_t)t->kind,
		.vni = config_tenant_network(t),
		.flags = (t->inner_vlan ? WEFT_TENANT_INNER_VLAN : 0) |
			 (t->learn ? WEFT_TENANT_LEARN : 0) |
			 (t->any_vtep ? WEFT_TENANT_ANY_VTEP : 0) |
			 (t->suppress ? WEFT_TENANT_SUPPRESS : 0) | snoop_flags(&t->multicast),
		.max_rules = t->quotas.rules,
		.max_groups = t->quotas.groups,
		.max_meters = t->quotas.meters,
		.max_fdb = t->quotas.macs,
		.punt_rate = t->quotas.packet_in,
		.punt_burst = t->quotas.packet_in_burst,
		.mtu = t->mtu,
		.max_moves = t->moves.most,
		.move_within_s = t->moves.within_s,
		.move_hold_s = t->moves.hold_s,
		.too_big = (uint8_t)t->too_big,
		.group = t->group,
		.max_vteps = t->learn_vteps,
		.snoop = snoop_settings(t),
		.dscp = (uint8_t)t->dscp,
		.tos = (uint8_t)((t->dscp_mode ? WEFT_TOS_UNIFORM : 0) |
				 (t->ecn ? 0 : WEFT_TOS_NO_ECN)),
	};

	copy_name(set.name, t->name);
	return set;
}

static weft_tenant_id desire_settings(const struct config_tenant *t, const struct model *current,
	struct model_ids *ids, struct model *desired)
{
	struct model_tenant want = {.set = tenant_settings(t)};
	const struct model_tenant *old = model_tenant_named(current, t->name);
	bool same = old && old->set.encap == want.set.encap && old->set.vni == want.set.vni &&
		    old->set.kind == want.set.kind;
	uint32_t alone = t->sw.fail_mode == AGENT_FAIL_STANDALONE ? WEFT_TENANT_STANDALONE : 0;

	want.id = same ? old->id : ids->next_tenant++;
	if (same && t->sw.controller_count)
		want.set.flags |=
			old->set.flags & RUNTIME_FLAGS & (~WEFT_TENANT_STANDALONE | alone);
	else // no controller has said anything, or will
		want.set.flags |= alone;
	model_add_tenant(desired, &want);
	return want.id;
}

static void desire_tenant(const struct config *config, const struct config_tenant *t,
	const struct model *current, struct model_ids *ids, struct model *desired)
{
	weft_tenant_id id = desire_settings(t, current, ids, desired);

	if (t->kind == WEFT_TENANT_KIND_PROVIDER)
		provider_desire(config, t, current, desired, id);
	for (size_t i = 0; i < t->vtep_count; i++)
		model_add_vtep(desired, &(struct model_vtep){id, t->vteps[i], 0});
	learned_desire(config, t, current, desired, id);
	for (size_t i = 0; i < t->port_count; i++)
		desire_tenant_port(&t->ports[i], current, ids, desired, id);
	for (size_t i = 0; i < t->fdb_count; i++)
		desire_fdb(t, &t->fdb[i], desired, id);
	for (size_t i = 0; i < t->neighbour_count; i++)
		desire_neighbour(&t->neighbours[i], desired, id);
}

void model_desire(const struct config *config, const struct model *current, struct model_ids *ids,
	struct model *desired)
{
	*desired = (struct model){0};
	raise_ids(ids, current);
	desire_host(&config->host, desired);
	for (size_t i = 0; i < config->uplink_count; i++)
		desire_uplink(&config->uplinks[i], current, ids, desired);
	for (size_t i = 0; i < config->tenant_count; i++)
		desire_tenant(config, &config->tenants[i], current, ids, desired);
	VEC_FOR_EACH (n, &current->nexthops)
		vec_add(&desired->nexthops, *n);
}
