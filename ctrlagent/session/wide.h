// SPDX-License-Identifier: Apache-2.0
#pragma once
// Changes that may be about very many rules: a loose modify or delete, an add that checks for
// overlaps, a group or meter that goes with its rules.
//
// A million rules take the data plane a second, and nobody else shall wait for that. So on a switch
// that may have more than SESSION_WIDE_RULES such a change is run as a bundle of one message
// (bundle.h), unless it is in a bundle: the data plane does it in steps, and other switches are
// served meanwhile. The sessions of this switch wait with what would have to come after it; echoes,
// and barriers of sessions that have nothing under way, are answered (conn.c).
//
// How many rules a switch may have is what the data plane said last and what was asked to be added
// since. Rules that packets learn are not known of, so the count is a guess; where it is too low,
// such a change is only slower for others.

#include <stdbool.h>

struct session_bundle_message;
struct session_conn;
struct session_request;
struct session_switch;
struct weft_flow_mod;

#define SESSION_WIDE_RULES 4096u

// Whether the change, which is about to be asked for, is to be run apart. Counts what it may add.
bool session_wide_flow_mod(struct session_conn *c, const struct weft_flow_mod *mod);
// Likewise of one that takes a group or meter away.
bool session_wide_removal(const struct session_conn *c);
// What is asked of the data plane from now on is written down,
void session_wide_open(struct session_conn *c);
// and run: the request that asked for it draws the errors.
void session_wide_run(struct session_conn *c, const struct session_request *rq);

// Whether a message of a bundle may be about very many rules of its switch.
bool session_wide_message(const struct session_switch *sw, const struct session_bundle_message *m);
// Asks the data plane how many rules there are.
void session_wide_count(struct session_switch *sw);
