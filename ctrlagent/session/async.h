// SPDX-License-Identifier: Apache-2.0
#pragma once
// Which asynchronous messages a session wants (OpenFlow 1.3.5, 7.3.10), by role: [0] as master or
// equal, [1] as slave; a bit per reason. At first everything as master or equal but
// OFPR_INVALID_TTL, which must be asked for: what a router drops by the thousands shall not become
// packet-ins of a controller that never thought of it. As slave, port status alone (6.3.4).

#include <stdbool.h>
#include <stdint.h>

struct session_conn;
struct session_switch;

enum session_async_kind {
	SESSION_ASYNC_PACKET_IN,
	SESSION_ASYNC_PORT_STATUS,
	SESSION_ASYNC_FLOW_REMOVED,
	SESSION_ASYNC_KINDS,
};

struct session_async {
	uint32_t mask[SESSION_ASYNC_KINDS][2];
};

void session_async_init(struct session_async *a);

// Whether this session is up and wants a message of this kind and reason now.
bool session_async_wanted(
	const struct session_conn *c, enum session_async_kind kind, unsigned reason);

// A session came, went, or changed its masks or role: tells the agent whether anybody wants
// OFPR_INVALID_TTL, if that is news.
void session_async_changed(struct session_switch *sw);
