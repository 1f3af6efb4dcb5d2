// SPDX-License-Identifier: Apache-2.0
// Bundles opened, closed, committed and discarded (OpenFlow 1.5.1, 7.3.9.2 to 7.3.9.6).
#include "session/bundle.h"
#include "session/conn.h"
#include "session/handlers.h"

static void reply(struct session_conn *c, uint32_t xid, uint32_t id, uint16_t request_type,
	uint16_t flags, bool onf)
{
	uint16_t type = (uint16_t)(request_type + 1);

	if (onf) {
		const struct of_onf_bundle_control out = {
			.xid = xid, .bundle_id = id, .type = type, .flags = flags};

		of_onf_bundle_control_write(session_begin(c), &out);
	} else {
		const struct of_bundle_control out = {
			.xid = xid, .bundle_id = id, .type = type, .flags = flags};

		of_bundle_control_write(session_begin(c), &out);
	}
	session_end(c);
}

void session_bundle_reply(
	const struct session_bundle *b, const struct session_quote *q, uint16_t request_type)
{
	reply(b->conn, of_load32(q->head + 4), b->id, request_type, b->flags, b->onf);
}

// A bundle that is asked for wrongly is gone.
static int spoil(struct session_bundle *b, struct session_request *rq, uint16_t code)
{
	session_bundle_discard(b);
	return session_bundle_fail(rq, code);
}

static int open_bundle(
	struct session_conn *c, struct session_request *rq, uint32_t id, uint16_t flags, bool onf)
{
	struct session_bundle *b = session_bundle_find(c, id);

	if (b)
		return spoil(b, rq, OFPBFC_BAD_ID);
	if (!session_bundle_open(c, id, flags, onf, rq))
		return session_bundle_fail(rq, OFPBFC_OUT_OF_BUNDLES);
	reply(c, rq->xid, id, OFPBCT_OPEN_REQUEST, flags, onf);
	return 0;
}

static int close_bundle(struct session_bundle *b, struct session_request *rq, uint16_t flags)
{
	if (b->state == SESSION_BUNDLE_CLOSED)
		return spoil(b, rq, OFPBFC_BUNDLE_CLOSED);
	if (b->flags != flags)
		return spoil(b, rq, OFPBFC_BAD_FLAGS);
	b->state = SESSION_BUNDLE_CLOSED;
	reply(b->conn, rq->xid, b->id, OFPBCT_CLOSE_REQUEST, flags, b->onf);
	return 0;
}

static int commit_bundle(struct session_bundle *b, struct session_request *rq, uint16_t flags,
	struct of_span properties)
{
	if (b->flags != (flags & ~OFPBF_TIME))
		return spoil(b, rq, OFPBFC_BAD_FLAGS);
	session_quote(&b->commit, rq);
	if (flags & OFPBF_TIME)
		return session_bundle_schedule(b, rq, properties);
	session_bundle_commit(b);
	return 0;
}

static int discard_bundle(struct session_bundle *b, struct session_request *rq)
{
	struct session_conn *c = b->conn;
	uint16_t flags = b->flags;
	uint32_t id = b->id;
	bool onf = b->onf;

	session_bundle_discard(b);
	reply(c, rq->xid, id, OFPBCT_DISCARD_REQUEST, flags, onf);
	return 0;
}

static uint16_t known_flags(uint8_t version, uint16_t type)
{
	// A time belongs to the commit alone, but who announces it when opening is understood.
	bool time = version >= 6 && type != OFPBCT_DISCARD_REQUEST;

	return OFPBF_ATOMIC | OFPBF_ORDERED | (time ? OFPBF_TIME : 0);
}

int session_bundle_check_properties(struct session_request *rq, struct of_span properties)
{
	struct of_reader it = of_list(properties, rq->r.version);
	struct of_bundle_prop p;

	while (of_bundle_prop_next(&it, &p))
		;
	return it.failed ? of_fail_error(&rq->r, it.error) : 0;
}

static int control(struct session_conn *c, struct session_request *rq, uint32_t id, uint16_t type,
	uint16_t flags, struct of_span properties, bool onf)
{
	struct session_bundle *b = session_bundle_find(c, id);
	uint16_t plain = flags & (uint16_t)~OFPBF_TIME;

	if (type > OFPBCT_DISCARD_REQUEST || type % 2)
		return session_bundle_fail(rq, OFPBFC_BAD_TYPE);
	if (flags & ~known_flags(c->version, type))
		return session_bundle_fail(rq, OFPBFC_BAD_FLAGS);
	if (session_bundle_check_properties(rq, properties))
		return -EBADMSG;
	if (type == OFPBCT_OPEN_REQUEST)
		return open_bundle(c, rq, id, plain, onf);
	if (!b)
		return session_bundle_fail(rq, OFPBFC_BAD_ID);
	if (type == OFPBCT_DISCARD_REQUEST)
		return discard_bundle(b, rq);
	if (b->state == SESSION_BUNDLE_SCHEDULED)
		return session_bundle_fail(rq, OFPBFC_BUNDLE_IN_PROGRESS);
	if (type == OFPBCT_CLOSE_REQUEST)
		return close_bundle(b, rq, plain);
	return commit_bundle(b, rq, flags, properties);
}

int session_handle_bundle_control(struct session_conn *c, struct session_request *rq)
{
	struct of_bundle_control in;

	if (of_bundle_control_read(&rq->r, &in))
		return -EBADMSG;
	return control(c, rq, in.bundle_id, in.type, in.flags, in.properties, false);
}

int session_handle_onf_bundle_control(struct session_conn *c, struct session_request *rq)
{
	struct of_onf_bundle_control in;

	if (of_onf_bundle_control_read(&rq->r, &in))
		return -EBADMSG;
	return control(c, rq, in.bundle_id, in.type, in.flags, in.properties, true);
}
