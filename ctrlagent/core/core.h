// SPDX-License-Identifier: Apache-2.0
#pragma once
// The agent itself: what it wants (config), what the data plane holds (model), and what makes the
// one follow the other.
//
// The data plane comes up: its state is read back, the difference to the configuration is made good
// (nothing, after a mere restart of the agent; everything, after one of the data plane), it is read
// back again, and only then are sessions told that they are ready and is the underlay started. This
// is a reconciliation: each operation stands alone, so that a port without a device misses only
// itself (missing.h); what failed is tried again, after 1 s, 2 s, … RETRY_MAX_S.
//
// `weft apply` and SIGHUP go the same way with a new configuration, but in one atomic transaction;
// it becomes the agent's only when that is published.

#include <event2/event.h>

#include "config/config.h"
#include "core/missing.h"
#include "core/switches.h"
#include "dpclient/dpclient.h"
#include "reconcile/plan.h"
#include "underlay/underlay.h"

struct apply;

struct agent {
	struct event_base *base;
	struct dpc *dpc;
	struct dpc_listener *listener;
	struct underlay *underlay;
	const char *config_path;
	struct config *config; // in effect; at the start, wanted
	struct model model;    // as of the latest look, ports by their events
	struct model_ids ids;
	struct switches switches;
	struct loading *loading;       // of a configuration to be applied; NULL: none
	struct apply *applying;        // one at a time
	bool ready;                    // the configuration is in effect in this data plane
	struct missing missing;        // ports without a device
	struct event *retry;           // while something of the configuration is not in effect
	unsigned retry_s;              // the wait before; 0: from the beginning
	char *failure;                 // why not, as it was logged, but for missing ports
	struct waiting_apply *waiting; // for a reconciliation to end; NULL: none
	bool told_ready;               // in the log
};

struct agent_options {
	const char *config_path;
	const char *dataplane_socket;
	const char *punt_socket;
};

// False: `*error` says why, a text to free(). Strings of `options` must outlive the agent.
bool agent_init(struct agent *a, struct event_base *base, const struct agent_options *options,
	char **error);
void agent_close(struct agent *a);

// Whether agent_apply() would begin at once: the data plane is there, and no other configuration is
// on its way.
bool agent_can_apply(const struct agent *a);

// What an apply came to. Texts live until the callback returns.
struct apply_result {
	bool ok;
	bool lost;              // not ok, for the data plane is not there or went meanwhile
	const char *difference; // lines; "" if nothing differs
	const char *error;      // if not ok, one or more lines
	unsigned added, changed, removed;
};

typedef void (*apply_done_fn)(void *arg, const struct apply_result *result);

// Reads `path` (NULL: the configuration's own) and makes it so, or only says what would change.
// `done` is called once, maybe before this returns.
void agent_apply(struct agent *a, const char *path, bool dry_run, apply_done_fn done, void *arg);
