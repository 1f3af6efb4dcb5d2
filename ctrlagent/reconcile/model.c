// SPDX-License-Identifier: Apache-2.0
#include "reconcile/model.h"

void model_free(struct model *m)
{
	vec_free(&m->tenants);
	vec_free(&m->ports);
	vec_free(&m->vteps);
	vec_free(&m->providers);
	vec_free(&m->fdb);
	vec_free(&m->neighs);
	vec_free(&m->nexthops);
	vec_free(&m->overlays_down);
}

bool model_overlay_is_down(const struct model *m, weft_tenant_id tenant)
{
	VEC_FOR_EACH (id, &m->overlays_down)
		if (*id == tenant)
			return true;
	return false;
}

const struct model_tenant *model_tenant_named(const struct model *m, const char *name)
{
	VEC_FOR_EACH (t, &m->tenants)
		if (strcmp(t->set.name, name) == 0)
			return t;
	return NULL;
}

const struct model_tenant *model_tenant_by_id(const struct model *m, weft_tenant_id id)
{
	VEC_FOR_EACH (t, &m->tenants)
		if (t->id == id)
			return t;
	return NULL;
}

const struct model_provider *model_provider_of(const struct model *m, weft_tenant_id tenant)
{
	VEC_FOR_EACH (p, &m->providers)
		if (p->tenant == tenant)
			return p;
	return NULL;
}

static struct model_vtep *find_vtep(const struct model *m, const struct model_vtep *v)
{
	VEC_FOR_EACH (o, &m->vteps)
		if (o->tenant == v->tenant && o->flags == v->flags && weft_ip_equal(&o->ip, &v->ip))
			return o;
	return NULL;
}

bool model_has_vtep(const struct model *m, const struct model_vtep *v)
{
	return find_vtep(m, v);
}

void model_remove_vtep(struct model *m, const struct model_vtep *v)
{
	struct model_vtep *at = find_vtep(m, v);

	if (at)
		*at = m->vteps.at[--m->vteps.count];
}

struct model_port *model_port_named(const struct model *m, weft_tenant_id tenant, const char *name)
{
	VEC_FOR_EACH (p, &m->ports)
		if (p->tenant == tenant && strcmp(p->status.port.name, name) == 0)
			return p;
	return NULL;
}

struct model_port *model_port_by_id(const struct model *m, weft_tenant_id tenant, weft_port_id id)
{
	VEC_FOR_EACH (p, &m->ports)
		if (p->tenant == tenant && p->status.port.id == id)
			return p;
	return NULL;
}

struct model_port *model_port_numbered(
	const struct model *m, weft_tenant_id tenant, uint32_t ofport)
{
	VEC_FOR_EACH (p, &m->ports)
		if (p->tenant == tenant && p->status.port.ofport == ofport)
			return p;
	return NULL;
}
