// SPDX-License-Identifier: Apache-2.0
// What becomes of rules in time (OpenFlow 1.3.5, 7.4.2; 1.5.1, 7.4.2; 1.0.2, 5.4.3; and Nicira's
// NXT_FLOW_REMOVED).
#include "openflow/match.h"
#include "openflow/oxs.h"
#include "session/conn.h"
#include "session/dump.h"
#include "session/flow.h"

uint8_t session_removed_reason(uint8_t version, uint8_t reason)
{
	uint8_t last = version >= OF_VERSION_1_4   ? OFPRR_EVICTION
		       : version >= OF_VERSION_1_3 ? OFPRR_GROUP_DELETE
						   : OFPRR_DELETE;

	return reason <= last ? reason : OFPRR_DELETE;
}

static void put_removed(struct session_conn *c, const struct dpc_flow *flow, struct of_span match)
{
	const struct weft_flow_stats *s = flow->stats;
	struct of_writer oxs = {.version = c->version};
	struct of_flow_removed out = {
		.cookie = s->cookie,
		.priority = s->priority,
		.reason = session_removed_reason(c->version, s->reason),
		.table_id = s->table,
		.idle_timeout = s->idle_timeout,
		.hard_timeout = s->hard_timeout,
		.packet_count = s->packets,
		.byte_count = s->bytes,
		.match = match,
	};

	session_duration(s->duration_ns, &out.duration_sec, &out.duration_nsec);
	if (c->version >= OF_VERSION_1_5)
		session_put_oxs(&oxs, s);
	out.stats = of_written(&oxs);
	of_flow_removed_write(session_begin(c), &out);
	session_end(c);
	of_writer_free(&oxs);
}

static void put_removed_nx(
	struct session_conn *c, const struct dpc_flow *flow, struct of_span match)
{
	const struct weft_flow_stats *s = flow->stats;
	struct of_nicira_flow_removed out = {
		.cookie = s->cookie,
		.priority = s->priority,
		.reason = session_removed_reason(c->version, s->reason),
		.table_id = (uint8_t)(s->table + 1),
		.idle_timeout = s->idle_timeout,
		.packet_count = s->packets,
		.byte_count = s->bytes,
		.match = match,
	};

	session_duration(s->duration_ns, &out.duration_sec, &out.duration_nsec);
	of_nicira_flow_removed_write(session_begin(c), &out);
	session_end(c);
}

static void send_removed(struct session_conn *c, const struct dpc_flow *flow)
{
	bool nxm = c->version == OF_VERSION_1_0 && c->nxm;
	struct of_writer match = {.version = c->version};

	nxm ? of_nxm_write(&match, &flow->match) : of_match_write(&match, &flow->match);
	if (!of_writer_status(&match))
		(nxm ? put_removed_nx : put_removed)(c, flow, of_written(&match));
	of_writer_free(&match);
}

void session_flow_removed(struct session_switch *sw, const struct dpc_flow *flow)
{
	struct session_conn *c;

	LIST_FOREACH (c, &sw->conns, link)
		if (session_async_wanted(c, SESSION_ASYNC_FLOW_REMOVED,
			    session_removed_reason(c->version, flow->stats->reason)))
			send_removed(c, flow);
}
