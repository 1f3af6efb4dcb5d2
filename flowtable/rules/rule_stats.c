// SPDX-License-Identifier: Apache-2.0
// What is told of a rule.
#include "flowtable/switch.h"
#include "flowtable/rules/tables.h"

static uint64_t since(uint64_t now, uint64_t then)
{
	return now > then ? now - then : 0;
}

void ft_rule_stats(const struct ft_switch *sw, const struct ft_rule *r, uint64_t now_ns,
	struct weft_flow_stats *stats)
{
	struct ft_counter_sum sum = ft_ids_sum(sw, r);
	const struct ft_program *p = r->program;

	*stats = (struct weft_flow_stats){
		.cookie = r->cookie,
		.packets = sum.packets,
		.bytes = sum.bytes,
		.duration_ns = since(now_ns, r->created_ns),
		.idle_ns = since(now_ns, sum.used_ns > r->created_ns ? sum.used_ns : r->created_ns),
		.idle_timeout = p->idle_timeout,
		.hard_timeout = p->hard_timeout,
		.priority = r->priority,
		.flags = p->flags,
		.importance = p->importance,
		.table = r->table,
	};
}

void ft_rule_tell_removed(
	struct ft_switch *sw, const struct ft_rule *r, uint8_t reason, uint64_t now_ns)
{
	struct weft_flow_stats stats;
	struct weft_match match;

	if (reason == FT_REASON_SILENT || !(r->program->flags & WEFT_FLOW_SEND_REMOVED) ||
		!sw->env.removed || sw->dying)
		return;
	ft_rule_stats(sw, r, now_ns, &stats);
	stats.reason = reason;
	ft_rule_match(r, &match);
	sw->env.removed(sw->env.ctx, sw->ctx, &stats, &match, &r->program->instr);
}

struct ft_rule_id ft_rule_id(const struct ft_rule *r)
{
	return (struct ft_rule_id){.cookie = r->cookie, .priority = r->priority, .table = r->table};
}
