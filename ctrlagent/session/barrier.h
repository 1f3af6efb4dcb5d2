// SPDX-License-Identifier: Apache-2.0
#pragma once
// The barrier (OpenFlow 1.3.5, 7.3.8): its reply says that every message before it is done with, in
// the data plane too, and every error and reply of theirs is sent. Nothing after it is looked at
// before.

struct session_conn;

// Call whenever a request of the session is settled.
void session_barrier_check(struct session_conn *c);
