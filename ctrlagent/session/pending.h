// SPDX-License-Identifier: Apache-2.0
#pragma once
// Requests whose fate the data plane will tell: for each the head of the message, so that an error
// can quote it (OpenFlow 1.3.5, 7.4.4: at least 64 bytes).
//
// A flow mod every three microseconds must not cost an allocation: records come from slabs that the
// session keeps. Their number is bounded by the switch's share of the data plane (share.h).

#include <stddef.h>
#include <stdint.h>

#include <weft/error.h>

struct session_conn;
struct session_forward;
struct session_request;
struct of_error;

#define SESSION_HEAD 64u

struct session_pending {
	struct session_conn *conn; // referenced
	struct session_pending *next;
	uint16_t len;
	uint16_t weight;                 // see share.h
	struct session_forward *forward; // to be told of if it succeeds; NULL: to nobody
	uint8_t head[SESSION_HEAD];
};

struct session_pending_slab;

struct session_pending_pool {
	struct session_pending *free;
	struct session_pending_slab *slabs;
	unsigned under_way;
};

void session_pending_pool_free(struct session_pending_pool *pool);

// The argument for session_pending_done(); NULL while a message is added to a bundle.
struct session_pending *session_pending_new(
	struct session_conn *c, const struct session_request *rq);

// It searches a table.
void session_pending_search(struct session_pending *p);

// Other controllers are to be told of it. Either may be NULL.
void session_pending_forward(struct session_pending *p, struct session_forward *forward);

// A dpc_done_fn for operations: sends the error, if there is one.
void session_pending_done(void *arg, enum weft_error error, const char *text);

// What to say of `error`, which the message that begins with `head` has drawn.
struct of_error session_error_of(uint8_t version, enum weft_error error, const uint8_t *head);

// An OFPT_ERROR that quotes `len` bytes at `head` and has its xid.
void session_error_send(
	struct session_conn *c, struct of_error error, const uint8_t *head, size_t len);
