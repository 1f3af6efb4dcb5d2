// SPDX-License-Identifier: Apache-2.0
#define AGENT_LOG_MODULE "openflow"
#include "session/conn.h"

#include <stdio.h>
#include <stdlib.h>

#include "log.h"
#include "mem.h"
#include "session/controller_status.h"
#include "session/endpoint.h"
#include "session/snoop.h"
#include "uptime.h"

// What may be unread of all sessions together does not grow with their number.
static void share_unread(struct session_switch *sw)
{
	size_t most = session_stream_default_limits.out_hard;
	size_t part = SESSION_UNREAD_MAX / (sw->conn_count ? sw->conn_count : 1);

	sw->limits = session_stream_default_limits;
	sw->limits.out_hard = part < most ? part : most;
}

struct session_conn *session_conn_new(
	struct session_switch *sw, struct session_endpoint *endpoint, const char *peer)
{
	static uint32_t number;
	struct session_conn *c = agent_zalloc(sizeof(*c));

	number += number == UINT32_MAX ? 2 : 1;
	c->number = number;
	c->sw = sw;
	c->endpoint = endpoint;
	c->refs = 1;
	c->asked = dpc_place(sw->dpc); // of its switch, before it came
	c->share = session_share_ref(sw->share);
	c->role = OFPCR_ROLE_EQUAL;
	c->miss_send_len = SESSION_MISS_SEND_LEN;
	c->since = agent_seconds();
	session_bundles_init(&c->bundles);
	session_monitors_init(&c->monitors);
	snprintf(c->peer, sizeof(c->peer), "%s", peer);
	LIST_INSERT_HEAD(&sw->conns, c, link);
	sw->conn_count++;
	share_unread(sw);
	return c;
}

struct session_conn *session_conn_ref(struct session_conn *c)
{
	c->refs++;
	return c;
}

void session_conn_unref(struct session_conn *c)
{
	if (--c->refs)
		return;
	session_pending_pool_free(&c->pool);
	session_multipart_free(&c->multipart);
	session_share_unref(c->share);
	of_writer_free(&c->out);
	free(c);
}

void session_conn_close(struct session_conn *c)
{
	struct session_switch *sw = c->sw;
	bool was_up = session_conn_is_up(c);

	LIST_REMOVE(c, link);
	sw->conn_count--;
	share_unread(sw);
	session_probe_stop(c);
	session_multipart_stop(&c->multipart);
	session_bundles_close(c);
	session_monitors_close(c);
	if (c->dump)
		dpc_dump_cancel(c->dump);
	session_stream_free(c->stream);
	c->stream = NULL;
	c->sw = NULL;
	c->barrier_done = false;
	if (was_up) {
		session_controller_changed(c, OFPCSR_CHANNEL_STATUS, false);
		session_switch_down(sw);
	}
	session_conn_unref(c);
}

static void on_open(void *arg)
{
	struct session_conn *c = arg;

	c->connected = true;
	c->since = agent_seconds();
	session_hello_send(c);
	session_probe_start(c);
	if (session_bundle_is_committing(c->sw))
		session_conn_pause(c, SESSION_PAUSE_BUNDLE);
}

static void on_message(void *arg, const uint8_t *msg, size_t len)
{
	struct session_conn *c = arg;
	struct session_request rq = {.msg = msg, .len = len, .xid = of_load32(msg + 4)};
	uint32_t place = dpc_place(c->sw->dpc);

	dpc_asked(c->sw->dpc);
	session_conn_ref(c); // a handler may end it
	if (!c->version) {
		session_hello_receive(c, &rq);
	} else {
		session_snoop_tell(c->sw, msg, len);
		session_dispatch(c, &rq);
	}
	if (c->sw && dpc_place(c->sw->dpc) != place)
		c->asked = dpc_place(c->sw->dpc);
	session_conn_unref(c);
}

static void on_sent(void *arg, const void *msg, size_t len)
{
	struct session_conn *c = arg;

	if (c->version && c->sw)
		session_snoop_tell(c->sw, msg, len);
}

// While a bundle of its switch is committed. Nothing can be asked for that would come before it,
// but who has nothing under way need not wait to be told so (1.3.5, 6.1.5 of barriers).
static bool on_gate(void *arg, const uint8_t *msg, size_t len)
{
	const struct session_conn *c = arg;
	struct of_reader r = of_reader(msg, len, c->version);
	struct of_error error;

	if (!c->version || msg[0] != c->version)
		return false;
	switch (of_message_peek(&r, &error)) {
	case OF_ECHO_REQUEST:
	case OF_ECHO_REPLY:
		return true;
	case OF_BARRIER_REQUEST:
		return !c->pool.under_way && !session_bundle_is_of(c);
	default:
		return false;
	}
}

static void on_bad_frame(void *arg, const uint8_t header[8])
{
	struct session_conn *c = arg;

	session_error_send(c, (struct of_error){OFPET_BAD_REQUEST, OFPBRC_BAD_LEN, 0}, header, 8);
}

static void on_drained(void *arg)
{
	struct session_conn *c = arg;

	if (c->dump)
		dpc_dump_resume(c->dump);
	session_monitors_drained(c);
}

static void on_closed(void *arg, const char *why)
{
	struct session_conn *c = arg;
	struct session_endpoint *e = c->endpoint;

	if (c->version)
		log_debug("%s: session with %s is over: %s", c->sw->set.tenant_name, c->peer, why);
	session_conn_close(c);
	session_endpoint_lost(e, why);
}

const struct session_stream_ops session_conn_ops = {
	.open = on_open,
	.message = on_message,
	.passes = on_gate,
	.sent = on_sent,
	.bad_frame = on_bad_frame,
	.drained = on_drained,
	.closed = on_closed,
};

void session_conn_pause(struct session_conn *c, unsigned why)
{
	c->pauses |= why;
	if (c->stream && why == SESSION_PAUSE_BUNDLE)
		session_stream_gate(c->stream, true);
	else if (c->stream)
		session_stream_pause(c->stream);
}

void session_conn_resume(struct session_conn *c, unsigned why)
{
	c->pauses &= ~why;
	if (c->stream && !(c->pauses & SESSION_PAUSE_BUNDLE))
		session_stream_gate(c->stream, false);
	if (c->stream && !(c->pauses & ~SESSION_PAUSE_BUNDLE))
		session_stream_resume(c->stream);
}

struct of_writer *session_begin(struct session_conn *c)
{
	of_writer_reset(&c->out);
	c->out.version = c->version ? c->version : session_highest_version(SESSION_VERSIONS);
	return &c->out;
}

void session_end(struct session_conn *c)
{
	if (c->stream && !of_writer_status(&c->out))
		session_stream_send(c->stream, c->out.data, c->out.len);
}

void session_end_now(struct session_conn *c)
{
	if (c->stream && !of_writer_status(&c->out))
		session_stream_send_now(c->stream, c->out.data, c->out.len);
}

bool session_end_offer(struct session_conn *c)
{
	return c->stream && !of_writer_status(&c->out) &&
	       session_stream_offer(c->stream, c->out.data, c->out.len);
}
