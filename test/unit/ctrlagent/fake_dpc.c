// SPDX-License-Identifier: Apache-2.0
#include "fake_dpc.h"
#include "fake_stage.h"
#include "fake_tables.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/queue.h>

#include "mem.h"

struct rule {
	TAILQ_ENTRY(rule) link;
	struct weft_flow_mod mod;
	struct weft_match match;
	struct weft_instructions *instructions;
};

struct object { // a group or a meter, as its statistics are dumped
	TAILQ_ENTRY(object) link;
	uint32_t id;
	size_t len;
	uint64_t body[];
};

struct dpc_dump {
	struct dpc *dpc;
	size_t told; // rules so far
	bool paused, cancelled;
};

struct request {
	TAILQ_ENTRY(request) link;
	struct dpc_dump dump;                             // of rules
	void (*run)(struct dpc *dpc, struct request *rq); // NULL: nothing before done
	dpc_done_fn done;
	void *arg;
	enum weft_error error;
	dpc_item_fn item;
	dpc_flow_fn flow;
	enum weft_ipc_type type;
	struct weft_flow_filter filter;
	struct weft_match match;
	uint32_t id;
};

TAILQ_HEAD(rules, rule);
TAILQ_HEAD(objects, object);
TAILQ_HEAD(requests, request);

struct dpc_listener {
	TAILQ_ENTRY(dpc_listener) link;
	struct dpc *dpc;
	const struct dpc_listener_ops *ops;
	void *arg;
	weft_tenant_id tenant;
};
TAILQ_HEAD(listeners, dpc_listener);

struct dpc {
	struct event_base *base;
	struct event *answer;
	struct rules rules;
	struct objects groups, meters;
	struct requests requests, paused;
	struct listeners listeners;
	struct weft_ipc_port_status ports[64];
	struct fake_tables tables;
	size_t port_count, rule_count, max_rules, request_count;
	unsigned delay_ms;
	enum weft_error fail_next;
	bool blocked;
	uint64_t epoch;
	struct fake_stage stage;
};

struct fake_stage *fake_dpc_stage(struct dpc *d)
{
	return &d->stage;
}

void (*fake_dpc_on_port_mod)(const struct weft_ipc_port_mod *mod);

// ---- answers

static void arm(struct dpc *d)
{
	struct timeval t = {.tv_sec = d->delay_ms / 1000, .tv_usec = d->delay_ms % 1000 * 1000};

	if (!evtimer_pending(d->answer, NULL))
		evtimer_add(d->answer, &t);
}

static void on_answer(evutil_socket_t fd, short what, void *arg)
{
	struct dpc *d = arg;
	struct requests now;

	TAILQ_INIT(&now);
	TAILQ_CONCAT(&now, &d->requests, link);
	while (!TAILQ_EMPTY(&now)) {
		struct request *rq = TAILQ_FIRST(&now);

		TAILQ_REMOVE(&now, rq, link);
		if (rq->run && !rq->error)
			rq->run(d, rq);
		if (rq->dump.paused && !rq->dump.cancelled) {
			TAILQ_INSERT_TAIL(&d->paused, rq, link);
			continue;
		}
		if (rq->done)
			rq->done(rq->arg, rq->error, "");
		free(rq);
	}
	if (!TAILQ_EMPTY(&d->requests))
		arm(d);
}

static struct request *ask(struct dpc *d, dpc_done_fn done, void *arg, enum weft_error error)
{
	struct request *rq = agent_zalloc(sizeof(*rq));

	rq->done = done;
	rq->arg = arg;
	rq->error = error;
	TAILQ_INSERT_TAIL(&d->requests, rq, link);
	d->request_count++;
	arm(d);
	return rq;
}

static enum weft_error take_failure(struct dpc *d)
{
	enum weft_error e = d->fail_next;

	d->fail_next = WEFT_E_NONE;
	return e;
}

// ---- rules

static void free_rule(struct dpc *d, struct rule *r)
{
	TAILQ_REMOVE(&d->rules, r, link);
	d->rule_count--;
	free(r->instructions);
	free(r);
}

// Every packet of `narrow` is one of `wide`.
static bool covers(const struct weft_match *wide, const struct weft_match *narrow)
{
	struct weft_flow_key wv, wm, nv, nm;
	const uint8_t *a = (uint8_t *)&wv, *b = (uint8_t *)&wm, *c = (uint8_t *)&nv;
	const uint8_t *e = (uint8_t *)&nm;

	weft_match_to_key(wide, &wv, &wm);
	weft_match_to_key(narrow, &nv, &nm);
	for (size_t i = 0; i < sizeof(wv); i++)
		if ((b[i] & ~e[i]) || ((a[i] ^ c[i]) & b[i]))
			return false;
	return true;
}

static bool overlaps(const struct weft_match *x, const struct weft_match *y)
{
	struct weft_flow_key xv, xm, yv, ym;
	const uint8_t *a = (uint8_t *)&xv, *b = (uint8_t *)&xm, *c = (uint8_t *)&yv;
	const uint8_t *e = (uint8_t *)&ym;

	weft_match_to_key(x, &xv, &xm);
	weft_match_to_key(y, &yv, &ym);
	for (size_t i = 0; i < sizeof(xv); i++)
		if ((a[i] ^ c[i]) & b[i] & e[i])
			return false;
	return true;
}

static bool outputs_to(const struct rule *r, uint32_t type, uint32_t arg)
{
	const struct weft_instructions *in = r->instructions;

	if (!in)
		return false;
	WEFT_ACTION_FOR_EACH(a, in + 1, (size_t)in->apply_len + in->write_len)
	if (a->type == type && a->arg == arg)
		return true;
	return false;
}

static bool passes(const struct rule *r, const struct weft_flow_filter *f,
	const struct weft_match *match, bool strict, uint16_t priority)
{
	if (f->table != WEFT_TABLE_ALL && f->table != r->mod.table)
		return false;
	if ((r->mod.cookie ^ f->cookie) & f->cookie_mask)
		return false;
	if (f->out_port != WEFT_OFPORT_ANY && !outputs_to(r, WEFT_ACTION_OUTPUT, f->out_port))
		return false;
	if (f->out_group != WEFT_GROUP_ANY && !outputs_to(r, WEFT_ACTION_GROUP, f->out_group))
		return false;
	if (strict)
		return r->mod.priority == priority && weft_match_equal(match, &r->match);
	return covers(match, &r->match);
}

static struct object *find(struct objects *list, uint32_t id)
{
	struct object *o;

	TAILQ_FOREACH(o, list, link)
	if (o->id == id)
		return o;
	return NULL;
}

static enum weft_error check_instructions(
	struct dpc *d, const struct weft_flow_mod *m, const struct weft_instructions *in)
{
	if (!in)
		return WEFT_E_NONE;
	if (in->flags & WEFT_INSTR_GOTO && in->goto_table <= m->table)
		return WEFT_E_BAD_GOTO;
	if (in->meter_id && !find(&d->meters, in->meter_id))
		return WEFT_E_METER_UNKNOWN;
	WEFT_ACTION_FOR_EACH(a, in + 1, (size_t)in->apply_len + in->write_len)
	if (a->type == WEFT_ACTION_GROUP && !find(&d->groups, a->arg))
		return WEFT_E_ACTION_GROUP;
	return WEFT_E_NONE;
}

static void tell_removed(struct dpc *d, const struct rule *r, uint8_t reason)
{
	const struct weft_flow_stats stats = {
		.cookie = r->mod.cookie,
		.packets = 7,
		.bytes = 700,
		.duration_ns = 3000000005u,
		.idle_timeout = r->mod.idle_timeout,
		.hard_timeout = r->mod.hard_timeout,
		.priority = r->mod.priority,
		.flags = r->mod.flags,
		.importance = r->mod.importance,
		.table = r->mod.table,
		.reason = reason,
	};
	const struct dpc_flow flow = {&stats, r->match, r->instructions};
	struct dpc_listener *l;

	if (!(r->mod.flags & WEFT_FLOW_SEND_REMOVED))
		return;
	TAILQ_FOREACH(l, &d->listeners, link)
	if (l->ops->flow_removed)
		l->ops->flow_removed(l->arg, l->tenant, &flow);
}

static struct weft_instructions *copy_instructions(const struct weft_instructions *in)
{
	struct weft_instructions *out = in ? agent_zalloc(weft_instructions_bytes(in)) : NULL;

	return in ? memcpy(out, in, weft_instructions_bytes(in)) : NULL;
}

static enum weft_error add_rule(struct dpc *d, const struct weft_flow_mod *m,
	const struct weft_match *match, const struct weft_instructions *in)
{
	struct rule *r, *next;

	for (r = TAILQ_FIRST(&d->rules); r; r = next) {
		bool same = r->mod.table == m->table && r->mod.priority == m->priority;

		next = TAILQ_NEXT(r, link);
		if (same && m->flags & WEFT_FLOW_CHECK_OVERLAP && overlaps(match, &r->match))
			return WEFT_E_OVERLAP;
		if (same && weft_match_equal(match, &r->match))
			free_rule(d, r);
	}
	if (d->rule_count >= d->max_rules)
		return WEFT_E_TABLE_FULL;
	r = agent_zalloc(sizeof(*r));
	r->mod = *m;
	r->match = *match;
	r->instructions = copy_instructions(in);
	TAILQ_INSERT_TAIL(&d->rules, r, link);
	d->rule_count++;
	return WEFT_E_NONE;
}

// How many there were.
static size_t change_rules(struct dpc *d, const struct weft_flow_mod *m,
	const struct weft_match *match, const struct weft_instructions *in)
{
	const struct weft_flow_filter f = {
		m->cookie, m->cookie_mask, m->out_port, m->out_group, m->table, {0}};
	bool strict =
		m->command == WEFT_FLOW_MODIFY_STRICT || m->command == WEFT_FLOW_DELETE_STRICT;
	struct rule *r, *next;
	size_t n = 0;

	for (r = TAILQ_FIRST(&d->rules); r; r = next) {
		next = TAILQ_NEXT(r, link);
		if (!passes(r, &f, match, strict, m->priority))
			continue;
		n++;
		if (m->command >= WEFT_FLOW_DELETE) {
			tell_removed(d, r, WEFT_REMOVED_DELETE);
			free_rule(d, r);
		} else {
			free(r->instructions);
			r->instructions = copy_instructions(in);
		}
	}
	return n;
}

static enum weft_error change_or_add(struct dpc *d, const struct weft_flow_mod *m,
	const struct weft_match *match, const struct weft_instructions *in)
{
	struct weft_flow_mod add = *m;

	if (change_rules(d, m, match, in) || !(m->flags & WEFT_FLOW_OR_ADD))
		return WEFT_E_NONE;
	add.table = m->table == WEFT_TABLE_ALL ? 0 : m->table;
	return add_rule(d, &add, match, in);
}

void dpc_flow_mod(struct dpc *d, weft_tenant_id tenant, const struct weft_flow_mod *mod,
	const struct weft_match *match, const struct weft_instructions *instructions,
	dpc_done_fn done, void *arg)
{
	enum weft_error e;

	if (fake_record_flow(&d->stage, mod, match, instructions))
		return;
	e = take_failure(d);
	if (!e && !weft_match_ok(match))
		e = WEFT_E_MALFORMED;
	if (!e && mod->command < WEFT_FLOW_DELETE)
		e = check_instructions(d, mod, instructions);
	if (!e && mod->command == WEFT_FLOW_ADD)
		e = add_rule(d, mod, match, instructions);
	else if (!e)
		e = change_or_add(d, mod, match, instructions);
	ask(d, done, arg, e);
}

// ---- groups and meters

static void put_object(struct objects *list, uint32_t id, const void *head, size_t head_len,
	const void *tail, size_t tail_len, size_t zeros)
{
	size_t len = head_len + tail_len + zeros;
	struct object *o = agent_zalloc(sizeof(*o) + len), *old = find(list, id);

	o->id = id;
	o->len = len;
	memcpy(o->body, head, head_len);
	memcpy((char *)o->body + head_len, tail, tail_len);
	if (old) {
		TAILQ_REMOVE(list, old, link);
		free(old);
	}
	TAILQ_INSERT_TAIL(list, o, link);
}

static void delete_objects(struct objects *list, uint32_t id, uint32_t all)
{
	struct object *o, *next;

	for (o = TAILQ_FIRST(list); o; o = next) {
		next = TAILQ_NEXT(o, link);
		if (id != all && o->id != id)
			continue;
		TAILQ_REMOVE(list, o, link);
		free(o);
	}
}

void dpc_group_mod(struct dpc *d, weft_tenant_id tenant, const struct weft_group_mod *mod,
	const void *buckets, size_t bytes, dpc_done_fn done, void *arg)
{
	const struct weft_group_stats s = {.packets = 5,
		.bytes = 500,
		.duration_ns = 2000000001u,
		.buckets_len = (uint32_t)bytes,
		.group = *mod};
	enum weft_error e;

	if (fake_record(&d->stage, WEFT_IPC_GROUP_MOD, mod, sizeof(*mod), buckets, bytes))
		return;
	e = take_failure(d);
	if (!e && mod->command == WEFT_GROUP_ADD && find(&d->groups, mod->group))
		e = WEFT_E_GROUP_EXISTS;
	if (!e && mod->command == WEFT_GROUP_MODIFY && !find(&d->groups, mod->group))
		e = WEFT_E_GROUP_UNKNOWN;
	if (!e && mod->command == WEFT_GROUP_DELETE)
		delete_objects(&d->groups, mod->group, WEFT_GROUP_ALL);
	else if (!e)
		put_object(&d->groups, mod->group, &s, sizeof(s), buckets, bytes,
			mod->bucket_count * sizeof(struct weft_bucket_counters));
	ask(d, done, arg, e);
}

void dpc_meter_mod(struct dpc *d, weft_tenant_id tenant, const struct weft_meter_mod *mod,
	const struct weft_band *bands, dpc_done_fn done, void *arg)
{
	const struct weft_meter_stats s = {
		.packets = 9, .bytes = 900, .duration_ns = 1000000002u, .meter = *mod};
	enum weft_error e;

	if (fake_record(&d->stage, WEFT_IPC_METER_MOD, mod, sizeof(*mod), bands,
		    mod->band_count * sizeof(*bands)))
		return;
	e = take_failure(d);
	if (!e && mod->command == WEFT_METER_ADD && find(&d->meters, mod->meter))
		e = WEFT_E_METER_EXISTS;
	if (!e && mod->command == WEFT_METER_MODIFY && !find(&d->meters, mod->meter))
		e = WEFT_E_METER_UNKNOWN;
	if (!e && mod->command == WEFT_METER_DELETE)
		delete_objects(&d->meters, mod->meter, WEFT_METER_ALL);
	else if (!e)
		put_object(&d->meters, mod->meter, &s, sizeof(s), bands,
			mod->band_count * sizeof(*bands),
			mod->band_count * sizeof(struct weft_bucket_counters));
	ask(d, done, arg, e);
}

// ---- a copy of it all, to go back to

struct fake_saved {
	struct rules rules;
	struct objects groups, meters;
};

static void copy_objects(struct objects *to, const struct objects *from)
{
	const struct object *o;

	TAILQ_INIT(to);
	TAILQ_FOREACH(o, from, link)
	{
		struct object *copy = agent_zalloc(sizeof(*o) + o->len);

		memcpy(copy, o, sizeof(*o) + o->len);
		TAILQ_INSERT_TAIL(to, copy, link);
	}
}

struct fake_saved *fake_dpc_save(const struct dpc *d)
{
	struct fake_saved *s = agent_zalloc(sizeof(*s));
	const struct rule *r;

	TAILQ_INIT(&s->rules);
	TAILQ_FOREACH(r, &d->rules, link)
	{
		struct rule *copy = agent_zalloc(sizeof(*copy));

		*copy = *r;
		copy->instructions = copy_instructions(r->instructions);
		TAILQ_INSERT_TAIL(&s->rules, copy, link);
	}
	copy_objects(&s->groups, &d->groups);
	copy_objects(&s->meters, &d->meters);
	return s;
}

static void forget_all(struct dpc *d)
{
	while (!TAILQ_EMPTY(&d->rules))
		free_rule(d, TAILQ_FIRST(&d->rules));
	delete_objects(&d->groups, WEFT_GROUP_ALL, WEFT_GROUP_ALL);
	delete_objects(&d->meters, WEFT_METER_ALL, WEFT_METER_ALL);
}

void fake_dpc_restore(struct dpc *d, struct fake_saved *s, bool back)
{
	struct rule *r;

	if (back) {
		forget_all(d);
		TAILQ_CONCAT(&d->rules, &s->rules, link);
		TAILQ_CONCAT(&d->groups, &s->groups, link);
		TAILQ_CONCAT(&d->meters, &s->meters, link);
		TAILQ_FOREACH(r, &d->rules, link)
		d->rule_count++;
	}
	while ((r = TAILQ_FIRST(&s->rules))) {
		TAILQ_REMOVE(&s->rules, r, link);
		free(r->instructions);
		free(r);
	}
	delete_objects(&s->groups, WEFT_GROUP_ALL, WEFT_GROUP_ALL);
	delete_objects(&s->meters, WEFT_METER_ALL, WEFT_METER_ALL);
	free(s);
}

void fake_dpc_answer(struct dpc *d, dpc_done_fn done, void *arg, enum weft_error error)
{
	ask(d, done, arg, error);
}

void dpc_monitor_set(struct dpc *d, weft_tenant_id tenant, const struct weft_ipc_monitor *monitor,
	const struct weft_match *match, dpc_done_fn done, void *arg)
{
	ask(d, done, arg, WEFT_E_NONE);
}

// ---- ports and packets

void dpc_op(struct dpc *d, enum weft_ipc_type type, weft_tenant_id tenant, const void *body,
	size_t len, dpc_done_fn done, void *arg)
{
	enum weft_error e;

	if (fake_record(&d->stage, type, body, len, NULL, 0))
		return;
	e = take_failure(d);
	if (!e && type == WEFT_IPC_PORT_MOD && fake_dpc_on_port_mod)
		fake_dpc_on_port_mod(body);
	if (!e && type == WEFT_IPC_TABLE_MOD)
		e = fake_tables_mod(&d->tables, body);
	ask(d, done, arg, e);
}

void fake_dpc_table_status(struct dpc *d, const struct weft_table_desc *table)
{
	struct dpc_listener *l;

	TAILQ_FOREACH(l, &d->listeners, link)
	if (l->ops->table_status)
		l->ops->table_status(l->arg, l->tenant, table);
}

void fake_dpc_punt(struct dpc *d, const struct weft_ipc_punt *punt, const void *frame)
{
	struct dpc_listener *l;

	TAILQ_FOREACH(l, &d->listeners, link)
	if (l->ops->punt)
		l->ops->punt(l->arg, l->tenant, punt, frame);
}

void dpc_packet_out(struct dpc *d, weft_tenant_id tenant, uint32_t in_port, const void *actions,
	size_t actions_len, const void *frame, size_t frame_len, dpc_done_fn done, void *arg)
{
	enum weft_error e;

	if (fake_record_packet(&d->stage, in_port, actions, actions_len, frame, frame_len))
		return;
	e = take_failure(d);
	WEFT_ACTION_FOR_EACH(a, actions, actions_len)
	{
		const struct weft_action_output *o = weft_action_payload(a);
		const struct weft_ipc_punt punt = {
			.cookie = UINT64_MAX,
			.total_len = (uint32_t)frame_len,
			.data_len = (uint32_t)frame_len,
			.in_port = in_port,
			.reason = WEFT_PACKET_IN_PACKET_OUT,
			.max_len = o->max_len,
		};

		if (!e && a->type == WEFT_ACTION_OUTPUT && a->arg == WEFT_OFPORT_CONTROLLER)
			fake_dpc_punt(d, &punt, frame);
	}
	ask(d, done, arg, e);
}

// ---- barriers and dumps

void dpc_barrier(struct dpc *d, dpc_done_fn done, void *arg)
{
	ask(d, done, arg, WEFT_E_NONE);
}

static void tell_rule(struct request *rq, const struct rule *r)
{
	const struct weft_flow_stats stats = {
		.cookie = r->mod.cookie,
		.duration_ns = 4000000006u,
		.idle_timeout = r->mod.idle_timeout,
		.hard_timeout = r->mod.hard_timeout,
		.priority = r->mod.priority,
		.flags = r->mod.flags,
		.importance = r->mod.importance,
		.table = r->mod.table,
	};
	const struct dpc_flow flow = {&stats, r->match, r->instructions};

	rq->flow(rq->arg, 1, &flow);
}

static void run_flows(struct dpc *d, struct request *rq)
{
	size_t n = 0;
	struct rule *r;

	TAILQ_FOREACH(r, &d->rules, link)
	{
		if (rq->dump.paused || rq->dump.cancelled)
			return;
		if (!passes(r, &rq->filter, &rq->match, false, 0) || n++ < rq->dump.told)
			continue;
		rq->dump.told++;
		tell_rule(rq, r);
	}
}

struct dpc_dump *dpc_dump_flows(struct dpc *d, weft_tenant_id tenant,
	const struct weft_flow_filter *filter, const struct weft_match *match, dpc_flow_fn flow,
	dpc_done_fn end, void *arg)
{
	struct request *rq = ask(d, end, arg, take_failure(d));

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

	TAILQ_FOREACH(rq, &d->paused, link)
	if (&rq->dump == dump)
		break;
	if (!rq)
		return;
	TAILQ_REMOVE(&d->paused, rq, link);
	TAILQ_INSERT_TAIL(&d->requests, rq, link);
	arm(d);
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

	TAILQ_FOREACH(rq, &d->paused, link)
	n++;
	return n;
}

static void run_aggregate(struct dpc *d, struct request *rq)
{
	struct weft_aggregate a = {0};
	struct rule *r;

	TAILQ_FOREACH(r, &d->rules, link)
	a.flows += passes(r, &rq->filter, &rq->match, false, 0);
	a.packets = 11 * a.flows;
	a.bytes = 1100 * a.flows;
	rq->item(rq->arg, 1, &a, sizeof(a));
}

void dpc_dump_aggregate(struct dpc *d, weft_tenant_id tenant, const struct weft_flow_filter *filter,
	const struct weft_match *match, dpc_item_fn item, dpc_done_fn end, void *arg)
{
	struct request *rq = ask(d, end, arg, take_failure(d));

	rq->run = run_aggregate;
	rq->item = item;
	rq->filter = *filter;
	rq->match = *match;
}

static void dump_tables(struct dpc *d, struct request *rq)
{
	struct weft_table_stats s[WEFT_TABLES] = {0};
	struct rule *r;

	TAILQ_FOREACH(r, &d->rules, link)
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

	if (rq->id != all && !find(list, rq->id))
		rq->error = none;
	TAILQ_FOREACH(o, list, link)
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
	struct request *rq = ask(d, end, arg, take_failure(d));

	rq->run = run_dump;
	rq->item = item;
	rq->type = type;
	rq->id = request ? ((const struct weft_ipc_id *)request)->id : 0;
}

// ---- listeners and state

struct dpc_listener *dpc_listen(
	struct dpc *d, weft_tenant_id tenant, const struct dpc_listener_ops *ops, void *arg)
{
	struct dpc_listener *l = agent_zalloc(sizeof(*l));

	l->dpc = d;
	l->ops = ops;
	l->arg = arg;
	l->tenant = tenant;
	TAILQ_INSERT_TAIL(&d->listeners, l, link);
	return l;
}

void dpc_unlisten(struct dpc_listener *l)
{
	if (!l)
		return;
	TAILQ_REMOVE(&l->dpc->listeners, l, link);
	free(l);
}

uint64_t dpc_epoch(const struct dpc *d)
{
	return d->epoch;
}

bool dpc_blocked(const struct dpc *d)
{
	return d->blocked;
}

struct dpc *fake_dpc_new(struct event_base *base)
{
	struct dpc *d = agent_zalloc(sizeof(*d));

	d->base = base;
	d->answer = evtimer_new(base, on_answer, d);
	d->max_rules = SIZE_MAX;
	d->epoch = 1;
	TAILQ_INIT(&d->rules);
	TAILQ_INIT(&d->groups);
	TAILQ_INIT(&d->meters);
	TAILQ_INIT(&d->requests);
	TAILQ_INIT(&d->paused);
	TAILQ_INIT(&d->listeners);
	return d;
}

void fake_dpc_lose(struct dpc *d)
{
	struct request *rq;

	d->epoch++;
	forget_all(d);
	d->stage.failed = true;
	if (d->stage.saved)
		fake_dpc_restore(d, d->stage.saved, false);
	d->stage.saved = NULL;
	TAILQ_CONCAT(&d->requests, &d->paused, link);
	TAILQ_FOREACH(rq, &d->requests, link)
	{
		rq->error = WEFT_E_STATE;
		rq->dump.paused = false;
	}
	on_answer(-1, 0, d);
}

void fake_dpc_free(struct dpc *d)
{
	fake_dpc_lose(d);
	event_free(d->answer);
	free(d);
}

static size_t port_index(const struct dpc *d, uint32_t ofport)
{
	size_t i = 0;

	while (i < d->port_count && d->ports[i].port.ofport != ofport)
		i++;
	return i;
}

void fake_dpc_put_port(struct dpc *d, const struct weft_ipc_port_status *port)
{
	size_t i = port_index(d, port->port.ofport);

	d->ports[i] = *port;
	if (i == d->port_count)
		d->port_count++;
}

void fake_dpc_remove_port(struct dpc *d, uint32_t ofport)
{
	size_t i = port_index(d, ofport);

	if (i < d->port_count)
		d->ports[i] = d->ports[--d->port_count];
}

const struct weft_ipc_port_status *fake_dpc_port(const struct dpc *d, uint32_t ofport)
{
	size_t i = port_index(d, ofport);

	return i < d->port_count ? &d->ports[i] : NULL;
}

void fake_dpc_set_delay(struct dpc *d, unsigned milliseconds)
{
	d->delay_ms = milliseconds;
}

void fake_dpc_set_blocked(struct dpc *d, bool blocked)
{
	struct dpc_listener *l;

	d->blocked = blocked;
	TAILQ_FOREACH(l, &d->listeners, link)
	if (!blocked && l->ops->unblocked)
		l->ops->unblocked(l->arg);
}

void fake_dpc_set_max_rules(struct dpc *d, size_t n)
{
	d->max_rules = n;
}

void fake_dpc_fail_next(struct dpc *d, enum weft_error error)
{
	d->fail_next = error;
}

void fake_dpc_expire_rules(struct dpc *d, enum weft_removed reason)
{
	while (!TAILQ_EMPTY(&d->rules)) {
		tell_removed(d, TAILQ_FIRST(&d->rules), (uint8_t)reason);
		free_rule(d, TAILQ_FIRST(&d->rules));
	}
}

void fake_dpc_tell_removed(struct dpc *d, enum weft_removed reason, unsigned times)
{
	const struct rule *r = TAILQ_FIRST(&d->rules);

	while (r && times--)
		tell_removed(d, r, (uint8_t)reason);
}

size_t fake_dpc_rule_count(const struct dpc *d)
{
	return d->rule_count;
}

size_t fake_dpc_requests(const struct dpc *d)
{
	return d->request_count;
}
