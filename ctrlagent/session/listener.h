// SPDX-License-Identifier: Apache-2.0
#pragma once
// A passive target: a socket that takes connections in (ptcp:, pssl:, punix:).
//
// A UNIX socket is made with mode 0600 and removed at the end; one that a dead process left behind
// is replaced, one that somebody listens on is not. Thread: that of the event_base.

#include <stddef.h>

struct event_base;
struct session_target;

// The descriptor is the callee's, non-blocking. peer names who is there, for people.
typedef void session_accepted_fn(void *arg, int fd, const char *peer);

struct session_listener;

// Returns NULL with a sentence in err, and errno, if the address cannot be had.
struct session_listener *session_listener_new(struct event_base *base,
	const struct session_target *target, session_accepted_fn *accepted, void *arg, char *err,
	size_t err_len);
void session_listener_free(struct session_listener *l);
