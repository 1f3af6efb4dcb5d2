// SPDX-License-Identifier: Apache-2.0
#include "flowtable/txn.h"

#include "flowtable/rules/aftermath.h"
#include "flowtable/rules/monitor.h"
#include "flowtable/switch.h"
#include "flowtable/rules/tables.h"

#include <stdlib.h>

// ---- the log

bool ft_txn_reserve(struct ft_txn *t, size_t n)
{
	while (t->n + n > FT_OPS_FIRST + (size_t)t->pages.n * FT_OPS_PAGE)
		if (!ft_pages_add(&t->pages, FT_OPS_PAGE * sizeof(struct ft_op)))
			return false;
	return true;
}

static bool op_removes(uint8_t type)
{
	return type == FT_OP_RULE_DEL || type == FT_OP_GROUP_DEL || type == FT_OP_METER_DEL;
}

void ft_txn_log(struct ft_txn *t, enum ft_op_type type, void *obj, uint8_t reason)
{
	*ft_txn_op(t, t->n++) = (struct ft_op){
		.obj = obj, .cause = t->cause, .type = (uint8_t)type, .reason = reason};
	t->removals += op_removes((uint8_t)type);
	t->resets += type == FT_OP_RULE_RESET;
}

// What was added stays in the log until workers have looked away from it.
static void undo(struct ft_switch *sw, struct ft_op *op)
{
	switch (op->type) {
	case FT_OP_RULE_ADD:
		ft_rule_undo_add(sw, op->obj);
		op->type = FT_OP_DEAD_RULE;
		return;
	case FT_OP_GROUP_ADD:
		ft_group_undo_add(sw, op->obj);
		op->type = FT_OP_DEAD_GROUP;
		return;
	case FT_OP_METER_ADD:
		ft_meter_undo_add(sw, op->obj);
		op->type = FT_OP_DEAD_METER;
		return;
	case FT_OP_RULE_DEL:
		ft_rule_undo_del(sw, op->obj, op->reason);
		break;
	case FT_OP_GROUP_DEL:
		ft_group_undo_del(sw, op->obj);
		break;
	case FT_OP_METER_DEL:
		ft_meter_undo_del(sw, op->obj);
		break;
	default:
		return; // undone before
	}
	op->type = FT_OP_NONE;
}

static void undo_range(struct ft_switch *sw, size_t from, size_t end)
{
	sw->txn->dead |= from < end;
	for (size_t i = end; i-- > from;) {
		struct ft_op *op = ft_txn_op(sw->txn, i);

		if (op->type == FT_OP_RULE_RESET)
			op->type = FT_OP_NONE;
		undo(sw, op);
	}
}

void ft_txn_undo(struct ft_switch *sw, size_t mark)
{
	undo_range(sw, mark, sw->txn->n);
}

// ---- the end of a transaction

static void txn_free(struct ft_txn *t)
{
	ft_pages_fini(&t->pages);
	free(t);
}

static struct ft_txn *txn_of(struct ft_garbage *g)
{
	return (struct ft_txn *)(void *)g; // the first member
}

// Where the next step of entries ends.
static size_t step_end(const struct ft_txn *t)
{
	return t->n - t->done > FT_RECLAIM_STEP ? t->done + FT_RECLAIM_STEP : t->n;
}

// No worker stands on any of it.
static void reclaim(struct ft_garbage *g)
{
	struct ft_txn *t = txn_of(g);

	for (size_t end = step_end(t); t->done < end; t->done++) {
		struct ft_op *op = ft_txn_op(t, t->done);

		if (op->type == FT_OP_RULE_DEL || op->type == FT_OP_DEAD_RULE)
			ft_rule_free(g->sw, op->obj);
		else if (op->type == FT_OP_GROUP_DEL || op->type == FT_OP_DEAD_GROUP)
			ft_group_free(g->sw, op->obj);
		else if (op->type == FT_OP_METER_DEL || op->type == FT_OP_DEAD_METER)
			ft_meter_free(g->sw, op->obj);
	}
	if (t->done < t->n)
		ft_garbage_add(&g->sw->garbage, g, reclaim);
	else
		txn_free(t);
}

// No worker is at a version that still has what was removed: its counters are final.
static void unlink_removed(struct ft_garbage *g)
{
	struct ft_switch *sw = g->sw;
	struct ft_txn *t = txn_of(g);

	ft_enter(sw);
	for (size_t end = step_end(t); t->done < end; t->done++) {
		struct ft_op *op = ft_txn_op(t, t->done);

		if (op->type == FT_OP_RULE_DEL) {
			ft_rule_tell_removed(sw, op->obj, op->reason, t->removed_ns);
			ft_rule_unlink(sw, op->obj);
		} else if (op->type == FT_OP_GROUP_DEL) {
			ft_group_unlink(sw, op->obj);
		} else if (op->type == FT_OP_METER_DEL) {
			ft_meter_unlink(sw, op->obj);
		}
	}
	ft_tables_publish(sw);
	if (t->done < t->n) {
		ft_garbage_add(&sw->garbage, g, unlink_removed);
	} else {
		t->done = 0;
		ft_garbage_add(&sw->garbage, g, reclaim);
	}
	ft_leave(sw);
}

static bool has_removals(const struct ft_txn *t)
{
	for (size_t i = 0; t->removals && i < t->n; i++)
		if (op_removes(ft_txn_op(t, i)->type))
			return true;
	return false;
}

void ft_txn_end(struct ft_switch *sw, struct ft_txn *t)
{
	t->done = 0;
	if (has_removals(t))
		ft_garbage_add(&sw->garbage, &t->garbage, unlink_removed);
	else if (t->dead)
		ft_garbage_add(&sw->garbage, &t->garbage, reclaim);
	else
		txn_free(t);
}

static void commit(struct ft_switch *sw)
{
	struct ft_txn *t = sw->txn;

	if (sw->learners.orphans || (sw->learners.going && !sw->learners.stepped))
		ft_learn_orphans(sw);
	ft_tables_publish(sw);
	if (t->resets && sw->env.count)
		sw->env.count(sw->env.ctx); // what came before is not to come after
	for (size_t i = 0; t->resets && i < t->n; i++)
		if (ft_txn_op(t, i)->type == FT_OP_RULE_RESET)
			ft_ids_reset(sw, ft_txn_op(t, i)->obj);
	t->removed_ns = sw->env.now_ns(sw->env.ctx);
	// Before: a path found out by the new version is not taken for one of the old epoch. After:
	// nor the other way round.
	ft_epoch_commit_begins(sw, t);
	atomic_store_explicit(&sw->version, t->version, memory_order_release);
	ft_epoch_commit_ends(sw);
	ft_learn_rooms_committed(sw);
	ft_learn_orphans_committed(sw);
	sw->txn = NULL;
	sw->cause = 0;
	if (!ft_changes_committed(sw, t))
		ft_txn_end(sw, t);
	ft_vacancy_check(sw);
	ft_aftermath_committed(sw);
}

// From the end; t->done entries are undone already. True: some are left.
static bool abort_txn(struct ft_switch *sw, size_t max)
{
	struct ft_txn *t = sw->txn;
	size_t end = t->n - t->done, from = end > max ? end - max : 0;

	undo_range(sw, from, end);
	t->done += end - from;
	if (from)
		return true;
	ft_tables_publish(sw);
	ft_learn_orphans_aborted(sw, t);
	sw->txn = NULL;
	sw->cause = 0;
	ft_txn_end(sw, t);
	return false;
}

// ---- begin … commit

static struct ft_txn *txn_new(struct ft_switch *sw)
{
	struct ft_txn *t = calloc(1, sizeof(*t));

	if (!t)
		return NULL;
	t->version = sw->next_version++;
	t->cause = sw->cause;
	sw->txn = t;
	return t;
}

bool ft_txn_begin(struct ft_switch *sw)
{
	return !sw->txn && txn_new(sw);
}

void ft_txn_commit(struct ft_switch *sw)
{
	if (!sw->txn)
		return;
	ft_enter(sw);
	commit(sw);
	ft_leave(sw);
}

bool ft_txn_complete_some(struct ft_switch *sw)
{
	if (!sw->txn || (!sw->learners.orphans && !sw->learners.going))
		return false;
	ft_enter(sw);
	ft_learn_orphans(sw);
	ft_leave(sw);
	return sw->learners.orphans || sw->learners.going;
}

bool ft_txn_abort_some(struct ft_switch *sw, size_t max)
{
	bool more;

	if (!sw->txn)
		return false;
	ft_enter(sw);
	more = abort_txn(sw, max);
	ft_leave(sw);
	return more;
}

void ft_txn_abort(struct ft_switch *sw)
{
	ft_txn_abort_some(sw, SIZE_MAX);
}

struct ft_txn *ft_request_begin(struct ft_switch *sw, size_t *mark)
{
	ft_enter(sw);
	if (!sw->txn) {
		if (!txn_new(sw)) {
			ft_leave(sw);
			return NULL;
		}
		sw->txn->implicit = true;
	}
	*mark = sw->txn->n;
	return sw->txn;
}

enum weft_error ft_request_finish(struct ft_switch *sw, size_t mark, enum weft_error error)
{
	if (error)
		ft_txn_undo(sw, mark);
	if (sw->txn->implicit)
		commit(sw);
	ft_leave(sw);
	return error;
}

// ---- garbage

void ft_garbage_add(
	struct ft_garbage_list *list, struct ft_garbage *g, void (*fn)(struct ft_garbage *))
{
	g->next = NULL;
	g->fn = fn;
	g->sw = list->sw;
	if (list->first)
		list->last->next = g;
	else
		list->first = g;
	list->last = g;
}

static void batch_due(void *obj)
{
	struct ft_garbage *g = obj, *next;
	struct ft_switch *sw = g->sw;

	ft_enter(sw);
	for (; g; g = next) {
		next = g->next;
		g->fn(g);
	}
	sw->batches--;
	ft_leave(sw);
}

void ft_enter(struct ft_switch *sw)
{
	sw->entered++;
}

void ft_leave(struct ft_switch *sw)
{
	struct ft_garbage *first = sw->garbage.first;

	if (--sw->entered)
		return;
	if (!first) {
		if (sw->dying && !sw->batches)
			ft_switch_bury(sw);
		return;
	}
	sw->garbage.first = sw->garbage.last = NULL;
	sw->batches++;
	sw->env.retire(sw->env.ctx, batch_due, first); // may call back, and end the switch
}
