// SPDX-License-Identifier: Apache-2.0
#pragma once
// Packets for controllers (OpenFlow 1.3.5, 7.4.1).

#include <weft/flow_key.h>
#include <weft/ipc.h>

#include "openflow/reader.h"

struct session_switch;

// An OFPT_PACKET_IN to every session that wants it, cut to the length that its action asked for,
// or, without an action (invalid TTL), to the session's miss_send_len. Never buffered here, so a
// session that reads too slowly loses it, counted in sw->punt_shed.
void session_packet_in(
	struct session_switch *sw, const struct weft_ipc_punt *punt, const void *frame);

// As one session is to get it.
struct session_punt {
	const struct weft_ipc_punt *punt;
	const struct weft_flow_key *key; // the pipeline's fields
	struct of_span data;             // of the frame, cut
	uint16_t total_len;
	uint8_t reason; // as its version numbers it
};

// What NXT_SET_PACKET_IN_FORMAT says.
enum {
	SESSION_PACKET_IN_STANDARD,
	SESSION_PACKET_IN_NX,  // NXT_PACKET_IN
	SESSION_PACKET_IN_NX2, // NXT_PACKET_IN2
};

// False: it was lost.
struct session_conn;
bool session_packet_in_offer_nx(struct session_conn *c, const struct session_punt *p);
