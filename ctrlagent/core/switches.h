// SPDX-License-Identifier: Apache-2.0
#pragma once
// The OpenFlow side of each tenant that has controllers: one session_switch, made once the data
// plane holds the tenant, and told of ports as they come and go.
//
// A port is told once, whoever says so first, the agent's own look after an apply or the data
// plane's event. The overlay port is the agent's to tell: no device is behind it.

#include "config/config.h"
#include "dpclient/dpclient.h"
#include "finder.h"
#include "reconcile/model.h"
#include "session/session.h"

struct tenant_switch {
	struct switches *owner;
	weft_tenant_id tenant;
	char name[WEFT_NAME_MAX + 1];
	uint64_t dpid;
	enum agent_fail_mode fail_mode;
	struct session_switch *session;
	bool ready;        // as it was told
	uint32_t flags;    // WEFT_TENANT_* that its sessions and fail_mode want set,
	uint32_t flags_of; // of these, the others being nobody's here
	bool held;         // and not written before switches_sync() or switches_release()
	VEC(struct weft_ipc_port_status) ports; // as told
	enum {
		CONTROLLERS_UNKNOWN, // not said yet: the tenant stays as it is
		CONTROLLERS_NONE,
		CONTROLLERS_SOME,
	} controllers;
};

struct switches {
	struct event_base *base;
	struct dpc *dpc;
	struct model *model; // the agent's; its tenants' runtime flags are kept true
	VEC(struct tenant_switch *) all;
	struct finder names, tenants; // of all
};

// What sessions would refuse of this configuration, before anything is changed: lines to free(),
// NULL if nothing.
char *switches_check(const struct config *config);
// Makes, changes and removes switches so that they are as `config` says, and ready, some of them in
// each turn of the loop. What sessions refuse is logged, and told to `done` (lines, NULL if none;
// to free()), which is called once from the loop. `config` must not change meanwhile.
struct switches_round;
typedef void (*switches_done_fn)(void *arg, char *errors);
struct switches_round *switches_sync(
	struct switches *s, const struct config *config, switches_done_fn done, void *arg);
void switches_round_cancel(struct switches_round *r); // `done` is not called
// An apply writes tenants' settings: what sessions want of them meanwhile is kept, and written when
// it is over.
void switches_hold(struct switches *s);
void switches_release(struct switches *s);
void switches_not_ready(struct switches *s);
void switches_port_event(
	struct switches *s, weft_tenant_id tenant, const struct weft_ipc_port_status *port);
struct tenant_switch *switches_named(const struct switches *s, const char *tenant);
void switches_free(struct switches *s);
