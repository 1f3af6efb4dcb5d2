// SPDX-License-Identifier: Apache-2.0
#include "fake_inside.h"

void dpc_barrier(struct dpc *d, dpc_done_fn done, void *arg)
{
	fake_ask(d, done, arg, WEFT_E_NONE);
}

bool dpc_is_up(const struct dpc *d)
{
	return true;
}

void dpc_replied(struct dpc *d)
{
}

void dpc_asked(struct dpc *d)
{
}

uint32_t dpc_place(const struct dpc *d)
{
	return (uint32_t)d->request_count;
}

// They are done in order, but for dumps.
bool dpc_is_through(const struct dpc *d, uint32_t place)
{
	return d->done_count >= place;
}

static void tell_rule(struct request *rq, const struct rule *r)
{
	const struct weft_flow_stats stats = fake_stats(r, 4000000006u);
	const struct dpc_flow flow = {&stats, r->match, r->instructions};

	rq->flow(rq->arg, 1, &flow);
}

static void run_flows(struct dpc *d, struct request *rq)
{
	size_t n = 0;
	struct rule *r;

	TAILQ_FOREACH (r, &d->rules, link) {
		if (rq->dump.paused || rq->dump.cancelled)
			return;
		if (!fake_passes(r, &rq->filter, &rq->match, false, 0) || n++ < rq->dump.told)
			continue;
		rq->dump.told++;
		tell_rule(rq, r);
	}
}

struct dpc_dump *dpc_dump_flows(struct dpc *d, weft_tenant_id tenant,
	const struct weft_flow_filter *filter, const struct weft_match *match, dpc_flow_fn flow,
	dpc_done_fn end, void *arg)
{
	struct request *rq = fake_ask(d, end, arg, fake_take_failure(d));

	rq->run = run_flows;
	rq->flow = flow;
	rq->filter = *filter;
	rq->match = *match;
	rq->dump.dpc = d;
	return &rq->dump;
}

static void go_on(struct dpc_dump *dump)
{
	struct dpc *d = dump->dpc;
	struct request *rq;

	TAILQ_FOREACH (rq, &d->paused, link)
		if (&rq->dump == dump)
			break;
	if (!rq)
		return;
	TAILQ_REMOVE(&d->paused, rq, link);
	TAILQ_INSERT_TAIL(&d->requests, rq, link);
	fake_arm(d);
}

void dpc_dump_pause(struct dpc_dump *dump)
{
	dump->paused = true;
}

void dpc_dump_resume(struct dpc_dump *dump)
{
	dump->paused = false;
	go_on(dump);
}

void dpc_dump_cancel(struct dpc_dump *dump)
{
	dump->cancelled = true;
	go_on(dump);
}

size_t fake_dpc_paused_dumps(const struct dpc *d)
{
	const struct request *rq;
	size_t n = 0;

	TAILQ_FOREACH (rq, &d->paused, link)
		n++;
	return n;
}

static void run_aggregate(struct dpc *d, struct request *rq)
{
	struct weft_aggregate a = {0};
	struct rule *r;

	TAILQ_FOREACH (r, &d->rules, link)
		a.flows += fake_passes(r, &rq->filter, &rq->match, false, 0);
	a.packets = 11 * a.flows;
	a.bytes = 1100 * a.flows;
	rq->item(rq->arg, 1, &a, sizeof(a));
}

void dpc_dump_aggregate(struct dpc *d, weft_tenant_id tenant, const struct weft_flow_filter *filter,
	const struct weft_match *match, dpc_item_fn item, dpc_done_fn end, void *arg)
{
	struct request *rq = fake_ask(d, end, arg, fake_take_failure(d));

	rq->run = run_aggregate;
	rq->item = item;
	rq->filter = *filter;
	rq->match = *match;
}

static void dump_tables(struct dpc *d, struct request *rq)
{
	struct weft_table_stats s[WEFT_TABLES] = {0};
	struct rule *r;

	TAILQ_FOREACH (r, &d->rules, link)
		s[r->mod.table].active++;
	for (unsigned i = 0; i < WEFT_TABLES; i++) {
		s[i].table = (uint8_t)i;
		if (s[i].active)
			rq->item(rq->arg, 1, &s[i], sizeof(s[i]));
	}
}

static void dump_objects(
	struct request *rq, struct objects *list, uint32_t all, enum weft_error none)
{
	struct object *o;

	if (rq->id != all && !fake_find(list, rq->id))
		rq->error = none;
	TAILQ_FOREACH (o, list, link)
		if (rq->id == all || rq->id == o->id)
			rq->item(rq->arg, 1, o->body, o->len);
}

static void run_dump(struct dpc *d, struct request *rq)
{
	if (rq->type == WEFT_IPC_DUMP_TABLES)
		dump_tables(d, rq);
	else if (rq->type == WEFT_IPC_DUMP_TABLE_DESC)
		fake_tables_dump(&d->tables, rq->item, rq->arg);
	else if (rq->type == WEFT_IPC_DUMP_GROUPS)
		dump_objects(rq, &d->groups, WEFT_GROUP_ALL, WEFT_E_GROUP_UNKNOWN);
	else if (rq->type == WEFT_IPC_DUMP_METERS)
		dump_objects(rq, &d->meters, WEFT_METER_ALL, WEFT_E_METER_UNKNOWN);
	else if (rq->type == WEFT_IPC_DUMP_PORTS)
		for (size_t i = 0; i < d->port_count; i++)
			rq->item(rq->arg, 1, &d->ports[i], sizeof(d->ports[i]));
}

void dpc_dump(struct dpc *d, enum weft_ipc_type type, weft_tenant_id tenant, const void *request,
	size_t len, dpc_item_fn item, dpc_done_fn end, void *arg)
{
	struct request *rq = fake_ask(d, end, arg, fake_take_failure(d));

	rq->run = run_dump;
	rq->item = item;
	rq->type = type;
	rq->id = request ? ((const struct weft_ipc_id *)request)->id : 0;
}
