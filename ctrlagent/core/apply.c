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
	apply_done_fn done;
	void *arg;
};

static void finish(struct apply *ap, const char *error)
{
	struct apply_result result = {
		.ok = !error,
		.difference = ap->plan.text ? ap->plan.text : "",
		.error = error ? error : "",
		.added = ap->plan.added,
		.changed = ap->plan.changed,
		.removed = ap->plan.removed,
	};

	ap->a->applying = NULL;
	ap->done(ap->arg, &result);
	config_free(ap->config);
	model_free(&ap->desired);
	plan_free(&ap->plan);
	free(ap);
}

static const struct config *wanted(const struct apply *ap)
{
	return ap->config ? ap->config : ap->a->config;
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
		config_free(a->config);
		a->config = ap->config;
		ap->config = NULL;
	}
	a->ready = true;
	underlay_set(a->underlay, &a->model);
	switches_sync(&a->switches, a->config, &errors);
	finish(ap, errors);
	free(errors);
}

static void on_executed(void *arg, enum weft_error error, const char *text)
{
	struct apply *ap = arg;

	if (error) {
		log_error("nothing was changed: %s", text);
		finish(ap, text);
		return;
	}
	model_fetch(ap->a->dpc, on_settled, ap);
}

static void log_difference(const struct plan *plan)
{
	for (const char *at = plan->text; *at;) {
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
	plan_make(&ap->plan, &a->model, &ap->desired);
	if (ap->config)
		plan_add_switches(&ap->plan, a->config, ap->config);
	if (ap->dry_run) {
		finish(ap, NULL);
		return;
	}
	log_difference(&ap->plan);
	plan_execute(&ap->plan, a->dpc, on_executed, ap);
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

void agent_apply(struct agent *a, const char *path, bool dry_run, apply_done_fn done, void *arg)
{
	char *errors;
	struct config *config = config_load(path ? path : a->config_path, &errors);

	if (!config) {
		refuse(done, arg, errors);
		free(errors);
	} else if (a->applying || !dpc_is_up(a->dpc)) {
		refuse(done, arg,
			a->applying ? "another configuration is being applied"
				    : "the data plane is not connected");
		config_free(config);
	} else {
		agent_start_apply(a, config, dry_run, done, arg);
	}
}
