// SPDX-License-Identifier: Apache-2.0
#include "cli/connection.h"

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <stdlib.h>
#include <string.h>

void cli_connection_write(struct cli_connection *c, json_t *line)
{
	char *text = json_dumps(line, JSON_COMPACT);

	if (text) {
		bufferevent_write(c->bev, text, strlen(text));
		bufferevent_write(c->bev, "\n", 1);
	}
	free(text);
	json_decref(line);
}

static void on_text_written(const void *text, size_t len, void *arg)
{
	free((void *)(uintptr_t)text);
}

void cli_connection_write_text(struct cli_connection *c, char *text, size_t len)
{
	if (evbuffer_add_reference(
		    bufferevent_get_output(c->bev), text, len, on_text_written, NULL) < 0)
		free(text);
}

bool cli_connection_is_full(const struct cli_connection *c)
{
	return evbuffer_get_length(bufferevent_get_output(c->bev)) >= CLI_OUTPUT_HIGH;
}

void cli_connection_request_ended(struct cli_connection *c)
{
	c->request = NULL;
	bufferevent_trigger(c->bev, EV_READ, BEV_TRIG_IGNORE_WATERMARKS | BEV_TRIG_DEFER_CALLBACKS);
}
