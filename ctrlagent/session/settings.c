// SPDX-License-Identifier: Apache-2.0
#include "session/settings.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mem.h"
#include "openflow/of_wire.h"
#include "session/controller_status.h"
#include "session/endpoint.h"
#include "session/tls.h"

#define DEFAULT_MAX_BACKOFF_S 8u

void session_settings_copy(struct session_settings *out, const struct agent_switch *config)
{
	*out = (struct session_settings){
		.dpid = config->dpid,
		.inactivity_s = config->inactivity_s,
		.max_backoff_s =
			config->max_backoff_s ? config->max_backoff_s : DEFAULT_MAX_BACKOFF_S,
		.max_rules = config->max_rules,
		.max_groups = config->max_groups,
		.max_meters = config->max_meters,
		.tenant_name = agent_strdup(config->tenant_name),
		.host_name = agent_strdup(config->host_name),
		.key = agent_strdup(config->tls.key),
		.cert = agent_strdup(config->tls.cert),
		.ca = agent_strdup(config->tls.ca),
	};
}

void session_settings_free(struct session_settings *set)
{
	free(set->tenant_name);
	free(set->host_name);
	free(set->key);
	free(set->cert);
	free(set->ca);
	*set = (struct session_settings){0};
}

static bool same(const char *a, const char *b)
{
	return a == b || (a && b && strcmp(a, b) == 0);
}

static bool same_tls(const struct session_settings *a, const struct session_settings *b)
{
	return same(a->key, b->key) && same(a->cert, b->cert) && same(a->ca, b->ca);
}

// What an update is made of, before anything changes.
struct plan {
	struct session_settings set;
	struct session_tls *tls;
	struct session_target *targets;
	size_t count;
	bool new_tls;
};

static void free_plan(struct plan *p)
{
	session_settings_free(&p->set);
	session_tls_free(p->tls);
	free(p->targets);
}

static bool needs_tls(const struct plan *p)
{
	for (size_t i = 0; i < p->count; i++)
		if (p->targets[i].transport == SESSION_TRANSPORT_SSL)
			return true;
	return false;
}

static int plan_targets(struct plan *p, const struct agent_switch *config, char *error, size_t size)
{
	p->targets = agent_array(config->controller_count + 1, sizeof(*p->targets));
	for (; p->count < config->controller_count; p->count++) {
		struct session_target *t = &p->targets[p->count];

		if (session_target_parse(t, config->controllers[p->count], error, size))
			return -EINVAL;
		if (t->transport == SESSION_TRANSPORT_SSL && !config->tls.ca) {
			snprintf(error, size, "%s: TLS needs a CA bundle to know its peer by",
				t->text);
			return -EINVAL;
		}
	}
	return 0;
}

static int plan_tls(struct plan *p, const struct session_switch *sw, char *error, size_t size)
{
	const struct session_tls_config files = {
		.private_key = p->set.key,
		.certificate = p->set.cert,
		.ca_cert = p->set.ca,
	};

	p->new_tls = !same_tls(&p->set, &sw->set) || (needs_tls(p) && !sw->tls);
	if (!p->new_tls || !needs_tls(p))
		return 0;
	p->tls = session_tls_new(&files, error, size);
	return p->tls ? 0 : -EINVAL;
}

static const struct session_target *find_target(const struct plan *p, const char *text)
{
	for (size_t i = 0; i < p->count; i++)
		if (strcmp(p->targets[i].text, text) == 0)
			return &p->targets[i];
	return NULL;
}

static bool has_endpoint(const struct session_switch *sw, const char *text)
{
	struct session_endpoint *e;

	LIST_FOREACH (e, &sw->endpoints, link)
		if (strcmp(e->target.text, text) == 0)
			return true;
	return false;
}

static void remove_endpoints(struct session_switch *sw, const struct plan *p)
{
	struct session_endpoint *e = LIST_FIRST(&sw->endpoints), *next;
	bool other_switch = p->set.dpid != sw->set.dpid; // controllers must ask for features again

	for (; e; e = next) {
		bool is_tls = e->target.transport == SESSION_TRANSPORT_SSL;

		next = LIST_NEXT(e, link);
		if (!find_target(p, e->target.text))
			session_controller_configured(e, OFPCSR_CONTROLLER_REMOVED);
		if (!find_target(p, e->target.text) || (is_tls && p->new_tls) || other_switch)
			session_endpoint_free(e);
	}
}

static void add_endpoints(struct session_switch *sw, const struct plan *p)
{
	for (size_t i = 0; i < p->count; i++) {
		struct session_endpoint *e;

		if (has_endpoint(sw, p->targets[i].text))
			continue;
		e = session_endpoint_new(sw, &p->targets[i]);
		session_controller_configured(e, OFPCSR_CONTROLLER_ADDED);
		if (sw->ready)
			session_endpoint_start(e);
	}
}

static void carry_out(struct session_switch *sw, struct plan *p, const struct agent_switch *config)
{
	struct session_settings old = sw->set;

	remove_endpoints(sw, p);
	sw->set = p->set;
	p->set = old;
	if (p->new_tls) {
		session_tls_free(sw->tls);
		sw->tls = p->tls;
		p->tls = NULL;
	}
	sw->ops = config->ops;
	sw->arg = config->arg;
	add_endpoints(sw, p);
}

int session_switch_update(
	struct session_switch *sw, const struct agent_switch *config, char *error, size_t size)
{
	struct plan plan = {0};
	int status;

	session_settings_copy(&plan.set, config);
	status = plan_targets(&plan, config, error, size);
	if (!status)
		status = plan_tls(&plan, sw, error, size);
	if (!status)
		carry_out(sw, &plan, config);
	free_plan(&plan);
	return status;
}

int session_switch_check(const struct agent_switch *config, char *error, size_t size)
{
	static const struct session_switch none;
	struct plan plan = {0};
	int status;

	session_settings_copy(&plan.set, config);
	status = plan_targets(&plan, config, error, size);
	if (!status)
		status = plan_tls(&plan, &none, error, size);
	free_plan(&plan);
	return status;
}
