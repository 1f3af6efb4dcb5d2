// SPDX-License-Identifier: Apache-2.0
#pragma once
// Flow mods of any version in one form, and what the data plane tells about rules by itself.

#include <weft/flow.h>

#include "openflow/of_wire.h"

struct dpc_flow;
struct session_conn;
struct session_request;
struct session_switch;

struct session_flow_mod {
	struct weft_flow_mod mod;
	struct weft_match match;
	const struct weft_instructions *instructions; // NULL: a delete
};

// A flow mod of the session's version. What *out points to is good until the next one is read.
// 0, or -EBADMSG with the error in rq->r.
int session_flow_mod_read(
	struct session_conn *c, struct session_request *rq, struct session_flow_mod *out);

// Likewise NXT_FLOW_MOD, Nicira's for OpenFlow 1.0.
struct of_nicira_flow_mod;
int session_flow_mod_read_nx(struct session_conn *c, struct session_request *rq,
	const struct of_nicira_flow_mod *in, struct session_flow_mod *out);

// Hands it to the data plane.
void session_flow_mod_run(
	struct session_conn *c, struct session_request *rq, const struct session_flow_mod *fm);

// An OFPT_FLOW_REMOVED to every session that wants it.
void session_flow_removed(struct session_switch *sw, const struct dpc_flow *flow);

// An event of its trigger to every session of 1.5 that wants it (stat_trigger.c).
void session_flow_triggered(struct session_switch *sw, const struct dpc_flow *flow);

// The reason as `version` numbers it; before 1.4 there are fewer, and before 1.3 fewer still.
uint8_t session_removed_reason(uint8_t version, uint8_t reason);
