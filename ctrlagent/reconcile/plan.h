// SPDX-License-Identifier: Apache-2.0
#pragma once
// The way from one model to another: operations for one atomic transaction, and the same in words.
//
// Only what differs is named. The order is one in which each operation finds what it needs:
// removals from the leaves to the tenants, then additions from the host and the tenants to the
// leaves. What cannot be changed in place (a port; a tenant's network) is removed and made anew.

#include "reconcile/model.h"
#include "text/flow_text.h"

struct plan_op {
	enum weft_ipc_type type;
	weft_tenant_id tenant;
	size_t len;
	void *body;
	char *what; // "port red/vm1", for errors
};

struct plan {
	VEC(struct plan_op) ops;
	struct text text; // lines "+ port red/vm1 …\n"; "" if nothing differs
	unsigned added, changed, removed;
};

void plan_make(struct plan *plan, const struct model *current, const struct model *desired);
void plan_free(struct plan *plan);

// Adds lines for what concerns sessions only and is not in the data plane. `old` may be NULL.
void plan_add_switches(struct plan *plan, const struct config *old, const struct config *config);

// Sends it, as one transaction beside the stream's: others go on meanwhile. `done` is called once:
// with WEFT_E_NONE, or with the error and a text that names what failed and why.
//
// `failed` NULL: all or nothing. Else each operation stands alone, and it is called for each that
// fails, before `done`; its arguments live until it returns. `plan` must live until `done`.
typedef void (*plan_failed_fn)(
	void *arg, const struct plan_op *op, enum weft_error error, const char *why);
void plan_execute(const struct plan *plan, struct dpc *dpc, plan_failed_fn failed, dpc_done_fn done,
	void *arg);
