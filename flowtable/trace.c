// SPDX-License-Identifier: Apache-2.0
#include "flowtable/trace.h"

#include "flowtable/rule.h"
#include "flowtable/switch.h"

void ft_trace_rule(struct ft_packet *p, const struct ft_rule *rule, uint8_t table)
{
	struct ft_trace *t = p->trace;

	if (t->path.tables == FT_PATH_RULES) {
		ft_trace_spoil(p);
		return;
	}
	t->path.at[t->path.tables++] = table;
	if (rule)
		t->path.rule_at[t->path.rules++] = rule;
}

// Of the key alone: it has had its effect on what was matched and where the packet went.
static bool key_only(uint32_t field)
{
	switch (field) {
	case WEFT_FIELD_METADATA:
	case WEFT_FIELD_TUNNEL_ID:
	case WEFT_FIELD_TUN_SRC:
	case WEFT_FIELD_TUN_DST:
	case WEFT_FIELD_TUN_IPV6_SRC:
	case WEFT_FIELD_TUN_IPV6_DST:
		return true;
	default:
		return false;
	}
}

// Writes constants over what every frame of the kind has. ICMP's type and code are not among them:
// they decide what else there is.
static bool plain_field(uint32_t field)
{
	switch (field) {
	case WEFT_FIELD_ETH_DST:
	case WEFT_FIELD_ETH_SRC:
	case WEFT_FIELD_IP_DSCP:
	case WEFT_FIELD_IP_ECN:
	case WEFT_FIELD_IPV4_SRC:
	case WEFT_FIELD_IPV4_DST:
	case WEFT_FIELD_IPV6_SRC:
	case WEFT_FIELD_IPV6_DST:
	case WEFT_FIELD_IPV6_FLABEL:
	case WEFT_FIELD_TCP_SRC:
	case WEFT_FIELD_TCP_DST:
	case WEFT_FIELD_UDP_SRC:
	case WEFT_FIELD_UDP_DST:
		return true;
	default:
		return false;
	}
}

// A frame with a print has a TTL of 2 or more, so that one decrement succeeds; a second might not.
static bool repeatable(const struct ft_path *path, const struct weft_action *a)
{
	if (a->type == WEFT_ACTION_SET_FIELD)
		return plain_field(a->arg);
	if (a->type != WEFT_ACTION_DEC_NW_TTL)
		return false;
	for (unsigned i = 0; i < path->edits; i++)
		if (path->edit[i]->type == WEFT_ACTION_DEC_NW_TTL)
			return false;
	return true;
}

void ft_trace_action(struct ft_packet *p, const struct weft_action *a)
{
	struct ft_path *path = &p->trace->path;

	// An output tells more of itself when it is made (output.c).
	if (a->type == WEFT_ACTION_OUTPUT || a->type == WEFT_ACTION_SET_QUEUE ||
		(a->type == WEFT_ACTION_SET_FIELD && key_only(a->arg)))
		return;
	if (path->edits == FT_PATH_EDITS || !repeatable(path, a))
		ft_trace_spoil(p);
	else
		path->edit[path->edits++] = a;
}

void ft_trace_source(struct ft_packet *p, const struct ft_fdb_entry *e)
{
	p->trace->path.source = e;
	p->trace->path.asks_fdb = true;
}

void ft_trace_drop(struct ft_packet *p, enum weft_drop why)
{
	struct ft_trace *t = p->trace;

	t->path.end = FT_PATH_DROP;
	t->path.why = (uint8_t)why;
	t->path.max_len = UINT32_MAX;
	t->path.edits = 0;
	t->path.rule = p->rule;
	t->path.table = p->table;
	t->ended = true;
}
