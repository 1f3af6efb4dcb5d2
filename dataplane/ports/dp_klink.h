// SPDX-License-Identifier: Apache-2.0
#pragma once
// How big a segment the kernel may make for an interface.
//
// A machine behind a TAP hands over as much TCP at once as its interface says that it takes
// (IFLA_GSO_MAX_SIZE), 65,536 bytes unless told otherwise. Under ordinary tunnel headers the frames
// of so much are longer than one train can be (dp_train.h): each segment would cost the uplink's
// kernel two ways through it, the second for two frames. So the TAP says a little less.
//
// Control thread.

#include <stdint.h>

// rtnetlink(7). Of an interface in the calling thread's network namespace; 0 or -errno.
int dp_klink_set_gso_max(const char *ifname, uint32_t bytes);
