// SPDX-License-Identifier: Apache-2.0
#include "tenants/dp_aftermath.h"

#include "dp.h"
#include "ipc/dp_ipc.h"
#include "tenants/dp_tenant.h"

// Not an event that may be lost: barriers wait for it.
static void dp_aftermath_tell(struct dp *dp, struct dp_tenant *t, bool busy)
{
	const struct weft_ipc_switch_busy body = {.busy = busy};

	t->busy = busy;
	if (!dp->ipc || !dp_ipc_connected(dp->ipc) ||
		!dp_ipc_begin(dp->ipc, WEFT_IPC_SWITCH_BUSY, 0, 0, t->id, false))
		return;
	dp_ipc_add(dp->ipc, &body, sizeof(body));
	dp_ipc_end(dp->ipc);
}

void dp_aftermath_came(void *ctx, void *sw_ctx, bool awaited)
{
	struct dp *dp = ctx;
	struct dp_tenant *t = sw_ctx;

	if (awaited)
		dp_aftermath_tell(dp, t, true);
	if (t->unfinished)
		return;
	t->unfinished = true;
	TAILQ_INSERT_TAIL(&dp->unfinished, t, unfinished_link);
}

void dp_aftermath_forget(struct dp *dp, struct dp_tenant *t)
{
	if (t->unfinished)
		TAILQ_REMOVE(&dp->unfinished, t, unfinished_link);
	t->unfinished = false;
}

// Who is not done goes to the end. True: there was something to do.
static bool dp_aftermath_step(struct dp *dp, struct dp_tenant *t)
{
	bool did = ft_aftermath_run(t->sw);

	dp_aftermath_forget(dp, t);
	if (t->busy && !ft_aftermath_awaited(t->sw))
		dp_aftermath_tell(dp, t, false);
	if (ft_aftermath_any(t->sw))
		dp_aftermath_came(dp, t, false);
	return did;
}

bool dp_aftermath_run(struct dp *dp)
{
	struct dp_tenant *last = TAILQ_LAST(&dp->unfinished, dp_unfinished), *t;
	uint64_t until;
	bool more = false;

	if (!last)
		return false;
	until = dp_now_ns() + DP_STEP_NS;
	do {
		t = TAILQ_FIRST(&dp->unfinished);
		more |= dp_aftermath_step(dp, t);
	} while (t != last && dp_now_ns() < until);
	return more;
}
