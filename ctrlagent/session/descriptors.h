// SPDX-License-Identifier: Apache-2.0
#pragma once
// What switches may take of the agent's file descriptors (weft/process/descriptors.h).
//
// Thousands of switches may want more of them than there are. What they take ends where the agent's
// own begins, the command line, the data plane, netlink, files, so that it can still be asked what
// is wrong and be told something else. Before that, listeners stop where there is still room for
// sessions, for one that cannot accept is worth nothing, and sockets to look on at stop where there
// is still room for listeners. Who gets none tries again.

#include <stdbool.h>
#include <stddef.h>

enum session_descriptor_use {
	SESSION_DESCRIPTOR_SNOOP,  // to listen for those who look on
	SESSION_DESCRIPTOR_LISTEN, // for controllers
	SESSION_DESCRIPTOR_SESSION,
};

// Whether `fd`, which was made just now, may be kept for this.
bool session_descriptor_fits(int fd, enum session_descriptor_use use);
// Whether the next one may be. If not, a sentence in why, the same each time.
bool session_descriptor_left(enum session_descriptor_use use, char *why, size_t len);
