// SPDX-License-Identifier: Apache-2.0
// Reading rules back (OpenFlow 1.3.5, 7.3.5.2 and 7.3.5.3).
#include "openflow/actions.h"
#include "openflow/match.h"
#include "session/dump.h"
#include "session/handlers.h"

static void put_flow(struct session_dump *d, const struct dpc_flow *flow, struct of_span oxm,
	struct of_span instructions)
{
	const struct weft_flow_stats *s = flow->stats;
	struct of_flow_stats out = {
		.table_id = s->table,
		.priority = s->priority,
		.idle_timeout = s->idle_timeout,
		.hard_timeout = s->hard_timeout,
		.flags = s->flags,
		.importance = s->importance,
		.cookie = s->cookie,
		.packet_count = s->packets,
		.byte_count = s->bytes,
		.match = oxm,
		.instructions = instructions,
	};

	session_duration(s->duration_ns, &out.duration_sec, &out.duration_nsec);
	of_flow_stats_write(&d->w, &out);
	session_dump_next(d);
}

// The two lists are written into one buffer, one after the other. Not called once the session is
// over, for then the dump is cancelled.
static void on_flow(void *arg, weft_tenant_id tenant, const struct dpc_flow *flow)
{
	struct session_dump *d = arg;
	struct of_writer *w = &d->conn->out;
	size_t oxm;

	session_begin(d->conn);
	of_match_write(w, &flow->match);
	oxm = w->len;
	if (flow->instructions)
		of_instructions_write(w, flow->instructions);
	if (!of_writer_status(w))
		put_flow(d, flow, (struct of_span){w->data, oxm},
			(struct of_span){w->data + oxm, w->len - oxm});
	if (session_stream_is_full(d->conn->stream))
		dpc_dump_pause(d->conn->dump);
}

int session_handle_flow_stats(struct session_conn *c, struct session_request *rq)
{
	struct of_flow_request in;
	struct weft_flow_filter filter;
	struct weft_match match;
	struct session_dump *d;
	struct of_error error;

	if (of_flow_request_read(&rq->r, &in))
		return -EBADMSG;
	if (of_match_read(in.match, c->version, &match, &error))
		return of_fail_error(&rq->r, error);
	filter = (struct weft_flow_filter){
		.cookie = in.cookie,
		.cookie_mask = in.cookie_mask,
		.out_port = in.out_port,
		.out_group = in.out_group,
		.table = in.table_id,
	};
	d = session_dump_new(c, rq, OFPMP_FLOW);
	c->dump = dpc_dump_flows(
		c->sw->dpc, c->sw->tenant, &filter, &match, on_flow, session_dump_end, d);
	return 0;
}

static void on_aggregate(void *arg, weft_tenant_id tenant, const void *body, size_t len)
{
	const struct weft_aggregate *a = body;
	struct session_dump *d = arg;

	// The whole body of the reply, written as the one element of a list.
	of_put_u64(&d->w, a->packets);
	of_put_u64(&d->w, a->bytes);
	of_put_u32(&d->w, (uint32_t)a->flows);
	of_put_zeros(&d->w, 4);
}

int session_handle_aggregate(struct session_conn *c, struct session_request *rq)
{
	struct of_aggregate_request in;
	struct weft_flow_filter filter;
	struct weft_match match;
	struct session_dump *d;
	struct of_error error;

	if (of_aggregate_request_read(&rq->r, &in))
		return -EBADMSG;
	if (of_match_read(in.match, c->version, &match, &error))
		return of_fail_error(&rq->r, error);
	filter = (struct weft_flow_filter){
		.cookie = in.cookie,
		.cookie_mask = in.cookie_mask,
		.out_port = in.out_port,
		.out_group = in.out_group,
		.table = in.table_id,
	};
	d = session_dump_new(c, rq, OFPMP_AGGREGATE);
	dpc_dump_aggregate(
		c->sw->dpc, c->sw->tenant, &filter, &match, on_aggregate, session_dump_end, d);
	return 0;
}
