// SPDX-License-Identifier: Apache-2.0
#pragma once
// One command on its way: what was asked, and how to answer it.
//
// A handler is called once, may ask the data plane and return, and goes on in callbacks; it answers
// by request_out() any number of times and ends the request by request_end() or request_fail()
// exactly once, also if the client has gone meanwhile: then what it prints goes nowhere.

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
	const struct listing *listing;     // of request_list()
	const void *command;               // of the handler
	json_t *cmd;
	weft_tenant_id tenant; // of operand 0, where the handler resolved it
	struct dpc_dump *dump; // of rules, under way; NULL: none
};

enum column_unit {
	UNIT_NONE,
	UNIT_SECONDS, // shown as 5s, 3m20s, 2h05m, 4d03h
	UNIT_RATIO,   // two digits
};

struct column {
	const char *title;
	const char *key;
	enum column_unit unit;
	bool optional; // not shown if no row has it
};

// What a command shows that dumps things of one type, a row each.
struct listing {
	enum weft_ipc_type type;
	dpc_item_fn item; // appends to the request's rows
	const struct column *columns;
	const char *empty; // what is said instead of a table without rows
};

typedef void (*request_handler_fn)(struct request *r);

void request_out(struct request *r, const char *text);
void request_end(struct request *r, int status);
void request_fail(struct request *r, const char *format, ...) __attribute__((format(printf, 2, 3)));
// What the data plane answered.
void request_fail_error(struct request *r, enum weft_error error, const char *text);

const char *request_option(const struct request *r, const char *name); // NULL: not given
bool request_flag(const struct request *r, const char *name);

// Prints `value` as JSON, or the rows of it as a table, and ends the request. Takes `value`.
void request_end_json(struct request *r, json_t *value);
// `empty`: what is said instead of a table without rows.
void request_end_rows(
	struct request *r, json_t *rows, const struct column *columns, const char *empty);

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
// All of a command that is no more than its listing, which stays; of the tenant that an operand
// names, or of all.
void request_list(struct request *r, const struct listing *l);
