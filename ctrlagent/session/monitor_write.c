// SPDX-License-Identifier: Apache-2.0
#include "openflow/actions.h"
#include "openflow/match.h"
#include "openflow/oxm.h"
#include "session/conn.h"
#include "session/dump.h"
#include "session/flow.h"
#include "session/nicira.h"

#define ONF_FLOW_MONITOR 1870u
#define MATCH_HEADER 4u // of an ofp_match: type and length

enum {
	NXFME_ADDED,
	NXFME_DELETED,
	NXFME_MODIFIED
};

static uint16_t nx_event(unsigned event)
{
	if (event == OFPFME_REMOVED)
		return NXFME_DELETED;
	return event == OFPFME_MODIFIED ? NXFME_MODIFIED : NXFME_ADDED;
}

static uint8_t reason_of(uint8_t version, const struct dpc_flow *flow, unsigned event)
{
	return event == OFPFME_REMOVED ? session_removed_reason(version, flow->stats->reason) : 0;
}

struct parts {
	struct of_span match;
	struct of_span instructions;
};

// Both lists, good until the next call; the match is one of TLVs in 1.0, too. 0 or the writer's
// error.
static int write_parts(
	uint8_t version, const struct dpc_flow *flow, bool instructions, struct parts *out)
{
	static struct of_writer w; // one thread, one rule at a time
	size_t match;

	of_writer_reset(&w);
	w.version = version;
	of_nxm_write(&w, &flow->match);
	match = w.len;
	if (instructions && flow->instructions)
		of_instructions_write(&w, flow->instructions);
	out->match = (struct of_span){w.data, match};
	out->instructions = (struct of_span){w.data + match, w.len - match};
	return of_writer_status(&w);
}

static void put_nx(
	struct of_writer *w, const struct dpc_flow *flow, unsigned event, const struct parts *parts)
{
	const struct weft_flow_stats *s = flow->stats;
	const struct of_nicira_flow_update_full out = {
		.kind = nx_event(event),
		.reason = reason_of(w->version, flow, event),
		.priority = s->priority,
		.idle_timeout = s->idle_timeout,
		.hard_timeout = s->hard_timeout,
		.table_id = s->table,
		.cookie = s->cookie,
		.match = parts->match,
		.actions = parts->instructions,
	};

	of_nicira_flow_update_full_write(w, &out);
}

static void put_onf(
	struct of_writer *w, const struct dpc_flow *flow, unsigned event, const struct parts *parts)
{
	const struct weft_flow_stats *s = flow->stats;
	const struct of_onf_flow_update_full out = {
		.kind = nx_event(event),
		.reason = reason_of(w->version, flow, event),
		.priority = s->priority,
		.idle_timeout = s->idle_timeout,
		.hard_timeout = s->hard_timeout,
		.match_len = (uint16_t)(MATCH_HEADER + parts->match.len),
		.table_id = s->table,
		.cookie = s->cookie,
		.match = parts->match,
		.instructions = parts->instructions,
	};

	of_onf_flow_update_full_write(w, &out);
}

static void put_late(
	struct of_writer *w, const struct dpc_flow *flow, unsigned event, const struct parts *parts)
{
	const struct weft_flow_stats *s = flow->stats;
	const struct of_flow_update_full out = {
		.kind = (uint16_t)event,
		.table_id = s->table,
		.reason = reason_of(w->version, flow, event),
		.idle_timeout = s->idle_timeout,
		.hard_timeout = s->hard_timeout,
		.priority = s->priority,
		.cookie = s->cookie,
		.match = parts->match,
		.instructions = parts->instructions,
	};

	of_flow_update_full_write(w, &out);
}

void session_monitor_put(
	struct of_writer *w, const struct dpc_flow *flow, unsigned event, bool instructions)
{
	struct parts parts;

	if (write_parts(w->version, flow, instructions, &parts))
		return; // the version has no words for this rule
	if (w->version == OF_VERSION_1_0)
		put_nx(w, flow, event, &parts);
	else if (w->version == OF_VERSION_1_3)
		put_onf(w, flow, event, &parts);
	else
		put_late(w, flow, event, &parts);
}

// ---- messages

struct session_dump *session_monitor_reply(struct session_conn *c, const struct session_request *rq)
{
	if (c->version == OF_VERSION_1_0)
		return session_dump_new_nicira(c, rq, SESSION_NXST_FLOW_MONITOR);
	if (c->version == OF_VERSION_1_3)
		return session_dump_new_experimenter(c, rq, OF_EXPERIMENTER_ONF, ONF_FLOW_MONITOR);
	return session_dump_new(c, rq, OFPMP_FLOW_MONITOR);
}

static struct of_writer *begin(struct session_conn *c, struct of_multipart *mp)
{
	struct of_writer *w = session_begin(c);

	if (c->version == OF_VERSION_1_0)
		of_multipart_begin_experimenter(
			mp, w, 0, OF_EXPERIMENTER_NICIRA, SESSION_NXST_FLOW_MONITOR);
	else if (c->version == OF_VERSION_1_3)
		of_multipart_begin_experimenter(mp, w, 0, OF_EXPERIMENTER_ONF, ONF_FLOW_MONITOR);
	else
		of_multipart_begin(mp, w, 0, OFPMP_FLOW_MONITOR);
	return w;
}

static void end(struct session_conn *c, struct of_multipart *mp)
{
	of_multipart_next(mp);
	of_multipart_end(mp);
	session_end(c);
}

void session_monitor_send(
	struct session_conn *c, const struct dpc_flow *flow, unsigned event, bool instructions)
{
	struct of_multipart mp;

	session_monitor_put(begin(c, &mp), flow, event, instructions);
	end(c, &mp);
}

void session_monitor_send_abbrev(struct session_conn *c, uint32_t xid)
{
	struct of_multipart mp;
	struct of_writer *w = begin(c, &mp);

	if (c->version == OF_VERSION_1_0)
		of_nicira_flow_update_abbrev_write(
			w, &(struct of_nicira_flow_update_abbrev){.xid = xid});
	else if (c->version == OF_VERSION_1_3)
		of_onf_flow_update_abbrev_write(w, &(struct of_onf_flow_update_abbrev){.xid = xid});
	else
		of_flow_update_abbrev_write(w, &(struct of_flow_update_abbrev){.xid = xid});
	end(c, &mp);
}

static void put_paused(struct of_writer *w, bool resumed)
{
	if (w->version == OF_VERSION_1_0 && resumed)
		of_nicira_flow_monitor_resumed_write(
			w, &(struct of_nicira_flow_monitor_resumed){0});
	else if (w->version == OF_VERSION_1_0)
		of_nicira_flow_monitor_paused_write(w, &(struct of_nicira_flow_monitor_paused){0});
	else if (resumed)
		of_onf_flow_monitor_resumed_write(w, &(struct of_onf_flow_monitor_resumed){0});
	else
		of_onf_flow_monitor_paused_write(w, &(struct of_onf_flow_monitor_paused){0});
}

void session_monitor_send_paused(struct session_conn *c, bool resumed)
{
	struct of_multipart mp;

	if (c->version < OF_VERSION_1_4) {
		put_paused(session_begin(c), resumed);
		session_end(c);
		return;
	}
	of_flow_update_paused_write(begin(c, &mp),
		&(struct of_flow_update_paused){.kind = resumed ? OFPFME_RESUMED : OFPFME_PAUSED});
	end(c, &mp);
}
