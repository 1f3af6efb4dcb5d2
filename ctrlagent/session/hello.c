// SPDX-License-Identifier: Apache-2.0
// Agreeing on a version (OpenFlow 1.3.5, 6.3.1 and 7.5.1).
//
// Both sides say hello at once. If both hellos have a version bitmap, the highest common version is
// it; else the lower of the two header versions, if both know that. If there is none, an error with
// an explanation goes out in our version and the session ends.
#include <stdio.h>

#include "session/conn.h"
#include "session/controller_status.h"
#include "session/endpoint.h"
#include "session/handlers.h"

static void put_bitmap(struct of_writer *w)
{
	struct of_writer words = {.version = w->version};
	const struct of_u32 word = {SESSION_VERSIONS};
	struct of_hello_elem elem = {.kind = OF_HELLO_ELEM_VERSIONBITMAP};

	of_u32_write(&words, &word);
	elem.versionbitmap.bitmaps = of_written(&words);
	of_hello_elem_write(w, &elem);
	of_writer_free(&words);
}

void session_hello_write(struct of_writer *w)
{
	struct of_writer elements = {.version = w->version};
	struct of_hello hello = {0};

	put_bitmap(&elements);
	hello.elements = of_written(&elements);
	of_hello_write(w, &hello);
	of_writer_free(&elements);
}

void session_hello_send(struct session_conn *c)
{
	session_hello_write(session_begin(c));
	session_end(c);
}

// The first word of a version bitmap; false if the hello has none.
static bool find_bitmap(struct of_span elements, uint8_t version, uint32_t *versions)
{
	struct of_reader it = of_list(elements, version);
	struct of_hello_elem e;

	while (of_hello_elem_next(&it, &e)) {
		struct of_reader words;
		struct of_u32 word;

		if (e.kind != OF_HELLO_ELEM_VERSIONBITMAP)
			continue;
		words = of_list(e.versionbitmap.bitmaps, version);
		if (of_u32_next(&words, &word)) {
			*versions = word.value;
			return true;
		}
	}
	return false;
}

// A hello that cannot be read still has a header, and that is enough (7.5.1: unknown and malformed
// elements are to be ignored).
static uint8_t negotiate(struct session_request *rq, uint32_t *theirs)
{
	uint8_t version = rq->msg[0], ours = session_highest_version(SESSION_VERSIONS);
	struct of_reader r = of_reader(rq->msg, rq->len, version);
	struct of_hello hello;

	if (of_hello_read(&r, &hello) == 0 && find_bitmap(hello.elements, version, theirs))
		return session_highest_version(*theirs & SESSION_VERSIONS);
	*theirs = version < 31 ? (1u << (version + 1)) - 2 : UINT32_MAX;
	version = version < ours ? version : ours;
	return version && SESSION_VERSIONS >> version & 1 ? version : 0;
}

static void fail(struct session_conn *c, const struct session_request *rq, uint16_t type,
	uint16_t code, const char *text)
{
	struct of_error_msg m = {
		.xid = rq->xid,
		.type = type,
		.code = code,
		.data = {(const uint8_t *)text, strlen(text)},
	};
	struct of_writer *w = session_begin(c);

	of_error_msg_write(w, &m);
	session_end(c);
	session_stream_finish(c->stream, text);
}

void session_hello_receive(struct session_conn *c, struct session_request *rq)
{
	uint32_t theirs = 0;
	uint8_t version;
	char text[96];

	if (rq->msg[1] != OFPT_HELLO) {
		fail(c, rq, OFPET_BAD_REQUEST, OFPBRC_BAD_TYPE, "expected OFPT_HELLO first");
		return;
	}
	version = negotiate(rq, &theirs);
	if (!version) {
		snprintf(text, sizeof(text),
			"no common version: wire versions here 0x%x, there 0x%x (bit n: version n)",
			SESSION_VERSIONS, theirs);
		fail(c, rq, OFPET_HELLO_FAILED, OFPHFC_INCOMPATIBLE, text);
		return;
	}
	c->version = version;
	session_async_init(&c->async, version);
	session_switch_up(c->sw);
	session_endpoint_up(c->endpoint);
	session_controller_changed(c, OFPCSR_CHANNEL_STATUS, true);
}

// Later hellos change nothing (7.5.1 gives them no meaning).
int session_handle_hello_again(struct session_conn *c, struct session_request *rq)
{
	return 0;
}
