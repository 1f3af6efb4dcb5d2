// SPDX-License-Identifier: Apache-2.0
#define AGENT_LOG_MODULE "openflow"
#include "session/endpoint.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "log.h"
#include "mem.h"
#include "session/conn.h"
#include "session/descriptors.h"
#include "session/listener.h"
#include "session/snoop.h"
#include "session/tls.h"
#include "uptime.h"

#define FIRST_BACKOFF_S 1u

const char *session_endpoint_state_name(enum session_endpoint_state state)
{
	static const char *const names[] = {
		[SESSION_IDLE] = "idle",
		[SESSION_CONNECTING] = "connecting",
		[SESSION_CONNECTED] = "connected",
		[SESSION_LISTENING] = "listening",
		[SESSION_BACKOFF] = "backoff",
	};

	return names[state];
}

static void enter(struct session_endpoint *e, enum session_endpoint_state state)
{
	e->state = state;
	e->since = agent_seconds();
}

// Once per cause, or a controller that is away for a day fills the log.
static void say(struct session_endpoint *e, const char *why)
{
	if (strcmp(why, e->last_error) != 0)
		log_warning("%s: %s: %s", e->sw->set.tenant_name, e->target.text, why);
	snprintf(e->last_error, sizeof(e->last_error), "%s", why);
}

static void back_off(struct session_endpoint *e, const char *why)
{
	struct timeval wait = {.tv_sec = e->backoff_s};
	uint32_t max = e->sw->set.max_backoff_s;

	say(e, why);
	enter(e, SESSION_BACKOFF);
	e->backoff_s = 2 * e->backoff_s < max ? 2 * e->backoff_s : max;
	if (e->backoff_s < FIRST_BACKOFF_S)
		e->backoff_s = FIRST_BACKOFF_S;
	evtimer_add(e->retry, &wait);
}

static struct session_tls *tls_of(const struct session_endpoint *e)
{
	if (e->target.transport != SESSION_TRANSPORT_SSL)
		return NULL;
	session_tls_refresh(e->sw->tls);
	return e->sw->tls;
}

static void connect_now(struct session_endpoint *e)
{
	char why[sizeof(e->last_error)];
	struct session_conn *c;

	if (!session_descriptor_left(SESSION_DESCRIPTOR_SESSION, why, sizeof(why))) {
		back_off(e, why);
		return;
	}
	c = session_conn_new(e->sw, e, e->target.text);
	c->stream =
		session_stream_connect(e->sw->base, &e->target, tls_of(e), &session_conn_ops, c);
	if (!c->stream) {
		session_conn_close(c);
		back_off(e, strerror(errno));
		return;
	}
	e->conn = c;
	session_stream_set_limits(c->stream, &e->sw->limits);
	session_probe_start(c);
	enter(e, SESSION_CONNECTING);
}

static bool may_keep(struct session_endpoint *e, int fd)
{
	if (e->sw->conn_count >= SESSION_CONNS_MAX)
		return false;
	if (session_descriptor_fits(fd, SESSION_DESCRIPTOR_SESSION))
		return true;
	say(e, "a controller was turned away: no file descriptor to spare (LimitNOFILE)");
	return false;
}

static void on_accepted(void *arg, int fd, const char *peer)
{
	struct session_endpoint *e = arg;
	struct session_conn *c;

	if (!may_keep(e, fd)) {
		e->sw->refused++;
		close(fd);
		return;
	}
	c = session_conn_new(e->sw, e, peer);
	c->stream = session_stream_accept(e->sw->base, fd, tls_of(e), &session_conn_ops, c);
	if (!c->stream) {
		session_conn_close(c);
		return;
	}
	session_stream_set_limits(c->stream, &e->sw->limits);
	session_probe_start(c);
}

// Beside the listener; later, if others need the descriptors more.
static void let_look_on(struct session_endpoint *e)
{
	struct timeval wait = {.tv_sec = e->sw->set.max_backoff_s};
	char why[80];

	if (session_descriptor_left(SESSION_DESCRIPTOR_SNOOP, why, sizeof(why)))
		e->snoop = session_snoop_new(e->sw, &e->target);
	else
		evtimer_add(e->retry, &wait);
}

static void listen_now(struct session_endpoint *e)
{
	char why[sizeof(e->last_error)];

	if (session_descriptor_left(SESSION_DESCRIPTOR_LISTEN, why, sizeof(why)))
		e->listener = session_listener_new(
			e->sw->base, &e->target, on_accepted, e, why, sizeof(why));
	if (!e->listener) {
		back_off(e, why);
		return;
	}
	e->last_error[0] = 0;
	enter(e, SESSION_LISTENING);
	if (e->target.transport == SESSION_TRANSPORT_UNIX)
		let_look_on(e);
}

static void on_retry(evutil_socket_t fd, short what, void *arg)
{
	struct session_endpoint *e = arg;

	if (!e->target.passive)
		connect_now(e);
	else if (!e->listener)
		listen_now(e);
	else
		let_look_on(e);
}

struct session_endpoint *session_endpoint_new(
	struct session_switch *sw, const struct session_target *target)
{
	struct session_endpoint *e = agent_zalloc(sizeof(*e));

	e->sw = sw;
	e->target = *target;
	e->backoff_s = FIRST_BACKOFF_S;
	e->retry = evtimer_new(sw->base, on_retry, e);
	LIST_INSERT_HEAD(&sw->endpoints, e, link);
	enter(e, SESSION_IDLE);
	return e;
}

void session_endpoint_free(struct session_endpoint *e)
{
	session_endpoint_stop(e);
	LIST_REMOVE(e, link);
	event_free(e->retry);
	free(e);
}

// Through the event loop, in order not to surprise the caller.
void session_endpoint_start(struct session_endpoint *e)
{
	static const struct timeval now;

	if (e->state != SESSION_IDLE)
		return;
	e->backoff_s = FIRST_BACKOFF_S;
	enter(e, SESSION_CONNECTING);
	evtimer_add(e->retry, &now);
}

void session_endpoint_stop(struct session_endpoint *e)
{
	struct session_conn *c = LIST_FIRST(&e->sw->conns), *next;

	evtimer_del(e->retry);
	session_listener_free(e->listener);
	e->listener = NULL;
	session_snoop_free(e->snoop);
	e->snoop = NULL;
	for (; c; c = next) {
		next = LIST_NEXT(c, link);
		if (c->endpoint == e)
			session_conn_close(c);
	}
	e->conn = NULL;
	enter(e, SESSION_IDLE);
}

void session_endpoint_up(struct session_endpoint *e)
{
	e->backoff_s = FIRST_BACKOFF_S;
	e->last_error[0] = 0;
	if (!e->target.passive)
		enter(e, SESSION_CONNECTED);
	// ovs-ofctl comes and goes by passive targets, a thousand times in a script.
	agent_log(e->target.passive ? AGENT_LOG_DEBUG : AGENT_LOG_INFO, AGENT_LOG_MODULE,
		"%s: %s: connected", e->sw->set.tenant_name, e->target.text);
}

void session_endpoint_lost(struct session_endpoint *e, const char *why)
{
	if (e->target.passive) {
		snprintf(e->last_error, sizeof(e->last_error), "%s", why);
		return;
	}
	e->conn = NULL;
	back_off(e, why);
}
