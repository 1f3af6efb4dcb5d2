// SPDX-License-Identifier: Apache-2.0
#pragma once
// Packets for controllers (OpenFlow 1.3.5, 7.4.1).

#include <weft/ipc.h>

struct session_switch;

// An OFPT_PACKET_IN to every session that wants it, cut to the length that its action asked for,
// or, without an action (invalid TTL), to the session's miss_send_len. Never buffered here, so a
// session that reads too slowly loses it, counted in sw->punt_shed.
void session_packet_in(
	struct session_switch *sw, const struct weft_ipc_punt *punt, const void *frame);
