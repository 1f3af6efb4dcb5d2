// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "core/core.h"

// Makes good what differs from the configuration in effect, unless something is being applied.
void agent_reconcile(struct agent *a);
// Something of a configuration that was applied is not in effect, and was said to whoever applied
// it: tried until it is.
void agent_failed(struct agent *a, const char *why);
// Whether all is as it shall be: a data plane that takes back a configuration opens ports again
// that it had closed for others, and a device may not let it.
void agent_look_soon(struct agent *a);
// What is missing is tried at once.
void agent_retry_now(struct agent *a);

// What is heard of a port while the model is read anew is not to be lost when that takes its place.
void agent_note_port(
	struct agent *a, weft_tenant_id tenant, const struct weft_ipc_port_status *port);

// vteps.c, as struct dpc_listener_ops' `vtep`; `arg` is the agent.
void agent_vtep_event(void *arg, weft_tenant_id tenant, const struct weft_ip *vtep, bool wanted);

void agent_refuse_waiting(struct agent *a, const char *error);
// The data plane is gone: what is being applied is not for the next one.
void agent_apply_lost(struct agent *a);
// The agent ends: whatever of an apply is not the data plane's turn ends with an error.
void agent_stop_applying(struct agent *a);

// Takes `config`; NULL: the one in effect. Nothing else may be applied meanwhile.
void agent_start_apply(
	struct agent *a, struct config *config, bool dry_run, apply_done_fn done, void *arg);
