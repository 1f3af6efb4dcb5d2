// SPDX-License-Identifier: Apache-2.0
#pragma once
// A target of a switch at work: what connects and connects again, or listens.
//
//   idle --start--> connecting --hello--> connected     (active)
//                        ^  |                |
//                        |  +----lost--------+
//                        |  v
//                       backoff (1 s, 2 s, … max_backoff_s; 1 s again after a hello)
//
//   idle --start--> listening                           (passive; backoff while it cannot be)

#include <sys/queue.h>

#include <jansson.h>

#include "session/switch.h"
#include "session/target.h"

enum session_endpoint_state {
	SESSION_IDLE,
	SESSION_CONNECTING,
	SESSION_CONNECTED,
	SESSION_LISTENING,
	SESSION_BACKOFF,
};

struct session_endpoint {
	LIST_ENTRY(session_endpoint) link;
	struct session_switch *sw;
	struct session_target target;
	enum session_endpoint_state state;
	struct session_conn *conn; // active: the one session, connecting or up
	struct session_listener *listener;
	struct session_snoop *snoop; // beside a UNIX socket; NULL: none
	struct event *retry;
	uint32_t backoff_s; // the next wait
	time_t since;       // of this state: agent_seconds()
	char last_error[160];
};

// Idle.
struct session_endpoint *session_endpoint_new(
	struct session_switch *sw, const struct session_target *target);
// Ends its sessions too.
void session_endpoint_free(struct session_endpoint *e);

void session_endpoint_start(struct session_endpoint *e);
void session_endpoint_stop(struct session_endpoint *e); // to idle; its sessions end

// By its sessions: one shook hands; one is over (and gone).
void session_endpoint_up(struct session_endpoint *e);
void session_endpoint_lost(struct session_endpoint *e, const char *why);

const char *session_endpoint_state_name(enum session_endpoint_state state);
