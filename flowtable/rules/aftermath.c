// SPDX-License-Identifier: Apache-2.0
#include "flowtable/rules/aftermath.h"

#include "flowtable/switch.h"

#define FT_AFTERMATH_SWEEP 4096u // entries of heaps

bool ft_aftermath_awaited(const struct ft_switch *sw)
{
	return sw->learners.going || ft_evict_grows(sw);
}

bool ft_aftermath_any(const struct ft_switch *sw)
{
	return ft_aftermath_awaited(sw) || sw->untidy;
}

static void tell(struct ft_switch *sw, bool awaited)
{
	if (sw->env.aftermath && !sw->dying)
		sw->env.aftermath(sw->env.ctx, sw->ctx, awaited);
}

void ft_aftermath_came(struct ft_switch *sw)
{
	tell(sw, true);
}

void ft_aftermath_committed(struct ft_switch *sw)
{
	bool awaited = sw->learners.started && sw->learners.going;

	if (awaited || sw->untidy)
		tell(sw, awaited);
	sw->learners.started = false;
}

// False: no memory.
static bool commit_step(struct ft_switch *sw)
{
	size_t mark;

	if (!ft_request_begin(sw, &mark))
		return false;
	ft_request_finish(sw, mark, WEFT_E_NONE); // takes it along
	return true;
}

static void step(struct ft_switch *sw, bool stepped)
{
	if (sw->learners.going && !stepped && !commit_step(sw))
		ft_learn_orphans_give_up(sw);
	else if (ft_evict_grows(sw))
		ft_evict_grow(sw);
	else if (sw->untidy)
		sw->untidy = ft_timers_sweep(sw, FT_AFTERMATH_SWEEP) ||
			     ft_evict_sweep(sw, FT_AFTERMATH_SWEEP);
}

bool ft_aftermath_run(struct ft_switch *sw)
{
	bool stepped = sw->learners.stepped, any = ft_aftermath_any(sw);

	sw->learners.stepped = false;
	if (!any || sw->txn || sw->dying)
		return false;
	ft_enter(sw);
	step(sw, stepped);
	ft_leave(sw);
	return true;
}
