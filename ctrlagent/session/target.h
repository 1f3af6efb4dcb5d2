// SPDX-License-Identifier: Apache-2.0
#pragma once
// Where an OpenFlow session goes to or comes from, as an operator writes it
// (ovs-vswitchd.conf.db(5), "target"):
//
//   tcp:IP[:PORT]   ssl:IP[:PORT]   unix:PATH      the switch connects
//   ptcp:[PORT][:IP] pssl:[PORT][:IP] punix:PATH   the switch listens
//
// The port is 6653 unless given (OpenFlow 1.3.5, 6.3.1); IPv6 addresses stand in brackets. Names
// are not resolved: a switch that needs DNS to find its controller cannot be what carries DNS.

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#define SESSION_DEFAULT_PORT 6653u
#define SESSION_TARGET_MAX 127 // characters of its text

enum session_transport {
	SESSION_TRANSPORT_TCP,
	SESSION_TRANSPORT_SSL,
	SESSION_TRANSPORT_UNIX,
};

struct session_target {
	enum session_transport transport;
	bool passive;
	socklen_t addr_len;
	struct sockaddr_storage addr;
	char text[SESSION_TARGET_MAX + 1]; // as it was written
};

// Returns 0, or -EINVAL with a sentence in err (err_len bytes) and *t undefined.
int session_target_parse(struct session_target *t, const char *text, char *err, size_t err_len);
