// SPDX-License-Identifier: Apache-2.0
// Paused packets go on (pause.h).
#include "flowtable/rules/check.h"
#include "flowtable/egress.h"
#include "flowtable/packet/extract.h"
#include "flowtable/packet/nx.h"
#include "flowtable/packet/single.h"

// ---- may it go on? (control thread)

static enum weft_error check_goto(
	const struct weft_paused_rule *r, const struct weft_instructions *i, bool last)
{
	if (!(i->flags & WEFT_INSTR_GOTO))
		return WEFT_E_NONE;
	if (i->goto_table <= r->table || i->goto_table >= WEFT_TABLES)
		return WEFT_E_BAD_GOTO;
	return last || r->flags & WEFT_PAUSED_CALLED ? WEFT_E_NONE : WEFT_E_MALFORMED;
}

static enum weft_error check_rule(const struct ft_switch *sw, const struct weft_paused_rule *r,
	enum ft_action_place place, bool last)
{
	const struct weft_instructions *i = weft_paused_instructions(r);
	struct ft_known known = ft_known_open;
	enum weft_error error;

	if (r->table >= WEFT_TABLES || i->meter_id || ft_check_shape(i))
		return WEFT_E_MALFORMED;
	error = check_goto(r, i, last);
	if (!error)
		error = ft_check_egress(sw, r->table, i);
	if (!error)
		error = ft_check_actions(
			sw, &known, place, weft_instructions_apply(i), i->apply_len);
	known = ft_known_open;
	if (!error)
		error = ft_check_actions(
			sw, &known, FT_ACTIONS_SET, weft_instructions_write(i), i->write_len);
	return error;
}

enum weft_error ft_resume_check(const struct ft_switch *sw, const struct weft_continuation *c,
	const void *actions, size_t len)
{
	const bool out = c->flags & WEFT_PAUSED_PACKET_OUT;
	const struct weft_paused_rule *r = weft_paused_rules(c);
	struct ft_known known = ft_known_open;
	enum weft_error error = ft_actions_check(sw, actions, len);

	if (!error)
		error = ft_check_actions(
			sw, &known, FT_ACTIONS_SET, weft_paused_set(c), c->set_len);
	for (unsigned left = c->n_rules; left && !error; left--, r = weft_paused_next(r))
		error = check_rule(
			sw, r, out ? FT_ACTIONS_PACKET_OUT : FT_ACTIONS_APPLY, left == 1);
	return error;
}

// ---- going on (worker)

static void restore(struct ft_burst *b, struct ft_run *run, const struct weft_continuation *c)
{
	const uint64_t *word = weft_paused_words(c);

	for (uint64_t map = c->map; map; map &= map - 1, word++)
		memcpy((char *)&run->pkt->key + 8 * (size_t)__builtin_ctzll(map), word, 8);
	if (c->n_stack) {
		run->budget->stack = &b->stacks[b->stacks_used++];
		run->budget->stack->n = c->n_stack;
		memcpy(run->budget->stack->at, weft_paused_stack(c), 16u * c->n_stack);
	}
	ft_set_write(run->set, weft_paused_set(c), c->set_len, c->flags & WEFT_PAUSED_SET_MISS);
	b->pass = weft_paused_pass(c);
	run->packet_out = c->flags & WEFT_PAUSED_PACKET_OUT;
}

// Whether a rule from here on uses the packet.
static bool any_use_from(const struct weft_paused_rule *r, unsigned n)
{
	for (; n; n--, r = weft_paused_next(r)) {
		const struct weft_instructions *i = weft_paused_instructions(r);
		const char *apply = weft_instructions_apply(i);

		if (i->flags & WEFT_INSTR_GOTO ||
			ft_any_use(apply, apply + i->apply_len + i->write_len))
			return true;
	}
	return false;
}

// As a resubmit to the table, which looks up with in_port as it is, and comes back.
static bool go_to_and_back(struct ft_burst *b, struct ft_run *run, uint8_t table, bool last)
{
	const struct {
		struct weft_action a;
		struct weft_action_resubmit to;
	} resubmit = {
		{WEFT_ACTION_RESUBMIT, sizeof(resubmit), WEFT_OFPORT_IN_PORT}, {.table = table}};

	return ft_run_actions(b, run, &resubmit, sizeof(resubmit), last);
}

static bool run_rule(
	struct ft_burst *b, struct ft_run *run, const struct weft_paused_rule *r, bool last)
{
	const struct weft_instructions *i = weft_paused_instructions(r);
	const unsigned called = r->flags & WEFT_PAUSED_CALLED;

	run->pkt->table = r->table;
	if (!ft_run_instructions(b, run, i, r->reason == WEFT_PACKET_IN_MISS, last)) {
		if (run->pausing)
			ft_pause_rule(run, i, called);
		return false;
	}
	if (!(i->flags & WEFT_INSTR_GOTO))
		return true;
	if (called)
		return go_to_and_back(b, run, i->goto_table, last);
	run->next = i->goto_table;
	return true;
}

static bool run_list(
	struct ft_burst *b, struct ft_run *run, const struct weft_paused_rule *r, bool last)
{
	const struct weft_instructions *i = weft_paused_instructions(r);

	run->pkt->table = r->table;
	run->reason = r->reason;
	if (ft_run_actions(b, run, weft_instructions_apply(i), i->apply_len, last))
		return true;
	if (run->pausing)
		ft_pause_list(run);
	return false;
}

// A rule that was called and ends because of a TTL ends alone.
static bool ends_alone(const struct ft_run *run, const struct weft_paused_rule *r)
{
	return r->flags & WEFT_PAUSED_CALLED && !run->exit && !run->pausing &&
	       run->why == WEFT_DROP_TTL;
}

static bool run_rules(
	struct ft_burst *b, struct ft_run *run, const struct weft_continuation *c, const void *end)
{
	const struct weft_paused_rule *r = weft_paused_rules(c), *next;

	for (unsigned left = c->n_rules; left; left--, r = next) {
		bool last, on;

		next = weft_paused_next(r);
		last = !any_use_from(next, left - 1) && !ft_set_any_use(run->set);
		on = r->flags & WEFT_PAUSED_LIST ? run_list(b, run, r, last)
						 : run_rule(b, run, r, last);
		if (run->pausing) {
			ft_pause_again(run, next, end, left - 1);
			return false;
		}
		if (!on && !ends_alone(run, r))
			return false;
		if (run->next >= 0) // into the tables, used up
			return true;
	}
	return true;
}

static void go_on(
	struct ft_burst *b, struct ft_run *run, const struct weft_continuation *c, const void *end)
{
	bool on = run_rules(b, run, c, end);

	if (run->next >= 0) {
		ft_run_tables(b, run);
		return;
	}
	if (c->flags & WEFT_PAUSED_SET_DONE) {
		if (run->pausing)
			run->pausing->set_done = true;
	} else if ((on || run->exit) && ft_set_any_use(run->set)) {
		ft_run_set(b, run);
	}
	if (run->pausing)
		ft_pause_end(b, run);
	ft_run_end(b, run);
}

void ft_switch_resume(struct ft_switch *sw, unsigned worker, uint64_t now_ns, struct ft_packet *pkt,
	const struct ft_resumption *r, struct ft_sink *sink)
{
	struct ft_single s;

	ft_single_init(&s, sw, worker, now_ns, pkt, sink);
	restore(&s.b, &s.run, r->continuation);
	if (pkt->pkt.len < 14) {
		s.run.why = WEFT_DROP_RX_TRUNCATED;
		ft_run_end(&s.b, &s.run);
		return;
	}
	ft_extract(&pkt->pkt, &pkt->key);
	if (ft_run_actions(&s.b, &s.run, r->actions, r->actions_len, false))
		go_on(&s.b, &s.run, r->continuation,
			(const char *)r->continuation + r->continuation_len);
	else
		ft_run_end(&s.b, &s.run);
}
