// SPDX-License-Identifier: Apache-2.0
#pragma once
// OpenFlow for one tenant's switch: its controllers, their sessions, and what they ask for.
//
// A switch has any number of targets (target.h). An active one is connected to, and again after it
// is lost, 1 s later, then twice as long each time up to max_backoff_s. A passive one is listened
// on; one that cannot be (address in use) is tried again the same way. At most SESSION_CONNS_MAX
// sessions exist at once; each is bounded in what it may buffer (stream.h), so that the worst a
// controller can do is to lose its own session.
//
// No rule, group or meter is kept here: requests go to the data plane by dpclient/dpclient.h in the
// order they come in, and its answers become replies and errors. What is kept is what belongs to
// sessions: roles, asynchronous masks, miss_send_len, and the list of ports.
//
// The process must ignore SIGPIPE: a controller may vanish while it is written to.
//
// Thread: the event loop's. Meaning of the arguments: agent.h. `connected(false)` is told only
// after three times inactivity_s without a controller (15 s if that is 0), counted from the moment
// the switch is ready or loses its last one, so that a controller that restarts does not turn a
// fail-standalone switch into a learning one; `connected(true)` is told at once.

#include <event2/event.h>
#include <jansson.h>

#include "agent.h"
#include "dpclient/dpclient.h"

#define SESSION_CONNS_MAX 32u           // sessions of a switch at once
#define SESSION_UNREAD_MAX (128u << 20) // bytes that all of them may have unread; each its part

struct session_switch;

struct session_switch *session_switch_create(struct event_base *base, struct dpc *dpc,
	const struct agent_switch *config, char *error, size_t size);
int session_switch_update(
	struct session_switch *sw, const struct agent_switch *config, char *error, size_t size);
// Whether a switch could be made so: targets that parse, TLS files that can be used. Nothing is
// made. Nonzero and `error`: no.
int session_switch_check(const struct agent_switch *config, char *error, size_t size);
void session_switch_destroy(struct session_switch *sw); // NULL is fine
void session_switch_ready(struct session_switch *sw, bool ready);
void session_switch_port_status(struct session_switch *sw, const struct weft_ipc_port_status *port);
json_t *session_switch_describe(const struct session_switch *sw); // NULL: out of memory
