// SPDX-License-Identifier: Apache-2.0
#include "weigh.h"

#include "flowtable/rules/tables.h"
#include "flowtable/classifier/tree.h"
#include "flowtable/classifier/tuple.h"

#include <malloc.h>

// The chunk's own word besides.
static size_t chunk(void *p)
{
	return p ? malloc_usable_size(p) + 8 : 0;
}

static size_t slots_of(const struct ft_slots *s)
{
	return s ? chunk(s->block) : 0;
}

static void weigh_rules(const struct ft_switch *sw, struct weight *w)
{
	ft_counter_page *more = atomic_load(&sw->counters.more);

	for (uint32_t i = 0; i < sw->ids.count; i++)
		w->rules += chunk(ft_ids_rule(sw, i));
	w->numbers = chunk(sw->ids.rule);
	w->counters = chunk(more);
	for (unsigned i = 0; i < FT_COUNTER_PAGES; i++)
		w->counters += chunk(atomic_load(&sw->counters.page[i]));
	for (unsigned i = 0; more && i < FT_COUNTER_MORE_PAGES; i++)
		w->counters += chunk(atomic_load(&more[i]));
}

void weigh(const struct ft_switch *sw, uint8_t table, struct weight *w)
{
	const struct ft_classifier *c = &ft_table_of(sw, table)->classifier;

	*w = (struct weight){0};
	weigh_rules(sw, w);
	w->shapes = chunk(c->shapes.at);
	for (uint32_t i = 0; i < c->shapes.n; i++)
		w->shapes += chunk(c->shapes.at[i]);
	for (uint32_t i = 0; i < c->n; i++)
		w->tuples += chunk(c->tuple[i]) + slots_of(atomic_load(&c->tuple[i]->slots)) +
			     slots_of(c->tuple[i]->copy);
	if (!c->tree)
		return;
	w->nodes = chunk(c->tree->nodes);
	w->lanes = chunk(c->tree->lane);
	w->slots = chunk(c->tree->rule);
}
