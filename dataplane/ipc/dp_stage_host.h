// SPDX-License-Identifier: Apache-2.0
#pragma once
// The configuration's staged transaction (weft/ipc.h): tenants, ports and VTEPs, thousands of them.
//
// Its operations come in pieces between which everybody else is served, rules, dumps and all, and
// so it does not stand in the stream's way as long as a large configuration takes. Each operation
// is done when it comes and noted (dp_ipc_txn.h). To end it, one way or the other, goes in steps of
// DP_STEP_NS, one a turn of the control loop. An agent that goes away has it undone, and the next
// agent is let in when that is done.
//
// While it is open, nobody else adds or removes what its notes point to (dp_stage_host_bars()).
//
// All on the control thread.

#include <stdbool.h>

struct dp;
struct dp_ipc_request;
struct dp_stage_host;

struct dp_stage_host *dp_stage_host_new(struct dp *dp); // NULL: no memory
void dp_stage_host_free(struct dp_stage_host *);

// Whether a message with WEFT_IPC_STAGED is of this transaction.
bool dp_stage_host_takes(const struct dp_ipc_request *r);
void dp_stage_host_serve(struct dp_stage_host *, const struct dp_ipc_request *r);
// Goes on. True: there is more to do at once.
bool dp_stage_host_run(struct dp_stage_host *);

bool dp_stage_host_is_open(const struct dp_stage_host *); // or not undone yet
// Whether a message of the stream must not come now.
bool dp_stage_host_bars(const struct dp_stage_host *, const struct dp_ipc_request *r);

void dp_stage_host_drop(struct dp_stage_host *); // the agent is gone: it will be undone
