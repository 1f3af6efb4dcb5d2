// SPDX-License-Identifier: Apache-2.0
#pragma once
// The agent's command socket: a line of JSON asks, lines of JSON answer.
//
//	→ {"cmd": ["flow", "list", "red"], "args": {"json": true, "table": "3"}}
//	← {"out": "…"}            any number of times
//	← {"status": 0}           the end; or {"error": "…", "status": 1}
//
// Only root and the agent's own user may connect (mode 0600). Commands of one connection are served
// one after the other, each when the answers before it have been read but for a little; those of
// several side by side.

#include "core/core.h"

#define CLI_MAX_LINE (64u * 1024u)
#define CLI_MAX_CONNECTIONS 32u

struct cli_server;

// NULL: *error says why, a text to free(). A dead agent's socket is replaced, a living one's is
// not.
struct cli_server *cli_server_new(struct agent *agent, const char *path, char **error);
void cli_server_free(struct cli_server *s);
