// SPDX-License-Identifier: Apache-2.0
#include "flowtable/trace.h"

#include "flowtable/edit.h"
#include "flowtable/rule.h"
#include "flowtable/switch.h"

void ft_trace_rule(struct ft_packet *p, const struct ft_rule *rule, uint8_t table)
{
	struct ft_trace *t = p->trace;

	// What is counted as matched are the first tables: a miss must be the last.
	if (t->path.tables == FT_PATH_TABLES || t->path.rules != t->path.tables) {
		ft_trace_spoil(p);
		return;
	}
	if (t->path.tables >= FT_PATH_RULES && (t->path.tables - FT_PATH_RULES) % FT_PATH_MORE == 0)
		memset(ft_path_more(&t->path, t->path.tables), 0, sizeof(struct ft_path_more));
	if (t->path.tables)
		ft_alike_also(&t->alike, &p->key);
	else
		ft_alike_first(&t->alike, &p->key);
	*ft_path_table(&t->path, t->path.tables++) = table;
	if (rule)
		*ft_path_rule(&t->path, t->path.rules++) = rule;
}

// What the rules' constants alone have made of it, in all packets that go this way; or the tunnel,
// of which the print has everything.
static bool is_private(uint32_t field)
{
	return field == WEFT_FIELD_METADATA || field == WEFT_FIELD_TUNNEL_ID ||
	       (field >= WEFT_FIELD_TUN_SRC && field <= WEFT_FIELD_TUN_FLAGS) ||
	       (field >= WEFT_FIELD_REG0 && field <= WEFT_FIELD_PKT_MARK);
}

static bool reads_private(const struct weft_action *a)
{
	const struct weft_subfield *f = weft_action_payload(a); // of all that are asked for

	return is_private(f->field);
}

// It leaves no trace but in the key, where it has had its effect on what was matched and where the
// packet went.
static bool key_only(const struct weft_action *a)
{
	switch ((enum weft_action_type)a->type) {
	case WEFT_ACTION_SET_FIELD:
	case WEFT_ACTION_LOAD:
		return a->arg != WEFT_FIELD_IN_PORT && // a drop would be told of the other
		       ft_field_is_pipeline((enum weft_field)a->arg);
	case WEFT_ACTION_MOVE:
		return reads_private(a) &&
		       is_private(((const struct weft_action_move *)weft_action_payload(a))
					  ->dst.field);
	case WEFT_ACTION_STACK_PUSH:
	case WEFT_ACTION_STACK_POP:
	case WEFT_ACTION_OUTPUT_FIELD:
		return reads_private(a);
	case WEFT_ACTION_OUTPUT: // tells more of itself when it is made (output.c)
	case WEFT_ACTION_SET_QUEUE:
	case WEFT_ACTION_POP_QUEUE:
	case WEFT_ACTION_ENQUEUE:
	case WEFT_ACTION_RESUBMIT: // its lookups do (resubmit.c)
	case WEFT_ACTION_CLONE:    // or spoils, if it needs a copy
	case WEFT_ACTION_EXIT:
	case WEFT_ACTION_NOTE:
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
	if (a->type == WEFT_ACTION_SET_FIELD || a->type == WEFT_ACTION_LOAD)
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

	if (key_only(a))
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
