// SPDX-License-Identifier: Apache-2.0
#include "flowtable/rules/select.h"

#include "flowtable/switch.h"
#include "flowtable/vector.h"

#include <stdlib.h>

struct ft_selector ft_selector_of_filter(
	const struct weft_flow_filter *f, const struct weft_match *match)
{
	return (struct ft_selector){
		.match = match,
		.cookie = f->cookie,
		.cookie_mask = f->cookie_mask,
		.out_port = f->out_port,
		.out_group = f->out_group,
		.table = f->table,
	};
}

bool ft_selector_wants(const struct ft_selector *s, const struct ft_rule *r)
{
	return ft_life_staged(&r->life) && ft_selector_fits(s, r);
}

bool ft_selector_fits(const struct ft_selector *s, const struct ft_rule *r)
{
	return ft_rule_hidden(r) == s->hidden && !((r->cookie ^ s->cookie) & s->cookie_mask) &&
	       (s->out_port == WEFT_OFPORT_ANY || ft_program_outputs(r->program, s->out_port)) &&
	       (s->out_group == WEFT_GROUP_ANY || ft_program_names_group(r->program, s->out_group));
}

struct collector {
	const struct ft_selector *selector;
	struct ft_selection *into;
};

static bool collect(void *arg, struct ft_rule *r)
{
	struct collector *c = arg;
	struct ft_selection *s = c->into;
	struct ft_rule **v;

	if (!ft_selector_wants(c->selector, r))
		return true;
	v = ft_vector_reserve(s->rule, s->n, &s->room, 16, sizeof(struct ft_rule *));
	if (!v) {
		s->failed = true;
		return false;
	}
	s->rule = v;
	s->rule[s->n++] = r;
	return true;
}

// Of a whole cookie: a chain a table.
static void select_cookie(const struct ft_switch *sw, uint8_t table, struct collector *c)
{
	const struct ft_selector *s = c->selector;
	struct ft_rule *r = NULL;

	while ((r = ft_cookies_next(sw, table, s->cookie, r)))
		// One that was unlinked waits for its memory to go in steps; its shape may have
		// gone.
		if (ft_life_staged(&r->life) && ft_rule_within(r, s->match) && !collect(c, r))
			return;
}

bool ft_select_within(
	struct ft_switch *sw, const struct ft_selector *selector, struct ft_selection *into)
{
	bool all = selector->table == WEFT_TABLE_ALL;
	bool cookie = selector->cookie_mask == UINT64_MAX && ft_cookies_keep(sw);
	unsigned last = all ? WEFT_TABLES - 1 : selector->table;
	struct collector c = {selector, into};

	*into = (struct ft_selection){0};
	for (unsigned i = all ? 0 : selector->table; i <= last && !into->failed; i++) {
		const struct ft_table *t = ft_table_of(sw, (uint8_t)i);

		if (t && t->rules && cookie)
			select_cookie(sw, (uint8_t)i, &c);
		else if (t && t->rules)
			ft_table_each_within(t, selector->match, collect, &c);
	}
	return !into->failed;
}

struct ft_rule *ft_select_strict(
	struct ft_switch *sw, const struct ft_selector *selector, uint16_t priority)
{
	const struct ft_table *t = ft_table_of(sw, selector->table);

	for (unsigned conjunctive = 0; t && conjunctive < 2; conjunctive++) {
		struct ft_rule *r = ft_table_find(t, selector->match, conjunctive);

		for (; r; r = atomic_load_explicit(&r->next, memory_order_relaxed))
			if (r->priority == priority && ft_selector_wants(selector, r))
				return r;
	}
	return NULL;
}
