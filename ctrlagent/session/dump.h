// SPDX-License-Identifier: Apache-2.0
#pragma once
// A multipart reply, made from memory or while the data plane delivers a dump.
//
//	struct session_dump *d = session_dump_new(c, rq, OFPMP_FLOW);
//	dpc_dump_flows(…, on_flow, session_dump_end, d);
//
// on_flow() writes an element into d->w and calls session_dump_next(). From session_dump_new() to
// session_dump_end() the session is paused, so it has one dump at a time. Messages leave as they
// fill up.

#include "openflow/multipart.h"
#include "session/conn.h"

struct session_dump {
	struct session_conn *conn; // referenced
	struct session_pending *pending;
	struct of_writer w;
	struct of_multipart mp;
	// Called before the end, to write what was only collected; may be NULL. Then `extra` is
	// freed.
	void (*finish)(struct session_dump *d);
	void *extra;
	size_t count;    // of things in extra
	uint32_t wanted; // the one port, group or meter asked for, as the request said it
};

struct session_dump *session_dump_new(
	struct session_conn *c, const struct session_request *rq, uint16_t type);

// The reply to an experimenter's multipart; to one of Nicira's, by its subtype.
struct session_dump *session_dump_new_experimenter(struct session_conn *c,
	const struct session_request *rq, uint32_t experimenter, uint32_t exp_type);
struct session_dump *session_dump_new_nicira(
	struct session_conn *c, const struct session_request *rq, uint32_t subtype);

static inline void session_dump_next(struct session_dump *d)
{
	of_multipart_next(&d->mp);
}

// A dpc_done_fn. An error is sent instead of the reply's end.
void session_dump_end(void *arg, enum weft_error error, const char *text);

// Appends a rule's OXS fields (OpenFlow 1.5.1, 7.2.4).
void session_put_oxs(struct of_writer *w, const struct weft_flow_stats *s);

// As an element says it.
void session_duration(uint64_t ns, uint32_t *sec, uint32_t *nsec);
