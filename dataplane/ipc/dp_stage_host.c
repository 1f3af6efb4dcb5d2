// SPDX-License-Identifier: Apache-2.0
#include "ipc/dp_stage_host.h"

#include "dp.h"
#include "ipc/dp_ipc.h"
#include "ipc/dp_ipc_txn.h"
#include "ipc/dp_stage.h"

#include <stdlib.h>

struct dp_stage_host {
	struct dp *dp;
	struct dp_txn *txn;
	bool asked;                  // COMMIT or ABORT has come,
	bool deserted;               // or the agent is gone
	struct weft_ipc_hdr request; // namely this one
};

struct dp_stage_host *dp_stage_host_new(struct dp *dp)
{
	struct dp_stage_host *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	s->dp = dp;
	s->txn = dp_txn_new(dp);
	if (s->txn)
		return s;
	free(s);
	return NULL;
}

void dp_stage_host_free(struct dp_stage_host *s)
{
	if (!s)
		return;
	dp_txn_abandon(s->txn);
	dp_txn_free(s->txn);
	free(s);
}

// What makes, changes and removes whatever the configuration names.
static bool dp_stage_host_configures(unsigned type)
{
	switch (type) {
	case WEFT_IPC_HOST_SET:
	case WEFT_IPC_TENANT_ADD:
	case WEFT_IPC_TENANT_DEL:
	case WEFT_IPC_PORT_ADD:
	case WEFT_IPC_PORT_DEL:
	case WEFT_IPC_PORT_SET:
	case WEFT_IPC_PORT_MEMBERS:
	case WEFT_IPC_PROVIDER_SET:
		return true;
	default:
		return false;
	}
}

// What others may change meanwhile.
static bool dp_stage_host_shares(unsigned type)
{
	switch (type) {
	case WEFT_IPC_TENANT_SET:
	case WEFT_IPC_VTEP_ADD:
	case WEFT_IPC_VTEP_DEL:
	case WEFT_IPC_NEXTHOP_SET:
	case WEFT_IPC_NEXTHOP_DEL:
	case WEFT_IPC_FDB_ADD:
	case WEFT_IPC_FDB_DEL:
	case WEFT_IPC_NEIGH_ADD:
	case WEFT_IPC_NEIGH_DEL:
		return true;
	default:
		return false;
	}
}

// What is to be removed may have gone meanwhile, by one of those: a next hop whose route went, an
// address that an operator deleted. Then it is as it shall be.
static bool dp_stage_host_is_gone(unsigned type, enum weft_error e)
{
	switch (type) {
	case WEFT_IPC_VTEP_DEL:
	case WEFT_IPC_NEXTHOP_DEL:
	case WEFT_IPC_FDB_DEL:
	case WEFT_IPC_NEIGH_DEL:
		return e == WEFT_E_NOT_FOUND;
	default:
		return false;
	}
}

static bool dp_stage_host_ends(unsigned type)
{
	return type == WEFT_IPC_COMMIT || type == WEFT_IPC_ABORT;
}

bool dp_stage_host_takes(const struct dp_ipc_request *r)
{
	if (r->hdr.type == WEFT_IPC_BEGIN || dp_stage_host_ends(r->hdr.type))
		return !r->hdr.tenant;
	return dp_stage_host_configures(r->hdr.type) || dp_stage_host_shares(r->hdr.type);
}

bool dp_stage_host_is_open(const struct dp_stage_host *s)
{
	return dp_txn_is_open(s->txn);
}

bool dp_stage_host_bars(const struct dp_stage_host *s, const struct dp_ipc_request *r)
{
	const struct weft_ipc_begin *b = r->body;

	if (!dp_stage_host_is_open(s))
		return false;
	return dp_stage_host_configures(r->hdr.type) ||
	       (r->hdr.type == WEFT_IPC_BEGIN && b->flags & WEFT_TXN_ATOMIC);
}

// ---- serving

static enum weft_error dp_stage_host_begin(struct dp_stage_host *s, const struct dp_ipc_request *r)
{
	if (dp_stage_host_is_open(s) || dp_txn_is_atomic(dp_ipc_txn(s->dp->ipc)))
		return WEFT_E_IN_USE;
	s->asked = false;
	return dp_txn_begin(s->txn, r->body);
}

static enum weft_error dp_stage_host_operate(
	struct dp_stage_host *s, const struct dp_ipc_request *r, char why[static 100])
{
	struct ft_flow_steps none = {0}; // of rules, which are not among these
	enum weft_error e;

	if (!dp_stage_host_is_open(s) || s->asked)
		return WEFT_E_STATE;
	if (dp_txn_failed(s->txn))
		return WEFT_E_NONE; // COMMIT will say so
	e = dp_ipc_op(s->dp, s->txn, r, &none, why);
	if (dp_stage_host_is_gone(r->hdr.type, e))
		e = WEFT_E_NONE;
	if (e)
		dp_txn_fail(s->txn);
	return e;
}

static void dp_stage_host_close(struct dp_stage_host *s, const struct dp_ipc_request *r)
{
	if (!dp_stage_host_is_open(s) || s->asked) {
		dp_stage_answer(s->dp, &r->hdr, WEFT_E_STATE, weft_error_text(WEFT_E_STATE));
		return;
	}
	s->asked = true;
	s->request = r->hdr;
	if (r->hdr.type == WEFT_IPC_ABORT)
		dp_txn_abort(s->txn);
}

void dp_stage_host_serve(struct dp_stage_host *s, const struct dp_ipc_request *r)
{
	char why[100] = "";
	enum weft_error e;

	if (dp_stage_host_ends(r->hdr.type)) {
		dp_stage_host_close(s, r);
		return;
	}
	e = r->hdr.type == WEFT_IPC_BEGIN ? dp_stage_host_begin(s, r)
					  : dp_stage_host_operate(s, r, why);
	if (e || (r->hdr.flags & WEFT_IPC_REPLY))
		dp_ipc_result(s->dp->ipc, &r->hdr, e, *why ? why : weft_error_text(e));
}

// ---- the end

bool dp_stage_host_run(struct dp_stage_host *s)
{
	enum weft_error e;

	if (!dp_stage_host_is_open(s))
		return false;
	if (!s->asked && !s->deserted)
		return dp_txn_undo_some(s->txn);
	if (dp_txn_commit_some(s->txn, &e))
		return true;
	if (s->request.type == WEFT_IPC_ABORT)
		e = WEFT_E_NONE;
	if (s->asked && !s->deserted)
		dp_stage_answer(s->dp, &s->request, e, weft_error_text(e));
	s->asked = s->deserted = false;
	return false;
}

void dp_stage_host_drop(struct dp_stage_host *s)
{
	if (!dp_stage_host_is_open(s))
		return;
	// One that is being committed is committed to the end.
	if (!s->asked && dp_txn_is_atomic(s->txn))
		dp_txn_abort(s->txn);
	s->deserted = true;
}
