// SPDX-License-Identifier: Apache-2.0
#include "session/share.h"

#include <stdlib.h>

#include "mem.h"
#include "session/conn.h"

struct session_share *session_share_new(struct session_switch *sw)
{
	struct session_share *s = agent_zalloc(sizeof(*s));

	s->sw = sw;
	s->refs = 1;
	return s;
}

struct session_share *session_share_ref(struct session_share *s)
{
	s->refs++;
	return s;
}

void session_share_unref(struct session_share *s)
{
	if (s && --s->refs == 0)
		free(s);
}

void session_share_take(struct session_share *s, unsigned weight)
{
	s->weight += weight;
	s->spent |= s->weight >= SESSION_SHARE;
}

void session_share_give_back(struct session_share *s, unsigned weight)
{
	struct session_conn *c;

	s->weight -= weight;
	if (!s->spent || s->weight > SESSION_SHARE / 2)
		return;
	s->spent = false;
	if (!s->sw)
		return;
	LIST_FOREACH (c, &s->sw->conns, link)
		session_conn_resume(c, SESSION_PAUSE_SHARE);
}
