// SPDX-License-Identifier: Apache-2.0
// Rules run in between, and lists run on a copy.
#include "flowtable/packet/nx.h"
#include "flowtable/packet/pause.h"
#include "flowtable/rules/tables.h"
#include "flowtable/cache/trace.h"

// ---- resubmit

// The lookup alone sees the other in_port.
static const struct ft_rule *look_up(
	struct ft_burst *b, struct ft_packet *pkt, uint8_t table, uint32_t in_port)
{
	const struct weft_flow_key *key = &pkt->key;
	weft_be32 own = key->in_port;
	const struct ft_rule *rule;

	if (in_port != WEFT_OFPORT_IN_PORT)
		pkt->key.in_port = htonl(in_port);
	ft_table_lookup_burst(b->sw, table, b->version, &key, 1, &rule);
	if (pkt->trace)
		ft_trace_rule(pkt, rule, table);
	pkt->key.in_port = own;
	ft_table_count(b->sw, b->worker, table, 1, rule != NULL);
	return rule;
}

// Where conjunctions must be looked for it takes long.
static bool afford_lookup(struct ft_burst *b, struct ft_run *run, uint8_t table)
{
	if (!ft_table_has_soft(b->sw, table) || ft_budget_steps(run->budget, FT_SOFT_STEPS))
		return true;
	ft_run_flush(b, run);
	run->why = WEFT_DROP_RECURSION;
	return false;
}

// A list that ends because of a TTL ends alone.
static bool caller_goes_on(const struct ft_run *run)
{
	return !run->exit && !run->pausing && run->why == WEFT_DROP_TTL;
}

static bool run_from(
	struct ft_burst *b, struct ft_run *run, uint8_t table, uint32_t in_port, bool last)
{
	struct ft_packet *pkt = run->pkt;

	for (;;) {
		const struct weft_instructions *i;
		const struct ft_rule *rule;

		if (!afford_lookup(b, run, table))
			return false;
		rule = look_up(b, pkt, table, in_port);
		if (!rule) {
			run->why = WEFT_DROP_TABLE_MISS;
			return true;
		}
		i = ft_rule_instructions(rule);
		ft_rule_count(b->sw, rule, b->worker, 1, pkt->pkt.total_len, b->now_ns);
		pkt->rule = rule;
		pkt->table = table;
		if (!ft_run_instructions(b, run, i, ft_rule_is_miss(rule), last)) {
			if (run->pausing)
				ft_pause_rule(run, i, WEFT_PAUSED_CALLED);
			return caller_goes_on(run);
		}
		if (!(i->flags & WEFT_INSTR_GOTO) || i->goto_table <= table)
			return true;
		table = i->goto_table;
		in_port = WEFT_OFPORT_IN_PORT;
	}
}

// False: a bound is reached.
static bool enter(struct ft_budget *budget, bool back)
{
	if (!budget->resubmits || budget->nesting == FT_MAX_NESTING ||
		(back && budget->depth == FT_MAX_DEPTH))
		return false;
	budget->resubmits--;
	budget->nesting++;
	budget->depth = (uint16_t)(budget->depth + back);
	return true;
}

static void leave(struct ft_budget *budget, bool back)
{
	budget->nesting--;
	budget->depth = (uint16_t)(budget->depth - back);
}

bool ft_resubmit(struct ft_burst *b, struct ft_run *run, const struct weft_action *a, bool last)
{
	const struct weft_action_resubmit *r = weft_action_payload(a);
	struct ft_packet *pkt = run->pkt;
	const struct ft_rule *rule = pkt->rule;
	uint8_t from = pkt->table, reason = run->reason;
	uint8_t table = r->table == WEFT_RESUBMIT_SAME_TABLE ? from : r->table;
	bool back = table <= from, on;

	if (!enter(run->budget, back)) {
		ft_run_flush(b, run);
		run->why = WEFT_DROP_RECURSION;
		return false;
	}
	on = run_from(b, run, table, a->arg, last);
	leave(run->budget, back);
	pkt->rule = rule;
	pkt->table = from;
	run->reason = reason;
	return on;
}

// ---- clone

bool ft_run_copy(struct ft_burst *b, struct ft_run *run, struct ft_run *copy)
{
	*copy = (struct ft_run){
		.pkt = b->sink->clone(b->sink, run->pkt),
		.why = WEFT_DROP_RULE,
		.reason = run->reason,
		.depth = run->depth,
		.packet_out = run->packet_out,
		.next = -1,
		.budget = run->budget,
	};
	if (!copy->pkt) {
		ft_trace_spoil(run->pkt);
		run->why = WEFT_DROP_NO_BUFFER;
	} else if (run->pkt->trace) {
		ft_trace_clone(run->pkt, copy->pkt);
	} else {
		copy->pkt->trace = NULL;
	}
	return copy->pkt;
}

// On a stack of its own. The action set is executed at the end, whatever becomes of it outside.
static void run_clone(struct ft_burst *b, struct ft_run *run, const struct weft_action *a)
{
	struct ft_stack stack, *outer = run->budget->stack;
	bool last = !ft_set_any_use(run->set), on, exit;

	stack.n = outer ? outer->n : 0;
	if (outer)
		memcpy(stack.at, outer->at, outer->n * sizeof(stack.at[0]));
	run->budget->stack = &stack;
	on = ft_run_actions(b, run, a + 1, a->len - sizeof(*a), last);
	exit = run->exit;
	if (on || exit)
		ft_run_set(b, run);
	else if (run->pausing)
		ft_pause_list(run);
	if (run->pausing)
		ft_pause_end(b, run);
	run->exit = exit;
	run->budget->stack = outer;
}

// Nothing comes after it: what it does to the packet and the set is seen by nobody.
static void clone_here(struct ft_burst *b, struct ft_run *run, const struct weft_action *a)
{
	uint8_t reason = run->reason;

	run_clone(b, run, a);
	ft_set_clear(run->set);
	run->reason = reason;
}

static void clone_on_copy(struct ft_burst *b, struct ft_run *run, const struct weft_action *a)
{
	struct ft_action_set set = *run->set;
	struct ft_run copy;

	if (!ft_run_copy(b, run, &copy))
		return;
	copy.set = &set;
	copy.watched = true;
	run_clone(b, &copy, a);
	run->exit = copy.exit;
	ft_run_end(b, &copy);
}

bool ft_clone(struct ft_burst *b, struct ft_run *run, const struct weft_action *a, bool last)
{
	if (last && !ft_set_any_use(run->set))
		clone_here(b, run, a);
	else
		clone_on_copy(b, run, a);
	return !run->exit;
}
