// SPDX-License-Identifier: Apache-2.0
#pragma once
// Serves the metrics over HTTP (GET /metrics), in the text format of Prometheus, version 0.0.4.
//
// libmicrohttpd runs on the agent's event loop by its epoll descriptor; a request is suspended
// while the data plane is asked. No authentication: bind it to an address that only Prometheus
// reaches.

#include "core/core.h"

#define METRICS_CONNECTIONS_MAX 16u

struct metrics;

#define METRICS_LISTEN "IP:PORT, IPv6 in brackets (names are not looked up)"

bool metrics_can_listen(const char *listen); // it is that
// NULL: *error says why, a text to free().
struct metrics *metrics_new(struct agent *agent, const char *listen, char **error);

// After agent_close(), which ends the requests under way.
void metrics_free(struct metrics *m);
