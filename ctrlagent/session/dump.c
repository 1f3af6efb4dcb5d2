// SPDX-License-Identifier: Apache-2.0
#include "session/dump.h"

#include <stdlib.h>

#include "mem.h"
#include "openflow/oxm.h"

static int flush(void *arg, struct of_span message)
{
	struct session_dump *d = arg;

	if (!d->conn->stream)
		return -EPIPE;
	session_stream_send(d->conn->stream, message.p, message.len);
	return 0;
}

// Its message is yet to begin.
static struct session_dump *new_dump(struct session_conn *c, const struct session_request *rq)
{
	struct session_dump *d = agent_zalloc(sizeof(*d));

	d->conn = session_conn_ref(c);
	d->pending = session_pending_new(c, rq);
	d->w.version = c->version;
	session_conn_pause(c, SESSION_PAUSE_DUMP);
	return d;
}

static struct session_dump *flush_by_messages(struct session_dump *d)
{
	d->mp.flush = flush;
	d->mp.arg = d;
	return d;
}

struct session_dump *session_dump_new(
	struct session_conn *c, const struct session_request *rq, uint16_t type)
{
	struct session_dump *d = new_dump(c, rq);

	of_multipart_begin(&d->mp, &d->w, rq->xid, type);
	return flush_by_messages(d);
}

struct session_dump *session_dump_new_experimenter(struct session_conn *c,
	const struct session_request *rq, uint32_t experimenter, uint32_t exp_type)
{
	struct session_dump *d = new_dump(c, rq);

	of_multipart_begin_experimenter(&d->mp, &d->w, rq->xid, experimenter, exp_type);
	return flush_by_messages(d);
}

struct session_dump *session_dump_new_nicira(
	struct session_conn *c, const struct session_request *rq, uint32_t subtype)
{
	return session_dump_new_experimenter(c, rq, OF_EXPERIMENTER_NICIRA, subtype);
}

void session_dump_end(void *arg, enum weft_error error, const char *text)
{
	struct session_dump *d = arg;
	struct session_conn *c = d->conn;

	c->dump = NULL;
	if (!error) {
		if (d->finish)
			d->finish(d);
		of_multipart_end(&d->mp);
		if (of_writer_status(&d->w) && of_writer_status(&d->w) != -EPIPE)
			error = WEFT_E_NO_MEMORY;
	}
	free(d->extra);
	of_writer_free(&d->w);
	session_pending_done(d->pending, error, text);
	session_conn_resume(c, SESSION_PAUSE_DUMP);
	free(d);
	session_conn_unref(c);
}

void session_duration(uint64_t ns, uint32_t *sec, uint32_t *nsec)
{
	uint64_t s = ns / 1000000000u;

	*sec = s < UINT32_MAX ? (uint32_t)s : UINT32_MAX;
	*nsec = (uint32_t)(ns % 1000000000u);
}
