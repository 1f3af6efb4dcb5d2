// SPDX-License-Identifier: Apache-2.0
#include "core/missing.h"

#include <stdio.h>
#include <string.h>

#define AGENT_LOG_MODULE "ports"
#include "log.h"

static const char *tenant_name(const struct model *m, weft_tenant_id id)
{
	const struct model_tenant *t = id ? model_tenant_by_id(m, id) : NULL;

	return t ? t->set.name : "";
}

static struct missing_port *find(const struct missing *m, const char *tenant, const char *name)
{
	VEC_FOR_EACH (p, &m->ports)
		if (strcmp(p->tenant, tenant) == 0 && strcmp(p->port.name, name) == 0)
			return p;
	return NULL;
}

static void drop(struct missing *m, struct missing_port *p)
{
	free(p->why);
	*p = m->ports.at[--m->ports.count];
}

void missing_note(struct missing *m, const struct model *desired, weft_tenant_id tenant,
	const struct weft_ipc_port *port, const char *why)
{
	const char *name = tenant_name(desired, tenant);
	struct missing_port *p = find(m, name, port->name);

	if (p)
		drop(m, p);
	p = vec_new(&m->ports);
	snprintf(p->tenant, sizeof(p->tenant), "%s", name);
	p->port = *port;
	p->port.id = 0;
	p->why = agent_strdup(why);
}

static bool is_wanted_as_it_was(const struct missing_port *p, const struct weft_ipc_port *want)
{
	struct weft_ipc_port same = *want;

	same.id = 0;
	return memcmp(&same, &p->port, sizeof(same)) == 0;
}

static void remove_fdb(struct model *desired, weft_tenant_id tenant, uint32_t ofport)
{
	for (size_t i = desired->fdb.count; tenant && i-- > 0;) {
		struct model_fdb *f = &desired->fdb.at[i];
		if (f->tenant == tenant && f->entry.ofport == ofport)
			model_remove_fdb(desired, f);
	}
}

void missing_hold(struct missing *m, struct model *desired)
{
	VEC_FOR_EACH (p, &m->ports)
		p->held = false;
	for (size_t i = desired->ports.count; i-- > 0;) {
		struct model_port *want = &desired->ports.at[i];
		const char *tenant = tenant_name(desired, want->tenant);
		struct missing_port *p = find(m, tenant, want->status.port.name);
		if (!p || !is_wanted_as_it_was(p, &want->status.port))
			continue;
		p->held = true;
		remove_fdb(desired, want->tenant, want->status.port.ofport);
		model_remove_port(desired, want);
	}
}

void missing_keep_held(struct missing *m)
{
	for (size_t i = m->ports.count; i-- > 0;)
		if (!m->ports.at[i].held)
			drop(m, &m->ports.at[i]);
}

static bool log_changes(const struct missing *old, const struct missing *now)
{
	bool any = false;

	VEC_FOR_EACH (p, &now->ports) {
		const struct missing_port *was = find(old, p->tenant, p->port.name);
		if (was && strcmp(was->why, p->why) == 0)
			continue;
		log_error("port %s%s%s failed: %s (it is tried again)", p->tenant,
			p->tenant[0] ? "/" : "", p->port.name, p->why);
		any = true;
	}
	VEC_FOR_EACH (p, &old->ports) {
		if (find(now, p->tenant, p->port.name))
			continue;
		log_info("port %s%s%s does not fail any more", p->tenant, p->tenant[0] ? "/" : "",
			p->port.name);
		any = true;
	}
	return any;
}

bool missing_replace(struct missing *m, struct missing *now)
{
	bool any = log_changes(m, now);

	missing_free(m);
	*m = *now;
	*now = (struct missing){0};
	return any;
}

void missing_free(struct missing *m)
{
	VEC_FOR_EACH (p, &m->ports)
		free(p->why);
	vec_free(&m->ports);
}
