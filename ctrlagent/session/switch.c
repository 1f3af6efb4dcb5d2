// SPDX-License-Identifier: Apache-2.0
#include "session/switch.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mem.h"
#include "session/async.h"
#include "session/barrier.h"
#include "session/conn.h"
#include "session/endpoint.h"
#include "session/flow.h"
#include "session/packet_in.h"
#include "session/settings.h"
#include "session/share.h"
#include "session/table_desc.h"
#include "session/tls.h"

#define ALONE_S 15u // without a controller, if inactivity_s is 0

static void on_flow_removed(void *arg, weft_tenant_id tenant, const struct dpc_flow *flow)
{
	session_flow_removed(arg, flow);
}

static void on_flow_triggered(void *arg, weft_tenant_id tenant, const struct dpc_flow *flow)
{
	session_flow_triggered(arg, flow);
}

static void on_flow_changed(void *arg, weft_tenant_id tenant,
	const struct weft_ipc_flow_change *change, const struct dpc_flow *flow)
{
	session_flow_changed(arg, change, flow);
}

static void on_punt(
	void *arg, weft_tenant_id tenant, const struct weft_ipc_punt *punt, const void *frame)
{
	session_packet_in(arg, punt, frame);
}

static void on_table_status(void *arg, weft_tenant_id tenant, const struct weft_table_desc *table)
{
	session_table_status(arg, table);
}

static void on_busy(void *arg, weft_tenant_id tenant, bool busy)
{
	session_barrier_busy(arg, busy);
}

static void on_unblocked(void *arg)
{
	struct session_switch *sw = arg;
	struct session_conn *c;

	LIST_FOREACH (c, &sw->conns, link)
		session_conn_resume(c, SESSION_PAUSE_DPC);
}

static const struct dpc_listener_ops listener_ops = {
	.unblocked = on_unblocked,
	.flow_removed = on_flow_removed,
	.flow_triggered = on_flow_triggered,
	.table_status = on_table_status,
	.flow_changed = on_flow_changed,
	.punt = on_punt,
	.busy = on_busy,
};

static void tell(struct session_switch *sw, bool any)
{
	if (sw->told_connected == any)
		return;
	sw->told_connected = any;
	sw->ops->connected(sw->arg, any);
}

static void on_alone(evutil_socket_t fd, short what, void *arg)
{
	tell(arg, false);
}

static void start_alone(struct session_switch *sw)
{
	uint32_t s = 3 * sw->set.inactivity_s;
	struct timeval wait = {.tv_sec = s ? s : ALONE_S};

	evtimer_add(sw->alone, &wait);
}

void session_switch_up(struct session_switch *sw)
{
	sw->up_count++;
	session_async_changed(sw);
	evtimer_del(sw->alone);
	tell(sw, true);
}

void session_switch_down(struct session_switch *sw)
{
	session_async_changed(sw);
	if (--sw->up_count == 0 && sw->ready)
		start_alone(sw);
}

static void copy_ports(struct session_switch *sw, const struct agent_switch *config)
{
	for (size_t i = 0; i < config->port_count; i++)
		session_ports_put(&sw->ports, &config->ports[i]);
}

struct session_switch *session_switch_create(struct event_base *base, struct dpc *dpc,
	const struct agent_switch *config, char *error, size_t size)
{
	struct session_switch *sw = agent_zalloc(sizeof(*sw));

	sw->base = base;
	sw->dpc = dpc;
	sw->tenant = config->tenant;
	sw->told_connected = -1;
	sw->share = session_share_new(sw);
	sw->frag_drop = config->frag_drop;
	LIST_INIT(&sw->endpoints);
	LIST_INIT(&sw->conns);
	LIST_INIT(&sw->snoopers);
	TAILQ_INIT(&sw->committing);
	sw->alone = evtimer_new(base, on_alone, sw);
	sw->listener = dpc_listen(dpc, sw->tenant, &listener_ops, sw);
	copy_ports(sw, config);
	if (session_switch_update(sw, config, error, size)) {
		session_switch_destroy(sw);
		return NULL;
	}
	return sw;
}

void session_switch_destroy(struct session_switch *sw)
{
	if (!sw)
		return;
	sw->ready = false;
	session_bundles_abandon(sw);
	while (!LIST_EMPTY(&sw->endpoints))
		session_endpoint_free(LIST_FIRST(&sw->endpoints));
	if (sw->alone)
		event_free(sw->alone);
	dpc_unlisten(sw->listener);
	sw->share->sw = NULL;
	session_share_unref(sw->share);
	session_tls_free(sw->tls);
	session_settings_free(&sw->set);
	session_ports_free(&sw->ports);
	free(sw);
}

// Another data plane, a switch as new.
static void forget(struct session_switch *sw)
{
	sw->has_generation = false;
	sw->tlv_map = (struct session_tlv_map){0};
	if (sw->frag_drop)
		sw->ops->frag_drop(sw->arg, false);
	sw->frag_drop = false;
}

static void get_ready(struct session_switch *sw)
{
	uint64_t epoch = dpc_epoch(sw->dpc);

	if (sw->epoch && sw->epoch != epoch)
		forget(sw);
	sw->epoch = epoch;
	sw->rules_base = INT64_MAX / 2; // many, until one asks
	sw->ttl_packet_in = false;      // sessions begin without it, whatever an agent before left
	sw->ops->ttl_packet_in(sw->arg, false);
	sw->miss_packet_in = false;
	sw->ops->miss_packet_in(sw->arg, false);
	start_alone(sw);
}

void session_switch_ready(struct session_switch *sw, bool ready)
{
	struct session_endpoint *e;

	if (sw->ready == ready)
		return;
	sw->ready = ready;
	if (ready)
		get_ready(sw);
	else
		evtimer_del(sw->alone);
	LIST_FOREACH (e, &sw->endpoints, link)
		ready ? session_endpoint_start(e) : session_endpoint_stop(e);
}
