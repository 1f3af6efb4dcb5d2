// SPDX-License-Identifier: Apache-2.0
#pragma once
// Bundles: changes that a controller collects on the switch and makes all at once (OpenFlow 1.4.1
// and 1.5.1, 6.9 and 7.3.9; for 1.3 the ONF's extension EXT-230).
//
//	bundle.c           the bundles of a session and what they hold
//	bundle_add.c       messages into a bundle
//	bundle_control.c   open, close, commit, discard
//	bundle_commit.c    into the data plane, step by step
//	bundle_schedule.c  commits at a time of day (1.5), and the features of all this
//
// What is kept. A message is checked and decoded when it is added, by the handler that it would
// have without a bundle, while dpclient writes down what the handler asks for (dpc_record()). So
// the errors that need no state are drawn at once, and committing is to send bytes. With each
// message its head is kept, which the error quotes that the data plane may draw.
//
// Committing. All that a bundle holds is one staged transaction of the data plane: published by one
// store, or undone. It is sent in steps, at most two under way, and between steps the loop serves
// everybody else; a message that may be about very many rules (wide.h) goes alone. Meanwhile the
// sessions of this one switch are held: what they ask for comes before the bundle or after it. One
// bundle of a switch is committed at a time, in order.
//
// Every bundle is atomic and ordered, whatever its flags say less. A failing message draws its own
// error, with its own xid, and the commit draws OFPBFC_MSG_FAILED.
//
// Bounds. SESSION_BUNDLES open ones a session, SESSION_BUNDLE_BYTES of its messages, and twice that
// for all sessions of a switch; a bundle that nobody adds to for SESSION_BUNDLE_IDLE_S is
// discarded, which its controller is told by OFPBFC_TIMEOUT.
//
// Codes that nothing draws: OFPBFC_UNKNOWN, EPERM, BUNDLE_EXIST (opening an id that is open draws
// BAD_ID) and MSG_CONFLICT (all that can be added can be done in order).

#include <sys/queue.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include "openflow/reader.h"
#include "session/pending.h"

struct event;
struct session_bundle;
struct session_conn;
struct session_request;
struct session_switch;

#define SESSION_BUNDLES 64u
#define SESSION_BUNDLE_BYTES (64u << 20)
#define SESSION_BUNDLE_IDLE_S 10

// One message, as it waits.
struct session_bundle_message {
	struct session_bundle *bundle;
	uint32_t recording_len;
	uint16_t head_len;
	uint8_t head[SESSION_HEAD];
	_Alignas(8) uint8_t recording[];
};

struct session_bundle_chunk;
TAILQ_HEAD(session_bundle_chunks, session_bundle_chunk);

enum session_bundle_state {
	SESSION_BUNDLE_OPEN,
	SESSION_BUNDLE_CLOSED,
	SESSION_BUNDLE_SCHEDULED, // to be committed at its time
	SESSION_BUNDLE_COMMITTING,
};

// What is sent back about a request: how it began.
struct session_quote {
	uint16_t len;
	uint8_t head[SESSION_HEAD];
};

struct session_bundle {
	LIST_ENTRY(session_bundle) link;     // in its session's, until it is committed
	TAILQ_ENTRY(session_bundle) waiting; // in its switch's, from then on
	struct session_conn *conn;           // referenced from the commit on
	struct session_switch *sw;
	uint32_t id;
	uint16_t flags; // OFPBF_*, without TIME
	bool onf;       // asked for by the extension for 1.3
	bool single; // of one message that is not of a bundle (wide.h): there is nothing to reply
	enum session_bundle_state state;
	struct session_bundle_chunks chunks;
	size_t bytes;
	struct event *timer; // idle, or scheduled
	time_t used;         // last, monotonic seconds
	uint64_t when_ns;    // scheduled: CLOCK_TAI
	struct session_quote opened, commit;
	// while it is committed
	struct session_bundle_chunk *chunk; // where the next step begins
	size_t offset;
	unsigned steps; // under way
	bool slow;      // a message that may be about very many rules is
	bool failed;
};

struct session_bundles {
	LIST_HEAD(, session_bundle) list;
	unsigned count;
	size_t bytes;
	bool recording; // a message is being added: its handler answers to the bundle
	// what the controller set (1.5): how far off a scheduled commit may be
	uint64_t max_future_ns, max_past_ns;
};

// ---- bundle.c

void session_bundles_init(struct session_bundles *b);
// The session is over. What is being committed goes on.
void session_bundles_close(struct session_conn *c);

struct session_bundle *session_bundle_find(struct session_conn *c, uint32_t id);
// NULL: too many. The request is quoted if the bundle is timed out.
struct session_bundle *session_bundle_open(struct session_conn *c, uint32_t id, uint16_t flags,
	bool onf, const struct session_request *rq);
// Runs one message that was written down, of `rq`, as a bundle.
struct dpc_recording;
void session_bundle_run_one(struct session_conn *c, const struct session_request *rq,
	const struct dpc_recording *recording);
void session_bundle_discard(struct session_bundle *b); // not one that is being committed
// Out of its session's list, to be committed.
void session_bundle_detach(struct session_bundle *b);
void session_bundle_free(struct session_bundle *b); // a detached one

// Room for a message with a recording of `len` bytes; NULL: more than may be.
struct session_bundle_message *session_bundle_put(struct session_bundle *b, size_t len);
// The messages in order: *chunk NULL and *offset 0 at first. NULL: there are no more.
struct session_bundle_message *session_bundle_next(
	const struct session_bundle *b, struct session_bundle_chunk **chunk, size_t *offset);

// OFPET_BUNDLE_FAILED with this code, or what 1.3 has for it. Returns -EBADMSG.
int session_bundle_fail(struct session_request *rq, uint16_t code);
void session_quote(struct session_quote *q, const struct session_request *rq);

// ---- bundle_control.c

// The reply to the request that `q` quotes, whose type it had.
void session_bundle_reply(
	const struct session_bundle *b, const struct session_quote *q, uint16_t request_type);

// ---- bundle_commit.c

void session_bundle_commit(struct session_bundle *b);
// Whether one of the session's bundles is being committed, or waits for it.
bool session_bundle_is_of(const struct session_conn *c);
// Of a new session: whether it must wait.
bool session_bundle_is_committing(const struct session_switch *sw);
// The switch is about to go, or its data plane is lost.
void session_bundles_abandon(struct session_switch *sw);

// ---- bundle_control.c

// Whether they are what they say they are, whoever has a use for them. 0 or -EBADMSG.
int session_bundle_check_properties(struct session_request *rq, struct of_span properties);

// ---- bundle_schedule.c

// 0 or -EBADMSG. On 0 the bundle waits for its time, or is being committed already.
int session_bundle_schedule(
	struct session_bundle *b, struct session_request *rq, struct of_span properties);
