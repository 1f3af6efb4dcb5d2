// SPDX-License-Identifier: Apache-2.0
// Paths from before a change of rules that still hold: by their herd (herd.h), or each by itself
// (history.h).
#include "flowtable/cache/cache_own.h"
#include "flowtable/cache/history.h"

static bool holds_by_itself(const struct ft_cache *c, const struct ft_path *p, struct ft_switch *sw)
{
	if (p->epoch < ft_base_epoch(sw)) {
		ft_history_ask(sw);
		return false;
	}
	return ft_history_spares(sw, p, alike_of(c, (uint32_t)(p - c->path)));
}

bool ft_cache_renew(struct ft_cache *c, struct ft_path *p, struct now *now)
{
	struct ft_switch *sw = now->front->sw;
	struct ft_herd *h = ft_herd_of(c->herd, now->front->number);
	uint64_t was = p->epoch;

	if (p->sw != sw || (now->epoch | was) & 1 || was > now->epoch)
		return false;
	if (!now->asked)
		now->since = ft_herd_since(h, sw, now->epoch);
	now->asked = true;
	if (was < now->since && !holds_by_itself(c, p, sw))
		return false;
	p->epoch = now->epoch;
	if (was < now->since && !ft_herd_has(h, was))
		ft_herd_join(h, p, alike_of(c, (uint32_t)(p - c->path)));
	return true;
}
