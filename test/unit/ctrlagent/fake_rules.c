// SPDX-License-Identifier: Apache-2.0
#include "fake_inside.h"

#include <stdlib.h>

#include "mem.h"

void fake_free_rule(struct dpc *d, struct rule *r)
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
	WEFT_ACTION_FOR_EACH (a, in + 1, (size_t)in->apply_len + in->write_len)
		if (a->type == type && a->arg == arg)
			return true;
	return false;
}

bool fake_passes(const struct rule *r, const struct weft_flow_filter *f,
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

struct object *fake_find(struct objects *list, uint32_t id)
{
	struct object *o;

	TAILQ_FOREACH (o, list, link)
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
	if (in->meter_id && !fake_find(&d->meters, in->meter_id))
		return WEFT_E_METER_UNKNOWN;
	WEFT_ACTION_FOR_EACH (a, in + 1, (size_t)in->apply_len + in->write_len)
		if (a->type == WEFT_ACTION_GROUP && !fake_find(&d->groups, a->arg))
			return WEFT_E_ACTION_GROUP;
	return WEFT_E_NONE;
}

struct weft_flow_stats fake_stats(const struct rule *r, uint64_t duration_ns)
{
	return (struct weft_flow_stats){
		.cookie = r->mod.cookie,
		.duration_ns = duration_ns,
		.idle_timeout = r->mod.idle_timeout,
		.hard_timeout = r->mod.hard_timeout,
		.priority = r->mod.priority,
		.flags = r->mod.flags,
		.importance = r->mod.importance,
		.table = r->mod.table,
	};
}

void fake_tell_removed(struct dpc *d, const struct rule *r, uint8_t reason)
{
	struct weft_flow_stats stats = fake_stats(r, 3000000005u);
	const struct dpc_flow flow = {&stats, r->match, r->instructions};
	struct dpc_listener *l;

	if (!(r->mod.flags & WEFT_FLOW_SEND_REMOVED))
		return;
	stats.packets = 7;
	stats.bytes = 700;
	stats.reason = reason;
	TAILQ_FOREACH (l, &d->listeners, link)
		if (l->ops->flow_removed)
			l->ops->flow_removed(l->arg, l->tenant, &flow);
}

struct weft_instructions *fake_copy_instructions(const struct weft_instructions *in)
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
			fake_free_rule(d, r);
	}
	if (d->rule_count >= d->max_rules)
		return WEFT_E_TABLE_FULL;
	r = agent_zalloc(sizeof(*r));
	r->mod = *m;
	r->match = *match;
	r->instructions = fake_copy_instructions(in);
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
		if (!fake_passes(r, &f, match, strict, m->priority))
			continue;
		n++;
		if (m->command >= WEFT_FLOW_DELETE) {
			fake_tell_removed(d, r, WEFT_REMOVED_DELETE);
			fake_free_rule(d, r);
		} else {
			free(r->instructions);
			r->instructions = fake_copy_instructions(in);
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
	e = fake_take_failure(d);
	if (!e && !weft_match_ok(match))
		e = WEFT_E_MALFORMED;
	if (!e && mod->command < WEFT_FLOW_DELETE)
		e = check_instructions(d, mod, instructions);
	if (!e && mod->command == WEFT_FLOW_ADD)
		e = add_rule(d, mod, match, instructions);
	else if (!e)
		e = change_or_add(d, mod, match, instructions);
	fake_ask(d, done, arg, e);
}
