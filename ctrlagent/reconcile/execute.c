// SPDX-License-Identifier: Apache-2.0
#include <stdio.h>

#include "reconcile/plan.h"

struct execution {
	dpc_done_fn done;
	void *arg;
	enum weft_error error; // the first, and of what
	char *text;
	unsigned references; // operations and commit that were not answered yet
};

struct step {
	struct execution *execution;
	char *what;
};

static void release(struct execution *e)
{
	if (--e->references)
		return;
	free(e->text);
	free(e);
}

static void on_op(void *arg, enum weft_error error, const char *text)
{
	struct step *step = arg;
	struct execution *e = step->execution;

	// The one that failed is told first; the others then fail for its sake.
	if (error && !e->error) {
		e->error = error;
		e->text = agent_format("%s: %s%s%s", step->what, weft_error_text(error),
			text[0] ? ": " : "", text);
	}
	free(step->what);
	free(step);
	release(e);
}

static void on_commit(void *arg, enum weft_error error, const char *text)
{
	struct execution *e = arg;

	if (error && !e->error) {
		e->error = error;
		e->text = agent_format("%s%s%s", weft_error_text(error), text[0] ? ": " : "", text);
	}
	e->done(e->arg, e->error, e->error ? e->text : "");
	release(e);
}

void plan_execute(const struct plan *plan, struct dpc *dpc, dpc_done_fn done, void *arg)
{
	struct execution *e = agent_zalloc(sizeof(*e));

	*e = (struct execution){
		.done = done, .arg = arg, .references = (unsigned)plan->ops.count + 1};
	dpc_txn_begin(dpc, WEFT_TXN_ATOMIC);
	VEC_FOR_EACH (op, &plan->ops) {
		struct step *step = agent_zalloc(sizeof(*step));
		step->execution = e;
		step->what = agent_strdup(op->what);
		dpc_op(dpc, op->type, op->tenant, op->body, op->len, on_op, step);
	}
	dpc_txn_commit(dpc, on_commit, e);
}
