// SPDX-License-Identifier: Apache-2.0
#include "openflow/errors.h"
#include "session/bundle.h"
#include "session/conn.h"
#include "session/forward.h"
#include "session/wide.h"

#define STEP_MESSAGES 256u
#define STEPS 2u // under way at once

static void start_next(struct session_switch *sw);
static void step(struct session_bundle *b);

static void pause_all(struct session_switch *sw, bool paused)
{
	struct session_conn *c;

	LIST_FOREACH (c, &sw->conns, link)
		if (paused)
			session_conn_pause(c, SESSION_PAUSE_BUNDLE);
		else
			session_conn_resume(c, SESSION_PAUSE_BUNDLE);
}

bool session_bundle_is_committing(const struct session_switch *sw)
{
	return !TAILQ_EMPTY(&sw->committing);
}

bool session_bundle_is_of(const struct session_conn *c)
{
	const struct session_bundle *b;

	TAILQ_FOREACH (b, &c->sw->committing, waiting)
		if (b->conn == c)
			return true;
	return false;
}

// ---- the end

static void tell(struct session_bundle *b, bool ok)
{
	struct session_conn *c = b->conn;

	if (!session_conn_is_up(c) || (b->single && (ok || b->failed)))
		return;
	if (b->single)
		session_error_send(c,
			session_error_of(c->version, WEFT_E_NO_MEMORY, b->opened.head),
			b->opened.head, b->opened.len);
	else if (ok)
		session_bundle_reply(b, &b->commit, OFPBCT_COMMIT_REQUEST);
	else
		session_error_send(c, of_bundle_error(c->version, OFPBFC_MSG_FAILED),
			b->commit.head, b->commit.len);
}

static void finish(struct session_bundle *b, bool ok)
{
	struct session_switch *sw = b->sw;
	struct session_conn *c = b->conn;

	if (sw)
		TAILQ_REMOVE(&sw->committing, b, waiting);
	if (sw && b->single)
		session_wide_count(sw);
	tell(b, ok);
	session_bundle_free(b);
	session_conn_unref(c);
	if (sw)
		start_next(sw);
}

// Its group and meter mods are told to others as if they had come one by one (7.4.6).
static void forward(struct session_bundle *b)
{
	struct session_bundle_chunk *chunk = NULL;
	struct session_bundle_message *m;
	size_t offset = 0;

	while (b->sw && (m = session_bundle_next(b, &chunk, &offset))) {
		const struct weft_ipc_hdr *h = (const void *)m->recording;

		if (h->type == WEFT_IPC_GROUP_MOD || h->type == WEFT_IPC_METER_MOD)
			session_forward_tell(b->sw, b->conn, of_load32(m->head + 4), h->type, h + 1,
				h->len - sizeof(*h));
	}
}

static void on_committed(void *arg, enum weft_error error, const char *text)
{
	if (!error)
		forward(arg);
	finish(arg, error == WEFT_E_NONE);
}

static void on_aborted(void *arg, enum weft_error error, const char *text)
{
	finish(arg, false);
}

// ---- steps

static void on_op(void *arg, enum weft_error error, const char *text)
{
	struct session_bundle_message *m = arg;
	struct session_bundle *b = m->bundle;
	struct session_conn *c = b->conn;

	if (!error || b->failed)
		return;
	b->failed = true;
	if (session_conn_is_up(c))
		session_error_send(
			c, session_error_of(c->version, error, m->head), m->head, m->head_len);
}

static void on_step(void *arg, enum weft_error error, const char *text)
{
	struct session_bundle *b = arg;

	b->steps--;
	b->failed |= error != WEFT_E_NONE;
	step(b);
}

// For flow monitors: whose the next message is.
static void play_cause(struct session_bundle *b, uint32_t xid)
{
	const struct {
		struct weft_ipc_hdr hdr;
		struct weft_ipc_cause body;
	} message = {{.type = WEFT_IPC_CAUSE, .len = sizeof(message)},
		{.cause = session_cause(b->conn->number, xid)}};

	if (b->sw->monitor_slots)
		dpc_stage_play(b->sw->dpc, b->sw->tenant, &message, sizeof(message), NULL, NULL);
}

static void on_slow(void *arg, enum weft_error error, const char *text)
{
	struct session_bundle_message *m = arg;
	struct session_bundle *b = m->bundle;

	b->slow = false;
	on_op(m, error, text);
	on_step(b, error, text);
}

static void play_slow(struct session_bundle *b, struct session_bundle_message *m)
{
	b->slow = true;
	b->steps++;
	dpc_stage_play_slow(b->sw->dpc, b->sw->tenant, m->recording, on_slow, m);
}

// False: nothing was played, or what is under way.
static bool play(struct session_bundle *b)
{
	for (unsigned n = 0; n < STEP_MESSAGES; n++) {
		struct session_bundle_chunk *chunk = b->chunk;
		size_t offset = b->offset;
		struct session_bundle_message *m = session_bundle_next(b, &chunk, &offset);
		bool slow = m && session_wide_message(b->sw, m);

		if (!m || (slow && (n || b->steps)))
			return n > 0;
		b->chunk = chunk;
		b->offset = offset;
		play_cause(b, of_load32(m->head + 4));
		if (slow) {
			play_slow(b, m);
			return false;
		}
		dpc_stage_play(b->sw->dpc, b->sw->tenant, m->recording, m->recording_len, on_op, m);
	}
	return true;
}

// Sends what may be under way; ends when nothing is.
static void step(struct session_bundle *b)
{
	while (b->sw && !b->failed && !b->slow && b->steps < STEPS && play(b)) {
		b->steps++;
		dpc_barrier(b->sw->dpc, on_step, b);
	}
	if (b->steps)
		return;
	if (!b->sw)
		finish(b, false); // abandoned
	else if (b->failed)
		dpc_stage_abort(b->sw->dpc, b->sw->tenant, on_aborted, b);
	else
		dpc_stage_commit(b->sw->dpc, b->sw->tenant, on_committed, b);
}

static void start_next(struct session_switch *sw)
{
	struct session_bundle *b = TAILQ_FIRST(&sw->committing);

	if (!b) {
		pause_all(sw, false);
		return;
	}
	dpc_stage_begin(sw->dpc, sw->tenant);
	step(b);
}

void session_bundle_commit(struct session_bundle *b)
{
	struct session_switch *sw = b->sw;
	bool first = TAILQ_EMPTY(&sw->committing);

	session_bundle_detach(b);
	session_conn_ref(b->conn);
	b->state = SESSION_BUNDLE_COMMITTING;
	TAILQ_INSERT_TAIL(&sw->committing, b, waiting);
	pause_all(sw, true);
	if (first)
		start_next(sw);
}

// The first one is under way, and its callbacks will come; the others have nothing to wait for.
void session_bundles_abandon(struct session_switch *sw)
{
	struct session_bundle *b = TAILQ_FIRST(&sw->committing), *next;

	for (bool first = true; b; b = next, first = false) {
		next = TAILQ_NEXT(b, waiting);
		TAILQ_REMOVE(&sw->committing, b, waiting);
		sw->bundle_bytes -= b->bytes;
		b->sw = NULL;
		if (first)
			dpc_stage_abort(sw->dpc, sw->tenant, NULL, NULL);
		else
			finish(b, false);
	}
}
