// SPDX-License-Identifier: Apache-2.0
#include "fake_inside.h"

#include <stdio.h>
#include <stdlib.h>

#include "mem.h"

struct fake_stage *fake_dpc_stage(struct dpc *d)
{
	return &d->stage;
}

void (*fake_dpc_on_port_mod)(const struct weft_ipc_port_mod *mod);

// ---- answers

void fake_arm(struct dpc *d)
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
		d->done_count++;
		free(rq);
	}
	if (!TAILQ_EMPTY(&d->requests))
		fake_arm(d);
}

struct request *fake_ask(struct dpc *d, dpc_done_fn done, void *arg, enum weft_error error)
{
	struct request *rq = agent_zalloc(sizeof(*rq));

	rq->done = done;
	rq->arg = arg;
	rq->error = error;
	TAILQ_INSERT_TAIL(&d->requests, rq, link);
	d->request_count++;
	fake_arm(d);
	return rq;
}

enum weft_error fake_take_failure(struct dpc *d)
{
	enum weft_error e = d->fail_next;

	d->fail_next = WEFT_E_NONE;
	return e;
}

// ---- groups and meters

static void put_object(struct objects *list, uint32_t id, const void *head, size_t head_len,
	const void *tail, size_t tail_len, size_t zeros)
{
	size_t len = head_len + tail_len + zeros;
	struct object *o = agent_zalloc(sizeof(*o) + len), *old = fake_find(list, id);

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
	e = fake_take_failure(d);
	if (!e && mod->command == WEFT_GROUP_ADD && fake_find(&d->groups, mod->group))
		e = WEFT_E_GROUP_EXISTS;
	if (!e && mod->command == WEFT_GROUP_MODIFY && !fake_find(&d->groups, mod->group))
		e = WEFT_E_GROUP_UNKNOWN;
	if (!e && mod->command == WEFT_GROUP_DELETE)
		delete_objects(&d->groups, mod->group, WEFT_GROUP_ALL);
	else if (!e)
		put_object(&d->groups, mod->group, &s, sizeof(s), buckets, bytes,
			mod->bucket_count * sizeof(struct weft_bucket_counters));
	fake_ask(d, done, arg, e);
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
	e = fake_take_failure(d);
	if (!e && mod->command == WEFT_METER_ADD && fake_find(&d->meters, mod->meter))
		e = WEFT_E_METER_EXISTS;
	if (!e && mod->command == WEFT_METER_MODIFY && !fake_find(&d->meters, mod->meter))
		e = WEFT_E_METER_UNKNOWN;
	if (!e && mod->command == WEFT_METER_DELETE)
		delete_objects(&d->meters, mod->meter, WEFT_METER_ALL);
	else if (!e)
		put_object(&d->meters, mod->meter, &s, sizeof(s), bands,
			mod->band_count * sizeof(*bands),
			mod->band_count * sizeof(struct weft_bucket_counters));
	fake_ask(d, done, arg, e);
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
	TAILQ_FOREACH (o, from, link) {
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
	TAILQ_FOREACH (r, &d->rules, link) {
		struct rule *copy = agent_zalloc(sizeof(*copy));

		*copy = *r;
		copy->instructions = fake_copy_instructions(r->instructions);
		TAILQ_INSERT_TAIL(&s->rules, copy, link);
	}
	copy_objects(&s->groups, &d->groups);
	copy_objects(&s->meters, &d->meters);
	return s;
}

static void forget_all(struct dpc *d)
{
	while (!TAILQ_EMPTY(&d->rules))
		fake_free_rule(d, TAILQ_FIRST(&d->rules));
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
		TAILQ_FOREACH (r, &d->rules, link)
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
	fake_ask(d, done, arg, error);
}

void dpc_monitor_set(struct dpc *d, weft_tenant_id tenant, const struct weft_ipc_monitor *monitor,
	const struct weft_match *match, dpc_done_fn done, void *arg)
{
	fake_ask(d, done, arg, WEFT_E_NONE);
}

// ---- ports and packets

void dpc_op(struct dpc *d, enum weft_ipc_type type, weft_tenant_id tenant, const void *body,
	size_t len, dpc_done_fn done, void *arg)
{
	enum weft_error e;

	if (fake_record(&d->stage, type, body, len, NULL, 0))
		return;
	e = fake_take_failure(d);
	if (!e && type == WEFT_IPC_PORT_MOD && fake_dpc_on_port_mod)
		fake_dpc_on_port_mod(body);
	if (!e && type == WEFT_IPC_TABLE_MOD)
		e = fake_tables_mod(&d->tables, body);
	fake_ask(d, done, arg, e);
}

void fake_dpc_table_status(struct dpc *d, const struct weft_table_desc *table)
{
	struct dpc_listener *l;

	TAILQ_FOREACH (l, &d->listeners, link)
		if (l->ops->table_status)
			l->ops->table_status(l->arg, l->tenant, table);
}

void fake_dpc_punt(struct dpc *d, const struct weft_ipc_punt *punt, const void *frame)
{
	struct dpc_listener *l;

	TAILQ_FOREACH (l, &d->listeners, link)
		if (l->ops->punt)
			l->ops->punt(l->arg, l->tenant, punt, frame);
}

void dpc_packet_out(struct dpc *d, weft_tenant_id tenant, uint32_t in_port, const void *actions,
	size_t actions_len, const void *frame, size_t frame_len, dpc_done_fn done, void *arg)
{
	enum weft_error e;

	if (fake_record_packet(&d->stage, in_port, actions, actions_len, frame, frame_len))
		return;
	e = fake_take_failure(d);
	WEFT_ACTION_FOR_EACH (a, actions, actions_len) {
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
	fake_ask(d, done, arg, e);
}

void dpc_resume(struct dpc *d, weft_tenant_id tenant, const struct dpc_resumption *r,
	dpc_done_fn done, void *arg)
{
	fake_ask(d, done, arg, fake_take_failure(d));
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
	TAILQ_FOREACH (rq, &d->requests, link) {
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
	TAILQ_FOREACH (l, &d->listeners, link)
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
		fake_tell_removed(d, TAILQ_FIRST(&d->rules), (uint8_t)reason);
		fake_free_rule(d, TAILQ_FIRST(&d->rules));
	}
}

void fake_dpc_tell_removed(struct dpc *d, enum weft_removed reason, unsigned times)
{
	const struct rule *r = TAILQ_FIRST(&d->rules);

	while (r && times--)
		fake_tell_removed(d, r, (uint8_t)reason);
}

size_t fake_dpc_rule_count(const struct dpc *d)
{
	return d->rule_count;
}

size_t fake_dpc_requests(const struct dpc *d)
{
	return d->request_count;
}
