// SPDX-License-Identifier: Apache-2.0
#include "flowtable/cache/herd.h"

#include "flowtable/cache/history.h"
#include "flowtable/cache/path.h"
#include "flowtable/rules/rule.h"
#include "flowtable/switch.h"

// No path has an epoch yet that is later than the switch's.
static void begin(struct ft_herd *h, const struct ft_switch *sw)
{
	uint64_t epoch = ft_epoch(sw);

	h->number = sw->front->number;
	h->paths = h->let_go = 0;
	h->since = h->begun = epoch | 1;
	h->until = epoch & ~1ull;
	for (unsigned i = 0; i < FT_HERD_TABLES; i++)
		h->lowest[i] = FT_HERD_NONE;
}

static void let_go(struct ft_herd *h, const struct ft_switch *sw, uint64_t epoch)
{
	if (++h->let_go == FT_HERD_LETS_GO)
		begin(h, sw);
	else
		h->since = h->until = epoch;
}

uint64_t ft_herd_since(struct ft_herd *h, const struct ft_switch *sw, uint64_t epoch)
{
	if (h->number != sw->front->number)
		begin(h, sw);
	if (epoch < h->since)
		return epoch;
	if (epoch <= h->until)
		return h->since;
	if (ft_base_epoch(sw) <= h->until && ft_history_spares_herd(sw, h)) {
		h->until = epoch;
		return h->since;
	}
	let_go(h, sw, epoch);
	return epoch;
}

void ft_herd_join(struct ft_herd *h, const struct ft_path *p, const struct ft_alike *alike)
{
	if (h->number != p->sw->front->number)
		return;
	for (unsigned i = 0; i < p->tables; i++) {
		uint32_t *lowest = &h->lowest[*ft_path_table(p, i) % FT_HERD_TABLES];
		uint32_t found = i < p->rules ? (*ft_path_rule(p, i))->priority : 0;

		if (found < *lowest)
			*lowest = found;
	}
	if (h->paths++)
		ft_alike_merge(&h->alike, alike);
	else
		h->alike = *alike;
	// The changes up to there were not held against it.
	if (p->epoch < h->until)
		h->since = h->until;
}
