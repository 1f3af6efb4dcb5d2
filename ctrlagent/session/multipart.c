// SPDX-License-Identifier: Apache-2.0
#include "session/multipart.h"

#include <stdlib.h>

#include "session/conn.h"

#define HEADER 16u // ofp_multipart_request without its body

void session_multipart_free(struct session_multipart *m)
{
	free(m->joined);
	*m = (struct session_multipart){0};
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
	if (more)
		return 1;
	of_store16(m->joined + 2, (uint16_t)m->len);
	of_store16(m->joined + 10, 0);
	rq->msg = m->joined;
	rq->len = m->len;
	rq->r = of_reader(rq->msg, rq->len, c->version);
	return 0;
}
