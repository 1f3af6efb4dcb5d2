// SPDX-License-Identifier: Apache-2.0
#include <stdio.h>

#include "core/background.h"
#include "core/core.h"
#include "core/internal.h"
#include "core/leftovers.h"

#define AGENT_LOG_MODULE "apply"
#include "log.h"

#define LOGGED_LINES 500u // of a difference

static const char LOST[] = "the connection to the data plane was lost";

struct apply {
	struct agent *a;
	struct config *config; // new; NULL: the one in effect again
	bool dry_run;
	struct plan plan;
	struct model *current; // as it was fetched
	struct model desired;
	bool lost;                      // the data plane that was read: another may have come
	bool adopted;                   // `config` is the agent's
	bool settling;                  // what will be the agent's model is being fetched,
	VEC(struct model_port) heard;   // and this was said of ports meanwhile
	struct background *planning;    // in a thread; NULL: not now
	struct switches_round *syncing; // NULL: likewise
	struct missing missing;         // ports that failed, of a reconciliation
	char *errors;                   // what else did, lines
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

static void end(struct apply *ap, const char *error)
{
	struct agent *a = ap->a;
	struct apply_result result = {
		.ok = !error,
		.lost = error && (ap->lost || !dpc_is_up(a->dpc)),
		.difference = ap->plan.text.at ? ap->plan.text.at : "",
		.error = error ? error : "",
		.added = ap->plan.added,
		.changed = ap->plan.changed,
		.removed = ap->plan.removed,
	};

	a->applying = NULL;
	switches_release(&a->switches);
	ap->done(ap->arg, &result);
	leftovers_free(
		a->base, &(struct leftovers){ap->config, ap->plan, ap->current, ap->desired});
	missing_free(&ap->missing);
	vec_free(&ap->heard);
	free(ap->errors);
	free(ap);
}

// A data plane that came meanwhile nobody has looked at yet.
static void finish(struct apply *ap, const char *error)
{
	struct agent *a = ap->a;

	end(ap, error);
	start_waiting(a);
	if (!a->ready && !evtimer_pending(a->retry, NULL))
		agent_reconcile(a);
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

void agent_note_port(
	struct agent *a, weft_tenant_id tenant, const struct weft_ipc_port_status *port)
{
	if (a->applying && a->applying->settling)
		vec_add(&a->applying->heard, ((struct model_port){tenant, *port}));
}

// Of a port that changed while it was fetched the model may have either state; the latest that was
// heard is the true one.
static void take_model(struct apply *ap, struct model *m)
{
	struct agent *a = ap->a;

	model_free(&a->model);
	a->model = *m;
	free(m);
	VEC_FOR_EACH (p, &ap->heard)
		model_hear_port(&a->model, p->tenant, &p->status);
	ap->settling = false;
}

static void on_synced(void *arg, char *errors)
{
	struct apply *ap = arg;

	ap->syncing = NULL;
	ap->a->ready = true;
	if (errors)
		add_error(ap, errors);
	free(errors);
	if (ap->adopted && ap->errors)
		agent_failed(ap->a, ap->errors);
	finish(ap, ap->errors);
}

// The new configuration is published, and in effect from now on.
static void adopt(struct apply *ap)
{
	struct agent *a = ap->a;

	missing_keep_held(&a->missing);
	config_free(a->config);
	a->config = ap->config;
	ap->config = NULL;
	ap->adopted = true;
}

// The data plane is as wanted, and was read back; or it was, and has gone.
static void on_settled(void *arg, struct model *m, enum weft_error error, const char *text)
{
	struct apply *ap = arg;
	struct agent *a = ap->a;

	if (ap->config)
		adopt(ap);
	if (!m) {
		finish(ap, text[0] ? text : weft_error_text(error));
		return;
	}
	take_model(ap, m);
	if (ap->adopted) {
		agent_retry_now(a);
	} else if (missing_replace(&a->missing, &ap->missing)) {
		a->retry_s = 0;
	}
	underlay_set(a->underlay, &a->model);
	ap->syncing = switches_sync(&a->switches, a->config, on_synced, ap);
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
		if (ap->config) {
			log_error("nothing was changed: %s", text);
			agent_look_soon(ap->a);
		}
		finish(ap, text);
		return;
	}
	ap->settling = true;
	model_fetch(ap->a->dpc, on_settled, ap);
}

static void log_difference(const struct plan *plan)
{
	const char *at = plan->text.at;
	unsigned lines = 0, more = 0;

	for (size_t n; *at; at += n + (at[n] == '\n')) {
		n = strcspn(at, "\n");
		if (lines++ < LOGGED_LINES)
			log_info("%.*s", (int)n, at);
		else
			more++;
	}
	if (more)
		log_info("and %u more", more);
}

// In a thread: of the agent's it touches what nobody else does while this is applied.
static void make_plan(void *arg)
{
	struct apply *ap = arg;
	struct agent *a = ap->a;

	model_desire(wanted(ap), ap->current, &a->ids, &ap->desired);
	if (ap->config)
		missing_hold(&a->missing, &ap->desired);
	plan_make(&ap->plan, ap->current, &ap->desired);
	if (ap->config)
		plan_add_switches(&ap->plan, a->config, ap->config);
}

static void on_planned(void *arg)
{
	struct apply *ap = arg;
	struct agent *a = ap->a;

	ap->planning = NULL;
	if (ap->lost) {
		finish(ap, LOST);
		return;
	}
	if (ap->dry_run) {
		finish(ap, NULL);
		return;
	}
	if (ap->config || !a->ready)
		log_difference(&ap->plan);
	switches_hold(&a->switches);
	plan_execute(&ap->plan, a->dpc, ap->config ? NULL : on_failed, on_executed, ap);
}

static void on_fetched(void *arg, struct model *m, enum weft_error error, const char *text)
{
	struct apply *ap = arg;

	if (!m) {
		finish(ap, text[0] ? text : weft_error_text(error));
		return;
	}
	ap->current = m;
	ap->planning = background_start(ap->a->base, make_plan, on_planned, ap);
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

static void refuse_lost(apply_done_fn done, void *arg)
{
	done(arg, &(struct apply_result){.lost = true,
			  .error = "the data plane is not connected",
			  .difference = ""});
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

static void apply_loaded(struct agent *a, struct config *config, bool dry_run, char *errors,
	apply_done_fn done, void *arg)
{
	if (errors) {
		refuse(done, arg, errors);
		free(errors);
		config_free(config);
	} else if (!dpc_is_up(a->dpc)) {
		refuse_lost(done, arg);
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

// A configuration that is read, in a thread.
struct loading {
	struct agent *a;
	struct background *background;
	char *path;
	struct config *config;
	char *errors;
	bool dry_run;
	apply_done_fn done;
	void *arg;
};

static void load(void *arg)
{
	struct loading *l = arg;

	l->config = config_load(l->path, &l->errors);
	if (l->config)
		l->errors = switches_check(l->config);
}

static void on_loaded(void *arg)
{
	struct loading *l = arg;

	l->a->loading = NULL;
	apply_loaded(l->a, l->config, l->dry_run, l->errors, l->done, l->arg);
	free(l->path);
	free(l);
}

bool agent_can_apply(const struct agent *a)
{
	return dpc_is_up(a->dpc) && !a->loading && !a->applying;
}

void agent_apply(struct agent *a, const char *path, bool dry_run, apply_done_fn done, void *arg)
{
	struct loading *l;

	if (a->loading) {
		refuse(done, arg, "another configuration is being applied");
		return;
	}
	l = agent_zalloc(sizeof(*l));
	*l = (struct loading){.a = a,
		.path = agent_strdup(path ? path : a->config_path),
		.dry_run = dry_run,
		.done = done,
		.arg = arg};
	a->loading = l;
	if (dpc_is_up(a->dpc)) {
		l->background = background_start(a->base, load, on_loaded, l);
		return;
	}
	load(l); // nobody waits
	on_loaded(l);
}

void agent_apply_lost(struct agent *a)
{
	struct apply *ap = a->applying;

	if (ap)
		ap->lost = true;
	if (!ap || !ap->syncing)
		return;
	switches_round_cancel(ap->syncing);
	ap->syncing = NULL;
	finish(ap, LOST);
}

void agent_stop_applying(struct agent *a)
{
	struct apply *ap = a->applying;
	struct loading *l = a->loading;

	if (l) {
		background_cancel(l->background);
		free(l->errors);
		l->errors = agent_strdup("the agent ends");
		on_loaded(l);
	}
	agent_refuse_waiting(a, "the agent ends");
	if (!ap || (!ap->planning && !ap->syncing))
		return; // it waits for the data plane, and will be told
	if (ap->planning)
		background_cancel(ap->planning);
	if (ap->syncing)
		switches_round_cancel(ap->syncing);
	end(ap, "the agent ends");
}
