// SPDX-License-Identifier: Apache-2.0
#include "reconcile/model.h"

#include <string.h>

void model_free(struct model *m)
{
	struct finder *const finders[] = {&m->tenant_ids, &m->tenant_names, &m->port_ids,
		&m->port_names, &m->port_numbers, &m->tenants_ports, &m->vtep_ips, &m->vtep_names,
		&m->tenants_vteps, &m->provider_tenants, &m->fdb_entries, &m->neigh_entries,
		&m->overlays};

	vec_free(&m->tenants);
	vec_free(&m->ports);
	vec_free(&m->vteps);
	vec_free(&m->providers);
	vec_free(&m->fdb);
	vec_free(&m->neighs);
	vec_free(&m->nexthops);
	vec_free(&m->overlays_down);
	for (size_t i = 0; i < sizeof(finders) / sizeof(finders[0]); i++)
		finder_free(finders[i]);
}

static uint32_t hash_id(uint32_t id)
{
	return finder_hash_number(id, 0);
}

static uint32_t hash_ip(const struct weft_ip *ip)
{
	return finder_hash(ip, sizeof(*ip), 0);
}

// ---- what comes

void model_add_tenant(struct model *m, const struct model_tenant *t)
{
	vec_add(&m->tenants, *t);
	finder_add(&m->tenant_ids, hash_id(t->id));
	finder_add(&m->tenant_names, finder_hash_text(t->set.name, 0));
}

void model_add_port(struct model *m, const struct model_port *p)
{
	const struct weft_ipc_port *port = &p->status.port;

	vec_add(&m->ports, *p);
	finder_add(&m->port_ids, hash_id(port->id));
	finder_add(&m->port_names, finder_hash_text(port->name, p->tenant));
	finder_add(&m->port_numbers, finder_hash_number(port->ofport, p->tenant));
	finder_add(&m->tenants_ports, hash_id(p->tenant));
}

void model_add_vtep(struct model *m, const struct model_vtep *v)
{
	vec_add(&m->vteps, *v);
	finder_add(&m->vtep_ips, hash_ip(&v->ip));
	finder_add(&m->vtep_names, finder_hash(&v->ip, sizeof(v->ip), v->tenant));
	finder_add(&m->tenants_vteps, hash_id(v->tenant));
}

void model_add_provider(struct model *m, const struct model_provider *p)
{
	vec_add(&m->providers, *p);
	finder_add(&m->provider_tenants, hash_id(p->tenant));
}

void model_add_fdb(struct model *m, const struct model_fdb *f)
{
	vec_add(&m->fdb, *f);
	finder_add(&m->fdb_entries, finder_hash(&f->entry, sizeof(f->entry), f->tenant));
}

void model_add_neigh(struct model *m, const struct model_neigh *n)
{
	vec_add(&m->neighs, *n);
	finder_add(&m->neigh_entries, finder_hash(&n->entry, sizeof(n->entry), n->tenant));
}

void model_add_overlay_down(struct model *m, weft_tenant_id tenant)
{
	vec_add(&m->overlays_down, tenant);
	finder_add(&m->overlays, hash_id(tenant));
}

// ---- what goes

void model_remove_port(struct model *m, struct model_port *p)
{
	uint32_t at = (uint32_t)(p - m->ports.at);

	finder_remove(&m->port_ids, at);
	finder_remove(&m->port_names, at);
	finder_remove(&m->port_numbers, at);
	finder_remove(&m->tenants_ports, at);
	*p = m->ports.at[--m->ports.count];
}

void model_remove_fdb(struct model *m, struct model_fdb *f)
{
	finder_remove(&m->fdb_entries, (uint32_t)(f - m->fdb.at));
	*f = m->fdb.at[--m->fdb.count];
}

static struct model_vtep *find_vtep(const struct model *m, const struct model_vtep *v)
{
	FINDER_EACH (at, &m->vtep_names, finder_hash(&v->ip, sizeof(v->ip), v->tenant)) {
		struct model_vtep *o = &m->vteps.at[at];
		if (o->tenant == v->tenant && o->flags == v->flags && weft_ip_equal(&o->ip, &v->ip))
			return o;
	}
	return NULL;
}

void model_remove_vtep(struct model *m, const struct model_vtep *v)
{
	struct model_vtep *found = find_vtep(m, v);
	uint32_t at = (uint32_t)(found - m->vteps.at);

	if (!found)
		return;
	finder_remove(&m->vtep_ips, at);
	finder_remove(&m->vtep_names, at);
	finder_remove(&m->tenants_vteps, at);
	*found = m->vteps.at[--m->vteps.count];
}

// ---- what is heard

static uint32_t overlay_down_at(const struct model *m, weft_tenant_id tenant)
{
	FINDER_EACH (at, &m->overlays, hash_id(tenant))
		if (m->overlays_down.at[at] == tenant)
			return at;
	return FINDER_NONE;
}

static void set_overlay_down(struct model *m, weft_tenant_id tenant, bool down)
{
	uint32_t at = overlay_down_at(m, tenant);

	if (down == (at != FINDER_NONE))
		return;
	if (down) {
		model_add_overlay_down(m, tenant);
		return;
	}
	finder_remove(&m->overlays, at);
	m->overlays_down.at[at] = m->overlays_down.at[--m->overlays_down.count];
}

void model_hear_port(
	struct model *m, weft_tenant_id tenant, const struct weft_ipc_port_status *port)
{
	struct model_port *known;

	if (port->port.ofport == WEFT_OFPORT_OVERLAY) { // nobody makes or removes it
		set_overlay_down(m, tenant, port->state & WEFT_PORT_LINK_DOWN);
		return;
	}
	known = model_port_by_id(m, tenant, port->port.id);
	if (known && port->reason == WEFT_PORT_DELETED)
		model_remove_port(m, known);
	else if (known)
		known->status = *port;
	else if (port->reason != WEFT_PORT_DELETED) // it was about to go, and does not
		model_add_port(m, &(struct model_port){tenant, *port});
}

// ---- what there is

bool model_overlay_is_down(const struct model *m, weft_tenant_id tenant)
{
	return overlay_down_at(m, tenant) != FINDER_NONE;
}

struct model_tenant *model_tenant_named(const struct model *m, const char *name)
{
	FINDER_EACH (at, &m->tenant_names, finder_hash_text(name, 0))
		if (strcmp(m->tenants.at[at].set.name, name) == 0)
			return &m->tenants.at[at];
	return NULL;
}

struct model_tenant *model_tenant_by_id(const struct model *m, weft_tenant_id id)
{
	FINDER_EACH (at, &m->tenant_ids, hash_id(id))
		if (m->tenants.at[at].id == id)
			return &m->tenants.at[at];
	return NULL;
}

const struct model_provider *model_provider_of(const struct model *m, weft_tenant_id tenant)
{
	FINDER_EACH (at, &m->provider_tenants, hash_id(tenant))
		if (m->providers.at[at].tenant == tenant)
			return &m->providers.at[at];
	return NULL;
}

bool model_has_fdb(const struct model *m, const struct model_fdb *f)
{
	FINDER_EACH (at, &m->fdb_entries, finder_hash(&f->entry, sizeof(f->entry), f->tenant)) {
		const struct model_fdb *o = &m->fdb.at[at];
		if (o->tenant == f->tenant && memcmp(&o->entry, &f->entry, sizeof(f->entry)) == 0)
			return true;
	}
	return false;
}

bool model_has_neigh(const struct model *m, const struct model_neigh *n)
{
	FINDER_EACH (at, &m->neigh_entries, finder_hash(&n->entry, sizeof(n->entry), n->tenant)) {
		const struct model_neigh *o = &m->neighs.at[at];
		if (o->tenant == n->tenant && memcmp(&o->entry, &n->entry, sizeof(n->entry)) == 0)
			return true;
	}
	return false;
}

bool model_has_vtep(const struct model *m, const struct model_vtep *v)
{
	return find_vtep(m, v);
}

struct model_port *model_port_named(const struct model *m, weft_tenant_id tenant, const char *name)
{
	FINDER_EACH (at, &m->port_names, finder_hash_text(name, tenant)) {
		struct model_port *p = &m->ports.at[at];
		if (p->tenant == tenant && strcmp(p->status.port.name, name) == 0)
			return p;
	}
	return NULL;
}

struct model_port *model_port_by_id(const struct model *m, weft_tenant_id tenant, weft_port_id id)
{
	FINDER_EACH (at, &m->port_ids, hash_id(id)) {
		struct model_port *p = &m->ports.at[at];
		if (p->tenant == tenant && p->status.port.id == id)
			return p;
	}
	return NULL;
}

struct model_port *model_port_numbered(
	const struct model *m, weft_tenant_id tenant, uint32_t ofport)
{
	FINDER_EACH (at, &m->port_numbers, finder_hash_number(ofport, tenant)) {
		struct model_port *p = &m->ports.at[at];
		if (p->tenant == tenant && p->status.port.ofport == ofport)
			return p;
	}
	return NULL;
}
