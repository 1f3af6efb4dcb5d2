// SPDX-License-Identifier: Apache-2.0
#pragma once
// Between action and instruction lists on the wire and the neutral ones of <weft/action.h>.
//
// Checked here is all that needs no state: lengths, types, reserved ports and groups, ethertypes,
// what set-field names and sets (OpenFlow 1.3.5, 7.2.4, 7.2.5, 7.4.4). Whether a group exists, a
// table lies ahead or an action fits the match is the flow tables' business. Pure functions.

#include <sys/types.h>

#include <weft/action.h>

#include "openflow/of_wire.h"

#define OF_ACTIONS_MAX 65528u // bytes of a neutral list, what struct weft_instructions can count
#define OF_INSTRUCTIONS_MAX                                                                        \
	(sizeof(struct weft_instructions) + 2 * OF_ACTIONS_MAX + sizeof(struct weft_trigger))

#define OF_IN_PACKET_OUT 1u // output to OFPP_TABLE is allowed (7.2.1)

// The `actions` member of a message into `out`, 8-aligned, `room` bytes. Bytes used, or -EBADMSG
// with what to send in *error; a list that does not fit draws OFPBAC_TOO_MANY.
ssize_t of_actions_read(struct of_span in, uint8_t version, unsigned flags, void *out, size_t room,
	struct of_error *error);

// Appends the wire form of a list that weft_actions_ok() approves. 0, the writer's error, or
// -ENOTSUP if the writer's version has no word for some of them: these are left out.
int of_actions_write(struct of_writer *w, const void *list, size_t bytes);

// The `instructions` member of a flow-mod into a struct weft_instructions at `out`, 8-aligned,
// followed by its lists; OF_INSTRUCTIONS_MAX is always room enough. Bytes used, or -EBADMSG and
// *error. A type given twice draws OFPBIC_DUP_INST, before 1.4 its ONF form (EXT-260). Meter 0 or a
// reserved one draws OFPMMFC_INVALID_METER, table 255 OFPBIC_BAD_TABLE_ID.
ssize_t of_instructions_read(
	struct of_span in, uint8_t version, void *out, size_t room, struct of_error *error);

// The `actions` member of a flow-mod of 1.0 or of Nicira's, likewise; they are applied.
ssize_t of_instructions_read_actions(
	struct of_span in, uint8_t version, void *out, size_t room, struct of_error *error);

// Appends the actions alone, for 1.0 and for Nicira's messages: the applied ones, and goto-table as
// a resubmit at the end, which comes to the same. What else there is cannot be said there: -ENOTSUP
// after all that can.
int of_instructions_write_actions(struct of_writer *w, const struct weft_instructions *in);

// Appends the wire form, in the order of execution (OpenFlow 1.3.5, 5.9). As of_actions_write().
int of_instructions_write(struct of_writer *w, const struct weft_instructions *in);
