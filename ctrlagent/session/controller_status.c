// SPDX-License-Identifier: Apache-2.0
#include "session/controller_status.h"

#include <stdio.h>

#include "session/dump.h"
#include "session/endpoint.h"
#include "session/handlers.h"

// One entry, and the property that it bears. The struct is good as long as this is.
struct entry {
	struct of_writer properties;
	struct of_controller_status_entry out;
};

static void entry_make(struct entry *e, const char *uri, uint8_t reason, bool up)
{
	const struct of_controller_status_prop_uri prop = {{(const uint8_t *)uri, strlen(uri)}};

	*e = (struct entry){
		.properties = {.version = OF_VERSION_1_5},
		.out =
			{
				.role = OFPCR_ROLE_NOCHANGE, // of a channel that is down
				.reason = reason,
				.channel_status = up ? OFPCT_STATUS_UP : OFPCT_STATUS_DOWN,
			},
	};
	of_controller_status_prop_uri_write(&e->properties, &prop);
	e->out.properties = of_written(&e->properties);
}

// As a target is written; who came in by a UNIX socket has no address to tell.
static const char *uri_of(const struct session_conn *c, char *room, size_t size)
{
	const struct session_target *t = &c->endpoint->target;

	if (!t->passive || t->transport == SESSION_TRANSPORT_UNIX)
		return c->peer;
	snprintf(room, size, "%s:%s", t->transport == SESSION_TRANSPORT_SSL ? "ssl" : "tcp",
		c->peer);
	return room;
}

static void entry_of_conn(struct entry *e, const struct session_conn *c, uint8_t reason, bool up)
{
	char room[sizeof(c->peer) + 4];

	entry_make(e, uri_of(c, room, sizeof(room)), reason, up);
	e->out.short_id = c->short_id;
	e->out.role = c->role;
}

static void entry_free(struct entry *e)
{
	of_writer_free(&e->properties);
}

static void tell(
	struct session_switch *sw, const struct session_conn *except, const struct entry *e)
{
	const struct of_controller_status m = {.status = e->out};
	struct session_conn *c;

	LIST_FOREACH (c, &sw->conns, link) {
		if (c == except || c->version < OF_VERSION_1_5 ||
			!session_async_wanted(c, SESSION_ASYNC_CONTROLLER_STATUS, e->out.reason))
			continue;
		of_controller_status_write(session_begin(c), &m);
		session_end(c);
	}
}

void session_controller_changed(const struct session_conn *c, uint8_t reason, bool up)
{
	struct entry e;

	entry_of_conn(&e, c, reason, up);
	tell(c->endpoint->sw, c, &e);
	entry_free(&e);
}

void session_controller_configured(const struct session_endpoint *endpoint, uint8_t reason)
{
	struct entry e;

	if (endpoint->target.passive)
		return;
	entry_make(&e, endpoint->target.text, reason, false);
	tell(endpoint->sw, NULL, &e);
	entry_free(&e);
}

static void put(struct session_dump *d, struct entry *e)
{
	of_controller_status_entry_write(&d->w, &e->out);
	session_dump_next(d);
	entry_free(e);
}

int session_handle_controllers(struct session_conn *c, struct session_request *rq)
{
	const struct session_switch *sw = c->sw;
	struct of_controllers_request in;
	const struct session_endpoint *endpoint;
	const struct session_conn *other;
	struct session_dump *d;
	struct entry e;

	if (of_controllers_request_read(&rq->r, &in))
		return -EBADMSG;
	d = session_dump_new(c, rq, OFPMP_CONTROLLER_STATUS);
	LIST_FOREACH (endpoint, &sw->endpoints, link)
		if (!endpoint->target.passive && endpoint->state != SESSION_CONNECTED) {
			entry_make(&e, endpoint->target.text, OFPCSR_REQUEST, false);
			put(d, &e);
		}
	LIST_FOREACH (other, &sw->conns, link)
		if (session_conn_is_up(other)) {
			entry_of_conn(&e, other, OFPCSR_REQUEST, true);
			put(d, &e);
		}
	session_dump_end(d, WEFT_E_NONE, "");
	return 0;
}
