// SPDX-License-Identifier: Apache-2.0
#include "ipc/dp_stage.h"

#include "dp.h"
#include "ipc/dp_ipc.h"
#include "ipc/dp_stage_host.h"
#include "tenants/dp_tenant.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/queue.h>

#define DP_STAGE_LOOK 2048u // rules that an operation looks at in a step
#define DP_STAGE_UNDO 512u  // entries undone in a step
#define DP_STAGE_SEND 64u   // packets sent out in a step

enum dp_stage_state {
	DP_STAGE_OPEN,
	DP_STAGE_COMPLETING,
	DP_STAGE_UNDOING,
	DP_STAGE_UNDONE,
	DP_STAGE_PUBLISHED,
};

// A PORT_MOD or PACKET_OUT that waits: the message as it came.
struct dp_stage_later {
	STAILQ_ENTRY(dp_stage_later) link;
	uint32_t len;
	_Alignas(8) char msg[];
};

struct dp_stage {
	TAILQ_ENTRY(dp_stage) link; // of dp->stages
	struct dp_tenant *t;
	enum dp_stage_state state;
	enum weft_error error;       // what COMMIT is answered with
	bool asked;                  // COMMIT or ABORT has come,
	bool deserted;               // or the agent is gone
	struct weft_ipc_hdr request; // namely this one
	struct dp_stage_later *slow; // an operation that takes several turns; NULL: none
	struct ft_flow_steps steps;  // of it
	STAILQ_HEAD(, dp_stage_later) later;
};

static bool dp_stage_request(const struct dp_stage_later *l, struct dp_ipc_request *r)
{
	const char *why;

	return dp_ipc_decode(l->msg, l->len, r, &why);
}

static void dp_stage_shift(struct dp_stage *s)
{
	struct dp_stage_later *l = STAILQ_FIRST(&s->later);

	STAILQ_REMOVE_HEAD(&s->later, link);
	free(l);
}

static void dp_stage_free(struct dp_stage *s)
{
	while (!STAILQ_EMPTY(&s->later))
		dp_stage_shift(s);
	s->t->stage = NULL;
	TAILQ_REMOVE(&s->t->dp->stages, s, link);
	free(s->slow);
	free(s);
}

// ---- answers

void dp_stage_answer(
	struct dp *dp, const struct weft_ipc_hdr *request, enum weft_error e, const char *text)
{
	struct weft_ipc_error body = {.error = e};

	if (!dp_ipc_begin(dp->ipc, request->type, e ? WEFT_IPC_ERROR : 0, request->xid,
		    request->tenant, false))
		return;
	if (e) {
		snprintf(body.text, sizeof(body.text), "%s", text);
		dp_ipc_add(dp->ipc, &body, sizeof(body));
	}
	dp_ipc_end(dp->ipc);
}

static void dp_stage_finish(struct dp *dp, struct dp_stage *s)
{
	enum weft_error e = s->request.type == WEFT_IPC_ABORT ? WEFT_E_NONE : s->error;

	dp_stage_answer(dp, &s->request, e, weft_error_text(e));
	dp_stage_free(s);
}

// ---- operations

// NULL: no memory.
static struct dp_stage_later *dp_stage_copy(const struct dp_ipc_request *r)
{
	const char *msg = (const char *)r->body - sizeof(r->hdr);
	struct dp_stage_later *l = malloc(sizeof(*l) + r->hdr.len);

	if (!l)
		return NULL;
	l->len = r->hdr.len;
	memcpy(l->msg, msg, l->len);
	return l;
}

static enum weft_error dp_stage_keep(struct dp_stage *s, const struct dp_ipc_request *r)
{
	struct dp_stage_later *l = dp_stage_copy(r);

	if (!l)
		return WEFT_E_NO_MEMORY;
	STAILQ_INSERT_TAIL(&s->later, l, link);
	return WEFT_E_NONE;
}

static enum weft_error dp_stage_check_port(
	struct dp *dp, const struct dp_stage *s, const struct weft_ipc_port_mod *mod)
{
	const struct dp_port *p = dp_port_find_ofport(dp, s->t, mod->ofport);

	return p ? dp_port_mod_check(p, mod) : WEFT_E_NO_PORT;
}

static enum weft_error dp_stage_op(
	struct dp *dp, struct dp_stage *s, const struct dp_ipc_request *r, char why[static 100])
{
	enum weft_error e;

	switch (r->hdr.type) {
	case WEFT_IPC_PORT_MOD:
		e = dp_stage_check_port(dp, s, r->body);
		return e ? e : dp_stage_keep(s, r);
	case WEFT_IPC_PACKET_OUT:
		e = dp_ipc_packet_out_check(dp, s->t, r, why);
		return e ? e : dp_stage_keep(s, r);
	default:
		return dp_ipc_op_rules(s->t, r);
	}
}

static void dp_stage_failed(struct dp_stage *s)
{
	s->state = DP_STAGE_UNDOING;
	s->error = WEFT_E_STATE;
}

static void dp_stage_operate(struct dp *dp, struct dp_stage *s, const struct dp_ipc_request *r)
{
	char why[100] = "";
	enum weft_error e;

	if (s->state != DP_STAGE_OPEN)
		return; // COMMIT will say so
	e = s->slow ? WEFT_E_STATE : dp_stage_op(dp, s, r, why);
	if (e)
		dp_stage_failed(s);
	if (e)
		dp_ipc_result(dp->ipc, &r->hdr, e, *why ? why : weft_error_text(e));
}

// ---- what may be about very many rules

// The rules that go with a group or meter. True: there is more to do.
static bool dp_stage_users(struct dp_stage *s, const struct dp_ipc_request *r, enum weft_error *e)
{
	const struct weft_group_mod *group = r->body;
	const struct weft_meter_mod *meter = r->body;

	*e = WEFT_E_NONE;
	if (r->hdr.type == WEFT_IPC_GROUP_MOD && group->command == WEFT_GROUP_DELETE)
		return ft_del_users_some(
			s->t->sw, FT_USERS_GROUP, group->group, DP_STAGE_LOOK, &s->steps, e);
	if (r->hdr.type == WEFT_IPC_METER_MOD && meter->command == WEFT_METER_DELETE)
		return ft_del_users_some(
			s->t->sw, FT_USERS_METER, meter->meter, DP_STAGE_LOOK, &s->steps, e);
	return false;
}

// True: there is more to do.
static bool dp_stage_slow(struct dp_stage *s, const struct dp_ipc_request *r, enum weft_error *e)
{
	if (s->state != DP_STAGE_OPEN)
		*e = WEFT_E_STATE;
	else if (r->hdr.type == WEFT_IPC_FLOW_MOD)
		return ft_flow_mod_some(
			s->t->sw, r->body, &r->match, r->instructions, DP_STAGE_LOOK, &s->steps, e);
	else if (dp_stage_users(s, r, e))
		return true;
	else if (!*e)
		*e = dp_ipc_op_rules(s->t, r);
	return false;
}

static void dp_stage_slow_done(
	struct dp *dp, struct dp_stage *s, const struct weft_ipc_hdr *hdr, enum weft_error e)
{
	if (e && s->state == DP_STAGE_OPEN)
		dp_stage_failed(s);
	dp_stage_answer(dp, hdr, e, weft_error_text(e));
	free(s->slow);
	s->slow = NULL;
}

static void dp_stage_begin_slow(struct dp *dp, struct dp_stage *s, const struct dp_ipc_request *r)
{
	enum weft_error e = WEFT_E_STATE;

	if (s->slow) {
		dp_stage_answer(dp, &r->hdr, e, "another operation is not done yet");
		return;
	}
	s->steps = (struct ft_flow_steps){0};
	if (!dp_stage_slow(s, r, &e)) {
		dp_stage_slow_done(dp, s, &r->hdr, e);
		return;
	}
	s->slow = dp_stage_copy(r);
	if (s->slow)
		return;
	ft_flow_mod_cancel(&s->steps);
	dp_stage_slow_done(dp, s, &r->hdr, WEFT_E_NO_MEMORY);
}

// True: there is more to do.
static bool dp_stage_more_slow(struct dp *dp, struct dp_stage *s)
{
	enum weft_error e = WEFT_E_STATE;
	struct dp_ipc_request r;

	if (!dp_stage_request(s->slow, &r))
		return false; // it could be read before
	if (dp_stage_slow(s, &r, &e))
		return true;
	dp_stage_slow_done(dp, s, &r.hdr, e);
	return false;
}

// ---- the ends

// A port may have gone since its PORT_MOD was checked.
static enum weft_error dp_stage_recheck(struct dp *dp, const struct dp_stage *s)
{
	const struct dp_stage_later *l;
	struct dp_ipc_request r;
	enum weft_error e = WEFT_E_NONE;

	STAILQ_FOREACH (l, &s->later, link)
		if (!e && dp_stage_request(l, &r) && r.hdr.type == WEFT_IPC_PORT_MOD)
			e = dp_stage_check_port(dp, s, r.body);
	return e;
}

static void dp_stage_mod_ports(struct dp *dp, struct dp_stage *s)
{
	const struct dp_stage_later *l;
	struct dp_ipc_request r;

	STAILQ_FOREACH (l, &s->later, link)
		if (dp_stage_request(l, &r) && r.hdr.type == WEFT_IPC_PORT_MOD) {
			const struct weft_ipc_port_mod *mod = r.body;

			dp_port_mod(dp, dp_port_find_ofport(dp, s->t, mod->ofport), mod);
		}
}

static void dp_stage_commit(struct dp *dp, struct dp_stage *s)
{
	s->state = DP_STAGE_COMPLETING;
	if (ft_txn_complete_some(s->t->sw))
		return;
	s->error = dp_stage_recheck(dp, s);
	if (s->error) {
		s->state = DP_STAGE_UNDOING;
		return;
	}
	dp_stage_mod_ports(dp, s);
	ft_txn_commit(s->t->sw);
	s->state = DP_STAGE_PUBLISHED;
}

// False: more packets wait.
static bool dp_stage_send(struct dp *dp, struct dp_stage *s)
{
	struct dp_ipc_request r;
	char why[100];

	for (unsigned n = 0; n < DP_STAGE_SEND && !STAILQ_EMPTY(&s->later); n++) {
		if (dp_stage_request(STAILQ_FIRST(&s->later), &r) &&
			r.hdr.type == WEFT_IPC_PACKET_OUT)
			dp_ipc_packet_out(dp, &r, why); // what fails now is counted as a drop
		dp_stage_shift(s);
	}
	return STAILQ_EMPTY(&s->later);
}

// True: there is more to do at once.
static bool dp_stage_step(struct dp *dp, struct dp_stage *s)
{
	if (s->slow)
		return dp_stage_more_slow(dp, s);
	if (s->state == DP_STAGE_COMPLETING) {
		dp_stage_commit(dp, s);
		return true;
	}
	if (s->state == DP_STAGE_UNDOING && ft_txn_abort_some(s->t->sw, DP_STAGE_UNDO))
		return true;
	if (s->state == DP_STAGE_UNDOING)
		s->state = DP_STAGE_UNDONE;
	if (s->state == DP_STAGE_PUBLISHED && (!dp_stage_send(dp, s) || ft_changes_wait(s->t->sw)))
		return true;
	if (s->deserted)
		dp_stage_free(s);
	else if (s->asked)
		dp_stage_finish(dp, s);
	return false;
}

bool dp_stage_run(struct dp *dp)
{
	bool more = dp_stage_host_run(dp->host_stage);
	struct dp_stage *s, *last = TAILQ_LAST(&dp->stages, dp_stages);
	uint64_t until = last ? dp_now_ns() + DP_STEP_NS : 0;

	for (bool ends = !last; !ends;) {
		s = TAILQ_FIRST(&dp->stages);
		ends = s == last;
		TAILQ_REMOVE(&dp->stages, s, link);
		TAILQ_INSERT_TAIL(&dp->stages, s, link); // the others come first the next time
		if (s->state == DP_STAGE_OPEN && !s->slow)
			continue;
		more |= dp_stage_step(dp, s);
		if (!ends && dp_now_ns() >= until)
			return true;
	}
	return more;
}

// What is under way of an operation is undone; it is answered.
static void dp_stage_cut_short(struct dp *dp, struct dp_stage *s)
{
	struct dp_ipc_request r;

	if (!s->slow)
		return;
	ft_flow_mod_cancel(&s->steps);
	if (dp_stage_request(s->slow, &r))
		dp_stage_slow_done(dp, s, &r.hdr, WEFT_E_STATE);
}

static void dp_stage_close(struct dp *dp, struct dp_stage *s, const struct weft_ipc_hdr *hdr)
{
	dp_stage_cut_short(dp, s);
	s->asked = true;
	s->request = *hdr;
	if (s->state != DP_STAGE_OPEN)
		return;
	if (hdr->type == WEFT_IPC_COMMIT)
		dp_stage_commit(dp, s);
	else
		s->state = DP_STAGE_UNDOING;
}

void dp_stage_desert(struct dp *dp)
{
	struct dp_stage *s, *next;

	for (s = TAILQ_FIRST(&dp->stages); s; s = next) {
		next = TAILQ_NEXT(s, link);
		dp_stage_cut_short(dp, s);
		if (s->state == DP_STAGE_PUBLISHED) {
			dp_stage_free(s);
			continue;
		}
		if (s->state != DP_STAGE_UNDONE)
			s->state = DP_STAGE_UNDOING;
		s->deserted = true;
	}
}

bool dp_stage_any(const struct dp *dp)
{
	return !TAILQ_EMPTY(&dp->stages);
}

void dp_stage_drop(struct dp *dp, struct dp_tenant *only)
{
	struct dp_stage *s, *next;

	for (s = TAILQ_FIRST(&dp->stages); s; s = next) {
		next = TAILQ_NEXT(s, link);
		if (only && s->t != only)
			continue;
		dp_stage_cut_short(dp, s);
		if (s->state != DP_STAGE_PUBLISHED) {
			ft_txn_abort(s->t->sw);
			s->error = WEFT_E_NO_TENANT;
		}
		if (s->asked)
			dp_stage_finish(dp, s);
		else
			dp_stage_free(s);
	}
}

// ---- serving

static enum weft_error dp_stage_open(struct dp_tenant *t, const struct weft_ipc_begin *b)
{
	struct dp_stage *s;

	if (b->flags & ~WEFT_TXN_ATOMIC)
		return WEFT_E_BAD_FLAGS;
	if (t->stage || t->in_txn)
		return WEFT_E_IN_USE;
	s = calloc(1, sizeof(*s));
	if (!s || !ft_txn_begin(t->sw)) {
		free(s);
		return WEFT_E_NO_MEMORY;
	}
	s->t = t;
	STAILQ_INIT(&s->later);
	t->stage = s;
	TAILQ_INSERT_TAIL(&t->dp->stages, s, link);
	return WEFT_E_NONE;
}

// Without a transaction of its tenant: BEGIN alone can be right.
static void dp_stage_stranger(struct dp *dp, struct dp_tenant *t, const struct dp_ipc_request *r)
{
	enum weft_error e = t ? WEFT_E_STATE : WEFT_E_NO_TENANT;
	bool begins = r->hdr.type == WEFT_IPC_BEGIN;

	if (r->hdr.type == WEFT_IPC_COMMIT || r->hdr.type == WEFT_IPC_ABORT ||
		(r->hdr.flags & WEFT_IPC_REPLY && !begins)) {
		dp_stage_answer(dp, &r->hdr, e, weft_error_text(e));
		return;
	}
	if (t && begins)
		e = dp_stage_open(t, r->body);
	if (e || (r->hdr.flags & WEFT_IPC_REPLY))
		dp_ipc_result(dp->ipc, &r->hdr, e, weft_error_text(e));
}

// Of a tenant that is hidden, too: it may come back, and is to be then as if it had not been.
static struct dp_stage *dp_stage_of(
	const struct dp *dp, const struct dp_tenant *t, weft_tenant_id id)
{
	struct dp_stage *s = NULL;

	if (t)
		return t->stage;
	TAILQ_FOREACH (s, &dp->stages, link)
		if (s->t->id == id)
			break;
	return s;
}

void dp_stage_serve(struct dp *dp, const struct dp_ipc_request *r)
{
	struct dp_tenant *t = dp_tenant_find(dp, r->hdr.tenant);
	struct dp_stage *s = dp_stage_of(dp, t, r->hdr.tenant);
	bool ends = r->hdr.type == WEFT_IPC_COMMIT || r->hdr.type == WEFT_IPC_ABORT;

	if (dp_stage_host_takes(r))
		dp_stage_host_serve(dp->host_stage, r);
	else if (!s || s->asked || r->hdr.type == WEFT_IPC_BEGIN)
		dp_stage_stranger(dp, t, r);
	else if (ends)
		dp_stage_close(dp, s, &r->hdr);
	else if (r->hdr.flags & WEFT_IPC_REPLY)
		dp_stage_begin_slow(dp, s, r);
	else
		dp_stage_operate(dp, s, r);
}
