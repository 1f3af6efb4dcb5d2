// SPDX-License-Identifier: Apache-2.0
// VTEPs that come and go: a rule of a provider's switch has sent a packet to one, or none has for
// long; a tenant with a group has heard one, or has not for long. The data plane says so, and only
// here is it made a change of state.
#include <stdio.h>

#include "config/check.h"
#include "core/core.h"
#include "core/internal.h"
#include "reconcile/learned.h"
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
	MODEL_EACH_VTEP_AT (v, m, vtep)
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

// Whether the VTEP may come and go; `flags` are set as such a one's of this tenant.
static bool may_pass(
	const struct agent *a, weft_tenant_id tenant, const struct weft_ip *vtep, uint32_t *flags)
{
	const struct model_tenant *t = model_tenant_by_id(&a->model, tenant);
	const struct config_tenant *config = t ? config_tenant_named(a->config, t->set.name) : NULL;

	if (!config)
		return false;
	if (config->kind == WEFT_TENANT_KIND_PROVIDER)
		return provider_is_passing(config, vtep) &&
		       config_may_reach(&a->config->host, vtep);
	*flags = WEFT_VTEP_LEARNED;
	return learned_may(a->config, config, vtep);
}

static void log_news(const struct agent *a, const struct model_vtep *v, bool wanted)
{
	const struct model_tenant *t = model_tenant_by_id(&a->model, v->tenant);
	bool learned = v->flags & WEFT_VTEP_LEARNED;
	char ip[IP_TEXT_MAX];

	log_info("%s %s: VTEP %s %s", learned ? "tenant" : "provider", t->set.name,
		ip_format(&v->ip, ip),
		learned  ? wanted ? "is learned" : "is not heard any more"
		: wanted ? "is wanted"
			 : "is not used any more");
}

void agent_vtep_event(void *arg, weft_tenant_id tenant, const struct weft_ip *vtep, bool wanted)
{
	struct agent *a = arg;
	struct model_vtep v = {tenant, *vtep, 0};
	struct weft_ipc_vtep body = {.ip = *vtep};
	struct vtep_request *r;

	// While a configuration is applied nobody knows which one will hold; packets will ask
	// again.
	if (!a->ready || a->applying || !may_pass(a, tenant, vtep, &v.flags) ||
		model_has_vtep(&a->model, &v) == wanted)
		return;
	log_news(a, &v, wanted);
	body.flags = v.flags;
	r = agent_zalloc(sizeof(*r));
	*r = (struct vtep_request){a, v, wanted};
	dpc_op(a->dpc, wanted ? WEFT_IPC_VTEP_ADD : WEFT_IPC_VTEP_DEL, tenant, &body, sizeof(body),
		on_done, r);
	if (!wanted) {
		forget(a, &v);
		return;
	}
	model_add_vtep(&a->model, &v);
	underlay_want(a->underlay, vtep, true);
}
