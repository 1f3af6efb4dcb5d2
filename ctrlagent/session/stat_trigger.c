// SPDX-License-Identifier: Apache-2.0
// A rule's statistics have reached a threshold (OpenFlow 1.5.1, 5.5, 7.2.5 and 7.3.5.3): a reply to
// OFPMP_FLOW_STATS that nobody asked for, with reason OFPFSR_STAT_TRIGGER. Earlier versions have no
// message for it.
#include "openflow/match.h"
#include "session/conn.h"
#include "session/dump.h"
#include "session/flow.h"

static void put_triggered(struct session_conn *c, const struct weft_flow_stats *s,
	struct of_span match, struct of_span oxs)
{
	struct of_writer list = {.version = c->version};
	const struct of_flow_counts one = {
		.table_id = s->table,
		.reason = OFPFSR_STAT_TRIGGER,
		.priority = s->priority,
		.match = match,
		.stats = oxs,
	};
	struct of_flow_counts_reply out = {.xid = 0};

	of_flow_counts_write(&list, &one);
	out.body = of_written(&list);
	of_flow_counts_reply_write(session_begin(c), &out);
	session_end(c);
	of_writer_free(&list);
}

static void send_triggered(struct session_conn *c, const struct dpc_flow *flow)
{
	struct of_writer match = {.version = c->version}, oxs = match;

	of_match_write(&match, &flow->match);
	session_put_oxs(&oxs, flow->stats);
	if (!of_writer_status(&match))
		put_triggered(c, flow->stats, of_written(&match), of_written(&oxs));
	of_writer_free(&match);
	of_writer_free(&oxs);
}

void session_flow_triggered(struct session_switch *sw, const struct dpc_flow *flow)
{
	struct session_conn *c;

	LIST_FOREACH (c, &sw->conns, link)
		if (c->version >= OF_VERSION_1_5 &&
			session_async_wanted(c, SESSION_ASYNC_FLOW_COUNTS, OFPFSR_STAT_TRIGGER))
			send_triggered(c, flow);
}
