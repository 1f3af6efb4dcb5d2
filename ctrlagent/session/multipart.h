// SPDX-License-Identifier: Apache-2.0
#pragma once
// Multipart requests in several messages (OpenFlow 1.3.5, 7.3.5): those with OFPMPF_REQ_MORE are
// kept and joined with the last one, whose handler then sees a single message. No joined request
// may be longer than a message can, and no session may have more than one unfinished; who tries
// draws OFPBRC_MULTIPART_BUFFER_OVERFLOW, and what was kept is forgotten.

#include <stddef.h>
#include <stdint.h>

struct event;
struct session_conn;
struct session_request;

struct session_multipart {
	uint8_t *joined; // NULL: nothing unfinished
	size_t len;
	struct event *timer; // until it is given up; NULL: none was needed yet
};

// 0: *rq is ready to be handled, having been changed to the joined request if there were parts; 1:
// kept, nothing to do yet; -EBADMSG: refused, rq->r says why.
int session_multipart_assemble(struct session_conn *c, struct session_request *rq);
void session_multipart_free(struct session_multipart *m);
// The session is over: nothing is told any more. What is joined stays.
void session_multipart_stop(struct session_multipart *m);
