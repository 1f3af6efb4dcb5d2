// SPDX-License-Identifier: Apache-2.0
// Messages into a bundle (OpenFlow 1.5.1, 7.3.9.7).
#include <stdlib.h>

#include "session/bundle.h"
#include "session/conn.h"
#include "session/handlers.h"

#define FLAGS (OFPBF_ATOMIC | OFPBF_ORDERED)

// What the data plane can undo, or do after all else.
static session_handler *handler_of(enum of_message_kind kind)
{
	switch (kind) {
	case OF_FLOW_MOD:
		return session_handle_flow_mod;
	case OF_GROUP_MOD:
		return session_handle_group_mod;
	case OF_METER_MOD:
		return session_handle_meter_mod;
	case OF_PORT_MOD:
		return session_handle_port_mod;
	case OF_PACKET_OUT:
		return session_handle_packet_out;
	default:
		return NULL;
	}
}

// The bundle that is meant, opened if need be. NULL: rq->r says why not.
static struct session_bundle *target(
	struct session_conn *c, struct session_request *rq, uint32_t id, uint16_t flags, bool onf)
{
	struct session_bundle *b = session_bundle_find(c, id);
	uint16_t code = OFPBFC_OUT_OF_BUNDLES;

	if (flags & ~(unsigned)FLAGS) {
		code = OFPBFC_BAD_FLAGS;
	} else if (!b) {
		b = session_bundle_open(c, id, flags, onf, rq);
		if (b)
			return b;
	} else if (b->state == SESSION_BUNDLE_SCHEDULED) {
		session_bundle_fail(rq, OFPBFC_BUNDLE_IN_PROGRESS);
		return NULL;
	} else if (b->state == SESSION_BUNDLE_CLOSED) {
		code = OFPBFC_BUNDLE_CLOSED;
	} else if (b->flags != flags) {
		code = OFPBFC_BAD_FLAGS;
	} else {
		return b;
	}
	if (b)
		session_bundle_discard(b);
	session_bundle_fail(rq, code);
	return NULL;
}

// What the handler of a message asked for, written down.
static int record(struct session_conn *c, struct session_request *inner,
	struct dpc_recording *recording, session_handler *handle)
{
	int status;

	recording->len = 0;
	c->bundles.recording = true;
	dpc_record(c->sw->dpc, recording);
	status = handle(c, inner);
	dpc_record(c->sw->dpc, NULL);
	c->bundles.recording = false;
	return status;
}

static int check(
	const struct session_conn *c, struct session_request *rq, struct session_request *inner)
{
	struct of_error error;
	enum of_message_kind kind;

	if (inner->xid != rq->xid)
		return session_bundle_fail(rq, OFPBFC_MSG_BAD_XID);
	if (inner->msg[0] != c->version)
		return of_fail(&rq->r, OFPET_BAD_REQUEST, OFPBRC_BAD_VERSION);
	kind = of_message_peek(&inner->r, &error);
	if (kind == OF_MESSAGE_NONE)
		return of_fail_error(&rq->r, error);
	return handler_of(kind) ? (int)kind : session_bundle_fail(rq, OFPBFC_MSG_UNSUP);
}

// Its own errors quote the message within.
static int take(struct session_bundle *b, struct session_request *rq, struct session_request *inner)
{
	static struct dpc_recording recording; // one thread, one message at a time
	struct session_conn *c = b->conn;
	struct session_bundle_message *m;
	struct session_quote quote;
	int kind = check(c, rq, inner);

	if (kind < 0)
		return kind;
	session_quote(&quote, inner);
	if (record(c, inner, &recording, handler_of((enum of_message_kind)kind))) {
		session_error_send(c, inner->r.error, quote.head, quote.len);
		return 0;
	}
	m = session_bundle_put(b, recording.len);
	if (!m)
		return session_bundle_fail(rq, OFPBFC_MSG_TOO_MANY);
	m->head_len = quote.len;
	memcpy(m->head, quote.head, quote.len);
	memcpy(m->recording, recording.data, recording.len);
	return 0;
}

static int add(struct session_conn *c, struct session_request *rq, uint32_t id, uint16_t flags,
	struct of_span message, bool onf)
{
	struct session_request inner = {
		.msg = message.p,
		.len = message.len,
		.xid = of_load32(message.p + 4),
		.r = of_reader(message.p, message.len, c->version),
	};
	struct session_bundle *b = target(c, rq, id, flags, onf);

	return b ? take(b, rq, &inner) : -EBADMSG;
}

// The message within says how long it is; what does not fit has a code of its own.
static int check_length(struct session_request *rq, size_t at)
{
	size_t len;

	if (rq->len < at + 8)
		return session_bundle_fail(rq, OFPBFC_MSG_BAD_LEN);
	len = of_load16(rq->msg + at + 2);
	return len < 8 || len > rq->len - at ? session_bundle_fail(rq, OFPBFC_MSG_BAD_LEN) : 0;
}

int session_handle_bundle_add(struct session_conn *c, struct session_request *rq)
{
	struct of_bundle_add in;

	if (check_length(rq, 16) || of_bundle_add_read(&rq->r, &in) ||
		session_bundle_check_properties(rq, in.properties))
		return -EBADMSG;
	return add(c, rq, in.bundle_id, in.flags, in.message, false);
}

int session_handle_onf_bundle_add(struct session_conn *c, struct session_request *rq)
{
	struct of_onf_bundle_add in;

	if (check_length(rq, 24) || of_onf_bundle_add_read(&rq->r, &in) ||
		session_bundle_check_properties(rq, in.properties))
		return -EBADMSG;
	return add(c, rq, in.bundle_id, in.flags, in.message, true);
}
