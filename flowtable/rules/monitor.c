// SPDX-License-Identifier: Apache-2.0
#include "flowtable/rules/monitor.h"

#include "flowtable/switch.h"

#include <stdlib.h>

// ---- monitors

enum weft_error ft_monitor_set(struct ft_switch *sw, unsigned slot,
	const struct weft_flow_filter *filter, const struct weft_match *match, unsigned kinds)
{
	struct ft_monitor *m;

	if (slot >= FT_MONITORS)
		return WEFT_E_TABLE_FULL;
	if (!sw->monitors)
		sw->monitors = calloc(1, sizeof(*sw->monitors));
	if (!sw->monitors)
		return WEFT_E_NO_MEMORY;
	m = &sw->monitors->slot[slot];
	m->match = *match;
	m->selector = ft_selector_of_filter(filter, &m->match);
	m->kinds = kinds;
	sw->monitors->used |= 1ull << slot;
	return WEFT_E_NONE;
}

void ft_monitor_clear(struct ft_switch *sw, unsigned slot)
{
	if (sw->monitors && slot < FT_MONITORS)
		sw->monitors->used &= ~(1ull << slot);
}

void ft_monitors_clear(struct ft_switch *sw)
{
	free(sw->monitors);
	sw->monitors = NULL;
}

void ft_cause(struct ft_switch *sw, uint64_t cause)
{
	sw->cause = cause;
	if (sw->txn)
		sw->txn->cause = cause;
}

static bool wants(const struct ft_monitor *m, const struct ft_rule *r)
{
	return (m->selector.table == WEFT_TABLE_ALL || m->selector.table == r->table) &&
	       ft_selector_fits(&m->selector, r) && ft_rule_within(r, &m->match);
}

// `old`: what the rule takes the place of, whose outputs count as well; NULL: nothing.
static uint64_t who_wants(const struct ft_monitors *all, enum ft_change_kind kind,
	const struct ft_rule *r, const struct ft_rule *old)
{
	uint64_t found = 0;

	for (uint64_t left = all->used; left; left &= left - 1) {
		unsigned i = (unsigned)__builtin_ctzll(left);
		const struct ft_monitor *m = &all->slot[i];

		if (m->kinds & FT_CHANGE_BIT(kind) && (wants(m, r) || (old && wants(m, old))))
			found |= 1ull << i;
	}
	return found;
}

// ---- telling

static void tell(struct ft_switch *sw, const struct ft_txn *t, const struct ft_op *op,
	enum ft_change_kind kind, const struct ft_rule *old)
{
	const struct ft_rule *r = op->obj;
	struct ft_change c = {
		.cause = op->cause, .version = t->version, .time_ns = t->removed_ns, .kind = kind};
	struct weft_flow_stats stats;
	struct weft_match match;

	c.monitors = who_wants(sw->monitors, kind, r, old);
	if (!c.monitors)
		return;
	ft_rule_stats(sw, r, t->removed_ns, &stats);
	stats.reason = kind == FT_CHANGE_REMOVED ? op->reason : 0;
	ft_rule_match(r, &match);
	sw->env.changed(sw->env.ctx, sw->ctx, &c, &stats, &match, ft_rule_instructions(r));
}

// The rule that the one added by entry i takes the place of.
static const struct ft_rule *replaced(const struct ft_txn *t, size_t i)
{
	const struct ft_op *before = i ? ft_txn_op(t, i - 1) : NULL;

	if (!before || before->type != FT_OP_RULE_DEL || before->reason != FT_REASON_SILENT)
		return NULL;
	return before->obj;
}

static void tell_entry(struct ft_switch *sw, const struct ft_txn *t, size_t i)
{
	const struct ft_op *op = ft_txn_op(t, i);
	const struct ft_rule *old;

	if (op->type == FT_OP_RULE_DEL && op->reason != FT_REASON_SILENT) {
		tell(sw, t, op, FT_CHANGE_REMOVED, NULL);
	} else if (op->type == FT_OP_RULE_ADD) {
		const struct ft_rule *r = op->obj;

		old = replaced(t, i);
		if (op->reason != FT_REASON_MODIFIED)
			tell(sw, t, op, FT_CHANGE_ADDED, old);
		else if (!old || old->program != r->program) // else nothing was modified
			tell(sw, t, op, FT_CHANGE_MODIFIED, old);
	}
}

// False: more is to be told of it.
static bool tell_some(struct ft_switch *sw, struct ft_txn *t, unsigned max)
{
	size_t end = t->n - t->told > max ? t->told + max : t->n;

	for (; t->told < end; t->told++)
		if (sw->monitors)
			tell_entry(sw, t, t->told);
	return t->told == t->n;
}

bool ft_changes_committed(struct ft_switch *sw, struct ft_txn *t)
{
	if (!sw->changes.first && (!sw->monitors || !sw->monitors->used || !sw->env.changed))
		return false;
	if (!sw->changes.first && t->n <= FT_CHANGES_NOW)
		return !tell_some(sw, t, FT_CHANGES_NOW);
	t->next = NULL;
	if (sw->changes.first) {
		sw->changes.last->next = t;
	} else {
		sw->changes.first = t;
		if (sw->env.backlog)
			sw->env.backlog(sw->env.ctx, sw->ctx);
	}
	sw->changes.last = t;
	return true;
}

bool ft_changes_wait(const struct ft_switch *sw)
{
	return sw->changes.first;
}

static void shift(struct ft_switch *sw)
{
	struct ft_txn *t = sw->changes.first;

	sw->changes.first = t->next;
	ft_txn_end(sw, t);
}

bool ft_changes_tell(struct ft_switch *sw, unsigned max)
{
	if (!sw->changes.first)
		return false;
	ft_enter(sw);
	if (tell_some(sw, sw->changes.first, max))
		shift(sw);
	ft_leave(sw);
	return sw->changes.first;
}

void ft_changes_drop(struct ft_switch *sw)
{
	ft_monitors_clear(sw);
	while (sw->changes.first)
		shift(sw);
}
