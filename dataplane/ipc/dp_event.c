// SPDX-License-Identifier: Apache-2.0
#include "ipc/dp_event.h"

#include "dp.h"
#include "ipc/dp_ipc.h"
#include "edge/dp_pmtu.h"
#include "edge/dp_vtep_learn.h"
#include "tenants/dp_tenant.h"
#include "dp_worker.h"

#include <rte_ring_elem.h>

#define DP_EVENT_CHANGES 512u   // told of one switch in a turn
#define DP_EVENT_TRIGGERS 1024u // rules of one switch that are looked at in a turn
#define DP_EVENT_WANTED_NS 1000000000u

bool dp_event_send(struct dp *dp, uint16_t type, uint32_t tenant, const void *body, size_t len)
{
	if (!dp->ipc || !dp_ipc_begin(dp->ipc, type, 0, 0, tenant, true))
		return false;
	dp_ipc_add(dp->ipc, body, len);
	dp_ipc_end(dp->ipc);
	return true;
}

static void dp_event_learned(struct dp *dp, const struct dp_event *e)
{
	struct dp_tenant *t = dp_tenant_find(dp, e->tenant);
	struct weft_ipc_fdb fdb = {
		.mac = e->mac, .vlan = e->vlan, .ofport = e->ofport, .vtep = e->ip};

	if (t)
		ft_fdb_add(t->sw, &fdb); // full, or static already: not learned
}

static void dp_event_neigh(struct dp *dp, const struct dp_event *e)
{
	struct dp_tenant *t = dp_tenant_find(dp, e->tenant);
	struct weft_ipc_neigh n = {.ip = e->ip, .vlan = e->vlan, .mac = e->mac, .flags = e->flags};

	if (t && t->flags & WEFT_TENANT_SUPPRESS)
		dp_neigh_add(dp, t->neighs, &n, t->cfg.max_fdb); // full, or static: not learned
}

static void dp_event_wanted(struct dp *dp, const struct dp_event *e, uint64_t now)
{
	struct dp_nexthop *h = dp_nexthop_find(dp, &e->ip, 0);

	if (!h || (h->wanted_ns && now - h->wanted_ns < DP_EVENT_WANTED_NS))
		return;
	h->wanted_ns = now;
	dp_event_send(dp, WEFT_IPC_NEIGH_WANTED, e->tenant, &h->cfg, sizeof(h->cfg));
}

void dp_event_poll(struct dp *dp)
{
	uint64_t now = dp_now_ns();
	struct dp_event e;

	dp_bfd_heed(dp);
	for (unsigned i = 0; i < dp->opt.workers; i++) {
		// Bounded by the ring's size: workers may be filling it meanwhile.
		for (unsigned n = 0; n < DP_EVENTS_SIZE; n++) {
			if (rte_ring_sc_dequeue_elem(dp->worker[i]->events, &e, sizeof(e)))
				break;
			if (e.type == WEFT_IPC_FDB_ADD)
				dp_event_learned(dp, &e);
			else if (e.type == WEFT_IPC_NEXTHOP_SET)
				dp_pmtu_learn(dp, &e.ip, e.ofport);
			else if (e.type == WEFT_IPC_NEIGH_ADD)
				dp_event_neigh(dp, &e);
			else if (e.type == WEFT_IPC_VTEP_WANTED)
				dp_vtep_wanted(dp, &e);
			else if (e.type == WEFT_IPC_DUMP_LISTENERS)
				dp_snoop_told(dp, &e);
			else
				dp_event_wanted(dp, &e, now);
		}
	}
}

// What is told of a rule: `body`, its match, its instructions.
static void dp_event_rule(struct dp *dp, uint16_t type, const struct dp_tenant *t, const void *body,
	size_t len, const struct weft_match *match, const struct weft_instructions *instructions)
{
	if (!dp->ipc || !dp_ipc_begin(dp->ipc, type, 0, 0, t->id, true))
		return;
	dp_ipc_add(dp->ipc, body, len);
	dp_ipc_add_flow(dp->ipc, match, instructions);
	dp_ipc_end(dp->ipc);
}

void dp_event_flow_changed(void *ctx, void *sw_ctx, const struct ft_change *c,
	const struct weft_flow_stats *stats, const struct weft_match *match,
	const struct weft_instructions *instructions)
{
	struct weft_ipc_flow_change body = {
		.monitors = c->monitors,
		.cause = c->cause,
		.version = c->version,
		.time_ns = c->time_ns,
		.kind = c->kind,
		.stats = *stats,
	};

	dp_event_rule(ctx, WEFT_IPC_FLOW_CHANGED, sw_ctx, &body, sizeof(body), match, instructions);
}

void dp_event_unwatch(struct dp *dp)
{
	for (struct dp_tenant *t = dp->tenants; t; t = t->next)
		ft_monitors_clear(t->sw);
}

bool dp_event_changes(struct dp *dp)
{
	struct dp_tenant **at = &dp->tenants_behind, *t;

	while ((t = *at) && dp_ipc_pending(dp->ipc) <= DP_IPC_OUT_SOFT) {
		if (ft_changes_tell(t->sw, DP_EVENT_CHANGES)) {
			at = &t->behind_next;
			continue;
		}
		*at = t->behind_next;
		t->behind = false;
	}
	return dp->tenants_behind;
}

void dp_event_flow_backlog(void *ctx, void *sw_ctx)
{
	struct dp *dp = ctx;
	struct dp_tenant *t = sw_ctx;

	if (t->behind)
		return;
	t->behind = true;
	t->behind_next = dp->tenants_behind;
	dp->tenants_behind = t;
}

// True: there is an agent that has to be told later. Without one there is nobody to tell: who comes
// asks for all ports.
static bool dp_event_port_untold(
	struct dp *dp, weft_tenant_id tenant, const struct weft_ipc_port_status *s)
{
	return !dp_event_send(dp, WEFT_IPC_PORT_STATUS, tenant, s, sizeof(*s)) && dp->ipc &&
	       dp_ipc_connected(dp->ipc);
}

void dp_event_port_status(struct dp *dp, struct dp_port *p, enum weft_port_reason reason)
{
	struct weft_ipc_port_status s;

	dp_port_status(dp, p, &s);
	s.reason = reason;
	p->untold = dp_event_port_untold(dp, p->tenant->id, &s);
}

void dp_event_table_status(void *ctx, void *sw_ctx, const struct weft_table_desc *desc)
{
	const struct dp_tenant *t = sw_ctx;

	dp_event_send(ctx, WEFT_IPC_TABLE_STATUS, t->id, desc, sizeof(*desc));
}

struct weft_ipc_port_status dp_event_overlay_port(const struct dp_tenant *t)
{
	return (struct weft_ipc_port_status){
		.port = {.ofport = WEFT_OFPORT_OVERLAY, .name = "overlay"},
		.state = t->overlay_down ? WEFT_PORT_LINK_DOWN : 0,
		.reason = WEFT_PORT_MODIFIED,
	};
}

void dp_event_overlay_status(struct dp *dp, struct dp_tenant *t)
{
	struct weft_ipc_port_status s = dp_event_overlay_port(t);

	t->overlay_untold = dp_event_port_untold(dp, t->id, &s);
}

void dp_event_flow_removed(void *ctx, void *sw_ctx, const struct weft_flow_stats *stats,
	const struct weft_match *match, const struct weft_instructions *instructions)
{
	dp_event_rule(
		ctx, WEFT_IPC_FLOW_REMOVED, sw_ctx, stats, sizeof(*stats), match, instructions);
}

void dp_event_flow_triggered(void *ctx, void *sw_ctx, const struct weft_flow_stats *stats,
	const struct weft_match *match, const struct weft_instructions *instructions)
{
	dp_event_rule(
		ctx, WEFT_IPC_FLOW_TRIGGERED, sw_ctx, stats, sizeof(*stats), match, instructions);
}

// Without an agent nothing is looked at, so that nothing is told to nobody.
bool dp_event_triggers(struct dp *dp)
{
	bool more = false;

	if (!dp_ipc_connected(dp->ipc))
		return false;
	for (struct dp_tenant *t = dp->tenants; t; t = t->next)
		if (dp_ipc_pending(dp->ipc) <= DP_IPC_OUT_SOFT)
			more |= ft_triggers_tell(t->sw, DP_EVENT_TRIGGERS);
	return more;
}
