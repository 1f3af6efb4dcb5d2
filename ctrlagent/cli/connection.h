// SPDX-License-Identifier: Apache-2.0
#pragma once
// What a request may do with its connection.

#include <jansson.h>

struct cli_connection;

void cli_connection_write(struct cli_connection *c, json_t *line); // takes `line`
void cli_connection_request_ended(struct cli_connection *c);       // the next one may begin
