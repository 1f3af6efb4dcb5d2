// SPDX-License-Identifier: Apache-2.0
#pragma once
// What the data plane tells about rules by itself.

struct dpc_flow;
struct session_switch;

// An OFPT_FLOW_REMOVED to every session that wants it.
void session_flow_removed(struct session_switch *sw, const struct dpc_flow *flow);
