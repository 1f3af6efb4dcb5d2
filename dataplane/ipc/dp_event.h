// SPDX-License-Identifier: Apache-2.0
#pragma once
// What the agent is told unasked, and what workers tell the control thread. Control thread.

#include "ports/dp_port.h"

#include "flowtable/flowtable.h"

// Takes what workers have put into their event rings: learned addresses go to the FDB, unresolved
// next hops to the agent, at most once a second each.
void dp_event_poll(struct dp *dp);

// One event. False: it is lost, for there is no agent, or it does not read.
bool dp_event_send(struct dp *dp, uint16_t type, uint32_t tenant, const void *body, size_t len);

// An agent that does not read is told later (dp_port_poll_links()), but of a port that goes.
void dp_event_port_status(struct dp *dp, struct dp_port *p, enum weft_port_reason reason);

// As struct ft_env's `table_status`; ctx and sw_ctx as below.
void dp_event_table_status(void *ctx, void *sw_ctx, const struct weft_table_desc *);

// The overlay port of a tenant is down, or no longer. Likewise (dp_bfd_poll()).
void dp_event_overlay_status(struct dp *dp, struct dp_tenant *t);
struct weft_ipc_port_status dp_event_overlay_port(const struct dp_tenant *t);

// As struct ft_env's `changed`; ctx and sw_ctx as below.
void dp_event_flow_changed(void *ctx, void *sw_ctx, const struct ft_change *c,
	const struct weft_flow_stats *stats, const struct weft_match *match,
	const struct weft_instructions *instructions);
// As struct ft_env's `backlog`.
void dp_event_flow_backlog(void *ctx, void *sw_ctx);
// Tells of changes that wait, as far as the agent reads. True: there are more.
bool dp_event_changes(struct dp *dp);
void dp_event_unwatch(struct dp *dp); // the agent, who asked for them, is gone

// As struct ft_env's `triggered`; ctx and sw_ctx as below.
void dp_event_flow_triggered(void *ctx, void *sw_ctx, const struct weft_flow_stats *,
	const struct weft_match *, const struct weft_instructions *);
// Looks at the rules that have a trigger, as far as the agent reads. True: there are more.
bool dp_event_triggers(struct dp *dp);

// As struct ft_env's `removed`; ctx is the struct dp, sw_ctx the struct dp_tenant.
void dp_event_flow_removed(void *ctx, void *sw_ctx, const struct weft_flow_stats *,
	const struct weft_match *, const struct weft_instructions *);
