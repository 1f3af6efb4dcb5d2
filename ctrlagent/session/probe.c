// SPDX-License-Identifier: Apache-2.0
// Is the controller still there? Echo requests both ways (OpenFlow 1.3.5, 6.3.2 and 7.5.2).
//
// After inactivity_s without a message an echo request goes out; after as long again without any
// message the session ends. One that never says hello, or never gets as far as to say it (TCP or
// TLS hang half open), ends likewise.
#include "session/conn.h"
#include "session/handlers.h"

#define HELLO_S 10u // for hello, if inactivity_s is 0

static uint64_t received(const struct session_conn *c)
{
	return session_stream_stats(c->stream)->rx_messages;
}

// To the kernel, which takes no more when the peer does not read.
static uint64_t sent(const struct session_conn *c)
{
	return session_stream_stats(c->stream)->tx_bytes - session_stream_backlog(c->stream);
}

// While paused it is we who do not listen; but answers that nobody reads are the peer's silence.
static bool is_heard(const struct session_conn *c)
{
	bool reads = !session_stream_backlog(c->stream) || sent(c) != c->probe_sent;

	return received(c) != c->probe_seen || (c->pauses && reads);
}

static void arm(struct session_conn *c)
{
	uint32_t s = c->sw->set.inactivity_s;
	struct timeval interval = {.tv_sec = s ? s : HELLO_S};

	if (s || !c->version)
		evtimer_add(c->probe, &interval);
}

static void send_echo(struct session_conn *c)
{
	struct of_echo_request m = {0};

	c->probing = true;
	of_echo_request_write(session_begin(c), &m);
	session_end(c);
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
	struct session_conn *c = arg;

	if (!c->version) {
		session_stream_finish(c->stream,
			c->connected ? "no OFPT_HELLO in time" : "no connection in time");
		return;
	}
	if (is_heard(c)) {
		c->probing = false;
	} else if (c->probing) {
		session_stream_finish(c->stream, "inactive");
		return;
	} else {
		send_echo(c);
	}
	c->probe_seen = received(c);
	c->probe_sent = sent(c);
	arm(c);
}

void session_probe_start(struct session_conn *c)
{
	if (!c->probe)
		c->probe = evtimer_new(c->sw->base, on_timer, c);
	arm(c);
}

void session_probe_stop(struct session_conn *c)
{
	if (c->probe)
		event_free(c->probe);
	c->probe = NULL;
}

int session_handle_echo_request(struct session_conn *c, struct session_request *rq)
{
	struct of_echo_request in;
	struct of_echo_reply out = {.xid = rq->xid};

	if (of_echo_request_read(&rq->r, &in))
		return -EBADMSG;
	out.data = in.data;
	of_echo_reply_write(session_begin(c), &out);
	session_end(c);
	return 0;
}

// That it came is what was asked.
int session_handle_echo_reply(struct session_conn *c, struct session_request *rq)
{
	return 0;
}
