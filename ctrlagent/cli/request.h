// SPDX-License-Identifier: Apache-2.0
#pragma once
// One command on its way: what was asked, and how to answer it.
//
// A handler is called once, may ask the data plane and return, and goes on in callbacks; it answers
// by request_out() any number of times and ends the request by request_end(), request_fail() or
// with an answer (answer.h) exactly once, also if the client has gone meanwhile: then what it
// prints goes nowhere.

#include <jansson.h>

#include "core/core.h"
#include "text/flow_text.h"

struct cli_connection;

struct request {
	struct agent *agent;
	struct cli_connection *connection; // NULL: gone
	json_t *args;                      // of the command: options, and "json"
	bool json;
	const char *operands[4]; // "" if not given
	unsigned operand_count;
	unsigned waiting; // dumps that have not ended
	bool failed;
	json_t *rows; // what a handler collects
	json_t *data;
	void (*finish)(struct request *r); // when nothing is waited for any more
	const struct listing *listing;     // of answer_listing()
	const void *command;               // of the handler
	json_t *cmd;
	weft_tenant_id tenant; // of operand 0, where the handler resolved it
	struct dpc_dump *dump; // of rules, under way; NULL: none
};

typedef void (*request_handler_fn)(struct request *r);

void request_out(struct request *r, const char *text);
void request_end(struct request *r, int status);
void request_fail(struct request *r, const char *format, ...) __attribute__((format(printf, 2, 3)));
// What the data plane answered.
void request_fail_error(struct request *r, enum weft_error error, const char *text);

const char *request_option(const struct request *r, const char *name); // NULL: not given
bool request_flag(const struct request *r, const char *name);

// Sets r->tenant from the first operand. False: there is no such tenant; the request has failed.
bool request_tenant(struct request *r);
// The same if there is an operand; else tenant 0, all.
bool request_any_tenant(struct request *r);
const char *request_tenant_name(const struct request *r, weft_tenant_id id);

// One dump more to wait for: `item` is called with the request, and r->finish once all have ended;
// if one failed, the request fails instead.
void request_dump(
	struct request *r, enum weft_ipc_type type, const void *body, size_t len, dpc_item_fn item);
void request_dump_ended(void *arg, enum weft_error error, const char *text); // for dpc_dump_*
