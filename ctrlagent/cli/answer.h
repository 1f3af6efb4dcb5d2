// SPDX-License-Identifier: Apache-2.0
#pragma once
// The end of a request: its answer is sorted, drawn and put into the protocol's lines.
//
// Of 16,000 tenants that takes a tenth of a second and more, so a long one is made in a thread
// (core/background.h) while the event loop serves others, and then handed to the connection as it
// is, which writes it as fast as its client reads. What it is made of is therefore nobody else's:
// `value` must share nothing with what the loop goes on using.

#include "cli/render.h"
#include "cli/request.h"

struct answer {
	json_t *value;                // taken; NULL: none
	bool sort;                    // `value` is rows, in whatever order
	const struct column *columns; // shown as a table of these; NULL: as JSON, or as `draw` says
	const char *empty;            // what is said instead of a table without rows
	char *(*draw)(const json_t *value);
	char *text;  // to be said after that, taken; NULL: nothing
	char *error; // and how the request fails, taken; NULL: it does not
};

// Takes what r->rows has, too, which must be no more than what `value` has.
void answer_end(struct request *r, const struct answer *a);

// The same of a value, as JSON.
void answer_json(struct request *r, json_t *value);
// The same of rows, in whatever order: a table, or JSON if the request wants that.
void answer_rows(struct request *r, json_t *rows, const struct column *columns, const char *empty);

// What a command shows that dumps things of one type, a row each.
struct listing {
	enum weft_ipc_type type;
	dpc_item_fn item; // appends to the request's rows
	const struct column *columns;
	const char *empty; // what is said instead of a table without rows
};

// All of a command that is no more than its listing, which stays; of the tenant that an operand
// names, or of all.
void answer_listing(struct request *r, const struct listing *l);

// The program ends, and the connections have: those that are being made are nobody's.
void answer_cancel_all(void);
