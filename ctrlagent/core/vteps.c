// SPDX-License-Identifier: Apache-2.0
// VTEPs of provider's switches that come and go: a rule has sent a packet to one, or none has for
// long. The data plane says so, and only here is it made a change of state.
#include <stdio.h>

#include "core/core.h"
#include "core/internal.h"
#include "reconcile/provider.h"
#include "text/address.h"

#define AGENT_LOG_MODULE "vteps"
#include "log.h"

struct vtep_request {
	struct agent *a;
	struct model_vtep vtep;
	bool added;
};

static bool anybody_has(const struct model *m, const struct weft_ip *vtep)
{
	VEC_FOR_EACH (v, &m->vteps)
		if (weft_ip_equal(&v->ip, vtep))
			return true;
	return false;
}

static void forget(struct agent *a, const struct model_vtep *v)
{
	model_remove_vtep(&a->model, v);
	if (!anybody_has(&a->model, &v->ip))
		underlay_want(a->underlay, &v->ip, false);
}

// What was refused is asked for again when the next packet wants it.
static void on_done(void *arg, enum weft_error error, const char *text)
{
	struct vtep_request *r = arg;
	char ip[IP_TEXT_MAX];

	if (error && error != WEFT_E_STATE)
		log_warning("VTEP %s: %s%s%s", ip_format(&r->vtep.ip, ip), weft_error_text(error),
			text[0] ? ": " : "", text);
	if (error && error != WEFT_E_EXISTS && r->added)
		forget(r->a, &r->vtep);
	free(r);
}

static const struct config_tenant *provider_named(const struct config *c, const char *name)
{
	for (size_t i = 0; i < c->tenant_count; i++)
		if (c->tenants[i].kind == WEFT_TENANT_KIND_PROVIDER &&
			strcmp(c->tenants[i].name, name) == 0)
			return &c->tenants[i];
	return NULL;
}

static bool may_pass(const struct agent *a, weft_tenant_id tenant, const struct weft_ip *vtep)
{
	const struct model_tenant *t = model_tenant_by_id(&a->model, tenant);
	const struct config_tenant *config = t ? provider_named(a->config, t->set.name) : NULL;

	return config && provider_is_passing(config, vtep);
}

void agent_vtep_event(void *arg, weft_tenant_id tenant, const struct weft_ip *vtep, bool wanted)
{
	struct agent *a = arg;
	struct model_vtep v = {tenant, *vtep};
	struct vtep_request *r;
	char ip[IP_TEXT_MAX];

	// While a configuration is applied nobody knows which one will hold; packets will ask
	// again.
	if (!a->ready || a->applying || model_has_vtep(&a->model, &v) == wanted ||
		!may_pass(a, tenant, vtep))
		return;
	log_info("provider %s: VTEP %s %s", model_tenant_by_id(&a->model, tenant)->set.name,
		ip_format(vtep, ip), wanted ? "is wanted" : "is not used any more");
	r = agent_zalloc(sizeof(*r));
	*r = (struct vtep_request){a, v, wanted};
	dpc_op(a->dpc, wanted ? WEFT_IPC_VTEP_ADD : WEFT_IPC_VTEP_DEL, tenant, vtep, sizeof(*vtep),
		on_done, r);
	if (!wanted) {
		forget(a, &v);
		return;
	}
	vec_add(&a->model.vteps, v);
	underlay_want(a->underlay, vtep, true);
}
