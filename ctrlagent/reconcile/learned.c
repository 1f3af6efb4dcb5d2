// SPDX-License-Identifier: Apache-2.0
#include "reconcile/learned.h"

#include "config/check.h"

static bool is_configured(const struct config_tenant *t, const struct weft_ip *vtep)
{
	for (size_t i = 0; i < t->vtep_count; i++)
		if (weft_ip_equal(&t->vteps[i], vtep))
			return true;
	return false;
}

void learned_desire(const struct config *c, const struct config_tenant *t,
	const struct model *current, struct model *desired, weft_tenant_id id)
{
	uint32_t left = t->learn_vteps;

	MODEL_EACH_VTEP (v, current, id) {
		if (!left)
			return;
		if (!(v->flags & WEFT_VTEP_LEARNED) || !learned_may(c, t, &v->ip))
			continue;
		model_add_vtep(desired, v);
		left--;
	}
}

bool learned_may(const struct config *c, const struct config_tenant *t, const struct weft_ip *vtep)
{
	return t->learn_vteps && !is_configured(t, vtep) && config_is_unicast(vtep) &&
	       config_may_reach(&c->host, vtep);
}
