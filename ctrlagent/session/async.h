// SPDX-License-Identifier: Apache-2.0
#pragma once
// Which asynchronous messages a session wants (OpenFlow 1.3.5, 7.3.10; 1.5.1, 7.3.10), by role: [0]
// as master or equal, [1] as slave; a bit per reason, numbered as its version numbers them.
//
// At first everything as master or equal but OFPR_INVALID_TTL, which must be asked for: what a
// router drops by the thousands shall not become packet-ins of a controller that never thought of
// it. Nor are others' requests forwarded unasked. As slave port status alone (6.3.4), and from 1.4
// on what concerns controllers: their roles and their channels.

#include <stdbool.h>
#include <stdint.h>

struct session_conn;
struct session_switch;

enum session_async_kind { // half of the number of its property from 1.4 on, OFPACPT_*
	SESSION_ASYNC_PACKET_IN,
	SESSION_ASYNC_PORT_STATUS,
	SESSION_ASYNC_FLOW_REMOVED,
	SESSION_ASYNC_ROLE_STATUS,
	SESSION_ASYNC_TABLE_STATUS,
	SESSION_ASYNC_REQUEST_FORWARD,
	SESSION_ASYNC_FLOW_COUNTS,
	SESSION_ASYNC_CONTROLLER_STATUS,
	SESSION_ASYNC_KINDS,
};

struct session_async {
	uint32_t mask[SESSION_ASYNC_KINDS][2];
};

// What a session of this version begins with.
void session_async_init(struct session_async *a, uint8_t version);

// Whether this session is up and wants a message of this kind and reason now. A reason of -1 is one
// that its version has no word for, and never wanted.
bool session_async_wanted(const struct session_conn *c, enum session_async_kind kind, int reason);

// The masks that 1.3 and Nicira's extension set.
void session_async_set_masks(struct session_conn *c, const uint32_t packet_in[2],
	const uint32_t port_status[2], const uint32_t flow_removed[2]);

// The properties that 1.4 and later set, listed as `version` has them. 0, or -EBADMSG with the
// error in *r.
struct of_reader;
struct of_span;
int session_async_set_properties(
	struct session_conn *c, struct of_span list, uint8_t version, struct of_reader *r);

// A session came, went, or changed its masks or role: tells the agent whether anybody wants
// packets with an invalid TTL, or those that no rule matches, if that is news.
void session_async_changed(struct session_switch *sw);
