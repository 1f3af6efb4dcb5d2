// SPDX-License-Identifier: Apache-2.0
#pragma once
// Telling controllers of one another (OpenFlow 1.5.1, 7.3.5.21 and 7.4.8): which there are, whether
// their channels are up, and what role they have. A controller is an active target of the
// configuration, whether it is connected or not, or a session that came in by a passive one.

#include <stdbool.h>
#include <stdint.h>

struct session_conn;
struct session_endpoint;

// Something changed about a session, OFPCSR_*, and its channel is up or down now. To every other
// session that wants to know.
void session_controller_changed(const struct session_conn *c, uint8_t reason, bool up);

// An active target was added or removed, OFPCSR_CONTROLLER_*.
void session_controller_configured(const struct session_endpoint *e, uint8_t reason);
