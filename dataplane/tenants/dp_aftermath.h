// SPDX-License-Identifier: Apache-2.0
#pragma once
// What changes of rules leave to be done (flowtable/rules/aftermath.h), a step a tenant and turn of
// the control loop, DP_STEP_NS of all tenants together.
//
// The agent is told that some of it is awaited (WEFT_IPC_SWITCH_BUSY) before the COMMIT is answered
// that left it, and when it is done: so barriers come in time, and nobody else waits.
//
// Control thread.

#include <stdbool.h>

struct dp;
struct dp_tenant;

// As struct ft_env's `aftermath`; ctx is the struct dp, sw_ctx the struct dp_tenant.
void dp_aftermath_came(void *ctx, void *sw_ctx, bool awaited);
// True: there is more to do at once.
bool dp_aftermath_run(struct dp *dp);
void dp_aftermath_forget(struct dp *dp, struct dp_tenant *t); // it goes
