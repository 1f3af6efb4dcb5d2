// SPDX-License-Identifier: Apache-2.0
#include <stdio.h>
#include <string.h>

#include "reconcile/plan.h"

struct execution {
	plan_failed_fn failed; // NULL: all or nothing
	dpc_done_fn done;
	void *arg;
	enum weft_error error; // the first, and of what
	char *text;
	bool ended;          // `done` was called, and the plan may be gone
	unsigned references; // operations and commit that were not answered yet
};

struct step {
	struct execution *execution;
	const struct plan_op *op;
};

static void release(struct execution *e)
{
	if (--e->references)
		return;
	free(e->text);
	free(e);
}

static char *reason(enum weft_error error, const char *text)
{
	const char *what = weft_error_text(error);
	bool more = text[0] && strcmp(text, what) != 0;

	return agent_format("%s%s%s", what, more ? ": " : "", more ? text : "");
}

static void on_op(void *arg, enum weft_error error, const char *text)
{
	struct step *step = arg;
	struct execution *e = step->execution;

	// The one that failed is told first; the others then fail for its sake.
	if (error && e->failed && !e->ended) {
		char *why = reason(error, text);
		e->failed(e->arg, step->op, error, why);
		free(why);
	} else if (error && !e->error && !e->ended) {
		char *why = reason(error, text);
		e->error = error;
		e->text = agent_format("%s: %s", step->op->what, why);
		free(why);
	}
	free(step);
	release(e);
}

static void on_commit(void *arg, enum weft_error error, const char *text)
{
	struct execution *e = arg;

	if (error && !e->error) {
		e->error = error;
		e->text = reason(error, text);
	}
	e->ended = true;
	e->done(e->arg, e->error, e->error ? e->text : "");
	release(e);
}

void plan_execute(const struct plan *plan, struct dpc *dpc, plan_failed_fn failed, dpc_done_fn done,
	void *arg)
{
	struct execution *e = agent_zalloc(sizeof(*e));

	*e = (struct execution){.failed = failed,
		.done = done,
		.arg = arg,
		.references = (unsigned)plan->ops.count + 1};
	dpc_txn_begin(dpc, failed ? 0 : WEFT_TXN_ATOMIC);
	VEC_FOR_EACH (op, &plan->ops) {
		struct step *step = agent_zalloc(sizeof(*step));
		step->execution = e;
		step->op = op;
		dpc_op(dpc, op->type, op->tenant, op->body, op->len, on_op, step);
	}
	dpc_txn_commit(dpc, on_commit, e);
}
