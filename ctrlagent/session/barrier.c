// SPDX-License-Identifier: Apache-2.0
#include "session/barrier.h"

#include "session/conn.h"
#include "session/handlers.h"

static void reply(struct session_conn *c, uint32_t xid)
{
	struct of_barrier_reply out = {.xid = xid};

	of_barrier_reply_write(session_begin(c), &out);
	session_end_now(c);
	if (c->sw)
		dpc_replied(c->sw->dpc);
}

void session_barrier_check(struct session_conn *c)
{
	if (!c->barrier_done || c->pool.under_way || c->behind)
		return;
	c->barrier_done = false;
	reply(c, c->barrier_xid);
	session_conn_resume(c, SESSION_PAUSE_BARRIER);
}

void session_barrier_busy(struct session_switch *sw, bool busy)
{
	struct session_conn *c, *next;

	for (c = LIST_FIRST(&sw->conns); c; c = next) {
		next = LIST_NEXT(c, link);
		if (busy)
			c->behind |= c->pool.under_way != 0;
		else
			c->behind = false;
		session_barrier_check(c);
	}
}

// An error means that the data plane is gone: no reply then, for nobody knows what is done. The
// session is about to be closed.
static void on_done(void *arg, enum weft_error error, const char *text)
{
	struct session_conn *c = arg;

	c->barrier_done = error == WEFT_E_NONE;
	session_barrier_check(c);
	session_conn_unref(c);
}

// Nothing that it has asked for is under way, nor is what it may be told of it: flow monitors are
// told after the request is settled.
static bool is_up_to_date(const struct session_conn *c)
{
	return dpc_is_up(c->sw->dpc) && dpc_is_through(c->sw->dpc, c->asked) &&
	       !c->pool.under_way && !c->behind && LIST_EMPTY(&c->monitors.list);
}

int session_handle_barrier(struct session_conn *c, struct session_request *rq)
{
	struct of_barrier_request in;

	if (of_barrier_request_read(&rq->r, &in))
		return -EBADMSG;
	if (is_up_to_date(c)) {
		reply(c, rq->xid);
		return 0;
	}
	c->barrier_xid = rq->xid;
	session_conn_pause(c, SESSION_PAUSE_BARRIER);
	dpc_barrier(c->sw->dpc, on_done, session_conn_ref(c));
	return 0;
}
