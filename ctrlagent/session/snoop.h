// SPDX-License-Identifier: Apache-2.0
#pragma once
// Looking on: whatever a switch and its controllers tell each other, repeated to who has connected
// for that (`ovs-ofctl snoop`).
//
// Beside each UNIX socket that the switch listens on lies a second one: `NAME.snoop` beside
// `NAME.mgmt`, as Open vSwitch names them, else the socket's own name with `.snoop` behind. Who may
// connect is the same: its mode is 0600. A hello goes out first, then every message of every
// session of the switch that has agreed on a version, both ways, from now on, in the order in which
// the agent reads and writes them; what was encrypted is not any more. What the onlooker says is
// read and not listened to.
//
// No session waits for an onlooker: what does not fit into a bounded buffer is shed and counted.
//
// Thread: that of the event_base.

#include "session/switch.h"

struct session_snoop;
struct session_target;

#define SESSION_SNOOPERS_MAX 4u // of a switch; more are turned away

// Beside the passive UNIX `target`. NULL, after a line in the log: the socket cannot be had.
struct session_snoop *session_snoop_new(
	struct session_switch *sw, const struct session_target *target);
void session_snoop_free(struct session_snoop *snoop); // and its onlookers; NULL is fine

// One whole message of a session.
void session_snoop_repeat(struct session_switch *sw, const void *msg, size_t len);

static inline void session_snoop_tell(struct session_switch *sw, const void *msg, size_t len)
{
	if (!LIST_EMPTY(&sw->snoopers))
		session_snoop_repeat(sw, msg, len);
}
