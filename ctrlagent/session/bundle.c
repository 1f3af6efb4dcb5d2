// SPDX-License-Identifier: Apache-2.0
#include "session/bundle.h"

#include <stdlib.h>

#include "mem.h"
#include "openflow/errors.h"
#include "session/conn.h"
#include "uptime.h"

#define CHUNK (64u << 10) // bytes of messages that are allocated together
#define SWITCH_BYTES (2u * SESSION_BUNDLE_BYTES)

struct session_bundle_chunk {
	TAILQ_ENTRY(session_bundle_chunk) link;
	size_t used, room;
	_Alignas(8) uint8_t bytes[];
};

int session_bundle_fail(struct session_request *rq, uint16_t code)
{
	return of_fail_error(&rq->r, of_bundle_error(rq->r.version, code));
}

void session_quote(struct session_quote *q, const struct session_request *rq)
{
	q->len = (uint16_t)(rq->len < SESSION_HEAD ? rq->len : SESSION_HEAD);
	memcpy(q->head, rq->msg, q->len);
}

// ---- what a bundle holds

static void account(struct session_bundle *b, size_t bytes)
{
	b->bytes += bytes;
	b->conn->bundles.bytes += bytes;
	b->sw->bundle_bytes += bytes;
}

static size_t size_of(size_t recording)
{
	return (sizeof(struct session_bundle_message) + recording + 7) & ~(size_t)7;
}

static struct session_bundle_chunk *chunk_new(struct session_bundle *b, size_t least)
{
	size_t room = least > CHUNK ? least : CHUNK;
	struct session_bundle_chunk *k;

	if (b->conn->bundles.bytes + room > SESSION_BUNDLE_BYTES ||
		b->sw->bundle_bytes + room > SWITCH_BYTES)
		return NULL;
	k = agent_resize(NULL, 1, sizeof(*k) + room);
	*k = (struct session_bundle_chunk){.room = room};
	TAILQ_INSERT_TAIL(&b->chunks, k, link);
	account(b, room);
	return k;
}

struct session_bundle_message *session_bundle_put(struct session_bundle *b, size_t len)
{
	struct session_bundle_chunk *k = TAILQ_LAST(&b->chunks, session_bundle_chunks);
	struct session_bundle_message *m;
	size_t size = size_of(len);

	if (!k || k->room - k->used < size)
		k = chunk_new(b, size);
	if (!k)
		return NULL;
	m = (struct session_bundle_message *)(void *)(k->bytes + k->used);
	k->used += size;
	m->bundle = b;
	m->recording_len = (uint32_t)len;
	b->used = agent_seconds();
	return m;
}

struct session_bundle_message *session_bundle_next(
	const struct session_bundle *b, struct session_bundle_chunk **chunk, size_t *offset)
{
	struct session_bundle_message *m;

	if (!*chunk)
		*chunk = TAILQ_FIRST(&b->chunks);
	if (*chunk && *offset == (*chunk)->used && TAILQ_NEXT(*chunk, link)) {
		*chunk = TAILQ_NEXT(*chunk, link);
		*offset = 0;
	}
	if (!*chunk || *offset == (*chunk)->used)
		return NULL;
	m = (struct session_bundle_message *)(void *)((*chunk)->bytes + *offset);
	*offset += size_of(m->recording_len);
	return m;
}

// ---- their life

void session_bundles_init(struct session_bundles *b)
{
	LIST_INIT(&b->list);
}

struct session_bundle *session_bundle_find(struct session_conn *c, uint32_t id)
{
	struct session_bundle *b;

	LIST_FOREACH (b, &c->bundles.list, link)
		if (b->id == id)
			return b;
	return NULL;
}

static void wait_idle(struct session_bundle *b, time_t seconds)
{
	struct timeval t = {.tv_sec = seconds};

	evtimer_add(b->timer, &t);
}

static void on_idle(evutil_socket_t fd, short what, void *arg)
{
	struct session_bundle *b = arg;
	time_t idle = agent_seconds() - b->used;

	if (idle < SESSION_BUNDLE_IDLE_S) {
		wait_idle(b, SESSION_BUNDLE_IDLE_S - idle);
		return;
	}
	session_error_send(b->conn, of_bundle_error(b->conn->version, OFPBFC_TIMEOUT),
		b->opened.head, b->opened.len);
	session_bundle_discard(b);
}

static struct session_bundle *bundle_new(struct session_conn *c, const struct session_request *rq)
{
	struct session_bundle *b = agent_zalloc(sizeof(*b));

	b->conn = c;
	b->sw = c->sw;
	b->used = agent_seconds();
	TAILQ_INIT(&b->chunks);
	session_quote(&b->opened, rq);
	b->timer = evtimer_new(c->sw->base, on_idle, b);
	LIST_INSERT_HEAD(&c->bundles.list, b, link);
	c->bundles.count++;
	return b;
}

struct session_bundle *session_bundle_open(struct session_conn *c, uint32_t id, uint16_t flags,
	bool onf, const struct session_request *rq)
{
	struct session_bundle *b;

	if (c->bundles.count == SESSION_BUNDLES)
		return NULL;
	b = bundle_new(c, rq);
	b->id = id;
	b->flags = flags;
	b->onf = onf;
	wait_idle(b, SESSION_BUNDLE_IDLE_S);
	return b;
}

void session_bundle_run_one(struct session_conn *c, const struct session_request *rq,
	const struct dpc_recording *recording)
{
	struct session_bundle *b = bundle_new(c, rq);
	struct session_bundle_message *m = session_bundle_put(b, recording->len);

	if (!m) {
		session_error_send(c, session_error_of(c->version, WEFT_E_NO_MEMORY, rq->msg),
			b->opened.head, b->opened.len);
		session_bundle_discard(b);
		return;
	}
	m->head_len = b->opened.len;
	memcpy(m->head, b->opened.head, b->opened.len);
	memcpy(m->recording, recording->data, recording->len);
	b->single = true;
	session_bundle_commit(b);
}

// Its bytes still count for the switch.
void session_bundle_detach(struct session_bundle *b)
{
	event_free(b->timer);
	b->timer = NULL;
	LIST_REMOVE(b, link);
	b->conn->bundles.count--;
	b->conn->bundles.bytes -= b->bytes;
}

void session_bundle_free(struct session_bundle *b)
{
	struct session_bundle_chunk *k;

	if (b->sw)
		b->sw->bundle_bytes -= b->bytes;
	while ((k = TAILQ_FIRST(&b->chunks))) {
		TAILQ_REMOVE(&b->chunks, k, link);
		free(k);
	}
	free(b);
}

void session_bundle_discard(struct session_bundle *b)
{
	session_bundle_detach(b);
	session_bundle_free(b);
}

void session_bundles_close(struct session_conn *c)
{
	while (!LIST_EMPTY(&c->bundles.list))
		session_bundle_discard(LIST_FIRST(&c->bundles.list));
}
