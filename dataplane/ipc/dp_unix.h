// SPDX-License-Identifier: Apache-2.0
#pragma once
// UNIX sockets that only root and our own user may speak to.

// Listens at `path`; a socket that a dead process left there is replaced, one that somebody serves
// is not. The descriptor, or -1 after a message.
int dp_unix_listen(const char *path, int type);
// Only that: removes a socket that nobody listens at. To find out, it connects to a listener of
// this type, and of no other.
void dp_unix_clear(const char *path, int type);
// A connection whose peer (SO_PEERCRED) may be here, or -1: none, or turned away. Does not wait.
int dp_unix_accept(int listen_fd);
