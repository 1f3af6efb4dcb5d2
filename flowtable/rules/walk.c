// SPDX-License-Identifier: Apache-2.0
// Walks in the order of the rules' numbers: a rule that stays keeps its number, also through a
// modify, so it is told once, whatever is added and removed between two calls.
#include "flowtable/rules/select.h"
#include "flowtable/switch.h"

#include <stdlib.h>

// Numbers looked at in a call, so that a walk for few among many also ends its turn soon.
#define FT_WALK_LOOKS 4096u

struct ft_flow_walk {
	struct ft_switch *sw;
	struct weft_match match;
	struct ft_selector selector;
	uint64_t since;
	uint32_t next;
};

static bool wants(const struct ft_selector *s, const struct ft_rule *r)
{
	return r && (s->table == WEFT_TABLE_ALL || s->table == r->table) &&
	       ft_selector_wants(s, r) && ft_rule_within(r, s->match);
}

struct ft_flow_walk *ft_flow_walk_new(
	struct ft_switch *sw, const struct weft_flow_filter *filter, const struct weft_match *match)
{
	struct ft_flow_walk *w = calloc(1, sizeof(*w));

	if (!w)
		return NULL;
	w->sw = sw;
	w->match = *match;
	w->since = filter->since;
	w->selector = ft_selector_of_filter(filter, &w->match);
	return w;
}

bool ft_flow_walk_next(struct ft_flow_walk *w, unsigned max, ft_flow_fn *fn, void *arg)
{
	uint64_t now_ns = w->sw->env.now_ns(w->sw->env.ctx);
	unsigned looks = FT_WALK_LOOKS;

	for (; w->next < w->sw->ids.count && max && looks; w->next++, looks--) {
		const struct ft_rule *r = ft_ids_rule(w->sw, w->next);
		struct weft_flow_stats stats;
		struct weft_match match;

		if (!wants(&w->selector, r) || r->life.added <= w->since)
			continue;
		ft_rule_stats(w->sw, r, now_ns, &stats);
		ft_rule_match(r, &match);
		fn(arg, &stats, &match, ft_rule_instructions(r));
		max--;
	}
	return w->next < w->sw->ids.count;
}

void ft_flow_walk_free(struct ft_flow_walk *w)
{
	free(w);
}

void ft_aggregate(struct ft_switch *sw, const struct weft_flow_filter *filter,
	const struct weft_match *match, struct weft_aggregate *out)
{
	struct ft_selector selector = ft_selector_of_filter(filter, match);

	*out = (struct weft_aggregate){0};
	for (uint32_t id = 0; id < sw->ids.count; id++) {
		const struct ft_rule *r = ft_ids_rule(sw, id);
		struct ft_counter_sum sum;

		if (!wants(&selector, r))
			continue;
		sum = ft_ids_sum(sw, r);
		out->packets += sum.packets;
		out->bytes += sum.bytes;
		out->flows++;
	}
}
