// SPDX-License-Identifier: Apache-2.0
#include <stdio.h>
#include <string.h>

#include "reconcile/plan.h"

#define WINDOW 64u // operations that the data plane is sent ahead of its answers

struct execution {
	struct dpc *dpc;
	const struct plan *plan;
	size_t sent;           // operations
	bool committed;        // was asked for
	unsigned waiting;      // for the answers of so many
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

	if (error == WEFT_E_MALFORMED && text[0])
		return agent_strdup(text); // what is wrong with it, to who wrote no message
	bool more = text[0] && strcmp(text, what) != 0;

	return agent_format("%s%s%s", what, more ? ": " : "", more ? text : "");
}

static void go_on(struct execution *e);

static void note(struct execution *e, const char *what, enum weft_error error, const char *text)
{
	char *why = reason(error, text);

	e->error = error;
	e->text = agent_format("%s: %s", what, why);
	free(why);
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
		note(e, step->op->what, error, text);
	}
	free(step);
	e->waiting--;
	go_on(e);
	release(e);
}

// Without it each operation would fail.
static void on_begin(void *arg, enum weft_error error, const char *text)
{
	struct execution *e = arg;

	if (error && !e->error && !e->ended)
		note(e, "the configuration", error, text);
	e->waiting--;
	go_on(e);
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

static void send_op(struct execution *e, const struct plan_op *op)
{
	struct step *step = agent_zalloc(sizeof(*step));

	step->execution = e;
	step->op = op;
	e->references++;
	e->waiting++;
	dpc_stage_op(e->dpc, op->type, op->tenant, op->body, op->len, on_op, step);
}

// Half a window at a time. What is all or nothing ends with the first that fails.
static void go_on(struct execution *e)
{
	bool over;

	if (e->committed)
		return;
	over = e->error || e->sent == e->plan->ops.count;
	if (!over && e->waiting > WINDOW / 2)
		return;
	while (!over && e->waiting < WINDOW) {
		send_op(e, &e->plan->ops.at[e->sent++]);
		over = e->sent == e->plan->ops.count;
	}
	if (!over)
		return;
	e->committed = true;
	e->references++;
	dpc_stage_commit(e->dpc, 0, on_commit, e);
}

void plan_execute(const struct plan *plan, struct dpc *dpc, plan_failed_fn failed, dpc_done_fn done,
	void *arg)
{
	struct execution *e = agent_zalloc(sizeof(*e));

	*e = (struct execution){.dpc = dpc,
		.plan = plan,
		.failed = failed,
		.done = done,
		.arg = arg,
		.waiting = 1,
		.references = 1};
	dpc_stage_host(dpc, failed ? 0 : WEFT_TXN_ATOMIC, on_begin, e);
	go_on(e);
}
