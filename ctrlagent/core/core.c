// SPDX-License-Identifier: Apache-2.0
#include "core/core.h"

#include <stdio.h>

#include "core/internal.h"
#include "core/leftovers.h"

#define AGENT_LOG_MODULE "agent"
#include "log.h"

#define RETRY_MAX_S 8u

static void retry_later(struct agent *a)
{
	a->retry_s = a->retry_s ? 2 * a->retry_s : 1;
	if (a->retry_s > RETRY_MAX_S)
		a->retry_s = RETRY_MAX_S;
	evtimer_add(a->retry, &(struct timeval){.tv_sec = a->retry_s});
}

// It failed, or part of it did: said once, tried until it works. A device may come later.
static void on_reconciled(void *arg, const struct apply_result *result)
{
	struct agent *a = arg;

	if (!result->ok && (!a->failure || strcmp(a->failure, result->error) != 0))
		log_error("%s", result->error);
	free(a->failure);
	a->failure = result->ok ? NULL : agent_strdup(result->error);
	if (dpc_is_up(a->dpc) && (!result->ok || a->missing.ports.count))
		retry_later(a);
	if (!a->ready || a->told_ready)
		return;
	a->told_ready = true;
	if (result->ok && !result->difference[0])
		log_info("the data plane holds the configuration as it is");
	log_info("ready");
}

void agent_reconcile(struct agent *a)
{
	if (!a->applying && dpc_is_up(a->dpc))
		agent_start_apply(a, NULL, false, on_reconciled, a);
}

void agent_failed(struct agent *a, const char *why)
{
	free(a->failure);
	a->failure = agent_strdup(why);
	retry_later(a);
}

void agent_look_soon(struct agent *a)
{
	if (!evtimer_pending(a->retry, NULL))
		evtimer_add(a->retry, &(struct timeval){.tv_sec = 1});
}

void agent_retry_now(struct agent *a)
{
	a->retry_s = 0;
	if (dpc_is_up(a->dpc) && (a->failure || a->missing.ports.count))
		evtimer_add(a->retry, &(struct timeval){0});
}

static void on_retry(evutil_socket_t fd, short what, void *arg)
{
	struct agent *a = arg;

	if (a->applying)
		retry_later(a);
	else
		agent_reconcile(a);
}

static void on_up(void *arg, uint64_t epoch)
{
	struct agent *a = arg;

	a->retry_s = 0;
	agent_reconcile(a);
}

static void on_down(void *arg, const char *why)
{
	struct agent *a = arg;

	agent_apply_lost(a);
	a->ready = a->told_ready = false;
	evtimer_del(a->retry);
	underlay_stop(a->underlay);
	switches_not_ready(&a->switches);
}

static void on_port_status(
	void *arg, weft_tenant_id tenant, const struct weft_ipc_port_status *port)
{
	struct agent *a = arg;

	model_hear_port(&a->model, tenant, port);
	agent_note_port(a, tenant, port);
	if (!tenant && port->reason != WEFT_PORT_DELETED)
		underlay_link(a->underlay, port->port.id, !(port->state & WEFT_PORT_LINK_DOWN));
	if (tenant)
		switches_port_event(&a->switches, tenant, port);
}

static const struct dpc_listener_ops listener_ops = {
	.up = on_up, .down = on_down, .port_status = on_port_status, .vtep = agent_vtep_event};

bool agent_init(
	struct agent *a, struct event_base *base, const struct agent_options *options, char **error)
{
	const char *why;

	*a = (struct agent){.base = base, .config_path = options->config_path};
	a->config = config_load(options->config_path, error);
	if (!a->config)
		return false;
	a->dpc = dpc_new(
		base, &(struct dpc_options){options->dataplane_socket, options->punt_socket});
	a->listener = dpc_listen(a->dpc, 0, &listener_ops, a);
	a->retry = evtimer_new(base, on_retry, a);
	a->switches = (struct switches){.base = base, .dpc = a->dpc, .model = &a->model};
	a->underlay = underlay_new(base, a->dpc, &why);
	if (a->underlay)
		return true;
	*error = agent_format("netlink: %s", why);
	agent_close(a);
	return false;
}

void agent_close(struct agent *a)
{
	agent_stop_applying(a);
	switches_free(&a->switches);
	dpc_unlisten(a->listener);
	dpc_shutdown(a->dpc);
	leftovers_wait();
	underlay_free(a->underlay);
	dpc_free(a->dpc);
	event_free(a->retry);
	free(a->failure);
	missing_free(&a->missing);
	model_free(&a->model);
	config_free(a->config);
}
