// SPDX-License-Identifier: Apache-2.0
#define AGENT_LOG_MODULE "openflow"
#include "session/snoop.h"

#include <stdlib.h>
#include <sys/un.h>
#include <unistd.h>

#include "log.h"
#include "mem.h"
#include "session/conn.h"
#include "session/descriptors.h"
#include "session/listener.h"
#include "session/target.h"

#define MGMT ".mgmt"
#define SNOOP ".snoop"

struct session_snoop {
	struct session_switch *sw;
	struct session_listener *listener;
};

struct session_snooper {
	LIST_ENTRY(session_snooper) link; // in sw->snoopers
	struct session_snoop *snoop;
	struct session_stream *stream;
};

static void snooper_free(struct session_snooper *s)
{
	LIST_REMOVE(s, link);
	s->snoop->sw->snooper_count--;
	session_stream_free(s->stream);
	free(s);
}

static void on_open(void *arg)
{
	struct session_snooper *s = arg;
	struct of_writer w = {.version = session_highest_version(SESSION_VERSIONS)};

	session_hello_write(&w);
	session_stream_send(s->stream, w.data, w.len);
	of_writer_free(&w);
}

static void on_message(void *arg, const uint8_t *msg, size_t len)
{
}

static void on_bad_frame(void *arg, const uint8_t header[8])
{
}

static void on_closed(void *arg, const char *why)
{
	snooper_free(arg);
}

static const struct session_stream_ops ops = {
	.open = on_open, .message = on_message, .bad_frame = on_bad_frame, .closed = on_closed};

static void on_accepted(void *arg, int fd, const char *peer)
{
	struct session_snoop *snoop = arg;
	struct session_switch *sw = snoop->sw;
	struct session_snooper *s;

	if (sw->snooper_count >= SESSION_SNOOPERS_MAX ||
		!session_descriptor_fits(fd, SESSION_DESCRIPTOR_SESSION)) {
		close(fd);
		return;
	}
	s = agent_zalloc(sizeof(*s));
	s->snoop = snoop;
	s->stream = session_stream_accept(sw->base, fd, NULL, &ops, s);
	if (!s->stream) {
		free(s);
		return;
	}
	LIST_INSERT_HEAD(&sw->snoopers, s, link);
	sw->snooper_count++;
}

// False: the name would be too long for a socket's.
static bool name_beside(struct session_target *t)
{
	struct sockaddr_un *un = (struct sockaddr_un *)&t->addr;
	size_t len = strlen(un->sun_path), end = strlen(MGMT);

	if (len > end && strcmp(un->sun_path + len - end, MGMT) == 0)
		len -= end;
	if (len + sizeof(SNOOP) > sizeof(un->sun_path))
		return false;
	strcpy(un->sun_path + len, SNOOP);
	t->addr_len = sizeof(*un);
	return true;
}

struct session_snoop *session_snoop_new(
	struct session_switch *sw, const struct session_target *target)
{
	struct session_snoop *snoop = agent_zalloc(sizeof(*snoop));
	struct session_target beside = *target;
	char why[160] = "its name would be too long";

	snoop->sw = sw;
	if (name_beside(&beside))
		snoop->listener = session_listener_new(
			sw->base, &beside, on_accepted, snoop, why, sizeof(why));
	if (snoop->listener)
		return snoop;
	log_warning("%s: no socket to look on at beside %s: %s", sw->set.tenant_name, target->text,
		why);
	free(snoop);
	return NULL;
}

void session_snoop_free(struct session_snoop *snoop)
{
	struct session_snooper *s, *next;

	if (!snoop)
		return;
	for (s = LIST_FIRST(&snoop->sw->snoopers); s; s = next) {
		next = LIST_NEXT(s, link);
		if (s->snoop == snoop)
			snooper_free(s);
	}
	session_listener_free(snoop->listener);
	free(snoop);
}

void session_snoop_repeat(struct session_switch *sw, const void *msg, size_t len)
{
	struct session_snooper *s;

	LIST_FOREACH (s, &sw->snoopers, link)
		if (!session_stream_offer(s->stream, msg, len))
			sw->snoop_shed++;
}
