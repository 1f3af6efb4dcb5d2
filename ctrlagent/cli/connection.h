// SPDX-License-Identifier: Apache-2.0
#pragma once
// A client of the command socket, and what a request may do with it. The server (server.h) makes
// it, reads from it, and frees it.

#include <jansson.h>
#include <stdbool.h>
#include <sys/queue.h>

struct bufferevent;

struct cli_connection {
	LIST_ENTRY(cli_connection) link;
	struct cli_server *server;
	struct bufferevent *bev;
	struct request *request; // under way
};

void cli_connection_write(struct cli_connection *c, json_t *line); // takes `line`
// Whole lines, made before; takes `text`.
void cli_connection_write_text(struct cli_connection *c, char *text, size_t len);
// How much a client that reads slowly may leave unread before its dump waits for it.
#define CLI_OUTPUT_HIGH (256u * 1024u)

// Pause the request's dump, then; it is resumed when the client has read, and cancelled if it goes.
bool cli_connection_is_full(const struct cli_connection *c);
void cli_connection_request_ended(struct cli_connection *c); // the next one may begin
