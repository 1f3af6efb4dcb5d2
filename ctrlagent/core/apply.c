// SPDX-License-Identifier: Apache-2.0
#include <stdio.h>

#include "core/core.h"
#include "core/internal.h"

#define AGENT_LOG_MODULE "apply"
#include "log.h"

struct apply {
	struct agent *a;
	struct config *config; // new; NULL: the one in effect again
	bool dry_run;
	struct plan plan;
	struct model desired;
	struct missing missing; // ports that failed, of a reconciliation
	char *errors;           // what else did, lines
	apply_done_fn done;
	void *arg;
};

// One that came while a reconciliation was under way, which nobody asked for and nobody shall wait
// out by trying again.
struct waiting_apply {
	struct config *config;
	bool dry_run;
	apply_done_fn done;
	void *arg;
};

static void start_waiting(struct agent *a)
{
	struct waiting_apply *w = a->waiting;

	if (!w)
		return;
	a->waiting = NULL;
	agent_start_apply(a, w->config, w->dry_run, w->done, w->arg);
	free(w);
}

static void finish(struct apply *ap, const char *error)
{
	struct agent *a = ap->a;
	struct apply_result result = {
		.ok = !error,
		.difference = ap->plan.text.at ? ap->plan.text.at : "",
		.error = error ? error : "",
		.added = ap->plan.added,
		.changed = ap->plan.changed,
		.removed = ap->plan.removed,
	};

	a->applying = NULL;
	ap->done(ap->arg, &result);
	config_free(ap->config);
	model_free(&ap->desired);
	plan_free(&ap->plan);
	missing_free(&ap->missing);
	free(ap->errors);
	free(ap);
	start_waiting(a);
}

static const struct config *wanted(const struct apply *ap)
{
	return ap->config ? ap->config : ap->a->config;
}

static void add_error(struct apply *ap, const char *error)
{
	char *all =
		agent_format("%s%s%s", ap->errors ? ap->errors : "", ap->errors ? "\n" : "", error);

	free(ap->errors);
	ap->errors = all;
}

static void take_model(struct agent *a, struct model *m)
{
	model_free(&a->model);
	a->model = *m;
	free(m);
}

// The data plane is as wanted, and was read back.
static void on_settled(void *arg, struct model *m, enum weft_error error, const char *text)
{
	struct apply *ap = arg;
	struct agent *a = ap->a;
	char *errors = NULL;

	if (!m) {
		finish(ap, text[0] ? text : weft_error_text(error));
		return;
	}
	take_model(a, m);
	if (ap->config) {
		missing_keep_held(&a->missing);
		config_free(a->config);
		a->config = ap->config;
		ap->config = NULL;
		agent_retry_now(a);
	} else if (missing_replace(&a->missing, &ap->missing)) {
		a->retry_s = 0;
	}
	a->ready = true;
	underlay_set(a->underlay, &a->model);
	switches_sync(&a->switches, a->config, &errors);
	if (errors)
		add_error(ap, errors);
	free(errors);
	finish(ap, ap->errors);
}

// Of a reconciliation, where each stands alone: what fails misses only itself.
static void on_failed(void *arg, const struct plan_op *op, enum weft_error error, const char *why)
{
	struct apply *ap = arg;
	char *text;

	if (op->type == WEFT_IPC_PORT_ADD && error != WEFT_E_NO_TENANT) {
		missing_note(&ap->missing, &ap->desired, op->tenant, op->body, why);
		return;
	}
	if (error == WEFT_E_NO_TENANT || error == WEFT_E_NO_PORT)
		return; // of what failed itself, and was told
	text = agent_format("%s: %s", op->what, why);
	add_error(ap, text);
	free(text);
}

static void on_executed(void *arg, enum weft_error error, const char *text)
{
	struct apply *ap = arg;

	if (error) {
		if (ap->config)
			log_error("nothing was changed: %s", text);
		finish(ap, text);
		return;
	}
	model_fetch(ap->a->dpc, on_settled, ap);
}

static void log_difference(const struct plan *plan)
{
	for (const char *at = plan->text.at; *at;) {
		size_t n = strcspn(at, "\n");
		log_info("%.*s", (int)n, at);
		at += n + (at[n] == '\n');
	}
}

static void on_fetched(void *arg, struct model *m, enum weft_error error, const char *text)
{
	struct apply *ap = arg;
	struct agent *a = ap->a;

	if (!m) {
		finish(ap, text[0] ? text : weft_error_text(error));
		return;
	}
	take_model(a, m);
	model_desire(wanted(ap), &a->model, &a->ids, &ap->desired);
	if (ap->config)
		missing_hold(&a->missing, &ap->desired);
	plan_make(&ap->plan, &a->model, &ap->desired);
	if (ap->config)
		plan_add_switches(&ap->plan, a->config, ap->config);
	if (ap->dry_run) {
		finish(ap, NULL);
		return;
	}
	if (ap->config || !a->ready)
		log_difference(&ap->plan);
	plan_execute(&ap->plan, a->dpc, ap->config ? NULL : on_failed, on_executed, ap);
}

void agent_start_apply(
	struct agent *a, struct config *config, bool dry_run, apply_done_fn done, void *arg)
{
	struct apply *ap = agent_zalloc(sizeof(*ap));

	*ap = (struct apply){
		.a = a, .config = config, .dry_run = dry_run, .done = done, .arg = arg};
	a->applying = ap;
	model_fetch(a->dpc, on_fetched, ap);
}

static void refuse(apply_done_fn done, void *arg, const char *error)
{
	done(arg, &(struct apply_result){.error = error, .difference = ""});
}

void agent_refuse_waiting(struct agent *a, const char *error)
{
	struct waiting_apply *w = a->waiting;

	if (!w)
		return;
	a->waiting = NULL;
	refuse(w->done, w->arg, error);
	config_free(w->config);
	free(w);
}

void agent_apply(struct agent *a, const char *path, bool dry_run, apply_done_fn done, void *arg)
{
	char *errors;
	struct config *config = config_load(path ? path : a->config_path, &errors);

	if (config)
		errors = switches_check(config);
	if (errors) {
		refuse(done, arg, errors);
		free(errors);
		config_free(config);
	} else if (!dpc_is_up(a->dpc)) {
		refuse(done, arg, "the data plane is not connected");
		config_free(config);
	} else if (a->applying && (a->applying->config || a->waiting)) {
		refuse(done, arg, "another configuration is being applied");
		config_free(config);
	} else if (a->applying) {
		a->waiting = agent_zalloc(sizeof(*a->waiting));
		*a->waiting = (struct waiting_apply){config, dry_run, done, arg};
	} else {
		agent_start_apply(a, config, dry_run, done, arg);
	}
}
