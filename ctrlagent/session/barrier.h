// SPDX-License-Identifier: Apache-2.0
#pragma once
// The barrier (OpenFlow 1.3.5, 7.3.8): its reply says that every message before it is done with, in
// the data plane too, and every error and reply of theirs is sent. Nothing after it is looked at
// before. It is a matter of one session: what others have asked for is not waited for. So who has
// nothing under way is answered without asking the data plane, however much it has to do.
//
// Some of what was asked for may be left to be done when the data plane has answered (weft/ipc.h,
// SWITCH_BUSY). Sessions that had requests under way when it said so wait until it is; who had none
// has nothing to wait for.

#include <stdbool.h>

struct session_conn;
struct session_switch;

// Call whenever a request of the session is settled.
void session_barrier_check(struct session_conn *c);
// The data plane says so of a switch.
void session_barrier_busy(struct session_switch *sw, bool busy);
