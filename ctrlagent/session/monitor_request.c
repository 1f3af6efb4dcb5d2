// SPDX-License-Identifier: Apache-2.0
// Requests for flow monitors, and their first reply.
#include <stdlib.h>

#include "mem.h"
#include "openflow/errors.h"
#include "openflow/match.h"
#include "session/dump.h"
#include "session/nicira.h"

#define WHEN (OFPFMF_INITIAL | OFPFMF_ADD | OFPFMF_REMOVED | OFPFMF_MODIFY)
#define FLAGS_NX (WHEN | OFPFMF_INSTRUCTIONS | OFPFMF_NO_ABBREV) // the same bits
#define FLAGS (FLAGS_NX | OFPFMF_ONLY_OWN)

// One of the list, of whatever form.
struct asked {
	struct session_monitor m;
	uint8_t command; // OFPFMC_*
};

struct list {
	struct asked *v;
	size_t n;
	size_t at; // the one whose rules are being told
};

static int fail(struct of_reader *r, uint16_t code)
{
	return of_fail_error(r, of_monitor_error(r->version, code));
}

// ---- reading

static int check(const struct asked *a, struct of_reader *r)
{
	unsigned flags = a->m.flags, known = r->version < OF_VERSION_1_4 ? FLAGS_NX : FLAGS;
	uint32_t port = a->m.filter.out_port, group = a->m.filter.out_group;

	if (a->command > OFPFMC_DELETE)
		return fail(r, OFPMOFC_BAD_COMMAND);
	if (a->command == OFPFMC_DELETE)
		return 0;
	if (flags & ~known || !(flags & WHEN))
		return fail(r, OFPMOFC_BAD_FLAGS);
	if (port == 0 || (port > OFPP_MAX && port < OFPP_IN_PORT))
		return fail(r, OFPMOFC_BAD_OUT);
	return group > OFPG_MAX && group != OFPG_ANY ? fail(r, OFPMOFC_BAD_OUT) : 0;
}

// A list of TLVs in every version: 1.0 knows monitors by Nicira's messages alone.
static int read_match(struct of_span match, struct of_reader *r, struct weft_match *out)
{
	struct of_error error;

	if (of_nxm_read(match, r->version, out, &error))
		return of_fail_error(r, error);
	return 0;
}

static int read_nx(struct of_reader *it, struct asked *a, struct of_reader *r)
{
	struct of_nicira_flow_monitor in;

	if (!of_nicira_flow_monitor_next(it, &in))
		return 1;
	a->m.id = in.id;
	a->m.flags = in.flags;
	a->m.filter = (struct weft_flow_filter){.out_port = of_port_widen(in.out_port),
		.out_group = WEFT_GROUP_ANY,
		.table = in.table_id};
	return read_match(in.match, r, &a->m.match);
}

static int read_onf(struct of_reader *it, struct asked *a, struct of_reader *r)
{
	struct of_onf_flow_monitor in;

	if (!of_onf_flow_monitor_next(it, &in))
		return 1;
	a->m.id = in.id;
	a->m.flags = in.flags;
	a->m.filter = (struct weft_flow_filter){
		.out_port = in.out_port, .out_group = WEFT_GROUP_ANY, .table = in.table_id};
	return read_match(in.match, r, &a->m.match);
}

static int read_late(struct of_reader *it, struct asked *a, struct of_reader *r)
{
	struct of_flow_monitor in;

	if (!of_flow_monitor_next(it, &in))
		return 1;
	a->m.id = in.monitor_id;
	a->m.flags = in.flags;
	a->command = in.command;
	a->m.filter = (struct weft_flow_filter){
		.out_port = in.out_port, .out_group = in.out_group, .table = in.table_id};
	return read_match(in.match, r, &a->m.match);
}

typedef int read_fn(struct of_reader *it, struct asked *a, struct of_reader *r); // 1: no more

static int read_list(struct of_span body, read_fn *read, struct of_reader *r, struct list *out)
{
	struct of_reader it = of_list(body, r->version);
	int status;

	*out = (struct list){0};
	do {
		out->v = agent_resize(out->v, out->n + 1, sizeof(*out->v));
		out->v[out->n] = (struct asked){.command = OFPFMC_ADD};
		status = read(&it, &out->v[out->n], r);
		if (!status)
			status = check(&out->v[out->n++], r);
	} while (!status);
	if (it.failed)
		return of_fail_error(r, it.error);
	return status > 0 ? 0 : status;
}

// ---- carrying out

static int carry_out(struct session_conn *c, struct of_reader *r, const struct asked *a)
{
	struct session_monitor *m = session_monitor_find(c, a->m.id);

	if (a->command == OFPFMC_ADD && m)
		return fail(r, OFPMOFC_MONITOR_EXISTS);
	if (a->command != OFPFMC_ADD && !m)
		return fail(r, OFPMOFC_UNKNOWN_MONITOR);
	if (a->command == OFPFMC_DELETE)
		session_monitor_remove(c, m);
	else if (m)
		session_monitor_change(c, m, &a->m);
	else if (!session_monitor_add(c, &a->m))
		return fail(r, OFPMOFC_UNKNOWN);
	return 0;
}

// The first n, as far as they were added.
static void take_back(struct session_conn *c, const struct list *list, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (list->v[i].command == OFPFMC_ADD)
			session_monitor_remove(c, session_monitor_find(c, list->v[i].m.id));
}

static void on_flow(void *arg, weft_tenant_id tenant, const struct dpc_flow *flow)
{
	struct session_dump *d = arg;
	const struct list *list = d->extra;
	const struct asked *a = &list->v[list->at];

	session_monitor_put(&d->w, flow, OFPFME_INITIAL, a->m.flags & OFPFMF_INSTRUCTIONS);
	session_dump_next(d);
	if (session_stream_is_full(d->conn->stream))
		dpc_dump_pause(d->conn->dump);
}

static void finish(struct session_dump *d)
{
	struct list *list = d->extra;

	free(list->v);
}

static void on_end(void *arg, enum weft_error error, const char *text);

// The rules of the next one that wants them at first.
static void dump_next(struct session_dump *d)
{
	struct session_conn *c = d->conn;
	struct list *list = d->extra;

	while (list->at < list->n && (list->v[list->at].command == OFPFMC_DELETE ||
					     !(list->v[list->at].m.flags & OFPFMF_INITIAL)))
		list->at++;
	if (list->at == list->n || !c->sw) {
		finish(d);
		session_dump_end(d, WEFT_E_NONE, "");
		return;
	}
	c->dump = dpc_dump_flows(c->sw->dpc, c->sw->tenant, &list->v[list->at].m.filter,
		&list->v[list->at].m.match, on_flow, on_end, d);
}

static void on_end(void *arg, enum weft_error error, const char *text)
{
	struct session_dump *d = arg;
	struct list *list = d->extra;

	if (error) {
		finish(d);
		session_dump_end(d, error, text);
		return;
	}
	list->at++;
	dump_next(d);
}

static int serve(struct session_conn *c, struct session_request *rq, const struct list *list)
{
	struct session_dump *d;

	for (size_t i = 0; i < list->n; i++)
		if (carry_out(c, &rq->r, &list->v[i])) {
			take_back(c, list, i);
			return -EBADMSG;
		}
	d = session_monitor_reply(c, rq);
	d->extra = agent_zalloc(sizeof(*list));
	memcpy(d->extra, list, sizeof(*list));
	dump_next(d);
	return 0;
}

static int request(
	struct session_conn *c, struct session_request *rq, struct of_span body, read_fn *read)
{
	struct list list;
	int status = read_list(body, read, &rq->r, &list);

	if (!status)
		status = serve(c, rq, &list);
	if (status)
		free(list.v);
	return status;
}

int session_handle_flow_monitor(struct session_conn *c, struct session_request *rq)
{
	struct of_flow_monitor_request in;

	if (of_flow_monitor_request_read(&rq->r, &in))
		return -EBADMSG;
	return request(c, rq, in.body, read_late);
}

int session_onf_flow_monitor(struct session_conn *c, struct session_request *rq)
{
	struct of_onf_flow_monitor_request in;

	if (of_onf_flow_monitor_request_read(&rq->r, &in))
		return -EBADMSG;
	return request(c, rq, in.body, read_onf);
}

int session_nicira_flow_monitor(struct session_conn *c, struct session_request *rq)
{
	struct of_nicira_flow_monitor_request in;

	if (of_nicira_flow_monitor_request_read(&rq->r, &in))
		return -EBADMSG;
	return request(c, rq, in.body, read_nx);
}

static int cancel(struct session_conn *c, struct session_request *rq, uint32_t id)
{
	struct session_monitor *m = session_monitor_find(c, id);

	if (!m)
		return fail(&rq->r, OFPMOFC_UNKNOWN_MONITOR);
	session_monitor_remove(c, m);
	return 0;
}

int session_onf_flow_monitor_cancel(struct session_conn *c, struct session_request *rq)
{
	struct of_onf_flow_monitor_cancel in;

	return of_onf_flow_monitor_cancel_read(&rq->r, &in) ? -EBADMSG : cancel(c, rq, in.id);
}

int session_nicira_flow_monitor_cancel(struct session_conn *c, struct session_request *rq)
{
	struct of_nicira_flow_monitor_cancel in;

	return of_nicira_flow_monitor_cancel_read(&rq->r, &in) ? -EBADMSG : cancel(c, rq, in.id);
}
