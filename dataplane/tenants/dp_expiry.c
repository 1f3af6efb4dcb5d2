// SPDX-License-Identifier: Apache-2.0
#include "tenants/dp_expiry.h"

#include "dp.h"
#include "ipc/dp_ipc.h"
#include "ipc/dp_ipc_txn.h"
#include "tenants/dp_suppress.h"
#include "tenants/dp_tenant.h"

void dp_expiry_second(struct dp *dp)
{
	struct dp_expiry *x = &dp->expiry;

	if (x->at)
		return;
	x->at = dp->tenants;
}

void dp_expiry_turn(struct dp *dp)
{
	dp->expiry.tenants = DP_EXPIRY_TENANTS;
	dp->expiry.rules = DP_EXPIRY_RULES;
	dp->expiry.settled = 0;
	dp->expiry.grown = false;
}

// False: not all that is due was looked at.
static bool dp_expiry_rules(struct dp_expiry *x, struct dp_tenant *t)
{
	if (t->stage)
		return true;
	ft_expire(t->sw, &x->rules);
	if (!x->rules)
		return false;
	while (x->settled < DP_EXPIRY_SETTLE && ft_settle(t->sw))
		x->settled++;
	x->settled += ft_settle_gist(t->sw);
	if (!x->growing && ft_settle_more(t->sw))
		x->growing = t;
	return true;
}

// Whoever has come to rest since, or who was not looked at yet.
static struct dp_tenant *dp_expiry_next(struct dp_tenant *t)
{
	for (unsigned n = 0; n < DP_EXPIRY_TENANTS && (t = t->next); n++)
		if (!t->stage && ft_settle_has_more(t->sw))
			break;
	return t;
}

// A switch that is being changed gives way to the next: the change may take seconds, and whatever
// it leaves of the form is found by a later round.
static void dp_expiry_grow(struct dp_expiry *x)
{
	if (!x->growing || x->grown)
		return;
	x->grown = true;
	if (x->growing->stage || !ft_settle_more(x->growing->sw))
		x->growing = dp_expiry_next(x->growing);
}

static void dp_expiry_rest(struct dp *dp, struct dp_tenant *t)
{
	if (dp->host.fdb_age_s)
		ft_fdb_age(t->sw, dp->host.fdb_age_s);
	ft_fdb_release(t->sw);
	dp_suppress_age(dp, t);
	dp_snoop_second(t);
}

bool dp_expiry_run(struct dp *dp)
{
	struct dp_expiry *x = &dp->expiry;

	if ((x->at || x->growing) && dp->ipc && dp_txn_is_open(dp_ipc_txn(dp->ipc)))
		return false; // when it ends
	dp_expiry_grow(x);
	for (; x->at && x->tenants && x->rules && x->settled < DP_EXPIRY_SETTLE; x->tenants--) {
		if (!dp_expiry_rules(x, x->at))
			return true;
		dp_expiry_rest(dp, x->at);
		x->at = x->at->next;
	}
	return x->at || x->growing;
}

void dp_expiry_forget(struct dp *dp, const struct dp_tenant *t)
{
	if (dp->expiry.at == t)
		dp->expiry.at = t->next;
	if (dp->expiry.growing == t)
		dp->expiry.growing = NULL;
}
