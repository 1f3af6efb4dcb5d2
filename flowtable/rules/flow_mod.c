// SPDX-License-Identifier: Apache-2.0
// OpenFlow's flow-mod: 1.3.5, 6.4. Check all, find what it is about, stage.
#include "flowtable/rules/check.h"
#include "flowtable/classifier/conjunction.h"
#include "flowtable/rules/select.h"
#include "flowtable/switch.h"

#include <stdlib.h>

#define FT_FLOW_FLAGS                                                                              \
	(WEFT_FLOW_SEND_REMOVED | WEFT_FLOW_CHECK_OVERLAP | WEFT_FLOW_RESET_COUNTS |               \
		WEFT_FLOW_NO_PACKET_COUNTS | WEFT_FLOW_NO_BYTE_COUNTS | WEFT_FLOW_HIDDEN |         \
		WEFT_FLOW_OR_ADD)

struct request {
	struct ft_switch *sw;
	const struct weft_flow_mod *mod;
	const struct weft_match *match;
	const struct weft_instructions *instr;
	uint64_t now_ns;
};

static bool deletes(uint8_t command)
{
	return command == WEFT_FLOW_DELETE || command == WEFT_FLOW_DELETE_STRICT;
}

static bool modifies(uint8_t command)
{
	return command == WEFT_FLOW_MODIFY || command == WEFT_FLOW_MODIFY_STRICT;
}

static enum weft_error check(const struct request *rq)
{
	const struct weft_flow_mod *mod = rq->mod;
	enum weft_error error;

	if (mod->command > WEFT_FLOW_DELETE_STRICT)
		return WEFT_E_BAD_COMMAND;
	if (mod->flags & ~FT_FLOW_FLAGS)
		return WEFT_E_BAD_FLAGS;
	if (mod->table >= WEFT_TABLES &&
		(mod->command == WEFT_FLOW_ADD || mod->table != WEFT_TABLE_ALL))
		return WEFT_E_BAD_TABLE;
	if ((mod->flags & WEFT_FLOW_OR_ADD) && !modifies(mod->command))
		return WEFT_E_BAD_FLAGS;
	error = ft_check_match(rq->match);
	if (error || deletes(mod->command))
		return error;
	return ft_check_instructions(rq->sw, mod->table, rq->match, rq->instr);
}

static struct ft_selector selector_of(const struct request *rq)
{
	bool del = deletes(rq->mod->command), add = rq->mod->command == WEFT_FLOW_ADD;

	return (struct ft_selector){
		.match = rq->match,
		.cookie = rq->mod->cookie,
		.cookie_mask = add ? 0 : rq->mod->cookie_mask,
		.out_port = del ? rq->mod->out_port : WEFT_OFPORT_ANY,
		.out_group = del ? rq->mod->out_group : WEFT_GROUP_ANY,
		.table = rq->mod->table,
		.hidden = rq->mod->flags & WEFT_FLOW_HIDDEN,
	};
}

// ---- add

static bool hides(void *arg, struct ft_rule *r)
{
	const struct ft_selector *s = arg;

	return !ft_selector_wants(s, r); // false ends the walk: there is one
}

static bool overlaps(const struct request *rq, struct ft_selector *s)
{
	const struct ft_table *t = ft_table_of(rq->sw, rq->mod->table);

	return t && !ft_table_each_overlap(t, rq->match, rq->mod->priority, hides, s);
}

// A soft rule with a mask that its table has not seen yet costs each lookup a probe.
static enum weft_error check_room(
	const struct request *rq, const struct weft_match *m, uint8_t table)
{
	const struct ft_table *t = ft_table_of(rq->sw, table);

	if (!t || !ft_conjunctive(rq->instr))
		return WEFT_E_NONE;
	return ft_conjunction_room(atomic_load_explicit(&t->soft, memory_order_relaxed), m);
}

// An add's rule, of the request's own; takes over the counters of what it replaces, but not its
// age, unless RESET_COUNTS says to start at zero.
static enum weft_error stage_new(const struct request *rq, struct ft_rule *old)
{
	const struct weft_flow_mod *mod = rq->mod;
	const uint16_t kept =
		(uint16_t) ~(WEFT_FLOW_CHECK_OVERLAP | WEFT_FLOW_RESET_COUNTS | WEFT_FLOW_OR_ADD);
	struct ft_program_spec says = {
		.idle_timeout = mod->idle_timeout,
		.hard_timeout = mod->hard_timeout,
		.importance = mod->importance,
		.flags = mod->flags & kept,
		.instr = rq->instr,
	};
	struct ft_rule_spec spec = {
		.match = rq->match,
		.program = ft_program_get(rq->sw, &says),
		.predecessor = mod->flags & WEFT_FLOW_RESET_COUNTS ? NULL : old,
		.cookie = mod->cookie,
		.created_ns = rq->now_ns,
		.priority = mod->priority,
		.table = mod->table,
		.flags = 0,
	};

	if (!spec.program)
		return WEFT_E_NO_MEMORY;
	if (spec.predecessor)
		spec.flags = old->flags;
	if (old) {
		if (!ft_txn_reserve(rq->sw->txn, 1)) {
			ft_program_put(rq->sw, spec.program);
			return WEFT_E_NO_MEMORY;
		}
		ft_stage_del(rq->sw, old, FT_REASON_SILENT);
	}
	return ft_stage_add(rq->sw, &spec) ? WEFT_E_NONE : WEFT_E_NO_MEMORY;
}

static bool checks_overlap(const struct request *rq)
{
	return rq->mod->command == WEFT_FLOW_ADD && rq->mod->flags & WEFT_FLOW_CHECK_OVERLAP;
}

// No rule that is there forbids it.
static enum weft_error flow_put(const struct request *rq)
{
	struct ft_selector s = selector_of(rq);
	enum weft_error error;
	struct ft_rule *old;

	old = ft_select_strict(rq->sw, &s, rq->mod->priority);
	error = check_room(rq, rq->match, rq->mod->table);
	if (!error && !old && rq->sw->rules >= rq->sw->limits.max_rules)
		error = ft_evict(rq->sw, rq->mod->table, rq->mod->importance);
	return error ? error : stage_new(rq, old);
}

static enum weft_error flow_add(const struct request *rq)
{
	struct ft_selector s = selector_of(rq);

	return checks_overlap(rq) && overlaps(rq, &s) ? WEFT_E_OVERLAP : flow_put(rq);
}

// ---- modify: the same rule with other instructions, or timeouts

// NULL: no memory. The transaction has room for two more.
static struct ft_rule *stage_successor(struct ft_switch *sw, struct ft_rule *old,
	const struct weft_match *match, const struct ft_program_spec *says, unsigned flags)
{
	const struct ft_rule_spec spec = {
		.match = match,
		.program = ft_program_get(sw, says),
		.predecessor = old,
		.cookie = old->cookie,
		.created_ns = old->created_ns,
		.priority = old->priority,
		.table = old->table,
		.flags = (uint8_t)(old->flags | flags),
	};
	struct ft_rule *r;

	if (!spec.program)
		return NULL;
	ft_stage_del(sw, old, FT_REASON_SILENT);
	r = ft_stage_add(sw, &spec);
	if (r)
		ft_txn_op(sw->txn, sw->txn->n - 1)->reason = FT_REASON_MODIFIED;
	return r;
}

static enum weft_error stage_modified(const struct request *rq, struct ft_rule *old)
{
	const struct ft_program *p = old->program;
	bool reset = rq->mod->flags & WEFT_FLOW_RESET_COUNTS;
	const struct ft_program_spec says = {
		p->idle_timeout, p->hard_timeout, p->importance, p->flags, rq->instr};
	struct weft_match match;
	enum weft_error error;
	struct ft_rule *r;

	ft_rule_match(old, &match);
	error = check_room(rq, &match, old->table);
	if (error)
		return error;
	if (!ft_txn_reserve(rq->sw->txn, 3) || (reset && !ft_ids_reserve_reset(rq->sw, old->id)))
		return WEFT_E_NO_MEMORY;
	r = stage_successor(rq->sw, old, &match, &says, reset ? FT_RULE_COUNTER_BASE : 0);
	if (!r)
		return WEFT_E_NO_MEMORY;
	if (reset)
		ft_txn_log(rq->sw->txn, FT_OP_RULE_RESET, r, 0);
	return WEFT_E_NONE;
}

static enum weft_error stage_retimed(
	struct ft_switch *sw, struct ft_rule *old, uint16_t idle, uint16_t hard)
{
	const struct ft_program *p = old->program;
	const struct ft_program_spec says = {idle, hard, p->importance, p->flags, &p->instr};
	struct weft_match match;

	ft_rule_match(old, &match);
	if (!ft_txn_reserve(sw->txn, 2) || !stage_successor(sw, old, &match, &says, 0))
		return WEFT_E_NO_MEMORY;
	return WEFT_E_NONE;
}

enum weft_error ft_flow_retime(
	struct ft_switch *sw, struct ft_rule *r, uint16_t idle, uint16_t hard)
{
	size_t mark;

	if (!ft_request_begin(sw, &mark))
		return WEFT_E_NO_MEMORY;
	return ft_request_finish(sw, mark, stage_retimed(sw, r, idle, hard));
}

static enum weft_error stage_deleted(const struct request *rq, struct ft_rule *old)
{
	if (!ft_txn_reserve(rq->sw->txn, 1))
		return WEFT_E_NO_MEMORY;
	ft_stage_del(rq->sw, old, WEFT_REMOVED_DELETE);
	return WEFT_E_NONE;
}

typedef enum weft_error stage_fn(const struct request *, struct ft_rule *);

// OpenFlow 1.0.2, 4.6: a modify that finds nothing is an add.
static enum weft_error found_none(const struct request *rq)
{
	struct weft_flow_mod mod = *rq->mod;
	struct request add = *rq;

	if (!(mod.flags & WEFT_FLOW_OR_ADD))
		return WEFT_E_NONE;
	mod.command = WEFT_FLOW_ADD;
	mod.table = mod.table == WEFT_TABLE_ALL ? 0 : mod.table;
	add.mod = &mod;
	return flow_add(&add);
}

static enum weft_error flow_loose(const struct request *rq, stage_fn *stage)
{
	struct ft_selector s = selector_of(rq);
	struct ft_selection found;
	enum weft_error error = WEFT_E_NONE;

	if (!ft_select_within(rq->sw, &s, &found))
		error = WEFT_E_NO_MEMORY;
	for (size_t i = 0; i < found.n && !error; i++)
		error = stage(rq, found.rule[i]);
	free(found.rule);
	return error || found.n ? error : found_none(rq);
}

static enum weft_error flow_strict(const struct request *rq, stage_fn *stage)
{
	struct ft_selector s = selector_of(rq);
	enum weft_error error = WEFT_E_NONE;
	unsigned last = s.table;
	bool none = true;

	if (s.table == WEFT_TABLE_ALL) {
		s.table = 0;
		last = WEFT_TABLES - 1;
	}
	for (; s.table <= last && !error; s.table++) {
		struct ft_rule *r = ft_select_strict(rq->sw, &s, rq->mod->priority);

		if (r)
			error = stage(rq, r);
		none &= !r;
	}
	return none ? found_none(rq) : error;
}

// What was asked is legal.
static enum weft_error flow_mod(const struct request *rq)
{
	switch ((enum weft_flow_command)rq->mod->command) {
	case WEFT_FLOW_ADD:
		return flow_add(rq);
	case WEFT_FLOW_MODIFY:
		return flow_loose(rq, stage_modified);
	case WEFT_FLOW_MODIFY_STRICT:
		return flow_strict(rq, stage_modified);
	case WEFT_FLOW_DELETE:
		return flow_loose(rq, stage_deleted);
	case WEFT_FLOW_DELETE_STRICT:
		return flow_strict(rq, stage_deleted);
	}
	return WEFT_E_BAD_COMMAND;
}

static struct request request_of(struct ft_switch *sw, const struct weft_flow_mod *mod,
	const struct weft_match *match, const struct weft_instructions *instr)
{
	static const struct weft_instructions none;

	return (struct request){
		.sw = sw,
		.mod = mod,
		.match = match,
		.instr = instr ? instr : &none,
		.now_ns = sw->env.now_ns(sw->env.ctx),
	};
}

static enum weft_error at_once(const struct request *rq)
{
	size_t mark;

	if (!ft_request_begin(rq->sw, &mark))
		return WEFT_E_NO_MEMORY;
	return ft_request_finish(rq->sw, mark, flow_mod(rq));
}

enum weft_error ft_flow_mod(struct ft_switch *sw, const struct weft_flow_mod *mod,
	const struct weft_match *match, const struct weft_instructions *instr)
{
	const struct request rq = request_of(sw, mod, match, instr);
	enum weft_error error = check(&rq);

	return error ? error : at_once(&rq);
}

// ---- in steps, over the rules by number

// Are more rules than this of the whole cookie that is asked for, or not in chains yet?
static bool is_wide_cookie(const struct request *rq, uint32_t max)
{
	bool all = rq->mod->table == WEFT_TABLE_ALL;
	struct ft_rule *r = NULL;
	uint32_t n = 0;

	if (!ft_cookies_is_whole(rq->sw))
		return ft_cookies_begin(rq->sw); // else: no memory to do better
	for (unsigned i = all ? 0 : rq->mod->table; i <= (all ? WEFT_TABLES - 1 : rq->mod->table);
		i++)
		while (n <= max && (r = ft_cookies_next(rq->sw, (uint8_t)i, rq->mod->cookie, r)))
			n++;
	return n > max;
}

// Must more rules than this be looked at, one by one?
static bool is_wide(const struct request *rq, uint32_t max)
{
	bool loose = rq->mod->command == WEFT_FLOW_MODIFY || rq->mod->command == WEFT_FLOW_DELETE;
	bool all = rq->mod->table == WEFT_TABLE_ALL;
	uint64_t rules = 0;

	if (rq->sw->rules <= max || (!loose && !checks_overlap(rq)))
		return false;
	if (loose && rq->mod->cookie_mask == UINT64_MAX)
		return is_wide_cookie(rq, max);
	for (unsigned i = all ? 0 : rq->mod->table; i <= (all ? WEFT_TABLES - 1 : rq->mod->table);
		i++) {
		const struct ft_table *t = ft_table_of(rq->sw, (uint8_t)i);

		if (t && t->rules && !ft_table_is_inner(t, rq->match))
			rules += t->rules;
	}
	return rules > max;
}

static enum weft_error step(const struct request *rq, struct ft_flow_steps *s, uint32_t max)
{
	stage_fn *stage = deletes(rq->mod->command) ? stage_deleted : stage_modified;
	const struct ft_selector selector = selector_of(rq);
	enum weft_error error = WEFT_E_NONE;

	for (; s->next < s->end && max && !error; s->next++, max--) {
		struct ft_rule *r = ft_ids_rule(rq->sw, s->next);

		if (!r || (selector.table != WEFT_TABLE_ALL && selector.table != r->table) ||
			!ft_selector_wants(&selector, r))
			continue;
		if (checks_overlap(rq)) {
			if (r->priority == rq->mod->priority && ft_rule_overlaps(r, rq->match))
				error = WEFT_E_OVERLAP;
		} else if (ft_rule_within(r, rq->match)) {
			s->any = true;
			error = stage(rq, r);
		}
	}
	return error;
}

static enum weft_error last_step(const struct request *rq, const struct ft_flow_steps *s)
{
	if (checks_overlap(rq))
		return flow_put(rq);
	return s->any ? WEFT_E_NONE : found_none(rq);
}

bool ft_flow_mod_some(struct ft_switch *sw, const struct weft_flow_mod *mod,
	const struct weft_match *match, const struct weft_instructions *instr, uint32_t max,
	struct ft_flow_steps *s, enum weft_error *error)
{
	const struct request rq = request_of(sw, mod, match, instr);

	if (!s->sw) {
		*error = check(&rq);
		if (!*error && mod->command == WEFT_FLOW_ADD && ft_evict_step_for(sw, mod->table))
			return true;
		if (!*error && (!sw->txn || !is_wide(&rq, max)))
			*error = at_once(&rq);
		else if (!*error)
			*s = (struct ft_flow_steps){
				.sw = sw, .mark = sw->txn->n, .end = sw->ids.count};
		if (!s->sw)
			return false;
	}
	ft_enter(sw);
	*error = step(&rq, s, max);
	ft_cookies_build(sw, s->next);
	if (*error || s->next == s->end) {
		if (!*error)
			*error = last_step(&rq, s);
		if (*error)
			ft_txn_undo(sw, s->mark);
		s->sw = NULL;
	}
	ft_leave(sw);
	return s->sw;
}

void ft_flow_mod_cancel(struct ft_flow_steps *s)
{
	struct ft_switch *sw = s->sw;

	if (!sw)
		return;
	ft_enter(sw);
	ft_txn_undo(sw, s->mark);
	ft_leave(sw);
	s->sw = NULL;
}
