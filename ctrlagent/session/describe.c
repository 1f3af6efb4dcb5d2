// SPDX-License-Identifier: Apache-2.0
// A switch's controllers and sessions for `weft switch show`, as agent.h says, and counters
// besides.
#include <stdio.h>

#include "session/conn.h"
#include "session/endpoint.h"
#include "uptime.h"

static const char *role_name(uint8_t role)
{
	switch (role) {
	case OFPCR_ROLE_MASTER:
		return "master";
	case OFPCR_ROLE_SLAVE:
		return "slave";
	default:
		return "equal";
	}
}

static const char *version_name(uint8_t version)
{
	static const char *const names[] = {[1] = "1.0", [4] = "1.3", [5] = "1.4", [6] = "1.5"};

	return version < sizeof(names) / sizeof(names[0]) && names[version] ? names[version] : "?";
}

static json_t *describe_conn(const struct session_conn *c)
{
	const struct session_stream_stats *s = session_stream_stats(c->stream);

	return json_pack("{s:s, s:s, s:s, s:s, s:s, s:I, s:I, s:I, s:I, s:I, s:I}", "target",
		c->endpoint->target.text, "state", "connected", "role", role_name(c->role),
		"version", version_name(c->version), "peer", c->peer, "since_s",
		(json_int_t)(agent_seconds() - c->since), "received", (json_int_t)s->rx_messages,
		"sent", (json_int_t)s->tx_messages, "shed", (json_int_t)s->shed, "throttled",
		(json_int_t)s->throttled, "backlog_bytes",
		(json_int_t)session_stream_backlog(c->stream));
}

static json_t *describe_endpoint(const struct session_endpoint *e)
{
	json_t *o = json_pack("{s:s, s:s, s:I}", "target", e->target.text, "state",
		session_endpoint_state_name(e->state), "since_s",
		(json_int_t)(agent_seconds() - e->since));

	if (o && e->last_error[0])
		json_object_set_new(o, "last_error", json_string(e->last_error));
	return o;
}

json_t *session_switch_describe(const struct session_switch *sw)
{
	const struct session_endpoint *e;
	const struct session_conn *c;
	json_t *list = json_array();
	char dpid[17];

	LIST_FOREACH (e, &sw->endpoints, link)
		if (e->state != SESSION_CONNECTED)
			json_array_append_new(list, describe_endpoint(e));
	LIST_FOREACH (c, &sw->conns, link)
		if (session_conn_is_up(c))
			json_array_append_new(list, describe_conn(c));
	snprintf(dpid, sizeof(dpid), "%016llx", (unsigned long long)sw->set.dpid);
	return json_pack("{s:s, s:o, s:I, s:I, s:I, s:I}", "dpid", dpid, "controllers", list,
		"connections_refused", (json_int_t)sw->refused, "packet_ins_shed",
		(json_int_t)sw->punt_shed, "snoopers", (json_int_t)sw->snooper_count, "snoop_shed",
		(json_int_t)sw->snoop_shed);
}
