// SPDX-License-Identifier: Apache-2.0
// Reading rules back (OpenFlow 1.3.5, 7.3.5.2 and 7.3.5.3; 1.5.1, 7.3.5.2 to 7.3.5.4; 1.0.2, 5.3.5;
// and Nicira's NXST_FLOW and NXST_AGGREGATE).
//
// What a request is about comes in five shapes that say the same; a reply's element in three. A
// rule that a version cannot say in full is told as far as it can.
#include "openflow/actions.h"
#include "openflow/match.h"
#include "openflow/oxs.h"
#include "session/dump.h"
#include "session/nicira.h"
#include "session/handlers.h"

// ---- elements

void session_put_oxs(struct of_writer *w, const struct weft_flow_stats *s)
{
	struct of_oxs oxs = {
		.present = 1u << OFPXST_DURATION | 1u << OFPXST_IDLE_TIME |
			   1u << OFPXST_PACKET_COUNT | 1u << OFPXST_BYTE_COUNT,
		.packet_count = s->packets,
		.byte_count = s->bytes,
	};

	session_duration(s->duration_ns, &oxs.duration_sec, &oxs.duration_nsec);
	session_duration(s->idle_ns, &oxs.idle_sec, &oxs.idle_nsec);
	of_oxs_write(w, &oxs);
}

// The flags that the version knows.
static uint16_t flags_shown(const struct weft_flow_stats *s)
{
	return s->flags & (OFPFF_SEND_FLOW_REM | OFPFF_CHECK_OVERLAP | OFPFF_RESET_COUNTS |
				  OFPFF_NO_PKT_COUNTS | OFPFF_NO_BYT_COUNTS);
}

// The parts of an element that are lists lie one after the other in the session's own writer.
struct parts {
	struct of_span match, oxs, instructions;
};

static void put_flow(
	struct session_dump *d, const struct weft_flow_stats *s, const struct parts *parts)
{
	struct of_flow_stats out = {
		.table_id = s->table,
		.priority = s->priority,
		.idle_timeout = s->idle_timeout,
		.hard_timeout = s->hard_timeout,
		.flags = flags_shown(s),
		.importance = s->importance,
		.cookie = s->cookie,
		.packet_count = s->packets,
		.byte_count = s->bytes,
		.match = parts->match,
		.stats = parts->oxs,
		.instructions = parts->instructions,
		.actions = parts->instructions,
	};

	session_duration(s->duration_ns, &out.duration_sec, &out.duration_nsec);
	of_flow_stats_write(&d->w, &out);
}

static void put_counts(
	struct session_dump *d, const struct weft_flow_stats *s, const struct parts *parts)
{
	const struct of_flow_counts out = {
		.table_id = s->table,
		.reason = OFPFSR_STATS_REQUEST,
		.priority = s->priority,
		.match = parts->match,
		.stats = parts->oxs,
	};

	of_flow_counts_write(&d->w, &out);
}

// Seconds plus one, 0 being "not told".
static uint16_t age(uint64_t ns)
{
	uint64_t s = ns / 1000000000u + 1;

	return s < UINT16_MAX ? (uint16_t)s : UINT16_MAX;
}

static void put_flow_nx(
	struct session_dump *d, const struct weft_flow_stats *s, const struct parts *parts)
{
	struct of_nicira_flow_stats out = {
		.table_id = s->table,
		.priority = s->priority,
		.idle_timeout = s->idle_timeout,
		.hard_timeout = s->hard_timeout,
		.idle_age = age(s->idle_ns),
		.cookie = s->cookie,
		.packet_count = s->packets,
		.byte_count = s->bytes,
		.match = parts->match,
		.actions = parts->instructions,
	};

	session_duration(s->duration_ns, &out.duration_sec, &out.duration_nsec);
	of_nicira_flow_stats_write(&d->w, &out);
}

typedef void put_fn(struct session_dump *, const struct weft_flow_stats *, const struct parts *);

// Writes the parts, then the element. Not called once the session is over, for then the dump is
// cancelled.
static void put_rule(struct session_dump *d, const struct dpc_flow *flow, bool nx, put_fn *put)
{
	struct of_writer *w = session_begin(d->conn);
	struct parts parts;
	size_t match, oxs;

	nx ? of_nxm_write(w, &flow->match) : of_match_write(w, &flow->match);
	match = w->len;
	if (w->version >= OF_VERSION_1_5)
		session_put_oxs(w, flow->stats);
	oxs = w->len;
	if (flow->instructions)
		of_instructions_write(w, flow->instructions);
	parts.match = (struct of_span){w->data, match};
	parts.oxs = (struct of_span){w->data + match, oxs - match};
	parts.instructions = (struct of_span){w->data + oxs, w->len - oxs};
	if (!of_writer_status(w)) {
		put(d, flow->stats, &parts);
		session_dump_next(d);
	}
	if (session_stream_is_full(d->conn->stream))
		dpc_dump_pause(d->conn->dump);
}

static void on_flow(void *arg, weft_tenant_id tenant, const struct dpc_flow *flow)
{
	put_rule(arg, flow, false, put_flow);
}

static void on_flow_counts(void *arg, weft_tenant_id tenant, const struct dpc_flow *flow)
{
	put_rule(arg, flow, false, put_counts);
}

static void on_flow_nx(void *arg, weft_tenant_id tenant, const struct dpc_flow *flow)
{
	put_rule(arg, flow, true, put_flow_nx);
}

// ---- what is asked for

struct asked {
	struct weft_flow_filter filter;
	struct weft_match match;
};

// The fields of this name in any of the requests. 1.0 has neither groups nor cookies here.
#define FILTER(in, version_)                                                                       \
	(struct weft_flow_filter)                                                                  \
	{                                                                                          \
		.cookie = (in).cookie, .cookie_mask = (in).cookie_mask, .out_port = (in).out_port, \
		.out_group = (version_) == OF_VERSION_1_0 ? WEFT_GROUP_ANY : (in).out_group,       \
		.table = (in).table_id,                                                            \
	}

static int read_match(struct of_span match, bool nx, struct of_reader *r, struct asked *out)
{
	struct of_error error;
	int rc = nx ? of_nxm_read(match, r->version, &out->match, &error)
		    : of_match_read(match, r->version, &out->match, &error);

	return rc ? of_fail_error(r, error) : 0;
}

// Their requests have the same fields, in both.
static int read_nx(uint16_t out_port, uint8_t table, struct of_span match, struct of_reader *r,
	struct asked *out)
{
	out->filter = (struct weft_flow_filter){
		.out_port = of_port_widen(out_port),
		.out_group = WEFT_GROUP_ANY,
		.table = table,
	};
	return read_match(match, true, r, out);
}

static int dump_flows(
	struct session_conn *c, const struct asked *asked, struct session_dump *d, dpc_flow_fn flow)
{
	c->dump = dpc_dump_flows(c->sw->dpc, c->sw->tenant, &asked->filter, &asked->match, flow,
		session_dump_end, d);
	return 0;
}

int session_handle_flow_stats(struct session_conn *c, struct session_request *rq)
{
	struct of_flow_request in;
	struct asked asked;

	if (of_flow_request_read(&rq->r, &in) || read_match(in.match, false, &rq->r, &asked))
		return -EBADMSG;
	asked.filter = FILTER(in, c->version);
	return dump_flows(c, &asked, session_dump_new(c, rq, OFPMP_FLOW), on_flow);
}

int session_handle_flow_counts(struct session_conn *c, struct session_request *rq)
{
	struct of_flow_counts_request in;
	struct asked asked;

	if (of_flow_counts_request_read(&rq->r, &in) || read_match(in.match, false, &rq->r, &asked))
		return -EBADMSG;
	asked.filter = FILTER(in, c->version);
	return dump_flows(c, &asked, session_dump_new(c, rq, OFPMP_FLOW_COUNTS), on_flow_counts);
}

int session_nicira_flow_stats(struct session_conn *c, struct session_request *rq)
{
	struct of_nicira_flow_request in;
	struct asked asked;

	if (of_nicira_flow_request_read(&rq->r, &in) ||
		read_nx(in.out_port, in.table_id, in.match, &rq->r, &asked))
		return -EBADMSG;
	return dump_flows(c, &asked, session_dump_new_nicira(c, rq, SESSION_NXST_FLOW), on_flow_nx);
}

// ---- aggregates

// The whole body of the reply, written as the one element of a list.
static void on_aggregate(void *arg, weft_tenant_id tenant, const void *body, size_t len)
{
	const struct weft_aggregate *a = body;
	struct session_dump *d = arg;
	struct of_oxs oxs = {
		.present = 1u << OFPXST_FLOW_COUNT | 1u << OFPXST_PACKET_COUNT |
			   1u << OFPXST_BYTE_COUNT,
		.flow_count = (uint32_t)a->flows,
		.packet_count = a->packets,
		.byte_count = a->bytes,
	};

	if (d->w.version >= OF_VERSION_1_5) {
		struct of_writer list = {.version = d->w.version};

		of_oxs_write(&list, &oxs);
		of_put_stats(&d->w, of_written(&list));
		of_writer_free(&list);
		return;
	}
	of_put_u64(&d->w, a->packets);
	of_put_u64(&d->w, a->bytes);
	of_put_u32(&d->w, (uint32_t)a->flows);
	of_put_zeros(&d->w, 4);
}

static int dump_aggregate(struct session_conn *c, const struct asked *asked, struct session_dump *d)
{
	dpc_dump_aggregate(c->sw->dpc, c->sw->tenant, &asked->filter, &asked->match, on_aggregate,
		session_dump_end, d);
	return 0;
}

int session_handle_aggregate(struct session_conn *c, struct session_request *rq)
{
	struct of_aggregate_request in;
	struct asked asked;

	if (of_aggregate_request_read(&rq->r, &in) || read_match(in.match, false, &rq->r, &asked))
		return -EBADMSG;
	asked.filter = FILTER(in, c->version);
	return dump_aggregate(c, &asked, session_dump_new(c, rq, OFPMP_AGGREGATE));
}

int session_nicira_aggregate(struct session_conn *c, struct session_request *rq)
{
	struct of_nicira_aggregate_request in;
	struct asked asked;

	if (of_nicira_aggregate_request_read(&rq->r, &in) ||
		read_nx(in.out_port, in.table_id, in.match, &rq->r, &asked))
		return -EBADMSG;
	return dump_aggregate(c, &asked, session_dump_new_nicira(c, rq, SESSION_NXST_AGGREGATE));
}
