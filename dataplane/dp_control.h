// SPDX-License-Identifier: Apache-2.0
#pragma once
// The control thread: everything is made, the loop, everything is taken down.
//
// The loop waits on the sockets for at most DP_CONTROL_TICK_MS (the rings from the workers have no
// descriptor to wait for, and a worker makes no system call to wake anybody), then looks at each
// source once, each with a bound, so that none starves another.

#include "dp.h"

#define DP_CONTROL_TICK_MS 1

// 0, or -1 after a message; dp_control_stop() in either case. EAL is up; dp->opt is set.
int dp_control_start(struct dp *dp);
void dp_control_loop(struct dp *dp); // until SIGTERM or SIGINT
void dp_control_stop(struct dp *dp);
