// SPDX-License-Identifier: Apache-2.0
#include "reconcile/snoop.h"

#include "text/address.h"
#include "text/flow_text.h"

struct weft_snoop_settings snoop_settings(const struct config_tenant *t)
{
	const struct config_multicast *m = &t->multicast;
	bool none = weft_ip_is_none(&m->querier_address);
	struct weft_snoop_settings s = {
		.age_s = m->age_s,
		.leave_s = m->leave_s,
		.max_groups = m->groups,
		.max_port_groups = m->port_groups,
		.querier = none ? 0 : weft_ip_v4(&m->querier_address),
	};

	for (size_t i = 0; i < m->router_port_count; i++)
		s.router_port[i] = config_port_named(t, m->router_ports[i].text)->number;
	for (size_t i = 0; i < m->router_vtep_count; i++)
		s.router_vtep[i] = m->router_vteps[i];
	return s;
}

uint32_t snoop_flags(const struct config_multicast *m)
{
	if (!m->snoop)
		return 0;
	return WEFT_TENANT_SNOOP | (m->unregistered ? WEFT_TENANT_SNOOP_STRICT : 0) |
	       (m->querier ? WEFT_TENANT_QUERIER : 0);
}

char *snoop_routers_text(const struct weft_snoop_settings *s)
{
	struct text out = {0};
	char ip[IP_TEXT_MAX];

	for (unsigned i = 0; i < WEFT_SNOOP_ROUTERS; i++)
		if (s->router_port[i])
			text_add(&out, "%s%u", out.len ? " " : "", s->router_port[i]);
	for (unsigned i = 0; i < WEFT_SNOOP_ROUTERS; i++)
		if (!weft_ip_is_none(&s->router_vtep[i]))
			text_add(&out, "%s%s", out.len ? " " : "",
				ip_format(&s->router_vtep[i], ip));
	if (!out.len)
		text_add(&out, "none");
	return out.at;
}
