// SPDX-License-Identifier: Apache-2.0
#include "flowtable/rules/timer.h"

#include "flowtable/switch.h"

uint64_t ft_rule_since_ns(const struct ft_switch *sw, const struct ft_rule *r)
{
	uint64_t fresh = ft_ids_refreshed(sw, r);

	return fresh > r->created_ns ? fresh : r->created_ns;
}

uint64_t ft_rule_due_ns(const struct ft_switch *sw, const struct ft_rule *r, uint64_t used_ns)
{
	const struct ft_program *p = r->program;
	uint64_t start = ft_rule_since_ns(sw, r), since = used_ns > start ? used_ns : start;
	uint64_t idle = p->idle_timeout ? since + p->idle_timeout * FT_SECOND_NS : UINT64_MAX;
	uint64_t hard = p->hard_timeout ? start + p->hard_timeout * FT_SECOND_NS : UINT64_MAX;

	return idle < hard ? idle : hard;
}

bool ft_timers_reserve(struct ft_switch *sw)
{
	struct ft_timers *t = &sw->timers;

	sw->untidy |= ft_heap_untidy(&t->heap, t->live);
	return ft_heap_reserve(&t->heap, 64);
}

bool ft_timers_sweep(struct ft_switch *sw, uint32_t max)
{
	return ft_heap_sweep(sw, &sw->timers.heap, sw->timers.live, ft_rule_times_out, max);
}

void ft_timers_add(struct ft_switch *sw, const struct ft_rule *r, uint64_t due_ns)
{
	ft_heap_push(&sw->timers.heap, r, due_ns);
}

bool ft_timers_due(const struct ft_switch *sw, uint64_t now_ns)
{
	const struct ft_heap_entry *first = ft_heap_first(&sw->timers.heap);

	return first && first->key <= now_ns;
}

struct ft_rule *ft_timers_pop(struct ft_switch *sw)
{
	struct ft_heap_entry e = ft_heap_pop(&sw->timers.heap);
	struct ft_rule *r = ft_heap_rule(sw, &e);

	return r && ft_rule_times_out(r) ? r : NULL;
}

void ft_timers_fini(struct ft_switch *sw)
{
	ft_heap_fini(&sw->timers.heap);
}
