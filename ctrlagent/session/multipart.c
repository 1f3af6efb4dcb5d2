// SPDX-License-Identifier: Apache-2.0
#include "session/multipart.h"

#include <stdlib.h>

#include "session/conn.h"

#define HEADER 16u // ofp_multipart_request without its body

// From 1.4 on a request whose next part does not come is given up, and that is told (1.4.1, 7.3.5:
// not before 100 ms).
#define WAIT_S 1

void session_multipart_stop(struct session_multipart *m)
{
	if (m->timer)
		event_free(m->timer);
	m->timer = NULL;
}

void session_multipart_free(struct session_multipart *m)
{
	session_multipart_stop(m);
	free(m->joined);
	*m = (struct session_multipart){0};
}

static void wait_for_more(struct session_conn *c)
{
	static const struct timeval wait = {.tv_sec = WAIT_S};

	evtimer_add(c->multipart.timer, &wait);
}

// While the session is paused it is we who do not listen.
static void on_timeout(evutil_socket_t fd, short what, void *arg)
{
	const struct of_error error = {OFPET_BAD_REQUEST, OFPBRC_MULTIPART_REQUEST_TIMEOUT, 0};
	struct session_conn *c = arg;
	struct session_multipart *m = &c->multipart;

	if (c->pauses) {
		wait_for_more(c);
		return;
	}
	session_error_send(c, error, m->joined, m->len < SESSION_HEAD ? m->len : SESSION_HEAD);
	session_multipart_free(m);
}

static void start_waiting(struct session_conn *c)
{
	if (c->version < OF_VERSION_1_4)
		return;
	if (!c->multipart.timer)
		c->multipart.timer = evtimer_new(c->sw->base, on_timeout, c);
	wait_for_more(c);
}

static uint16_t flags_of(const uint8_t *msg)
{
	return of_load16(msg + 10);
}

// The same request: version, type, xid and multipart type.
static bool continues(const struct session_multipart *m, const uint8_t *msg)
{
	return m->joined[1] == msg[1] && memcmp(m->joined + 4, msg + 4, 6) == 0;
}

static int overflow(struct session_multipart *m, struct session_request *rq)
{
	session_multipart_free(m);
	return of_fail(&rq->r, OFPET_BAD_REQUEST, OFPBRC_MULTIPART_BUFFER_OVERFLOW);
}

static int keep(struct session_multipart *m, const uint8_t *p, size_t n)
{
	uint8_t *joined;

	if (m->len + n > UINT16_MAX)
		return -EMSGSIZE;
	joined = realloc(m->joined, m->len + n);
	if (!joined)
		return -ENOMEM;
	memcpy(joined + m->len, p, n);
	m->joined = joined;
	m->len += n;
	return 0;
}

int session_multipart_assemble(struct session_conn *c, struct session_request *rq)
{
	struct session_multipart *m = &c->multipart;
	bool more;

	// In 1.0 a request has no more parts (1.0.2, 5.3.5).
	if (c->version == OF_VERSION_1_0 || rq->msg[1] != OFPT_MULTIPART_REQUEST ||
		rq->len < HEADER)
		return 0;
	more = flags_of(rq->msg) & OFPMPF_REQ_MORE;
	if (!m->joined && !more)
		return 0;
	if (m->joined && !continues(m, rq->msg))
		return more ? overflow(m, rq) : 0;
	if (!m->joined ? keep(m, rq->msg, rq->len) : keep(m, rq->msg + HEADER, rq->len - HEADER))
		return overflow(m, rq);
	if (more) {
		start_waiting(c);
		return 1;
	}
	session_multipart_stop(m);
	of_store16(m->joined + 2, (uint16_t)m->len);
	of_store16(m->joined + 10, 0);
	rq->msg = m->joined;
	rq->len = m->len;
	rq->r = of_reader(rq->msg, rq->len, c->version);
	return 0;
}
