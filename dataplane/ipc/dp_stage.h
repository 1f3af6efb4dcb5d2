// SPDX-License-Identifier: Apache-2.0
#pragma once
// Staged transactions: one beside the stream's for each tenant's switch (weft/ipc.h).
//
// A bundle of a hundred thousand rules arrives in pieces between which other tenants are served.
// Its operations are staged in the flow tables, where no worker sees them, and published by one
// store. What could take long is done in steps of some hundred microseconds, one a turn of the
// control loop: an operation that is about very many rules, to stage what goes with those that go
// (rules that they have learned), to undo what was staged, if one failed, and to send packets out.
// An operation that may be about many is sent with WEFT_IPC_REPLY, and nothing more of its tenant's
// until it is answered; the answer has its type, as a dump's. Port configuration has no versions:
// it is changed right before the store, within the same turn.
//
//   open (--slow--> open) --COMMIT--> completed step by step
//     |                                 --> published --packets out--> answered, gone
//   fails, or ABORT --> undone step by step --COMMIT or ABORT--> answered, gone
//
// An agent that goes away has all of them undone, step by step, and the next agent is let in when
// that is done.
//
// All on the control thread.

#include <stdbool.h>

#include <weft/error.h>

struct dp;
struct dp_ipc_request;
struct dp_tenant;
struct weft_ipc_hdr;

// Serves a message with WEFT_IPC_STAGED.
void dp_stage_serve(struct dp *dp, const struct dp_ipc_request *r);

// As a dump ends: it may overtake other answers, or be overtaken.
void dp_stage_answer(
	struct dp *dp, const struct weft_ipc_hdr *request, enum weft_error e, const char *text);

// Goes on with what takes several turns, of as many as DP_STEP_NS is enough for. True: there is
// more to do at once.
bool dp_stage_run(struct dp *dp);

// The agent is gone: what is open will be undone, and what is published is done.
void dp_stage_desert(struct dp *dp);
bool dp_stage_any(const struct dp *dp); // is open, or not undone yet

// Undoes at once what a tenant has open, for it goes; of all tenants, if NULL. What the agent has
// asked for is answered, if it is there.
void dp_stage_drop(struct dp *dp, struct dp_tenant *t);
